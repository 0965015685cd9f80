"""How much worse a classifier becomes when electrodes fail, in noise, and under attack."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state

from neurokit.decoders.attribution import read_network
from neurokit.inputs.labels import find_space, labelled_or_plain
from neurokit.types import Floats, Labelled, Recording, Targets


def attack(estimator: BaseEstimator, X: Recording, y: Targets, strength: float) -> Labelled:
    """Change trials so that a network takes their labels for the least likely, by one step [1]_.

    Every sample moves by the same share of its channel's spread, to the side on which the
    logarithm of the label's probability falls.

    Parameters
    ----------
    estimator : fitted network classifier, or Pipeline that ends with one
        Behind other steps it is what these hand on that is changed, and returned.
    X : xarray.DataArray of dims (trial, channel, time), mne.Epochs, or array-like
    y : array-like of shape (n_trials,)
        Labels that are to be missed.
    strength : float
        Share of a channel's standard deviation over X.

    Returns
    -------
    xarray.DataArray of dims (trial, channel, time), or ndarray

    Raises
    ------
    TypeError
        If there is no network at the end.
    ValueError
        If the strength is negative.

    References
    ----------
    .. [1] Goodfellow, Shlens and Szegedy (2015), Explaining and harnessing adversarial examples,
       ICLR, section 4.

    Examples
    --------
    >>> from neurokit.datasets import make_motor_imagery
    >>> from neurokit.decoders import EEGNetClassifier, attack
    >>> from neurokit.training import Trainer
    >>> x, _ = make_motor_imagery(1, 16, duration=1.0, n_channels=5, random_state=0)
    >>> decoder = EEGNetClassifier(trainer=Trainer(2, device="cpu"), random_state=0)
    >>> decoder = decoder.fit(x, x["label"])
    >>> attacked = attack(decoder, x, x["label"], 0.1)
    >>> bool(decoder.score(attacked, x["label"]) <= decoder.score(x, x["label"]))
    True
    """
    if not strength >= 0:
        raise ValueError(f"attack: strength must be zero or positive, got {strength!r}.")
    network = read_network("attack", estimator, X, y)
    values = network.seen.values
    spread = values.std((0, 2), dtype=np.float64)[:, None]
    step = strength * spread * np.sign(network.gradients(network.values))
    changed = network.label(values - step)
    if isinstance(changed, xr.DataArray) and network.seen.source is not None:
        changed = changed.assign_attrs(network.seen.source.attrs)
    return changed


def measure_robustness(
    estimator: BaseEstimator,
    X: Recording,
    y: Targets,
    *,
    lost: Sequence[int] = (0, 1, 2, 4),
    noise: Sequence[float] = (0.0, 0.5, 1.0, 2.0),
    attacked: Sequence[float] = (),
    n_draws: int = 5,
    random_state: int | np.random.RandomState | None = 0,
) -> pd.DataFrame:
    """Score a fitted classifier on trials that were spoilt, more and more.

    Parameters
    ----------
    estimator : fitted classifier of trials, or Pipeline
    X : xarray.DataArray of dims (trial, channel, time), mne.Epochs, or array-like
        Trials that ``fit`` has not seen.
    y : array-like of shape (n_trials,)
    lost : sequence of int, default=(0, 1, 2, 4)
        Numbers of channels that fall silent, drawn at random.
    noise : sequence of float, default=(0, 0.5, 1, 2)
        White noise on every channel, in units of its standard deviation over X.
    attacked : sequence of float, default=()
        Strengths of `attack`; only a network can be attacked, alone or at the end of a Pipeline.
    n_draws : int, default=5
        How often channels, and noise, are drawn.
    random_state : int, RandomState or None, default=0

    Returns
    -------
    pandas.DataFrame
        One row for each ``kind`` ("lost", "noise", "attacked") and ``level``: ``accuracy``, its
        mean over draws, and ``sd``, their standard deviation.

    Raises
    ------
    ValueError
        If a level or ``n_draws`` is out of range.
    TypeError
        If something is attacked that is no network.

    Examples
    --------
    >>> from neurokit.datasets import make_motor_imagery
    >>> from neurokit.decoders import make_band_power, measure_robustness
    >>> x, _ = make_motor_imagery(1, 40, n_channels=9, random_state=0)
    >>> decoder = make_band_power({"mu": (9, 13)}).fit(x[:20], x["label"][:20])
    >>> table = measure_robustness(decoder, x[20:], x["label"][20:], lost=[0, 4], noise=[1.0])
    >>> table["kind"].tolist()
    ['lost', 'lost', 'noise']
    """
    given = labelled_or_plain(X)
    if isinstance(given, xr.DataArray):
        given = given.transpose("trial", find_space(estimator, given, "trial"), "time")
    values = np.asarray(given, np.float64)
    n_channels = values.shape[1]
    levels = [*lost, *noise, *attacked]
    if n_draws < 1 or min(levels, default=0) < 0 or max(lost, default=0) > n_channels:
        raise ValueError(
            "measure_robustness: levels must be zero or positive, lost at most the"
            f" {n_channels} channels and n_draws at least 1, got {list(lost)}, {list(noise)},"
            f" {list(attacked)} and {n_draws!r}."
        )
    truth = np.asarray(y)
    rng = check_random_state(random_state)
    spread = values.std((0, 2))[:, None]
    rows: list[tuple[str, float, list[float]]] = []
    for level in lost:
        spoilt = []
        for _ in range(n_draws if 0 < level < n_channels else 1):
            x = values.copy()
            x[:, rng.permutation(n_channels)[:level]] = 0.0
            spoilt.append(_score(estimator, _like(given, x), truth))
        rows.append(("lost", level, spoilt))
    for amount in noise:
        draws = [rng.standard_normal(values.shape) for _ in range(n_draws if amount else 1)]
        found = [_like(given, values + amount * spread * draw) for draw in draws]
        rows.append(("noise", amount, [_score(estimator, x, truth) for x in found]))
    for strength in attacked:
        changed = attack(estimator, X, y, strength)
        last = read_network("measure_robustness", estimator, X, y).classifier
        rows.append(("attacked", strength, [_score(last, changed, truth)]))
    table = [(kind, level, np.mean(found), np.std(found)) for kind, level, found in rows]
    return pd.DataFrame(table, columns=["kind", "level", "accuracy", "sd"])


def _like(given: Labelled, values: Floats) -> Labelled:
    values = values.astype(given.dtype if hasattr(given, "dtype") else np.float64)
    return given.copy(data=values) if isinstance(given, xr.DataArray) else values


def _score(estimator: Any, X: Labelled, truth: Floats) -> float:
    return float((np.asarray(estimator.predict(X)) == truth).mean())
