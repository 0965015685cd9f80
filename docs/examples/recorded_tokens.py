"""
From EDF to tokens, to a classifier, and back
=============================================

A pretrained codec writes each channel as a few integers per frame. They take about a
tenth of the samples' bits, they fit into a file of their own, a classifier reads them, and they
come back as microvolts.
"""

# %%
# A recording to start from: a minute and eight of 64 channels of EEG in an EDF file (PhysioNet's
# EEGMMIDB, a person whom the weights have not seen).
import os
import tempfile
import warnings
from pathlib import Path

import numpy as np
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.model_selection import LeaveOneGroupOut, cross_val_score
from sklearn.pipeline import make_pipeline

import neurokit
from neurokit import io, plotting
from neurokit.features import BandPower
from neurokit.metrics import nmse, rate_distortion
from neurokit.recording import clean_channel_names, join, notch
from neurokit.tokenizers import CodecTokenizer, LinearRVQTokenizer, ScalarTokenizer

folder = Path(tempfile.mkdtemp())
recordings = Path(os.environ["NEUROKIT_DATA"])
eeg = clean_channel_names(
    io.read_signal(recordings / "mi_eegmmidb" / "S002R03.edf", stop=60).load()
)
eeg = eeg.sel(channel=["Fz", "C3", "Cz", "C4", "P3", "Pz", "P4", "Oz"])

# %%
# No training here: weights come with the package and work at any rate and montage.
codec = CodecTokenizer.from_pretrained("eeg-small")
tokens = codec.transform(eeg)
print(tokens.dims, tokens.shape)
print(tokens.isel(channel=0, frame=slice(100, 105)).to_pandas())

# %%
# A file holds them, range coded and checksummed. What they cost is its size, everything counted.
path = io.write_tokens(folder / "eeg.ntok", tokens)
bits = path.stat().st_size * 8 / 60 / eeg.sizes["channel"]
print(f"{bits:.0f} bit per second and channel; int16 samples take {16 * 160}")

# %%
# And back, in microvolts, at the recording's own rate and length. The error is drawn on the scale
# of the signal.
back = codec.inverse_transform(io.read_tokens(path))
print("error over variance, median of channels:", float(np.median(nmse(eeg, back))))
stretch = {"time": slice(30, 34)}
ax = plotting.plot_reconstruction(eeg.sel(stretch), back.sel(stretch), n_channels=3)

# %%
# A single figure hides which rhythms were lost, so look at each band. The other two were made for
# this recording: a linear codec fitted on its first half, and samples on an even grid.
first, last = eeg.sel(time=slice(0, 30)), eeg.sel(time=slice(30, 60))
linear = LinearRVQTokenizer(random_state=0).fit(first)
grid = ScalarTokenizer("uniform", codebook_size=97).fit(first)
several = {"CodecTokenizer, pretrained": codec, "LinearRVQTokenizer": linear, "even grid": grid}
decoded = {name: each.inverse_transform(each.transform(last)) for name, each in several.items()}
ax = plotting.plot_band_fidelity(last, decoded)

# %%
# Fewer levels cost less and keep less. Each point is a file that was written; the numbers are
# levels. On real recordings, and with other codecs beside them, the page *What does a token cost*
# has these curves.
curves = {
    name: rate_distortion(
        each, last, n_bytes=lambda part: io.write_tokens(folder / "a.ntok", part).stat().st_size
    )
    for name, each in several.items()
}
ax = plotting.plot_rate_distortion(curves)

# %%
# Levels of which few codes do nearly all the work would waste their bits; the file's entropy coder
# gets them back.
print(f"{codec.rate_report_['total']:.0f} bit per second and channel before entropy coding")
codes = tokens.isel(level=slice(2, None))
ax = plotting.plot_codebook_use(codes, codec.module_.quantizer.codebook_sizes)

# %%
# A classifier of imagined movement (160 trials of a person of Peterson et al. 2020, whom the
# weights have not seen): on what was recorded, on what comes back from tokens, and on the tokens
# themselves, as the vectors that they stand for. A run is left out in turn.
names = {"OVTK_GDF_Right": "imagined", "OVTK_GDF_Tongue": "rest"}
runs = []
files = sorted((recordings / "mi_peterson2020").glob("subj04_run00[2345].edf"))
for run, path in enumerate(files):
    with warnings.catch_warnings():  # the file names no unit, and that is said
        warnings.simplefilter("ignore")
        x, events = io.read_signal(path), io.read_events(path)
    events = events[events["label"].isin(list(names))].replace({"label": names})
    cut = neurokit.epoch(notch(x, 50).load(), events, tmin=0.5, tmax=3.5)
    runs.append(cut.assign_coords(run=("trial", [run] * len(cut))))
trials = join(runs, dim="trial")
runs = trials["run"].values
again = codec.inverse_transform(codec.transform(trials))
vectors = codec.embed(trials, quantized=True)
spread = np.log(vectors.var("frame") + 0.01).values.reshape(trials.sizes["trial"], -1)
lda = LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto")
bands = make_pipeline(BandPower({"mu": (9, 13), "beta": (18, 26)}), lda)
labels = trials["label"].values
for name, pipeline, x in (
    ("recorded", bands, trials),
    ("back from tokens", bands, again),
    ("tokens", lda, spread),
):
    right = cross_val_score(pipeline, x, labels, groups=runs, cv=LeaveOneGroupOut()).mean()
    print(f"{name}: {right:.2f} right, chance .50")
