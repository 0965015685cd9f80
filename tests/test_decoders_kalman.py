import itertools
import pickle

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import solve_discrete_are
from sklearn.base import clone
from sklearn.model_selection import KFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import parametrize_with_checks

from neurokit.decoders import KalmanRegressor
from neurokit.features import LagWindow
from neurokit.recording import behaviour, counts
from neurokit.solvers.riccati import settle

ORDERED = {
    "check_methods_sample_order_invariance": "rows are successive samples in time",
    "check_methods_subset_invariance": "rows are successive samples in time",
}


def simulate(n, seed=0, n_units=8):
    """A movement that obeys the model, and its parameters."""
    rng = np.random.default_rng(seed)
    a = np.array([[0.95, 0.1], [-0.1, 0.9]])
    h = rng.normal(size=(n_units, 2))
    z = np.zeros((n, 2))
    for t in range(1, n):
        z[t] = a @ z[t - 1] + rng.normal(scale=0.3, size=2)
    return z @ h.T + rng.normal(size=(n, n_units)) + 3.0, z + np.array([1.0, -2.0]), a, h


def filter_fully(model, x):
    """The recursion as printed in the paper, with the whole innovation covariance inverted."""
    a, w = model.transition_, model.process_scale * model.transition_cov_
    h, q = model.observation_, model.observation_cov_
    state, spread, out = np.zeros(len(a)), model.initial_cov_, []
    for t, seen in enumerate(x - model.mean_):
        if t:
            state, spread = a @ state, a @ spread @ a.T + w
        gain = spread @ h.T @ np.linalg.inv(h @ spread @ h.T + q)
        state = state + gain @ (seen - h @ state)
        spread = spread - gain @ h @ spread
        out.append(state + model.intercept_)
    return np.array(out), gain


def condition_jointly(model, x):
    """Mean of z(t) given x up to t, from the joint covariance of everything."""
    n, d = len(x), len(model.intercept_)
    a, w = model.transition_, model.process_scale * model.transition_cov_
    cov = np.zeros((n, n, d, d))
    cov[0, 0] = model.initial_cov_
    for t in range(1, n):
        cov[t, t] = a @ cov[t - 1, t - 1] @ a.T + w
        for s in range(t):
            cov[t, s] = a @ cov[t - 1, s]
            cov[s, t] = cov[t, s].T
    movement = cov.transpose(0, 2, 1, 3).reshape(n * d, n * d)
    see = np.kron(np.eye(n), model.observation_)
    seen = see @ movement @ see.T + np.kron(np.eye(n), model.observation_cov_)
    out = []
    for t in range(n):
        known = (t + 1) * x.shape[1]
        cross = movement[t * d : (t + 1) * d] @ see.T[:, :known]
        given_x = np.linalg.solve(seen[:known, :known], (x[: t + 1] - model.mean_).ravel())
        out.append(cross @ given_x + model.intercept_)
    return np.array(out)


def test_predictions_are_those_of_the_joint_gaussian():
    x, z, *_ = simulate(300)
    model = KalmanRegressor().fit(x, z)
    np.testing.assert_allclose(model.predict(x[:12]), condition_jointly(model, x[:12]), atol=1e-8)


@pytest.mark.parametrize("scale", [0.1, 1.0, 20.0])
def test_the_settled_recursion_equals_the_full_one(scale):
    x, z, *_ = simulate(400)
    model = KalmanRegressor(process_scale=scale).fit(x, z)
    expected, gain = filter_fully(model, x)
    np.testing.assert_allclose(model.predict(x), expected, atol=1e-9)
    np.testing.assert_allclose(model.gain_, gain, atol=1e-9)
    assert len(model.forward_) < 300


def test_the_settled_gain_solves_the_riccati_equation():
    x, z, *_ = simulate(400)
    model = KalmanRegressor().fit(x, z)
    h, q = model.observation_, model.observation_cov_
    spread = solve_discrete_are(model.transition_.T, h.T, model.transition_cov_, q)
    gain = spread @ h.T @ np.linalg.inv(h @ spread @ h.T + q)
    np.testing.assert_allclose(model.gain_, gain, atol=1e-8)


