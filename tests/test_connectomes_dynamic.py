"""Traces to communities in time: planted ones are found, and nothing in noise."""

import numpy as np
import pytest
import xarray as xr
from scipy.optimize import nnls
from sklearn.metrics import adjusted_rand_score

import neurokit
from neurokit.connectomes import (
    Affinity,
    DynamicConnectome,
    NonnegativeCP,
    differential_affinity,
)
from neurokit.connectomes.tensors.change import rates_of_change
from neurokit.connectomes.tensors.surrogates import excess, expected, surrogate
from neurokit.datasets import make_dynamic_communities


def animals(seed=0, **kwargs):
    options = {"n_animals": 3, "n_units": 30, "n_communities": 2, "duration": 100.0} | kwargs
    return make_dynamic_communities(random_state=seed, **options)


@pytest.fixture(scope="module")
def fitted():
    traces, truth = animals()
    model = DynamicConnectome(3, n_surrogates=19, alpha=0.05, random_state=0)
    return model.fit(traces), traces, truth


def test_planted_communities_are_found_and_exceed_chance(fitted):
    model, _, truth = fitted
    assert model.significant_[:2].all()
    assert adjusted_rand_score(truth["community"], model.membership_) > 0.95
    same = truth["community"].values[:, None] == truth["community"].values
    found = model.edges_["significant"].values
    assert found[same & ~np.eye(30, dtype=bool)].mean() > 0.4
    assert not found[~same].any()


def test_what_comes_out_is_labelled(fitted):
    model, traces, _ = fitted
    assert model.components_.dims == ("component", "source", "target")
    assert model.labels_.dims == ("component", "unit")
    assert model.factors_["time_factor"].sizes["time"] == 400 - 2 * 11
    assert model.factors_["animal"].values.tolist() == traces["animal"].values.tolist()
    strength = model.transform(traces)
    assert strength.dims == ("animal", "time", "component")
    assert strength.indexes["time"].equals(traces.indexes["time"])
    assert strength.isnull().all("component").sum("time").values.tolist() == [22, 22, 22]


def test_the_matrix_of_a_component_is_the_weighted_mean_of_the_affinity(fitted):
    model, traces, _ = fitted
    dense = differential_affinity(traces).to_dense()
    weights = model.factors_["time_factor"] * model.factors_["animal_factor"]
    for k in range(3):
        w = weights.isel(component=k, drop=True)
        expected = (dense * w).sum(("time", "animal")) / (dense.notnull() * w).sum(
            ("time", "animal")
        )
        found = model.components_.isel(component=k)
        off = ~np.eye(30, dtype=bool)
        np.testing.assert_allclose(found.values[off], expected.values[off], rtol=1e-4)
        assert np.isnan(np.diag(found.values)).all()


@pytest.mark.parametrize("form", ["cp", "pairs"])
def test_loadings_are_those_of_non_negative_least_squares(form):
    traces, _ = animals(n_units=8, n_animals=2, duration=30.0, missing=0.0)
    traces[1, 6] = np.nan
    model = DynamicConnectome(2, form=form, n_surrogates=0, random_state=0).fit(traces)
    part = traces.isel(animal=[1], time=slice(20, 90))
    strength = model.transform(part.isel(unit=slice(None, None, -1)))
    rates = rates_of_change(part, smoothing=1.0, normalize="mad", caller="test", whole=False)
    dense = Affinity(rates, "geometric").to_dense().transpose("time", "animal", ...)
    source, target = np.triu_indices(8, 1)
    if form == "cp":
        unit = model.factors_["unit_factor"].values
        pattern = unit[source] * unit[target] * np.sqrt(2)  # each pair stands twice
        twice = np.sqrt(2)
    else:
        pattern, twice = model.factors_["pair_factor"].values[source, target], 1.0
    for t in (11, 30):
        seen = dense.sel(time=part["time"][t]).values[0][source, target]
        known = np.isfinite(seen)
        expected = nnls(pattern[known], twice * seen[known])[0]
        np.testing.assert_allclose(strength.values[0, t], expected, atol=1e-6)


def test_communities_by_description_length_are_another_way():
    traces, _ = animals(n_units=14, n_animals=1, missing=0.0, loners=0.0)
    model = DynamicConnectome(2, communities="sbm", n_surrogates=0, random_state=0).fit(traces)
    assert model.labels_.shape == (2, 14)
    assert (model.labels_.values.min(1) == 0).all()


def test_animals_that_behave_freely_have_time_courses_of_their_own():
    traces, truth = animals(missing=0.1)
    # what is simultaneous in the first animal happens at another time in the others
    free = traces.copy()
    for k in range(3):
        free[k] = np.roll(traces[k].values, 130 * k, axis=1)
    model = DynamicConnectome(3, n_surrogates=19, alpha=0.05, shared_time=False, random_state=0)
    model.fit(free)
    assert model.factors_["time_factor"].dims == ("animal", "time", "component")
    assert adjusted_rand_score(truth["community"], model.membership_) > 0.95
    strength = model.transform(free).sel(time=model.factors_["time"])
    fitted = model.factors_["time_factor"] * model.factors_["weight"]
    apart = np.abs(strength.values - fitted.values).max()
    assert apart < 0.05 * float(fitted.max())
    rolled = np.roll(fitted.values[2], -260, axis=0)[20:100]
    assert np.corrcoef(rolled.ravel(), fitted.values[0, 20:100].ravel())[0, 1] > 0.8


