"""Entropy coding of blocks of tokens, each level in the way that its plan says.

What contexts tell of goes by mixed choices (`choices`), what they tell nothing of by the shares of
its values (`shares`) or, where those are too many, by nibbles.
"""

import struct

import numpy as np
from numba import njit
from numpy.typing import NDArray

from neurokit.io.packed.choices import MIX, PREDICT, decode_choices, record_choices
from neurokit.io.packed.entropy import rans_encode
from neurokit.io.packed.nibbles import MOST_BITS, decode_nibbles, encode_nibbles
from neurokit.io.packed.shares import MOST_BITS as MOST_SHARED
from neurokit.io.packed.shares import decode_shares, encode_shares

NIBBLES, SHARES = 8, 16  # levels that are not mixed
MOST_LEVELS = 1024  # of a block that is planned
MAX_WIDTH = 16  # bits of a token that is still worth modelling
_MOST_BITS = 31  # of a packed token


@njit(cache=True)
def _pack(tokens, widths, out):  # type: ignore[no-untyped-def]
    """Lay the bits of all tokens one after another, high bit first."""
    n = 0
    for i in range(tokens.shape[0]):
        for c in range(tokens.shape[1]):
            for k in range(tokens.shape[2]):
                for b in range(widths[k] - 1, -1, -1):
                    if (tokens[i, c, k] >> b) & 1:
                        out[n >> 3] |= np.uint8(128 >> (n & 7))
                    n += 1


@njit(cache=True)
def _unpack(data, widths, tokens):  # type: ignore[no-untyped-def]
    n = 0
    for i in range(tokens.shape[0]):
        for c in range(tokens.shape[1]):
            for k in range(tokens.shape[2]):
                value = 0
                for _ in range(widths[k]):
                    value = 2 * value + ((data[n >> 3] >> (7 - (n & 7))) & 1)
                    n += 1
                tokens[i, c, k] = value


