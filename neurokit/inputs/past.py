"""Rows of a history whose past is not known: marked where they are made, and not learnt from."""

from typing import Any

import numpy as np
import xarray as xr

from neurokit.inputs.series import Series
from neurokit.inputs.targets import Target
from neurokit.recording.rate import contiguous_runs
from neurokit.types import Recording

PAST_KNOWN = "past_known"  # a coordinate of time


def mark_known(made: xr.DataArray, source: xr.DataArray, n_past: int) -> xr.DataArray:
    """Mark the rows of a history whose past is known, as the coordinate ``past_known``.

    Parameters
    ----------
    made : xarray.DataArray
        The history, along the time of ``source``.
    source : xarray.DataArray
        What it was made of. Where that is marked, a past that is not known stays so.
    n_past : int
        Samples before the present that a row looks at.

    Returns
    -------
    xarray.DataArray
        Regressors of neurokit do not learn from the rows that are not marked.
    """
    known = np.zeros(source.sizes["time"], dtype=bool)
    before = source[PAST_KNOWN].values if PAST_KNOWN in source.coords else ~known
    for run in contiguous_runs(source):
        if before[run].any():
            known[run.start + int(before[run].argmax()) + n_past : run.stop] = True
    return made.assign_coords({PAST_KNOWN: ("time", known)})


def select_known(X: Recording, *others: object) -> tuple[Any, ...]:
    """Return X, and what stands beside its rows, where the past of the rows is known.

    Where X marks no rows, or has trials, or what stands beside is of another length, all is
    returned.
    """
    if not isinstance(X, xr.DataArray) or PAST_KNOWN not in X.coords or "trial" in X.dims:
        return X, *others
    known = X[PAST_KNOWN].values.astype(bool)
    lengths = {
        other.sizes.get("time") if isinstance(other, xr.DataArray) else len(np.asarray(other))
        for other in others
        if other is not None
    }
    if known.all() or not known.any() or lengths != {len(known)}:
        return X, *others
    kept = [
        other.isel(time=known)
        if isinstance(other, xr.DataArray)
        else other
        if other is None
        else np.asarray(other)[known]
        for other in others
    ]
    return X.isel(time=known), *kept


def leave_unknown_out(rows: Series, truth: Target) -> tuple[Series, Target]:
    """Return the rows to learn from: those whose past is known, where X tells it.

    Features of the past mark the others, `mark_known`. Where no row is marked, all are returned.
    """
    if rows.source is None or PAST_KNOWN not in rows.source.coords:
        return rows, truth
    trials = len(rows.values) // rows.source.sizes["time"]
    known = np.tile(rows.source[PAST_KNOWN].values.astype(bool), trials)
    if known.all() or not known.any():
        return rows, truth
    at = np.concatenate([[0], np.cumsum(known)])  # place of each row among those that stay
    runs = [slice(int(at[run.start]), int(at[run.stop])) for run in rows.runs]
    left = rows._replace(values=rows.values[known], runs=[r for r in runs if r.stop > r.start])
    return left, truth._replace(values=truth.values[known])
