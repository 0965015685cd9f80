"""
From spikes to sampled spikes and a graph
=========================================

`SpikeTransformer` learns what three units do next, says how probable what they did was, draws new
spikes, and tells who drives whom.
"""

# %%
# ``b`` follows ``a`` by 20 ms; ``c`` is alone.
import matplotlib.pyplot as plt
import numpy as np

import neurokit as nk
from neurokit.pretraining import SpikeTransformer
from neurokit.training import Trainer

rng = np.random.default_rng(0)
a, b, c = (np.sort(rng.uniform(0, 60, n)) for n in (480, 180, 300))
late = a[rng.random(len(a)) < 0.5] + 0.02
x = nk.spikes({"a": a, "b": np.r_[b, late[late < 60]], "c": c}, stop=60)

# %%
# Bits per spike beyond constant rates, on the last fifth.
train = nk.recording.select_time(x, 0, 48)
test = nk.recording.select_time(x, 48, 60)
trainer = Trainer(3, device="cpu")
model = SpikeTransformer(
    observation="count", width=16, depth=1, n_heads=2, trainer=trainer, random_state=0
)
print(round(model.fit(train).score(test), 3))

# %%
# Spikes drawn from the model.
drawn = model.sample(3.0, random_state=0)
print(drawn["spike_count"].values / 3, "spikes per second")

# %%
# What each target's spikes lose in probability without those of each source.
graph = model.connectivity(test)
graph.plot.imshow(x="source", y="target")
plt.show()
