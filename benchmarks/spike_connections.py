"""Couplings from spikes against known connections: GLM, correlogram, PSPM; real tracks beside.

    python benchmarks/spike_connections.py [--networks 5] [--tracks]

Networks of `datasets.make_spiking_network` (30 units, 60 s, median weight .1 of the threshold).
PSPM is given what reached each membrane from outside, and once runs without it. ``--tracks`` adds
a rat on a linear track below NEUROKIT_DATA (hippocampus_tracks_nelpy); no truth is known there.
"""

import argparse
import os
import time
from pathlib import Path

import numpy as np
from sklearn.metrics import roc_auc_score

import neurokit
from neurokit.connectomes import SpikeConnectivity
from neurokit.datasets import make_spiking_network


def avalanches(raster):
    """Sizes of runs of bins in which somebody fires, bins as wide as the mean interval."""
    spikes = np.flatnonzero(raster.sum(axis=1))
    width = max(1, round(len(raster) / max(1, raster.sum())))
    number = np.add.reduceat(raster.sum(axis=1), np.arange(0, len(raster), width))
    sizes, size = [], 0
    for n in number:
        if n == 0 and size:
            sizes.append(size)
            size = 0
        size += n
    return np.array(sizes or [len(spikes)])


def score(found, weights):
    """AUC of sizes, share of right signs, correlation of weights."""
    off = ~np.eye(len(weights), dtype=bool)
    there = (weights != 0) & off
    auc = roc_auc_score(there[off], np.abs(found[off]))
    sign = np.mean(np.sign(found[there]) == np.sign(weights[there]))
    return auc, sign, np.corrcoef(found[off], weights[off])[0, 1]


def main():
    """Print a table of the methods, and of the parts of PSPM."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--networks", type=int, default=5)
    parser.add_argument("--tracks", action="store_true")
    args = parser.parse_args()
    rows, rise, sizes = {}, {}, {}
    for seed in range(args.networks):
        spikes, truth = make_spiking_network(60, n_units=30, weight=0.1, random_state=seed)
        coarse, fine = (neurokit.bin_spikes(spikes, width) for width in (0.002, 0.001))
        weights, drive = truth["coupling"].values, truth["input"].astype(float)
        part = slice(20_000)
        for title, method, params, X, y in (
            ("GLM", "glm", {}, coarse, None),
            ("correlogram", "correlogram", {}, coarse, None),
            ("PSPM, input known", "pspm", {}, fine, drive),
            ("PSPM, local alone", "pspm", {"parts": "local"}, fine, drive),
            ("PSPM, homeostatic alone", "pspm", {"parts": "homeostatic"}, fine, drive),
            ("PSPM, input unknown", "pspm", {}, fine, None),
        ):
            if method == "pspm":  # its time constant is the membrane's
                params = params | {"window": 0.03, "random_state": seed}
                X = X.isel(time=part)
                y = None if y is None else y.isel(time=part)
            start = time.process_time()
            est = SpikeConnectivity(method, **params).fit(X, y)
            took = time.process_time() - start
            rows.setdefault(title, []).append([*score(est.coupling_, weights), took])
            if method == "pspm":
                rise.setdefault(title, []).append([est.history_[0], est.history_.max()])
                made, wanted = est.reproduced_, X.values.T > 0
                means = [avalanches(raster).mean() for raster in (made, wanted)]
                sizes.setdefault(title, []).append(means)
    print(f"{args.networks} networks, median (least to most)")
    for title, values in rows.items():
        auc, sign, corr, took = np.median(values, axis=0)
        low, high = np.min(values, axis=0)[0], np.max(values, axis=0)[0]
        print(
            f"  {title:26s} AUC {auc:.3f} ({low:.3f} to {high:.3f}), signs {sign:.3f}, weights r"
            f" {corr:.3f}, {took:.1f} s"
        )
    for title, values in rise.items():
        first, best = np.median(values, axis=0)
        a, b = np.median(sizes[title], axis=0)
        print(
            f"  {title:26s} spikes with a partner {first:.3f} -> {best:.3f}; mean avalanche"
            f" {a:.1f}, recorded {b:.1f}"
        )
    if args.tracks:
        tracks()


def tracks():
    """Count couplings beyond jitter in a rat on a linear track."""
    folder = Path(os.environ["NEUROKIT_DATA"]) / "hippocampus_tracks_nelpy"
    for path in sorted(folder.glob("*.npz")):
        with np.load(path) as file:
            times, unit = file["spike_times"], file["unit"]
        names = np.unique(unit)
        trains = [np.sort(times[(unit == name) & (times < times.min() + 600)]) for name in names]
        trains = [train - times.min() for train in trains]
        keep = [k for k, train in enumerate(trains) if len(train) >= 100]
        spikes = neurokit.spikes([trains[k] for k in keep], stop=600.0)
        counts = neurokit.bin_spikes(spikes, 0.005)
        for method in ("glm", "correlogram"):
            est = SpikeConnectivity(method, n_surrogates=10, random_state=0).fit(counts)
            off = ~np.eye(len(keep), dtype=bool)
            p = est.p_value_[off]
            print(
                f"  {path.stem}, {method}: {len(keep)} units, {np.mean(p < 0.01):.1%} of pairs at"
                f" p < .01 (chance 1 %), {np.sum(p < 0.05 / p.size)} after Bonferroni"
            )


if __name__ == "__main__":
    main()
