"""What the networks along time share: targets, windows to learn from, training, live steps."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from neurokit.decoders.regressor import TimeRegressor
from neurokit.inputs.rates import match_rate, require_rate
from neurokit.inputs.series import Series, series
from neurokit.inputs.targets import Target, target
from neurokit.streaming import History, check_chunk

if TYPE_CHECKING:
    from neurokit.training import Trainer

N_BLOCKS = 10  # of successive time, of which a trainer may hold some out
WARM_UP = 4  # a window but the first of a stretch learns from its last (WARM_UP - 1) / WARM_UP
_BITS = {"float16": 16, "int8": 8}
_TOP = 127  # of the numbers of 8 bits


class NetworkRegressor(TimeRegressor):
    """Base of the regressors that have a network of ``neurokit.nn`` as ``module_``.

    A subclass says how its network is made (`_build_module`), started (`_initialise`), and run
    live (`_layers`). Predictions are made by the live steps: what a stream gives is what
    ``predict`` gave, to the bit.
    """

    trainer: Trainer | None
    random_state: int | np.random.RandomState | None
    sampling_rate: float | None
    window: float
    module_: Any

    def fit(self, X: Any, y: Any) -> Self:
        """Train the network from the start.

        Parameters
        ----------
        X : xarray.DataArray with dims ([trial,] unit, time), or array-like (n_times, n_units)
        y : xarray.DataArray with dims ([trial,] time, feature), or array-like (n_times, n_outputs)

        Returns
        -------
        self
        """
        import torch

        rows = series(self, X, reset=True)
        truth = target(self, y, rows)
        self.sampling_rate_ = require_rate(self, rows.sampling_rate or self.sampling_rate)
        self._check()
        self._remember_target(truth)
        spread = truth.values.std(0)
        self.target_mean_ = truth.values.mean(0)
        self.target_scale_ = np.where(spread > 0, spread, 1.0)
        self.latency_ = 0.0
        seed = self._seed()
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(seed)
            module = self._build_module("module_")
            self._initialise(module, rows.values)
        self.module_ = module
        self._learn(rows, truth, self.trainer or self._default_trainer(), seed)
        return self

    def partial_fit(self, X: Any, y: Any) -> Self:
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
        rows = series(self, X, reset=False)
        truth = target(self, y, rows)
        match_rate(self, rows.sampling_rate)
        if truth.values.shape[1] != len(self.target_mean_):
            raise ValueError(
                f"{type(self).__name__}: y has {truth.values.shape[1]} outputs, before there were"
                f" {len(self.target_mean_)}; fit a new decoder."
            )
        trainer = gentler(self.trainer or self._default_trainer())
        self.module_ = deepcopy(self.module_)
        self._learn(rows, truth, trainer, self._seed())
        return self

    def predict(self, X: Any) -> Any:
        """Predict the movement at every time step, from it and those before.

        Parameters
        ----------
        X : as in `fit`

        Returns
        -------
        xarray.DataArray with dims ([trial,] time, feature), or ndarray
        """
        check_is_fitted(self)
        rows = series(self, X, reset=False)
        match_rate(self, rows.sampling_rate)
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
        return NetworkStream(
            type(self).__name__,
            self._live(),
            self.n_features_in_,
            self.target_mean_,
            self.target_scale_,
        )

    def quantized(self, dtype: str, X: Any = None) -> Self:
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
        import torch

        check_is_fitted(self)
        if dtype not in _BITS:
            raise ValueError(
                f"{type(self).__name__}.quantized: dtype must be one of {list(_BITS)}, got"
                f" {dtype!r}."
            )
        twin = deepcopy(self)
        twin.__dict__.pop("activation_steps_", None)
        with torch.no_grad():
            for weight in connections(twin.module_):
                if dtype == "float16":
                    weight.copy_(weight.half().float())
                else:
                    step = weight.abs().amax(1, keepdim=True).clamp(min=1e-30) / 127
                    weight.copy_((weight / step).round() * step)
        twin.dtype_ = dtype
        if X is not None:
            rows = series(self, X, reset=False)
            match_rate(self, rows.sampling_rate)
            twin.activation_steps_ = twin._activation_steps(rows)
        return twin

    def _activation_steps(self, rows: Series) -> list[float]:
        """Step of the rounding in front of each layer; 0 for half precision."""
        n_layers = len(self._layers())
        if self.dtype_ == "float16":
            return [0.0] * n_layers
        tops, whole = np.zeros(n_layers), np.ones(n_layers, bool)
        for run in rows.runs:
            x: Any = rows.values[run].astype(np.float64)
            for k, layer in enumerate(self._layers()):
                tops[k] = max(tops[k], np.abs(x).max())
                whole[k] &= bool((x == np.round(x)).all())
                x = layer.push(x)
        fine = whole & (tops <= _TOP)
        return np.where(fine, 1.0, np.maximum(tops, 1e-30) / _TOP).tolist()

    def _live(self) -> list[Any]:
        """Return the live steps, with rounding in front of them where it was asked for."""
        layers = self._layers()
        steps = getattr(self, "activation_steps_", None)
        if steps is None:
            return layers
        rounded = [Rounded(a, b) for a, b in zip([None, *layers[:-1]], steps, strict=True)]
        return [*rounded, layers[-1]]

    # ------------------------------------------------------------ for the subclasses

    def _initialise(self, module: Any, x: NDArray[Any]) -> None:
        """Fit the start of the network to the statistics of the input."""

    def _default_trainer(self) -> Trainer:
        from neurokit.training import Trainer

        return Trainer(30, batch_size=8, learning_rate=5e-3)

    def _check(self) -> None:
        """Refuse parameters out of range."""

    def _layers(self) -> list[Any]:
        """Return the live steps of the network."""
        raise NotImplementedError

    def _loss(self, module: Any, x: Any, y: Any, mask: Any) -> Any:
        """Mean squared error over the steps that count; data have the examples first."""
        output = module(x.transpose(0, 1))[0].transpose(0, 1)
        return masked_error(output, y, mask)

    def _problem(self, rows: Series, y: NDArray[Any]) -> tuple[tuple[Any, ...], Any]:
        """Return what to learn from, the examples first, and the loss of a batch of it."""
        import torch

        size = max(round(self._window_length() * self.sampling_rate_), 1)
        parts = cut(rows.values, y, rows.runs, size)
        return tuple(torch.from_numpy(part) for part in parts), self._loss

    def _window_length(self) -> float:
        """Seconds of a training example."""
        return self.window

    # ------------------------------------------------------------ inside

    def _learn(self, rows: Series, truth: Target, trainer: Trainer, seed: int) -> None:
        y = (truth.values - self.target_mean_) / self.target_scale_
        data, loss = self._problem(rows, y.astype(np.float32))
        n = len(data[0])
        groups = np.arange(n) * N_BLOCKS // n if n > 1 else None
        self.history_ = trainer.minimize(self.module_, loss, data, seed=seed, groups=groups)
        if share := getattr(self, "prune", 0.0):
            with pruned(self.module_, share):
                self.history_ = self.history_ + trainer.minimize(
                    self.module_, loss, data, seed=seed, groups=groups
                )
        self.dtype_ = "float32"
        self.__dict__.pop("activation_steps_", None)

    def _calls(self, X: Any) -> tuple[Any, Callable[[], int], int]:
        """Return the module, a function that runs it step by step over X, and the steps.

        The function returns how many numbers the network keeps from step to step.
        """
        import torch

        check_is_fitted(self)
        rows = series(self, X, reset=False)
        module = self.module_

        def run() -> int:
            kept = 0
            for stretch in rows.runs:
                state = None
                for x in self._inputs(rows.values[stretch]):
                    _, state = module(torch.from_numpy(x), state)
                    kept = count(state)
                    state = None if self._anew() else state
            return 0 if self._anew() else kept

        return module, run, len(rows.values)

    def _inputs(self, x: NDArray[Any]) -> Iterator[NDArray[np.float32]]:
        """Yield what the module sees at each step of a stretch, (time, 1, ...)."""
        yield from x.astype(np.float32)[:, None, None]

    def _anew(self) -> bool:
        """Whether the network begins anew at each step."""
        return False

    def _seed(self) -> int:
        return int(check_random_state(self.random_state).randint(2**31))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.regressor_tags.poor_score = True  # for rows that are no successive moments
        tags.non_deterministic = False
        return tags


def gentler(trainer: Trainer) -> Trainer:
    """Return the trainer that goes on: a quarter of the epochs and of the learning rate."""
    from sklearn.base import clone

    trainer = clone(trainer)
    trainer.n_epochs = max(trainer.n_epochs // 4, 1)
    trainer.learning_rate = trainer.learning_rate / 4
    return trainer


def masked_error(output: Any, y: Any, mask: Any) -> Any:
    """Mean squared error over the steps that ``mask`` (example, time) counts."""
    error = ((output - y) ** 2).mean(-1)
    return (error * mask).sum() / mask.sum().clamp(min=1)


def connections(module: Any) -> list[Any]:
    """Weight matrices between units of a network."""
    return [p for p in module.parameters() if p.ndim == 2]


def count(state: Any) -> int:
    """Count the numbers in a state of nested tuples."""
    if isinstance(state, tuple | list):
        return sum(count(part) for part in state)
    return 0 if state is None else int(state.numel())


@contextmanager
def pruned(module: Any, share: float) -> Iterator[None]:
    """Set the smallest weights of every layer to zero, and keep them there in training."""
    import torch

    hooks = []
    for weight in connections(module):
        mask = torch.ones(weight.numel())
        smallest = weight.detach().abs().flatten().argsort(stable=True)
        mask[smallest[: int(share * len(mask))]] = 0
        mask = mask.view_as(weight)
        with torch.no_grad():
            weight.mul_(mask)
        hooks.append(weight.register_hook(lambda grad, m=mask: grad * m.to(grad.device)))
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def cut(
    x: NDArray[Any], y: NDArray[Any], runs: Sequence[slice], size: int
) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Cut windows of ``size`` steps that overlap by a quarter, never across a jump.

    The overlap warms the state up and is not learned from, but in the first window of a stretch.
    Shorter stretches are filled up with steps that do not count.

    Parameters
    ----------
    x : ndarray of shape (n_times, n_units)
    y : ndarray of shape (n_times, n_outputs)
    runs : sequence of slice
    size : int

    Returns
    -------
    windows of x, of y : ndarray of float32, shape (n_windows, size, ...)
    mask : ndarray of float32, shape (n_windows, size)
        1 for the steps to learn from. Every step of the recording is learned from once.
    """
    size = min(size, max(run.stop - run.start for run in runs))
    warm = size // WARM_UP
    spans = []
    for run in runs:
        spans.append((run.start, run.start, min(run.start + size, run.stop)))
        while spans[-1][2] < run.stop:
            learned = spans[-1][2]
            stop = min(learned - warm + size, run.stop)
            spans.append((max(stop - size, run.start), learned, stop))
    windows_x = np.zeros((len(spans), size, x.shape[1]), np.float32)
    windows_y = np.zeros((len(spans), size, y.shape[1]), np.float32)
    mask = np.zeros((len(spans), size), np.float32)
    for k, (start, learned, stop) in enumerate(spans):
        windows_x[k, : stop - start] = x[start:stop]
        windows_y[k, : stop - start] = y[start:stop]
        mask[k, learned - start : stop - start] = 1
    return windows_x, windows_y, mask


