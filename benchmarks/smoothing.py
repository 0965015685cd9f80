"""What a filter behind the decoder is worth, and what its delay costs: simulated reaching.

    python benchmarks/smoothing.py

96 units, bins of 4 ms, random reaches. A Wiener decoder, then each filter; filters that learn are
fitted on predictions for training blocks that the decoder had not seen. The first three quarters
train, the last quarter tests. Mean and spread of R2 (velocity, both axes) over seeds.
"""

import numpy as np
from sklearn.model_selection import KFold, cross_val_predict
from sklearn.pipeline import make_pipeline

import neurokit
from neurokit.datasets.reaching import make_reaching, optimal_velocity
from neurokit.decoders import BesselFilter, FIRSmoother, LegendreHistory, WienerRegressor
from neurokit.metrics import decoding_r2

SEEDS = range(3)
DURATION = 200.0
DECODERS = {
    "Wiener, 8 bins (32 ms)": WienerRegressor(8),
    "Legendre history (6 of 200 ms), Wiener": make_pipeline(
        LegendreHistory(6, 0.2), WienerRegressor(1)
    ),
}
FILTERS = {
    "none": None,
    "Bessel, causal": BesselFilter(mode="causal"),
    "Bessel, block_last": BesselFilter(mode="block_last"),
    "FIR, 32 taps, no delay": FIRSmoother(32),
    "Bessel, block_middle": BesselFilter(mode="block_middle"),
    "FIR, 32 taps, 64 ms late": FIRSmoother(32, delay=16),
    "Bessel, offline": BesselFilter(mode="offline"),
}


def scores(decoder, seed):
    """Both scores behind every filter, and the ceiling in real time."""
    session = make_reaching(DURATION, random_state=seed)
    x = neurokit.bin_spikes(session.spikes, 0.004).T
    y = session.behaviour.sel(feature=["vx", "vy"]).isel(time=slice(x.sizes["time"]))
    half = 3 * x.sizes["time"] // 4
    train, test = slice(half), slice(half, None)
    held_out = cross_val_predict(decoder, x[train], y[train].values, cv=KFold(3))
    held_out = y[train].copy(data=held_out)
    raw = decoder.fit(x[train], y[train]).predict(x[test])
    found = {}
    for name, smoother in FILTERS.items():
        delay, guess = 0.0, raw
        if smoother is not None:
            guess = smoother.fit(held_out, y[train].values).transform(raw)
            delay = max(smoother.group_delay_, 0.0)
        found[name] = decoding_r2(y[test], guess, delay=delay), delay
    best = optimal_velocity(session, causal=True)
    at = best["time"].values >= float(y[test]["time"][0])
    truth = np.stack([np.interp(best["time"][at], y["time"], y[:, k]) for k in range(2)], axis=1)
    return found, decoding_r2(truth, best.values[at]).realtime


def main():
    for title, decoder in DECODERS.items():
        runs = [scores(decoder, seed) for seed in SEEDS]
        ceiling = np.mean([best for _, best in runs])
        print(f"\n{title}; best possible in real time {ceiling:.3f}\n")
        print("| filter | real-time R2 | aligned R2 | slow movements late by, ms |")
        print("|---|---|---|---|")
        for name in FILTERS:
            both = np.array([found[name][0] for found, _ in runs])
            mean, spread = both.mean(0), both.std(0)
            figures = " | ".join(f"{m:.3f} ± {s:.3f}" for m, s in zip(mean, spread, strict=True))
            print(f"| {name} | {figures} | {1000 * runs[0][0][name][1]:.0f} |", flush=True)


if __name__ == "__main__":
    main()
