"""Public models behind one door, with small stand-ins: no network, no braindecode."""

import json
import pickle
import sys

import numpy as np
import pytest
import torch
import xarray as xr
from safetensors.torch import save_file

import neurokit
from neurokit.pretraining import HubEncoder
from neurokit.pretraining.hub_conventions import ARCHITECTURES, CONVENTIONS, scale_windows


@pytest.fixture
def folder(braindecode, tmp_path):
    torch.manual_seed(0)
    net = braindecode.CBraMod(2, 3, 400, 200, [], width=5)
    held = {k: v for k, v in net.state_dict().items() if not k.startswith("final")}
    save_file(held, tmp_path / "model.safetensors")
    config = {"architecture": "CBraMod", "width": 5, "n_times": 7, "licence": "CC0"}
    (tmp_path / "config.json").write_text(json.dumps(config))
    return tmp_path, net


def eeg(rate=200, seconds=2.5, **more):
    x = np.random.default_rng(0).normal(size=(4, 3, round(rate * seconds))) * 30
    who = {"subject": list("aabb")}
    names = ["C3", "Cz", "C4"]
    return neurokit.signal(x, sampling_rate=rate, channels=names, trials=who, **more)


def test_features_are_those_of_the_model(folder):
    path, net = folder
    x = eeg()
    encoder = HubEncoder(path).fit(x)
    out = encoder.transform(x)
    with torch.no_grad():
        expected = net(torch.from_numpy(x.values[..., :400] / 100))["features"].mean((1, 2))
    np.testing.assert_allclose(out.values, expected.numpy(), rtol=1e-5, atol=1e-6)
    assert out.dims == ("trial", "latent")
    assert out["subject"].values.tolist() == list("aabb")
    assert encoder.licence_ == out.attrs["licence"] == "CC0"
    assert encoder.n_found_ == 1


def test_millivolts_and_other_rates_are_put_right(folder):
    path, _ = folder
    x = eeg()
    expected = HubEncoder(path).fit(x).transform(x)
    small = (x / 1000).assign_attrs(units="mV")
    np.testing.assert_allclose(HubEncoder(path).fit(small).transform(small), expected, rtol=1e-4)
    time = np.arange(500) / 125
    wave = np.sin(2 * np.pi * 5 * time) * np.ones((1, 3, 1))
    slow = neurokit.signal(50 * wave, sampling_rate=125)
    encoder = HubEncoder(path, pool="window").fit(slow)
    assert encoder.transform(slow).dims == ("trial", "frame", "latent")
    given = sys.modules["braindecode.models"].CBraMod.seen[0]
    assert given.shape == (1, 3, 800)
    exact = 0.5 * np.sin(2 * np.pi * 5 * np.arange(800) / 200)
    np.testing.assert_allclose(given[0, 0, 50:-50], exact[50:-50], atol=0.01)


def test_long_recordings_are_cut_into_windows(folder):
    path, _ = folder
    x = eeg(seconds=21.0)
    encoder = HubEncoder(path, architecture="BIOT", pool="window")
    with pytest.raises(ValueError, match=r"BIOT takes the channels .'FP1-F7'"):
        encoder.fit(x)
    encoder = HubEncoder(path, architecture="Labram", pool="window").fit(x)
    assert encoder.transform(x)["frame"].values.tolist() == [0.0]
    long = eeg(seconds=31.0)
    out = HubEncoder(path, architecture="Labram", pool="window").fit(long).transform(long)
    assert out["frame"].values.tolist() == [0.0, 15.0]


def test_channels_go_in_by_name_and_unknown_names_are_refused(folder):
    path, _ = folder
    x = eeg()
    HubEncoder(path, architecture="Labram").fit(x).transform(x)
    strange = x.assign_coords(channel=["C3", "EKG", "C4"])
    with pytest.raises(ValueError, match=r"Labram has no place for the channels \['EKG'\]"):
        HubEncoder(path, architecture="Labram").fit(strange)


