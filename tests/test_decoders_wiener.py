import itertools
import pickle

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import lfilter
from sklearn.base import clone
from sklearn.linear_model import Ridge
from sklearn.metrics import r2_score
from sklearn.model_selection import GridSearchCV, KFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import parametrize_with_checks

from neurokit.decoders import BesselFilter, WienerCascadeRegressor, WienerRegressor
from neurokit.features import LagWindow
from neurokit.recording import behaviour, counts
from neurokit.solvers.ridge import choose_penalty, lagged_moments, rows_with_past

ORDERED = {
    "check_methods_sample_order_invariance": "rows are successive samples in time",
    "check_methods_subset_invariance": "rows are successive samples in time",
}


@pytest.fixture
def recording(rng):
    """6 units over 600 bins of 20 ms, and a movement that follows them 0 to 2 bins later."""
    x = counts(rng.poisson(2.0, (6, 600)), bin_width=0.02, ids=list("abcdef"))
    lagged = lag_by_hand(x.values.T, 3, x.values.mean(1))
    y = lagged @ rng.normal(size=(18, 2)) + rng.normal(scale=0.5, size=(600, 2))
    return x, behaviour(y, sampling_rate=50, features=["vx", "vy"])


def lag_by_hand(x, n_lags, before):
    """Rows of present, last, ... written in loops."""
    n, n_units = x.shape
    out = np.empty((n, n_lags * n_units))
    for t in range(n):
        for lag in range(n_lags):
            row = x[t - lag] if t >= lag else before
            out[t, lag * n_units : (lag + 1) * n_units] = row
    return out


# ------------------------------------------------------------------ LagWindow


def test_windows_equal_those_of_a_loop(recording):
    x, _ = recording
    out = LagWindow(4, start="mean").fit_transform(x)
    np.testing.assert_allclose(out, lag_by_hand(x.values.T, 4, x.values.mean(1)))
    assert out["unit"].values.tolist() == list("abcdef") * 4
    np.testing.assert_allclose(out["lag"], np.repeat([0, 0.02, 0.04, 0.06], 6))


def test_a_window_in_seconds_counts_its_bins(recording):
    x, _ = recording
    assert LagWindow(window=0.1).fit(x).n_lags_ == 5
    assert LagWindow(window=0.1, sampling_rate=30.0).fit(x.values.T).n_lags_ == 3


@settings(deadline=None, max_examples=30)
@given(n_lags=st.integers(1, 6), cuts=st.lists(st.integers(0, 90), max_size=5))
def test_streamed_windows_equal_those_of_the_whole(n_lags, cuts):
    x = np.random.default_rng(0).normal(size=(90, 3))
    lags = LagWindow(n_lags).fit(x)
    stream = lags.stream()
    parts = [stream.push(x[a:b]) for a, b in itertools.pairwise([0, *sorted(cuts), 90])]
    np.testing.assert_array_equal(np.concatenate([*parts, stream.flush()]), lags.transform(x))


def test_feature_names_tell_unit_and_lag(recording):
    x, _ = recording
    names = LagWindow(2).fit(x).get_feature_names_out()
    assert names[[0, 6]].tolist() == ["a@0", "a@1"]


# ------------------------------------------------------------------ sums instead of matrices


@settings(deadline=None, max_examples=30)
@given(
    lengths=st.lists(st.integers(1, 12), min_size=1, max_size=5),
    n_lags=st.integers(1, 6),
    n_units=st.integers(1, 4),
    n_blocks=st.integers(1, 4),
)
def test_moments_equal_those_of_the_laid_out_matrix(lengths, n_lags, n_units, n_blocks):
    rng = np.random.default_rng(0)
    n = sum(lengths)
    x, y = rng.normal(size=(n, n_units)), rng.normal(size=(n, 2))
    edges = [0, *itertools.accumulate(lengths)]
    runs = [slice(a, b) for a, b in itertools.pairwise(edges)]
    laid_out = np.concatenate([lag_by_hand(x[run], n_lags, np.zeros(n_units)) for run in runs])
    whole = [t for run in runs for t in range(run.start, run.stop) if t - run.start >= n_lags - 1]
    known = whole or list(range(n))  # no stretch is as long as the window
    assert rows_with_past(runs, n_lags - 1).tolist() == known
    n_blocks = min(n_blocks, len(known))
    found = lagged_moments(x, y, runs, n_lags, n_blocks)
    for block, rows in zip(found, np.array_split(known, n_blocks), strict=True):
        a, b = laid_out[rows], y[rows]
        expected = (len(rows), a.sum(0), b.sum(0), a.T @ a, a.T @ b, (b**2).sum(0))
        for got, want in zip(block, expected, strict=True):
            np.testing.assert_allclose(got, want, atol=1e-9)


