"""
MEG: fields after a sound and after a picture
=============================================

An excerpt of MNE's sample recording (Neuromag: 102 magnetometers, 204 planar gradiometers, and 60
electrodes beside them) and averages of a few events of each kind.
"""

# %%
# Sensors of three kinds come in one array. What is measured in fT, fT/cm and microvolts stands on
# the channels, with their kinds and places.
import os
from pathlib import Path

import matplotlib.pyplot as plt
import mne
import numpy as np

from neurokit import io, plotting
from neurokit.recording import filter_band

folder = Path(os.environ["NEUROKIT_DATA"]) / "meg_sample_excerpts"
excerpt = io.read_signal(folder / "sample_audvis_trunc_raw_sss.fif").load()
print(excerpt.dims, excerpt.shape)
kinds, counts = np.unique(excerpt["type"], return_counts=True)
for kind, count in zip(kinds, counts, strict=True):
    units = np.unique(excerpt["units"].values[excerpt["type"].values == kind])
    print(f"{count:4d} {kind} in {units[0] or 'no unit'}")

# %%
# A second of the gradiometers, and where all sensors are.
grad = excerpt.isel(channel=np.flatnonzero(excerpt["type"] == "grad"))
fig, (left, right) = plt.subplots(
    1, 2, figsize=(11, 4.5), width_ratios=(1.4, 1), layout="constrained"
)
plotting.plot_signal(grad.drop_vars("units").assign_attrs(units="fT/cm"), n_channels=16, ax=left)
plotting.plot_sensors(excerpt, ax=right)

# %%
# Averages of MNE become trials with a label; what each sensor held before the event is taken off.
# With three to six events in each they are noisy: look at the largest deflection only.
averages = io.from_mne(mne.read_evokeds(folder / "test-ave.fif.gz", verbose="error"))
averages = filter_band(averages, high=30)
averages = averages - averages.sel(time=slice(None, 0)).mean("time")
print(averages.dims, averages.shape, averages["label"].values.tolist())

# %%
# Magnetometers, gradiometers (root mean square of the two of a place) and electrodes are drawn
# apart: their units differ, and so does what they see. 100 ms after a sound on the left.
fig, axes = plt.subplots(2, 3, figsize=(10, 6), layout="constrained")
for row, (name, at) in zip(axes, (("Left Auditory", 0.1), ("Right visual", 0.12)), strict=True):
    shown = averages[averages["label"] == name][0]
    shown = shown.sel(time=slice(at - 0.01, at + 0.01)).mean("time", keep_attrs=True)
    for ax, kind in zip(row, ("mag", "grad", "eeg"), strict=True):
        plotting.plot_topomap(shown, kind=kind, ax=ax)
        ax.set_title(f"{name}, {1000 * at:.0f} ms: {kind}", fontsize="medium")

# %%
# Which sensors follow: the strength of the field over time, over all sensors of a kind, against
# its size before the event.
fig, axes = plt.subplots(1, 3, figsize=(11, 3), layout="constrained", sharex=True)
for ax, kind in zip(axes, ("mag", "grad", "eeg"), strict=True):
    part = averages.isel(channel=np.flatnonzero(averages["type"] == kind))
    power = np.sqrt((part**2).mean("channel"))
    power = power / power.sel(time=slice(None, 0)).mean("time")
    for one in power:
        ax.plot(one["time"], one, label=str(one["label"].values))
    ax.axvline(0, color="0.6", linewidth=0.6)
    ax.set(xlabel="Time (s)", ylabel="Times the strength before", title=kind)
axes[0].legend(frameon=False, fontsize="small")
plt.show()
