"""MaskedModel: any montage, gaps, order of channels, files, and an optimum that is known."""

import subprocess
import sys
from fractions import Fraction
from pathlib import Path

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
from neurokit.pretraining import MaskedModel, PretrainedClassifier, masked_options
from neurokit.pretraining.coding import find_codes
from neurokit.pretraining.design import BANDS
from neurokit.pretraining.filling import Filling, measure_bands
from neurokit.pretraining.fusing import fuse_regions
from neurokit.pretraining.held import HeldWindows
from neurokit.pretraining.levelled import cut_signal
from neurokit.pretraining.patches import Sizes, cut_patches, join_patches
from neurokit.tokenizers import LinearRVQTokenizer, RegionTokenizer
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
    nearly = (fitted.model_rate, 1.0 + 1e-9)  # a rate that only rounding tells from the model's
    some = (61, 3.0, 250.0), (1, 1.0, 37.0), (2, 0.26, 1000.0), (2, 1.0, float(np.prod(nearly)))
    for X in (eeg(*one) for one in some):
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
    with pytest.raises(ValueError, match="X holds no recording that can be read"):
        small().fit([])
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
        ({"target": {"statistics": 1.0}}, "one of the first 4 above 0"),
        ({"target": {"signal": 1.0, "words": 1.0}}, "target must be one of"),
        ({"target": "codes"}, "needs a fitted tokenizer, got None"),
        ({"fuse": "lobe"}, "fuse must be 'channel' or 'region', got 'lobe'"),
        ({"overlap": 0.25}, "overlap must be 0 or more and shorter than patch"),
        ({"attention": "axial"}, "attention='axial' needs hidden='replace'"),
        ({"hidden": "replace", "context": 1.0}, "context needs attention='full', hidden='drop'"),
        ({"space": "regions", "position_noise": 1.0}, "has no places that position_noise moves"),
        ({"space": "regions"}, "space='regions' needs recordings with the coordinate region"),
        ({"context": 1.0, "time": "sincos"}, "context needs .* time='rotary'"),
        ({"embed": "words"}, "embed must be 'linear' or"),
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
def test_rows_of_published_models_learn(name, tmp_path):
    X = eeg(4, 31.0, 200.0).assign_coords(region=("channel", list("aabb")))
    trainer = Trainer(1, batch_size=8, device="cpu")
    more = {"width": 16, "depth": 1, "n_heads": 2, "trainer": trainer, "device": "cpu"}
    options = masked_options(name)
    if options.get("target") == "codes":
        more["tokenizer"] = tokenizer_of(X.isel(time=slice(1200)), regions=name == "du-in")
    model = MaskedModel(**options, **more, random_state=0).fit(X.isel(time=slice(2200)))
    assert np.isfinite(model.history_[0]["loss"])
    found = model.transform(X)
    assert found.sizes["channel"] == (2 if name == "du-in" else 4)
    again = MaskedModel.load(model.save(tmp_path / "model"))
    xr.testing.assert_identical(again.transform(X), found)
    assert options is not masked_options(name)
    with pytest.raises(ValueError, match="masked_options: name must be one of"):
        masked_options("gpt")


def test_new_regions_are_added_to_those_that_are_known():
    X = eeg(4, 8.0).assign_coords(region=("channel", list("bbaa")))
    model = small(1, space="regions").fit(X)
    assert model.design_["regions"] == ["a", "b"]
    before, table = model.transform(X), model.module_.place.table.detach().clone()
    other = X.assign_coords(region=("channel", ["c", "a", "", "d"]))
    assert np.isfinite(model.transform(other).values).all()
    model.set_params(trainer=Trainer(1, learning_rate=1e-30, device="cpu")).partial_fit(other)
    assert model.design_["regions"] == ["a", "b", "c", "d"]
    xr.testing.assert_allclose(model.transform(X), before, atol=1e-6)
    torch.testing.assert_close(model.module_.place.table[3], table.mean(0))


def tokenizer_of(X, *, regions):
    if not regions:
        return LinearRVQTokenizer(2, random_state=0).fit(X)
    trainer = Trainer(1, device="cpu")
    sizes = {"codebook_size": 16, "n_filters": 2, "frame_rate": 10.0, "stretch": False}
    return RegionTokenizer(1, **sizes, trainer=trainer, random_state=0).fit(X)


