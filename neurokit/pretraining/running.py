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
    n_trials, n_channels, n_frames, _ = patches.shape
    size = hop if fill else module.norm.normalized_shape[0]
    found = np.full((n_trials, n_channels, n_frames, size), np.nan, np.float32)
    whole, rest = divmod(n_frames, window)
    jobs = [(k, w * window, window) for w in range(whole) for k in range(n_trials)]
    last = [(k, whole * window, rest) for k in range(n_trials) if rest]
    module.to(where_to)
    where = torch.from_numpy(places[order].astype(np.float32)).to(where_to)
    try:
        with torch.no_grad():
            for every in (jobs, last):  # windows of one length are run side by side
                jobs_with = [job for job in every if seen[_part(job)].any()]
                length = min(window, n_frames) if every is jobs else rest
                per_batch = max(design["batch_tokens"] // (n_channels * max(length, 1)), 1)
                times = torch.arange(length, device=where_to) * sizes.seconds
                for at in range(0, len(jobs_with), per_batch):
                    some = jobs_with[at : at + per_batch]
                    shown = np.stack([seen[_part(job)][order] for job in some])
                    args = (
                        torch.from_numpy(np.stack([patches[_part(job)][order] for job in some])),
                        where.expand(len(some), -1, -1),
                        times,
                        torch.from_numpy(shown),
                    )
                    x, spots, clock, there = (part.to(where_to) for part in args)
                    if fill:
                        made = module(x, spots, clock, there).samples
                    else:
                        latents = module.encode(x, spots, clock, there, depth)
                        made = spread_latents(latents, shown.shape)
                    for job, one in zip(some, made.float().cpu().numpy(), strict=True):
                        found[_part(job)][order] = one
    finally:
        module.cpu()
    return found


def _part(job: tuple[int, int, int]) -> tuple[int, slice, slice]:
    """Return where a window is: its trial, all channels, its frames."""
    trial, first, length = job
    return trial, slice(None), slice(first, first + length)


def spread_latents(shown: Shown, shape: tuple[int, ...]) -> Tensor:
    """Put latents of shown tokens in their places; others are NaN."""
    import torch

    n, n_channels, n_frames = shape
    latents = torch.where(shown.valid[..., None], shown.latents, float("nan"))
    out = latents.new_full((n, n_channels * n_frames, latents.shape[-1]), float("nan"))
    out.scatter_(1, shown.number[..., None].expand_as(latents), latents)
    return out.view(n, n_channels, n_frames, -1)
