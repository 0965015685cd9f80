"""Tensors of affinities, symmetric in two modes: what packed, streamed and implicit ones share."""

import math
from abc import ABC, abstractmethod

from neurokit.connectomes.tensors.backend import Array, contract, double, gram, khatri_rao
from neurokit.connectomes.tensors.dense import Update
from neurokit.connectomes.tensors.missing import Missing
from neurokit.connectomes.tensors.presence import Presence


class Symmetric(ABC):
    """Model ``x_ijc = sum_r a_ir a_jr k_cr``: units twice, then cells, whose modes are a product.

    The factor of the units occurs squared. It is updated against its last copy and the two are
    averaged, which keeps the error falling.

    Attributes
    ----------
    sizes : tuple of int
        Units, then the modes of the cells.
    powers : list of int
        How often each factor stands in the model.
    presence : Presence
    missing : Missing or None
        Unknown entries that are no outer product of presences.
    norm2 : float
        Sum of squares over the known entries.
    """

    sizes: tuple[int, ...]
    presence: Presence
    missing: Missing | None = None
    norm2: float

    @abstractmethod
    def towards_units(self, units: Array, cells: Array) -> Array:
        """Return the sum of ``x_ijc a_jr k_cr`` over j and c: (n_restarts, n_units, rank)."""

    @abstractmethod
    def towards_cells(self, units: Array) -> Array:
        """Return the sum of ``x_ijc a_ir a_jr`` over i and j: (n_cells, n_restarts, rank)."""

    def impute_units(self, units: Array, cells: Array) -> Array:
        """Return what the model at unknown entries adds to `towards_units`."""
        raise NotImplementedError

    def impute_cells(self, units: Array, cells: Array) -> Array:
        """Return what the model at unknown entries adds to `towards_cells`."""
        raise NotImplementedError

    def unknown_square(self, units: Array, cells: Array) -> Array:
        """Return the sum of squares of the model over unknown entries."""
        raise NotImplementedError

    @property
    def powers(self) -> list[int]:
        """How often each factor stands in the model."""
        return [2] + [1] * (len(self.sizes) - 1)

    @property
    def n_cells(self) -> int:
        """Number of cells."""
        return math.prod(self.sizes[1:])

    def sweep(self, factors: list[Array], update: Update) -> tuple[list[Array], Array, Array]:
        """Update every factor once; return them, <X, model> and ||model||^2, see `Dense`."""
        units, *cells = factors
        rows = khatri_rao(cells)
        product = self.towards_units(units, rows)
        if self.missing is not None:
            product = product + self.impute_units(units, rows)
        fresh = update(0, units, product, self.presence.of_units(units, cells))
        units = (units + fresh) / 2
        pairs = self.presence.of_pairs(units)
        known = self._by_mode(self.towards_cells(units))
        product = known
        if self.missing is not None:
            product = known + self._by_mode(self.impute_cells(units, rows))
        for mode in range(len(cells)):
            seen = contract(product, cells, mode)
            weights = self.presence.of_cells(pairs, cells, mode)
            cells[mode] = update(mode + 1, cells[mode], seen, weights)
        if self.missing is not None:
            seen = contract(known, cells, len(cells) - 1)
        inner = (double(seen) * double(cells[-1])).sum((1, 2))
        return [units, *cells], inner, self._square(units, cells, pairs)

    def products(self, factors: list[Array], mode: int) -> Array:
        """Matricised tensor times Khatri-Rao product; mode 0 is that of the units."""
        units, *cells = factors
        if mode == 0:
            return self.towards_units(units, khatri_rao(cells))
        return contract(self._by_mode(self.towards_cells(units)), cells, mode - 1)

    def inner(self, factors: list[Array]) -> tuple[Array, Array]:
        """Inner product with the model and its sum of squares over known entries, in float64."""
        wide = [double(f) for f in factors]
        last = self.products(wide, len(wide) - 1)
        square = self._square(wide[0], wide[1:], self.presence.of_pairs(wide[0]))
        return (last * wide[-1]).sum((1, 2)), square

    def _by_mode(self, product: Array) -> Array:
        return product.reshape(*self.sizes[1:], *product.shape[-2:])

    def _square(self, units: Array, cells: list[Array], pairs: Array) -> Array:
        last = len(cells) - 1
        weights = self.presence.of_cells(pairs, cells, last)
        if weights.ndim == 3:
            square = (weights * gram(cells[last])).sum((1, 2))
        else:
            wide = double(cells[last])
            square = (weights * wide[..., :, None] * wide[..., None, :]).sum((1, 2, 3))
        if self.missing is not None:
            square = square - self.unknown_square(units, khatri_rao(cells))
        return square
