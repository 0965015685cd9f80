"""Fit a block model: many short searches, the best of them in full."""

from typing import NamedTuple

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.special import gammaln

from neurokit.connectomes.blocks.degrees import degrees_cost, even_strengths, repeats_cost
from neurokit.connectomes.blocks.likelihood import BERNOULLI, COUNTS, EXPONENTIAL
from neurokit.connectomes.blocks.search import Search
from neurokit.connectomes.blocks.starts import SMALL, starts


class Partition(NamedTuple):
    """A partition and how many nats it takes to tell the graph with it."""

    labels: NDArray[np.int64]
    length: float
    corrected: bool
    group: NDArray[np.int64] | None = None  # of each block, if rates are told by groups


def fit_blocks(
    weights: sp.csr_matrix,
    weight_kind: int,
    *,
    poisson: bool,
    corrected: bool,
    n_blocks: int | None,
    max_blocks: int,
    n_random: int,
    rng: np.random.Generator,
    first: list[NDArray[np.int64]] | None = None,
    goal: float = np.inf,
    nested: bool = False,
) -> Partition:
    """Find the partition of least description length.

    Parameters
    ----------
    weights : csr_matrix of shape (n_nodes, n_nodes)
        Symmetric, without diagonal, and without explicit zeros.
    weight_kind : int
        See `likelihood`.
    poisson : bool
        Whether weights are counts that stand for so many edges.
    corrected : bool
        Whether degrees are told apart from blocks.
    n_blocks : int or None
        To be kept, or chosen.
    max_blocks, n_random : int
        Most blocks; random starts for each number of blocks.
    rng : Generator
    first : list of ndarray, optional
        Partitions to begin with; of the others, then, only a few are tried.
    goal : float, optional
        Length that another model has; the search ends early where it is out of reach.
    nested : bool
        Whether to group blocks, and to search again with rates told by groups.

    Returns
    -------
    Partition
    """
    n = weights.shape[0]
    scaling = 0.0  # nats for strengths
    if corrected and weight_kind == EXPONENTIAL and weights.nnz:
        weights, scaling = even_strengths(weights)
    kinds = np.array([COUNTS if corrected or poisson else BERNOULLI, weight_kind])
    graph = (
        weights.indptr.astype(np.int64),
        weights.indices.astype(np.int64),
        weights.data.astype(np.float64),
        poisson,
    )
    fixed = n_blocks or 0

    search = Search(graph, kinds, corrected, max_blocks + 1, rng)

    def run(labels: NDArray[np.int64], keep: int, n_anneal: int, n_rounds: int) -> Partition:
        found, length = search.run(labels, keep, n_anneal=n_anneal, n_rounds=n_rounds, goal=goal)
        return Partition(found, length, corrected)

    alone = np.zeros(n, np.int64)
    candidates = [] if fixed > 1 else [run(alone, 1, 0, 0)]
    numbers = [fixed] * 6 if fixed else _numbers(n, max_blocks)  # as many starts, about
    tries = [*(first or [])]
    numbers = [k for k in numbers if k > 1]
    if weights.nnz and numbers:
        tries += [*starts(weights, numbers, n_random, rng, few=bool(first))]
    n_anneal = 150 if n <= SMALL else 10
    for labels in tries:
        size = int(labels.max()) + 1
        if size <= max_blocks and (not fixed or size == fixed):
            if first and len(candidates) <= len(first):  # good as it is: warmth may lose it
                candidates.append(run(labels, size, 0, 0))
            sweeps = n_anneal if size <= 6 else n_anneal // 3 if size <= 40 else 0
            candidates.append(run(labels, size, sweeps, 0))
    candidates.sort(key=lambda c: c.length)
    refined = [run(c.labels, fixed, 0, 4) for c in candidates[: 3 if n <= SMALL else 1]]
    best = min([*candidates[:1], *refined], key=lambda c: c.length)
    if nested:
        best = _grouped(best, search, weights, max_blocks, fixed)
    constant = float(gammaln(weights.data + 1.0).sum()) / 2 if poisson else 0.0
    if corrected:
        degree = np.asarray(weights.sum(1) if poisson else np.diff(weights.indptr)).ravel()
        constant += scaling + degrees_cost(degree)
        if not poisson:
            constant -= repeats_cost(weights, best.labels)
    labels, group = _by_size(best.labels), best.group
    if group is not None:
        _, of = np.unique(labels, return_index=True)
        group = group[best.labels[of]]
    return Partition(labels, best.length + constant, corrected, group)


