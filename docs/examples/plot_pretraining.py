"""
From a folder of recordings to a probe
======================================

A masked model learns from recordings of any montage, rate and length by filling in what it is not
shown; no labels are needed. Afterwards its embeddings serve a classifier of few trials. Everything
is small and simulated here; on real recordings the gain over an encoder that has learned nothing
is small, and a covariance pipeline is better (see the results).
"""

# %%
# A folder of three recordings with other channels and rates, as it comes from three laboratories.
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from neurokit import datasets, io
from neurokit.decoders import make_band_power
from neurokit.pretraining import MaskedModel, PretrainedClassifier, block_mask
from neurokit.protocols import evaluate
from neurokit.training import Trainer

trainer = Trainer(4, batch_size=16, learning_rate=3e-3, device="cpu")
model = MaskedModel(width=32, depth=2, n_heads=4, trainer=trainer, random_state=0)
with tempfile.TemporaryDirectory() as folder:
    for k, (n_channels, rate) in enumerate(((19, 128.0), (8, 250.0), (12, 100.0))):
        x = datasets.make_eeg(
            40.0, n_channels=n_channels, sampling_rate=rate, random_state=k
        ).signal
        io.save(Path(folder) / f"{k}.nc", x)
    model.fit(folder)
print([round(epoch["loss"], 3) for epoch in model.history_])

# %%
# What is hidden while it learns: blocks of neighbours for a second, as many tokens as were asked.
signal = datasets.make_eeg(8.0, n_channels=19, sampling_rate=128.0, random_state=9).signal
hidden = block_mask(signal, np.arange(16) * 0.25, 0.55, radius=45.0, span=1.0, random_state=0)
print(f"{float(hidden.mean()):.2f} of the tokens are hidden")

# %%
# The weights that ship have seen more. They fill in a channel from the others ...
small = MaskedModel.from_pretrained("eeg-small")
bad = signal["channel"].values == "Pz"
filled = small.reconstruct(signal.assign_coords(bad=("channel", bad))).sel(channel="Pz")
truth = signal.sel(channel="Pz")
fig, ax = plt.subplots(figsize=(7, 2.5), layout="constrained")
ax.plot(truth["time"], truth, color="0.7", label="recorded")
ax.plot(truth["time"], filled, label="filled in from the others")
ax.set(xlabel="time (s)", ylabel="Pz (uV)", xlim=(2, 5))
ax.legend(frameon=False)

# %%
# ... and embed trials for a probe. Each person is left out in turn, and centred by the trials that
# are to be told apart, without labels: the card says so.
trials, _ = datasets.make_motor_imagery(4, 40, n_channels=12, random_state=0)
found = evaluate(
    {
        "band power, aligned": make_band_power(alignment="own", by=["subject"]),
        "this model": PretrainedClassifier(model, C=0.1),
        "eeg-small": PretrainedClassifier("eeg-small", C=0.1),
    },
    trials,
    protocol="leave-one-subject-out",
)
print(found.table[["accuracy", "sd_units"]].round(3))
print(found.card.facts()["Alignment"])
