"""Where a chain begins: a guess at clusters and states from smoothed counts.

A sampler may begin anywhere, but from a random partition it would take very long to where the
posterior lies. Units of one cluster share a space of q smoothed courses. Each unit is moved to the
cluster whose *other* units' space explains it best, from many random partitions into two to six
clusters. States begin as groups of bins of like activity.
"""

from copy import deepcopy

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from neurokit.clustering.sampling.dynamics import draw_dynamics, moments, posterior
from neurokit.clustering.sampling.evidence import log_evidence_of_chain
from neurokit.clustering.sampling.model import Chain, Counts, Prior, start
from neurokit.clustering.sampling.sweep import sweep, sweep_within
from neurokit.clustering.sampling.transfers import join, settle

Array = NDArray[np.float64]
_WIDTH = 3.0  # bins
_MOST_BINS = 3000  # looked at
_MANY = 8  # clusters at random
_AT_ONCE = 32  # units that are left out in turn
_SOONEST = 12  # sweep after which clusters are joined: trajectories have to be there
_TRIED = 5  # beginnings, at most
_JUDGED = 4  # last sweeps whose evidence is averaged: it goes up and down by ten
_STICKY = 50.0  # times as much as the model's, in trials: no state for every few bins


def smoothed(y: Array, keep: NDArray[np.bool_], rng: np.random.Generator) -> tuple[Array, float]:
    """Return courses (N, T) in units of their noise, and the largest square that noise alone has.

    Noise is what the same bins in another order give.
    """
    root = np.sqrt(np.where(keep, y, 0) + 0.375)
    seen = np.maximum(keep.sum(1, keepdims=True), 1)
    mean = np.where(keep, root, 0).sum(1, keepdims=True) / seen
    away = np.where(keep, root - mean, 0.0)
    course = gaussian_filter1d(away, _WIDTH, axis=1, mode="constant")
    noise = gaussian_filter1d(rng.permuted(away, axis=1), _WIDTH, axis=1, mode="constant")
    spread = noise.std(1, keepdims=True)
    spread = np.where(spread > 1e-9, spread, np.inf)
    top = np.linalg.svd(noise / spread, compute_uv=False)[0] if len(y) else 0.0
    return course / spread, float(top**2)


