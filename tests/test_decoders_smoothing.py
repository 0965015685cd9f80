import itertools
import pickle

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.utils.estimator_checks import parametrize_with_checks

from neurokit.decoders import (
    BesselFilter,
    FIRSmoother,
    KalmanRegressor,
    SmoothedRegressor,
    WienerCascadeRegressor,
    WienerRegressor,
)
from neurokit.metrics.regression import decoding_r2
from neurokit.recording import behaviour, counts

ORDERED = {
    "check_methods_sample_order_invariance": "rows are successive samples in time",
    "check_methods_subset_invariance": "rows are successive samples in time",
}


@pytest.fixture
def noisy(rng):
    """A slow movement at 50 Hz and a noisy guess of it."""
    steps = rng.normal(size=(2000, 2))
    steps[0] = 0.0  # where the filter stands before the first sample
    truth = BesselFilter(1.0, mode="causal", sampling_rate=50.0).fit_transform(steps)
    truth /= truth.std(0)
    guess = truth + rng.normal(size=truth.shape)
    names = {"sampling_rate": 50, "features": ["vx", "vy"]}
    return behaviour(guess, **names), behaviour(truth, **names)


@pytest.fixture
def spikes(rng, noisy):
    """Counts of 10 units, of which each follows a direction."""
    truth = noisy[1].values
    rate = np.maximum(2 + truth @ rng.normal(size=(2, 10)), 0)
    return counts(rng.poisson(rate).T, bin_width=0.02)


# ------------------------------------------------------------------ FIRSmoother


def fir_by_hand(x, n_taps):
    """Each row the last samples, newest first; the first sample stands before the beginning."""
    return np.array([[x[max(t - k, 0)] for k in range(n_taps)] for t in range(len(x))])


@pytest.mark.parametrize("delay", [0, 5])
def test_taps_are_those_of_ridge_on_the_laid_out_matrix(noisy, delay):
    guess, truth = noisy
    fir = FIRSmoother(8, delay=delay, alpha=2.0).fit(guess, truth)
    for j in range(2):
        rows = fir_by_hand(guess.values[:, j], 8)
        ridge = Ridge(2.0).fit(rows[7:], truth.values[7 - delay : 2000 - delay, j])
        np.testing.assert_allclose(fir.taps_[:, j], ridge.coef_, atol=1e-9)
        np.testing.assert_allclose(fir.transform(guess)[:, j], ridge.predict(rows), atol=1e-9)
    assert fir.latency_ == fir.group_delay_ == delay / 50


def test_fitted_taps_beat_the_bessel_blocks_at_the_same_wait(noisy):
    guess, truth = noisy
    train, test = slice(0, 1000), slice(1000, None)
    shorter = BesselFilter(1.0, mode="block_last", block=16)
    for filter_, delay in ((shorter, 0), (BesselFilter(3.0, mode="block_middle"), 16)):
        bessel = filter_.fit(guess[train])
        fir = FIRSmoother(32, delay=delay).fit(guess[train], truth[train])
        assert fir.latency_ == bessel.latency_
        scores = [
            decoding_r2(truth[test], f.transform(guess[test]), delay=f.latency_).aligned
            for f in (bessel, fir)
        ]
        assert scores[1] > scores[0]


@settings(deadline=None, max_examples=30)
@given(n_taps=st.integers(1, 9), cuts=st.lists(st.integers(0, 90), max_size=5))
def test_a_smoothed_stream_gives_what_the_whole_gives(n_taps, cuts):
    x = np.random.default_rng(0).normal(size=(90, 2))
    fir = FIRSmoother(n_taps).fit(x, x**3)
    stream = fir.stream()
    parts = [stream.push(x[a:b]) for a, b in itertools.pairwise([0, *sorted(cuts), 90])]
    joined = np.concatenate([*parts, stream.flush()])
    np.testing.assert_array_equal(joined, fir.transform(x))


def test_stretches_are_smoothed_apart_and_keep_their_labels(noisy):
    guess, truth = noisy
    fir = FIRSmoother(16).fit(guess, truth)
    first, second = guess[:100], guess[300:400]
    joined = fir.transform(xr.concat([first, second], "time"))
    assert joined["feature"].values.tolist() == ["vx", "vy"]
    np.testing.assert_allclose(
        joined, np.concatenate([fir.transform(first), fir.transform(second)])
    )


def test_misfitting_smoothers_are_refused(noisy):
    guess, truth = noisy
    with pytest.raises(ValueError, match=r"must have one shape, got \(2000, 2\) and \(2000, 3\)"):
        FIRSmoother().fit(guess, np.ones((2000, 3)))
    with pytest.raises(ValueError, match="no stretch is longer than the delay of 2000 samples"):
        FIRSmoother(delay=2000).fit(guess, truth)
    with pytest.raises(ValueError, match=r"n_taps must be at least 1 .* got 0 and 0"):
        FIRSmoother(0).fit(guess, truth)


# ------------------------------------------------------------------ WienerCascadeRegressor


def test_a_planted_curve_is_found(rng):
    x = rng.normal(size=(3000, 4))
    linear = x @ [0.5, -0.3, 0.2, 0.1]
    y = np.c_[linear + 2 * linear**3, linear**2 + linear]
    cascade = WienerCascadeRegressor(1).fit(x[:2000], y[:2000])
    straight = WienerRegressor(1).fit(x[:2000], y[:2000])
    assert cascade.score(x[2000:], y[2000:]) > 0.99
    assert straight.score(x[2000:], y[2000:]) < 0.95


