"""What the package neurobench counts on small networks of the baselines' shapes.

    python benchmarks/neurobench_counts.py > tests/neurobench_counts.json

Runs where neurobench 2.3.0, snntorch and h5py are installed; needs nothing of neurokit. Weights,
inputs and the recording are formulas, so that the tests, which have none of these packages, make
the same ones and compare. Every network is written here from its description, and is called step
by step, as the harness does.
"""

import itertools
import json
import math
import tempfile
from pathlib import Path

import h5py
import numpy as np
import torch
from torch import nn

N_STEPS, N_CHANNELS = 120, 12
BETA, THRESHOLD, HIGH = 0.9, 0.5, 4.0
SESSION = "indy_20160622_01"


def inputs():
    """Spikes of shape (time, channel): 0 or 1, about one in six."""
    t, c = np.mgrid[:N_STEPS, :N_CHANNELS]
    return torch.tensor((np.sin(1.3 * t + 2.1 * c**2) + np.sin(0.7 * t * (c + 1)) > 1.1) * 1.0)


def numbers():
    """Real-valued input of the same shape, a fifth of it zero."""
    t, c = np.mgrid[:N_STEPS, :N_CHANNELS]
    x = np.sin(0.9 * t + 1.7 * c) * (np.sin(2.3 * t + 0.9 * c) > -0.8)
    return torch.tensor(x)


def set_weights(network):
    """Weights by formula, a tenth or so of them zero."""
    with torch.no_grad():
        for k, parameter in enumerate(network.parameters()):
            i = torch.arange(parameter.numel(), dtype=torch.float64)
            wave = torch.sin(1 + k + 12.9898 * i)
            if parameter.ndim == 2:
                wave = torch.where(wave.abs() < 0.15, 0.0, wave) / math.sqrt(parameter.shape[1])
            parameter.copy_((wave * (2.0 if parameter.ndim == 2 else 0.1)).view_as(parameter))
    return network


def dense(n_inputs):
    """The layers of ANN2D and ANN3D."""
    first, second, last = nn.Linear(n_inputs, 32), nn.Linear(32, 48), nn.Linear(48, 2)
    return set_weights(nn.ModuleList([first, second, last]))


def linear(*sizes):
    """Connections of the spiking baselines."""
    pairs = itertools.pairwise(sizes)
    return set_weights(nn.ModuleList(nn.Linear(a, b, bias=False) for a, b in pairs))


def windows(x, n_parts):
    """Sums over the parts of the 0.2 s that end at each step: (step, part, channel)."""
    width = 50 // n_parts
    rows = torch.cat([x.new_zeros(n_parts * width - 1, x.shape[1]), x])
    parts = rows.unfold(0, n_parts * width, 1).unflatten(-1, (n_parts, width)).sum(-1)
    return parts.transpose(1, 2)


def write_recording(path, n_times=1000, n_channels=5):
    """A recording of the published layout: two units to a channel, nine reaches."""
    clock = 80 + np.arange(n_times) / 250
    with h5py.File(path, "w") as file:
        cells, table = file.create_group("#refs#"), np.empty((2, n_channels), h5py.ref_dtype)
        for c in range(n_channels):
            for u in range(2):
                # from before the first sample to after the last one, some on an edge
                cells[f"{c}_{u}"] = (79.98 + np.arange(0, 4.1, 0.016 + 0.009 * c + 0.004 * u))[
                    None
                ]
                table[u, c] = cells[f"{c}_{u}"].ref
        file.create_dataset("spikes", data=table, dtype=h5py.ref_dtype)
        file["t"] = clock[None]
        file["cursor_pos"] = np.stack([50 * np.sin(clock), 30 * np.cos(1.7 * clock)])
        reach = np.arange(n_times) // 117
        file["target_pos"] = np.stack([reach * 1.0, -2.0 * reach])
    return path


# ------------------------------------------------------------ with the package


class Dense(nn.Module):
    def __init__(self, n_parts):
        super().__init__()
        self.n_parts = n_parts
        self.fc = dense(n_parts * N_CHANNELS)
        self.norms = nn.ModuleList([nn.BatchNorm1d(32), nn.BatchNorm1d(48)])
        self.relus = nn.ModuleList([nn.ReLU(), nn.ReLU()])
        self.register_buffer("seen", torch.zeros(1, N_CHANNELS), persistent=False)

    def forward(self, x):
        out = []
        for row in windows(x[:, 0], self.n_parts).flatten(1):
            row = row[None]
            for fc, relu, norm in zip(self.fc[:2], self.relus, self.norms, strict=True):
                row = norm(relu(fc(row)))
            out.append(self.fc[2](row))
        return torch.cat(out)


