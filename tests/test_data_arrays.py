"""Public sets that are bare arrays become recordings in a few lines, as a user would write them.

What comes out is compared with the README of each set; its traps show what the user is told.
"""

import json

import h5py
import numpy as np
import pandas as pd
import pytest
import scipy.io

import neurokit
from neurokit import io, recording


def _mat(path, **options):
    return scipy.io.loadmat(path, squeeze_me=True, **options)


# --- spikes and movement -----------------------------------------------------------------------


def test_contdata95_is_counts_and_movement(data):
    held = _mat(data / "spikes_m1_reach_contdata95/contdata95.mat")
    counts = recording.counts(held["Y"].T, bin_width=0.05)
    hand = recording.behaviour(held["X"], sampling_rate=20, features=["x", "y", "vx", "vy"])
    assert counts.sizes == {"unit": 95, "time": 31413}
    assert counts.dtype == np.uint8
    assert counts.attrs["units"] == "spikes"
    assert neurokit.sampling_rate(counts) == neurokit.sampling_rate(hand) == 20
    assert counts.xindexes["time"].equals(hand.xindexes["time"])
    assert float(counts["time"][-1] + 0.05) / 60 == pytest.approx(26.2, abs=0.05)
    assert float(counts.mean()) / 0.05 == pytest.approx(25.6, abs=0.1)


def test_centerout_dad_is_two_sessions_that_do_not_share_units(data):
    held = _mat(data / "spikes_m1_centerout_dad/mihi_demo.mat")
    first = neurokit.traces(held["Ytr"].T, sampling_rate=1, units="spikes")
    second = neurokit.traces(held["Yte"].T, sampling_rate=1, units="spikes")
    assert first.sizes == {"unit": 174, "time": 623}
    assert second.sizes == {"unit": 187, "time": 803}
    hand = recording.behaviour(held["Xtr"], sampling_rate=1, features=["vx", "vy"])
    assert hand.xindexes["time"].equals(first.xindexes["time"])
    assert len(held["Ttr"]) == 623


def test_reach_targets_are_trials_of_one_bin(data):
    held = _mat(data / "spikes_reach_targets_counts/sample_dat.mat")
    trials = {"label": held["targ_angs"]}
    counts = recording.counts(
        held["spike_counts"][:, :, None], bin_width=float(held["bin_size"]), trials=trials
    )
    assert counts.sizes == {"trial": 974, "unit": 155, "time": 1}
    angles, number = np.unique(counts["label"], return_counts=True)
    assert angles.tolist() == [0, 45, 90, 135, 180, 225, 270, 315]
    assert number.min() > 115
    with pytest.raises(ValueError, match="label must be one for each trial, 974, got 973"):
        recording.counts(
            held["spike_counts"][:, :, None], bin_width=1, trials={"label": held["targ_angs"][1:]}
        )


def test_place_cells_are_read_by_the_door(data):
    path = data / "hippocampus_placecells_nstat/PlaceCellDataAnimal1.mat"
    spikes = io.read_spikes(path)
    assert spikes.sizes == {"spike": 97000, "unit": 49}
    assert float(spikes["start"]) == 0.0
    assert float(spikes["stop"]) == pytest.approx(1460, abs=0.1)
    held = _mat(path)
    place = recording.behaviour(
        np.stack([held["x"], held["y"]], axis=1), sampling_rate=30, features=["x", "y"]
    )
    assert np.ptp(place.sel(feature="x").values) == pytest.approx(1.8, abs=0.2)
    assert np.allclose(place["time"], held["time"], atol=0.05)


def test_the_linear_track_is_read_by_the_door(data):
    path = data / "hippocampus_tracks_nelpy/linear-track.npz"
    spikes = io.read_spikes(path)
    assert spikes.sizes == {"spike": 28829, "unit": 31}
    assert spikes["channel"].dtype.kind == "i"  # the tetrode of each unit
    with np.load(path) as held:
        times, place = held["pos_t"], np.stack([held["x"], held["y"]], axis=1)
    with pytest.raises(ValueError, match="times must be finite and evenly spaced"):
        neurokit.recording.clock.SampleIndex.from_times(times)  # a camera of about 60 fps
    x = recording.behaviour(place, sampling_rate=60, features=["x", "y"], units=["px", "px"])
    x = x.drop_vars("time").assign_coords(time=("time", times))
    with pytest.raises(
        ValueError, match=r"evenly spaced between its jumps; neurokit.recording.resample"
    ):
        neurokit.sampling_rate(x)
    counts = neurokit.bin_spikes(spikes, 0.5)
    even = x.drop_duplicates("time").interp(time=counts["time"].values[1:-1])  # a repeated stamp
    assert np.isfinite(even).all()


