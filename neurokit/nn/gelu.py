"""The Gaussian error linear unit, for compiled networks on a GPU without the error function."""

import math
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional as F

_SLOPE = 0.3275911 / math.sqrt(2)
_TERMS = (0.254829592, -0.284496736, 1.421413741, -1.453152027, 1.061405429)


class Gelu(nn.Module):
    r"""x times the probability that a normal number is below x [1]_.

    It is `torch.nn.GELU`. Inside of ``torch.compile`` on a GPU, where the error function takes
    longer than memory does, a polynomial times :math:`e^{-x^2/2}` stands for it [2]_, whose
    exponential the gradient needs as well; the probability is wrong by less than 1.5e-7, as much
    as float32 is rounded.

    References
    ----------
    .. [1] Hendrycks and Gimpel (2016), Gaussian error linear units, arXiv:1606.08415.
    .. [2] Abramowitz and Stegun (1964), Handbook of mathematical functions, eq. 7.1.26.

    Examples
    --------
    >>> Gelu()(torch.tensor([0.0, 1.0])).round(decimals=3).tolist()
    [0.0, 0.8410000205039978]
    """

    def forward(self, x: Tensor) -> Tensor:
        """Return a tensor of the shape of ``x``."""
        if x.is_cuda and torch.compiler.is_compiling():
            found: Tensor = QuickGelu.apply(x)
            return found
        return F.gelu(x)


class _Kept(Protocol):
    saved_tensors: tuple[Tensor, ...]

    def save_for_backward(self, *tensors: Tensor) -> None: ...


class QuickGelu(torch.autograd.Function):
    """The polynomial form of `Gelu`, and its gradient; it keeps its input alone."""

    @staticmethod
    def forward(ctx: _Kept, x: Tensor) -> Tensor:
        """Return x times the probability."""
        ctx.save_for_backward(x)
        wide = x.float()
        return (wide * _below(wide)[0]).to(x.dtype)

    @staticmethod
    def backward(ctx: _Kept, slope: Tensor) -> Tensor:
        """Return the gradient: the probability, and x times its density."""
        (x,) = ctx.saved_tensors
        wide = x.float()
        below, bell = _below(wide)
        density = bell * (1 / math.sqrt(2 * math.pi))
        return (slope.float() * (below + wide * density)).to(x.dtype)


def _below(x: Tensor) -> tuple[Tensor, Tensor]:
    """Return how likely a normal number is below x, and exp(-x^2 / 2)."""
    bell = torch.exp(-0.5 * x * x)
    t = 1 / (1 + _SLOPE * x.abs())
    a, b, c, d, e = _TERMS
    tail = 0.5 * bell * t * (a + t * (b + t * (c + t * (d + t * e))))
    return torch.where(x < 0, tail, 1 - tail), bell
