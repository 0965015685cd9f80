"""``neurokit bench reaching``: on files of the recordings' layout, written here."""

import functools
import importlib.util
import itertools
import json
import shutil
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest

from neurokit.cli import main as cli
from neurokit.cli.bench import reaching, recordings
from neurokit.cli.bench import rows as _bench_rows
from neurokit.cli.bench import table as _bench_table
from neurokit.datasets import make_reaching
from neurokit.datasets.fetch import REACHING_SESSIONS


def write_recording(path, *, duration=30.0, n_channels=12, seed=0):
    """References (unit, channel) to times, cursor, target and t: MATLAB's v7.3, as published."""
    made = make_reaching(duration, n_units=n_channels, depth=1.0, rate=12.0, random_state=seed)
    hand, start = made.behaviour, 80.0
    n = hand.sizes["time"]
    ends = np.cumsum(made.spikes["spike_count"].values)[:-1]
    trains = np.split(made.spikes["spike_time"].values + start, ends)
    target = np.zeros((2, n))
    for k, onset in enumerate(made.events["onset"]):
        target[:, int(onset * 250) :] = [[k + 1.0], [-k]]
    with h5py.File(path, "w") as file:
        cells, table = file.create_group("#refs#"), np.empty((3, n_channels), h5py.ref_dtype)
        for c, train in enumerate(trains):
            for u, times in enumerate(
                (train[::3], np.sort(np.r_[train[1::3], train[2::3]]), None)
            ):
                name = f"{c}_{u}"
                cells[name] = np.zeros(2, np.uint64) if times is None else times[None]
                if times is None:
                    cells[name].attrs["MATLAB_empty"] = np.uint8(1)
                table[u, c] = cells[name].ref
        file.create_dataset("spikes", data=table, dtype=h5py.ref_dtype)
        file["t"] = (start + np.arange(n) / 250)[None]
        file["cursor_pos"] = hand.sel(feature=["x", "y"]).values.T
        file["target_pos"] = target
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two of the six, one for each monkey."""
    folder = tmp_path_factory.mktemp("sabes")
    write_recording(folder / f"{REACHING_SESSIONS[0]}.mat", seed=1)
    write_recording(folder / f"{REACHING_SESSIONS[4]}.mat", n_channels=20, seed=2)
    return folder


@pytest.fixture(scope="module")
def package():
    """A recording by formula, and how neurobench 2.3.0 has read it."""
    here = Path(__file__).parent
    path = here.parent / "benchmarks/neurobench_counts.py"
    spec = importlib.util.spec_from_file_location("neurobench_counts", path)
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    made.counted = json.loads((here / "neurobench_counts.json").read_text())
    return made


@pytest.fixture
def run(run):
    """Run the benchmark's command in an empty folder."""
    return functools.partial(run, "bench", "reaching")


def by_loops(path):
    """NeuroBench's reading, in plain loops: bins of 4 ms, reaches, central differences."""
    with h5py.File(path) as file:
        clock, cursor, target = (file[k][()] for k in ("t", "cursor_pos", "target_pos"))
        edges = np.arange(clock[0, 0] - 0.004, clock[0, -1], 0.004)
        fired = np.zeros((file["spikes"].shape[1], len(clock[0])), int)
        for channel in range(len(fired)):
            for reference in file["spikes"][:, channel]:
                if "MATLAB_empty" not in file[reference].attrs:
                    found = np.flatnonzero(np.histogram(file[reference][()], edges)[0])
                    fired[channel, found + 1] = 1
    reaches = [0]
    for i in range(target.shape[1] - 1):
        if any(target[:, i] != target[:, i + 1]):
            reaches.append(i)
    speed = [(cursor[:, i + 1] - cursor[:, i - 1]) / 2 for i in range(1, cursor.shape[1] - 1)]
    return fired, np.array(speed), reaches


