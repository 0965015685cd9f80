"""Steady-state responses as arrays: filter banks, canonical correlation, TRCA, TDCA."""

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize_scalar
from scipy.signal import cheby1, sosfiltfilt
from scipy.sparse import csr_array

from neurokit.solvers.covariances import whiten

Array = NDArray[np.float64]
SLOWEST = 3.0  # Hz: labels below are no flickers, but codes such as 1, 2 and 3
LOWEST = 8.0  # Hz, of targets whose frequencies nobody tells
LONGEST = 1024  # samples of a trial that is filtered by a matrix


def read_frequencies(labels: NDArray[np.generic]) -> Array | None:
    """Return labels that read as Hz (``12.5``, ``"12.5"``, ``"12.5 Hz"``), or None."""
    found = [
        re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(?:hz)?\s*", str(x), re.IGNORECASE) for x in labels
    ]
    values = np.array([float(match[1]) for match in found if match])
    return values if len(values) == len(labels) and (values >= SLOWEST).all() else None


def design_bands(
    bands: int | Sequence[tuple[float, float]], lowest: float, rate: float
) -> list[tuple[float, float]]:
    """Return the pass bands in Hz: band k begins under the k-th harmonic of the lowest target."""
    highest = min(90.0, 0.45 * rate)
    if not isinstance(bands, int | np.integer):
        return [(float(low), float(high)) for low, high in bands]
    chosen = [(max(k * lowest - 2.0, 1.0), highest) for k in range(1, bands + 1)]
    return [band for band in chosen if band[0] <= highest - 4.0]


def check_bands(
    name: str,
    given: object,
    bands: Sequence[tuple[float, float]],
    rate: float,
    frequencies: Array | None,
    n_times: int,
) -> None:
    """Refuse sub-bands and targets beyond half the rate, and trials shorter than a cycle."""
    half = rate / 2
    if not bands or not all(0 < low < high < half for low, high in bands):
        raise ValueError(
            f"{name}: bands must lie between 0 and {half:g} Hz, half the sampling rate, got"
            f" {given!r}, which gives {list(bands)}."
        )
    if frequencies is None:
        return
    if frequencies.max() >= half:
        raise ValueError(
            f"{name}: a target at {frequencies.max():g} Hz cannot be seen at a sampling rate of"
            f" {rate:g} Hz; record at a higher one."
        )
    if n_times < rate / frequencies.min():
        raise ValueError(
            f"{name}: trials of {n_times / rate:g} s are shorter than a cycle of"
            f" {frequencies.min():g} Hz; give longer ones."
        )


def weigh_bands(n_bands: int) -> Array:
    """Return what each band counts for, ``k^-1.25 + 0.25`` (Chen et al. 2015, eq. 7)."""
    return np.arange(1, n_bands + 1, dtype=np.float64) ** -1.25 + 0.25


@lru_cache(maxsize=4)
def make_operators(bands: tuple[tuple[float, float], ...], rate: float, n_times: int) -> Array:
    """Return the zero-phase band-passes of trials of one length as matrices.

    A filter run forwards and backwards over ``n_times`` samples is linear, and so is taking the
    mean of what leaves it away: one matrix of shape (n_times, n_times) for each band. A whole set
    of trials is then filtered by a product.
    """
    found = np.stack([_filter_twice(np.eye(n_times), band, rate) for band in bands])
    return found - found.mean(axis=-1, keepdims=True)


def _filter_twice(x: Array, band: tuple[float, float], rate: float) -> Array:
    padding = min(45, x.shape[-1] - 1)
    sos = cheby1(4, 0.5, band, "bandpass", output="sos", fs=rate)
    return np.asarray(sosfiltfilt(sos, x, padlen=padding))


