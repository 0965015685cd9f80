"""Connectomes of calcium whose true spikes are known, one cell at a time.

    NEUROKIT_DATA=... python benchmarks/connectomes_cascade.py [--draws 40]

calcium_cascade_groundtruth: dF/F and spikes of the same cell (a pipette at its membrane). No two
cells were recorded together, so that there is no true connection to be found; what can be asked:

* does what an affinity is made of, the rises of a trace, follow the true spikes? Correlation with
  the spikes, smoothed alike, in each recording of at least five; the trace itself beside it;
* do edges say who fires together? Recordings of the same length are laid side by side as if they
  were one population. Whose spikes coincide there is chance, but it is known: rank correlation
  over pairs, of an edge with the correlation of the true spikes;
* is anything found that is not there? Populations of 20 recordings drawn at random, against
  surrogates; and 74 cells that were recorded together (Allen Brain Observatory), for comparison.
"""

import argparse
import os
import warnings
from pathlib import Path

import numpy as np
from scipy.io import loadmat
from scipy.ndimage import gaussian_filter1d
from scipy.stats import spearmanr
from sklearn.exceptions import ConvergenceWarning

import neurokit
from neurokit.connectomes import DynamicConnectome, differential_affinity

RATE = 7.5  # Hz, to which all recordings are brought


def read(folder):
    """Yield data set, trace and spike counts at `RATE` of each recording with five spikes."""
    for path in sorted(folder.glob("DS*.mat")):
        for record in np.atleast_1d(loadmat(path, squeeze_me=True)["CAttached"]):
            parts = (record[name] for name in ("fluo_time", "fluo_mean", "events_AP"))
            time, trace, events = (np.ravel(p.item() if p.dtype == object else p) for p in parts)
            edges = np.arange(time[0], time[-1], 1 / RATE)
            spikes = np.histogram(events / 1e4, edges)[0]
            if spikes.sum() < 5:
                continue
            frames = np.histogram(time, edges)[0]
            total = np.histogram(time, edges, weights=trace)[0]
            yield path.name.split("__")[0], total / np.maximum(frames, 1), spikes


def follow(records, smoothing):
    """Print how rises, and traces, follow spikes."""
    found = {}
    for name, trace, spikes in records:
        rises = differential_affinity(
            neurokit.traces(np.stack([trace, trace[::-1]]), sampling_rate=RATE),
            smoothing=smoothing,
        ).rates.values
        rises = rises[0].clip(0)
        smooth = gaussian_filter1d(spikes.astype(float), smoothing * RATE)
        cut = (len(smooth) - len(rises)) // 2
        inner = slice(cut, cut + len(rises))
        if np.ptp(smooth[inner]) > 0:
            level = gaussian_filter1d(trace, smoothing * RATE)[inner]
            row = [np.corrcoef(v, smooth[inner])[0, 1] for v in (rises, level)]
            found.setdefault(name, []).append(row)
    for name, rows in found.items():
        rise, level = np.median(rows, axis=0)
        print(f"  {name}: {len(rows)} recordings, rises r {rise:+.2f}, trace r {level:+.2f}")
    rise, level = np.median([row for rows in found.values() for row in rows], axis=0)
    print(
        f"  all, smoothing {smoothing:g} s: rises r {rise:+.2f}, trace r {level:+.2f}", flush=True
    )


def side_by_side(records, name, length):
    """Lay the beginnings of recordings of one data set side by side."""
    chosen = [r for r in records if r[0].startswith(name) and len(r[1]) >= length]
    return np.stack([r[1][:length] for r in chosen]), np.stack([r[2][:length] for r in chosen])


def edges(records, smoothing):
    """Print how edges agree with coincidences of the true spikes."""
    for name, length in (("DS18", 220), ("DS", 850)):
        traces, spikes = side_by_side(records, name, length)
        pairs = np.triu_indices(len(traces), 1)
        smooth = gaussian_filter1d(spikes.astype(float), smoothing * RATE, axis=1)
        truth = np.corrcoef(smooth)[pairs]
        said = [
            f"  {name}*: {len(traces)} recordings of {length / RATE:.0f} s, {len(truth)} pairs"
        ]
        plain = spearmanr(np.corrcoef(traces)[pairs], truth)[0]
        said.append(f"correlation of traces {plain:+.2f}")
        for kind in ("geometric", "product", "min"):
            model = DynamicConnectome(
                3, kind=kind, smoothing=smoothing, n_surrogates=19, alpha=0.05, random_state=0
            ).fit(neurokit.traces(traces, sampling_rate=RATE))
            said.append(f"{kind} {spearmanr(model.edges_['z'].values[pairs], truth)[0]:+.2f}")
        print("; ".join(said), flush=True)


def nothing(records, draws):
    """Print how often anything is found in recordings that have nothing to do with one another."""
    for name, length in (("DS18", 220),):
        traces, _ = side_by_side(records, name, length)
        rng, found = np.random.default_rng(0), []
        for seed in range(draws):
            some = rng.choice(len(traces), 20, replace=False)
            model = DynamicConnectome(3, n_surrogates=19, alpha=0.05, random_state=seed)
            model.fit(neurokit.traces(traces[some], sampling_rate=RATE))
            found.append([model.significant_.values.any(), model.edges_["significant"].any()])
        component, edge = np.mean(found, axis=0)
        print(
            f"  {name}: {draws} populations of 20: a component in {component:.2f}, an edge in"
            f" {edge:.2f} (promise .05)",
            flush=True,
        )


def allen(folder):
    """Print what is found in cells that were recorded together."""
    held = loadmat(folder / "Allen_Experiment_552195520_excerpt.mat")["dF_traces"]
    traces = neurokit.traces(held[:, :6000].reshape(len(held), -1, 4).mean(2), sampling_rate=RATE)
    model = DynamicConnectome(5, random_state=0).fit(traces)
    strong, pairs = int(model.edges_["significant"].sum()) // 2, len(held) * (len(held) - 1) // 2
    print(
        f"  Allen, {len(held)} cells, {traces.sizes['time'] / RATE:.0f} s: p of components"
        f" {model.p_components_.values.tolist()}, {strong} edges of {pairs}"
    )


def main():
    """Print all four."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--draws", type=int, default=40)
    args = parser.parse_args()
    warnings.simplefilter("ignore", ConvergenceWarning)
    folder = Path(os.environ["NEUROKIT_DATA"]) / "calcium_cascade_groundtruth"
    records = list(read(folder))
    for smoothing in (0.3, 1.0):
        follow(records, smoothing)
        edges(records, smoothing)
    nothing(records, args.draws)
    allen(folder)


if __name__ == "__main__":
    main()
