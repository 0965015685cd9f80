"""The network over whole recordings, in pieces, and live."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from neurokit.inputs.chunks import ChunkLabels
from neurokit.pretraining.spiking.reading import Piece
from neurokit.streaming import check_chunk

if TYPE_CHECKING:
    from torch import Tensor

    from neurokit.nn.spikes import Output, SpikeNetwork, State

_BINS, _TOKENS = 256, 2048  # at a time


def walk(network: SpikeNetwork, piece: Piece, presence: Tensor | None = None) -> Iterator[Any]:
    """Run over a stretch without keeping gradients of what lies further back.

    Yields the slice of bins and the `Output` there; ``presence`` (batch, unit) runs so many
    versions of the past side by side.
    """
    import torch

    n = 1 if presence is None else len(presence)
    spikes = 1 + (piece.counts.sum(1).mean() if network.observation == "event" else 0)
    size = int(np.clip(_TOKENS / spikes, 1, _BINS))
    state: State | None = None
    for start in range(0, len(piece.counts), size):
        part = slice(start, start + size)
        counts = torch.from_numpy(piece.counts[part])[None].expand(n, -1, -1)
        seen = torch.from_numpy(piece.seen[part])[None]
        z = piece.covariates
        beside = None if z is None else torch.from_numpy(z[part])[None].expand(n, -1, -1)
        out: Output = network(counts, beside, seen=seen, presence=presence, state=state)
        yield part, out
        state = detach(out.state)


def detach(state: State) -> State:
    """Return a state through which no gradient flows."""
    memories = [type(m)(*(part.detach() for part in m)) for m in state.memories]
    return state._replace(counts=state.counts.detach(), memories=memories)


def intensities(out: Output, n_bins: int) -> Tensor:
    """Return the log intensity of each cell (batch, bin, unit) when it could first be hit."""
    from neurokit.nn.events import first_of_cells

    if out.events is None:
        return out.log_intensity
    return first_of_cells(out.log_intensity, out.events, n_bins)


class SpikeStream:
    """A live recording: counts in, intensities out; keys and values of the past are kept."""

    def __init__(self, estimator: Any, network: SpikeNetwork) -> None:
        self._name = type(estimator).__name__
        self._network = network
        self._n_units = estimator.n_features_in_
        self._n_covariates = len(estimator.covariate_mean_)
        self._mean, self._scale = estimator.covariate_mean_, estimator.covariate_scale_
        self._labels = ChunkLabels.of_fit(estimator)
        self._state: State | None = None

    def push(self, chunk: Any, covariates: Any = None) -> NDArray[np.float32]:
        """Take the next counts (n_bins, n_units); return the intensity of each, as `predict`.

        ``covariates`` (n_bins, n_features) stand beside them, where the model knows some.
        """
        import torch

        counts = check_chunk(self._name, chunk, self._n_units, labels=self._labels)
        beside = None
        if covariates is not None and self._n_covariates:
            given = check_chunk(self._name, covariates, self._n_covariates, "covariates")
            if len(given) != len(counts):
                raise ValueError(
                    f"{self._name}.stream: push takes one row of covariates for each of"
                    f" {len(counts)} bins, got {len(given)}."
                )
            z = ((given - self._mean) / self._scale).astype(np.float32)
            beside = torch.from_numpy(z)[None]
        if not len(counts):
            return np.empty((0, self._n_units), np.float32)
        x = torch.from_numpy(counts.astype(np.float32))[None]
        with torch.no_grad():
            out = self._network(x, beside, state=self._state)
            self._state = out.state
            return np.asarray(intensities(out, len(counts))[0].exp().numpy())

    def flush(self) -> NDArray[np.float32]:
        """End the recording; nothing waits."""
        return np.empty((0, self._n_units), np.float32)
