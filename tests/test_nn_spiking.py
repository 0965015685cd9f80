"""Spiking layers against loops, autograd and finite differences; streams; every error."""

import copy
import itertools
import pickle

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from neurokit.nn.neurons import RESETS, SURROGATES, LIFState, leaky, lif
from neurokit.nn.spiking import LIF, LeakyIntegrator, RecurrentLIF, SpikingSequential

BACKENDS = [
    "numba",
    pytest.param(
        "triton", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")
    ),
]


def _problem(seed, shape, *, synaptic, recurrent, n_inputs=0, dtype=torch.float64, device="cpu"):
    """Return everything a layer takes, as leaves that want gradients."""
    g = torch.Generator().manual_seed(seed)
    n_units = shape[-1]

    def leaf(*sizes, low=None, high=None):
        x = torch.randn(*sizes, generator=g, dtype=torch.float64)
        if low is not None:
            x = low + (high - low) * torch.rand(*sizes, generator=g, dtype=torch.float64)
        return x.to(device, dtype).requires_grad_()

    leaves = {
        "current": leaf(*shape, low=-1.0, high=1.8),
        "decay": leaf(n_units, low=0.3, high=0.95),
        "threshold": leaf(n_units, low=0.5, high=1.2),
        "potential": leaf(*shape[1:]),
    }
    if synaptic:
        leaves["synaptic_decay"] = leaf(n_units, low=0.1, high=0.8)
        leaves["synaptic_current"] = leaf(*shape[1:])
    if recurrent:
        leaves["recurrent_weight"] = leaf(n_units, n_units, low=-0.5, high=0.5)
        leaves["spikes"] = leaf(*shape[1:], low=0.0, high=1.0)
    if n_inputs:
        leaves["current"] = leaf(*shape[:-1], n_inputs, low=-1.0, high=1.8)
        leaves["input_weight"] = leaf(n_units, n_inputs, low=-1.0, high=1.5)
        leaves["input_bias"] = leaf(n_units)
    return leaves


def _call(leaves, **options):
    leaves = dict(leaves)
    state = LIFState(
        leaves.pop("potential"), leaves.pop("synaptic_current", None), leaves.pop("spikes", None)
    )
    return lif(leaves.pop("current"), state=state, **leaves, **options)


def _gradients(leaves, **options):
    """Return spikes, state and the gradients of a loss that looks at all of them."""
    spikes, state = _call(leaves, **options)
    g = torch.Generator().manual_seed(99)
    c = torch.randn(spikes.shape, generator=g, dtype=torch.float64).to(spikes)
    loss = (spikes * c).sum() + (state.potential * c[0]).sum()
    if state.current is not None:
        loss = loss + (state.current * c[-1]).sum()
    grads = torch.autograd.grad(loss, list(leaves.values()))
    return [spikes, *(x for x in state if x is not None), *grads]


