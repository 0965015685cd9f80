"""Probes and tuning of pretrained encoders: maps, pools, domains, few shots, files."""

import numpy as np
import pytest
import torch
import xarray as xr
from scipy.linalg import logm
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV
from torch import nn

import neurokit
from neurokit.datasets import make_motor_imagery
from neurokit.inputs.seen import listen
from neurokit.nn.tuning import LowRankLinear, MatrixLog, pool_latents
from neurokit.pretraining import MaskedModel, PretrainedClassifier, PretrainedRegressor
from neurokit.pretraining.pools import find_centre, pool_covariances, recentre, vectorise
from neurokit.pretraining.probes import fit_classes, fit_numbers
from neurokit.training import Trainer


@pytest.fixture(scope="module")
def imagery():
    return make_motor_imagery(3, 20, n_channels=8, duration=2.0, random_state=0).trials


@pytest.fixture(scope="module")
def encoder():
    X = neurokit.signal(
        np.random.default_rng(0).normal(size=(4, 600)), sampling_rate=128, channels=list("abcd")
    )
    trainer = Trainer(1, device="cpu")
    return MaskedModel(width=16, depth=2, n_heads=2, trainer=trainer, random_state=0).fit(X)


def test_maps_are_those_of_scikit_learn():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(60, 5)), np.arange(60) % 3
    x[y == 1] += 0.5
    weights, offsets = fit_classes(x, y, (np.zeros((3, 5)), np.zeros(3)), 0.3)
    expected = LogisticRegression(C=0.3, tol=1e-10, max_iter=5000).fit(x, y)
    np.testing.assert_allclose(weights, expected.coef_, atol=1e-4)
    np.testing.assert_allclose(offsets - offsets.mean(), expected.intercept_, atol=1e-4)
    t = rng.normal(size=(60, 2)) + x[:, :2]
    weights, offsets = fit_numbers(x, t, (np.zeros((2, 5)), np.zeros(2)), 7.0)
    expected = Ridge(alpha=7.0).fit(x, t)
    np.testing.assert_allclose(weights, expected.coef_, rtol=1e-8)
    np.testing.assert_allclose(offsets, expected.intercept_, rtol=1e-8)
    # what was known is the start: much against it moves nothing
    again, _ = fit_numbers(x, t + 1, (weights, offsets), 1e12)
    np.testing.assert_allclose(again, weights, atol=1e-6)
    again, _ = fit_classes(x, y, (np.ones((3, 5)), np.zeros(3)), 1e-9)
    np.testing.assert_allclose(again, 1.0, atol=1e-6)


def test_pools_with_a_slope_are_those_without():
    latents = np.random.default_rng(0).normal(size=(5, 4, 6, 16)).astype("f4")
    matrices = pool_covariances(latents, 4)
    root = find_centre(matrices)
    expected = vectorise(recentre(matrices, [0] * 5))
    roots = torch.from_numpy(root).expand(5, -1, -1, -1)
    found = pool_latents(torch.from_numpy(latents), roots, 4)
    np.testing.assert_allclose(found.numpy(), expected, atol=1e-6)
    means = pool_latents(torch.from_numpy(latents), None, 4).numpy()
    np.testing.assert_allclose(means, latents.mean(2).reshape(5, -1), atol=1e-6)


def test_logs_of_matrices_and_their_slopes():
    a = np.random.default_rng(0).normal(size=(3, 4, 4))
    a = a @ a.swapaxes(1, 2) + np.eye(4)
    a[0] = 2 * np.eye(4)  # eigenvalues that meet
    matrices = torch.from_numpy(a).requires_grad_()
    found = MatrixLog.apply(matrices)
    np.testing.assert_allclose(found.detach(), [logm(one) for one in a], atol=1e-9)
    direction = np.random.default_rng(1).normal(size=(3, 4, 4))
    direction = direction + direction.swapaxes(1, 2)
    weight = torch.from_numpy(np.random.default_rng(2).normal(size=(3, 4, 4)))
    (found * weight).sum().backward()
    step = 1e-5
    ahead, behind = ([logm(one) for one in a + s * step * direction] for s in (1, -1))
    slope = ((np.array(ahead) - np.array(behind)) / (2 * step) * weight.numpy()).sum()
    assert float((matrices.grad.numpy() * direction).sum()) == pytest.approx(slope, rel=1e-6)


def test_low_rank_additions_merge_into_one_map():
    torch.manual_seed(0)
    low = LowRankLinear(nn.Linear(6, 5), 2)
    nn.init.normal_(low.up)
    x = torch.randn(7, 6)
    expected = low(x)
    assert not low.base.weight.requires_grad
    torch.testing.assert_close(low.merge()(x), expected)


def test_a_left_out_person_is_told_and_decoded(imagery):
    train = imagery.isel(trial=imagery["subject"].values != imagery["subject"].values[-1])
    test = imagery.isel(trial=imagery["subject"].values == imagery["subject"].values[-1])
    model = PretrainedClassifier(C=0.1).fit(train, train["label"])
    with listen() as heard:
        found = model.predict(test)
    assert heard[0].access == "batch"
    assert heard[0].words.endswith("by their own trials")
    assert float((found == test["label"]).mean()) > 0.7
    with listen() as heard:
        model.predict(train)
    assert heard[0].access == "train"
    # a few of the person's trials move the map and say how the person is centred
    few = test.isel(trial=slice(8))
    before = model.coef_.copy()
    model.partial_fit(few, few["label"])
    assert model.domains_[-1] == heard_name(test)
    assert not np.allclose(model.coef_, before)
    with listen() as heard:
        one = model.predict_proba(test.isel(trial=slice(9, 12)))
    assert heard[0].access == "train"
    whole = model.predict_proba(test).isel(trial=slice(9, 12))
    np.testing.assert_allclose(one, whole, atol=1e-5)
    with pytest.raises(ValueError, match="holds classes"):
        model.partial_fit(few, np.full(8, "elsewhere"))


