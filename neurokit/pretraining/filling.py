"""The loss of a masked model: hide tokens, fill them in, compare."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from neurokit.pretraining import masks
from neurokit.pretraining.design import BANDS, sizes_of, targets_of
from neurokit.types import Flags

if TYPE_CHECKING:
    from torch import Tensor

    from neurokit.nn.masked import MaskedTransformer


class Filling:
    """Mean squared error of the samples of hidden tokens, and of what else is to be told.

    Masks are drawn by a generator of the fit's own, so that an interrupted fit draws on.

    Parameters
    ----------
    sources : list of dict
        Recordings, with ``places`` and ``regions`` of their channels.
    step : float
        From patch to patch, in s.
    design : mapping
        ``mask``, ``mask_ratio``, ``mask_radius``, ``mask_span``.
    """

    def __init__(
        self, sources: list[dict[str, Any]], step: float, design: Mapping[str, Any]
    ) -> None:
        mask = design["mask"]
        self.kinds = {mask: 1.0} if isinstance(mask, str) else dict(mask)
        self.step, self.ratio, self.span = step, design["mask_ratio"], design["mask_span"]
        radius = design["mask_radius"]
        self.weights = targets_of(dict(design))
        self.dropout = float(design.get("channel_dropout", 0.0))
        self.noise = float(design.get("position_noise", 0.0))
        self.rate = float(sizes_of(dict(design))[0])
        self.near = [masks.find_neighbours(source["places"], radius) for source in sources]
        self.regions = [masks.group_regions(source["regions"]) for source in sources]

    def __call__(
        self,
        module: MaskedTransformer,
        patches: Tensor,
        places: Tensor,
        present: Tensor,
        sources: Tensor,
    ) -> Tensor:
        """Return the loss of a batch."""
        import torch

        _, n_channels, n_frames, _ = patches.shape
        rng = np.random.default_rng(_draw_seed())
        drawn = [self.draw(rng, k, n_channels, n_frames) for k in sources.tolist()]
        hidden = torch.from_numpy(np.stack(drawn)).to(patches.device)
        if module.training and self.dropout:
            kept = torch.from_numpy(self._keep(rng, len(patches), n_channels)).to(patches.device)
            present = present & kept[..., None]
        if module.training and self.noise:
            moved = rng.normal(0, self.noise, places.shape)
            places = places + torch.from_numpy(moved.astype(np.float32)).to(places.device)
        seen = present & ~hidden
        lost = ~seen.flatten(1).any(1)  # gaps everywhere else: show what there is
        seen = torch.where(lost[:, None, None], present, seen)
        seen = seen | ~present.flatten(1).any(1)[:, None, None]
        wanted = (hidden & present & ~seen)[..., None]
        times = torch.arange(n_frames, device=patches.device) * self.step
        filled = module(patches, places, times, seen)
        n_wanted = (wanted.sum() * patches.shape[-1]).clamp(min=1)
        error = ((filled.samples - patches).square() * wanted).sum() / n_wanted
        if not module.training:
            return error
        total = self.weights["signal"] * error
        if self.weights["summary"]:
            told = module.summarise(filled.shown, places, times)
            far = (told - patches).square() * present[..., None]
            per = far.sum() / (present.sum() * patches.shape[-1]).clamp(min=1)
            total = total + self.weights["summary"] * per
        if self.weights["statistics"] and filled.statistics is not None:
            truth = measure_bands(patches, self.rate)
            channel = filled.shown.number // n_frames
            wanted_of = truth.gather(1, channel[..., None].expand(-1, -1, truth.shape[-1]))
            apart = (filled.statistics - wanted_of).square() * filled.shown.valid[..., None]
            per = apart.sum() / (filled.shown.valid.sum() * truth.shape[-1]).clamp(min=1)
            total = total + self.weights["statistics"] * per
        return total

    def _keep(self, rng: np.random.Generator, n: int, n_channels: int) -> Flags:
        """Draw which channels each example has: a share is left out, and one stays at least."""
        n_out = min(round(self.dropout * n_channels), n_channels - 1)
        order = rng.random((n, n_channels)).argsort(1)
        kept: Flags = order >= n_out
        return kept

    def draw(self, rng: np.random.Generator, k: int, n_channels: int, n_frames: int) -> Flags:
        """Draw what is hidden of an example of source ``k``."""
        kind = masks.draw_kind(rng, self.kinds)
        shape = (n_channels, n_frames)
        if kind == "token" or n_channels * n_frames == 1:
            return masks.draw_tokens(rng, *shape, self.ratio)
        if kind == "future":
            return masks.draw_future(rng, *shape, self.ratio)
        if kind == "block":
            times = np.arange(n_frames) * self.step
            return masks.draw_blocks(rng, self.near[k], times, self.ratio, self.span)
        member = np.zeros(shape, int)
        if kind == "time":
            member += np.arange(n_frames)
        elif kind == "region" and self.regions[k].max() > 0:
            member += self.regions[k][:, None]
        else:
            member += np.arange(n_channels)[:, None]
        return masks.draw_groups(rng, member, self.ratio)


def _draw_seed() -> int:
    import torch

    from neurokit.nn.draws import generator

    return int(torch.randint(2**62, (1,), generator=generator()))


def measure_bands(patches: Tensor, rate: float) -> Tensor:
    """Measure the power of each channel over the whole window, hidden frames among it.

    Parameters
    ----------
    patches : Tensor of shape (batch, channel, frame, sample)
    rate : float
        In Hz.

    Returns
    -------
    Tensor of shape (batch, channel, band)
        Logarithm of the share of each of `design.BANDS` in the power of all; level says nothing.
    """
    import torch

    x = patches.flatten(2).float()
    x = (x - x.mean(-1, keepdim=True)) * torch.hann_window(x.shape[-1], device=x.device)
    power = torch.fft.rfft(x).abs().square()
    hz = torch.fft.rfftfreq(x.shape[-1], 1 / rate, device=x.device)
    parts = [power[..., (hz >= low) & (hz < high)].sum(-1) for low, high in BANDS]
    found = torch.stack(parts, -1)
    share = found / found.sum(-1, keepdim=True).clamp(min=1e-12)
    return share.clamp(min=1e-6).log()
