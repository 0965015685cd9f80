"""Neo's objects as recordings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import xarray as xr

from neurokit.io.readers.channels import unique_names
from neurokit.io.readers.neo import TO_UV
from neurokit.io.readers.reader import sort_events, table_node
from neurokit.recording.make import events, signal
from neurokit.recording.spikes import spikes

if TYPE_CHECKING:
    import neo


def from_neo(obj: Any) -> Any:
    """Make a recording of a neo object.

    Parameters
    ----------
    obj : neo.AnalogSignal, SpikeTrain, Event, Epoch, Segment or Block
        Or a list of spike trains.

    Returns
    -------
    DataArray, Dataset, DataFrame or DataTree
        Signal (volts in uV), spikes, events, or for segments and blocks a session with
        ``signal/<name>``, ``spikes``, ``events``; a block of several segments has ``segment-0``,
        ``segment-1``, ... around them.

    Raises
    ------
    TypeError
        If it is of another kind.

    Examples
    --------
    >>> import neo
    >>> train = neo.SpikeTrain([3.0, 4.0], units="s", t_stop=10.0)
    >>> from_neo(train)["spike_time"].values.tolist()
    [3.0, 4.0]
    """
    kinds = {kind.__name__ for kind in type(obj).__mro__}
    if "Block" in kinds:
        parts = [_segment(part) for part in obj.segments]
        if len(parts) == 1:
            return xr.DataTree.from_dict(parts[0])
        named = {f"segment-{i}/{k}": v for i, p in enumerate(parts) for k, v in p.items()}
        return xr.DataTree.from_dict(named)
    if "Segment" in kinds:
        return xr.DataTree.from_dict(_segment(obj))
    if "AnalogSignal" in kinds:
        return _analog(obj)
    if "Event" in kinds or "Epoch" in kinds:
        return _marks(obj)
    if "SpikeTrain" in kinds:
        return _trains([obj])
    several = isinstance(obj, Sequence) or "SpikeTrainList" in kinds
    if several and len(obj) and all(type(train).__name__ == "SpikeTrain" for train in obj):
        return _trains(list(obj))
    raise TypeError(
        "from_neo takes a neo AnalogSignal, SpikeTrain, Event, Epoch, Segment or Block, or a list"
        f" of spike trains, got {type(obj).__name__}."
    )


def _segment(segment: neo.Segment) -> dict[str, xr.Dataset]:
    nodes: dict[str, xr.Dataset] = {}
    for i, analog in enumerate(segment.analogsignals):
        name = (analog.name or f"signal-{i}").replace("/", "-")
        name = name if f"signal/{name}" not in nodes else f"{name}-{i}"
        nodes[f"signal/{name}"] = _analog(analog).to_dataset(name="signal")
    if len(segment.spiketrains):
        nodes["spikes"] = _trains(list(segment.spiketrains))
    tables = [_marks(mark) for mark in [*segment.events, *segment.epochs] if len(mark)]
    if tables:
        table = sort_events(tables)
        nodes["events"] = table_node(table)
    return nodes


def _analog(analog: neo.AnalogSignal) -> xr.DataArray:
    unit = str(analog.units.dimensionality)
    scale = TO_UV.get(unit)
    names = analog.array_annotations.get("channel_names")
    return signal(
        analog.magnitude.T.astype(np.float64) * (scale or 1.0),
        sampling_rate=float(analog.sampling_rate.rescale("Hz").magnitude),
        channels=None if names is None else unique_names([str(name) for name in names]),
        units=unit if scale is None else "uV",
        start=float(analog.t_start.rescale("s").magnitude),
    )


def _trains(trains: list[neo.SpikeTrain]) -> xr.Dataset:
    times = [np.asarray(train.rescale("s").magnitude, dtype=np.float64) for train in trains]
    names = [str(train.name or train.annotations.get("id", "")) for train in trains]
    distinct = all(names) and len(set(names)) == len(names)
    return spikes(
        times,
        start=min(float(train.t_start.rescale("s")) for train in trains),
        stop=max(float(train.t_stop.rescale("s")) for train in trains),
        ids=names if distinct else None,
    )


def _marks(mark: neo.Event | neo.Epoch) -> pd.DataFrame:
    onset = np.atleast_1d(mark.rescale("s").magnitude)
    durations = getattr(mark, "durations", None)
    duration = 0.0 if durations is None else np.atleast_1d(durations.rescale("s").magnitude)
    labels = [str(label) for label in mark.labels] if len(mark.labels) == len(onset) else None
    return events(onset, duration, labels or [mark.name or "event"] * len(onset))
