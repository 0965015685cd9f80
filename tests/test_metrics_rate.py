"""Rates, entropies, codebooks, grades."""

import itertools
import math
from collections import Counter

import numpy as np
import pytest
import xarray as xr

import neurokit
from neurokit.metrics.rate import (
    codebook_report,
    compression_ratio,
    measured_rate,
    nominal_rate,
    openecs_grade,
    rate_distortion,
    token_entropy,
)


def entropy_by_counting(items):
    counts = Counter(items)
    return -sum(n / len(items) * math.log2(n / len(items)) for n in counts.values())


def test_entropies_by_counting():
    rng = np.random.default_rng(0)
    walk = np.cumsum(rng.integers(-1, 2, (2, 3, 200)), axis=-1) % 7
    tokens = np.stack([walk, rng.integers(0, 5, walk.shape)], axis=-1)
    got = token_entropy(tokens)
    for level in range(2):
        series = tokens[..., level].reshape(6, 200).tolist()
        flat = [t for row in series for t in row]
        pairs = [p for row in series for p in itertools.pairwise(row)]
        before = [p[0] for p in pairs]
        assert got.marginal[level] == pytest.approx(entropy_by_counting(flat))
        expected = entropy_by_counting(pairs) - entropy_by_counting(before)
        assert got.conditional[level] == pytest.approx(expected)
    labelled = xr.DataArray(tokens, dims=("trial", "channel", "frame", "level"))
    again = token_entropy(labelled.transpose("level", "frame", "trial", "channel"))
    np.testing.assert_allclose(again.conditional, got.conditional)


def test_entropy_of_a_known_chain():
    rng = np.random.default_rng(1)
    stay = rng.random(100_000) < 0.9  # a fair coin that is tossed again one time in ten
    chain = [0]
    for keep, new in zip(stay, rng.integers(0, 2, stay.size), strict=True):
        chain.append(chain[-1] if keep else int(new))
    got = token_entropy(np.array(chain)[:, None])
    p = 0.95
    assert got.marginal[0] == pytest.approx(1, abs=0.01)
    assert got.conditional[0] == pytest.approx(
        -p * np.log2(p) - (1 - p) * np.log2(1 - p), abs=0.01
    )


def test_codebook_report_by_counting():
    tokens = np.array([[[0, 3], [0, 3], [1, 3], [2, 3]]])
    got = codebook_report(tokens, [4, 8])
    assert got["used"].tolist() == [3, 1]
    assert got["usage"].tolist() == [0.75, 0.125]
    assert got["dead"].tolist() == [0.25, 0.875]
    np.testing.assert_allclose(got["perplexity"], [2**1.5, 1])


def test_codebook_report_refuses_tokens_outside():
    with pytest.raises(ValueError, match="level 0 has tokens from 0 to 5, outside its codebook"):
        codebook_report([[0], [5]], [4])
    with pytest.raises(ValueError, match="a codebook size for each of 1 levels, got 2"):
        codebook_report([[0], [5]], [4, 4])
    with pytest.raises(TypeError, match="expects integer tokens"):
        codebook_report([[0.5]], [4])


def test_rates(tmp_path):
    assert nominal_rate([256] * 6, 250 / 12) == pytest.approx(1000)  # BioCodec, as published
    assert compression_ratio(1000, 500) == 4
    (tmp_path / "a").write_bytes(bytes(1500))
    assert measured_rate(tmp_path / "a", duration=10, n_channels=3) == 400
    with pytest.raises(ValueError, match="expects a positive duration and channels, got 0 s"):
        measured_rate(tmp_path / "a", duration=0, n_channels=3)


