"""What a reconstruction does to phases, to the coupling of channels, and to events."""

from collections.abc import Mapping

import numpy as np
import xarray as xr
from scipy import fft, signal

from neurokit.metrics.fidelity import BANDS, label_bands, pair, rate_of
from neurokit.types import Labelled, Recording

Bands = Mapping[str, tuple[float, float]]


def band_coherence(
    x: Recording,
    y: Recording,
    *,
    sampling_rate: float | None = None,
    bands: Bands | None = None,
    window: float = 1.0,
) -> Labelled:
    """Magnitude-squared coherence of a signal and its reconstruction, averaged over each band.

    Parameters
    ----------
    x, y : DataArray with ``time``, or array-like of shape (..., n_times)
        Signal and reconstruction.
    sampling_rate : float, optional
        In Hz; needed for plain arrays.
    bands : mapping of name to (low, high), default=`neurokit.metrics.BANDS`
        In Hz.
    window : float, default=1.0
        Length in s of Welch's windows (Hann, half overlapping). The recording must hold several:
        the coherence of a single window is always 1.

    Returns
    -------
    DataArray with ``band``, or ndarray of shape (..., n_bands)
        Mean over the bins with low <= f < high, 0 to 1. NaN for a band without bins, and of a
        flat channel.

    Raises
    ------
    ValueError
        If dims or shapes differ, or fewer than two windows fit.

    References
    ----------
    .. [1] Carter, Knapp, Nuttall (1973), Estimation of the magnitude-squared coherence function
       via overlapped FFT processing, IEEE Trans. Audio Electroacoust. 21(4), 337-344.

    Examples
    --------
    >>> x = np.random.default_rng(0).normal(size=2500)
    >>> band_coherence(x, 3 * x, sampling_rate=250)[0].round(6)
    np.float64(1.0)
    """
    bands = BANDS if bands is None else bands
    rate = rate_of(x, sampling_rate, "band_coherence")
    a, b, wrap = pair(x, y, "band_coherence")
    length = round(window * rate)
    if length < 2 or 3 * length > 2 * a.shape[-1]:
        raise ValueError(
            f"band_coherence: a window of {window:g} s must fit into the signal of"
            f" {a.shape[-1] / rate:g} s at least twice, half overlapping; shorten it."
        )
    with np.errstate(invalid="ignore"):  # of a flat channel, NaN
        f, c = signal.coherence(a, b, fs=rate, nperseg=length)
    out = np.full((*a.shape[:-1], len(bands)), np.nan)
    for i, (low, high) in enumerate(bands.values()):
        keep = (f >= low) & (f < high)
        if keep.any() and low < rate / 2:
            out[..., i] = c[..., keep].mean(-1)
    return label_bands(wrap, out, bands)


def phase_error(
    x: Recording, y: Recording, *, sampling_rate: float | None = None, bands: Bands | None = None
) -> Labelled:
    """Circular phase error of each band, weighted by the signal's amplitude.

    With the analytic signals ``z`` of a band, ``sum |z_x| |arg(z_x conj z_y)| / sum |z_x|`` over
    time: phases count where there is an oscillation to have one.

    Parameters
    ----------
    x, y : DataArray with ``time``, or array-like of shape (..., n_times)
        Signal and reconstruction.
    sampling_rate : float, optional
        In Hz; needed for plain arrays.
    bands : mapping of name to (low, high), default=`neurokit.metrics.BANDS`
        In Hz.

    Returns
    -------
    DataArray with ``band``, or ndarray of shape (..., n_bands)
        In radians: 0 is perfect, pi / 2 what chance gives. NaN for a band without bins.

    Examples
    --------
    >>> t = np.arange(1000) / 250
    >>> late = np.sin(2 * np.pi * 10 * t - 0.3)
    >>> phase_error(np.sin(2 * np.pi * 10 * t), late, sampling_rate=250)[2].round(6)
    np.float64(0.3)
    """
    bands = BANDS if bands is None else bands
    rate = rate_of(x, sampling_rate, "phase_error")
    a, b, wrap = pair(x, y, "phase_error")
    out = np.full((*a.shape[:-1], len(bands)), np.nan)
    for i, band in enumerate(bands.values()):
        za, zb = analytic(a, rate, band), analytic(b, rate, band)
        if za is None or zb is None:
            continue
        weight = np.abs(za)
        with np.errstate(invalid="ignore"):
            out[..., i] = (weight * np.abs(np.angle(za * zb.conj()))).sum(-1) / weight.sum(-1)
    return label_bands(wrap, out, bands)


