"""Rows of features, one for each stimulus or each step of time, and responses beside them."""

from typing import Any, NamedTuple

import numpy as np
import xarray as xr
from sklearn.base import BaseEstimator

from neurokit.inputs.data import check_data
from neurokit.inputs.gaps import fill_past
from neurokit.inputs.labels import (
    SPACES,
    check_values,
    keep_coords,
    labelled_or_plain,
    name_of,
    refuse_empty,
    remember_channels,
)
from neurokit.inputs.matching import match_labels
from neurokit.inputs.rates import given_rate, match_rate, rate_of
from neurokit.inputs.targets import check_numbers, check_same_clock, match_trials, require_y
from neurokit.recording.rate import contiguous_runs
from neurokit.types import Recording, Targets


class Samples(NamedTuple):
    """Features as rows, and the labels that they came with."""

    values: np.ndarray  # (n_rows, n_features)
    source: xr.DataArray | None  # the labelled input, dims (*rows, space); None if plain
    dims: tuple[str, ...]  # of the rows: stimuli or trials, or time, or trials and time
    known: np.ndarray | None = None  # rows whose past is known, where one was asked for

    def coordinate(self, name: str) -> np.ndarray | None:
        """Values of a coordinate such as ``stimulus`` for each row; None where there is none."""
        if self.source is None or name not in self.source.coords:
            return None
        found = self.source.coords[name]
        if not set(found.dims) <= set(self.dims):
            return None
        lead = self.source.isel({self.source.dims[-1]: 0}, drop=True)
        return found.broadcast_like(lead).transpose(*self.dims).values.ravel()

    def along(self, dim: str) -> np.ndarray | None:
        """Position along a dim of the rows for each row; None where there is no such dim."""
        if dim not in self.dims or self.source is None:
            return None
        shape = [self.source.sizes[name] for name in self.dims]
        return np.indices(shape)[self.dims.index(dim)].ravel()


class Responses(NamedTuple):
    """What is to be predicted for each row, and the labels that it came with."""

    values: np.ndarray  # (n_rows, n_targets) float64
    shape: tuple[int, ...]  # of the targets; () where y came as one column without a dim
    labels: xr.Dataset  # coordinates of the targets, dims in order as attribute "dims"


def samples(
    estimator: BaseEstimator,
    X: Recording,
    *,
    reset: bool,
    past: bool = False,
    allow_nan: bool = False,
) -> Samples:
    """Read ``X`` as rows of features.

    Parameters
    ----------
    estimator : estimator
        The caller.
    X : xarray.DataArray or array-like
        Labelled: one of the dims ``feature``, ``channel``, ``unit``, and one or two more, which
        are the rows: ``trial`` (or ``stimulus``, ...), ``time``, or both. Plain: (n_rows,
        n_features).
    reset : bool
        True in ``fit``: what is seen is remembered. False elsewhere: it is compared.
    past, allow_nan : bool, default=False
        As in `neurokit.inputs.series.series`.

    Returns
    -------
    Samples

    Raises
    ------
    TypeError, ValueError
        If ``X`` is of another kind or shape, holds NaN or infinity, or does not fit what ``fit``
        has seen.
    """
    X = labelled_or_plain(X)
    if past:
        rows_ = samples(estimator, X, reset=reset, allow_nan=True)
        found = fill_past(estimator, rows_.values, _stretches(rows_), reset=reset)
        if found is not None:
            return rows_._replace(values=found[0], known=found[1])
    options: dict[str, Any] = {"reset": reset, "dtype": np.float64}
    options["ensure_all_finite"] = "allow-nan" if allow_nan else True
    if not isinstance(X, xr.DataArray):
        values = check_data(estimator, X, **options)
        remember_channels(estimator, None, reset=reset)
        match_rate(estimator, given_rate(estimator, reset=reset), reset=reset)
        return Samples(values, None, ("row",))
    spaces = [str(dim) for dim in X.dims if dim in SPACES]
    rows = tuple(str(dim) for dim in X.dims if dim not in SPACES)
    if len(spaces) != 1 or not 1 <= len(rows) <= 2 or X.dtype.kind not in "biuf":
        raise ValueError(
            f"{name_of(estimator)}: X must hold numbers, with one of the dims"
            f" {', '.join(SPACES)} and one or two for its rows, such as trial and time, got"
            f" {tuple(X.dims)} of {X.dtype}."
        )
    refuse_empty(estimator, dict(X.sizes))
    rows = tuple(sorted(rows, key=lambda dim: (dim == "time", dim != "trial")))
    X = match_labels(estimator, X.transpose(*rows, *spaces), spaces[0], reset=reset)
    flat = X.values.reshape(-1, X.shape[-1])
    if "time" not in rows:
        values = check_data(estimator, flat, **options)
        match_rate(estimator, None, reset=reset)
        return Samples(values, X, rows)
    values = check_values(estimator, X, flat, **options)
    match_rate(estimator, rate_of(estimator, X, reset=reset), reset=reset)
    return Samples(values, X, rows)


