"""Export of spikes, signals, behaviour and events to NWB, through pynwb."""

from __future__ import annotations

import datetime
import os
import uuid
import warnings
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import xarray as xr

from neurokit.atomic import atomic_path
from neurokit.io.full_disk import steady_file
from neurokit.recording.checks import check_spikes, unit_coords
from neurokit.recording.clock import SampleIndex
from neurokit.recording.observed import spans_of
from neurokit.recording.rate import clock_of, refuse_backwards

if TYPE_CHECKING:
    import pynwb

_LARGE = 2**26  # bytes from which a signal is written in blocks of this size
_UNKNOWN = "1970-01-01T00:00:00+00:00"


def write_nwb(path: str | os.PathLike[str], obj: xr.Dataset | xr.DataArray | xr.DataTree) -> Path:
    """Write spikes, a signal, or a whole session to an NWB 2 file; `read_session` reads it back.

    Parameters
    ----------
    path : path-like
        Ends in ``.nwb``. Written beside and renamed.
    obj : Dataset of spikes, DataArray of dims ("channel", "time"), or DataTree
        For a session: ``spikes``, ``signal/...`` in uV, ``behaviour`` and ``events``. Signals may
        be lazy. ``attrs["session_start_time"]`` (ISO 8601), ``identifier``, ``subject``,
        ``species`` and ``session_description`` are written if they are there; a session without
        a start is dated 1970.

    Returns
    -------
    Path

    Raises
    ------
    TypeError
        If `obj` is of another kind.
    ValueError
        If the name does not end in ``.nwb``, or a part of it has trials or a unit that NWB does
        not know for signals.
    ImportError
        Without pynwb: ``pip install "neurokit-brain[nwb]"``.

    Examples
    --------
    >>> import tempfile, neurokit
    >>> from neurokit import io
    >>> x = neurokit.spikes({3: [0.1, 0.2], 5: []}, stop=1.0)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = io.write_nwb(folder + "/a.nwb", x)
    ...     io.read_spikes(path).identical(x)
    True
    """
    path = Path(path)
    if path.suffix.lower() != ".nwb":
        raise ValueError(f"write_nwb: path must end in .nwb, got {str(path)!r}.")
    parts = _parts(obj)
    import h5py

    try:
        import pynwb
    except ImportError as error:
        raise ImportError(
            'write_nwb writes through pynwb; pip install "neurokit-brain[nwb]" brings it.'
        ) from error
    file = _new_file(pynwb, {str(name): value for name, value in obj.attrs.items()})
    electrodes: dict[str, int] = {}
    for name, part in parts.items():
        if name == "spikes":
            _add_units(file, part, electrodes)
        elif name == "events":
            _add_events(pynwb, file, part)
        elif name.startswith("signal/"):
            _add_signal(pynwb, file, name.split("/")[-1], part, electrodes)
        else:
            _add_behaviour(pynwb, file, part)
    with atomic_path(path) as part, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # on optional metadata that are not there
        with (
            steady_file(part, path) as steady,
            h5py.File(steady, "w") as held,
            pynwb.NWBHDF5IO(file=held, mode="w") as writer,
        ):
            writer.write(file)
    return path


