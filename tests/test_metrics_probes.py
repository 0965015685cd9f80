"""Probes that find what is there, and nothing where nothing is."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score, cohen_kappa_score, roc_auc_score
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.preprocessing import StandardScaler

import neurokit
from neurokit.metrics.probes import (
    code_histogram,
    concatenation_pool,
    layer_outputs,
    log_band_power,
)
from neurokit.protocols import probe


@pytest.fixture
def trials():
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 120)
    return rng, y, np.repeat(np.arange(6), 20)


def test_scores_are_those_of_a_loop_over_folds(trials):
    rng, y, groups = trials
    x = rng.normal(size=(120, 2, 3)) + 0.5 * y[:, None, None]
    got = probe({"x": x}, y, groups, seeds=[7])
    chance = np.zeros(120)
    folds = StratifiedGroupKFold(5, shuffle=True, random_state=7)
    for train, test in folds.split(x, y, groups):
        assert not set(groups[train]) & set(groups[test])
        scaler = StandardScaler().fit(x[train].reshape(-1, 6))
        model = LogisticRegression(max_iter=2000)
        model.fit(scaler.transform(x[train].reshape(-1, 6)), y[train])
        chance[test] = model.predict_proba(scaler.transform(x[test].reshape(-1, 6)))[:, 1]
    row = got.loc["x"]
    assert row["balanced_accuracy"] == pytest.approx(balanced_accuracy_score(y, chance > 0.5))
    assert row["kappa"] == pytest.approx(cohen_kappa_score(y, chance > 0.5))
    assert row["auroc"] == pytest.approx(roc_auc_score(y, chance))
    assert row["auroc_sd"] == 0


def test_more_features_than_trials_are_fitted_exactly(trials):
    rng, y, groups = trials
    x = rng.normal(size=(120, 300)) + 0.1 * y[:, None]
    got = probe({"x": x}, y, groups, seeds=[3], C=0.01).loc["x", "auroc"]
    chance = np.zeros(120)
    folds = StratifiedGroupKFold(5, shuffle=True, random_state=3)
    for train, test in folds.split(x, y, groups):
        scaler = StandardScaler().fit(x[train])
        model = LogisticRegression(C=0.01, max_iter=5000, tol=1e-8)
        model.fit(scaler.transform(x[train]), y[train])
        chance[test] = model.predict_proba(scaler.transform(x[test]))[:, 1]
    assert got == pytest.approx(roc_auc_score(y, chance), abs=2e-3)


def test_the_penalty_is_chosen_inside_the_training_groups(trials):
    rng, y, groups = trials
    x = rng.normal(size=(120, 60)) + 0.25 * y[:, None]
    fixed = [probe({"x": x}, y, groups, seeds=[0], C=c) for c in (1e-2, 1e2)]
    chosen = probe({"x": x}, y, groups, seeds=[0], C=[1e-2, 1e2])
    loss = [float(t.loc["x", "auroc"]) for t in fixed]
    assert loss[0] > loss[1] + 0.03  # few trials for so many features need a strong penalty
    assert chosen.loc["x", "auroc"] == pytest.approx(loss[0], abs=1e-9)
    # labels of held-out trials choose nothing: with noise alone the score stays at chance
    noise = rng.normal(size=(120, 60))
    grid = probe({"x": noise}, y, groups, seeds=[0], C=[1e-3, 1e-1])
    assert 0.3 < grid.loc["x", "balanced_accuracy"] < 0.7


def test_features_fitted_in_the_fold_see_its_training_trials_alone(trials):
    rng, y, groups = trials
    x = rng.normal(size=(120, 3)) + y[:, None]
    asked = []

    def scaled(train, seed):
        asked.append((train, seed))
        return x - x[train].mean(0)

    got = probe({"fitted": scaled, "x": x}, y, groups, seeds=[1, 2])
    assert got.loc["fitted", "auroc"] == pytest.approx(got.loc["x", "auroc"])
    assert [seed for _, seed in asked] == ([1] * 5 + [1] * 5 + [2] * 5 + [2] * 5)  # and chance
    for train, _ in asked:
        assert len(train) == 20 * len(set(groups[train])) < 120  # whole groups, not all


def test_differences_are_paired_over_trials(trials):
    rng, y, groups = trials
    good = rng.normal(size=(120, 4)) + 0.8 * y[:, None]
    features = {"good": good, "same": good.copy(), "noise": rng.normal(size=(120, 4))}
    got = probe(features, y, groups, seeds=[0, 1], reference="good")
    assert got.loc["same", ["difference", "difference_low", "difference_high"]].tolist() == [0] * 3
    gap = got.loc["noise", "balanced_accuracy"] - got.loc["good", "balanced_accuracy"]
    assert got.loc["noise", "difference"] == pytest.approx(gap)
    assert got.loc["noise", "difference_low"] < gap < got.loc["noise", "difference_high"] < 0
    # the normal approximation of a paired difference of two means
    width = got.loc["noise", "difference_high"] - got.loc["noise", "difference_low"]
    assert 0.1 < width < 0.4
    with pytest.raises(ValueError, match=r"one of the features \['good', .*got 'best'"):
        probe(features, y, groups, reference="best")


def test_informed_features_win_and_shuffled_labels_stay_at_chance(trials):
    rng, y, groups = trials
    noise = rng.normal(size=(120, 4))
    got = probe({"good": noise + 2 * y[:, None], "noise": noise}, y, groups)
    assert got.loc["good", "balanced_accuracy"] > 0.95
    assert got.loc[["noise", "chance"], "balanced_accuracy"].between(0.35, 0.65).all()
    assert abs(got.loc["chance", "kappa"]) < 0.3


def test_what_only_tells_the_subject_is_worth_nothing():
    rng = np.random.default_rng(5)
    groups = np.repeat(np.arange(20), 6)
    x = rng.normal(size=(20, 40))[groups] + 0.01 * rng.normal(size=(120, 40))
    y = groups % 2  # the label goes with the subject
    leaked = probe({"x": x}, y, np.arange(120), seeds=[0, 1, 2])
    assert leaked.loc["x", "balanced_accuracy"] > 0.95
    kept_apart = probe({"x": x}, y, groups, seeds=[0, 1, 2])
    assert kept_apart.loc["x", "balanced_accuracy"] < 0.7


def test_three_classes():
    rng = np.random.default_rng(1)
    y = np.arange(150) % 3
    x = np.eye(3)[y] * 5 + rng.normal(size=(150, 3))
    got = probe({"x": x}, np.array(list("abc"))[y], np.arange(150) // 30, seeds=[0, 1])
    assert (got.loc["x", ["balanced_accuracy", "kappa", "auroc"]] > 0.95).all()


def test_probe_says_what_it_needs(trials):
    _, y, groups = trials
    x = np.zeros((120, 2))
    with pytest.raises(ValueError, match=r"for each of 120 labels, got \{'x': 100"):
        probe({"x": x[:100]}, y, groups)
    with pytest.raises(ValueError, match="two groups and two classes or more, got 1 and 2"):
        probe({"x": x}, y, groups * 0)
    with pytest.raises(ValueError, match=r"expects finite features of 120 trials.* in 'x'"):
        probe({"x": x * np.nan}, y, groups)


def test_band_power_of_noise_is_its_variance_share():
    x = np.random.default_rng(2).normal(0, 3, (2, 4, 20_000))
    got = log_band_power(x, sampling_rate=200)
    assert got.shape == (2, 4, 6)
    np.testing.assert_allclose(np.exp(got[..., 3]).mean(), 9 * 17 / 100, rtol=0.05)
    labelled = neurokit.signal(x, sampling_rate=200)
    np.testing.assert_allclose(log_band_power(labelled), got, rtol=1e-4)
    assert np.isfinite(log_band_power(np.zeros((3, 500)), sampling_rate=250)).all()
    with pytest.raises(ValueError, match=r"no band has a bin below 0\.5 Hz"):
        log_band_power(x, sampling_rate=1)


def test_pooling_by_loops():
    rng = np.random.default_rng(3)
    x = rng.normal(size=(3, 2, 10, 4))
    got = concatenation_pool(x, 3)
    parts = [range(4), range(4, 7), range(7, 10)]
    for k, part in enumerate(parts):
        expected = sum(x[:, :, i] for i in part) / len(part)
        np.testing.assert_allclose(got[..., 4 * k : 4 * k + 4], expected)
    with pytest.raises(ValueError, match=r"with at least 11 frames, got shape \(3, 2, 10, 4\)"):
        concatenation_pool(x, 11)


def test_histograms_by_loops():
    tokens = np.random.default_rng(4).integers(0, 3, (2, 2, 7, 2))
    tokens[..., 1] += 2
    got = code_histogram(tokens, [3, 5], n_segments=2)
    expected = np.zeros((2, 2, 2, 8))
    for i, j, t, k in np.ndindex(tokens.shape):
        segment = 0 if t < 4 else 1
        expected[i, j, segment, [0, 3][k] + tokens[i, j, t, k]] += 1 / [4, 3][segment]
    np.testing.assert_allclose(got, expected.reshape(2, 2, 16))
    with pytest.raises(ValueError, match="with 1 levels, got shape"):
        code_histogram(tokens, [3])


def test_layers_of_a_network_are_heard_through_copies_and_batches():
    torch = pytest.importorskip("torch")
    from copy import deepcopy

    net = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.Linear(4, 2))
    x = torch.randn(10, 3)

    def call():
        copy = deepcopy(net)
        for part in x.split(4):
            copy(part)

    got = layer_outputs(net, call, ["0", "1"])
    with torch.no_grad():
        np.testing.assert_allclose(got["1"], net[0](x).relu(), rtol=1e-6)
    assert got["0"].shape == (10, 4)
    assert not net[0]._forward_hooks  # nothing stays behind
    with pytest.raises(ZeroDivisionError):
        layer_outputs(net, lambda: 1 / 0, ["0"])
    assert not net[0]._forward_hooks
    with pytest.raises(ValueError, match=r"no layers \['3'\]\. The module has"):
        layer_outputs(net, call, ["3"])
    with pytest.raises(ValueError, match=r"layers \['2'\] gave nothing"):
        layer_outputs(net, lambda: None, ["2"])