def guess_clusters(
    course: Array, floor: float, q: int, most: int, rng: np.random.Generator, n_starts: int = 40
) -> list[NDArray[np.int64]]:
    """Guess the cluster of every unit: one partition for each number of clusters up to six."""
    n_units = len(course)
    most = min(most, n_units, 6)
    guesses = [np.zeros(n_units, np.int64)]
    if most < 2 or n_units < 3:
        return guesses
    step = max(1, course.shape[1] // _MOST_BINS)
    left, size, _ = np.linalg.svd(course[:, ::step], full_matrices=False)
    rank = min(n_units, 5 * q)
    points = left[:, :rank] * size[:rank]
    products = points @ points.T
    n_starts = max(10, min(n_starts, 40_000 // n_units**2 + 10))
    best: dict[int, tuple[float, NDArray[np.int64]]] = {}
    for trial in range(n_starts):
        k = 2 + trial % (most - 1)
        z = rng.integers(k, size=n_units)
        value, z = _improve(products, z, k, q, floor / step, rng)
        z = np.unique(z, return_inverse=True)[1].astype(np.int64)
        found = int(z.max()) + 1
        if found not in best or value > best[found][0]:
            best[found] = (value, z)
    return guesses + [best[k][1] for k in sorted(best) if k > 1]


def _improve(
    products: Array, z: NDArray[np.int64], k: int, q: int, floor: float, rng: np.random.Generator
) -> tuple[float, NDArray[np.int64]]:
    """Move units to where they are explained best, some of them at a time."""
    best, found = -np.inf, z
    rows = np.arange(len(z))
    for _ in range(30):
        gain = _explained(products, z, k, q, floor)
        value = gain[rows, z].sum()
        if value > best:
            best, found = value, z.copy()
        goal = gain.argmax(1)
        if (goal == z).all():
            break
        z = np.where(rng.random(len(z)) < 0.6, goal, z)
    return float(best), found


def _explained(products: Array, z: NDArray[np.int64], k: int, q: int, floor: float) -> Array:
    """Square of every unit that the space of each cluster's other units explains: (N, k)."""
    out = np.zeros((len(products), k))
    for j in range(k):
        members = np.flatnonzero(z == j)
        share = len(members) / len(products)
        if not len(members):
            continue
        inner = products[:, members]
        out[:, j] = _projected(inner[members], inner, q, floor * share)
        for some in range(0, len(members), _AT_ONCE):  # each without itself: all at once is large
            places = np.arange(some, min(some + _AT_ONCE, len(members)))
            left = np.arange(len(members) - 1)
            rest = left + (left >= places[:, None])
            own = members[places]
            basis = inner[members[rest][:, :, None], rest[:, None, :]]
            targets = inner[own[:, None], rest][:, None]
            out[own, j] = _projected(basis, targets, q, floor * share)[:, 0]
    return out


def _projected(basis: Array, targets: Array, q: int, floor: float) -> Array:
    """Square of targets that the leading q axes of a basis explain.

    What is given of points is their products with those of the basis: (..., n, n), (..., m, n).
    """
    if not basis.shape[-1]:
        return np.zeros(targets.shape[:-1])
    size, vectors = np.linalg.eigh(basis)
    size, vectors = np.maximum(size[..., ::-1][..., :q], 1e-12), vectors[..., ::-1][..., :q]
    scores = targets @ vectors / np.sqrt(size)[..., None, :]
    trust = np.clip(1 - floor / size, 0.0, 1.0)
    return np.asarray((scores**2 * trust[..., None, :]).sum(-1))


def guess_states(
    course: Array, n_groups: int, q: int, rng: np.random.Generator
) -> NDArray[np.int64]:
    """Guess the state of every bin from how strong each leading course is around it."""
    from sklearn.cluster import KMeans

    n_times = course.shape[1]
    n_groups = min(n_groups, max(1, n_times // 20))
    if n_groups < 2 or not course.any():
        return np.zeros(n_times, np.int64)
    left, size, _ = np.linalg.svd(course @ course.T)
    leading = left[:, : 2 * q].T @ course
    energy = gaussian_filter1d(leading**2, 2 * _WIDTH, axis=1).sum(0) + 1e-3 * size[0] / n_times
    found = KMeans(n_groups, n_init=1, random_state=int(rng.integers(2**31)))
    return found.fit_predict(np.log(energy)[:, None]).astype(np.int64)


def begin(counts: Counts, prior: Prior, rng: np.random.Generator, n_trial: int = 0) -> Chain:
    """Make the first state of a chain.

    Trials take counts as negative binomial, whose trajectories are drawn and not only proposed.
    Guesses of more clusters than there may be, and a partition at random, are tried for
    ``n_trial`` sweeps under a hidden chain that is far stickier than the model's, guessed states
    held for the first third. Units settle now and then where the others' trajectory explains them
    best, and clusters that are better explained by one trajectory are joined: more is soon mended
    than less. After some sweeps of the model itself the evidence chooses two of them, and after
    more the best: of these two, and of the better one with more states. Without trials it is the
    guess with the most clusters.
    """
    course, floor = smoothed(counts.y, counts.keep, rng)
    n_units = len(course)
    guesses = guess_clusters(course, floor, prior.q, prior.max_clusters or n_units, rng)
    xi = guess_states(course, min(2, prior.n_states), prior.q, rng)  # more open than close
    drawn = prior._replace(negbin=True, learned=False, kappa=_STICKY * prior.kappa)
    if len(guesses) > 1 and n_trial:
        z = rng.integers(min(_MANY, prior.max_clusters or n_units), size=n_units)
        guesses.append(np.unique(z, return_inverse=True)[1].astype(np.int64))
    chains = []
    for z in guesses[-_TRIED:] if n_trial else guesses[-1:]:
        chain = start(counts, drawn, rng, int(z.max()) + 1)
        chain.z, chain.xi = z, xi.copy()
        if n_trial:
            _try(chain, counts, drawn, rng, n_trial)
        chain.law = np.array(prior.concentrations())
        if not prior.negbin:
            chain.r = np.full_like(chain.r, np.inf)
        chains.append(chain)
    if len(chains) == 1:
        return chains[0]
    better = _best(chains, counts, prior, rng, n_trial // 2)[:2]
    if prior.n_states > 2:
        other = deepcopy(better[0])
        other.xi = guess_states(course, 3, prior.q, rng)
        for _ in range(n_trial // 3):
            sweep_within(other, counts, prior, rng, hold=True)
        better.append(other)
    return _best(better, counts, prior, rng, n_trial)[0]


def _best(
    chains: list[Chain], counts: Counts, prior: Prior, rng: np.random.Generator, n_sweeps: int
) -> list[Chain]:
    """Let chains go on and put those first that explain the counts best."""
    scores = [_judge(chain, counts, prior, rng, n_sweeps) for chain in chains]
    return [chains[k] for k in np.argsort(scores)[::-1]]


def _try(
    chain: Chain, counts: Counts, prior: Prior, rng: np.random.Generator, n_sweeps: int
) -> None:
    """Let a chain find states and partition, in place."""
    every = max(1, n_sweeps // 12)
    for n in range(n_sweeps):
        # all states' dynamics begin alike: states would be drawn at random before they differ
        sweep_within(chain, counts, prior, rng, hold=3 * n < n_sweeps)
        if 3 * n < 2 * n_sweeps and (n + 1) % every == 0:
            settle(chain, counts, prior, rng)
            if n >= _SOONEST and 3 * n >= n_sweeps and (n + 1) // every % 2 == 0:
                join(chain, counts, prior)


def _judge(
    chain: Chain, counts: Counts, prior: Prior, rng: np.random.Generator, n_sweeps: int
) -> float:
    """Return the evidence of partition and states after some sweeps; the chain moves on."""
    found = []
    for n in range(max(1, n_sweeps)):
        sweep(chain, counts, prior, rng)
        if n >= n_sweeps - _JUDGED:
            sums = moments(chain.latents, chain.xi, counts.first, prior.n_states)
            chain.dynamics = draw_dynamics(posterior(prior.wishart(), sums), rng)
            found.append(log_evidence_of_chain(chain, counts, prior))
    return float(np.mean(found))
