import pickle
import shutil
import sys

import numpy as np
import pytest
import xarray as xr

import neurokit
from neurokit import io, recording


def _table(session):
    return session["events"].to_dataset().to_dataframe()


def test_an_edf_file_is_a_session_of_signal_and_events(data):
    path = data / "mi_eegmmidb/S001R03.edf"
    session = io.read_session(path)
    assert {node.path for node in session.leaves} == {"/signal/eeg", "/events"}
    x = session["signal/eeg/signal"]
    xr.testing.assert_identical(x.load(), io.read_signal(path).load().rename("signal"))
    assert set(_table(session)["label"]) == {"T0", "T1", "T2"}


def test_signals_of_a_session_stay_on_disk(data):
    for name, where in [
        ("mi_eegmmidb/S001R03.edf", "signal/eeg/signal"),
        ("format_torture/bids_tiny", "signal/eeg/signal"),
        ("format_torture/nwb_back_compat/example_converter_spec_3.nwb",
         "signal/ElectricalSeries/signal"),
    ]:  # fmt: skip
        if name.endswith("bids_tiny"):
            pytest.importorskip("mne_bids")
        x = io.read_session(data / name)[where]
        assert not x.variable._in_memory
        window = x[:, 5:9].values
        assert not x.variable._in_memory
        assert np.array_equal(window, pickle.loads(pickle.dumps(x)).values[:, 5:9])


def test_an_nwb_file_is_a_session(data):
    session = io.read_session(data / "nwb_units/alm_sub-anm372793_ses-20170508.nwb")
    assert session["spikes"].sizes["unit"] == 1
    assert (_table(session)["label"] == "trials").sum() == 340
    assert session.attrs["species"] == "Mus musculus"
    spikes = session["spikes"].to_dataset()
    trials = _table(session).query("label == 'trials' and response == 'correct'")
    counts = recording.epoch(spikes, trials, tmin=0.0, tmax=4.0, bin_width=0.1)
    assert counts.dims == ("trial", "unit", "time")
    assert set(counts["type"].values) == {"lick left", "lick right"}


# --- BIDS --------------------------------------------------------------------------------------


def test_a_bids_folder_is_a_session_with_its_sidecars(data):
    pytest.importorskip("mne_bids")
    root = data / "format_torture/bids_tiny"
    for path in (root, root / "sub-01", root / "sub-01/ses-eeg"):
        session = io.read_session(path)
        x = session["signal/eeg/signal"]
        assert x.sizes["channel"] == 69
        assert {"eeg", "eog", "ecg"} <= set(x["type"].values)  # of channels.tsv
        assert (str(x["subject"].values), str(x["session"].values)) == ("01", "eeg")
        assert set(x["units"].values[x["type"].values == "eeg"]) == {"uV"}
    assert _table(session)["label"].tolist() == ["start_experiment", "show_stimulus"]


def test_several_recordings_of_bids_are_told_apart(tmp_path):
    mne_bids = pytest.importorskip("mne_bids")
    rng = np.random.default_rng(0)
    for subject in ("01", "02"):
        x = neurokit.signal(rng.normal(size=(2, 500)), sampling_rate=250, channels=["Cz", "Pz"],
                            types="eeg")  # fmt: skip
        raw = io.to_mne(x, recording.events([0.5, 1.0], 0.1, ["go", "stop"]))
        raw.set_meas_date(0)
        raw.info["line_freq"] = 50
        mne_bids.write_raw_bids(
            raw,
            mne_bids.BIDSPath(subject=subject, task="rest", root=tmp_path),
            allow_preload=True,
            format="BrainVision",
            verbose="ERROR",
        )
    session = io.read_session(tmp_path)
    assert list(session) == ["sub-01", "sub-02"]
    for subject in ("01", "02"):
        part = session[f"sub-{subject}/task-rest"]
        assert part["signal/eeg/signal"]["channel"].values.tolist() == ["Cz", "Pz"]
        assert set(part["events"]["label"].values) >= {"go", "stop"}
    assert set(io.read_session(tmp_path / "sub-02")) == {"signal", "events"}


def test_folders_without_recordings_are_refused(tmp_path):
    pytest.importorskip("mne_bids")
    (tmp_path / "dataset_description.json").write_text('{"Name": "x", "BIDSVersion": "1.8.0"}')
    with pytest.raises(OSError, match="holds no recording of EEG, iEEG, MEG or NIRS"):
        io.read_session(tmp_path)
    (tmp_path / "sub-01").mkdir()
    (tmp_path / "dataset_description.json").unlink()
    with pytest.raises(OSError, match=r"sub-01: is no BIDS dataset"):
        io.read_session(tmp_path / "sub-01")
    with pytest.raises(ValueError, match="is a folder that neither"):
        io.read_session(tmp_path)


