"""Trials of channels over time, labelled, plain or of MNE, read alike."""

from typing import Any, NamedTuple

import numpy as np
import xarray as xr
from sklearn.base import BaseEstimator

from neurokit.inputs.data import check_data
from neurokit.inputs.labels import (
    check_values,
    find_space,
    keep_coords,
    labelled_or_plain,
    name_of,
    refuse_empty,
    remember_channels,
)
from neurokit.inputs.matching import match_labels
from neurokit.inputs.rates import given_rate, match_rate, rate_of
from neurokit.recording.rate import contiguous_runs
from neurokit.types import Recording


class Trials(NamedTuple):
    """Trials as an array, and the labels that they came with."""

    values: np.ndarray  # (n_trials, n_channels, n_times)
    sampling_rate: float | None  # Hz; None for plain arrays without sampling_rate=
    source: xr.DataArray | None  # the labelled input, dims (trial, space, time); None if plain
    space: str  # name of the middle dim
    single: bool  # the input was one continuous recording, without a trial dim

    def coords(self, *dims: str) -> dict[str, Any]:
        """Coordinates of the input that lie along ``dims`` only, and the scalar ones."""
        return keep_coords(self.source, dims)

    def coordinate(self, name: str) -> np.ndarray | None:
        """Values of a coordinate of ``trial`` such as ``subject``; None where there is none."""
        if self.source is None or name not in self.source.coords:
            return None
        found = self.source.coords[name]
        return np.broadcast_to(found.values, len(self.values)) if found.ndim < 2 else None


def trials(
    estimator: BaseEstimator,
    X: Recording,
    *,
    reset: bool,
    allow_nan: bool = False,
    any_clock: bool = False,
) -> Trials:
    """Read ``X`` as trials of channels over time.

    Parameters
    ----------
    estimator : estimator
        The caller. Its parameter ``sampling_rate``, if it has one, is the rate of plain arrays.
    X : xarray.DataArray, array-like, or mne.Epochs, mne.io.Raw, mne.Evoked
        Labelled: dims ``trial``, one of ``channel``, ``unit``, ``feature``, and ``time``, in any
        order; without ``trial`` it is one continuous recording. Plain: (n_trials, n_channels,
        n_times), or (n_trials, n_channels) with one time sample.
    reset : bool
        True in ``fit``: what is seen is remembered. False elsewhere: it is compared.
    allow_nan : bool, default=False
        NaN stands for a sample that is missing, and passes; infinity never does.
    any_clock : bool, default=False
        The order of samples is nothing to the caller, and the clock may jump.

    Returns
    -------
    Trials

    Raises
    ------
    TypeError, ValueError
        If ``X`` is of another kind or shape, holds NaN or infinity, leaves time out, or does not
        fit what ``fit`` has seen.
    """
    kinds: dict[str, Any] = {
        "allow_nd": True,
        "dtype": [np.float64, np.float32],
        "ensure_all_finite": "allow-nan" if allow_nan else True,
    }
    X = labelled_or_plain(X)
    if not isinstance(X, xr.DataArray):
        values = check_data(estimator, X, reset=reset, **kinds)
        if values.ndim > 3:
            raise ValueError(
                f"{name_of(estimator)}: X must have dims (trial, channel, time), got shape"
                f" {values.shape}."
            )
        refuse_empty(
            estimator, dict(zip(("trial", "channel", "time"), values.shape, strict=False))
        )
        remember_channels(estimator, None, reset=reset)
        values = values[:, :, None] if values.ndim == 2 else values
        rate = given_rate(estimator, reset=reset)
        match_rate(estimator, rate, reset=reset)
        return Trials(values, rate, None, "channel", single=False)
    space = find_space(estimator, X, "trial")
    single = "trial" not in X.dims
    X = X.expand_dims("trial") if single else X
    X = X.transpose("trial", space, "time")
    X = match_labels(estimator, X, space, reset=reset)
    values = check_values(estimator, X, X.values, reset=reset, **kinds)
    rate = rate_of(estimator, X, reset=reset)
    match_rate(estimator, rate, reset=reset)
    if not any_clock and rate is not None and (n := len(contiguous_runs(X))) > 1:
        what = "X" if single else "each trial"
        raise ValueError(
            f"{name_of(estimator)}: the clock of X jumps, so that {what} falls into {n} pieces;"
            " cut trials between the jumps, as neurokit.epoch does."
        )
    return Trials(values, rate, X, space, single)
