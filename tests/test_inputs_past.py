"""What a history does not know is NaN, and not learnt from."""

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import neurokit
from neurokit.decoders import (
    KalmanRegressor,
    RecurrentRegressor,
    SmoothedRegressor,
    WienerCascadeRegressor,
    WienerRegressor,
    WindowMLPRegressor,
)
from neurokit.decoders.bessel import BesselFilter
from neurokit.encoding import RidgeEncoder
from neurokit.features import LagWindow, LegendreHistory
from neurokit.inputs.past import leave_unknown_out
from neurokit.inputs.series import series
from neurokit.inputs.targets import target
from neurokit.streaming import stream
from neurokit.training import Trainer

BRIEF = {"hidden": 4, "trainer": Trainer(2, device="cpu"), "random_state": 0}
DECODERS = [
    WienerRegressor(2),
    WienerCascadeRegressor(2),
    KalmanRegressor(),
    RecurrentRegressor(**BRIEF),
    WindowMLPRegressor(**BRIEF),
]
HISTORIES = [LagWindow(5), LegendreHistory(3, window=0.1)]


def recording(rng, n=240):
    x = neurokit.counts(rng.poisson(2, (3, n)), bin_width=0.02, ids=list("abc"))
    y = np.cumsum(rng.normal(size=(n, 2)), 0)
    return x, neurokit.behaviour(y, sampling_rate=50, features=["vx", "vy"])


@settings(deadline=None, max_examples=40)
@given(cuts=st.lists(st.integers(1, 59), max_size=3), n_lags=st.integers(1, 9))
def test_a_row_is_known_where_all_its_window_is(cuts, n_lags):
    """Over clocks that jump, against loops."""
    x = neurokit.counts(np.arange(60.0)[None], bin_width=0.02)
    jumps = sum((np.arange(60) >= cut).astype(float) for cut in cuts)
    x = x.drop_vars("time").assign_coords(time=np.arange(60) / 50 + jumps + np.zeros(60))
    begins = [max([0, *(cut for cut in cuts if cut <= t)]) for t in range(60)]
    lagged = LagWindow(n_lags).fit_transform(x).values
    summed = LegendreHistory(2, window=n_lags / 50).fit_transform(x).values
    for t, begin in enumerate(begins):
        expected = [t - lag if t - lag >= begin else np.nan for lag in range(n_lags)]
        np.testing.assert_array_equal(lagged[t], expected)
        assert np.isnan(summed[t]).all() == (t - n_lags + 1 < begin)
        assert np.isnan(summed[t]).any() == (t - n_lags + 1 < begin)


def test_what_was_before_may_be_taken_for_the_mean(rng):
    x, _ = recording(rng)
    mean = x.values.mean(1)
    lagged = LagWindow(3, start="mean").fit_transform(x)
    np.testing.assert_allclose(lagged.values[0], [*x.values[:, 0], *mean, *mean])
    summed = LegendreHistory(3, window=0.1, start="mean").fit_transform(x)
    nan = LegendreHistory(3, window=0.1).fit_transform(x)
    assert np.isfinite(summed.values).all()
    np.testing.assert_array_equal(nan.values[4:], summed.values[4:])
    for history in HISTORIES:
        with pytest.raises(ValueError, match="start must be 'nan' or 'mean', got 'zero'"):
            clone(history).set_params(start="zero").fit(x)


@pytest.mark.parametrize("decoder", DECODERS, ids=lambda d: type(d).__name__)
@pytest.mark.parametrize("history", HISTORIES)
def test_what_stands_before_a_recording_is_not_learnt_from(rng, decoder, history):
    x, y = recording(rng)
    wild = y.copy()
    wild[:4] = 1e6  # beside rows whose window reaches before the beginning
    made = clone(history).fit_transform(x)
    plain = clone(decoder).fit(made.isel(time=slice(4, None)), y.isel(time=slice(4, None)))
    pipeline = make_pipeline(clone(history), clone(decoder)).fit(x, wild)
    whole = pipeline.predict(x)
    np.testing.assert_allclose(whole[40:], plain.predict(made)[40:], rtol=1e-4)
    mean = made.isel(time=slice(4, None)).mean("time")
    np.testing.assert_allclose(whole, plain.predict(made.fillna(mean)), rtol=1e-4, atol=1e-6)
    live = stream(pipeline)
    chunks = [live.push(x.values.T[a:b]) for a, b in ((0, 1), (1, 3), (3, 60), (60, 240))]
    np.testing.assert_allclose(np.concatenate(chunks), whole, rtol=1e-6, atol=1e-9)
    if hasattr(decoder, "trainer"):
        return
    arrays = clone(decoder).fit(made.values, wild.values)  # plain arrays know it too
    np.testing.assert_allclose(arrays.predict(made.values), whole, rtol=1e-6)
    lazy = pipeline.predict(x.chunk(time=50))
    np.testing.assert_allclose(lazy.compute(), whole, rtol=1e-6)


