"""Encoding models: equal to himalaya and to the closed form, folds by stimulus, labelled."""

import himalaya
import numpy as np
import pytest
import xarray as xr
from himalaya.backend import get_backend, set_backend
from himalaya.ridge import GroupRidgeCV, RidgeCV
from himalaya.scoring import r2_score_split
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import Ridge
from sklearn.model_selection import KFold, cross_val_score
from sklearn.pipeline import make_pipeline

import neurokit
from neurokit.encoding import BandedRidge, RidgeEncoder, join_bands
from neurokit.features import LagWindow
from neurokit.metrics import correlation_scores, two_versus_two


def two_spaces(seed=0, n=300, n_targets=12, noise=1.5):
    """A small space that tells much, and a large one that tells little."""
    rng = np.random.default_rng(seed)
    a, b = rng.normal(size=(n, 8)), rng.normal(size=(n, 160))
    y = a @ rng.normal(size=(8, n_targets)) / np.sqrt(8)
    y = y + 0.3 * b @ rng.normal(size=(160, n_targets)) / np.sqrt(160)
    y = y + noise * rng.normal(size=y.shape)
    x = join_bands(
        {
            "motion": xr.DataArray(a, dims=("trial", "feature")),
            "words": xr.DataArray(b, dims=("trial", "feature")),
        }
    )
    roi = ("voxel", ["V1"] * 6 + ["MT"] * (n_targets - 6))
    voxels = [f"v{k}" for k in range(n_targets)]
    return x, xr.DataArray(y, dims=("trial", "voxel"), coords={"roi": roi, "voxel": voxels})


# ---------------------------------------------------------------- references


