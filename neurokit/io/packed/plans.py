"""Which way each level of tokens is coded: looked at once, in the first block of a file.

A level that stays for many frames, as the scale of a second does, is asked whether it stays. One
that follows the channel beside it or its own past as a number is predicted. Of the others, those
that the mixer hardly tells from noise go by nibbles, ten times as fast.
"""

import numpy as np
from numpy.typing import NDArray

from neurokit.io.packed.coder import (
    MAX_WIDTH,
    MIX,
    MOST_LEVELS,
    NIBBLES,
    PREDICT,
    STAYS,
    record_choices,
)
from neurokit.io.packed.nibbles import MOST_BITS, record_nibbles

_FEW = 4096  # tokens that are not worth a plan
_STAYS = 0.9  # of the frames
_FOLLOWS = 0.4  # correlation
_LOOK = 256  # frames that are looked at for that
_WORTH = 0.965  # of the bits by nibbles: mixing has to stay below


def choose_plan(tokens: NDArray[np.int32], widths: NDArray[np.int64]) -> NDArray[np.int64] | None:
    """Choose a mode for each level of tokens (n_frames, n_channels, n_levels).

    Parameters
    ----------
    tokens : ndarray of shape (n_frames, n_channels, n_levels)
    widths : ndarray of shape (n_levels,)
        Bits of each level.

    Returns
    -------
    ndarray of shape (n_levels,), or None
        What `encode_tokens` takes as its plan.
    """
    n_frames, _, n_levels = tokens.shape
    if tokens.size < _FEW or n_levels > MOST_LEVELS or n_frames < 2:
        return None
    if widths.max(initial=0) > MAX_WIDTH:
        return None
    part = tokens[:_LOOK]
    stays = (part[1:] == part[:-1]).mean((0, 1)) > _STAYS
    follows = _correlation(part[1:], part[:-1]) > _FOLLOWS
    follows |= _correlation(part[:, 1:], part[:, :-1]) > _FOLLOWS
    plan = np.where(stays, MIX | STAYS, np.where(follows, MIX | PREDICT, MIX))
    open_ones = np.flatnonzero((plan == MIX) & (widths > 4) & (widths <= MOST_BITS))
    if open_ones.size:
        half = np.ascontiguousarray(tokens[: (n_frames + 1) // 2, :, open_ones])
        mixed, plain = _costs(half, widths[open_ones])
        plan[open_ones[mixed > _WORTH * plain]] = NIBBLES
    return plan


def _correlation(a: NDArray[np.int32], b: NDArray[np.int32]) -> NDArray[np.float64]:
    """Correlate each level of two arrays, without its sign; 0 where nothing varies."""
    n_levels = a.shape[-1]
    x, y = (v.reshape(-1, n_levels).astype(np.float64) for v in (a, b))
    if not len(x):
        return np.zeros(n_levels)
    x, y = x - x.mean(0), y - y.mean(0)
    return np.abs((x * y).sum(0)) / np.sqrt((x * x).sum(0) * (y * y).sum(0) + 1e-9)


def _costs(
    tokens: NDArray[np.int32], widths: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Count the bits of each level in the second half of the frames, mixed and by nibbles."""
    levels = np.arange(widths.size)
    _, freqs = record_choices(tokens, widths, np.full(widths.size, MIX), 14)
    _, pairs = record_nibbles(tokens, levels, widths)
    return _sum_late(freqs, widths), _sum_late(pairs.T.ravel(), (widths + 3) // 4)


def _sum_late(freqs: NDArray[np.uint16], steps: NDArray[np.int64]) -> NDArray[np.float64]:
    """Sum up by level what intervals of the second half cost; each token makes ``steps``."""
    rows = freqs[: len(freqs) // int(steps.sum()) * int(steps.sum())].reshape(-1, steps.sum())
    bits = (15 - np.log2(rows[len(rows) // 2 :])).sum(0)
    return np.add.reduceat(bits, np.cumsum(steps) - steps)
