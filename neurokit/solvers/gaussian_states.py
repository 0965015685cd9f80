"""Gaussian chains by their precision: one block-tridiagonal factor for mean, sample and density.

A chain x_0, ..., x_{T-1} of vectors of size k has the log density, up to a constant,

    h' x - x' P x / 2,   P with blocks diagonal[t] and lower[t] = P_{t, t-1}

(lower[0] is not read). With P = F F', F block-bidiagonal, the mean is F'^{-1} F^{-1} h and a
sample F'^{-1} (F^{-1} h + e), e standard normal: the cost grows with T k^3. All is compiled by
numba, once.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

Array = NDArray[np.float64]


def factor(diagonal: Array, lower: Array) -> tuple[Array, Array, bool]:
    """Factor the precision.

    Parameters
    ----------
    diagonal : ndarray of shape (T, k, k)
        Only the lower triangles are read.
    lower : ndarray of shape (T, k, k)

    Returns
    -------
    own : ndarray of shape (T, k, k)
        Lower triangular blocks of F; the rest is zero.
    back : ndarray of shape (T, k, k)
        Blocks of F to the left of them.
    ok : bool
        Whether the precision is positive definite.
    """
    own, back = np.zeros(diagonal.shape), np.zeros(diagonal.shape)
    ok = _factor(np.ascontiguousarray(diagonal), np.ascontiguousarray(lower), own, back)
    return own, back, ok


@njit(cache=True, error_model="numpy", nogil=True)
def _factor(diagonal, lower, own, back):  # type: ignore[no-untyped-def]
    n_times, k, _ = diagonal.shape
    for t in range(n_times):
        if t > 0:
            for i in range(k):
                for j in range(k):
                    s = lower[t, i, j]
                    for q in range(j):
                        s -= back[t, i, q] * own[t - 1, j, q]
                    back[t, i, j] = s / own[t - 1, j, j]
        for j in range(k):
            s = diagonal[t, j, j]
            for q in range(k):
                s -= back[t, j, q] * back[t, j, q]
            for q in range(j):
                s -= own[t, j, q] * own[t, j, q]
            if not (s > 0 and s < np.inf):
                return False
            own[t, j, j] = np.sqrt(s)
            for i in range(j + 1, k):
                s = diagonal[t, i, j]
                for q in range(k):
                    s -= back[t, i, q] * back[t, j, q]
                for q in range(j):
                    s -= own[t, i, q] * own[t, j, q]
                own[t, i, j] = s / own[t, j, j]
    return True


def solve(own: Array, back: Array, linear: Array, noise: Array) -> Array:
    """Return the mean plus the noise through the factor: zeros give the mean, normals a sample.

    Parameters
    ----------
    own, back : ndarray of shape (T, k, k)
        As `factor` returns them.
    linear : ndarray of shape (T, k)
        h.
    noise : ndarray of shape (T, k)

    Returns
    -------
    ndarray of shape (T, k)
    """
    x = np.empty(linear.shape)
    _solve(own, back, np.ascontiguousarray(linear), np.ascontiguousarray(noise), x)
    return x


@njit(cache=True, error_model="numpy", nogil=True)
def _solve(own, back, linear, noise, x):  # type: ignore[no-untyped-def]
    n_times, k = linear.shape
    for t in range(n_times):
        for i in range(k):
            s = linear[t, i]
            if t > 0:
                for q in range(k):
                    s -= back[t, i, q] * x[t - 1, q]
            for q in range(i):
                s -= own[t, i, q] * x[t, q]
            x[t, i] = s / own[t, i, i]
    for t in range(n_times - 1, -1, -1):
        for i in range(k - 1, -1, -1):
            s = x[t, i] + noise[t, i]
            if t < n_times - 1:
                for q in range(k):
                    s -= back[t + 1, q, i] * x[t + 1, q]
            for q in range(i + 1, k):
                s -= own[t, q, i] * x[t, q]
            x[t, i] = s / own[t, i, i]


@njit(cache=True, error_model="numpy", nogil=True)
def covariances(own, back):  # type: ignore[no-untyped-def]
    """Return the covariance of each state, and that of each with the one before.

    With S the covariances and F as in `factor`, from the last on backwards,
    S_t = own_t'^{-1} (1 + back_{t+1}' S_{t+1} back_{t+1}) own_t^{-1} and
    S_{t+1, t} = -S_{t+1} back_{t+1} own_t^{-1}.

    Parameters
    ----------
    own, back : ndarray of shape (T, k, k)

    Returns
    -------
    each : ndarray of shape (T, k, k)
    lagged : ndarray of shape (T, k, k)
        ``lagged[t]`` is that of x_t with x_{t-1}; ``lagged[0]`` is zero.
    """
    n_times, k, _ = own.shape
    each = np.zeros((n_times, k, k))
    lagged = np.zeros((n_times, k, k))
    for t in range(n_times - 1, -1, -1):
        undone = np.linalg.inv(own[t])
        inner = np.eye(k)
        if t < n_times - 1:
            inner = inner + back[t + 1].T @ each[t + 1] @ back[t + 1]
            lagged[t + 1] = -each[t + 1] @ back[t + 1] @ undone
        each[t] = undone.T @ inner @ undone
    return each, lagged


def log_density(own: Array, back: Array, mean: Array, x: Array) -> float:
    """Return the log density of ``x`` under the Gaussian with this factor and mean.

    Parameters
    ----------
    own, back : ndarray of shape (T, k, k)
    mean, x : ndarray of shape (T, k)

    Returns
    -------
    float
    """
    return float(log_densities(own, back, mean, x).sum())


def log_densities(own: Array, back: Array, mean: Array, x: Array) -> Array:
    """Return what every bin adds to `log_density`: (T,)."""
    away = (x - mean)[:, None, :]
    scores = (away @ own)[:, 0]  # F' (x - mean)
    scores[:-1] += (away[1:] @ back[1:])[:, 0]
    scale = np.log(np.diagonal(own, axis1=1, axis2=2)) - 0.5 * np.log(2 * np.pi)
    return np.asarray((scale - 0.5 * scores**2).sum(1))
