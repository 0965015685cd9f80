"""How much of a signal a reconstruction keeps: in all, and band by band."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
import xarray as xr
from scipy import fft

from neurokit import recording
from neurokit.metrics.alike import make_alike
from neurokit.types import Labelled, Recording

BANDS: dict[str, tuple[float, float]] = {
    "delta": (1.0, 4.0),
    "theta": (4.0, 8.0),
    "alpha": (8.0, 13.0),
    "beta": (13.0, 30.0),
    "gamma": (30.0, 80.0),
    "high_gamma": (70.0, 150.0),
}

Wrap = Callable[[np.ndarray], Labelled]


def nmse(x: Recording, y: Recording) -> Labelled:
    """Return the squared error of a reconstruction as a share of the signal's variance.

    Parameters
    ----------
    x, y : DataArray with ``time``, or array-like of shape (..., n_times)
        Signal and reconstruction.

    Returns
    -------
    DataArray without ``time``, or ndarray of shape (...)
        sum (x - y)^2 / sum (x - mean x)^2 over time: 0 is perfect, 1 what a constant gives. Of a
        flat channel, 0 if it is kept exactly and infinity if not.

    Raises
    ------
    ValueError
        If dims, shapes, names of channels, quantities or clocks differ, or a value is not finite.

    Examples
    --------
    >>> float(nmse([0.0, 2.0, 0.0, 2.0], [0.0, 1.0, 0.0, 1.0]))
    0.5
    """
    a, b, wrap = pair(x, y, "nmse")
    return wrap(_divide(_sum_power(a - b), _sum_power(_centre(a))))


def snr_db(x: Recording, y: Recording) -> Labelled:
    """Return the signal-to-noise ratio of a reconstruction, in dB: -10 log10 of `nmse`.

    Parameters
    ----------
    x, y : DataArray with ``time``, or array-like of shape (..., n_times)
        Signal and reconstruction.

    Returns
    -------
    DataArray without ``time``, or ndarray of shape (...)
        Infinity where the reconstruction is exact.

    Examples
    --------
    >>> round(float(snr_db([0.0, 2.0, 0.0, 2.0], [0.0, 1.9, 0.1, 2.0])), 2)
    23.01
    """
    a, b, wrap = pair(x, y, "snr_db")
    with np.errstate(divide="ignore"):
        return wrap(-10 * np.log10(_divide(_sum_power(a - b), _sum_power(_centre(a)))))


def prd(x: Recording, y: Recording) -> Labelled:
    """Percentage root-mean-square difference: 100 sqrt(sum (x - y)^2 / sum x^2).

    An offset in `x` makes it small; `prdn` does without.

    Parameters
    ----------
    x, y : DataArray with ``time``, or array-like of shape (..., n_times)
        Signal and reconstruction.

    Returns
    -------
    DataArray without ``time``, or ndarray of shape (...)
        In percent.

    Examples
    --------
    >>> float(prd([3.0, 4.0], [3.0, 4.5]))
    10.0
    """
    a, b, wrap = pair(x, y, "prd")
    return wrap(100 * np.sqrt(_divide(_sum_power(a - b), _sum_power(a))))


def prdn(x: Recording, y: Recording) -> Labelled:
    """Percentage root-mean-square difference with the mean removed: 100 sqrt(`nmse`).

    Parameters
    ----------
    x, y : DataArray with ``time``, or array-like of shape (..., n_times)
        Signal and reconstruction.

    Returns
    -------
    DataArray without ``time``, or ndarray of shape (...)
        In percent.

    Examples
    --------
    >>> float(prdn([3.0, 5.0, 3.0, 5.0], [3.0, 5.0, 3.0, 4.0]))
    50.0
    """
    a, b, wrap = pair(x, y, "prdn")
    return wrap(100 * np.sqrt(_divide(_sum_power(a - b), _sum_power(_centre(a)))))


def pearson(x: Recording, y: Recording) -> Labelled:
    """Correlation over time of a signal and its reconstruction.

    Parameters
    ----------
    x, y : DataArray with ``time``, or array-like of shape (..., n_times)
        Signal and reconstruction.

    Returns
    -------
    DataArray without ``time``, or ndarray of shape (...)
        Between -1 and 1; NaN where one of them is flat.

    Examples
    --------
    >>> round(float(pearson([0.0, 1.0, 2.0], [5.0, 7.0, 9.0])), 6)
    1.0
    """
    a, b, wrap = pair(x, y, "pearson")
    a, b = _centre(a), _centre(b)
    with np.errstate(invalid="ignore"):
        return wrap((a * b).sum(-1) / np.sqrt(_sum_power(a) * _sum_power(b)))


class BandFidelity(NamedTuple):
    """Fidelity by band, each with ``band`` as last dim."""

    nmse: Labelled
    pearson: Labelled
    log_power_error: Labelled  # dB; below zero where power was lost


def band_fidelity(
    x: Recording,
    y: Recording,
    *,
    sampling_rate: float | None = None,
    bands: Mapping[str, tuple[float, float]] | None = None,
) -> BandFidelity:
    """Fidelity in each frequency band, after one and the same mask on both spectra.

    Bins from the lower edge up to, not including, the upper are kept of the Fourier transforms
    of whole signals, as OpenECS section 3.4 has it [1]_. An error can hide nowhere: the bands of
    a broadband NMSE of .1 may hold .02 in delta and .9 in gamma.

    Parameters
    ----------
    x, y : DataArray with ``time``, or array-like of shape (..., n_times)
        Signal and reconstruction.
    sampling_rate : float, optional
        In Hz; needed for plain arrays.
    bands : mapping of name to (low, high), default=`BANDS`
        In Hz.

    Returns
    -------
    BandFidelity
        ``nmse``, ``pearson`` and ``log_power_error`` (10 log10 of power of `y` over that of `x`,
        in dB), each a DataArray with ``band``, or an ndarray of shape (..., n_bands). NaN for a
        band above half the sampling rate, or without a single bin.

    Raises
    ------
    ValueError
        If dims or shapes differ, a value is not finite, or the rate is missing.

    References
    ----------
    .. [1] OpenECS v1.0, SPEC/OpenECS-v1.0.md, github.com/Quitetall/OpenECS.

    Examples
    --------
    >>> t = np.arange(1000) / 250
    >>> slow, fast = np.sin(2 * np.pi * 10 * t), np.sin(2 * np.pi * 50 * t)
    >>> score = band_fidelity(slow + fast, slow, sampling_rate=250)
    >>> score.nmse[[2, 4]].round(3)
    array([0., 1.])
    """
    bands = BANDS if bands is None else bands
    rate = rate_of(x, sampling_rate, "band_fidelity")
    a, b, wrap = pair(x, y, "band_fidelity")
    f, weight = frequencies_of(a.shape[-1], rate)
    fa, fb = fft.rfft(a), fft.rfft(b)
    out = np.full((3, *a.shape[:-1], len(bands)), np.nan)
    for i, (low, high) in enumerate(bands.values()):
        keep = (f >= low) & (f < high)
        if low >= rate / 2 or not keep.any():
            continue
        u, v, w = fa[..., keep], fb[..., keep], weight[keep]
        # By Parseval these are sums over time of the masked signals.
        pu, pv = (w * np.abs(u) ** 2).sum(-1), (w * np.abs(v) ** 2).sum(-1)
        out[0, ..., i] = _divide((w * np.abs(u - v) ** 2).sum(-1), pu)
        with np.errstate(divide="ignore", invalid="ignore"):
            out[1, ..., i] = (w * (u * v.conj()).real).sum(-1) / np.sqrt(pu * pv)
            out[2, ..., i] = 10 * np.log10(pv / pu)
    return BandFidelity(*(label_bands(wrap, values, bands) for values in out))


def boundary_nmse_ratio(
    x: Recording,
    y: Recording,
    window: float,
    *,
    edge: float = 0.1,
    sampling_rate: float | None = None,
) -> Labelled:
    """Error near the boundaries of a codec's windows over the error in their middle.

    A codec that treats windows one by one often joins them badly: a ratio well above 1 tells.

    Parameters
    ----------
    x, y : DataArray with ``time``, or array-like of shape (..., n_times)
        Signal and reconstruction. The first window begins with the first sample.
    window : float
        Length of the codec's window (its frame, or the stretch that shares a level), in s.
    edge : float, default=0.1
        Share of a window at each of its ends that counts as edge, below 0.5.
    sampling_rate : float, optional
        In Hz; needed for plain arrays.

    Returns
    -------
    DataArray without ``time``, or ndarray of shape (...)
        `nmse` of the edges over `nmse` of the rest, each over its own variance around the mean of
        the whole. The first and the last half window are left out: the ends of a recording are
        not boundaries. NaN where both are 0.

    Raises
    ------
    ValueError
        If a window does not hold a sample of each kind, or the signal two windows.

    Examples
    --------
    >>> x = np.random.default_rng(0).normal(size=2000)
    >>> y = x + 0.1 * np.where(np.arange(2000) % 100 < 10, 2, 1) * np.tile([1, -1], 1000)
    >>> float(boundary_nmse_ratio(x, y, 1.0, sampling_rate=100)) > 2
    True
    """
    rate = rate_of(x, sampling_rate, "boundary_nmse_ratio")
    a, b, wrap = pair(x, y, "boundary_nmse_ratio")
    length, n_times = window * rate, a.shape[-1]
    if not (
        0 < edge < 0.5 and length * min(2 * edge, 1 - 2 * edge) >= 1 and n_times >= 2 * length
    ):
        raise ValueError(
            f"boundary_nmse_ratio: expects windows of several samples, two or more, and an edge"
            f" between 0 and 0.5, got {length:g} of {n_times} samples and {edge!r}."
        )
    place = np.arange(n_times)
    place = place[(place >= length / 2) & (place < n_times - length / 2)]
    phase = np.mod(place, length) / length
    near = (phase < edge) | (phase >= 1 - edge)
    miss, spread = (a - b)[..., place] ** 2, _centre(a)[..., place] ** 2
    parts = [_divide(miss[..., kind].sum(-1), spread[..., kind].sum(-1)) for kind in (near, ~near)]
    with np.errstate(divide="ignore", invalid="ignore"):
        return wrap(parts[0] / parts[1])


# Shared with the other metrics


def pair(x: Recording, y: Recording, caller: str) -> tuple[np.ndarray, np.ndarray, Wrap]:
    """Return two signals as floats, time last, and what labels a result without time.

    Labelled signals are paired by the names of their channels and compared in the unit of ``x``.
    """
    if isinstance(x, xr.DataArray) != isinstance(y, xr.DataArray):
        raise TypeError(
            f"{caller}: expects two labelled or two plain arrays, got {type(x).__name__} and"
            f" {type(y).__name__}; pass both of one kind."
        )
    wrap: Wrap = _leave_plain
    if isinstance(x, xr.DataArray) and isinstance(y, xr.DataArray):
        if "time" not in x.dims or set(x.dims) != set(y.dims):
            raise ValueError(
                f"{caller}: expects signals of the same dims, time among them, got {x.dims} and"
                f" {y.dims}."
            )
        x = x.transpose(..., "time")
        y = y if y is x else make_alike(caller, x, y)
        rest = x.isel(time=0, drop=True)
        wrap = _make_labeller(rest)
        x, y = x.values, y.values
    a, b = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    if a.shape != b.shape or a.ndim == 0 or a.shape[-1] == 0:
        raise ValueError(
            f"{caller}: expects signals of one shape with time last, got {a.shape} and {b.shape}."
        )
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        raise ValueError(
            f"{caller}: expects finite values, got NaN or infinity; leave those channels out."
        )
    return a, b, wrap


def rate_of(x: Recording, sampling_rate: float | None, caller: str) -> float:
    """Return the sampling rate in Hz, off the labels or as given; refuse a clock that jumps."""
    if isinstance(x, xr.DataArray):
        if (n := len(recording.contiguous_runs(x))) > 1:
            raise ValueError(
                f"{caller}: the clock of x jumps and x falls into {n} pieces; pass each on its"
                " own, as neurokit.recording.contiguous_runs cuts them."
            )
        return recording.sampling_rate(x)
    if sampling_rate is None or not 0 < sampling_rate < np.inf:
        raise ValueError(
            f"{caller}: plain arrays need sampling_rate in Hz, got {sampling_rate!r}."
        )
    return float(sampling_rate)


def _leave_plain(values: np.ndarray) -> Labelled:
    return values


def _make_labeller(rest: xr.DataArray) -> Wrap:
    def label(values: np.ndarray) -> xr.DataArray:
        return xr.DataArray(values, dims=rest.dims, coords=rest.coords)

    return label


def label_bands(
    wrap: Wrap, values: np.ndarray, bands: Mapping[str, tuple[float, float]]
) -> Labelled:
    """Label values whose last axis is the band."""
    if wrap is _leave_plain:
        return values
    each = [xr.DataArray(wrap(values[..., i])) for i in range(values.shape[-1])]
    return xr.concat(each, dim=xr.Variable("band", list(bands))).transpose(..., "band")


def frequencies_of(n_times: int, rate: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the frequencies of a real transform, and how often each stands in the full one."""
    f = fft.rfftfreq(n_times, 1 / rate)
    weight = np.full(len(f), 2.0)
    weight[0] = 1.0
    if n_times % 2 == 0:
        weight[-1] = 1.0
    return f, weight


def _centre(a: np.ndarray) -> np.ndarray:
    return a - a.mean(-1, keepdims=True)


def _sum_power(a: np.ndarray) -> np.ndarray:
    return (a**2).sum(-1)


def _divide(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """Quotient, 0 where nothing is missing of nothing."""
    part, whole = np.asarray(part, dtype=np.float64), np.asarray(whole, dtype=np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(part == 0, 0.0, part / whole)
