"""Spiking networks for decoding: published designs, how they are made and started."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from sklearn.base import BaseEstimator

from neurokit.inputs.ranges import check_positive

if TYPE_CHECKING:
    from torch import Tensor

    from neurokit.nn.spiking import SpikingSequential

# What one layer is given is given to all; published designs differ from layer to layer.
PRESETS: dict[str, dict[str, Any]] = {
    "snn2": {
        "hidden": (50,),
        "recurrent": False,
        "tau_mem": 0.098,
        "tau_syn": None,
        "learn_tau": False,
        "threshold": 1.0,
        "reset": "zero",
        "surrogate": "superspike",
        "surrogate_scale": 20.0,
        "readout_tau": 0.098,
        "n_readouts": 1,
        "dropout": 0.3,
        "bias": False,
    },
    "snn3d": {
        "hidden": (32, 48),
        "recurrent": False,
        "tau_mem": 0.04,
        "tau_syn": None,
        "learn_tau": True,
        "threshold": 0.5,
        "reset": "subtract",
        "surrogate": "atan",
        "surrogate_scale": 2.0,
        "readout_tau": 0.04,
        "n_readouts": 1,
        "dropout": 0.0,
        "parts": 7,
        "window": 0.2,
    },
    "streaming": {
        "hidden": (32, 48),
        "recurrent": False,
        "tau_mem": (0.038, 0.0112),
        "tau_syn": None,
        "learn_tau": True,
        "threshold": (0.4, 0.6),
        "reset": ("subtract", "none"),
        "surrogate": "atan",
        "surrogate_scale": 2.0,
        "readout_tau": 0.018,
        "n_readouts": 1,
        "dropout": 0.3,
    },
    "tiny": {
        "hidden": (64,),
        "recurrent": True,
        "tau_mem": 0.02,
        "tau_syn": 0.01,
        "learn_tau": True,
        "threshold": 1.0,
        "reset": "zero",
        "surrogate": "superspike",
        "surrogate_scale": 20.0,
        "readout_tau": 0.05,
        "n_readouts": 1,
        "dropout": 0.3,
        "rate_max": 10.0,
    },
    "big": {
        "hidden": (1024,),
        "recurrent": True,
        "tau_mem": 0.02,
        "tau_syn": 0.01,
        "learn_tau": True,
        "threshold": 1.0,
        "reset": "zero",
        "surrogate": "superspike",
        "surrogate_scale": 20.0,
        "readout_tau": 0.05,
        "n_readouts": 5,
        "dropout": 0.3,
        "rate_max": None,
    },
}
_SPREAD = 0.5  # of the logarithm of the learned time constants of a layer's units
_DRIVE = 1.0  # standard deviation of the potentials at the start, in thresholds
_RECURRENT = 0.5  # of the recurrent weights together, in thresholds
_READOUT = 0.3  # the same of the outputs, in those of the target


class Design(NamedTuple):
    """A spiking network, by its layers."""

    hidden: tuple[int, ...]
    recurrent: bool
    tau_mem: tuple[float, ...]
    tau_syn: float | None
    learn_tau: bool
    threshold: tuple[float, ...]
    reset: tuple[str, ...]
    surrogate: str
    surrogate_scale: float
    readout_tau: float
    n_readouts: int
    dropout: float
    rate_max: float | None
    window: float
    max_delay: float
    parts: int  # of the window seen at each step, or 0 where the state goes on in time
    bias: bool


def design(estimator: BaseEstimator) -> Design:
    """Read the design off the parameters of an estimator, and refuse what cannot be."""
    name = type(estimator).__name__
    preset = estimator.preset
    if preset is not None and preset not in PRESETS:
        raise ValueError(f"{name}: preset must be one of {list(PRESETS)}, got {preset!r}.")
    given = (
        {"window": 1.0, "max_delay": 0.0}
        | estimator.get_params(deep=False)
        | {"parts": 0, "bias": True}
    )
    if preset is not None:
        given |= PRESETS[preset]
    given = {key: given.get(key) for key in Design._fields}
    hidden = given["hidden"]
    given["hidden"] = hidden = (hidden,) if isinstance(hidden, int | np.integer) else (*hidden,)
    if not hidden or any(n < 1 for n in hidden):
        raise ValueError(f"{name}: hidden must be numbers of units, 1 or more, got {hidden!r}.")
    for key in ("tau_mem", "threshold", "reset"):
        value = given[key]
        given[key] = (*value,) if isinstance(value, tuple | list) else (value,) * len(hidden)
        if len(given[key]) != len(hidden):
            raise ValueError(
                f"{name}: {key} must be one or one per hidden layer ({len(hidden)}), got"
                f" {value!r}."
            )
    positive = {"tau_mem": given["tau_mem"], "threshold": given["threshold"]}
    positive |= {"readout_tau": (given["readout_tau"],), "window": (given["window"],)}
    if given["tau_syn"] is not None:
        positive["tau_syn"] = (given["tau_syn"],)
    if given["rate_max"] is not None:
        positive["rate_max"] = (given["rate_max"],)
    for key, values in positive.items():
        for value in values:
            check_positive(name, **{key: value})
    if not 0 <= given["max_delay"] < math.inf or (given["max_delay"] and given["parts"]):
        raise ValueError(
            f"{name}: max_delay must be 0 or more seconds, and 0 for preset 'snn3d', which has"
            f" the past in its window; got {given['max_delay']!r}."
        )
    if not 0 <= given["dropout"] < 1 or given["n_readouts"] < 1:
        raise ValueError(
            f"{name}: dropout must lie in [0, 1) and n_readouts be 1 or more, got"
            f" {given['dropout']!r} and {given['n_readouts']!r}."
        )
    return Design(**given)


def build(plan: Design, n_inputs: int, n_outputs: int, step: float) -> Any:
    """Return the untrained network, for steps of so many seconds."""
    from torch import nn

    from neurokit.nn.delays import Delay
    from neurokit.nn.recurrent import WindowNorm
    from neurokit.nn.spiking import LIF, LeakyIntegrator, RecurrentLIF, SpikingSequential

    layers: list[Any] = []
    if plan.parts:
        layers.append(WindowNorm(plan.parts, n_inputs))
    if n_steps := round(plan.max_delay / step):
        layers.append(Delay(n_inputs, max_delay=n_steps))
    width = n_inputs
    kind = RecurrentLIF if plan.recurrent else LIF
    options = zip(plan.hidden, plan.tau_mem, plan.threshold, plan.reset, strict=True)
    for n_units, tau, threshold, reset in options:
        neurons = kind(
            n_units,
            decay=_decays(tau, step, n_units, plan.learn_tau),
            synaptic_decay=_synaptic(plan, step, n_units),
            threshold=threshold,
            learn_decay=plan.learn_tau,
            reset=reset,
            surrogate=plan.surrogate,
            scale=plan.surrogate_scale,
        )
        layers += [nn.Linear(width, n_units, bias=plan.bias), neurons]
        if plan.dropout:
            layers.append(nn.Dropout(plan.dropout))
        width = n_units
    n_heads = plan.n_readouts * n_outputs
    readout = LeakyIntegrator(
        n_heads,
        decay=_decays(plan.readout_tau, step, n_heads, plan.learn_tau),
        synaptic_decay=_synaptic(plan, step, n_heads),
        learn_decay=plan.learn_tau,
    )
    return SpikingSequential(*layers, nn.Linear(width, n_heads, bias=plan.bias), readout)


def initialise(module: SpikingSequential, x: Tensor) -> None:
    """Scale the weights so that units fire on these inputs from the start, and learn at once.

    Each unit's potential, were it not to fire, gets mean 0 and the standard deviation of one
    threshold, measured on the data themselves (after [1]_). Inputs that are silent there get no
    weight, so that a unit which wakes up later disturbs nothing before it has been learned.

    Parameters
    ----------
    module : SpikingSequential
    x : Tensor of shape (time, n_examples, n_inputs)

    References
    ----------
    .. [1] Rossbroich, Gygax and Zenke (2022), Fluctuation-driven initialization for spiking
       neural network training, Neuromorph. Comput. Eng. 2(4).
    """
    import torch
    from torch import nn

    from neurokit.nn.delays import Delay
    from neurokit.nn.neurons import leaky
    from neurokit.nn.spiking import LIF, LeakyIntegrator

    with torch.no_grad():
        for layer in module:
            if isinstance(layer, nn.Linear):
                linear, silent = layer, x.flatten(0, 1).std(0, correction=0) == 0
                linear.weight.normal_()
                linear.weight[:, silent] = 0
                if linear.bias is not None:
                    linear.bias.zero_()
                continue
            if isinstance(layer, LIF | LeakyIntegrator):
                neurons: Any = layer
                options: Any = {"decay": layer.decay, "synaptic_decay": layer.synaptic_decay}
                potential = leaky(linear(x), **options)[0].flatten(0, 1)
                spread = potential.std(0, correction=0)
                firing = isinstance(layer, LIF)
                wanted = _DRIVE * neurons.threshold if firing else torch.tensor(_READOUT)
                scale = torch.where(spread > 0, wanted / spread, 0.0)
                linear.weight.mul_(scale[:, None])
                if linear.bias is not None:
                    late = leaky(torch.ones_like(linear(x)), **options)[0].flatten(0, 1).mean(0)
                    linear.bias.copy_(-potential.mean(0) * scale / late)
                if hasattr(neurons, "weight"):
                    neurons.weight.mul_(_RECURRENT * wanted.mean())
                x = neurons(linear(x))[0]
            elif isinstance(layer, Delay):
                x = layer(x)[0]
            elif not isinstance(layer, nn.Dropout):
                x = layer(x)


def run_network(
    module: SpikingSequential, x: Tensor, n_outputs: int
) -> tuple[Tensor, list[Tensor]]:
    """Run the network; return the mean over its readouts, and the spikes of every layer.

    Parameters
    ----------
    module : SpikingSequential
    x : Tensor of shape (time, n_examples, n_inputs)
    n_outputs : int

    Returns
    -------
    output : Tensor of shape (time, n_examples, n_outputs)
    spikes : list of Tensor
    """
    from neurokit.nn.spiking import LIF

    spikes = []
    for k, output, _ in module.walk(x):
        if isinstance(module[k], LIF):
            spikes.append(output)
    return average_readouts(output, n_outputs), spikes


def average_readouts(x: Tensor, n_outputs: int) -> Tensor:
    """Average over the readouts."""
    return x.unflatten(-1, (-1, n_outputs)).mean(-2)


def _decays(tau: float, step: float, n_units: int, spread: bool) -> Any:
    """Decay per step; learned ones start spread around their value, so that units differ."""
    import torch

    taus = torch.full((n_units,), float(tau))
    if spread and n_units > 1:
        taus = taus * torch.exp(_SPREAD * torch.randn(n_units))
    return torch.exp(-step / taus).clamp(1e-4, 1 - 1e-6)


def _synaptic(plan: Design, step: float, n_units: int) -> Any:
    return None if plan.tau_syn is None else _decays(plan.tau_syn, step, n_units, plan.learn_tau)
