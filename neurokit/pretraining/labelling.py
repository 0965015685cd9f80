"""What a masked model gives, with the labels, the unit and the rate of what it was given."""

from __future__ import annotations

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike

from neurokit.inputs.labels import keep_coords
from neurokit.inputs.signal import Signal
from neurokit.pretraining.patches import Sizes, convert_rate, join_patches
from neurokit.types import Flags, Floats, Labelled


def label_latents(latents: Floats, signal: Signal, sizes: Sizes) -> Labelled:
    """Label latents (trial, channel, frame, width); plain input, plain output."""
    latents = latents[0] if signal.single else latents
    if signal.source is None:
        return latents
    dims = ("trial", "channel", "frame", "latent")[signal.single :]
    start = float(signal.first / signal.rate)
    coords = keep_coords(signal.source, ("trial", "channel"))
    out = xr.DataArray(latents, dims=dims, coords=coords)
    return out.assign_coords(frame=start + np.arange(latents.shape[-2]) * sizes.seconds)


def merge_filled(
    filled: Floats, seen: Flags, levels: tuple[Floats, Floats], signal: Signal, sizes: Sizes
) -> Labelled:
    """Put what was told of hidden patches into a recording, in its unit and at its rate.

    Parameters
    ----------
    filled : ndarray of shape (trial, channel, frame, sample)
        In levels, at the model's rate.
    seen : ndarray of bool, shape (trial, channel, frame)
        A sample that one of several overlapping patches shows is kept.
    levels : tuple of ndarray
        Mean and level of each channel.
    signal : Signal
    sizes : Sizes
    """
    if np.isnan(filled).any():
        raise ValueError(
            "MaskedModel.reconstruct: nothing is seen during a whole window; show some of it."
        )
    mean, level = levels
    flat = join_patches(filled, sizes)
    levelled = convert_rate(flat, sizes.rate, signal.rate)[..., : signal.n_times]
    guess = levelled * level[:, None] + mean[:, None]
    out = np.array(signal.values[...], np.float32)
    n = guess.shape[-1]
    shown = join_patches(np.repeat(seen[..., None], sizes.hop, -1).astype(np.float32), sizes) > 0
    at = (np.arange(n) * float(sizes.rate / signal.rate)).astype(int)
    hidden = ~shown[:, :, np.minimum(at, shown.shape[2] - 1)] | np.isnan(out[..., :n])
    out[..., :n] = np.where(hidden, guess, out[..., :n])
    out = out[0] if signal.single else out
    return out if signal.source is None else signal.source.copy(data=out)


def hide_more(seen: Flags, mask: xr.DataArray | ArrayLike) -> Flags:
    """Take tokens out of those that are seen.

    Parameters
    ----------
    seen : ndarray of bool, shape (n_trials, n_channels, n_frames)
    mask : array-like of bool, shape ([trial,] channel, frame)
        Tokens to hide.

    Returns
    -------
    ndarray of bool, shape (n_trials, n_channels, n_frames)

    Raises
    ------
    ValueError
        If the mask has another shape.
    """
    if isinstance(mask, xr.DataArray):
        mask = mask.transpose(..., "channel", "frame").values
    hidden = np.asarray(mask, bool)
    if hidden.shape[-2:] != seen.shape[-2:]:
        raise ValueError(
            f"MaskedModel.reconstruct: mask must be of shape {seen.shape[-2:]} (channel, frame),"
            f" got {hidden.shape}."
        )
    return seen & ~hidden
