import pickle
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone

import neurokit as nk
from neurokit.inputs.signal import take_signal
from neurokit.io.packed.ntok import read_tokens, write_tokens
from neurokit.persistence import read_tensors
from neurokit.tokenizers import CodecTokenizer
from neurokit.tokenizers._codec import CodecDesign
from neurokit.tokenizers.framing import level as _level
from neurokit.tokenizers.framing.frames import level_whole
from neurokit.tokenizers.framing.level import Leveller
from neurokit.tokenizers.framing.resample import Resampler
from neurokit.tokenizers.network import cut_windows
from neurokit.training import Trainer


def eeg(n_channels=3, seconds=5.0, rate=250.0, seed=0, trials=None, offset=40.0):
    """1/f noise with an alpha rhythm, in microvolts."""
    rng = np.random.default_rng(seed)
    n = round(seconds * rate)
    lead = (trials, n_channels) if trials else (n_channels,)
    f = np.fft.rfftfreq(n, 1 / rate)
    spectrum = (rng.normal(size=(*lead, f.size)) + 1j * rng.normal(size=(*lead, f.size))) / (f + 1)
    x = np.fft.irfft(spectrum, n)
    x = 20 * x / max(x.std(), 1e-9) + 10 * np.sin(2 * np.pi * 10 * np.arange(n) / rate) + offset
    return nk.signal(x, sampling_rate=rate, start=1.5)


def tiny(**kwargs):
    trainer = Trainer(2, batch_size=16, learning_rate=3e-3, device="cpu")
    default = {"n_levels": 2, "codebook_size": 16, "n_filters": 4, "latent_dim": 8}
    default |= {"n_context": 1, "trainer": trainer, "random_state": 0, "device": "cpu"}
    return CodecTokenizer(**default | kwargs)


@pytest.fixture(scope="module")
def codec():
    return tiny().fit(eeg(seconds=20))


@pytest.fixture(scope="module")
def small():
    return CodecTokenizer.from_pretrained().set_params(device="cpu")


# ------------------------------------------------------------------ resampling and level


@pytest.mark.parametrize(
    ("source", "target"), [(500, 320), (Fraction(99941, 100), 320), (128, 320)]
)
def test_resampling_keeps_tones_below_both_nyquists(source, target):
    source, target = Fraction(source), Fraction(target)
    t = np.arange(3000) / float(source)
    resampler = Resampler(source, target)
    k = np.arange(resampler.n_out(3000))
    for frequency in (1.0, 12.0, 0.35 * float(min(source, target))):
        out = resampler.apply(np.sin(2 * np.pi * frequency * t)[None], 0, k.size, n_in=3000)[0]
        expected = np.sin(2 * np.pi * frequency * k / float(target))
        assert np.abs(out - expected)[60:-60].max() < 3e-3
    constant = resampler.apply(np.full((1, 3000), 7.0), 0, k.size, n_in=3000)
    np.testing.assert_allclose(constant, 7.0, rtol=1e-12)


@given(
    st.integers(1, 60), st.integers(1, 60), st.lists(st.integers(0, 90), min_size=1, max_size=5)
)
@settings(deadline=None, max_examples=40)
def test_resampling_by_pieces_gives_the_same_bits(source, target, cuts):
    resampler = Resampler(Fraction(source), Fraction(target))
    n = max(sum(cuts), 1)
    x = np.random.default_rng(0).normal(size=(2, n))
    whole = resampler.apply(x, 0, resampler.n_out(n), n_in=n)
    done, parts = 0, []
    for taken in np.cumsum(cuts):
        ready = resampler.n_ready(int(taken))
        if ready > done:
            first = resampler.first_input(done)
            assert resampler.last_input(ready - 1) < taken
            parts.append(resampler.apply(x[:, first:taken], done, ready, offset=first))
            done = ready
    if parts:
        np.testing.assert_array_equal(np.concatenate(parts, 1), whole[:, :done])


