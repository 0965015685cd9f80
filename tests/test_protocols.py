"""Evaluation: nothing leaks, chance is chance, and the card says what was done."""

import json
import warnings
from itertools import product

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binomtest
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    LeaveOneGroupOut,
    cross_val_predict,
    cross_val_score,
    permutation_test_score,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

import neurokit
from neurokit.datasets import make_motor_imagery, make_ssvep
from neurokit.decoders import make_band_power, make_csp
from neurokit.features import BandPower, EuclideanAlignment
from neurokit.protocols import evaluate
from neurokit.protocols.result import flip_signs, holm


@pytest.fixture(scope="module")
def trials():
    x, _ = make_motor_imagery(3, 24, duration=2.0, n_channels=8, random_state=0)
    run = np.tile(np.repeat([1, 2], 12), 3)
    order = np.concatenate([k * 24 + np.random.default_rng(k).permutation(24) for k in range(3)])
    return x.isel(trial=order).assign_coords(
        run=("trial", run), session=("trial", np.where(run < 2, "a", "b"))
    )


def lda():
    return LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto")


class Spy(ClassifierMixin, BaseEstimator):
    """Remembers the trials that it was fitted on, and what it may see of them."""

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        self.seen_ = set(X.values[:, 0, 0].tolist())
        self.coords_ = {name for name, c in X.coords.items() if "trial" in c.dims}
        return self

    def predict(self, X):
        assert not self.seen_ & set(X.values[:, 0, 0].tolist())
        assert self.coords_ <= {"subject", "session", "run"}
        return np.full(len(X), self.classes_[0])


class Cheat(ClassifierMixin, BaseEstimator):
    """Answers by a coordinate, if it can see it."""

    def __init__(self, name="label"):
        self.name = name

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        self.known_ = None
        if self.name in X.coords:
            self.known_ = dict(zip(X[self.name].values.tolist(), y, strict=True))
        return self

    def predict(self, X):
        if self.known_ is None:
            return np.full(len(X), self.classes_[0])
        return np.array([self.known_[v] for v in X[self.name].values.tolist()])


@pytest.mark.parametrize(
    "protocol", ["within-session", "cross-session", "leave-one-subject-out", "transfer"]
)
def test_no_trial_is_answered_by_an_estimator_that_has_seen_it(trials, protocol):
    options = {"folds": "blocks"} if protocol == "within-session" else {}
    found = evaluate(Spy(), trials, protocol=protocol, **options)
    assert found.table.loc["estimator", "accuracy"] == pytest.approx(0.5, abs=0.13)
    assert set(found.card.hidden) >= {"label"}


def test_scores_are_those_of_scikit_learn(trials):
    y, people = trials["label"].values, trials["subject"].values
    pipeline = make_band_power(alignment="own")
    found = evaluate(pipeline, trials, protocol="leave-one-subject-out")
    bare = trials.drop_vars(["label"])
    expected = cross_val_score(pipeline, bare, y, groups=people, cv=LeaveOneGroupOut())
    np.testing.assert_allclose(found.scores["accuracy"], expected)
    said = cross_val_predict(pipeline, bare, y, groups=people, cv=LeaveOneGroupOut())
    np.testing.assert_array_equal(found.predicted("estimator"), said)
    again = evaluate(pipeline, trials, protocol=LeaveOneGroupOut().split(y, y, people))
    np.testing.assert_array_equal(again.scores["accuracy"], found.scores["accuracy"])
    table = found.table.loc["estimator"]
    assert table["accuracy"] == pytest.approx(expected.mean())
    assert table["sd_units"] == pytest.approx(expected.std(ddof=1))
    assert np.isnan(table["sd_seeds"])
    assert (table["worst"], table["best"]) == (expected.min(), expected.max())


def test_shuffled_labels_give_chance(trials):
    rng = np.random.default_rng(0)
    named = {"band power": make_band_power(alignment="own"), "CSP": make_csp(4, "online")}
    scores = []
    for _ in range(4):
        y = trials["label"].values.copy()
        for k in range(3):
            y[k * 24 : k * 24 + 24] = rng.permutation(y[k * 24 : k * 24 + 24])
        found = evaluate(named, trials, y, protocol="leave-one-subject-out")
        scores.append(found.table["accuracy"].to_numpy())
    # 4 x 72 answers for each pipeline
    assert np.all(np.abs(np.mean(scores, axis=0) - 0.5) < 0.1)


