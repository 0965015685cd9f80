import warnings
from fractions import Fraction

import mne
import numpy as np
import pytest
import xarray as xr

import neurokit
from neurokit.datasets import make_eeg
from neurokit.io import from_mne, read_signal, to_mne, write_edf
from neurokit.recording import (
    SampleIndex,
    clean_channel_names,
    filter_band,
    interpolate_bads,
    notch,
    place_channels,
    reject,
    rereference,
    resample,
)


@pytest.fixture(scope="module")
def eeg():
    x = make_eeg(20, n_channels=19, random_state=0).signal
    return x.assign_coords(bad=("channel", np.isin(x["channel"].values, ["Cz", "P4"])))


@pytest.mark.parametrize("edges", [(1.0, 40.0), (None, 30.0), (0.5, None), (8.0, 12.0)])
def test_a_band_is_what_mne_keeps(eeg, edges):
    found = filter_band(eeg, *edges)
    theirs = mne.filter.filter_data(
        np.asarray(eeg.values, np.float64), neurokit.sampling_rate(eeg), *edges, verbose="error"
    )
    np.testing.assert_allclose(found.values, theirs, atol=1e-4 * np.abs(theirs).max())
    assert found.dtype == eeg.dtype
    assert found.drop_vars("time").coords.identical(eeg.drop_vars("time").coords)


@pytest.mark.parametrize("frequency", [50.0, [20.0, 50.0]])
def test_hum_is_taken_out_as_by_mne(eeg, frequency):
    found = notch(eeg, frequency)
    theirs = mne.filter.notch_filter(
        np.asarray(eeg.values, np.float64),
        neurokit.sampling_rate(eeg),
        np.atleast_1d(frequency),
        verbose="error",
    )
    np.testing.assert_allclose(found.values, theirs, atol=1e-4 * np.abs(theirs).max())


@pytest.mark.parametrize("size", [97, 700, 1500])
@pytest.mark.parametrize(
    "step",
    [
        lambda x: filter_band(x, 1, 40),
        lambda x: notch(x, 50),
        lambda x: resample(x, 100),
        lambda x: resample(x, Fraction(1000, 7)),
        lambda x: resample(x, 512),
        rereference,
        interpolate_bads,
    ],
)
def test_lazy_in_lazy_out_and_the_same(eeg, step, size):
    x = eeg.isel(time=slice(0, 1500))
    lazy = step(x.chunk(time=size, channel=7))
    assert lazy.chunks is not None
    whole = step(x)
    xr.testing.assert_allclose(lazy.compute(), whole, atol=2e-4 * float(np.abs(whole).max()))
    assert lazy.xindexes["time"].equals(whole.xindexes["time"])
    assert lazy.dtype == whole.dtype


def test_what_lies_in_a_file_stays_there(eeg, tmp_path):
    x = read_signal(write_edf(tmp_path / "a.edf", eeg.drop_vars("bad")))
    assert not x.variable._in_memory
    for y in (filter_band(x, 1, 40), resample(x, 125), rereference(x)):
        assert y.chunks is not None
    xr.testing.assert_allclose(
        filter_band(x, 1, 40).compute(), filter_band(x.compute(), 1, 40), atol=1e-3
    )


