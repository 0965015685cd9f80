import pickle

import numpy as np
import pytest
import torch
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

import neurokit
from neurokit.decoders import SpikingClassifier, SpikingRegressor
from neurokit.decoders.networks.spiking_design import PRESETS, design, run_network
from neurokit.decoders.networks.windows import cut_windows, gather_windows, running_sums
from neurokit.training import Trainer


def reaching(n_times=600, n_units=12, rate=100.0, seed=0):
    """Poisson units driven by a slow hand, and the hand."""
    rng = np.random.default_rng(seed)
    hand = np.stack([np.sin(np.arange(n_times) / 25), np.cos(np.arange(n_times) / 40)], 1)
    rates = np.exp(hand @ rng.normal(size=(2, n_units)) - 1)
    x = neurokit.counts(rng.poisson(rates).T, bin_width=1 / rate)
    return x, neurokit.behaviour(hand, sampling_rate=rate, features=["vx", "vy"])


def small(epochs=1, **options):
    trainer = Trainer(epochs, batch_size=4, learning_rate=2e-2, device="cpu")
    options = {"hidden": 8, "trainer": trainer, "random_state": 0} | options
    return SpikingRegressor(**options)


def by_torch(estimator, x):
    """The prediction for one stretch by the torch module itself, in double precision."""
    plan, module = design(estimator), estimator.module_.double().eval()
    width = estimator.width_
    if plan.parts:
        sums, where = running_sums(x, [slice(0, len(x))], plan.parts * width)
        inputs = gather_windows(sums, where, plan.parts, width).double().transpose(0, 1)
    else:
        inputs = torch.from_numpy(x.astype(float))[:, None]
    with torch.no_grad():
        out, _ = run_network(module, inputs, len(estimator.target_mean_))
    out = out[-1] if plan.parts else out[:, 0]
    module.float()
    return out.numpy() * estimator.target_scale_ + estimator.target_mean_


# --- the steps without torch, against the module ---


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"recurrent": False, "hidden": (6, 5), "reset": ("subtract", "none"), "tau_syn": None},
        {"learn_tau": False, "n_readouts": 3, "reset": "subtract"},
        {"preset": "snn2"},
        {"preset": "snn3d"},
        {"preset": "streaming"},
        {"preset": "tiny"},
        {"surrogate": "soft", "surrogate_scale": 2.0},
        {"max_delay": 0.06},
        {"max_delay": 0.03, "preset": "snn2"},
    ],
)
def test_predictions_are_those_of_the_torch_module(options):
    x, y = reaching()
    estimator = small(**options).fit(x, y)
    rows = x.transpose("time", "unit").values
    np.testing.assert_allclose(
        estimator.predict(x).values, by_torch(estimator, rows), rtol=1e-5, atol=1e-5
    )


@pytest.fixture(
    scope="module",
    params=[{}, {"preset": "snn3d"}, {"max_delay": 0.05}],
    ids=["", "window", "late"],
)
def fitted(request):
    x, y = reaching()
    return small(**request.param).fit(x, y), x


@settings(deadline=None, max_examples=20)
@given(cuts=st.lists(st.integers(0, 600), max_size=8))
def test_a_stream_in_any_chunks_gives_what_predict_gave_to_the_bit(fitted, cuts):
    estimator, x = fitted
    rows = x.transpose("time", "unit").values
    stream = estimator.stream()
    parts = [stream.push(part) for part in np.split(rows, sorted(cuts))]
    joined = np.concatenate([*parts, stream.flush()])
    np.testing.assert_array_equal(joined, estimator.predict(x).values)


def test_a_stream_can_write_in_place_and_step_without_new_memory():
    import tracemalloc

    x, y = reaching()
    stream = small().fit(x, y).stream()
    rows = x.transpose("time", "unit").values.astype(float)
    out = np.empty((1, 2))
    for t in range(50):
        assert stream.push(rows[t : t + 1], out=out) is out
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    for t in range(500):
        stream.push(rows[t : t + 1], out=out)
    grown = tracemalloc.get_traced_memory()[1] - before
    tracemalloc.stop()
    assert grown < 4096


