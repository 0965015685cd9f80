"""The reaching session, and the ceiling that no decoder passes."""

import numpy as np
import pytest
from sklearn.linear_model import Ridge
from sklearn.metrics import r2_score

from neurokit.datasets import make_reaching, optimal_velocity
from neurokit.datasets.reaching import _decode, _dynamics, _hand, _velocity_sd
from neurokit.recording import bin_spikes, sampling_rate


@pytest.fixture(scope="module")
def session():
    return make_reaching(60, n_units=60, random_state=1)


def _velocity(session, at):
    hand = session.behaviour.sel(feature=["vx", "vy"])
    clock = hand["time"].values
    return np.stack([np.interp(at, clock, hand.values[:, k]) for k in (0, 1)], axis=1)


def test_the_hand_follows_the_equation_in_small_steps():
    transition, noise = _dynamics(0.02)
    state, covariance, h = np.eye(5), np.zeros((5, 5)), 1e-5
    a = np.diag([0.0] + [-10.0] * 4) + np.diag([10.0] * 4, -1)
    for _ in range(2000):
        covariance = covariance + h * (a @ covariance + covariance @ a.T)
        covariance[1, 1] += h * 30.0**2
        state = state + h * a @ state
    np.testing.assert_allclose(transition, state, atol=1e-3)
    np.testing.assert_allclose(noise, covariance, atol=2e-3 * covariance.max())


def test_velocity_is_the_slope_of_position_and_as_large_as_computed():
    rng = np.random.default_rng(0)
    steps = np.arange(0, 60_000, 275)
    targets = 50 * rng.standard_normal((len(steps), 2))
    position, velocity, _ = _hand(rng, targets, steps, 60_000, 0.004)
    slope = np.gradient(position, 0.004, axis=0)
    assert np.abs(slope - velocity).max() < 0.03 * np.abs(velocity).max()
    assert velocity.std() == pytest.approx(_velocity_sd(0.004), rel=0.05)


def test_the_hand_gets_where_the_target_is(session):
    hand = session.behaviour
    ends = np.cumsum(session.events["duration"].to_numpy()) - 0.02
    at = np.round(ends * sampling_rate(hand)).astype(int)[1:-1]
    place = hand.sel(feature=["x", "y"]).values[at]
    goal = hand.sel(feature=["target_x", "target_y"]).values[at]
    assert np.abs(place - goal).mean() < 8
    np.testing.assert_allclose(session.events[["x", "y"]].to_numpy()[1:-1], goal)


def test_rates_are_those_of_the_truth(session):
    truth, hand = session.truth, session.behaviour
    velocity = hand.sel(feature=["vx", "vy"]).values
    counts = bin_spikes(session.spikes, 0.004).values
    tuning = truth["tuning"].values[0]  # no drift: the first knot is all
    np.testing.assert_array_equal(truth["tuning"].values[-1], tuning)
    z = []
    for unit, lag in enumerate(np.round(truth["lag"].values / 0.004).astype(int)):
        n = len(velocity) - lag
        rate = np.exp(float(truth["baseline"][unit]) + velocity[lag:] @ tuning[unit])
        expected, number = rate * 0.004, counts[unit, :n]
        z.append((number.sum() - expected.sum()) / np.sqrt(expected.sum()))
        # and along the tuning: the score of the model at its truth
        score = velocity[lag:] @ tuning[unit]
        z.append(score @ (number - expected) / np.sqrt(score**2 @ expected))
    assert np.abs(np.mean(z)) < 4 / np.sqrt(len(z))
    assert np.std(z) == pytest.approx(1, abs=0.2)


@pytest.mark.parametrize("causal", [False, True])
def test_the_ceiling_knows_its_own_error(causal):
    made, believed = [], []
    for seed in range(4):
        session = make_reaching(40, n_units=60, random_state=seed)
        best = optimal_velocity(session, causal=causal)
        made.append(np.mean((_velocity(session, best["time"].values) - best.values) ** 2))
        believed.append(best.attrs["posterior_sd"] ** 2)
    assert np.sqrt(np.mean(made)) == pytest.approx(np.sqrt(np.mean(believed)), rel=0.08)


