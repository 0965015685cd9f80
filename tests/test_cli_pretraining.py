"""``neurokit pretrain`` and ``embed``: what they write, say and refuse."""

import numpy as np
import pytest

import neurokit
from neurokit import io
from neurokit.cli import pretraining as commands
from neurokit.pretraining import MaskedModel
from neurokit.pretraining.filling import Filling


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "in").mkdir()
    rng = np.random.default_rng(0)
    for k, n in enumerate((3, 2)):
        x = neurokit.signal(rng.normal(size=(n, 600)), sampling_rate=100, types="eeg")
        io.save(tmp_path / "in" / f"{k}.nc", x)
    return tmp_path / "in"


def test_a_folder_becomes_a_model_and_a_file_an_embedding(run, folder, monkeypatch):
    said = run("pretrain", folder, "--epochs", "2", "--device", "cpu", "--out", "m.safetensors")
    assert said.code == 0, said.err
    assert "2 recordings, 2 epochs, loss of hidden samples" in said.out
    said = run("embed", folder / "0.nc", "e.nc", "--model", "m.safetensors", "--device", "cpu")
    assert said.code == 0, said.err
    assert "3 channels, 24 frames, 64 latents" in said.out
    found = io.load("e.nc")
    expected = MaskedModel.load("m.safetensors").transform(io.load(folder / "0.nc"))
    np.testing.assert_allclose(found.values, expected.values, atol=1e-5)

    # interrupted, the same words go on, and end with the same weights
    call, calls = Filling.__call__, []

    def stopped(self, *args):
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return call(self, *args)

    words = ("pretrain", folder, "--epochs", "2", "--device", "cpu", "--out", "n.safetensors")
    with monkeypatch.context() as patch:
        patch.setattr(Filling, "__call__", stopped)
        assert run(*words).code == 130
    said = run(*words)
    assert said.code == 0, said.err
    again = MaskedModel.load("n.safetensors").transform(io.load(folder / "0.nc"))
    np.testing.assert_array_equal(again.values, expected.values)


def test_what_cannot_be_is_refused(run, folder):
    for words, why in (
        (("pretrain", "nowhere"), "no such file or folder"),
        (("pretrain", folder, "--epochs", "0"), "--epochs must be 1 or more"),
        (("embed", folder / "0.nc", "e.edf"), "embed writes .nc and .zarr"),
        (("embed", folder / "0.nc", "e.nc", "--model", "huge"), "name must be one of"),
    ):
        said = run(*words)
        assert said.code == 1
        assert why in said.err
    assert commands.embed.__doc__
