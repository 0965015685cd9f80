"""How often a dynamic connectome finds anything in white noise, beside the promised ``alpha``.

    python benchmarks/connectomes_noise.py [--recordings 400] [--jobs 1] [--alpha .05] [--out CSV]

Each recording: 20 units in two animals, 200 steps of .25 s, normal and independent, three
components, as many surrogates as ``alpha`` needs. Seeds are 0, 1, ... for each row of the table.
"""

import argparse
import csv
import math
import sys
import warnings
from concurrent.futures import ProcessPoolExecutor
from contextlib import nullcontext
from pathlib import Path

import numpy as np
from sklearn.exceptions import ConvergenceWarning

import neurokit
from neurokit.connectomes import DynamicConnectome

ROWS = [("geometric", "shift"), ("product", "shift"), ("geometric", "phase"), ("min", "shift")]


def one(kind, surrogate, alpha, seed):
    """Fit one recording; returns whether a component, and whether an edge, exceeds chance."""
    warnings.simplefilter("ignore", ConvergenceWarning)
    rng = np.random.default_rng([seed, ROWS.index((kind, surrogate))])
    noise = {
        name: neurokit.traces(rng.standard_normal((20, 200)), sampling_rate=4.0)
        for name in ("one", "two")
    }
    model = DynamicConnectome(
        3,
        kind=kind,
        surrogate=surrogate,
        n_surrogates=math.ceil(1 / alpha) - 1,
        alpha=alpha,
        random_state=seed,
    ).fit(neurokit.stack(noise, dim="animal"))
    component = bool(model.significant_.values.any())
    return kind, surrogate, seed, component, bool(model.edges_["significant"].values.any())


def wilson(found, n, z=1.959964):
    """Give the 95 % interval of a share."""
    share = found / n
    middle = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * math.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    return f"{share:.3f} ({middle - half:.3f} to {middle + half:.3f})"


def main():
    """Print the table, and write each recording as it is done."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--recordings", type=int, default=400)
    parser.add_argument("--first", type=int, default=0, help="number of the first recording")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--alpha", type=float, default=0.05)
    parser.add_argument("--slow", action="store_true", help='the affinity "min" too')
    parser.add_argument("--out")
    args = parser.parse_args()
    rows = ROWS if args.slow else ROWS[:3]
    seeds = range(args.first, args.recordings)
    work = [(*row, args.alpha, seed) for seed in seeds for row in rows]
    found = {row: [] for row in rows}
    where = Path(args.out).open("w", buffering=1) if args.out else nullcontext(sys.stderr)  # noqa: SIM115
    with where as file, ProcessPoolExecutor(args.jobs) as pool:
        writer = csv.writer(file)
        writer.writerow(["affinity", "surrogates", "seed", "component", "edge"])
        for kind, surrogate, seed, component, edge in pool.map(
            one, *zip(*work, strict=True), chunksize=3
        ):
            writer.writerow([kind, surrogate, seed, int(component), int(edge)])
            found[kind, surrogate].append((component, edge))
    for (kind, surrogate), each in found.items():
        n, (component, edge) = len(each), np.sum(each, axis=0)
        print(f"{kind}, {surrogate}: {n} | {wilson(component, n)} | {wilson(edge, n)}")


if __name__ == "__main__":
    main()
