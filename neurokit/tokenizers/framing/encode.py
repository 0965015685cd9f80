"""A recording on its way to tokens: whole block by block, or live."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike

from neurokit.inputs.chunks import ChunkLabels
from neurokit.inputs.signal import refuse_gaps
from neurokit.tokenizers.framing.frames import Framer, Frames
from neurokit.tokenizers.montages.each_channel import Montage
from neurokit.types import Codes, Floats

# Levelled frames (row, frame, sample) to codes (row, frame, column). It may remember: each call
# goes on where the last one ended.
Encode: TypeAlias = Callable[[Floats], Codes]


class TokenStream:
    """A live recording on its way to tokens; ``stream`` of a tokenizer makes it.

    Frames come when nothing that follows can change them: those of the first second when it is
    over, all others as soon as their last sample is there (and, where the recording is resampled,
    twelve samples more of the slower rate).
    """

    def __init__(
        self,
        name: str,
        frames: Frames,
        montage: Montage,
        encode: Encode,
        n_rows: int,
        start: int = 0,
    ) -> None:
        self._name = name
        self._framer = Framer(frames, n_rows, start)
        self._montage = montage
        self._encode = encode
        self._over = False
        self._labels: ChunkLabels | None = None

    def push(self, chunk: xr.DataArray | ArrayLike) -> Codes:
        """Take samples.

        Parameters
        ----------
        chunk : xarray.DataArray or ndarray of shape (n_channels, n)
            What carries labels is read as the first chunk was: channels by name, in its unit.

        Returns
        -------
        ndarray of uint16, shape (n_channels, n_frames, n_columns)
            The frames that are now decided; perhaps none.
        """
        if isinstance(chunk, xr.DataArray):
            if self._labels is None:
                self._labels = ChunkLabels.of_first(self._name, chunk, "channel")
            chunk = self._labels(chunk).T
        x = np.asarray(chunk, np.float64)
        n_rows = self._framer.n_rows
        if x.ndim != 2 or len(x) != n_rows:
            raise ValueError(
                f"{self._name}: the stream takes chunks of shape ({n_rows}, n), got {x.shape}."
            )
        return self.code(refuse_gaps(x, f"{self._name}.stream"), last=False)

    def flush(self) -> Codes:
        """End the recording; return the frames that are left, the last filled up."""
        return self.code(np.zeros((self._framer.n_rows, 0)), last=True)

    def code(self, x: Floats, *, last: bool) -> Codes:
        """Take samples (row, time) that have been looked at."""
        if self._over:
            raise ValueError(f"{self._name}: the recording is over; start another with stream().")
        self._over = last
        frames, side = self._framer.push(x, last=last)
        codes = self._encode(self._montage.gather(frames))
        return np.concatenate([self._montage.pack_side(side), codes], -1).astype(np.uint16)
