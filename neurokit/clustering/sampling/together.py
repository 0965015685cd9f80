"""States and trajectories drawn together: exactly, or for Poisson counts proposed near a point.

For Poisson counts no numbers make the likelihood Gaussian. A point u = x + e, e ~ N(0, tau^2), is
drawn near the trajectories x; a parabola of the likelihood near u is Gaussian in x; under it and
the law of u, states of a window are drawn with the trajectories integrated out, then trajectories.
The parabola hangs on u alone, so that the exact likelihood over the parabola, after and before, is
what accepts (left to right and right to left are each other's reverse, and a coin says which).
"""

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from neurokit.clustering.sampling.collapsed import sweep_states
from neurokit.clustering.sampling.dynamics import chain_precision
from neurokit.clustering.sampling.filters import root_of
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
    data = (counts.y, counts.keep, chain.theta, chain.z)
    _parabola(*data, point, tau, start, lam, eta)
    now = _misfit(*data, x[:, part], lam[:, part], eta[:, part], start)
    lam[:, part] += np.eye(q) / tau**2
    eta[:, part] += point / tau**2
    xi = chain.xi.copy()
    ahead = bool(rng.random() < 0.5)
    sweep_states(lam, eta, x, *laws, counts.first, xi, start, stop, ahead, rng)
    new = np.empty_like(point)
    for j in range(n_clusters):
        diagonal, lower, linear = chain_precision(
            laws.weight[j], laws.inverse[j], xi, counts.first
        )
        diagonal, lower = diagonal[part] + lam[j, part], lower[start : stop + 1]
        linear = linear[part] + eta[j, part]
        if start > 0:
            linear[0] -= lower[0] @ x[j, start - 1]
        if stop < n_times:
            linear[-1] -= lower[-1].T @ x[j, stop]
        own, back, ok = factor(diagonal, lower[: stop - start])
        if not ok:
            return False
        new[j] = solve(own, back, linear, rng.standard_normal(linear.shape))
    lam[:, part] -= np.eye(q) / tau**2
    eta[:, part] -= point / tau**2
    then = _misfit(*data, new, lam[:, part], eta[:, part], start)
    if not np.log(rng.random()) < then - now:
        return False
    x[:, part] = new
    chain.xi = xi
    return True


@njit(cache=True, error_model="numpy", nogil=True)
def _parabola(y, keep, theta, z, point, tau, start, lam, eta):  # type: ignore[no-untyped-def]
    """Fill second-order Poisson terms near ``point`` (K, n, q), bins from ``start``.

    They are those at the mode of the bin's likelihood and N(point, tau^2), found by a fixed number
    of Newton steps: counts say where many of them are, the point where there are few.
    """
    n_clusters, n, q = point.shape
    at, step, slope = np.empty(q), np.empty(q), np.empty(q)
    hess, root = np.empty((q, q)), np.zeros((q, q))
    for j in range(n_clusters):
        members = np.flatnonzero(z == j)
        for s in range(n):
            t = start + s
            for a in range(q):
                at[a] = point[j, s, a]
            for trip in range(_STEPS + 1):
                for a in range(q):
                    slope[a] = 0.0
                    for b in range(q):
                        hess[a, b] = 0.0
                for i in members:
                    if not keep[i, t]:
                        continue
                    u = at[0]
                    for f in range(1, q):
                        u += theta[i, f] * at[f]
                    rate = np.exp(min(theta[i, 0] + u, 50.0))
                    for a in range(q):
                        la = 1.0 if a == 0 else theta[i, a]
                        slope[a] += (y[i, t] - rate) * la
                        for b in range(a + 1):
                            hess[a, b] += rate * la * (1.0 if b == 0 else theta[i, b])
                if trip == _STEPS:
                    break
                for a in range(q):
                    slope[a] -= (at[a] - point[j, s, a]) / tau**2
                    hess[a, a] += 1 / tau**2
                if not root_of(hess, root):
                    break
                size = 0.0
                for a in range(q):
                    c = slope[a]
                    for b in range(a):
                        c -= root[a, b] * step[b]
                    step[a] = c / root[a, a]
                for a in range(q - 1, -1, -1):
                    c = step[a]
                    for b in range(a + 1, q):
                        c -= root[b, a] * step[b]
                    step[a] = c / root[a, a]
                    size = max(size, abs(step[a]))
                for a in range(q):
                    at[a] += step[a] * min(1.0, 0.5 / max(size, 1e-9))
            for a in range(q):
                c = slope[a]
                for b in range(q):
                    lo, hi = (b, a) if b < a else (a, b)
                    c += hess[hi, lo] * at[b]
                    lam[j, t, a, b] = hess[hi, lo]
                eta[j, t, a] = c


@njit(cache=True, error_model="numpy", nogil=True)
def _misfit(y, keep, theta, z, x, lam, eta, start):  # type: ignore[no-untyped-def]
    """Log likelihood of a window less its parabola, up to a constant."""
    n_clusters, n, q = x.shape
    total = 0.0
    for i in range(len(theta)):
        for s in range(n):
            if keep[i, start + s]:
                u = theta[i, 0] + x[z[i], s, 0]
                for f in range(1, q):
                    u += theta[i, f] * x[z[i], s, f]
                total += y[i, start + s] * u - np.exp(u)
    for j in range(n_clusters):
        for s in range(n):
            for a in range(q):
                total -= eta[j, s, a] * x[j, s, a]
                total += 0.5 * lam[j, s, a, a] * x[j, s, a] * x[j, s, a]
                for b in range(a):
                    total += lam[j, s, a, b] * x[j, s, a] * x[j, s, b]
    return total
