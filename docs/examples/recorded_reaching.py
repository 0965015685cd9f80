"""
From spikes to a moving hand
============================

Ninety-five channels of a monkey's motor cortex while it moved a cursor to targets, as counts of
50 ms (teaching data of BME 517, Michigan). A Wiener filter predicts the velocity, and another
filter smooths the prediction: without waiting, or with hindsight. Each score is given twice: in
real time, and moved back by the delay, which a prosthesis cannot do.
"""

# %%
# The MAT file holds two matrices, of which one says what they are.
import os
from pathlib import Path

import matplotlib.pyplot as plt
from scipy.io import loadmat

import neurokit
from neurokit.decoders import FIRSmoother, SmoothedRegressor, WienerRegressor
from neurokit.metrics import decoding_r2

path = Path(os.environ["NEUROKIT_DATA"]) / "spikes_m1_reach_contdata95" / "contdata95.mat"
held = loadmat(path)
counts = neurokit.counts(held["Y"].T, bin_width=0.05)
hand = neurokit.behaviour(held["X"], sampling_rate=20, features=["x", "y", "vx", "vy"])
velocity = hand.sel(feature=["vx", "vy"])
print(counts.sizes, velocity.sizes)

# %%
# Train on the first two thirds, test on the last: time is never shuffled.
split = 2 * len(velocity) // 3
train, test = slice(0, split), slice(split, None)
decoder = WienerRegressor(window=0.5).fit(counts[:, train], velocity[train])
raw = decoder.predict(counts[:, test])
print(f"raw: R2 = {decoding_r2(velocity[test], raw).realtime:.3f}")

# %%
# A filter of 16 taps behind it, fitted to what the decoder said on time that it had not been
# trained on; and the same with 100 ms of hindsight. This hand is fast for bins of 50 ms: smoothing
# gains nothing in real time, and what hindsight gains is lost again by being late.
smooth = {}
for name, delay in (("at once", 0), ("100 ms late", 2)):
    way = SmoothedRegressor(WienerRegressor(window=0.5), FIRSmoother(16, delay=delay))
    smooth[name] = way.fit(counts[:, train], velocity[train]).predict(counts[:, test])
    r2 = decoding_r2(velocity[test], smooth[name], delay=0.05 * delay)
    print(f"{name}: R2 = {r2.realtime:.3f} in real time, {r2.aligned:.3f} aligned")

# %%
# The same numbers come out live, however the chunks fall.
stream = decoder.stream()
live = stream.push(counts[:, test].values.T[:30].astype(float))
print(abs(live - raw.values[:30]).max() < 1e-6)

# %%
# Twenty seconds of the test. Between movements the hand is still.
fig, ax = plt.subplots(figsize=(8, 3), layout="constrained")
shown = slice(0, 400)
time = velocity["time"][test][shown]
ax.plot(time, velocity[test].sel(feature="vx")[shown], "k", label="hand")
ax.plot(time, raw.sel(feature="vx")[shown], c="C7", lw=0.8, label="Wiener filter")
ax.plot(time, smooth["at once"].sel(feature="vx")[shown], c="C0", label="and fitted filter")
ax.set(xlabel="Time (s)", ylabel="Horizontal velocity, in the file's unit")
ax.legend(ncols=3, frameon=False)
plt.show()
