"""Decoders of steady-state responses: accuracy on simulations and on a real set, time, and peers.

    OMP_NUM_THREADS=1 python benchmarks/ssvep.py simulated --seeds 10
    NEUROKIT_DATA=... python benchmarks/ssvep.py exo
    OMP_NUM_THREADS=1 python benchmarks/ssvep.py time --repeats 7
    python benchmarks/ssvep.py network --seeds 5 --device cuda

``simulated`` and ``time`` show meegkit's TRCA beside ours where it is installed, and MOABB's TRCA
and TDCA where moabb is. Nothing is chosen here: all decoders have their defaults, and the seeds
(100, 101, ...) are not those (0 to 55) that the defaults of TDCA were chosen on.
"""

import argparse
import copy
import os
import time
import warnings
from pathlib import Path

import numpy as np

import neurokit
from neurokit import io
from neurokit.datasets import make_ssvep
from neurokit.decoders import FBCCAClassifier, TDCAClassifier, TRCAClassifier

TARGETS = tuple(float(f) for f in range(8, 16))
EXO = {"2": "13", "3": "21", "4": "17"}  # Hz behind the labels of the set
BANDS = 3


def meegkit_trca(train, labels, test, rate, n_bands, lowest):
    """Fit meegkit's ensemble TRCA with the pass bands of ours; labels become 0, 1, 2, ..."""
    from meegkit.trca import TRCA

    classes, y = np.unique(labels, return_inverse=True)
    passes = [[max(k * lowest - 2, 1), min(90, 0.45 * rate)] for k in range(1, n_bands + 1)]
    stops = [[max(low - 2, 0.5), min(high + 10, 0.49 * rate)] for low, high in passes]
    model = TRCA(rate, [[p, s] for p, s in zip(passes, stops, strict=True)], True)
    model.fit(train.transpose(2, 1, 0), y)
    return classes[np.asarray(model.predict(test.transpose(2, 1, 0))).astype(int)]


def moabb_peer(name, train, labels, test, rate, frequencies):
    """Fit one of MOABB's decoders, which take MNE's Epochs."""
    import mne
    from moabb.pipelines import classification as ssvep

    def epochs(x, y):
        info = mne.create_info(x.shape[1], rate, "eeg")
        ids = {f"{f:g}": k + 1 for k, f in enumerate(frequencies)}
        events = np.c_[np.arange(len(x)) * x.shape[2], np.zeros(len(x), int), [ids[v] for v in y]]
        used = {k: v for k, v in ids.items() if v in events[:, 2]}
        return mne.EpochsArray(x * 1e-6, info, events.astype(int), 0.0, used, verbose="error")

    cls = getattr(ssvep, name)
    order = sorted(f"{f:g}" for f in frequencies)
    model = cls(n_fbands=BANDS) if "n_fbands" in cls.__init__.__code__.co_varnames else cls()
    y = np.array([order.index(v) for v in labels])
    model.fit(epochs(train, labels), y)
    found = np.asarray(model.predict(epochs(test, [order[0]] * len(test))))
    return np.array(order)[found.astype(int)]


def cut(labels, n_train):
    """First trials of every target to train on, the others to test."""
    first = np.zeros(len(labels), bool)
    for name in np.unique(labels):
        first[np.flatnonzero(labels == name)[:n_train]] = True
    return first


def simulated(args):
    rows = {}
    for seed in range(100, 100 + args.seeds):
        x, _ = make_ssvep(TARGETS, n_trials=20, duration=1.0, amplitude=1.0, random_state=seed)
        labels = x["label"].values
        first = cut(labels, 5)
        train, test = x[first], x[~first]
        for name, decoder in (
            ("FBCCA", FBCCAClassifier()),
            ("TRCA", TRCAClassifier(ensemble=False)),
            ("eTRCA", TRCAClassifier()),
            ("TDCA", TDCAClassifier()),
        ):
            score = decoder.fit(train, labels[first]).score(test, labels[~first])
            rows.setdefault(name, []).append(score)
        for name, peer in (
            (
                "meegkit eTRCA",
                lambda a, y, b: meegkit_trca(a, y, b, 250.0, BANDS, TARGETS[0]),
            ),
            ("MOABB TRCA", lambda a, y, b: moabb_peer("SSVEP_TRCA", a, y, b, 250.0, TARGETS)),
            ("MOABB TDCA", lambda a, y, b: moabb_peer("SSVEP_TDCA", a, y, b, 250.0, TARGETS)),
        ):
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    found = peer(
                        train.values.astype(float), labels[first], test.values.astype(float)
                    )
                rows.setdefault(name, []).append((found == labels[~first]).mean())
            except ImportError:
                continue
            except Exception as error:
                print(f"{name}, seed {seed}: {type(error).__name__}: {error}")
    print(
        f"8 targets, 19 channels, 1 s, amplitude 1, 5 trials each, {args.seeds} seeds; chance .125"
    )
    ours = np.array(rows["eTRCA"])
    for name, scores in rows.items():
        scores = np.array(scores)
        paired = ours[: len(scores)] - scores
        print(
            f"| {name} | {scores.mean():.3f} | {scores.std(ddof=1):.3f} | eTRCA ahead by"
            f" {paired.mean():+.3f} ± {paired.std(ddof=1) / np.sqrt(len(paired)):.3f} |"
        )


