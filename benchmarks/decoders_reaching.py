"""All decoders along time side by side: accuracy raw and filtered, operations, energy, latency.

    python benchmarks/decoders_reaching.py simulated
    NEUROKIT_DATA=/path/to/recordings python benchmarks/decoders_reaching.py contdata95

Blocks of time: the first 60 % train the decoder, the next 15 % fit the filter on its predictions,
the last 25 % are scored. "simulated": 96 units in bins of 4 ms (`make_reaching`), where the best
possible R2 is known; seeds change recording and network. "contdata95": monkey, 95 channels in bins
of 50 ms; seeds change the network. Scores are means over seeds, of the mean R2 over outputs; "rt"
is in real time, "al" aligned, the delay of the filter forgiven.
"""

import os
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.io import loadmat
from sklearn.base import clone
from sklearn.pipeline import make_pipeline

from neurokit.datasets.reaching import make_reaching, optimal_velocity
from neurokit.decoders import (
    BesselFilter,
    FIRSmoother,
    KalmanRegressor,
    LegendreHistory,
    RecurrentRegressor,
    SpikingRegressor,
    WienerCascadeRegressor,
    WienerRegressor,
    WindowMLPRegressor,
)
from neurokit.metrics.footprint import footprint
from neurokit.metrics.regression import decoding_r2
from neurokit.recording import behaviour, bin_spikes, counts
from neurokit.training import Trainer

N_EPOCHS = 20


def simulated(seed, duration=200.0):
    session = make_reaching(duration, random_state=seed)
    x = bin_spikes(session.spikes, 0.004)
    y = session.behaviour.sel(feature=["vx", "vy"]).isel(time=slice(0, x.sizes["time"]))
    last = y["time"].values[int(0.75 * y.sizes["time"])]
    for causal in (True, False):
        best = optimal_velocity(session, causal=causal)
        best = best.sel(time=slice(last, None))
        truth = y.interp(time=best["time"].values).values
        score = decoding_r2(truth, best.values).realtime
        print(f"seed {seed}: best possible, {'real time' if causal else 'offline'}: {score:.3f}")
    return x, y


def contdata95(seed):
    folder = Path(os.environ["NEUROKIT_DATA"]) / "spikes_m1_reach_contdata95"
    file = loadmat(folder / "contdata95.mat")
    x = counts(file["Y"].T, bin_width=0.05)
    y = behaviour(file["X"], sampling_rate=20, features=["x", "y", "vx", "vy"])
    return x, y.isel(feature=[2, 3])


def decoders(fine):
    trainer = Trainer(N_EPOCHS, batch_size=8 if fine else 16, learning_rate=5e-3, device="cpu")
    rows = clone(trainer).set_params(batch_size=512)
    if fine:
        yield (
            "Legendre 0.2 s, Wiener",
            make_pipeline(LegendreHistory(6, window=0.2), WienerRegressor(1)),
        )
    else:
        yield "Wiener, 10 bins", WienerRegressor(10)
        yield "Wiener cascade, 10 bins", WienerCascadeRegressor(10)
    yield "Kalman", KalmanRegressor()
    if fine:
        yield "ANN2D", WindowMLPRegressor(trainer=rows)
        yield "ANN3D", WindowMLPRegressor(n_parts=7, trainer=rows)
        yield "SNN2", SpikingRegressor(preset="snn2", trainer=trainer)
        yield "SNN_3D", SpikingRegressor(preset="snn3d", trainer=rows)
        yield "SNN_Streaming", SpikingRegressor(preset="streaming", trainer=trainer)
        yield "tiny RSNN", SpikingRegressor(preset="tiny", trainer=trainer)
        yield "tiny RSNN, 40 % pruned", SpikingRegressor(preset="tiny", prune=0.4, trainer=trainer)
    else:
        yield "MLP, 0.5 s", WindowMLPRegressor(window=0.5, trainer=rows)
        yield "MLP, 0.5 s in 10", WindowMLPRegressor(window=0.5, n_parts=10, trainer=rows)
    yield "spiking, default", SpikingRegressor(trainer=trainer)
    soft = {"surrogate_scale": 2.0, "trainer": trainer}
    yield "spiking, scale 2", SpikingRegressor(**soft)
    yield "spiking, scale 2, 40 % pruned", SpikingRegressor(prune=0.4, **soft)
    for cell in ("gru", "lstm", "elm"):
        yield cell, RecurrentRegressor(cell, trainer=trainer)


