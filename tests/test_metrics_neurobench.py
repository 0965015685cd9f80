import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from neurokit.metrics.neurobench import (
    OperationCounter,
    Operations,
    bit_budget,
    connection_sparsity,
    count_operations,
    memory_energy,
    memory_footprint,
    operation_energy,
    parameter_count,
)
from neurokit.nn.spiking import LIF, LeakyIntegrator, RecurrentLIF, SpikingSequential


def products_by_hand(weight, rows):
    """Products with two factors that are not zero, in plain loops."""
    return sum(
        int(w != 0 and x != 0)
        for row in rows.tolist()
        for ws in weight.tolist()
        for w, x in zip(ws, row, strict=True)
    )


@settings(deadline=None, max_examples=30)
@given(
    seed=st.integers(0, 99),
    shape=st.tuples(st.integers(1, 4), st.integers(1, 3), st.integers(1, 5)),
    spiking=st.booleans(),
)
def test_linear_layers_match_plain_loops(seed, shape, spiking):
    generator = torch.Generator().manual_seed(seed)
    layer = nn.Linear(shape[-1], 3)
    with torch.no_grad():
        layer.weight[torch.rand(layer.weight.shape, generator=generator) < 0.4] = 0
    x = (torch.rand(shape, generator=generator) < 0.5).float()
    x = x if spiking else x * 0.5
    n_steps = shape[0] * shape[1]
    counted = count_operations(layer, lambda: layer(x), n_steps)
    expected = products_by_hand(layer.weight, x.reshape(-1, shape[-1])) / n_steps
    macs, acs = (0, expected) if spiking or not x.any() else (expected, 0)
    assert (counted.effective_macs, counted.effective_acs) == pytest.approx((macs, acs))
    assert counted.dense == 3 * shape[-1]


def test_convolutions_match_the_layer_of_ones_and_zeros():
    torch.manual_seed(0)
    layer = nn.Conv1d(2, 3, 4, padding=2, groups=1)
    x = torch.randn(5, 2, 9).relu()
    counted = count_operations(layer, lambda: layer(x), 5)
    padded = nn.functional.pad(x, (2, 2))
    expected = sum(
        int(layer.weight[o, c, k] != 0 and padded[b, c, t + k] != 0)
        for b in range(5)
        for o in range(3)
        for c in range(2)
        for k in range(4)
        for t in range(10)
    )
    assert counted.effective_macs == expected / 5
    inside = sum(2 <= t + k < 11 for k in range(4) for t in range(10))
    assert counted.dense == 3 * 2 * inside


@pytest.mark.parametrize("kind", ["GRU", "LSTM"])
def test_a_recurrent_layer_counts_as_its_cells_unrolled(kind):
    torch.manual_seed(0)
    layer, cell = getattr(nn, kind)(4, 3), getattr(nn, f"{kind}Cell")(4, 3)
    cell.load_state_dict({k.removesuffix("_l0"): v for k, v in layer.state_dict().items()})
    x = torch.randn(6, 2, 4)

    def unrolled():
        state = None
        for row in x:
            state = cell(row, state)

    whole = count_operations(layer, lambda: layer(x), 12)
    steps = count_operations(cell, unrolled, 12)
    assert whole.dense == steps.dense
    # zero hidden states of the first step count as spikes where steps are counted one by one
    assert whole.effective_macs + whole.effective_acs == steps.effective_macs + steps.effective_acs


