"""Moves along what the data do not fix: where a trajectory has its zero, and its axes.

Shift: adding s to a trajectory, taking it off the offsets of its units (delta_i - (1, c_i)' s) and
putting (I - A) s into b leaves counts and steps as they are. All priors are Gaussian in s, so it
is drawn exactly.

Axes: x -> a x, m -> m - v' x, loadings (c + v) / a. With the dynamics integrated out the density
of a trajectory is known, so the move needs no new dynamics; they are drawn right after.
"""

import numpy as np
from numpy.typing import NDArray

from neurokit.clustering.sampling.dynamics import (
    Dynamics,
    Moments,
    Wishart,
    log_evidence,
    posterior,
)

Array = NDArray[np.float64]


def shift(
    latents: Array,
    theta: Array,
    dynamics: Dynamics,
    first: NDArray[np.bool_],
    used: NDArray[np.bool_],
    precision: float,
    rng: np.random.Generator,
) -> None:
    """Draw the shift of one trajectory (T, q) and its units theta (n, q), in place.

    ``dynamics`` (L, ...) of this cluster; ``used`` (L,) says which states govern a step: of the
    others nothing need change.
    """
    q = latents.shape[1]
    load = np.concatenate([np.ones((len(theta), 1)), theta[:, 1:]], axis=1)
    a = np.swapaxes(dynamics.weight[used, :q], -1, -2)
    b = dynamics.weight[used, q]
    inverse = np.linalg.inv(dynamics.noise[used])
    away = np.eye(q) - a
    # prior of b given Q: N(0, Q)
    sharp = first.sum() * np.eye(q) + precision * load.T @ load
    sharp = sharp + (np.swapaxes(away, -1, -2) @ inverse @ away).sum(0)
    pull = -latents[first].sum(0) + precision * load.T @ theta[:, 0]
    pull = pull - np.einsum("kba,kbc,kc->a", away, inverse, b)
    root = np.linalg.cholesky(sharp)
    s = np.linalg.solve(root.T, np.linalg.solve(root, pull) + rng.standard_normal(q))
    latents += s
    theta[:, 0] -= load @ s
    dynamics.weight[used, q] += away @ s


def turn_axes(
    latents: Array,
    theta: Array,
    sums: Moments,
    prior: Wishart,
    first: NDArray[np.bool_],
    precision: float,
    rng: np.random.Generator,
    n_tries: int = 4,
) -> Moments:
    """Try changes of axes of one trajectory (T, q) and its units (n, q), in place.

    ``sums`` (L, ...) of this trajectory; returns them for the new axes. The dynamics must be drawn
    afterwards, before anything reads them.
    """
    n_times, q = latents.shape
    p = q - 1
    if p == 0:
        return sums
    now = _target(latents[first], theta, sums, prior, precision)
    total = np.eye(q)
    for attempt in range(n_tries):
        size = (0.03, 0.1, 0.3, 0.6)[attempt % 4]
        matrix = np.eye(q)
        log_a = size * rng.standard_normal(p)
        chance = np.log(rng.random())
        matrix[1:, 1:] = np.diag(np.exp(log_a))
        # a symmetric proposal: v before stretching one way, after it the other
        v = size * rng.standard_normal(p)
        matrix[0, 1:] = -v * np.exp(0.5 * log_a)
        new_theta = theta.copy()
        loads = np.concatenate([np.ones((len(theta), 1)), theta[:, 1:]], axis=1)
        new_theta[:, 1:] = np.linalg.solve(matrix.T, loads.T).T[:, 1:]
        new_sums = _transform(sums, matrix)
        then = _target(
            (latents[first] @ total.T) @ matrix.T, new_theta, new_sums, prior, precision
        )
        volume = (n_times - len(theta)) * log_a.sum()
        if chance < then - now + volume:
            theta[:] = new_theta
            sums, now, total = new_sums, then, matrix @ total
    latents[:] = latents @ total.T
    return sums


def _target(starts: Array, theta: Array, sums: Moments, prior: Wishart, precision: float) -> float:
    """Log density of trajectory and loadings without the dynamics, up to a constant."""
    steps = log_evidence(prior, posterior(prior, sums)).sum()
    value = steps - 0.5 * (starts**2).sum() - 0.5 * precision * (theta[:, 1:] ** 2).sum()
    return float(value) if np.isfinite(value) else -np.inf


def _transform(sums: Moments, matrix: Array) -> Moments:
    """Turn the sums of the steps of x into those of M x."""
    q = len(matrix)
    wide = np.eye(q + 1)
    wide[:q, :q] = matrix
    return Moments(
        sums.n,
        wide @ sums.past @ wide.T,
        wide @ sums.cross @ matrix.T,
        matrix @ sums.own @ matrix.T,
    )
