"""XDF, the format of LabRecorder: streams of samples and markers on one clock."""

import itertools
import logging
import math
import struct
import warnings
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from neurokit.io.readers.channels import choose_channels, label_units, unique_names
from neurokit.io.readers.damage import say_which
from neurokit.io.readers.reader import Found, Reader, name_parts, sort_events
from neurokit.recording.clock import exact
from neurokit.recording.make import events, signal

_KINDS = {"eeg", "eog", "ecg", "emg", "meg", "mag", "grad", "ecog", "seeg", "resp", "misc", "stim"}
_UNITS = {"microvolts": "uV", "microvolt": "uV", "uv": "uV", "µv": "uV", "μv": "uV",
          "millivolts": "mV", "mv": "mV", "volts": "V", "v": "V", "nv": "nV"}  # fmt: skip
_TO_UV = {"V": 1e6, "mV": 1e3, "nV": 1e-3, "uV": 1.0}


def read_xdf_signal(found: Found, channels: Sequence[str] | None) -> xr.DataArray:
    """Read the stream with most samples: one of type EEG before all others.

    Parameters
    ----------
    found : Found
    channels : sequence of str or None
        Names to keep.

    Returns
    -------
    xarray.DataArray of dims ("channel", "time")
        On the clock of the recorder less that of the file's first sample, evened out; where
        samples were lost the time jumps.
    """
    held = _load(found.path)
    streams = [s for s in held if _rate(s) > 0 and len(s["time_stamps"]) > 1]
    if not streams:
        raise ValueError(f"{found.path}: holds no stream of regular samples, but {_names(held)}.")
    chosen = max(streams, key=lambda s: (_type(s) == "eeg", np.size(s["time_series"])))
    if len(streams) > 1:
        others = [s for s in streams if s is not chosen]
        warnings.warn(
            f"{found.path}: {_name(chosen)} is read of {len(streams)} streams of samples; the"
            f" others are {_names(others)}; io.read_session reads all.",
            stacklevel=4,
        )
    x = _label(chosen, _start(held))
    return choose_channels(found.path, x, channels)


def read_xdf_events(found: Found) -> pd.DataFrame:
    """Read the markers of all streams that hold text or come at no regular rate."""
    streams = _load(found.path)
    start, tables = _start(streams), []
    for one in streams:
        if _rate(one) > 0 or not len(one["time_stamps"]):
            continue
        rows = one["time_series"]
        labels = [" ".join(map(str, np.atleast_1d(row).tolist())) for row in rows]
        tables.append(events(np.asarray(one["time_stamps"]) - start, 0.0, labels))
    return sort_events(tables) if tables else events([], [], [])


def read_xdf_session(found: Found) -> xr.DataTree:
    """Read all streams of samples, each under its name, and all markers."""
    streams = _load(found.path)
    start, nodes = _start(streams), {}
    for one in streams:
        if _rate(one) > 0 and len(one["time_stamps"]) > 1:
            name = _name(one).replace("/", "_")
            while f"signal/{name}" in nodes:
                name += "_"
            nodes[f"signal/{name}"] = _label(one, start).to_dataset(name="signal")
    nodes |= name_parts(None, read_xdf_events(found))
    return xr.DataTree.from_dict(nodes)


def _load(path: Path) -> list[dict[str, Any]]:
    try:
        import pyxdf
    except ImportError:
        raise ImportError(
            f"{path}: is XDF, which pyxdf reads; pip install 'neurokit-brain[xdf]'."
        ) from None
    said: list[str] = []
    handler = logging.Handler(logging.WARNING)
    handler.emit = lambda record: said.append(record.getMessage())  # type: ignore[method-assign]
    log = logging.getLogger("pyxdf.pyxdf")
    above, log.propagate = log.propagate, False
    log.addHandler(handler)
    try:
        with say_which(path), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            streams, _ = pyxdf.load_xdf(str(path))
    except (KeyError, IndexError, TypeError, AttributeError, struct.error) as error:
        raise OSError(f"{path}: is damaged and cannot be read as XDF ({error}).") from error
    finally:
        log.removeHandler(handler)
        log.propagate = above
    if any("corruption" in words or "truncated" in words.lower() for words in said):
        warnings.warn(
            f"{path}: is cut short or damaged; only what could be read of it is here.",
            stacklevel=4,
        )
    if not streams:
        raise OSError(f"{path}: is XDF and holds no stream; it was cut short.")
    return [s for s in streams if s.get("info")]


def _label(stream: dict[str, Any], start: float) -> xr.DataArray:
    times = np.asarray(stream["time_stamps"], dtype=np.float64) - start
    values = np.asarray(stream["time_series"], dtype=np.float32).T
    names, kinds, units = _channels(stream, len(values))
    scale = np.array([_TO_UV.get(unit, 1.0) for unit in units], np.float32)
    units = ["uV" if unit in _TO_UV else unit for unit in units]
    rate = exact(round(_rate(stream), 6))
    pieces = []
    jumps = np.flatnonzero(np.abs(np.diff(times) - 1 / float(rate)) > 0.5 / float(rate)) + 1
    edges = [0, *jumps.tolist(), len(times)]
    for a, b in itertools.pairwise(edges):
        first = round(Fraction(times[a]) * rate)  # at the nearest sample of the clock
        piece = signal(values[:, a:b] * scale[:, None], sampling_rate=rate, start=first / rate,
                       channels=names, types=kinds)  # fmt: skip
        pieces.append(piece)
    x = pieces[0] if len(pieces) == 1 else xr.concat(
        pieces, "time", coords="minimal", compat="override", join="override")  # fmt: skip
    return label_units(x, units)


def _channels(stream: dict[str, Any], n: int) -> tuple[list[str], list[str], list[str]]:
    """Return names, kinds and units; XDF's description may lack any of them."""
    try:
        found = stream["info"]["desc"][0]["channels"][0]["channel"]
    except (KeyError, IndexError, TypeError):
        found = []
    found = found if len(found) == n else [{}] * n
    own = _type(stream)
    names, kinds, units = [], [], []
    for k, one in enumerate(found):
        name = str((one.get("label") or [None])[0] or f"ch{k}")
        kind = str((one.get("type") or [own])[0] or own).lower()
        unit = str((one.get("unit") or [""])[0] or "")
        names.append(name)
        kinds.append(kind if kind in _KINDS else own if own in _KINDS else "misc")
        units.append(_UNITS.get(unit.lower(), unit))
    return unique_names(names), kinds, units


def _rate(stream: dict[str, Any]) -> float:
    rate = float(stream["info"]["nominal_srate"][0])
    return rate if math.isfinite(rate) and not isinstance(stream["time_series"], list) else 0.0


def _start(streams: list[dict[str, Any]]) -> float:
    return min((float(s["time_stamps"][0]) for s in streams if len(s["time_stamps"])), default=0.0)


def _type(stream: dict[str, Any]) -> str:
    return str(stream["info"]["type"][0] or "").lower()


def _name(stream: dict[str, Any]) -> str:
    return str(stream["info"]["name"][0] or "stream")


def _names(streams: list[dict[str, Any]]) -> list[str]:
    return [f"{_name(s)} ({_type(s) or 'no type'})" for s in streams]


READER = Reader(read_xdf_signal, read_xdf_events, None, read_xdf_session)
