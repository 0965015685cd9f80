"""Rows of a history whose past is not known are not learnt from."""

from typing import Any

import numpy as np
import xarray as xr

from neurokit.inputs.gaps import unknown_beginnings
from neurokit.inputs.labels import SPACES
from neurokit.inputs.series import Series
from neurokit.inputs.targets import Target
from neurokit.recording.rate import contiguous_runs
from neurokit.types import Recording


def leave_unknown_out(rows: Series, truth: Target) -> tuple[Series, Target]:
    """Return the rows to learn from: those whose past is known."""
    known = rows.known
    if known is None or known.all() or not known.any():
        return rows, truth
    at = np.concatenate([[0], np.cumsum(known)])  # place of each row among those that stay
    runs = [slice(int(at[run.start]), int(at[run.stop])) for run in rows.runs]
    left = rows._replace(values=rows.values[known], runs=[r for r in runs if r.stop > r.start])
    return left, truth._replace(values=truth.values[known])


def select_known(X: Recording, *others: object) -> tuple[Any, ...]:
    """Return X, and what stands beside its rows, where the past of the rows is known.

    Where no row is unknown, NaN stand elsewhere too, X has trials, or what stands beside is of
    another length, all is returned.
    """
    known = _known_rows(X)
    if known is None or known.all() or not known.any():
        return X, *others
    lengths = {
        other.sizes.get("time") if isinstance(other, xr.DataArray) else len(np.asarray(other))
        for other in others
        if other is not None
    }
    if lengths != {len(known)}:
        return X, *others
    kept = [
        other.isel(time=known)
        if isinstance(other, xr.DataArray)
        else other
        if other is None
        else np.asarray(other)[known]
        for other in others
    ]
    return X.isel(time=known) if isinstance(X, xr.DataArray) else np.asarray(X)[known], *kept


def _known_rows(X: Recording) -> np.ndarray | None:
    if isinstance(X, xr.DataArray):
        spaces = [dim for dim in X.dims if dim in SPACES]
        if "time" not in X.dims or X.ndim != 2 or len(spaces) != 1 or X.dtype.kind != "f":
            return None
        values, runs = X.transpose("time", *spaces).values, contiguous_runs(X)
    elif isinstance(X, np.ndarray) and X.ndim == 2 and X.dtype.kind == "f":
        values, runs = X, [slice(0, len(X))]
    else:
        return None
    unknown = unknown_beginnings(values, runs)
    return None if unknown is None else ~unknown
