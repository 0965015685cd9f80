"""Encoding models against their peers: banded ridge, ridge, two versus two.

python benchmarks/encoding.py
"""

import statistics
import time

import numpy as np
import xarray as xr
from himalaya.ridge import GroupRidgeCV
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import KFold

from neurokit.encoding import BandedRidge, RidgeEncoder, join_bands
from neurokit.metrics import two_versus_two


def two_spaces(seed, n=400, n_targets=12, noise=1.0):
    """Ten columns that tell most, and two hundred that tell little."""
    rng = np.random.default_rng(seed)
    small, large = rng.normal(size=(n, 10)), rng.normal(size=(n, 200))
    y = small @ rng.normal(size=(10, n_targets)) / np.sqrt(10)
    y += 0.3 * large @ rng.normal(size=(200, n_targets)) / np.sqrt(200)
    y += noise * rng.normal(size=y.shape)
    spaces = {"small": small, "large": large}
    x = join_bands({k: xr.DataArray(v, dims=("trial", "feature")) for k, v in spaces.items()})
    return x, xr.DataArray(y, dims=("trial", "voxel"))


def compare_bands(seeds=5):
    alphas = np.logspace(0, 4, 9)
    rows = []
    for seed in range(seeds):
        x, y = two_spaces(seed)
        train, test = slice(0, 250), slice(250, 400)
        ridge = RidgeEncoder(alphas, scale=False).fit(x[train], y[train])
        ours = BandedRidge(alphas=alphas, n_iter=20, scale=False, random_state=0)
        ours.fit(x[train], y[train])
        options = {"alphas": alphas, "n_iter": 20, "progress_bar": False, "warn": False}
        drawn = int(np.random.RandomState(0).randint(2**31))
        theirs = GroupRidgeCV(
            ours.band_index_, cv=KFold(5), fit_intercept=True, random_state=drawn,
            solver_params=options,
        ).fit(x.values[train], y.values[train])  # fmt: skip
        apart = np.abs(ours.predict(x[test]).values - theirs.predict(x.values[test])).max()
        plain = RidgeCV(alphas).fit(x.values[train], y.values[train])
        rows.append(
            (ours.score(x[test], y[test]), ridge.score(x[test], y[test]),
             plain.score(x.values[test], y.values[test]), apart)
        )  # fmt: skip
        print(seed, np.round(rows[-1], 4), flush=True)
    mean, spread = np.mean(rows, 0), np.std(rows, 0, ddof=1)
    for name, m, s in zip(("banded", "ridge", "scikit-learn RidgeCV"), mean, spread, strict=False):
        print(f"{name:22s} R2 {m:.3f} +- {s:.3f}")
    print(f"largest difference from himalaya's predictions {max(r[3] for r in rows):.1e}")


def by_loop(a, b):
    def apart(u, v):
        return 1 - u @ v / (np.linalg.norm(u) * np.linalg.norm(v))

    right = pairs = 0
    for i in range(len(a)):
        for j in range(i):
            pairs += 1
            own = apart(a[i], b[i]) + apart(a[j], b[j])
            right += own < apart(a[i], b[j]) + apart(a[j], b[i])
    return right / pairs


def time_two_versus_two():
    rng = np.random.default_rng(0)
    a = rng.normal(size=(4916, 500))
    b = a + 8 * rng.normal(size=a.shape)
    start = time.process_time()
    slow, fast = by_loop(a[:200], b[:200]), two_versus_two(a[:200], b[:200])
    loop = time.process_time() - start
    print(f"200 stimuli: loop {slow}, product {fast}, {'equal' if slow == fast else 'DIFFERENT'}")
    took = []
    for _ in range(5):
        start = time.process_time()
        two_versus_two(a, b)
        took.append(time.process_time() - start)
    whole = loop * (4916 * 4915) / (200 * 199)
    middle, low, high = statistics.median(took), min(took), max(took)
    print(f"4,916 x 500: median {middle:.2f} s ({low:.2f} to {high:.2f}) of one thread")
    print(f"the loop, extrapolated from 200: {whole:.0f} s")


if __name__ == "__main__":
    time_two_versus_two()
    compare_bands()
