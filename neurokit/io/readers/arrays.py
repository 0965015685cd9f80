"""Spike times among named arrays: NumPy's files, and what others find in MATLAB's."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from neurokit.io.readers.array_signals import signal_of_arrays
from neurokit.io.readers.array_spikes import guess_trains
from neurokit.io.readers.channels import choose_channels
from neurokit.io.readers.reader import Found, Reader, name_parts
from neurokit.recording.clock import SampleIndex
from neurokit.recording.make import behaviour
from neurokit.recording.spikes import spikes

_WHO = ("unit", "spike_clusters")  # whose each of flat times is
_CLOCKS = ("time", "t", "pos_t", "post", "pos_time", "position_time")
_TIMES = ("spike_times", "spikeTimes", "spiketimes")


def _read_spikes(found: Found) -> xr.Dataset:
    path, form = found
    if form == "npy":
        raise ValueError(say_no_layout(path, [path.stem]))
    return spikes_of_arrays(path, _npz(path))


def _read_session(found: Found) -> xr.DataTree:
    if found.form == "npy":
        raise ValueError(say_no_layout(found.path, [found.path.stem]))
    arrays = _npz(found.path)
    tree = tree_of_signal(found.path, arrays)
    return session_of_arrays(found.path, arrays) if tree is None else tree


def _read_signal(found: Found, channels: Sequence[str] | None) -> xr.DataArray:
    arrays = {} if found.form == "npy" else _npz(found.path)
    x = signal_of_arrays(found.path, arrays)
    if x is None:
        raise ValueError(say_no_layout(found.path, list(arrays) or [found.path.stem]))
    return choose_channels(found.path, x, channels)


READER = Reader(signal=_read_signal, spikes=_read_spikes, session=_read_session)


def tree_of_signal(path: Path, arrays: dict[str, Any]) -> xr.DataTree | None:
    """Return a session of the signal among arrays; None where there is none, or spikes are."""
    if _find_times(path, arrays)[0] is not None:
        return None
    x = signal_of_arrays(path, arrays)
    return None if x is None else xr.DataTree.from_dict(name_parts(x))


def _npz(path: Path) -> dict[str, np.ndarray]:
    try:
        with path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except ValueError as error:
        if "allow_pickle" not in str(error):
            raise OSError(f"{path}: is damaged ({error}).") from error
        raise ValueError(
            f"{path}: holds pickled objects, which could run any code and are not read; save it"
            " again as plain arrays."
        ) from error
    except Exception as error:  # of zip, zlib and struct, whatever the damage leads to
        raise OSError(f"{path}: is damaged or not a NumPy archive ({error}).") from error


def say_no_layout(path: Path, names: list[str]) -> str:
    """Return the sentence on arrays of which none says what it is."""
    return (
        f"{path}: holds the arrays {names}, of which none says that it is spike times, or a signal"
        " beside its rate (data and fs, say); read it yourself and label them with"
        " neurokit.signal(values, sampling_rate=...), neurokit.traces or neurokit.spikes(times,"
        " stop=...)."
    )


def session_of_arrays(path: Path, arrays: dict[str, Any]) -> xr.DataTree:
    """Return spikes, and as behaviour what has a value for each time of a clock beside them.

    What is neither is named in ``attrs["left_out"]``.
    """
    nodes = {"spikes": spikes_of_arrays(path, arrays)}
    name = next((n for n in _CLOCKS if np.size(arrays.get(n, [])) > 1), None)
    used = {name, *_TIMES, *_WHO, "tetrode", "channel", "start", "stop", "sampling_rate"}
    columns: dict[str, np.ndarray] = {}
    if name is not None and np.asarray(arrays[name]).dtype.kind in "fiu":
        clock = np.ravel(np.asarray(arrays[name], np.float64))
        for other, value in arrays.items():
            values = np.asarray(value)
            if other in used or values.dtype.kind not in "biuf" or clock.size not in values.shape:
                continue
            if values.ndim == 1 or values.size == clock.size:
                columns[other] = values.ravel()
            elif values.ndim == 2:
                rows = values if values.shape[0] == clock.size else values.T
                columns |= {f"{other}_{k}": rows[:, k] for k in range(rows.shape[1])}
        if columns and np.isfinite(clock).all() and (np.diff(clock) > 0).all():
            nodes["behaviour"] = _along(clock, columns).to_dataset(name="behaviour")
            used |= {*arrays} & {c for k in columns for c in (k, k.rpartition("_")[0])}
    tree = xr.DataTree.from_dict(nodes)
    if left_out := [n for n in arrays if n not in used and not _holds_times(arrays[n])]:
        tree.attrs["left_out"] = left_out
    return tree


def _along(clock: np.ndarray, columns: dict[str, np.ndarray]) -> xr.DataArray:
    values = np.stack([np.asarray(column, np.float64) for column in columns.values()], axis=1)
    try:
        index = SampleIndex.from_times(clock)
    except ValueError:  # uneven
        x = behaviour(values, sampling_rate=1, features=list(columns))
        return x.drop_vars("time").assign_coords(time=("time", clock, {"units": "s"}))
    rate: Any = index.rate
    start: Any = index.first / index.rate
    return behaviour(values, sampling_rate=rate, features=list(columns), start=start)


def spikes_of_arrays(path: Path, arrays: dict[str, Any]) -> xr.Dataset:
    """Find spike times among named arrays: flat with ``unit``, or one array for each unit."""
    per_unit, ids = _find_times(path, arrays)
    if per_unit is None:
        raise ValueError(say_no_layout(path, list(arrays)))
    try:
        per_unit = [np.asarray(one, dtype=np.float64) for one in per_unit]
    except (TypeError, ValueError):
        raise ValueError(f"{path}: holds spike times that are no numbers.") from None
    if bad := sum(int((~np.isfinite(one)).sum()) for one in per_unit):
        raise ValueError(
            f"{path}: {bad} spike times are not finite; leave them out and save it again."
        )
    about = {}
    for along in ("tetrode", "channel"):
        if along in arrays and np.shape(arrays[along]) == (len(per_unit),):
            about["channels"] = np.asarray(arrays[along]).tolist()
    start, stop = _span(per_unit, arrays)
    try:
        return spikes(per_unit, start=start, stop=stop, ids=ids, **about)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def _find_times(
    path: Path, arrays: dict[str, Any]
) -> tuple[list[np.ndarray] | None, Sequence[Any] | None]:
    """Return the times of each unit, and the units' names where they have some."""
    name = next((name for name in _TIMES if name in arrays), None)
    times = np.asarray(arrays[name]) if name is not None else np.empty(0, dtype=object)
    who = next((w for w in _WHO if w in arrays), None)
    if name is not None and who is not None and times.dtype.kind in "fiu" and times.ndim == 1:
        unit = np.asarray(arrays[who]).ravel()
        if unit.shape != times.shape:
            raise ValueError(
                f"{path}: {name} has {times.size} spikes and {who} names {unit.size}; these must"
                " be as many."
            )
        times = _seconds(path, name, times, arrays, sorter=who == "spike_clusters")
        ids, which = np.unique(unit, return_inverse=True)
        return [times[which == i] for i in range(len(ids))], ids.tolist()
    if name is not None and times.dtype.kind in "fiu" and _alone(name, times, arrays):
        return [times.ravel()], None  # a cell array of one unit, as scipy reads it
    if name is not None and times.dtype == object:
        return [np.ravel(one) for one in times.ravel()], None
    for value in arrays.values():
        if field := _holds_times(value):
            return [_field(one, field) for one in np.atleast_1d(np.asarray(value)).flat], None
    return guess_trains(arrays) or (None, None)


