"""
How long states are held
========================

A particle on three sites under a potential that goes on and off, seen ten times a second, one
label in twenty wrong. The rates of its jumps come from the labels alone.
"""

# %%
import matplotlib.pyplot as plt

from neurokit import datasets, plotting
from neurokit.clustering import DwellTimes

jumps = datasets.make_jumps(1000, wrong=0.05, random_state=0)

# %%
# A model that does not know of wrong labels takes each for two fast jumps.
for noise in (0.0, "fit"):
    model = DwellTimes(noise=noise, n_bootstrap=0).fit(jumps.labels)
    print(f"noise={noise}: held for", model.dwell_times_.values.round(2), "s")
print("truth:", (-1 / jumps.truth["rate"].values.diagonal()).round(2), "s")
print(f"{model.noise_:.3f} of the labels are wrong; relaxation", model.relaxation_times_.round(2))

# %%
# Visits as labelled (steps), and as the model says (broken): most short visits were no visits.
plotting.plot_dwell_times(jumps.labels, model.dwell_times_)

# %%
# The same after wrong labels were put right.
plotting.plot_dwell_times(model.predict(jumps.labels), model.dwell_times_)
plt.show()
