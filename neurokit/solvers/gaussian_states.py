"""Gaussian chains by their precision: one block-tridiagonal factor for mean, sample and density.

A chain x_0, ..., x_{T-1} of vectors of size k has the log density, up to a constant,

    h' x - x' P x / 2,   P with blocks diagonal[t] and lower[t] = P_{t, t-1}

(lower[0] is not read). With P = F F', F block-bidiagonal, the mean is F'^{-1} F^{-1} h and a
sample F'^{-1} (F^{-1} h + e), e standard normal: the cost grows with T k^3. All is compiled by
numba and may be called from compiled code.
"""

import numpy as np
from numba import njit


@njit(cache=True, error_model="numpy", nogil=True)
def factor(diagonal, lower):  # type: ignore[no-untyped-def]
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
    n_times, k, _ = diagonal.shape
    own = np.zeros((n_times, k, k))
    back = np.zeros((n_times, k, k))
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
                return own, back, False
            own[t, j, j] = np.sqrt(s)
            for i in range(j + 1, k):
                s = diagonal[t, i, j]
                for q in range(k):
                    s -= back[t, i, q] * back[t, j, q]
                for q in range(j):
                    s -= own[t, i, q] * own[t, j, q]
                own[t, i, j] = s / own[t, j, j]
    return own, back, True


@njit(cache=True, error_model="numpy", nogil=True)
def solve(own, back, linear, noise):  # type: ignore[no-untyped-def]
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
    n_times, k = linear.shape
    u = np.empty((n_times, k))
    for t in range(n_times):
        for i in range(k):
            s = linear[t, i]
            if t > 0:
                for q in range(k):
                    s -= back[t, i, q] * u[t - 1, q]
            for q in range(i):
                s -= own[t, i, q] * u[t, q]
            u[t, i] = s / own[t, i, i]
    x = np.empty((n_times, k))
    for t in range(n_times - 1, -1, -1):
        for i in range(k - 1, -1, -1):
            s = u[t, i] + noise[t, i]
            if t < n_times - 1:
                for q in range(k):
                    s -= back[t + 1, q, i] * x[t + 1, q]
            for q in range(i + 1, k):
                s -= own[t, q, i] * x[t, q]
            x[t, i] = s / own[t, i, i]
    return x


@njit(cache=True, error_model="numpy", nogil=True)
def log_density(own, back, mean, x):  # type: ignore[no-untyped-def]
    """Return the log density of ``x`` under the Gaussian with this factor and mean.

    Parameters
    ----------
    own, back : ndarray of shape (T, k, k)
    mean, x : ndarray of shape (T, k)

    Returns
    -------
    float
    """
    n_times, k = x.shape
    total = -0.5 * n_times * k * np.log(2 * np.pi)
    for t in range(n_times):
        for j in range(k):
            total += np.log(own[t, j, j])
            s = 0.0  # (F' (x - mean))_{t, j}
            for q in range(j, k):
                s += own[t, q, j] * (x[t, q] - mean[t, q])
            if t < n_times - 1:
                for q in range(k):
                    s += back[t + 1, q, j] * (x[t + 1, q] - mean[t + 1, q])
            total -= 0.5 * s * s
    return total
