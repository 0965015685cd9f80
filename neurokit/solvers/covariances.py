"""Sums of products, and roots that make them the identity: one floor for flat directions."""

import numpy as np

from neurokit.types import Doubles, Floats

# Of the largest eigenvalue. Samples of float32 that cancel (an average reference, a copied
# channel) leave some 1e-15 of the largest power: that is rounding, not signal.
FLOOR = 1e-12
_AT_ONCE = 2**17  # samples whose products are summed in one: 1 MB stays in the cache


def sum_products(x: Floats) -> Doubles:
    """Return the sum of ``X X'`` over trials, in float64.

    Parameters
    ----------
    x : ndarray of shape (n_trials, n_channels, n_times)

    Returns
    -------
    ndarray of shape (n_channels, n_channels)
    """
    n_trials, n_channels, n_times = x.shape
    total = np.zeros((n_channels, n_channels))
    step = min(max(1, _AT_ONCE // max(1, n_channels * n_times)), n_trials)
    held = np.empty(n_channels * step * n_times)  # one for all: fresh memory is slow
    for start in range(0, n_trials, step):
        # trials one after the other: one product of a wide matrix with itself
        some = x[start : start + step].transpose(1, 0, 2)
        wide = held[: some.size].reshape(some.shape)
        wide[:] = some
        flat = wide.reshape(n_channels, -1)
        total += flat @ flat.T
    return total


def lift(values: Floats) -> Floats:
    """Return eigenvalues, ascending along the last axis, none below the floor.

    Parameters
    ----------
    values : ndarray of shape (..., n)

    Examples
    --------
    >>> lift(np.array([-1e-17, 0.5, 1.0]))
    array([1.e-12, 5.e-01, 1.e+00])
    """
    found: Floats = np.maximum(values, FLOOR * values[..., -1:])
    return found


def scale_to_one(values: Floats) -> Floats:
    """Return what eigenvectors are multiplied by to have power one; zero for flat directions.

    Parameters
    ----------
    values : ndarray of shape (..., n)
        Eigenvalues, ascending along the last axis.

    Examples
    --------
    >>> scale_to_one(np.array([1e-17, 0.25, 1.0])).tolist()
    [0.0, 2.0, 1.0]
    """
    floor = FLOOR * np.maximum(values[..., -1:], np.finfo(np.float64).tiny)
    found: Floats = np.where(values > floor, 1 / np.sqrt(np.maximum(values, floor)), 0.0)
    return found


def inverse_root(covariance: Floats) -> Floats:
    """Return the symmetric inverse square root on the directions that have power.

    Parameters
    ----------
    covariance : ndarray of shape (n, n)
        What has no power, and is told so by a row of zeros, stays exactly zero.

    Examples
    --------
    >>> inverse_root(np.diag([4.0, 0.0, 1.0])).diagonal().tolist()
    [0.5, 0.0, 1.0]
    """
    some = covariance.any(axis=0)
    if not some.all():  # a solver may leak rounding into the others
        inverse = np.zeros_like(covariance)
        if some.any():
            live = np.ix_(some, some)
            inverse[live] = inverse_root(covariance[live])
        return inverse
    values, vectors = np.linalg.eigh(covariance)
    root: Floats = (vectors * scale_to_one(values)) @ vectors.T
    return root


def whiten(gram: Floats) -> Floats:
    """Return W with ``W' G W = 1`` on the range of G; directions without power become zero.

    Parameters
    ----------
    gram : ndarray of shape (..., n, n)
        Symmetric, positive.

    Returns
    -------
    ndarray of shape (..., n, n)
        Triangular where every direction has power beyond doubt.
    """
    try:
        root = np.linalg.cholesky(gram)
        power = np.diagonal(root, axis1=-2, axis2=-1)
        if np.all(power.min(axis=-1) > 10 * np.sqrt(FLOOR) * power.max(axis=-1)):
            found: Floats = np.linalg.inv(root).swapaxes(-1, -2)
            return found
    except np.linalg.LinAlgError:
        pass  # some direction has no power
    values, vectors = np.linalg.eigh(gram)
    scaled: Floats = vectors * scale_to_one(values)[..., None, :]
    return scaled
