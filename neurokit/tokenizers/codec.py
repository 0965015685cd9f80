"""A learned codec for one channel at a time: any montage, any rate, to tokens and back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from sklearn.utils.validation import check_is_fitted

from neurokit.persistence.graphs import Exportable, Graph
from neurokit.tokenizers.framing.level import SIDE
from neurokit.tokenizers.network import NetworkTokenizer
from neurokit.types import Recording

if TYPE_CHECKING:
    from neurokit.training import Trainer


class CodecTokenizer(Exportable, NetworkTokenizer):
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
        Weights of the Huber loss (``"embedded"``: half the binary logarithm of the relative
        error), of the log spectrograms, and of the relative error per band (1-4, 4-8, 8-13,
        13-30, 30-80 Hz), which keeps beta and gamma from being traded for the slow waves.
    quantizer_dropout : float, default=0.25
        Share of the training examples that are decoded from fewer stages.
    window : float, default=4.0
        Length of a training example, in s.
    beam : int, default=4
        Paths that the search of the residual quantiser keeps from stage to stage: more find
        codes that come closer, at that many times the work.
    quantizer : {"residual", "embedded"}, default="residual"
        Codebooks of vectors, each coding what those before it left over, or entries rounded one
        by one, their digits spread over the levels, coarse ones first
        (`neurokit.nn.EmbeddedScalarQuantizer`): these cost far fewer bytes at
        an error in a file, whose coder sees the entries behind the codes. With it training
        starts from the cosine transform of each frame, the error is weighed as the logarithm of
        its share of the signal, and the rate is part of the loss.
    encoder : {"network", "cosine"}, default="network"
        The network, or nothing but the cosine transform of each frame: quick, and only the
        decoder learns.
    preset : {None, "biocodec"}, default=None
        ``"biocodec"`` is the published network and loss [1]_ (250 Hz, hop 12, LSTMs, weight
        normalisation, unit-norm codes in 16 dimensions), with what is wrong in its quantiser
        mended and with the level sent along: it takes the place of the parameters from
        ``frame_rate`` to ``n_context``, ``loss_weights``, ``quantizer`` and ``encoder``.
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
        quantizer: str = "residual",
        encoder: str = "network",
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
        self.quantizer = quantizer
        self.encoder = encoder
        self.preset = preset
        self.sampling_rate = sampling_rate
        self.trainer = trainer
        self.device = device
        self.random_state = random_state

    def transform(self, X: Recording) -> Any:
        """Code ``X`` as tokens; see `ScalarTokenizer.transform`, whose dims and errors these are.

        Tokens of ``quantizer="embedded"`` tell in ``attrs["code_digits"]`` which entries of a
        vector the digits of each level belong to: the coder of a file makes use of that.
        """
        from neurokit.nn.quantizers.embedded import EmbeddedScalarQuantizer

        tokens = super().transform(X)
        quantizer = self.module_.quantizer
        if isinstance(tokens, xr.DataArray) and isinstance(quantizer, EmbeddedScalarQuantizer):
            levels = quantizer.layout.tolist()
            groups = (" ".join(str(i) for i in level if i >= 0) for level in levels)
            tokens.attrs["code_digits"] = ";".join(groups)
        return tokens

    _exported = ("transform", "inverse_transform")

    def _graph(self, method: str) -> Graph:
        """Describe coding (row, frame, sample) or decoding (row, frame, level), from the start.

        Samples are those at which the networks run: recordings above ``model_rate`` have to be
        resampled to it before, and back.
        """
        from torch import nn

        from neurokit.tokenizers.framing.graphs import SamplesToTokens, TokensToSamples

        check_is_fitted(self)
        frames = self._frames(self.sampling_rate_)
        columns = [*SIDE, *self._columns()]
        notes = {"sampling_rate": float(frames.model_rate), "level": columns}
        period = frames.level_period
        if method == "inverse_transform":
            tokens = np.zeros((2, 2 * period, len(columns)), np.int32)
            module: nn.Module = TokensToSamples(self.module_)
            return Graph(module, tokens, "tokens", "signal", ("row", "frame", None), notes)
        module = SamplesToTokens(self.module_, self.beam, period, self._design.causal)
        signal = np.zeros((2, 2 * period + 1, frames.size), np.float32)
        return Graph(module, signal, "signal", "tokens", ("row", "frame", None), notes)
