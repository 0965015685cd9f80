"""
A network for motor imagery, and what it goes by
================================================

A small convolutional network tells left from right hand, on a person it has not seen. Then it is
asked: which channels does it go by, and how does it stand lost electrodes, noise and an attack?
The people are simulated, so that the example runs anywhere; real recordings are in the results.
"""

# %%
# Recordings of four people go to files and come back, as yours would come from an amplifier.
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from sklearn.pipeline import make_pipeline

import neurokit
from neurokit import datasets, io, plotting
from neurokit.decoders import (
    ShallowConvNetClassifier,
    integrate_gradients,
    measure_robustness,
    occlude,
)
from neurokit.features import EuclideanAlignment
from neurokit.protocols import evaluate
from neurokit.training import Trainer

made, truth = datasets.make_motor_imagery(4, 40, n_channels=19, duration=2.0, random_state=3)
rate = neurokit.sampling_rate(made)
people = []
with tempfile.TemporaryDirectory() as folder:
    for name in np.unique(made["subject"]):
        mine = made[made["subject"] == name]
        recording = neurokit.signal(
            np.concatenate(list(mine.values), axis=1),
            sampling_rate=rate,
            channels=made["channel"].values.tolist(),
            types="eeg",
        )
        path = Path(folder) / f"{name}.edf"
        cues = neurokit.events(np.arange(len(mine)) * 2.0, 2.0, mine["label"].values)
        io.write_edf(path, recording, cues)
        read = neurokit.epoch(io.read_signal(path), io.read_events(path), tmin=0, tmax=2.0).load()
        people.append(read.assign_coords(subject=("trial", [str(name)] * len(read))))
trials = xr.concat(people, "trial")
trials = trials.assign_coords({axis: made[axis] for axis in "xyz"})  # files of EDF hold no places
print(trials.dims, trials.shape)

# %%
# One person is left out at a time. Alignment sees that person's trials without labels, as the card
# says; the last epoch is kept, so nothing is chosen. More epochs and people would do better.
trainer = Trainer(25, batch_size=16, learning_rate=2e-3, device="cpu")
network = ShallowConvNetClassifier(16, trainer=trainer)
pipeline = make_pipeline(EuclideanAlignment(by=["subject"]), network)
found = evaluate({"network": pipeline}, trials, protocol="leave-one-subject-out")
print(found.scores[["unit", "accuracy"]].round(2).to_string(index=False))
print(found.card)

# %%
plotting.plot_confusion(trials["label"].values, found.predicted("network"))
plt.show()

# %%
# What speaks for "right" where the right hand was meant, and what against: integrated gradients
# share out the network's answer, occlusion hides one channel at a time. Both point at the cortex
# of the hands; power on the left, which the right hand takes away, speaks against it (blue). A
# pattern shows what one of the network's own filters picks up.
first = trials["subject"] == trials["subject"][0]
fitted = pipeline.set_params(shallowconvnetclassifier__random_state=0)
fitted.fit(trials[~first], trials["label"][~first])
new = trials[first]
right = new[new["label"] == "right"]
shares = integrate_gradients(fitted, right, right["label"]).sum("time").mean("trial")
falls = occlude(fitted, new, new["label"]).mean("trial")
strongest = np.abs(fitted[-1].patterns_).max(1).argmax()
fig, axes = plt.subplots(1, 3, figsize=(9, 3), layout="constrained")
for ax, values, title, unit in zip(
    axes,
    (shares.values, falls.values, fitted[-1].patterns_[strongest]),
    ("integrated gradients, right hand", "hidden, both hands", "a filter's pattern"),
    ("nat", "nat", "aligned"),
    strict=True,
):
    plotting.plot_topomap(values, trials, units=unit, ax=ax)
    ax.set_title(title, fontsize="medium")
plt.show()

# %%
# How accuracy falls when electrodes go silent, when noise comes, and when someone who knows the
# network moves every sample a little. Chance is one half.
table = measure_robustness(
    fitted, new, new["label"], lost=[0, 1, 2, 4, 8], attacked=[0.0, 0.01, 0.03, 0.1]
)
fig, axes = plt.subplots(1, 3, figsize=(9, 2.6), sharey=True, layout="constrained")
names = {"lost": "silent channels", "noise": "noise / signal", "attacked": "attack / signal"}
for ax, (kind, label) in zip(axes, names.items(), strict=True):
    mine = table[table["kind"] == kind]
    ax.errorbar(mine["level"], mine["accuracy"], mine["sd"], marker="o", capsize=2)
    ax.axhline(0.5, ls=":", c="gray")
    ax.set(xlabel=label, ylim=(0, 1.02))
axes[0].set_ylabel("accuracy")
plt.show()
