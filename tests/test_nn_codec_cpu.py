"""The codec's networks as matrix products, against their modules."""

import pytest
import torch

from neurokit.nn.codec import Decoder, Encoder, Memory
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


def test_a_network_of_another_kind_runs_as_it_is():
    network = torch.nn.Identity()
    assert as_products(network) is network
