"""Linear maps of features that start from what is known: of classes, and of numbers."""

from __future__ import annotations

import numpy as np
from scipy.optimize import minimize
from scipy.special import log_softmax

from neurokit.types import Floats, Numbers


def fit_classes(
    features: Floats, index: Numbers, start: tuple[Floats, Floats], strength: float
) -> tuple[Floats, Floats]:
    r"""Fit weights of classes, drawn towards those that there are.

    Minimised is :math:`C \sum_i -\log p(y_i \mid x_i) + |W - W_0|^2 / 2`, with the softmax of
    :math:`W x + b` as :math:`p`; the offsets b are free.

    Parameters
    ----------
    features : ndarray of shape (n_trials, n_features)
    index : ndarray of int, shape (n_trials,)
        Number of the class of each trial.
    start : tuple of ndarrays of shapes (n_classes, n_features) and (n_classes,)
        Weights that are known, zero at first, and offsets.
    strength : float
        C: how much trials count against what was known.

    Returns
    -------
    weights, offsets : ndarrays
    """
    known, offsets = start
    n_classes, n_features = known.shape
    one_hot = np.eye(n_classes)[index.astype(np.intp)]

    def objective(flat: Floats) -> tuple[float, Floats]:
        weights, free = flat[:-n_classes].reshape(known.shape), flat[-n_classes:]
        logs = log_softmax(features @ weights.T + free, axis=1)
        apart = weights - known
        value = -strength * float((logs * one_hot).sum()) + 0.5 * float((apart**2).sum())
        slope = strength * (np.exp(logs) - one_hot)
        return value, np.concatenate([(slope.T @ features + apart).ravel(), slope.sum(0)])

    at = np.concatenate([known.ravel(), offsets])
    found = minimize(
        objective, at, jac=True, method="L-BFGS-B", options={"maxiter": 2000, "gtol": 1e-7}
    ).x
    return found[:-n_classes].reshape(n_classes, n_features), found[-n_classes:]


def fit_numbers(
    features: Floats, targets: Numbers, start: tuple[Floats, Floats], alpha: float
) -> tuple[Floats, Floats]:
    r"""Fit weights of numbers, drawn towards those that there are.

    Minimised is :math:`\sum_i |y_i - W x_i - b|^2 + \alpha |W - W_0|^2`.

    Parameters
    ----------
    features : ndarray of shape (n_trials, n_features)
    targets : ndarray of shape (n_trials, n_targets)
    start : tuple of ndarrays of shapes (n_targets, n_features) and (n_targets,)
        Weights that are known, zero at first; offsets are found anew.
    alpha : float

    Returns
    -------
    weights, offsets : ndarrays
    """
    known, _ = start
    middle, usual = features.mean(0), targets.mean(0)
    x, left = features - middle, targets - usual - (features - middle) @ known.T
    gram = x @ x.T + alpha * np.eye(len(x))
    weights = known + np.linalg.solve(gram, left).T @ x
    return weights, usual - weights @ middle
