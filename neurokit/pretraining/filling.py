"""The loss of a masked model: hide tokens, fill them in, compare."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from neurokit.pretraining import masks
from neurokit.types import Flags

if TYPE_CHECKING:
    from torch import Tensor

    from neurokit.nn.masked import MaskedTransformer


class Filling:
    """Mean squared error of the samples of hidden tokens.

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
        seen = present & ~hidden
        lost = ~seen.flatten(1).any(1)  # gaps everywhere else: show what there is
        seen = torch.where(lost[:, None, None], present, seen)
        seen = seen | ~present.flatten(1).any(1)[:, None, None]
        wanted = (hidden & present & ~seen)[..., None]
        times = torch.arange(n_frames, device=patches.device) * self.step
        error = (module(patches, places, times, seen).samples - patches).square()
        return (error * wanted).sum() / (wanted.sum() * patches.shape[-1]).clamp(min=1)

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
