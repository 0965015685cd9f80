"""Gains that adapt: the closed form, the gradient, the signs on a ring, refusals."""

import numpy as np
import pytest
from scipy.optimize import approx_fprime

from neurokit.encoding import GainControl
from neurokit.encoding.gain import cost_of_gains, find_connections, solve_gains

STIMULI = np.arange(0, 180, 7.5)


def ring(strength, width=20.0):
    """Drive (stimulus, unit) and connections of 24 units of orientation."""
    apart = np.abs(STIMULI[:, None] - STIMULI)
    apart = np.minimum(apart, 180 - apart)
    near = np.exp(-((apart / 30) ** 2) / 2)
    near = near - near.mean()
    return 0.1 + np.exp(-((apart / width) ** 2) / 2), strength * near / np.linalg.eigvalsh(
        near
    ).max()


def test_without_connections_the_gains_are_the_closed_form():
    rng = np.random.default_rng(0)
    drive = rng.gamma(2, size=(50, 7))
    power = drive.T @ drive / 50
    own = np.diag(power)
    for alpha, gamma in ((1.0, 0.5), (0.2, 3.0), (2.0, 0.0)):
        found = solve_gains(power, np.zeros((7, 7)), alpha, gamma)
        expected = (own + gamma) / (own * (1 + alpha) + gamma)
        np.testing.assert_allclose(found, expected, atol=3e-5)
        assert (found >= 1 / (1 + alpha) - 1e-5).all()


def test_the_gradient_is_that_of_finite_differences():
    rng = np.random.default_rng(1)
    drive, w = ring(0.7)
    power = drive.T @ drive / len(drive)
    gain = rng.uniform(0.5, 1.1, 24)
    found = cost_of_gains(gain, power, w, 1.3, 0.4)[1]
    expected = approx_fprime(gain, lambda g: cost_of_gains(g, power, w, 1.3, 0.4)[0], 1e-6)
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("strength", [0.0, 0.8])
def test_gains_fall_at_the_adapter_and_tuning_moves_away_only_through_connections(strength):
    drive, w = ring(strength)
    shown = np.full(24, 0.65 / 23)
    shown[12] = 0.35
    power = (drive.T * shown) @ drive
    gain = solve_gains(power, w, 1.0, 0.5 * np.trace(power) / 24)
    assert gain.argmin() == 12
    assert gain[12] < 0.95 * gain[0]
    before = np.linalg.solve(np.eye(24) - w, drive.T)  # (unit, stimulus)
    after = np.linalg.solve(np.diag(1 / gain) - w, drive.T)
    assert after[12].max() < before[12].max()

    def centre(curve):  # circular mean of what a unit answers to, in degrees
        return (
            np.angle(((curve - curve.min()) * np.exp(2j * np.deg2rad(STIMULI))).sum(), deg=True)
            / 2
        )

    moved = [(centre(after[k]) - centre(before[k]) + 90) % 180 - 90 for k in (10, 11, 13, 14)]
    if strength == 0:
        np.testing.assert_allclose(moved, 0, atol=1e-6)
    else:
        assert moved[0] < 0
        assert moved[1] < 0
        assert moved[2] > 0
        assert moved[3] > 0


def test_connections_are_found_from_what_varies_together():
    _, w = ring(0.6)
    rng = np.random.default_rng(0)
    noise = rng.normal(size=(20_000, 24))
    found = find_connections(np.linalg.solve(np.eye(24) - w, noise.T).T)
    expected = np.eye(24) - (np.eye(24) - w) * 24 / np.trace(np.eye(24) - w)  # no self-connection
    np.testing.assert_allclose(found, expected, atol=0.03)
    assert (find_connections(np.zeros((5, 3))) == 0).all()


def test_adapted_responses_are_those_of_the_adapted_network():
    drive, w = ring(0.6)
    rng = np.random.default_rng(0)
    label = np.repeat(np.arange(24), 40)
    noisy = np.repeat(drive, 40, axis=0) + 0.1 * rng.normal(size=(960, 24))
    X = np.linalg.solve(np.eye(24) - w, noisy.T).T
    model = GainControl().fit(X, label)
    np.testing.assert_allclose(model.transform(X), X, rtol=1e-6, atol=1e-9)  # not adapted yet
    model.adapt({s: 0.35 if s == 12 else 0.65 / 23 for s in range(24)})
    assert model.gain_.argmin() == 12
    steady = np.linalg.solve(np.diag(1 / model.gain_) - model.connections_, model.drive_.T).T
    mean = np.stack([model.transform(X)[label == s].mean(0) for s in range(24)])
    np.testing.assert_allclose(mean, steady, rtol=1e-6)
    again = GainControl().fit(X, label).adapt(np.repeat(np.arange(24), 3))
    even = GainControl().fit(X, label).adapt(dict.fromkeys(range(24), 7))
    np.testing.assert_allclose(again.gain_, even.gain_, atol=1e-6)


def test_what_cannot_be_is_refused():
    X, y = np.random.default_rng(0).normal(size=(6, 3)), [0, 0, 0, 1, 1, 1]
    with pytest.raises(ValueError, match="alpha must be zero or positive"):
        GainControl(-1.0).fit(X, y)
    with pytest.raises(ValueError, match="needs two stimuli at least, one of them twice"):
        GainControl().fit(X, [0] * 6)
    model = GainControl().fit(X, y)
    for wrong in ({2: 1.0}, {0: -1.0}, {0: 0.0}, []):
        with pytest.raises(ValueError, match="expects how often stimuli of"):
            model.adapt(wrong)
