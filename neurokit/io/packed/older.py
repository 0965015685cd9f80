# mypy: disable-error-code="arg-type, operator, assignment"
"""Undoing the prediction of lossless files up to version 4, which multiplied by whole weights."""

import numpy as np
from numba import njit

from neurokit.io.packed.lanes import LANES, adapt_and_sum
from neurokit.io.packed.predictor import COEF_BITS, MU, ORDER, follow


def n_taps_older(n_channels: int) -> int:
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
    mu = max(MU, (1 << 20) // (t + 300))
    for c in range(own.size):
        miss = (own[c] << 8) - rests[c]
        bound = (3 * on[c]) >> 1
        # twice the bounded error, as no branch can guess it
        u = ((abs(miss + bound) - abs(miss - bound)) << 5) >> octaves[c]
        gains[c] = (min(max(u, -(1 << 16)), 1 << 16) * mu) >> 14
        on[c] += (abs(miss) - on[c]) >> 6
        off[c] += ((abs(own[c]) << 8) - off[c]) >> 6


@njit(cache=True, error_model="numpy")
def restore_older(r, coefs, octaves, taps):  # type: ignore[no-untyped-def]
    """Undo the prediction: samples (n_channels, ORDER zeros and n_times)."""
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
            sd[c] = follow(sd[c], row[c], t)
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
        sums[:] = 1 << (COEF_BITS - 1)
        for i in range(ORDER):
            k, past = taps_first[i], x[t + i]
            for c in range(n_channels):
                sums[c] += np.int64(k[c]) * np.int64(past[c])
        for c in range(n_channels):
            # of a damaged stream: wrapped, as the compiled loop does by itself
            wide = own[c] + (sums[c] >> COEF_BITS) + (1 << 31)
            now[c] = (wide & 0xFFFFFFFF) - (1 << 31)
    return x.T
