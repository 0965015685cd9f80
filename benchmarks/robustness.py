"""Motor imagery with electrodes lost, noise added, or under attack: how far accuracy falls.

    NEUROKIT_DATA=... python benchmarks/robustness.py [--networks] [--seeds 5] [--device cuda]

``mi_peterson2020``, runs 2 to 4 of each person to train on and run 5 to test, 8-30 Hz, aligned by
run. Channels fall silent and noise is added before the alignment, which sees it; the attack (FGSM)
is on what the network takes, behind the alignment. Nothing is chosen on these figures.
"""

import argparse
import os
import warnings

import pandas as pd
from bci_mi import BANDS, networks
from mi_sets import last_run, peterson
from mne.utils import use_log_level
from sklearn.base import clone

from neurokit.decoders import (
    make_band_power,
    make_csp,
    make_tangent_space,
    measure_robustness,
    occlude,
)

LOST, NOISE, ATTACKED = (0, 1, 2, 4, 8), (0.0, 0.25, 0.5, 1.0, 2.0), (0.0, 0.01, 0.03, 0.1, 0.3)
BY = ("subject", "run")


def rows(args):
    """Every pipeline that is tried, with the seeds that it is tried with."""
    if args.networks:
        made = networks(BY, "own", epochs=args.epochs, device=args.device)
        return {name: (pipeline, range(args.seeds)) for name, pipeline in made.items()}
    return {
        "tangent space": (make_tangent_space("own", BY), [0]),
        "CSP": (make_csp(6, "own", BY), [0]),
        "band power": (make_band_power(BANDS, "own", BY), [0]),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--networks", action="store_true")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=200)
    parser.add_argument("--device", default="auto")
    args = parser.parse_args()
    warnings.simplefilter("ignore", UserWarning)
    x = peterson(os.environ["NEUROKIT_DATA"])
    y = x["label"].values
    tables, falls = [], []
    with use_log_level("error"):
        for name, (pipeline, seeds) in rows(args).items():
            attacked = ATTACKED if args.networks else ()
            for seed in seeds:
                for fold, (train, test) in last_run(x).items():
                    fitted = clone(pipeline)
                    if args.networks:
                        fitted[-1].set_params(random_state=seed)
                    fitted.fit(x[train], y[train])
                    table = measure_robustness(
                        fitted, x[test], y[test], lost=LOST, noise=NOISE, attacked=attacked
                    )
                    tables.append(table.assign(name=name, seed=seed, fold=fold))
                    if seed == 0:
                        fall = occlude(fitted, x[test], y[test], n_draws=2).mean("trial")
                        falls.append(fall.to_series().rename((name, fold)))
                print(name, seed, "done", flush=True)
    found = pd.concat(tables)
    by_seed = found.groupby(["name", "kind", "level", "seed"], sort=False)["accuracy"].mean()
    by = by_seed.groupby(["name", "kind", "level"], sort=False).agg(["mean", "std"])
    print(by.round(3).unstack("level").to_string())
    falls = pd.concat(falls, axis=1).T
    print(falls.groupby(level=0, sort=False).mean().round(3).to_string())


if __name__ == "__main__":
    main()
