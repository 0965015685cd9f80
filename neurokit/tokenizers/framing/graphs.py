"""From samples to tokens and back as one graph: the arithmetic of `level`, on tensors."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from neurokit.nn.codec import Codec
from neurokit.nn.portable.codec import PortableDecoder, PortableEncoder
from neurokit.tokenizers.framing import level


class SamplesToTokens(nn.Module):
    """Samples (row, frame, sample) to tokens (row, frame, column), those of the level first.

    Parameters
    ----------
    codec : Codec
    beam : int
        Paths that the quantiser's search keeps.
    period : int
        Frames that share a level.
    causal : bool
        Level each period by the one before.
    """

    def __init__(self, codec: Codec, beam: int, period: int, causal: bool) -> None:
        super().__init__()
        self.encoder = PortableEncoder(codec, beam)
        self.period, self.causal = period, causal

    def forward(self, signal: Tensor) -> Tensor:
        """Return int32 tokens."""
        x = signal.double()
        levels = self._level(x)
        period = torch.arange(x.shape[1]) // self.period - int(self.causal)
        side = levels[:, period.clamp(min=0)]
        scale, offset = fade(side, x.shape[2])
        limit, knee = level.LOUDEST, level.KNEE
        z = (x - offset) / scale / knee
        drawn_in = z.sign() * torch.log(z.abs() + (z.square() + 1).sqrt())  # asinh, which few have
        codes = self.encoder((knee * drawn_in).clamp(-limit, limit))
        return torch.cat([side, codes], -1).int()

    def _level(self, x: Tensor) -> Tensor:
        """Code scale and offset of each period, (row, period, 2)."""
        n_frames = x.shape[1]
        n_periods = (n_frames + self.period - 1) // self.period
        rest = torch.zeros_like(x[:, :1]).expand(-1, self.period - 1, -1)
        inside, filled = (torch.cat([y, rest], 1) for y in (torch.ones_like(x), x))
        count, parts = (
            y[:, : n_periods * self.period].unflatten(1, (n_periods, self.period)).flatten(2)
            for y in (inside, filled)
        )
        n = count.sum(-1)
        mean = parts.sum(-1) / n
        power = ((parts - mean[..., None]) * count).square().sum(-1) / n
        size = (power + (mean / level.FLATTEST).square()).sqrt()
        steps = (level.STEPS_PER_DECADE * torch.log10(size)).round() + level.ZERO_CODE
        scale = steps.clamp(0, level.SIDE["scale"] - 1)
        unit = 10.0 ** ((scale - level.ZERO_CODE) / level.STEPS_PER_DECADE)
        offset = (level.OFFSET_STEPS * mean / unit).round() + level.OFFSET_ZERO
        offset = offset.clamp(0, level.SIDE["offset"] - 1)
        return torch.stack([scale, offset], -1).long()


class TokensToSamples(nn.Module):
    """Tokens (row, frame, column) to samples (row, frame, sample).

    Parameters
    ----------
    codec : Codec
    """

    def __init__(self, codec: Codec) -> None:
        super().__init__()
        self.decoder = PortableDecoder(codec)
        self.hop = codec.encoder.hop

    def forward(self, tokens: Tensor) -> Tensor:
        """Return float32 samples in the unit of the recording."""
        tokens = tokens.long()
        n_side = len(level.SIDE)
        scale, offset = fade(tokens[..., :n_side], self.hop)
        limit, knee = level.LOUDEST, level.KNEE
        z = self.decoder(tokens[..., n_side:]).clamp(-limit, limit) / knee
        return (knee * (z.exp() - (-z).exp()) / 2 * scale + offset).float()


def fade(codes: Tensor, hop: int) -> tuple[Tensor, Tensor]:
    """Return scale and offset (row, frame, sample) at every sample; see `level.trace`."""
    n_frames = codes.shape[1]
    held = torch.cat([codes[:, :1].expand(-1, level.SMOOTH, -1), codes], 1).double()
    log_scale = (held[..., 0] - level.ZERO_CODE) / level.STEPS_PER_DECADE
    offset = (held[..., 1] - level.OFFSET_ZERO) / level.OFFSET_STEPS * 10.0**log_scale
    ramp = torch.arange(1, hop + 1, dtype=torch.float64) / hop
    traces = []
    for value in (log_scale, offset):
        shifted = [value[:, k : k + n_frames + 1] for k in range(level.SMOOTH)]
        smooth = torch.stack(shifted).sum(0) / level.SMOOTH
        rise = smooth[:, 1:] - smooth[:, :-1]
        traces.append(smooth[:, :-1, None] + rise[..., None] * ramp)
    return 10.0 ** traces[0], traces[1]
