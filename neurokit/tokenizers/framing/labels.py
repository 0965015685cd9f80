"""Labels of tokens: put on beside the recording's own, read and checked, and taken off again."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from neurokit.recording.clock import SampleIndex, exact, time_coordinates
from neurokit.tokenizers._signal import Signal
from neurokit.tokenizers.framing.frames import Frames

SIDE = {"scale": 256, "offset": 65536}  # columns that hold the level, and their codes


def label_frames(
    signal: Signal, frames: Frames, values: Any, dim: str, names: list[str] | None
) -> Any:
    """Label ``values`` (trial, channel, frame, ``dim``) as ``signal`` is; plain stays plain."""
    values = values[0] if signal.single else values
    if signal.source is None:
        return values
    source = signal.source
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
    return out


def label_signal(source: xr.DataArray, values: Any, rate: Fraction) -> xr.DataArray:
    """Label decoded ``values`` (..., time) as their tokens ``source`` are."""
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


def read_tokens(
    name: str, tokens: Any, columns: dict[str, int], least: int
) -> tuple[Any, xr.DataArray | None]:
    """Read tokens ([trial,] channel, frame, level) with ``least`` columns or more.

    Returns
    -------
    values : ndarray or dask array, ([trial,] channel, frame, level)
        Those of a dask array are not looked at yet.
    source : xarray.DataArray or None
        The labelled input, its dims in this order.
    """
    source = tokens if isinstance(tokens, xr.DataArray) else None
    if source is not None:
        dims = ("channel", "frame", "level")
        if set(source.dims) not in ({*dims}, {"trial", *dims}):
            raise ValueError(
                f"{name}.inverse_transform takes dims ([trial,] {', '.join(dims)}), got"
                f" {tuple(source.dims)}."
            )
        source = source.transpose(*(("trial",) if "trial" in source.dims else ()), *dims)
    values = tokens if source is None else source.data if source.chunks else source.values
    values = values if hasattr(values, "dask") else np.asarray(values)
    if (
        values.ndim not in (3, 4)
        or not least <= values.shape[-1] <= len(columns)
        or 0 in values.shape
    ):
        first = ", ".join(column for column in columns if not stage(column))
        raise ValueError(
            f"{name}.inverse_transform takes tokens of dims ([trial,] channel, frame, level) with"
            f" {least} to {len(columns)} levels, {first} first, got shape {values.shape}."
        )
    if values.dtype.kind not in "iu":
        raise TypeError(f"{name}.inverse_transform takes integer tokens, got {values.dtype}.")
    if not hasattr(values, "dask"):
        check_codes(name, values, list(columns.values()))
    return values, source


def check_codes(name: str, values: NDArray[Any], sizes: list[int]) -> None:
    """Refuse codes (..., column) beyond the ``sizes`` of their columns."""
    for k in range(values.shape[-1]):
        low, high = int(values[..., k].min()), int(values[..., k].max())
        if low < 0 or high >= sizes[k]:
            raise ValueError(
                f"{name}.inverse_transform: level {k} must hold 0 to {sizes[k] - 1}, got {low} to"
                f" {high}; these are tokens of another tokenizer."
            )


def stage(column: str) -> int:
    """Stage of a quantiser that a column belongs to, ``2`` of ``"2.1"``; 0 if to none."""
    number = column.partition(".")[0]
    return int(number) if number.isdigit() else 0
