"""
States in which units drive each other differently
==================================================

Counts of eight units; a hidden state decides who drives whom. `SwitchingGLM` finds the states and
the connections, and says for every pair how likely it inhibits, is absent or excites.
"""

# %%
# Six sequences with the truth attached; with recordings, counts from ``neurokit.bin_spikes``.
import matplotlib.pyplot as plt

from neurokit import datasets, plotting
from neurokit.clustering import SwitchingGLM

counts, truth = datasets.make_onehot_glm(
    6, 1500, n_units=8, n_states=3, sparsity=0.4, random_state=1
)
train, test = counts[:4], counts[4:]

# %%
# The ladder of priors, and one state, by what they say of sequences left out (nats per bin).
for n_states, prior in ((1, "none"), (3, "none"), (3, "gaussian"), (3, "onehot")):
    model = SwitchingGLM(n_states, prior=prior, link="sigmoid", n_restarts=2, random_state=0)
    print(n_states, prior, round(model.fit(train).score(test), 4))

# %%
# Weights in every state. With ``prior="onehot"`` most are exactly zero.
plotting.plot_connections(model.weights_)

# %%
# What the states share: the odds that the first unit is inhibited or excited by each other one.
print(model.connection_[0].to_pandas().round(2))

# %%
# States are numbered by how long they are held, not as in the truth.
print(model.predict(test)[0, :20].values, truth["state"][4, :20].values)
plt.show()
