"""Fine-tune an encoder: low-rank additions to its maps, pools of latents, logs of matrices."""

import math
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from neurokit.nn.attention import AttentionBlock
from neurokit.nn.masked import MaskedTransformer

_MAPS = ("project", "out")  # of attention


class LowRankLinear(nn.Module):
    """A linear map that stays, and a product of two small ones that learns [1]_.

    Parameters
    ----------
    base : nn.Linear
        Frozen from now on.
    rank : int
        The second of the small maps begins at zero: at first nothing is changed.

    References
    ----------
    .. [1] Hu et al. (2021), LoRA: low-rank adaptation of large language models,
       arXiv:2106.09685, eq. 3.

    Examples
    --------
    >>> base, x = nn.Linear(4, 3), torch.ones(2, 4)
    >>> bool(torch.equal(LowRankLinear(base, 2)(x), base(x)))
    True
    """

    def __init__(self, base: nn.Linear, rank: int) -> None:
        super().__init__()
        self.base = base.requires_grad_(False)
        self.down = nn.Parameter(torch.randn(rank, base.in_features) / math.sqrt(base.in_features))
        self.up = nn.Parameter(torch.zeros(base.out_features, rank))

    def forward(self, x: Tensor) -> Tensor:
        """Return (..., out) from (..., in)."""
        return self.base(x) + F.linear(F.linear(x, self.down), self.up)

    def merge(self) -> nn.Linear:
        """Return one plain map that does the same."""
        with torch.no_grad():
            self.base.weight += self.up @ self.down
        return self.base.requires_grad_(True)


def add_low_rank(blocks: nn.ModuleList, rank: int) -> None:
    """Give the attention of each block low-rank additions."""
    for block in blocks:
        attention = cast(AttentionBlock, block).attention
        for name in _MAPS:
            base = cast(nn.Linear, attention.get_submodule(name))
            setattr(attention, name, LowRankLinear(base, rank))


def merge_low_rank(blocks: nn.ModuleList) -> None:
    """Take the additions into the maps that they were added to."""
    for block in blocks:
        attention = cast(AttentionBlock, block).attention
        for name in _MAPS:
            added = cast(LowRankLinear, attention.get_submodule(name))
            setattr(attention, name, added.merge())


class MatrixLog(torch.autograd.Function):
    """Logarithm of symmetric positive matrices, whose slope holds where eigenvalues meet.

    The slope is the Daleckii-Krein formula: divided differences of the logarithm.
    """

    @staticmethod
    def forward(ctx: Any, matrices: Tensor) -> Tensor:
        """Return the logarithms, (..., n, n)."""
        values, vectors = torch.linalg.eigh(matrices)
        values = torch.maximum(values, 1e-12 * values[..., -1:])
        ctx.save_for_backward(values, vectors)
        return (vectors * values.log()[..., None, :]) @ vectors.mT

    @staticmethod
    def backward(ctx: Any, slope: Tensor) -> Tensor:
        """Return the slope by the matrices."""
        values, vectors = ctx.saved_tensors
        apart = values[..., :, None] - values[..., None, :]
        close = apart.abs() < 1e-6 * values[..., -1:, None]
        logs = values.log()[..., :, None] - values.log()[..., None, :]
        middle = (values[..., :, None] + values[..., None, :]) / 2
        ratio = torch.where(close, 1 / middle, logs / torch.where(close, 1.0, apart))
        slope = (slope + slope.mT) / 2
        found: Tensor = vectors @ (ratio * (vectors.mT @ slope @ vectors)) @ vectors.mT
        return found


