"""What chance would give: units shifted against each other, and the excess over that."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from neurokit.connectomes.affinity import Affinity
from neurokit.connectomes.tensors.factorisation import Factorisation

SURROGATES = ("shift", "phase")
DRAWS = 8  # surrogates that stand for the mean affinity where it has no closed form


def surrogate(affinity: Affinity, kind: str, rng: np.random.RandomState) -> Affinity:
    """Break what units have in common, and keep what each has of its own.

    Parameters
    ----------
    affinity : Affinity
    kind : {"shift", "phase"}
        Roll each unit's rates of change in each animal by a lag of its own, round the end; or
        give its spectrum random phases.
    rng : RandomState

    Returns
    -------
    Affinity
    """
    rates = affinity.rates.values.copy()
    pages = rates.reshape(*rates.shape[:2], -1)  # a view: (unit, time, animal)
    for page in np.moveaxis(pages, 2, 0):
        for row in page:
            known = np.flatnonzero(np.isfinite(row))
            if len(known) == 0:
                continue
            if kind == "shift":
                row[known] = np.roll(row[known], rng.randint(len(known)))
            else:
                row[known] = _random_phases(row[known], rng)
    return Affinity(affinity.rates.copy(data=rates), affinity.kind, signed=affinity.signed)


def _random_phases(values: np.ndarray, rng: np.random.RandomState) -> np.ndarray:
    spectrum = np.fft.rfft(values.astype(np.float64))
    turn = np.exp(2j * np.pi * rng.random_sample(len(spectrum)))
    turn[0] = 1.0
    if len(values) % 2 == 0:
        turn[-1] = np.sign(rng.random_sample() - 0.5) or 1.0
    return np.fft.irfft(spectrum * turn, len(values)).astype(np.float32)


def expected(affinity: Affinity, rng: np.random.RandomState) -> np.ndarray:
    """Mean affinity of each pair over all shifts, in each animal: (n_animals, n_units, n_units).

    Zero on the diagonal and where a unit is missing. Of separable kinds the mean of a product of
    independent shifts is the product of the means.
    """
    if affinity.kind == "min":
        drawn = [_by_animal(surrogate(affinity, "shift", rng)) for _ in range(DRAWS)]
        return np.mean(drawn, axis=0)
    rates = affinity.rates.values
    rates = rates.reshape(*rates.shape[:2], -1).astype(np.float64)
    if affinity.kind == "geometric":
        rates = np.sign(rates) * np.sqrt(np.abs(rates))
    known = np.isfinite(rates)
    number = np.maximum(known.sum(1), 1)
    up, down = (np.where(known, part, 0).clip(0).sum(1) / number for part in (rates, -rates))
    found = np.einsum("ia,ja->aij", up, up) + np.einsum("ia,ja->aij", down, down)
    found[:, np.arange(len(up)), np.arange(len(up))] = 0
    return found


def _by_animal(affinity: Affinity) -> np.ndarray:
    n_times, *others = affinity.shape[2:]
    pages = []
    for k in range(int(np.prod(others)) if others else 1):
        weights = np.zeros((n_times, *others))
        weights.reshape(n_times, -1)[:, k] = 1
        pages.append(np.nan_to_num(affinity.average(weights).values))
    return np.stack(pages)


def end_to_end(affinity: Affinity) -> Affinity:
    """Lay the animals end to end, each with times of its own; animals run slowest."""
    rates = affinity.rates.values.swapaxes(1, affinity.rates.ndim - 1)
    coords = {"unit": affinity.rates["unit"].values} if "unit" in affinity.rates.coords else {}
    flat = xr.DataArray(rates.reshape(len(rates), -1), coords, ("unit", "time"))
    return Affinity(flat, affinity.kind)


def cell_weights(model: Factorisation, affinity: Affinity) -> np.ndarray:
    """Return how strong each component is in each cell: (n_times, n_animals, n_components).

    Parameters
    ----------
    model : NonnegativeCP
        The clock of ``affinity``, or of its animals laid end to end.
    affinity : Affinity
    """
    n_times, *others = affinity.shape[2:]
    n_animals = others[0] if others else 1
    times = model._factor(model.modes_[1])
    if len(model.modes_) > 2:
        return times[:, None] * model._factor(model.modes_[2])
    return times.reshape(n_animals, n_times, -1).swapaxes(0, 1)


def excess(
    model: Factorisation, affinity: Affinity, chance: np.ndarray, operand: Any
) -> np.ndarray:
    """How much more of the tensor lies along each component than shifted units would put there.

    The inner product of tensor minus ``chance`` with the component at norm one, over the norm of
    the tensor.
    """
    factors = [model._factor(name)[None] for name in model.modes_]
    last = len(factors) - 1
    inner = (operand.products(factors, last) * factors[last]).sum(1)[0]
    units = factors[0][0]
    cells = cell_weights(model, affinity)
    if model.form_ == "pairs":
        source, target = np.triu_indices(affinity.shape[0], 1)
        pairs = chance[:, source, target] @ units
    else:
        pairs = np.einsum("aij,ir,jr->ar", chance, units, units, optimize=True)
    by_chance = (cells.sum(0) * pairs).sum(0)
    return np.asarray((inner - by_chance) / np.sqrt(operand.norm2))