def heard_name(x):
    return f"subject {x['subject'].values[0]} session {x['session'].values[0]}"


@pytest.mark.parametrize("tune", ["head", "lora", "full"])
@pytest.mark.parametrize("pool", ["covariance", "mean"])
def test_tuning_lowers_the_loss_and_changes_what_it_may(imagery, encoder, tune, pool):
    X = imagery.isel(trial=slice(24), channel=slice(4))
    trainer = Trainer(3, batch_size=8, learning_rate=2e-3, device="cpu")
    model = PretrainedClassifier(
        encoder, tune=tune, pool=pool, n_groups=2, trainer=trainer, device="cpu", random_state=0
    ).fit(X, X["label"])
    assert model.history_[-1]["loss"] < model.history_[0]["loss"]
    old, new = encoder.module_.state_dict(), model.module_.state_dict()
    assert list(old) == list(new)
    changed = {name for name in old if not torch.equal(old[name], new[name])}
    if tune == "head":
        assert changed
        assert all(name.startswith(("blocks.1.", "norm.")) for name in changed)
    elif tune == "lora":
        assert changed == {
            f"blocks.{k}.attention.{one}.weight" for k in (0, 1) for one in ("project", "out")
        }
        delta = new["blocks.0.attention.out.weight"] - old["blocks.0.attention.out.weight"]
        assert torch.linalg.matrix_rank(delta, atol=1e-6) <= 4
    else:
        assert "embed.weight" in changed
    assert all(p.requires_grad for p in model.module_.parameters())


def test_clones_keep_the_encoder_and_searches_work(imagery, encoder):
    X = imagery.isel(trial=slice(30), channel=slice(4))
    model = PretrainedClassifier(encoder, n_groups=2)
    twin = clone(model)
    assert twin.encoder is encoder
    assert not hasattr(twin, "module_")
    search = GridSearchCV(model, {"C": [0.01, 0.1], "pool": ["mean", "covariance"]}, cv=2)
    assert set(search.fit(X, X["label"].values).best_params_) == {"C", "pool"}


def test_numbers_of_trials(imagery, encoder, tmp_path):
    X = imagery.isel(channel=slice(4))
    y = X.std("time").mean("channel")  # of each trial
    model = PretrainedRegressor(encoder, align=(), alpha=10.0, n_groups=2)
    model.fit(X, np.stack([y, 2 * y], 1))
    found = model.predict(X)
    assert found.dims == ("trial", "target")
    np.testing.assert_allclose(found[:, 1], 2 * found[:, 0], rtol=1e-4, atol=1e-3)
    with pytest.raises(ValueError, match="y must have 2 columns"):
        model.partial_fit(X, y)
    model.partial_fit(X, np.stack([y, 2 * y], 1))
    again = PretrainedRegressor.load(model.save(tmp_path / "regressor"))
    xr.testing.assert_identical(again.predict(X), model.predict(X))
    with pytest.raises(ValueError, match="use PretrainedClassifier for labels"):
        model.fit(X, X["label"])


def test_what_cannot_be_is_refused(imagery, encoder):
    X, y = imagery.isel(channel=slice(4)), imagery["label"]
    for wrong, error, words in (
        ({"tune": "some"}, ValueError, "tune must be one of"),
        ({"pool": "max"}, ValueError, "pool must be one of"),
        ({"C": 0}, ValueError, "C must be above 0"),
        ({"depth": 0}, ValueError, "depth"),
        ({"encoder": MaskedModel()}, NotFittedError, "encoder is not fitted"),
        ({"encoder": LogisticRegression()}, TypeError, "a name, a path or a MaskedModel"),
        ({"encoder": "nowhere"}, ValueError, "name must be one of .'eeg-small'., a path or"),
    ):
        with pytest.raises(error, match=words):
            PretrainedClassifier(**({"encoder": encoder} | wrong)).fit(X, y)
    with pytest.raises(ValueError, match=r"as long as 2 patches, 0.5 s, .* got 0.25"):
        PretrainedClassifier(encoder).fit(X.isel(time=slice(32)), y)
    with pytest.raises(ValueError, match="alpha must be above 0"):
        PretrainedRegressor(encoder, alpha=-1).fit(X, np.arange(len(X)))


def test_the_weights_that_ship_are_small_and_say_where_they_come_from():
    from pathlib import Path

    import neurokit.pretraining as family

    folder = Path(family.__file__).parent / "weights"
    assert sum(file.stat().st_size for file in folder.iterdir()) < 2.5e6
    card = (folder / "eeg-small.md").read_text()
    assert all(word in card for word in ("Licence", "Data", "beats it"))
    model = MaskedModel.from_pretrained("eeg-small", sampling_rate=128)
    assert model.transform(np.random.default_rng(0).normal(size=(3, 256))).shape == (3, 8, 64)
    with pytest.raises(ValueError, match=r"MaskedModel: name must be one of .'eeg-small'."):
        MaskedModel.from_pretrained("eeg-huge")
