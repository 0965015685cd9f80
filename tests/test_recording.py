import warnings
from fractions import Fraction

import dask.array
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

import neurokit
from neurokit.recording import check_dims, check_spikes, contiguous_runs, counts, traces


def count_by_hand(times, first, width, size):
    """Count in integers: times are fractions."""
    row = [0] * size
    for t in times:
        k = (t - first) // width
        if k < size:
            row[k] += 1
    return row


def test_signal_labels_continuous_and_cut_recordings(rng):
    x = neurokit.signal(
        rng.normal(size=(4, 2, 10)),
        sampling_rate=250,
        channels=["C3", "C4"],
        start=-0.2,
        types="eeg",
        regions=["left", "right"],
        positions=[[1, 2, 3], [4, 5, 6]],
        trials={"label": list("abab"), "subject": [1, 1, 2, 2]},
    )
    assert x.dims == ("trial", "channel", "time")
    assert x.dtype == np.float32
    assert x.attrs["units"] == "uV"
    assert x["time"].values[0] == -0.2
    assert x.sel(channel="C4")["type"].item() == "eeg"
    assert x["region"].dims == ("channel",)
    assert x["y"].values.tolist() == [2.0, 5.0]
    assert x["label"].dims == ("trial",)
    assert neurokit.signal(np.zeros((3, 5)), sampling_rate=1)["channel"].values.tolist() == [
        "ch0",
        "ch1",
        "ch2",
    ]


def test_lazy_values_stay_lazy():
    def refuse(block):
        raise AssertionError("computed")

    lazy = dask.array.zeros((2, 100), chunks=10).map_blocks(refuse, dtype=float, meta=np.empty(0))
    x = neurokit.signal(lazy, sampling_rate=100).sel(time=slice(0.1, 0.5))
    assert x.chunks is not None


def test_the_other_kinds_have_their_dims_and_units():
    assert traces(np.zeros((3, 5)), sampling_rate=30).dims == ("unit", "time")
    binned = counts(np.zeros((3, 5), int), bin_width=0.05)
    assert binned.dtype == int
    assert neurokit.sampling_rate(binned) == 20
    moved = neurokit.behaviour(
        np.zeros((5, 2)), sampling_rate=20, features=["vx", "vy"], units=["mm/s", "mm/s"]
    )
    assert moved.dims == ("time", "feature")
    assert moved["units"].values.tolist() == ["mm/s", "mm/s"]


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"values": np.zeros(5)}, ValueError, r"2 or 3 dimensions .* got shape \(5,\)"),
        ({"values": np.array([["a"]])}, TypeError, "must be real numbers, got dtype <U1"),
        ({"values": np.zeros((2, 3), complex)}, TypeError, "must be real numbers"),
        ({"sampling_rate": 0}, ValueError, "sampling rate must be a positive number"),
        ({"sampling_rate": np.nan}, ValueError, "sampling rate must be a positive number"),
        ({"sampling_rate": np.inf}, ValueError, "sampling rate must be a positive number"),
        ({"start": np.nan}, ValueError, "start a finite number of seconds"),
        ({"channels": ["a"]}, ValueError, "one for each channel, 2, got 1"),
        ({"channels": ["a", "a"]}, ValueError, r"names must differ, got \['a'\] more than once"),
        ({"types": ["eeg"]}, ValueError, "type must be one for each channel, 2, got 1"),
        ({"positions": [[1, 2]]}, ValueError, r"shape \(2, 3\), x y z in mm, got \(1, 2\)"),
        ({"trials": {"label": [1]}}, ValueError, "needs values with a trial axis"),
    ],
)
def test_signal_refuses(change, error, message):
    good = {"values": np.zeros((2, 3)), "sampling_rate": 100}
    with pytest.raises(error, match=message):
        neurokit.signal(**(good | change))


def test_timestamps_of_another_length_are_refused():
    """One public worm recording has 1600 timestamps for 1137 frames."""
    x = traces(np.zeros((3, 1137)), sampling_rate=6)
    with pytest.raises(ValueError, match=r"conflicting sizes|length 1600"):
        x.assign_coords(time=np.arange(1600) / 6)


def test_spikes_are_sorted_inside_each_unit_and_keep_their_span():
    x = neurokit.spikes(
        {"b": [0.3, 0.1], "a": [], "c": [0.2]}, stop=1, start=-1, regions=["M1", "M1", "PMd"]
    )
    assert x["spike_time"].values.tolist() == [0.1, 0.3, 0.2]
    assert x["spike_count"].values.tolist() == [2, 0, 1]
    assert x["spike_count"].attrs["sample_dimension"] == "spike"
    assert x["unit"].values.tolist() == ["b", "a", "c"]
    assert (x["start"].item(), x["stop"].item()) == (-1.0, 1.0)
    assert x["region"].values.tolist() == ["M1", "M1", "PMd"]


