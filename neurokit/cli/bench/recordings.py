"""Recordings of NeuroBench's primate reaching task, read and split as NeuroBench does."""

import os
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from neurokit.datasets.fetch import REACHING_SESSIONS
from neurokit.io.readers.hdf5 import open_hdf5
from neurokit.recording.make import behaviour, counts

RATE = 250  # Hz: steps of 4 ms, and as many runs of the decoder a second
_STEP = 0.004


class Recording(NamedTuple):
    """One recording of the task, and its split by time."""

    name: str
    counts: xr.DataArray  # (unit, time), 1 where a channel fired in a step, else 0
    velocity: xr.DataArray  # (time, feature), mm per step
    train: slice
    validation: slice
    test: slice


def read_recording(path: str | os.PathLike[str]) -> Recording:
    """Read a recording as NeuroBench's ``PrimateReaching`` of 4 ms bins does [1]_.

    All units of a channel are one; a step holds 1 if the channel fired between two steps and one
    step before it. The label is the central difference of the cursor. Reaches are cut where the
    target changes; the first half of the reaches is to train on, half of the rest to validate,
    and what is left, the end, to test.

    Parameters
    ----------
    path : path-like
        HDF5 (.mat, v7.3) with ``spikes``, ``cursor_pos``, ``target_pos`` and ``t``.

    Returns
    -------
    Recording

    Raises
    ------
    OSError
        If the file is damaged, of another layout, or has too few reaches to be split.

    References
    ----------
    .. [1] Yik et al. (2025), The NeuroBench framework for benchmarking neuromorphic computing
       algorithms and systems, Nat. Commun. 16, 1545: "non-human primate motor prediction".
    """
    path = Path(path)
    with open_hdf5(path) as file:
        wanted = ("spikes", "cursor_pos", "target_pos", "t")
        if missing := [name for name in wanted if name not in file]:
            raise OSError(f"{path}: is no reaching recording, it has {list(file)}, not {missing}.")
        clock = file["t"][()].ravel()
        cursor, target = (file[name][()].T for name in ("cursor_pos", "target_pos"))
        n = len(clock)
        if n < 2 or {len(cursor), len(target)} != {n}:
            raise OSError(
                f"{path}: is damaged, as t has {n} samples, cursor_pos {len(cursor)} and"
                f" target_pos {len(target)}."
            )
        fired = _fired(file, clock)
    ends = np.flatnonzero(np.abs(np.diff(target, axis=0)).sum(axis=1))  # last of each reach
    starts = np.append(0, ends)
    n_train = len(starts) // 2
    n_validation = (len(starts) - n_train) // 2
    if not n_train or not n_validation:
        raise OSError(f"{path}: has {len(starts)} reaches, too few to train, validate and test.")
    first, second = starts[n_train].item(), starts[n_train + n_validation].item()
    velocity = np.gradient(cursor.astype(np.float32), axis=0)
    return Recording(
        path.stem,
        counts(fired.T, bin_width=_STEP),
        behaviour(velocity, sampling_rate=RATE, features=["vx", "vy"]),
        slice(0, first),
        slice(first, second),
        slice(second, n),
    )


def _fired(file: Any, clock: NDArray[np.float64]) -> NDArray[np.int8]:
    """Tell whether each channel fired, shape (time, channel), by the edges of NeuroBench."""
    edges = np.arange(clock[0] - _STEP, clock[-1], _STEP)
    table = file["spikes"][()]  # (unit, channel)
    fired = np.zeros((max(len(clock), len(edges)), table.shape[1]), np.int8)
    for channel in range(table.shape[1]):
        for reference in table[:, channel]:
            cell = file[reference]
            if cell.attrs.get("MATLAB_empty", 0):  # holds its size, no times
                continue
            times = cell[()].ravel()
            times = times[(times >= edges[0]) & (times <= edges[-1])]
            found = np.searchsorted(edges, times, side="right")  # a spike counts one step late
            fired[np.minimum(found, len(edges) - 1), channel] = 1
    return fired[: len(clock)]


def find_recordings(folder: str | os.PathLike[str]) -> tuple[dict[str, Path], list[str]]:
    """Return the files of the task that lie in a folder or below, and the names that do not.

    Parameters
    ----------
    folder : path-like

    Returns
    -------
    found : dict of str to pathlib.Path
    missing : list of str

    Raises
    ------
    OSError
        If there is no such folder, or none of the six is in it.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise NotADirectoryError(f"{folder}: is no folder; give the one with the .mat files.")
    there = {path.stem: path for path in sorted(folder.rglob("*.mat"))}
    found = {name: there[name] for name in REACHING_SESSIONS if name in there}
    if not found:
        raise FileNotFoundError(
            f"{folder}: holds none of {', '.join(REACHING_SESSIONS)} (.mat); they are at"
            " https://zenodo.org/records/583331."
        )
    return found, [name for name in REACHING_SESSIONS if name not in found]
