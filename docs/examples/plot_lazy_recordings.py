"""
Hours of recording, a window at a time
======================================

A file is opened without being read. Its clock is exact, so windows, strides and
alignments can be taken in any order, and only the last of them touches the disk.
"""

# %%
# A ten-minute EEG is simulated and written to an EDF file, the kind that a hospital would send.
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import neurokit
from neurokit import datasets, io

folder = Path(tempfile.mkdtemp())
eeg, events, truth = datasets.make_eeg(duration=600, sampling_rate=256, random_state=0)
io.write_edf(folder / "night.edf", eeg, events)

# %%
# Opening it costs a few milliseconds, whatever its length: the header is read, nothing else.
night = io.read_signal(folder / "night.edf")
print(night)

# %%
# Ten seconds of two channels, every fourth sample. The sampling rate follows.
window = night.sel(time=slice(300, 310)).isel(channel=[0, 1], time=slice(None, None, 4))
print(neurokit.sampling_rate(window), "Hz,", window.sizes["time"], "samples")
print(window.xindexes["time"])

# %%
# Whole-night statistics by blocks, with memory for one block only.
power = np.zeros(night.sizes["channel"])
block = 60 * 256
for start in range(0, night.sizes["time"], block):
    power += (night[:, start : start + block].values.astype(float) ** 2).sum(1)
rms = np.sqrt(power / night.sizes["time"])

fig, (left, right) = plt.subplots(1, 2, figsize=(9, 3), layout="constrained")
left.plot(window["time"], window.values.T)
left.set(xlabel="time (s)", ylabel="µV", title="ten seconds")
right.bar(night["channel"].values, rms)
right.set(ylabel="RMS (µV)", title="the whole recording")
right.tick_params(axis="x", rotation=90)
plt.show()
