"""Self-attention over tokens, and blocks of it."""

import math

from torch import Tensor, nn
from torch.nn import functional as F


class SelfAttention(nn.Module):
    """Scaled dot-product attention of tokens over each other, with several heads.

    Parameters
    ----------
    dim : int
        Size of a token; a multiple of ``n_heads``.
    n_heads : int
    scale : {"head", "model"}, default="head"
        Products of queries and keys are divided by the root of a head's size, as in [1]_, or of
        the whole token's, which makes attention more even.

    References
    ----------
    .. [1] Vaswani et al. (2017), Attention is all you need, NeurIPS, eq. 1.

    Examples
    --------
    >>> import torch
    >>> attention = SelfAttention(8, 2)
    >>> attention(torch.zeros(3, 5, 8)).shape, attention.weigh(torch.zeros(3, 5, 8)).shape
    (torch.Size([3, 5, 8]), torch.Size([3, 2, 5, 5]))
    """

    def __init__(self, dim: int, n_heads: int, *, scale: str = "head") -> None:
        super().__init__()
        if dim % n_heads:
            raise ValueError(
                f"SelfAttention: dim must be a multiple of n_heads, got {dim} and {n_heads}."
            )
        if scale not in ("head", "model"):
            raise ValueError(f"SelfAttention: scale must be 'head' or 'model', got {scale!r}.")
        self.n_heads = n_heads
        self.scale = 1 / math.sqrt(dim if scale == "model" else dim // n_heads)
        self.project = nn.Linear(dim, 3 * dim)
        self.out = nn.Linear(dim, dim)

    def _split(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        n, tokens, dim = x.shape
        heads = self.project(x).view(n, tokens, 3, self.n_heads, dim // self.n_heads)
        q, k, v = heads.permute(2, 0, 3, 1, 4)  # each (batch, head, token, size)
        return q, k, v

    def forward(self, x: Tensor) -> Tensor:
        """Return (batch, token, dim) from the same."""
        q, k, v = self._split(x)
        mixed = F.scaled_dot_product_attention(q, k, v, scale=self.scale)
        return self.out(mixed.transpose(1, 2).reshape(x.shape))

    def weigh(self, x: Tensor) -> Tensor:
        """Return what each token takes from each other, (batch, head, token, token)."""
        q, k, _ = self._split(x)
        return (q @ k.transpose(-1, -2) * self.scale).softmax(-1)


class AttentionBlock(nn.Module):
    """Attention, then a small network on each token; both normalised before and added.

    Parameters
    ----------
    dim, n_heads : int
    expansion : int, default=4
        Width of the small network, in sizes of a token.
    dropout : float, default=0.0
    scale : {"head", "model"}, default="head"

    Examples
    --------
    >>> import torch
    >>> AttentionBlock(8, 2)(torch.zeros(3, 5, 8)).shape
    torch.Size([3, 5, 8])
    """

    def __init__(
        self,
        dim: int,
        n_heads: int,
        *,
        expansion: int = 4,
        dropout: float = 0.0,
        scale: str = "head",
    ) -> None:
        super().__init__()
        self.before = nn.LayerNorm(dim)
        self.attention = SelfAttention(dim, n_heads, scale=scale)
        self.drop = nn.Dropout(dropout)
        self.network = nn.Sequential(
            nn.LayerNorm(dim),
            nn.Linear(dim, expansion * dim),
            nn.GELU(),
            nn.Dropout(dropout),
            nn.Linear(expansion * dim, dim),
            nn.Dropout(dropout),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return (batch, token, dim) from the same."""
        x = x + self.drop(self.attention(self.before(x)))
        return x + self.network(x)

    def weigh(self, x: Tensor) -> Tensor:
        """Return the attention of the block, (batch, head, token, token)."""
        return self.attention.weigh(self.before(x))
