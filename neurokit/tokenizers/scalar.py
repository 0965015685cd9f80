"""One token per sample: what any codec has to beat."""

from __future__ import annotations

from fractions import Fraction
from typing import Any, Self

import numpy as np

from neurokit.inputs.signal import Signal
from neurokit.tokenizers.base import SignalTokenizer, report_codebooks
from neurokit.tokenizers.framing.decode import Decode
from neurokit.tokenizers.framing.encode import Encode
from neurokit.tokenizers.framing.frames import Frames, draw_frames
from neurokit.types import Codes, Floats, Recording

_LOUDEST = 24.0  # of a levelled sample
_LIMIT = 1 << 20  # samples from which quantiles are taken


class ScalarTokenizer(SignalTokenizer):
    """Write every sample as one integer: evenly spaced, mu-law or quantile values [1]_.

    Each channel is divided by its level (scale and offset of the second before), which travels
    with the tokens as their first two columns, as in `CodecTokenizer`; then sample by sample is
    rounded to one of ``codebook_size`` values. Any montage and any rate will do; only
    ``kind="quantile"`` learns from data.

    In a file, `write_tokens` spends few bits on likely values. With such a coder evenly spaced
    values are the ones to take: at high rates no others, in theory, keep more at a size [2]_, and
    ``benchmarks/rate_distortion.py`` finds it so at rates of 3 bits per sample too.

    Parameters
    ----------
    kind : {"mulaw", "uniform", "quantile"}, default="mulaw"
        Values that lie densest around zero, as in telephony; evenly spaced ones; or ones that
        ``fit`` places so that all are used about equally often, which cuts off swings that it
        has seldom seen.
    codebook_size : int, default=256
        Values to choose from. The outermost are 24 (compressed) scales away from zero: with
        ``"uniform"`` 97 of them are half a scale apart.
    sampling_rate : float, optional
        In Hz; needed for plain arrays, which carry no clock.

    Attributes
    ----------
    edges_ : ndarray of shape (codebook_size - 1,)
        Between the bins, in scales.
    values_ : ndarray of shape (codebook_size,)
        What the tokens stand for, in scales.
    kind_ : str
        As ``fit`` was given it.
    codebook_report_ : dict of list
        What was found on the training data: codes used, perplexity.
    rate_report_ : dict
        Bits per second and channel: of the samples, of the level, together.
    n_samples_seen_ : int
        Samples that the values were placed by, a million at most.
    n_times_, n_channels_ : int
        Samples per trial and channels seen by ``fit``.
    sampling_rate_ : Fraction
        Rate seen by ``fit``, in Hz.

    References
    ----------
    .. [1] Cho et al. (2026), arXiv:2602.16626.
    .. [2] Gish and Pierce (1968), Asymptotically efficient quantizing, IEEE Trans. Inf. Theory
       14(5), 676-683.

    Examples
    --------
    >>> import neurokit as nk
    >>> X = nk.signal(np.random.default_rng(0).normal(size=(4, 1000)), sampling_rate=250)
    >>> tokenizer = ScalarTokenizer().fit(X)
    >>> tokens = tokenizer.transform(X)
    >>> tokens.dims, tokens.shape
    (('channel', 'frame', 'level'), (4, 1000, 3))
    >>> round(tokenizer.score(X), 3)
    1.0
    """

    def __init__(
        self,
        kind: str = "mulaw",
        *,
        codebook_size: int = 256,
        sampling_rate: float | None = None,
    ) -> None:
        self.kind = kind
        self.codebook_size = codebook_size
        self.sampling_rate = sampling_rate

    def fit(self, X: Recording, y: object = None) -> Self:
        """Place the values.

        Parameters
        ----------
        X : xarray.DataArray with dims ([trial,] channel, time), array-like, or MNE object
        y : None
            Ignored.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If ``X`` holds NaN, has other dims, or a parameter is out of range.
        """
        self._check()
        signal = self._read(X, self.sampling_rate)
        sample = self._draw(signal)
        self._keep_plan()
        self.values_, self.edges_ = _place_values(self.kind, self.codebook_size, sample)
        self._remember(signal)
        self.n_samples_seen_ = len(sample)
        self._report(sample)
        return self

    def partial_fit(self, X: Recording, y: object = None) -> Self:
        """Move the values of ``kind="quantile"`` towards new recordings; see `fit`.

        The values so far count as the samples that they were placed by, a million at most. With
        the other kinds there is nothing to move; `codebook_report_` is of the new recordings.
        """
        if not hasattr(self, "values_"):
            return self.fit(X)
        sample = self._draw(self._read(X, self.plain_rate_))
        if self.kind_ == "quantile":
            both = np.sort(np.concatenate([self._stand_in(), sample]))
            self.values_, self.edges_ = _place_values(self.kind_, len(self.values_), both)
        self.n_samples_seen_ = min(self.n_samples_seen_ + len(sample), _LIMIT)
        self._report(sample)
        return self

    def embed(self, X: Recording, *, quantized: bool = False) -> Any:
        """Return each sample in scales: as it is, or as its token says.

        Parameters
        ----------
        X : as in `transform`
        quantized : bool, default=False

        Returns
        -------
        xarray.DataArray or ndarray of float32, dims ([trial,] channel, frame, latent)
        """
        return self._embed(X, self._look_up if quantized else np.asarray)

    def _check(self) -> None:
        if (
            self.kind not in ("mulaw", "uniform", "quantile")
            or not 2 <= self.codebook_size <= 65536
        ):
            raise ValueError(
                "ScalarTokenizer: kind must be 'mulaw', 'uniform' or 'quantile' and codebook_size"
                f" lie between 2 and 65536, got {self.kind!r} and {self.codebook_size!r}."
            )

    def _stand_in(self) -> Floats:
        """Make samples in place of those seen: as many, spread evenly around each value."""
        gaps = np.diff(self.values_) / 2
        reach = np.minimum(np.append(gaps, np.inf), np.insert(gaps, 0, np.inf))
        size = len(self.values_)
        n = self.n_samples_seen_ * np.arange(size + 1) // size
        spread = [np.linspace(-1, 1, m + 2)[1:-1] for m in np.diff(n)]
        pairs = zip(self.values_, reach, spread, strict=True)
        return np.concatenate([value + far * part for value, far, part in pairs])

    def _draw(self, signal: Signal) -> Floats:
        """Draw levelled samples, in order of size."""
        frames = self._frames(signal.rate)
        return np.sort(draw_frames(frames, signal, _LIMIT, f"{self._name}.fit").ravel())

    def _report(self, sample: Floats) -> None:
        codes = np.searchsorted(self.edges_, sample)
        self.codebook_report_ = report_codebooks(codes[:, None])

    def _encode(self, frames: Floats) -> Codes:
        return np.searchsorted(self.edges_, frames)

    def _look_up(self, frames: Floats) -> Floats:
        return self.values_[self._encode(frames)]

    def _plan(self) -> dict[str, object]:
        return super()._plan() | {"kind_": self.kind}

    def _frames(self, rate: Fraction) -> Frames:
        return Frames(rate, rate, 1)

    def _begin_encoding(self) -> Encode:
        return self._encode

    def _begin_decoding(self, n_levels: int) -> Decode:
        return self.values_.__getitem__

    def _columns(self) -> dict[str, int]:
        return {"1": len(self.values_)}


def _place_values(kind: str, size: int, sample: Floats) -> tuple[Floats, Floats]:
    """Choose ``size`` values for sorted samples, and the edges that lead each to the nearest."""
    if kind == "quantile":
        parts = np.array_split(sample, min(size, len(sample)))
        values = np.array([part.mean() for part in parts])
        values = np.pad(values, (0, size - len(values)), "edge")
    else:
        values = _LOUDEST * np.linspace(-1, 1, size)
    if kind == "mulaw":
        mu = size - 1
        share = np.expm1(np.abs(values) / _LOUDEST * np.log1p(mu)) / mu
        values = _LOUDEST * np.sign(values) * share
    return values, (values[1:] + values[:-1]) / 2
