"""What a network costs, counted as NeuroBench counts it: bytes, operations, sparsity, energy."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn
    from torch.utils.hooks import RemovableHandle

# Energy of one operation in pJ, 45 nm (Horowitz, ISSCC 2014): multiply-accumulate, accumulate.
PICOJOULES = {"float32": (4.6, 0.9), "float16": (1.5, 0.4), "int8": (0.23, 0.03)}


class Operations(NamedTuple):
    """Operations and activity of a network, per time step of one recording.

    Attributes
    ----------
    effective_macs : float
        Multiply-accumulates with a weight and an input that are both not zero, in layers whose
        input is not made of spikes.
    effective_acs : float
        Accumulates, the same in layers whose input holds nothing but -1, 0 and 1.
    dense : float
        Both, with every zero counted too.
    activation_sparsity : float
        Part of all outputs of spiking layers, ReLUs and sigmoids that are zero; NaN without any.
    membrane_updates : float
        Potentials that a step has changed; of the first step of all, every one.
    """

    effective_macs: float
    effective_acs: float
    dense: float
    activation_sparsity: float
    membrane_updates: float


def memory_footprint(module: nn.Module) -> int:
    """Return the bytes of all parameters and buffers, without the state of the neurons.

    Parameters
    ----------
    module : torch.nn.Module

    Returns
    -------
    int

    References
    ----------
    .. [1] Yik et al. (2025), The NeuroBench framework for benchmarking neuromorphic computing
       algorithms and systems, Nat. Commun. 16, 1545: "footprint".

    Examples
    --------
    >>> import torch
    >>> memory_footprint(torch.nn.Linear(96, 2))
    776
    """
    tensors = [*module.parameters(), *module.buffers()]
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)


def parameter_count(module: nn.Module) -> int:
    """Return the number of parameters.

    Parameters
    ----------
    module : torch.nn.Module

    Returns
    -------
    int

    Examples
    --------
    >>> import torch
    >>> parameter_count(torch.nn.Linear(96, 2))
    194
    """
    return sum(parameter.numel() for parameter in module.parameters())


def connection_sparsity(module: nn.Module) -> float:
    """Return the part of all connection weights that are zero, rounded to 4 places.

    Weights of linear, convolutional and recurrent layers count; biases of recurrent layers of
    torch count too, those of the others do not, as in NeuroBench.

    Parameters
    ----------
    module : torch.nn.Module

    Returns
    -------
    float
        NaN for a module without connections.

    Examples
    --------
    >>> import torch
    >>> layer = torch.nn.Linear(4, 2)
    >>> _ = torch.nn.init.zeros_(layer.weight[0])
    >>> connection_sparsity(layer)
    0.5
    """
    weights = [weight for layer in module.modules() for weight in _weights(layer)]
    total = sum(weight.numel() for weight in weights)
    zeros = sum(int((weight == 0).sum()) for weight in weights)
    return round(zeros / total, 4) if total else float("nan")


class OperationCounter:
    """Count the operations of every call of a module, while it is used as a context.

    Parameters
    ----------
    module : torch.nn.Module
        Its linear and convolutional layers, recurrent cells and the spiking layers of
        ``neurokit.nn`` are watched. Their inputs may hold all time steps at once, time first.

    Notes
    -----
    The counts are those of the package ``neurobench`` 2.3.0 on the same networks and inputs,
    called step by step, but for four places, where the definition [1]_ is kept:

    * Of a recurrent cell the package looks at the input alone: on spikes it takes the products
      with the state, and the gates, for accumulates. Here they are multiply-accumulates.
    * In dense operations of an LSTM the package leaves out states that are zero.
    * It refuses recurrent layers of torch; here they count as their cells.
    * It counts what the readout neurons would fire as activity. A readout here does not fire.

    References
    ----------
    .. [1] Yik et al. (2025), The NeuroBench framework for benchmarking neuromorphic computing
       algorithms and systems, Nat. Commun. 16, 1545: "synaptic operations", "activation
       sparsity", "membrane updates".

    Examples
    --------
    >>> import torch
    >>> layer = torch.nn.Linear(3, 2)
    >>> with OperationCounter(layer) as counter:
    ...     _ = layer(torch.tensor([[1.0, 0.0, 1.0], [0.0, 0.0, 1.0]]))
    >>> counter.per_step(2).effective_acs, counter.per_step(2).dense
    (3.0, 6.0)
    """

    def __init__(self, module: nn.Module) -> None:
        self._module = module
        self._macs = self._acs = self._dense = 0
        self._active = self._outputs = self._updates = 0
        self._begun: set[nn.Module] = set()
        self._hooks: list[RemovableHandle] = []

    def __enter__(self) -> Self:
        from torch import nn

        cells = (nn.LSTMCell, nn.GRUCell, nn.RNNCell)
        layers = (nn.LSTM, nn.GRU, nn.RNN)
        for layer in self._module.modules():
            hook: Callable[..., None] | None = None
            if isinstance(layer, nn.Linear):
                hook = self._linear
            elif isinstance(layer, nn.Conv1d | nn.Conv2d | nn.Conv3d):
                hook = self._convolution
            elif isinstance(layer, cells):
                hook = self._cell
            elif isinstance(layer, layers):
                hook = self._recurrent
            elif isinstance(layer, nn.ReLU | nn.Sigmoid):
                hook = self._activation
            elif _is_spiking(layer):
                hook = self._spiking
            if hook is not None:
                self._hooks.append(layer.register_forward_hook(hook))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for hook in self._hooks:
            hook.remove()
        self._hooks.clear()

    def per_step(self, n_steps: int) -> Operations:
        """Return what has been counted, divided by a number of time steps.

        Parameters
        ----------
        n_steps : int
            How many, over all recordings together.

        Returns
        -------
        Operations
        """
        if n_steps < 1:
            raise ValueError(f"OperationCounter: n_steps must be at least 1, got {n_steps!r}.")
        quiet = 1 - self._active / self._outputs if self._outputs else float("nan")
        sums = (self._macs, self._acs, self._dense)
        macs, acs, dense = (total / n_steps for total in sums)
        return Operations(macs, acs, dense, quiet, self._updates / n_steps)

    def _add(self, effective: int, dense: int, *inputs: Tensor) -> None:
        """Count the operations of one call: accumulates if every input is a spike or nothing."""
        if all(bool(((x == 0) | (x.abs() == 1)).all()) for x in inputs):
            self._acs += effective
        else:
            self._macs += effective
        self._dense += dense

    def _linear(self, layer: nn.Linear, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        self._add(*_products(layer.weight, inputs[0]), inputs[0])

    def _convolution(self, layer: Any, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        import torch

        x, weight = inputs[0], layer.weight

        def total(w: Tensor, values: Tensor) -> int:
            return int(layer._conv_forward(values, w, None).double().sum().round())

        with torch.no_grad():
            effective = total((weight != 0).to(x.dtype), (x != 0).to(x.dtype))
            dense = total(torch.ones_like(weight), torch.ones_like(x))
        self._add(effective, dense, x)

    def _cell(self, layer: Any, inputs: tuple[Tensor, ...], output: Any) -> None:
        """Count a recurrent cell: both products, and what its gates do to each unit."""
        x, state = inputs[0], inputs[1] if len(inputs) > 1 else None
        if state is None:
            state = x.new_zeros(*x.shape[:-1], layer.hidden_size)
        hidden, memory = state if isinstance(state, tuple) else (state, state)
        self._recurrence(layer, layer.weight_ih, layer.weight_hh, x, hidden, memory)

    def _recurrent(self, layer: Any, inputs: tuple[Tensor, ...], output: Any) -> None:
        """Count a recurrent layer of torch as its cells, unrolled."""
        import torch

        if layer.num_layers != 1 or layer.bidirectional:
            raise ValueError(
                "OperationCounter: recurrent layers must have one layer and one direction, got"
                f" {layer}; stack single ones."
            )
        x, outputs = inputs[0], output[0]
        time = 1 if layer.batch_first and x.ndim == 3 else 0
        first = memory = torch.zeros_like(outputs.narrow(time, 0, 1))
        if len(inputs) > 1 and inputs[1] is not None:
            state = inputs[1] if isinstance(inputs[1], tuple) else (inputs[1], inputs[1])
            first, memory = (part.transpose(0, time).reshape(first.shape) for part in state)
        hidden = torch.cat([first, outputs.narrow(time, 0, outputs.shape[time] - 1)], time)
        self._recurrence(layer, layer.weight_ih_l0, layer.weight_hh_l0, x, hidden, memory)

    def _recurrence(
        self,
        layer: Any,
        w_in: Tensor,
        w_hidden: Tensor,
        x: Tensor,
        hidden: Tensor,
        memory: Tensor,
    ) -> None:
        effective, dense = _products(w_in, x)
        more_effective, more_dense = _products(w_hidden, hidden)
        self._add(effective, dense, x)
        self._add(more_effective, more_dense, hidden)
        if "RNN" in type(layer).__name__:
            return
        # gates to state: LSTM f*c + i*g and o*tanh(c); GRU r*h, (1 - z)*n + z*h
        gates = 3 * hidden.numel()
        self._macs += gates - int((memory == 0).sum())  # at rest nothing is left to keep
        self._dense += gates

    def _activation(self, layer: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        self._active += int((output != 0).sum())
        self._outputs += output.numel()

    def _spiking(self, layer: Any, inputs: tuple[Any, ...], output: Any) -> None:
        import torch

        spikes = output[0]
        state = inputs[1] if len(inputs) > 1 else None
        if type(layer).__name__ != "LeakyIntegrator":
            self._activation(layer, inputs, spikes)
        weight = getattr(layer, "weight", None)
        if weight is not None:
            first = torch.zeros_like(spikes[:1]) if state is None else state.spikes[None]
            before = torch.cat([first.to(spikes.dtype), spikes[:-1]])
            self._add(*_products(weight, before), before)
        self._updates += _updates(layer, inputs[0], state, output[1], layer not in self._begun)
        self._begun.add(layer)


def count_operations(module: nn.Module, run: Callable[[], object], n_steps: int) -> Operations:
    """Count the operations of a module while ``run()`` uses it.

    Parameters
    ----------
    module : torch.nn.Module
    run : callable
        Without arguments; calls the module, through an estimator or by itself.
    n_steps : int
        Time steps that it decodes, of all recordings together.

    Returns
    -------
    Operations

    Examples
    --------
    >>> import torch
    >>> layer = torch.nn.Linear(3, 2)
    >>> count_operations(layer, lambda: layer(torch.ones(4, 3)), 4).dense
    6.0
    """
    import torch

    with torch.no_grad(), OperationCounter(module) as counter:
        run()
    return counter.per_step(n_steps)


def operation_energy(operations: Operations, dtype: str = "float32") -> float:
    """Return the energy of the arithmetic alone, in nJ per time step.

    Parameters
    ----------
    operations : Operations
    dtype : {"float32", "float16", "int8"}, default="float32"
        Bits of weights and activations.

    Returns
    -------
    float
        Without memory: on most hardware fetching the weights costs more. See `memory_energy`.

    References
    ----------
    .. [1] Horowitz (2014), Computing's energy problem, ISSCC, 10-14, for 45 nm.

    Examples
    --------
    >>> operation_energy(Operations(4970, 0, 6237, 0.7, 0))  # the ANN2D baseline of NeuroBench
    22.862
    """
    if dtype not in PICOJOULES:
        raise ValueError(
            f"operation_energy: dtype must be one of {list(PICOJOULES)}, got {dtype!r}."
        )
    mac, ac = PICOJOULES[dtype]
    return (operations.effective_macs * mac + operations.effective_acs * ac) / 1000


def memory_energy(operations: Operations, n_bytes: int, n_neurons: int = 0) -> float:
    """Return the energy of memory traffic, in nJ per time step, by Lemaire's model.

    Every effective operation reads one weight, every neuron reads and writes its state, from an
    SRAM as large as the network: 10 pJ per 32-bit access at 8 kB, 20 at 32 kB, 100 at 1 MB,
    straight lines in between.

    Parameters
    ----------
    operations : Operations
    n_bytes : int
        What the network takes: see `memory_footprint`.
    n_neurons : int, default=0
        Neurons with a state.

    Returns
    -------
    float

    References
    ----------
    .. [1] Lemaire et al. (2022), An analytical estimation of spiking neural networks energy
       efficiency, ICONIP, Table 1.

    Examples
    --------
    >>> import torch
    >>> layer = torch.nn.Linear(3, 2)
    >>> operations = count_operations(layer, lambda: layer(torch.ones(4, 3)), 4)
    >>> memory_energy(operations, memory_footprint(layer))
    0.06
    """
    per_access = np.interp(n_bytes, [0, 8e3, 32e3, 1e6], [10, 10, 20, 100])
    accesses = operations.effective_macs + operations.effective_acs + 2 * n_neurons
    return float(accesses * per_access / 1000)


def bit_budget(
    operations: Operations, *, n_steps: int, activation_bits: int, weight_bits: int
) -> float:
    """Return steps x activation bits x weight bits x operations: what time and bits trade for.

    Parameters
    ----------
    operations : Operations
    n_steps : int
        Network steps for one decision.
    activation_bits, weight_bits : int
        1 for spikes.

    Returns
    -------
    float

    References
    ----------
    .. [1] Shen et al. (2024), Are conventional SNNs really efficient? A perspective from network
       quantization, CVPR (arXiv:2311.10802): the bit budget.

    Examples
    --------
    >>> import torch
    >>> layer = torch.nn.Linear(3, 2)
    >>> operations = count_operations(layer, lambda: layer(torch.ones(4, 3)), 4)
    >>> bit_budget(operations, n_steps=4, activation_bits=1, weight_bits=8)
    192.0
    """
    count = operations.effective_macs + operations.effective_acs
    return float(n_steps * activation_bits * weight_bits * count)


def _products(weight: Tensor, x: Tensor) -> tuple[int, int]:
    """Products with two factors that are not zero, and all products, of ``x @ weight.T``."""
    rows = x.reshape(-1, x.shape[-1])
    used = (rows != 0).sum(0)
    effective = int((used * (weight != 0).sum(0)).sum())
    return effective, len(rows) * weight.numel()


def _is_spiking(layer: nn.Module) -> bool:
    return hasattr(layer, "n_units") and hasattr(layer, "decay")


def _updates(layer: Any, current: Tensor, state: Any, after: Any, first: bool) -> int:
    """Potentials that a step has changed; of the first step of all, every one."""
    import torch

    step = type(layer).forward  # without the hooks
    total = 0
    with torch.no_grad():
        for now in current.unbind(0):
            before = 0.0 if state is None else state.potential
            # where one step was asked for, its state is known
            state = after if len(current) == 1 else step(layer, now[None], state)[1]
            total += now.numel() if first else int((state.potential != before).sum())
            first = False
    return total


def _weights(layer: Any) -> list[torch.Tensor]:
    from torch import nn

    if isinstance(layer, nn.Linear | nn.Conv1d | nn.Conv2d | nn.Conv3d):
        return [layer.weight]
    if isinstance(layer, nn.RNNBase | nn.RNNCellBase):
        return list(layer.parameters())
    if _is_spiking(layer) and getattr(layer, "weight", None) is not None:
        return [layer.weight]
    return []
