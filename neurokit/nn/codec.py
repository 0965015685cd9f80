"""Causal convolutional codec for one channel: samples to a vector per frame, and back."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import weight_norm

from neurokit.nn.quantizers.common import Quantizer


class Coded(NamedTuple):
    """What a codec makes of a batch."""

    values: Tensor  # (batch, time): the decoded signal
    codes: Tensor  # (batch, frame, level), int64
    loss: Tensor  # scalar: of the quantiser


class Memory:
    """What the causal layers of one live signal remember of its past, in the order of use.

    Pass one object to every call for the same signal; the first call starts from silence.
    """

    def __init__(self) -> None:
        self._kept: list[tuple[Tensor, ...]] = []
        self._position = 0
        self._parts: dict[int, Memory] = {}

    def part(self, k: int) -> "Memory":
        """Memory of the ``k``-th of several networks side by side."""
        return self._parts.setdefault(k, Memory())

    def rewind(self) -> None:
        """Begin another pass through the layers."""
        self._position = 0

    def swap(self, new: tuple[Tensor, ...] | None = None) -> tuple[Tensor, ...] | None:
        """Give what this layer kept; with ``new``, keep that and go on to the next layer."""
        old = self._kept[self._position] if self._position < len(self._kept) else None
        if new is not None:
            self._kept[self._position : self._position + 1] = [new]
            self._position += 1
        return old


def after_past(x: Tensor, n: int, memory: Memory | None) -> Tensor:
    """Put the ``n`` samples that came before in front of ``x`` (..., time); zeros at the start."""
    if memory is None:
        return F.pad(x, (n, 0))
    old = memory.swap()
    x = torch.cat([x.new_zeros(*x.shape[:-1], n) if old is None else old[0], x], -1)
    memory.swap((x[..., x.shape[-1] - n :].clone(),))
    return x


class CausalConv1d(nn.Module):
    """Convolution along time that sees no sample after the one (or the stride) it answers for."""

    def __init__(
        self,
        n_in: int,
        n_out: int,
        kernel: int,
        *,
        stride: int = 1,
        dilation: int = 1,
        normed: bool = False,
    ) -> None:
        super().__init__()
        conv = nn.Conv1d(n_in, n_out, kernel, stride=stride, dilation=dilation)
        self.conv = weight_norm(conv) if normed else conv
        self.n_past = dilation * (kernel - 1) + 1 - stride

    def forward(self, x: Tensor, memory: Memory | None = None) -> Tensor:
        """Return (batch, n_out, time / stride) for ``x`` (batch, n_in, time)."""
        return self.conv(after_past(x, self.n_past, memory))


class CausalUpsample1d(nn.Module):
    """Transposed convolution by ``stride`` with a kernel of two strides: half of it overlaps."""

    def __init__(self, n_in: int, n_out: int, stride: int, *, normed: bool = False) -> None:
        super().__init__()
        conv = nn.ConvTranspose1d(n_in, n_out, 2 * stride, stride=stride)
        self.conv = weight_norm(conv, dim=1) if normed else conv
        self.stride = stride

    def forward(self, x: Tensor, memory: Memory | None = None) -> Tensor:
        """Return (batch, n_out, time * stride) for ``x`` (batch, n_in, time)."""
        y = self.conv(after_past(x, 1, memory))
        return y[..., self.stride : -self.stride]


class ResidualUnit(nn.Module):
    """ELU, a dilated convolution of three samples, ELU, a product per sample; plus the input."""

    def __init__(self, width: int, dilation: int, *, normed: bool = False) -> None:
        super().__init__()
        self.wide = CausalConv1d(width, width, 3, dilation=dilation, normed=normed)
        self.point = CausalConv1d(width, width, 1, normed=normed)

    def forward(self, x: Tensor, memory: Memory | None = None) -> Tensor:
        """Return the shape of ``x`` (batch, width, time)."""
        y = self.wide(F.elu(x), memory)
        return x + self.point(F.elu(y), memory)


class Recurrent(nn.Module):
    """Stacked LSTM along time, plus the input."""

    def __init__(self, width: int, n_layers: int) -> None:
        super().__init__()
        self.lstm = nn.LSTM(width, width, n_layers, batch_first=True)

    def forward(self, x: Tensor, memory: Memory | None = None) -> Tensor:
        """Return the shape of ``x`` (batch, width, time)."""
        old = memory.swap() if memory else None
        y, (hidden, cell) = self.lstm(x.mT, None if old is None else (old[0], old[1]))
        if memory:
            memory.swap((hidden, cell))
        return x + y.mT


class FrameNetwork(nn.Module):
    """One half of a codec: samples to vectors of frames, or back, with or without a `Memory`."""

    @property
    def n_past_frames(self) -> float:
        """Frames before its own on which a frame depends."""
        raise NotImplementedError


class FrameEncoder(FrameNetwork):
    """The half that makes vectors; ``hop`` samples become a frame."""

    hop: int


class Encoder(FrameEncoder):
    """Samples to frames: residual units and strided convolutions that double the width.

    Parameters
    ----------
    latent_dim : int
        Length of the vector per frame.
    strides : sequence of int
        Their product is the hop, in samples.
    n_filters : int
        Width at the rate of the samples.
    kernel : int
        Length of the first convolution, in samples.
    n_residual : int
        Residual units before each stride, dilated by 1, 2, 4, ...
    n_context : int
        Residual units at the rate of the frames, dilated alike.
    n_recurrent : int
        LSTM layers at the rate of the frames.
    normed : bool
        Whether weights are kept as length and direction (weight normalisation).
    direct : bool
        Whether a single linear map from two hops to a frame is added. Training then begins as
        a transform codec and only has to learn what such a codec misses.
    """

    def __init__(
        self,
        latent_dim: int,
        *,
        strides: Sequence[int],
        n_filters: int,
        kernel: int,
        n_residual: int,
        n_context: int,
        n_recurrent: int,
        normed: bool,
        direct: bool,
    ) -> None:
        super().__init__()
        width = n_filters
        layers: list[nn.Module] = [CausalConv1d(1, width, kernel, normed=normed)]
        for stride in strides:
            layers += [ResidualUnit(width, 2**j, normed=normed) for j in range(n_residual)]
            down = CausalConv1d(width, 2 * width, 2 * stride, stride=stride, normed=normed)
            layers += [nn.ELU(), down]
            width *= 2
        layers += [ResidualUnit(width, 2**j, normed=normed) for j in range(n_context)]
        layers += [Recurrent(width, n_recurrent)] if n_recurrent else []
        last = CausalConv1d(width, latent_dim, 3, normed=normed)
        self.layers = nn.ModuleList([*layers, nn.ELU(), last])
        self.hop = hop = math.prod(strides)
        self.direct = CausalConv1d(1, latent_dim, 2 * hop, stride=hop) if direct else None
        _begin_direct(self.direct, last)

    def forward(self, x: Tensor, memory: Memory | None = None) -> Tensor:
        """Return latents (batch, frame, latent_dim) of ``x`` (batch, time), whole hops long."""
        return _run_through(self.layers, self.direct, x[:, None], memory).mT

    @property
    def n_past_frames(self) -> float:
        """Frames before its own on which a latent depends; infinite with an LSTM."""
        past, step = 0, 1
        for layer in self.layers.modules():
            if isinstance(layer, Recurrent):
                return math.inf
            if isinstance(layer, CausalConv1d):
                past += layer.n_past * step
                step *= layer.conv.stride[0]
        return -(-past // self.hop)


class CosineEncoder(FrameEncoder):
    """Samples to frames by the cosine transform of each hop: nothing to learn, nothing remembered.

    Parameters
    ----------
    latent_dim : int
        Coefficients to keep, from the slowest; at most ``hop``.
    hop : int
        Samples per frame.
    """

    basis: Tensor

    def __init__(self, latent_dim: int, *, hop: int) -> None:
        super().__init__()
        self.hop = hop
        self.register_buffer("basis", cosines(latent_dim, hop), persistent=False)

    @property
    def n_past_frames(self) -> float:
        """Frames before its own on which a latent depends: none."""
        return 0.0

    def forward(self, x: Tensor, memory: Memory | None = None) -> Tensor:
        """Return latents (batch, frame, latent_dim) of ``x`` (batch, time), whole hops long."""
        return x.unflatten(-1, (-1, self.hop)) @ self.basis.to(x.dtype).mT


def cosines(n: int, hop: int) -> Tensor:
    """Give the ``n`` slowest vectors (n, hop) of the orthonormal cosine transform, in float64."""
    k, t = torch.arange(n, dtype=torch.float64)[:, None], torch.arange(hop, dtype=torch.float64)
    basis = torch.cos(math.pi * k * (t + 0.5) / hop) * math.sqrt(2 / hop)
    basis[0] /= math.sqrt(2)
    return basis


def begin_as_cosines(encoder: FrameEncoder, decoder: FrameNetwork) -> None:
    """Let the direct maps begin as the cosine transform of each hop and its inverse."""
    hop = encoder.hop
    if isinstance(decoder, Decoder):
        _set_to_cosines(decoder.direct, hop, slice(0, hop))
    if isinstance(encoder, Encoder):  # the second of its two hops is the frame's own
        _set_to_cosines(encoder.direct, hop, slice(hop, None))


@torch.no_grad()
def _set_to_cosines(
    direct: "CausalConv1d | CausalUpsample1d | None", hop: int, own: slice
) -> None:
    if direct is None:
        return
    weight, bias = direct.conv.weight, direct.conv.bias
    weight.zero_()
    if bias is not None:
        bias.zero_()
    basis = cosines(max(weight.shape[:2]), hop).to(weight)
    weight[..., own] = basis.reshape(weight[..., own].shape)


class Decoder(FrameNetwork):
    """Frames to samples: the mirror of `Encoder`, with the same parameters."""

    def __init__(
        self,
        latent_dim: int,
        *,
        strides: Sequence[int],
        n_filters: int,
        kernel: int,
        n_residual: int,
        n_context: int,
        n_recurrent: int,
        normed: bool,
        direct: bool,
    ) -> None:
        super().__init__()
        width = n_filters * 2 ** len(strides)
        layers: list[nn.Module] = [CausalConv1d(latent_dim, width, 3, normed=normed)]
        layers += [Recurrent(width, n_recurrent)] if n_recurrent else []
        layers += [ResidualUnit(width, 2**j, normed=normed) for j in range(n_context)]
        for stride in reversed(strides):
            layers += [nn.ELU(), CausalUpsample1d(width, width // 2, stride, normed=normed)]
            width //= 2
            layers += [ResidualUnit(width, 2**j, normed=normed) for j in range(n_residual)]
        last = CausalConv1d(width, 1, kernel, normed=normed)
        self.layers = nn.ModuleList([*layers, nn.ELU(), last])
        self.direct = CausalUpsample1d(latent_dim, 1, math.prod(strides)) if direct else None
        _begin_direct(self.direct, last)

    def forward(self, latents: Tensor, memory: Memory | None = None) -> Tensor:
        """Return samples (batch, time) of ``latents`` (batch, frame, latent_dim)."""
        return _run_through(self.layers, self.direct, latents.mT, memory)[:, 0]

    @property
    def n_past_frames(self) -> float:
        """Frames before its own on which a sample depends; infinite with an LSTM."""
        past, rate = 0.0, 1
        for layer in self.layers.modules():
            if isinstance(layer, Recurrent):
                return math.inf
            if isinstance(layer, CausalConv1d):
                past += layer.n_past / rate
            if isinstance(layer, CausalUpsample1d):
                past += 1 / rate
                rate *= layer.stride
        return math.ceil(past)


class Codec(nn.Module):
    """Encoder, quantiser and decoder of one channel.

    Parameters
    ----------
    encoder : FrameEncoder
    quantizer : Quantizer
    decoder : FrameNetwork

    Examples
    --------
    >>> from neurokit.nn.quantizers.residual import ResidualVectorQuantizer
    >>> shape = dict(strides=(2, 3), n_filters=4, kernel=7, n_residual=1, n_context=1)
    >>> shape |= dict(n_recurrent=0, normed=False, direct=True)
    >>> quantizer = ResidualVectorQuantizer(8, n_levels=2, codebook_size=16)
    >>> codec = Codec(Encoder(8, **shape), quantizer, Decoder(8, **shape)).eval()
    >>> codec(torch.randn(5, 60)).codes.shape
    torch.Size([5, 10, 2])
    """

    def __init__(self, encoder: FrameEncoder, quantizer: Quantizer, decoder: FrameNetwork) -> None:
        super().__init__()
        self.encoder = encoder
        self.quantizer = quantizer
        self.decoder = decoder

    def forward(self, x: Tensor) -> Coded:
        """Code and decode ``x`` (batch, time), whole hops long."""
        values, codes, loss = self.quantizer(self.encoder(x))
        return Coded(self.decoder(values), codes, loss)


def _begin_direct(direct: nn.Module | None, last: CausalConv1d) -> None:
    """Begin with the direct map alone: the deep path adds nothing yet."""
    if direct is not None:
        for parameter in last.conv.parameters():
            nn.init.zeros_(parameter)


def _run_through(
    layers: nn.ModuleList, direct: nn.Module | None, x: Tensor, memory: Memory | None
) -> Tensor:
    if memory is not None:
        memory.rewind()
    y = x
    for layer in layers:
        y = layer(y) if isinstance(layer, nn.ELU) else layer(y, memory)
    return y if direct is None else y + direct(x, memory)
