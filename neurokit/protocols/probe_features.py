"""Frozen probes: how much of a label can be read from features by a linear classifier."""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score, cohen_kappa_score
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.preprocessing import StandardScaler

from neurokit.protocols.scores import area_under_curve
from neurokit.types import Targets

# Features of all trials, or what makes them for the trials and seed of a fold
Source: TypeAlias = "ArrayLike | Callable[[np.ndarray, int], ArrayLike]"


def probe(
    features: Mapping[str, Source],
    y: Targets,
    groups: ArrayLike | None,
    *,
    seeds: Sequence[int] = (0, 1, 2, 3, 4),
    n_splits: int = 5,
    C: float | Sequence[float] = 1.0,
    reference: str | None = None,
) -> pd.DataFrame:
    """Compare features by logistic regression under one cross-validation that keeps groups apart.

    All rows see the same folds. A row ``chance`` is added: the first features with shuffled
    labels. Put controls beside codes and latents yourself: `log_band_power`, the raw signal, a
    tokenizer that was never trained.

    Parameters
    ----------
    features : mapping of name to array-like of shape (n_trials, ...), or to a callable
        Each is flattened to (n_trials, n_features) and standardised inside each fold. What must
        be fitted inside the fold, say a tokenizer, is a callable of (indices of the training
        trials, seed) that gives the features of all trials.
    y : array-like of shape (n_trials,)
        Labels.
    groups : array-like of shape (n_trials,)
        Subjects, sessions or runs: none is split between training and test.
    seeds : sequence of int, default=(0, 1, 2, 3, 4)
        One shuffled split each.
    n_splits : int, default=5
        Folds per split; at most the number of groups.
    C : float or sequence of float, default=1.0
        Inverse strength of the ridge penalty. Of several, that with the least log loss under
        cross-validation over the training groups: features of different numbers need it.
    reference : str, optional
        Features that the others are compared with, trial by trial.

    Returns
    -------
    DataFrame
        One row per entry of `features` and ``chance``: ``balanced_accuracy``, ``kappa`` and
        ``auroc`` (one against the rest, averaged over classes), the mean over seeds of the score
        over all held-out trials, and the same with ``_sd``, the deviation between seeds. With
        `reference` also ``difference``, the balanced accuracy minus that of the reference, with
        ``difference_low`` and ``difference_high``: the middle 95 % over 2,000 draws of the
        trials with replacement, class by class.

    Raises
    ------
    ValueError
        If there are fewer than two groups or classes, or lengths differ.

    References
    ----------
    .. [1] Alain & Bengio (2016), Understanding intermediate layers using linear classifier
       probes, arXiv:1610.01644.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> y = np.arange(60) % 2
    >>> informed = rng.normal(size=(60, 3)) + 3 * y[:, None]
    >>> table = probe({"informed": informed}, y, np.arange(60) // 12, seeds=(0, 1))
    >>> bool(table.loc["informed", "balanced_accuracy"] > 0.9)
    True
    """
    labels, names = np.asarray(y), np.asarray(groups)
    tables = {n: v if callable(v) else _rows(v) for n, v in features.items()}
    lengths = {n: len(table) for n, table in tables.items() if not callable(table)}
    lengths["groups"] = len(names)
    if not tables or any(n != len(labels) for n in lengths.values()):
        raise ValueError(
            f"probe: expects features and groups for each of {len(labels)} labels, got {lengths}."
        )
    if reference is not None and reference not in tables:
        raise ValueError(
            f"probe: reference must be one of the features {list(tables)}, got {reference!r}."
        )
    n_groups, classes = len(np.unique(names)), np.unique(labels)
    if n_groups < 2 or len(classes) < 2:
        raise ValueError(
            f"probe: expects two groups and two classes or more, got {n_groups} and"
            f" {len(classes)}."
        )
    strengths = [float(c) for c in np.atleast_1d(np.asarray(C, dtype=np.float64))]
    found: dict[str, list[np.ndarray]] = {name: [] for name in (*tables, "chance")}
    known: dict[tuple[str, bytes], np.ndarray] = {}  # arrays give one answer per fold
    for seed in seeds:
        folds = StratifiedGroupKFold(min(n_splits, n_groups), shuffle=True, random_state=seed)
        splits = list(folds.split(labels, labels, names))
        shuffled = np.random.default_rng(seed).permutation(labels)
        for name in found:
            source = tables[name] if name in tables else next(iter(tables.values()))
            probability = np.full((len(labels), len(classes)), np.nan)
            for train, test in splits:
                key = (name, train.tobytes())
                if key not in known or name == "chance" or callable(source):
                    target = shuffled if name == "chance" else labels
                    table = _table(source, name, train, seed, len(labels))
                    known[key] = _held_out(table, target, names, train, test, classes, strengths)
                probability[test] = known[key]
            found[name].append(probability)
    scores = {n: np.array([_score(labels, p, classes) for p in each]) for n, each in found.items()}
    metrics = ["balanced_accuracy", "kappa", "auroc"]
    means = pd.DataFrame({n: s.mean(0) for n, s in scores.items()}, index=metrics).T
    deviations = pd.DataFrame({n: s.std(0) for n, s in scores.items()}, index=metrics).T
    out = means.join(deviations.add_suffix("_sd")).rename_axis("features")
    return out if reference is None else out.join(_differences(found, labels, reference))


