"""Symmetric tensors as pairs i <= j: held packed, or streamed where they are never held."""

from collections.abc import Callable, Iterator
from typing import Self

import numpy as np
from numba import njit

from neurokit.connectomes.tensors.backend import (
    Array,
    cast,
    double,
    like,
    module_of,
    side_by_side,
    to_host,
    zeros,
)
from neurokit.connectomes.tensors.missing import Missing
from neurokit.connectomes.tensors.presence import Presence, outer_pattern
from neurokit.connectomes.tensors.symmetric import Symmetric

Tiles = Callable[[], Iterator[tuple[slice, Array]]]  # stretches of pairs, and their rows
NARROW = 4  # bytes of the usual dtype; rows are widened to float64 block by block
BLOCK = 2**20  # entries of the products that are in hand at once


class Pairs(Symmetric):
    """Rows of pairs (i, j), i <= j, in the order of the upper triangle.

    Parameters
    ----------
    tiles : callable
        Gives an iterator over the rows, each of shape (n_pairs of the tile, n_cells), zero where
        unknown.
    sizes : tuple of int
        Units, then the modes of the cells.
    presence : Presence
    missing : Missing, optional

    Attributes
    ----------
    values : array of shape (n_pairs, n_cells), or None
        All rows where they are held, see `held`.
    """

    values: Array = None

    def __init__(
        self,
        tiles: Tiles,
        sizes: tuple[int, ...],
        presence: Presence,
        missing: Missing | None = None,
    ) -> None:
        self.tiles = tiles
        self.sizes = sizes
        self.presence = presence
        self.missing = missing
        source, target = np.triu_indices(sizes[0])
        self.source, self.target = source.astype(np.int32), target.astype(np.int32)
        self.weight = pair_weights(sizes[0])
        self._places: tuple[Array, Array, Array] | None = None
        self.norm2 = 0.0
        for rows, values in self._blocks(self.n_cells):
            square = (double(values) ** 2).sum(1)
            self.norm2 += float((square * like(self.weight[rows], square)).sum())

    @classmethod
    def held(
        cls,
        values: Array,
        sizes: tuple[int, ...],
        presence: Presence,
        missing: Missing | None = None,
    ) -> Self:
        """Return rows that are one array of shape (n_pairs, n_cells), zero where unknown."""
        pairs = cls(lambda: iter([(slice(0, len(values)), values)]), sizes, presence, missing)
        pairs.values = values
        return pairs

    def towards_units(self, units: Array, cells: Array) -> Array:
        """See `Symmetric`."""
        weights = side_by_side(cells)
        flat = side_by_side(units)
        out = zeros(flat.shape, flat)
        for rows, values in self._blocks(self._width(flat)):
            self._spread(cast(values, flat) @ weights, rows, flat, out)
        return out.reshape(len(out), len(units), -1).swapaxes(0, 1)

    def towards_cells(self, units: Array) -> Array:
        """See `Symmetric`."""
        flat = side_by_side(units)
        total = zeros((self.n_cells, flat.shape[1]), flat)
        for rows, values in self._blocks(self._width(flat)):
            total += cast(values, flat).T @ self._products(flat, rows, weighted=True)
        return total.reshape(len(total), len(units), -1)

    def towards_pairs(self, weights: np.ndarray) -> np.ndarray:
        """Return the sum of ``x_ijc w_c`` over c: (n_units, n_units)."""
        n_units = self.sizes[0]
        out = np.zeros((n_units, n_units))
        for rows, values in self.tiles():
            summed = to_host(values).astype(np.float64) @ weights
            out[self.source[rows], self.target[rows]] = summed
            out[self.target[rows], self.source[rows]] = summed
        return out

    def impute_units(self, units: Array, cells: Array) -> Array:
        """See `Symmetric`."""
        pairs = self._all_products(units)
        filled = zeros(tuple(pairs.shape), pairs)
        self._missing.fill(filled, pairs, cells.swapaxes(0, 1), rows=True)
        flat = side_by_side(units)
        out = zeros(flat.shape, flat)
        self._spread(filled.reshape(len(filled), -1), slice(0, len(filled)), flat, out)
        return out.reshape(len(out), len(units), -1).swapaxes(0, 1)

    def impute_cells(self, units: Array, cells: Array) -> Array:
        """See `Symmetric`."""
        filled = zeros((self.n_cells, len(units), units.shape[-1]), units)
        pairs, right = self._all_products(units), cells.swapaxes(0, 1)
        self._missing.fill(filled, pairs, right, rows=False)
        return filled

    def unknown_square(self, units: Array, cells: Array) -> Array:
        """See `Symmetric`."""
        return self._missing.square(self._all_products(units), cells.swapaxes(0, 1))

    @property
    def _missing(self) -> Missing:
        if self.missing is None:
            raise ValueError("no entry of this tensor is missing.")
        return self.missing

    def _all_products(self, units: Array) -> Array:
        flat = side_by_side(units)
        pairs = self._products(flat, slice(0, len(self.source)), weighted=False)
        return pairs.reshape(len(pairs), len(units), -1)

    def _width(self, flat: Array) -> int:
        """Columns that are in hand for each row: products, and the row itself if it is widened."""
        return max(flat.shape[1], self.n_cells if flat.itemsize > NARROW else 0)

    def _blocks(self, n_columns: int) -> Iterator[tuple[slice, Array]]:
        """Tiles cut so small that the products of all restarts fit into the cache's reach."""
        size = max(64, BLOCK // n_columns)
        for rows, values in self.tiles():
            for start in range(0, len(values), size):
                stop = min(start + size, len(values))
                yield slice(rows.start + start, rows.start + stop), values[start:stop]

    def _spread(self, product: Array, rows: slice, flat: Array, out: Array) -> None:
        """Add ``s_ij a_j`` to row i and ``s_ij a_i`` to row j."""
        if isinstance(flat, np.ndarray):
            _spread(product, self.source[rows], self.target[rows], flat, out)
            return
        source, target, weight = self._on(flat)
        i, j = source[rows], target[rows]
        out.index_add_(0, i, product * flat[j])
        out.index_add_(0, j, product * flat[i] * (weight[rows] - 1)[:, None])

    def _products(self, flat: Array, rows: slice, *, weighted: bool) -> Array:
        """Products a_i a_j of the pairs; twice where i and j differ, if ``weighted``."""
        if isinstance(flat, np.ndarray):
            return _products(flat, self.source[rows], self.target[rows], weighted)
        source, target, weight = self._on(flat)
        pairs = flat[source[rows]] * flat[target[rows]]
        return pairs * weight[rows][:, None] if weighted else pairs

    def _on(self, other: Array) -> tuple[Array, Array, Array]:
        if self._places is None or self._places[2].dtype != other.dtype:
            torch = module_of(other)
            places = [
                torch.from_numpy(x.astype(np.int64)).to(other.device)
                for x in (self.source, self.target)
            ]
            self._places = places[0], places[1], like(self.weight, other)
        return self._places


def pair_weights(n_units: int) -> np.ndarray:
    """How often each pair of the upper triangle stands in the tensor: once on the diagonal."""
    source, target = np.triu_indices(n_units)
    return np.where(source == target, 1.0, 2.0)


def pack(
    rows_of: Callable[[int], np.ndarray],
    sizes: tuple[int, ...],
    dtype: np.dtype[np.floating],
    held_out: np.ndarray | None = None,
) -> tuple[np.ndarray, Presence, Missing | None]:
    """Copy the upper triangle row after row, NaN being unknown.

    Parameters
    ----------
    rows_of : callable
        Gives for unit i the entries (i, j), j >= i, of shape (n_units - i, n_cells).
    sizes : tuple of int
    dtype : dtype
    held_out : bool ndarray of shape (n_pairs, n_cells), optional
        Further entries to be treated as unknown.

    Returns
    -------
    packed : ndarray of shape (n_pairs, n_cells)
        Zero where unknown.
    presence : Presence
    missing : Missing or None
    """
    n_units, cells = sizes[0], sizes[1:]
    n_cells = int(np.prod(cells))
    packed = np.empty((n_units * (n_units + 1) // 2, n_cells), dtype)
    place, unknown = 0, False
    for i in range(n_units):
        rows = packed[place : place + n_units - i]
        rows[...] = rows_of(i)
        if held_out is not None:
            rows[held_out[place : place + len(rows)]] = np.nan
        unknown = unknown or bool(np.isnan(rows).any())
        place += n_units - i
    if not unknown:
        everywhere = np.ones((n_units, *[1] * len(cells)), bool)
        return packed, Presence(everywhere, diagonal=True), None
    known = ~np.isnan(packed)
    np.nan_to_num(packed, copy=False, nan=0.0)
    pattern = outer_pattern(known, n_units)
    if pattern is not None:
        presence = Presence(pattern[0].reshape(n_units, *cells), diagonal=pattern[1])
        return packed, presence, None
    everywhere = np.ones((n_units, *[1] * len(cells)), bool)
    missing = Missing(known, pair_weights(n_units))
    return packed, Presence(everywhere, diagonal=True), missing


@njit(cache=True, fastmath=True)
def _spread(product, source, target, units, out):  # type: ignore[no-untyped-def]
    for p in range(len(source)):
        i, j = source[p], target[p]
        for c in range(product.shape[1]):
            out[i, c] += product[p, c] * units[j, c]
        if i != j:
            for c in range(product.shape[1]):
                out[j, c] += product[p, c] * units[i, c]


@njit(cache=True, fastmath=True)
def _products(units, source, target, weighted):  # type: ignore[no-untyped-def]
    out = np.empty((len(source), units.shape[1]), units.dtype)
    for p in range(len(source)):
        i, j = source[p], target[p]
        twice = units.dtype.type(2.0 if weighted and i != j else 1.0)
        for c in range(units.shape[1]):
            out[p, c] = units[i, c] * units[j, c] * twice
    return out
