"""What tables, NWB files and exports lost without a word, with the right values."""

import datetime
import warnings

import h5py
import numpy as np
import pandas as pd
import pytest

import neurokit
from neurokit import io, recording

# --- tables of events ----------------------------------------------------------------------------


def table(path, text):
    path.write_text(text)
    return io.read_events(path)


def test_every_column_is_kept_and_no_text_becomes_a_number(tmp_path):
    found = table(
        tmp_path / "a_events.tsv",
        "onset\tduration\ttrial_type\tvalue\tresponse_time\tstimulus\n"
        "1\tn/a\tresponse\t202\t.5\t01\n2\t0\tresponse\t201\t.4\t02\n3\t0\tNone\t7\tn/a\tNA\n",
    )
    assert found.label.tolist() == ["response", "response", "None"]
    assert found.value.tolist() == [202, 201, 7]
    assert found.response_time.tolist()[:2] == [0.5, 0.4]
    assert np.isnan([found.response_time[2], found.duration[0]]).all()
    assert found.stimulus.tolist() == ["01", "02", "NA"]
    found = table(tmp_path / "b_events.tsv", "onset\tduration\ttrial_type\n1\t0\t01\n2\t0\t02\n")
    assert found.label.tolist() == ["01", "02"]
    found = table(tmp_path / "c.csv", "onset,value,code\n1,202,4\n2,n/a,n/a\n")
    assert found.label.tolist() == ["202", "n/a"]
    assert found.code.tolist() == ["4", "n/a"]
    session = io.read_session(tmp_path / "a_events.tsv")["events"]
    assert {"value", "response_time", "stimulus"} <= set(session.data_vars)


@pytest.mark.parametrize(
    ("text", "onset", "label"),
    [
        ("onset \tduration\t trial_type\n1.0 \t0.5\t left \n2\t0\tleft\n", [1, 2], ["left"] * 2),
        ("onset\tduration\ttrial_type\n1\t0\ta\t\n2\t0\tb\t\n", [1, 2], ["a", "b"]),
        ("onset\tduration\ttrial_type\n1\t0\ta\t\t\n2\t0\tb\n", [1, 2], ["a", "b"]),
        ("\ufeffonset\tduration\ttrial_type\r\n1\t0\ta\r\n\r\n", [1], ["a"]),
    ],
)
def test_blanks_around_cells_and_behind_rows_are_no_cells(tmp_path, text, onset, label):
    (tmp_path / "e.tsv").write_bytes(text.encode())
    found = io.read_events(tmp_path / "e.tsv")
    assert found["onset"].tolist() == onset
    assert found["label"].tolist() == label


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("onset\tduration\tvalue\n5\t0\t1\t7\n2\t0\t2\t8\n", "rows of more cells than its 3 col"),
        ("onset\tduration\tvalue\n5\t0\t1\t7\t1\n2\t0\t2\t8\t1\n", "more cells than its 3"),
        ("onset\tonset \n5\t0\n", r"columns \['onset'\] more than once"),
    ],
)
def test_a_cell_more_in_every_row_moves_no_column(tmp_path, text, said):
    """Pandas takes the first column for an index then: every onset was a duration."""
    (tmp_path / "e.tsv").write_text(text)
    with pytest.raises(ValueError, match=rf"e\.tsv: has .*{said}"):
        io.read_events(tmp_path / "e.tsv")


def test_tables_that_are_none_are_refused_in_one_sentence(tmp_path):
    for content, said in [
        (b"", "is empty"),
        (b"onset\tduration\n\xff\xfe\t1\n", "no table of UTF-8 text"),
        (b"onset\tlabel\nsoon\tgo\n", "onset must hold seconds or n/a, got 'soon'"),
        (b"onset\tduration\n1\tinf\n", "duration must hold seconds"),
        (b"\0\0\0\0", "no column onset|no table"),
    ]:
        (tmp_path / "e.tsv").write_bytes(content)
        with pytest.raises((OSError, ValueError), match=rf"e\.tsv: .*({said})"):
            io.read_events(tmp_path / "e.tsv")
    with pytest.warns(UserWarning, match="1 events without an onset are left out"):
        found = table(tmp_path / "n.tsv", "onset\tlabel\n1\tgo\nn/a\tstop\n")
    assert found.label.tolist() == ["go"]


