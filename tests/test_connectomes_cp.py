"""Sums of products of factors: against loops, planted truth, and one path against another."""

import math

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.exceptions import ConvergenceWarning

import neurokit
from neurokit.connectomes import CP, Affinity, NonnegativeCP, differential_affinity
from neurokit.connectomes.tensors import devices, restarts
from neurokit.connectomes.tensors.dense import Dense
from neurokit.connectomes.tensors.restarts import draw, fit_restarts
from neurokit.connectomes.tensors.sweeps import Settings, Steps, Stepwise
from neurokit.connectomes.tensors.updates import hals
from neurokit.metrics import factor_match_score


def planted(shape=(9, 8, 7), rank=3, seed=0, *, signed=False):
    rng = np.random.default_rng(seed)
    draws = rng.normal if signed else rng.gamma
    factors = [draws(*([] if signed else [0.7]), size=(n, rank)) for n in shape]
    return build(factors), factors


def build(factors):
    letters = "abcdefg"[: len(factors)]
    return np.einsum(",".join(f"{a}z" for a in letters) + "->" + letters, *factors)


def connectome(n_units=8, n_times=15, n_animals=3, rank=3, seed=0):
    """Symmetric and of low rank: units are in few communities."""
    rng = np.random.default_rng(seed)
    member = np.arange(n_units)[:, None] % rank == np.arange(rank)
    units = rng.gamma(2, 1, (n_units, rank)) * np.where(member, 1, 0.1)
    cells = [rng.gamma(0.7, 1, (n_times, rank)), rng.gamma(2, 1, (n_animals, rank))]
    return build([units, units, *cells]), [units, *cells]


def affinities(seed=0, kind="geometric", *, signed=False):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(7, 20, 3))
    x[2, :, 1] = x[5, :, 0] = np.nan
    rates = xr.DataArray(x, dims=("unit", "time", "animal"), coords={"unit": list("abcdefg")})
    rates = rates.assign_coords(animal=["w1", "w2", "w3"])
    return Affinity(rates, kind, signed=signed)


@pytest.mark.parametrize("shape", [(6, 5), (4, 5, 6), (3, 4, 2, 5)])
def test_a_sweep_is_the_algorithm_written_in_loops(shape):
    X, _ = planted(shape, 2, seed=1)
    rng = np.random.default_rng(2)
    factors = [rng.random((n, 2)) + 0.2 for n in shape]
    penalty = 0.05
    expected = [f.copy() for f in factors]
    for m in range(len(shape)):
        others = [f for k, f in enumerate(expected) if k != m]
        unfolded = np.moveaxis(X, m, 0).reshape(shape[m], -1)
        letters = "abcdef"[: len(others)]
        K = np.einsum(",".join(f"{a}z" for a in letters) + f"->{letters}z", *others)
        K = K.reshape(-1, 2)
        for r in range(2):
            for i in range(shape[m]):
                residual = unfolded[i] - K @ expected[m][i] + K[:, r] * expected[m][i, r]
                best = (residual @ K[:, r] - penalty) / (K[:, r] @ K[:, r])
                expected[m][i, r] = max(best, 0)
    found, inner, square = Dense(X).sweep(
        [f[None] for f in factors], lambda _, f, m, g: hals(f, m, g, penalty)
    )
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a[0], b, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(inner, (X * build(expected)).sum())
    np.testing.assert_allclose(square, (build(expected) ** 2).sum())


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("form", ["dense", "cp", "pairs"])
def test_planted_components_are_found(form, seed):
    X, truth = connectome(seed=seed)
    model = NonnegativeCP(
        3, form=form, dtype="float64", tol=1e-4, max_iter=1000, n_restarts=6, random_state=seed
    ).fit(X)
    assert model.error_ < 0.01
    assert model.converged_[model.best_restart_]
    names = model.modes_[1:]
    found = [model.factors_[f"{name}_factor"].values for name in names]
    if form == "pairs":
        source, target = np.triu_indices(len(truth[0]), 1)
        pairs = model.factors_["pair_factor"].values[source, target]
        found = [pairs, *found]
        wanted = [truth[0][source] * truth[0][target], *truth[1:]]
    else:
        found = [model.factors_[f"{model.modes_[0]}_factor"].values, *found]
        wanted = truth if form == "cp" else [truth[0], *truth]
    assert factor_match_score(found, wanted, weights=False) > 0.98