def test_one_penalty_is_the_closed_form_and_scikit_learn():
    x, y = two_spaces()
    encoder = RidgeEncoder([7.0], scale=False).fit(x, y)
    expected = Ridge(7.0).fit(x.values, y.values)
    np.testing.assert_allclose(encoder.coef_, expected.coef_.T, rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(encoder.intercept_, expected.intercept_, rtol=1e-8, atol=1e-10)
    apart = x.values - x.values.mean(0)
    normal = apart.T @ apart + 7.0 * np.eye(168)
    np.testing.assert_allclose(normal @ encoder.coef_, apart.T @ y.values, rtol=1e-8, atol=1e-6)


@pytest.mark.parametrize("n", [300, 180])  # more rows than columns; in a fold fewer
@pytest.mark.parametrize("per_target", [True, False])
def test_ridge_is_himalayas(n, per_target):
    x, y = two_spaces(n=n)
    alphas = np.logspace(-1, 4, 6)
    ours = RidgeEncoder(alphas, cv=4, scale=False, per_target=per_target).fit(x, y)
    options = {"fit_intercept": True, "solver_params": {"local_alpha": per_target}}
    theirs = RidgeCV(alphas, cv=KFold(4), **options).fit(x.values, y.values)
    np.testing.assert_array_equal(ours.alphas_, theirs.best_alphas_)
    np.testing.assert_allclose(ours.predict(x), theirs.predict(x.values), rtol=1e-9)
    np.testing.assert_allclose(ours.cv_scores_, theirs.cv_scores_, rtol=1e-9)


@pytest.mark.parametrize("n", [300, 120])  # more rows than columns, and fewer
def test_banded_ridge_is_himalayas(n):
    x, y = two_spaces(n=n)
    alphas = np.logspace(0, 3, 4)
    ours = BandedRidge(alphas=alphas, n_iter=8, cv=3, scale=False, random_state=0).fit(x, y)
    seed = int(np.random.RandomState(0).randint(2**31))
    options = {"alphas": alphas, "n_iter": 8, "progress_bar": False, "warn": False}
    theirs = GroupRidgeCV(
        ours.band_index_, cv=KFold(3), fit_intercept=True, random_state=seed, solver_params=options
    ).fit(x.values, y.values)
    np.testing.assert_allclose(ours.deltas_, theirs.deltas_, rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(ours.predict(x), theirs.predict(x.values), rtol=1e-6, atol=1e-8)
    split = ours.split_r2(x, y)
    own = [np.where(ours.band_index_ == k, x.values, 0.0) for k in range(2)]
    parts = np.stack([part @ theirs.coef_ for part in own])
    apart = y.values - y.values.mean(0)
    expected = r2_score_split(apart, parts - parts.mean(1, keepdims=True))
    np.testing.assert_allclose(split.values, expected, rtol=1e-6, atol=1e-8)


def test_one_band_is_ridge():
    x, y = two_spaces()
    plain = x.drop_vars("band")
    ridge = RidgeEncoder(cv=3).fit(plain, y)
    banded = BandedRidge(cv=3, random_state=0).fit(plain, y)
    assert banded.bands_ == ["all"]
    np.testing.assert_allclose(banded.coef_, ridge.coef_, rtol=1e-6, atol=1e-9)
    np.testing.assert_array_equal(banded.alphas_.round(9), ridge.alphas_.round(9))


def test_a_penalty_for_all_targets_is_one():
    x, y = two_spaces()
    assert len(set(RidgeEncoder(per_target=False).fit(x, y).alphas_)) == 1
    assert len(set(RidgeEncoder().fit(x, y).alphas_)) > 1


# ---------------------------------------------------------------- known truth


@pytest.mark.parametrize(
    "seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (1, 2))]
)
def test_banded_beats_ridge_on_a_small_space_beside_a_large_one(seed):
    x, y = two_spaces(seed)
    ridge = RidgeEncoder().fit(x[:200], y[:200])
    banded = BandedRidge(n_iter=20, random_state=0).fit(x[:200], y[:200])
    assert banded.score(x[200:], y[200:]) - ridge.score(x[200:], y[200:]) > 0.02


@settings(deadline=None, max_examples=5)
@given(seed=st.integers(0, 1000))
def test_what_the_bands_add_is_r2(seed):
    x, y = two_spaces(seed, n=60)
    model = BandedRidge(n_iter=3, cv=2, random_state=seed).fit(x[:40], y[:40])
    whole = model.scores(x[40:], y[40:])["r2"]
    xr.testing.assert_allclose(model.split_r2(x[40:], y[40:]).sum("band"), whole)


def test_a_stimulus_stands_on_one_side_of_every_fold():
    rng = np.random.default_rng(0)
    stimulus = np.repeat(np.arange(30), 3)  # shown three times, one after the other and apart
    order = rng.permutation(90)
    x = xr.DataArray(rng.normal(size=(30, 200))[stimulus][order], dims=("trial", "feature"))
    y = xr.DataArray(rng.normal(size=(30, 4))[stimulus][order], dims=("trial", "voxel"))
    named = x.assign_coords(stimulus=("trial", stimulus[order]))
    seen = RidgeEncoder().fit(x, y).cv_scores_  # noise that repeats is "predicted"
    fair = RidgeEncoder().fit(named, y).cv_scores_
    assert (seen > 0.2 * fair).all()
    assert (fair < -0.5 * y.var("trial").values).all()
    given_ = RidgeEncoder().fit(x, y, groups=stimulus[order])
    np.testing.assert_array_equal(given_.cv_scores_, fair)


def test_lags_find_the_response_function():
    rng = np.random.default_rng(0)
    sound = neurokit.behaviour(rng.normal(size=(800, 2)), sampling_rate=50, features=["e", "p"])
    kernel = np.array([0, 1.0, 0.5])  # in steps of 20 ms
    wave = np.stack([np.convolve(sound.values[:, 0], kernel * g)[:800] for g in (1, -2)], -1)
    y = xr.DataArray(wave, dims=("time", "channel"), coords={"time": sound["time"]})
    model = make_pipeline(LagWindow(n_lags=4), RidgeEncoder()).fit(sound[10:], y[10:])
    assert model.score(sound[10:], y[10:]) > 0.99
    weights = model[-1].coef_.reshape(4, 2, 2)  # lag, feature, channel
    np.testing.assert_allclose(weights[:3, 0, 0], kernel, atol=0.05)


# ---------------------------------------------------------------- labels


def test_targets_keep_their_labels_and_dims():
    x, y = two_spaces()
    model = RidgeEncoder(cv=2).fit(x, y)
    xr.testing.assert_equal(model.predict(x)["roi"].variable, y["roi"].variable)
    found = model.scores(x, y)
    assert found["r2"].groupby("roi").mean().sizes == {"roi": 2}
    expected = correlation_scores(y, model.predict(x)).values
    np.testing.assert_allclose(found["pearson"], expected)
    assert found["pearson_over_targets"].dims == ("trial",)
    assert float(found["two_versus_two"]) == two_versus_two(y, model.predict(x))
    for method, value in {
        "r2": found["r2"],
        "pearson": found["pearson"],
        "pearson_over_targets": found["pearson_over_targets"],
        "two_versus_two": found["two_versus_two"],
    }.items():
        assert model.score(x, y, method=method) == pytest.approx(float(value.mean()))
    waves = xr.DataArray(
        np.random.default_rng(0).normal(size=(300, 3, 5)), dims=("trial", "channel", "time")
    ).assign_coords(time=np.arange(5) / 100)
    out = RidgeEncoder(cv=2).fit(x, waves).predict(x)
    assert out.dims == ("trial", "channel", "time")
    np.testing.assert_array_equal(out["time"], waves["time"])


def test_the_ceiling_stands_beside_the_correlation():
    x, y = two_spaces(noise=0.0)
    rng = np.random.default_rng(1)
    single = y.values + rng.normal(size=(4, *y.shape))
    model = RidgeEncoder().fit(x[:200], y[:200])
    found = model.scores(x[200:], single.mean(0)[200:], repeats=single[:, 200:])
    assert found["noise_ceiling"].mean() > found["pearson"].mean() - 0.02
    assert found["pearson_of_ceiling"].mean() > found["pearson"].mean()


def test_a_dataset_of_spaces_is_taken_and_scikit_learn_splits_joined_ones():
    x, y = two_spaces()
    parts = {name: x.sel(feature=x["band"] == name) for name in ("motion", "words")}
    held = xr.Dataset(
        {
            name: part.drop_vars(["band", "feature"]).rename(feature=f"{name}_column")
            for name, part in parts.items()
        }
    )
    model = BandedRidge(n_iter=3, cv=2, random_state=0).fit(held, y)
    again = BandedRidge(n_iter=3, cv=2, random_state=0).fit(x, y)
    np.testing.assert_allclose(model.predict(held), again.predict(x))
    assert len(cross_val_score(again, x, y, cv=3)) == 3
    named = BandedRidge({"a": range(8), "b": range(8, 168)}, n_iter=3, cv=2, random_state=0)
    np.testing.assert_allclose(named.fit(x.values, y.values).predict(x.values), again.predict(x))


def test_himalayas_backend_stays_what_it_was_even_after_an_error():
    x, y = two_spaces(n=30)
    before = get_backend().name
    try:
        set_backend("torch")
        RidgeEncoder(cv=2).fit(x, y)
        assert get_backend().name == "torch"
        with pytest.raises(ValueError, match="empty"):
            RidgeEncoder(cv=[(np.arange(0), np.arange(3))]).fit(x, y)
        assert get_backend().name == "torch"
    finally:
        set_backend(before)


# ---------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (RidgeEncoder([1.0, -1.0]), "alphas must be positive"),
        (RidgeEncoder(cv=1), "needs cv >= 2 and two rows"),
        (BandedRidge(n_iter=0), "n_iter must be 1 or more"),
        (BandedRidge("space"), "bands='space' must name a coordinate along the columns"),
        (BandedRidge({"a": [0]}), "167 columns stand in no band"),
        (BandedRidge({"a": range(168), "b": [3]}), "column 3 stands in two bands"),
        (BandedRidge({"a": ["nose"]}), "the column 'nose', which X lacks"),
    ],
)
def test_parameters_out_of_range_are_refused(model, words):
    with pytest.raises(ValueError, match=words):
        model.fit(*two_spaces(n=40))


