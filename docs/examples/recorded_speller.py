"""
A speller, and how long a trial should be
=========================================

Someone looks at one of several flickering targets. The longer a trial, the surer the answer; the
shorter, the more answers a minute. Bits a minute say which length pays, and what counts as the
time of a choice says how many they are. Four people, eight channels at the back of the head, three
targets (the controls of an exoskeleton, Kalunga et al. 2014).
"""

# %%
# The samples are FIF files, whose events lie beside them: 1 is rest.
import os
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import neurokit
from neurokit import io, plotting
from neurokit.decoders import FBCCAClassifier, make_band_power
from neurokit.metrics import itr
from neurokit.protocols import evaluate
from neurokit.recording import join, select_channels

folder = Path(os.environ["NEUROKIT_DATA"]) / "ssvep_exo"
flicker = {"2": "13 Hz", "3": "21 Hz", "4": "17 Hz"}
channels = ["Oz", "O1", "O2", "PO3", "POz", "PO7", "PO8", "PO4"]
people = []
for path in sorted(folder.glob("subject*_raw.fif")):
    if "subject07_record-2012.07.11" in path.name:  # the same recording as one of subject 3
        continue
    eeg = io.read_signal(path)
    events = io.read_events(str(path).replace("_raw.fif", "-eve.fif"))
    events = events[events["label"].isin(list(flicker))].replace({"label": flicker})
    trials = neurokit.epoch(select_channels(eeg, channels), events, tmin=1, tmax=5)
    people.append(trials.assign_coords(subject=("trial", [path.name[:9]] * len(trials))))
trials = join(people, dim="trial")
print(trials.dims, trials.shape, np.unique(trials["subject"]))

# %%
# Canonical correlation with sines learns nothing from anybody, power at the targets learns from
# the other people. All lengths are scored: none was chosen.
bands = {f: (float(f[:2]) - 0.5, float(f[:2]) + 0.5) for f in flicker.values()}
decoders = {
    "FBCCA, nothing learnt": FBCCAClassifier(),
    "power at the targets, from others": make_band_power(bands, "own", ["subject"]),
}
windows = np.array([1.0, 2.0, 3.0, 4.0])
accuracy = {name: [] for name in decoders}
for window in windows:
    cut = trials.sel(time=slice(1, 1 + window - 1e-6))
    found = evaluate(decoders, cut, protocol="leave-one-subject-out")
    for name in decoders:
        accuracy[name].append(found.table.loc[name, "accuracy"])
print(found)

# %%
# With half a second for the gaze to move, or without: the same answers, other rates.
fig, (left, right) = plt.subplots(1, 2, figsize=(9, 3.4), layout="constrained")
for k, (name, score) in enumerate(accuracy.items()):
    left.plot(windows, score, "o-", c=f"C{k}", label=name)
    for pause, style in ((0.5, "o-"), (0.0, "o:")):
        rate = itr(score, len(flicker), selection_time=windows + pause)
        right.plot(windows, rate, style, c=f"C{k}")
left.axhline(1 / 3, ls=":", c="gray")
left.text(4.0, 1 / 3 + 0.01, "chance", ha="right", c="gray")
left.set(xlabel="Window (s)", ylabel="Accuracy", ylim=(0, 1.05))
left.legend(frameon=False, fontsize="small", loc="lower right")
right.set(xlabel="Window (s)", ylabel="Bits a minute", ylim=(0, None))
right.plot([], [], "k-", label="0.5 s between choices")
right.plot([], [], "k:", label="none")
right.legend(frameon=False, fontsize="small")

# %%
# What the best of them takes for what, in trials of four seconds.
best = found.table["accuracy"].idxmax()
plotting.plot_confusion(trials["label"].values, found.predicted(best))
plt.show()
