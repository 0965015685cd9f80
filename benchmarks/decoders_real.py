"""All decoders along time side by side: accuracy raw and filtered, operations, energy, training.

    NEUROKIT_DATA=/path/to/recordings python benchmarks/decoders_real.py SET ... --jobs 4 --out F
    python benchmarks/decoders_real.py --out F --table

SET: simulated contdata95 centerout placecells track worm (default: all; "simulated" needs no
recordings). Time is cut into five blocks. Each is scored once, by decoders with another seed (and,
simulated, in another population), the block after it chooses lags and cutoffs and fits filters,
and three train; networks stop early by a share of these three. Every line of the file F is one
decoder with one filter on one block; what stands there is not done again.
"""

import argparse
import json
import multiprocessing
import os
import sys
import time
import warnings
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pandas as pd
from decoders_sets import CLOCK, N_BLOCKS, SETS, split
from sklearn.base import clone
from sklearn.pipeline import make_pipeline

from neurokit.decoders import (
    BesselFilter,
    FIRSmoother,
    KalmanRegressor,
    RecurrentRegressor,
    SpikingRegressor,
    WienerCascadeRegressor,
    WienerRegressor,
    WindowMLPRegressor,
)
from neurokit.features import LagWindow, LegendreHistory
from neurokit.metrics.footprint import footprint
from neurokit.metrics.neurobench import Operations, operation_energy
from neurokit.metrics.regression import decoding_r2
from neurokit.recording import contiguous_runs
from neurokit.training import Trainer

CUTOFFS = (0.05, 0.1, 0.2, 0.4)  # of half the rate; the first is that of the Bessel paper
LAGS = (1, 3, 10)
SHOWN = 1000  # steps on which operations are counted
ACCURACY = {  # column: filter, scores
    "raw": ("raw", ["r2_rt"]),
    "Bessel causal rt, al": ("Bessel causal", ["r2_rt", "r2_aligned"]),
    "block_last rt": ("Bessel block_last", ["r2_rt"]),
    "FIR rt": ("FIR", ["r2_rt"]),
    "block_middle rt, al": ("Bessel block_middle", ["r2_rt", "r2_aligned"]),
    "FIR late rt, al": ("FIR late", ["r2_rt", "r2_aligned"]),
    "offline": ("Bessel offline", ["r2_rt"]),
}
COSTS = ["parameters", "bytes", "dense", "macs", "acs", "nj_float32", "nj_int8", "nj_memory"]
COSTS += ["fit_s", "fit_cpu_s", "epochs"]
ROUNDED = ("SpikingRegressor", "LSTM")  # shown with rounded weights too
# What `choose_networks.py` chose, on populations that no table shows.
SETTINGS = {
    # the defaults of SpikingRegressor; it chose tau_mem .1, which stands in a row of its own
    "spiking": {"learning_rate": 5e-3},
    "lstm": {"hidden": 128, "learning_rate": 2e-3},
}


