"""Spiking units step by step, with explicit state: leaky integrate-and-fire, and a readout.

One step of a unit, with input current ``x``, potential ``v`` and spike ``s``::

    i[t] = synaptic_decay * i[t-1] + x[t]        (without synaptic_decay: i[t] = x[t])
    h[t] = decay * v[t-1] + i[t]
    s[t] = fire(h[t] - threshold)
    v[t] = h[t] * (1 - s[t])                     reset "zero"
           h[t] - threshold * s[t]               reset "subtract"
           h[t]                                  reset "none"

Time comes first, units last: ``(time, ..., unit)``. Nothing is kept between calls: the state goes
in and comes out, so a recording may be cut anywhere. Three backends compute the same numbers:
plain torch (the reference), fused loops for the CPU (numba) and for CUDA (Triton).
"""

import importlib
import importlib.util
import math
from functools import cache, lru_cache
from types import ModuleType
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

# Numbered as in the kernels.
_FIRING = ("superspike", "atan", "sigmoid", "soft", "integer", "identity")
_SUPERSPIKE, _ATAN, _SIGMOID, _SOFT, _INTEGER, _IDENTITY = range(6)
SURROGATES = _FIRING[:4]
RESETS = ("zero", "subtract", "none")
_BACKENDS = ("auto", "torch", "numba", "triton")
# The CPU pass multiplies by input weights itself, unless a product of its own is faster.
_FEWEST_UNITS, _MOST_INPUTS = 32, 2048


class LIFState(NamedTuple):
    """What a spiking layer carries from one stretch of time to the next.

    Attributes
    ----------
    potential : Tensor of shape (..., unit)
        Membrane potential after the last step's reset.
    current : Tensor of shape (..., unit) or None
        Synaptic current, for layers with a synaptic decay.
    spikes : Tensor of shape (..., unit) or None
        Spikes of the last step, for recurrent layers.
    """

    potential: Tensor
    current: Tensor | None = None
    spikes: Tensor | None = None

    def detach(self) -> "LIFState":
        """Return the same state without its gradient history."""
        current = None if self.current is None else self.current.detach()
        spikes = None if self.spikes is None else self.spikes.detach()
        return LIFState(self.potential.detach(), current, spikes)


_NONE = None, None, None
_AT_REST = LIFState(None)  # type: ignore[arg-type]


class Neuron(NamedTuple):
    """How a unit fires and resets: plain numbers, the same for all units."""

    firing: int
    scale: float
    top: float
    zero: float
    subtract: float
    attached: float


class _Weights(NamedTuple):
    """Connections of a layer, those that it has."""

    input: Tensor | None = None
    bias: Tensor | None = None
    recurrent: Tensor | None = None


_UNCONNECTED = _Weights()


class _Parameters(NamedTuple):
    """Numbers, or one per unit."""

    decay: float | Tensor
    threshold: float | Tensor
    synaptic_decay: float | Tensor | None


