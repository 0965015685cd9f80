"""
Decoding live
=============

The same decoder as in a recording, bin by bin as the spikes come in: ``stream()`` keeps what is
to be kept from one bin to the next, and ``push()`` answers at once. The animation shows what its
user would see.
"""

# %%
# Two minutes of reaching to learn from. A Wiener filter over the last 200 ms of 60 units, and
# behind it a filter of 16 taps, fitted to predictions that the decoder made for time it had not
# been trained on.
import time

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.animation import FuncAnimation

import neurokit
from neurokit import datasets
from neurokit.decoders import FIRSmoother, SmoothedRegressor, WienerRegressor

BIN = 0.02
spikes, hand, targets, truth = datasets.make_reaching(
    150, n_units=60, depth=0.8, rate=10.0, random_state=1
)
counts = neurokit.bin_spikes(spikes, BIN)
hand = hand.isel(time=slice(0, None, 5))[: counts.sizes["time"]]
velocity = hand.sel(feature=["vx", "vy"])
learned, live = slice(0, 6000), slice(6000, 7000)  # 120 s, then 20 s
decoder = SmoothedRegressor(WienerRegressor(window=0.2), FIRSmoother(16))
decoder.fit(counts[:, learned], velocity[learned])

# %%
# Now bin by bin. What took long is printed too: an answer has to be there before the next bin.
stream = decoder.stream()
arriving = counts[:, live].values.T.astype(float)
decoded, took = [], []
for row in arriving:
    begun = time.perf_counter()
    decoded.append(stream.push(row[None])[0])
    took.append(1e6 * (time.perf_counter() - begun))
decoded = np.array(decoded)
print(f"per bin of {1000 * BIN:.0f} ms: median {np.median(took):.0f} us,", end=" ")
print(f"99th percentile {np.percentile(took, 99):.0f} us")

# %%
# These are the numbers that the whole recording gives, and chunks of any other length.
whole = decoder.predict(counts[:, live]).values
print(f"largest difference to the whole recording: {abs(decoded - whole).max():.1e} mm/s")
again = decoder.stream()
chunks = [again.push(chunk) for chunk in np.split(arriving, [3, 3, 500, 731])]
print(
    f"... and to chunks of other lengths: {abs(decoded - np.concatenate(chunks)).max():.1e} mm/s"
)
print(f"R2 of velocity, in real time: {decoder.score(counts[:, live], velocity[live]):.2f}")

# %%
# The decoded hand sets out from where the hand was when a target appeared, and moves with the
# decoded velocity: black where it was, blue where the decoder has taken it.
reach = np.r_[True, (np.diff(hand[live].sel(feature="target_x").values) != 0)].cumsum()
where = hand[live].sel(feature=["x", "y"]).values
taken = np.empty_like(where)
for k in np.unique(reach):
    mine = reach == k
    steps = np.vstack([np.zeros(2), decoded[mine][1:]])
    taken[mine] = where[mine][0] + BIN * steps.cumsum(axis=0)

goal = hand[live].sel(feature=["target_x", "target_y"]).values
true_velocity, clock = velocity[live].values, velocity["time"].values[live]
fig, (left, right) = plt.subplots(1, 2, figsize=(7, 3), width_ratios=[1, 1.5], dpi=65)
fig.subplots_adjust(left=0.01, right=0.99, top=0.97, bottom=0.18, wspace=0.22)
edge = 1.1 * abs(np.r_[where, goal]).max()
left.set(xlim=(-edge, edge), ylim=(-edge, edge), xticks=[], yticks=[], aspect="equal")
(target,) = left.plot([], [], "s", ms=12, mfc="none", mec="C2")
(path,) = left.plot([], [], "k", lw=1)
(path_decoded,) = left.plot([], [], "C0", lw=1)
(dot,) = left.plot([], [], "ko", label="hand")
(dot_decoded,) = left.plot([], [], "C0o", label="decoded")
left.legend(loc="upper right", frameon=False, fontsize=8)
(line,) = right.plot([], [], "k", lw=1)
(line_decoded,) = right.plot([], [], "C0", lw=1)
right.set(ylim=1.1 * np.array([-1, 1]) * abs(true_velocity[:, 0]).max())
right.set(xlabel="time (s)", ylabel="horizontal velocity (mm/s)")


def draw(now):
    """Show what is known at one bin."""
    since = np.flatnonzero(reach[: now + 1] == reach[now])
    target.set_data(*goal[now][:, None])
    path.set_data(*where[since].T)
    path_decoded.set_data(*taken[since].T)
    dot.set_data(*where[now][:, None])
    dot_decoded.set_data(*taken[now][:, None])
    shown = slice(max(now - 150, 0), now + 1)
    line.set_data(clock[shown], true_velocity[shown, 0])
    line_decoded.set_data(clock[shown], decoded[shown, 0])
    right.set_xlim(clock[now] - 3, clock[now])


# every eighth bin of six seconds: 38 pictures, at the pace of the recording
animation = FuncAnimation(fig, draw, frames=range(200, 500, 8), interval=160)
plt.show()
