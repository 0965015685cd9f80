"""Probes on the weights that ship, against their random start and covariances without a network.

    NEUROKIT_DATA=/path/to/recordings python benchmarks/pretrained_probes.py [--seeds 5]
    NEUROKIT_DATA=/path/to/recordings python benchmarks/pretrained_probes.py --curves
    NEUROKIT_DATA=/path/to/recordings python benchmarks/pretrained_probes.py --tuned

mi_peterson2020 (right hand against rest, 4 subjects, 15 channels, runs 2 to 5), which the weights
have not seen: balanced accuracy with one subject left out, few shots of the left-out subject, and
channels removed at test and training alike; whether the subject can be told from first-order
embeddings, and what shuffled labels give. ``--curves`` has band power beside the few shots and the
removed channels, channels removed at test alone and filled in, and rates that training has not
seen. ``--tuned`` has the last block, low-rank additions or all of the network learning with the
map, in one seed. Nothing is chosen on the data.
"""

import argparse
import os
import time
import warnings
from itertools import pairwise
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


def band_power(x):
    """Return log power in seven bands of each channel: no network, no covariances."""
    rate = neurokit.sampling_rate(x)
    power = np.abs(np.fft.rfft(x.values * np.hanning(x.sizes["time"]))) ** 2
    hz = np.fft.rfftfreq(x.sizes["time"], 1 / rate)
    edges = (1, 4, 8, 10, 13, 20, 30, 45)
    parts = [power[..., (hz >= a) & (hz < b)].sum(-1) for a, b in pairwise(edges)]
    return np.log(np.concatenate(parts, -1))


def probe(C=0.01):
    return make_pipeline(StandardScaler(), LogisticRegression(C=C, max_iter=2000))


def fill_near(x, lost):
    """Fill lost channels by the others, weighed by inverse distance squared."""
    from neurokit.pretraining.places import read_places

    places, out = read_places(x), x.values.copy()
    for k in lost:
        kept = np.setdiff1d(np.arange(len(places)), lost)
        weight = 1 / ((places[kept] - places[k]) ** 2).sum(1)
        out[:, k] = np.einsum("c,nct->nt", weight / weight.sum(), x.values[:, kept])
    return x.copy(data=out)


def curves(x):
    """Print band power's curves, channels lost at test, and rates that training has not seen."""
    y, subjects = x["label"].values, x["subject"].values
    people = np.unique(subjects)
    early = np.isin(x["session"].values, ["2", "3"])

    def left_out(train_on, test_on, fit):
        scores = []
        for person in people:
            train, test = subjects != person, subjects == person
            predict = fit(train_on, train)
            scores.append(balanced_accuracy_score(y[test], predict(test_on, test)))
        return np.mean(scores)

    def classical(features, C=0.01):
        def fit(x, train):
            model = probe(C).fit(features(x)[train], y[train])
            return lambda x, test: model.predict(features(x)[test])

        return fit

    known = {}

    def ours(x, train):
        key = id(x), train.tobytes()
        if key not in known:
            known[key] = x, PretrainedClassifier().fit(x[train], y[train])
        return lambda x, test: known[key][1].predict(x[test]).values

    print(f"band power, all channels: {left_out(x, x, classical(band_power)):.3f}", flush=True)
    features = band_power(x)
    for n in (2, 5, 10, 20):
        scores = []
        for person in people:
            own = np.flatnonzero((subjects == person) & early)
            test = np.flatnonzero((subjects == person) & ~early)
            few = np.concatenate([own[y[own] == k][:n] for k in LABELS])
            guess = probe(0.1).fit(features[few], y[few]).predict(features[test])
            scores.append(balanced_accuracy_score(y[test], guess))
        print(f"{n} shots a class: band power alone {np.mean(scores):.3f}", flush=True)
    n = x.sizes["channel"]
    model = MaskedModel.from_pretrained("eeg-small")
    for share in (0.25, 0.5, 0.75):
        found = {}
        for seed in range(3):
            order = np.random.default_rng(seed).permutation(n)
            lost, kept = order[: round(share * n)], np.sort(order[round(share * n) :])
            some = x.isel(channel=kept)
            found.setdefault("band power, removed of all", []).append(
                left_out(some, some, classical(band_power))
            )
            marked = x.assign_coords(bad=("channel", np.isin(np.arange(n), lost)))
            ways = {"eeg-small fills": model.reconstruct(marked).drop_vars("bad"),
                    "neighbours fill": fill_near(x, lost)}  # fmt: skip
            for way, filled in ways.items():
                for name, fit in (("eeg-small", ours), ("tangent space", classical(tangent)),
                                  ("band power", classical(band_power))):  # fmt: skip
                    score = left_out(x, filled, fit)
                    found.setdefault(f"at test, {way}, {name}", []).append(score)
        print(f"{share:.0%} lost: " + ", ".join(f"{k} {np.mean(v):.3f}" for k, v in found.items()),
              flush=True)  # fmt: skip
    for rate in (100, 125, 200, 250):
        other = neurokit.recording.resample(x, rate)
        told = {"tangent space": classical(tangent), "band power": classical(band_power)}
        row = {name: left_out(x, other, fit) for name, fit in told.items()}
        # a probe of the pretrained encoder is for one rate: its trials come at that of training
        back = neurokit.recording.resample(other, 128).isel(time=slice(x.sizes["time"]))
        row["eeg-small"] = left_out(x.isel(time=slice(back.sizes["time"])), back, ours)
        row["eeg-small, all at that rate"] = left_out(other, other, ours)
        print(f"trained at 128 Hz, tested at {rate} Hz: "
              + ", ".join(f"{k} {v:.3f}" for k, v in row.items()), flush=True)  # fmt: skip


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--curves", action="store_true")
    parser.add_argument("--tuned", action="store_true")
    given = parser.parse_args()
    x = read(Path(os.environ["NEUROKIT_DATA"]))
    if given.curves:
        curves(x)
        return
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

    if given.tuned:
        for tune in ("frozen", "head", "lora", "full"):
            start = time.process_time()
            scores = left_out(PretrainedClassifier(tune=tune, random_state=0), x)
            row(f"eeg-small, {tune}", scores)
            print(f"  {time.process_time() - start:.0f} s of the processor", flush=True)
        return

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
