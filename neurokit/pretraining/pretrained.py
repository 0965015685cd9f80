"""Classes and numbers of trials, by an encoder that has learned without labels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Self

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike
from scipy.special import softmax
from sklearn.base import ClassifierMixin, RegressorMixin
from sklearn.utils import assert_all_finite

from neurokit.inputs.classes import find_classes, index_labels, read_labels
from neurokit.inputs.targets import require_y
from neurokit.inputs.trials import Trials, trials
from neurokit.pretraining.probes import fit_classes, fit_numbers
from neurokit.pretraining.probing import Probing
from neurokit.types import Floats, Labelled, Numbers, Recording, Targets

if TYPE_CHECKING:
    from sklearn.utils import Tags
    from torch import Tensor

    from neurokit.pretraining.masked import MaskedModel
    from neurokit.training import Trainer


class PretrainedClassifier(ClassifierMixin, Probing):
    """Tell trials apart by what a pretrained encoder makes of them.

    The encoder embeds each trial; latents are pooled, brought to a common centre for each subject
    and session, and a linear map of them tells the classes. The encoder stays as it is, or is
    tuned with the map: all of it, low-rank additions to its attention [1]_, or its last block.

    **What of the test data is seen.** Domains (subjects, sessions) that `fit` or `partial_fit` has
    seen are levelled and centred by those trials (inductive). One that they have not seen, such
    as the left-out subject, is levelled and centred by its own trials that are passed
    (transductive: without labels, but with the other test trials in view); a protocol's card
    says so. ``align=()`` takes all trials as one domain.

    Parameters
    ----------
    encoder : str, path-like or MaskedModel, default="eeg-small"
        Name of weights that come with the package, path of a file that `MaskedModel.save` has
        written, or a fitted model, which `sklearn.base.clone` of this estimator keeps as it is.
        In the grid of a search give paths: models in there would come out unfitted.
    tune : {"frozen", "head", "lora", "full"}, default="frozen"
        What learns beside the linear map: nothing; the last block and the normalisation behind
        it; low-rank additions to the maps of attention, which are merged into them in the end;
        everything, where each block learns at 3/4 of the rate of the one after it.
    pool : {"covariance", "mean"}, default="covariance"
        Covariances between channels, of groups of latents over frames, as log-Euclidean vectors;
        or means over frames of each channel's latents.
    n_groups : int, default=8
        Groups of latents whose covariances are taken.
    depth : int, optional
        Blocks of the encoder that are run. Default: all.
    align : sequence of str, default=("subject", "session")
        Coordinates of ``trial`` that tell domains apart; those that X lacks are skipped.
    C : float, default=0.01
        How much trials count against weights of zero, or, in `partial_fit`, against those that
        are there.
    rank : int, default=4
        Rank of the additions of ``tune="lora"``.
    sampling_rate : float, optional
        Rate of plain arrays, in Hz.
    trainer : Trainer, optional
        For what is tuned. Default: 10 epochs, 16 trials a step, at a rate of 1e-3 for "lora" and
        "head" and 1e-4 for "full".
    device : str, default="auto"
        Where embeddings are computed.
    random_state : int, RandomState or None

    Attributes
    ----------
    classes_ : ndarray
    coef_ : ndarray of shape (n_classes, n_features)
        For standardised features.
    intercept_ : ndarray of shape (n_classes,)
    domains_ : list of str
    module_ : neurokit.nn.masked.MaskedTransformer
        The encoder as it was given, or as it was tuned.
    history_ : list of dict
        One for each epoch of tuning; empty for "frozen".
    design_ : dict
        What the encoder is.
    n_features_in_ : int
        Number of channels.
    channels_ : list
        Their names, where they had names.

    Raises
    ------
    NotFittedError
        If ``encoder`` is a model that is not fitted.
    ValueError, OSError
        If it is no name of weights that ship, or a path without such a file.

    References
    ----------
    .. [1] Hu et al. (2021), LoRA: low-rank adaptation of large language models,
       arXiv:2106.09685.

    Examples
    --------
    >>> from neurokit.datasets import make_motor_imagery
    >>> X = make_motor_imagery(2, 10, n_channels=8, random_state=0).trials
    >>> model = PretrainedClassifier().fit(X, X["label"])
    >>> model.predict(X).dims, model.domains_
    (('trial',), ['subject S01 session 1', 'subject S02 session 1'])
    """

    classes_: Floats

    def __init__(
        self,
        encoder: str | MaskedModel = "eeg-small",
        *,
        tune: str = "frozen",
        pool: str = "covariance",
        n_groups: int = 8,
        depth: int | None = None,
        align: Sequence[str] = ("subject", "session"),
        C: float = 0.01,
        rank: int = 4,
        sampling_rate: float | None = None,
        trainer: Trainer | None = None,
        device: str = "auto",
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.encoder = encoder
        self.tune = tune
        self.pool = pool
        self.n_groups = n_groups
        self.depth = depth
        self.align = align
        self.C = C
        self.rank = rank
        self.sampling_rate = sampling_rate
        self.trainer = trainer
        self.device = device
        self.random_state = random_state

    def fit(self, X: Recording, y: Targets | None, groups: ArrayLike | None = None) -> Self:
        """Learn to tell trials apart.

        Parameters
        ----------
        X : xarray.DataArray of dims (trial, channel, time), mne.Epochs, or array-like
            In any rate; trials as long as a patch or longer.
        y : array-like of shape (n_trials,)
            Labels.
        groups : array-like of shape (n_trials,), optional
            What a held-out split of the trainer keeps together. Default: ``subject`` of X, else
            ``session``.

        Returns
        -------
        self
        """
        return self._begin(X, y, None, groups)

    def partial_fit(
        self, X: Recording, y: Targets | None, classes: ArrayLike | None = None
    ) -> Self:
        """Move the linear map towards more trials, such as a few of a new person.

        The encoder stays. Weights are drawn towards those that there are; trials of domains that
        were not seen before say how these are levelled and centred from now on.

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
            return self._begin(X, y, classes, None)
        seen = self._read(X)
        index = index_labels(self, read_labels(self, y, len(seen.values)))
        self._fit_map(self._remember(seen), index, (self.coef_, self.intercept_))
        return self

    def predict(self, X: Recording) -> Labelled:
        """Return the likeliest label of every trial.

        Parameters
        ----------
        X : as in `fit`

        Returns
        -------
        xarray.DataArray of dims (trial,), or ndarray
        """
        seen = self._read(X)
        return self._label(self.classes_[self._outputs(seen).argmax(1)], seen)

    def predict_proba(self, X: Recording) -> Labelled:
        """Return the probability of every class, in the order of ``classes_``.

        Parameters
        ----------
        X : as in `fit`

        Returns
        -------
        xarray.DataArray of dims (trial, class), or ndarray
        """
        seen = self._read(X)
        return self._label(softmax(self._outputs(seen), axis=1), seen, self.classes_)

    def decision_function(self, X: Recording) -> Labelled:
        """Return a number for every class; of two, their difference.

        Parameters
        ----------
        X : as in `fit`

        Returns
        -------
        xarray.DataArray of dims (trial, class), or ndarray
            With two classes one number per trial, dims (trial,): above zero for ``classes_[1]``.
        """
        seen = self._read(X)
        values = self._outputs(seen)
        if len(self.classes_) == 2:
            return self._label(values[:, 1] - values[:, 0], seen)
        return self._label(values, seen, self.classes_)

    # ------------------------------------------------------------ inside

    def _begin(
        self, X: Recording, y: Targets | None, classes: ArrayLike | None, groups: ArrayLike | None
    ) -> Self:
        self._check()
        seen = trials(self, X, reset=True)
        labels = read_labels(self, y, len(seen.values))
        self.classes_ = find_classes(self, labels, classes)
        index = index_labels(self, labels)
        self.strength_ = float(self.C)
        return self._learn(seen, index, len(self.classes_), groups)

    def _fit_map(self, features: Floats, targets: Numbers, start: tuple[Floats, Floats]) -> None:
        self.coef_, self.intercept_ = fit_classes(features, targets, start, self.strength_)

    @staticmethod
    def _loss(outputs: Tensor, targets: Tensor) -> Tensor:
        from torch.nn import functional as F

        return F.cross_entropy(outputs, targets)

    def _check(self) -> None:
        super()._check()
        if not self.C > 0:
            raise ValueError(f"PretrainedClassifier: C must be above 0, got {self.C!r}.")


