"""Rate matrices of chains in continuous time, from what they did between samples."""

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import expm

Floats = NDArray[np.float64]
_LEAST = 1e-6  # of a rate times the sampling interval: zero would never grow again


def project(rates: Floats) -> Floats:
    """Return the nearest generator: no negative rates, rows that sum to zero."""
    out = np.maximum(np.real(rates), 0.0)
    np.fill_diagonal(out, 0.0)
    np.fill_diagonal(out, -out.sum(1))
    return out


def first_rates(counts: Floats, interval: float) -> Floats:
    """Return the projected logarithm of the transitions that were counted."""
    n = len(counts)
    smoothed = counts + 1e-3 * np.eye(n) + 1e-9
    rates = _logarithm(smoothed / smoothed.sum(1, keepdims=True)) / interval
    return project(np.maximum(rates, _LEAST / interval))


def _logarithm(transition: Floats) -> Floats:
    """Return the real part of the matrix logarithm; SciPy's draws from the global generator."""
    values, vectors = np.linalg.eig(transition.astype(complex))
    if np.abs(values).min() < 1e-12 or np.linalg.cond(vectors) > 1e10:
        return np.asarray(transition - np.eye(len(transition)))  # the first term of its series
    return np.real(vectors @ np.diag(np.log(values)) @ np.linalg.inv(vectors))


def improve(rates: Floats, counts: Floats, interval: float) -> Floats:
    r"""Do one round of expectation and maximisation for counted transitions.

    With :math:`M_{ij} = C_{ij} / P_{ij}` the integral :math:`J = \int_0^\Delta e^{Q^\top s} M
    e^{Q^\top (\Delta - s)} ds` holds the expected time in each state on its diagonal, and
    :math:`q_{ab} J_{ab}` the expected jumps; it is a block of one exponential (Van Loan 1978).
    """
    n = len(rates)
    probability = np.maximum(expm(rates * interval), 1e-300)
    block = np.zeros((2 * n, 2 * n))
    block[:n, :n] = block[n:, n:] = rates.T
    block[:n, n:] = np.where(counts > 0, counts / probability, 0.0)
    integral = expm(block * interval)[:n, n:]
    time = np.maximum(np.diag(integral), 1e-300)
    return project(rates * integral / time[:, None])


def solve(
    rates: Floats, counts: Floats, interval: float, max_iter: int, tol: float
) -> tuple[Floats, int]:
    """Improve until no rate moves by more than `tol` of the largest."""
    for n_iter in range(1, max_iter + 1):
        new = improve(rates, counts, interval)
        moved = np.abs(new - rates).max()
        rates = new
        if moved <= tol * max(np.abs(rates).max(), 1e-300):
            return trim(rates, counts, interval), n_iter
    return trim(rates, counts, interval), max_iter + 1


def trim(rates: Floats, counts: Floats, interval: float) -> Floats:
    """Set to zero what would not have happened once in ten such recordings."""
    time = np.maximum(counts.sum(1), counts.sum(0)) * interval
    return project(np.where(rates * time[:, None] < 0.1, 0.0, rates))
