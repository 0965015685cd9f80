"""The recordings on which decoders are compared, each as counts (or traces) and movement.

Bins of the real sets last 50 to 600 ms, the networks of the literature were made for 4 ms. So that
all of them see some tens of bins at a time, real sets run on a clock of 20 ms a bin; ``Recording``
says how long a bin really is.
"""

import os
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from scipy.io import loadmat
from scipy.ndimage import median_filter

from neurokit import io
from neurokit.datasets.reaching import make_reaching, optimal_velocity
from neurokit.metrics.regression import decoding_r2
from neurokit.recording import behaviour, bin_spikes, counts

CLOCK = 0.02  # seconds that a bin of a real set lasts on the clock of the networks
N_BLOCKS = 5


class Recording(NamedTuple):
    """Rows along time, and how they may be split."""

    x: Any  # (unit, time)
    y: Any  # (time, feature)
    bin_width: float  # seconds that a bin really lasts
    block: Any  # number of the block of time that each bin is in
    near: Any  # bins beside another block, which are not trained on
    ceiling: Any = None  # function of the rows scored: best possible R2 in real time, where known


class Split(NamedTuple):
    """Rows to train on, to fit and choose the filter on, and to score."""

    train: Any
    validate: Any
    test: Any


def folder():
    return Path(os.environ["NEUROKIT_DATA"])


def split(recording, k):
    """Block ``k`` is scored, the next one validates, three train; none touches the scored one."""
    other = ~recording.near
    validate = (recording.block == (k + 1) % N_BLOCKS) & other
    test = recording.block == k
    train = ~test & (recording.block != (k + 1) % N_BLOCKS) & other
    return Split(*(np.flatnonzero(rows) for rows in (train, validate, test)))


def _blocks(parts, gap):
    """Cut at borders of ``parts`` (trials, or single bins); mark bins near another block."""
    names, part = np.unique(parts, return_inverse=True)
    block = part * N_BLOCKS // len(names)
    edge = np.flatnonzero(np.diff(block)) + 0.5
    at = np.arange(len(block))
    near = np.zeros(len(block), bool)
    for place in edge:
        near |= np.abs(at - place) < gap
    return block, near


def _made(x, y, names, bin_width, gap, rows=None, parts=None):
    """Put arrays (time, unit) and (time, feature) on the clock, keeping ``rows`` of it only."""
    rows = np.arange(len(x)) if rows is None else rows
    x = counts(np.asarray(x).T, bin_width=CLOCK).isel(time=rows)
    y = behaviour(np.asarray(y, float), sampling_rate=1 / CLOCK, features=names).isel(time=rows)
    block, near = _blocks(np.arange(len(rows)) if parts is None else parts, gap)
    return Recording(x, y, bin_width, block, near)


def simulated(k, duration=300.0, seed=200):
    """Simulated reaching in bins of 4 ms; another population for every block that is scored."""
    session = make_reaching(duration, random_state=seed + k)
    x = bin_spikes(session.spikes, 0.004)
    y = session.behaviour.sel(feature=["vx", "vy"]).isel(time=slice(0, x.sizes["time"]))
    block, near = _blocks(np.arange(x.sizes["time"]), 100)

    def ceiling(rows):
        best = optimal_velocity(session, causal=True)
        times = y["time"].values
        best = best.sel(time=slice(times[rows[0]], times[rows[-1]]))
        truth = y.interp(time=best["time"].values).values
        return float(decoding_r2(truth, best.values).realtime)

    return Recording(x, y, 0.004, block, near, ceiling)


def contdata95_trials():
    """Counts, position and velocity of every bin, and the trial and place in it of each.

    The file holds trials laid end to end: where one begins, velocity is exactly zero.
    """
    file = loadmat(folder() / "spikes_m1_reach_contdata95" / "contdata95.mat")
    first = (file["X"][:, 2:] == 0).all(1)
    trial = np.cumsum(first) - 1
    since = np.arange(len(trial)) - np.flatnonzero(first)[trial]
    return file["Y"], file["X"], trial, since


