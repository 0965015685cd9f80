import datetime
import pickle
import warnings

import dask.array
import h5py
import numpy as np
import pandas as pd
import pytest
import xarray as xr

import neurokit
from neurokit import io, recording
from neurokit.io.readers.hdf5 import open_hdf5, read_numbers
from neurokit.io.readers.nwb import read_nwb_events, read_nwb_session, read_nwb_spikes
from neurokit.recording.first_look import FirstLook

pynwb = pytest.importorskip("pynwb")


def _file(start="2020-01-02T03:04:05+00:00"):
    return pynwb.NWBFile(
        session_description="a test",
        identifier="x",
        session_start_time=datetime.datetime.fromisoformat(start),
    )


def _write(path, file):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pynwb.NWBHDF5IO(str(path), "w") as writer:
            writer.write(file)
    return path


def _electrodes(file, n, **columns):
    group = file.create_electrode_group("g", "-", "-", file.create_device("d"))
    for name in columns:
        file.add_electrode_column(name, name)
    for i in range(n):
        more = {name: values[i] for name, values in columns.items()}
        file.add_electrode(x=1000.0 * i, y=0.0, z=-500.0, location=f"area{i % 2}", group=group,
                           **more)  # fmt: skip
    return lambda rows: file.create_electrode_table_region(rows, "-")


def _series(name, data, **kw):
    return pynwb.TimeSeries(name=name, data=data, unit=kw.pop("unit", "a.u."), **kw)


# --- against pynwb -----------------------------------------------------------------------------


def test_units_agree_with_pynwb(data):
    for name, n_units, n_spikes in [
        ("nwb_units/human_mtl_sub-4_ses-4.nwb", 35, 214278),
        ("nwb_units/alm_sub-anm372793_ses-20170508.nwb", 1, 2434),
        ("format_torture/nwb_back_compat/A8604-211122.nwb", 3, 21354),
    ]:
        ours = io.read_spikes(data / name)
        assert dict(ours.sizes) == {"spike": n_spikes, "unit": n_units}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with pynwb.NWBHDF5IO(str(data / name), "r", load_namespaces=True) as reader:
                units = reader.read().units
                theirs = [units["spike_times"][i] for i in range(n_units)]
        assert np.array_equal(ours["spike_time"], np.concatenate([np.sort(t) for t in theirs]))
        assert ours["spike_count"].values.tolist() == [len(t) for t in theirs]


def test_units_carry_what_the_table_says_of_them(data):
    human = io.read_spikes(data / "nwb_units/human_mtl_sub-4_ses-4.nwb")
    assert human["channel"].values[:3].tolist() == ["10", "11", "11"]
    assert set(human["region"].values) == {"hippocampus_right", "amygdala_right"}
    mouse = io.read_spikes(data / "nwb_units/alm_sub-anm372793_ses-20170508.nwb")
    assert mouse["region"].values[0].startswith("brain_region: ALM")
    assert mouse["depth"].values.tolist() == [755.0]
    assert (float(mouse["start"]), float(mouse["stop"])) == (369.615, pytest.approx(2551.184311))


def test_an_nwb_1_file_is_read(data):
    spikes = io.read_spikes(data / "nwb_units/retina_20080606_R1.nwb1")
    assert spikes["unit"].values.tolist() == ["cell_1", "cell_2", "cell_3", "cell_4"]
    assert spikes["spike_count"].values.tolist() == [6946, 9780, 13011, 10920]
    events = read_nwb_events(data / "nwb_units/retina_20080606_R1.nwb1")
    assert events["onset"].tolist() == [0.0, 1342.0, 2636.0]
    assert events["label"].tolist() == ["stim_1", "stim_2", "stim_3"]


def test_the_user_is_told_of_a_time_of_another_clock(data):
    path = data / "nwb_units/human_mtl_sub-4_ses-4.nwb"
    with pytest.warns(UserWarning, match=r"2 of 3884 events lie a month.*first at -1\.543e\+09 s"):
        events = read_nwb_events(path)
    assert events["label"].value_counts()["encoding_table"] == 90
    spikes = io.read_spikes(path)  # the stray time does not stretch the observed span
    assert 0 <= float(spikes["start"]) < float(spikes["stop"]) < 2822
    assert recording.bin_spikes(spikes, 1.0).sizes["time"] == 2821


