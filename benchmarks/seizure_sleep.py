"""Seizures and sleep stages under splits that keep neighbours apart, scored as a monitor is.

    NEUROKIT_DATA=... OMP_NUM_THREADS=1 python benchmarks/seizure_sleep.py [bonn delhi onset sleep]

Nothing is chosen on test data. Bonn and Delhi do not say which segment is whose: blocks of
successive segments are left out, which keeps most people whole, and drawn folds, which do not,
stand beside.
"""

import os
import sys
from pathlib import Path

import numpy as np
from scipy.io import loadmat
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

import neurokit
from neurokit import io
from neurokit.decoders import make_band_power
from neurokit.metrics import detect_bursts, event_scores
from neurokit.protocols import evaluate

BANDS = {
    "delta": (1.0, 4.0),
    "theta": (4.0, 8.0),
    "alpha": (8.0, 13.0),
    "beta": (13.0, 30.0),
    "gamma": (30.0, 48.0),  # below half of 100 Hz, the slowest rate here
}


def line_length(x):
    return np.log(np.abs(np.diff(x, axis=-1)).mean(axis=-1) + 1e-12)


def features(x):
    """Log power in five bands and log line length of every channel."""
    from neurokit.metrics import log_band_power

    power = log_band_power(x, bands=BANDS)
    return np.concatenate([power, line_length(x.values)[..., None]], axis=-1).reshape(len(x), -1)


def pipelines():
    forest = RandomForestClassifier(300, random_state=0)
    return {
        "band power, LDA": make_band_power(BANDS),
        "band power and line length, forest": make_pipeline(FunctionTransformer(features), forest),
    }


def bonn(data):
    file = np.load(data / "seizure_bonn" / "bonn.npz")
    y = np.array([str(name)[0] for name in file["classes"]])[file["y"]]
    return neurokit.signal(
        file["X"][:, None].astype(float),
        sampling_rate=float(file["fs"]),
        channels=["one"],
        trials={"label": y},
    )


def delhi(data):
    """Segments of three kinds, in order of their numbers; copies are dropped by their samples."""
    pieces, labels, seen = [], [], {}
    for kind in ("ictal", "interictal", "preictal"):
        files = (data / "seizure_delhi" / kind).glob("*.mat")
        for path in sorted(files, key=lambda p: int(p.stem[len(kind) :])):
            x = np.asarray(loadmat(path)[kind], float).ravel()
            mark = io.fingerprint(neurokit.signal(x[None], sampling_rate=200))
            if mark in seen:
                print(f"{path.name} is {seen[mark]} again, and is left out")
                continue
            seen[mark] = path.name
            pieces.append(x)
            labels.append(kind)
    return neurokit.signal(
        np.array(pieces)[:, None],
        sampling_rate=200,
        channels=["one"],
        trials={"label": labels},
    )


def as_monitor(found, name, y, ictal, seconds):
    """Lay the segments end to end: each that is called ictal is an alarm."""
    said = found.predicted(name)
    where = np.flatnonzero
    events = [neurokit.events(where(v == ictal) * seconds, seconds, "seizure") for v in (y, said)]
    return event_scores(*events, duration=len(y) * seconds, before=0.0, after=0.0, merge=0.0)


def show(title, found):
    print(f"\n## {title}")
    print(found.table[["accuracy", "balanced_accuracy", "auroc", "sd_seeds"]].round(3).to_string())
    print(f"chance {found.card.chance:.3f}, lucky {found.card.lucky:.3f}; {found.card.split}")


def segments(name, x, ictal):
    seconds = x.sizes["time"] / neurokit.sampling_rate(x)
    y = x["label"].values
    binary = np.where(y == ictal, "seizure", "rest")
    for folds, seeds in (("blocks", (0,)), ("shuffled", (0, 1, 2))):
        show(f"{name}, all classes, {folds}", evaluate(pipelines(), x, folds=folds, seeds=seeds))
        found = evaluate(pipelines(), x, binary, folds=folds, seeds=seeds)
        show(f"{name}, seizure or not, {folds}", found)
        if folds == "blocks":
            for row in found.table.index:
                s = as_monitor(found, row, binary, "seizure", seconds)
                print(
                    f"as a monitor, {row}: sensitivity {s.sensitivity:.3f}, precision"
                    f" {s.precision:.3f}, {s.false_alarms_per_hour:.2f} false alarms an hour"
                )


