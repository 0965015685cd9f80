"""Spiking networks from spikes to labels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from neurokit.decoders.networks.classifier import NetworkClassifier
from neurokit.decoders.networks.counting import cost_of_network, count_numbers
from neurokit.decoders.networks.live import NetworkStream
from neurokit.decoders.networks.spiking_design import (
    Design,
    build,
    design,
    initialise,
    run_network,
)
from neurokit.decoders.networks.spiking_live import live_steps
from neurokit.inputs.chunks import ChunkLabels
from neurokit.inputs.trials import Trials
from neurokit.metrics.cost import Cost
from neurokit.persistence.graphs import Exportable, Graph, plain
from neurokit.types import Floats, Recording

if TYPE_CHECKING:
    from torch import Tensor, nn

    from neurokit.training import Trainer

_TRIALS = 64  # trials that the start of a network is fitted on


class SpikingClassifier(Exportable, NetworkClassifier):
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
    class_weight : {None, "balanced"} or dict, default=None
        Weight of each class in the loss, as in scikit-learn.
    augmentation : str, callable, sequence or mapping of these, optional
        Changes to the trials of a training batch that leave their labels as they are:
        "time_shift" (0.1 s either way), "channel_dropout" (a tenth of them), "noise" (a tenth of
        each channel's standard deviation), "sign_flip", "hemisphere_flip" (half of the trials);
        a mapping gives other strengths; a callable takes trials (trial, channel, time) and a
        generator of torch.
    sampling_rate : float, optional
        In Hz; needed for plain arrays.
    picks : {"brain", "all"}, default="brain"
        Channels to take where ``channel`` carries ``type`` or ``bad``: those of the brain that are
        not bad, or all. A warning says once what was left out; ``left_out_`` keeps it.
    trainer : Trainer, optional
        Default: ``Trainer(50, batch_size=32, learning_rate=5e-3)``.
    random_state : int, RandomState or None, default=None
        Seed of weights and batches.

    Attributes
    ----------
    classes_ : ndarray
        Labels.
    module_ : neurokit.nn.SpikingSequential
    design_ : dict
        The network by its layers, as parameters and preset decide it.
    history_ : list of dict
        Loss, accuracy, rate and time of each epoch.
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
        class_weight: Mapping[Any, float] | str | None = None,
        augmentation: Any = None,
        sampling_rate: float | None = None,
        picks: str = "brain",
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
        self.class_weight = class_weight
        self.augmentation = augmentation
        self.sampling_rate = sampling_rate
        self.picks = picks
        self.trainer = trainer
        self.random_state = random_state

    _standardised = False
    _any_length = True

    def stream(self, step: float | None = None) -> _TrialStream:
        """Begin a live trial.

        Parameters
        ----------
        step : None
            Not used: every step is decided.

        Returns
        -------
        stream
            ``push(chunk)`` takes the next counts, shape (n, n_units), and returns the
            probabilities after each step, shape (n, n_classes): the last ones of a trial are
            those of `predict_proba`. ``flush()`` returns no more.
        """
        check_is_fitted(self)
        stream = _TrialStream(self._layers(0), self.n_features_in_, len(self.classes_))
        stream.network.labels = ChunkLabels.of_fit(self)
        return stream

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
        import torch

        x = torch.from_numpy(self._prepare(self._read(X).values)).permute(2, 0, 1)
        module = self.module_

        def run() -> int:
            state = None
            for step in x.split(1):
                _, state = module(step, state)
            return count_numbers(state) // x.shape[1]

        return cost_of_network(
            module, run, x.shape[0] * x.shape[1], "float32", 1 / self.sampling_rate_
        )

    def _plan(self) -> dict[str, object]:
        plan = design(self)
        if plan.parts:
            raise ValueError(
                f"SpikingClassifier: preset {self.preset!r} decodes every step from its own"
                " window; use another one for trials."
            )
        return {"design_": plan._asdict()}

    def _build_module(self, name: str) -> nn.Module:
        plan, n_classes = Design(**self.design_), len(self.classes_)
        return build(plan, self.n_features_in_, n_classes, 1 / self.sampling_rate_)

    def _initialise(self, module: Any, x: NDArray[np.float32]) -> None:
        import torch

        initialise(module, torch.from_numpy(x[:_TRIALS]).permute(2, 0, 1).contiguous())

    def _log_probabilities(self, module: Any, x: Tensor) -> Tensor:
        output, _ = run_network(module, x.permute(2, 0, 1).contiguous(), len(self.classes_))
        return output.softmax(-1).mean(0).clamp(min=1e-12).log()

    def _decisions(self, seen: Trials) -> Floats:
        return np.log(np.maximum(self._probabilities(seen), 1e-300))

    def _probabilities(self, seen: Trials) -> Floats:
        n_trials, n_units, n_times = seen.values.shape
        rows = seen.values.transpose(0, 2, 1).reshape(-1, n_units).astype(np.float64)
        for layer in self._layers(n_times):
            rows = layer.push(rows)
        return _softmax(rows).reshape(n_trials, n_times, -1).mean(1)

    _exported = ("predict_proba",)

    def _graph(self, method: str) -> Graph:
        """Describe ``predict_proba`` of trials of counts (trial, unit, time)."""
        from neurokit.nn.portable.spiking import SpikesToClasses

        check_is_fitted(self)
        module = SpikesToClasses(self.module_, len(self.classes_))
        example = np.zeros((2, self.n_features_in_, 16), np.float32)
        notes = {"sampling_rate": float(self.sampling_rate_), "classes": plain(self.classes_)}
        notes |= {"channels": plain(getattr(self, "channels_", None))}
        return Graph(module, example, "trials", "probabilities", ("trial", None, "time"), notes)

    def _layers(self, every: int) -> list[Any]:
        plan, n_classes = Design(**self.design_), len(self.classes_)
        return live_steps(self.module_, plan, self.n_features_in_, n_classes, 1, every)


class _TrialStream:
    """One live trial: the mean of the probabilities so far."""

    def __init__(self, layers: list[Any], n_units: int, n_classes: int) -> None:
        self.network = NetworkStream(
            "SpikingClassifier", layers, n_units, np.zeros(n_classes), np.ones(n_classes)
        )
        self._total = np.zeros(n_classes)
        self._n = 0

    def push(self, chunk: Recording) -> Floats:
        sums = self._total + _softmax(self.network.push(chunk)).cumsum(0)
        if len(sums):
            self._total = sums[-1]
        steps = self._n + np.arange(1, len(sums) + 1)
        self._n += len(sums)
        return sums / steps[:, None]

    def flush(self) -> Floats:
        return self.network.flush()


def _softmax(x: Floats) -> Floats:
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)
