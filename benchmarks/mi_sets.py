"""Real motor imagery as labelled trials: one place where the benchmarks read it.

    x = peterson(data, band=(8, 30))        # trials with subject, session, run and label
    x = eegmmidb(data, "left or right")

The band-pass (Butterworth of order 4, forward and backward) runs over whole recordings and sees no
labels. Nothing else is done: alignment and all that learns stands in the pipelines.
"""

import warnings
from pathlib import Path

import numpy as np
import xarray as xr
from scipy.io import loadmat
from scipy.signal import butter, sosfiltfilt

import neurokit
from neurokit import io

TASKS = {"fists or feet": (6, 10, 14), "left or right": (4, 8, 12)}  # runs of eegmmidb


def band_pass(x, band):
    """Butterworth of order 4 forward and backward over a whole recording."""
    sos = butter(4, band, "bandpass", fs=neurokit.sampling_rate(x), output="sos")
    return x.copy(data=sosfiltfilt(sos, x.values.astype(np.float64), axis=-1).astype(np.float32))


def read_runs(files, labels, tmin, tmax, band):
    """Filtered trials of several runs; ``run`` is a coordinate of ``trial``."""
    runs = []
    for run, path in enumerate(files, 1):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # a blank unit, read as microvolts
            x = io.read_signal(path)
        x = x.isel(channel=np.flatnonzero(x["type"] == "eeg")).assign_coords(run=run)
        trials = neurokit.epoch(
            band_pass(x, band), io.read_events(path), tmin=tmin, tmax=tmax, labels=labels
        )
        runs.append(trials)
    return xr.concat(runs, "trial")


def peterson(data, subjects=(1, 2, 3, 4), *, band=(8.0, 30.0)):
    """Grasp of the right hand or rest, 0.5 to 4 s after the cue: 150 or 160 trials a subject."""
    people = []
    for subject in subjects:
        folder = Path(data) / "mi_peterson2020"
        files = [folder / f"subj{subject:02d}_run{r:03d}.edf" for r in range(2, 6)]
        x = read_runs(files, ["OVTK_GDF_Right", "OVTK_GDF_Tongue"], 0.5, 4.0, band)
        label = np.where(x["label"].values == "OVTK_GDF_Right", "hand", "rest")
        names = {"label": label, "subject": np.full(len(label), f"P{subject:02d}")}
        people.append(x.assign_coords({k: ("trial", v) for k, v in names.items()}))
    x = xr.concat(people, "trial")
    return x.assign_coords(session=("trial", np.full(x.sizes["trial"], "1")))


def eegmmidb(data, task, *, band=(8.0, 30.0)):
    """Subject S001, imagined movement, 0.5 to 3.5 s after the cue: 45 trials in three runs."""
    files = [Path(data) / "mi_eegmmidb" / f"S001R{run:02d}.edf" for run in TASKS[task]]
    x = read_runs(files, ["T1", "T2"], 0.5, 3.5, band)
    n = x.sizes["trial"]
    names = {"subject": np.full(n, "S001"), "session": np.full(n, "1")}
    return x.assign_coords({k: ("trial", v) for k, v in names.items()})


def graz(data):
    """Left or right hand, two bipolar channels, unfiltered; cue at 3 s, cut from 3.2 s."""
    path = Path(data) / "mi_graz_c3c4" / "motor_imagery_train_data.mat"
    file = loadmat(path, squeeze_me=True, struct_as_record=False)["P_C_S"]
    right = np.asarray(file.attribute)[list(file.attributename).index("RIGHT")]
    x = neurokit.signal(
        np.asarray(file.data)[:, :, :2].transpose(0, 2, 1),
        sampling_rate=128,
        channels=["C3", "C4"],
        trials={"label": np.where(right == 1, "right", "left")},
    )
    return x.sel(time=slice(3.2, None))


def last_run(x):
    """Train on all runs of each subject but the last, test that: one fold for each subject."""
    folds = {}
    subject, run = x["subject"].values, x["run"].values
    for who in np.unique(subject):
        mine = subject == who
        last = run == run[mine].max()
        folds[f"{who}, last run"] = (np.flatnonzero(mine & ~last), np.flatnonzero(mine & last))
    return folds
