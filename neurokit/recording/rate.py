"""The rate of a recording, and where its clock jumps."""

import itertools
from fractions import Fraction

import numpy as np
import xarray as xr

from neurokit.recording.clock import SampleIndex, exact


def sampling_rate(x: xr.DataArray | xr.Dataset) -> float:
    """Return the sampling rate in Hz, read from the ``time`` coordinate.

    Parameters
    ----------
    x : xarray.DataArray or xarray.Dataset
        With ``time``: exact, or evenly spaced floats, perhaps with jumps where pieces of a
        recording were joined.

    Returns
    -------
    float

    Raises
    ------
    TypeError
        If ``x`` has no ``time`` coordinate.
    ValueError
        If ``time`` runs backwards, has fewer than two samples, or is not evenly spaced between
        its jumps.
    """
    index = clock_of(x, "sampling_rate")
    rate = float(index.rate) if isinstance(index, SampleIndex) else _rate_of_floats(index)
    if rate <= 0:
        refuse_backwards(x, "sampling_rate")
    return rate


def refuse_backwards(x: xr.DataArray | xr.Dataset, caller: str) -> None:
    """Refuse a recording whose first sample is its latest."""
    times = x["time"].values
    if len(times) > 1 and times[0] > times[-1]:
        raise ValueError(
            f"{caller}: time runs backwards, from {times[0]:g} s to {times[-1]:g} s; reverse it"
            " with x.isel(time=slice(None, None, -1))."
        )


def contiguous_runs(x: xr.DataArray | xr.Dataset) -> list[slice]:
    """Return the stretches of ``time`` without a jump, as slices of positions.

    Parameters
    ----------
    x : xarray.DataArray or xarray.Dataset
        With ``time``.

    Returns
    -------
    list of slice
        One for a recording without gaps. Filters and histories must not reach across them.
    """
    index = clock_of(x, "contiguous_runs")
    if isinstance(index, SampleIndex) or len(index) < 3:
        return [slice(0, x.sizes["time"])]
    step = _step(index)
    jumps = np.flatnonzero(np.abs(np.diff(index) - step) > 0.5 * abs(step)) + 1
    edges = [0, *jumps.tolist(), len(index)]
    return [slice(a, b) for a, b in itertools.pairwise(edges)]


def clock_of(x: xr.DataArray | xr.Dataset, caller: str) -> SampleIndex | np.ndarray:
    """Return the exact index of ``time``, or its floats."""
    index = x.xindexes.get("time") if isinstance(x, xr.DataArray | xr.Dataset) else None
    if isinstance(index, SampleIndex):
        return index
    if not isinstance(x, xr.DataArray | xr.Dataset) or "time" not in x.coords:
        raise TypeError(
            f"{caller}: expected an xarray object with a time coordinate, got"
            f" {type(x).__name__}; neurokit.signal() makes one from an array."
        )
    if (kind := x["time"].dtype.kind) in "mM":
        what, start = ("dates", ' - x["time"][0]') if kind == "M" else ("durations", "")
        raise ValueError(
            f"{caller}: time holds {what} and must hold seconds as floats; write"
            f' x.assign_coords(time=(x["time"]{start}) / np.timedelta64(1, "s")).'
        )
    return np.atleast_1d(x["time"].values)


def rate_of_bins(caller: str, bin_width: float | Fraction) -> Fraction:
    """Return the exact rate of bins of ``bin_width`` seconds, in Hz."""
    try:
        width = exact(bin_width)
    except (TypeError, ValueError, OverflowError):
        width = exact(0)
    if width <= 0:
        raise ValueError(f"{caller}: bin_width must be positive (s), got {bin_width!r}.")
    return 1 / width


def _step(times: np.ndarray) -> float:
    """Return the spacing of ``times`` between their jumps, in seconds."""
    if len(times) < 2:
        raise ValueError("time needs at least two samples to show its spacing.")
    steps = np.diff(times.astype(np.float64))
    step = float(np.median(steps))
    slack = 1e-3 * abs(step) + 4 * float(np.spacing(np.abs(times).max()))
    jumps = np.abs(steps - step) > 0.5 * abs(step)
    if not step or (np.abs(steps - step)[~jumps] > slack).any() or jumps.mean() > 0.2:
        raise ValueError(
            "time must be evenly spaced between its jumps; neurokit.recording.resample(x) puts"
            " samples with jittered timestamps on an even clock."
        )
    return step


def _rate_of_floats(times: np.ndarray) -> float:
    """Return the rate behind ``times``: 100 Hz for steps of 0.01000000000000002 s."""
    step = _step(times)
    jumps = np.flatnonzero(np.abs(np.diff(times) - step) > 0.5 * abs(step)) + 1
    edges = [0, *jumps.tolist(), len(times)]
    start, stop = max(itertools.pairwise(edges), key=lambda run: run[1] - run[0])
    return float(SampleIndex.from_times(times[start:stop]).rate)
