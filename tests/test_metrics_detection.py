"""Events found again, and bursts found at all."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import fft

import neurokit
from neurokit.metrics.detection import Burst, detect_bursts, detection_f1


def bursts_by_loops(x, rate, band, window, threshold, shortest, gap):
    """The detector as its papers tell it, sample by sample."""
    f = np.abs(fft.fftfreq(len(x), 1 / rate))
    y = fft.ifft(np.where((f >= band[0]) & (f < band[1]), fft.fft(x), 0)).real
    half = round(window * rate) // 2
    padded = np.concatenate([[y[0]] * half, y, [y[-1]] * half]) ** 2
    rms = [np.sqrt(np.mean(padded[k : k + 2 * half + 1])) for k in range(len(x))]
    above = [value > np.mean(rms) + threshold * np.std(rms) for value in rms]
    runs, k = [], 0
    while k < len(above):
        if above[k]:
            begin = k
            while k < len(above) and above[k]:
                k += 1
            if runs and begin - runs[-1][1] <= gap * rate:
                runs[-1][1] = k
            else:
                runs.append([begin, k])
        k += 1
    return [(a / rate, (b - a) / rate) for a, b in runs if (b - a) / rate >= shortest]


@pytest.mark.parametrize("gap", [0.0, 0.3])
def test_bursts_are_those_of_the_loops(gap):
    x = np.random.default_rng(0).normal(size=1500)
    kind = Burst((10.0, 14.0), 0.21, 1.0, (0.2, np.inf), gap)
    got = detect_bursts(x, kind, sampling_rate=100)
    expected = bursts_by_loops(x, 100, *kind[:3], 0.2, gap)
    assert len(expected) > 3
    np.testing.assert_allclose(got[["onset", "duration"]].values, expected)


def test_planted_spindles_are_found_and_noise_has_few():
    rng = np.random.default_rng(1)
    t = np.arange(30_000) / 100
    onsets = np.arange(15, 290, 20)
    inside = ((t[:, None] >= onsets) & (t[:, None] < onsets + 1)).any(1)
    x = rng.normal(size=(2, t.size))
    x[1] += 4 * np.sin(2 * np.pi * 13 * t) * inside
    signal = neurokit.signal(x, sampling_rate=100, channels=["noise", "C3"])
    got = detect_bursts(signal.sel(time=slice(10, None)))
    assert got["onset"].is_monotonic_increasing
    found = got["onset"][got["label"] == "C3"]
    assert detection_f1(onsets, found, tolerance=0.3).f1 > 0.95
    high = x[1] + 5 * rng.normal(size=t.size) * inside
    again = detect_bursts(neurokit.signal(high[None], sampling_rate=100, channels=["C3"]))
    assert detection_f1(found, again["onset"], tolerance=0.3).f1 > 0.7


def test_a_rhythm_that_goes_on_is_no_spindle():
    t = np.arange(12_000) / 100
    x = np.random.default_rng(3).normal(size=t.size)
    x += 6 * np.sin(2 * np.pi * 13 * t) * (((t > 20) & (t < 21)) | ((t > 60) & (t < 66)))
    np.testing.assert_allclose(detect_bursts(x, sampling_rate=100)["onset"], [20], atol=0.3)


def test_fast_oscillations_are_found():
    rng = np.random.default_rng(2)
    t = np.arange(20_000) / 2000
    x = rng.normal(size=t.size)
    for onset in (2.0, 5.0, 8.0):
        x += 20 * np.sin(2 * np.pi * 250 * t) * ((t >= onset) & (t < onset + 0.03))
    got = detect_bursts(x, "hfo", sampling_rate=2000)
    np.testing.assert_allclose(got["onset"], [2, 5, 8], atol=0.005)
    np.testing.assert_allclose(got["duration"], 0.03, atol=0.01)


def test_no_burst_is_an_empty_table_and_unknown_kinds_are_refused():
    assert detect_bursts(np.zeros(500), sampling_rate=100).empty
    with pytest.raises(ValueError, match=r"one of \['spindle', 'hfo'\] or a Burst, got 'ripple'"):
        detect_bursts(np.zeros(500), "ripple", sampling_rate=100)
    with pytest.raises(ValueError, match=r"band \(100\.0, 500\.0\) has no bin below 50 Hz"):
        detect_bursts(np.zeros(500), "hfo", sampling_rate=100)


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