def test_rows_that_do_not_belong_together_are_refused():
    x, y = two_spaces(n=40)
    model = RidgeEncoder(cv=2).fit(x, y)
    with pytest.raises(ValueError, match="X has 40 along trial and y 39"):
        RidgeEncoder().fit(x, y[:39])
    with pytest.raises(ValueError, match=r"y must have the dims \('trial',\) of the rows of X"):
        RidgeEncoder().fit(x, y.rename(trial="stimulus"))
    with pytest.raises(ValueError, match="y has 11 targets, in fit there were 12"):
        model.score(x, y[:, :11])
    with pytest.raises(ValueError, match="method must be of"):
        model.score(x, y, method="corr")
    with pytest.raises(ValueError, match="X must hold numbers, with one of the dims"):
        RidgeEncoder().fit(x.rename(feature="thing"), y)
    with pytest.raises(ValueError, match="groups must name the stimulus of each of the 40 rows"):
        RidgeEncoder().fit(x, y, groups=[1, 2])
    named = x.assign_coords(stimulus=("trial", np.arange(40)))
    other = y.assign_coords(stimulus=("trial", np.arange(40)[::-1]))
    with pytest.raises(ValueError, match="X and y belong to other stimuli"):
        RidgeEncoder().fit(named, other)
    with pytest.raises(ValueError, match="one feature space at least"):
        join_bands({})
    with pytest.raises(ValueError, match="every space must have the rows of the first"):
        join_bands({"a": x, "b": x[:3]})


def test_without_himalaya_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "himalaya", None)
    with pytest.raises(ImportError, match=r'pip install "neurokit-brain\[encoding\]"'):
        RidgeEncoder(cv=2).fit(*two_spaces(n=40))
    assert himalaya is not None