def test_trials_keep_their_columns(data):
    events = read_nwb_events(data / "nwb_units/alm_sub-anm372793_ses-20170508.nwb")
    trials = events[events["label"] == "trials"]
    assert len(trials) == 340
    assert trials["response"].iloc[:3].tolist() == ["early lick", "correct", "correct"]
    assert events["label"].value_counts()["lick_right_times"] == 3431
    licks = events[events["label"] == "lick_right_times"]
    assert set(licks["response"]) == {"n/a"}
    assert licks["cue_start_time"].isna().all()
    assert np.all(np.diff(events["onset"]) >= 0)


def test_every_old_file_is_read_or_refused_in_one_sentence(data):
    paths = sorted((data / "format_torture/nwb_back_compat").glob("*.nwb"))
    assert len(paths) == 23
    for path in paths:
        session = io.read_session(path)
        if path.name != "A8604-211122.nwb" and path.name != "example_converter_spec_3.nwb":
            with pytest.raises(ValueError, match=r"holds no sorted units; io\.read_session"):
                io.read_spikes(path)
        assert "identifier" in session.attrs
    assert session.attrs["identifier"]
    assert io.read_session(data / "format_torture/nwb_back_compat/1.5.1_imageseries_no_data.nwb"
                           ).attrs["left_out"] == ["acquisition/test_imageseries"]  # fmt: skip


# --- signals -----------------------------------------------------------------------------------


def test_an_electrical_series_is_lazy_and_in_microvolts(tmp_path):
    file = _file()
    pick = _electrodes(file, 4, channel_name=["a", "b", "c", "d"])
    raw = np.random.default_rng(0).integers(-3000, 3000, (5000, 3)).astype(np.int16)
    file.add_acquisition(
        pynwb.ecephys.ElectricalSeries(
            name="lfp",
            data=raw,
            electrodes=pick([0, 1, 3]),
            channel_conversion=[1.0, 2.0, 3.0],
            starting_time=2.5,
            rate=30000 / 1001,
            conversion=1e-6,
            offset=5e-6,
        )
    )
    session = io.read_session(_write(tmp_path / "x.nwb", file))
    x = session["signal/lfp/signal"]
    assert not x.variable._in_memory
    expected = (raw.T * np.array([[1], [2], [3]]) + 5).astype(np.float32)
    assert np.allclose(x[:, 100:140], expected[:, 100:140], rtol=1e-6, atol=1e-3)
    assert np.allclose(x[2, ::7], expected[2, ::7], rtol=1e-6, atol=1e-3)
    assert np.allclose(x[[2, 0], [4, 1, 9]], expected[[2, 0]][:, [4, 1, 9]], rtol=1e-6, atol=1e-3)
    assert not x.variable._in_memory
    assert (x.dtype, x.attrs["units"]) == (np.float32, "uV")
    assert x["channel"].values.tolist() == ["a", "b", "d"]
    assert x["region"].values.tolist() == ["area0", "area1", "area1"]
    assert x["x"].values.tolist() == [0.0, 1.0, 3.0]
    assert x["z"].values.tolist() == [-0.5] * 3
    assert neurokit.sampling_rate(x) == 30000 / 1001
    assert float(x["time"][0]) == 2.5
    assert np.allclose(pickle.loads(pickle.dumps(x)), expected, rtol=1e-6, atol=1e-3)
    assert session.attrs["session_start_time"] == "2020-01-02T03:04:05+00:00"


def test_even_timestamps_become_an_exact_clock_and_uneven_ones_stay(tmp_path):
    file = _file()
    even = 3.0 + np.arange(1000) / 1250
    file.add_acquisition(_series("even", np.ones((1000, 2)), timestamps=even))
    uneven = np.r_[even[:500], even[500:] + 10]
    file.add_acquisition(_series("uneven", np.ones(1000), timestamps=uneven, unit="mV"))
    session = io.read_session(_write(tmp_path / "x.nwb", file))
    index = session["signal/even"].xindexes["time"]
    assert (index.first, index.rate, index.size) == (3750, 1250, 1000)
    x = session["signal/uneven/signal"]
    assert np.array_equal(x["time"], uneven)
    assert x.attrs["units"] == "uV"
    assert float(x[0, 0]) == 1000.0
    assert recording.contiguous_runs(x) == [slice(0, 500), slice(500, 1000)]


