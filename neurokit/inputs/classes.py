"""What kind each trial is: labels in, their classes, and the place of each among them."""

from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.utils import assert_all_finite
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import column_or_1d

from neurokit.inputs.labels import name_of
from neurokit.inputs.targets import match_trials, require_y
from neurokit.types import Floats, Targets


def read_labels(
    estimator: BaseEstimator, y: Targets | None, n_trials: int, source: xr.DataArray | None = None
) -> Floats:
    """Read ``y`` as one label per trial.

    Parameters
    ----------
    estimator : estimator
        The caller.
    y : xarray.DataArray or array-like of shape (n_trials,)
    n_trials : int
    source : xarray.DataArray, optional
        X, where it is labelled: labels that name their trials are put in its order.

    Returns
    -------
    ndarray of shape (n_trials,)

    Raises
    ------
    TypeError
        If labels are bytes.
    ValueError
        If ``y`` is missing, holds NaN or no labels, or has another length than X.
    """
    require_y(estimator, y, "the label of each trial")
    y = match_trials(estimator, source, y)
    labels = column_or_1d(y.values if isinstance(y, xr.DataArray) else y, warn=True)
    held = labels.tolist() if labels.dtype.kind in "SO" else []
    if undecoded := [label for label in held if isinstance(label, bytes)]:
        raise TypeError(
            f"{name_of(estimator)}: the labels in y must be text or numbers, got bytes such as"
            f" {undecoded[0]!r}; decode them, as [label.decode() for label in y]."
        )
    if labels.dtype.kind != "U":  # text is neither infinite nor a number to be predicted
        assert_all_finite(labels, input_name="y")
        check_classification_targets(labels)
    if len(labels) != n_trials:
        raise ValueError(
            f"{name_of(estimator)}: y has {len(labels)} labels for {n_trials} trials."
        )
    return np.asarray(labels)


def find_classes(estimator: BaseEstimator, labels: Floats, classes: Any = None) -> Floats:
    """Return the classes in order; refuse a single one, which leaves nothing to tell apart.

    Parameters
    ----------
    estimator : estimator
        The caller.
    labels : ndarray of shape (n_trials,)
    classes : array-like, optional
        All labels that will ever come. Default: those of ``labels``.

    Returns
    -------
    ndarray of shape (n_classes,)
    """
    found = np.unique(labels if classes is None else np.asarray(classes))
    if len(found) < 2:
        raise ValueError(
            f"{name_of(estimator)}: y must hold two classes or more, got one class,"
            f" {found.tolist()}; give trials of another class too."
        )
    return found


def index_labels(estimator: BaseEstimator, labels: Floats) -> NDArray[np.intp]:
    """Return the place of each label among ``classes_``; refuse others.

    Parameters
    ----------
    estimator : estimator
        The caller, with ``classes_``.
    labels : ndarray of shape (n_trials,)

    Returns
    -------
    ndarray of int
    """
    known = estimator.classes_
    if unknown := sorted(set(labels.tolist()) - set(known.tolist())):
        raise ValueError(
            f"{name_of(estimator)}: y holds classes {unknown} that fit had not seen; fit a new"
            " decoder."
        )
    return np.searchsorted(known, labels)
