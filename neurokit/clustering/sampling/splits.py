"""Clusters that open and close: one unit founds a cluster, others may follow.

Split, founded by unit i of cluster a: dynamics of the new cluster b are drawn (from their prior,
or around what a cluster's trajectory says), a loading of i, and a trajectory from the Gaussian
around its mode given the counts of i; every other unit of a goes to b or stays by its evidence
under both trajectories, and who goes draws a loading. Merge, founded by i: all units of i's
cluster b draw loadings under the trajectory of another cluster a; b's trajectory and dynamics are
forgotten. Each is the other's reverse, and the exact ratio accepts (reversible jumps, Green 1995,
Biometrika 82, 711-732; founders as in Jain and Neal 2007, Bayesian Analysis 2, 445-472).
"""

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from neurokit.clustering.sampling.dynamics import (
    Dynamics,
    chain_precision,
    draw_dynamics,
    log_dynamics,
    log_trajectories,
    moments,
    posterior,
)
from neurokit.clustering.sampling.latents import around_mode
from neurokit.clustering.sampling.likelihood import unit_log_likelihoods
from neurokit.clustering.sampling.loadings import (
    Fits,
    draw_student,
    fit_units,
    log_student,
    log_theta,
)
from neurokit.clustering.sampling.model import Chain, Counts, Prior
from neurokit.clustering.sampling.partition_prior import log_block
from neurokit.solvers.gaussian_states import log_density, solve

Array = NDArray[np.float64]
_SHARE = 0.2  # of the steps of a cluster that shape the dynamics of a new one
_OFFSET = 0.3  # spread of a founder's offset around its mean log rate


def split_or_merge(
    chain: Chain, counts: Counts, prior: Prior, log_v: Array, rng: np.random.Generator
) -> bool:
    """Try one split or one merge, in place; tell whether it was accepted."""
    founder = int(rng.integers(len(chain.z)))
    if rng.random() < 0.5:
        return _split(chain, counts, prior, log_v, founder, rng)
    return _merge(chain, counts, prior, log_v, founder, rng)


def _split(
    chain: Chain,
    counts: Counts,
    prior: Prior,
    log_v: Array,
    founder: int,
    rng: np.random.Generator,
) -> bool:
    a = int(chain.z[founder])
    members = np.flatnonzero(chain.z == a)
    t = chain.n_clusters
    if len(members) < 2 or not np.isfinite(log_v[t + 1]):
        return False
    # ------------------------------------------------ what is new
    dynamics = propose_dynamics(chain.latents, chain.xi, counts, prior, rng)
    theta = chain.theta.copy()
    theta[founder] = draw_founder(counts, prior, founder, rng)
    found = _trajectory_of(counts, chain, dynamics, founder, theta)
    if found is None:
        return False
    mode, own, back = found
    latent = mode + solve(own, back, np.zeros_like(mode), rng.standard_normal(mode.shape))
    forward = _log_new(chain.latents, chain, counts, prior, dynamics, theta, founder)
    forward += log_density(own, back, mode, latent)
    # ------------------------------------------------ who follows
    stays = _fit(counts, chain, prior, members, chain.latents[a])
    goes = _fit(counts, chain, prior, members, latent)
    follows = members != founder
    log_go, log_stay = _log_choices(goes, stays)
    if np.isnan(log_go[follows]).any() or not np.isfinite(stays.evidence).all():
        return False
    go = ~follows | (np.log(rng.random(len(members))) < log_go)
    forward += log_go[go & follows].sum() + log_stay[~go].sum()
    drawn = draw_student(goes.mode, goes.root, rng)
    taken = go & follows
    theta[members[taken]] = drawn[taken]
    forward += log_student(drawn, goes.mode, goes.root)[taken].sum()
    moved = members[go]
    reverse = log_student(chain.theta[members], stays.mode, stays.root)[go].sum()
    if len(moved) == len(members):
        return False
    # ------------------------------------------------ the ratio
    ratio = reverse - np.log(t) - forward
    ratio += log_v[t + 1] - log_v[t] + log_block_ratio(len(members), len(moved), prior)
    ratio += _log_cluster(dynamics, latent, chain, counts, prior)
    ratio += log_units(moved, theta, latent, chain, counts, prior)
    ratio -= log_units(moved, chain.theta, chain.latents[a], chain, counts, prior)
    if not np.log(rng.random()) < ratio:
        return False
    chain.theta = theta
    chain.z[moved] = t
    add_cluster(chain, latent, dynamics)
    return True


