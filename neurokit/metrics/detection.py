"""Whether events found in a signal are found again in its reconstruction."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike


class DetectionF1(NamedTuple):
    """How two lists of events agree."""

    f1: float
    precision: float
    recall: float


def detection_f1(reference: ArrayLike, detected: ArrayLike, *, tolerance: float) -> DetectionF1:
    """F1 of events detected in a reconstruction against those detected in the original.

    Run one detector (of spindles, spike-waves, ripples) on both. Events are matched one to one,
    in order of time, if their onsets differ by no more than the tolerance; this matches as many
    as can be.

    Parameters
    ----------
    reference, detected : array-like of shape (n_events,)
        Onsets in s.
    tolerance : float
        In s.

    Returns
    -------
    DetectionF1
        ``f1``, the harmonic mean of ``precision`` (matched of those detected) and ``recall``
        (matched of those in the reference). All 1 where both lists are empty.

    Raises
    ------
    ValueError
        If an onset is not finite or the tolerance negative.

    Examples
    --------
    >>> detection_f1([1.0, 2.0, 5.0], [1.05, 4.0], tolerance=0.1)
    DetectionF1(f1=0.4, precision=0.5, recall=0.3333333333333333)
    """
    a = np.sort(np.asarray(reference, dtype=np.float64).ravel())
    b = np.sort(np.asarray(detected, dtype=np.float64).ravel())
    if not (np.isfinite(a).all() and np.isfinite(b).all() and tolerance >= 0):
        raise ValueError(
            f"detection_f1: expects finite onsets and a tolerance of 0 or more, got {tolerance!r}"
            " or onsets with NaN; drop those."
        )
    i = j = matched = 0
    while i < len(a) and j < len(b):
        if abs(a[i] - b[j]) <= tolerance:
            i, j, matched = i + 1, j + 1, matched + 1
        elif a[i] < b[j]:
            i += 1
        else:
            j += 1
    if not len(a) and not len(b):
        return DetectionF1(1.0, 1.0, 1.0)
    return DetectionF1(
        2 * matched / (len(a) + len(b)), matched / max(len(b), 1), matched / max(len(a), 1)
    )
