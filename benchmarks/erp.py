"""Evoked responses: a P300 speller, faces or houses on four electrodes, a key about to be pressed.

    NEUROKIT_DATA=... OMP_NUM_THREADS=1 python benchmarks/erp.py [p300 n170 keys]

Nothing is chosen on test data. ``keys`` also asks what the test labels of that set are worth.
"""

import os
import sys
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr
from scipy.io import loadmat
from scipy.signal import butter, sosfiltfilt
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

import neurokit
from neurokit.decoders import make_band_power
from neurokit.protocols import evaluate


def lda():
    return LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto")


def band_pass(x, rate, low, high):
    return sosfiltfilt(butter(4, (low, high), "bandpass", fs=rate, output="sos"), x, axis=-1)


def means(x, seconds=0.05):
    """Means over 50 ms of every channel, less its mean over the trial."""
    values = np.asarray(x.transpose("trial", "channel", "time").values, float)
    size = max(1, round(seconds * neurokit.sampling_rate(x)))
    whole = values.shape[-1] // size * size
    out = values[..., :whole].reshape(*values.shape[:2], -1, size).mean(-1)
    return (out - out.mean(-1, keepdims=True)).reshape(len(values), -1)


def pipelines(n_xdawn=2):
    from pyriemann.estimation import XdawnCovariances
    from pyriemann.tangentspace import TangentSpace

    plain = FunctionTransformer(lambda x: np.asarray(x.values, float))
    return {
        "means of 50 ms, LDA": make_pipeline(FunctionTransformer(means), lda()),
        "xDAWN covariances, tangent space, LR": make_pipeline(
            plain,
            XdawnCovariances(n_xdawn, estimator="oas", xdawn_estimator="oas"),
            TangentSpace(),
            LogisticRegression(max_iter=1000),
        ),
        "band power (4-8, 8-13, 13-30 Hz), LDA": make_band_power(
            {"theta": (4.0, 8.0), "alpha": (8.0, 13.0), "beta": (13.0, 30.0)}
        ),
    }


def show(title, found):
    print(f"\n## {title}")
    columns = ["auroc", "balanced_accuracy", "accuracy", "sd_units"]
    print(found.table[columns].round(3).to_string())
    by = found.scores.pivot_table(index="estimator", columns="unit", values="auroc")
    print("AUROC by unit:\n" + by.round(3).to_string())
    print(f"{found.card.split}; {found.card.trials}; {found.card.target_data}")


def p300(data):
    file = np.load(data / "erp_p300_bi2012" / "subject_01_session_01.npz", allow_pickle=False)
    rate, first = 128, 3000  # the amplifier settles before
    stim = file["stim"][first:]
    x = band_pass(file["data"][first:, :16].T.astype(float), rate, 1.0, 16.0)
    at = np.flatnonzero(stim)
    whole = neurokit.signal(x, sampling_rate=rate)
    names = np.where(stim[at] == 2, "target", "other")
    trials = neurokit.epoch(whole, neurokit.events(at / rate, 0.0, names), tmin=0.0, tmax=0.8)
    # neighbours overlap: trials that share samples with the test are left out of the training
    onset, n = trials["onset"].values, trials.sizes["trial"]
    folds = {}
    for k in range(5):
        test = np.arange(n) * 5 // n == k
        inside = (onset > onset[test][0] - 0.8) & (onset < onset[test][-1] + 0.8)
        folds[f"fifth {k + 1}"] = (np.flatnonzero(~inside), np.flatnonzero(test))
    show(
        "P300, Brain Invaders 2012, one person, fifths",
        evaluate(pipelines(), trials, protocol=folds),
    )


def n170(data):
    pieces = []
    for path in sorted((data / "erp_n170_muse").glob("*.csv")):
        table = pd.read_csv(path)
        clock = table["timestamps"].to_numpy()
        marker = table[next(c for c in table if c.startswith("Marker"))].to_numpy()
        grid = np.arange(clock[0], clock[-1], 1 / 250)
        names = ["TP9", "AF7", "AF8", "TP10"]
        x = np.stack([np.interp(grid, clock, table[c].to_numpy(float)) for c in names])
        x = band_pass(x, 250, 1.0, 30.0)
        at = np.flatnonzero(np.isin(marker, (1, 2)))
        events = neurokit.events(
            clock[at] - grid[0], 0.0, np.where(marker[at] == 2, "face", "house")
        )
        who, run = path.name[:11], path.name.split("_")[-1]
        whole = neurokit.signal(x, sampling_rate=250, channels=names)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            trials = neurokit.epoch(whole, events, tmin=0.0, tmax=0.5)
        quiet = np.abs(trials.values).max(axis=(1, 2)) < 75  # no label is looked at
        trials = trials.isel(trial=np.flatnonzero(quiet))
        if trials.sizes["trial"] < 40:
            print(f"{path.name}: {trials.sizes['trial']} quiet trials, left out")
            continue
        n = trials.sizes["trial"]
        names = {"subject": [who] * n, "session": ["1"] * n, "run": [run] * n}
        pieces.append(trials.assign_coords({k: ("trial", v) for k, v in names.items()}))
    x = xr.concat(pieces, "trial")
    show("N170, faces or houses, Muse, one run out", evaluate(pipelines(), x))
    found = evaluate(pipelines(), x, protocol="leave-one-subject-out")
    show("N170, one subject out", found)


def keys(data):
    """The hand that will press a key: what training and test labels are worth."""
    file = loadmat(data / "mi_bci2_dsIV_selfpaced" / "sp1s_aa.mat")
    x = {part: file[f"x_{part}"].transpose(2, 1, 0).astype(float) for part in ("train", "test")}
    y = {part: file[f"y_{part}"].ravel().astype(int) for part in ("train", "test")}
    both = np.concatenate([x["train"], x["test"]])
    labels = np.concatenate([y["train"], y["test"]])
    trials = neurokit.signal(both, sampling_rate=100, trials={"label": labels})
    rows = pipelines()
    del rows["band power (4-8, 8-13, 13-30 Hz), LDA"]
    train, test = trials[:316], trials[316:]
    show("keys, fifths of the training part", evaluate(rows, train))
    split = {"test": (np.arange(316), np.arange(316, 416))}
    found = evaluate(rows, trials, protocol=split)
    show("keys, trained on the training part, test part with the labels of this copy", found)
    show("keys, fifths of the test part with the labels of this copy", evaluate(rows, test))
    said = found.predicted("means of 50 ms, LDA")
    right = [np.mean(said == np.roll(y["test"], k)) for k in range(100)]
    print(
        f"test labels rolled by 0 to 99 trials: {min(right):.2f} to {max(right):.2f} (at"
        f" {int(np.argmax(right))}), as they stand {right[0]:.2f}; labels 1 among the answers"
        f" {said.mean():.2f}, among the labels {y['test'].mean():.2f}"
    )
    repeated = [k for k in range(100) if (x["train"] == x["test"][k]).all(axis=(1, 2)).any()]
    print(f"test trials that are training trials too: {len(repeated)}")


def main():
    data = Path(os.environ["NEUROKIT_DATA"])
    for part in sys.argv[1:] or ["p300", "n170", "keys"]:
        {"p300": p300, "n170": n170, "keys": keys}[part](data)


if __name__ == "__main__":
    main()
