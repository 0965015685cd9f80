"""Figures of merit of spellers, retrieval, encoding models and alarms."""

import math

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

import neurokit
from neurokit.metrics import (
    correlation_scores,
    event_scores,
    itr,
    noise_ceiling,
    retrieval_scores,
    scaling_fit,
    two_versus_two,
)

# ---------------------------------------------------------------- bits per minute


@settings(deadline=None)
@given(p=st.floats(0, 1), m=st.integers(2, 60), t=st.floats(0.1, 10))
def test_itr_is_its_formula(p, m, t):
    bits = math.log2(m)
    bits += p * math.log2(p) if p > 0 else 0
    bits += (1 - p) * math.log2((1 - p) / (m - 1)) if p < 1 else 0
    expected = 60 / t * bits if p > 1 / m else 0.0
    assert float(itr(p, m, selection_time=t)) == pytest.approx(expected, abs=1e-9)


def test_the_two_means_differ_and_say_which_they_are():
    accuracy = xr.DataArray([0.5, 1.0], dims="subject", coords={"subject": ["a", "b"]})
    each = itr(accuracy, 40, selection_time=0.9)
    assert each["subject"].values.tolist() == ["a", "b"]
    mean = itr(accuracy, 40, selection_time=0.9, average="mean_of_itr")
    assert float(mean) == pytest.approx(float(each.mean()))
    of_mean = itr(accuracy, 40, selection_time=0.9, average="itr_of_mean")
    assert float(of_mean) == pytest.approx(float(itr(0.75, 40, selection_time=0.9)))
    assert float(of_mean) < float(mean)
    assert of_mean.attrs["average"] == "itr_of_mean"
    assert of_mean.attrs["selection_time"] == [0.9]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((1.2, 4, {"selection_time": 1}), "accuracies from 0 to 1"),
        ((0.5, 1, {"selection_time": 1}), "at least 2 classes"),
        ((0.5, 4, {"selection_time": 0}), "selection_time must be over 0 s"),
        ((0.5, 4, {"selection_time": 1, "average": "mean"}), "average must be None"),
    ],
)
def test_itr_refuses(arguments, words):
    *values, named = arguments
    with pytest.raises(ValueError, match=words):
        itr(*values, **named)


# ---------------------------------------------------------------- retrieval


def rank_by_hand(row, names, wanted):
    best = {}
    for score, name in zip(row, names, strict=True):
        best[name] = max(score, best.get(name, -np.inf))
    return sum(score >= best[wanted] for score in best.values())


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 10_000), n=st.integers(1, 8), m=st.integers(1, 12))
def test_ranks_are_those_of_the_loop(seed, n, m):
    rng = np.random.default_rng(seed)
    names = rng.integers(0, 6, m)
    scores = rng.integers(0, 4, (n, m)).astype(float)
    wanted = rng.choice(names, n)
    found = retrieval_scores(scores, wanted, gallery=names, k=(1, 3))
    ranks = [rank_by_hand(row, names.tolist(), w) for row, w in zip(scores, wanted, strict=True)]
    assert found["rank"].values.tolist() == ranks
    assert float(found["top_k"].sel(k=3)) == pytest.approx(np.mean(np.array(ranks) <= 3))
    assert float(found["mean_reciprocal_rank"]) == pytest.approx(np.mean(1 / np.array(ranks)))
    assert found.attrs["n_candidates"] == len(set(names.tolist()))


def test_a_decoder_that_answers_always_the_same_finds_nothing():
    found = retrieval_scores(np.ones((5, 50)), np.arange(5))
    assert found["top_k"].values.max() == 0


def test_people_are_told_apart():
    scores = np.eye(4)
    scores[2:] = 1 - scores[2:]
    found = retrieval_scores(scores, range(4), groups=["a", "a", "b", "b"], k=(1,))
    assert found["top_k_by_group"].sel(group="a").item() == 1
    assert found["top_k_by_group"].sel(group="b").item() == 0