@pytest.mark.slow
def test_a_permutation_test_finds_true_labels_and_nothing_in_shuffled_ones():
    rng = np.random.default_rng(0)
    one, _ = make_motor_imagery(1, 60, duration=2.0, n_channels=8, random_state=0)
    bare, y = one.drop_vars("label"), one["label"].values
    block = np.arange(len(y)) * 4 // len(y)

    def p_of(labels, seed):
        return permutation_test_score(
            make_band_power(), bare, labels, groups=block, cv=LeaveOneGroupOut(),
            n_permutations=19, random_state=seed,
        )[2]  # fmt: skip

    assert p_of(y, 0) == pytest.approx(1 / 20)
    shuffled = [p_of(rng.permutation(y), seed) for seed in range(10)]
    assert sum(p <= 0.1 for p in shuffled) <= 3  # one of ten is to be expected


def test_a_coordinate_that_gives_the_answer_away_does_not_help(trials):
    said = trials["label"].values
    given = trials.assign_coords(hint=("trial", said), answer=("trial", said == "left"))
    cheats = {name: Cheat(name) for name in ("label", "hint", "answer")}
    found = evaluate(cheats, given)
    assert (found.table["accuracy"] < 0.6).all()
    with pytest.warns(UserWarning, match="coordinate hint tells the labels apart"):
        found = evaluate(Cheat("hint"), given, show=["hint"])
    assert found.table["accuracy"].iloc[0] < 0.6
    with pytest.warns(UserWarning, match="coordinate run tells"):
        found = evaluate(Cheat("run"), given.assign_coords(run=("trial", said)), folds="blocks")
    assert found.table["accuracy"].iloc[0] < 0.6


def test_the_card_says_what_of_the_target_was_seen(trials):
    named = {
        "as recorded": make_band_power(),
        "all": make_band_power(alignment="own"),
        "online": make_band_power(alignment="online"),
    }
    card = evaluate(named, trials, protocol="leave-one-subject-out").card
    assert card.target_data == {
        "as recorded": "train (measured)",
        "all": "train_and_target_unlabeled_full (measured)",
        "online": "train_trialwise (measured)",
    }
    assert card.alignment == {
        "as recorded": "none",
        "all": "EuclideanAlignment (batch): by their own trials",
        "online": "EuclideanAlignment (trialwise): trial by trial, by themselves and those before",
    }
    assert "openblas" in card.machine["BLAS"]
    assert card.machine["neurokit"] == neurokit.__version__
    assert json.loads(json.dumps(card.to_dict()))["chance"] == 0.5
    assert "Target data" in str(card)
    assert "train_trialwise" in card._repr_html_()
    by_person = make_band_power(alignment="own", by=("subject",))
    # the subject was seen in fit: later trials follow what the first taught
    labelled = evaluate(by_person, trials, protocol="transfer").card
    assert labelled.target_data["estimator"] == "train_and_target_labeled_20p (measured)"
    assert "by the training trials" in labelled.alignment["estimator"]
    # with a session that was not seen in fit
    labelled = evaluate(make_band_power(alignment="own"), trials, protocol="transfer").card
    assert labelled.target_data["estimator"].endswith(
        "and all test trials without labels (measured)"
    )


def test_what_no_step_tells_is_measured(trials):
    centre = FunctionTransformer(lambda x: x - x.mean("trial"))
    card = evaluate(make_pipeline(centre, BandPower(), lda()), trials).card
    assert card.target_data["estimator"] == "train_and_target_unlabeled_full (measured)"
    assert card.alignment["estimator"] == "none"
    assert "FunctionTransformer" in card.estimators["estimator"]
    assert "0x" not in card.estimators["estimator"]


def test_searches_stay_inside_the_training_trials(trials):
    pipeline = make_pipeline(BandPower(), LogisticRegression())
    grid = {"logisticregression__C": [0.1, 1.0]}
    search = GridSearchCV(pipeline, grid, cv=GroupKFold(2))
    found = evaluate(search, trials, protocol="leave-one-subject-out")
    assert "inside the training trials" in found.card.selection["estimator"]
    assert "logisticregression__C" in found.card.selection["estimator"]
    with pytest.raises(ValueError, match="cv keeps groups apart"):
        evaluate(search, trials.drop_vars(["subject", "session", "run"]))


