"""Fidelity by definition: plain loops, closed forms, labels."""

import math

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

import neurokit
from neurokit.metrics.fidelity import (
    BANDS,
    band_fidelity,
    boundary_nmse_ratio,
    nmse,
    pearson,
    prd,
    prdn,
    snr_db,
)

RATE = 200.0


@pytest.fixture
def signals():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2, 3, 500)) + 2
    return x, x + 0.3 * rng.normal(size=x.shape)


def by_loop(x, y):
    mean = sum(x) / len(x)
    miss = sum((a - b) ** 2 for a, b in zip(x, y, strict=True))
    spread = sum((a - mean) ** 2 for a in x)
    mean_y = sum(y) / len(y)
    cov = sum((a - mean) * (b - mean_y) for a, b in zip(x, y, strict=True))
    spread_y = sum((b - mean_y) ** 2 for b in y)
    return {
        nmse: miss / spread,
        snr_db: -10 * math.log10(miss / spread),
        prd: 100 * math.sqrt(miss / sum(a * a for a in x)),
        prdn: 100 * math.sqrt(miss / spread),
        pearson: cov / math.sqrt(spread * spread_y),
    }


@pytest.mark.parametrize("metric", [nmse, snr_db, prd, prdn, pearson])
def test_each_channel_is_scored_by_the_definition(signals, metric):
    x, y = signals
    got = metric(x, y)
    assert got.shape == (2, 3)
    for i in range(2):
        for j in range(3):
            assert got[i, j] == pytest.approx(by_loop(x[i, j].tolist(), y[i, j].tolist())[metric])


@pytest.mark.parametrize("metric", [nmse, snr_db, prd, prdn, pearson])
def test_labels_in_labels_out_whatever_the_order_of_dims(signals, metric):
    x, y = (neurokit.signal(a, sampling_rate=RATE, channels=["a", "b", "c"]) for a in signals)
    got = metric(x.transpose("time", "channel", "trial"), y).transpose("trial", "channel")
    np.testing.assert_allclose(got.values, metric(x.values, y.values))
    assert got["channel"].values.tolist() == ["a", "b", "c"]
    assert "time" not in got.coords


def test_flat_channels_have_the_stated_scores():
    flat, other = np.full(10, 3.0), np.arange(10.0)
    assert nmse(flat, flat) == 0
    assert nmse(flat, other) == np.inf
    assert snr_db(flat, flat) == np.inf
    assert np.isnan(pearson(flat, other))


def bands_by_direct_transform(x, y, low, high):
    """The discrete Fourier sum, a mask on it, and its inverse, term by term."""
    n = len(x)
    k = np.arange(n)
    waves = np.exp(-2j * np.pi * np.outer(k, k) / n)
    f = np.minimum(k, n - k) * RATE / n
    keep = (f >= low) & (f < high)
    u, v = ((waves.conj() @ ((waves @ s) * keep)).real / n for s in (x, y))
    error = np.sum((u - v) ** 2) / np.sum(u**2)
    return error, np.corrcoef(u, v)[0, 1], 10 * np.log10(np.sum(v**2) / np.sum(u**2))


@pytest.mark.parametrize("n_times", [500, 501])
def test_bands_match_a_mask_on_the_written_out_transform(n_times):
    rng = np.random.default_rng(1)
    x = rng.normal(size=(2, n_times))
    y = 0.8 * x + 0.4 * rng.normal(size=x.shape)
    got = band_fidelity(x, y, sampling_rate=RATE)
    assert got.nmse.shape == (2, len(BANDS))
    for i, (low, high) in enumerate(BANDS.values()):
        expected = bands_by_direct_transform(x[1], y[1], low, high)
        np.testing.assert_allclose([a[1, i] for a in got], expected, rtol=1e-9)


def test_bands_above_half_the_rate_are_nan_and_labels_stay():
    rng = np.random.default_rng(2)
    x = neurokit.signal(rng.normal(size=(2, 300)), sampling_rate=100, channels=["a", "b"])
    got = band_fidelity(x, 0.5 * x)
    assert got.nmse.dims == ("channel", "band")
    assert np.isnan(got.nmse.sel(band="high_gamma")).all()
    np.testing.assert_allclose(got.nmse.sel(band="gamma"), 0.25)
    np.testing.assert_allclose(got.log_power_error.sel(band="beta"), 20 * np.log10(0.5))


