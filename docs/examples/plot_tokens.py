"""
From EDF to tokens, to a classifier, and back
=============================================

A pretrained codec writes each channel as a few integers per frame. They are an eighth or
less of the samples' bits, they fit into a file of their own, a classifier reads them, and
they come back as microvolts.
"""

# %%
# A recording to start from: a minute of EEG in an EDF file.
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline

from neurokit import datasets, io
from neurokit.decoders import BandPower
from neurokit.metrics import band_fidelity, nmse, rate_distortion
from neurokit.tokenizers import CodecTokenizer, LinearRVQTokenizer

folder = Path(tempfile.mkdtemp())
simulated, events, truth = datasets.make_eeg(60, n_channels=8, random_state=0)
io.write_edf(folder / "eeg.edf", simulated, events)
eeg = io.read_signal(folder / "eeg.edf")

# %%
# No training here: weights come with the package and work at any rate and montage.
codec = CodecTokenizer.from_pretrained("eeg-small")
tokens = codec.transform(eeg)
print(tokens.dims, tokens.shape)

# %%
# A file holds them, range coded and checksummed. What it costs is its size, everything counted.
path = io.write_tokens(folder / "eeg.ntok", tokens)
bits = path.stat().st_size * 8 / 60 / eeg.sizes["channel"]
print(f"{bits:.0f} bit per second and channel; int16 samples take {16 * 250}")

# %%
# And back, in microvolts, at the recording's own rate and length.
back = codec.inverse_transform(io.read_tokens(path))
print("error over variance, median of channels:", float(np.median(nmse(eeg, back))))
print(band_fidelity(eeg, back).pearson.median("channel").to_series().round(3))

# %%
# Fewer levels cost less and keep less. A linear codec, fitted on the first half minute of this
# very recording, stands beside it: a learned one has to beat it, and here, on simulated rhythms
# that it was never trained on, it does not. The results page has real recordings.
linear = LinearRVQTokenizer(random_state=0).fit(eeg.sel(time=slice(0, 30)))
test = eeg.sel(time=slice(30, 60)).load()
curves = {
    "CodecTokenizer, pretrained": rate_distortion(codec, test),
    "LinearRVQTokenizer": rate_distortion(linear, test),
}

# %%
# A classifier on what came back, beside one on what was recorded: 60 trials of imagined movement.
trials = datasets.make_motor_imagery(1, 60, shift=0, random_state=1).trials
trials = trials.sel(channel=["C3", "Cz", "C4"])
again = codec.inverse_transform(codec.transform(trials))
pipeline = make_pipeline(
    BandPower({"mu": (9, 13), "beta": (18, 26)}), LinearDiscriminantAnalysis()
)
for name, x in {"recorded": trials, "through tokens": again}.items():
    print(f"{name}: {cross_val_score(pipeline, x, trials['label'].values, cv=5).mean():.2f}")

# %%
fig, (left, right) = plt.subplots(1, 2, figsize=(10, 3.5), layout="constrained")
shown = {"channel": 0, "time": slice(30 * 250, 32 * 250)}
left.plot(eeg["time"][shown["time"]], eeg.isel(shown), "k", label="recorded")
left.plot(eeg["time"][shown["time"]], back.isel(shown), c="C1", label="through tokens")
left.set(xlabel="time (s)", ylabel="µV")
left.legend(frameon=False)
for name, curve in curves.items():
    right.plot(curve["bits"], curve["nmse"], "o-", label=name)
right.set(xlabel="bit per second and channel", ylabel="error over variance", yscale="log")
right.legend(frameon=False)
plt.show()
