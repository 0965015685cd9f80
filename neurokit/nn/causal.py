"""Causal attention over events in time: what a token sees is bounded in seconds, not in tokens."""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from neurokit.nn.positions import find_turns, turn


class Memory(NamedTuple):
    """Keys and values of the events that can still be seen, of one layer."""

    key: Tensor  # (batch, head, event, size), not turned yet
    value: Tensor  # (batch, head, event, size)
    time: Tensor  # (batch, event) int64, in steps
    hidden: Tensor  # (batch, event) bool, which events nobody sees


class CausalAttention(nn.Module):
    """Attention of events to themselves and those before, up to ``span`` steps ago.

    Parameters
    ----------
    dim, n_heads : int
        A head's size, ``dim // n_heads``, is even.
    span : int
        How far back an event is seen, in steps.

    Examples
    --------
    >>> attention = CausalAttention(8, 2, span=3)
    >>> out, memory = attention(torch.zeros(1, 5, 8), torch.arange(5)[None])
    >>> out.shape, memory.time.tolist()
    (torch.Size([1, 5, 8]), [[1, 2, 3, 4]])
    """

    frequency: Tensor

    def __init__(self, dim: int, n_heads: int, *, span: int) -> None:
        super().__init__()
        if dim % (2 * n_heads):
            raise ValueError(
                f"CausalAttention: dim must be a multiple of twice n_heads, got {dim} and"
                f" {n_heads}."
            )
        self.n_heads, self.span = n_heads, span
        self.project = nn.Linear(dim, 3 * dim)
        self.out = nn.Linear(dim, dim)
        pairs = dim // n_heads // 2
        # from a half turn each step to a quarter turn in four spans
        fastest, slowest = torch.pi, torch.pi / (8 * max(span, 1))
        place = torch.arange(pairs) / max(pairs - 1, 1)
        self.register_buffer("frequency", fastest * (slowest / fastest) ** place)

    def forward(
        self,
        x: Tensor,
        time: Tensor,
        hidden: Tensor | None = None,
        memory: Memory | None = None,
    ) -> tuple[Tensor, Memory]:
        """Return (batch, event, dim) from the same, and what later events may look back on."""
        q, every, seen, origin = self._prepare(x, time, hidden, memory)
        key = self._turn(every.key, every.time - origin)
        mixed = F.scaled_dot_product_attention(q, key, every.value, attn_mask=seen[:, None])
        out = self.out(mixed.transpose(1, 2).reshape(x.shape))
        first = int((every.time >= time[:, -1:] - self.span).any(0).to(torch.uint8).argmax())
        kept = Memory(
            every.key[:, :, first:],
            every.value[:, :, first:],
            every.time[:, first:],
            every.hidden[:, first:],
        )
        return out, kept

    def weigh(
        self, x: Tensor, time: Tensor, memory: Memory | None = None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return weights (batch, head, event, seen), lengths of values, and who may be seen."""
        q, every, seen, origin = self._prepare(x, time, None, memory)
        key = self._turn(every.key, every.time - origin)
        product = q @ key.transpose(-1, -2) / q.shape[-1] ** 0.5
        weights = product.masked_fill(~seen[:, None], -torch.inf).softmax(-1)
        return weights, every.value.norm(dim=-1), seen

    def _prepare(
        self, x: Tensor, time: Tensor, hidden: Tensor | None, memory: Memory | None
    ) -> tuple[Tensor, Memory, Tensor, Tensor]:
        n, events, dim = x.shape
        heads = self.project(x).view(n, events, 3, self.n_heads, dim // self.n_heads)
        q, k, v = heads.permute(2, 0, 3, 1, 4)
        if hidden is None:
            hidden = torch.zeros_like(time, dtype=torch.bool)
        every = Memory(k, v, time, hidden)
        if memory is not None:
            every = Memory(
                torch.cat([memory.key, k], 2),
                torch.cat([memory.value, v], 2),
                torch.cat([memory.time, time], 1),
                torch.cat([memory.hidden, hidden], 1),
            )
        past = every.time.shape[1] - events
        row = torch.arange(events, device=x.device)[:, None] + past
        column = torch.arange(past + events, device=x.device)
        near = time[:, :, None] - every.time[:, None] <= self.span
        seen = (column <= row) & near & ~every.hidden[:, None]
        origin = time[:, :1]  # angles of a late hour are as exact as those of the first second
        return self._turn(q, time - origin), every, seen, origin

    def _turn(self, x: Tensor, steps: Tensor) -> Tensor:
        """Turn pairs by angles that grow with time, so that products know the lag."""
        angles = steps.to(x.dtype)[..., None] * self.frequency
        return turn(x, find_turns(angles, x.dtype)[:, :, None])


class CausalBlock(nn.Module):
    """Causal attention, then a small network on each event; both normalised before and added.

    Parameters
    ----------
    dim, n_heads, span : int
        As in `CausalAttention`.
    dropout : float, default=0.0
    """

    def __init__(self, dim: int, n_heads: int, *, span: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.before = nn.LayerNorm(dim)
        self.attention = CausalAttention(dim, n_heads, span=span)
        self.drop = nn.Dropout(dropout)
        self.network = nn.Sequential(
            nn.LayerNorm(dim),
            nn.Linear(dim, 4 * dim),
            nn.GELU(),
            nn.Dropout(dropout),
            nn.Linear(4 * dim, dim),
            nn.Dropout(dropout),
        )

    def forward(
        self,
        x: Tensor,
        time: Tensor,
        hidden: Tensor | None = None,
        memory: Memory | None = None,
    ) -> tuple[Tensor, Memory]:
        """Return (batch, event, dim) from the same, and the memory for what comes later."""
        mixed, memory = self.attention(self.before(x), time, hidden, memory)
        x = x + self.drop(mixed)
        return x + self.network(x), memory