def exo(args):
    """Leave one session out, trials of 1, 2 and 4 s from ``--begin`` s after the label on."""
    folder = Path(os.environ["NEUROKIT_DATA"]) / "ssvep_exo"
    sessions, seen = {}, set()
    for path in sorted(folder.glob("*_raw.fif")):
        record = path.name.split("record-")[1]
        if record in seen:  # one recording stands under two people
            continue
        seen.add(record)
        sessions[path.name.split("_")[0], record] = read_session(path, args.begin)
    for seconds in (1.0, 2.0, 4.0):
        scores = {name: [] for name in ("FBCCA", "eTRCA", "TDCA")}
        told = 0
        for (subject, record), (x, y) in sessions.items():
            others = [v for k, v in sessions.items() if k[0] == subject and k[1] != record]
            if not others:
                continue
            n_times = round(seconds * 256)
            train = np.concatenate([v[0] for v in others])[..., :n_times]
            labels = np.concatenate([v[1] for v in others])
            for name, decoder in (
                ("FBCCA", FBCCAClassifier(sampling_rate=256.0)),
                ("eTRCA", TRCAClassifier(sampling_rate=256.0)),
                ("TDCA", TDCAClassifier(sampling_rate=256.0)),
            ):
                with warnings.catch_warnings(record=True) as caught:
                    warnings.simplefilter("always")
                    decoder.fit(train, labels)
                words = [str(w.message) for w in caught]
                told += name == "eTRCA" and any("share no phase" in word for word in words)
                scores[name].append(decoder.score(x[..., :n_times], y))
        words = ", ".join(
            f"{name} {np.mean(s):.3f} ± {np.std(s):.3f}" for name, s in scores.items()
        )
        n = len(scores["FBCCA"])
        print(f"{seconds:g} s, {n} sessions, each by the other(s) of its subject: {words};"
              f" told that trials share no phase: {told} of {n}")  # fmt: skip


def read_session(path, begin):
    import mne

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        raw = io.read_signal(path)
        events = mne.read_events(str(path).replace("_raw.fif", "-eve.fif"), verbose="error")
    first = mne.io.read_raw_fif(path, verbose="error").first_samp
    brain = raw.isel(channel=np.flatnonzero(raw["type"].values == "eeg")).load()
    rows = [(e[0] - first) / 256 for e in events if str(e[2]) in EXO]
    names = [EXO[str(e[2])] for e in events if str(e[2]) in EXO]
    table = neurokit.recording.events(rows, 0.0, names)
    trials = neurokit.epoch(brain, table, tmin=begin, tmax=begin + 4)
    return trials.values.astype(float), trials["label"].values.astype(str)


def timing(args):
    """Fit and predict 40 targets x 5 blocks, 9 channels, 0.5 s, 5 bands: one block tested."""
    rng = np.random.default_rng(0)
    targets = 8 + 0.2 * np.arange(40)
    t = np.arange(125) / 250
    x = rng.normal(size=(6, 40, 9, 125)) * 3
    x += np.sin(2 * np.pi * targets[:, None] * t)[None, :, None] * rng.normal(size=(9, 1))
    labels = np.array([f"{f:.1f}" for f in targets])
    train, test = x[:5].reshape(-1, 9, 125), x[5]
    y = np.tile(labels, 5)
    found = {}
    for _ in range(args.repeats):
        for name in ("ours, 5 bands", "ours, 1 band", "meegkit, 5 bands", "meegkit, 1 band"):
            n_bands = 5 if "5" in name else 1
            start = time.process_time()
            try:
                if name.startswith("ours"):
                    with warnings.catch_warnings():
                        warnings.simplefilter("ignore")
                        decoder = TRCAClassifier(bands=n_bands, sampling_rate=250.0)
                        decoder.fit(train, y).predict(test)
                else:
                    meegkit_trca(train, y, test, 250.0, n_bands, 8.0)
            except ImportError:
                continue
            found.setdefault(name, []).append(time.process_time() - start)
    for name, times in found.items():
        low, middle, high = np.quantile(times, [0, 0.5, 1]) * 1e3
        print(f"| {name} | {middle:.0f} ms [{low:.0f}-{high:.0f}] |")
    for n in ("5 bands", "1 band"):
        if f"meegkit, {n}" in found:
            ratio = np.array(found[f"meegkit, {n}"]) / np.array(found[f"ours, {n}"])
            print(f"{n}: {np.median(ratio):.1f} x [{ratio.min():.1f}-{ratio.max():.1f}]")


