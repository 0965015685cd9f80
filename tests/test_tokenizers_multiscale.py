import numpy as np
import pytest
import torch
import xarray as xr
from sklearn.base import clone

import neurokit as nk
from neurokit.nn.codec import Encoder, Memory
from neurokit.nn.multiscale import MultiScaleDecoder, MultiScaleEncoder, amplitude_phase_error
from neurokit.tokenizers import MultiScaleTokenizer
from neurokit.training import Trainer


def eeg(n_channels=2, seconds=8.0, rate=250.0, seed=0):
    rng = np.random.default_rng(seed)
    t = np.arange(round(seconds * rate)) / rate
    x = np.cumsum(rng.normal(size=(n_channels, t.size)), 1)
    x -= x.mean(1, keepdims=True)
    return nk.signal(10 * np.sin(2 * np.pi * 10 * t) + x, sampling_rate=rate)


def tiny(**kwargs):
    default = {"n_levels": 2, "kernels": (0.1, 0.03), "codebook_size": 16, "n_filters": 2}
    default |= {"latent_dim": 4, "random_state": 0, "device": "cpu"}
    trainer = Trainer(3, batch_size=8, learning_rate=3e-3, device="cpu")
    return MultiScaleTokenizer(**default | {"trainer": trainer} | kwargs)


@pytest.fixture(scope="module")
def fitted():
    trainer = Trainer(40, batch_size=8, learning_rate=0.01, device="cpu")
    return tiny(trainer=trainer, quantizer_dropout=0.5).fit(eeg(4, 16))


SHAPE = {"strides": (2, 3), "n_filters": 2, "n_residual": 1, "n_context": 1, "n_recurrent": 0}
SHAPE |= {"normed": False, "direct": True}


def test_branches_stand_side_by_side_and_add_up():
    torch.manual_seed(0)
    encoder = MultiScaleEncoder(3, kernels=[9, 3], **SHAPE)
    decoder = MultiScaleDecoder(3, kernels=[9, 3], **SHAPE)
    x = torch.randn(2, 30)
    latents = encoder(x)
    for k, branch in enumerate(encoder.branches):
        torch.testing.assert_close(latents[..., 3 * k : 3 * k + 3], branch(x))
    parts = [b(z) for b, z in zip(decoder.branches, latents.chunk(2, -1), strict=True)]
    torch.testing.assert_close(decoder(latents), parts[0] + parts[1])
    past = [Encoder(3, kernel=k, **SHAPE).n_past_frames for k in (9, 3)]
    assert encoder.n_past_frames == max(past)


def test_branches_keep_memories_of_their_own():
    torch.manual_seed(0)
    encoder, memory = MultiScaleEncoder(3, kernels=[9, 3], **SHAPE), Memory()
    x = torch.randn(2, 36)
    parts = [encoder(part, memory) for part in x.split([6, 18, 12], 1)]
    torch.testing.assert_close(torch.cat(parts, 1), encoder(x))


def test_the_loss_knows_phase_where_there_is_amplitude():
    t = torch.arange(400) / 100
    x = torch.sin(2 * np.pi * 10 * t)[None]
    same = float(amplitude_phase_error(x, x, [50]))
    turned = float(amplitude_phase_error(x, -x, [50]))
    shifted = float(amplitude_phase_error(x, torch.cos(2 * np.pi * 10 * t)[None], [50]))
    assert same == pytest.approx(0, abs=1e-4)
    assert turned > 1.8  # 1 - cos(pi) = 2 wherever there is amplitude
    assert shifted == pytest.approx(turned / 2, rel=0.1)


def test_tokens_come_back_as_microvolts(fitted):
    x = eeg(3, 5)
    tokens = fitted.transform(x)
    assert tokens["level"].values.tolist() == ["scale", "offset", "1.1", "1.2", "2.1", "2.2"]
    back = fitted.inverse_transform(tokens)
    xr.testing.assert_equal(back["time"], x["time"])
    assert back.attrs["units"] == "uV"
    assert fitted.score(x) > 0.5
    fewer = fitted.inverse_transform(tokens.isel(level=slice(0, 4)), 1)
    np.testing.assert_array_equal(fewer, fitted.inverse_transform(tokens, 1))
    assert ((fewer - x) ** 2).mean() > ((back - x) ** 2).mean()


def test_live_lazy_and_saved_give_the_same_tokens(fitted, tmp_path):
    x = eeg(2, 200)
    tokens = fitted.transform(x)
    stream = fitted.stream(2, 250)
    parts = [stream.push(part) for part in np.split(x.values, [7, 1000, 1003, 30_000], 1)]
    np.testing.assert_array_equal(np.concatenate([*parts, stream.flush()], 1), tokens)
    lazy = fitted.transform(x.chunk({"time": 4000}))
    assert lazy.chunks is not None
    np.testing.assert_array_equal(lazy.compute(scheduler="synchronous"), tokens)
    again = MultiScaleTokenizer.load(fitted.save(tmp_path / "m.safetensors"))
    xr.testing.assert_identical(again.inverse_transform(tokens), fitted.inverse_transform(tokens))
    xr.testing.assert_identical(clone(fitted).fit(eeg(4, 16)).transform(x), tokens)


def test_the_default_rate_is_within_the_bound():
    est = MultiScaleTokenizer(n_filters=1, latent_dim=2, random_state=0, device="cpu")
    est.set_params(trainer=Trainer(1, batch_size=4, device="cpu"))
    assert est.fit(eeg(1, 12, rate=400.0)).rate_report_["total"] == pytest.approx(984)


@pytest.mark.parametrize("kernels", [(), (0.1, -1.0)])
def test_kernels_out_of_range_are_refused(kernels):
    with pytest.raises(ValueError, match="MultiScaleTokenizer: kernels must be one or more"):
        tiny(kernels=kernels).fit(eeg())


def test_errors_name_the_estimator(fitted):
    with pytest.raises(ValueError, match="MultiScaleTokenizer needs to know the sampling rate"):
        fitted.transform(np.zeros((2, 100)))
    with pytest.raises(TypeError, match=r"MultiScaleTokenizer.load: .* holds a .*CodecTokenizer"):
        MultiScaleTokenizer.from_pretrained()
