"""Design of a codec: what its parameters say of frames, columns, networks and loss."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any, NamedTuple

from neurokit.inputs.ranges import check_at_least
from neurokit.inputs.signal import Signal
from neurokit.recording.clock import exact
from neurokit.tokenizers.framing.frames import Frames
from neurokit.tokenizers.montages.each_channel import EachChannel, Montage
from neurokit.types import Floats

if TYPE_CHECKING:
    from torch import Tensor

    from neurokit.nn.codec import Codec

BANDS = ((1.0, 4.0), (4.0, 8.0), (8.0, 13.0), (13.0, 30.0), (30.0, 80.0))
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
_KINDS = {"quantizer": ("residual", "embedded"), "encoder": ("network", "cosine")}


class Learnt(NamedTuple):
    """What is learnt of the channels of a recording before the networks."""

    montage: Montage
    n_signals: int  # that a row of tokens stands for
    found: dict[str, object]  # fitted attributes


@dataclass(frozen=True, kw_only=True)
class CodecDesign:
    """The parameters of `CodecTokenizer` that say what is coded, and how."""

    n_levels: int
    codebook_size: int
    frame_rate: float
    model_rate: float
    stretch: bool
    latent_dim: int
    n_filters: int
    n_residual: int
    n_context: int
    causal: bool
    loss_weights: Sequence[float]
    quantizer_dropout: float
    window: float
    quantizer: str = "residual"
    encoder: str = "network"
    preset: str | None = None

    # ------------------------------------------------------------ rates

    @property
    def frames_per_second(self) -> Fraction:
        """Rate of the frames at `samples_per_second`, in Hz."""
        return Fraction(250, 12) if self.preset == "biocodec" else exact(self.frame_rate)

    @property
    def samples_per_second(self) -> Fraction:
        """Rate at which the networks run, in Hz."""
        return Fraction(250) if self.preset == "biocodec" else exact(self.model_rate)

    @property
    def hop(self) -> int:
        """Samples of a frame."""
        return int(self.samples_per_second / self.frames_per_second)

    def frames(self, rate: Fraction) -> Frames:
        """Say how a recording at ``rate`` is cut; slow ones go through sample by sample."""
        period = max(round(self.frames_per_second), 1)
        slow = self.stretch and self.preset is None and rate < self.samples_per_second
        coded = rate if slow else self.samples_per_second
        return Frames(rate, coded, self.hop, level_period=period, causal=self.causal)

    def columns(self) -> dict[str, int]:
        """Name the columns of the codes, and how many each has."""
        return {str(k + 1): self.codebook_size for k in range(self.n_levels)}

    # ------------------------------------------------------------ checks

    def check(self, name: str, beam: int) -> None:
        """Refuse parameters out of range, in the name of the estimator that has them."""
        if self.preset not in (None, "biocodec"):
            raise ValueError(f"{name}: preset must be None or 'biocodec', got {self.preset!r}.")
        for key, known in _KINDS.items():
            if (value := getattr(self, key)) not in known:
                raise ValueError(f"{name}: {key} must be one of {known}, got {value!r}.")
        frame_rate = self.frames_per_second
        hop = self.samples_per_second / frame_rate if frame_rate > 0 else Fraction(0)
        if hop.denominator != 1 or hop < 2:
            raise ValueError(
                f"{name}: model_rate must be frame_rate times a whole number of at least"
                f" 2, got {self.model_rate!r} and {self.frame_rate!r} Hz."
            )
        values = asdict(self) | {"beam": beam}
        check_at_least(name, **{key: (values[key], least) for key, least in _LEAST.items()})
        cosine = self.encoder == "cosine" or self.quantizer == "embedded"
        if cosine and self.preset is None and self.latent_dim > hop:
            raise ValueError(
                f"{name}: latent_dim must be at most the {hop} samples of a frame with a"
                f" cosine transform, got {self.latent_dim!r}."
            )
        if self.codebook_size > 65536:
            raise ValueError(
                f"{name}: codebook_size must be at most 65536, got {self.codebook_size}."
            )

    # ------------------------------------------------------------ networks

    def learn_channels(self, name: str, signal: Signal, levelled: Floats) -> Learnt:
        """Learn what there is to learn of channels: nothing, as each is coded alone.

        Parameters
        ----------
        name : str
            Who refuses.
        signal : Signal
        levelled : ndarray of shape (trial * channel, frame, sample)
        """
        return Learnt(EachChannel.of_signal(signal), 1, {})

    def build(self, n_signals: int = 1) -> Codec:
        """Build untrained networks for rows of ``n_signals`` signals."""
        from neurokit.nn.codec import Codec, CosineEncoder, Decoder, Encoder, begin_as_cosines
        from neurokit.nn.quantizers.embedded import EmbeddedScalarQuantizer
        from neurokit.nn.quantizers.residual import ResidualVectorQuantizer

        width, shape, stages = self.latent_dim, self.shape_networks(), self.shape_quantizer()
        if self.preset == "biocodec":
            width = 128
            shape = {"n_filters": 32, "n_residual": 2, "n_context": 0, "n_recurrent": 2}
            shape |= {"kernel": 3, "normed": True, "direct": False, "strides": (2, 2, 3)}
            stages |= {"codebook_dim": 16, "cosine": True, "quantizer_dropout": 0.0}
        decoder = Decoder(width, **shape)
        encoder: Encoder | CosineEncoder = Encoder(width, **shape)
        if self.encoder == "cosine":
            encoder = CosineEncoder(width, hop=self.hop)
        if self.quantizer == "residual":
            return Codec(encoder, ResidualVectorQuantizer(width, **stages), decoder)
        begin_as_cosines(encoder, decoder)
        return Codec(encoder, EmbeddedScalarQuantizer(width, **stages), decoder)

    def shape_networks(self) -> dict[str, Any]:
        """Return what encoders and decoders are made with, but for the length of the vectors."""
        kernel = 2 * round(_FIRST_KERNEL * float(self.samples_per_second) / 2) + 1
        return {
            "n_filters": self.n_filters,
            "n_residual": self.n_residual,
            "n_context": self.n_context,
            "n_recurrent": 0,
            "normed": False,
            "direct": True,
            "kernel": kernel,
            "strides": factorise(self.hop),
        }

    def shape_quantizer(self) -> dict[str, Any]:
        """Return what quantisers are made with, but for the length of the vectors."""
        return {
            "n_levels": self.n_levels,
            "codebook_size": self.codebook_size,
            "quantizer_dropout": self.quantizer_dropout,
        }

    def loss(self, rate: float, module: Codec, x: Tensor) -> Tensor:
        """Compute the loss of ``module`` on examples (example, time), coded at ``rate`` in Hz."""
        from torch.nn import functional as F

        from neurokit.nn.distortion import (
            band_error,
            biocodec_error,
            relative_error,
            spectrogram_error,
        )

        y, _, loss = module(x)
        y = y.float()
        windows = self.spectrogram_windows(rate, x.shape[-1])
        if self.preset == "biocodec":
            return loss + biocodec_error(x, y, windows)
        error, spectrum, band = self.loss_weights
        bands = self.bands_below(rate)
        if self.quantizer == "embedded":
            loss = loss + error * relative_error(x, y)
        else:
            loss = loss + error * F.huber_loss(y, x)
        if spectrum:
            loss = loss + spectrum * spectrogram_error(x, y, windows)
        return loss + band * band_error(x, y, rate, bands) if band and bands else loss

    @staticmethod
    def spectrogram_windows(rate: float, n_times: int) -> list[int]:
        """Return the windows of the spectrograms that are compared, in samples."""
        return [min(max(round(s * rate), 4), n_times) for s in (0.128, 0.256, 0.512, 1.024)]

    @staticmethod
    def bands_below(rate: float) -> list[tuple[float, float]]:
        """Return the bands, in Hz, that a recording at ``rate`` has."""
        return [(low, min(high, 0.45 * rate)) for low, high in BANDS if low < 0.4 * rate]


def factorise(n: int) -> tuple[int, ...]:
    """Return prime factors, small ones first, twos by pairs: 12 is 3 x 4."""
    factors = []
    for p in (4, 2, 3, 5, 7, 11, 13):
        while n % p == 0:
            factors.append(p)
            n //= p
    return tuple(sorted([*factors, n] if n > 1 else factors))