def test_long_timestamps_are_checked_block_by_block(tmp_path, monkeypatch):
    monkeypatch.setattr("neurokit.io.readers.nwb_file._SHORT", 100)
    even = 3.0 + np.arange(1000) / 1250
    late = even.copy()
    late[777:] += 0.001
    file = _file()
    file.add_acquisition(_series("even", np.ones(1000), timestamps=even))
    file.add_acquisition(_series("late", np.ones(1000), timestamps=late))
    session = io.read_session(_write(tmp_path / "x.nwb", file))
    index = session["signal/even"].xindexes["time"]
    assert (index.first, index.rate, index.size) == (3750, 1250, 1000)
    assert np.array_equal(session["signal/late"]["time"], late)


def test_more_timestamps_than_frames_are_told_and_left_out(tmp_path):
    file = _file()
    file.add_acquisition(_series("good", np.ones(5), rate=1.0))
    path = _write(tmp_path / "x.nwb", file)
    with h5py.File(path, "a") as hdf:
        hdf.copy("acquisition/good", "acquisition/bad")
        del hdf["acquisition/bad/data"], hdf["acquisition/bad/starting_time"]
        hdf["acquisition/bad/data"] = np.ones(1137)
        hdf["acquisition/bad/timestamps"] = np.arange(1600.0)
    with pytest.warns(
        UserWarning, match="bad is left out, as it has 1137 samples and 1600 timest"
    ):
        session = read_nwb_session(path)
    assert session.attrs["left_out"] == ["acquisition/bad"]
    assert list(session["signal"]) == ["good"]


def test_behaviour_and_fluorescence_have_their_places(tmp_path):
    file = _file()
    module = file.create_processing_module("behavior", "-")
    position = pynwb.behavior.Position(name="Position")
    place = np.arange(20.0).reshape(10, 2)
    position.create_spatial_series(name="hand", data=place, rate=100.0, reference_frame="-",
                                   unit="meters", conversion=2.0)  # fmt: skip
    module.add(position)
    path = _write(tmp_path / "x.nwb", file)
    x = io.read_session(path)["behaviour/behaviour"]
    assert x.dims == ("time", "feature")
    assert x["feature"].values.tolist() == ["hand_x", "hand_y"]
    assert x["units"].values.tolist() == ["meters"] * 2
    assert np.array_equal(x, 2 * place)
    with h5py.File(path, "a") as hdf:  # a response of two regions, as ophys files have it
        group = hdf.create_group("processing/ophys/DfOverF/cells")
        group.attrs["neurodata_type"] = "RoiResponseSeries"
        group["data"] = np.ones((8, 2), np.float32)
        group["data"].attrs["unit"] = "dF/F"
        group["rois"] = [4, 7]
        group["timestamps"] = np.arange(8) / 30
    x = io.read_session(path)["traces/cells/traces"]
    assert x.dims == ("unit", "time")
    assert x["unit"].values.tolist() == [4, 7]
    assert x.attrs["units"] == "dF/F"


# --- events ------------------------------------------------------------------------------------


