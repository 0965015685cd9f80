"""What the networks that tell trials apart share: fitting, going on, predicting, live use."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import compute_class_weight

from neurokit.decoders.classifier import TrialClassifier
from neurokit.decoders.networks.counting import cost_of_network
from neurokit.decoders.networks.learning import draw_seed, slow_down
from neurokit.inputs.classes import find_classes, index_labels, read_labels
from neurokit.inputs.rates import require_rate
from neurokit.inputs.trials import Trials, trials
from neurokit.metrics.cost import Cost
from neurokit.persistence import Saveable
from neurokit.types import Floats, Recording, Targets

if TYPE_CHECKING:
    from sklearn.utils import Tags
    from torch import Tensor, nn

    from neurokit.training import Trainer

_BATCH = 256  # trials that are decoded at once


class NetworkClassifier(Saveable, TrialClassifier):
    """Base of the classifiers that have a network as ``module_``.

    A subclass has the parameters ``sampling_rate``, ``class_weight``, ``augmentation``,
    ``trainer`` and ``random_state``; it says what its parameters decide (`_plan`, where
    ``n_features_in_``, ``n_times_``, ``classes_`` and ``sampling_rate_`` are known) and how its
    network is made (`_build_module`). By default the network takes trials (trial, channel, time)
    whose channels have mean 0 and spread 1 over the training trials, all of one length, and
    returns one number per class (`_log_probabilities` says otherwise).
    """

    sampling_rate: float | None
    class_weight: Mapping[Any, float] | str | None
    augmentation: Any
    trainer: Trainer | None
    random_state: int | np.random.RandomState | None
    module_: Any
    _training: ClassVar[dict[str, float | str | None]] = {
        "n_epochs": 50,
        "batch_size": 32,
        "learning_rate": 5e-3,
    }
    _standardised = True  # whether channels are brought to mean 0 and spread 1
    _any_length = False  # whether later trials may have another length

    def fit(self, X: Recording, y: Targets | None, groups: ArrayLike | None = None) -> Self:
        """Train the network from the start.

        Parameters
        ----------
        X : xarray.DataArray with dims (trial, channel | unit, time), mne.Epochs, or array-like
        y : array-like of shape (n_trials,)
            Labels.
        groups : array-like of shape (n_trials,), optional
            What a held-out split of the trainer keeps together. Default: the coordinate
            ``subject`` of X if there are several, else ``session`` if there are several.

        Returns
        -------
        self

        Raises
        ------
        ImportError
            If torch is not installed.
        """
        return self._begin(X, y, None, groups)

    def partial_fit(
        self,
        X: Recording,
        y: Targets | None,
        classes: ArrayLike | None = None,
        groups: ArrayLike | None = None,
    ) -> Self:
        """Go on learning from more trials of the same classes, such as a new day's.

        The network starts from what it is, with a quarter of the epochs and of the learning rate.

        Parameters
        ----------
        X, y, groups : as in `fit`
        classes : array-like, optional
            All labels that will ever come, at the first call. Default: those of ``y``.

        Returns
        -------
        self
        """
        if not hasattr(self, "module_"):
            return self._begin(X, y, classes, groups)
        seen = self._read(X)
        index = index_labels(self, read_labels(self, y, len(seen.values), seen.source))
        trainer = slow_down(self.trainer or self.make_trainer())
        self.module_ = deepcopy(self.module_)
        return self._learn(seen, index, groups, trainer, draw_seed(self.random_state))

    def cost(self, X: Recording) -> Cost:
        """Return what the fitted estimator costs for each trial.

        Parameters
        ----------
        X : as in `fit`

        Returns
        -------
        neurokit.metrics.cost.Cost
            The network is run and counted as NeuroBench counts.
        """
        import torch

        seen = self._read(X)
        module, x = self.module_, torch.from_numpy(self._prepare(seen.values))

        def run() -> int:
            with torch.no_grad():
                for trial in x:
                    self._log_probabilities(module, trial[None])
            return 0

        return cost_of_network(module, run, len(x), "float32", self.n_times_ / self.sampling_rate_)

    def make_trainer(self) -> Trainer:
        """Return the trainer that is used where none is given.

        Returns
        -------
        Trainer
        """
        from neurokit.training import Trainer

        return Trainer(**self._training)

    # ------------------------------------------------------------ for the subclasses

    def _initialise(self, module: nn.Module, x: NDArray[np.float32]) -> None:
        """Fit the start of the network to the statistics of its input, (trial, channel, time)."""

    def _log_probabilities(self, module: nn.Module, x: Tensor) -> Tensor:
        """Return the logarithm of each class's probability, for trials (trial, channel, time)."""
        return module(x).log_softmax(-1)

    # ------------------------------------------------------------ inside

    def _begin(
        self, X: Recording, y: Targets | None, classes: ArrayLike | None, groups: ArrayLike | None
    ) -> Self:
        from neurokit.training import import_torch

        import_torch(type(self).__name__)
        from neurokit.nn.draws import seeded

        seen = trials(self, X, reset=True)
        labels = read_labels(self, y, len(seen.values), seen.source)
        self.classes_ = find_classes(self, labels, classes)
        index = index_labels(self, labels)
        self.sampling_rate_ = require_rate(self, seen.sampling_rate)
        self.n_times_ = seen.values.shape[2]
        if self._standardised:
            spread = seen.values.std((0, 2), dtype=np.float64)
            self.mean_ = seen.values.mean((0, 2), dtype=np.float64)
            self.scale_ = np.where(spread > 0, spread, 1.0)
        self._keep_plan()
        seed = draw_seed(self.random_state)
        with seeded(seed):
            module = self._build_module("module_")
            self._initialise(module, self._prepare(seen.values[: 2 * _BATCH]))
        self.module_ = module
        return self._learn(seen, index, groups, self.trainer or self.make_trainer(), seed)

    def _learn(
        self,
        seen: Trials,
        index: NDArray[np.intp],
        groups: ArrayLike | None,
        trainer: Trainer,
        seed: int,
    ) -> Self:
        import torch

        from neurokit.decoders.networks.classifier_loss import TrialLoss
        from neurokit.training.augment import Montage, make_augmentation

        name, inputs = type(self).__name__, self._prepare(seen.values)
        spread = inputs.std((0, 2), dtype=np.float64)[:, None]
        montage = Montage(
            getattr(self, "channels_", None), torch.from_numpy(spread), self.sampling_rate_
        )
        augment = make_augmentation(name, self.augmentation, montage)
        data = [torch.from_numpy(inputs), torch.from_numpy(index)]
        if self.class_weight is not None:
            weight = self._weigh(index)
            data.append(torch.from_numpy(weight))
        self.history_ = trainer.minimize(
            self.module_,
            TrialLoss(self._log_probabilities, augment),
            data,
            seed=seed,
            groups=find_groups(seen, groups),
        )
        return self

    def _weigh(self, index: NDArray[np.intp]) -> NDArray[np.float32]:
        """Return the weight of every trial, 1 in the mean."""
        present = np.unique(index)
        wanted = self.class_weight
        if wanted is not None and not isinstance(wanted, str):
            wanted = {k: wanted.get(c, 1.0) for k, c in enumerate(self.classes_.tolist())}
        by_class = np.ones(len(self.classes_))
        by_class[present] = compute_class_weight(wanted, classes=present, y=index)
        weight = by_class[index]
        return (weight / weight.mean()).astype(np.float32)

    def _prepare(self, values: Floats) -> NDArray[np.float32]:
        """Return trials as the network takes them."""
        if self._standardised:
            values = (values - self.mean_[:, None]) / self.scale_[:, None]
        return np.require(values, np.float32, ["C", "W"])  # torch wants it writable

    def _decisions(self, seen: Trials) -> Floats:
        return self._decide(seen.values)

    def _probabilities(self, seen: Trials) -> Floats:
        return np.exp(self._decide(seen.values))

    def _decide(self, values: Floats) -> NDArray[np.float64]:
        """Return the logarithms of the probabilities, a few trials at once."""
        import torch

        found = []
        with torch.inference_mode():
            for start in range(0, len(values), _BATCH):
                x = torch.from_numpy(self._prepare(values[start : start + _BATCH]))
                likely = self._log_probabilities(self.module_, x)
                found.append(likely.double().log_softmax(-1))  # sums to one in double precision
        return torch.cat(found).numpy()

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.poor_score = True  # for trials of one sample
        return tags


def find_groups(seen: Trials, groups: ArrayLike | None) -> Floats | None:
    """Return what a held-out split keeps together: subjects, else sessions, where several are."""
    if groups is not None:
        return np.asarray(groups)
    for name in ("subject", "session"):
        found = seen.coordinate(name)
        if found is not None and len(np.unique(found)) > 1:
            return found
    return None
