import subprocess
import sys

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

import neurokit as nk
from neurokit.tokenizers import LinearRVQTokenizer, _linear_rvq


def eeg(n_channels=4, n_times=2500, rate=250, seed=0, size=20.0):
    """Noise whose spectrum falls, with an alpha rhythm and an offset per channel, in uV."""
    rng = np.random.default_rng(seed)
    f = np.fft.rfftfreq(n_times, 1 / rate)
    shape = 1 / np.maximum(f, 1) + 0.5 * np.exp(-((f - 10) ** 2) / 2)
    noise = np.fft.rfft(rng.normal(size=(n_channels, n_times))) * shape
    x = np.fft.irfft(noise, n_times)
    x = size * x / x.std(1, keepdims=True)
    return nk.signal(x + 30 * np.arange(n_channels)[:, None], sampling_rate=rate)


@pytest.fixture(scope="module")
def tokenizer():
    return LinearRVQTokenizer(6, codebook_size=64, random_state=0).fit(eeg(8, 5000))


# ---------------------------------------------------------------- the quantiser


def by_hand(x, words, beam):
    """Algorithm of the search in plain loops: all continuations, the best kept."""
    paths = [((), x.astype(np.float64))]
    for book in words.astype(np.float64):
        longer = [((*p, k), r - w) for p, r in paths for k, w in enumerate(book)]
        paths = sorted(longer, key=lambda path: (path[1] ** 2).sum())[:beam]
    return list(paths[0][0])


@pytest.mark.parametrize("beam", [1, 3, 7])
def test_codes_match_the_search_written_in_loops(rng, beam):
    words = rng.normal(size=(4, 9, 5)).astype(np.float32) * 0.6 ** np.arange(4)[:, None, None]
    words = words.astype(np.float32)
    x = rng.normal(size=(30, 5)).astype(np.float32)
    assert _linear_rvq.encode(x, words, beam=beam).tolist() == [by_hand(v, words, beam) for v in x]


def test_a_beam_as_wide_as_all_paths_finds_the_best_sum(rng):
    words = rng.normal(size=(2, 6, 4)).astype(np.float32)
    x = rng.normal(size=(50, 4)).astype(np.float32)
    sums = words[0][:, None] + words[1][None]
    best = ((x[:, None, None] - sums) ** 2).sum(-1).min((1, 2))
    found = ((x - _linear_rvq.decode(_linear_rvq.encode(x, words, beam=6), words)) ** 2).sum(1)
    np.testing.assert_allclose(found, best, rtol=1e-4)


def test_one_stage_reaches_what_k_means_of_scikit_learn_reaches(rng):
    from sklearn.cluster import KMeans

    centres = rng.normal(size=(16, 4)) * 5
    x = (centres[rng.integers(16, size=2000)] + rng.normal(size=(2000, 4))).astype(np.float32)
    words = _linear_rvq.fit_codebooks(x, 1, 32, np.random.RandomState(0))
    ours = ((x - _linear_rvq.decode(_linear_rvq.encode(x, words, beam=1), words)) ** 2).sum()
    assert ours < 1.05 * KMeans(32, n_init=1, random_state=0).fit(x).inertia_


@pytest.mark.parametrize("scale", [0.3, 1.0, 5.0])
def test_the_error_falls_at_every_stage_whatever_the_size_of_the_vectors(rng, scale):
    x = (scale * rng.normal(size=(6000, 8))).astype(np.float32)
    new = (scale * rng.normal(size=(1000, 8))).astype(np.float32)
    words = _linear_rvq.fit_codebooks(x, 5, 64, np.random.RandomState(0))
    codes = _linear_rvq.encode(new, words, beam=1)
    error = [((new - _linear_rvq.decode(codes[:, :k], words)) ** 2).sum() for k in range(6)]
    assert np.all(np.diff(error) < 0)
    assert error[-1] / error[0] < 0.03


def test_fewer_vectors_than_codes_are_learnt_by_heart(rng):
    x = rng.normal(size=(5, 3)).astype(np.float32)
    words = _linear_rvq.fit_codebooks(x, 1, 16, np.random.RandomState(0))
    np.testing.assert_allclose(
        _linear_rvq.decode(_linear_rvq.encode(x, words, beam=1), words), x, atol=1e-6
    )


# ---------------------------------------------------------------- the tokenizer


def test_it_explains_signals_that_it_has_not_seen(tokenizer):
    assert tokenizer.score(eeg(seed=7)) > 0.93


def test_the_error_falls_with_the_stages_that_are_decoded(tokenizer):
    x = eeg(seed=7)
    tokens = tokenizer.transform(x)
    parts = [tokenizer.inverse_transform(tokens, n_levels=k) for k in range(1, 7)]
    error = [float(((x - y) ** 2).mean()) for y in parts]
    assert np.all(np.diff(error) < 0)
    cut = tokenizer.inverse_transform(tokens.isel(level=slice(0, 3 + 2)), n_levels=2)
    xr.testing.assert_identical(cut, parts[1])


