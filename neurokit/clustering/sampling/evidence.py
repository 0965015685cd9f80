"""How well partition and states of a chain explain the counts, all else integrated out.

    log p(y, z, xi) = log p(y | z, xi, D) + log p(D) - log p(D | y, z, xi) + log p(z) + log p(xi)

for any dynamics D (Chib 1995, J. Am. Stat. Assoc. 90, 1313-1321). Trajectories and loadings go by
Laplace's approximation, steps of states are integrated out. What the counts say of D is a part of
what a trajectory would, were it known; a fixed part is taken, which the integral over powers of
the likelihood (`docs/results/clustering.md`) bears out within ten nats. Draws differ by ten too;
partitions that chains do not leave differ by fifty and more. It says where to begin, and is no
step of a chain.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

from neurokit.clustering.sampling.dynamics import log_dynamics, moments, posterior
from neurokit.clustering.sampling.likelihood import curves, log_rates_of
from neurokit.clustering.sampling.loadings import Fits
from neurokit.clustering.sampling.model import Chain, Counts, Prior
from neurokit.clustering.sampling.partition_prior import log_block
from neurokit.clustering.sampling.sides import Law, Side, dynamics_of, log_trajectory
from neurokit.clustering.sampling.states import count_steps
from neurokit.solvers.gaussian_states import solve

Array = NDArray[np.float64]
_KNOWN = 0.3  # of what trajectories would say of dynamics, what counts do


def log_evidence_of_units(
    side: Side, j: int, units: NDArray[np.int64], keep: bool = False
) -> float:
    """Return the log evidence of units that follow one trajectory, under a cluster's dynamics.

    ``keep`` puts mode and loadings into the chain.
    """
    chain, dynamics = side.chain, dynamics_of(side.chain, j)
    theta = chain.theta.copy()
    law = side.law(dynamics, np.flatnonzero(chain.z == j), theta)
    for _ in range(2):
        if law is None:
            return -np.inf
        fits = side.fit(units, law[0])
        theta[units] = fits.mode
        law = side.law(dynamics, units, theta)
    if law is None:
        return -np.inf
    fits = side.fit(units, law[0])
    if keep:
        chain.theta[units], chain.latents[j] = fits.mode, law[0]
    value = fits.evidence.sum() - log_trajectory(law, law[0])
    return float(value + side.log_course(dynamics, law[0]) + _coupling(side, units, law, fits))


def _coupling(side: Side, units: NDArray[np.int64], law: Law, fits: Fits) -> float:
    """Return what the evidence gains as trajectory and loadings depend on each other.

    It is -1/2 log det(1 - R), R of squared correlations between the two at the mode: what an axis
    or a scale may take from one it gives to the other. Ten nats for each cluster, about.
    """
    x, own, back = law
    y, keep = side.counts.y[units], side.counts.keep[units]
    eta = log_rates_of(fits.mode, x)
    _, slope, curve = curves(y, eta, side.chain.r[units, None])
    slope, curve = np.where(keep, slope, 0.0), np.where(keep, curve, 0.0)
    (n_times, q), n = x.shape, len(units)
    load = np.concatenate([np.ones((n, 1)), fits.mode[:, 1:]], axis=1)
    design = np.concatenate([np.ones((n_times, 1)), x[:, 1:]], axis=1)
    both = np.diag([0.0] + [1.0] * (q - 1))  # factors and loadings are multiplied
    mixed = np.empty((n, q, n_times, q))
    for i in range(n):
        mixed[i] = load[i] * (design.T * curve[i])[..., None]
        mixed[i] -= both[:, None] * slope[i][:, None]
        mixed[i] = np.linalg.solve(fits.root[i], mixed[i].reshape(q, -1)).reshape(mixed[i].shape)
    flat, quiet = mixed.reshape(n * q, n_times, q), np.zeros_like(x)
    solved = np.stack([solve(own, back, row, quiet) for row in flat])
    share = flat.reshape(n * q, -1) @ solved.reshape(n * q, -1).T
    left = 1 - np.linalg.eigvalsh(0.5 * (share + share.T))
    return float(-0.5 * np.log(np.clip(left, 0.01, 1.0)).sum())


def log_evidence_of_chain(chain: Chain, counts: Counts, prior: Prior) -> float:
    """Estimate log p(counts, partition, states), up to what all chains have alike.

    Dynamics must have been drawn given trajectories and states as they are.
    """
    side, law = Side(chain, counts, prior), prior.wishart()
    value = sum(
        log_evidence_of_units(side, j, np.flatnonzero(chain.z == j))
        for j in range(chain.n_clusters)
    )
    sums = moments(chain.latents, chain.xi, counts.first, prior.n_states)
    after = posterior(law, sums)
    known = log_dynamics(after, chain.dynamics) - log_dynamics(law, chain.dynamics)
    value -= _KNOWN * known.sum()
    value += prior.log_partition(len(chain.z))[chain.n_clusters]
    value += sum(log_block(int(n), prior.concentration) for n in np.bincount(chain.z))
    steps = count_steps(chain.xi, counts.first, prior.n_states)
    alpha, _, kappa = chain.law
    base = np.maximum(alpha * chain.beta + kappa * np.eye(prior.n_states), 1e-300)
    value += (gammaln(base + steps) - gammaln(base)).sum()
    value += (gammaln(base.sum(1)) - gammaln(base.sum(1) + steps.sum(1))).sum()
    if prior.negbin:
        value += _log_shapes(chain.r, counts, prior)
    return float(value)


def _log_shapes(r: Array, counts: Counts, prior: Prior) -> float:
    """Return what the dispersions add to the likelihood besides the rates', and their prior."""
    shape = r[:, None]
    each = np.where(counts.keep, gammaln(counts.y + shape) - gammaln(shape), 0.0)
    a, b = prior.dispersion
    return float(each.sum() + (a * np.log(r) - b * r).sum())