def test_trodes_tracking_is_a_structured_array(data):
    raw = data / "hippocampus_tracks_nelpy/linear-track_trajectory.videoPositionTracking"
    raw = raw.read_bytes()
    body = raw.index(b"<End settings>\n") + len(b"<End settings>\n")
    fields = [("time", "<u4"), ("x", "<u2"), ("y", "<u2"), ("x2", "<u2"), ("y2", "<u2")]
    held = np.frombuffer(raw, dtype=fields, offset=body)
    with np.load(data / "hippocampus_tracks_nelpy/linear-track.npz") as npz:
        assert np.allclose(held["time"] / 30000, npz["pos_t"])
        assert np.array_equal(held["x"], npz["x"])


# --- calcium -----------------------------------------------------------------------------------


def test_worms_with_identities_are_named_traces(data):
    folder = data / "calcium_celegans_dag2023"
    paths = sorted(folder.glob("id_*.h5"))
    assert len(paths) == 4
    for path in paths:
        labels = pd.read_csv(path.with_name(f"{path.stem}_labels.csv"))
        with h5py.File(path) as file:
            values = file["gcamp/trace_array"][:].T
            stamps = file["timing/timestamp_confocal"][:]
            velocity = file["behavior/velocity"][:]
        assert 130 <= len(values) <= 146
        ids = [f"?{i}" for i in range(len(values))]
        for row in labels.itertuples():
            ids[row.neuron - 1] = f"{row.label}#{row.neuron}"  # Julia counts from 1
        x = neurokit.traces(values, sampling_rate=1 / 0.6, ids=ids, units="z-score")
        assert x.sizes["time"] == 800
        assert np.abs(x["time"] - (stamps - stamps[0])).max() < 2.0
        assert 87 <= sum(not name.startswith("?") for name in ids) <= 110
        moved = recording.behaviour(velocity[:, None], sampling_rate=1 / 0.6)
        assert moved.xindexes["time"].equals(x.xindexes["time"])


def test_more_timestamps_than_frames_are_refused(data):
    with h5py.File(data / "calcium_celegans_dag2023/noid_2022-01-16-01.h5") as file:
        values = file["gcamp/trace_array"][:].T
        stamps = file["timing/timestamp_confocal"][:]
    x = neurokit.traces(values, sampling_rate=1 / 0.74)
    assert x.sizes == {"unit": 130, "time": 799}
    assert x.assign_coords(time=("time", stamps)).sizes["time"] == 799
    longer = neurokit.traces(np.ones((136, 1137)), sampling_rate=1 / 0.74)  # the second worm's
    with pytest.raises(ValueError, match=r"length 1137 .* length 1600"):
        longer.assign_coords(time=("time", np.arange(1600) * 0.74))


def test_one_series_for_each_neuron_is_put_together(data):
    (path,) = (data / "calcium_celegans_scholz2018").glob("*.nwb")
    session = io.read_session(path)
    neurons = [name for name in session["signal"] if name.startswith("Activity")]
    assert len(neurons) == 62
    values = np.concatenate([session[f"signal/{name}/signal"].values for name in neurons])
    clock = session["signal/Activity_0000"].coords["time"]
    x = neurokit.traces(values, sampling_rate=6).drop_vars("time").assign_coords(time=clock)
    assert x.sizes == {"unit": 62, "time": 2244}


def test_zebrafish_has_reference_assemblies(data):
    held = _mat(data / "calcium_zebrafish_triplett2018/zf_20151104-f1.mat")
    places = np.pad(held["cell_coordinates"], ((0, 0), (0, 1)), constant_values=np.nan)
    x = neurokit.traces(held["activity_matrix"], sampling_rate=1, positions=places)
    assert x.sizes == {"unit": 114, "time": 4245}
    assert [len(members) for members in held["detected_assemblies"]] == [26, 16, 31, 13, 13]
    assert all(members.max() <= 114 for members in held["detected_assemblies"])


