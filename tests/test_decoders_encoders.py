import itertools
import pickle

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import solve_ivp
from scipy.special import eval_legendre
from sklearn.base import clone
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import parametrize_with_checks

import neurokit
from neurokit.decoders import WienerRegressor
from neurokit.features import DeltaEncoder, LegendreHistory, LempelZiv
from neurokit.features._lempel_ziv import count_words
from neurokit.recording import counts

ORDERED = {
    "check_methods_sample_order_invariance": "rows are successive samples in time",
    "check_methods_subset_invariance": "rows are successive samples in time",
}


@pytest.fixture
def spikes(rng):
    return counts(rng.poisson(2.0, (3, 300)), bin_width=0.01, ids=["a", "b", "c"])


# ------------------------------------------------------------------ LegendreHistory


def test_coefficients_solve_the_differential_equation():
    """Integrate theta m' = A m + B u as printed, with the input held over each bin."""
    order, theta, rate = 4, 0.3, 50.0
    u = np.array([1.0, -2.0, 0.5, 3.0, 0.0, 1.0])
    history = LegendreHistory(order, theta, start="mean", sampling_rate=rate).fit(u[:, None])
    a, b = np.zeros((order, order)), np.zeros(order)
    for i in range(order):
        b[i] = (2 * i + 1) * (-1) ** i
        for j in range(order):
            a[i, j] = (2 * i + 1) * (-1 if i < j else (-1) ** (i - j + 1))
    m = np.r_[u.mean(), np.zeros(order - 1)]
    for t, held in enumerate(u):
        m = solve_ivp(
            lambda _, m, held=held: (a @ m + b * held) / theta,
            (0, 1 / rate),
            m,
            rtol=1e-9,
            atol=1e-12,
        ).y[:, -1]
        np.testing.assert_allclose(history.transform(u[:, None])[t], m, atol=1e-6)


def test_coefficients_are_projections_of_the_window_on_legendre_polynomials():
    rate, window = 1000.0, 0.5
    t = np.arange(2000) / rate
    u = np.sin(2 * np.pi * 1.5 * t)[:, None]
    m = LegendreHistory(10, window, sampling_rate=rate).fit(u).transform(u)[-1]
    past = np.sin(2 * np.pi * 1.5 * (t[-1] - np.linspace(0, window, 5001)))
    place = np.linspace(-1, 1, 5001)
    for k in range(4):
        expected = (2 * k + 1) / 2 * np.trapezoid(past * eval_legendre(k, place), place)
        assert m[k] == pytest.approx(expected, abs=0.01)


def test_the_window_can_be_read_back(spikes):
    smooth = spikes.copy(data=np.sin(np.arange(300) / 15 + np.arange(3)[:, None]))
    history = LegendreHistory(order=8, window=0.3).fit(smooth)
    past = history.reconstruct(history.transform(smooth)[[250]], [0.05, 0.2])
    np.testing.assert_allclose(past[0], smooth.values.T[[245, 230]], atol=0.05)


def test_a_constant_fills_the_first_coefficient_only():
    x = np.full((50, 2), 3.0)
    m = LegendreHistory(start="mean", sampling_rate=100.0).fit(x).transform(x)
    np.testing.assert_allclose(m[:, :2], 3.0)
    np.testing.assert_allclose(m[:, 2:], 0.0, atol=1e-9)


def test_columns_tell_unit_and_order(spikes):
    history = LegendreHistory(order=2).fit(spikes)
    out = history.transform(spikes)
    assert out.dims == ("time", "feature")
    assert out["unit"].values.tolist() == ["a", "b", "c"] * 2
    assert out["order"].values.tolist() == [0, 0, 0, 1, 1, 1]
    assert history.get_feature_names_out()[3] == "a P1"


