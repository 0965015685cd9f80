"""The Triton kernels in Triton's interpreter, on the processor, where there is no CUDA device."""

import copy
import importlib.util
import os

import numpy as np
import pytest
import torch

from neurokit.connectomes.tensors.packed import Pairs, pack
from neurokit.connectomes.tensors.restarts import draw
from neurokit.connectomes.tensors.sweeps import Settings, Stepwise
from neurokit.nn import ResidualVectorQuantizer
from neurokit.nn.neurons import LIFState, lif, make_neuron
from neurokit.nn.quantizers import kept
from neurokit.nn.quantizers.search import Tables, bias_of, search

if torch.cuda.is_available() or importlib.util.find_spec("triton") is None:
    pytest.skip("needs triton, and no CUDA device", allow_module_level=True)
os.environ["TRITON_INTERPRET"] = "1"  # read where kernels are made

from neurokit.nn.kernels import (
    factors_cuda,
    quantize_cuda,
    quantize_short_cuda,
    recurrent_cuda,
    spiking_cuda,
)

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning", "ignore::DeprecationWarning")


def _leaf(*shape):
    return (torch.randn(*shape) * 0.8).requires_grad_()


@pytest.mark.parametrize("part", ["whole", "held", "in blocks"])
@pytest.mark.parametrize(
    ("synaptic", "reset", "surrogate"), [(None, "zero", "atan"), (0.6, "subtract", "soft")]
)
def test_recurrent_layers_like_plain_torch(part, synaptic, reset, surrogate, monkeypatch):
    """All ways a layer's units are laid out: by one program, and shared by a group."""
    torch.manual_seed(0)
    if part != "whole":
        monkeypatch.setattr(recurrent_cuda, "_MOST_UNITS", 16)
        monkeypatch.setattr(recurrent_cuda, "_PART", 64)  # a group of one: programs run in turn
        monkeypatch.setattr(recurrent_cuda, "_HELD", 128 if part == "held" else 16)
    n_units, shape = 37, (5, 3, 37)
    x, weight = _leaf(*shape), (_leaf(n_units, n_units).detach() / 6).requires_grad_()
    current = None if synaptic is None else _leaf(*shape[1:])
    state = LIFState(_leaf(*shape[1:]), current, _leaf(*shape[1:]))
    decay, threshold = torch.rand(n_units) / 2 + 0.4, torch.rand(n_units) / 2 + 0.7
    numbers = [t.requires_grad_() for t in (decay, threshold)]
    filtered = None if synaptic is None else torch.full((n_units,), synaptic).requires_grad_()
    neuron = make_neuron(reset, False, surrogate, 3.0, None)
    found = spiking_cuda.run(x, weight, (*numbers, filtered), state, neuron)
    spikes, after = lif(
        x, decay=decay, threshold=threshold, synaptic_decay=filtered, recurrent_weight=weight,
        state=state, reset=reset, surrogate=surrogate, scale=3.0, backend="torch",
    )  # fmt: skip
    outputs = [
        [t for t in each if t is not None] for each in (found, (spikes, after[0], after[1]))
    ]
    leaves = [t for t in (x, weight, *numbers, filtered, *state) if t is not None]
    probe = [torch.randn_like(t) for t in outputs[1]]
    results = [[*out, *torch.autograd.grad(out, leaves, probe)] for out in outputs]
    for one, other in zip(*results, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("n_times", [20, 21])  # a multiple of a segment, and none
@pytest.mark.parametrize("learned", [False, True])
def test_layers_without_recurrence_like_plain_torch(learned, n_times, monkeypatch):
    monkeypatch.setattr(torch.cuda, "current_device", lambda: None)  # that of the processor
    torch.manual_seed(1)
    x, v, decay = _leaf(n_times, 2, 5), _leaf(2, 5), torch.rand(5) / 2 + 0.4
    state = LIFState(v if learned else v.detach())
    parameters = decay.requires_grad_(learned), 0.7, None
    found = spiking_cuda.run(
        x, None, parameters, state, make_neuron("zero", False, "atan", 2, None)
    )
    spikes, after = lif(x, decay=decay, threshold=0.7, state=state, backend="torch")
    leaves = [x, v, decay] if learned else [x]
    probe = [torch.randn_like(spikes), torch.randn_like(v)]
    results = [
        [*out, *torch.autograd.grad(out, leaves, probe)]
        for out in (found[:2], (spikes, after.potential))
    ]
    for one, other in zip(*results, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)
    with torch.no_grad():
        again = spiking_cuda.run(
            x, None, parameters, state, make_neuron("zero", False, "atan", 2, None)
        )
    torch.testing.assert_close(again[0], spikes)


def test_codebooks_are_laid_out_again_when_they_change(monkeypatch):
    prepare, n_times = quantize_short_cuda.prepare, []
    monkeypatch.setattr(kept, "_pays", lambda module, x, n_levels: True)
    monkeypatch.setattr(
        quantize_short_cuda, "prepare", lambda *tables: (n_times.append(1), prepare(*tables))[1]
    )
    torch.manual_seed(0)
    quantizer = ResidualVectorQuantizer(8, n_levels=2, codebook_size=128, kmeans_init=False).eval()
    x = torch.randn(60, 8)

    def agree():
        assert torch.equal(quantizer.encode(x), search(x, quantizer.tables(2)))

    agree(), agree()
    assert len(n_times) == 1
    quantizer.codebooks[0, 5] = 3 * x[0]
    agree(), agree()
    assert len(n_times) == 2
    quantizer.codebooks.data[1, 7] += 1  # a change that the tensor does not tell of
    agree()
    assert len(n_times) == 3
    assert torch.equal(quantizer.encode(x, 1), search(x, quantizer.tables(1)))
    with torch.inference_mode():  # no count of changes there
        other = copy.deepcopy(quantizer)
        for _ in range(2):
            assert torch.equal(other.encode(x), search(x, other.tables(2)))
            other.codebooks[0, 3] = 2 * x[1]
        assert torch.equal(other.encode(x), search(x, other.tables(2)))
    quantizer.codebooks[0, 0] = torch.nan
    agree()
    for wrong in (torch.nan, -torch.inf):
        with pytest.raises(ValueError, match="vectors must be finite"):
            quantizer.encode(torch.cat([x, torch.full((1, 8), wrong)]))


def _tables(kind, n_dims, n_codes, size):
    words = size * torch.randn(2, n_codes, n_dims) * torch.tensor([1, 0.8])[:, None, None]
    if kind == "projected":
        table = torch.nn.functional.normalize(torch.randn(2, n_codes, 9), dim=-1)
        bias = torch.zeros(2, n_codes)
        return Tables(table, bias, words, torch.randn(2, 9, n_dims) / 3, torch.randn(2, 9) / 9)
    if kind == "twins":  # no vector is ever sure
        words[:, 1::2] = words[:, ::2]
    return Tables(words, bias_of(words), words)


@pytest.mark.parametrize(
    ("kind", "n_dims", "n_codes", "size"),
    [
        ("plain", 16, 256, 1.0),
        ("plain", 40, 130, 1.0),
        ("plain", 8, 200, 1e-20),  # squares vanish
        ("plain", 8, 200, 1e15),
        ("projected", 24, 200, 1.0),
        ("twins", 16, 128, 1.0),
    ],
)
@pytest.mark.parametrize("settled", [0, 64])
def test_short_lists_find_the_codes_of_the_processor(
    kind, n_dims, n_codes, size, settled, monkeypatch
):
    torch.manual_seed(1)
    monkeypatch.setattr(quantize_short_cuda, "_SETTLED", settled)
    tables = _tables(kind, n_dims, n_codes, size)
    x = size * torch.randn(70, n_dims)
    x[3], x[4] = 0, 1e3 * x[4]
    expected = search(x, tables)
    found = quantize_short_cuda.encode(x, *tables)
    np.testing.assert_array_equal(found, expected)
    if settled:
        np.testing.assert_array_equal(quantize_cuda.encode(x[:64], *tables), expected[:64])


def test_few_vectors_are_unsure_of_their_code(monkeypatch):
    """A few in a hundred are between two codes, and hardly any is searched in float32."""
    torch.manual_seed(2)
    tables = _tables("plain", 16, 256, 1.0)
    listed, asked, decide = [], [], quantize_short_cuda._decide
    monkeypatch.setattr(quantize_short_cuda, "_SETTLED", 0)

    class Spy:
        def __getitem__(self, grid):
            def launch(*arguments, **options):
                left, stage = arguments[8], len(asked)
                listed.append(int(left._base[stage]))
                asked.append(int(left[stage]))
                return decide[grid](*arguments, **options)

            return launch

    monkeypatch.setattr(quantize_short_cuda, "_decide", Spy())
    quantize_short_cuda.encode(torch.randn(512, 16), *tables)
    assert [0 < n < 0.06 * 512 for n in listed] == [True, True]
    assert max(asked) < 0.01 * 512


def test_short_lists_are_for_large_work():
    table = torch.empty(8, 1024, 128)
    assert quantize_short_cuda.pays(torch.empty(262_144, 128), table, None)
    assert not quantize_short_cuda.pays(torch.empty(64, 128), table, None)
    assert not quantize_short_cuda.pays(torch.empty(10**6, 128), table[:, :16], None)


@pytest.mark.parametrize(("sizes", "rank"), [((5, 6, 2), 2), ((4, 9), 3)])
def test_sweeps_of_a_factorisation_like_the_products_of_numpy(sizes, rank):
    rng = np.random.default_rng(0)
    x = rng.random((sizes[0], *sizes), dtype=np.float32)
    x = x + x.swapaxes(0, 1)
    values, presence, _ = pack(lambda i: x[i, i:].reshape(sizes[0] - i, -1), sizes, np.dtype("f4"))
    starts = [f.astype("f4") for f in draw(sizes, rank, 2, np.random.RandomState(0), signed=False)]
    kernels = factors_cuda.PairSweeps(torch.from_numpy(values), sizes, 2, 2, rank)
    kernels.load([torch.from_numpy(f) for f in starts])
    found = kernels.run(2).numpy()
    steps = Stepwise(Pairs.held(values, sizes, presence), Settings("hals", 0.0, 2, 0.0))
    one = steps.advance(starts, 1)
    two = steps.advance(one.factors, 1)
    np.testing.assert_allclose(found[..., 0], [one.inner[0], two.inner[0]], rtol=1e-6)
    np.testing.assert_allclose(found[..., 1], [one.square[0], two.square[0]], rtol=1e-6)
    for a, b in zip(kernels.factors(2), two.factors, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)
