"""Neurodata Without Borders: spikes, signals, behaviour and events, read straight by h5py."""

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
import xarray as xr

from neurokit.io.readers.channels import choose_channels, label_more, unique_names
from neurokit.io.readers.nwb_file import (
    Table,
    find_series,
    join_tables,
    kind_of,
    open_nwb,
    read_clock,
    read_electrodes,
    read_lazily,
    read_times,
    read_whole,
    text,
)
from neurokit.io.readers.reader import Found, Reader, table_node
from neurokit.io.readers.saved import pick_signal
from neurokit.recording.clock import SampleIndex, time_coordinates
from neurokit.recording.edges import slack
from neurokit.recording.first_look import FirstLook
from neurokit.recording.make import behaviour, events, signal, traces
from neurokit.recording.observed import inside, merge_spans
from neurokit.recording.spikes import label_spikes

_BEHAVIOUR = {
    "BehavioralTimeSeries",
    "Position",
    "CompassDirection",
    "EyeTracking",
    "PupilTracking",
    "SpatialSeries",
}
_STRAY = 30 * 24 * 3600.0  # seconds from the middle of the events that no session lasts


def read_nwb_spikes(path: Path) -> xr.Dataset:
    """Read the sorted units of an NWB file, of version 2 or 1.

    Parameters
    ----------
    path : Path

    Returns
    -------
    xarray.Dataset
        Spikes, as ``neurokit.spikes`` makes them. Columns of the table of units that hold one
        value for each (quality, depth) become coordinates, as ``nwb_...`` where a variable of
        ours has that name. Units are observed in their ``obs_intervals``; without them the span
        reaches from the first to the last of the
        spikes, intervals and electrical series. Positions, micrometres in NWB, are mm here.

    Raises
    ------
    OSError
        If the file is damaged or not NWB.
    ValueError
        If it holds no units.
    """
    with open_nwb(path) as file:
        if not _has_units(file):
            raise ValueError(
                f"{path}: holds no sorted units; io.read_session reads what it holds."
            )
        return _spikes(path, file)


def read_nwb_events(path: Path) -> pd.DataFrame:
    """Read the trials, intervals, annotations and markers of an NWB file.

    Parameters
    ----------
    path : Path

    Returns
    -------
    pandas.DataFrame
        ``onset``, ``duration`` (s) and ``label``: a table's own column of that name or its
        ``tags``, otherwise the name of the table or series, for integer markers with the
        value: ``"events/61"``. Further columns of the tables are kept; where a table lacks one,
        it is NaN or "n/a".

    Raises
    ------
    OSError
        If the file is damaged or not NWB.

    Warns
    -----
    UserWarning
        If events lie a month or more from the others: such times come from another clock.
    """
    with open_nwb(path) as file:
        return _events(path, file, find_series(file))


def read_nwb_session(path: Path) -> xr.DataTree:
    """Read all of an NWB file that has a place in a session.

    Parameters
    ----------
    path : Path

    Returns
    -------
    xarray.DataTree
        ``signal/<name>`` for each electrical series and other continuous acquisition, read
        lazily, volts in microvolts; ``traces/<name>`` for fluorescence of regions of interest;
        ``spikes``; ``events``; ``behaviour``, or ``behaviour/<name>`` if there are several. An
        array is the variable ``signal``, ``traces`` or ``behaviour`` of its node.
        ``attrs["left_out"]`` names series without a place here, such as images.

    Raises
    ------
    OSError
        If the file is damaged or not NWB.

    Warns
    -----
    UserWarning
        If a series is left out because its samples and timestamps differ in number.
    """
    nodes: dict[str, xr.Dataset] = {}
    left_out = []
    with open_nwb(path) as file:
        series = find_series(file)
        electrodes = read_electrodes(file)
        for one in series:
            if _is_event(one):
                continue
            place = _place(one)
            if place is None:
                left_out.append(one.name.lstrip("/"))
                continue
            try:
                clock = read_clock(one, one["data"].shape[0])
            except (ValueError, KeyError) as error:
                warnings.warn(
                    f"{path}: {one.name} is left out, as it has {_reason(error)}.", stacklevel=2
                )
                left_out.append(one.name.lstrip("/"))
                continue
            x = _array(one, place, clock, electrodes)
            nodes[_free(f"{place}/{one.name.split('/')[-1]}", nodes, one)] = x
        if _has_units(file):
            nodes["spikes"] = _spikes(path, file)
        table = _events(path, file, series)
        attrs = _about(file)
    if len(table):
        nodes["events"] = table_node(table)
    alone = [name for name in nodes if name.startswith("behaviour/")]
    if len(alone) == 1:
        nodes["behaviour"] = nodes.pop(alone[0])
    tree = xr.DataTree.from_dict(nodes)
    tree.attrs = attrs | ({"left_out": left_out} if left_out else {})
    return tree


