"""
An evoked response: target or not
=================================

Someone looks at one of 36 symbols that flash in turn. Some hundred milliseconds after that which
is looked at has flashed, a wave follows which other flashes lack. Sixteen electrodes, one person
of Brain Invaders 2012 (`doi:10.5281/zenodo.2649006 <https://doi.org/10.5281/zenodo.2649006>`_).
"""

# %%
# The samples stand in an NPZ file, without labels: say once what they are. The amplifier swings
# for the first seconds, and a filter would smear that over all that follows, so they go first.
import os
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

import neurokit
from neurokit import plotting
from neurokit.protocols import evaluate
from neurokit.recording import filter_band, place_channels

path = Path(os.environ["NEUROKIT_DATA"]) / "erp_p300_bi2012" / "subject_01_session_01.npz"
names = ["F7", "F3", "F4", "F8", "T7", "C3", "Cz", "C4", "T8"]
names += ["P7", "P3", "Pz", "P4", "P8", "O1", "O2"]
with np.load(path, allow_pickle=False) as held:
    samples, marks = held["data"][3000:, :16].T, held["stim"][3000:]
eeg = neurokit.signal(samples, sampling_rate=128, channels=names, types="eeg", units="uV")
eeg = filter_band(place_channels(eeg), 1, 16).load()
flashes = np.flatnonzero(marks)
labels = np.where(marks[flashes] == 2, "target", "other")
events = neurokit.events(flashes / 128, label=labels)
trials = neurokit.epoch(eeg, events, tmin=-0.1, tmax=0.8)
print(trials.dims, trials.shape, dict(zip(*np.unique(labels, return_counts=True), strict=True)))

# %%
# The mean over flashes, one line for each condition, with its standard error; and every target
# flash as a row, so that the mean hides nothing.
fig, (left, right) = plt.subplots(1, 2, figsize=(10, 3.6), layout="constrained")
plotting.plot_erp(trials, "Pz", ax=left)
plotting.plot_erp_image(trials[trials["label"] == "target"], "Pz", ax=right)

# %%
# Where on the head the two differ, early and late. F8 and C4 are three times as noisy as the rest
# and are left out of the maps.
mean = {name: trials[trials["label"] == name].mean("trial") for name in ("target", "other")}
difference = mean["target"] - mean["other"]
difference = difference.assign_coords(
    bad=("channel", difference["channel"].isin(["F8", "C4"]).values)
)
fig, axes = plt.subplots(1, 3, figsize=(10, 3), layout="constrained")
for ax, (start, stop) in zip(axes, ((0.1, 0.2), (0.25, 0.4), (0.42, 0.52)), strict=True):
    shown = difference.sel(time=slice(start, stop)).mean("time").assign_attrs(units="uV")
    plotting.plot_topomap(shown, ax=ax)
    ax.set_title(f"{start:g} to {stop:g} s", fontsize="medium")


# %%
# Told apart flash by flash, from means over 50 ms. A fifth of the time is left out in turn, and
# flashes whose window overlaps with it are not trained on.
def means(x):
    """Average over windows of six samples, less each channel's own mean."""
    values = np.asarray(x.values[..., :114], float).reshape(*x.shape[:2], 19, 6).mean(-1)
    return (values - values.mean(-1, keepdims=True)).reshape(len(values), -1)


lda = LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto")
pipeline = make_pipeline(FunctionTransformer(means), lda)
found = evaluate({"means of 50 ms, LDA": pipeline}, trials, folds="blocks", n_splits=5)
print(found.table[["auroc", "balanced_accuracy"]].round(3))
print(found.card.split)