def test_markers_of_every_kind_become_events(tmp_path):
    file = _file()
    if not hasattr(file, "create_events_table"):
        pytest.skip("this pynwb writes no tables of events")
    notes = file.create_events_table(name="notes", description="-")
    notes.add_column("annotation", "-")
    notes.add_row(timestamp=0.5, annotation="hello")
    notes.add_row(timestamp=9.0, annotation="bye")
    file.add_acquisition(
        pynwb.misc.IntervalSeries(
            name="light", data=np.int8([1, -1, 1]), timestamps=[1.0, 3.0, 5.0]
        )
    )
    file.add_acquisition(_series("ttl", np.int8([61, 0]), timestamps=[2.0, 2.5]))
    file.add_epoch(6.0, 7.0, ["wake", "dark"])
    file.add_trial_column("side", "-")
    file.add_trial(start_time=8.0, stop_time=8.5, side="L")
    path = _write(tmp_path / "x.nwb", file)
    with h5py.File(path, "a") as hdf:  # an AnnotationSeries, which pynwb no longer writes
        hdf.copy("acquisition/ttl", "acquisition/said")
        del hdf["acquisition/said/data"], hdf["acquisition/said/timestamps"]
        hdf["acquisition/said/data"] = ["hm"]
        hdf["acquisition/said/timestamps"] = [10.0]
    events = read_nwb_events(path)
    assert list(events[["onset", "duration", "label"]].itertuples(index=False, name=None)) == [
        (0.5, 0.0, "hello"),
        (1.0, 2.0, "light"),
        (2.0, 0.0, "ttl/61"),
        (2.5, 0.0, "ttl/0"),
        (5.0, 0.0, "light"),
        (6.0, 1.0, "wake;dark"),
        (8.0, 0.5, "trials"),
        (9.0, 0.0, "bye"),
        (10.0, 0.0, "hm"),
    ]
    assert events["side"].tolist() == ["n/a"] * 6 + ["L", "n/a", "n/a"]


def test_a_file_without_events_gives_an_empty_table(tmp_path):
    events = read_nwb_events(_write(tmp_path / "x.nwb", _file()))
    assert list(events) == ["onset", "duration", "label"]
    assert events.empty
    assert [node.path for node in io.read_session(tmp_path / "x.nwb").subtree] == ["/"]


# --- export ------------------------------------------------------------------------------------


def _spikes(rng, n_units=4):
    times = [np.sort(rng.uniform(-1, 9, rng.integers(0, 20))) for _ in range(n_units)]
    return neurokit.spikes(
        times,
        start=-1.0,
        stop=10.0,
        ids=["u1", "u2", "u3", "u4"][:n_units],
        channels=["a", "a", "b", "c"][:n_units],
        regions=["M1", "M1", "PMd", "S1"][:n_units],
    ).assign_coords(quality=("unit", ["good", "mua", "good", "noise"][:n_units]))


def test_spikes_written_to_nwb_come_back_the_same(tmp_path, rng):
    for x in [
        _spikes(rng),
        neurokit.spikes({3: [0.5], 9: []}, stop=1.0),
        neurokit.spikes([[0.25]], stop=1.0, regions=["CA1"]),
    ]:
        path = io.write_nwb(tmp_path / "x.nwb", x)
        xr.testing.assert_identical(io.read_spikes(path), x)
    assert [p.name for p in tmp_path.iterdir()] == ["x.nwb"]


def test_places_survive_within_rounding(tmp_path, rng):
    places = rng.normal(size=(3, 3))
    x = neurokit.spikes([[0.1]] * 3, stop=1.0, channels=["a", "b", "c"], positions=places)
    xr.testing.assert_allclose(io.read_spikes(io.write_nwb(tmp_path / "x.nwb", x)), x)


def test_a_session_written_to_nwb_comes_back_the_same(tmp_path, rng):
    lfp = neurokit.signal(
        rng.normal(size=(3, 500)), sampling_rate=1000 / 3, start=-0.3, channels=["a", "b", "c"],
        regions=["M1", "PMd", "S1"],
    )  # fmt: skip
    gap = lfp.isel(time=np.r_[0:100, 200:300])
    hand = recording.behaviour(
        rng.normal(size=(40, 2)), sampling_rate=250, features=["vx", "vy"], units=["mm/s"] * 2
    )
    events = recording.events([3.0, 1.0], [0.5, 0.0], ["b", "a"], correct=[1, 0])
    tree = xr.DataTree.from_dict(
        {
            "signal/lfp": lfp.to_dataset(name="signal"),
            "signal/gap": gap.to_dataset(name="signal"),
            "spikes": _spikes(rng),
            "behaviour": hand.to_dataset(name="behaviour"),
            "events": events.rename_axis("event").to_xarray(),
        }
    )
    tree.attrs = {
        "session_start_time": "2021-05-06T07:08:09+00:00",
        "session_description": "b",
        "identifier": "a",
        "subject": "indy",
        "species": "Macaca mulatta",
    }
    back = io.read_session(io.write_nwb(tmp_path / "x.nwb", tree))
    assert back.attrs == tree.attrs
    xr.testing.assert_identical(back["spikes"].to_dataset(), tree["spikes"].to_dataset())
    for name in ("signal/lfp", "signal/gap"):
        x, y = back[f"{name}/signal"], tree[f"{name}/signal"]
        xr.testing.assert_equal(x, y)
        assert x.attrs == y.attrs
    assert back["signal/lfp"].xindexes["time"].equals(lfp.xindexes["time"])
    features = [back[f"behaviour/{name}/behaviour"] for name in ("vx", "vy")]
    xr.testing.assert_equal(xr.concat(features, "feature"), hand)
    table = back["events"].to_dataset().to_dataframe()
    assert table["onset"].tolist() == [1.0, 3.0]
    assert table["label"].tolist() == ["a", "b"]
    assert table["correct"].tolist() == [0, 1]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert not pynwb.validate(path=str(tmp_path / "x.nwb"))


