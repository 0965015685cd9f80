"""A fair picture of energy: spiking networks beside dense ones of few bits, pruned, in one step.

    python benchmarks/energy.py simulated [seeds]
    NEUROKIT_DATA=/path/to/recordings python benchmarks/energy.py contdata95 [seeds]

Blocks of time: the first 75 % train, the last 25 % are scored. Weights and activations are rounded
after training, on ranges of the training data, and the rounded network is scored again: R2 of
"int8" is that of 8-bit weights, inputs, hidden units and states of recurrent cells; sums, biases
and potentials keep their precision. Energy of the arithmetic by type (45 nm) in nJ per step, for
what was really rounded; memory by Lemaire's model. "one step": SNN_3D whose window of 0.2 s is not
cut in seven parts.
"""

import os
import sys
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.io import loadmat
from sklearn.base import clone

from neurokit.datasets import make_reaching
from neurokit.decoders import RecurrentRegressor, SpikingRegressor, WindowMLPRegressor
from neurokit.decoders.networks.spiking_design import PRESETS
from neurokit.metrics.footprint import footprint
from neurokit.recording import behaviour, bin_spikes, counts
from neurokit.training import Trainer

PRESETS["snn3d, one step"] = PRESETS["snn3d"] | {"parts": 1}
SHOWN = 500  # steps on which operations are counted


def simulated(seed):
    session = make_reaching(200.0, random_state=seed)
    x = bin_spikes(session.spikes, 0.004)
    return x, session.behaviour.sel(feature=["vx", "vy"])[: x.sizes["time"]]


def contdata95(seed):
    folder = Path(os.environ["NEUROKIT_DATA"]) / "spikes_m1_reach_contdata95"
    file = loadmat(folder / "contdata95.mat")
    x = counts(file["Y"].T, bin_width=0.05)
    return x, behaviour(file["X"], sampling_rate=20, features=list("xyuv"))[:, 2:]


def networks(fine):
    windows = Trainer(15, batch_size=4 if fine else 16, learning_rate=5e-3, device="cpu")
    rows = clone(windows).set_params(batch_size=512)
    short = {} if fine else {"window": 0.5}
    yield "ANN2D", WindowMLPRegressor(trainer=rows, **short)
    yield "ANN3D", WindowMLPRegressor(n_parts=7, trainer=rows, **short)
    yield "GRU", RecurrentRegressor("gru", trainer=windows)
    yield "spiking, 64 units", SpikingRegressor(trainer=windows)
    yield "spiking, 40 % pruned", SpikingRegressor(prune=0.4, trainer=windows)
    yield "spiking, 80 % pruned", SpikingRegressor(prune=0.8, trainer=windows)
    yield "SNN2", SpikingRegressor(preset="snn2", trainer=windows)
    if fine:
        yield "SNN_3D, seven steps", SpikingRegressor(preset="snn3d", trainer=rows)
        yield "SNN_3D, one step", SpikingRegressor(preset="snn3d, one step", trainer=rows)


def evaluate(decoder, x, y, seed):
    """Rows of a network: as it is, in half precision, in 8 bits, and weights alone in 8 bits."""
    n = x.sizes["time"]
    train, test = slice(0, int(0.75 * n)), slice(int(0.75 * n), n)
    decoder.set_params(random_state=seed).fit(x[:, train], y[train])
    twins = {
        "float32": decoder,
        "float16": decoder.quantized("float16", x[:, train]),
        "int8": decoder.quantized("int8", x[:, train]),
        "int8 weights": decoder.quantized("int8"),
    }
    pj = {"float32": (4.6, 0.9), "float16": (1.5, 0.4), "int8": (0.23, 0.03)}
    for dtype, twin in twins.items():
        cost = footprint(twin, x[:, n - SHOWN :])
        # a multiplication is as wide as its wider factor; adding up a spike's weight, as that
        mac, _ = pj.get(dtype, pj["float32"])
        _, ac = pj[dtype.split()[0]]
        yield (
            dtype,
            {
                "R2": twin.score(x[:, test], y[test]),
                "kB": cost["bytes"] / 1000,
                "MACs": cost["macs"],
                "ACs": cost["acs"],
                "nJ": (cost["macs"] * mac + cost["acs"] * ac) / 1000,
                "nJ memory": cost["nj_memory"],
                "bit budget, M": cost["bit_budget"] / 1e6,
            },
        )


def main(which, seeds):
    fine = which == "simulated"
    found = {}
    for seed in seeds:
        x, y = (simulated if fine else contdata95)(seed)
        for name, decoder in networks(fine):
            for dtype, row in evaluate(decoder, x, y, seed):
                found.setdefault((name, dtype), []).append(row)
                print(f"  {seed} {name}, {dtype}: {row['R2']:.3f}", file=sys.stderr, flush=True)
    columns = list(row)
    print(f"{which}, {len(seeds)} seeds (± half their range)\n")
    print("| network | numbers | " + " | ".join(columns) + " |\n|---|---|" + "---|" * len(columns))
    for (name, dtype), rows in found.items():
        mean = pd.DataFrame(rows).mean()
        cells = [f"{mean['R2']:.3f} ± {np.ptp([r['R2'] for r in rows]) / 2:.3f}"]
        cells += [f"{mean[c]:,.3g}" if mean[c] < 100 else f"{mean[c]:,.0f}" for c in columns[1:]]
        print(f"| {name} | {dtype} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    which = sys.argv[1] if len(sys.argv) > 1 else "simulated"
    main(which, range(int(sys.argv[2]) if len(sys.argv) > 2 else 2))