SPELLER = tuple(float(f) for f in np.arange(8.0, 15.9, 0.4).round(1))
VISUAL = ["Pz", "PO3", "PO7", "PO4", "PO8", "POz", "O1", "Oz", "O2"]
LATENCY, BLOCKS = 0.14, 6


def spellers(seed, amplitude, seconds=0.4):
    """Ten people, 20 targets, six blocks; windows that begin when the response does."""
    x, _ = make_ssvep(
        SPELLER,
        n_trials=BLOCKS,
        n_subjects=10,
        n_channels=61,
        duration=LATENCY + seconds + 0.01,
        amplitude=amplitude,
        random_state=seed,
    )
    begin = round(LATENCY * 250)
    x = x.sel(channel=VISUAL).isel(time=slice(begin, begin + round(seconds * 250)))
    table = x["subject"].to_series().to_frame().assign(label=x["label"].values)
    block = table.groupby(["subject", "label"]).cumcount().to_numpy()
    return x, block


def network(args):
    """Both stages of the network against either alone, and against what learns from one person."""
    from neurokit.decoders import SSVEPNetClassifier
    from neurokit.metrics import itr
    from neurokit.training import Trainer

    def trainer(batch_size):
        return Trainer(
            args.epochs,
            batch_size=batch_size,
            learning_rate=1e-4,
            schedule="constant",
            warmup=0.0,
            clip_norm=None,
            device=args.device,
        )

    rows = {}
    for seed in range(args.first, args.first + args.seeds):
        x, block = spellers(seed, args.amplitude)
        y, who = x["label"].values, x["subject"].values
        train = block < BLOCKS - 1
        both = SSVEPNetClassifier(
            trainer=trainer(100), adapt_trainer=trainer(200), random_state=seed
        ).fit(x[train], y[train], groups=who[train])
        scores = {}
        for person in np.unique(who):
            mine, test = train & (who == person), ~train & (who == person)
            scores.setdefault("first stage alone", []).append(
                unadapted(both).score(x[test], y[test])
            )
            both.adapt(x[mine], y[mine])
            scores.setdefault("both stages", []).append(both.score(x[test], y[test]))
            alone = SSVEPNetClassifier(
                dropout=(0.6, 0.7, 0.95), trainer=trainer(200), random_state=seed
            )
            for name, decoder in (
                ("second stage alone", alone),
                ("eTRCA", TRCAClassifier()),
                ("TDCA", TDCAClassifier()),
                ("FBCCA", FBCCAClassifier()),
            ):
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    decoder.fit(x[mine], y[mine])
                scores.setdefault(name, []).append(decoder.score(x[test], y[test]))
        for name, found in scores.items():
            bits = float(itr(np.array(found), len(SPELLER), selection_time=0.9).mean())
            rows.setdefault(name, []).append((np.mean(found), bits))
            print(f"seed {seed} | {name} | {np.mean(found):.4f} | {bits:.2f}", flush=True)
    for name, found in rows.items():
        accuracy, bits = np.array(found).T
        print(f"| {name} | {accuracy.mean():.3f} ± {accuracy.std():.3f} | {bits.mean():.1f} |")


def unadapted(speller):
    """The network of all people, however often it was adapted since."""
    twin = copy.copy(speller)
    twin.module_ = speller.global_module_
    return twin


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["simulated", "exo", "time", "network"])
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--first", type=int, default=1, help="first seed of the network's people")
    parser.add_argument("--amplitude", type=float, default=1.5, help="uV, of the network's people")
    parser.add_argument("--epochs", type=int, default=1000)
    parser.add_argument("--begin", type=float, default=2.0, help="s after the label (exo)")
    parser.add_argument("--device", default="auto")
    chosen = parser.parse_args()
    does = {"simulated": simulated, "exo": exo, "time": timing, "network": network}
    does[chosen.what](chosen)
