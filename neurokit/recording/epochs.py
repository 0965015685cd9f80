"""Recordings cut around events."""

import warnings
from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from neurokit.recording.cuts import SignalCut, SpikesCut
from neurokit.recording.marks import Marks, find_marks, texts_in, touch_marks
from neurokit.recording.seconds import in_seconds, second
from neurokit.types import Flags, Floats

_UNKNOWN = "n/a"  # the word of BIDS for what is missing in a table of text


def epoch(
    x: xr.DataArray | xr.Dataset,
    events: pd.DataFrame,
    *,
    tmin: float,
    tmax: float,
    labels: Sequence[Hashable] | None = None,
    label: str = "label",
    bin_width: float | None = None,
    keep_bad: bool = False,
) -> xr.DataArray:
    """Cut a recording into trials around events.

    Parameters
    ----------
    x : xarray.DataArray with ``time``, or xarray.Dataset of spikes
        One continuous recording; ``(channel, time)``, ``(unit, time)`` or ``(time, feature)``.
    events : pandas.DataFrame
        ``onset`` in s and ``label``; further columns become coordinates of ``trial``. Where some
        have no label (NaN, None, "n/a"), these are no trials; in other columns of text that is
        "n/a".
    tmin, tmax : float
        Window around each onset, in seconds: from ``tmin`` up to, but not with, ``tmax``.
    labels : sequence, optional
        Keep only the events with these labels.
    label : str, default="label"
        Column of ``events`` whose values are the labels: ``"trial_type"``, ``"stimulus"``. What
        stood in the column ``label`` is then kept as ``event``.
    bin_width : float, optional
        For spikes, which are counted in bins from each onset on; in seconds.
    keep_bad : bool, default=False
        Also keep windows that touch what is marked bad, and those across a cut. Marks are events
        whose ``label`` begins with BAD (with their duration), or says "boundary", "EDGE" or
        "New Segment" (a cut at their onset). Marks are no trials unless ``labels`` names them.

    Returns
    -------
    xarray.DataArray of dims ("trial", ..., "time")
        ``time`` is relative to the onset. A signal's onset is taken at the nearest sample, the
        earlier of two. Lazy recordings stay lazy if they are dask arrays. Of spikes, units that
        were not observed throughout a window are NaN in it. Times meet edges as in
        ``bin_spikes``: to a nanosecond.

    Raises
    ------
    ValueError
        If there is no event, no window lies inside the recording, or its clock steps back.

    Warns
    -----
    UserWarning
        With the number of events that have no label; of windows left out because they leave the
        recording or what was observed of it, or reach across a jump of its clock; and of those
        that touch marks.

    Examples
    --------
    >>> import numpy as np, neurokit
    >>> x = neurokit.signal(np.zeros((2, 1000)), sampling_rate=250)
    >>> trials = neurokit.epoch(x, neurokit.events([1.0, 2.0], label="left"), tmin=0, tmax=0.5)
    >>> trials.dims, trials.shape
    (('trial', 'channel', 'time'), (2, 2, 125))
    """
    tmin, tmax = second(tmin, "epoch", "tmin"), second(tmax, "epoch", "tmax")
    if not tmin < tmax:
        raise ValueError(f"epoch: tmin must lie before tmax, got {tmin!r} and {tmax!r} s.")
    _check_table(events, labels, label)
    marks, marked = find_marks(events, labels, label)
    if not keep_bad and marked.any():
        events = events[~marked]
    columns, onsets, wanted = _choose(events, labels, label)
    onsets = onsets[wanted]
    cut: SpikesCut | SignalCut
    if isinstance(x, xr.Dataset):
        cut = SpikesCut(x, onsets, tmin, tmax, bin_width)
    else:
        cut = SignalCut(x, onsets, tmin, tmax, bin_width)
    kept: Flags = cut.inside
    if not kept.all():
        warnings.warn(
            f"epoch: {(~kept).sum()} of {len(kept)} windows leave the recording or cross a"
            " gap in it, and are left out.",
            stacklevel=2,
        )
    if not keep_bad:
        kept = kept & _clean(marks, kept, cut)
    rows = wanted[kept]
    if len(rows) < len(events):
        columns = {name: column.iloc[rows] for name, column in columns.items()}
    about: dict[str, Any] = {
        str(name): ("trial", onsets[kept] if name == "onset" else _as_values(column))
        for name, column in columns.items()
    }
    known = x.coords.variables
    for name in ("subject", "session", "run"):  # of the whole recording: now of each trial
        if name in known and known[name].ndim == 0 and name not in about:
            about[name] = ("trial", np.full(len(rows), known[name].values.item()))
    return cut.take(kept, about)


