"""One unit goes to another cluster, and both trajectories are drawn anew with it.

Given the trajectories a unit hardly leaves its cluster, as they fit its noise too. Here both are
proposed from the Gaussian around their mode, with the unit and without it, and the loading of the
unit from what the mode of the others says of it: the evidence of both clusters is compared before
and after.
"""

import numpy as np
from numpy.typing import NDArray

from neurokit.clustering.sampling.model import Chain, Counts, Prior
from neurokit.clustering.sampling.sides import (
    Side,
    draw_trajectory,
    dynamics_of,
    log_trajectory,
)

Array = NDArray[np.float64]


def transfer(chain: Chain, counts: Counts, prior: Prior, rng: np.random.Generator) -> bool:
    """Try to move one unit, in place; tell whether it was accepted."""
    unit = int(rng.integers(len(chain.z)))
    a = int(chain.z[unit])
    in_a = np.flatnonzero(chain.z == a)
    if chain.n_clusters == 1 or len(in_a) == 1:
        return False
    b = int(rng.integers(chain.n_clusters - 1))
    b += b >= a
    in_b = np.flatnonzero(chain.z == b)
    left, joined = in_a[in_a != unit], np.append(in_b, unit)
    side = Side(chain, counts, prior)
    own_a, own_b = dynamics_of(chain, a), dynamics_of(chain, b)
    # ------------------------------------------------ the loading, by what the others say
    without_a = side.law(own_a, left, chain.theta)
    without_b = side.law(own_b, in_b, chain.theta)
    if without_a is None or without_b is None:
        return False
    theta = chain.theta.copy()
    moving = np.array([unit])
    drawn = side.draw_loadings(moving, without_b[0], theta, rng)
    back = side.log_loadings(moving, without_a[0], chain.theta)
    if drawn is None or back is None:
        return False
    # ------------------------------------------------ the trajectories
    with_a, with_b = side.law(own_a, in_a, chain.theta), side.law(own_b, joined, theta)
    if with_a is None or with_b is None:
        return False
    old_a, old_b = chain.latents[a], chain.latents[b]
    new_a, new_b = draw_trajectory(without_a, rng), draw_trajectory(with_b, rng)
    ratio = back - drawn
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
