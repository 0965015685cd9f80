"""MNE objects become labelled signals and come back the same."""

import copy
import pickle
import warnings
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from neurokit import io
from neurokit.recording import events, sampling_rate, signal
from neurokit.recording.clock import SampleIndex

mne = pytest.importorskip("mne")


def make_raw(seed=0, n_times=1000, rate=250.0, first_samp=0):
    names = ["Fz", "C3", "C4", "EOG", "STI", "resp"]
    info = mne.create_info(names, rate, ["eeg", "eeg", "eeg", "eog", "stim", "misc"])
    values = np.random.default_rng(seed).normal(0, 1e-5, (6, n_times))
    values[4] = 0
    values[4, [100, 300]] = [2, 5]
    raw = mne.io.RawArray(values, info, first_samp=first_samp, verbose="error")
    places = {"Fz": [0, 0.08, 0.05], "C3": [-0.06, 0, 0.07], "C4": [0.06, 0.0, 0.07]}
    montage = mne.channels.make_dig_montage(
        {name: np.array(place) for name, place in places.items()},
        nasion=np.array([0, 0.1, 0]),
        lpa=np.array([-0.08, 0, 0]),
        rpa=np.array([0.08, 0, 0]),
        coord_frame="head",
    )
    raw.set_montage(montage)
    raw.info["bads"] = ["C4"]
    raw.set_meas_date(1_600_000_000)
    start = first_samp / rate
    raw.set_annotations(
        mne.Annotations(
            [start + 0.5, start + 2], [0, 0.25], ["go", "bad über"], raw.info["meas_date"]
        )
    )
    return raw


def assert_same_info(a, b):
    assert a.ch_names == b.ch_names
    assert a.get_channel_types() == b.get_channel_types()
    assert a.info["sfreq"] == b.info["sfreq"]
    assert a.info["bads"] == b.info["bads"]
    assert a.info["meas_date"] == b.info["meas_date"]
    for one, other in zip(a.info["chs"][:3], b.info["chs"][:3], strict=True):
        np.testing.assert_allclose(one["loc"][:3], other["loc"][:3], atol=1e-9)
        assert one["coord_frame"] == other["coord_frame"]
    if a.get_montage() is not None:
        mine, theirs = (inst.get_montage().get_positions() for inst in (a, b))
        for name in ("nasion", "lpa", "rpa"):
            np.testing.assert_allclose(mine[name], theirs[name], atol=1e-9)
        assert mine["coord_frame"] == theirs["coord_frame"] == "head"


def test_a_raw_is_labelled_in_microvolts_and_millimetres():
    raw = make_raw()
    x = io.from_mne(raw)
    assert x.dims == ("channel", "time")
    np.testing.assert_allclose(x[:4], raw.get_data()[:4] * 1e6, rtol=1e-6)
    np.testing.assert_array_equal(x.sel(channel="STI"), raw.get_data()[4])
    np.testing.assert_allclose(x.sel(channel="resp"), raw.get_data()[5], rtol=1e-6)
    assert x.units.values.tolist() == ["uV"] * 4 + ["", ""]
    assert x.attrs["units"] == "mixed"
    assert x.bad.values.tolist() == [False, False, True, False, False, False]
    assert x.type.values.tolist() == ["eeg", "eeg", "eeg", "eog", "stim", "misc"]
    np.testing.assert_allclose([x[axis][1] for axis in "xyz"], [-60, 0, 70])
    assert np.isnan(x.x[3])
    assert x.attrs["measured"] == "2020-09-13T12:26:40+00:00"


@pytest.mark.parametrize("first_samp", [0, 725])
def test_a_raw_survives_the_way_there_and_back(first_samp):
    raw = make_raw(first_samp=first_samp)
    back = io.to_mne(io.from_mne(raw))
    assert_same_info(raw, back)
    np.testing.assert_allclose(back.get_data(), raw.get_data(), atol=1e-11, rtol=1e-6)
    assert back.first_samp == raw.first_samp
    assert back.annotations == raw.annotations
    assert io.from_mne(back).identical(io.from_mne(raw))


@pytest.mark.parametrize("ending", [".nc", ".zarr"])
def test_what_came_from_mne_survives_a_file_on_the_way(tmp_path, ending):
    raw = make_raw(first_samp=50)
    x = io.from_mne(raw)
    io.save(tmp_path / f"a{ending}", x)
    y = io.load(tmp_path / f"a{ending}")
    assert y.identical(x)
    assert io.to_mne(y).annotations == raw.annotations
    assert_same_info(raw, io.to_mne(y))


