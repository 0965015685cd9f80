"""Spiking layers with explicit state: leaky integrate-and-fire, recurrent or not, and a readout.

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
from collections.abc import Iterator
from functools import cache, lru_cache
from types import ModuleType
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

# Numbered as in the kernels.
_FIRING = ("superspike", "atan", "sigmoid", "soft", "integer", "identity")
_SUPERSPIKE, _ATAN, _SIGMOID, _SOFT, _INTEGER, _IDENTITY = range(6)
SURROGATES = _FIRING[:4]
RESETS = ("zero", "subtract", "none")
_BACKENDS = ("auto", "torch", "numba", "triton")
_HOOKS = "_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks"
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
    neuron = _neuron(reset, detach_reset, surrogate, scale, max_spikes)
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
    return _run(neuron, current, _Weights(), parameters, state, backend, "leaky")


class LIF(nn.Module):
    """Layer of leaky integrate-and-fire units that keeps no state of its own.

    Parameters
    ----------
    n_units : int
        Number of units.
    decay, threshold, synaptic_decay : float or Tensor of shape (unit,)
        As in `lif`.
    learn_decay, learn_threshold : bool, default=False
        Learn one value per unit. Decays are learned through the logistic function, so that they
        stay between 0 and 1.
    reset, detach_reset, surrogate, scale, max_spikes, backend
        As in `lif`. With the surrogate "soft" units fire whole spikes in evaluation, and
        `schedule` makes training approach that.

    Examples
    --------
    >>> import torch
    >>> layer = LIF(3, decay=0.8, learn_decay=True)
    >>> spikes, state = layer(torch.ones(5, 2, 3))
    >>> more, state = layer(torch.ones(4, 2, 3), state)
    >>> more.shape
    torch.Size([4, 2, 3])
    """

    carries_state = True

    def __init__(
        self,
        n_units: int,
        *,
        decay: float | Tensor = 0.9,
        threshold: float | Tensor = 1.0,
        synaptic_decay: float | Tensor | None = None,
        learn_decay: bool = False,
        learn_threshold: bool = False,
        reset: str = "zero",
        detach_reset: bool = False,
        surrogate: str = "atan",
        scale: float = 2.0,
        max_spikes: int | None = None,
        backend: str = "auto",
    ) -> None:
        super().__init__()
        _neuron(reset, detach_reset, surrogate, scale, max_spikes)
        self.n_units = n_units
        self.reset = reset
        self.detach_reset = detach_reset
        self.surrogate = surrogate
        self.scale = self._softest = scale
        self.max_spikes = max_spikes
        self.backend = backend
        self._decay = _Decay(n_units, decay, learn_decay)
        self._synaptic = (
            None if synaptic_decay is None else _Decay(n_units, synaptic_decay, learn_decay)
        )
        values = _per_unit(threshold, n_units, type(self).__name__, "threshold")
        if learn_threshold:
            self.threshold = nn.Parameter(values)
        else:
            self.register_buffer("threshold", values)

    @property
    def decay(self) -> Tensor:
        """Decay of the potential, one per unit."""
        return self._decay()

    @property
    def synaptic_decay(self) -> Tensor | None:
        """Decay of the synaptic current, one per unit, or None."""
        return None if self._synaptic is None else self._synaptic()

    def forward(
        self, current: Tensor, state: LIFState | None = None, linear: nn.Linear | None = None
    ) -> tuple[Tensor, LIFState]:
        """Return the spikes of every step and the state after the last.

        With `linear`, `current` is what goes into that layer, applied in the same pass.
        """
        whole = self.surrogate == "soft" and not self.training
        return lif(
            current,
            decay=self.decay,
            threshold=self.threshold,
            synaptic_decay=self.synaptic_decay,
            input_weight=None if linear is None else linear.weight,
            input_bias=None if linear is None else linear.bias,
            recurrent_weight=self._recurrent_weight(),
            state=state,
            reset=self.reset,
            detach_reset=self.detach_reset,
            surrogate="sigmoid" if whole else self.surrogate,
            scale=self.scale,
            max_spikes=self.max_spikes,
            backend=self.backend,
        )

    def schedule(self, progress: float) -> None:
        """Sharpen the soft surrogate, evenly in its logarithm, to ten times its first scale.

        Parameters
        ----------
        progress : float
            Share of the training that is done, 0 to 1.
        """
        if self.surrogate == "soft":
            self.scale = self._softest * 10**progress

    def _recurrent_weight(self) -> Tensor | None:
        return None

    def extra_repr(self) -> str:
        """Show what tells this layer from the default one."""
        return f"{self.n_units}, reset={self.reset!r}, surrogate={self.surrogate!r}"


class RecurrentLIF(LIF):
    """Layer of leaky integrate-and-fire units that also hear each other's last spikes.

    Takes the arguments of `LIF`. The recurrent weights start normal with a standard deviation of
    ``1 / sqrt(n_units)``.

    Attributes
    ----------
    weight : Parameter of shape (unit, unit)
        Weight to each unit (row) from each unit (column).

    Examples
    --------
    >>> import torch
    >>> spikes, state = RecurrentLIF(3)(torch.ones(5, 2, 3))
    >>> state.spikes.shape
    torch.Size([2, 3])
    """

    def __init__(self, n_units: int, **options: Any) -> None:
        super().__init__(n_units, **options)
        self.weight = nn.Parameter(torch.randn(n_units, n_units) / math.sqrt(n_units))

    def _recurrent_weight(self) -> Tensor:
        return self.weight


class LeakyIntegrator(nn.Module):
    """Readout layer: potentials that leak and never fire. Keeps no state of its own.

    Parameters
    ----------
    n_units : int
        Number of units.
    decay, synaptic_decay : float or Tensor of shape (unit,)
        As in `leaky`.
    learn_decay : bool, default=False
        Learn one decay per unit.
    backend : {"auto", "torch", "numba", "triton"}, default="auto"
        As in `lif`.

    Examples
    --------
    >>> import torch
    >>> potential, state = LeakyIntegrator(2, decay=0.5)(torch.ones(3, 1, 2))
    >>> potential[:, 0, 0].tolist()
    [1.0, 1.5, 1.75]
    """

    carries_state = True

    def __init__(
        self,
        n_units: int,
        *,
        decay: float | Tensor = 0.9,
        synaptic_decay: float | Tensor | None = None,
        learn_decay: bool = False,
        backend: str = "auto",
    ) -> None:
        super().__init__()
        self.n_units = n_units
        self.backend = backend
        self._decay = _Decay(n_units, decay, learn_decay)
        self._synaptic = (
            None if synaptic_decay is None else _Decay(n_units, synaptic_decay, learn_decay)
        )

    @property
    def decay(self) -> Tensor:
        """Decay of the potential, one per unit."""
        return self._decay()

    @property
    def synaptic_decay(self) -> Tensor | None:
        """Decay of the synaptic current, one per unit, or None."""
        return None if self._synaptic is None else self._synaptic()

    def forward(self, current: Tensor, state: LIFState | None = None) -> tuple[Tensor, LIFState]:
        """Return the potential of every step and the state after the last."""
        return leaky(
            current,
            decay=self.decay,
            synaptic_decay=self.synaptic_decay,
            state=state,
            backend=self.backend,
        )

    def extra_repr(self) -> str:
        """Show the number of units."""
        return f"{self.n_units}"


class SpikingSequential(nn.Sequential):
    """Layers in a row, whose states go in and come out together.

    Layers that say ``carries_state = True``, as those of this package do, take and return a
    state; all others (``nn.Linear``, ``nn.Dropout``) are applied to all steps at once.

    Examples
    --------
    >>> import torch
    >>> network = SpikingSequential(torch.nn.Linear(4, 8), LIF(8), torch.nn.Linear(8, 2))
    >>> output, states = network(torch.ones(10, 3, 4))
    >>> output.shape, len(states)
    (torch.Size([10, 3, 2]), 3)
    """

    def forward(
        self, x: Tensor, states: tuple[object, ...] | None = None
    ) -> tuple[Tensor, tuple[object, ...]]:
        """Return the last layer's output of every step and all states after the last."""
        after: list[object] = [None] * len(self)
        for k, output, state in self.walk(x, states):
            x, after[k] = output, state
        return x, tuple(after)

    def walk(
        self, x: Tensor, states: tuple[object, ...] | None = None
    ) -> Iterator[tuple[int, Tensor, object]]:
        """Yield the place, output and last state of one layer after the other.

        A linear layer before a `LIF` is applied in that layer's pass and yields nothing, unless
        it has hooks.
        """
        before = (None,) * len(self) if states is None else states
        if len(before) != len(self):
            raise ValueError(
                f"SpikingSequential: expects one state per layer ({len(self)}), got {len(before)};"
                " pass the states that the last call returned."
            )
        layers, linear = list(self), None
        for k, layer in enumerate(layers):
            if _joins(layer, layers[k + 1 : k + 2]):
                linear = layer
                continue
            state = before[k]
            if linear is not None:
                x, state = layer(x, state, linear)
                linear = None
            elif getattr(layer, "carries_state", False):
                x, state = layer(x, state)
            else:
                x = layer(x)
            yield k, x, state


