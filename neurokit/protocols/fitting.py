"""One estimator on one fold: fit, predict, and hear what it looked at."""

from __future__ import annotations

import time
import warnings
from dataclasses import dataclass, field

import numpy as np
import xarray as xr
from sklearn.base import BaseEstimator, clone
from sklearn.model_selection._search import BaseSearchCV

from neurokit.inputs.seen import Seen, listen
from neurokit.protocols.splits import Fold
from neurokit.types import Codes, Labelled


@dataclass
class Held:
    """What an estimator said of the trials that were held out."""

    guess: np.ndarray
    scores: np.ndarray | None  # (n_trials, n_classes), the larger the likelier
    fit_s: float
    predict_s: float
    heard: list[Seen]
    warned: list[str]
    access: dict[str, bool] | None = None
    failure: str | None = None
    classes: np.ndarray = field(default_factory=lambda: np.array([]))


def take(X: Labelled, rows: Codes) -> Labelled:
    """Take trials by their places."""
    return X.isel(trial=rows) if isinstance(X, xr.DataArray) else X[rows]


def with_seed(estimator: BaseEstimator, seed: int | None) -> BaseEstimator:
    """Clone an estimator; every ``random_state`` in it becomes the seed."""
    fresh = clone(estimator)
    if seed is not None:
        names = [n for n in fresh.get_params() if n.split("__")[-1] == "random_state"]
        fresh.set_params(**dict.fromkeys(names, seed))
    return fresh


def has_seed(estimator: BaseEstimator) -> bool:
    """Tell whether anything in an estimator takes a ``random_state``."""
    return any(n.split("__")[-1] == "random_state" for n in estimator.get_params())


def hold_out(
    estimator: BaseEstimator,
    X: Labelled,
    y: np.ndarray,
    fold: Fold,
    groups: np.ndarray | None,
    *,
    seed: int | None,
    check: bool,
    keep_failures: bool,
) -> Held:
    """Fit on the training trials of a fold and answer its test trials.

    Parameters
    ----------
    estimator : estimator
        It is cloned.
    X, y : all trials and labels
    fold : Fold
    groups : ndarray, optional
        For searches over parameters whose inner folds keep groups apart.
    seed : int or None
    check : bool
        Also find out what of the test trials an answer depends on.
    keep_failures : bool
        An error becomes ``failure``.

    Returns
    -------
    Held
    """
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            held = _hold_out(with_seed(estimator, seed), X, y, fold, groups, check=check)
        except Exception as error:
            if not keep_failures:
                raise
            empty = np.full(len(fold.test), None, object)
            held = Held(empty, None, np.nan, np.nan, [], [])
            held.failure = f"{type(error).__name__}: {' '.join(str(error).split())}"
    held.warned = [f"{w.category.__name__}: {' '.join(str(w.message).split())}" for w in caught]
    return held


def _hold_out(
    model: BaseEstimator,
    X: Labelled,
    y: np.ndarray,
    fold: Fold,
    groups: np.ndarray | None,
    *,
    check: bool,
) -> Held:
    start = time.perf_counter()
    if len(fold.calibration) and hasattr(model, "adapt"):
        others = np.setdiff1d(fold.train, fold.calibration)
        model.fit(take(X, others), y[others])
        model.adapt(take(X, fold.calibration), y[fold.calibration])
    elif isinstance(model, BaseSearchCV) and "Group" in type(model.cv).__name__:
        if groups is None:
            raise ValueError(
                "evaluate: the search's cv keeps groups apart, and the trials have no run,"
                " session or subject to tell them by."
            )
        model.fit(take(X, fold.train), y[fold.train], groups=groups[fold.train])
    else:
        model.fit(take(X, fold.train), y[fold.train])
    fitted = time.perf_counter()
    tested = take(X, fold.test)
    with listen() as heard:
        scores = _scores(model, tested)
        guess = np.asarray(model.predict(tested))
    done = time.perf_counter()
    known = np.asarray(model.classes_) if hasattr(model, "classes_") else np.unique(y[fold.train])
    held = Held(guess, scores, fitted - start, done - fitted, list(dict.fromkeys(heard)), [])
    held.classes = known
    if check:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of single trials, which nobody has asked for
            held.access = _find_access(model, tested, guess if scores is None else scores)
    return held


def _scores(model: BaseEstimator, X: Labelled) -> np.ndarray | None:
    """Return one number for each trial and class, from probabilities or decision values."""
    if hasattr(model, "predict_proba"):
        return np.asarray(model.predict_proba(X), float)
    if hasattr(model, "decision_function"):
        found = np.asarray(model.decision_function(X), float)
        return np.stack([-found, found], axis=1) if found.ndim == 1 else found
    return None


def _find_access(model: BaseEstimator, X: Labelled, whole: np.ndarray) -> dict[str, bool]:
    """Answer some trials without the others, and see whether the answer stays.

    The last trial alone; the first half, and all but the last, without what follows. Answers that
    differ by no more than rounding are the same.
    """

    def same(rows: Codes) -> bool:
        part = take(X, rows)
        again = _scores(model, part)
        found = np.asarray(model.predict(part)) if again is None else again
        if found.dtype.kind == "f":
            return bool(np.allclose(found, whole[rows], rtol=1e-4, atol=1e-6))
        return bool(np.array_equal(found, whole[rows]))

    n = len(whole)
    if n < 2:
        return {"alone": True, "before": True}
    try:
        before = all(same(np.arange(m)) for m in {(n + 1) // 2, n - 1})
        return {"alone": same(np.array([n - 1])), "before": before}
    except ValueError:  # it takes no fewer trials
        return {"alone": False, "before": False}
