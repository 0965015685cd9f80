import sys

import h5py
import numpy as np
import pytest
import scipy.io

import neurokit
from neurokit import io


def write_reaching(path, *, times=None, n_samples=500, names=True, finger=False):
    """A file laid out as spec'd: references (units x channels), cursor, target, t at 250 Hz."""
    rng = np.random.default_rng(0)
    if times is None:
        times = [[np.sort(rng.uniform(100.1, 101.9, 30)) for _ in range(3)] for _ in range(2)]
    with h5py.File(path, "w") as file:
        cells = file.create_group("#refs#")
        table = np.empty((len(times[0]), len(times)), dtype=h5py.ref_dtype)
        for c, units in enumerate(times):
            for u, unit in enumerate(units):
                name = f"{c}_{u}"
                if unit is None:  # how MATLAB writes an empty cell
                    cells[name] = np.zeros(2, np.uint64)
                    cells[name].attrs["MATLAB_empty"] = np.uint8(1)
                else:
                    cells[name] = np.asarray(unit)[None]
                table[u, c] = cells[name].ref
        file.create_dataset("spikes", data=table, dtype=h5py.ref_dtype)
        if names:
            row = np.empty((1, len(times)), dtype=h5py.ref_dtype)
            for c in range(len(times)):
                cells[f"n{c}"] = np.array([[ord(x)] for x in f"M1 {c + 1:03d}"], np.uint16)
                row[0, c] = cells[f"n{c}"].ref
            file.create_dataset("chan_names", data=row, dtype=h5py.ref_dtype)
        t = 100 + np.arange(n_samples) / 250
        file["t"] = t[None]
        file["cursor_pos"] = np.stack([np.sin(t), np.cos(t)])
        target = np.repeat(rng.integers(0, 9, (2, 5)) * 1.0, n_samples // 5, axis=1)
        file["target_pos"] = np.pad(target, ((0, 0), (0, n_samples - target.shape[1])), "edge")
        if finger:
            file["finger_pos"] = rng.normal(size=(6, n_samples))
    return path


def test_a_reaching_file_is_read(tmp_path):
    times = [[[100.5, 100.1], [100.2]], [None, [101.0, 99.0, 150.0]]]
    path = write_reaching(tmp_path / "indy.mat", times=times)
    x = io.read_spikes(path)
    assert x["unit"].values.tolist() == ["M1 001/0", "M1 001/1", "M1 002/1"]
    assert x["channel"].values.tolist() == ["M1 001", "M1 001", "M1 002"]
    assert x["region"].values.tolist() == ["M1"] * 3
    assert x["spike_count"].values.tolist() == [2, 1, 1]  # 99 and 150 s lie outside t
    assert x["spike_time"].values.tolist() == [100.1, 100.5, 100.2, 101.0]
    assert (float(x["start"]), float(x["stop"])) == (100.0, 100 + 499 / 250)
    unnamed = io.read_spikes(write_reaching(tmp_path / "loco.mat", names=False))
    assert unnamed["channel"].values.tolist() == ["ch000"] * 3 + ["ch001"] * 3
    assert "region" not in unnamed.coords


def test_reaching_counts_are_those_of_a_plain_histogram(tmp_path):
    path = write_reaching(tmp_path / "indy.mat")
    counts = neurokit.bin_spikes(io.read_spikes(path), 0.004)
    with h5py.File(path) as file:
        expected = np.histogram(file[file["spikes"][1, 0]][0], 100 + np.arange(500) / 250)[0]
    assert np.array_equal(counts.sel(unit="M1 001/1"), expected)


def test_reaching_behaviour_and_reaches(tmp_path):
    session = io.read_session(write_reaching(tmp_path / "indy.mat", finger=True))
    x = session["behaviour/behaviour"]
    assert x.dims == ("time", "feature")
    assert x["feature"].values[:4].tolist() == ["cursor_x", "cursor_y", "target_x", "target_y"]
    assert x["units"].values.tolist() == ["mm"] * 4 + ["cm"] * 3 + ["deg"] * 3
    index = x.xindexes["time"]
    assert (index.first, index.rate, index.size) == (25000, 250, 500)
    assert np.allclose(x.sel(feature="cursor_x"), np.sin(x["time"]))
    reaches = session["events"].to_dataset().to_dataframe()
    target = x.sel(feature=["target_x", "target_y"]).values
    changes = 1 + (np.diff(target, axis=0) != 0).any(axis=1).sum()
    assert len(reaches) == changes > 2
    assert reaches["duration"].sum() == pytest.approx(499 / 250)
    assert list(session.children) == ["spikes", "behaviour", "events"]


def test_damaged_reaching_files_are_refused(tmp_path):
    path = write_reaching(tmp_path / "indy.mat")
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(OSError, match=r"indy\.mat: is cut short; copy"):
        io.read_spikes(path)
    path.write_bytes(whole)
    with h5py.File(path, "a") as file:
        del file["cursor_pos"]
        file["cursor_pos"] = np.ones((2, 77))
    with pytest.raises(OSError, match="cursor_pos has 77 samples and t has 500"):
        io.read_session(path)


# --- NumPy and MATLAB --------------------------------------------------------------------------


def test_flat_times_with_units_are_read(tmp_path):
    path = tmp_path / "x.npz"
    np.savez(path, spike_times=[3.0, 1.0, 2.0], unit=["b", "a", "b"], pos_t=[0.0, 9.5])
    x = io.read_spikes(path)
    assert x["unit"].values.tolist() == ["a", "b"]
    assert x["spike_time"].values.tolist() == [1.0, 2.0, 3.0]
    assert (float(x["start"]), float(x["stop"])) == (0.0, 9.5)
    assert set(io.read_session(path)) == {"spikes"}
    np.savez(path, spike_times=[3.0, 1.0, 2.0], unit=[1, 2])
    with pytest.raises(ValueError, match=r"spike_times has 3 spikes and unit names 2"):
        io.read_spikes(path)


def test_cells_of_matlab_are_read(tmp_path):
    path = tmp_path / "x.mat"
    cells = np.empty(2, dtype=object)
    cells[:] = [np.array([0.5, 0.25]), np.array([0.75])]
    scipy.io.savemat(path, {"spike_times": cells})
    assert io.read_spikes(path)["spike_count"].values.tolist() == [2, 1]
    structs = np.array([(np.array([0.5, 0.25]),), (np.array([]),)], dtype=[("spikeTimes", object)])
    scipy.io.savemat(path, {"neuron": structs, "time": np.linspace(0, 2, 9)})
    x = io.read_spikes(path)
    assert x["spike_count"].values.tolist() == [2, 0]
    assert float(x["stop"]) == 2.0


def test_arrays_that_do_not_say_what_they_are_are_named(tmp_path):
    np.savez(tmp_path / "x.npz", X=np.ones(3), y=np.ones(3))
    with pytest.raises(ValueError, match=r"holds the arrays \['X', 'y'\], of which none says"):
        io.read_spikes(tmp_path / "x.npz")
    np.save(tmp_path / "F.npy", np.ones(3))
    with pytest.raises(ValueError, match=r"holds the arrays \['F'\].*neurokit\.spikes\(times, st"):
        io.read_spikes(tmp_path / "F.npy")
    scipy.io.savemat(tmp_path / "x.mat", {"Y": np.ones((3, 2))})
    with pytest.raises(ValueError, match=r"holds the arrays \['Y'\]"):
        io.read_spikes(tmp_path / "x.mat")
    with h5py.File(tmp_path / "v73.mat", "w") as file:
        file["counts"] = np.ones(3)
    with pytest.raises(ValueError, match=r"v73\.mat: holds the arrays \['counts'\]"):
        io.read_spikes(tmp_path / "v73.mat")


def test_pickles_and_broken_archives_are_refused(tmp_path):
    np.savez(tmp_path / "x.npz", spike_times=np.array([{"run": "me"}], dtype=object))
    with pytest.raises(ValueError, match=r"x\.npz: holds pickled objects.*are not read"):
        io.read_spikes(tmp_path / "x.npz")
    for content, message in [
        (b"no archive", "is damaged or not a NumPy archive|holds pickled"),
        (b"PK\x03\x04" + bytes(100), "is damaged or not a NumPy archive"),
        (b"", "is empty"),
    ]:
        (tmp_path / "x.npz").write_bytes(content)
        with pytest.raises((OSError, ValueError), match=rf"x\.npz: .*({message})"):
            io.read_spikes(tmp_path / "x.npz")


def test_what_holds_no_spikes_is_sent_to_the_right_door(tmp_path, data):
    with pytest.raises(FileNotFoundError, match="nowhere: there is no such file or folder"):
        io.read_spikes(tmp_path / "nowhere")
    with pytest.raises(ValueError, match=r"is EDF, a format for signals.*io\.read_signal reads"):
        io.read_spikes(data / "mi_eegmmidb/S001R03.edf")
    with pytest.raises(ValueError, match=r"noid.*holds the arrays \['behavior', 'gcamp'"):
        io.read_spikes(data / "calcium_celegans_dag2023/noid_2022-01-16-01.h5")
    with pytest.raises(OSError, match=r"git_lfs_pointer\.mat: is a pointer that git-LFS"):
        io.read_spikes(data / "format_torture/corrupt/git_lfs_pointer.mat")
    pytest.importorskip("neo")  # which may know more formats than we do
    with pytest.raises(ValueError, match=r"README\.md: is a \.md file of no format"):
        io.read_spikes(data / "README.md")
    with pytest.raises(ValueError, match=r"edf: is a folder that neither neurokit nor neo reads"):
        io.read_spikes(data / "format_torture/edf")


# --- neo ---------------------------------------------------------------------------------------

leaky = pytest.mark.filterwarnings(  # neo's readers leave their files open
    "ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"
)


@leaky
def test_plexon_and_spike2_are_read_as_neo_reads_them(data):
    neo = pytest.importorskip("neo")
    folder = data / "format_torture/neo"
    for name, n_units in [("File_plexon_3.plx", 30), ("Extracellular Spikes.smr", 5)]:
        x = io.read_spikes(folder / name)
        kind = neo.io.PlexonIO if name.endswith("plx") else neo.io.Spike2IO
        trains = kind(str(folder / name)).read_block().segments[0].spiketrains
        assert x.sizes["unit"] == n_units == len(trains)
        assert x["spike_count"].values.tolist() == [len(train) for train in trains]
        theirs = np.concatenate([np.sort(train.rescale("s").magnitude) for train in trains])
        assert np.allclose(x["spike_time"], theirs)
    assert io.read_spikes(folder / "File_plexon_3.plx")["unit"].values[0] == "Wspk1u"


@leaky
@pytest.mark.parametrize("folder", ["neo", "nsx", "neuralynx", "neuralynx_rat"])
def test_every_file_that_neo_knows_is_read_or_refused_in_one_sentence(data, folder):
    pytest.importorskip("neo")
    read = 0
    for path in sorted((data / "format_torture" / folder).iterdir()):
        if path.suffix.lower() in (".mat", ".md"):
            continue
        for door in (io.read_spikes, io.read_session):
            said = ""
            try:
                read += len(door(path)) > 0
            except (OSError, ValueError) as error:
                said = str(error)
            assert not said or (said.startswith(str(path)) and said.endswith("."))
            assert "\n" not in said
    assert read >= {"neo": 8, "nsx": 4, "neuralynx": 8, "neuralynx_rat": 1}[folder]


@leaky
def test_signals_of_neo_are_lazy_and_in_microvolts(data):
    neo = pytest.importorskip("neo")
    path = data / "format_torture/neo/File_micromed_1.TRC"
    x = io.read_session(path)["signal/Signals/signal"]
    assert x.shape == (64, 1000)
    assert x.attrs["units"] == "uV"
    assert not x.variable._in_memory
    theirs = neo.io.MicromedIO(str(path)).read_block().segments[0].analogsignals[0]
    assert np.allclose(x[3:5, 100:200], theirs.magnitude.T[3:5, 100:200])
    sweeps = io.read_session(data / "format_torture/neo/File_axon_3.abf")
    assert [node for node in sweeps] == [f"segment-{i}" for i in range(5)]  # noqa: C416
    volts = sweeps["segment-1/signal/Signals/signal"]
    assert float(volts["time"][0]) == 90.0
    gaps = io.read_session(data / "format_torture/neuralynx/LAHC1_3_gaps.ncs")
    assert len(gaps) == 4


def test_without_neo_the_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "neo", None)
    monkeypatch.setitem(sys.modules, "neo.rawio", None)
    (tmp_path / "x.plx").write_bytes(b"PLEX")
    with pytest.raises(ImportError, match=r'x\.plx: .*pip install "neurokit-brain\[neo\]"'):
        io.read_spikes(tmp_path / "x.plx")


