"""Features of trials from their embeddings: first order, and covariances between channels."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from neurokit.solvers.covariances import lift
from neurokit.types import Floats


def pool_covariances(latents: Floats, n_groups: int = 8) -> Floats:
    """Return covariances between channels, of groups of latents.

    Parameters
    ----------
    latents : ndarray of shape (n_trials, n_channels, n_frames, n_latents)
        NaN, where a patch was not seen, counts as the channel's mean.
    n_groups : int, default=8
        Latents are cut into so many groups; frames and the latents of a group are the samples.

    Returns
    -------
    ndarray of shape (n_trials, n_groups, n_channels, n_channels)
    """
    n_trials, n_channels, n_frames, n_latents = latents.shape
    n_groups = min(n_groups, n_latents)
    size = n_latents // n_groups
    x = latents[..., : n_groups * size].astype(np.float64)
    x = x.reshape(n_trials, n_channels, n_frames, n_groups, size)
    x = np.nan_to_num(x - np.nanmean(x, axis=2, keepdims=True))
    samples = x.transpose(0, 3, 1, 2, 4).reshape(n_trials, n_groups, n_channels, -1)
    found: Floats = samples @ samples.swapaxes(-1, -2) / samples.shape[-1]
    ridge = np.trace(found, axis1=-2, axis2=-1) / n_channels
    return found + (1e-3 * ridge + 1e-12)[..., None, None] * np.eye(n_channels)


def find_centre(pooled: Floats) -> Floats:
    """Find what brings a domain to the common centre.

    Parameters
    ----------
    pooled : ndarray of shape (n_trials, ..., n, n) or (n_trials, n_features)
        Matrices, or features.

    Returns
    -------
    ndarray of shape (..., n, n) or (n_features,)
        The inverse root of the mean of the matrices, to be multiplied from both sides; or the mean
        of the features, to be subtracted.
    """
    mean: Floats = pooled.mean(0)
    return mean if pooled.ndim == 2 else _apply(mean, lambda w: 1 / np.sqrt(w))


def recentre(matrices: Floats, domains: Sequence[object]) -> Floats:
    """Whiten the matrices of each domain by their mean; shape (n_trials, ..., n, n)."""
    out = np.empty_like(matrices)
    labels = np.asarray([str(domain) for domain in domains])
    for domain in np.unique(labels):
        own = labels == domain
        root = find_centre(matrices[own])
        out[own] = root @ matrices[own] @ root
    return out


def vectorise(matrices: Floats) -> Floats:
    """Return logarithms of matrices as vectors that keep distances, (n_trials, n_features)."""
    logs = _apply(matrices, np.log)
    n = logs.shape[-1]
    rows, columns = np.triu_indices(n)
    weight = np.where(rows == columns, 1.0, np.sqrt(2.0))
    return (logs[..., rows, columns] * weight).reshape(len(logs), -1)


def _apply(matrices: Floats, function: Callable[[Floats], Floats]) -> Floats:
    values, vectors = np.linalg.eigh(matrices)
    values = function(lift(values))
    found: Floats = (vectors * values[..., None, :]) @ vectors.swapaxes(-1, -2)
    return found