def windows_trainer(n_rows, longest):
    """Train on overlapping windows: some 15 updates an epoch, however short the recording."""
    size = int(np.clip(n_rows / (0.75 * longest) // 15, 1, 32))
    return Trainer(
        100,
        batch_size=size,
        learning_rate=5e-3,
        validation_fraction=0.1,
        patience=25,
        device="cpu",
    )


def rows_trainer(n_rows):
    """Train on single moments."""
    return Trainer(
        40,
        batch_size=int(np.clip(n_rows // 40, 32, 512)),
        learning_rate=5e-3,
        weight_decay=0.01,
        validation_fraction=0.1,
        patience=10,
        device="cpu",
    )


def decoders(n_rows, longest=500, settings=SETTINGS, n_units=96):
    """Name and candidates of every decoder; of several, the validation block chooses."""
    lags = [n for n in LAGS if n * n_units < 1000]
    window, rows = windows_trainer(n_rows, longest), rows_trainer(n_rows)
    # Trials may be hardly longer than the window: what it says of them stands at the mean before.
    spans = ((4, 0.2), (6, 0.2), (6, 0.4))
    history = [LegendreHistory(order, span, start="mean") for order, span in spans]
    few = clone(window).set_params(n_epochs=30)

    def chosen(kind):
        found = dict(settings[kind])
        rate = found.pop("learning_rate")
        return found | {"trainer": clone(window).set_params(learning_rate=rate)}

    spiking = chosen("spiking")
    return {
        "Wiener": [WienerRegressor(n) for n in lags],
        "Wiener cascade": [WienerCascadeRegressor(n) for n in lags],
        "Legendre, Wiener": [make_pipeline(h, WienerRegressor(1)) for h in history],
        "Kalman": [KalmanRegressor()]
        + [
            make_pipeline(LagWindow(n, start="mean"), KalmanRegressor())
            for n in lags
            if 1 < n < 10
        ],
        "ANN2D": [WindowMLPRegressor(trainer=rows)],
        "ANN3D": [WindowMLPRegressor(n_parts=7, trainer=rows)],
        "SNN2": [SpikingRegressor(preset="snn2", trainer=window)],
        "SNN_3D": [SpikingRegressor(preset="snn3d", trainer=rows)],
        "SNN_Streaming": [SpikingRegressor(preset="streaming", trainer=window)],
        "tiny RSNN": [SpikingRegressor(preset="tiny", trainer=window)],
        "big RSNN": [SpikingRegressor(preset="big", trainer=few)],
        "SpikingRegressor": [SpikingRegressor(**spiking)],
        "SpikingRegressor, tau_mem 100 ms": [SpikingRegressor(tau_mem=0.1, **spiking)],
        "SpikingRegressor, 40 % pruned": [SpikingRegressor(prune=0.4, **spiking)],
        "GRU": [RecurrentRegressor("gru", trainer=window)],
        "LSTM": [RecurrentRegressor("lstm", trainer=window)],
        "LSTM, 128 units": [RecurrentRegressor("lstm", **chosen("lstm"))],
        "ELM": [RecurrentRegressor("elm", trainer=window)],
    }


def filters(rate, fine):
    """Name and candidates of every filter, and whether the aligned score chooses."""
    block = 32 if fine else 8
    for mode in ("causal", "block_last", "block_middle", "offline"):
        bands = [BesselFilter(c * rate / 2, mode=mode, block=block) for c in CUTOFFS]
        yield f"Bessel {mode}", bands, mode in ("block_middle", "offline")
    yield "FIR", [FIRSmoother(block)], False
    yield "FIR late", [FIRSmoother(block, delay=block // 2)], True


def both(truth, guess, delay):
    """Scores of every output in real time and aligned."""
    delay = max(delay, 0.0) if np.isfinite(delay) else 0.0
    return decoding_r2(truth, guess, delay=delay, multioutput="raw_values")


def sums(truth, guess):
    """What scores over several blocks are made of: n, and sums of y, p, yy, pp, yp."""
    y, p = truth.values, np.asarray(guess)
    totals = (y.sum(0), p.sum(0), (y * y).sum(0), (p * p).sum(0), (y * p).sum(0))
    return [len(y), *(total.tolist() for total in totals)]


def best(candidates, score):
    """Fit and score every candidate; return the best one and its index."""
    scores = [score(candidate) for candidate in candidates]
    return candidates[int(np.argmax(scores))], int(np.argmax(scores))


def cost_of(decoder, x):
    """Costs of a step; behind a history, those of the last part and the history's products."""
    if not hasattr(decoder, "steps"):
        return footprint(decoder, x).to_dict()
    history, last = decoder.steps[0][1], decoder.steps[-1][1]
    found = footprint(last, history.transform(x)).to_dict()
    if isinstance(history, LegendreHistory):  # a small dense system for each unit
        macs = x.sizes["unit"] * (history.order**2 + history.order)
        found["macs"] += macs
        found["dense"] += macs
        for dtype in ("float32", "int8"):
            found[f"nj_{dtype}"] += operation_energy(multiplications(macs), dtype)
    return found


def multiplications(n):
    return Operations(n, 0.0, n, 0.0, 0.0)


def behind(decoder, held, test, fine, stretch):
    """One row for the decoder alone, and one for each filter behind it.

    ``held`` and ``test`` are pairs of counts and movement: the filter is fitted and chosen on the
    first. ``stretch``: real seconds in a second of the clock.
    """
    (held_x, held_y), (test_x, test_y) = held, test
    before, guess = decoder.predict(held_x), decoder.predict(test_x)
    cost = cost_of(decoder, test_x.isel(time=slice(0, SHOWN)))

    def row(label, result, delay, latency, n_taps, choice):
        realtime, aligned = both(test_y, result, delay)
        macs = test_y.sizes["feature"] * n_taps
        found = {
            "filter": label,
            "filter_chosen": choice,
            "r2_rt": float(np.mean(realtime)),
            "r2_aligned": float(np.mean(aligned)),
            "r2_each": realtime.tolist(),
            "delay_s": stretch * float(delay) if np.isfinite(delay) else 0.0,
            "latency_s": stretch * float(latency),
            "sums": sums(test_y, result),
        }
        wanted = ("parameters", "bytes", "dense", "acs", "nj_int8", "nj_memory")
        found |= {key: float(cost[key]) for key in wanted}
        found["macs"] = float(cost["macs"]) + macs
        found["nj_float32"] = float(cost["nj_float32"]) + operation_energy(multiplications(macs))
        return found

    yield row("raw", guess, 0.0, 0.0, 0, 0)
    for label, candidates, by_aligned in filters(1 / (0.004 if fine else CLOCK), fine):

        def score(smoother, by_aligned=by_aligned):
            smoother.fit(before, held_y.values)
            found = both(held_y, smoother.transform(before), smoother.group_delay_)
            return float(np.mean(found.aligned if by_aligned else found.realtime))

        smoother, choice = best(candidates, score)
        taps = getattr(smoother, "taps_", None)
        n_taps = smoother.sos_.size if taps is None else len(taps)
        delay, latency = smoother.group_delay_, smoother.latency_
        yield row(label, smoother.transform(guess), delay, latency, n_taps, choice)


def evaluate(job):
    """Train one decoder on one split; return its rows, none if it failed."""
    import torch

    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    try:
        return _evaluate(*job)
    except Exception as error:  # one failure must not lose an hour of the others
        print(f"{job[:4]}: {error!r}", file=sys.stderr, flush=True)
        return []


def _evaluate(name, session, decoder_name, k, options):
    import torch

    fine = name == "simulated"
    read = SETS[name][session]
    recording = read(k, options["duration"]) if fine else read(k)
    rows = split(recording, k)
    x, y = recording.x, recording.y
    if x.dtype.kind == "f":  # traces: to the scale of the training data
        seen = x.isel(time=rows.train)
        x = (x - seen.mean("time")) / seen.std("time")
    train, held, test = ((x.isel(time=at), y.isel(time=at)) for at in rows)
    spent = {}

    def fitted(decoder):
        params = decoder.get_params()
        if "random_state" in params:
            decoder.set_params(random_state=k)
        if options["epochs"] and "trainer" in params:
            decoder.set_params(trainer__n_epochs=options["epochs"])
        if decoder_name == "big RSNN" and torch.cuda.is_available():
            decoder.set_params(trainer__device="cuda")
        wall, cpu = time.perf_counter(), time.process_time()
        decoder.fit(*train)
        spent[id(decoder)] = time.perf_counter() - wall, time.process_time() - cpu
        return decoder.score(*held)

    longest = max(run.stop - run.start for run in contiguous_runs(train[0]))
    longest = min(longest, 500 if fine else 100)  # a window of 2 s
    n_units = x.sizes["unit"]
    candidates = decoders(len(rows.train), longest, options["settings"], n_units)[decoder_name]
    decoder, choice = best(candidates, fitted)
    wall, cpu = spent[id(decoder)]
    fixed = {
        "set": name,
        "session": session,
        "seed": k,
        "chosen": choice,
        "fit_s": wall,
        "fit_cpu_s": cpu,
        "epochs": len(getattr(decoder, "history_", [])),
        "train_s": len(rows.train) * recording.bin_width,
    }
    if recording.ceiling is not None and decoder_name == "Wiener":
        fixed["ceiling"] = recording.ceiling(rows.test)
    twins = {decoder_name: decoder}
    if decoder_name in ROUNDED:
        twins |= {f"{decoder_name}, {t}": decoder.quantized(t) for t in ("float16", "int8")}
    stretch = recording.bin_width / (0.004 if fine else CLOCK)
    return [
        fixed | {"decoder": label} | row
        for label, twin in twins.items()
        for row in behind(twin, held, test, fine, stretch)
    ]


# ---------------------------------------------------------------- running, resuming, tables


def load(path):
    """Rows of a file of results."""
    if not Path(path).exists():
        return []
    with Path(path).open() as lines:
        return [json.loads(line) for line in lines]


def jobs(wanted, only, n_seeds, options, done):
    """What is left to do, the slowest first."""
    slow = ["big RSNN", "SNN_3D", "GRU", "ELM"]
    left = []
    for name in wanted:
        for session in SETS[name]:
            for decoder in decoders(1000):
                if only and decoder not in only:
                    continue
                left += [(name, session, decoder, k, options) for k in range(n_seeds)]
    left = [job for job in left if job[:4] not in done]
    order = {name: i for i, name in enumerate(SETS)}
    return sorted(left, key=lambda j: (j[2] not in slow, order[j[0]]))


def table(rows):
    """Print accuracy and costs on every set: means over blocks, ± their standard deviation."""
    frame = pd.DataFrame(rows)
    order = list(decoders(1000))

    def place(name):
        """Twins with rounded weights stand behind the decoder that they were made of."""
        known = [d for d in order if name == d or name.startswith(d + ", ")]
        return order.index(max(known, key=len)), name

    for name, here in frame.groupby("set", sort=False):
        print(f"\n{name}, {len(here.groupby(['session', 'seed']))} blocks scored")
        if "ceiling" in here and here["ceiling"].notna().any():
            best_of = here.groupby("seed")["ceiling"].max()
            print(f"best possible in real time: {best_of.mean():.3f} ± {best_of.std():.3f}")
        columns = [*ACCURACY, "blocks together: R2", "r"]
        print("\n| decoder | " + " | ".join(columns) + " |\n|" + "---|" * (len(columns) + 1))
        names = sorted(here["decoder"].unique(), key=place)
        for decoder in names:
            mine = here[here["decoder"] == decoder]
            cells = []
            for label, kinds in ACCURACY.values():
                at = mine[mine["filter"] == label]
                cells.append(", ".join(f"{at[kind].mean():.3f}" for kind in kinds))
            raw = mine[mine["filter"] == "raw"]
            cells[0] += f" ± {raw['r2_rt'].std():.3f}"
            cells += [f"{value:.3f}" for value in over_blocks(raw)]
            print(f"| {decoder} | " + " | ".join(cells) + " |")
        print("\n| decoder | " + " | ".join(COSTS) + " |\n|" + "---|" * (len(COSTS) + 1))
        raw = here[here["filter"] == "raw"]
        cost = raw.groupby("decoder")[COSTS].mean()
        for decoder in names:
            cells = [f"{v:,.0f}" if v >= 100 else f"{v:.2g}" for v in cost.loc[decoder]]
            print(f"| {decoder} | " + " | ".join(cells) + " |")


def over_blocks(rows):
    """Mean R2 and correlation over outputs and sessions of all blocks put together."""
    scores = []
    for _, session in rows.groupby("session"):
        n, y, p, yy, pp, yp = (
            sum(map(np.array, each)) for each in zip(*session["sums"], strict=True)
        )
        error, spread = yy - 2 * yp + pp, yy - y * y / n
        r = (yp - y * p / n) / np.sqrt(spread * (pp - p * p / n))
        scores.append((np.mean(1 - error / spread), np.mean(r)))
    return np.mean(scores, axis=0)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("sets", nargs="*", default=[])
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--seeds", type=int, default=N_BLOCKS)
    parser.add_argument("--decoders", nargs="*")
    parser.add_argument("--epochs", type=int, help="fewer epochs, to try the script")
    parser.add_argument("--duration", type=float, default=300.0, help="simulated seconds")
    parser.add_argument("--out", default="decoders.jsonl")
    parser.add_argument("--settings", help="JSON of `choose_networks.py`, in place of ours")
    parser.add_argument("--table", action="store_true", help="print what the file holds")
    given = parser.parse_args()
    if not given.table:
        done = {(r["set"], r["session"], r["decoder"], r["seed"]) for r in load(given.out)}
        options = {"epochs": given.epochs, "duration": given.duration, "settings": SETTINGS}
        if given.settings:
            options["settings"] = json.loads(Path(given.settings).read_text())
        wanted = given.sets or list(SETS)
        left = jobs(wanted, given.decoders, given.seeds, options, done)
        with (
            multiprocessing.get_context("spawn").Pool(given.jobs) as pool,
            Path(given.out).open("a") as out,
        ):
            for i, found in enumerate(pool.imap_unordered(evaluate, left)):
                for row in found:
                    out.write(json.dumps(row) + "\n")
                out.flush()
                if found:
                    r = found[0]
                    print(
                        f"{i + 1}/{len(left)} {r['set']} {r['session']} {r['decoder']}"
                        f" {r['seed']}: {r['r2_rt']:.3f}, {r['fit_s']:.0f} s",
                        file=sys.stderr,
                        flush=True,
                    )
    if rows := load(given.out):
        table(rows)


if __name__ == "__main__":
    main()
