import sys
import types

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import neurokit
from neurokit import io, recording


@pytest.fixture
def spikes():
    return neurokit.spikes(
        {3: [0.5, 0.25], 8: [], 9: [2.0]}, start=-1.0, stop=4.0, regions=["M1", "M1", "S1"]
    )


# --- pynapple ----------------------------------------------------------------------------------


def test_spikes_survive_pynapple(spikes):
    nap = pytest.importorskip("pynapple")
    group = io.to_pynapple(spikes)
    assert isinstance(group, nap.TsGroup)
    assert list(group.keys()) == [3, 8, 9]
    assert group[3].times().tolist() == [0.25, 0.5]
    assert group["region"].tolist() == ["M1", "M1", "S1"]
    xr.testing.assert_equal(io.from_pynapple(group), spikes)
    named = spikes.assign_coords(unit=["a", "b", "c"])
    assert io.to_pynapple(named)["unit"].tolist() == ["a", "b", "c"]
    alone = io.from_pynapple(nap.Ts([1.0, 2.0]))
    assert alone["spike_time"].values.tolist() == [1.0, 2.0]


def test_silence_between_the_intervals_of_a_time_support_is_not_counted():
    nap = pytest.importorskip("pynapple")
    times = np.r_[np.arange(0.1, 100, 0.2), np.arange(200.1, 300, 0.2)]
    support = nap.IntervalSet([0, 200], [100, 300])
    x = io.from_pynapple(nap.TsGroup({0: nap.Ts(times)}, time_support=support))
    found = neurokit.bin_spikes(x, 1.0)
    assert found.isnull().values.ravel().tolist() == [False] * 100 + [True] * 100 + [False] * 100
    assert float(found.mean()) == 5


def test_arrays_survive_pynapple(rng):
    nap = pytest.importorskip("pynapple")
    x = recording.behaviour(rng.normal(size=(50, 2)), sampling_rate=250, features=["x", "y"])
    frame = io.to_pynapple(x)
    assert isinstance(frame, nap.TsdFrame)
    back = io.from_pynapple(frame)
    xr.testing.assert_equal(back, x)
    assert back.xindexes["time"].equals(x.xindexes["time"])
    eeg = neurokit.signal(rng.normal(size=(2, 50)), sampling_rate=250, channels=["a", "b"])
    xr.testing.assert_equal(io.from_pynapple(io.to_pynapple(eeg), kind="signal"), eeg)
    calcium = neurokit.traces(rng.normal(size=(2, 50)), sampling_rate=30, ids=[5, 6])
    xr.testing.assert_equal(io.from_pynapple(io.to_pynapple(calcium), kind="traces"), calcium)
    gap = nap.Tsd(t=np.r_[0:10, 20:30] / 10, d=np.arange(20.0))
    assert recording.contiguous_runs(io.from_pynapple(gap)) == [slice(0, 10), slice(10, 20)]


def test_events_survive_pynapple():
    nap = pytest.importorskip("pynapple")
    table = recording.events([1.0, 3.0], [0.5, 0.25], ["a", "b"], correct=[1, 0])
    intervals = io.to_pynapple(table)
    assert isinstance(intervals, nap.IntervalSet)
    back = io.from_pynapple(intervals)
    pd.testing.assert_frame_equal(back, table, check_dtype=False)


def test_what_pynapple_lacks_is_refused():
    pytest.importorskip("pynapple")
    with pytest.raises(ValueError, match=r"takes arrays of time and one other dim, got \('trial'"):
        io.to_pynapple(neurokit.signal(np.zeros((2, 2, 5)), sampling_rate=10))
    with pytest.raises(TypeError, match="to_pynapple takes a Dataset of spikes"):
        io.to_pynapple(3)
    with pytest.raises(TypeError, match=r"from_pynapple takes a TsGroup.*got int"):
        io.from_pynapple(3)


def test_an_unknown_kind_is_refused():
    nap = pytest.importorskip("pynapple")
    with pytest.raises(ValueError, match="kind must be 'behaviour', 'signal' or 'traces', got 'x"):
        io.from_pynapple(nap.Tsd(t=[0.0, 1.0], d=[0.0, 1.0]), kind="x")


def test_without_pynapple_the_extra_is_named(monkeypatch, spikes):
    monkeypatch.setitem(sys.modules, "pynapple", None)
    with pytest.raises(ImportError, match=r'pip install "neurokit-brain\[pynapple\]"'):
        io.to_pynapple(spikes)


