"""Counting spikes in bins, compiled: one pass over the spikes, no array but the counts."""

import numpy as np
from numba import njit

from neurokit.recording.clock import SampleIndex


def count_spikes(
    times: np.ndarray, number: np.ndarray, bins: SampleIndex, slack: float
) -> np.ndarray:
    """Count the spikes of each unit in ``bins``; int32 of shape (n_units, n_bins).

    A spike less than ``slack`` seconds before an edge stands on it, and so in the later bin.
    """
    counts = np.zeros((len(number), bins.size), dtype=np.int32)
    _count(times, np.cumsum(number), np.zeros(1), *_edges(bins), slack, counts[None])
    return counts


def count_around(
    times: np.ndarray, number: np.ndarray, onsets: np.ndarray, bins: SampleIndex, slack: float
) -> np.ndarray:
    """Count spikes in ``bins`` after each onset; int32 (n_trials, n_units, n_bins)."""
    counts = np.zeros((len(onsets), len(number), bins.size), dtype=np.int32)
    _count(times, np.cumsum(number), onsets, *_edges(bins), slack, counts)
    return counts


def _edges(bins: SampleIndex) -> tuple[float, float, float, float]:
    """Integers, as floats, from which the edge of bin k is made as ``SampleIndex`` makes it."""
    numerator, denominator = bins.first.as_integer_ratio()
    p, q = bins.rate.denominator, denominator * bins.rate.numerator
    return float(numerator), float(denominator), float(p), float(q)


@njit(cache=True)
def _count(times, stops, onsets, first, scale, p, q, slack, counts):  # type: ignore[no-untyped-def]
    n_bins = counts.shape[2]
    per_second = q / (p * scale)
    offset = first / scale
    # a spike so near to an edge stands on it; and what rounding can move a position by
    near = slack * per_second + 4e-16 * (abs(offset) + n_bins)
    near = min(near, 0.25)
    for trial in range(len(onsets)):
        origin = onsets[trial]
        begin = 0
        for unit in range(len(stops)):
            end = stops[unit]
            spike = begin + np.searchsorted(times[begin:end], origin + first * p / q - 2 * slack)
            for i in range(spike, end):
                position = (times[i] - origin) * per_second - offset
                k = int(np.floor(position + near))
                if k >= n_bins:
                    break
                if k >= 0:
                    counts[trial, unit, k] += 1
            begin = end
