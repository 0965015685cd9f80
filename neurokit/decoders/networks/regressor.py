"""What the networks along time share: how they learn, go on learning, predict and run live."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from copy import deepcopy
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from neurokit.decoders.networks.counting import cost_of_network, count_numbers
from neurokit.decoders.networks.learning import (
    average_error,
    draw_seed,
    prune,
    slow_down,
)
from neurokit.decoders.networks.live import NetworkStream
from neurokit.decoders.networks.rounding import TYPES, find_steps, round_between, round_weights
from neurokit.decoders.networks.windows import cut_windows
from neurokit.decoders.regressor import TimeRegressor, length_of_step, match_outputs
from neurokit.inputs.chunks import ChunkLabels
from neurokit.inputs.lazily import is_lazy, send_lazily
from neurokit.inputs.past import leave_unknown_out
from neurokit.inputs.rates import require_rate
from neurokit.inputs.series import Series, series
from neurokit.inputs.targets import Target, target
from neurokit.metrics.cost import Cost
from neurokit.types import Floats, Recording, Targets

if TYPE_CHECKING:
    from sklearn.utils import Tags
    from torch import Tensor, nn

    from neurokit.training import Trainer
    from neurokit.types import Loss

_N_BLOCKS = 10  # of successive time, of which a trainer may hold some out


class NetworkRegressor(TimeRegressor):
    """Base of the regressors that have a network of ``neurokit.nn`` as ``module_``.

    A subclass says what its parameters decide (`_plan`), how its network is made
    (`_build_module`), started (`_initialise`), and run live (`_layers`). Predictions are made by
    the live steps: what a stream gives is what ``predict`` gave, to the bit.
    """

    trainer: Trainer | None
    random_state: int | np.random.RandomState | None
    sampling_rate: float | None
    module_: Any
    _training: ClassVar[dict[str, float | str | None]] = {
        "n_epochs": 30,
        "batch_size": 8,
        "learning_rate": 5e-3,
    }
    _begins_anew = False  # whether the network forgets after every step
    _pruned = 0.0  # share of the weights that is set to zero after training

    def fit(self, X: Recording, y: Targets | None) -> Self:
        """Train the network from the start.

        Parameters
        ----------
        X : xarray.DataArray with dims ([trial,] unit, time), or array-like (n_times, n_units)
        y : xarray.DataArray with dims ([trial,] time, feature), or array-like (n_times, n_outputs)

        Returns
        -------
        self

        Raises
        ------
        ImportError
            If torch is not installed.
        """
        from neurokit.training import import_torch

        import_torch(type(self).__name__)
        from neurokit.nn.draws import seeded

        rows = series(self, X, reset=True, past=True)
        rows, truth = leave_unknown_out(rows, target(self, y, rows))
        self.sampling_rate_ = require_rate(self, rows.sampling_rate or self.sampling_rate)
        self._keep_plan()
        self._remember_target(truth)
        spread = truth.values.std(0)
        self.target_mean_ = truth.values.mean(0)
        self.target_scale_ = np.where(spread > 0, spread, 1.0)
        self.latency_ = length_of_step(self.sampling_rate_)
        seed = draw_seed(self.random_state)
        with seeded(seed):
            module = self._build_module("module_")
            self._initialise(module, rows.values)
        self.module_ = module
        return self._learn(rows, truth, self.trainer or self.make_trainer(), seed)

    def partial_fit(self, X: Recording, y: Targets | None) -> Self:
        """Go on learning from more data, such as a few minutes of a new day.

        The network starts from what it is, with a quarter of the epochs and of the learning rate.

        Parameters
        ----------
        X, y : as in `fit`

        Returns
        -------
        self
        """
        if not hasattr(self, "module_"):
            return self.fit(X, y)
        rows = series(self, X, reset=False, past=True)
        rows, truth = leave_unknown_out(rows, target(self, y, rows))
        truth = match_outputs(self, truth, len(self.target_mean_))
        trainer = slow_down(self.trainer or self.make_trainer())
        self.module_ = deepcopy(self.module_)
        return self._learn(rows, truth, trainer, draw_seed(self.random_state))

    def predict(self, X: Recording) -> Any:
        """Predict the movement at every time step, from it and those before.

        Parameters
        ----------
        X : as in `fit`

        Returns
        -------
        xarray.DataArray with dims ([trial,] time, feature), or ndarray
        """
        check_is_fitted(self)
        if is_lazy(X):
            return send_lazily(self, "predict", X)
        rows = series(self, X, reset=False, past=True)
        out = np.empty((len(rows.values), len(self.target_mean_)))
        for run in rows.runs:  # the state never crosses a jump of the clock
            self.stream().push(rows.values[run], out=out[run])
        return self._label(rows, out)

    def stream(self) -> NetworkStream:
        """Begin a live recording.

        Returns
        -------
        stream
            ``push(chunk, out=None)`` takes the next counts, shape (n, n_units), and returns as
            many predictions, shape (n, n_outputs), those of `predict`; written to ``out`` where
            given, nothing is allocated. ``flush()`` returns no more. Runs without torch.
        """
        check_is_fitted(self)
        layers = round_between(self._layers(), getattr(self, "activation_steps_", None))
        stream = NetworkStream(
            type(self).__name__,
            layers,
            self.n_features_in_,
            self.target_mean_,
            self.target_scale_,
        )
        stream.labels = ChunkLabels.of_fit(self)
        return stream

    def quantized(self, dtype: str, X: Recording | None = None) -> Self:
        """Return a copy whose weights have been rounded, to be scored again.

        Parameters
        ----------
        dtype : {"float16", "int8"}
            "int8" has one scale for each unit's weights. Biases, time constants and potentials
            stay as they are.
        X : as in `predict`, optional
            Recordings that the rounding of activations is fitted on. Given, what each layer hears
            is rounded too, and the hidden state of recurrent ones: with "int8" to 127 steps up to
            the largest value in ``X``, or to whole numbers where there are no others.

        Returns
        -------
        estimator of this class
            Its ``dtype_`` says so; `footprint` counts its bytes by it, and the bits of
            activations by ``activation_steps_``, which it has if ``X`` was given.
        """
        check_is_fitted(self)
        if dtype not in TYPES:
            raise ValueError(
                f"{type(self).__name__}.quantized: dtype must be one of {list(TYPES)}, got"
                f" {dtype!r}."
            )
        twin = deepcopy(self)
        twin.__dict__.pop("activation_steps_", None)
        round_weights(twin.module_, dtype)
        twin.dtype_ = dtype
        if X is not None:
            rows = series(self, X, reset=False, past=True)
            stretches = (rows.values[run].astype(np.float64) for run in rows.runs)
            twin.activation_steps_ = find_steps(twin._layers, stretches, dtype)
        return twin

    def cost(self, X: Recording) -> Cost:
        """Return what the fitted estimator costs at each time step.

        Parameters
        ----------
        X : as in `fit`

        Returns
        -------
        neurokit.metrics.cost.Cost
            The network is run step by step and counted as NeuroBench counts.
        """
        module, run, n_steps = self._calls(X)
        rounded = getattr(self, "activation_steps_", None) is not None
        return cost_of_network(module, run, n_steps, self.dtype_, self.latency_, rounded=rounded)

    def make_trainer(self) -> Trainer:
        """Return the trainer that is used where none is given.

        Returns
        -------
        Trainer
        """
        from neurokit.training import Trainer

        return Trainer(**self._training)

    # ------------------------------------------------------------ for the subclasses

    def _initialise(self, module: nn.Module, x: Floats) -> None:
        """Fit the start of the network to the statistics of the input."""

    def _layers(self) -> list[Any]:
        """Return the live steps of the network."""
        raise NotImplementedError

    def _problem(self, rows: Series, y: Floats) -> tuple[tuple[Tensor, ...], Loss]:
        """Return what to learn from, the examples first, and the loss of a batch of it."""
        return self._windows(rows, y), _windows_error

    def _inputs(self, x: Floats) -> Iterator[NDArray[np.float32]]:
        """Yield what the module sees at each step of a stretch, (time, 1, ...)."""
        yield from x.astype(np.float32)[:, None, None]

    # ------------------------------------------------------------ inside

    def _windows(self, rows: Series, y: Floats) -> tuple[Tensor, ...]:
        """Cut windows of ``window_`` seconds to learn from."""
        import torch

        size = max(round(self.window_ * self.sampling_rate_), 1)
        return tuple(map(torch.from_numpy, cut_windows(rows.values, y, rows.runs, size)))

    def _learn(self, rows: Series, truth: Target, trainer: Trainer, seed: int) -> Self:
        y = (truth.values - self.target_mean_) / self.target_scale_
        data, loss = self._problem(rows, y.astype(np.float32))
        n = len(data[0])
        groups = np.arange(n) * _N_BLOCKS // n if n > 1 else None
        self.history_ = trainer.minimize(self.module_, loss, data, seed=seed, groups=groups)
        if self._pruned:
            with prune(self.module_, self._pruned):
                self.history_ = self.history_ + trainer.minimize(
                    self.module_, loss, data, seed=seed, groups=groups
                )
        self.dtype_ = "float32"
        self.__dict__.pop("activation_steps_", None)
        return self

    def _calls(self, X: Recording) -> tuple[Any, Callable[[], int], int]:
        """Return the module, a function that runs it step by step over X, and the steps.

        The function returns how many numbers the network keeps from step to step.
        """
        import torch

        check_is_fitted(self)
        rows = series(self, X, reset=False, past=True)
        module, anew = self.module_, self._begins_anew

        def run() -> int:
            kept = 0
            for stretch in rows.runs:
                state = None
                for x in self._inputs(rows.values[stretch]):
                    _, state = module(torch.from_numpy(x), state)
                    kept = 0 if anew else count_numbers(state)
                    state = None if anew else state
            return kept

        return module, run, len(rows.values)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.regressor_tags.poor_score = True  # for rows that are no successive moments
        tags.non_deterministic = False
        return tags


def _windows_error(module: nn.Module, x: Tensor, y: Tensor, mask: Tensor) -> Tensor:
    """Average the squared error over the steps that count; data have the examples first."""
    return average_error(module(x.transpose(0, 1))[0].transpose(0, 1), y, mask)