def test_a_second_day_and_held_out_blocks_leave_them_out_too(rng):
    x, y = recording(rng)
    wild = y.copy()
    wild[:4] = 1e6
    made = LagWindow(5).fit_transform(x)
    one, other = (WienerRegressor(1).fit(made, y) for _ in range(2))
    found = one.partial_fit(made, wild).predict(made)
    np.testing.assert_array_equal(found, other.partial_fit(made, y).predict(made))
    smoothed = SmoothedRegressor(
        KalmanRegressor(), BesselFilter(5.0, mode="causal", sampling_rate=50.0)
    )
    for given_, truth, calm in ((made, wild, y), (made.values, wild.values, y.values)):
        found = clone(smoothed).fit(given_, truth).decoder_.predict(given_)
        np.testing.assert_array_equal(
            found, clone(smoothed).fit(given_, calm).decoder_.predict(given_)
        )


def test_trials_each_begin_anew():
    x = neurokit.counts(np.ones((2, 3, 10)), bin_width=0.02)
    out = LagWindow(4).fit_transform(x)
    estimator = WienerRegressor(1)
    rows = series(estimator, out, reset=True, past=True)
    kept, truth = leave_unknown_out(rows, target(estimator, np.arange(20.0), rows))
    assert truth.values[:, 0].tolist() == [*range(3, 10), *range(13, 20)]
    assert kept.runs == [slice(0, 7), slice(7, 14)]


def test_encoding_models_leave_them_out(rng):
    x, y = recording(rng)
    wild = y.copy()
    wild[:2] = 1e6
    made = LagWindow(3).fit_transform(x)
    part = made.isel(time=slice(2, None))
    expected = RidgeEncoder(cv=2).fit(part, y.isel(time=slice(2, None)))
    folds = np.arange(240) // 60
    for given_, truth in ((made, wild), (made, wild.values), (made.values, wild.values)):
        encoder = RidgeEncoder(cv=2).fit(given_, truth)
        np.testing.assert_allclose(encoder.coef_, expected.coef_)
        predicted = np.asarray(encoder.predict(given_))
        filled = made.fillna(part.mean("time"))
        np.testing.assert_allclose(predicted, expected.predict(filled))
    grouped = RidgeEncoder(cv=2).fit(made, wild, groups=folds)
    by_hand = RidgeEncoder(cv=2).fit(part, y.isel(time=slice(2, None)), groups=folds[2:])
    np.testing.assert_allclose(grouped.coef_, by_hand.coef_)
    with pytest.raises(ValueError, match="239"):
        RidgeEncoder(cv=2).fit(made, wild.values[:-1])
    trials = neurokit.counts(np.ones((2, 3, 10)), bin_width=0.02)
    with pytest.raises(ValueError, match=r"NaN where trials begin; leave .* start='mean'"):
        RidgeEncoder(cv=2).fit(LagWindow(3).fit_transform(trials), np.zeros(20))


@pytest.mark.parametrize("decoder", [WienerRegressor(2), KalmanRegressor(), RidgeEncoder(cv=2)])
def test_gaps_elsewhere_are_refused(rng, decoder):
    x, y = recording(rng)
    made = LagWindow(3).fit_transform(x)
    broken = made.copy()
    broken[100, 1] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        clone(decoder).fit(broken, y)
    decoder.fit(made, y)
    with pytest.raises(ValueError, match="NaN"):
        decoder.predict(broken)
    if hasattr(decoder, "stream"):
        live = decoder.stream()
        live.push(made.values[:50])
        with pytest.raises(ValueError, match="NaN"):
            live.push(broken.values[90:110])
    with pytest.raises(ValueError, match=r"NaN in every row; .* start='mean'"):
        clone(decoder).fit(made[:2], y[:2])


def test_regressors_of_scikit_learn_refuse_what_is_not_known(rng):
    x, y = recording(rng)
    for history in HISTORIES:
        for steps in ((), (StandardScaler(),)):
            with pytest.raises(ValueError, match="contains NaN"):
                make_pipeline(history, *steps, Ridge()).fit(x, y)
            plain = make_pipeline(clone(history).set_params(sampling_rate=50.0), *steps, Ridge())
            with pytest.raises(ValueError, match="contains NaN"):
                plain.fit(x.values.T, y.values)
    made = LagWindow(3).fit_transform(x).dropna("time")
    ridge = Ridge().fit(made, y.sel(time=made["time"]))
    by_hand = Ridge().fit(made.values, y.values[2:])
    np.testing.assert_allclose(ridge.coef_, by_hand.coef_)
    trees = make_pipeline(LagWindow(3), HistGradientBoostingRegressor(max_iter=3))
    assert np.isfinite(trees.fit(x, y.values[:, 0]).predict(x)).all()
    make_pipeline(LagWindow(3, start="mean"), Ridge()).fit(x, y)


def test_a_long_recording_goes_by_blocks(rng):
    import tracemalloc

    import dask.array as da

    values = da.random.default_rng(0).random((8, 400_000), chunks=(8, 20_000))
    x = neurokit.signal(values, sampling_rate=1000)
    tracemalloc.start()
    for history in (LagWindow(3), LegendreHistory(3, window=0.01, sampling_rate=1000)):
        out = history.fit(x).transform(x)
        assert isinstance(out, xr.DataArray)
        assert out.chunks is not None
        if isinstance(history, LagWindow):
            mean = out.mean("time").compute(scheduler="synchronous")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20e6  # of 26 MB that came in, and 77 that came out
    np.testing.assert_allclose(mean, 0.5, atol=0.01)