def _merge(
    chain: Chain,
    counts: Counts,
    prior: Prior,
    log_v: Array,
    founder: int,
    rng: np.random.Generator,
) -> bool:
    b = int(chain.z[founder])
    t = chain.n_clusters - 1
    if t == 0:
        return False
    a = int(rng.integers(t))
    a += a >= b
    members = np.flatnonzero((chain.z == a) | (chain.z == b))
    moved = np.flatnonzero(chain.z == b)
    others = np.delete(chain.latents, b, axis=0)
    dynamics = Dynamics(chain.dynamics.weight[b], chain.dynamics.noise[b])
    found = _trajectory_of(counts, chain, dynamics, founder, chain.theta)
    if found is None:
        return False
    mode, own, back = found
    latent = chain.latents[b]
    # ------------------------------------------------ how likely the split back would be
    reverse = _log_new(others, chain, counts, prior, dynamics, chain.theta, founder)
    reverse += log_density(own, back, mode, latent)
    forward = -np.log(t)
    theta = chain.theta.copy()
    stays = _fit(counts, chain, prior, members, chain.latents[a])
    goes = _fit(counts, chain, prior, members, latent)
    if not np.isfinite(stays.evidence).all():
        return False
    of_b, follows = chain.z[members] == b, members != founder
    log_go, log_stay = _log_choices(goes, stays)
    reverse += log_go[of_b & follows].sum() + log_stay[~of_b].sum()
    there = log_student(chain.theta[members], goes.mode, goes.root)
    reverse += there[of_b & follows].sum()
    drawn = draw_student(stays.mode, stays.root, rng)
    forward += log_student(drawn, stays.mode, stays.root)[of_b].sum()
    theta[moved] = drawn[of_b]
    # ------------------------------------------------ the ratio
    ratio = reverse - forward
    ratio -= log_v[t + 1] - log_v[t] + log_block_ratio(len(members), len(moved), prior)
    ratio -= _log_cluster(dynamics, latent, chain, counts, prior)
    ratio -= log_units(moved, chain.theta, latent, chain, counts, prior)
    ratio += log_units(moved, theta, chain.latents[a], chain, counts, prior)
    if not np.log(rng.random()) < ratio:
        return False
    chain.theta = theta
    chain.z[moved] = a
    drop_cluster(chain, b)
    return True


def add_cluster(chain: Chain, latent: Array, dynamics: Dynamics) -> None:
    """Put a trajectory and its dynamics behind the others."""
    chain.latents = np.concatenate([chain.latents, latent[None]])
    parts = zip(chain.dynamics, dynamics, strict=True)
    chain.dynamics = Dynamics(*(np.concatenate([old, new[None]]) for old, new in parts))


def drop_cluster(chain: Chain, j: int) -> None:
    """Forget a cluster that has no units any more."""
    chain.z[chain.z > j] -= 1
    chain.latents = np.delete(chain.latents, j, axis=0)
    chain.dynamics = Dynamics(*(np.delete(part, j, axis=0) for part in chain.dynamics))


def _fit(
    counts: Counts, chain: Chain, prior: Prior, units: NDArray[np.int64], latent: Array
) -> Fits:
    """Fit units to a trajectory."""
    data = (counts.y[units], counts.keep[units], chain.r[units])
    return fit_units(*data, latent, prior.precision)


def _log_choices(goes: Fits, stays: Fits) -> tuple[Array, Array]:
    """Log probabilities of going and of staying, by evidence."""
    norm = np.logaddexp(goes.evidence, stays.evidence)
    return goes.evidence - norm, stays.evidence - norm


def propose_dynamics(
    latents: Array, xi: NDArray[np.int64], counts: Counts, prior: Prior, rng: np.random.Generator
) -> Dynamics:
    """Draw from the prior, or from a wide law around what one of the trajectories says."""
    law = prior.wishart()
    if rng.random() < 0.5 and len(latents):
        chosen = int(rng.integers(len(latents)))
        sums = moments(latents[[chosen]], xi, counts.first, prior.n_states)
        drawn = draw_dynamics(posterior(law, sums, _SHARE), rng)
    else:
        drawn = prior.draw_dynamics(rng, 1)
    return Dynamics(drawn.weight[0], drawn.noise[0])


