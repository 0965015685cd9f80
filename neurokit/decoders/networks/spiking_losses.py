"""What spiking networks along time learn from: their error, and how often their units fire."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from neurokit.decoders.networks.learning import average_error
from neurokit.decoders.networks.spiking_design import average_readouts, run_network
from neurokit.decoders.networks.windows import gather_windows

if TYPE_CHECKING:
    from torch import Tensor

    from neurokit.nn.spiking import SpikingSequential


class Limit(NamedTuple):
    """How often units may fire, and how hard more is punished."""

    rate_max: float | None  # Hz; None: as often as they like
    weight: float
    rate: float  # steps per second

    def punish(self, spikes: list[Tensor]) -> Tensor | float:
        """Punish the units that fire more often than they may."""
        if self.rate_max is None:
            return 0.0
        return self.weight * sum(
            ((s.mean((0, 1)) * self.rate - self.rate_max).clamp(min=0) ** 2).mean() / self.rate_max
            for s in spikes
        )


class WindowsLoss(NamedTuple):
    """Error over windows of successive steps, the examples first."""

    limit: Limit
    credit: str

    def __call__(self, module: SpikingSequential, x: Tensor, y: Tensor, mask: Tensor) -> Tensor:
        """Average the squared error over the steps that ``mask`` (example, time) counts."""
        import torch

        if self.credit != "bptt" and torch.is_grad_enabled():
            return local_loss(module, x, y, mask, self.credit)
        output, spikes = run_network(module, x.transpose(0, 1), y.shape[-1])
        return average_error(output.transpose(0, 1), y, mask) + self.limit.punish(spikes)


class LastStepLoss(NamedTuple):
    """Error at the last step of windows that are gathered from running sums."""

    limit: Limit
    sums: Tensor
    n_parts: int
    width: int

    def __call__(self, module: SpikingSequential, at: Tensor, truth: Tensor) -> Tensor:
        """Average the squared error over the windows that end at the rows ``at``."""
        x = gather_windows(self.sums.to(at.device), at, self.n_parts, self.width)
        output, spikes = run_network(module, x.transpose(0, 1), truth.shape[-1])
        return ((output[-1] - truth) ** 2).mean() + self.limit.punish(spikes)


def local_loss(
    module: SpikingSequential, x: Tensor, y: Tensor, mask: Tensor, credit: str
) -> Tensor:
    """Return a loss whose gradient is that of a rule in constant memory.

    Parameters
    ----------
    module : SpikingSequential
    x, y : Tensor of shape (n_examples, time, ...)
    mask : Tensor of shape (n_examples, time)
        Steps that count.
    credit : str
        See `neurokit.nn.accumulate_gradients`.
    """
    import torch

    from neurokit.nn.credit import accumulate_gradients

    weights = mask * (mask.numel() / mask.sum().clamp(min=1))
    goal = torch.cat((y, weights[..., None]), -1).transpose(0, 1)

    def loss(output: Tensor, goal: Tensor) -> Tensor:
        error = (average_readouts(output, y.shape[-1]) - goal[..., :-1]) ** 2
        return (error.mean(-1) * goal[..., -1]).mean()

    parameters = [p for p in module.parameters() if p.requires_grad]
    for p in parameters:
        p.grad = None
    value, _ = accumulate_gradients(
        module, x.transpose(0, 1).contiguous(), goal, loss, credit=credit
    )
    grads = [torch.zeros_like(p) if p.grad is None else p.grad.clone() for p in parameters]
    line = torch.stack([(p * g).sum() for p, g in zip(parameters, grads, strict=True)]).sum()
    return line - line.detach() + value  # value of the one, gradient of the other
