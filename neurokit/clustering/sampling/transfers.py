"""One unit goes to another cluster, and both trajectories are drawn anew with it.

Given the trajectories a unit hardly leaves its cluster, as they fit its noise too. Here every
cluster's trajectory is taken at its mode without the unit, and the evidence of the unit under each
says where to try; both trajectories are proposed from the Gaussian around their mode, with the
unit and without it, and the exact ratio compares both clusters before and after.
"""

import numpy as np
from numpy.typing import NDArray

from neurokit.clustering.sampling.evidence import log_evidence_of_units
from neurokit.clustering.sampling.loadings import Fits, draw_student, fit_loadings, log_student
from neurokit.clustering.sampling.model import Chain, Counts, Prior
from neurokit.clustering.sampling.sides import (
    Law,
    Side,
    draw_trajectory,
    dynamics_of,
    log_trajectory,
)
from neurokit.clustering.sampling.splits import drop_cluster, log_block_ratio

Array = NDArray[np.float64]
_MARGIN = 2.0  # of log evidence, by which another cluster must be better to settle there


def transfer(chain: Chain, counts: Counts, prior: Prior, rng: np.random.Generator) -> bool:
    """Try to move one unit, in place; tell whether it was accepted."""
    unit = int(rng.integers(len(chain.z)))
    a = int(chain.z[unit])
    in_a = np.flatnonzero(chain.z == a)
    if chain.n_clusters == 1 or len(in_a) == 1:
        return False
    side = Side(chain, counts, prior)
    # ------------------------------------------------ where to, by what the others say
    without = [_law_of(side, j, unit) for j in range(chain.n_clusters)]
    weight, fits = _weigh(side, unit, without)
    if not np.isfinite(weight).all():
        return False
    chance = np.exp(weight - weight.max())
    b = int((chance.cumsum() <= rng.random() * chance.sum()).sum())
    if b == a:
        return False
    in_b = np.flatnonzero(chain.z == b)
    left, joined = in_a[in_a != unit], np.append(in_b, unit)
    theta = chain.theta.copy()
    theta[unit] = draw_student(fits.mode[b], fits.root[b], rng)
    ratio = weight[a] - weight[b]
    ratio += log_student(chain.theta[unit], fits.mode[a], fits.root[a])
    ratio -= log_student(theta[unit], fits.mode[b], fits.root[b])
    # ------------------------------------------------ the trajectories
    own_a, own_b = dynamics_of(chain, a), dynamics_of(chain, b)
    with_a, with_b = side.law(own_a, in_a, chain.theta), side.law(own_b, joined, theta)
    without_a, without_b = without[a], without[b]
    if with_a is None or with_b is None or without_a is None or without_b is None:
        return False
    old_a, old_b = chain.latents[a], chain.latents[b]
    new_a, new_b = draw_trajectory(without_a, rng), draw_trajectory(with_b, rng)
    ratio += log_trajectory(with_a, old_a) + log_trajectory(without_b, old_b)
    ratio -= log_trajectory(without_a, new_a) + log_trajectory(with_b, new_b)
    ratio += side.log_side(own_a, new_a, left, theta) + side.log_side(own_b, new_b, joined, theta)
    ratio -= side.log_side(own_a, old_a, in_a, chain.theta)
    ratio -= side.log_side(own_b, old_b, in_b, chain.theta)
    g = prior.concentration
    ratio += np.log(len(in_b) + g) - np.log(len(left) + g)
    if not np.log(rng.random()) < ratio:
        return False
    chain.theta = theta
    chain.z[unit] = b
    chain.latents[a], chain.latents[b] = new_a, new_b
    return True


def settle(chain: Chain, counts: Counts, prior: Prior, rng: np.random.Generator) -> int:
    """Move every unit to where the others' mode explains it best, in place; return how many moved.

    This is no step of a chain, but a way to where one may begin: clusters that are parts of one
    run empty, as the larger part predicts better. One that has lost its last unit is dropped.
    """
    side = Side(chain, counts, prior)
    laws = [_law_of(side, j, -1) for j in range(chain.n_clusters)]
    moved = 0
    for unit in rng.permutation(len(chain.z)):
        a = int(chain.z[unit])
        without = laws.copy()
        without[a] = _law_of(side, a, int(unit))
        weight, fits = _weigh(side, int(unit), without)
        b = int(np.argmax(weight))
        if b == a or not weight[b] > weight[a] + _MARGIN:
            continue
        chain.z[unit], chain.theta[unit] = b, fits.mode[b]
        laws[a], laws[b] = without[a], _law_of(side, b, -1)
        moved += 1
    for j, law in enumerate(laws):
        if law is not None:
            chain.latents[j] = law[0]
    for j in range(chain.n_clusters - 1, -1, -1):
        if not (chain.z == j).any():
            drop_cluster(chain, j)
    return moved


def join(chain: Chain, counts: Counts, prior: Prior) -> int:
    """Join clusters as long as their units are better explained by one trajectory, in place.

    Return how many were joined. Evidence is Laplace's, of trajectories and loadings, given states
    and dynamics; as `settle` this is a way to where a chain may begin.
    """
    side = Side(chain, counts, prior)
    log_v = prior.log_partition(len(chain.z))
    alone = [
        log_evidence_of_units(side, j, np.flatnonzero(chain.z == j))
        for j in range(chain.n_clusters)
    ]
    joined = 0
    while chain.n_clusters > 1:
        t, sizes = chain.n_clusters, np.bincount(chain.z)
        best, gain = (0, 0), 0.0
        for a in range(t):
            for b in range(a):
                large, small = (a, b) if sizes[a] >= sizes[b] else (b, a)
                both = np.flatnonzero((chain.z == a) | (chain.z == b))
                new = log_evidence_of_units(side, large, both) - alone[a] - alone[b]
                new += log_v[t - 1] - log_v[t] - log_block_ratio(len(both), sizes[small], prior)
                if new > gain:
                    best, gain = (large, small), new
        if not gain > 0:
            break
        large, small = best
        chain.z[chain.z == small] = large
        alone[large] = log_evidence_of_units(
            side, large, np.flatnonzero(chain.z == large), keep=True
        )
        alone.pop(small)
        drop_cluster(chain, small)
        joined += 1
    return joined


def _law_of(side: Side, j: int, unit: int) -> Law | None:
    """Find the trajectory of a cluster without a unit; none at all has none."""
    members = np.flatnonzero((side.chain.z == j) & (np.arange(len(side.chain.z)) != unit))
    if not len(members):
        return None
    return side.law(dynamics_of(side.chain, j), members, side.chain.theta)


def _weigh(side: Side, unit: int, laws: list[Law | None]) -> tuple[Array, Fits]:
    """Return log weights of all clusters for a unit, and its fits: (K,) in front.

    One without a trajectory is judged as if nothing were shared, or not at all where it has
    units.
    """
    chain, counts = side.chain, side.counts
    others = np.bincount(np.delete(chain.z, unit), minlength=len(laws))
    quiet = np.zeros(chain.latents.shape[1:])
    modes = np.stack([quiet if law is None else law[0] for law in laws])
    data = (counts.y[[unit]], counts.keep[[unit]], chain.r[[unit]])
    fits = fit_loadings(*data, modes, side.prior.precision)
    fits = Fits(*(part[0] for part in fits))
    lost = np.array([law is None for law in laws]) & (others > 0)
    weight = np.log(others + side.prior.concentration) + fits.evidence
    return np.where(lost, -np.inf, weight), fits
