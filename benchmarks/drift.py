"""DriftDetector: false alarms against the stated rate, and how soon a change is found.

    python benchmarks/drift.py [--changes 200] [--fits 5] [--first 0] [--samples 10000] [--out CSV]
    python benchmarks/drift.py --rates [--fits 20] [--first 0] [--samples 10000]

Four dims, each an autoregression of coefficient .5. Every detector is fitted on the same samples,
at one false alarm per 1,000 samples; false alarms are counted on 200,000 other samples, delays
from the change to the next alarm, the detector having run for 300 samples before. With --rates
nothing but false alarms of CUSUM, on a million samples, of recordings of many kinds.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.signal import lfilter

from neurokit.decoders import DriftDetector

METHODS = {
    "cusum": {},
    "cusum, shift 1": {"method": "cusum", "shift": 1.0},
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


def draw_bursts(rng, n):
    """An autoregression whose kicks grow after large ones."""
    z = rng.standard_normal((n + 200, 4))
    out, variance, kick, x = np.empty_like(z), np.ones(4), np.zeros(4), np.zeros(4)
    for t in range(len(z)):
        variance = 0.1 + 0.2 * kick**2 + 0.7 * variance
        kick = np.sqrt(variance) * z[t]
        x = 0.4 * x + kick
        out[t] = x
    return out[200:]


def draw_waves(rng, n):
    """Damped oscillations of seven samples a cycle."""
    return lfilter([1.0], [1.0, -1.2, 0.6], rng.standard_normal((n + 200, 4)), axis=0)[200:]


KINDS = {
    "autoregression, .5": draw,
    "independent": lambda rng, n: rng.standard_normal((n, 4)),
    "damped waves": draw_waves,
    "exponential of the first by half": lambda rng, n: np.exp(0.5 * draw(rng, n)),
    "Poisson counts": lambda rng, n: rng.poisson(np.exp(0.5 * draw(rng, n) - 1)).astype(float),
    "bursts of variance": draw_bursts,
}


def count_false_alarms(n_fits, first, n_samples):
    """Print how far the rate of false alarms of many fits is off the stated one."""
    for name, kind in KINDS.items():
        found = []
        for seed in range(first, first + n_fits):
            rng = np.random.default_rng(seed)
            detector = DriftDetector(random_state=seed).fit(kind(rng, n_samples))
            found.append(detector.predict(kind(rng, 1_000_000)).mean() / 0.001)
        found = np.array(found)
        print(
            f"{name}: mean {found.mean():.2f}, spread {found.std():.2f}, from {found.min():.2f} to"
            f" {found.max():.2f}, within 20 %: {np.mean(np.abs(found - 1) <= 0.2):.2f}",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rates", action="store_true")
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--samples", type=int, default=10_000)
    parser.add_argument("--changes", type=int, default=200)
    parser.add_argument("--fits", type=int, default=5)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    if options.rates:
        count_false_alarms(options.fits, options.first, options.samples)
        return
    rows = []
    for fit in range(options.first, options.first + options.fits):
        rng = np.random.default_rng(fit)
        usual, quiet = draw(rng, options.samples), draw(rng, 200_000)
        trials = [draw(rng, 1300) for _ in range(options.changes // options.fits)]
        for method, params in METHODS.items():
            given = {"method": method, "random_state": fit} | params
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
