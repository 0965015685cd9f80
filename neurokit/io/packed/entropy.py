# mypy: disable-error-code="arg-type, operator, assignment"
"""Entropy coding in integers: adaptive models in front of a rANS coder.

Encoder and decoder walk the same path with integer arithmetic only, so that a file written on
one machine is read on any other. The encoder first records the (start, frequency) interval of
every symbol and then runs rANS backwards over the record; the decoder runs forwards.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy.special import erfc

from neurokit.io.packed.lanes import (
    count_leading_zeros,
    count_up_to,
    move_row,
    multiply_high,
)

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


def _divisors() -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """Make the factor and the shift that divide by each frequency, exactly below 2**63."""
    f = np.maximum(np.arange(_PROB + 1), 1).astype(np.uint64)
    shifts = np.ceil(np.log2(f.astype(np.float64))).astype(np.uint64)
    whole, left = np.divmod(np.uint64(1 << 63), f)
    # 2**(63 + shift) / f, rounded up
    return (whole << shifts) + ((left << shifts) + f - np.uint64(1)) // f, shifts


_DIVISORS = _divisors()


def rans_encode(
    starts: NDArray[np.uint16], freqs: NDArray[np.uint16], n: int, n_coders: int = 1
) -> NDArray[np.uint32]:
    """Code `n` recorded intervals; returns 32-bit words in the order the decoder reads them.

    Interval ``i`` belongs to coder ``i % n_coders``, a power of two; they share one stream, which
    begins with the state of each, high word first.
    """
    words = np.empty(n + 2 * n_coders + 2, np.uint32)
    states = np.full(n_coders, _LOW)
    return words[_rans_encode(starts, freqs, n, *_DIVISORS, words, states) :].copy()


@njit(cache=True, error_model="numpy")
def _rans_encode(starts, freqs, n, factors, shifts, words, states):  # type: ignore[no-untyped-def]
    at = words.size
    turns = np.uint64(states.size - 1)
    for j in range(n - 1, -1, -1):
        i = np.uint64(j)
        f = np.uint64(freqs[i])
        x = states[i & turns]
        # Leave room: x * 2**15 / f must stay under 2**63.
        words[np.uint64(at - 1)] = np.uint32(x & np.uint64(0xFFFFFFFF))
        full = np.uint64(x >= f << np.uint64(48))
        at -= np.int64(full)
        x >>= full << np.uint64(5)
        q = multiply_high(x << np.uint64(1), factors[f]) >> shifts[f]
        x += q * (np.uint64(_PROB) - f) + np.uint64(starts[i])
        states[i & turns] = x
    for j in range(states.size - 1, -1, -1):
        words[at - 1] = np.uint32(states[j] & np.uint64(0xFFFFFFFF))
        words[at - 2] = np.uint32(states[j] >> np.uint64(32))
        at -= 2
    return at


def encode_residuals(r: NDArray[np.int32]) -> tuple[NDArray[np.uint32], NDArray[np.uint8]]:
    """Code integers of shape (n_times, n_channels), time by time.

    Each value is written as the class of its magnitude, by a model chosen from the local scale
    in its channel and in the channel before it, plus free bits that are stored as they are.
    Returns the rANS words and the bytes of the free bits.
    """
    starts, freqs = np.empty(r.size, np.uint16), np.empty(r.size, np.uint16)
    free = np.zeros(41 * r.size // 64 + 2, "<u8")
    none, whole = np.empty(0, np.uint32), free.astype("=u8", copy=False)
    bits = _walk(r, False, none, True, whole, 0, starts, freqs, _begin(r.shape[1]))
    return rans_encode(starts, freqs, r.size, _count_coders(r.size)), free.view(np.uint8)[
        : -(-bits // 8)
    ].copy()


def _count_coders(n_values: int) -> int:
    """Two coders take turns where the bytes of another state weigh nothing."""
    return 2 if n_values >= 1 << 17 else 1


def decode_residuals(
    words: NDArray[np.uint32],
    raw: NDArray[np.uint8],
    n_times: int,
    n_channels: int,
    *,
    old: bool = False,
) -> NDArray[np.int32]:
    """Undo `encode_residuals`, or what it gave up to version 4: one coder's work.

    Streams that no encoder wrote give no rows, and touch nothing outside the arrays.
    """
    r = np.empty((n_times, n_channels), np.int32)
    n_coders = 1 if old else _count_coders(r.size)
    if words.size < 2 * n_coders:
        return r[:0]
    free = np.zeros(raw.size // 8 + 3, "<u8")  # read up to two numbers further than it goes
    free.view(np.uint8)[: raw.size] = raw
    more = np.append(words, np.zeros(1, np.uint32))
    none = np.empty(0, np.uint16)
    free = free.astype("=u8", copy=False)
    bits = _walk(r, True, more, n_coders == 2, free, 8 * raw.size, none, none, _begin(n_channels))
    return r[:0] if bits < 0 else r


def _begin(n_channels: int) -> tuple[NDArray[np.generic], ...]:
    """Make tables, their uses and running means: here, as compiling that takes a second."""
    cdf = np.repeat(_PRIOR, _N_TRENDS, 0)
    uses = np.zeros(len(cdf), np.int64)
    return cdf, uses, *(np.full(n_channels, 16 << 8, np.int64) for _ in range(2))


@njit(cache=True, error_model="numpy")
def _walk(r, decoding, words, pair, free, n_bits, starts, freqs, memory):  # type: ignore[no-untyped-def]
    """Walk over residuals and code or decode them; give the free bits, or -1 for nonsense.

    Coding records intervals in `starts` and `freqs` and fills `free`; decoding reads `words`,
    one longer than the stream, and `n_bits` of `free`. Hardly a step branches: what comes next is
    as good as random.
    """
    n_times, n_channels = r.shape
    cdf, uses, fast, slow = memory
    shift = np.int64(_CDF_BITS - PROB_BITS)
    floor, top = np.int32(_FLOOR), np.int32((1 << _CDF_BITS) - _N_TOKENS * _FLOOR)
    x = y = np.uint64(0)
    word = 2
    if decoding:
        x = (np.uint64(words[0]) << np.uint64(32)) | np.uint64(words[1])
    if decoding and pair:
        y = (np.uint64(words[2]) << np.uint64(32)) | np.uint64(words[3])
        word = 4
    bits = 0
    n = np.uint64(0)
    for t in range(n_times):
        near = np.int64(256)
        row = r[t]
        for c in range(n_channels):
            # The expected magnitude (4 fractional bits) from running means (8 bits), whether it
            # rises, and its quarter octave.
            quick, calm = fast[c], slow[c]
            s = (((quick + calm) >> 1) * (179 + ((77 * near) >> 8))) >> 12
            trend = np.int64(5 * quick >= 4 * calm) + np.int64(4 * quick >= 5 * calm)
            k = max(60 - count_leading_zeros(s), 0)
            index = s if s < 8 else 8 + 4 * k + (((s >> k) - 8) >> 1)
            if index >= _N_SCALES:
                return -1
            m = np.uint64(index * _N_TRENDS + trend)
            cut = max(k - 3, 0)
            slot = np.int64(x & np.uint64(_PROB - 1))
            value = size = np.int64(0)
            if decoding:
                most = np.int32((slot << shift) | ((1 << shift) - 1))
                token = count_up_to(cdf, np.int64(m), most) - 1
            else:
                value = np.int64(row[c])
                size = abs(value)
                v = size >> cut
                token = _TOKEN[np.uint64(v)] if v < _TOKEN.size else np.int64(_ESCAPE)
            start = np.int64(cdf[m, np.uint64(token)]) >> shift
            f = (np.int64(cdf[m, np.uint64(token + 1)]) >> shift) - start
            rate = np.int32(_RATE[np.uint64(min(uses[m], 511))])
            uses[m] += 1
            move_row(cdf, np.int64(m), np.int32(token), rate, floor, top)
            # Free bits: magnitudes inside the class, and a sign where it does not hold zero alone.
            signed = np.int64((token > 0) | (cut > 0))
            base, width = _FIRST[np.uint64(token)] << cut, _FREE[np.uint64(token)] + cut + signed
            if token == _ESCAPE:
                base, width = np.int64(0), np.int64(41)
            here, inside = np.uint64(bits >> 6), np.uint64(bits & 63)
            bits += width
            if decoding:
                x = np.uint64(f) * (x >> np.uint64(PROB_BITS)) + np.uint64(slot - start)
                empty = np.uint64(x < _LOW)
                x = (x << (empty << np.uint64(5))) | (np.uint64(words[np.uint64(word)]) * empty)
                word += np.int64(empty)
                x, y = (y, x) if pair else (x, y)
                if word >= words.size or bits > n_bits:
                    return -1
                low = free[here] >> inside
                low |= (free[here + np.uint64(1)] << np.uint64(1)) << (np.uint64(63) - inside)
                low &= (np.uint64(1) << np.uint64(width)) - np.uint64(1)
                sign = np.int64(low) & signed
                size = np.int64(low >> np.uint64(signed)) + base
                if size > _LARGEST:  # samples have 32 bits: scales beyond the tables are no one's
                    return -1
                row[c] = (size ^ -sign) + sign
            else:
                starts[n] = start
                freqs[n] = f
                n += np.uint64(1)
                low = (np.uint64(size - base) << np.uint64(signed)) | np.uint64(value < 0)
                free[here] |= low << inside
                free[here + np.uint64(1)] = (low >> np.uint64(1)) >> (np.uint64(63) - inside)
            near = min((size << 12) // (s + 5), 1024)
            fast[c] = quick + (((size << 8) - quick) >> 4)
            slow[c] = calm + (((size << 8) - calm) >> 7)
    return bits
