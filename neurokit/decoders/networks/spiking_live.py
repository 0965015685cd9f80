"""Live steps of spiking networks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from neurokit.decoders.networks.live import Buffer, Dense, Windows, to_array
from neurokit.decoders.networks.spiking_design import Design
from neurokit.streaming import History
from neurokit.types import Floats

if TYPE_CHECKING:
    from neurokit.nn.spiking import SpikingSequential


def live_steps(
    module: SpikingSequential,
    plan: Design,
    n_inputs: int,
    n_outputs: int,
    width: int,
    every: int = 0,
) -> list[Any]:
    """Return the steps of the network without torch.

    Parameters
    ----------
    module : SpikingSequential
    plan : Design
    n_inputs, n_outputs : int
    width : int
        Steps in each part of the window, where the design has parts.
    every : int, default=0
        Steps after which the network begins anew; 0 for never.
    """
    from torch import nn

    from neurokit.nn.delays import Delay
    from neurokit.nn.recurrent import WindowNorm
    from neurokit.nn.spiking import LIF, LeakyIntegrator

    steps: list[Any] = [Windows(n_inputs, plan.parts, width)] if plan.parts else []
    for layer in module:
        if isinstance(layer, nn.Linear):
            linear = layer
        elif isinstance(layer, LIF | LeakyIntegrator):
            steps.append(_Layer(linear, layer, plan.parts or every))
        elif isinstance(layer, WindowNorm):
            steps.append(_Norm(layer))
        elif isinstance(layer, Delay):
            steps.append(_Delayed(layer, every))
    if plan.parts:
        steps.append(_Last(plan.parts))
    if plan.n_readouts > 1:
        average = np.tile(np.eye(n_outputs), plan.n_readouts) / plan.n_readouts
        steps.append(Dense(average, np.zeros(n_outputs)))
    return steps


class _Layer:
    """Connections and the units they reach, with their state."""

    def __init__(self, linear: Any, neurons: Any, every: int) -> None:
        from neurokit.decoders.networks.live_kernels import spiking_layer
        from neurokit.nn.spiking import LIF

        n_units = neurons.n_units
        nothing = np.empty(0)
        recurrent = getattr(neurons, "weight", None)
        fires = isinstance(neurons, LIF)
        reset = getattr(neurons, "reset", "none")
        synaptic = neurons.synaptic_decay
        self._run: Any = spiking_layer
        self._fixed = (
            np.ascontiguousarray(to_array(linear.weight).T),
            np.zeros(n_units) if linear.bias is None else to_array(linear.bias),
            np.empty((0, 0)) if recurrent is None else np.ascontiguousarray(to_array(recurrent).T),
            to_array(neurons.decay),
            to_array(neurons.threshold) if fires else nothing,
            nothing if synaptic is None else to_array(synaptic),
            *(np.zeros(n_units) for _ in range(3)),
            float(reset == "zero"),
            float(reset == "subtract"),
            fires,
            every,
        )
        self._buffer = Buffer(n_units)

    def push(self, x: Floats) -> Floats:
        """Return the spikes or potentials of the new steps."""
        out = self._buffer.rows(len(x))
        self._run(x, *self._fixed, out)
        return out


class _Delayed:
    """Inputs, each as late as it has learned to be."""

    def __init__(self, layer: Any, every: int) -> None:
        from neurokit.decoders.networks.live_kernels import delayed

        self._run = delayed
        self._delay = layer.steps().numpy()
        self._history = History(np.zeros((layer.max_delay, layer.in_features)))
        self._every = every
        self._buffer = Buffer(layer.in_features)

    def push(self, x: Floats) -> Floats:
        """Return the inputs that arrive at the new steps."""
        out = self._buffer.rows(len(x))
        self._run(self._history.push(x), self._delay, self._every, out)
        return out


class _Norm:
    """Layer normalisation of windows, which then stand one below the other."""

    def __init__(self, layer: Any) -> None:
        from neurokit.decoders.networks.live_kernels import normalise

        self._run = normalise
        self._fixed = to_array(layer.norm.weight), to_array(layer.norm.bias), layer.norm.eps

    def push(self, x: Floats) -> Floats:
        """Return the parts of all windows as rows."""
        self._run(x, *self._fixed)
        return x.reshape(-1, x.shape[-1])


class _Last:
    """What the last step of each window says."""

    def __init__(self, every: int) -> None:
        self._every = every

    def push(self, x: Floats) -> Floats:
        """Return one row per window."""
        return x[self._every - 1 :: self._every]
