"""Counting spikes in bins: a compiled pass over the spikes, or NumPy while nothing is compiled."""

import sys
from typing import NamedTuple

import numpy as np

from neurokit.recording.clock import SampleIndex

_FEW = 100_000  # spikes that NumPy counts in a process that has not loaded the compiler: some ms


class Edges(NamedTuple):
    """Where bins begin: bin k at ``(first + k scale) p / q`` seconds, all whole numbers."""

    first: float
    scale: float
    p: float
    q: float


def count_spikes(
    times: np.ndarray, number: np.ndarray, bins: SampleIndex, slack: float
) -> np.ndarray:
    """Count the spikes of each unit in ``bins``; int32 of shape (n_units, n_bins).

    A spike less than ``slack`` seconds before an edge stands on it, and so in the later bin.
    """
    return count_around(times, number, np.zeros(1), bins, slack)[0]


def count_around(
    times: np.ndarray, number: np.ndarray, onsets: np.ndarray, bins: SampleIndex, slack: float
) -> np.ndarray:
    """Count spikes in ``bins`` after each onset; int32 (n_trials, n_units, n_bins).

    To load the compiler takes a third of a second and to compile another, so that the first few
    spikes of a process are counted by NumPy: the same operations, and so the same counts.
    """
    counts = np.zeros((len(onsets), len(number), bins.size), dtype=np.int32)
    stops, edges = np.cumsum(number), _edges(bins)
    if _by_numpy.allows(len(times) * len(onsets)):
        _count_plainly(times, stops, onsets, edges, slack, counts)
    else:
        from neurokit.recording.bin_kernels import count

        count(times, stops, onsets, *edges, slack, counts)
    return counts


def _edges(bins: SampleIndex) -> Edges:
    """Integers, as floats, from which the edge of bin k is made as ``SampleIndex`` makes it."""
    numerator, denominator = bins.first.as_integer_ratio()
    p, q = bins.rate.denominator, denominator * bins.rate.numerator
    return Edges(float(numerator), float(denominator), float(p), float(q))


class _Allowance:
    """How many spikes NumPy may still count before the compiler pays."""

    def __init__(self) -> None:
        self.left = _FEW

    def allows(self, n_spikes: int) -> bool:
        """Take so many spikes off, if there are as many and the compiler is not there anyway."""
        if "numba" in sys.modules or n_spikes > self.left:
            return False
        self.left -= n_spikes
        return True


_by_numpy = _Allowance()


def _count_plainly(
    times: np.ndarray,
    stops: np.ndarray,
    onsets: np.ndarray,
    edges: Edges,
    slack: float,
    counts: np.ndarray,
) -> None:
    """Do what the compiled loop does, an operation on all spikes at a time."""
    first, scale, p, q = edges
    n_units, n_bins = counts.shape[1:]
    per_second = q / (p * scale)
    offset = first / scale
    near = min(slack * per_second + 4e-16 * (abs(offset) + n_bins), 0.25)
    unit = np.repeat(np.arange(n_units), np.diff(stops, prepend=0))
    times = times[: len(unit)]
    for origin, here in zip(onsets, counts, strict=True):
        k = np.floor((times - origin) * per_second - offset + near)
        inside = (times >= origin + first * p / q - 2 * slack) & (k >= 0) & (k < n_bins)
        at = unit[inside] * n_bins + k[inside].astype(np.int64)
        here += np.bincount(at, minlength=here.size).reshape(here.shape).astype(np.int32)