@pytest.mark.parametrize("seed", range(6))
def test_components_of_any_sign_are_found(seed):
    X, truth = planted((9, 8, 7), 3, seed, signed=True)
    model = CP(3, dtype="float64", tol=1e-7, random_state=seed).fit(X)
    found = [model.factors_[f"mode_{k}_factor"].values for k in range(3)]
    assert factor_match_score(found, truth, weights=False) > 0.99
    for k in (1, 2):  # the samples carry the sign
        assert (found[k].max(0) >= -found[k].min(0)).all()
    np.testing.assert_allclose(model.inverse_transform(model.transform(X)), X, atol=1e-3)


@pytest.mark.parametrize("seed", range(3))
def test_symmetric_components_of_any_sign_are_found(seed):
    rng = np.random.default_rng(seed)
    units, times = rng.normal(size=(9, 2)), rng.normal(size=(12, 2))
    X = build([units, units, times])
    model = CP(2, form="cp", dtype="float64", tol=1e-8, max_iter=2000, random_state=0).fit(X)
    found = [model.factors_[f"{name}_factor"].values for name in ("unit", "mode_2")]
    assert factor_match_score(found, [units, times], weights=False) > 0.99
    np.testing.assert_allclose(model.inverse_transform(model.transform(X)), X, atol=1e-3)


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("kind", ["geometric", "product", "min"])
def test_implicit_and_packed_paths_take_the_same_steps(kind, signed, monkeypatch):
    monkeypatch.setattr("neurokit.connectomes.affinity.HELD", 0)  # minima are streamed
    affinity = affinities(kind=kind, signed=signed)
    options = {"dtype": "float64", "max_iter": 15, "tol": 0, "n_restarts": 3, "random_state": 0}
    with pytest.warns(ConvergenceWarning):
        implicit = NonnegativeCP(2, **options).fit(affinity)
    with pytest.warns(ConvergenceWarning):
        packed = NonnegativeCP(2, form="cp", **options).fit(affinity.to_dense())
    np.testing.assert_allclose(implicit.errors_, packed.errors_, rtol=1e-6)
    np.testing.assert_allclose(implicit.history_, packed.history_, rtol=1e-6)
    for name in implicit.factors_:
        a, b = implicit.factors_[name].values, packed.factors_[name].values
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)
    assert implicit.factors_["unit"].values.tolist() == list("abcdefg")
    assert packed.factors_["unit"].values.tolist() == list("abcdefg")


def test_minima_that_are_held_are_those_that_are_streamed(monkeypatch):
    affinity, errors = affinities(kind="min"), []
    for limit in (0, 2**25):
        monkeypatch.setattr("neurokit.connectomes.affinity.HELD", limit)
        operand = affinity.operand(np.dtype("f8"))
        assert (operand.values is None) == (limit == 0)
        starts = draw(operand.sizes, 2, 2, np.random.RandomState(0), signed=False)
        how = Settings("hals", 0.0, 5, 0.0)
        errors.append(fit_restarts(operand, starts, how, np.zeros(1)).errors)
    np.testing.assert_allclose(*errors, rtol=1e-9)


@pytest.mark.parametrize("form", ["dense", "cp", "pairs"])
def test_the_error_is_that_of_the_tensor_written_out(form):
    dense = affinities().to_dense()
    dense[0, 1, 3, 2] = dense[1, 0, 3, 2] = np.nan  # no outer product of presences any more
    model = NonnegativeCP(3, form=form, n_restarts=2, max_iter=3000, random_state=0).fit(dense)
    fitted = model.inverse_transform(model.transform(dense))
    assert fitted.dims == dense.dims
    known = dense.notnull().values
    if form == "pairs":
        known &= fitted.notnull().values
    apart = (dense.values - fitted.values)[known]
    # transform has found the best loadings in float64, which the fit approached in float32
    error = np.linalg.norm(apart) / np.linalg.norm(dense.values[known])
    assert model.error_ == pytest.approx(error, abs=2e-3)
    assert error <= model.error_ * (1 + 1e-6)


