"""
An alarm when data drift
========================

A decoder is fitted once and used for hours. `DriftDetector` watches what it fails to predict, or
its inputs, and raises an alarm at a rate of false alarms that one states beforehand.
"""

# %%
# Three innovations; after 30 s one of them is off by one standard deviation.
import matplotlib.pyplot as plt
import numpy as np

import neurokit
from neurokit.decoders import DriftDetector

rng = np.random.default_rng(0)
usual = neurokit.behaviour(rng.normal(size=(6000, 3)), sampling_rate=50)
later = rng.normal(size=(3000, 3))
later[1500:, 1] += 1.0
later = neurokit.behaviour(later, sampling_rate=50)

# %%
# One false alarm in 2,000 samples, 40 s. The statistic is drawn in units of the threshold.
fig, axes = plt.subplots(2, 1, sharex=True, figsize=(8, 4), layout="constrained")
for ax, method in zip(axes, ("cusum", "ks"), strict=True):
    detector = DriftDetector(method, false_alarm_rate=1 / 2000, n_bootstrap=5, random_state=0)
    statistic = detector.fit(usual).decision_function(later)
    after = statistic["time"].values[(statistic.values >= 1) & (statistic["time"].values >= 30)]
    ax.plot(statistic["time"], statistic, linewidth=0.8)
    ax.axhline(1, color="0.5", linewidth=0.8)
    ax.axvline(30, color="C3", linewidth=0.8)
    ax.set_ylabel(method)
    print(f"{method}: first alarm {after[0] - 30:.2f} s after the change")
axes[1].set_xlabel("Time (s)")

# %%
# Live, in chunks of any length: the same alarms.
stream = detector.stream()
alarms = np.concatenate([stream.push(later.values[i : i + 10]) for i in range(0, 3000, 10)])
print(bool((alarms == detector.predict(later)).all()))
plt.show()