class PretrainedRegressor(RegressorMixin, Probing):
    """Say numbers of trials by what a pretrained encoder makes of them.

    As `PretrainedClassifier`, with ridge regression as the linear map.

    Parameters
    ----------
    encoder, tune, pool, n_groups, depth, align : as in `PretrainedClassifier`
    rank, sampling_rate, trainer, device, random_state : as in `PretrainedClassifier`
    alpha : float, default=100.0
        How much weights of zero count, or, in `partial_fit`, those that are there.

    Attributes
    ----------
    coef_ : ndarray of shape (n_targets, n_features)
        For standardised features.
    intercept_ : ndarray of shape (n_targets,)
    domains_, module_, history_, design_, n_features_in_, channels_
        As in `PretrainedClassifier`.

    Examples
    --------
    >>> from neurokit.datasets import make_motor_imagery
    >>> X = make_motor_imagery(2, 10, n_channels=8, random_state=0).trials
    >>> power = X.std(("channel", "time"))
    >>> PretrainedRegressor(pool="mean").fit(X, power).predict(X).dims
    ('trial',)
    """

    def __init__(
        self,
        encoder: str | MaskedModel = "eeg-small",
        *,
        tune: str = "frozen",
        pool: str = "covariance",
        n_groups: int = 8,
        depth: int | None = None,
        align: Sequence[str] = ("subject", "session"),
        alpha: float = 100.0,
        rank: int = 4,
        sampling_rate: float | None = None,
        trainer: Trainer | None = None,
        device: str = "auto",
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.encoder = encoder
        self.tune = tune
        self.pool = pool
        self.n_groups = n_groups
        self.depth = depth
        self.align = align
        self.alpha = alpha
        self.rank = rank
        self.sampling_rate = sampling_rate
        self.trainer = trainer
        self.device = device
        self.random_state = random_state

    def fit(self, X: Recording, y: Targets | None, groups: ArrayLike | None = None) -> Self:
        """Learn to say numbers; see `PretrainedClassifier.fit`.

        Parameters
        ----------
        X : xarray.DataArray of dims (trial, channel, time), mne.Epochs, or array-like
        y : array-like of shape (n_trials,) or (n_trials, n_targets)
        groups : array-like of shape (n_trials,), optional

        Returns
        -------
        self
        """
        self._check()
        seen = trials(self, X, reset=True)
        targets = self._read_numbers(y, seen)
        self.flat_ = targets.ndim == 1
        targets = targets.reshape(len(targets), -1)
        self.strength_ = float(self.alpha)
        return self._learn(seen, targets, targets.shape[1], groups)

    def partial_fit(self, X: Recording, y: Targets | None) -> Self:
        """Move the linear map towards more trials; see `PretrainedClassifier.partial_fit`.

        Parameters
        ----------
        X, y : as in `fit`

        Returns
        -------
        self
        """
        if not hasattr(self, "module_"):
            return self.fit(X, y)
        seen = self._read(X)
        targets = self._read_numbers(y, seen).reshape(len(seen.values), -1)
        if targets.shape[1] != len(self.coef_):
            raise ValueError(
                f"PretrainedRegressor: y must have {len(self.coef_)} columns as in fit, got"
                f" {targets.shape[1]}."
            )
        self._fit_map(self._remember(seen), targets, (self.coef_, self.intercept_))
        return self

    def predict(self, X: Recording) -> Labelled:
        """Return the numbers of every trial.

        Parameters
        ----------
        X : as in `fit`

        Returns
        -------
        xarray.DataArray of dims (trial[, target]), or ndarray
        """
        seen = self._read(X)
        values = self._outputs(seen)
        return self._label(values[:, 0] if self.flat_ else values, seen, dim="target")

    # ------------------------------------------------------------ inside

    def _read_numbers(self, y: Targets | None, seen: Trials) -> Floats:
        require_y(self, y, "a number, or several, for each trial")
        values = np.asarray(y.values if isinstance(y, xr.DataArray) else y)
        try:
            values = values.astype(np.float64)
        except ValueError:
            raise ValueError(
                f"PretrainedRegressor: y must hold numbers, got {values.dtype}; use"
                " PretrainedClassifier for labels."
            ) from None
        assert_all_finite(values, input_name="y")
        if values.ndim not in (1, 2) or len(values) != len(seen.values):
            raise ValueError(
                f"PretrainedRegressor: y must have shape ({len(seen.values)},) or"
                f" ({len(seen.values)}, n_targets), got {values.shape}."
            )
        return values

    def _fit_map(self, features: Floats, targets: Numbers, start: tuple[Floats, Floats]) -> None:
        self.coef_, self.intercept_ = fit_numbers(features, targets, start, self.strength_)

    @staticmethod
    def _loss(outputs: Tensor, targets: Tensor) -> Tensor:
        return (outputs - targets).square().mean()

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    def _check(self) -> None:
        super()._check()
        if not self.alpha > 0:
            raise ValueError(f"PretrainedRegressor: alpha must be above 0, got {self.alpha!r}.")
