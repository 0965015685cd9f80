"""The codec's networks on the processor: matrix products in place of convolutions.

PyTorch convolves doubles row by row; with time first and channels last the taps of all rows lie
side by side, and a convolution is a product of a tall matrix for each tap, several times as fast.
Weights are laid out once. Rounding aside, a network gives what its module gives.
"""

from collections.abc import Callable
from functools import cache, partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from neurokit.nn.codec import (
    CausalConv1d,
    CausalUpsample1d,
    Decoder,
    Encoder,
    Memory,
    ResidualUnit,
)
from neurokit.nn.multiscale import MultiScaleDecoder, MultiScaleEncoder

Layer = Callable[[Tensor, Memory], Tensor]  # (time, batch, n_in) to (time, batch, n_out)
Network = Callable[[Tensor, Memory], Tensor]  # what the module takes to what it gives
MANY_FRAMES, WHOLE = 1024, 16  # of all rows, of each: what `codec_large` is for


def as_products(network: nn.Module) -> Network:
    """Lay out a network for inference: call it as the module, always with a `Memory`."""
    if isinstance(network, Encoder):
        return partial(_encode, *_stack(network))
    if isinstance(network, Decoder):
        return partial(_decode, *_stack(network), _large(network))
    if isinstance(network, MultiScaleEncoder):
        return partial(_encode_parts, [as_products(branch) for branch in network.branches])
    if isinstance(network, MultiScaleDecoder):
        return partial(_decode_parts, [as_products(branch) for branch in network.branches])
    return network


def _encode(layers: list[Layer], direct: Layer | None, x: Tensor, memory: Memory) -> Tensor:
    return _through(layers, direct, x.mT[..., None], memory).transpose(0, 1)


def _decode(
    layers: list[Layer],
    direct: Layer | None,
    large: Callable[[], list[Layer]] | None,
    x: Tensor,
    memory: Memory,
) -> Tensor:
    many = x.shape[:2].numel() >= MANY_FRAMES and x.shape[1] % WHOLE == 0
    if large is not None and many:
        from neurokit.nn.kernels.codec_large import workers

        with workers():
            return _through(large(), direct, x.transpose(0, 1), memory)[..., 0].mT
    return _through(layers, direct, x.transpose(0, 1), memory)[..., 0].mT


def _encode_parts(branches: list[Network], x: Tensor, memory: Memory) -> Tensor:
    return torch.cat([b(x, memory.part(k)) for k, b in enumerate(branches)], -1)


def _decode_parts(branches: list[Network], x: Tensor, memory: Memory) -> Tensor:
    parts = enumerate(zip(branches, x.chunk(len(branches), -1), strict=True))
    return torch.stack([b(part, memory.part(k)) for k, (b, part) in parts]).sum(0)


def _stack(network: Encoder | Decoder) -> tuple[list[Layer], Layer | None]:
    direct = None if network.direct is None else _layer(network.direct)
    return [_layer(layer) for layer in network.layers], direct


def has_wide_registers() -> bool:
    """Tell whether registers hold sixteen numbers, as tiles for many frames want them."""
    return torch.backends.cpu.get_cpu_capability() == "AVX512"


def _large(network: Decoder) -> Callable[[], list[Layer]] | None:
    """Lay out a decoder for many frames, once it has many; None where it is not for that."""
    if next(network.parameters()).dtype != torch.float32 or not has_wide_registers():
        return None

    @cache
    def lay_out() -> list[Layer]:
        from neurokit.nn.kernels.codec_large import join

        return join(network.layers, [_layer(layer) for layer in network.layers])

    return lay_out


def _inside(layer: CausalConv1d | CausalUpsample1d) -> Any:
    return layer.conv


def _layer(layer: nn.Module) -> Layer:
    if isinstance(layer, CausalConv1d):
        conv = _inside(layer)
        if conv.stride[0] > 1 or conv.kernel_size[0] == 1:
            return _Convolution(layer)
        return (_Taps if conv.out_channels >= conv.kernel_size[0] else _NarrowTaps)(layer)
    if isinstance(layer, CausalUpsample1d):
        return _Upsampling(layer)
    if isinstance(layer, ResidualUnit):
        return partial(_residual, _layer(layer.wide), _layer(layer.point))
    if isinstance(layer, nn.ELU):
        return lambda x, memory: F.elu(x)
    return lambda x, memory: layer(x.permute(1, 2, 0), memory).permute(2, 0, 1)


