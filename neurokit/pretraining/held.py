"""Windows that were cut once and stand beside the network, where a GPU has the room."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from neurokit.training.examples import Examples, Rows

if TYPE_CHECKING:
    import torch
    from torch import Tensor

_AT_ONCE = 256  # windows cut at a time


class HeldWindows(Examples):
    """The windows of a corpus, cut and resampled once for all epochs.

    Parameters
    ----------
    corpus : Examples
    shapes : sequence of tuple of int
        Channels and frames of each window; those of one shape are in one batch.
    device : torch.device
        Where patches are kept; what is small is kept there too.
    """

    def __init__(
        self, corpus: Examples, shapes: Sequence[tuple[int, ...]], device: torch.device
    ) -> None:
        import torch

        self.corpus = corpus
        alike: dict[tuple[int, ...], list[int]] = {}
        for k, shape in enumerate(shapes):
            alike.setdefault(shape, []).append(k)
        self.bucket, self.place = (np.zeros(len(corpus), np.intp) for _ in range(2))
        self.held: list[tuple[Tensor, ...]] = []
        for rows in alike.values():
            self.bucket[rows], self.place[rows] = len(self.held), np.arange(len(rows))
            parts = [
                [x.to(device) for x in corpus.take(np.array(rows[at : at + _AT_ONCE], np.intp))]
                for at in range(0, len(rows), _AT_ONCE)
            ]
            self.held.append(tuple(torch.cat(found) for found in zip(*parts, strict=True)))

    def __len__(self) -> int:
        return len(self.corpus)

    def divide(self, rows: Rows, batch_size: int) -> list[Rows]:
        """Cut ``rows`` into batches of one shape, as the corpus does."""
        return self.corpus.divide(rows, batch_size)

    def take(self, rows: Rows) -> tuple[Tensor, ...]:
        """Return what the corpus returns."""
        import torch

        held = self.held[self.bucket[rows[0]]]
        at = torch.from_numpy(self.place[rows]).to(held[0].device)
        return tuple(x[at] for x in held)

    def fingerprint(self) -> str:
        """Return the name of the corpus."""
        return self.corpus.fingerprint()
