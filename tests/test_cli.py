"""The commands: what they say, write and refuse, and with which exit code."""

import os
import re
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import neurokit
from neurokit import io
from neurokit.cli import main as cli
from neurokit.datasets import make_eeg, make_motor_imagery, make_reaching
from neurokit.recording import events


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """An EDF file with cues, and an NWB file with spikes and a hand."""
    folder = tmp_path_factory.mktemp("files")
    trials, _ = make_motor_imagery(1, 24, shift=0.0, noise=2.0, n_channels=11, random_state=3)
    x = neurokit.signal(
        np.concatenate(list(trials.values), axis=1),
        sampling_rate=128,
        channels=trials["channel"].values.tolist(),
        types="eeg",
    )
    io.write_edf(folder / "cues.edf", x, events(np.arange(24) * 3.0, 3, trials["label"].values))
    made = make_reaching(90, n_units=30, depth=1.0, rate=12.0, random_state=0)
    session = {
        "spikes": made.spikes,
        "behaviour": made.behaviour.sel(feature=["vx", "vy"]).to_dataset(name="behaviour"),
        "events": made.events[["onset", "duration", "label"]].rename_axis("event").to_xarray(),
    }
    tree = xr.DataTree.from_dict(session)
    tree.attrs["session_start_time"] = "2020-01-01T00:00:00+00:00"
    io.write_nwb(folder / "reach.nwb", tree)
    return folder


def test_help_answers_at_once():
    code = (
        "import sys, time; start = time.process_time()\n"
        "from neurokit.cli import main as cli\n"
        "code = cli.main(['--help']); took = time.process_time() - start\n"
        "heavy = {'torch', 'mne', 'numpy', 'xarray', 'matplotlib', 'sklearn'} & set(sys.modules)\n"
        "assert code == 0 and not heavy, heavy\n"
        "print(took)"
    )
    done = [
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True) for _ in "ab"
    ]
    assert all(d.returncode == 0 for d in done), done[0].stderr
    assert "demo" in done[0].stdout
    assert min(float(d.stdout.splitlines()[-1]) for d in done) < 1.0


def test_version(run):
    assert run("--version").out == f"neurokit {neurokit.__version__}\n"


@pytest.mark.parametrize("arguments", [[], ["nonsense"], ["info"], ["run", "x", "--window", "1"]])
def test_a_wrong_command_is_answered_with_its_usage_and_2(run, arguments):
    done = run(*arguments)
    assert done.code == 2
    assert done.out == ""
    assert "usage: neurokit" in done.err


def test_info_says_what_a_file_holds(run, files):
    done = run("info", files / "cues.edf")
    assert done.code == 0
    assert "11 channels x 9,216 samples" in done.out
    assert re.search(r"rate +128 Hz", done.out)
    assert "1 min 12 s" in done.out
    assert re.search(r"units +uV", done.out)
    assert "left (12)" in done.out
    assert io.fingerprint(files / "cues.edf") in done.out
    assert "No oddities." in done.out
    done = run("info", files / "reach.nwb")
    assert "30 units" in done.out
    assert "vx (mm/s), vy (mm/s)" in done.out


def test_info_takes_slow_recordings(run, tmp_path):
    x = neurokit.signal(np.arange(10.0)[None], sampling_rate=1 / 30, types="eeg")
    io.write_edf(tmp_path / "slow.edf", x)
    assert run("info", "slow.edf").code == 0