# ---------------------------------------------------------------- live steps


class NetworkStream:
    """One live recording through a network, step by step and without torch."""

    def __init__(
        self,
        name: str,
        layers: Sequence[Any],
        n_units: int,
        mean: NDArray[Any],
        scale: NDArray[Any],
    ) -> None:
        self._name, self._layers = name, layers
        self._n_units = n_units
        self._mean, self._scale = mean, scale
        self._room = Room(n_units)

    def push(self, chunk: NDArray[Any], out: NDArray[Any] | None = None) -> NDArray[Any]:
        """Return the predictions for the next counts."""
        chunk = check_chunk(self._name, chunk, self._n_units)
        x = self._room.of(len(chunk))
        x[:] = chunk
        for layer in self._layers:
            x = layer.push(x)
        if out is None:
            out = np.empty((len(chunk), len(self._mean)))
        np.multiply(x, self._scale, out=out)
        out += self._mean
        return out

    def flush(self) -> NDArray[Any]:
        """Return no more: every prediction was made with its step."""
        return np.empty((0, len(self._mean)))


class Room:
    """Memory for the output of a layer, kept from step to step."""

    def __init__(self, *shape: int) -> None:
        self._values = np.empty((1, *shape))

    def of(self, n: int) -> NDArray[Any]:
        """Return room for ``n`` rows; it is overwritten by the next steps."""
        if n > len(self._values):
            self._values = np.empty((n, *self._values.shape[1:]))
        return self._values[:n]