@pytest.mark.parametrize("form", ["dense", "cp", "pairs"])
def test_what_is_not_known_does_not_count(form):
    X, _ = connectome(n_units=9, seed=4)
    rng = np.random.default_rng(0)
    hidden = rng.random(X.shape) < 0.15
    hidden |= hidden.swapaxes(0, 1)
    holed = np.where(hidden, np.nan, X)
    options = {"form": form, "dtype": "float64", "tol": 1e-4, "max_iter": 1000, "n_restarts": 4}
    model = NonnegativeCP(3, random_state=1, **options).fit(holed)
    fitted = model.inverse_transform(model.transform(holed))
    seen = np.isfinite(fitted)
    apart = (fitted - X)[hidden & seen]
    assert np.linalg.norm(apart) < 0.05 * np.linalg.norm(X[hidden & seen])
    again = NonnegativeCP(3, random_state=1, **options).fit(np.where(hidden, np.nan, X))
    np.testing.assert_array_equal(again.errors_, model.errors_)


def test_a_missing_animal_and_missing_units_leave_the_rest_as_it_is():
    X, truth = connectome(n_units=10, n_animals=4, seed=2)
    X[3, :, :, 1] = X[:, 3, :, 1] = np.nan
    X[5:8, :, :, 2] = X[:, 5:8, :, 2] = np.nan
    X[np.arange(10), np.arange(10)] = np.nan
    model = NonnegativeCP(
        3, form="cp", dtype="float64", tol=1e-5, max_iter=2000, n_restarts=4, random_state=0
    ).fit(X)
    found = [model.factors_[f"{name}_factor"].values for name in model.modes_]
    assert factor_match_score(found, truth, weights=False) > 0.98


