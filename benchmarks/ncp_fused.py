"""A prototype: sweeps of a factorisation on a GPU as six Triton kernels in one CUDA graph.

    python benchmarks/ncp_fused.py [--scale 10] [--restarts 1]

Checked against the sweeps of the package, then timed beside the bandwidth of a copy. The package
does not use it: an eager sweep is some hundreds of small kernels, whose launches take all the
time; here the tensor is read twice, and the rest is four small kernels. ``TRITON_INTERPRET=1``
checks it on the CPU.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from neurokit.connectomes.tensors.backend import Array, gram
from neurokit.connectomes.tensors.packed import Pairs, pack
from neurokit.connectomes.tensors.restarts import draw
from neurokit.connectomes.tensors.updates import balance, hals

if TYPE_CHECKING:
    import torch

PACE = 10  # sweeps between two looks from the host


class Tiling(NamedTuple):
    """How the work is cut: blocks of pairs and cells, and how many programs share a sum."""

    pairs: int
    cells: int
    splits: int
    n_warps: int
    n_stages: int


TO_PAIRS = Tiling(32, 128, 4, 4, 3)
TO_CELLS = Tiling(32, 128, 16, 4, 3)
FLIP = True
PRECISION = "tf32x3"  # three products of halves: as exact as float32


class FusedSweeps:
    """Restarts of a factorisation of one packed tensor, every entry of which is known.

    Parameters
    ----------
    values : tensor of shape (n_pairs, n_cells), float32
        Pairs i <= j in the order of the upper triangle.
    sizes : tuple of int
        Units, then one or two modes of the cells.
    factors : list of tensors of shape (n_restarts, size, rank)
    """

    def __init__(
        self, values: torch.Tensor, sizes: tuple[int, ...], factors: list[torch.Tensor]
    ) -> None:
        import torch

        self.values = values.contiguous()
        self.sizes = (*sizes, 1)[:3]
        self.last = len(sizes) == 3
        self.n_restarts, _, self.rank = factors[0].shape
        self.padded = max(2, 1 << (self.rank - 1).bit_length())
        wide = self.n_restarts * self.padded
        self.block = max(16, min(128, 1 << (wide - 1).bit_length()))
        self.n_columns = -(-wide // self.block) * self.block
        n_units, n_times, n_others = self.sizes
        self.n_pairs, self.n_cells = values.shape
        self.n_blocks = -(-n_times // 16)
        on = {"device": values.device, "dtype": torch.float32}

        def new(*shape: int) -> torch.Tensor:
            return torch.zeros(shape, **on)  # type: ignore[arg-type]

        source, target = np.triu_indices(n_units)
        self.source, self.target = (
            torch.from_numpy(x.astype(np.int32)).to(values.device) for x in (source, target)
        )
        self.held = [new(n, self.n_columns) for n in self.sizes]
        self.fresh = [new(n, self.n_columns) for n in self.sizes]
        self.by_pair = new(TO_PAIRS.splits, self.n_pairs, self.n_columns)
        self.by_cell = new(TO_CELLS.splits, self.n_cells, self.n_columns)
        self.rows = new(self.n_cells, self.n_columns)
        self.ratios = new(3, self.n_columns)
        self.towards = new(self.n_blocks, n_others, self.n_columns)
        square = (self.n_restarts, self.padded, self.padded)
        self.gram = new(*square).double()
        self.grams = new(self.n_blocks, *square).double()
        self.sums = new(PACE, self.n_restarts, 2).double()
        self.graph: Any = None
        self.load(factors)

    def load(self, factors: list[torch.Tensor]) -> None:
        """Lay the factors of all restarts side by side."""
        whole: Any = 1.0
        for k, held in enumerate(self.held):
            view = held[:, : self.n_restarts * self.padded]
            view = view.view(len(held), self.n_restarts, self.padded)
            if k < len(factors):
                view[:, :, : self.rank] = factors[k].swapaxes(0, 1)
                whole = whole * gram(factors[k])
            else:
                view[:, :, : self.rank] = 1.0
        self.gram[:, : self.rank, : self.rank] = whole
        self.rows[:] = (self.held[1][:, None] * self.held[2][None]).reshape(self.rows.shape)

    def factors(self) -> list[Array]:
        """Return the factors as they stand: (n_restarts, size, rank) each."""
        found = []
        for held in self.held[: 3 if self.last else 2]:
            view = held[:, : self.n_restarts * self.padded]
            view = view.reshape(len(held), self.n_restarts, self.padded)
            found.append(view[:, :, : self.rank].swapaxes(0, 1).contiguous())
        return found

    def run(self, n_sweeps: int) -> tuple[np.ndarray, np.ndarray]:
        """Sweep up to `PACE` times; return <X, model> and ||model||^2 after each."""
        import torch

        if n_sweeps < PACE or self.values.device.type != "cuda":
            for k in range(n_sweeps):
                self._sweep(k)
        else:
            if self.graph is None:
                self.graph = self._capture(torch)
            self.graph.replay()
        sums = self.sums[:n_sweeps].cpu().numpy()
        return sums[..., 0], sums[..., 1]

    def _capture(self, torch: Any) -> Any:
        """Record the launches; the first run compiles, and its effect is taken back."""
        before = [held.clone() for held in (*self.held, self.gram, self.rows)]
        self._sweep(0)
        torch.cuda.synchronize()
        for held, kept in zip((*self.held, self.gram, self.rows), before, strict=True):
            held.copy_(kept)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            for k in range(PACE):
                self._sweep(k)
        return graph

    def _sweep(self, number: int) -> None:
        import ncp_kernels as kernels

        n_units, n_times, n_others = self.sizes
        units, times, others = self.held
        new_units, new_times, new_others = self.fresh
        n_groups = self.n_columns // self.block
        size, width = (self.n_pairs, self.n_cells, self.n_columns), self.padded
        cut = TO_PAIRS
        share = _share(self.n_cells, cut.splits, cut.cells)
        kernels.to_pairs[(-(-self.n_pairs // cut.pairs), cut.splits, n_groups)](
            self.values, self.rows, self.by_pair, *size, share,
            P=cut.pairs, C=cut.cells, N=self.block, PRECISION=PRECISION,
            num_warps=cut.n_warps, num_stages=cut.n_stages,
        )  # fmt: skip
        kernels.update_units[(n_units, self.n_restarts)](
            self.by_pair, units, self.gram, new_units, n_units, self.n_pairs, self.n_columns,
            R=width, SPLITS=cut.splits,
        )  # fmt: skip
        cut = TO_CELLS
        share = _share(self.n_pairs, cut.splits, cut.pairs)
        kernels.to_cells[(-(-self.n_cells // cut.cells), cut.splits, n_groups)](
            self.values, self.source, self.target, new_units, self.by_cell, *size, share,
            P=cut.pairs, C=cut.cells, N=self.block, PRECISION=PRECISION, FLIP=FLIP,
            num_warps=cut.n_warps, num_stages=cut.n_stages,
        )  # fmt: skip
        few = 16 if n_others > 8 else 8 if n_others > 1 else 1
        kernels.update_times[(self.n_blocks, self.n_restarts)](
            self.by_cell, new_units, times, others, new_times, self.grams, self.towards,
            n_units, n_times, n_others, self.n_columns,
            R=width, T=16, W=few, SPLITS=cut.splits,
        )  # fmt: skip
        kernels.update_others[(self.n_restarts,)](
            new_units, others, self.grams, self.towards, new_others, self.ratios, self.gram,
            self.sums, number, n_units, n_others, self.n_blocks, self.n_columns,
            4.0 if self.last else 3.0, R=width, W=few, LAST=self.last,
        )  # fmt: skip
        rows = max(self.n_cells, n_units)
        kernels.balance_factors[(-(-rows // 64), n_groups)](
            new_units, new_times, new_others, self.ratios, units, times, others, self.rows,
            n_units, n_times, n_others, self.n_columns, C=64, N=self.block,
        )  # fmt: skip


def _share(total: int, splits: int, block: int) -> int:
    """Entries of each split, in whole blocks."""
    return -(-total // (splits * block)) * block


def check(sizes: tuple[int, ...], rank: int, n_restarts: int, device: str) -> None:
    """Print how far two sweeps are from those of the package."""
    import torch

    rng = np.random.default_rng(0)
    x = rng.random((sizes[0], *sizes), dtype=np.float32)
    x = x + x.swapaxes(0, 1)
    values, presence, _ = pack(lambda i: x[i, i:].reshape(sizes[0] - i, -1), sizes, np.dtype("f4"))
    there = torch.from_numpy(values).to(device)
    operand = Pairs(lambda: iter([(slice(0, len(values)), there)]), sizes, presence)
    starts = draw(sizes, rank, n_restarts, np.random.RandomState(0), signed=False)
    moving = [torch.from_numpy(f.astype(np.float32)).to(device) for f in starts]
    fused = FusedSweeps(there, sizes, moving)
    inner, square = fused.run(2)
    for _ in range(2):
        moving, one, other = operand.sweep(moving, lambda mode, f, m, g: hals(f, m, g))
        moving = balance(moving, operand.powers, total=False)
    off = [
        abs(inner[1] / one.cpu().numpy() - 1).max(),
        abs(square[1] / other.cpu().numpy() - 1).max(),
    ]
    off += [
        float((a - b).abs().max() / b.abs().max())
        for a, b in zip(fused.factors(), moving, strict=True)
    ]
    print(f"{sizes}, rank {rank}, {n_restarts} restarts: relative differences {np.array(off)}")


def main() -> None:
    """Check, then measure."""
    import torch

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scale", type=int, default=1, help="how many times 200 steps")
    parser.add_argument("--restarts", type=int, default=1)
    args = parser.parse_args()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    for sizes, rank, n_restarts in (((13, 21, 3), 3, 2), ((20, 40), 4, 1), ((9, 7, 20), 5, 17)):
        check(sizes, rank, n_restarts, device)
    if device == "cpu":
        return

    def seconds(call: Any, n: int) -> float:
        first, last = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        first.record()
        for _ in range(n):
            call()
        last.record()
        torch.cuda.synchronize()
        return float(first.elapsed_time(last)) / n / 1e3

    block = torch.empty(2**28, device=device)
    other = torch.empty_like(block)
    rate = 8 * 2**28 / min(seconds(lambda: other.copy_(block), 5) for _ in range(5))
    sizes = (150, 200 * args.scale, 10)
    values = torch.rand(150 * 151 // 2, sizes[1] * sizes[2], device=device)
    starts = draw(sizes, 8, args.restarts, np.random.RandomState(0), signed=False)
    fused = FusedSweeps(
        values, sizes, [torch.from_numpy(f.astype(np.float32)).to(device) for f in starts]
    )
    fused.run(PACE)
    times = [seconds(fused.graph.replay, 5) / PACE for _ in range(15)]
    bound = 2 * 4 * values.numel() / rate
    low, middle, high = np.quantile(times, [0, 0.5, 1])
    print(f"copy {rate / 1e9:.0f} GB/s; bound of two reads {bound * 1e6:.0f} us")
    print(
        f"{sizes}, {args.restarts} restarts: {middle * 1e6:.0f} us a sweep [{low * 1e6:.0f},"
        f" {high * 1e6:.0f}], {bound / middle:.2f} of the bound"
    )


if __name__ == "__main__":
    main()
