"""One door to the sorted spikes of every format."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from neurokit.io.formats import find_format
from neurokit.io.readers.damage import refuse_placeholder
from neurokit.recording.spikes import spikes

_TIMES = ("spike_times", "spikeTimes", "spiketimes")


def read_spikes(path: str | os.PathLike[str]) -> xr.Dataset:
    """Read the sorted spikes of a file, whatever its format.

    NWB, of version 2 and 1, and the reaching recordings of the Sabes lab are read by neurokit
    itself; Blackrock, Plexon, Neuralynx, Spike2 and others through neo. Of NumPy's and MATLAB's
    files those are read that say which array is what: ``spike_times`` with ``unit`` for each
    spike (or without, of one unit), or a cell or struct array with a field ``spikeTimes`` for
    each unit.

    Parameters
    ----------
    path : path-like
        A file; for some formats that neo reads, a folder.

    Returns
    -------
    xarray.Dataset
        ``spike_time(spike)`` in s, ``spike_count(unit)``, scalars ``start`` and ``stop``, and
        what the file says of each unit as coordinates of ``unit``.

    Raises
    ------
    OSError
        If there is no such file, or it is damaged.
    ValueError
        If no reader knows the format, or it holds no spikes.
    ImportError
        If the format needs neo: ``pip install "neurokit-brain[neo]"``.

    See Also
    --------
    read_session : Signals, events and behaviour of the same file.
    neurokit.spikes : Label spike times that are already in memory.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "sorted.npz"
    ...     np.savez(path, spike_times=[0.1, 0.2, 0.3], unit=[7, 9, 7])
    ...     read_spikes(path)["unit"].values.tolist()
    [7, 9]
    """
    path = Path(path)
    kind = kind_of_recording(path)
    if kind == "nwb":
        from neurokit.io.readers.nwb import read_nwb_spikes

        return read_nwb_spikes(path)
    if kind == "reaching":
        from neurokit.io.readers.sabes import read_reaching_spikes

        return read_reaching_spikes(path)
    if kind in ("npz", "mat"):
        return _from_arrays(path, _npz(path) if kind == "npz" else _mat(path))
    if kind == "npy":
        raise ValueError(_no_layout(path, [path.stem]))
    _refuse_others(path)
    from neurokit.io.bridges.neo import read_neo_spikes

    return read_neo_spikes(path)


def kind_of_recording(path: Path) -> str:
    """Return "nwb", "reaching", "npz", "npy", "mat", "bids" or "" for a file that others read."""
    if not path.exists():
        raise FileNotFoundError(f"{path}: no such file or folder.")
    if path.is_dir():
        return "bids" if (path / "dataset_description.json").exists() else ""
    if path.suffix.lower() in (".nwb", ".nwb1"):
        return "nwb"
    if path.suffix.lower() in (".npz", ".npy"):
        return path.suffix.lower()[1:]
    with path.open("rb") as file:
        head = file.read(1024)
    if path.suffix.lower() == ".mat":
        refuse_placeholder(path, head)
        from neurokit.io.readers.sabes import is_reaching

        return "reaching" if is_reaching(path) else "mat"
    if head.startswith(b"\x89HDF"):
        from neurokit.io.readers.hdf5 import open_hdf5

        with open_hdf5(path) as hdf:
            return "nwb" if "nwb_version" in hdf or "nwb_version" in hdf.attrs else ""
    return ""


def _refuse_others(path: Path) -> None:
    try:
        _, form = find_format(path)
    except (ValueError, IsADirectoryError):
        return
    if form == "HDF5":
        from neurokit.io.readers.hdf5 import open_hdf5

        with open_hdf5(path) as file:
            raise ValueError(_no_layout(path, list(file)))
    if form not in ("Blackrock", "Neuralynx", "neo"):
        raise ValueError(
            f"{path}: is {form}, a format for signals and not for sorted spikes; io.read_signal"
            " reads it."
        )


def _npz(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        refuse_placeholder(path, file.read(1024))
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


def _mat(path: Path) -> dict[str, Any]:
    import h5py
    import scipy.io

    from neurokit.io.readers.hdf5 import open_hdf5

    if h5py.is_hdf5(path):  # MATLAB 7.3
        with open_hdf5(path) as file:
            raise ValueError(_no_layout(path, [n for n in file if not n.startswith("#")]))
    try:
        held = scipy.io.loadmat(path, squeeze_me=True, struct_as_record=True)
    except Exception as error:
        raise OSError(f"{path}: is damaged or not a MATLAB file ({error}).") from error
    return {name: value for name, value in held.items() if not name.startswith("__")}


def _no_layout(path: Path, names: list[str]) -> str:
    return (
        f"{path}: holds the arrays {names}, of which none says that it is spike times; read it"
        " yourself and label them with neurokit.spikes(times, stop=...)."
    )


def _from_arrays(path: Path, arrays: dict[str, Any]) -> xr.Dataset:
    """Find spike times among named arrays: flat with ``unit``, or one array for each unit."""
    name = next((name for name in _TIMES if name in arrays), None)
    times = np.asarray(arrays[name]) if name is not None else np.empty(0, dtype=object)
    per_unit: list[np.ndarray] | None = None
    ids: Any = None
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
        raise ValueError(_no_layout(path, list(arrays)))
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


def _alone(name: str, times: np.ndarray, arrays: dict[str, Any]) -> bool:
    """Whether nothing beside flat times could say which spike is whose."""
    sizes = [np.size(value) for other, value in arrays.items() if other != name]
    return times.ndim < 2 and times.size not in sizes


def _fields(value: Any) -> tuple[str, ...]:
    return (getattr(getattr(value, "dtype", None), "names", None)) or ()


def _span(per_unit: list[np.ndarray], arrays: dict[str, Any]) -> tuple[float, float]:
    """Return the span of the spikes and of the clocks beside them."""
    reach = [t for unit in per_unit if unit.size for t in (unit.min(), unit.max())]
    for name in ("time", "t", "pos_t", "start", "stop"):
        clock = np.asarray(arrays.get(name, []))
        if clock.dtype.kind in "fiu" and clock.size and np.isfinite(clock).all():
            reach += [clock.min(), clock.max()]
    return (float(min(reach)), float(max(reach))) if reach else (0.0, 0.0)