def test_the_penalty_is_that_of_cross_validation_with_refits(rng):
    x = rng.normal(size=(60, 8))
    y = x @ rng.normal(size=(8, 3)) + 4 * rng.normal(size=(60, 3))
    chosen = choose_penalty(lagged_moments(x, y, [slice(0, 60)], 1, 5))
    scale = np.trace(np.cov(x.T) * 59) / 8
    grid = scale * np.logspace(-7, 3, 21)
    error = np.zeros((21, 3))
    for train, test in KFold(5).split(x):
        for i, alpha in enumerate(grid):
            guess = Ridge(alpha).fit(x[train], y[train]).predict(x[test])
            error[i] += ((y[test] - guess) ** 2).sum(0)
    np.testing.assert_allclose(chosen, grid[error.argmin(0)])


# ------------------------------------------------------------------ WienerRegressor


@pytest.mark.parametrize("alpha", [0.0, 1.0, 300.0])
def test_weights_are_those_of_ridge_on_the_laid_out_matrix(recording, alpha):
    x, y = recording
    laid_out = lag_by_hand(x.values.T, 3, x.values.mean(1))
    ridge = Ridge(alpha).fit(laid_out[2:], y.values[2:])  # from where the past is known
    wiener = WienerRegressor(3, alpha=alpha).fit(x, y)
    np.testing.assert_allclose(wiener.coef_.reshape(2, -1), ridge.coef_, atol=1e-8)
    np.testing.assert_allclose(wiener.predict(x), ridge.predict(laid_out), atol=1e-8)


def test_the_planted_weights_are_recovered(rng):
    x = rng.poisson(3.0, (4000, 5)).astype(float)
    truth = rng.normal(size=(2, 3, 5))
    y = np.einsum("tlu,olu->to", lag_by_hand(x, 3, x.mean(0)).reshape(4000, 3, 5), truth)
    wiener = WienerRegressor(3).fit(x, y + 0.1 * rng.normal(size=y.shape))
    np.testing.assert_allclose(wiener.coef_, truth, atol=0.01)


def test_it_joins_a_pipeline_a_grid_search_and_cross_validation(recording):
    x, y = recording
    x = x.T  # rows are samples, as scikit-learn's splitters have it
    pipeline = make_pipeline(BesselFilter(20.0, mode="causal"), WienerRegressor(4))
    scores = cross_val_score(pipeline, x, y, cv=KFold(3))
    assert (scores > 0).all()
    search = GridSearchCV(WienerRegressor(), {"n_lags": [1, 3]}, cv=KFold(3)).fit(x, y)
    assert search.best_params_ == {"n_lags": 3}
    lags = LagWindow(3, start="mean").fit(x)
    same = make_pipeline(lags, Ridge(1.0).fit(lags.transform(x).values[2:], y.values[2:]))
    ours = WienerRegressor(3, alpha=1.0).fit(x, y)
    np.testing.assert_allclose(same.predict(x), ours.predict(x), atol=1e-8)


def test_the_start_of_a_run_is_not_learned_from(rng):
    # a bleaching calcium trace: what stands before its start is no mean
    n, n_lags = 2400, 30
    rate = np.convolve(rng.poisson(0.1, n), np.ones(15) / 15, "same")
    x = lfilter([1], [1, -0.95], rate) + 8 * np.exp(-np.arange(n) / 600)
    x = (x + 0.02 * rng.normal(size=n))[:, None]
    wiener = WienerRegressor(n_lags).fit(x[:1800], rate[:1800])
    laid_out = lag_by_hand(x, n_lags, x.mean(0))
    ridge = Ridge(wiener.alpha_[0]).fit(laid_out[n_lags - 1 : 1800], rate[n_lags - 1 : 1800])
    found, expected = wiener.predict(x[1800:])[30:], ridge.predict(laid_out[1830:])
    np.testing.assert_allclose(found, expected, atol=1e-6)
    assert r2_score(rate[1830:], found) > 0.7


def test_predictions_carry_the_labels_of_the_recording(recording):
    x, y = recording
    wiener = WienerRegressor(2).fit(x, y)
    out = wiener.predict(x[:, 100:200])
    assert out.dims == ("time", "feature")
    assert out["feature"].values.tolist() == ["vx", "vy"]
    np.testing.assert_array_equal(out["time"], x["time"][100:200])
    shuffled = wiener.predict(x[::-1, 100:200])  # units are found by name
    xr.testing.assert_identical(shuffled, out)
    flat = WienerRegressor(2).fit(x, y[:, 0]).predict(x)
    assert flat.dims == ("time",)


def test_histories_do_not_reach_across_a_jump_or_another_trial(recording):
    x, y = recording
    wiener = WienerRegressor(4).fit(x, y)
    first, second = x[:, :100], x[:, 300:400]
    joined = wiener.predict(xr.concat([first, second], "time"))
    expected = np.concatenate([wiener.predict(first), wiener.predict(second)])
    np.testing.assert_allclose(joined, expected)
    trials = xr.concat([first, first.copy(data=second.values)], "trial")
    np.testing.assert_allclose(wiener.predict(trials).values.reshape(-1, 2), expected)


