"""What is asked of himalaya: on NumPy, whatever its backend is set to, and with folds of ours."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from neurokit.encoding.solution import Folds, Solution
from neurokit.encoding.tall import solve_tall_bands
from neurokit.types import Codes, Doubles

_one_at_a_time = threading.RLock()  # himalaya's backend is a global
_ELEMENTS = 2**25  # of a batch of predictions: penalties x rows x targets


@contextmanager
def numpy_backend(caller: str) -> Iterator[None]:
    """Let himalaya compute with NumPy, and put its backend back, whatever happens.

    Parameters
    ----------
    caller : str
        Who needs it.

    Raises
    ------
    ImportError
        If himalaya is not installed.
    """
    try:
        from himalaya import backend
    except ImportError:
        raise ImportError(
            f'{caller} needs himalaya: pip install "neurokit-brain[encoding]".', name="himalaya"
        ) from None
    with _one_at_a_time:
        before = backend.get_backend()
        backend.set_backend("numpy")
        try:
            yield
        finally:
            backend.set_backend(before)


def solve_ridge(
    caller: str, X: Doubles, Y: Doubles, alphas: Doubles, folds: Folds, *, per_target: bool
) -> Solution:
    """Choose one penalty, by cross-validation, and solve ridge regression with it.

    Parameters
    ----------
    caller : str
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
    with numpy_backend(caller):
        from himalaya.ridge import solve_ridge_cv_svd

        best, coef, scores, _ = solve_ridge_cv_svd(
            X,
            Y,
            alphas=alphas,
            fit_intercept=True,
            cv=list(folds),
            local_alpha=per_target,
            warn=False,
            **_batches(len(alphas), Y),
        )
    best = np.broadcast_to(np.asarray(best, float), Y.shape[1:]).copy()
    scores = np.atleast_2d(np.asarray(scores, float))
    return Solution(np.asarray(coef, float), best, -np.log(best)[None], scores)


def solve_banded(
    caller: str,
    X: Doubles,
    Y: Doubles,
    bands: Codes,
    alphas: Doubles,
    folds: Folds,
    *,
    n_iter: int,
    per_target: bool,
    seed: int,
    verbose: bool,
) -> Solution:
    """Choose the weight of every band and the penalty, by random search, and solve with them.

    Parameters
    ----------
    caller : str
    X : ndarray of shape (n_rows, n_features)
    Y : ndarray of shape (n_rows, n_targets)
    bands : ndarray of shape (n_features,)
        Number of the band of every column.
    alphas : ndarray of shape (n_alphas,)
    folds : sequence of (train, test)
    n_iter : int
        Weights that are tried.
    per_target : bool
    seed : int
    verbose : bool
        Show the progress.

    Returns
    -------
    Solution
    """
    n_bands = int(bands.max()) + 1
    columns = [np.flatnonzero(bands == k) for k in range(n_bands)]
    with numpy_backend(caller):
        from himalaya.kernel_ridge import (
            generate_dirichlet_samples,
            solve_multiple_kernel_ridge_random_search,
        )
        from himalaya.progress_bar import bar

        gammas = np.ones((1, 1))
        if n_bands > 1:
            gammas = np.array(
                generate_dirichlet_samples(n_iter, n_bands, [0.1, 1.0], random_state=seed)
            )
            gammas[0] = 1 / n_bands
        if X.shape[1] <= len(X):
            shown = bar(gammas, f"{caller}: weightings", use_it=verbose)
            return solve_tall_bands(X, Y, bands, shown, alphas, folds, per_target=per_target)
        # rows by rows are fewer products than columns by columns
        parts = [np.ascontiguousarray(X[:, own]) for own in columns]
        kernels = np.stack([part @ part.T for part in parts])
        deltas, dual, scores, _ = solve_multiple_kernel_ridge_random_search(
            kernels,
            Y,
            gammas,
            alphas=alphas,
            fit_intercept=True,
            cv=list(folds),
            local_alpha=per_target,
            return_weights="dual",
            progress_bar=verbose,
            **_batches(len(alphas), Y),
        )
        coef = np.empty((X.shape[1], Y.shape[1]))
        for own, part, delta in zip(columns, parts, deltas, strict=True):
            coef[own] = np.exp(delta) * (part.T @ dual)
    deltas = np.asarray(deltas, float)
    best = 1 / np.exp(deltas).sum(0)
    return Solution(coef, best, deltas, np.atleast_2d(np.asarray(scores, float)))


def _batches(n_alphas: int, Y: Doubles) -> dict[str, int]:
    size = max(1, _ELEMENTS // (n_alphas * len(Y)))
    return {"n_targets_batch": min(size, Y.shape[1])}