def lif(
    current: Tensor,
    *,
    decay: float | Tensor,
    threshold: float | Tensor = 1.0,
    synaptic_decay: float | Tensor | None = None,
    input_weight: Tensor | None = None,
    input_bias: Tensor | None = None,
    recurrent_weight: Tensor | None = None,
    state: LIFState | None = None,
    reset: str = "zero",
    detach_reset: bool = False,
    surrogate: str = "atan",
    scale: float = 2.0,
    max_spikes: int | None = None,
    backend: str = "auto",
) -> tuple[Tensor, LIFState]:
    """Turn input currents into spikes with leaky integrate-and-fire units.

    Parameters
    ----------
    current : Tensor of shape (time, ..., unit)
        Input current of every step, for example ``linear(x)`` over all steps at once.
    decay : float or Tensor of shape (unit,)
        What is left of the potential after one step, ``exp(-step / tau_mem)``.
    threshold : float or Tensor of shape (unit,), default=1.0
        Potential at which a unit fires.
    synaptic_decay : float or Tensor of shape (unit,), optional
        What is left of the synaptic current after one step. Without it the input is the current.
    input_weight : Tensor of shape (unit, input), optional
        Weights of a linear layer before the units: `current` then holds its inputs, of shape
        (time, ..., input). On the CPU one pass does both, and the currents are never stored.
    input_bias : Tensor of shape (unit,), optional
        Bias of that layer.
    recurrent_weight : Tensor of shape (unit, unit), optional
        Weight to each unit (row) from each unit's spike of the step before (column).
    state : LIFState, optional
        State to go on from. At rest (all zero) without it.
    reset : {"zero", "subtract", "none"}, default="zero"
        What a spike does to the potential: nothing is left (hard), the threshold is subtracted
        (soft), or nothing happens.
    detach_reset : bool, default=False
        Keep the gradient from flowing through the spike in the reset.
    surrogate : {"superspike", "atan", "sigmoid", "soft"}, default="atan"
        Derivative that stands in for that of the step, with ``u = h - threshold``:
        ``1 / (scale |u| + 1)^2``, ``scale / 2 / (1 + (pi / 2 scale u)^2)`` and
        ``scale p (1 - p)`` with ``p = 1 / (1 + exp(-scale u))``. "soft" also fires ``p`` instead
        of the step, so that its gradient is exact: raise `scale` in training to reach the step.
    scale : float, default=2.0
        Sharpness of the surrogate.
    max_spikes : int, optional
        Integer-valued firing: ``round(h / threshold)`` spikes between 0 and this number, with the
        derivative of the straight line in that range in place of the surrogate. Needs reset
        "subtract" or "none".
    backend : {"auto", "torch", "numba", "triton"}, default="auto"
        "numba" is the fused CPU pass, "triton" the fused CUDA pass, "torch" the plain reference
        on any device. "auto" takes the fused pass of the tensor's device.

    Returns
    -------
    spikes : Tensor of shape (time, ..., unit)
        Spikes of every step, in the type of `current`. NaN and infinite potentials show as NaN.
    state : LIFState
        State after the last step; computed in float32 for the 16-bit types.

    Raises
    ------
    TypeError
        If `current` is no floating tensor.
    ValueError
        If an option or a shape does not fit.

    References
    ----------
    .. [1] Neftci, Mostafa and Zenke (2019), Surrogate gradient learning in spiking neural
       networks, IEEE Signal Processing Magazine 36(6), 51-63.
    .. [2] Zenke and Ganguli (2018), SuperSpike, Neural Computation 30(6), 1514-1541.
    .. [3] Luo et al. (2024), Integer-valued training and spike-driven inference spiking neural
       network, ECCV (I-LIF).

    Examples
    --------
    >>> import torch
    >>> spikes, state = lif(torch.full((6, 1), 0.4), decay=0.9)
    >>> spikes[:, 0].tolist()
    [0.0, 0.0, 1.0, 0.0, 0.0, 1.0]
    """
    neuron = make_neuron(reset, detach_reset, surrogate, scale, max_spikes)
    weights = _UNCONNECTED
    if input_weight is not None or recurrent_weight is not None:
        weights = _Weights(input_weight, input_bias, recurrent_weight)
    parameters = _Parameters(decay, threshold, synaptic_decay)
    return _run(neuron, current, weights, parameters, state, backend, "lif")


def leaky(
    current: Tensor,
    *,
    decay: float | Tensor,
    synaptic_decay: float | Tensor | None = None,
    state: LIFState | None = None,
    backend: str = "auto",
) -> tuple[Tensor, LIFState]:
    """Integrate currents with a leak and never fire: the usual readout of a spiking network.

    Parameters
    ----------
    current : Tensor of shape (time, ..., unit)
        Input current of every step.
    decay : float or Tensor of shape (unit,)
        What is left of the potential after one step.
    synaptic_decay : float or Tensor of shape (unit,), optional
        What is left of the synaptic current after one step.
    state : LIFState, optional
        State to go on from. At rest without it.
    backend : {"auto", "torch", "numba", "triton"}, default="auto"
        As in `lif`.

    Returns
    -------
    potential : Tensor of shape (time, ..., unit)
        Potential of every step.
    state : LIFState
        State after the last step.

    Examples
    --------
    >>> import torch
    >>> leaky(torch.ones(3, 1), decay=0.5)[0][:, 0].tolist()
    [1.0, 1.5, 1.75]
    """
    neuron = Neuron(_IDENTITY, 1.0, 1.0, 0.0, 0.0, 0.0)
    parameters = _Parameters(decay, 1.0, synaptic_decay)
    return _run(neuron, current, _UNCONNECTED, parameters, state, backend, "leaky")