def _reason(error: Exception) -> str:
    return str(error) if isinstance(error, ValueError) else "no readable clock"


def _free(name: str, nodes: dict[str, xr.Dataset], series: h5py.Group) -> str:
    """Return a name that no node has yet: the series' own, its container's, or numbered."""
    parts = series.name.split("/")
    tries = [name, "/".join([name.split("/")[0], parts[-2]])]
    tries += [f"{name}-{i}" for i in range(2, len(nodes) + 3)]
    return next(one for one in tries if one not in nodes)


def _about(file: h5py.File) -> dict[str, str]:
    wanted = {
        "session_start_time": "session_start_time",
        "session_description": "session_description",
        "identifier": "identifier",
        "subject": "general/subject/subject_id",
        "species": "general/subject/species",
    }
    return {
        name: text(file[where])
        for name, where in wanted.items()
        if isinstance(file.get(where), h5py.Dataset)
    }


def _has_units(file: h5py.File) -> bool:
    units = file.get("units")
    return (isinstance(units, h5py.Group) and "spike_times" in units) or bool(_cells(file))


def _cells(file: h5py.File) -> dict[str, h5py.Group]:
    """Return the units of an NWB 1 file by name."""
    processing = file.get("processing")
    modules = list(processing.values()) if isinstance(processing, h5py.Group) else []
    found = {}
    for module in modules:
        units = module.get("UnitTimes", {}) if isinstance(module, h5py.Group) else {}
        for name in units:
            if isinstance(units[name], h5py.Group) and "times" in units[name]:
                found[name] = units[name]
    order = sorted(found, key=lambda name: (len(name), name))  # cell_2 before cell_10
    return {name: found[name] for name in order}


def _spikes(path: Path, file: h5py.File) -> xr.Dataset:
    about: dict[str, Any] = {}
    columns: dict[str, np.ndarray] = {}
    intervals: list[np.ndarray] = []
    if cells := _cells(file):
        times = [np.asarray(cell["times"][:], np.float64) for cell in cells.values()]
        flat, number = np.concatenate(times), np.array([len(one) for one in times])
        look = FirstLook.of(flat)
        about["ids"] = list(cells)
    else:
        table = Table(file["units"])
        flat, number, look = read_times(table)
        about["ids"] = file["units/id"][:]
        for name in table.names():
            column = table.column(name)
            if column is None or name in {"spike_times", "electrodes"}:
                continue
            if name in {"unit_name", "label"} and len(set(column.tolist())) == table.size:
                about["ids"] = column
            elif name not in {"unit", "channel", "region", "start", "stop", "x", "y", "z"}:
                columns[name] = column
        about |= (sites := _sites(file, table, columns))
        if "regions" in sites and sites["regions"] is columns.get("location"):
            del columns["location"]
        intervals = [np.reshape(one, (-1, 2)) for one in table.ragged("obs_intervals") or []]
    reach = [look.low, look.high] if len(flat) else []
    if not np.isfinite(reach).all():
        bad = (~np.isfinite(flat)).sum()
        raise OSError(f"{path}: {bad} spike times are not finite; the file is damaged.")
    span = [float(t) for one in intervals for t in one.ravel() if np.isfinite(t)]
    if not span:
        span = reach + _extent(file)
    start, stop = (min(span + reach), max(span + reach)) if span else (0.0, 0.0)
    about["intervals"] = _observed(path, intervals, flat, number, start, stop)
    found = label_spikes(flat, number, look=look, start=start, stop=stop, **about)
    return label_more(found, columns, "nwb")


def _observed(
    path: Path,
    intervals: list[np.ndarray],
    flat: np.ndarray,
    number: np.ndarray,
    start: float,
    stop: float,
) -> list[np.ndarray] | None:
    """Return when each unit was observed; None where one span says it all.

    A unit without intervals of its own was observed all the time. Spikes outside the intervals
    show that these are not what they are called.
    """
    if not any(len(one) for one in intervals):
        return None
    whole = np.array([[start, stop]])
    given = [np.asarray(one, np.float64) if len(one) else whole for one in intervals]
    if any(not np.isfinite(one).all() or (one[:, 0] > one[:, 1]).any() for one in given):
        raise OSError(f"{path}: is damaged, as an interval of observation ends before it starts.")
    if all(np.array_equal(one, whole) for one in given):
        return None
    near, times = slack(start, stop), np.split(flat, np.cumsum(number)[:-1])
    outside = sum(
        int((~inside(merge_spans(one, "read_spikes"), t, t, near)).sum())
        for t, one in zip(times, given, strict=True)
    )
    if outside:
        warnings.warn(
            f"{path}: {outside} spikes lie outside the obs_intervals of their units, which are"
            " therefore not used; the span reaches over all of them.",
            stacklevel=6,
        )
        return None
    return given