def test_codes_to_be_told_are_those_of_the_tokenizer_frame_by_frame():
    X = eeg(3, 5.0)
    tokenizer = LinearRVQTokenizer(2, random_state=0).fit(X)  # frames of 0.1 s
    sizes = Sizes(Fraction(100), 20, 20, 10)
    found = find_codes(tokenizer, X, None, sizes, 25)
    tokens = tokenizer.transform(X).sel(level=["1", "2"]).values
    assert found.shape == (1, 3, 25, 4)
    for channel in range(3):
        for patch in range(25):
            expected = [*tokens[channel, 2 * patch], *tokens[channel, 2 * patch + 1]]
            assert found[0, channel, patch].tolist() == expected
    model = small(6, target="codes", tokenizer=tokenizer, patch=0.2, model_rate=100.0).fit(X)
    assert model.history_[-1]["loss"] < model.history_[0]["loss"]
    assert model.score(X) < 0
    with pytest.raises(ValueError, match="told by a model with the target 'signal'"):
        model.reconstruct(X)
    with pytest.raises(ValueError, match=r"several frames of the tokenizer, 0.1 s, got patch"):
        small(target="codes", tokenizer=tokenizer, patch=0.25, model_rate=100.0).fit(X)


@pytest.mark.parametrize("target", ["latent", "spectrum"])
def test_latents_and_spectra_are_learned(target):
    X = eeg()
    model = small(8, target={"signal": 1.0, target: 1.0}).fit(X)
    assert model.history_[-1]["loss"] < model.history_[0]["loss"]
    assert np.isfinite(model.reconstruct(X.where(X["time"] > 1.0)).values).all()
    more = model.partial_fit(X)
    assert np.isfinite(more.history_[-1]["loss"])


def test_contacts_of_a_region_are_fused_into_their_principal_component():
    rng = np.random.default_rng(0)
    sources = rng.normal(size=(2, 600))
    weights = np.array([[3.0, 0], [2.0, 0], [0, 1.0], [0, 5.0], [0, 2.0]])
    x = weights @ sources + 0.01 * rng.normal(size=(5, 600))
    names, regions = ["a1", "a2", "b1", "b2", "b3"], ["a", "a", "b", "b", "b"]
    X = neurokit.signal(x, sampling_rate=100, channels=names, regions=regions)
    fused = fuse_regions(X, x.mean(1), x.std(1), x)
    for k in range(2):
        assert abs(np.corrcoef(fused.values[k], sources[k])[0, 1]) > 0.999
        levelled = (x - x.mean(1, keepdims=True)) / x.std(1, keepdims=True)
        inside = levelled[np.array(regions) == "ab"[k]]
        vectors = np.linalg.svd(inside, full_matrices=False)[2]
        assert abs(np.corrcoef(fused.values[k], vectors[0])[0, 1]) > 1 - 1e-6
    gap = X.copy()
    gap[0, 100:110] = np.nan
    lost = np.isnan(fuse_regions(gap, x.mean(1), x.std(1), x).values)
    assert lost[0, 100:110].all()
    assert lost.sum() == 10
    model = small(fuse="region", space="none").fit(X)
    assert model.transform(X)["channel"].values.tolist() == ["a", "b"]
    with pytest.raises(ValueError, match="fuse='region' needs a labelled recording"):
        model.set_params(sampling_rate=100.0).fit(X).transform(x)
    trials = X.values.reshape(5, 6, 100).swapaxes(0, 1)
    with pytest.raises(ValueError, match="encoder must keep channels apart"):
        PretrainedClassifier(model, sampling_rate=100).fit(trials, list("ababab"))


def test_patches_that_overlap_are_cut_and_joined_as_in_loops():
    x = np.random.default_rng(0).normal(size=(2, 47))
    sizes = Sizes(Fraction(10), 8, 5, 4)
    patches = cut_patches(x, sizes)
    assert patches.shape == (2, 8, 8)
    for k in range(8):
        np.testing.assert_array_equal(patches[:, k], x[:, 5 * k : 5 * k + 8])
    np.testing.assert_allclose(join_patches(patches, sizes), x[:, :43])
    assert cut_patches(x[:, :7], sizes).shape == (2, 0, 8)
    X = eeg(4, 9.0, 128.0)
    model = small(patch=0.5, overlap=0.125).fit(X)
    found = model.transform(X)
    assert found["frame"].values[1] == pytest.approx(0.375)
    assert found.sizes["frame"] == (9 * 128 - 64) // 48 + 1
    broken = X.copy()
    broken[1, 300:320] = np.nan
    filled = model.reconstruct(broken)
    assert np.isfinite(filled.values).all()
    kept = np.ones(X.shape, bool)
    kept[1, 256:352] = False  # what no whole patch shows
    np.testing.assert_array_equal(filled.values[kept], X.values.astype("f4")[kept])


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
    turned = (X.T[:, ::-1] / 1000).assign_attrs(units="mV")  # labels are read, not places
    named = model.stream(X)
    parts = [named.push(turned[k : k + 400]) for k in range(0, X.sizes["time"], 400)]
    np.testing.assert_allclose(np.concatenate(parts, 1), joined, atol=1e-4)
    # nothing that comes later changes a frame, and what is older than all contexts neither
    late = X.copy(data=np.where(np.arange(X.sizes["time"]) < 640, X.values, 0.0))
    other = model.stream(X)
    np.testing.assert_allclose(other.push(late.values)[:, :20], whole.values[:, :20], atol=1e-5)


