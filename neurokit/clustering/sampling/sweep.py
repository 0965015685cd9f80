"""One sweep: every step in turn, each exact given all the rest."""

import numpy as np

from neurokit.clustering.sampling import states
from neurokit.clustering.sampling.collapsed import sweep_states
from neurokit.clustering.sampling.dynamics import (
    Moments,
    densities_of,
    draw_dynamics,
    log_dynamics,
    log_trajectories,
    moments,
    posterior,
)
from neurokit.clustering.sampling.frames import shift, turn_axes
from neurokit.clustering.sampling.latents import augment, draw_around_mode, draw_trajectories
from neurokit.clustering.sampling.likelihood import draw_shapes, log_probabilities, log_rates
from neurokit.clustering.sampling.loadings import fit_loadings, log_theta, reassign
from neurokit.clustering.sampling.model import Chain, Counts, Prior
from neurokit.clustering.sampling.partition_prior import log_block
from neurokit.clustering.sampling.splits import split_or_merge
from neurokit.clustering.sampling.state_splits import relabel_stretch, split_or_merge_states
from neurokit.clustering.sampling.together import draw_windows, laws_of
from neurokit.clustering.sampling.transfers import transfer

N_SPLITS = 1  # splits or merges tried in a sweep
N_TRANSFERS = 1  # units tried
N_STATES = 3  # states parted or joined: with one try their number is slow


def sweep(chain: Chain, counts: Counts, prior: Prior, rng: np.random.Generator) -> None:
    """Take the chain one sweep on, in place."""
    sweep_within(chain, counts, prior, rng)
    log_v = prior.log_partition(len(chain.z))
    n_done = sum(split_or_merge(chain, counts, prior, log_v, rng) for _ in range(N_SPLITS))
    chain.tallies["splits and merges"] = n_done / N_SPLITS
    n_done = sum(transfer(chain, counts, prior, rng) for _ in range(N_TRANSFERS))
    chain.tallies["transfers"] = n_done / N_TRANSFERS


def sweep_within(
    chain: Chain, counts: Counts, prior: Prior, rng: np.random.Generator, hold: bool = False
) -> None:
    """Take every step but those that change the number of clusters, in place.

    ``hold`` leaves the states as they are, while all else learns from them.
    """
    draw_latents(chain, counts, prior, rng, hold)
    draw_frames_and_dynamics(chain, counts, prior, rng)
    if not hold and prior.n_states > 1:
        n_done = sum(split_or_merge_states(chain, counts, prior, rng) for _ in range(N_STATES))
        chain.tallies["states"] = n_done / N_STATES
        relabel_stretch(chain, counts, prior, rng)
    draw_state_chain(chain, counts, prior, rng, hold)
    if prior.negbin:
        eta = log_rates(chain.theta, chain.z, chain.latents)
        draw_shapes(counts.y, counts.keep, eta, chain.r, *prior.dispersion, rng)
    draw_units(chain, counts, prior, rng)


def draw_latents(
    chain: Chain, counts: Counts, prior: Prior, rng: np.random.Generator, hold: bool = False
) -> None:
    """States with the trajectories integrated out, then trajectories given states."""
    data = (counts.y, counts.keep, chain.r, chain.theta, chain.z, chain.latents)
    hold = hold or prior.n_states == 1
    if prior.negbin:
        pulls = augment(*data, rng)
        if not hold:
            ahead = bool(rng.random() < 0.5)
            given = (*pulls, chain.latents, *laws_of(chain), counts.first)
            sweep_states(*given, chain.xi, 0, len(chain.xi), ahead, rng)
        draw_trajectories(pulls, chain.latents, chain.dynamics, chain.xi, counts.first, rng)
    else:
        share = draw_around_mode(*data, chain.dynamics, chain.xi, counts.first, rng)
        chain.tallies["windows of trajectories"] = share
        if not hold:
            chain.tallies["windows of states"] = draw_windows(chain, counts, rng)


def draw_frames_and_dynamics(
    chain: Chain, counts: Counts, prior: Prior, rng: np.random.Generator
) -> None:
    """Zero and axes of every trajectory, then the dynamics given trajectories and states."""
    used = np.bincount(chain.xi[~counts.first], minlength=prior.n_states) > 0
    law = prior.wishart()
    turned = []
    for j in range(chain.n_clusters):
        members = chain.z == j
        theta = chain.theta[members]
        own = type(chain.dynamics)(*(part[j] for part in chain.dynamics))
        shift(chain.latents[j], theta, own, counts.first, used, prior.precision, rng)
        sums = moments(chain.latents[[j]], chain.xi, counts.first, prior.n_states)
        sums = Moments(*(part[0] for part in sums))
        sums = turn_axes(chain.latents[j], theta, sums, law, counts.first, prior.precision, rng)
        chain.theta[members] = theta
        turned.append(sums)
    stacked = Moments(*(np.stack(parts) for parts in zip(*turned, strict=True)))
    chain.dynamics = draw_dynamics(posterior(law, stacked), rng)


def draw_state_chain(
    chain: Chain, counts: Counts, prior: Prior, rng: np.random.Generator, hold: bool = False
) -> None:
    """States given trajectories and dynamics, then the law of their steps."""
    if not hold:
        density = densities_of(chain.latents, chain.dynamics, counts.first)
        chain.xi = states.draw_states(density, chain.pi, counts.first, rng)
    steps = states.count_steps(chain.xi, counts.first, prior.n_states)
    law = states.Concentrations(*chain.law.tolist())
    chain.beta, chain.pi, law = states.draw_transitions(steps, chain.beta, law, rng, prior.hyper())
    chain.law = np.array(law)


def draw_units(chain: Chain, counts: Counts, prior: Prior, rng: np.random.Generator) -> None:
    """Cluster, offset and loading of every unit given trajectories."""
    data = (counts.y, counts.keep, chain.r, chain.latents)
    fits = fit_loadings(*data, prior.precision)
    given = (prior.concentration, prior.precision, fits)
    accepted = reassign(*data, chain.z, chain.theta, *given, rng)
    chain.tallies["loadings"] = accepted / len(chain.z)


def log_likelihood(chain: Chain, counts: Counts) -> float:
    """Log probability of all counts given everything else."""
    eta = log_rates(chain.theta, chain.z, chain.latents)
    return float(np.nansum(log_probabilities(counts.y, counts.keep, eta, chain.r)))


def log_joint(chain: Chain, counts: Counts, prior: Prior) -> float:
    """Log density of counts and all unknowns, up to a constant of the hidden chain's law."""
    total = log_likelihood(chain, counts)
    total += log_theta(chain.theta, prior.precision).sum()
    total += log_dynamics(prior.wishart(), chain.dynamics).sum()
    total += log_trajectories(chain.latents, chain.dynamics, chain.xi, counts.first)
    steps = states.count_steps(chain.xi, counts.first, prior.n_states)
    total += float(np.sum(steps * np.log(np.maximum(chain.pi, 1e-300))))
    if prior.negbin:
        a, b = prior.dispersion
        total += float(np.sum((a - 1) * np.log(chain.r) - b * chain.r))
    total += prior.log_partition(len(chain.z))[chain.n_clusters]
    sizes = np.bincount(chain.z)
    return float(total + sum(log_block(int(n), prior.concentration) for n in sizes))