def test_a_large_signal_is_written_block_by_block(tmp_path):
    asked = []

    def block(zeros, block_info):
        first, last = block_info[None]["array-location"][1]
        asked.append(last - first)
        return np.broadcast_to(np.arange(first, last, dtype=np.float32), (2, last - first))

    x = dask.array.zeros((2, 9_000_000), chunks=(2, 1_000_000), dtype=np.float32)
    x = x.map_blocks(block, dtype=np.float32, meta=np.empty((0, 0), np.float32))
    path = io.write_nwb(tmp_path / "x.nwb", neurokit.signal(x, sampling_rate=1000))
    back = io.read_session(path)["signal/signal/signal"]
    assert np.array_equal(back[1, 8_000_000:8_000_010], np.arange(8_000_000, 8_000_010))
    assert max(asked) == 1_000_000


def test_a_failed_write_leaves_the_old_file(tmp_path, rng):
    path = io.write_nwb(tmp_path / "x.nwb", _spikes(rng))
    before = path.read_bytes()

    def fail(block):
        raise RuntimeError("no")

    x = dask.array.ones((2, 10), chunks=5, dtype=np.float32)
    x = x.map_blocks(fail, dtype=np.float32, meta=np.empty((0, 0), np.float32))
    with pytest.raises(RuntimeError, match="no"):
        io.write_nwb(path, neurokit.signal(x, sampling_rate=250))
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["x.nwb"]


# --- refusals ----------------------------------------------------------------------------------


def test_what_cannot_be_written_is_refused(tmp_path):
    x = neurokit.signal(np.zeros((3, 2, 5)), sampling_rate=10)
    with pytest.raises(
        ValueError, match=r"must have dims \('channel', 'time'\).*trials as events"
    ):
        io.write_nwb(tmp_path / "x.nwb", x)
    x = neurokit.signal(np.zeros((2, 5)), sampling_rate=10, units="fT")
    with pytest.raises(ValueError, match="must be in uV, got 'fT'"):
        io.write_nwb(tmp_path / "x.nwb", x)
    with pytest.raises(ValueError, match=r"must end in \.nwb, got"):
        io.write_nwb(tmp_path / "x.h5", x)
    with pytest.raises(TypeError, match=r"takes spikes, a signal or a DataTree.*got DataFrame"):
        io.write_nwb(tmp_path / "x.nwb", pd.DataFrame())
    with pytest.raises(TypeError, match="takes a Dataset of spikes"):
        io.write_nwb(tmp_path / "x.nwb", xr.Dataset())
    with pytest.raises(ValueError, match=r"holds none of signal/\.\.\., spikes"):
        io.write_nwb(tmp_path / "x.nwb", xr.DataTree())
    assert not list(tmp_path.iterdir())