def test_level_codes_are_the_rms_and_mean_of_each_period():
    rng = np.random.default_rng(0)
    y = np.stack([rng.normal(50, 10, 600), rng.normal(-3, 0.01, 600)])
    level = _level.decode_levels(_level.code_levels(y, 200))
    for i in range(3):
        part = y[:, 200 * i : 200 * i + 200]
        size = np.sqrt(part.var(1) + (part.mean(1) / 7000) ** 2)
        assert np.abs(np.log10(size) - level.log_scale[:, i]).max() <= 0.5 / 12 + 1e-12
        unit = 10.0 ** level.log_scale[:, i]
        assert np.all(np.abs(part.mean(1) - level.offset[:, i]) <= unit / 8 + 1e-12)


def test_flat_and_zero_channels_have_a_level():
    codes = _level.code_levels(np.stack([np.zeros(100), np.full(100, 5.0)]), 100)
    level = _level.decode_levels(codes)
    np.testing.assert_allclose(level.offset[:, 0], [0, 5], rtol=1e-3)


def test_compression_is_undone_and_draws_in_artefacts():
    z = np.linspace(-300, 300, 1001)
    np.testing.assert_allclose(_level.expand(_level.compress(z)), z, rtol=1e-9, atol=1e-9)
    assert np.abs(_level.compress(np.array([1e30, -1e30]))).max() == 24
    np.testing.assert_allclose(_level.compress(np.array([0.5])), 0.5, rtol=0.01)


@given(
    st.lists(st.integers(0, 150), min_size=1, max_size=8),
    st.sampled_from([320, 250, 500]),
    st.booleans(),
)
@settings(deadline=None, max_examples=40)
def test_levelled_frames_do_not_depend_on_the_pieces(cuts, rate, causal):
    def leveller():
        options = {"hop": 16, "period": 5, "causal": causal, "n_rows": 2}
        return Leveller(Fraction(rate), Fraction(320), **options)

    n = max(sum(cuts), 1)
    x = np.random.default_rng(1).normal(10, 3, size=(2, n))
    whole, codes = leveller().push(x, last=True)
    live = leveller()
    cut = [*np.cumsum(cuts)[:-1].tolist()]
    parts = [live.push(part) for part in np.split(x, cut, 1)]
    parts.append(live.push(np.zeros((2, 0)), last=True))
    np.testing.assert_array_equal(np.concatenate([p[0] for p in parts], 1), whole)
    np.testing.assert_array_equal(np.concatenate([p[1] for p in parts], 1), codes)


# ------------------------------------------------------------------ tokens


def test_tokens_are_labelled_integers_and_the_signal_comes_back_as_it_was(codec):
    X = eeg(trials=2, seconds=2.5)
    X = X.assign_coords(label=("trial", ["a", "b"]), kind=("channel", ["eeg", "eeg", "eog"]))
    tokens = codec.transform(X)
    assert tokens.dims == ("trial", "channel", "frame", "level")
    assert tokens.shape == (2, 3, 40, 4)
    assert tokens.dtype == np.uint16
    assert tokens["level"].values.tolist() == ["scale", "offset", "1", "2"]
    np.testing.assert_allclose(tokens["frame"].values, 1.5 + np.arange(40) * 16 / 250)
    assert tokens["label"].values.tolist() == ["a", "b"]
    back = codec.inverse_transform(tokens)
    assert back.dims == X.dims
    assert back.dtype == np.float32
    for name in ("time", "channel", "kind", "label"):
        xr.testing.assert_equal(back[name], X[name])
    assert nk.sampling_rate(back) == 250
    assert back.attrs["units"] == "uV"


@given(n=st.integers(1, 700), rate=st.sampled_from([100.0, 160.0, 256.0, 320.0, 512.0, 999.41]))
@settings(deadline=None, max_examples=25)
def test_any_length_and_rate_comes_back(codec, n, rate):
    x = eeg(1, seconds=n / rate, rate=rate)
    back = codec.inverse_transform(codec.transform(x))
    xr.testing.assert_equal(back["time"], x["time"])
    assert np.isfinite(back.values).all()


