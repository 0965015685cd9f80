"""Units of values: read, compared, and scaled by powers of ten."""

import re

import numpy as np
import xarray as xr

_POWERS = {"": 0, "m": -3, "u": -6, "µ": -6, "μ": -6, "n": -9, "p": -12, "f": -15, "k": 3}
_SCALED = re.compile(r"(|m|u|µ|μ|n|p|f|k)(V|T|A|V/m|T/m|A\*m|M)")


def read_units(X: xr.DataArray, space: str) -> str | list[str] | None:
    """Return the unit of ``X``, or a list with that of each channel where they differ."""
    if space and "units" in X.coords and X["units"].dims == (space,):
        each = [str(unit) for unit in X["units"].values]
        return each[0] if each and len(set(each)) == 1 else each
    unit = X.attrs.get("units")
    return str(unit) if unit not in (None, "", "mixed") else None


def scale_units(X: xr.DataArray, space: str, wanted: str | list[str]) -> xr.DataArray:
    """Return ``X`` in the unit ``wanted``, or in one for each channel; decimal steps are exact."""
    n = X.sizes[space]
    found = read_units(X, space)
    if found is None:
        return X
    pairs = zip(unit_of_each(found, n), unit_of_each(wanted, n), strict=True)
    powers = [power_between(*pair) or 0 for pair in pairs]
    # a power of ten is a whole float: multiplied or divided by, it rounds once
    up = xr.DataArray([10.0 ** max(p, 0) for p in powers], dims=space)
    down = xr.DataArray([10.0 ** max(-p, 0) for p in powers], dims=space)
    dtype = X.dtype if X.dtype.kind == "f" else np.dtype(np.float64)
    scaled = (X * up / down).astype(dtype).transpose(*X.dims)
    scaled.attrs = X.attrs | ({"units": wanted} if isinstance(wanted, str) else {})
    if "units" in X.coords and X["units"].dims == (space,):
        scaled = scaled.assign_coords(units=(space, unit_of_each(wanted, n)))
    return scaled


def is_scaled(unit: object) -> bool:
    """Tell whether ``unit`` is one of those that powers of ten lead between: ``"uV"``, ``"T"``."""
    return isinstance(unit, str) and _SCALED.fullmatch(unit.strip()) is not None


def power_between(one: str, other: str) -> int | None:
    """Return the power of ten that turns ``one`` into ``other``; None where none does."""
    if one == other:
        return 0
    a, b = (_SCALED.fullmatch(text.strip()) for text in (one, other))
    if a is None or b is None or a[2] != b[2]:
        return None
    return _POWERS[a[1]] - _POWERS[b[1]]


def unit_of_each(units: str | list[str], n: int) -> list[str]:
    """Return the unit of each channel."""
    return [units] * n if isinstance(units, str) else units
