import json
from pathlib import Path

import h5py
import numpy as np
import pytest

import neurokit
from neurokit.cli import conditions, populations
from neurokit.cli.contents import Session
from neurokit.cli.main import main
from neurokit.cli.report import Report
from neurokit.cli.run import report_session
from neurokit.io import read_session, read_traces, write_edf
from neurokit.plotting import plot_traces


@pytest.fixture
def plane(tmp_path):
    rng = np.random.default_rng(0)
    folder = tmp_path / "suite2p" / "plane0"
    folder.mkdir(parents=True)
    np.save(folder / "F.npy", rng.random((5, 200)).astype(np.float32))
    np.save(folder / "iscell.npy", np.ones((5, 2)))
    return folder.parent


@pytest.fixture
def matrix(tmp_path):
    path = tmp_path / "worm.h5"
    with h5py.File(path, "w") as file:
        file["gcamp/trace_array"] = np.random.default_rng(0).random((300, 7))
        file["timing/timestamps"] = np.arange(300) / 4 + 2
        file["behavior/angles"] = np.zeros((300, 9))
    return path


def test_traces_are_in_sessions_and_reports(plane, matrix, tmp_path, capsys):
    with pytest.warns(UserWarning, match="time counts frames here"):
        assert read_session(plane)["traces/suite2p/traces"].shape == (5, 200)
    for path, rate in ((plane, ["--rate", "20"]), (matrix, [])):
        assert main(["info", str(path), "--json", *rate]) == 0
        held = json.loads(capsys.readouterr().out)
        assert held["parts"][0]["name"].startswith("traces/")
        assert held["parts"][0]["facts"]["rate"] == ("20 Hz" if rate else "4 Hz")
        assert held["warnings"] == []
        out = tmp_path / f"{path.name}.html"
        assert main(["run", str(path), "--out", str(out), *rate]) == 0
        assert "of all units." in out.read_text()
        capsys.readouterr()


def test_a_matrix_of_traces_is_found_or_asked_for(matrix, tmp_path):
    x = read_traces(matrix)
    assert (x.sizes["unit"], neurokit.sampling_rate(x), float(x["time"][0])) == (7, 4.0, 2.0)
    assert read_traces(matrix, series="angles").sizes["unit"] == 9
    with pytest.raises(
        ValueError, match=r"expects one matrix of traces 'nobody', found .*series="
    ):
        read_traces(matrix, series="nobody")
    bare = tmp_path / "bare.h5"
    with h5py.File(bare, "w") as file:
        file["activity"] = np.ones((7, 300))
    with pytest.raises(ValueError, match=r"does not say how many frames .*; give sampling_rate="):
        read_traces(bare)
    assert read_traces(bare, sampling_rate=3)["constant"].values.all()


