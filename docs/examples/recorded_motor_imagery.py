"""
Motor imagery, from files to a confusion and a map
==================================================

Four people imagined grasping with the right hand, or rested (Peterson et al. 2020, an amplifier
that anybody can buy). The brains of two people are never alike, nor are their caps: Euclidean
alignment whitens each person's trials, so that a classifier trained on some works on another.
"""

# %%
# Two EDF files of each person: 15 channels and markers, which OpenViBE called Right and Tongue.
import os
import warnings
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import neurokit
from neurokit import io, plotting
from neurokit.decoders import make_band_power
from neurokit.features import BandPower
from neurokit.protocols import evaluate
from neurokit.recording import join, notch, place_channels

folder = Path(os.environ["NEUROKIT_DATA"]) / "mi_peterson2020"
names = {"OVTK_GDF_Right": "imagined", "OVTK_GDF_Tongue": "rest"}
people = []
for path in sorted(folder.glob("subj*_run00[45].edf")):
    with warnings.catch_warnings():  # the files name no unit, and that is said
        warnings.simplefilter("ignore")
        x, events = io.read_signal(path), io.read_events(path)
    events = events[events["label"].isin(list(names))].replace({"label": names})
    run = neurokit.epoch(notch(x, 50).load(), events, tmin=0.5, tmax=3.5)
    people.append(run.assign_coords(subject=("trial", [path.name[:6]] * len(run))))
trials = place_channels(join(people, dim="trial"))
print(trials.dims, trials.shape)
print(dict(zip(*np.unique(trials["label"], return_counts=True), strict=True)))

# %%
# Leave one person out, with and without alignment. The person left out is aligned by all their own
# trials without labels, or trial by trial as one would live. Chance is one half.
bands = {"mu": (8, 13), "low beta": (13, 20), "high beta": (20, 30)}
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
left.set_title("one dot per person left out", fontsize="medium")
plotting.plot_confusion(trials["label"].values, found.predicted("aligned, all trials"), ax=right)

# %%
# Where power at 8 to 13 Hz changes while the hand is imagined, the mean of the four: it rises
# behind on the right, and least in front on the left. Textbooks would have it fall about C3; that
# is what maps are for.
power = BandPower({"mu": (8, 13)}).fit_transform(trials).values.reshape(len(trials), -1)
done, who = trials["label"].values == "imagined", trials["subject"].values
change = [
    power[done & (who == name)].mean(0) - power[~done & (who == name)].mean(0)
    for name in np.unique(who)
]
plotting.plot_topomap(np.mean(change, axis=0), trials, units="log power, imagined - rest")
plt.show()
