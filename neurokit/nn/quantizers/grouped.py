"""Quantisers side by side, each for some entries of the vectors."""

from typing import Any, cast

import torch
from torch import Tensor, nn

from neurokit.nn.quantizers.common import Quantized, Quantizer, check_positive, check_vectors
from neurokit.nn.quantizers.residual import ResidualVectorQuantizer


class GroupedResidualVectorQuantizer(Quantizer):
    """Cut vectors into groups of entries and quantise each by a residual quantiser of its own.

    Parameters
    ----------
    dim : int
        Length of the vectors, a multiple of ``n_groups``.
    n_groups : int
        Number of groups.
    n_levels : int
        Stages per group. Codes have ``n_levels * n_groups`` columns, all groups' first stages
        before all second ones; ``n_levels`` in `encode` and `decode` counts stages.
    **options
        The other parameters of `ResidualVectorQuantizer`, for every group alike.

    References
    ----------
    .. [1] Yang et al. (2023), HiFi-Codec: group-residual vector quantization for high fidelity
       audio codec, arXiv:2305.02765, section 2.2.

    Examples
    --------
    >>> x = torch.randn(256, 8, generator=torch.Generator().manual_seed(0))
    >>> quantizer = GroupedResidualVectorQuantizer(8, n_groups=2, n_levels=3, codebook_size=16)
    >>> quantizer(x).codes.shape
    torch.Size([256, 6])
    """

    def __init__(
        self, dim: int, *, n_groups: int, n_levels: int, codebook_size: int, **options: Any
    ) -> None:
        super().__init__()
        check_positive(type(self).__name__, dim=dim, n_groups=n_groups)
        if dim % n_groups:
            raise ValueError(
                f"{type(self).__name__}: dim must be a multiple of n_groups, got dim={dim} and"
                f" n_groups={n_groups}."
            )
        self.dim = dim
        self.n_levels = n_levels
        self.codebook_size = codebook_size
        self.groups = nn.ModuleList(
            ResidualVectorQuantizer(
                dim // n_groups, n_levels=n_levels, codebook_size=codebook_size, **options
            )
            for _ in range(n_groups)
        )

    @property
    def codebook_sizes(self) -> tuple[int, ...]:
        """Number of codes in each column of ``codes``."""
        return (self.codebook_size,) * (self.n_levels * len(self.groups))

    def forward(self, x: Tensor) -> Quantized:
        """Quantise ``x`` of shape (..., dim); the loss is the mean over groups."""
        check_vectors(self, x)
        parts = [group(part) for group, part in self._cut(x)]
        codes = torch.stack([part.codes for part in parts], -1).flatten(-2)
        loss = torch.stack([part.loss for part in parts]).mean()
        return Quantized(torch.cat([part.values for part in parts], -1), codes, loss)

    def encode(self, x: Tensor, n_levels: int | None = None, beam: int = 1) -> Tensor:
        """Find the codes of ``x``; see `ResidualVectorQuantizer.encode`."""
        check_vectors(self, x)
        codes = [group.encode(part, n_levels, beam) for group, part in self._cut(x)]
        return torch.stack(codes, -1).flatten(-2)

    def decode(self, codes: Tensor, n_levels: int | None = None) -> Tensor:
        """Join the groups' vectors behind ``codes``; see `ResidualVectorQuantizer.decode`."""
        n_groups = len(self.groups)
        if codes.shape[-1] % n_groups:
            raise ValueError(
                f"{type(self).__name__}: codes must have a multiple of {n_groups} columns (one"
                f" per group and level), got {codes.shape[-1]}."
            )
        codes = codes.unflatten(-1, (-1, n_groups))
        groups = zip(self.groups, codes.unbind(-1), strict=True)
        parts = [cast("ResidualVectorQuantizer", g).decode(part, n_levels) for g, part in groups]
        return torch.cat(parts, -1)

    def _cut(self, x: Tensor) -> list[tuple[ResidualVectorQuantizer, Tensor]]:
        """Give each group its entries of ``x``."""
        groups = [cast("ResidualVectorQuantizer", group) for group in self.groups]
        return list(zip(groups, x.chunk(len(groups), dim=-1), strict=True))
