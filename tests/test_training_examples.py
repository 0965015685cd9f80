"""Examples: what a trainer draws from, in memory or on disk."""

import threading

import numpy as np
import pytest
import torch
import xarray as xr
from torch import nn

from neurokit.training import Examples, LazyExamples, TensorExamples, Trainer
from neurokit.training.examples import read_ahead


def recordings():
    rng = np.random.default_rng(0)
    return [
        xr.DataArray(rng.normal(size=(2, n)).astype(np.float32), dims=("channel", "time"))
        for n in (37, 10, 64)
    ]


def squares(module, x):
    return (module(x) ** 2).mean()


def train(data, **options):
    torch.manual_seed(0)
    module = nn.Sequential(nn.Flatten(), nn.Linear(2 * 8, 1))
    trainer = Trainer(3, **{"batch_size": 3, "device": "cpu"} | options)
    trainer.minimize(module, squares, data, seed=1)
    return torch.cat([p.detach().flatten() for p in module.parameters()])


def windows(pieces, size, step):
    """Lay the same examples out in memory, in plain loops."""
    found = []
    for x in pieces:
        for start in range(0, x.sizes["time"] - size + 1, step):
            found.append(x.values[:, start : start + size])
    return torch.from_numpy(np.stack(found))


@pytest.mark.parametrize("step", [1, 5, 8, 20])
def test_lazy_windows_are_those_of_the_array(step):
    lazy = LazyExamples(recordings(), window=8, step=step)
    expected = windows(recordings(), 8, step)
    assert len(lazy) == len(expected)
    assert torch.equal(lazy.take(np.arange(len(lazy)))[0], expected)


def test_training_from_disk_gives_the_weights_of_training_from_memory(tmp_path):
    paths = []
    for k, x in enumerate(recordings()):
        x.to_dataset(name="x").to_netcdf(tmp_path / f"{k}.nc")
        paths.append(tmp_path / f"{k}.nc")
    lazy = [xr.open_dataset(path)["x"] for path in paths]
    assert all(not x.variable._in_memory for x in lazy)
    found = train(LazyExamples(lazy, window=8), validation_fraction=0.3)
    assert all(not x.variable._in_memory for x in lazy)  # no recording was loaded whole
    in_memory = TensorExamples(windows(recordings(), 8, 8))
    assert torch.equal(found, train(in_memory, validation_fraction=0.3))
    for x in lazy:
        x.close()


def test_targets_belong_to_their_examples():
    pieces = recordings()
    counts = [len(range(0, x.sizes["time"] - 7, 8)) for x in pieces]
    targets = [np.arange(n) + 100 * k for k, n in enumerate(counts)]
    lazy = LazyExamples(pieces, window=8, targets=targets)
    x, y = lazy.take(np.array([len(lazy) - 1, 0]))
    assert y.tolist() == [200 + counts[2] - 1, 0]
    assert x.shape == (2, 2, 8)
    with pytest.raises(ValueError, match=r"one row for each of \d+ examples, got 3"):
        LazyExamples(pieces, window=8, targets=[np.arange(3)])


def test_fingerprints_tell_examples_apart():
    same = [LazyExamples(recordings(), window=8).fingerprint() for _ in range(2)]
    assert same[0] == same[1]
    changed = recordings()
    changed[0][0, 0] += 1
    others = [
        LazyExamples(recordings(), window=8, step=4),
        LazyExamples(recordings()[:2], window=8),
        LazyExamples(changed, window=8),
        TensorExamples(torch.zeros(3)),
        TensorExamples(torch.zeros(3, 1)),
        TensorExamples(torch.zeros(3, dtype=torch.float64)),
    ]
    names = [examples.fingerprint() for examples in others]
    assert len({*names, *same}) == len(names) + 1


class Broken(Examples):
    """Fails at the third batch."""

    waits = True

    def __len__(self):
        return 12

    def take(self, rows):
        if 6 in rows:
            raise OSError("the disk is gone")
        return (torch.from_numpy(rows),)

    def fingerprint(self):
        return "broken"


def readers():
    return [t for t in threading.enumerate() if t.name == "neurokit examples"]


def test_an_error_of_the_reader_comes_out_and_no_thread_stays():
    parts = np.arange(12).reshape(4, 3)
    found = []
    with pytest.raises(OSError, match="the disk is gone"):
        found.extend(read_ahead(Broken(), parts))
    assert not readers()
    early = read_ahead(Broken(), parts)
    assert next(early)[0].tolist() == [0, 1, 2]
    early.close()
    assert not readers()


def test_what_cannot_be_an_example_is_refused():
    with pytest.raises(ValueError, match=r"no recording holds a window of 99 samples, got \[37"):
        LazyExamples(recordings(), window=99)
    with pytest.raises(ValueError, match="window and step must be at least 1, got 0 and 0"):
        LazyExamples(recordings(), window=0)