def contdata95(k=0):
    """Velocity of a monkey's reaches from 95 channels; every trial is a stretch of its own."""
    x, y, trial, since = contdata95_trials()
    length = since.max() + 101  # trials stand on the clock 2 s and more apart
    at = trial * length + since
    wide_x = np.zeros((at[-1] + 1, x.shape[1]), x.dtype)
    wide_y = np.zeros((at[-1] + 1, 2))
    wide_x[at], wide_y[at] = x, y[:, 2:]
    return _made(wide_x, wide_y, ["vx", "vy"], 0.05, 25, at, trial)


def centerout(session):
    """Velocity of a monkey's reaches from rates in bins of 200 ms (multiples of 5 spikes/s)."""
    file = loadmat(folder() / "spikes_m1_centerout_dad" / "mihi_demo.mat")
    x = np.round(file["Y" + session] / 5).astype(np.int32)
    return _made(x, file["X" + session], ["vx", "vy"], 0.2, 5)


def centerout_tr(k=0):
    return centerout("tr")


def centerout_te(k=0):
    return centerout("te")


def _places(spikes, times, place, bin_width, moving=None):
    """Position of a rat at the middles of bins; ``moving``: least speed of the bins kept."""
    x = bin_spikes(spikes, bin_width).transpose("time", "unit")
    middles = x["time"].values + bin_width / 2
    known = (middles > times[0]) & (middles < times[-1])
    x, middles = x.values[known], middles[known]
    y = np.stack([np.interp(middles, times, axis) for axis in place.T], axis=1)
    rows = None
    if moving is not None:
        speed = np.hypot(*np.gradient(y, bin_width, axis=0).T)
        rows = np.flatnonzero(np.convolve(speed, np.ones(3) / 3, mode="same") > moving)
    return _made(x, y, ["x", "y"], bin_width, 20, rows)


def placecells(k=0):
    """Place of a rat in a round arena (diameter 1.8) from 49 CA1 units, bins of 250 ms."""
    path = folder() / "hippocampus_placecells_nstat" / "PlaceCellDataAnimal1.mat"
    held = loadmat(path, squeeze_me=True)
    place = np.stack([held["x"], held["y"]], axis=1)
    return _places(io.read_spikes(path), held["time"], place, 0.25)


def track(k=0):
    """Place of a rat on a linear track (pixels) from 31 CA1 units; bins of 250 ms in motion."""
    path = folder() / "hippocampus_tracks_nelpy" / "linear-track.npz"
    with np.load(path) as held:
        times = held["pos_t"]
        place = np.stack([held["x"], held["y"]], axis=1).astype(float)
    good = (place[:, 1] > 10) & (place[:, 1] < 479)  # elsewhere the LED was lost
    place = median_filter(place[good], size=(15, 1))
    return _places(io.read_spikes(path), times[good], place, 0.25, moving=15.0)


def _worm(name):
    def read(k=0):
        import h5py

        with h5py.File(folder() / "calcium_celegans_dag2023" / f"{name}.h5") as file:
            values, velocity = file["gcamp/trace_array"][:], file["behavior/velocity"][:]
        return _made(values, velocity[: len(values), None], ["velocity"], 0.6, 10)

    read.__doc__ = f"Velocity of worm {name} from the calcium of all its neurons, 0.6 s a frame."
    return read


WORMS = ("id_2022-07-26-31", "id_2022-07-26-38", "id_2022-07-27-31", "id_2022-07-27-38")
WORMS = (*WORMS, "noid_2022-01-16-01")
SETS = {
    "simulated": {"": simulated},
    "contdata95": {"": contdata95},
    "centerout": {"tr": centerout_tr, "te": centerout_te},
    "placecells": {"": placecells},
    "track": {"": track},
    "worm": {name: _worm(name) for name in WORMS},
}
