"""Partitions to begin a search with: clusters of eigenvectors, modular communities, chance."""

from collections.abc import Iterator

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.sparse.linalg import eigsh

from neurokit.connectomes.blocks.modularity import modular_start

Labels = NDArray[np.int64]
SMALL = 400  # nodes up to which starts are tried by the dozen


def starts(
    weights: sp.csr_matrix,
    numbers: list[int],
    n_random: int,
    rng: np.random.Generator,
    *,
    few: bool,
) -> Iterator[Labels]:
    """Yield partitions: modular ones, and for each number of blocks spectral and random ones.

    With ``few``, one view of the graph serves, and chance is left out.
    """
    n = weights.shape[0]
    if (weights.data > 0).all():
        for resolution in (1.0, 2.0):
            yield modular_start(weights, resolution, rng)
    top = max(numbers)
    thorough = n <= SMALL and not few
    for matrix in views(weights) if thorough else views(weights)[:1]:
        vectors = eigenvectors(matrix, top, rng)
        for n_blocks in numbers:
            yield _clusters(vectors[:, :n_blocks], n_blocks, rng)
    for n_blocks in numbers if thorough else []:
        for _ in range(n_random):
            yield _compact(rng.integers(n_blocks, size=n))


def views(weights: sp.csr_matrix) -> list[sp.csr_matrix]:
    """Return matrices in which blocks may show: edges and weights, edges alone, weights alone."""
    edges = weights.copy()
    edges.data = np.ones_like(edges.data)
    if len(weights.data) == 0 or np.ptp(weights.data) == 0:
        return [edges]
    # ranks: one heavy edge shall not have an eigenvector of its own
    alone = weights.copy()
    alone.data = np.argsort(np.argsort(weights.data, kind="stable")) / len(weights.data) - 0.5
    alone = sp.csr_matrix((alone + alone.T) / 2)
    return [sp.csr_matrix(edges + 1.5 * alone), edges, alone]


def eigenvectors(
    matrix: sp.csr_matrix, n_vectors: int, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Return the eigenvectors of largest eigenvalue, either sign, times that; degrees evened."""
    n = matrix.shape[0]
    degree = np.asarray(abs(matrix).sum(axis=1)).ravel()
    scale = 1 / np.sqrt(degree + degree.mean() + 1e-12)
    scaled = sp.diags(scale) @ matrix @ sp.diags(scale)
    k = min(n_vectors, n - 1)
    if n <= SMALL:
        values, vectors = np.linalg.eigh(scaled.toarray())
    else:
        values, vectors = eigsh(scaled, k=k, which="LM", v0=rng.random(n), tol=1e-3)
    order = np.argsort(-np.abs(values))[:k]
    return np.asarray(vectors[:, order] * np.abs(values[order]))


def _clusters(rows: NDArray[np.float64], n_clusters: int, rng: np.random.Generator) -> Labels:
    """k-means, a few steps: Lloyd's from centres drawn far apart."""
    centres = rows[rng.integers(len(rows), size=1)]
    for _ in range(n_clusters - 1):
        away = _distances(rows, centres).min(axis=1)
        chance = away / away.sum() if away.sum() > 0 else None
        centres = np.vstack([centres, rows[rng.choice(len(rows), p=chance)]])
    for _ in range(20):
        found = _compact(_distances(rows, centres).argmin(axis=1))
        centres = np.stack([rows[found == k].mean(axis=0) for k in range(found.max() + 1)])
    return found


def _distances(rows: NDArray[np.float64], centres: NDArray[np.float64]) -> NDArray[np.float64]:
    squares = (rows**2).sum(1)[:, None] + (centres**2).sum(1) - 2 * rows @ centres.T
    return np.maximum(squares, 0.0)


def _compact(labels: NDArray[np.int64]) -> Labels:
    return np.asarray(np.unique(labels, return_inverse=True)[1], np.int64)