@pytest.mark.parametrize("rate", [100, 128, 250, 256, 500, 1000, 2000])
def test_pretrained_weights_keep_any_rate(small, rate):
    x = eeg(2, seconds=6, rate=float(rate))
    assert small.score(x) > 0.95


def test_more_levels_come_closer(small):
    x = eeg(2, seconds=8)
    tokens = small.transform(x)
    errors = [float(((small.inverse_transform(tokens, k) - x) ** 2).mean()) for k in range(1, 7)]
    assert errors == sorted(errors, reverse=True)
    np.testing.assert_array_equal(
        small.inverse_transform(tokens.isel(level=slice(0, 5)), 3),
        small.inverse_transform(tokens, 3),
    )


def test_plain_arrays_in_plain_arrays_out(codec):
    X = eeg(trials=2, seconds=2)
    plain = clone(codec).set_params(sampling_rate=250).fit(X.values)
    tokens = plain.transform(X.values)
    assert isinstance(tokens, np.ndarray)
    back = plain.inverse_transform(tokens)
    assert isinstance(back, np.ndarray)
    assert back.shape == X.shape
    labelled = plain.transform(X)
    np.testing.assert_array_equal(labelled, tokens)
    np.testing.assert_array_equal(plain.inverse_transform(labelled), back)
    np.testing.assert_array_equal(plain.transform(X.values[0]), tokens[0])


def test_tokens_alone_are_enough(small):
    """The integers as they are, in other hands: no attributes, no fitted statistics."""
    x = eeg(2, seconds=4, rate=320.0)
    tokens = small.transform(x)
    other = CodecTokenizer.from_pretrained(sampling_rate=320).set_params(device="cpu")
    back = other.inverse_transform(tokens.values.astype(np.int32))
    np.testing.assert_array_equal(back, small.inverse_transform(tokens))


def test_tokens_cut_in_time_decode_to_their_stretch(small):
    x = eeg(2, seconds=8)
    tokens = small.transform(x)
    part = small.inverse_transform(tokens.isel(frame=slice(40, 100)))
    np.testing.assert_allclose(part["time"].values[0], 1.5 + 40 * 16 / 250)
    assert part.sizes["time"] == 60 * 16
    whole = small.inverse_transform(tokens).isel(time=slice(40 * 16, 100 * 16))
    late = slice(20 * 16, None)
    assert np.corrcoef(part.values[0, late], whole.values[0, late])[0, 1] > 0.99


@given(
    cuts=st.lists(st.integers(1, 900), min_size=1, max_size=8),
    rate=st.sampled_from([200.0, 500.0]),
    causal=st.booleans(),
)
@settings(deadline=None, max_examples=12)
def test_a_stream_gives_the_tokens_of_the_whole(codec, cuts, rate, causal):
    codec = pickle.loads(pickle.dumps(codec))
    codec.design_["causal"] = causal
    x = eeg(2, seconds=sum(cuts) / rate, rate=rate)
    stream = codec.stream(2, rate)
    parts = [stream.push(part) for part in np.split(x.values, np.cumsum(cuts)[:-1], 1)]
    parts.append(stream.flush())
    np.testing.assert_array_equal(np.concatenate(parts, 1), codec.transform(x))