@pytest.mark.parametrize(
    ("times", "options", "message"),
    [
        ([[0.5, 2.0]], {}, "1 of 2 times are not in the observed span 0 to 1 s, the first is 2"),
        ([[0.5, np.nan]], {}, "1 of 2 times are not in the observed span"),
        ([[[0.5]]], {}, r"1-D array of times, got shape \(1, 1\)"),
        ([[0.5]], {"start": 3}, "start must not lie after stop"),
        ([[0.5], [0.1]], {"ids": ["a"]}, "one for each unit, 2, got 1"),
        ([[0.5], [0.1]], {"channels": [1]}, "channels must be one for each unit, 2, got 1"),
    ],
)
def test_spikes_refuses(times, options, message):
    with pytest.raises(ValueError, match=message):
        neurokit.spikes(times, stop=1, **options)


@settings(deadline=None, max_examples=60)
@given(
    units=st.lists(st.lists(st.integers(0, 1000), max_size=20), max_size=4),
    width=st.sampled_from([0.02, 0.1, 0.004, 1 / 3, 0.7]),
    start=st.sampled_from([0.0, 0.1, -0.3]),
    on_edges=st.booleans(),
)
def test_counts_match_a_plain_loop_edges_included(units, width, start, on_edges):
    stop, exactly = 3.0, Fraction(start).limit_denominator(10)
    step = Fraction(width).limit_denominator(1000)
    size = int((3 - exactly) / step)
    if on_edges:  # every spike exactly where a bin begins
        meant = [[exactly + k % size * step for k in unit] for unit in units]
    else:
        meant = [[exactly + (3 - exactly) * k / 1000 for k in unit] for unit in units]
    times = [[float(t) for t in unit] for unit in meant]
    counted = neurokit.bin_spikes(neurokit.spikes(times, start=start, stop=stop), width)
    assert counted.sizes["time"] == size
    for unit, row in zip(meant, counted.values, strict=True):
        assert row.tolist() == count_by_hand(unit, exactly, step, size)


def test_binning_agrees_with_numpy_on_many_spikes(rng):
    times = [np.sort(rng.uniform(0, 100, 5000)) for _ in range(3)]
    counted = neurokit.bin_spikes(neurokit.spikes(times, stop=100), 0.25)
    expected = [np.histogram(t, np.arange(401) * 0.25)[0] for t in times]
    np.testing.assert_array_equal(counted.values, expected)
    assert counted.attrs["units"] == "spikes"


def test_part_of_the_span_and_far_clocks(rng):
    far = -1.54e9  # a session clock of a public recording
    x = neurokit.spikes([[far + 0.5, far + 0.75]], start=far, stop=far + 2)
    assert neurokit.bin_spikes(x, 0.25).values.tolist() == [[0, 0, 1, 1, 0, 0, 0, 0]]
    part = neurokit.bin_spikes(x, 0.25, start=far + 0.5, stop=far + 1.1)
    assert part.values.tolist() == [[1, 1]]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"bin_width": 0}, r"bin_width must be positive \(s\), got 0"),
        ({"bin_width": 5}, "no bin of 5 s fits into 0 to 1 s"),
        ({"bin_width": 0.1, "stop": 2}, "leaves the observed span 0 to 1 s"),
    ],
)
def test_bin_spikes_refuses(options, message):
    with pytest.raises(ValueError, match=message):
        neurokit.bin_spikes(neurokit.spikes([[0.5]], stop=1), **options)


def test_functions_for_spikes_refuse_signals():
    with pytest.raises(TypeError, match=r"takes a Dataset of spikes, .* got DataArray"):
        neurokit.bin_spikes(neurokit.signal(np.zeros((1, 5)), sampling_rate=1), 0.1)
    with pytest.raises(TypeError, match="here takes a Dataset of spikes"):
        check_spikes(xr.Dataset(), "here")


def test_no_spikes_and_no_units_are_fine():
    assert neurokit.bin_spikes(neurokit.spikes([[], []], stop=1), 0.5).values.tolist() == [
        [0, 0],
        [0, 0],
    ]
    assert neurokit.bin_spikes(neurokit.spikes([], stop=1), 0.5).shape == (0, 2)


def test_epochs_hold_the_samples_around_each_event(rng):
    x = neurokit.signal(rng.normal(size=(2, 1000)), sampling_rate=250).assign_coords(subject="s1")
    table = neurokit.events([1.0, 2.002], label=["left", "right"], run=[1, 2])
    trials = neurokit.epoch(x, table, tmin=-0.2, tmax=0.4)
    assert trials.dims == ("trial", "channel", "time")
    assert trials.sizes["time"] == 150
    assert trials["time"].values[0] == -0.2
    np.testing.assert_array_equal(trials.values[0], x.values[:, 200:350])
    np.testing.assert_array_equal(trials.values[1], x.values[:, 450:600])
    assert trials["label"].values.tolist() == ["left", "right"]
    assert trials["onset"].values.tolist() == [1.0, 2.002]
    assert trials["run"].values.tolist() == [1, 2]
    assert trials["subject"].values.tolist() == ["s1", "s1"]
    assert trials.attrs["units"] == "uV"


