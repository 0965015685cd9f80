"""Blackrock, Plexon, Neuralynx, Spike2, Micromed and the rest, through neo."""

import inspect
import os
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from neurokit.io.readers.channels import unique_names
from neurokit.io.readers.damage import refuse_placeholder
from neurokit.io.readers.hdf5 import say_which
from neurokit.io.readers.lazy import lazy_variable
from neurokit.recording.clock import exact
from neurokit.recording.make import events, signal
from neurokit.recording.spikes import spikes

_GAP = 0.5  # ms between records that Neuralynx files lack by rounding, not by interruption
_TO_UV = {"V": 1e6, "mV": 1e3, "uV": 1.0, "µV": 1.0, "nV": 1e-3}


def read_neo_spikes(path: str | os.PathLike[str]) -> xr.Dataset:
    """Read the spikes of a file that neo knows.

    Parameters
    ----------
    path : path-like
        A file, or a folder where the format is one (Neuralynx, Open Ephys).

    Returns
    -------
    xarray.Dataset
        Spikes; a unit is named as neo names it. Of several segments the spikes are joined.

    Raises
    ------
    OSError
        If neo cannot read it.
    ValueError
        If it holds no spikes.
    """
    path = Path(path)
    raw = _open(path)
    with say_which(path):
        found = _raw_spikes(raw, range(raw.header["nb_segment"][0]))
    if found is None:
        raise ValueError(f"{path}: holds no spikes; io.read_session reads what it holds.")
    return found


def read_neo_session(path: str | os.PathLike[str]) -> xr.DataTree:
    """Read the signals, spikes and events of a file that neo knows.

    Parameters
    ----------
    path : path-like

    Returns
    -------
    xarray.DataTree
        ``signal/<stream>``, lazy, volts in microvolts, as the variable ``signal``; ``spikes``;
        ``events``. Several segments (sweeps, or pieces between gaps) come as ``segment-0``,
        ``segment-1``, ..., each with its own.

    Raises
    ------
    OSError
        If neo cannot read it.
    """
    path = Path(path)
    raw = _open(path)
    with say_which(path):
        return xr.DataTree.from_dict(_raw_nodes(raw))


def _raw_nodes(raw: Any) -> dict[str, Any]:
    n_segments = raw.header["nb_segment"][0]
    nodes: dict[str, Any] = {}
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
            nodes[f"{prefix}events"] = table.rename_axis("event").to_xarray()
    return nodes


def from_neo(obj: Any) -> Any:
    """Make a recording of a neo object.

    Parameters
    ----------
    obj : neo.AnalogSignal, SpikeTrain, Event, Epoch, Segment or Block
        Or a list of spike trains.

    Returns
    -------
    DataArray, Dataset, DataFrame or DataTree
        Signal (volts in uV), spikes, events, or for segments and blocks a session with
        ``signal/<name>``, ``spikes``, ``events``; a block of several segments has ``segment-0``,
        ``segment-1``, ... around them.

    Raises
    ------
    TypeError
        If it is of another kind.

    Examples
    --------
    >>> import neo
    >>> train = neo.SpikeTrain([3.0, 4.0], units="s", t_stop=10.0)
    >>> from_neo(train)["spike_time"].values.tolist()
    [3.0, 4.0]
    """
    kinds = {kind.__name__ for kind in type(obj).__mro__}
    if "Block" in kinds:
        parts = [_segment(part) for part in obj.segments]
        if len(parts) == 1:
            return xr.DataTree.from_dict(parts[0])
        named = {f"segment-{i}/{k}": v for i, p in enumerate(parts) for k, v in p.items()}
        return xr.DataTree.from_dict(named)
    if "Segment" in kinds:
        return xr.DataTree.from_dict(_segment(obj))
    if "AnalogSignal" in kinds:
        return _analog(obj)
    if "Event" in kinds or "Epoch" in kinds:
        return _marks(obj)
    if "SpikeTrain" in kinds:
        return _trains([obj])
    several = isinstance(obj, Sequence) or "SpikeTrainList" in kinds
    if several and len(obj) and all(type(train).__name__ == "SpikeTrain" for train in obj):
        return _trains(list(obj))
    raise TypeError(
        "from_neo takes a neo AnalogSignal, SpikeTrain, Event, Epoch, Segment or Block, or a list"
        f" of spike trains, got {type(obj).__name__}."
    )


