import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.fft import dct
from torch.nn import functional as F

from neurokit.nn.codec import (
    CausalConv1d,
    CausalUpsample1d,
    Codec,
    CosineEncoder,
    Decoder,
    Encoder,
    Memory,
    Recurrent,
    ResidualUnit,
    begin_as_cosines,
    cosines,
)
from neurokit.nn.distortion import (
    band_error,
    biocodec_error,
    relative_error,
    spectrogram_error,
)
from neurokit.nn.quantizers.residual import ResidualVectorQuantizer

HOP = 6


def shape(**kwargs):
    default = {"strides": (2, 3), "n_filters": 4, "kernel": 5, "n_residual": 2, "n_context": 1}
    return default | {"n_recurrent": 0, "normed": False, "direct": True} | kwargs


def stirred(module, seed=0):
    """Give the zeros that training begins with some value."""
    rng = torch.Generator().manual_seed(seed)
    for parameter in module.parameters():
        parameter.data = torch.randn(parameter.shape, generator=rng) * 0.3
    return module.double().eval()


def noise(*size, seed=1):
    return torch.randn(*size, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_a_causal_convolution_is_the_sum_written_out():
    conv = stirred(CausalConv1d(2, 3, 4, stride=2, dilation=3))
    x, (w, b) = noise(1, 2, 20), conv.conv.parameters()
    y = conv(x)
    for k in range(10):
        expected = b.clone()
        for tap in range(4):
            at = 2 * k + 1 - 3 * (3 - tap)  # the last tap meets the last sample of the stride
            if at >= 0:
                expected = expected + w[:, :, tap] @ x[0, :, at]
        torch.testing.assert_close(y[0, :, k], expected)


def test_upsampling_overlaps_by_one_stride():
    up = stirred(CausalUpsample1d(2, 1, 3))
    x, (w, b) = noise(1, 2, 5), up.conv.parameters()
    y = up(x)[0, 0]
    for t in range(15):
        k, phase = divmod(t, 3)
        expected = b + x[0, :, k] @ w[:, 0, phase]
        if k > 0:
            expected = expected + x[0, :, k - 1] @ w[:, 0, phase + 3]
        torch.testing.assert_close(y[t : t + 1], expected)


@pytest.mark.parametrize("kwargs", [{}, {"n_recurrent": 2, "normed": True, "direct": False}])
def test_no_output_depends_on_what_comes_after(kwargs):
    encoder = stirred(Encoder(3, **shape(**kwargs)))
    decoder = stirred(Decoder(3, **shape(**kwargs)))
    x = noise(1, 10 * HOP).requires_grad_()
    encoder(x)[0, 4].sum().backward()
    assert torch.all(x.grad[0, 5 * HOP :] == 0)
    assert torch.all(x.grad[0, 4 * HOP : 5 * HOP] != 0)
    z = noise(1, 10, 3).requires_grad_()
    decoder(z)[0, 5 * HOP - 1].backward()
    assert torch.all(z.grad[0, 5:] == 0)
    assert torch.all(z.grad[0, 4] != 0)


@given(cuts=st.lists(st.integers(1, 5), min_size=1, max_size=6), recurrent=st.booleans())
@settings(deadline=None, max_examples=20)
def test_pieces_with_a_memory_give_what_the_whole_gives(cuts, recurrent):
    kwargs = shape(n_recurrent=2 * recurrent, direct=not recurrent, normed=recurrent)
    encoder, decoder = stirred(Encoder(3, **kwargs)), stirred(Decoder(3, **kwargs))
    x = noise(2, sum(cuts) * HOP)
    whole = encoder(x)
    memory, back = Memory(), Memory()
    parts = [encoder(part, memory) for part in x.split([c * HOP for c in cuts], 1)]
    torch.testing.assert_close(torch.cat(parts, 1), whole, rtol=1e-12, atol=1e-12)
    parts = [decoder(part, back) for part in whole.split(cuts, 1)]
    torch.testing.assert_close(torch.cat(parts, 1), decoder(whole), rtol=1e-12, atol=1e-12)


def test_the_past_that_a_latent_depends_on_is_counted_right():
    encoder = stirred(Encoder(3, **shape()))
    x = noise(1, 40 * HOP).requires_grad_()
    encoder(x)[0, -1].sum().backward()
    first = int(torch.nonzero(x.grad[0])[0]) // HOP
    assert encoder.n_past_frames >= 39 - first
    assert encoder.n_past_frames <= 39 - first + 1
    assert Encoder(3, **shape(n_recurrent=1)).n_past_frames == float("inf")


def test_a_direct_codec_begins_as_a_linear_map():
    torch.manual_seed(0)
    encoder, decoder = Encoder(8, **shape()), Decoder(8, **shape())
    x, y = torch.randn(2, 1, 5 * HOP)
    torch.testing.assert_close(
        encoder(x) + encoder(y), encoder(x + y) + encoder(torch.zeros_like(x))
    )
    z, w = torch.randn(2, 1, 5, 8)
    torch.testing.assert_close(
        decoder(z) + decoder(w), decoder(z + w) + decoder(torch.zeros_like(z))
    )


def test_the_codec_is_its_three_parts():
    torch.manual_seed(0)
    quantizer = ResidualVectorQuantizer(8, n_levels=2, codebook_size=4, kmeans_init=False)
    codec = Codec(Encoder(8, **shape()), quantizer, Decoder(8, **shape())).eval()
    x = torch.randn(3, 5 * HOP)
    values, codes, _ = codec(x)
    assert torch.equal(codes, quantizer.encode(codec.encoder(x)))
    torch.testing.assert_close(values, codec.decoder(quantizer.decode(codes)))


def test_gradients_reach_every_weight():
    torch.manual_seed(0)
    quantizer = ResidualVectorQuantizer(8, n_levels=2, codebook_size=4)
    codec = Codec(Encoder(8, **shape()), quantizer, Decoder(8, **shape())).train()
    x = torch.randn(9, 10 * HOP)
    for _ in range(2):  # from the second step on the deep path is not zero
        out = codec(x)
        (F.mse_loss(out.values, x) + out.loss).backward()
        for parameter in codec.parameters():
            parameter.data -= 0.1 * parameter.grad
    codec.zero_grad()
    out = codec(x)
    (F.mse_loss(out.values, x) + out.loss).backward()
    assert all(p.grad.abs().sum() > 0 for p in codec.parameters())


def test_published_parameter_count_of_biocodec():
    kwargs = {"strides": (2, 2, 3), "n_filters": 32, "kernel": 3, "n_residual": 2}
    kwargs |= {"n_context": 0, "n_recurrent": 2, "normed": True, "direct": False}
    encoder = Encoder(128, **kwargs)
    n = sum(p.numel() for p in encoder.parameters())
    assert abs(n / 1.56e6 - 1) < 0.01  # counted from the released shapes
    recurrent = [m for m in encoder.modules() if isinstance(m, Recurrent)]
    lstm = sum(p.numel() for p in recurrent[0].parameters())
    assert abs(lstm / 1.05e6 - 1) < 0.01


def test_band_error_is_one_for_silence_and_weighs_bands_alike():
    t = torch.arange(1000) / 250
    slow, fast = 100 * torch.sin(2 * np.pi * 2 * t), torch.sin(2 * np.pi * 20 * t)
    x = (slow + fast)[None]
    bands = [(1.0, 4.0), (13.0, 30.0)]
    assert band_error(x, torch.zeros_like(x), 250, bands) == pytest.approx(1, rel=1e-3)
    assert band_error(x, x, 250, bands) == 0
    assert band_error(x, slow[None], 250, bands) == pytest.approx(0.5, rel=0.05)
    assert band_error(x, fast[None], 250, bands) == pytest.approx(0.5, rel=0.05)


def test_spectral_losses_vanish_for_equal_signals_only():
    x = torch.randn(2, 300, generator=torch.Generator().manual_seed(0))
    for loss in (spectrogram_error, biocodec_error):
        assert loss(x, x, [32, 64]) == 0
        assert loss(x, 0.9 * x, [32, 64]) > 0


def test_a_residual_unit_keeps_the_shape():
    assert ResidualUnit(4, 2)(torch.zeros(2, 4, 9)).shape == (2, 4, 9)


@pytest.mark.parametrize(("n", "hop"), [(6, 6), (4, 16)])
def test_the_cosine_encoder_is_the_transform_of_scipy(n, hop):
    x = noise(3, 5 * hop)
    expected = dct(x.reshape(3, 5, hop).numpy(), norm="ortho")[..., :n]
    encoder = CosineEncoder(n, hop=hop)
    np.testing.assert_allclose(encoder(x), expected, atol=1e-12)
    np.testing.assert_array_equal(encoder(x, Memory()), encoder(x))
    np.testing.assert_allclose(cosines(n, hop) @ cosines(n, hop).mT, np.eye(n), atol=1e-12)


@pytest.mark.parametrize("network", [True, False])
def test_codecs_begin_as_the_cosine_transform_and_its_inverse(network):
    decoder = Decoder(HOP, **shape())
    encoder = Encoder(HOP, **shape()) if network else CosineEncoder(HOP, hop=HOP)
    begin_as_cosines(encoder, decoder)
    x = noise(2, 10 * HOP).float()
    torch.testing.assert_close(encoder(x), CosineEncoder(HOP, hop=HOP)(x))
    torch.testing.assert_close(decoder(encoder(x)), x)


def test_relative_error_is_in_bits_per_sample():
    x = noise(4, 2000)
    y = x + 0.1 * noise(4, 2000, seed=2)
    ratio = (y - x).square().mean(-1) / x.var(-1, correction=0)
    assert float(relative_error(x, y)) == pytest.approx(
        float(0.5 * torch.log2(ratio).mean()), abs=0.1
    )
    half = relative_error(x, x + 0.2 * noise(4, 2000, seed=2)) - relative_error(x, y)
    assert float(half) == pytest.approx(1.0, abs=0.1)
    assert torch.isfinite(relative_error(x, x))
    assert torch.isfinite(relative_error(0 * x, 0 * x))