def test_a_recording_is_read_as_neurobench_does(folder):
    path = folder / f"{REACHING_SESSIONS[4]}.mat"
    found = recordings.read_recording(path)
    fired, speed, reaches = by_loops(path)
    assert np.array_equal(found.counts.values, fired)
    assert 0.02 < fired.mean() < 0.3
    np.testing.assert_allclose(found.velocity.values[1:-1], speed, atol=2e-5)  # float32 positions
    n_train = len(reaches) // 2
    n_validation = (len(reaches) - n_train) // 2
    edges = [0, reaches[n_train], reaches[n_train + n_validation], 7500]
    parts = found.train, found.validation, found.test
    assert [(p.start, p.stop) for p in parts] == [*itertools.pairwise(edges)]
    assert found.name == REACHING_SESSIONS[4]


def test_a_recording_is_read_as_the_package_reads_it(package, tmp_path):
    found = recordings.read_recording(package.write_recording(tmp_path / "x.mat"))
    theirs = package.counted["recording"]
    assert ["".join(map(str, row)) for row in found.counts.values] == theirs["spikes"]
    np.testing.assert_allclose(found.velocity.values[::100].T, theirs["velocity"], atol=2e-6)
    parts = {"train": found.train, "val": found.validation, "test": found.test}
    assert {k: [p.start, p.stop] for k, p in parts.items()} == theirs["parts"]


@pytest.mark.parametrize("suffix", ["csv", "json"])
def test_rows_are_kept_and_not_made_again(run, folder, monkeypatch, suffix, tmp_path):
    options = ["--data", folder, "--decoders", "wiener,kalman", "--filters", "none,fir-late"]
    options += ["--epochs", 1, "--count", 50, "--out", f"table.{suffix}"]
    first = run(*options)
    assert first.code == 0, first.err
    rows = _bench_rows.Rows(tmp_path / f"table.{suffix}").rows
    assert len(rows) == 2 * 2 * 2
    text = (tmp_path / f"table.{suffix}").read_text()
    monkeypatch.setattr(reaching, "evaluate", None)  # nothing is left to do
    again = run(*options)
    assert again.code == 0
    assert again.out == first.out
    assert (tmp_path / f"table.{suffix}").read_text() == text
    others = run(*options[:3], "ann2d", *options[4:])  # but another decoder is
    assert "'NoneType' object is not callable" in others.err


def test_only_the_seeds_asked_for_are_in_the_table(run, folder, tmp_path):
    options = ["--data", folder, "--decoders", "ann2d", "--epochs", 1, "--count", 20]
    options += ["--out", "table.csv"]
    assert "±" in run(*options, "--seeds", 2).out
    assert len(pd.read_csv(tmp_path / "table.csv")) == 4
    assert "±" not in run(*options).out
    assert len(pd.read_csv(tmp_path / "table.csv")) == 4


def test_an_interrupted_run_goes_on_where_it_was(run, folder, monkeypatch, tmp_path):
    options = ["--data", folder, "--decoders", "wiener,kalman", "--out", "table.csv"]
    real, calls = reaching.evaluate, []

    def stopped(recording, decoder, **given):
        calls.append((recording.name, decoder))
        if len(calls) == 3:
            raise KeyboardInterrupt
        return real(recording, decoder, **given)

    monkeypatch.setattr(reaching, "evaluate", stopped)
    assert run(*options).code == 130
    assert len(pd.read_csv(tmp_path / "table.csv")) == 2
    assert run(*options).code == 0
    assert len(pd.read_csv(tmp_path / "table.csv")) == 4
    assert len(calls) == 5
    assert sorted(path.name for path in tmp_path.iterdir()) == ["table.csv", "table.rst"]


def test_the_table_has_the_columns_of_the_leaderboard(run, folder, tmp_path):
    done = run("--data", folder, "--decoders", "wiener,kalman", "--out", "table.json")
    rows = json.loads((tmp_path / "table.json").read_text())
    table = (tmp_path / "table.rst").read_text().splitlines()
    assert [cell.strip() for cell in table[1].strip("|").split("|")] == [*_bench_table.LEADERBOARD]
    assert len({len(line) for line in table}) == 1
    assert set(table[0]) == {"+", "-"}
    assert set(table[2]) == {"+", "="}
    best = max(("wiener", "kalman"), key=lambda d: sum(r["r2"] for r in rows if r["decoder"] == d))
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in table[3:5]]
    mine = [row for row in rows if row["decoder"] == best]
    assert [line[:3] for line in cells] == [
        ["1.", best, f"{mine[0]['r2']:.3f}"],
        ["", "", f"{mine[1]['r2']:.3f}"],
    ]
    assert cells[0][4] == "250"
    # the published figures beside, for the same recordings
    (line,) = [w for w in map(str.split, done.out.splitlines()) if w[:4:2] == ["*", "none"]][5:6]
    assert line[:8] == ["*", "ANN3D", "none", "all", "(2)", "0.601", "-", "137,752"]
    assert "e521c28" in done.out