def test_retrieval_refuses():
    with pytest.raises(ValueError, match="the gallery lacks the targets \\['x'\\]"):
        retrieval_scores(np.ones((1, 2)), ["x"], gallery=["a", "b"])
    with pytest.raises(ValueError, match=r"\(n_trials, n_candidates\) = \(2, 3\), got \(2, 2\)"):
        retrieval_scores(np.ones((2, 2)), [0, 1], gallery=[0, 1, 2])
    with pytest.raises(ValueError, match="every score must be finite"):
        retrieval_scores([[np.nan]], [0])


def test_scaling_finds_the_line_and_covers_it():
    covered = 0
    for seed in range(40):
        rng = np.random.default_rng(seed)
        n = np.repeat([10, 30, 100, 300, 1000], 6)
        score = 0.1 + 0.08 * np.log10(n) + 0.01 * rng.normal(size=len(n))
        fit = scaling_fit(n, score, goal=0.5, random_state=seed)
        covered += fit["slope_low"] <= 0.08 <= fit["slope_high"]
        line = np.polyfit(np.log10(n), score, 1)
        assert fit["slope"] == pytest.approx(line[0])
        assert fit["intercept"] == pytest.approx(line[1])
        assert fit["n_goal_low"] < fit["n_goal"] < fit["n_goal_high"]
    assert covered >= 30  # of 40; a bootstrap over six points is a little narrow


def test_what_does_not_grow_never_arrives():
    fit = scaling_fit([1, 10, 100], [0.3, 0.2, 0.1], goal=0.5)
    assert fit["n_goal"] == np.inf


def test_scaling_refuses():
    with pytest.raises(ValueError, match="two different amounts"):
        scaling_fit([10, 10], [0.1, 0.2])
    with pytest.raises(ValueError, match="as many scores as positive amounts"):
        scaling_fit([0, 10], [0.1, 0.2])


# ---------------------------------------------------------------- encoding models


def two_versus_two_by_hand(a, b):
    def cosine_distance(u, v):
        return 1 - u @ v / np.linalg.norm(u) / np.linalg.norm(v)

    right = [
        cosine_distance(a[i], b[i]) + cosine_distance(a[j], b[j])
        < cosine_distance(a[i], b[j]) + cosine_distance(a[j], b[i])
        for i in range(len(a))
        for j in range(i + 1, len(a))
    ]
    return np.mean(right)


@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 10_000), n=st.integers(2, 25), noise=st.floats(0.1, 5))
def test_two_versus_two_is_the_loop_over_pairs(seed, n, noise):
    rng = np.random.default_rng(seed)
    a = rng.normal(size=(n, 7))
    b = a + noise * rng.normal(size=(n, 7))
    assert two_versus_two(a, b) == pytest.approx(two_versus_two_by_hand(a, b))


def test_the_two_correlations_are_those_of_numpy(rng):
    a = xr.DataArray(
        rng.normal(size=(30, 4)), dims=("stimulus", "voxel"), coords={"voxel": list("abcd")}
    )
    b = a.values + rng.normal(size=(30, 4))
    by_voxel = correlation_scores(a, b)
    assert by_voxel["voxel"].values.tolist() == list("abcd")
    np.testing.assert_allclose(by_voxel, [np.corrcoef(a[:, k], b[:, k])[0, 1] for k in range(4)])
    by_stimulus = correlation_scores(a, b, over="targets")
    assert by_stimulus.dims == ("stimulus",)
    np.testing.assert_allclose(by_stimulus, [np.corrcoef(a[k], b[k])[0, 1] for k in range(30)])
    assert np.isnan(correlation_scores(np.ones((3, 1)), np.ones((3, 1)))[0])


@pytest.mark.parametrize("n_repeats", [2, 5])
@pytest.mark.parametrize("noise", [0.3, 1.0, 3.0])
def test_the_ceiling_is_what_the_true_response_reaches(rng, n_repeats, noise):
    truth = rng.normal(size=(4000, 3))
    repeats = truth + noise * rng.normal(size=(n_repeats, 4000, 3))
    reached = correlation_scores(repeats.mean(axis=0), truth)
    np.testing.assert_allclose(noise_ceiling(repeats), reached, atol=0.06)


