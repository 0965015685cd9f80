"""Frames of a recording: how long they are, and how levelled samples are cut into them."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np

from neurokit.inputs.signal import Signal, cut_spans
from neurokit.tokenizers.framing.level import Leveller
from neurokit.types import Codes, Floats

_DRAWN = 64  # s of a recording whose frames are drawn at once


class Frames:
    """Lengths of one recording's frames: a frame is ``n_steps`` steps of the leveller.

    Parameters
    ----------
    rate, model_rate : Fraction
        Rate of the recording, and the one at which it is coded, in Hz.
    hop, n_steps : int
        Samples per step, at ``model_rate``, and steps per frame.
    level_period : int, optional
        Frames that share a level. Default: about a second of them.
    causal : bool, default=True
        Level each period by the one before.
    """

    def __init__(
        self,
        rate: Fraction,
        model_rate: Fraction,
        hop: int,
        n_steps: int = 1,
        *,
        level_period: int | None = None,
        causal: bool = True,
    ) -> None:
        self.rate, self.model_rate, self.hop, self.n_steps = rate, model_rate, hop, n_steps
        self.size = hop * n_steps  # samples per frame, at model_rate
        self.frame_rate = model_rate / self.size
        self.level_period = level_period or max(round(self.frame_rate), 1)
        self.causal = causal

    def leveller(self, n_rows: int, start: int = 0) -> Leveller:
        """Begin to level ``n_rows`` channels, from period ``start`` on."""
        return Leveller(
            self.rate,
            self.model_rate,
            hop=self.hop,
            period=self.level_period * self.n_steps,
            causal=self.causal,
            n_rows=n_rows,
            start=start,
        )

    def count(self, n_times: int) -> int:
        """Count the frames that cover ``n_times`` samples of the recording."""
        return -(-self.leveller(1).n_frames(n_times) // self.n_steps)


class Framer:
    """Push samples, get whole levelled frames, as soon as nothing that follows can change them.

    Parameters
    ----------
    frames : Frames
    n_rows : int
    start : int, default=0
        Period to begin at; see `Leveller`.
    """

    def __init__(self, frames: Frames, n_rows: int, start: int = 0) -> None:
        self.n_rows = n_rows
        self._frames = frames
        self._leveller = frames.leveller(n_rows, start)
        self._samples: Floats = np.zeros((n_rows, 0))
        self._side: Codes = np.zeros((n_rows, 0, 2), np.int64)

    def push(self, x: Floats, *, last: bool) -> tuple[Floats, Codes]:
        """Take samples (row, time); with ``last``, the recording ends with them.

        Returns
        -------
        frames : ndarray of shape (n_rows, n_frames, n_samples)
        side : ndarray of shape (n_rows, n_frames, 2)
            Codes of the level.
        """
        n_steps, hop, size = self._frames.n_steps, self._frames.hop, self._frames.size
        samples, side = self._leveller.push(x, last=last)
        if n_steps == 1:  # no step waits for others
            return samples.reshape(self.n_rows, -1, hop), side
        samples = np.concatenate([self._samples, samples], 1)
        side = np.concatenate([self._side, side], 1)
        if last and (missing := -side.shape[1] % n_steps):
            samples = np.pad(samples, ((0, 0), (0, missing * hop)), "edge")
            side = np.pad(side, ((0, 0), (0, missing), (0, 0)), "edge")
        n = side.shape[1] // n_steps
        self._samples, self._side = samples[:, n * size :], side[:, n * n_steps :]
        return samples[:, : n * size].reshape(self.n_rows, n, size), side[
            :, : n * n_steps : n_steps
        ]


def level_whole(frames: Frames, signal: Signal, caller: str) -> Floats:
    """Return the levelled frames (row, frame, sample) of a whole recording."""
    x = signal.load(0, signal.n_times, caller)
    return Framer(frames, signal.n_rows).push(x, last=True)[0]


def draw_frames(frames: Frames, signal: Signal, limit: int, caller: str) -> Floats:
    """Draw levelled frames (n, sample), evenly where there are more than ``limit``."""
    framer = Framer(frames, signal.n_rows)
    every = max(-(-frames.count(signal.n_times) * signal.n_rows // limit), 1)
    kept, seen = [], 0
    for start, stop in cut_spans(signal.n_times, math.ceil(_DRAWN * signal.rate)):
        x = signal.load(start, stop, caller)
        rows = framer.push(x, last=stop == signal.n_times)[0]
        rows = rows.reshape(-1, rows.shape[-1])
        kept.append(rows[-seen % every :: every].copy())
        seen += len(rows)
    return np.concatenate(kept)