def test_it_is_far_better_than_as_many_bits_per_sample():
    x = eeg(8, 5000)
    linear = LinearRVQTokenizer(6, random_state=0).fit(x)
    rate = linear.rate_report_["total"] / 250  # bits per sample
    assert rate < 2.4
    ideal_scalar = 2 ** (-2 * rate)  # Shannon's bound for white noise
    assert 1 - linear.score(eeg(seed=7)) < 0.7 * ideal_scalar


@settings(deadline=None, max_examples=25)
@given(
    st.integers(1, 4),
    st.sampled_from([100, 128, 173.61, 250, 512, 999.41, 2000]),
    st.integers(2, 900),
    st.integers(0, 99),
)
def test_tokens_give_back_unit_rate_and_length(tokenizer, n_channels, rate, n_times, seed):
    x = eeg(n_channels, n_times, rate, seed)
    y = tokenizer.inverse_transform(tokenizer.transform(x))
    assert y.sizes == x.sizes
    assert y.attrs["units"] == "uV"
    np.testing.assert_array_equal(y["time"], x["time"])


@pytest.mark.parametrize("rate", [100, 160, 500, 1000, 2000])
def test_other_rates_keep_the_signal(tokenizer, rate):
    assert tokenizer.score(eeg(2, 10 * rate, rate, seed=3)) > 0.9


def test_ten_times_the_amplitude_are_ten_times_the_signal(tokenizer):
    x = eeg(2, seed=5)
    y = tokenizer.inverse_transform(tokenizer.transform(x))
    for factor in (0.1, 10.0):
        other = x.copy(data=x.values.astype(np.float64) * factor)
        tokens = tokenizer.transform(other)
        codes = tokens.isel(level=slice(2, None))
        same = codes.values == tokenizer.transform(x).values[..., 2:]
        assert same.mean() > 0.999  # float32 has rounded x
        error = tokenizer.inverse_transform(tokens).values - factor * y.values
        assert np.abs(error).max() < 0.05 * factor * np.abs(y.values).max()


def test_channels_do_not_see_each_other(tokenizer):
    x = eeg(4)
    tokens = tokenizer.transform(x)
    some = tokenizer.transform(x.isel(channel=[2, 0]))
    np.testing.assert_array_equal(some.values, tokens.values[[2, 0]])
    assert some["channel"].values.tolist() == ["ch2", "ch0"]


def test_flat_channels_come_back_flat(tokenizer):
    x = eeg()
    x[1], x[2] = 0.0, 250.0
    y = tokenizer.inverse_transform(tokenizer.transform(x)).values
    assert np.abs(y[1]).max() < 1e-3
    np.testing.assert_allclose(y[2], 250.0, rtol=0.01)


@pytest.mark.parametrize("rate", [250, 200])
@pytest.mark.parametrize("size", [1, 61, 1000])
def test_live_chunks_give_the_same_tokens(tokenizer, size, rate):
    x = eeg(2, 800, rate)
    stream = tokenizer.stream(2, rate)
    parts = [stream.push(x.values[:, i : i + size]) for i in range(0, 800, size)]
    joined = np.concatenate([*parts, stream.flush()], 1)
    np.testing.assert_array_equal(joined, tokenizer.transform(x))


@pytest.mark.parametrize("rate", [250, 200])
def test_lazy_recordings_stay_lazy_and_give_the_same_tokens(tokenizer, rate):
    x = eeg(2, 150 * rate, rate)
    lazy = tokenizer.transform(x.chunk(time=3333))
    assert lazy.chunks is not None
    assert len(lazy.chunks[1]) > 1
    xr.testing.assert_identical(lazy.compute(), tokenizer.transform(x))


def test_trials_are_coded_one_by_one(tokenizer):
    x = np.stack([eeg(2, 500, seed=s).values for s in range(3)])
    trials = nk.signal(x, sampling_rate=250, trials={"label": [1, 0, 1]})
    tokens = tokenizer.transform(trials)
    assert tokens["label"].values.tolist() == [1, 0, 1]
    alone = tokenizer.transform(nk.signal(x[1], sampling_rate=250))
    np.testing.assert_array_equal(tokens.values[1], alone.values)


def test_tokens_survive_their_file(tokenizer, tmp_path):
    from neurokit.io.packed.ntok import read_tokens, write_tokens

    x = eeg(2, 1234)
    tokens = tokenizer.transform(x)
    read = read_tokens(write_tokens(tmp_path / "a.ntok", tokens)).load()
    xr.testing.assert_identical(read, tokens)
    y = tokenizer.inverse_transform(read)
    xr.testing.assert_identical(y, tokenizer.inverse_transform(tokens))


