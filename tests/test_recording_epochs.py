"""Where times meet edges, units of time, marks of bad data, labels from any column."""

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
from neurokit.recording.clock import exact
from neurokit.recording.edges import slack
from neurokit.recording.marks import is_mark

# ------------------------------------------------------------------------- exact edges


@settings(deadline=None, max_examples=60)
@given(
    onset=st.integers(1, 200_000),
    bins=st.integers(0, 59),
    rate=st.sampled_from([100, 1000, 30_000, 24414.0625, 1 / 3]),
    n=st.sampled_from([1, 3, 30]),
)
def test_a_spike_whole_bins_after_an_event_is_in_that_bin(onset, bins, rate, n):
    rate = Fraction(rate).limit_denominator(1000) if rate < 1 else Fraction(rate)
    width, at = n / rate, onset / rate
    spike = float(at + bins * width)
    x = neurokit.spikes([[spike]], stop=float(at + 100 * width), units="s")
    table = neurokit.events([float(at)])
    window = {"tmin": 0, "tmax": float(60 * width), "bin_width": float(width)}
    trials = neurokit.epoch(x, table, **window)
    assert trials.shape == (1, 1, 60)
    assert np.flatnonzero(trials.values).tolist() == [bins]
    counts = neurokit.bin_spikes(x, float(width), start=float(at))
    assert np.flatnonzero(counts.values).tolist() == [bins]


