"""Where a time meets an edge: one tolerance for bins, windows and spans.

Times are floats, edges are exact. A spike that was put on an edge, or a window that was made to
fit, lies next to it by what rounding has done: some spacings of float64, 1.5e-11 s each at 1e5 s.
No recording resolves a nanosecond. So a time within :func:`slack` of an edge stands on it.
"""

from fractions import Fraction

import numpy as np

from neurokit.recording.clock import EDGE


def slack(*times: float) -> float:
    """Return how near a time has to be to an edge to stand on it, in seconds.

    Parameters
    ----------
    *times : float
        The largest times that meet there, in seconds.

    Returns
    -------
    float
        A nanosecond, or 8 spacings of float64 at the largest time where that is more (from 1e6 s
        on).

    Examples
    --------
    >>> slack(10.0), slack(1e8)
    (1e-09, 1.1920928955078125e-07)
    """
    return max(EDGE, 8 * float(np.spacing(max(map(abs, times), default=0.0))))


def count_whole(begin: Fraction, end: Fraction, rate: Fraction) -> int:
    """Return how many whole steps of ``1 / rate`` fit between two times; rounding costs none."""
    near = Fraction(slack(float(begin), float(end))) * rate
    return int((end - begin) * rate + min(near, Fraction(1, 100)))


def round_to_sample(position: np.ndarray | float, near: float) -> np.ndarray:
    """Round positions to whole ones, the earlier of two where rounding left them in between."""
    return np.ceil(np.asarray(position) - 0.5 - near)


def find_bins(times: np.ndarray, start: float, width: float) -> np.ndarray:
    """Return the number of the bin of each time; a time on an edge belongs to the later bin.

    Parameters
    ----------
    times : ndarray
        In seconds.
    start, width : float
        Start of bin 0, and width of all, in seconds.

    Returns
    -------
    ndarray of int64

    Examples
    --------
    >>> find_bins(np.array([0.0, 0.29, 0.3 - 1e-12]), 0.0, 0.1).tolist()
    [0, 2, 3]
    """
    latest = float(np.abs(times).max(initial=abs(start)))
    near = min(slack(latest) / width, 0.25)
    return np.floor((times - start) / width + near).astype(np.int64)
