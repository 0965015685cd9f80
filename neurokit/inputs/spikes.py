"""Spikes as a flat list of events, whatever they came as."""

from __future__ import annotations

from collections.abc import Hashable
from typing import NamedTuple

import numpy as np
import xarray as xr
from sklearn.base import BaseEstimator

from neurokit.inputs.labels import name_of, remember_channels
from neurokit.inputs.series import series
from neurokit.recording.checks import check_spikes
from neurokit.recording.clock import SampleIndex, exact
from neurokit.types import Codes, Floats, Spikes

UNKNOWN = -1  # unit that fit has not seen


class Events(NamedTuple):
    """When which unit fired."""

    time: Floats  # s
    unit: Codes  # position among the units seen in fit, or UNKNOWN
    start: float  # of the span that was observed, in s
    stop: float
    bin_width: float | None  # of counts, in s; None for spike times
    labelled: bool


def take_spikes(estimator: BaseEstimator, X: Spikes, *, bin_width: float, reset: bool) -> Events:
    """Take spike times, or counts, as events.

    Parameters
    ----------
    estimator : estimator
        The caller; ``channels_`` and ``n_features_in_`` are remembered on it.
    X : xarray.Dataset of spikes, or counts: DataArray with dims (unit, time) or (time, unit)
        array-like
    bin_width : float
        Width of the bins of plain counts, which carry no clock, in s.
    reset : bool
        True in ``fit``.

    Returns
    -------
    Events

    Raises
    ------
    ValueError
        If counts are no whole numbers from 0 on, have trials, or their clock jumps.
    """
    name = name_of(estimator)
    if isinstance(X, xr.Dataset):
        X = check_spikes(X, name)
        ids = X["unit"].values.tolist()
        if reset:
            remember_channels(estimator, ids, reset=True)
            estimator.n_features_in_ = len(ids)
        where = {unit: k for k, unit in enumerate(known_units(estimator))}
        place = np.array([where.get(unit, UNKNOWN) for unit in ids], np.int64)
        unit = np.repeat(place, X["spike_count"].values)
        time = np.asarray(X["spike_time"].values, np.float64)
        return Events(time, unit, float(X["start"]), float(X["stop"]), None, labelled=True)
    rows = series(estimator, X, reset=reset)
    counts = rows.values
    if len(rows.runs) > 1:
        raise ValueError(
            f"{name}: X falls into {len(rows.runs)} stretches of time, trials or pieces between"
            " jumps; pass each on its own."
        )
    if (counts < 0).any() or (counts != np.round(counts)).any():
        raise ValueError(
            f"{name}: X must hold whole numbers of spikes, got {counts.min():g} to"
            f" {counts.max():g}; bin_spikes() counts them."
        )
    rate = 1 / exact(bin_width) if rows.sampling_rate is None else exact(rows.sampling_rate)
    begin = 0.0 if rows.source is None else float(rows.source["time"].values[0])
    n_bins, n_units = counts.shape
    edges = SampleIndex(exact(begin) * rate, rate, n_bins + 1).values
    at = np.repeat(np.arange(counts.size), counts.ravel().astype(np.int64))
    return Events(
        edges[at // n_units],
        at % n_units,
        float(edges[0]),
        float(edges[-1]),
        float(edges[-1] - edges[0]) / n_bins,
        labelled=rows.source is not None,
    )


def known_units(estimator: BaseEstimator) -> list[Hashable]:
    """Return the ids of the units that ``fit`` has seen; their numbers where they have none."""
    names = getattr(estimator, "channels_", None)
    return list(range(estimator.n_features_in_)) if names is None else list(names)
