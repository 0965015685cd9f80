# mypy: disable-error-code="arg-type, operator, assignment"
"""Integer prediction of many channels at once, the same to the bit on every machine.

Two stages. (1) Linear prediction of each channel from its own past, with coefficients that the
encoder fits and writes into the block. (2) A sign-bounded normalised LMS filter that predicts
what is left from the residuals that both sides already know: those of the other channels at this
instant and the last ones. Innovations are nearly white, so LMS converges fast there, and a common
reference or mains hum that all electrodes share is paid for once.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from neurokit.io.packed.lanes import LANES, learn_and_sum

ORDER = 16  # taps of stage 1
LARGEST_OCTAVE = 24  # of the residuals' size
COEF_BITS = 16
_BLOCK = 8  # channels whose sums are made together
_AHEAD = 512  # samples of a channel whose stage 1 is summed up in the cache
_TOGETHER = 4  # channels that are fitted at once: their windows stay in the cache
MU = 768  # settled step of stage 2, in units of 2**-20


def n_taps(n_channels: int) -> int:
    """Length of the stage-2 window: this instant and the one before, up to 256 residuals."""
    return min(max(-(-2 * n_channels // LANES), 1) * LANES, 256)


@njit(inline="always")
def _judge(own, rests, octaves, on, off, gains, masks, t):  # type: ignore[no-untyped-def]
    """Find the gains: step (2**-20) times the error (1/256), bounded at 3/2 of its mean size."""
    mu = max(MU, (1 << 20) // (t + 300))
    for c in range(own.size):
        miss = (own[c] << 8) - rests[c]
        bound = (3 * on[c]) >> 1
        # twice the bounded error, as no branch can guess it
        u = ((abs(miss + bound) - abs(miss - bound)) << 5) >> octaves[c]
        gains[c] = (min(max(u, -(1 << 16)), 1 << 16) * mu + (1 << 15)) >> 16
        on[c] += (abs(miss) - on[c]) >> 6
        off[c] += ((abs(own[c]) << 8) - off[c]) >> 6
        masks[c] = -np.int64(on[c] <= off[c])


@njit(inline="always")
def follow(sd, value, t):  # type: ignore[no-untyped-def]
    """Update the running deviation (1/65536), 5/4 of the mean magnitude, by a residual."""
    sd += (((abs(np.int64(value)) * 5) << 14) + (1 << 13) - sd) >> (4 if t < 64 else 8)
    return min(max(sd, 1 << 12), 1 << 40)


def predict(
    x: NDArray[np.int32], coefs: NDArray[np.int32], octaves: NDArray[np.int32], taps: int
) -> NDArray[np.int32]:
    """Residuals (n_times, n_channels) of `x` (n_channels, ORDER zeros and n_times)."""
    left = np.empty((x.shape[0], x.shape[1] - ORDER), np.int32)
    # Whole numbers as large as recordings hold are summed exactly, and sooner, as floats.
    size = np.maximum(x.max(1, initial=0), -x.min(1, initial=0).astype(np.int64))
    most = (np.abs(coefs.astype(np.float64)).sum(1) * size).max(initial=0)
    kind: type = np.float64 if most < 2**52 else np.int64
    _extrapolate(x, coefs.astype(kind), np.empty(_AHEAD, kind), left)
    r = np.ascontiguousarray(left.T)
    _predict(r, octaves, taps, _begin(r.shape, octaves, taps))
    return r


@njit(cache=True, error_model="numpy")
def _extrapolate(x, coefs, sums, left):  # type: ignore[no-untyped-def]
    """Stage 1: what each channel's own past leaves."""
    for c in range(x.shape[0]):
        for start in range(0, left.shape[1], sums.size):
            n = min(sums.size, left.shape[1] - start)
            row = x[c, start : start + n + ORDER]
            sums[:] = 1 << (COEF_BITS - 1)
            for i in range(0, ORDER, 4):
                k, m, p, q = coefs[c, i], coefs[c, i + 1], coefs[c, i + 2], coefs[c, i + 3]
                past = row[i : i + n + 3]
                for t in range(n):
                    sums[t] += k * past[t] + m * past[t + 1] + p * past[t + 2] + q * past[t + 3]
            out = left[c, start : start + n]
            for t in range(n):
                out[t] = row[t + ORDER] - (np.int64(sums[t]) >> COEF_BITS)


