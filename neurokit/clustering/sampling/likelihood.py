"""Log likelihood of counts as a function of the log rate, and what Newton needs of it.

All is done for many counts at once by NumPy: its exponentials are made of vectors and its products
of matrices are BLAS's, and nothing of it has to be compiled. But not for all counts at once: what
is too large for the nearest memory takes five times as long.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

Array = NDArray[np.float64]
_PIECE = 6000  # numbers worked on at once


def pieces(n_rows: int, n_columns: int) -> Iterator[tuple[slice, slice]]:
    """Cut a table into pieces that fit into the nearest memory: rows and columns of each."""
    width = min(n_columns, _PIECE)
    height = max(1, _PIECE // max(width, 1))
    for row in range(0, n_rows, height):
        for column in range(0, n_columns, width):
            yield slice(row, row + height), slice(column, column + width)


@np.errstate(over="ignore", invalid="ignore")  # a rate without a number is impossible
def curves(y: Array, eta: Array, r: Array) -> tuple[Array, Array, Array]:
    """Log likelihood (up to what eta does not enter), its slope and minus its curvature.

    ``r`` is broadcast; where one is infinite all are, and the law is Poisson's.
    """
    if np.isinf(np.min(r)):
        rate = np.exp(eta)
        return y * eta - rate, y - rate, rate
    psi = eta - np.log(r)
    small = np.exp(-np.abs(psi))
    inverse = 1 / (1 + small)  # of 1 + e^-|psi|
    share = np.where(psi > 0, inverse, 1 - inverse)
    total = y + r
    soft = np.maximum(psi, 0.0)
    soft -= np.log(inverse)  # log(1 + e^psi)
    soft *= total
    curve = total * share
    slope = y - curve
    small *= inverse
    small *= inverse
    small *= total
    psi *= y
    psi -= soft
    return psi, slope, small


def log_rates(theta: Array, z: NDArray[np.int64], latents: Array) -> Array:
    """Log of the expected counts: theta (N, q), latents (K, T, q) -> (N, T)."""
    out = np.empty((len(theta), latents.shape[1]))
    for j, x in enumerate(latents):
        members = z == j
        out[members] = log_rates_of(theta[members], x)
    return out


def log_rates_of(theta: Array, x: Array) -> Array:
    """Log of the expected counts of units that follow one trajectory (T, q)."""
    eta = theta[:, 1:] @ x[:, 1:].T
    eta += x[:, 0]
    eta += theta[:, :1]
    return eta


def log_probabilities(y: Array, keep: NDArray[np.bool_], eta: Array, r: Array) -> Array:
    """Log probability of every count with every constant, NaN where there is none: (N, T)."""
    out = np.full(y.shape, np.nan)
    for part in pieces(*y.shape):
        count, wide = y[part], r[part[0], None]
        value = curves(count, eta[part], wide)[0] - gammaln(count + 1)
        if not np.isinf(np.min(r)):
            value += gammaln(count + wide) - gammaln(wide)
        out[part][keep[part]] = value[keep[part]]
    return out


def unit_log_likelihoods(
    y: Array, keep: NDArray[np.bool_], r: Array, theta: Array, x: Array
) -> Array:
    """Sum `curves` over bins: units y, keep (n, T), r (n,), theta (n, q) on one trajectory x."""
    out = np.zeros(len(y))
    for units, times in pieces(*y.shape):
        eta = log_rates_of(theta[units], x[times])
        value = curves(y[units, times], eta, r[units, None])[0]
        out[units] += np.where(keep[units, times], value, 0.0).sum(1)
    return out


class _Shapes:
    """Log posterior of every unit's log r, by itself."""

    def __init__(self, y: Array, keep: NDArray[np.bool_], eta: Array, a: float, b: float) -> None:
        n_units, n_times = y.shape
        self.y, self.keep, self.eta, self.a, self.b = y, keep, eta, a, b
        self.n_kept = keep.sum(1)
        most = int(y.max(initial=0, where=keep))
        self.tail = None
        if most <= 4 * n_times:
            # tail[i, n]: bins with more than n spikes; prod (r + n) over them is
            # Gamma(y + r) / Gamma(r)
            level = (
                np.where(keep, y, 0).astype(np.int64) + (most + 1) * np.arange(n_units)[:, None]
            )
            found = np.bincount(level.ravel(), minlength=n_units * (most + 1))
            counts = found.reshape(n_units, most + 1)[:, :0:-1]
            self.tail = np.cumsum(counts, axis=1)[:, ::-1].astype(float)

    def __call__(self, u: Array, units: NDArray[np.int64]) -> Array:
        """Evaluate at u, one for each of the units."""
        r = np.exp(u)
        total = self.a * u - self.b * r + self.n_kept[units] * r * u
        for rows, times in pieces(len(units), self.y.shape[1]):
            some = units[rows]
            eta, y, keep = (part[some, times] for part in (self.eta, self.y, self.keep))
            wide, shape = u[rows, None], r[rows, None]
            soft = np.maximum(wide, eta) + np.log1p(np.exp(-np.abs(wide - eta)))  # log(r + mu)
            spent = (y + shape) * soft
            if self.tail is None:
                spent -= gammaln(y + shape) - gammaln(shape)
            total[rows] -= np.where(keep, spent, 0.0).sum(1)
        if self.tail is not None:
            steps = np.log(r[:, None] + np.arange(self.tail.shape[1]))
            total += (self.tail[units] * steps).sum(1)
        return np.asarray(total)


def draw_shapes(
    y: Array,
    keep: NDArray[np.bool_],
    eta: Array,
    r: Array,
    a: float,
    b: float,
    rng: np.random.Generator,
) -> None:
    """Draw each dispersion given the rates, by a slice sampler in log r (Neal 2003), in place."""
    target = _Shapes(y, keep, eta, a, b)
    everyone = np.arange(len(r))
    u = np.log(r)
    level = target(u, everyone) - rng.standard_exponential(len(r))
    low = u - rng.random(len(r))
    high = low + 1.0
    for edge, step in ((low, -1.0), (high, 1.0)):
        units = everyone
        for _ in range(50):
            units = units[target(edge[units], units) > level[units]]
            if not len(units):
                break
            edge[units] += step
    units = everyone
    while len(units):
        v = low[units] + (high[units] - low[units]) * rng.random(len(units))
        inside = target(v, units) > level[units]
        r[units[inside]] = np.exp(v[inside])
        units, v = units[~inside], v[~inside]
        below = v < u[units]
        low[units[below]] = v[below]
        high[units[~below]] = v[~below]
        units = units[high[units] - low[units] >= 1e-12]
