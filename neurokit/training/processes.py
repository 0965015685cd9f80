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
            from accelerate import Accelerator, DistributedDataParallelKwargs
        except ImportError:
            raise ImportError(
                "Trainer(device='accelerate') needs accelerate:"
                ' pip install "neurokit-brain[accelerate]".'
            ) from None
        # a layer may take part in some batches only
        some = DistributedDataParallelKwargs(find_unused_parameters=True)
        self.accelerator = Accelerator(kwargs_handlers=[some])
        self.device: torch.device = self.accelerator.device
        self.rank: int = self.accelerator.process_index
        self.n: int = self.accelerator.num_processes

    def share(self, rows: Any) -> tuple[Any, float]:
        """Return the rows of this process, and what their mean weighs in the mean over all."""
        mine = rows[self.rank :: self.n]
        if len(mine):
            return mine, len(mine) * self.n / len(rows)
        return rows[:1], 0.0  # the last batch may have fewer rows than there are processes

    def prepare(self, objective: nn.Module) -> nn.Module:
        """Return what computes the loss and averages gradients over all processes on the way."""
        prepared: nn.Module = self.accelerator.prepare_model(objective)
        return prepared

    def share_buffers(self, module: nn.Module) -> None:
        """Let running averages follow the first process, all of one type in one message."""
        import torch
        from accelerate.utils import broadcast

        kinds: dict[torch.dtype, list[Tensor]] = {}
        for buffer in module.buffers():
            kinds.setdefault(buffer.dtype, []).append(buffer)
        for buffers in kinds.values():
            flat = broadcast(torch.cat([one.detach().reshape(-1) for one in buffers]))
            for one, part in zip(buffers, flat.split([b.numel() for b in buffers]), strict=True):
                one.copy_(part.view_as(one))

    def mean(self, value: Tensor) -> Tensor:
        """Average a number over all processes."""
        return self.accelerator.reduce(value.detach(), "mean")
