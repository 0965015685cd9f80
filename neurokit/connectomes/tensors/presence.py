"""Which pairs of units are known in which cell: the weights of the normal equations, exactly."""

from typing import Any

import numpy as np

from neurokit.connectomes.tensors.backend import Array, double, gram, like, module_of


class Presence:
    """Units present in each cell; a pair is known where both are, and itself perhaps never.

    Least squares over known entries needs, for every row of a factor, its own ``K'K``. Where
    what is known is an outer product of presences, these cost no more than a Gram matrix for
    every animal: nothing is imputed.

    Parameters
    ----------
    known : bool ndarray of shape (n_units, *cells), or (n_units, 1, ...) where modes agree
        Where each unit was recorded.
    diagonal : bool
        Whether the affinity of a unit with itself is known.
    """

    def __init__(self, known: np.ndarray, *, diagonal: bool) -> None:
        self.diagonal = diagonal
        n_units = len(known)
        for axis in range(1, known.ndim):  # modes along which nothing changes count as one cell
            head = known.take([0], axis)
            if (known == head).all():
                known = head
        flat = known.reshape(n_units, -1)
        patterns, group = np.unique(flat, axis=1, return_inverse=True)
        self.masks = patterns.T.astype(np.float64)  # (n_groups, n_units)
        self.group = group.reshape(known.shape[1:])  # of each cell; size 1 where modes agree
        self.full = bool(patterns.all())
        self._there: dict[Any, tuple[list[Array], list[Any], Any]] = {}

    @property
    def complete(self) -> bool:
        """Whether every entry is known."""
        return self.full and self.diagonal

    def of_units(self, units: Array, cells: list[Array]) -> Array:
        """Return normal equations for each row of the factor of the units.

        Returns
        -------
        array of shape (n_restarts, rank, rank), or (n_restarts, n_units, rank, rank)
        """
        xp = module_of(units)
        weight = self._per_cell([gram(f) for f in cells], cells, None)  # (s, *reduced, r, q)
        if self.complete:
            return gram(units) * weight.reshape(weight.shape[0], *weight.shape[-2:])
        wide = double(units)
        own = wide[..., :, None] * wide[..., None, :] if not self.diagonal else None
        total: Any = 0.0
        flat = weight.reshape(weight.shape[0], -1, *weight.shape[-2:])
        masks, places, _ = self._on(units)
        for mask, here in zip(masks, places, strict=True):
            share = flat[:, here].sum(1)[:, None]
            others = gram(units * mask[:, None])[:, None]
            if own is not None:
                others = others - own
            total = total + double(mask)[:, None, None] * share * others
        return total if xp is np else total.contiguous()

    def of_pairs(self, units: Array) -> Array:
        """Sum over known pairs of squares of their model: (n_restarts, *reduced cells, r, q)."""
        found = []
        masks, _, group = self._on(units)
        for mask in masks:
            present = units * mask[:, None]
            square = gram(present) ** 2
            if not self.diagonal:
                square = square - gram(present * present)
            found.append(square)
        xp = module_of(units)
        stacked = xp.stack(found, 1)[:, group]
        return stacked.reshape(stacked.shape[0], *self.group.shape, *stacked.shape[-2:])

    def of_cells(self, pairs: Array, cells: list[Array], mode: int) -> Array:
        """Return normal equations for each row of the factor of one mode of the cells.

        Parameters
        ----------
        pairs : array
            What `of_pairs` returns.
        cells : list of arrays of shape (n_restarts, size, rank)
        mode : int

        Returns
        -------
        array of shape (n_restarts, rank, rank), or (n_restarts, size, rank, rank)
        """
        weighted = self._per_cell([gram(f) for f in cells], cells, mode, pairs)
        axes = tuple(1 + k for k in range(len(cells)) if k != mode)
        found = weighted.sum(axes) if axes else weighted
        return found[:, 0] if found.shape[1] == 1 else found

    def _on(self, other: Array) -> tuple[list[Array], list[Any], Any]:
        """Masks, the cells of each, and the mask of each cell, where ``other`` lives."""
        key = other.dtype  # an operand lives in one place
        if key not in self._there:
            group = self.group.ravel()
            places = [np.flatnonzero(group == k) for k in range(len(self.masks))]
            masks = [like(values, other) for values in self.masks]
            if not isinstance(other, np.ndarray):
                places = [like(place, other, np.int64) for place in places]
                group = like(group, other, np.int64)
            self._there[key] = masks, places, group
        return self._there[key]

    def _per_cell(
        self, grams: list[Array], cells: list[Array], mode: int | None, start: Array = None
    ) -> Array:
        """Products over all modes but ``mode`` of f f' in each cell, or of F'F where all agree."""
        xp = module_of(grams[0])
        product = start
        for k, (whole, factor) in enumerate(zip(grams, cells, strict=True)):
            if k == mode:
                continue
            shape = [1] * len(cells)
            if self.group.shape[k] == 1:
                part = whole
            else:
                wide = double(factor)
                part = xp.einsum("sar,saq->sarq", wide, wide)
                shape[k] = part.shape[1]
            part = part.reshape(len(whole), *shape, *whole.shape[-2:])
            product = part if product is None else product * part
        if product is None:
            raise ValueError("a tensor of affinities needs at least one mode beside the units.")
        return product


def outer_pattern(known: np.ndarray, n_units: int) -> tuple[np.ndarray, bool] | None:
    """Presence of units behind known pairs, if these are an outer product of presences.

    Parameters
    ----------
    known : bool ndarray of shape (n_pairs, n_cells)
        Pairs (i, j), i <= j, row after row.
    n_units : int

    Returns
    -------
    tuple of ndarray of shape (n_units, n_cells) and bool, or None
        Presence, and whether the diagonal is known; None where there is another pattern.
    """
    source, target = np.triu_indices(n_units)
    own = source == target
    present = np.zeros((n_units, known.shape[1]), bool)
    np.logical_or.at(present, source[~own], known[~own])
    np.logical_or.at(present, target[~own], known[~own])
    for i in range(n_units):
        rows = np.flatnonzero((source == i) & ~own)
        if (known[rows] != present[i] & present[target[rows]]).any():
            return None
    diagonal = known[own]
    if (diagonal == present).all():
        return present, True
    return (present, False) if not diagonal.any() else None