def test_a_cut_means_the_same_on_both_sides():
    raw = make_raw(first_samp=500)
    cut = io.from_mne(raw.copy().crop(1, 3))
    x = io.from_mne(raw)
    assert float(x.time[0]) == 2.0
    xr.testing.assert_equal(cut, x.sel(time=slice(3, 5)))
    back = io.to_mne(x.sel(time=slice(3, 5)))
    assert back.annotations.description.tolist() == ["bad über"]
    np.testing.assert_allclose(back.annotations.onset, [4])


def test_events_of_a_raw_lie_on_its_clock():
    raw = make_raw(first_samp=500)
    found = io.read_events(raw).to_numpy().tolist()
    assert found == [[2.4, 0, "2"], [2.5, 0, "go"], [3.2, 0, "5"], [4, 0.25, "bad über"]]
    raw.set_annotations(None)
    table = io.read_events(raw)
    assert table.onset.tolist() == [2.4, 3.2]
    assert table.label.tolist() == ["2", "5"]
    samples = mne.find_events(raw, "STI", verbose="error")[:, 0]
    np.testing.assert_allclose(table.onset * 250, samples)
    x = io.from_mne(raw)
    assert "annotations" not in x.attrs
    back = io.to_mne(x, events([2.5], [1], ["mine"]))
    assert back.annotations.onset.tolist() == [2.5]
    assert back.annotations.description.tolist() == ["mine"]


def test_a_raw_that_is_not_loaded_stays_on_disk(tmp_path):
    make_raw().save(tmp_path / "a_raw.fif", verbose="error")
    raw = mne.io.read_raw_fif(tmp_path / "a_raw.fif", verbose="error")
    x = io.from_mne(raw)
    assert not raw.preload
    part = x.isel(time=slice(100, 200), channel=[2, 0]).values
    np.testing.assert_allclose(part, raw.get_data([2, 0], 100, 200) * 1e6, rtol=1e-6)
    np.testing.assert_array_equal(x.isel(time=slice(None, None, 3)), x.values[:, ::3])
    assert not raw.preload
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(x)), x)
    np.testing.assert_array_equal(copy.deepcopy(x), x)
    assert not raw.preload
    np.testing.assert_array_equal(x.chunk(time=300).compute(), x)


def test_a_signal_on_disk_becomes_a_raw_that_is_not_loaded(tmp_path):
    x = io.from_mne(make_raw(first_samp=100)).isel(channel=slice(0, 4)).drop_vars("units")
    x.attrs["units"] = "uV"
    io.write_edf(tmp_path / "a.edf", x, io.read_events(make_raw(first_samp=100)))
    lazy = io.read_signal(tmp_path / "a.edf")
    for y in (lazy, lazy.chunk(time=128)):
        raw = io.to_mne(y, io.read_events(tmp_path / "a.edf"))
        assert not raw.preload
        np.testing.assert_allclose(
            raw.get_data(["C4", "Fz"], 30, 70), lazy.values[[2, 0], 30:70] * 1e-6, rtol=1e-6
        )
        assert raw.annotations.description.tolist() == ["2", "go", "5", "bad über"]
        loaded = raw.copy().load_data(verbose="error")
        np.testing.assert_allclose(loaded.get_data(), lazy * 1e-6, rtol=1e-6)
        raw.set_eeg_reference(projection=True, verbose="error").apply_proj(verbose="error")
        loaded.set_eeg_reference(projection=True, verbose="error").apply_proj(verbose="error")
        np.testing.assert_allclose(raw.get_data(), loaded.get_data(), atol=1e-12)
        assert io.from_mne(raw).sizes == lazy.sizes


def make_epochs(metadata=True, seed=0):
    raw = make_raw(seed)
    raw.set_annotations(None)
    rows = np.array([[200, 0, 7], [400, 0, 3], [800, 0, 7]])
    table = pd.DataFrame(
        {"rt": [0.3, 0.5, 0.4], "side": ["left", "right", "left"], "hit": [True, False, True]}
    )
    return mne.Epochs(
        raw,
        rows,
        {"target": 7, "other": 3},
        tmin=-0.2,
        tmax=0.5,
        baseline=None,
        metadata=table if metadata else None,
        preload=True,
        verbose="error",
    )