def _sites(file: h5py.File, table: Table, columns: dict[str, np.ndarray]) -> dict[str, Any]:
    """Return channel, region and place of each unit: those of its first electrode.

    A unit without one has the channel and region "" and no place.
    """
    electrodes, rows = read_electrodes(file), table.ragged("electrodes")
    if electrodes is not None and rows and any(len(r) for r in rows):
        found = electrodes.pick([int(r[0]) if len(r) else 0 for r in rows])
        lacks = np.array([not len(r) for r in rows])
        if lacks.any():
            for name in {"channels", "regions"} & set(found):
                found[name] = np.where(lacks, "", found[name].astype(str))
            if "positions" in found:
                found["positions"] = np.where(lacks[:, None], np.nan, found["positions"])
        return found
    region = columns.get("location")
    return {"regions": region} if region is not None and any(region) else {}


def _extent(file: h5py.File) -> list[float]:
    """Return starts and ends of the intervals and electrical series."""
    found: list[float] = []
    for group in _interval_tables(file).values():
        for name in ("start_time", "stop_time"):
            column = np.atleast_1d(group[name][()]) if name in group else np.empty(0)
            column = column[np.isfinite(column)]
            found += [float(column.min()), float(column.max())] if column.size else []
    for one in find_series(file):
        if _place(one) == "signal" and "electrodes" in one and len(one["data"]) > 1:
            if "timestamps" in one:
                found += [float(one["timestamps"][0]), float(one["timestamps"][-1])]
            else:
                start, rate = one["starting_time"], one["starting_time"].attrs["rate"]
                found += [float(start[()]), float(start[()]) + len(one["data"]) / float(rate)]
    return found


def _interval_tables(file: h5py.File) -> dict[str, h5py.Group]:
    """Return tables with a start_time: those of NWB 2, or the epochs of NWB 1."""
    folders = [file.get("intervals"), file.get("epochs")]
    return {
        name: folder[name]
        for folder in folders
        if isinstance(folder, h5py.Group)
        for name in folder
        if isinstance(folder[name], h5py.Group) and "start_time" in folder[name]
    }


def _events(path: Path, file: h5py.File, series: list[h5py.Group]) -> pd.DataFrame:
    tables = [_from_intervals(name, group) for name, group in _interval_tables(file).items()]
    tables += [_from_table(name, group) for name, group in _event_tables(file).items()]
    tables += [_from_markers(path, one) for one in series if _is_event(one)]
    tables = [table for table in tables if len(table)]
    if not tables:
        return events([], [], [])
    joined = join_tables(tables).sort_values("onset", kind="stable", ignore_index=True)
    onset = joined["onset"].to_numpy()
    far = np.abs(onset - np.nanmedian(onset)) > _STRAY
    if far.any():
        warnings.warn(
            f"{path}: {far.sum()} of {len(onset)} events lie a month or more from the others, the"
            f" first at {onset[far][0]:.4g} s: a time of another clock; drop them before use.",
            stacklevel=3,
        )
    return joined


def _from_intervals(name: str, group: h5py.Group) -> pd.DataFrame:
    if group["start_time"].shape == ():  # NWB 1: each epoch is a group
        first = float(group["start_time"][()])
        return events([first], float(group["stop_time"][()]) - first, name)
    table = Table(group)
    columns = {n: c for n in table.names() if (c := table.column(n)) is not None}
    start = columns.pop("start_time").astype(np.float64)
    stop = columns.pop("stop_time", start).astype(np.float64)
    label: Any = columns.pop("label", None)
    if label is None and (tags := table.ragged("tags")):
        label = np.array([";".join(text(tag) for tag in row) or name for row in tags], object)
    label = name if label is None else np.asarray(label).astype(str)
    kept = {n: c for n, c in columns.items() if n not in {"onset", "duration"}}
    found = events(start, np.nan_to_num(stop - start), label, **kept)
    return found[np.isfinite(found["onset"])]


def _event_tables(file: h5py.File) -> dict[str, h5py.Group]:
    """Return tables of moments, as NWB has them since its schema 2.10."""
    folder = file.get("events")
    tables = dict(folder.items()) if isinstance(folder, h5py.Group) else {}
    return {n: t for n, t in tables.items() if isinstance(t, h5py.Group) and "timestamp" in t}


def _from_table(name: str, group: h5py.Group) -> pd.DataFrame:
    table = Table(group)
    columns = {n: c for n in table.names() if (c := table.column(n)) is not None}
    onset, duration = columns.pop("timestamp"), columns.pop("duration", np.float64(0.0))
    label: Any = columns.pop("label", columns.pop("annotation", None))
    label = name if label is None else np.asarray(label).astype(str)
    columns.pop("onset", None)
    return events(onset, np.nan_to_num(duration), label, **columns)


