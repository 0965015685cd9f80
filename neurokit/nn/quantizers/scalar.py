"""Quantisers without codebooks: grids and signs."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from neurokit.nn.quantizers.common import (
    Quantized,
    Quantizer,
    check_codes,
    check_levels,
    check_positive,
    check_vectors,
    linear,
)


class FiniteScalarQuantizer(Quantizer):
    """Round each entry of a bounded vector to a few values: a grid instead of a codebook.

    Nothing to start, revive or commit to. Codes number the cells of the grid.

    Parameters
    ----------
    dim : int
        Length of the vectors.
    n_values : sequence of int, default=(8, 5, 5, 5)
        Values per entry of the grid, at least 2 each, evenly spaced over [-1, 1]. Learned linear
        maps lead to the grid and back where ``dim`` differs from its length.

    Attributes
    ----------
    codebook_sizes : tuple of int
        Number of codes in the one column of ``codes``: the product of ``n_values``.

    References
    ----------
    .. [1] Mentzer et al. (2023), Finite scalar quantization: VQ-VAE made simple,
       arXiv:2309.15505, section 3.

    Examples
    --------
    >>> quantizer = FiniteScalarQuantizer(2, n_values=(3, 5))
    >>> quantizer(torch.tensor([[0.1, -2.0]])).codes
    tensor([[1]])
    >>> quantizer.decode(torch.tensor([[1]]))
    tensor([[ 0., -1.]])
    """

    def __init__(self, dim: int, n_values: Sequence[int] = (8, 5, 5, 5)) -> None:
        super().__init__()
        check_positive(type(self).__name__, dim=dim)
        if not n_values or min(n_values) < 2:
            raise ValueError(
                f"{type(self).__name__}: n_values must hold at least one number, all of them 2 or"
                f" more, got {tuple(n_values)}."
            )
        self.dim = dim
        self.n_levels = 1
        self.n_values = tuple(n_values)
        if math.prod(self.n_values) > 2**62:
            raise ValueError(f"{type(self).__name__}: the grid has more cells than int64 counts.")
        self.project_in, self.project_out = _projections(dim, len(self.n_values))

    @property
    def codebook_sizes(self) -> tuple[int, ...]:
        """Number of codes in each column of ``codes``."""
        return (math.prod(self.n_values),)

    def forward(self, x: Tensor) -> Quantized:
        """Quantise ``x`` of shape (..., dim); the loss is zero."""
        check_vectors(self, x)
        with torch.autocast(x.device.type, enabled=False):
            at = self._positions(x)
            cells = at + (at.round() - at).detach()
            values = self._values(cells).to(x.dtype)
        return Quantized(values, self._number(cells.detach()), x.new_zeros(()))

    @torch.no_grad()
    def encode(self, x: Tensor, n_levels: int | None = None, beam: int = 1) -> Tensor:
        """Find the cells of ``x`` (..., dim), as int64 of shape (..., 1); one level, no search."""
        check_vectors(self, x)
        check_levels(self, n_levels)
        return self._number(self._positions(x).round())

    @torch.no_grad()
    def decode(self, codes: Tensor, n_levels: int | None = None) -> Tensor:
        """Give the vectors behind ``codes`` (..., 1)."""
        check_codes(self, codes, n_levels, self.codebook_sizes[0], least=0)
        code, cells = codes[..., 0].long(), []
        for n in self.n_values:
            cells.append(code % n)
            code = code // n
        values: Tensor = self._values(torch.stack(cells, -1).to(torch.float32))
        return values

    def _positions(self, x: Tensor) -> Tensor:
        """Find where entries fall on the grid, from 0 to n - 1."""
        last = torch.tensor(self.n_values, device=x.device) - 1
        return (torch.tanh(linear(self.project_in, x.float())) + 1) / 2 * last

    def _values(self, cells: Tensor) -> Tensor:
        last = torch.tensor(self.n_values, device=cells.device) - 1
        return linear(self.project_out, 2 * cells / last - 1)

    def _number(self, cells: Tensor) -> Tensor:
        """Give the cells their numbers, the first entry running fastest."""
        code = torch.zeros_like(cells[..., 0], dtype=torch.int64)
        for i, n in reversed(list(enumerate(self.n_values))):
            code = code * n + cells[..., i].long()
        return code[..., None]


class LookupFreeQuantizer(Quantizer):
    """Keep the sign of each entry: a code is a string of bits.

    Parameters
    ----------
    dim : int
        Length of the vectors.
    n_bits : int, optional
        Bits per code, at most 62; learned linear maps lead there and back where this differs
        from ``dim``. Default: ``dim``.
    commitment : float, default=0.25
        Weight of the loss that draws entries to -1 and 1.
    entropy : float, default=0.1
        Weight of the loss that makes every vector's bits certain and all bits, taken over the
        batch, used: their mean entropy less the entropy of their means, in nats per bit. Bits
        are taken as independent, so this stays cheap for codes of any length.

    Attributes
    ----------
    codebook_sizes : tuple of int
        Number of codes in the one column of ``codes``: ``2 ** n_bits``.

    References
    ----------
    .. [1] Yu et al. (2023), Language model beats diffusion: tokenizer is key to visual
       generation, arXiv:2310.05737, equations 2-5.
    .. [2] Zhao et al. (2024), Image and video tokenization with binary spherical quantization,
       arXiv:2406.07548, section 3 (entropy by independent bits).

    Examples
    --------
    >>> quantizer = LookupFreeQuantizer(3)
    >>> quantizer(torch.tensor([[0.5, -2.0, 0.1]])).codes
    tensor([[5]])
    >>> quantizer.decode(torch.tensor([[5]]))
    tensor([[ 1., -1.,  1.]])
    """

    def __init__(
        self,
        dim: int,
        *,
        n_bits: int | None = None,
        commitment: float = 0.25,
        entropy: float = 0.1,
    ) -> None:
        super().__init__()
        n_bits = dim if n_bits is None else n_bits
        check_positive(type(self).__name__, dim=dim, n_bits=n_bits)
        if n_bits > 62:
            raise ValueError(
                f"{type(self).__name__}: n_bits must be at most 62 to fit into int64, got"
                f" {n_bits}."
            )
        self.dim = dim
        self.n_levels = 1
        self.n_bits = n_bits
        self.commitment = commitment
        self.entropy = entropy
        self.project_in, self.project_out = _projections(dim, n_bits)

    @property
    def codebook_sizes(self) -> tuple[int, ...]:
        """Number of codes in each column of ``codes``."""
        return (2**self.n_bits,)

    def forward(self, x: Tensor) -> Quantized:
        """Quantise ``x`` of shape (..., dim)."""
        check_vectors(self, x)
        with torch.autocast(x.device.type, enabled=False):
            entries = linear(self.project_in, x.float())
            signs = torch.where(entries > 0, 1.0, -1.0)
            loss = self.commitment * (entries - signs).square().mean()
            # two codes at distance 2 along a bit: softmax of their distances is this sigmoid
            certain = _binary_entropy(4 * entries).mean()
            chance = torch.sigmoid(4 * entries).flatten(0, -2).mean(0)
            used = _binary_entropy(torch.logit(chance, eps=1e-6)).mean()
            loss = loss + self.entropy * (certain - used)
            values = linear(self.project_out, entries + (signs - entries).detach())
        return Quantized(values.to(x.dtype), self._number(signs), loss)

    @torch.no_grad()
    def encode(self, x: Tensor, n_levels: int | None = None, beam: int = 1) -> Tensor:
        """Find the bits of ``x`` (..., dim), as int64 of shape (..., 1); one level, no search."""
        check_vectors(self, x)
        check_levels(self, n_levels)
        return self._number(linear(self.project_in, x.float()))

    @torch.no_grad()
    def decode(self, codes: Tensor, n_levels: int | None = None) -> Tensor:
        """Give the vectors behind ``codes`` (..., 1)."""
        check_codes(self, codes, n_levels, self.codebook_sizes[0], least=0)
        places = torch.arange(self.n_bits, device=codes.device)
        bits = (codes.long() >> places) & 1
        return linear(self.project_out, 2 * bits.float() - 1)

    def _number(self, entries: Tensor) -> Tensor:
        """Read the signs as bits, the first entry the lowest."""
        places = torch.arange(self.n_bits, device=entries.device)
        return ((entries > 0).long() << places).sum(-1, keepdim=True)


def _binary_entropy(logit: Tensor) -> Tensor:
    """Return the entropy of a coin that falls heads with probability sigmoid(logit), in nats."""
    p = torch.sigmoid(logit)
    return p * F.softplus(-logit) + (1 - p) * F.softplus(logit)


def _projections(dim: int, width: int) -> tuple[nn.Module, nn.Module]:
    """Make linear maps to ``width`` and back, or nothing where there is nothing to map."""
    if dim == width:
        return nn.Identity(), nn.Identity()
    return nn.Linear(dim, width), nn.Linear(width, dim)
