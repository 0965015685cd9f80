"""Local linear dynamics: trajectories given states, dynamics given trajectories.

With phi = (x_{t-1}, 1) and W = (A, b)' the prior is Q ~ IW(nu, Psi I), W | Q ~ MN(W0, 1/k0 I, Q),
W0 = (I, 0)'. All of it is conjugate: the dynamics can be drawn, and integrated out.
"""

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy.special import gammaln

Array = NDArray[np.float64]


class Wishart(NamedTuple):
    """Prior or posterior of (A, b, Q), for any number of clusters and states in front."""

    nu: Array  # (...,)
    psi: Array  # (..., q, q)
    mean: Array  # (..., q + 1, q)
    precision: Array  # (..., q + 1, q + 1), of the rows of W


class Dynamics(NamedTuple):
    """What leads into a bin, for any number of clusters and states in front."""

    weight: Array  # (..., q + 1, q): W = (A, b)'
    noise: Array  # (..., q, q): Q


class Moments(NamedTuple):
    """Sums over the steps of a trajectory that each state governs."""

    n: Array  # (..., L)
    past: Array  # (..., L, q + 1, q + 1): phi phi'
    cross: Array  # (..., L, q + 1, q): phi x'
    own: Array  # (..., L, q, q): x x'


def moments(
    latents: Array, xi: NDArray[np.int64], first: NDArray[np.bool_], n_states: int
) -> Moments:
    """Sum up the steps of trajectories (K, T, q), state by state."""
    n_clusters, _, q = latents.shape
    n = np.zeros((n_clusters, n_states))
    past = np.zeros((n_clusters, n_states, q + 1, q + 1))
    cross = np.zeros((n_clusters, n_states, q + 1, q))
    own = np.zeros((n_clusters, n_states, q, q))
    _sum_up(latents, xi, first, n, past, cross, own)
    return Moments(n, past, cross, own)


@njit(cache=True, error_model="numpy", nogil=True)
def _sum_up(latents, xi, first, n, past, cross, own):  # type: ignore[no-untyped-def]
    n_clusters, n_times, q = latents.shape
    for j in range(n_clusters):
        for t in range(1, n_times):
            if first[t]:
                continue
            k = xi[t]
            n[j, k] += 1
            for a in range(q + 1):
                u = latents[j, t - 1, a] if a < q else 1.0
                for b in range(q + 1):
                    past[j, k, a, b] += u * (latents[j, t - 1, b] if b < q else 1.0)
                for b in range(q):
                    cross[j, k, a, b] += u * latents[j, t, b]
            for a in range(q):
                for b in range(q):
                    own[j, k, a, b] += latents[j, t, a] * latents[j, t, b]


def posterior(prior: Wishart, sums: Moments, share: float = 1.0) -> Wishart:
    """Add what the steps say, or a share of it, to the prior."""
    precision = prior.precision + share * sums.past
    linear = prior.precision @ prior.mean + share * sums.cross
    mean = np.asarray(np.linalg.solve(precision, linear), np.float64)
    transposed = np.swapaxes(mean, -1, -2)
    centre = np.swapaxes(prior.mean, -1, -2) @ prior.precision @ prior.mean
    psi = prior.psi + share * sums.own + centre - transposed @ precision @ mean
    psi = 0.5 * (psi + np.swapaxes(psi, -1, -2))
    return Wishart(prior.nu + share * sums.n, psi, mean, precision)


def log_evidence(prior: Wishart, after: Wishart) -> Array:
    """Log density of the steps with the dynamics integrated out, state by state: (..., L)."""
    q = prior.psi.shape[-1]
    n = after.nu - prior.nu
    out = -0.5 * n * q * np.log(np.pi)
    out = out + _log_gamma(after.nu / 2, q) - _log_gamma(prior.nu / 2, q)
    out = out + prior.nu / 2 * _log_det(prior.psi) - after.nu / 2 * _log_det(after.psi)
    return out + q / 2 * (_log_det(prior.precision) - _log_det(after.precision))


def draw_dynamics(law: Wishart, rng: np.random.Generator) -> Dynamics:
    """Draw (A, b, Q): Bartlett's factor for the noise, then the matrix normal."""
    q = law.psi.shape[-1]
    lead = np.broadcast_shapes(law.nu.shape, law.psi.shape[:-2])
    bartlett = np.tril(rng.standard_normal((*lead, q, q)), -1)
    freedom = np.broadcast_to(law.nu[..., None], (*lead, q)) - np.arange(q)
    index = np.arange(q)
    bartlett[..., index, index] = np.sqrt(2 * rng.standard_gamma(freedom / 2))
    half = np.linalg.solve(bartlett, np.swapaxes(np.linalg.cholesky(law.psi), -1, -2))
    noise = np.swapaxes(half, -1, -2) @ half
    normal = rng.standard_normal((*lead, q + 1, q))
    rows = np.linalg.solve(np.swapaxes(np.linalg.cholesky(law.precision), -1, -2), normal)
    weight = law.mean + rows @ np.swapaxes(np.linalg.cholesky(noise), -1, -2)
    return Dynamics(weight, noise)