# --- what is known ---


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_it_finds_the_hand_behind_the_spikes(seed):
    x, y = reaching(2000, 20, seed=seed)
    train, test = slice(0, 1500), slice(1500, 2000)
    estimator = small(15, hidden=24, window=1.0, random_state=seed)
    estimator.fit(x.isel(time=train), y.isel(time=train))
    assert estimator.score(x.isel(time=test), y.isel(time=test)) > 0.7


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_learned_delays_bring_together_what_units_tell_at_different_times(seed):
    """Half of the units lead the hand by 200 ms, half by 80: the difference is learned."""
    rng = np.random.default_rng(seed)
    hand = np.convolve(rng.normal(size=6000), np.hanning(25), "same")[:, None]
    hand /= hand.std()
    lead = np.repeat([20, 8], 20)
    drive = np.stack([np.roll(hand[:, 0], -k) for k in lead], 1) * rng.choice([-1, 1], 40)
    x = neurokit.counts(rng.poisson(np.exp(drive - 0.5)).T, bin_width=0.01)
    y = neurokit.behaviour(hand, sampling_rate=100, features=["v"])
    train, test = slice(0, 4500), slice(4500, 5980)
    scores = []
    for max_delay in (0.0, 0.3):
        estimator = small(
            30, hidden=32, recurrent=False, tau_mem=0.02, readout_tau=0.02, max_delay=max_delay
        )
        estimator.set_params(trainer__learning_rate=5e-3)
        estimator.fit(x.isel(time=train), y.isel(time=train))
        scores.append(estimator.score(x.isel(time=test), y.isel(time=test)))
    learned = estimator.module_[0].position.detach().numpy()
    early, late = (
        max(part, key=lambda d, part=part: (abs(part - d) < 1.5).sum())  # where most are
        for part in (learned[:20], learned[20:])
    )
    assert abs(early - late - 12) < 3
    assert 1 - scores[1] < 0.6 * (1 - scores[0])


def test_the_start_makes_every_unit_fire_and_forgets_silent_inputs():
    x, y = reaching()
    x = x.copy()
    x[3] = 0
    trainer = Trainer(1, learning_rate=1e-9, device="cpu")
    estimator = small(hidden=32, tau_mem=0.05, trainer=trainer)
    estimator.fit(x, y)
    spikes = estimator.stream()._layers[0].push(x.values.T.astype(float))
    assert ((spikes.mean(0) > 0.005) & (spikes.mean(0) < 0.6)).mean() > 0.9
    assert not estimator.module_[0].weight[:, 3].any()
    loud = x.copy()
    loud[3] = 5
    np.testing.assert_array_equal(estimator.predict(loud), estimator.predict(x))


@pytest.mark.parametrize("credit", ["sltt", "sltt-k", "tess"])
def test_other_credits_learn_too(credit):
    x, y = reaching()
    options = {"recurrent": False, "window": 1.0, "hidden": 16}
    estimator = small(8, credit=credit, **options).fit(x, y)
    assert estimator.history_[-1]["loss"] < 0.9 * estimator.history_[0]["loss"]


def test_units_that_fire_too_often_are_held_down():
    x, y = reaching()
    rates = []
    for options in ({}, {"rate_max": 2.0, "rate_weight": 10.0}):
        estimator = small(10, window=1.0, **options).fit(x, y)
        rates.append(estimator.stream()._layers[0].push(x.values.T.astype(float)).mean())
    assert rates[1] < 0.5 * rates[0]


def test_pruned_weights_are_gone_and_stay_gone():
    x, y = reaching()
    estimator = small(3, prune=0.5).fit(x, y)
    for weight in (estimator.module_[0].weight, estimator.module_[1].weight):
        assert (weight == 0).float().mean() == 0.5
    assert not any(p._backward_hooks for p in estimator.module_.parameters())
    assert len(estimator.history_) == 6


def test_rounded_weights_are_scored_as_they_are():
    x, y = reaching()
    estimator = small(8, hidden=16).fit(x, y)
    for dtype, levels in (("float16", None), ("int8", 255)):
        twin = estimator.quantized(dtype)
        weight = twin.module_[0].weight
        assert twin.dtype_ == dtype
        assert estimator.dtype_ == "float32"
        if levels is None:
            assert torch.equal(weight, weight.half().float())
        else:
            assert max(len(row.unique()) for row in weight) <= levels
            assert (weight.abs().amax(1) / 127 > 0).all()
        assert not torch.equal(weight, estimator.module_[0].weight)
        assert twin.score(x, y) == pytest.approx(estimator.score(x, y), abs=0.1)
    with pytest.raises(ValueError, match="dtype must be one of"):
        estimator.quantized("int4")