def test_info_finds_what_is_odd(run, tmp_path):
    x = make_eeg(20, n_channels=8, random_state=0).signal.copy()
    hum = 100 * np.sin(2 * np.pi * 50 * np.arange(5000) / 250)
    values = x.values + hum
    values[1] = 3.0
    values[2] = values[4]
    values[5] = np.clip(values[5], -20, 20)
    values[6] *= 1
    x = x.copy(data=values)
    io.save(
        tmp_path / "a.zarr", xr.DataTree.from_dict({"signal/eeg": x.to_dataset(name="signal")})
    )
    out = run("info", "a.zarr").out
    assert "1 channel flat: Fp2" in out
    assert "same samples: Fz = F7" in out
    assert "clipped?): F4" in out
    assert "Mains hum: the power at 50 Hz" in out
    values[0, 7] = np.nan
    x = x.copy(data=values * 1e6)
    spikes = neurokit.spikes([[1.0, 1.0004, 1.0008, 2.0], []], stop=3.0)
    table = events([1.0, 99.0], label=["a", "b"]).rename_axis("event").to_xarray()
    session = {"signal/eeg": x.to_dataset(name="signal"), "spikes": spikes, "events": table}
    io.save(tmp_path / "b.nc", xr.DataTree.from_dict(session))
    out = run("info", "b.nc").out
    assert "missing or infinite, in Fp1" in out
    assert "out of the range of scalps" in out
    assert "1 unit never fired" in out
    assert "under 1 ms" in out
    assert "1 event outside of the recording" in out


def test_run_reports_and_decodes_events(run, files, tmp_path):
    done = run("run", files / "cues.edf", "--labels", "left,right", "--window", "0.5", "2.5")
    assert done.code == 0, done.err
    page = (tmp_path / "cues.edf.html").read_text("utf-8")
    assert str(tmp_path / "cues.edf.html") in done.out
    assert "24 windows from 0.5 to 2.5 s around left, right" in page
    score = re.search(r"LDA</td><td class=\"number\">(0\.\d+)<", page)
    assert float(score[1]) > 0.7
    assert "Better than guessing: band power" in page
    assert page.count("<img") == 4


def test_run_decodes_behaviour_and_says_how(run, files, tmp_path):
    done = run("run", files / "reach.nwb", "--out", "mine.html")
    assert done.code == 0, done.err
    page = (tmp_path / "mine.html").read_text("utf-8")
    assert "R2, real time" in page
    assert "Fitted on the first 75 %" in page
    row = re.search(r"Wiener, 0\.4 s</td><td class=\"number\">(0\.\d+)<", page)
    assert float(row[1]) > 0.3


def test_run_without_events_says_that_nothing_was_decoded(run, tmp_path):
    io.write_edf(tmp_path / "rest.edf", make_eeg(12, n_channels=4, random_state=0).signal)
    assert run("run", "rest.edf").code == 0
    assert "Nothing was decoded" in (tmp_path / "rest.edf.html").read_text("utf-8")
    done = run("run", "rest.edf", "--labels", "a,b")
    assert done.code == 1
    assert "--labels needs events, and the file holds none" in done.err


def test_run_names_the_labels_there_are(run, files):
    done = run("run", files / "cues.edf", "--labels", "left,foot")
    assert done.code == 1
    assert re.search(r"no events \['foot'\]; there are \['\w+', '\w+'\]", done.err)


def test_run_refuses_labels_and_windows_that_mean_nothing(run, files):
    done = run("run", files / "cues.edf", "--labels", "left")
    assert done.code == 1
    assert "--labels takes two labels or more" in done.err
    done = run("run", files / "cues.edf", "--window", "1", "0.5")
    assert "--window goes from an earlier to a later time, got [1.0, 0.5]" in done.err


def test_an_uneven_clock_is_described_and_not_filtered(run, tmp_path):
    x = make_eeg(12, n_channels=3, random_state=0).signal
    clock = np.sort(np.random.default_rng(0).uniform(0, 12, x.sizes["time"]))
    x = xr.DataArray(x.values, dims=x.dims, coords={"channel": x["channel"], "time": clock})
    io.save(
        tmp_path / "uneven.nc", xr.DataTree.from_dict({"signal/a": x.to_dataset(name="signal")})
    )
    assert "not evenly spaced" in run("info", "uneven.nc").out
    assert run("run", "uneven.nc").code == 0