def _segment(segment: Any) -> dict[str, Any]:
    nodes: dict[str, Any] = {}
    for i, analog in enumerate(segment.analogsignals):
        name = (analog.name or f"signal-{i}").replace("/", "-")
        name = name if f"signal/{name}" not in nodes else f"{name}-{i}"
        nodes[f"signal/{name}"] = _analog(analog).to_dataset(name="signal")
    if len(segment.spiketrains):
        nodes["spikes"] = _trains(list(segment.spiketrains))
    tables = [_marks(mark) for mark in [*segment.events, *segment.epochs] if len(mark)]
    if tables:
        table = pd.concat(tables).sort_values("onset", kind="stable", ignore_index=True)
        nodes["events"] = table.rename_axis("event").to_xarray()
    return nodes


def _analog(analog: Any) -> xr.DataArray:
    unit = str(analog.units.dimensionality)
    scale = _TO_UV.get(unit)
    names = analog.array_annotations.get("channel_names")
    return signal(
        analog.magnitude.T.astype(np.float64) * (scale or 1.0),
        sampling_rate=float(analog.sampling_rate.rescale("Hz").magnitude),
        channels=None if names is None else unique_names([str(name) for name in names]),
        units=unit if scale is None else "uV",
        start=float(analog.t_start.rescale("s").magnitude),
    )


def _trains(trains: list[Any]) -> xr.Dataset:
    times = [np.asarray(train.rescale("s").magnitude, dtype=np.float64) for train in trains]
    names = [str(train.name or train.annotations.get("id", "")) for train in trains]
    distinct = all(names) and len(set(names)) == len(names)
    return spikes(
        times,
        start=min(float(train.t_start.rescale("s")) for train in trains),
        stop=max(float(train.t_stop.rescale("s")) for train in trains),
        ids=names if distinct else None,
    )


def _marks(mark: Any) -> pd.DataFrame:
    onset = np.atleast_1d(mark.rescale("s").magnitude)
    durations = getattr(mark, "durations", None)
    duration = 0.0 if durations is None else np.atleast_1d(durations.rescale("s").magnitude)
    labels = [str(label) for label in mark.labels] if len(mark.labels) == len(onset) else None
    return events(onset, duration, labels or [mark.name or "event"] * len(onset))


def _open(path: Path) -> Any:
    """Return neo's reader for a file or folder, its header parsed."""
    try:
        import neo.rawio
    except ImportError as error:
        raise ImportError(
            f'{path}: is read through neo; pip install "neurokit-brain[neo]" brings it.'
        ) from error
    if not path.exists():
        raise FileNotFoundError(f"{path}: no such file or folder.")
    options: dict[str, Any] = {}
    kinds = neo.rawio.get_rawio(path, exclusive_rawio=False)
    if path.is_dir():
        kinds = [kind for kind in kinds if kind.rawmode == "one-dir"]
    else:
        with path.open("rb") as file:
            head = file.read(1024)
        refuse_placeholder(path, head)
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
        raise ValueError(f"{path}: is a folder that neither neurokit nor neo reads{why}.")
    if not said:
        ending = path.suffix or "nameless"
        raise ValueError(f"{path}: is a {ending} file of no format that neurokit or neo reads.")
    raise OSError(f"{path}: neo cannot read it ({said}).")


class _RawSamples:
    """Reader of one stream of one segment."""

    def __init__(self, raw: Any, segment: int, stream: int, scale: np.ndarray) -> None:
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


def _raw_signal(raw: Any, segment: int, stream: int) -> xr.DataArray:
    identity = raw.header["signal_streams"]["id"][stream]
    channels = raw.header["signal_channels"]
    channels = channels[channels["stream_id"] == identity]
    units = [str(unit) for unit in channels["units"]]
    scale = np.array([_TO_UV.get(unit, 1.0) for unit in units])
    units = ["uV" if unit in _TO_UV else unit for unit in units]
    x = signal(
        lazy_variable(_RawSamples(raw, segment, stream, scale)),
        sampling_rate=exact(float(raw.get_signal_sampling_rate(stream))),
        channels=unique_names([str(name) for name in channels["name"]]),
        units=units[0] if len(set(units)) == 1 else "mixed",
        start=float(raw.get_signal_t_start(0, segment, stream)),
    )
    return x if len(set(units)) == 1 else x.assign_coords(units=("channel", units))


def _raw_spikes(raw: Any, segments: Sequence[int]) -> xr.Dataset | None:
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


def _raw_events(raw: Any, segment: int) -> pd.DataFrame:
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
    return pd.concat(tables).sort_values("onset", kind="stable", ignore_index=True)