class Dice(ClassifierMixin, BaseEstimator):
    def __init__(self, random_state=None):
        self.random_state = random_state

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return self

    def predict_proba(self, X):
        p = np.random.default_rng(self.random_state).random(len(X))
        return np.stack([p, 1 - p], 1)

    def predict(self, X):
        return self.classes_[self.predict_proba(X).argmax(1)]


def test_seeds_are_told_apart_from_people(trials):
    named = {"dice": Dice(), "band power": make_band_power(), "steady": LogisticRegression()}
    named["steady"] = make_pipeline(BandPower(), LogisticRegression())  # its seed changes nothing
    found = evaluate(named, trials, protocol="leave-one-subject-out", seeds=(3, 4, 5))
    assert found.card.seeds == {"dice": [3, 4, 5], "band power": [3], "steady": [3]}
    rows = found.scores[found.scores["estimator"] == "dice"]
    table = rows.pivot(index="seed", columns="unit", values="accuracy")
    assert found.table.loc["dice", "sd_seeds"] == pytest.approx(table.mean(axis=1).std())
    assert found.table.loc["dice", "sd_units"] == pytest.approx(table.mean(axis=0).std())
    drawn = evaluate(make_band_power(), trials, folds="shuffled", n_splits=3, seeds=(0, 1))
    assert drawn.card.seeds["estimator"] == [0, 1]


def test_paired_tests_are_those_written_out():
    rng = np.random.default_rng(0)
    for n in (2, 5, 9):
        d = rng.normal(0.3, 1, n)
        flips = [abs(np.dot(s, d)) for s in product((1, -1), repeat=n)]
        expected = np.mean([f >= abs(d.sum()) - 1e-12 for f in flips])
        assert flip_signs(d) == pytest.approx(expected)
    assert flip_signs(np.ones(30)) == pytest.approx(1e-4)
    assert np.isnan(flip_signs(np.ones(1)))
    np.testing.assert_allclose(
        holm(np.array([0.01, 0.04, 0.03, np.nan])), [0.03, 0.06, 0.06, np.nan]
    )


def test_estimators_are_compared_on_the_same_people_and_trials(trials):
    named = {"aligned": make_band_power(alignment="own"), "plain": make_band_power()}
    found = evaluate(named, trials, protocol="leave-one-subject-out")
    row = found.compare("plain").iloc[0]
    a, b = (found.predicted(name) == trials["label"].values for name in named)
    more, less = int((a & ~b).sum()), int((b & ~a).sum())
    assert row["p_trials"] == pytest.approx(binomtest(more, more + less).pvalue)
    assert row["difference"] == pytest.approx(a.mean() - b.mean())
    assert row["low"] <= row["difference"] <= row["high"]
    assert row["p_units"] >= 2 / 2**3
    assert len(found.compare()) == 1
    with pytest.raises(ValueError, match="reference must be one of"):
        found.compare("CSP")
    with pytest.raises(ValueError, match="knows no estimator"):
        found.predicted("CSP")


def test_plain_arrays_take_their_domains_from_a_table_as_moabb_gives_it(trials):
    table = pd.DataFrame({n: trials[n].values for n in ("subject", "session", "run")})
    pipeline = make_pipeline(BandPower(sampling_rate=neurokit.sampling_rate(trials)), lda())
    plain = evaluate(
        pipeline, trials.values, trials["label"].values, domains=table, protocol="cross-session"
    )
    labelled = evaluate(make_band_power(), trials, protocol="cross-session")
    np.testing.assert_allclose(plain.scores["accuracy"], labelled.scores["accuracy"])


def test_epochs_of_mne_go_in(trials):
    one = trials[trials["subject"] == trials["subject"][0]]
    epochs = neurokit.io.to_mne(one)
    found = evaluate({"CSP": make_csp(4)}, epochs)
    expected = evaluate({"CSP": make_csp(4)}, one)
    np.testing.assert_allclose(found.scores["accuracy"], expected.scores["accuracy"])


def test_fits_side_by_side_give_the_same(trials):
    one = evaluate(Dice(), trials, seeds=(0, 1))
    two = evaluate(Dice(), trials, seeds=(0, 1), n_jobs=2)
    np.testing.assert_array_equal(one.scores["accuracy"], two.scores["accuracy"])