def test_six_coefficients_decode_nearly_as_well_as_twenty_lags(spikes):
    lags = np.arange(20)
    kernel = lags * np.exp(-lags / 3.0)
    y = np.array([np.convolve(row, kernel)[:300] for row in spikes.values]).T
    legendre = make_pipeline(LegendreHistory(6, 0.2, start="mean"), WienerRegressor(1)).fit(
        spikes, y
    )
    laid_out = WienerRegressor(20).fit(spikes, y)
    assert legendre.score(spikes, y) > laid_out.score(spikes, y) - 0.05


def test_legendre_refuses_what_it_cannot_do(spikes):
    with pytest.raises(ValueError, match="give sampling_rate= in Hz"):
        LegendreHistory().fit(spikes.values.T)
    with pytest.raises(ValueError, match=r"window at least one bin of 0\.01 s, got 6 and 0\.001"):
        LegendreHistory(window=0.001).fit(spikes)
    with pytest.raises(ValueError, match="order must be at least 1"):
        LegendreHistory(order=0).fit(spikes)
    with pytest.raises(ValueError, match="fitted at 100 Hz, got data at 50 Hz"):
        LegendreHistory().fit(spikes).transform(spikes[:, ::2])


# ------------------------------------------------------------------ DeltaEncoder


def send_by_hand(x, threshold):
    held, out = 0.0, []
    for t, value in enumerate(x):
        sent = value - held if (abs(value - held) > threshold or (t == 0 and value != 0)) else 0.0
        held += sent
        out.append(sent)
    return out


def test_changes_equal_those_of_a_loop(rng):
    x = np.cumsum(rng.normal(size=(200, 3)), axis=0)
    encoder = DeltaEncoder(0.3).fit(x)
    out = encoder.transform(x)
    for k in range(3):
        np.testing.assert_allclose(out[:, k], send_by_hand(x[:, k], encoder.threshold_[k]))


@settings(deadline=None, max_examples=30)
@given(threshold=st.floats(0, 3), n=st.integers(1, 80), dtype=st.sampled_from(["f4", "f8"]))
def test_the_sum_is_never_further_off_than_the_threshold(threshold, n, dtype):
    x = np.random.default_rng(n).normal(size=(n, 2)).astype(dtype)
    encoder = DeltaEncoder(threshold).fit(x)
    back = encoder.inverse_transform(encoder.transform(x))
    assert (np.abs(back - x) <= encoder.threshold_ + 1e-5).all()


def test_a_still_signal_sends_nothing_and_a_higher_threshold_less(rng):
    x = np.cumsum(rng.normal(size=(500, 1)), axis=0)
    sent = [(DeltaEncoder(t).fit_transform(x) != 0).mean() for t in (0.0, 0.2, 1.0)]
    assert sent[0] == 1.0
    assert sent[0] > sent[1] > sent[2]
    assert not DeltaEncoder().fit_transform(np.full((50, 1), 2.0))[1:].any()


def test_changes_keep_the_labels_and_stretches_begin_anew(rng):
    x = neurokit.signal(np.cumsum(rng.normal(size=(2, 200)), axis=1), sampling_rate=100)
    encoder = DeltaEncoder().fit(x)
    out = encoder.transform(x)
    assert out.dims == x.dims
    assert out.attrs == x.attrs
    joined = xr.concat([x[:, :50], x[:, 120:]], "time")
    parts = [encoder.transform(x[:, :50]), encoder.transform(x[:, 120:])]
    np.testing.assert_array_equal(encoder.transform(joined), np.concatenate(parts, axis=1))
    np.testing.assert_allclose(encoder.inverse_transform(out), x, atol=encoder.threshold_.max())


def test_a_negative_threshold_is_refused(rng):
    with pytest.raises(ValueError, match=r"0 or more, got -1\.0"):
        DeltaEncoder(-1.0).fit(rng.normal(size=(5, 1)))


# ------------------------------------------------------------------ LempelZiv


def count_by_hand(bits):
    """Cut off the shortest word that cannot be copied from what stands before its last symbol."""
    text, start, words = "".join(map(str, bits)), 0, 0
    while start < len(text):
        size = 1
        while start + size <= len(text) and text[start : start + size] in text[: start + size - 1]:
            size += 1
        words += 1
        start += size
    return words