def test_the_causal_ceiling_is_the_smoother_of_what_has_been_seen_so_far():
    session = make_reaching(8, n_units=40, random_state=4)
    live = optimal_velocity(session, causal=True).values
    truth, width = session.truth, 0.02
    counts = bin_spikes(session.spikes, width).values.T.astype(float)
    lags = np.round(truth["lag"].values / width).astype(int)
    w = np.broadcast_to(truth["tuning"].values[0], (500, 40, 2))
    jump = np.zeros(500, bool)
    jump[(session.events["onset"].to_numpy() / width + 0.5).astype(int)] = True
    for now in (100, 173, 250, 391):
        moved, watched = np.zeros((500, 40)), np.zeros((500, 40), bool)
        for unit, lag in enumerate(lags):  # bins up to now, moved to what they speak of
            moved[lag : lag + now + 1, unit] = counts[: now + 1, unit]
            watched[lag : lag + now + 1, unit] = True
        n = now + lags.max() + 1
        baseline, none = truth["baseline"].values, np.zeros(40, int)
        args = (moved[:n], watched[:n], w[:n], none, baseline, jump[:n], width, False)
        smooth, _ = _decode(*args)
        np.testing.assert_allclose(live[now], smooth[now], atol=3.0)  # of 32: linearised elsewhere


def test_no_ridge_passes_the_ceilings(session):
    best, live = optimal_velocity(session), optimal_velocity(session, causal=True)
    y = _velocity(session, best["time"].values)
    counts = bin_spikes(session.spikes, 0.02).values.T
    cut = int(0.75 * len(y))
    score = {}
    for name, shifts in (("causal", range(0, 16)), ("both", range(-8, 16))):
        X = np.concatenate([np.roll(counts, k, axis=0) for k in shifts], axis=1)
        ridge = Ridge(300.0, solver="lsqr").fit(X[20:cut], y[20:cut])
        score[name] = r2_score(y[cut:-20], ridge.predict(X[cut:-20]))
    ceiling, live_ceiling = (
        r2_score(y[cut:-20], best[cut:-20]),
        r2_score(y[cut:-20], live[cut:-20]),
    )
    assert 0.3 < score["causal"] < live_ceiling < ceiling
    assert score["both"] < ceiling
    assert np.all(best["units"].values == "mm/s")


def test_drift_turns_the_tuning():
    still = make_reaching(70, n_units=40, random_state=3).truth["tuning"]
    moving = make_reaching(70, n_units=40, drift=0.5, random_state=3).truth["tuning"]
    np.testing.assert_array_equal(still[0], moving[0])
    gone = np.linalg.norm(moving.sel(knot=60) - moving[0], axis=1)
    size = np.linalg.norm(moving[0], axis=1)
    assert np.sqrt(np.mean((gone / size) ** 2)) == pytest.approx(0.5, rel=0.3)
    drifting = make_reaching(40, n_units=40, drift=1.0, random_state=3)
    best = optimal_velocity(drifting)
    assert r2_score(_velocity(drifting, best["time"].values), best) > 0.6


def test_the_same_seed_gives_the_same_session():
    one, two = (make_reaching(10, n_units=4, random_state=5) for _ in range(2))
    assert one.spikes.identical(two.spikes)
    assert one.behaviour.identical(two.behaviour)
    assert one.truth.identical(two.truth)
    assert one.events.equals(two.events)
    other = make_reaching(10, n_units=4, random_state=6)
    assert not one.spikes.identical(other.spikes)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"duration": 1.0}, "duration must be at least 3, got 1.0"),
        ({"n_units": 0}, "n_units must be at least 1, got 0"),
        ({"bin_width": 0.0}, "bin_width must be at least 0.0001, got 0.0"),
        ({"drift": float("nan")}, "drift must be at least 0, got nan"),
    ],
)
def test_make_reaching_refuses_what_it_cannot_make(wrong, words):
    with pytest.raises(ValueError, match=f"make_reaching: {words}"):
        make_reaching(**{"duration": 10.0, **wrong})
