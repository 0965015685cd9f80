"""Rounded networks: weights alone, and weights and activations."""

import numpy as np
import pytest

import neurokit
from neurokit.decoders import RecurrentRegressor, SpikingRegressor, WindowMLPRegressor
from neurokit.metrics.footprint import footprint
from neurokit.training import Trainer

NETWORK = {"trainer": Trainer(15, batch_size=8, learning_rate=1e-2, device="cpu")}
NETWORK["random_state"] = 0
NETWORKS = {
    "ANN2D": WindowMLPRegressor((16, 8), **NETWORK),
    "ANN3D": WindowMLPRegressor((16, 8), n_parts=5, **NETWORK),
    "GRU": RecurrentRegressor("gru", hidden=8, **NETWORK),
    "LSTM": RecurrentRegressor("lstm", hidden=8, **NETWORK),
    "ELM": RecurrentRegressor("elm", hidden=8, **NETWORK),
    "spiking": SpikingRegressor(16, **NETWORK),
    "snn3d": SpikingRegressor(preset="snn3d", **NETWORK),
}


@pytest.fixture(scope="module")
def session():
    rng = np.random.default_rng(0)
    hand = np.sin(np.arange(500)[:, None] / [15, 23])
    x = neurokit.counts(rng.poisson(np.exp(hand @ rng.normal(size=(2, 12)))).T, bin_width=0.02)
    return x, neurokit.behaviour(hand, sampling_rate=50, features=["vx", "vy"])


@pytest.fixture(scope="module")
def fitted(session):
    found = {}

    def of(name):
        if name not in found:
            found[name] = NETWORKS[name].fit(*session)
        return found[name]

    return of


def test_a_rounded_window_network_is_rounded_layer_by_layer(fitted, session):
    """Against the layers written out, with batch normalisation where it stands in training."""
    network, x = fitted("ANN2D"), session[0]
    rounded = network.quantized("int8", x)
    rows = np.vstack([np.zeros((9, 12)), x.values.T])
    heard = np.stack([rows[t : t + 10].sum(0) for t in range(500)])
    assert heard.max() <= 127  # whole numbers, which stay as they are
    assert rounded.activation_steps_[:3] == [1.0] * 3
    layers = [layer for layer in network.module_ if hasattr(layer, "weight")]
    for k, layer in enumerate(layers[::2]):  # Linear, BatchNorm1d, Linear, ...
        weight = layer.weight.detach().numpy().astype(float)
        step = np.abs(weight).max(1, keepdims=True) / 127
        heard = heard @ (np.round(weight / step) * step).T + layer.bias.detach().numpy()
        if k < 2:
            heard = np.maximum(heard, 0)
            step = rounded.activation_steps_[3 + k]  # found before the inputs were rounded
            assert step == pytest.approx(np.abs(heard).max() / 127, rel=0.05)
            heard = np.clip(np.round(heard / step), -127, 127) * step
            norm = layers[2 * k + 1]
            mean, var = (v.numpy() for v in (norm.running_mean, norm.running_var))
            heard = (heard - mean) / np.sqrt(var + norm.eps) * norm.weight.detach().numpy()
            heard = heard + norm.bias.detach().numpy()
    expected = heard * network.target_scale_ + network.target_mean_
    found = rounded.predict(x).values
    close = np.isclose(found, expected, atol=1e-5)
    assert close.mean() > 0.99  # a number between two steps may fall to either side
    np.testing.assert_allclose(found, expected, atol=0.05)


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize(("dtype", "allowed"), [("float16", 0.01), ("int8", 0.1)])
def test_rounding_costs_little_accuracy(fitted, session, name, dtype, allowed):
    network, (x, y) = fitted(name), session
    assert network.score(x, y) > 0.6
    rounded = network.quantized(dtype, x)
    assert not np.array_equal(rounded.predict(x), network.predict(x))
    assert rounded.score(x, y) > network.score(x, y) - allowed
    assert rounded.score(x, y) < 1


@pytest.mark.parametrize("name", NETWORKS)
def test_rounded_streams_give_the_whole(fitted, session, name):
    x = session[0]
    rounded = fitted(name).quantized("int8", x)
    stream, rows = rounded.stream(), x.values.T.astype(float)
    parts = [stream.push(part) for part in np.split(rows, [1, 2, 2, 100])]
    np.testing.assert_allclose(np.concatenate(parts), rounded.predict(x), atol=1e-12)


def test_spikes_need_no_rounding(fitted, session):
    """Counts and spikes are whole numbers: only weights change."""
    x = session[0]
    weights = fitted("spiking").quantized("int8")
    both = fitted("spiking").quantized("int8", x)
    assert both.activation_steps_ == [1.0] * 2
    np.testing.assert_array_equal(both.predict(x), weights.predict(x))


def test_louder_recordings_are_clipped(fitted, session):
    x = session[0]
    rounded = fitted("ANN2D").quantized("int8", x)
    loud, louder = rounded.predict(x * 200), rounded.predict(x * 2000)
    np.testing.assert_array_equal(loud, louder)  # every count is at the top of 8 bits
    assert not np.array_equal(loud, rounded.predict(x))


def test_bits_are_counted(fitted, session, tmp_path):
    x = session[0]
    network = fitted("ANN2D")
    plain = footprint(network, x)["bit_budget"]
    weights = footprint(network.quantized("int8"), x)["bit_budget"]
    both = footprint(network.quantized("int8", x), x)["bit_budget"]
    half = footprint(network.quantized("float16", x), x)["bit_budget"]
    assert plain / both == pytest.approx(16, rel=0.02)  # a few weights become zero
    assert weights / both == pytest.approx(4)
    assert plain / half == pytest.approx(4, rel=0.02)


def test_a_rounded_network_is_saved_and_fitted_anew(fitted, session, tmp_path):
    x, y = session
    rounded = fitted("ANN2D").quantized("int8", x)
    rounded.save(tmp_path / "net.safetensors")
    again = WindowMLPRegressor.load(tmp_path / "net.safetensors")
    np.testing.assert_array_equal(again.predict(x), rounded.predict(x))
    assert not hasattr(rounded.quantized("int8"), "activation_steps_")
    rounded.trainer = Trainer(1, device="cpu")
    rounded.fit(x, y)
    assert not hasattr(rounded, "activation_steps_")
    assert rounded.dtype_ == "float32"
