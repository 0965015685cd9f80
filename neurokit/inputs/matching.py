"""The labels of X against those of ``fit``: which channels, in which order, in which unit."""

import xarray as xr
from sklearn.base import BaseEstimator

from neurokit.inputs.labels import match_channels
from neurokit.inputs.picks import pick_channels
from neurokit.inputs.scales import tell_mixed_scales
from neurokit.inputs.units import match_units


def match_labels(
    estimator: BaseEstimator, X: xr.DataArray, space: str, *, reset: bool
) -> xr.DataArray:
    """Return ``X`` as ``fit`` has seen it: its channels, in its order, in its unit.

    Parameters
    ----------
    estimator : estimator
        The caller, on which ``channels_``, ``quantity_`` and ``left_out_`` are kept.
    X : xarray.DataArray
    space : str
        The dim that holds the channels; of ``channel`` only those of the brain are taken, where
        they are told apart.
    reset : bool
        True in ``fit``: what is seen is remembered. False elsewhere: it is compared.

    Raises
    ------
    ValueError
        If ``X`` lacks a channel, has one more, or is another quantity.

    Warns
    -----
    UserWarning
        If part of ``X`` is as large as if it were in another unit.
    """
    if space == "channel":
        X = pick_channels(estimator, X, reset=reset)
    X = match_channels(estimator, X, space, reset=reset)
    tell_mixed_scales(estimator, X, space)
    return match_units(estimator, X, space, reset=reset)
