"""How well embeddings decoded from brains find what was heard or seen, and how that grows."""

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import ArrayLike


def retrieval_scores(
    scores: ArrayLike,
    target: ArrayLike,
    *,
    gallery: ArrayLike | None = None,
    groups: ArrayLike | None = None,
    k: tuple[int, ...] = (1, 5, 10),
) -> xr.Dataset:
    """Return how near the top of a gallery the right candidate stands.

    Candidates that are the same (a word said twice) count once: the best of them is the score of
    all. Of candidates with equal scores the right one stands last, so that a decoder that answers
    always the same scores nothing.

    Parameters
    ----------
    scores : array-like of shape (n_trials, n_candidates)
        How well each candidate fits each trial; larger is better.
    target : array-like of shape (n_trials,)
        Name of the right candidate of each trial.
    gallery : array-like of shape (n_candidates,), optional
        Names of the candidates. Default: 0, 1, 2, ...
    groups : array-like of shape (n_trials,), optional
        Person of each trial; scores are then told by person too.
    k : tuple of int, default=(1, 5, 10)

    Returns
    -------
    Dataset
        ``top_k(k)``, ``chance(k)``, ``median_rank`` and ``mean_reciprocal_rank`` over all trials,
        ``rank(trial)`` (1 is the best) and, with groups, ``top_k_by_group(group, k)``. Attributes:
        ``n_candidates`` (after duplicates are joined) and ``duplicates`` ("best of each name").

    Raises
    ------
    ValueError
        If shapes do not fit, a score is not finite, or the gallery lacks a target.

    Examples
    --------
    >>> import numpy as np
    >>> from neurokit.metrics import retrieval_scores
    >>> found = retrieval_scores(np.eye(4) + 0.1, [0, 1, 2, 2], k=(1, 2))
    >>> found["top_k"].values.tolist()
    [0.75, 0.75]
    """
    table = np.asarray(scores, float)
    wanted = np.asarray(target)
    names = np.arange(table.shape[-1]) if gallery is None else np.asarray(gallery)
    if table.ndim != 2 or table.shape != (len(wanted), len(names)):
        raise ValueError(
            "retrieval_scores: expects scores of shape (n_trials, n_candidates) ="
            f" ({len(wanted)}, {len(names)}), got {table.shape}."
        )
    if not np.isfinite(table).all():
        raise ValueError("retrieval_scores: every score must be finite; some are NaN or infinite.")
    unique, which = np.unique(names, return_inverse=True)
    missing = sorted(set(wanted.tolist()) - set(unique.tolist()), key=str)
    if missing:
        raise ValueError(
            f"retrieval_scores: the gallery lacks the targets {missing[:5]}; add them to it."
        )
    order = np.argsort(which, kind="stable")
    starts = np.flatnonzero(np.r_[True, np.diff(which[order]) > 0])
    best = np.maximum.reduceat(table[:, order], starts, axis=1)
    column = np.searchsorted(unique, wanted)
    right = best[np.arange(len(best)), column]
    rank = (best >= right[:, None]).sum(axis=1)
    hits = rank[:, None] <= np.array(k)
    found: dict[str, object] = {
        "top_k": ("k", hits.mean(axis=0)),
        "chance": ("k", np.minimum(np.array(k) / len(unique), 1.0)),
        "median_rank": float(np.median(rank)),
        "mean_reciprocal_rank": float((1 / rank).mean()),
        "rank": ("trial", rank),
    }
    coords: dict[str, object] = {"k": list(k)}
    if groups is not None:
        people, mine = np.unique(np.asarray(groups), return_inverse=True)
        by = np.stack([hits[mine == person].mean(axis=0) for person in range(len(people))])
        found["top_k_by_group"] = (("group", "k"), by)
        coords["group"] = people
    attrs = {"n_candidates": len(unique), "duplicates": "best of each name"}
    return xr.Dataset(found, coords=coords, attrs=attrs)


def scaling_fit(
    n: ArrayLike,
    score: ArrayLike,
    *,
    goal: float | None = None,
    n_bootstrap: int = 1000,
    confidence: float = 0.95,
    random_state: int | None = 0,
) -> pd.Series:
    """Fit a score that grows with the logarithm of the amount of data, with intervals.

    Parameters
    ----------
    n : array-like of shape (n_points,)
        Amount of data: trials, repetitions, people.
    score : array-like of shape (n_points,)
        Several points may have one ``n``: seeds or subsets, which are drawn anew together.
    goal : float, optional
        A score; the amount of data that would reach it is told with its interval.
    n_bootstrap : int, default=1000
        Draws of the points within each ``n``.
    confidence : float, default=0.95
    random_state : int or None, default=0

    Returns
    -------
    Series
        ``intercept``, ``slope`` (per tenfold amount), each with ``_low`` and ``_high``; with a
        goal also ``n_goal`` (infinite where the score does not grow), ``n_goal_low`` and
        ``n_goal_high``.

    Raises
    ------
    ValueError
        If there are fewer than two different amounts, or one is not positive.

    References
    ----------
    .. [1] Alljoined-1.6M (2025), arXiv:2508.18571: the score is linear in the logarithm of the
       number of trials.

    Examples
    --------
    >>> from neurokit.metrics import scaling_fit
    >>> fit = scaling_fit([10, 100, 1000], [0.1, 0.2, 0.3], goal=0.5)
    >>> round(float(fit["slope"]), 3), round(fit["n_goal"])
    (0.1, 100000)
    """
    amount, y = np.asarray(n, float), np.asarray(score, float)
    if amount.shape != y.shape or amount.ndim != 1 or not (amount > 0).all():
        raise ValueError(
            "scaling_fit: expects as many scores as positive amounts of data, got shapes"
            f" {amount.shape} and {y.shape}."
        )
    if len(np.unique(amount)) < 2 or not np.isfinite(y).all():
        raise ValueError("scaling_fit: expects finite scores at two different amounts at least.")
    x = np.log10(amount)
    rng = np.random.default_rng(random_state)
    rows = [np.flatnonzero(amount == size) for size in np.unique(amount)]
    draws = np.empty((n_bootstrap, len(y)), np.intp)
    at = 0
    for mine in rows:
        draws[:, at : at + len(mine)] = rng.choice(mine, (n_bootstrap, len(mine)))
        at += len(mine)
    slopes, intercepts = _fit_lines(x[draws], y[draws])
    (slope,), (intercept,) = _fit_lines(x[None], y[None])
    tail = 100 * (1 - confidence) / 2
    found: dict[str, float] = {}
    for name, value, many in (
        ("intercept", intercept, intercepts),
        ("slope", slope, slopes),
    ):
        low, high = np.percentile(many, [tail, 100 - tail])
        found |= {name: value, f"{name}_low": low, f"{name}_high": high}
    if goal is not None:
        needed = _amount_for(goal, np.r_[slope, slopes], np.r_[intercept, intercepts])
        low, high = np.percentile(needed[1:], [tail, 100 - tail], method="nearest")
        found |= {"n_goal": needed[0], "n_goal_low": low, "n_goal_high": high}
    return pd.Series(found, dtype=float)


def _fit_lines(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Least squares of every row of ``y`` on that of ``x``; slopes and intercepts."""
    apart = x - x.mean(axis=1, keepdims=True)
    slope = (apart * y).sum(axis=1) / (apart**2).sum(axis=1)
    return slope, y.mean(axis=1) - slope * x.mean(axis=1)


def _amount_for(goal: float, slope: np.ndarray, intercept: np.ndarray) -> np.ndarray:
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        return np.where(slope > 0, 10.0 ** ((goal - intercept) / slope), np.inf)
