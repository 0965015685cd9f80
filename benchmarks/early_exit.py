"""How much of a trial is read when the decoder may decide early: real EEG, held-out trials.

    NEUROKIT_DATA=/path/to/recordings python benchmarks/early_exit.py

Band power and LDA, whole trials beside `EarlyExitClassifier` around the same pipeline. Its
threshold is found by cross-validation inside the training trials; all figures are of trials, and
for SSVEP of sessions, that were held out. A random exit, which reads the first part of every trial
that is as long as the early exit's mean, stands beside it.
"""

import os
from pathlib import Path

import numpy as np
import xarray as xr
from real_motor_imagery import BANDS, band_pass, graz, peterson
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.model_selection import LeaveOneGroupOut, StratifiedKFold
from sklearn.pipeline import make_pipeline
from token_probes import read_events

import neurokit
from neurokit import io
from neurokit.decoders import EarlyExitClassifier
from neurokit.features import BandPower

FLICKER = (13.0, 17.0, 21.0)  # Hz
TOLERANCES = (0.01, 0.05)


def ssvep(data, subject):
    """Four seconds of flicker of every session of one subject; ``session`` is a coordinate."""
    parts = []
    for k, path in enumerate(sorted((data / "ssvep_exo").glob(f"subject{subject:02d}*_raw.fif"))):
        if path.name.startswith("subject07_record-2012.07.11"):
            continue  # the same recording as one of subject03
        x = io.read_signal(path)
        x = band_pass(x.isel(channel=np.flatnonzero(x["type"] == "eeg")), 6.0, 70.0)
        labels = [f"{f:g} Hz" for f in FLICKER]
        x = x.assign_coords(session=k)
        parts.append(neurokit.epoch(x, read_events(path), tmin=2.0, tmax=6.0, labels=labels))
    return xr.concat(parts, "trial", join="override")


def around(frequencies, width=0.5):
    return {f"{h * f:g} Hz": (h * f - width, h * f + width) for f in frequencies for h in (1, 2)}


def cases(data):
    """Yield name, trials, pipeline, folds."""
    lda = LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto")
    shuffled = StratifiedKFold(5, shuffle=True, random_state=0)
    yield "Graz C3/C4, left or right", graz(data), make_pipeline(BandPower(BANDS), lda), shuffled
    for subject in range(1, 5):
        x = peterson(data, subject)
        yield f"Peterson 2020, subject {subject}", x, make_pipeline(BandPower(BANDS), lda), "run"
    for subject in (1, 3, 7, 12):
        x = ssvep(data, subject)
        by = "session" if len(np.unique(x["session"])) > 1 else shuffled
        bands = around(FLICKER)
        yield f"SSVEP, subject {subject:02d}", x, make_pipeline(BandPower(bands), lda), by


def main(data):
    print("set | trials, s, chance | whole trials | tolerance: accuracy, s read, cut at that time")
    for name, x, pipeline, by in cases(data):
        y = x["label"].values
        groups = x[by].values if isinstance(by, str) else None
        folds = list((LeaveOneGroupOut() if isinstance(by, str) else by).split(y, y, groups))
        rate = neurokit.sampling_rate(x)
        duration = x.sizes["time"] / rate
        found = {"whole": np.empty(len(y), bool)}
        for tolerance in TOLERANCES:
            found |= {(tolerance, k): np.empty(len(y)) for k in ("right", "time", "cut")}
        for train, test in folds:
            several = groups is not None and len(np.unique(groups[train])) > 1
            inner = LeaveOneGroupOut() if several else 5
            a, b = x.isel(trial=train), x.isel(trial=test)
            found["whole"][test] = pipeline.fit(a, y[train]).predict(b) == y[test]
            for tolerance in TOLERANCES:
                decoder = EarlyExitClassifier(pipeline, tolerance=tolerance, cv=inner)
                decoder.fit(a, y[train], groups=groups[train] if several else None)
                label, _, time = decoder.decide(b)
                found[tolerance, "right"][test] = np.asarray(label) == y[test]
                found[tolerance, "time"][test] = np.asarray(time)
                mean = slice(0, max(round(float(np.mean(time)) * rate), 1))
                cut = pipeline.fit(a.isel(time=mean), y[train]).predict(b.isel(time=mean))
                found[tolerance, "cut"][test] = np.asarray(cut) == y[test]
        line = f"{name} | {len(y)}, {duration:.1f}, {1 / len(np.unique(y)):.2f}"
        line += f" | {found['whole'].mean():.3f}"
        for tolerance in TOLERANCES:
            right, time, cut = (found[tolerance, k].mean() for k in ("right", "time", "cut"))
            line += f" | {tolerance}: {right:.3f}, {time:.2f}, {cut:.3f}"
        print(line, flush=True)


if __name__ == "__main__":
    main(Path(os.environ["NEUROKIT_DATA"]))
