"""Tokenizers that need no network need no torch, and the others say how to get it."""

import subprocess
import sys

BLOCK = """
import sys

class NoTorch:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "torch":
            raise ModuleNotFoundError("No module named 'torch'", name=name)

sys.meta_path.insert(0, NoTorch())
import numpy as np
import neurokit as nk
from neurokit import tokenizers as T
rng = np.random.default_rng(0)
x = nk.signal(rng.normal(size=(3, 500)), sampling_rate=100)
spikes = nk.spikes({"a": [0.001, 0.012, 0.013], "b": [0.012, 0.061]}, stop=0.1)
"""


def run(code):
    return subprocess.run(
        [sys.executable, "-c", BLOCK + code], check=True, capture_output=True, text=True
    ).stdout


def test_tokenizers_without_networks_work_without_torch(tmp_path):
    run(
        f"path = {str(tmp_path / 'saved')!r}\n"
        "for est in T.ScalarTokenizer('quantile'), T.LinearRVQTokenizer(2, codebook_size=8):\n"
        "    tokens = est.fit(x).partial_fit(x).transform(x)\n"
        "    again = type(est).load(est.save(path))\n"
        "    assert again.inverse_transform(tokens).identical(est.inverse_transform(tokens))\n"
        "    live = est.stream()\n"
        "    assert len(live.push(x.values)) == len(est.embed(x, quantized=True)) == 3\n"
        "    lazy = est.transform(x.chunk(time=100)).compute()\n"
        "    assert lazy.identical(tokens) and est.score(x) > 0\n"
        "    T.CodeHistogram().fit(tokens).transform(tokens)\n"
        "tokens = T.SpikeTokenizer().fit(spikes).transform(spikes)\n"
        "T.SpikeTokenizer().fit(spikes).inverse_transform(tokens)\n"
        "T.EventEmbedding(2).fit(spikes).transform(spikes)\n"
    )


def test_tokenizers_with_networks_name_the_extra():
    out = run(
        "for call in (lambda: T.CodecTokenizer().fit(x), lambda: T.RegionTokenizer().fit(x),\n"
        "        lambda: T.MultiScaleTokenizer().fit(x), T.CodecTokenizer.from_pretrained):\n"
        "    try:\n"
        "        call()\n"
        "    except ImportError as error:\n"
        "        print(error)\n"
    )
    named = [line.split(" needs ")[0] for line in out.splitlines()]
    assert named == [
        "CodecTokenizer",
        "RegionTokenizer",
        "MultiScaleTokenizer",
        "CodecTokenizer.load",
    ]
    assert out.count('needs torch: pip install "neurokit-brain[torch]".') == 4