@pytest.mark.parametrize("kind", ["shift", "phase"])
@pytest.mark.parametrize("seed", range(2))
def test_nothing_is_found_in_white_noise(seed, kind):
    rng = np.random.default_rng(100 + seed)
    x = neurokit.traces(rng.normal(size=(2, 10, 120)), sampling_rate=4).rename(trial="animal")
    model = DynamicConnectome(
        2, n_surrogates=39, alpha=0.025, surrogate=kind, n_restarts=2, tol=1e-3, random_state=seed
    ).fit(x)
    assert not model.significant_.any()
    assert not model.edges_["significant"].any()
    assert (model.membership_ == -1).all()


@pytest.mark.slow
def test_chance_is_found_as_often_as_alpha_says():
    p, edges = [], []
    for seed in range(60):
        x = neurokit.traces(np.random.default_rng(seed).normal(size=(10, 120)), sampling_rate=4)
        model = DynamicConnectome(2, n_surrogates=19, alpha=0.05, n_restarts=2, random_state=seed)
        model.fit(x)
        p.append(float(model.p_components_.min()))
        edges.append(float(model.edges_["p"].min()))
    for found in (p, edges):  # binomial, 60 draws of .05 and of .5
        assert np.mean(np.array(found) <= 0.05) < 0.15
        assert 0.25 < np.mean(np.array(found) <= 0.5) < 0.75


@pytest.mark.parametrize("kind", ["geometric", "product", "min"])
def test_the_expected_affinity_is_the_mean_over_shifts(kind):
    rng = np.random.default_rng(0)
    rates = rng.normal(size=(4, 50, 2)) + 0.3
    rates[1, :, 1] = np.nan
    affinity = Affinity(xr.DataArray(rates, dims=("unit", "time", "animal")), kind)
    state = np.random.RandomState(0)
    drawn = [surrogate(affinity, "shift", state).to_dense().mean("time") for _ in range(400)]
    mean = np.nan_to_num(np.mean(drawn, 0)).transpose(2, 0, 1)
    np.testing.assert_allclose(expected(affinity, state), mean, atol=0.06)


def test_surrogates_keep_what_each_unit_has_of_its_own():
    rates = np.random.default_rng(0).normal(size=(3, 64, 2))
    rates[1, :, 1] = rates[2, :10, 0] = np.nan
    affinity = Affinity(xr.DataArray(rates, dims=("unit", "time", "animal")), "geometric")
    shifted = surrogate(affinity, "shift", np.random.RandomState(0)).rates.values
    np.testing.assert_array_equal(np.sort(shifted, 1), np.sort(rates, 1))
    turned = surrogate(affinity, "phase", np.random.RandomState(0)).rates.values
    np.testing.assert_array_equal(np.isnan(turned), np.isnan(rates))
    a, b = (np.abs(np.fft.rfft(x[0, :, 0])) for x in (turned, rates))
    np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4)
    assert abs(np.corrcoef(turned[0, :, 0], rates[0, :, 0])[0, 1]) < 0.5


def test_another_rate_and_other_units_are_refused(fitted):
    model, traces, _ = fitted
    with pytest.raises(ValueError, match=r"fitted at 4 Hz, got data at 2 Hz"):
        model.transform(traces.isel(time=slice(None, None, 2)))
    with pytest.raises(ValueError, match=r"X lacks \[0\]"):
        model.transform(traces.isel(unit=slice(1, None)))


@pytest.mark.parametrize(
    ("params", "match"),
    [
        ({"form": "dense"}, "form must be one of"),
        ({"communities": "leiden"}, "communities must be one of"),
        ({"surrogate": "swap"}, "surrogate must be one of"),
        ({"alpha": 0}, "alpha must be between 0 and 1"),
        ({"n_surrogates": 19}, r"19 surrogates cannot reach alpha=0\.01; draw at least 99"),
    ],
)
def test_parameters_out_of_range_are_refused(params, match):
    with pytest.raises(ValueError, match=match):
        DynamicConnectome(2, **params).fit(animals()[0])


def test_dims_and_plain_arrays_without_a_rate_are_refused():
    x = animals()[0]
    with pytest.raises(ValueError, match=r"dims \(unit, time\) and perhaps one more"):
        DynamicConnectome().fit(x.expand_dims("trial"))
    with pytest.raises(ValueError, match="sampling_rate= in Hz"):
        DynamicConnectome().fit(np.ones((50, 4)))


def test_the_excess_is_that_of_the_tensor_written_out():
    rates = np.random.default_rng(0).normal(size=(6, 40, 2))
    rates[1, :, 1] = np.nan
    dims = ("unit", "time", "animal")
    affinity = Affinity(xr.DataArray(rates, dims=dims), "geometric")
    model = NonnegativeCP(2, n_restarts=2, tol=1e-3, random_state=0).fit(affinity)
    chance = expected(affinity, np.random.RandomState(0))
    operand = affinity.operand(np.dtype(np.float64))
    found = excess(model, affinity, chance, operand)
    dense = np.nan_to_num(affinity.to_dense().values)
    above = dense - chance.transpose(1, 2, 0)[:, :, None]
    units, times, animal = (model.factors_[f"{name}_factor"].values for name in dims)
    inner = np.einsum("ijtw,ir,jr,tr,wr->r", above, units, units, times, animal)
    np.testing.assert_allclose(found, inner / np.linalg.norm(dense), rtol=1e-5)
