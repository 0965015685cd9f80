"""Run a masked model over whole recordings, window by window."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from neurokit.pretraining.design import sizes_of
from neurokit.pretraining.live import Frames
from neurokit.types import Flags, Floats, Json

if TYPE_CHECKING:
    from torch import Tensor

    from neurokit.nn.masked import MaskedTransformer, Shown


def run_windows(
    module: MaskedTransformer,
    design: Json,
    patches: Floats,
    places: Floats,
    seen: Flags,
    *,
    device: str,
    fill: bool = False,
    depth: int | None = None,
) -> Floats:
    """Run a network window by window; hidden tokens are NaN unless they are filled in.

    Parameters
    ----------
    module : neurokit.nn.masked.MaskedTransformer
        On the CPU, where it is left.
    design : dict
        Parameters of the model.
    patches : ndarray of shape (n_trials, n_channels, n_frames, n_samples)
    places : ndarray of shape (n_channels, 3)
        In mm, NaN where unknown.
    seen : ndarray of bool, shape (n_trials, n_channels, n_frames)
    device : str
    fill : bool, default=False
        Return samples of all patches, not latents of those that are seen.
    depth : int, optional
        Blocks of the encoder that are run. Default: all.

    Returns
    -------
    ndarray of float32, shape (n_trials, n_channels, n_frames, n_samples or width)
    """
    import torch

    from neurokit.training import resolve_device

    where_to = resolve_device(device)
    sizes = sizes_of(design)
    hop, window = sizes.hop, sizes.window
    if design.get("context") is not None and not fill:
        module.to(where_to)
        try:
            return Frames(module, design, places).encode(
                np.where(seen[..., None], patches, np.float32(np.nan))
            )
        finally:
            module.cpu()
    # channels in an order of their own, so that their order in X changes no bit
    order = np.lexsort((patches[0, :, 0, 0], patches.std((0, 2, 3))))
    back = np.argsort(order)
    patches, places, seen = patches[:, order], places[order], seen[:, order]
    n_trials, n_channels, n_frames, _ = patches.shape
    size = hop if fill else module.norm.normalized_shape[0]
    found = np.full((n_trials, n_channels, n_frames, size), np.nan, np.float32)
    per_batch = max(design["batch_tokens"] // (n_channels * min(window, n_frames)), 1)
    module.to(where_to)
    where = torch.from_numpy(places.astype(np.float32)).to(where_to)
    try:
        with torch.no_grad():
            for first in range(0, n_frames, window):
                part = slice(first, min(first + window, n_frames))
                times = torch.arange(part.stop - part.start, device=where_to) * sizes.seconds
                for at in range(0, n_trials, per_batch):
                    rows = np.arange(at, min(at + per_batch, n_trials))
                    shown = seen[rows, :, part]
                    rows, shown = (a[shown.any((1, 2))] for a in (rows, shown))
                    if len(rows):
                        args = (
                            torch.from_numpy(patches[rows][:, :, part]).to(where_to),
                            where.expand(len(rows), -1, -1),
                            times,
                            torch.from_numpy(shown).to(where_to),
                        )
                        if fill:
                            made = module(*args).samples
                        else:
                            made = spread_latents(module.encode(*args, depth=depth), shown.shape)
                        found[rows, :, part] = made.float().cpu().numpy()
    finally:
        module.cpu()
    return found[:, back]


def spread_latents(shown: Shown, shape: tuple[int, ...]) -> Tensor:
    """Put latents of shown tokens in their places; others are NaN."""
    import torch

    n, n_channels, n_frames = shape
    latents = torch.where(shown.valid[..., None], shown.latents, float("nan"))
    out = latents.new_full((n, n_channels * n_frames, latents.shape[-1]), float("nan"))
    out.scatter_(1, shown.number[..., None].expand_as(latents), latents)
    return out.view(n, n_channels, n_frames, -1)
