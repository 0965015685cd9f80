import numpy as np
import pytest
import torch
import xarray as xr

import neurokit
from neurokit.decoders import WindowMLPRegressor
from neurokit.metrics.footprint import footprint
from neurokit.training import Trainer


def reaching(n_times=400, n_units=12, seed=0):
    rng = np.random.default_rng(seed)
    hand = np.stack([np.sin(np.arange(n_times) / 15), np.cos(np.arange(n_times) / 23)], 1)
    rates = np.exp(hand @ rng.normal(size=(2, n_units)) - 1)
    x = neurokit.counts(rng.poisson(rates).T, bin_width=0.02)
    return x, neurokit.behaviour(hand, sampling_rate=50, features=["vx", "vy"])


def small(epochs=1, **options):
    trainer = Trainer(epochs, batch_size=64, learning_rate=1e-2, device="cpu")
    defaults = {"hidden": (8, 6), "trainer": trainer, "random_state": 0}
    return WindowMLPRegressor(**(defaults | options))


@pytest.mark.parametrize("n_parts", [1, 3])
def test_predictions_are_those_of_the_torch_module(n_parts):
    x, y = reaching()
    estimator = small(3, n_parts=n_parts).fit(x, y)
    rows, width = x.values.T, 10 // n_parts
    padded = np.concatenate([np.zeros((n_parts * width - 1, 12)), rows])
    windows = [padded[t : t + n_parts * width] for t in range(len(rows))]
    sums = [w.reshape(n_parts, width, 12).sum(1).ravel() for w in windows]
    with torch.no_grad():
        out = estimator.module_.double()(torch.from_numpy(np.stack(sums)))[0].numpy()
    out = out * estimator.target_scale_ + estimator.target_mean_
    np.testing.assert_allclose(estimator.predict(x).values, out, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("n_parts", [1, 5])
def test_it_finds_the_hand_behind_the_spikes(n_parts):
    x, y = reaching(2000, 20)
    train, test = slice(0, 1500), slice(1500, 2000)
    estimator = small(20, n_parts=n_parts, hidden=(32, 16), dropout=0.2)
    estimator.fit(x.isel(time=train), y.isel(time=train))
    assert estimator.score(x.isel(time=test), y.isel(time=test)) > 0.7


def test_it_has_the_size_of_the_baselines_of_neurobench():
    rng = np.random.default_rng(0)
    x = neurokit.counts(rng.poisson(0.1, (96, 120)), bin_width=0.004)
    y = neurokit.behaviour(rng.normal(size=(120, 2)), sampling_rate=250)
    quick = Trainer(1, batch_size=120, device="cpu")
    for n_parts, published in ((1, 20_824), (7, 94_552)):
        estimator = WindowMLPRegressor(n_parts=n_parts, trainer=quick).fit(x, y)
        cost = footprint(estimator, x)
        assert cost["dense"] == 96 * n_parts * 32 + 32 * 48 + 48 * 2
        assert cost["bytes"] + 4 * 96 == published  # theirs keep a row of counts in a buffer


def test_live_steps_stretches_and_files(tmp_path):
    x, y = reaching()
    estimator = small(2, n_parts=2).fit(x, y)
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
    estimator.save(tmp_path / "decoder")
    loaded = WindowMLPRegressor.load(tmp_path / "decoder")
    np.testing.assert_array_equal(loaded.predict(x).values, whole)


@pytest.mark.parametrize("n_times", [1, 2, 65])
def test_few_steps_silence_and_one_unit_are_answered_with_numbers(n_times):
    x, y = reaching(n_times)
    for extreme in (x, x.isel(unit=[0]), x * 0):
        estimator = small(sampling_rate=50.0).fit(extreme, y)
        assert np.isfinite(estimator.predict(extreme)).all()


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"hidden": (0,)}, "hidden must be numbers of units, 1 or more"),
        ({"hidden": ()}, "hidden must be numbers of units, 1 or more"),
        ({"n_parts": 0}, "n_parts must be 1 or more"),
        ({"n_parts": 11}, "window must hold 11 steps or more, got 0.2 s at 50"),
        ({"window": 0.0}, "window must be positive"),
        ({"dropout": 1.0}, "dropout must be in"),
    ],
)
def test_parameters_out_of_range_are_refused(options, sentence):
    with pytest.raises(ValueError, match=sentence):
        small(**options).fit(*reaching(50))
