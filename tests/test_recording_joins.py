"""Recordings put together, put on another clock, and their channels found by name."""

import numpy as np
import pytest
import xarray as xr
from scipy.signal import resample_poly

import neurokit
from neurokit.features import BandPower
from neurokit.recording import join, observed_duration, resample, select_channels


def trials(n, channels, units="uV", seed=0, **options):
    values = np.random.default_rng(seed).normal(size=(n, len(channels), 50))
    return neurokit.signal(
        values, sampling_rate=100, channels=channels, units=units, trials={"label": ["a"] * n}
    ).assign_coords(**options)


def test_subjects_of_other_montages_and_units_meet_in_their_common_channels():
    a = trials(3, ["C3", "Cz", "C4"])
    b = trials(2, ["C4", "Oz", "C3"], units="mV", seed=1)
    with pytest.warns(UserWarning, match=r"2 channels are not in all pieces .*: \['Cz', 'Oz'\]"):
        both = join([a, b], "trial")
    assert both.dims == ("trial", "channel", "time")
    assert both["channel"].values.tolist() == ["C3", "C4"]
    assert both.attrs["units"] == "uV"
    np.testing.assert_array_equal(both.values[:3], a.values[:, [0, 2]])
    np.testing.assert_allclose(both.values[3:], 1000 * b.values[:, [2, 0]], rtol=1e-6)
    assert both["label"].values.tolist() == ["a"] * 5
    assert both.xindexes["time"].equals(a.xindexes["time"])
    turned = join([a.transpose("time", "channel", "trial"), a], "trial")
    assert turned.dims == ("time", "channel", "trial")


def test_pieces_of_a_recording_meet_along_time_and_channels():
    x = neurokit.signal(np.arange(40.0).reshape(2, 20), sampling_rate=10)
    xr.testing.assert_identical(join([x[:, :7], x[:, 7:]], "time"), x)
    gap = join([x[:, :7], x[:, 12:]], "time")
    assert neurokit.recording.contiguous_runs(gap) == [slice(0, 7), slice(7, 15)]
    beside = join([x[:1], x[1:].assign_attrs(units="mV")], "channel")
    assert beside["units"].values.tolist() == ["uV", "mV"]  # each keeps its own, and says so


@pytest.mark.parametrize(
    ("make", "dim", "message"),
    [
        (lambda: [], "unit", "nothing to put together"),
        (lambda: [trials(1, ["a"]), trials(1, ["b"])], "trial", "no channel is in all pieces"),
        (
            lambda: [trials(1, ["a"]), trials(1, ["a"], units="fT")],
            "trial",
            "pieces are in 'uV' and in 'fT', which do not mix",
        ),
        (
            lambda: [trials(1, ["a"]), trials(1, ["a"])[..., :40]],
            "trial",
            "do not fit along the dims beside 'trial'",
        ),
        (lambda: [trials(1, ["a"])[0]], "trial", "must have the same dims, 'trial' among them"),
        (lambda: [neurokit.spikes([[]], stop=1)] * 2, "unit", r"ids \[0\] occur in two pieces"),
        (lambda: [neurokit.spikes([[]], stop=1)], "time", "along 'unit', got 'time'"),
        (lambda: [neurokit.spikes([[]], stop=1), trials(1, ["a"])], "unit", "do not go together"),
    ],
)
def test_what_does_not_go_together_is_refused(make, dim, message):
    with pytest.raises(ValueError, match=message):
        join(make(), dim)


def test_units_watched_at_other_times_are_unknown_outside_of_them():
    a = neurokit.spikes({"a": [0.5]}, stop=2, regions=["M1"]).assign_coords(subject="s")
    b = neurokit.spikes({"b": [2.5]}, start=1, stop=3, regions=["V1"]).assign_coords(subject="s")
    both = join([a, b])
    assert both["region"].values.tolist() == ["M1", "V1"]
    assert both["subject"].item() == "s"
    counts = neurokit.bin_spikes(both, 1.0)
    np.testing.assert_array_equal(counts, [[1, 0, np.nan], [np.nan, 0, 1]])
    assert observed_duration(both).values.tolist() == [2, 2]
    with pytest.raises(ValueError, match=r"not observed at the same times; use neurokit"):
        xr.concat([a, b], "unit", join="exact", coords="minimal", compat="override")


