"""Another clock for a recording: even where its own is not, faster or slower."""

import itertools
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from scipy.signal import resample_poly

from neurokit.recording.bins import memory_of_machine
from neurokit.recording.blocks import as_floats, chunk_if_on_disk
from neurokit.recording.clock import SampleIndex, exact, time_coordinates
from neurokit.recording.rate import clock_of, contiguous_runs, sampling_rate
from neurokit.types import Floats

if TYPE_CHECKING:
    from dask.array import Array as DaskArray

_GAP = 3.0  # steps; what is further apart was not sampled in between


def resample(x: xr.DataArray, rate: float | Fraction | None = None) -> xr.DataArray:
    """Put a recording on an even clock of another rate.

    Timestamps that jitter are put on an even clock by linear interpolation between neighbours;
    where they lie more than three median steps apart, nothing is made up: the time jumps there. A
    recording that is even already is resampled by a polyphase filter that keeps what the lower
    of the two rates can hold, stretch by stretch.

    Parameters
    ----------
    x : xarray.DataArray with the dim ``time``
        What is lazy stays lazy, unless its timestamps jitter, and is resampled block by block.
    rate : float or Fraction, optional
        In Hz. Default: that of ``x``, or one over its median step.

    Returns
    -------
    xarray.DataArray
        Floats, on an exact clock, with all coordinates that do not lie along ``time``; dims as
        they came.

    Raises
    ------
    ValueError
        If the rate is not positive, the result would fit into no memory, times step back, or a
        jittered recording is asked for less than nine tenths of its own rate, for which it would
        have to be filtered first.

    Examples
    --------
    >>> import numpy as np, xarray as xr
    >>> t = np.array([0.0, 0.11, 0.19, 0.3, 0.42, 0.5])
    >>> x = xr.DataArray(10 * t[None], dims=("channel", "time"), coords={"time": t})
    >>> y = resample(x, 10)
    >>> y["time"].values.tolist(), np.round(y.values[0], 6).tolist()
    ([0.0, 0.1, 0.2, 0.3, 0.4, 0.5], [0.0, 1.0, 2.0, 3.0, 4.0, 5.0])
    """
    wanted = None if rate is None else exact(rate)
    if wanted is not None and wanted <= 0:
        raise ValueError(f"resample: rate must be positive, got {rate!r} Hz.")
    dims = x.dims
    x = chunk_if_on_disk(x).transpose(..., "time")
    try:
        own = exact(sampling_rate(x))
        index = clock_of(x, "resample")
        own = index.rate if isinstance(index, SampleIndex) else own
    except ValueError:
        return _even(x, wanted).transpose(*dims)
    if wanted is None or wanted == own:
        wanted = own
    pieces = [_polyphase(x.isel(time=run), own, wanted) for run in contiguous_runs(x)]
    return _one_after_the_other(pieces).transpose(*dims)


def _one_after_the_other(pieces: list[xr.DataArray]) -> xr.DataArray:
    if len(pieces) == 1:
        return pieces[0]
    return xr.concat(pieces, "time", coords="minimal", compat="override", join="override")


def _polyphase(x: xr.DataArray, own: Fraction, wanted: Fraction) -> xr.DataArray:
    ratio = (wanted / own).limit_denominator(10_000)
    values = as_floats(x.data)
    if not hasattr(values, "dask") and values.nbytes * ratio > memory_of_machine():
        raise ValueError(
            f"resample: {float(wanted):g} Hz take {values.nbytes * float(ratio) / 1e9:,.0f} GB,"
            " more than this machine has; rates are in Hz. Take a lower one, or resample parts."
        )
    up, down = ratio.as_integer_ratio()
    if ratio != 1 and hasattr(values, "dask"):
        values = _by_blocks(values, up, down)
    elif ratio != 1:
        values = resample_poly(values, up, down, axis=-1, padtype="line").astype(values.dtype)
    return _label(x, values, exact(float(x["time"].values[0])) * wanted, wanted)


