import numpy as np
import pytest
import torch

from neurokit.nn.codec import Codec, Decoder, Encoder, Memory
from neurokit.nn.distortion import band_error
from neurokit.nn.quantizers.residual import ResidualVectorQuantizer
from neurokit.nn.region import (
    RegionDecoder,
    RegionEncoder,
    join_signals,
    split_signals,
)

SHAPE = {"strides": (2, 3), "n_filters": 2, "kernel": 5, "n_residual": 1, "n_context": 1}
SHAPE |= {"n_recurrent": 0, "normed": False, "direct": True}
HOP = 6


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(0)


def test_frames_hold_a_hop_of_every_signal():
    signals = torch.arange(2 * 3 * 12.0).reshape(2, 3, 12)
    frames = join_signals(signals, HOP)
    rows = frames.reshape(2, 2, 3, HOP)  # item, frame, signal, sample
    for item in range(2):
        for frame in range(2):
            for signal in range(3):
                own = signals[item, signal, HOP * frame : HOP * (frame + 1)]
                assert torch.equal(rows[item, frame, signal], own)
    assert torch.equal(split_signals(frames, 3, HOP), signals)


def test_each_signal_goes_through_the_same_networks():
    encoder = RegionEncoder(Encoder(4, **SHAPE), 3)
    decoder = RegionDecoder(Decoder(4, **SHAPE), 3, HOP)
    signals = torch.randn(2, 3, 30)
    latents = encoder(join_signals(signals, HOP))
    assert latents.shape == (2, 5, 12)
    for k in range(3):
        torch.testing.assert_close(latents[..., 4 * k : 4 * k + 4], encoder.encoder(signals[:, k]))
    back = split_signals(decoder(latents), 3, HOP)
    for k in range(3):
        own = decoder.decoder(latents[..., 4 * k : 4 * k + 4])
        torch.testing.assert_close(back[:, k], own)
    assert encoder.n_past_frames == encoder.encoder.n_past_frames
    assert decoder.n_past_frames == decoder.decoder.n_past_frames


def test_pieces_join_to_the_whole():
    encoder = RegionEncoder(Encoder(4, **SHAPE), 2)
    decoder = RegionDecoder(Decoder(4, **SHAPE), 2, HOP)
    x = join_signals(torch.randn(3, 2, 36), HOP)
    memory = Memory()
    latents = encoder(x)
    parts = [encoder(part, memory) for part in x.split([12, 36, 24], 1)]
    torch.testing.assert_close(torch.cat(parts, 1), latents)
    memory = Memory()
    parts = [decoder(part, memory) for part in latents.split([1, 3, 2], 1)]
    torch.testing.assert_close(torch.cat(parts, 1), decoder(latents))


def test_a_region_is_quantised_as_one_vector():
    quantizer = ResidualVectorQuantizer(8, n_levels=2, codebook_size=4)
    codec = Codec(
        RegionEncoder(Encoder(4, **SHAPE), 2),
        quantizer,
        RegionDecoder(Decoder(4, **SHAPE), 2, HOP),
    )
    x = join_signals(torch.randn(3, 2, 36), HOP)
    values, codes, _ = codec(x)
    assert values.shape == x.shape
    assert codes.shape == (3, 6, 2)


def test_band_error_is_that_of_all_contacts():
    rng = np.random.default_rng(0)
    rate, bands = 100.0, [(1.0, 8.0), (8.0, 30.0)]
    loadings, _ = np.linalg.qr(rng.normal(size=(5, 5)))  # contact, signal
    truth, guess = rng.normal(size=(2, 3, 5, 200))  # item, signal, time
    window = np.hanning(201)[:-1]
    frequency = np.fft.rfftfreq(200, 1 / rate)
    parts = []
    for low, high in bands:
        inside = (frequency >= low) & (frequency < high)
        for a, b in zip(loadings @ truth, loadings @ guess, strict=True):
            a = a - a.mean(1, keepdims=True)
            power = error = 0.0
            for x, y in zip(a, b, strict=True):
                power += (np.abs(np.fft.rfft(x * window)) ** 2)[inside].sum()
                error += (np.abs(np.fft.rfft((x - y) * window)) ** 2)[inside].sum()
            parts.append(min(error / power, 2.0))
    truth -= truth.mean(-1, keepdims=True)
    found = band_error(torch.from_numpy(truth), torch.from_numpy(guess), rate, bands)
    assert float(found) == pytest.approx(np.mean(parts), rel=1e-6)
    assert float(band_error(*[torch.from_numpy(truth)] * 2, rate, bands)) == 0
