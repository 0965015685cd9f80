"""Filters for looking at and cleaning recordings: bands kept, hum taken out."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike
from scipy.signal import oaconvolve

from neurokit.recording.blocks import as_floats, by_blocks, chunk_if_on_disk, refuse_gaps
from neurokit.recording.rate import contiguous_runs, sampling_rate
from neurokit.types import Floats

if TYPE_CHECKING:
    from dask.array import Array as DaskArray

_NO_WAVES = ("stim", "misc", "syst", "resp", "exci", "ias", "chpi")  # left as they are


def filter_band(
    x: xr.DataArray, low: float | None = None, high: float | None = None
) -> xr.DataArray:
    """Keep the frequencies from ``low`` to ``high``, without moving anything in time.

    The filter is MNE's default: a symmetric window-design FIR (Hamming, transition bands of a
    quarter of the edge, at least 2 Hz) with its delay taken off and the ends reflected. It looks
    ahead; for causal filters that also run live see `neurokit.decoders.BesselFilter`.

    Parameters
    ----------
    x : xarray.DataArray with the dim ``time``
        Channels whose ``type`` says that they hold triggers or the like stay as they are.
        Stretches on both sides of a jump of the clock are filtered each on its own, and so are
        trials.
    low, high : float, optional
        Edges of the band, in Hz. None leaves that side open.

    Returns
    -------
    xarray.DataArray
        With all labels, float32 for what was float32 or integer. What is lazy stays lazy and is
        filtered block by block, with the same result.

    Raises
    ------
    TypeError
        If ``x`` has no clock.
    ValueError
        If there is no edge, the edges are not 0 < low < high < half the sampling rate, or the
        recording holds NaN (lazy ones when they are computed).

    References
    ----------
    .. [1] Widmann, Schroeger and Maess (2015), Digital filter design for electrophysiological
       data, J. Neurosci. Methods 250, 34-46.

    Examples
    --------
    >>> import numpy as np, neurokit
    >>> t = np.arange(2000) / 250
    >>> x = neurokit.signal(np.sin(2 * np.pi * 10 * t)[None] + 50, sampling_rate=250)
    >>> y = filter_band(x, 1, 40)
    >>> bool(abs(y.mean()) < 0.1), round(float(y.std()), 2)
    (True, 0.71)
    """
    rate = sampling_rate(x)
    if low is None and high is None:
        raise ValueError("filter_band: give low=, high= or both, in Hz.")
    edges = [0.0 if low is None else low, rate / 2 if high is None else high]
    inside = (low is None or low > 0) and (high is None or high < rate / 2)
    if not (inside and edges[0] < edges[1]):
        raise ValueError(
            f"filter_band: the band must satisfy 0 < low < high < {rate / 2:g} Hz (half the"
            f" sampling rate), got {low!r} and {high!r}."
        )
    return _filter(x, _design(rate, low, high), "filter_band")


def notch(
    x: xr.DataArray, frequency: float | Sequence[float] = 50.0, *, width: float | None = None
) -> xr.DataArray:
    """Take out hum at one frequency, or at several.

    Parameters
    ----------
    x : xarray.DataArray with the dim ``time``
        As for `filter_band`.
    frequency : float or sequence of float, default=50.0
        In Hz. Harmonics are taken out where they are named: ``[50, 100, 150]``.
    width : float, optional
        Width of the stop band, in Hz. Default: a two-hundredth of the frequency, as in MNE.

    Returns
    -------
    xarray.DataArray
        As `filter_band` gives it.

    Raises
    ------
    TypeError
        If ``x`` has no clock.
    ValueError
        If a frequency does not lie between 0 and half the sampling rate with a margin for the
        filter's slope, or the recording holds NaN.

    Examples
    --------
    >>> import numpy as np, neurokit
    >>> t = np.arange(5000) / 500
    >>> x = neurokit.signal(np.sin(2 * np.pi * 50 * t)[None], sampling_rate=500)
    >>> bool(notch(x).isel(time=slice(1000, -1000)).std() < 0.01)
    True
    """
    rate = sampling_rate(x)
    centres = np.atleast_1d(np.asarray(frequency, dtype=np.float64))
    widths = centres / 200 if width is None else np.full_like(centres, width)
    slope = 0.5  # Hz, of each side: MNE's transition bandwidth of 1 Hz
    lows, highs = centres - widths / 2 - slope, centres + widths / 2 + slope
    if not (len(centres) and (lows > 0).all() and (highs < rate / 2).all()):
        raise ValueError(
            f"notch: frequencies must lie between 0 and {rate / 2:g} Hz (half the sampling rate),"
            f" {slope:g} Hz and half the width inside, got {frequency!r}."
        )
    return _filter(x, _design(rate, highs, lows, slope), "notch")


def _design(
    rate: float, low: ArrayLike | None, high: ArrayLike | None, slope: float | str = "auto"
) -> Floats:
    import mne

    return np.asarray(
        mne.filter.create_filter(
            None,
            rate,
            low,
            high,
            l_trans_bandwidth=slope,
            h_trans_bandwidth=slope,
            fir_design="firwin",
            verbose="error",
        )
    )


def _filter(x: xr.DataArray, taps: Floats, caller: str) -> xr.DataArray:
    dims = x.dims
    x = chunk_if_on_disk(x).transpose(..., "time")
    runs = contiguous_runs(x)
    wanted = _has_waves(x)
    moved = x.copy(data=_along_time(as_floats(x.data), taps, runs, caller))
    if not wanted.all():
        moved = xr.where(xr.DataArray(wanted, dims="channel"), moved, x, keep_attrs=False)
        moved = x.copy(data=moved.transpose(*x.dims).astype(moved.dtype).data)
    return moved.transpose(*dims)


def _has_waves(x: xr.DataArray) -> np.ndarray:
    if "type" not in x.coords or x["type"].dims != ("channel",):
        return np.ones(1, dtype=bool)
    return np.array([str(kind).lower() not in _NO_WAVES for kind in x["type"].values])


def _along_time(data: Any, taps: Floats, runs: list[slice], caller: str) -> Any:
    if hasattr(data, "dask"):
        import dask.array as da

        return da.concatenate([_lazily(data[..., run], taps, caller) for run in runs], axis=-1)
    refuse_gaps(data, caller)
    return np.concatenate([_convolve(data[..., run], taps) for run in runs], axis=-1)


def _convolve(values: Floats, taps: Floats) -> Floats:
    """Filter a stretch whose ends are reflected; nothing is moved in time."""
    half, edge = len(taps) // 2, _edge(values.shape[-1], taps)
    padded = np.concatenate(
        [_reflect(values, edge), values, _reflect(values[..., ::-1], edge)[..., ::-1]], axis=-1
    )
    out = oaconvolve(padded, taps.reshape((1,) * (values.ndim - 1) + (-1,)), axes=-1)
    start = edge + half
    return out[..., start : start + values.shape[-1]].astype(values.dtype, copy=False)


def _lazily(data: "DaskArray", taps: Floats, caller: str) -> "DaskArray":
    """Do the same block by block: each sees as much of its neighbours as the filter reaches."""
    import dask.array as da

    half, n = len(taps) // 2, data.shape[-1]
    edge = min(_edge(n, taps), half)  # further out no sample of the stretch is touched
    before = (
        data[..., : edge + 1]
        .rechunk({-1: -1})
        .map_blocks(_reflect, edge, chunks=(*data.chunks[:-1], (edge,)), dtype=data.dtype)
    )
    after = (
        data[..., ::-1][..., : edge + 1]
        .rechunk({-1: -1})
        .map_blocks(_reflect, edge, chunks=(*data.chunks[:-1], (edge,)), dtype=data.dtype)
    )
    padded = da.concatenate([before, data, after[..., ::-1]], axis=-1)

    def convolve(values: Floats) -> Floats:
        refuse_gaps(values, caller)
        out = oaconvolve(values, taps.reshape((1,) * (values.ndim - 1) + (-1,)), "same", axes=-1)
        return np.asarray(out, dtype=values.dtype)

    return by_blocks(convolve, padded, data.chunks[-1], edge, half)


def _edge(n: int, taps: Floats) -> int:
    return max(min(len(taps), n) - 1, 0)


def _reflect(values: Floats, size: int) -> Floats:
    """Return ``size`` samples before the first: the next ones, turned about the first sample."""
    return 2 * values[..., :1] - values[..., size:0:-1]
