"""What NWB files are made of: tables, series and their clocks, read by h5py."""

import contextlib
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np
import pandas as pd
import xarray as xr
from xarray.backends import CachingFileManager

from neurokit.io.readers.damage import say_which
from neurokit.io.readers.hdf5 import open_hdf5, read_numbers
from neurokit.io.readers.lazy import lazy_variable
from neurokit.io.readers.remote import as_address, open_either, open_remote
from neurokit.recording.clock import SampleIndex, exact
from neurokit.recording.first_look import FirstLook

MICROVOLTS = {"v": 1e6, "volt": 1e6, "volts": 1e6, "mv": 1e3, "uv": 1.0, "microvolts": 1.0}
_FOLDERS = ("acquisition", "processing", "stimulus/presentation", "analysis")
_SHORT = 2**21  # timestamps up to which a clock is looked at as a whole, 16 MiB


@contextlib.contextmanager
def open_nwb(path: Path) -> Iterator[h5py.File]:
    """Open an NWB file, of version 1 or 2, or say why not."""
    if path.is_dir():
        raise IsADirectoryError(f"{path}: is a folder; NWB files in HDF5 are read, not in zarr.")
    with _open(path) as file:
        if "nwb_version" not in file.attrs and "nwb_version" not in file:
            raise OSError(f"{path}: is HDF5 without an nwb_version, so it is not NWB.")
        yield file


@contextlib.contextmanager
def _open(path: Path) -> Iterator[h5py.File]:
    if as_address(path) is None:
        with open_hdf5(path) as file:
            yield file
        return
    with open_remote(str(path)) as file, say_which(path):
        yield file


def text(value: Any) -> str:
    """Return what HDF5 holds as text: bytes, str, or an array of one."""
    value = value[()] if isinstance(value, h5py.Dataset) else value
    if isinstance(value, np.ndarray):
        return ", ".join(text(item) for item in value.flat)
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)


def kind_of(group: h5py.Group) -> str:
    """Return the neurodata type of a group, "" if it has none."""
    return text(group.attrs.get("neurodata_type", ""))


class Table:
    """A DynamicTable: columns of equal length, some of them ragged."""

    def __init__(self, group: h5py.Group) -> None:
        self.group = group
        self.size = len(group["id"]) if "id" in group else 0

    def __contains__(self, name: str) -> bool:
        return isinstance(self.group.get(name), h5py.Dataset)

    def names(self) -> list[str]:
        """Names of the columns in the order of the table, without the indices of ragged ones."""
        listed = [text(name) for name in np.atleast_1d(self.group.attrs.get("colnames", []))]
        held = [n for n in self.group if n != "id" and not n.endswith("_index")]
        return [name for name in dict.fromkeys([*listed, *held]) if name in self]

    def column(self, name: str) -> np.ndarray | None:
        """Return a column of one number or text for each row, None if it is not one."""
        column = self.group.get(name)
        if not isinstance(column, h5py.Dataset) or column.shape != (self.size,):
            return None
        if f"{name}_index" in self.group or h5py.check_ref_dtype(column.dtype):
            return None
        if column.dtype.kind in "OS":
            return np.array([text(value) for value in column[:]], dtype=str)
        if column.dtype.kind in "biuf":
            return column[:]
        levels = h5py.check_enum_dtype(column.dtype)  # booleans and categories
        return column[:].astype(bool) if levels and set(levels) == {"FALSE", "TRUE"} else None

    def ragged(self, name: str) -> list[np.ndarray] | None:
        """Return a ragged column as one array for each row."""
        if name not in self:
            return None
        if f"{name}_index" not in self.group:
            return [np.atleast_1d(value) for value in self.group[name][:]]
        values = self.group[name][:]
        number = self.lengths(name, len(values))
        ends = np.cumsum(number)
        return np.split(values[: ends[-1]], ends[:-1]) if len(ends) else []

    def lengths(self, name: str, size: int) -> np.ndarray:
        """Return how many of ``size`` values of a ragged column belong to each row."""
        ends = self.group[f"{name}_index"][:].astype(np.int64)
        number = np.diff(ends, prepend=0)
        if len(ends) != self.size or (number < 0).any() or (ends > size).any():
            raise OSError(
                f"{self.group.file.filename}: is damaged, as {self.group.name}/{name}_index does"
                f" not divide its {size} values among {self.size} rows."
            )
        return number


