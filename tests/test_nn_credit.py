"""Learning rules against their equations, against backpropagation, and their memory."""

import pytest
import torch
from torch import nn
from torch.nn.functional import mse_loss

from neurokit.nn.credit import accumulate_gradients
from neurokit.nn.spiking import LIF, LeakyIntegrator, RecurrentLIF, SpikingSequential


def _network(seed=0, **options):
    torch.manual_seed(seed)
    return SpikingSequential(
        nn.Linear(5, 12), LIF(12, **options), nn.Linear(12, 2), LeakyIntegrator(2)
    )


def _data(n_times=15, seed=1):
    g = torch.Generator().manual_seed(seed)
    return torch.rand(n_times, 3, 5, generator=g) * 2, torch.randn(n_times, 3, 2, generator=g)


def _gradients(network, x, y, **options):
    network.zero_grad(set_to_none=True)
    loss, state = accumulate_gradients(network, x, y, mse_loss, **options)
    return loss, [p.grad.clone() for p in network.parameters()], state


def test_bptt_is_one_backward_pass():
    network, (x, y) = _network(), _data()
    loss, grads, _ = _gradients(network, x, y)
    expected = mse_loss(network(x)[0], y)
    assert loss == pytest.approx(expected.item())
    for g, e in zip(grads, torch.autograd.grad(expected, list(network.parameters())), strict=True):
        torch.testing.assert_close(g, e)


def test_sltt_is_the_gradient_with_the_past_held_fixed():
    network, (x, y) = _network(), _data()
    _, grads, _ = _gradients(network, x, y, credit="sltt")
    total = [torch.zeros_like(p) for p in network.parameters()]
    a, b = network[1].decay, network[3].decay
    v, out = torch.zeros(3, 12), torch.zeros(3, 2)
    for t in range(len(x)):
        h = a * v.detach() + network[0](x[t])
        u = h - 1.0
        surrogate = torch.atan(torch.pi * u) / torch.pi  # derivative 1 / (1 + (pi u)^2)
        s = (u >= 0).float() + surrogate - surrogate.detach()
        v = h * (1 - s)
        out = b * out.detach() + network[2](s)
        step = torch.autograd.grad(mse_loss(out, y[t]) / len(x), list(network.parameters()))
        total = [g + e for g, e in zip(total, step, strict=True)]
    for g, e in zip(grads, total, strict=True):
        torch.testing.assert_close(g, e)


def test_with_one_step_all_of_backpropagation_is_sltt():
    network, (x, y) = _network(), _data(1)
    expected = _gradients(network, x, y)
    for credit in ("sltt", "sltt-k"):
        loss, grads, _ = _gradients(network, x, y, credit=credit)
        assert loss == pytest.approx(expected[0])
        for g, e in zip(grads, expected[1], strict=True):
            torch.testing.assert_close(g, e)


def test_sltt_k_over_all_steps_is_sltt_and_fewer_steps_are_a_part_of_it():
    network, (x, y) = _network(), _data()
    _, whole, _ = _gradients(network, x, y, credit="sltt")
    _, all_steps, _ = _gradients(network, x, y, credit="sltt-k", n_grad_steps=15)
    for g, e in zip(all_steps, whole, strict=True):
        torch.testing.assert_close(g, e)
    parts = [
        _gradients(network, x, y, credit="sltt-k", generator=torch.Generator().manual_seed(seed))[
            1
        ][0]
        for seed in range(400)
    ]
    torch.testing.assert_close(15 * torch.stack(parts).mean(0), whole[0], atol=0.02, rtol=0.3)


def test_tess_follows_its_equations():
    network, (x, y) = _network(), _data(4)
    _, grads, _ = _gradients(network, x, y, credit="tess")
    signs = torch.sign(torch.sin(torch.tensor([50.0, 512.0])[:, None] * torch.arange(12.0)))
    dw, v = torch.zeros(12, 5), torch.zeros(3, 12)
    pre, post = torch.zeros(3, 5), torch.zeros(3, 12)
    for t in range(4):
        h = (0.9 * v + network[0](x[t])).detach()
        s = (h >= 1).float()
        v = h * (1 - s)
        psi = 1 / (100 * (h - 1).abs() + 1) ** 2
        error = 2 * (s @ signs.T / 12 - y[t]) / y[t].numel() @ signs / 12
        pre = 0.5 * pre + x[t]
        for b in range(3):
            dw += torch.outer(error[b] * post[b], x[t, b]) / 4
            dw += torch.outer(error[b] * psi[b], pre[b]) / 4
        post = 0.2 * post + psi
    torch.testing.assert_close(grads[0], dw)


@pytest.mark.parametrize("credit", ["bptt", "sltt", "sltt-k", "tess"])
def test_every_rule_lowers_the_loss(credit):
    network, (x, y) = _network(synaptic_decay=0.5), _data(40)
    y = x.cumsum(0)[..., :2] / 20
    optimiser = torch.optim.Adam(network.parameters(), lr=1e-2)
    losses = []
    for _ in range(30):
        optimiser.zero_grad()
        losses.append(
            accumulate_gradients(network, x, y, mse_loss, credit=credit, n_grad_steps=4)[0]
        )
        optimiser.step()
    assert losses[-1] < 0.7 * losses[0]


@pytest.mark.parametrize("credit", ["sltt", "sltt-k", "tess"])
def test_what_is_kept_for_backward_does_not_grow_with_time(credit):
    peaks = []
    for n_times in (5, 50):
        network, (x, y) = _network(), _data(n_times)
        alive, peak = 0, 0

        class Held:
            def __init__(self, x):
                nonlocal alive, peak
                self.x = x
                alive += x.nbytes
                peak = max(peak, alive)

            def __del__(self):
                nonlocal alive
                alive -= self.x.nbytes

        with torch.autograd.graph.saved_tensors_hooks(Held, lambda held: held.x):
            accumulate_gradients(network, x, y, mse_loss, credit=credit)
        peaks.append(peak)
    assert peaks[0] == peaks[1] > 0


@pytest.mark.parametrize("credit", ["bptt", "sltt", "tess"])
def test_training_goes_on_from_a_state(credit):
    network, (x, y) = _network(), _data()
    whole = _gradients(network, x, y, credit=credit)[2]
    _, _, state = _gradients(network, x[:6], y[:6], credit=credit)
    _, _, state = _gradients(network, x[6:], y[6:], credit=credit, state=state)
    torch.testing.assert_close(state[1].potential, whole[1].potential)
    assert not state[1].potential.requires_grad


def test_errors_say_what_is_wrong():
    network, (x, y) = _network(), _data()
    with pytest.raises(ValueError, match=r"credit must be one of .* got 'eprop'"):
        accumulate_gradients(network, x, y, mse_loss, credit="eprop")
    with pytest.raises(ValueError, match=r"between 1 and the number of steps \(15\), got 16"):
        accumulate_gradients(network, x, y, mse_loss, credit="sltt-k", n_grad_steps=16)
    for other in (SpikingSequential(LIF(5)), SpikingSequential(nn.Linear(5, 2), RecurrentLIF(2))):
        with pytest.raises(ValueError, match=r"every spiking layer is a LIF right after a Linear"):
            accumulate_gradients(other, x, y, mse_loss, credit="tess")
