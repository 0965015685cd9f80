"""Causal convolutions on whole frames: the number of frames is the one length that is free.

Samples are kept as (row, frame, step, width), ``step`` counting those of one frame at the rate of
the layer. What a frame sees of those before it is a fixed number of samples, so every layer is one
gather and one matrix product: runtimes have these in double precision, and no convolutions.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from neurokit.nn.codec import (
    CausalConv1d,
    CausalUpsample1d,
    CosineEncoder,
    Decoder,
    Encoder,
    FrameNetwork,
    Recurrent,
    ResidualUnit,
)
from neurokit.nn.portable.spiking import State, run_steps


class FramedConv(nn.Module):
    """A `CausalConv1d` on frames."""

    weight: Tensor
    bias: Tensor
    at: Tensor

    def __init__(self, layer: CausalConv1d, n_steps: int) -> None:
        super().__init__()
        conv = layer.conv
        stride, dilation, n_taps = conv.stride[0], conv.dilation[0], conv.kernel_size[0]
        self.n_before = -(-layer.n_past // n_steps)  # frames
        self.n_steps = n_steps // stride
        first = torch.arange(self.n_steps)[:, None] * stride + self.n_before * n_steps
        at = first - layer.n_past + dilation * torch.arange(n_taps)
        self.register_buffer("at", at.flatten())
        # (tap, in, out): taps of one sample lie side by side
        self.register_buffer(
            "weight", conv.weight.detach().cpu().permute(2, 1, 0).flatten(0, 1).clone()
        )
        self.register_buffer("bias", bias_of(conv).clone())

    def forward(self, x: Tensor) -> Tensor:
        """Return (row, frame, step / stride, out) for ``x`` (row, frame, step, in)."""
        taps = with_past(x, self.n_before).index_select(2, self.at)
        return taps.unflatten(2, (self.n_steps, -1)).flatten(3) @ self.weight + self.bias


class FramedUpsample(nn.Module):
    """A `CausalUpsample1d` on frames."""

    now: Tensor
    then: Tensor
    bias: Tensor

    def __init__(self, layer: CausalUpsample1d, n_steps: int) -> None:
        super().__init__()
        stride = layer.stride
        self.n_steps = n_steps * stride
        conv = layer.conv
        weight = conv.weight.detach()  # (in, out, two strides)
        now, then = weight.split(stride, -1)
        self.register_buffer("now", now.mT.flatten(1))
        self.register_buffer("then", then.mT.flatten(1))
        self.register_buffer("bias", bias_of(conv).repeat(stride))

    def forward(self, x: Tensor) -> Tensor:
        """Return (row, frame, step * stride, out) for ``x`` (row, frame, step, in)."""
        size = x.shape[2]
        before = with_past(x, 1)[:, :, size - 1 : 2 * size - 1]
        y = x @ self.now + before @ self.then + self.bias
        return y.flatten(2).unflatten(2, (self.n_steps, -1))


class FramedResidual(nn.Module):
    """A `ResidualUnit` on frames."""

    def __init__(self, layer: ResidualUnit, n_steps: int) -> None:
        super().__init__()
        self.wide = FramedConv(layer.wide, n_steps)
        self.point = FramedConv(layer.point, n_steps)

    def forward(self, x: Tensor) -> Tensor:
        """Return the shape of ``x`` (row, frame, step, width)."""
        return x + self.point(elu(self.wide(elu(x))))


class FramedELU(nn.Module):
    """``nn.ELU`` of operations that runtimes have in double precision."""

    def forward(self, x: Tensor) -> Tensor:
        """Return the shape of ``x``."""
        return elu(x)


class FramedRecurrent(nn.Module):
    """A `Recurrent` network at the rate of the frames, as a loop."""

    def __init__(self, layer: Recurrent) -> None:
        super().__init__()
        self.n_layers = layer.lstm.num_layers
        for name, values in layer.lstm.named_parameters():
            self.register_buffer(name, values.detach().clone())

    def forward(self, x: Tensor) -> Tensor:
        """Return the shape of ``x`` (row, frame, 1, width)."""
        y = x[:, :, 0].transpose(0, 1)
        for k in range(self.n_layers):
            named = (f"weight_ih_l{k}", f"bias_ih_l{k}", f"weight_hh_l{k}", f"bias_hh_l{k}")
            w_in, b_in, w_hidden, b_hidden = (self.get_buffer(name) for name in named)

            def step(state: State, gates: Tensor, w: Tensor = w_hidden) -> tuple[State, Tensor]:
                h, c = state
                enter, forget, new, leave = (gates + h @ w.T).chunk(4, -1)
                c = forget.sigmoid() * c + enter.sigmoid() * new.tanh()
                h = leave.sigmoid() * c.tanh()
                return (h, c), h.clone()

            rest = torch.zeros_like(y[0])
            gates = y @ w_in.T + b_in + b_hidden
            y = run_steps(step, (rest, rest.clone()), gates, unrolled=False)
        return x + y.transpose(0, 1)[:, :, None]


class FramedNetwork(nn.Module):
    """One half of a codec on frames: (row, frame, step, in) to (row, frame, step, out).

    Parameters
    ----------
    network : Encoder, Decoder or CosineEncoder
    n_steps : int
        Samples per frame of its input: the hop of an encoder, 1 of a decoder.
    """

    def __init__(self, network: FrameNetwork, n_steps: int) -> None:
        super().__init__()
        self.cosine = isinstance(network, CosineEncoder)
        self.layers = nn.ModuleList()
        self.direct: nn.Module | None = None
        if isinstance(network, CosineEncoder):
            self.register_buffer("basis", network.basis.detach().mT)
        if isinstance(network, Encoder | Decoder):
            if network.direct is not None:
                self.direct = framed(network.direct, n_steps)
            for layer in network.layers:
                self.layers.append(framed(layer, n_steps))
                n_steps = getattr(self.layers[-1], "n_steps", n_steps)

    def forward(self, x: Tensor) -> Tensor:
        """Return what the network makes of its frames."""
        if self.cosine:
            return (x[..., 0] @ self.get_buffer("basis"))[:, :, None]
        y = x
        for layer in self.layers:
            y = layer(y)
        return y if self.direct is None else y + self.direct(x)


def framed(layer: nn.Module, n_steps: int) -> nn.Module:
    """Return the layer that does on frames of ``n_steps`` samples what this one does on all."""
    if isinstance(layer, CausalConv1d):
        return FramedConv(layer, n_steps)
    if isinstance(layer, CausalUpsample1d):
        return FramedUpsample(layer, n_steps)
    if isinstance(layer, ResidualUnit):
        return FramedResidual(layer, n_steps)
    return FramedRecurrent(layer) if isinstance(layer, Recurrent) else FramedELU()


def bias_of(conv: nn.Conv1d | nn.ConvTranspose1d) -> Tensor:
    """Return the bias, zeros where there is none."""
    return torch.zeros(conv.out_channels) if conv.bias is None else conv.bias.detach()


def elu(x: Tensor) -> Tensor:
    """Return ``x`` where it is positive, else ``exp(x) - 1``."""
    return x.clamp(min=0) + x.clamp(max=0).exp() - 1


def with_past(x: Tensor, n: int) -> Tensor:
    """Put the ``n`` frames before each one before its samples: (row, frame, (n + 1) step, ...)."""
    if not n:
        return x
    padded = torch.cat([torch.zeros_like(x[:, :1]).expand(-1, n, -1, -1), x], 1)
    return torch.cat([padded[:, k : k + x.shape[1]] for k in range(n + 1)], 2)
