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

from neurokit.io.packed.lanes import LANES, adapt_and_sum

ORDER = 16  # taps of stage 1
LARGEST_OCTAVE = 24  # of the residuals' size
_COEF_BITS = 16
_BLOCK = 8  # channels whose sums are made together
_TOGETHER = 4  # channels that are fitted at once: their windows stay in the cache
_MU = 768  # settled step of stage 2, in units of 2**-20


def n_taps(n_channels: int) -> int:
    """Length of the stage-2 window: this instant and the one before, at most 256 residuals."""
    return min(max(2 * n_channels, 16), 256)


@njit(inline="always")
def _turn(weights, gains, z, at, taps, sums, first, stop):  # type: ignore[no-untyped-def]
    """Let the weights of some channels learn from the last instant and sum for this one.

    What is not known yet of this instant is zero in ``z``. Weights have 26 fractional bits, in
    units of 2**octave.
    """
    n_channels = sums.size
    whole = taps // LANES * LANES
    for c in range(first, stop):
        new = at + c - taps
        old = new - n_channels
        w_at = c * taps
        total = adapt_and_sum(weights, w_at, np.int16(gains[c]), z, old, new, whole)
        for i in range(whole, taps):
            past = np.int64(z[np.uint64(old + i)])
            w = np.int32(weights[np.uint64(w_at + i)] + ((gains[c] * past) >> 2))
            weights[np.uint64(w_at + i)] = w
            total += np.int64(w) * np.int64(z[np.uint64(new + i)])
        sums[c] = total


@njit(inline="always")
def _rest(total, octave):  # type: ignore[no-untyped-def]
    """Stage-2 prediction in 1/256."""
    return (min(max(total >> 12, -(1 << 30)), 1 << 30) << octave) >> 14