def test_epochs_of_lazy_recordings_stay_lazy(rng):
    values = rng.normal(size=(2, 1000)).astype(np.float32)
    lazy = neurokit.signal(dask.array.from_array(values, chunks=(2, 100)), sampling_rate=250)
    table = neurokit.events([1.0, 2.0])
    trials = neurokit.epoch(lazy, table, tmin=0, tmax=1)
    assert trials.chunks is not None
    whole = neurokit.signal(values, sampling_rate=250)
    xr.testing.assert_identical(trials.compute(), neurokit.epoch(whole, table, tmin=0, tmax=1))


def test_windows_that_leave_the_recording_are_left_out_with_one_warning():
    x = neurokit.signal(np.zeros((1, 1000)), sampling_rate=250)
    table = neurokit.events([0.0, 1.0, 3.9], label=["a", "b", "c"])
    with pytest.warns(UserWarning, match="2 of 3 windows leave the recording") as caught:
        trials = neurokit.epoch(x, table, tmin=-0.1, tmax=0.5)
    assert trials["label"].values.tolist() == ["b"]
    assert len(caught) == 1


def test_windows_never_cross_a_gap():
    x = neurokit.signal(np.arange(100.0)[None], sampling_rate=10)
    gap = xr.concat([x[:, :40], x[:, 60:]], "time")
    with pytest.warns(UserWarning, match="1 of 3 windows leave the recording or cross a gap"):
        trials = neurokit.epoch(gap, neurokit.events([1, 3.5, 7]), tmin=0, tmax=1)
    assert trials.values[:, 0, 0].tolist() == [10, 70]


@settings(deadline=None, max_examples=30)
@given(
    times=st.lists(st.integers(0, 2000), max_size=30),
    onsets=st.lists(st.integers(400, 1400), min_size=1, max_size=5),
)
def test_epochs_of_spikes_match_a_plain_loop(times, onsets):
    x = neurokit.spikes([[t / 1000 for t in times], [0.5]], stop=2)
    onsets = sorted(onsets)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        table = neurokit.events([o / 1000 for o in onsets])
        trials = neurokit.epoch(x, table, tmin=-0.2, tmax=0.4, bin_width=0.1)
    assert trials.dims == ("trial", "unit", "time")
    for onset, trial in zip(onsets, trials.values, strict=True):
        relative = [t - onset for t in times if t >= onset - 200]
        assert trial[0].tolist() == count_by_hand(relative, -200, 100, 6)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        (
            {"labels": ["z"]},
            ValueError,
            r"no event with a label among \['z'\]; there are \['event'\]",
        ),
        ({"tmin": 2, "tmax": 1}, ValueError, "tmin must lie before tmax"),
        (
            {"tmin": 50, "tmax": 51},
            ValueError,
            "none of 1 windows .* lies inside .* events begin at 1 to 1 s",
        ),
        ({"bin_width": 0.1}, ValueError, "bin_width is for spikes"),
        ({"events": [1.0]}, TypeError, "must be a pandas DataFrame with a column onset"),
        (
            {"events": pd.DataFrame({"time": [1.0]})},
            TypeError,
            r"with a column onset \(s\), got the columns \['time'\]",
        ),
        ({"events": pd.DataFrame({"onset": []})}, ValueError, "there are no events"),
        (
            {"events": pd.DataFrame({"onset": [np.nan]})},
            ValueError,
            "every onset must be a finite",
        ),
    ],
)
def test_epoch_refuses(options, error, message):
    given = {"events": neurokit.events([1.0]), "tmin": 0, "tmax": 0.5} | options
    with pytest.raises(error, match=message):
        neurokit.epoch(neurokit.signal(np.zeros((1, 500)), sampling_rate=250), **given)


def test_epoch_of_spikes_refuses_without_a_bin_width_or_outside_the_span():
    x = neurokit.spikes([[0.5]], stop=1)
    with pytest.raises(ValueError, match="give bin_width in seconds"):
        neurokit.epoch(x, neurokit.events([0.5]), tmin=0, tmax=0.1)
    with pytest.raises(ValueError, match="none of 1 windows"):
        neurokit.epoch(x, neurokit.events([0.99]), tmin=0, tmax=0.1, bin_width=0.05)


def test_epoch_refuses_trials():
    x = neurokit.signal(np.zeros((2, 1, 500)), sampling_rate=250)
    with pytest.raises(ValueError, match="takes one continuous recording"):
        neurokit.epoch(x, neurokit.events([0.5]), tmin=0, tmax=0.1)


