"""Live use: what a stream is, and the buffers that keep its hot path free of allocation."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray


@runtime_checkable
class Stream(Protocol):
    """What ``est.stream(...)`` returns: the state of one live recording.

    Outputs of ``push`` for chunks of any length, and of the final ``flush``, joined together,
    are what the estimator gives for the whole recording. The estimator itself does not change,
    so one fitted estimator serves any number of streams. Chunks have the axes of plain arrays:
    (n_times, n_units) for decoders along time, (n_channels, n_times) for tokenizers.
    """

    def push(self, chunk: Any) -> Any:
        """Take the next samples; return the outputs that are now decided."""

    def flush(self) -> Any:
        """End the recording; return the outputs that waited for more samples."""


class RingBuffer:
    """The last ``length`` samples of every channel, always as one contiguous view.

    Each sample is written twice, ``length`` apart, so that no window ever wraps: reading costs
    nothing and nothing is allocated after the start.

    Parameters
    ----------
    n_channels : int
    length : int
        Samples remembered.
    dtype : dtype, default=float32

    Examples
    --------
    >>> ring = RingBuffer(1, 3)
    >>> ring.push(np.array([[1.0, 2.0]]))
    >>> ring.push(np.array([[3.0, 4.0]]))
    >>> ring.last(3)
    array([[2., 3., 4.]], dtype=float32)
    """

    def __init__(self, n_channels: int, length: int, dtype: Any = np.float32) -> None:
        self.length = length
        self._values = np.zeros((n_channels, 2 * length), dtype)
        self._head = 0  # where the next sample goes, in [0, length)

    def push(self, chunk: NDArray[Any]) -> None:
        """Append samples.

        Parameters
        ----------
        chunk : ndarray of shape (n_channels, n)
        """
        n = chunk.shape[-1]
        if n > self.length:
            chunk, n = chunk[:, -self.length :], self.length
        first = min(n, self.length - self._head)
        for start in (self._head, self._head + self.length):
            self._values[:, start : start + first] = chunk[:, :first]
        if rest := n - first:
            self._values[:, :rest] = chunk[:, first:]
            self._values[:, self.length : self.length + rest] = chunk[:, first:]
        self._head = (self._head + n) % self.length

    def last(self, n: int) -> NDArray[Any]:
        """View of the newest ``n`` samples, oldest first, shape (n_channels, n); zeros before."""
        end = self._head + self.length
        return self._values[:, end - n : end]


class FrameBuffer:
    """Cut chunks of any length into frames of ``frame`` samples, one every ``hop``.

    Parameters
    ----------
    n_channels : int
    frame : int
        Samples in a frame.
    hop : int, optional
        Samples from one frame to the next, at most ``frame``. Default: ``frame``.
    history : int, default=0
        Zeros that stand before the first sample, as a causal filter assumes.
    dtype : dtype, default=float32

    Attributes
    ----------
    n_pending : int
        Samples taken since the last whole frame.

    Examples
    --------
    >>> frames = FrameBuffer(1, 2)
    >>> [f.tolist() for f in frames.push(np.arange(3.0)[None])]
    [[[0.0, 1.0]]]
    >>> [f.tolist() for f in frames.push(np.arange(3.0, 4.0)[None])]
    [[[2.0, 3.0]]]
    """

    def __init__(
        self,
        n_channels: int,
        frame: int,
        hop: int | None = None,
        *,
        history: int = 0,
        dtype: Any = np.float32,
    ) -> None:
        self.frame = frame
        self.hop = frame if hop is None else hop
        self._ring = RingBuffer(n_channels, frame, dtype)
        self._missing = frame - history  # samples until the next frame is whole
        self.n_pending = 0

    def push(self, chunk: NDArray[Any]) -> Iterator[NDArray[Any]]:
        """Yield a view of every frame that ``chunk`` (n_channels, n) completes.

        The view is overwritten by the next one: copy what must stay.
        """
        start, n = 0, chunk.shape[-1]
        while n - start >= self._missing:
            stop = start + self._missing
            self._ring.push(chunk[:, start:stop])
            start, self._missing, self.n_pending = stop, self.hop, 0
            yield self._ring.last(self.frame)
        self._ring.push(chunk[:, start:])
        self._missing -= n - start
        self.n_pending += n - start

    def pending(self) -> NDArray[Any]:
        """View of the ``n_pending`` samples that came after the last whole frame."""
        return self._ring.last(self.n_pending)
