"""What all classifiers of trials share: labels in, labelled probabilities and decisions out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.validation import check_is_fitted

from neurokit.decoders.live import WindowStream
from neurokit.inputs.lazily import by_trials, has_lazy_trials
from neurokit.inputs.trials import Trials, trials
from neurokit.streaming import Stream
from neurokit.types import Floats, Recording

if TYPE_CHECKING:
    from sklearn.utils import Tags

_SMALLEST = np.finfo(np.float64).tiny


class TrialClassifier(ClassifierMixin, BaseEstimator):
    """Base of the classifiers that tell trials apart.

    Decisions on lazy trials are computed, a block of trials at a time.

    A subclass has ``classes_`` after ``fit`` (see ``neurokit.inputs.classes``), and says how
    likely each class is for trials that were read (`_probabilities`).
    """

    classes_: Floats
    n_times_: int
    _any_length = True  # whether later trials may have another length than those of ``fit``

    def predict(self, X: Recording) -> Any:
        """Return the likeliest label of every trial.

        Parameters
        ----------
        X : as in ``fit``

        Returns
        -------
        xarray.DataArray of dims (trial,), or ndarray
        """
        if has_lazy_trials(X):
            return by_trials(self, "predict", X).compute()
        seen = self._read(X)
        return label_trials(self.classes_[self._probabilities(seen).argmax(1)], seen)

    def predict_proba(self, X: Recording) -> Any:
        """Return the probability of every class, in the order of ``classes_``.

        Parameters
        ----------
        X : as in ``fit``

        Returns
        -------
        xarray.DataArray of dims (trial, class), or ndarray
        """
        if has_lazy_trials(X):
            return by_trials(self, "predict_proba", X).compute()
        seen = self._read(X)
        return label_trials(self._probabilities(seen), seen, self.classes_)

    def decision_function(self, X: Recording) -> Any:
        """Return the logarithm of the probability of every class; of two, their difference.

        Parameters
        ----------
        X : as in ``fit``

        Returns
        -------
        xarray.DataArray of dims (trial, class), or ndarray
            With two classes one number per trial, dims (trial,): above zero for ``classes_[1]``.
        """
        if has_lazy_trials(X):
            return by_trials(self, "decision_function", X).compute()
        seen = self._read(X)
        values = self._decisions(seen)
        if len(self.classes_) == 2:
            return label_trials(values[:, 1] - values[:, 0], seen)
        return label_trials(values, seen, self.classes_)

    def stream(self, step: float | None = None) -> Stream:
        """Begin a live recording, decided window by window.

        Parameters
        ----------
        step : float, optional
            Seconds from the beginning of one window to the next. Default: the length of a trial.

        Returns
        -------
        stream
            ``push(chunk)`` takes the next samples, shape (n, n_channels), and returns the
            probabilities of each window of a trial's length that has ended, shape (n_windows,
            n_classes), those of `predict_proba`. ``flush()`` returns no more.
        """
        check_is_fitted(self)

        def decide(windows: Floats, look: int) -> tuple[Floats, Floats]:
            rate = getattr(self, "sampling_rate_", None)
            seen = Trials(windows, rate, None, "channel", single=False)
            return self._probabilities(seen), np.ones(len(windows), bool)

        return WindowStream(self, step, [self.n_times_], decide)

    # ------------------------------------------------------------ for the subclasses

    def _read(self, X: Recording) -> Trials:
        """Read trials as those of ``fit``, or refuse them."""
        check_is_fitted(self)
        seen = trials(self, X, reset=False)
        if not self._any_length and seen.values.shape[2] != self.n_times_:
            raise ValueError(
                f"{type(self).__name__} was fitted on trials of {self.n_times_} samples, got"
                f" {seen.values.shape[2]}; cut them to that length, or fit again."
            )
        return seen

    def _probabilities(self, seen: Trials) -> Floats:
        """Return the probabilities, shape (n_trials, n_classes)."""
        raise NotImplementedError

    def _decisions(self, seen: Trials) -> Floats:
        """Return the logarithms of the probabilities, shape (n_trials, n_classes)."""
        return np.log(np.maximum(self._probabilities(seen), _SMALLEST))

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        return tags


def label_trials(values: Floats, seen: Trials, classes: Any = None) -> Any:
    """Give one row per trial the labels of the input; plain input, plain output.

    Parameters
    ----------
    values : ndarray of shape (n_trials,) or (n_trials, n_classes)
    seen : Trials
    classes : array-like, optional
        Labels of the second axis.

    Returns
    -------
    xarray.DataArray of dims (trial[, class]), or ndarray
    """
    if seen.source is None:
        return values
    dims = ("trial", "class")[: values.ndim]
    out = xr.DataArray(values, dims=dims, coords=seen.coords("trial"))
    if classes is not None:
        out = out.assign_coords({"class": classes})
    return out.isel(trial=0) if seen.single else out
