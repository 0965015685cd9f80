"""Self-attention over tokens, and blocks of it."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from neurokit.nn.gelu import Gelu
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

    def _split(self, x: Tensor, turns: Tensor | None = None) -> tuple[Tensor, Tensor, Tensor]:
        n, tokens, dim = x.shape
        heads = self.project(x).view(n, tokens, 3, self.n_heads, dim // self.n_heads)
        q, k, v = (part.transpose(1, 2) for part in heads.unbind(2))  # (batch, head, token, size)
        if turns is not None:
            q, k = (turn(part, turns[:, :, None]) for part in (q, k))
        return q, k, v

    def forward(
        self,
        x: Tensor,
        turns: Tensor | None = None,
        allowed: Tensor | None = None,
        rows: Tensor | None = None,
    ) -> Tensor:
        """Return (batch, token, dim) from the same.

        Parameters
        ----------
        x : Tensor of shape (batch, token, dim)
        turns : Tensor of shape (2, batch, token, dim / n_heads / 2), optional
            When tokens are, as `neurokit.nn.positions.find_turns` gives it.
        allowed : Tensor of bool that broadcasts to (batch, 1, token, token), optional
            Which tokens (last axis) each may look at. Default: all.
        rows : Tensor of int64, shape (batch, n), optional
            The tokens that are wanted. Default: all.
        """
        if rows is None:
            q, k, v = self._split(x, turns)
        else:
            q, k, v = self._split_rows(x, turns, rows)
        mixed = F.scaled_dot_product_attention(q, k, v, attn_mask=allowed, scale=self.scale)
        return self.out(mixed.transpose(1, 2).flatten(2))

    def _split_rows(
        self, x: Tensor, turns: Tensor | None, rows: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Split all tokens into keys and values, and those that are wanted into queries."""
        dim = x.shape[-1]
        weight, bias = self.project.weight, self.project.bias
        asking = F.linear(pick(x, rows), weight[:dim], bias[:dim])
        q = asking.unflatten(-1, (self.n_heads, -1)).transpose(1, 2)
        heads = F.linear(x, weight[dim:], bias[dim:]).unflatten(-1, (2, self.n_heads, -1))
        k, v = (part.transpose(1, 2) for part in heads.unbind(2))
        if turns is not None:
            q = turn(q, torch.stack([pick(part, rows) for part in turns])[:, :, None])
            k = turn(k, turns[:, :, None])
        return q, k, v

    def advance(
        self,
        x: Tensor,
        turns: Tensor,
        past: Tensor | None,
        n_kept: int,
        allowed: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Let new tokens look at themselves and at those before.

        Parameters
        ----------
        x : Tensor of shape (batch, token, dim)
            All new tokens see each other.
        turns : as in `forward`
        past : Tensor of shape (2, batch, head, n, size) or None
            Keys and values of the tokens before, as the last call has returned them.
        n_kept : int
            How many of them are kept: the last ones.
        allowed : Tensor of bool that broadcasts to (batch, 1, token, kept + token), optional
            Which of these each new token may look at. Default: all.

        Returns
        -------
        mixed : Tensor of shape (batch, token, dim)
        past : Tensor
            For the next call.
        """
        q, k, v = self._split(x, turns)
        new = torch.stack([k, v])
        past = new if past is None else torch.cat([past, new], -2)
        past = past[..., -(n_kept + x.shape[1]) :, :]
        mixed = F.scaled_dot_product_attention(
            q, past[0], past[1], attn_mask=allowed, scale=self.scale
        )
        return self.out(mixed.transpose(1, 2).flatten(2)), past

    def weigh(self, x: Tensor) -> Tensor:
        """Return what each token takes from each other, (batch, head, token, token)."""
        q, k, _ = self._split(x)
        return (q @ k.transpose(-1, -2) * self.scale).softmax(-1)


class GridAttention(SelfAttention):
    """Base of attention over tokens (batch, channel, frame, dim), all of which are there."""

    def forward(
        self,
        x: Tensor,
        turns: Tensor | None = None,
        allowed: Tensor | None = None,
        rows: Tensor | None = None,
    ) -> Tensor:
        """Return (batch, channel, frame, dim) from the same; ``turns`` is (2, frame, size / 2).

        ``allowed`` and ``rows``, which grids have no use for, are refused.
        """
        if allowed is not None or rows is not None:
            raise ValueError(
                f"{type(self).__name__}: all tokens of a grid see and are told, got allowed or"
                " rows; use SelfAttention."
            )
        return self.out(self._mix(self.project(x), turns))

    def _mix(self, projected: Tensor, turns: Tensor | None) -> Tensor:
        """Return (batch, channel, frame, dim) from queries, keys and values side by side."""
        raise NotImplementedError


class AxialAttention(GridAttention):
    """Half the heads look along the channels of a frame, half along the frames of a channel [1]_.

    It takes tokens (batch, channel, frame, dim). Its cost grows with
    channels x frames x (channels + frames), not with the square of their product.

    Parameters
    ----------
    dim, n_heads : int
        As in `SelfAttention`; ``n_heads`` is even.

    References
    ----------
    .. [1] Wang et al. (2025), CBraMod, ICLR (criss-cross attention).

    Examples
    --------
    >>> import torch
    >>> AxialAttention(8, 2)(torch.zeros(3, 5, 4, 8)).shape
    torch.Size([3, 5, 4, 8])
    """

    def __init__(self, dim: int, n_heads: int) -> None:
        super().__init__(dim, n_heads)
        if n_heads % 2:
            raise ValueError(f"AxialAttention: n_heads must be even, got {n_heads}.")

    def _mix(self, projected: Tensor, turns: Tensor | None) -> Tensor:
        heads = projected.unflatten(-1, (3, 2, self.n_heads // 2, -1))
        q, k, v = heads[..., 0, :, :].permute(3, 0, 2, 4, 1, 5)  # (batch, frame, head, channel)
        across = F.scaled_dot_product_attention(q, k, v).permute(0, 3, 1, 2, 4)
        q, k, v = heads[..., 1, :, :].permute(3, 0, 1, 4, 2, 5)  # (batch, channel, head, frame)
        if turns is not None:
            q, k = turn(q, turns), turn(k, turns)
        along = F.scaled_dot_product_attention(q, k, v).permute(0, 1, 3, 2, 4)
        return torch.cat([across, along], 3).flatten(3)


class WindowAttention(GridAttention):
    """All tokens look at those of frames at most ``reach`` frames away [1]_.

    It takes tokens (batch, channel, frame, dim). Frames are cut into blocks of ``reach``, each of
    which sees itself and the two beside it, so that the cost grows with the length and not with
    its square.

    Parameters
    ----------
    dim, n_heads : int
        As in `SelfAttention`.
    reach : int
        In frames.

    References
    ----------
    .. [1] Beltagy et al. (2020), Longformer, arXiv:2004.05150, section 3.1.

    Examples
    --------
    >>> import torch
    >>> WindowAttention(8, 2, reach=2)(torch.zeros(3, 5, 7, 8)).shape
    torch.Size([3, 5, 7, 8])
    """

    def __init__(self, dim: int, n_heads: int, *, reach: int) -> None:
        super().__init__(dim, n_heads)
        if reach < 1:
            raise ValueError(f"WindowAttention: reach must be at least 1 frame, got {reach}.")
        self.reach = reach

    def _mix(self, projected: Tensor, turns: Tensor | None) -> Tensor:
        n_channels, n_frames = projected.shape[1:3]
        n_blocks = -(-n_frames // self.reach)
        heads = projected.unflatten(-1, (3, self.n_heads, -1)).permute(3, 0, 4, 1, 2, 5)
        q, k = heads[:2] if turns is None else turn(heads[:2], turns)
        spare = n_blocks * self.reach - n_frames

        def cut(part: Tensor, beyond: int) -> Tensor:
            """Cut (n, head, channel, frame, size) into blocks; ``beyond`` of zeros around."""
            padded = F.pad(part, (0, 0, beyond * self.reach, spare + beyond * self.reach))
            blocks = padded.unflatten(3, (-1, self.reach)).permute(0, 1, 3, 4, 2, 5)
            return blocks.flatten(3, 4)  # (n, head, block, frame and channel, size)

        def three(part: Tensor) -> Tensor:
            blocks = cut(part, 1)
            return torch.cat([blocks[:, :, :-2], blocks[:, :, 1:-1], blocks[:, :, 2:]], 3)

        own = torch.arange(n_blocks * self.reach, device=q.device).view(n_blocks, self.reach, 1)
        seen = torch.arange(3 * self.reach, device=q.device) - self.reach + own[:, :1]
        near = ((own - seen).abs() <= self.reach) & (seen >= 0) & (seen < n_frames)
        near = near | (own >= n_frames)  # rows of zeros behind the end, which are cut off
        near = near.repeat_interleave(n_channels, 1).repeat_interleave(n_channels, 2)
        mixed = F.scaled_dot_product_attention(cut(q, 0), three(k), three(heads[2]), near)
        mixed = mixed.unflatten(3, (self.reach, n_channels)).permute(0, 4, 2, 3, 1, 5)
        return mixed.flatten(2, 3)[:, :, :n_frames].flatten(3)


def pick(x: Tensor, rows: Tensor) -> Tensor:
    """Return the tokens ``rows`` (batch, n) of x (batch, token, dim)."""
    return x.gather(1, rows[..., None].expand(-1, -1, x.shape[-1]))


class AttentionBlock(nn.Module):
    """Attention, then a small network on each token; both normalised before and added.

    Parameters
    ----------
    dim, n_heads : int
    expansion : int, default=4
        Width of the small network, in sizes of a token.
    dropout : float, default=0.0
    scale : {"head", "model"}, default="head"
    attention : SelfAttention, optional
        Another kind of attention of the same size. Default: over all tokens.

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
        attention: SelfAttention | None = None,
    ) -> None:
        super().__init__()
        self.before = nn.LayerNorm(dim)
        self.attention = attention or SelfAttention(dim, n_heads, scale=scale)
        self.drop = nn.Dropout(dropout)
        self.network = nn.Sequential(
            nn.LayerNorm(dim),
            nn.Linear(dim, expansion * dim),
            Gelu(),
            nn.Dropout(dropout),
            nn.Linear(expansion * dim, dim),
            nn.Dropout(dropout),
        )

    def forward(
        self,
        x: Tensor,
        turns: Tensor | None = None,
        allowed: Tensor | None = None,
        rows: Tensor | None = None,
    ) -> Tensor:
        """Return (batch, token, dim) from the same; the rest as in `SelfAttention`."""
        mixed = self.attention(self.before(x), turns, allowed, rows)
        x = (x if rows is None else pick(x, rows)) + self.drop(mixed)
        return x + self.network(x)

    def advance(
        self,
        x: Tensor,
        turns: Tensor,
        past: Tensor | None,
        n_kept: int,
        allowed: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Go on by new tokens, as `SelfAttention.advance`."""
        mixed, past = self.attention.advance(self.before(x), turns, past, n_kept, allowed)
        x = x + self.drop(mixed)
        return x + self.network(x), past

    def weigh(self, x: Tensor) -> Tensor:
        """Return the attention of the block, (batch, head, token, token)."""
        return self.attention.weigh(self.before(x))
