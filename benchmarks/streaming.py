"""Latency of one live step: every causal decoder, 96 to 1024 channels.

    python benchmarks/streaming.py

Each decoder is fitted for a moment (the weights do not change the cost, the spikes do a little),
then fed bin by bin. Columns: median, 99th and 99.9th percentile of the time of one ``push`` in
microseconds, the rest of the machine as it is. The last line of each size is the block Bessel
filter alone. Bins are 4 ms: 4000 us.
"""

import gc
import sys
import time

import numpy as np

from neurokit.decoders import (
    BesselFilter,
    KalmanRegressor,
    RecurrentRegressor,
    SmoothedRegressor,
    SpikingRegressor,
    WienerRegressor,
    WindowMLPRegressor,
)
from neurokit.recording import behaviour, counts
from neurokit.training import Trainer

QUICK = Trainer(1, batch_size=8, device="cpu")


def decoders():
    options = {"trainer": QUICK, "random_state": 0}
    yield "Wiener, 50 bins", WienerRegressor(50, alpha=1.0)
    yield "Kalman", KalmanRegressor()
    for preset in ("snn2", "snn3d", "streaming", "tiny", "big"):
        yield f"spiking, {preset}", SpikingRegressor(preset=preset, **options)
    tiny = SpikingRegressor(preset="tiny", **options)
    bessel = BesselFilter(6.25, mode="block_last")
    yield "spiking, tiny + Bessel", SmoothedRegressor(tiny, bessel, n_blocks=2)
    for cell in ("gru", "lstm", "elm"):
        yield f"{cell}, 32", RecurrentRegressor(cell, **options)
    for n_parts in (1, 7):
        yield f"windowed, {n_parts} parts", WindowMLPRegressor(n_parts=n_parts, **options)


def measure(stream, rows, out=None):
    """Microseconds of every push of one row, after a warm-up."""
    took = np.empty(len(rows))
    options = {} if out is None else {"out": out}
    for row in rows[:200]:
        stream.push(row[None], **options)
    gc.disable()
    for t in range(len(rows)):
        start = time.perf_counter_ns()
        stream.push(rows[t : t + 1], **options)
        took[t] = (time.perf_counter_ns() - start) / 1000
    gc.enable()
    return took


def main(sizes):
    rng = np.random.default_rng(0)
    print("| channels | decoder | median us | p99 us | p99.9 us |")
    print("|---|---|---|---|---|")
    for n_units in sizes:
        n_times = 5000 if n_units < 1000 else 2500
        x = counts(rng.poisson(0.05, (n_units, n_times)), bin_width=0.004)
        y = behaviour(rng.normal(size=(n_times, 2)), sampling_rate=250)
        few = {"time": slice(0, 1500)}
        rows = np.ascontiguousarray(x.values.T, dtype=float)
        for name, decoder in decoders():
            if n_units > 96 and name.startswith("Wiener"):
                decoder.set_params(n_lags=10)  # 51200 weights take longer to solve for than to use
                name = "Wiener, 10 bins"
            decoder.fit(x.isel(few), y.isel(few))
            out = np.empty((1, 2)) if hasattr(decoder, "quantized") else None
            took = measure(decoder.stream(), rows, out)
            middle, p99, p999 = np.percentile(took, [50, 99, 99.9])
            print(f"| {n_units} | {name} | {middle:.1f} | {p99:.1f} | {p999:.1f} |", flush=True)
        bessel = BesselFilter(6.25, mode="block_last").fit(y)
        took = measure(bessel.stream(), y.values)
        middle, p99, p999 = np.percentile(took, [50, 99, 99.9])
        print(f"| {n_units} | Bessel block alone | {middle:.1f} | {p99:.1f} | {p999:.1f} |")


if __name__ == "__main__":
    main([int(n) for n in sys.argv[1:]] or [96, 192, 1024])
