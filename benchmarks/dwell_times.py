"""DwellTimes on the flashing ratchet: error of the rates, with and without wrong labels.

    python benchmarks/dwell_times.py [--seeds 20]

Error is the Frobenius norm of the difference over that of the true generator, states sampled every
.1 s; intervals are those of 95 %, counted on all rates that are not on the diagonal.
"""

import argparse

import numpy as np
from scipy.linalg import logm

from neurokit.clustering import DwellTimes
from neurokit.datasets import flashing_ratchet, make_jumps


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=20)
    options = parser.parse_args()
    truth, off = flashing_ratchet(), ~np.eye(6, dtype=bool)

    def error(rates):
        return np.linalg.norm(rates - truth) / np.linalg.norm(truth)

    for duration, n_seeds in ((1e3, options.seeds), (1e4, max(options.seeds // 3, 1))):
        found, covered = {}, []
        for seed in range(n_seeds):
            labels = make_jumps(duration, random_state=seed).labels
            wrong = make_jumps(duration, wrong=0.05, random_state=seed).labels
            counts = np.zeros((6, 6))
            np.add.at(counts, (labels.values[:-1], labels.values[1:]), 1)
            plain = logm(counts / counts.sum(1, keepdims=True)).real * 10
            fits = {
                "ours": DwellTimes(n_bootstrap=0).fit(labels),
                "5 % wrong labels, known": DwellTimes(noise=0.05, n_bootstrap=0).fit(wrong),
                "5 % wrong labels, fitted": DwellTimes(noise="fit", n_bootstrap=0).fit(wrong),
                "5 % wrong labels, ignored": DwellTimes(n_bootstrap=0).fit(wrong),
            }
            found.setdefault("logarithm", []).append(error(plain))
            for name, model in fits.items():
                found.setdefault(name, []).append(error(model.rates_.values))
            if duration < 2e3:
                bounds = DwellTimes(n_bootstrap=100, random_state=0).fit(labels).interval_.values
                covered.append(((bounds[0] <= truth) & (truth <= bounds[1]))[off].mean())
        print(f"{duration:g} s, {n_seeds} seeds: median (range)")
        for name, each in found.items():
            print(f"  {name:32s} {np.median(each):.3f} ({min(each):.3f} to {max(each):.3f})")
        if covered:
            print(f"  95 % intervals hold the rate {np.mean(covered):.3f} of the time")


if __name__ == "__main__":
    main()
