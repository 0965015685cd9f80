"""MaskedModel: any montage, gaps, order of channels, files, and an optimum that is known."""

import numpy as np
import pytest
import torch
import xarray as xr
from scipy.signal import lfilter

import neurokit
from neurokit import io
from neurokit.datasets import make_eeg
from neurokit.datasets.head import electrodes
from neurokit.nn.masked import MaskedTransformer, Shown
from neurokit.pretraining import MaskedModel, masked_options
from neurokit.pretraining.design import BANDS
from neurokit.pretraining.filling import Filling, measure_bands
from neurokit.training import Trainer


def small(n_epochs=1, **kwargs):
    trainer = Trainer(n_epochs, batch_size=16, learning_rate=3e-3, device="cpu")
    size = {"width": 16, "depth": 1, "n_heads": 2, "window": 2.0, "random_state": 0}
    return MaskedModel(**size | {"trainer": trainer, "device": "cpu"} | kwargs)


def eeg(n_channels=8, seconds=12.0, rate=100.0, seed=0):
    made = make_eeg(seconds, n_channels=n_channels, sampling_rate=rate, random_state=seed)
    return made.signal


@pytest.fixture(scope="module")
def fitted():
    return small(3).fit([eeg(), eeg(5, 7.3, 128.0, 1), eeg(3, 3.1, 160.0, 2)])


def test_embeddings_follow_the_order_of_channels(fitted):
    X = eeg(19)
    order = np.random.default_rng(0).permutation(19)
    whole, turned = fitted.transform(X), fitted.transform(X.isel(channel=order))
    xr.testing.assert_allclose(turned, whole.isel(channel=order), atol=1e-5)
    assert whole.dims == ("channel", "frame", "latent")
    assert whole["frame"].values[1] == pytest.approx(0.25)


def test_montages_rates_and_lengths_that_fit_has_not_seen(fitted):
    for X in (eeg(61, 3.0, 250.0), eeg(1, 1.0, 37.0), eeg(2, 0.26, 1000.0)):
        found = fitted.transform(X)
        assert found.sizes["channel"] == X.sizes["channel"]
        assert np.isfinite(found.values).all()
    bare = eeg(4).drop_vars(["x", "y", "z"]).assign_coords(channel=list("pqrs"))
    assert np.isfinite(fitted.transform(bare).values).all()
    with pytest.raises(ValueError, match=r"as long as a patch, 0.25 s, got 0.2 s"):
        fitted.transform(eeg(2, 0.2))


def test_gaps_are_not_seen_and_change_nothing_by_what_stands_in_them(fitted):
    X = eeg().copy()
    X[2, 110:140] = np.nan
    found = fitted.transform(X)
    gone = np.isnan(found.values).all(-1)
    assert gone[2].nonzero()[0].tolist() == [4, 5]
    assert gone.sum() == 2
    filled = fitted.reconstruct(X)
    assert np.isfinite(filled.values).all()
    xr.testing.assert_equal(filled.isel(channel=[0, 1, 3]), X.isel(channel=[0, 1, 3]))
    assert filled.attrs["units"] == "uV"


def test_a_bad_channel_is_filled_in_from_the_others():
    rng = np.random.default_rng(0)
    shared = lfilter([1], [1, -0.9], rng.normal(size=(1, 5000)))  # all channels see one source
    x = shared + 0.1 * shared.std() * rng.normal(size=(8, 5000))
    X = neurokit.signal(x, sampling_rate=50, channels=electrodes(8)[0])
    train, test = X.isel(time=slice(4000)), X.isel(time=slice(4000, None))
    sizes = {"patch": 0.2, "model_rate": 50.0, "window": 1.0, "width": 32, "depth": 2}
    trainer = Trainer(14, batch_size=8, learning_rate=3e-3, device="cpu")
    model = small(**sizes, mask="channel", trainer=trainer).fit(train)
    bad = np.arange(8) == 3
    broken = test.where(xr.DataArray(~bad, dims="channel"), 0.0)
    filled = model.reconstruct(broken.assign_coords(bad=("channel", bad)))
    error = float(((filled[3] - test[3]) ** 2).mean() / test[3].var())
    assert error < 0.3
    xr.testing.assert_equal(filled[0].drop_vars("bad"), test[0])


