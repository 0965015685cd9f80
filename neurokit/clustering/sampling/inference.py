"""New counts under a draw that was kept: trajectories and states, all else fixed."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from neurokit.clustering.sampling import states
from neurokit.clustering.sampling.dynamics import densities_of
from neurokit.clustering.sampling.model import Chain, Counts, Prior
from neurokit.clustering.sampling.sweep import draw_latents

Array = NDArray[np.float64]


def follow(
    draw: Chain, counts: Counts, prior: Prior, rng: np.random.Generator, n_kept: int, n_burn: int
) -> Iterator[Chain]:
    """Draw trajectories and states of new counts in turn; yield the chain after each sweep kept.

    The same object comes every time, changed in place.
    """
    n_times = counts.y.shape[1]
    common = int(np.bincount(draw.xi).argmax())
    chain = Chain(
        z=draw.z.astype(np.int64),
        theta=draw.theta.astype(np.float64),
        r=draw.r.astype(np.float64),
        latents=np.zeros((len(draw.latents), n_times, prior.q)),
        dynamics=draw.dynamics,
        xi=np.full(n_times, common),
        beta=draw.beta,
        pi=draw.pi,
    )
    for n in range(n_burn + n_kept):
        draw_latents(chain, counts, prior, rng)
        density = densities_of(chain.latents, chain.dynamics, counts.first)
        chain.xi = states.draw_states(density, chain.pi, counts.first, rng)
        if n >= n_burn:
            yield chain
