"""Sweeps of a non-negative factorisation on CUDA: eight kernels each, many sweeps in one graph.

A sweep of plain torch is some hundreds of small kernels, whose launches take all the time. Here
the tensor is read twice, and the rest is six small kernels; the host hears of the errors once in
`PACE` sweeps.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from neurokit.nn.kernels import factors_triton as kernels

PACE = 25  # sweeps between two looks from the host
TINY = 1e-30


class Tiling(NamedTuple):
    """How the work is cut: blocks of pairs and cells, and how many programs share a sum."""

    pairs: int
    cells: int
    splits: int
    n_warps: int
    n_stages: int


TO_PAIRS = Tiling(128, 32, 4, 4, 4)
TO_CELLS = Tiling(32, 128, 16, 4, 4)
NARROW, WIDE = 8, 32  # columns of a product, at least and at most
TIMES = 4  # times of a program, for short recordings
PRECISION = "tf32x3"  # three products of halves: as exact as float32


class PairSweeps:
    """Restarts of a factorisation of one packed tensor, every entry of which is known.

    Parameters
    ----------
    values : tensor of shape (n_pairs, n_cells), float32
        Pairs i <= j in the order of the upper triangle.
    sizes : tuple of int
        Units, then one or two modes of the cells.
    n_all : int
        Restarts of the whole fit: the width of the products follows from it, so that fewer make
        the same sums.
    n_restarts : int
        Restarts that are still on their way.
    rank : int
    """

    def __init__(
        self, values: Tensor, sizes: tuple[int, ...], n_all: int, n_restarts: int, rank: int
    ) -> None:
        self.layout = layout_of(n_all, n_restarts, rank)
        self.values = values.contiguous()
        self.n_modes = len(sizes)
        self.sizes = (*sizes, 1)[:3]
        self.rank = rank
        self.padded, self.block, self.n_columns, self.room = self.layout
        n_units, n_times, n_others = self.sizes
        self.n_pairs, self.n_cells = values.shape
        self.times = TIMES if n_times <= 1024 else 16
        n_blocks = -(-n_times // self.times)
        source, target = torch.triu_indices(n_units, n_units, device=values.device).int()
        self.source, self.target = source.contiguous(), target.contiguous()
        self.cuts = TO_PAIRS, TO_CELLS
        self.lane = share_of(
            self.n_pairs, TO_CELLS.splits, max(TO_PAIRS.pairs, TO_CELLS.pairs)
        )  # pairs of a split, in whole blocks of both
        self.held = [self._new(n, self.n_columns) for n in self.sizes]
        self.new_units = self._new(n_units, self.n_columns)
        self.by_pair = self._new(TO_PAIRS.splits, self.n_pairs, self.n_columns)
        self.products = self._new(self.n_pairs, self.n_columns)
        self.by_cell = self._new(TO_CELLS.splits, self.n_cells, self.n_columns)
        self.rows = self._new(self.n_cells, self.n_columns)
        self.towards = self._new(n_blocks, n_others, self.n_columns)
        square = (self.room, self.padded, self.padded)
        self.of_units, self.normal, self.gram = (self._new(*square).double() for _ in range(3))
        self.grams = self._new(n_blocks, *square).double()
        self.sums = self._new(PACE, self.room, 2).double()
        self.graph: torch.cuda.CUDAGraph | None = None
        self.side: torch.cuda.Stream | None = None

    def load(self, factors: list[Tensor]) -> None:
        """Lay the factors of all restarts, (n_restarts, size, rank) each, side by side."""
        for k, held in enumerate(self.held):
            view = self._view(held)
            view.zero_()
            if k < len(factors):
                view[:, : len(factors[k]), : self.rank] = factors[k].swapaxes(0, 1)
            else:
                view[:, : len(factors[0]), : self.rank] = 1.0

    def factors(self, n_restarts: int) -> list[Tensor]:
        """Return a copy of the first restarts' factors: (n_restarts, size, rank) each."""
        return [
            self._view(held)[:, :n_restarts, : self.rank].swapaxes(0, 1).contiguous()
            for held in self.held[: self.n_modes]
        ]

    def run(self, n_sweeps: int) -> Tensor:
        """Sweep up to `PACE` times; return <X, model> and ||model||^2: (sweeps, restarts, 2)."""
        if n_sweeps < PACE or self.values.device.type != "cuda":
            self._sweeps(n_sweeps)
        else:
            if self.graph is None:
                self.graph = self._capture()
            self.graph.replay()
        return self.sums[:n_sweeps].cpu()

    def _new(self, *shape: int) -> Tensor:
        return torch.zeros(shape, dtype=torch.float32, device=self.values.device)

    def _view(self, columns: Tensor) -> Tensor:
        return columns[:, : self.room * self.padded].view(len(columns), self.room, self.padded)

    def _capture(self) -> torch.cuda.CUDAGraph:
        """Record the launches; the first run compiles, and its effect is taken back."""
        before = [held.clone() for held in self.held]
        self._sweeps(1)
        torch.cuda.synchronize()
        for held, kept in zip(self.held, before, strict=True):
            held.copy_(kept)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            self._sweeps(PACE)
        return graph

    def _sweeps(self, n_sweeps: int) -> None:
        """Sweep, and give all columns equal norms: the steps between do not depend on those."""
        units, times, others = (self._view(held).double().swapaxes(0, 1) for held in self.held)
        gram = units.mT @ units
        self.gram.copy_(gram * (times.mT @ times) * (others.mT @ others))
        cells = self.held[1][:, None] * self.held[2][None]
        self.rows.copy_(cells.view(self.rows.shape))
        for k in range(n_sweeps):
            self._sweep(k)
        self._balance()

    def _balance(self) -> None:
        wide = [self._view(held).double() for held in self.held]
        norms = [(f * f).sum(0).sqrt() for f in wide]
        model = norms[0] * norms[0] * norms[1]
        if self.n_modes == 3:
            model = model * norms[2]
        common = model ** (1 / (self.n_modes + 1))
        for held, f, norm in zip(self.held[: self.n_modes], wide, norms, strict=False):
            ratio = torch.where(common > 0, common / norm.clip(TINY), 1.0)
            self._view(held).copy_(f * ratio)

    def _sweep(self, number: int) -> None:
        n_units, n_times, n_others = self.sizes
        units, times, others = self.held
        wide, width = self.n_columns, self.padded
        few = 16 if n_others > 8 else 8 if n_others > 1 else 1
        many = max(4, min(64, 4096 // width**2))
        rows = max(2, min(32, 2048 // width**2))
        n_blocks = len(self.towards)
        self._to_pairs()
        kernels.update_units[(n_units, self.room)](
            self.by_pair, units, self.gram, self.new_units, n_units, self.n_pairs, wide,
            R=width, J=min(256, power_above(n_units)), SPLITS=len(self.by_pair),
        )  # fmt: skip
        with self._aside():
            kernels.square_units[(self.room,)](
                self.new_units, others, self.of_units, self.normal, n_units, n_others, wide,
                R=width, B=rows,
            )  # fmt: skip
        kernels.multiply_pairs[(-(-self.n_pairs // 64), wide // self.block)](
            self.new_units, self.source, self.target, self.products, self.n_pairs, wide,
            P=64, N=self.block,
        )  # fmt: skip
        self._to_cells()
        self._join()
        kernels.update_times[(n_blocks, self.room)](
            self.by_cell, times, others, self.normal, self.grams, self.towards,
            n_times, n_others, wide,
            R=width, T=self.times, W=few, SPLITS=len(self.by_cell), ONCE=n_others <= few,
        )  # fmt: skip
        kernels.update_others[(self.room,)](
            others, self.of_units, self.grams, self.towards, self.gram, self.sums, number,
            n_others, n_blocks, wide, R=width, W=few, B=many, LAST=self.n_modes == 3,
        )  # fmt: skip
        kernels.multiply_cells[(-(-max(self.n_cells, n_units) // 64), wide // self.block)](
            self.new_units, units, times, others, self.rows, n_units, self.n_cells, n_others,
            wide, C=64, N=self.block,
        )  # fmt: skip

    def _to_pairs(self) -> None:
        cut, behind = self.cuts
        each = self.lane // cut.pairs
        n_groups = self.n_columns // self.block
        kernels.to_pairs[(behind.splits * each * n_groups, cut.splits)](
            self.values, self.rows, self.by_pair, self.n_pairs, self.n_cells, self.n_columns,
            share_of(self.n_cells, cut.splits, cut.cells), behind.splits, each, n_groups,
            P=cut.pairs, C=cut.cells, N=self.block, PRECISION=PRECISION,
            num_warps=cut.n_warps, num_stages=cut.n_stages,
        )  # fmt: skip

    def _to_cells(self) -> None:
        cut = self.cuts[1]
        n_groups = self.n_columns // self.block
        kernels.to_cells[(-(-self.n_cells // cut.cells) * n_groups, cut.splits)](
            self.values, self.products, self.by_cell,
            self.n_pairs, self.n_cells, self.n_columns, self.lane, n_groups,
            P=cut.pairs, C=cut.cells, N=self.block, PRECISION=PRECISION,
            num_warps=cut.n_warps, num_stages=cut.n_stages,
        )  # fmt: skip

    def _aside(self) -> torch.cuda.StreamContext | _Here:
        """Work that need not wait for the product beside it."""
        if self.values.device.type != "cuda":
            return _Here()
        if self.side is None:
            self.side = torch.cuda.Stream()
        self.side.wait_stream(torch.cuda.current_stream())
        return torch.cuda.stream(self.side)

    def _join(self) -> None:
        if self.side is not None:
            torch.cuda.current_stream().wait_stream(self.side)


class _Here:
    """No other stream."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, *_: object) -> None:
        return None


def layout_of(n_all: int, n_restarts: int, rank: int) -> tuple[int, int, int, int]:
    """Columns of a restart, of a product, of all, and how many restarts there is room for."""
    padded = max(2, power_above(rank))
    block = max(NARROW, padded, min(WIDE, power_above(n_all * padded)))
    n_columns = -(-n_restarts * padded // block) * block
    return padded, block, n_columns, min(n_all, n_columns // padded)


def power_above(n: int) -> int:
    """Return the least power of two that is not below ``n``."""
    return 1 << (n - 1).bit_length()


def share_of(total: int, splits: int, block: int) -> int:
    """Entries of each split, in whole blocks."""
    return -(-total // (splits * block)) * block
