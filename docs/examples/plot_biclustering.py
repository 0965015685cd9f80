"""
Populations and states, and how sure one may be
===============================================

Units that follow one another and moments that are alike are found together: which units form a
population shows best while they are driven, and when they are driven shows best once the
populations are known. The answer is a posterior, so that the picture can say where it is unsure.
"""

# %%
# Eighteen units in three populations, forty seconds in bins of 100 ms. In one state latents are
# noise, in the other each population's latents turn. The truth comes with the counts; with
# recordings, ``neurokit.bin_spikes(neurokit.io.read_spikes(path), 0.1)`` stands here.
import warnings

import matplotlib.pyplot as plt
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import adjusted_rand_score

from neurokit import datasets, plotting
from neurokit.clustering import BayesianBiclustering, credible_ball

counts, truth = datasets.make_biclustering(18, 400, random_state=4)

# %%
# Two short chains, so that this page is built quickly. The warning is the point of having more
# than one: it says in words what R-hat and the effective sample size say in numbers.
model = BayesianBiclustering(n_iter=160, n_burn=80, n_chains=2, random_state=0)
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always", ConvergenceWarning)
    model.fit(counts)
for warning in caught:
    print(warning.message)
print(model.chain_agreement_.round(2).to_string(index=False))

# %%
# How often two units stand together, in the order of the summary. Blocks that are dark all over
# are populations the draws agree on; a unit whose row is pale has no sure place.
plotting.plot_similarity(model.unit_similarity_, model.unit_labels_)
print("units, adjusted Rand index:", adjusted_rand_score(truth["cluster"], model.unit_labels_))

# %%
# States behind the counts, units in the order of their populations (colours on the right).
plotting.plot_states(counts, model.state_labels_, clusters=model.unit_labels_)
print("states, adjusted Rand index:", adjusted_rand_score(truth["state"], model.state_labels_))

# %%
# The latents of the first population with the band in which nine draws of ten lie.
plotting.plot_latents(model.latents_, cluster=0)

# %%
# The chains: do their traces cover the same ground, and does each have its share of every rank?
plotting.plot_chains(model.posterior_["log_likelihood"], name="log likelihood")

# %%
# One partition stands for many. Within this distance of it lie 95 % of the draws; 0 bits would
# mean that all are the same.
draws = model.posterior_["unit_label"].values
ball = credible_ball(draws, model.unit_labels_.values)
print(f"radius {ball.radius:.2f} bits; from {ball.coarsest.max() + 1} clusters", end=" ")
print(f"to {ball.finest.max() + 1}")
plt.show()
