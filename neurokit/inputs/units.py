"""The unit of X: another scale than in fit is put right, another quantity refused."""

import re
from typing import Any

import numpy as np
import xarray as xr

from neurokit.inputs.labels import name_of

_POWERS = {"": 0, "m": -3, "u": -6, "µ": -6, "μ": -6, "n": -9, "p": -12, "f": -15, "k": 3}
_SCALED = re.compile(r"(|m|u|µ|μ|n|p|f|k)(V|T|A|V/m|T/m|A\*m|M)")


def match_units(estimator: Any, X: xr.DataArray, space: str, *, reset: bool) -> xr.DataArray:
    """Remember the unit of ``X``, or scale ``X`` to the remembered one.

    Parameters
    ----------
    estimator : estimator
        The caller; the unit is kept as ``quantity_``, a text, or a list with one for each channel.
    X : xarray.DataArray
        ``attrs["units"]``, or a coordinate ``units`` along ``space``, tells the unit; an array
        that tells none is taken as it is.
    space : str
        The dim that holds the channels, in the order of ``fit``.
    reset : bool
        True in ``fit``: the unit is remembered. False elsewhere: X is scaled from mV to uV, say.

    Returns
    -------
    xarray.DataArray

    Raises
    ------
    ValueError
        If X is another quantity.
    """
    found = read_units(X, space)
    if reset:
        if found is not None:
            estimator.quantity_ = found
        elif hasattr(estimator, "quantity_"):
            del estimator.quantity_
        return X
    known = getattr(estimator, "quantity_", None)
    if known is None or found is None or known == found:
        return X
    n = X.sizes[space]
    pairs = list(zip(_each(found, n), _each(known, n), strict=True))
    if len(pairs) != n or any(power_between(*pair) is None for pair in pairs):
        raise ValueError(
            f"{name_of(estimator)} was fitted on X in {known!r}, got {found!r}; convert it, and"
            " write the unit into attrs['units']."
        )
    return scale_units(X, space, known)


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
    pairs = zip(_each(found, n), _each(wanted, n), strict=True)
    powers = [power_between(*pair) or 0 for pair in pairs]
    # a power of ten is a whole float: multiplied or divided by, it rounds once
    up = xr.DataArray([10.0 ** max(p, 0) for p in powers], dims=space)
    down = xr.DataArray([10.0 ** max(-p, 0) for p in powers], dims=space)
    dtype = X.dtype if X.dtype.kind == "f" else np.dtype(np.float64)
    scaled = (X * up / down).astype(dtype).transpose(*X.dims)
    scaled.attrs = X.attrs | ({"units": wanted} if isinstance(wanted, str) else {})
    if "units" in X.coords and X["units"].dims == (space,):
        scaled = scaled.assign_coords(units=(space, _each(wanted, n)))
    return scaled


def power_between(one: str, other: str) -> int | None:
    """Return the power of ten that turns ``one`` into ``other``; None where none does."""
    if one == other:
        return 0
    a, b = (_SCALED.fullmatch(text.strip()) for text in (one, other))
    if a is None or b is None or a[2] != b[2]:
        return None
    return _POWERS[a[1]] - _POWERS[b[1]]


def _each(units: str | list[str], n: int) -> list[str]:
    return [units] * n if isinstance(units, str) else units