def test_resumes_to_the_bit(tmp_path, monkeypatch):
    from neurokit.pretraining.filling import Filling

    X, calls = [eeg(), eeg(5, 7.3)], []
    expected = small(3).fit(X)
    call = Filling.__call__

    def stopped(self, *args):
        calls.append(1)
        if len(calls) == 5:
            raise KeyboardInterrupt
        return call(self, *args)

    trainer = Trainer(
        3, batch_size=16, learning_rate=3e-3, device="cpu", checkpoint=tmp_path, save_every=1e-9
    )
    with monkeypatch.context() as patch:
        patch.setattr(Filling, "__call__", stopped)
        with pytest.raises(KeyboardInterrupt):
            small(trainer=trainer).fit(X)
    assert list(tmp_path.iterdir())
    resumed = small(trainer=trainer).fit(X)
    xr.testing.assert_identical(resumed.transform(X[0]), expected.transform(X[0]))


def test_a_folder_a_list_and_a_mapping_are_the_same_recordings(tmp_path):
    X = [eeg(4, 6.0), eeg(3, 5.0, 128.0, 1)]
    for k, x in enumerate(X):
        io.save(tmp_path / f"{k}.nc", x)
    (tmp_path / "notes.txt").write_text("not a recording")
    models = [small().fit(given) for given in (X, {"a": X[0], "b": X[1]}, tmp_path)]
    for model in models[1:]:
        assert model.fingerprints_ == models[0].fingerprints_
        np.testing.assert_allclose(
            model.transform(X[1]).values, models[0].transform(X[1]).values, atol=1e-5
        )
    assert models[0].fingerprints_[0] == io.fingerprint(X[0].rename(channel="channel"))
    assert models[0].score(X) == models[0].score(X) < 0


def test_what_cannot_be_learned_from_is_named():
    with pytest.warns(UserWarning, match="leaves out 1 recordings"):
        small().fit([eeg(), eeg(2, 0.1)])
    with pytest.raises(ValueError, match="no recording in X is as long as a patch"):
        small().fit([eeg(2, 0.1)])
    X = eeg().copy()
    X[0, 3] = np.inf
    with pytest.raises(ValueError, match="infinity"):
        small().fit(X)
    for wrong, words in (
        ({"mask": "rows"}, "kinds of masks"),
        ({"space": "names"}, "space must be"),
        ({"mask_ratio": 1.0}, "mask_ratio must lie"),
        ({"patch": 0.0}, "patch"),
        ({"target": {"statistics": 1.0}}, "the signal's above 0"),
        ({"target": {"signal": 1.0, "codes": 1.0}}, "target must be 'signal', or weights of"),
        ({"channel_dropout": 1.0}, "channel_dropout must be 0 or more and below 1"),
        ({"position_noise": -1.0}, "position_noise must be 0 or more"),
    ):
        with pytest.raises(ValueError, match=words):
            small(**wrong).fit(eeg())
    flat = neurokit.signal(np.zeros((2, 500)), sampling_rate=100)
    with pytest.raises(ValueError, match="no recording"):
        small().fit(flat)


def test_shares_of_bands_are_those_of_the_spectrum():
    time = np.arange(256) / 128
    x = np.stack([np.sin(2 * np.pi * hz * time) for hz in (2, 6, 10, 20, 35)])
    x = np.concatenate([x, np.random.default_rng(0).normal(size=(1, 256))])
    found = measure_bands(torch.from_numpy(x.reshape(1, 6, 8, 32)), 128.0)[0].numpy()
    assert found.argmax(1)[:5].tolist() == [0, 1, 2, 3, 4]
    assert (found.max(1)[:5] > np.log(0.9)).all()
    power = np.abs(np.fft.rfft((x[5] - x[5].mean()) * np.hanning(257)[:-1])) ** 2
    hz = np.fft.rfftfreq(256, 1 / 128)
    parts = np.array(
        [sum(p for p, f in zip(power, hz, strict=True) if a <= f < b) for a, b in BANDS]
    )
    np.testing.assert_allclose(found[5], np.log(parts / parts.sum()), atol=1e-4)
    # level says nothing
    again = measure_bands(torch.from_numpy(7 * x.reshape(1, 6, 8, 32)), 128.0)[0].numpy()
    np.testing.assert_allclose(again, found, atol=1e-4)


