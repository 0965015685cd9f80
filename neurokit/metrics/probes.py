"""Frozen probes: how much of a label can be read from features by a linear classifier."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score, cohen_kappa_score, roc_auc_score
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from neurokit.metrics.fidelity import BANDS, _bins, pair, rate_of


def probe(
    features: Mapping[str, Any],
    y: Any,
    groups: Any,
    *,
    seeds: Sequence[int] = (0, 1, 2, 3, 4),
    n_splits: int = 5,
    C: float = 1.0,
) -> pd.DataFrame:
    """Compare features by logistic regression under one cross-validation that keeps groups apart.

    All rows see the same folds. A row ``chance`` is added: the first features with shuffled
    labels. Put controls beside codes and latents yourself: `log_band_power`, the raw signal, a
    tokenizer that was never trained.

    Parameters
    ----------
    features : mapping of name to array-like of shape (n_trials, ...)
        Each is flattened to (n_trials, n_features) and standardised inside each fold.
    y : array-like of shape (n_trials,)
        Labels.
    groups : array-like of shape (n_trials,)
        Subjects, sessions or runs: none is split between training and test.
    seeds : sequence of int, default=(0, 1, 2, 3, 4)
        One shuffled split each.
    n_splits : int, default=5
        Folds per split; at most the number of groups.
    C : float, default=1.0
        Inverse strength of the ridge penalty.

    Returns
    -------
    DataFrame
        One row per entry of `features` and ``chance``: ``balanced_accuracy``, ``kappa`` and
        ``auroc`` (one against the rest, averaged over classes), the mean over seeds of the score
        over all held-out trials, and the same with ``_sd``, the deviation between seeds.

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
    tables = {name: _rows(values) for name, values in features.items()}
    lengths = {name: len(table) for name, table in tables.items()} | {"groups": len(names)}
    if not tables or any(n != len(labels) for n in lengths.values()):
        raise ValueError(
            f"probe: expects features and groups for each of {len(labels)} labels, got {lengths}."
        )
    n_groups, classes = len(np.unique(names)), np.unique(labels)
    if n_groups < 2 or len(classes) < 2:
        raise ValueError(
            f"probe: expects two groups and two classes or more, got {n_groups} and"
            f" {len(classes)}."
        )
    if not all(np.isfinite(table).all() for table in tables.values()):
        raise ValueError("probe: expects finite features, got NaN or infinity; leave them out.")
    scores: dict[str, list[tuple[float, float, float]]] = {n: [] for n in (*tables, "chance")}
    for seed in seeds:
        folds = StratifiedGroupKFold(min(n_splits, n_groups), shuffle=True, random_state=seed)
        splits = list(folds.split(labels, labels, names))
        shuffled = np.random.default_rng(seed).permutation(labels)
        first = next(iter(tables.values()))
        for name in scores:
            target = shuffled if name == "chance" else labels
            scores[name].append(_score(tables.get(name, first), target, splits, classes, C))
    metrics = ["balanced_accuracy", "kappa", "auroc"]
    means = pd.DataFrame({n: np.mean(s, axis=0) for n, s in scores.items()}, index=metrics).T
    deviations = pd.DataFrame({n: np.std(s, axis=0) for n, s in scores.items()}, index=metrics).T
    return means.join(deviations.add_suffix("_sd")).rename_axis("features")


def _score(
    table: np.ndarray,
    labels: np.ndarray,
    splits: list[tuple[np.ndarray, np.ndarray]],
    classes: np.ndarray,
    C: float,
) -> tuple[float, float, float]:
    chance = np.zeros((len(labels), len(classes)))
    tested = np.zeros(len(labels), bool)
    for train, test in splits:
        if len(np.unique(labels[train])) < 2:
            chance[test, np.searchsorted(classes, labels[train][0])] = 1.0
        else:
            model = make_pipeline(StandardScaler(), LogisticRegression(C=C, max_iter=2000))
            model.fit(table[train], labels[train])
            columns = np.searchsorted(classes, model.classes_)
            chance[np.ix_(test, columns)] = model.predict_proba(table[test])
        tested[test] = True
    truth, chance = labels[tested], chance[tested]
    guess = classes[chance.argmax(1)]
    if len(classes) == 2:
        auroc = roc_auc_score(truth == classes[1], chance[:, 1])
    else:
        auroc = np.mean([roc_auc_score(truth == c, chance[:, i]) for i, c in enumerate(classes)])
    return (
        float(balanced_accuracy_score(truth, guess)),
        float(cohen_kappa_score(truth, guess)),
        float(auroc),
    )


