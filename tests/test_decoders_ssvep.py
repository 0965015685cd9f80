"""Decoders of steady-state responses against loops, SciPy and planted truth."""

import warnings

import numpy as np
import pytest
import scipy.linalg
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import cheby1, sosfiltfilt
from sklearn.cross_decomposition import CCA

from neurokit.datasets import make_ssvep
from neurokit.decoders import FBCCAClassifier, TDCAClassifier, TRCAClassifier
from neurokit.decoders import steady_state as ssvep

TARGETS = (8.0, 9.0, 11.0, 13.0)


def speller(seed, n_trials=8, duration=1.0, amplitude=2.5, targets=TARGETS):
    x, _ = make_ssvep(
        targets, n_trials=n_trials, duration=duration, amplitude=amplitude, random_state=seed
    )
    order = np.argsort(x["label"].values, kind="stable").reshape(len(targets), n_trials)
    half = n_trials // 2
    return x.isel(trial=order[:, :half].ravel()), x.isel(trial=order[:, half:].ravel())


# ---------------------------------------------------------------- the mathematics


@pytest.mark.parametrize("n_times", [30, 125, 1100])
def test_a_matrix_filters_as_the_filter_does(rng, n_times):
    x = rng.normal(size=(3, 2, n_times))
    bands = ((6.0, 40.0), (14.0, 40.0))
    found = ssvep.filter_trials(x, bands, 100.0)
    for k, band in enumerate(bands):
        sos = cheby1(4, 0.5, band, "bandpass", output="sos", fs=100.0)
        expected = sosfiltfilt(sos, x, padlen=min(45, n_times - 1))
        expected -= expected.mean(axis=-1, keepdims=True)
        np.testing.assert_allclose(found[k], expected, atol=1e-10)


def test_canonical_correlation_is_that_of_scikit_learn(rng):
    x = rng.normal(size=(5, 4, 200))
    x -= x.mean(-1, keepdims=True)
    waves = ssvep.make_references([8.0, 11.0], 2, 100.0, 200)
    found = ssvep.correlate_canonically(x, waves)
    for n in range(5):
        for k in range(2):
            u, v = CCA(1, scale=False, max_iter=5000, tol=1e-10).fit_transform(x[n].T, waves[k])
            r = np.corrcoef(u[:, 0], v[:, 0])[0, 1]
            assert found[n, k] == pytest.approx(r**2, abs=1e-4)


def test_channels_that_repeat_each_other_change_nothing(rng):
    x = rng.normal(size=(3, 3, 150))
    x -= x.mean(-1, keepdims=True)
    waves = ssvep.make_references([8.0, 11.0], 2, 100.0, 150)
    twice = np.concatenate([x, x[:, :1] + x[:, 1:2]], axis=1)
    np.testing.assert_allclose(
        ssvep.correlate_canonically(twice, waves), ssvep.correlate_canonically(x, waves), atol=1e-7
    )


def test_harmonics_beyond_half_the_rate_are_left_out():
    few = ssvep.make_references([20.0], 2, 100.0, 100)
    many = ssvep.make_references([20.0], 4, 100.0, 100)
    project = few[0] @ few[0].T
    np.testing.assert_allclose(many[0] @ many[0].T, project, atol=1e-10)


def test_components_are_those_of_the_published_loops(rng):
    x = rng.normal(size=(2, 9, 3, 40))
    x -= x.mean(-1, keepdims=True)
    y = np.array([0, 1, 2] * 3)
    (moments,) = ssvep.gather_moments(x, y, 3, np.zeros(9, int))
    filters = ssvep.solve_trca(moments)
    for b in range(2):
        for k in range(3):
            mine = x[b, y == k]
            s = sum(mine[i] @ mine[j].T for i in range(3) for j in range(3) if i != j)
            q = sum(trial @ trial.T for trial in mine)
            w = scipy.linalg.eigh(s, q)[1][:, -1]
            cosine = abs(w @ q @ filters[b, k]) / np.sqrt(w @ q @ w)
            assert cosine == pytest.approx(1.0, abs=1e-8)
            np.testing.assert_allclose(moments.sums[b, k], mine.sum(0))
    assert moments.number.tolist() == [3, 3, 3]
    turn = np.array([0, 1, 1, 1, 0, 1, 1, 1, 0])
    parts = ssvep.gather_moments(x, y, 3, turn)
    for k, part in enumerate(parts):
        rest = moments.less(part)
        others = turn != k
        (expected,) = ssvep.gather_moments(x[:, others], y[others], 3, np.zeros(others.sum(), int))
        for a, b in zip(rest, expected, strict=True):
            np.testing.assert_allclose(a, b, atol=1e-9)


