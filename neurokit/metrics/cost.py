"""What an estimator costs, as it tells by itself: operations, parameters, memory, delay."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np
from sklearn.base import BaseEstimator

from neurokit.metrics.neurobench import Operations
from neurokit.types import Floats, Recording

NOTHING = Operations(0.0, 0.0, 0.0, float("nan"), 0.0)


class Part(NamedTuple):
    """One part of what an estimator does, such as a decoder or the filter behind it.

    Attributes
    ----------
    operations : Operations
        Per time step, or per trial for what takes trials.
    n_parameters : int
    n_bytes : int
        Bytes of the parameters.
    n_states : int
        Numbers that are kept from step to step.
    sparsity : float
        Part of the connections that is zero.
    weight_bits : int
    activation_bits : int
        Bits of what weights are multiplied by, unless it is a spike.
    """

    operations: Operations
    n_parameters: int = 0
    n_bytes: int = 0
    n_states: int = 0
    sparsity: float = 0.0
    weight_bits: int = 64
    activation_bits: int = 64


class Cost(NamedTuple):
    """All parts of an estimator, the main one first, and how long an output waits.

    Attributes
    ----------
    parts : tuple of Part
    latency : float
        In seconds.

    Examples
    --------
    >>> filtering = multiply(96, n_parameters=32)
    >>> decoding = multiply(960, n_parameters=962)
    >>> [part.n_parameters for part in decoding.then(filtering).parts]
    [962, 32]
    """

    parts: tuple[Part, ...]
    latency: float = 0.0

    def then(self, other: Cost) -> Cost:
        """Return the cost of both, one after the other, with what this one is mainly."""
        return Cost(self.parts + other.parts, self.latency + other.latency)

    def times(self, share: float) -> Cost:
        """Return the cost of what is done that often; what it needs to be kept stays."""
        scaled = []
        for part in self.parts:
            macs, acs, dense, sparsity, updates = part.operations
            operations = Operations(
                macs * share, acs * share, dense * share, sparsity, updates * share
            )
            scaled.append(part._replace(operations=operations))
        return Cost(tuple(scaled), self.latency)


@runtime_checkable
class TellsCost(Protocol):
    """An estimator that tells what it costs."""

    def cost(self, X: Recording) -> Cost:
        """Return what the fitted estimator costs on these recordings."""


def multiply(
    macs: float, *, n_parameters: int = 0, n_states: int = 0, latency: float = 0.0
) -> Cost:
    """Return the cost of so many multiply-accumulates a step, in double precision.

    Parameters
    ----------
    macs : float
    n_parameters, n_states : int, default=0
    latency : float, default=0.0
        In seconds.

    Returns
    -------
    Cost
    """
    operations = Operations(float(macs), 0.0, float(macs), float("nan"), 0.0)
    return Cost((Part(operations, n_parameters, 8 * n_parameters, n_states),), latency)


def add_up(acs: float, *, n_parameters: int = 0, n_states: int = 0) -> Cost:
    """Return the cost of so many additions or comparisons a step, as `multiply`."""
    operations = Operations(0.0, float(acs), float(acs), float("nan"), 0.0)
    return Cost((Part(operations, n_parameters, 8 * n_parameters, n_states),))


def cost_of(estimator: BaseEstimator, X: Recording) -> Cost:
    """Return what an estimator costs, a pipeline of such estimators included.

    Parameters
    ----------
    estimator : fitted estimator
        One that tells its cost, a linear model of scikit-learn, or a pipeline of these.
    X : as its ``predict`` or ``transform`` takes

    Returns
    -------
    Cost
        The last step of a pipeline is the main part.

    Raises
    ------
    TypeError
        If an estimator does not tell its cost.

    Examples
    --------
    >>> import numpy as np
    >>> from neurokit.decoders import WienerRegressor
    >>> x = np.random.default_rng(0).normal(size=(50, 4))
    >>> cost_of(WienerRegressor(3).fit(x, x[:, :2]), x).parts[0].n_parameters
    26
    """
    from sklearn.pipeline import Pipeline

    if isinstance(estimator, Pipeline):
        before = []
        for _, step in estimator.steps[:-1]:
            before.append(cost_of(step, X))
            X = step.transform(X)
        total = cost_of(estimator.steps[-1][1], X)
        for cost in before:
            total = total.then(cost)
        return total
    if isinstance(estimator, TellsCost):
        return estimator.cost(X)
    if isinstance(estimator, _linear_models()):
        model: Any = estimator
        n_weights = np.size(model.coef_)
        return multiply(n_weights, n_parameters=n_weights + np.size(model.intercept_))
    raise TypeError(
        f"footprint: expects fitted estimators that tell their cost, got"
        f" {type(estimator).__name__}; count its parts with neurokit.metrics.neurobench."
    )


def count_products(coef: Floats, rows: Floats, runs: Sequence[slice], more: int = 0) -> Operations:
    """Count the products of (output, lag, unit) weights with lagged counts.

    Parameters
    ----------
    coef : ndarray of shape (n_outputs, n_lags, n_units)
    rows : ndarray of shape (n_times, n_units)
    runs : sequence of slice
        Stretches across whose ends no lag reaches.
    more : int, default=0
        Multiply-accumulates of each step besides.

    Returns
    -------
    Operations
        Steps whose window holds nothing but -1, 0 and 1 cost accumulates.
    """
    used = (coef != 0).sum(0)  # (lag, unit)
    effective, plain = np.zeros(len(rows)), np.ones(len(rows), bool)
    per_lag = (rows != 0) @ used.T
    spikes = np.logical_and.reduce(np.isin(rows, (-1, 0, 1)), axis=1)
    for run in runs:
        for lag in range(min(len(used), run.stop - run.start)):
            here, there = slice(run.start + lag, run.stop), slice(run.start, run.stop - lag)
            effective[here] += per_lag[there, lag]
            plain[here] &= spikes[there]
    macs = effective[~plain].sum() / len(rows) + more
    acs = effective[plain].sum() / len(rows)
    return Operations(macs, acs, float(coef.size + more), float("nan"), 0.0)


def _linear_models() -> tuple[type, ...]:
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
    from sklearn.linear_model import (
        LinearRegression,
        LogisticRegression,
        Ridge,
        RidgeClassifier,
        RidgeCV,
    )

    return (
        LinearDiscriminantAnalysis,
        LinearRegression,
        LogisticRegression,
        Ridge,
        RidgeClassifier,
        RidgeCV,
    )