def log_band_power(
    X: Any,
    *,
    sampling_rate: float | None = None,
    bands: Mapping[str, tuple[float, float]] | None = None,
) -> np.ndarray:
    """Log power of each channel in each band: the control that learned features must beat.

    Parameters
    ----------
    X : DataArray with ``time``, or array-like of shape (..., n_times)
        Trials.
    sampling_rate : float, optional
        In Hz; needed for plain arrays.
    bands : mapping of name to (low, high), default=`neurokit.metrics.BANDS`
        In Hz; those without a bin below half the rate are left out.

    Returns
    -------
    ndarray of shape (..., n_bands)
        Natural log of the mean squared signal in the band; of silence, that of 1e-12 times the
        loudest.

    Raises
    ------
    ValueError
        If no band has a bin.

    Examples
    --------
    >>> t = np.arange(500) / 250
    >>> power = log_band_power(np.sin(2 * np.pi * 10 * t), sampling_rate=250)
    >>> int(power.argmax()), round(float(np.exp(power.max())), 6)
    (2, 0.5)
    """
    rate = rate_of(X, sampling_rate, "log_band_power")
    a, _, _ = pair(X, X, "log_band_power")
    f, weight = _bins(a.shape[-1], rate)
    density = weight * np.abs(np.fft.rfft(a)) ** 2 / a.shape[-1] ** 2
    kept = [(f >= low) & (f < high) for low, high in (BANDS if bands is None else bands).values()]
    if not any(k.any() for k in kept):
        raise ValueError(f"log_band_power: no band has a bin below {rate / 2:g} Hz.")
    power = np.stack([density[..., k].sum(-1) for k in kept if k.any()], axis=-1)
    floor = 1e-12 * max(float(power.max(initial=0.0)), np.finfo(float).tiny)
    return np.log(np.maximum(power, floor))


def concatenation_pool(features: Any, n_segments: int) -> np.ndarray:
    """Average features over each of several stretches of time and put the averages side by side.

    One average over a whole trial forgets when things happened; this keeps it at the price of
    more features.

    Parameters
    ----------
    features : array-like of shape (n_trials, ..., n_frames, n_features)
        Embeddings or latents by frame.
    n_segments : int
        Stretches, as equal as they can be.

    Returns
    -------
    ndarray of shape (n_trials, ..., n_segments * n_features)
        For `probe`.

    Raises
    ------
    ValueError
        If there are fewer frames than stretches.

    Examples
    --------
    >>> concatenation_pool([[[0.0], [2.0], [5.0], [7.0]]], 2)
    array([[1., 6.]])
    """
    values = np.asarray(features, dtype=np.float64)
    if values.ndim < 3 or not 1 <= n_segments <= values.shape[-2]:
        raise ValueError(
            "concatenation_pool: expects features (trial, ..., frame, feature) with at least"
            f" {n_segments} frames, got shape {values.shape}."
        )
    parts = np.array_split(values, n_segments, axis=-2)
    return np.concatenate([part.mean(-2) for part in parts], axis=-1)


def code_histogram(tokens: Any, codebook_sizes: Sequence[int], n_segments: int = 1) -> np.ndarray:
    """One-hot codes pooled over time: how often each code of each level occurs.

    Parameters
    ----------
    tokens : DataArray (trial, channel, frame, level), or array-like of that shape
        Integers from 0 on.
    codebook_sizes : sequence of int
        Codes of each level.
    n_segments : int, default=1
        Stretches of time that are counted apart.

    Returns
    -------
    ndarray of shape (n_trials, n_channels, n_segments * sum of codebook_sizes)
        Frequencies, for `probe`.

    Raises
    ------
    ValueError
        If the shape does not fit.

    Examples
    --------
    >>> code_histogram([[[[0], [2], [2], [2]]]], [3])
    array([[[0.25, 0.  , 0.75]]])
    """
    if isinstance(tokens, xr.DataArray):
        tokens = tokens.transpose("trial", "channel", "frame", "level").values
    codes = np.asarray(tokens)
    if codes.ndim != 4 or codes.shape[-1] != len(codebook_sizes):
        raise ValueError(
            "code_histogram: expects tokens (trial, channel, frame, level) with"
            f" {len(codebook_sizes)} levels, got shape {codes.shape}."
        )
    total, offset = int(np.sum(codebook_sizes)), np.cumsum([0, *codebook_sizes])[:-1]
    parts = []
    for part in np.array_split(codes + offset, n_segments, axis=2):
        rows = part.reshape(codes.shape[0] * codes.shape[1], -1)
        flat = (np.arange(len(rows))[:, None] * total + rows).ravel()
        counts = np.bincount(flat, minlength=len(rows) * total).reshape(len(rows), total)
        parts.append(counts / max(part.shape[2], 1))
    return np.concatenate(parts, axis=1).reshape(*codes.shape[:2], -1)


def _rows(values: Any) -> np.ndarray:
    array = np.asarray(values, dtype=np.float64)
    return array.reshape(len(array), -1)
