"""Samples along time as rows, labelled, plain or of MNE, read alike."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import xarray as xr
from sklearn.base import BaseEstimator

from neurokit.inputs.data import check_data
from neurokit.inputs.gaps import fill_past
from neurokit.inputs.labels import (
    check_values,
    find_space,
    keep_coords,
    labelled_or_plain,
    remember_channels,
)
from neurokit.inputs.matching import match_labels
from neurokit.inputs.rates import given_rate, match_rate, rate_of
from neurokit.recording.rate import contiguous_runs
from neurokit.types import Recording


class Series(NamedTuple):
    """Samples along time as rows, the stretches without a jump, and the labels."""

    values: np.ndarray  # (n_samples, n_units); trials stand one below the other
    runs: list[slice]  # stretches of rows that follow each other in time
    sampling_rate: float | None  # Hz
    source: xr.DataArray | None  # the labelled input, dims ([trial,] time, space)
    space: str
    known: np.ndarray | None = None  # rows whose past is known, where one was asked for

    def label(self, rows: np.ndarray, dim: str, names: Sequence[Any] | None) -> Any:
        """Give rows made from ``values`` the labels of the input; plain input, plain output.

        Parameters
        ----------
        rows : ndarray of shape (n_samples, n_columns) or (n_samples,)
        dim : str
            Name of the dim of the columns.
        names : sequence, optional
            Coordinate of ``dim``.
        """
        if self.source is None:
            return rows
        lead = [name for name in self.source.dims if name != self.space]
        shape = [self.source.sizes[name] for name in lead]
        dims = [*lead, dim] if rows.ndim == 2 else lead
        labelled = xr.DataArray(
            rows.reshape(*shape, *rows.shape[1:]),
            dims=dims,
            coords=keep_coords(self.source, tuple(map(str, lead))),
        )
        return labelled if names is None else labelled.assign_coords({dim: list(names)})


def series(
    estimator: BaseEstimator,
    X: Recording,
    *,
    reset: bool,
    allow_nan: bool = False,
    past: bool = False,
) -> Series:
    """Read ``X`` as rows along time.

    Parameters
    ----------
    estimator : estimator
        The caller. Its parameter ``sampling_rate``, if it has one, is the rate of plain arrays.
    X : xarray.DataArray, array-like or mne.io.Raw
        Labelled: dims ``time`` and one of ``channel``, ``unit``, ``feature``, in any order, and
        perhaps ``trial``, each a stretch of its own. Plain: (n_times, n_units), rows being
        samples as everywhere in scikit-learn, one stretch.
    reset : bool
        True in ``fit``: what is seen is remembered. False elsewhere: it is compared.
    allow_nan : bool, default=False
        NaN stands for a sample that is missing, and passes; infinity never does.
    past : bool, default=False
        X may be a history: NaN in the first rows of a stretch stand for a past that is not known.
        The mean over the rows of ``fit`` is put there, and ``known`` tells the others.

    Returns
    -------
    Series

    Raises
    ------
    TypeError, ValueError
        If ``X`` is of another kind or shape, holds NaN or infinity, or does not fit what ``fit``
        has seen.
    """
    if past:
        rows = series(estimator, X, reset=reset, allow_nan=True)
        found = fill_past(estimator, rows.values, rows.runs, reset=reset)
        if found is not None:
            return rows._replace(values=found[0], known=found[1])
    finite: Any = "allow-nan" if allow_nan else True
    X = labelled_or_plain(X)
    if not isinstance(X, xr.DataArray):
        values = check_data(
            estimator, X, reset=reset, dtype=[np.float64, np.float32], ensure_all_finite=finite
        )
        remember_channels(estimator, None, reset=reset)
        rate = given_rate(estimator, reset=reset)
        match_rate(estimator, rate, reset=reset)
        return Series(values, [slice(0, len(values))], rate, None, "unit")
    space = find_space(estimator, X, "trial")
    X = match_labels(estimator, X.transpose(..., "time", space), space, reset=reset)
    n_times = X.sizes["time"]
    rows = check_values(
        estimator,
        X,
        X.values.reshape(-1, X.sizes[space]),
        reset=reset,
        dtype=[np.float64, np.float32],
        ensure_all_finite=finite,
    )
    rate = rate_of(estimator, X, reset=reset)
    match_rate(estimator, rate, reset=reset)
    within = contiguous_runs(X)
    runs = [
        slice(start + run.start, start + run.stop)
        for start in range(0, len(rows), n_times)
        for run in within
    ]
    return Series(rows, runs, rate, X, space)