def test_guessing_is_not_called_decoding(run, tmp_path):
    x = make_eeg(60, n_channels=4, random_state=1).signal
    labels = np.random.default_rng(3).choice(["a", "b"], 40)
    io.write_edf(tmp_path / "n.edf", x, events(np.arange(40) * 1.4, 0.1, labels))
    assert run("run", "n.edf").code == 0
    assert "nothing was decoded" in (tmp_path / "n.edf.html").read_text("utf-8")


@pytest.mark.parametrize("suffix", [".zarr", ".nc", ".nwb", ".edf"])
def test_convert_keeps_the_signal_and_the_events(run, files, tmp_path, suffix):
    done = run("convert", files / "cues.edf", f"out{suffix}")
    assert done.code == 0, done.err
    assert done.out.startswith(f"out{suffix} (")
    session = io.read_session(tmp_path / f"out{suffix}")
    (x,) = [n.to_dataset()["signal"] for n in session.subtree if "signal" in n.data_vars]
    expected = io.read_signal(files / "cues.edf")
    np.testing.assert_allclose(x.transpose("channel", "time"), expected, atol=0.01)
    assert len(session["events"].to_dataset()["onset"]) == 24


def test_convert_writes_events_as_bids(run, files, tmp_path):
    assert run("convert", files / "cues.edf", "cues_events.tsv").code == 0
    table = pd.read_csv(tmp_path / "cues_events.tsv", sep="\t")
    assert list(table) == ["onset", "duration", "trial_type"]
    back = io.read_events(tmp_path / "cues_events.tsv")
    pd.testing.assert_frame_equal(
        back.astype({"label": str}), io.read_events(files / "cues.edf").astype({"label": str})
    )


def test_convert_replaces_only_when_told(run, files, tmp_path):
    (tmp_path / "out.nc").write_text("mine")
    done = run("convert", files / "cues.edf", "out.nc")
    assert done.code == 1
    assert "out.nc: is already there; give another name, or --overwrite" in done.err
    assert (tmp_path / "out.nc").read_text() == "mine"
    assert run("convert", files / "cues.edf", "out.nc", "--overwrite").code == 0
    done = run("convert", "out.nc", "out.nc", "--overwrite")
    assert "is the file to convert itself" in done.err


def _damaged(folder, files):
    whole = (files / "cues.edf").read_bytes()
    (folder / "cut.edf").write_bytes(whole[:200])
    (folder / "text.edf").write_text("not a recording")
    (folder / "empty.edf").write_bytes(b"")
    (folder / "cut.nwb").write_bytes((files / "reach.nwb").read_bytes()[:5000])
    (folder / "notes.txt").write_text("hello")
    (folder / "folder").mkdir()


@pytest.mark.parametrize("command", [["info"], ["run"], ["convert"]])
@pytest.mark.parametrize(
    "name",
    [
        "missing.edf",
        "cut.edf",
        "text.edf",
        "empty.edf",
        "cut.nwb",
        "notes.txt",
        "folder",
        "no/x.nwb",
    ],
)
def test_misuse_is_answered_with_one_sentence_and_1(run, files, tmp_path, command, name):
    _damaged(tmp_path, files)
    before = sorted(tmp_path.rglob("*"))
    done = run(*command, name, *(["out.nc"] if command == ["convert"] else []))
    assert done.code == 1
    assert done.out == ""
    last = done.err.strip().splitlines()[-1]
    assert last.startswith("neurokit: error: ")
    assert "unexpected" not in last
    assert "Traceback" not in done.err
    assert name in last
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["run", "IN", "--out", "no/where.html"], "there is no folder no; make it first"),
        (["run", "IN", "--out", "."], "is a folder"),
        (["demo", "--out", "no/where.html"], "there is no folder no"),
        (["convert", "IN", "out.xyz"], "writes .edf, .nwb, .zarr, .nc and .tsv"),
        (["convert", "IN", "out"], "a name without extension"),
        (["convert", "IN", "no/out.nc"], "there is no folder no"),
    ],
)
def test_what_cannot_be_written_is_refused_before_the_work(run, files, arguments, words):
    done = run(*[files / "cues.edf" if a == "IN" else a for a in arguments])
    assert done.code == 1
    assert words in done.err


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_without_permission_is_refused(run, files, tmp_path):
    (tmp_path / "locked").mkdir(mode=0o500)
    done = run("run", files / "cues.edf", "--out", "locked/x.html")
    assert done.code == 1
    assert "does not let you write" in done.err


