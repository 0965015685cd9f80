"""Vector operations of the coders: what is compiled against the Python that defines it."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import njit

from neurokit.io.packed import lanes, predictor


@njit
def _sum(weights, w_at, gain, z, old, new, n):
    return lanes.adapt_and_sum(weights, w_at, gain, z, old, new, n)


@njit
def _learn(weights, w_at, gain, z, old, new, n):
    return lanes.learn_and_sum(weights, w_at, gain, z, old, new, n)


@njit
def _row(table, row, most, token, rate, floor, top):
    found = lanes.count_up_to(table, row, most)
    lanes.move_row(table, row, token, rate, floor, top)
    return found


@njit
def _bits(a, b):
    return lanes.multiply_high(a, b), lanes.count_leading_zeros(np.int64(a))


@pytest.mark.parametrize(
    ("compiled", "plain_form"), [(_sum, lanes.adapt_and_sum), (_learn, lanes.learn_and_sum)]
)
@given(
    seed=st.integers(0, 2**32 - 1), blocks=st.integers(0, 5), gain=st.integers(-(2**15), 2**15 - 1)
)
@settings(deadline=None, max_examples=60)
def test_weights_move_and_sum_as_defined(compiled, plain_form, seed, blocks, gain):
    rng = np.random.default_rng(seed)
    n = 16 * blocks
    weights = rng.integers(-(2**31), 2**31, n + 9).astype(np.int32)
    z = rng.integers(-1024, 1025, 2 * n + 9).astype(np.int16)
    places = (5, np.int16(gain), z, 2, n + 3, n)
    plain, here = weights.copy(), weights.copy()
    assert compiled(here, *places) == plain_form(plain, *places)
    np.testing.assert_array_equal(here, plain)
    assert (here[:5] == weights[:5]).all()
    assert (here[n + 5 :] == weights[n + 5 :]).all()


@given(seed=st.integers(0, 2**32 - 1), token=st.integers(0, 23), rate=st.integers(3, 9))
@settings(deadline=None, max_examples=60)
def test_rows_of_a_table_are_searched_and_moved_as_defined(seed, token, rate):
    rng = np.random.default_rng(seed)
    table = np.sort(rng.integers(0, 2**24, (3, 32)), axis=1).astype(np.int32)
    most = np.int32(rng.integers(-1, 2**24 + 1))
    rest = (np.int32(token), np.int32(rate), np.int32(2**11), np.int32(2**24 - 24 * 2**11))
    plain, here = table.copy(), table.copy()
    assert _row(here, 1, most, *rest) == lanes.count_up_to(plain, 1, most)
    lanes.move_row(plain, 1, *rest)
    np.testing.assert_array_equal(here, plain)
    np.testing.assert_array_equal(here[::2], table[::2])
    np.testing.assert_array_equal(here[1, 24:], table[1, 24:])


@given(a=st.integers(0, 2**63 - 1), b=st.integers(0, 2**64 - 1))
@settings(deadline=None)
def test_high_halves_and_leading_zeros_are_those_of_python(a, b):
    high, zeros = _bits(np.uint64(a), np.uint64(b))
    assert int(high) == a * b >> 64 == int(lanes.multiply_high(np.uint64(a), np.uint64(b)))
    assert zeros == 64 - a.bit_length() == lanes.count_leading_zeros(np.int64(a))


def _predict_as_defined(x, coefs, octaves, taps):
    """Predict sample by sample in Python's integers, as the format was written down."""

    def clip(value, low, high):
        return min(max(value, low), high)

    n_channels, n_times = x.shape[0], x.shape[1] - predictor.ORDER
    z, r = [0] * taps, np.empty((n_times, n_channels), np.int64)
    weights = [[0] * taps for _ in range(n_channels)]
    sd = [16 << 16] * n_channels
    on, off = ([256 << int(k) for k in octaves] for _ in range(2))
    for t in range(n_times):
        for c in range(n_channels):
            k, window = int(octaves[c]), z[-taps:]
            past = [int(v) for v in x[c, t : t + predictor.ORDER]]
            guess = sum(int(a) * b for a, b in zip(coefs[c], past, strict=True))
            own = int(x[c, t + predictor.ORDER]) - ((guess + (1 << 15)) >> 16)
            total = sum((a >> 16) * b for a, b in zip(weights[c], window, strict=True))
            rest = ((total + 2**31) % 2**32 - 2**31) << k
            use = (rest + (1 << 17)) >> 18 if on[c] <= off[c] else 0
            rest >>= 10
            r[t, c] = value = (own - use + 2**31) % 2**32 - 2**31
            own = value + use
            miss = (own << 8) - rest
            bound = (3 * on[c]) >> 1
            u = clip((clip(miss, -bound, bound) << 6) >> k, -(1 << 16), 1 << 16)
            gain = (u * max(768, (1 << 20) // (t + 300)) + (1 << 15)) >> 16
            moved = [w + gain * v for w, v in zip(weights[c], window, strict=True)]
            weights[c] = [(w + 2**31) % 2**32 - 2**31 for w in moved]
            on[c] += (abs(miss) - on[c]) >> 6
            off[c] += ((abs(own) << 8) - off[c]) >> 6
            z.append(clip((value * int((1 << 43) / sd[c])) >> 19, -1024, 1024))
            change = ((abs(value) * 5) << 14) + (1 << 13) - sd[c]
            sd[c] = clip(sd[c] + (change >> (4 if t < 64 else 8)), 1 << 12, 1 << 40)
    return r


@pytest.mark.parametrize(
    ("n_channels", "bits"), [(1, 9), (3, 32), (8, 12), (9, 3), (19, 24), (135, 8)]
)
def test_prediction_is_that_of_whole_numbers_of_any_size(n_channels, bits):
    rng = np.random.default_rng(bits)
    n_times = 700 // n_channels + 6
    x = np.zeros((n_channels, predictor.ORDER + n_times), np.int32)
    shared = rng.integers(-(2 ** (bits - 1)), 2 ** (bits - 1), n_times)
    x[:, predictor.ORDER :] = shared + rng.integers(-3, 4, (n_channels, 1)) * (bits < 32)
    coefs = np.zeros((n_channels, predictor.ORDER), np.int32)
    coefs[:, -2:] = rng.integers(-(2**17), 2**17, (n_channels, 2))
    octaves = rng.integers(0, bits, n_channels).clip(0, 24).astype(np.int32)
    taps = predictor.n_taps(n_channels)
    r = predictor.predict(x, coefs, octaves, taps)
    np.testing.assert_array_equal(r, _predict_as_defined(x, coefs, octaves, taps))
    np.testing.assert_array_equal(predictor.restore(r, coefs, octaves, taps), x)
