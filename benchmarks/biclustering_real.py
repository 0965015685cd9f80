"""BayesianBiclustering on recordings: do states follow behaviour, do populations follow regions?

    NEUROKIT_DATA=/path/to/recordings python benchmarks/biclustering_real.py [--sweeps 600]

States: the part of the variance of speed (or of whether a clip is on the screen) between states
(eta squared), of every draw of the posterior: mean and interval of 90 %, against the same of 500
circular shifts of the speed.
Populations: adjusted Rand index of the units' partition with what the recording names (region, or
the tetrode they were recorded with), of every draw, against 500 permutations of the names. Two
chains; the first 1,000 bins in which the animal was tracked, the 40 busiest units.
"""

import argparse
import os
import time
import warnings
from pathlib import Path

import numpy as np
from scipy.io import loadmat
from sklearn.metrics import adjusted_rand_score

from neurokit import io, recording
from neurokit.clustering import BayesianBiclustering
from neurokit.clustering.sampling.summary import expand_states

ROOT = Path(os.environ.get("NEUROKIT_DATA", "data"))
N_BINS, N_UNITS = 1000, 40


def recordings():
    """Yield name, counts (unit, time), speed (time,), names of units or None."""
    file = loadmat(ROOT / "spikes_m1_reach_contdata95" / "contdata95.mat")
    yield "contdata95", file["Y"].T[:, :N_BINS], np.hypot(*file["X"][:N_BINS, 2:4].T), None
    file = np.load(ROOT / "hippocampus_tracks_nelpy" / "linear-track.npz")
    edges = file["pos_t"][0] + 0.5 * np.arange(N_BINS + 1)
    times = [file["spike_times"][file["unit"] == u] for u in np.unique(file["unit"])]
    y = np.array([np.histogram(each, edges)[0] for each in times])
    yield "linear track", y, speed_at(edges, file["pos_t"], file["x"], file["y"]), file["tetrode"]
    path = ROOT / "hippocampus_placecells_nstat" / "PlaceCellDataAnimal1.mat"
    file = loadmat(path, squeeze_me=True, struct_as_record=False)
    edges = file["time"][0] + 0.5 * np.arange(N_BINS + 1)
    y = np.array([np.histogram(n.spikeTimes, edges)[0] for n in file["neuron"]])
    yield "place cells", y, speed_at(edges, file["time"], file["x"], file["y"]), None
    path = ROOT / "nwb_units" / "human_mtl_sub-4_ses-4.nwb"
    spikes, events = io.read_spikes(path), io.read_events(path)
    start = float(spikes["start"])
    counts = recording.bin_spikes(spikes, 0.5, start=start, stop=start + 0.5 * N_BINS)
    fine = start + 0.01 * np.arange(50 * N_BINS)
    on = np.zeros(len(fine))  # whether a clip is on the screen
    for _, row in events[events["label"] == "encoding_table"].iterrows():
        on[(fine >= row["onset"]) & (fine < row["onset"] + row["duration"])] = 1
    yield "human MTL", counts.values, on.reshape(-1, 50).mean(1), spikes["region"].values


def speed_at(edges, time, x, y):
    """Distance from bin to bin, of the median position in each: single frames jump."""
    bins = np.searchsorted(edges, time, "right") - 1
    found = []
    for axis in (x, y):
        known = np.isfinite(axis) & (bins >= 0) & (bins < len(edges) - 1)
        places = [np.median(axis[known & (bins == k)]) for k in np.unique(bins[known])]
        found.append(np.interp(np.arange(len(edges) - 1), np.unique(bins[known]), places))
    return np.hypot(*(np.gradient(axis) for axis in found))


def study(name, y, speed, names, n_sweeps, seed=0):
    """Fit one recording and print what its draws say of speed and names."""
    rng, begin = np.random.default_rng(seed), time.perf_counter()
    busiest = np.sort(np.argsort(-y.sum(1), kind="stable")[:N_UNITS])
    y = np.round(y[busiest]).astype(float)
    model = BayesianBiclustering(n_chains=2, n_iter=n_sweeps, n_burn=n_sweeps // 2, random_state=0)
    model.fit(y.T)
    row = {
        "set": name,
        "units": len(y),
        "bins": y.shape[1],
        "populations": model.n_groups_[0],
        "states": model.n_groups_[1],
        "agree on units": round(float(model.chain_agreement_["unit_ari"].iloc[0]), 2),
        "agree on states": round(float(model.chain_agreement_["state_ari"].iloc[0]), 2),
        "R-hat": round(model.rhat_["log_likelihood"], 2),
        "s": round(time.perf_counter() - begin),
    }
    if speed is not None and np.var(speed) > 0:
        draws = expand_states(model.posterior_, y.shape[1]).reshape(-1, y.shape[1])
        draws = draws[:: max(1, len(draws) // 40)]

        def eta(x):
            return [between(x, states) for states in draws]

        shifts = rng.integers(len(speed) // 20, len(speed) - len(speed) // 20, 500)
        null = [np.mean(eta(np.roll(speed, k))) for k in shifts]
        row |= compare("eta squared", eta(speed), null)
    if names is not None:
        names = names[busiest]
        draws = model.posterior_["unit_label"].values.reshape(-1, len(y))
        draws = draws[:: max(1, len(draws) // 40)]

        def ari(x):
            return [adjusted_rand_score(x, labels) for labels in draws]

        null = [np.mean(ari(rng.permutation(names))) for _ in range(500)]
        row |= compare("Rand index with names", ari(names), null)
    print(row, flush=True)
    return row


def between(x, states):
    """Part of the variance of x that lies between states."""
    size = np.bincount(states)
    mean = np.bincount(states, x) / np.maximum(size, 1)
    return float(size @ (mean - x.mean()) ** 2 / len(x) / np.var(x))


def compare(what, found, null):
    low, high = np.quantile(found, [0.05, 0.95])
    reached = (1 + np.sum(np.array(null) >= np.mean(found))) / (1 + len(null))
    return {
        what: f"{np.mean(found):.3f} ({low:.3f} to {high:.3f})",
        f"{what}, 95 % of chance": round(float(np.quantile(null, 0.95)), 3),
        f"{what}, p": round(float(reached), 3),
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sweeps", type=int, default=600)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    for given in recordings():
        study(*given, arguments.sweeps)
