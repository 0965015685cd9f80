"""DwellTimes on the flashing ratchet: error of the rates, with and without wrong labels.

    python benchmarks/dwell_times.py [--seeds 20]

Error is the Frobenius norm of the difference over that of the true generator, states sampled every
.1 s; intervals are those of 95 %, counted on all rates that are not on the diagonal. Beside it
stands what no unbiased estimate can be below (Cramér and Rao): of states that were seen all the
time, of sampled ones when it is known which rates are zero, and when it is not.
"""

import argparse

import numpy as np
from scipy.linalg import expm, logm

from neurokit.clustering import DwellTimes
from neurokit.datasets import flashing_ratchet, make_jumps


def bounds(truth, duration, interval=0.1):
    """Root mean square errors of the best unbiased estimates, as parts of the truth's norm."""
    n = len(truth)
    share = np.linalg.matrix_power(expm(10 * truth), 50)[0]
    seen = np.sum(np.maximum(truth, 0) / (duration * share[:, None]))
    seen += np.sum(-np.diag(truth) / (duration * share))
    found = [np.sqrt(seen) / np.linalg.norm(truth)]
    step = expm(truth * interval)
    for known in (True, False):
        which = [(i, j) for i in range(n) for j in range(n) if i != j]
        which = [(i, j) for i, j in which if truth[i, j] > 0 or not known]
        slopes = []
        for i, j in which:
            nudge = np.zeros((n, n))
            nudge[i, j], nudge[i, i] = 1e-6, -1e-6
            up, down = expm((truth + nudge) * interval), expm((truth - nudge) * interval)
            slopes.append((up - down) / 2e-6)
        weight = share[:, None] / np.maximum(step, 1e-12) * duration / interval
        cover = np.linalg.inv(np.einsum("aij,bij,ij->ab", slopes, slopes, weight))
        rows = np.array([i for i, _ in which])
        both = np.eye(len(which)) + (rows[:, None] == rows)  # rates, and the diagonal's sums
        found.append(np.sqrt((cover * both).sum()) / np.linalg.norm(truth))
    return found


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
        told = "seen all the time {:.3f}, zeros known {:.3f}, not known {:.3f}"
        print("  no unbiased estimate below: " + told.format(*bounds(truth, duration)))
        if covered:
            print(f"  95 % intervals hold the rate {np.mean(covered):.3f} of the time")


if __name__ == "__main__":
    main()
