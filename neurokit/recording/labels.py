"""Labels along a dim: names that differ, one value each, places."""

from collections.abc import Hashable, Sequence

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import ArrayLike


def name_each(
    caller: str,
    dim: str,
    names: Sequence[Hashable] | np.ndarray | None,
    size: int,
    prefix: str | None = None,
) -> np.ndarray:
    """Return names along a dim, all different; numbers, or ``prefix`` and a number, if None."""
    if names is None:
        names = list(range(size)) if prefix is None else [f"{prefix}{i}" for i in range(size)]
    array = one_each(caller, f"{dim} names", names, size, dim)
    column = pd.Series(array)
    if column.duplicated().any():
        repeated = column[column.duplicated()].unique().tolist()
        raise ValueError(f"{caller}: {dim} names must differ, got {repeated} more than once.")
    return array


def one_each(
    caller: str, what: str, values: Sequence[object] | ArrayLike, size: int, dim: str
) -> np.ndarray:
    """Return values of which there is one for each position along ``dim``."""
    array = np.asarray(values)
    if array.shape != (size,):
        raise ValueError(f"{caller}: {what} must be one for each {dim}, {size}, got {len(array)}.")
    return array


def in_order_of(
    caller: str, what: str, x: xr.DataArray, dim: str, names: Sequence[Hashable]
) -> xr.DataArray:
    """Return ``x`` with its labels along ``dim`` in the order of ``names``; refuse other labels.

    Labels that repeat tell no order, and ``x`` stays as it is.
    """
    mine, wanted = pd.Index(x[dim].values.tolist()), pd.Index(list(names))
    if len(mine) != len(wanted) or mine.equals(wanted):
        return x
    if not (mine.is_unique and wanted.is_unique):
        return x
    place = mine.get_indexer(wanted)
    if (place < 0).any():
        raise ValueError(
            f"{caller}: {what} holds other {dim}s, {mine.tolist()[:6]} where"
            f" {wanted.tolist()[:6]} were expected; rename or choose them by name."
        )
    return x.isel({dim: place})


def label_places(
    caller: str, positions: ArrayLike | None, size: int, dim: str
) -> dict[str, object]:
    """Return the coordinates x, y and z along ``dim``, in mm; none where none are known."""
    if positions is None:
        return {}
    array = np.asarray(positions, dtype=np.float64)
    if array.shape != (size, 3):
        raise ValueError(
            f"{caller}: positions must have shape ({size}, 3), x y z in mm, got {array.shape}."
        )
    return {axis: (dim, array[:, i], {"units": "mm"}) for i, axis in enumerate("xyz")}