def array(tensor: Any) -> NDArray[np.float64]:
    """Copy a tensor to a contiguous float64 array."""
    return np.array(tensor.detach().cpu().numpy(), dtype=np.float64, order="C")


class Dense:
    """Weighted sums of the units of each row."""

    def __init__(
        self, weight: NDArray[Any], bias: NDArray[Any], *, rectified: bool = False
    ) -> None:
        from neurokit.decoders.networks.live_kernels import dense_layer

        self._run = dense_layer
        self._weight = np.ascontiguousarray(weight.T)
        self._bias, self._rectified = bias, rectified
        self._room = Room(len(bias))

    def push(self, x: NDArray[Any]) -> NDArray[Any]:
        """Return the sums of every row."""
        out = self._room.of(len(x))
        self._run(x, self._weight, self._bias, self._rectified, out)
        return out


class Rounded:
    """A layer, or none, whose output and hidden state are rounded as they are passed on."""

    def __init__(self, layer: Any, step: float) -> None:
        self._layer, self._step = layer, step
        self._hidden: NDArray[Any] | None = getattr(layer, "hidden", None)

    def push(self, x: NDArray[Any]) -> NDArray[Any]:
        """Return the rounded outputs of the new rows."""
        if self._layer is None:
            return self._round(x)
        if self._hidden is None:
            return self._round(self._layer.push(x))
        out = np.empty((len(x), len(self._hidden)))
        for t in range(len(x)):  # what is heard at the next step has been rounded
            self._layer.push(x[t : t + 1])
            out[t] = self._round(self._hidden)
        return out

    def _round(self, x: NDArray[Any]) -> NDArray[Any]:
        if self._step == 0:
            x[:] = x.astype(np.float16)
        else:
            np.divide(x, self._step, out=x)
            np.clip(np.round(x, out=x), -_TOP, _TOP, out=x)
            np.multiply(x, self._step, out=x)
        return x


