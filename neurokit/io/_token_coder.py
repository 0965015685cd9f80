"""Entropy coding of token blocks by mixing what several contexts expect.

A token is a path of yes-or-no choices, high bit first. For each choice nine contexts (the level;
the token before; the level above; the channel beside; the channel; the run of equal tokens; the
high bits of the token before and of the channel beside, of the two tokens before, of the two
channels beside) hold an adaptive probability, a small logistic mixer weighs them, and rANS codes
the bit. Integer arithmetic only: the same bytes, and the same tokens from them, on every machine.
"""

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from neurokit.io._entropy import rans_encode

_RUN = 5  # this context asks whether a token repeats the one before


class Mixing(NamedTuple):
    """Contexts, their weight at first, and how slowly weights learn, for one kind of block."""

    n_contexts: int
    weight: int
    shift: int


_KINDS = {b"R": Mixing(6, 20000, 14), b"M": Mixing(9, 13500, 13)}  # only the last is written
MAX_WIDTH = 16  # bits of a token that is still worth modelling
_MIX = np.uint64(0x9E3779B97F4A7C15)

# Log odds in 1/256 and probabilities in 2**-15; no entry lies near a half, so rounding is safe.
_SQUASH = np.round(32768 / (1 + np.exp(-np.arange(-2047, 2048) / 256))).astype(np.int64)
_SQUASH = np.clip(_SQUASH, 8, 32760)
# Its inverse, for probabilities in 2**-12.
_STRETCH = np.searchsorted(_SQUASH, np.arange(4096) * 8 + 4).clip(0, 4094).astype(np.int64) - 2047
# Adaptation of a probability after n uses: 1 / (n + 1.5), and 1 / 250 at last.
_PACE = (65536 / (np.arange(256) + 1.5)).astype(np.int64)
_SETTLED = 250


@njit(cache=True)
def _run(tokens, widths, words, decoding, starts, freqs, mixing):  # type: ignore[no-untyped-def]
    """Walk over `tokens` (n_frames, n_channels, n_levels) and code or decode every bit."""
    n_frames, n_channels, n_levels = tokens.shape
    n_contexts, weight, shift = mixing
    bits = 16
    while bits < 22 and (1 << bits) < 4 * tokens.size:
        bits += 1
    down = np.uint64(68 - bits)
    # Cells of 22 bits of probability and 10 of use count. The 15 nodes of four choices in a row
    # share 64 bytes: memory is fetched once for them.
    cells = np.full((n_contexts, 1 << bits), 1 << 31, np.uint32)
    weights = np.full((n_levels * 32, n_contexts), weight, np.int64)
    runs = np.zeros((n_channels, n_levels), np.int64)
    keys = np.empty(n_contexts, np.uint64)
    base = np.empty(n_contexts, np.int64)
    at = np.empty(n_contexts, np.int64)
    odds = np.empty(n_contexts, np.int64)
    n = 0
    x = np.uint64(0)
    word = 2
    if decoding:
        x = (np.uint64(words[0]) << np.uint64(32)) | np.uint64(words[1])
    for i in range(n_frames):
        for c in range(n_channels):
            for k in range(n_levels):
                width = widths[k]
                if width == 0:
                    tokens[i, c, k] = 0
                    continue
                last = tokens[i - 1, c, k] if i > 0 else 0
                above = tokens[i, c, k - 1] if k > 0 else 0
                beside = tokens[i, c - 1, k] if c > 0 else 0
                run = min(runs[c, k], 15)
                keys[0] = 0
                keys[1] = last + 1
                keys[2] = above + 1
                keys[3] = beside + 1
                keys[4] = c + 1
                keys[_RUN] = 0
                if n_contexts > 6:
                    before = tokens[i - 2, c, k] if i > 1 else 0
                    further = tokens[i, c - 2, k] if c > 1 else beside
                    rest = max(width - 4, 0)
                    keys[6] = (last >> rest) * 64 + (beside >> rest) + 1
                    keys[7] = (last >> rest) * 64 + (before >> rest) + 1
                    keys[8] = ((beside + further) >> max(width - 5, 0)) + 1
                for j in range(n_contexts):
                    keys[j] = (keys[j] * np.uint64(64) + np.uint64(k)) * _MIX
                value = np.int64(tokens[i, c, k])
                node = np.int64(1)
                follows = True
                leaf = np.int64(0)  # node among the four choices at hand
                for b in range(width - 1, -1, -1):
                    hint = (last >> b) & 1
                    if leaf == 0 or leaf >= 8:
                        for j in range(n_contexts):
                            key = (keys[j] ^ np.uint64(node)) * _MIX
                            base[j] = np.int64(key >> down) << 4
                        leaf = np.int64(1)
                    else:
                        leaf = 2 * leaf + (node & 1)
                    base[_RUN] = ((k * 32 + b) * 64 + run * 4) & ((1 << bits) - 1)
                    total = np.int64(0)
                    row = weights[k * 32 + b + (16 if run > 0 and follows else 0)]
                    for j in range(n_contexts):
                        at[j] = base[j] + leaf
                    at[_RUN] = base[_RUN] + (2 + hint if follows else 0)
                    for j in range(n_contexts):
                        cell = np.int64(cells[j, at[j]])
                        odds[j] = _STRETCH[cell >> 20] if cell & 1023 else 0
                        total += row[j] * odds[j]
                    p = _SQUASH[max(min((total >> 16) + 2047, np.int64(4094)), np.int64(0))]
                    if decoding:
                        low = np.int64(x & np.uint64(32767))
                        bit = np.int64(low < p)
                        start = 0 if bit else p
                        f = p if bit else 32768 - p
                        x = np.uint64(f) * (x >> np.uint64(15)) + np.uint64(low - start)
                        if x < np.uint64(1 << 31):
                            if word >= words.size:
                                return -1
                            x = (x << np.uint64(32)) | np.uint64(words[word])
                            word += 1
                    else:
                        bit = (value >> b) & 1
                        starts[n] = 0 if bit else p
                        freqs[n] = p if bit else 32768 - p
                        n += 1
                    miss = (bit << 15) - p
                    target = (1 << 22) - 1 if bit else 0
                    for j in range(n_contexts):
                        row[j] += (odds[j] * miss) >> shift
                        cell = np.int64(cells[j, at[j]])
                        count = cell & 1023
                        old = cell >> 10
                        old += ((target - old) * _PACE[count]) >> 16
                        cells[j, at[j]] = (old << 10) | min(count + 1, _SETTLED)
                    node = 2 * node + bit
                    follows = follows and bit == hint
                value = node - (1 << width)
                runs[c, k] = runs[c, k] + 1 if i > 0 and value == last else 0
                tokens[i, c, k] = value
    return n


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


