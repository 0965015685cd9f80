"""
Where a rat is, from its place cells
====================================

Forty-nine cells of the hippocampus while a rat ran about on a round floor for 24 minutes (Barbieri
et al. 2004). Each fires where the rat is at one place; all together they tell where it is.
"""

# %%
# The MAT file holds spike times, and a position 30 times a second: both are found by themselves.
import os
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import neurokit
from neurokit import io
from neurokit.decoders import FIRSmoother, SmoothedRegressor, WienerRegressor

path = Path(os.environ["NEUROKIT_DATA"]) / "hippocampus_placecells_nstat"
session = io.read_session(path / "PlaceCellDataAnimal1.mat")
spikes = session["spikes"].to_dataset()
place = next(
    node["behaviour"] for node in session.subtree if "behaviour" in node.data_vars
).transpose("time", "feature")
print(spikes.sizes, place.sizes, place["feature"].values)

# %%
# Where three cells fire: dots are spikes, the grey line is where the rat has been.
counts = neurokit.bin_spikes(spikes, 0.2, start=0.0, stop=float(place["time"][-1]))
here = place.sel(time=counts["time"].values, method="nearest")
busy = np.argsort(-counts.sum("time").values)[[3, 6, 8]]
fig, axes = plt.subplots(1, 3, figsize=(10, 3.4), layout="constrained", sharex=True, sharey=True)
for ax, k in zip(axes, busy.tolist(), strict=True):
    fired = counts[k].values > 0
    ax.plot(*place.values[::3].T, color="0.85", linewidth=0.5)
    ax.plot(*here.values[fired].T, ".", markersize=4)
    ax.set_aspect("equal")
    ax.set_title(f"cell {counts['unit'].values[k]}", fontsize="medium")

# %%
# A linear filter over the last second of all cells, and behind it a filter fitted to what the
# decoder said on time that it had not been trained on. Learnt on the first three quarters.
split = 3 * counts.sizes["time"] // 4
train, test = slice(0, split), slice(split, None)
decoder = SmoothedRegressor(WienerRegressor(window=1.0), FIRSmoother(16))
decoder.fit(counts[:, train], here[train])
decoded = decoder.predict(counts[:, test])
error = np.hypot(*(decoded - here[test].values).values.T)
print(f"R2 {decoder.score(counts[:, test], here[test]):.2f}")
print(f"median error {np.median(error):.2f} of an arena 1.8 wide, without looking ahead")

# %%
fig, (left, right) = plt.subplots(
    1, 2, figsize=(10, 3.4), width_ratios=(2, 1), layout="constrained"
)
shown = slice(0, 600)
time = here["time"].values[test][shown]
left.plot(time, here.values[test][shown, 0], "k", label="measured")
left.plot(time, decoded.values[shown, 0], label="decoded")
left.set(xlabel="Time (s)", ylabel="x")
left.legend(frameon=False, ncols=2)
right.plot(*here.values[test][shown].T, "k")
right.plot(*decoded.values[shown].T, linewidth=0.9)
right.set_aspect("equal")
right.set(xlabel="x", ylabel="y")
plt.show()