@pytest.mark.parametrize("seed", range(3))
def test_the_planted_model_is_recovered(seed):
    x, z, a, h = simulate(30_000, seed)
    model = KalmanRegressor().fit(x, z)
    np.testing.assert_allclose(model.transition_, a, atol=0.02)
    np.testing.assert_allclose(model.observation_, h, atol=0.03)
    np.testing.assert_allclose(model.transition_cov_, 0.09 * np.eye(2), atol=0.01)
    np.testing.assert_allclose(model.observation_cov_, np.eye(8), atol=0.05)


def test_no_decoder_of_single_steps_does_better_on_its_own_model():
    x, z, *_ = simulate(6000)
    x = x + np.random.default_rng(1).normal(scale=3.0, size=x.shape)
    model = KalmanRegressor().fit(x[:4000], z[:4000])
    alone = np.linalg.lstsq(np.c_[x[:4000], np.ones(4000)], z[:4000])[0]
    error = np.mean((np.c_[x[4000:], np.ones(2000)] @ alone - z[4000:]) ** 2)
    assert np.mean((model.predict(x[4000:]) - z[4000:]) ** 2) < 0.8 * error


def test_no_prediction_sees_the_future_or_the_truth():
    x, z, *_ = simulate(300)
    model = KalmanRegressor().fit(x, z)
    np.testing.assert_array_equal(model.predict(x[:100]), model.predict(x)[:100])


@settings(deadline=None, max_examples=30)
@given(cuts=st.lists(st.integers(0, 200), max_size=6))
def test_a_stream_gives_what_the_whole_recording_gives(cuts):
    x, z, *_ = simulate(200)
    model = KalmanRegressor().fit(x, z)
    stream = model.stream()
    parts = [stream.push(x[a:b]) for a, b in itertools.pairwise([0, *sorted(cuts), 200])]
    joined = np.concatenate([*parts, stream.flush()])
    np.testing.assert_allclose(joined, model.predict(x), rtol=1e-10, atol=1e-10)


def test_partial_fit_is_one_fit_on_both_days():
    x, z, *_ = simulate(600)
    half = KalmanRegressor().fit(x[:300], z[:300]).partial_fit(x[300:], z[300:])
    days = np.r_[0:300, 400:700] / 50
    whole = KalmanRegressor().fit(
        counts(x.T, bin_width=0.02).assign_coords(time=days),
        behaviour(z, sampling_rate=50).assign_coords(time=days),
    )
    for name in ("transition_", "transition_cov_", "observation_", "observation_cov_", "gain_"):
        np.testing.assert_allclose(getattr(half, name), getattr(whole, name), atol=1e-9)


def test_without_memory_only_the_new_day_counts():
    x, z, *_ = simulate(600)
    model = KalmanRegressor(memory=0.0).fit(x[:300], -z[:300]).partial_fit(x[300:], z[300:])
    np.testing.assert_allclose(model.gain_, KalmanRegressor().fit(x[300:], z[300:]).gain_)


def test_it_takes_labels_lags_and_cross_validation():
    x, z, *_ = simulate(600)
    x = counts(x.T, bin_width=0.05)
    y = behaviour(z, sampling_rate=20, features=["vx", "vy"])
    model = KalmanRegressor().fit(x, y)
    assert model.predict(x).dims == ("time", "feature")
    assert model.predict(x)["feature"].values.tolist() == ["vx", "vy"]
    pipeline = make_pipeline(LagWindow(3), KalmanRegressor())
    assert cross_val_score(pipeline, x.T, y, cv=KFold(3)).min() > 0.5