def _joins(layer: nn.Module, following: list[nn.Module]) -> bool:
    """Return whether a linear layer may be applied by the one that follows."""
    return (
        type(layer) is nn.Linear
        and [type(x) for x in following] in ([LIF], [RecurrentLIF])
        and not any(getattr(layer, name) for name in _HOOKS)
    )


class _Decay(nn.Module):
    """One decay per unit, fixed or learned through the logistic function."""

    def __init__(self, n_units: int, decay: float | Tensor, learned: bool) -> None:
        super().__init__()
        values = _per_unit(decay, n_units, "LIF", "decay")
        inside = (values > 0) & (values < 1) if learned else (values >= 0) & (values <= 1)
        if not bool(inside.all()):
            raise ValueError(
                "LIF: decay must lie between 0 and 1 (and strictly between them to be learned),"
                f" got {decay!r}."
            )
        self.learned = learned
        if learned:
            self.logit = nn.Parameter(torch.logit(values))
        else:
            self.register_buffer("value", values)

    value: Tensor

    def forward(self) -> Tensor:
        return torch.sigmoid(self.logit) if self.learned else self.value


def _per_unit(values: float | Tensor, n_units: int, caller: str, name: str) -> Tensor:
    values = torch.as_tensor(values, dtype=torch.get_default_dtype()).detach()
    if values.ndim and values.shape != (n_units,):
        raise ValueError(
            f"{caller}: {name} must be one number or one per unit ({n_units}), got the shape"
            f" {tuple(values.shape)}."
        )
    return values.expand(n_units).clone()