def test_pure_noise_has_a_low_ceiling(rng):
    assert float(noise_ceiling(rng.normal(size=(4, 4000, 5))).max()) < 0.25


def test_encoding_refuses(rng):
    with pytest.raises(ValueError, match="two arrays of shape"):
        two_versus_two(np.ones((3, 2)), np.ones((2, 3)))
    with pytest.raises(ValueError, match="two samples at least"):
        two_versus_two(np.ones((1, 2)), np.ones((1, 2)))
    with pytest.raises(ValueError, match="must be finite"):
        correlation_scores([[np.nan, 1.0]], [[1.0, 1.0]])
    with pytest.raises(ValueError, match="over must be 'samples' or 'targets'"):
        correlation_scores(np.ones((2, 2)), np.ones((2, 2)), over="voxels")
    with pytest.raises(ValueError, match="n_repeats, n_samples, n_targets"):
        noise_ceiling(np.ones((1, 5, 2)))


# ---------------------------------------------------------------- alarms


def spans(rng, n, length):
    onsets = np.sort(rng.uniform(0, length, n))
    return pd.DataFrame({"onset": onsets, "duration": rng.uniform(0, 40, n)})


@settings(deadline=None, max_examples=40)
@given(seed=st.integers(0, 10_000), n=st.integers(0, 6), m=st.integers(0, 8))
def test_alarms_are_scored_as_the_loop_scores_them(seed, n, m):
    rng = np.random.default_rng(seed)
    events, alarms = spans(rng, n, 3600), spans(rng, m, 3600)
    found = event_scores(events, alarms, duration=3600, before=10, after=20, merge=0)
    pairs = [
        [
            a.onset <= e.onset + e.duration + 20 and a.onset + a.duration >= e.onset - 10
            for a in alarms.itertuples()
        ]
        for e in merged(events).itertuples()
    ]
    rows = merged(events)
    assert len(found.delays) == len(rows)
    if merged(alarms).equals(alarms.reset_index(drop=True)) and len(pairs) and len(alarms):
        meets = np.array(pairs)
        assert found.sensitivity == pytest.approx(meets.any(1).mean())
        assert found.false_alarms_per_hour == pytest.approx((~meets.any(0)).sum())


def merged(table):
    """Join what overlaps."""
    rows = []
    for onset, duration in table.to_numpy().tolist():
        if rows and onset < rows[-1][0] + rows[-1][1]:
            rows[-1][1] = max(rows[-1][1], onset + duration - rows[-1][0])
        else:
            rows.append([onset, duration])
    return pd.DataFrame(rows, columns=["onset", "duration"], dtype=float)


def test_alarms_close_to_each_other_are_one():
    seizure = neurokit.events([600.0], 60.0, ["seizure"])
    alarms = neurokit.events([3000.0, 3050.0, 3100.0], 10.0, ["x"] * 3)
    assert event_scores(seizure, alarms, duration=3600).false_alarms_per_hour == 1
    assert event_scores(seizure, alarms, duration=3600, merge=0).false_alarms_per_hour == 3


def test_nothing_to_find_and_nothing_found():
    none = neurokit.events([], 0.0, [])
    found = event_scores(none, none, duration=3600)
    assert math.isnan(found.sensitivity)
    assert math.isnan(found.delay)
    assert found.f1 == 1
    assert found.false_alarms_per_hour == 0


def test_alarms_refuse():
    table = neurokit.events([1.0], 1.0, ["a"])
    with pytest.raises(TypeError, match="reference must be a DataFrame"):
        event_scores([1.0], table, duration=10)
    with pytest.raises(ValueError, match="duration must be over 0 s"):
        event_scores(table, table, duration=0)
    with pytest.raises(ValueError, match="0 s or more"):
        event_scores(table, table, duration=10, before=-1)
    with pytest.raises(ValueError, match="finite onsets"):
        event_scores(table.assign(onset=np.nan), table, duration=10)
