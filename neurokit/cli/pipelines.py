"""The first pipelines on a recording, scored as a careful reader would have it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd
import xarray as xr
from scipy.stats import binom
from sklearn.base import BaseEstimator, clone
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.pipeline import make_pipeline

from neurokit import recording
from neurokit.decoders import BesselFilter, FIRSmoother, SmoothedRegressor, WienerRegressor
from neurokit.features import BandPower
from neurokit.metrics import decoding_r2
from neurokit.types import Codes

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline


class Classified(NamedTuple):
    """Scores of pipelines on trials, and what each of them predicted."""

    table: pd.DataFrame  # one row for each pipeline
    predictions: dict[str, np.ndarray]  # by pipeline, one label for each trial


class Decoded(NamedTuple):
    """Scores of decoders of a movement on the end of a recording, and the best one's output."""

    table: pd.DataFrame
    truth: xr.DataArray  # (time, feature), the part that was kept for testing
    prediction: xr.DataArray  # of the Wiener decoder


def lda() -> LinearDiscriminantAnalysis:
    """Make the linear classifier with shrunk covariance that goes with few trials."""
    return LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto")


def band_power() -> Pipeline:
    """Make the pipeline for rhythms: log power in bands, then LDA."""
    return make_pipeline(BandPower(), lda())


def classify(
    trials: xr.DataArray,
    pipelines: Mapping[str, BaseEstimator],
    splits: Iterable[tuple[Codes, Codes]],
) -> Classified:
    """Fit each pipeline on the training trials of each split, and score it on the others.

    Chance is the share of the commonest label; what guessing reaches in one experiment of
    twenty, by the binomial distribution, stands beside it.
    """
    y = trials["label"].values
    splits = list(splits)
    tested = np.concatenate([test for _, test in splits])
    _, number = np.unique(y[tested], return_counts=True)
    chance = number.max() / number.sum()
    lucky = binom.ppf(0.95, len(tested), chance) / len(tested)
    rows: list[dict[str, object]] = [
        {"pipeline": "chance (commonest label)", "accuracy": chance},
        {"pipeline": "guessing, luckiest of twenty", "accuracy": lucky},
    ]
    predictions = {}
    for name, pipeline in pipelines.items():
        found = np.empty_like(y)
        scores = []
        for train, test in splits:
            fitted = clone(pipeline).fit(trials.isel(trial=train), y[train])
            found[test] = fitted.predict(trials.isel(trial=test))
            scores.append(float(np.mean(found[test] == y[test])))
        predictions[name] = found[np.sort(tested)]
        rows.append(
            {
                "pipeline": name,
                "accuracy": float(np.mean(found[tested] == y[tested])),
                "worst fold": min(scores),
                "best fold": max(scores),
            }
        )
    return Classified(pd.DataFrame(rows), predictions)


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