class Fussy(Spy):
    def fit(self, X, y):
        warnings.warn("few trials", UserWarning, stacklevel=2)
        if X["subject"].values[0] == "S01":
            raise ValueError("no such person")
        return super().fit(X, y)


def test_failures_and_warnings_end_all_or_stand_in_the_card(trials):
    fussy = Fussy()
    with pytest.raises(ValueError, match="no such person"):
        evaluate(fussy, trials, protocol="leave-one-subject-out")
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        found = evaluate(
            {"fussy": fussy, "spy": Spy()}, trials, protocol="leave-one-subject-out", errors="keep"
        )
    words = [str(w.message) for w in told]
    assert any("failed on subject S02" in w and "no such person" in w for w in words)
    assert any("few trials" in w for w in words)
    assert found.scores.groupby("estimator")["accuracy"].count()["spy"] == 3


def test_bad_input_is_refused_before_anything_is_fitted(trials):
    class Never(BaseEstimator):
        def fit(self, X, y):
            raise AssertionError

    with pytest.raises(ValueError, match="needs the label of each trial"):
        evaluate(Never(), trials.drop_vars("label"))
    with pytest.raises(ValueError, match=r"trials \[4\] hold NaN"):
        evaluate(Never(), trials.where(np.arange(72)[:, None, None] != 4))
    with pytest.raises(ValueError, match="one label and one row of domains for each of 72"):
        evaluate(Never(), trials, trials["label"].values[:5])
    with pytest.raises(ValueError, match="two classes or more"):
        evaluate(Never(), trials, np.zeros(72))
    with pytest.raises(ValueError, match="X must have the dim trial"):
        evaluate(Never(), trials[0])
    with pytest.raises(ValueError, match='errors must be "raise" or "keep"'):
        evaluate(Never(), trials, errors="skip")
    with pytest.raises(ValueError, match="one estimator and one seed"):
        evaluate({}, trials)
    with pytest.raises(ValueError, match="no coordinates \\['hint'\\]"):
        evaluate(Never(), trials, show=["hint"])


def test_channels_in_another_order_are_found_and_missing_ones_refused(trials):
    y = trials["label"].values
    pipeline = make_csp(4).fit(trials, y)
    turned = trials.isel(channel=slice(None, None, -1))
    np.testing.assert_array_equal(pipeline.predict(turned), pipeline.predict(trials))
    with pytest.raises(ValueError, match="lacks"):
        pipeline.predict(trials.isel(channel=slice(1, None)))
    align = EuclideanAlignment().fit(trials)
    with pytest.raises(ValueError, match="lacks"):
        align.transform(trials.isel(channel=slice(1, None)))


@pytest.mark.parametrize("name", ["FBCCAClassifier", "TRCAClassifier", "TDCAClassifier"])
def test_decoders_of_flicker_are_refitted_to_the_bit_and_know_chance(name):
    from neurokit import decoders

    x, _ = make_ssvep((8, 10, 12), n_trials=8, n_channels=19, duration=1.0, random_state=0)
    x = x.sel(channel=["P3", "Pz", "P4", "O1", "O2"])
    x = x.assign_coords(run=("trial", np.arange(24) * 3 // 24))
    y = x["label"].values
    decoder = getattr(decoders, name)()
    found = evaluate({"as they are": decoder}, x)
    again = evaluate({"as they are": clone(decoder)}, x)
    pd.testing.assert_frame_equal(found.predictions, again.predictions)
    turned = evaluate(decoder, x.isel(channel=slice(None, None, -1)))
    np.testing.assert_array_equal(turned.predicted("estimator"), found.predicted("as they are"))
    scores = cross_val_score(decoder, x, y, groups=x["run"].values, cv=LeaveOneGroupOut())
    np.testing.assert_allclose(scores, found.scores["accuracy"])
    fitted = clone(decoder).fit(x, y)
    with pytest.raises(ValueError, match="lacks"):
        fitted.predict(x.isel(channel=slice(1, None)))
    rng = np.random.default_rng(1)
    wrong = [evaluate(decoder, x, rng.permutation(y)).table["accuracy"].iloc[0] for _ in range(5)]
    assert abs(np.mean(wrong) - 1 / 3) < 0.15
