"""The level of a channel, once a second: what is sent of its scale and offset, and applied."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

STEPS_PER_DECADE = 12  # a whole number, so that a factor of ten moves the code and nothing else
ZERO_CODE = 168  # code of scale 1
OFFSET_STEPS = 4  # per scale
OFFSET_ZERO = 32768
_FLATTEST = 7000.0  # scales: offsets further out raise the scale instead
SMOOTH = 10  # frames over which a new level is faded in

_KNEE = 3.0  # scales within which coding is linear; beyond, logarithmic
_LOUDEST = 24.0


class Level(NamedTuple):
    """Scale and offset of every frame."""

    log_scale: NDArray[Any]  # log10
    offset: NDArray[Any]


def code_levels(y: NDArray[Any], period: int) -> NDArray[Any]:
    """Code scale and offset of each period.

    Parameters
    ----------
    y : ndarray of shape (n_rows, n_times)
        The last period may be shorter.
    period : int
        In samples.

    Returns
    -------
    ndarray of int64, shape (n_rows, n_periods, 2)
        Scale (0 to 255, 12 steps a decade around 168) and offset (0 to 65535, a quarter scale a
        step around 32768).
    """
    starts = range(0, y.shape[1], period)
    mean = np.stack([y[:, s : s + period].mean(1) for s in starts], 1)
    rest = [(y[:, s : s + period] - mean[:, i, None]) ** 2 for i, s in enumerate(starts)]
    power = np.stack([part.mean(1) for part in rest], 1)
    size = np.sqrt(power + (mean / _FLATTEST) ** 2)
    with np.errstate(divide="ignore"):
        steps = np.round(STEPS_PER_DECADE * np.log10(size)) + ZERO_CODE
    scale = np.clip(steps, 0, 255)
    unit = 10.0 ** ((scale - ZERO_CODE) / STEPS_PER_DECADE)
    offset = np.clip(np.round(OFFSET_STEPS * mean / unit) + OFFSET_ZERO, 0, 2 * OFFSET_ZERO - 1)
    return np.stack([scale, offset], -1).astype(np.int64)


def decode_levels(codes: NDArray[Any]) -> Level:
    """Invert `code_levels` for codes of shape (..., 2)."""
    log_scale = (codes[..., 0] - float(ZERO_CODE)) / STEPS_PER_DECADE
    offset = (codes[..., 1] - float(OFFSET_ZERO)) / OFFSET_STEPS * 10.0**log_scale
    return Level(log_scale, offset)


def trace(codes: NDArray[Any], before: NDArray[Any], hop: int) -> tuple[NDArray[Any], ...]:
    """Scale and offset at every sample: each frame's level, faded in over half a second.

    Parameters
    ----------
    codes : ndarray of shape (n_rows, n_frames, 2)
        The level codes that hold in each frame.
    before : ndarray of shape (n_rows, SMOOTH, 2)
        Those of the frames before.
    hop : int
        Samples per frame.

    Returns
    -------
    scale, offset : ndarray of shape (n_rows, n_frames * hop)
    """
    level = decode_levels(np.concatenate([before, codes], 1))
    ramp = np.arange(1, hop + 1) / hop
    traces = []
    for value in level:
        smooth = np.lib.stride_tricks.sliding_window_view(value, SMOOTH, axis=1).mean(-1)
        line = smooth[:, :-1, None] + np.diff(smooth, axis=1)[..., None] * ramp
        traces.append(line.reshape(len(value), -1))
    return 10.0 ** traces[0], traces[1]


def compress(z: NDArray[Any]) -> NDArray[Any]:
    """Leave a scale or two alone and draw in what goes far beyond, such as artefacts."""
    return np.clip(_KNEE * np.arcsinh(z / _KNEE), -_LOUDEST, _LOUDEST)


def expand(c: NDArray[Any]) -> NDArray[Any]:
    """Invert `compress`."""
    return _KNEE * np.sinh(np.clip(c, -_LOUDEST, _LOUDEST) / _KNEE)