def encode_tokens(tokens: NDArray[np.int32], widths: NDArray[np.int64]) -> bytes:
    """Code tokens (n_frames, n_channels, n_levels) of ``widths[level]`` bits each.

    One byte says how: ``P`` packed, ``M`` range coded; whichever came out smaller.
    """
    n_bits = int(widths.sum()) * tokens.shape[0] * tokens.shape[1]
    packed = np.zeros(-(-n_bits // 8), np.uint8)
    _pack(tokens, widths, packed)
    starts, freqs = np.empty(n_bits, np.uint16), np.empty(n_bits, np.uint16)
    if widths.max(initial=0) > MAX_WIDTH:
        return b"P" + packed.tobytes()
    n = _run(tokens.copy(), widths, np.empty(0, np.uint32), False, starts, freqs, _KINDS[b"M"])
    words = rans_encode(starts, freqs, n)
    if words.nbytes < packed.nbytes:
        return b"M" + words.astype("<u4").tobytes()
    return b"P" + packed.tobytes()


def decode_tokens(
    data: bytes, widths: NDArray[np.int64], shape: tuple[int, int, int]
) -> NDArray[np.int32]:
    """Undo `encode_tokens`."""
    tokens = np.zeros(shape, np.int32)
    if data[:1] == b"P":
        packed = np.frombuffer(data, np.uint8, offset=1)
        if 8 * packed.size < int(widths.sum()) * shape[0] * shape[1]:
            raise ValueError("a block of tokens ends early")
        _unpack(packed, widths, tokens)
        return tokens
    mixing = _KINDS.get(data[:1])
    if mixing is None or widths.max(initial=0) > MAX_WIDTH or len(data) % 4 != 1:
        raise ValueError("a block of tokens is of no known kind")
    words = np.frombuffer(data, "<u4", offset=1).astype(np.uint32)
    none = np.empty(0, np.uint16)
    if words.size < 2 or _run(tokens, widths, words, True, none, none, mixing) < 0:
        raise ValueError("a block of tokens ends early")
    return tokens


def split_digits(tokens: NDArray[np.int64], digits: list[list[int]]) -> NDArray[np.int64]:
    """Put together the digits that tell of one entry of a vector, wherever their levels are.

    An `EmbeddedScalarQuantizer` packs digits of base three, of several entries, into each token.
    What is likely shows in the entries: in the frame before, in the channel beside.

    Parameters
    ----------
    tokens : ndarray of shape (n_frames, n_channels, n_levels)
    digits : list of list of int
        Entry that each digit of a level belongs to, the most significant first; none for levels
        that stay as they are.

    Returns
    -------
    ndarray of shape (n_frames, n_channels, n_columns)
        The levels without digits, then one column per entry.
    """
    plain = [tokens[..., k] for k, entries in enumerate(digits) if not entries]
    numbers = {i: np.zeros(tokens.shape[:2], np.int64) for i in _entries(digits)}
    for k, entries in enumerate(digits):
        for j, i in enumerate(entries):
            numbers[i] = 3 * numbers[i] + tokens[..., k] // 3 ** (len(entries) - 1 - j) % 3
    return np.stack([*plain, *numbers.values()], -1)


def join_digits(columns: NDArray[np.int64], digits: list[list[int]]) -> NDArray[np.int64]:
    """Undo `split_digits`."""
    flat = [i for entries in digits for i in entries]
    left = {i: flat.count(i) for i in _entries(digits)}
    n_plain = sum(not entries for entries in digits)
    number = {i: columns[..., n_plain + j] for j, i in enumerate(left)}
    plain = iter(range(n_plain))
    levels = []
    for entries in digits:
        if not entries:
            levels.append(columns[..., next(plain)])
            continue
        token = np.zeros(columns.shape[:2], np.int64)
        for i in entries:
            left[i] -= 1
            token = 3 * token + number[i] // 3 ** left[i] % 3
        levels.append(token)
    return np.stack(levels, -1)


def _entries(digits: list[list[int]]) -> list[int]:
    return sorted({i for entries in digits for i in entries})
