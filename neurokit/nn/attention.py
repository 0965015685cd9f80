"""Self-attention over tokens, and blocks of it."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from neurokit.nn.positions import turn


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

    def forward(
        self, x: Tensor, angles: Tensor | None = None, allowed: Tensor | None = None
    ) -> Tensor:
        """Return (batch, token, dim) from the same.

        Parameters
        ----------
        x : Tensor of shape (batch, token, dim)
        angles : Tensor of shape (batch, token, dim / n_heads / 2), optional
            When tokens are, as `neurokit.nn.positions.time_angles` gives it.
        allowed : Tensor of bool that broadcasts to (batch, 1, token, token), optional
            Which tokens (last axis) each may look at. Default: all.
        """
        q, k, v = self._split(x)
        if angles is not None:
            q, k = turn(q, angles[:, None]), turn(k, angles[:, None])
        mixed = F.scaled_dot_product_attention(q, k, v, attn_mask=allowed, scale=self.scale)
        return self.out(mixed.transpose(1, 2).reshape(x.shape))

    def advance(
        self, x: Tensor, angles: Tensor, past: Tensor | None, n_kept: int
    ) -> tuple[Tensor, Tensor]:
        """Let new tokens look at themselves and at those before.

        Parameters
        ----------
        x : Tensor of shape (batch, token, dim)
            All new tokens see each other.
        angles : as in `forward`
        past : Tensor of shape (2, batch, head, n, size) or None
            Keys and values of the tokens before, as the last call has returned them.
        n_kept : int
            How many of them are seen: the last ones.

        Returns
        -------
        mixed : Tensor of shape (batch, token, dim)
        past : Tensor
            For the next call.
        """
        q, k, v = self._split(x)
        q, k = turn(q, angles[:, None]), turn(k, angles[:, None])
        new = torch.stack([k, v])
        past = new if past is None else torch.cat([past, new], -2)
        past = past[..., -(n_kept + x.shape[1]) :, :]
        mixed = F.scaled_dot_product_attention(q, past[0], past[1], scale=self.scale)
        return self.out(mixed.transpose(1, 2).reshape(x.shape)), past

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

    def forward(
        self, x: Tensor, angles: Tensor | None = None, allowed: Tensor | None = None
    ) -> Tensor:
        """Return (batch, token, dim) from the same; times and mask as in `SelfAttention`."""
        x = x + self.drop(self.attention(self.before(x), angles, allowed))
        return x + self.network(x)

    def advance(
        self, x: Tensor, angles: Tensor, past: Tensor | None, n_kept: int
    ) -> tuple[Tensor, Tensor]:
        """Go on by new tokens, as `SelfAttention.advance`."""
        mixed, past = self.attention.advance(self.before(x), angles, past, n_kept)
        x = x + self.drop(mixed)
        return x + self.network(x), past

    def weigh(self, x: Tensor) -> Tensor:
        """Return the attention of the block, (batch, head, token, token)."""
        return self.attention.weigh(self.before(x))
