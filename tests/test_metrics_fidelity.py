"""Fidelity by definition: plain loops, closed forms, labels."""

import math

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

import neurokit
from neurokit.metrics.detection import detection_f1
from neurokit.metrics.fidelity import BANDS, band_fidelity, nmse, pearson, prd, prdn, snr_db

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


@given(
    a=st.lists(st.integers(0, 60), max_size=7),
    b=st.lists(st.integers(0, 60), max_size=7),
    tolerance=st.integers(0, 8),
)
@settings(deadline=None, max_examples=60)
def test_detections_are_matched_as_often_as_can_be(a, b, tolerance):
    from scipy.optimize import linear_sum_assignment

    got = detection_f1(a, b, tolerance=tolerance)
    if not a and not b:
        assert got == (1, 1, 1)
        return
    near = np.abs(np.subtract.outer(a, b)) <= tolerance if a and b else np.zeros((1, 1), bool)
    matched = near[linear_sum_assignment(~near)].sum()
    assert got.f1 == pytest.approx(2 * matched / (len(a) + len(b)))


def test_detections_without_a_time_are_refused():
    with pytest.raises(ValueError, match="expects finite onsets and a tolerance of 0 or more"):
        detection_f1([np.nan], [1.0], tolerance=0.1)