# --- NWB -----------------------------------------------------------------------------------------


@pytest.fixture
def nwb(tmp_path):
    pynwb = pytest.importorskip("pynwb")

    def write(add):
        start = datetime.datetime(2024, 1, 1, tzinfo=datetime.UTC)
        file = pynwb.NWBFile("s", "i", start)
        add(file)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with pynwb.NWBHDF5IO(str(tmp_path / "a.nwb"), "w") as out:
                out.write(file)
        return tmp_path / "a.nwb"

    return write


def test_silence_that_nobody_watched_is_not_counted(nwb, tmp_path):
    early, late = np.arange(0.1, 100, 0.2), np.arange(900.1, 1000, 0.2)

    def add(file):
        file.add_unit(spike_times=np.r_[early, late], obs_intervals=[[0.0, 100], [900, 1000]])
        file.add_unit(spike_times=late, obs_intervals=[[900.0, 1000]])

    x = io.read_spikes(nwb(add))
    counts = neurokit.bin_spikes(x, 1.0)
    assert counts.mean("time").values.tolist() == [5, 5]
    assert np.isnan(counts.sel(time=500.0).values).all()
    back = io.read_spikes(io.write_nwb(tmp_path / "b.nwb", x))
    assert neurokit.bin_spikes(back, 1.0).identical(counts)
    nap = pytest.importorskip("pynapple")
    group = nap.TsGroup(
        {0: nap.Ts(np.r_[early, late])}, time_support=nap.IntervalSet([0, 900], [100, 1000])
    )
    one = io.from_pynapple(group)
    assert float(neurokit.bin_spikes(one, 1.0).mean()) == 5
    assert io.to_pynapple(one).time_support.values.tolist() == [[0, 100], [900, 1000]]


def test_intervals_that_do_not_hold_the_spikes_are_told(nwb):
    path = nwb(lambda file: file.add_unit(spike_times=[1.0, 5.0], obs_intervals=[[0.0, 2.0]]))
    with pytest.warns(UserWarning, match="1 spikes lie outside the obs_intervals of their units"):
        x = io.read_spikes(path)
    assert (float(x["start"]), float(x["stop"])) == (0, 5)


def test_columns_called_like_variables_of_ours_are_renamed(nwb):
    def add(file):
        file.add_unit_column("spike_count", "spikes found by the sorter")
        file.add_unit_column("observed", "by whom")
        for k in (100, 50, 70):
            times = np.linspace(0.1, 9.9, k)
            file.add_unit(spike_times=times, spike_count=3 * k, observed="me")

    x = io.read_spikes(nwb(add))
    assert x["spike_count"].values.tolist() == [100, 50, 70]
    assert x["nwb_spike_count"].values.tolist() == [300, 150, 210]
    assert x["nwb_observed"].values.tolist() == ["me"] * 3
    assert neurokit.bin_spikes(x, 9.8).values.tolist() == [[99], [49], [69]]  # one at the end


def electrodes(file, unit=None):
    place = {"description": "d", "location": "CA1"}
    group = file.create_electrode_group("g", device=file.create_device("p"), **place)
    for i in range(6):
        file.add_electrode(x=10.0 * i, y=0.0, z=1.0, location="CA1", group=group)
    for k, row in enumerate([5, None, 0]):
        rows = [] if row is None else [row]
        file.add_unit(spike_times=[0.1 * k + 0.1], electrodes=rows)


def test_one_unit_without_an_electrode_takes_nothing_from_the_others(nwb):
    x = io.read_spikes(nwb(electrodes))
    assert x["channel"].values.tolist() == ["5", "", "0"]
    assert x["region"].values.tolist() == ["CA1", "", "CA1"]
    np.testing.assert_allclose(x["x"].values, [0.05, np.nan, 0.0])


@pytest.mark.parametrize(
    ("said", "x"), [("", 0.05), ("in mm", 50), ("micrometers", 0.05), ("position in meters", 5e4)]
)
def test_places_that_are_millimetres_already_stay_so(nwb, said, x):
    path = nwb(electrodes)
    with h5py.File(path, "a") as file:
        column = file["general/extracellular_ephys/electrodes/x"]
        column.attrs["description"] = said
    assert float(io.read_spikes(path)["x"][0]) == pytest.approx(x)