def filters(fine):
    cutoff, block = (6.25, 32) if fine else (3.0, 8)
    for mode in ("causal", "block_last", "block_middle", "offline"):
        yield f"Bessel {mode}", BesselFilter(cutoff, mode=mode, block=block)
    taps = 32 if fine else 8
    yield "FIR", FIRSmoother(taps)
    yield "FIR late", FIRSmoother(taps, delay=taps // 2)


def both(truth, guess, delay):
    if not np.isfinite(delay):
        delay = 0.0
    return decoding_r2(truth, guess, delay=delay)


def live(decoder, rows):
    """Median microseconds of one step."""
    stream = decoder.stream()
    took = np.empty(len(rows))
    for t in range(len(rows)):
        start = time.perf_counter_ns()
        stream.push(rows[t : t + 1])
        took[t] = (time.perf_counter_ns() - start) / 1000
    return np.median(took)


def evaluate(name, decoder, x, y, fine, seed):
    n = x.sizes["time"]
    train, fit, test = slice(0, int(0.6 * n)), slice(int(0.6 * n), int(0.75 * n)), None
    test = slice(int(0.75 * n), n)
    if "random_state" in decoder.get_params():
        decoder.set_params(random_state=seed)
    start = time.perf_counter()
    decoder.fit(x.isel(time=train), y.isel(time=train))
    scores = {"fit s": time.perf_counter() - start}
    held, guess = decoder.predict(x.isel(time=fit)), decoder.predict(x.isel(time=test))
    truth = y.isel(time=test)
    scores["raw"] = both(truth, guess, 0.0).realtime
    for label, smoother in filters(fine):
        smoother.fit(held, y.isel(time=fit).values)
        result = both(truth, smoother.transform(guess), smoother.group_delay_)
        scores[f"{label} rt"] = result.realtime
        if smoother.group_delay_:
            scores[f"{label} al"] = result.aligned
    few = x.isel(time=slice(n - 1000, n))
    if hasattr(decoder, "stream"):
        scores["us"] = live(decoder, few.values.T.astype(float))
        cost = footprint(decoder, few)
        wanted = ["parameters", "bytes", "dense", "macs", "acs"]
        wanted += ["nj_float32", "nj_int8", "nj_memory"]
        scores |= cost[wanted].to_dict()
    yield name, scores
    if (hasattr(decoder, "quantized") and "scale 2" in name) or name == "tiny RSNN":
        for dtype in ("float16", "int8"):
            twin = decoder.quantized(dtype)
            score = both(truth, twin.predict(x.isel(time=test)), 0.0).realtime
            n_bytes = footprint(twin, few.isel(time=slice(0, 50)))["bytes"]
            yield f"{name}, {dtype}", {"raw": score, "bytes": n_bytes}


def main(which, seeds):
    fine = which == "simulated"
    found = {}
    for seed in seeds:
        x, y = (simulated if fine else contdata95)(seed)
        for name, decoder in decoders(fine):
            for label, scores in evaluate(name, decoder, x, y, fine, seed):
                found.setdefault(label, []).append(scores)
                print(f"  {seed} {label}: {scores['raw']:.3f}", file=sys.stderr, flush=True)
    mean = pd.DataFrame({name: pd.DataFrame(rows).mean() for name, rows in found.items()}).T
    spread = [np.ptp([row["raw"] for row in rows]) / 2 for rows in found.values()]
    mean.insert(2, "raw +-", spread)
    accuracy = [c for c in mean if c == "raw +-" or c.startswith(("raw", "Bessel", "FIR"))]
    for columns in (accuracy, [c for c in mean if c not in accuracy]):
        print("\n| decoder | " + " | ".join(columns) + " |\n|" + "---|" * (len(columns) + 1))
        digits = 3 if columns is accuracy else 2
        for name, row in mean[columns].iterrows():
            cells = ["" if np.isnan(v) else f"{v:,.{digits}f}" for v in row]
            print(f"| {name} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    which = sys.argv[1] if len(sys.argv) > 1 else "simulated"
    main(which, range(int(sys.argv[2]) if len(sys.argv) > 2 else 2))
