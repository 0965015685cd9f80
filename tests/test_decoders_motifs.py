"""Planted motifs are found in their very bin, by labels or without."""

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

import neurokit
from neurokit.datasets import make_motifs
from neurokit.decoders._motifs import LogOdds, count, log_odds, peaks
from neurokit.decoders.motifs import MotifDetector


def planted(n_steps, seed=0, **options):
    spikes, truth = make_motifs(n_steps=n_steps, random_state=seed, **options)
    return neurokit.bin_spikes(spikes, 0.001), truth["occurrence"], truth["delay"].values


def few(n_steps=5000, seed=0, **options):
    options = {"n_units": 50, "n_motifs": 4, "n_members": 15, "motif_rate": 3.0} | options
    return planted(n_steps, seed, **options)


def naive_counts(raster, occurs, n_delays):
    hits = np.zeros((occurs.shape[1], raster.shape[1], n_delays))
    seen = np.zeros((occurs.shape[1], n_delays))
    for t, m in np.argwhere(occurs):
        for d in range(min(n_delays, len(raster) - t)):
            hits[m, :, d] += raster[t + d]
            seen[m, d] += 1
    return hits, seen


def naive_log_odds(raster, model):
    n_delays = model.kernels.shape[2]
    out = np.tile(model.prior, (len(raster), 1))
    for t in range(len(raster)):
        for d in range(min(n_delays, len(raster) - t)):
            out[t] += model.silence[:, d] + model.kernels[:, :, d] @ raster[t + d]
    return out


@settings(deadline=None, max_examples=30)
@given(
    st.integers(1, 40), st.integers(1, 5), st.integers(1, 4), st.integers(1, 9), st.integers(0, 99)
)
def test_counts_and_log_odds_are_those_of_plain_loops(n_steps, n_units, n_motifs, n_delays, seed):
    rng = np.random.default_rng(seed)
    raster = rng.random((n_steps, n_units)) < 0.3
    occurs = rng.random((n_steps, n_motifs)) < 0.2
    for fast, slow in zip(
        count(raster, occurs, n_delays), naive_counts(raster, occurs, n_delays), strict=True
    ):
        np.testing.assert_array_equal(fast, slow)
    kernels = rng.normal(size=(n_motifs, n_units, n_delays))
    silence = rng.normal(size=(n_motifs, n_delays))
    model = LogOdds(kernels, silence, rng.normal(size=n_motifs), kernels)
    np.testing.assert_allclose(
        log_odds(raster, model, 0, n_steps), naive_log_odds(raster, model), atol=1e-4
    )


def test_long_recordings_are_worked_through_in_blocks(monkeypatch):
    x, y, _ = few(300)
    whole = MotifDetector().fit(x, y)
    monkeypatch.setattr("neurokit.decoders._motifs._BLOCK", 70)
    parts = MotifDetector().fit(x, y)
    np.testing.assert_array_equal(parts.kernels_, whole.kernels_)
    np.testing.assert_allclose(parts.transform(x), whole.transform(x), atol=1e-4)


def test_the_paper_s_size_from_ten_seconds_of_labelled_spikes():
    x, y, delay = planted(14_000)
    train, test = slice(0, 10_000), slice(10_000, None)
    detector = MotifDetector().fit(x.isel(time=train), y.isel(time=train))
    assert detector.kernels_.shape == (144, 128, 31)
    found, truth = detector.predict(x.isel(time=test)).values, y.isel(time=test).values.T
    assert (found & truth).sum() >= 0.988 * truth.sum()
    assert (found & truth).sum() >= 0.988 * found.sum()
    member = np.zeros((144, 128, 31), bool)
    m, u = np.nonzero(delay >= 0)
    member[m, u, delay[m, u]] = True
    assert detector.membership_[member].mean() > 0.98
    assert detector.membership_[~member].mean() < 0.01


def test_log_odds_are_those_of_the_generating_model():
    """A member fires surely; other units as in noise: each kernel nears the true log ratio."""
    x, y, delay = few(60_000, n_motifs=1, reliability=0.8, motif_rate=10.0)
    detector = MotifDetector().fit(x, y)
    unit = np.flatnonzero(delay[0] >= 0)
    rate = (x.values > 0).mean(1)[unit]
    within = 0.8 + 0.2 * rate
    expected = np.log(within / (1 - within)) - np.log(rate / (1 - rate))
    np.testing.assert_allclose(detector.kernels_[0, unit, delay[0, unit]], expected, atol=0.4)


@pytest.mark.parametrize("seed", range(3))
def test_motifs_are_discovered_without_labels(seed):
    x, y, _ = few(3000, seed=seed)
    detector = MotifDetector(n_motifs=6).fit(x)
    assert detector.motifs_ == [0, 1, 2, 3]
    found, truth = detector.predict(x).values, y.values.T
    # the first bin of a discovered motif is that of its first spike
    matched = {
        (m, k)
        for m in range(4)
        for k in range(4)
        for shift in range(12)
        if 2 * (np.roll(found[:, k], -shift) & truth[:, m]).sum()
        > 0.95 * (found[:, k].sum() + truth[:, m].sum())
    }
    assert {m for m, _ in matched} == {k for _, k in matched} == {0, 1, 2, 3}


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(20, 26))
def test_two_motifs_taken_for_one_are_divided_and_none_is_told_twice(seed):
    x, y, _ = planted(10_000, seed, n_units=50, n_motifs=10, n_members=15, motif_rate=3.0)
    found, truth = MotifDetector(n_motifs=15).fit(x).predict(x).values, y.values.T
    assert found.shape[1] == 10
    for motif in truth.T:
        best = max(
            (np.roll(row, -shift) & motif).sum() / max(row.sum(), motif.sum())
            for row in found.T
            for shift in range(-15, 16)
        )
        assert best > 0.98


