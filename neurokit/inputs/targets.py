"""What is to be predicted, read beside the X that it belongs to."""

import warnings
from typing import Any, NamedTuple

import numpy as np
import xarray as xr
from sklearn.base import BaseEstimator

from neurokit.inputs.labels import name_of, refuse_masked
from neurokit.inputs.series import Series
from neurokit.recording.rate import sampling_rate
from neurokit.types import Doubles, Targets


class Target(NamedTuple):
    """What is to be predicted at each row of a :class:`Series`."""

    values: np.ndarray  # (n_samples, n_features) float64
    names: list[Any] | None  # of the features
    flat: bool  # y came as one column without a second dim: predictions go out alike
    dim: str  # name of the dim of the columns


def target(estimator: BaseEstimator, y: Targets | None, rows: Series) -> Target:
    """Read ``y`` as one row of numbers per row of X.

    Parameters
    ----------
    estimator : estimator
        The caller.
    y : xarray.DataArray or array-like
        Labelled: dims ``time`` and perhaps ``feature`` and ``trial``, in any order. Plain:
        (n_samples,) or (n_samples, n_features).
    rows : Series
        X as :func:`series` has read it.

    Returns
    -------
    Target

    Raises
    ------
    ValueError
        If ``y`` is missing, holds NaN, has another length than X or another clock.
    """
    require_y(estimator, y, "the behaviour at each time step")
    names, dim = None, "feature"
    if isinstance(y, xr.DataArray):
        others = [str(name) for name in y.dims if name not in ("trial", "time")]
        if "time" not in y.dims or len(others) > 1:
            raise ValueError(
                f"{name_of(estimator)}: y must have dims (time, feature), got {tuple(y.dims)}."
            )
        if rows.source is not None and y.sizes["time"] == rows.source.sizes["time"]:
            check_same_clock(estimator, rows.source, y)
        if others:
            dim = others[0]
            names = y[dim].values.tolist() if dim in y.coords else None
        turned = match_trials(estimator, rows.source, y).transpose(..., "time", *others)
        y = turned.values.reshape(-1, *turned.shape[turned.ndim - len(others) :])
    values = check_numbers(estimator, y, len(rows.values))
    flat = values.ndim == 1
    return Target(values[:, None] if flat else values, names, flat, dim)


def check_numbers(
    estimator: BaseEstimator, y: Any, n_rows: int, *, allow_nd: bool = False
) -> Doubles:
    """Return y as finite numbers, one row for each of X; refuse text and other lengths.

    Parameters
    ----------
    estimator : estimator
        The caller.
    y : array-like
    n_rows : int
        Rows of X.
    allow_nd : bool, default=False
        Whether a row may have more than one dim.
    """
    from sklearn.utils.validation import check_array

    try:
        values = check_array(
            y, ensure_2d=False, allow_nd=allow_nd, dtype=np.float64, input_name="y"
        )
    except ValueError as error:
        if "could not convert string" not in str(error):
            raise
        raise ValueError(
            f"{name_of(estimator)}: y must hold numbers, got text ({error}); a classifier takes"
            " labels."
        ) from None
    if values.ndim and len(values) != n_rows:
        raise ValueError(
            f"{name_of(estimator)}: y has {len(values)} rows and X has {n_rows}; give one for each"
            " row of X, as with y.sel(time=X['time'], method='nearest') where both are labelled."
        )
    return np.asarray(values)


def match_trials(estimator: BaseEstimator, source: xr.DataArray | None, y: Any) -> Any:
    """Put a labelled y whose trials have names in the order of those of X, or refuse it.

    Parameters
    ----------
    estimator : estimator
        The caller.
    source : xarray.DataArray or None
        X, where it is labelled.
    y : as in ``fit``

    Raises
    ------
    ValueError
        If y names other trials than X.

    Warns
    -----
    UserWarning
        If their trials are of other subjects, sessions, runs or onsets, place by place.
    """
    if source is None or not isinstance(y, xr.DataArray):
        return y
    y = _in_order_of_names(estimator, source, y)
    for name in ("subject", "session", "run", "onset"):
        if name not in source.coords or name not in y.coords:
            continue
        mine, theirs = source[name].variable, y[name].variable
        if mine.shape == theirs.shape and mine.ndim == 1 and not mine.equals(theirs):
            warnings.warn(
                f"{name_of(estimator)}: X and y differ in {name}, trial by trial, and are paired"
                " by place; give y for the trials of X, or y.values where that is meant.",
                stacklevel=2,
            )
            break
    return y


def _in_order_of_names(
    estimator: BaseEstimator, source: xr.DataArray, y: xr.DataArray
) -> xr.DataArray:
    if not all("trial" in x.dims and "trial" in x.indexes for x in (source, y)):
        return y
    mine, theirs = source.indexes["trial"], y.indexes["trial"]
    if mine.equals(theirs) or len(mine) != len(theirs):
        return y
    if not (mine.is_unique and theirs.is_unique and set(mine) == set(theirs)):
        raise ValueError(
            f"{name_of(estimator)}: X and y name other trials, {mine.tolist()[:4]} and"
            f" {theirs.tolist()[:4]}; give y for the trials of X, as with y.sel(trial=X['trial'])."
        )
    return y.sel(trial=mine)


def require_y(estimator: BaseEstimator, y: Targets | None, what: str) -> None:
    """Say what ``y`` is for where it is missing.

    Parameters
    ----------
    estimator : estimator
        The caller.
    y : object
    what : str
        What to give, as in "the label of each trial".
    """
    refuse_masked(y, "y")
    if y is None:
        raise ValueError(
            f"{name_of(estimator)} requires y to be passed, but the target y is None: give {what}."
        )


def check_same_clock(estimator: BaseEstimator, X: xr.DataArray, y: xr.DataArray) -> None:
    """Refuse a y whose times are not those of X."""
    if "time" not in y.coords or "time" not in X.coords or X.sizes["time"] < 2:
        return
    apart = np.abs(X["time"].values - y["time"].values).max()
    if apart > 0.5 / sampling_rate(X):
        raise ValueError(
            f"{name_of(estimator)}: the times of X and y are up to {apart:g} s apart, more than"
            " half a step; align them first, for example with xarray.align(X, y)."
        )
