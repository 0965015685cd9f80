"""To and from pynapple's objects."""

from __future__ import annotations

from collections.abc import Hashable
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import xarray as xr

from neurokit.io.readers.channels import label_more
from neurokit.recording.checks import check_spikes, unit_coords
from neurokit.recording.clock import SampleIndex, time_coordinates
from neurokit.recording.make import behaviour, events, signal, traces
from neurokit.recording.observed import merge_spans, spans_of
from neurokit.recording.spikes import spikes

if TYPE_CHECKING:
    import pynapple as nap


def from_pynapple(obj: Any, *, kind: str = "behaviour") -> Any:
    """Make a recording of a pynapple object.

    Parameters
    ----------
    obj : TsGroup, Ts, IntervalSet, Tsd or TsdFrame
    kind : {"behaviour", "signal", "traces"}, default="behaviour"
        What a Tsd or TsdFrame is.

    Returns
    -------
    Dataset, DataFrame or DataArray
        For a TsGroup or Ts: spikes, observed in its time support, the
        group's metadata as coordinates of ``unit``. Of an IntervalSet: events. Of a Tsd or
        TsdFrame: an array of that kind; where its time has gaps, it keeps them.

    Raises
    ------
    TypeError
        If it is of another kind.
    ValueError
        If `kind` is unknown.

    Examples
    --------
    >>> import pynapple as nap
    >>> from_pynapple(nap.IntervalSet(start=[0, 10], end=[5, 12]))["duration"].tolist()
    [5.0, 2.0]
    """
    name = type(obj).__name__
    if name == "IntervalSet":
        held = obj.as_dataframe()
        more = {c: held[c].to_numpy() for c in held.columns if c not in {"start", "end"}}
        label = more.pop("label", "epoch")
        return events(obj.start, obj.end - obj.start, label, **more)
    if name == "Ts":
        return _units([obj], [0], obj.time_support)
    if name == "TsGroup":
        ids = list(obj.keys())
        found = _units([obj[i] for i in ids], ids, obj.time_support)
        more = {c: obj.get_info(c) for c in obj.metadata_columns if c != "rate"}
        return label_more(found, more, "pynapple")
    if name not in {"Tsd", "TsdFrame"}:
        raise TypeError(
            f"from_pynapple takes a TsGroup, Ts, IntervalSet, Tsd or TsdFrame, got {name}."
        )
    values = np.asarray(obj.values).reshape(len(obj), -1)
    columns = list(obj.columns) if name == "TsdFrame" else None
    texts = None if columns is None else [str(column) for column in columns]
    try:
        clock: SampleIndex | np.ndarray = SampleIndex.from_times(obj.times())
    except ValueError:
        clock = np.asarray(obj.times())
    rate = clock.rate if isinstance(clock, SampleIndex) else 1
    if kind == "behaviour":
        x = behaviour(values, sampling_rate=rate, features=texts)
    elif kind == "signal":
        x = signal(values.T, sampling_rate=rate, channels=texts)
    elif kind == "traces":
        x = traces(values.T, sampling_rate=rate, ids=columns)
    else:
        raise ValueError(
            f"from_pynapple: kind must be 'behaviour', 'signal' or 'traces', got {kind!r}."
        )
    if isinstance(clock, SampleIndex):
        return x.drop_vars("time").assign_coords(
            time_coordinates(clock.first, clock.rate, clock.size)
        )
    return x.drop_vars("time").assign_coords(time=("time", clock, {"units": "s"}))


def _units(trains: list[nap.Ts], ids: list[Hashable], support: nap.IntervalSet) -> xr.Dataset:
    return spikes(
        [np.asarray(train.times()) for train in trains],
        start=float(support.start[0]),
        stop=float(support.end[-1]),
        intervals=np.c_[support.start, support.end],
        units="s",
        ids=ids,
    )


def to_pynapple(x: xr.Dataset | xr.DataArray | pd.DataFrame) -> Any:
    """Make a pynapple object of a recording.

    Parameters
    ----------
    x : Dataset of spikes, DataFrame of events, or DataArray with ``time`` and one other dim

    Returns
    -------
    TsGroup, IntervalSet or TsdFrame
        Coordinates of ``unit`` become the group's metadata, further columns of events that of
        the intervals. Units named by text are numbered, their names kept as ``unit``.

    Raises
    ------
    ImportError
        Without pynapple: ``pip install "neurokit-brain[pynapple]"``.
    TypeError, ValueError
        If there is no such thing in pynapple, as for trials.
    """
    try:
        import pynapple as nap
    except ImportError as error:
        raise ImportError(
            'to_pynapple takes pynapple; pip install "neurokit-brain[pynapple]" brings it.'
        ) from error
    if isinstance(x, pd.DataFrame):
        more = x.drop(columns=["onset", "duration"])
        onset = x["onset"].to_numpy(np.float64)
        end = onset + x["duration"].to_numpy(np.float64)
        if (n := int((~(end > onset)).sum())) or (end[:-1] > onset[1:]).any():
            what = f"{n} of {len(x)} events last no time" if n else "some events overlap"
            raise ValueError(
                f"to_pynapple: {what}, and pynapple would drop or change such intervals; give the"
                " events other durations, as with events.assign(duration=0.001)."
            )
        return nap.IntervalSet(onset, end, metadata=more.to_dict("list"))
    if isinstance(x, xr.DataArray):
        if x.ndim != 2 or "time" not in x.dims:
            raise ValueError(f"to_pynapple takes arrays of time and one other dim, got {x.dims}.")
        x = x.transpose("time", ...)
        return nap.TsdFrame(t=x["time"].values, d=x.values, columns=x[x.dims[1]].values)
    x = check_spikes(x, "to_pynapple")
    pieces = [[[float(x["start"]), float(x["stop"])]]] if not x.sizes["unit"] else spans_of(x)
    watched = merge_spans(np.concatenate(pieces), "to_pynapple")
    if not (watched[:, 1] > watched[:, 0]).all():
        raise ValueError(
            "to_pynapple: pynapple knows no interval without length, and the units were observed"
            f" from {watched[0, 0]:g} to {watched[0, 1]:g} s; give spikes() start= and stop=."
        )
    support = nap.IntervalSet(watched[:, 0], watched[:, 1])
    ends = np.cumsum(x["spike_count"].values)
    times = np.split(x["spike_time"].values, ends[:-1]) if len(ends) else []
    ids = x["unit"].values
    numbered = ids.dtype.kind in "iu"
    metadata = {
        str(name): column.values
        for name, column in unit_coords(x).items()
        if name != "unit" or not numbered
    }
    keys = [int(i) for i in ids] if numbered else list(range(len(ids)))
    group = {key: nap.Ts(t, time_support=support) for key, t in zip(keys, times, strict=True)}
    return nap.TsGroup(group, time_support=support, metadata=metadata)
