"""Ridge regression with more rows than columns, penalties chosen by cross-validation."""

from collections.abc import Iterable

import numpy as np

from neurokit.encoding.solution import Folds, Solution
from neurokit.types import Codes, Doubles

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


def solve_tall_bands(
    X: Doubles,
    Y: Doubles,
    bands: Codes,
    gammas: Iterable[Doubles],
    alphas: Doubles,
    folds: Folds,
    *,
    per_target: bool,
) -> Solution:
    """Do what `solve_banded` says from products of columns: time grows with the rows, once.

    With the columns of a fold rotated to the eigenvectors of their scaled products, a penalty
    takes as many products as weights and targets have; the rows are not seen again. himalaya
    lays out rows in training times rows left out, for each weighting, fold and penalty.

    Parameters
    ----------
    X, Y, bands, alphas, folds, per_target
        As in `solve_banded`.
    gammas : iterable of ndarray of shape (n_bands,)
        Weightings of the bands.

    Returns
    -------
    Solution
    """
    tried = np.array(list(gammas))
    roots = np.sqrt(tried)[:, bands]
    X, Y = X - X.mean(0), Y - Y.mean(0)
    errors = np.zeros((len(tried), len(alphas), Y.shape[1]))
    for train, test in folds:
        if not len(train) or not len(test):
            raise ValueError("every fold of cv needs rows to train on and rows to predict.")
        middle, level = X[train].mean(0), Y[train].mean(0)
        seen, told = X[train] - middle, Y[train] - level
        unseen, truth = X[test] - middle, Y[test] - level
        grams, meets = (seen.T @ seen, unseen.T @ unseen), (seen.T @ told, unseen.T @ truth)
        size = (truth**2).sum(0)
        for root, found in zip(roots, errors, strict=True):
            values, vectors = _decompose(root, grams[0])
            turned = root[:, None] * vectors
            onto, against = (turned.T @ meet for meet in meets)
            spread = turned.T @ grams[1] @ turned
            for alpha, one in zip(alphas, found, strict=True):
                weights = onto / (values + alpha)[:, None]
                gain = ((spread @ weights - 2 * against) * weights).sum(0)
                one += (size + gain) / len(test)
    scores = -errors / len(folds)
    penalty = scores.argmax(1) if per_target else scores.mean(2).argmax(1)[:, None]
    penalty = np.broadcast_to(penalty, (len(tried), Y.shape[1]))
    scores = np.take_along_axis(scores, penalty[:, None], 1)[:, 0]
    best = _first_best(scores)
    chosen = alphas[np.take_along_axis(penalty, best[None], 0)[0]]
    coef, gram, meet = np.empty((X.shape[1], Y.shape[1])), X.T @ X, X.T @ Y
    for k in np.unique(best):
        own = best == k
        values, vectors = _decompose(roots[k], gram)
        turned = roots[k][:, None] * vectors
        coef[:, own] = turned @ ((turned.T @ meet[:, own]) / (values[:, None] + chosen[own]))
    with np.errstate(divide="ignore"):  # a space may weigh nothing
        deltas = np.log(tried[best].T / chosen)
    return Solution(coef, chosen / tried[best].sum(1), deltas, scores)


def _decompose(root: Doubles, gram: Doubles) -> tuple[Doubles, Doubles]:
    """Return eigenvalues and eigenvectors of the products of scaled columns."""
    values, vectors = np.linalg.eigh(root[:, None] * gram * root)
    return values.clip(0), vectors


def _first_best(scores: Doubles) -> Codes:
    """Return which weighting is best for each target; a later one must be better by a digit."""
    best = np.zeros(scores.shape[1], dtype=np.intp)
    top = scores[0].copy()
    for k, score in enumerate(scores[1:], 1):
        better = score > top + np.finfo(np.float64).eps
        best[better], top[better] = k, score[better]
    return best
