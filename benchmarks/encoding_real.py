"""What single channels of motor cortex answer to: position, velocity, speed and their delays.

    NEUROKIT_DATA=/path/to/recordings OMP_NUM_THREADS=1 python benchmarks/encoding_real.py

``contdata95``: a monkey's reaches, 95 channels, bins of 50 ms. Encoding models predict the counts
of every channel from the movement 100 ms before to 300 ms after; the first 80 % of the reaches to
learn from, the last 20 % to test. Folds keep reaches together. Nothing is chosen on the test.
"""

import numpy as np
import xarray as xr
from decoders_sets import contdata95_trials

from neurokit.encoding import BandedRidge, RidgeEncoder, join_bands
from neurokit.metrics import correlation_scores, noise_ceiling

LAGS = range(-2, 7)  # bins; above zero: the movement comes after the spikes
N_PLACES, N_BINS = 8, 8  # directions of reach, and bins of each, of the mean responses


def read():
    """Return features with bands, counts, and trial and place in it of every row."""
    counts, state, trial, since = contdata95_trials()
    length = np.bincount(trial)[trial]
    rows = np.flatnonzero((since >= -min(LAGS)) & (since + max(LAGS) < length))
    moved = {
        "position": state[:, :2],
        "velocity": state[:, 2:],
        "speed": np.hypot(*state[:, 2:].T)[:, None],
    }
    bands = {
        name: xr.DataArray(
            np.concatenate([v[rows + lag] for lag in LAGS], 1), dims=("trial", "feature")
        )
        for name, v in moved.items()
    }
    x = join_bands(bands).assign_coords(stimulus=("trial", trial[rows]))
    y = xr.DataArray(counts[rows].astype(float), dims=("trial", "channel"))
    return x, y, trial[rows], since[rows], state


def repeat_reaches(y, trial, since, state, chosen):
    """Responses of reaches to alike directions, bin by bin: (repeat, direction * bin, channel)."""
    all_trials = contdata95_trials()[2]
    by_place = {k: [] for k in range(N_PLACES)}
    for one in chosen:
        path = state[all_trials == one, :2]
        mine = np.flatnonzero(trial == one)[:N_BINS]
        if len(mine) == N_BINS:
            way = np.arctan2(*(path[-1] - path[0])[::-1])
            by_place[int(np.floor(way / (2 * np.pi) * N_PLACES + 0.5)) % N_PLACES].append(y[mine])
    kept = [found for found in by_place.values() if len(found) >= 5]
    n = min(len(found) for found in kept)
    return n, np.concatenate([np.stack(found[:n]) for found in kept], axis=1)


def main():
    x, y, trial, since, state = read()
    names = np.unique(trial)
    cut = names[int(0.8 * len(names))]
    train, test = trial < cut, trial >= cut
    print(
        f"{train.sum()} bins of {(names < cut).sum()} reaches to learn from, {test.sum()} to test"
    )
    alphas = np.logspace(1, 5, 5)
    models = {"ridge": RidgeEncoder(alphas, cv=3)}
    for band in ("position", "velocity", "speed"):
        models[f"ridge, {band} alone"] = RidgeEncoder(alphas, cv=3)
    models["banded ridge"] = BandedRidge(alphas=alphas, n_iter=8, cv=3, random_state=0)
    for name, model in models.items():
        only = x["band"].values == name.split()[1] if "alone" in name else slice(None)
        model.fit(x[train][:, only], y[train])
        found = model.scores(x[test][:, only], y[test])
        r2, r = found["r2"].values, found["pearson"].values
        predicted = model.predict(x[test][:, only]).values
        n, mean_y = repeat_reaches(y[test].values, trial[test], since, state, names[names >= cut])
        _, mean_p = repeat_reaches(predicted, trial[test], since, state, names[names >= cut])
        ceiling = noise_ceiling(mean_y).values
        told = ceiling > 0.5
        of_mean = correlation_scores(mean_y.mean(0), mean_p.mean(0)).values
        print(
            f"| {name} | {r2.mean():.3f} | {np.quantile(r2, 0.9):.3f} | {r.mean():.3f} |"
            f" {np.median(of_mean[told]):.3f} | {np.median(ceiling[told]):.3f} |"
            f" {np.median(of_mean[told] / ceiling[told]):.3f} | {told.sum()} | {n} |",
            flush=True,
        )
        if name == "banded ridge":
            split = model.split_r2(x[test], y[test]).mean("channel")
            print(split.to_series().round(4).to_dict())


if __name__ == "__main__":
    main()
