"""What all quantisers share: what they are to a codec, their result, the checks at their doors."""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from neurokit.nn.draws import generator


class Quantized(NamedTuple):
    """What a quantiser makes of its input.

    Attributes
    ----------
    values : Tensor of shape (..., dim)
        The quantised vectors, in the input's dtype; gradients pass straight through.
    codes : Tensor of shape (..., level), int64
        The codes; -1 where quantiser dropout left a level out.
    loss : Tensor of shape ()
        What training adds to its own loss. Counted once: add it once.
    """

    values: Tensor
    codes: Tensor
    loss: Tensor


class Quantizer(nn.Module):
    """What every quantiser is to a codec: vectors to codes, and codes to vectors.

    Attributes
    ----------
    dim : int
        Length of the vectors.
    n_levels : int
        Number of stages.
    codebook_sizes : tuple of int
        Number of codes in each column of ``codes``.
    """

    dim: int
    n_levels: int

    @property
    def codebook_sizes(self) -> tuple[int, ...]:
        """Number of codes in each column of ``codes``."""
        raise NotImplementedError

    def encode(self, x: Tensor, n_levels: int | None = None, beam: int = 1) -> Tensor:
        """Find the codes (..., level) of ``x`` (..., dim)."""
        raise NotImplementedError

    def decode(self, codes: Tensor, n_levels: int | None = None) -> Tensor:
        """Give the vectors behind ``codes`` (..., level)."""
        raise NotImplementedError


def drop_levels(codes: Tensor, n_items: int, share: float) -> Tensor:
    """Set the codes behind a random level to -1, for a share of the items.

    Parameters
    ----------
    codes : Tensor of shape (..., level)
        Those of an item stand together.
    n_items : int
    share : float
        How many items lose levels.
    """
    device, n_levels = codes.device, codes.shape[-1]
    draws = generator(device)
    shape = (n_items, 1, 1)
    n_kept = torch.randint(1, n_levels + 1, shape, device=device, generator=draws)
    dropped = torch.rand(shape, device=device, generator=draws) < share
    beyond = torch.arange(n_levels, device=device) >= n_kept
    by_item = codes.reshape(n_items, -1, n_levels)
    return by_item.masked_fill(beyond & dropped, -1).reshape(codes.shape)


def linear(layer: nn.Module, x: Tensor) -> Tensor:
    """Apply a linear layer in float32, whatever its own dtype."""
    if not isinstance(layer, nn.Linear):
        return x
    return F.linear(x, layer.weight.float(), layer.bias.float())


def check_positive(name: str, **numbers: int) -> None:
    """Refuse numbers that are no positive integers."""
    for parameter, number in numbers.items():
        if isinstance(number, bool) or not isinstance(number, int) or number < 1:
            raise ValueError(f"{name}: {parameter} must be a positive integer, got {number!r}.")


def check_vectors(module: Quantizer, x: Tensor) -> None:
    """Refuse what is no floating tensor of vectors of the right length."""
    name = type(module).__name__
    if not isinstance(x, Tensor) or not x.is_floating_point():
        kind = x.dtype if isinstance(x, Tensor) else type(x).__name__
        raise TypeError(f"{name}: vectors must be a floating-point tensor, got {kind}.")
    if x.ndim == 0 or x.shape[-1] != module.dim:
        raise ValueError(
            f"{name}: vectors must have shape (..., {module.dim}), got {tuple(x.shape)}."
        )


def check_levels(module: Quantizer, n_levels: int | None) -> int:
    """Return how many stages to use, or refuse the number."""
    if n_levels is None:
        return int(module.n_levels)
    if not 1 <= n_levels <= module.n_levels:
        raise ValueError(
            f"{type(module).__name__}: n_levels must be from 1 to {module.n_levels}, got"
            f" {n_levels!r}."
        )
    return n_levels


def check_codes(
    module: Quantizer, codes: Tensor, n_levels: int | None, n_codes: int, least: int = -1
) -> int:
    """Return how many stages the codes have, or refuse them."""
    name = type(module).__name__
    if not isinstance(codes, Tensor) or codes.is_floating_point() or codes.dtype == torch.bool:
        kind = codes.dtype if isinstance(codes, Tensor) else type(codes).__name__
        raise TypeError(f"{name}: codes must be an integer tensor, got {kind}.")
    width = codes.shape[-1] if codes.ndim else 0
    n_levels = check_levels(module, width if n_levels is None else n_levels)
    if width < n_levels:
        raise ValueError(f"{name}: {n_levels} levels need as many code columns, got {width}.")
    if codes.numel():
        low, high = (int(end) for end in torch.aminmax(codes))
        if low < least or high >= n_codes:
            raise ValueError(
                f"{name}: codes must be from {least} to {n_codes - 1}, got {low} to {high}."
            )
    return n_levels
