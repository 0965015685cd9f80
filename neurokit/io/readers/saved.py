"""What ``save`` wrote, as a session and as its parts."""

import warnings
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import xarray as xr

from neurokit.io.readers.channels import choose_channels
from neurokit.io.readers.reader import Found, Reader, sort_events, table_node
from neurokit.io.store import load
from neurokit.recording.make import events


def pick_signal(path: Path, session: xr.DataTree) -> xr.DataArray:
    """Take the signal out of a session; of several the one with most samples.

    Raises
    ------
    ValueError
        If it holds none.

    Warns
    -----
    UserWarning
        If it holds several.
    """
    found = {
        node.path.strip("/"): node.to_dataset()["signal"]
        for node in session.subtree
        if "signal" in node.data_vars and {"channel", "time"} <= set(node["signal"].dims)
    }
    if not found:
        raise ValueError(f"{path}: holds no signals; io.read_session reads what it holds.")
    name = max(found, key=lambda name: found[name].size)
    if len(found) > 1:
        warnings.warn(
            f"{path}: holds {len(found)} signals, of which {name} is read; io.read_session has all"
            f" ({', '.join(found)}).",
            stacklevel=4,
        )
    return found[name]


def pick_events(session: xr.DataTree) -> pd.DataFrame:
    """Take the events out of a session, of all its segments."""
    tables = [
        node.to_dataset().to_dataframe().reset_index(drop=True)
        for node in session.subtree
        if node.name == "events"
    ]
    return sort_events(tables) if tables else events([], [], [])


def _read_session(found: Found) -> xr.DataTree:
    """Read a session; of a single recording it makes one of one part."""
    held = load(found.path)
    if isinstance(held, xr.DataTree):
        return held
    if isinstance(held, pd.DataFrame) and "onset" in held:
        nodes = {"events": table_node(held)}
        return xr.DataTree.from_dict(nodes)
    if isinstance(held, xr.Dataset) and "spike_time" in held:
        return xr.DataTree.from_dict({"spikes": held})
    if isinstance(held, xr.DataArray) and "time" in held.dims:
        if "channel" in held.dims:
            return xr.DataTree.from_dict({"signal/signal": held.to_dataset(name="signal")})
        if "feature" in held.dims:
            return xr.DataTree.from_dict({"behaviour": held.to_dataset(name="behaviour")})
        if "unit" in held.dims:
            return xr.DataTree.from_dict({"traces/traces": held.to_dataset(name="traces")})
    raise ValueError(f"{found.path}: holds no session but a {type(held).__name__}; use io.load.")


def _read_signal(found: Found, channels: Sequence[str] | None) -> xr.DataArray:
    return choose_channels(found.path, pick_signal(found.path, _read_session(found)), channels)


def _read_events(found: Found) -> pd.DataFrame:
    return pick_events(_read_session(found))


def _read_spikes(found: Found) -> xr.Dataset:
    for node in _read_session(found).subtree:
        if {"spike_time", "spike_count"} <= set(node.to_dataset().variables):
            return node.to_dataset()
    raise ValueError(f"{found.path}: holds no spikes; io.read_session reads what it holds.")


READER = Reader(_read_signal, _read_events, _read_spikes, _read_session)
