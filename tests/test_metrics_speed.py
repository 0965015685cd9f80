"""What is measured is what was run."""

import time

import numpy as np
import pytest

import neurokit
from neurokit.metrics import coding_speed
from neurokit.tokenizers import ScalarTokenizer


class Slow(ScalarTokenizer):
    """Sleeps, so that the time is known; passes frames of samples on at once."""

    def transform(self, X):
        time.sleep(0.05)
        return super().transform(X)

    def inverse_transform(self, tokens, n_levels=None):
        time.sleep(0.1)
        return super().inverse_transform(tokens, n_levels)

    def stream(self, n_channels=None, sampling_rate=None):
        return Late(n_channels, 10)


class Late:
    """Gives each frame ten pushes after it has come."""

    def __init__(self, n_channels, wait):
        self.n_channels, self.wait, self.n = n_channels, wait, 0

    def push(self, chunk):
        assert chunk.shape == (self.n_channels, 1)
        time.sleep(2e-4)
        self.n += 1
        return np.zeros((self.n_channels, int(self.n > self.wait), 3))


def test_known_times_are_found():
    x = neurokit.signal(np.random.default_rng(0).normal(size=(2, 500)), sampling_rate=100)
    got = coding_speed(Slow().fit(x), x, n_repeats=1)
    assert got["encode"] * 10 >= 0.05
    assert got["decode"] * 10 >= 0.1
    assert 2e-4 <= got["push_median"] <= got["push_p99"]
    assert got["delay"] == pytest.approx(0.1)  # ten samples
    assert got["model_bytes"] > 256 * 8


def test_a_causal_codec_answers_within_a_push():
    from neurokit.tokenizers import LinearRVQTokenizer

    x = neurokit.signal(np.random.default_rng(1).normal(size=(1, 800)), sampling_rate=100)
    got = coding_speed(LinearRVQTokenizer(2, codebook_size=8, random_state=0).fit(x), x)
    assert got["delay"] < 0.2
    with pytest.raises(ValueError, match=r"four seconds or more, got 3\.99 s"):
        coding_speed(ScalarTokenizer().fit(x), x.isel(time=slice(399)))
