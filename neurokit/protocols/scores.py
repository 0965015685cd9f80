"""What held-out predictions are worth, fold by fold and person by person."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.stats import binom
from sklearn.metrics import roc_auc_score

METRICS = ("accuracy", "balanced_accuracy", "auroc")


def measure(truth: np.ndarray, guess: np.ndarray, scores: np.ndarray | None) -> dict[str, float]:
    """Score the predictions of one fold.

    Parameters
    ----------
    truth, guess : ndarray of shape (n_trials,)
    scores : ndarray of shape (n_trials, n_classes), or None
        The larger the likelier, classes in order.

    Returns
    -------
    dict
        ``accuracy``; ``balanced_accuracy``, the mean over the classes that were tested; and
        ``auroc``, each class against the rest, averaged. NaN where there is nothing to tell.
    """
    right = truth == guess
    classes = np.unique(truth)
    balanced = float(np.mean([right[truth == c].mean() for c in classes]))
    area = np.nan
    if scores is not None and len(classes) > 1:
        area = area_under_curve(truth, scores)
    return {"accuracy": float(right.mean()), "balanced_accuracy": balanced, "auroc": area}


def area_under_curve(
    truth: np.ndarray, scores: np.ndarray, classes: np.ndarray | None = None
) -> float:
    """Return the area under the ROC curve; of several classes, the mean of each against the rest.

    Parameters
    ----------
    truth : ndarray of shape (n_trials,)
    scores : ndarray of shape (n_trials, n_classes)
    classes : ndarray of shape (n_classes,), optional
        Names of the columns. Default: what ``truth`` holds, in order.

    Returns
    -------
    float
        NaN if the columns are not those of ``classes``.
    """
    names = np.unique(truth) if classes is None else classes
    if scores.shape[1] != len(names) or not np.isfinite(scores).all():
        return float("nan")
    if len(names) == 2:
        return float(roc_auc_score(truth == names[1], scores[:, 1]))
    return float(np.mean([roc_auc_score(truth == c, scores[:, k]) for k, c in enumerate(names)]))


def chance_levels(tested: np.ndarray) -> tuple[float, float]:
    """Return the share of the commonest label, and what the luckiest of twenty guessers reaches.

    Parameters
    ----------
    tested : ndarray of shape (n_trials,)
        The labels that were tested.

    Returns
    -------
    chance, lucky : float
        The second is the 95th percentile of a binomial distribution with the first.
    """
    number = np.unique(tested, return_counts=True)[1]
    chance = float(number.max() / number.sum())
    return chance, float(binom.ppf(0.95, len(tested), chance) / len(tested))


def summarise(scores: pd.DataFrame) -> pd.DataFrame:
    """Average scores of folds over each unit, then over seeds and units, and tell the spreads.

    Parameters
    ----------
    scores : pandas.DataFrame
        One row for each estimator, seed and fold, with ``unit``, ``n_test`` and the metrics.

    Returns
    -------
    pandas.DataFrame
        One row for each estimator: the mean of each metric, and of the accuracy ``sd_units``,
        the deviation over units of their means over seeds; ``sd_seeds``, the deviation over seeds
        of their means over units; ``worst`` and ``best`` unit. A spread over one is NaN.
    """
    rows = []
    for name, mine in scores.groupby("estimator", sort=False):
        by = unit_means(mine)
        units, seeds = (by.groupby(level)["accuracy"].mean() for level in ("unit", "seed"))
        row: dict[str, object] = {"estimator": name}
        row |= {metric: float(by[metric].mean()) for metric in METRICS}
        row |= {
            "sd_units": float(units.std()),
            "sd_seeds": float(seeds.std()),
            "worst": float(units.min()),
            "best": float(units.max()),
            "n_units": len(units),
            "n_seeds": len(seeds),
            "fit_s": float(mine["fit_s"].mean()),
        }
        rows.append(row)
    return pd.DataFrame(rows).set_index("estimator")


def unit_means(scores: pd.DataFrame) -> pd.DataFrame:
    """Average the folds of each unit and seed, by the number of trials that they test."""
    weighted = scores[list(METRICS)].mul(scores["n_test"], axis=0)
    # a fold without a score counts for nothing, rather than for zero
    counted = scores[list(METRICS)].notna().mul(scores["n_test"], axis=0)
    keys = [scores["unit"], scores["seed"]]
    total = weighted.groupby(keys, sort=False).sum(min_count=1)
    return total / counted.groupby(keys, sort=False).sum()
