"""Couplings from counts: filtered histories, Poisson regressions, correlograms, jitter."""

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter

from neurokit.solvers.glm import derivatives, fit_poisson, weighted_grams

Floats = NDArray[np.float64]


def histories(counts: Floats, runs: list[slice], keep: float) -> Floats:
    """Sum each unit's past counts, each bin weighing ``keep`` times the one after it."""
    past = np.zeros_like(counts)
    for run in runs:
        before = counts[run][:-1]
        past[run][1:] = lfilter([1.0], [1.0, -keep], before, axis=0)
    return past


def recent(counts: Floats, runs: list[slice], n_lags: int) -> Floats:
    """Sum each unit's counts over the last ``n_lags`` bins, the present one left out."""
    past = np.zeros_like(counts)
    for run in runs:
        total = np.vstack([np.zeros(counts.shape[1]), np.cumsum(counts[run], axis=0)])
        n = run.stop - run.start
        first = np.maximum(np.arange(n) - n_lags, 0)
        past[run] = total[np.arange(n)] - total[first]
    return past


def glm_couplings(
    counts: Floats, runs: list[slice], keep: float, precision: float
) -> tuple[Floats, Floats]:
    """Regress each unit's counts on all histories; returns coupling and its standard error.

    Both of shape (source, target); a unit's history of its own is among the sources. The errors
    are those of the Laplace approximation, prior included.
    """
    n_units = counts.shape[1]
    X = np.column_stack([np.ones(len(counts)), histories(counts, runs, keep)])
    prior = np.r_[1e-6, np.full(n_units, precision)]
    start = np.zeros((n_units, n_units + 1))
    start[:, 0] = np.log(np.maximum(counts.mean(axis=0), 1e-6))
    coef = fit_poisson(X, counts, start, prior_precision=prior).coef
    errors = np.empty((n_units, n_units))
    for j in range(n_units):
        _, _, curvature = derivatives(X @ coef[j], counts[:, j], "exp")
        hessian = weighted_grams(X, curvature[None])[0] + np.diag(prior)
        errors[:, j] = np.sqrt(np.diag(np.linalg.inv(hessian))[1:])
    return coef[:, 1:].T, errors


def correlogram_couplings(counts: Floats, runs: list[slice], n_lags: int) -> tuple[Floats, Floats]:
    """Count target spikes shortly after source spikes, less those expected of chance.

    Per source spike, of shape (source, target), with the standard error of Poisson counts.
    """
    past = recent(counts, runs, n_lags)
    number = np.maximum(counts.sum(axis=0), 1.0)
    together = past.T @ counts
    expected = np.outer(past.sum(axis=0), counts.sum(axis=0)) / len(counts)
    return (together - expected) / number[:, None], np.sqrt(np.maximum(together, 1.0)) / number[
        :, None
    ]


def jitter(counts: Floats, runs: list[slice], width: int, rng: np.random.Generator) -> Floats:
    """Shuffle each unit's bins within windows: slow changes of rate stay, fast order goes."""
    moved = counts.copy()
    for run in runs:
        for start in range(run.start, run.stop, width):
            stop = min(start + width, run.stop)
            moved[start:stop] = rng.permuted(counts[start:stop], axis=0)
    return moved
