"""How the settings of the networks in `decoders_real.py` were chosen: without a scored recording.

    python benchmarks/choose_networks.py spiking --jobs 2
    python benchmarks/choose_networks.py recurrent --jobs 2 --epochs 80

Simulated populations of seeds 100 and 101, which no table shows: the last three fifths but one of
the time train, the first fifth chooses, by R2 in real time without a filter. No real recording is
looked at.
"""

import argparse
import json
import multiprocessing
import os
import warnings
from itertools import product
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from decoders_real import windows_trainer
from decoders_sets import simulated, split

from neurokit.decoders import RecurrentRegressor, SpikingRegressor

SEEDS = (100, 101)
TIE = 0.005  # R2 below which a default is not given up
SURROGATES = {"superspike": (1, 2, 10, 20), "atan": (1, 2, 5), "sigmoid": (1, 2, 5)}


def score(job):
    """R2 on the choosing block of one population."""
    import torch

    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    kind, settings, seed, epochs = job
    recording = simulated(0, seed=seed)
    rows = split(recording, 4)
    x, y = recording.x, recording.y
    trainer = windows_trainer(len(rows.train), 500).set_params(n_epochs=epochs)
    settings = dict(settings)
    trainer.set_params(learning_rate=settings.pop("learning_rate", 5e-3))
    make = SpikingRegressor if kind == "spiking" else RecurrentRegressor
    decoder = make(**settings, trainer=trainer, random_state=seed)
    try:
        decoder.fit(x.isel(time=rows.train), y.isel(time=rows.train))
    except ValueError:  # the loss became infinite
        return -np.inf
    return decoder.score(x.isel(time=rows.validate), y.isel(time=rows.validate))


def compare(pool, kind, candidates, epochs, default=0):
    """Print the score of every setting; return the best, or the default where they are level."""
    work = [(kind, tuple(c.items()), seed, epochs) for c in candidates for seed in SEEDS]
    found = np.reshape(pool.map(score, work, chunksize=1), (len(candidates), len(SEEDS)))
    for candidate, scores in zip(candidates, found, strict=True):
        print(f"| {candidate} | {scores.mean():.3f} | {scores.round(3)} |", flush=True)
    means = found.mean(1)
    best = means.argmax()
    if means[default] > means[best] - TIE:
        best = default
    print("chosen:", candidates[best], flush=True)
    return candidates[best]


def choose_spiking(pool, epochs):
    """Surrogate, then time constants, then learning rate."""
    chosen = {}
    options = [{"surrogate": "superspike", "surrogate_scale": 5.0}]  # the defaults come first
    options += [
        {"surrogate": name, "surrogate_scale": float(scale)}
        for name, scales in SURROGATES.items()
        for scale in scales
    ]
    chosen |= compare(pool, "spiking", options, epochs)
    pairs = [(0.05, 0.01), *product((0.02, 0.05, 0.1), (None, 0.01, 0.02))]
    options = [chosen | {"tau_mem": mem, "tau_syn": syn} for mem, syn in dict.fromkeys(pairs)]
    chosen |= compare(pool, "spiking", options, epochs)
    options = [chosen | {"learning_rate": rate} for rate in (5e-3, 2e-3, 1e-2)]
    return {"spiking": compare(pool, "spiking", options, epochs)}


def choose_recurrent(pool, epochs):
    """Size and learning rate."""
    pairs = product((32, 64, 128), (2e-3, 5e-3))
    options = [{"cell": "lstm", "hidden": n, "learning_rate": rate} for n, rate in pairs]
    found = compare(pool, "recurrent", options, epochs)
    found.pop("cell")
    return {"lstm": found}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("kind", choices=("spiking", "recurrent"))
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--out", help="JSON file for the settings")
    given = parser.parse_args()
    choose = choose_spiking if given.kind == "spiking" else choose_recurrent
    with multiprocessing.get_context("spawn").Pool(given.jobs) as pool:
        found = choose(pool, given.epochs)
    if given.out:
        Path(given.out).write_text(json.dumps(found))


if __name__ == "__main__":
    main()
