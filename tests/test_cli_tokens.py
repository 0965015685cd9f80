"""``neurokit tokenize`` and ``detokenize``: what they write, say and refuse."""

import os
import re

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import neurokit
from neurokit import io
from neurokit.cli import tokens as commands
from neurokit.features import BandPower
from neurokit.recording import events
from neurokit.tokenizers import LinearRVQTokenizer, ScalarTokenizer


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """An EDF file with two events, and two models."""
    folder = tmp_path_factory.mktemp("files")
    rng = np.random.default_rng(0)
    noise = np.cumsum(rng.normal(size=(3, 2000)), 1)
    x = 20 * (noise - np.linspace(0, 1, 2000) * noise[:, -1:]) / noise.std(1, keepdims=True)
    x = neurokit.signal(x, sampling_rate=200, channels=["C3", "Cz", "C4"], types="eeg")
    io.write_edf(folder / "a.edf", x, events([1.0, 2.5], 0.5, ["left", "right"]))
    ScalarTokenizer().fit(x).save(folder / "scalar.safetensors")
    linear = LinearRVQTokenizer(4, codebook_size=32, random_state=0).fit(x)
    linear.save(folder / "linear.safetensors")
    BandPower().fit(x).save(folder / "power.safetensors")
    return folder


@pytest.mark.parametrize(("model", "error"), [("scalar", 1e-3), ("linear", 0.1)])
@pytest.mark.parametrize("end", ["edf", "nc"])
def test_a_recording_goes_to_tokens_and_back(run, files, model, error, end):
    model = files / f"{model}.safetensors"
    said = run("tokenize", files / "a.edf", "a.ntok", "--model", model)
    assert said.code == 0, said.err
    found = re.search(
        r"a.ntok \(.*: (\d+) bits per second and channel, ([\d.]+) x smaller", said.out
    )
    assert float(found[1]) * float(found[2]) == pytest.approx(16 * 200, rel=0.05)
    assert run("detokenize", "a.ntok", f"b.{end}", "--model", model).code == 0
    x = io.read_signal(files / "a.edf").load()
    y = io.read_signal("b.edf") if end == "edf" else io.load("b.nc")
    assert y["channel"].values.tolist() == ["C3", "Cz", "C4"]
    np.testing.assert_allclose(y["time"], x["time"])
    assert float(((x.values - y.values) ** 2).sum() / (x.values**2).sum()) < error
    if end == "edf":
        expected = io.read_events(files / "a.edf")
        pd.testing.assert_frame_equal(io.read_events("b.edf"), expected)


def test_a_long_recording_goes_piece_by_piece_to_the_same(run, files, monkeypatch):
    for name, most in (("whole", commands._LONG), ("pieces", 600)):
        monkeypatch.setattr(commands, "_LONG", most)
        model = files / "linear.safetensors"
        assert run("tokenize", files / "a.edf", f"{name}.ntok", "--model", model).code == 0
        assert run("detokenize", f"{name}.ntok", f"{name}.zarr", "--model", model).code == 0
    tokens = [io.read_tokens(f"{name}.ntok").load() for name in ("whole", "pieces")]
    xr.testing.assert_identical(*tokens)
    xr.testing.assert_allclose(io.load("whole.zarr"), io.load("pieces.zarr"), atol=1e-4)


def test_the_model_that_comes_with_neurokit_is_the_default(run, files):
    said = run("tokenize", files / "a.edf", "a.ntok")
    assert said.code == 0, said.err
    assert run("detokenize", "a.ntok", "b.zarr").code == 0
    x, y = io.read_signal(files / "a.edf").load(), io.load("b.zarr").load()
    assert y.sizes == x.sizes
    assert float(xr.corr(x, y)) > 0.95


def test_lossless_gives_back_the_same_file(run, files):
    said = run("tokenize", files / "a.edf", "a.ntok", "--lossless")
    assert re.search(r"a.ntok \(.* [1-9][\d.]* x smaller, every bit kept\)", said.out)
    assert run("detokenize", "a.ntok", "again").code == 0
    with open("again", "rb") as again:  # noqa: PTH123
        assert again.read() == (files / "a.edf").read_bytes()


def test_info_tells_what_a_token_file_holds(run, files):
    run("tokenize", files / "a.edf", "a.ntok", "--model", files / "linear.safetensors")
    run("tokenize", files / "a.edf", "b.ntok", "--lossless")
    said = run("info", "a.ntok").out
    assert re.match(r"a.ntok: tokens of 3 channels, \d+ frames, \d levels, [\d.]+ kB, ", said)
    bits = 8 * io.token_info("a.ntok")["bytes"] / 10 / 3
    assert f"of 10.0 s at 200 Hz: {bits:.0f} bit per second and channel\n  2 events" in said
    assert run("info", "b.ntok").out.startswith("b.ntok: a recording without loss, ")


def refused(run, words, *arguments):
    said = run(*arguments)
    assert said.code == 1
    assert re.fullmatch(r"neurokit: error: [^\n]*\n", said.err)
    assert re.search(words, said.err), said.err


def test_what_cannot_be_done_is_one_sentence(run, files, tmp_path):
    edf, scalar = files / "a.edf", files / "scalar.safetensors"
    refused(run, "none.edf: no such file", "tokenize", "none.edf", "a.ntok")
    refused(run, "is the file to convert itself", "tokenize", edf, edf)
    refused(
        run,
        r"is no file, and none of the models .*eeg-small",
        "tokenize",
        edf,
        "a.ntok",
        "--model",
        "big",
    )
    refused(
        run,
        "holds a BandPower, no tokenizer",
        "tokenize",
        edf,
        "a.ntok",
        "--model",
        files / "power.safetensors",
    )
    assert run("tokenize", edf, "a.ntok", "--model", scalar).code == 0
    refused(run, "already there; give another name, or --overwrite", "tokenize", edf, "a.ntok")
    assert run("tokenize", edf, "a.ntok", "--model", scalar, "--overwrite").code == 0
    refused(
        run,
        "was not made by the model .*linear",
        "detokenize",
        "a.ntok",
        "b.nc",
        "--model",
        files / "linear.safetensors",
    )
    refused(
        run, "detokenize writes .edf, .zarr and .nc, not '.csv'", "detokenize", "a.ntok", "b.csv"
    )
    content = bytearray((tmp_path / "a.ntok").read_bytes())
    content[len(content) // 2] ^= 1
    (tmp_path / "bad.ntok").write_bytes(content)
    refused(run, "bad.ntok", "detokenize", "bad.ntok", "b.nc", "--model", scalar)
    assert not (tmp_path / "b.nc").exists()


def test_progress_is_shown_on_a_terminal_alone(tmp_path, capfd):
    import pty
    import sys
    import termios

    x = neurokit.signal(np.random.default_rng(0).normal(size=(2, 4000)), sampling_rate=100)
    source = io.write_edf(tmp_path / "a.edf", x)
    io.compress(source, tmp_path / "a.ntok", verbose=1)
    assert capfd.readouterr().err == ""
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 80))
    with os.fdopen(theirs, "w") as screen, pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stderr", screen)
        io.compress(source, tmp_path / "b.ntok", verbose=1)
        io.decompress(tmp_path / "b.ntok", tmp_path / "b.edf", verbose=1)
        shown = os.read(ours, 10_000).decode()
    os.close(ours)
    assert "compress:   0%" in shown
    assert (tmp_path / "b.edf").read_bytes() == (tmp_path / "a.edf").read_bytes()
