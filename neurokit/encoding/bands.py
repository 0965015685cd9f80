"""Feature spaces side by side: which column belongs to which."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from neurokit.inputs.labels import SPACES
from neurokit.types import Codes


def join_bands(spaces: Mapping[str, xr.DataArray] | xr.Dataset) -> xr.DataArray:
    """Put feature spaces side by side, and say of every column to which one it belongs.

    Parameters
    ----------
    spaces : mapping of str to xarray.DataArray, or xarray.Dataset
        One array for each space ("motion", "words"): the dims of the rows, the same in all, such
        as ``trial`` or ``time``, and at most one more, the columns of the space.

    Returns
    -------
    xarray.DataArray of dims (rows, feature)
        With the coordinate ``band`` along ``feature``; columns are called ``"band/name"``.
        Coordinates of the rows are those of the first space.

    Raises
    ------
    ValueError
        If there is no space, or their rows differ.

    Examples
    --------
    >>> import numpy as np, xarray as xr
    >>> pitch = xr.DataArray(np.zeros(4), dims="trial")
    >>> words = xr.DataArray(np.ones((4, 2)), dims=("trial", "word"))
    >>> x = join_bands({"pitch": pitch, "words": words})
    >>> x.sizes["feature"], x["band"].values.tolist()
    (3, ['pitch', 'words', 'words'])
    """
    arrays = {str(name): array for name, array in spaces.items()}
    if not arrays:
        raise ValueError("join_bands: expects one feature space at least, got none.")
    first = next(iter(arrays.values()))
    shared = set(first.dims).intersection(*(a.dims for a in arrays.values()))
    lead = [dim for dim in first.dims if dim in shared and dim not in SPACES]
    columns, names, bands = [], [], []
    for name, array in arrays.items():
        others = [dim for dim in array.dims if dim not in lead]
        sizes = {str(dim): array.sizes[dim] for dim in lead}
        expected = {str(dim): first.sizes[dim] for dim in lead}
        if len(others) > 1 or not lead or sizes != expected:
            raise ValueError(
                f"join_bands: every space must have the rows of the first, {expected}, and one dim"
                f" more at most; {name!r} has {dict(array.sizes)}."
            )
        flat = array.transpose(*lead, *others)
        values = flat.values if others else flat.values[..., None]
        known = array[others[0]].values if others and others[0] in array.coords else None
        own = range(values.shape[-1]) if known is None else known
        columns.append(values)
        names += [f"{name}/{column}" for column in own]
        bands += [name] * values.shape[-1]
    joined = np.concatenate(columns, axis=-1)
    kept = {k: c for k, c in first.coords.items() if set(c.dims) <= set(lead)}
    out = xr.DataArray(joined, dims=(*lead, "feature"), coords=kept)
    return out.assign_coords(feature=names, band=("feature", bands))


def read_bands(
    caller: str, bands: Mapping[str, Sequence[Any]] | str | None, X: xr.DataArray | None, n: int
) -> tuple[list[str], Codes]:
    """Return the names of the bands, and the number of the band of every column.

    Parameters
    ----------
    caller : str
        Who asks, for errors.
    bands : mapping of str to sequence, str or None
        Columns of each band, by name or position; or the coordinate along the columns that tells
        the band; None stands for the coordinate ``band``, and for one band where there is none.
    X : xarray.DataArray or None
        The labelled input, whose last dim are the columns.
    n : int
        Number of columns.

    Returns
    -------
    names : list of str
    index : ndarray of shape (n_columns,)

    Raises
    ------
    ValueError
        If a column stands in no band or in two, is not known, or there is no such coordinate.
    """
    if bands is None or isinstance(bands, str):
        coordinate = "band" if bands is None else bands
        dim = None if X is None else X.dims[-1]
        if X is None or coordinate not in X.coords or X[coordinate].dims != (dim,):
            if bands is None:
                return ["all"], np.zeros(n, np.intp)
            raise ValueError(
                f"{caller}: bands={bands!r} must name a coordinate along the columns of X; give a"
                " mapping of names to columns, or join_bands()."
            )
        found = [str(name) for name in X[coordinate].values]
        names = list(dict.fromkeys(found))
        return names, np.array([names.index(name) for name in found], np.intp)
    place = {} if X is None or X.dims[-1] not in X.coords else _places(X)
    index = np.full(n, -1, np.intp)
    for k, (name, columns) in enumerate(bands.items()):
        for column in columns:
            at = place.get(column, column)
            if isinstance(at, bool) or not isinstance(at, int | np.integer) or not 0 <= at < n:
                raise ValueError(
                    f"{caller}: band {name!r} has the column {column!r}, which X lacks; X has {n}"
                    " columns, by name or position."
                )
            if index[at] >= 0:
                raise ValueError(
                    f"{caller}: column {column!r} stands in two bands; leave it in one."
                )
            index[at] = k
    if (index < 0).any():
        left = np.flatnonzero(index < 0).tolist()
        raise ValueError(
            f"{caller}: {len(left)} columns stand in no band, {left[:5]}; put every column in one."
        )
    return [str(name) for name in bands], index


def _places(X: xr.DataArray) -> dict[Any, int]:
    names: NDArray[Any] = X[X.dims[-1]].values
    return {name: k for k, name in enumerate(names.tolist())}
