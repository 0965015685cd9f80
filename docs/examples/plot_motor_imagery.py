"""
Motor imagery across people
===========================

The brains of two people are never alike, nor are their caps. Euclidean alignment
whitens each person's trials, so that a classifier trained on some people works on
another. Here the people are simulated, so that the example runs anywhere; real
recordings are in the results.
"""

# %%
# Six people imagine moving the left or the right hand, 40 times each.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.model_selection import LeaveOneGroupOut, cross_val_score
from sklearn.pipeline import make_pipeline

from neurokit import datasets
from neurokit.features import BandPower, EuclideanAlignment

trials, truth = datasets.make_motor_imagery(n_subjects=6, n_trials=40, random_state=0)
print(trials.dims, trials.shape)

# %%
# Labels and people are coordinates of ``trial``: nothing to keep in step by hand.
labels, people = trials["label"].values, trials["subject"].values

# %%
# Leave one person out, with and without alignment. The person left out is aligned by their
# own trials without labels, as one would after a minute of recording; the alignment says so in
# ``attrs``. Chance is one half.
bands = {"mu": (9, 13), "beta": (18, 26)}
plain = make_pipeline(BandPower(bands), LinearDiscriminantAnalysis())
aligned = make_pipeline(EuclideanAlignment(), BandPower(bands), LinearDiscriminantAnalysis())
scores = {
    name: cross_val_score(pipeline, trials, labels, groups=people, cv=LeaveOneGroupOut())
    for name, pipeline in {"as recorded": plain, "aligned": aligned}.items()
}
for name, score in scores.items():
    print(f"{name}: {score.mean():.2f} ({score.min():.2f} to {score.max():.2f})")

# %%
fig, ax = plt.subplots(figsize=(5, 3), layout="constrained")
for x, (name, score) in enumerate(scores.items()):
    ax.plot(np.full(len(score), x), score, "o", alpha=0.6, label=name)
    ax.hlines(score.mean(), x - 0.2, x + 0.2, "k")
ax.axhline(0.5, ls=":", c="gray")
ax.text(1.45, 0.505, "chance", ha="right", c="gray")
ax.set(xlim=(-0.5, 1.5), xticks=[0, 1], xticklabels=list(scores), ylabel="accuracy")
ax.set_title("one dot per person left out")
plt.show()
