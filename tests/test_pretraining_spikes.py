"""The generative model of spike trains: likelihood, draws, graph, live use, errors."""

import numpy as np
import pytest
import xarray as xr
from scipy.special import gammaln
from scipy.stats import kstest

import neurokit
from neurokit.pretraining import SpikeTransformer
from neurokit.training import Trainer

ONE = Trainer(1, device="cpu")


def trains(seconds=20.0, seed=0):
    """``b`` follows ``a`` by 20 ms, ``c`` is alone."""
    rng = np.random.default_rng(seed)
    a, b, c = (np.sort(rng.uniform(0, seconds, int(rate * seconds))) for rate in (8, 3, 5))
    late = a[rng.random(len(a)) < 0.7] + 0.02
    return neurokit.spikes(
        {"a": a, "b": np.sort(np.r_[b, late[late < seconds]]), "c": c}, stop=seconds
    )


def make(observation="count", **more):
    small = {"width": 8, "depth": 2, "n_heads": 2, "history": 0.1, "window": 1.0}
    small |= {"trainer": ONE, "random_state": 0, "observation": observation}
    return SpikeTransformer(**small | more)


@pytest.fixture(scope="module", params=["event", "count"])
def fitted(request):
    return make(request.param).fit(trains())


def test_the_score_is_the_likelihood_over_that_of_constant_rates(fitted):
    x = trains(5.0, seed=1)
    counts = neurokit.bin_spikes(x, 0.01).values
    rate = fitted.rates_[:, None]
    null = (counts * np.log(rate) - rate - gammaln(counts + 1)).sum()
    gain = float(fitted.score_samples(x).sum())
    expected = (gain - null) / counts.sum() / np.log(2)
    assert fitted.score(x) == pytest.approx(expected, rel=1e-5)
    assert expected > 0.1
    assert fitted.score(x, null="test") < fitted.score(x) + 0.1


