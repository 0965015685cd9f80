"""Training on several processes at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn


class Processes:
    """The other processes of an ``accelerate launch``: each takes its share of every batch.

    Raises
    ------
    ImportError
        If accelerate is not installed.
    """

    def __init__(self) -> None:
        try:
            from accelerate import Accelerator
        except ImportError:
            raise ImportError(
                "Trainer(device='accelerate') needs accelerate:"
                ' pip install "neurokit-brain[accelerate]".'
            ) from None
        self.accelerator = Accelerator()
        self.device: torch.device = self.accelerator.device
        self.rank: int = self.accelerator.process_index
        self.n: int = self.accelerator.num_processes

    def share(self, rows: Any) -> tuple[Any, float]:
        """Return the rows of this process, and what their mean weighs in the mean over all."""
        mine = rows[self.rank :: self.n]
        if len(mine):
            return mine, len(mine) * self.n / len(rows)
        return rows[:1], 0.0  # the last batch may have fewer rows than there are processes

    def average(self, value: Tensor, parameters: list[nn.Parameter], module: nn.Module) -> Tensor:
        """Average loss and gradients in place; running averages follow the first process."""
        from accelerate.utils import broadcast

        for parameter in parameters:
            if parameter.grad is not None:
                parameter.grad = self.accelerator.reduce(parameter.grad, "mean")
        for buffer in module.buffers():
            buffer.copy_(broadcast(buffer.detach().clone()))
        return self.accelerator.reduce(value.detach(), "mean")

    def mean(self, value: Tensor) -> Tensor:
        """Average a number over all processes."""
        return self.accelerator.reduce(value.detach(), "mean")