def filter_trials(values: Array, bands: Sequence[tuple[float, float]], rate: float) -> Array:
    """Band-pass trials and take their means away; shape (band, trial, channel, time)."""
    n_times = values.shape[-1]
    if n_times <= LONGEST:
        flat = values.reshape(-1, n_times)
        filtered = np.matmul(flat, make_operators(tuple(bands), rate, n_times))
        return filtered.reshape(len(bands), *values.shape)
    # the matrices would be larger than what they save
    filtered = np.stack([_filter_twice(values, band, rate) for band in bands])
    filtered -= filtered.mean(axis=-1, keepdims=True)
    return filtered


def make_references(frequencies: ArrayLike, n_harmonics: int, rate: float, n_times: int) -> Array:
    """Return orthonormal sines and cosines of every target; shape (target, time, 2 n_harmonics).

    Harmonics at or above half the rate are columns of zeros, which correlate with nothing.
    """
    hz = np.asarray(frequencies, float)[:, None] * np.arange(1, n_harmonics + 1)
    angle = 2 * np.pi * hz[:, None, :] * (np.arange(n_times) / rate)[None, :, None]
    waves = np.concatenate([np.sin(angle), np.cos(angle)], axis=2)
    waves -= waves.mean(axis=1, keepdims=True)
    waves *= np.tile(hz < rate / 2, 2)[:, None, :]
    left, values, _ = np.linalg.svd(waves, full_matrices=False)
    return left * (values > 1e-6 * values.max(axis=1, keepdims=True))[:, None, :]


def correlate_canonically(x: Array, references: Array) -> Array:
    """Return the squared first canonical correlation of every trial with every target.

    Parameters
    ----------
    x : ndarray of shape (..., n_channels, n_times)
        Trials without their means.
    references : ndarray of shape (n_targets, n_times, n_waves)
        Orthonormal columns.

    Returns
    -------
    ndarray of shape (..., n_targets)
    """
    n_targets, n_times, n_waves = references.shape
    white = whiten(x @ x.swapaxes(-1, -2))
    waves = references.transpose(1, 0, 2).reshape(n_times, -1)
    both = white.swapaxes(-1, -2) @ (x @ waves)  # (..., channel, target * wave)
    both = both.reshape(*both.shape[:-1], n_targets, n_waves)
    both = np.moveaxis(both, -2, -3)
    small = both @ both.swapaxes(-1, -2)
    if both.shape[-1] < both.shape[-2]:
        small = both.swapaxes(-1, -2) @ both
    return np.clip(np.linalg.eigvalsh(small)[..., -1], 0.0, 1.0)


class Moments(NamedTuple):
    """What task-related components are computed from: sums that trials are added to."""

    sums: Array  # (band, class, channel, time)
    within: Array  # (band, class, channel, channel): sums of each trial's products with itself
    number: Array  # (class,)

    def less(self, other: "Moments") -> "Moments":
        """Return what is left without some of the trials."""
        return Moments(*(mine - theirs for mine, theirs in zip(self, other, strict=True)))


def gather_moments(
    x: Array, y: NDArray[np.intp], n_classes: int, turn: NDArray[np.intp]
) -> list[Moments]:
    """Sum trials (band, trial, channel, time) by their class, and their products, in parts.

    Parameters
    ----------
    x : ndarray of shape (n_bands, n_trials, n_channels, n_times)
    y : ndarray of int, shape (n_trials,)
    n_classes : int
    turn : ndarray of int, shape (n_trials,)
        Which part a trial belongs to, 0, 1, ...; every class has trials in every part.

    Returns
    -------
    list of Moments
        One for each part.
    """
    n_parts = int(turn.max()) + 1
    place = y * n_parts + turn
    number = np.bincount(place, minlength=n_classes * n_parts)
    order = np.argsort(place, kind="stable")
    # a sparse matrix sums the trials of a place in each band without a copy of them
    n_bands, n_trials = len(x), len(y)
    rows = (order + n_trials * np.arange(n_bands)[:, None]).ravel()
    begins = np.concatenate([[0], np.tile(number, n_bands).cumsum()])
    member = csr_array((np.ones(len(rows)), rows, begins), shape=(len(begins) - 1, len(rows)))
    products = x @ x.swapaxes(-1, -2)
    sums, within = (
        (member @ part.reshape(len(rows), -1)).reshape(
            n_bands, n_classes, n_parts, *part.shape[2:]
        )
        for part in (x, products)
    )
    counts = number.reshape(n_classes, n_parts).astype(np.float64)
    return [Moments(sums[:, :, k], within[:, :, k], counts[:, k]) for k in range(n_parts)]