def test_a_new_day_is_learned_from_little():
    x, y = reaching(1500, 20)
    estimator = small(20, hidden=24, window=1.0).fit(x, y)
    turned = x.copy(data=x.values[[*range(4, 20), *range(4)]])
    before = estimator.score(turned, y)
    kept = estimator.module_
    for _ in range(6):
        estimator.partial_fit(turned.isel(time=slice(0, 500)), y.isel(time=slice(0, 500)))
    later = slice(500, 1500)
    assert estimator.score(turned.isel(time=later), y.isel(time=later)) > before + 0.2
    assert kept is not estimator.module_


# --- windows to learn from ---


@settings(deadline=None, max_examples=30)
@given(
    lengths=st.lists(st.integers(1, 30), min_size=1, max_size=4),
    size=st.integers(1, 20),
    seed=st.integers(0, 99),
)
def test_windows_learn_every_step_once_and_never_mix_stretches(lengths, size, seed):
    rng = np.random.default_rng(seed)
    ends = np.cumsum(lengths)
    runs = [slice(int(e - n), int(e)) for e, n in zip(ends, lengths, strict=True)]
    run_of = np.repeat(np.arange(len(runs)), lengths)
    x = np.stack([np.arange(ends[-1]) + 1.0, run_of], 1)
    wx, wy, mask = cut_windows(x, rng.normal(size=(ends[-1], 1)), runs, size)
    assert wx.dtype == wy.dtype == mask.dtype == np.float32
    learned = wx[mask > 0]
    np.testing.assert_array_equal(np.sort(learned[:, 0]), x[:, 0])
    for window in wx:
        real = window[window[:, 0] > 0]
        assert len(np.unique(real[:, 1])) == 1
        np.testing.assert_array_equal(np.diff(real[:, 0]), 1)


@settings(deadline=None, max_examples=30)
@given(
    lengths=st.lists(st.integers(1, 12), min_size=1, max_size=3),
    parts=st.integers(1, 3),
    width=st.integers(1, 3),
)
def test_windows_sum_what_came_before_in_the_same_stretch(lengths, parts, width):
    ends = np.cumsum(lengths)
    runs = [slice(int(e - n), int(e)) for e, n in zip(ends, lengths, strict=True)]
    x = np.random.default_rng(0).poisson(1, (ends[-1], 2)).astype(float)
    sums, where = running_sums(x, runs, parts * width)
    found = gather_windows(sums, where, parts, width).numpy()
    for run in runs:
        for t in range(run.start, run.stop):
            for p in range(parts):
                first = t + 1 - (parts - p) * width
                rows = x[max(first, run.start) : max(first + width, run.start)]
                np.testing.assert_array_equal(found[t, p], rows.sum(0))


# --- hard input ---


def test_the_state_never_crosses_a_jump_or_a_trial():
    x, y = reaching()
    estimator = small().fit(x, y)
    half = x.isel(time=slice(300, 600))
    apart = xr.concat([x.isel(time=slice(0, 200)), half], "time")
    np.testing.assert_array_equal(
        estimator.predict(apart).values[200:], estimator.predict(half).values
    )
    trials = xr.concat([half, half], "trial")
    predicted = estimator.predict(trials)
    assert predicted.dims == ("trial", "time", "feature")
    np.testing.assert_array_equal(predicted[0], predicted[1])


@pytest.mark.parametrize(
    "change",
    [
        lambda x, y: (x.isel(unit=[0]), y),
        lambda x, y: (x * 0, y),
        lambda x, y: (x, y.isel(feature=[0])),
        lambda x, y: (x, y * 0 + 3.0),
        lambda x, y: (x.isel(time=slice(0, 2)), y.isel(time=slice(0, 2))),
    ],
    ids=["one unit", "silence", "one output", "no movement", "two steps"],
)
@pytest.mark.parametrize("preset", [None, "snn3d"])
def test_hard_input_is_answered_with_numbers(change, preset):
    x, y = change(*reaching())
    estimator = small(preset=preset).fit(x, y)
    out = estimator.predict(x)
    assert out.shape == (x.sizes["time"], y.sizes["feature"])
    assert np.isfinite(out).all()
    assert np.isfinite(estimator.predict(x.isel(time=slice(0, 1)))).all()