def _begin(
    shape: tuple[int, ...], octaves: NDArray[np.int32], taps: int
) -> tuple[NDArray[np.generic], ...]:
    """Make what the filter remembers: here, as compiling that takes longer than the work."""
    n_times, n_channels = shape
    sd = np.full(n_channels, 16 << 16, np.int64)
    size = np.full(n_channels, 1 << 8, np.int64) << octaves
    return (
        np.zeros(taps + (n_times + 1) * n_channels + LANES, np.int16),  # residuals, normalised
        np.zeros(n_channels * taps + LANES, np.int32),  # weights
        size,  # mean errors with the filter
        size.copy(),  # and without it
        sd,
        (1 << 43) // sd,
        *(np.zeros(n_channels, np.int64) for _ in range(4)),  # sums, gains, predictions, errors
        np.full(n_channels, -1, np.int64),  # where the filter is of use
        np.zeros(_BLOCK, np.int16),
    )


@njit(cache=True, error_model="numpy")
def _predict(r, octaves, taps, memory):  # type: ignore[no-untyped-def]
    """Stage 2: put what is left in the place of what stage 1 left.

    Weights have 26 fractional bits, in units of 2**octave; their high halves are what predicts.
    What is not known yet of an instant is zero in ``z``.
    """
    n_times, n_channels = r.shape
    z, weights, on, off, sd, inverse, sums, gains, rests, own, masks, fresh = memory
    for t in range(n_times):
        at = taps + (t + 1) * n_channels
        now = r[t]
        for first in range(0, n_channels, _BLOCK):
            stop = min(first + _BLOCK, n_channels)
            for c in range(first, stop):
                new = at + c - taps
                sums[c] = learn_and_sum(
                    weights, c * taps, np.int16(gains[c]), z, new - n_channels, new, taps
                )
            # the block's own residuals come one by one, and are not in the sums
            f1 = f2 = f3 = f4 = f5 = f6 = f7 = np.int64(0)
            for c in range(first, stop):
                k = np.uint64((c + 1) * taps)
                w = weights[k - np.uint64(7) : k]
                total = sums[c] + (np.int64(w[0]) >> 16) * f7 + (np.int64(w[1]) >> 16) * f6
                total += (np.int64(w[2]) >> 16) * f5 + (np.int64(w[3]) >> 16) * f4
                total += (np.int64(w[4]) >> 16) * f3 + (np.int64(w[5]) >> 16) * f2
                total += (np.int64(w[6]) >> 16) * f1
                rest = np.int64(np.int32(total)) << octaves[c]
                rests[c] = rest >> 10
                use = ((rest & masks[c]) + (1 << 17)) >> 18
                value = np.int64(np.int32(now[c] - use))  # wraps as the decoder's sum does
                now[c] = value
                own[c] = value + use
                f7, f6, f5, f4, f3, f2 = f6, f5, f4, f3, f2, f1
                f1 = min(max((value * inverse[c]) >> 19, -1024), 1024)
                fresh[np.uint64(c - first)] = f1
            for c in range(first, stop):
                z[np.uint64(at + c)] = fresh[np.uint64(c - first)]
        _judge(own, rests, octaves, on, off, gains, masks, t)
        for c in range(n_channels):
            sd[c] = follow(sd[c], now[c], t)
            inverse[c] = np.int64(np.float64(1 << 43) / np.float64(sd[c]))


def restore(
    r: NDArray[np.int32], coefs: NDArray[np.int32], octaves: NDArray[np.int32], taps: int
) -> NDArray[np.int32]:
    """Undo `predict`: samples (n_channels, ORDER zeros and n_times)."""
    x = np.zeros((ORDER + r.shape[0], r.shape[1]), np.int32)
    taps_first = np.ascontiguousarray(coefs.T)
    _restore(r, taps_first, octaves, taps, x, _begin(r.shape, octaves, taps))
    return x.T


