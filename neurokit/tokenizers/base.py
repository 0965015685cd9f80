"""Base of the tokenizers of signals: levelled frames in, tokens out, and back, with labels."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_array, check_is_fitted

from neurokit.inputs.signal import Signal, take_signal
from neurokit.inputs.tokens import take_tokens
from neurokit.persistence import Saveable
from neurokit.recording.clock import exact
from neurokit.tokenizers.framing.coding import Coding
from neurokit.tokenizers.framing.decode import Decode
from neurokit.tokenizers.framing.encode import Encode, TokenStream
from neurokit.tokenizers.framing.frames import Frames
from neurokit.tokenizers.framing.labels import label_frames, label_signal
from neurokit.tokenizers.framing.lazy import decode_lazily, encode_lazily
from neurokit.tokenizers.montages.each_channel import EachChannel, Montage, Montages
from neurokit.types import Codes, Floats, Recording, Tokens

if TYPE_CHECKING:
    from sklearn.utils import Tags


class SignalTokenizer(Saveable, TransformerMixin, BaseEstimator):
    """Base of the tokenizers that code levelled frames.

    A subclass says how long frames are (`_frames`), what the columns of its codes are
    (`_columns`), what frames become (`_begin_encoding`) and what that stands for
    (`_begin_decoding`), and calls `_remember` in ``fit``. One whose networks remember says how
    far back they look (`_n_past`); one that does not code each channel alone says who finds its
    montages (`_montages`).
    """

    sampling_rate: float | None
    plain_rate_: float | None
    n_times_: int
    n_channels_: int
    sampling_rate_: Fraction
    rate_report_: dict[str, float]
    codebook_report_: dict[str, list[float]]

    def _frames(self, rate: Fraction) -> Frames:
        """Say how a recording at ``rate`` is cut into frames."""
        raise NotImplementedError

    def _columns(self) -> dict[str, int]:
        """Name the columns of the codes, and how many each has."""
        raise NotImplementedError

    def _begin_encoding(self) -> Encode:
        """Begin to code a recording."""
        raise NotImplementedError

    def _begin_decoding(self, n_levels: int) -> Decode:
        """Begin to decode a recording from its first stages."""
        raise NotImplementedError

    def _n_past(self) -> tuple[float, float]:
        """Count the frames before its own that a token, and a decoded frame, depends on."""
        return 0, 0

    @property
    def _montages(self) -> Montages:
        """Who finds the montage of a recording."""
        return EachChannel

    # ------------------------------------------------------------ tokens

    def transform(self, X: Recording) -> Any:
        """Code ``X`` as tokens.

        Parameters
        ----------
        X : xarray.DataArray with dims ([trial,] channel, time), array-like, or MNE object
            It may have any channels and any sampling rate. With dask inside, so are the tokens:
            blocks of time are coded independently and give the same tokens.

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
        signal = self._read(X, self.plain_rate_)
        coding = self._coding(signal.rate, self._montages.of_signal(signal))
        tokens = encode_lazily(coding, signal) if signal.is_dask else coding.encode(signal)
        names = list(coding.columns)
        out = label_frames(signal, coding.frames, coding.montage, tokens, "level", names)
        return out.rename("tokens") if isinstance(out, xr.DataArray) else out

    def inverse_transform(self, tokens: Tokens, n_levels: int | None = None) -> Any:
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
        caller = f"{self._name}.inverse_transform"
        attrs = tokens.attrs if isinstance(tokens, xr.DataArray) else {}
        rate = Fraction(attrs.get("signal_rate", 0)) or exact(self.plain_rate_ or 0)
        montage = self._montages.of_tokens(tokens, caller)
        coding = self._coding(rate or self.sampling_rate_, montage)
        n_stages = coding.n_stages
        if n_levels is None:
            n_levels = n_stages
        elif not 1 <= n_levels <= n_stages:
            raise ValueError(
                f"{caller}: n_levels must be between 1 and {n_stages}, got {n_levels!r}."
            )
        values, source = take_tokens(
            caller, tokens, coding.columns, coding.count_columns(n_levels)
        )
        if not rate:
            raise ValueError(
                f"{self._name}: plain tokens do not tell the sampling rate to decode to; give"
                " sampling_rate= in Hz, or pass the labelled tokens."
            )
        n_times = int(attrs.get("signal_samples", self.n_times_))
        if coding.frames.count(n_times) != values.shape[-2]:  # they were cut
            n_times = int(values.shape[-2] / coding.frames.frame_rate * rate)
        decoded = (
            coding.decode(values, n_levels, 0, n_times)
            if isinstance(values, np.ndarray)
            else decode_lazily(coding, values, n_levels, n_times)
        )
        return decoded if source is None else label_signal(source, montage, decoded, rate)

    def score(self, X: Recording, y: object = None) -> float:
        """Return the explained variance, 1 - error / variance, the mean over trials and channels.

        Channels without variance do not count.
        """
        check_is_fitted(self)
        signal = self._read(X, self.plain_rate_)
        truth = signal.load(0, signal.n_times, f"{self._name}.score")
        coding = self._coding(signal.rate, self._montages.of_signal(signal))
        decoded = coding.decode(coding.encode(signal), coding.n_stages, 0, signal.n_times)
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
        n_channels = self.n_channels_ if n_channels is None else n_channels
        return self._stream(self._montages.of_plain(n_channels, 1), sampling_rate)

    # ------------------------------------------------------------ inside

    @property
    def _name(self) -> str:
        return type(self).__name__

    def _plan(self) -> dict[str, object]:
        return {"plain_rate_": self.sampling_rate}

    def _coding(self, rate: Fraction, montage: Montage) -> Coding:
        """Say what this tokenizer does to a recording at ``rate``."""
        return Coding(
            self._name,
            self._frames(rate),
            montage,
            self._columns(),
            self._begin_encoding,
            self._begin_decoding,
            self._n_past(),
        )

    def _stream(self, montage: Montage, sampling_rate: float | None) -> TokenStream:
        rate = exact(sampling_rate or self.plain_rate_ or self.sampling_rate_)
        return self._coding(rate, montage).stream(montage.n_channels)

    def _read(self, X: Recording, plain_rate: float | None) -> Signal:
        """Read a signal; plain arrays are looked at as scikit-learn does."""
        plain = not (isinstance(X, xr.DataArray) or hasattr(X, "get_data") or hasattr(X, "dask"))
        X = check_array(X, allow_nd=True, estimator=self) if plain else X
        return take_signal(self, X, plain_rate)

    def _remember(self, signal: Signal) -> None:
        """Keep what ``fit`` has seen, and what tokens of such a recording cost."""
        self.n_times_, self.n_channels_ = signal.n_times, signal.n_channels
        self.sampling_rate_ = signal.rate
        frames = self._frames(signal.rate)
        montage = self._montages.of_plain(self.n_channels_, 1)
        rate = float(frames.frame_rate)
        codes = rate * sum(math.log2(size) for size in self._columns().values())
        codes *= montage.n_rows / montage.n_channels
        side = (8 + 16) * rate / frames.level_period
        report = {"frame_rate": rate, "codes": codes, "level": side, "total": codes + side}
        self.rate_report_ = report

    def _embed(self, X: Recording, vectors: Callable[[Floats], Floats]) -> Any:
        """Label what ``vectors`` makes of levelled frames, block by block."""
        check_is_fitted(self)
        signal = self._read(X, self.plain_rate_)
        coding = self._coding(signal.rate, self._montages.of_signal(signal))
        found = coding.embed(signal, vectors)
        return label_frames(signal, coding.frames, coding.montage, found, "latent", None)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.transformer_tags.preserves_dtype = []  # tokens are integers
        return tags


def report_codebooks(codes: Codes) -> dict[str, list[float]]:
    """Count the codes that are used, and tell the perplexity, of each column of ``codes``."""
    used: list[float] = []
    perplexity: list[float] = []
    for column in codes.T:
        share = np.bincount(column) / len(column)
        share = share[share > 0]
        used.append(len(share))
        perplexity.append(float(np.exp(-(share * np.log(share)).sum())))
    return {"used": used, "perplexity": perplexity}
