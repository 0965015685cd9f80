"""Counting spikes in bins, compiled: one pass over the spikes, no array but the counts."""

import numpy as np
from numba import njit


@njit(cache=True)
def count(times, stops, onsets, first, scale, p, q, slack, counts):  # type: ignore[no-untyped-def]
    """Add the spikes of each unit, which end at ``stops``, to bins after each onset."""
    n_bins = counts.shape[2]
    per_second = q / (p * scale)
    offset = first / scale
    # a spike so near to an edge stands on it; and what rounding can move a position by
    near = slack * per_second + 4e-16 * (abs(offset) + n_bins)
    near = min(near, 0.25)
    for trial in range(len(onsets)):
        origin = onsets[trial]
        limit = origin + first * p / q - 2 * slack
        begin = 0
        for unit in range(len(stops)):
            end = stops[unit]
            i, above = begin, end
            while i < above:  # to the first spike at the limit or after it
                middle = (i + above) // 2
                if times[middle] < limit:
                    i = middle + 1
                else:
                    above = middle
            while i < end:
                k = int(np.floor((times[i] - origin) * per_second - offset + near))
                if k >= n_bins:
                    break
                if k >= 0:
                    counts[trial, unit, k] += 1
                i += 1
            begin = end
