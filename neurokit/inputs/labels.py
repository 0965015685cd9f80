"""Labels of X: which dim holds the channels, what they are called, which coordinates stay."""

from typing import Any

import numpy as np
import xarray as xr
from sklearn.base import BaseEstimator

from neurokit.inputs.data import check_data
from neurokit.types import Recording

SPACES = ("channel", "unit", "feature")  # the dim that estimators see as features


def name_of(estimator: BaseEstimator) -> str:
    """Return the name by which an estimator refuses what it is given."""
    return type(estimator).__name__


def labelled_or_plain(X: Recording) -> Any:
    """Turn MNE objects into labelled arrays and leave the rest."""
    if _is_mne(X):
        from neurokit.io import from_mne

        return from_mne(X)
    if isinstance(X, list) and X and all(_is_mne(one) for one in X):
        from neurokit.io import from_mne  # scikit-learn picks Epochs one by one into a list

        pieces = [from_mne(one) for one in X]
        return xr.concat(pieces, "trial", coords="different", compat="equals", join="exact")
    refuse_masked(X, "X")
    if isinstance(X, xr.Dataset):
        raise TypeError(
            "expected a DataArray, got a Dataset; neurokit.bin_spikes() turns spikes into counts."
        )
    return X


def refuse_masked(values: object, name: str) -> None:
    """Refuse a masked array whose mask says that some values are none."""
    if isinstance(values, np.ma.MaskedArray) and (n := int(np.ma.getmaskarray(values).sum())):
        raise ValueError(
            f"{name} is a masked array, and {n} of its {values.size} values are masked; leave"
            f" their rows out, or fill them in, as with {name}.filled(0)."
        )


def find_space(estimator: BaseEstimator, X: xr.DataArray, *optional: str) -> str:
    """Return the dim of ``X`` that holds channels, units or features; refuse other dims.

    Parameters
    ----------
    estimator : estimator
        The caller.
    X : xarray.DataArray
    *optional : str
        Dims that may stand beside it and ``time``.
    """
    spaces = [str(dim) for dim in X.dims if dim in SPACES]
    if len(spaces) != 1 or not {"time"} <= set(X.dims) <= {spaces[0], "time", *optional}:
        raise ValueError(
            f"{name_of(estimator)}: X must have the dims time and one of {', '.join(SPACES)}, and"
            f" may have {', '.join(optional)}, got {tuple(X.dims)}."
        )
    if X.dtype.kind not in "biuf":
        raise ValueError(f"{name_of(estimator)}: X must hold real numbers, got dtype {X.dtype}.")
    refuse_empty(estimator, dict(X.sizes))
    return spaces[0]


def refuse_empty(estimator: BaseEstimator, sizes: dict[Any, int]) -> None:
    """Refuse X of no channels, units, trials or samples, told by the names of its dims."""
    if empty := [name for name, size in sizes.items() if not size]:
        what = "sample" if empty[0] == "time" else empty[0]
        raise ValueError(
            f"{name_of(estimator)}: X has 0 {what}s and must have one or more, got sizes"
            f" {dict(sizes)}; look at what selected them."
        )


def match_channels(
    estimator: BaseEstimator, X: xr.DataArray, space: str, *, reset: bool
) -> xr.DataArray:
    """Remember the names of the channels, or put those of ``X`` in the remembered order.

    Parameters
    ----------
    estimator : estimator
        The caller; the names are kept as ``channels_``.
    X : xarray.DataArray
    space : str
        The dim that holds the channels.
    reset : bool
        True in ``fit``: the names are remembered. False elsewhere: they are compared.

    Raises
    ------
    ValueError
        If ``X`` lacks a channel that ``fit`` has seen, or has one more, or if two have one name.
    """
    names = X[space].values.tolist() if space in X.coords else None
    lagged = space == "feature" and "lag" in X.coords  # the same feature, once for each lag
    if names is not None and len(set(names)) < len(names) and not lagged:
        twice = sorted({str(name) for name in names if names.count(name) > 1})
        raise ValueError(
            f"{name_of(estimator)}: {space} names must differ, got {twice[:10]} more than once;"
            f" X.assign_coords({space}=...) gives others."
        )
    known = getattr(estimator, "channels_", None)
    if not reset and names is not None and known is not None and names != known:
        if set(names) != set(known):
            missing = [name for name in known if name not in names]
            extra = [name for name in names if name not in known]
            raise ValueError(
                f"{name_of(estimator)} was fitted on {space}s {known}; X lacks {missing} and has"
                f" {extra} besides."
            )
        X = X.sel({space: known})
    remember_channels(estimator, names, reset=reset)
    return X


def remember_channels(estimator: BaseEstimator, names: list[Any] | None, *, reset: bool) -> None:
    """Keep the names of the channels on the estimator in ``fit``; forget those of an older fit."""
    if not reset:
        return
    if names is not None:
        estimator.channels_ = names
    elif hasattr(estimator, "channels_"):
        del estimator.channels_


def keep_coords(source: xr.DataArray | None, dims: tuple[str, ...]) -> Any:
    """Return the coordinates of ``source`` that lie along ``dims`` only, and the scalar ones."""
    if source is None:
        return {}
    drop = [name for name, c in source.coords.items() if not set(c.dims) <= set(dims)]
    return source.coords.to_dataset().drop_vars(drop).coords


def check_values(estimator: BaseEstimator, X: xr.DataArray, values: Any, **options: Any) -> Any:
    """Check numbers as scikit-learn does; of NaN say where they are and where they come from.

    Parameters
    ----------
    estimator : estimator
        The caller, on which ``n_features_in_`` is kept.
    X : xarray.DataArray
        Whose values they are.
    values : ndarray
    **options
        As for `check_data`.
    """
    try:
        return check_data(estimator, values, **options)
    except ValueError as error:
        if "contains NaN" not in str(error):
            raise
        space = next(str(dim) for dim in X.dims if dim in SPACES)
        others = [dim for dim in X.dims if dim != space]
        gaps = X.isnull()
        places = np.flatnonzero(gaps.any(others).values).tolist()
        names = X[space].values[places].tolist() if space in X.coords else places
        whole = int(gaps.all("time").sum())
        reason = (
            f"; {whole} of them have no value at all, as where recordings of other {space}s were"
            " concatenated: neurokit.recording.join takes those that all have"
            if whole
            else f"; fill them, leave the {space}s or trials out, or bin with unobserved='drop'"
        )
        raise ValueError(
            f"{name_of(estimator)}: Input X contains NaN, in {len(names)} of {X.sizes[space]}"
            f" {space}s, {names[:10]}{reason}."
        ) from None


def _is_mne(X: Recording) -> bool:
    return hasattr(X, "info") and hasattr(X, "ch_names") and hasattr(X, "get_data")