def _is_event(series: h5py.Group) -> bool:
    """Tell whether a series names moments, rather than sampling something."""
    data, kind = series.get("data"), kind_of(series)
    if "timestamps" not in series or kind in {"SpatialSeries", "RoiResponseSeries"}:
        return False
    if not isinstance(data, h5py.Dataset):
        return kind in {"Events", "LabeledEvents", "TTLs"}
    if kind in {"AnnotationSeries", "IntervalSeries", "LabeledEvents", "TTLs"}:
        return True
    if kind_of(series.parent) == "BehavioralEvents" or data.dtype.kind in "OS":
        return True
    if data.ndim != 1 or data.dtype.kind not in "biu" or "electrodes" in series:
        return False
    if len(series["timestamps"]) != len(data):
        return False
    clock = read_clock(series, len(data))  # even and fast: samples; otherwise moments
    return not (isinstance(clock, SampleIndex) and len(data) >= 10 and clock.rate >= 10)


def _from_markers(path: Path, series: h5py.Group) -> pd.DataFrame:
    onset = series["timestamps"][:].astype(np.float64)
    name, kind = series.name.split("/")[-1], kind_of(series)
    data = series["data"][()] if "data" in series else np.zeros(len(onset))
    if len(data) != len(onset):
        warnings.warn(
            f"{path}: {series.name} is left out, as it has {len(data)} samples and"
            f" {len(onset)} timestamps.",
            stacklevel=4,
        )
        return events([], [], [])
    if kind == "IntervalSeries":  # positive where something begins, negative where it ends
        begins = np.flatnonzero(data > 0)
        ends = np.append(onset, np.nan)[np.minimum(begins + 1, len(onset))]
        return events(onset[begins], np.nan_to_num(ends - onset[begins]), name)
    if data.dtype.kind in "OS":
        return events(onset, 0.0, [text(value) for value in data])
    if "labels" in series.get("data", series).attrs:
        labels = [text(label) for label in np.atleast_1d(series["data"].attrs["labels"])]
        return events(onset, 0.0, [labels[int(value)] for value in data])
    if data.dtype.kind in "biu":
        return events(onset, 0.0, [f"{name}/{int(value)}" for value in data])
    return events(onset, 0.0, name)


def _place(series: h5py.Group) -> str | None:
    """Return the part of a session that a series belongs to."""
    data = series.get("data")
    if not isinstance(data, h5py.Dataset) or data.dtype.kind not in "biuf":
        return None
    if data.ndim not in (1, 2) or kind_of(series) in {"SpikeEventSeries", "ImageSeries"}:
        return None
    if "rois" in series:
        return "traces"
    parents = {kind_of(series), kind_of(series.parent)}
    if parents & _BEHAVIOUR or series.name.startswith("/processing/behavior/"):
        return "behaviour"
    return "signal"


def _array(
    series: h5py.Group, place: str, clock: SampleIndex | np.ndarray, electrodes: Any
) -> xr.Dataset:
    rate = clock.rate if isinstance(clock, SampleIndex) else 1
    x: xr.DataArray
    if place == "behaviour":
        values, unit = read_whole(series)
        name = series.name.split("/")[-1]
        width = values.shape[1]
        names = [name] if width == 1 else [f"{name}_{axis}" for axis in _axes(width)]
        x = behaviour(values, sampling_rate=rate, features=names, units=[unit] * width)
    else:
        lazy, unit = read_lazily(series)
        about: dict[str, Any] = {}
        if place == "traces":
            about["ids"] = series["rois"][:]
            x = traces(lazy, sampling_rate=rate, units=unit, **about)
        else:
            if "electrodes" in series and electrodes is not None:
                about = electrodes.pick(series["electrodes"][:])
                about["channels"] = unique_names(about["channels"].tolist())
            elif lazy.shape[0] == 1:
                about["channels"] = [series.name.split("/")[-1]]
            x = signal(lazy, sampling_rate=rate, units=unit, **about)
    if isinstance(clock, SampleIndex):
        x = x.drop_vars("time").assign_coords(
            time_coordinates(clock.first, clock.rate, clock.size)
        )
    else:
        x = x.drop_vars("time").assign_coords(time=("time", clock, {"units": "s"}))
    return x.to_dataset(name=place)


def _axes(width: int) -> list[str]:
    return list("xyz"[:width]) if width <= 3 else [str(i) for i in range(width)]


def _read_signal(found: Found, channels: Sequence[str] | None) -> xr.DataArray:
    path = found.path
    return choose_channels(path, pick_signal(path, read_nwb_session(path)), channels)


READER = Reader(
    signal=_read_signal,
    events=lambda found: read_nwb_events(found.path),
    spikes=lambda found: read_nwb_spikes(found.path),
    session=lambda found: read_nwb_session(found.path),
)