def _stretches(rows: Samples) -> list[slice]:
    """Return the rows that follow each other in time."""
    n = len(rows.values)
    if rows.source is None:
        return [slice(0, n)]
    if "time" not in rows.dims:
        return [slice(k, k + 1) for k in range(n)]
    within, size = contiguous_runs(rows.source), rows.source.sizes["time"]
    return [slice(s + run.start, s + run.stop) for s in range(0, n, size) for run in within]


def responses(
    estimator: BaseEstimator, y: Targets | None, rows: Samples, *, what: str
) -> Responses:
    """Read ``y`` as the responses to the rows of X.

    Parameters
    ----------
    estimator : estimator
        The caller.
    y : xarray.DataArray or array-like
        Labelled: the dims of the rows of X, and any others, which are targets: ``voxel``;
        ``channel`` and ``time``. Plain: the rows first.
    rows : Samples
        X as `samples` has read it.
    what : str
        What to give where it is missing.

    Returns
    -------
    Responses

    Raises
    ------
    ValueError
        If ``y`` is missing, holds NaN, has other rows or another clock than X, or belongs to
        other stimuli.
    """
    require_y(estimator, y, what)
    labels = xr.Dataset(attrs={"dims": []})
    if isinstance(y, xr.DataArray):
        lead = rows.dims if rows.source is not None else (str(y.dims[0]),)
        if not set(lead) <= set(y.dims):
            raise ValueError(
                f"{name_of(estimator)}: y must have the dims {lead} of the rows of X, got"
                f" {tuple(y.dims)}."
            )
        put: xr.DataArray = match_trials(estimator, rows.source, y)
        if rows.source is not None:
            check_same_rows(estimator, rows.source, put, lead)
        put = put.transpose(*lead, ...)
        dims = [str(dim) for dim in put.dims[len(lead) :]]
        labels = keep_coords(put, tuple(dims)).to_dataset()
        labels = labels.drop_vars([name for name, c in labels.coords.items() if not c.dims])
        labels.attrs = {"dims": dims} | {k: v for k, v in put.attrs.items() if k == "units"}
        shape = tuple(put.shape[len(lead) :])
        y = put.values.reshape(-1, *shape)
    values = check_numbers(estimator, y, len(rows.values), allow_nd=True)
    shape = values.shape[1:]
    if not labels.attrs["dims"]:
        names = ["target"] if len(shape) == 1 else [f"target_{k}" for k in range(len(shape))]
        labels.attrs["dims"] = names
    return Responses(values.reshape(len(values), -1), shape, labels)


def check_same_rows(
    estimator: BaseEstimator, X: xr.DataArray, y: xr.DataArray, rows: tuple[str, ...]
) -> None:
    """Refuse responses of other rows than those of X: another number, clock or stimulus."""
    for dim in rows:
        if X.sizes[dim] != y.sizes[dim]:
            raise ValueError(
                f"{name_of(estimator)}: X has {X.sizes[dim]} along {dim} and y"
                f" {y.sizes[dim]}; give the responses to the same rows."
            )
    if "time" in rows:
        check_same_clock(estimator, X, y)
    if "stimulus" in X.coords and "stimulus" in y.coords:
        a, b = X["stimulus"], y["stimulus"]
        if a.dims == b.dims and not np.array_equal(a.values, b.values):
            raise ValueError(
                f"{name_of(estimator)}: X and y belong to other stimuli, row by row; put them in"
                " one order, as with X.sel(stimulus=y['stimulus'])."
            )


def label_rows(
    values: np.ndarray, rows: Samples, shape: tuple[int, ...], labels: xr.Dataset
) -> Any:
    """Give one row of targets per row of X the labels of both; plain input, plain output.

    Parameters
    ----------
    values : ndarray of shape (n_rows, n_targets)
    rows : Samples
    shape, labels
        What `Responses` has told of the targets in ``fit``.

    Returns
    -------
    xarray.DataArray of dims (*rows, *targets), or ndarray of shape (n_rows, *shape)
    """
    if rows.source is None:
        return values.reshape(len(values), *shape)
    lead = [rows.source.sizes[dim] for dim in rows.dims]
    dims = [*rows.dims, *(labels.attrs["dims"] if shape else [])]
    coords = keep_coords(rows.source, rows.dims).to_dataset()
    out = xr.DataArray(values.reshape(*lead, *shape), dims=dims, coords=coords.coords)
    own = labels.drop_vars([name for name in labels.coords if name in out.coords])
    out = out.assign_coords(own.coords)
    return out.assign_attrs({k: v for k, v in labels.attrs.items() if k == "units"})
