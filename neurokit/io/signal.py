"""One door to recorded signals of every format."""

import hashlib
import os
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from neurokit.io.formats import find_format, open_mne
from neurokit.io.readers.channels import label_units
from neurokit.io.readers.edf import read_edf
from neurokit.recording.clock import SampleIndex, exact

_BLOCK = 1 << 16  # samples hashed at a time


def read_signal(
    path: str | os.PathLike[str],
    *,
    channels: Sequence[str] | None = None,
    start: float | None = None,
    stop: float | None = None,
    chunks: Any = None,
) -> xr.DataArray:
    """Read EEG, iEEG or MEG from a file, whatever its format.

    EDF, EDF+ and BDF are read by neurokit itself; GDF, BrainVision, EEGLAB, FIF, CNT, Curry,
    EGI, Nihon Kohden, Persyst, NIRX, SNIRF, FieldTrip, Blackrock, Neuralynx and others through
    MNE, and what ``save`` wrote. The content of a file decides, then its name. Samples stay on
    disk until they are asked for: ``x.sel(time=slice(60, 70)).values`` reads ten seconds.

    Parameters
    ----------
    path : path-like
        A file; for BrainVision and EEGLAB any of its parts, for EGI and Neuralynx the folder.
    channels : sequence of str, optional
        Names to keep, in this order. Default: all; in an EDF file whose channels differ in
        sampling rate, those of the rate at which most samples were taken (a warning names the
        others).
    start, stop : float, optional
        Keep ``start <= time < stop``, in seconds.
    chunks : int, dict or "auto", optional
        Make it a dask array of such blocks, as in `xarray.DataArray.chunk`.

    Returns
    -------
    xarray.DataArray of dims ("channel", "time"), for epochs ("trial", "channel", "time")
        float32: voltages in uV, magnetometers in fT, gradiometers in fT/cm, everything else as in
        the file. Where channels differ, the coordinate ``units`` says it for each, and
        ``attrs["units"]`` what all but trigger channels have, or "mixed". Time is 0 at
        the first sample, in FIF files ``first_time``, in epochs the event; where a recording was
        interrupted (EDF+D) it jumps.

    Raises
    ------
    OSError
        If there is no such file, or it is damaged, cut short or something else.
    ValueError
        If no reader knows the format, a channel is missing, or nothing lies between ``start``
        and ``stop``.

    Warns
    -----
    UserWarning
        If the file is shorter than it says, was interrupted, has several sampling rates, or names
        no unit (a range of 1 and more is then taken for microvolts).

    See Also
    --------
    read_events : The annotations of the same file.

    Examples
    --------
    >>> import tempfile, neurokit
    >>> from neurokit import io
    >>> x = neurokit.signal([[0.0, 50, 100, 50]], sampling_rate=2, channels=["Cz"])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = io.write_edf(f"{folder}/a.edf", x)
    ...     io.read_signal(path, start=1).values.round()
    array([[100.,  50.]], dtype=float32)
    """
    path = Path(path)
    if isinstance(channels, str):
        raise TypeError(f"read_signal: channels must be a list of names, got {channels!r}.")
    path, form = (path, "saved") if path.suffix in (".zarr", ".nc") else find_format(path)
    if form in ("EDF", "BDF"):
        x = read_edf(path, channels)
    else:
        by_session = form in ("NWB", "neo", "saved")
        x = _of_session(path, form) if by_session else _of_mne(path, form)
        if channels is not None:
            x = _choose(path, x, channels)
    if start is not None or stop is not None:
        x = _cut(path, x, start, stop)
    return x if chunks is None else x.chunk(chunks)


def _of_mne(path: Path, form: str) -> xr.DataArray:
    from neurokit.io.bridges.mne import label_mne

    if form == "FieldTrip":
        from neurokit.io.readers.sabes import is_reaching

        if is_reaching(path):
            raise ValueError(
                f"{path}: holds spikes and behaviour and no signals; io.read_session reads it."
            )
    return label_mne(open_mne(path, form))


def _of_session(path: Path, form: str) -> xr.DataArray:
    """Take the signal out of a session; of several the one with most samples."""
    if form == "NWB":
        from neurokit.io.readers.nwb import read_nwb_session as read
    elif form == "saved":
        from neurokit.io.session import read_saved_session as read  # type: ignore[assignment]
    else:
        from neurokit.io.bridges.neo import read_neo_session as read
    found = {
        node.path.strip("/"): node.to_dataset()["signal"]
        for node in read(path).subtree
        if "signal" in node.data_vars and {"channel", "time"} <= set(node["signal"].dims)
    }
    if not found:
        raise ValueError(f"{path}: holds no signals; io.read_session reads what it holds.")
    name = max(found, key=lambda name: found[name].size)
    if len(found) > 1:
        warnings.warn(
            f"{path}: holds {len(found)} signals, of which {name} is read; io.read_session has all"
            f" ({', '.join(found)}).",
            stacklevel=3,
        )
    return found[name]


def _choose(path: Path, x: xr.DataArray, channels: Sequence[str]) -> xr.DataArray:
    names = x["channel"].values.tolist()
    if missing := [name for name in channels if name not in names]:
        raise ValueError(f"{path}: has no channels {missing}; it has {names}.")
    x = x.isel(channel=[names.index(name) for name in channels])
    if "units" in x.coords and "type" in x.coords:
        x = label_units(x.drop_vars("units"), x["units"].values.tolist())
    return x


def _cut(path: Path, x: xr.DataArray, start: float | None, stop: float | None) -> xr.DataArray:
    """Keep ``start <= time < stop``."""
    clock = x.xindexes["time"]
    edges = []
    for value, default in ((start, 0), (stop, x.sizes["time"])):
        if value is None:
            edges.append(default)
        elif isinstance(clock, SampleIndex):
            position = exact(value) * clock.rate - clock.first
            nearest = round(position)  # a float that means a sample is that sample
            at = nearest if abs(position - nearest) < 1e-6 else -(-position // 1)
            edges.append(min(max(int(at), 0), x.sizes["time"]))
        else:
            edges.append(int(np.searchsorted(x["time"].values, value - 1e-9)))
    if edges[0] >= edges[1]:
        first, last = (float(x["time"][i]) for i in (0, -1))
        raise ValueError(
            f"{path}: has no samples from start={start} to stop={stop}; it runs from {first:g} to"
            f" {last:g} s."
        )
    return x.isel(time=slice(*edges))


def fingerprint(x: xr.DataArray | str | os.PathLike[str]) -> str:
    """Sum up the samples of a recording, to find one that goes by two names.

    Parameters
    ----------
    x : xarray.DataArray of dims ("channel", "time"), or path-like
        A signal, or a file for `read_signal`. It is read block by block.

    Returns
    -------
    str
        32 hexadecimal digits. Equal for equal samples of equal length, whatever the names of
        file, channels and subject; different, in practice, for any others.

    Examples
    --------
    >>> import numpy as np, neurokit
    >>> x = neurokit.signal(np.eye(2, 50), sampling_rate=10)
    >>> fingerprint(x) == fingerprint(x.assign_coords(channel=["C3", "C4"]))
    True
    """
    if not isinstance(x, xr.DataArray):
        x = read_signal(x)
    digest = hashlib.blake2b(repr(x.shape).encode(), digest_size=16)
    for first in range(0, x.sizes["time"], _BLOCK):
        block = x.isel(time=slice(first, first + _BLOCK)).values
        digest.update(np.ascontiguousarray(block, dtype="<f4").data)
    return digest.hexdigest()