@settings(deadline=None)  # the first example compiles
@given(
    shape=st.lists(st.integers(2, 6), min_size=2, max_size=4),
    seed=st.integers(0, 99),
    l1=st.sampled_from([0.0, 0.01]),
    holes=st.booleans(),
)
def test_the_error_never_rises(shape, seed, l1, holes):
    rng = np.random.default_rng(seed)
    X = rng.random(shape)
    if holes:
        X.flat[0] = np.nan
    rank = min(2, math.prod(shape) // max(shape))
    known = np.isfinite(X) if holes else None
    operand = Dense(np.nan_to_num(X), known)
    starts = draw(operand.sizes, rank, 3, np.random.RandomState(seed), signed=False)
    found = fit_restarts(operand, starts, Settings("hals", l1, 30, 0.0), np.zeros(1))
    if not l1:  # with a penalty it is the sum of both that falls
        squares = found.history**2  # NaN: it is at its end
        assert not (np.diff(squares, axis=0)[1:] > 1e-12).any()
    assert all((f >= 0).all() for f in found.factors)


def test_the_error_of_the_symmetric_form_hardly_ever_rises():
    for seed in range(5):
        X, _ = connectome(seed=seed)
        with pytest.warns(ConvergenceWarning):
            model = NonnegativeCP(
                3, form="cp", dtype="float64", max_iter=40, tol=0, random_state=seed
            ).fit(X)
        assert (np.diff(model.history_, axis=0)[1:] <= 1e-3).all()


def test_more_restarts_leave_the_first_ones_alone():
    X, _ = planted()
    few = NonnegativeCP(3, n_restarts=3, dtype="float64", random_state=0).fit(X)
    many = NonnegativeCP(3, n_restarts=6, dtype="float64", random_state=0).fit(X)
    np.testing.assert_allclose(many.errors_[:3], few.errors_, rtol=1e-6, atol=1e-7)
    assert many.error_ == many.errors_.min()
    assert 0 <= many.stability_ <= 1
    assert many.similarities_[many.best_restart_] == pytest.approx(1)


def test_a_scaled_tensor_has_the_scaled_solution_with_a_penalty_too():
    X, _ = planted(seed=3)
    options = {"l1": 0.02, "dtype": "float64", "n_restarts": 2, "random_state": 0}
    one = NonnegativeCP(3, **options).fit(X)
    ten = NonnegativeCP(3, **options).fit(1000 * X)
    np.testing.assert_allclose(ten.factors_["weight"], 1000 * one.factors_["weight"], rtol=1e-6)
    free = NonnegativeCP(3, **options | {"l1": 0.0}).fit(X)

    def zeros(model):
        return sum(int((model.factors_[n] == 0).sum()) for n in model.factors_)

    assert zeros(one) > zeros(free)


def test_a_warm_start_goes_on_from_the_last_fit():
    X, _ = planted(seed=5)
    X = X + 0.1 * np.random.default_rng(0).random(X.shape)
    with pytest.warns(ConvergenceWarning):
        model = NonnegativeCP(3, max_iter=15, tol=0, random_state=0, warm_start=True).fit(X)
    before = model.error_
    model.set_params(max_iter=1000, tol=1e-5).fit(X)
    assert model.history_[0, 0] <= before * 1.0001
    assert model.error_ <= before


def test_an_interrupted_fit_goes_on_to_the_same_bits(tmp_path, monkeypatch):
    X, _ = planted(seed=6)
    whole = NonnegativeCP(3, random_state=0).fit(X)
    path = tmp_path / "fit.safetensors"
    model = NonnegativeCP(3, random_state=0, checkpoint=path)
    step, calls = restarts._next, []

    def interrupted(*args):
        calls.append(1)
        if len(calls) == 14:
            raise KeyboardInterrupt
        return step(*args)

    monkeypatch.setattr(restarts, "_next", interrupted)
    with pytest.raises(KeyboardInterrupt):
        model.fit(X)
    assert path.exists()
    with pytest.raises(OSError, match="checkpoint is of another fit"):
        NonnegativeCP(3, random_state=1, checkpoint=path).fit(X)
    monkeypatch.setattr(restarts, "_next", step)
    model.fit(X)
    assert not path.exists()
    xr.testing.assert_identical(model.factors_, whole.factors_)
    np.testing.assert_array_equal(model.history_, whole.history_)
    np.testing.assert_array_equal(model.errors_, whole.errors_)


class _Ahead(Stepwise):
    """Several sweeps before anybody hears of them, as a GPU makes them."""

    pace = 8

    def advance(self, moving, n_sweeps):
        inner, square = [], []
        for _ in range(n_sweeps):
            moving, one, other = super().advance(moving, 1)
            inner.append(one[0])
            square.append(other[0])
        return Steps(moving, np.array(inner), np.array(square))


def test_many_sweeps_at_a_time_are_the_same_sweeps(monkeypatch):
    X, _ = planted(seed=6)
    options = {"n_restarts": 4, "dtype": "float64", "random_state": 0}
    each = NonnegativeCP(3, **options).fit(X)
    monkeypatch.setattr(restarts, "sweeps_of", lambda operand, how, *_: _Ahead(operand, how))
    ahead = NonnegativeCP(3, **options).fit(X)
    for k in range(4):
        one, other = each.history_[:, k], ahead.history_[:, k]
        n_sweeps, later = np.isfinite(one).sum(), np.isfinite(other).sum()
        np.testing.assert_allclose(other[:n_sweeps], one[:n_sweeps], atol=1e-6)
        assert later >= n_sweeps
        assert later % 8 == 0
    assert ahead.converged_.all()
    with pytest.warns(ConvergenceWarning):
        few = NonnegativeCP(3, max_iter=13, **options).fit(X)
    assert few.history_.shape == (13, 4)
    np.testing.assert_allclose(few.history_, each.history_[:13], rtol=1e-9)


def test_new_times_get_their_loadings_and_units_are_found_by_name():
    affinity = affinities()
    model = NonnegativeCP(
        2, dtype="float64", tol=1e-7, max_iter=3000, n_restarts=2, random_state=0
    )
    model.fit(affinity)
    times = model.transform(affinity)
    assert times.dims == ("time", "component")
    expected = model.factors_["time_factor"] * model.factors_["weight"]
    np.testing.assert_allclose(times.values, expected.values, atol=2e-3 * float(expected.max()))
    part = affinity.isel(time=slice(3, 9), unit=[6, 0, 1, 2, 3, 4, 5], animal=[2, 0, 1])
    np.testing.assert_allclose(model.transform(part).values, times.values[3:9], rtol=1e-6)
    with pytest.raises(ValueError, match=r"lacks \['b'\] and has \[\] besides"):
        model.transform(affinity.isel(unit=[0, 2, 3, 4, 5, 6]))
    with pytest.raises(ValueError, match=r"animal must be as in fit; X lacks \['w3'\]"):
        model.transform(affinity.isel(animal=[0, 1]))
    animals = model.transform(affinity.isel(animal=[1, 0]), dim="animal")
    assert animals.sizes == {"animal": 2, "component": 2}
    with pytest.raises(ValueError, match=r"dim must be one of \['time', 'animal'\], got 'unit'"):
        model.transform(affinity, dim="unit")


def test_the_loadings_are_those_of_non_negative_least_squares():
    from scipy.optimize import nnls

    X, _ = planted((12, 6), 2, seed=1)
    X = X + np.random.default_rng(0).random(X.shape)
    model = NonnegativeCP(2, random_state=0).fit(X[:9])
    expected = [nnls(model.components_.T, row)[0] for row in X]
    np.testing.assert_allclose(model.transform(X), expected, atol=1e-8)


@pytest.mark.parametrize("form", ["dense", "cp", "pairs"])
def test_torch_takes_the_same_steps(form, monkeypatch):
    monkeypatch.setattr("neurokit.connectomes.affinity.HELD", 0)
    dense = affinities().to_dense()
    dense[0, 1, 3, 2] = dense[1, 0, 3, 2] = np.nan
    for X in (dense, affinities(), affinities(kind="min"), affinities(signed=True)):
        options = {"form": form, "max_iter": 10, "tol": 0, "n_restarts": 3, "random_state": 0}
        with pytest.warns(ConvergenceWarning):
            numpy = NonnegativeCP(2, device="cpu", **options).fit(X)
        with pytest.warns(ConvergenceWarning):
            torch = NonnegativeCP(2, device="torch", **options).fit(X)
        np.testing.assert_allclose(torch.errors_, numpy.errors_, rtol=1e-4)
        for name in numpy.factors_:
            scale = float(abs(numpy.factors_[name]).max())
            np.testing.assert_allclose(
                torch.factors_[name], numpy.factors_[name], atol=1e-3 * scale
            )


def test_no_torch_on_the_way_of_the_cpu():
    import subprocess
    import sys

    code = (
        "import sys, numpy as np; from neurokit.connectomes import NonnegativeCP;"
        "NonnegativeCP(2, n_restarts=2).fit(np.random.default_rng(0).random((5, 6, 7)));"
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-W", "ignore", "-c", code], check=True)


def test_a_restart_that_ends_in_nan_has_not_converged():
    X, _ = planted()
    operand = Dense(X)
    starts = draw(X.shape, 2, 3, np.random.RandomState(0), signed=False)
    starts[0][1, 0, 0] = np.nan
    found = fit_restarts(operand, starts, Settings("hals", 0.0, 400, 1e-6), np.zeros(1))
    assert found.errors[1] == np.inf
    assert found.converged.tolist() == [True, False, True]


def test_two_units_and_identical_traces_are_taken():
    x = neurokit.traces(np.random.default_rng(0).normal(size=(2, 30)), sampling_rate=3)
    pair = NonnegativeCP(1, random_state=0).fit(differential_affinity(x))
    assert pair.factors_["unit_factor"].shape == (2, 1)
    same = x.copy(data=np.repeat(x.values[:1], 2, 0))
    with pytest.warns(UserWarning, match="hold the same trace"):
        twins = NonnegativeCP(1, random_state=0).fit(differential_affinity(same))
    assert twins.error_ < 1e-3


X3, _ = planted()
XC, _ = connectome()
ODD = XC.copy()
ODD[2, 3] += 1


@pytest.mark.parametrize(
    ("model", "X", "match"),
    [
        (NonnegativeCP(2), -X3, "Negative values in data passed"),
        (NonnegativeCP(2), xr.DataArray(-X3, dims=list("abc")), "zero or more, .* fit CP"),
        (NonnegativeCP(2), X3 * 0, "zero wherever it is known"),
        (NonnegativeCP(2), X3 * np.nan, "nothing but NaN"),
        (NonnegativeCP(2), X3 * np.inf, "infinity"),
        (NonnegativeCP(57), X3, r"shape \(9, 8, 7\) has rank 56 at most, and n_components=57"),
        (NonnegativeCP(2, form="cp"), ODD, "both directions, and those of unit 2 are not; fit"),
        (NonnegativeCP(2, form="pairs"), ODD, "form='pairs' takes affinities that are the same"),
        (NonnegativeCP(2, form="cp"), X3, r"as many sources as targets, got \(9, 8\)"),
        (NonnegativeCP(2, form="cp"), X3[0], "source, target and at least one more"),
        (NonnegativeCP(2, form="tucker"), X3, "form must be one of"),
        (NonnegativeCP(0), X3, "n_components must be a whole number of at least 1, got 0"),
        (NonnegativeCP(True), X3, "n_components must be a whole number of at least 1, got True"),
        (NonnegativeCP(2, n_restarts=0), X3, "n_restarts must be"),
        (NonnegativeCP(2, tol="small"), X3, "tol must be between 0 and 1, got 'small'"),
        (NonnegativeCP(2, l1=None), X3, "l1 must be 0 or more, got None"),
        (NonnegativeCP(2), X3 * 1e-30, "around .e-30, and products of such numbers are lost"),
        (NonnegativeCP(2), X3 * 1e30, "around .e.30, and products of such numbers are lost"),
        (NonnegativeCP(2, tol=-1), X3, "tol must be between 0 and 1"),
        (NonnegativeCP(2, l1=-1), X3, "l1 must be 0 or more"),
        (NonnegativeCP(2, dtype="int8"), X3, "dtype must be float32 or float64"),
    ],
)
def test_what_cannot_be_factorised_is_refused(model, X, match):
    with pytest.raises(ValueError, match=match):
        model.fit(X)


def test_a_device_is_a_name():
    with pytest.raises(TypeError, match=r"device must be a name such as .auto., .* got None"):
        NonnegativeCP(2, device=None).fit(X3)


def test_only_large_work_goes_to_a_card_by_itself(monkeypatch):
    asked = []
    monkeypatch.setattr(devices.DRIVER.__class__, "exists", lambda path: True)
    monkeypatch.setattr(devices, "resolve_device", lambda name: asked.append(name) or _Card)
    assert devices.device_of("auto", devices._WORTH / 2) is None
    assert devices.device_of("auto", devices._WORTH) is _Card
    assert devices.device_of("auto") is _Card
    assert devices.device_of("cuda", 1) is _Card  # who asks for one gets it
    assert asked == ["auto", "auto", "cuda"]
    asked.clear()
    NonnegativeCP(2, n_restarts=1, max_iter=20, tol=1e-2, random_state=0).fit(X3)
    assert not asked


class _Card:
    type = "cuda"


def test_units_of_the_same_name_are_not_matched():
    affinity = affinities()
    model = NonnegativeCP(2, n_restarts=1, tol=1e-2, random_state=0).fit(affinity)
    rates = affinity.rates.assign_coords(unit=list("aacdefg"))
    with pytest.raises(ValueError, match=r"matched by name, and X has the same name twice"):
        model.transform(Affinity(rates, "geometric"))


def test_a_fit_that_was_stopped_early_says_so():
    with pytest.warns(ConvergenceWarning, match="still improving after 3 iterations"):
        model = NonnegativeCP(2, max_iter=3, random_state=0).fit(X3)
    assert not model.converged_.any()


def test_another_size_of_a_mode_is_refused():
    model = NonnegativeCP(2, random_state=0).fit(X3)
    with pytest.raises(ValueError, match="mode_1 has size 7, in fit it had 8; dim='mode_1' finds"):
        model.transform(X3[:, :7])
    assert model.transform(X3[:, :7], dim="mode_1").shape == (7, 2)


def test_another_order_of_dims_in_transform_is_refused():
    model = NonnegativeCP(2, random_state=0).fit(X3)
    with pytest.raises(ValueError, match=r"fitted on dims .* got"):
        model.transform(xr.DataArray(X3, dims=["a", "b", "c"]))
    with pytest.raises(ValueError, match=r"takes loadings of shape \(n, 2\), got \(9, 3\)"):
        model.inverse_transform(np.ones((9, 3)))
