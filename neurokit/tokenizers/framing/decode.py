"""From tokens to samples: networks or tables, level, and resampling back."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np

from neurokit.inputs.signal import cut_spans
from neurokit.tokenizers.framing.frames import Frames
from neurokit.tokenizers.framing.level import SMOOTH, expand, trace
from neurokit.tokenizers.framing.resample import Resampler
from neurokit.tokenizers.montages.each_channel import Montage
from neurokit.types import Codes, Floats

# Codes (row, frame, column) to levelled frames (row, frame, sample). It may remember: each call
# goes on where the last one ended.
Decode: TypeAlias = Callable[[Codes], Floats]

BLOCK = 10  # periods that are coded or decoded at once: bounds memory


class Unleveller:
    """Push tokens, get samples at the model's rate, in the unit of the recording."""

    def __init__(self, frames: Frames, montage: Montage, decode: Decode) -> None:
        self._frames = frames
        self._montage = montage
        self._n_side = len(montage.side_columns())
        self._decode = decode
        self._before: Codes | None = None  # level codes of the last steps

    def push(self, tokens: Codes) -> Floats:
        """Return samples (channel, time) of tokens (row, frame, column)."""
        levelled = self._montage.spread(self._decode(tokens[..., self._n_side :]))
        side = self._montage.unpack_side(tokens[..., : self._n_side])
        side = np.repeat(side, self._frames.n_steps, 1)
        if self._before is None:
            self._before = np.repeat(side[:, :1], SMOOTH, 1)
        scale, offset = trace(side, self._before, self._frames.hop)
        self._before = np.concatenate([self._before, side], 1)[:, -SMOOTH:]
        return expand(levelled.reshape(len(levelled), -1)) * scale + offset


def decode_span(
    frames: Frames,
    montage: Montage,
    decode: Decode,
    tokens: Codes,
    start: int,
    stop: int,
    *,
    first: int = 0,
    ends: bool = True,
) -> Floats:
    """Decode samples ``start`` to ``stop`` of a recording.

    Parameters
    ----------
    frames : Frames
    montage : Montage
    decode : callable
    tokens : ndarray of shape (row, frame, column)
        Tokens of frame ``first`` and those that follow.
    start, stop : int
    first : int, default=0
    ends : bool, default=True
        The last of the tokens is the last of the recording.

    Returns
    -------
    ndarray of float32, shape (channel, stop - start)
    """
    back = Resampler(frames.model_rate, frames.rate)
    unleveller = Unleveller(frames, montage, decode)
    n_frames = tokens.shape[1]
    made: Floats | None = None
    offset, done, parts = first * frames.size, start, []
    for begin, end in cut_spans(n_frames, BLOCK * frames.level_period):
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
