"""Motor imagery on real EEG under honest protocols, Riemannian and spatial-filter baselines first.

    NEUROKIT_DATA=... OMP_NUM_THREADS=1 python benchmarks/bci_mi.py [within loso last eegmmidb]
    NEUROKIT_DATA=... python benchmarks/bci_mi.py within loso --networks --device cuda

Rows are pipelines, each under `neurokit.protocols.evaluate`; the protocol card is printed below
each table. Nothing is chosen on test trials: every parameter is fixed here. ``--networks`` adds
DBConformer, EEGNet and ShallowConvNet, with five seeds.
"""

import argparse
import os
import warnings

from mi_sets import TASKS, eegmmidb, last_run, peterson
from mne.utils import use_log_level
from sklearn.pipeline import make_pipeline

from neurokit.decoders import make_band_power, make_csp, make_mdm, make_tangent_space
from neurokit.features import EuclideanAlignment
from neurokit.protocols import evaluate

BANDS = {"mu": (8.0, 13.0), "low beta": (13.0, 20.0), "high beta": (20.0, 30.0)}


def classical(by, unseen):
    """Tangent space, CSP, minimum distance to the mean and band power, behind one alignment."""
    return {
        "tangent space, LR": make_tangent_space(unseen, by),
        "CSP, LDA": make_csp(6, unseen, by),
        "MDM": make_mdm(unseen, by),
        "band power, LDA": make_band_power(BANDS, unseen, by),
    }


def networks(by, unseen, *, epochs, device):
    """DBConformer, EEGNet and ShallowConvNet behind the same alignment; the last epoch is kept."""
    from neurokit.decoders import (
        DBConformerClassifier,
        EEGNetClassifier,
        ShallowConvNetClassifier,
    )
    from neurokit.training import Trainer

    made = {}
    for name, cls in (
        ("DBConformer", DBConformerClassifier),
        ("EEGNet", EEGNetClassifier),
        ("ShallowConvNet", ShallowConvNetClassifier),
    ):
        trainer = Trainer(
            epochs,
            batch_size=32,
            learning_rate=1e-3,
            schedule="constant",
            warmup=0.0,
            clip_norm=None,
            device=device,
            verbose=0,
        )
        first = () if unseen is None else (EuclideanAlignment(by=by, unseen=unseen),)
        made[name] = make_pipeline(*first, cls(trainer=trainer))
    return made


def show(title, found):
    print(f"\n## {title}\n")
    columns = ["accuracy", "sd_units", "sd_seeds", "worst", "best", "fit_s"]
    print(found.table[columns].round(3).to_string())
    by_unit = found.scores.pivot_table(index="estimator", columns="unit", values="accuracy")
    print(by_unit.round(3).to_string())
    print(found.compare().round(3).to_string())
    print(found.card, flush=True)


def rows(args, by, unseen):
    made = classical(by, unseen) if args.classical else {}
    epochs = args.epochs or (200 if "run" in by else 100)  # few trials need more passes
    if args.networks:
        made |= networks(by, unseen, epochs=epochs, device=args.device)
    return made


def main():
    parser = argparse.ArgumentParser()
    parts = ["within", "loso", "last", "eegmmidb"]
    parser.add_argument("parts", nargs="*", default=parts, metavar="PART", help=", ".join(parts))
    parser.add_argument("--networks", action="store_true")
    parser.add_argument("--no-classical", dest="classical", action="store_false")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--epochs", type=int, help="default: 100 across people, else 200")
    parser.add_argument("--device", default="auto")
    args = parser.parse_args()
    data, seeds = os.environ["NEUROKIT_DATA"], tuple(range(args.seeds))
    warnings.simplefilter("ignore", UserWarning)  # they stand in the cards
    run, subject = ("subject", "session", "run"), ("subject",)
    modes = {"all target trials": "own", "trial by trial": "online", "no alignment": None}
    with use_log_level("error"):
        if {"within", "loso"} & set(args.parts):
            x = peterson(data)
        if "within" in args.parts:
            for words, unseen in modes.items():
                found = evaluate(rows(args, run, unseen), x, seeds=seeds)
                show(f"Peterson, leave one run out, {words}", found)
        if "loso" in args.parts:
            for words, unseen in modes.items():
                found = evaluate(
                    rows(args, subject, unseen), x, protocol="leave-one-subject-out", seeds=seeds
                )
                show(f"Peterson, leave one subject out, {words}", found)
        if "last" in args.parts:
            x = peterson(data, band=(4.0, 38.0))
            for words, unseen in modes.items():
                found = evaluate(rows(args, run, unseen), x, protocol=last_run(x), seeds=seeds)
                show(f"Peterson, runs 2 to 4 of each subject, test run 5, {words}", found)
        if "eegmmidb" in args.parts:
            for task in TASKS:
                x = eegmmidb(data, task)
                for words, unseen in modes.items():
                    found = evaluate(rows(args, run, unseen), x, seeds=seeds)
                    show(f"eegmmidb S001, {task}, leave one run out, {words}", found)


if __name__ == "__main__":
    main()
