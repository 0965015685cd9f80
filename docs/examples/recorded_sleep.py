"""
Half an hour of sleep
=====================

One channel of EEG (C3-A1, DREAMS), with the stage that experts gave to every five seconds, and
the spindles that they saw: short bursts at 12 to 15 Hz that come in the second stage.
"""

# %%
# Plain text, one sample a line. A label says what it is once, and everything else follows.
import os
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.metrics import accuracy_score, balanced_accuracy_score
from sklearn.model_selection import cross_val_predict

import neurokit
from neurokit import plotting
from neurokit.features import BandPower
from neurokit.recording import filter_band

folder = Path(os.environ["NEUROKIT_DATA"]) / "sleep_dreams"
samples = np.loadtxt(folder / "excerpt1.txt", skiprows=1)
eeg = neurokit.signal(samples[None], sampling_rate=100, channels=["C3-A1"], types="eeg")
stages = np.loadtxt(folder / "Hypnogram_excerpt1.txt", skiprows=1).astype(int)
names = {5: "wake", 4: "REM", 3: "S1", 2: "S2", 1: "S3", 0: "S4", -1: "moves"}
epochs = neurokit.events(
    5.0 * np.arange(len(stages)), duration=5.0, label=[names[stage] for stage in stages]
)
print(eeg.sizes, epochs["label"].value_counts().to_dict())

# %%
# Spectrogram and hypnogram, over the same half hour.
fig, (top, bottom) = plt.subplots(
    2, 1, figsize=(9, 4.6), height_ratios=(2, 1), layout="constrained", sharex=True
)
plotting.plot_spectrogram(eeg, fmax=25, window=4.0, ax=top)
order = ["S4", "S3", "S2", "S1", "REM", "wake"]
level = [order.index(label) if label in order else np.nan for label in epochs["label"]]
bottom.step(epochs["onset"], level, where="post", color="0.2", linewidth=1)
bottom.set(yticks=range(6), yticklabels=order, xlabel="Time (s)")

# %%
# Spindles: power at 11 to 16 Hz around the onsets that an expert marked, and around as many
# moments of the same stage where none was seen.
marked = pd.read_csv(
    folder / "Visual_scoring1_excerpt1.txt", sep=r"\s+", skiprows=1, names=["onset", "duration"]
)
print(len(marked), "spindles, median", marked["duration"].median(), "s")
sigma = filter_band(eeg, 11, 16)
envelope = sigma.copy(data=np.abs(sigma.values))
there = neurokit.events(marked["onset"].to_numpy(), label="spindle")
s2 = epochs.loc[epochs["label"] == "S2", "onset"].to_numpy()
free = [t for t in s2 if np.abs(marked["onset"].to_numpy() - t).min() > 6][: 2 * len(there)]
events = pd.concat([there, neurokit.events(free, label="S2 without")], ignore_index=True)
trials = neurokit.epoch(envelope, events.sort_values("onset"), tmin=-1.0, tmax=2.0)
plotting.plot_erp(trials.coarsen(time=10, boundary="trim").mean(keep_attrs=True), 0)

# %%
# Power in bands, five seconds at a time, and the stage: what a scorer goes by.
bands = {"delta": (0.5, 4), "theta": (4, 8), "alpha": (8, 11), "sigma": (11, 16), "beta": (16, 30)}
cut = neurokit.epoch(eeg, epochs, tmin=0, tmax=5)
power = BandPower(bands).fit_transform(cut)
print(power.dims, power.shape)
table = pd.DataFrame(power.values.reshape(len(cut), -1), columns=list(bands))
print(table.groupby(cut["label"].values).median().round(2))

# %%
# Scored by the power of the minute around; sixths of the half hour are left out in turn, and
# windows that share samples with them are not trained on. S2 is so common that accuracy says
# little: balanced accuracy does (chance is one divided by the stages).
known = np.isin(cut["label"].values, ["wake", "S2", "S3"])
around = table.rolling(12, center=True, min_periods=1).mean().to_numpy()[known]
right = cut["label"].values[known]
lda = LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto")
at, block = np.flatnonzero(known), np.arange(known.sum()) * 6 // known.sum()
far = [np.abs(at[:, None] - at[block == k]).min(axis=1) >= 12 for k in range(6)]
folds = [(np.flatnonzero(far[k]), np.flatnonzero(block == k)) for k in range(6)]
said = cross_val_predict(lda, around, right, cv=folds)
print(
    f"accuracy {accuracy_score(right, said):.2f}, the commonest stage {(right == 'S2').mean():.2f}"
)
print(f"balanced accuracy {balanced_accuracy_score(right, said):.2f}, chance .33")
plotting.plot_confusion(right, said)
plt.show()
