"""What every test may use: seeded generators, the public recordings, and a quiet torch."""

import os
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

os.environ.setdefault("MPLBACKEND", "agg")  # no windows
os.environ.setdefault("OMP_NUM_THREADS", "1")  # one worker per core already
os.environ.setdefault("MNE_USE_NUMBA", "false")  # its loops are compiled anew in every run


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture(scope="session")
def data():
    """Folder of the public recordings that the first results are made on."""
    folder = os.environ.get("NEUROKIT_DATA")
    if not folder or not Path(folder).is_dir():
        pytest.skip("NEUROKIT_DATA names no folder: the public recordings are not here")
    return Path(folder)


@pytest.fixture
def run(capsys, monkeypatch, tmp_path):
    """Run a command in an empty folder; give its exit code, output and errors."""
    from neurokit.cli import main as cli

    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("NEUROKIT_DEBUG", raising=False)

    def command(*arguments):
        code = cli.main([str(a) for a in arguments])
        said = capsys.readouterr()
        return SimpleNamespace(code=code, out=said.out, err=said.err)

    return command


@pytest.fixture
def braindecode(monkeypatch):
    """Small stand-ins in the place of braindecode's models: one linear map of patches of 1 s."""
    import sys
    import types

    from torch import nn

    from neurokit.pretraining.hub_conventions import ARCHITECTURES

    class StandIn(nn.Module):
        seen = None  # what it was given last

        def __init__(self, n_outputs, n_chans, n_times, sfreq, chs_info, width=4):
            super().__init__()
            self.patch = int(sfreq)
            self.embed = nn.Linear(self.patch, width)
            self.final_layer = nn.Linear(width, n_outputs)

        def forward(self, x, pos=None, ch_names=None, return_features=False):
            type(self).seen = x, pos
            if type(self).__name__ == "Labram":  # as braindecode 1.8 does
                assert len(ch_names) == x.shape[1]
            return {"features": self.embed(x.unfold(-1, self.patch, self.patch))}

    models = types.ModuleType("braindecode.models")
    for name in ARCHITECTURES:
        setattr(models, name, type(name, (StandIn,), {}))
    monkeypatch.setitem(sys.modules, "braindecode", types.ModuleType("braindecode"))
    monkeypatch.setitem(sys.modules, "braindecode.models", models)
    named = types.ModuleType("braindecode.models.labram")
    named.LABRAM_CHANNEL_ORDER = ["C3", "CZ", "C4", "T7"]
    monkeypatch.setitem(sys.modules, "braindecode.models.labram", named)
    return models
