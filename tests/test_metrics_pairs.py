"""Two labelled signals are compared by their labels."""

import numpy as np
import pytest
import xarray as xr

import neurokit
from neurokit import metrics
from neurokit.recording.clock import time_coordinates

PAIRED = {
    **{name: getattr(metrics, name) for name in ("nmse", "snr_db", "prd", "prdn", "pearson")},
    **{name: getattr(metrics, name) for name in ("band_coherence", "phase_error")},
    "band_fidelity": lambda x, y: metrics.band_fidelity(x, y).nmse,
    "boundary_nmse_ratio": lambda x, y: metrics.boundary_nmse_ratio(x, y, 1.0),
    "envelope_correlation": lambda x, y: metrics.envelope_correlation(x, y, band=(20, 60)),
}


@pytest.fixture
def signals(rng):
    x = neurokit.signal(
        np.cumsum(rng.normal(size=(3, 1000)), 1), sampling_rate=200, channels=["a", "b", "c"]
    )
    return x, x + rng.normal(size=x.shape)


@pytest.mark.parametrize("name", PAIRED)
def test_channels_are_paired_by_name_and_compared_in_one_unit(signals, name):
    x, y = signals
    score, y = PAIRED[name], y.assign_attrs(x.attrs)
    expected = score(x, y)
    turned = (y[::-1].T / 1000).assign_attrs(units="mV")
    xr.testing.assert_allclose(score(x, turned), expected)
    xr.testing.assert_allclose(score(x, y.drop_attrs().drop_vars("channel")), expected)
    with pytest.raises(ValueError, match=rf"{name}: y holds other channels, \['p', 'q', 'r'\]"):
        score(x, y.assign_coords(channel=["p", "q", "r"]))
    with pytest.raises(ValueError, match=f"{name}: x is in 'uV' and y in 'T'; convert one"):
        score(x, y.assign_attrs(units="T"))
    for first, rate in ((100, 200), (0, 100)):
        other = y.drop_vars("time").assign_coords(time_coordinates(first, rate, 1000))
        with pytest.raises(ValueError, match=f"{name}: the times of x and y are up to"):
            score(x, other)


def test_what_a_gap_would_falsify_is_refused(signals):
    x, y = (one.isel(time=np.r_[0:500, 700:1000]) for one in signals)
    said = "the clock of x jumps and x falls into 2 pieces; pass each on its own"
    for name in ("band_fidelity", "band_coherence", "phase_error", "boundary_nmse_ratio"):
        with pytest.raises(ValueError, match=f"{name}: {said}"):
            PAIRED[name](x, y)
    for call in (metrics.detect_bursts, metrics.log_band_power):
        with pytest.raises(ValueError, match=said):
            call(x)
    assert np.isfinite(metrics.nmse(x, y)).all()  # a sum over samples, wherever they stand


def test_targets_of_encoding_are_paired_by_name(rng):
    y = xr.DataArray(rng.normal(size=(30, 4)), {"unit": list("abcd")}, ("trial", "unit"))
    guess = y + rng.normal(size=y.shape)
    expected = metrics.correlation_scores(y, guess)
    xr.testing.assert_allclose(metrics.correlation_scores(y, guess[:, ::-1].T), expected)
    assert metrics.two_versus_two(y, guess[:, ::-1]) == metrics.two_versus_two(y, guess)
    with pytest.raises(ValueError, match="correlation_scores: predicted holds other units"):
        metrics.correlation_scores(y, guess.assign_coords(unit=list("wxyz")))


def test_a_flat_channel_has_no_coherence(signals):
    x, y = signals
    assert np.isnan(metrics.band_coherence(x * 0, y)).all()
