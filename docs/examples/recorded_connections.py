"""
From spikes to connections
==========================

Who drives whom, from spike trains alone: first in a network whose connections are known, then
in the hippocampus of a rat on a linear track, where nobody knows them (31 units, 33 minutes, from
the example data of nelpy).
"""

# %%
# Twenty leaky integrate-and-fire units, a minute; a tenth of the pairs are connected.
import os
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import neurokit
from neurokit import plotting
from neurokit.connectomes import SpikeConnectivity
from neurokit.datasets import make_spiking_network

spikes, truth = make_spiking_network(60, n_units=20, weight=0.1, random_state=0)
plotting.plot_raster(spikes, start=10, stop=15)

# %%
# Each unit's counts are a regression on the pasts of all, so that what a third unit explains is
# not counted twice. Where a coupling's interval leaves out zero, it is told from none.
model = SpikeConnectivity("glm").fit(neurokit.bin_spikes(spikes, 0.002))
found = model.connectivity()
sure = found["p_value"].values < 0.05 / (20 * 19)
there = truth["coupling"].values != 0
print(f"{there.sum()} connections, {(sure & there).sum()} found, {(sure & ~there).sum()} too many")

fig, axes = plt.subplots(1, 3, figsize=(11, 3.4), layout="constrained")
plotting.plot_connectome(truth["coupling"], ax=axes[0])
plotting.plot_connectome(found["coupling"], ax=axes[1])
off = ~np.eye(20, dtype=bool)
axes[2].plot(truth["coupling"].values[off], found["coupling"].values[off], ".")
axes[2].set(xlabel="True coupling (thresholds)", ylabel="Estimated (log rate)")
for ax, title in zip(axes, ("True", "Estimated", "Each pair"), strict=True):
    ax.set_title(title)

# %%
# The rat: the first ten minutes, units with a hundred spikes or more, in bins of 5 ms.
path = Path(os.environ["NEUROKIT_DATA"]) / "hippocampus_tracks_nelpy" / "linear-track.npz"
with np.load(path) as file:
    times, unit = file["spike_times"] - file["spike_times"].min(), file["unit"]
trains = {int(u): np.sort(times[(unit == u) & (times < 600)]) for u in np.unique(unit)}
trains = {u: train for u, train in trains.items() if len(train) >= 100}
rat = neurokit.spikes([*trains.values()], ids=[*trains], stop=600.0)
plotting.plot_raster(rat, start=100, stop=130)

# %%
# Place cells share what they are driven by: rates rise and fall together as the rat runs, and a
# plain estimate takes that for coupling. Ten surrogates whose spikes are jittered within 50 ms
# keep the slow rhythm, and lose what is fast: an edge has to stand out from those.
counts = neurokit.bin_spikes(rat, 0.005)
model = SpikeConnectivity("glm", n_surrogates=10, random_state=0).fit(counts)
found = model.connectivity()
n_pairs = len(trains) * (len(trains) - 1)
strong = found["p_value"] < 0.05 / n_pairs
print(f"{int((found['p_value'] < 0.01).sum())} of {n_pairs} pairs at p < .01,")
print(f"{int(strong.sum())} after division by their number")

fig, (left, right) = plt.subplots(1, 2, figsize=(10, 4.2), layout="constrained")
plotting.plot_connectome(found["coupling"], ax=left)
left.set_title("Coupling, change of log rate")
plotting.plot_graph(abs(found["coupling"]).where(found["p_value"] < 0.01), ax=right)
right.set_title("Pairs at p < .01")
plt.show()