def pool_latents(latents: Tensor, roots: Tensor | None, n_groups: int) -> Tensor:
    """Pool as `neurokit.pretraining.pools` does, with a slope.

    Parameters
    ----------
    latents : Tensor of shape (trial, channel, frame, latent)
    roots : Tensor of shape (trial, group, channel, channel) or None
        What whitens the covariances of each trial; None pools means over frames.
    n_groups : int

    Returns
    -------
    Tensor of shape (trial, n_features), float64
    """
    x = latents.double()
    if roots is None:
        return x.mean(2).flatten(1)
    n, n_channels, n_frames, n_latents = x.shape
    n_groups = min(n_groups, n_latents)
    size = n_latents // n_groups
    x = x[..., : n_groups * size].view(n, n_channels, n_frames, n_groups, size)
    x = x - x.mean(2, keepdim=True)
    samples = x.permute(0, 3, 1, 2, 4).reshape(n, n_groups, n_channels, -1)
    found = samples @ samples.mT / samples.shape[-1]
    ridge = found.diagonal(dim1=-2, dim2=-1).mean(-1)
    eye = torch.eye(n_channels, dtype=x.dtype, device=x.device)
    found = found + (1e-3 * ridge + 1e-12)[..., None, None] * eye
    logs = cast(Tensor, MatrixLog.apply(roots @ found @ roots))
    rows, columns = torch.triu_indices(n_channels, n_channels, device=x.device)
    weight = torch.where(rows == columns, 1.0, math.sqrt(2.0)).to(x.dtype)
    return (logs[..., rows, columns] * weight).flatten(1)


class TunedEncoder(nn.Module):
    """An encoder, a pool and a linear map, that learn together.

    Parameters
    ----------
    encoder : neurokit.nn.masked.MaskedTransformer
    head : tuple of Tensor
        Weights (n_outputs, n_features) and offsets (n_outputs,) to begin with.
    middle, scale : Tensor of shape (n_features,)
        What is subtracted from features, and what they are divided by.
    n_groups : int
        Groups of latents whose covariances are taken.
    places : Tensor of shape (channel, 3)
    step : float
        From frame to frame, in s.
    window : int
        Frames that are seen at once.
    depth : int, optional
        Blocks that are run. Default: all.
    decay : float, default=0.75
        Each block learns at this times the rate of the one after it.
    """

    def __init__(
        self,
        encoder: MaskedTransformer,
        head: tuple[Tensor, Tensor],
        middle: Tensor,
        scale: Tensor,
        *,
        n_groups: int,
        places: Tensor,
        step: float,
        window: int,
        depth: int | None = None,
        decay: float = 0.75,
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.weights = nn.Parameter(head[0].clone())
        self.offsets = nn.Parameter(head[1].clone())
        self.middle: Tensor
        self.scale: Tensor
        self.places: Tensor
        self.register_buffer("middle", middle)
        self.register_buffer("scale", scale)
        self.register_buffer("places", places)
        self.n_groups, self.step, self.window, self.depth = n_groups, step, window, depth
        n_blocks = len(encoder.blocks[:depth])
        self.rate_factors = {
            name: decay ** (n_blocks - 1 - int(name.split(".")[2]))
            if name.startswith("encoder.blocks.")
            else decay**n_blocks
            for name, value in self.named_parameters()
            if name.startswith("encoder.") and value.requires_grad
        }

    def forward(
        self, patches: Tensor, roots: Tensor | None = None, middle: Tensor | None = None
    ) -> Tensor:
        """Return (trial, n_outputs) from patches (trial, channel, frame, sample).

        ``roots`` whiten covariances, ``middle`` (trial, n_features) is taken from means.
        """
        parts = []
        for part in patches.split(self.window, 2):
            seen = torch.ones(part.shape[:3], dtype=torch.bool, device=part.device)
            times = torch.arange(part.shape[2], device=part.device) * self.step
            places = self.places.expand(len(part), -1, -1)
            shown = self.encoder.encode(part, places, times, seen, self.depth)
            parts.append(shown.latents.view(*part.shape[:3], -1))
        features = pool_latents(torch.cat(parts, 2), roots, self.n_groups)
        features = features if middle is None else features - middle
        return ((features - self.middle) / self.scale) @ self.weights.mT + self.offsets
