"""Public sets read as their authors lay them out (simulated here), and the table printed."""

import numpy as np
import pytest
from scipy.io import savemat

from neurokit import io
from neurokit.cli.bench.trials import TASKS, first_part, run
from neurokit.cli.bench.trials_sets import NAKANISHI, read_flicker, read_imagery
from neurokit.datasets import make_motor_imagery


def write_imagery(folder, subject, rng):
    """Runs of BNCI 2014-001: X in rows of time, 25 columns, trial begins counted from one."""
    t = np.arange(250 * 4) / 250
    runs = []
    for trials in (0, 8, 8):
        x = rng.normal(size=(250 * (8 * trials + 4), 25))
        starts = 250 * 8 * np.arange(trials) + 1
        y = rng.permutation(np.arange(trials) % 4 + 1)
        for start, kind in zip(starts, y, strict=True):
            channel = 7 if kind == 1 else 11
            x[start - 1 + 500 : start - 1 + 1500, channel] += 3 * np.sin(2 * np.pi * 11 * t)
        runs.append({"X": x, "trial": starts, "y": y, "fs": 250.0})
    cells = np.empty(3, object)
    cells[:] = runs
    savemat(folder / f"A0{subject}T.mat", {"data": cells})


def test_imagery_is_read_from_its_files_and_scored_beside_what_is_published(tmp_path, capsys):
    rng = np.random.default_rng(0)
    for subject in (1, 2, 3):
        write_imagery(tmp_path, subject, rng)
    x = read_imagery(tmp_path)
    assert x.shape == (24, 22, 1000)
    assert sorted(set(x["label"].values)) == ["left", "right"]
    assert sorted(set(x["subject"].values)) == ["A01", "A02", "A03"]
    run("mi", tmp_path, decoders=["band", "csp"], seeds=1, epochs=None, device="cpu",
        out=tmp_path / "scores.csv")  # fmt: skip
    said = capsys.readouterr().out
    assert "* DBConformer, published" in said
    assert "train_and_target_unlabeled_full" in said
    assert (tmp_path / "scores.csv").read_text().count("\n") == 7


def test_flicker_is_read_from_its_files(tmp_path, capsys):
    rng = np.random.default_rng(0)
    t = np.arange(1114) / 256
    for subject in (1, 2):
        eeg = rng.normal(size=(12, 8, 1114, 5))
        for k, f in enumerate(NAKANISHI):
            eeg[k] += 1.5 * np.sin(2 * np.pi * f * t)[None, :, None]
        savemat(tmp_path / f"s{subject}.mat", {"eeg": eeg})
    x = read_flicker(tmp_path)
    assert x.shape == (120, 8, 256)
    assert x["label"].values[:3].tolist() == ["9.25", "11.25", "13.25"]
    folds = first_part(x)
    train, test = folds["s1"]
    assert (len(train), len(test)) == (48, 12)
    assert x["run"].values[test].min() > x["run"].values[train].max()
    run("ssvep", tmp_path, decoders=None, seeds=1, epochs=None, device="cpu", out=None)
    said = capsys.readouterr().out
    ours = [line for line in said.splitlines() if line.startswith(("fbcca", "etrca", "tdca"))]
    assert all(float(line.split()[1]) > 80 for line in ours[:3])
    assert "87.59" in said


def test_saved_trials_serve_as_well(tmp_path):
    made, _ = make_motor_imagery(2, 8, duration=1.0, n_channels=5, random_state=0)
    io.save(tmp_path / "trials.nc", made)
    assert read_imagery(tmp_path).shape == made.shape


def test_what_is_missing_is_said(tmp_path):
    with pytest.raises(FileNotFoundError, match="no such folder"):
        read_imagery(tmp_path / "nowhere")
    with pytest.raises(FileNotFoundError, match="holds neither"):
        read_flicker(tmp_path)
    with pytest.raises(ValueError, match="knows no wiener for mi"):
        run("mi", tmp_path, decoders=["wiener"], seeds=1, epochs=None, device="cpu", out=None)
    with pytest.raises(ValueError, match=r"written to \.csv"):
        run("mi", tmp_path, decoders=None, seeds=1, epochs=None, device="cpu",
            out=tmp_path / "x.json")  # fmt: skip
    assert set(TASKS["mi"].usual) <= set(TASKS["mi"].decoders)
