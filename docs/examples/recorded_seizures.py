"""
Seizure or not
==============

Three hundred segments of 24 s from Bonn (Andrzejak et al. 2001): scalp EEG of healthy people,
depth EEG of patients between seizures, and seizures. A look, two features, and an honest split.
"""

# %%
# One array of segments. The rate is an odd number, which the clock keeps exactly.
import os
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

import neurokit
from neurokit import plotting
from neurokit.features import BandPower
from neurokit.metrics import event_scores
from neurokit.protocols import evaluate

path = Path(os.environ["NEUROKIT_DATA"]) / "seizure_bonn" / "bonn.npz"
with np.load(path, allow_pickle=False) as held:
    samples, kind, rate = held["X"], held["y"], float(held["fs"])
labels = np.where(kind == 4, "seizure", "none")
segments = neurokit.signal(
    samples[:, None], sampling_rate=rate, channels=["EEG"], types="eeg", trials={"label": labels}
)
print(segments.dims, segments.shape, neurokit.sampling_rate(segments), "Hz")

# %%
# Five seconds of one segment of each of the five sets.
names = ["eyes open", "eyes closed", "other side", "in the zone", "seizure"]
fig, axes = plt.subplots(5, 1, figsize=(9, 5), layout="constrained", sharex=True, sharey=True)
for ax, k in zip(axes, range(5), strict=True):
    one = segments[np.flatnonzero(kind == k)[3], 0].sel(time=slice(0, 5))
    ax.plot(one["time"], one, "0.2", linewidth=0.7)
    ax.set_ylabel(names[k], rotation=0, ha="right")
axes[-1].set_xlabel("Time (s)")

# %%
# Power in bands, and how long the line is that one would draw. Fifths of successive segments of
# each class are left out, which keeps most people whole; drawn folds would flatter.
bands = {"delta": (1, 4), "theta": (4, 8), "alpha": (8, 13), "beta": (13, 30), "gamma": (30, 48)}


def line_length(x):
    """Log of the mean step from sample to sample."""
    return np.log(np.abs(np.diff(np.asarray(x.values, float), axis=-1)).mean(axis=-1))


lda = LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto")
found = evaluate(
    {
        "band power, LDA": make_pipeline(BandPower(bands), lda),
        "line length, LDA": make_pipeline(FunctionTransformer(line_length), lda),
    },
    segments,
    folds="blocks",
    n_splits=5,
)
print(found.table[["accuracy", "balanced_accuracy", "auroc"]].round(3))
plotting.plot_confusion(labels, found.predicted("band power, LDA"))

# %%
# As a monitor that sees one segment after the other is judged: by seizures, not by samples.
length = samples.shape[1] / rate
truth, said = (
    neurokit.events(length * np.flatnonzero(which == "seizure"), length, "seizure")
    for which in (labels, found.predicted("band power, LDA"))
)
scores = event_scores(truth, said, duration=300 * length, before=0, after=0, merge=0)
print(
    f"{scores.sensitivity:.2f} of the seizures, {scores.false_alarms_per_hour:.1f} false an hour"
)
plt.show()
