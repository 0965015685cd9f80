"""Fuse the contacts of a region into one signal, their first principal component."""

from __future__ import annotations

import numpy as np
import xarray as xr

from neurokit.pretraining.places import read_places, read_regions
from neurokit.types import Floats


def fuse_regions(x: xr.DataArray, mean: Floats, level: Floats, some: Floats) -> xr.DataArray:
    """Return one channel for each region, of variance 1 over the samples that are shown.

    A region's signal is the first principal component of its contacts [1]_, each divided by its
    level, with the sign of their sum; a contact without a region is one of its own. Where one
    contact of a region is NaN, the region is. Lazy recordings stay lazy.

    Parameters
    ----------
    x : xarray.DataArray of dims ([trial,] channel, time)
    mean, level : ndarray of shape (n_channels,)
    some : ndarray of shape (n_channels, n)
        Samples that the components are found on; columns with NaN are left out.

    Returns
    -------
    xarray.DataArray of dims ([trial,] channel, time)
        Channels are named by their regions; ``x y z`` are the mean places of the contacts.

    References
    ----------
    .. [1] Zheng et al. (2024), Du-IN, NeurIPS, arXiv:2405.11459 (contacts of a region fused by a
       linear map, which is learned there and computed here).

    Examples
    --------
    >>> import neurokit
    >>> values = np.array([[1.0, -1.0, 2.0, -2.0]] * 2 + [[1.0, 0.0, -1.0, 0.0]])
    >>> x = neurokit.signal(values, sampling_rate=1, regions=["left", "left", "right"])
    >>> fused = fuse_regions(x, values.mean(1), values.std(1), values)
    >>> fused["channel"].values.tolist(), fused.values.std(1).round(3).tolist()
    (['left', 'right'], [1.0, 1.0])
    """
    names = x["channel"].values.tolist() if "channel" in x.coords else range(x.sizes["channel"])
    own = [r or str(n) for r, n in zip(read_regions(x), names, strict=True)]
    regions = list(dict.fromkeys(own))
    scale = np.where(level > 0, level, 1.0)
    whole = some[:, np.isfinite(some).all(0)]
    levelled = (whole - mean[:, None]) / scale[:, None]
    maps = np.zeros((len(regions), len(own)))
    places = read_places(x)
    centres = np.full((len(regions), 3), np.nan)
    for k, region in enumerate(regions):
        inside = np.flatnonzero([one == region for one in own])
        part = levelled[inside]
        values, vectors = np.linalg.eigh(part @ part.T / max(part.shape[1], 1))
        first = vectors[:, -1] * (1.0 if vectors[:, -1].sum() >= 0 else -1.0)
        maps[k, inside] = first / np.sqrt(max(values[-1], 1e-12)) / scale[inside]
        known = places[inside][np.isfinite(places[inside]).all(1)]
        centres[k] = known.mean(0) if len(known) else np.nan
    mixing = xr.DataArray(maps, dims=("fused", "channel"))
    plain = x.drop_vars([c for c in x.coords if "channel" in x[c].dims])
    centred = plain - xr.DataArray(mean, dims="channel")
    # a product of zero and NaN would make one lost contact a gap of all regions
    lost = xr.dot(centred.isnull(), xr.DataArray(maps != 0, dims=("fused", "channel")))
    fused = xr.dot(centred.fillna(0.0), mixing, dim="channel").where(lost == 0)
    fused = fused.rename(fused="channel").transpose(*x.dims)
    axes = {k: ("channel", centres[:, i]) for i, k in enumerate("xyz")}
    return fused.assign_coords(channel=regions, region=("channel", regions), **axes)