def test_a_summary_knows_the_mean_of_the_latents_and_nothing_else():
    torch.manual_seed(0)
    net = MaskedTransformer(4, width=16, depth=1, n_heads=2)
    places, times = torch.randn(1, 3, 3) * 50, torch.arange(2.0)
    latents, number = torch.randn(1, 4, 16), torch.tensor([[0, 2, 3, 5]])
    valid = torch.tensor([[True, True, True, False]])
    told = net.summarise(Shown(latents, number, valid), places, times)
    mean = Shown(latents[:, :3].mean(1, keepdim=True), number[:, :1], valid[:, :1])
    torch.testing.assert_close(net.summarise(mean, places, times), told)
    assert told.shape == (1, 3, 2, 4)


def test_what_else_is_told_is_learned_and_kept(tmp_path):
    target = {"signal": 1.0, "statistics": 1.0, "summary": 0.5}
    X = eeg()
    model = small(8, target=target, channel_dropout=0.25, position_noise=5.0).fit(X)
    assert model.history_[-1]["loss"] < 0.9 * model.history_[0]["loss"]
    again = MaskedModel.load(model.save(tmp_path / "model"))
    xr.testing.assert_identical(again.transform(X), model.transform(X))
    assert again.module_.tell.out_features == len(BANDS)
    assert again.score(X) == model.score(X)  # noise and dropout are for training alone


def test_channel_dropout_takes_the_share_and_leaves_one():
    sources = [{"places": np.zeros((8, 3)), "regions": [""] * 8}]
    design = small(channel_dropout=0.3)._designing_params()
    filling, rng = Filling(sources, 0.25, design), np.random.default_rng(0)
    kept = filling._keep(rng, 400, 8)
    assert (kept.sum(1) == 8 - round(0.3 * 8)).all()
    assert np.abs(kept.mean(0) - 0.75).max() < 0.08  # no channel more than others
    assert filling._keep(rng, 5, 1).all()


@pytest.mark.parametrize("name", ["du-in", "barista", "reve", "deeperbrain", "labram", "cbramod"])
def test_rows_of_published_models_learn(name):
    X = eeg(4, 31.0, 200.0).assign_coords(region=("channel", list("aabb")))
    trainer = Trainer(1, batch_size=8, device="cpu")
    more = {"width": 16, "depth": 1, "n_heads": 2, "trainer": trainer, "device": "cpu"}
    options = masked_options(name)
    model = MaskedModel(**options, **more, random_state=0).fit(X.isel(time=slice(2200)))
    assert np.isfinite(model.history_[0]["loss"])
    assert options is not masked_options(name)
    with pytest.raises(ValueError, match="masked_options: name must be one of"):
        masked_options("gpt")


def test_a_planted_recording_is_found_under_another_name():
    held = eeg(seed=7)
    model = small().fit([eeg(), held.rename("another").assign_attrs(note="mine"), eeg(5, 7.3)])
    assert io.fingerprint(held) in model.fingerprints_
    assert io.fingerprint(eeg(seed=8)) not in model.fingerprints_


@pytest.mark.parametrize("sizes", [[7], [100, 1, 333], [2000]])
def test_live_frames_are_those_of_the_whole_recording(sizes):
    X = eeg(4, 12.0, 128.0)
    model = small(context=1.5, depth=2).fit(X)
    whole = model.transform(X)
    stream, parts, at = model.stream(X), [], 0
    while at < X.sizes["time"]:
        size = sizes[len(parts) % len(sizes)]
        parts.append(stream.push(X.values[:, at : at + size]))
        at += size
    joined = np.concatenate([*parts, stream.flush()], 1)
    np.testing.assert_allclose(joined, whole.values, atol=1e-5)
    # nothing that comes later changes a frame, and what is older than all contexts neither
    late = X.copy(data=np.where(np.arange(X.sizes["time"]) < 640, X.values, 0.0))
    other = model.stream(X)
    np.testing.assert_allclose(other.push(late.values)[:, :20], whole.values[:, :20], atol=1e-5)


def test_live_use_needs_a_context_and_the_rate_of_the_model(fitted):
    assert not hasattr(fitted, "stream")
    model = small(context=1.0).fit(eeg(3, 4.0, 128.0))
    with pytest.raises(ValueError, match=r"must have the model's rate, 128 Hz, got 100 Hz"):
        model.stream(eeg(3, 4.0))
    X = eeg(3, 4.0, 128.0).copy()
    X[0, 5] = np.nan
    with pytest.raises(ValueError, match="with a context, X must have no gaps"):
        model.transform(X)
    assert np.isfinite(model.transform(model.reconstruct(X)).values).all()
    with pytest.raises(ValueError, match="context"):
        small(context=-1.0).fit(eeg())