def test_each_stretch_begins_anew():
    x, z, *_ = simulate(400)
    x = counts(x.T, bin_width=0.05)
    model = KalmanRegressor().fit(x, z)
    first, second = x[:, :100], x[:, 200:300]
    joined = model.predict(xr.concat([first, second], "time"))
    np.testing.assert_allclose(
        joined, np.concatenate([model.predict(first), model.predict(second)])
    )


def test_silent_units_do_no_harm():
    x, z, *_ = simulate(400)
    silent = np.c_[x, np.zeros((400, 2))]
    np.testing.assert_allclose(
        KalmanRegressor().fit(silent, z).predict(silent),
        KalmanRegressor().fit(x, z).predict(x),
        atol=1e-5,
    )


def test_it_survives_pickle_clone_and_file(tmp_path):
    x, z, *_ = simulate(200)
    model = KalmanRegressor(process_scale=2.0).fit(x, z)
    loaded = KalmanRegressor.load(model.save(tmp_path / "kalman.safetensors"))
    for other in (pickle.loads(pickle.dumps(model)), loaded, clone(model).fit(x, z)):
        np.testing.assert_array_equal(other.predict(x), model.predict(x))
    loaded.partial_fit(x, z)


def test_what_cannot_be_done_is_refused():
    x, z, *_ = simulate(50)
    with pytest.raises(ValueError, match="two successive time steps"):
        KalmanRegressor().fit(x[:1], z[:1])
    with pytest.raises(ValueError, match=r"process_scale must be positive .* got 0\.0 and 1\.0"):
        KalmanRegressor(process_scale=0.0).fit(x, z)
    with pytest.raises(ValueError, match="y has 1 outputs, before there were 2"):
        KalmanRegressor().fit(x, z).partial_fit(x, z[:, :1])


@parametrize_with_checks([KalmanRegressor()], expected_failed_checks=lambda _: ORDERED)
def test_scikit_learn_contract(estimator, check):
    check(estimator)


@pytest.mark.parametrize("level", [0.0, 0.1, 3.0, 1e8])
def test_units_that_never_change_leave_a_prediction(level):
    y = np.random.default_rng(0).normal(size=(200, 2))
    x = np.full((200, 3), level)
    out = KalmanRegressor().fit(x, y).predict(x)
    np.testing.assert_allclose(out, np.tile(y.mean(0), (200, 1)), atol=1e-5)


@settings(deadline=None, max_examples=30)
@given(
    k=st.integers(1, 4), seed=st.integers(0, 999), scale=st.sampled_from([0.5, 0.95, 1.0, 1.02])
)
def test_doubling_gives_the_covariances_of_plain_steps(k, seed, scale):
    rng = np.random.default_rng(seed)
    a = rng.normal(size=(k, k))
    a *= scale / np.abs(np.linalg.eigvals(a)).max()
    seen = rng.normal(size=(1, k)) * (np.arange(k) < max(k - 1, 1))  # one direction is hidden
    m, w, p = seen.T @ seen, np.diag(rng.random(k)), np.diag(rng.random(k))
    found = settle(p, a, m, w, 1e-13)
    assert 2 <= len(found) <= 8192
    for one in found[:300]:
        np.testing.assert_allclose(one, p, rtol=1e-7, atol=1e-9 * np.abs(p).max())
        p = a @ np.linalg.solve(np.eye(k) + p @ m, p) @ a.T + w
    if len(found) <= 300:  # it stood still there, and not before
        assert np.abs(p - found[-1]).max() <= 1.1e-13 * np.abs(p).max()


def test_a_position_that_no_unit_tells_settles_too(rng):
    velocity = 0.1 * np.cumsum(rng.normal(size=(800, 1)), axis=0)
    z = np.concatenate([np.cumsum(velocity, 0) * 0.02, velocity], 1)
    x = rng.poisson(np.exp(0.3 * velocity + np.zeros(6))).astype(float)
    x[:, 3:] = 0.0
    model = KalmanRegressor().fit(x, z)
    np.testing.assert_allclose(model.predict(x), filter_fully(model, x)[0], rtol=1e-6, atol=1e-6)