@lru_cache
def make_neuron(
    reset: str, detach_reset: bool, surrogate: str, scale: float, max_spikes: int | None
) -> Neuron:
    """Read the options of `lif` as numbers; refuse those that do not exist."""
    for name, value, known in (("reset", reset, RESETS), ("surrogate", surrogate, SURROGATES)):
        if value not in known:
            raise ValueError(f"lif: {name} must be one of {known}, got {value!r}.")
    if not scale > 0:
        raise ValueError(f"lif: scale must be positive, got {scale!r}.")
    firing = _FIRING.index(surrogate)
    if max_spikes is not None:
        if max_spikes < 1 or reset == "zero":
            raise ValueError(
                "lif: integer-valued firing needs max_spikes >= 1 and reset 'subtract' or 'none',"
                f" got max_spikes={max_spikes!r} and reset={reset!r}."
            )
        firing = _INTEGER
    return Neuron(
        firing,
        float(scale),
        float(max_spikes or 1),
        float(reset == "zero"),
        float(reset == "subtract"),
        float(not detach_reset),
    )


def _run(
    neuron: Neuron,
    x: Tensor,
    weights: _Weights,
    parameters: _Parameters,
    state: LIFState | None,
    backend: str,
    caller: str,
) -> tuple[Tensor, LIFState]:
    """Check the arguments, choose the backend, and run all steps."""
    if not isinstance(x, Tensor) or not x.is_floating_point():
        kind = x.dtype if isinstance(x, Tensor) else type(x).__name__
        raise TypeError(
            f"{caller}: current must be a floating-point tensor, got {kind}; call .float() on it."
        )
    state = _AT_REST if state is None else state
    plain = weights is _UNCONNECTED and state is _AT_REST  # as most calls are: small ones be quick
    given: tuple[object, ...] = parameters if plain else (*weights, *parameters, *state)
    shapes = [v.shape if isinstance(v, Tensor) else None for v in given]
    if plain:
        shapes = [*_NONE, *shapes, *_NONE]
    _check_shapes(x.shape, *shapes, caller)
    if parameters.synaptic_decay is None and state.current is not None:
        state = state._replace(current=None)
    kernels = _kernels(backend, x.device.type, x.dtype, caller)
    on_cpu = kernels is not None and x.device.type == "cpu"
    if weights.input is not None and not (on_cpu and _one_pass(x, weights)):
        x = F.linear(x, weights.input, weights.bias)
        weights = weights._replace(input=None, bias=None)
    if kernels is None:
        return _reference(neuron, x, *parameters, weights.recurrent, *state)
    connections = weights if on_cpu else weights.recurrent
    spikes, v, i = kernels.run(x, connections, parameters, state, neuron)
    return spikes, LIFState(v, i, None if weights.recurrent is None else spikes[-1].clone())


@lru_cache(1024)
def _check_shapes(
    x: torch.Size,
    input_weight: torch.Size | None,
    input_bias: torch.Size | None,
    recurrent_weight: torch.Size | None,
    decay: torch.Size | None,
    threshold: torch.Size | None,
    synaptic_decay: torch.Size | None,
    potential: torch.Size | None,
    current: torch.Size | None,
    spikes: torch.Size | None,
    caller: str,
) -> None:
    """Refuse shapes that do not fit together; those that did are not looked at again."""
    if len(x) < 2 or 0 in x:
        raise ValueError(
            f"{caller}: current must have dims (time, ..., unit), none of them empty, got the"
            f" shape {tuple(x)}."
        )
    n_units = x[-1]
    if input_weight is not None:
        n_units = input_weight[0]
        if input_weight[1:] != x[-1:]:
            raise ValueError(
                f"{caller}: input_weight must have the shape (unit, {x[-1]}) for these"
                f" inputs, got {tuple(input_weight)}."
            )
    values = decay, threshold, synaptic_decay
    for name, shape in zip(_Parameters._fields, values, strict=True):
        if shape is not None and shape not in ((), (n_units,)):
            raise ValueError(
                f"{caller}: {name} must be one number or one per unit ({n_units}), got the shape"
                f" {tuple(shape)}."
            )
    if recurrent_weight is not None and recurrent_weight != (n_units, n_units):
        raise ValueError(
            f"{caller}: recurrent_weight must have the shape ({n_units}, {n_units}), got"
            f" {tuple(recurrent_weight)}."
        )
    step = (*x[1:-1], n_units)
    for name, shape in zip(LIFState._fields, (potential, current, spikes), strict=True):
        if shape is not None and shape != step:
            raise ValueError(
                f"{caller}: state.{name} must have the shape {step} of one step, got"
                f" {tuple(shape)}."
            )


