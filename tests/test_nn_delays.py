"""Learned delays against loops, known delays recovered, streams, and errors."""

import copy
import math
import pickle

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from neurokit.nn.delays import Delay, DelayLinear
from neurokit.training import Trainer


def _by_hand(layer, x):
    """Equation of the class docstring for every output, in plain loops."""
    n_times, n_batch, _ = x.shape
    y = torch.zeros(n_times, n_batch, layer.out_features, dtype=x.dtype)
    width = layer.sigma.item() + 0.27
    for j in range(layer.out_features):
        for i in range(layer.in_features):
            d = (layer.position[j, i] if layer.kind == "synaptic" else layer.position[i]).item()
            g = [math.exp(-0.5 * ((k - d) / width) ** 2) for k in range(layer.max_delay + 1)]
            for k, share in enumerate(g):
                for t in range(k, n_times):
                    y[t, :, j] += layer.weight[j, i] * share / (sum(g) + 1e-7) * x[t - k, :, i]
    return y


@pytest.mark.parametrize("kind", ["synaptic", "axonal"])
def test_training_output_is_the_gaussian_sum_written_in_loops(kind):
    torch.manual_seed(0)
    layer = DelayLinear(3, 2, max_delay=4, kind=kind).double()
    x = torch.randn(9, 2, 3, dtype=torch.float64)
    torch.testing.assert_close(layer(x)[0], _by_hand(layer, x))


@pytest.mark.parametrize("kind", ["synaptic", "axonal"])
def test_evaluation_reads_the_sample_at_the_rounded_delay(kind):
    torch.manual_seed(1)
    layer = DelayLinear(3, 2, max_delay=4, kind=kind, bias=True).eval()
    x = torch.randn(7, 5, 3)
    y = torch.zeros(7, 5, 2)
    for j in range(2):
        for i in range(3):
            d = round((layer.position[j, i] if kind == "synaptic" else layer.position[i]).item())
            y[d:, :, j] += layer.weight[j, i] * x[: 7 - d, :, i]
    torch.testing.assert_close(layer(x)[0], y + layer.bias)


def test_a_narrow_gaussian_at_whole_delays_equals_evaluation():
    layer = DelayLinear(3, 2, max_delay=5)
    with torch.no_grad():
        layer.position.round_()
    layer.sigma.zero_()  # the neighbouring taps then hold exp(-1 / 2 / 0.27^2) = 0.1 % each
    x = torch.randn(8, 2, 3)
    torch.testing.assert_close(layer(x)[0], copy.deepcopy(layer).eval()(x)[0], atol=1e-2, rtol=0)


@pytest.mark.parametrize("kind", ["synaptic", "axonal"])
def test_gradients_pass_finite_differences(kind):
    torch.manual_seed(2)
    layer = DelayLinear(2, 2, max_delay=3, kind=kind, bias=True).double()
    layer.sigma.fill_(1.0)
    x = torch.randn(5, 2, 2, dtype=torch.float64, requires_grad=True)
    state = torch.randn(3, 2, 2, dtype=torch.float64, requires_grad=True)

    def run(x, state, *parameters):
        names = [name for name, _ in layer.named_parameters()]
        return torch.func.functional_call(
            layer, dict(zip(names, parameters, strict=True)), (x, state)
        )

    assert torch.autograd.gradcheck(run, (x, state, *layer.parameters()))


def test_a_planted_delay_is_learned():
    torch.manual_seed(3)
    x = torch.randn(300, 4, 1)
    target = torch.cat((torch.zeros(6, 4, 1), x[:-6]))
    layer = DelayLinear(1, 1, max_delay=12)
    torch.nn.init.ones_(layer.weight)
    optimiser = torch.optim.Adam(
        [{"params": [layer.weight], "lr": 5e-2}, {"params": [layer.position], "lr": 0.3}]
    )
    for epoch in range(150):
        layer.schedule(epoch / 150)
        optimiser.zero_grad()
        ((layer(x)[0] - target) ** 2).mean().backward()
        optimiser.step()
    assert layer.position.round().item() == 6
    torch.testing.assert_close(layer.eval()(x)[0], layer.weight.item() * target)


def test_the_trainer_narrows_sigma_and_finds_a_planted_delay():
    torch.manual_seed(3)
    x = torch.randn(8, 100, 1)
    target = torch.cat((torch.zeros(8, 6, 1), x[:, :-6]), 1)
    layer = DelayLinear(1, 1, max_delay=12)
    torch.nn.init.ones_(layer.weight)

    def loss(layer, x, y):
        return ((layer(x.transpose(0, 1))[0].transpose(0, 1) - y) ** 2).mean()

    trainer = Trainer(100, batch_size=4, learning_rate=5e-3, device="cpu")
    trainer.minimize(layer, loss, (x, target), seed=0)
    assert layer.sigma.item() == pytest.approx(0.23)
    assert layer.position.round().item() == 6