@settings(deadline=None, max_examples=30)
@given(n_lags=st.integers(1, 6), cuts=st.lists(st.integers(0, 90), max_size=5))
def test_a_stream_gives_what_the_whole_recording_gives(n_lags, cuts):
    rng = np.random.default_rng(0)
    x, y = rng.poisson(2.0, (90, 3)), rng.normal(size=(90, 2))
    wiener = WienerRegressor(n_lags).fit(x, y)
    stream = wiener.stream()
    parts = [stream.push(x[a:b]) for a, b in itertools.pairwise([0, *sorted(cuts), 90])]
    joined = np.concatenate([*parts, stream.flush()])
    np.testing.assert_allclose(joined, wiener.predict(x), rtol=1e-12, atol=1e-12)


def test_partial_fit_is_one_fit_on_both_days(recording):
    x, y = recording
    half = WienerRegressor(3, alpha=1.0).fit(x[:, :300], y[:300]).partial_fit(x[:, 300:], y[300:])
    jump = np.r_[0:300, 400:700] / 50
    both = WienerRegressor(3, alpha=1.0)
    mean = x.values[:, :300].mean(1)
    laid_out = np.concatenate(
        [lag_by_hand(x.values[:, s].T, 3, mean) for s in (slice(300), slice(300, None))]
    )
    assert both.fit(x.assign_coords(time=jump), y.assign_coords(time=jump)).coef_.shape == (
        2,
        3,
        6,
    )
    known = np.r_[2:300, 302:600]
    ridge = Ridge(1.0).fit(laid_out[known], y.values[known])
    np.testing.assert_allclose(half.coef_.reshape(2, -1), ridge.coef_, atol=1e-8)


def test_without_memory_only_the_new_day_counts(recording):
    x, y = recording
    forgetful = WienerRegressor(1, alpha=1.0, memory=0.0).fit(x[:, :300], -y[:300])
    fresh = WienerRegressor(1, alpha=1.0).fit(x[:, 300:], y[300:])
    np.testing.assert_allclose(
        forgetful.partial_fit(x[:, 300:], y[300:]).coef_, fresh.coef_, atol=1e-8
    )


def test_it_survives_pickle_clone_and_file(recording, tmp_path):
    x, y = recording
    wiener = WienerRegressor(3).fit(x, y)
    loaded = WienerRegressor.load(wiener.save(tmp_path / "wiener.safetensors"))
    for other in (pickle.loads(pickle.dumps(wiener)), loaded, clone(wiener).fit(x, y)):
        xr.testing.assert_identical(other.predict(x), wiener.predict(x))
    loaded.partial_fit(x, y)


def test_silent_units_and_twins_do_no_harm(recording):
    x, y = recording
    twins = xr.concat([x, x.isel(unit=[0]), 0 * x.isel(unit=[1])], "unit").assign_coords(
        unit=list("abcdefgh")
    )
    for alpha in ("auto", 1.0, 0.0):
        score = WienerRegressor(3, alpha=alpha).fit(twins, y).score(twins, y)
        assert score == pytest.approx(WienerRegressor(3).fit(x, y).score(x, y), abs=1e-3)


@pytest.mark.parametrize("decoder", [WienerRegressor(3), WienerCascadeRegressor(3)])
def test_from_silence_the_mean_is_predicted(recording, decoder):
    x, y = recording
    out = decoder.fit(0 * x, y).predict(0 * x)
    np.testing.assert_allclose(out, np.tile(y.values[2:].mean(0), (600, 1)), atol=1e-9)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"alpha": -1.0}, r'alpha must be "auto" or a number, 0 or more, got -1\.0'),
        ({"alpha": "gcv"}, "got 'gcv'"),
        ({"n_lags": 0}, "at least one bin, got n_lags=0"),
        ({"window": 0.001}, r"at least one bin, .* window=0\.001"),
        (
            {"window": 500.0},
            r"window=500\.0 s holds \d+ bins, and X has 600; window is in seconds",
        ),
        ({"memory": 2.0}, r"memory must lie between 0 and 1, got 2\.0"),
    ],
)
def test_parameters_out_of_range_are_refused(recording, parameters, message):
    with pytest.raises(ValueError, match=message):
        WienerRegressor(**parameters).fit(*recording)


def test_misfitting_data_are_refused(recording):
    x, y = recording
    wiener = WienerRegressor(2).fit(x, y)
    with pytest.raises(ValueError, match="lacks"):
        wiener.predict(x[:4])
    with pytest.raises(ValueError, match="y has 1 outputs, before there were 2"):
        wiener.partial_fit(x, y[:, :1])
    with pytest.raises(ValueError, match="needs sampling_rate="):
        WienerRegressor(window=0.1).fit(x.values.T, y.values)
    with pytest.raises(ValueError, match="apart"):
        WienerRegressor(2).fit(x, y.assign_coords(time=y.time.values + 5.0))


@parametrize_with_checks(
    [LagWindow(), WienerRegressor(), WienerRegressor(1, alpha=1.0)],
    expected_failed_checks=lambda e: ORDERED if (e.n_lags > 1) else {},
)
def test_scikit_learn_contract(estimator, check):
    check(estimator)
