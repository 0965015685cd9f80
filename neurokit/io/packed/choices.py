# mypy: disable-error-code="assignment"
"""Tokens as yes-or-no choices, each told by a mixture of what several contexts expect.

A token is a path of choices, high bit first. For each choice eight contexts (the level;
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

from neurokit.io.packed.mixing import CONTEXTS, SETTLED, teach, weigh

_LOW, _WORD, _PROB, _SLOT = np.uint64(1 << 31), np.uint64(32), np.uint64(15), np.uint64(32767)
_RUN = 4  # this context asks whether a token repeats the one before
_WEIGHT = 11500  # of each context at first, in 2**-16
# How a level is coded: choice by choice, after one whether the token stays, with predictions.
MIX, STAYS, PREDICT = 1, 2, 4
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
# Usual errors, in 1/256, from which they count as one class more: thirds of an octave, about.
_BLURS = np.array([9, 12, 16, 22, 30, 40, 54, 72, 96, 128, 171, 228, 304, 406, 542])


@njit(inline="always")
def _cut(x):  # type: ignore[no-untyped-def]
    return min(max(x, -_CUT), _CUT)


@njit(inline="always")
def _chance(odds):  # type: ignore[no-untyped-def]
    return _SQUASH[max(min(odds + 2047, np.int64(4094)), np.int64(0))]


@njit(inline="always")
def _settle(cell, bit):  # type: ignore[no-untyped-def]
    """Move a cell towards a bit, as `teach` does."""
    count = cell & 1023
    old = cell >> 10
    old += ((((1 << 22) - 1) * bit - old) * (131072 // (2 * count + 3))) >> 16
    return (old << 10) | min(count + 1, np.int64(SETTLED))


def _begin(shape: tuple[int, ...], bits: int) -> tuple[NDArray[np.generic], ...]:
    """Make what a walk remembers: here, as compiling that takes longer than the walk."""
    _, n_channels, n_levels = shape
    each = n_channels, n_levels
    # channels before, then two frames of a channel's own past; as many as fill registers
    n_seen = -(-(n_channels + 1) // 8) * 8
    return (
        # Cells of 22 bits of probability and 10 of use count. The 15 nodes of four choices in a
        # row share 64 bytes: memory is fetched once for them.
        np.full(CONTEXTS << bits, 1 << 31, np.uint32),
        np.full(n_levels * 1024, 1 << 31, np.int64),  # whether a token stays
        # A level's weights for its bits, then a channel's; a level's row is read once a token, so
        # that in the largest block no weight leaves 31 bits.
        np.full((n_levels * 32 + n_channels * 16) * CONTEXTS, _WEIGHT, np.int32),
        np.zeros(CONTEXTS, np.uint64),  # contexts
        np.zeros(CONTEXTS + 1, np.int64),  # and where their cells are
        np.zeros(CONTEXTS, np.uint32),
        np.zeros(CONTEXTS, np.int64),
        np.zeros(each, np.int64),  # runs
        np.zeros(each, np.int64),  # means, in 1/256
        np.full(each, 64, np.int64),  # errors of the better prediction, in 1/256
        np.zeros((n_channels, n_seen), np.int64),  # weights of a channel
        np.zeros((*each, n_seen), np.int64),  # and of a channel's level
        np.zeros(each[::-1], np.int64),  # the latest of each channel, from its mean
        np.zeros(n_seen, np.int64),
    )


@njit(inline="always")
def _decode(p, x, words, word):  # type: ignore[no-untyped-def]
    """Decode a choice; give it, the coder's state and the next word's place."""
    low = np.int64(x & _SLOT)
    bit = np.int64(low < p)
    start = 0 if bit else p
    f = p if bit else 32768 - p
    x = np.uint64(f) * (x >> _PROB) + np.uint64(low - start)
    if x < _LOW:
        x = (x << _WORD) | np.uint64(words[min(word, words.size - 1)])
        word += 1
    return bit, x, word


@njit(cache=True, error_model="numpy")
def _walk(tokens, widths, modes, bits, words, decoding, starts, freqs, memory):  # type: ignore[no-untyped-def]
    """Walk over `tokens` (n_frames, n_channels, n_levels) and code or decode choice by choice.

    Tables have ``2**bits`` cells for each context. Levels of mode 0 are known and stay. Give the
    number of choices, or -1 where `words`, one longer than the stream, run out.
    """
    n_frames, n_channels, n_levels = tokens.shape
    down = np.uint64(68 - bits)
    (
        cells,
        same,
        weights,
        keys,
        places,
        held,
        odds,
        runs,
        means,
        errors,
        shared,
        own,
        near,
        seen,
    ) = memory
    of_channels = n_levels * 32 * CONTEXTS
    n_seen = seen.size
    n = 0
    x = _LOW
    word = 2
    if decoding:
        x = (np.uint64(words[0]) << _WORD) | np.uint64(words[1])
    for i in range(n_frames):
        for c in range(n_channels):
            for k in range(n_levels):
                mode, width = modes[k], widths[k]
                if mode == 0:
                    continue
                last = tokens[i - 1, c, k] if i > 0 else 0
                value = tokens[i, c, k]
                run = min(runs[c, k], 15)
                # one choice in front of the others: does the token stay?
                if mode & STAYS and i > 0:
                    at = (k * 256 + min(runs[c, k], 255)) * 4
                    if c > 0 and runs[c - 1, k] > 0:
                        at += 1
                    if k > 0 and runs[c, k - 1] > 0:
                        at += 2
                    p = min(max(same[at] >> 17, 8), 32760)
                    if decoding:
                        keeps, x, word = _decode(p, x, words, word)
                    else:
                        keeps = np.int64(value == last)
                        starts[n] = 0 if keeps else p
                        freqs[n] = p if keeps else 32768 - p
                        n += 1
                    same[at] = _settle(same[at], keeps)
                    if keeps:
                        tokens[i, c, k] = last
                        runs[c, k] += 1
                        continue
                above = tokens[i, c, k - 1] if k > 0 else 0
                beside = tokens[i, c - 1, k] if c > 0 else 0
                one = two = 0
                power = _LEAST_POWER
                keys[0] = 0
                keys[1] = last + 1
                keys[2] = above + 1
                keys[3] = beside + 1
                keys[_RUN] = 0
                if mode & PREDICT:
                    for j in range(n_seen):
                        seen[j] = near[k, j] if j < c else 0
                    if i > 0:
                        seen[c] = near[k, c]
                    if i > 1:
                        seen[c + 1] = _cut(((tokens[i - 2, c, k] << 8) - means[c, k]) >> 4)
                    for j in range(n_seen):
                        power += seen[j] * seen[j]
                        one += shared[c, j] * seen[j]
                        two += own[c, k, j] * seen[j]
                    one, two = _cut(one >> 16), _cut(two >> 16)
                    most = ((1 << width) - 1) << 4
                    mean = means[c, k] >> 4
                    like_channel = min(max(mean + one, 0), most)
                    like_level = min(max(mean + two, 0), most)
                    like_both = (like_channel + like_level) >> 1
                    blur = 0
                    for j in range(_BLURS.size):
                        blur += np.int64(errors[c, k] >= _BLURS[j])
                    keys[5] = ((like_channel + 8) >> 4) + 1
                    keys[6] = ((like_level + 8) >> 4) + 1
                    keys[7] = ((like_both + 4) >> 3) * 16 + blur + 1
                else:
                    keys[5] = (tokens[i, c - 2, k] if c > 1 else 0) + 1
                    keys[6] = (tokens[i, c, k - 2] if k > 1 else 0) + 1
                    keys[7] = (beside << 16) + above + 1
                for j in range(CONTEXTS):
                    keys[j] = (keys[j] * np.uint64(64) + np.uint64(k)) * _MIX
                node = 1
                follows = True
                leaf = 0  # node among the four choices at hand
                of_level = (k * 32 + (16 if run > 0 else 0)) * CONTEXTS
                for b in range(width - 1, -1, -1):
                    hint = (last >> b) & 1
                    if leaf == 0 or leaf >= 8:
                        for j in range(CONTEXTS):
                            key = (keys[j] ^ np.uint64(node)) * _MIX
                            places[j] = (np.int64(key >> down) << 4) + (j << bits)
                        leaf = 1
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
                        # as `_decode`, which inlined here too costs 3 to 6 % of the walk
                        low = np.int64(x & _SLOT)
                        bit = np.int64(low < p)
                        start = 0 if bit else p
                        f = p if bit else 32768 - p
                        x = np.uint64(f) * (x >> _PROB) + np.uint64(low - start)
                        if x < _LOW:
                            if word >= words.size:
                                return -1
                            x = (x << _WORD) | np.uint64(words[word])
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
                if mode & PREDICT:
                    off = _cut(((value << 8) - means[c, k]) >> 4)
                    # quotients below 2**40, which float64 rounds down exactly
                    for j in range(n_seen):
                        change = np.float64(((off - one) * seen[j]) << _STEP) / power
                        shared[c, j] += np.int64(np.floor(change))
                        change = np.float64(((off - two) * seen[j]) << _STEP_OF_LEVEL) / power
                        own[c, k, j] += np.int64(np.floor(change))
                    wrong = 16 * min(abs(off - one), abs(off - two))
                    errors[c, k] += (wrong - errors[c, k]) >> 4
                    change = (value << 8) - means[c, k]
                    means[c, k] += change >> 6 if i >= 63 else change // (i + 1)
                    near[k, c] = _cut(((value << 8) - means[c, k]) >> 4)
    return -1 if decoding and word >= words.size else n


def record_choices(
    tokens: NDArray[np.int32], widths: NDArray[np.int64], modes: NDArray[np.int64], bits: int
) -> tuple[NDArray[np.uint16], NDArray[np.uint16]]:
    """Give start and length of each choice's interval, in 2**-15; tokens stay as they are."""
    most = int((widths + 1)[modes > 0].sum()) * tokens.shape[0] * tokens.shape[1]
    starts, freqs = np.empty(most, np.uint16), np.empty(most, np.uint16)
    none, rows = np.empty(0, np.uint32), np.ascontiguousarray(tokens)
    memory = _begin(tokens.shape, bits)
    n = _walk(rows, widths, modes, bits, none, False, starts, freqs, memory)
    return starts[:n], freqs[:n]


def decode_choices(
    tokens: NDArray[np.int32],
    widths: NDArray[np.int64],
    modes: NDArray[np.int64],
    bits: int,
    words: NDArray[np.uint32],
) -> bool:
    """Fill the levels of `tokens` that are mixed; False where the words are nonsense."""
    if words.size < 2:
        return False
    none, memory = np.empty(0, np.uint16), _begin(tokens.shape, bits)
    more = np.append(words, np.zeros(1, np.uint32))
    n = _walk(tokens, widths, modes, bits, more, True, none, none, memory)
    return bool(n >= 0)