def test_phases_are_compared_as_a_loop_over_targets_compares_them(rng):
    y = rng.integers(0, 3, 14)
    y[:6] = [0, 0, 1, 1, 2, 2]
    hz, t = np.array([8.0, 9.0, 11.0]), np.arange(100) / 100
    values = rng.normal(size=(14, 2, 100)) + 0.3 * np.sin(2 * np.pi * hz[y][:, None, None] * t)
    waves = np.exp(-2j * np.pi * hz[:, None] * t)
    waves -= waves.mean(1, keepdims=True)
    spectrum = np.einsum("nct,nt->nc", values, waves[y])
    turns = np.exp(2j * np.pi * np.random.default_rng(0).random((100, 14)))
    turns[0] = 1
    largest = []
    for turn in turns:
        alike = [
            abs(turn[y == k] @ spectrum[y == k]) ** 2 / (abs(spectrum[y == k]) ** 2).sum(0)
            for k in range(3)
        ]
        largest.append(np.mean(alike, 0).max())
    expected = largest[0] > np.quantile(largest[1:], 0.95)
    assert ssvep.share_phase(values, y, hz, 100.0) == expected


def test_strong_locking_needs_no_turns_and_random_turns_never_look_like_it(rng, monkeypatch):
    y = np.repeat(np.arange(8), 5)
    hz, t = 8.0 + np.arange(8), np.arange(100) / 100
    turned = rng.uniform(0, 2 * np.pi, (500, 40))  # 20,000 sums of five random phases
    lock = abs(np.exp(1j * turned).reshape(500, 8, 5).sum(-1)) ** 2 / 5
    assert not any(ssvep._no_turn_reaches(m, 8, 1) for m in lock.mean(1))
    values = rng.normal(size=(40, 2, 100)) + np.sin(2 * np.pi * hz[y][:, None, None] * t)
    assert ssvep.share_phase(values, y, hz, 100.0)
    monkeypatch.setattr(ssvep, "_turns", None)  # no turn is drawn
    assert ssvep.share_phase(values, y, hz, 100.0)


def test_discriminant_components_are_those_of_the_loops(rng):
    x = rng.normal(size=(8, 4, 30))
    y = np.array([0, 1] * 4)
    filters, means = ssvep.solve_tdca(x, y, 2, 2, 0.0)
    all_mean = means.mean(0)
    between = sum((means[k] - all_mean) @ (means[k] - all_mean).T for k in range(2)) / 2
    within = sum((x[i] - means[y[i]]) @ (x[i] - means[y[i]]).T for i in range(8)) / 8
    vectors = scipy.linalg.eigh(between, within)[1][:, :-3:-1]
    for k in range(2):
        cosine = abs(vectors[:, k] @ within @ filters[:, k])
        assert cosine == pytest.approx(1.0, abs=1e-6)


@settings(max_examples=20, deadline=None)
@given(n_delays=st.integers(0, 6), n_times=st.integers(7, 20))
def test_delays_look_ahead_and_end_in_zeros(n_delays, n_times):
    x = np.arange(2.0 * n_times).reshape(1, 2, n_times) + 1
    out = ssvep.delay_channels(x, n_delays).reshape(n_delays + 1, 2, n_times)
    for d in range(n_delays + 1):
        for t in range(n_times):
            expected = x[0, :, t + d] if t + d < n_times else 0
            np.testing.assert_array_equal(out[d, :, t], expected)


@pytest.mark.parametrize(
    ("labels", "hz"),
    [
        ([8, 12.5], [8, 12.5]),
        (["8 Hz", "12.5hz"], [8, 12.5]),
        (["left", "8"], None),
        ([0, 1], None),
        ([-1, 1], None),
        ([1, 2, 3, 4], None),
    ],
)
def test_labels_read_as_hz_or_not(labels, hz):
    found = ssvep.read_frequencies(np.array(labels))
    assert (found is None) if hz is None else (found.tolist() == hz)


# ---------------------------------------------------------------- known truth


@pytest.mark.parametrize("make", [FBCCAClassifier, TRCAClassifier, TDCAClassifier])
def test_targets_are_found(make):
    scores = []
    for seed in range(6):
        train, test = speller(seed, duration=2.0 if make is FBCCAClassifier else 1.0)
        scores.append(make().fit(train, train["label"]).score(test, test["label"]))
    assert np.mean(scores) > 0.85, scores


def test_more_bands_than_targets_are_no_trouble():
    train, test = speller(0, targets=(8.0, 12.0))
    for make in (TRCAClassifier, TDCAClassifier, FBCCAClassifier):
        assert len(make(bands=5).fit(train, train["label"]).predict(test)) == 8


def test_all_filters_are_ahead_of_one():
    ahead = []
    for seed in range(6):
        train, test = speller(seed, n_trials=10, amplitude=1.0)
        one, all_of_them = (
            TRCAClassifier(ensemble=ensemble).fit(train, train["label"])
            for ensemble in (False, True)
        )
        ahead.append(all_of_them.score(test, test["label"]) - one.score(test, test["label"]))
    assert np.mean(ahead) >= 0