@pytest.mark.parametrize("window", [0.5, 0.123])
def test_boundary_ratio_in_plain_loops(signals, window):
    x, y = signals
    got = boundary_nmse_ratio(x, y, window, edge=0.2, sampling_rate=RATE)
    for i, j in np.ndindex(2, 3):
        sums = {True: [0.0, 0.0], False: [0.0, 0.0]}
        for k in range(500):
            if window * RATE / 2 <= k < 500 - window * RATE / 2:
                phase = math.fmod(k, window * RATE) / (window * RATE)
                near = phase < 0.2 or phase >= 0.8
                sums[near][0] += (x[i, j, k] - y[i, j, k]) ** 2
                sums[near][1] += (x[i, j, k] - x[i, j].mean()) ** 2
        expected = sums[True][0] / sums[True][1] / (sums[False][0] / sums[False][1])
        assert got[i, j] == pytest.approx(expected)


def test_bad_joints_are_told_and_even_errors_are_not():
    rng = np.random.default_rng(6)
    x = neurokit.signal(rng.normal(size=(2, 40_000)), sampling_rate=RATE, channels=["a", "b"])
    even = boundary_nmse_ratio(x, x + 0.1 * rng.normal(size=x.shape), 0.5)
    np.testing.assert_allclose(even, 1, atol=0.06)
    assert even["channel"].values.tolist() == ["a", "b"]
    phase = np.arange(40_000) % 100
    near = (phase < 10) | (phase >= 90)
    size = np.where(near, 0.3, 0.1)  # three times the error, nine its power
    joined = boundary_nmse_ratio(x, x + size * rng.normal(size=x.shape), 0.5)
    np.testing.assert_allclose(joined, 9, rtol=0.06)
    ends = x.copy(data=x.values)  # what stands at the ends of the recording does not count
    ends.values[:, :40] += 50
    np.testing.assert_allclose(boundary_nmse_ratio(x, 0.9 * x, 0.5), 1, rtol=5e-3)
    assert np.isnan(boundary_nmse_ratio(x, ends, 0.5)).all()
    for bad in ({"window": 0.004}, {"window": 150.0}, {"window": 0.5, "edge": 0.5}):
        with pytest.raises(ValueError, match="boundary_nmse_ratio: expects windows of several"):
            boundary_nmse_ratio(x, x, **bad)


@given(gain=st.floats(0.01, 100), seed=st.integers(0, 99), shift=st.floats(-1e3, 1e3))
@settings(deadline=None, max_examples=30)
def test_scale_and_offset_change_what_they_should(gain, seed, shift):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=100)
    y = x + rng.normal(size=100)
    assert nmse(gain * x + shift, gain * y + shift) == pytest.approx(nmse(x, y), rel=1e-6)
    assert pearson(x, gain * y + shift) == pytest.approx(pearson(x, y), abs=1e-6)
    assert prdn(x, y) == pytest.approx(10 * np.sqrt(100 * nmse(x, y)))


def test_what_cannot_be_compared_is_refused(signals):
    x, y = signals
    label = neurokit.signal(x, sampling_rate=RATE)
    bad = y.copy()
    bad[0, 0, 0] = np.nan
    with pytest.raises(ValueError, match="nmse: expects finite values"):
        nmse(x, bad)
    with pytest.raises(ValueError, match=r"one shape with time last, got \(2, 3, 500\) and"):
        nmse(x, y[..., :9])
    with pytest.raises(TypeError, match="two labelled or two plain arrays, got DataArray"):
        prd(label, y)
    with pytest.raises(ValueError, match=r"of the same dims, time among them, got \('trial'"):
        prd(label, label.isel(trial=0))
    with pytest.raises(ValueError, match="plain arrays need sampling_rate in Hz, got None"):
        band_fidelity(x, y)
    assert isinstance(nmse(label, label), xr.DataArray)