def onset(data):
    """One seizure of one patient: do simple features rank the contacts of the onset zone first?"""
    file = np.load(data / "ieeg_seizure_pt01" / "pt01EcoG.npz")
    x, t, zone = file["X"], file["t"], file["soz"]
    recording = neurokit.signal(x, sampling_rate=float(file["fs"]), channels=list(file["ch"]))
    print(f"\n## onset zone, {zone.sum()} of {len(zone)} contacts; nothing is learnt")
    before, after = t < 0, t >= 0
    length = line_length(x[:, after]) - line_length(x[:, before])
    print(f"line length, after against before: AUROC {roc_auc_score(zone, length):.3f}")
    bands = BANDS | {"high gamma": (60.0, 150.0)}
    parts = [
        neurokit.metrics.log_band_power(recording.isel(time=np.flatnonzero(w)), bands=bands)
        for w in (after, before)
    ]
    for k, band in enumerate(bands):
        print(f"{band}: AUROC {roc_auc_score(zone, (parts[0] - parts[1])[:, k]):.3f}")
    # an alarm: windows of 0.25 s whose mean line length over contacts passes the baseline's
    step = round(0.25 * float(file["fs"]))
    course = [line_length(x[:, i : i + step]).mean() for i in range(0, x.shape[1], step)]
    times = t[0] + np.arange(len(course)) * 0.25
    calm = np.array(course)[times < 0]
    late = (times >= 0) & (np.array(course) > calm.mean() + 3 * calm.std(ddof=1))
    first = times[late][0] + 0.25 if late.any() else np.nan
    print(f"alarm by line length, 3 deviations over one second of calm: {first:.2f} s after onset")


def sleep(data):
    """Five-second stages by the power around them; contiguous sixths of the night left out."""
    folder = data / "sleep_dreams"
    x = np.loadtxt(folder / "excerpt1.txt", skiprows=1)
    stages = np.loadtxt(folder / "Hypnogram_excerpt1.txt", skiprows=1).astype(int)
    names = {5: "wake", 4: "REM", 3: "S1", 2: "S2", 1: "S3", 0: "S4"}
    whole = neurokit.signal(x[None], sampling_rate=100, channels=["C3-A1"])
    size = 3500  # 15 s before, 5 s, 15 s after
    at = np.arange(len(stages)) * 500 - 1500
    good = (at >= 0) & (at + size <= len(x)) & np.isin(stages, list(names))
    cut = np.stack([x[a : a + size] for a in at[good]])[:, None]
    y = np.array([names[s] for s in stages[good]])
    trials = neurokit.signal(cut, sampling_rate=100, channels=["C3-A1"], trials={"label": y})
    sixth = np.flatnonzero(good) * 6 // len(stages)
    place = np.flatnonzero(good)
    folds = {}
    for k in range(6):
        test = sixth == k
        # windows reach 15 s to both sides: those that share samples with the test are left out
        near = np.array([np.abs(place[test] - p).min() <= 6 for p in place])
        folds[f"sixth {k + 1}"] = (np.flatnonzero(~near), np.flatnonzero(test))
    found = evaluate(pipelines(), trials, protocol=folds, seeds=(0, 1, 2))
    print({str(n): int(c) for n, c in zip(*np.unique(y, return_counts=True), strict=True)})
    show("sleep stages, DREAMS excerpt 1, sixths of the night", found)

    first, second = (
        np.loadtxt(folder / f"Visual_scoring{k}_excerpt1.txt", skiprows=1) for k in (1, 2)
    )
    expert, other = (neurokit.events(v[:, 0], v[:, 1], "spindle") for v in (first, second))
    detected = detect_bursts(whole, "spindle")
    for name, events in (("detect_bursts, defaults", detected), ("the second expert", other)):
        s = event_scores(expert, events, duration=1800.0, before=0.0, after=0.0, merge=0.0)
        print(
            f"spindles of the first expert ({len(expert)}), {name} ({len(events)}): sensitivity"
            f" {s.sensitivity:.3f}, precision {s.precision:.3f}, F1 {s.f1:.3f}, false alarms an"
            f" hour {s.false_alarms_per_hour:.0f}, delay {s.delay:.2f} s"
        )


def main():
    data = Path(os.environ["NEUROKIT_DATA"])
    parts = sys.argv[1:] or ["bonn", "delhi", "onset", "sleep"]
    if "bonn" in parts:
        segments("Bonn", bonn(data), "E")
    if "delhi" in parts:
        segments("Delhi", delhi(data), "ictal")
    if "onset" in parts:
        onset(data)
    if "sleep" in parts:
        sleep(data)


if __name__ == "__main__":
    main()
