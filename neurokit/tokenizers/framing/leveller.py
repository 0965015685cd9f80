"""From samples to levelled frames: resampling and level, whole, in pieces or live."""

from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurokit.tokenizers.framing import level
from neurokit.tokenizers.framing.resample import Resampler


class Leveller:
    """What comes before the encoder: push samples, get whole frames at the model's rate.

    Frames come as soon as nothing that follows can change them: those of the first period when
    it is over (its own level is used), all others at once.

    Parameters
    ----------
    rate, model_rate : Fraction
        In Hz.
    hop : int
        Samples per frame, at ``model_rate``.
    period : int
        Frames that share a level.
    causal : bool
        Use the level of the period before.
    n_rows : int
    start : int, default=0
        Period to begin at. Its level is not right then, nor is that of the next one.
    """

    def __init__(
        self,
        rate: Fraction,
        model_rate: Fraction,
        *,
        hop: int,
        period: int,
        causal: bool,
        n_rows: int,
        start: int = 0,
    ) -> None:
        self.resampler = Resampler(rate, model_rate)
        self.hop = hop
        self.period = period
        self.causal = causal
        self.n_rows = n_rows
        self._start = start
        self._done = start * period * hop  # model samples made
        self._next = start * period  # frame to be given next
        self._inputs_from = self.resampler.first_input(self._done)
        self.n_in = self._inputs_from
        self._inputs = np.zeros((n_rows, 0))
        self._samples_from = self._done
        self._samples = np.zeros((n_rows, 0))
        self._codes: dict[int, NDArray[Any]] = {}  # of each whole period
        self._before: NDArray[Any] | None = None  # level codes of the last frames given

    def n_frames(self, n_times: int) -> int:
        """Frames that cover ``n_times`` samples."""
        return -(-self.resampler.n_out(n_times) // self.hop)

    def push(self, x: NDArray[Any], *, last: bool = False) -> tuple[NDArray[Any], NDArray[Any]]:
        """Take samples and give the frames that are decided.

        Parameters
        ----------
        x : ndarray of shape (n_rows, n)
        last : bool, default=False
            The recording ends here.

        Returns
        -------
        levelled : ndarray of shape (n_rows, n_frames * hop)
        codes : ndarray of shape (n_rows, n_frames, 2)
        """
        self._resample(x, last)
        size = self.period * self.hop
        n_periods = self._done // size + (last and self._done % size > 0)
        for p in range(max(self._codes, default=self._start - 1) + 1, n_periods):
            begin = p * size - self._samples_from
            own = self._samples[:, begin : begin + size]
            self._codes[p] = level.code_levels(own, size)[:, 0]
        stop = self._done // self.hop
        if not last and (not self.causal or n_periods <= self._start):
            stop = n_periods * self.period
        frames = np.arange(self._next, max(stop, self._next))
        wanted = frames // self.period - (1 if self.causal else 0)
        if not len(frames):
            return np.zeros((self.n_rows, 0)), np.zeros((self.n_rows, 0, 2), np.int64)
        codes = np.stack([self._codes[max(p, self._start)] for p in wanted.tolist()], 1)
        if self._before is None:
            self._before = np.repeat(codes[:, :1], level.SMOOTH, 1)
        scale, offset = level.trace(codes, self._before, self.hop)
        begin = self._next * self.hop - self._samples_from
        own = self._samples[:, begin : begin + len(frames) * self.hop]
        levelled = level.compress((own - offset) / scale)
        self._before = np.concatenate([self._before, codes], 1)[:, -level.SMOOTH :]
        self._next += len(frames)
        self._forget(size)
        return levelled, codes

    def _resample(self, x: NDArray[Any], last: bool) -> None:
        self._inputs = np.concatenate([self._inputs, x], 1)
        self.n_in += x.shape[1]
        stop = self.n_frames(self.n_in) * self.hop if last else self.resampler.n_ready(self.n_in)
        if stop > self._done:
            made = self.resampler.apply(
                self._inputs,
                self._done,
                stop,
                offset=self._inputs_from,
                n_in=self.n_in if last else None,
            )
            self._samples = np.concatenate([self._samples, made], 1)
            self._done = stop
            keep = min(self.resampler.first_input(stop), self.n_in - 1)  # the last may be repeated
            needed = max(keep - self._inputs_from, 0)
            self._inputs = self._inputs[:, needed:]
            self._inputs_from += needed

    def _forget(self, size: int) -> None:
        """Drop what no frame to come depends on."""
        period = min(self._next // self.period, max(self._codes, default=0) + 1)
        n = max(period * size - self._samples_from, 0)
        self._samples = self._samples[:, n:]
        self._samples_from += n
        for p in [p for p in self._codes if p < period - 1 and p != max(self._codes)]:
            del self._codes[p]
