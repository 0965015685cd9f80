"""A recording on its way to tokens: whole block by block, or live."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from neurokit.tokenizers._signal import finite
from neurokit.tokenizers.framing.frames import Framer, Frames

# Levelled frames (row, frame, sample) and codes of their level (row, frame, 2) to tokens
# (row, frame, column). It may remember: each call goes on where the last one ended.
Encode = Callable[[NDArray[Any], NDArray[Any]], NDArray[Any]]


class TokenStream:
    """A live recording on its way to tokens; ``stream`` of a tokenizer makes it.

    Frames come when nothing that follows can change them: those of the first second when it is
    over, all others as soon as their last sample is there (and, where the recording is resampled,
    twelve samples more of the slower rate).
    """

    def __init__(
        self, name: str, frames: Frames, encode: Encode, n_rows: int, start: int = 0
    ) -> None:
        self._name = name
        self._framer = Framer(frames, n_rows, start)
        self._encode = encode
        self._over = False

    def push(self, chunk: Any) -> NDArray[Any]:
        """Take samples.

        Parameters
        ----------
        chunk : xarray.DataArray or ndarray of shape (n_channels, n)

        Returns
        -------
        ndarray of uint16, shape (n_channels, n_frames, n_columns)
            The frames that are now decided; perhaps none.
        """
        if isinstance(chunk, xr.DataArray):
            chunk = chunk.transpose("channel", "time").values
        chunk = np.asarray(chunk, np.float64)
        n_rows = self._framer.n_rows
        if chunk.ndim != 2 or len(chunk) != n_rows:
            raise ValueError(
                f"{self._name}: the stream takes chunks of shape ({n_rows}, n), got {chunk.shape}."
            )
        return self.code(finite(chunk, f"{self._name}.stream"), last=False)

    def flush(self) -> NDArray[Any]:
        """End the recording; return the frames that are left, the last filled up."""
        return self.code(np.zeros((self._framer.n_rows, 0)), last=True)

    def code(self, x: NDArray[Any], *, last: bool) -> NDArray[Any]:
        """Take samples (row, time) that have been looked at."""
        if self._over:
            raise ValueError(f"{self._name}: the recording is over; start another with stream().")
        self._over = last
        return self._encode(*self._framer.push(x, last=last)).astype(np.uint16)
