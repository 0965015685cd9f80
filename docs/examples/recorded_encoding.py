"""
What single channels answer to
==============================

An encoding model predicts what the brain does from what happens. Here: the spikes of 95 channels
of a monkey's motor cortex (teaching data of BME 517, Michigan) from where its hand is, its
velocity and its speed. Banded ridge regression lets every channel weigh the three for itself, and
tells how much of what is explained belongs to which.
"""

# %%
# Five minutes of counts in bins of 50 ms, and the movement from 100 ms before a bin to 300 ms
# after it: cortex comes before the hand. Three feature spaces stand side by side.
import os
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from scipy.io import loadmat

from neurokit.encoding import BandedRidge, RidgeEncoder, join_bands

held = loadmat(Path(os.environ["NEUROKIT_DATA"]) / "spikes_m1_reach_contdata95" / "contdata95.mat")
hand = {
    "position": held["X"][:, :2],
    "velocity": held["X"][:, 2:4],
    "speed": np.hypot(held["X"][:, 2], held["X"][:, 3])[:, None],
}
bins = np.arange(2, 6002)
x = join_bands(
    {
        name: xr.DataArray(
            np.hstack([moved[bins + lag] for lag in range(-2, 7, 2)]), dims=("trial", "feature")
        )
        for name, moved in hand.items()
    }
)
y = xr.DataArray(held["Y"][bins].astype(float), dims=("trial", "channel"))

# %%
# The last fifth is tested. The coordinate ``stimulus`` keeps stretches of ten seconds together in
# the folds that choose the penalties, as neighbouring bins answer for each other.
x = x.assign_coords(stimulus=("trial", bins // 200))
train, test = slice(0, 4 * len(bins) // 5), slice(4 * len(bins) // 5, None)
alphas = np.logspace(1, 5, 5)
models = {
    "ridge": RidgeEncoder(alphas, cv=3),
    "banded ridge": BandedRidge(alphas=alphas, n_iter=6, cv=3, random_state=0),
}
for name, model in models.items():
    model.fit(x[train], y[train])
    for method in ("r2", "pearson"):
        print(f"{name:13s} {method:8s} {model.score(x[test], y[test], method=method):.3f}")

# %%
# The spaces are so small that weighing them gains nothing in the mean. What it tells is who
# answers to what: each part adds to the R2 of its channel. Counts of single bins are mostly noise.
parts = models["banded ridge"].split_r2(x[test], y[test])
order = np.argsort(-parts.sum("band").values)
fig, ax = plt.subplots(figsize=(8, 3), layout="constrained")
below = np.zeros(30)
for band in parts["band"].values:
    height = np.clip(parts.sel(band=band).values[order[:30]], 0, None)
    ax.bar(np.arange(30), height, bottom=below, label=band)
    below += height
ax.set(xlabel="The thirty channels that are told best", ylabel="Part of R2")
ax.legend(frameon=False)
plt.show()

# %%
# When: one channel's weights of speed by the time from the spikes to the movement.
best = int(order[0])
speed = models["ridge"].coef_[x["band"].values == "speed", best]
fig, ax = plt.subplots(figsize=(5, 3), layout="constrained")
ax.plot(np.arange(-2, 7, 2) * 50, speed, "o-")
ax.axhline(0, color="0.7")
ax.set(xlabel="Movement after the spikes (ms)", ylabel=f"Weight of speed, channel {best}")
plt.show()