@pytest.mark.parametrize("samples", [1, 30, 150])
@pytest.mark.parametrize("offset", [13, 30_000 * 50_000 + 7])
@pytest.mark.parametrize("kind", [float, Fraction])
def test_spikes_on_a_grid_of_30_khz_fall_where_integers_put_them(samples, offset, kind):
    rng = np.random.default_rng(1)
    k = offset + np.sort(rng.choice(30_000 * 20, 5_000, replace=False))
    x = neurokit.spikes([k / 30_000], start=offset / 30_000, stop=(offset + 600_000) / 30_000)
    width = Fraction(samples, 30_000) if kind is Fraction else samples / 30_000
    counts = neurokit.bin_spikes(x, width).values[0]
    expected = np.bincount((k - offset) // samples, minlength=600_000 // samples)
    assert counts.size == 600_000 // samples
    np.testing.assert_array_equal(counts, expected)


def test_the_tolerance_is_a_nanosecond_and_no_more():
    assert slack(1e5) == 1e-9
    x = neurokit.spikes([[0.5 - 0.9e-9, 0.75 - 1.1e-9]], stop=1)
    assert neurokit.bin_spikes(x, 0.25).values.tolist() == [[0, 0, 2, 0]]
    far = 1e9  # where float64 knows only every 1.2e-7 s
    y = neurokit.spikes([[far + 0.3]], start=far, stop=far + 1, units="s")
    assert neurokit.bin_spikes(y, 0.1).values.tolist() == [[0, 0, 0, 1, 0, 0, 0, 0, 0, 0]]


def test_windows_that_just_fit_are_kept():
    for n in range(1, 60, 4):
        x = neurokit.spikes([[9.0]], start=n / 10, stop=20.0)
        table = neurokit.events([(n + 1) / 10, 10.0, 19.9])
        assert neurokit.epoch(x, table, tmin=-0.1, tmax=0.1, bin_width=0.1).sizes["trial"] == 3
        y = neurokit.signal(np.zeros((1, 2000 - n * 10)), sampling_rate=100, start=n / 10)
        assert neurokit.epoch(y, table, tmin=-0.1, tmax=0.1).sizes["trial"] == 3


def test_an_onset_between_two_samples_takes_the_earlier_one():
    x = neurokit.signal(np.arange(100.0)[None], sampling_rate=10)
    for onset in (0.15, 1.25, 4.35, 8.05):  # as floats above and below their halves
        trial = neurokit.epoch(x, neurokit.events([onset]), tmin=0, tmax=0.1)
        assert trial.values.item() == int(onset * 10 + 1e-9)
        floats = x.assign_coords(time=x["time"].values)
        again = neurokit.epoch(floats, neurokit.events([onset]), tmin=0, tmax=0.1)
        assert again.values.item() == trial.values.item()


@pytest.mark.parametrize(
    ("value", "meant"),
    [
        (13 / 30_000, Fraction(13, 30_000)),
        (7200 + 1 / 30_000, 7200 + Fraction(1, 30_000)),
        (-5 / 24414.0625, Fraction(-5) / Fraction(24414.0625)),
        (12345.123457, Fraction(12345123457, 1_000_000)),
        (1000 / 3, Fraction(1000, 3)),
        (0.1234567891, Fraction(1234567891, 10_000_000_000)),
    ],
)
def test_floats_stand_for_the_fraction_that_was_meant(value, meant):
    assert exact(value) == meant


@settings(max_examples=200)
@given(k=st.integers(-(10**9), 10**9), rate=st.sampled_from([250, 1000, 2048, 30_000, 44_100]))
def test_samples_of_clocks_are_recognised_for_hours(k, rate):
    meant = Fraction(k, rate)
    if abs(meant) < 36_000:
        assert exact(float(meant)) == meant
    assert float(exact(float(meant))) == float(meant)


# ------------------------------------------------------------------------- units of time


def test_times_in_float32_fit_their_span_and_are_told_where_they_are_coarse():
    x = neurokit.spikes([np.array([0.5, 10.1], np.float32)], stop=10.1)
    assert x["spike_time"].values[-1] == 10.1
    late = (1e5 + np.arange(0, 20, 0.0101)).astype(np.float32)
    with pytest.warns(UserWarning, match=r"came as float32, which knows only every 7.8 ms"):
        neurokit.spikes([late], start=1e5, stop=1e5 + 30)
    with pytest.raises(ValueError, match="1 of 1 times are not in the observed span"):
        neurokit.spikes([np.array([10.2], np.float32)], stop=10.1)


def test_samples_and_milliseconds_are_asked_about():
    samples = np.arange(0, 108_000_000, 30_000)
    with pytest.raises(ValueError, match=r"all 7200 times are whole numbers, up to 1.07.*e.08"):
        neurokit.spikes([samples] * 2, stop=108_000_000)
    x = neurokit.spikes([samples], stop=108_000_000, sampling_rate=30_000)
    assert (x["stop"].item(), x["spike_time"].values[1]) == (3600.0, 1.0)
    y = neurokit.spikes([samples], stop=108_000_000, units="ms")
    assert y["stop"].item() == 108_000
    neurokit.spikes([np.arange(999)], stop=999)  # seconds may be whole
    z = neurokit.spikes([samples], stop=108_000_000, units="s")
    with pytest.raises(ValueError, match=r"1 times 108000000000000 bins .* are the times in sec"):
        neurokit.bin_spikes(z, 1e-6)
    with pytest.raises(ValueError, match="give units= or a positive sampling_rate="):
        neurokit.spikes([[1.0]], stop=1, units="ms", sampling_rate=10)
    with pytest.raises(ValueError, match="units must be 's', 'ms', 'us' or 'ns', got 'h'"):
        neurokit.spikes([[1.0]], stop=1, units="h")


def test_times_with_a_unit_are_converted():
    labelled = xr.DataArray([100.0, 200.0], dims="spike", attrs={"units": "ms"})
    deltas = np.array([100, 200], "timedelta64[ms]")
    for train in (labelled, deltas, labelled.assign_attrs(units="us") * 1000):
        x = neurokit.spikes([train], stop=1.0)
        assert x["spike_time"].values.tolist() == [0.1, 0.2]
    stop = np.timedelta64(1500, "ms")
    assert neurokit.spikes([[0.1]], stop=stop)["stop"].item() == 1.5
    counts = neurokit.bin_spikes(x, np.timedelta64(250, "ms"))
    assert counts.values.tolist() == [[2, 0, 0, 0]]
    with pytest.raises(ValueError, match="times come in 'samples', which is no unit of time"):
        neurokit.spikes([labelled.assign_attrs(units="samples")], stop=1)


def test_quantities_are_converted():
    quantities = pytest.importorskip("quantities")
    train = np.array([100.0, 200.0]) * quantities.ms
    x = neurokit.spikes([train], stop=1000 * quantities.ms)
    assert x["spike_time"].values.tolist() == [0.1, 0.2]
    assert x["stop"].item() == 1.0


# ------------------------------------------------------------------------- marks


def test_windows_over_bad_stretches_and_cuts_are_left_out_and_counted():
    x = neurokit.signal(np.zeros((1, 1000)), sampling_rate=100)
    table = neurokit.events(
        [1, 3, 5, 7, 3, 6.8], [0, 0, 0, 0, 1, 0.5], [*"aaaa", "BAD_ACQ_SKIP", "bad blink"]
    )
    said = r"2 of 4 windows touch marks of bad data or cuts, \['BAD_ACQ_SKIP', 'bad blink'\]"
    for labels in (["a"], None):
        with pytest.warns(UserWarning, match=said) as caught:
            trials = neurokit.epoch(x, table, tmin=0, tmax=0.5, labels=labels)
        assert len(caught) == 1
        assert trials["onset"].values.tolist() == [1, 5]
    kept = neurokit.epoch(x, table, tmin=0, tmax=0.5, labels=["a"], keep_bad=True)
    assert kept.sizes["trial"] == 4
    named = neurokit.epoch(x, table, tmin=0, tmax=0.5, labels=["bad blink"], keep_bad=True)
    assert named["label"].values.tolist() == ["bad blink"]
    spikes = neurokit.spikes([[1.0]], stop=10)
    with pytest.warns(UserWarning, match=said):
        trials = neurokit.epoch(spikes, table, tmin=0, tmax=0.5, labels=["a"], bin_width=0.1)
    assert trials.sizes["trial"] == 2
    with pytest.raises(ValueError, match=r"1 of 1 windows touch .* no other is left; keep_bad"):
        neurokit.epoch(x, table.sort_index().iloc[[1, 2]], tmin=0, tmax=0.5, labels=["a"])


@pytest.mark.parametrize("cut", ["boundary", "EDGE boundary", "New Segment/", "BAD boundary"])
def test_a_window_may_begin_or_end_at_a_cut_and_not_cross_it(cut):
    x = neurokit.signal(np.zeros((1, 1000)), sampling_rate=100)
    table = neurokit.events([2.0, 2.5, 3.0, 3.0], [0, 0, 0, 0.01], ["a", "a", "a", cut])
    with pytest.warns(UserWarning, match="1 of 3 windows touch"):
        trials = neurokit.epoch(x, table, tmin=0, tmax=1.0)
    assert trials["onset"].values.tolist() == [2.0, 3.0]


def test_labels_that_only_look_like_marks_are_labels():
    assert not any(map(is_mark, ["badger", "edges", "new", "segment", "left", 1, None]))
    assert all(map(is_mark, ["BAD", "bad", "BAD_x", "Bad segment", "bad:x", "EDGE", "boundary"]))


def test_marks_are_found_in_the_column_of_the_labels_too():
    x = neurokit.signal(np.zeros((1, 1000)), sampling_rate=100)
    table = neurokit.events([1, 3, 3.2], [0, 0, 1], "x", trial_type=["left", "right", "BAD_eye"])
    with pytest.warns(UserWarning, match=r"1 of 2 windows touch .*\['BAD_eye'\]"):
        trials = neurokit.epoch(x, table, tmin=0, tmax=1, label="trial_type")
    assert trials["label"].values.tolist() == ["left"]


def test_times_of_tables_and_rates_with_a_unit_are_converted():
    table = neurokit.events(pd.to_timedelta([1500, 2500], "ms"), np.timedelta64(250, "ms"))
    assert table["onset"].tolist() == [1.5, 2.5]
    assert table["duration"].tolist() == [0.25, 0.25]
    x = neurokit.signal(np.zeros((1, 1000)), sampling_rate=100)
    late = pd.DataFrame({"onset": pd.to_timedelta([1500], "ms"), "label": "a"})
    trials = neurokit.epoch(x, late, tmin=pd.Timedelta(0), tmax=np.timedelta64(1, "s"))
    assert (trials["onset"].values.tolist(), trials.sizes["time"]) == ([1.5], 100)
    with pytest.raises(ValueError, match="onsets are dates; subtract the start"):
        neurokit.epoch(x, late.assign(onset=pd.Timestamp("2024-01-01")), tmin=0, tmax=1)
    quantities = pytest.importorskip("quantities")
    fast = neurokit.signal(np.zeros((1, 9)), sampling_rate=30 * quantities.kHz)
    assert neurokit.sampling_rate(fast) == 30_000
    with pytest.raises(ValueError, match="the sampling rate comes in 'V'"):
        neurokit.signal(np.zeros((1, 9)), sampling_rate=30 * quantities.V)
    listed = neurokit.spikes([[100 * quantities.ms, 0.2 * quantities.s]], stop=1)
    assert listed["spike_time"].values.tolist() == [0.1, 0.2]


# ------------------------------------------------------------------------- columns


def test_labels_come_from_any_column():
    x = neurokit.signal(np.zeros((1, 1000)), sampling_rate=100)
    table = neurokit.events([1, 2, 3], 0, list("xyx"), trial_type=["left", "right", "left"])
    trials = neurokit.epoch(x, table, tmin=0, tmax=1, label="trial_type", labels=["left"])
    assert trials["label"].values.tolist() == ["left", "left"]
    assert trials["event"].values.tolist() == ["x", "x"]
    assert trials["trial_type"].values.tolist() == ["left", "left"]
    numbers = pd.DataFrame({"onset": [1.0, 2.0], "code": [202, 203]})
    assert neurokit.epoch(x, numbers, tmin=0, tmax=1, label="code")["label"].dtype == np.int64
    with pytest.raises(ValueError, match=r"no column 'stimulus'; there are \['onset', 'code'\]"):
        neurokit.epoch(x, numbers, tmin=0, tmax=1, label="stimulus")
    with pytest.raises(ValueError, match="no column 'label'"):
        neurokit.epoch(x, numbers, tmin=0, tmax=1, labels=["left"])


@pytest.mark.parametrize(
    ("make", "options", "message"),
    [
        (
            lambda: neurokit.spikes([[0.5]], stop=10),
            {"tmin": 0, "tmax": 0.5, "bin_width": 1},
            "no bin of 1 s fits into a window of 0 to 0.5 s; take narrower bins",
        ),
        (
            lambda: neurokit.signal(np.zeros((1, 50)), sampling_rate=10),
            {"tmin": 0, "tmax": 0.01},
            "a window of 0 to 0.01 s holds no sample at 10 Hz",
        ),
        (
            lambda: xr.DataArray(
                np.zeros((1, 8)),
                dims=("channel", "time"),
                coords={"time": [0.0, 1, 2, 3, 1, 2, 3, 4]},
            ),
            {"tmin": 0, "tmax": 2},
            "the clock of x steps back from 3 to 1 s",
        ),
    ],
)
def test_what_cannot_be_cut_is_told_why(make, options, message):
    with pytest.raises(ValueError, match=message):
        neurokit.epoch(make(), neurokit.events([1.0]), **options)


def test_nothing_is_said_where_nothing_is_left_out():
    x = neurokit.signal(np.zeros((1, 1000)), sampling_rate=100)
    table = neurokit.events([1, 2, 8], [0, 0, 1], ["a", "b", "BAD"])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert neurokit.epoch(x, table, tmin=0, tmax=1).sizes["trial"] == 2


def test_marks_of_a_fif_file_leave_out_what_was_never_recorded(tmp_path):
    mne = pytest.importorskip("mne")
    info = mne.create_info(["C3", "C4"], 100, "eeg", verbose="error")
    raw = mne.io.RawArray(np.full((2, 1000), 1e-5), info, verbose="error")
    names = ["a"] * 4 + ["BAD_ACQ_SKIP", "BAD_blink"]
    raw.set_annotations(mne.Annotations([1, 3, 5, 7, 3, 6.8], [0, 0, 0, 0, 1, 0.5], names))
    path = tmp_path / "x_raw.fif"
    raw.save(path, buffer_size_sec=1, verbose="error")
    x, table = neurokit.io.read_signal(path), neurokit.io.read_events(path)
    with pytest.warns(UserWarning, match="2 of 4 windows touch marks"):
        trials = neurokit.epoch(x, table, tmin=0, tmax=0.5, labels=["a"])
    assert trials["onset"].values.tolist() == [1, 5]
    np.testing.assert_allclose(trials, 10, rtol=1e-5)


@settings(deadline=None, max_examples=40)
@given(
    chunks=st.lists(st.integers(1, 40), min_size=1, max_size=8),
    onsets=st.lists(st.integers(0, 90), min_size=1, max_size=20),
    size=st.integers(1, 30),
    split=st.booleans(),
)
def test_windows_of_a_lazy_recording_are_those_of_the_array(chunks, onsets, size, split):
    values = np.arange(2.0 * sum(chunks)).reshape(2, -1)
    onsets = np.array([n for n in onsets if n + size <= sum(chunks)], dtype=int)
    if not len(onsets):
        return
    parts = (tuple([1, 1] if split else [2]), tuple(chunks))
    lazy = neurokit.signal(dask.array.from_array(values, chunks=parts), sampling_rate=10)
    table = pd.DataFrame({"onset": onsets / 10})
    window = {"tmin": 0, "tmax": size / 10}
    trials = neurokit.epoch(lazy, table, **window)
    assert trials.chunks is not None
    np.testing.assert_array_equal(trials, np.stack([values[:, n : n + size] for n in onsets]))
    whole = neurokit.epoch(neurokit.signal(values, sampling_rate=10), table, **window)
    xr.testing.assert_identical(trials.compute(), whole)


def test_the_graph_of_lazy_windows_grows_with_blocks_not_with_windows():
    lazy = neurokit.signal(dask.array.zeros((2, 10_000), chunks=(2, 1000)), sampling_rate=100)
    table = neurokit.events(np.linspace(1, 90, 2000))
    trials = neurokit.epoch(lazy, table, tmin=0, tmax=0.5)
    assert trials.shape == (2000, 2, 50)
    assert len(trials.data.dask) < 60
