"""Noise with a given spectrum: rhythms and 1/f backgrounds."""

from collections.abc import Callable

import numpy as np
import scipy.fft
from numpy.typing import NDArray


def shaped_noise(
    rng: np.random.Generator,
    shape: tuple[int, ...],
    rate: float,
    amplitude: Callable[[NDArray[np.float64]], NDArray[np.float64]],
) -> NDArray[np.float32]:
    """Draw Gaussian noise of unit variance along the last axis, its amplitude spectrum as given.

    The spectrum is drawn and transformed back (Timmer and Koenig 1995), on a span longer than
    asked for, so that the end does not run into the beginning.
    """
    size = scipy.fft.next_fast_len(shape[-1] + int(rate), real=True)
    frequency = scipy.fft.rfftfreq(size, 1 / rate)
    gain = np.zeros_like(frequency)
    gain[1:] = amplitude(frequency[1:])
    bins = (*shape[:-1], len(frequency))
    spectrum = rng.standard_normal(bins, np.float32) + 1j * rng.standard_normal(bins, np.float32)
    spectrum *= gain
    spectrum *= size / np.sqrt(4 * np.sum(gain**2))
    return scipy.fft.irfft(spectrum, size)[..., : shape[-1]]


def rhythm(
    rng: np.random.Generator,
    shape: tuple[int, ...],
    rate: float,
    frequency: float,
    bandwidth: float = 1.0,
) -> NDArray[np.float32]:
    """Draw a rhythm that waxes and wanes: a Gaussian peak, its width a standard deviation."""
    return shaped_noise(
        rng, shape, rate, lambda f: np.exp(-0.25 * ((f - frequency) / bandwidth) ** 2)
    )


def background(
    rng: np.random.Generator, shape: tuple[int, ...], rate: float, exponent: float = 1.5
) -> NDArray[np.float32]:
    """Draw noise whose power falls as 1/f^exponent above 1 Hz."""
    return shaped_noise(rng, shape, rate, lambda f: (1 + f**2) ** (-exponent / 4))