def test_one_seed_one_network_and_pickles_and_files_keep_it(tmp_path):
    x, y = reaching()
    estimator, twin = small(2).fit(x, y), small(2).fit(x, y)
    expected = estimator.predict(x).values
    np.testing.assert_array_equal(twin.predict(x).values, expected)
    assert (small(2, random_state=1).fit(x, y).predict(x).values != expected).any()
    copy = pickle.loads(pickle.dumps(estimator))
    np.testing.assert_array_equal(copy.predict(x).values, expected)
    estimator.save(tmp_path / "decoder")
    loaded = SpikingRegressor.load(tmp_path / "decoder")
    np.testing.assert_array_equal(loaded.predict(x).values, expected)
    loaded.partial_fit(x, y)


@pytest.mark.parametrize("preset", list(PRESETS))
def test_presets_are_what_was_published(preset):
    x, y = reaching(60)
    plan = design(small(preset=preset))
    assert plan.hidden == PRESETS[preset]["hidden"]
    if preset != "big":
        module = small(preset=preset).fit(x, y).module_
        linear = [layer for layer in module if isinstance(layer, torch.nn.Linear)]
        assert [layer.out_features for layer in linear] == [*plan.hidden, 2]


# --- errors ---


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"hidden": 0}, "hidden must be numbers of units, 1 or more"),
        ({"hidden": (4, 4), "tau_mem": (0.1,)}, "tau_mem must be one or one per hidden layer"),
        ({"tau_mem": 0.0}, "tau_mem must be positive"),
        ({"readout_tau": -1.0}, "readout_tau must be positive"),
        ({"window": 0.0}, "window must be positive"),
        ({"dropout": 1.0}, "dropout must lie in"),
        ({"n_readouts": 0}, "n_readouts be 1 or more"),
        ({"prune": 1.0}, "prune must lie in"),
        ({"rate_weight": -1.0}, "rate_weight be 0 or more"),
        ({"credit": "magic"}, "credit must be one of"),
        ({"preset": "huge"}, "preset must be one of"),
        ({"max_delay": -0.1}, "max_delay must be 0 or more seconds"),
        ({"max_delay": 0.1, "preset": "snn3d"}, "0 for preset 'snn3d'"),
        ({"max_delay": 0.1, "credit": "sltt"}, "delays are learned through time"),
        ({"reset": "hard"}, "reset must be one of"),
        ({"surrogate": "line"}, "surrogate must be one of"),
    ],
)
def test_parameters_out_of_range_are_refused(options, sentence):
    with pytest.raises(ValueError, match=sentence):
        small(**options).fit(*reaching(60))


def test_a_missing_or_another_clock_is_refused():
    x, y = reaching(60)
    with pytest.raises(ValueError, match="needs to know the sampling rate of a plain"):
        small().fit(x.values.T, y.values)
    estimator = small().fit(x, y)
    with pytest.raises(ValueError, match="fitted at 100 Hz, got data at 50 Hz"):
        estimator.predict(x.isel(time=slice(0, None, 2)))
    with pytest.raises(ValueError, match="y has 1 outputs, before there were 2"):
        estimator.partial_fit(x, y.isel(feature=[0]))
    slow = x.assign_coords(time=np.arange(60) * 0.1)
    with pytest.raises(ValueError, match="window must hold 7 steps or more"):
        small(preset="snn3d").fit(slow, y.assign_coords(time=slow["time"].values))


def test_a_stream_refuses_other_shapes_and_nan_and_stays_as_it_was():
    x, y = reaching(60)
    stream = small().fit(x, y).stream()
    twin = small().fit(x, y).stream()
    rows = x.values.T.astype(float)
    stream.push(rows[:5])
    with pytest.raises(ValueError, match=r"push takes counts of shape \(n, 12\), got \(12,\)"):
        stream.push(rows[0])
    with pytest.raises(ValueError, match="NaN or infinity"):
        stream.push(np.full((1, 12), np.nan))
    twin.push(rows[:5])
    np.testing.assert_array_equal(stream.push(rows[5:]), twin.push(rows[5:]))


# --- labels ---


