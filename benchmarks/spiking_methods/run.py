"""Which spiking method pays on brain recordings: every method on every set, five seeds.

    NEUROKIT_DATA=/path/to/recordings python benchmarks/spiking_methods/run.py --jobs 6

Differences to the plain network are paired by seed, with Student's 95 % interval.
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
sys.path.insert(0, str(Path(__file__).parent))

import numpy as np
import pandas as pd
from scipy.stats import t as student

METHODS = {
    "plain": ("plain", "run"),
    "two layers": ("plain", "run_two_layers"),
    "UltraLIF": ("ultralif", "run"),
    "shrinking time steps": ("shrinking", "run"),
    "conversion of few levels": ("conversion", "run"),
    "excitation and inhibition": ("inhibition", "run"),
    "spiking Legendre memory": ("legendre", "run"),
    "liquid": ("liquid", "run"),
    "liquid with astrocyte": ("astrocytes", "run"),
    "what and when, three factors": ("three_factor", "run"),
    "adapted": ("projections", "run_without"),
    "adapted, projections": ("projections", "run"),
    "sym-STDP": ("stdp", "symmetric"),
    "s-STDP": ("stdp", "stabilised"),
    "under attack": ("attack", "run"),
    "cascade": ("cascade", "run"),
}
COSTS = {"MACs": "macs", "ACs": "acs", "bytes": "n_bytes"}
SETS = ("contdata95", "centerout", "placecells", "drift", "braille", "digits")
AGAINST = {
    "excitation and inhibition": "two layers",
    "liquid with astrocyte": "liquid",
    "what and when, three factors": "liquid",
    "adapted, projections": "adapted",
}


def evaluate(job):
    """One method on one set with one seed."""
    import importlib

    import protocol
    import torch

    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    name, which, seed, updates = job
    protocol.UPDATES = updates
    torch.manual_seed(seed)
    problem = protocol.SETS[which](seed)
    module, function = METHODS[name]
    start = time.process_time()
    result = getattr(importlib.import_module(module), function)(problem, seed)
    row = {"method": name, "set": which, "seed": seed, "cpu_s": time.process_time() - start}
    return row if result is None else row | result._asdict()


def table(rows):
    """Means over seeds, and differences paired by seed."""
    frame, lines = pd.DataFrame([r for r in rows if "score" in r]), []
    for which in SETS:
        here = frame[frame["set"] == which].set_index("seed")
        for name in METHODS:
            mine = here[here["method"] == name]
            if not len(mine):
                continue
            other = AGAINST.get(name, "plain")
            gap = (mine["score"] - here[here["method"] == other]["score"]).dropna()
            cell = ""
            if name != "plain" and len(gap) > 1:
                half = student.ppf(0.975, len(gap) - 1) * gap.std() / np.sqrt(len(gap))
                cell = f"{gap.mean():+.3f} [{gap.mean() - half:+.3f}, {gap.mean() + half:+.3f}]"
            also = pd.DataFrame([extra or {} for extra in mine["extra"]]).mean()
            line = {"set": which, "method": name}
            line["score"] = f"{mine['score'].mean():.3f} ± {mine['score'].std():.3f}"
            line |= {"against": other if cell else "", "difference [95 %]": cell}
            line |= {k: f"{mine[c].mean():,.0f}" for k, c in COSTS.items()}
            line["also"] = ", ".join(f"{k} {v:.3f}" for k, v in also.items())
            lines.append(line)
    return pd.DataFrame(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--updates", type=int, default=400)
    parser.add_argument("--methods", nargs="*", default=list(METHODS))
    parser.add_argument("--sets", nargs="*", default=list(SETS))
    parser.add_argument("--csv", help="file for the table")
    parser.add_argument("--out", default="spiking_methods.jsonl")
    given = parser.parse_args()
    path = Path(given.out)
    rows = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    done = {(r["method"], r["set"], r["seed"]) for r in rows}
    seeds = range(given.first_seed, given.first_seed + given.seeds)
    left = [(m, s, k, given.updates) for k in seeds for s in given.sets for m in given.methods]
    left = [job for job in left if job[:3] not in done]
    with multiprocessing.get_context("spawn").Pool(given.jobs) as pool, path.open("a") as out:
        for row in pool.imap_unordered(evaluate, left):
            rows.append(row)
            out.write(json.dumps(row, default=float) + "\n")
            out.flush()
    found = table(rows)
    print(found.to_string(index=False))
    if given.csv:
        found.to_csv(given.csv, index=False)


if __name__ == "__main__":
    main()
