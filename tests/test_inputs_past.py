"""Rows of a history whose past is not known are marked, and not learnt from."""

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline

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
from neurokit.inputs.past import leave_unknown_out, mark_known
from neurokit.inputs.series import series
from neurokit.inputs.targets import target
from neurokit.training import Trainer

BRIEF = {"hidden": 4, "trainer": Trainer(2, device="cpu"), "random_state": 0}
DECODERS = [
    WienerRegressor(2),
    WienerCascadeRegressor(2),
    KalmanRegressor(),
    RecurrentRegressor(**BRIEF),
    WindowMLPRegressor(**BRIEF),
]


def recording(rng, n=240):
    x = neurokit.counts(rng.poisson(2, (3, n)), bin_width=0.02, ids=list("abc"))
    y = np.cumsum(rng.normal(size=(n, 2)), 0)
    return x, neurokit.behaviour(y, sampling_rate=50, features=["vx", "vy"])


@settings(deadline=None, max_examples=40)
@given(cuts=st.lists(st.integers(1, 59), max_size=3), lags=st.lists(st.integers(1, 9), max_size=3))
def test_a_row_is_known_where_all_its_window_is(cuts, lags):
    """Histories of histories, over clocks that jump, against loops."""
    x = neurokit.counts(np.ones((1, 60)), bin_width=0.02)
    jumps = sum((np.arange(60) >= cut).astype(float) for cut in cuts)
    x = x.drop_vars("time").assign_coords(time=np.arange(60) / 50 + jumps + np.zeros(60))
    known, out = np.ones(60, bool), x
    begins = [max([0, *(cut for cut in cuts if cut <= t)]) for t in range(60)]
    for n_lags in lags:
        out = LagWindow(n_lags).fit_transform(out)
        rows = [range(t - n_lags + 1, t + 1) for t in range(60)]
        known = np.array([r[0] >= b and known[r].all() for r, b in zip(rows, begins, strict=True)])
        assert out["past_known"].values.tolist() == known.tolist()


@pytest.mark.parametrize("decoder", DECODERS, ids=lambda d: type(d).__name__)
@pytest.mark.parametrize("history", [LagWindow(5), LegendreHistory(3, window=0.1)])
def test_what_stands_before_a_recording_is_not_learnt_from(rng, decoder, history):
    x, y = recording(rng)
    wild = y.copy()
    wild[:4] = 1e6  # beside rows whose window reaches before the beginning
    chains = ((history,), (history, BesselFilter(5.0, mode="causal")))
    for steps in chains[: 1 if hasattr(decoder, "trainer") else 2]:
        made = make_pipeline(*map(clone, steps)).fit_transform(x)
        plain = clone(decoder).fit(made.isel(time=slice(4, None)), y.isel(time=slice(4, None)))
        pipeline = make_pipeline(*map(clone, steps), clone(decoder)).fit(x, wild)
        np.testing.assert_allclose(pipeline.predict(x)[40:], plain.predict(made)[40:], rtol=1e-4)


def test_a_second_day_and_held_out_blocks_leave_them_out_too(rng):
    x, y = recording(rng)
    wild = y.copy()
    wild[:4] = 1e6
    made = LagWindow(5).fit_transform(x)
    one, other = (WienerRegressor(1).fit(made, y) for _ in range(2))
    found = one.partial_fit(made, wild).predict(made)
    np.testing.assert_array_equal(found, other.partial_fit(made, y).predict(made))
    smoothed = SmoothedRegressor(KalmanRegressor(), BesselFilter(5.0, mode="causal"))
    found = clone(smoothed).fit(made, wild).decoder_.predict(made)
    np.testing.assert_array_equal(found, clone(smoothed).fit(made, y).decoder_.predict(made))


def test_trials_each_begin_anew():
    x = neurokit.counts(np.ones((2, 3, 10)), bin_width=0.02)
    out = LagWindow(4).fit_transform(x)
    assert out["past_known"].values.tolist() == [False] * 3 + [True] * 7
    estimator = WienerRegressor(1)
    rows = series(estimator, out, reset=True)
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
    for truth in (wild, wild.values):
        np.testing.assert_allclose(RidgeEncoder(cv=2).fit(made, truth).coef_, expected.coef_)
    grouped = RidgeEncoder(cv=2).fit(made, wild, groups=folds)
    by_hand = RidgeEncoder(cv=2).fit(part, y.isel(time=slice(2, None)), groups=folds[2:])
    np.testing.assert_allclose(grouped.coef_, by_hand.coef_)
    with pytest.raises(ValueError, match="239"):
        RidgeEncoder(cv=2).fit(made, wild.values[:-1])


def test_where_nothing_is_known_everything_is_learnt_from(rng):
    x, y = recording(rng, 6)
    made = LagWindow(7).fit_transform(x)
    assert not made["past_known"].any()
    assert np.isfinite(WienerRegressor(1).fit(made, y).predict(made)).all()


def test_other_regressors_take_the_marked_rows(rng):
    x, y = recording(rng)
    made = LagWindow(3).fit_transform(x)
    known = made["past_known"]
    assert known.values.tolist() == [False] * 2 + [True] * 238
    ridge = Ridge().fit(made[known], y[known])
    by_hand = Ridge().fit(made.values[2:], y.values[2:])
    np.testing.assert_allclose(ridge.coef_, by_hand.coef_)
    assert (
        mark_known(x, x.assign_coords(past_known=("time", np.zeros(240, bool))), 0)[
            "past_known"
        ].sum()
        == 0
    )


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