def test_published_figures_have_the_published_means():
    """Means that NeuroBench has committed beside the figures of each recording."""
    table = _bench_table.published(REACHING_SESSIONS)
    whole = table[table["monkey"] == "all"].set_index("decoder")
    expected = {
        "ANN2D": (0.5755, 6236.75, 4969.76, 0.0),
        "ANN3D": (0.6154, 33888.0, 11507.07, 0.0073),
        "SNN2": (0.5805, 7300.0, 0.0, 413.52),
        "SNN3": (0.6329, 43680.0, 32256.0, 5831.41),
    }
    for name, figures in expected.items():
        found = whole.loc[name, ["r2", "dense", "macs", "acs"]].astype(float)
        assert found.tolist() == pytest.approx(figures, abs=6e-3, rel=1e-5)
    by_monkey = table[table["decoder"].isin(["ANN2D", "SNN2"]) & (table["monkey"] != "all")]
    # the leaderboard's lines: ANN .593 and .558, SNN .593 and .568
    assert by_monkey["r2"].round(3).tolist() == [0.593, 0.558, 0.593, 0.568]


def test_means_are_over_recordings_and_spreads_over_seeds():
    rows = [
        dict.fromkeys(_bench_rows.FIGURES, 0.0)
        | {"recording": name, "decoder": "gru", "filter": "none", "seed": seed, "r2": r2}
        for name, seed, r2 in [
            ("indy_20160622_01", 0, 0.5),
            ("indy_20160622_01", 1, 0.7),
            ("loco_20170210_03", 0, 0.3),
        ]
    ]
    table = _bench_table.summary(rows).set_index("monkey")
    assert table["r2"].round(9).to_dict() == {"indy": 0.6, "loco": 0.3, "all": 0.45}
    assert table["r2_sd"]["indy"] == pytest.approx(np.std([0.5, 0.7], ddof=1))
    assert "0.600 ± 0.141" in _bench_table.as_text(rows)


@pytest.mark.parametrize(
    "filters", [("none",), pytest.param(reaching.FILTERS, marks=pytest.mark.slow)]
)
@pytest.mark.parametrize(
    "decoder",
    [
        d if d in ("snn2", "gru") else pytest.param(d, marks=pytest.mark.slow)
        for d in reaching.DECODERS
    ],
)
def test_every_decoder_and_filter_gives_a_row(folder, decoder, filters):
    recording = recordings.read_recording(folder / f"{REACHING_SESSIONS[0]}.mat")
    options = {"epochs": 1, "count": 20, "device": "cpu"}
    rows = list(reaching.evaluate(recording, decoder, filters=filters, **options))
    assert [row["filter"] for row in rows] == [*filters]
    for row in rows:
        assert row["r2"] < 1
        assert row["dense"] > 0
        assert row["footprint"] > 0
        assert row["macs"] + row["acs"] <= row["dense"]
        if row["filter"] in ("none", "fir", "bessel-last"):
            assert row["waits_s"] == 0
    if len(rows) > 1:
        by_name = {row["filter"]: row for row in rows}
        assert by_name["fir-late"]["waits_s"] == pytest.approx(0.064)
        assert by_name["fir"]["macs"] == pytest.approx(by_name["none"]["macs"] + 64)


def test_lists_of_names_are_those_of_the_code():
    assert set(reaching.decoders()) == set(reaching.DECODERS)
    made = [reaching.smoother(name) for name in reaching.FILTERS[1:]]
    assert [getattr(s, "mode", None) for s in made[:4]] == [
        "causal",
        "block_last",
        "block_middle",
        "offline",
    ]
    assert [s.delay for s in made[4:]] == [0, 16]


# ------------------------------------------------------------ folders that are not as they should


