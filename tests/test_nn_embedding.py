"""Tokens of patches, codes of times, regions and near channels, against loops and NumPy."""

import math

import numpy as np
import pytest
import torch

from neurokit.nn.embedding import EMBEDDINGS, SpectralPatch, build_embedding
from neurokit.nn.masked import MaskedTransformer
from neurokit.nn.positions import ConductionCode, PlaceCode, RegionCode, TimeCode


@pytest.mark.parametrize("kind", EMBEDDINGS)
@pytest.mark.parametrize("n_samples", [1, 7, 200])
def test_a_token_is_of_its_own_patch_and_hears_every_sample(kind, n_samples):
    torch.manual_seed(0)
    layer = build_embedding(kind, n_samples, 6)
    patches = torch.randn(2, 3, 4, n_samples, requires_grad=True)
    tokens = layer(patches)
    assert tokens.shape == (2, 3, 4, 6)
    one = layer(patches[1, 2, 3])
    torch.testing.assert_close(tokens[1, 2, 3], one)
    (slope,) = torch.autograd.grad(tokens[1, 2, 3].square().sum(), patches)
    heard = slope.abs() > 0
    assert not heard[0].any()
    if n_samples > 1 or kind == "linear":  # one sample is its own mean: its norm is zero
        assert heard[1, 2, 3].all()


def test_a_spectrum_is_that_of_numpy():
    layer, patches = SpectralPatch(20, 5), torch.randn(3, 20)
    size = np.abs(np.fft.rfft(patches.numpy(), norm="ortho"))
    weight, bias = (p.detach().numpy() for p in layer.spectrum.parameters())
    found = (layer(patches) - layer.samples(patches)).detach().numpy()
    np.testing.assert_allclose(found, size @ weight.T + bias, atol=1e-5)
    with pytest.raises(ValueError, match="kind must be one of"):
        build_embedding("words", 20, 5)


def test_codes_of_near_channels_are_mixed_as_in_loops():
    torch.manual_seed(0)
    code, places = ConductionCode(6), 60 * torch.randn(5, 3)
    places[3] = torch.nan
    plain = PlaceCode.forward(code, places).detach()
    found = code(places).detach()
    for i in range(5):
        weights = torch.zeros(5)
        for j in range(5):
            if i == j:
                weights[j] = 1.0
            elif 3 not in (i, j):
                weights[j] = math.exp(-float((places[i] - places[j]).norm()) / 80)
        torch.testing.assert_close(found[i], weights / weights.sum() @ plain)
    code.length.data.fill_(math.log(1e-3))
    torch.testing.assert_close(code(places).detach(), plain)


def test_regions_have_vectors_and_new_ones_begin_as_their_mean():
    code = RegionCode(4, 2)
    places = torch.tensor([[2.0, 0, 0], [0.0, 0, 0], [torch.nan] * 3, [1.0, 0, 0]])
    first = code(places).detach()
    assert torch.equal(first[[0, 3]], code.table.detach()[[1, 0]])
    assert not first[1:3].any()
    code.grow(1)
    assert torch.equal(code(places), first)
    torch.testing.assert_close(code(torch.tensor([3.0, 0, 0])), first[[0, 3]].mean(0))


def test_codes_of_times_are_those_of_loops():
    times = torch.tensor([0.0, 0.3, 12.0])
    found = TimeCode(8, "sincos")(times)
    for row, t in zip(found, times.tolist(), strict=True):
        for k in range(4):
            period = math.exp(math.log(0.05) + k / 3 * math.log(100 / 0.05))
            assert float(row[k]) == pytest.approx(math.sin(t / period), abs=1e-5)
            assert float(row[4 + k]) == pytest.approx(math.cos(t / period), abs=1e-5)
    slow = TimeCode(24, "slow")
    slow.mix.weight.data.copy_(torch.eye(24))
    slow.mix.bias.data.zero_()
    for row, t in zip(slow(times).detach(), times.tolist(), strict=True):
        for k in range(8):
            angle = 2 * math.pi * t * 0.01 * 100 ** (k / 7)
            assert float(row[k]) == pytest.approx(math.sin(angle), abs=1e-5)
            assert float(row[8 + k]) == pytest.approx(math.cos(angle), abs=1e-5)
            decay = math.exp(-t / (0.1 * 1000 ** (k / 7)))
            assert float(row[16 + k]) == pytest.approx(decay, abs=1e-5)
    with pytest.raises(ValueError, match="kind must be 'sincos' or 'slow'"):
        TimeCode(8, "rotary")


@pytest.mark.parametrize("attention", ["full", "axial"])
@pytest.mark.parametrize("time", ["sincos", "slow"])
def test_latents_follow_the_order_of_channels_and_times_tell_frames_apart(attention, time):
    torch.manual_seed(0)
    sizes = {"width": 16, "depth": 1, "n_heads": 2, "attention": attention, "hidden": "replace"}
    model = MaskedTransformer(10, **sizes, time=time, space="conduction", embed="conv").eval()
    patches, places = torch.randn(1, 4, 5, 10), 60 * torch.randn(1, 4, 3)
    seen, times, order = torch.rand(1, 4, 5) < 0.7, torch.arange(5.0), [2, 0, 3, 1]
    found = model.encode(patches, places, times, seen).latents.view(1, 4, 5, 16)
    turned = model.encode(patches[:, order], places[:, order], times, seen[:, order]).latents
    torch.testing.assert_close(turned.view(1, 4, 5, 16), found[:, order], atol=1e-5, rtol=1e-5)
    same = patches[:, :, :1].expand(-1, -1, 5, -1)
    told = model(same, places, times, torch.ones_like(seen)).samples
    assert (told[:, :, 0] - told[:, :, 3]).abs().max() > 1e-4
