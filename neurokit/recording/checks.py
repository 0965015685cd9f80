"""What functions that take a recording refuse."""

from collections.abc import Sequence
from typing import Any

import xarray as xr


def check_dims(x: xr.DataArray, dims: Sequence[str], *, caller: str) -> xr.DataArray:
    """Return ``x`` with its dims in the order ``dims``, or say what is wrong with them."""
    if not isinstance(x, xr.DataArray):
        raise TypeError(
            f"{caller} takes an xarray.DataArray with dims {tuple(dims)}, got"
            f" {type(x).__name__}; neurokit.signal() makes one from an array."
        )
    if set(x.dims) != set(dims):
        raise ValueError(f"{caller} takes dims {tuple(dims)}, got {x.dims}.")
    return x.transpose(*dims)


def check_spikes(x: Any, caller: str) -> xr.Dataset:
    """Return ``x`` if it is a Dataset of ragged spikes, or say what is wrong with it."""
    if not isinstance(x, xr.Dataset) or not {"spike_time", "spike_count"} <= set(x.variables):
        raise TypeError(
            f"{caller} takes a Dataset of spikes, as neurokit.spikes() makes it, got"
            f" {type(x).__name__}."
        )
    return x
