"""torch is an extra: whatever needs none works where it is not installed, the rest says so."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

BLOCK = (
    "import sys\n"
    "class Block:\n"
    "    def find_spec(self, name, path=None, target=None):\n"
    "        if name == 'torch' or name.startswith('torch.'):\n"
    "            raise ModuleNotFoundError(f'No module named {name!r}', name=name)\n"
    "sys.meta_path.insert(0, Block())\n"
)
NEEDS_TORCH = {
    "CodecTokenizer",
    "ContrastiveDecoder",
    "DBConformerClassifier",
    "EEGNetClassifier",
    "HubEncoder",
    "MaskedModel",
    "MultiScaleTokenizer",
    "PretrainedClassifier",
    "PretrainedRegressor",
    "RecurrentRegressor",
    "RegionTokenizer",
    "ShallowConvNetClassifier",
    "SSVEPNetClassifier",
    "SpikingClassifier",
    "SpikeTransformer",
    "SpikingRegressor",
    "WindowMLPRegressor",
}


def run(code, folder):
    """Run code in a process in which torch cannot be imported."""
    env = os.environ | {"MPLBACKEND": "agg", "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-W", "error::DeprecationWarning:neurokit", "-c", BLOCK + code]
    return subprocess.run(command, capture_output=True, text=True, cwd=folder, env=env)


def test_every_estimator_fits_without_torch_or_names_the_extra(tmp_path):
    code = (
        f"sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        "from test_contract import ESTIMATORS, EXAMPLES, make, outputs\n"
        "for name in sorted(ESTIMATORS):\n"
        "    estimator, (X, y) = make(name), EXAMPLES[name].make()\n"
        "    try:\n"
        "        outputs(estimator.fit(X, y), X)\n"
        "        print(name, 'works')\n"
        "    except ImportError as error:\n"
        "        print(name, 'refuses:', error)\n"
    )
    done = run(code, tmp_path)
    assert done.returncode == 0, done.stderr[-2000:]
    said = dict(line.split(" ", 1) for line in done.stdout.splitlines())
    assert {name for name, words in said.items() if words != "works"} == NEEDS_TORCH
    for name in NEEDS_TORCH:
        assert 'pip install "neurokit-brain[torch]"' in said[name], (name, said[name])
        assert said[name].count(".") <= 3, said[name]  # one sentence


def test_torch_modules_name_the_extra(tmp_path):
    done = run("from neurokit.nn import LIF", tmp_path)
    words = 'ImportError: neurokit.nn.LIF needs torch: pip install "neurokit-brain[torch]".'
    assert done.stderr.strip().endswith(words)


@pytest.mark.slow
def test_the_demo_and_the_reports_finish_without_torch(tmp_path):
    code = (
        "from neurokit.cli.main import main\n"
        "from neurokit import datasets, io\n"
        "assert main(['demo', '--out', 'demo.html']) == 0\n"
        "made = datasets.make_reaching(60.0, random_state=0)\n"
        "io.save('spikes.zarr', made.spikes)\n"
        "x, _ = datasets.make_eeg(10.0, random_state=0)[:2]\n"
        "io.write_edf('x.edf', x)\n"
        "for words in (['info', 'x.edf'], ['run', 'x.edf'], ['info', 'spikes.zarr']):\n"
        "    assert main(words) == 0, words\n"
    )
    done = run(code, tmp_path)
    assert done.returncode == 0, done.stderr[-2000:]
    assert (tmp_path / "demo.html").stat().st_size > 10_000
