"""MAT, NPZ and CSV files as people write them: other names for spikes, signals, rates, times."""

import numpy as np
import pandas as pd
import pytest
from scipy.io import savemat

import neurokit
from neurokit import io

RATE = 250
NAMES = ["Fz", "Cz", "Pz", "Oz"]


@pytest.fixture
def values():
    return np.random.default_rng(0).normal(size=(4, 1000))


@pytest.fixture
def trains():
    rng = np.random.default_rng(1)
    return [np.sort(rng.uniform(0, 100, 50 + k)) for k in range(3)]


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize(("matrix", "rate"), [("data", "srate"), ("EEG", "fs"), ("X", "sfreq")])
def test_a_matrix_beside_its_rate_is_a_signal(tmp_path, values, matrix, rate, turned):
    held = {matrix: values.T if turned else values, rate: RATE, "ch_names": NAMES}
    np.savez(tmp_path / "a.npz", **held)
    savemat(tmp_path / "a.mat", {**held, "ch_names": np.array(NAMES, object)})
    for path in (tmp_path / "a.npz", tmp_path / "a.mat"):
        with pytest.warns(UserWarning, match=f"unit of {matrix}; its values are taken for micro"):
            x = io.read_signal(path, channels=["Cz", "Fz"])
        np.testing.assert_allclose(x.values, values[[1, 0]], rtol=1e-6)
        assert neurokit.sampling_rate(x) == RATE
        with pytest.warns(UserWarning, match="microvolts"):
            tree = io.read_session(path)
        assert [n.path for n in tree.leaves] == [
            f"/signal/{'eeg' if matrix == 'EEG' else 'signal'}"
        ]


def test_rows_that_have_a_label_each_are_trials(tmp_path, values):
    np.savez(tmp_path / "a.npz", X=values, y=["a", "b", "a", "b"], fs=RATE)
    with pytest.warns(UserWarning, match="microvolts"):
        x = io.read_signal(tmp_path / "a.npz")
    assert x.dims == ("trial", "channel", "time")
    assert x["label"].values.tolist() == ["a", "b", "a", "b"]


def test_without_a_rate_or_with_two_of_them_arrays_are_refused(tmp_path, values):
    for held in ({"data": values}, {"data": values, "fs": 100, "srate": 200}):
        np.savez(tmp_path / "a.npz", **held)
        with pytest.raises(ValueError, match=r"or a signal beside its rate \(data and fs, say\)"):
            io.read_signal(tmp_path / "a.npz")


def test_trains_are_found_under_other_names(tmp_path, trains):
    cells = np.empty(3, object)
    cells[:] = trains
    savemat(tmp_path / "cells.mat", {"spk": cells, "pos": np.ones((3000, 2)), "fs": 30000})
    savemat(tmp_path / "struct.mat", {"neurons": [{"ts": t, "name": "n"} for t in trains]})
    times, whose = np.concatenate(trains), np.repeat([4, 7, 9], [50, 51, 52])
    np.savez(tmp_path / "flat.npz", times=times, cluster_id=whose)
    for name, ids in (
        ("cells.mat", [0, 1, 2]),
        ("struct.mat", [0, 1, 2]),
        ("flat.npz", [4, 7, 9]),
    ):
        x = io.read_spikes(tmp_path / name)
        assert x["unit"].values.tolist() == ids
        np.testing.assert_allclose(x["spike_time"].values, times)


def test_what_only_is_called_like_spikes_is_none(tmp_path):
    cells = np.empty(2, object)
    cells[:] = [np.array([3.0, 1.0, 2.0]), np.array([1.0, 2.0])]  # times that go back
    savemat(tmp_path / "a.mat", {"units": cells})
    with pytest.raises(ValueError, match="none says that it is spike times"):
        io.read_spikes(tmp_path / "a.mat")


def test_a_table_of_samples_is_a_signal_with_its_markers(tmp_path, values):
    table = pd.DataFrame(values.T, columns=NAMES).assign(Marker0=0)
    table.insert(0, "Time (s)", 2 + np.arange(1000) / RATE)
    table.loc[[100, 101, 500], "Marker0"] = [1, 1, 2]
    table.to_csv(tmp_path / "a.csv", index=False)
    with pytest.warns(UserWarning, match="says no unit"):
        x = io.read_signal(tmp_path / "a.csv")
    assert x["channel"].values.tolist() == NAMES
    assert neurokit.sampling_rate(x) == RATE
    np.testing.assert_allclose(x.values, values, rtol=1e-5)
    with pytest.warns(UserWarning, match="says no unit"):
        events = io.read_events(tmp_path / "a.csv")
    assert events["onset"].tolist() == [2.4, 4.0]
    assert events["label"].tolist() == ["1", "2"]


def test_stamps_of_the_unix_clock_that_tremble_are_counted_at_their_mean_rate(tmp_path, values):
    stamps = 1.5e9 + np.round(np.arange(1000) / 256, 3)
    table = pd.DataFrame(values.T, columns=NAMES).assign(timestamps=stamps)
    table.to_csv(tmp_path / "a.csv", index=False, float_format="%.3f")
    with pytest.warns(UserWarning, match=r"mean rate|says no unit"):
        x = io.read_signal(tmp_path / "a.csv")
    assert float(x["time"][0]) == 0
    assert neurokit.sampling_rate(x) == pytest.approx(256, rel=1e-4)


def test_a_table_without_times_or_onsets_is_refused(tmp_path):
    pd.DataFrame({"a": range(50), "b": range(50)}).to_csv(tmp_path / "a.csv", index=False)
    with pytest.raises(ValueError, match="without a column of evenly spaced times"):
        io.read_signal(tmp_path / "a.csv")
    with pytest.raises(ValueError, match="has no column onset"):
        io.read_session(tmp_path / "a.csv")
