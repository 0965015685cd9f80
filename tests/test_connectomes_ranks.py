"""How many components: planted ranks are found, the core is the Tucker core."""

import numpy as np
import pytest
import xarray as xr

from neurokit.connectomes import CP, Affinity, NonnegativeCP, choose_rank, core_consistency


def planted(seed=0, noise=0.1, form="dense"):
    rng = np.random.default_rng(seed)
    a = rng.gamma(1, 1, (10, 3)) * np.where(np.arange(10)[:, None] % 3 == np.arange(3), 1, 0.1)
    b, c = rng.gamma(1, 1, (12, 3)), rng.gamma(2, 1, (4, 3))
    first = [a, a] if form != "dense" else [a]
    letters = "abcd"[: len(first) + 2]
    x = np.einsum(",".join(f"{k}r" for k in letters) + "->" + letters, *first, b, c)
    loud = rng.random(x.shape)
    loud = loud + loud.swapaxes(0, 1) if form != "dense" else loud
    return x + noise * x.std() * loud


@pytest.mark.parametrize("form", ["dense", "cp", "pairs"])
def test_the_planted_rank_predicts_hidden_entries_best(form):
    model = NonnegativeCP(form=form, n_restarts=3, max_iter=200, tol=1e-4)
    found = choose_rank(planted(form=form), [1, 2, 3, 4], estimator=model, random_state=0)
    # the noise is not centred: one more component may stand for its mean
    assert found.attrs["best"] in (3, 4)
    mean = found["test_error"].mean("split").values
    assert mean[2] < 0.8 * mean[1]
    assert (np.diff(found["error"]) < 0).all()
    assert (found["train_error"] > 0).all()


def test_hidden_entries_are_not_seen():
    x = planted()
    model = NonnegativeCP(2, n_restarts=2, random_state=0)
    speckle = np.random.default_rng(0).random(x.shape) < 0.2
    wild = np.where(speckle, 1e3, x)
    a, b = model._fit(x, speckle).factors_.copy(), model._fit(wild, speckle).factors_
    xr.testing.assert_identical(a, b)
    xr.testing.assert_identical(a, model.fit(np.where(speckle, np.nan, x)).factors_)


def test_the_core_is_that_of_least_squares():
    x = planted(noise=0.5)
    model = CP(2, random_state=0).fit(x)
    factors = [model._factor(f"mode_{k}") for k in range(3)]
    factors[2] = factors[2] * model.factors_["weight"].values
    design = np.kron(np.kron(factors[0], factors[1]), factors[2])
    core = np.linalg.lstsq(design, x.ravel(), rcond=None)[0].reshape(2, 2, 2)
    diagonal = np.zeros((2, 2, 2))
    diagonal[[0, 1], [0, 1], [0, 1]] = 1
    expected = 100 * (1 - ((core - diagonal) ** 2).sum() / 2)
    assert core_consistency(model, x) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("form", ["cp", "pairs"])
def test_the_core_of_pairs_is_that_of_the_tensor_written_out(form):
    x = planted(form="cp", noise=0.5)
    if form == "pairs":
        x[np.arange(10), np.arange(10)] = np.nan
    model = NonnegativeCP(2, form=form, n_restarts=2, random_state=0).fit(x)
    factors = [model._factor(name) for name in model.modes_]
    factors[-1] = factors[-1] * model.factors_["weight"].values
    if form == "cp":
        values, factors = x, [factors[0], *factors]
    else:
        values = x[np.triu_indices(10, 1)]
    for factor in factors:
        values = np.tensordot(values, np.linalg.pinv(factor), (0, 1))
    diagonal = np.zeros(values.shape)
    diagonal[([0, 1],) * values.ndim] = 1
    expected = 100 * (1 - ((values - diagonal) ** 2).sum() / 2)
    assert core_consistency(model, x) == pytest.approx(expected, rel=1e-6)


def test_an_affinity_is_taken_as_its_dense_twin():
    rates = np.random.default_rng(0).normal(size=(6, 15, 2))
    rates[2, :, 1] = np.nan
    affinity = Affinity(xr.DataArray(rates, dims=("unit", "time", "animal")), "geometric")
    model = NonnegativeCP(form="cp", n_restarts=2, max_iter=50, tol=1e-4, dtype="float64")
    options = {"estimator": model, "n_splits": 2, "random_state": 0}
    a = choose_rank(affinity, [1, 2], **options)
    b = choose_rank(affinity.to_dense(), [1, 2], **options)
    xr.testing.assert_allclose(a, b, rtol=1e-3)


@pytest.mark.parametrize(
    ("ranks", "options"), [([], {}), ([1], {"held_out": 0.0}), ([1], {"n_splits": 0})]
)
def test_what_cannot_be_compared_is_refused(ranks, options):
    with pytest.raises(ValueError, match="takes at least one rank, held_out between 0 and 1"):
        choose_rank(planted(), ranks, **options)
