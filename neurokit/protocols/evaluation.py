"""Score estimators on trials under a protocol that has a name, with a card that says how."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
import xarray as xr
from sklearn.base import BaseEstimator

from neurokit.inputs.labels import labelled_or_plain
from neurokit.protocols.card import (
    ProtocolCard,
    describe_estimator,
    describe_machine,
    describe_selection,
    moabb_words,
)
from neurokit.protocols.fitting import Held, has_seed, hold_out
from neurokit.protocols.result import Evaluation
from neurokit.protocols.scores import chance_levels, measure, summarise
from neurokit.protocols.splits import DOMAINS, Fold, make_folds, read_folds
from neurokit.types import Labelled, Targets, Trials

Splits: TypeAlias = str | Iterable[Any] | Mapping[str, Any]
_INNER = {"within-session": "run", "cross-session": "session"}  # what inner folds keep apart


def evaluate(
    estimators: BaseEstimator | Mapping[str, BaseEstimator],
    X: Trials,
    y: Targets | None = None,
    *,
    protocol: Splits = "within-session",
    domains: pd.DataFrame | None = None,
    seeds: Sequence[int] = (0,),
    folds: str = "auto",
    n_splits: int = 5,
    target_share: float = 0.2,
    show: Sequence[str] = (),
    errors: str = "raise",
    n_jobs: int | None = None,
) -> Evaluation:
    """Fit estimators on training trials, score them on others, and say how it was done.

    Nothing is chosen on test trials: what has to be chosen is searched inside an estimator, as
    `sklearn.model_selection.GridSearchCV` does, on the training trials of each fold. Estimators
    see the coordinates ``subject``, ``session`` and ``run`` of trials and no others, so that one
    which gives the answer away cannot help.

    Parameters
    ----------
    estimators : estimator, or mapping of name to estimator
        Classifiers of trials: of neurokit, or pipelines of scikit-learn, MNE or pyRiemann.
    X : xarray.DataArray with dims (trial, channel, time), mne.Epochs, or ndarray
        Trials in order of time.
    y : array-like of shape (n_trials,), optional
        Labels. Default: the coordinate ``label`` of ``X``.
    protocol : str, or iterable or mapping of (train, test), default="within-session"
        "within-session", "cross-session", "leave-one-subject-out" or "transfer", see
        `make_folds`; or splits made elsewhere, say by a splitter of scikit-learn.
    domains : pandas.DataFrame, optional
        Columns ``subject``, ``session``, ``run``, as MOABB's metadata. Default: the coordinates
        of ``X``.
    seeds : sequence of int, default=(0,)
        Each estimator is fitted once with each as its ``random_state``; once only where seeds
        change nothing.
    folds, n_splits, target_share
        As for `make_folds`.
    show : sequence of str, optional
        Further coordinates of trials that estimators may see. One that tells the labels apart
        is not shown all the same.
    errors : {"raise", "keep"}, default="raise"
        Whether an estimator that fails on a fold ends all, or scores NaN there with a note.
    n_jobs : int, optional
        Fits side by side, through joblib.

    Returns
    -------
    Evaluation
        ``table``, ``scores``, ``predictions``, ``compare()``, ``card``.

    Raises
    ------
    ValueError
        If labels are missing, trials hold NaN, or the protocol does not fit the trials, all
        before anything is fitted.

    Warns
    -----
    UserWarning
        With a coordinate that tells labels apart, and once with each warning of the fits.

    Examples
    --------
    >>> from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
    >>> from sklearn.pipeline import make_pipeline
    >>> from neurokit.datasets import make_motor_imagery
    >>> from neurokit.features import BandPower, EuclideanAlignment
    >>> trials, _ = make_motor_imagery(3, 20, duration=2.0, n_channels=8, random_state=0)
    >>> lda = LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto")
    >>> found = evaluate(
    ...     {
    ...         "as recorded": make_pipeline(BandPower(), lda),
    ...         "aligned": make_pipeline(EuclideanAlignment(), BandPower(), lda),
    ...     },
    ...     trials,
    ...     protocol="leave-one-subject-out",
    ... )
    >>> found.table["n_units"].tolist()
    [3, 3]
    >>> found.card.target_data["aligned"]
    'train_and_target_unlabeled_full (measured)'
    """
    if errors not in ("raise", "keep"):
        raise ValueError(f'evaluate: errors must be "raise" or "keep", got {errors!r}.')
    named = dict(estimators) if isinstance(estimators, Mapping) else {"estimator": estimators}
    if not named or not len(seeds):
        raise ValueError("evaluate: expects one estimator and one seed or more.")
    x, labels, table, hidden = _read(X, y, domains, show)
    share = target_share if protocol == "transfer" else 0.0
    options: dict[str, Any] = {"n_splits": n_splits, "folds": folds, "target_share": target_share}
    drawn = protocol == "within-session" and folds == "shuffled"
    made: dict[int, list[Fold]] = {}
    if isinstance(protocol, str):
        for seed in seeds if drawn else seeds[:1]:
            made[seed] = make_folds(protocol, labels, table, seed=seed, **options)
    else:
        made[seeds[0]] = read_folds(protocol, labels, table)
    groups = _groups(protocol, table)
    jobs = _plan(named, x, labels, made, groups, seeds, drawn, errors == "keep")
    found = _run(jobs, x, labels, groups, errors == "keep", n_jobs)
    rows, predictions = _tabulate(found, labels)
    tested = np.concatenate([fold.test for fold in next(iter(made.values()))])
    chance, lucky = chance_levels(labels[tested])
    units = sorted({fold.unit for fold in next(iter(made.values()))})
    card = ProtocolCard(
        protocol=protocol if isinstance(protocol, str) else "splits as given",
        split=_describe_split(next(iter(made.values())), drawn),
        trials=", ".join(f"{n} {c}" for c, n in zip(*np.unique(labels, return_counts=True),
                                                     strict=True)),
        unit=f"subject ({len(units)})" if units != ["all"] else "all trials together",
        chance=chance,
        lucky=lucky,
        hidden=hidden,
        machine=describe_machine(n_jobs),
    )  # fmt: skip
    _fill(card, named, found, share)
    for words in card.notes:
        warnings.warn(f"evaluate: {words}", stacklevel=2)
    return Evaluation(summarise(rows), rows, predictions, card)


Job: TypeAlias = tuple[str, BaseEstimator, int, Fold, bool]
Found: TypeAlias = tuple[str, int, Fold, Held]


def _read(
    X: Trials, y: Targets | None, domains: pd.DataFrame | None, show: Sequence[str]
) -> tuple[Labelled, np.ndarray, pd.DataFrame, list[str]]:
    """Read trials, labels and domains; hide every coordinate that no estimator may see."""
    x = labelled_or_plain(X)
    hidden: list[str] = []
    if isinstance(x, xr.DataArray):
        if "trial" not in x.dims:
            raise ValueError(f"evaluate: X must have the dim trial, got {tuple(x.dims)}.")
        x = x.transpose("trial", ...)
        if y is None and "label" in x.coords:
            y = x["label"].values
        given = {n: x[n].values for n in DOMAINS if n in x.coords and x[n].dims == ("trial",)}
        table = pd.DataFrame(given, index=range(x.sizes["trial"]))
    else:
        x = np.asarray(x)
        table = pd.DataFrame(index=range(len(x)))
    if y is None:
        raise ValueError(
            "evaluate: needs the label of each trial, as y or as the coordinate label of X."
        )
    labels = np.asarray(y)
    if domains is not None:
        domains = domains.reset_index(drop=True)
        table = table.assign(**{str(n): domains[n] for n in domains if n in DOMAINS})
    if labels.ndim != 1 or len(labels) != len(x) or len(table) != len(x):
        raise ValueError(
            f"evaluate: expects one label and one row of domains for each of {len(x)} trials, got"
            f" shape {labels.shape} and {len(table)}."
        )
    if pd.isna(labels).any() or len(np.unique(labels)) < 2:
        raise ValueError(
            f"evaluate: y must hold two classes or more and no NaN, got {pd.unique(labels)[:5]}."
        )
    if x.dtype.kind == "f":
        good = np.isfinite(np.asarray(x)).reshape(len(x), -1).all(axis=1)
        if not good.all():
            raise ValueError(
                f"evaluate: trials {np.flatnonzero(~good)[:10].tolist()} hold NaN or infinity"
                f" ({(~good).sum()} of {len(x)}); leave them out."
            )
    if isinstance(x, xr.DataArray):
        x, hidden = _hide(x, labels, table, show)
    return x, labels, table, hidden


def _hide(
    x: xr.DataArray, y: np.ndarray, table: pd.DataFrame, show: Sequence[str]
) -> tuple[xr.DataArray, list[str]]:
    if missing := [name for name in show if name not in x.coords]:
        raise ValueError(f"evaluate: X has no coordinates {missing} to show.")
    kept = x.assign_coords({n: ("trial", table[n].to_numpy()) for n in table})
    wanted = {*DOMAINS, *show}
    on_trial = [str(n) for n, c in kept.coords.items() if "trial" in c.dims and n != "trial"]
    hidden = [name for name in on_trial if name not in wanted]
    subject = table["subject"].to_numpy() if "subject" in table else np.zeros(len(y))
    for name in on_trial:
        if name in wanted and name != "subject" and _tells(kept[name].values, y, subject):
            warnings.warn(
                f"evaluate: the coordinate {name} tells the labels apart, and is not shown.",
                stacklevel=4,
            )
            hidden.append(name)
    if "trial" in kept.indexes:
        kept = kept.drop_vars("trial")
    return kept.drop_vars(hidden), hidden


def _tells(values: np.ndarray, y: np.ndarray, subject: np.ndarray) -> bool:
    """Tell whether each value goes with one label only, and differs between labels."""
    if values.ndim != 1:
        return True
    for who in pd.unique(subject):
        mine = pd.Series(y[subject == who]).groupby(values[subject == who])
        if len(pd.unique(y[subject == who])) < 2 or (mine.nunique() > 1).any():
            return False
    return True


def _groups(protocol: Splits, table: pd.DataFrame) -> np.ndarray | None:
    """Name what inner folds of a search keep apart: what the outer folds do."""
    wanted = _INNER.get(protocol, "subject") if isinstance(protocol, str) else "run"
    return table[wanted].to_numpy() if wanted in table else None


def _plan(
    named: Mapping[str, BaseEstimator],
    x: Labelled,
    y: np.ndarray,
    made: Mapping[int, list[Fold]],
    groups: np.ndarray | None,
    seeds: Sequence[int],
    drawn: bool,
    keep: bool,
) -> list[Job]:
    """List what is to be fitted; seeds that change nothing are found out and left out."""
    jobs = []
    for name, estimator in named.items():
        mine = list(seeds)
        if not drawn and len(mine) > 1:
            first = made[mine[0]][0]
            if not has_seed(estimator) or _same(estimator, x, y, first, groups, mine[:2], keep):
                mine = mine[:1]
        for seed in mine:
            for k, fold in enumerate(made[seed if drawn else seeds[0]]):
                jobs.append((name, estimator, seed, fold, k == 0 and seed == mine[0]))
    return jobs


def _same(
    estimator: BaseEstimator,
    x: Labelled,
    y: np.ndarray,
    fold: Fold,
    groups: np.ndarray | None,
    seeds: Sequence[int],
    keep: bool,
) -> bool:
    a, b = (
        hold_out(estimator, x, y, fold, groups, seed=s, check=False, keep_failures=keep)
        for s in seeds
    )
    if a.scores is None or b.scores is None:
        return False  # labels may agree by chance
    return bool(np.array_equal(a.scores, b.scores))


def _run(
    jobs: Sequence[Job],
    x: Labelled,
    y: np.ndarray,
    groups: np.ndarray | None,
    keep: bool,
    n_jobs: int | None,
) -> list[Found]:
    if n_jobs in (None, 1):
        held = [
            hold_out(e, x, y, fold, groups, seed=seed, check=check, keep_failures=keep)
            for _, e, seed, fold, check in jobs
        ]
    else:
        from joblib import Parallel, delayed

        held = Parallel(n_jobs=n_jobs)(
            delayed(hold_out)(e, x, y, fold, groups, seed=seed, check=check, keep_failures=keep)
            for _, e, seed, fold, check in jobs
        )
    return [(job[0], job[2], job[3], one) for job, one in zip(jobs, held, strict=True)]


def _tabulate(found: Sequence[Found], y: np.ndarray) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Lay out scores by fold, and predictions by trial."""
    rows, parts = [], []
    for name, seed, fold, held in found:
        key = {"estimator": name, "seed": seed, "fold": fold.name, "unit": fold.unit}
        truth = y[fold.test]
        if held.failure is None:
            known = held.scores if np.array_equal(held.classes, np.unique(truth)) else None
            marks = measure(truth, held.guess, known)
        else:
            marks = dict.fromkeys(("accuracy", "balanced_accuracy", "auroc"), np.nan)
        sizes = {"n_train": len(fold.train), "n_test": len(fold.test)}
        rows.append(key | sizes | marks | {"fit_s": held.fit_s, "predict_s": held.predict_s})
        part = pd.DataFrame(
            key | {"trial": fold.test, "truth": truth, "prediction": held.guess},
            index=range(len(fold.test)),
        )
        if held.scores is not None and held.scores.shape[1] == len(held.classes):
            for k, label in enumerate(held.classes):
                part[f"score {label}"] = held.scores[:, k]
        parts.append(part)
    return pd.DataFrame(rows), pd.concat(parts, ignore_index=True)


