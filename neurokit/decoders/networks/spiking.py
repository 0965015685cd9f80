"""Spiking networks from spikes to movement, and to labels."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import check_array, check_random_state, column_or_1d
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_consistent_length, check_is_fitted

from neurokit.decoders.networks.regressor import (
    NetworkRegressor,
    NetworkStream,
    Windows,
    gather_windows,
    gentler,
    masked_error,
    running_sums,
    window_parts,
)
from neurokit.decoders.networks.spiking_design import (
    build,
    design,
    heads,
    initialise,
    live,
    outputs,
)
from neurokit.inputs.rates import match_rate, require_rate
from neurokit.inputs.series import Series
from neurokit.inputs.targets import require_y
from neurokit.inputs.trials import Trials, trials
from neurokit.persistence import Saveable

if TYPE_CHECKING:
    from neurokit.training import Trainer

CREDITS = ("bptt", "sltt", "sltt-k", "tess")
_SAMPLE, _TRIALS = 2000, 64  # steps, or trials, that the start of a network is fitted on


class SpikingRegressor(NetworkRegressor):
    """Predict movement with a spiking network: few operations, and one step at a time.

    Layers of leaky integrate-and-fire units with learned time constants, and a readout that leaks
    and does not fire. A step costs sums over the spikes that came: in bins of a few milliseconds,
    where counts are 0 or 1, hardly a multiplication is left, as
    `neurokit.metrics.footprint` counts. Trained with surrogate gradients on overlapping windows.
    The state never crosses a jump of the clock or the border of a trial.

    Parameters
    ----------
    hidden : int or tuple of int, default=64
        Units of each hidden layer.
    recurrent : bool, default=True
        Whether units hear each other's last spikes.
    tau_mem : float or tuple of float, default=0.05
        Time constant of the potentials in s, one for all hidden layers or one for each.
    tau_syn : float or None, default=0.01
        Time constant of the synaptic currents in s; None for units without.
    learn_tau : bool, default=True
        Learn the time constants, one per unit; they start spread around the given ones.
    threshold : float or tuple of float, default=1.0
        Potential at which units fire.
    reset : {"zero", "subtract", "none"} or tuple of these, default="zero"
        What a spike does to the potential.
    surrogate : {"superspike", "atan", "sigmoid", "soft"}, default="superspike"
        Derivative that stands in for that of the spike; see `neurokit.nn.lif`.
    surrogate_scale : float, default=5.0
        Its sharpness.
    readout_tau : float, default=0.05
        Time constant of the outputs in s.
    n_readouts : int, default=1
        Readouts with time constants of their own, whose mean is the output.
    dropout : float, default=0.0
        Share of the spikes that training hides from the next layer.
    max_delay : float, default=0.0
        Longest delay of the inputs in s. Above 0 each input learns a delay of its own, as axons
        have them [4]_, at no operations. It pays where units lead the movement by much longer
        than membranes remember, else it only waits: compare.
    rate_max : float, optional
        Rate in Hz above which units are punished, to keep operations few.
    rate_weight : float, default=0.01
        Of that punishment, beside the squared error of a standardised output.
    window : float, default=2.0
        Length of a training example in s. A quarter of it warms the state up.
    credit : {"bptt", "sltt", "sltt-k", "tess"}, default="bptt"
        How the past is held responsible; the others need memory for one step only, and learn from
        the error alone, without `rate_max`. See `neurokit.nn.accumulate_gradients`.
    prune : float, default=0.0
        Share of the weights of each layer that is set to zero, the smallest first, after
        training; the others are then trained as long again.
    preset : {None, "snn2", "snn3d", "streaming", "tiny", "big"}, default=None
        A published network, in place of the parameters from ``hidden`` to ``dropout`` (and
        ``rate_max`` for the last two). "snn2", and "snn3d", which sees the last 0.2 s in seven
        parts at each step and begins anew: the spiking baselines of NeuroBench [1]_. "streaming"
        is the cheap network of [2]_, "tiny" and "big" are the recurrent ones of [3]_ (64 units;
        1024 and five readouts). They were made for steps of 4 ms.
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
    dtype_ : str
        Of the weights, see `quantized`.
    latency_ : float
        0: a prediction waits for nothing.
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
    .. [2] Zhou, Sun and Basu (2025), Combining SNNs with filtering for efficient neural decoding
       in implantable brain-machine interfaces, Neuromorph. Comput. Eng. 5(1), 014013.
    .. [3] Liu, Gygax, Rossbroich, Chua, Zhang and Zenke (2024), Decoding finger velocity from
       cortical spike trains with recurrent spiking neural networks, arXiv:2409.01762.
    .. [4] Hammouamri, Khalfaoui-Hassani and Masquelier (2024), Learning delays in spiking neural
       networks using dilated convolutions with learnable spacings, ICLR.

    Examples
    --------
    >>> from neurokit.recording import behaviour, counts
    >>> from neurokit.training import Trainer
    >>> rng = np.random.default_rng(0)
    >>> hand = np.sin(np.arange(600) / 20)[:, None]
    >>> x = counts(rng.poisson(1 + hand @ np.ones((1, 12))).T, bin_width=0.02)
    >>> y = behaviour(hand, sampling_rate=50, features=["vx"])
    >>> trainer = Trainer(20, batch_size=2, learning_rate=2e-2, device="cpu")
    >>> decoder = SpikingRegressor(16, trainer=trainer, random_state=0).fit(x, y)
    >>> decoder.score(x, y) > 0.8, decoder.predict(x).dims
    (True, ('time', 'feature'))
    """

    def __init__(
        self,
        hidden: int | tuple[int, ...] = 64,
        *,
        recurrent: bool = True,
        tau_mem: float | tuple[float, ...] = 0.05,
        tau_syn: float | None = 0.01,
        learn_tau: bool = True,
        threshold: float | tuple[float, ...] = 1.0,
        reset: str | tuple[str, ...] = "zero",
        surrogate: str = "superspike",
        surrogate_scale: float = 5.0,
        readout_tau: float = 0.05,
        n_readouts: int = 1,
        dropout: float = 0.0,
        max_delay: float = 0.0,
        rate_max: float | None = None,
        rate_weight: float = 0.01,
        window: float = 2.0,
        credit: str = "bptt",
        prune: float = 0.0,
        preset: str | None = None,
        sampling_rate: float | None = None,
        trainer: Trainer | None = None,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.hidden = hidden
        self.recurrent = recurrent
        self.tau_mem = tau_mem
        self.tau_syn = tau_syn
        self.learn_tau = learn_tau
        self.threshold = threshold
        self.reset = reset
        self.surrogate = surrogate
        self.surrogate_scale = surrogate_scale
        self.readout_tau = readout_tau
        self.n_readouts = n_readouts
        self.dropout = dropout
        self.max_delay = max_delay
        self.rate_max = rate_max
        self.rate_weight = rate_weight
        self.window = window
        self.credit = credit
        self.prune = prune
        self.preset = preset
        self.sampling_rate = sampling_rate
        self.trainer = trainer
        self.random_state = random_state

    def _check(self) -> None:
        plan = design(self)
        if self.credit not in CREDITS:
            raise ValueError(
                f"SpikingRegressor: credit must be one of {CREDITS}, got {self.credit!r}."
            )
        if plan.max_delay and self.credit != "bptt":
            raise ValueError(
                "SpikingRegressor: delays are learned through time; give credit='bptt', not"
                f" {self.credit!r}, or max_delay=0."
            )
        if not 0 <= self.prune < 1 or not self.rate_weight >= 0:
            raise ValueError(
                "SpikingRegressor: prune must lie in [0, 1) and rate_weight be 0 or more, got"
                f" {self.prune!r} and {self.rate_weight!r}."
            )
        if plan.parts:
            self._width()

    def _width(self) -> int:
        """Return the steps in each part of a window, 0 where the state goes on in time."""
        plan = design(self)
        if not plan.parts:
            return 0
        return window_parts(plan.window, plan.parts, self.sampling_rate_, "SpikingRegressor")

    def _build_module(self, name: str) -> Any:
        steps = max(self._width(), 1)
        return build(
            design(self),
            self.n_features_in_,
            len(self.target_mean_),
            steps / self.sampling_rate_,
        )

    def _initialise(self, module: Any, x: NDArray[Any]) -> None:
        import torch

        plan = design(self)
        sample = x[: _SAMPLE * max(self._width(), 1)]
        if plan.parts:
            size = plan.parts * self._width()
            sums, where = running_sums(sample, [slice(0, len(sample))], size)
            windows = gather_windows(sums, where[:: max(size // 4, 1)], plan.parts, self._width())
            initialise(module, windows.transpose(0, 1))
        else:
            initialise(module, torch.from_numpy(sample.astype(np.float32))[:, None])

    def _problem(self, rows: Series, y: NDArray[Any]) -> tuple[tuple[Any, ...], Any]:
        import torch

        plan, width = design(self), self._width()
        if not plan.parts:
            return super()._problem(rows, y)
        sums, where = running_sums(rows.values, rows.runs, plan.parts * width)

        def loss(module: Any, at: Any, truth: Any) -> Any:
            x = gather_windows(sums.to(at.device), at, plan.parts, width)
            output, spikes = outputs(module, x.transpose(0, 1), truth.shape[-1])
            error = ((output[-1] - truth) ** 2).mean()
            return error + self._excess(spikes, plan.rate_max)

        return (where, torch.from_numpy(y)), loss

    def _default_trainer(self) -> Trainer:
        from neurokit.training import Trainer

        if design(self).parts:
            return Trainer(20, batch_size=512, learning_rate=5e-3)
        return super()._default_trainer()

    def _loss(self, module: Any, x: Any, y: Any, mask: Any) -> Any:
        import torch

        if self.credit != "bptt" and torch.is_grad_enabled():
            return self._local_loss(module, x, y, mask)
        output, spikes = outputs(module, x.transpose(0, 1), y.shape[-1])
        excess = self._excess(spikes, design(self).rate_max)
        return masked_error(output.transpose(0, 1), y, mask) + excess

    def _excess(self, spikes: list[Any], rate_max: float | None) -> Any:
        """Punishment of the units that fire more often than they may."""
        if rate_max is None:
            return 0.0
        rate = self.sampling_rate_ / max(self._width(), 1)
        return self.rate_weight * sum(
            ((s.mean((0, 1)) * rate - rate_max).clamp(min=0) ** 2).mean() / rate_max
            for s in spikes
        )

    def _local_loss(self, module: Any, x: Any, y: Any, mask: Any) -> Any:
        """Loss whose gradient is that of a rule in constant memory."""
        import torch

        from neurokit.nn.credit import accumulate_gradients

        weights = mask * (mask.numel() / mask.sum().clamp(min=1))
        goal = torch.cat((y, weights[..., None]), -1).transpose(0, 1)

        def loss(output: Any, goal: Any) -> Any:
            error = (heads(output, y.shape[-1]) - goal[..., :-1]) ** 2
            return (error.mean(-1) * goal[..., -1]).mean()

        parameters = [p for p in module.parameters() if p.requires_grad]
        for p in parameters:
            p.grad = None
        value, _ = accumulate_gradients(
            module, x.transpose(0, 1).contiguous(), goal, loss, credit=self.credit
        )
        grads = [torch.zeros_like(p) if p.grad is None else p.grad.clone() for p in parameters]
        line = sum((p * g).sum() for p, g in zip(parameters, grads, strict=True))
        return line - line.detach() + value  # value of the one, gradient of the other

    def _anew(self) -> bool:
        return design(self).parts > 0

    def _inputs(self, x: NDArray[Any]) -> Iterator[NDArray[np.float32]]:
        plan = design(self)
        if not plan.parts:
            yield from super()._inputs(x)
            return
        windows = Windows(x.shape[1], plan.parts, self._width())
        for row in x[:, None]:
            yield windows.push(row)[0, :, None].astype(np.float32)

    def _layers(self) -> list[Any]:
        plan = design(self)
        n_outputs = len(self.target_mean_)
        return live(self.module_, plan, self.n_features_in_, n_outputs, self._width())


class SpikingClassifier(Saveable, ClassifierMixin, BaseEstimator):
    """Tell trials apart with a spiking network.

    The network of `SpikingRegressor`, begun anew with each trial. Its readouts are turned into
    probabilities at every step; the mean over the steps is that of the trial, and what training
    makes likely.

    Parameters
    ----------
    hidden : int or tuple of int, default=64
        Units of each hidden layer.
    recurrent : bool, default=True
        Whether units hear each other's last spikes.
    tau_mem : float or tuple of float, default=0.05
        Time constant of the potentials in s, one for all hidden layers or one for each.
    tau_syn : float or None, default=0.01
        Time constant of the synaptic currents in s; None for units without.
    learn_tau : bool, default=True
        Learn the time constants, one per unit.
    threshold : float or tuple of float, default=1.0
        Potential at which units fire.
    reset : {"zero", "subtract", "none"} or tuple of these, default="zero"
        What a spike does to the potential.
    surrogate : {"superspike", "atan", "sigmoid", "soft"}, default="superspike"
        Derivative that stands in for that of the spike; see `neurokit.nn.lif`.
    surrogate_scale : float, default=5.0
        Its sharpness.
    readout_tau : float, default=0.05
        Time constant of the outputs in s.
    n_readouts : int, default=1
        Readouts with time constants of their own, whose mean is the output.
    dropout : float, default=0.0
        Share of the spikes that training hides from the next layer.
    max_delay : float, default=0.0
        Longest delay of the inputs in s. Above 0 each input learns a delay of its own, as axons
        have them [2]_, at no operations. It pays where units lead the movement by much longer
        than membranes remember, else it only waits: compare.
    preset : {None, "snn2", "streaming", "tiny", "big"}, default=None
        A published network, as in `SpikingRegressor`.
    sampling_rate : float, optional
        In Hz; needed for plain arrays.
    trainer : Trainer, optional
        Default: ``Trainer(50, batch_size=32, learning_rate=5e-3)``.
    random_state : int, RandomState or None, default=None
        Seed of weights and batches.

    Attributes
    ----------
    classes_ : ndarray
        Labels.
    module_ : neurokit.nn.SpikingSequential
    history_ : list of dict
        Loss, rate and time of each epoch.
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
    .. [1] Yin, Corradi and Bohte (2021), Accurate and efficient time-domain classification with
       adaptive spiking recurrent neural networks, Nat. Mach. Intell. 3, 905-913.
    .. [2] Hammouamri, Khalfaoui-Hassani and Masquelier (2024), Learning delays in spiking neural
       networks using dilated convolutions with learnable spacings, ICLR.

    Examples
    --------
    >>> from neurokit.training import Trainer
    >>> rng = np.random.default_rng(0)
    >>> y = np.arange(60) % 2
    >>> x = rng.poisson(0.2 + 0.4 * y[:, None, None], (60, 8, 30))
    >>> trainer = Trainer(10, batch_size=8, learning_rate=2e-2, device="cpu")
    >>> decoder = SpikingClassifier(8, sampling_rate=100, trainer=trainer, random_state=0)
    >>> decoder.fit(x, y).score(x, y) > 0.9
    True
    """

    def __init__(
        self,
        hidden: int | tuple[int, ...] = 64,
        *,
        recurrent: bool = True,
        tau_mem: float | tuple[float, ...] = 0.05,
        tau_syn: float | None = 0.01,
        learn_tau: bool = True,
        threshold: float | tuple[float, ...] = 1.0,
        reset: str | tuple[str, ...] = "zero",
        surrogate: str = "superspike",
        surrogate_scale: float = 5.0,
        readout_tau: float = 0.05,
        n_readouts: int = 1,
        dropout: float = 0.0,
        max_delay: float = 0.0,
        preset: str | None = None,
        sampling_rate: float | None = None,
        trainer: Trainer | None = None,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.hidden = hidden
        self.recurrent = recurrent
        self.tau_mem = tau_mem
        self.tau_syn = tau_syn
        self.learn_tau = learn_tau
        self.threshold = threshold
        self.reset = reset
        self.surrogate = surrogate
        self.surrogate_scale = surrogate_scale
        self.readout_tau = readout_tau
        self.n_readouts = n_readouts
        self.dropout = dropout
        self.max_delay = max_delay
        self.preset = preset
        self.sampling_rate = sampling_rate
        self.trainer = trainer
        self.random_state = random_state

    def fit(self, X: Any, y: Any) -> Self:
        """Train the network from the start.

        Parameters
        ----------
        X : xarray.DataArray with dims (trial, unit, time), or array-like of these axes
        y : array-like of shape (n_trials,)
            Labels.

        Returns
        -------
        self
        """
        return self._begin(X, y, None)

    def _begin(self, X: Any, y: Any, classes: Any) -> Self:
        import torch

        seen = trials(self, X, reset=True)
        y = self._labels(seen, y)
        plan = design(self)
        if plan.parts:
            raise ValueError(
                f"SpikingClassifier: preset {self.preset!r} decodes every step from its own"
                " window; use another one for trials."
            )
        self.sampling_rate_ = require_rate(self, seen.sampling_rate)
        self.classes_ = np.unique(y if classes is None else classes)
        index = self._index(y)
        sample = np.ascontiguousarray(seen.values[:_TRIALS].transpose(2, 0, 1), np.float32)
        seed = int(check_random_state(self.random_state).randint(2**31))
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(seed)
            module = self._build_module("module_")
            initialise(module, torch.from_numpy(sample))
        self.module_ = module
        self._learn(seen, index, self._trainer(), seed)
        return self

    def partial_fit(self, X: Any, y: Any, classes: Any = None) -> Self:
        """Go on learning from more trials of the same classes, such as a new day's.

        The network starts from what it is, with a quarter of the epochs and of the learning rate.

        Parameters
        ----------
        X, y : as in `fit`
        classes : array-like, optional
            All labels that will ever come, at the first call. Default: those of ``y``.

        Returns
        -------
        self
        """
        if not hasattr(self, "module_"):
            return self._begin(X, y, classes)
        seen = trials(self, X, reset=False)
        index = self._index(self._labels(seen, y))
        match_rate(self, seen.sampling_rate)
        self.module_ = deepcopy(self.module_)
        seed = int(check_random_state(self.random_state).randint(2**31))
        self._learn(seen, index, gentler(self._trainer()), seed)
        return self

    def predict_proba(self, X: Any) -> Any:
        """Return the probability of every class, in the order of ``classes_``.

        Parameters
        ----------
        X : as in `fit`
            Trials of any length.

        Returns
        -------
        xarray.DataArray with dims (trial, class), or ndarray
        """
        check_is_fitted(self)
        seen = trials(self, X, reset=False)
        n_trials, n_units, n_times = seen.values.shape
        rows = seen.values.transpose(0, 2, 1).reshape(-1, n_units).astype(np.float64)
        for layer in self._layers(n_times):
            rows = layer.push(rows)
        found = _softmax(rows).reshape(n_trials, n_times, -1).mean(1)
        if seen.source is None:
            return found
        labelled = xr.DataArray(found, dims=("trial", "class"), coords=seen.coords("trial"))
        labelled = labelled.assign_coords({"class": self.classes_})
        return labelled[0] if seen.single else labelled

    def predict(self, X: Any) -> Any:
        """Return the likeliest label of every trial.

        Parameters
        ----------
        X : as in `fit`

        Returns
        -------
        xarray.DataArray with dim trial, or ndarray
        """
        found = self.predict_proba(X)
        if not isinstance(found, xr.DataArray):
            return self.classes_[found.argmax(-1)]
        best = found.argmax("class").drop_vars("class", errors="ignore")
        return best.copy(data=self.classes_[best.values])

    def stream(self) -> _TrialStream:
        """Begin a live trial.

        Returns
        -------
        stream
            ``push(chunk)`` takes the next counts, shape (n, n_units), and returns the
            probabilities after each step, shape (n, n_classes): the last ones of a trial are
            those of `predict_proba`. ``flush()`` returns no more.
        """
        check_is_fitted(self)
        return _TrialStream(self._layers(0), self.n_features_in_, len(self.classes_))

    def _labels(self, seen: Trials, y: Any) -> NDArray[Any]:
        require_y(self, y, "the label of each trial")
        y = check_array(y, ensure_2d=False, dtype=None, input_name="y")
        check_classification_targets(y)
        y = column_or_1d(y, warn=True)
        check_consistent_length(seen.values, y)
        return y

    def _index(self, y: NDArray[Any]) -> NDArray[np.intp]:
        """Place of each label among the classes."""
        if unknown := sorted(set(y.tolist()) - set(self.classes_.tolist())):
            raise ValueError(
                f"SpikingClassifier: y holds classes {unknown} that fit had not seen; fit a new"
                " decoder."
            )
        return np.searchsorted(self.classes_, y)

    def _trainer(self) -> Trainer:
        from neurokit.training import Trainer

        return self.trainer or Trainer(50, batch_size=32, learning_rate=5e-3)

    def _learn(self, seen: Trials, index: NDArray[Any], trainer: Trainer, seed: int) -> None:
        import torch

        subjects = seen.coordinate("subject")
        alone = subjects is None or len(np.unique(subjects)) == 1
        inputs = torch.from_numpy(seen.values.transpose(0, 2, 1).astype(np.float32))
        self.history_ = trainer.minimize(
            self.module_,
            self._loss,
            (inputs, torch.from_numpy(index)),
            seed=seed,
            groups=None if alone else subjects,
        )

    def _build_module(self, name: str) -> Any:
        n_classes = len(self.classes_)
        return build(design(self), self.n_features_in_, n_classes, 1 / self.sampling_rate_)

    def _layers(self, every: int) -> list[Any]:
        n_classes = len(self.classes_)
        return live(self.module_, design(self), self.n_features_in_, n_classes, 1, every)

    def _loss(self, module: Any, x: Any, index: Any) -> Any:
        output, _ = outputs(module, x.transpose(0, 1), len(self.classes_))
        likely = output.softmax(-1).mean(0)[range(len(index)), index]
        return -likely.clamp(min=1e-12).log().mean()

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.poor_score = True  # for trials of one step
        return tags


class _TrialStream:
    """One live trial: the mean of the probabilities so far."""

    def __init__(self, layers: list[Any], n_units: int, n_classes: int) -> None:
        self._network = NetworkStream(
            "SpikingClassifier", layers, n_units, np.zeros(n_classes), np.ones(n_classes)
        )
        self._total = np.zeros(n_classes)
        self._n = 0

    def push(self, chunk: NDArray[Any]) -> NDArray[Any]:
        sums = self._total + _softmax(self._network.push(chunk)).cumsum(0)
        if len(sums):
            self._total = sums[-1]
        steps = self._n + np.arange(1, len(sums) + 1)
        self._n += len(sums)
        return sums / steps[:, None]

    def flush(self) -> NDArray[Any]:
        return self._network.flush()


def _softmax(x: NDArray[Any]) -> NDArray[Any]:
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)
