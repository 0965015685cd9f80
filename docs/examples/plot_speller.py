"""
A speller, and how long a trial should be
=========================================

Someone looks at one of several flickering targets. The longer a trial, the surer the answer; the
shorter, the more answers a minute. Bits a minute say which length pays, and what counts as the
time of a choice says how many they are.
"""

# %%
# One simulated person and eight targets, ten trials of one second each, on seven channels at the
# back of the head.
import matplotlib.pyplot as plt
import numpy as np

from neurokit import datasets, plotting
from neurokit.decoders import FBCCAClassifier, TDCAClassifier, TRCAClassifier
from neurokit.metrics import itr
from neurokit.protocols import evaluate

targets = tuple(float(f) for f in range(8, 16))
trials, truth = datasets.make_ssvep(
    targets, n_trials=10, duration=1.0, amplitude=1.2, n_channels=19, random_state=11
)
back = [name for name in trials["channel"].values if name[0] in "PO"]
trials = trials.sel(channel=back)
print(trials.dims, trials.shape)

# %%
# Canonical correlation with sines learns nothing from this person. TRCA and TDCA learn a template
# of each target, from stretches of time that are not tested. All lengths are scored: none was
# chosen.
decoders = {
    "FBCCA, nothing learnt": FBCCAClassifier(),
    "TRCA": TRCAClassifier(),
    "TDCA": TDCAClassifier(),
}
windows = np.array([0.25, 0.5, 0.75, 1.0])
accuracy = {name: [] for name in decoders}
for window in windows:
    cut = trials.sel(time=slice(0, window - 1e-6))
    found = evaluate(decoders, cut, folds="blocks", n_splits=5)
    for name in decoders:
        accuracy[name].append(found.table.loc[name, "accuracy"])
print(found)

# %%
# With half a second for the gaze to move, or without: the same answers, other rates.
fig, (left, right) = plt.subplots(1, 2, figsize=(9, 3.4), layout="constrained")
for k, (name, score) in enumerate(accuracy.items()):
    left.plot(windows, score, "o-", c=f"C{k}", label=name)
    for pause, style in ((0.5, "o-"), (0.0, "o:")):
        rate = itr(score, len(targets), selection_time=windows + pause)
        right.plot(windows, rate, style, c=f"C{k}")
left.axhline(1 / len(targets), ls=":", c="gray")
left.text(1.0, 1 / len(targets) + 0.01, "chance", ha="right", c="gray")
left.set(xlabel="window (s)", ylabel="accuracy", ylim=(0, 1.05))
left.legend(frameon=False, fontsize="small")
right.set(xlabel="window (s)", ylabel="bits a minute", ylim=(0, None))
right.plot([], [], "k-", label="0.5 s between choices")
right.plot([], [], "k:", label="none")
right.legend(frameon=False, fontsize="small")
plt.show()

# %%
# What the best of them takes for what, in trials of one second.
best = found.table["accuracy"].idxmax()
plotting.plot_confusion(trials["label"].values, found.predicted(best))
plt.show()