def test_sampling_rate_follows_strides_and_plain_floats():
    x = neurokit.signal(np.zeros((1, 1000)), sampling_rate=250)
    assert neurokit.sampling_rate(x[:, ::4]) == 62.5
    plain = xr.DataArray(np.zeros(100), dims="time", coords={"time": 5 + np.arange(100) / 30})
    assert neurokit.sampling_rate(plain) == pytest.approx(30, rel=1e-9)
    assert neurokit.sampling_rate(xr.concat([plain[:40], plain[50:]], "time")) == pytest.approx(30)


@pytest.mark.parametrize(
    ("times", "message"),
    [([0.0, 1.0, 2.5, 3.0, 9.1], "evenly spaced"), ([1.0], "at least two samples")],
)
def test_sampling_rate_refuses(times, message):
    x = xr.DataArray(np.zeros(len(times)), dims="time", coords={"time": times})
    with pytest.raises(ValueError, match=message):
        neurokit.sampling_rate(x)


def test_sampling_rate_refuses_reversed_time_and_other_kinds():
    x = neurokit.signal(np.zeros((1, 10)), sampling_rate=250)
    with pytest.raises(ValueError, match="time runs backwards"):
        neurokit.sampling_rate(x[:, ::-1])
    with pytest.raises(TypeError, match=r"time coordinate, got ndarray; neurokit\.signal\(\)"):
        neurokit.sampling_rate(np.zeros(5))


@pytest.mark.filterwarnings("ignore:epoch")
def test_windows_around_gaps_hold_the_samples_of_their_own_time(rng):
    for _ in range(40):
        there = np.flatnonzero(rng.random(400) < 0.05)[:, None] + np.arange(30)
        there = np.unique(there[there < 400])  # stretches of 30 samples and more
        x = neurokit.signal(np.arange(400.0)[None], sampling_rate=50).isel(time=there)
        before, size = int(rng.integers(-9, 9)), int(rng.integers(1, 20))
        onsets = np.arange(400)
        trials = neurokit.epoch(
            x, neurokit.events(onsets / 50), tmin=before / 50, tmax=(before + size) / 50
        )
        wanted = onsets[:, None] + before + np.arange(size)
        kept = np.isin(wanted, there).all(1)
        np.testing.assert_array_equal(trials.values[:, 0], wanted[kept])


def test_contiguous_runs_end_at_jumps_of_the_clock():
    x = neurokit.signal(np.zeros((1, 100)), sampling_rate=10)
    assert contiguous_runs(x) == [slice(0, 100)]
    gap = xr.concat([x[:, :40], x[:, 60:], x[:, :10]], "time")  # forwards, then back
    assert contiguous_runs(gap) == [slice(0, 40), slice(40, 80), slice(80, 90)]


def test_check_dims_says_what_it_wants():
    x = neurokit.signal(np.zeros((2, 5)), sampling_rate=1)
    assert check_dims(x, ("time", "channel"), caller="f").dims == ("time", "channel")
    with pytest.raises(ValueError, match=r"f takes dims \('unit', 'time'\), got"):
        check_dims(x, ("unit", "time"), caller="f")
    with pytest.raises(TypeError, match=r"f takes an xarray.DataArray .* got list"):
        check_dims([1], ("time",), caller="f")


def test_events_are_a_table_in_order_of_onset():
    table = neurokit.events([2.0, 1.0], 0.5, ["b", "a"], subject=[7, 8])
    assert table["onset"].tolist() == [1.0, 2.0]
    assert table["label"].tolist() == ["a", "b"]
    assert table["duration"].tolist() == [0.5, 0.5]
    assert table["subject"].tolist() == [8, 7]


def test_sampling_rate_is_the_simplest_that_the_floats_allow():
    x = neurokit.signal(np.zeros((1, 400)), sampling_rate=100)
    assert neurokit.sampling_rate(x.coarsen(time=3, boundary="trim").mean()) == 100 / 3
    gap = xr.concat([x.isel(time=slice(100)), x.isel(time=slice(312, None))], "time")
    assert neurokit.sampling_rate(gap) == 100


def test_epochs_of_a_lazy_recording_read_only_their_windows():
    from neurokit.io.readers.lazy import lazy_variable

    class Reader:
        n_channels, n_times, most = 2, 10_000, 0

        def read(self, channels, start, stop):
            self.most = max(self.most, stop - start)
            return np.full((len(channels), stop - start), start, np.float32)

    reader = Reader()
    x = neurokit.signal(lazy_variable(reader), sampling_rate=100)
    trials = neurokit.epoch(x, neurokit.events([10.0, 50.0]), tmin=0, tmax=1)
    assert trials[:, 0, 0].values.tolist() == [1000, 5000]
    assert reader.most == 100
