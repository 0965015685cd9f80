"""The decoder's layers for many frames at once, by the products of `convolve_cpu`.

What goes from layer to layer is (time, batch, width), the width filled up with zeros to whole
panels. Layers remember what those of `codec_cpu` do, so that one may go on where the other ended.
"""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from neurokit.nn.codec import CausalConv1d, CausalUpsample1d, Memory, ResidualUnit
from neurokit.nn.kernels import convolve_cpu
from neurokit.nn.kernels.registers import LANES

Floats = NDArray[np.floating]
Plain = Callable[[Tensor, Memory], Tensor]

GROUP = 4  # outputs of one group
_WORTH_A_THREAD = 2**17  # numbers in or out: about a millisecond
_local = threading.local()
# What weights are mixed by: values of their polynomial at 0, 1, -1, 2, -2, infinity, divided by
# the products of the points' distances.
_THREE = np.array(
    [[6, 0, 0], [-4, -4, -4], [-4, 4, -4], [1, 2, 4], [1, -2, 4], [0, 0, 24]], np.float64
)
_THREE /= 24
_TWO = np.array([[3, 0], [-3, -3], [-1, 1], [1, 2], [0, 6]], np.float64) / 6  # without -2


# Blocks of a few megabytes go back to the system when freed and come again page by page, unless a
# larger one was freed before (glibc). This one is not touched.
torch.empty(31 * 2**20, dtype=torch.uint8)


