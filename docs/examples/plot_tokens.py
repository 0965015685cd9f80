"""
From EDF to tokens, to a classifier, and back
=============================================

A pretrained codec writes each channel as a few integers per frame. They take about a
tenth of the samples' bits, they fit into a file of their own, a classifier reads them, and they
come back as microvolts.
"""

# %%
# A recording to start from: a minute of EEG in an EDF file.
import tempfile
from pathlib import Path

import numpy as np
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline

from neurokit import datasets, io, plotting
from neurokit.features import BandPower
from neurokit.metrics import nmse, rate_distortion
from neurokit.tokenizers import CodecTokenizer, LinearRVQTokenizer, ScalarTokenizer

folder = Path(tempfile.mkdtemp())
simulated, events, truth = datasets.make_eeg(60, n_channels=8, random_state=0)
io.write_edf(folder / "eeg.edf", simulated, events)
eeg = io.read_signal(folder / "eeg.edf").load()

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
print(f"{bits:.0f} bit per second and channel; int16 samples take {16 * 250}")

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
# A classifier of imagined movement, on 60 trials: on what was recorded, on what comes back from
# tokens, and on the tokens themselves, as the vectors that they stand for.
trials = datasets.make_motor_imagery(1, 60, shift=0, random_state=1).trials
trials = trials.sel(channel=["C3", "Cz", "C4"])
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
    print(f"{name}: {cross_val_score(pipeline, x, labels, cv=5).mean():.2f} right, chance .50")
