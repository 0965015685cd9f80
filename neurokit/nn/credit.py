"""Gradients of a spiking network by backpropagation through time, or in constant memory."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from neurokit.nn import draws
from neurokit.nn.neurons import LIFState
from neurokit.nn.spiking import LIF, SpikingSequential

CREDITS = ("bptt", "sltt", "sltt-k", "tess")
# TESS: decay of the traces of output and input, and the weights of their two products.
_POST, _PRE, _AFTER, _BEFORE = 0.2, 0.5, 1.0, 1.0


def accumulate_gradients(
    network: nn.Module,
    x: Tensor,
    y: Tensor,
    loss: Callable[[Tensor, Tensor], Tensor],
    *,
    credit: str = "bptt",
    n_grad_steps: int = 1,
    state: object = None,
    generator: torch.Generator | None = None,
) -> tuple[float, object]:
    """Add the gradients of a loss over time to the parameters of a network.

    Parameters
    ----------
    network : Module
        ``network(x, state) -> (output, state)``, for example a `SpikingSequential`.
    x : Tensor of shape (time, ..., feature)
        Input.
    y : Tensor of shape (time, ...)
        Target of every step.
    loss : callable
        ``loss(output, target)``, a mean over the steps it is given, such as ``mse_loss``.
    credit : {"bptt", "sltt", "sltt-k", "tess"}, default="bptt"
        Which past a weight is held responsible for. "bptt": all of it, exactly; memory grows with
        the number of steps. The others keep one step in memory, however long the input: "sltt"
        follows the gradient through the layers of each step only [1]_; "sltt-k" does so at
        `n_grad_steps` random steps; "tess" sends no gradient between layers either: each layer
        learns from its own traces of input and output and from an error read out of its spikes by
        fixed signs [2]_. It needs a `SpikingSequential` whose `LIF` layers follow linear ones;
        the layers after the last `LIF` learn as in "sltt".
    n_grad_steps : int, default=1
        Number of steps with a gradient, for "sltt-k".
    state : object, optional
        State of the network to go on from.
    generator : torch.Generator, optional
        Source of the random steps of "sltt-k". Default: that of the fit under way, or torch's.

    Returns
    -------
    loss : float
        Mean loss over all steps.
    state : object
        State of the network after the last step, without gradient history.

    Raises
    ------
    ValueError
        If `credit` is unknown, `n_grad_steps` is out of range, or the network does not suit
        "tess".

    References
    ----------
    .. [1] Meng et al. (2023), Towards memory- and time-efficient backpropagation for training
       spiking neural networks, ICCV (SLTT, SLTT-K).
    .. [2] Apolinario et al. (2025), TESS: a scalable temporally and spatially local learning rule
       for spiking neural networks, IJCNN, eqs. 10-11.

    Examples
    --------
    >>> import torch
    >>> network = SpikingSequential(nn.Linear(3, 8), LIF(8), nn.Linear(8, 1))
    >>> x, y = torch.ones(20, 4, 3), torch.zeros(20, 4, 1)
    >>> value, state = accumulate_gradients(network, x, y, F.mse_loss, credit="sltt")
    >>> network[0].weight.grad.shape
    torch.Size([8, 3])
    """
    if credit not in CREDITS:
        raise ValueError(f"accumulate_gradients: credit must be one of {CREDITS}, got {credit!r}.")
    n_times = len(x)
    if not 1 <= n_grad_steps <= n_times:
        raise ValueError(
            f"accumulate_gradients: n_grad_steps must lie between 1 and the number of steps"
            f" ({n_times}), got {n_grad_steps!r}."
        )
    if credit == "bptt":
        output, state = network(x, state)
        value = loss(output, y)
        value.backward()
        return value.item(), _detach(state)
    if credit == "tess":
        return _tess(network, x, y, loss, state)
    chosen = torch.ones(n_times, dtype=torch.bool)
    if credit == "sltt-k":
        chosen[
            torch.randperm(n_times, generator=generator or draws.generator())[n_grad_steps:]
        ] = False
    total = 0.0
    for t, with_gradient in enumerate(chosen.tolist()):
        with torch.set_grad_enabled(with_gradient):
            output, state = network(x[t : t + 1], state)
            value = loss(output, y[t : t + 1]) / n_times
        if with_gradient:
            value.backward()
        state = _detach(state)
        total += value.item()
    return total, state


def _detach(state: Any) -> Any:
    """Cut the gradient history of a state of nested tuples."""
    if isinstance(state, Tensor | LIFState):
        return state.detach()
    return tuple(_detach(s) for s in state) if isinstance(state, tuple) else state


def _tess(
    network: nn.Module,
    x: Tensor,
    y: Tensor,
    loss: Callable[[Tensor, Tensor], Tensor],
    states: Any,
) -> tuple[float, object]:
    layers: list[Any] = list(network) if isinstance(network, SpikingSequential) else []
    spiking = [k for k, layer in enumerate(layers) if isinstance(layer, LIF)]
    fits = [
        k > 0 and type(layers[k]) is LIF and isinstance(layers[k - 1], nn.Linear) for k in spiking
    ]
    if not spiking or not all(fits):
        raise ValueError(
            "accumulate_gradients: credit 'tess' needs a SpikingSequential in which every spiking"
            f" layer is a LIF right after a Linear, got {network}."
        )
    n_outputs = [layer for layer in layers if isinstance(layer, nn.Linear)][-1].out_features
    states = (None,) * len(layers) if states is None else states
    traces: dict[int, tuple[Tensor, Tensor]] = {}
    total = 0.0
    for t in range(len(x)):
        signal, target, after = x[t : t + 1], y[t : t + 1], []
        for k, (layer, state) in enumerate(zip(layers, states, strict=True)):
            before = signal
            if k + 1 in spiking:
                heard = signal
            with torch.set_grad_enabled(k > spiking[-1]):  # the readout follows the true loss
                if getattr(layer, "carries_state", False):
                    signal, new_state = layer(signal, state)
                else:
                    signal, new_state = layer(signal), None
            if k in spiking:
                potential = _charge(layer, before, state)
                error = _error(signal, target, loss, n_outputs) / len(x)
                traces[k] = _learn(layers[k - 1], layer, heard, potential, error, traces.get(k))
            after.append(_detach(new_state))
        value = loss(signal, target) / len(x)
        if value.requires_grad:
            value.backward()
        total += value.item()
        states = tuple(after)
    return total, states


@torch.no_grad()
def _charge(layer: LIF, current: Tensor, state: LIFState | None) -> Tensor:
    """Return the potential of one step before its reset."""
    if state is None:
        return current
    if layer.synaptic_decay is not None and state.current is not None:
        current = layer.synaptic_decay * state.current + current
    return layer.decay * state.potential + current


def _error(
    spikes: Tensor, target: Tensor, loss: Callable[[Tensor, Tensor], Tensor], n_outputs: int
) -> Tensor:
    """Return the derivative, by spike, of the loss of a readout through fixed signs."""
    n_units = spikes.shape[-1]
    rate = torch.linspace(50, 512, n_outputs, device=spikes.device)[:, None]
    signs = torch.sign(torch.sin(rate * torch.arange(n_units, device=spikes.device)))
    spikes = spikes.detach().requires_grad_()
    value = loss(F.linear(spikes, signs.to(spikes.dtype) / n_units), target)
    return torch.autograd.grad(value, spikes)[0]


@torch.no_grad()
def _learn(
    linear: nn.Linear,
    layer: LIF,
    x: Tensor,
    potential: Tensor,
    error: Tensor,
    traces: tuple[Tensor, Tensor] | None,
) -> tuple[Tensor, Tensor]:
    """Add one step's update to the gradient of a linear layer; return its traces."""
    psi = 1 / (100 * (potential - layer.threshold).abs() + 1) ** 2
    x_trace, psi_trace = (torch.zeros_like(x), torch.zeros_like(psi)) if traces is None else traces
    x_trace = _PRE * x_trace + x

    def product(a: Tensor, b: Tensor) -> Tensor:
        return a.flatten(0, -2).T @ b.flatten(0, -2)

    step = _AFTER * product(error * psi_trace, x) + _BEFORE * product(error * psi, x_trace)
    for parameter, grad in (
        (linear.weight, step),
        (linear.bias, (error * psi).flatten(0, -2).sum(0)),
    ):
        if parameter is not None and parameter.requires_grad:
            parameter.grad = grad if parameter.grad is None else parameter.grad + grad
    return x_trace, _POST * psi_trace + psi
