"""Rates of jumps: closed forms, simulated truth, wrong labels, bad input."""

import numpy as np
import pytest
import xarray as xr
from scipy.linalg import expm, logm
from sklearn.exceptions import ConvergenceWarning

from neurokit.clustering import DwellTimes
from neurokit.clustering.fitting import rates as core
from neurokit.datasets import flashing_ratchet, make_jumps


def error(rates, truth):
    return np.linalg.norm(rates - truth) / np.linalg.norm(truth)


def count(labels, n):
    counts = np.zeros((n, n))
    np.add.at(counts, (labels[:-1], labels[1:]), 1)
    return counts


def test_one_round_is_the_integral_written_in_a_loop():
    Q, dt = flashing_ratchet(), 0.3
    C = np.random.default_rng(0).integers(1, 50, (6, 6)).astype(float)
    M, steps = C / expm(Q * dt), 2000
    J = np.zeros((6, 6))
    for k in range(steps):
        s = (k + 0.5) * dt / steps
        J += expm(Q * s).T @ M @ expm(Q * (dt - s)).T * dt / steps
    expected = Q * J / np.diag(J)[:, None]
    np.fill_diagonal(expected, 0)
    found = core.improve(Q, C, dt)
    np.testing.assert_allclose(
        found[~np.eye(6, dtype=bool)], expected[~np.eye(6, dtype=bool)], rtol=1e-4
    )


def test_true_transitions_give_back_their_rates():
    Q, dt = flashing_ratchet(), 0.1
    counts = 1e6 * expm(Q * dt) / 6
    found, _ = core.solve(core.first_rates(counts, dt), counts, dt, 2000, 1e-10)
    np.testing.assert_allclose(found, Q, atol=1e-4)


def test_a_plain_logarithm_has_negative_rates_and_ours_has_none():
    off = ~np.eye(6, dtype=bool)
    truth, ours, logs = flashing_ratchet(), [], []
    for seed in range(8):
        labels = make_jumps(1000, random_state=seed).labels
        C = count(labels.values, 6)
        plain = logm(C / C.sum(1, keepdims=True)).real * 10
        model = DwellTimes(n_bootstrap=0).fit(labels)
        assert plain[off].min() < 0 <= model.rates_.values[off].min()
        np.testing.assert_allclose(model.rates_.sum("state_to"), 0, atol=1e-12)
        ours.append(error(model.rates_, truth))
        logs.append(error(plain, truth))
    assert np.mean(ours) < np.mean(logs)
    assert np.median(ours) < 0.08


def test_wrong_labels_cost_little_when_the_model_knows_of_them():
    truth = flashing_ratchet()
    labels = make_jumps(2000, wrong=0.05, random_state=0).labels
    clean = DwellTimes(n_bootstrap=0).fit(make_jumps(2000, random_state=0).labels)
    fitted = DwellTimes(noise="fit", n_bootstrap=0).fit(labels)
    known = DwellTimes(noise=0.05, n_bootstrap=0).fit(labels)
    ignorant = DwellTimes(n_bootstrap=0).fit(labels)
    assert abs(fitted.noise_ - 0.05) < 0.01
    for model in (fitted, known):
        assert error(model.rates_, truth) < 2 * error(clean.rates_, truth)
    assert error(ignorant.rates_, truth) > 4 * error(known.rates_, truth)
    state = make_jumps(2000, wrong=0.05, random_state=0).truth["state"]
    assert (known.predict(labels) == state).mean() > (labels == state).mean() + 0.01


def test_intervals_hold_the_truth_about_as_often_as_they_say():
    truth = np.array([[-1.0, 0.7, 0.3], [0.5, -1.5, 1.0], [2.0, 0.4, -2.4]])
    off, hits = ~np.eye(3, dtype=bool), []
    for seed in range(12):
        labels = make_jumps(600, rates=truth, random_state=seed).labels
        bounds = DwellTimes(n_bootstrap=60, random_state=0).fit(labels).interval_
        hits.append(((bounds[0] <= truth) & (truth <= bounds[1])).values[off].mean())
    assert 0.8 < np.mean(hits) <= 1.0


