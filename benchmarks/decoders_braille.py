"""Braille letters from the events of a fingertip: spiking classifiers, linear and dense ones.

    NEUROKIT_DATA=/path/to/recordings python benchmarks/decoders_braille.py --jobs 2

27 letters, 50 repetitions of each, 12 taxels at 40 Hz. Ten repetitions of every letter test, the
next ten choose threshold, time constants and the strength of a liquid's input, thirty train; five
turns, each with another seed.
Events: a taxel sends +1 or -1 for every step of ``threshold`` that it moved.
"""

import argparse
import json
import multiprocessing
import os
import time
import warnings
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pandas as pd
from decoders_sets import folder
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from neurokit.decoders import SpikingClassifier
from neurokit.features import LiquidState
from neurokit.recording import counts
from neurokit.training import Trainer

THRESHOLDS = (1, 3)
TAUS = (0.1, 0.3)  # s: of potentials and outputs
INPUT_SCALES = (0.5, 1, 2)  # of liquids, in thresholds
N_FRAMES = 76  # some trials have one more, which is left out


def events(values, threshold):
    """Events up and down of every taxel, (trial, 2 x taxel, frame)."""
    level = np.trunc(np.diff(values, axis=-1, prepend=values[..., :1]).cumsum(-1) / threshold)
    change = np.diff(level, axis=-1, prepend=0)
    return np.concatenate([np.maximum(change, 0), np.maximum(-change, 0)], axis=1)


def read():
    """Taxels (trial, taxel, frame), letters, repetitions."""
    with np.load(folder() / "events_braille" / "braille_taxels.npz") as held:
        values = held["X"].transpose(0, 2, 1)[:, :, :N_FRAMES].astype(float)
        return values, held["letters"][held["y"]], held["rep"]


def flat(x):
    return x.reshape(len(x), -1)


def windows(x, n=8):
    """Events in ``n`` parts of the trial."""
    return np.concatenate([part.sum(-1) for part in np.array_split(x, n, axis=-1)], axis=1)


def logistic():
    return make_pipeline(StandardScaler(), LogisticRegression(max_iter=300))


def spiking(**options):
    def candidates(k):
        trainer = Trainer(
            80,
            batch_size=32,
            learning_rate=5e-3,
            validation_fraction=0.1,
            patience=20,
            device="cpu",
        )
        fixed = options | {"trainer": trainer, "sampling_rate": 40, "random_state": k}
        if "preset" in options:
            return [SpikingClassifier(**fixed)]
        return [SpikingClassifier(tau_mem=t, readout_tau=t, **fixed) for t in TAUS]

    return candidates


class Liquid:
    """Mean state of a random spiking network in four parts of the trial, then a linear readout."""

    def __init__(self, k, input_scale):
        self.liquid = LiquidState(
            300, tau=0.1, tau_state=0.2, input_scale=input_scale, random_state=k
        )
        self.readout = logistic()

    def _states(self, x):
        x = counts(x, bin_width=0.025)
        state = self.liquid.transform(x).transpose("trial", ..., "time").values
        return windows(state, 4)

    def fit(self, x, y):
        self.liquid.fit(counts(x, bin_width=0.025))
        self.readout.fit(self._states(x), y)
        return self

    def score(self, x, y):
        return self.readout.score(self._states(x), y)


# name: (what it sees, seed -> candidates)
CLASSIFIERS = {
    "LDA, taxels": ("taxels", lambda k: [LinearDiscriminantAnalysis("lsqr", shrinkage="auto")]),
    "logistic, taxels": ("taxels", lambda k: [logistic()]),
    "SVM (RBF), taxels": ("taxels", lambda k: [make_pipeline(StandardScaler(), SVC(C=10))]),
    "logistic, events of the whole trial": ("total", lambda k: [logistic()]),
    "logistic, events in 8 parts": ("parts", lambda k: [logistic()]),
    "logistic, every event": ("flat", lambda k: [logistic()]),
    "MLP (128), every event": (
        "flat",
        lambda k: [make_pipeline(StandardScaler(), MLPClassifier(128, random_state=k))],
    ),
    "liquid state, logistic": ("events", lambda k: [Liquid(k, s) for s in INPUT_SCALES]),
    "spiking, feed-forward 64": ("events", spiking(recurrent=False)),
    "spiking, recurrent 64": ("events", spiking()),
    "spiking, recurrent 256": ("events", spiking(hidden=256)),
    "SNN2": ("events", spiking(preset="snn2")),
    "SNN_Streaming": ("events", spiking(preset="streaming")),
    "tiny RSNN": ("events", spiking(preset="tiny")),
}
SEEN = {
    "taxels": lambda values, threshold: flat(values),
    "total": lambda values, threshold: windows(events(values, threshold), 1),
    "parts": lambda values, threshold: windows(events(values, threshold)),
    "flat": lambda values, threshold: flat(events(values, threshold)),
    "events": events,
}


def evaluate(job):
    """Accuracy of one classifier in one turn."""
    import torch

    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    name, k, epochs = job
    values, y, repetition = read()
    turn = repetition // 10
    test, choose = turn == k, turn == (k + 1) % 5
    train = ~test & ~choose
    kind, make = CLASSIFIERS[name]
    found = []
    for threshold in THRESHOLDS if kind != "taxels" else (1,):
        x = SEEN[kind](values, threshold)
        for i, candidate in enumerate(make(k)):
            if epochs and hasattr(candidate, "trainer"):
                candidate.trainer.n_epochs = epochs
            start = time.process_time()
            candidate.fit(x[train], y[train])
            spent = time.process_time() - start
            scores = candidate.score(x[choose], y[choose]), candidate.score(x[test], y[test])
            found.append((scores[0], threshold, i, spent, scores[1], candidate, x))
    held, threshold, i, spent, accuracy, best, x = max(found, key=lambda entry: entry[0])
    row = {"set": "braille", "decoder": name, "seed": k, "accuracy": accuracy, "fit_cpu_s": spent}
    row |= {"accuracy_validation": held, "threshold": threshold, "chosen": i}
    if hasattr(best, "module_"):
        row["parameters"] = sum(p.numel() for p in best.module_.parameters())
    row["events"] = float(events(values, threshold).sum((1, 2)).mean())
    return row


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--epochs", type=int, help="fewer epochs, to try the script")
    parser.add_argument("--out", default="braille.jsonl")
    given = parser.parse_args()
    path = Path(given.out)
    rows = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    done = {(row["decoder"], row["seed"]) for row in rows}
    left = [(name, k, given.epochs) for name in CLASSIFIERS for k in range(given.seeds)]
    left = [job for job in left if job[:2] not in done]
    with multiprocessing.get_context("spawn").Pool(given.jobs) as pool, path.open("a") as out:
        for row in pool.imap_unordered(evaluate, left):
            rows.append(row)
            out.write(json.dumps(row) + "\n")
            out.flush()
    frame = pd.DataFrame(rows)
    print("chance .037\n\n| decoder | accuracy | s.d. over turns | parameters | s to train |")
    print("|---|---|---|---|---|")
    for name in (n for n in CLASSIFIERS if n in set(frame["decoder"])):
        here = frame[frame["decoder"] == name]
        size = here.get("parameters", pd.Series(dtype=float)).mean()
        cells = f"{here['accuracy'].mean():.3f} | {here['accuracy'].std():.3f}"
        print(f"| {name} | {cells} | {size:,.0f} | {here['fit_cpu_s'].mean():.1f} |")


if __name__ == "__main__":
    main()
