"""What networks that embed trials learn from."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from torch import Tensor, nn

LOSSES = ("clip", "mse")
NORMALISATIONS = ("target", "both", "none")


class EmbeddingLoss(NamedTuple):
    """How badly the embeddings of a batch fit their stimuli, and how often the best is right."""

    kind: str
    normalize: str
    temperature: float

    def __call__(
        self, module: nn.Module, x: Tensor, subject: Tensor, y: Tensor, stimulus: Tensor
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the mean over trials, and the share of trials whose own stimulus fits best.

        Parameters
        ----------
        module : nn.Module
        x : Tensor of shape (n_trials, n_channels, n_times)
        subject : Tensor of int, shape (n_trials,)
        y : Tensor of shape (n_trials, n_features[, n_times])
        stimulus : Tensor of int, shape (n_trials,)
        """
        from neurokit.nn.contrast import clip_loss, compare

        z = module(x, subject)
        scores = compare(z, y, self.normalize, self.temperature)
        right = stimulus[scores.argmax(1)] == stimulus
        loss = ((z - y) ** 2).mean() if self.kind == "mse" else clip_loss(scores, stimulus)
        return loss, {"top_1": right.float().mean()}