def test_a_cut_of_the_tokens_is_a_cut_of_the_signal(tokenizer):
    x = eeg(2, 2500)
    tokens = tokenizer.transform(x)
    whole = tokenizer.inverse_transform(tokens)
    part = tokenizer.inverse_transform(tokens.isel(frame=slice(30, 60)))
    again = whole.sel(time=part["time"].values, method="nearest")
    error = ((part.values - again.values) ** 2)[:, 150:].mean()  # after the fade of the level
    assert error < 1e-6 * float(again.var())


def test_embeddings_are_the_components(tokenizer):
    x = eeg(2)
    vectors = tokenizer.embed(x)
    assert vectors.dims == ("channel", "frame", "latent")
    coded = tokenizer.embed(x, quantized=True)
    error = float(((vectors - coded) ** 2).sum() / (vectors**2).sum())
    assert 0 < error < 0.08


def test_partial_fit_moves_towards_new_recordings(tokenizer):
    from copy import deepcopy

    rng = np.random.default_rng(0)
    other = nk.signal(rng.normal(size=(8, 5000)), sampling_rate=250)  # white: nothing like EEG
    adapted = deepcopy(tokenizer)
    before = adapted.score(other)
    for _ in range(3):
        assert adapted.partial_fit(other) is adapted
    assert adapted.score(other) > before + 0.02
    fresh = LinearRVQTokenizer(2, codebook_size=8, random_state=0)
    assert fresh.partial_fit(eeg()).codebooks_.shape == (2, 8, 24)


def test_every_stage_is_used(tokenizer):
    report = tokenizer.codebook_report_
    assert min(report["used"]) == 64
    assert min(report["perplexity"]) > 40


def test_the_rate_counts_gain_and_level():
    report = LinearRVQTokenizer(random_state=0).fit(eeg(2, 1000, 200)).rate_report_
    assert report == {"frame_rate": 10.0, "codes": 860.0, "level": 24.0, "total": 884.0}


def test_it_does_without_torch():
    code = (
        "import sys, numpy as np, neurokit; from neurokit.tokenizers import LinearRVQTokenizer;"
        "x = neurokit.signal(np.random.default_rng(0).normal(size=(2, 500)), sampling_rate=100);"
        "t = LinearRVQTokenizer(2, codebook_size=4).fit(x);"
        "t.inverse_transform(t.transform(x)); assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


# ---------------------------------------------------------------- what is refused


def test_wrong_parameters_are_named():
    for name, value in {"n_levels": 0, "codebook_size": 1, "n_components": 0, "beam": 0}.items():
        with pytest.raises(ValueError, match=f"{name} must be at least"):
            LinearRVQTokenizer(**{name: value}).fit(eeg())
    with pytest.raises(ValueError, match="frame must lie between 0 and 1 s, got 3"):
        LinearRVQTokenizer(frame=3).fit(eeg())
    with pytest.raises(ValueError, match="codebook_size must be at most 65536"):
        LinearRVQTokenizer(codebook_size=70000).fit(eeg())


def test_wrong_tokens_are_refused(tokenizer):
    tokens = tokenizer.transform(eeg())
    with pytest.raises(ValueError, match="n_levels must be between 1 and 6, got 7"):
        tokenizer.inverse_transform(tokens, n_levels=7)
    with pytest.raises(ValueError, match=r"9 to 9 levels, scale, offset, gain first"):
        tokenizer.inverse_transform(tokens[..., :4])
    with pytest.raises(ValueError, match=r"level 4 must hold 0 to 63, got"):
        tokenizer.inverse_transform(tokens.where(tokens["level"] != "2", 64))
    with pytest.raises(TypeError, match="integer tokens, got float64"):
        tokenizer.inverse_transform(tokens.astype(float))
    with pytest.raises(ValueError, match=r"dims \(\[trial,\] channel, frame, level\)"):
        tokenizer.inverse_transform(tokens.rename(channel="unit"))
    with pytest.raises(ValueError, match="do not tell the sampling rate to decode to"):
        tokenizer.inverse_transform(tokens.values)


def test_wrong_signals_are_refused(tokenizer):
    x = eeg()
    x[1, 5] = np.nan
    with pytest.raises(ValueError, match=r"NaN or infinity, in channels \[1\]"):
        tokenizer.transform(x)
    stream = tokenizer.stream(4, 250)
    with pytest.raises(ValueError, match=r"chunks of shape \(4, n\), got \(3, 10\)"):
        stream.push(np.zeros((3, 10)))
    stream.flush()
    with pytest.raises(ValueError, match="the recording is over"):
        stream.push(np.zeros((4, 10)))
