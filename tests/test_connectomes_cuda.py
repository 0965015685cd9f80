"""Factorisation on a CUDA card against that of the processor."""

import numpy as np
import pytest
import torch
import xarray as xr

from neurokit.connectomes import CP, Affinity, NonnegativeCP
from neurokit.connectomes.tensors import restarts

pytestmark = [
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
]


def _tensor(n_units, cells, rank, seed=0):
    rng = np.random.default_rng(seed)
    units = rng.gamma(1, 1, (n_units, rank)) * (rng.random((n_units, rank)) < 0.5)
    factors = [rng.random((n, rank)) for n in cells]
    letters = "tw"[: len(cells)]
    terms = ",".join(f"{letter}r" for letter in letters)
    x = np.einsum(f"ir,jr,{terms}->ij{letters}", units, units, *factors)
    noise = 0.05 * x.std() * rng.random(x.shape)
    return (x + noise + noise.swapaxes(0, 1)).astype(np.float32)


def _take_the_same_sweeps(cpu, cuda):
    """Errors agree as long as both go on: without a fall left, they may stop at other sweeps."""
    n = min(len(cpu.history_), len(cuda.history_))
    one, other = cpu.history_[:n], cuda.history_[:n]
    both = np.isfinite(one) & np.isfinite(other)
    assert both[:10].all()
    np.testing.assert_allclose(other[both], one[both], atol=1e-4)


@pytest.mark.parametrize(
    ("n_units", "cells", "rank", "n_restarts"),
    [
        (20, (30, 4), 3, 4),
        (33, (61,), 5, 16),
        (50, (100, 10), 8, 17),
        (40, (50, 20), 12, 1),
        (30, (40, 3), 20, 2),
        (3, (200, 40), 1, 2),
    ],
)
def test_kernels_take_the_same_sweeps(n_units, cells, rank, n_restarts):
    X = _tensor(n_units, cells, rank)
    options = {"form": "cp", "max_iter": 30, "tol": 0, "n_restarts": n_restarts}
    found = []
    for device in ("cpu", "cuda", "cuda"):
        found.append(NonnegativeCP(rank, device=device, random_state=0, **options).fit(X))
    cpu, cuda, again = found
    _take_the_same_sweeps(cpu, cuda)
    np.testing.assert_allclose(cuda.errors_, cpu.errors_, atol=1e-4)
    np.testing.assert_array_equal(again.history_, cuda.history_)


def test_the_same_components_are_found():
    X = _tensor(30, (60, 5), 4)
    options = {"form": "cp", "n_restarts": 8, "random_state": 0}
    cpu, cuda = (NonnegativeCP(4, device=device, **options).fit(X) for device in ("cpu", "cuda"))
    assert cuda.error_ == pytest.approx(cpu.error_, abs=1e-3)
    assert cuda.converged_.all()
    for name in cpu.factors_:
        scale = float(abs(cpu.factors_[name]).max())
        np.testing.assert_allclose(cuda.factors_[name], cpu.factors_[name], atol=0.02 * scale)


@pytest.mark.parametrize("kind", ["missing units", "holes", "penalty", "dense", "pairs"])
def test_what_has_no_kernels_takes_the_same_sweeps(kind):
    X = _tensor(12, (20, 3), 3)
    options = {"form": kind if kind in ("dense", "pairs") else "cp"}
    if kind == "missing units":
        X[2, :, :, 1] = X[:, 2, :, 1] = np.nan
    if kind == "holes":
        X[1, 2, 3, 0] = X[2, 1, 3, 0] = np.nan
    if kind == "penalty":
        options["l1"] = 0.01
    found = []
    for device in ("cpu", "cuda"):
        model = NonnegativeCP(3, device=device, max_iter=20, tol=0, n_restarts=3, **options)
        found.append(model.set_params(random_state=0).fit(X))
    _take_the_same_sweeps(*found)


@pytest.mark.parametrize("kind", ["geometric", "product", "min"])
@pytest.mark.parametrize("signed", [False, True])
def test_affinities_take_the_same_sweeps(kind, signed):
    x = np.random.default_rng(0).normal(size=(9, 30, 3))
    x[2, :, 1] = x[5, :, 0] = np.nan
    X = Affinity(xr.DataArray(x, dims=("unit", "time", "animal")), kind, signed=signed)
    options = {"max_iter": 30, "tol": 0, "n_restarts": 3, "random_state": 0}
    cpu, cuda = (NonnegativeCP(2, device=device, **options).fit(X) for device in ("cpu", "cuda"))
    _take_the_same_sweeps(cpu, cuda)
    fitted = {"tol": 1e-5, "max_iter": 500}  # restarts retire one after another
    cpu, cuda = (model.set_params(**fitted).fit(X) for model in (cpu, cuda))
    np.testing.assert_allclose(cuda.errors_, cpu.errors_, atol=1e-3)


def test_an_interrupted_fit_goes_on_to_the_same_bits(tmp_path, monkeypatch):
    X = _tensor(30, (60, 5), 4)
    options = {"form": "cp", "n_restarts": 16, "random_state": 0, "device": "cuda"}
    whole = NonnegativeCP(4, **options).fit(X)
    model = NonnegativeCP(4, checkpoint=tmp_path / "fit.safetensors", **options)
    step, calls = restarts._next, []

    def interrupted(*args):
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return step(*args)

    monkeypatch.setattr(restarts, "_next", interrupted)
    with pytest.raises(KeyboardInterrupt):
        model.fit(X)
    monkeypatch.setattr(restarts, "_next", step)
    model.fit(X)
    np.testing.assert_array_equal(model.history_, whole.history_)
    np.testing.assert_array_equal(model.errors_, whole.errors_)


def test_factors_of_any_sign_take_the_same_steps():
    X = _tensor(12, (20, 3), 3) - 1
    options = {"max_iter": 20, "tol": 0, "n_restarts": 3, "random_state": 0, "dtype": "float64"}
    cpu, cuda = (CP(2, device=device, **options).fit(X) for device in ("cpu", "cuda"))
    np.testing.assert_allclose(cuda.errors_, cpu.errors_, atol=1e-6)