def test_the_example_of_the_literature_has_its_words():
    # 0 . 001 . 10 . 100 . 1000 . 101: Lempel and Ziv (1976), and Kaspar and Schuster (1987)
    bits = np.array([int(c) for c in "0001101001000101"], dtype=np.uint8)
    assert count_words(bits) == 6


@settings(deadline=None, max_examples=200)
@given(bits=st.lists(st.integers(0, 1), max_size=120))
def test_words_equal_those_of_a_search_in_the_text(bits):
    assert count_words(np.array(bits, dtype=np.uint8)) == count_by_hand(bits)


@settings(deadline=None, max_examples=30)
@given(period=st.lists(st.integers(0, 1), min_size=1, max_size=7), times=st.integers(1, 60))
def test_repetition_adds_no_words(period, times):
    bits = np.array(period * times, dtype=np.uint8)
    assert count_words(bits) == count_by_hand(bits)
    assert count_words(bits) <= count_by_hand(period) + 1


def test_order_is_low_and_noise_near_one(rng):
    n = 4000
    x = np.stack([np.sin(np.arange(n) / 20), rng.normal(size=n), np.zeros(n)])[None]
    regular, random, flat = LempelZiv().fit_transform(x)[0]
    assert regular < 0.1
    assert 0.95 < random < 1.1
    assert flat < 0.01


def test_complexity_keeps_trials_and_channels(rng):
    x = neurokit.signal(
        rng.normal(size=(4, 2, 100)), sampling_rate=50, trials={"label": list("abab")}
    )
    out = LempelZiv().fit_transform(x)
    assert out.dims == ("trial", "channel")
    assert out["label"].values.tolist() == list("abab")
    assert out["channel"].values.tolist() == ["ch0", "ch1"]
    np.testing.assert_array_equal(LempelZiv().fit(x).transform(x[1]), out[[1]])
    spikes = LempelZiv(binarize="zero").fit_transform(np.maximum(x.values, 0))
    assert not np.array_equal(spikes, LempelZiv().fit_transform(np.maximum(x.values, 0)))
    with pytest.raises(ValueError, match='must be "median" or "zero", got \'mean\''):
        LempelZiv(binarize="mean").fit(x)


# ------------------------------------------------------------------ all of them


@pytest.mark.parametrize("make", [LegendreHistory, DeltaEncoder])
@settings(deadline=None, max_examples=20)
@given(cuts=st.lists(st.integers(0, 90), max_size=5))
def test_a_stream_gives_what_the_whole_recording_gives(make, cuts):
    x = counts(np.random.default_rng(0).poisson(2.0, (3, 90)), bin_width=0.01)
    fitted = make().fit(x)
    stream, rows = fitted.stream(), x.values.T
    parts = [stream.push(rows[a:b]) for a, b in itertools.pairwise([0, *sorted(cuts), 90])]
    joined = np.concatenate([*parts, stream.flush()])
    whole = fitted.transform(x).transpose("time", ...)
    np.testing.assert_allclose(joined, whole, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("make", [LegendreHistory, DeltaEncoder, LempelZiv])
def test_it_survives_pickle_clone_and_file(make, spikes, tmp_path):
    fitted = make().fit(spikes)
    loaded = make.load(fitted.save(tmp_path / "fitted.safetensors"))
    for other in (pickle.loads(pickle.dumps(fitted)), loaded, clone(fitted).fit(spikes)):
        xr.testing.assert_identical(other.transform(spikes), fitted.transform(spikes))


@parametrize_with_checks(
    [LegendreHistory(sampling_rate=50.0), DeltaEncoder(), LempelZiv()],
    expected_failed_checks=lambda e: {} if isinstance(e, LempelZiv) else ORDERED,
)
def test_scikit_learn_contract(estimator, check):
    check(estimator)
