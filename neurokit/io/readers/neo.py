"""Blackrock, Plexon, Neuralynx, Spike2, Micromed and the rest, through neo."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import xarray as xr

from neurokit.io.formats import name_inside
from neurokit.io.readers.channels import choose_channels, unique_names
from neurokit.io.readers.damage import say_which
from neurokit.io.readers.lazy import lazy_variable
from neurokit.io.readers.reader import Found, Reader, sort_events, table_node
from neurokit.io.readers.saved import pick_events, pick_signal
from neurokit.recording.clock import exact
from neurokit.recording.make import events, signal
from neurokit.recording.spikes import spikes

if TYPE_CHECKING:
    from neo.rawio.baserawio import BaseRawIO

_GAP = 0.5  # ms between records that Neuralynx files lack by rounding, not by interruption
TO_UV = {"V": 1e6, "mV": 1e3, "uV": 1.0, "µV": 1.0, "nV": 1e-3}


def _read_spikes(found: Found) -> xr.Dataset:
    """Read the spikes; a unit is named as neo names it, several segments are joined."""
    raw = _open(found.path)
    with say_which(found.path):
        spikes_of = _raw_spikes(raw, range(raw.header["nb_segment"][0]))
    if spikes_of is None:
        raise ValueError(f"{found.path}: holds no spikes; io.read_session reads what it holds.")
    return spikes_of


def _read_session(found: Found) -> xr.DataTree:
    """Read ``signal/<stream>``, lazy, volts in microvolts; ``spikes``; ``events``.

    Several segments (sweeps, or pieces between gaps) come as ``segment-0``, ``segment-1``, ...,
    each with its own.
    """
    raw = _open(found.path)
    with say_which(found.path):
        return xr.DataTree.from_dict(_raw_nodes(raw))


def _read_signal(found: Found, channels: Sequence[str] | None) -> xr.DataArray:
    return choose_channels(found.path, pick_signal(found.path, _read_session(found)), channels)


def _read_events(found: Found) -> pd.DataFrame:
    return pick_events(_read_session(found))


def _raw_nodes(raw: BaseRawIO) -> dict[str, xr.Dataset]:
    n_segments = raw.header["nb_segment"][0]
    nodes: dict[str, xr.Dataset] = {}
    for segment in range(n_segments):
        prefix = f"segment-{segment}/" if n_segments > 1 else ""
        for stream in range(len(raw.header["signal_streams"])):
            name = str(raw.header["signal_streams"]["name"][stream]).replace("/", "-") or "signal"
            name = name if f"{prefix}signal/{name}" not in nodes else f"{name}-{stream}"
            x = _raw_signal(raw, segment, stream)
            nodes[f"{prefix}signal/{name}"] = x.to_dataset(name="signal")
        if (found := _raw_spikes(raw, [segment])) is not None:
            nodes[f"{prefix}spikes"] = found
        if len(table := _raw_events(raw, segment)):
            nodes[f"{prefix}events"] = table_node(table)
    return nodes


def _open(path: Path) -> Any:
    """Return neo's reader for a file or folder, its header parsed."""
    try:
        import neo.rawio
    except ImportError as error:
        raise ImportError(
            f'{path}: is read through neo; pip install "neurokit-brain[neo]" brings it.'
        ) from error
    options: dict[str, Any] = {}
    kinds = neo.rawio.get_rawio(path, exclusive_rawio=False)
    if path.is_dir():
        kinds = [kind for kind in kinds if kind.rawmode == "one-dir"]
    else:
        kinds = [kind for kind in kinds if kind.rawmode != "one-dir"]
        with path.open("rb") as file:
            head = file.read(1024)
        if head.startswith(b"######## Neuralynx"):  # neo takes the folder and the file's name
            kinds = [neo.rawio.NeuralynxRawIO]
            options = {"dirname": str(path.parent), "include_filenames": [path.name]}
            options["gap_tolerance_ms"] = _GAP
    said = ""
    for kind in kinds:
        where = {"dirname" if kind.rawmode == "one-dir" else "filename": str(path)}
        known = inspect.signature(kind.__init__).parameters
        quiet = {"progress_bar": False} if "progress_bar" in known else {}
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of units neo does not know; ours are kept
                raw = kind(**(options or where), **quiet)
                raw.parse_header()
        except ImportError:
            continue  # a reader that needs a maker's library; another may do
        except Exception as error:  # neo's readers raise whatever the damage leads to
            said = said or f"{kind.__name__}: {type(error).__name__}: {error}"
        else:
            return raw
    said = said.strip().partition("\n")[0][:200].rstrip(".")
    if path.is_dir():
        why = f" ({said})" if said else ""
        way = name_inside(path).replace(", such as", "; give a file in it, such as")
        raise ValueError(f"{path}: is a folder that neither neurokit nor neo reads{why}{way}.")
    if not said:
        ending = path.suffix or "nameless"
        raise ValueError(f"{path}: is a {ending} file of no format that neurokit or neo reads.")
    raise OSError(f"{path}: neo cannot read it ({said}).")