def test_damaged_files_are_refused_with_their_name(tmp_path, rng):
    path = io.write_nwb(tmp_path / "x.nwb", _spikes(rng))
    whole = path.read_bytes()
    for content, message in [
        (whole[: len(whole) // 2], "is cut short; copy it again"),
        (b"not HDF5" * 100, "is damaged or not HDF5"),
        (b"", "is empty"),
        (b"version https://git-lfs.github.com/spec/v1\n", "git-LFS"),
    ]:
        path.write_bytes(content)
        for door in (io.read_spikes, io.read_session, read_nwb_events):
            with pytest.raises(OSError, match=rf"x\.nwb: .*{message}"):
                door(path)
    with h5py.File(path, "w") as file:
        file["a"] = 1
    with pytest.raises(OSError, match=r"x\.nwb: is HDF5 without an nwb_version"):
        io.read_spikes(path)
    (tmp_path / "y.nwb").mkdir()
    with pytest.raises(IsADirectoryError, match=r"y\.nwb: is a folder"):
        read_nwb_spikes(tmp_path / "y.nwb")


def test_a_damaged_index_or_time_is_refused(tmp_path, rng):
    path = io.write_nwb(tmp_path / "x.nwb", _spikes(rng))
    with h5py.File(path, "a") as file:
        file["units/spike_times_index"][-1] = 200
    with pytest.raises(OSError, match=r"spike_times_index does not divide its .* among 4 rows"):
        io.read_spikes(path)
    path = io.write_nwb(tmp_path / "x.nwb", neurokit.spikes([[0.1, 0.2]], stop=1))
    with h5py.File(path, "a") as file:
        file["units/spike_times"][0] = np.nan
    with pytest.raises(OSError, match=r"x\.nwb: 1 spike times are not finite"):
        io.read_spikes(path)


def test_what_nwb_does_not_take_is_told(tmp_path):
    pytest.importorskip("pynwb")
    none = neurokit.spikes([], stop=1.0)
    with pytest.raises(ValueError, match="at least one unit, got none"):
        io.write_nwb(tmp_path / "a.nwb", none)
    x = neurokit.signal(np.ones((1, 9)), sampling_rate=3).to_dataset(name="signal")
    some = neurokit.spikes([[0.5]], stop=1.0)
    tree = xr.DataTree.from_dict({"signal/a": x, "spikes": none})
    with pytest.raises(ValueError, match="no sorted units"):
        io.read_spikes(io.write_nwb(tmp_path / "a.nwb", tree))
    pieces = {"segment-0/spikes": some, "segment-1/spikes": some, "segment-1/signal/a": x}
    with pytest.warns(UserWarning, match="segment-1/spikes, segment-1/signal/a of the session"):
        io.write_nwb(tmp_path / "b.nwb", xr.DataTree.from_dict(pieces))


@pytest.mark.parametrize(
    "how",
    [
        {},
        {"chunks": (700,)},
        {"chunks": (39_000,)},
        {"chunks": (700,), "compression": "gzip"},
        {"dtype": ">f8"},
        {"dtype": "f4", "chunks": (999,)},
        {"dtype": "u4"},
    ],
)
@pytest.mark.parametrize("userblock", [0, 512])
def test_numbers_read_past_hdf5_are_those_that_hdf5_reads(tmp_path, how, userblock):
    values = np.random.default_rng(0).integers(0, 2**30, 40_000 - 13)
    path = tmp_path / "numbers.h5"
    with h5py.File(path, "w", userblock_size=userblock) as file:
        file.create_dataset("a/b", data=values, **{"dtype": "f8", **how})
    seen = []
    with open_hdf5(path) as file:
        found = read_numbers(file["a/b"], lambda x, a, b: seen.append(x[a:b].copy()))
        expected = file["a/b"][:]
    assert found.dtype == expected.dtype
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(np.concatenate(seen), expected)


def test_numbers_that_were_never_written_are_left_to_hdf5(tmp_path):
    path = tmp_path / "numbers.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("a", (5000,), "f8", chunks=(100,), fillvalue=3.0)[:100] = 1.0
    with open_hdf5(path) as file:
        assert read_numbers(file["a"], lambda *_: None)[[0, 99, 100, 4999]].tolist() == [
            1,
            1,
            3,
            3,
        ]


def test_a_first_look_finds_ends_and_what_is_late():
    times = np.arange(100_000.0)
    times[[5, 2**15, 70_000]] = -2.0, 3.0, 1e6
    look = FirstLook.of(times)
    assert (look.low, look.high, look.late) == (-2.0, 1e6, [5, 2**15, 70_001])
    times[40] = np.nan
    assert np.isnan(FirstLook.of(times).low)
    assert np.isnan(FirstLook().high)
