"""
Faces and houses, on a headband of four electrodes
==================================================

A face that is seen is followed by a negative wave after 170 ms, larger than that of a house. Two
people wore a Muse headband at home (NeuroTechX, EEG notebooks). What can such a device tell?
"""

# %%
# Each run is a CSV file: time stamps, four channels, and a column of markers.
import os
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import LeaveOneGroupOut, cross_val_predict

import neurokit
from neurokit import plotting
from neurokit.recording import filter_band, join

folder = Path(os.environ["NEUROKIT_DATA"]) / "erp_n170_muse"
electrodes = ["TP9", "AF7", "AF8", "TP10"]
people = []
for run, path in enumerate(sorted(folder.glob("subject000*.csv"))):
    table = pd.read_csv(path)
    rate = round(1 / table["timestamps"].diff().mean())  # stamps are rounded: not their median
    eeg = neurokit.signal(
        table[electrodes].to_numpy().T, sampling_rate=rate, channels=electrodes, types="eeg"
    ).assign_attrs(units="uV")
    marks = table.iloc[:, -1].to_numpy()
    seen = np.flatnonzero(marks)
    seen = seen[(seen > rate) & (seen < len(marks) - rate)]  # those whose window is whole
    events = neurokit.events(seen / rate, label=np.where(marks[seen] == 2, "face", "house"))
    trials = neurokit.epoch(filter_band(eeg, 1, 30).load(), events, tmin=-0.1, tmax=0.6)
    who = ("trial", [path.name[:11]] * len(trials))
    people.append(trials.assign_coords(subject=who, run=("trial", [run] * len(trials))))
trials = join(people, dim="trial")
trials = trials[(abs(trials) < 150).all(["channel", "time"]).values]
print(trials.sizes)
print(dict(zip(*np.unique(trials["subject"], return_counts=True), strict=True)))

# %%
# Behind the ears (TP9, TP10), the mean after faces and after houses, for each of the two.
names = np.unique(trials["subject"])
fig, axes = plt.subplots(1, len(names), figsize=(10, 3.4), layout="constrained", sharey=True)
for ax, name in zip(axes, names, strict=True):
    theirs = trials[trials["subject"] == name]
    both = theirs.sel(channel=["TP9", "TP10"]).mean("channel", keepdims=True)
    plotting.plot_erp(both.assign_coords(channel=[f"{name}: TP9 and TP10"]), 0, ax=ax)

# %%
# One run of two minutes is left out in turn. With about two hundred trials and four electrodes the
# answer is far from sure, and clearly above chance (.5): the area under the ROC curve says so.
scores = {}
for name in names:
    theirs = trials[trials["subject"] == name].sel(time=slice(0, 0.6))
    early = theirs.coarsen(time=12, boundary="trim").mean().values.reshape(len(theirs), -1)
    lda = LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto")
    runs, seen = theirs["run"].values, theirs["label"].values == "face"
    guesses = cross_val_predict(
        lda, early, seen, groups=runs, cv=LeaveOneGroupOut(), method="decision_function"
    )
    each = [roc_auc_score(seen[runs == run], guesses[runs == run]) for run in np.unique(runs)]
    scores[str(name)] = float(np.mean(each))
print({name: round(score, 2) for name, score in scores.items()})