def solve_trca(moments: Moments) -> Array:
    """Fit task-related components of every band and class (Nakanishi et al. 2018, eq. 4 to 8).

    Parameters
    ----------
    moments : Moments

    Returns
    -------
    ndarray of shape (n_bands, n_classes, n_channels)
        Spatial filters.
    """
    sums, within, _ = moments
    # pairs of different trials add to sums @ sums.T less what trials are with themselves; that is
    # ``within``, which whitening makes the same in all directions, so the first term will do
    between = sums @ sums.swapaxes(-1, -2)
    white = whiten(within)
    vectors = np.linalg.eigh(white.swapaxes(-1, -2) @ between @ white)[1][..., -1:]
    return (white @ vectors)[..., 0]


def delay_channels(x: Array, n_delays: int) -> Array:
    """Stack copies of the channels that come 1 to ``n_delays`` samples later, zeros at the end."""
    n_times = x.shape[-1]
    out = np.zeros((*x.shape[:-2], n_delays + 1, *x.shape[-2:]))
    for d in range(n_delays + 1):
        out[..., d, :, : n_times - d] = x[..., d:]
    return out.reshape(*x.shape[:-2], -1, n_times)


def solve_tdca(
    x: Array, y: NDArray[np.intp], n_classes: int, n_components: int, shrinkage: float
) -> tuple[Array, Array]:
    """Fit one set of discriminant components for all classes (Liu et al. 2021, eq. 6 to 9).

    Parameters
    ----------
    x : ndarray of shape (n_trials, n_rows, n_columns)
        Delayed channels, beside their projections on the references of their class.
    y : ndarray of int, shape (n_trials,)
    n_classes, n_components : int
    shrinkage : float
        Share of the mean variance that is added to the scatter within classes.

    Returns
    -------
    filters : ndarray of shape (n_rows, n_components)
    means : ndarray of shape (n_classes, n_rows, n_columns)
    """
    belongs = (y[None, :] == np.arange(n_classes)[:, None]).astype(float)
    belongs /= belongs.sum(axis=1, keepdims=True)
    means = (belongs @ x.reshape(len(x), -1)).reshape(n_classes, *x.shape[1:])
    apart = means - means.mean(axis=0)
    between = np.tensordot(apart, apart, axes=([0, 2], [0, 2])) / n_classes
    rest = x - means[y]
    within = np.tensordot(rest, rest, axes=([0, 2], [0, 2])) / len(x)
    mean_power = np.trace(within) / len(within)
    if mean_power == 0:  # one trial a class: there is nothing but the means
        mean_power = np.trace(between) / len(between)
    within = (1 - shrinkage) * within + shrinkage * mean_power * np.eye(len(within))
    white = whiten(within)
    vectors = np.linalg.eigh(white.T @ between @ white)[1]
    return white @ vectors[:, : -n_components - 1 : -1], means