def test_two_states_have_the_closed_forms():
    labels = make_jumps(5000, rates=[[0, 1.0], [3.0, 0]], random_state=1).labels
    model = DwellTimes(n_bootstrap=0).fit(labels)
    a, b = model.rates_.values[0, 1], model.rates_.values[1, 0]
    np.testing.assert_allclose(model.dwell_times_, [1 / a, 1 / b])
    np.testing.assert_allclose(model.stationary_, [b / (a + b), a / (a + b)])
    np.testing.assert_allclose(model.relaxation_times_, [1 / (a + b)])
    P = count(labels.values, 2)
    P /= P.sum(1, keepdims=True)
    np.testing.assert_allclose(model.rates_, logm(P) * 10, atol=1e-3)


def test_columns_and_trials_are_sequences_of_their_own():
    labels = make_jumps(300, rates=[[0, 1], [2, 0]], random_state=0).labels.values
    model = DwellTimes(n_bootstrap=0, sampling_rate=10).fit(labels.reshape(2, -1).T)
    C = sum(count(part, 2) for part in labels.reshape(2, -1))
    rates, _ = core.solve(core.first_rates(C, 0.1), C, 0.1, 5000, 1e-5)
    np.testing.assert_allclose(model.rates_, rates)
    assert model.predict(labels.reshape(2, -1).T).shape == (1500, 2)


def test_a_state_that_is_never_left_is_held_for_ever():
    model = DwellTimes(n_bootstrap=0, sampling_rate=1).fit(np.full(20, 7))
    assert model.dwell_times_.values.tolist() == [np.inf]
    assert model.classes_.tolist() == [7]


@pytest.mark.parametrize(
    ("values", "params", "message"),
    [
        (np.full(20, 0.5), {}, "must hold states as whole numbers"),
        (np.full(20, np.nan), {}, "NaN"),
        (np.array([1]), {}, "at least two samples in a row"),
        (np.arange(9), {"sampling_rate": None}, "needs to know the sampling rate"),
        (np.arange(9), {"noise": 0.7}, "noise must be 'fit' or a part below"),
    ],
)
def test_bad_input_is_refused_in_one_sentence(values, params, message):
    with pytest.raises(ValueError, match=message):
        DwellTimes(**{"n_bootstrap": 0, "sampling_rate": 10} | params).fit(values)


def test_states_that_fit_has_not_seen_are_refused():
    model = DwellTimes(n_bootstrap=0, sampling_rate=10).fit(np.array([0, 0, 0, 1, 1, 1, 0, 0]))
    with pytest.raises(ValueError, match=r"fitted on the states \[0, 1\], X has \[4\] besides"):
        model.predict(np.array([0, 4]))


def test_the_simulator_holds_states_as_long_as_its_rates_say():
    jumps = make_jumps(4000, rates=[[0, 1], [2, 0]], sampling_rate=100, random_state=0)
    part = (jumps.truth["state"] == 0).mean()
    np.testing.assert_allclose(part, 2 / 3, atol=0.03)
    assert isinstance(jumps.signal, xr.DataArray)
    np.testing.assert_allclose((jumps.signal[0] - jumps.truth["state"]).std(), 0.2, rtol=0.02)
    with pytest.raises(ValueError, match="rates must be 0 or more"):
        make_jumps(10, rates=[[0, -1], [1, 0]])


def test_states_that_always_change_have_no_rates_and_say_so_soon():
    with pytest.warns(ConvergenceWarning, match="rates still moved after 150 rounds"):
        found = DwellTimes(sampling_rate=10.0, max_iter=150, random_state=0).fit(np.arange(60) % 2)
    assert np.isfinite(found.interval_).all()
