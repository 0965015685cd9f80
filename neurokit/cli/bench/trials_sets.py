"""Public sets of trials as their authors hand them out, read from a folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from scipy.signal import butter, sosfiltfilt

from neurokit import io, recording

# Hz of Nakanishi 2015, in the order of the array
NAKANISHI = (9.25, 11.25, 13.25, 9.75, 11.75, 13.75, 10.25, 12.25, 14.25, 10.75, 12.75, 14.75)
_CUE = 38  # samples before the flicker begins
_LATENCY = 0.135  # s, of the visual pathway, as its authors cut it


def read_imagery(folder: Path) -> xr.DataArray:
    """Read left and right hand of BNCI 2014-001 (A01T.mat, ...), or saved trials.

    Parameters
    ----------
    folder : Path
        With the training files of some people, or trials written by `neurokit.io.save`.

    Returns
    -------
    xarray.DataArray of dims ("trial", "channel", "time")
        8 to 32 Hz, 2 to 6 s after the beginning of a trial; first session.
    """
    return _read(folder, "A0?T.mat", _imagery)


def read_flicker(folder: Path) -> xr.DataArray:
    """Read the twelve targets of Nakanishi 2015 (s1.mat, ...), or saved trials.

    Parameters
    ----------
    folder : Path

    Returns
    -------
    xarray.DataArray of dims ("trial", "channel", "time")
        One second from the flicker's beginning and the latency on, 6 to 80 Hz.
    """
    return _read(folder, "s*.mat", _flicker)


def _read(folder: Path, pattern: str, read: Callable[[Path], xr.DataArray]) -> xr.DataArray:
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder}: no such folder.")
    files = sorted(folder.rglob(pattern))
    pieces = [read(path) for path in files]
    if not pieces:
        saved = sorted([*folder.glob("*.nc"), *folder.glob("*.zarr")])
        pieces = [io.load(path) for path in saved]
        files = saved
    if not pieces:
        raise FileNotFoundError(
            f"{folder}: holds neither {pattern} nor trials written by neurokit.io.save (.nc,"
            " .zarr)."
        )
    for path, piece in zip(files, pieces, strict=True):
        if not isinstance(piece, xr.DataArray) or not {"label", "subject"} <= set(piece.coords):
            raise ValueError(f"{path}: must hold trials with the coordinates label and subject.")
    return xr.concat(pieces, "trial", coords="different", compat="equals", join="exact")


def _imagery(path: Path) -> xr.DataArray:
    """Trials of one file: runs with fields X (time, channel), trial, y, fs."""
    from scipy.io import loadmat

    runs = np.atleast_1d(loadmat(path, squeeze_me=True, struct_as_record=False)["data"])
    pieces = []
    for number, run in enumerate(runs):
        starts = np.atleast_1d(np.asarray(run.trial, int)) - 1
        kinds = np.atleast_1d(np.asarray(run.y, int))
        chosen = np.isin(kinds, (1, 2)) if len(starts) else np.array([], bool)
        if not chosen.any():
            continue  # eyes open, eyes closed, eye movements
        x = _band_pass(np.asarray(run.X, float)[:, :22].T, float(run.fs), 8.0, 32.0)
        whole = recording.signal(x, sampling_rate=float(run.fs), types="eeg")
        names = np.where(kinds[chosen] == 1, "left", "right")
        events = recording.events(starts[chosen] / float(run.fs), 0.0, names)
        trials = recording.epoch(whole, events, tmin=2.0, tmax=6.0)
        pieces.append(_name(trials, path.stem[:3], number))
    return xr.concat(pieces, "trial")


def _flicker(path: Path) -> xr.DataArray:
    """Trials of one file: ``eeg`` of (target, channel, time, block)."""
    from scipy.io import loadmat

    eeg = np.asarray(loadmat(path)["eeg"], float).transpose(3, 0, 1, 2)
    n_blocks, n_targets = eeg.shape[:2]
    rate = 256.0
    first = _CUE + round(_LATENCY * rate)
    x = _band_pass(eeg, rate, 6.0, 80.0)[..., first : first + 256]
    trials = recording.signal(
        x.reshape(-1, *x.shape[2:]),
        sampling_rate=rate,
        types="eeg",
        trials={"label": np.tile([f"{f:g}" for f in NAKANISHI[:n_targets]], n_blocks)},
    )
    block = np.repeat(np.arange(n_blocks), n_targets)
    return _name(trials, path.stem, block)


def _band_pass(x: np.ndarray, rate: float, low: float, high: float) -> np.ndarray:
    sos = butter(4, (low, high), "bandpass", fs=rate, output="sos")
    filtered: np.ndarray = sosfiltfilt(sos, x, axis=-1)
    return filtered


def _name(trials: xr.DataArray, subject: str, run: Any) -> xr.DataArray:
    n = trials.sizes["trial"]
    return trials.assign_coords(
        subject=("trial", [subject] * n),
        session=("trial", ["1"] * n),
        run=("trial", np.broadcast_to(run, n).copy()),
    )
