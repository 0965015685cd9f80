"""Recordings of several animals side by side, their units joined by name."""

from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from neurokit.recording.checks import check_dims
from neurokit.recording.clock import SampleIndex
from neurokit.recording.rate import sampling_rate


def stack(recordings: Mapping[Any, xr.DataArray], dim: str = "animal") -> xr.DataArray:
    """Lay recordings of several animals side by side; units are joined by name.

    Parameters
    ----------
    recordings : mapping of name to xarray.DataArray of dims ("unit", "time")
        Traces or rates, one entry for each animal (or session), all on one clock and in one unit.
    dim : str, default="animal"
        Name of the new dim; its coordinate holds the keys of the mapping.

    Returns
    -------
    xarray.DataArray of dims (dim, "unit", "time")
        Units in the order in which they first appear; NaN where an animal lacks one. The clock
        stays exact. A coordinate of ``unit`` is kept where no two animals contradict each other.

    Raises
    ------
    TypeError
        If an entry is no DataArray, or its units have no names.
    ValueError
        If there is no recording, a unit name repeats, or clocks or physical units differ.

    Examples
    --------
    >>> import numpy as np, neurokit
    >>> a = neurokit.traces(np.zeros((2, 9)), sampling_rate=2, ids=["AVAL", "AVAR"])
    >>> b = neurokit.traces(np.ones((2, 9)), sampling_rate=2, ids=["AVAR", "RID"])
    >>> both = neurokit.stack({"worm 1": a, "worm 2": b})
    >>> both["unit"].values.tolist(), both.sel(unit="RID").isnull().all("time").values.tolist()
    (['AVAL', 'AVAR', 'RID'], [True, False])
    """
    if not isinstance(recordings, Mapping) or not recordings:
        raise ValueError(
            "stack takes a mapping of names to recordings, {'worm 1': traces, ...}, with at"
            " least one entry."
        )
    pieces = {
        name: check_dims(x, ("unit", "time"), caller=f"stack: {name!r}")
        for name, x in recordings.items()
    }
    first_name, first = next(iter(pieces.items()))
    places: dict[Hashable, int] = {}
    for name, x in pieces.items():
        _check(name, x, first_name, first)
        for unit in x["unit"].values.tolist():
            places.setdefault(unit, len(places))
    dtype = np.result_type(np.float32, *(x.dtype for x in pieces.values()))
    values = np.full((len(pieces), len(places), first.sizes["time"]), np.nan, dtype)
    for page, x in zip(values, pieces.values(), strict=True):
        page[[places[unit] for unit in x["unit"].values.tolist()]] = x.values
    coords = xr.Coordinates(
        {"time": first["time"].variable}, {"time": first.xindexes["time"]}
    ).assign({dim: list(pieces), "unit": list(places)})
    coords = coords.assign(_shared(list(pieces.values()), places))
    return xr.DataArray(values, coords, (dim, "unit", "time"), attrs=first.attrs)


def _check(name: Hashable, x: xr.DataArray, first_name: Hashable, first: xr.DataArray) -> None:
    """Refuse a recording that cannot lie beside the first."""
    if "time" not in x.coords:
        raise TypeError(
            f"stack joins recordings on one clock, and {name!r} has no time coordinate;"
            " neurokit.traces(values, sampling_rate=...) makes one."
        )
    if "unit" not in x.coords:
        raise TypeError(
            f"stack joins units by name, and those of {name!r} have none;"
            " x.assign_coords(unit=names) gives them."
        )
    if x.indexes["unit"].has_duplicates:
        repeated = x.indexes["unit"][x.indexes["unit"].duplicated()].unique().tolist()
        raise ValueError(f"stack: unit names of {name!r} must differ, got {repeated} repeated.")
    if x.attrs.get("units") != first.attrs.get("units"):
        raise ValueError(
            f"stack: {name!r} is in {x.attrs.get('units')!r} and {first_name!r} in"
            f" {first.attrs.get('units')!r}; convert one of them."
        )
    if not _same_clock(x, first):
        raise ValueError(
            f"stack takes recordings on one clock; {name!r} has {_clock(x)}, {first_name!r} has"
            f" {_clock(first)}; resample or cut one of them, or give both the same start."
        )


def _same_clock(x: xr.DataArray, y: xr.DataArray) -> bool:
    if x.sizes["time"] != y.sizes["time"]:
        return False
    a, b = x.xindexes["time"], y.xindexes["time"]
    if isinstance(a, SampleIndex) and isinstance(b, SampleIndex):
        return a.equals(b)
    if x.sizes["time"] < 2:
        return bool(x["time"].equals(y["time"]))
    slack = 1e-3 / sampling_rate(y)
    return bool(np.abs(x["time"].values - y["time"].values).max() <= slack)


def _clock(x: xr.DataArray) -> str:
    n_times = x.sizes["time"]
    if n_times < 2:
        return f"{n_times} samples"
    return f"{n_times} samples at {sampling_rate(x):g} Hz from {float(x['time'][0]):g} s"


def _shared(pieces: list[xr.DataArray], places: Mapping[Hashable, int]) -> dict[str, object]:
    """Return the coordinates of the units on which all animals that have a unit agree."""
    found: dict[str, pd.Series] = {}
    dropped = set()
    for x in pieces:
        for name, coordinate in x.coords.items():
            if coordinate.dims != ("unit",) or name == "unit":
                continue
            column = pd.Series(coordinate.values, x["unit"].values.tolist())
            known = found.get(str(name))
            if known is None:
                found[str(name)] = column
                continue
            both = known.index.intersection(column.index)
            if not known[both].equals(column[both]):
                dropped.add(str(name))
            found[str(name)] = known.combine_first(column)
    return {
        name: ("unit", column.reindex(list(places)).to_numpy())
        for name, column in found.items()
        if name not in dropped
    }