@pytest.mark.parametrize("recurrent", [False, True])
def test_spiking_layers_match_a_step_by_step_count(recurrent):
    torch.manual_seed(0)
    hidden = RecurrentLIF(8, decay=0.8) if recurrent else LIF(8, decay=0.8)
    network = SpikingSequential(
        nn.Linear(5, 8, bias=False), hidden, nn.Linear(8, 2, bias=False), LeakyIntegrator(2)
    )
    x = (torch.rand(20, 3, 5) < 0.4).float()
    counted = count_operations(network, lambda: network(x), 60)
    acs = updates = spikes_total = 0
    with torch.no_grad():
        current = x @ network[0].weight.T
        v, s, readout = torch.zeros(3, 8), torch.zeros(3, 8), torch.zeros(3, 2)
        for t in range(20):
            drive = current[t] + (s @ hidden.weight.T if recurrent else 0)
            acs += products_by_hand(network[0].weight, x[t])
            if recurrent:
                acs += products_by_hand(hidden.weight, s)
            h = 0.8 * v + drive
            s = (h >= 1).float()
            new = h * (1 - s)
            updates += v.numel() if t == 0 else int((new != v).sum())
            v = new
            acs += products_by_hand(network[2].weight, s)
            out = 0.9 * readout + s @ network[2].weight.T
            updates += out.numel() if t == 0 else int((out != readout).sum())
            readout = out
            spikes_total += int(s.sum())
    assert counted.effective_acs == pytest.approx(acs / 60)
    assert counted.effective_macs == 0
    assert counted.dense == 5 * 8 + 8 * 2 + (64 if recurrent else 0)
    assert counted.activation_sparsity == pytest.approx(1 - spikes_total / (60 * 8))
    assert counted.membrane_updates == pytest.approx(updates / 60, rel=0.02)  # rounding of sums


def test_published_footprints_of_the_neurobench_baselines():
    """ANN2D of NeuroBench: n-32-48-2 with batch norm, and a buffer of one step of n channels."""

    class ANN2D(nn.Module):
        def __init__(self, n):
            super().__init__()
            self.layers = nn.Sequential(
                nn.Linear(n, 32),
                nn.BatchNorm1d(32),
                nn.Linear(32, 48),
                nn.BatchNorm1d(48),
                nn.Linear(48, 2),
            )
            self.register_buffer("data_buffer", torch.zeros(1, n), persistent=False)

    assert [memory_footprint(ANN2D(n)) for n in (96, 192)] == [20_824, 33_496]


def test_sparsity_of_connections():
    network = nn.Sequential(nn.Linear(10, 10), nn.Linear(10, 10))
    nn.init.zeros_(network[0].weight)
    assert connection_sparsity(network) == 0.5
    assert np.isnan(connection_sparsity(nn.ReLU()))
    assert parameter_count(network) == 220


def test_activations_of_relus_count():
    network = nn.Sequential(nn.ReLU())
    counted = count_operations(network, lambda: network(torch.tensor([[-1.0, 0.0, 2.0, 3.0]])), 1)
    assert counted.activation_sparsity == 0.5


def test_published_energies_of_the_baselines():
    """Spec: ANN2D 22.9 nJ, SNN2 .37 nJ, SNN3 153.6 nJ in float32; ANN2D 1.1 nJ in int8."""
    ann, snn2, snn3 = (
        Operations(macs, acs, 0, 0, 0) for macs, acs in [(4970, 0), (0, 414), (32_256, 5831)]
    )
    assert [round(operation_energy(x), 1) for x in (ann, snn3)] == [22.9, 153.6]
    assert round(operation_energy(snn2), 2) == 0.37
    assert round(operation_energy(ann, "int8"), 1) == 1.1


def test_memory_energy_and_bit_budget():
    operations = Operations(100, 50, 0, 0, 0)
    assert memory_energy(operations, 8000) == pytest.approx(150 * 10 / 1000)
    assert memory_energy(operations, 20_000, 5) == pytest.approx(160 * 15 / 1000)
    assert bit_budget(operations, n_steps=2, activation_bits=1, weight_bits=8) == 2400


def test_hooks_leave_with_the_context():
    layer = nn.Linear(2, 2)
    with OperationCounter(layer):
        assert layer._forward_hooks
    assert not layer._forward_hooks


def test_refusals():
    with pytest.raises(ValueError, match="n_steps must be at least 1, got 0"):
        OperationCounter(nn.ReLU()).per_step(0)
    with pytest.raises(ValueError, match=r"dtype must be one of \['float32'"):
        operation_energy(Operations(1, 1, 1, 1, 1), "int4")
    two = nn.LSTM(2, 2, num_layers=2)
    with pytest.raises(ValueError, match="one layer and one direction"):
        count_operations(two, lambda: two(torch.zeros(3, 2)), 3)
