"""Recurrent networks from spikes to movement: the accurate and costly neighbours."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from neurokit.decoders.networks.live import Buffer, Dense, to_array
from neurokit.decoders.networks.regressor import NetworkRegressor
from neurokit.types import Floats

if TYPE_CHECKING:
    from torch import nn

    from neurokit.training import Trainer

CELLS = ("gru", "lstm", "elm")


class RecurrentRegressor(NetworkRegressor):
    """Predict movement with a recurrent network: GRU, LSTM, or one expressive leaky memory.

    One recurrent layer on the counts and a linear readout, trained on overlapping windows. The
    state never crosses a jump of the clock or the border of a trial.

    Parameters
    ----------
    cell : {"gru", "lstm", "elm"}, default="gru"
        "elm" is a neuron with ``hidden`` leaky memories [1]_, whose time constants start between
        two steps and one second and are learned; it has the fewest parameters.
    hidden : int, default=32
        Units, or memories.
    dropout : float, default=0.0
        Share of the outputs that training hides from the readout.
    window : float, default=2.0
        Length of a training example in s. A quarter of it warms the state up.
    sampling_rate : float, optional
        In Hz; needed for plain arrays.
    trainer : Trainer, optional
        Default: ``Trainer(30, batch_size=8, learning_rate=5e-3)``.
    random_state : int, RandomState or None, default=None
        Seed of weights and batches.

    Attributes
    ----------
    module_ : neurokit.nn.SpikingSequential
        Its output is standardised: ``target_mean_`` and ``target_scale_`` undo that.
    history_ : list of dict
        Loss, rate and time of each epoch.
    cell_, hidden_, dropout_, window_
        What ``fit`` was given.
    dtype_ : str
        Type of the weights, see `quantized`.
    latency_ : float
        One step, in seconds where the rate is known: a count is known when its bin has ended, and
        a prediction waits for nothing else.
    sampling_rate_ : float
        Steps per second.
    n_features_in_ : int
    channels_ : list
        Names of the units, where they had names.

    Raises
    ------
    ValueError
        If a parameter is out of range, or plain arrays come without a ``sampling_rate``.

    References
    ----------
    .. [1] Spieler et al. (2024), The expressive leaky memory neuron: an efficient and expressive
       phenomenological neuron model can solve long-horizon tasks, ICLR.

    Examples
    --------
    >>> from neurokit.recording import behaviour, counts
    >>> from neurokit.training import Trainer
    >>> rng = np.random.default_rng(0)
    >>> hand = np.sin(np.arange(600) / 20)[:, None]
    >>> x = counts(rng.poisson(1 + hand @ np.ones((1, 12))).T, bin_width=0.02)
    >>> y = behaviour(hand, sampling_rate=50, features=["vx"])
    >>> trainer = Trainer(20, batch_size=2, learning_rate=2e-2, device="cpu")
    >>> RecurrentRegressor(hidden=8, trainer=trainer, random_state=0).fit(x, y).score(x, y) > 0.8
    True
    """

    def __init__(
        self,
        cell: str = "gru",
        *,
        hidden: int = 32,
        dropout: float = 0.0,
        window: float = 2.0,
        sampling_rate: float | None = None,
        trainer: Trainer | None = None,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.cell = cell
        self.hidden = hidden
        self.dropout = dropout
        self.window = window
        self.sampling_rate = sampling_rate
        self.trainer = trainer
        self.random_state = random_state

    def _plan(self) -> dict[str, object]:
        wanted = {
            "cell": (self.cell in CELLS, f"one of {CELLS}"),
            "hidden": (self.hidden >= 1, "1 or more"),
            "dropout": (0 <= self.dropout < 1, "in [0, 1)"),
            "window": (0 < self.window < math.inf, "positive"),
        }
        for name, (fine, what) in wanted.items():
            if not fine:
                raise ValueError(
                    f"RecurrentRegressor: {name} must be {what}, got {getattr(self, name)!r}."
                )
        return {f"{name}_": getattr(self, name) for name in wanted}

    def _build_module(self, name: str) -> nn.Module:
        from torch import nn

        from neurokit.nn.recurrent import ELM, Recurrent
        from neurokit.nn.spiking import SpikingSequential

        n_inputs = self.n_features_in_
        layer: nn.Module
        if self.cell_ == "elm":
            longest = max(self.sampling_rate_, 4.0)
            layer = ELM(n_inputs, self.hidden_, tau=(2.0, longest), tau_synapse=2.0)
        else:
            layer = Recurrent(self.cell_, n_inputs, self.hidden_)
        readout = nn.Linear(self.hidden_, len(self.target_mean_))
        return SpikingSequential(layer, nn.Dropout(self.dropout_), readout)

    def _initialise(self, module: Any, x: Floats) -> None:
        """Start as if the counts were standardised; units that are silent get no weight."""
        import torch

        spread = torch.from_numpy(x.std(0)).float()
        mean = torch.from_numpy(x.mean(0)).float()
        scale = torch.where(spread > 0, 1 / spread, 0.0)
        layer = module[0]
        with torch.no_grad():
            if self.cell_ == "elm":
                layer.weight.mul_(scale)
                rest = layer.weight * mean / (1 - layer.keep_trace)
                layer.hidden.bias.sub_(layer.hidden.weight[:, : len(rest)] @ rest)
            else:
                layer.layer.weight_ih_l0.mul_(scale)
                layer.layer.bias_ih_l0.sub_(layer.layer.weight_ih_l0 @ mean)

    def _layers(self) -> list[Any]:
        layer, _, readout = self.module_
        cell = _Memories(layer) if self.cell_ == "elm" else _Gates(self.cell_, layer.layer)
        return [cell, Dense(to_array(readout.weight), to_array(readout.bias))]


class _Gates:
    """A GRU or LSTM and its state."""

    def __init__(self, cell: str, layer: Any) -> None:
        from neurokit.decoders.networks.live_kernels import gru_layer, lstm_layer

        n_units = layer.hidden_size
        n_gates = len(layer.bias_ih_l0)
        n_states = 1 if cell == "gru" else 2
        self._run: Any = gru_layer if cell == "gru" else lstm_layer
        self._fixed = (
            np.ascontiguousarray(to_array(layer.weight_ih_l0).T),
            to_array(layer.bias_ih_l0),
            np.ascontiguousarray(to_array(layer.weight_hh_l0).T),
            to_array(layer.bias_hh_l0),
            *(np.zeros(n_units) for _ in range(n_states)),
            np.empty(n_gates),
            np.empty(n_gates),
        )
        self.hidden = self._fixed[4]  # what is multiplied by weights at the next step
        self._buffer = Buffer(n_units)

    def push(self, x: Floats) -> Floats:
        """Return the units at the new steps."""
        out = self._buffer.rows(len(x))
        self._run(x, *self._fixed, out)
        return out


class _Memories:
    """An expressive leaky memory and its state."""

    def __init__(self, layer: Any) -> None:
        from neurokit.decoders.networks.live_kernels import elm_layer

        n_memories, n_inputs = len(layer.log_tau), len(layer.weight)
        self._run: Any = elm_layer
        self._fixed = (
            to_array(layer.weight),
            layer.keep_trace,
            np.ascontiguousarray(to_array(layer.hidden.weight).T),
            to_array(layer.hidden.bias),
            np.ascontiguousarray(to_array(layer.change.weight).T),
            to_array(layer.change.bias),
            to_array(layer.keep),
            to_array(layer.take),
            np.zeros(n_memories),
            np.zeros(n_inputs),
            np.empty(n_inputs + n_memories),
            np.empty(len(layer.hidden.bias)),
            np.empty(n_memories),
        )
        self.hidden = self._fixed[8]
        self._buffer = Buffer(n_memories)

    def push(self, x: Floats) -> Floats:
        """Return the memories at the new steps."""
        out = self._buffer.rows(len(x))
        self._run(x, *self._fixed, out)
        return out
