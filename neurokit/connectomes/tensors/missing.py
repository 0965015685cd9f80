"""Entries of a matrix that are not known, filled by the model: one step of expectation."""

import numpy as np
from numba import njit

from neurokit.connectomes.tensors.backend import Array, like


class Missing:
    """Unknown entries of the matrix ``X = L K'``; X itself holds zeros there.

    Filling them with the model and fitting again lowers the error over the known entries at
    every step (majorisation); here only what the filled entries add to the products is computed.

    Parameters
    ----------
    known : bool ndarray of shape (n_rows, n_columns)
    weight : ndarray of shape (n_rows,), optional
        How often a row stands in the tensor: 2 for pairs of different units.
    """

    def __init__(self, known: np.ndarray, weight: np.ndarray | None = None) -> None:
        rows, columns = np.nonzero(~known)
        self.rows = rows.astype(np.int32)
        self.columns = columns.astype(np.int32)
        self.weight = np.ones(len(known)) if weight is None else weight.astype(np.float64)
        self._places: tuple[Array, Array, Array] | None = None

    def __len__(self) -> int:
        return len(self.rows)

    def square(self, left: Array, right: Array) -> Array:
        """Sum of squares of the model over the unknown entries, float64: (n_restarts,)."""
        if isinstance(left, np.ndarray):
            return _square(left, right, self.rows, self.columns, self.weight)
        rows, columns, weight = self._on(left)
        model = (left[rows] * right[columns]).sum(-1).double()
        return (model * model * weight[rows][:, None]).sum(0)

    def fill(self, out: Array, left: Array, right: Array, *, rows: bool) -> None:
        """Add ``model @ right`` to ``out`` (rows), or ``model.T @ (weight * left)`` (columns).

        All arrays are of shape (n, n_restarts, rank).
        """
        if isinstance(out, np.ndarray):
            _fill(out, left, right, self.rows, self.columns, self.weight, rows)
            return
        r, c, weight = self._on(left)
        model = (left[r] * right[c]).sum(-1, keepdim=True)
        if rows:
            out.index_add_(0, r, model * right[c])
        else:
            scale = weight[r].to(left.dtype)[:, None, None]
            out.index_add_(0, c, model * left[r] * scale)

    def _on(self, other: Array) -> tuple[Array, Array, Array]:
        if self._places is None:
            rows, columns = (like(x, other, np.int64) for x in (self.rows, self.columns))
            self._places = rows, columns, like(self.weight, other, np.float64)
        return self._places


@njit(cache=True)
def _fill(out, left, right, rows, columns, weight, to_rows):  # type: ignore[no-untyped-def]
    n_restarts, rank = left.shape[1:]
    for k in range(len(rows)):
        i, j = rows[k], columns[k]
        for s in range(n_restarts):
            model = left[i, s, 0] * right[j, s, 0]
            for r in range(1, rank):
                model += left[i, s, r] * right[j, s, r]
            if to_rows:
                for r in range(rank):
                    out[i, s, r] += model * right[j, s, r]
            else:
                model *= weight[i]
                for r in range(rank):
                    out[j, s, r] += model * left[i, s, r]


@njit(cache=True)
def _square(left, right, rows, columns, weight):  # type: ignore[no-untyped-def]
    n_restarts, rank = left.shape[1:]
    total = np.zeros(n_restarts)
    for k in range(len(rows)):
        i, j = rows[k], columns[k]
        for s in range(n_restarts):
            model = 0.0
            for r in range(rank):
                model += float(left[i, s, r]) * float(right[j, s, r])
            total[s] += weight[i] * model * model
    return total
