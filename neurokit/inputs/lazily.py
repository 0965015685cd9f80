"""Lazy in, lazy out: recordings that are worked on block by block when they are asked for."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, TypeGuard

import numpy as np
import xarray as xr
from sklearn.base import BaseEstimator

from neurokit.inputs.labels import find_space, keep_coords
from neurokit.inputs.matching import match_labels
from neurokit.inputs.rates import match_rate, rate_of
from neurokit.inputs.scales import measure_pieces, take_pieces, tell_of_sizes
from neurokit.recording.rate import contiguous_runs
from neurokit.types import Doubles, Floats, Recording

if TYPE_CHECKING:
    from dask.array import Array as DaskArray


def is_lazy(X: object) -> TypeGuard[xr.DataArray]:
    """Whether ``X`` is a labelled dask array, which is not to be loaded whole."""
    return isinstance(X, xr.DataArray) and X.chunks is not None


def first_samples(X: Recording) -> Recording:
    """Return as much of a lazy recording as tells its channels and its rate, and others whole."""
    return X.isel(time=slice(0, 2)) if is_lazy(X) else X


def first_trial(X: Recording) -> Recording:
    """Return as much of lazy trials as tells what they are like, and others whole."""
    return X.isel(trial=slice(0, 1)) if has_lazy_trials(X) else X


def has_lazy_trials(X: object) -> TypeGuard[xr.DataArray]:
    """Whether ``X`` is lazy and can be read some trials at a time."""
    return is_lazy(X) and X.sizes.get("trial", 0) > 0


def blocks_of_trials(
    X: Recording, estimator: BaseEstimator | None = None
) -> Iterator[xr.DataArray]:
    """Yield lazy trials block by block, each loaded when its turn comes, and others whole.

    For an ``estimator`` that reads all of them to fit, they are held against each other: as if
    they were in memory, a warning tells of trials in another unit.
    """
    if not has_lazy_trials(X):
        yield X  # type: ignore[misc]
        return
    start, sizes = 0, []
    for n in X.chunksizes["trial"]:
        block = X.isel(trial=slice(start, start + n)).compute()
        yield block
        start += n
        if estimator is not None:
            pieces = take_pieces(block, find_space(estimator, X, "trial"), least=1)
            sizes += [] if pieces is None else [measure_pieces(pieces)]
    if estimator is not None and sizes:
        tell_of_sizes(estimator, X, np.concatenate(sizes))


def mean_and_spread(
    estimator: BaseEstimator, X: Recording, values: np.ndarray
) -> tuple[Doubles, Doubles]:
    """Return mean and standard deviation of every column, of a lazy recording by blocks.

    Parameters
    ----------
    estimator : estimator
        The caller, which has read `first_samples` of X by ``series`` in ``fit``.
    X : as in ``fit``
    values : ndarray of shape (n_samples, n_columns)
        What ``series`` has read; used where X is not lazy.
    """
    if not is_lazy(X):
        return values.mean(0, dtype=np.float64), values.std(0, dtype=np.float64)
    import dask.array as da

    space = find_space(estimator, X, "trial")
    X = match_labels(estimator, X.transpose(..., "time", space), space, reset=False)
    rows, over = X.data.astype(np.float64), tuple(range(X.ndim - 1))
    mean, spread, pieces = da.compute(rows.mean(over), rows.std(over), take_pieces(X, space))
    if pieces is not None:
        tell_of_sizes(estimator, X, measure_pieces(pieces))
    if not np.isfinite(mean).all():
        names = X[space].values if space in X.coords else np.arange(X.sizes[space])
        raise ValueError(
            f"{type(estimator).__name__}: the lazy X contains NaN or infinity, in {space}s"
            f" {names[~np.isfinite(mean)].tolist()[:10]}; fill or cut them out first."
        )
    return mean, spread


def by_trials(estimator: BaseEstimator, method: str, X: xr.DataArray) -> xr.DataArray:
    """Call a method on a lazy recording, a block of trials at a time, when it is asked for.

    Parameters
    ----------
    estimator : fitted estimator
        What it returns of a trial does not depend on the trials beside it.
    method : str
    X : xarray.DataArray over a dask array, with the dim ``trial``

    Returns
    -------
    xarray.DataArray
        Lazy, with the labels that the method gives.
    """
    import dask.array as da
    from dask.delayed import delayed

    first = getattr(estimator, method)(X.isel(trial=slice(0, 1)).compute())
    call = delayed(_call_method, traverse=False)
    parts, start = [], 0
    for n in X.chunksizes["trial"]:
        made = call(estimator, method, X.isel(trial=slice(start, start + n)))
        parts.append(da.from_delayed(made, (n, *first.shape[1:]), dtype=first.dtype))
        start += n
    out = xr.DataArray(da.concatenate(parts), dims=first.dims, attrs=first.attrs)
    of_trials = keep_coords(X, ("trial",)).to_dataset()
    kept = [name for name in of_trials.coords if name in first.coords]
    others = first.coords.to_dataset()
    others = others.drop_vars([n for n, c in others.coords.items() if "trial" in c.dims])
    return (
        out.assign_coords(of_trials[kept].coords).assign_coords(others.coords).rename(first.name)
    )


def _call_method(estimator: BaseEstimator, method: str, block: xr.DataArray) -> np.ndarray:
    return np.asarray(getattr(estimator, method)(block))


def map_trials(
    function: Callable[..., Floats], trials: DaskArray, names: np.ndarray, *others: object
) -> DaskArray:
    """Apply a function to blocks of trials, each of which keeps its shape.

    Parameters
    ----------
    function : callable
        Takes a block of trials, float64, their names, and ``others``.
    trials : dask array of shape (n_trials, n_channels, n_times)
    names : ndarray of shape (n_trials,)
    *others : object

    Returns
    -------
    dask array
        It has the type of ``trials``, or float64 where these are no floats.
    """
    import dask.array as da
    from dask.delayed import delayed

    kind = trials.dtype if trials.dtype.kind == "f" else np.dtype(np.float64)
    call, parts, start = delayed(_call_on_block), [], 0
    for n in trials.chunks[0]:
        made = call(function, trials[start : start + n], kind, names[start : start + n], *others)
        parts.append(da.from_delayed(made, (n, *trials.shape[1:]), dtype=kind))
        start += n
    return da.concatenate(parts)


def _call_on_block(
    function: Callable[..., Floats], block: Floats, kind: np.dtype, *others: object
) -> Floats:
    _refuse_gaps(block)
    return function(block.astype(np.float64), *others).astype(kind)


def carry_trials(
    function: Callable[..., tuple[Any, Floats]],
    state: Any,
    trials: DaskArray,
    names: np.ndarray,
    *others: object,
) -> DaskArray:
    """Apply a function to blocks of trials one after the other, each after those before it.

    Parameters
    ----------
    function : callable
        Takes what the block before left, a block of trials, float64, their names, and
        ``others``; returns what it leaves, leaving alone what it was given, and the block.
    state : object
        What stands before the first block.
    trials, names, *others : as in `map_trials`

    Returns
    -------
    dask array
        As of `map_trials`.
    """
    import dask.array as da
    from dask.delayed import delayed

    kind = trials.dtype if trials.dtype.kind == "f" else np.dtype(np.float64)
    call, parts, start = delayed(_carry_on_block, nout=2), [], 0
    for n in trials.chunks[0]:
        some = slice(start, start + n)
        state, made = call(function, state, trials[some], kind, names[some], *others)
        parts.append(da.from_delayed(made, (n, *trials.shape[1:]), dtype=kind))
        start += n
    return da.concatenate(parts)


def _carry_on_block(
    function: Callable[..., tuple[Any, Floats]],
    state: Any,
    block: Floats,
    kind: np.dtype,
    *others: object,
) -> tuple[Any, Floats]:
    _refuse_gaps(block)
    state, out = function(state, block.astype(np.float64), *others)
    return state, out.astype(kind)


def send_lazily(estimator: BaseEstimator, method: str, X: xr.DataArray) -> xr.DataArray:
    """Send a lazy recording through an estimator's stream, whatever its columns become.

    Parameters
    ----------
    estimator : fitted estimator
        Its stream returns a row for each row.
    method : str
        What gives the same of a recording that is not lazy, and the labels of the columns.
    X : xarray.DataArray over a dask array, dims ([trial,] time, channel | unit | feature)

    Returns
    -------
    xarray.DataArray
        Lazy, dims ([trial,] time[, ...]).
    """
    first = getattr(estimator, method)(X.isel(time=slice(0, 2)).compute())
    lead = tuple(str(dim) for dim in first.dims if dim in ("trial", "time"))
    source, data = _send_all(estimator, X)
    data = data if first.ndim > len(lead) else data[..., 0]
    out = xr.DataArray(data, dims=first.dims, attrs=first.attrs)
    others = first.coords.to_dataset()
    others = others.drop_vars([n for n, c in others.coords.items() if {*c.dims} & {*lead}])
    kept = keep_coords(source, lead)
    return out.assign_coords(kept).assign_coords(others.coords).rename(first.name)


def filter_lazily(estimator: BaseEstimator, X: xr.DataArray) -> xr.DataArray:
    """Send a lazy recording through an estimator's stream, block after block.

    Streams give what the whole recording gives, so the blocks joined are what ``transform`` of
    the loaded recording returns. Each stretch and each trial begins anew.

    Parameters
    ----------
    estimator : fitted estimator
        Its stream returns as many columns as it takes.
    X : xarray.DataArray over a dask array, dims ([trial,] time, channel | unit | feature)

    Returns
    -------
    xarray.DataArray
        Lazy, with the dims, labels and chunks along time of ``X``.
    """
    dims = X.dims
    X, data = _send_all(estimator, X)
    return X.copy(data=data).transpose(*dims)


def _send_all(estimator: BaseEstimator, X: xr.DataArray) -> tuple[xr.DataArray, DaskArray]:
    """Return X, dims ([trial,] time, space), as the estimator reads it; and its stream's rows."""
    import dask.array as da

    space = find_space(estimator, X, "trial")
    X = match_labels(estimator, X.transpose(..., "time", space), space, reset=False)
    match_rate(estimator, rate_of(estimator, X, reset=False))
    within = contiguous_runs(X)
    whole = X.data.rechunk({X.ndim - 1: -1})
    trials = [whole] if X.ndim == 2 else [whole[k] for k in range(len(whole))]
    found = [da.concatenate([_send(estimator, rows[run]) for run in within]) for rows in trials]
    return X, found[0] if X.ndim == 2 else da.stack(found)