def _grouped(
    best: Partition,
    search: Search,
    weights: sp.csr_matrix,
    max_blocks: int,
    fixed: int,
) -> Partition:
    """Search on with rates told by groups of blocks, for as long as that is shorter.

    Groups come from below, by grouping the blocks, or are the blocks themselves; and the nodes
    of each group may be divided anew.
    """

    def run(start: NDArray[np.int64], upper: NDArray[np.int64]) -> Partition:
        given = (search.graph, search.kinds, best.corrected, search.n_max, search.rng)
        grouped = Search(*given, upper)
        found, length = grouped.run(start, fixed, n_rounds=4)
        return Partition(found, length, best.corrected, grouped.groups(found))

    def above(labels: NDArray[np.int64]) -> list[NDArray[np.int64]]:
        return [group[labels] for group in _groups(weights, labels, search.rng)]

    for _ in range(4):
        uppers = above(best.labels)
        tries = [run(best.labels, upper) for upper in uppers]
        for upper in [best.labels, *uppers] if not fixed else []:
            finer = _divide(weights, upper, best.corrected, search, max_blocks)
            if finer.max() > upper.max() > 0:  # grouped by what they are, not by whence they came
                tries += [run(finer, other) for other in above(finer)]
        shortest = min(tries, key=lambda c: c.length, default=best)
        if shortest.length >= best.length - 1e-6:
            break
        best = shortest
    return best


def _divide(
    weights: sp.csr_matrix,
    upper: NDArray[np.int64],
    corrected: bool,
    search: Search,
    max_blocks: int,
) -> NDArray[np.int64]:
    """Find blocks among the nodes of each group alone; the groups where these are too many."""
    finer, n_blocks = np.empty_like(upper), 0
    for group in range(int(upper.max()) + 1):
        here = np.flatnonzero(upper == group)
        found = fit_blocks(
            weights[here][:, here],
            int(search.kinds[1]),
            poisson=search.graph[3],
            corrected=corrected,
            n_blocks=None,
            max_blocks=max(1, min(max_blocks, len(here) // 2)),
            n_random=0,
            rng=search.rng,
        )
        finer[here] = n_blocks + found.labels
        n_blocks += int(found.labels.max()) + 1
    return finer if n_blocks <= max_blocks else upper


def _groups(
    weights: sp.csr_matrix, labels: NDArray[np.int64], rng: np.random.Generator
) -> list[NDArray[np.int64]]:
    """Group blocks by the edges between them, and by the amounts that pass."""
    edges = weights.copy()
    edges.data = np.ones_like(edges.data)
    amounts = abs(weights)
    amounts.data *= amounts.data.sum() / max((amounts.data**2).sum(), 1e-300)
    found = []
    for graph in (edges, amounts):
        group = group_blocks(_count_between(graph, labels), rng)
        if group is not None:
            found.append(group)
    return found


def _numbers(n: int, max_blocks: int) -> list[int]:
    """Numbers of blocks to begin with."""
    wanted = [1, 2, 3, 4, 5, 6, 8, 12] if n <= SMALL else [2, 4, 8, 16, 32, 64]
    return [k for k in wanted if k <= min(max_blocks, n // 3)]


def _by_size(labels: NDArray[np.int64]) -> NDArray[np.int64]:
    """Give the largest block number zero; ties go by their first node."""
    _, first, number, size = np.unique(
        labels, return_index=True, return_inverse=True, return_counts=True
    )
    rank = np.empty(len(size), np.int64)
    rank[np.lexsort((first, -size))] = np.arange(len(size))
    return rank[number]


def hierarchy(
    weights: sp.csr_matrix,
    labels: NDArray[np.int64],
    rng: np.random.Generator,
    group: NDArray[np.int64] | None = None,
) -> list[NDArray[np.int64]]:
    """Group blocks into blocks, as long as that makes the graph between them shorter to tell.

    ``group`` gives those of the first level, if they are known.
    """
    levels = [labels]
    edges = weights.copy()
    edges.data = np.ones_like(edges.data)
    while True:
        edges = _count_between(edges, labels)
        found = group_blocks(edges, rng) if group is None else group
        if found is None:
            return levels
        labels, group = found, None
        levels.append(labels[levels[-1]])


def _count_between(edges: sp.csr_matrix, labels: NDArray[np.int64]) -> sp.csr_matrix:
    joins = sp.csr_matrix((np.ones(len(labels)), (np.arange(len(labels)), labels)))
    between = sp.csr_matrix(joins.T @ edges @ joins)
    between.setdiag(0)
    between.eliminate_zeros()
    return between


def group_blocks(between: sp.csr_matrix, rng: np.random.Generator) -> NDArray[np.int64] | None:
    """Group blocks by the edges between them; None if that is not shorter to tell."""
    n_blocks = between.shape[0]
    if n_blocks < 4 or between.nnz == 0:
        return None
    tried = [
        fit_blocks(
            between,
            0,
            poisson=True,
            corrected=corrected,
            n_blocks=None,
            max_blocks=n_blocks // 2,
            n_random=2,
            rng=rng,
        )
        for corrected in (False, True)
    ]
    found = min(tried, key=lambda part: part.length)
    return found.labels if found.labels.max() > 0 else None
