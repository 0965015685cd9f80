"""One recording between samples and tokens: its frames, its montage, and a way in and out."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from neurokit.inputs.signal import Signal, cut_spans
from neurokit.inputs.tokens import stage_of
from neurokit.tokenizers.framing.decode import BLOCK, Decode, decode_span
from neurokit.tokenizers.framing.encode import Encode, TokenStream
from neurokit.tokenizers.framing.frames import Framer, Frames
from neurokit.tokenizers.montages.each_channel import Montage
from neurokit.types import Codes, Floats

_ROWS = 64  # channels that are decoded at once, about


class Coding(NamedTuple):
    """What a tokenizer does to one recording, by blocks of time; it can be sent to workers."""

    name: str  # who refuses
    frames: Frames
    montage: Montage
    codes: dict[str, int]  # columns behind those of the level, and how many codes each has
    begin_encoding: Callable[[], Encode]
    begin_decoding: Callable[[int], Decode]  # of the number of stages
    n_past: tuple[float, float]  # frames before its own that a token, a decoded frame, needs

    @property
    def columns(self) -> dict[str, int]:
        """All columns of the tokens, those of the level first."""
        return self.montage.side_columns() | self.codes

    @property
    def n_stages(self) -> int:
        """Stages of the quantiser."""
        return max(stage_of(column) for column in self.codes)

    def count_columns(self, n_levels: int) -> int:
        """Count the columns that the first ``n_levels`` stages need."""
        return sum(stage_of(column) <= n_levels for column in self.columns)

    def stream(self, n_rows: int, start: int = 0) -> TokenStream:
        """Begin to code ``n_rows`` channels, from period ``start`` on."""
        encode = self.begin_encoding()
        return TokenStream(self.name, self.frames, self.montage, encode, n_rows, start)

    def by_blocks(self, signal: Signal, caller: str) -> Iterator[tuple[Floats, bool]]:
        """Walk over a recording: samples (row, time) of some seconds, and whether it ends there.

        Parameters
        ----------
        signal : Signal
        caller : str
            Who refuses NaN.
        """
        frames = self.frames
        size = math.ceil(BLOCK * frames.level_period * signal.rate / frames.frame_rate)
        for start, stop in cut_spans(signal.n_times, size):
            yield signal.load(start, stop, caller), stop == signal.n_times

    def encode(self, signal: Signal) -> Codes:
        """Return the tokens (trial, row, frame, level) of a recording."""
        stream = self.stream(signal.n_rows)
        blocks = [stream.code(x, last=last) for x, last in self.by_blocks(signal, self.name)]
        joined = np.concatenate(blocks, 1)
        return joined.reshape(signal.n_trials, -1, *joined.shape[1:])

    def decode(
        self,
        tokens: Codes,
        n_levels: int,
        start: int,
        stop: int,
        *,
        first: int = 0,
        ends: bool = True,
    ) -> Floats:
        """Decode tokens ([trial,] row, frame, level) to some samples; see `decode_span`."""
        lead = tokens.shape[:-3]
        n_trials = math.prod(lead)
        rows = tokens.reshape(-1, *tokens.shape[-2:])
        out = np.empty((n_trials * self.montage.n_channels, stop - start), np.float32)
        for here, there, montage in self.montage.cut(n_trials, _ROWS):
            decode = self.begin_decoding(n_levels)
            out[there] = decode_span(
                self.frames, montage, decode, rows[here], start, stop, first=first, ends=ends
            )
        return out.reshape(*lead, self.montage.n_channels, stop - start)

    def embed(self, signal: Signal, vectors: Callable[[Floats], Floats]) -> Floats:
        """Return what ``vectors`` makes of levelled frames, (trial, row, frame, latent)."""
        framer = Framer(self.frames, signal.n_rows)
        blocks = []
        for x, last in self.by_blocks(signal, f"{self.name}.embed"):
            levelled, _ = framer.push(x, last=last)
            blocks.append(vectors(self.montage.gather(levelled)))
        found = np.concatenate(blocks, 1).astype(np.float32)
        return found.reshape(signal.n_trials, -1, *found.shape[1:])
