"""What networks along time need while they learn."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from sklearn.base import clone
from sklearn.utils import check_random_state

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor, nn

    from neurokit.training import Trainer


def draw_seed(random_state: int | np.random.RandomState | None) -> int:
    """Draw the seed of one fit."""
    return int(check_random_state(random_state).randint(2**31))


def slow_down(trainer: Trainer) -> Trainer:
    """Return the trainer that goes on: a quarter of the epochs and of the learning rate."""
    trainer = clone(trainer)
    trainer.n_epochs = max(trainer.n_epochs // 4, 1)
    trainer.learning_rate = trainer.learning_rate / 4
    return trainer


def average_error(output: Tensor, y: Tensor, mask: Tensor) -> Tensor:
    """Average the squared error over the steps that ``mask`` (example, time) counts."""
    error = ((output - y) ** 2).mean(-1)
    return (error * mask).sum() / mask.sum().clamp(min=1)


def find_connections(module: nn.Module) -> list[Tensor]:
    """Return the weight matrices between units of a network."""
    return [p for p in module.parameters() if p.ndim == 2]


@contextmanager
def prune(module: nn.Module, share: float) -> Iterator[None]:
    """Set the smallest weights of every layer to zero, and keep them there in training.

    Parameters
    ----------
    module : nn.Module
    share : float
        Part of the weights of each layer, 0 to 1.
    """
    import torch

    hooks = []
    for weight in find_connections(module):
        mask = torch.ones(weight.numel())
        smallest = weight.detach().abs().flatten().argsort(stable=True)
        mask[smallest[: int(share * len(mask))]] = 0
        mask = mask.view_as(weight)
        with torch.no_grad():
            weight.mul_(mask)
        hooks.append(weight.register_hook(lambda grad, m=mask: grad * m.to(grad.device)))
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()