def test_missing_values_are_placed_and_explained():
    a, b = trials(3, ["C3", "Cz", "C4"]), trials(2, ["C3", "C4"], seed=1)
    joined = xr.concat([a, b], "trial", join="outer", coords="different", compat="equals")
    said = r"BandPower: Input X contains NaN, in 1 of 3 channels, \['Cz'\]; 2 .*recording.join"
    with pytest.raises(ValueError, match=said):
        BandPower(bands={"all": (2, 40)}).fit(joined)


def test_one_trial_without_its_dim_is_one_row_for_a_classifier():
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    x = trials(6, ["C3", "C4"])
    pipeline = make_pipeline(BandPower(bands={"all": (2, 40)}), LogisticRegression())
    pipeline.fit(x, [0, 1] * 3)
    assert pipeline.predict(x.isel(trial=0)).tolist() == pipeline.predict(x)[:1].tolist()


def test_jittered_timestamps_go_to_an_even_clock_and_gaps_stay_gaps():
    rng = np.random.default_rng(0)
    even = np.arange(400) / 50
    times = np.sort(even + rng.uniform(-0.004, 0.004, 400))
    keep = np.r_[:150, 200:400]
    values = np.stack([np.sin(times), 2 * times])[:, keep]
    x = xr.DataArray(values, dims=("channel", "time"), coords={"time": times[keep]})
    with pytest.raises(ValueError, match=r"neurokit.recording.resample\(x\) puts"):
        neurokit.sampling_rate(x)
    y = resample(x, 50)
    assert neurokit.sampling_rate(y) == 50
    assert len(neurokit.recording.contiguous_runs(y)) == 2
    at = y["time"].values
    assert not ((at > times[149]) & (at < times[200])).any()
    np.testing.assert_allclose(y.values[1], 2 * at, atol=1e-9)  # straight lines stay straight
    np.testing.assert_allclose(y.values[0], np.sin(at), atol=1e-4)
    assert abs(neurokit.sampling_rate(resample(x)) - 50) < 0.5
    with pytest.raises(ValueError, match="cannot go straight to 10 Hz; resample to their own"):
        resample(x, 10)


def test_even_recordings_are_resampled_as_scipy_does():
    x = neurokit.signal(np.random.default_rng(0).normal(size=(2, 600)), sampling_rate=300, start=1)
    y = resample(x, 200)
    np.testing.assert_allclose(y.values, resample_poly(x.values, 2, 3, axis=-1, padtype="line"))
    assert y.xindexes["time"].rate == 200
    assert y["time"].values[0] == 1
    xr.testing.assert_identical(resample(x, 300), x)
    xr.testing.assert_identical(resample(x), x)
    for wrong, message in ((0, "rate must be positive"), (-5, "rate must be positive")):
        with pytest.raises(ValueError, match=message):
            resample(x, wrong)
    back = x.drop_vars("time").assign_coords(time=np.random.default_rng(0).random(600))
    with pytest.raises(ValueError, match="only increase"):
        resample(back)


def test_channels_are_found_whatever_the_file_hung_on_to_their_names():
    names = ["Fc5.", "C3..", "EEG Cz-Ref", "T3", "t3"]
    x = neurokit.signal(np.arange(10.0).reshape(5, 2), sampling_rate=10, channels=names)
    chosen = select_channels(x, ["c3", "CZ", "FC5", "T3"])
    assert chosen["channel"].values.tolist() == ["C3..", "EEG Cz-Ref", "Fc5.", "T3"]
    assert select_channels(x, "Cz").sizes["channel"] == 1
    with pytest.raises(KeyError, match=r"'C4' finds no channel of 5; near: .*'C3..'"):
        select_channels(x, ["C4"])
    with pytest.raises(KeyError, match=r"'T.3' finds several channels of 5; near: \['T3', 't3'\]"):
        select_channels(x, ["T.3"])
