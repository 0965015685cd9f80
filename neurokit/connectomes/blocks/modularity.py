"""Communities of greatest modularity by local moves: a start for the block model, no more."""

import numpy as np
import scipy.sparse as sp
from numba import njit
from numpy.typing import NDArray


def modular_start(
    weights: sp.csr_matrix, resolution: float, rng: np.random.Generator
) -> NDArray[np.int64]:
    """Move nodes, then communities, to where modularity gains most (Blondel et al. 2008)."""
    graph = weights.copy()
    labels = np.arange(graph.shape[0])
    while True:
        order = rng.permutation(graph.shape[0])
        moved = _local_moves(
            graph.indptr, graph.indices, graph.data, order, resolution / graph.data.sum()
        )
        names, moved = np.unique(moved, return_inverse=True)
        labels = moved[labels]
        if len(names) in (1, graph.shape[0]):
            return np.asarray(labels, np.int64)
        joins = sp.csr_matrix((np.ones(len(moved)), (np.arange(len(moved)), moved)))
        graph = sp.csr_matrix(joins.T @ graph @ joins)


@njit(cache=True)
def _local_moves(indptr, indices, data, order, gamma):  # type: ignore[no-untyped-def]
    n = len(indptr) - 1
    labels = np.arange(n)
    strength = np.zeros(n)
    for i in range(n):
        for k in range(indptr[i], indptr[i + 1]):
            strength[i] += data[k]
    total = strength.copy()
    to = np.zeros(n)
    for _ in range(50):
        moves = 0
        for i in order:
            r = labels[i]
            total[r] -= strength[i]
            for k in range(indptr[i], indptr[i + 1]):
                if indices[k] != i:
                    to[labels[indices[k]]] += data[k]
            best, top = r, to[r] - gamma * strength[i] * total[r]
            for k in range(indptr[i], indptr[i + 1]):
                t = labels[indices[k]]
                gain = to[t] - gamma * strength[i] * total[t]
                if gain > top + 1e-12:
                    best, top = t, gain
            for k in range(indptr[i], indptr[i + 1]):
                to[labels[indices[k]]] = 0.0
            total[best] += strength[i]
            labels[i] = best
            moves += best != r
        if moves == 0:
            break
    return labels
