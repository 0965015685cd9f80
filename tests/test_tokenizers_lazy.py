"""Tokenizers on dask arrays: tokens and signals by blocks, the same as at once."""

from copy import deepcopy

import numpy as np
import pytest
import xarray as xr

import neurokit as nk
from neurokit.tokenizers import (
    CodecTokenizer,
    LinearRVQTokenizer,
    MultiScaleTokenizer,
    ScalarTokenizer,
)
from neurokit.training import Trainer

dask = pytest.importorskip("dask")

NETWORKS = {"n_filters": 2, "latent_dim": 4, "n_context": 1, "codebook_size": 16}
NETWORKS |= {"trainer": Trainer(1, batch_size=16, device="cpu"), "device": "cpu"}
NETWORKS |= {"random_state": 0}
TOKENIZERS = {
    "codec": CodecTokenizer(2, **NETWORKS),
    "multiscale": MultiScaleTokenizer(2, kernels=(0.1, 0.03), **NETWORKS),
    "linear": LinearRVQTokenizer(3, codebook_size=16, frame=0.15, random_state=0),
    "scalar": ScalarTokenizer(),
}


def eeg(seconds=130.0, rate=250.0, seed=0):
    rng = np.random.default_rng(seed)
    x = np.cumsum(rng.normal(size=(2, round(seconds * rate))), 1)
    return nk.signal(x.astype(np.float32), sampling_rate=rate, start=2.0)


@pytest.fixture(scope="module", params=sorted(TOKENIZERS))
def tokenizer(request):
    return TOKENIZERS[request.param].fit(eeg(20))


@pytest.fixture(autouse=True)
def here(monkeypatch):
    monkeypatch.setattr(
        "neurokit.tokenizers.framing.lazy._VALUES", 1
    )  # the recordings here are short
    with dask.config.set(scheduler="synchronous"):
        yield


@pytest.mark.parametrize("rate", [173.61, 400.0])
def test_there_and_back_by_blocks_is_as_at_once(tokenizer, rate):
    x = eeg(rate=rate)
    tokens = tokenizer.transform(x)
    lazy = tokenizer.transform(x.chunk(time=7777))
    back = tokenizer.inverse_transform(lazy)
    assert lazy.chunks is not None
    assert len(back.chunks[-1]) > 1
    xr.testing.assert_identical(lazy.compute(), tokens)
    whole = tokenizer.inverse_transform(tokens)
    assert back.dtype == whole.dtype
    xr.testing.assert_equal(back["time"], whole["time"])
    xr.testing.assert_allclose(back.compute(), whole, rtol=0, atol=1e-6 * np.abs(whole).max())


def test_a_cut_of_lazy_tokens_is_decoded_as_it_is_at_once(tokenizer):
    part = tokenizer.transform(eeg()).isel(frame=slice(13, -9))
    back = tokenizer.inverse_transform(part.chunk(frame=500), 1).compute()
    whole = tokenizer.inverse_transform(part, 1)
    xr.testing.assert_allclose(back, whole, rtol=0, atol=1e-6 * np.abs(whole).max())


def test_the_plan_for_a_day_is_small(tokenizer):
    da = pytest.importorskip("dask.array")
    day = da.zeros((2, 24 * 3600 * 250), chunks=(1, 60 * 250), dtype=np.float32)
    tokens = tokenizer.transform(nk.signal(day, sampling_rate=250))
    back = tokenizer.inverse_transform(tokens)
    graph = back.data.__dask_graph__()
    assert len(graph.layers) < 20  # and not one for every slice, each of which lists the others
    assert back.sizes["time"] == day.shape[1]


def test_few_channels_are_decoded_in_longer_blocks(tokenizer, monkeypatch):
    monkeypatch.setattr("neurokit.tokenizers.framing.lazy._VALUES", 2**16)
    da = pytest.importorskip("dask.array")
    for n_channels in (1, 2, 32):
        hours = da.zeros((n_channels, 3600 * 250), chunks=(-1, 60 * 250), dtype=np.float32)
        tokens = tokenizer.transform(nk.signal(hours, sampling_rate=250))
        sizes = tokenizer.inverse_transform(tokens).data.chunks[-1]
        assert n_channels * sizes[0] >= 2**16 - 250  # a chunk of a file as it is
        assert sizes[0] < 2**16 + 90 * 250
        assert len({*sizes[:-1]}) == 1


def test_only_the_tokens_that_are_needed_are_read(tokenizer):
    da = pytest.importorskip("dask.array")
    tokens = tokenizer.transform(eeg(250.0))
    read = []

    def block(values, block_id):
        read.append(block_id)
        return values

    chunks = tokens.chunk(frame=tokens.sizes["frame"] // 20)
    watched = chunks.copy(
        data=da.map_blocks(block, chunks.data, dtype=chunks.dtype, meta=chunks.data._meta)
    )
    tokenizer.inverse_transform(watched).isel(time=slice(0, 100)).compute()
    assert 0 < len(read) < 10


def test_plain_dask_arrays_stay_plain(tokenizer):
    x = eeg(100)
    plain = deepcopy(tokenizer)
    plain.plain_rate_ = 250.0  # as if fit had been given it
    tokens = plain.transform(x.chunk(time=5000).data)
    back = plain.inverse_transform(tokens)
    assert hasattr(tokens, "dask")
    assert hasattr(back, "dask")
    np.testing.assert_array_equal(tokens.compute(), plain.transform(x))


def test_wrong_codes_in_lazy_tokens_are_refused_when_they_come(tokenizer):
    tokens = tokenizer.transform(eeg(20))
    wrong = tokens.copy(data=np.full(tokens.shape, 999, np.uint16)).chunk(frame=100)
    with pytest.raises(ValueError, match=r"level 0 must hold 0 to 255, got 999 to 999"):
        tokenizer.inverse_transform(wrong).compute()


def test_a_recurrent_decoder_takes_no_lazy_tokens():
    est = CodecTokenizer(preset="biocodec", trainer=Trainer(1, device="cpu"), device="cpu")
    tokens = est.fit(eeg(8)).transform(eeg(8))
    with pytest.raises(ValueError, match=r"recurrent decoder.*load the tokens first"):
        est.inverse_transform(tokens.chunk(frame=50))
