"""Poisson regressions with many columns: all targets at once, by limited-memory steps."""

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

Singles = NDArray[np.float32]
_HIGHEST = 7.0  # of a predictor: e^7 spikes in a bin are more than there are
PRECISIONS = (1.0, 10.0, 100.0, 1000.0)


def fit_poisson_wide(
    X: Singles,
    Y: Singles,
    weights: Singles | None = None,
    *,
    precision: float | None = None,
    coef: Singles | None = None,
    max_iter: int = 100,
) -> Singles:
    r"""Fit Poisson regressions of many targets on the same columns.

    Maximises :math:`\sum_t w_t (y_t \eta_t - e^{\eta_t}) - \frac{\lambda}{2} |\beta|^2` by
    L-BFGS, where Newton's matrices would be too large or too many.

    Parameters
    ----------
    X : ndarray of shape (n_rows, n_features), float32
        Columns on one scale; the first is the constant, which has no penalty.
    Y : ndarray of shape (n_rows, n_targets), float32
    weights : ndarray of the shape of ``Y``, optional
    precision : float, optional
        Default: that of ``PRECISIONS`` which predicts the last fifth best.
    coef : ndarray of shape (n_targets, n_features), optional
        Where to begin.
    max_iter : int, default=100

    Returns
    -------
    ndarray of shape (n_targets, n_features), float32

    Examples
    --------
    >>> y = np.array([[1.0], [3.0], [2.0]], np.float32)
    >>> x = np.ones((3, 1), np.float32)
    >>> float(np.exp(fit_poisson_wide(x, y, precision=1.0))[0, 0].round(3))
    2.0
    """
    w = np.ones_like(Y) if weights is None else weights
    if coef is None:
        coef = np.zeros((Y.shape[1], X.shape[1]), np.float32)
        mean = (Y * w).sum(0) / np.maximum(w.sum(0), 1)
        coef[:, 0] = np.log(np.maximum(mean, 1e-6))
    if precision is None:
        cut = len(X) * 4 // 5
        held, best, precision = coef, np.inf, PRECISIONS[0]
        for tried in PRECISIONS[::-1]:  # from the simplest on, each from where the last ended
            held = _descend(X[:cut], Y[:cut], w[:cut], tried, held, max_iter // 2)
            eta = np.minimum(X[cut:] @ held.T, _HIGHEST)
            loss = float((w[cut:] * (np.exp(eta) - Y[cut:] * eta)).sum())
            if loss < best:
                best, precision, coef = loss, tried, held
    assert precision is not None
    return _descend(X, Y, w, precision, coef, max_iter)


def _descend(
    X: Singles, Y: Singles, w: Singles, precision: float, coef: Singles, max_iter: int
) -> Singles:
    shape = coef.shape
    penalty = np.full(shape[1], precision)
    penalty[0] = 0.0

    def objective(flat: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        beta = flat.reshape(shape)
        value, slope = 0.5 * float((penalty * beta**2).sum()), penalty * beta
        small = beta.astype(np.float32)
        for k in range(0, len(X), 4096):
            x, y, part = X[k : k + 4096], Y[k : k + 4096], w[k : k + 4096]
            eta = np.minimum(x @ small.T, _HIGHEST)
            rate = np.exp(eta)
            value += float((part * (rate - y * eta)).sum(dtype=np.float64))
            slope += ((part * (rate - y)).T @ x).astype(np.float64)
        return value, slope.ravel()

    start = coef.astype(np.float64).ravel()
    found = minimize(objective, start, jac=True, method="L-BFGS-B", options={"maxiter": max_iter})
    return np.asarray(found.x.reshape(shape), np.float32)
