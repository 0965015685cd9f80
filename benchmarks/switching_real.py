"""SwitchingGLM on recordings: held-out log-likelihood against simpler models; do states follow.

    NEUROKIT_DATA=/path/to/recordings python benchmarks/switching_real.py [--sets track]

The first 80 % to fit, the last 20 % to test, 20 units with the most spikes in the training part.
The number of states and the prior are rows of the table, none is chosen. Gains over independent
Poisson counts come with their standard error over 20 stretches of the test part. Whether states
follow behaviour (the animal's speed; where it was not filmed, whether a stimulus is on, or how
often it licks) is the part of its variance between states (eta squared) over the whole recording,
which no model saw, with 90 % of 200 draws of twenty stretches with replacement, against 500
circular shifts.
"""

import argparse
import os
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.io import loadmat
from scipy.stats import poisson

import neurokit
from neurokit import io
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


def human_mtl():
    """Hippocampus and amygdala of a person who watches clips and judges pictures of them."""
    spikes, events = _nwb("human_mtl_sub-4_ses-4.nwb")
    shown = events[events["label"].str.endswith("_table")]
    return *_binned(spikes, 0.1), _cover(spikes, shown, 0.1)


def motor_alm():
    """One unit of anterior lateral motor cortex of a mouse that licks left or right."""
    spikes, events = _nwb("alm_sub-anm372793_ses-20170508.nwb")
    counts, width = _binned(spikes, 0.1)
    licks = events["onset"][events["label"].str.startswith("lick")]
    edges = float(spikes["start"]) + width * np.arange(counts.shape[1] + 1)
    return counts, width, np.histogram(licks, edges)[0]


def retina():
    """Four ganglion cells while three films run; pauses between them were not recorded."""
    spikes, events = _nwb("retina_20080606_R1.nwb1")
    counts, width = _binned(spikes, 0.1)
    on = _cover(spikes, events, width)[: counts.shape[1]] == 1
    return counts[:, : len(on)][:, on], width, None


def _nwb(name):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # event codes of another clock; they are not used
        path = ROOT / "nwb_units" / name
        return io.read_spikes(path), io.read_events(path)


def _binned(spikes, width):
    return neurokit.bin_spikes(spikes, width).values, width


def _cover(spikes, events, width):
    """Part of each bin in which something is shown."""
    fine = np.arange(float(spikes["start"]), float(spikes["stop"]), width / 10)
    on = np.zeros(len(fine))
    for onset, duration in zip(events["onset"], events["duration"], strict=True):
        on[(fine >= onset) & (fine < onset + duration)] = 1
    return on[: len(on) // 10 * 10].reshape(-1, 10).mean(1)


def _speed(time, x, y, edges):
    """Speed over half a second around each bin: positions jump from frame to frame."""
    middle = 0.5 * (edges[1:] + edges[:-1])
    known = np.isfinite(x) & np.isfinite(y) & np.isfinite(time)
    x, y = (np.interp(middle, time[known], v[known]) for v in (x, y))
    steps = np.hypot(x[5:] - x[:-5], y[5:] - y[:-5])
    return np.pad(steps, (2, 3), mode="edge")


def follow(state, speed, rng, n_shifts=500):
    """Part of the variance of behaviour between states; its interval; 95 % of shifts; p."""

    def eta(s, x=speed):
        size = np.bincount(s)
        mean = np.bincount(s, x) / np.maximum(size, 1)
        return size @ (mean - x.mean()) ** 2 / len(x) / np.var(x) if np.var(x) else np.nan

    shifts = rng.integers(len(state) // 20, len(state) - len(state) // 20, n_shifts)
    null = np.array([eta(np.roll(state, k)) for k in shifts])
    parts = np.array_split(np.arange(len(state)), 20)
    drawn = [np.concatenate([parts[k] for k in rng.integers(20, size=20)]) for _ in range(200)]
    low, high = np.nanquantile([eta(state[d], speed[d]) for d in drawn], [0.05, 0.95])
    p = (1 + (null >= eta(state)).sum()) / (1 + n_shifts)
    return eta(state), low, high, np.quantile(null, 0.95), p


MODELS = ((1, "none"), (2, "none"), (2, "gaussian"), (4, "none"), (4, "gaussian"), (4, "onehot"))
SETS = {f.__name__: f for f in (track, placecells, contdata95, human_mtl, motor_alm, retina)}


def study(name):
    """Yield a row for each model of one set."""
    y, width, speed = SETS[name]()
    cut = int(0.8 * y.shape[1])
    y = y[np.argsort(-y[:, :cut].sum(1), kind="stable")[:20]]
    whole = neurokit.counts(y, bin_width=width)
    train, test = (neurokit.counts(part, bin_width=width) for part in (y[:, :cut], y[:, cut:]))
    base = poisson.logpmf(y[:, cut:], y[:, :cut].mean(1)[:, None]).sum(0)
    given = {"set": name, "units": len(y), "bins": y.shape[1]}
    yield given | {"model": "independent Poisson", "score": base.mean(), "above Poisson": 0.0}
    stretches = np.array_split(np.arange(test.sizes["time"]), 20)
    for n_states, prior in MODELS:
        model = SwitchingGLM(n_states, prior=prior, n_restarts=2, tol=1e-4, random_state=0)
        row = given | {
            "model": f"{n_states} states, {prior}",
            "score": model.fit(train).score(test),
        }
        row["above Poisson"] = row["score"] - base.mean()
        gains = [model.score(test.isel(time=part)) - base[part].mean() for part in stretches]
        row["se"] = np.std(gains, ddof=1) / np.sqrt(len(gains))
        if n_states > 1 and speed is not None:
            n = min(y.shape[1], len(speed))
            found = follow(model.predict(whole).values[:n], speed[:n], np.random.default_rng(0))
            names = ("eta squared", "5 %", "95 %", "95 % of shifts", "p")
            row |= dict(zip(names, found, strict=True))
        yield row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sets", nargs="+", choices=SETS, default=list(SETS))
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    rows = []
    for name in options.sets:
        for row in study(name):
            rows.append(row)
            print(
                {k: v if isinstance(v, str) else round(v, 4) for k, v in row.items()}, flush=True
            )
    table = pd.DataFrame(rows).round(4)
    print(table.to_string())
    if options.out:
        table.to_csv(options.out, index=False)


if __name__ == "__main__":
    main()