@njit(cache=True, error_model="numpy")
def _restore(r, coefs, octaves, taps, x, memory):  # type: ignore[no-untyped-def]
    n_times, n_channels = r.shape
    z, weights, on, off, sd, _, sums, gains, rests, own, masks, _ = memory
    for t in range(n_times):
        row, now = r[t], x[ORDER + t]
        at = taps + (t + 1) * n_channels
        for c in range(n_channels):
            inverse = np.int64(np.float64(1 << 43) / np.float64(sd[c]))
            z[np.uint64(at + c)] = min(max((row[c] * inverse) >> 19, -1024), 1024)
            sd[c] = follow(sd[c], row[c], t)
        for c in range(n_channels):
            new = at + c - taps
            rest = (
                learn_and_sum(
                    weights, c * taps, np.int16(gains[c]), z, new - n_channels, new, taps
                )
                << octaves[c]
            )
            rests[c] = rest >> 10
            own[c] = np.int64(row[c]) + (((rest & masks[c]) + (1 << 17)) >> 18)
        _judge(own, rests, octaves, on, off, gains, masks, t)
        # stage 1, all channels side by side
        sums[:] = 1 << (COEF_BITS - 1)
        for i in range(ORDER):
            k, past = coefs[i], x[t + i]
            for c in range(n_channels):
                sums[c] += np.int64(k[c]) * np.int64(past[c])
        for c in range(n_channels):
            # of a damaged stream: wrapped, as the compiled loop does by itself
            wide = own[c] + (sums[c] >> COEF_BITS) + (1 << 31)
            now[c] = (wide & 0xFFFFFFFF) - (1 << 31)


def fit(x: NDArray[np.int32]) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Choose what the decoder is told of `predict`'s `x`.

    Two rounds of least squares, the second weighted so that the sum of magnitudes, which is what
    the coder pays for, comes down rather than that of squares. Floats are used here and here
    only: the decoder is handed the rounded result.

    Returns
    -------
    coefs : ndarray of shape (n_channels, ORDER)
        Stage-1 coefficients, oldest sample first, in units of 2**-16.
    octaves : ndarray of shape (n_channels,)
        Size of what stage 1 leaves, as a power of two.
    """
    n_channels, length = x.shape
    coefs = np.zeros((n_channels, ORDER), np.int32)
    coefs[:, -1] = 1 << COEF_BITS  # the last sample: what is used where a fit does not pay
    means = np.empty(n_channels)
    stride = max(1, length // 2048)
    for first in range(0, n_channels, _TOGETHER):
        these = slice(first, first + _TOGETHER)
        windows = np.lib.stride_tricks.sliding_window_view(x[these], ORDER + 1, axis=1)
        rows = windows[:, ::stride].transpose(0, 2, 1).astype(np.float64, order="C")
        past, now = rows[:, :-1], rows[:, -1]
        fixed = np.abs(now - past[:, -1]).mean(1) + 0.25
        means[these] = fixed
        if length < 8 * ORDER:
            continue
        share = np.ones_like(now)
        for again in (False, True):
            weighted = past * share[:, None] if again else past
            products = weighted @ rows.transpose(0, 2, 1)
            gram, aim = products[..., :-1], products[..., -1:]
            ridge = 1e-9 * np.trace(gram, axis1=1, axis2=2) + 1e-3
            fitted = np.linalg.solve(gram + ridge[:, None, None] * np.eye(ORDER), aim)
            miss = np.abs(now - (fitted.transpose(0, 2, 1) @ past)[:, 0])
            mean = miss.mean(1) + 0.25
            share = 1 / (miss + 0.5 * mean[:, None])
        # The bits it saves against the bits that it takes to write.
        pays = length * np.log2(fixed / mean) > 16 * ORDER
        pays &= np.abs(fitted).max((1, 2)) < 2**15
        coefs[these][pays] = np.round(fitted[pays, :, 0] * (1 << COEF_BITS))
        means[these][pays] = mean[pays]
    octaves = np.clip(np.round(np.log2(means)), 0, LARGEST_OCTAVE)
    return coefs, octaves.astype(np.int32)
