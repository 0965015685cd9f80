"""Live steps of networks: one time step after the other, without torch and without allocation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from neurokit.inputs.chunks import ChunkLabels
from neurokit.streaming import History, check_chunk
from neurokit.types import Floats, Recording

if TYPE_CHECKING:
    pass


class NetworkStream:
    """One live recording through a network, step by step and without torch."""

    labels: ChunkLabels | None = None  # of what fit has seen

    def __init__(
        self,
        name: str,
        layers: Sequence[Any],
        n_units: int,
        mean: Floats,
        scale: Floats,
    ) -> None:
        self._name, self._layers = name, layers
        self._n_units = n_units
        self._mean, self._scale = mean, scale
        self._buffer = Buffer(n_units)

    def push(self, chunk: Recording, out: Floats | None = None) -> Floats:
        """Return the predictions for the next counts."""
        chunk = check_chunk(self._name, chunk, self._n_units, labels=self.labels)
        x = self._buffer.rows(len(chunk))
        x[:] = chunk
        for layer in self._layers:
            x = layer.push(x)
        if out is None:
            out = np.empty((len(chunk), len(self._mean)))
        np.multiply(x, self._scale, out=out)
        out += self._mean
        return out

    def flush(self) -> Floats:
        """Return no more: every prediction was made with its step."""
        return np.empty((0, len(self._mean)))


class Buffer:
    """Memory for the output of a layer, kept from step to step."""

    def __init__(self, *shape: int) -> None:
        self._values = np.empty((1, *shape))

    def rows(self, n: int) -> Floats:
        """Return ``n`` rows to write to; they are overwritten by the next steps."""
        if n > len(self._values):
            self._values = np.empty((n, *self._values.shape[1:]))
        return self._values[:n]


def to_array(tensor: Any) -> NDArray[np.float64]:
    """Copy a tensor to a contiguous float64 array."""
    return np.array(tensor.detach().cpu().numpy(), dtype=np.float64, order="C")


class Dense:
    """Weighted sums of the units of each row."""

    def __init__(self, weight: Floats, bias: Floats, *, rectified: bool = False) -> None:
        from neurokit.decoders.networks.live_kernels import dense_layer

        self._run = dense_layer
        self._weight = np.ascontiguousarray(weight.T)
        self._bias, self._rectified = bias, rectified
        self._buffer = Buffer(len(bias))

    def push(self, x: Floats) -> Floats:
        """Return the sums of every row."""
        out = self._buffer.rows(len(x))
        self._run(x, self._weight, self._bias, self._rectified, out)
        return out


class Windows:
    """Sums over the parts of the window that ends at each step: (step, part, unit)."""

    def __init__(self, n_units: int, n_parts: int, width: int) -> None:
        from neurokit.decoders.networks.live_kernels import window_sums

        self._run = window_sums
        self._history = History(np.zeros((n_parts * width - 1, n_units)))
        self._width = width
        self._buffer = Buffer(n_parts, n_units)

    def push(self, x: Floats) -> Floats:
        """Return the parts of the windows that end at the new rows."""
        rows = self._history.push(x)
        out = self._buffer.rows(len(x))
        self._run(rows, self._width, out)
        return out
