"""Base of the tokenizers of signals: levelled frames in, tokens out, and back, with labels."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_array, check_is_fitted

from neurokit.inputs.ranges import check_at_least
from neurokit.persistence import Saveable
from neurokit.recording.clock import exact
from neurokit.tokenizers._signal import Signal, read_signal, spans
from neurokit.tokenizers.framing.decode import BLOCK, Decode, decode_span
from neurokit.tokenizers.framing.encode import Encode, TokenStream
from neurokit.tokenizers.framing.frames import Framer, Frames
from neurokit.tokenizers.framing.labels import label_frames, label_signal, read_tokens, stage
from neurokit.tokenizers.framing.lazy import lazy_signal, lazy_tokens

_ROWS = 64  # rows that are decoded at once
_LEARNT = 64  # s of a recording whose frames are drawn at once in fit


class LevelledTokenizer(Saveable, TransformerMixin, BaseEstimator):
    """Base of the tokenizers that code levelled frames.

    A subclass says how long frames are (`_frames`), what the columns of its tokens are
    (`_columns`), what frames become (`_encode`) and what that stands for (`_decode`), and calls
    `_remember` in ``fit``. One that remembers from frame to frame gives `_encoder`, `_decoder`
    and `_n_past` in place of `_encode` and `_decode`.
    """

    sampling_rate: float | None
    n_times_: int
    n_channels_: int
    sampling_rate_: Fraction
    rate_report_: dict[str, float]
    codebook_report_: dict[str, list[Any]]

    def _frames(self, rate: Fraction) -> Frames:
        raise NotImplementedError

    def _columns(self) -> dict[str, int]:
        """Names of the columns, and how many codes each has; ``_side`` first."""
        raise NotImplementedError

    def _encode(self, frames: NDArray[Any]) -> NDArray[Any]:
        """Integers (row, frame, column) for levelled frames (row, frame, sample)."""
        raise NotImplementedError

    def _decode(self, codes: NDArray[Any], n_levels: int) -> NDArray[Any]:
        """Levelled frames (row, frame, sample) of integers (row, frame, column)."""
        raise NotImplementedError

    def _encoder(self, montage: Any) -> Encode:
        """Begin to code a recording; ``montage`` is what `_montage` made of it."""
        return lambda frames, side: np.concatenate([side, self._encode(frames)], -1)

    def _decoder(self, n_levels: int) -> Decode:
        """Begin to decode a recording."""
        return lambda tokens: (self._decode(tokens[..., 2:], n_levels), tokens[..., :2])

    def _n_past(self) -> tuple[float, float]:
        """Frames before its own that a token, and a decoded frame, depends on."""
        return 0, 0

    # A subclass that does not code each channel alone has a montage, which says what coding and
    # decoding need to know of the channels of one recording.

    def _montage(self, signal: Signal) -> Any:
        """Montage of a recording."""
        return None

    def _token_montage(self, tokens: Any) -> Any:
        """Montage of the recording that tokens stand for."""
        return None

    def _columns_of(self, montage: Any) -> dict[str, int]:
        """Columns of the tokens of one recording."""
        return self._columns()

    def _gather(self, montage: Any, frames: NDArray[Any]) -> NDArray[Any]:
        """Levelled frames of what is coded, from those of the channels."""
        return frames

    def _label_frames(
        self, signal: Signal, montage: Any, values: Any, dim: str, names: list[str] | None
    ) -> Any:
        """Label what was made of a recording."""
        return label_frames(signal, self._frames(signal.rate), values, dim, names)

    def _label_signal(
        self, source: xr.DataArray, montage: Any, values: Any, rate: Fraction
    ) -> xr.DataArray:
        """Label what was decoded from tokens."""
        return label_signal(source, values, rate)

    # ------------------------------------------------------------ tokens

    def transform(self, X: Any) -> Any:
        """Code ``X`` as tokens.

        Parameters
        ----------
        X : xarray.DataArray with dims ([trial,] channel, time), array-like, or MNE object
            Of any channels and any sampling rate. With dask inside, so are the tokens: blocks
            of time are coded independently and give the same tokens.

        Returns
        -------
        xarray.DataArray or ndarray of uint16, dims ([trial,] channel, frame, level)
            The last frame may reach beyond the signal. ``frame`` is its start in s.

        Raises
        ------
        ValueError
            If ``X`` holds NaN or has other dims.
        """
        check_is_fitted(self)
        signal = self._read(X)
        montage = self._montage(signal)
        if signal.is_dask:
            tokens = lazy_tokens(self, signal, montage)
        else:
            tokens = self._tokens(signal, montage)
        names = list(self._columns_of(montage))
        out = self._label_frames(signal, montage, tokens, "level", names)
        return out if signal.source is None else out.rename("tokens")

    def inverse_transform(self, tokens: Any, n_levels: int | None = None) -> Any:
        """Decode tokens to the signal they stand for, in its own unit, rate and length.

        Parameters
        ----------
        tokens : xarray.DataArray or array-like, dims ([trial,] channel, frame, level)
            As `transform` gives them. Plain tokens decode to ``sampling_rate``, and to the
            length seen in ``fit`` if they have as many frames as that. With dask inside, so is
            the signal: blocks of time are decoded independently.
        n_levels : int, optional
            Stages to use, from the first. Default: all.

        Returns
        -------
        xarray.DataArray or ndarray of float32, dims ([trial,] channel, time)

        Raises
        ------
        ValueError
            If ``tokens`` have other dims or columns, or hold codes that do not exist.
        """
        check_is_fitted(self)
        montage = self._token_montage(tokens)
        columns = self._columns_of(montage)
        n_stages = max(stage(column) for column in columns)
        if n_levels is None:
            n_levels = n_stages
        elif not 1 <= n_levels <= n_stages:
            raise ValueError(
                f"{self._name}.inverse_transform: n_levels must be between 1 and {n_stages}, got"
                f" {n_levels!r}."
            )
        least = sum(stage(column) <= n_levels for column in columns)
        values, source = read_tokens(self._name, tokens, columns, least)
        attrs = {} if source is None else source.attrs
        rate = Fraction(attrs.get("signal_rate", 0)) or exact(self.sampling_rate or 0)
        if not rate:
            raise ValueError(
                f"{self._name} needs to know the sampling rate that plain tokens decode to: give"
                " sampling_rate= in Hz, or pass the labelled tokens."
            )
        frames = self._frames(rate)
        n_times = int(attrs.get("signal_samples", self.n_times_))
        if frames.count(n_times) != values.shape[-2]:  # they were cut
            n_times = int(values.shape[-2] / frames.frame_rate * rate)
        if hasattr(values, "dask"):
            decoded = lazy_signal(self, values, n_levels, frames, n_times, montage)
        else:
            decoded = self._signal(values, n_levels, frames, 0, n_times, montage)
        return decoded if source is None else self._label_signal(source, montage, decoded, rate)

    def score(self, X: Any, y: object = None) -> float:
        """Explained variance, 1 - error / variance, the mean over trials and channels.

        Channels without variance do not count.
        """
        check_is_fitted(self)
        signal = self._read(X)
        n_times = signal.values.shape[-1]
        truth = signal.load(0, n_times, f"{self._name}.score")
        n_stages = max(stage(column) for column in self._columns())
        frames = self._frames(signal.rate)
        montage = self._montage(signal)
        tokens = self._tokens(signal, montage)
        decoded = self._signal(tokens, n_stages, frames, 0, n_times, montage)
        error = ((truth - decoded.reshape(truth.shape)) ** 2).sum(1)
        power = ((truth - truth.mean(1, keepdims=True)) ** 2).sum(1)
        return float(1 - (error[power > 0] / power[power > 0]).mean())

    def stream(
        self, n_channels: int | None = None, sampling_rate: float | None = None
    ) -> TokenStream:
        """Begin a live recording.

        Parameters
        ----------
        n_channels : int, optional
            Default: as many as ``fit`` has seen.
        sampling_rate : float, optional
            In Hz. Default: the parameter ``sampling_rate``, else the rate seen in ``fit``.

        Returns
        -------
        TokenStream
        """
        check_is_fitted(self)
        rate = exact(sampling_rate or self.sampling_rate or self.sampling_rate_)
        n_channels = self.n_channels_ if n_channels is None else n_channels
        return TokenStream(self._name, self._frames(rate), self._encoder(None), n_channels)

    # ------------------------------------------------------------ inside

    @property
    def _name(self) -> str:
        return type(self).__name__

    def _read(self, X: Any) -> Signal:
        """Read a signal; plain arrays are looked at as scikit-learn does."""
        plain = not (isinstance(X, xr.DataArray) or hasattr(X, "get_data") or hasattr(X, "dask"))
        X = check_array(X, allow_nd=True, estimator=self) if plain else X
        return read_signal(self, X)

    def _remember(self, signal: Signal) -> None:
        """Keep what ``fit`` has seen, and what tokens of such a recording cost."""
        self.n_times_ = int(signal.values.shape[-1])
        self.n_channels_ = int(signal.values.shape[-2])
        self.sampling_rate_ = signal.rate
        frames = self._frames(signal.rate)
        rate = float(frames.frame_rate)
        codes = rate * sum(math.log2(size) for size in [*self._columns().values()][2:])
        side = (8 + 16) * rate / frames.level_period
        report = {"frame_rate": rate, "codes": codes, "level": side, "total": codes + side}
        self.rate_report_ = report

    def _blocks(self, signal: Signal) -> list[tuple[int, int]]:
        """Cut the samples into blocks that are coded one after the other."""
        frames = self._frames(signal.rate)
        size = math.ceil(BLOCK * frames.level_period * signal.rate / frames.frame_rate)
        return [*spans(signal.values.shape[-1], size)]

    def _tokens(self, signal: Signal, montage: Any) -> NDArray[Any]:
        """Tokens of shape (trial, channel, frame, level), block by block."""
        n_times = signal.values.shape[-1]
        encode = self._encoder(montage)
        stream = TokenStream(self._name, self._frames(signal.rate), encode, signal.rows())
        blocks = [
            stream.code(signal.load(start, stop, self._name), last=stop == n_times)
            for start, stop in self._blocks(signal)
        ]
        joined = np.concatenate(blocks, 1)
        return joined.reshape(signal.values.shape[0], -1, *joined.shape[1:])

    def _signal(
        self,
        tokens: NDArray[Any],
        n_levels: int,
        frames: Frames,
        start: int,
        stop: int,
        montage: Any,
        *,
        first: int = 0,
        ends: bool = True,
    ) -> NDArray[Any]:
        """Decode tokens (..., frame, level) to a stretch of samples; see `decode_span`."""
        rows = tokens.reshape(-1, *tokens.shape[-2:])
        out = np.empty((len(rows), stop - start), np.float32)
        for a, b in spans(len(rows), _ROWS):
            decode = self._decoder(n_levels)
            out[a:b] = decode_span(frames, decode, rows[a:b], start, stop, first=first, ends=ends)
        return out.reshape(*tokens.shape[:-2], stop - start)

    def _embed(self, X: Any, vectors: Callable[[NDArray[Any]], NDArray[Any]]) -> Any:
        """Return what ``vectors`` makes of levelled frames, block by block."""
        check_is_fitted(self)
        signal = self._read(X)
        n_times = signal.values.shape[-1]
        montage = self._montage(signal)
        framer = Framer(self._frames(signal.rate), signal.rows())
        blocks = []
        for start, stop in self._blocks(signal):
            x = signal.load(start, stop, f"{self._name}.embed")
            levelled, _ = framer.push(x, last=stop == n_times)
            blocks.append(vectors(self._gather(montage, levelled)))
        found = np.concatenate(blocks, 1).astype(np.float32)
        found = found.reshape(signal.values.shape[0], -1, *found.shape[1:])
        return self._label_frames(signal, montage, found, "latent", None)

    def _training_frames(self, signal: Signal, limit: int) -> NDArray[Any]:
        """Levelled frames (n, sample), evenly taken where there are more than ``limit``."""
        frames = self._frames(signal.rate)
        n_times = signal.values.shape[-1]
        framer = Framer(frames, signal.rows())
        every = max(-(-frames.count(n_times) * signal.rows() // limit), 1)
        kept, seen = [], 0
        for start, stop in spans(n_times, math.ceil(_LEARNT * signal.rate)):
            x = signal.load(start, stop, f"{self._name}.fit")
            rows = framer.push(x, last=stop == n_times)[0]
            rows = rows.reshape(-1, rows.shape[-1])
            kept.append(rows[-seen % every :: every].copy())
            seen += len(rows)
        return np.concatenate(kept)

    def _report_codebooks(self, codes: NDArray[Any]) -> dict[str, list[Any]]:
        """Codes used and perplexity of each stage."""
        used, perplexity = [], []
        for column in codes.T:
            share = np.bincount(column) / len(column)
            share = share[share > 0]
            used.append(len(share))
            perplexity.append(float(np.exp(-(share * np.log(share)).sum())))
        return {"used": used, "perplexity": perplexity}

    def _check_at_least(self, **least: float) -> None:
        for name, value in least.items():
            check_at_least(self._name, **{name: (getattr(self, name), value)})

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.transformer_tags.preserves_dtype = []  # tokens are integers
        return tags
