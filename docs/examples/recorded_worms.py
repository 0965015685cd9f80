"""
Which neurons of four worms change together
===========================================

Whole-brain calcium of four animals of *C. elegans*, whose neurons have names (Dag et al. 2023, 8
minutes each). Some neurons were not found in some animals. Which change together, and in which of
them?
"""

# %%
# Traces of the neurons that were named with confidence, by name. Each animal moves as it likes, so
# times are not shared.
import csv
import os
from pathlib import Path

import h5py
import matplotlib.pyplot as plt

import neurokit
from neurokit import plotting
from neurokit.connectomes import DynamicConnectome

folder = Path(os.environ["NEUROKIT_DATA"]) / "calcium_celegans_dag2023"


def read_worm(path):
    """Traces by the names of their neurons."""
    with h5py.File(path) as file:
        values = file["gcamp/trace_array"][()].T
    names = {}
    with Path(f"{path.with_suffix('')}_labels.csv").open() as table:
        for row in csv.DictReader(table):
            if float(row["confidence"] or 0) >= 3 and row["LR"] != "undefined":
                names.setdefault(row["label"], int(row["neuron"]) - 1)
    rows = values[[*names.values()]]
    return neurokit.traces(rows, sampling_rate=1 / 0.6, ids=[*names], units="z-score")


worms = {path.stem[3:]: read_worm(path) for path in sorted(folder.glob("id_*.h5"))}
traces = neurokit.stack(worms)
print(traces.sizes, "named in each:", traces.notnull().any("time").sum("unit").values)

# %%
# Three minutes of one of them.
first = next(iter(worms.values()))
plotting.plot_traces(first.sel(time=slice(60, 240)), n_units=20)

# %%
# Affinities of all pairs at all moments are factorised into components that no neuron's absence
# breaks. Shifted traces say which are beyond chance.
model = DynamicConnectome(5, shared_time=False, n_surrogates=19, alpha=0.05, random_state=0)
model.fit(traces)
for k in range(5):
    members = model.membership_["unit"].values[model.membership_.values == k].tolist()
    print(f"component {k}: p = {float(model.p_components_[k]):.2f}, {' '.join(members[:9])} ...")

# %%
# Each row is a component: its neurons, by community; its time course; its strength in each animal.
plotting.plot_components(model.factors_, communities=model.membership_)

# %%
# The affinity at the moments of the first component, and the edges that exceed chance.
fig, (left, right) = plt.subplots(1, 2, figsize=(10, 4.4), layout="constrained")
plotting.plot_connectome(
    model.components_.isel(component=0), communities=model.membership_, ax=left
)
edges = model.edges_["z"].where(model.edges_["significant"])
plotting.plot_graph(edges, communities=model.membership_, n_edges=150, ax=right)
plt.show()
