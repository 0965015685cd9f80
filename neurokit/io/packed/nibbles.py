# mypy: disable-error-code="arg-type, operator, assignment"
"""Levels of tokens that nothing tells of: four bits at a time, from what they were so far.

Later stages of a residual quantiser are as good as random beside all that the mixer looks at; what
is left to gain is that some codes come more often than others. A token is a walk down a tree of
rows of sixteen shares, high bits first. Two coders take turns, so that one divides while the
other looks up.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from neurokit.io.packed.entropy import PROB_BITS, rans_encode
from neurokit.io.packed.lanes import ROW, count_up_to, move_row

MOST_BITS = 12  # of a token that is worth the rows: 273 of them
_PROB = 1 << PROB_BITS
_CDF_BITS = 24
_FLOOR = 1 << 11  # least share of four bits, in 2**-24
_LOW = np.uint64(1 << 31)
# How far a row moves after n uses, as a shift: near 1 / n until it settles.
_RATE = np.clip(np.floor(np.log2(np.arange(4096) + 20.0)).astype(np.int64), 4, 11)


def _grow(
    widths: NDArray[np.int64],
) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.int64]]:
    """Make the rows of all levels: first of each, shares added up, and uses."""
    n_rows = np.select([widths <= 4, widths <= 8], [1, 17], 273)
    cdf = np.empty((int(n_rows.sum()), ROW), np.int32)
    # what lies beyond the sixteenth is never reached
    cdf[:] = np.minimum(np.arange(ROW) << (_CDF_BITS - 4), 1 << _CDF_BITS)
    return np.cumsum(n_rows) - n_rows, cdf, np.zeros(len(cdf), np.int64)


@njit(cache=True, error_model="numpy")
def _walk(tokens, levels, widths, words, second, decoding, starts, freqs, tree):  # type: ignore[no-untyped-def]
    """Walk over some levels of `tokens` and code or decode them; -1 where words run out.

    Coding records the intervals of either coder in a row of `starts` and `freqs`; decoding reads
    `words`, one longer than its two streams, of which the second begins at `second`.
    """
    floor, top = np.int32(_FLOOR), np.int32((1 << _CDF_BITS) - 16 * _FLOOR)
    first, cdf, uses = tree
    shift = _CDF_BITS - PROB_BITS
    x = y = np.uint64(0)
    at, beyond = np.int64(0), np.int64(second)
    if decoding:
        x = (np.uint64(words[0]) << np.uint64(32)) | np.uint64(words[1])
        y = (np.uint64(words[second]) << np.uint64(32)) | np.uint64(words[second + 1])
        at, beyond = np.int64(2), np.int64(second + 2)
    n = 0
    for i in range(tokens.shape[0]):
        for c in range(tokens.shape[1]):
            for j in range(levels.size):
                k = levels[j]
                left = (widths[k] + 3) // 4 * 4
                value = np.int64(tokens[i, c, k])
                row, base, node = first[j], np.int64(1), np.int64(0)
                token = np.int64(0)
                while left > 0:
                    left -= 4
                    m = np.uint64(row + node)
                    slot = np.int64(x & np.uint64(_PROB - 1))
                    if decoding:
                        most = np.int32((slot << shift) | ((1 << shift) - 1))
                        token = count_up_to(cdf, np.int64(m), most) - 1
                    else:
                        token = (value >> left) & 15
                    start = np.int64(cdf[m, np.uint64(token)]) >> shift
                    f = (np.int64(cdf[m, np.uint64(token + 1)]) >> shift) - start
                    rate = np.int32(_RATE[np.uint64(min(uses[m], 4095))])
                    uses[m] += 1
                    move_row(cdf, np.int64(m), np.int32(token), rate, floor, top)
                    if decoding:
                        x = np.uint64(f) * (x >> np.uint64(PROB_BITS)) + np.uint64(slot - start)
                        empty = np.uint64(x < _LOW)
                        x = (x << (empty << np.uint64(5))) | (np.uint64(words[at]) * empty)
                        at += np.int64(empty)
                        if at >= words.size:
                            return -1
                    else:
                        starts[n & 1, n >> 1] = start
                        freqs[n & 1, n >> 1] = f
                    n += 1
                    x, y, at, beyond = y, x, beyond, at
                    row += base
                    node = node * 16 + token
                    base *= 16
                if decoding:
                    if node >> widths[k]:
                        return -1
                    tokens[i, c, k] = node
    return n


def encode_nibbles(
    tokens: NDArray[np.int32], levels: NDArray[np.int64], widths: NDArray[np.int64]
) -> tuple[NDArray[np.uint32], NDArray[np.uint32]]:
    """Code some levels of tokens (n_frames, n_channels, n_levels); give the words of two coders.

    Parameters
    ----------
    tokens : ndarray of shape (n_frames, n_channels, n_levels)
    levels : ndarray of int
        Those to code.
    widths : ndarray of shape (n_levels,)
        Bits of each level, at most `MOST_BITS` of those to code.
    """
    if not levels.size:
        return np.empty(0, np.uint32), np.empty(0, np.uint32)
    starts, freqs = record_nibbles(tokens, levels, widths)
    n = int(((widths[levels] + 3) // 4).sum()) * tokens.shape[0] * tokens.shape[1]
    return (
        rans_encode(starts[0], freqs[0], n - n // 2),
        rans_encode(starts[1], freqs[1], n // 2),
    )


def record_nibbles(
    tokens: NDArray[np.int32], levels: NDArray[np.int64], widths: NDArray[np.int64]
) -> tuple[NDArray[np.uint16], NDArray[np.uint16]]:
    """Give start and length of each interval, in 2**-15; a row for each of the two coders."""
    n = int(((widths[levels] + 3) // 4).sum()) * tokens.shape[0] * tokens.shape[1]
    starts, freqs = (np.ones((2, (n + 1) // 2), np.uint16) for _ in range(2))
    none = np.empty(0, np.uint32)
    _walk(tokens, levels, widths, none, 0, False, starts, freqs, _grow(widths[levels]))
    return starts, freqs


def decode_nibbles(
    tokens: NDArray[np.int32],
    levels: NDArray[np.int64],
    widths: NDArray[np.int64],
    words: NDArray[np.uint32],
    second: int,
) -> bool:
    """Fill some levels of `tokens` from the words of two coders; False where they are nonsense."""
    if second < 2 or words.size < second + 2:
        return False
    more = np.append(words, np.zeros(1, np.uint32))
    none = np.empty((0, 0), np.uint16)
    tree = _grow(widths[levels])
    return bool(_walk(tokens, levels, widths, more, second, True, none, none, tree) >= 0)
