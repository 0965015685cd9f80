"""A new day: how far a decoder carries over, and how many seconds put it right again.

    python benchmarks/recalibration.py --jobs 4 --out recalibration.jsonl

Simulated reaching whose tuning walks (`make_reaching(drift=...)`): the first 180 s are the old
day; after four minutes that nobody records, the new day begins. Its first 10 to 120 s recalibrate,
its last 90 s are scored. Beside each other: the old decoder as it is, after `partial_fit`, and a
new one fitted on the same seconds alone. R2 in real time without a filter, five populations.
"""

import argparse
import json
import multiprocessing
import os
import time
import warnings
from copy import deepcopy
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import pandas as pd
from decoders_real import SETTINGS, load, rows_trainer, windows_trainer
from sklearn.base import clone

from neurokit.datasets.reaching import make_reaching
from neurokit.decoders import (
    KalmanRegressor,
    RecurrentRegressor,
    SpikingRegressor,
    WienerRegressor,
    WindowMLPRegressor,
)
from neurokit.recording import bin_spikes

OLD, PAUSE, NEW, SCORED = 180, 240, 210, 90  # seconds
SECONDS = (10, 30, 60, 120)
DRIFT = 0.3


def decoders(settings):
    window, rows = windows_trainer(OLD * 250, 500), rows_trainer(OLD * 250)

    def chosen(kind):
        found = dict(settings[kind])
        rate = found.pop("learning_rate")
        return found | {"trainer": clone(window).set_params(learning_rate=rate)}

    return {
        "Wiener, 10 bins": WienerRegressor(10),
        "Wiener, 10 bins, memory 0.1": WienerRegressor(10, memory=0.1),
        "Kalman": KalmanRegressor(),
        "Kalman, memory 0.1": KalmanRegressor(memory=0.1),
        "ANN3D": WindowMLPRegressor(n_parts=7, trainer=rows),
        "SpikingRegressor": SpikingRegressor(**chosen("spiking")),
        "LSTM": RecurrentRegressor("lstm", **chosen("lstm")),
    }


def days(seed, drift):
    """Counts and velocity of the old day, of the new one, and of what is scored of it."""
    session = make_reaching(OLD + PAUSE + NEW, drift=drift, random_state=seed)
    x = bin_spikes(session.spikes, 0.004)
    y = session.behaviour.sel(feature=["vx", "vy"]).isel(time=slice(0, x.sizes["time"]))

    def part(start, stop):
        rows = slice(start * 250, stop * 250)
        return x.isel(time=rows), y.isel(time=rows)

    begin, end = OLD + PAUSE, OLD + PAUSE + NEW
    return part(0, OLD), [part(begin, begin + s) for s in SECONDS], part(end - SCORED, end)


def short(decoder, seconds):
    """Batches for few windows: as many updates an epoch as with many."""
    trainer = decoder.get_params().get("trainer")
    if trainer is None:
        return decoder
    n_rows = seconds * 250
    rows = isinstance(decoder, WindowMLPRegressor)
    size = (rows_trainer(n_rows) if rows else windows_trainer(n_rows, 500)).batch_size
    return decoder.set_params(trainer=clone(trainer).set_params(batch_size=size))


def evaluate(job):
    """Rows of one decoder on one population."""
    import torch

    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    name, seed, options = job
    old, first, scored = days(300 + seed, options["drift"])
    decoder = decoders(options["settings"])[name]
    if "random_state" in decoder.get_params():
        decoder.set_params(random_state=seed)
    if options["epochs"] and "trainer" in decoder.get_params():
        decoder.set_params(trainer__n_epochs=options["epochs"])
    decoder.fit(*old)
    fixed = {"decoder": name, "seed": seed, "drift": options["drift"]}
    rows = [fixed | {"how": "as it was", "seconds": 0, "r2_rt": decoder.score(*scored)}]
    for seconds, new in zip(SECONDS, first, strict=True):
        for how in ("partial_fit", "anew"):
            start = time.process_time()
            if how == "partial_fit":
                other = short(deepcopy(decoder), seconds).partial_fit(*new)
            else:
                other = short(clone(decoder), seconds).fit(*new)
            spent = time.process_time() - start
            score = other.score(*scored)
            row = {"how": how, "seconds": seconds, "r2_rt": score, "fit_cpu_s": spent}
            rows.append(fixed | row)
    return rows


def table(rows):
    frame = pd.DataFrame(rows)
    columns = [("as it was", 0), *((how, s) for how in ("partial_fit", "anew") for s in SECONDS)]
    names = ["as it was", *(f"{how} {s} s" for how, s in columns[1:])]
    print("| decoder | " + " | ".join(names) + " |\n|" + "---|" * (len(columns) + 1))
    for decoder, here in frame.groupby("decoder", sort=False):
        cells = []
        for how, seconds in columns:
            values = here[(here["how"] == how) & (here["seconds"] == seconds)]["r2_rt"]
            cells.append(f"{values.mean():.3f} ± {values.std():.3f}")
        print(f"| {decoder} | " + " | ".join(cells) + " |")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--drift", type=float, default=DRIFT)
    parser.add_argument("--epochs", type=int, help="fewer epochs, to try the script")
    parser.add_argument("--settings", help="JSON of `choose_networks.py`, in place of ours")
    parser.add_argument("--out", default="recalibration.jsonl")
    given = parser.parse_args()
    settings = json.loads(Path(given.settings).read_text()) if given.settings else SETTINGS
    options = {"drift": given.drift, "epochs": given.epochs, "settings": settings}
    done = {(r["decoder"], r["seed"]) for r in load(given.out)}
    left = [(n, s, options) for n in decoders(SETTINGS) for s in range(given.seeds)]
    left = [job for job in reversed(left) if job[:2] not in done]
    with (
        multiprocessing.get_context("spawn").Pool(given.jobs) as pool,
        Path(given.out).open("a") as out,
    ):
        for found in pool.imap_unordered(evaluate, left):
            out.writelines(json.dumps(row) + "\n" for row in found)
            out.flush()
    table(load(given.out))


if __name__ == "__main__":
    main()