def log_dynamics(law: Wishart, found: Dynamics) -> Array:
    """Log density of (A, b, Q): (...,)."""
    q = law.psi.shape[-1]
    inverse = np.linalg.inv(found.noise)
    spread = _log_det(found.noise)
    away = found.weight - law.mean
    wishart = law.nu / 2 * _log_det(law.psi) - law.nu * q / 2 * np.log(2)
    wishart = wishart - _log_gamma(law.nu / 2, q) - (law.nu + q + 1) / 2 * spread
    wishart = wishart - 0.5 * np.trace(law.psi @ inverse, axis1=-2, axis2=-1)
    normal = -q * (q + 1) / 2 * np.log(2 * np.pi) + q / 2 * _log_det(law.precision)
    square = inverse @ np.swapaxes(away, -1, -2) @ law.precision @ away
    normal = normal - (q + 1) / 2 * spread - 0.5 * np.trace(square, axis1=-2, axis2=-1)
    return wishart + normal


def _log_det(matrix: Array) -> Array:
    """Log determinant, NaN where the matrix is not positive definite."""
    sign, value = np.linalg.slogdet(matrix)
    return np.where(sign > 0, value, np.nan)


def _log_gamma(a: Array, q: int) -> Array:
    """Multivariate log gamma function."""
    steps = np.arange(q) / 2
    total = gammaln(np.asarray(a)[..., None] - steps).sum(-1)
    return total + q * (q - 1) / 4 * np.log(np.pi)


@njit(cache=True, error_model="numpy", nogil=True)
def chain_precision(weight, inverse, xi, first):  # type: ignore[no-untyped-def]
    """Precision and linear term of one trajectory: W (L, q + 1, q), inverse of Q (L, q, q).

    Returns diagonal (T, q, q), lower (T, q, q), linear (T, q).
    """
    n_states, _, q = weight.shape
    n_times = len(xi)
    qa = np.zeros((n_states, q, q))  # Q^-1 A
    aqa = np.zeros((n_states, q, q))  # A' Q^-1 A
    qb, aqb = np.zeros((n_states, q)), np.zeros((n_states, q))
    for k in range(n_states):
        for i in range(q):
            for j in range(q):
                for c in range(q):
                    qa[k, i, j] += inverse[k, i, c] * weight[k, j, c]
                qb[k, i] += inverse[k, i, j] * weight[k, q, j]
        for i in range(q):
            for j in range(q):
                for c in range(q):
                    aqa[k, i, j] += weight[k, i, c] * qa[k, c, j]
                aqb[k, i] += weight[k, i, j] * qb[k, j]
    diagonal, lower = np.zeros((n_times, q, q)), np.zeros((n_times, q, q))
    linear = np.zeros((n_times, q))
    for t in range(n_times):
        if first[t]:
            for i in range(q):
                diagonal[t, i, i] += 1.0
            continue
        k = xi[t]
        for i in range(q):
            linear[t, i] += qb[k, i]
            linear[t - 1, i] -= aqb[k, i]
            for j in range(q):
                diagonal[t, i, j] += inverse[k, i, j]
                diagonal[t - 1, i, j] += aqa[k, i, j]
                lower[t, i, j] = -qa[k, i, j]
    return diagonal, lower, linear


@njit(cache=True, error_model="numpy", nogil=True)
def step_densities(latents, weight, half, log_det, first):  # type: ignore[no-untyped-def]
    """Log density of every step under every state, summed over clusters: (T, L).

    latents (K, T, q); W (K, L, q + 1, q); half (K, L, q, q) with half half' the inverse of Q;
    log_det (K, L) of Q. A first bin is 0 under all.
    """
    n_clusters, n_times, q = latents.shape
    n_states = weight.shape[1]
    out = np.zeros((n_times, n_states))
    constant = -0.5 * q * np.log(2 * np.pi)
    away = np.empty(q)
    for j in range(n_clusters):
        for t in range(1, n_times):
            if first[t]:
                continue
            for k in range(n_states):
                for a in range(q):
                    s = latents[j, t, a] - weight[j, k, q, a]
                    for b in range(q):
                        s -= weight[j, k, b, a] * latents[j, t - 1, b]
                    away[a] = s
                square = 0.0
                for a in range(q):
                    s = 0.0
                    for b in range(a, q):
                        s += half[j, k, b, a] * away[b]
                    square += s * s
                out[t, k] += constant - 0.5 * (log_det[j, k] + square)
    return out


def densities_of(latents: Array, dynamics: Dynamics, first: NDArray[np.bool_]) -> Array:
    """Call `step_densities` with the factors that it needs."""
    half = np.linalg.cholesky(np.linalg.inv(dynamics.noise))
    return step_densities(latents, dynamics.weight, half, _log_det(dynamics.noise), first)


def log_trajectories(
    latents: Array, dynamics: Dynamics, xi: NDArray[np.int64], first: NDArray[np.bool_]
) -> float:
    """Log density of trajectories (K, T, q) given states and dynamics (K, L, ...)."""
    steps = densities_of(latents, dynamics, first)[np.arange(len(xi)), xi].sum()
    starts = latents[:, first]
    return float(steps - 0.5 * (starts**2).sum() - 0.5 * starts.size * np.log(2 * np.pi))