def leaky(reset, beta=BETA, threshold=THRESHOLD):
    import snntorch

    return snntorch.Leaky(
        beta=beta,
        threshold=threshold,
        reset_mechanism=reset,
        init_hidden=True,
        reset_delay=False,
        output=True,
    )


class Streaming(nn.Module):
    """SNN2: the state goes on from step to step."""

    def __init__(self):
        super().__init__()
        self.fc = linear(N_CHANNELS, 50, 2)
        # a readout that cannot fire: the package would count its spikes as activity
        self.neurons = nn.ModuleList([leaky("zero"), leaky("none", threshold=1e9)])

    def forward(self, x):
        out = []
        for row in x:
            for fc, neurons in zip(self.fc, self.neurons, strict=True):
                row, potential = neurons(fc(row))
            out.append(potential)
        return torch.cat(out)


class Windowed(nn.Module):
    """SNN_3D: seven steps of a window, begun anew for each prediction."""

    def __init__(self):
        super().__init__()
        self.norm = nn.LayerNorm((7, N_CHANNELS))
        self.fc = linear(N_CHANNELS, 32, 48, 2)
        # so high that what a reset leaves is below it: above, snnTorch resets once more
        both = [leaky("subtract", threshold=HIGH) for _ in range(2)]
        self.neurons = nn.ModuleList([*both, leaky("none", threshold=1e9)])

    def forward(self, x):
        out = []
        for window in self.norm(windows(x[:, 0], 7)):
            for neurons in self.neurons:
                neurons.reset_mem()
            for row in window:
                row = row[None]
                for fc, neurons in zip(self.fc, self.neurons, strict=True):
                    row, potential = neurons(fc(row))
            out.append(potential)
        return torch.cat(out)


class Cell(nn.Module):
    """A recurrent cell of torch and a readout: layers are refused by the package."""

    def __init__(self, kind):
        super().__init__()
        self.cell = set_weights(getattr(nn, f"{kind}Cell")(N_CHANNELS, 16))
        self.fc = set_weights(nn.Linear(16, 2))

    def forward(self, x):
        hidden = torch.zeros(1, 16)
        state = (hidden, hidden) if isinstance(self.cell, nn.LSTMCell) else hidden
        out = []
        for row in x:
            state = self.cell(row, state)
            out.append(self.fc(state[0] if isinstance(state, tuple) else state))
        return torch.cat(out)


def count(network, x):
    import snntorch
    from neurobench.benchmarks import Benchmark
    from neurobench.metrics.static import ConnectionSparsity, Footprint, ParameterCount
    from neurobench.metrics.workload import (
        R2,
        ActivationSparsity,
        MembraneUpdates,
        SynapticOperations,
    )
    from neurobench.models import TorchModel
    from torch.utils.data import DataLoader, TensorDataset

    x = x.float()[:, None]
    truth = torch.stack(
        [torch.sin(torch.arange(N_STEPS) / 9), torch.cos(torch.arange(N_STEPS) / 7)]
    )
    loader = DataLoader(TensorDataset(x, truth.T), batch_size=N_STEPS)
    model = TorchModel(network.eval())
    model.add_activation_module(snntorch.SpikingNeuron)
    workload = [R2, ActivationSparsity, SynapticOperations, MembraneUpdates]
    static = [Footprint, ConnectionSparsity, ParameterCount]
    with torch.no_grad():
        return Benchmark(model, loader, [], [], [static, workload]).run(quiet=True)


def read():
    from neurobench.datasets import PrimateReaching

    with tempfile.TemporaryDirectory() as folder:
        write_recording(Path(folder) / f"{SESSION}.mat")
        data = PrimateReaching(
            folder, SESSION, 1, train_ratio=0.5, bin_width=0.004, download=False
        )
    parts = {name: getattr(data, f"ind_{name}") for name in ("train", "val", "test")}
    return {
        "spikes": ["".join(str(int(v)) for v in row) for row in data.samples],
        "velocity": [[round(float(v), 6) for v in row[::100]] for row in data.labels],
        "parts": {name: [int(rows[0]), int(rows[-1]) + 1] for name, rows in parts.items()},
    }


def main():
    from contextlib import redirect_stdout
    from io import StringIO

    import snntorch

    found = {"snntorch": snntorch.__version__, "neurobench": "2.3.0", "torch": torch.__version__}
    with redirect_stdout(StringIO()):
        found["recording"] = read()
        found["ann2d"] = count(Dense(1), inputs())
        found["ann3d"] = count(Dense(7), inputs())
        found["snn2"] = count(Streaming(), inputs())
        found["snn3d"] = count(Windowed(), inputs())
        for kind in ("GRU", "LSTM", "RNN"):
            for name, x in (("spikes", inputs()), ("numbers", numbers())):
                found[f"{kind.lower()} on {name}"] = count(Cell(kind), x)
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