def _parts(obj: object) -> dict[str, Any]:
    """Return what is to be written by its place in a session."""
    if isinstance(obj, xr.DataArray):
        return {"signal/signal": _check_signal(obj)}
    if isinstance(obj, xr.Dataset):
        held = check_spikes(obj, "write_nwb")
        if not held.sizes["unit"]:
            raise ValueError("write_nwb takes spikes of at least one unit, got none.")
        return {"spikes": held}
    if not isinstance(obj, xr.DataTree):
        raise TypeError(
            "write_nwb takes spikes, a signal or a DataTree of a session, got"
            f" {type(obj).__name__}."
        )
    parts: dict[str, Any] = {}
    left_out: list[str] = []
    for node in obj.subtree:
        held, name = node.to_dataset(), node.path.lstrip("/")
        if "spike_time" in held and not held.sizes["unit"]:
            continue  # pynwb cannot write a table of no units
        if "spike_time" in held and "spikes" not in parts:
            parts["spikes"] = check_spikes(held, "write_nwb")
        elif "onset" in held and "events" not in parts:
            parts["events"] = held.to_dataframe().reset_index(drop=True)
        elif name.split("/")[0] == "signal":
            for x in held.data_vars.values():
                parts[name if "/" in name else f"signal/{x.name}"] = _check_signal(x)
        elif name.split("/")[0] == "behaviour":
            parts |= {f"behaviour/{name}/{x.name}": x for x in held.data_vars.values()}
        elif held.data_vars:
            left_out.append(name)
    if parts and left_out:
        warnings.warn(
            f"write_nwb: {', '.join(left_out)} of the session have no place in the file and are"
            " left out; io.save keeps them.",
            stacklevel=3,
        )
    if not parts:
        raise ValueError(
            "write_nwb: the session holds none of signal/..., spikes, behaviour, events; it has"
            f" {[node.path for node in obj.leaves]}."
        )
    return parts


def _check_signal(x: xr.DataArray) -> xr.DataArray:
    if set(x.dims) != {"channel", "time"}:
        raise ValueError(
            f"write_nwb: a signal must have dims ('channel', 'time'), got {x.dims}; NWB keeps"
            " trials as events of one continuous recording."
        )
    if x.attrs.get("units") != "uV":
        raise ValueError(
            f"write_nwb: a signal must be in uV, got {x.attrs.get('units')!r}; convert it and set"
            ' attrs["units"].'
        )
    if not x.sizes["channel"]:
        raise ValueError("write_nwb takes a signal of at least one channel, got none.")
    return x.transpose("channel", "time")


def _new_file(pynwb: ModuleType, attrs: Mapping[str, object]) -> pynwb.NWBFile:
    start = datetime.datetime.fromisoformat(str(attrs.get("session_start_time", _UNKNOWN)))
    subject = None
    if about := {k: str(attrs[k]) for k in ("subject", "species") if k in attrs}:
        subject = pynwb.file.Subject(
            subject_id=about.get("subject", "unknown"), species=about.get("species")
        )
    return pynwb.NWBFile(
        session_description=str(attrs.get("session_description", "not given")),
        identifier=str(attrs.get("identifier", uuid.uuid4())),
        session_start_time=start if start.tzinfo else start.replace(tzinfo=datetime.UTC),
        subject=subject,
    )


def _add_electrodes(
    file: pynwb.NWBFile, known: dict[str, int], names: np.ndarray, where: xr.DataArray | xr.Dataset
) -> list[int]:
    """Return the rows of the electrodes of these names, adding those that are not there yet."""
    if not known:
        device = file.create_device("device")
        file.create_electrode_group("group", description="-", location="-", device=device)
        file.add_electrode_column("channel_name", "name of the channel")
    group = file.electrode_groups["group"]
    regions = where["region"].values if "region" in where.coords else ["unknown"] * len(names)
    axes = {a: where[a].values * 1000.0 for a in "xyz" if a in where.coords}  # micrometres
    for i, name in enumerate(map(str, names)):
        if name not in known:
            known[name] = len(known)
            place = {axis: float(axes[axis][i]) if axes else np.nan for axis in "xyz"}
            file.add_electrode(**place, location=str(regions[i]), group=group, channel_name=name)
    return [known[str(name)] for name in names]


