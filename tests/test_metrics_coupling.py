"""Phase, coupling and events: loops, SciPy, closed forms."""

import cmath

import numpy as np
import pytest
from scipy import signal

import neurokit
from neurokit.metrics.coupling import (
    band_coherence,
    envelope_correlation,
    erp_latency_error,
    phase_error,
    phase_locking,
    phase_locking_error,
)
from neurokit.metrics.fidelity import BANDS

RATE = 500.0


@pytest.fixture
def signals():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(3, 2000))
    return x, x + rng.normal(size=x.shape)


def filtered(x, low, high):
    """Masked spectrum, then SciPy's Hilbert transform: another way to the analytic signal."""
    f = np.abs(np.fft.fftfreq(len(x), 1 / RATE))
    return signal.hilbert(np.fft.ifft(np.where((f >= low) & (f < high), np.fft.fft(x), 0)).real)


def test_phase_error_in_plain_loops(signals):
    x, y = signals
    got = phase_error(x, y, sampling_rate=RATE)
    for i, (low, high) in enumerate(BANDS.values()):
        a, b = filtered(x[1], low, high), filtered(y[1], low, high)
        top = sum(abs(u) * abs(cmath.phase(u * v.conjugate())) for u, v in zip(a, b, strict=True))
        assert got[1, i] == pytest.approx(top / sum(abs(u) for u in a))


def test_unrelated_signals_are_a_quarter_turn_apart():
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(2, 40, 5000))
    error = phase_error(x, y, sampling_rate=RATE)
    np.testing.assert_allclose(error.mean(0), np.pi / 2, atol=0.1)


def test_coherence_is_that_of_scipy_averaged_over_bins(signals):
    x, y = signals
    got = band_coherence(x, y, sampling_rate=RATE, window=0.5)
    f, c = signal.coherence(x[2], y[2], fs=RATE, nperseg=250)
    for i, (low, high) in enumerate(BANDS.values()):
        values = [b for a, b in zip(f, c, strict=True) if low <= a < high]
        assert got[2, i] == pytest.approx(np.mean(values))


def test_coherence_of_noise_at_a_known_ratio():
    rng = np.random.default_rng(2)
    x = rng.normal(size=200_000)
    y = x + rng.normal(size=x.size)  # coherence 1 / (1 + 1)
    got = band_coherence(x, y, sampling_rate=RATE)
    np.testing.assert_allclose(got, 0.5, atol=0.03)


def test_phase_locking_in_plain_loops(signals):
    x, y = signals
    low, high = BANDS["alpha"]
    z = [filtered(row, low, high) for row in x]
    got = phase_locking(x, (low, high), sampling_rate=RATE)
    w = [filtered(row, low, high) for row in y]
    errors = []
    for a in range(3):
        for b in range(3):
            turn = [u * v.conjugate() / abs(u * v) for u, v in zip(z[a], z[b], strict=True)]
            assert got[a, b] == pytest.approx(abs(sum(turn)) / 2000)
            if a < b:
                other = [u * v.conjugate() / abs(u * v) for u, v in zip(w[a], w[b], strict=True)]
                errors.append(abs(abs(sum(other)) - abs(sum(turn))) / 2000)
    error = phase_locking_error(x, y, sampling_rate=RATE)
    assert error.shape == (len(BANDS),)
    assert error[list(BANDS).index("alpha")] == pytest.approx(np.mean(errors))


def test_envelopes_are_correlated_as_numpy_says(signals):
    x, y = signals
    a, b = np.abs(filtered(x[0], 70, 150)), np.abs(filtered(y[0], 70, 150))
    got = envelope_correlation(x, y, sampling_rate=RATE)
    assert got[0] == pytest.approx(np.corrcoef(a, b)[0, 1])


@pytest.mark.parametrize("sign", [1, -1])
def test_a_shifted_peak_is_found_in_the_average(sign):
    rng = np.random.default_rng(3)
    t = np.arange(400) / RATE
    bump = sign * np.exp(-(((t - 0.4) / 0.03) ** 2))
    late = sign * np.exp(-(((t - 0.412) / 0.03) ** 2)) - 2 * sign * (np.abs(t - 0.6) < 0.01)
    x = bump + 0.1 * rng.normal(size=(300, 2, 400))
    y = late + 0.1 * rng.normal(size=(300, 2, 400))
    got = erp_latency_error(x, y, window=(0.2, 0.7), sampling_rate=RATE)
    np.testing.assert_allclose(got, 0.012, atol=0.004)
    a, b = (neurokit.signal(v, sampling_rate=RATE, start=-0.2) for v in (x, y))
    labelled = erp_latency_error(a.transpose("time", "channel", "trial"), b, window=(0, 0.5))
    assert labelled.dims == ("channel",)
    np.testing.assert_allclose(labelled.values, got, atol=1e-6)


def test_labels_stay_and_high_bands_are_nan(signals):
    x, y = (neurokit.signal(a, sampling_rate=100, channels=list("abc")) for a in signals)
    for metric in (phase_error, band_coherence):
        got = metric(x, y.transpose("time", "channel"))
        assert got.dims == ("channel", "band")
        assert got["channel"].values.tolist() == ["a", "b", "c"]
        assert np.isnan(got.sel(band="high_gamma")).all()
        assert np.isfinite(got.sel(band="gamma")).all()
    assert np.isnan(phase_locking_error(x, y)).tolist() == [False] * 5 + [True]


def test_what_cannot_be_compared_is_refused(signals):
    x, y = signals
    with pytest.raises(ValueError, match="band_coherence: a window of 3 s must fit into"):
        band_coherence(x, y, sampling_rate=RATE, window=3)
    with pytest.raises(ValueError, match=r"expects channels and a band with bins below 250 Hz"):
        phase_locking(x, (260, 300), sampling_rate=RATE)
    with pytest.raises(ValueError, match=r"two channels or more, got shape \(1, 2000\)"):
        phase_locking_error(x[:1], y[:1], sampling_rate=RATE)
    with pytest.raises(ValueError, match=r"band \(300, 400\) has no bin below 250 Hz"):
        envelope_correlation(x, y, band=(300, 400), sampling_rate=RATE)
    with pytest.raises(ValueError, match="samples between 9 and 10 s"):
        erp_latency_error(x[:, None], y[:, None], window=(9, 10), sampling_rate=RATE)