def _table(source: Source, name: str, train: np.ndarray, seed: int, n_trials: int) -> np.ndarray:
    """Return the features of all trials, made for this fold where they depend on it."""
    table = _rows(source(train, seed) if callable(source) else source)
    if len(table) != n_trials or not np.isfinite(table).all():
        raise ValueError(
            f"probe: expects finite features of {n_trials} trials, got NaN, infinity or shape"
            f" {table.shape} in {name!r}; leave them out."
        )
    return table


def _held_out(
    table: np.ndarray,
    labels: np.ndarray,
    groups: np.ndarray,
    train: np.ndarray,
    test: np.ndarray,
    classes: np.ndarray,
    strengths: list[float],
) -> np.ndarray:
    """Probability of each class for the trials that were held out."""
    scaler = StandardScaler().fit(table[train])
    x, x_test = scaler.transform(table[train]), scaler.transform(table[test])
    if x.shape[1] > len(x):
        # The best weights are a sum of training trials: the same fit in as many dimensions.
        basis = np.linalg.svd(x, full_matrices=False)[2]
        x, x_test = x @ basis.T, x_test @ basis.T
    y = labels[train]
    best = strengths[0]
    if len(strengths) > 1 and len(np.unique(y)) > 1:
        best = min(strengths, key=lambda c: _inner_loss(x, y, groups[train], c, classes))
    return _probabilities(x, y, x_test, best, classes)


def _inner_loss(
    x: np.ndarray, y: np.ndarray, groups: np.ndarray, C: float, classes: np.ndarray
) -> float:
    """Log loss of three folds over groups, or over trials where there is one group only."""
    apart = groups if len(np.unique(groups)) > 1 else np.arange(len(y))
    folds = StratifiedGroupKFold(min(3, len(np.unique(apart))), shuffle=True, random_state=0)
    loss = 0.0
    for train, test in folds.split(y, y, apart):
        p = _probabilities(x[train], y[train], x[test], C, classes)
        truth = p[np.arange(len(test)), np.searchsorted(classes, y[test])]
        loss -= float(np.log(np.maximum(truth, 1e-6)).sum())
    return loss


def _probabilities(
    x: np.ndarray, y: np.ndarray, x_test: np.ndarray, C: float, classes: np.ndarray
) -> np.ndarray:
    out = np.zeros((len(x_test), len(classes)))
    if len(np.unique(y)) < 2:
        out[:, np.searchsorted(classes, y[0])] = 1.0
        return out
    model = LogisticRegression(C=C, max_iter=2000).fit(x, y)
    out[:, np.searchsorted(classes, model.classes_)] = model.predict_proba(x_test)
    return out


def _score(
    labels: np.ndarray, probability: np.ndarray, classes: np.ndarray
) -> tuple[float, float, float]:
    tested = np.isfinite(probability).all(1)
    truth, p = labels[tested], probability[tested]
    guess = classes[p.argmax(1)]
    return (
        float(balanced_accuracy_score(truth, guess)),
        float(cohen_kappa_score(truth, guess)),
        area_under_curve(truth, p, classes),
    )


def _differences(
    found: Mapping[str, list[np.ndarray]], labels: np.ndarray, reference: str
) -> pd.DataFrame:
    """Balanced accuracies minus that of the reference, with a bootstrap over trials."""
    code = np.unique(labels, return_inverse=True)[1]
    right = {n: np.mean([p.argmax(1) == code for p in each], 0) for n, each in found.items()}
    rng = np.random.default_rng(0)
    members = [np.flatnonzero(code == k) for k in range(code.max() + 1)]
    draws = [rng.choice(trials, (2000, len(trials))) for trials in members]
    rows = {}
    for name, values in right.items():
        apart = values - right[reference]
        drawn = np.mean([apart[draw].mean(1) for draw in draws], 0)
        mean = np.mean([apart[trials].mean() for trials in members])
        rows[name] = (mean, *np.quantile(drawn, (0.025, 0.975)))
    columns = ["difference", "difference_low", "difference_high"]
    return pd.DataFrame(rows, index=columns).T


def _rows(values: ArrayLike) -> np.ndarray:
    array = np.asarray(values, dtype=np.float64)
    return array.reshape(len(array), -1)
