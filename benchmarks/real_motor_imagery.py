"""Motor imagery on real EEG: alignment, CSP or band power, LDA, beside each set's baseline.

    NEUROKIT_DATA=/path/to/recordings python benchmarks/real_motor_imagery.py

Nothing is chosen on test trials: the number of CSP filters is fixed, bands are found by
cross-validation inside the training trials. Band-pass filters run over whole recordings and use
no labels. Each run that is left out is aligned by its own trials (transductive: their covariances
are seen, not their labels); in splits that mix runs, by the training trials of that run.
"""

import os
import warnings
from pathlib import Path

import numpy as np
import xarray as xr
from mne import use_log_level
from mne.decoding import CSP
from mne.filter import filter_data
from scipy.io import loadmat
from scipy.signal import butter, sosfiltfilt
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.model_selection import (
    GridSearchCV,
    LeaveOneGroupOut,
    RepeatedStratifiedKFold,
    StratifiedKFold,
    cross_val_score,
)
from sklearn.pipeline import make_pipeline

import neurokit
from neurokit import io
from neurokit.features import BandPower, EuclideanAlignment

BANDS = {"mu": (8.0, 13.0), "low beta": (13.0, 20.0), "high beta": (20.0, 30.0)}


def band_pass(x, low=8.0, high=30.0, *, fir=False):
    """Butterworth of order 4 forward and backward, or MNE's FIR, over the whole recording."""
    if fir:
        values = x.values.astype(np.float64)
        values = filter_data(values, neurokit.sampling_rate(x), low, high, verbose="error")
        return x.copy(data=values.astype(np.float32))
    sos = butter(4, (low, high), "bandpass", fs=neurokit.sampling_rate(x), output="sos")
    return x.copy(data=sosfiltfilt(sos, x.values.astype(np.float64), axis=-1).astype(np.float32))


def read_trials(files, labels, tmin, tmax, *, fir=False):
    """Filtered trials of several runs; ``run`` is a coordinate of ``trial``."""
    runs = []
    for run, path in enumerate(files):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # a blank unit, read as microvolts
            x = io.read_signal(path)
        x = x.isel(channel=np.flatnonzero(x["type"] == "eeg")).assign_coords(run=run)
        events = io.read_events(path)
        x = band_pass(x, fir=fir)
        runs.append(neurokit.epoch(x, events, tmin=tmin, tmax=tmax, labels=labels))
    return xr.concat(runs, "trial")


def peterson(data, subject):
    files = [data / "mi_peterson2020" / f"subj{subject:02d}_run{r:03d}.edf" for r in range(2, 6)]
    return read_trials(files, ["OVTK_GDF_Right", "OVTK_GDF_Tongue"], 0.5, 4.0)


def eegmmidb(data, runs, *, fir=False):
    files = [data / "mi_eegmmidb" / f"S001R{run:02d}.edf" for run in runs]
    return read_trials(files, ["T1", "T2"], 0.5, 3.5, fir=fir)


def graz(data):
    """Left or right hand, two bipolar channels; the cue comes at 3 s."""
    path = data / "mi_graz_c3c4" / "motor_imagery_train_data.mat"
    file = loadmat(path, squeeze_me=True, struct_as_record=False)["P_C_S"]
    right = np.asarray(file.attribute)[list(file.attributename).index("RIGHT")]
    x = neurokit.signal(
        np.asarray(file.data)[:, :, :2].transpose(0, 2, 1),
        sampling_rate=128,
        channels=["C3", "C4"],
        trials={"label": np.where(right == 1, "right", "left")},
    )
    return x.sel(time=slice(3.2, None))


def lda():
    return LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto")


def pipelines():
    align = EuclideanAlignment(by=("subject", "run"))
    return {
        "CSP, LDA": make_pipeline(CSP(6), lda()),
        "alignment, CSP, LDA": make_pipeline(align, CSP(6), lda()),
        "alignment, band power, LDA": make_pipeline(align, BandPower(BANDS), lda()),
    }


def score(pipeline, x, cv, groups=None):
    """Accuracy of each fold."""
    with use_log_level("error"):
        return cross_val_score(pipeline, x, x["label"].values, cv=cv, groups=groups)


def chosen_bands():
    """Band power whose bands, classic or 2 Hz wide, are chosen inside each training set."""
    narrow = {f"{low} Hz": (float(low), low + 2.0) for low in range(8, 30, 2)}
    pipeline = make_pipeline(BandPower(), lda())
    inner = StratifiedKFold(5, shuffle=True, random_state=0)
    return GridSearchCV(pipeline, {"bandpower__bands": [BANDS, narrow]}, cv=inner)


def rows(data):
    """Yield set, pipeline, split, accuracies, baseline."""
    for subject, baseline in zip(range(1, 5), (0.80, 0.73, 0.79, 0.84), strict=True):
        x = peterson(data, subject)
        for name, pipeline in pipelines().items():
            accuracy = score(pipeline, x, LeaveOneGroupOut(), x["run"].values)
            yield (
                f"mi_peterson2020, subject {subject}",
                name,
                "leave one run out",
                accuracy,
                baseline,
            )
    for task, runs, baseline in (
        ("fists or feet", (6, 10, 14), 0.98),
        ("left or right", (4, 8, 12), 0.68),
    ):
        x = eegmmidb(data, runs)
        repeated = RepeatedStratifiedKFold(n_splits=5, n_repeats=5, random_state=0)
        for name, pipeline in pipelines().items():
            accuracy = score(pipeline, x, repeated)
            yield f"mi_eegmmidb S001, {task}", name, "5 x 5 folds", accuracy, baseline
            accuracy = score(pipeline, x, LeaveOneGroupOut(), x["run"].values)
            yield f"mi_eegmmidb S001, {task}", name, "leave one run out", accuracy, np.nan
        x = eegmmidb(data, runs, fir=True)
        accuracy = score(pipelines()["alignment, CSP, LDA"], x, repeated)
        name = "FIR band-pass, alignment, CSP, LDA"
        yield f"mi_eegmmidb S001, {task}", name, "5 x 5 folds", accuracy, baseline
    repeated = RepeatedStratifiedKFold(n_splits=10, n_repeats=5, random_state=0)
    accuracy = score(chosen_bands(), graz(data), repeated)
    yield "mi_graz_c3c4", "band power (bands by inner CV), LDA", "5 x 10 folds", accuracy, 0.91


def main():
    data = Path(os.environ["NEUROKIT_DATA"])
    print("| set | pipeline | split | accuracy | folds' s.d. | baseline | chance |")
    print("|---|---|---|---|---|---|---|")
    for name, pipeline, split, accuracy, baseline in rows(data):
        beside = "-" if np.isnan(baseline) else f"{baseline:.2f}"
        figures = f"{accuracy.mean():.3f} | {accuracy.std():.3f} | {beside} | 0.50"
        print(f"| {name} | {pipeline} | {split} | {figures} |", flush=True)


if __name__ == "__main__":
    main()
