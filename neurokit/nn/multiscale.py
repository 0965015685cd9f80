"""Codecs side by side, each looking at the signal through a kernel of another length."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from neurokit.nn.codec import Decoder, Encoder, FrameEncoder, FrameNetwork, Memory
from neurokit.nn.distortion import spectrum_of


class MultiScaleEncoder(FrameEncoder):
    """One encoder per kernel length; their latents stand side by side.

    Parameters
    ----------
    latent_dim : int
        Length of the vector of each branch.
    kernels : sequence of int
        Length of each branch's first convolution, in samples.
    **shape
        The other parameters of `Encoder`.
    """

    def __init__(self, latent_dim: int, *, kernels: Sequence[int], **shape: Any) -> None:
        super().__init__()
        self.branches = nn.ModuleList(Encoder(latent_dim, kernel=k, **shape) for k in kernels)
        self.hop = Encoder(latent_dim, kernel=1, **shape).hop

    @property
    def n_past_frames(self) -> float:
        """Frames before its own on which a latent depends."""
        return max(b.n_past_frames for b in self.branches if isinstance(b, Encoder))

    def forward(self, x: Tensor, memory: Memory | None = None) -> Tensor:
        """Return latents (batch, frame, branch * latent_dim) of ``x`` (batch, time)."""
        parts = [branch(x, memory and memory.part(k)) for k, branch in enumerate(self.branches)]
        return torch.cat(parts, -1)


class MultiScaleDecoder(FrameNetwork):
    """The mirror of `MultiScaleEncoder`: the branches' signals, added up."""

    def __init__(self, latent_dim: int, *, kernels: Sequence[int], **shape: Any) -> None:
        super().__init__()
        self.branches = nn.ModuleList(Decoder(latent_dim, kernel=k, **shape) for k in kernels)

    @property
    def n_past_frames(self) -> float:
        """Frames before its own on which a sample depends."""
        return max(b.n_past_frames for b in self.branches if isinstance(b, Decoder))

    def forward(self, latents: Tensor, memory: Memory | None = None) -> Tensor:
        """Return samples (batch, time) of ``latents`` (batch, frame, branch * latent_dim)."""
        parts = latents.chunk(len(self.branches), -1)
        pairs = enumerate(zip(self.branches, parts, strict=True))
        signals = [branch(part, memory and memory.part(k)) for k, (branch, part) in pairs]
        return torch.stack(signals).sum(0)


def amplitude_phase_error(x: Tensor, y: Tensor, windows: Sequence[int]) -> Tensor:
    """Return the difference of log amplitudes, and of phases where there is amplitude.

    Phases are compared by ``1 - cos`` of their difference, so that they wrap, and weighted by
    the amplitude of the truth over its mean in the window: the phase of nothing is noise.

    Parameters
    ----------
    x, y : Tensor of shape (batch, time)
        Truth and reconstruction.
    windows : sequence of int
        Lengths in samples; a quarter of each is its hop.
    """
    parts = []
    for n in windows:
        a, b = spectrum_of(x, n, n // 4), spectrum_of(y, n, n // 4)
        size_a, size_b = a.abs(), b.abs()
        amplitude = (size_a.log1p() - size_b.log1p()).abs().mean()
        cosine = (a * b.conj()).real / (size_a * size_b).clamp(min=1e-6)
        weight = size_a / size_a.mean((-2, -1), keepdim=True).clamp(min=1e-6)
        parts.append(amplitude + (weight * (1 - cosine)).mean())
    return torch.stack(parts).mean()
