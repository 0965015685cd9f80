"""Which way each level of tokens is coded: looked at once, in the first block of a file.

A level that stays for many frames, as the scale of a second does, is asked whether it stays. One
that follows the channel beside it or its own past as a number is predicted. Of the others, those
that the mixer hardly tells from noise go by nibbles, ten times as fast.
"""

import numpy as np
from numpy.typing import NDArray

from neurokit.io.packed.choices import MIX, PREDICT, STAYS, record_choices
from neurokit.io.packed.coder import MAX_WIDTH, MOST_LEVELS, NIBBLES, SHARES
from neurokit.io.packed.nibbles import MOST_BITS
from neurokit.io.packed.shares import MOST_BITS as MOST_SHARED

_FEW = 4096  # tokens that are not worth a plan
_STAYS = 0.9  # of the frames
_FOLLOWS = 0.4  # correlation
_LOOK = 256  # frames that are looked at for that
_WORTH = 0.965  # of the bits by shares: mixing has to stay below
_GLANCE = 6  # a part of the frames that tells noise from what is clearly none
_TELL = 3  # bits that tell how often a value comes


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
    unsure = np.flatnonzero((plan == MIX) & (widths > 4) & (widths <= MOST_BITS))
    for part_of in (_GLANCE, 2):
        if not unsure.size:
            break
        few = np.ascontiguousarray(tokens[: (n_frames + 1) // part_of, :, unsure])
        ratio = _cost_mixed(few, widths[unsure]) / _cost_by_shares(tokens[..., unsure])
        # what is clear at a glance stays so
        noise = ratio > (_WORTH if part_of == 2 else 1.01)
        by = np.where(widths[unsure] <= MOST_SHARED, SHARES, NIBBLES)
        plan[unsure[noise]] = by[noise]
        unsure = unsure[~noise & (ratio > 0.9 * _WORTH)]
    return plan


def _correlation(a: NDArray[np.int32], b: NDArray[np.int32]) -> NDArray[np.float64]:
    """Correlate each level of two arrays, without its sign; 0 where nothing varies."""
    n_levels = a.shape[-1]
    x, y = (v.reshape(-1, n_levels).astype(np.float64) for v in (a, b))
    if not len(x):
        return np.zeros(n_levels)
    x, y = x - x.mean(0), y - y.mean(0)
    return np.abs((x * y).sum(0)) / np.sqrt((x * x).sum(0) * (y * y).sum(0) + 1e-9)


def _cost_mixed(tokens: NDArray[np.int32], widths: NDArray[np.int64]) -> NDArray[np.float64]:
    """Bits a token of each level in the second half of the frames, when they are mixed."""
    _, freqs = record_choices(tokens, widths, np.full(widths.size, MIX), 16)
    rows = freqs.reshape(-1, int(widths.sum()))
    bits = (15 - np.log2(rows[len(rows) // 2 :])).mean(0)
    return np.add.reduceat(bits, np.cumsum(widths) - widths)


def _cost_by_shares(tokens: NDArray[np.int32]) -> NDArray[np.float64]:
    """Bits a token of each level by the shares of its values, and to tell of those."""
    cost = []
    for level in np.moveaxis(tokens, -1, 0):
        counts = np.bincount(level.ravel())
        counts = counts[counts > 0]
        told = np.log2(level.size) * level.size + _TELL * counts.size
        cost.append((told - (counts * np.log2(counts)).sum()) / level.size)
    return np.array(cost)
