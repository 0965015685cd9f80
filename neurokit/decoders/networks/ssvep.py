"""A network for steady-state responses that learns from all people first, then from one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from typing import TYPE_CHECKING, Any, ClassVar, Self, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import check_is_fitted

from neurokit.decoders.networks.learning import draw_seed
from neurokit.decoders.networks.spatial import SpatialNetworkClassifier
from neurokit.decoders.steady_state import (
    LOWEST,
    check_bands,
    design_bands,
    filter_trials,
    make_operators,
    read_frequencies,
)
from neurokit.decoders.trca import warn_of_phases
from neurokit.inputs.classes import index_labels, read_labels
from neurokit.inputs.trials import Trials
from neurokit.types import Doubles, Recording, Targets

if TYPE_CHECKING:
    from torch import nn

    from neurokit.nn.ssvep import SSVEPNet
    from neurokit.training import Trainer


class SSVEPNetClassifier(SpatialNetworkClassifier):
    """Which flicker was looked at, by a network of all people that one person makes her own [1]_.

    `fit` trains the network on the trials of many people (the first stage). `adapt` goes on from
    there with the few trials of one of them, or of a new person, and hides more of the network
    meanwhile (the second stage); a later `adapt` starts from the first stage again.

    Parameters
    ----------
    bands : int or sequence of (low, high), default=3
        Sub-bands in Hz, see `FBCCAClassifier`; where labels do not read as Hz, the lowest target
        is taken to be at 8 Hz. What each band counts for is learnt.
    n_filters : int, default=120
        Spatial filters, and filters of both temporal convolutions.
    dropout : tuple of three floats, default=(0.1, 0.1, 0.95)
        Share that `fit` hides behind the spatial filters, the first and the second temporal
        convolution.
    adapt_dropout : tuple of three floats, default=(0.6, 0.7, 0.95)
        The same for `adapt`.
    class_weight, augmentation, sampling_rate, picks, random_state : optional
        See `DBConformerClassifier`.
    trainer : Trainer, optional
        For `fit`; default: ``Trainer(1000, batch_size=100, learning_rate=1e-4)``, the last epoch.
    adapt_trainer : Trainer, optional
        For `adapt`; default: ``Trainer(1000, batch_size=200, learning_rate=1e-4)``.

    Attributes
    ----------
    module_ : neurokit.nn.ssvep.SSVEPNet
        The network of the one person after `adapt`, else that of all.
    global_module_ : neurokit.nn.ssvep.SSVEPNet
        The network of all people.
    adapted_ : bool
        Whether ``module_`` is one person's.
    filters_, patterns_ : ndarray of shape (n_filters, n_channels)
        Spatial filters, and what they pick up in the newest training trials; MNE plots them.
    classes_ : ndarray of shape (n_classes,)
    bands_ : list of (float, float)
        In Hz.
    frequencies_ : ndarray of shape (n_classes,) or None
        In Hz, where labels read as such.
    mean_, scale_ : ndarray of shape (n_channels,)
        What channels are standardised by, found by `fit`.
    history_ : list of dict
        Loss and accuracy of each epoch of the newest stage.
    sampling_rate_ : float
    n_times_ : int
        Samples of a trial.

    Raises
    ------
    ValueError
        If trials are shorter than a cycle, bands lie beyond half the sampling rate, or a
        parameter is out of range.
    ImportError
        If torch is not installed.

    Notes
    -----
    Trials must begin at the same phase of the flicker; `adapt` warns where they do not. The
    published bands are 8, 16 and 24 to 90 Hz through filters of order 2, those here the filters
    of `FBCCAClassifier`; the published penalty on the squares of weights is not added.

    References
    ----------
    .. [1] Guney, Oblokulov and Ozkan (2022), A deep neural network for SSVEP-based brain-computer
       interfaces, IEEE Trans. Biomed. Eng. 69(2), 932-944, sections II.B and II.C.

    Examples
    --------
    >>> from neurokit.datasets import make_ssvep
    >>> from neurokit.training import Trainer
    >>> x, _ = make_ssvep((9, 12.5), n_trials=8, n_subjects=3, duration=0.5, random_state=0)
    >>> trainer = Trainer(20, batch_size=16, learning_rate=2e-3, device="cpu")
    >>> speller = SSVEPNetClassifier(n_filters=16, trainer=trainer, random_state=0)
    >>> speller = speller.set_params(adapt_trainer=trainer).fit(x, x["label"])
    >>> mine = x[x["subject"] == "S02"]
    >>> speller.adapt(mine, mine["label"]).predict(mine).dims
    ('trial',)
    """

    global_module_: SSVEPNet
    adapted_: bool
    _training: ClassVar[dict[str, float | str | None]] = {
        "n_epochs": 1000,
        "batch_size": 100,
        "learning_rate": 1e-4,
        "schedule": "constant",
        "warmup": 0.0,
        "clip_norm": None,
    }

    def __init__(
        self,
        *,
        bands: int | Sequence[tuple[float, float]] = 3,
        n_filters: int = 120,
        dropout: tuple[float, float, float] = (0.1, 0.1, 0.95),
        adapt_dropout: tuple[float, float, float] = (0.6, 0.7, 0.95),
        class_weight: Mapping[Any, float] | str | None = None,
        augmentation: Any = None,
        sampling_rate: float | None = None,
        picks: str = "brain",
        trainer: Trainer | None = None,
        adapt_trainer: Trainer | None = None,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.bands = bands
        self.n_filters = n_filters
        self.dropout = dropout
        self.adapt_dropout = adapt_dropout
        self.class_weight = class_weight
        self.augmentation = augmentation
        self.sampling_rate = sampling_rate
        self.picks = picks
        self.trainer = trainer
        self.adapt_trainer = adapt_trainer
        self.random_state = random_state

    def adapt(self, X: Recording, y: Targets | None) -> Self:
        """Make the network of all people one person's.

        Parameters
        ----------
        X : as in `fit`
            Trials of one person; those that `fit` has seen may be among them.
        y : array-like of shape (n_trials,)
            Labels, all of them among ``classes_``.

        Returns
        -------
        self

        Raises
        ------
        NotFittedError
            If there is no network of all people yet.

        Warns
        -----
        UserWarning
            If the trials of a target do not share a phase.
        """
        check_is_fitted(self)
        seen = self._read(X)
        index = index_labels(self, read_labels(self, y, len(seen.values), seen.source))
        self._check_phases(seen, index)
        self.module_ = self._hide(deepcopy(self.global_module_), "adapt_dropout")
        self.adapted_ = True
        trainer = self.adapt_trainer or self.make_trainer().set_params(batch_size=200)
        return self._learn(seen, index, None, trainer, draw_seed(self.random_state))

    # ------------------------------------------------------------ inside

    def _check_phases(self, seen: Trials, index: NDArray[np.intp]) -> None:
        values = seen.values.astype(np.float64)
        x = filter_trials(values, self.bands_[:1], self.sampling_rate_)
        name = type(self).__name__
        warn_of_phases(name, x, index, self.frequencies_, self.sampling_rate_)

    def _learn(
        self,
        seen: Trials,
        index: NDArray[np.intp],
        groups: ArrayLike | None,
        trainer: Trainer,
        seed: int,
    ) -> Self:
        super()._learn(seen, index, groups, trainer, seed)
        if not self.adapted_:
            self.global_module_ = self.module_
        return self

    def _plan(self) -> dict[str, object]:
        name = type(self).__name__
        hz = read_frequencies(self.classes_)
        lowest = LOWEST if hz is None else float(hz.min())
        bands = design_bands(self.bands, lowest, self.sampling_rate_)
        check_bands(name, self.bands, bands, self.sampling_rate_, hz, self.n_times_)
        design: dict[str, object] = {"n_filters": int(self.n_filters)}
        if self.n_filters < 1:
            raise ValueError(f"{name}: n_filters must be at least 1, got {self.n_filters!r}.")
        for stage in ("dropout", "adapt_dropout"):
            shares = tuple(float(share) for share in np.ravel(getattr(self, stage)))
            if len(shares) != 3 or not all(0 <= share < 1 for share in shares):
                raise ValueError(
                    f"{name}: {stage} must be three shares in [0, 1), got"
                    f" {getattr(self, stage)!r}."
                )
            design[stage] = shares
        return {"design_": design, "bands_": bands, "frequencies_": hz, "adapted_": False}

    def _spatial_weights(self) -> Doubles:
        return self.module_.spatial.weight.detach().double().numpy()[..., 0]

    def _build_module(self, name: str) -> nn.Module:
        import torch

        from neurokit.nn.ssvep import SSVEPNet

        bands = tuple((low, high) for low, high in self.bands_)
        filters = make_operators(bands, self.sampling_rate_, self.n_times_)
        module = SSVEPNet(
            len(self.classes_),
            self.n_features_in_,
            self.n_times_,
            filters=torch.from_numpy(filters).float(),
            n_filters=self.design_["n_filters"],
        )
        mine = self.adapted_ and name == "module_"
        return self._hide(module, "adapt_dropout" if mine else "dropout")

    def _hide(self, module: SSVEPNet, stage: str) -> SSVEPNet:
        """Set the shares that training hides."""
        for layer, share in zip(module.drops, self.design_[stage], strict=True):
            cast("nn.Dropout", layer).p = share
        return module
