"""Patches: recordings brought to a level and a rate, cut, and joined again."""

from __future__ import annotations

import warnings
from fractions import Fraction
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from scipy.signal import firwin, resample_poly

from neurokit.types import Flags, Floats

_LOUDEST = 15.0  # levels; what is beyond is drawn in


class Sizes(NamedTuple):
    """How recordings are cut, at the rate of the model."""

    rate: Fraction  # Hz
    hop: int  # samples of a patch
    step: int  # samples from patch to patch
    window: int  # patches that are seen at once

    @property
    def seconds(self) -> float:
        """From patch to patch, in s."""
        return float(self.step / self.rate)

    def frames_in(self, n_times: int) -> int:
        """Count the whole patches of so many samples."""
        return max((n_times - self.hop) // self.step + 1, 0)


def convert_rate(values: Floats, rate: Fraction, wanted: Fraction) -> Floats:
    """Resample along the last axis by the exact ratio of two rates."""
    up, down = (wanted / rate).limit_denominator(10_000).as_integer_ratio()
    if up == down:
        return values
    if values.shape[-1] == 1:  # no line goes through one sample
        return np.repeat(values, -(-up // down), axis=-1)
    window = _design(up, down).astype(values.dtype)
    found: Floats = resample_poly(values, up, down, axis=-1, window=window, padtype="line")
    return found


@lru_cache(maxsize=32)
def _design(up: int, down: int) -> Floats:
    """Design the filter that `resample_poly` would design anew for each trial."""
    most = max(up, down)
    found: Floats = firwin(20 * most + 1, 1 / most, window=("kaiser", 5.0))
    return found


def measure_levels(values: Floats) -> tuple[Floats, Floats]:
    """Return mean and standard deviation of channels, (channel,); NaN is left out."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # channels without any value
        flat = np.moveaxis(values, -2, 0).reshape(values.shape[-2], -1)
        return np.nanmean(flat, 1), np.nanstd(flat, 1)


def bring_to_level(values: Floats, mean: Floats, level: Floats) -> Floats:
    """Subtract the mean of each channel, divide by its level, and draw in what is far beyond."""
    scale = np.where(level > 0, level, 1.0)
    found = (values - mean[:, None]) / scale[:, None]
    return np.clip(found, -_LOUDEST, _LOUDEST)


def cut_patches(values: Floats, sizes: Sizes) -> Floats:
    """Cut (..., time) into whole patches (..., frame, sample), which may overlap."""
    n = sizes.frames_in(values.shape[-1])
    if n == 0:
        return values[..., :0].reshape(*values.shape[:-1], 0, sizes.hop)
    every = sliding_window_view(values, sizes.hop, axis=-1)
    return every[..., : (n - 1) * sizes.step + 1 : sizes.step, :]


def join_patches(patches: Floats, sizes: Sizes) -> Floats:
    """Join patches (..., frame, sample) to (..., time); where they overlap, it is their mean."""
    n, hop, step = patches.shape[-2], sizes.hop, sizes.step
    length = (n - 1) * step + hop
    total = np.zeros((*patches.shape[:-2], length), patches.dtype)
    count = np.zeros(length, patches.dtype)
    for k in range(n):
        total[..., k * step : k * step + hop] += patches[..., k, :]
        count[k * step : k * step + hop] += 1
    return total / np.maximum(count, 1)


def make_patches(
    values: Floats,
    own: Fraction,
    sizes: Sizes,
    mean: Floats,
    level: Floats,
    skip: int = 0,
    length: int | None = None,
) -> tuple[Floats, Flags]:
    """Make levelled patches at the model's rate, and say which of them are there in full.

    Parameters
    ----------
    values : ndarray of shape (n_channels, n_times)
    own : Fraction
        Their rate, in Hz.
    sizes : Sizes
    mean, level : ndarray of shape (n_channels,)
    skip : int, default=0
        Samples at the model's rate before the first patch.
    length : int, optional
        Most patches. Default: all.

    Returns
    -------
    patches : ndarray of float32, shape (n_channels, n_frames, n_samples)
    present : ndarray of bool, shape (n_channels, n_frames)
    """
    gaps = ~np.isfinite(values)
    filled = bring_to_level(np.where(gaps, mean[:, None], values), mean, level)
    found = convert_rate(filled, own, sizes.rate)[..., skip:]
    patches = cut_patches(found, sizes)[..., :length, :]
    present: Flags = np.ones(patches.shape[:-1], bool)
    if gaps.any():
        at = np.arange(skip, skip + found.shape[-1]) * float(own / sizes.rate)
        lost = gaps[:, np.minimum(at.astype(int), gaps.shape[1] - 1)]
        present = np.logical_not(cut_patches(lost, sizes)[..., :length, :].any(-1))
    return np.ascontiguousarray(patches, np.float32), present


def make_trial_patches(
    values: Floats, own: Fraction, sizes: Sizes, mean: Floats, level: Floats
) -> tuple[Floats, Flags]:
    """Make patches of trials that have common levels, all at once; see `make_patches`.

    Parameters
    ----------
    values : ndarray of shape (n_trials, n_channels, n_times)
    own, sizes, mean, level : as in `make_patches`

    Returns
    -------
    patches : ndarray of float32, shape (n_trials, n_channels, n_frames, n_samples)
    present : ndarray of bool, shape (n_trials, n_channels, n_frames)
    """
    n = len(values)
    rows = values.reshape(-1, values.shape[-1])
    patches, present = make_patches(rows, own, sizes, np.tile(mean, n), np.tile(level, n))
    shape = values.shape[:2]
    return patches.reshape(*shape, *patches.shape[1:]), present.reshape(*shape, -1)