class Windows:
    """Sums over the parts of the window that ends at each step: (step, part, unit)."""

    def __init__(self, n_units: int, n_parts: int, width: int) -> None:
        from neurokit.decoders.networks.live_kernels import window_sums

        self._run = window_sums
        self._history = History(np.zeros((n_parts * width - 1, n_units)))
        self._width = width
        self._room = Room(n_parts, n_units)

    def push(self, x: NDArray[Any]) -> NDArray[Any]:
        """Return the parts of the windows that end at the new rows."""
        rows = self._history.push(x)
        out = self._room.of(len(x))
        self._run(rows, self._width, out)
        return out


def window_parts(window: float, n_parts: int, rate: float, caller: str) -> int:
    """Return the steps in each part of a window; a rest is left out, as in NeuroBench."""
    width = math.floor(window * rate / n_parts + 1e-9)
    if width < 1:
        raise ValueError(
            f"{caller}: window must hold {n_parts} steps or more, got {window!r} s at {rate:g}"
            " steps per second; make it longer."
        )
    return width


def gather_windows(sums: Any, rows: Any, n_parts: int, width: int) -> Any:
    """Windows (row, part, unit) that end at ``rows``, from running sums with a zero row in front.

    ``rows`` are numbered so that ``sums[r + 1]`` includes row ``r``; as many rows as a window is
    long stand before the first of each stretch.
    """
    import torch

    edges = torch.arange(-n_parts, 1, device=rows.device) * width + 1
    at = sums[rows[:, None] + edges]
    return (at[:, 1:] - at[:, :-1]).float()


def running_sums(x: NDArray[Any], runs: Sequence[slice], size: int) -> tuple[Any, Any]:
    """Sum ``x`` up, with silence before each stretch; say where each row stands in the sums.

    Parameters
    ----------
    x : ndarray of shape (n_times, n_units)
    runs : sequence of slice
    size : int
        Length of a window.

    Returns
    -------
    sums : Tensor of float64, shape (n_padded + 1, n_units)
    rows : Tensor of int64, shape (n_times,)
    """
    import torch

    where = np.empty(len(x), dtype=np.int64)
    for k, run in enumerate(runs):
        where[run] = np.arange(run.start, run.stop) + size * (k + 1)
    sums = np.zeros((len(x) + size * len(runs) + 1, x.shape[1]))
    sums[where + 1] = x
    return torch.from_numpy(np.cumsum(sums, 0, out=sums)), torch.from_numpy(where)
