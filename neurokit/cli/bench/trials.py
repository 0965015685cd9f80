"""Motor imagery and flicker of public sets, published figures beside ours."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import xarray as xr
from sklearn.base import BaseEstimator

from neurokit.atomic import atomic_path
from neurokit.cli.bench.trials_sets import read_flicker, read_imagery
from neurokit.cli.pipelines import evaluate_quietly
from neurokit.decoders import (
    FBCCAClassifier,
    TDCAClassifier,
    TRCAClassifier,
    make_band_power,
    make_csp,
    make_mdm,
    make_tangent_space,
)
from neurokit.protocols import Evaluation

_SUBJECT = ("subject",)


class Task(NamedTuple):
    """A public set, how it is split, and what others reached on it."""

    read: Callable[[Path], xr.DataArray]
    decoders: dict[str, Callable[[dict[str, Any]], BaseEstimator]]
    usual: tuple[str, ...]
    words: str
    published: tuple[tuple[str, float, float], ...]  # name, percent, deviation over seeds
    source: str


def _network(name: str) -> Callable[[dict[str, Any]], BaseEstimator]:
    """Make one of the networks, behind alignment, with a trainer of so many epochs."""

    def make(options: dict[str, Any]) -> BaseEstimator:
        from sklearn.pipeline import make_pipeline

        from neurokit import decoders
        from neurokit.features import EuclideanAlignment
        from neurokit.training import Trainer

        trainer = Trainer(
            options["epochs"] or 100,
            batch_size=32,
            learning_rate=1e-3,
            schedule="constant",
            warmup=0.0,
            device=options["device"],
        )
        network = {
            "DBConformer": decoders.DBConformerClassifier,
            "EEGNet": decoders.EEGNetClassifier,
            "ShallowConvNet": decoders.ShallowConvNetClassifier,
        }[name]
        return make_pipeline(EuclideanAlignment(by=_SUBJECT), network(trainer=trainer))

    return make


TASKS = {
    "mi": Task(
        read_imagery,
        {
            "tangent": lambda _: make_tangent_space("own", _SUBJECT),
            "csp": lambda _: make_csp(6, "own", _SUBJECT),
            "mdm": lambda _: make_mdm("own", _SUBJECT),
            "band": lambda _: make_band_power(alignment="own", by=_SUBJECT),
            "dbconformer": _network("DBConformer"),
            "eegnet": _network("EEGNet"),
            "shallow": _network("ShallowConvNet"),
        },
        ("tangent", "csp", "mdm", "band"),
        "left or right hand, first session, 8 to 32 Hz, one subject out, aligned by subject with"
        " all unlabelled target trials",
        (
            ("DBConformer, published", 77.67, 0.6),
            ("EEGNet, published", 73.64, np.nan),
            ("ShallowConvNet, published", 72.22, np.nan),
            ("EEG Conformer, published", 73.07, np.nan),
            ("DBConformer, measured again", 75.76, 1.47),
            ("EEGNet, measured again", 72.76, 1.14),
            ("EEG Conformer, measured again", 74.04, 0.74),
            ("MSCFormer, measured again", 76.11, 1.53),
        ),
        "published: arXiv 2506.21140v2, table IV, nine people of BNCI 2014-001; measured again:"
        " sylyoung/HUST-BCIML at c806d2c, nested, five seeds",
    ),
    "ssvep": Task(
        read_flicker,
        {
            "fbcca": lambda _: FBCCAClassifier(),
            "etrca": lambda _: TRCAClassifier(),
            "tdca": lambda _: TDCAClassifier(),
        },
        ("fbcca", "etrca", "tdca"),
        "twelve targets, 1 s, 6 to 80 Hz; the first 80 % of each target's trials of a person to"
        " train on, the others to test",
        (
            ("DBConformer, published", 87.59, np.nan),
            ("IFNet, published", 79.44, np.nan),
            ("TMSA-Net, published", 70.65, np.nan),
            ("EEG Conformer, published", 18.98, np.nan),
            ("MSCFormer, published", 15.28, np.nan),
        ),
        "published: arXiv 2506.21140v2, Nakanishi 2015; it shows no canonical correlation beside",
    ),
}


def run(
    task: str,
    data: Path,
    *,
    decoders: Sequence[str] | None,
    seeds: int,
    epochs: int | None,
    device: str,
    out: Path | None,
) -> None:
    """Score decoders on a public set and print the published figures beside.

    Parameters
    ----------
    task : {"mi", "ssvep"}
    data : Path
        Folder with the files of the set.
    decoders : sequence of str, optional
        Default: those without training of networks.
    seeds, epochs, device
        For networks.
    out : Path, optional
        ``.csv`` of the scores of every fold.

    Raises
    ------
    ValueError
        If a decoder is unknown.
    """
    what = TASKS[task]
    names = list(decoders or what.usual)
    if unknown := [name for name in names if name not in what.decoders]:
        raise ValueError(
            f"--decoders: knows no {', '.join(unknown)} for {task}; there are"
            f" {', '.join(what.decoders)}."
        )
    if out is not None and out.suffix.lower() != ".csv":
        raise ValueError(f"{out}: the scores of {task} are written to .csv.")
    options = {"epochs": epochs, "device": device}
    x = what.read(data)
    made = {name: what.decoders[name](options) for name in names}
    protocol = "leave-one-subject-out" if task == "mi" else first_part(x)
    found = evaluate_quietly(made, x, protocol, seeds=range(seeds))
    print(as_text(what, found))
    if out is not None:
        write(found, out)


def first_part(x: xr.DataArray, share: float = 0.8) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Train on the first trials of each target of a person, test the others; a fold a person."""
    subject, label = x["subject"].values, x["label"].values
    folds = {}
    for who in pd.unique(subject):
        train = np.zeros(len(label), bool)
        for name in np.unique(label[subject == who]):
            mine = np.flatnonzero((subject == who) & (label == name))
            train[mine[: int(np.ceil(share * len(mine)))]] = True
        folds[str(who)] = (np.flatnonzero(train), np.flatnonzero((subject == who) & ~train))
    return folds


def as_text(task: Task, found: Evaluation) -> str:
    """Lay out our rows, the published ones under them, and the protocol card."""
    lines = [f"{'':<32}  {'percent':>8}  {'over people':>11}  {'over seeds':>10}"]
    for name, row in found.table.iterrows():
        lines.append(_line(str(name), *(100 * float(row[k]) for k in _FIGURES)))
    lines += [_line(f"* {name}", mean, np.nan, sd) for name, mean, sd in task.published]
    lines += ["", f"{task.words}.", f"* {task.source}.", "", str(found.card)]
    return "\n".join(lines)


_FIGURES = ("accuracy", "sd_units", "sd_seeds")


def _line(name: str, mean: float, people: float, seeds: float) -> str:
    spread = ["-" if np.isnan(v) else f"{v:.2f}" for v in (people, seeds)]
    return f"{name:<32}  {mean:8.2f}  {spread[0]:>11}  {spread[1]:>10}"


def write(found: Evaluation, path: str | os.PathLike[str]) -> None:
    """Write the scores of every fold, whole or not at all."""
    with atomic_path(Path(path)) as part:
        found.scores.to_csv(part, index=False)
