"""Pólya-gamma random numbers with exact mean and variance at every shape.

PG(h, z) is an infinite sum of gamma variables, of which the first few are drawn as they are and
all others together as one gamma variable with the mean and the variance that are left:

    PG(h, z) = 1 / (2 pi^2) sum_{k >= 1} g_k / ((k - 1/2)^2 + (z / 2 pi)^2),  g_k ~ Gamma(h, 1)
    mean     = h tanh(z / 2) / (2 z)
    variance = h (sinh z - z) / (4 z^3 cosh^2(z / 2))

(Polson, Scott and Windle 2013, J. Am. Stat. Assoc. 108, 1339-1349, eq. 2 and section 2.2). Higher
moments are those of the sum but for the tail's.
"""

import numpy as np
from numba import njit, vectorize
from numpy.typing import ArrayLike, NDArray

_FEW = 2  # terms drawn as they are from this shape upwards, where one gamma is nearly the sum
_MANY = 4
_LARGE = 4.0


def sample_polya_gamma(
    shape: ArrayLike, tilt: ArrayLike, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Draw PG(shape, tilt), element by element.

    Parameters
    ----------
    shape : array-like of float, not negative
        h. A shape of 0 gives 0.
    tilt : array-like of float
        z; its sign does not matter.
    rng : Generator

    Returns
    -------
    ndarray of the shape that both are broadcast to

    Examples
    --------
    >>> draws = sample_polya_gamma(np.full(10_000, 2.5), 1.0, np.random.default_rng(0))
    >>> mean, variance = polya_gamma_moments(2.5, 1.0)
    >>> bool(abs(draws.mean() - mean) < 4 * (variance / 10_000) ** 0.5)
    True
    """
    h, z = np.broadcast_arrays(np.asarray(shape, np.float64), np.asarray(tilt, np.float64))
    out = np.empty(h.shape)
    _fill(np.ascontiguousarray(h).ravel(), np.ascontiguousarray(z).ravel(), out.ravel(), rng)
    return out


def polya_gamma_moments(shape: ArrayLike, tilt: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and variance of PG(shape, tilt).

    Parameters
    ----------
    shape, tilt : array-like of float

    Returns
    -------
    mean, variance : ndarray or float
    """
    h = np.asarray(shape, np.float64)
    return h * _unit_mean(tilt), h * _unit_variance(tilt)


@njit(cache=True, inline="always")
def _mean(z):  # type: ignore[no-untyped-def]
    z = abs(z)
    if z < 1e-2:
        s = z * z
        return 0.25 * (1 - s / 12 * (1 - s / 10))
    return np.tanh(z / 2) / (2 * z)


@njit(cache=True, inline="always")
def _variance(z):  # type: ignore[no-untyped-def]
    z = abs(z)
    if z < 0.5:  # (sinh z - z) / z^3 by its series: the difference of the two would cancel
        s = z * z
        odd = 1 / 6 + s * (1 / 120 + s * (1 / 5040 + s * (1 / 362880 + s / 39916800)))
        return odd / (4 * np.cosh(z / 2) ** 2)
    e = np.exp(-z)
    # sinh z / cosh^2(z / 2) = 2 tanh(z / 2), which does not overflow
    return (2 * (1 - e) / (1 + e) - 4 * z * e / (1 + e) ** 2) / (4 * z**3)


@vectorize(cache=True)
def _unit_mean(z):  # type: ignore[no-untyped-def]
    return _mean(z)


@vectorize(cache=True)
def _unit_variance(z):  # type: ignore[no-untyped-def]
    return _variance(z)


@njit(cache=True, error_model="numpy", nogil=True)
def _fill(shape, tilt, out, rng):  # type: ignore[no-untyped-def]
    for n in range(len(shape)):
        h, z = shape[n], tilt[n]
        if h <= 0:
            out[n] = 0.0
            continue
        square = (z / (2 * np.pi)) ** 2
        mean, variance, total = _mean(z), _variance(z), 0.0
        for k in range(_FEW if h >= _LARGE else _MANY):
            weight = 1 / (2 * np.pi**2 * ((k + 0.5) ** 2 + square))
            total += weight * rng.standard_gamma(h)
            mean -= weight
            variance -= weight * weight
        # for a large tilt the first terms are a small part, and nothing is lost in the differences
        out[n] = total + variance / mean * rng.standard_gamma(h * mean * mean / variance)