def read_times(table: Table) -> tuple[np.ndarray, np.ndarray, FirstLook]:
    """Return all spike times, unit by unit, how many each has, and what they look like."""
    look = FirstLook()
    if "spike_times_index" not in table.group:
        times = [np.asarray(one, np.float64) for one in table.ragged("spike_times") or []]
        flat = np.concatenate([np.empty(0), *times])
        return flat, np.array([len(one) for one in times], np.int64), FirstLook.of(flat)
    flat = read_numbers(table.group["spike_times"], look.add)
    number = table.lengths("spike_times", len(flat))
    if flat.dtype == np.float64 and number.sum() == len(flat):
        return flat, number, look
    flat = np.asarray(flat[: number.sum()], np.float64)
    return flat, number, FirstLook.of(flat)


class Electrodes(NamedTuple):
    """The electrodes that series and units refer to by row."""

    names: np.ndarray
    regions: np.ndarray | None
    positions: np.ndarray | None

    def pick(self, rows: Sequence[int] | np.ndarray, names: str = "channels") -> dict[str, Any]:
        """Return keywords for `signal` or `spikes` with what is known of these rows."""
        rows = np.asarray(rows, dtype=np.intp)
        chosen: dict[str, Any] = {names: self.names[rows]}
        if self.regions is not None:
            chosen["regions"] = self.regions[rows]
        if self.positions is not None:
            chosen["positions"] = self.positions[rows]
        return chosen


def read_electrodes(file: h5py.File) -> Electrodes | None:
    """Read the table of electrodes; positions are micrometres by the schema, here mm."""
    group = file.get("general/extracellular_ephys/electrodes")
    if not isinstance(group, h5py.Group) or "id" not in group:
        return None
    table = Table(group)
    names = np.array([str(i) for i in group["id"][:]])
    for column in ("channel_name", "label", "electrode_name"):
        given = table.column(column)
        if given is not None and len(set(given.tolist())) == table.size:
            names = given.astype(str)
            break
    axes = [c for axis in "xyz" if (c := table.column(axis)) is not None and c.dtype.kind == "f"]
    positions = None
    if len(axes) == 3:
        positions = np.stack(axes, axis=1).astype(np.float64) / _per_mm(table)
        if not (np.isfinite(positions) & (positions != 0)).any():  # fillers
            positions = None
    regions = table.column("location")
    if regions is not None and set(regions.tolist()) <= {"", "unknown", "n/a"}:
        regions = None
    return Electrodes(names, regions, positions)


def _per_mm(table: Table) -> float:
    """Return how many units of its places make a mm: they are micrometres by the schema.

    A column whose unit or description says millimetres, metres or centimetres is believed.
    """
    for axis in "xyz":
        column = table.group.get(axis)
        attrs = column.attrs if isinstance(column, h5py.Dataset) else {}
        said = " ".join(text(attrs[k]) for k in ("unit", "units", "description") if k in attrs)
        if re.search(r"\b(mm|milli-?met(er|re)s?)\b", said, re.IGNORECASE):
            return 1.0
        if re.search(r"\b(um|µm|μm|microns?|micro-?met(er|re)s?)\b", said, re.IGNORECASE):
            return 1000.0
        if re.search(r"\b(cm|centi-?met(er|re)s?)\b", said, re.IGNORECASE):
            return 0.1
        if re.search(r"\bmet(er|re)s\b|^m$", said, re.IGNORECASE):
            return 0.001
    return 1000.0


def find_series(file: h5py.File) -> list[h5py.Group]:
    """Return every group with a clock of its own, in the order of the file."""
    found: list[h5py.Group] = []

    def walk(group: h5py.Group) -> None:
        for name in group:
            with contextlib.suppress(KeyError):  # a link to a file that is elsewhere
                member = group[name]
                if not isinstance(member, h5py.Group):
                    continue
                if "timestamps" in member or "starting_time" in member:
                    found.append(member)
                else:
                    walk(member)

    for name in _FOLDERS:
        if isinstance(file.get(name), h5py.Group):
            walk(file[name])
    return found


def read_clock(series: h5py.Group, size: int) -> SampleIndex | np.ndarray:
    """Return the clock of a series: exact if it is even, otherwise its timestamps."""
    if "starting_time" in series:
        start = series["starting_time"]
        rate = exact(float(start.attrs["rate"]))
        return SampleIndex(exact(float(start[()])) * rate, rate, size)
    stamps = series["timestamps"]
    if len(stamps) != size:
        raise ValueError(f"{size} samples and {len(stamps)} timestamps")
    if size <= _SHORT:
        times = stamps[:].astype(np.float64)
        with contextlib.suppress(ValueError):
            clock = SampleIndex.from_times(times)
            if clock.rate > 0:
                return clock
        return times
    first, last = float(stamps[0]), float(stamps[size - 1])
    rate = exact(round((size - 1) / (last - first), 6)) if last > first else exact(1)
    clock = SampleIndex(exact(first) * rate, rate, size)
    for a in range(0, size, _SHORT):
        block = stamps[a : a + _SHORT]
        expected = first + np.arange(a, a + len(block)) / float(rate)
        if np.abs(block - expected).max() > 1e-3 / float(rate):
            return stamps[:].astype(np.float64)
    return clock


