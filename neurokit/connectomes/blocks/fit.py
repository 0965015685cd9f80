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
        found, length = search.run(labels, keep, n_anneal=n_anneal, n_rounds=n_rounds)
        return Partition(found, length, corrected)

    alone = np.zeros(n, np.int64)
    candidates = [] if fixed > 1 else [run(alone, 1, 0, 0)]
    numbers = [fixed] if fixed else _numbers(n, max_blocks)
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
    constant = float(gammaln(weights.data + 1.0).sum()) / 2 if poisson else 0.0
    if corrected:
        degree = np.asarray(weights.sum(1) if poisson else np.diff(weights.indptr)).ravel()
        constant += scaling + degrees_cost(degree)
        if not poisson:
            constant -= repeats_cost(weights, best.labels)
    return Partition(_by_size(best.labels), best.length + constant, corrected)


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
    weights: sp.csr_matrix, labels: NDArray[np.int64], rng: np.random.Generator
) -> list[NDArray[np.int64]]:
    """Group blocks into blocks, as long as that makes the graph between them shorter to tell."""
    levels = [labels]
    edges = weights.copy()
    edges.data = np.ones_like(edges.data)
    while True:
        n_blocks = int(labels.max()) + 1
        joins = sp.csr_matrix((np.ones(len(labels)), (np.arange(len(labels)), labels)))
        between = sp.csr_matrix(joins.T @ edges @ joins)
        between.setdiag(0)
        between.eliminate_zeros()
        if n_blocks < 4 or between.nnz == 0:
            return levels
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
        if found.labels.max() == 0:
            return levels
        labels = found.labels
        levels.append(labels[levels[-1]])
        edges = between