def test_counts_have_the_probability_that_poisson_gives_them():
    model, x = make("count").fit(trains()), trains(3.0, seed=1)
    rate = model.predict(x).transpose("unit", "time").values.astype(float)
    counts = neurokit.bin_spikes(x, 0.01).values
    expected = (counts * np.log(rate) - rate - gammaln(counts + 1)).sum(0)
    np.testing.assert_allclose(model.score_samples(x).values, expected, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(model.log_intensity(x), np.log(model.predict(x)))


def test_drawn_spikes_are_rescaled_to_even_ones():
    for observation in ("event", "count"):
        model = make(observation, depth=1).fit(trains(8.0))
        passed = []
        for seed in range(3):
            x = model.sample(1.0, random_state=seed)
            uniform = model.rescale(x, random_state=seed)
            assert set(uniform["unit"].values) <= {"a", "b", "c"}
            passed.append(kstest(uniform.values, "uniform").pvalue > 0.05)
        assert sum(passed) >= 2


@pytest.mark.slow
def test_drawn_spikes_are_rescaled_to_even_ones_at_the_level_of_the_test():
    for observation in ("event", "count"):
        model = make(observation).fit(trains())
        x = [model.sample(20.0, random_state=seed) for seed in range(20)]
        p = [kstest(model.rescale(one, random_state=7), "uniform").pvalue for one in x]
        assert np.mean(np.array(p) < 0.05) <= 0.15


def test_a_wrong_model_is_seen_by_rescaling(fitted):
    rng = np.random.default_rng(3)
    number = {"a": 100, "b": 700, "c": 400}
    wrong = {unit: np.sort(rng.uniform(0, 40, n)) for unit, n in number.items()}
    wrong = neurokit.spikes(wrong, stop=40.0)
    assert kstest(fitted.rescale(wrong, random_state=0), "uniform").pvalue < 0.01


def test_draws_follow_the_rates_and_couplings_that_were_learned(fitted):
    x = fitted.sample(4.0, random_state=0)
    rate = x["spike_count"].values / 4
    np.testing.assert_allclose(rate, fitted.rates_ / 0.01, rtol=0.8)
    again, other = fitted.sample(0.5, n=2, random_state=0)
    assert list(again["unit"].values) == ["a", "b", "c"]
    assert not np.array_equal(again["spike_time"], other["spike_time"])
    more = fitted.sample(0.2, given=trains(5.0), random_state=0)
    assert float(more["start"]) == pytest.approx(5.0)
    counts = neurokit.bin_spikes(x, 0.01).values
    lagged = (counts[0, :-2] * counts[1, 2:]).mean() / counts[0].mean() / counts[1].mean()
    assert lagged > 2


@pytest.mark.parametrize("method", ["ablation", "gradient", "attention"])
def test_the_only_coupling_stands_out(method):
    model = make("event", depth=1, trainer=Trainer(4, device="cpu", batch_size=8))
    graph = model.fit(trains()).connectivity(trains(), method)
    assert graph.dims == ("target", "source")
    values = graph.fillna(-np.inf).stack(pair=("target", "source"))
    if method == "attention":  # attention tells little of couplings; it is reported, not trusted
        assert np.isfinite(graph.values[~np.eye(3, dtype=bool)]).all()
        return
    best = values["pair"].values[int(np.argmax(values.values))]
    assert best == ("b", "a")
    assert np.isnan(np.diag(graph)).all()


def test_a_lowered_intensity_is_negative():
    rng = np.random.default_rng(0)
    a = (rng.random(8000) < 0.1).astype(float)
    lowered = np.r_[np.zeros(1), a[:-1]]
    b = (rng.random(8000) < np.where(lowered > 0, 0.01, 0.15)).astype(float)
    x = neurokit.counts(np.stack([a, b]), bin_width=0.01, ids=["a", "b"])
    model = make("count").fit(x)
    for method in ("ablation", "gradient"):
        assert model.connectivity(x, method).sel(target="b", source="a") < 0


@pytest.mark.parametrize("size", [1, 7, 300])
def test_live_chunks_join_to_the_whole(fitted, size):
    x = neurokit.bin_spikes(trains(4.0, seed=2), 0.01)
    rows = x.transpose("time", "unit").values
    live = fitted.stream()
    parts = [live.push(rows[k : k + size]) for k in range(0, len(rows), size)]
    whole = fitted.predict(x).transpose("time", "unit").values
    np.testing.assert_allclose(np.concatenate([*parts, live.flush()]), whole, rtol=1e-5)


def test_signals_beside_the_spikes_are_used_at_or_before_each_bin():
    rng = np.random.default_rng(0)
    drive = np.repeat(rng.normal(size=200), 20)
    x = neurokit.counts(rng.poisson(0.1 * np.exp(drive))[None], bin_width=0.01, ids=["a"])
    z = neurokit.behaviour(drive[:, None], sampling_rate=100, features=["drive"])
    blind, seeing = make().fit(x), make().fit(x, covariates=z)
    assert seeing.score(x, covariates=z) > blind.score(x) + 0.3
    assert np.isfinite(seeing.score(x))  # missing: a learned vector stands for them
    slow = z.isel(time=slice(0, None, 20))
    assert seeing.score(x, covariates=slow) == pytest.approx(seeing.score(x, covariates=z))
    live = seeing.stream()
    found = live.push(x.values.T[:50], z.values[:50])
    expected = seeing.predict(x, covariates=z).values.ravel()[:50]
    np.testing.assert_allclose(found.ravel(), expected, rtol=1e-5)
    assert len(seeing.sample(0.5, covariates=z.values[:50])["unit"]) == 1


def test_common_input_is_explained_by_factors_of_the_population():
    rng = np.random.default_rng(0)
    slow = np.repeat(rng.normal(size=300), 20)
    y = rng.poisson(0.1 * np.exp(slow[:, None] * np.ones(8))).astype(float)
    x = neurokit.counts(y.T, bin_width=0.01)
    plain = make().fit(x).connectivity(x)
    freed = make(covariates="population", n_factors=1).fit(x)
    assert float(np.abs(freed.connectivity(x)).sum()) < 0.8 * float(np.abs(plain).sum())
    with pytest.raises(ValueError, match="cannot run live"):
        freed.stream()
    with pytest.raises(ValueError, match="cannot be drawn from"):
        freed.sample(1.0)
    with pytest.raises(ValueError, match="makes its own"):
        freed.score(x, covariates=slow)


def test_lists_and_mappings_of_recordings_are_read_together():
    x, y = trains(20.0), trains(30.0, seed=1)
    together = make().fit([x, y.sel(unit=["c", "a", "b"])])
    named = make().fit({"one": x, "two": y})
    a, b = together.predict([x, y])
    assert a.sizes["time"] == 2000
    np.testing.assert_array_equal(named.predict({"one": x, "two": y})["two"], b)
    assert together.score([x, y]) > 0.1


def test_bins_that_nobody_watched_say_nothing():
    x = neurokit.bin_spikes(trains(), 0.01).astype(float)
    model, part = make().fit(x), x.isel(time=slice(0, 500))
    hidden = part.copy()
    hidden[2, 300:] = np.nan
    gain = model.score_samples(part) - model.score_samples(hidden)
    np.testing.assert_allclose(gain[:300], 0, atol=1e-6)
    assert (gain[300:] < 0).all() or np.isfinite(gain).all()
    gaps = neurokit.spikes([[0.1, 0.31]], intervals=[[0.0, 0.2], [0.3, 0.5]])
    assert make().fit(gaps).predict(gaps).sizes["time"] == 40


def test_saved_and_loaded_it_says_the_same(fitted, tmp_path):
    x = trains(3.0, seed=4)
    again = SpikeTransformer.load(fitted.save(tmp_path / "model"))
    xr.testing.assert_identical(again.predict(x), fitted.predict(x))
    assert again.score(x) == fitted.score(x)


def test_interrupted_and_resumed_it_is_the_same_to_the_bit(tmp_path, monkeypatch):
    from neurokit.pretraining.spiking import learning

    x, trainer = trains(10.0), Trainer(3, device="cpu", batch_size=4, checkpoint=tmp_path)
    whole = make("event", trainer=Trainer(3, device="cpu", batch_size=4)).fit(x)
    calls, plain = [0], learning.surprise

    def stops(*batch):
        calls[0] += 1
        if calls[0] == 6:
            raise RuntimeError("power cut")
        return plain(*batch)

    monkeypatch.setattr(learning, "surprise", stops)
    with pytest.raises(RuntimeError, match="power cut"):
        make("event", trainer=trainer).fit(x)
    assert list(tmp_path.iterdir())
    resumed = make("event", trainer=trainer).fit(x)
    assert not list(tmp_path.iterdir())
    for name, value in whole.module_.state_dict().items():
        np.testing.assert_array_equal(value, resumed.module_.state_dict()[name], err_msg=name)


def test_it_goes_on_learning_from_a_new_day():
    model = make(trainer=Trainer(4, device="cpu")).fit(trains(5.0))
    day = trains(30.0, seed=9)
    before = {k: v.clone() for k, v in model.module_.state_dict().items()}
    old, score = model.module_, model.score(day)
    model.partial_fit(day).partial_fit(day)
    assert model.score(day) > score
    np.testing.assert_array_equal(old.state_dict()["units"], before["units"])
    fresh = make().partial_fit(trains(5.0))
    assert fresh.score(day) > 0


@pytest.mark.parametrize(
    ("params", "match"),
    [
        ({"bin_width": 0}, "bin_width must be positive, got 0"),
        ({"history": 0.001}, "history must be a bin or longer"),
        ({"window": 0.0}, "window must be a bin or longer"),
        ({"depth": 0}, "depth must be at least 1"),
        ({"dropout": 1.0}, r"dropout must be in \[0, 1\)"),
        ({"observation": "rate"}, "observation must be one of"),
        ({"covariates": "hand"}, "covariates must be None or 'population'"),
        ({"width": 6}, "dim must be a multiple of twice n_heads"),
    ],
)
def test_parameters_out_of_range_are_named(params, match):
    with pytest.raises(ValueError, match=match):
        make(**params).fit(trains(2.0))


def test_what_does_not_fit_is_refused_in_a_sentence(fitted):
    x = neurokit.bin_spikes(trains(2.0), 0.01)
    silent = neurokit.spikes({"a": [0.1], "b": []}, stop=1.0)
    with pytest.raises(ValueError, match=r"the units \['b'\] never fire in X; leave them out"):
        make().fit(silent)
    alone = make().fit(trains(5.0).sel(unit=["a"]))
    with pytest.raises(ValueError, match="a graph needs two units or more, got one"):
        alone.connectivity(trains(5.0).sel(unit=["a"]))
    with pytest.raises(ValueError, match=r"bins of 0.02 s, expected bin_width=0.01 s"):
        make().fit(neurokit.bin_spikes(trains(2.0), 0.02))
    with pytest.raises(ValueError, match="fitted at 100 Hz, got data at 50 Hz"):
        fitted.score(neurokit.bin_spikes(trains(2.0), 0.02))
    with pytest.raises(ValueError, match=r"\['a', 'b', 'c'\]"):
        fitted.score(x.assign_coords(unit=["a", "b", "z"]))
    with pytest.raises(ValueError, match="whole numbers of spikes, got 0 to"):
        make().fit(x * 0.5)
    with pytest.raises(ValueError, match="covariates hold NaN or infinity"):
        make().fit(x, covariates=np.full((200, 1), np.nan))
    with pytest.raises(ValueError, match="one row for each of 200 bins, got shape"):
        make().fit(x, covariates=np.zeros((3, 1)))
    late = neurokit.behaviour(np.zeros((50, 1)), sampling_rate=100)
    with pytest.raises(ValueError, match="covariates must cover the spikes"):
        make().fit(x, covariates=late)
    with pytest.raises(ValueError, match="1 recordings and 2 covariates"):
        make().fit([x], covariates=[late, late])
    with pytest.raises(ValueError, match="had 0 features in fit, got 1"):
        fitted.score(x, covariates=np.zeros((200, 1)))
    with pytest.raises(ValueError, match="method must be one of"):
        fitted.connectivity(x, "guess")
    with pytest.raises(ValueError, match="null must be 'train' or 'test'"):
        fitted.score(x, null="mean")
    with pytest.raises(ValueError, match="no unit fires in X"):
        fitted.score(x * 0)
    with pytest.raises(ValueError, match=r"duration must be 0.01 s, one bin, or more"):
        fitted.sample(0.0)
    if fitted.observation_ == "count":
        with pytest.raises(ValueError, match="attention to units needs observation='event'"):
            fitted.connectivity(x, "attention")
    with pytest.raises(ValueError, match="push takes counts of shape"):
        fitted.stream().push(np.zeros((3, 2)))