def test_a_stream_sample_by_sample_and_its_delay(codec):
    x = eeg(1, seconds=3, rate=320.0)
    stream, frames = codec.stream(1, 320), []
    for k in range(x.sizes["time"]):
        frames.append(stream.push(x.values[:, k : k + 1]).shape[1])
    arrived = np.cumsum(frames)
    assert arrived[318] == 0
    assert arrived[319] == 20  # the first second at once
    assert np.all(arrived[320:] == (np.arange(320, 960) + 1) // 16)  # then each with its last


def test_past_tokens_do_not_depend_on_the_future(codec):
    x = eeg(2, seconds=5, rate=320.0)
    tokens = codec.transform(x)
    changed = x.copy(data=x.values + 1000 * (np.arange(x.sizes["time"]) >= 960))
    same = codec.transform(changed).isel(frame=slice(0, 60))
    np.testing.assert_array_equal(same, tokens.isel(frame=slice(0, 60)))


@pytest.mark.parametrize("rate", [250.0, 800.0])
@pytest.mark.parametrize("chunk", [333, 100_000])
def test_a_lazy_recording_stays_lazy_and_gives_the_same_tokens(codec, rate, chunk):
    dask = pytest.importorskip("dask")
    x = eeg(2, seconds=300, rate=rate)
    with dask.config.set(scheduler="synchronous"):
        lazy = codec.transform(x.chunk({"time": chunk}))
        assert lazy.chunks is not None
        assert len(lazy.chunks[-2]) > 1
        np.testing.assert_array_equal(lazy, codec.transform(x))


def test_only_the_blocks_that_are_needed_are_read(codec):
    dask = pytest.importorskip("dask")
    da = pytest.importorskip("dask.array")
    read = []

    def block(block_id):
        read.append(block_id)
        return np.random.default_rng(0).normal(size=(2, 16000))

    chunks = ((2,), (16000,) * 20)
    values = da.map_blocks(block, chunks=chunks, dtype=float, meta=np.zeros((0, 0)))

    x = nk.signal(values, sampling_rate=320)
    with dask.config.set(scheduler="synchronous"):
        codec.transform(x).isel(frame=slice(0, 40)).compute()
    assert 0 < len(read) < 5


@pytest.mark.parametrize("gain", [0.1, 10.0, 1e-6, 2.0**20])
def test_a_gain_changes_the_scale_and_nothing_else(codec, gain):
    x = eeg(2, seconds=4).astype(np.float64)
    tokens, louder = codec.transform(x), codec.transform(x * gain)
    steps = 12 * np.log10(gain)
    if float(steps).is_integer():
        np.testing.assert_array_equal(louder[..., 1:], tokens[..., 1:])
        assert np.all(louder[..., 0].astype(int) - tokens[..., 0].astype(int) == steps)
    back, plain = codec.inverse_transform(louder) / gain, codec.inverse_transform(tokens)
    assert np.corrcoef(back.values.ravel(), plain.values.ravel())[0, 1] > 0.95


def test_channels_are_coded_alone(codec):
    x = eeg(5, seconds=3)
    tokens = codec.transform(x)
    some = x.isel(channel=[4, 1])
    xr.testing.assert_identical(codec.transform(some), tokens.isel(channel=[4, 1]))
    xr.testing.assert_identical(codec.transform(x.transpose("time", "channel")), tokens)


def test_flat_channels_jolts_and_offsets_come_through(small):
    x = eeg(4, seconds=6)
    x.values[0] = 0
    x.values[1] = -7.5
    x.values[2] += 30_000
    x.values[3, 700:720] += 5_000
    back = small.inverse_transform(small.transform(x))
    assert np.isfinite(back.values).all()
    assert np.abs(back.values[0]).max() < 1e-6
    np.testing.assert_allclose(back.values[1], -7.5, rtol=2e-3)
    error = back.values[2] - x.values[2]
    assert error.var() < 0.1 * x.values[2].var()
    quiet = np.r_[0:690, 1300:1500]
    assert np.corrcoef(back.values[3, quiet], x.values[3, quiet])[0, 1] > 0.9


def test_nan_is_refused_and_the_channel_named(codec):
    x = eeg(3)
    x.values[1, 5] = np.nan
    for call in (codec.transform, codec.score, clone(codec).fit, codec.embed):
        with pytest.raises(ValueError, match=r"NaN or infinity, in channels \[1\]; fill them"):
            call(x)
    with pytest.raises(ValueError, match=r"CodecTokenizer.stream: X contains NaN"):
        codec.stream(3, 250).push(x.values)


def test_embeddings_are_the_vectors_before_and_after_the_quantiser(codec):
    x = eeg(2)
    before, after = codec.embed(x), codec.embed(x, quantized=True)
    assert before.dims == ("channel", "frame", "latent")
    tokens = codec.transform(x)
    import torch

    codes = torch.from_numpy(tokens.values[..., 2:].astype(np.int64))
    np.testing.assert_array_equal(after, codec.module_.quantizer.decode(codes).numpy())
    again = codec.module_.quantizer.encode(torch.from_numpy(before.values), beam=codec.beam)
    np.testing.assert_array_equal(again, codes)


def test_score_is_the_explained_variance(codec):
    x = eeg(3)
    back = codec.inverse_transform(codec.transform(x))
    error = ((x - back) ** 2).sum("time") / ((x - x.mean("time")) ** 2).sum("time")
    assert codec.score(x) == pytest.approx(float(1 - error.mean()), rel=1e-5)
    x.values[0] = 3
    assert codec.score(x) == pytest.approx(float(1 - error[1:].mean()), rel=1e-5)


def test_the_default_rate_is_within_the_bound():
    est = CodecTokenizer(trainer=Trainer(1, device="cpu"), n_filters=2, random_state=0)
    for rate, frames in ((1000.0, 20.0), (320.0, 20.0), (160.0, 10.0)):
        report = est.fit(eeg(1, seconds=8, rate=rate)).rate_report_
        assert report["frame_rate"] == frames
        assert report["total"] == pytest.approx(frames * 48 + 24 * frames / 20)
        assert report["total"] <= 1008


@pytest.mark.parametrize("encoder", ["network", "cosine"])
def test_an_embedded_quantiser_streams_saves_and_begins_as_a_transform_codec(encoder, tmp_path):
    x = eeg(2, seconds=12)
    options = {"quantizer": "embedded", "encoder": encoder, "latent_dim": 16, "n_levels": 5}
    codec = tiny(codebook_size=256, **options).fit(x)
    assert codec.score(x) > 0.95
    tokens = codec.transform(x)
    errors = [float(((codec.inverse_transform(tokens, k) - x) ** 2).mean()) for k in range(1, 6)]
    assert errors == sorted(errors, reverse=True)
    stream = codec.stream(2, 250)
    parts = [stream.push(part) for part in np.split(x.values, [7, 900, 1400], 1)]
    np.testing.assert_array_equal(np.concatenate([*parts, stream.flush()], 1), tokens)
    again = CodecTokenizer.load(codec.save(tmp_path / "codec.safetensors"))
    xr.testing.assert_identical(again.transform(x), tokens)
    assert len(tokens.attrs["code_digits"].split(";")) == 5
    pytest.importorskip("dask")
    xr.testing.assert_identical(codec.transform(x.chunk({"time": 700})).compute(), tokens)


def test_files_of_pretrained_tokens_are_smaller_for_the_entries_behind_them(small, tmp_path):
    x = eeg(6, seconds=30)
    x = x.copy(data=x.values + 2 * x.values[:1])  # as a common reference makes them
    tokens = small.transform(x)
    assert small.n_levels * 8 * 17.5 + 24 <= 1008  # at the networks' rate, before entropy coding
    whole = write_tokens(tmp_path / "a.ntok", tokens)
    xr.testing.assert_identical(read_tokens(whole).load(), tokens)
    plain = write_tokens(tmp_path / "b.ntok", tokens.drop_attrs())
    assert whole.stat().st_size < 0.9 * plain.stat().st_size


# ------------------------------------------------------------------ learning


def test_training_is_reproducible_and_lowers_the_loss():
    x = eeg(4, seconds=20)
    est = tiny(trainer=Trainer(4, batch_size=8, device="cpu"))
    first = est.fit(x).transform(x)
    assert est.history_[-1]["loss"] < est.history_[0]["loss"]
    xr.testing.assert_identical(clone(est).fit(x).transform(x), first)
    other = clone(est).set_params(random_state=1).fit(x)
    assert not np.array_equal(other.transform(x), first)


def test_partial_fit_goes_on_from_the_weights(codec):
    x = eeg(4, seconds=20, seed=3)
    est = pickle.loads(pickle.dumps(codec))
    before = est.score(x)
    start = est.module_
    adapted = est.partial_fit(x)
    assert adapted is est
    assert est.module_ is not start
    assert est.score(x) > before
    fresh = tiny().partial_fit(x)
    xr.testing.assert_identical(fresh.transform(x), tiny().fit(x).transform(x))


def test_the_published_preset_runs_streams_and_saves(tmp_path):
    x = eeg(1, seconds=6)
    est = CodecTokenizer(
        preset="biocodec",
        trainer=Trainer(1, batch_size=4, device="cpu"),
        device="cpu",
        random_state=0,
    ).fit(x)
    assert est.rate_report_["codes"] == 1000
    tokens = est.transform(x)
    stream = est.stream(1, 250)
    parts = [stream.push(x.values[:, :700]), stream.push(x.values[:, 700:]), stream.flush()]
    np.testing.assert_array_equal(np.concatenate(parts, 1), tokens)
    again = CodecTokenizer.load(est.save(tmp_path / "bio.safetensors"))
    xr.testing.assert_identical(again.inverse_transform(tokens), est.inverse_transform(tokens))
    with pytest.raises(ValueError, match="recurrent encoder, which no block of a dask array"):
        est.transform(x.chunk({"time": 500}))


def test_held_out_groups_are_subjects_then_trials_then_time():
    X = eeg(2, seconds=8, trials=3)
    est = tiny()

    def groups_of(x):
        signal = take_signal(est, x, None)
        design = CodecDesign(**est._plan()["design_"])
        frames = design.frames(signal.rate)
        rows = level_whole(frames, signal, "test")
        return cut_windows(signal, rows, design.window * frames.frame_rate, None)[1].tolist()

    assert groups_of(X) == np.repeat([0, 1, 2], 4).tolist()
    labelled = X.assign_coords(subject=("trial", ["a", "a", "b"]))
    assert groups_of(labelled) == np.repeat(["a", "a", "b"], 4).tolist()
    assert groups_of(X.isel(trial=0)) == [0, 1, 0, 1]


def test_saved_and_pickled_codecs_are_the_same(codec, tmp_path):
    x = eeg(2)
    tokens = codec.transform(x)
    path = codec.save(tmp_path / "codec.safetensors")
    for again in (CodecTokenizer.load(path), pickle.loads(pickle.dumps(codec))):
        xr.testing.assert_identical(again.transform(x), tokens)
        xr.testing.assert_identical(
            again.inverse_transform(tokens), codec.inverse_transform(tokens)
        )
        assert again.history_ == codec.history_
        assert again.rate_report_ == codec.rate_report_


def test_pretrained_weights_are_small_whole_and_documented(small):
    from neurokit import tokenizers

    folder = Path(tokenizers.__file__).parent / "weights"
    path = folder / "eeg-small.safetensors"
    assert path.stat().st_size < 5e6
    read_tensors(path)
    card = (folder / "eeg-small.md").read_text()
    for word in ("ODC-By", "CC0", "CC BY", "BSD", "held out", "NMSE"):
        assert word in card
    assert small.get_params()["trainer"] is None


# ------------------------------------------------------------------ errors


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"preset": "encodec"}, "preset must be None or 'biocodec', got 'encodec'"),
        ({"frame_rate": 21.0}, "model_rate must be frame_rate times a whole number"),
        ({"frame_rate": 0.0}, "model_rate must be frame_rate times a whole number"),
        ({"n_levels": 0}, "n_levels must be at least 1, got 0"),
        ({"codebook_size": 1}, "codebook_size must be at least 2"),
        ({"codebook_size": 70000}, "codebook_size must be at most 65536"),
        ({"beam": 0}, "beam must be at least 1"),
        (
            {"quantizer": "grid"},
            r"quantizer must be one of \('residual', 'embedded'\), got 'grid'",
        ),
        ({"encoder": "wavelet"}, r"encoder must be one of \('network', 'cosine'\), got 'wavelet'"),
        (
            {"encoder": "cosine", "latent_dim": 17},
            "latent_dim must be at most the 16 samples of a frame with a cosine transform, got 17",
        ),
    ],
)
def test_parameters_out_of_range_are_refused(params, message):
    with pytest.raises(ValueError, match=message):
        tiny(**params).fit(eeg())


