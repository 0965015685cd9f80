"""The four doors: signals, events, spikes, and all that a file holds of a session."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from neurokit.io.formats import find, reader_of, refuse
from neurokit.recording.clock import SampleIndex, exact


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
    MNE, and what ``save`` wrote. Of NPZ and MAT files those with a matrix called data, eeg or X
    beside one number called fs, srate or sfreq; of CSV and TSV files those with a column of times
    beside those of channels, and markers. The content of a file decides, then its name. Samples
    of recordings stay on disk until they are asked for: ``x.sel(time=slice(60, 70)).values``
    reads ten seconds.

    Parameters
    ----------
    path : path-like
        A file; for BrainVision and EEGLAB any of its parts, for EGI and Neuralynx the folder;
        the address of an NWB file (see `read_session`).
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
    if isinstance(channels, str):
        raise TypeError(f"read_signal: channels must be a list of names, got {channels!r}.")
    found = find(path)
    read = reader_of(found).signal
    x = refuse(found, "signal") if read is None else read(found, channels)
    if start is not None or stop is not None:
        x = _cut(found.path, x, start, stop)
    return x if chunks is None else x.chunk(chunks)


def read_events(path: str | os.PathLike[str] | Any) -> pd.DataFrame:
    """Read what happened when: annotations, markers, triggers.

    Parameters
    ----------
    path : path-like, or MNE Raw or Epochs
        A recording, as `read_signal` takes it; a reaching recording of the Sabes lab (its
        reaches); a BIDS ``_events.tsv``; or a ``-eve.fif`` that
        lies beside its ``_raw.fif``.

    Returns
    -------
    pandas.DataFrame
        ``onset`` and ``duration`` in s, on the clock of `read_signal`, and ``label``, in order of
        onset. Files without annotations give each rise of their trigger channels, with the value
        as label. Gaps of an interrupted recording are events named ``BAD_ACQ_SKIP``.

    Raises
    ------
    OSError
        If there is no such file, or it is damaged.
    ValueError
        If no reader knows the format.

    Examples
    --------
    >>> import tempfile, neurokit
    >>> from neurokit import io
    >>> x = neurokit.signal([[0.0, 50, 100, 50]], sampling_rate=2, channels=["Cz"])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = io.write_edf(f"{folder}/a.edf", x, neurokit.recording.events([0.5, 1], 0, "go"))
    ...     io.read_events(path)
       onset  duration label
    0    0.5       0.0    go
    1    1.0       0.0    go
    """
    if not isinstance(path, str | os.PathLike):
        from neurokit.io.readers.mne_files import list_events

        return list_events(path)
    found = find(path)
    read = reader_of(found).events
    return refuse(found, "events") if read is None else read(found)


def read_spikes(path: str | os.PathLike[str]) -> xr.Dataset:
    """Read the sorted spikes of a file, whatever its format.

    NWB, of version 2 and 1, and the reaching recordings of the Sabes lab are read by neurokit
    itself; Blackrock, Plexon, Neuralynx, Spike2 and others through neo. Of NumPy's and MATLAB's
    files those are read that say which array is what: ``spike_times`` with ``unit`` for each
    spike (or without, of one unit), or a cell or struct array with a field ``spikeTimes`` for
    each unit; or such under names like ``spk``, ``ts``, ``times`` and ``clusters``, where the
    times of a unit never decrease.

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
    found = find(path)
    read = reader_of(found).spikes
    return refuse(found, "spikes") if read is None else read(found)


def read_session(path: str | os.PathLike[str]) -> xr.DataTree:
    """Read signals, spikes, events and behaviour of a session, whatever its format.

    Parameters
    ----------
    path : path-like
        NWB, also over the network: of ``"https://..."`` only the ranges that are used are
        fetched; ``"s3://..."`` and others go through fsspec (``pip install
        "neurokit-brain[remote]"``); a reaching recording of the Sabes lab; a BIDS folder
        (through mne-bids); a file that ``read_signal``, ``read_spikes`` or ``read_events``
        takes; what ``save`` wrote.

    Returns
    -------
    xarray.DataTree
        As far as the file holds them: ``signal/<name>``, with the variable ``signal``;
        ``spikes``; ``events``, the columns of its table along ``event``; ``behaviour``, with the
        variable ``behaviour``. Signals stay on disk until they are used.
        ``session["events"].to_dataset().to_dataframe()`` is the table.

    Raises
    ------
    OSError
        If there is no such file, or it is damaged.
    ValueError
        If no reader knows the format.
    ImportError
        If the format needs an extra, which the message names.

    Examples
    --------
    >>> import tempfile, neurokit
    >>> from neurokit import io
    >>> x = neurokit.signal([[0.0, 50, 100, 50]], sampling_rate=2, channels=["Cz"], types="eeg")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = io.write_edf(f"{folder}/a.edf", x, neurokit.recording.events([0.5], 0, "go"))
    ...     sorted(node.path for node in io.read_session(f"{folder}/a.edf").leaves)
    ['/events', '/signal/eeg']
    """
    found = find(path)
    read = reader_of(found).session
    return refuse(found, "session") if read is None else read(found)


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