def test_silent_units_stay(nwb):
    def add(file):
        for times in ([], [0.1, 0.2], [], [0.3], []):
            file.add_unit(spike_times=times)

    assert io.read_spikes(nwb(add))["spike_count"].values.tolist() == [0, 2, 0, 1, 0]


# --- export --------------------------------------------------------------------------------------


@pytest.fixture
def x():
    values = np.random.default_rng(0).normal(0, 20, (2, 512))
    return neurokit.signal(values, sampling_rate=256, channels=["C3", "C4"])


def test_annotations_go_along_with_edf(tmp_path, x):
    mne = pytest.importorskip("mne")
    raw = io.to_mne(x)
    raw.set_annotations(mne.Annotations([0.5, 1], [0, 0.5], ["left", "right"]))
    path = io.write_edf(tmp_path / "a.edf", io.from_mne(raw))
    rows = [[0.5, 0, "left"], [1, 0.5, "right"]]
    assert io.read_events(path).to_numpy().tolist() == rows
    other = recording.events([0.25], 0, "other")
    path = io.write_edf(tmp_path / "a.edf", io.from_mne(raw), other)
    assert io.read_events(path).label.tolist() == ["other"]


def test_links_and_unknown_lengths_go_along_with_edf(tmp_path, x):
    told = recording.events([0.25, 1], [np.nan, 0.5], ["a", "b"], channel=["C4", ""])
    back = io.read_events(io.write_edf(tmp_path / "a.edf", x, told))
    assert back.to_numpy().tolist() == [[0.25, 0, "a", "C4"], [1, 0.5, "b", ""]]


@pytest.mark.parametrize(
    "date", ["1924-03-04T05:06:07", "2010-03-04T05:06:07", "2100-01-01T00:00:00"]
)
def test_any_date_comes_back_from_edf(tmp_path, x, date):
    assert "measured" not in io.read_signal(io.write_edf(tmp_path / "a.edf", x)).attrs
    dated = x.assign_attrs(measured=f"{date}+00:00")
    assert io.read_signal(io.write_edf(tmp_path / "a.edf", dated)).attrs["measured"] == date


def test_metadata_of_epochs_follow_their_trials():
    mne = pytest.importorskip("mne")
    raw = mne.io.RawArray(np.zeros((2, 10000)), mne.create_info(2, 1000, "eeg"), verbose="error")
    rows = np.array([[0, 0, 1], [1000, 0, 2], [2000, 0, 1], [9900, 0, 1]])
    about = pd.DataFrame({"i": range(4), "w": list("abcd")})
    options = {"tmin": -0.05, "tmax": 0.3, "baseline": None, "verbose": "error"}
    epochs = mne.Epochs(raw, rows, {"l": 1, "r": 2}, metadata=about, **options)
    found = io.from_mne(epochs)
    assert found["i"].values.tolist() == [1, 2]
    assert io.to_mne(found).metadata["w"].tolist() == ["b", "c"]


def test_blocks_of_any_size_are_saved(tmp_path):
    import xarray as xr

    values = np.random.default_rng(0).normal(0, 9, (2, 9999))
    x = neurokit.signal(values, sampling_rate=1000 / 3).chunk(time=3000)
    uneven = xr.concat([x.isel(time=slice(0, 5000)), x.isel(time=slice(5000, None))], "time")
    back = io.load(io.save(tmp_path / "a.zarr", uneven))
    assert np.array_equal(back.values, x.values)
    assert back.xindexes["time"].equals(x.xindexes["time"])


def test_columns_with_slashes_are_renamed_in_a_session(tmp_path):
    path = tmp_path / "events.tsv"
    path.write_text("onset\tduration\tstim/side\tstim_side\n0.5\t0\tleft\tb\n")
    table = io.read_session(path)["events"].to_dataset().to_dataframe()
    assert table["stim_side_"].tolist() == ["left"]
    assert table["stim_side"].tolist() == ["b"]
    assert "stim/side" in io.read_events(path)
