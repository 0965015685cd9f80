"""Tokens of signals, labelled or plain, in memory or lazy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

import numpy as np
import xarray as xr
from sklearn.base import BaseEstimator

from neurokit.inputs.labels import match_channels, name_of
from neurokit.inputs.picks import pick_channels
from neurokit.types import Codes, Tokens

if TYPE_CHECKING:
    import dask.array as da

DIMS = ("channel", "frame", "level")


def take_tokens(
    caller: str, tokens: Tokens, columns: dict[str, int], least: int
) -> tuple[np.ndarray | da.Array, xr.DataArray | None]:
    """Take tokens with ``least`` columns or more.

    Parameters
    ----------
    caller : str
        Who refuses, as in "CodecTokenizer.inverse_transform".
    tokens : xarray.DataArray or array-like, dims ([trial,] channel, frame, level)
    columns : dict
        Names of all columns, and how many codes each has.
    least : int

    Returns
    -------
    values : ndarray or dask array, ([trial,] channel, frame, level)
        Those of a dask array are not looked at yet.
    source : xarray.DataArray or None
        The labelled input, its dims in this order.

    Raises
    ------
    TypeError, ValueError
        If the dims, the number of columns or the kind of numbers are others, or a code does not
        exist.
    """
    source = order_dims(tokens, f"{caller} takes")
    if source is not None and "level" in source.coords:
        source = order_levels(caller, source, list(columns))
    values = _values_of(tokens, source)
    if (
        values.ndim not in (3, 4)
        or not least <= values.shape[-1] <= len(columns)
        or 0 in values.shape
    ):
        first = ", ".join(column for column in columns if not stage_of(column))
        raise ValueError(
            f"{caller} takes tokens of dims ([trial,] {', '.join(DIMS)}) with"
            f" {least} to {len(columns)} levels, {first} first, got shape {values.shape}."
        )
    if values.dtype.kind not in "iu":
        raise TypeError(f"{caller} takes integer tokens, got {values.dtype}.")
    if not hasattr(values, "dask"):
        check_codes(caller, values, list(columns.values()))
    return values, source


def order_levels(caller: str, tokens: xr.DataArray, columns: list[str]) -> xr.DataArray:
    """Put levels in the order in which they are decoded; refuse a choice that leaves one out.

    Parameters
    ----------
    caller : str
        Who refuses.
    tokens : xarray.DataArray with the coordinate ``level``
        Names that are not among ``columns`` say nothing: the order is believed.
    columns : list of str
        Names in order.
    """
    names = [str(name) for name in tokens["level"].values.tolist()]
    wanted = columns[: len(names)]
    if names == wanted or not set(names) <= set(columns):
        return tokens
    if sorted(names) != sorted(wanted):
        raise ValueError(
            f"{caller} needs the levels {wanted} where there are {len(names)}, got {names}; only"
            " the last may be left out."
        )
    return tokens.isel(level=[names.index(name) for name in wanted])


def take_codes(
    estimator: BaseEstimator, X: Tokens, *, reset: bool
) -> tuple[Codes, xr.DataArray | None]:
    """Take the tokens of trials, loaded, with the channels that ``fit`` has seen.

    Parameters
    ----------
    estimator : estimator
        The caller; ``n_features_in_``, the number of channels, and their names as ``channels_``
        are remembered on it.
    X : xarray.DataArray or array-like, dims ([trial,] channel, frame, level)
    reset : bool
        True in ``fit``.

    Returns
    -------
    codes : ndarray of shape (trial, channel, frame, level)
    source : xarray.DataArray or None
        The labelled input, its dims in this order.

    Raises
    ------
    TypeError, ValueError
        If the dims or channels are others, or ``X`` holds other than integers from 0 on.
    """
    name = name_of(estimator)
    source = order_dims(X, f"{name}: X must have", "; use a tokenizer's transform")
    if source is not None:
        source = pick_channels(estimator, source, reset=reset)
        source = match_channels(estimator, source, "channel", reset=reset)
    values = np.asarray(X if source is None else source.values)
    if values.ndim not in (3, 4) or 0 in values.shape:
        raise ValueError(
            f"{name}: X must have dims ([trial,] {', '.join(DIMS)}), got shape {values.shape}."
        )
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        raise ValueError(f"{name}: X contains NaN or infinity; tokens are integers.")
    if values.dtype.kind not in "iu" or values.min() < 0:
        raise TypeError(
            f"{name}: X must hold integers from 0 on, got {values.dtype}; use a"
            " tokenizer's transform."
        )
    values = values.astype(np.int64) if values.dtype == np.uint64 else values  # it adds to floats
    n_channels = values.shape[-3]
    if reset:
        estimator.n_features_in_ = n_channels
    elif n_channels != estimator.n_features_in_:
        raise ValueError(
            f"{name}: X has {n_channels} channels, but fit has seen {estimator.n_features_in_}."
        )
    return values.reshape(-1, *values.shape[-3:]), source


def order_dims(tokens: Tokens, expects: str, hint: str = "") -> xr.DataArray | None:
    """Return labelled tokens with their dims in order, None for plain ones; refuse other dims.

    Parameters
    ----------
    tokens : xarray.DataArray or array-like
    expects : str
        How the sentence of refusal begins, as in "CodeHistogram: X must have".
    hint : str
        How it ends.
    """
    if not isinstance(tokens, xr.DataArray):
        return None
    if set(tokens.dims) not in ({*DIMS}, {"trial", *DIMS}):
        raise ValueError(
            f"{expects} dims ([trial,] {', '.join(DIMS)}), got {tuple(tokens.dims)}{hint}."
        )
    return tokens.transpose(*(("trial",) if "trial" in tokens.dims else ()), *DIMS)


def check_codes(caller: str, values: Codes, sizes: Sequence[int]) -> None:
    """Refuse codes (..., column) beyond the ``sizes`` of their columns."""
    for k in range(values.shape[-1]):
        low, high = int(values[..., k].min()), int(values[..., k].max())
        if low < 0 or high >= sizes[k]:
            raise ValueError(
                f"{caller}: level {k} must hold 0 to {sizes[k] - 1}, got {low} to {high}; these"
                " are tokens of another tokenizer."
            )


def stage_of(column: str) -> int:
    """Return the stage of a quantiser that a column belongs to, 2 of ``"2.1"``; 0 if to none."""
    number = column.partition(".")[0]
    return int(number) if number.isdigit() else 0


def _values_of(tokens: Tokens, source: xr.DataArray | None) -> np.ndarray | da.Array:
    """Numbers of tokens; a dask array stays one."""
    if source is not None:
        return source.data if source.chunks else source.values
    return cast("da.Array", tokens) if hasattr(tokens, "dask") else np.asarray(tokens)
