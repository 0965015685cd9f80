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

ORDER = 16  # taps of stage 1
LARGEST_OCTAVE = 24  # of the residuals' size
_COEF_BITS = 16
_MU = 768  # settled step of stage 2, in units of 2**-20


def n_taps(n_channels: int) -> int:
    """Length of the stage-2 window: this instant and the one before, at most 256 residuals."""
    return min(max(2 * n_channels, 16), 256)


@njit(cache=True)
def _dot(a, b):  # type: ignore[no-untyped-def]
    acc = np.int64(0)
    for i in range(a.size):
        acc += np.int64(a[i]) * np.int64(b[i])
    return acc


@njit(cache=True)
def _rest(weights, window, octave):  # type: ignore[no-untyped-def]
    """Stage-2 prediction in 1/256; weights have 26 fractional bits, in units of 2**octave."""
    acc = _dot(weights, window) >> 12
    return (min(max(acc, -(1 << 30)), 1 << 30) << octave) >> 14


@njit(cache=True)
def _adapt(weights, window, g):  # type: ignore[no-untyped-def]
    for i in range(weights.size):
        weights[i] += (g * np.int32(window[i])) >> 2


@njit(cache=True)
def _gain(miss, mean, octave, t):  # type: ignore[no-untyped-def]
    """Step (2**-20) times the error (1/256), bounded at 3/2 of its mean magnitude."""
    bound = (3 * mean) >> 1
    mu = max(_MU, (1 << 20) // (t + 300))
    u = (min(max(miss, -bound), bound) << 6) >> octave
    return np.int32((min(max(u, -(1 << 16)), 1 << 16) * mu) >> 14)


@njit(cache=True)
def _follow(sd, value, pace):  # type: ignore[no-untyped-def]
    """Update the running deviation (1/65536), 5/4 of the mean magnitude, by a residual."""
    sd += (((abs(value) * 5) << 14) + (1 << 13) - sd) >> pace
    return min(max(sd, 1 << 12), 1 << 40)


@njit(cache=True)
def predict(x, coefs, octaves, taps):  # type: ignore[no-untyped-def]
    """Residuals (n_times, n_channels) of `x` (n_channels, ORDER zeros and n_times)."""
    n_channels = x.shape[0]
    n_times = x.shape[1] - ORDER
    r = np.empty((n_times, n_channels), np.int32)
    z = np.zeros(taps + n_times * n_channels, np.int16)
    weights = np.zeros((n_channels, taps), np.int32)
    sd = np.full(n_channels, 16 << 16, np.int64)
    off = np.full(n_channels, 1 << 8, np.int64)
    on = np.full(n_channels, 1 << 8, np.int64)
    for c in range(n_channels):
        on[c] <<= octaves[c]
        off[c] <<= octaves[c]
    at = taps
    for t in range(n_times):
        pace = 4 if t < 64 else 8
        for c in range(n_channels):
            acc = _dot(coefs[c], x[c, t : t + ORDER])
            window = z[at - taps : at]
            own = x[c, t + ORDER] - ((acc + (1 << (_COEF_BITS - 1))) >> _COEF_BITS)
            rest = _rest(weights[c], window, octaves[c])
            use = rest if on[c] <= off[c] else np.int64(0)
            r[t, c] = np.int32(own - ((use + 128) >> 8))  # wraps as the decoder's sum does
            value = np.int64(r[t, c])
            own = value + ((use + 128) >> 8)
            miss = (own << 8) - rest
            _adapt(weights[c], window, _gain(miss, on[c], octaves[c], t))
            on[c] += (abs(miss) - on[c]) >> 6
            off[c] += ((abs(own) << 8) - off[c]) >> 6
            z[at] = min(max((value << 24) // sd[c], -1024), 1024)
            at += 1
            sd[c] = _follow(sd[c], value, pace)
    return r


@njit(cache=True)
def restore(r, coefs, octaves, taps):  # type: ignore[no-untyped-def]
    """Undo `predict`: samples (n_channels, ORDER zeros and n_times)."""
    n_times, n_channels = r.shape
    x = np.zeros((n_channels, ORDER + n_times), np.int32)
    z = np.zeros(taps + n_times * n_channels, np.int16)
    weights = np.zeros((n_channels, taps), np.int32)
    sd = np.full(n_channels, 16 << 16, np.int64)
    off = np.full(n_channels, 1 << 8, np.int64)
    on = np.full(n_channels, 1 << 8, np.int64)
    for c in range(n_channels):
        on[c] <<= octaves[c]
        off[c] <<= octaves[c]
    at = taps
    for t in range(n_times):
        pace = 4 if t < 64 else 8
        for c in range(n_channels):
            acc = _dot(coefs[c], x[c, t : t + ORDER])
            window = z[at - taps : at]
            rest = _rest(weights[c], window, octaves[c])
            use = rest if on[c] <= off[c] else np.int64(0)
            value = np.int64(r[t, c])
            own = value + ((use + 128) >> 8)
            x[c, t + ORDER] = own + ((acc + (1 << (_COEF_BITS - 1))) >> _COEF_BITS)
            miss = (own << 8) - rest
            _adapt(weights[c], window, _gain(miss, on[c], octaves[c], t))
            on[c] += (abs(miss) - on[c]) >> 6
            off[c] += ((abs(own) << 8) - off[c]) >> 6
            z[at] = min(max((value << 24) // sd[c], -1024), 1024)
            at += 1
            sd[c] = _follow(sd[c], value, pace)
    return x


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
    octaves = np.zeros(n_channels, np.int32)
    stride = max(1, length // 2048)
    for c in range(n_channels):
        windows = np.lib.stride_tricks.sliding_window_view(x[c], ORDER + 1)[::stride]
        rows = windows.astype(np.float64)
        past, now = rows[:, :-1], rows[:, -1]
        mean = fixed = np.abs(now - past[:, -1]).mean() + 0.25
        if length >= 8 * ORDER:
            weighted = past
            for _ in range(2):
                gram = weighted.T @ past
                ridge = 1e-9 * np.trace(gram) + 1e-3
                fitted = np.linalg.solve(gram + ridge * np.eye(ORDER), weighted.T @ now)
                miss = np.abs(now - past @ fitted)
                mean = miss.mean() + 0.25
                weighted = past / (miss + 0.5 * mean)[:, None]
            # The bits it saves against the bits that it takes to write.
            if length * np.log2(fixed / mean) > 16 * ORDER and np.abs(fitted).max() < 2**15:
                coefs[c] = np.round(fitted * (1 << _COEF_BITS))
            else:
                mean = fixed
        octaves[c] = min(max(round(np.log2(mean)), 0), LARGEST_OCTAVE)
    return coefs, octaves