def test_other_inputs_are_refused(codec):
    x = eeg()
    with pytest.raises(ValueError, match=r"needs to know the sampling rate of a plain array"):
        codec.transform(x.values)
    with pytest.raises(ValueError, match=r"Expected 2D array, got 1D"):
        codec.transform(np.zeros(5))
    with pytest.raises(ValueError, match=r"must have dims .* got \('unit', 'time'\)"):
        codec.transform(x.rename(channel="unit"))
    with pytest.raises(TypeError, match="must hold real numbers, got dtype complex"):
        codec.transform(x.astype(complex))
    with pytest.raises(ValueError, match=r"must have samples, got shape \(3, 0\)"):
        codec.transform(x.isel(time=slice(0, 0)).drop_vars("time"))
    jump = xr.concat([x.isel(time=slice(0, 500)), x.isel(time=slice(700, 1250))], "time")
    with pytest.raises(ValueError, match="the clock of X jumps and X falls into 2 pieces"):
        codec.transform(jump)


def test_other_tokens_are_refused(codec):
    tokens = codec.transform(eeg())
    with pytest.raises(ValueError, match=r"n_levels must be between 1 and 2, got 3"):
        codec.inverse_transform(tokens, 3)
    with pytest.raises(ValueError, match="give sampling_rate= in Hz, or pass the labelled"):
        codec.inverse_transform(tokens.values)
    with pytest.raises(ValueError, match=r"takes dims .* got \('channel', 'frame'\)"):
        codec.inverse_transform(tokens.isel(level=0, drop=True))
    with pytest.raises(ValueError, match=r"with 4 to 4 levels, scale, offset first"):
        codec.inverse_transform(tokens.isel(level=slice(0, 2)))
    with pytest.raises(TypeError, match="takes integer tokens, got float64"):
        codec.inverse_transform(tokens.astype(float))
    with pytest.raises(ValueError, match=r"level 2 must hold 0 to 15, got 99 to 99"):
        codec.inverse_transform(tokens.copy(data=np.full(tokens.shape, 99, np.uint16)))