def _log_new(
    latents: Array,
    chain: Chain,
    counts: Counts,
    prior: Prior,
    dynamics: Dynamics,
    theta: Array,
    founder: int,
) -> float:
    """Log density of drawing these dynamics and this loading of the founder."""
    value = log_new_dynamics(dynamics, latents, chain.xi, counts, prior)
    return value + log_founder(counts, prior, founder, theta[founder])


def log_new_dynamics(
    dynamics: Dynamics,
    latents: Array,
    xi: NDArray[np.int64],
    counts: Counts,
    prior: Prior,
) -> float:
    """Log density of what `propose_dynamics` draws."""
    law = prior.wishart()
    plain = float(log_dynamics(law, dynamics).sum())
    if not len(latents):
        return plain
    sums = moments(latents, xi, counts.first, prior.n_states)
    around = log_dynamics(posterior(law, sums, _SHARE), dynamics).sum(-1)
    return float(logsumexp([plain, logsumexp(around) - np.log(len(latents))]) - np.log(2))


def log_founder(counts: Counts, prior: Prior, unit: int, theta: Array) -> float:
    """Log density of what `draw_founder` draws."""
    centre = _log_mean(counts, unit)
    delta = theta[0]
    offset = np.logaddexp(
        _log_normal(delta, 0.0, prior.scale), _log_normal(delta, centre, _OFFSET)
    )
    return float(offset - np.log(2) + log_theta(theta[1:], prior.precision))


def draw_founder(counts: Counts, prior: Prior, founder: int, rng: np.random.Generator) -> Array:
    """Draw a loading for the founder: its offset from the prior or near its mean log rate."""
    theta = prior.scale * rng.standard_normal(prior.q)
    if rng.random() < 0.5:
        theta[0] = _log_mean(counts, founder) + _OFFSET * rng.standard_normal()
    return theta


def _log_mean(counts: Counts, unit: int) -> float:
    seen = counts.keep[unit]
    return float(np.log((counts.y[unit, seen].sum() + 0.5) / (seen.sum() + 0.5)))


def _log_normal(x: float, mean: float, spread: float) -> float:
    return float(-0.5 * ((x - mean) / spread) ** 2 - np.log(spread * np.sqrt(2 * np.pi)))


def _trajectory_of(
    counts: Counts, chain: Chain, dynamics: Dynamics, founder: int, theta: Array
) -> tuple[Array, Array, Array] | None:
    """Mode and factor of the trajectory that one unit's counts ask for."""
    inverse = np.asarray(np.linalg.inv(dynamics.noise), np.float64)
    diagonal, lower, linear = chain_precision(dynamics.weight, inverse, chain.xi, counts.first)
    mode, own, back, ok = around_mode(
        counts.y, counts.keep, chain.r, theta, np.array([founder]), diagonal, lower, linear
    )
    return (mode, own, back) if ok else None


def log_block_ratio(n_both: int, n_new: int, prior: Prior) -> float:
    """Log ratio of the partition's blocks: two clusters against one."""
    g = prior.concentration
    return log_block(n_both - n_new, g) + log_block(n_new, g) - log_block(n_both, g)


def _log_cluster(
    dynamics: Dynamics, latent: Array, chain: Chain, counts: Counts, prior: Prior
) -> float:
    """Log prior of a cluster's dynamics and trajectory."""
    wide = Dynamics(dynamics.weight[None], dynamics.noise[None])
    value = log_dynamics(prior.wishart(), dynamics).sum()
    return float(value + log_trajectories(latent[None], wide, chain.xi, counts.first))


def log_units(
    units: NDArray[np.int64],
    theta: Array,
    latent: Array,
    chain: Chain,
    counts: Counts,
    prior: Prior,
) -> float:
    """Log likelihood and prior of units under one trajectory."""
    values = unit_log_likelihoods(
        counts.y[units], counts.keep[units], chain.r[units], theta[units], latent
    )
    return float(values.sum() + log_theta(theta[units], prior.precision).sum())
