"""Sweeps of a batch of restarts: one after another, or many at a time where a GPU has kernels."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeGuard

import numpy as np

from neurokit.connectomes.tensors.backend import Array, module_of, to_host
from neurokit.connectomes.tensors.dense import Dense, Update
from neurokit.connectomes.tensors.packed import Pairs
from neurokit.connectomes.tensors.symmetric import Symmetric
from neurokit.connectomes.tensors.updates import balance, rule_of

if TYPE_CHECKING:
    import torch

    from neurokit.nn.kernels.factors_cuda import PairSweeps

Operand = Dense | Symmetric
LARGEST = 2**31 - 1  # places inside the buffers of the kernels are 32 bits
WIDEST = 32  # components of which a kernel holds the products of all pairs


class Settings(NamedTuple):
    """How to fit."""

    rule: str  # "hals" or "als"
    penalty: float  # relative, see `Stepwise`
    max_iter: int
    tol: float
    checkpoint: Path | None = None


class Steps(NamedTuple):
    """What some sweeps led to."""

    factors: list[Array]  # (n_restarts, size, rank) each
    inner: np.ndarray  # <X, model> after each sweep, (n_sweeps, n_restarts)
    square: np.ndarray  # ||model||^2, the same shape


class Sweeps(Protocol):
    """A way to sweep; ``pace`` is how many sweeps go by before the host hears of them."""

    pace: int

    def advance(self, moving: list[Array], n_sweeps: int) -> Steps:
        """Sweep ``n_sweeps`` times, at most ``pace``; ``moving`` stays as it is."""


class Stepwise:
    """One sweep at a time, by products of NumPy or torch: any operand, any rule."""

    pace = 1

    def __init__(self, operand: Operand, settings: Settings) -> None:
        self.operand = operand
        self.penalised = settings.penalty > 0
        self.update = _update(operand, settings)

    def advance(self, moving: list[Array], n_sweeps: int) -> Steps:
        """See `Sweeps`."""
        moving, inner, square = self.operand.sweep(moving, self.update)
        moving = balance(moving, self.operand.powers, total=self.penalised)
        return Steps(moving, to_host(inner)[None], to_host(square)[None])


class Graphed(Stepwise):
    """The same products of torch on a CUDA device, launched as one graph for each sweep."""

    pace = 25

    def __init__(self, operand: Operand, settings: Settings) -> None:
        super().__init__(operand, settings)
        self._graph: torch.cuda.CUDAGraph | None = None
        self._held: list[Array] = []
        self._last: list[Array] = []
        self._sums: Array = None

    def advance(self, moving: list[Array], n_sweeps: int) -> Steps:
        """See `Sweeps`."""
        graph = self._graph
        if graph is None or len(self._held[0]) != len(moving[0]):
            graph = self._graph = self._capture(moving)
        if moving is not self._last:
            for held, factor in zip(self._held, moving, strict=True):
                held.copy_(factor)
        rows = []
        for _ in range(n_sweeps):
            graph.replay()
            rows.append(self._sums.clone())
        self._last = [held.clone() for held in self._held]
        table = to_host(module_of(self._sums).stack(rows))
        return Steps(self._last, table[:, 0], table[:, 1])

    def _capture(self, moving: list[Array]) -> torch.cuda.CUDAGraph:
        import torch

        self._graph = None  # its buffers first
        self._held = [factor.clone() for factor in moving]
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            self._sweep()  # what is made once, and places that libraries ask for, come first
        torch.cuda.current_stream().wait_stream(side)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            self._sums = self._sweep()
        self._last = []
        return graph

    def _sweep(self) -> Array:
        moving, inner, square = self.operand.sweep(list(self._held), self.update)
        moving = balance(moving, self.operand.powers, total=self.penalised)
        for held, factor in zip(self._held, moving, strict=True):
            held.copy_(factor)
        return module_of(inner).stack([inner, square])


class Fused:
    """Many sweeps in one CUDA graph, for a packed tensor of which every entry is known.

    Parameters
    ----------
    operand : Pairs
    n_restarts : int
        All restarts of the fit; the width of the products follows from it, so that a fit that is
        taken up again, when some are done, makes the same sums.
    rank : int
    """

    def __init__(self, operand: Pairs, n_restarts: int, rank: int) -> None:
        from neurokit.nn.kernels import factors_cuda

        self.operand = operand
        self.n_restarts = n_restarts
        self.rank = rank
        self.pace = factors_cuda.PACE
        self._kernels: PairSweeps | None = None
        self._last: list[Array] = []

    def advance(self, moving: list[Array], n_sweeps: int) -> Steps:
        """See `Sweeps`."""
        from neurokit.nn.kernels.factors_cuda import PairSweeps, layout_of

        n_restarts = len(moving[0])
        layout = self.n_restarts, n_restarts, self.rank
        if self._kernels is None or self._kernels.layout != layout_of(*layout):
            self._kernels = None  # its buffers first
            self._kernels = PairSweeps(self.operand.values, self.operand.sizes, *layout)
        if moving is not self._last:
            self._kernels.load(moving)
        sums = self._kernels.run(n_sweeps).numpy()[:, :n_restarts]
        self._last = self._kernels.factors(n_restarts)
        return Steps(self._last, sums[..., 0], sums[..., 1])


def sweeps_of(
    operand: Operand, settings: Settings, like_this: Array, n_restarts: int, rank: int
) -> Sweeps:
    """Return the fastest way to sweep where ``like_this`` lives.

    Parameters
    ----------
    operand : Dense or Symmetric
    settings : Settings
    like_this : array
        Anything of the dtype and on the device of the factors.
    n_restarts, rank : int
        All restarts of the fit, and the number of components.
    """
    if isinstance(like_this, np.ndarray) or like_this.device.type != "cuda":
        return Stepwise(operand, settings)
    if _has_kernels(operand, settings, like_this, n_restarts, rank):
        return Fused(operand, n_restarts, rank)
    streamed = isinstance(operand, Pairs) and operand.values is None
    if settings.rule == "hals" and not streamed:
        return Graphed(operand, settings)
    return Stepwise(operand, settings)


def _has_kernels(
    operand: Operand, settings: Settings, like_this: Array, n_restarts: int, rank: int
) -> TypeGuard[Pairs]:
    if not isinstance(operand, Pairs) or operand.values is None or operand.missing is not None:
        return False
    if importlib.util.find_spec("triton") is None or operand.values.dtype != like_this.dtype:
        return False
    plain = settings.rule == "hals" and settings.penalty == 0 and like_this.itemsize == 4
    n_pairs, n_cells = operand.values.shape
    room = 16 * max(n_pairs, n_cells) * (2 * n_restarts * rank + 128)  # of the partial sums
    return (
        plain
        and operand.presence.complete
        and len(operand.sizes) <= 3
        and rank <= WIDEST
        and room < LARGEST
    )


def _update(operand: Operand, settings: Settings) -> Update:
    rule = rule_of(settings.rule)
    # so that X and 3 X have the same solution up to scale
    order = sum(operand.powers)
    penalty = settings.penalty * operand.norm2 ** (1 - 1 / (2 * order))

    def update(mode: int, factor: Array, product: Array, weights: Array) -> Array:
        return rule(factor, product, weights, penalty)

    return update
