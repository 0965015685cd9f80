"""A codec of several branches, each with its own kernel length and codebooks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from neurokit.tokenizers._codec import CodecDesign
from neurokit.tokenizers.codec import CodecTokenizer

if TYPE_CHECKING:
    from torch import Tensor

    from neurokit.nn.codec import Codec
    from neurokit.training import Trainer


@dataclass(frozen=True, kw_only=True)
class MultiScaleDesign(CodecDesign):
    """The parameters of `MultiScaleTokenizer` that say what is coded, and how."""

    kernels: Sequence[float]

    def columns(self) -> dict[str, int]:
        """Name the columns of the codes, first stages of all branches first."""
        branches = range(1, len(self.kernels) + 1)
        names = [f"{k + 1}.{b}" for k in range(self.n_levels) for b in branches]
        return dict.fromkeys(names, self.codebook_size)

    def check(self, name: str, beam: int) -> None:
        """Refuse parameters out of range."""
        super().check(name, beam)
        if not len(self.kernels) or min(self.kernels) <= 0:
            raise ValueError(
                f"{name}: kernels must be one or more lengths above 0 s, got {self.kernels!r}."
            )

    def build(self, n_signals: int = 1) -> Codec:
        """Build untrained branches."""
        from neurokit.nn.codec import Codec
        from neurokit.nn.multiscale import MultiScaleDecoder, MultiScaleEncoder
        from neurokit.nn.quantizers.grouped import GroupedResidualVectorQuantizer

        rate = float(self.samples_per_second)
        shape = self.shape_networks() | {
            "kernels": [2 * round(k * rate / 2) + 1 for k in self.kernels]
        }
        del shape["kernel"]
        n_branches = len(self.kernels)
        quantizer = GroupedResidualVectorQuantizer(
            n_branches * self.latent_dim, n_groups=n_branches, **self.shape_quantizer()
        )
        encoder = MultiScaleEncoder(self.latent_dim, **shape)
        return Codec(encoder, quantizer, MultiScaleDecoder(self.latent_dim, **shape))

    def loss(self, rate: float, module: Codec, x: Tensor) -> Tensor:
        """Compute the Huber loss, and that of amplitude and phase."""
        from torch.nn import functional as F

        from neurokit.nn.multiscale import amplitude_phase_error

        y, _, loss = module(x)
        y = y.float()
        windows = [min(max(round(s * rate), 4), x.shape[-1]) for s in (0.25, 0.5, 1.0)]
        huber, phase = self.loss_weights
        return loss + huber * F.huber_loss(y, x) + phase * amplitude_phase_error(x, y, windows)


class MultiScaleTokenizer(CodecTokenizer):
    """Neural codec in parallel branches: slow and fast events get codebooks of their own.

    Each branch sees the signal through a first kernel of another length, has an encoder, a
    residual quantiser and a decoder, and the decoded branches add up; the loss knows amplitude
    and phase (the NeuroRVQ family [1]_). Unlike the published tokenizer it is causal, takes any
    montage and rate, and gives microvolts: what it needs to know of the level travels with the
    tokens and is counted. All else is as in `CodecTokenizer`, including live use, dask, and the
    columns ``scale`` and ``offset`` of ``level``; the codes follow, first stages of all branches
    first: ``1.1, 1.2, ...`` are stage 1 of branches 1, 2, ...

    At the default this costs at most 10 frames x 4 branches x 3 levels x 8 bits + 24 bits = 984
    bits per second and channel.

    Parameters
    ----------
    n_levels : int, default=3
        Stages of each branch's quantiser.
    kernels : tuple of float, default=(0.105, 0.075, 0.045, 0.025)
        Length of each branch's first convolution, in s.
    codebook_size : int, default=256
        Codes per stage.
    frame_rate : float, default=10.0
        Frames per second, at ``model_rate``.
    model_rate : float, default=320.0
        Rate at which the networks run, in Hz; a whole multiple of ``frame_rate``.
    stretch, causal, beam, quantizer_dropout, window : optional
        As in `CodecTokenizer`.
    latent_dim, n_filters, n_residual, n_context : int
        As in `CodecTokenizer`, for each branch.
    loss_weights : tuple of float, default=(1.0, 0.05)
        Weights of the Huber loss, and of that of amplitude and phase.
    sampling_rate, trainer, device, random_state : optional
        As in `CodecTokenizer`.

    Attributes
    ----------
    module_ : neurokit.nn.codec.Codec
        On the CPU, in eval mode.
    history_, rate_report_, codebook_report_, n_times_
        As in `CodecTokenizer`.

    References
    ----------
    .. [1] NeuroRVQ (2025), arXiv:2510.13068.

    Examples
    --------
    >>> import neurokit as nk
    >>> from neurokit.training import Trainer
    >>> X = nk.signal(np.random.default_rng(0).normal(size=(4, 1000)), sampling_rate=250)
    >>> tokenizer = MultiScaleTokenizer(
    ...     2, kernels=(0.1, 0.03), codebook_size=16, n_filters=2, random_state=0,
    ...     trainer=Trainer(1, device="cpu"),
    ... )
    >>> tokenizer.fit_transform(X)["level"].values.tolist()
    ['scale', 'offset', '1.1', '1.2', '2.1', '2.2']
    """

    _Design = MultiScaleDesign

    def __init__(
        self,
        n_levels: int = 3,
        *,
        kernels: tuple[float, ...] = (0.105, 0.075, 0.045, 0.025),
        codebook_size: int = 256,
        frame_rate: float = 10.0,
        model_rate: float = 320.0,
        stretch: bool = True,
        latent_dim: int = 16,
        n_filters: int = 16,
        n_residual: int = 1,
        n_context: int = 1,
        causal: bool = True,
        loss_weights: tuple[float, ...] = (1.0, 0.05),
        quantizer_dropout: float = 0.25,
        window: float = 4.0,
        beam: int = 4,
        sampling_rate: float | None = None,
        trainer: Trainer | None = None,
        device: str = "auto",
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.n_levels = n_levels
        self.kernels = kernels
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
        self.sampling_rate = sampling_rate
        self.trainer = trainer
        self.device = device
        self.random_state = random_state