def _add_units(file: pynwb.NWBFile, x: xr.Dataset, electrodes: dict[str, int]) -> None:
    rows = None
    placed = {"channel", "x"} & set(x.coords)
    if placed:
        names = x["channel"].values if "channel" in x.coords else x["unit"].values
        rows = _add_electrodes(file, electrodes, names, x)
    named = x["unit"].dtype.kind not in "iu"
    extra = {
        str(name): column.values
        for name, column in unit_coords(x).items()
        if name not in {"unit", "channel", "region", *"xyz"}
    }
    if "region" in x.coords and not placed:
        extra["location"] = x["region"].values
    if named:
        file.add_unit_column("unit_name", "name of the unit")
    for name in extra:
        file.add_unit_column(name, name)
    ends = np.cumsum(x["spike_count"].values)
    times = np.split(x["spike_time"].values, ends[:-1]) if len(ends) else []
    for i, (unit, spans) in enumerate(zip(times, spans_of(x), strict=True)):
        about: dict[str, object] = {name: values[i] for name, values in extra.items()}
        if named:
            about["unit_name"] = str(x["unit"].values[i])
        else:
            about["id"] = int(x["unit"].values[i])
        if rows is not None:
            about["electrodes"] = [rows[i]]
        file.add_unit(spike_times=unit, obs_intervals=spans.tolist(), **about)


def _clock(x: xr.DataArray) -> dict[str, float | np.ndarray]:
    index = clock_of(x, "write_nwb")
    refuse_backwards(x, "write_nwb")
    if isinstance(index, SampleIndex):
        return {
            "starting_time": float(index.first / index.rate),
            "rate": float(index.rate),
        }
    if not np.isfinite(index).all():
        raise ValueError("write_nwb: times must be finite; leave out samples whose time is none.")
    return {"timestamps": index}


def _add_signal(
    pynwb: ModuleType, file: pynwb.NWBFile, name: str, x: xr.DataArray, electrodes: dict[str, int]
) -> None:
    rows = _add_electrodes(file, electrodes, x["channel"].values, x)
    large = x.nbytes > _LARGE
    file.add_acquisition(
        pynwb.ecephys.ElectricalSeries(
            name=name,
            data=_in_blocks(x.T) if large else x.values.T,
            electrodes=file.create_electrode_table_region(rows, "channels of the series"),
            conversion=1e-6,  # the values are microvolts
            **_clock(x),
        )
    )


def _in_blocks(x: xr.DataArray) -> Any:
    """Return (time, channel) data that hdmf asks for piece by piece."""
    from hdmf.data_utils import GenericDataChunkIterator  # type: ignore[import-untyped]

    class Blocks(GenericDataChunkIterator):
        def _get_data(self, selection: tuple[slice, ...]) -> np.ndarray:
            return x[selection].values

        def _get_maxshape(self) -> tuple[int, ...]:
            return x.shape

        def _get_dtype(self) -> np.dtype:
            return x.dtype

    return Blocks(buffer_gb=_LARGE / 1e9)


def _add_behaviour(pynwb: ModuleType, file: pynwb.NWBFile, x: xr.DataArray) -> None:
    x = x.transpose("time", "feature")
    if "behavior" not in file.processing:
        file.create_processing_module("behavior", "movement and other behaviour")
    container = pynwb.behavior.BehavioralTimeSeries(name=str(x.name or "behaviour"))
    units = x["units"].values if "units" in x.coords else [""] * x.sizes["feature"]
    for i, feature in enumerate(x["feature"].values):
        container.create_timeseries(
            name=str(feature), data=x.values[:, i], unit=str(units[i]), **_clock(x)
        )
    file.processing["behavior"].add(container)


def _add_events(pynwb: ModuleType, file: pynwb.NWBFile, table: pd.DataFrame) -> None:
    columns = {
        str(name): column.astype(str).to_numpy(object) if column.dtype.kind == "O" else column
        for name, column in table.items()
        if name not in {"onset", "duration"}
    }
    intervals = pynwb.epoch.TimeIntervals(name="events", description="events of the session")
    for name in columns:
        intervals.add_column(name, name)
    start = table["onset"].to_numpy(np.float64)
    stop = start + table.get("duration", pd.Series(0.0, table.index)).to_numpy(np.float64)
    for i in range(len(table)):
        row = {name: np.asarray(column)[i] for name, column in columns.items()}
        intervals.add_row(start_time=start[i], stop_time=stop[i], **row)
    file.add_time_intervals(intervals)
