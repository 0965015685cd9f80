"""Local linear dynamics: trajectories given states, dynamics given trajectories.

With phi = (x_{t-1}, 1) and W = (A, b)' the prior is Q ~ IW(nu, Psi I), W | Q ~ MN(W0, 1/k0 I, Q),
W0 = (I, 0)'. All of it is conjugate: the dynamics can be drawn, and integrated out.
"""

from typing import NamedTuple

import numpy as np
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
    steps = np.flatnonzero(~first[1:]) + 1
    return sum_up(products(latents, steps), xi[steps], n_states)


def products(latents: Array, steps: NDArray[np.int64]) -> Array:
    """Return what some steps add to `Moments`: (K, n, 2 q + 1, 2 q + 1)."""
    ones = np.ones((len(latents), len(steps), 1))
    both = np.concatenate([latents[:, steps - 1], ones, latents[:, steps]], axis=-1)
    return np.asarray(both[..., :, None] * both[..., None, :])


def sum_up(pairs: Array, labels: NDArray[np.int64], n_states: int) -> Moments:
    """Sum what steps add, by the state that governs each; -1 governs none."""
    governed = (labels == np.arange(n_states)[:, None]).astype(float)
    n_clusters, n_steps, width, _ = pairs.shape
    sums = governed @ pairs.reshape(n_clusters, n_steps, width**2)
    sums = sums.reshape(n_clusters, n_states, width, width)
    n = np.broadcast_to(governed.sum(1), (n_clusters, n_states))
    past, own = slice(width // 2 + 1), slice(width // 2 + 1, None)
    return Moments(n, sums[..., past, past], sums[..., past, own], sums[..., own, own])


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


def chain_precision(
    weight: Array, inverse: Array, xi: NDArray[np.int64], first: NDArray[np.bool_]
) -> tuple[Array, Array, Array]:
    """Precision and linear term of trajectories: W (..., L, q + 1, q), inverse of Q.

    Returns diagonal (..., T, q, q), lower (..., T, q, q), linear (..., T, q).
    """
    q = weight.shape[-1]
    a, b = weight[..., :q, :], weight[..., q, :]  # A' and b
    qa, qb = inverse @ np.swapaxes(a, -1, -2), (inverse @ b[..., None])[..., 0]
    steps = np.flatnonzero(~first)
    k = xi[steps]
    lead = (*weight.shape[:-3], len(xi))
    lower, linear = np.zeros((*lead, q, q)), np.zeros((*lead, q))
    diagonal = np.zeros((*lead, q, q))
    diagonal[...] = np.eye(q)
    diagonal[..., steps, :, :] = inverse[..., k, :, :]
    lower[..., steps, :, :], linear[..., steps, :] = -qa[..., k, :, :], qb[..., k, :]
    diagonal[..., steps - 1, :, :] += (a @ qa)[..., k, :, :]
    linear[..., steps - 1, :] -= (a @ qb[..., None])[..., 0][..., k, :]
    return diagonal, lower, linear


def densities_of(latents: Array, dynamics: Dynamics, first: NDArray[np.bool_]) -> Array:
    """Log density of every step under every state, summed over clusters: (T, L).

    latents (K, T, q); dynamics (K, L, ...). A first bin is 0 under all.
    """
    n_clusters, n_times, q = latents.shape
    half = np.linalg.cholesky(np.linalg.inv(dynamics.noise))
    out = np.zeros((n_times, dynamics.weight.shape[1]))
    past = np.concatenate([latents[:, :-1], np.ones((n_clusters, n_times - 1, 1))], axis=-1)
    for x, before, w, root in zip(latents, past, dynamics.weight, half, strict=True):
        # (x - W' phi)' root, every state's columns side by side
        rows = np.concatenate([x[1:], before], axis=1)
        columns = np.concatenate([root, -w @ root], axis=1)
        scores = (rows @ np.concatenate(list(columns), axis=1)).reshape(n_times - 1, len(w), q)
        out[1:] -= 0.5 * (scores**2).sum(-1)
    out[1:] -= 0.5 * (_log_det(dynamics.noise) + q * np.log(2 * np.pi)).sum(0)
    out[first] = 0.0
    return out


def log_trajectories(
    latents: Array, dynamics: Dynamics, xi: NDArray[np.int64], first: NDArray[np.bool_]
) -> float:
    """Log density of trajectories (K, T, q) given states and dynamics (K, L, ...)."""
    steps = densities_of(latents, dynamics, first)[np.arange(len(xi)), xi].sum()
    starts = latents[:, first]
    return float(steps - 0.5 * (starts**2).sum() - 0.5 * starts.size * np.log(2 * np.pi))
