"""Trials end when they are clear, and no accuracy is given away unseen."""

import numpy as np
import pytest
import xarray as xr
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.model_selection import GroupKFold

import neurokit
import neurokit.decoders
from neurokit.decoders.early_exit import EarlyExitClassifier


class Mean(ClassifierMixin, BaseEstimator):
    """Class 1 where the mean of a trial is above 0; surer, the further and the longer."""

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return self

    def predict_proba(self, X):
        x = np.asarray(X).reshape(len(X), -1)
        p = 1 / (1 + np.exp(-2 * x.sum(1) * 0.5))
        return np.stack([1 - p, p], 1)


def drifts(n_trials=400, strengths=(0.5,), seed=0, n_times=40):
    """One channel whose mean is plus or minus a strength: the drift-diffusion problem."""
    rng = np.random.default_rng(seed)
    y = rng.integers(2, size=n_trials)
    strength = rng.choice(strengths, size=n_trials)
    x = (2 * y - 1)[:, None, None] * strength[:, None, None] + rng.normal(
        size=(n_trials, 1, n_times)
    )
    return x, y, strength


def labelled(x):
    people = ["a", "b"] * (len(x) // 2)
    return neurokit.signal(x, sampling_rate=10, trials={"subject": people})


def test_decides_at_the_first_look_that_is_sure_enough():
    x, y, _ = drifts()
    decoder = EarlyExitClassifier(Mean(), n_looks=8, tolerance=0.05).fit(x, y)
    assert decoder.looks_.tolist() == [5, 10, 15, 20, 25, 30, 35, 40]
    label, confidence, time = decoder.decide(x)
    for i in range(len(x)):
        for look in decoder.looks_:
            p = Mean().predict_proba(x[i : i + 1, :, :look])[0]
            if p.max() >= decoder.threshold_ or look == 40:
                break
        assert (label[i], confidence[i], time[i]) == (p.argmax(), pytest.approx(p.max()), look)


@pytest.mark.parametrize("seed", range(3))
def test_saves_time_and_keeps_accuracy_on_new_trials(seed):
    x, y, strength = drifts(800, (0.3, 1.5), seed)
    decoder = EarlyExitClassifier(Mean(), tolerance=0.01).fit(x[:400], y[:400])
    test, truth = x[400:], y[400:]
    whole = decoder.curve(test, truth).accuracy.iloc[-1]
    assert decoder.score(test, truth) > whole - 0.04
    time = decoder.decide(test).time
    assert time.mean() < 0.7 * 40
    assert time[strength[400:] == 1.5].mean() < 0.6 * time[strength[400:] == 0.3].mean()


def test_curve_holds_what_each_threshold_gives():
    x, y, _ = drifts()
    decoder = EarlyExitClassifier(Mean()).fit(x, y)
    curve = decoder.curve(x, y)
    assert (np.diff(curve.time) >= 0).all()
    assert curve.time.iloc[-1] == 40
    assert curve.accuracy.iloc[-1] == (Mean().predict_proba(x).argmax(1) == y).mean()
    for row in curve.iloc[[0, 40, 80]].itertuples():
        decoder.threshold_ = row.threshold
        assert decoder.score(x, y) == pytest.approx(row.accuracy)
        assert decoder.decide(x).time.mean() == pytest.approx(row.time)


def test_no_tolerance_gives_no_accuracy_away_on_the_folds():
    x, y, _ = drifts()
    decoder = EarlyExitClassifier(Mean(), tolerance=0.0).fit(x, y)
    chosen = decoder.curve_[decoder.curve_.threshold == decoder.threshold_].iloc[0]
    assert chosen.accuracy >= decoder.curve_.accuracy.iloc[-1]
    good = decoder.curve_[decoder.curve_.accuracy >= decoder.curve_.accuracy.iloc[-1]]
    assert chosen.time == good.time.min()


def test_what_is_given_away_is_the_paired_difference_to_whole_trials():
    x, y, _ = drifts()
    decoder = EarlyExitClassifier(Mean(), tolerance=0.05).fit(x[:200], y[:200])
    decoder.threshold_ = np.inf
    whole = decoder.predict(x[200:]) == y[200:]
    for _, row in decoder.curve(x[200:], y[200:]).iloc[::10].iterrows():
        decoder.threshold_ = row.threshold
        lost = whole.astype(float) - (decoder.predict(x[200:]) == y[200:])
        assert row.loss == pytest.approx(lost.mean())
        assert row.loss_error == pytest.approx(lost.std() / len(lost) ** 0.5)
    chosen = decoder.curve_.loss + decoder.curve_.loss_error <= 0.05
    assert decoder.curve_.time[chosen].min() < decoder.curve_.time.max()


def test_threshold_is_chosen_on_trials_not_fitted():
    """A classifier that knows its training trials by heart and nothing else is not believed."""

    class ByHeart(ClassifierMixin, BaseEstimator):
        def fit(self, X, y):
            self.classes_ = np.unique(y)
            self.known_ = {
                np.asarray(row).tobytes(): label for row, label in zip(X, y, strict=True)
            }
            return self

        def predict_proba(self, X):
            p = [self.known_.get(np.asarray(row).tobytes(), 0.5) for row in X]
            return np.stack([1 - np.array(p), p], 1)

    x, y, _ = drifts(60)
    decoder = EarlyExitClassifier(ByHeart(), tolerance=0.0).fit(x, y)
    assert decoder.score(x, y) == 1.0
    assert decoder.curve_.accuracy.max() < 0.8


def test_labels_and_seconds():
    x, y, _ = drifts()
    decoder = EarlyExitClassifier(Mean(), tolerance=0.05).fit(labelled(x), y)
    decision = decoder.decide(labelled(x))
    assert decision.time["subject"].values.tolist()[:2] == ["a", "b"]
    plain = EarlyExitClassifier(Mean(), tolerance=0.05).fit(x.astype(np.float32), y)
    xr.testing.assert_allclose(
        decision.time.drop_vars("subject"),
        xr.DataArray(plain.decide(x.astype(np.float32)).time / 10, dims="trial"),
    )
    assert decoder.predict_proba(labelled(x)).dims == ("trial", "class")


def test_groups_stay_together():
    x, y, _ = drifts(40)
    subject = np.repeat([0, 1, 2, 3], 10)
    seen = []

    class Watch(Mean):
        def fit(self, X, y):
            seen.append(len(X))
            return super().fit(X, y)

    EarlyExitClassifier(Watch(), n_looks=2, cv=GroupKFold(4)).fit(x, y, groups=subject)
    assert seen == [30, 30] * 4 + [40, 40]


def test_one_sample_per_trial_is_one_look():
    x, y, _ = drifts(40, n_times=1)
    decoder = EarlyExitClassifier(Mean()).fit(x[:, :, 0], y)
    assert decoder.looks_.tolist() == [1]
    assert (decoder.decide(x[:, :, 0]).time == 1).all()


def test_refuses():
    x, y, _ = drifts(40)
    with pytest.raises(ValueError, match="n_looks must be at least 1"):
        EarlyExitClassifier(Mean(), n_looks=0).fit(x, y)
    with pytest.raises(ValueError, match=r"tolerance in \[0, 1\), got 8 and 1.5"):
        EarlyExitClassifier(Mean(), tolerance=1.5).fit(x, y)
    with pytest.raises(TypeError, match="must be a classifier with predict_proba"):
        EarlyExitClassifier(neurokit.features.BandPower()).fit(x, y)
    with pytest.raises(ValueError, match="y has 39 labels for 40 trials"):
        EarlyExitClassifier(Mean()).fit(x, y[1:])
    with pytest.raises(ValueError, match="requires y to be passed"):
        EarlyExitClassifier(Mean()).fit(x, None)
    decoder = EarlyExitClassifier(Mean()).fit(x, y)
    with pytest.raises(ValueError, match="fitted on trials of 40 samples, got 39"):
        decoder.predict(x[:, :, 1:])
