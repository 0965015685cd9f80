"""Block Bessel filter: SciPy's filtfilt called per block beside one convolution.

    python benchmarks/bessel.py

Each line is the median of repeated runs, and their spread, in one process; the peer does what the
published code does at every step: filter the newest 32 samples both ways, keep one row.
"""

import time

import numpy as np
from scipy.signal import bessel, filtfilt

from neurokit.decoders import BesselFilter

RATE, BLOCK = 250.0, 32


def seconds(run, repeats):
    """Times of ``run``, after one call that is not counted."""
    run()
    found = []
    for _ in range(repeats):
        start = time.perf_counter()
        run()
        found.append(time.perf_counter() - start)
    return np.array(found)


def filter_blocks(x, steps):
    b, a = bessel(4, 6.25 / (RATE / 2))
    return [
        filtfilt(b, a, x[t - BLOCK + 1 : t + 1], axis=0)[-1] for t in range(BLOCK, BLOCK + steps)
    ]


def show(name, per_step, peer):
    low, high = np.quantile(per_step, [0.1, 0.9])
    ratio = np.median(peer) / np.median(per_step)
    print(f"| {name} | {np.median(per_step):.3f} | {low:.3f} to {high:.3f} | {ratio:,.0f} |")


def main():
    print("| what | us per step, median | 10 to 90 % | times faster |")
    print("|---|---|---|---|")
    for n_features in (2, 96):
        x = np.random.default_rng(0).normal(size=(20_000, n_features))
        fitted = BesselFilter(sampling_rate=RATE).fit(x)
        stream = fitted.stream()

        def step_by_step(stream=stream, x=x):
            for t in range(2000):
                stream.push(x[t : t + 1])

        peer = seconds(lambda x=x: filter_blocks(x, 300), 9) / 300 * 1e6
        show(f"SciPy per block, {n_features} outputs", peer, peer)
        live = seconds(step_by_step, 15) / 2000 * 1e6
        show(f"stream, sample by sample, {n_features} outputs", live, peer)
        whole = seconds(lambda f=fitted, x=x: f.transform(x), 15) / len(x) * 1e6
        show(f"whole recording, {n_features} outputs", whole, peer)


if __name__ == "__main__":
    main()