@settings(deadline=None, max_examples=20)
@given(
    cut=st.integers(0, 12),
    max_delay=st.integers(1, 15),
    kind=st.sampled_from(["synaptic", "axonal"]),
    training=st.booleans(),
)
def test_a_recording_may_be_cut_anywhere(cut, max_delay, kind, training):
    torch.manual_seed(4)
    layer = DelayLinear(3, 2, max_delay=max_delay, kind=kind).train(training)
    x = torch.randn(13, 2, 3)
    whole, last = layer(x)
    state, parts = None, []
    for part in (x[:cut], x[cut:]):
        if len(part):
            y, state = layer(part, state)
            parts.append(y)
    torch.testing.assert_close(torch.cat(parts), whole)
    torch.testing.assert_close(state, last)


def test_the_future_does_not_reach_the_past():
    layer = DelayLinear(3, 2, max_delay=4)
    x = torch.randn(10, 2, 3)
    changed = x.clone()
    changed[6:] = torch.nan
    torch.testing.assert_close(layer(changed)[0][:6], layer(x)[0][:6])


def test_sigma_falls_to_half_a_tap_in_a_quarter_of_the_training():
    layer = DelayLinear(1, 1, max_delay=24)
    widths = []
    for progress in (0.0, 0.125, 0.25, 1.0):
        layer.schedule(progress)
        widths.append(layer.sigma.item())
    assert widths[0] == 12
    assert widths[1] == pytest.approx(math.sqrt(12 * 0.23))
    assert widths[2] == pytest.approx(0.23)
    assert widths[3] == pytest.approx(0.23)


def test_every_step_brings_delays_back_in_range_and_leaves_the_others():
    layer = DelayLinear(1, 3, max_delay=4)
    with torch.no_grad():
        layer.position.copy_(torch.tensor([[-1.0], [2.5], [9.0]]))
    layer.schedule(0.5)
    assert layer.position[:, 0].tolist() == [0.0, 2.5, 4.0]


@pytest.mark.parametrize("training", [True, False])
def test_an_axon_s_delay_is_that_of_a_delayed_layer_that_passes_every_input_on(training):
    delay, layer = Delay(3, max_delay=4), DelayLinear(3, 3, max_delay=4, kind="axonal")
    with torch.no_grad():
        layer.weight.copy_(torch.eye(3))
        layer.position.copy_(delay.position)
    delay.train(training), layer.train(training)
    x, state = torch.randn(6, 2, 3), torch.randn(4, 2, 3)
    for before in (None, state):
        torch.testing.assert_close(delay(x, before), layer(x, before))


def test_training_that_begins_again_keeps_sigma_narrow():
    layer = Delay(3, max_delay=10)
    layer.schedule(1.0)
    again = Delay(3, max_delay=10)
    again.load_state_dict(layer.state_dict())
    again.schedule(0.0)
    assert again.sigma.item() == pytest.approx(0.23)


def test_axonal_delays_are_synaptic_delays_that_all_targets_share():
    axonal = DelayLinear(3, 2, max_delay=4, kind="axonal")
    synaptic = DelayLinear(3, 2, max_delay=4)
    with torch.no_grad():
        synaptic.weight.copy_(axonal.weight)
        synaptic.position.copy_(axonal.position.expand(2, 3))
    x = torch.randn(6, 2, 3)
    torch.testing.assert_close(axonal(x)[0], synaptic(x)[0])


def test_pickles_and_needs_no_batch():
    layer = pickle.loads(pickle.dumps(DelayLinear(3, 2, max_delay=2)))
    x = torch.randn(5, 3)
    torch.testing.assert_close(layer(x)[0], layer(x[:, None])[0][:, 0])


def test_errors_say_what_is_wrong():
    with pytest.raises(ValueError, match=r"max_delay must be at least 1 step, got 0"):
        DelayLinear(2, 2, max_delay=0)
    with pytest.raises(ValueError, match=r"kind must be 'synaptic' or 'axonal', got 'dendritic'"):
        DelayLinear(2, 2, max_delay=1, kind="dendritic")
    layer = DelayLinear(2, 2, max_delay=3)
    with pytest.raises(ValueError, match=r"expects \(time, \.\.\., 2\), got \(4, 1, 3\)"):
        layer(torch.zeros(4, 1, 3))
    with pytest.raises(
        ValueError, match=r"state must have the shape \(3, 1, 2\), got \(2, 1, 2\)"
    ):
        layer(torch.zeros(4, 1, 2), torch.zeros(2, 1, 2))
