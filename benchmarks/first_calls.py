"""How long a user waits for the first call of each estimator, whose loops may not be compiled.

Each estimator of the contract's examples is fitted and asked in a process of its own, with an
empty cache, and again with what the first left; so are functions that compile something. The time
of the same call repeated is taken off, so that compilation is left, or loading what was compiled,
and what is imported on the way (torch takes one to three seconds). `--compiled` names only what
compiles anything.

Run: OMP_NUM_THREADS=1 python benchmarks/first_calls.py [NAME ...]
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
COMPILED = [
    "BayesianBiclustering",
    "BesselFilter",
    "CodecTokenizer",
    "DriftDetector",
    "DwellTimes",
    "EarlyExitClassifier",
    "FIRSmoother",
    "KalmanRegressor",
    "LempelZiv",
    "LinearRVQTokenizer",
    "LiquidState",
    "MultiScaleTokenizer",
    "RecurrentRegressor",
    "RegionTokenizer",
    "SmoothedRegressor",
    "SpikingClassifier",
    "SpikingRegressor",
    "SwitchingGLM",
    "WeightedSBM",
]


def _functions():
    """Return calls of functions by name, on small inputs."""
    import numpy as np
    import pandas as pd
    import xarray as xr

    import neurokit
    from neurokit import datasets, io
    from neurokit.io.packed.lossless import compress, decompress

    folder = Path(tempfile.mkdtemp())
    spikes = neurokit.spikes([np.sort(np.random.default_rng(0).uniform(0, 9, 50))], stop=9.0)
    events = pd.DataFrame({"onset": [0.5, 1.0, 4.0], "duration": 0.0, "label": "go"})

    def recording():
        return datasets.make_eeg(4.0, random_state=0).signal

    def edf():
        io.read_signal(io.write_edf(folder / "a.edf", recording())).isel(time=slice(256)).load()

    def lossless():
        path = io.write_edf(folder / "b.edf", recording())
        decompress(compress(path, folder / "b.ntok"), folder / "c.edf")

    def tokens(n_frames, shape):
        codes = np.random.default_rng(0).integers(0, 256, (1, n_frames, *shape))
        labelled = xr.DataArray(codes, dims=("channel", "frame", "level"))
        io.read_tokens(io.write_tokens(folder / "d.ntok", labelled)).load()

    def layer(module):
        import torch

        from neurokit import nn

        made = getattr(nn, module)(40, learn_decay=True)
        made(torch.ones(5, 2, 40))[0].square().sum().backward()

    return {
        "bin_spikes": lambda: neurokit.bin_spikes(spikes, 0.02),
        "epoch": lambda: neurokit.epoch(spikes, events, tmin=0.0, tmax=0.5, bin_width=0.02),
        "write_edf, read_signal": edf,
        "compress, decompress": lossless,
        "write_tokens, read_tokens": lambda: tokens(4200, (1,)),
        "nn.LIF and back": lambda: layer("LIF"),
        "nn.RecurrentLIF and back": lambda: layer("RecurrentLIF"),
    }


def time_calls(name):
    """Fit and ask one estimator twice, and print the processor seconds of both."""
    warnings.simplefilter("ignore")
    functions = _functions()
    call = functions[name] if name in functions else _call_of(name)
    seconds = []
    for _ in range(2):
        start = time.process_time()
        call()
        seconds.append(time.process_time() - start)
    print("SECONDS", json.dumps(seconds))


def _call_of(name):
    """Return a call that fits an estimator to its example and asks it."""
    sys.path.insert(0, str(ROOT / "tests"))
    import test_contract as contract

    made = contract.ESTIMATORS[name](**contract.EXAMPLES[name].params)
    X, y = contract.EXAMPLES[name].make()

    def call():
        made.fit(X, y)
        for method in (*contract.METHODS, "tokenize"):
            if hasattr(made, method):
                getattr(made, method)(X)

    return call


def run(name, cache):
    """Return the seconds that the first call took more than the second, in a new process."""
    done = subprocess.run(
        [sys.executable, __file__, "--one", name],
        env=os.environ | {"NUMBA_CACHE_DIR": cache},
        capture_output=True,
        text=True,
    )
    lines = [line for line in done.stdout.splitlines() if line.startswith("SECONDS")]
    if not lines:
        return float("nan")
    first, second = json.loads(lines[0].removeprefix("SECONDS"))
    return first - second


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--compiled", action="store_true")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        time_calls(given.one)
        return
    names = given.names or [*COMPILED, *_functions()]
    if not (given.names or given.compiled):
        sys.path.insert(0, str(ROOT / "tests"))
        import test_contract as contract

        names = sorted(contract.EXAMPLES) + list(_functions())
    print(f"{'estimator':26s} {'empty cache':>12s} {'cached':>8s}   processor seconds")
    for name in names:
        with tempfile.TemporaryDirectory() as cache:
            print(f"{name:26s} {run(name, cache):12.1f} {run(name, cache):8.2f}", flush=True)


if __name__ == "__main__":
    main()
