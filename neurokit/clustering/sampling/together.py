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
    accepted = 0
    for start, stop in zip([0, *edges], [*edges, n_times], strict=True):
        accepted += _propose(chain, counts, laws, start, stop, rng)
    return accepted / (len(edges) + 1)


def _propose(
    chain: Chain, counts: Counts, laws: Laws, start: int, stop: int, rng: np.random.Generator
) -> bool:
    x = chain.latents
    n_clusters, n_times, q = x.shape
    part = slice(start, stop)
    tau = _TAU[0] * (_TAU[1] / _TAU[0]) ** rng.random()
    point = x[:, part] + tau * rng.standard_normal((n_clusters, stop - start, q))
    lam, eta = np.zeros((n_clusters, n_times, q, q)), np.zeros(x.shape)
    y, keep = counts.y[:, part], counts.keep[:, part]
    data = (y, keep, chain.theta, chain.z)
    lam[:, part], eta[:, part] = parabola(*data, point, tau)
    now = _misfit(*data, x[:, part], lam[:, part], eta[:, part])
    lam[:, part] += np.eye(q) / tau**2
    eta[:, part] += point / tau**2
    xi = chain.xi.copy()
    ahead = bool(rng.random() < 0.5)
    sweep_states(lam, eta, x, *laws, counts.first, xi, start, stop, ahead, rng)
    new = np.empty_like(point)
    before = max(start - 1, 0)
    around = slice(before, min(stop + 1, n_times))
    first = counts.first[around].copy()
    first[0] = True  # what leads into the bin before the window is not asked
    inside = slice(start - before, stop - before)
    for j in range(n_clusters):
        diagonal, lower, linear = chain_precision(
            laws.weight[j], laws.inverse[j], xi[around], first
        )
        linear = linear[inside] + eta[j, part]
        if start > 0:
            linear[0] -= lower[1] @ x[j, start - 1]
        if stop < n_times:
            linear[-1] -= lower[-1].T @ x[j, stop]
        own, back, ok = factor(diagonal[inside] + lam[j, part], lower[inside])
        if not ok:
            return False
        new[j] = solve(own, back, linear, rng.standard_normal(linear.shape))
    lam[:, part] -= np.eye(q) / tau**2
    eta[:, part] -= point / tau**2
    then = _misfit(*data, new, lam[:, part], eta[:, part])
    if not np.log(rng.random()) < then - now:
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
    tau: float,
) -> tuple[Array, Array]:
    """Return second-order Poisson terms near ``point`` (K, n, q): (K, n, q, q) and (K, n, q).

    They are those at the mode of the bin's likelihood and N(point, tau^2), found by a fixed number
    of Newton steps: counts say where many of them are, the point where there are few.
    """
    n_clusters, n, q = point.shape
    lam, eta = np.empty((n_clusters, n, q, q)), np.empty(point.shape)
    tight = np.eye(q) / tau**2
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


def _misfit(
    y: Array,
    keep: NDArray[np.bool_],
    theta: Array,
    z: NDArray[np.int64],
    x: Array,
    lam: Array,
    eta: Array,
) -> float:
    """Log likelihood of a window less its parabola, up to a constant."""
    with np.errstate(over="ignore", invalid="ignore"):  # rates without a number are refused
        u = log_rates(theta, z, x)
        total = np.where(keep, y * u - np.exp(u), 0.0).sum()
    square = 0.5 * (lam @ x[..., None])[..., 0]
    return float(total - (x * (eta - square)).sum())
