"""Spikes to movement on real recordings: every closed-form decoder, raw and smoothed.

    NEUROKIT_DATA=/path/to/recordings python benchmarks/real_reaching.py

Splits are blocks of time: training and test samples never alternate. Penalties are chosen by
cross-validation over blocks of the training samples. Two scores stand side by side: in real time,
and aligned, where the delay of the filter is forgiven.
"""

import os
from pathlib import Path

import numpy as np
from scipy.io import loadmat
from sklearn.model_selection import KFold
from sklearn.pipeline import make_pipeline

from neurokit.decoders import (
    BesselFilter,
    FIRSmoother,
    KalmanRegressor,
    LagWindow,
    SmoothedRegressor,
    WienerCascadeRegressor,
    WienerRegressor,
)
from neurokit.metrics.regression import decoding_r2
from neurokit.recording import behaviour, counts


def contdata95(data):
    """Counts of 95 channels in bins of 50 ms; position and velocity of a cursor."""
    file = loadmat(data / "spikes_m1_reach_contdata95" / "contdata95.mat")
    x = counts(file["Y"].T, bin_width=0.05)
    return x, behaviour(file["X"], sampling_rate=20, features=["x", "y", "vx", "vy"])


def centerout(data, session):
    """Rates of one session in bins of 200 ms (they are multiples of 5 spikes/s); velocity."""
    file = loadmat(data / "spikes_m1_centerout_dad" / "mihi_demo.mat")
    x = counts(np.round(file["Y" + session].T / 5).astype(np.int32), bin_width=0.2)
    return x, behaviour(file["X" + session], sampling_rate=5, features=["vx", "vy"])


def decoders(n_lags):
    return {
        "Wiener, 1 bin": WienerRegressor(1),
        f"Wiener, {n_lags} bins": WienerRegressor(n_lags),
        f"Wiener cascade, {n_lags} bins": WienerCascadeRegressor(n_lags),
        "Kalman, 1 bin": KalmanRegressor(),
        "lags, Kalman": make_pipeline(LagWindow(min(n_lags, 5)), KalmanRegressor()),
    }


def smoothed(n_lags, cutoff):
    """The same Wiener decoder with every kind of filter behind it."""
    filters = {
        f"Bessel {cutoff:g} Hz, {mode}": BesselFilter(cutoff, mode=mode, block=8)
        for mode in ("causal", "block_last", "block_middle", "offline")
    }
    for delay in (0, 1, 4):
        filters[f"FIR, 8 taps, {delay} bins late"] = FIRSmoother(8, delay=delay)
    return {
        f"Wiener, {n_lags} bins + {name}": SmoothedRegressor(WienerRegressor(n_lags), smoother)
        for name, smoother in filters.items()
    }


def evaluate(estimator, x, y, splits):
    """Both scores of every output, averaged over splits; and the delay in seconds."""
    scores = []
    for train, test in splits:
        estimator.fit(x.isel(time=train), y.isel(time=train))
        guess, truth = estimator.predict(x.isel(time=test)), y.isel(time=test)
        delay = getattr(estimator, "group_delay_", 0.0)
        scores.append(decoding_r2(truth, guess, delay=delay, multioutput="raw_values"))
    return np.mean(scores, axis=0), delay


def report(title, x, y, splits, estimators, baseline):
    """Print one table."""
    names = " ".join(y["feature"].values.tolist())
    print(f"\n{title} (baseline {baseline})\n")
    print(f"| decoder | real-time R2: {names} | mean | aligned mean | delay s |")
    print("|---|---|---|---|---|")
    for name, estimator in estimators.items():
        (realtime, aligned), delay = evaluate(estimator, x, y, splits)
        each = " ".join(f"{value:.3f}" for value in realtime)
        means = f"{realtime.mean():.3f} | {aligned.mean():.3f}"
        print(f"| {name} | {each} | {means} | {delay:.3f} |", flush=True)


def main():
    data = Path(os.environ["NEUROKIT_DATA"])
    x, y = contdata95(data)
    rows = np.arange(x.sizes["time"])
    last = [np.split(rows, [int(0.8 * len(rows))])]
    beside = ".81 .76 .76 .71"
    report("contdata95, last 20 %", x, y, last, decoders(10) | smoothed(10, 3.0), beside)
    report("contdata95, 5 blocks", x, y, list(KFold(5).split(rows)), decoders(10), beside)
    for session, baseline in (("tr", ".57 .53"), ("te", ".56 .79")):
        x, y = centerout(data, session)
        splits = list(KFold(5).split(y.values))
        report(f"centerout_dad {session}, 5 blocks", x, y, splits, decoders(3), baseline)


if __name__ == "__main__":
    main()
