"""Affinities that are two outer products in every cell: never built, only multiplied."""

import numpy as np

from neurokit.connectomes.tensors.backend import (
    Array,
    cast,
    double,
    module_of,
    side_by_side,
    to_host,
    zeros,
)
from neurokit.connectomes.tensors.presence import Presence
from neurokit.connectomes.tensors.symmetric import Symmetric

BLOCK = 2**18  # entries of the traces that are in hand at once


class Separable(Symmetric):
    r"""Products with ``x_ijc = u_ic u_jc + v_ic v_jc`` for i other than j, from the traces alone.

    ``u`` and ``v`` are the positive and the negative part of the signed traces, so of each unit
    one of the two is zero in every cell. A product with K costs two thin products with the traces:

    ``M = U (K * U'A) + V (K * V'A) - A * (D K)``, where ``D = U^2 + V^2`` takes the affinity of
    a unit with itself out. With phases, opposite changes are a second tensor
    ``u_ic v_jc + v_ic u_jc``, whose diagonal is zero; the phase is the last, fastest mode.

    Parameters
    ----------
    traces : array of shape (n_units, n_cells without phase), zero where unknown
        Signed square roots (geometric) or values (product) of the rates of change.
    sizes : tuple of int
        Units, then the modes of the cells, phase included.
    presence : Presence
    phases : bool
    """

    def __init__(
        self, traces: Array, sizes: tuple[int, ...], presence: Presence, *, phases: bool
    ) -> None:
        self.traces = traces
        self.sizes = sizes
        self.presence = presence
        self.phases = phases
        self.norm2 = 0.0
        for cells in self._blocks():
            square = double(traces[:, cells]) ** 2
            up = (square * (traces[:, cells] > 0)).sum(0)
            down = square.sum(0) - up
            self.norm2 += float((up**2 + down**2).sum() - (square**2).sum())
            if phases:
                self.norm2 += float((2 * up * down).sum())

    def towards_units(self, units: Array, cells: Array) -> Array:
        """See `Symmetric`."""
        flat, weights = side_by_side(units), side_by_side(cells)
        out = zeros(tuple(flat.shape), flat)
        own = zeros(tuple(flat.shape), flat)
        for block in self._blocks():
            up, down, square = self._parts(block, flat)
            with_up, with_down = up.T @ flat, down.T @ flat
            if self.phases:
                same, opposite = (weights[k::2][block] for k in (0, 1))
                towards_up = same * with_up + opposite * with_down
                towards_down = same * with_down + opposite * with_up
            else:
                same = weights[block]
                towards_up, towards_down = same * with_up, same * with_down
            out += up @ towards_up
            out += down @ towards_down
            own += square @ same
        out -= flat * own
        return out.reshape(len(out), len(units), -1).swapaxes(0, 1)

    def towards_cells(self, units: Array) -> Array:
        """See `Symmetric`."""
        flat = side_by_side(units)
        found = []
        for block in self._blocks():
            up, down, square = self._parts(block, flat)
            with_up, with_down = up.T @ flat, down.T @ flat
            same = with_up**2 + with_down**2 - square.T @ flat**2
            found.append(same)
            if self.phases:
                found[-1] = module_of(same).stack([same, 2 * with_up * with_down], 1)
        total = module_of(flat).concatenate(found)
        return total.reshape(self.n_cells, len(units), -1)

    def towards_pairs(self, weights: np.ndarray) -> np.ndarray:
        """Sum of ``x_ijc w_c`` over c: (n_units, n_units), the diagonal being meaningless."""
        n_units = len(self.traces)
        out = np.zeros((n_units, n_units))
        for block in self._blocks():
            traces = to_host(self.traces[:, block]).astype(np.float64)
            up, down = traces.clip(0), (-traces).clip(0)
            if not self.phases:
                out += (up * weights[block]) @ up.T + (down * weights[block]) @ down.T
                continue
            same, opposite = weights[0::2][block], weights[1::2][block]
            out += (up * same) @ up.T + (down * same) @ down.T
            crossed = (up * opposite) @ down.T
            out += crossed + crossed.T
        return out

    def _blocks(self) -> list[slice]:
        n_units, n_cells = self.traces.shape
        size = max(64, BLOCK // n_units) if isinstance(self.traces, np.ndarray) else n_cells
        return [slice(c, min(c + size, n_cells)) for c in range(0, n_cells, size)]

    def _parts(self, block: slice, other: Array) -> tuple[Array, Array, Array]:
        traces = cast(self.traces[:, block], other)
        up = traces.clip(0)
        return up, up - traces, traces**2
