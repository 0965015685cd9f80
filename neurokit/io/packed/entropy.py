"""Entropy coding in integers: adaptive models in front of a rANS coder.

Encoder and decoder walk the same path with integer arithmetic only, so that a file written on
one machine is read on any other. The encoder first records the (start, frequency) interval of
every symbol and then runs rANS backwards over the record; the decoder runs forwards.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy.special import erfc

# Probabilities are fractions of 2**PROB_BITS; the coder's state lives in [2**31, 2**63).
PROB_BITS = 15
_PROB = 1 << PROB_BITS
_LOW = np.uint64(1 << 31)

# Residual tokens: magnitude classes after a shift that follows the local scale.
_N_TOKENS = 24
_ESCAPE = _N_TOKENS - 1
_LARGEST = 1 << 31
VALUES_PER_WORD = 8000  # at most: the likeliest token takes log2(32768 / 32676) bits of 32
_N_SCALES = 160
_N_TRENDS = 3
_CDF_BITS = 24
_FLOOR = 1 << 11  # least probability of a token, in units of 2**-24


def _token_table() -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the first magnitude and number of free bits of each token."""
    first, bits = list(range(8)), [0] * 8
    for octave, parts in ((3, 4), (4, 4), (5, 2), (6, 2), (7, 1), (8, 1), (9, 1), (10, 1)):
        width = octave - (parts.bit_length() - 1)
        first += [(1 << octave) + (i << width) for i in range(parts)]
        bits += [width] * parts
    return np.array(first), np.array(bits)


_FIRST, _FREE = _token_table()
# Token of every magnitude below the escape.
_TOKEN = np.searchsorted(_FIRST, np.arange(_FIRST[_ESCAPE]), side="right").astype(np.int64) - 1
# Learning rate of a table, as a shift, after n uses: near 1 / (n + 16) until it settles.
_RATE = np.clip(np.floor(np.log2(np.arange(512) + 24.0)).astype(np.int64), 3, 9)


def _prior_table() -> NDArray[np.int32]:
    """Token probabilities, cumulative, that each scale begins with.

    Half Laplace, half normal, of the mean magnitude that the scale stands for. They are rounded
    far more coarsely than floats differ between machines.
    """
    index = np.arange(_N_SCALES)
    octave = (index - 8) // 4
    mean = np.where(index < 8, index + 0.5, (9 + 2 * (index % 4)) * 2.0**octave) / 16
    mean = np.maximum(mean, 0.05)[:, None]
    edge = np.append(_FIRST, 2.0 * _FIRST[-1]) * 2.0 ** np.maximum(octave - 3, 0)[:, None] - 0.5
    beyond = 0.5 * np.exp(-edge / mean) + 0.5 * erfc(edge / (mean * np.sqrt(np.pi)))
    beyond[:, 0], beyond[:, -1] = 1.0, 0.0
    share = np.round((1 - beyond) * (1 << 15)).astype(np.int64)
    span = (1 << _CDF_BITS) - _N_TOKENS * _FLOOR
    table = np.zeros((_N_SCALES, 32), np.int32)
    table[:, : _N_TOKENS + 1] = np.arange(_N_TOKENS + 1) * _FLOOR + ((share * span) >> 15)
    return table


_PRIOR = _prior_table()


@njit(cache=True)
def rans_encode(starts, freqs, n):  # type: ignore[no-untyped-def]
    """Code `n` recorded intervals; returns 32-bit words in the order the decoder reads them."""
    words = np.empty(n + 4, np.uint32)
    at = n + 4
    x = np.uint64(1 << 31)
    for i in range(n - 1, -1, -1):
        f = np.uint64(freqs[i])
        # Leave room: x * 2**15 / f must stay under 2**63.
        if x >= f << np.uint64(48):
            at -= 1
            words[at] = np.uint32(x & np.uint64(0xFFFFFFFF))
            x >>= np.uint64(32)
        q = x // f
        x = (q << np.uint64(15)) + (x - q * f) + np.uint64(starts[i])
    words[at - 1] = np.uint32(x & np.uint64(0xFFFFFFFF))
    words[at - 2] = np.uint32(x >> np.uint64(32))
    return words[at - 2 :].copy()


@njit(cache=True, inline="always")
def _scale_index(s, k):  # type: ignore[no-untyped-def]
    """Return the quarter octave of `s` (>= 0) as an index, and its octave, guessed as `k`."""
    while k > 0 and (s >> k) < 8:
        k -= 1
    while (s >> k) >= 16:
        k += 1
    if s < 8:
        return s, 0
    return 8 + 4 * k + (((s >> k) - 8) >> 1), k