@pytest.mark.parametrize("metadata", [True, False])
def test_epochs_survive_the_way_there_and_back(metadata):
    epochs = make_epochs(metadata)
    x = io.from_mne(epochs)
    assert x.dims == ("trial", "channel", "time")
    assert x.label.values.tolist() == ["target", "other", "target"]
    np.testing.assert_allclose(x.onset, [0.8, 1.6, 3.2])
    assert float(x.time[0]) == -0.2
    assert x.sel(time=0.0).shape == (3, 6)
    back = io.to_mne(x)
    assert_same_info(epochs, back)
    np.testing.assert_allclose(back.get_data(), epochs.get_data(), rtol=1e-6, atol=1e-12)
    np.testing.assert_array_equal(back.events, epochs.events)
    assert back.event_id == epochs.event_id
    np.testing.assert_allclose(back.times, epochs.times)
    if metadata:
        pd.testing.assert_frame_equal(back.metadata, epochs.metadata, check_dtype=False)
    else:
        assert back.metadata is None
    assert io.from_mne(back).identical(x)
    assert io.read_events(epochs).label.tolist() == ["target", "other", "target"]


def test_epochs_that_mne_rejects_do_not_come_along():
    raw = make_raw()
    raw._data[0, 400:410] = 1
    rows = np.array([[200, 0, 1], [400, 0, 1], [800, 0, 1]])
    epochs = mne.Epochs(raw, rows, tmin=0, tmax=0.5, baseline=None, reject={"eeg": 0.1})
    assert io.from_mne(epochs).onset.values.tolist() == [0.8, 3.2]


def test_trials_without_codes_or_onsets_become_epochs():
    x = signal(
        np.zeros((4, 2, 10)), sampling_rate=10, trials={"label": list("baba"), "run": [1, 1, 2, 2]}
    )
    epochs = io.to_mne(x)
    assert epochs.event_id == {"a": 1, "b": 2}
    assert epochs.events[:, 2].tolist() == [2, 1, 2, 1]
    assert epochs.metadata["run"].tolist() == [1, 1, 2, 2]
    assert io.to_mne(x.drop_vars(["label", "run"])).event_id == {"trial": 1}
    joined = xr.concat([x.assign_coords(onset=("trial", np.arange(4.0)))] * 2, "trial")
    assert len(io.to_mne(joined)) == 8  # onsets of two recordings repeat


def test_an_evoked_survives_the_way_there_and_back():
    evoked = make_epochs()["target"].average(picks="all")
    x = io.from_mne(evoked)
    assert int(x.nave) == 2
    back = io.to_mne(x)
    assert isinstance(back, mne.Evoked)
    assert_same_info(evoked, back)
    np.testing.assert_allclose(back.data, evoked.data, rtol=1e-6, atol=1e-12)
    np.testing.assert_allclose(back.times, evoked.times)
    assert (back.nave, back.comment) == (evoked.nave, evoked.comment)
    both = io.from_mne([make_epochs()[name].average() for name in ("target", "other")])
    assert both.dims == ("trial", "channel", "time")
    assert both.nave.values.tolist() == [2, 1]
    assert both.label.values.tolist() == ["target", "other"]
    assert isinstance(io.to_mne(both.isel(trial=1)), mne.Evoked)
    with pytest.raises(ValueError, match="Evoked of the same channels and times"):
        io.from_mne([evoked, evoked.copy().crop(0, 0.2)])


def test_units_decide_what_becomes_of_the_numbers():
    values = np.ones((4, 10))
    x = signal(values, sampling_rate=10, types=["eeg", "mag", "grad", "misc"])
    x = x.assign_coords(units=("channel", ["mV", "fT", "fT/cm", "%"]))
    np.testing.assert_allclose(io.to_mne(x).get_data()[:, 0], [1e-3, 1e-15, 1e-13, 1])
    odd = signal(values[:1], sampling_rate=10, types=["lfp"], units="uV")
    assert io.to_mne(odd).get_channel_types() == ["misc"]
    assert io.to_mne(odd).get_data()[0, 0] == 1e-6


def test_magnetometers_and_gradiometers_have_units_of_their_own():
    info = mne.create_info(["M", "G", "H"], 100, ["mag", "grad", "hbo"])
    raw = mne.io.RawArray(np.full((3, 20), 1e-12), info, verbose="error")
    x = io.from_mne(raw)
    assert x.units.values.tolist() == ["fT", "fT/cm", "uM"]
    np.testing.assert_allclose(x[:, 0], [1e3, 10, 1e-6], rtol=1e-6)
    np.testing.assert_allclose(io.to_mne(x).get_data(), raw.get_data(), rtol=1e-6)


def test_a_rate_that_is_no_whole_number_is_kept():
    x = signal(np.zeros((1, 100)), sampling_rate=Fraction(1700000, 1701))
    back = io.from_mne(io.to_mne(x))
    assert back.xindexes["time"].rate == Fraction(1700000, 1701)
    odd = mne.io.RawArray(np.zeros((1, 9)), mne.create_info(1, 20.033076758495838), verbose=0)
    assert sampling_rate(io.from_mne(odd)) == pytest.approx(20.033076758495838, rel=1e-12)