class Panels:
    """How many columns a product gives at once, and arrays that fit.

    Parameters
    ----------
    widths : iterable of int
        Channels of the layers: panels of 32 or 48 columns, what leaves the fewest empty.
    """

    def __init__(self, widths: set[int]) -> None:
        def filled(n_vectors: int) -> int:
            return sum(-(-w // (n_vectors * LANES)) * n_vectors for w in widths)

        self.n_vectors = 3 if filled(3) <= filled(2) else 2
        self.columns = self.n_vectors * LANES

    def whole(self, width: int) -> int:
        """Return the columns of as many panels as ``width`` takes."""
        return -(-width // self.columns) * self.columns

    def fill(self, values: Floats) -> Floats:
        """Fill up the last axis with zeros, in float32 at the start of a cache line."""
        shape = *values.shape[:-1], self.whole(values.shape[-1])
        out = torch.zeros(shape).numpy()
        out[..., : values.shape[-1]] = values
        return out

    def cut(self, matrices: Floats) -> Floats:
        """Lay out (product, row, column), columns filled up, as (panel, product, row, column)."""
        filled = self.fill(matrices)
        parts = filled.reshape(*filled.shape[:2], -1, self.columns).transpose(2, 0, 1, 3)
        return self.fill(parts).reshape(-1)


def _values(weight: Tensor) -> Floats:
    found: Floats = weight.detach().double().numpy()
    return found


def _room(*sizes: int) -> tuple[Floats, ...]:
    return tuple(torch.zeros(size).numpy() for size in sizes)


def _after_past(x: Tensor, width: int, n: int, memory: Memory) -> Tensor:
    """Return ELU of ``x`` behind the ``n`` samples before it, of which ``width`` is remembered."""
    old = memory.swap()
    e = x.new_empty(n + len(x), *x.shape[1:])
    e[:n] = 0
    if old is not None:
        e[:n, :, :width] = old[0]
    source, target = x.numpy().reshape(-1), e[n:].numpy().reshape(-1)

    def run(first: int, last: int) -> None:
        convolve_cpu.elu_rows(source, target, first * LANES, last * LANES)

    _share(x.numel() // LANES, x.numel(), run)
    memory.swap((e[len(e) - n :, :, :width].clone(),))
    return e


@contextmanager
def workers() -> Iterator[None]:
    """Keep as many threads as PyTorch has for the layers that this thread runs inside."""
    n_threads = torch.get_num_threads()
    if n_threads == 1:
        yield
        return
    with ThreadPoolExecutor(n_threads) as pool:  # not kept: it would not survive a fork
        _local.pool = pool
        try:
            yield
        finally:
            _local.pool = None


def _share(n: int, work: int, run: Callable[[int, int], None]) -> None:
    """Let threads do parts of the range, or one all of it."""
    pool = getattr(_local, "pool", None)
    n_threads = min(torch.get_num_threads(), work // _WORTH_A_THREAD)
    if pool is None or n_threads < 2:
        run(0, n)
        return
    size = -(-n // (n_threads * convolve_cpu.GROUPS)) * convolve_cpu.GROUPS
    list(pool.map(lambda first: run(first, min(first + size, n)), range(0, n, size)))


class Residual:
    """A residual unit; ``plain`` does what is no multiple of four times its dilation."""

    def __init__(self, layer: ResidualUnit, plain: Plain, panels: Panels) -> None:
        wide, point = _inside(layer.wide), _inside(layer.point)
        self._panels, self._plain, self._n_past = panels, plain, layer.wide.n_past
        self._dilation, self.width = wide.dilation[0], wide.in_channels
        mixed = np.einsum("jt,oit->jio", _THREE, _values(wide.weight))
        self._wide, self._wide_bias = panels.cut(mixed), panels.fill(_values(wide.bias))
        self._point = panels.cut(_values(point.weight)[..., 0].T[None])
        self._point_bias = panels.fill(_values(point.bias))

    def __call__(self, x: Tensor, memory: Memory) -> Tensor:
        n, n_rows, filled = x.shape
        if n % (GROUP * self._dilation):
            y = self._plain(x[..., : self.width], memory)
            return nn.functional.pad(y, (0, filled - self.width))
        e = _after_past(x, self.width, self._n_past, memory).numpy().reshape(-1)
        memory.swap((x.new_empty(0, n_rows, self.width),))  # the product remembers nothing
        flat, n_vectors = x.numpy().reshape(-1), self._panels.n_vectors

        def run(first: int, last: int) -> None:
            room = _room(
                6 * convolve_cpu.GROUPS * filled,
                6 * convolve_cpu.ROWS * self._panels.columns,
                GROUP * convolve_cpu.GROUPS * filled,
            )
            convolve_cpu.convolve_three(
                flat, e, self._dilation * n_rows, filled, self.width, n_vectors, first, last,
                self._wide, self._wide_bias, self._point, self._point_bias, room,
            )  # fmt: skip

        _share(n * n_rows // GROUP, x.numel(), run)
        return x


class Upsampling:
    """ELU and a transposed convolution; ``plain`` is the latter."""

    def __init__(self, layer: CausalUpsample1d, plain: Plain, panels: Panels) -> None:
        conv = _inside(layer)
        self._panels, self._plain, self._stride = panels, plain, layer.stride
        self.width, self._n_out = conv.in_channels, conv.out_channels
        weight = _values(conv.weight)  # (n_in, n_out, two strides)
        taps = np.stack([weight[..., self._stride :], weight[..., : self._stride]])
        mixed = np.einsum("jt,tiok->jiko", _TWO, taps)
        self._weight = panels.cut(panels.fill(mixed).reshape(*mixed.shape[:2], -1))
        self._bias = panels.fill(_values(conv.bias))

    def __call__(self, x: Tensor, memory: Memory) -> Tensor:
        n, n_rows, filled = x.shape
        wide = self._panels.whole(self._n_out)
        if n % GROUP:
            y = self._plain(nn.functional.elu(x[..., : self.width]), memory)
            return nn.functional.pad(y, (0, wide - self._n_out))
        e = _after_past(x, self.width, 1, memory).numpy().reshape(-1)
        y = x.new_empty(n * self._stride, n_rows, wide)
        flat, n_vectors = y.numpy().reshape(-1), self._panels.n_vectors

        def run(first: int, last: int) -> None:
            room = _room(
                5 * convolve_cpu.GROUPS * filled, 5 * convolve_cpu.ROWS * self._panels.columns
            )
            convolve_cpu.convolve_two(
                e, flat, n_rows, filled, self.width, wide, self._stride, n_vectors, first, last,
                self._weight, self._bias, room,
            )  # fmt: skip

        _share(n * n_rows // GROUP, y.numel(), run)
        return y


class ToOne:
    """ELU and a convolution to one channel."""

    def __init__(self, layer: CausalConv1d, panels: Panels) -> None:
        conv = _inside(layer)
        self.width, self._n_past = conv.in_channels, layer.n_past
        self._weight = panels.fill(_values(conv.weight)[0].T).reshape(-1)
        self._bias = np.float32(conv.bias.item())

    def __call__(self, x: Tensor, memory: Memory) -> Tensor:
        n, n_rows, filled = x.shape
        e = _after_past(x, self.width, self._n_past, memory).numpy().reshape(-1)
        y = x.new_empty(n, n_rows, 1)
        flat, weight, bias = y.numpy().reshape(-1), self._weight, self._bias

        def run(first: int, last: int) -> None:
            convolve_cpu.convolve_to_one(e, flat, n_rows, filled, first, last, weight, bias)

        _share(len(flat), x.numel(), run)
        return y


class _Other:
    """Any other layer, on the channels that there are."""

    def __init__(self, plain: Plain, width: int, filled: int) -> None:
        self._plain, self._width, self._filled = plain, width, filled

    def __call__(self, x: Tensor, memory: Memory) -> Tensor:
        y = self._plain(x[..., : self._width], memory)
        empty = self._filled - y.shape[-1]
        return nn.functional.pad(y, (0, empty)) if empty else y.contiguous()


def join(layers: nn.ModuleList, plain: list[Plain]) -> list[Plain]:
    """Lay out a decoder's layers for many frames, each ELU with the layer behind it.

    Parameters
    ----------
    layers : nn.ModuleList
        From a convolution to a convolution to one channel.
    plain : list of callable
        The same, one by one, for any number of frames.
    """
    units = [layer for layer in layers if isinstance(layer, ResidualUnit | CausalUpsample1d)]
    widths = [_inside(u.wide if isinstance(u, ResidualUnit) else u).in_channels for u in units]
    panels = Panels({_inside(layers[0]).out_channels, *widths})
    width = _inside(layers[0]).in_channels
    found: list[Plain] = []
    for layer, alone in zip(layers, plain, strict=True):
        if isinstance(layer, nn.ELU):
            continue
        if isinstance(layer, ResidualUnit):
            found.append(Residual(layer, alone, panels))
        elif isinstance(layer, CausalUpsample1d):
            found.append(Upsampling(layer, alone, panels))
            width = _inside(layer).out_channels
        elif layer is layers[-1] and isinstance(layer, CausalConv1d):
            found.append(ToOne(layer, panels))
        else:
            after = width if not isinstance(layer, CausalConv1d) else _inside(layer).out_channels
            found.append(_Other(alone, width, panels.whole(after)))
            width = after
    return found


def _inside(layer: Any) -> Any:
    return layer.conv
