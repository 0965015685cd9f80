"""The unit of X: another scale than in fit is put right, another quantity refused."""

import warnings

import xarray as xr
from sklearn.base import BaseEstimator

from neurokit.inputs.labels import name_of
from neurokit.recording.units import (
    is_scaled,
    power_between,
    read_units,
    scale_units,
    unit_of_each,
)


def match_units(
    estimator: BaseEstimator, X: xr.DataArray, space: str, *, reset: bool
) -> xr.DataArray:
    """Remember the unit of ``X``, or scale ``X`` to the remembered one.

    Parameters
    ----------
    estimator : estimator
        The caller; the unit is kept as ``quantity_``, a text, or a list with one for each channel.
    X : xarray.DataArray
        ``attrs["units"]``, or a coordinate ``units`` along ``space``, tells the unit; an array
        that tells none is taken as it is. With channels that have names and without the unit
        that ``fit`` has seen, it has lost it on the way.
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

    Warns
    -----
    UserWarning
        If X is labelled and has lost its unit, where that of ``fit`` is one of several scales.
    """
    found = read_units(X, space)
    if reset:
        if found is not None:
            estimator.quantity_ = found
        elif hasattr(estimator, "quantity_"):
            del estimator.quantity_
        return X
    known = getattr(estimator, "quantity_", None)
    if found is None and is_scaled(known) and space in X.coords:
        warnings.warn(
            f"{name_of(estimator)} was fitted on X in {known!r}; this X does not say its unit and"
            f" is taken to be in {known!r} too. Write it into attrs['units'].",
            stacklevel=2,
        )
    if known is None or found is None or known == found:
        return X
    n = X.sizes[space]
    pairs = list(zip(unit_of_each(found, n), unit_of_each(known, n), strict=True))
    if len(pairs) != n or any(power_between(*pair) is None for pair in pairs):
        raise ValueError(
            f"{name_of(estimator)} was fitted on X in {known!r}, got {found!r}; convert it, and"
            " write the unit into attrs['units']."
        )
    return scale_units(X, space, known)
