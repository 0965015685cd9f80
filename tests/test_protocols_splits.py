"""Splits by name: who is trained on and who is tested, against the definitions written out."""

import numpy as np
import pandas as pd
import pytest

from neurokit.protocols.splits import make_folds, read_folds


def table(subjects="ab", sessions="12", runs="xyz", n=6):
    rows = [(s, d, r) for s in subjects for d in sessions for r in runs for _ in range(n)]
    return pd.DataFrame(rows, columns=["subject", "session", "run"])


def labels(domains):
    return np.arange(len(domains)) % 2


def test_each_protocol_trains_where_it_says():
    domains = table()
    y = labels(domains)
    for fold in make_folds("within-session", y, domains):
        train, test = domains.iloc[fold.train], domains.iloc[fold.test]
        assert train[["subject", "session"]].drop_duplicates().shape[0] == 1
        assert test.drop_duplicates().shape[0] == 1  # one run
        assert set(train["run"]) == set("xyz") - set(test["run"])
        assert len(train) + len(test) == 18
        assert fold.unit == test["subject"].iloc[0]
    for fold in make_folds("cross-session", y, domains):
        train, test = domains.iloc[fold.train], domains.iloc[fold.test]
        assert set(train["subject"]) == set(test["subject"])
        assert not set(train["session"]) & set(test["session"])
    for fold in make_folds("leave-one-subject-out", y, domains):
        assert not set(domains["subject"][fold.train]) & set(domains["subject"][fold.test])
    for fold in make_folds("transfer", y, domains, target_share=0.25):
        mine = np.flatnonzero(domains["subject"] == fold.unit)
        np.testing.assert_array_equal(fold.calibration, mine[:9])
        np.testing.assert_array_equal(fold.test, mine[9:])
        assert set(mine[:9]) <= set(fold.train)


@pytest.mark.parametrize("protocol", ["within-session", "cross-session", "leave-one-subject-out"])
def test_every_trial_is_tested_once(protocol):
    domains = table()
    made = make_folds(protocol, labels(domains), domains)
    tested = np.sort(np.concatenate([fold.test for fold in made]))
    np.testing.assert_array_equal(tested, np.arange(len(domains)))


def test_a_session_without_runs_is_cut_into_stretches_of_time():
    domains = table(runs="x", n=20)
    y = labels(domains)
    for fold in make_folds("within-session", y, domains):
        for label in (0, 1):
            place = np.flatnonzero(y[fold.test] == label)
            assert np.all(np.diff(fold.test[place]) == 2)  # successive trials of each label
    drawn = [make_folds("within-session", y, domains, folds="shuffled", seed=s) for s in (0, 0, 1)]
    tests = [[fold.test.tolist() for fold in made] for made in drawn]
    assert tests[0] == tests[1] != tests[2]


def test_splits_made_elsewhere_are_read():
    domains = table(sessions="1", runs="x")
    y = labels(domains)
    first = np.arange(12) < 6
    by_name = read_folds({"a": (first, ~first)}, y, domains)
    assert by_name[0].name == "a"
    assert by_name[0].unit == "b"
    assert by_name[0].test.tolist() == [6, 7, 8, 9, 10, 11]
    assert read_folds([(np.arange(6), np.arange(6, 12))], y, domains)[0].name == "fold 1"


def test_what_cannot_be_split_is_refused_before_anything_is_fitted():
    domains = table()
    y = labels(domains)
    with pytest.raises(ValueError, match="protocol must be one of"):
        make_folds("loso", y, domains)
    with pytest.raises(ValueError, match="two subjects or more, got 1"):
        make_folds("leave-one-subject-out", y[:36], domains[:36])
    with pytest.raises(ValueError, match="needs the coordinate session"):
        make_folds("cross-session", y, domains[["subject"]])
    with pytest.raises(ValueError, match="two sessions or more"):
        make_folds("cross-session", y[:18], domains[:18])
    with pytest.raises(ValueError, match=r"'subject a' trains on one class, \[1\]"):
        make_folds("leave-one-subject-out", (domains["subject"] == "b").to_numpy(int), domains)
    with pytest.raises(ValueError, match="target_share must lie"):
        make_folds("transfer", y, domains, target_share=1.0)
    with pytest.raises(ValueError, match="folds must be"):
        make_folds("within-session", y, domains, folds="random")
    with pytest.raises(ValueError, match='folds="runs" needs'):
        make_folds("within-session", y, domains[["subject"]], folds="runs")
    with pytest.raises(ValueError, match="class of one trial"):
        make_folds("within-session", np.array([0, 0, 1]), pd.DataFrame(index=range(3)))
    with pytest.raises(ValueError, match="tests trials that it trains on"):
        read_folds([([0, 1], [1, 2])], y, domains)
    with pytest.raises(ValueError, match="has 2 trials to train on and 0"):
        read_folds([([0, 1], [])], y, domains)
    with pytest.raises(ValueError, match="makes no fold"):
        read_folds([], y, domains)