# --- neo ---------------------------------------------------------------------------------------


def _block():
    neo, pq = pytest.importorskip("neo"), pytest.importorskip("quantities")
    block, segment = neo.Block(), neo.Segment()
    block.segments.append(segment)
    segment.analogsignals.append(
        neo.AnalogSignal(
            np.arange(20.0).reshape(10, 2),
            units="mV",
            sampling_rate=250 * pq.Hz,
            t_start=1 * pq.s,
            name="lfp",
            array_annotations={"channel_names": ["a", "b"]},
        )
    )
    segment.spiketrains.append(
        neo.SpikeTrain([300.0, 200.0], units="ms", t_stop=1000.0, name="u1")
    )
    segment.spiketrains.append(neo.SpikeTrain([0.5] * pq.s, t_stop=2.0, name="u2"))
    segment.events.append(neo.Event([0.1] * pq.s, labels=["go"]))
    segment.epochs.append(neo.Epoch([0.05] * pq.s, durations=[0.2] * pq.s, labels=["light"]))
    return block


def test_a_neo_block_becomes_a_session():
    session = io.from_neo(_block())
    x = session["signal/lfp/signal"]
    assert (x.attrs["units"], x["channel"].values.tolist()) == ("uV", ["a", "b"])
    assert np.array_equal(x, 1000 * np.arange(20.0).reshape(10, 2).T)
    index = x.xindexes["time"]
    assert (index.first, index.rate) == (250, 250)
    spikes = session["spikes"].to_dataset()
    assert spikes["unit"].values.tolist() == ["u1", "u2"]
    assert spikes["spike_time"].values.tolist() == [0.2, 0.3, 0.5]
    assert float(spikes["stop"]) == 2.0
    table = session["events"].to_dataset().to_dataframe()
    assert table["label"].tolist() == ["light", "go"]
    assert table["duration"].tolist() == [0.2, 0.0]


def test_parts_of_neo_become_recordings():
    block = _block()
    (segment,) = block.segments
    xr.testing.assert_identical(
        io.from_neo(segment)["spikes"].to_dataset(), io.from_neo(list(segment.spiketrains))
    )
    assert io.from_neo(segment.analogsignals[0]).dims == ("channel", "time")
    assert io.from_neo(segment.events[0])["label"].tolist() == ["go"]
    block.segments.extend(_block().segments)
    assert list(io.from_neo(block)) == ["segment-0", "segment-1"]
    with pytest.raises(TypeError, match=r"from_neo takes a neo AnalogSignal.*got list"):
        io.from_neo([1, 2])


# --- SpikeInterface ----------------------------------------------------------------------------


class Recording:
    """The methods of SpikeInterface's BaseRecording that are used, with its semantics."""

    def __init__(self, raw, gains=None, probe=True):
        self.raw, self.gains, self.probe, self.asked = raw, gains, probe, []

    def get_num_segments(self):
        return 1

    def get_num_samples(self, segment_index=None):
        return len(self.raw)

    def get_sampling_frequency(self):
        return 30000.0

    def get_channel_ids(self):
        return np.array(["AP0", "AP1", "AP2"])

    def get_traces(self, segment_index, start_frame, end_frame, channel_ids):
        self.asked.append(end_frame - start_frame)
        columns = [self.get_channel_ids().tolist().index(name) for name in channel_ids]
        return self.raw[start_frame:end_frame, columns]

    def has_scaleable_traces(self):
        return self.gains is not None

    def get_channel_gains(self):
        return self.gains

    def get_channel_offsets(self):
        return np.array([0.0, 1.0, 2.0])

    def has_probe(self):
        return self.probe

    def get_channel_locations(self):
        return np.array([[0.0, 20.0], [0.0, 40.0], [16.0, 20.0]])

    def get_start_time(self, segment_index=None):
        return 0.5


class Sorting:
    """Likewise of BaseSorting."""

    def get_num_segments(self):
        return 1

    def get_sampling_frequency(self):
        return 30000.0

    def get_unit_ids(self):
        return np.array(["a", "b"])

    def get_unit_spike_train(self, unit_id, segment_index, return_times):
        assert return_times
        return {"a": np.array([0.1, 0.2]), "b": np.array([])}[unit_id]

    def has_recording(self):
        return True

    def get_num_samples(self, segment_index=None):
        return 90000


