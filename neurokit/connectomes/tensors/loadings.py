"""The factor of one mode, all others held: what transform solves."""

from typing import Any

import numpy as np

from neurokit.connectomes.tensors.backend import Array, double, to_host
from neurokit.connectomes.tensors.sweeps import Operand
from neurokit.connectomes.tensors.updates import hals, least_squares

STEPS, FILLS = 20_000, 500  # more than any problem of full rank has needed


def solve_mode(operand: Operand, factors: list[Array], mode: int, *, bounded: bool) -> np.ndarray:
    """Least squares for the factor of one mode, to convergence, in float64.

    Parameters
    ----------
    operand : Dense or Symmetric
    factors : list of arrays of shape (1, size, rank)
        That of ``mode`` is the start.
    mode : int
    bounded : bool
        Whether it is zero or more.

    Returns
    -------
    ndarray of shape (size, rank)
    """
    factors = [double(f) for f in factors]
    for _ in range(FILLS if operand.missing is not None else 1):
        product, weights = _equations(operand, factors, mode)
        found = _solve(factors[mode], product, weights, bounded)
        change = float(abs(found - factors[mode]).max())
        factors[mode] = found
        if change <= 1e-9 * float(abs(found).max()):
            break
    return to_host(factors[mode])[0]


def _equations(operand: Operand, factors: list[Array], mode: int) -> tuple[Array, Array]:
    """``X K`` and ``K'K`` of one mode, filled by the model where entries are unknown."""
    seen: dict[int, Any] = {}

    def probe(which: int, factor: Array, product: Array, weights: Array) -> Array:
        seen[which] = product, weights
        return factor

    operand.sweep(factors, probe)
    return seen[mode]


def _solve(start: Array, product: Array, weights: Array, bounded: bool) -> Array:
    if not bounded:
        return least_squares(start, product, weights)
    factor = start
    for _ in range(STEPS):
        fresh = hals(factor, product, weights)
        change = float(abs(fresh - factor).max())
        factor = fresh
        if change <= 1e-11 * float(abs(fresh).max()):
            break
    return factor
