"""Why networks decode contdata95 so much better than linear decoders: what else is in the file.

    NEUROKIT_DATA=/path/to/recordings python benchmarks/contdata95.py

The last quarter of the trials is scored. Predictors that see no neuron, nearest neighbours,
squares and products, and decoders that reach to a target which they never trained on.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from decoders_real import rows_trainer, windows_trainer
from decoders_sets import contdata95, contdata95_trials
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.linear_model import RidgeCV
from sklearn.neighbors import KNeighborsRegressor

from neurokit.decoders import (
    RecurrentRegressor,
    SpikingRegressor,
    WienerCascadeRegressor,
    WienerRegressor,
    WindowMLPRegressor,
)
from neurokit.metrics.regression import decoding_r2

N_TARGETS = 8
FAST = 100.0  # units per second: faster than any tremor at rest, slower than any reach


def facts(x, y, trial, since):
    """Say how the file is laid out; return target, bins since the reach began, gaps of targets."""
    last = np.append(np.flatnonzero(np.diff(trial)), len(trial) - 1)
    first = np.append(0, last[:-1] + 1)
    speed = np.hypot(y[:, 2], y[:, 3])
    onset = np.array(
        [np.argmax(speed[a : b + 1] > FAST) for a, b in zip(first, last, strict=True)]
    )
    inside = since[1:] > 0
    off = np.abs(10 * np.diff(y[:, :2], axis=0) - y[1:, 2:])[inside].max()
    print(f"{trial[-1] + 1} trials of {since[last].min() + 1} to {since.max() + 1} bins")
    print(f"velocity = 10 x difference of positions inside a trial, to {off:.0e}")
    print(
        f"the reach begins in bin {onset.min()} to {onset.max()} of its trial, and lasts", end=" "
    )
    lengths = since[last] + 1 - onset
    print(f"{np.percentile(lengths, 1):.0f} to {np.percentile(lengths, 99):.0f} bins")
    moving = since >= onset[trial]
    energy = (y[moving, 2:] ** 2).sum() / (y[:, 2:] ** 2).sum()
    print(f"reaches: {moving.mean():.2f} of the bins, {energy:.3f} of the velocity's energy")
    ends = KMeans(N_TARGETS, n_init=10, random_state=0).fit(y[last, :2])
    angle = np.degrees(np.arctan2(*ends.cluster_centers_.T[::-1]))
    order = np.argsort(angle)  # targets are numbered round the circle
    target = np.argsort(order)[ends.labels_]
    gaps = np.diff(np.append(angle[order], angle[order[0]] + 360))
    print("degrees from each target to the next:", gaps.round().astype(int).tolist())
    print("trials to each target:", np.bincount(target).tolist())
    return target, np.clip(since - onset[trial], -8, 8), gaps


def line(name, truth, guess):
    print(f"| {name} | {decoding_r2(truth, guess).realtime:.3f} |", flush=True)


def by_table(train, test, keys, velocity):
    """Mean velocity of the training bins with the same keys."""
    keys = np.unique(np.stack(keys), axis=1, return_inverse=True)[1]
    total = np.zeros((keys.max() + 1, 2))
    np.add.at(total, keys[train], velocity[train])
    number = np.maximum(np.bincount(keys[train], minlength=len(total)), 1)
    return (total / number[:, None])[keys[test]]


def share(truth, guess):
    """R2 of both axes together: towards one target hardly anything moves across it."""
    return 1 - ((truth - guess) ** 2).sum() / ((truth - truth.mean(0)) ** 2).sum()


def lagged(x, n_lags):
    return np.concatenate([np.roll(x, lag, axis=0) for lag in range(n_lags)], axis=1)


def decoders(n_rows):
    window, rows = windows_trainer(n_rows, 25), rows_trainer(n_rows)
    return {
        "Wiener, 10 bins": WienerRegressor(10),
        "Wiener cascade, 10 bins": WienerCascadeRegressor(10),
        "MLP, 1 bin": WindowMLPRegressor(window=0.02, trainer=rows, random_state=0),
        "MLP, 7 bins": WindowMLPRegressor(n_parts=7, trainer=rows, random_state=0),
        "SpikingRegressor": SpikingRegressor(trainer=window, random_state=0),
        "LSTM": RecurrentRegressor("lstm", trainer=window, random_state=0),
    }


def main():
    x, y, trial, since = contdata95_trials()
    target, phase, gaps = facts(x, y, trial, since)
    velocity, aim = y[:, 2:], target[trial]
    cut = 3 * (trial[-1] + 1) // 4
    train, test = trial < cut, trial >= cut
    truth = velocity[test]
    print("\n| seen, without a neuron | R2 |\n|---|---|")
    for name, keys in {
        "bins since the trial began": [since],
        "target, bins since the trial began": [aim, since],
        "bins since the reach began": [phase],
        "target, bins since the reach began": [aim, phase],
    }.items():
        line(name, truth, by_table(train, test, keys, velocity))
    print("\n| seen, 20 components of the counts over 10 bins | R2 |\n|---|---|")
    parts = PCA(20, random_state=0).fit(np.sqrt(x[train])).transform(np.sqrt(x))
    past = lagged(parts, 10)
    line(
        "ridge",
        truth,
        RidgeCV(np.logspace(0, 6, 13)).fit(past[train], velocity[train]).predict(past[test]),
    )
    near = KNeighborsRegressor(15).fit(past[train], velocity[train])
    line("mean of the 15 most similar moments", truth, near.predict(past[test]))
    late = np.roll(velocity, len(velocity) // 2, axis=0)  # movement of other trials
    near = KNeighborsRegressor(15).fit(past[train], late[train])
    line("the same, movement and counts of other trials", late[test], near.predict(past[test]))
    few = lagged(parts[:, :10], 6)
    few = few / few[train].std(0)
    left, right = np.triu_indices(few.shape[1])
    squares = np.concatenate([few, few[:, left] * few[:, right]], axis=1).astype(np.float32)
    model = RidgeCV(np.logspace(2, 5, 4)).fit(squares[train], velocity[train])
    line(
        "ridge on 6 bins of 10 components, squares and products",
        truth,
        model.predict(squares[test]),
    )

    recording = contdata95()
    moving = phase >= 0
    print("\n| decoder | all bins | in reaches | starts of trials cut at random |", end="")
    flanked = np.argmin(gaps + np.roll(gaps, 1))
    alone = np.argmax(gaps)  # beside the widest gap
    print(f" target {flanked} never trained on (trained on) | target {alone}, likewise |")
    print("|---|---|---|---|---|---|")
    rng = np.random.default_rng(0)
    shown = since >= rng.integers(0, 13, trial[-1] + 1)[trial]

    def guess(decoder, learn, ask):
        learn, ask = np.flatnonzero(learn), np.flatnonzero(ask)
        decoder.fit(recording.x.isel(time=learn), recording.y.isel(time=learn))
        return np.asarray(decoder.predict(recording.x.isel(time=ask)))

    for name, decoder in decoders(int(train.sum())).items():
        whole = guess(decoder, train, test)
        scores = [decoding_r2(truth, whole).realtime]
        scores.append(decoding_r2(truth[moving[test]], whole[moving[test]]).realtime)
        cropped = guess(decoder, train & shown, test & shown)
        scores.append(decoding_r2(velocity[test & shown], cropped).realtime)
        cells = [f"{value:.3f}" for value in scores]
        for left_out in (flanked, alone):
            mine = aim == left_out
            other = guess(decoder, train & ~mine, test & mine)
            along = velocity[test & mine]
            cells.append(f"{share(along, other):.3f} ({share(along, whole[mine[test]]):.3f})")
        print(f"| {name} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
