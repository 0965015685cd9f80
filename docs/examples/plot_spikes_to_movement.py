"""
From spikes to a moving hand
============================

Spikes of 60 units are counted, a Wiener filter predicts the hand's velocity, and a Bessel
filter smooths the prediction: once without waiting, once with 160 ms of hindsight. Each score
is given twice: in real time, and moved back by the delay, which a prosthesis cannot do.
"""

# %%
# Three minutes of reaching to random targets, in bins of 20 ms.
import matplotlib.pyplot as plt

import neurokit
from neurokit import datasets
from neurokit.decoders import BesselFilter, WienerRegressor
from neurokit.metrics import decoding_r2

spikes, hand, targets, truth = datasets.make_reaching(180, n_units=60, random_state=0)
counts = neurokit.bin_spikes(spikes, 0.02)
velocity = hand.sel(feature=["vx", "vy"]).isel(time=slice(0, None, 5))
counts, velocity = counts[:, : len(velocity)], velocity[: counts.sizes["time"]]

# %%
# Train on the first two thirds, test on the last: time is never shuffled.
split = 2 * len(velocity) // 3
train, test = slice(0, split), slice(split, None)
decoder = WienerRegressor(window=0.1).fit(counts[:, train], velocity[train])
raw = decoder.predict(counts[:, test])
print(f"raw: R2 = {decoding_r2(velocity[test], raw).realtime:.3f}")

# %%
# Smoothing in blocks of 16 bins. ``block_middle`` comes 160 ms late and looks better once moved
# back; in real time it pays for the delay.
smooth = {}
for mode, cutoff in (("block_last", 1.0), ("block_middle", 4.0)):
    filter_ = BesselFilter(cutoff, mode=mode, block=16).fit(raw)
    smooth[mode] = filter_.transform(raw)
    r2 = decoding_r2(velocity[test], smooth[mode], delay=filter_.latency_)
    print(f"{mode}: R2 = {r2.realtime:.3f} in real time, {r2.aligned:.3f} aligned")

# %%
# The same numbers come out live, however the chunks fall.
stream = decoder.stream()
live = stream.push(counts[:, test].values.T[:3])
print(abs(live - raw.values[:3]).max() < 1e-9)

# %%
fig, ax = plt.subplots(figsize=(8, 3), layout="constrained")
shown = slice(0, 500)
time = velocity["time"][test][shown]
ax.plot(time, velocity[test].sel(feature="vx")[shown], "k", label="hand")
ax.plot(time, raw.sel(feature="vx")[shown], c="C7", lw=0.8, label="Wiener filter")
ax.plot(time, smooth["block_last"].sel(feature="vx")[shown], c="C0", label="and Bessel filter")
ax.set(xlabel="time (s)", ylabel="horizontal velocity (mm/s)")
ax.legend(ncols=3, frameon=False)
plt.show()
