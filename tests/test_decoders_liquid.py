"""The liquid follows its equations, remembers, and runs live."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import Ridge
from sklearn.metrics import r2_score

import neurokit
from neurokit.features.liquid import LiquidState


def by_hand(liquid, x):
    """One step after the other, as the equations say."""
    decay = np.exp(-1 / (liquid.tau * liquid.sampling_rate_))
    keep = np.exp(-1 / (liquid.tau_state * liquid.sampling_rate_))
    v = s = low = np.zeros(liquid.n_neurons)
    out = []
    for row in (x - liquid.mean_) / liquid.scale_:
        h = decay * v + liquid.input_weight_ @ row + liquid.recurrent_weight_ @ s
        s = (h >= 1).astype(float)
        v = h * (1 - s)
        low = keep * low + (1 - keep) * s
        out.append(low)
    return np.array(out)


@settings(deadline=None, max_examples=20)
@given(st.integers(1, 30), st.integers(1, 4), st.integers(1, 20), st.integers(0, 99))
def test_states_are_those_of_plain_loops(n_times, n_units, n_neurons, seed):
    x = np.random.default_rng(seed).normal(size=(n_times, n_units))
    liquid = LiquidState(n_neurons, input_scale=2.0, sampling_rate=50, random_state=seed).fit(x)
    np.testing.assert_allclose(liquid.transform(x), by_hand(liquid, x), atol=1e-10)


@pytest.mark.parametrize("seed", range(3))
def test_a_linear_readout_finds_the_past_and_coincidences(seed):
    """What the present input alone cannot tell: the input two bins ago, and a product."""
    rng = np.random.default_rng(seed)
    x = rng.choice([-1.0, 1.0], size=(4000, 2))
    before = np.roll(x[:, 0], 2)
    both = x[:, 0] * x[:, 1]
    y = np.stack([before, both], 1)
    states = LiquidState(
        200, input_scale=1.0, tau_state=0.01, sampling_rate=100, random_state=seed
    ).fit_transform(x)
    train, test = slice(10, 3000), slice(3000, None)
    readout = Ridge(0.01).fit(states[train], y[train])
    plain = Ridge(0.01).fit(x[train], y[train])
    for column in range(2):
        assert r2_score(y[test, column], readout.predict(states[test])[:, column]) > 0.3
        assert r2_score(y[test, column], plain.predict(x[test])[:, column]) < 0.05


def test_connections_are_as_asked():
    x = np.random.default_rng(0).normal(size=(20, 3))
    liquid = LiquidState(
        300, connectivity=0.2, spectral_radius=0.7, sampling_rate=100, random_state=0
    ).fit(x)
    weight = liquid.recurrent_weight_
    assert np.abs(np.linalg.eigvals(weight)).max() == pytest.approx(0.7)
    assert (weight != 0).mean() == pytest.approx(0.2, abs=0.01)
    assert (weight[:, :240] >= 0).all()
    assert (weight[:, 240:] <= 0).all()
    again = LiquidState(300, connectivity=0.2, sampling_rate=100, random_state=1).fit(x)
    assert not np.array_equal(again.input_weight_, liquid.input_weight_)


@pytest.mark.parametrize("size", [1, 7, 60])
def test_live_rows_are_those_of_transform_to_the_bit(size):
    x = np.random.default_rng(0).poisson(2.0, (60, 5))
    liquid = LiquidState(40, input_scale=1.0, sampling_rate=50, random_state=0).fit(x)
    stream = liquid.stream()
    parts = [stream.push(x[i : i + size]) for i in range(0, 60, size)]
    whole = liquid.transform(x)
    assert whole.any()
    np.testing.assert_array_equal(np.concatenate([*parts, stream.flush()]), whole)


def test_trials_start_at_rest_and_silent_units_are_harmless():
    x = np.random.default_rng(0).poisson(2.0, (3, 4, 50)).astype(float)
    x[:, 1] = 0
    counts = neurokit.counts(x, bin_width=0.02)
    liquid = LiquidState(30, input_scale=1.0, random_state=0).fit(counts)
    out = liquid.transform(counts)
    assert out.dims == ("trial", "time", "feature")
    np.testing.assert_array_equal(out[2], liquid.transform(counts[2]))
    assert liquid.get_feature_names_out()[:2].tolist() == ["liquidstate0", "liquidstate1"]


def test_refuses():
    x = np.random.default_rng(0).normal(size=(20, 3))
    with pytest.raises(ValueError, match="needs to know the sampling rate"):
        LiquidState().fit(x)
    for name, value, what in (
        ("n_neurons", 0, "at least 1"),
        ("connectivity", 1.5, "between 0 and 1"),
        ("spectral_radius", -1.0, "0 or more"),
        ("input_scale", 0.0, "positive"),
        ("tau", 0.0, "positive"),
        ("tau_state", -1.0, "positive"),
    ):
        with pytest.raises(ValueError, match=f"{name} must be {what}, got"):
            LiquidState(**{"sampling_rate": 100.0, name: value}).fit(x)
    liquid = LiquidState(10).fit(neurokit.counts(x.T, bin_width=0.01))
    with pytest.raises(ValueError, match="was fitted at 100 Hz, got data at 50 Hz"):
        liquid.transform(neurokit.counts(x.T, bin_width=0.02))
