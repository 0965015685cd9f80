"""The CUDA passes of the spiking layers against plain torch, beside what all backends share."""

import itertools

import pytest
import torch

from neurokit.nn import LIF, LIFState, RecurrentLIF, leaky, lif
from neurokit.nn.neurons import RESETS

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")


def _agree(x, state=None, weight=None, *, rtol=1e-4, atol=1e-5, **options):
    """Hold spikes, state and gradients of the CUDA passes against plain torch, twice."""
    torch.manual_seed(0)
    leaves = [t for t in (x, *(state or ()), weight) if t is not None and t.requires_grad]
    expected = probe = None
    for backend in ("torch", "triton", "triton"):  # the second launch goes another way
        spikes, after = lif(x, state=state, recurrent_weight=weight, backend=backend, **options)
        outputs = [t for t in (spikes, after.potential, after.current) if t is not None]
        if probe is None:
            probe = [torch.randn_like(t) for t in outputs]
        found = [*outputs, *torch.autograd.grad(outputs, leaves, probe)]
        if expected is None:
            expected = found
        for f, e in zip(found, expected, strict=True):
            torch.testing.assert_close(f, e, rtol=rtol, atol=atol)


def _leaf(*shape, dtype=torch.float32):
    return (torch.randn(*shape, device="cuda") * 0.8).to(dtype).requires_grad_()


@pytest.mark.parametrize("shape", [(1, 1), (37, 5), (8, 3, 7), (40, 600, 128)])
@pytest.mark.parametrize("reset", RESETS)
def test_shapes_small_and_large(shape, reset):
    torch.manual_seed(1)
    _agree(_leaf(*shape), LIFState(_leaf(*shape[1:])), decay=0.8, reset=reset)


def test_inputs_may_be_views_of_odd_offset_and_stride():
    torch.manual_seed(2)
    base = torch.randn(8 * 6 * 16 + 1, device="cuda")
    x = base[1:].view(8, 6, 16)
    expected = lif(x, decay=0.9, backend="torch")[0]
    for same in (x.clone(), x, x.transpose(1, 2).contiguous().transpose(1, 2)):
        torch.testing.assert_close(lif(same, decay=0.9)[0], expected)


def test_numbers_may_change_between_calls():
    torch.manual_seed(3)
    x = _leaf(8, 2, 16)
    for decay, scale in itertools.product((1, 0.5, 0.9), (2.0, 5.0)):
        _agree(x, decay=decay, scale=scale)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("n_columns", [48, 600 * 128])
@pytest.mark.parametrize("recurrent", [False, True])
def test_half_precision_keeps_a_single_precision_state(dtype, n_columns, recurrent):
    torch.manual_seed(4)
    x = _leaf(16, n_columns // 48, 48, dtype=dtype)
    w = (_leaf(48, 48) / 7).detach() if recurrent else None
    spikes, state = lif(x, decay=0.9, recurrent_weight=w)
    assert (spikes.dtype, state.potential.dtype) == (dtype, torch.float32)
    if not recurrent:
        _agree(x, decay=0.9, rtol=1e-2, atol=1e-2)


@pytest.mark.parametrize(
    ("n_rows", "n_units"),
    [(1, 1), (3, 20), (33, 64), (20, 128), (5, 140), (33, 300), (70, 512), (3, 1100)],
)
@pytest.mark.parametrize("synaptic", [None, 0.6])
def test_recurrent_layers_of_any_width(n_rows, n_units, synaptic):
    torch.manual_seed(5)
    shape = (9, n_rows, n_units)
    state = LIFState(
        _leaf(*shape[1:]), None if synaptic is None else _leaf(*shape[1:]), _leaf(*shape[1:])
    )
    weight = (_leaf(n_units, n_units).detach() / n_units**0.5).requires_grad_()
    _agree(
        _leaf(*shape),
        state,
        weight,
        decay=0.8,
        synaptic_decay=synaptic,
        surrogate="soft",
        rtol=1e-3,
        atol=1e-4,
    )  # smooth: a spike at the very threshold would decide by the last bit of a sum


@pytest.mark.parametrize("layer", [LIF, RecurrentLIF])
def test_learned_parameters_of_a_large_batch(layer):
    torch.manual_seed(6)
    net = layer(128, learn_decay=True, learn_threshold=True, surrogate="soft").cuda()
    x = _leaf(12, 600, 128)
    found = []
    for backend in ("torch", "triton"):
        net.backend = backend
        found.append(torch.autograd.grad(net(x)[0].square().mean(), list(net.parameters())))
    for f, e in zip(*found, strict=True):
        torch.testing.assert_close(f, e, rtol=1e-3, atol=1e-6)


def test_the_readout_integrates():
    torch.manual_seed(7)
    x = _leaf(21, 3, 5)
    found, expected = (leaky(x, decay=0.8, backend=b)[0] for b in ("triton", "torch"))
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("bad", [torch.nan, torch.inf])
@pytest.mark.parametrize("recurrent", [False, True])
def test_nan_shows_in_the_spikes(bad, recurrent):
    x = torch.full((6, 2, 3), 0.6, device="cuda")
    x[2, 1, 0] = bad
    w = torch.zeros(3, 3, device="cuda") if recurrent else None
    found, expected = (
        lif(x, decay=0.9, recurrent_weight=w, backend=b)[0] for b in ("triton", "torch")
    )
    torch.testing.assert_close(found, expected, equal_nan=True)
    assert found[5, 1, 0].isnan()
