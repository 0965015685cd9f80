"""Live use: what a stream is, what it takes, and how it keeps the recent past."""

import math
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neurokit.types import Doubles, Recording


@runtime_checkable
class Stream(Protocol):
    """What ``est.stream(...)`` returns: the state of one live recording.

    Outputs of ``push`` for chunks of any length, and of the final ``flush``, joined together,
    are what the estimator gives for the whole recording. The estimator itself does not change,
    so one fitted estimator serves any number of streams. Chunks have the axes of plain arrays:
    (n_times, n_units) for decoders along time, (n_channels, n_times) for tokenizers.
    """

    def push(self, chunk: Recording) -> Any:
        """Take the next samples; return the outputs that are now decided."""

    def flush(self) -> Any:
        """End the recording; return the outputs that waited for more samples."""


def check_chunk(caller: str, chunk: ArrayLike, n_columns: int, what: str = "counts") -> Doubles:
    """Return a chunk as an array, or refuse it: NaN would stay in the state for good."""
    chunk = np.asarray(chunk)
    if chunk.ndim != 2 or chunk.shape[1] != n_columns:
        raise ValueError(
            f"{caller}.stream: push takes {what} of shape (n, {n_columns}), got {chunk.shape}."
        )
    if not math.isfinite(np.add.reduce(chunk, axis=None)):
        raise ValueError(f"{caller}.stream: the {what} hold NaN or infinity.")
    return chunk


class History:
    """Rows that came before, in front of the rows that just came, without allocation.

    Parameters
    ----------
    past : ndarray of shape (n_past, n_features)
        What stood before the first row.

    Examples
    --------
    >>> history = History(np.zeros((1, 1)))
    >>> history.push(np.array([[1.0], [2.0]])).ravel()
    array([0., 1., 2.])
    >>> history.push(np.array([[3.0]])).ravel()
    array([2., 3.])
    """

    def __init__(self, past: NDArray[np.float64]) -> None:
        self.n_past, n_features = past.shape
        self._rows = np.empty((4 * self.n_past + 256, n_features))
        self._rows[: self.n_past] = past
        self._end = self.n_past

    def push(self, chunk: NDArray[np.floating]) -> NDArray[np.float64]:
        """Return the view of the ``n_past`` rows before ``chunk`` and of its own.

        It is overwritten by the next calls: copy what must stay.
        """
        n, end = len(chunk), self._end
        if end + n > len(self._rows):  # the newest rows move to the front, now and then
            past = self._rows[end - self.n_past : end].copy()
            if self.n_past + n > len(self._rows):
                self._rows = np.empty((self.n_past + 2 * n, past.shape[1]))
            self._rows[: self.n_past] = past
            end = self.n_past
        self._rows[end : end + n] = chunk
        self._end = end + n
        return self._rows[end - self.n_past : end + n]
