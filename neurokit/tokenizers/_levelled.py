"""What the tokenizers without networks share: levelled frames in, tokens and labels out."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any, ClassVar

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_array, check_is_fitted

from neurokit.persistence import Saveable
from neurokit.sample_index import SampleIndex, exact, time_coordinates
from neurokit.tokenizers import _level
from neurokit.tokenizers._leveller import Leveller
from neurokit.tokenizers._resample import Resampler
from neurokit.tokenizers._signal import Signal, finite, read_signal, spans

_BLOCK = 64  # s of a recording that are coded at once: bounds memory


class Frames:
    """Lengths of one recording's frames: a frame is ``n_steps`` steps of the leveller.

    Parameters
    ----------
    rate, model_rate : Fraction
        Of the recording, and at which it is coded, in Hz.
    hop, n_steps : int
        Samples per step, at ``model_rate``, and steps per frame.
    """

    def __init__(self, rate: Fraction, model_rate: Fraction, hop: int, n_steps: int) -> None:
        self.rate, self.model_rate, self.hop, self.n_steps = rate, model_rate, hop, n_steps
        self.frame_rate = model_rate / (hop * n_steps)
        self.level_period = max(round(self.frame_rate), 1)  # frames that share a level
        self.step_period = self.level_period * n_steps

    def leveller(self, n_rows: int, start: int = 0) -> Leveller:
        """Begin to level ``n_rows`` channels."""
        return Leveller(
            self.rate,
            self.model_rate,
            hop=self.hop,
            period=self.step_period,
            causal=True,
            n_rows=n_rows,
            start=start,
        )

    def count(self, n_times: int) -> int:
        """Frames that cover ``n_times`` samples of the recording."""
        return -(-self.leveller(1).n_frames(n_times) // self.n_steps)


class FrameStream:
    """A live recording on its way to tokens; ``stream`` of a tokenizer makes it.

    Frames come when nothing that follows can change them: those of the first second when it is
    over, all others as soon as their last sample is there (and, where the recording is resampled,
    twelve samples more of the slower rate).
    """

    def __init__(
        self, estimator: LevelledTokenizer, frames: Frames, n_rows: int, start: int = 0
    ) -> None:
        self._estimator = estimator
        self._frames = frames
        self._leveller = frames.leveller(n_rows, start)
        self._n_rows = n_rows
        self._samples = np.zeros((n_rows, 0))
        self._side = np.zeros((n_rows, 0, 2), np.int64)
        self._over = False

    def push(self, chunk: Any) -> NDArray[Any]:
        """Take samples.

        Parameters
        ----------
        chunk : xarray.DataArray or ndarray of shape (n_channels, n)

        Returns
        -------
        ndarray of uint16, shape (n_channels, n_frames, n_columns)
            The frames that are now decided; perhaps none.
        """
        if isinstance(chunk, xr.DataArray):
            chunk = chunk.transpose("channel", "time").values
        chunk = np.asarray(chunk, np.float64)
        if chunk.ndim != 2 or len(chunk) != self._n_rows:
            raise ValueError(
                f"{type(self._estimator).__name__}: the stream takes chunks of shape"
                f" ({self._n_rows}, n), got {chunk.shape}."
            )
        return self._code(finite(chunk, f"{type(self._estimator).__name__}.stream"), last=False)

    def flush(self) -> NDArray[Any]:
        """End the recording; return the frames that are left, the last filled up."""
        tokens = self._code(np.zeros((self._n_rows, 0)), last=True)
        self._over = True
        return tokens

    def levelled(self, x: NDArray[Any], *, last: bool) -> tuple[NDArray[Any], NDArray[Any]]:
        """Whole levelled frames (row, frame, sample) and their level codes (row, frame, 2)."""
        n_steps, size = self._frames.n_steps, self._frames.n_steps * self._frames.hop
        samples, side = self._leveller.push(x, last=last)
        samples = np.concatenate([self._samples, samples], 1)
        side = np.concatenate([self._side, side], 1)
        if last and (missing := -side.shape[1] % n_steps):
            samples = np.pad(samples, ((0, 0), (0, missing * self._frames.hop)), "edge")
            side = np.pad(side, ((0, 0), (0, missing), (0, 0)), "edge")
        n = side.shape[1] // n_steps
        self._samples, self._side = samples[:, n * size :], side[:, n * n_steps :]
        frames = samples[:, : n * size].reshape(self._n_rows, n, size)
        return frames, side[:, : n * n_steps : n_steps]

    def _code(self, x: NDArray[Any], *, last: bool) -> NDArray[Any]:
        if self._over:
            raise ValueError(
                f"{type(self._estimator).__name__}: the recording is over; start another with"
                " stream()."
            )
        frames, side = self.levelled(x, last=last)
        return np.concatenate([side, self._estimator._encode(frames)], -1).astype(np.uint16)


class LevelledTokenizer(Saveable, TransformerMixin, BaseEstimator):
    """Base of the tokenizers that code levelled frames one by one, each channel by itself.

    A subclass says how long frames are (`_frames`), what they become (`_encode`) and what that
    stands for (`_decode`), and calls `_remember` in ``fit``.
    """

    sampling_rate: float | None
    n_times_: int
    n_channels_: int
    sampling_rate_: Fraction
    codebook_report_: dict[str, list[Any]]
    _side: ClassVar[tuple[str, ...]] = ("scale", "offset")

    def _frames(self, rate: Fraction) -> Frames:
        raise NotImplementedError

    def _encode(self, frames: NDArray[Any]) -> NDArray[Any]:
        """Integers (row, frame, column) for levelled frames (row, frame, sample)."""
        raise NotImplementedError

    def _decode(self, codes: NDArray[Any], n_levels: int, frames: Frames) -> NDArray[Any]:
        """Levelled frames (row, frame, sample) of integers (row, frame, column)."""
        raise NotImplementedError

    def _sizes(self) -> list[int]:
        """Codes of each column after scale and offset."""
        raise NotImplementedError

    @property
    def _n_stages(self) -> int:
        return len(self._sizes()) - len(self._side) + 2

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
        tokens = self._lazy_tokens(signal) if signal.is_dask else self._tokens(signal)
        names = [*self._side, *(str(k + 1) for k in range(self._n_stages))]
        out = self._label(signal, tokens, "level", names)
        return out if signal.source is None else out.rename("tokens")

    def inverse_transform(self, tokens: Any, n_levels: int | None = None) -> Any:
        """Decode tokens to the signal they stand for, in its own unit, rate and length.

        Parameters
        ----------
        tokens : xarray.DataArray or array-like, dims ([trial,] channel, frame, level)
            As `transform` gives them. Plain tokens decode to ``sampling_rate``, and to the
            length seen in ``fit`` if they have as many frames as that.
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
        if n_levels is None:
            n_levels = self._n_stages
        elif not 1 <= n_levels <= self._n_stages:
            raise ValueError(
                f"{self._name}.inverse_transform: n_levels must be between 1 and"
                f" {self._n_stages}, got {n_levels!r}."
            )
        values, source = self._read_tokens(tokens, n_levels)
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
        decoded = self._signal(values, n_levels, frames, n_times)
        if source is None:
            return decoded
        start = Fraction(0)
        index = source.xindexes.get("frame")
        if isinstance(index, SampleIndex):
            start = index.first / index.rate
        elif "frame" in source.coords:
            start = exact(round(float(source["frame"].values[0]), 9))
        inner = [k for k, c in source.coords.items() if {"frame", "level"} & set(c.dims)]
        dims = [*(d for d in source.dims if d not in ("frame", "level")), "time"]
        out = xr.DataArray(decoded, source.drop_vars(inner).coords, dims)
        out = out.assign_coords(time_coordinates(start * rate, rate, n_times))
        if "units" in attrs:
            out.attrs["units"] = attrs["units"]
        return out

    def score(self, X: Any, y: object = None) -> float:
        """Explained variance, 1 - error / variance, the mean over trials and channels.

        Channels without variance do not count.
        """
        check_is_fitted(self)
        signal = self._read(X)
        truth = signal.load(0, signal.values.shape[-1], f"{self._name}.score")
        tokens = self._tokens(signal)
        frames = self._frames(signal.rate)
        decoded = self._signal(tokens, self._n_stages, frames, truth.shape[1])
        error = ((truth - decoded.reshape(truth.shape)) ** 2).sum(1)
        power = ((truth - truth.mean(1, keepdims=True)) ** 2).sum(1)
        return float(1 - (error[power > 0] / power[power > 0]).mean())

    def stream(
        self, n_channels: int | None = None, sampling_rate: float | None = None
    ) -> FrameStream:
        """Begin a live recording.

        Parameters
        ----------
        n_channels : int, optional
            Default: as many as ``fit`` has seen.
        sampling_rate : float, optional
            In Hz. Default: that seen in ``fit``.

        Returns
        -------
        FrameStream
        """
        check_is_fitted(self)
        rate = self.sampling_rate_ if sampling_rate is None else exact(sampling_rate)
        n_channels = self.n_channels_ if n_channels is None else n_channels
        return FrameStream(self, self._frames(rate), n_channels)

    @property
    def rate_report_(self) -> dict[str, float]:
        """Bits per second and channel, before entropy coding, at the rate seen in ``fit``."""
        check_is_fitted(self)
        frames = self._frames(self.sampling_rate_)
        rate = float(frames.frame_rate)
        codes = rate * sum(math.log2(size) for size in self._sizes())
        side = (8 + 16) * rate / frames.level_period
        return {"frame_rate": rate, "codes": codes, "level": side, "total": codes + side}

    def _embed(self, X: Any, vectors: Callable[[NDArray[Any]], NDArray[Any]]) -> Any:
        """Return what ``vectors`` makes of levelled frames."""
        check_is_fitted(self)
        signal = self._read(X)
        n_times = signal.values.shape[-1]
        stream = FrameStream(self, self._frames(signal.rate), signal.rows())
        blocks = []
        for start, stop in spans(n_times, math.ceil(_BLOCK * signal.rate)):
            x = signal.load(start, stop, f"{self._name}.embed")
            blocks.append(vectors(stream.levelled(x, last=stop == n_times)[0]))
        found = np.concatenate(blocks, 1).astype(np.float32)
        found = found.reshape(*signal.values.shape[:2], *found.shape[1:])
        return self._label(signal, found, "latent", None)

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
        self.n_times_ = int(signal.values.shape[-1])
        self.n_channels_ = int(signal.values.shape[-2])
        self.sampling_rate_ = signal.rate

    def _training_frames(self, signal: Signal, limit: int) -> NDArray[Any]:
        """Levelled frames (n, sample), evenly taken where there are more than ``limit``."""
        frames = self._frames(signal.rate)
        n_times = signal.values.shape[-1]
        stream = FrameStream(self, frames, signal.rows())
        every = max(-(-frames.count(n_times) * signal.rows() // limit), 1)
        kept, seen = [], 0
        for start, stop in spans(n_times, math.ceil(_BLOCK * signal.rate)):
            x = signal.load(start, stop, f"{self._name}.fit")
            rows = stream.levelled(x, last=stop == n_times)[0]
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

    def _tokens(self, signal: Signal) -> NDArray[Any]:
        """Tokens of shape (trial, channel, frame, level), block by block."""
        n_times = signal.values.shape[-1]
        stream = FrameStream(self, self._frames(signal.rate), signal.rows())
        blocks = [
            stream._code(signal.load(start, stop, self._name), last=stop == n_times)
            for start, stop in spans(n_times, math.ceil(_BLOCK * signal.rate))
        ]
        joined = np.concatenate(blocks, 1)
        return joined.reshape(*signal.values.shape[:2], *joined.shape[1:])

    def _lazy_tokens(self, signal: Signal) -> Any:
        """Tokens as a dask array: every block of time codes what it needs of the one before."""
        import dask.array as da
        from dask.delayed import delayed

        frames = self._frames(signal.rate)
        leveller = frames.leveller(1)
        resampler, n_times = leveller.resampler, signal.values.shape[-1]
        size = frames.n_steps * frames.hop
        n_before = 2 + math.ceil(_level.SMOOTH / frames.step_period)  # periods
        estimator, coded = delayed(self), delayed(_code_block)
        pieces = []
        n_frames = frames.count(n_times)
        for first, last in spans(n_frames, max(60, 4 * n_before) * frames.level_period):
            begin = max(first // frames.level_period - n_before, 0)
            a = resampler.first_input(begin * frames.level_period * size)
            b = min(resampler.last_input(last * size - 1) + 1, n_times)
            part = signal.values[..., a:b]
            shape = (*part.shape[:2], last - first, 2 + len(self._sizes()))
            block = coded(estimator, part, signal.rate, begin, first, last, b == n_times)
            pieces.append(da.from_delayed(block, shape, dtype=np.uint16))
        return da.concatenate(pieces, axis=-2)

    def _signal(
        self, tokens: NDArray[Any], n_levels: int, frames: Frames, n_times: int
    ) -> NDArray[Any]:
        """Signal of shape (..., time) for tokens (..., frame, level)."""
        rows = tokens.reshape(-1, *tokens.shape[-2:])
        out = np.empty((len(rows), n_times), np.float32)
        back = Resampler(frames.model_rate, frames.rate)
        for i in range(len(rows)):
            part = rows[i : i + 1].astype(np.int64)
            levelled = self._decode(part[..., 2:], n_levels, frames).reshape(1, -1)
            side = np.repeat(part[..., :2], frames.n_steps, 1)
            before = np.repeat(side[:, :1], _level.SMOOTH, 1)
            scale, offset = _level.trace(side, before, frames.hop)
            y = _level.expand(levelled) * scale + offset
            out[i] = back.apply(y, 0, n_times, n_in=y.shape[1])[0]
        return out.reshape(*tokens.shape[:-2], n_times)

    def _read_tokens(self, tokens: Any, n_levels: int) -> tuple[NDArray[Any], xr.DataArray | None]:
        source = tokens if isinstance(tokens, xr.DataArray) else None
        if source is not None:
            dims = ("channel", "frame", "level")
            if set(source.dims) not in ({*dims}, {"trial", *dims}):
                raise ValueError(
                    f"{self._name}.inverse_transform takes dims ([trial,] {', '.join(dims)}), got"
                    f" {tuple(source.dims)}."
                )
            source = source.transpose(*(("trial",) if "trial" in source.dims else ()), *dims)
        values = np.asarray(tokens if source is None else source.values)
        least = len(self._side) + n_levels
        most = 2 + len(self._sizes())
        if values.ndim not in (3, 4) or not least <= values.shape[-1] <= most or 0 in values.shape:
            raise ValueError(
                f"{self._name}.inverse_transform takes tokens of dims ([trial,] channel, frame,"
                f" level) with {least} to {most} levels, {', '.join(self._side)} first, got shape"
                f" {values.shape}."
            )
        if values.dtype.kind not in "iu":
            raise TypeError(
                f"{self._name}.inverse_transform takes integer tokens, got {values.dtype}."
            )
        sizes = [256, 65536, *self._sizes()]
        for k in range(least):
            low, high = int(values[..., k].min()), int(values[..., k].max())
            if low < 0 or high >= sizes[k]:
                raise ValueError(
                    f"{self._name}.inverse_transform: level {k} must hold 0 to {sizes[k] - 1},"
                    f" got {low} to {high}; these are tokens of another tokenizer."
                )
        return values, source

    def _label(self, signal: Signal, values: Any, dim: str, names: list[str] | None) -> Any:
        values = values[0] if signal.single else values
        if signal.source is None:
            return values
        source = signal.source
        frames = self._frames(signal.rate)
        timed = [k for k, c in source.coords.items() if "time" in c.dims]
        dims = [*(d for d in source.dims if d != "time"), "frame", dim]
        out = xr.DataArray(values, source.drop_vars(timed).coords, dims)
        start = signal.first / signal.rate * frames.frame_rate
        clock = time_coordinates(start, frames.frame_rate, out.sizes["frame"], dim="frame")
        out = out.assign_coords(clock)
        if names is not None:
            out = out.assign_coords({dim: names})
        out.attrs = {"signal_rate": str(signal.rate), "signal_samples": source.sizes["time"]}
        out.attrs["level_period"] = frames.level_period
        if "units" in source.attrs:
            out.attrs["units"] = source.attrs["units"]
        return out

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.transformer_tags.preserves_dtype = []  # tokens are integers
        return tags

    def _check_at_least(self, **least: float) -> None:
        for name, value in least.items():
            if not getattr(self, name) >= value:
                raise ValueError(
                    f"{self._name}: {name} must be at least {value}, got {getattr(self, name)!r}."
                )


def _code_block(
    estimator: LevelledTokenizer,
    x: NDArray[Any],
    rate: Fraction,
    begin: int,
    first: int,
    last: int,
    ends: bool,
) -> NDArray[Any]:
    """Tokens of frames ``first`` to ``last``, from samples that begin with period ``begin``."""
    frames = estimator._frames(rate)
    stream = FrameStream(estimator, frames, x.shape[0] * x.shape[1], begin)
    rows = finite(np.asarray(x, np.float64), type(estimator).__name__).reshape(-1, x.shape[-1])
    tokens = stream._code(rows, last=ends)
    skip = first - begin * frames.level_period
    tokens = tokens[:, skip : skip + last - first]
    return tokens.reshape(*x.shape[:2], *tokens.shape[1:])
