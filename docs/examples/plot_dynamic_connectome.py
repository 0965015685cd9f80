"""
From calcium traces to communities in time
==========================================

Six animals saw one stimulus; some neurons were not found in some of them. Which neurons change
together, when, and in which animals? Surrogates say what is beyond chance.
"""

# %%
# Simulated traces, whose communities are known: (animal, unit, time), NaN where a unit is missing.
# `neurokit.stack` makes the same of recordings.
import matplotlib.pyplot as plt
from sklearn.metrics import adjusted_rand_score

from neurokit.connectomes import (
    DynamicConnectome,
    NonnegativeCP,
    choose_rank,
    differential_affinity,
)
from neurokit.datasets import make_dynamic_communities
from neurokit.plotting import plot_components, plot_connectome, plot_graph, plot_ranks

traces, truth = make_dynamic_communities(
    120, n_animals=6, n_units=40, n_communities=3, noise=0.2, random_state=0
)

# %%
# How many components? A tenth of the affinities is hidden from the fit and predicted. One
# component more than there are communities holds what units share by mere activity.
affinity = differential_affinity(traces.isel(time=slice(0, 240)))
quick = NonnegativeCP(n_restarts=3, max_iter=100, tol=1e-3)
ranks = choose_rank(affinity, [1, 2, 3, 4, 5], estimator=quick, n_splits=2, random_state=0)
plot_ranks(ranks)

# %%
# Components, communities and surrogates in one step.
model = DynamicConnectome(4, n_surrogates=19, alpha=0.05, random_state=0).fit(traces)
for k in range(4):
    print(f"component {k}: p = {float(model.p_components_[k]):.2f}")
score = adjusted_rand_score(truth["community"], model.membership_)
print(f"members against the truth, adjusted Rand index: {score:.2f}")

# %%
# Each row is a component: its units, by community; its time course; its strength in each animal.
plot_components(model.factors_, communities=model.membership_)

# %%
# The affinity at the moments of the largest component, and the edges that exceed chance.
fig, (left, right) = plt.subplots(1, 2, figsize=(9, 4), layout="constrained")
plot_connectome(model.components_.isel(component=0), communities=model.membership_, ax=left)
edges = model.edges_["z"].where(model.edges_["significant"])
plot_graph(edges, communities=model.membership_, n_edges=200, ax=right)
plt.show()
