"""States and trajectories drawn together: exactly, or for Poisson counts proposed near a point.

For Poisson counts no numbers make the likelihood Gaussian. A point u = x + e, e ~ N(0, tau^2), is
drawn near the trajectories x; a parabola of the likelihood near u is Gaussian in x; under it and
the law of u, states of a window are drawn with the trajectories integrated out, then trajectories.
The parabola hangs on u alone, so that the exact likelihood over the parabola, after and before, is
what accepts (left to right and right to left are each other's reverse, and a coin says which).
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from neurokit.clustering.sampling.collapsed import sweep_states
from neurokit.clustering.sampling.dynamics import chain_precision
from neurokit.clustering.sampling.latents import loads
from neurokit.clustering.sampling.likelihood import log_rates
from neurokit.clustering.sampling.model import Chain, Counts
from neurokit.solvers.gaussian_states import factor, solve

Array = NDArray[np.float64]
_TAU = (0.05, 0.3)  # log of counts: least and most
_WINDOW = 100  # bins
_STEPS = 4  # of Newton's


class Laws(NamedTuple):
    """What `sweep_states` reads of dynamics and steps of states, all clusters, all states."""

    weight: Array
    noise: Array
    half: Array
    inverse: Array
    log_pi: Array


def laws_of(chain: Chain) -> Laws:
    """Work out factors, inverses and logarithms."""
    noise = np.ascontiguousarray(chain.dynamics.noise)
    return Laws(
        np.ascontiguousarray(chain.dynamics.weight),
        noise,
        np.linalg.cholesky(noise).astype(np.float64, copy=False),
        np.linalg.inv(noise).astype(np.float64, copy=False),
        np.log(np.maximum(chain.pi, 1e-300)),  # what is all but impossible stays possible
    )


def draw_windows(chain: Chain, counts: Counts, rng: np.random.Generator) -> float:
    """Propose states and trajectories window by window, in place; return the part accepted."""
    laws, n_times = laws_of(chain), len(chain.xi)
    edges = np.arange(int(rng.integers(_WINDOW)) + 1, n_times, _WINDOW)
    windows = list(zip([0, *edges], [*edges, n_times], strict=True))
    # points and parabolas hang on trajectories of their own bins alone: all at once
    tau = _TAU[0] * (_TAU[1] / _TAU[0]) ** rng.random(len(windows))
    tau = np.repeat(tau, np.diff(windows)[:, 0])[:, None]
    point = chain.latents + tau * rng.standard_normal(chain.latents.shape)
    data = (counts.y, counts.keep, chain.theta, chain.z)
    lam, eta = parabola(*data, point, tau)
    now = _misfits(*data, chain.latents, lam, eta)
    given = Near(
        lam, eta, lam + np.eye(point.shape[2]) / tau[..., None] ** 2, eta + point / tau**2
    )
    accepted = 0
    for start, stop in windows:
        level = now[start:stop].sum() + np.log(rng.random())
        accepted += _propose(chain, counts, laws, given, start, stop, level, rng)
    return accepted / len(windows)


class Near(NamedTuple):
    """What counts say near a point, as parabolas, and the same with the law of the point."""

    lam: Array  # (K, T, q, q)
    eta: Array  # (K, T, q)
    lam_both: Array
    eta_both: Array


def _propose(
    chain: Chain,
    counts: Counts,
    laws: Laws,
    given: Near,
    start: int,
    stop: int,
    level: float,
    rng: np.random.Generator,
) -> bool:
    """Propose one window, in place; what it tells of the misfit must be above ``level``."""
    x = chain.latents
    n_clusters, n_times, q = x.shape
    part = slice(start, stop)
    lam, eta = given.lam_both, given.eta_both
    xi = chain.xi.copy()
    ahead = bool(rng.random() < 0.5)
    sweep_states(lam, eta, x, *laws, counts.first, xi, start, stop, ahead, rng)
    new = np.empty((n_clusters, stop - start, q))
    before = max(start - 1, 0)
    around = slice(before, min(stop + 1, n_times))
    first = counts.first[around].copy()
    first[0] = True  # what leads into the bin before the window is not asked
    inside = slice(start - before, stop - before)
    diagonal, lower, linear = chain_precision(laws.weight, laws.inverse, xi[around], first)
    diagonal, linear = diagonal[:, inside] + lam[:, part], linear[:, inside] + eta[:, part]
    if start > 0:
        linear[:, 0] -= (lower[:, 1] @ x[:, start - 1, :, None])[..., 0]
    if stop < n_times:
        linear[:, -1] -= (np.swapaxes(lower[:, -1], -1, -2) @ x[:, stop, :, None])[..., 0]
    for j in range(n_clusters):
        own, back, ok = factor(diagonal[j], lower[j, inside])
        if not ok:
            return False
        new[j] = solve(own, back, linear[j], rng.standard_normal(linear[j].shape))
    data = (counts.y[:, part], counts.keep[:, part], chain.theta, chain.z)
    then = _misfits(*data, new, given.lam[:, part], given.eta[:, part]).sum()
    if not level < then:
        return False
    x[:, part] = new
    chain.xi = xi
    return True


def parabola(
    y: Array,
    keep: NDArray[np.bool_],
    theta: Array,
    z: NDArray[np.int64],
    point: Array,
    tau: Array,
) -> tuple[Array, Array]:
    """Return second-order Poisson terms near ``point`` (K, n, q): (K, n, q, q) and (K, n, q).

    ``tau`` is (n, 1).

    They are those at the mode of the bin's likelihood and N(point, tau^2), found by a fixed number
    of Newton steps: counts say where many of them are, the point where there are few.
    """
    n_clusters, n, q = point.shape
    lam, eta = np.empty((n_clusters, n, q, q)), np.empty(point.shape)
    tight = np.eye(q) / tau[..., None] ** 2
    for j in range(n_clusters):
        own = z == j
        load, squares = loads(theta[own])
        at = point[j].copy()
        for trip in range(_STEPS + 1):
            rate = np.exp(np.minimum(at @ load.T + theta[own, 0], 50.0))
            rate[~keep[own].T] = 0.0
            slope = (np.where(keep[own], y[own], 0.0).T - rate) @ load
            hess = (rate @ squares).reshape(n, q, q)
            if trip < _STEPS:
                pull = slope - (at - point[j]) / tau**2
                step = np.linalg.solve(hess + tight, pull[..., None])[..., 0]
                size = np.abs(step).max(1, keepdims=True)
                at += step * np.minimum(1.0, 0.5 / np.maximum(size, 1e-9))
        lam[j], eta[j] = hess, slope + (hess @ at[..., None])[..., 0]
    return lam, eta


def _misfits(
    y: Array,
    keep: NDArray[np.bool_],
    theta: Array,
    z: NDArray[np.int64],
    x: Array,
    lam: Array,
    eta: Array,
) -> Array:
    """Return the log likelihood of every bin less its parabola, up to a constant: (n,)."""
    with np.errstate(over="ignore", invalid="ignore"):  # rates without a number are refused
        u = log_rates(theta, z, x)
        value = np.where(keep, y * u - np.exp(u), 0.0).sum(0)
    square = 0.5 * np.einsum("ktab,ktb->kta", lam, x)
    return np.asarray(value - (x * (eta - square)).sum((0, 2)))
