import numpy as np
import pytest
import torch
import xarray as xr

import neurokit
from neurokit.decoders import RecurrentRegressor
from neurokit.metrics.footprint import footprint
from neurokit.nn.recurrent import ELM, Recurrent
from neurokit.training import Trainer

CELLS = ("gru", "lstm", "elm")


def reaching(n_times=400, n_units=12, seed=0):
    rng = np.random.default_rng(seed)
    hand = np.stack([np.sin(np.arange(n_times) / 15), np.cos(np.arange(n_times) / 23)], 1)
    rates = np.exp(hand @ rng.normal(size=(2, n_units)) - 1)
    x = neurokit.counts(rng.poisson(rates).T, bin_width=0.02)
    return x, neurokit.behaviour(hand, sampling_rate=50, features=["vx", "vy"])


def small(cell, epochs=1, **options):
    trainer = Trainer(epochs, batch_size=4, learning_rate=2e-2, device="cpu")
    return RecurrentRegressor(
        cell, **({"hidden": 6, "trainer": trainer, "random_state": 0} | options)
    )


@pytest.mark.parametrize("cell", CELLS)
def test_predictions_are_those_of_the_torch_module(cell):
    x, y = reaching()
    estimator = small(cell).fit(x, y)
    rows = torch.from_numpy(x.values.T.astype(np.float64))[:, None]
    with torch.no_grad():
        out = estimator.module_.double()(rows)[0][:, 0].numpy()
    out = out * estimator.target_scale_ + estimator.target_mean_
    np.testing.assert_allclose(estimator.predict(x).values, out, rtol=1e-6, atol=1e-8)


def test_an_expressive_leaky_memory_follows_its_equations():
    torch.manual_seed(0)
    layer = ELM(3, 2, tau=(2.0, 10.0), tau_synapse=3.0).double()
    x = torch.rand(5, 1, 3, dtype=torch.float64)
    s, m = np.zeros(3), np.zeros(2)
    keep = np.exp(-1 / np.exp(layer.log_tau.detach().numpy()))
    w1, b1 = layer.hidden.weight.detach().numpy(), layer.hidden.bias.detach().numpy()
    w2, b2 = layer.change.weight.detach().numpy(), layer.change.bias.detach().numpy()
    for t in range(5):
        s = np.exp(-1 / 3) * s + 0.5 * x[t, 0].numpy()
        heard = np.concatenate([s, keep * m])
        m = keep * m + (1 - keep**5) * np.tanh(w2 @ np.maximum(w1 @ heard + b1, 0) + b2)
    np.testing.assert_allclose(layer(x)[0][-1, 0].detach().numpy(), m, rtol=1e-9)


@pytest.mark.parametrize("make", [lambda: ELM(3, 2, tau=(2, 9), tau_synapse=2), None])
def test_layers_go_on_from_a_state(make):
    torch.manual_seed(0)
    layer = make() if make else Recurrent("lstm", 3, 2)
    x = torch.rand(7, 2, 3)
    whole, _ = layer(x)
    first, state = layer(x[:4])
    second, _ = layer(x[4:], state)
    torch.testing.assert_close(torch.cat((first, second)), whole)


@pytest.mark.parametrize("cell", CELLS)
def test_it_finds_the_hand_behind_the_spikes(cell):
    x, y = reaching(1600, 20)
    train, test = slice(0, 1200), slice(1200, 1600)
    estimator = small(cell, 15).fit(x.isel(time=train), y.isel(time=train))
    assert estimator.score(x.isel(time=test), y.isel(time=test)) > 0.7


@pytest.mark.parametrize("cell", CELLS)
def test_live_steps_stretches_files_and_silence(cell, tmp_path):
    x, y = reaching()
    x = x.copy()
    x[2] = 0
    estimator = small(cell, 2).fit(x, y)
    whole = estimator.predict(x).values
    stream, rows = estimator.stream(), x.values.T
    np.testing.assert_array_equal(
        np.concatenate([stream.push(rows[t : t + 1]) for t in range(len(rows))]), whole
    )
    half = x.isel(time=slice(200, 400))
    apart = xr.concat([x.isel(time=slice(0, 100)), half], "time")
    np.testing.assert_array_equal(
        estimator.predict(apart).values[100:], estimator.predict(half).values
    )
    loud = x.copy()
    loud[2] = 5
    np.testing.assert_array_equal(estimator.predict(loud).values, whole)
    estimator.save(tmp_path / "decoder")
    loaded = RecurrentRegressor.load(tmp_path / "decoder")
    np.testing.assert_array_equal(loaded.predict(x).values, whole)
    for extreme in (x.isel(unit=[0]), x * 0):
        assert np.isfinite(small(cell).fit(extreme, y).predict(extreme)).all()
    assert np.isfinite(estimator.predict(x.isel(time=[0]))).all()


def test_the_cells_cost_what_they_should():
    x, y = reaching()
    dense = {cell: footprint(small(cell).fit(x, y), x)["dense"] for cell in CELLS}
    assert dense["gru"] == 3 * 6 * (12 + 6) + 3 * 6 + 12
    assert dense["lstm"] == 4 * 6 * (12 + 6) + 3 * 6 + 12
    assert dense["elm"] == 12 * (12 + 6) + 6 * 12 + 12


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"cell": "rnn"}, "cell must be one of"),
        ({"hidden": 0}, "hidden must be 1 or more"),
        ({"dropout": 1.0}, "dropout must be in"),
        ({"window": 0}, "window must be positive"),
    ],
)
def test_parameters_out_of_range_are_refused(options, sentence):
    with pytest.raises(ValueError, match=sentence):
        small(**({"cell": "gru"} | options)).fit(*reaching(50))
