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
        strength = np.asarray(graph.sum(1), np.float64).ravel()
        moved = np.arange(graph.shape[0])
        room = strength.copy(), np.zeros(len(moved))
        gamma = resolution / graph.data.sum()
        _local_moves(graph.indptr, graph.indices, graph.data, order, gamma, strength, moved, *room)
        names, moved = np.unique(moved, return_inverse=True)
        labels = moved[labels]
        if len(names) in (1, graph.shape[0]):
            return np.asarray(labels, np.int64)
        joins = sp.csr_matrix((np.ones(len(moved)), (np.arange(len(moved)), moved)))
        graph = sp.csr_matrix(joins.T @ graph @ joins)


@njit(cache=True)
def _local_moves(indptr, indices, data, order, gamma, strength, labels, total, to):  # type: ignore[no-untyped-def]
    for _ in range(50):
        moves = 0
        for m in range(len(order)):
            i = order[m]
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