def phase_locking(
    x: Recording, band: tuple[float, float], *, sampling_rate: float | None = None
) -> np.ndarray:
    """Phase-locking value of every pair of channels in one band.

    Parameters
    ----------
    x : DataArray with ``channel`` and ``time``, or array-like of shape (..., n_channels, n_times)
        Signals.
    band : (float, float)
        Edges in Hz.
    sampling_rate : float, optional
        In Hz; needed for plain arrays.

    Returns
    -------
    ndarray of shape (..., n_channels, n_channels)
        abs(mean over time of exp(i (phase_a - phase_b))), 0 to 1.

    Raises
    ------
    ValueError
        If the band has no bin below half the sampling rate.

    References
    ----------
    .. [1] Lachaux et al. (1999), Measuring phase synchrony in brain signals, Human Brain Mapping
       8(4), 194-208, eq. 1, with the mean over time.

    Examples
    --------
    >>> t = np.arange(1000) / 250
    >>> x = [np.sin(2 * np.pi * 10 * t), np.sin(2 * np.pi * 10 * t - 1)]
    >>> phase_locking(x, (8, 13), sampling_rate=250)[0, 1].round(6)
    np.float64(1.0)
    """
    rate = rate_of(x, sampling_rate, "phase_locking")
    if isinstance(x, xr.DataArray):
        x = x.transpose(..., "channel", "time")
    a, _, _ = pair(x, x, "phase_locking")
    z = analytic(a, rate, band)
    if z is None or a.ndim < 2:
        raise ValueError(
            f"phase_locking: expects channels and a band with bins below {rate / 2:g} Hz, got"
            f" shape {a.shape} and band {tuple(band)}."
        )
    size = np.abs(z)
    u = np.divide(z, size, out=np.zeros_like(z), where=size > 0)
    return np.abs(u @ u.conj().swapaxes(-1, -2)) / a.shape[-1]


def phase_locking_error(
    x: Recording, y: Recording, *, sampling_rate: float | None = None, bands: Bands | None = None
) -> np.ndarray:
    """Error that a reconstruction makes in the phase locking of channel pairs.

    Parameters
    ----------
    x, y : DataArray with ``channel``, ``time``, or array-like of shape (..., n_channels, n_times)
        Signals and reconstructions.
    sampling_rate : float, optional
        In Hz; needed for plain arrays.
    bands : mapping of name to (low, high), default=`neurokit.metrics.BANDS`
        In Hz.

    Returns
    -------
    ndarray of shape (..., n_bands)
        Mean over pairs of abs(PLV of `y` - PLV of `x`). NaN for a band above half the rate.

    Raises
    ------
    ValueError
        If there are fewer than two channels.

    Examples
    --------
    >>> x = np.random.default_rng(0).normal(size=(3, 1000))
    >>> phase_locking_error(x, -x, sampling_rate=250)[:2]
    array([0., 0.])
    """
    bands = BANDS if bands is None else bands
    rate = rate_of(x, sampling_rate, "phase_locking_error")
    if isinstance(x, xr.DataArray):
        x = x.transpose(..., "channel", "time")
    a, b, _ = pair(x, y, "phase_locking_error")
    if a.ndim < 2 or a.shape[-2] < 2:
        raise ValueError(
            f"phase_locking_error: expects two channels or more, got shape {a.shape}."
        )
    one, other = np.triu_indices(a.shape[-2], 1)
    out = np.full((*a.shape[:-2], len(bands)), np.nan)
    for i, band in enumerate(bands.values()):
        if analytic(a[..., :1, :], rate, band) is not None:
            p = phase_locking(a, band, sampling_rate=rate)
            q = phase_locking(b, band, sampling_rate=rate)
            out[..., i] = np.abs(q - p)[..., one, other].mean(-1)
    return out


