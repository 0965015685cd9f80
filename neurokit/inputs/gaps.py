"""NaN at the beginning of a stretch: what a history does not know, since nobody recorded it."""

import numpy as np
from sklearn.base import BaseEstimator

from neurokit.inputs.labels import name_of
from neurokit.types import Codes, Flags, Floats


def count_unknown(values: Floats) -> Codes | None:
    """Count the NaN of each row, if they stand at its end, as histories lay them; None if not.

    Parameters
    ----------
    values : ndarray of shape (n_rows, n_columns)
    """
    with np.errstate(over="ignore", invalid="ignore"):
        if not np.isnan(np.add.reduce(values, axis=None)):  # one pass, as nearly always
            return np.zeros(len(values), np.intp)
    gaps = np.isnan(values)
    counts: Codes = np.asarray(gaps.sum(axis=1))
    if not counts.any():
        return counts
    at_the_end = np.arange(values.shape[1]) >= values.shape[1] - counts[:, None]
    return counts if np.array_equal(gaps, at_the_end) else None


def unknown_beginnings(values: Floats, runs: list[slice]) -> Flags | None:
    """Tell which rows a history does not know whole; None where NaN tell of something else.

    Those are the first rows of each stretch. The present comes first in a row and the past behind
    it, so that NaN stand at the ends of rows, and from row to row there are fewer.

    Parameters
    ----------
    values : ndarray of shape (n_rows, n_columns)
    runs : list of slice
        The stretches.
    """
    counts = count_unknown(values)
    if counts is None or (counts.any() and any((np.diff(counts[run]) > 0).any() for run in runs)):
        return None
    return counts > 0


def fill_past(
    estimator: BaseEstimator, values: Floats, runs: list[slice], *, reset: bool
) -> tuple[Floats, Flags] | None:
    """Put the mean of its column where the past is not known, and tell the rows where it is.

    Parameters
    ----------
    estimator : estimator
        It keeps the means of the rows that are known as ``past_mean_``, in ``fit``.
    values, runs : as in `unknown_beginnings`
    reset : bool
        True in ``fit``.

    Returns
    -------
    values, known : ndarray
        None where NaN stand elsewhere, or nothing was learnt that could stand for them.

    Raises
    ------
    ValueError
        If in ``fit`` the past of no row is known.
    """
    unknown = unknown_beginnings(values, runs)
    if unknown is None:
        return None
    if reset:
        if unknown.all():
            raise ValueError(
                f"{name_of(estimator)}: Input X contains NaN in every row; where it is a history,"
                " no stretch is as long as the window: shorten it, or give it start='mean'."
            )
        estimator.past_mean_ = values[~unknown].mean(axis=0, dtype=np.float64)
    if not unknown.any():
        return values, ~unknown
    mean = getattr(estimator, "past_mean_", None)
    if mean is None:
        return None
    filled = np.where(np.isnan(values), mean, values).astype(values.dtype, copy=False)
    return filled, ~unknown


def check_start(estimator: BaseEstimator) -> None:
    """Refuse other words for what a history says before it begins."""
    if estimator.start not in ("nan", "mean"):
        raise ValueError(
            f"{name_of(estimator)}: start must be 'nan' or 'mean', got {estimator.start!r}."
        )
