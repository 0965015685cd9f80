"""One step of a training: the loss as a module, and a batch in parts."""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor, nn

from neurokit.types import Loss


class Objective(nn.Module):
    """A network with its loss: batches in, loss out, so that both are compiled and shared as one.

    Parameters
    ----------
    module : nn.Module
    loss : callable ``loss(module, *batch)``
    """

    def __init__(self, module: nn.Module, loss: Loss) -> None:
        super().__init__()
        self.module = module
        self.loss = loss

    def forward(self, *batch: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the loss of a batch, and whatever else the loss tells."""
        found = self.loss(self.module, *batch)
        return found if isinstance(found, tuple) else (found, {})


def cut_batch(batch: tuple[Tensor, ...], n: int) -> Iterator[tuple[tuple[Tensor, ...], float]]:
    """Cut a batch into ``n`` parts, fewer where it has fewer examples, each with its share.

    Parameters
    ----------
    batch : tuple of Tensor
        The examples first in each.
    n : int

    Yields
    ------
    part : tuple of Tensor
    share : float
        Part of the examples that are in it.
    """
    if n == 1:
        yield batch, 1.0
        return
    size = len(batch[0])
    for part in zip(*(x.tensor_split(min(n, size)) for x in batch), strict=True):
        yield part, len(part[0]) / size