class Bits:
    """Successive approximation of the signal, with its level as side information."""

    n_levels = 5

    def transform(self, X):
        side = xr.full_like(X, 7).astype(int).expand_dims(level=["scale"])
        level = np.floor((X + 1) * 16).clip(0, 31).astype(int)
        bits = [(level // 2 ** (4 - k)) % 2 for k in range(5)]
        codes = xr.concat(bits, dim=xr.Variable("level", list("12345")))
        return xr.concat([side, codes], "level").rename(time="frame")

    def inverse_transform(self, tokens, n_levels=None):
        k = self.n_levels if n_levels is None else n_levels
        weights = 0.5 ** np.arange(k)
        codes = tokens.isel(level=slice(1, 1 + k)).transpose(..., "level")
        values = codes.values @ weights - 1 + 0.5**k
        return xr.DataArray(values, dims=codes.dims[:-1]).rename(frame="time")


def test_rate_distortion_falls_by_six_db_per_bit():
    rng = np.random.default_rng(2)
    x = neurokit.signal(rng.uniform(-1, 1, (2, 5000)), sampling_rate=100)
    got = rate_distortion(Bits(), x)
    np.testing.assert_allclose(got["nmse"], 0.25 ** np.arange(1, 6), rtol=0.1)
    np.testing.assert_allclose(got["bits"], 100 * np.arange(1, 6), rtol=0.01)
    np.testing.assert_allclose(np.diff(got["snr_db"]), 6.02, atol=0.2)
    sized = rate_distortion(Bits(), x, n_bytes=lambda t: t.size)
    np.testing.assert_allclose(sized["bits"], 800 * np.arange(2, 7))


def test_stages_of_several_branches_are_counted_by_their_labels():
    class Branched(Bits):
        """Each bit in a column for each of two branches, as `MultiScaleTokenizer` labels them."""

        def transform(self, X):
            tokens = super().transform(X)
            bits = [tokens.isel(level=[k, k]) for k in range(1, 6)]
            names = ["scale", *(f"{k}.{b}" for k in range(1, 6) for b in "ab")]
            out = xr.concat([tokens.isel(level=[0]), *bits], "level")
            return out.assign_coords(level=names)

        def inverse_transform(self, tokens, n_levels=None):
            single = tokens.isel(level=[0, *range(1, 11, 2)])
            return super().inverse_transform(single, n_levels)

    x = neurokit.signal(np.random.default_rng(2).uniform(-1, 1, (2, 500)), sampling_rate=100)
    sized = rate_distortion(Branched(), x, n_bytes=lambda t: t.size)
    np.testing.assert_allclose(sized["bits"], 800 * np.arange(3, 12, 2))
    np.testing.assert_allclose(sized["nmse"], rate_distortion(Bits(), x)["nmse"])


def test_samples_have_one_stage_and_bands_a_column_each():
    from neurokit.metrics import band_fidelity
    from neurokit.tokenizers import ScalarTokenizer

    x = neurokit.signal(np.random.default_rng(5).normal(0, 9, (3, 800)), sampling_rate=100)
    tokenizer = ScalarTokenizer("uniform", codebook_size=49).fit(x)
    bands = {"beta": (13.0, 30.0), "rest": (30.0, 50.0)}
    got = rate_distortion(tokenizer, x, bands=bands)
    assert got.index.tolist() == [1]
    y = tokenizer.inverse_transform(tokenizer.transform(x))
    expected = band_fidelity(x, y, bands=bands).pearson.median("channel")
    np.testing.assert_allclose(got[["beta", "rest"]].values[0], expected)


def test_files_are_pooled_by_bytes():
    assert compression_ratio([1000, 9000], [500, 9000]) == 10_000 * 2 / 9500
    assert compression_ratio([1000], [500], bits=64) == 16
    with pytest.raises(ValueError, match="a size for each of 2 files, got 1"):
        compression_ratio([1, 2], [3])


def test_openecs_tiers():
    rng = np.random.default_rng(3)
    t = np.arange(2560) / 256
    x = np.round(
        sum(
            1000 * np.sin(2 * np.pi * f * t + p)
            for f, p in [(2, 0), (6, 1), (10, 2), (20, 3), (40, 4)]
        )
        + rng.normal(0, 1, (2, 2560))
    ).astype(np.int64)
    y = np.round(x + rng.normal(0, 50, x.shape)).astype(np.int64)
    raw = 8 + 2 * 4 + 8 * x.size
    got = openecs_grade(x, x, raw, sampling_rate=256)
    assert (got.grade, got.ratio_int64, got.prd) == ("L", 1, 0)
    assert got.pearson == pytest.approx(1)
    assert got.ratio_int16 == pytest.approx(0.25, rel=1e-3)
    assert openecs_grade(x, x, 2 * raw, sampling_rate=256).grade == "-"
    one = x.copy()
    one[0, 0] += 1
    assert openecs_grade(x, one, raw // 2, sampling_rate=256).grade == "N"
    assert openecs_grade(x, y, raw // 25, sampling_rate=256).grade == "N"
    rough = np.round(x + rng.normal(0, 130, x.shape)).astype(np.int64)
    assert openecs_grade(x, rough, raw // 25, sampling_rate=256).grade == "C"
    assert openecs_grade(x, rough, raw // 15, sampling_rate=256).grade == "-"
    shaky = np.round(x + 230 * np.sin(2 * np.pi * 3 * t)).astype(np.int64)  # delta alone suffers
    assert openecs_grade(x, shaky, raw // 25, sampling_rate=256).grade == "-"
    assert openecs_grade(x, rough, raw // 110, sampling_rate=256).grade == "C"


def test_openecs_figures_by_hand():
    rng = np.random.default_rng(4)
    x = rng.integers(-500, 500, (2, 300))
    y = x + rng.integers(-100, 100, x.shape)
    got = openecs_grade(x, y, 100, sampling_rate=100)
    u, v = x.ravel().astype(float), y.ravel().astype(float)
    assert got.prd == pytest.approx(100 * math.sqrt(((u - v) ** 2).sum() / (u**2).sum()))
    f = np.abs(np.fft.fftfreq(600, 0.01))
    keep = (f >= 8) & (f < 12)
    p, q = (np.fft.ifft(np.fft.fft(s) * keep).real for s in (u, v))
    prd = 100 * math.sqrt(((p - q) ** 2).sum() / (p**2).sum())
    assert got.bands["alpha"] == pytest.approx((prd, np.corrcoef(p, q)[0, 1]))


def test_openecs_asks_for_digital_samples():
    x = np.zeros((2, 100), int)
    with pytest.raises(TypeError, match="expects digital samples, got float64"):
        openecs_grade(x / 2, x, 10, sampling_rate=256)
    with pytest.raises(ValueError, match="of one shape, got"):
        openecs_grade(x, x[:, 1:], 10, sampling_rate=256)
