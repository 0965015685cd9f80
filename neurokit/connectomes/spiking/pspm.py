"""Pre-synaptic pool modification: a spiking network taught wanted spikes without gradients."""

import numpy as np
from numba import njit


@njit(cache=True)
def teach(made, wanted, heard, coupling, slack, pool, delay, step, chance, rng):  # type: ignore[no-untyped-def]
    """Change weights where spikes are missing or too many (the local part); returns the hits.

    A wanted spike with none made within ``slack`` steps strengthens, and a made spike with none
    wanted there weakens, each synapse from the units that fired in the ``pool`` steps before, with
    probability ``chance`` and by a random share of ``step``.
    """
    n_units, n_times = wanted.shape
    hits = 0
    for j in range(n_units):
        for t in range(n_times):
            if wanted[j, t] == made[j, t]:
                hits += made[j, t]
                continue
            first, last = max(0, t - slack), min(n_times, t + slack + 1)
            if wanted[j, t]:
                if made[j, first:last].any():
                    hits += 1
                    continue
                sign = 1.0
            else:
                if wanted[j, first:last].any():
                    continue
                sign = -1.0
            begin, end = max(0, t - pool - delay + 1), max(0, t - delay + 1)
            for i in range(n_units):
                if i != j and heard[i, begin:end].any() and rng.random() < chance:
                    coupling[i, j] += sign * step * rng.random()
    return hits


@njit(cache=True)
def balance(made, wanted, coupling, step, chance, rng):  # type: ignore[no-untyped-def]
    """Nudge all synapses of a unit by how far its rate is off (the homeostatic part)."""
    n_units = len(coupling)
    for j in range(n_units):
        target, actual = wanted[j].sum(), made[j].sum()
        off = (target - actual) / max(1.0, target + actual)
        for i in range(n_units):
            if i != j and rng.random() < chance:
                coupling[i, j] += step * off * rng.random()


def similarity(made: np.ndarray, wanted: np.ndarray, slack: int) -> float:
    """Share of spikes that have a partner in the other raster within ``slack`` steps (F1)."""
    found = 0.0
    for a, b in ((made, wanted), (wanted, made)):
        total = np.cumsum(np.pad(b, ((0, 0), (slack + 1, slack))), axis=1)
        near = (total[:, 2 * slack + 1 :] - total[:, : -2 * slack - 1]) > 0
        found += float((a & near).sum())
    return found / max(1.0, float(made.sum() + wanted.sum()))