def share_phase(values: Array, y: NDArray[np.intp], frequencies: Array, rate: float) -> bool:
    """Say whether the trials of a target share a phase, as they must where trials are averaged.

    The power of the mean of what the trials of a target hold at its frequency is compared with
    the mean power, for each channel, meaned over targets. The largest over channels must exceed
    what 19 of 20 random turns of the trials (the same for all channels) leave.
    """
    waves = _make_waves(tuple(frequencies.tolist()), rate, values.shape[-1])
    both = values @ waves[y]  # (trial, channel, real and imaginary part)
    belongs = (y[None, :] == np.arange(len(frequencies))[:, None]).astype(float)
    number = belongs.sum(axis=1)
    if number.min() < 2:
        return True  # one trial shares its phase with itself
    power = belongs @ (both**2).sum(axis=-1)
    power = np.where(power > 0, power, 1.0)
    whole = (belongs @ both.reshape(len(y), -1)).reshape(*power.shape, 2)
    lock = ((whole**2).sum(axis=-1) / power).mean(axis=0)
    if _no_turn_reaches(lock.max(), *power.shape):
        return True
    spectrum = both[..., 0] + 1j * both[..., 1]
    turns = _turns(len(y))
    order = np.argsort(y, kind="stable")
    slot = np.concatenate([np.arange(n) for n in number.astype(int)])  # of a trial in its target
    left = np.zeros((len(frequencies), len(turns), slot.max() + 1), complex)
    right = np.zeros((len(frequencies), slot.max() + 1, spectrum.shape[1]), complex)
    left[y[order], :, slot] = turns.T[order]
    right[y[order], slot] = spectrum[order]
    turned = left @ right  # (target, turn, channel)
    largest = ((turned.real**2 + turned.imag**2) / power[:, None]).mean(axis=0).max(axis=1)
    return bool(lock.max() > np.quantile(largest, 0.95))


@lru_cache(maxsize=4)
def _make_waves(frequencies: tuple[float, ...], rate: float, n_times: int) -> Array:
    """Return a cosine and a sine of every target without their means; (target, time, 2)."""
    angle = 2 * np.pi * np.outer(frequencies, np.arange(n_times) / rate)
    waves = np.stack([np.cos(angle), -np.sin(angle)], axis=-1)
    return waves - waves.mean(axis=1, keepdims=True)


def _no_turn_reaches(lock: float, n_targets: int, n_channels: int) -> bool:
    """Say whether next to no random turn of the trials locks as strongly as they do.

    Sums of random phases have no larger moments than a complex normal variable, so the mean over
    K targets exceeds s with a probability of at most ``(s exp(1 - s))^K`` (Chernoff) in a channel.
    """
    return lock > 1 and n_channels * (lock * np.exp(1 - lock)) ** n_targets < 1e-3


@lru_cache(maxsize=4)
def _turns(n_trials: int) -> NDArray[np.complex128]:
    """Return 99 random turns of the trials, the same every time."""
    return np.exp(2j * np.pi * np.random.default_rng(0).random((100, n_trials))[1:])


def fit_sharpness(scores: Array, y: NDArray[np.intp]) -> float:
    """Return the factor of scores whose softmax makes the true labels likeliest."""
    below = scores - scores.max(axis=1, keepdims=True)  # nought at most: nothing overflows
    truth = below[np.arange(len(y)), y].mean()

    def unlikely(log_factor: float) -> float:
        factor = np.exp(log_factor)
        return float(np.log(np.exp(factor * below).sum(axis=1)).mean() - factor * truth)

    found = minimize_scalar(unlikely, bounds=(-3.0, 6.0), method="bounded")
    return float(np.exp(found.x))


def correlate(a: Array, b: Array, form: Array | None = None) -> Array:
    """Correlate trials (n, row, time) with templates (m, row, time), none of them centred.

    ``form`` is the matrix of the scalar product over rows; default: the plain one.
    """
    formed = b if form is None else form @ b
    if form is None:
        power = np.einsum("nrt,nrt->n", a, a)
    else:  # the small products first: no copy of the trials
        power = np.einsum("nij,ij->n", a @ a.swapaxes(-1, -2), form)
    size = np.sqrt(np.maximum(power[:, None] * np.einsum("nrt,nrt->n", formed, b), 0.0))
    return a.reshape(len(a), -1) @ formed.reshape(len(b), -1).T / np.where(size > 0, size, 1.0)