@njit(inline="always")
def _judge(own, rests, octaves, on, off, gains, t):  # type: ignore[no-untyped-def]
    """Find the gains: step (2**-20) times the error (1/256), bounded at 3/2 of its mean size."""
    mu = max(_MU, (1 << 20) // (t + 300))
    for c in range(own.size):
        miss = (own[c] << 8) - rests[c]
        bound = (3 * on[c]) >> 1
        # twice the bounded error, as no branch can guess it
        u = ((abs(miss + bound) - abs(miss - bound)) << 5) >> octaves[c]
        gains[c] = (min(max(u, -(1 << 16)), 1 << 16) * mu) >> 14
        on[c] += (abs(miss) - on[c]) >> 6
        off[c] += ((abs(own[c]) << 8) - off[c]) >> 6


@njit(inline="always")
def _follow(sd, value, t):  # type: ignore[no-untyped-def]
    """Update the running deviation (1/65536), 5/4 of the mean magnitude, by a residual."""
    sd += (((abs(np.int64(value)) * 5) << 14) + (1 << 13) - sd) >> (4 if t < 64 else 8)
    return min(max(sd, 1 << 12), 1 << 40)


@njit(cache=True, error_model="numpy")
def predict(x, coefs, octaves, taps):  # type: ignore[no-untyped-def]
    """Residuals (n_times, n_channels) of `x` (n_channels, ORDER zeros and n_times)."""
    n_channels = x.shape[0]
    n_times = x.shape[1] - ORDER
    left = np.empty((n_channels, n_times), np.int32)
    for c in range(n_channels):
        row, out = x[c], left[c]
        for t in range(n_times):
            total = np.int64(1 << (_COEF_BITS - 1))
            for i in range(ORDER):
                total += np.int64(coefs[c, i]) * np.int64(row[t + i])
            out[t] = row[t + ORDER] - (total >> _COEF_BITS)
    r = np.ascontiguousarray(left.T)
    z = np.zeros(taps + (n_times + 1) * n_channels + LANES, np.int16)
    weights = np.zeros(n_channels * taps + LANES, np.int32)
    off = np.full(n_channels, 1 << 8, np.int64) << octaves
    on = off.copy()
    sd = np.full(n_channels, 16 << 16, np.int64)
    inverse = (1 << 43) // sd
    sums, gains = np.zeros(n_channels, np.int64), np.zeros(n_channels, np.int64)
    rests, own = np.zeros(n_channels, np.int64), np.zeros(n_channels, np.int64)
    fresh = np.zeros(_BLOCK, np.int16)
    for t in range(n_times):
        at = taps + (t + 1) * n_channels
        now = r[t]
        for first in range(0, n_channels, _BLOCK):
            stop = min(first + _BLOCK, n_channels)
            _turn(weights, gains, z, at, taps, sums, first, stop)
            # the block's own residuals come one by one, and are not in the sums
            f1 = f2 = f3 = f4 = f5 = f6 = f7 = np.int64(0)
            for c in range(first, stop):
                k = np.uint64((c + 1) * taps)
                w = weights[k - np.uint64(7) : k]
                total = sums[c] + w[0] * f7 + w[1] * f6 + w[2] * f5 + w[3] * f4
                total += w[4] * f3 + w[5] * f2 + w[6] * f1
                rest = _rest(total, octaves[c])
                rests[c] = rest
                use = ((rest if on[c] <= off[c] else np.int64(0)) + 128) >> 8
                value = np.int64(np.int32(now[c] - use))  # wraps as the decoder's sum does
                now[c] = value
                own[c] = value + use
                f7, f6, f5, f4, f3, f2 = f6, f5, f4, f3, f2, f1
                # the quotient, guessed by a product and set right where that is off
                f1 = (value * inverse[c]) >> 19
                over = (value << 24) - f1 * sd[c]
                if (over < 0 or over >= sd[c]) and -4096 < f1 < 4096:
                    f1 = (value << 24) // sd[c]
                f1 = min(max(f1, -1024), 1024)
                fresh[np.uint64(c - first)] = f1
            for c in range(first, stop):
                z[np.uint64(at + c)] = fresh[np.uint64(c - first)]
        _judge(own, rests, octaves, on, off, gains, t)
        for c in range(n_channels):
            sd[c] = _follow(sd[c], now[c], t)
            inverse[c] = np.int64(np.float64(1 << 43) / np.float64(sd[c]))
    return r


@njit(cache=True, error_model="numpy")
def restore(r, coefs, octaves, taps):  # type: ignore[no-untyped-def]
    """Undo `predict`: samples (n_channels, ORDER zeros and n_times)."""
    n_times, n_channels = r.shape
    z = np.zeros(taps + (n_times + 1) * n_channels + LANES, np.int16)
    sd = np.full(n_channels, 16 << 16, np.int64)
    for t in range(n_times):
        at = taps + (t + 1) * n_channels
        row, out = r[t], z[at : at + n_channels]
        for c in range(n_channels):
            # Rounded down exactly: quotients up to 2**12 lie 2**-40 or more below the next
            # whole number, which float64 keeps apart from it.
            value = min(max(np.int64(row[c]), -(1 << 28)), 1 << 28) << 24
            part = np.floor(np.float64(value) / np.float64(sd[c]))
            out[c] = np.int16(np.int32(min(max(part, -1024.0), 1024.0)))
            sd[c] = _follow(sd[c], row[c], t)
    weights = np.zeros(n_channels * taps + LANES, np.int32)
    off = np.full(n_channels, 1 << 8, np.int64) << octaves
    on = off.copy()
    sums, gains = np.zeros(n_channels, np.int64), np.zeros(n_channels, np.int64)
    rests, own = np.zeros(n_channels, np.int64), np.zeros(n_channels, np.int64)
    x = np.zeros((ORDER + n_times, n_channels), np.int32)
    taps_first = np.ascontiguousarray(coefs.T)
    for t in range(n_times):
        row, now = r[t], x[ORDER + t]
        _turn(weights, gains, z, taps + (t + 1) * n_channels, taps, sums, 0, n_channels)
        for c in range(n_channels):
            rests[c] = _rest(sums[c], octaves[c])
            use = rests[c] if on[c] <= off[c] else np.int64(0)
            own[c] = np.int64(row[c]) + ((use + 128) >> 8)
        _judge(own, rests, octaves, on, off, gains, t)
        # stage 1, all channels side by side
        sums[:] = 1 << (_COEF_BITS - 1)
        for i in range(ORDER):
            k, past = taps_first[i], x[t + i]
            for c in range(n_channels):
                sums[c] += np.int64(k[c]) * np.int64(past[c])
        for c in range(n_channels):
            # of a damaged stream: wrapped, as the compiled loop does by itself
            wide = own[c] + (sums[c] >> _COEF_BITS) + (1 << 31)
            now[c] = (wide & 0xFFFFFFFF) - (1 << 31)
    return x.T


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
    coefs[:, -1] = 1 << _COEF_BITS  # the last sample: what is used where a fit does not pay
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
        weighted = past
        for _ in range(2):
            products = weighted @ rows.transpose(0, 2, 1)
            gram, aim = products[..., :-1], products[..., -1:]
            ridge = 1e-9 * np.trace(gram, axis1=1, axis2=2) + 1e-3
            fitted = np.linalg.solve(gram + ridge[:, None, None] * np.eye(ORDER), aim)
            miss = np.abs(now - (fitted.transpose(0, 2, 1) @ past)[:, 0])
            mean = miss.mean(1) + 0.25
            weighted = past * (1 / (miss + 0.5 * mean[:, None]))[:, None]
        # The bits it saves against the bits that it takes to write.
        pays = length * np.log2(fixed / mean) > 16 * ORDER
        pays &= np.abs(fitted).max((1, 2)) < 2**15
        coefs[these][pays] = np.round(fitted[pays, :, 0] * (1 << _COEF_BITS))
        means[these][pays] = mean[pays]
    octaves = np.clip(np.round(np.log2(means)), 0, LARGEST_OCTAVE)
    return coefs, octaves.astype(np.int32)
