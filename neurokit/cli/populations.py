"""The section of a report on populations of units and states of time: as long as it was given."""

import time
import warnings

import numpy as np
import pandas as pd
import xarray as xr

from neurokit import plotting, recording
from neurokit.cli.report import Report
from neurokit.clustering import BayesianBiclustering

_UNITS, _BINS, _CHAINS = 40, 600, 2
_WIDTH = 0.1  # s, at the least
_BEGINNING = 1.6  # what a chain takes to begin, in parts of its sweeps


def show_populations(report: Report, spikes: xr.Dataset, seconds: float) -> None:
    """Add which units fire together and when states change, with how far to believe it.

    Parameters
    ----------
    report : Report
    spikes : xarray.Dataset
    seconds : float
        Time for all sweeps, compiled code taken as ready.
    """
    report.section(
        "Populations and states",
        "Units of one population follow one course; states are stretches with laws of motion of"
        " their own. Both were found together, by BayesianBiclustering.",
    )
    counts = _busiest(spikes)
    if counts.sizes["unit"] < 2 or counts.sizes["time"] < 50:
        report.notes(["Not looked for: that takes two units that fire, and fifty bins."])
        return
    n_sweeps = _count_sweeps(counts, seconds)
    begin = time.perf_counter()
    model = _fit(counts, n_sweeps, _CHAINS)
    took = time.perf_counter() - begin
    width = float(counts["time"][1] - counts["time"][0])
    agreement = model.chain_agreement_.iloc[0]
    worst = max(model.rhat_.values())
    report.facts(
        {
            "units": f"{counts.sizes['unit']} of {spikes.sizes['unit']}, those that fire most",
            "bins": f"{counts.sizes['time']} of {width:.3g} s",
            "sweeps": f"{n_sweeps} of each of {_CHAINS} chains, {took:.0f} s; half were burnt",
            "populations": model.n_groups_[0],
            "states": model.n_groups_[1],
            "R-hat, largest": f"{worst:.2f}",
            "chains agree on units": f"{agreement['unit_ari']:.2f} (adjusted Rand index)",
            "chains agree on states": f"{agreement['state_ari']:.2f}",
        }
    )
    agree = worst <= 1.05 and agreement["unit_ari"] > 0.9 and agreement["state_ari"] > 0.9
    report.notes(
        ["The chains agree."]
        if agree
        else [
            "The chains do not agree yet: take this as a first look, and call"
            " BayesianBiclustering with more sweeps (n_iter) before you believe a partition."
        ]
    )
    report.figure(
        plotting.plot_similarity(model.unit_similarity_, labels=model.unit_labels_),
        "How often two units stood in one population, units in the order of populations.",
    )
    labels = model.unit_labels_
    rows = [
        {
            "population": int(k),
            "units": int((labels == k).sum()),
            "names": ", ".join(map(str, labels["unit"].values[labels.values == k])),
        }
        for k in np.unique(labels)
    ]
    report.table(pd.DataFrame(rows).set_index("population"))


def _busiest(spikes: xr.Dataset) -> xr.DataArray:
    """Count spikes of the busiest units, in at most 600 bins from the start."""
    start, stop = float(spikes["start"]), float(spikes["stop"])
    width = max(_WIDTH, min((stop - start) / _BINS, 1.0))
    n_bins = min(_BINS, int((stop - start) / width))
    if n_bins < 1:
        return xr.DataArray(np.zeros((0, 0)), dims=("unit", "time"))
    counts = recording.bin_spikes(spikes, width, start=start, stop=start + n_bins * width)
    fired = counts.sum("time").values
    order = np.argsort(-fired, kind="stable")[:_UNITS]
    return counts.isel(unit=np.sort(order[fired[order] > 0]))


def _count_sweeps(counts: xr.DataArray, seconds: float) -> int:
    """Say how many sweeps fit into the time, from how long a few take."""
    _fit(counts, 2, 1)  # compiles, where that was not done before
    begin = time.perf_counter()
    _fit(counts, 12, 1)
    each = (time.perf_counter() - begin) / 12
    return int(np.clip(seconds / (each * _CHAINS * (1 + _BEGINNING)), 20, 4000))


def _fit(counts: xr.DataArray, n_sweeps: int, n_chains: int) -> BayesianBiclustering:
    model = BayesianBiclustering(
        n_iter=n_sweeps, n_burn=n_sweeps // 2, n_chains=n_chains, random_state=0
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what they say is told below, in figures
        return model.fit(counts)
