"""Layers of spiking units, recurrent or not, and a readout; their steps are in `neurons`."""

import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from neurokit.nn.neurons import LIFState, leaky, lif, make_neuron

_HOOKS = "_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks"


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
        make_neuron(reset, detach_reset, surrogate, scale, max_spikes)
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
        return self._decay.forward()

    @property
    def synaptic_decay(self) -> Tensor | None:
        """Decay of the synaptic current, one per unit, or None."""
        return None if self._synaptic is None else self._synaptic.forward()

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
        return self._decay.forward()

    @property
    def synaptic_decay(self) -> Tensor | None:
        """Decay of the synaptic current, one per unit, or None."""
        return None if self._synaptic is None else self._synaptic.forward()

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
