"""Motor imagery by a frozen probe on `MaskedModel`, pretrained blind to the test subject.

    NEUROKIT_DATA=/path/to/recordings python benchmarks/pretraining.py SEED EPOCHS [SUBJECT ...]

Balanced accuracy on each left-out subject of mi_peterson2020, for the pretrained encoder and its
own random start, with means over frames and with covariances of latents recentred by run.
"""

import os
import sys
import time
import warnings
from pathlib import Path

import numpy as np
from scipy.signal import butter, sosfiltfilt
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import neurokit
from neurokit import io
from neurokit.pretraining import MaskedModel
from neurokit.pretraining.pools import pool_covariances, recentre, vectorise
from neurokit.training import Trainer

LABELS = ["OVTK_GDF_Right", "OVTK_GDF_Tongue"]


def band(x, low, high):
    sos = butter(4, (low, high), "bandpass", fs=neurokit.sampling_rate(x), output="sos")
    return x.copy(data=sosfiltfilt(sos, x.values.astype(float), axis=-1).astype("f4"))


def read(data):
    """Return recordings and trials by (subject, run)."""
    whole, test = {}, {}
    for subject in range(1, 5):
        for run in range(1, 6):
            path = data / "mi_peterson2020" / f"subj{subject:02d}_run{run:03d}.edf"
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UserWarning)
                x = io.read_signal(path).load()
            x = x.isel(channel=np.flatnonzero(x["type"] == "eeg"))
            key = subject, run
            whole[key] = neurokit.recording.resample(band(x, 1, 45), 128)
            if run > 1:
                events = io.read_events(path)
                test[key] = neurokit.epoch(whole[key], events, tmin=0.5, tmax=4.0, labels=LABELS)
    return whole, test


def main():
    seed, n_epochs = int(sys.argv[1]), int(sys.argv[2])
    whole, test = read(Path(os.environ["NEUROKIT_DATA"]))
    y = np.concatenate([x["label"].values for x in test.values()])
    runs = np.concatenate([[f"{k}"] * x.sizes["trial"] for k, x in test.items()])
    subjects = np.concatenate([[k[0]] * x.sizes["trial"] for k, x in test.items()])

    def score(features, subject):
        train, held = subjects != subject, subjects == subject
        probe = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=2000))
        probe.fit(features[train], y[train])
        return balanced_accuracy_score(y[held], probe.predict(features[held]))

    def both(model, subject):
        found = [model.transform(x).values for x in test.values()]
        means = np.concatenate([z.mean(2).reshape(len(z), -1) for z in found])
        matrices = np.concatenate([pool_covariances(z) for z in found])
        return score(means, subject), score(vectorise(recentre(matrices, runs)), subject)

    start = time.perf_counter()
    for subject in map(int, sys.argv[3:] or range(1, 5)):
        trainer = Trainer(n_epochs, batch_size=64, learning_rate=1e-3, reproducible=False)
        model = MaskedModel(trainer=trainer, random_state=seed)
        model.fit([x for key, x in whole.items() if key[0] != subject])
        pretrained = both(model, subject)
        trainer.set_params(n_epochs=1, learning_rate=1e-30)
        model.set_params(random_state=seed).fit([whole[1, 1]])
        random = both(model, subject)
        print(
            f"seed {seed}, subject {subject}: means {pretrained[0]:.3f} (random start"
            f" {random[0]:.3f}), covariances {pretrained[1]:.3f} ({random[1]:.3f}),"
            f" {time.perf_counter() - start:.0f} s",
            flush=True,
        )


if __name__ == "__main__":
    main()