def _by_blocks(data: "DaskArray", up: int, down: int) -> "DaskArray":
    """Do what `resample_poly` does, block by block, each with as much beside it as counts."""
    import dask.array as da

    n = data.shape[-1]
    reach = -(-10 * max(up, down) // up) + 1  # half of SciPy's filter, in samples
    size = max(down, max(data.chunks[-1]) // down * down)  # whole samples of both clocks
    first, last = (data[..., k].rechunk({}) for k in (0, -1))
    out = []
    for start in range(0, n, size):
        stop = min(start + size, n)
        low, high = max(0, start - -(-reach // down) * down), min(n, stop + reach)
        begin, end = start // down * up, -(-stop * up // down)
        out.append(
            da.map_blocks(
                _resample_block,
                data[..., low:high].rechunk({-1: -1}),
                first[..., None],
                last[..., None],
                rates=(up, down),
                place=(low, n),
                wanted=(begin, end),
                dtype=data.dtype,
                chunks=(*data.chunks[:-1], (end - begin,)),
            )
        )
    return da.concatenate(out, axis=-1)


def _resample_block(
    values: Floats,
    first: Floats,
    last: Floats,
    rates: tuple[int, int],
    place: tuple[int, int],
    wanted: tuple[int, int],
) -> Floats:
    """Resample a block; beyond the recording's ends goes on the line through its two ends."""
    (up, down), (low, n) = rates, place
    slope = (last - first) / max(n - 1, 1)
    reach = -(-10 * max(up, down) // up) + 1
    before = -(-reach // down) * down if low == 0 else 0
    after = reach if low + values.shape[-1] == n else 0
    pieces = [
        first - slope * np.arange(before, 0, -1),
        values,
        last + slope * np.arange(1, after + 1),
    ]
    padded = np.concatenate(pieces, axis=-1).astype(values.dtype, copy=False)
    begin, end = (k + (before - low) // down * up for k in wanted)
    return np.asarray(resample_poly(padded, up, down, axis=-1)[..., begin:end])


def _even(x: xr.DataArray, wanted: Fraction | None) -> xr.DataArray:
    times = np.asarray(x["time"].values, dtype=np.float64)
    steps = np.diff(times)
    if len(times) < 2 or not np.isfinite(times).all() or (steps <= 0).any():
        raise ValueError("resample: times must be two or more finite ones that only increase.")
    step = float(np.median(steps))
    rate = wanted or exact(float(f"{1 / step:.6g}"))
    if float(rate) * step < 0.9:
        raise ValueError(
            f"resample: timestamps that jitter around {1 / step:g} Hz cannot go straight to"
            f" {float(rate):g} Hz; resample to their own rate first, then again."
        )
    edges = [0, *(np.flatnonzero(steps > _GAP * step) + 1).tolist(), len(times)]
    values: Floats = x.values.astype(np.result_type(x.dtype, np.float32), copy=False)
    pieces = []
    for a, b in itertools.pairwise(edges):
        first = int(np.ceil(times[a] * float(rate) - 1e-6))
        size = int(np.floor(times[b - 1] * float(rate) + 1e-6)) - first + 1
        if size < 1:
            continue
        at = SampleIndex(first, rate, size).values
        pieces.append(_label(x, _interpolate(values[..., a:b], times[a:b], at), first, rate))
    return _one_after_the_other(pieces)


def _interpolate(values: Floats, times: Floats, at: Floats) -> Floats:
    """Draw straight lines between neighbours; ``at`` lies between the first and the last."""
    if len(times) == 1:
        return np.repeat(values, len(at), axis=-1)
    after = np.clip(np.searchsorted(times, at), 1, len(times) - 1)
    before = after - 1
    share = np.clip((at - times[before]) / (times[after] - times[before]), 0, 1)
    lines = values[..., before] * (1 - share) + values[..., after] * share
    return np.asarray(lines, dtype=values.dtype)


def _label(x: xr.DataArray, values: Any, first: int | Fraction, rate: Fraction) -> xr.DataArray:
    others = {name: c.variable for name, c in x.coords.items() if "time" not in c.dims}
    time = time_coordinates(first, rate, values.shape[-1])
    return xr.DataArray(values, time.assign(others), x.dims, x.name, x.attrs)