def test_cascade_has_fluorescence_and_the_spikes_below_it(data):
    paths = sorted((data / "calcium_cascade_groundtruth").glob("DS*.mat"))
    assert len(paths) == 14
    rates = set()
    for path in paths:
        cell = np.ravel(scipy.io.loadmat(path)["CAttached"])[0][0, 0]
        stamps, values, spikes = (
            np.ravel(cell[name]) for name in ("fluo_time", "fluo_mean", "events_AP")
        )
        clock = neurokit.recording.clock.SampleIndex.from_times(stamps)
        x = neurokit.traces(values[None], sampling_rate=clock.rate, start=stamps[0])
        rates.add(round(neurokit.sampling_rate(x), 1))
        stop = max(float(x["time"][-1]), spikes.max(initial=0) / 1e4)
        below = neurokit.spikes([spikes / 1e4], stop=stop)  # in units of 0.1 ms
        assert below.sizes["spike"] == len(spikes)
        with pytest.raises(ValueError, match="are not in the observed span") as caught:
            neurokit.spikes([np.r_[spikes, stop * 1e4]], stop=stop)  # the unit forgotten
        assert "widen start and stop" in str(caught.value)
    assert (min(rates), max(rates)) == (7.8, 158.3)
    held = _mat(data / "calcium_cascade_groundtruth/Allen_Experiment_552195520_excerpt.mat")
    allen = neurokit.traces(held["dF_traces"], sampling_rate=30)
    assert allen.sizes == {"unit": 74, "time": 6001}


def test_suite2p_has_constant_regions_and_a_pickle_that_is_not_read(data):
    folder = data / "calcium_suite2p_output/plane0"
    x = neurokit.traces(np.load(folder / "F.npy"), sampling_rate=30, units="a.u.")
    assert x.sizes == {"unit": 219, "time": 2000}
    iscell = np.load(folder / "iscell.npy")
    x = x.assign_coords(is_cell=("unit", iscell[:, 0] == 1))
    assert int(x["is_cell"].sum()) == 20
    constant = x.std("time") == 0
    assert int(constant.sum()) == 47
    assert x.isel(unit=~constant.values).sizes["unit"] == 172
    with pytest.raises(ValueError, match="allow_pickle=False"):
        np.load(folder / "stat.npy", allow_pickle=False)
    with pytest.raises(ValueError, match=r"stat\.npy: holds the arrays \['stat'\], of which none"):
        io.read_spikes(folder / "stat.npy")
    with pytest.raises(TypeError, match="traces: values must be real numbers, got dtype object"):
        neurokit.traces(np.array([[None]]), sampling_rate=30)


# --- EEG and iEEG ------------------------------------------------------------------------------


def test_graz_is_trials_of_two_channels(data):
    held = _mat(data / "mi_graz_c3c4/motor_imagery_train_data.mat", struct_as_record=False)
    held = held["P_C_S"]
    kinds = dict(zip(held.attributename, held.attribute.astype(bool), strict=True))
    label = np.where(kinds["LEFT"], "left", "right")
    x = neurokit.signal(
        held.data[:, :, :2].transpose(0, 2, 1),
        sampling_rate=held.samplingfrequency,
        channels=["C3", "C4"],
        types="eeg",
        trials={"label": label},
    )
    assert x.sizes == {"trial": 128, "channel": 2, "time": 768}
    assert neurokit.sampling_rate(x) == 128
    assert np.unique(label, return_counts=True)[1].tolist() == [64, 64]
    assert np.array_equal(kinds["LEFT"], ~kinds["RIGHT"])


def test_bci2_is_trials_that_end_before_the_key(data):
    held = _mat(data / "mi_bci2_dsIV_selfpaced/sp1s_aa.mat")
    x = neurokit.signal(
        held["x_train"].transpose(2, 1, 0),
        sampling_rate=100,
        start=-0.63,
        channels=held["clab"].tolist(),
        trials={"label": held["y_train"]},
    )
    assert x.sizes == {"trial": 316, "channel": 28, "time": 50}
    assert float(x["time"][-1]) == pytest.approx(-0.14)
    with pytest.raises(ValueError, match="label must be one for each trial, 50, got 316"):
        neurokit.signal(held["x_train"], sampling_rate=100, trials={"label": held["y_train"]})