def _as_values(column: pd.Series) -> np.ndarray:
    if pd.api.types.is_numeric_dtype(column):
        values = column.to_numpy()  # whole numbers that may be missing come as objects
        return values if values.dtype != object else column.to_numpy(np.float64, na_value=np.nan)
    values = column.to_numpy(object)
    if texts_in(column) is not None:  # none is missing, and none has to be written out
        return np.array(values.tolist(), dtype=str)
    missing = pd.isna(values).tolist()
    named = [_UNKNOWN if gone else str(v) for v, gone in zip(values, missing, strict=True)]
    return np.array(named, dtype=str)


def _check_table(events: object, labels: Sequence[Hashable] | None, label: str) -> None:
    if not isinstance(events, pd.DataFrame) or "onset" not in events:
        found = type(events).__name__
        if isinstance(events, pd.DataFrame):
            found = f"the columns {events.columns.tolist()}"
        raise TypeError(
            "epoch: events must be a pandas DataFrame with a column onset (s), got"
            f" {found}; neurokit.recording.events() makes one."
        )
    if events.empty:
        raise ValueError("epoch: there are no events, so nothing can be cut.")
    if not events.columns.is_unique:
        twice = sorted({str(name) for name in events.columns[events.columns.duplicated()]})
        raise ValueError(f"epoch: events hold the columns {twice} more than once; rename them.")
    if label not in events and (labels is not None or label != "label"):
        raise ValueError(
            f"epoch: events have no column {label!r}; there are {events.columns.tolist()}."
        )


def _choose(
    events: pd.DataFrame, labels: Sequence[Hashable] | None, label: str
) -> tuple[dict[Hashable, pd.Series], Floats, NDArray[np.intp]]:
    """Return the columns that describe trials, the onsets in s, and which rows are trials.

    Columns are looked at one by one: a table in pandas takes longer than cutting small windows.
    """
    onsets = in_seconds(events["onset"].to_numpy(), "epoch", "onsets").astype(np.float64)
    columns = {name: events[name] for name in events if name != "duration"}
    if label != "label":
        columns = {"event" if name == "label" else name: c for name, c in columns.items()}
        columns["label"] = events[label]
    wanted = np.ones(len(events), dtype=bool)
    if labels is not None:
        wanted = columns["label"].isin(list(labels)).to_numpy()
    elif "label" in columns:
        names, texts = columns["label"], texts_in(columns["label"])
        if texts is None or _UNKNOWN in texts:
            wanted = ~(names.isna().to_numpy() | (names == _UNKNOWN).to_numpy(bool, na_value=True))
        if not wanted.all():
            warnings.warn(
                f"epoch: {(~wanted).sum()} of {len(wanted)} events have no label and are left out;"
                f" labels=[..., {_UNKNOWN!r}] takes those that say so.",
                stacklevel=3,
            )
    if not wanted.any():
        held = events[label].unique().tolist() if label in events else []
        raise ValueError(f"epoch: no event with a label among {labels}; there are {held}.")
    if not np.isfinite(onsets[wanted]).all():
        raise ValueError("epoch: every onset must be a finite number of seconds.")
    return columns, onsets, np.flatnonzero(wanted)


def _clean(marks: Marks, kept: np.ndarray, cut: SpikesCut | SignalCut) -> np.ndarray:
    """Tell which windows touch no mark; say how many of those ``kept`` do."""
    touched, names = touch_marks(marks, cut.begins, cut.ends)
    bad = touched & kept
    if not bad.any():
        return ~touched
    found = f"{bad.sum()} of {len(bad)} windows touch marks of bad data or cuts, {names}"
    if bad.sum() == kept.sum():
        raise ValueError(f"epoch: {found}, and no other is left; keep_bad=True keeps them.")
    warnings.warn(
        f"epoch: {found}, and are left out; keep_bad=True keeps them.",
        stacklevel=3,
    )
    return ~touched
