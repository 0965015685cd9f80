"""A small network on a window of counts: the dense baselines of NeuroBench."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from neurokit.decoders.networks.live import Dense, Windows, to_array
from neurokit.decoders.networks.regressor import NetworkRegressor
from neurokit.decoders.networks.windows import gather_windows, part_width, running_sums
from neurokit.inputs.series import Series
from neurokit.types import Floats

if TYPE_CHECKING:
    from torch import Tensor, nn

    from neurokit.training import Trainer
    from neurokit.types import Loss


class WindowMLPRegressor(NetworkRegressor):
    """Predict movement from the counts of the last 0.2 s with a small rectified network.

    With one part, every unit's count over the whole window (ANN2D of NeuroBench [1]_); with seven,
    its counts in seven parts of it one after the other (ANN3D). Hidden layers of rectified units,
    each batch-normalised. Before the first step of a stretch stands silence.

    Parameters
    ----------
    hidden : tuple of int, default=(32, 48)
        Units of the hidden layers.
    n_parts : int, default=1
        Parts of the window; what does not divide into them is left out.
    window : float, default=0.2
        Length of the window in s.
    dropout : float, default=0.5
        Share of the last hidden layer that training hides.
    sampling_rate : float, optional
        In Hz; needed for plain arrays.
    trainer : Trainer, optional
        Default: ``Trainer(20, batch_size=512, learning_rate=5e-3, weight_decay=0.01)``.
    random_state : int, RandomState or None, default=None
        Seed of weights and batches.

    Attributes
    ----------
    module_ : neurokit.nn.SpikingSequential
        Its output is standardised: ``target_mean_`` and ``target_scale_`` undo that.
    history_ : list of dict
        Loss, rate and time of each epoch.
    hidden_, n_parts_, dropout_
        What ``fit`` was given.
    width_ : int
        Steps in each part of the window.
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
    .. [1] Yik et al. (2025), The NeuroBench framework for benchmarking neuromorphic computing
       algorithms and systems, Nat. Commun. 16, 1545.

    Examples
    --------
    >>> from neurokit.recording import behaviour, counts
    >>> from neurokit.training import Trainer
    >>> rng = np.random.default_rng(0)
    >>> hand = np.sin(np.arange(600) / 20)[:, None]
    >>> x = counts(rng.poisson(1 + hand @ np.ones((1, 12))).T, bin_width=0.02)
    >>> y = behaviour(hand, sampling_rate=50, features=["vx"])
    >>> trainer = Trainer(30, batch_size=100, learning_rate=2e-2, device="cpu")
    >>> WindowMLPRegressor((16,), trainer=trainer, random_state=0).fit(x, y).score(x, y) > 0.8
    True
    """

    _training: ClassVar[dict[str, float | str | None]] = {
        "n_epochs": 20,
        "batch_size": 512,
        "learning_rate": 5e-3,
        "weight_decay": 0.01,
    }
    _begins_anew = True

    def __init__(
        self,
        hidden: tuple[int, ...] = (32, 48),
        *,
        n_parts: int = 1,
        window: float = 0.2,
        dropout: float = 0.5,
        sampling_rate: float | None = None,
        trainer: Trainer | None = None,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.hidden = hidden
        self.n_parts = n_parts
        self.window = window
        self.dropout = dropout
        self.sampling_rate = sampling_rate
        self.trainer = trainer
        self.random_state = random_state

    def _plan(self) -> dict[str, object]:
        sizes = np.atleast_1d(self.hidden)
        wanted = {
            "hidden": (len(sizes) > 0 and min(sizes) >= 1, "numbers of units, 1 or more"),
            "n_parts": (self.n_parts >= 1, "1 or more"),
            "window": (0 < self.window < math.inf, "positive"),
            "dropout": (0 <= self.dropout < 1, "in [0, 1)"),
        }
        for name, (fine, what) in wanted.items():
            if not fine:
                raise ValueError(
                    f"WindowMLPRegressor: {name} must be {what}, got {getattr(self, name)!r}."
                )
        width = part_width(self.window, self.n_parts, self.sampling_rate_, "WindowMLPRegressor")
        return {
            "hidden_": [int(n_units) for n_units in sizes],
            "n_parts_": self.n_parts,
            "width_": width,
            "dropout_": self.dropout,
        }

    def _build_module(self, name: str) -> nn.Module:
        from torch import nn

        from neurokit.nn.spiking import SpikingSequential

        layers: list[nn.Module] = []
        width = self.n_features_in_ * self.n_parts_
        for n_units in self.hidden_:
            layers += [nn.Linear(width, n_units), nn.ReLU(), nn.BatchNorm1d(n_units)]
            width = n_units
        return SpikingSequential(
            *layers, nn.Dropout(self.dropout_), nn.Linear(width, len(self.target_mean_))
        )

    def _initialise(self, module: Any, x: Floats) -> None:
        """Start as if the counts were standardised; units that are silent get no weight."""
        import torch

        size = self.n_parts_ * self.width_
        sums, where = running_sums(x, [slice(0, len(x))], size)
        step = max(len(x) // 4000, 1)
        seen = gather_windows(sums, where[::step], self.n_parts_, self.width_).flatten(1)
        spread = seen.std(0, correction=0)
        with torch.no_grad():
            module[0].weight.mul_(torch.where(spread > 0, 1 / spread, 0.0))
            module[0].bias.sub_(module[0].weight @ seen.mean(0))

    def _problem(self, rows: Series, y: Floats) -> tuple[tuple[Tensor, ...], Loss]:
        import torch

        n_parts, width = self.n_parts_, self.width_
        sums, where = running_sums(rows.values, rows.runs, n_parts * width)

        def loss(module: nn.Module, at: Tensor, truth: Tensor) -> Tensor:
            if len(at) == 1:  # one example has no spread to normalise by
                at, truth = at.repeat(2), truth.repeat(2, 1)
            x = gather_windows(sums.to(at.device), at, n_parts, width)
            return ((module(x.flatten(1))[0] - truth) ** 2).mean()

        # The first rows of a stretch stay in: `predict` and live use see silence before them too,
        # and a network that was never shown such windows answers wildly there.
        return (where, torch.from_numpy(y)), loss

    def _inputs(self, x: Floats) -> Iterator[NDArray[np.float32]]:
        windows = Windows(x.shape[1], self.n_parts_, self.width_)
        for row in x[:, None]:
            yield windows.push(row).reshape(1, -1).astype(np.float32)

    def _layers(self) -> list[Any]:
        """Return the steps, with each normalisation put into the weights after it."""
        from torch import nn

        steps: list[Any] = [Windows(self.n_features_in_, self.n_parts_, self.width_), _Flat()]
        gain, offset = np.ones(1), np.zeros(1)
        linear = [layer for layer in self.module_ if isinstance(layer, nn.Linear)]
        norms = [layer for layer in self.module_ if isinstance(layer, nn.BatchNorm1d)]
        for layer, norm in zip(linear, [*norms, None], strict=True):
            weight = to_array(layer.weight)
            bias = to_array(layer.bias) + weight @ np.broadcast_to(offset, weight.shape[1])
            steps.append(Dense(weight * gain, bias, rectified=norm is not None))
            if norm is not None:
                gain = to_array(norm.weight) / np.sqrt(to_array(norm.running_var) + norm.eps)
                offset = to_array(norm.bias) - gain * to_array(norm.running_mean)
        return steps


class _Flat:
    """Parts of a window side by side."""

    def push(self, x: Floats) -> Floats:
        """Return one row per window."""
        return x.reshape(len(x), x.shape[1] * x.shape[2])