def _one_pass(x: Tensor, weights: _Weights) -> bool:
    """Return whether the CPU pass should apply the input weights itself."""
    types = {values.dtype for values in (x, *weights[:2]) if values is not None}
    return (
        types in ({torch.float32}, {torch.float64})
        and len(weights.input) >= _FEWEST_UNITS  # type: ignore[arg-type]
        and x.shape[-1] <= _MOST_INPUTS
        and not torch.is_autocast_enabled("cpu")
    )


@cache
def _installed(name: str) -> bool:
    return importlib.util.find_spec(name) is not None


@cache
def _kernels(backend: str, device: str, dtype: torch.dtype, caller: str) -> ModuleType | None:
    """Return the module of fused passes, or None for plain torch."""
    if backend not in _BACKENDS:
        raise ValueError(f"{caller}: backend must be one of {_BACKENDS}, got {backend!r}.")
    if backend == "auto":
        backend = "numba" if device == "cpu" else "torch"
        if device == "cuda" and dtype != torch.float64 and _installed("triton"):
            backend = "triton"
    if backend == "torch":
        return None
    if (backend == "numba") != (device == "cpu"):
        raise ValueError(
            f"{caller}: backend {backend!r} does not run on device {device!r}; use 'auto'."
        )
    if backend == "triton" and dtype == torch.float64:
        raise ValueError(
            f"{caller}: backend 'triton' computes in float32, got a float64 current; use 'auto'."
        )
    if backend == "triton" and not _installed("triton"):
        raise ImportError(f"{caller}: backend 'triton' needs triton; pip install triton.")
    module = "lif_cpu" if backend == "numba" else "spiking_cuda"
    return importlib.import_module(f"neurokit.nn.kernels.{module}")


def _state_dtype(current: Tensor) -> torch.dtype:
    """Potentials of 16-bit layers are float32."""
    return current.dtype if current.dtype == torch.float64 else torch.float32


# --- the reference: one step after the other, differentiated by autograd ---


def _reference(
    neuron: Neuron,
    current: Tensor,
    decay: float | Tensor,
    threshold: float | Tensor,
    synaptic_decay: float | Tensor | None,
    weight: Tensor | None,
    v: Tensor | None,
    i: Tensor | None,
    s: Tensor | None,
) -> tuple[Tensor, LIFState]:
    x_all = current.to(_state_dtype(current))
    v = torch.zeros_like(x_all[0]) if v is None else v
    i = torch.zeros_like(x_all[0]) if i is None else i
    s = torch.zeros_like(x_all[0]) if s is None else s.to(x_all.dtype)
    spikes = []
    for x in x_all.unbind(0):  # indexing x_all[t] would cost a full-size gradient per step
        if weight is not None:
            x = x + s @ weight.to(x.dtype).T
        if synaptic_decay is not None:
            x = i = synaptic_decay * i + x
        h = decay * v + x
        s = _fire(neuron, h, threshold)
        fired = s if neuron.attached else s.detach()
        v = h
        if neuron.zero:
            v = h - fired * h
        elif neuron.subtract:
            v = h - fired * threshold
        spikes.append(s)
    spikes_last = None if weight is None else s.to(current.dtype)
    i_last = None if synaptic_decay is None else i
    return torch.stack(spikes).to(current.dtype), LIFState(v, i_last, spikes_last)


def _fire(neuron: Neuron, h: Tensor, threshold: float | Tensor) -> Tensor:
    if neuron.firing == _IDENTITY:
        return h
    if neuron.firing == _SOFT:
        return torch.sigmoid(neuron.scale * (h - threshold))
    if neuron.firing == _INTEGER:
        u = h / threshold
        clipped = u.clamp(0.0, neuron.top)
        return clipped + (clipped.round() - clipped).detach()
    return _Step.apply(h - threshold, neuron.firing, neuron.scale)


class _Step(torch.autograd.Function):
    """The unit step (NaN in, NaN out) with a surrogate derivative."""

    @staticmethod
    def forward(ctx: Any, u: Tensor, firing: int, scale: float) -> Tensor:
        ctx.save_for_backward(u)
        ctx.surrogate = firing, scale
        return torch.where(u.isnan(), u, (u >= 0).to(u.dtype))

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
        (u,) = ctx.saved_tensors
        firing, scale = ctx.surrogate
        if firing == _SUPERSPIKE:
            slope = 1 / (scale * u.abs() + 1) ** 2
        elif firing == _ATAN:
            slope = 0.5 * scale / (1 + (0.5 * math.pi * scale * u) ** 2)
        else:
            p = torch.sigmoid(scale * u)
            slope = scale * p * (1 - p)
        return grad * slope, None, None
