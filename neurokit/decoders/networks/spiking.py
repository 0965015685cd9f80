"""Spiking networks from spikes to movement."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from neurokit.decoders.networks.live import Windows
from neurokit.decoders.networks.regressor import NetworkRegressor
from neurokit.decoders.networks.spiking_design import Design, build, design, initialise
from neurokit.decoders.networks.spiking_live import live_steps
from neurokit.decoders.networks.spiking_losses import LastStepLoss, Limit, WindowsLoss
from neurokit.decoders.networks.windows import gather_windows, part_width, running_sums
from neurokit.inputs.series import Series
from neurokit.persistence.graphs import Exportable, Graph, plain
from neurokit.solvers.ridge import rows_with_past
from neurokit.types import Floats

if TYPE_CHECKING:
    from torch import Tensor, nn

    from neurokit.training import Trainer

CREDITS = ("bptt", "sltt", "sltt-k", "tess")
_SAMPLE = 2000  # steps, or windows, that the start of a network is fitted on


class SpikingRegressor(Exportable, NetworkRegressor):
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
        Weight of that punishment, beside the squared error of a standardised output.
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
    design_ : dict
        The network by its layers, as parameters and preset decide it.
    width_ : int
        Steps in each part of the window, 0 where the state goes on in time.
    credit_, prune_, rate_weight_
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

    def make_trainer(self) -> Trainer:
        """Return the trainer that is used where none is given.

        Returns
        -------
        Trainer
        """
        from neurokit.training import Trainer

        if self._read_design().parts:
            return Trainer(20, batch_size=512, learning_rate=5e-3)
        return super().make_trainer()

    def _plan(self) -> dict[str, object]:
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
        width = 0
        if plan.parts:
            width = part_width(plan.window, plan.parts, self.sampling_rate_, "SpikingRegressor")
        return {
            "design_": plan._asdict(),
            "width_": width,
            "credit_": self.credit,
            "prune_": self.prune,
            "rate_weight_": self.rate_weight,
        }

    def _read_design(self) -> Design:
        """Return the design of the network, or, before there is one, that of the parameters."""
        kept = getattr(self, "design_", None)
        return design(self) if kept is None else Design(**kept)

    def _build_module(self, name: str) -> nn.Module:
        step = max(self.width_, 1) / self.sampling_rate_
        return build(Design(**self.design_), self.n_features_in_, len(self.target_mean_), step)

    def _initialise(self, module: Any, x: Floats) -> None:
        import torch

        n_parts, width = self.design_["parts"], self.width_
        sample = x[: _SAMPLE * max(width, 1)]
        if n_parts:
            size = n_parts * width
            sums, where = running_sums(sample, [slice(0, len(sample))], size)
            windows = gather_windows(sums, where[:: max(size // 4, 1)], n_parts, width)
            initialise(module, windows.transpose(0, 1))
        else:
            initialise(module, torch.from_numpy(sample.astype(np.float32))[:, None])

    def _problem(self, rows: Series, y: Floats) -> tuple[tuple[Tensor, ...], Any]:
        import torch

        n_parts, width = self.design_["parts"], self.width_
        rate = self.sampling_rate_ / max(width, 1)
        limit = Limit(self.design_["rate_max"], self.rate_weight_, rate)
        if not n_parts:
            return self._windows(rows, y), WindowsLoss(limit, self.credit_)
        sums, where = running_sums(rows.values, rows.runs, n_parts * width)
        at = rows_with_past(rows.runs, n_parts * width - 1)
        return (where[at], torch.from_numpy(y[at])), LastStepLoss(limit, sums, n_parts, width)

    @property
    def window_(self) -> float:
        """Length of a training example in s."""
        return float(self.design_["window"])

    @property
    def _begins_anew(self) -> bool:  # type: ignore[override]
        return self.width_ > 0

    @property
    def _pruned(self) -> float:  # type: ignore[override]
        return self.prune_

    def _inputs(self, x: Floats) -> Iterator[NDArray[np.float32]]:
        if not self.width_:
            yield from super()._inputs(x)
            return
        windows = Windows(x.shape[1], self.design_["parts"], self.width_)
        for row in x[:, None]:
            yield windows.push(row)[0, :, None].astype(np.float32)

    def _layers(self) -> list[Any]:
        plan, n_outputs = Design(**self.design_), len(self.target_mean_)
        return live_steps(self.module_, plan, self.n_features_in_, n_outputs, self.width_)

    def _graph(self, method: str) -> Graph:
        """Describe ``predict`` of one stretch of counts (time, unit), from rest."""
        import torch

        from neurokit.nn.portable.spiking import SpikesToMovement

        check_is_fitted(self)
        if getattr(self, "activation_steps_", None) is not None:
            raise ValueError(
                "SpikingRegressor: rounded activations cannot be exported; export the decoder, or"
                " quantized(dtype) without X, which rounds the weights alone."
            )
        mean, scale = (torch.from_numpy(v) for v in (self.target_mean_, self.target_scale_))
        module = SpikesToMovement(
            self.module_, mean.double(), scale.double(), self.design_["parts"], self.width_
        )
        example = np.zeros((16, self.n_features_in_), np.float32)
        rate, names = float(self.sampling_rate_), plain(getattr(self, "channels_", None))
        notes = {"sampling_rate": rate, "channels": names}
        return Graph(module, example, "counts", "prediction", ("time", None), notes)