@leaky
def test_damaged_files_of_neo_are_refused(tmp_path, data):
    pytest.importorskip("neo")
    whole = (data / "format_torture/neo/File_plexon_3.plx").read_bytes()
    for content in (whole[:5000], b"PLEX" + bytes(100), b""):
        (tmp_path / "x.plx").write_bytes(content)
        with pytest.raises(OSError, match=r"x\.plx: (neo cannot read it|is empty)"):
            io.read_spikes(tmp_path / "x.plx")


def test_reaches_are_events(tmp_path):
    path = write_reaching(tmp_path / "indy.mat")
    reaches = io.read_events(path)
    assert set(reaches["label"]) == {"reach"}
    session = io.read_session(path)["events"].to_dataset().to_dataframe()
    assert reaches["onset"].tolist() == session["onset"].tolist()


def test_one_unit_is_read_as_one_unit(tmp_path):
    import scipy.io

    cell = np.empty(1, dtype=object)
    cell[0] = np.array([0.1, 0.2])
    scipy.io.savemat(tmp_path / "one.mat", {"spikeTimes": cell})
    assert io.read_spikes(tmp_path / "one.mat")["spike_count"].values.tolist() == [2]
    np.savez(tmp_path / "who.npz", spike_times=[0.1, 0.2], place=[3, 4])  # of two units
    with pytest.raises(ValueError, match="none says that it is spike times"):
        io.read_spikes(tmp_path / "who.npz")


