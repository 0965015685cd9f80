"""Entropy coding of token blocks by mixing what several contexts expect.

A token is a path of yes-or-no choices, high bit first. For each choice eight contexts (the level;
the token before; the level above; the channel beside; the run of equal tokens; and three of a
linear prediction, learnt on the way, from the channels before and the channel's own past: with
weights of the channel, with weights of the channel and level, and the mean of both beside their
usual error) hold an adaptive probability. Two small logistic mixers weigh them, one for each level
and one for each channel, and rANS codes the bit by the mean of both. Integer arithmetic only: the
same bytes, and the same tokens from them, on every machine.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from neurokit.io.packed.entropy import rans_encode
from neurokit.io.packed.mixing import CONTEXTS, teach, weigh

_RUN = 4  # this context asks whether a token repeats the one before
_WEIGHT = 11500  # of each context at first, in 2**-16
MAX_WIDTH = 16  # bits of a token that is still worth modelling
_MOST_BITS = 31  # of a packed token
_MIX = np.uint64(0x9E3779B97F4A7C15)

# Log odds in 1/256 and probabilities in 2**-15; no entry lies near a half, so rounding is safe.
_SQUASH = np.round(32768 / (1 + np.exp(-np.arange(-2047, 2048) / 256))).astype(np.int64)
_SQUASH = np.clip(_SQUASH, 8, 32760)
# Its inverse, for probabilities in 2**-12.
_STRETCH = np.searchsorted(_SQUASH, np.arange(4096) * 8 + 4).clip(0, 4094).astype(np.int64) - 2047

# Predictions are in 1/16 of a token, from the mean token, cut at 512; their weights, in 2**-16,
# learn by normalised least mean squares in steps of 1/16 (of a channel) and 1/8 (of a level).
_CUT = np.int64(512 * 16)
_STEP, _STEP_OF_LEVEL = 12, 13
_LEAST_POWER = 64
_MEMORY = 64  # tokens that the mean looks back, about


@njit(inline="always")
def _cut(x):  # type: ignore[no-untyped-def]
    return min(max(x, -_CUT), _CUT)


@njit(inline="always")
def _chance(odds):  # type: ignore[no-untyped-def]
    return _SQUASH[max(min(odds + 2047, np.int64(4094)), np.int64(0))]


@njit(cache=True)
def _gather(tokens, means, i, c, k, seen):  # type: ignore[no-untyped-def]
    """Fill ``seen`` with channels before a token and its own past; give their power."""
    for j in range(c):
        seen[j] = _cut(((np.int64(tokens[i, j, k]) << 8) - means[j, k]) >> 4)
    for lag in (1, 2):
        past = np.int64(0)
        if i >= lag:
            past = _cut(((np.int64(tokens[i - lag, c, k]) << 8) - means[c, k]) >> 4)
        seen[c + lag - 1] = past
    power = np.int64(_LEAST_POWER)
    for j in range(c + 2):
        power += seen[j] * seen[j]
    return power


@njit(cache=True)
def _dot(weights, seen, n):  # type: ignore[no-untyped-def]
    total = np.int64(0)
    for j in range(n):
        total += weights[j] * seen[j]
    return _cut(total >> 16)


@njit(cache=True)
def _adapt(weights, seen, n, miss, step, power):  # type: ignore[no-untyped-def]
    for j in range(n):
        weights[j] += ((miss * seen[j]) << step) // power


@njit(cache=True)
def _blur(error):  # type: ignore[no-untyped-def]
    """Class of a usual error, in steps of a third."""
    n = np.int64(0)
    while error > 8 and n < 15:
        error = error * 3 // 4
        n += 1
    return n


@njit(cache=True)
def _run(tokens, widths, words, decoding, starts, freqs):  # type: ignore[no-untyped-def]
    """Walk over `tokens` (n_frames, n_channels, n_levels) and code or decode every bit."""
    n_frames, n_channels, n_levels = tokens.shape
    bits = 16
    while bits < 22 and (1 << bits) < 4 * tokens.size:
        bits += 1
    down = np.uint64(68 - bits)
    # Cells of 22 bits of probability and 10 of use count. The 15 nodes of four choices in a row
    # share 64 bytes: memory is fetched once for them.
    cells = np.full(CONTEXTS << bits, 1 << 31, np.uint32)
    # a level's weights for its bits, then a channel's; a level's row is read once a token, so that
    # in the largest block no weight leaves 31 bits
    weights = np.full((n_levels * 32 + n_channels * 16) * CONTEXTS, _WEIGHT, np.int32)
    of_channels = n_levels * 32 * CONTEXTS
    runs = np.zeros((n_channels, n_levels), np.int64)
    keys = np.empty(CONTEXTS, np.uint64)
    places = np.empty(CONTEXTS + 1, np.int64)
    held, odds = np.empty(CONTEXTS, np.uint32), np.empty(CONTEXTS, np.int64)
    means = np.zeros((n_channels, n_levels), np.int64)  # in 1/256
    errors = np.full((n_channels, n_levels), 64, np.int64)  # of the better prediction, in 1/256
    shared = np.zeros((n_channels, n_channels + 1), np.int64)
    own = np.zeros((n_channels, n_levels, n_channels + 1), np.int64)
    seen = np.zeros(n_channels + 1, np.int64)
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
                last = np.int64(tokens[i - 1, c, k]) if i > 0 else np.int64(0)
                above = tokens[i, c, k - 1] if k > 0 else 0
                beside = tokens[i, c - 1, k] if c > 0 else 0
                run = min(runs[c, k], 15)
                power = _gather(tokens, means, i, c, k, seen)
                one, two = _dot(shared[c], seen, c + 2), _dot(own[c, k], seen, c + 2)
                most = ((np.int64(1) << width) - 1) << 4
                like_channel = min(max((means[c, k] >> 4) + one, np.int64(0)), most)
                like_level = min(max((means[c, k] >> 4) + two, np.int64(0)), most)
                like_both = (like_channel + like_level) >> 1
                keys[0] = 0
                keys[1] = last + 1
                keys[2] = above + 1
                keys[3] = beside + 1
                keys[_RUN] = 0
                keys[5] = ((like_channel + 8) >> 4) + 1
                keys[6] = ((like_level + 8) >> 4) + 1
                keys[7] = ((like_both + 4) >> 3) * 16 + _blur(errors[c, k]) + 1
                for j in range(CONTEXTS):
                    keys[j] = (keys[j] * np.uint64(64) + np.uint64(k)) * _MIX
                value = np.int64(tokens[i, c, k])
                node = np.int64(1)
                follows = True
                leaf = np.int64(0)  # node among the four choices at hand
                of_level = (k * 32 + (16 if run > 0 else 0)) * CONTEXTS
                for b in range(width - 1, -1, -1):
                    hint = (last >> b) & 1
                    if leaf == 0 or leaf >= 8:
                        for j in range(CONTEXTS):
                            key = (keys[j] ^ np.uint64(node)) * _MIX
                            places[j] = (np.int64(key >> down) << 4) + (j << bits)
                        leaf = np.int64(1)
                    else:
                        leaf = 2 * leaf + (node & 1)
                    place = ((k * 32 + b) * 64 + run * 4) & ((1 << bits) - 1)
                    places[_RUN] = place + (_RUN << bits)
                    hinted = 2 + hint if follows else 0
                    row = (of_level if follows else k * 32 * CONTEXTS) + b * CONTEXTS
                    other = of_channels + (c * 16 + b) * CONTEXTS
                    total, further = weigh(
                        cells, places, leaf, hinted, _STRETCH, held, odds, weights, row, other
                    )
                    total, further = total >> 16, further >> 16
                    p = _chance((total + further) >> 1)
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
                    misses = (bit << 15) - _chance(total), (bit << 15) - _chance(further)
                    teach(
                        cells, places, leaf, hinted, held, odds, weights, row, other, misses, bit
                    )
                    node = 2 * node + bit
                    follows = follows and bit == hint
                value = node - (1 << width)
                tokens[i, c, k] = value
                runs[c, k] = runs[c, k] + 1 if i > 0 and value == last else 0
                off = _cut(((value << 8) - means[c, k]) >> 4)
                _adapt(shared[c], seen, c + 2, off - one, _STEP, power)
                _adapt(own[c, k], seen, c + 2, off - two, _STEP_OF_LEVEL, power)
                wrong = 16 * min(abs(off - one), abs(off - two))
                errors[c, k] += (wrong - errors[c, k]) >> 4
                means[c, k] += ((value << 8) - means[c, k]) // min(i + 1, _MEMORY)
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
    n = _run(tokens.copy(), widths, np.empty(0, np.uint32), False, starts, freqs)
    words = rans_encode(starts, freqs, n)
    if words.nbytes < packed.nbytes:
        return b"M" + words.astype("<u4").tobytes()
    return b"P" + packed.tobytes()


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
    if data[:1] != b"M" or widths.max(initial=0) > MAX_WIDTH or len(data) % 4 != 1:
        raise ValueError("a block of tokens is of no known kind")
    words = np.frombuffer(data, "<u4", offset=1).astype(np.uint32)
    none = np.empty(0, np.uint16)
    if words.size < 2 or _run(tokens, widths, words, True, none, none) < 0:
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