def test_a_folder_of_recordings_names_one_of_them(tmp_path):
    x = neurokit.signal(np.ones((1, 9)), sampling_rate=3)
    io.write_edf(tmp_path / "a.edf", x)
    for door in (io.read_session, io.read_signal):
        with pytest.raises(
            (OSError, ValueError), match=r"is a folder.* a file in it, such as a\.edf"
        ):
            door(tmp_path)


def test_without_mne_bids_the_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "mne_bids", None)
    (tmp_path / "dataset_description.json").touch()
    with pytest.raises(ImportError, match=r'pip install "neurokit-brain\[bids\]"'):
        io.read_session(tmp_path)


def test_a_broken_bids_recording_is_refused_with_its_name(tmp_path, data):
    pytest.importorskip("mne_bids")
    shutil.copytree(data / "format_torture/bids_tiny", tmp_path / "x")
    for file in (tmp_path / "x").rglob("*_eeg.vhdr"):
        file.chmod(0o644)
        file.write_text("nothing")
    with pytest.raises(OSError, match=r"\.vhdr: cannot be read as BIDS \("):
        io.read_session(tmp_path / "x")


# --- misuse ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nowhere.nwb", "no such file or folder"),
        ("format_torture/corrupt/edf_truncated_5000bytes.edf", "is cut short"),
        ("format_torture/corrupt/git_lfs_pointer.mat", "git-LFS"),
        ("spikes_m1_reach_contdata95/contdata95.mat", "none says that it is spike times"),
        ("calcium_suite2p_output/plane0/stat.npy", "none says that it is spike times"),
        ("README.md", "of no format"),
        ("seizure_bonn", "is a folder that neither"),
    ],
)
def test_what_is_no_session_is_refused_in_one_sentence(data, name, message):
    with pytest.raises((OSError, ValueError), match=message) as caught:
        io.read_session(data / name)
    assert str(caught.value).startswith(str(data / name))
    assert "\n" not in str(caught.value)


def test_what_save_wrote_is_read_as_well(tmp_path):
    x = neurokit.signal(np.ones((1, 9)), sampling_rate=3).to_dataset(name="signal")
    tree = xr.DataTree.from_dict({"signal/eeg": x})
    for suffix in (".nc", ".zarr"):
        path = io.save(tmp_path / f"a{suffix}", tree)
        assert io.read_session(path).identical(tree)


def test_any_session_of_a_file_can_be_saved_and_loaded(tmp_path, data):
    for i, name in enumerate(
        ["mi_eegmmidb/S001R03.edf", "nwb_units/alm_sub-anm372793_ses-20170508.nwb"]
    ):
        session = io.read_session(data / name)
        for suffix in (".nc", ".zarr"):
            back = io.load(io.save(tmp_path / f"{i}{suffix}", session))
            assert back.identical(session)


# --- what save wrote, and tables -----------------------------------------------------------------


@pytest.mark.parametrize("ending", [".zarr", ".nc"])
def test_saved_recordings_go_through_every_door(ending, tmp_path):
    x = neurokit.signal([[0.0, 50, 100, 50]], sampling_rate=2, channels=["Cz"])
    table = neurokit.events([0.5], 0.25, "go")
    spikes = neurokit.spikes([[0.1, 0.2]], stop=2.0)
    moved = recording.behaviour(np.zeros((4, 2)), sampling_rate=2)
    counts = neurokit.bin_spikes(spikes, 0.5)
    for name, held, where in [
        ("signal", x, "/signal/signal"),
        ("table", table, "/events"),
        ("spikes", spikes, "/spikes"),
        ("moved", moved, "/behaviour"),
        ("counts", counts, "/traces/traces"),
    ]:
        path = io.save(tmp_path / f"{name}{ending}", held)
        assert [node.path for node in io.read_session(path).leaves] == [where]
    xr.testing.assert_identical(
        io.read_signal(tmp_path / f"signal{ending}", start=1).load().rename(None),
        x.isel(time=slice(2, None)),
    )
    assert io.read_events(tmp_path / f"table{ending}").equals(table)
    assert len(io.read_events(tmp_path / f"signal{ending}")) == 0
    with pytest.raises(ValueError, match=r"holds no signals; io\.read_session"):
        io.read_signal(tmp_path / f"table{ending}")
    path = io.save(tmp_path / f"other{ending}", xr.Dataset({"a": ("b", [1, 2])}))
    with pytest.raises(ValueError, match=r"holds no session but a Dataset; use io\.load"):
        io.read_session(path)


def test_a_table_of_events_is_a_session(tmp_path):
    (tmp_path / "run_events.tsv").write_text("onset\tduration\ttrial_type\n1\t0\tgo\n")
    assert _table(io.read_session(tmp_path / "run_events.tsv"))["label"].tolist() == ["go"]