def _through(layers: list[Layer], direct: Layer | None, x: Tensor, memory: Memory) -> Tensor:
    memory.rewind()
    y = x
    for layer in layers:
        y = layer(y, memory)
    return y if direct is None else y + direct(x, memory)


def _residual(wide: Layer, point: Layer, x: Tensor, memory: Memory) -> Tensor:
    return x + point(F.elu(wide(F.elu(x), memory), inplace=True), memory)


def _after_past(x: Tensor, n: int, memory: Memory) -> Tensor:
    """Put the ``n`` samples that came before in front of ``x`` (time, ...)."""
    old = memory.swap()
    x = torch.cat([x.new_zeros(n, *x.shape[1:]) if old is None else old[0], x])
    memory.swap((x[len(x) - n :].clone(),))
    return x


class _Convolution:
    def __init__(self, layer: CausalConv1d) -> None:
        conv = _inside(layer)
        self._n_taps = conv.kernel_size[0]
        self._stride, self._dilation = conv.stride[0], conv.dilation[0]
        self._n_past = layer.n_past
        self._weight = conv.weight.detach().permute(2, 1, 0).flatten(0, 1).contiguous()
        self._bias = conv.bias.detach()

    def __call__(self, x: Tensor, memory: Memory) -> Tensor:
        n = len(x) // self._stride
        x = _after_past(x, self._n_past, memory)
        last = (n - 1) * self._stride + 1
        starts = range(0, self._n_taps * self._dilation, self._dilation)
        taps = [x[start : start + last : self._stride] for start in starts]
        wide = torch.cat(taps, -1) if len(taps) > 1 else x
        return torch.addmm(self._bias, wide.flatten(0, 1), self._weight).unflatten(0, (n, -1))


class _Taps:
    """A convolution without strides, a product for each tap: no sample is copied."""

    def __init__(self, layer: CausalConv1d) -> None:
        conv = _inside(layer)
        self._dilation, self._n_past = conv.dilation[0], layer.n_past
        self._weights = conv.weight.detach().permute(2, 1, 0).contiguous().unbind()
        self._bias = conv.bias.detach()

    def __call__(self, x: Tensor, memory: Memory) -> Tensor:
        n = len(x)
        x = _after_past(x, self._n_past, memory)
        y = torch.addmm(self._bias, x[:n].flatten(0, 1), self._weights[0])
        for k, weight in enumerate(self._weights[1:], 1):
            start = k * self._dilation
            y.addmm_(x[start : start + n].flatten(0, 1), weight)
        return y.unflatten(0, (n, -1))


class _NarrowTaps:
    """A convolution to fewer channels than it has taps: one product, then shifted sums."""

    def __init__(self, layer: CausalConv1d) -> None:
        conv = _inside(layer)
        self._dilation, self._n_past = conv.dilation[0], layer.n_past
        self._n_taps, self._n_out = conv.kernel_size[0], conv.out_channels
        weight = conv.weight.detach()  # (n_out, n_in, tap)
        self._weight = weight.permute(1, 2, 0).flatten(1).contiguous()
        self._bias = conv.bias.detach()

    def __call__(self, x: Tensor, memory: Memory) -> Tensor:
        n = len(x)
        x = _after_past(x, self._n_past, memory)
        parts = (x.flatten(0, 1) @ self._weight).reshape(*x.shape[:2], self._n_taps, self._n_out)
        y = parts[:n, :, 0] + self._bias
        for k in range(1, self._n_taps):
            start = k * self._dilation
            y += parts[start : start + n, :, k]
        return y


class _Upsampling:
    def __init__(self, layer: CausalUpsample1d) -> None:
        self._stride = layer.stride
        conv = _inside(layer)
        weight = conv.weight.detach()  # (n_in, n_out, two strides)
        halves = weight.split(layer.stride, -1)
        self._now, self._then = (half.mT.flatten(1).contiguous() for half in halves)
        self._bias = conv.bias.detach().repeat(layer.stride)

    def __call__(self, x: Tensor, memory: Memory) -> Tensor:
        n = len(x)
        x = _after_past(x, 1, memory)
        y = torch.addmm(self._bias, x[:-1].flatten(0, 1), self._then)
        y.addmm_(x[1:].flatten(0, 1), self._now)
        y = y.reshape(n, -1, self._stride, y.shape[-1] // self._stride)
        return y.transpose(1, 2).flatten(0, 1)
