"""Whether events found in a signal are found again in its reconstruction."""

from collections.abc import Hashable, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import ArrayLike
from scipy.ndimage import uniform_filter1d

from neurokit.metrics.coupling import analytic
from neurokit.metrics.fidelity import pair, rate_of
from neurokit.types import Recording


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


class Burst(NamedTuple):
    """What a burst is to `detect_bursts`."""

    band: tuple[float, float]  # Hz
    window: float  # s, over which the root mean square is taken
    threshold: float  # standard deviations above the mean of that
    duration: tuple[float, float]  # s, shortest and longest
    gap: float  # s: bursts closer than that are one


BURSTS: dict[str, Burst] = {
    "spindle": Burst((12.0, 15.0), 0.2, 1.5, (0.5, 3.0), 0.0),
    "hfo": Burst((100.0, 500.0), 0.003, 5.0, (0.006, np.inf), 0.01),
}


def detect_bursts(
    x: Recording, kind: str | Burst = "spindle", *, sampling_rate: float | None = None
) -> pd.DataFrame:
    """Find bursts of a rhythm: where its power, smoothed, stands out for long enough.

    The same detector on a signal and on its reconstruction, and `detection_f1` of the two, tell
    whether tokens keep what a reader of the recording looks for.

    Parameters
    ----------
    x : DataArray with dims ("channel", "time"), or array-like of shape (n_times,)
        Signal.
    kind : {"spindle", "hfo"} or Burst, default="spindle"
        Sleep spindles as Moelle et al. [1]_ (root mean square of 12-15 Hz over 0.2 s more than
        1.5 deviations above its mean, for 0.5 to 3 s), high-frequency oscillations as Staba et
        al. [2]_ (100-500 Hz over 3 ms, 5 deviations, 6 ms or more, joined across 10 ms; without
        their count of peaks), or any ``Burst(band, window, threshold, duration, gap)``: spike and
        wave, say, as ``Burst((2.5, 4.0), 0.5, 2.0, (1.0, np.inf), 0.5)``.
    sampling_rate : float, optional
        In Hz; needed for plain arrays.

    Returns
    -------
    DataFrame
        Events by onset: ``onset`` and ``duration`` in s, of the clock of labelled signals, and
        ``label``, the channel (0 for plain arrays).

    Raises
    ------
    ValueError
        If the kind is unknown, or its band has no bin below half the sampling rate.

    References
    ----------
    .. [1] Moelle et al. (2002), Grouping of spindle activity during slow oscillations in human
       non-rapid eye movement sleep, J. Neurosci. 22(24), 10941-10947.
    .. [2] Staba et al. (2002), Quantitative analysis of high-frequency oscillations (80-500 Hz)
       recorded in human epileptic hippocampus and entorhinal cortex, J. Neurophysiol. 88(4),
       1743-1752.

    Examples
    --------
    >>> t = np.arange(6000) / 100
    >>> noise = np.random.default_rng(0).normal(size=6000)
    >>> spindle = 8 * np.sin(2 * np.pi * 13 * t) * ((t > 20) & (t < 21))
    >>> detect_bursts(noise + spindle, sampling_rate=100)["onset"].round().tolist()
    [20.0]
    """
    if isinstance(kind, str) and kind not in BURSTS:
        raise ValueError(
            f"detect_bursts: kind must be one of {list(BURSTS)} or a Burst, got {kind!r}."
        )
    what = BURSTS[kind] if isinstance(kind, str) else kind
    rate = rate_of(x, sampling_rate, "detect_bursts")
    names: Sequence[Hashable] = [0]
    start = 0.0
    if isinstance(x, xr.DataArray):
        x = x.transpose("channel", "time")
        names, start = x["channel"].values.tolist(), float(x["time"].values[0])
    a = np.atleast_2d(pair(x, x, "detect_bursts")[0])
    z = analytic(a, rate, what.band)
    if z is None:
        raise ValueError(
            f"detect_bursts: band {tuple(what.band)} has no bin below {rate / 2:g} Hz, half the"
            " sampling rate."
        )
    size = max(round(what.window * rate), 1)
    strength = np.sqrt(uniform_filter1d(z.real**2, size, axis=-1, mode="nearest"))
    limit = strength.mean(-1) + what.threshold * strength.std(-1)
    rows = []
    for name, above in zip(names, strength > limit[:, None], strict=True):
        begins, ends = _stretches(above, round(what.gap * rate))
        seconds = (ends - begins) / rate
        good = (seconds >= what.duration[0]) & (seconds <= what.duration[1])
        onsets = start + begins[good] / rate
        rows += [(t, d, name) for t, d in zip(onsets, seconds[good], strict=True)]
    events = pd.DataFrame(rows, columns=["onset", "duration", "label"])
    return events.sort_values("onset", kind="stable", ignore_index=True)


def _stretches(above: np.ndarray, gap: int) -> tuple[np.ndarray, np.ndarray]:
    """First samples of stretches and those behind their last; short gaps are bridged."""
    change = np.flatnonzero(np.diff(above.astype(np.int8), prepend=0, append=0))
    begins, ends = change[::2], change[1::2]
    apart = begins[1:] - ends[:-1] > gap
    return begins[np.r_[True, apart][: len(begins)]], ends[np.r_[apart, True][: len(ends)]]
