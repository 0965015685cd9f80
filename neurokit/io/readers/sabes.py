"""Reaching recordings of the Sabes lab: HDF5 files (MATLAB v7.3) of spikes and cursor."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import xarray as xr

from neurokit.io.readers.hdf5 import open_hdf5
from neurokit.io.readers.reader import Found, Reader
from neurokit.recording.clock import SampleIndex
from neurokit.recording.make import behaviour, events
from neurokit.recording.spikes import spikes

_PARTS = {"spikes", "cursor_pos", "t"}
_FEATURES = {  # names of the rows; the finger's, if there, are z, -x, -y and then its angles
    "cursor_pos": ["cursor_x", "cursor_y"],
    "target_pos": ["target_x", "target_y"],
    "finger_pos": ["finger_z", "finger_-x", "finger_-y", "azimuth", "elevation", "roll"],
}


def read_reaching_spikes(path: Path) -> xr.Dataset:
    """Read the spikes of a reaching recording.

    Parameters
    ----------
    path : Path
        HDF5 with ``spikes``, references to spike times over (unit, channel), ``t``,
        ``cursor_pos`` and ``target_pos``.

    Returns
    -------
    xarray.Dataset
        Spikes. A unit is named after its channel and its place there, ``"M1 001/0"``; place 0
        holds the unsorted threshold crossings, the others sorted units. ``channel`` and ``region``
        (M1 or S1, where the file names its channels) stand beside it. The observed span is
        that of ``t``; the few spikes outside it are left out. Empty places are left out.

    Raises
    ------
    OSError
        If the file is damaged or of another layout.
    """
    with _open(path) as file:
        table = file["spikes"]
        names = _channel_names(file, table.shape)
        references = table[:].T if len(names) == table.shape[1] else table[:]
        clock = file["t"][()].ravel()
        start, stop = float(clock[0]), float(clock[-1])
        times, ids, channels = [], [], []
        for name, row in zip(names, references, strict=True):
            for place, reference in enumerate(row):
                found = file[reference]
                if found.attrs.get("MATLAB_empty", 0) or found.dtype.kind != "f":
                    continue
                unit = found[()].ravel()
                times.append(unit[(unit >= start) & (unit <= stop)])
                ids.append(f"{name}/{place}")
                channels.append(name)
    regions = [name.split()[0] if " " in name else "" for name in channels]
    return spikes(
        times,
        start=start,
        stop=stop,
        ids=ids,
        channels=channels,
        regions=regions if any(regions) else None,
    )


def read_reaching_behaviour(path: Path) -> xr.DataArray:
    """Read cursor, target and, if it is there, finger of a reaching recording.

    Parameters
    ----------
    path : Path

    Returns
    -------
    xarray.DataArray of dims ("time", "feature")
        At 250 Hz. Positions in mm, those of the finger in cm and degrees, as the file has them.

    Raises
    ------
    OSError
        If the file is damaged or of another layout.
    """
    with _open(path) as file:
        clock = SampleIndex.from_times(file["t"][()].ravel())
        columns, names = [], []
        for part, features in _FEATURES.items():
            if part not in file:
                continue
            values = file[part][()]
            values = values if values.shape[0] == clock.size else values.T
            if values.shape[0] != clock.size:
                raise OSError(
                    f"{path}: is damaged, as {part} has {max(values.shape)} samples and t has"
                    f" {clock.size}."
                )
            columns.append(values)
            names += features[: values.shape[1]]
    return behaviour(
        np.concatenate(columns, axis=1),
        sampling_rate=clock.rate,
        features=names,
        units=["cm" if "finger" in n else "mm" if "_" in n else "deg" for n in names],
        start=clock.first / clock.rate,
    )


def read_reaching_events(path: Path) -> pd.DataFrame:
    """Find the reaches: each lasts from one change of target to the next.

    Parameters
    ----------
    path : Path

    Returns
    -------
    pandas.DataFrame
        ``onset``, ``duration``, ``label`` "reach", and the target's ``target_x``, ``target_y``.
    """
    moved = read_reaching_behaviour(path)
    if "target_x" not in moved["feature"].values:
        return events([], [], [])
    target = moved.sel(feature=["target_x", "target_y"]).values
    time = moved["time"].values
    first = np.flatnonzero(np.r_[True, (np.diff(target, axis=0) != 0).any(axis=1)])
    ends = np.append(time[first[1:]], time[-1])
    return events(
        time[first],
        ends - time[first],
        "reach",
        target_x=target[first, 0],
        target_y=target[first, 1],
    )


@contextlib.contextmanager
def _open(path: Path) -> Iterator[h5py.File]:
    with open_hdf5(path) as file:
        if missing := sorted(_PARTS - set(file)):
            raise OSError(f"{path}: is no reaching recording, it has {list(file)}, not {missing}.")
        yield file


def _channel_names(file: h5py.File, shape: tuple[int, int]) -> list[str]:
    """Return the names the file gives its channels, "M1 001", or "ch000"."""
    table = file.get("chan_names")
    if table is None or table.size not in shape:
        return [f"ch{i:03d}" for i in range(shape[1])]
    return ["".join(map(chr, file[reference][()].ravel())) for reference in table[()].ravel()]


def _read_session(found: Found) -> xr.DataTree:
    path = found.path
    return xr.DataTree.from_dict(
        {
            "spikes": read_reaching_spikes(path),
            "behaviour": read_reaching_behaviour(path).to_dataset(name="behaviour"),
            "events": read_reaching_events(path).rename_axis("event").to_xarray(),
        }
    )


READER = Reader(
    spikes=lambda found: read_reaching_spikes(found.path),
    events=lambda found: read_reaching_events(found.path),
    session=_read_session,
)
