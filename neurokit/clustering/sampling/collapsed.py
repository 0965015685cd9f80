"""States drawn with the trajectories integrated out.

Where counts are Gaussian observations of trajectories (given Pólya-gamma numbers, or near a point)
and states are given, trajectories are Gaussian chains: the likelihood of states is that of a
Kalman filter. One pass gathers what the bins on one side say of each bin, another, the other way,
draws the state of every bin in turn (Carter and Kohn 1996, Biometrika 83, 589-601, section 2):
T L K q^3 operations. Trajectories that were drawn under the old states hold nothing.

``lam`` (K, T, q, q) and ``eta`` (K, T, q) are what counts say of each bin; W (K, L, q + 1, q), Q
and its factor (K, L, q, q) the dynamics. The first state of a run is uniform. Only bins start,
..., stop - 1 are drawn, given trajectories and states outside.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from neurokit.clustering.sampling.filters import (
    INSIDE,
    log_mass,
    observe,
    root_of,
    step_back,
    step_on,
)

Array = NDArray[np.float64]
_ON, _BACK, _DRAW = 0, 1, 2


def sweep_states(
    lam: Array,
    eta: Array,
    latents: Array,
    weight: Array,
    noise: Array,
    half: Array,
    inverse: Array,
    log_pi: Array,
    first: NDArray[np.bool_],
    xi: NDArray[np.int64],
    start: int,
    stop: int,
    ahead: bool,
    rng: np.random.Generator,
) -> None:
    """Draw states bin by bin in place; ``ahead`` goes from left to right, else from right to left.

    Either way leaves the same law as it is, and one is the reverse of the other.
    """
    n_clusters, n_times, q = eta.shape
    later, pull = np.array(lam[:, start:stop]), np.array(eta[:, start:stop])
    if stop < n_times and not first[stop]:  # what the bin after the last one says of it
        k = xi[stop]
        a = weight[:, k, :q] @ inverse[:, k]
        away = latents[:, stop] - weight[:, k, q]
        later[:, -1] += a @ np.swapaxes(weight[:, k, :q], -1, -2)
        pull[:, -1] += (a @ away[..., None])[..., 0]
    n = stop - start
    means, covers = np.zeros((n_clusters, n + 1, q)), np.zeros((n_clusters, n + 1, q, q))
    if start > 0:
        means[:, 0] = latents[:, start - 1]  # [s + 1] is given the bins up to start + s
    bins = np.arange(n)
    if ahead:
        gather = np.stack([np.full(n - 1, _BACK), bins[:0:-1]], axis=1)
        draws = np.stack([np.tile([_DRAW, _ON], n), np.repeat(bins, 2)], axis=1)
    else:
        gather = np.stack([np.full(n - 1, _ON), bins[:-1]], axis=1)
        draws = np.stack([np.tile([_DRAW, _BACK], n), np.repeat(bins[::-1], 2)], axis=1)
    plan = np.concatenate([gather, draws[:-1]])
    around = np.full(n + 2, -1)  # the states of the bins before, in and after the window
    around[0 if start else 1 : n + 1 + (stop < n_times)] = xi[max(start - 1, 0) : stop + 1]
    begins = np.ones(n + 1, bool)
    begins[: n + (stop < n_times)] = first[start : stop + 1]
    space = np.zeros((6, q, q))
    given = (np.ascontiguousarray(lam[:, start:stop]), np.ascontiguousarray(eta[:, start:stop]))
    laws = (weight, noise, half, log_pi, begins)
    work = (later, pull, means, covers, rng.random(n), np.empty(len(log_pi)), space)
    _follow(plan, *given, *laws, around, *work)
    xi[start:stop] = around[1 : n + 1]


@njit(cache=True, error_model="numpy", nogil=True)
def _follow(  # type: ignore[no-untyped-def]
    plan, lam, eta, weight, noise, half, log_pi, first, xi, later, pull, means, covers, chance,
    score, space,
):  # fmt: skip
    """Do what the plan says, one bin after the other; bin s has state xi[s + 1].

    It is one loop, and not one for each way, as all that it calls is then compiled into it once.
    """
    wide, part, root, own, spread = space[0], space[1], space[2], space[3], space[4]
    mean = space[5, 0]
    n_states = len(log_pi)
    for row in range(len(plan)):
        task, s = plan[row, 0], plan[row, 1]
        if task == _BACK:
            if not first[s]:  # a run says nothing of the one before
                k = xi[s + 1]
                for j in range(len(eta)):
                    step_back(
                        later[j, s], pull[j, s], weight[j, k], half[j, k], wide, part, root, own,
                        later[j, s - 1], pull[j, s - 1],
                    )  # fmt: skip
            continue
        if task == _DRAW and first[s]:
            _choose(s, first, log_pi, xi, score, chance[s], False)
            continue
        one = task == _ON  # the state that the bin has; else each of them is weighed
        for k in range(1 if one else n_states):
            state = xi[s + 1] if one else k
            score[k] = 0.0
            for j in range(len(eta)):
                if first[s]:
                    for a in range(len(mean)):
                        mean[a] = 0.0
                        for b in range(len(mean)):
                            own[a, b] = 1.0 if a == b else 0.0
                    ok = True
                else:
                    step_on(
                        means[j, s], covers[j, s], weight[j, state], noise[j, state], mean, spread
                    )
                    ok = root_of(spread, own)
                if one:
                    observe(mean, own, lam[j, s], eta[j, s], wide, part, root, covers[j, s + 1])
                    for a in range(len(mean)):
                        means[j, s + 1, a] = mean[a]
                elif ok:
                    score[k] += log_mass(mean, own, later[j, s], pull[j, s], wide, part, root)
                else:
                    score[k] = -np.inf
        if not one:
            _choose(s, first, log_pi, xi, score, chance[s], True)


@njit(**INSIDE)
def _choose(s, first, log_pi, xi, score, u, seen):  # type: ignore[no-untyped-def]
    """Draw the state of a bin by log weights and its neighbours; leave it where none is finite."""
    top = -np.inf
    for k in range(len(score)):
        if not seen:
            score[k] = 0.0
        if not first[s]:
            score[k] += log_pi[xi[s], k]
        if not first[s + 1]:
            score[k] += log_pi[k, xi[s + 2]]
        if not score[k] > -np.inf:
            score[k] = -np.inf
        top = max(top, score[k])
    if not (top > -np.inf and top < np.inf):
        return
    total = 0.0
    for k in range(len(score)):
        total += np.exp(score[k] - top)
        score[k] = total
    k = 0
    while k < len(score) - 1 and score[k] <= u * total:
        k += 1
    xi[s + 1] = k
