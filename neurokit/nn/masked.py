"""A transformer over tokens of any montage that fills in those it is not shown."""

from typing import NamedTuple, cast

import torch
from torch import Tensor, nn

from neurokit.nn.attention import AttentionBlock
from neurokit.nn.positions import PlaceCode, time_angles


class Shown(NamedTuple):
    """The tokens that an encoder was shown, those of each example first, in order."""

    latents: Tensor  # (batch, shown, width)
    number: Tensor  # (batch, shown), of the token: channel * n_frames + frame
    valid: Tensor  # (batch, shown), False where an example has fewer


class Filled(NamedTuple):
    """What a model says about all tokens of some examples."""

    samples: Tensor  # (batch, channel, frame, sample)
    statistics: Tensor | None  # (batch, shown, n_statistics), of each shown token's channel
    shown: Shown


class MaskedTransformer(nn.Module):
    """Encoder of the tokens that are seen, and a small decoder that fills in the others [1]_.

    A token is one channel during one frame. Hidden tokens, and those that are missing, are
    dropped from the encoder, which thus costs less the more is hidden. Channels are known by
    their places alone and times are told in seconds, so that montage, order, length and frames
    are free: channels in another order give the same latents in that order.

    Parameters
    ----------
    n_samples : int
        Samples of a token.
    width : int, default=128
        Size of a latent; a multiple of ``n_heads``, and of two for each head.
    depth : int, default=6
        Blocks of the encoder.
    n_heads : int, default=8
    decoder_depth : int, default=1
    n_statistics : int, default=0
        Numbers that a linear map predicts from each latent.
    context : float, optional
        The encoder looks at the present frame and at those less than this before, in s, and can
        go on live. Default: it looks at all frames.

    References
    ----------
    .. [1] He et al. (2022), Masked autoencoders are scalable vision learners, CVPR, section 3.

    Examples
    --------
    >>> model = MaskedTransformer(25, width=16, depth=1, n_heads=2)
    >>> patches, places = torch.zeros(2, 3, 4, 25), torch.zeros(2, 3, 3)
    >>> seen = torch.rand(2, 3, 4) < 0.5
    >>> model(patches, places, torch.arange(4.0), seen).samples.shape
    torch.Size([2, 3, 4, 25])
    """

    def __init__(
        self,
        n_samples: int,
        *,
        width: int = 128,
        depth: int = 6,
        n_heads: int = 8,
        decoder_depth: int = 1,
        n_statistics: int = 0,
        context: float | None = None,
    ) -> None:
        super().__init__()
        if width % (2 * n_heads):
            raise ValueError(
                f"MaskedTransformer: width must be a multiple of 2 * n_heads, got {width} and"
                f" {n_heads} heads."
            )
        self.context = context
        self.head_size = width // n_heads
        self.embed = nn.Linear(n_samples, width)
        self.place = PlaceCode(width)
        self.blocks = nn.ModuleList(AttentionBlock(width, n_heads) for _ in range(depth))
        self.norm = nn.LayerNorm(width)
        self.hand_over = nn.Linear(width, width)
        self.hidden = nn.Parameter(torch.randn(width) * 0.02)
        self.decoder = nn.ModuleList(AttentionBlock(width, n_heads) for _ in range(decoder_depth))
        self.fill = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, n_samples))
        self.tell: nn.Linear | None = nn.Linear(width, n_statistics) if n_statistics else None

    def encode(
        self,
        patches: Tensor,
        places: Tensor,
        times: Tensor,
        seen: Tensor,
        depth: int | None = None,
    ) -> Shown:
        """Encode the tokens that are seen.

        Parameters
        ----------
        patches : Tensor of shape (batch, channel, frame, n_samples)
        places : Tensor of shape (batch, channel, 3)
            In mm, NaN where unknown.
        times : Tensor of shape (frame,)
            When frames start, in s.
        seen : Tensor of bool, shape (batch, channel, frame)
            Each example has one or more.
        depth : int, optional
            Blocks that are run. Default: all.

        Returns
        -------
        Shown
        """
        shown = seen.flatten(1)
        n_shown = int(shown.sum(1).max())
        index = (~shown).to(torch.int8).argsort(dim=1, stable=True)[:, :n_shown]
        valid = shown.gather(1, index)
        tokens = patches.flatten(1, 2).gather(
            1, index[..., None].expand(-1, -1, patches.shape[-1])
        )
        code = self.place(places)
        channel = (index // len(times))[..., None].expand(-1, -1, code.shape[-1])
        x = self.embed(tokens) + code.gather(1, channel)
        when = times[index % len(times)]
        angles, allowed = time_angles(when, self.head_size), self._allowed(when, valid)
        for block in self.blocks[:depth]:
            x = block(x, angles, allowed)
        return Shown(self.norm(x), index, valid)

    def forward(self, patches: Tensor, places: Tensor, times: Tensor, seen: Tensor) -> Filled:
        """Encode what is seen, and say what all tokens hold; arguments as in `encode`."""
        shown = self.encode(patches, places, times, seen)
        n, n_channels, n_frames, _ = patches.shape
        x = self.hidden.to(shown.latents.dtype).expand(n, n_channels * n_frames, -1)
        latents = self.hand_over(shown.latents)
        at = shown.number[..., None].expand_as(latents)
        latents = torch.where(shown.valid[..., None], latents, x.gather(1, at))
        x = x.scatter(1, at, latents)
        x = x + self.place(places).repeat_interleave(n_frames, 1)
        when = times.repeat(n_channels).expand(n, -1)
        angles = time_angles(when, self.head_size)
        for block in self.decoder:
            x = block(x, angles)
        samples = self.fill(x).view(n, n_channels, n_frames, -1)
        statistics = None if self.tell is None else self.tell(shown.latents)
        return Filled(samples, statistics, shown)

    def summarise(self, shown: Shown, places: Tensor, times: Tensor) -> Tensor:
        """Say what all tokens hold from the mean of the latents alone, where and when they are.

        Parameters
        ----------
        shown : Shown
        places, times : as in `encode`

        Returns
        -------
        Tensor of shape (batch, channel, frame, n_samples)
        """
        weight = shown.valid[..., None].to(shown.latents.dtype)
        mean = (shown.latents * weight).sum(1) / weight.sum(1).clamp(min=1)
        n, n_channels, n_frames = len(places), places.shape[1], len(times)
        x = (self.hidden + self.hand_over(mean))[:, None].expand(-1, n_channels * n_frames, -1)
        x = x + self.place(places).repeat_interleave(n_frames, 1)
        angles = time_angles(times.repeat(n_channels).expand(n, -1), self.head_size)
        for block in self.decoder:
            x = block(x, angles)
        samples: Tensor = self.fill(x).view(n, n_channels, n_frames, -1)
        return samples

    def advance(
        self, patches: Tensor, places: Tensor, time: float, past: list[Tensor] | None, n_kept: int
    ) -> tuple[Tensor, list[Tensor]]:
        """Encode one more frame of live recordings, all of whose tokens are seen.

        Parameters
        ----------
        patches : Tensor of shape (batch, channel, n_samples)
        places : Tensor of shape (batch, channel, 3)
        time : float
            When the frame starts, in s.
        past : list of Tensor or None
            What the last call has returned; None at the start.
        n_kept : int
            Frames before this one that are seen.

        Returns
        -------
        latents : Tensor of shape (batch, channel, width)
        past : list of Tensor
        """
        x = self.embed(patches) + self.place(places)
        when = torch.full(x.shape[:2], time, dtype=torch.float64, device=x.device)
        angles, kept = time_angles(when, self.head_size), []
        for k, block in enumerate(self.blocks):
            before = None if past is None else past[k]
            x, memory = cast(AttentionBlock, block).advance(
                x, angles, before, n_kept * patches.shape[1]
            )
            kept.append(memory)
        return self.norm(x), kept

    def _allowed(self, when: Tensor, valid: Tensor) -> Tensor | None:
        """Say which tokens each may look at; itself always, so that no row is empty."""
        if self.context is None and bool(valid.all()):
            return None
        allowed = valid[:, None, :]
        if self.context is not None:
            ago = when[:, :, None] - when[:, None, :]
            allowed = allowed & (ago > -1e-6) & (ago < self.context - 1e-6)
        itself = torch.eye(valid.shape[1], dtype=torch.bool, device=valid.device)
        return (allowed | itself)[:, None]
