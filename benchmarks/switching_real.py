"""SwitchingGLM on recordings: held-out log-likelihood against simpler models; do states follow.

    NEUROKIT_DATA=/path/to/recordings python benchmarks/switching_real.py [--out CSV]

The first 80 % to fit, the last 20 % to test, 20 units with the most spikes in the training part.
The number of states and the prior are rows of the table, none is chosen. What states say of the
animal's speed is the part of its variance between states (eta squared) on the test part, against
500 circular shifts.
"""

import argparse
import os
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.io import loadmat
from scipy.stats import poisson

import neurokit
from neurokit.clustering import SwitchingGLM

ROOT = Path(os.environ.get("NEUROKIT_DATA", "data"))


def contdata95():
    file = loadmat(ROOT / "spikes_m1_reach_contdata95" / "contdata95.mat")
    return file["Y"].T.astype(int), 0.05, np.hypot(*file["X"][:, 2:4].T)


def placecells():
    path = ROOT / "hippocampus_placecells_nstat" / "PlaceCellDataAnimal1.mat"
    file = loadmat(path, squeeze_me=True, struct_as_record=False)
    width, stop = 0.1, float(file["time"][-1])
    edges = np.arange(0, stop, width)
    y = np.stack([np.histogram(n.spikeTimes, edges)[0] for n in file["neuron"]])
    return y, width, _speed(file["time"], file["x"], file["y"], edges)


def track():
    file = np.load(ROOT / "hippocampus_tracks_nelpy" / "linear-track.npz")
    width = 0.1
    edges = np.arange(file["pos_t"][0], file["pos_t"][-1], width)
    units = np.unique(file["unit"])
    y = np.stack([np.histogram(file["spike_times"][file["unit"] == u], edges)[0] for u in units])
    return y, width, _speed(file["pos_t"], file["x"], file["y"], edges)


def _speed(time, x, y, edges):
    """Speed over half a second around each bin: positions jump from frame to frame."""
    middle = 0.5 * (edges[1:] + edges[:-1])
    known = np.isfinite(x) & np.isfinite(y) & np.isfinite(time)
    x, y = (np.interp(middle, time[known], v[known]) for v in (x, y))
    steps = np.hypot(x[5:] - x[:-5], y[5:] - y[:-5])
    return np.pad(steps, (2, 3), mode="edge")


def follow(state, speed, rng, n_shifts=500):
    """Part of the variance of speed between states, and the part of shifts that reach it."""

    def eta(s):
        means = [speed[s == k].mean() if (s == k).any() else 0 for k in range(s.max() + 1)]
        return np.var(np.array(means)[s]) / np.var(speed)

    if np.var(speed) == 0:  # the animal, or its tracker, stood still
        return np.nan, np.nan, np.nan
    shifts = rng.integers(len(state) // 20, len(state) - len(state) // 20, n_shifts)
    null = np.array([eta(np.roll(state, k)) for k in shifts])
    return eta(state), np.quantile(null, 0.95), (1 + (null >= eta(state)).sum()) / (1 + n_shifts)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    rows = []
    for load in (track, placecells, contdata95):
        y, width, speed = load()
        cut = int(0.8 * y.shape[1])
        y = y[np.argsort(-y[:, :cut].sum(1), kind="stable")[:20]]
        train, test = (neurokit.counts(part, bin_width=width) for part in (y[:, :cut], y[:, cut:]))
        mean = y[:, :cut].mean(1)[:, None]
        base = poisson.logpmf(y[:, cut:], mean).sum(0).mean()
        rows.append({"set": load.__name__, "model": "independent Poisson", "score": base})
        for n_states, prior in (
            (1, "none"), (2, "none"), (2, "gaussian"), (4, "none"), (4, "gaussian"), (4, "onehot"),
        ):  # fmt: skip
            model = SwitchingGLM(n_states, prior=prior, n_restarts=2, tol=1e-4, random_state=0)
            row = {"set": load.__name__, "model": f"{n_states} states, {prior}"}
            row["score"] = model.fit(train).score(test)
            if n_states > 1:
                state = model.predict(test).values
                found = follow(state, speed[cut : cut + len(state)], np.random.default_rng(0))
                row |= dict(zip(("eta squared", "95 % of shifts", "p"), found, strict=True))
            rows.append(row)
            print(rows[-1], flush=True)
    table = pd.DataFrame(rows)
    table["above Poisson"] = table["score"] - table.groupby("set")["score"].transform("first")
    print(table.round(4).to_string())
    if options.out:
        table.round(4).to_csv(options.out, index=False)


if __name__ == "__main__":
    main()