@njit(cache=True)
def _fresh_models():  # type: ignore[no-untyped-def]
    cdf = np.zeros((_N_SCALES * _N_TRENDS, 32), np.int32)
    for i in range(_N_SCALES * _N_TRENDS):
        cdf[i] = _PRIOR[i // _N_TRENDS]
    return cdf, np.zeros(_N_SCALES * _N_TRENDS, np.int64)


@njit(cache=True, inline="always")
def _learn(cdf, uses, m, token):  # type: ignore[no-untyped-def]
    """Move table `m` towards `token`."""
    rate = _RATE[min(uses[m], 511)]
    uses[m] += 1
    top = np.int32((1 << _CDF_BITS) - _N_TOKENS * _FLOOR)
    row = cdf[m]
    for j in range(1, _N_TOKENS):
        target = np.int32(j * _FLOOR) + (top if j > token else np.int32(0))
        row[j] += (target - row[j]) >> rate


@njit(cache=True, inline="always")
def _context(fast, slow, near):  # type: ignore[no-untyped-def]
    """Return the expected magnitude (4 fractional bits) and trend from running means (8 bits)."""
    s = (fast + slow) >> 1
    s = (s * (179 + ((77 * near) >> 8))) >> 12
    trend = 0 if 5 * fast < 4 * slow else (1 if 4 * fast < 5 * slow else 2)
    return s, trend


@njit(cache=True)
def encode_residuals(r):  # type: ignore[no-untyped-def]
    """Code integers of shape (n_times, n_channels), time by time.

    Each value is written as the class of its magnitude, by a model chosen from the local scale
    in its channel and in the channel before it, plus free bits that are stored as they are.
    Returns the rANS words and the bytes of the free bits.
    """
    n_times, n_channels = r.shape
    n = n_times * n_channels
    starts = np.empty(n, np.uint16)
    freqs = np.empty(n, np.uint16)
    raw = np.empty(5 * n + 16, np.uint8)
    at = 0
    hold = np.uint64(0)
    held = 0
    cdf, uses = _fresh_models()
    fast = np.full(n_channels, 16 << 8, np.int64)
    slow = np.full(n_channels, 16 << 8, np.int64)
    octave = np.zeros(n_channels, np.int64)
    shift = np.int32(_CDF_BITS - PROB_BITS)
    i = 0
    for t in range(n_times):
        near = 256
        for c in range(n_channels):
            value = np.int64(r[t, c])
            s, trend = _context(fast[c], slow[c], near)
            index, k = _scale_index(s, octave[c])
            octave[c] = k
            m = index * _N_TRENDS + trend
            cut = max(k - 3, 0)
            size = abs(value)
            v = size >> cut
            if v < _TOKEN.size:
                token = _TOKEN[v]
                free = _FREE[token] + cut
                low = size - (_FIRST[token] << cut)
            else:
                token = _ESCAPE
                free = 40
                low = size
            start = cdf[m, token] >> shift
            starts[i] = start
            freqs[i] = (cdf[m, token + 1] >> shift) - start
            i += 1
            _learn(cdf, uses, m, token)
            if v > 0 or cut > 0:  # a sign, but not where the class holds zero alone
                low = (low << 1) | (1 if value < 0 else 0)
                free += 1
            hold |= np.uint64(low) << np.uint64(held)
            held += free
            while held >= 8:
                raw[at] = np.uint8(hold & np.uint64(255))
                at += 1
                hold >>= np.uint64(8)
                held -= 8
            near = min((size << 12) // (s + 5), 1024)
            fast[c] += ((size << 8) - fast[c]) >> 4
            slow[c] += ((size << 8) - slow[c]) >> 7
    if held > 0:
        raw[at] = np.uint8(hold & np.uint64(255))
        at += 1
    return rans_encode(starts, freqs, n), raw[:at].copy()


@njit(cache=True)
def decode_residuals(words, raw, n_times, n_channels):  # type: ignore[no-untyped-def]
    """Undo `encode_residuals`.

    Streams that no encoder wrote give no rows, and touch nothing outside the arrays.
    """
    r = np.empty((n_times, n_channels), np.int32)
    if words.size < 2:
        return r[:0]
    cdf, uses = _fresh_models()
    fast = np.full(n_channels, 16 << 8, np.int64)
    slow = np.full(n_channels, 16 << 8, np.int64)
    octave = np.zeros(n_channels, np.int64)
    shift = np.int32(_CDF_BITS - PROB_BITS)
    x = (np.uint64(words[0]) << np.uint64(32)) | np.uint64(words[1])
    word = 2
    at = 0
    hold = np.uint64(0)
    held = 0
    for t in range(n_times):
        near = 256
        for c in range(n_channels):
            s, trend = _context(fast[c], slow[c], near)
            index, k = _scale_index(s, octave[c])
            if index >= _N_SCALES:
                return r[:0]
            octave[c] = k
            m = index * _N_TRENDS + trend
            cut = max(k - 3, 0)
            slot = np.int32(x & np.uint64(_PROB - 1))
            row = cdf[m]
            token = 0
            for j in range(1, _N_TOKENS):
                token += 1 if (row[j] >> shift) <= slot else 0
            start = row[token] >> shift
            f = (row[token + 1] >> shift) - start
            x = np.uint64(f) * (x >> np.uint64(PROB_BITS)) + np.uint64(slot - start)
            if x < _LOW:
                if word >= words.size:
                    return r[:0]
                x = (x << np.uint64(32)) | np.uint64(words[word])
                word += 1
            _learn(cdf, uses, m, token)
            free = 40 if token == _ESCAPE else _FREE[token] + cut
            signed = token > 0 or cut > 0
            if signed:
                free += 1
            while held < free:
                if at >= raw.size:
                    return r[:0]
                hold |= np.uint64(raw[at]) << np.uint64(held)
                at += 1
                held += 8
            low = np.int64(hold & ((np.uint64(1) << np.uint64(free)) - np.uint64(1)))
            hold >>= np.uint64(free)
            held -= free
            negative = False
            if signed:
                negative = (low & 1) == 1
                low >>= 1
            size = low if token == _ESCAPE else low + (_FIRST[token] << cut)
            if size > _LARGEST:  # samples have 32 bits, so scales beyond the tables are no one's
                return r[:0]
            r[t, c] = -size if negative else size
            near = min((size << 12) // (s + 5), 1024)
            fast[c] += ((size << 8) - fast[c]) >> 4
            slow[c] += ((size << 8) - slow[c]) >> 7
    return r