def _seconds(
    path: Path, name: str, times: np.ndarray, arrays: dict[str, Any], *, sorter: bool
) -> np.ndarray:
    """Return seconds; sorters that write ``spike_clusters`` count samples."""
    if not sorter or times.dtype.kind == "f":
        return times
    told = [np.ravel(arrays[n]) for n in ("sampling_rate", "sample_rate") if n in arrays]
    rate = told[0] if told else np.empty(0)
    if len(rate) != 1 or not float(rate[0]) > 0:
        raise ValueError(
            f"{path}: {name} beside spike_clusters are whole numbers, samples of a sorter; save"
            " its sampling_rate (Hz) with them, or divide by it and use neurokit.spikes."
        )
    return times / float(rate[0])


def _holds_times(value: Any) -> str | None:
    """Return the field of structs that holds spike times."""
    value = np.atleast_1d(np.asarray(value))
    fields = value.dtype.names or (value.size and _fields(value.flat[0])) or ()
    return next((field for field in _TIMES if field in fields), None)


def _field(one: Any, field: str) -> np.ndarray:
    """Return a field of a struct; none where a cell holds something else."""
    if field not in _fields(one):
        return np.empty(0)
    value = np.asarray(one[field])
    return np.ravel(value.item(0) if value.dtype == object and value.size == 1 else value)


def _alone(name: str, times: np.ndarray, arrays: dict[str, np.ndarray]) -> bool:
    """Tell whether nothing beside flat times could say which spike is whose."""
    sizes = [np.size(value) for other, value in arrays.items() if other != name]
    return times.ndim < 2 and times.size not in sizes


def _fields(value: object) -> tuple[str, ...]:
    return (getattr(getattr(value, "dtype", None), "names", None)) or ()


def _span(per_unit: list[np.ndarray], arrays: dict[str, np.ndarray]) -> tuple[float, float]:
    """Return the span of the spikes and of the clocks beside them."""
    reach = [t for unit in per_unit if unit.size for t in (unit.min(), unit.max())]
    for name in (*_CLOCKS, "start", "stop"):
        clock = np.asarray(arrays.get(name, []))
        if clock.dtype.kind in "fiu" and clock.size and np.isfinite(clock).all():
            reach += [clock.min(), clock.max()]
    return (float(min(reach)), float(max(reach))) if reach else (0.0, 0.0)
