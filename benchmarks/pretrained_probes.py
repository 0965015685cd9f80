"""Probes on the weights that ship, against their random start and covariances without a network.

    NEUROKIT_DATA=/path/to/recordings python benchmarks/pretrained_probes.py [--seeds 5]

mi_peterson2020 (right hand against rest, 4 subjects, 15 channels, runs 2 to 5), which the weights
have not seen: balanced accuracy with one subject left out, few shots of the left-out subject, and
channels removed at test and training alike; whether the subject can be told from first-order
embeddings, and what shuffled labels give. Nothing is chosen on the data.
"""

import argparse
import os
import warnings
from pathlib import Path

import numpy as np
import xarray as xr
from pretraining import LABELS, band
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import neurokit
from neurokit import io
from neurokit.nn.draws import seeded
from neurokit.pretraining import MaskedModel, PretrainedClassifier
from neurokit.pretraining.design import build_module
from neurokit.pretraining.pools import recentre, vectorise


def read(data):
    """Return trials of all subjects; sessions are runs."""
    found = []
    for subject in range(1, 5):
        for run in range(2, 6):
            path = data / "mi_peterson2020" / f"subj{subject:02d}_run{run:03d}.edf"
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UserWarning)
                x = io.read_signal(path).load()
            x = x.isel(channel=np.flatnonzero(x["type"] == "eeg"))
            x = neurokit.recording.resample(band(x, 1, 45), 128)
            one = neurokit.epoch(x, io.read_events(path), tmin=0.5, tmax=4.0, labels=LABELS)
            keep = one.drop_vars([c for c in one.coords if c not in ("channel", "time", "label")])
            n = one.sizes["trial"]
            named = {
                "subject": ("trial", [f"{subject}"] * n),
                "session": ("trial", [f"{run}"] * n),
            }
            found.append(keep.assign_coords(named))
    return xr.concat(found, "trial")


def untrained(seed):
    model = MaskedModel.from_pretrained("eeg-small")
    with seeded(seed):
        model.module_ = build_module(model.design_).eval()
    return model


def tangent(x):
    """Return recentred covariances of 8 to 30 Hz as vectors: no network."""
    values = band(x, 8, 30).values.astype(float)
    matrices = values @ values.swapaxes(1, 2) / values.shape[-1]
    n = len(matrices[0])
    trace = np.trace(matrices, axis1=1, axis2=2)[:, None, None] / n
    domains = [f"{a} {b}" for a, b in zip(x["subject"].values, x["session"].values, strict=True)]
    return vectorise(recentre(matrices + 1e-3 * trace * np.eye(n), domains))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=5)
    given = parser.parse_args()
    x = read(Path(os.environ["NEUROKIT_DATA"]))
    y, subjects = x["label"].values, x["subject"].values
    people = np.unique(subjects)

    def left_out(model, x, labels=y):
        scores = []
        for person in people:
            train, test = subjects != person, subjects == person
            model.fit(x[train], labels[train])
            scores.append(balanced_accuracy_score(y[test], model.predict(x[test]).values))
        return np.array(scores)

    def covariances(x):
        features, scores = tangent(x), []
        for person in people:
            train, test = subjects != person, subjects == person
            probe = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=2000))
            probe.fit(features[train], y[train])
            scores.append(balanced_accuracy_score(y[test], probe.predict(features[test])))
        return np.array(scores)

    def row(name, scores):
        per = " ".join(f"{s:.3f}" for s in scores)
        print(f"{name:48s} {scores.mean():.3f}  ({per})", flush=True)

    for pool in ("covariance", "mean"):
        ours = left_out(PretrainedClassifier(pool=pool), x)
        row(f"eeg-small, {pool}", ours)
        start = [
            left_out(PretrainedClassifier(untrained(seed), pool=pool), x)
            for seed in range(given.seeds)
        ]
        row(f"random start, {pool}, {given.seeds} seeds", np.mean(start, 0))
        apart = (ours - np.array(start)).ravel()
        half = 1.96 * apart.std(ddof=1) / np.sqrt(len(apart))
        print(f"  difference {apart.mean():+.3f}, 95 % {apart.mean() - half:+.3f} to"
              f" {apart.mean() + half:+.3f}")  # fmt: skip
    row("covariances of 8-30 Hz, no network", covariances(x))
    shuffled = np.random.default_rng(0).permutation(y)
    row("eeg-small, covariance, shuffled labels", left_out(PretrainedClassifier(), x, shuffled))

    filtered = band(x, 8, 30).copy(data=band(x, 8, 30).values)
    row("eeg-small, covariance, 8-30 Hz", left_out(PretrainedClassifier(), filtered))

    # who is it? runs 2, 3 against 4, 5, centres not taken away
    early = np.isin(x["session"].values, ["2", "3"])
    for name, encoder in (("eeg-small", "eeg-small"), ("random start", untrained(0))):
        model = PretrainedClassifier(encoder, pool="mean", align=()).fit(x[early], subjects[early])
        score = balanced_accuracy_score(subjects[~early], model.predict(x[~early]).values)
        print(f"subject told from means, {name}: {score:.3f} (chance {1 / len(people):.2f})")

    # few shots: the first n of each class of the left-out subject, tested on runs 4 and 5
    for n in (2, 5, 10, 20):
        scores = {"alone": [], "added to the others": [], "tangent space, alone": []}
        features = tangent(x)
        for person in people:
            own = np.flatnonzero((subjects == person) & early)
            test = np.flatnonzero((subjects == person) & ~early)
            few = np.concatenate([own[y[own] == k][:n] for k in LABELS])
            alone = PretrainedClassifier(align=("subject",), C=0.1).fit(x[few], y[few])
            both = PretrainedClassifier(align=("subject",)).fit(
                x[subjects != person], y[subjects != person]
            )
            both.partial_fit(x[few], y[few])
            probe = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=2000))
            guesses = (alone.predict(x[test]).values, both.predict(x[test]).values,
                       probe.fit(features[few], y[few]).predict(features[test]))  # fmt: skip
            for name, guess in zip(scores, guesses, strict=True):
                scores[name].append(balanced_accuracy_score(y[test], guess))
        print(
            f"{n} shots a class: " + ", ".join(f"{k} {np.mean(v):.3f}" for k, v in scores.items())
        )

    # channels removed, the same of all subjects
    for share in (0.25, 0.5, 0.75):
        ours, theirs = [], []
        for seed in range(3):
            rng = np.random.default_rng(seed)
            n = x.sizes["channel"]
            kept = x.isel(channel=np.sort(rng.permutation(n)[round(share * n) :]))
            ours.append(left_out(PretrainedClassifier(), kept).mean())
            theirs.append(covariances(kept).mean())
        print(f"{share:.0%} of channels removed, 3 draws: eeg-small {np.mean(ours):.3f},"
              f" no network {np.mean(theirs):.3f}")  # fmt: skip


if __name__ == "__main__":
    main()
