"""One door to all that a file or folder holds of a session."""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from neurokit.io.formats import find_format
from neurokit.io.spikes import kind_of_recording, read_spikes


def read_session(path: str | os.PathLike[str]) -> xr.DataTree:
    """Read signals, spikes, events and behaviour of a session, whatever its format.

    Parameters
    ----------
    path : path-like
        NWB; a reaching recording of the Sabes lab; a BIDS folder (through mne-bids); a file
        that ``read_signal``, ``read_spikes`` or ``read_events`` takes; what ``save`` wrote.

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
    path = Path(path)
    kind = kind_of_recording(path)
    if path.suffix in (".zarr", ".nc"):
        return read_saved_session(path)
    if path.suffix.lower() in (".tsv", ".csv"):
        from neurokit.io.events import read_events

        return xr.DataTree.from_dict({"events": _along_event(read_events(path))})
    if kind == "nwb":
        from neurokit.io.readers.nwb import read_nwb_session

        return read_nwb_session(path)
    if kind == "reaching":
        return _reaching(path)
    if kind == "bids" or (path.is_dir() and path.name.startswith(("sub-", "ses-"))):
        from neurokit.io.readers.bids import read_bids_session

        return read_bids_session(path)
    if kind in ("npz", "npy"):
        return xr.DataTree.from_dict({"spikes": read_spikes(path)})
    if kind == "mat":
        try:
            return xr.DataTree.from_dict({"spikes": read_spikes(path)})
        except ValueError as error:
            return _signals(path, error)
    try:
        _, form = find_format(path)
    except (ValueError, IsADirectoryError):
        form = ""
    if form in ("", "neo", "Blackrock", "Neuralynx"):
        from neurokit.io.bridges.neo import read_neo_session

        return read_neo_session(path)
    return _signals(path)


def read_saved_session(path: Path) -> xr.DataTree:
    """Read what ``save`` wrote; of a single recording it makes a session of one part.

    Raises
    ------
    ValueError
        If it holds something else than a recording, spikes, events or a session.
    """
    from neurokit.io.store import load

    held = load(path)
    if isinstance(held, xr.DataTree):
        return held
    if isinstance(held, pd.DataFrame) and "onset" in held:
        return xr.DataTree.from_dict({"events": _along_event(held)})
    if isinstance(held, xr.Dataset) and "spike_time" in held:
        return xr.DataTree.from_dict({"spikes": held})
    if isinstance(held, xr.DataArray) and "time" in held.dims:
        if "channel" in held.dims:
            return xr.DataTree.from_dict({"signal/signal": held.to_dataset(name="signal")})
        if "feature" in held.dims:
            return xr.DataTree.from_dict({"behaviour": held.to_dataset(name="behaviour")})
        if "unit" in held.dims:
            return xr.DataTree.from_dict({"traces/traces": held.to_dataset(name="traces")})
    raise ValueError(f"{path}: holds no session but a {type(held).__name__}; use io.load.")


def _reaching(path: Path) -> xr.DataTree:
    from neurokit.io.readers import sabes as reaching

    return xr.DataTree.from_dict(
        {
            "spikes": reaching.read_reaching_spikes(path),
            "behaviour": reaching.read_reaching_behaviour(path).to_dataset(name="behaviour"),
            "events": _along_event(reaching.read_reaching_events(path)),
        }
    )


def _signals(path: Path, other: ValueError | None = None) -> xr.DataTree:
    """Read a file by the door for signals; `other` is why another reader did not want it."""
    from neurokit.io.events import read_events
    from neurokit.io.signal import read_signal

    try:
        x = read_signal(path)
    except ValueError:
        if other is not None:
            raise other from None
        table = read_events(path)  # annotations without signals are a session, too
        if not len(table):
            raise
        return xr.DataTree.from_dict({"events": _along_event(table)})
    except OSError:
        if other is not None:
            raise other from None
        raise
    name = "signal"
    if "type" in x.coords:
        kinds, number = np.unique(x["type"].values, return_counts=True)
        name = str(kinds[number.argmax()])
    nodes = {f"signal/{name}": x.to_dataset(name="signal")}
    if len(table := read_events(path)):
        nodes["events"] = _along_event(table)
    return xr.DataTree.from_dict(nodes)


def _along_event(table: pd.DataFrame) -> xr.Dataset:
    return table.rename_axis("event").to_xarray()
