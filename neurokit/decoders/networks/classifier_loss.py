"""What networks that tell trials apart learn from."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from neurokit.nn.draws import Draws, generator

if TYPE_CHECKING:
    from torch import Generator, Tensor, nn


class TrialLoss(NamedTuple):
    """How unlikely the true labels are, and how often the likeliest is right."""

    log_probabilities: Callable[[nn.Module, Tensor], Tensor]
    augment: Callable[[Tensor, Generator], Tensor] | None

    def __call__(
        self, module: nn.Module, x: Tensor, index: Tensor, weight: Tensor | None = None
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the mean over trials, and their accuracy beside it.

        Parameters
        ----------
        module : nn.Module
        x : Tensor of shape (n_trials, n_channels, n_times)
            Augmented while the module is trained, never while it is watched.
        index : Tensor of int, shape (n_trials,)
        weight : Tensor of shape (n_trials,), optional
        """
        if self.augment is not None and module.training:
            x = self.augment(x, generator(x.device) or Draws(0).generator(x.device))
        found = self.log_probabilities(module, x)
        unlikely = -found.gather(1, index[:, None])[:, 0]
        if weight is not None:
            unlikely = unlikely * weight
        return unlikely.mean(), {"accuracy": (found.argmax(1) == index).float().mean()}
