"""Train the masked model that ships: simulated EEG of many montages, and sets with a free licence.

    NEUROKIT_DATA=/path/to/recordings python benchmarks/train_masked.py OUT --seconds 330

See neurokit/pretraining/weights/eeg-small.md for what came of it. Recordings go in at 1 to 45 Hz,
100 Hz and steps of an eighth of their level, as they were sent to the machine that trained.
"""

import argparse
import os
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.signal import butter, sosfiltfilt

import neurokit
from neurokit import io
from neurokit.datasets import make_eeg, make_motor_imagery
from neurokit.pretraining import MaskedModel
from neurokit.training import Trainer

MUSE = ["TP9", "AF7", "AF8", "TP10"]
P300 = [
    "F7",
    "F3",
    "F4",
    "F8",
    "T7",
    "C3",
    "Cz",
    "C4",
    "T8",
    "P7",
    "P3",
    "Pz",
    "P4",
    "P8",
    "O1",
    "O2",
]


def prepare(values, rate, names, start, duration):
    """Filter, bring to 100 Hz, cut a stretch (s) and round."""
    band = butter(4, (1, 45), "bandpass", fs=rate, output="sos")
    values = sosfiltfilt(band, np.asarray(values, float), axis=-1).astype("f4")
    x = neurokit.signal(values, sampling_rate=rate, channels=names)
    x = neurokit.recording.resample(x, 100).values
    x = x[:, int(start * 100) : int((start + duration) * 100)]
    level = np.median(np.abs(x), 1, keepdims=True) / 0.6745
    x = np.clip(np.round(x / level * 8), -127, 127).astype(np.float32)
    return neurokit.signal(x - x.mean(1, keepdims=True), sampling_rate=100, channels=names)


def recorded(data):
    """Yield the recordings that the model learns from."""
    for run in ("01", "02", "04", "06", "10"):
        x = io.read_signal(data / "mi_eegmmidb" / f"S001R{run}.edf").load()
        x = x.isel(channel=np.flatnonzero(x["type"] == "eeg"))
        names = [str(name).strip(".") for name in x["channel"].values]
        yield prepare(x.values, neurokit.sampling_rate(x), names, 2, 55)
    seen = set()
    for file in sorted((data / "ssvep_exo").glob("*_raw.fif")):
        session = file.name.split("record-")[1]
        if session in seen:  # one file is there under the names of two people
            continue
        seen.add(session)
        x = io.read_signal(file).load()
        x = x.isel(channel=np.flatnonzero(x["type"] == "eeg"))
        yield prepare(x.values, neurokit.sampling_rate(x), x["channel"].values.tolist(), 20, 90)
    for file in sorted((data / "erp_n170_muse").glob("subject000*.csv")):
        yield prepare(pd.read_csv(file)[MUSE].values.T, 256, MUSE, 5, 100)
    held = np.load(data / "erp_p300_bi2012" / "subject_01_session_01.npz")["data"]
    yield prepare(held[15 * 128 :, :16].T, 128, P300, 5, 250)


def simulated(k):
    rng = np.random.default_rng(1000 + k)
    if k % 4 == 3:
        n, noise = int(rng.integers(4, 61)), float(rng.uniform(3, 10))
        made = make_motor_imagery(4, 10, n_channels=n, duration=4.0, noise=noise, random_state=k)
        x = made.trials
    else:
        noise = float(rng.uniform(3, 14))
        made = make_eeg(90.0, n_channels=61, sampling_rate=100.0, noise=noise, random_state=k)
        x = made.signal
    n = min(int(rng.integers(3, 40)), x.sizes["channel"])
    return x.isel(channel=np.sort(rng.permutation(x.sizes["channel"])[:n]))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--seconds", type=float, default=330.0)
    parser.add_argument("--simulated", type=int, default=90)
    given = parser.parse_args()
    warnings.simplefilter("ignore", UserWarning)
    X = [*recorded(Path(os.environ["NEUROKIT_DATA"]))] * 3
    X += [simulated(k) for k in range(given.simulated)]

    def fit(n_epochs):
        trainer = Trainer(
            n_epochs,
            batch_size=256,
            learning_rate=1.5e-3,
            weight_decay=0.01,
            reproducible=False,
        )
        model = MaskedModel(
            mask={"block": 0.6, "channel": 0.2, "time": 0.2},
            batch_tokens=65536,
            trainer=trainer,
            random_state=0,
        )
        return model.fit(X)

    start = time.perf_counter()
    fit(3)
    took = (time.perf_counter() - start) / 3
    model = fit(max(int(given.seconds / took), 3))
    losses = [round(epoch["loss"], 3) for epoch in model.history_]
    print(f"{len(losses)} epochs, {took:.1f} s each, loss {losses[0]} to {losses[-1]}")
    print(model.set_params(trainer=None).save(given.out))


if __name__ == "__main__":
    main()