def test_what_is_no_mne_object_or_no_signal_is_refused():
    with pytest.raises(
        TypeError, match=r"from_mne takes an MNE Raw, Epochs, Evoked .* got ndarray"
    ):
        io.from_mne(np.zeros((2, 3)))
    with pytest.raises(TypeError, match=r"to_mne takes an xarray\.DataArray, got ndarray"):
        io.to_mne(np.zeros((2, 3)))
    x = signal(np.zeros((2, 30)), sampling_rate=10)
    with pytest.raises(ValueError, match=r"takes dims \('channel', 'time'\), .* got \('time',\)"):
        io.to_mne(x[0])
    with pytest.raises(ValueError, match="whose time has no gaps"):
        io.to_mne(x.isel(time=[*range(10), *range(20, 30)]))


def test_an_index_of_floats_is_taken_for_the_clock_it_means():
    x = signal(np.zeros((1, 30)), sampling_rate=30)
    plain = x.drop_vars("time").assign_coords(time=np.arange(30) / 30)
    assert not isinstance(plain.xindexes["time"], SampleIndex)
    assert io.to_mne(plain).info["sfreq"] == 30


# --- real files


def test_the_sets_in_fif_are_what_their_readmes_say(data):
    folder = data / "ssvep_exo"
    x = io.read_signal(folder / "subject01_record-2012.07.06-19.02.16_raw.fif")
    assert x.channel.values.tolist() == ["Oz", "O1", "O2", "PO3", "POz", "PO7", "PO8", "PO4"]
    assert x.sizes["time"] == 57024
    assert sampling_rate(x) == 256
    table = io.read_events(folder / "subject01_record-2012.07.06-19.02.16-eve.fif")
    assert table.label.value_counts().to_dict() == {"1": 8, "2": 8, "3": 8, "4": 8}
    assert table.onset[0] == 3965 / 256
    gdf = io.read_signal(folder / "subject01_record-2012.07.06-19.02.16.gdf")
    assert gdf.shape == x.shape
    # Both files say volts; the authors' conversion to FIF left out a factor of a million.
    np.testing.assert_allclose(gdf.values * 1e6, x.values, rtol=1e-3, atol=1)


def test_one_recording_under_two_names_is_found(data):
    folder = data / "ssvep_exo"
    files = sorted(folder.glob("*_raw.fif"))
    found = {}
    for path in files:
        found.setdefault(io.fingerprint(path), []).append(path.name[:9])
    assert sorted(names for names in found.values() if len(names) > 1) == [
        ["subject03", "subject07"]
    ]


def test_meg_keeps_its_sensors_units_and_clock(data):
    path = data / "meg_sample_excerpts/sample_audvis_trunc_raw_sss.fif"
    x = io.read_signal(path)
    raw = mne.io.read_raw_fif(path, allow_maxshield=True, verbose="error")
    assert x.shape == (376, 301)
    assert x.xindexes["time"].rate == Fraction(300.3074951171875)
    assert float(x.time[0]) == raw.first_time
    units = dict(zip(x.type.values.tolist(), x.units.values.tolist(), strict=True))
    assert units == {"grad": "fT/cm", "mag": "fT", "eeg": "uV", "stim": "", "eog": "uV"}
    for kind, factor in (("grad", 1e13), ("mag", 1e15), ("eeg", 1e6), ("stim", 1)):
        np.testing.assert_allclose(
            x[x.type.values == kind], raw.get_data(kind) * factor, rtol=1e-5, atol=1e-3
        )
    sensors = np.stack([x[axis][x.type.values == "mag"] for axis in "xyz"], 1)
    assert 80 < np.linalg.norm(sensors, axis=1).mean() < 160  # mm from the middle of the head


def test_averages_in_one_file_are_trials(data):
    x = io.read_signal(data / "meg_sample_excerpts/test-ave.fif.gz")
    assert x.shape == (4, 376, 421)
    assert x.label.values.tolist() == [
        *("Left Auditory", "Right Auditory", "Left visual", "Right visual")
    ]
    for path in sorted((data / "erp_core_p3_evoked").glob("*.fif")):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            x = io.read_signal(path)
        theirs = mne.read_evokeds(path, verbose="error")
        assert x.shape[0] == len(theirs)
        np.testing.assert_allclose(x[0], theirs[0].data * 1e6, rtol=1e-5, atol=1e-5)
    assert x.shape[1:] == (30, 129)


def test_sample_numbers_without_a_rate_are_refused(data):
    with pytest.raises(ValueError, match=r"no sampling rate, and test_raw\.fif is not beside it"):
        io.read_events(data / "meg_sample_excerpts/test-eve.fif")
