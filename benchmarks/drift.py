"""DriftDetector: false alarms against the stated rate, and how soon a change is found.

    python benchmarks/drift.py [--changes 200] [--fits 5] [--out CSV]

Four dims, each an autoregression of coefficient .5. Every detector is fitted on the same 20,000
samples, at one false alarm per 1,000 samples; false alarms are counted on 100,000 other samples,
delays from the change to the next alarm, the detector having run for 300 samples before.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.signal import lfilter

from neurokit.decoders import DriftDetector

METHODS = {
    "cusum": {},
    "cusum, shift .5": {"method": "cusum", "shift": 0.5},
    "sprt": {},
    "ks": {},
    "wasserstein": {},
    "psi": {},
    "mmd": {},
}
CHANGES = {
    "mean of one dim by 1 sd": lambda x: x + np.array([1.0, 0, 0, 0]),
    "mean of one dim by .5 sd": lambda x: x + np.array([0.5, 0, 0, 0]),
    "mean of all dims by .5 sd": lambda x: x + 0.5,
    "sd of one dim by half": lambda x: x * np.array([1.5, 1, 1, 1]),
}


def draw(rng, n):
    """Four autoregressions of unit variance."""
    kicks = rng.standard_normal((n + 100, 4)) * np.sqrt(1 - 0.5**2)
    return lfilter([1.0], [1.0, -0.5], kicks, axis=0)[100:]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--changes", type=int, default=200)
    parser.add_argument("--fits", type=int, default=5)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    rows = []
    for fit in range(options.fits):
        rng = np.random.default_rng(fit)
        usual, quiet = draw(rng, 20_000), draw(rng, 100_000)
        trials = [draw(rng, 1300) for _ in range(options.changes // options.fits)]
        for method, params in METHODS.items():
            given = {"method": method, "random_state": fit, "n_bootstrap": 10} | params
            detector = DriftDetector(**given).fit(usual)
            row = {"method": method, "fit": fit}
            row["false alarms / stated"] = detector.predict(quiet).mean() / 0.001
            for name, change in CHANGES.items():
                delays = []
                for x in trials:
                    changed = np.concatenate([x[:300], change(x[300:])])
                    late = np.flatnonzero(detector.predict(changed)[300:])
                    delays.append(late[0] if len(late) else 1000)
                row[name] = np.mean(delays)
            rows.append(row)
            print(
                {k: v if isinstance(v, str) else round(float(v), 3) for k, v in row.items()},
                flush=True,
            )
    table = pd.DataFrame(rows)
    print(
        table.groupby("method", sort=False)
        .agg(["median", "min", "max"])
        .drop(columns="fit")
        .round(2)
        .T
    )
    if options.out:
        table.round(3).to_csv(options.out, index=False)


if __name__ == "__main__":
    main()