class _RawSamples:
    """Reader of one stream of one segment."""

    def __init__(self, raw: BaseRawIO, segment: int, stream: int, scale: np.ndarray) -> None:
        self.raw, self.segment, self.stream, self.scale = raw, segment, stream, scale
        self.n_channels = len(scale)
        self.n_times = int(raw.get_signal_size(0, segment, stream))

    def read(self, channels: np.ndarray, start: int, stop: int) -> np.ndarray:
        """Return samples as float32 of shape (n_channels, stop - start)."""
        if stop <= start or not len(channels):
            return np.empty((len(channels), max(stop - start, 0)), np.float32)
        which = {"stream_index": self.stream, "channel_indexes": channels}
        chunk = self.raw.get_analogsignal_chunk(
            0, self.segment, i_start=start, i_stop=stop, **which
        )
        values = self.raw.rescale_signal_raw_to_float(chunk, dtype="float64", **which)
        return (values * self.scale[channels]).T.astype(np.float32)


def _raw_signal(raw: BaseRawIO, segment: int, stream: int) -> xr.DataArray:
    identity = raw.header["signal_streams"]["id"][stream]
    channels = raw.header["signal_channels"]
    channels = channels[channels["stream_id"] == identity]
    units = [str(unit) for unit in channels["units"]]
    scale = np.array([TO_UV.get(unit, 1.0) for unit in units])
    units = ["uV" if unit in TO_UV else unit for unit in units]
    x = signal(
        lazy_variable(_RawSamples(raw, segment, stream, scale)),
        sampling_rate=exact(float(raw.get_signal_sampling_rate(stream))),
        channels=unique_names([str(name) for name in channels["name"]]),
        units=units[0] if len(set(units)) == 1 else "mixed",
        start=float(raw.get_signal_t_start(0, segment, stream)),
    )
    return x if len(set(units)) == 1 else x.assign_coords(units=("channel", units))


def _raw_spikes(raw: BaseRawIO, segments: Sequence[int]) -> xr.Dataset | None:
    channels = raw.header["spike_channels"]
    if not len(channels):
        return None
    times = []
    for unit in range(len(channels)):
        parts = [
            raw.rescale_spike_timestamp(
                raw.get_spike_timestamps(0, segment, unit), dtype="float64"
            )
            for segment in segments
        ]
        times.append(np.concatenate(parts))
    reach = [float(t) for unit in times if len(unit) for t in (unit.min(), unit.max())]
    begin = min(reach + [float(raw.segment_t_start(0, segment)) for segment in segments])
    end = max(reach + [float(raw.segment_t_stop(0, segment)) for segment in segments])
    ids = unique_names([str(name) for name in channels["name"]])
    return spikes(times, start=begin, stop=end, ids=ids)


def _raw_events(raw: BaseRawIO, segment: int) -> pd.DataFrame:
    tables = []
    for channel, about in enumerate(raw.header["event_channels"]):
        stamps, lengths, labels = raw.get_event_timestamps(0, segment, channel)
        if not len(stamps):
            continue
        onset = raw.rescale_event_timestamp(stamps, dtype="float64", event_channel_index=channel)
        duration: Any = 0.0
        if lengths is not None:
            duration = raw.rescale_epoch_duration(
                lengths, dtype="float64", event_channel_index=channel
            )
        texts = [str(label) for label in labels]
        name = str(about["name"])
        tables.append(events(onset, duration, [text or name for text in texts]))
    if not tables:
        return events([], [], [])
    return sort_events(tables)


READER = Reader(_read_signal, _read_events, _read_spikes, _read_session)
