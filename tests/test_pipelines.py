"""The pipelines of demo and run: nothing leaks, chance is chance, times are right."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline

import neurokit
from neurokit.cli.pipelines import at_ends_of_bins, decode_movement, score_table
from neurokit.datasets import make_reaching
from neurokit.features import BandPower, EuclideanAlignment, LempelZiv
from neurokit.protocols import blocks_of_time, evaluate
from neurokit.recording import behaviour, bin_spikes, counts
from neurokit.tokenizers import CodeHistogram, LinearRVQTokenizer, ScalarTokenizer


@settings(deadline=None, max_examples=30)
@given(labels=st.lists(st.sampled_from("abc"), min_size=12, max_size=60), n=st.integers(2, 4))
def test_blocks_leave_out_each_trial_once_and_whole_stretches_of_time(labels, n):
    y = np.array(labels)
    splits = blocks_of_time(y, n)
    assert sorted(np.concatenate([test for _, test in splits])) == list(range(len(y)))
    for train, test in splits:
        assert not set(train) & set(test)
        for label in np.unique(y):
            place = np.flatnonzero(np.isin(np.flatnonzero(y == label), test))
            assert len(place) < 2 or np.all(np.diff(place) == 1)


class _Spy(ClassifierMixin, BaseEstimator):
    """Remembers what it was fitted on, and says whether it meets it again."""

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        self.seen_ = set(X.values[:, 0, 0].tolist())
        return self

    def predict(self, X):
        assert not self.seen_ & set(X.values[:, 0, 0].tolist())
        return np.full(len(X), self.classes_[0])


def test_no_trial_is_predicted_by_a_classifier_that_has_seen_it():
    y = np.array(["a", "b", "b", "b"] * 10)
    x = neurokit.signal(
        np.arange(40.0)[:, None, None] + np.zeros((40, 2, 5)),
        sampling_rate=10,
        trials={"label": y},
    )
    found = evaluate({"spy": _Spy()}, x, protocol=blocks_of_time(y, 5))
    chance, lucky, spy = score_table(found)["accuracy"]
    assert chance == 0.75
    assert lucky == binom.ppf(0.95, 40, 0.75) / 40
    assert spy == 0.25
    np.testing.assert_array_equal(found.predicted("spy"), "a")


def test_behaviour_is_taken_at_the_end_of_each_bin():
    x = counts(np.zeros((2, 10)), bin_width=0.1)
    hand = behaviour(np.arange(101)[:, None] / 100.0, sampling_rate=100, features=["x"])
    at = at_ends_of_bins(hand, x)
    np.testing.assert_allclose(at[:, 0], 0.1 * np.arange(1, 11))
    assert at["time"].identical(x["time"])
    # a movement known until just before the end of the last bin is taken as it stands
    at = at_ends_of_bins(hand.isel(time=slice(None, 100)), x)
    assert float(at[-1, 0]) == pytest.approx(0.99)
    # and one that stops earlier is not known
    at = at_ends_of_bins(hand.isel(time=slice(None, 80)), x)
    assert np.isnan(at[-2:]).all()


def test_gaps_of_behaviour_are_bridged():
    x = counts(np.zeros((1, 10)), bin_width=0.1)
    hand = behaviour(np.arange(101)[:, None] / 100.0, sampling_rate=100)
    hand[30:35] = np.nan
    np.testing.assert_allclose(at_ends_of_bins(hand, x)[:, 0], 0.1 * np.arange(1, 11))


def test_movement_is_scored_on_the_end_and_the_delay_is_told():
    made = make_reaching(80, n_units=40, rate=15, depth=0.5, random_state=0)
    hand = made.behaviour.sel(feature=["vx", "vy"])
    decoded = decode_movement(bin_spikes(made.spikes, 0.05), hand, block=4)
    table = decoded.table.set_index("decoder")
    assert decoded.truth.sizes["time"] == 400
    assert table["R2, real time"].iloc[0] <= 0
    wiener = table.loc["Wiener, 0.4 s"]
    assert wiener["R2, real time"] > table.loc["Wiener, this bin only", "R2, real time"]
    middle = table.loc["Wiener, then Bessel block_middle"]
    assert middle["delay (ms)"] == pytest.approx(100)
    assert middle["R2, aligned"] > middle["R2, real time"]
    truth, prediction = decoded.truth.values, decoded.prediction.values
    r2 = 1 - ((truth - prediction) ** 2).sum(0) / ((truth - truth.mean(0)) ** 2).sum(0)
    assert wiener["R2, real time"] == pytest.approx(r2.mean())


def noise_with_labels_on_other_channels():
    """Trials of noise; a trigger, an eye and a bad channel hold the labels."""
    rng = np.random.default_rng(0)
    y = rng.permutation(np.repeat([0, 1], 60))
    x = rng.normal(0, 10, (120, 7, 100))
    x[:, 4, :20] = 50 * y[:, None]
    x[:, 5] += 40 * y[:, None] * np.sin(np.arange(100))
    x[:, 6] += 90 * y[:, None] * np.cos(np.arange(100) * 0.7)
    names = ["C3", "Cz", "C4", "Pz", "STI 014", "EOG", "Fp1"]
    X = neurokit.signal(
        x, sampling_rate=100, channels=names, types=[*["eeg"] * 4, "stim", "eog", "eeg"]
    )
    return X.assign_coords(bad=("channel", [False] * 6 + [True])), y


@pytest.mark.filterwarnings("ignore:.* takes the brain's channels:UserWarning")
@pytest.mark.parametrize(
    "steps",
    [
        (EuclideanAlignment(), BandPower()),
        (LempelZiv(),),
        (ScalarTokenizer(), CodeHistogram()),
        (LinearRVQTokenizer(2, codebook_size=8, random_state=0), CodeHistogram()),
    ],
    ids=lambda steps: "-".join(type(step).__name__ for step in steps),
)
def test_noise_stays_noise_beside_channels_that_hold_the_labels(steps):
    X, y = noise_with_labels_on_other_channels()
    pipeline = make_pipeline(*steps, LinearDiscriminantAnalysis())
    assert cross_val_score(pipeline, X, y, cv=4).mean() < 0.65
    told = X.drop_vars(["type", "bad"])  # where nothing tells channels apart, all are taken
    assert cross_val_score(pipeline, told, y, cv=4).mean() > 0.9
