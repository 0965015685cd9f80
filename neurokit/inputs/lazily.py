"""Lazy in, lazy out: recordings that are filtered block by block when they are asked for."""

import copy
from typing import Any, TypeGuard

import numpy as np
import xarray as xr

from neurokit.inputs.labels import find_space
from neurokit.inputs.matching import match_labels
from neurokit.inputs.rates import match_rate, rate_of
from neurokit.recording.rate import contiguous_runs


def is_lazy(X: object) -> TypeGuard[xr.DataArray]:
    """Whether ``X`` is a labelled dask array, which is not to be loaded whole."""
    return isinstance(X, xr.DataArray) and X.chunks is not None


def first_samples(X: xr.DataArray) -> xr.DataArray:
    """Return as much of a lazy recording as tells its channels and its rate."""
    return X.isel(time=slice(0, 2))


def filter_lazily(estimator: Any, X: xr.DataArray) -> xr.DataArray:
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
    import dask.array as da

    dims = X.dims
    space = find_space(estimator, X, "trial")
    X = match_labels(estimator, X.transpose(..., "time", space), space, reset=False)
    match_rate(estimator, rate_of(estimator, X, reset=False))
    within = contiguous_runs(X)
    whole = X.data.rechunk({X.ndim - 1: -1})
    trials = [whole] if X.ndim == 2 else [whole[k] for k in range(len(whole))]
    found = [da.concatenate([_send(estimator, rows[run]) for run in within]) for rows in trials]
    data = found[0] if X.ndim == 2 else da.stack(found)
    return X.copy(data=data).transpose(*dims)


def _send(estimator: Any, rows: Any) -> Any:
    """Send one stretch, a dask array (time, column), through a new stream."""
    import dask.array as da
    from dask.delayed import delayed

    advance, stream, parts = delayed(_advance, nout=2), estimator.stream(), []
    kind = estimator.stream().push(np.zeros((1, rows.shape[1]), rows.dtype)).dtype
    for block, n in zip(rows.to_delayed().ravel(), rows.chunks[0], strict=True):
        stream, out = advance(stream, block)
        parts.append(da.from_delayed(out, (n, rows.shape[1]), dtype=kind))
    return da.concatenate(parts)


def _advance(stream: Any, block: Any) -> tuple[Any, Any]:
    """Return the stream after a block, and what it gave; the stream before is left as it was."""
    if not np.isfinite(block).all():
        raise ValueError(
            "a block of the lazy X holds NaN or infinity; fill or cut them out first."
        )
    stream = copy.deepcopy(stream)
    return stream, stream.push(block)
