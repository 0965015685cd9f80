import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import neurokit as nk
from neurokit.tokenizers import ScalarTokenizer


def eeg(n_channels=3, n_times=1000, rate=250, seed=0, size=20.0):
    """Pink-ish noise in uV with an offset per channel."""
    rng = np.random.default_rng(seed)
    x = np.cumsum(rng.normal(size=(n_channels, n_times)), 1)
    x -= np.linspace(0, 1, n_times) * x[:, -1:]
    x = size * (x / x.std(1, keepdims=True) + 0.2 * rng.normal(size=x.shape))
    return nk.signal(x + 100 * np.arange(n_channels)[:, None], sampling_rate=rate)


def test_values_follow_the_mu_law_formula():
    tokenizer = ScalarTokenizer(codebook_size=256).fit(eeg())
    v = tokenizer.values_ / tokenizer.values_[-1]
    code = np.sign(v) * np.log(1 + 255 * np.abs(v)) / np.log(256)  # G.711's continuous law
    np.testing.assert_allclose(code, np.linspace(-1, 1, 256), atol=1e-12)


def test_uniform_values_err_by_half_a_step_at_most():
    x = eeg()
    tokenizer = ScalarTokenizer("uniform", codebook_size=97).fit(x)
    np.testing.assert_allclose(np.diff(tokenizer.values_), 0.5)
    error = tokenizer.embed(x) - tokenizer.embed(x, quantized=True)
    assert 0.2 < abs(error).max() <= 0.25 + 1e-6
    assert float((error**2).mean()) == pytest.approx(0.5**2 / 12, rel=0.1)


def test_each_sample_gets_the_nearest_value():
    x = eeg(1, 300)
    tokenizer = ScalarTokenizer("quantile", codebook_size=8).fit(x)
    levelled = tokenizer.embed(x).values[0, :, 0]
    expected = [np.argmin([(z - v) ** 2 for v in tokenizer.values_]) for z in levelled]
    assert tokenizer.transform(x).values[0, :, 2].tolist() == expected
    rounded = tokenizer.embed(x, quantized=True).values[0, :, 0]
    np.testing.assert_allclose(rounded, tokenizer.values_[expected], rtol=1e-6)


def test_quantile_codes_are_used_about_equally():
    tokenizer = ScalarTokenizer("quantile", codebook_size=32).fit(eeg(4, 5000))
    report = tokenizer.codebook_report_
    assert report["used"] == [32]
    assert report["perplexity"][0] > 28


@pytest.mark.parametrize("size", [8, 64])
def test_partial_fits_of_the_parts_come_to_the_quantiles_of_all(size):
    rng = np.random.default_rng(0)
    scales = rng.exponential(size=(6, 20))  # bursts: parts have quantiles of their own
    parts = [
        nk.signal(np.repeat(s, 250)[None] * rng.normal(size=(2, 5000)), sampling_rate=250)
        for s in scales
    ]
    part = ScalarTokenizer("quantile", codebook_size=size)
    for x in parts:
        assert part.partial_fit(x) is part
    levelled = [part.embed(x).values.ravel() for x in parts]
    groups = np.array_split(np.sort(np.concatenate(levelled)), size)
    expected = np.array([g.mean() for g in groups])
    assert part.n_samples_seen_ == 6 * 10_000
    inner = slice(1, -1)  # the outermost values flatten what lies beyond them
    tolerance = 0.3 * np.gradient(expected)[inner]
    assert np.all(np.abs(part.values_ - expected)[inner] < tolerance)
    first = ScalarTokenizer("quantile", codebook_size=size).fit(parts[0])
    off = np.abs(first.values_ - expected)[inner].mean()
    assert np.abs(part.values_ - expected)[inner].mean() < 0.3 * off


@pytest.mark.parametrize("kind", ["mulaw", "uniform"])
def test_values_that_are_given_stay(kind):
    x, other = eeg(), eeg(seed=1)
    tokenizer = ScalarTokenizer(kind).partial_fit(x)
    values = tokenizer.values_.copy()
    np.testing.assert_array_equal(values, ScalarTokenizer(kind).fit(x).values_)
    np.testing.assert_array_equal(tokenizer.partial_fit(other).values_, values)


@settings(deadline=None, max_examples=15)
@given(
    st.integers(1, 4),
    st.sampled_from([100, 128, 250, 512, 999.41, 2000]),
    st.integers(2, 700),
    st.sampled_from(["mulaw", "uniform", "quantile"]),
    st.integers(0, 99),
)
def test_tokens_give_back_unit_rate_and_length(n_channels, rate, n_times, kind, seed):
    x = eeg(n_channels, n_times, rate, seed)
    tokenizer = ScalarTokenizer(kind).fit(x)
    y = tokenizer.inverse_transform(tokenizer.transform(x))
    assert y.sizes == x.sizes
    assert y.attrs["units"] == "uV"
    np.testing.assert_array_equal(y["time"], x["time"])
    assert y["channel"].equals(x["channel"])


def test_error_is_small_at_any_amplitude_and_offset():
    tokenizer = ScalarTokenizer().fit(eeg())
    scores = [tokenizer.score(eeg(seed=1, size=20.0 * factor)) for factor in (0.1, 1, 10)]
    assert min(scores) > 0.999


def test_flat_channels_come_back_flat():
    x = eeg()
    x[1] = 40.0
    y = ScalarTokenizer().fit(x)
    back = y.inverse_transform(y.transform(x))
    np.testing.assert_allclose(back.values[1], 40.0, rtol=0.01)


@pytest.mark.parametrize("size", [1, 37, 400])
def test_live_chunks_give_the_same_tokens(size):
    x = eeg(2, 900)
    tokenizer = ScalarTokenizer().fit(x)
    stream = tokenizer.stream()
    parts = [stream.push(x.values[:, i : i + size]) for i in range(0, 900, size)]
    joined = np.concatenate([*parts, stream.flush()], 1)
    np.testing.assert_array_equal(joined, tokenizer.transform(x))


def test_the_rate_counts_the_level():
    report = ScalarTokenizer(codebook_size=64).fit(eeg(rate=200)).rate_report_
    assert report == {"frame_rate": 200.0, "codes": 1200.0, "level": 24.0, "total": 1224.0}


def test_wrong_parameters_are_named():
    with pytest.raises(
        ValueError, match=r"kind must be 'mulaw', 'uniform' or 'quantile'.*got 'alaw'"
    ):
        ScalarTokenizer("alaw").fit(eeg())
    with pytest.raises(ValueError, match="between 2 and 65536"):
        ScalarTokenizer(codebook_size=1).fit(eeg())


def test_tokens_of_another_tokenizer_are_refused():
    x = eeg()
    tokens = ScalarTokenizer(codebook_size=256).fit(x).transform(x)
    with pytest.raises(ValueError, match=r"level 2 must hold 0 to 15, got .* another tokenizer"):
        ScalarTokenizer(codebook_size=16).fit(x).inverse_transform(tokens)
    with pytest.raises(ValueError, match="3 to 3 levels, scale, offset first"):
        ScalarTokenizer().fit(x).inverse_transform(tokens[..., :2])