@pytest.mark.parametrize("reset", RESETS)
@pytest.mark.parametrize("backend", ["torch", "numba"])
def test_spikes_follow_the_equations_written_in_loops(reset, backend):
    p = _problem(0, (12, 2, 3), synaptic=True, recurrent=True)
    spikes, state = _call(p, reset=reset, backend=backend)
    a = {name: x.detach().numpy() for name, x in p.items()}
    v, i, s = a["potential"].copy(), a["synaptic_current"].copy(), a["spikes"].copy()
    expected = np.zeros((12, 2, 3))
    for t, b in itertools.product(range(12), range(2)):
        drive = [a["recurrent_weight"][u] @ s[b] for u in range(3)]
        for u in range(3):
            i[b, u] = a["synaptic_decay"][u] * i[b, u] + a["current"][t, b, u] + drive[u]
            h = a["decay"][u] * v[b, u] + i[b, u]
            fired = h >= a["threshold"][u]
            left = {"zero": 0.0, "subtract": h - a["threshold"][u], "none": h}[reset]
            v[b, u] = left if fired else h
            s[b, u] = expected[t, b, u] = float(fired)
    assert 0 < expected.mean() < 1
    np.testing.assert_array_equal(spikes.detach(), expected)
    np.testing.assert_allclose(state.potential.detach(), v, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(state.current.detach(), i, rtol=1e-12)
    np.testing.assert_array_equal(state.spikes.detach(), s)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("surrogate", SURROGATES)
@pytest.mark.parametrize("reset", RESETS)
@pytest.mark.parametrize("detach_reset", [False, True])
def test_fused_gradients_are_those_of_autograd(backend, surrogate, reset, detach_reset):
    fast = {"device": "cuda", "dtype": torch.float32} if backend == "triton" else {}
    tolerance = {"rtol": 1e-4, "atol": 1e-5} if fast else {"rtol": 1e-9, "atol": 1e-12}
    options = {"surrogate": surrogate, "reset": reset, "detach_reset": detach_reset, "scale": 3.0}
    for synaptic, recurrent in itertools.product([False, True], repeat=2):
        p = _problem(1, (17, 3, 5), synaptic=synaptic, recurrent=recurrent, **fast)
        expected = _gradients(p, backend="torch", **options)
        for x, y in zip(_gradients(p, backend=backend, **options), expected, strict=True):
            torch.testing.assert_close(x, y, **tolerance)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("reset", ["subtract", "none"])
def test_integer_firing_agrees_between_backends(backend, reset):
    fast = {"device": "cuda", "dtype": torch.float32} if backend == "triton" else {}
    p = _problem(2, (9, 2, 4), synaptic=True, recurrent=False, **fast)
    expected = _gradients(p, backend="torch", reset=reset, max_spikes=3)
    assert set(expected[0].unique().tolist()) == {0.0, 1.0, 2.0, 3.0}
    for x, y in zip(
        _gradients(p, backend=backend, reset=reset, max_spikes=3), expected, strict=True
    ):
        torch.testing.assert_close(x, y, rtol=1e-4, atol=1e-5)


@settings(deadline=None, max_examples=30)
@given(
    n_times=st.integers(1, 40),
    batch=st.sampled_from([(), (1,), (3,), (2, 2)]),
    n_units=st.sampled_from([1, 2, 7, 300]),
    reset=st.sampled_from(RESETS),
    surrogate=st.sampled_from(SURROGATES),
    synaptic=st.booleans(),
    recurrent=st.booleans(),
    seed=st.integers(0, 99),
)
def test_backends_agree_on_any_shape(
    n_times, batch, n_units, reset, surrogate, synaptic, recurrent, seed
):
    p = _problem(seed, (n_times, *batch, n_units), synaptic=synaptic, recurrent=recurrent)
    if recurrent:  # keep the sums of 300 units finite without a reset
        p["recurrent_weight"] = (p["recurrent_weight"] / n_units).detach().requires_grad_()
    options = {"reset": reset, "surrogate": surrogate}
    expected = _gradients(p, backend="torch", **options)
    for x, y in zip(_gradients(p, backend="numba", **options), expected, strict=True):
        torch.testing.assert_close(x, y, rtol=1e-7, atol=1e-9)


@settings(deadline=None, max_examples=30)
@given(
    n_times=st.integers(1, 20),
    batch=st.sampled_from([(), (3,), (20,), (2, 33), (130,)]),
    n_inputs=st.sampled_from([1, 5, 96, 130]),
    n_units=st.sampled_from([1, 33, 64, 100, 200]),
    synaptic=st.booleans(),
    recurrent=st.booleans(),
    threads=st.sampled_from([1, 3]),
    seed=st.integers(0, 99),
)
def test_input_weights_are_a_linear_layer_before_the_units(
    n_times, batch, n_inputs, n_units, synaptic, recurrent, threads, seed
):
    shape = (n_times, *batch, n_units)
    p = _problem(seed, shape, synaptic=synaptic, recurrent=recurrent, n_inputs=n_inputs)
    p["input_weight"] = (p["input_weight"] / n_inputs**0.5).detach().requires_grad_()
    if recurrent:
        p["recurrent_weight"] = (p["recurrent_weight"] / n_units**0.5).detach().requires_grad_()
    expected = _gradients(p, backend="torch")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("neurokit.nn.kernels.lif_cpu._WORTH_THREADS", 0)
        patch.setattr(torch, "get_num_threads", lambda: threads)
        found = _gradients(p, backend="numba")
    for x, y in zip(found, expected, strict=True):
        torch.testing.assert_close(x, y, rtol=1e-7, atol=1e-9)


def test_single_precision_agrees_where_no_potential_is_at_its_threshold():
    p = _problem(5, (30, 9, 50), synaptic=True, recurrent=True, n_inputs=20, dtype=torch.float32)
    p["input_weight"] = (p["input_weight"] / 4).detach().requires_grad_()
    p["recurrent_weight"] = (p["recurrent_weight"] / 10).detach().requires_grad_()
    exact = {name: x.detach().double().requires_grad_() for name, x in p.items()}
    expected = _gradients(exact, backend="torch", surrogate="soft")
    for x, y in zip(_gradients(p, backend="numba", surrogate="soft"), expected, strict=True):
        torch.testing.assert_close(x, y.float(), rtol=1e-3, atol=1e-4 * y.abs().max().item())


@settings(deadline=None, max_examples=30)
@given(
    n_rows=st.integers(1, 11),
    n_steps=st.integers(1, 9),
    n_columns=st.integers(1, 140),
    dtype=st.sampled_from(["float32", "float64"]),
)
def test_products_are_those_of_numpy(n_rows, n_steps, n_columns, dtype):
    from neurokit.nn.kernels import products

    rng = np.random.default_rng(0)
    a, b, c = (
        rng.normal(size=shape).astype(dtype)
        for shape in ((n_rows, n_steps), (n_steps, n_columns), (n_rows, n_columns))
    )
    width = products.panel_width(a.dtype)
    for offset in (0, 3):
        out = np.concatenate((np.full(offset, 7.0, dtype), c.ravel(), np.full(2, 7.0, dtype)))
        flat = np.concatenate((np.full(offset, np.nan, dtype), a.ravel()))
        products.add_product(
            flat[offset:], n_rows, n_steps, products.panels(b), out[offset:], n_columns
        )
        np.testing.assert_allclose(
            out[offset:-2].reshape(c.shape), c + a @ b, rtol=1e-4, atol=1e-4
        )
        assert (out[:offset] == 7).all()
        assert (out[-2:] == 7).all()
    out, beyond = c.T.flatten(), np.full(width, np.nan, dtype)
    other = np.concatenate((a.T.ravel(), beyond))
    products.add_product(b, n_columns, n_steps, other, out, n_rows, products.TRANSPOSED)
    np.testing.assert_allclose(out.reshape(n_columns, n_rows), (c + a @ b).T, rtol=1e-4, atol=1e-4)


@settings(deadline=None, max_examples=40)
@given(
    n_rows=st.integers(1, 9),
    n_steps=st.integers(1, 150),
    n_panels=st.integers(1, 5),
    n_more=st.sampled_from([0, 0, 1, 7]),
    share=st.sampled_from([0.0, 0.02, 0.1, 0.2, 1.0]),
    dtype=st.sampled_from(["float32", "float64"]),
    seed=st.integers(0, 9),
)
def test_products_of_spikes_are_those_of_numbers_to_the_bit(
    n_rows, n_steps, n_panels, n_more, share, dtype, seed
):
    from neurokit.nn.kernels import products
    from neurokit.nn.kernels.vectors import ROWS

    rng = np.random.default_rng(seed)
    width = products.panel_width(np.dtype(dtype))
    n_columns = n_panels * width + n_more
    a = rng.normal(size=(n_rows, n_steps)) * (rng.random((n_rows, n_steps)) < share)
    a, b, c, d = (
        x.astype(dtype).ravel()
        for x in (
            np.concatenate((np.full(3, 9.0), a.ravel())),
            rng.normal(size=(n_steps, n_columns)),
            rng.normal(size=(n_rows, n_columns)),
            rng.normal(size=(n_rows + 1, n_columns)),
        )
    )
    a, laid = a[3:], products.panels(b.reshape(n_steps, n_columns))
    sparse, dense = c.copy(), c.copy()
    products.add_product(a, n_rows, n_steps, laid, sparse, n_columns, products.SPARSE)
    products.add_product(a, n_rows, n_steps, laid, dense, n_columns)
    tiles = n_rows // ROWS * products.ROWS * n_columns  # what is left is summed apart
    np.testing.assert_array_equal(sparse[:tiles], dense[:tiles])
    np.testing.assert_allclose(sparse, dense, rtol=1e-5, atol=1e-5)
    sparse, dense = b.copy(), b.copy()
    sizes = n_steps, n_rows, d
    products.add_product(a, *sizes, sparse, n_columns, products.SPARSE_TRANSPOSED)
    products.add_product(a, *sizes, dense, n_columns, products.TRANSPOSED)
    tiles = n_steps // ROWS * products.ROWS * n_columns
    np.testing.assert_array_equal(sparse[:tiles], dense[:tiles])
    np.testing.assert_allclose(sparse, dense, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("backend", ["torch", "numba"])
@pytest.mark.parametrize("reset", RESETS)
@pytest.mark.parametrize("recurrent", [False, True])
def test_the_smooth_neuron_passes_finite_differences(backend, reset, recurrent):
    p = _problem(3, (5, 2, 3), synaptic=True, recurrent=recurrent)

    def run(*values):
        spikes, state = _call(
            dict(zip(p, values, strict=True)),
            reset=reset,
            surrogate="soft",
            scale=2.5,
            backend=backend,
        )
        return spikes, state.potential, state.current

    assert torch.autograd.gradcheck(run, tuple(p.values()))


def test_raising_the_scale_turns_the_soft_neuron_into_the_hard_one():
    p = _problem(4, (20, 2, 5), synaptic=False, recurrent=False)
    hard, _ = _call(p)
    soft, _ = _call(p, surrogate="soft", scale=1e6)
    torch.testing.assert_close(soft, hard, atol=1e-6, rtol=0)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("recurrent", [False, True])
@settings(deadline=None, max_examples=15)
@given(cut=st.integers(1, 18), seed=st.integers(0, 99))
def test_a_recording_may_be_cut_anywhere(backend, recurrent, cut, seed):
    device = "cuda" if backend == "triton" else "cpu"
    torch.manual_seed(seed)
    options = {"synaptic_decay": 0.5, "learn_decay": True, "backend": backend}
    layer = (RecurrentLIF(4, **options) if recurrent else LIF(4, **options)).to(device)
    x = (torch.randn(19, 2, 4) * 0.7).to(device)
    whole, last = layer(x)
    first, state = layer(x[:cut])
    second, state = layer(x[cut:], state)
    torch.testing.assert_close(torch.cat((first, second)), whole)
    torch.testing.assert_close(state.potential, last.potential)
    expected = torch.autograd.grad(whole.sum(), list(layer.parameters()))
    for g, e in zip(
        torch.autograd.grad((first.sum() + second.sum()), list(layer.parameters())),
        expected,
        strict=True,
    ):
        torch.testing.assert_close(g, e, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("n_units", [4, 300])
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_keeps_a_single_precision_state(dtype, n_units):
    torch.manual_seed(0)
    x = torch.randn(30, 2, n_units).to(dtype).requires_grad_()
    w = torch.randn(n_units, n_units) / n_units
    for weight in (None, w):
        results = []
        for backend in ("torch", "numba"):
            spikes, state = lif(x, decay=0.9, recurrent_weight=weight, backend=backend)
            assert spikes.dtype == dtype
            assert state.potential.dtype == torch.float32
            results += [spikes, torch.autograd.grad(spikes.sum(), x)[0]]
        torch.testing.assert_close(results[2], results[0])
        torch.testing.assert_close(results[3], results[1])


@pytest.mark.parametrize("backend", ["torch", "numba"])
@pytest.mark.parametrize("bad", [torch.nan, torch.inf])
def test_nan_shows_in_the_spikes_of_its_unit_only(backend, bad):
    x = torch.full((6, 2, 3), 0.6)
    x[2, 1, 0] = bad
    spikes, state = lif(x, decay=0.9, backend=backend)
    assert not spikes[:2].isnan().any()
    assert spikes[3:, 1, 0].isnan().all()
    assert spikes.isnan().sum() <= 4
    assert state.potential[1, 0].isnan()


def test_nan_stays_with_its_entry_and_its_unit_behind_input_weights():
    x, w = torch.rand(6, 5, 40), torch.rand(50, 40) / 20
    x[2, 1, 3] = torch.nan
    w[7, 0] = torch.nan
    spikes, _ = lif(x, decay=0.9, input_weight=w)
    assert spikes[..., 7].isnan().all()
    assert spikes[2:, 1].isnan().all()
    assert spikes.isnan().sum() == 6 * 5 + 4 * 49


def test_a_network_applies_a_linear_layer_in_the_pass_of_the_units_after_it(monkeypatch):
    from neurokit.nn.kernels import lif_cpu

    seen, run = [], lif_cpu.run
    monkeypatch.setattr(lif_cpu, "run", lambda *a: seen.append(a[1]) or run(*a))
    torch.manual_seed(0)
    network = SpikingSequential(
        torch.nn.Linear(6, 40), LIF(40), torch.nn.Dropout(0.0), torch.nn.Linear(40, 33),
        RecurrentLIF(33), torch.nn.Linear(33, 2), LIF(2), torch.nn.Linear(2, 2),
    )  # fmt: skip
    x = torch.rand(9, 3, 6) * 4
    y, states = network(x)
    # Two of the three: for few units a product on its own is faster.
    assert [weights[0] is not None for weights in seen] == [True, True, False]
    expected = x
    for layer in network:
        carries = getattr(layer, "carries_state", False)
        expected = layer(expected)[0] if carries else layer(expected)
    torch.testing.assert_close(y, expected)
    assert y.std() > 0
    assert [k for k, state in enumerate(states) if state is not None] == [1, 4, 6]
    heard = []
    network[0].register_forward_hook(lambda *a: heard.append(a[2].shape))
    network(x)
    assert heard == [(9, 3, 40)]


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_inputs_have_weights_too(dtype):
    x, w = torch.rand(9, 3, 6).to(dtype), torch.rand(40, 6).to(dtype)
    spikes, _ = lif(x, decay=0.9, input_weight=w)
    expected, _ = lif(torch.nn.functional.linear(x, w), decay=0.9, backend="torch")
    torch.testing.assert_close(spikes, expected)


def test_a_silent_unit_still_has_a_gradient_and_an_idle_one_none():
    x = torch.full((8, 1, 2), 0.01, requires_grad=True)
    spikes, _ = lif(x, decay=0.9)
    assert spikes.sum() == 0
    (grad,) = torch.autograd.grad(spikes[..., 0].sum(), x)
    assert (grad[..., 0] > 0).all()
    assert (grad[..., 1] == 0).all()


def test_the_readout_is_a_first_order_filter():
    from scipy.signal import lfilter

    x = torch.randn(50, 3, 2, dtype=torch.float64)
    expected = lfilter([1.0], np.poly([0.9, 0.6]), x.numpy(), axis=0)
    for backend in ("torch", "numba"):
        y, _ = leaky(x, decay=0.9, synaptic_decay=0.6, backend=backend)
        np.testing.assert_allclose(y, expected, rtol=1e-10, atol=1e-12)


def test_the_fused_layer_keeps_potentials_and_nothing_else():
    x, w = torch.randn(200, 64, 96), torch.randn(128, 96, requires_grad=True)
    for weights in ({}, {"input_weight": w}):
        kept = []
        current = x if weights else torch.randn(200, 64, 128, requires_grad=True)
        with torch.autograd.graph.saved_tensors_hooks(
            lambda t, kept=kept: kept.append(t) or t, lambda t: t
        ):
            lif(current, decay=0.9, **weights)
        given = x.data_ptr(), w.data_ptr()
        mine = [t for t in kept if t.data_ptr() not in given]
        assert sum(t.nbytes for t in mine) == 200 * 64 * 128 * 4


def test_without_gradients_nothing_is_kept(monkeypatch):
    from neurokit.nn.kernels import lif_cpu

    kept, forward = [], lif_cpu.forward
    monkeypatch.setattr(  # the potentials: all steps, or one to work in
        lif_cpu, "forward", lambda *a: kept.append(a[16].size) or forward(*a)
    )
    layer = LIF(3, learn_decay=True)
    with torch.no_grad():
        layer(torch.ones(5, 2, 3))
    layer(torch.ones(5, 2, 3))
    assert kept == [2 * 3, 5 * 2 * 3]


@pytest.mark.parametrize(
    "layer",
    [
        LIF(3, decay=torch.tensor([0.5, 0.8, 0.9]), learn_decay=True, learn_threshold=True),
        RecurrentLIF(3, synaptic_decay=0.7, reset="subtract"),
        LeakyIntegrator(3, synaptic_decay=0.2, learn_decay=True),
        SpikingSequential(torch.nn.Linear(3, 3), LIF(3), LeakyIntegrator(3)),
    ],
    ids=lambda layer: type(layer).__name__,
)
def test_layers_pickle_and_copy_before_and_after_use(layer):
    x = torch.rand(6, 2, 3)
    y, state = layer(x)
    y.sum().backward()
    for twin in (pickle.loads(pickle.dumps(layer)), copy.deepcopy(layer)):
        again, _ = twin(x)
        torch.testing.assert_close(again, y)
        torch.testing.assert_close(twin(x, state)[0], layer(x, state)[0])


def test_learned_values_start_where_they_were_set():
    layer = LIF(2, decay=torch.tensor([0.3, 0.9]), learn_decay=True, learn_threshold=True)
    torch.testing.assert_close(layer.decay.detach(), torch.tensor([0.3, 0.9]))
    layer(torch.ones(5, 2))[0].sum().backward()
    assert all(p.grad is not None for p in layer.parameters())
    assert len(list(LIF(2).parameters())) == 0
    assert layer(torch.ones(5, 2), layer(torch.ones(5, 2))[1].detach())[1].potential.requires_grad


def test_two_calls_do_not_share_a_state():
    layer, x = LIF(3), torch.rand(5, 2, 3)
    first = layer(x)[0]
    torch.testing.assert_close(layer(x)[0], first)


def test_errors_say_what_is_wrong():
    x = torch.ones(4, 2, 3)
    with pytest.raises(
        TypeError, match=r"lif: current must be a floating-point tensor, got torch.int64"
    ):
        lif(x.long(), decay=0.9)
    with pytest.raises(TypeError, match=r"got ndarray"):
        lif(x.numpy(), decay=0.9)
    with pytest.raises(ValueError, match=r"dims \(time, \.\.\., unit\).*got the shape \(3,\)"):
        lif(x[0, 0], decay=0.9)
    with pytest.raises(ValueError, match=r"none of them empty, got the shape \(0, 2, 3\)"):
        lif(x[:0], decay=0.9)
    with pytest.raises(ValueError, match=r"decay must be one number or one per unit \(3\)"):
        lif(x, decay=torch.ones(2))
    with pytest.raises(ValueError, match=r"recurrent_weight must have the shape \(3, 3\)"):
        lif(x, decay=0.9, recurrent_weight=torch.ones(3, 2))
    with pytest.raises(ValueError, match=r"input_weight must have the shape \(unit, 3\) .* got"):
        lif(x, decay=0.9, input_weight=torch.ones(5, 2))
    with pytest.raises(ValueError, match=r"decay must be one number or one per unit \(5\)"):
        lif(x, decay=torch.ones(3), input_weight=torch.ones(5, 3))
    with pytest.raises(ValueError, match=r"state.potential must have the shape \(2, 3\)"):
        lif(x, decay=0.9, state=LIFState(torch.zeros(3)))
    with pytest.raises(ValueError, match=r"reset must be one of .* got 'hard'"):
        lif(x, decay=0.9, reset="hard")
    with pytest.raises(ValueError, match=r"surrogate must be one of .* got 'relu'"):
        LIF(3, surrogate="relu")
    with pytest.raises(ValueError, match=r"scale must be positive, got 0"):
        lif(x, decay=0.9, scale=0)
    with pytest.raises(ValueError, match=r"max_spikes >= 1 and reset 'subtract' or 'none'"):
        lif(x, decay=0.9, max_spikes=4)
    with pytest.raises(ValueError, match=r"backend must be one of .* got 'jax'"):
        lif(x, decay=0.9, backend="jax")
    with pytest.raises(ValueError, match=r"'triton' does not run on device 'cpu'; use 'auto'"):
        lif(x, decay=0.9, backend="triton")
    with pytest.raises(ValueError, match=r"decay must lie between 0 and 1 .* got 1.5"):
        LIF(3, decay=1.5)
    with pytest.raises(ValueError, match=r"threshold must be one number or one per unit \(3\)"):
        LIF(3, threshold=torch.ones(2))
    with pytest.raises(ValueError, match=r"one state per layer \(1\), got 2"):
        SpikingSequential(LIF(3))(x, (None, None))


def test_soft_units_sharpen_in_training_and_fire_whole_spikes_in_evaluation():
    layer = LIF(4, surrogate="soft", scale=2.0)
    scales = []
    for progress in (0.0, 0.5, 1.0):
        layer.schedule(progress)
        scales.append(layer.scale)
    np.testing.assert_allclose(scales, [2.0, 2.0 * 10**0.5, 20.0])
    current = torch.rand(20, 3, 4)
    soft = layer(current)[0]
    assert ((soft > 0.01) & (soft < 0.99)).any()
    plain = LIF(4, surrogate="sigmoid", scale=2.0)
    torch.testing.assert_close(layer.eval()(current)[0], plain(current)[0])
    plain.schedule(1.0)
    assert plain.scale == 2.0