def _describe_split(made: Sequence[Fold], drawn: bool) -> str:
    train = sorted({len(fold.train) for fold in made})
    test = sorted({len(fold.test) for fold in made})
    names = ", ".join(fold.name for fold in made[:3]) + (", ..." if len(made) > 3 else "")
    span = [f"{v[0]} to {v[-1]}" if len(v) > 1 else str(v[0]) for v in (train, test)]
    how = ", drawn anew for each seed" if drawn else ""
    return f"{len(made)} folds ({names}){how}: {span[0]} trials to train on, {span[1]} to test"


def _fill(
    card: ProtocolCard, named: Mapping[str, BaseEstimator], found: Sequence[Found], share: float
) -> None:
    """Write down what each estimator was, saw and said."""
    for name, estimator in named.items():
        mine = [(seed, fold, held) for n, seed, fold, held in found if n == name]
        seeds = list(dict.fromkeys(seed for seed, _, _ in mine))
        card.seeds[name] = seeds
        access = [held.access for _, _, held in mine if held.access is not None]
        card.target_data[name] = "unknown"
        if access:
            told = {one.access for _, _, held in mine for one in held.heard}
            found_out = {  # saturated probabilities may hide what a step has told
                "alone": access[0]["alone"] and not told & {"batch", "trialwise"},
                "before": access[0]["before"] and "batch" not in told,
            }
            how = "measured" if found_out == access[0] else "told by a step"
            card.target_data[name] = f"{moabb_words(found_out, share)} ({how})"
        words: dict[str, list[str]] = {}
        for _, fold, held in mine:
            for one in held.heard:
                how = f"{one.step} ({one.access}): {_shorten(one.words)}"
                words.setdefault(how, []).append(fold.name)
        card.alignment[name] = "; ".join(words) or "none"
        card.selection[name] = describe_selection(estimator)
        card.estimators[name] = describe_estimator(estimator)
        said: dict[str, int] = {}
        for _, fold, held in mine:
            for note in dict.fromkeys(held.warned):
                said[note] = said.get(note, 0) + 1
            if held.failure:
                said[f"failed on {fold.name}: {held.failure}"] = 1
        card.notes += [
            f"{name}: {note}" + (f" ({n} of {len(mine)} fits)" if n > 1 else "")
            for note, n in said.items()
        ]


def _shorten(words: str) -> str:
    """Leave out which domains: ``subject a, subject b: by ...`` becomes ``by ...``."""
    parts = [part.rpartition(": ")[2] for part in words.split("; ")]
    return ", and ".join(dict.fromkeys(parts))
