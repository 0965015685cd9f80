"""A learned codec for one channel at a time: any montage, any rate, to tokens and back."""

from __future__ import annotations

import math
from copy import deepcopy
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils import check_array, check_random_state
from sklearn.utils.validation import check_is_fitted

from neurokit.persistence import Saveable
from neurokit.sample_index import SampleIndex, exact, time_coordinates
from neurokit.tokenizers import _level
from neurokit.tokenizers._leveller import Leveller
from neurokit.tokenizers._networks import BLOCK, CodecStream, Networks
from neurokit.tokenizers._resample import Resampler
from neurokit.tokenizers._signal import Signal, finite, read_signal, spans

if TYPE_CHECKING:
    from neurokit.nn.codec import Codec
    from neurokit.training import Trainer

N_SIDE = 2  # columns of tokens before the quantiser's: scale and offset
BANDS = ((1.0, 4.0), (4.0, 8.0), (8.0, 13.0), (13.0, 30.0), (30.0, 80.0))
_ROWS = 64  # rows that are decoded at once


class CodecTokenizer(Saveable, TransformerMixin, BaseEstimator):
    """Neural codec: each channel becomes a few integers per 50 ms, and microvolts again.

    A causal convolutional encoder gives one vector per frame, a residual quantiser writes it as
    ``n_levels`` codes, a causal decoder makes the signal of them (the BioCodec family [1]_).
    Channels are coded one by one, so any montage will do; recordings faster than ``model_rate``
    are resampled to it and back, to their own length. Before coding, each channel is
    divided by its level: the scale and offset of the second before (of the first second, for
    that one), faded in over half a second. So that tokens alone give microvolts, the level
    travels with them, as the first two columns of ``level``:

    ========== ============================== =====================================
    level      values                         meaning
    ========== ============================== =====================================
    ``scale``  0 to 255, held for a second    RMS, 12 steps per decade, 168 is 1
    ``offset`` 0 to 65535, held for a second  mean, 4 steps per scale, 32768 is 0
    ``1`` ...  0 to ``codebook_size - 1``     codes of the quantiser's stages
    ========== ============================== =====================================

    At the default this costs at most 20 frames x 6 levels x 8 bits + 8 + 16 bits = 984 bits per
    second and channel, of which entropy coding saves a little; ``rate_report_`` tells.
    ``inverse_transform(tokens, n_levels=k)`` decodes the first ``k`` stages alone, which cost
    less and keep less.

    Tokens are computed in double precision, so that a recording gives the same tokens whole, in
    pieces, live, from dask, and whatever else stands in the batch.

    Parameters
    ----------
    n_levels : int, default=6
        Stages of the quantiser.
    codebook_size : int, default=256
        Codes per stage.
    frame_rate : float, default=20.0
        Frames per second, at ``model_rate``.
    model_rate : float, default=320.0
        Rate at which the networks run, in Hz; a whole multiple of ``frame_rate``. Nothing above
        half of it is kept.
    stretch : bool, default=True
        Code recordings slower than ``model_rate`` sample by sample, as if they were played at
        that rate: 160 Hz then make 10 frames per second and half the bits. If False they are
        resampled, and all recordings have ``frame_rate``: finer, and dearer than it is worth.
    latent_dim : int, default=32
        Length of the vector that is quantised.
    n_filters : int, default=32
        Width of the networks at ``model_rate``; it doubles with every stride.
    n_residual, n_context : int, default=1, 2
        Residual units before each stride, and at the rate of the frames.
    causal : bool, default=True
        If False, a second is divided by its own level and not by that of the one before: a
        little better, and a second late when live.
    loss_weights : tuple of float, default=(1.0, 0.02, 0.1)
        Of the Huber loss, of the log spectrograms, and of the relative error per band (1-4, 4-8,
        8-13, 13-30, 30-80 Hz), which keeps beta and gamma from being traded for the slow waves.
    quantizer_dropout : float, default=0.25
        Share of the training examples that are decoded from fewer stages.
    window : float, default=4.0
        Length of a training example, in s.
    beam : int, default=4
        Paths that the quantiser's search keeps from stage to stage: more find codes that come
        closer, at that many times the work.
    preset : {None, "biocodec"}, default=None
        ``"biocodec"`` is the published network and loss [1]_ (250 Hz, hop 12, LSTMs, weight
        normalisation, unit-norm codes in 16 dimensions), with what is wrong in its quantiser
        mended and with the level sent along: it takes the place of the parameters from
        ``frame_rate`` to ``n_context`` and ``loss_weights``.
    sampling_rate : float, optional
        In Hz; needed for plain arrays, which carry no clock.
    trainer : Trainer, optional
        Default: ``Trainer(20, batch_size=64, learning_rate=1e-3)`` in ``fit``, and a quarter of
        these epochs and rate in ``partial_fit``.
    device : str, default="auto"
        Where tokens are computed.
    random_state : int, RandomState or None, default=None
        Seed of weights, codebooks and batches.

    Attributes
    ----------
    module_ : neurokit.nn.codec.Codec
        On the CPU, in eval mode.
    history_ : list of dict
        Loss, rate and time of each epoch.
    rate_report_ : dict
        Frames per second, and bits per second and channel of the codes, of the level, and in
        total, at the sampling rate seen by ``fit``.
    codebook_report_ : dict of list
        Per stage, on a sample of the training data: codes used, perplexity.
    n_times_, n_channels_ : int
        Samples per trial and channels seen by ``fit``. Plain tokens decode to that length.
    sampling_rate_ : Fraction
        Rate seen by ``fit``, in Hz.

    References
    ----------
    .. [1] BioCodec (2025), arXiv:2510.09095.
    .. [2] Zeghidour et al. (2021), SoundStream, arXiv:2107.03312, algorithm 1.

    Examples
    --------
    >>> import neurokit as nk
    >>> from neurokit.training import Trainer
    >>> X = nk.signal(np.random.default_rng(0).normal(size=(4, 1000)), sampling_rate=250)
    >>> codec = CodecTokenizer(
    ...     2, codebook_size=16, n_filters=4, trainer=Trainer(1, device="cpu"), random_state=0
    ... )
    >>> tokens = codec.fit_transform(X)
    >>> tokens.dims, tokens.shape
    (('channel', 'frame', 'level'), (4, 63, 4))
    >>> codec.inverse_transform(tokens).shape
    (4, 1000)
    """

    def __init__(
        self,
        n_levels: int = 6,
        *,
        codebook_size: int = 256,
        frame_rate: float = 20.0,
        model_rate: float = 320.0,
        stretch: bool = True,
        latent_dim: int = 32,
        n_filters: int = 32,
        n_residual: int = 1,
        n_context: int = 2,
        causal: bool = True,
        loss_weights: tuple[float, ...] = (1.0, 0.02, 0.1),
        quantizer_dropout: float = 0.25,
        window: float = 4.0,
        beam: int = 4,
        preset: str | None = None,
        sampling_rate: float | None = None,
        trainer: Trainer | None = None,
        device: str = "auto",
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.n_levels = n_levels
        self.codebook_size = codebook_size
        self.frame_rate = frame_rate
        self.model_rate = model_rate
        self.stretch = stretch
        self.latent_dim = latent_dim
        self.n_filters = n_filters
        self.n_residual = n_residual
        self.n_context = n_context
        self.causal = causal
        self.loss_weights = loss_weights
        self.quantizer_dropout = quantizer_dropout
        self.window = window
        self.beam = beam
        self.preset = preset
        self.sampling_rate = sampling_rate
        self.trainer = trainer
        self.device = device
        self.random_state = random_state

    # ------------------------------------------------------------ learning

    def fit(self, X: Any, y: object = None, *, groups: Any = None) -> Self:
        """Learn networks and codebooks.

        Parameters
        ----------
        X : xarray.DataArray with dims ([trial,] channel, time), array-like, or MNE object
            It is loaded whole: of a recording beyond memory, give an excerpt.
        y : None
            Ignored.
        groups : array-like of shape (n_trials,), optional
            What the trainer's held-out split keeps together. Default: the coordinate
            ``subject``, else the trial, else the stretch of time.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If ``X`` holds NaN, has other dims, or a parameter is out of range.
        """
        import torch

        from neurokit.training import Trainer

        self._check()
        seed = int(check_random_state(self.random_state).randint(2**31))
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(seed)
            module = self._build_module("module_")
        trainer = self.trainer or Trainer(20, batch_size=64, learning_rate=1e-3)
        return self._learn(module, X, trainer, seed, groups)

    def partial_fit(self, X: Any, y: object = None, *, groups: Any = None) -> Self:
        """Adapt to new recordings, from the weights that are there; see `fit`."""
        from neurokit.training import Trainer

        if not hasattr(self, "module_"):
            return self.fit(X, groups=groups)
        seed = int(check_random_state(self.random_state).randint(2**31))
        trainer = self.trainer or Trainer(5, batch_size=64, learning_rate=2.5e-4)
        return self._learn(deepcopy(self.module_), X, trainer, seed, groups)

    def _learn(self, module: Codec, X: Any, trainer: Trainer, seed: int, groups: Any) -> Self:
        import torch

        signal = self._read(X)
        examples, member = self._examples(signal, groups)
        rate = float(self._coded_rate(signal.rate))
        loss = partial(self._loss, rate)
        self.history_ = trainer.minimize(module, loss, examples, seed=seed, groups=member)
        self.module_ = module
        self.n_times_ = int(signal.values.shape[-1])
        self.n_channels_ = int(signal.values.shape[-2])
        self.sampling_rate_ = signal.rate
        self.rate_report_ = self._rate_report(signal.rate)
        with torch.no_grad():
            sample = examples[:: max(len(examples) // 256, 1)]
            codes = module.quantizer.encode(module.encoder(sample)).flatten(0, -2)
        self.codebook_report_ = _codebook_report(codes.numpy(), self.codebook_size)
        return self

    def _examples(self, signal: Signal, groups: Any) -> tuple[Any, NDArray[Any]]:
        """Levelled windows (example, time) as a tensor, and the group of each."""
        import torch

        n_trials, n_channels, n_times = signal.values.shape
        leveller = self._leveller(signal.rate, signal.rows())
        levelled, _ = leveller.push(signal.load(0, n_times, f"{self._name}.fit"), last=True)
        n_frames = levelled.shape[1] // self._hop
        size = min(max(round(self.window * self._frames_per_second(signal.rate)), 1), n_frames)
        n_windows = n_frames // size
        starts = np.linspace(0, n_frames - size, n_windows).round().astype(int) * self._hop
        cut = np.stack([levelled[:, s : s + size * self._hop] for s in starts], 1)
        if groups is None and signal.source is not None and "subject" in signal.source.coords:
            groups = np.broadcast_to(signal.source["subject"].values, n_trials)
        trial = np.arange(n_trials) if groups is None else np.asarray(groups)
        member = np.repeat(trial, n_channels * n_windows)
        if len(np.unique(trial)) == 1:  # one trial or subject: hold out stretches of time
            member = np.tile(np.arange(n_windows), n_trials * n_channels)
        flat = cut.reshape(-1, cut.shape[-1]).astype(np.float32)
        return torch.from_numpy(flat), member

    def _loss(self, rate: float, module: Any, x: Any) -> Any:
        from torch.nn import functional as F

        from neurokit.nn.codec import band_error, biocodec_error, spectrogram_error

        y, _, loss = module(x)
        y = y.float()
        seconds = (0.128, 0.256, 0.512, 1.024)
        windows = [min(max(round(s * rate), 4), x.shape[-1]) for s in seconds]
        if self.preset == "biocodec":
            return loss + biocodec_error(x, y, windows)
        huber, spectrum, band = self.loss_weights
        bands = [(low, min(high, 0.45 * rate)) for low, high in BANDS if low < 0.4 * rate]
        loss = loss + huber * F.huber_loss(y, x)
        loss = loss + spectrum * spectrogram_error(x, y, windows)
        return loss + band * band_error(x, y, rate, bands) if bands else loss

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
        return self._labelled(signal, tokens, "level", self._level_names())

    def embed(self, X: Any, *, quantized: bool = False) -> Any:
        """Return the vector of each frame: what the encoder found, or what its codes stand for.

        Parameters
        ----------
        X : as in `transform`
        quantized : bool, default=False

        Returns
        -------
        xarray.DataArray or ndarray of float32, dims ([trial,] channel, frame, latent)
        """
        check_is_fitted(self)
        signal = self._read(X)
        if quantized:
            codes = self._tokens(signal)[..., N_SIDE:]
            vectors = self._look_up(codes)
        else:
            vectors = self._tokens(signal, vectors=True)
        return self._labelled(signal, vectors, "latent", None)

    def inverse_transform(self, tokens: Any, n_levels: int | None = None) -> Any:
        """Decode tokens to the signal they stand for, in its own unit, rate and length.

        Parameters
        ----------
        tokens : xarray.DataArray or array-like, dims ([trial,] channel, frame, level)
            As `transform` gives them. Plain tokens decode to ``sampling_rate``, and to the
            length seen in ``fit`` if they have as many frames as that.
        n_levels : int, optional
            Stages of the quantiser to use, from the first. Default: all.

        Returns
        -------
        xarray.DataArray or ndarray of float32, dims ([trial,] channel, time)

        Raises
        ------
        ValueError
            If ``tokens`` have other dims or columns, or codes that no codebook has.
        """
        check_is_fitted(self)
        n_levels = self._check_levels(n_levels)
        values, source = self._read_tokens(tokens)
        attrs = {} if source is None else source.attrs
        rate = Fraction(attrs.get("signal_rate", 0)) or exact(self.sampling_rate or 0)
        if not rate:
            raise ValueError(
                f"{self._name} needs to know the sampling rate that plain tokens decode to:"
                " give sampling_rate= in Hz, or pass the labelled tokens."
            )
        n_times = int(attrs.get("signal_samples", self.n_times_))
        if self._leveller(rate, 1).n_frames(n_times) != values.shape[-2]:
            n_times = int(values.shape[-2] * rate / self._frames_per_second(rate))  # they were cut
        decoded = self._decode(values, n_levels, rate, n_times)
        if source is None:
            return decoded
        index = source.xindexes.get("frame")
        start = Fraction(0)
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
        decoded = self._decode(self._tokens(signal), self.n_levels, signal.rate, truth.shape[1])
        error = ((truth - decoded.reshape(truth.shape)) ** 2).sum(1)
        power = ((truth - truth.mean(1, keepdims=True)) ** 2).sum(1)
        return float(1 - (error[power > 0] / power[power > 0]).mean())

    def stream(
        self, n_channels: int | None = None, sampling_rate: float | None = None
    ) -> CodecStream:
        """Begin a live recording.

        Parameters
        ----------
        n_channels : int, optional
            Default: as many as ``fit`` has seen.
        sampling_rate : float, optional
            In Hz. Default: the parameter ``sampling_rate``, else the rate seen in ``fit``.

        Returns
        -------
        CodecStream
        """
        check_is_fitted(self)
        rate = sampling_rate or self.sampling_rate or self.sampling_rate_
        n_channels = self.n_channels_ if n_channels is None else n_channels
        return CodecStream(self._leveller(exact(rate), n_channels), self._networks())

    @classmethod
    def from_pretrained(cls, name: str = "eeg-small") -> Self:
        """Load weights that come with the package; works offline.

        Parameters
        ----------
        name : {"eeg-small"}
            Its model card stands beside the weights, in ``neurokit/tokenizers/weights``.
        """
        folder = Path(__file__).parent / "weights"
        known = sorted(path.stem for path in folder.glob("*.safetensors"))
        if name not in known:
            raise ValueError(f"{cls.__name__}: name must be one of {known}, got {name!r}.")
        return cls.load(folder / f"{name}.safetensors")

    # ------------------------------------------------------------ inside

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.transformer_tags.preserves_dtype = []  # tokens are integers
        return tags

    def _read(self, X: Any) -> Signal:
        """Read a signal; plain arrays are looked at as scikit-learn does."""
        plain = not (isinstance(X, xr.DataArray) or hasattr(X, "get_data") or hasattr(X, "dask"))
        return read_signal(self, check_array(X, allow_nd=True, estimator=self) if plain else X)

    @property
    def _name(self) -> str:
        return type(self).__name__

    @property
    def _frame_rate(self) -> Fraction:
        return Fraction(250, 12) if self.preset == "biocodec" else exact(self.frame_rate)

    @property
    def _model_rate(self) -> Fraction:
        return Fraction(250) if self.preset == "biocodec" else exact(self.model_rate)

    def _coded_rate(self, rate: Fraction) -> Fraction:
        """Rate at which a recording goes through the networks."""
        slow = self.stretch and self.preset is None and rate < self._model_rate
        return rate if slow else self._model_rate

    def _frames_per_second(self, rate: Fraction) -> Fraction:
        return self._coded_rate(rate) / self._hop

    @property
    def _hop(self) -> int:
        return int(self._model_rate / self._frame_rate)

    @property
    def _period(self) -> int:
        """Frames that share a level: about a second of them."""
        return max(round(self._frame_rate), 1)

    def _check(self) -> None:
        if self.preset not in (None, "biocodec"):
            raise ValueError(
                f"{self._name}: preset must be None or 'biocodec', got {self.preset!r}."
            )
        hop = self._model_rate / self._frame_rate if self._frame_rate > 0 else Fraction(0)
        if hop.denominator != 1 or hop < 2:
            raise ValueError(
                f"{self._name}: model_rate must be frame_rate times a whole number of at least"
                f" 2, got {self.model_rate!r} and {self.frame_rate!r} Hz."
            )
        for name, least in _LEAST.items():
            value = getattr(self, name)
            if not value >= least:
                raise ValueError(f"{self._name}: {name} must be at least {least}, got {value!r}.")
        if self.codebook_size > 65536:
            raise ValueError(
                f"{self._name}: codebook_size must be at most 65536, got {self.codebook_size}."
            )

    def _build_module(self, name: str) -> Codec:
        """Untrained networks of this estimator's parameters."""
        from neurokit.nn.codec import Codec, Decoder, Encoder
        from neurokit.nn.quantize import ResidualVectorQuantizer

        stages: dict[str, Any] = {"n_levels": self.n_levels, "codebook_size": self.codebook_size}
        stages |= {"quantizer_dropout": self.quantizer_dropout}
        if self.preset == "biocodec":
            width = 128
            shape: dict[str, Any] = {
                "n_filters": 32,
                "n_residual": 2,
                "n_context": 0,
                "n_recurrent": 2,
            }
            shape |= {"kernel": 3, "normed": True, "direct": False, "strides": (2, 2, 3)}
            stages |= {"codebook_dim": 16, "cosine": True, "quantizer_dropout": 0.0}
        else:
            width = self.latent_dim
            shape = {"n_filters": self.n_filters, "n_residual": self.n_residual}
            shape |= {"n_context": self.n_context, "n_recurrent": 0, "normed": False}
            shape["direct"] = True
            kernel = 2 * round(_FIRST_KERNEL * float(self._model_rate) / 2) + 1
            shape |= {"kernel": kernel, "strides": _factors(self._hop)}
        quantizer = ResidualVectorQuantizer(width, **stages)
        return Codec(Encoder(width, **shape), quantizer, Decoder(width, **shape))

    def _networks(self) -> Networks:
        return Networks(self.module_, self.device, self.beam)

    def _leveller(self, rate: Fraction, n_rows: int, start: int = 0) -> Leveller:
        return Leveller(
            rate,
            self._coded_rate(rate),
            hop=self._hop,
            period=self._period,
            causal=self.causal,
            n_rows=n_rows,
            start=start,
        )

    def _tokens(self, signal: Signal, *, vectors: bool = False) -> NDArray[Any]:
        """Tokens, or vectors, of shape (trial, channel, frame, ...), block by block."""
        n_times = signal.values.shape[-1]
        leveller = self._leveller(signal.rate, signal.rows())
        networks = self._networks()
        blocks = []
        for start, stop in spans(
            n_times, math.ceil(BLOCK * signal.rate / self._frames_per_second(signal.rate))
        ):
            x = signal.load(start, stop, f"{self._name}")
            levelled, codes = leveller.push(x, last=stop == n_times)
            found = networks.encode(levelled)
            blocks.append(found if vectors else networks.tokens(found, codes))
        joined = np.concatenate(blocks, 1)
        return joined.reshape(*signal.values.shape[:2], *joined.shape[1:])

    def _lazy_tokens(self, signal: Signal) -> Any:
        """Tokens as a dask array: every block of time codes what it needs of the one before."""
        import dask.array as da
        from dask.delayed import delayed

        n_past = self.module_.encoder.n_past_frames
        if math.isinf(n_past):
            raise ValueError(
                f"{self._name}: preset='biocodec' has a recurrent encoder, which no block of a"
                " dask array can run alone; load the recording first with X.load()."
            )
        n_before = 2 + math.ceil(n_past / self._period)  # periods
        n_block = max(60, 4 * n_before)
        leveller = self._leveller(signal.rate, 1)
        resampler, n_times = leveller.resampler, signal.values.shape[-1]
        n_frames = leveller.n_frames(n_times)
        estimator, coded = delayed(self), delayed(_code_block)
        pieces = []
        for first, last in spans(n_frames, n_block * self._period):
            begin = max(first // self._period - n_before, 0)
            a = resampler.first_input(begin * self._period * self._hop)
            b = min(resampler.last_input(last * self._hop - 1) + 1, n_times)
            part = signal.values[..., a:b]
            shape = (*part.shape[:2], last - first, N_SIDE + len(self._code_names()))
            block = coded(estimator, part, signal.rate, begin, first, last, b == n_times)
            pieces.append(da.from_delayed(block, shape, dtype=np.uint16))
        return da.concatenate(pieces, axis=-2)

    def _look_up(self, codes: NDArray[Any], n_levels: int | None = None) -> NDArray[Any]:
        """Vectors that codes stand for."""
        import torch

        found = self.module_.quantizer.decode(torch.from_numpy(codes.astype(np.int64)), n_levels)
        return found.numpy()

    def _decode(
        self, tokens: NDArray[Any], n_levels: int, rate: Fraction, n_times: int
    ) -> NDArray[Any]:
        """Signal of shape (..., time) for tokens (..., frame, level)."""
        rows = tokens.reshape(-1, *tokens.shape[-2:])
        out = np.empty((len(rows), n_times), np.float32)
        back = Resampler(self._coded_rate(rate), rate)
        networks = self._networks()
        for start, stop in spans(len(rows), _ROWS):
            part = rows[start:stop]
            vectors = self._look_up(part[..., N_SIDE:], n_levels)
            levelled = networks.decode(vectors)
            side = part[..., :N_SIDE].astype(np.int64)
            before = np.repeat(side[:, :1], _level.SMOOTH, 1)
            scale, offset = _level.trace(side, before, self._hop)
            y = _level.expand(levelled) * scale + offset
            out[start:stop] = back.apply(y, 0, n_times, n_in=y.shape[1])
        return out.reshape(*tokens.shape[:-2], n_times)

    def _read_tokens(self, tokens: Any) -> tuple[NDArray[Any], xr.DataArray | None]:
        source = tokens if isinstance(tokens, xr.DataArray) else None
        if source is not None:
            dims = ("channel", "frame", "level")
            if set(source.dims) not in ({*dims}, {"trial", *dims}):
                raise ValueError(
                    f"{self._name}.inverse_transform takes dims ([trial,] {', '.join(dims)}),"
                    f" got {tuple(source.dims)}."
                )
            lead = ("trial",) if "trial" in source.dims else ()
            source = source.transpose(*lead, *dims)
        values = np.asarray(tokens if source is None else source.values)
        if values.ndim not in (3, 4) or values.shape[-1] < N_SIDE + 1 or 0 in values.shape:
            raise ValueError(
                f"{self._name}.inverse_transform takes tokens of dims ([trial,] channel, frame,"
                f" level) with {N_SIDE} columns for the level and at least one stage, got shape"
                f" {values.shape}."
            )
        if values.dtype.kind not in "iu":
            raise TypeError(
                f"{self._name}.inverse_transform takes integer tokens, got {values.dtype}."
            )
        return values, source

    def _check_levels(self, n_levels: int | None) -> int:
        if n_levels is None:
            return self.n_levels
        if not 1 <= n_levels <= self.n_levels:
            raise ValueError(
                f"{self._name}.inverse_transform: n_levels must be between 1 and"
                f" {self.n_levels}, got {n_levels!r}."
            )
        return n_levels

    def _level_names(self) -> list[str]:
        return ["scale", "offset", *self._code_names()]

    def _code_names(self) -> list[str]:
        return [str(k + 1) for k in range(self.n_levels)]

    def _labelled(self, signal: Signal, values: Any, dim: str, names: list[str] | None) -> Any:
        values = values[0] if signal.single else values
        if signal.source is None:
            return values
        source = signal.source
        timed = [k for k, c in source.coords.items() if "time" in c.dims]
        dims = [*(d for d in source.dims if d != "time"), "frame", dim]
        out = xr.DataArray(values, source.drop_vars(timed).coords, dims, name="tokens")
        start = signal.first / signal.rate
        per_second = self._frames_per_second(signal.rate)
        clock = time_coordinates(start * per_second, per_second, out.sizes["frame"], dim="frame")
        out = out.assign_coords(clock)
        if names is not None:
            out = out.assign_coords({dim: names})
        out.attrs = {"signal_rate": str(signal.rate), "signal_samples": source.sizes["time"]}
        out.attrs["level_period"] = self._period
        if "units" in source.attrs:
            out.attrs["units"] = source.attrs["units"]
        return out

    def _rate_report(self, rate: Fraction) -> dict[str, float]:
        frame_rate = float(self._frames_per_second(rate))
        codes = frame_rate * len(self._code_names()) * math.log2(self.codebook_size)
        side = (8 + 16) * frame_rate / self._period
        return {"frame_rate": frame_rate, "codes": codes, "level": side, "total": codes + side}


_LEAST = {
    "n_levels": 1,
    "beam": 1,
    "codebook_size": 2,
    "latent_dim": 1,
    "n_filters": 1,
    "n_residual": 0,
    "n_context": 0,
    "window": 0,
    "quantizer_dropout": 0,
}
_FIRST_KERNEL = 0.03  # s


def _code_block(
    estimator: CodecTokenizer,
    x: NDArray[Any],
    rate: Fraction,
    begin: int,
    first: int,
    last: int,
    ends: bool,
) -> NDArray[Any]:
    """Tokens of frames ``first`` to ``last``, from samples that begin with period ``begin``."""
    leveller = estimator._leveller(rate, x.shape[0] * x.shape[1], begin)
    rows = finite(np.asarray(x, np.float64), type(estimator).__name__).reshape(-1, x.shape[-1])
    networks = estimator._networks()
    levelled, codes = leveller.push(rows, last=ends)
    tokens = networks.tokens(networks.encode(levelled), codes)
    skip = first - begin * estimator._period
    tokens = tokens[:, skip : skip + last - first]
    return tokens.reshape(*x.shape[:2], *tokens.shape[1:])


def _factors(n: int) -> tuple[int, ...]:
    """Prime factors, small ones first, twos by pairs: 12 is 3 x 4."""
    factors = []
    for p in (4, 2, 3, 5, 7, 11, 13):
        while n % p == 0:
            factors.append(p)
            n //= p
    return tuple(sorted([*factors, n] if n > 1 else factors))


def _codebook_report(codes: NDArray[Any], size: int) -> dict[str, list[Any]]:
    """Codes used and perplexity of each column."""
    used, perplexity = [], []
    for column in codes.T:
        share = np.bincount(column, minlength=size) / len(column)
        share = share[share > 0]
        used.append(len(share))
        perplexity.append(float(np.exp(-(share * np.log(share)).sum())))
    return {"used": used, "perplexity": perplexity}
