"""How many different words a recording is made of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np
import xarray as xr
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from neurokit.inputs.lazily import by_trials, first_trial, has_lazy_trials
from neurokit.inputs.trials import trials
from neurokit.metrics.cost import Cost, add_up
from neurokit.persistence import Saveable
from neurokit.types import Floats, Recording

if TYPE_CHECKING:
    from sklearn.utils import Tags


class LempelZiv(Saveable, OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    r"""Lempel-Ziv complexity of every channel of every trial: regular is low, random near 1.

    A signal becomes zeros and ones, above or not above its median (spike counts: above zero or
    not). The sequence is cut from left to right into the shortest words that have not come
    before; the number of words :math:`c` over that of a random sequence,
    :math:`c \log_2(n) / n`, is the feature.

    Parameters
    ----------
    binarize : {"median", "zero"}, default="median"
        What a sample is compared with: the median of its channel in its trial, or zero.
    picks : {"brain", "all"}, default="brain"
        Channels to take where ``channel`` carries ``type`` or ``bad``: those of the brain that are
        not bad, or all. A warning says once what was left out; ``left_out_`` keeps it.

    Attributes
    ----------
    binarize_ : str
        What ``fit`` was given.
    n_features_in_ : int
        Number of channels.
    channels_ : list
        Names of the channels, where they had names.

    Raises
    ------
    ValueError
        If ``binarize`` is neither.

    References
    ----------
    .. [1] Lempel and Ziv (1976), On the complexity of finite sequences, IEEE Trans. Inf. Theory
       22(1), 75-81; counted as by Kaspar and Schuster (1987), Phys. Rev. A 36, 842-848.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> regular = np.tile([0.0, 1.0], 500)
    >>> x = np.stack([regular, rng.normal(size=1000)])[None]  # (trial, channel, time)
    >>> LempelZiv().fit_transform(x).round(2).tolist()
    [[0.03, 1.11]]
    """

    def __init__(self, *, binarize: str = "median", picks: str = "brain") -> None:
        self.binarize = binarize
        self.picks = picks

    def fit(self, X: Recording, y: object = None) -> Self:
        """Remember the channels; nothing else is learnt.

        Parameters
        ----------
        X : xarray.DataArray with dims (trial, channel | unit, time), mne.Epochs, or array-like
        y : None
            Ignored.

        Returns
        -------
        self
        """
        trials(self, first_trial(X), reset=True)
        if self.binarize not in ("median", "zero"):
            raise ValueError(
                f'LempelZiv: binarize must be "median" or "zero", got {self.binarize!r}.'
            )
        self._keep_plan()
        return self

    def _plan(self) -> dict[str, object]:
        return {"binarize_": self.binarize}

    def transform(self, X: Recording) -> Any:
        """Return the complexity of every channel.

        Parameters
        ----------
        X : as in `fit`

        Returns
        -------
        xarray.DataArray of dims (trial, channel), or ndarray
        """
        from neurokit.features._lempel_ziv import count_words

        check_is_fitted(self)
        if has_lazy_trials(X):
            return by_trials(self, "transform", X)
        source = trials(self, X, reset=False)
        x = source.values
        n_times = x.shape[2]
        level = np.median(x, axis=2, keepdims=True) if self.binarize_ == "median" else 0.0
        bits = np.ascontiguousarray((x > level).reshape(-1, n_times).view(np.uint8))
        words = np.array([count_words(row) for row in bits], dtype=np.float64)
        out = words.reshape(x.shape[:2]) * np.log2(max(n_times, 2)) / n_times
        return out if source.source is None else self._label(out, source)

    def cost(self, X: Recording) -> Cost:
        """Return what the fitted estimator costs for each trial.

        Parameters
        ----------
        X : as in `fit`

        Returns
        -------
        neurokit.metrics.cost.Cost
            A comparison and a step of an automaton for each sample: no multiplication.
        """
        check_is_fitted(self)
        _, n_channels, n_times = trials(self, X, reset=False).values.shape
        return add_up(2.0 * n_channels * n_times)

    def _label(self, out: Floats, source: Any) -> xr.DataArray:
        labelled = xr.DataArray(
            out,
            dims=("trial", source.space),
            coords=source.coords("trial", source.space),
        )
        return labelled.drop_vars("time", errors="ignore")

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        return tags
