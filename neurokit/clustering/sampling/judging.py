"""Which chains the summaries stand on: those that predict the counts as well as the best does.

Chains that do not mix stay in modes of their own, and how many of them sit in which says nothing
of how likely each is (Yao, Vehtari and Gelman 2022, J. Mach. Learn. Res. 23, 1-45). Chains are
compared by the expected log predictive density of every count (Watanabe's criterion; Vehtari,
Gelman and Gabry 2017, Stat. Comput. 27, 1413-1432); a chain that is worse than the best by more
than two standard errors of the difference is left out.
"""

import numpy as np
from numpy.typing import NDArray

from neurokit.clustering.sampling.likelihood import log_probabilities, log_rates
from neurokit.clustering.sampling.model import Counts
from neurokit.types import State

Array = NDArray[np.float64]
_ERRORS = 2.0


def choose_chains(chains: list[list[State]], counts: Counts) -> NDArray[np.int64]:
    """Return the numbers of the chains that predict as well as the best of them.

    ``chains`` hold draws that were kept whole, as many in each.
    """
    if len(chains) == 1 or not counts.keep.any():
        return np.arange(len(chains), dtype=np.int64)
    seen = [expected_density(draws, counts)[counts.keep] for draws in chains]
    best = seen[int(np.argmax([each.sum() for each in seen]))]
    chosen = []
    for k, each in enumerate(seen):
        lost = best - each
        if lost.sum() <= _ERRORS * lost.std() * np.sqrt(lost.size):
            chosen.append(k)
    return np.array(chosen)


def expected_density(draws: list[State], counts: Counts) -> Array:
    """Return the expected log predictive density of every count (N, T), NaN where none is."""
    total = np.full(counts.y.shape, -np.inf)
    mean, square = np.zeros_like(total), np.zeros_like(total)
    for n, draw in enumerate(draws, 1):
        wide = {name: np.asarray(draw[name], np.float64) for name in ("theta", "latents", "r")}
        eta = log_rates(wide["theta"], draw["z"].astype(np.int64), wide["latents"])
        found = log_probabilities(counts.y, counts.keep, eta, wide["r"])
        found[~counts.keep] = 0.0
        total = np.logaddexp(total, found)  # one after the other: all at once may be large
        away = found - mean
        mean = mean + away / n
        square = square + away * (found - mean)
    density = total - np.log(len(draws)) - square / max(len(draws) - 1, 1)
    return np.where(counts.keep, density, np.nan)