class _Columns:
    """Reader of a series' data, of shape (n_times,) or (n_times, n_channels)."""

    def __init__(self, data: h5py.Dataset, gain: np.ndarray, offset: float) -> None:
        self.manager = CachingFileManager(open_either, data.file.filename, mode="r")
        self.name, self.gain, self.offset = data.name, gain, offset
        self.n_times, self.n_channels, self.n_dims = data.shape[0], len(gain), data.ndim
        self.as_stored = bool((gain == 1).all()) and not offset
        self._held: tuple[h5py.File, h5py.Dataset] | None = None

    def __getstate__(self) -> dict[str, object]:
        return self.__dict__ | {"_held": None}

    def _find(self) -> h5py.Dataset:
        """Return the data, the same object as long as the file is: its first read is slow."""
        file, held = self.manager.acquire(), self._held
        if held is None or held[0] is not file:
            held = self._held = (file, file[self.name])
        return held[1]

    def read(self, channels: np.ndarray, start: int, stop: int) -> np.ndarray:
        """Return samples as float32 of shape (n_channels, stop - start)."""
        if not len(channels):
            return np.empty((0, stop - start), np.float32)
        data = self._find()
        if self.n_dims == 1:
            raw = data[start:stop][None].repeat(len(channels), axis=0)
        else:
            low, high = int(channels[0]), int(channels[-1]) + 1
            if len(channels) == high - low and (channels[1:] > channels[:-1]).all():
                raw = data[start:stop, low:high].T
            else:
                low, high = int(channels.min()), int(channels.max()) + 1
                raw = data[start:stop, low:high].T[channels - low]
        if self.as_stored:
            return raw.astype(np.float32, copy=False)  # laid out as in the file
        exact_enough = raw.dtype.itemsize <= (2 if raw.dtype.kind in "iu" else 4)
        gain = self.gain[channels, None].astype(np.float32 if exact_enough else np.float64)
        values = raw * gain
        if self.offset:
            values += gain.dtype.type(self.offset)
        return values.astype(np.float32, copy=False)


def read_lazily(series: h5py.Group) -> tuple[xr.Variable, str]:
    """Return the data of a series as (channel, time), volts in microvolts, and their unit."""
    data = series["data"]
    n_channels = 1 if data.ndim == 1 else data.shape[1]
    unit, scale = _unit(data)
    gain = np.full(n_channels, float(data.attrs.get("conversion", 1.0)))
    if "channel_conversion" in series:
        gain = gain * series["channel_conversion"][:]
    offset = float(data.attrs.get("offset", 0.0)) * scale
    return lazy_variable(_Columns(data, gain * scale, offset)), unit


def read_whole(series: h5py.Group) -> tuple[np.ndarray, str]:
    """Return the data of a series as (time, feature), and their unit."""
    data = series["data"]
    values = np.asarray(data[()], dtype=np.float64).reshape(len(data), -1)
    values = values * float(data.attrs.get("conversion", 1)) + float(data.attrs.get("offset", 0))
    return values, text(data.attrs.get("unit", ""))


def _unit(data: h5py.Dataset) -> tuple[str, float]:
    unit = text(data.attrs.get("unit", ""))
    scale = MICROVOLTS.get(unit.strip().lower())
    return (unit, 1.0) if scale is None else ("uV", scale)


def join_tables(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Put tables of events one after another; columns that one lacks are NaN or "n/a" there."""
    whole = pd.concat(tables, ignore_index=True)
    for name in whole.columns:
        parts = [table[name] for table in tables if name in table]
        if not all(pd.api.types.is_numeric_dtype(part) for part in parts):
            texts = [t[name].astype(str) if name in t else ["n/a"] * len(t) for t in tables]
            whole[name] = np.array([text for part in texts for text in part], dtype=object)
        elif len(parts) < len(tables) or len({part.dtype.kind for part in parts}) > 1:
            whole[name] = whole[name].astype(np.float64)
    return whole
