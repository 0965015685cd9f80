"""A spiking network as one graph over time, in double precision, as the live steps compute it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import torch
from torch import Tensor, nn

from neurokit.nn.delays import Delay
from neurokit.nn.recurrent import WindowNorm
from neurokit.nn.spiking import LIF, LeakyIntegrator, RecurrentLIF

State: TypeAlias = tuple[Tensor, ...]
Step: TypeAlias = Callable[[State, Tensor], tuple[State, Tensor]]


class PortableNeurons(nn.Module):
    """Units with their connections: inputs (time, batch, in) to spikes or potentials.

    Parameters
    ----------
    linear : nn.Linear
    neurons : LIF, RecurrentLIF or LeakyIntegrator
    unrolled : bool, default=False
        Write every step out, for a few of them, instead of a loop.

    Notes
    -----
    Decays are taken as the layer has them, in float32, and computed with in float64, so that a
    unit fires in the graph where it fires in ``predict``.
    """

    weight: Tensor
    bias: Tensor
    decay: Tensor
    threshold: Tensor
    synaptic: Tensor
    recurrent: Tensor

    def __init__(
        self, linear: nn.Linear, neurons: LIF | LeakyIntegrator, *, unrolled: bool = False
    ) -> None:
        super().__init__()
        n_units = neurons.n_units
        self.unrolled = unrolled
        self.fires = isinstance(neurons, LIF)
        self.reset = neurons.reset if isinstance(neurons, LIF) else "none"
        self.is_recurrent = isinstance(neurons, RecurrentLIF)
        self.has_currents = neurons.synaptic_decay is not None
        nothing = torch.zeros(n_units)
        kept = {
            "weight": linear.weight,
            "bias": nothing if linear.bias is None else linear.bias,
            "decay": neurons.decay,
            "threshold": neurons.threshold if isinstance(neurons, LIF) else nothing,
            "synaptic": nothing if neurons.synaptic_decay is None else neurons.synaptic_decay,
            "recurrent": neurons.weight if isinstance(neurons, RecurrentLIF) else nothing,
        }
        for name, values in kept.items():
            self.register_buffer(name, values.detach().cpu().double().clone())

    def forward(self, x: Tensor) -> Tensor:
        """Return what the units give at every step, (time, batch, unit)."""
        current = x @ self.weight.T + self.bias
        rest = torch.zeros_like(current[0])
        return run_steps(self.step, (rest, rest.clone(), rest.clone()), current, self.unrolled)

    def step(self, state: State, current: Tensor) -> tuple[State, Tensor]:
        """Go one step on from potentials, synaptic currents and spikes."""
        v, i, s = state
        if self.is_recurrent:
            current = current + s @ self.recurrent.T
        if self.has_currents:
            current = self.synaptic * i + current
        h = self.decay * v + current
        if not self.fires:
            return (h, current.clone(), s.clone()), h.clone()
        s = (h >= self.threshold).to(h.dtype)
        v = h.clone()
        if self.reset == "zero":
            v = h - s * h
        elif self.reset == "subtract":
            v = h - s * self.threshold
        return (v, current.clone(), s), s.clone()


class PortableDelay(nn.Module):
    """Each input as many whole steps late as it has learned to be."""

    ahead: Tensor

    def __init__(self, layer: Delay) -> None:
        super().__init__()
        self.max_delay = int(layer.max_delay)
        self.register_buffer("ahead", self.max_delay - layer.steps().detach().cpu())

    def forward(self, x: Tensor) -> Tensor:
        """Return the inputs (time, batch, in) when they arrive."""
        past = torch.zeros_like(x[:1]).expand(self.max_delay, -1, -1)
        at = torch.arange(x.shape[0])[:, None] + self.ahead
        return torch.cat([past, x]).gather(0, at[:, None].expand(x.shape))


class PortableSpiking(nn.Module):
    """A whole spiking network: inputs (time, batch, in) to the mean of its readouts.

    Parameters
    ----------
    network : sequence of nn.Module
        As `neurokit.nn.SpikingSequential` holds them.
    n_outputs : int
    unrolled : bool, default=False
        As in `PortableNeurons`.
    """

    def __init__(self, network: nn.Sequential, n_outputs: int, *, unrolled: bool = False) -> None:
        super().__init__()
        self.n_outputs = n_outputs
        layers: list[nn.Module] = []
        linear = None
        for layer in network:
            if isinstance(layer, nn.Linear):
                linear = layer
            elif isinstance(layer, LIF | LeakyIntegrator) and linear is not None:
                layers.append(PortableNeurons(linear, layer, unrolled=unrolled))
            elif isinstance(layer, Delay):
                layers.append(PortableDelay(layer))
            elif isinstance(layer, WindowNorm):
                layers.append(layer)
        self.layers = nn.Sequential(*layers).double().eval()

    def forward(self, x: Tensor) -> Tensor:
        """Return the outputs of every step, (time, batch, n_outputs)."""
        y = self.layers(x.double())
        return y.unflatten(-1, (y.shape[-1] // self.n_outputs, self.n_outputs)).mean(-2)


class SpikesToMovement(nn.Module):
    """Counts (time, unit) to predictions (time, output), in the units of the target.

    Parameters
    ----------
    network : nn.Sequential
    mean, scale : Tensor of shape (output,)
        Mean and scale of the target, float64.
    n_parts, width : int, default=0
        Parts of the window that each step sees, and steps in each; 0 where the state goes on.
    """

    mean: Tensor
    scale: Tensor

    def __init__(
        self, network: nn.Sequential, mean: Tensor, scale: Tensor, n_parts: int = 0, width: int = 0
    ) -> None:
        super().__init__()
        self.network = PortableSpiking(network, len(mean), unrolled=n_parts > 0)
        self.n_parts, self.width = n_parts, width
        self.register_buffer("mean", mean)
        self.register_buffer("scale", scale)

    def forward(self, counts: Tensor) -> Tensor:
        """Return one prediction per step."""
        x = counts.double()
        windows = self._windows(x) if self.n_parts else x[:, None]
        y = self.network(windows)
        return (y[-1] if self.n_parts else y[:, 0]) * self.scale + self.mean

    def _windows(self, x: Tensor) -> Tensor:
        """Sum over the parts of the window that ends at each step, (part, time, unit)."""
        size, n = self.n_parts * self.width, x.shape[0]
        rows = torch.cat([torch.zeros_like(x[:1]).expand(size - 1, -1), x])
        shifted = [rows[k : k + n] for k in range(size)]
        parts = [shifted[k * self.width : (k + 1) * self.width] for k in range(self.n_parts)]
        return torch.stack([torch.stack(part).sum(0) for part in parts])


class SpikesToClasses(nn.Module):
    """Trials of counts (trial, unit, time) to probabilities (trial, class)."""

    def __init__(self, network: nn.Sequential, n_classes: int) -> None:
        super().__init__()
        self.network = PortableSpiking(network, n_classes)

    def forward(self, trials: Tensor) -> Tensor:
        """Return the mean over the steps of each step's probabilities."""
        return self.network(trials.permute(2, 0, 1)).softmax(-1).mean(0)


def run_steps(step: Step, state: State, x: Tensor, unrolled: bool) -> Tensor:
    """Call ``step`` along the first axis of ``x``: as one loop of the graph, or written out."""
    if not unrolled:
        from torch._higher_order_ops.scan import scan

        return scan(step, state, x)[1]
    outputs = []
    for now in x.unbind(0):
        state, output = step(state, now)
        outputs.append(output)
    return torch.stack(outputs)
