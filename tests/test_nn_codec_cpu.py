"""The codec's networks as matrix products, against their modules."""

import pytest
import torch

from neurokit.nn.codec import Decoder, Encoder, Memory
from neurokit.nn.kernels import codec_cpu, codec_large
from neurokit.nn.kernels.codec_cpu import as_products
from neurokit.nn.multiscale import MultiScaleDecoder, MultiScaleEncoder

HOP = 12


def shape(**kwargs):
    default = {"strides": (4, 3), "n_filters": 4, "n_residual": 2, "n_context": 2}
    return default | {"n_recurrent": 0, "normed": False, "direct": True} | kwargs


def networks():
    yield "plain", Encoder(3, kernel=5, **shape()), Decoder(3, kernel=5, **shape())
    kwargs = shape(n_recurrent=2, normed=True, direct=False)
    yield "recurrent, normed", Encoder(3, kernel=3, **kwargs), Decoder(3, kernel=3, **kwargs)
    kernels = {"kernels": [9, 3]}
    yield (
        "branches",
        MultiScaleEncoder(3, **kernels, **shape()),
        MultiScaleDecoder(3, **kernels, **shape()),
    )


@pytest.mark.parametrize("name", ["plain", "recurrent, normed", "branches"])
@pytest.mark.parametrize("cuts", [[1] * 9, [9], [2, 1, 6]])
def test_products_give_what_the_modules_give_and_remember_alike(name, cuts):
    encoder, decoder = next(pair for key, *pair in networks() if key == name)
    rng = torch.Generator().manual_seed(0)
    for network in (encoder, decoder):
        for parameter in network.parameters():
            parameter.data = 0.3 * torch.randn(parameter.shape, generator=rng)
        network.double()
    x = torch.randn(5, 9 * HOP, generator=rng, dtype=torch.float64)
    with torch.inference_mode():
        latents = encoder(x)
        there, back = as_products(encoder), as_products(decoder)
        memory, past = Memory(), Memory()
        parts = [there(part, memory) for part in x.split([c * HOP for c in cuts], 1)]
        torch.testing.assert_close(torch.cat(parts, 1), latents, rtol=1e-11, atol=1e-11)
        parts = [back(part, past) for part in latents.split(cuts, 1)]
        torch.testing.assert_close(torch.cat(parts, 1), decoder(latents), rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("width", [{"n_filters": 12}, {"n_filters": 8, "n_context": 3}])
@pytest.mark.parametrize(
    "kind", [{}, {"n_recurrent": 1, "normed": True, "direct": False}, {"n_residual": 3}]
)
def test_many_frames_give_the_same_and_remember_alike(width, kind, monkeypatch):
    """Widths that fill no panel, dilations of one to four, whole groups and what is left."""
    monkeypatch.setattr(codec_cpu, "MANY_FRAMES", 16)
    monkeypatch.setattr(codec_cpu, "has_wide_registers", lambda: True)
    decoder = Decoder(5, kernel=9, **shape(**width, **kind))
    rng = torch.Generator().manual_seed(1)
    for parameter in decoder.parameters():
        parameter.data = 0.3 * torch.randn(parameter.shape, generator=rng)
    many = []
    monkeypatch.setattr(
        codec_large, "join", lambda *a, do=codec_large.join: many.append(1) or do(*a)
    )
    with torch.inference_mode():
        latents = torch.randn(3, 101, 5, generator=rng)
        expected = decoder.double()(latents.double())
        back, past = as_products(decoder.float()), Memory()
        parts = [back(part, past) for part in latents.split([1, 48, 4, 16, 32], 1)]
    assert many == [1]  # laid out once, for the parts of 48, 16 and 32 frames
    found, scale = torch.cat(parts, 1), expected.abs().max()
    assert (found - expected).abs().max() < 1e-5 * scale


def test_many_frames_are_shared_by_threads_to_the_bit(monkeypatch):
    monkeypatch.setattr(codec_large, "_WORTH_A_THREAD", 1)
    monkeypatch.setattr(codec_cpu, "has_wide_registers", lambda: True)
    decoder, latents = Decoder(3, kernel=5, **shape()), torch.randn(25, 48, 3)
    found = []
    for n in (1, 3):
        monkeypatch.setattr(torch, "get_num_threads", lambda n=n: n)
        with torch.inference_mode():
            found.append(as_products(decoder)(latents, Memory()))
    assert torch.equal(*found)


def test_many_frames_go_by_products_where_registers_are_narrow(monkeypatch):
    """There the tiles take longer than the library's products."""
    monkeypatch.setattr(codec_cpu, "has_wide_registers", lambda: False)
    monkeypatch.setattr(codec_large, "join", lambda *a: 1 / 0)
    decoder, latents = Decoder(3, kernel=5, **shape()), torch.randn(70, 16, 3)
    with torch.inference_mode():
        found = as_products(decoder)(latents, Memory())
        torch.testing.assert_close(found, decoder(latents), rtol=1e-4, atol=1e-5)


def test_not_a_number_stays_with_its_row():
    decoder, latents = Decoder(3, kernel=5, **shape()), torch.randn(70, 16, 3)
    latents[7, 9] = torch.nan
    with torch.inference_mode():
        found = as_products(decoder)(latents, Memory()).isnan()
    assert found[7, 9 * HOP :].all()
    assert not found[torch.arange(70) != 7].any()


def test_a_network_of_another_kind_runs_as_it_is():
    network = torch.nn.Identity()
    assert as_products(network) is network