def test_a_recording_of_spikeinterface_is_lazy_and_in_microvolts(rng):
    raw = rng.integers(-500, 500, (1000, 3)).astype(np.int16)
    source = Recording(raw, gains=np.array([0.5, 0.5, 2.0]))
    x = io.from_spikeinterface(source)
    assert source.asked == []
    assert (x.attrs["units"], x.dtype, neurokit.sampling_rate(x)) == ("uV", np.float32, 30000)
    assert float(x["time"][0]) == 0.5
    expected = raw.T * [[0.5], [0.5], [2.0]] + [[0], [1], [2]]
    assert np.allclose(x[[2, 0], 10:20], expected[[2, 0], 10:20])
    assert source.asked == [10]
    assert x["y"].values.tolist() == [0.02, 0.04, 0.02]
    assert np.isnan(x["z"]).all()
    plain = io.from_spikeinterface(Recording(raw, probe=False))
    assert np.array_equal(plain, raw.T)
    assert plain.attrs["units"] == ""
    assert "x" not in plain.coords


def test_a_sorting_of_spikeinterface_becomes_spikes():
    x = io.from_spikeinterface(Sorting())
    assert x["unit"].values.tolist() == ["a", "b"]
    assert x["spike_count"].values.tolist() == [2, 0]
    assert (float(x["start"]), float(x["stop"])) == (0.0, 3.0)


def test_other_objects_and_segments_are_refused():
    with pytest.raises(
        TypeError, match="takes a recording or a sorting of SpikeInterface, got int"
    ):
        io.from_spikeinterface(3)
    with pytest.raises(ValueError, match="segment must be below 1, got 1"):
        io.from_spikeinterface(Sorting(), segment=1)


class NumpyRecording:
    """SpikeInterface's recording in memory, as far as it is used."""

    def __init__(self, traces, sampling_frequency, t_starts, channel_ids):
        (self.traces,), self.rate, self.start = traces, sampling_frequency, t_starts[0]
        self.ids, self.gain, self.offset, self.places = channel_ids, None, None, None

    def set_channel_gains(self, gain):
        self.gain = gain

    def set_channel_offsets(self, offset):
        self.offset = offset

    def set_dummy_probe_from_locations(self, places):
        self.places = places


class NumpySorting:
    """SpikeInterface's sorting in memory, as far as it is used."""

    @classmethod
    def from_unit_dict(cls, units, sampling_frequency):
        made = cls()
        made.units, made.rate = units[0], sampling_frequency
        return made


@pytest.fixture
def spikeinterface(monkeypatch):
    core = types.ModuleType("spikeinterface.core")
    core.NumpyRecording, core.NumpySorting = NumpyRecording, NumpySorting
    whole = types.ModuleType("spikeinterface")
    whole.core = core
    monkeypatch.setitem(sys.modules, "spikeinterface", whole)
    monkeypatch.setitem(sys.modules, "spikeinterface.core", core)


def test_signals_and_spikes_go_to_spikeinterface(spikeinterface, rng):
    x = neurokit.signal(
        rng.normal(size=(2, 50)),
        sampling_rate=100,
        channels=["a", "b"],
        start=2.0,
        positions=[[0, 0, 0], [0, 0.02, 0]],
    )
    made = io.to_spikeinterface(x)
    np.testing.assert_array_equal(made.traces, x.values.T)
    assert (made.rate, made.start, made.ids, made.gain) == (100, 2.0, ["a", "b"], 1.0)
    np.testing.assert_allclose(made.places, [[0, 0], [0, 20]])
    sorting = io.to_spikeinterface(neurokit.spikes({"u": [0.1, 0.25]}, stop=1.0), rate=1000)
    assert sorting.units["u"].tolist() == [100, 250]
    with pytest.raises(ValueError, match="samples count from 0 s"):
        io.to_spikeinterface(neurokit.spikes({"u": [-0.1]}, start=-1.0, stop=1.0))
    with pytest.raises(TypeError, match="takes a signal or spikes, got int"):
        io.to_spikeinterface(3)
    jumped = x.isel(time=np.r_[0:10, 20:30])
    with pytest.raises(ValueError, match="the clock jumps, there are 2 stretches"):
        io.to_spikeinterface(jumped)


def test_without_spikeinterface_one_sentence_says_so(monkeypatch):
    monkeypatch.setitem(sys.modules, "spikeinterface", None)
    with pytest.raises(ImportError, match="needs SpikeInterface: pip install spikeinterface"):
        io.to_spikeinterface(neurokit.signal([[1.0, 2.0]], sampling_rate=1))