def test_events_are_told_apart_by_a_column(tmp_path, capsys):
    x = neurokit.signal(np.random.default_rng(0).normal(size=(2, 6000)), sampling_rate=100)
    table = neurokit.events(np.arange(1, 55, 2.0), label=["go"] * 27)
    path = write_edf(tmp_path / "a.edf", x, table)
    out = str(tmp_path / "a.html")
    assert main(["run", str(path), "--by", "side", "--out", out]) == 1
    assert "--by: events have no column 'side'; there are ['onset'" in capsys.readouterr().err
    assert main(["run", str(path), "--by", "duration", "--out", out, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["report"].endswith("a.html")


def test_completion_is_printed(capsys):
    pytest.importorskip("shtab")
    assert main(["completion", "bash"]) == 0
    assert "tokenize" in capsys.readouterr().out


def test_many_series_of_one_channel_are_one_signal():
    from neurokit.cli.contents import _side_by_side

    one = neurokit.signal(np.ones((1, 50)), sampling_rate=10)
    many = {f"signal/a{k}": one.copy() for k in range(6)}
    (x,) = _side_by_side(many).values()
    assert x["channel"].values.tolist() == [f"a{k}" for k in range(6)]
    assert neurokit.sampling_rate(x) == 10
    assert len(_side_by_side({**many, "signal/b": one.isel(time=slice(9))})) == 7


def test_meg_is_shown_by_sensor_type():
    from neurokit.cli.run import _by_sensor

    x = neurokit.signal(np.ones((4, 9)), sampling_rate=10, types=["mag", "grad", "eeg", "stim"])
    x = x.assign_coords(units=("channel", ["fT", "fT/cm", "uV", ""]))
    found = {name: (part.sizes["channel"], part.attrs["units"]) for name, part in
             _by_sensor("signal/meg", x)}  # fmt: skip
    assert found == {
        "signal/mag": (1, "fT"),
        "signal/grad": (1, "fT/cm"),
        "signal/eeg": (1, "uV"),
    }
    assert len(_by_sensor("signal/eeg", x.isel(channel=[2, 3]))) == 1


def test_one_recording_under_two_names_is_told():
    from neurokit.cli.contents import Held, _same_samples

    parts = [Held(name, {"fingerprint": mark}, []) for name, mark in
             [("a", "1"), ("b", "2"), ("c", "1"), ("d", "3")]]  # fmt: skip
    assert [*_same_samples([*parts, Held("events", {}, [])])] == [
        "a, c hold the same samples; keep one of them."
    ]


def test_what_does_no_better_than_the_mean_is_not_set_in_bold(rng):
    units = {k: np.sort(rng.uniform(0, 80, 300)) for k in range(3)}
    walk = neurokit.behaviour(np.cumsum(rng.normal(size=(800, 1)), 0), sampling_rate=10)
    session = Session(
        Path("x.nwb"), {}, neurokit.spikes(units, stop=80.0), walk, None, [], [], {}, {}
    )
    page = report_session(session).to_html()
    assert "None of them does better than the mean: nothing was decoded." in page
    assert 'class="best"' not in page


def test_what_is_of_no_brain_is_drawn_and_not_decoded(rng):
    from neurokit.cli.event_decoding import brain, decode_events

    both = neurokit.signal(rng.normal(size=(2, 900)), sampling_rate=50, types=["eeg", "gsr"])
    both = both.assign_coords(units=("channel", ["uV", "uS"])).assign_attrs(units="mixed")
    assert brain(both).attrs["units"] == "uV"
    gaze = neurokit.signal(rng.normal(size=(2, 900)), sampling_rate=50, types="misc", units="px")
    uneven = both.isel(channel=[0]).assign_coords(time=np.cumsum(rng.random(900)))
    events = neurokit.events(np.arange(1.0, 17), label=["a", "b"] * 8)
    signals = {"signal/gaze": gaze, "signal/slow": uneven}
    session = Session(Path("x.xdf"), signals, None, None, events, [], [], {}, {"signal": events})
    report = report_session(session)
    assert report.titles == ["Contents", "Signal: gaze", "Signal: slow", "Decoding"]
    assert "900 samples, each at its own time: they are not evenly" in report.to_html()
    assert not decode_events(report, session, events, ["a", "b"], (0.0, 0.5))


def test_populations_say_how_many_sweeps_were_made_and_whether_chains_agree(monkeypatch):
    rng = np.random.default_rng(0)
    trains = [np.sort(rng.uniform(0, 30, 90)) for _ in range(5)]
    report = Report("units")
    monkeypatch.setattr(populations, "_count_sweeps", lambda counts, seconds: 24)
    populations.show_populations(report, neurokit.spikes([*trains, []], stop=30.0), 5.0)
    page = report.to_html()
    assert "24 of each of 2 chains" in page
    assert "5 of 6, those that fire most" in page
    assert "The chains do not agree yet" in page
    short = Report("two spikes")
    populations.show_populations(short, neurokit.spikes([[0.1], [0.2]], stop=1.0), 5.0)
    assert "Not looked for" in short.to_html()


def test_a_folder_becomes_an_overview_and_a_page_for_each_recording(plane, tmp_path, capsys):
    folder = tmp_path / "data"
    (folder / "sub 1").mkdir(parents=True)
    x = neurokit.signal(np.random.default_rng(0).normal(size=(2, 400)), sampling_rate=100)
    write_edf(folder / "sub 1" / "a.edf", x)
    (folder / "broken.edf").write_bytes(b"0       " + bytes(100))
    (folder / "notes.txt").write_text("nothing")
    plane.rename(folder / "imaged")
    assert main(["report", str(folder), "--out", str(tmp_path / "pages")]) == 0
    said = capsys.readouterr()
    assert said.out.startswith("Report: ")
    assert "broken.edf" in said.err
    pages = {path.name for path in (tmp_path / "pages").iterdir()}
    assert pages == {"index.html", "sub 1__a.edf.html", "imaged.html"}
    index = (tmp_path / "pages" / "index.html").read_text("utf-8")
    assert 'href="sub%201__a.edf.html"' in index
    assert "3 recordings, 1 of which could not be read" in index
    assert "refresh" not in index
    assert main(["report", str(folder / "broken.edf")]) == 1
    assert "is no folder; neurokit run reports on a file" in capsys.readouterr().err
    (tmp_path / "empty").mkdir()
    assert main(["report", str(tmp_path / "empty")]) == 1
    assert "holds no recordings that neurokit reads" in capsys.readouterr().err


def test_time_counts_frames_where_nobody_says_the_rate(plane, tmp_path, capsys):
    assert main(["info", str(plane)]) == 0
    said = capsys.readouterr().out
    assert "not known: time counts frames (--rate HZ" in said
    assert "Hz (" not in said
    x = read_traces(plane, sampling_rate=1.0).assign_attrs(clock="frames")
    assert x.nk.describe()["rate"] == "not known: time counts frames"
    assert "duration" not in x.nk.describe()
    assert plot_traces(x).get_xlabel() == "Frame"


def test_of_several_matrices_the_plainest_is_taken_and_another_by_name(tmp_path, capsys):
    path = tmp_path / "worms.h5"
    rng = np.random.default_rng(0)
    with h5py.File(path, "w") as file:
        file["gcamp/traces"], file["gcamp/traces_raw"] = rng.random((2, 300, 7))
    assert main(["info", str(path), "--rate", "4"]) == 0
    said = capsys.readouterr().out
    assert "gcamp/traces, gcamp/traces_raw may be traces; the first is taken" in said
    assert main(["info", str(path), "--rate", "4", "--series", "traces_raw"]) == 0
    assert "may be traces" not in capsys.readouterr().out
    assert main(["info", str(path), "--series", "nobody"]) == 1
    assert "expects one matrix of traces 'nobody'" in capsys.readouterr().err


def test_conditions_are_drawn_beside_what_was_decoded():
    rng = np.random.default_rng(0)
    labels = np.array(["left", "right"] * 10)
    onsets = 2.0 + 3 * np.arange(20)
    values = rng.normal(size=(3, 70 * 50))
    for onset in onsets[labels == "left"]:
        values[1, int(onset * 50) + 25 : int(onset * 50) + 40] += 6
    x = neurokit.signal(values, sampling_rate=50, channels=["a", "b", "c"], types="eeg")
    events = neurokit.events(onsets, label=labels)
    report = Report("a")
    report.section("pictures")
    conditions.show_means(report, x, events, (0.0, 1.0))
    busy = np.sort(np.concatenate([t + rng.random(9) for t in onsets[labels == "left"]]))
    spikes = neurokit.spikes({"slow": onsets + 0.1, "busy": busy}, stop=70.0)
    trials = neurokit.epoch(spikes, events, tmin=0.0, tmax=1.0, bin_width=1.0)
    conditions.show_psth(report, spikes, trials, events, (0.0, 1.0))
    page = report.to_html()
    assert page.count("<img") == 2
    assert "Spikes of unit busy" in page


def test_recordings_of_a_folder_keep_their_events(tmp_path, capsys):
    rng = np.random.default_rng(0)
    for sub, words in (("01", ["go", "stop"]), ("02", ["left", "right"])):
        folder = tmp_path / "study" / f"sub-{sub}" / "eeg"
        folder.mkdir(parents=True)
        x = neurokit.signal(20 * rng.normal(size=(3, 6000)), sampling_rate=100, types="eeg")
        write_edf(folder / f"sub-{sub}_task-x_eeg.edf", x)
        rows = [f"{2 + 2.5 * k}\t1\t{words[(k * 7) % 3 % 2]}" for k in range(20)]
        table = "\n".join(["onset\tduration\ttrial_type", *rows])
        (folder / f"sub-{sub}_task-x_events.tsv").write_text(table + "\n")
    (tmp_path / "study/dataset_description.json").write_text('{"Name": "x", "BIDSVersion": "1.8"}')
    assert main(["info", str(tmp_path / "study"), "--json"]) == 0
    parts = json.loads(capsys.readouterr().out)["parts"]
    labels = {part["name"]: part["facts"].get("labels") for part in parts}
    assert labels["sub-01/task-x/events"] == "go (13), stop (7)"
    assert labels["sub-02/task-x/events"] == "left (13), right (7)"
    out = tmp_path / "a.html"
    given = ["--labels", "go,stop", "--window", "0", "1"]
    assert main(["run", str(tmp_path / "study"), "--out", str(out), *given]) == 0
    page = out.read_text()
    assert "Events from sub-01/task-x/signal/eeg" in page
    assert "Events from sub-02/task-x/signal/eeg" not in page
    assert main(["run", str(tmp_path / "study"), "--out", str(out), "--labels", "go,up"]) == 1
    assert "has no events ['up']" in capsys.readouterr().err


def test_trials_that_come_as_such_are_told_apart(tmp_path, capsys):
    rng = np.random.default_rng(0)
    values = rng.normal(size=(30, 3, 100))
    labels = np.array(["a", "b"] * 15)
    values[labels == "a", 1, 40:60] += 4
    np.savez(tmp_path / "trials.npz", X=values, y=labels, fs=100)
    assert main(["run", str(tmp_path / "trials.npz"), "--out", str(tmp_path / "a.html")]) == 0
    page = (tmp_path / "a.html").read_text()
    assert "30 trials from 0 to 0.99 s" in page
    assert "Better than guessing: " in page
    assert page.count("<img") == 3
    np.savez(tmp_path / "one.npz", X=values[:3], y=["a", "a", "a"], fs=100)
    assert main(["run", str(tmp_path / "one.npz"), "--out", str(tmp_path / "a.html")]) == 0
    assert "in the channel where they are largest" in (tmp_path / "a.html").read_text()
    capsys.readouterr()


def test_traces_tell_conditions_of_trials_apart():
    rng = np.random.default_rng(0)
    onsets = 2.0 + 3 * np.arange(24)
    events = neurokit.events(onsets, label=rng.permutation(["grating", "blank"] * 12))
    values = rng.normal(size=(5, 1600))
    for onset in onsets[events["label"] == "grating"]:
        values[3, int(onset * 20) : int(onset * 20) + 20] += 5
    x = neurokit.traces(values, sampling_rate=20)
    table = {"": events}
    session = Session(Path("a.nwb"), {}, None, None, events, [], [], {"traces/dff": x}, table)
    report = report_session(session, window=(0.0, 1.0))
    assert "Events from traces/dff" in report.titles
    assert "Better than guessing: means of quarters, LDA" in report.to_html()