def test_missing_times_are_counted(tmp_path):
    np.savez(tmp_path / "a.npz", spike_times=[0.1, np.nan], unit=[0, 0])
    with pytest.raises(ValueError, match=r"a.npz: 1 spike times are not finite"):
        io.read_spikes(tmp_path / "a.npz")


def test_position_beside_spikes_is_behaviour(tmp_path, data):
    time = np.arange(100) / 25
    held = {"spike_times": [0.1, 0.2], "unit": [0, 1], "pos_t": time, "x": time * 2}
    np.savez(tmp_path / "a.npz", **held, place=np.ones((100, 2)), about="a rat")
    session = io.read_session(tmp_path / "a.npz")
    moved = session["behaviour"]["behaviour"]
    assert moved["feature"].values.tolist() == ["x", "place_0", "place_1"]
    assert moved.xindexes["time"].rate == 25
    assert session.attrs["left_out"] == ["about"]
    animal = io.read_session(data / "hippocampus_placecells_nstat/PlaceCellDataAnimal1.mat")
    assert animal["behaviour"]["behaviour"]["feature"].values.tolist() == ["x", "y"]
    assert animal["behaviour"]["behaviour"].sizes["time"] == 43799


def test_samples_of_a_sorter_need_their_rate(tmp_path):
    held = {"spike_times": np.array([30000, 60000, 90000]), "spike_clusters": [4, 4, 7]}
    np.savez(tmp_path / "a.npz", **held)
    with pytest.raises(ValueError, match=r"a\.npz: .* samples of a sorter; save its"):
        io.read_spikes(tmp_path / "a.npz")
    np.savez(tmp_path / "a.npz", **held, sampling_rate=30000)
    x = io.read_spikes(tmp_path / "a.npz")
    assert x["unit"].values.tolist() == [4, 7]
    assert x["spike_time"].values.tolist() == [1, 2, 3]