def test_jitter_is_answered_by_an_interval():
    x, y, _ = few(12_000, reliability=0.8, jitter=1.0)
    train, test = slice(0, 8000), slice(8000, None)
    plain, spaced = (
        MotifDetector(min_interval=n).fit(x.isel(time=train), y.isel(time=train)) for n in (1, 5)
    )
    scores = [d.score(x.isel(time=test), y.isel(time=test)) for d in (plain, spaced)]
    assert scores[1] > scores[0] + 0.1


@pytest.mark.parametrize("seed", range(4))
def test_noise_holds_no_motif(seed):
    x, _, _ = few(2000, seed=seed, motif_rate=0.0, noise_rate=40.0)
    with pytest.raises(ValueError, match="found no motif that comes back"):
        MotifDetector().fit(x)


def test_windows_do_not_reach_into_another_trial():
    x, y, _ = few(2000)
    parts = [slice(0, 1000), slice(1000, None)]
    trials = xr.concat([x.isel(time=p).drop_vars("time") for p in parts], "trial")
    marks = xr.concat([y.isel(time=p).drop_vars("time") for p in parts], "trial")
    clock = x.isel(time=parts[0])["time"]
    trials, marks = trials.assign_coords(time=clock), marks.assign_coords(time=clock)
    detector = MotifDetector().fit(trials, marks)
    both = detector.transform(trials)
    assert both.dims == ("trial", "time", "motif")
    for i in range(2):
        np.testing.assert_allclose(both[i], detector.transform(trials[i]), atol=1e-5)


def test_an_empty_end_is_unknown_and_no_evidence():
    x, y, _ = few(3000)
    detector = MotifDetector().fit(x, y)
    cut = detector.transform(x.isel(time=slice(0, 1))).values[0]
    k = detector.kernels_[:, :, 0] @ (x.values[:, 0] > 0)
    np.testing.assert_allclose(cut, detector.prior_ + detector.silence_[:, 0] + k, rtol=1e-4)


def test_one_column_of_labels():
    x, y, _ = few()
    columns = MotifDetector().fit(x, y)
    clear = y.values.sum(0) < 2
    label = (np.arange(1, 5)[:, None] * y.values).sum(0)
    labels = MotifDetector().fit(x.values.T[clear], label[clear])
    assert labels.motifs_ == [1, 2, 3, 4]
    assert labels.kernels_.shape == columns.kernels_.shape
    assert labels.score(x.values.T[clear], label[clear]) > 0.98


def test_silent_units_and_motifs_that_never_come_are_harmless():
    x, y, _ = few()
    x, y = x.copy(), y.copy()
    x[3] = 0
    y[2] = False
    detector = MotifDetector().fit(x, y)
    assert np.isfinite(detector.transform(x)).all()
    assert not detector.predict(x).values[:, 2].any()


@settings(deadline=None, max_examples=30)
@given(st.lists(st.integers(0, 5), min_size=1, max_size=30), st.integers(1, 6))
def test_peaks_stand_highest_around(values, apart):
    scores = np.array(values, float)[:, None]
    expected = [
        v > 1 and v == max(values[max(i - apart + 1, 0) : i + apart]) for i, v in enumerate(values)
    ]
    assert peaks(scores, 1.0, apart)[:, 0].tolist() == expected


@pytest.mark.parametrize("size", [1, 17, 400])
def test_live_rows_are_those_of_transform(size):
    x, y, _ = few(400)
    detector = MotifDetector().fit(x, y)
    assert detector.latency_ == pytest.approx(0.031)
    stream = detector.stream()
    parts = [stream.push(x.values.T[i : i + size]) for i in range(0, 400, size)]
    assert sum(map(len, parts)) == 370
    joined = np.concatenate([*parts, stream.flush()])
    np.testing.assert_allclose(joined, detector.transform(x), atol=1e-4)


def test_refuses():
    x, y, _ = few(400)
    for name in ("n_delays", "n_motifs", "min_interval"):
        with pytest.raises(ValueError, match=f"{name} must be at least 1, got 0"):
            MotifDetector(**{name: 0}).fit(x, y)
    with pytest.raises(ValueError, match="y marks no occurrence"):
        MotifDetector().fit(x, y & False)
    with pytest.raises(ValueError, match="y must be 1 where a motif begins"):
        MotifDetector().fit(x, y * 2)
    detector = MotifDetector().fit(x, y)
    with pytest.raises(
        ValueError, match=r"must mark the motifs \[0, 1, 2, 3\] of fit, got \[0, 1"
    ):
        detector.score(x, y.isel(motif=[0, 1]))