@lru_cache
def _neuron(
    reset: str, detach_reset: bool, surrogate: str, scale: float, max_spikes: int | None
) -> Neuron:
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
    if x.ndim < 2 or 0 in x.shape:
        raise ValueError(
            f"{caller}: current must have dims (time, ..., unit), none of them empty, got the"
            f" shape {tuple(x.shape)}."
        )
    n_units = x.shape[-1]
    if weights.input is not None:
        n_units = len(weights.input)
        if weights.input.shape[1:] != x.shape[-1:]:
            raise ValueError(
                f"{caller}: input_weight must have the shape (unit, {x.shape[-1]}) for these"
                f" inputs, got {tuple(weights.input.shape)}."
            )
    for name, values in zip(parameters._fields, parameters, strict=True):
        if isinstance(values, Tensor) and values.shape not in ((), (n_units,)):
            raise ValueError(
                f"{caller}: {name} must be one number or one per unit ({n_units}), got the shape"
                f" {tuple(values.shape)}."
            )
    if weights.recurrent is not None and weights.recurrent.shape != (n_units, n_units):
        raise ValueError(
            f"{caller}: recurrent_weight must have the shape ({n_units}, {n_units}), got"
            f" {tuple(weights.recurrent.shape)}."
        )
    state = LIFState(None, None, None) if state is None else state  # type: ignore[arg-type]
    shape = (*x.shape[1:-1], n_units)
    for name, values in zip(state._fields, state, strict=True):
        if values is not None and values.shape != shape:
            raise ValueError(
                f"{caller}: state.{name} must have the shape {shape} of one step, got"
                f" {tuple(values.shape)}."
            )
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
    module = "lif_cpu" if backend == "numba" else "lif_cuda"
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