def test_trials_without_a_common_phase_are_told_apart_from_those_with_one():
    told, silent = 0, 0
    for seed in range(8):
        train, _ = speller(seed, n_trials=16, duration=2.0)
        rng = np.random.default_rng(seed)
        turned = train.copy(
            data=np.stack([np.roll(x, rng.integers(500), axis=-1) for x in train.values])
        )
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            TRCAClassifier().fit(turned, train["label"])
        told += any("share no phase" in str(w.message) for w in caught)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            TRCAClassifier().fit(train, train["label"])
        silent += not caught
    assert told >= 6
    assert silent >= 7


def test_patterns_show_the_source():
    x, truth = make_ssvep((8.0, 12.0), n_trials=20, duration=1.0, random_state=0)
    decoder = TRCAClassifier(bands=1).fit(x, x["label"])
    for pattern in decoder.patterns_[0]:
        r = np.corrcoef(pattern, truth["leadfield"].values)[0, 1]
        assert abs(r) > 0.9


def test_probabilities_are_honest_on_new_trials():
    confidence, right = [], []
    for seed in range(6):
        train, test = speller(seed, n_trials=12, amplitude=1.0)
        decoder = TRCAClassifier().fit(train, train["label"])
        confidence.append(decoder.predict_proba(test).max("class").values)
        right.append((decoder.predict(test) == test["label"]).values)
    assert abs(np.concatenate(confidence).mean() - np.concatenate(right).mean()) < 0.15


# ---------------------------------------------------------------- identities and refusals


@pytest.mark.parametrize("make", [FBCCAClassifier, TRCAClassifier, TDCAClassifier])
@pytest.mark.parametrize("scale", [1e-6, 1e3])
def test_the_unit_of_the_signal_does_not_matter(make, scale):
    train, test = speller(1, amplitude=1.0)
    a = make().fit(train, train["label"]).predict_proba(test)
    b = make(sampling_rate=250.0).fit(train.values * scale, train["label"].values)
    np.testing.assert_allclose(b.predict_proba(test.values * scale), a.values, atol=1e-5)


def test_frequencies_by_label_and_by_order_are_the_same():
    train, test = speller(0, duration=2.0)
    names = xr.DataArray(
        np.array(["abcd"[TARGETS.index(float(v))] for v in train["label"].values]), dims="trial"
    )
    expected = FBCCAClassifier().fit(train, train["label"]).predict_proba(test).values
    order = np.argsort([str(f"{f:g}") for f in TARGETS])
    for given_as in (dict(zip("abcd", TARGETS, strict=True)), list(TARGETS)):
        found = FBCCAClassifier(given_as).fit(train, names).predict_proba(test).values
        np.testing.assert_allclose(found[:, order], expected, atol=1e-8)


def test_fbcca_takes_trials_of_another_length():
    train, test = speller(0, duration=2.0)
    decoder = FBCCAClassifier().fit(train, train["label"])
    assert len(decoder.predict(test.isel(time=slice(300)))) == test.sizes["trial"]


def test_what_cannot_be_is_refused():
    train, test = speller(0)
    y = train["label"].values
    names = np.where(y == "8", "left", "right")
    with pytest.raises(ValueError, match="do not read as frequencies in Hz, got \\['left'"):
        FBCCAClassifier().fit(train, names)
    with pytest.raises(ValueError, match="frequencies lacks the targets \\['right'\\]"):
        FBCCAClassifier({"left": 8.0}).fit(train, names)
    with pytest.raises(ValueError, match="one positive number in Hz for each"):
        FBCCAClassifier([8.0]).fit(train, y)
    with pytest.raises(ValueError, match="cannot be seen at a sampling rate of 250 Hz"):
        FBCCAClassifier([8.0, 9.0, 11.0, 130.0]).fit(train, y)
    with pytest.raises(ValueError, match="shorter than a cycle of 8 Hz"):
        FBCCAClassifier().fit(train.isel(time=slice(20)), y)
    with pytest.raises(ValueError, match="two training trials of every target, got one of"):
        TRCAClassifier().fit(train.isel(trial=[0, 1, 2, 3, 4]), y[:5])
    with pytest.raises(ValueError, match="bands must lie between 0 and 125 Hz"):
        TRCAClassifier(bands=[(8.0, 200.0)]).fit(train, y)
    with pytest.raises(ValueError, match="TDCAClassifier: n_components and n_harmonics"):
        TDCAClassifier(n_components=0).fit(train, y)
    with pytest.raises(ValueError, match="n_harmonics must be at least 1"):
        FBCCAClassifier(n_harmonics=0).fit(train, y)
    decoder = TRCAClassifier().fit(train, y)
    with pytest.raises(ValueError, match="fitted on trials of 250 samples, got 200"):
        decoder.predict(test.isel(time=slice(200)))