def test_p300_is_cropped_before_its_transient_is_smeared(data):
    front, back = ["F7", "F3", "F4", "F8", "T7", "C3", "Cz", "C4"], ["T8", "P7", "P3", "Pz"]
    names = [*front, *back, "P4", "P8", "O1", "O2"]
    with np.load(data / "erp_p300_bi2012/subject_01_session_01.npz") as held:
        values, stim = held["data"].T, held["stim"]
    x = neurokit.signal(values, sampling_rate=128, channels=[*names, "other"],
                        types=["eeg"] * 16 + ["misc"])  # fmt: skip
    assert x.sizes == {"channel": 17, "time": 46804}
    onset = x["time"].values[np.flatnonzero(stim)]
    events = recording.events(onset, label=np.where(stim[stim > 0] == 2, "target", "nontarget"))
    assert events["label"].value_counts().to_dict() == {"nontarget": 640, "target": 128}
    assert float(abs(x.sel(time=slice(0, 10))).max()) > 3.6e5
    kept = x.sel(time=slice(onset[0], None))
    assert float(kept["time"][0]) == 3428 / 128
    assert float(kept.std()) == pytest.approx(10.2, abs=0.1)
    trials = recording.epoch(kept, events, tmin=0, tmax=0.8)
    assert trials.sizes == {"trial": 768, "channel": 17, "time": 102}


def test_n170_runs_on_another_clock_than_it_says(data):
    paths = sorted((data / "erp_n170_muse").glob("*.csv"))
    assert len(paths) == 7
    table = pd.read_csv(paths[0])
    values = table[["TP9", "AF7", "AF8", "TP10"]].to_numpy().T
    x = neurokit.signal(values, sampling_rate=256, channels=["TP9", "AF7", "AF8", "TP10"])
    assert x.sizes == {"channel": 4, "time": 30732}
    stamps = table["timestamps"].to_numpy()
    assert np.median(np.diff(stamps)) == pytest.approx(0.004, abs=1e-6)  # 250 Hz, it seems
    assert (len(stamps) - 1) / np.ptp(stamps) == pytest.approx(256, abs=0.1)  # in the long run
    assert np.diff(stamps).min() < 0  # packets overtake one another
    clocked = x.drop_vars("time").assign_coords(time=("time", stamps - stamps[0]))
    with pytest.raises(
        ValueError, match=r"evenly spaced between its jumps; neurokit.recording.resample"
    ):
        neurokit.sampling_rate(clocked)
    marks = np.flatnonzero(table["Marker0"])
    events = recording.events(
        x["time"].values[marks], label=table["Marker0"][marks].map({1: "house", 2: "face"})
    )
    trials = recording.epoch(x, events, tmin=-0.1, tmax=0.5)
    assert trials.sizes == {"trial": 195, "channel": 4, "time": 154}


def test_bonn_is_segments_of_one_channel(data):
    with np.load(data / "seizure_bonn/bonn.npz") as held:
        x = neurokit.signal(
            held["X"][:, None],
            sampling_rate=float(held["fs"]),
            trials={"label": held["classes"][held["y"]], "segment": held["segment"]},
        )
    assert x.sizes == {"trial": 300, "channel": 1, "time": 4097}
    assert neurokit.sampling_rate(x) == 173.61
    assert x.sizes["time"] / neurokit.sampling_rate(x) == pytest.approx(23.6, abs=0.01)
    assert pd.Series(x["label"].values).value_counts().tolist() == [60] * 5
    raw = np.loadtxt(data / "seizure_bonn/raw_A_Z_Z001.txt")
    assert np.array_equal(x[0, 0], raw)


def test_copies_among_the_segments_of_delhi_would_be_found(data):
    found = {}
    for kind in ("ictal", "interictal", "preictal"):
        for path in sorted((data / "seizure_delhi" / kind).glob("*.mat")):
            x = neurokit.signal(_mat(path)[kind][None], sampling_rate=200)
            assert x.sizes["time"] / 200 == 5.12
            found[path.stem] = io.fingerprint(x)
    assert len(found) == len(set(found.values())) == 105  # 36 and 37 are left out in this copy
    again = neurokit.signal(_mat(data / "seizure_delhi/ictal/ictal25.mat")["ictal"][None],
                            sampling_rate=200, channels=["ictal36"])  # fmt: skip
    assert io.fingerprint(again) == found["ictal25"]