def test_a_model_that_cannot_be_built_is_an_error_of_files(folder, monkeypatch):
    def build(*args, **kwargs):
        raise RuntimeError("no table of places")

    monkeypatch.setattr(sys.modules["braindecode.models"], "CBraMod", build)
    with pytest.raises(OSError, match="cannot build CBraMod: no table of places"):
        HubEncoder(folder[0]).fit(eeg())


def test_places_go_in_as_metres(folder):
    path, _ = folder
    places = np.array([[-60.0, 0, 60], [0, 0, 90], [60, 0, 60]])
    x = eeg(positions=places)
    HubEncoder(path, architecture="REVE").fit(x).transform(x)
    seen, pos = sys.modules["braindecode.models"].REVE.seen
    np.testing.assert_allclose(pos[2], places / 1000, rtol=1e-6)
    assert float(seen.abs().max()) < 15
    with pytest.raises(ValueError, match="by their places, and some of X have none"):
        HubEncoder(path, architecture="REVE").fit(eeg())


def test_less_than_99_percent_of_the_weights_is_an_error(folder):
    path, net = folder
    save_file({"embedding.weight": net.embed.weight.data}, path / "model.safetensors")
    with pytest.raises(OSError, match=r"holds 0.0 % of the weights of CBraMod, less than 99 %"):
        HubEncoder(path).fit(eeg())
    (path / "model.safetensors").write_bytes(b"12345678 not weights")
    with pytest.raises(OSError, match="damaged"):
        HubEncoder(path).fit(eeg())
    (path / "model.safetensors").unlink()
    with pytest.raises(OSError, match="finds no such file"):
        HubEncoder(path).fit(eeg())


def test_saved_files_hold_no_weights_and_ask_for_the_same_again(folder, tmp_path):
    path, net = folder
    x = eeg()
    encoder = HubEncoder(str(path)).fit(x)
    expected = encoder.transform(x)
    saved = encoder.save(tmp_path / "encoder")
    assert saved.stat().st_size < 4000
    again = HubEncoder.load(saved)
    xr.testing.assert_identical(again.transform(x), expected)
    xr.testing.assert_identical(pickle.loads(pickle.dumps(encoder)).transform(x), expected)
    changed = {k: v + 1 for k, v in net.state_dict().items()}
    save_file(changed, path / "model.safetensors")
    with pytest.raises(OSError, match="that of the weights of fit was"):
        HubEncoder.load(saved).transform(x)


def test_what_cannot_be_is_refused(folder, monkeypatch):
    path, _ = folder
    x = eeg()
    with pytest.raises(ValueError, match="pool must be 'mean' or 'window'"):
        HubEncoder(path, pool="max").fit(x)
    with pytest.raises(ValueError, match="must be a folder or of"):
        HubEncoder("somebody/else").fit(x)
    with pytest.raises(ValueError, match="architecture must be of"):
        HubEncoder(path, architecture="GPT").fit(x)
    with pytest.raises(ValueError, match="X must be in volts of one kind"):
        HubEncoder(path).fit(x.assign_attrs(units="furlong"))
    short = x.isel(time=slice(150))
    with pytest.raises(ValueError, match=r"takes patches of 1 s, got trials of 0.75 s"):
        HubEncoder(path).fit(short).transform(short)
    with pytest.raises(ValueError, match="needs to know the sampling rate"):
        HubEncoder(path).fit(x.values)
    monkeypatch.setitem(sys.modules, "braindecode.models", None)
    with pytest.raises(ImportError, match=r'pip install "neurokit-brain\[hub\]"'):
        HubEncoder(path).fit(x)


def test_the_table_is_whole_and_scales_are_their_definitions():
    assert {held.architecture for held in CONVENTIONS.values()} == set(ARCHITECTURES)
    assert all(held.licence for held in CONVENTIONS.values())
    x = np.random.default_rng(0).normal(2, 30, size=(2, 3, 400))
    z = scale_windows(x, "zscore")
    np.testing.assert_allclose(z.std(-1), 1)
    p = scale_windows(x, "percentile")
    np.testing.assert_allclose(np.percentile(np.abs(p), 95, axis=-1), 1)
    for scaling in ("zscore", "percentile", "hundred"):
        assert (scale_windows(np.zeros((1, 1, 9)), scaling) == 0).all()
