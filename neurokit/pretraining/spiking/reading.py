"""Recordings of spikes, and signals beside them, as stretches of counts."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from neurokit.inputs.series import Series, series
from neurokit.recording.bins import bin_spikes
from neurokit.types import Doubles, Flags, Floats, Recordings

Singles = NDArray[np.float32]
OBSERVATIONS = ("event", "count")
_SLOW = 0.1  # s, over which factors change, to begin with


class Piece(NamedTuple):
    """A stretch of bins without a jump."""

    counts: Singles  # (bin, unit)
    seen: NDArray[np.bool_]  # (bin, unit)
    covariates: Singles | None  # (bin, feature), standardised


class Whole(NamedTuple):
    """One recording: its rows, and its stretches."""

    rows: Series
    pieces: list[Piece]


def check_settings(estimator: Any) -> None:
    """Refuse parameters out of range."""
    at_least_one = ("width", "depth", "n_heads", "n_factors")
    bin_width = estimator.bin_width
    wanted = {name: (getattr(estimator, name) >= 1, "at least 1") for name in at_least_one} | {
        "bin_width": (0 < bin_width < math.inf, "positive"),
        "history": (bin_width <= estimator.history < math.inf, "a bin or longer"),
        "window": (bin_width <= estimator.window < math.inf, "a bin or longer"),
        "dropout": (0 <= estimator.dropout < 1, "in [0, 1)"),
        "observation": (estimator.observation in OBSERVATIONS, f"one of {OBSERVATIONS}"),
        "covariates": (estimator.covariates in (None, "population"), "None or 'population'"),
    }
    for name, (fine, what) in wanted.items():
        if not fine:
            value = getattr(estimator, name)
            raise ValueError(f"{type(estimator).__name__}: {name} must be {what}, got {value!r}.")


def read(estimator: Any, X: Recordings, covariates: object, *, reset: bool) -> list[Whole]:
    """Read one recording or several as counts, and the signals that go with them."""
    several = isinstance(X, list | tuple | Mapping) and not isinstance(X, xr.Dataset)
    recordings = _listed(X) if several else [X]
    beside = _listed(covariates) if several and covariates is not None else [covariates]
    if several and covariates is None:
        beside = [None] * len(recordings)
    if not recordings or len(beside) != len(recordings):
        raise ValueError(
            f"{type(estimator).__name__}: each recording needs covariates of its own, got"
            f" {len(recordings)} recordings and {len(beside)} covariates."
        )
    read_rows = []
    for k, (recording, beside_it) in enumerate(zip(recordings, beside, strict=True)):
        rows = _rows(estimator, recording, reset=reset and k == 0)
        read_rows.append((rows, _align(estimator, beside_it, rows)))
    return _standardise(estimator, read_rows, reset=reset)


def _listed(X: Recordings) -> list[Any]:
    return list(X.values()) if isinstance(X, Mapping) else list(X)


def _rows(estimator: Any, X: Recordings, *, reset: bool) -> Series:
    name = type(estimator).__name__
    width = estimator.bin_width_
    if isinstance(X, xr.Dataset):
        X = bin_spikes(X, width, unobserved="drop")
    rows = series(estimator, X, reset=reset, allow_nan=True)
    counts = rows.values
    some = counts[np.isfinite(counts)]
    if (some < 0).any() or (some != np.round(some)).any():
        raise ValueError(
            f"{name}: X must hold whole numbers of spikes, got {some.min():g} to {some.max():g};"
            " bin_spikes() counts them."
        )
    if rows.sampling_rate is not None and abs(rows.sampling_rate * width - 1) > 1e-3:
        raise ValueError(
            f"{name}: X has bins of {1 / rows.sampling_rate:g} s, expected bin_width={width:g} s;"
            " count anew with bin_spikes(), or set bin_width and fit again."
        )
    return rows


def _align(estimator: Any, signals: object, rows: Series) -> Floats | None:
    """Return one row of covariates for each bin: the last sample at or before its start."""
    name = type(estimator).__name__
    if signals is None:
        return None
    n_bins = len(rows.values)
    if isinstance(signals, xr.DataArray) and "time" in signals.dims and rows.source is not None:
        if signals.ndim != 2 or "trial" in rows.source.dims:
            raise ValueError(
                f"{name}: covariates must have the dims (time, feature) beside spikes of one"
                f" recording, got {signals.dims} beside {rows.source.dims}."
            )
        values = signals.transpose("time", ...).values
        clock, bins = signals["time"].values, rows.source["time"].values
        at = np.searchsorted(clock, bins + 1e-9, side="right") - 1
        step = float(np.median(np.diff(clock))) if len(clock) > 1 else np.inf
        if at.min() < 0 or bins[-1] - clock[-1] > step + 1e-9:
            raise ValueError(
                f"{name}: covariates must cover the spikes, {bins[0]:g} to {bins[-1]:g} s, got"
                f" {clock[0]:g} to {clock[-1]:g} s; cut the spikes with select_time()."
            )
        values = values[at]
    else:
        values = np.asarray(signals)
        values = values[:, None] if values.ndim == 1 else values
    values = np.asarray(values, np.float64)
    if values.ndim != 2 or len(values) != n_bins:
        raise ValueError(
            f"{name}: covariates must have one row for each of {n_bins} bins, got shape"
            f" {values.shape}."
        )
    if not np.isfinite(values).all():
        raise ValueError(
            f"{name}: covariates hold NaN or infinity; fill them in, or pass None where a whole"
            " recording lacks them."
        )
    return values


def _standardise(
    estimator: Any, found: Sequence[tuple[Series, Floats | None]], *, reset: bool
) -> list[Whole]:
    name = type(estimator).__name__
    if estimator.covariates_ == "population":
        if any(signals is not None for _, signals in found):
            raise ValueError(
                f"{name}: covariates='population' makes its own; pass no covariates, or set it to"
                " None."
            )
        if reset:
            _find_factors(estimator, [rows for rows, _ in found])
        found = [(rows, _factors_of(estimator, rows)) for rows, _ in found]
    given = [signals for _, signals in found if signals is not None]
    if reset:
        columns = {signals.shape[1] for signals in given}
        if len(columns) > 1:
            raise ValueError(f"{name}: covariates must agree in features, got {sorted(columns)}.")
        every = np.concatenate(given) if given else np.zeros((1, 0))
        spread = every.std(0)
        estimator.covariate_mean_ = every.mean(0)
        estimator.covariate_scale_ = np.where(spread > 0, spread, 1.0)
    n_features = len(estimator.covariate_mean_)
    wholes = []
    for rows, signals in found:
        if signals is not None and signals.shape[1] != n_features:
            raise ValueError(
                f"{name}: covariates had {n_features} features in fit, got {signals.shape[1]}."
            )
        z = None
        if signals is not None and n_features:
            z = (signals - estimator.covariate_mean_) / estimator.covariate_scale_
        seen = np.isfinite(rows.values)
        counts = np.where(seen, rows.values, 0.0).astype(np.float32)
        pieces = [
            Piece(counts[run], seen[run], None if z is None else z[run].astype(np.float32))
            for run in rows.runs
        ]
        wholes.append(Whole(rows, pieces))
    return wholes


def _stretches(rows: Series) -> list[tuple[Doubles, Flags]]:
    """Return counts and whether they were seen, for each stretch without a jump."""
    values = rows.values.astype(np.float64)
    return [(np.nan_to_num(values[run]), np.isfinite(values[run])) for run in rows.runs]


def _factors_of(estimator: Any, rows: Series) -> Floats:
    """Infer the factors of each stretch from its counts, before and after."""
    from neurokit.pretraining.spiking.factors import Factors, infer_factors

    model = Factors(estimator.factor_level_, estimator.factors_, estimator.factor_keep_)
    out = np.empty((len(rows.values), len(model.keep)))
    for run, stretch in zip(rows.runs, _stretches(rows), strict=True):
        out[run] = infer_factors(model, *stretch)
    return out


def _find_factors(estimator: Any, every: list[Series]) -> None:
    """Find what is common to the population."""
    from neurokit.pretraining.spiking.factors import fit_factors

    stretches = [stretch for rows in every for stretch in _stretches(rows)]
    keep = math.exp(-estimator.bin_width_ / _SLOW)
    found = fit_factors(stretches, estimator.n_factors_, keep)
    estimator.factor_level_, estimator.factors_, estimator.factor_keep_ = found
