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
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]

_FEW = 2  # terms drawn as they are from this shape upwards, where one gamma is nearly the sum
_MANY = 4
_LARGE = 4.0
_PIECE = 4096  # numbers worked on at once: they fit into the nearest memory


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
    flat, shapes, tilts = out.reshape(-1), h.reshape(-1), z.reshape(-1)
    for start in range(0, len(flat), _PIECE):
        part = slice(start, start + _PIECE)
        flat[part] = _draw_piece(shapes[part], tilts[part], rng)
    return out


def _draw_piece(h: Array, z: Array, rng: np.random.Generator) -> Array:
    large = h >= _LARGE
    if large.all():
        return _draw(h, z, _FEW, rng)
    out = np.zeros(h.shape)
    for chosen, n_terms in ((large, _FEW), ((h > 0) & ~large, _MANY)):
        if chosen.any():
            out[chosen] = _draw(h[chosen], z[chosen], n_terms, rng)
    return out


def _draw(h: Array, z: Array, n_terms: int, rng: np.random.Generator) -> Array:
    """Draw the first terms one by one, the others together."""
    mean, variance = _unit_moments(z)
    square = (z / (2 * np.pi)) ** 2
    total = np.zeros(h.shape)
    for k in range(n_terms):
        weight = 1 / (2 * np.pi**2 * ((k + 0.5) ** 2 + square))
        total += weight * rng.standard_gamma(h)
        mean -= weight
        variance -= weight * weight
    # for a large tilt the first terms are a small part, and nothing is lost in the differences
    total += variance / mean * rng.standard_gamma(h * mean * mean / variance)
    return total


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
    mean, variance = _unit_moments(np.asarray(tilt, np.float64))
    return h * mean, h * variance


def _unit_moments(tilt: Array) -> tuple[Array, Array]:
    """Return mean and variance at shape 1, each by its series where z is small."""
    z = np.abs(tilt)
    s, e = z * z, np.exp(-z)
    away = np.maximum(z, 1e-2)
    half = (1 - e) / (1 + e)  # tanh(z / 2)
    sech = e / (1 + e) ** 2  # 1 / (4 cosh^2(z / 2)), which does not overflow
    mean = np.where(z < 1e-2, 0.25 * (1 - s / 12 * (1 - s / 10)), half / (2 * away))
    # (sinh z - z) / z^3 by its series: the difference of the two would cancel
    odd = 1 / 6 + s * (1 / 120 + s * (1 / 5040 + s * (1 / 362880 + s / 39916800)))
    # sinh z / cosh^2(z / 2) = 2 tanh(z / 2)
    return mean, np.where(z < 0.5, odd * sech, (half - 2 * z * sech) / (2 * away**3))
