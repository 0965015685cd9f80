"""The first pipelines on a recording, scored as a careful reader would have it."""

from __future__ import annotations

import importlib.util
import warnings
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
import xarray as xr
from sklearn.base import BaseEstimator
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from neurokit import recording
from neurokit.decoders import BesselFilter, FIRSmoother, SmoothedRegressor, WienerRegressor
from neurokit.metrics import decoding_r2
from neurokit.protocols import Evaluation, evaluate
from neurokit.protocols.evaluation import Splits


class Decoded(NamedTuple):
    """Scores of decoders of a movement on the end of a recording, and the best one's output."""

    table: pd.DataFrame
    truth: xr.DataArray  # (time, feature), the part that was kept for testing
    prediction: xr.DataArray  # of the Wiener decoder


def lda() -> LinearDiscriminantAnalysis:
    """Make the linear classifier with shrunk covariance that goes with few trials."""
    return LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto")


def score_table(found: Evaluation) -> pd.DataFrame:
    """Lay scores out for a reader: chance first, then each pipeline with its worst and best fold.

    Chance is the share of the commonest label; what guessing reaches in one experiment of
    twenty, by the binomial distribution, stands beside it.
    """
    rows: list[dict[str, object]] = [
        {"pipeline": "chance (commonest label)", "accuracy": found.card.chance},
        {"pipeline": "guessing, luckiest of twenty", "accuracy": found.card.lucky},
    ]
    for name, mine in found.scores.groupby("estimator", sort=False):
        weights = mine["n_test"] / mine["n_test"].sum()
        rows.append(
            {
                "pipeline": name,
                "accuracy": float((mine["accuracy"] * weights).sum()),
                "worst fold": mine["accuracy"].min(),
                "best fold": mine["accuracy"].max(),
            }
        )
    return pd.DataFrame(rows)


def evaluate_quietly(
    pipelines: Mapping[str, BaseEstimator],
    trials: xr.DataArray,
    protocol: Splits,
    *,
    seeds: Sequence[int] = (0,),
) -> Evaluation:
    """Evaluate pipelines; what fails or warns stands in the card, not on the screen."""
    from mne import use_log_level

    with use_log_level("error"), warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return evaluate(pipelines, trials, protocol=protocol, seeds=seeds, errors="keep")


def has_pyriemann() -> bool:
    """Tell whether the extra ``riemann`` is installed."""
    return importlib.util.find_spec("pyriemann") is not None


def decode_movement(
    counts: xr.DataArray,
    movement: xr.DataArray,
    *,
    window: float = 0.4,
    train_share: float = 0.75,
    block: int = 8,
) -> Decoded:
    """Decode a movement from counts of spikes: fit on the beginning, score on the end.

    The movement is taken at the end of each bin, the moment when its count is known.
    """
    movement = at_ends_of_bins(movement, counts)
    rows_x = counts.transpose("time", "unit")
    known = np.flatnonzero(np.isfinite(movement.values).all(axis=1))
    rows_x, movement = (
        x.isel(time=slice(int(known[0]), int(known[-1]) + 1)) for x in (rows_x, movement)
    )
    cut = int(train_share * rows_x.sizes["time"])
    early, late = slice(None, cut), slice(cut, None)
    truth = movement.isel(time=late)
    rows: list[dict[str, object]] = []

    def add(name: str, prediction: xr.DataArray, delay: float = 0.0) -> None:
        score = decoding_r2(truth, prediction, delay=delay)
        row = {"decoder": name, "R2, real time": float(score.realtime)}
        rows.append(row | {"R2, aligned": float(score.aligned), "delay (ms)": delay * 1e3})

    mean = movement.isel(time=early).mean("time")
    add("mean of the training data (chance)", xr.zeros_like(truth) + mean)
    first = WienerRegressor(n_lags=1).fit(rows_x.isel(time=early), movement.isel(time=early))
    add("Wiener, this bin only", first.predict(rows_x)[cut:])
    wiener = WienerRegressor(window=window).fit(rows_x.isel(time=early), movement.isel(time=early))
    decoded = wiener.predict(rows_x)
    prediction = decoded.isel(time=late)
    add(f"Wiener, {window:g} s", prediction)
    fitted = SmoothedRegressor(WienerRegressor(window=window), FIRSmoother())
    fitted.fit(rows_x.isel(time=early), movement.isel(time=early))
    add("Wiener, then a fitted FIR", fitted.predict(rows_x).isel(time=late))
    for mode in ("block_last", "block_middle"):
        # a block that keeps its newest result filters only where few periods fit into it
        slow = 0.4 * recording.sampling_rate(decoded) / block
        cutoff = min(6.25, slow) if mode == "block_last" else 6.25
        bessel = BesselFilter(cutoff, mode=mode, block=block).fit(decoded)
        smooth = bessel.transform(decoded).isel(time=late)
        add(f"Wiener, then Bessel {mode}", smooth, bessel.latency_)
    return Decoded(pd.DataFrame(rows), truth, prediction)


def at_ends_of_bins(movement: xr.DataArray, counts: xr.DataArray) -> xr.DataArray:
    """Interpolate behaviour at the end of each bin; NaN outside of what was recorded."""
    ends = counts["time"].values + 1 / recording.sampling_rate(counts)
    movement = movement.transpose("time", "feature")
    clock, values = movement["time"].values, movement.values
    at = np.full((len(ends), values.shape[1]), np.nan)
    for k, column in enumerate(values.T):
        good = np.isfinite(column)
        if good.any():
            at[:, k] = np.interp(ends, clock[good], column[good], left=np.nan, right=np.nan)
    # the last bin may end a sample after the last sample of behaviour
    step = float(np.median(np.diff(clock))) if len(clock) > 1 else 0.0
    nearly = (ends > clock[-1]) & (ends <= clock[-1] + step * 1.01)
    at[nearly] = values[-1]
    labels = {
        name: coordinate
        for name, coordinate in movement.coords.items()
        if coordinate.dims == ("feature",)
    }
    at_bins = xr.DataArray(at, dims=("time", "feature"), coords=labels)
    return at_bins.assign_coords(counts["time"].coords)
