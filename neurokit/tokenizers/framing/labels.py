"""Labels of tokens: put on beside the recording's own, and taken off again."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from neurokit.inputs.signal import Signal
from neurokit.recording.clock import SampleIndex, exact, time_coordinates
from neurokit.tokenizers.framing.frames import Frames
from neurokit.tokenizers.montages.each_channel import Montage

if TYPE_CHECKING:
    import dask.array as da


def label_frames(
    signal: Signal,
    frames: Frames,
    montage: Montage,
    values: np.ndarray | da.Array,
    dim: str,
    names: list[str] | None,
) -> xr.DataArray | np.ndarray | da.Array:
    """Label ``values`` (trial, row, frame, ``dim``) as ``signal`` is; plain stays plain."""
    values = values[0] if signal.single else values
    if signal.source is None:
        return values
    source = montage.label_rows(signal.source)
    timed = [k for k, c in source.coords.items() if "time" in c.dims]
    dims = [*(d for d in source.dims if d != "time"), "frame", dim]
    out = xr.DataArray(values, source.drop_vars(timed).coords, dims)
    start = signal.first / signal.rate * frames.frame_rate
    clock = time_coordinates(start, frames.frame_rate, out.sizes["frame"], dim="frame")
    out = out.assign_coords(clock)
    if names is not None:
        out = out.assign_coords({dim: names})
    out.attrs = {"signal_rate": str(signal.rate), "signal_samples": source.sizes["time"]}
    out.attrs["level_period"] = frames.level_period
    if "units" in source.attrs:
        out.attrs["units"] = source.attrs["units"]
    out.attrs |= montage.describe(signal.source)
    return out


def label_signal(
    source: xr.DataArray, montage: Montage, values: np.ndarray | da.Array, rate: Fraction
) -> xr.DataArray:
    """Label decoded ``values`` (..., time) as their tokens ``source`` are."""
    source = montage.label_channels(source)
    start = Fraction(0)
    index = source.xindexes.get("frame")
    if isinstance(index, SampleIndex):
        start = index.first / index.rate
    elif "frame" in source.coords:
        start = exact(round(float(source["frame"].values[0]), 9))
    inner = [k for k, c in source.coords.items() if {"frame", "level"} & set(c.dims)]
    dims = [*(d for d in source.dims if d not in ("frame", "level")), "time"]
    out = xr.DataArray(values, source.drop_vars(inner).coords, dims)
    out = out.assign_coords(time_coordinates(start * rate, rate, out.sizes["time"]))
    if "units" in source.attrs:
        out.attrs["units"] = source.attrs["units"]
    return out
