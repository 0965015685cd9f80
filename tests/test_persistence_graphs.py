"""Graphs for other runtimes give what the estimators give."""

import json

import numpy as np
import pytest

import neurokit as nk
from neurokit.decoders import SpikingClassifier, SpikingRegressor
from neurokit.tokenizers import CodecTokenizer
from neurokit.training import Trainer

onnxruntime = pytest.importorskip("onnxruntime")
pytest.importorskip("onnxscript")
torch = pytest.importorskip("torch")


def regressor(**options):
    rng = np.random.default_rng(0)
    hand = np.sin(np.arange(200) / 20)[:, None]
    x = rng.poisson(np.exp(0.3 * hand @ np.ones((1, 12)))).astype(float)
    trainer = Trainer(1, batch_size=2, learning_rate=2e-2, device="cpu")
    decoder = SpikingRegressor(trainer=trainer, random_state=0, sampling_rate=50, **options)
    return decoder.fit(x, np.c_[hand, hand**2]), x


def session(path):
    return onnxruntime.InferenceSession(path)


def test_a_spiking_decoder_predicts_the_same_in_onnxruntime(tmp_path):
    decoder, x = regressor(hidden=6, n_readouts=2)
    path = decoder.to_onnx(tmp_path / "decoder.onnx")
    graph = session(path)
    for n in (200, 37):  # any length of time
        found = graph.run(None, {"counts": x[:n].astype(np.float32)})[0]
        np.testing.assert_allclose(found, decoder.predict(x[:n]), atol=1e-12)
    note = json.loads(graph.get_modelmeta().custom_metadata_map["neurokit"])
    assert note["estimator"] == "neurokit.decoders.SpikingRegressor"
    assert note["sampling_rate"] == 50
    assert [p.name for p in tmp_path.iterdir()] == ["decoder.onnx"]


def test_what_cannot_be_exported_is_refused():
    decoder, x = regressor(hidden=4, recurrent=False)
    with pytest.raises(ValueError, match=r"can be exported is \['predict'\], got 'fit'"):
        decoder.to_program("fit")
    with pytest.raises(ValueError, match="rounded activations cannot be exported"):
        decoder.quantized("int8", x).to_program()


@pytest.mark.slow
@pytest.mark.parametrize(
    "options",
    [
        {"preset": "snn2"},
        {"preset": "snn3d"},
        {"preset": "streaming"},
        {"hidden": 8, "max_delay": 0.1, "tau_syn": None, "reset": "subtract"},
    ],
)
def test_every_design_is_exported(tmp_path, options):
    decoder, x = regressor(**options)
    graph = session(decoder.to_onnx(tmp_path / "decoder.onnx"))
    counts = x[:77].astype(np.float32)
    expected = decoder.predict(x[:77])
    np.testing.assert_allclose(graph.run(None, {"counts": counts})[0], expected, atol=1e-12)
    program = decoder.to_program().module()
    np.testing.assert_allclose(program(torch.from_numpy(counts)), expected, atol=1e-12)


@pytest.mark.slow
def test_a_spiking_classifier_is_exported(tmp_path):
    y = np.arange(40) % 2
    x = np.random.default_rng(0).poisson(0.2 + 0.4 * y[:, None, None], (40, 8, 30))
    trainer = Trainer(1, batch_size=8, device="cpu")
    decoder = SpikingClassifier(6, sampling_rate=100, trainer=trainer, random_state=0).fit(x, y)
    graph = session(decoder.to_onnx(tmp_path / "decoder.onnx"))
    found = graph.run(None, {"trials": x[:7, :, :25].astype(np.float32)})[0]
    np.testing.assert_allclose(found, decoder.predict_proba(x[:7, :, :25]), atol=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"quantizer": "embedded", "latent_dim": 12},
        {"encoder": "cosine", "latent_dim": 12, "causal": False},
        {"preset": "biocodec"},
    ],
)
def test_a_codec_gives_the_same_tokens_and_samples(tmp_path, options):
    rng = np.random.default_rng(0)
    X = nk.signal(np.cumsum(rng.normal(size=(3, 1333)), 1), sampling_rate=250)
    trainer = Trainer(1, device="cpu")
    small = {"codebook_size": 16, "n_filters": 4, "trainer": trainer, "random_state": 0}
    codec = CodecTokenizer(2, **small, **options).fit(X)
    there = session(codec.to_onnx(tmp_path / "there.onnx"))
    back = session(codec.to_onnx(tmp_path / "back.onnx", "inverse_transform"))
    hop = there.get_inputs()[0].shape[2]
    whole = np.pad(X.values, ((0, 0), (0, -1333 % hop)), "edge").reshape(3, -1, hop)
    tokens = codec.transform(X)
    found = there.run(None, {"signal": whole.astype(np.float32)})[0]
    np.testing.assert_array_equal(found, tokens.values)
    samples = back.run(None, {"tokens": found})[0].reshape(3, -1)[:, :1333]
    expected = codec.inverse_transform(tokens).values
    np.testing.assert_allclose(samples, expected, atol=1e-5 * float(X.std()))
