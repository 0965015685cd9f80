# mypy: disable-error-code="arg-type, operator, assignment"
"""Levels of tokens that nothing tells of: how often each value comes, told once a block.

Later stages of a residual quantiser are as good as random beside all that the mixer looks at; what
is left to gain is that some codes come more often than others. The block says so by the square
root of each count, on a grid as coarse as the counts of so few tokens are unsure. Values are then
looked up, not learnt, and four coders take turns, so that none waits for another's product.
"""

import zlib

import numpy as np
from numba import njit
from numpy.typing import NDArray

from neurokit.io.packed.entropy import PROB_BITS, rans_encode

MOST_BITS = 8  # of a token: 256 values to tell of
_CODERS = 4
_VALUES = 1 << MOST_BITS
_GRID = 0.7  # steps of the square root of a count
_SHARE_BITS = 12
_LOW = np.uint64(1 << 31)


def encode_shares(
    tokens: NDArray[np.int32], levels: NDArray[np.int64], widths: NDArray[np.int64]
) -> tuple[bytes, NDArray[np.uint32]]:
    """Code some levels of tokens (n_frames, n_channels, n_levels).

    Parameters
    ----------
    tokens : ndarray of shape (n_frames, n_channels, n_levels)
    levels : ndarray of int
        Those to code.
    widths : ndarray of shape (n_levels,)
        Bits of each level, at most `MOST_BITS` of those to code.

    Returns
    -------
    side : bytes
        How often each value comes.
    words : ndarray of uint32
        The values.
    """
    cells = (tokens[..., levels] + np.arange(levels.size) * _VALUES).ravel()
    counts = np.bincount(cells, minlength=levels.size * _VALUES)
    grades = np.minimum(np.maximum(np.rint(_GRID * np.sqrt(counts)), counts > 0), 255)
    grades = grades.astype(np.uint8)
    starts, freqs = (v.astype(np.uint16) for v in _intervals(grades.reshape(-1, _VALUES)))
    told = np.arange(_VALUES) < 1 << widths[levels, None]
    deflate = zlib.compressobj(9, zlib.DEFLATED, -15, 9, zlib.Z_HUFFMAN_ONLY)
    side = deflate.compress(grades[told.ravel()].tobytes()) + deflate.flush()
    words = rans_encode(starts.ravel()[cells], freqs.ravel()[cells], cells.size, _CODERS)
    return side, words


def decode_shares(
    tokens: NDArray[np.int32],
    levels: NDArray[np.int64],
    widths: NDArray[np.int64],
    side: bytes,
    words: NDArray[np.uint32],
) -> bool:
    """Fill some levels of `tokens`; False where the bytes are nonsense."""
    told = np.arange(_VALUES) < 1 << widths[levels, None]
    n_told = int(np.count_nonzero(told))
    try:
        plain = zlib.decompressobj(-15).decompress(side, n_told + 1)
    except zlib.error:
        return False
    if len(plain) != n_told or words.size < 2 * _CODERS:
        return False
    grades = np.zeros(told.shape, np.uint8)
    grades[told] = np.frombuffer(plain, np.uint8)
    if not grades.any(1).all():
        return False
    starts, freqs = _intervals(grades)
    shares = freqs >> (PROB_BITS - _SHARE_BITS)
    values = np.tile(np.arange(_VALUES, dtype=np.uint8), levels.size)
    found = np.repeat(values, shares.ravel()).reshape(levels.size, -1)
    both = (freqs << 16 | starts).astype(np.uint32)
    more = np.append(words, np.zeros(1, np.uint32))
    return bool(_decode(tokens, levels, more, found, both) >= 0)


def _intervals(grades: NDArray[np.uint8]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Give start and length of each value's interval, a row for each level, in 2**-15."""
    squares = grades.astype(np.int64) ** 2
    used = np.cumsum(squares > 0, 1)
    # each end is rounded down, so that none of what is left goes to one value
    ends = np.cumsum(squares, 1) * ((1 << _SHARE_BITS) - used[:, -1:])
    ends = (used + ends // squares.sum(1, keepdims=True)) << (PROB_BITS - _SHARE_BITS)
    starts = np.concatenate([np.zeros_like(ends[:, :1]), ends[:, :-1]], 1)
    return starts, ends - starts


@njit(cache=True, error_model="numpy")
def _decode(tokens, levels, words, found, both):  # type: ignore[no-untyped-def]
    """Fill the levels; -1 where `words`, one longer than the stream, run out."""
    shift, grain = np.uint64(PROB_BITS), np.uint64(PROB_BITS - _SHARE_BITS)
    slots, wide = np.uint64((1 << PROB_BITS) - 1), np.uint64(32)
    x, second, third, fourth = (
        (np.uint64(words[0]) << wide) | np.uint64(words[1]),
        (np.uint64(words[2]) << wide) | np.uint64(words[3]),
        (np.uint64(words[4]) << wide) | np.uint64(words[5]),
        (np.uint64(words[6]) << wide) | np.uint64(words[7]),
    )
    at = np.int64(8)
    for i in range(tokens.shape[0]):
        for c in range(tokens.shape[1]):
            if at >= words.size:
                return -1
            for j in range(levels.size):
                slot = x & slots
                token = found[np.uint64(j), slot >> grain]
                interval = np.uint64(both[np.uint64(j), np.uint64(token)])
                x = (
                    (interval >> np.uint64(16)) * (x >> shift)
                    + slot
                    - (interval & np.uint64(65535))
                )
                empty = np.uint64(x < _LOW)
                word = words[np.uint64(min(at, words.size - 1))]
                x = (x << (empty << np.uint64(5))) | (np.uint64(word) * empty)
                at += np.int64(empty)
                tokens[i, c, levels[j]] = token
                x, second, third, fourth = second, third, fourth, x
    return at if at < words.size else -1