def test_a_signal_with_nan_is_reported_and_not_exported_to_edf(run, tmp_path):
    x = make_eeg(12, n_channels=4, random_state=0).signal.copy()
    x[0, 5:50] = np.nan
    tree = {"signal/eeg": x.to_dataset(name="signal")}
    io.save(tmp_path / "nan.nc", xr.DataTree.from_dict(tree))
    assert run("run", "nan.nc").code == 0
    assert "missing or infinite, in Fp1" in (tmp_path / "nan.nc.html").read_text("utf-8")
    done = run("convert", "nan.nc", "out.edf")
    assert done.code == 1
    assert not (tmp_path / "out.edf").exists()


def test_debugging_shows_the_traceback(run, monkeypatch):
    monkeypatch.setenv("NEUROKIT_DEBUG", "1")
    with pytest.raises(FileNotFoundError):
        run("info", "missing.edf")


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (KeyError("x"), 1, "unexpected KeyError: 'x'; with NEUROKIT_DEBUG=1"),
        (MemoryError(), 1, "there is not enough memory"),
        (FileNotFoundError(2, "No such file", "a.edf"), 1, "a.edf: no such file."),
        (ValueError("two\nlines"), 1, "two lines"),
        (KeyboardInterrupt(), 130, "interrupted"),
    ],
)
def test_every_error_becomes_a_sentence(run, monkeypatch, error, code, words):
    def fail(_):
        raise error

    monkeypatch.setattr(cli, "_info", fail)
    done = run("info", "x")
    assert done.code == code
    assert done.err == f"neurokit: error: {words}" + done.err.split(words)[1]
    assert done.err.count("\n") == 1


def test_warnings_of_the_data_are_shown_and_those_for_programmers_are_not(run, monkeypatch):
    import warnings

    def warn(_):
        warnings.warn("the clock\njumps", UserWarning, stacklevel=2)
        warnings.warn("old name", DeprecationWarning, stacklevel=2)

    monkeypatch.setattr(cli, "_info", warn)
    assert run("info", "x").err == "neurokit: warning: the clock jumps\n"


def test_demo_goes_through_files_to_a_report(run, monkeypatch, tmp_path):
    from neurokit.cli import demo, demo_trials, demo_units

    monkeypatch.setattr(demo_trials, "N_SUBJECTS", 3)
    monkeypatch.setattr(demo_trials, "N_TRIALS", 12)
    monkeypatch.setattr(demo, "DURATION", 40.0)
    monkeypatch.setattr(demo_units, "N_SWEEPS", 16)
    done = run("demo", "--out", "demo.html")
    assert done.code == 0, done.err
    assert "Euclidean alignment, band power, LDA" in done.out
    assert "FBCCA, nothing learnt" in done.out
    assert "Wiener, 0.4 s" in done.out
    assert "LinearRVQTokenizer, 3 of 10 stages" in done.out
    page = (tmp_path / "demo.html").read_text("utf-8")
    for words in (
        "Motor imagery from EEG",
        "velocity from spikes",
        "the best possible, in real time",
    ):
        assert words in page
    assert [path.name for path in tmp_path.iterdir()] == ["demo.html"]


@pytest.mark.slow
def test_demo_takes_under_a_minute_and_finds_what_was_simulated(tmp_path):
    import time

    start = time.perf_counter()
    command = [
        sys.executable,
        "-m",
        "neurokit.cli.main",
        "demo",
        "--out",
        str(tmp_path / "d.html"),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert time.perf_counter() - start < 60
    row = next(line for line in done.stdout.splitlines() if "Euclidean" in line)
    aligned, chance = map(float, row.split()[-2:])
    assert chance == 0.5
    assert aligned > 0.75
    assert done.stderr == ""