def encode_tokens(
    tokens: NDArray[np.int32], widths: NDArray[np.int64], plan: NDArray[np.int64] | None = None
) -> bytes:
    """Code tokens (n_frames, n_channels, n_levels) of ``widths[level]`` bits each.

    One byte says how: ``P`` packed, ``M`` all levels mixed and predicted, ``T`` each as ``plan``
    says (`choose_plan`); packed where that came out smaller.
    """
    n_bits = int(widths.sum()) * tokens.shape[0] * tokens.shape[1]
    if widths.max(initial=0) <= MAX_WIDTH:
        if plan is None:
            modes, bits = np.where(widths > 0, MIX | PREDICT, 0), _bits_of_small(tokens.size)
            coded = b"M" + _mix(tokens, widths, modes, bits)
        else:
            coded = b"T" + _encode_planned(tokens, widths, plan)
        if len(coded) <= -(-n_bits // 8):
            return coded
    packed = np.zeros(-(-n_bits // 8), np.uint8)
    _pack(tokens, widths, packed)
    return b"P" + packed.tobytes()


def _bits_of_small(size: int) -> int:
    """Size of the tables of ``M``, as a power of two."""
    return min(max((4 * size - 1).bit_length(), 16), 22)


def _mix(
    tokens: NDArray[np.int32],
    widths: NDArray[np.int64],
    modes: NDArray[np.int64],
    bits: int,
) -> bytes:
    """Code the levels that are mixed."""
    starts, freqs = record_choices(tokens, widths, modes, bits)
    return rans_encode(starts, freqs, len(starts)).astype("<u4").tobytes()


def _encode_planned(
    tokens: NDArray[np.int32], widths: NDArray[np.int64], plan: NDArray[np.int64]
) -> bytes:
    """Size of the tables, mode of each level, then levels by shares, by nibbles, and mixed ones.

    The first two, where there are any, begin with their lengths.
    """
    by_shares = (plan == SHARES) & (widths > 0) & (widths <= MOST_SHARED)
    by_nibbles = (plan == NIBBLES) & (widths > 0) & (widths <= MOST_BITS)
    known = by_shares | by_nibbles | (plan % NIBBLES > 0)
    modes = np.where(known, plan, MIX)  # others are told from noise
    modes[widths == 0] = 0
    mixed = np.where(by_shares | by_nibbles, 0, modes)
    n_mixed = int(np.count_nonzero(mixed)) * tokens.shape[0] * tokens.shape[1]
    bits = min(max((4 * n_mixed).bit_length(), 14), 16)
    parts = [bytes([bits, *modes.tolist()])]
    if by_shares.any():
        side, words = encode_shares(tokens, np.flatnonzero(by_shares), widths)
        parts += [struct.pack("<II", len(side), words.size), side, words.astype("<u4").tobytes()]
    if by_nibbles.any():
        first, second = encode_nibbles(tokens, np.flatnonzero(by_nibbles), widths)
        parts.append(struct.pack("<II", first.size, second.size))
        parts.append(np.concatenate([first, second]).astype("<u4").tobytes())
    if n_mixed:
        parts.append(_mix(tokens, widths, mixed, bits))
    return b"".join(parts)


def decode_tokens(
    data: bytes, widths: NDArray[np.int64], shape: tuple[int, int, int]
) -> NDArray[np.int32]:
    """Undo `encode_tokens`.

    Raises
    ------
    ValueError
        If the bytes are not what it gave.
    """
    if widths.max(initial=0) > _MOST_BITS or widths.min(initial=0) < 0:
        raise ValueError("a block of tokens has levels of more than 31 bits")
    tokens = np.zeros(shape, np.int32)
    if data[:1] == b"P":
        packed = np.frombuffer(data, np.uint8, offset=1)
        if 8 * packed.size < int(widths.sum()) * shape[0] * shape[1]:
            raise ValueError("a block of tokens ends early")
        _unpack(packed, widths, tokens)
        return tokens
    if data[:1] not in (b"M", b"N", b"T") or widths.max(initial=0) > MAX_WIDTH:
        raise ValueError("a block of tokens is of no known kind")
    if data[:1] == b"M":
        modes, bits = np.where(widths > 0, MIX | PREDICT, 0), _bits_of_small(tokens.size)
        sound, rest = True, data[1:]
    else:
        bits, modes = _read_modes(data, widths)
        fill = _fill_first if data[:1] == b"T" else _fill_first_of_old
        sound, rest = fill(tokens, widths, modes, data[2 + widths.size :])
    mixed = np.where(modes < NIBBLES, modes, 0)
    if not sound or (
        mixed.any() and not decode_choices(tokens, widths, mixed, bits, _words(rest))
    ):
        raise ValueError("a block of tokens ends early")
    return tokens


def _words(data: bytes) -> NDArray[np.uint32]:
    if len(data) % 4:
        raise ValueError("a block of tokens is of no known kind")
    return np.frombuffer(data, "<u4").astype(np.uint32)


def _read_modes(data: bytes, widths: NDArray[np.int64]) -> tuple[int, NDArray[np.int64]]:
    """Give table size and modes, or refuse what no plan has."""
    if len(data) < 2 + widths.size:
        raise ValueError("a block of tokens ends early")
    bits, modes = data[1], np.frombuffer(data, np.uint8, widths.size, 2).astype(np.int64)
    known = (modes <= NIBBLES) | ((modes == SHARES) & (data[:1] == b"T"))
    known &= (modes == 0) == (widths == 0)
    known &= (modes != NIBBLES) | (widths <= MOST_BITS)
    known &= (modes != SHARES) | (widths <= MOST_SHARED)
    if not known.all() or widths.size > MOST_LEVELS or not 10 <= bits <= 22:
        raise ValueError("a block of tokens is of no known kind")
    return bits, modes


def _fill_first(
    tokens: NDArray[np.int32], widths: NDArray[np.int64], modes: NDArray[np.int64], data: bytes
) -> tuple[bool, bytes]:
    """Fill the levels that are not mixed; say whether that went well, and give what is left."""
    if (levels := np.flatnonzero(modes == SHARES)).size:
        n_side, n_words = struct.unpack_from("<II", data.ljust(8, b"\xff"))
        end = 8 + n_side + 4 * n_words
        if end > len(data):
            return False, b""
        side, words = data[8 : 8 + n_side], _words(data[8 + n_side : end])
        if not decode_shares(tokens, levels, widths, side, words):
            return False, b""
        data = data[end:]
    if (levels := np.flatnonzero(modes == NIBBLES)).size:
        n_first, n_second = struct.unpack_from("<II", data.ljust(8, b"\xff"))
        end = 8 + 4 * (n_first + n_second)
        if end > len(data) or not decode_nibbles(
            tokens, levels, widths, _words(data[8:end]), n_first
        ):
            return False, b""
        data = data[end:]
    return True, data


def _fill_first_of_old(
    tokens: NDArray[np.int32], widths: NDArray[np.int64], modes: NDArray[np.int64], data: bytes
) -> tuple[bool, bytes]:
    """Fill the levels by nibbles of ``N``, as version 4 has them: mixed words stand first."""
    if len(data) < 8:
        return False, b""
    n_mixed, n_first = struct.unpack_from("<II", data)
    words = _words(data[8:])
    levels = np.flatnonzero(modes == NIBBLES)
    if n_mixed + n_first > words.size or (
        levels.size and not decode_nibbles(tokens, levels, widths, words[n_mixed:], n_first)
    ):
        return False, b""
    return True, data[8 : 8 + 4 * n_mixed]