def test_what_is_missing_is_said(run, folder):
    done = run("--data", folder, "--decoders", "wiener")
    assert done.code == 0
    missing = [
        n for n in REACHING_SESSIONS if n not in (REACHING_SESSIONS[0], REACHING_SESSIONS[4])
    ]
    assert f"Not scored, so not in the means: {', '.join(missing)}." in done.out
    assert "2,110 test samples and the published recording 132,593" in done.err


def test_a_damaged_file_is_left_out(run, folder, tmp_path):
    for name in (REACHING_SESSIONS[0], REACHING_SESSIONS[4]):
        shutil.copy(folder / f"{name}.mat", tmp_path)
    whole = (tmp_path / f"{REACHING_SESSIONS[0]}.mat").read_bytes()
    (tmp_path / f"{REACHING_SESSIONS[0]}.mat").write_bytes(whole[: len(whole) // 2])
    done = run("--data", tmp_path, "--decoders", "wiener")
    assert done.code == 0
    assert f"{REACHING_SESSIONS[0]}.mat: is cut short; copy it again. It is left out." in done.err
    assert "loco (1)" in done.out
    assert "indy" not in done.out.partition("Not scored")[0]
    (tmp_path / f"{REACHING_SESSIONS[4]}.mat").write_bytes(b"not HDF5")
    done = run("--data", tmp_path, "--decoders", "wiener")
    assert done.code == 1
    assert done.err.splitlines()[-1].startswith("neurokit: error: ")
    assert "could be read; copy them again." in done.err


def test_files_of_another_layout_are_refused(tmp_path):
    path = tmp_path / "indy.mat"
    with h5py.File(path, "w") as file:
        file["t"] = np.arange(10.0)
    with pytest.raises(OSError, match=r"indy\.mat: is no reaching recording.*'spikes'"):
        recordings.read_recording(path)
    write_recording(path, duration=3.0)
    with h5py.File(path, "a") as file:
        n = file["t"].shape[1]
        del file["target_pos"]
        file["target_pos"] = np.zeros((2, n))
    with pytest.raises(OSError, match="has 1 reaches, too few to train, validate and test"):
        recordings.read_recording(path)
    with h5py.File(path, "a") as file:
        del file["cursor_pos"]
        file["cursor_pos"] = np.zeros((2, 9))
    with pytest.raises(OSError, match=f"t has {n} samples, cursor_pos 9 and target_pos {n}"):
        recordings.read_recording(path)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--data", "nowhere"], "nowhere: is no folder; give the one with the .mat files."),
        (["--data", "."], r"holds none of indy_20160622_01, .* \(.mat\); they are at https"),
        (["--data", ".", "--decoders", "wiener,svm"], "--decoders: knows no svm; there are"),
        (["--data", ".", "--filters", "kalman"], "--filters: knows no kalman; there are none,"),
        (["--data", ".", "--seeds", "0"], "--seeds must be 1 or more, got 0."),
        (["--data", ".", "--epochs", "0"], "--epochs must be 1 or more, got 0."),
        (["--data", ".", "--out", "table.txt"], "table.txt: results are written to .csv or .json"),
        (["--data", ".", "--out", "no/table.csv"], "there is no folder no; make it first."),
    ],
)
def test_refusals(run, options, words, tmp_path):
    done = run(*options)
    assert done.code == 1
    assert done.out == ""
    assert done.err.count("\n") == 1
    assert pd.Series([done.err]).str.contains(words)[0]


@pytest.mark.parametrize("text", ["a,b\n1,2\n", "recording\n", "\x00", "{}", "[1]"])
@pytest.mark.parametrize("name", ["table.csv", "table.json"])
def test_a_file_of_something_else_is_not_written_over(run, folder, tmp_path, text, name):
    (tmp_path / name).write_text(text)
    done = run("--data", folder, "--decoders", "wiener", "--out", name)
    assert done.code == 1
    assert f"{name}: does not hold results of this benchmark; give another name." in done.err
    assert (tmp_path / name).read_text() == text


def test_help_says_what_there_is(capsys):
    assert cli.main(["bench", "--help"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "zenodo.org/records/583331" in said
    assert all(name in said for name in (*reaching.DECODERS, *reaching.FILTERS))
