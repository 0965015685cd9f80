"""From tokens to samples: networks or tables, level, and resampling back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurokit.tokenizers._signal import spans
from neurokit.tokenizers.framing import level
from neurokit.tokenizers.framing.frames import Frames
from neurokit.tokenizers.framing.resample import Resampler

# Tokens (row, frame, column) to levelled frames (row, frame, sample) and codes of their level
# (row, frame, 2). It may remember: each call goes on where the last one ended.
Decode = Callable[[NDArray[Any]], tuple[NDArray[Any], NDArray[Any]]]

BLOCK = 10  # periods that are coded or decoded at once: bounds memory


class Unleveller:
    """Push tokens, get samples at the model's rate, in the unit of the recording."""

    def __init__(self, frames: Frames, decode: Decode) -> None:
        self._frames = frames
        self._decode = decode
        self._before: NDArray[Any] | None = None  # level codes of the last steps

    def push(self, tokens: NDArray[Any]) -> NDArray[Any]:
        """Return samples (row, time) of tokens (row, frame, column)."""
        levelled, side = self._decode(tokens)
        side = np.repeat(side, self._frames.n_steps, 1)
        if self._before is None:
            self._before = np.repeat(side[:, :1], level.SMOOTH, 1)
        scale, offset = level.trace(side, self._before, self._frames.hop)
        self._before = np.concatenate([self._before, side], 1)[:, -level.SMOOTH :]
        return level.expand(levelled.reshape(len(levelled), -1)) * scale + offset


def decode_span(
    frames: Frames,
    decode: Decode,
    tokens: NDArray[Any],
    start: int,
    stop: int,
    *,
    first: int = 0,
    ends: bool = True,
) -> NDArray[Any]:
    """Decode samples ``start`` to ``stop`` of a recording.

    Parameters
    ----------
    frames : Frames
    decode : callable
    tokens : ndarray of shape (row, frame, column)
        Of frame ``first`` and those that follow.
    start, stop : int
    first : int, default=0
    ends : bool, default=True
        The last of the tokens is the last of the recording.

    Returns
    -------
    ndarray of float32, shape (row, stop - start)
    """
    back = Resampler(frames.model_rate, frames.rate)
    unleveller = Unleveller(frames, decode)
    n_frames = tokens.shape[1]
    made: NDArray[Any] | None = None
    offset, done, parts = first * frames.size, start, []
    for begin, end in spans(n_frames, BLOCK * frames.level_period):
        new = unleveller.push(tokens[:, begin:end].astype(np.int64))
        made = new if made is None else np.concatenate([made, new], 1)
        n_in = offset + made.shape[1]
        last = ends and end == n_frames
        ready = stop if end == n_frames else min(back.n_ready(n_in), stop)
        if ready > done:
            part = back.apply(made, done, ready, offset=offset, n_in=n_in if last else None)
            parts.append(part.astype(np.float32))
            done = ready
            drop = min(max(back.first_input(done) - offset, 0), made.shape[1] - 1)
            made, offset = made[:, drop:], offset + drop
    if not parts:  # a frame may be shorter than a sample
        return np.zeros((0 if made is None else len(made), 0), np.float32)
    return np.concatenate(parts, 1)
