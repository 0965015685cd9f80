"""The level of a channel, once a second: what is sent of its scale and offset, and applied."""

from fractions import Fraction
from typing import NamedTuple

import numpy as np

from neurokit.tokenizers.framing.resample import Resampler
from neurokit.types import Codes, Floats

SIDE = {"scale": 256, "offset": 65536}  # columns that hold the level, and their codes
STEPS_PER_DECADE = 12  # a whole number, so that a factor of ten moves the code and nothing else
ZERO_CODE = 168  # code of scale 1
OFFSET_STEPS = 4  # per scale
OFFSET_ZERO = 32768
FLATTEST = 7000.0  # scales: offsets further out raise the scale instead
SMOOTH = 10  # frames over which a new level is faded in

KNEE = 3.0  # scales within which coding is linear; beyond, logarithmic
LOUDEST = 24.0


class Level(NamedTuple):
    """Scale and offset of every frame."""

    log_scale: Floats  # log10
    offset: Floats


def code_levels(y: Floats, period: int) -> Codes:
    """Code scale and offset of each period.

    Parameters
    ----------
    y : ndarray of shape (n_rows, n_times)
        The last period may be shorter.
    period : int
        In samples.

    Returns
    -------
    ndarray of int64, shape (n_rows, n_periods, 2)
        Scale (0 to 255, 12 steps a decade around 168) and offset (0 to 65535, a quarter scale a
        step around 32768).
    """
    starts = range(0, y.shape[1], period)
    mean = np.stack([y[:, s : s + period].mean(1) for s in starts], 1)
    rest = [(y[:, s : s + period] - mean[:, i, None]) ** 2 for i, s in enumerate(starts)]
    power = np.stack([part.mean(1) for part in rest], 1)
    size = np.sqrt(power + (mean / FLATTEST) ** 2)
    with np.errstate(divide="ignore"):
        steps = np.round(STEPS_PER_DECADE * np.log10(size)) + ZERO_CODE
    scale = np.clip(steps, 0, 255)
    unit = 10.0 ** ((scale - ZERO_CODE) / STEPS_PER_DECADE)
    offset = np.clip(np.round(OFFSET_STEPS * mean / unit) + OFFSET_ZERO, 0, 2 * OFFSET_ZERO - 1)
    return np.stack([scale, offset], -1).astype(np.int64)


def decode_levels(codes: Codes) -> Level:
    """Invert `code_levels` for codes of shape (..., 2)."""
    log_scale = (codes[..., 0] - float(ZERO_CODE)) / STEPS_PER_DECADE
    offset = (codes[..., 1] - float(OFFSET_ZERO)) / OFFSET_STEPS * 10.0**log_scale
    return Level(log_scale, offset)


def trace(codes: Codes, before: Codes, hop: int) -> tuple[Floats, Floats]:
    """Return scale and offset at every sample: each frame's level, faded in over half a second.

    Parameters
    ----------
    codes : ndarray of shape (n_rows, n_frames, 2)
        The level codes that hold in each frame.
    before : ndarray of shape (n_rows, SMOOTH, 2)
        Those of the frames before.
    hop : int
        Samples per frame.

    Returns
    -------
    scale, offset : ndarray of shape (n_rows, n_frames * hop)
    """
    level = decode_levels(np.concatenate([before, codes], 1))
    ramp = np.arange(1, hop + 1) / hop
    traces = []
    for value in level:
        smooth = np.lib.stride_tricks.sliding_window_view(value, SMOOTH, axis=1).mean(-1)
        line = smooth[:, :-1, None] + np.diff(smooth, axis=1)[..., None] * ramp
        traces.append(line.reshape(len(value), -1))
    return 10.0 ** traces[0], traces[1]


def compress(z: Floats) -> Floats:
    """Leave a scale or two alone and draw in what goes far beyond, such as artefacts."""
    return np.clip(KNEE * np.arcsinh(z / KNEE), -LOUDEST, LOUDEST)


def expand(c: Floats) -> Floats:
    """Invert `compress`."""
    return KNEE * np.sinh(np.clip(c, -LOUDEST, LOUDEST) / KNEE)


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
        self._codes: dict[int, Codes] = {}  # of each whole period
        self._before: Codes | None = None  # level codes of the last frames given

    def n_frames(self, n_times: int) -> int:
        """Count the frames that cover ``n_times`` samples."""
        return -(-self.resampler.n_out(n_times) // self.hop)

    def push(self, x: Floats, *, last: bool = False) -> tuple[Floats, Codes]:
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
            self._codes[p] = code_levels(own, size)[:, 0]
        stop = self._done // self.hop
        if not last and (not self.causal or n_periods <= self._start):
            stop = n_periods * self.period
        frames = np.arange(self._next, max(stop, self._next))
        wanted = frames // self.period - (1 if self.causal else 0)
        if not len(frames):
            return np.zeros((self.n_rows, 0)), np.zeros((self.n_rows, 0, 2), np.int64)
        codes = np.stack([self._codes[max(p, self._start)] for p in wanted.tolist()], 1)
        if self._before is None:
            self._before = np.repeat(codes[:, :1], SMOOTH, 1)
        scale, offset = trace(codes, self._before, self.hop)
        begin = self._next * self.hop - self._samples_from
        own = self._samples[:, begin : begin + len(frames) * self.hop]
        levelled = compress((own - offset) / scale)
        self._before = np.concatenate([self._before, codes], 1)[:, -SMOOTH:]
        self._next += len(frames)
        self._forget(size)
        return levelled, codes

    def _resample(self, x: Floats, last: bool) -> None:
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
