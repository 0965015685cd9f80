"""Count 5.4 million spikes of 300 units, an hour long, in 20 ms bins, beside NumPy.

    OMP_NUM_THREADS=1 python benchmarks/bin_spikes.py

The limit: 216 MB of counts have to be written and 43 MB of times read, once.
"""

import resource
import statistics
import time

import numpy as np

import neurokit

N_UNITS, RATE, SECONDS, WIDTH = 300, 5.0, 3600.0, 0.02


def with_numpy(flat, units):
    n_bins = round(SECONDS / WIDTH)
    cell = units * n_bins + (flat / WIDTH).astype(np.int64)
    return np.bincount(cell, minlength=N_UNITS * n_bins).reshape(N_UNITS, n_bins)


def clock(function, *args):
    start = time.perf_counter()
    result = function(*args)
    return time.perf_counter() - start, result


def main(repeats=9):
    rng = np.random.default_rng(0)
    per_unit = round(RATE * SECONDS)
    times = [np.sort(rng.uniform(0, SECONDS, per_unit)) for _ in range(N_UNITS)]
    x = neurokit.spikes(times, stop=SECONDS)
    flat = x["spike_time"].values
    units = np.repeat(np.arange(N_UNITS), per_unit)
    neurokit.bin_spikes(neurokit.spikes([[0.5]], stop=1.0), WIDTH)  # compile, or load from cache

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    counted = neurokit.bin_spikes(x, WIDTH)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    rows = []
    for _ in range(repeats):
        (ours, counted), (theirs, expected) = (
            clock(neurokit.bin_spikes, x, WIDTH),
            clock(with_numpy, flat, units),
        )
        rows.append((ours, theirs, theirs / ours))
    assert (counted.values == expected).all()
    for i, name in enumerate(("neurokit (s)", "numpy (s)", "ratio")):
        column = [row[i] for row in rows]
        low, middle, high = min(column), statistics.median(column), max(column)
        print(f"{name:14s} {low:8.3f} {middle:8.3f} {high:8.3f}   (min, median, max)")
    print(f"memory grown by {grown:.0f} MiB; the counts hold {counted.nbytes / 2**20:.0f} MiB")


if __name__ == "__main__":
    main()