def test_a_curve_of_degree_one_is_the_line_itself_in_training(spikes, noisy):
    straight = WienerRegressor(3, alpha=0.0).fit(spikes, noisy[1])
    cascade = WienerCascadeRegressor(3, degree=1, alpha=0.0).fit(spikes, noisy[1])
    np.testing.assert_allclose(cascade.predict(spikes), straight.predict(spikes), atol=1e-9)


def test_the_curve_is_not_followed_beyond_what_was_seen(rng):
    x = rng.normal(size=(500, 1))
    cascade = WienerCascadeRegressor(1).fit(x, x**3)
    far = cascade.predict(np.array([[x.max()], [50.0], [1e6]]))
    np.testing.assert_allclose(far, np.tile(far[0], (3, 1)), rtol=1e-9)


def test_a_cascade_streams(spikes, noisy):
    cascade = WienerCascadeRegressor(4).fit(spikes, noisy[1])
    stream = cascade.stream()
    parts = [stream.push(chunk) for chunk in np.array_split(spikes.values.T, 7)]
    np.testing.assert_allclose(np.concatenate(parts), cascade.predict(spikes), atol=1e-10)
    assert stream.flush().shape == (0, 2)


def test_a_curve_needs_a_degree(spikes, noisy):
    with pytest.raises(ValueError, match="degree must be at least 1, got 0"):
        WienerCascadeRegressor(degree=0).fit(spikes, noisy[1])


# ------------------------------------------------------------------ SmoothedRegressor


@pytest.mark.parametrize("smoother", [BesselFilter(2.0, mode="causal"), FIRSmoother(16)])
def test_it_is_the_decoder_then_the_filter_whole_and_live(spikes, noisy, smoother):
    both = SmoothedRegressor(WienerRegressor(3), smoother).fit(spikes, noisy[1])
    out = both.predict(spikes)
    assert out.dims == ("time", "feature")
    assert out["feature"].values.tolist() == ["vx", "vy"]
    alone = WienerRegressor(3).fit(spikes, noisy[1]).predict(spikes)
    xr.testing.assert_allclose(out, both.smoother_.transform(alone))
    stream = both.stream()
    parts = [stream.push(chunk) for chunk in np.array_split(spikes.values.T, 9)]
    joined = np.concatenate([*parts, stream.flush()])
    np.testing.assert_allclose(joined, out, rtol=1e-9, atol=1e-9)
    flat = SmoothedRegressor(WienerRegressor(3), smoother).fit(spikes, noisy[1][:, 0])
    assert flat.predict(spikes).dims == ("time",)


def test_the_filter_is_fitted_on_what_the_decoder_has_not_seen(spikes, noisy):
    truth = noisy[1]
    both = SmoothedRegressor(WienerRegressor(3), FIRSmoother(8), n_blocks=4).fit(spikes, truth)
    held_out = np.empty((2000, 2))
    for train, test in KFold(4).split(held_out):
        decoder = WienerRegressor(3).fit(spikes.isel(time=train), truth.isel(time=train))
        held_out[test] = decoder.predict(spikes.isel(time=test))
    expected = FIRSmoother(8).fit(held_out, truth.values)
    np.testing.assert_allclose(both.smoother_.taps_, expected.taps_, atol=1e-9)


def test_latencies_add_up_and_cutoffs_can_be_searched(spikes, noisy):
    both = SmoothedRegressor(KalmanRegressor(), BesselFilter(5.0, mode="block_middle"))
    both.fit(spikes, noisy[1])
    assert both.latency_ == pytest.approx(17 / 50)  # and the bin itself
    search = GridSearchCV(
        SmoothedRegressor(WienerRegressor(1), BesselFilter(mode="causal")),
        {"smoother__cutoff": [0.1, 15.0]},
        cv=KFold(3),
    ).fit(spikes.T, noisy[1])
    assert search.best_params_ == {"smoother__cutoff": 15.0}


def test_trials_are_refused(spikes, noisy):
    trials = spikes.expand_dims("trial")
    with pytest.raises(ValueError, match="takes one recording with dims"):
        SmoothedRegressor(WienerRegressor(), FIRSmoother()).fit(
            trials, noisy[1].expand_dims("trial")
        )
    with pytest.raises(ValueError, match="n_blocks must lie between 2 and the samples"):
        SmoothedRegressor(WienerRegressor(), FIRSmoother(), n_blocks=1).fit(spikes, noisy[1])


# ------------------------------------------------------------------ all of them


@pytest.mark.parametrize(
    "estimator",
    [
        WienerCascadeRegressor(3),
        SmoothedRegressor(WienerRegressor(3), FIRSmoother(8)),
        SmoothedRegressor(KalmanRegressor(), BesselFilter(2.0, mode="causal")),
    ],
    ids=lambda e: type(e).__name__,
)
def test_it_survives_pickle_clone_and_file(estimator, spikes, noisy, tmp_path):
    fitted = clone(estimator).fit(spikes, noisy[1])
    loaded = type(fitted).load(fitted.save(tmp_path / "fitted.safetensors"))
    for other in (pickle.loads(pickle.dumps(fitted)), loaded, clone(fitted).fit(spikes, noisy[1])):
        xr.testing.assert_identical(other.predict(spikes), fitted.predict(spikes))


@parametrize_with_checks(
    [
        FIRSmoother(4),
        WienerCascadeRegressor(1),
        SmoothedRegressor(WienerRegressor(1), FIRSmoother(4)),
    ],
    expected_failed_checks=lambda e: {} if isinstance(e, WienerCascadeRegressor) else ORDERED,
)
def test_scikit_learn_contract(estimator, check):
    check(estimator)