def letters(n_trials=60, n_times=40, seed=0):
    """Trials of two classes that differ in when their units fire, not in how often."""
    rng = np.random.default_rng(seed)
    y = np.array(["early", "late"])[np.arange(n_trials) % 2]
    early = (np.arange(n_times) < n_times // 2)[None, None]
    first = np.where((y == "early")[:, None, None], early, ~early)
    rates = 0.02 + 0.4 * np.concatenate([first, ~first], 1).repeat(4, 1)
    x = neurokit.counts(rng.poisson(rates), bin_width=0.01, trials={"label": y})
    return x, y


def classify(epochs=10, **options):
    trainer = Trainer(epochs, batch_size=8, learning_rate=2e-2, device="cpu")
    return SpikingClassifier(16, trainer=trainer, random_state=0, **options)


def test_labels_are_told_apart_by_time_alone():
    x, y = letters()
    train, test = slice(0, 40), slice(40, 60)
    estimator = classify().fit(x[train], y[train])
    assert estimator.score(x[test], y[test]) > 0.9
    assert estimator.predict(x[test]).dims == ("trial",)
    assert estimator.predict_proba(x[test]).dims == ("trial", "class")


def test_probabilities_are_the_mean_softmax_of_the_torch_module():
    x, y = letters(6)
    estimator = classify(1, n_readouts=2).fit(x, y)
    rows = torch.from_numpy(x.values.transpose(2, 0, 1).astype(float))
    with torch.no_grad():
        out, _ = run_network(estimator.module_.double(), rows, 2)
    expected = out.softmax(-1).mean(0).numpy()
    np.testing.assert_allclose(estimator.predict_proba(x).values, expected, rtol=1e-5)


def test_a_live_trial_ends_where_the_whole_one_does(tmp_path):
    x, y = letters(6)
    estimator = classify(2).fit(x, y)
    whole = estimator.predict_proba(x).values
    for trial, expected in zip(x.values, whole, strict=True):
        stream = estimator.stream()
        parts = [stream.push(part) for part in np.array_split(trial.T, 7)]
        np.testing.assert_allclose(np.concatenate(parts)[-1], expected, rtol=1e-12)
        assert stream.flush().shape == (0, 2)
    estimator.save(tmp_path / "decoder")
    loaded = SpikingClassifier.load(tmp_path / "decoder")
    np.testing.assert_array_equal(loaded.predict_proba(x).values, whole)
    np.testing.assert_array_equal(loaded.predict(x[0]).values, estimator.predict(x).values[0])
    short = estimator.predict_proba(x.isel(time=[0]))
    assert np.isfinite(short).all()


def test_a_trial_s_delays_begin_anew_with_it(tmp_path):
    x, y = letters(6)
    estimator = classify(2, max_delay=0.05).fit(x, y)
    whole = estimator.predict_proba(x).values
    for trial, expected in zip(x.values, whole, strict=True):
        stream = estimator.stream()
        parts = [stream.push(part) for part in np.array_split(trial.T, 7)]
        np.testing.assert_allclose(np.concatenate(parts)[-1], expected, rtol=1e-12)
    estimator.save(tmp_path / "decoder")
    loaded = SpikingClassifier.load(tmp_path / "decoder")
    np.testing.assert_array_equal(loaded.predict_proba(x).values, whole)


def test_a_classifier_refuses_what_it_cannot_take():
    x, y = letters(6)
    with pytest.raises(ValueError, match="needs to know the sampling rate of a plain"):
        classify().fit(x.values, y)
    with pytest.raises(ValueError, match="preset 'snn3d' decodes every step"):
        classify(preset="snn3d").fit(x, y)
    with pytest.raises(ValueError, match="requires y to be passed"):
        classify().fit(x, None)


def test_a_classifier_goes_on_learning_where_it_stood():
    x, y = letters()
    turned = x.copy(data=x.values[:, [*range(4, 8), *range(4)]])  # the two groups change places
    estimator = classify(20).fit(x, y)
    kept = estimator.module_
    before = estimator.score(turned[40:], y[40:])
    for _ in range(6):
        estimator.partial_fit(turned[:40], y[:40])
    assert before < 0.2
    assert estimator.score(turned[40:], y[40:]) > 0.9
    assert kept is not estimator.module_
    assert classify(2).partial_fit(x, y).score(x, y) == classify(2).fit(x, y).score(x, y)
    first = classify(2).partial_fit(x[y == "early"], y[y == "early"], classes=["late", "early"])
    assert first.classes_.tolist() == ["early", "late"]
    assert first.partial_fit(x, y).predict_proba(x).shape == (len(x), 2)
    with pytest.raises(ValueError, match=r"y holds classes \['never'\] that fit had not seen"):
        estimator.partial_fit(x[:2], ["early", "never"])
    slow = x.assign_coords(time=x["time"] * 2)
    with pytest.raises(ValueError, match="fitted at 100 Hz, got data at 50 Hz"):
        estimator.partial_fit(slow, y)