def test_ecog_at_seizure_onset_knows_its_onset_zone(data):
    with np.load(data / "ieeg_seizure_pt01/pt01EcoG.npz") as held:
        x = neurokit.signal(
            held["X"], sampling_rate=float(held["fs"]), start=held["t"][0], units="a.u.",
            channels=held["ch"], types="ecog",
        ).assign_coords(onset_zone=("channel", held["soz"]))  # fmt: skip
        assert np.allclose(x["time"], held["t"])
    assert x.sizes == {"channel": 84, "time": 3000}
    zone = x["channel"].values[x["onset_zone"].values].tolist()
    assert zone == ["ATT1", "ATT2", "AD1", "AD2", "AD3", "AD4", "PD1", "PD2", "PD3", "PD4"]


def test_seeg_of_a_motor_task_is_trials(data):
    with np.load(data / "ieeg_seeg_motor_tensorpac/seeg_data_pac.npz") as held:
        x = neurokit.signal(
            held["data"][:, None], sampling_rate=float(held["sf"]), start=held["times"][0],
            types="seeg",
        )  # fmt: skip
        assert np.array_equal(x["time"], held["times"])
    assert x.sizes == {"trial": 160, "channel": 1, "time": 4001}


def test_lfp_is_two_channels(data):
    folder = data / "lfp_hippocampus_bycycle"
    values = np.stack([np.load(folder / "ca1.npy"), np.load(folder / "ec3.npy")])
    x = neurokit.signal(values, sampling_rate=1250, channels=["CA1", "EC3"])
    assert x.sizes == {"channel": 2, "time": 75000}
    assert x.sel(time=slice(0, 1)).sizes["time"] == 1251
    with pytest.raises(ValueError, match=r"must have 2 or 3 dimensions .*got shape \(75000,\)"):
        neurokit.signal(values[0], sampling_rate=1250)


# --- others ------------------------------------------------------------------------------------


def test_braille_is_trials_of_taxels(data):
    with np.load(data / "events_braille/braille_taxels.npz") as held:
        x = neurokit.signal(
            held["X"].transpose(0, 2, 1), sampling_rate=40, units="a.u.",
            trials={"label": held["letters"][held["y"]], "run": held["rep"]},
        )  # fmt: skip
        assert set(held["length"]) == {76, 77}
    assert x.sizes == {"trial": 1350, "channel": 12, "time": 77}
    letters, number = np.unique(x["label"], return_counts=True)
    assert (len(letters), set(number)) == (27, {50})


def test_connectomes_are_labelled_matrices(data):
    table = pd.read_csv(
        data / "connectome_celegans/pumpprobe_aconnectome_white_1986_whole.csv", sep="\t"
    )
    wired = table.groupby(["pre", "post"])["synapses"].sum().to_xarray()
    wired = wired.fillna(0).rename(pre="source", post="target")
    assert float(wired.sel(source="ADAL", target="AIBR")) == 2
    assert float(wired.sum()) == table["synapses"].sum()
    edges = json.loads((data / "connectome_celegans/white_1986_whole.json").read_text())
    assert len(edges) == 3549
    assert {edge["typ"] for edge in edges} == {0, 2}


def test_fmri_is_traces_of_regions(data):
    table = pd.read_csv(data / "fmri_small/fmri_timeseries.csv")
    x = neurokit.traces(table.to_numpy().T, sampling_rate=1 / 1.89, ids=list(table), units="a.u.")
    assert x.sizes == {"unit": 31, "time": 250}
    assert float(x["time"][1]) == pytest.approx(1.89)
    table = pd.read_csv(data / "fmri_small/event_related_fmri.csv")
    bold = neurokit.traces(table[["bold"]].to_numpy().T, sampling_rate=0.5, units="a.u.")
    started = np.flatnonzero(table["events"])
    events = recording.events(
        bold["time"].values[started], label=table["events"][started].astype(str)
    )
    assert bold.sizes == {"unit": 1, "time": 3360}
    assert len(events) == len(started) > 0


@pytest.mark.parametrize("suffix", [".zarr", ".nc"])
def test_what_was_made_of_arrays_is_saved_and_loaded(tmp_path, data, suffix):
    held = _mat(data / "spikes_m1_reach_contdata95/contdata95.mat")
    counts = recording.counts(held["Y"].T, bin_width=0.05)
    back = io.load(io.save(tmp_path / f"x{suffix}", counts))
    assert back.identical(counts)
    assert back.dtype == np.uint8