def _send(estimator: BaseEstimator, rows: DaskArray) -> DaskArray:
    """Send one stretch, a dask array (time, column), through a new stream."""
    import dask.array as da
    from dask.delayed import delayed

    advance, stream, parts = delayed(_advance, nout=2), estimator.stream(), []
    begins = getattr(estimator, "past_mean_", None) is not None  # NaN may stand at the beginning
    empty = np.asarray(estimator.stream().push(np.zeros((1, rows.shape[1]), rows.dtype)))
    for block, n in zip(rows.to_delayed().ravel(), rows.chunks[0], strict=True):
        stream, out = advance(stream, block, begins)
        parts.append(da.from_delayed(out, (n, *empty.shape[1:]), dtype=empty.dtype))
    return da.concatenate(parts)


def _advance(stream: Any, block: Floats, begins: bool) -> tuple[Any, Floats]:
    """Return the stream after a block, and what it gave; the stream before is left as it was."""
    if not begins:  # where it does, the stream itself refuses other NaN
        _refuse_gaps(block)
    stream = copy.deepcopy(stream)
    return stream, stream.push(block)


def _refuse_gaps(block: Floats) -> None:
    if not np.isfinite(block).all():
        raise ValueError(
            "a block of the lazy X holds NaN or infinity; fill or cut them out first."
        )