def test_live_frames_go_on_across_gaps_as_the_whole_does():
    X = eeg(4, 10.0, 128.0).copy()
    model = small(context=1.5, depth=2).fit(X)
    X[1, 300:420] = np.nan
    X[:, 700:760] = np.nan  # nothing is seen for a while
    whole = model.transform(X).values
    stream, rows = model.stream(X), X.values
    parts = [stream.push(rows[:, k : k + 50]) for k in range(0, rows.shape[1], 50)]
    np.testing.assert_allclose(np.concatenate(parts, 1), whole, atol=1e-5)
    lost = np.isnan(whole).all(-1)
    assert lost[1].nonzero()[0].tolist() == [9, 10, 11, 12, 13, 21, 22, 23]
    assert lost[0].nonzero()[0].tolist() == [21, 22, 23]
    # what stands in a gap changes nothing, and the network that looks at all at once agrees
    patches, places, seen, _ = cut_signal(model._read(X), model.design_)
    args = (patches, places.astype(np.float32)[None], np.arange(40) * 0.25, seen)
    with torch.no_grad():
        shown = model.module_.encode(*map(torch.from_numpy, args))
    at = shown.number[0][shown.valid[0]].numpy()
    expected = whole.reshape(-1, whole.shape[-1])[at]
    np.testing.assert_allclose(shown.latents[0][shown.valid[0]].numpy(), expected, atol=1e-5)


def test_live_use_needs_a_context_and_the_rate_of_the_model(fitted):
    assert not hasattr(fitted, "stream")
    model = small(context=1.0).fit(eeg(3, 4.0, 128.0))
    with pytest.raises(ValueError, match=r"must have the model's rate, 128 Hz, got 100 Hz"):
        model.stream(eeg(3, 4.0))
    X = eeg(3, 4.0, 128.0).copy()
    X[0, 5] = np.nan
    assert np.isfinite(model.transform(model.reconstruct(X)).values).all()
    with pytest.raises(ValueError, match="context"):
        small(context=-1.0).fit(eeg())


def test_windows_that_are_held_are_those_of_the_corpus():
    recordings = [eeg(3, 9.0), eeg(2, 5.3, 250.0), eeg(3, 1.0)]
    model = small()
    corpus, _ = model._corpus(recordings, model._designing_params())
    shapes = [corpus.shape_of(k)[1:] for k in range(len(corpus))]
    held = HeldWindows(corpus, shapes, torch.device("cpu"))
    rows = np.random.default_rng(0).permutation(len(corpus))
    parts = held.divide(rows, 3)
    assert [part.tolist() for part in parts] == [p.tolist() for p in corpus.divide(rows, 3)]
    for part in parts:
        for mine, theirs in zip(held.take(part), corpus.take(part), strict=True):
            assert torch.equal(mine, theirs)
    assert (len(held), held.fingerprint()) == (len(corpus), corpus.fingerprint())


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of torch's compiler, about what it leaves to Python
def test_a_compiled_fit_draws_its_masks_outside(monkeypatch):
    """It learns what a fit that is not compiled learns; no compiler of code is asked."""
    compiled = torch.compile
    monkeypatch.setattr(torch, "compile", lambda step: compiled(step, backend="eager"))
    X, losses = eeg(4, 30.0), []
    for compile_it in (False, True):
        model = small(channel_dropout=0.3, position_noise=5.0)
        model.trainer.set_params(compile=compile_it, n_epochs=2)
        losses.append([epoch["loss"] for epoch in model.fit(X).history_])
    np.testing.assert_allclose(losses[1], losses[0], rtol=1e-4)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the limit is read off /proc")
def test_a_folder_ten_times_as_large_as_memory_is_learned_from():
    script = Path(__file__).parents[1] / "benchmarks" / "masked_memory.py"
    command = [sys.executable, str(script), "--room", "200"]  # 2064 MB under a limit of 200
    told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert "28 h, 2064 MB as float32" in told