def test_other_streams_are_refused(codec):
    stream = codec.stream(2)
    with pytest.raises(ValueError, match=r"chunks of shape \(2, n\), got \(3, 4\)"):
        stream.push(np.zeros((3, 4)))
    stream.push(np.zeros((2, 9)))
    stream.flush()
    with pytest.raises(ValueError, match="the recording is over; start another"):
        stream.push(np.zeros((2, 4)))


def test_unknown_weights_are_refused():
    expected = r"name must be one of \['eeg-small'\], a path or 'user/name', got 'eeg-huge'"
    with pytest.raises(ValueError, match=expected):
        CodecTokenizer.from_pretrained("eeg-huge")


def test_fits_in_threads_are_fits_alone():
    x = eeg(2, seconds=4)
    estimators = [tiny(random_state=seed, trainer=Trainer(1, device="cpu")) for seed in (0, 1)]
    alone = [clone(est).fit(x).transform(x) for est in estimators]
    with ThreadPoolExecutor(2) as pool:
        beside = list(pool.map(lambda est: est.fit(x).transform(x), estimators))
    for a, b in zip(alone, beside, strict=True):
        np.testing.assert_array_equal(a, b)
    assert not np.array_equal(*alone)


def test_a_fitted_codec_is_what_it_was_fitted_as(codec, tmp_path):
    x = eeg(2, seconds=3)
    changed = pickle.loads(pickle.dumps(codec))
    tokens = changed.transform(x)
    changed.set_params(causal=False, n_levels=1, frame_rate=10.0, model_rate=200.0, stretch=False)
    xr.testing.assert_identical(changed.transform(x), tokens)
    again = CodecTokenizer.load(changed.save(tmp_path / "changed.safetensors"))
    xr.testing.assert_identical(again.transform(x), tokens)
    assert again.n_levels == 1  # what the next fit will do
    assert again.fit(x).transform(x).sizes["level"] == 3
