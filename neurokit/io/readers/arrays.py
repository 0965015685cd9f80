"""Spike times among named arrays: NumPy's files, and what others find in MATLAB's."""

from pathlib import Path

import numpy as np
import xarray as xr

from neurokit.io.readers.reader import Found, Reader
from neurokit.recording.spikes import spikes

_TIMES = ("spike_times", "spikeTimes", "spiketimes")


def _read_spikes(found: Found) -> xr.Dataset:
    path, form = found
    if form == "npy":
        raise ValueError(say_no_layout(path, [path.stem]))
    return spikes_of_arrays(path, _npz(path))


def _read_session(found: Found) -> xr.DataTree:
    return xr.DataTree.from_dict({"spikes": _read_spikes(found)})


READER = Reader(spikes=_read_spikes, session=_read_session)


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
        f"{path}: holds the arrays {names}, of which none says that it is spike times; read it"
        " yourself and label them with neurokit.spikes(times, stop=...)."
    )


def spikes_of_arrays(path: Path, arrays: dict[str, np.ndarray]) -> xr.Dataset:
    """Find spike times among named arrays: flat with ``unit``, or one array for each unit."""
    name = next((name for name in _TIMES if name in arrays), None)
    times = np.asarray(arrays[name]) if name is not None else np.empty(0, dtype=object)
    per_unit: list[np.ndarray] | None = None
    ids: np.ndarray | None = None
    if name is not None and times.dtype.kind in "fiu" and times.ndim == 1 and "unit" in arrays:
        unit = np.asarray(arrays["unit"])
        if unit.shape != times.shape:
            raise ValueError(
                f"{path}: {name} has {times.size} spikes and unit names {unit.size}; these must be"
                " as many."
            )
        ids, which = np.unique(unit, return_inverse=True)
        per_unit = [times[which == i] for i in range(len(ids))]
    elif name is not None and times.dtype.kind in "fiu" and _alone(name, times, arrays):
        per_unit = [times.ravel()]  # a cell array of one unit, as scipy reads it
    elif name is not None and times.dtype == object:
        per_unit = [np.ravel(one) for one in times.ravel()]
    else:
        for value in arrays.values():
            value = np.atleast_1d(np.asarray(value))
            fields = value.dtype.names or (value.size and _fields(value.flat[0])) or ()
            field = next((field for field in _TIMES if field in fields), None)
            if field is not None:
                per_unit = [np.ravel(one[field].item(0)) if one[field].dtype == object
                            else np.ravel(one[field]) for one in value.flat]  # fmt: skip
                break
    if per_unit is None:
        raise ValueError(say_no_layout(path, list(arrays)))
    per_unit = [np.asarray(one, dtype=np.float64) for one in per_unit]
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


def _alone(name: str, times: np.ndarray, arrays: dict[str, np.ndarray]) -> bool:
    """Whether nothing beside flat times could say which spike is whose."""
    sizes = [np.size(value) for other, value in arrays.items() if other != name]
    return times.ndim < 2 and times.size not in sizes


def _fields(value: object) -> tuple[str, ...]:
    return (getattr(getattr(value, "dtype", None), "names", None)) or ()


def _span(per_unit: list[np.ndarray], arrays: dict[str, np.ndarray]) -> tuple[float, float]:
    """Return the span of the spikes and of the clocks beside them."""
    reach = [t for unit in per_unit if unit.size for t in (unit.min(), unit.max())]
    for name in ("time", "t", "pos_t", "start", "stop"):
        clock = np.asarray(arrays.get(name, []))
        if clock.dtype.kind in "fiu" and clock.size and np.isfinite(clock).all():
            reach += [clock.min(), clock.max()]
    return (float(min(reach)), float(max(reach))) if reach else (0.0, 0.0)
