import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from neurokit.cli.bench.table import N_TEST, PUBLISHED
from neurokit.datasets.fetch import REACHING_SESSIONS
from neurokit.decoders import SpikingRegressor, WindowMLPRegressor
from neurokit.metrics.footprint import footprint
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
from neurokit.nn.recurrent import WindowNorm
from neurokit.nn.spiking import LIF, LeakyIntegrator, RecurrentLIF, SpikingSequential
from neurokit.training import Trainer

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def package():
    """The networks and inputs of the script, and what neurobench 2.3.0 has counted on them."""
    path = HERE.parent / "benchmarks/neurobench_counts.py"
    spec = importlib.util.spec_from_file_location("neurobench_counts", path)
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    made.counted = json.loads((HERE / "neurobench_counts.json").read_text())
    return made


def compare(network, run, expected):
    """Operations, their kinds, updates and sparsity of connections are the package's."""
    found, theirs = count_operations(network, run, 120), expected["SynapticOperations"]
    assert found.effective_macs == pytest.approx(theirs["Effective_MACs"])
    assert found.effective_acs == pytest.approx(theirs["Effective_ACs"])
    assert found.dense == theirs["Dense"]
    assert found.membrane_updates == pytest.approx(expected["MembraneUpdates"])
    assert connection_sparsity(network) == expected["ConnectionSparsity"]
    return found


@pytest.mark.parametrize(("name", "n_parts"), [("ann2d", 1), ("ann3d", 7)])
def test_dense_baselines_count_as_in_the_package(package, name, n_parts):
    fc = package.dense(12 * n_parts)
    norms = nn.BatchNorm1d(32), nn.BatchNorm1d(48)
    network = SpikingSequential(fc[0], nn.ReLU(), norms[0], fc[1], nn.ReLU(), norms[1], fc[2])
    rows = package.windows(package.inputs(), n_parts).flatten(1).float()
    network.eval()
    found = compare(network, lambda: [network(row[None]) for row in rows], package.counted[name])
    assert found.activation_sparsity == pytest.approx(package.counted[name]["ActivationSparsity"])
    buffer = 4 * 12  # the harness's copy of the last step
    assert memory_footprint(network) + buffer == package.counted[name]["Footprint"]
    assert parameter_count(network) == package.counted[name]["ParameterCount"]


@pytest.mark.parametrize("chunk", [1, 120])
def test_a_spiking_baseline_counts_as_in_the_package(package, chunk):
    fc, options = package.linear(12, 50, 2), {"decay": package.BETA}
    hidden = LIF(50, threshold=package.THRESHOLD, reset="zero", **options)
    network = SpikingSequential(fc[0], hidden, fc[1], LeakyIntegrator(2, **options))

    def run():
        state = None
        for rows in package.inputs().float()[:, None].split(chunk):
            _, state = network(rows, state)

    found = compare(network, run, package.counted["snn2"])
    silent = 1 - (1 - found.activation_sparsity) * 50 / 52  # the package counts the readout too
    assert silent == pytest.approx(package.counted["snn2"]["ActivationSparsity"])


def test_a_baseline_on_windows_counts_as_in_the_package(package):
    fc, options = package.linear(12, 32, 48, 2), {"decay": package.BETA}
    kinds = {"threshold": package.HIGH, "reset": "subtract", **options}
    hidden = LIF(32, **kinds), LIF(48, **kinds)
    network = SpikingSequential(
        WindowNorm(7, 12), fc[0], hidden[0], fc[1], hidden[1], fc[2], LeakyIntegrator(2, **options)
    )
    windows = package.windows(package.inputs(), 7).float()
    found = compare(
        network, lambda: [network(w[:, None]) for w in windows], package.counted["snn3d"]
    )
    silent = 1 - (1 - found.activation_sparsity) * 80 / 82
    assert silent == pytest.approx(package.counted["snn3d"]["ActivationSparsity"])


@pytest.mark.parametrize("on", ["spikes", "numbers"])
@pytest.mark.parametrize("kind", ["GRU", "LSTM", "RNN"])
def test_recurrent_cells_have_the_operations_of_the_package(package, kind, on):
    """Only their sum: the package takes the state of a cell for spikes if the input is."""
    cell = package.set_weights(getattr(nn, f"{kind}Cell")(12, 16))
    network = nn.ModuleList([cell, package.set_weights(nn.Linear(16, 2))])
    x = (package.inputs() if on == "spikes" else package.numbers()).float()

    def run():
        hidden = torch.zeros(1, 16)
        state = (hidden, hidden) if kind == "LSTM" else hidden
        for row in x:
            state = cell(row[None], state)
            network[1](state[0] if kind == "LSTM" else state)

    found = count_operations(network, run, 120)
    expected = package.counted[f"{kind.lower()} on {on}"]
    theirs = expected["SynapticOperations"]
    both = found.effective_macs + found.effective_acs
    assert both == pytest.approx(theirs["Effective_MACs"] + theirs["Effective_ACs"])
    accumulates = products_by_hand(cell.weight_ih, x) / 120 if on == "spikes" else 0
    assert found.effective_acs == pytest.approx(accumulates)
    # dense operations of an LSTM, where the package leaves out the states of the first step
    short = 16 * (4 * 16 + 1) / 120 if kind == "LSTM" else 0
    assert found.dense == pytest.approx(theirs["Dense"] + short)
    assert connection_sparsity(network) == expected["ConnectionSparsity"]
    assert memory_footprint(network) == expected["Footprint"]


@pytest.mark.parametrize("n_units", [96, 192])
def test_decoders_have_the_published_costs_of_the_baselines(n_units):
    """Dense operations and bytes that NeuroBench has committed for its four networks."""
    rng = np.random.default_rng(0)
    x = (rng.random((60, n_units)) < 0.1) * 1.0
    y = rng.normal(size=(60, 2))
    column = 0 if n_units == 96 else 3

    def cost(estimator):
        estimator.set_params(sampling_rate=250, trainer=Trainer(1, batch_size=60, device="cpu"))
        return footprint(estimator.fit(x, y), x)

    buffer = 4 * n_units  # of the harness: the last step
    found = {
        "ANN2D": (cost(WindowMLPRegressor()), buffer),
        "ANN3D": (cost(WindowMLPRegressor(n_parts=7)), buffer),
        "SNN2": (cost(SpikingRegressor(preset="snn2")), None),
        "SNN3": (cost(SpikingRegressor(preset="snn3d")), None),
    }
    for name, (table, more) in found.items():
        dense = PUBLISHED[name]["dense"][column]
        if name == "ANN2D":  # 49 steps of the test were answered without its layers
            n_test = N_TEST[REACHING_SESSIONS[column]]
            dense = round(dense * n_test / (n_test - 49))
        assert table["dense"] == dense, name
        if more is not None:
            assert table["bytes"] + more == PUBLISHED[name]["footprint"][column], name
    connections = 4 * (n_units * 50 + 50 * 2)
    assert connections + 48 == PUBLISHED["SNN2"]["footprint"][column]  # 12 scalars of snnTorch
    norm, scales = 4 * 2 * 7 * n_units, 4 * 2
    connections = 4 * (33 * 48 + 49 * 2 + (n_units + 1) * 32)
    total = connections + norm + scales + buffer + 60  # 15 scalars of snnTorch
    assert total == PUBLISHED["SNN3"]["footprint"][column]


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
