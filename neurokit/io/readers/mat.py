"""MATLAB's files: a FieldTrip structure, or spike times in cells and structs."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import h5py
import pandas as pd
import xarray as xr

from neurokit.io.readers import mne_files
from neurokit.io.readers.array_signals import signal_of_arrays
from neurokit.io.readers.arrays import (
    say_no_layout,
    session_of_arrays,
    spikes_of_arrays,
    tree_of_signal,
)
from neurokit.io.readers.channels import choose_channels
from neurokit.io.readers.hdf5 import open_hdf5
from neurokit.io.readers.mat_file import check_mat
from neurokit.io.readers.reader import Found, Reader


def _read_spikes(found: Found) -> xr.Dataset:
    return spikes_of_arrays(found.path, _read_arrays(found.path))


def _read_session(found: Found) -> xr.DataTree:
    try:
        arrays = _read_arrays(found.path)
        tree = tree_of_signal(found.path, arrays)
        return session_of_arrays(found.path, arrays) if tree is None else tree
    except ValueError as error:
        try:
            return mne_files.read_session(found._replace(form="FieldTrip"))
        except (ValueError, OSError):
            raise error from None


def _read_signal(found: Found, channels: Sequence[str] | None) -> xr.DataArray:
    try:
        x = signal_of_arrays(found.path, _read_arrays(found.path))
    except ValueError:  # MATLAB 7.3, which MNE reads
        x = None
    if x is None:
        return mne_files.read_signal(found._replace(form="FieldTrip"), channels)
    return choose_channels(found.path, x, channels)


def _read_events(found: Found) -> pd.DataFrame:
    return mne_files.read_events(found._replace(form="FieldTrip"))


READER = Reader(_read_signal, _read_events, _read_spikes, _read_session)


def _read_arrays(path: Path) -> dict[str, Any]:
    import scipy.io

    if h5py.is_hdf5(path):  # MATLAB 7.3
        with open_hdf5(path) as file:
            raise ValueError(say_no_layout(path, [n for n in file if not n.startswith("#")]))
    check_mat(path)
    try:
        held = scipy.io.loadmat(path, squeeze_me=True, struct_as_record=True)
    except Exception as error:
        raise OSError(f"{path}: is damaged or not a MATLAB file ({error}).") from error
    return {name: value for name, value in held.items() if not name.startswith("__")}
