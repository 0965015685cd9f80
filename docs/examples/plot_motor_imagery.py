"""
Motor imagery, from a file to a confusion and a map
===================================================

The brains of two people are never alike, nor are their caps. Euclidean alignment whitens each
person's trials, so that a classifier trained on some people works on another. Here the people are
simulated, so that the example runs anywhere; real recordings are in the results.
"""

# %%
# One person's recording goes to a file and comes back, as yours would come from an amplifier.
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import neurokit
from neurokit import datasets, io, plotting
from neurokit.decoders import make_band_power
from neurokit.features import BandPower
from neurokit.protocols import evaluate

trials, truth = datasets.make_motor_imagery(n_subjects=6, n_trials=40, random_state=0)
length = trials.sizes["time"] / neurokit.sampling_rate(trials)
first = trials[trials["subject"] == trials["subject"][0]]
with tempfile.TemporaryDirectory() as folder:
    path = Path(folder) / "S01.edf"
    continuous = neurokit.signal(
        np.concatenate(list(first.values), axis=1),
        sampling_rate=neurokit.sampling_rate(trials),
        channels=trials["channel"].values.tolist(),
        types="eeg",
    )
    cues = neurokit.events(np.arange(len(first)) * length, length, first["label"].values)
    io.write_edf(path, continuous, cues)
    x, events = io.read_signal(path), io.read_events(path)
    read = neurokit.epoch(x, events, tmin=0, tmax=length).load()
print(read.dims, read.shape, read["label"].values[:4])

# %%
# All six people: leave one out, with and without alignment. The person left out is aligned by all
# their own trials without labels, or trial by trial as one would live. Chance is one half.
bands = {"mu": (9, 13), "beta": (18, 26)}
found = evaluate(
    {
        "as recorded": make_band_power(bands),
        "aligned, all trials": make_band_power(bands, "own", ["subject"]),
        "aligned, trial by trial": make_band_power(bands, "online", ["subject"]),
    },
    trials,
    protocol="leave-one-subject-out",
)
print(found.table[["accuracy", "sd_units", "worst", "best"]].round(3))

# %%
# How that was obtained; what of the target was seen is measured, not believed.
print(found.card)

# %%
fig, (left, right) = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
scores = found.scores.pivot(index="unit", columns="estimator", values="accuracy")
for k, name in enumerate(found.table.index):
    left.plot(np.full(len(scores), k), scores[name], "o", alpha=0.6)
    left.hlines(scores[name].mean(), k - 0.2, k + 0.2, "k")
left.axhline(0.5, ls=":", c="gray")
left.text(2.45, 0.505, "chance", ha="right", c="gray")
names = [name.replace(", ", ",\n") for name in found.table.index]
left.set(xlim=(-0.5, 2.5), xticks=range(3), xticklabels=names, ylabel="accuracy")
left.set_title("one dot per person left out")
plotting.plot_confusion(trials["label"].values, found.predicted("aligned, all trials"), ax=right)
plt.show()

# %%
# Power around 11 Hz falls on the side opposite to the hand: what the classifier lives on.
power = BandPower({"mu": (9, 13)}).fit_transform(trials).values.reshape(len(trials), -1)
hand = trials["label"].values
difference = power[hand == "right"].mean(0) - power[hand == "left"].mean(0)
plotting.plot_topomap(difference, trials, units="log power, right - left")
plt.show()
