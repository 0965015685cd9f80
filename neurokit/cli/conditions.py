"""Pictures of what follows each kind of event: means of signals, rasters and rates of a unit."""

import warnings
from collections.abc import Sequence

import numpy as np
import pandas as pd
import xarray as xr

from neurokit import plotting, recording
from neurokit.cli.report import Report


def clean(trials: xr.DataArray) -> xr.DataArray:
    """Leave out channels with missing samples, or without any change."""
    values = np.asarray(trials.transpose("channel", "trial", "time").values)
    good = np.isfinite(values).all(axis=(1, 2)) & (values != values[:, :1, :1]).any(axis=(1, 2))
    return trials.isel(channel=np.flatnonzero(good))


def show_means(
    report: Report, x: xr.DataArray, events: pd.DataFrame, window: Sequence[float]
) -> None:
    """Add the means of the conditions, in the channel where they differ most for their spread."""
    before = min(0.2, window[1] - window[0])
    with warnings.catch_warnings():  # windows that are left out have been spoken of
        warnings.simplefilter("ignore", UserWarning)
        wide = clean(recording.epoch(x, events, tmin=window[0] - before, tmax=window[1]))
    if wide.sizes["trial"] < 4 or not wide.sizes["channel"]:
        return
    rest = wide.sel(time=slice(None, window[0])).mean("time", keep_attrs=True)
    wide = (wide - rest).assign_attrs(wide.attrs)
    show_averages(report, wide, f", less {before:g} s before")


def show_averages(report: Report, trials: xr.DataArray, words: str = "") -> None:
    """Add the means of labelled trials, in the channel where they differ most for their spread."""
    means = [trials[trials["label"].values == one] for one in np.unique(trials["label"].values)]
    signal = xr.concat([part.mean("trial") for part in means], "condition")
    said = "where they are largest"
    if len(means) > 1:
        signal, said = signal.std("condition"), "where they differ most"
    noise = sum(part.std("trial") / np.sqrt(len(part)) for part in means)
    if min(len(part) for part in means) < 2:  # no spread to hold them against
        noise = xr.ones_like(signal)
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = (abs(signal) / noise).fillna(0).max([d for d in signal.dims if d != "channel"])
    name = str(ratio["channel"].values[int(ratio.values.argmax())])
    report.figure(
        plotting.plot_erp(trials, name),
        f"Means of the conditions with their standard errors{words}, in the channel {said}"
        " (chosen on these trials: a picture, not a proof).",
    )


def show_psth(
    report: Report,
    x: xr.Dataset,
    trials: xr.DataArray,
    events: pd.DataFrame,
    window: Sequence[float],
) -> None:
    """Add raster and rates of the unit whose counts differ most from condition to condition."""
    counts = trials.transpose("unit", "trial", ...).values.reshape(trials.sizes["unit"], -1)
    labels = trials["label"].values
    parts = [counts[:, labels == one] for one in np.unique(labels)]
    spread = np.std([part.mean(axis=1) for part in parts], axis=0)
    noise = np.sqrt(counts.var(axis=1) / counts.shape[1])
    with np.errstate(invalid="ignore", divide="ignore"):
        best = int(np.nan_to_num(spread / noise, posinf=0.0).argmax())
    unit = trials["unit"].values.tolist()[best]
    length = window[1] - window[0]
    start = window[0] - length / 3
    with warnings.catch_warnings():  # windows that are left out have been spoken of
        warnings.simplefilter("ignore", UserWarning)
        ax = plotting.plot_psth(x, events, unit, tmin=start, tmax=window[1], bin_width=length / 60)
    report.figure(
        ax,
        f"Spikes of unit {unit} around the events, and its rate, by condition: the unit whose"
        " counts differ most (chosen on these trials: a picture, not a proof).",
    )
