"""Simulated EEG is what its truth says it is."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import butter, sosfiltfilt, welch
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.model_selection import LeaveOneGroupOut, cross_val_score

from neurokit.datasets import make_eeg, make_motor_imagery, make_ssvep
from neurokit.datasets._noise import background, rhythm, shaped_noise
from neurokit.recording import epoch, sampling_rate


def test_noise_has_the_spectrum_asked_for_and_unit_variance():
    rng = np.random.default_rng(0)
    x = background(rng, (8, 50_000), 250.0, exponent=2.0)
    assert x.dtype == np.float32
    assert np.var(x) == pytest.approx(1, abs=0.1)
    frequency, power = welch(x, 250.0, nperseg=1000)
    band = (frequency > 3) & (frequency < 60)
    slope = np.polyfit(np.log(frequency[band]), np.log(power.mean(0)[band]), 1)[0]
    assert slope == pytest.approx(-2, abs=0.1)
    x = rhythm(rng, (8, 50_000), 250.0, 11.0)
    frequency, power = welch(x, 250.0, nperseg=1000)
    assert frequency[power.mean(0).argmax()] == pytest.approx(11, abs=0.5)
    white = shaped_noise(rng, (4, 10_000), 100.0, np.ones_like)
    assert np.var(white) == pytest.approx(1, abs=0.05)


def test_the_end_of_noise_does_not_continue_at_its_beginning():
    x = background(np.random.default_rng(0), (500, 300), 100.0, exponent=3.0)
    step = np.abs(np.diff(x)).mean()
    assert np.abs(x[:, 0] - x[:, -1]).mean() > 5 * step


def test_eeg_without_noise_is_leadfield_times_activity():
    signal, _, truth = make_eeg(5, n_channels=19, noise=0.0, random_state=0)
    expected = (truth["leadfield"] @ truth["activity"]).transpose("channel", "time")
    np.testing.assert_allclose(signal, expected, atol=1e-4)
    np.testing.assert_allclose(signal.mean("channel"), 0, atol=1e-4)


def test_eeg_has_its_rhythms_where_they_come_from():
    signal, _, _ = make_eeg(60, n_channels=32, random_state=1)
    frequency, power = welch(signal.values, 250.0, nperseg=500)
    alpha = (frequency >= 9) & (frequency <= 11)
    beside = ((frequency >= 5) & (frequency <= 7)) | ((frequency >= 14) & (frequency <= 16))
    ratio = power[:, alpha].mean(1) / power[:, beside].mean(1)
    at = dict(zip(signal["channel"].values.tolist(), ratio, strict=True))
    assert at["O1"] > 3
    assert at["O1"] > 2 * at["Fp1"]
    assert signal.attrs["units"] == "uV"
    assert 5 < float(signal.std()) < 20


def test_only_targets_evoke_a_p300():
    signal, events, _ = make_eeg(300, n_channels=19, random_state=2)
    trials = epoch(signal, events, tmin=-0.1, tmax=0.7)
    late = trials.sel(channel="Pz", time=slice(0.3, 0.45)).mean("time")
    early = trials.sel(channel="Pz", time=slice(-0.1, 0.05)).mean("time")
    wave = (late - early).groupby("label").mean()
    assert float(wave.sel(label="target")) > 3
    assert abs(float(wave.sel(label="standard"))) < 2
    visual = trials.sel(channel="Oz" if "Oz" in trials["channel"] else "O1").mean("trial")
    peak = visual.sel(time=slice(0.1, 0.25))
    assert float(peak["time"][np.argmax(np.abs(peak.values))]) == pytest.approx(0.17, abs=0.04)


@settings(deadline=None, max_examples=10)
@given(seed=st.integers(0, 2**32 - 1), n_channels=st.integers(1, 40), rate=st.integers(60, 500))
def test_the_same_seed_gives_the_same_recording(seed, n_channels, rate):
    make = {"n_channels": n_channels, "sampling_rate": rate, "random_state": seed}
    one, two = make_eeg(3.0, **make), make_eeg(3.0, **make)
    assert one.signal.identical(two.signal)
    assert one.events.equals(two.events)
    assert one.truth.identical(two.truth)
    assert one.signal.sizes == {"channel": n_channels, "time": 3 * rate}
    assert sampling_rate(one.signal) == rate


def test_imagining_a_hand_lowers_the_power_of_the_other_side():
    trials, truth = make_motor_imagery(3, 30, shift=0.0, random_state=0)
    power = truth["power"].assign_coords(label=("trial", trials["label"].values))
    mean = power.groupby("label").mean()
    assert float(mean.sel(label="left", source="mu right")) < 0.7
    assert float(mean.sel(label="left", source="mu left")) > 1.0
    assert float(mean.sel(label="right", source="mu left")) < 0.7
    sos = butter(4, [8, 14], "band", fs=128, output="sos")
    band = trials.copy(data=sosfiltfilt(sos, trials.values).astype(np.float32))
    var = np.log(band.sel(time=slice(0.7, None)).var("time")).groupby("label").mean()
    for there, here in (("C3", "right"), ("C4", "left")):
        other = {"left": "right", "right": "left"}[here]
        assert float(var.sel(channel=there, label=here)) < float(
            var.sel(channel=there, label=other)
        )


def test_each_subject_has_as_many_trials_of_each_hand():
    trials, truth = make_motor_imagery(2, 7, n_sessions=3, random_state=0)
    assert trials.sizes["trial"] == 2 * 7 * 3
    table = (
        trials["label"].to_series().groupby([trials["subject"].values, trials["session"].values])
    )
    assert {tuple(sorted(n)) for n in table.apply(lambda x: x.value_counts().tolist())} == {(3, 4)}
    assert list(zip(truth["subject"].values, truth["session"].values, strict=True)) == [
        (s, k) for s in ("S01", "S02") for k in ("1", "2", "3")
    ]


def _across_subjects(trials, x):
    powers = []
    for band in ((8, 13), (18, 26)):
        sos = butter(4, band, "band", fs=128, output="sos")
        powers.append(np.log(sosfiltfilt(sos, x)[..., 64:].var(-1)))
    return cross_val_score(
        LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto"),
        np.concatenate(powers, -1),
        trials["label"].values,
        groups=trials["subject"].values,
        cv=LeaveOneGroupOut(),
    ).mean()


def test_alignment_helps_between_subjects():
    gain = []
    for seed in range(3):
        trials, _ = make_motor_imagery(5, 40, random_state=seed)
        x = sosfiltfilt(butter(4, [8, 30], "band", fs=128, output="sos"), trials.values)
        aligned = np.empty_like(x)
        for one in np.unique(trials["subject"].values):
            mine = trials["subject"].values == one
            value, vector = np.linalg.eigh(np.mean(x[mine] @ x[mine].swapaxes(1, 2), axis=0))
            aligned[mine] = (vector / np.sqrt(value)) @ vector.T @ x[mine]
        gain.append(_across_subjects(trials, aligned) - _across_subjects(trials, x))
    assert np.mean(gain) > 0.03


def test_ssvep_without_noise_is_leadfield_times_response():
    trials, truth = make_ssvep(n_trials=2, noise=0.0, random_state=0)
    expected = (truth["leadfield"] * truth["response"]).transpose("trial", "channel", "time")
    np.testing.assert_allclose(trials, expected, atol=1e-4)
    assert (trials.sel(time=slice(0, 0.13)) == 0).all()


def test_ssvep_answers_at_the_frequency_looked_at():
    trials, truth = make_ssvep((7.0, 9.5, 12.0), 8, n_subjects=2, duration=4, random_state=1)
    assert trials.sizes["trial"] == 48
    x = trials.sel(channel=["O1", "O2", "Pz"], time=slice(0.2, None)).values
    t = trials["time"].sel(time=slice(0.2, None)).values
    score = [
        sum(np.abs((x * np.exp(-2j * np.pi * k * f * t)).mean(-1)).sum(-1) for k in (1, 2))
        for f in (7.0, 9.5, 12.0)
    ]
    found = np.array(["7", "9.5", "12"])[np.argmax(score, axis=0)]
    assert np.mean(found == trials["label"].values) > 0.9
    assert [f"{f:g}" for f in truth["frequency"].values] == trials["label"].values.tolist()


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: make_eeg(0.0), r"make_eeg: duration x sampling_rate .* got 0.0 s at 250.0 Hz"),
        (lambda: make_eeg(float("nan")), "at least 2 samples, got nan s"),
        (lambda: make_eeg(5, n_channels=99), "between 1 and 61, got 99"),
        (lambda: make_motor_imagery(0), "n_subjects must be at least 1, got 0"),
        (lambda: make_motor_imagery(1, 1), "n_trials must be at least 2, got 1"),
        (lambda: make_ssvep((8, 8)), r"frequencies must differ .* got \(8, 8\)"),
        (lambda: make_ssvep((8, 80)), r"62.5 Hz, got \(8, 80\)"),
    ],
)
def test_simulators_refuse_what_they_cannot_make(call, words):
    with pytest.raises(ValueError, match=words):
        call()
