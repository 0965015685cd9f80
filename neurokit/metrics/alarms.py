"""Alarms against events that last: seizures, arousals, artefacts."""

from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray


class EventScores(NamedTuple):
    """How alarms fit the events they are meant for."""

    sensitivity: float  # share of the events that met an alarm; NaN where there are none
    precision: float  # share of the alarms that met an event; NaN where there are none
    f1: float
    false_alarms_per_hour: float
    delay: float  # s from the start of an event to its first alarm, median of those found
    delays: NDArray[np.float64]  # s, one for each event; NaN where it was missed


def event_scores(
    reference: pd.DataFrame,
    detected: pd.DataFrame,
    *,
    duration: float,
    before: float = 30.0,
    after: float = 60.0,
    merge: float = 90.0,
) -> EventScores:
    """Score alarms by overlap, as seizure detection is scored.

    An event counts as found if an alarm touches it, widened by ``before`` and ``after``; an alarm
    that touches none is false. Events, and alarms, closer than ``merge`` are one. The defaults are
    those of SzCORE [1]_, but that long events are not cut into pieces.

    Parameters
    ----------
    reference, detected : DataFrame
        Events with the columns ``onset`` and ``duration`` in s, as `neurokit.events` makes them.
    duration : float
        Length of what was watched, in s: false alarms are counted per hour of it.
    before, after : float, default=30.0, 60.0
        How early before the start of an event and how late behind its end an alarm may come, in s.
    merge : float, default=90.0
        In s.

    Returns
    -------
    EventScores

    Raises
    ------
    TypeError
        If a table lacks a column.
    ValueError
        If a time is not finite, a duration negative, or the length watched not positive.

    References
    ----------
    .. [1] Dan et al. (2024), SzCORE: seizure community open-source research evaluation framework
       for the validation of electroencephalography-based automated seizure detection algorithms,
       Epilepsia 66(S3), 14-24.

    Examples
    --------
    >>> import neurokit
    >>> from neurokit.metrics import event_scores
    >>> seizures = neurokit.events([600.0], 60.0, ["seizure"])
    >>> alarms = neurokit.events([610.0, 3000.0], 10.0, ["alarm", "alarm"])
    >>> found = event_scores(seizures, alarms, duration=7200.0)
    >>> found.sensitivity, found.false_alarms_per_hour, found.delay
    (1.0, 0.5, 10.0)
    """
    if not (np.isfinite(duration) and duration > 0):
        raise ValueError(f"event_scores: duration must be over 0 s, got {duration!r}.")
    if min(before, after, merge) < 0:
        raise ValueError(
            "event_scores: before, after and merge must be 0 s or more, got"
            f" {before!r}, {after!r} and {merge!r}."
        )
    events = _read_spans(reference, "reference", merge)
    alarms = _read_spans(detected, "detected", merge)
    meets = (alarms[None, :, 0] <= events[:, None, 1] + after) & (
        alarms[None, :, 1] >= events[:, None, 0] - before
    )
    found, right = meets.any(axis=1), meets.any(axis=0)
    delays = np.full(len(events), np.nan)
    for k in np.flatnonzero(found):
        delays[k] = alarms[meets[k], 0].min() - events[k, 0]
    sensitivity = float(found.mean()) if len(events) else float("nan")
    precision = float(right.mean()) if len(alarms) else float("nan")
    total = len(events) + len(alarms)
    matched = found.sum() + right.sum()
    return EventScores(
        sensitivity,
        precision,
        float(matched / total) if total else 1.0,
        float((~right).sum() / (duration / 3600)),
        float(np.median(delays[found])) if found.any() else float("nan"),
        delays,
    )


def _read_spans(table: pd.DataFrame, name: str, merge: float) -> NDArray[np.float64]:
    """Return starts and ends in s, in order, those close to each other joined."""
    if not isinstance(table, pd.DataFrame) or not {"onset", "duration"} <= set(table.columns):
        raise TypeError(
            f"event_scores: {name} must be a DataFrame with the columns onset and duration (s),"
            f" got {type(table).__name__}; neurokit.events() makes one."
        )
    times = table[["onset", "duration"]].to_numpy(np.float64)
    if not np.isfinite(times).all() or (times[:, 1] < 0).any():
        raise ValueError(
            f"event_scores: {name} must have finite onsets, and durations of 0 s or more."
        )
    joined: list[list[float]] = []
    for onset, length in times[np.argsort(times[:, 0], kind="stable")].tolist():
        if joined and onset - joined[-1][1] < merge:
            joined[-1][1] = max(joined[-1][1], onset + length)
        else:
            joined.append([onset, onset + length])
    return np.array(joined, np.float64).reshape(-1, 2)
