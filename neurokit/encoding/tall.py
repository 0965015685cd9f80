"""Ridge regression with more rows than columns, penalties chosen by cross-validation."""

import numpy as np

from neurokit.encoding.solving import Folds, Solution
from neurokit.types import Doubles

_ELEMENTS = 2**22  # of predictions at once: rows x targets


def solve_tall_ridge(
    X: Doubles, Y: Doubles, alphas: Doubles, folds: Folds, *, per_target: bool
) -> Solution:
    """Do `solve_ridge` without a matrix of rows by rows: time and memory grow with the rows.

    himalaya lays out, for each penalty and fold, what takes the responses in training to the
    predictions: rows in training times rows left out. Here the weights come first.

    Parameters
    ----------
    X : ndarray of shape (n_rows, n_features)
    Y : ndarray of shape (n_rows, n_targets)
    alphas : ndarray of shape (n_alphas,)
    folds : sequence of (train, test)
    per_target : bool
        A penalty for each target; else one for all.

    Returns
    -------
    Solution
    """
    X, Y = X - X.mean(0), Y - Y.mean(0)
    errors = np.zeros((len(alphas), Y.shape[1]))
    for train, test in folds:
        if not len(train) or not len(test):
            raise ValueError("every fold of cv needs rows to train on and rows to predict.")
        middle, level = X[train].mean(0), Y[train].mean(0)
        left, spread, right = np.linalg.svd(X[train] - middle, full_matrices=False)
        onto, unseen = left.T @ (Y[train] - level), (X[test] - middle) @ right.T
        step = max(1, _ELEMENTS // len(test))
        for start in range(0, Y.shape[1], step):
            some = slice(start, start + step)
            truth = Y[test, some] - level[some]
            for k, alpha in enumerate(alphas):
                found = unseen @ ((spread / (spread**2 + alpha))[:, None] * onto[:, some])
                errors[k, some] += np.mean((truth - found) ** 2, axis=0)
    errors /= len(folds)
    best = errors.argmin(0) if per_target else np.full(Y.shape[1], errors.mean(1).argmin())
    deltas = np.log(1.0 / alphas[best])  # as himalaya keeps them
    left, spread, right = np.linalg.svd(X, full_matrices=False)
    shrunk = spread[:, None] / (spread[:, None] ** 2 + alphas[best])
    scores = -np.take_along_axis(errors, best[None], 0)
    return Solution(right.T @ (shrunk * (left.T @ Y)), np.exp(-deltas), deltas[None], scores)
