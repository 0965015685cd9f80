"""A transformer over tokens of any montage that fills in those it is not shown."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple, cast

import torch
from torch import Tensor, nn

from neurokit.nn.attention import (
    AttentionBlock,
    AxialAttention,
    SelfAttention,
    WindowAttention,
    pick,
)
from neurokit.nn.embedding import build_embedding
from neurokit.nn.positions import (
    ConductionCode,
    PlaceCode,
    RegionCode,
    TimeCode,
    find_turns,
    time_angles,
)
from neurokit.nn.targets import Follower

ATTENTIONS, HIDDEN = ("full", "axial", "window"), ("drop", "replace")


class Shown(NamedTuple):
    """The tokens that an encoder was shown, those of each example first, in order."""

    latents: Tensor  # (batch, shown, width)
    number: Tensor  # (batch, shown), of the token: channel * n_frames + frame
    valid: Tensor  # (batch, shown), False where an example has fewer


class Wanted(NamedTuple):
    """The tokens that are to be told, those of each example first."""

    number: Tensor  # (batch, wanted): channel * n_frames + frame
    valid: Tensor  # (batch, wanted), False where an example has fewer


class Filled(NamedTuple):
    """What a model says about tokens of some examples."""

    samples: Tensor  # (batch, channel, frame, sample), or (batch, wanted, sample)
    statistics: Tensor | None  # (batch, shown, n_statistics), of each shown token's channel
    shown: Shown
    more: dict[str, Tensor]  # (batch, wanted, size) by name
    wanted: Wanted


class MaskedTransformer(nn.Module):
    """Encoder of the tokens that are seen, and a small decoder that fills in the others [1]_.

    A token is one channel during one frame. Hidden tokens, and those that are missing, are
    dropped from the encoder, which thus costs less the more is hidden, or a learned vector
    stands in their place, which attention along axes or windows needs. Channels are known by
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
    attention : {"full", "axial", "window"}, default="full"
        Over all tokens; along channels and along frames; or over frames not far away.
    reach : int, default=8
        Frames on either side that a window sees.
    hidden : {"drop", "replace"}, default="drop"
        What becomes of hidden tokens in the encoder.
    more : mapping of str to int, optional
        Sizes of what else is told of each token that is wanted.
    follower : bool, default=False
        Keep a slow copy of the encoder, whose latents are to be told.
    embed : {"linear", "conv", "dilated", "spectral"}, default="linear"
        What makes a token of samples, see `neurokit.nn.embedding.build_embedding`.
    space : {"places", "conduction", "regions"}, default="places"
        What places become: codes; codes mixed among near channels; or vectors of regions, whose
        numbers stand in the place of the first coordinate.
    n_regions : int, default=0
    time : {"rotary", "sincos", "slow"}, default="rotary"
        Attention turns by times; or codes of times are added to tokens.

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
        attention: str = "full",
        reach: int = 8,
        hidden: str = "drop",
        more: Mapping[str, int] | None = None,
        follower: bool = False,
        embed: str = "linear",
        space: str = "places",
        n_regions: int = 0,
        time: str = "rotary",
    ) -> None:
        super().__init__()
        if width % (2 * n_heads):
            raise ValueError(
                f"MaskedTransformer: width must be a multiple of 2 * n_heads, got {width} and"
                f" {n_heads} heads."
            )
        if attention not in ATTENTIONS or hidden not in HIDDEN:
            raise ValueError(
                f"MaskedTransformer: attention must be one of {ATTENTIONS} and hidden one of"
                f" {HIDDEN}, got {attention!r} and {hidden!r}."
            )
        if attention != "full" and (hidden == "drop" or context is not None):
            raise ValueError(
                f"MaskedTransformer: attention={attention!r} needs hidden='replace', since it has"
                " no use for holes, and no context."
            )

        def block() -> AttentionBlock:
            kinds = {
                "full": lambda: SelfAttention(width, n_heads),
                "axial": lambda: AxialAttention(width, n_heads),
                "window": lambda: WindowAttention(width, n_heads, reach=reach),
            }
            return AttentionBlock(width, n_heads, attention=kinds[attention]())

        self.context, self.gridded, self.replaces = context, attention != "full", hidden != "drop"
        self.head_size = width // n_heads
        self.embed = build_embedding(embed, n_samples, width)
        spaces = {
            "conduction": lambda: ConductionCode(width),
            "regions": lambda: RegionCode(width, n_regions),
        }
        self.place = spaces.get(space, lambda: PlaceCode(width))()
        self.clock = None if time == "rotary" else TimeCode(width, time)
        self.blocks = nn.ModuleList(block() for _ in range(depth))
        self.norm = nn.LayerNorm(width)
        self.hand_over = nn.Linear(width, width)
        self.hidden = nn.Parameter(torch.randn(width) * 0.02)
        self.decoder = nn.ModuleList(block() for _ in range(decoder_depth))
        self.fill = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, n_samples))
        self.tell: nn.Linear | None = nn.Linear(width, n_statistics) if n_statistics else None
        sizes = dict(more or {})
        self.more = nn.ModuleDict({name: nn.Linear(width, n) for name, n in sizes.items()})
        self.follower = Follower(nn.ModuleList(self._encoder())) if follower else None

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
        return self._encode(self._encoder(), patches, places, times, seen, depth)

    def encode_slowly(
        self, patches: Tensor, places: Tensor, times: Tensor, seen: Tensor
    ) -> Tensor:
        """Return latents (batch, token, width) of the slow copy; where not seen they are zero."""
        if self.follower is None:
            raise ValueError("MaskedTransformer: there is no slow copy; build with follower=True.")
        layers = cast(nn.ModuleList, self.follower.copy)
        with torch.no_grad():
            shown = self._encode(layers, patches, places, times, seen, None)
        latents = shown.latents * shown.valid[..., None]
        out = latents.new_zeros(len(seen), seen[0].numel(), latents.shape[-1])
        return out.scatter_add(1, shown.number[..., None].expand_as(latents), latents)

    def add_regions(self, n_new: int) -> None:
        """Make room for more regions, which begin as the mean of those that are known."""
        for layer in list(self.modules()):
            if n_new and isinstance(layer, RegionCode):
                layer.grow(n_new)

    def schedule(self, progress: float) -> None:
        """Let the slow copy follow; training calls this before every step."""
        if self.follower is not None and self.training:
            self.follower.follow(nn.ModuleList(self._encoder()), progress)

    def forward(
        self,
        patches: Tensor,
        places: Tensor,
        times: Tensor,
        seen: Tensor,
        wanted: Tensor | None = None,
    ) -> Filled:
        """Encode what is seen, and say what tokens hold.

        Parameters
        ----------
        patches, places, times, seen : as in `encode`
        wanted : Tensor of bool, shape (batch, channel, frame), optional
            Tokens that are to be told. Default: all.

        Returns
        -------
        Filled
        """
        shown = self.encode(patches, places, times, seen)
        n, n_channels, n_frames, _ = patches.shape
        latents = self.hand_over(shown.latents)
        if self.replaces:
            x = latents
        else:
            x = self.hidden.to(latents.dtype).expand(n, n_channels * n_frames, -1)
            at = shown.number[..., None].expand_as(latents)
            latents = torch.where(shown.valid[..., None], latents, x.gather(1, at))
            x = x.scatter(1, at, latents)
        asked = None if wanted is None else _find(wanted)
        x = self._decode(x, places, times, None if asked is None else asked.number)
        samples = self.fill[1](x)
        more = {name: head(x) for name, head in self.more.items()}
        statistics = None if self.tell is None else self.tell(shown.latents)
        if asked is None:
            samples = samples.view(n, n_channels, n_frames, -1)
            every = torch.arange(n_channels * n_frames, device=x.device).expand(n, -1)
            asked = Wanted(every, torch.ones_like(every, dtype=torch.bool))
        return Filled(samples, statistics, shown, more, asked)

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
        x = self._decode(x, places, times, None)
        samples: Tensor = self.fill[1](x).view(n, n_channels, n_frames, -1)
        return samples

    def advance(
        self,
        patches: Tensor,
        places: Tensor,
        time: float,
        past: list[Tensor] | None,
        n_kept: int,
        seen: Tensor | None = None,
    ) -> tuple[Tensor, list[Tensor]]:
        """Encode one more frame of live recordings.

        Parameters
        ----------
        patches : Tensor of shape (batch, channel, n_samples)
        places : Tensor of shape (batch, channel, 3)
        time : float
            When the frame starts, in s.
        past : list of Tensor or None
            What the last call has returned; None at the start.
        n_kept : int
            Frames before this one that are remembered.
        seen : Tensor of bool, shape (batch, (kept + 1) * channel), optional
            Which tokens of the remembered frames and of this one were there. Latents of those
            that are not have no meaning. Default: all.

        Returns
        -------
        latents : Tensor of shape (batch, channel, width)
        past : list of Tensor
        """
        x = self.embed(patches) + self.place(places)
        when = torch.full(x.shape[:2], time, dtype=torch.float64, device=x.device)
        turns, kept = find_turns(time_angles(when, self.head_size), x.dtype), []
        allowed = None
        if seen is not None:  # each token sees itself, so that no row is empty
            itself = torch.zeros(x.shape[1], seen.shape[1], dtype=torch.bool, device=x.device)
            itself[:, -x.shape[1] :].fill_diagonal_(True)
            allowed = (seen[:, None] | itself)[:, None]
        for k, block in enumerate(self.blocks):
            before = None if past is None else past[k]
            x, memory = cast(AttentionBlock, block).advance(
                x, turns, before, n_kept * patches.shape[1], allowed
            )
            kept.append(memory)
        return self.norm(x), kept

    # ------------------------------------------------------------ inside

    def _encoder(self) -> tuple[nn.Module, ...]:
        clock = () if self.clock is None else (self.clock,)
        return self.embed, self.place, self.blocks, self.norm, *clock

    def _turn(self, when: Tensor, dtype: torch.dtype) -> Tensor | None:
        """Return by how much attention turns, where times are told so."""
        if self.clock is not None:
            return None
        return find_turns(time_angles(when, self.head_size), dtype)

    def _encode(
        self,
        layers: Iterable[nn.Module],
        patches: Tensor,
        places: Tensor,
        times: Tensor,
        seen: Tensor,
        depth: int | None,
    ) -> Shown:
        embed, place, blocks, norm, *clock = layers
        blocks = cast(nn.ModuleList, blocks)[:depth]
        n, n_channels, n_frames, _ = patches.shape
        if self.replaces:
            hidden = self.hidden.to(patches.dtype)
            x = torch.where(seen[..., None], embed(patches), hidden) + place(places)[:, :, None]
            number = torch.arange(n_channels * n_frames, device=x.device).expand(n, -1)
            shown = Wanted(number, seen.flatten(1))
        else:
            shown = _find(seen)
            code = place(places)
            channel = shown.number // n_frames
            x = embed(pick(patches.flatten(1, 2), shown.number)) + pick(code, channel)
        if clock:
            now = clock[0](times)
            x = x + (now if self.replaces else now[shown.number % n_frames])
        if self.gridded:
            turns, allowed = self._turn(times, x.dtype), None
        else:
            x = x.flatten(1, 2) if self.replaces else x
            when = times[shown.number % n_frames]
            turns = self._turn(when, x.dtype)
            every = torch.ones_like(shown.valid) if self.replaces else shown.valid
            allowed = self._allowed(when, every)
        for block in blocks:
            x = block(x, turns, allowed)
        x = x.flatten(1, 2) if self.gridded else x
        return Shown(norm(x), *shown)

    def _decode(self, x: Tensor, places: Tensor, times: Tensor, rows: Tensor | None) -> Tensor:
        """Return what the decoder makes of all tokens, or of ``rows`` alone, normalised."""
        n, n_channels, n_frames = len(x), places.shape[1], len(times)
        x = x + self.place(places).repeat_interleave(n_frames, 1)
        if self.clock is not None:
            x = x + self.clock(times).repeat(n_channels, 1)
        if self.gridded:
            x = x.unflatten(1, (n_channels, n_frames))
            turns = self._turn(times, x.dtype)
        else:
            turns = self._turn(times.repeat(n_channels).expand(n, -1), x.dtype)
        for k, block in enumerate(self.decoder):
            if self.gridded or rows is None or k < len(self.decoder) - 1:
                x = block(x, turns)
            else:  # the last block need not tell what nobody wants
                x, rows = block(x, turns, rows=rows), None
        x = x.flatten(1, 2) if self.gridded else x
        return self.fill[0](x if rows is None else pick(x, rows))

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


def _find(flags: Tensor) -> Wanted:
    """Return the numbers of the tokens that are marked, padded to as many in each example."""
    flat = flags.flatten(1)
    most = int(flat.sum(1).max())
    number = (~flat).to(torch.int8).argsort(dim=1, stable=True)[:, :most]
    return Wanted(number, flat.gather(1, number))
