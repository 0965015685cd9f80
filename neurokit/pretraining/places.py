"""Where channels are: by their coordinates, their region, or their name."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xarray as xr

from neurokit.datasets.head import electrodes
from neurokit.recording.channels import plain_name
from neurokit.types import Floats

# older names of the 10-20 system, the ears among them
_OLDER = {"t3": "t7", "t4": "t8", "t5": "p7", "t6": "p8"}


def read_places(X: xr.DataArray) -> Floats:
    """Find the place of every channel, in mm; NaN where nothing tells it.

    It is that of the coordinates ``x y z``; else the mean place of its region's channels; else
    that of its name in the 10-10 system, on a sphere.

    Parameters
    ----------
    X : xarray.DataArray with the dim ``channel`` (or ``unit``)

    Returns
    -------
    ndarray of shape (n_channels, 3)

    Examples
    --------
    >>> import neurokit
    >>> X = neurokit.signal(np.zeros((2, 3)), sampling_rate=1, channels=["Cz", "EKG"])
    >>> read_places(X).round().tolist()
    [[0.0, 0.0, 90.0], [nan, nan, nan]]
    """
    space = space_of(X)
    n = X.sizes[space]
    places = np.full((n, 3), np.nan)
    axes = [X.coords[k] for k in "xyz" if k in X.coords]
    if len(axes) == 3 and all(k.dims == (space,) and k.dtype.kind in "iuf" for k in axes):
        places = np.stack([k.values.astype(float) for k in axes], 1)
        places[~np.isfinite(places).all(1)] = np.nan
    regions = read_regions(X)
    for region in sorted(set(regions) - {""}):
        own = np.array([one == region for one in regions])
        lacking = own & np.isnan(places[:, 0])
        if lacking.any() and (own & ~lacking).any():
            places[lacking] = places[own & ~lacking].mean(0)
    template, names = _template(), read_names(X)
    for k in np.flatnonzero(np.isnan(places[:, 0])):
        name = plain_name(names[k])
        places[k] = template.get(_OLDER.get(name, name), (np.nan, np.nan, np.nan))
    return places


def tell_places(X: xr.DataArray, space: str, regions: Sequence[str] = ()) -> Floats:
    """Return what a network is told of where channels are.

    Parameters
    ----------
    X : xarray.DataArray with the dim ``channel`` (or ``unit``)
    space : {"places", "conduction", "regions", "none"}
        Places in mm, the same, numbers of regions, or nothing.
    regions : sequence of str
        Names of the regions that have numbers, from 1 on; 0 is any other.

    Returns
    -------
    ndarray of shape (n_channels, 3)
        NaN where nothing is told.
    """
    if space in ("places", "conduction"):
        return read_places(X)
    told = np.full((X.sizes[space_of(X)], 3), np.nan)
    if space == "regions":
        number = {name: k for k, name in enumerate(regions, 1)}
        told[:] = 0.0
        told[:, 0] = [number.get(one, 0) for one in read_regions(X)]
    return told


def read_regions(X: xr.DataArray) -> list[str]:
    """Read the region of every channel; empty where there is none."""
    space = space_of(X)
    if "region" not in X.coords or X["region"].dims != (space,):
        return [""] * X.sizes[space]
    found = X["region"].values.tolist()
    return ["" if k is None or k != k else str(k) for k in found]


def read_names(X: xr.DataArray) -> list[str]:
    """Read the names of the channels, or number them."""
    space = space_of(X)
    known = X[space].values.tolist() if space in X.coords else range(X.sizes[space])
    return [str(name) for name in known]


def space_of(X: xr.DataArray) -> str:
    """Return the dim of the channels."""
    return "unit" if "unit" in X.dims else "channel"


def _template() -> dict[str, Floats]:
    names, places = electrodes(61)
    return {name.lower(): place for name, place in zip(names, places, strict=True)}
