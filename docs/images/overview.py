"""Draw the picture of the landing page: recordings in, decoded movement, tokens and a network out.

python docs/images/overview.py
"""

from pathlib import Path

import matplotlib as mpl

mpl.use("agg")
import matplotlib.pyplot as plt
import numpy as np

import neurokit
from neurokit import plotting
from neurokit.datasets import make_eeg, make_reaching
from neurokit.decoders import WienerRegressor
from neurokit.tokenizers import LinearRVQTokenizer

eeg = make_eeg(30, n_channels=8, random_state=0)
reach = make_reaching(90, n_units=40, random_state=0)
counts = neurokit.bin_spikes(reach.spikes, 0.05).transpose("time", "unit")
hand = reach.behaviour.sel(feature=["vx"]).sel(time=counts["time"].values, method="nearest")
hand = hand.transpose("time", "feature").values[: len(counts)]
half = len(counts) * 2 // 3
decoder = WienerRegressor(window=0.4).fit(counts[:half], hand[:half])
said = decoder.predict(counts[half:])
tokenizer = LinearRVQTokenizer(random_state=0).fit(eeg.signal)
tokens = tokenizer.transform(eeg.signal)
slow = counts.values[: len(counts) // 8 * 8].reshape(-1, 8, counts.sizes["unit"]).sum(axis=1)
links = np.corrcoef(slow.T)
order = np.argsort(np.linalg.eigh(links)[1][:, -1])
links = links[np.ix_(order, order)]

figure, axes = plt.subplots(1, 4, figsize=(13.5, 3.3), layout="constrained",
                            width_ratios=[1.3, 1.2, 1, 0.8])  # fmt: skip
plotting.plot_signal(eeg.signal.sel(time=slice(2, 6)), events=eeg.events, ax=axes[0])
axes[0].get_legend().remove()
plotting.plot_decoding(hand[half:], np.asarray(said), step=0.05, span=12, ax=axes[1])
levels = np.asarray(tokens.values)[:, :60, 2]
axes[1].get_legend().remove()
axes[1].set_ylabel("Velocity (mm/s)")
axes[2].imshow(levels, aspect="auto", cmap="viridis", interpolation="nearest")
axes[2].set(xlabel="Frame", ylabel="Channel", yticks=[])
axes[3].imshow(links - np.diag(np.diag(links)), cmap="RdBu_r", vmin=-0.4, vmax=0.4)
axes[3].set(xlabel="Unit", ylabel="Unit")
names = ("Recordings, labelled", "a decoder", "tokens", "a connectome")
for ax, name in zip(axes, names, strict=True):
    ax.set_title(name, loc="left", fontsize="large", fontweight="bold")
figure.savefig(Path(__file__).with_suffix(".png"), dpi=110)