def test_resampling_keeps_an_exact_clock(eeg):
    y = resample(eeg.chunk(time=400), Fraction(1000, 7))
    clock = y.xindexes["time"]
    assert isinstance(clock, SampleIndex)
    assert clock.rate == Fraction(1000, 7)
    assert y.sizes["time"] == -(-eeg.sizes["time"] * 1000 // (7 * 250))


def test_stretches_and_trials_are_filtered_each_on_its_own(eeg):
    gap = xr.concat([eeg.isel(time=slice(0, 2000)), eeg.isel(time=slice(3000, 5000))], "time")
    found = filter_band(gap, 2, 20)
    for part, at in ((slice(0, 2000), slice(0, 2000)), (slice(3000, 5000), slice(2000, 4000))):
        alone = filter_band(eeg.isel(time=part), 2, 20)
        np.testing.assert_allclose(found.isel(time=at).values, alone.values, rtol=1e-5, atol=1e-4)
    lazy = filter_band(gap.chunk(time=300), 2, 20)
    np.testing.assert_allclose(lazy.values, found.values, rtol=1e-4, atol=1e-3)
    trials = neurokit.epoch(eeg, neurokit.events([2, 5, 9], label="a"), tmin=-1, tmax=2)
    alone = filter_band(trials.isel(trial=1), 2, 20)
    np.testing.assert_allclose(filter_band(trials, 2, 20)[1], alone, rtol=1e-5, atol=1e-4)


def test_a_stretch_shorter_than_the_filter_is_filtered_as_by_mne(eeg):
    x = eeg.isel(time=slice(0, 300))
    with pytest.warns(RuntimeWarning, match="longer than the signal"):
        theirs = mne.filter.filter_data(np.asarray(x.values, np.float64), 250.0, 1.0, 40.0)
    np.testing.assert_allclose(filter_band(x, 1, 40).values, theirs, atol=1e-3)
    np.testing.assert_allclose(filter_band(x.chunk(time=41), 1, 40).values, theirs, atol=1e-3)


def test_triggers_are_not_filtered(eeg):
    kinds = eeg["type"].values.astype(object)
    kinds[3] = "stim"
    x = eeg.assign_coords(type=("channel", kinds.astype(str)))
    found = filter_band(x, 1, 40)
    np.testing.assert_array_equal(found[3].values, x[3].values)
    assert (found[2].values != x[2].values).any()


def test_dims_keep_their_order(eeg):
    x = eeg.transpose("time", "channel")
    for step in (lambda x: filter_band(x, 1, 40), rereference, interpolate_bads):
        found = step(x)
        assert found.dims == x.dims
        np.testing.assert_allclose(found.values.T, step(eeg).values, atol=1e-3)


def test_the_average_and_electrodes_are_mnes(eeg):
    raw = to_mne(eeg)
    theirs = raw.copy().set_eeg_reference("average", verbose="error")
    good = ~eeg["bad"].values  # MNE leaves bad channels with the reference that they had
    np.testing.assert_allclose(rereference(eeg)[good], from_mne(theirs)[good], atol=1e-3)
    theirs = raw.copy().set_eeg_reference(["T7", "T8"], verbose="error")
    found = rereference(eeg, ["t7", "T8."])
    np.testing.assert_allclose(found[good], from_mne(theirs)[good], atol=1e-3)
    assert found.attrs["reference"] == "t7, T8."


def test_other_kinds_keep_their_reference(eeg):
    kinds = ["eeg"] * 17 + ["eog", "stim"]
    x = eeg.assign_coords(type=("channel", kinds))
    found = rereference(x)
    np.testing.assert_array_equal(found[17:].values, x[17:].values)
    np.testing.assert_allclose(found[:17][~x["bad"].values[:17]].mean("channel"), 0, atol=1e-3)


def test_bad_channels_are_filled_in_as_by_mne(eeg):
    raw = to_mne(eeg)
    theirs = from_mne(raw.interpolate_bads(reset_bads=True, verbose="error"))
    found = interpolate_bads(eeg)
    np.testing.assert_allclose(found.values, theirs.values, atol=2e-4 * float(np.abs(eeg).max()))
    assert not found["bad"].any()
    good = ~eeg["bad"].values
    np.testing.assert_array_equal(found[good].values, eeg[good].values)
    assert interpolate_bads(found) is found


def test_trials_are_rejected_as_by_mne():
    rng = np.random.default_rng(1)
    values = rng.normal(size=(40, 3, 100)) * rng.uniform(5, 60, size=(40, 3, 1))
    values[7] = 0
    x = neurokit.signal(values, sampling_rate=100, types=["eeg", "eeg", "eog"])
    epochs = to_mne(x)
    epochs.drop_bad(reject={"eeg": 200e-6, "eog": 300e-6}, flat={"eeg": 1e-6}, verbose="error")
    for given in (x, x.chunk(trial=6)):
        with pytest.warns(UserWarning, match=r"reject: \d+ of 40 trials are left out"):
            found = reject(given, {"eeg": 200, "eog": 300}, below={"eeg": 1})
        np.testing.assert_array_equal(found.values, from_mne(epochs).values)
    assert found.chunks is not None
    bad = x.assign_coords(bad=("channel", [True, True, False]))
    assert reject(bad, 1000.0).sizes["trial"] == 40  # bad channels reject no trial


def test_names_of_public_files_are_put_right():
    names = ["Fc5.", "EEG FPZ-REF", "cz", "T3", "STATUS", "Af7.", "EEG A1"]
    x = neurokit.signal(np.zeros((7, 4)), sampling_rate=10, channels=names)
    found = clean_channel_names(x)["channel"].values.tolist()
    assert found == ["FC5", "Fpz", "Cz", "T3", "STATUS", "AF7", "A1"]


def test_places_are_those_of_mne():
    names = ["Fc5.", "Cz", "O2"]
    x = neurokit.signal(np.zeros((3, 4)), sampling_rate=10, channels=names)
    info = mne.create_info(["FC5", "Cz", "O2"], 10.0, "eeg", verbose="error")
    offered = mne.channels.get_builtin_montages()
    info.set_montage("colin27_1005" if "colin27_1005" in offered else "standard_1005")
    theirs = np.stack([c["loc"][:3] for c in info["chs"]]) * 1e3
    found = np.stack([place_channels(x)[axis].values for axis in "xyz"], 1)
    # the frame of the head comes from the whole montage: its fiducials
    np.testing.assert_allclose(found, theirs, atol=1e-6)
    kept = x.assign_coords({axis: ("channel", [1.0, np.nan, np.nan]) for axis in "xyz"})
    assert place_channels(kept)["x"].values[0] == 1.0
    typed = x.assign_coords(type=("channel", ["eeg", "eeg", "eog"]))
    assert np.isnan(place_channels(typed)["x"].values[2])
    with pytest.warns(UserWarning, match=r"knows no place for \['probe'\]"):
        place_channels(x.assign_coords(channel=["C3", "C4", "probe"]))


def refused(x):
    odd = neurokit.signal(np.zeros((2, 50)), sampling_rate=100, channels=["a", "b"])
    nan = neurokit.signal(np.full((2, 500), np.nan), sampling_rate=100)
    trials = neurokit.signal(np.ones((3, 2, 5)) * np.arange(5), sampling_rate=100)
    bad = odd.assign_coords(bad=("channel", [True, False]))
    meg = bad.assign_coords(type=("channel", ["mag", "eeg"]))
    cz = odd.assign_coords(channel=["Cz", "CZ."])
    return [
        (lambda: filter_band(x), ValueError, "give low=, high= or both"),
        (lambda: filter_band(x, 40, 1), ValueError, r"0 < low < high < 125 Hz .* got 40 and 1"),
        (lambda: filter_band(x, 0, 40), ValueError, "0 < low"),
        (lambda: filter_band(x, 1, 125), ValueError, "high < 125 Hz"),
        (lambda: filter_band(x.values, 1, 40), TypeError, "time coordinate, got ndarray"),
        (lambda: filter_band(nan, 1, 40), ValueError, "1000 samples are NaN or infinite"),
        (lambda: filter_band(nan.chunk(), 1, 40).compute(), ValueError, "NaN or infinite"),
        (lambda: notch(x, 130), ValueError, "notch: frequencies must lie between 0 and 125 Hz"),
        (lambda: rereference(x.values), TypeError, "dim channel, got ndarray"),
        (lambda: rereference(x, ["nobody"]), KeyError, "'nobody' finds no channel"),
        (lambda: rereference(x, kinds=["seeg"]), ValueError, r"no channel .*\['seeg'\].*\['eeg'"),
        (
            lambda: rereference(x.assign_coords(bad=("channel", [True] * 19))),
            ValueError,
            "all channels are marked bad",
        ),
        (lambda: interpolate_bads(x.values), TypeError, "dim channel, got ndarray"),
        (lambda: interpolate_bads(bad), ValueError, r"no coordinates \['x', 'y', 'z'\]; neurokit"),
        (lambda: interpolate_bads(meg), ValueError, r"\['a'\] are of another kind"),
        (
            lambda: interpolate_bads(bad.assign_coords({a: ("channel", [1.0, 1]) for a in "xyz"})),
            ValueError,
            "four good ones or more; .* and 1 good ones have",
        ),
        (lambda: reject(x, 100), TypeError, r"reject takes dims \('trial', 'channel', 'time'\)"),
        (lambda: reject(trials), ValueError, "give above= or below="),
        (
            lambda: reject(trials, 1),
            ValueError,
            "no trial is left of 3; the median trial swings 4",
        ),
        (
            lambda: reject(trials, {"eog": 1}),
            ValueError,
            "limits by kind need the coordinate type",
        ),
        (lambda: clean_channel_names(x.values), TypeError, "channels have names, got ndarray"),
        (lambda: clean_channel_names(cz), ValueError, r"\['Cz', 'CZ.'\] would all be called"),
        (lambda: place_channels(odd), ValueError, r"none of \['a', 'b'\] is an electrode"),
    ]


@pytest.mark.parametrize("k", range(23))
def test_refusals(eeg, k):
    assert len(refused(eeg)) == 23
    call, error, words = refused(eeg)[k]
    with warnings.catch_warnings(), pytest.raises(error, match=words):
        call()