def envelope_correlation(
    x: Recording,
    y: Recording,
    *,
    band: tuple[float, float] = (70.0, 150.0),
    sampling_rate: float | None = None,
) -> Labelled:
    """Correlation of the envelopes of one band, high gamma by default.

    Parameters
    ----------
    x, y : DataArray with ``time``, or array-like of shape (..., n_times)
        Signal and reconstruction.
    band : (float, float), default=(70.0, 150.0)
        Edges in Hz.
    sampling_rate : float, optional
        In Hz; needed for plain arrays.

    Returns
    -------
    DataArray without ``time``, or ndarray of shape (...)
        Pearson's r of the magnitudes of the analytic signals; NaN for a flat envelope.

    Raises
    ------
    ValueError
        If the band has no bin below half the sampling rate.

    Examples
    --------
    >>> x = np.random.default_rng(0).normal(size=2000)
    >>> envelope_correlation(x, 0.1 * x, sampling_rate=1000).round(6)
    np.float64(1.0)
    """
    rate = rate_of(x, sampling_rate, "envelope_correlation")
    a, b, wrap = pair(x, y, "envelope_correlation")
    za, zb = analytic(a, rate, band), analytic(b, rate, band)
    if za is None or zb is None:
        raise ValueError(
            f"envelope_correlation: band {tuple(band)} has no bin below {rate / 2:g} Hz, half the"
            " sampling rate."
        )
    u, v = np.abs(za), np.abs(zb)
    u, v = u - u.mean(-1, keepdims=True), v - v.mean(-1, keepdims=True)
    with np.errstate(invalid="ignore"):
        return wrap((u * v).sum(-1) / np.sqrt((u**2).sum(-1) * (v**2).sum(-1)))


def erp_latency_error(
    x: Recording, y: Recording, *, window: tuple[float, float], sampling_rate: float | None = None
) -> Labelled:
    """Return how far a reconstruction moves the peak of the average over trials.

    The peak is the largest deflection from zero in the window of the average of `x`, and in that
    of `y` the largest of the same sign; both to the sample.

    Parameters
    ----------
    x, y : DataArray (trial, channel, time), or array-like of shape (n_trials, ..., n_times)
        Trials and their reconstructions.
    window : (float, float)
        Where to look, in s: of the clock of labelled trials, else from the first sample.
    sampling_rate : float, optional
        In Hz; needed for plain arrays.

    Returns
    -------
    DataArray (channel), or ndarray of shape (...)
        Latency in `y` minus latency in `x`, in s.

    Raises
    ------
    ValueError
        If no sample lies in the window.

    Examples
    --------
    >>> t = np.arange(100) / 100
    >>> bump = np.exp(-(((t - 0.3) / 0.05) ** 2))
    >>> late = np.exp(-(((t - 0.34) / 0.05) ** 2))
    >>> erp_latency_error([bump], [late], window=(0.1, 0.6), sampling_rate=100).round(6)
    np.float64(0.04)
    """
    rate = rate_of(x, sampling_rate, "erp_latency_error")
    if isinstance(x, xr.DataArray) and "trial" in x.dims:
        times = x["time"].values
        x = x.transpose("trial", ..., "time")
        x, y = x, y.transpose(*x.dims) if isinstance(y, xr.DataArray) else y
        a, b, _ = pair(x, y, "erp_latency_error")
        rest = x.isel(trial=0, time=0, drop=True)
    else:
        a, b, _ = pair(x, y, "erp_latency_error")
        times, rest = np.arange(a.shape[-1]) / rate, None
    inside = np.flatnonzero((times >= window[0]) & (times <= window[1]))
    if a.ndim < 2 or not len(inside):
        raise ValueError(
            f"erp_latency_error: expects trials with samples between {window[0]:g} and"
            f" {window[1]:g} s, got shape {a.shape} from {times[0]:g} to {times[-1]:g} s."
        )
    p, q = a.mean(0)[..., inside], b.mean(0)[..., inside]
    peak = np.abs(p).argmax(-1)
    sign = np.sign(np.take_along_axis(p, peak[..., None], -1))
    out = (times[inside][(sign * q).argmax(-1)] - times[inside][peak]).astype(np.float64)
    return out if rest is None else xr.DataArray(out, dims=rest.dims, coords=rest.coords)


def analytic(a: np.ndarray, rate: float, band: tuple[float, float]) -> np.ndarray | None:
    """Analytic signal of the bins with low <= f < high; None where there is none of them."""
    low, high = band
    f = fft.fftfreq(a.shape[-1], 1 / rate)
    keep = (f >= max(low, 0)) & (f < high) & (f > 0)
    if low >= rate / 2 or not keep.any():
        return None
    spectrum = fft.fft(a)
    spectrum[..., ~keep] = 0
    z: np.ndarray = 2 * fft.ifft(spectrum)
    return z
