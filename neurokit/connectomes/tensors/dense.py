"""A tensor of any order, held as one matrix that is never copied."""

import math
from collections.abc import Callable

import numpy as np

from neurokit.connectomes.tensors.backend import (
    Array,
    cast,
    contract,
    copy,
    double,
    gram,
    khatri_rao,
    module_of,
    side_by_side,
)
from neurokit.connectomes.tensors.missing import Missing

Update = Callable[[int, Array, Array, Array], Array]  # mode, factor, X K, K'K: the new factor
BLOCK = 2**21  # entries of a block that is widened to float64


class Dense:
    """Products of a tensor with factors, by a tree of one split.

    The modes are cut in two halves. ``X K`` with the Khatri-Rao product of the right half serves
    every mode of the left one, and ``X' L`` those of the right: two reads of the tensor for a
    whole sweep, where unfolding reads and copies it once for each mode (Phan, Tichavsky and
    Cichocki 2013).

    Parameters
    ----------
    values : array of shape ``sizes``, zero where unknown
    known : bool ndarray of the same shape, optional
    """

    def __init__(self, values: Array, known: np.ndarray | None = None) -> None:
        sizes = tuple(values.shape)
        self.sizes = sizes
        self.powers = [1] * len(sizes)
        self.split = min(
            range(1, len(sizes)), key=lambda k: math.prod(sizes[:k]) + math.prod(sizes[k:])
        )
        self.matrix = values.reshape(math.prod(sizes[: self.split]), -1)
        self.missing = None if known is None else Missing(known.reshape(self.matrix.shape))
        self.norm2 = square_norm(self.matrix)

    def sweep(self, factors: list[Array], update: Update) -> tuple[list[Array], Array, Array]:
        """Update every factor once.

        Returns
        -------
        factors : list of arrays
        inner : float64 array of shape (n_restarts,)
            Inner product of the tensor with the model.
        square : float64 array of shape (n_restarts,)
            Sum of squares of the model, over the known entries.
        """
        factors = list(factors)
        grams = [gram(f) for f in factors]
        for half in (range(self.split), range(self.split, len(factors))):
            known, product = self._half(factors, rows=half.start == 0)
            own = [factors[m] for m in half]
            for place, mode in enumerate(half):
                others = _times([grams[k] for k in range(len(factors)) if k != mode])
                seen = contract(product, own, place)
                factors[mode] = own[place] = update(mode, factors[mode], seen, others)
                grams[mode] = gram(factors[mode])
        if known is not product:
            seen = contract(known, own, len(own) - 1)
        inner = (double(seen) * double(factors[-1])).sum((1, 2))
        square = _times(grams).sum((1, 2))
        if self.missing is not None:
            square = square - self.missing.square(*self._halves(factors))
        return factors, inner, square

    def products(self, factors: list[Array], mode: int) -> Array:
        """Matricised tensor times Khatri-Rao product, unknown entries being zero."""
        rows = mode < self.split
        product = self._product(factors, rows)
        half = factors[: self.split] if rows else factors[self.split :]
        return contract(product, half, mode if rows else mode - self.split)

    def inner(self, factors: list[Array]) -> tuple[Array, Array]:
        """Inner product with the model and its sum of squares over known entries, in float64."""
        wide = [double(f) for f in factors]
        last = self.products(wide, len(wide) - 1)
        square = _times([gram(f) for f in wide]).sum((1, 2))
        if self.missing is not None:
            square = square - self.missing.square(*self._halves(wide))
        return (last * wide[-1]).sum((1, 2)), square

    def _halves(self, factors: list[Array]) -> tuple[Array, Array]:
        left = khatri_rao(factors[: self.split]).swapaxes(0, 1)
        right = khatri_rao(factors[self.split :]).swapaxes(0, 1)
        return left, right

    def _half(self, factors: list[Array], *, rows: bool) -> tuple[Array, Array]:
        """Product of what is known, and the same with the unknown filled by the model."""
        product = self._product(factors, rows)
        if self.missing is None:
            return product, product
        left, right = self._halves(factors)
        filled = copy(product).reshape(-1, *product.shape[-2:])
        self.missing.fill(filled, left, right, rows=rows)
        return product, filled.reshape(product.shape)

    def _product(self, factors: list[Array], rows: bool) -> Array:
        weights = side_by_side(
            khatri_rao(factors[self.split :] if rows else factors[: self.split])
        )
        product = matrix_product(self.matrix, weights, rows)
        kept = self.sizes[: self.split] if rows else self.sizes[self.split :]
        return product.reshape(*kept, len(factors[0]), -1)


def matrix_product(matrix: Array, weights: Array, rows: bool) -> Array:
    """``matrix @ weights`` or ``matrix.T @ weights``, in the dtype of ``weights``."""
    if matrix.dtype == weights.dtype:
        return (matrix if rows else matrix.T) @ weights
    xp = module_of(matrix)
    size = max(1, BLOCK // matrix.shape[1])
    blocks = [slice(i, i + size) for i in range(0, len(matrix), size)]
    if rows:
        return xp.concatenate([cast(matrix[b], weights) @ weights for b in blocks])
    return sum(cast(matrix[b], weights).T @ weights[b] for b in blocks)


def square_norm(matrix: Array) -> float:
    """Return the sum of squares in float64, block by block."""
    size = max(1, BLOCK // max(matrix.shape[1], 1))
    return float(
        sum(
            float((double(block) ** 2).sum())
            for block in (matrix[i : i + size] for i in range(0, len(matrix), size))
        )
    )


def _times(arrays: list[Array]) -> Array:
    product = arrays[0]
    for array in arrays[1:]:
        product = product * array
    return product
