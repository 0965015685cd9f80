"""What all decoders along time share: their score, their tags, how predictions are labelled."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin

from neurokit.inputs.series import Series
from neurokit.inputs.targets import Target
from neurokit.metrics.regression import decoding_r2
from neurokit.persistence import Saveable
from neurokit.types import Floats, Recording, Targets

if TYPE_CHECKING:
    from sklearn.utils import Tags


class TimeRegressor(Saveable, RegressorMixin, BaseEstimator):
    """Base of the regressors that predict behaviour at every time step."""

    def score(self, X: Recording, y: Targets, sample_weight: None = None) -> float:
        """Return the mean R2 over outputs, in real time: no prediction is moved back.

        Parameters
        ----------
        X, y : as in ``fit``
        sample_weight : None
            Not used; every time step counts the same.

        Returns
        -------
        float
        """
        return float(decoding_r2(y, self.predict(X)).realtime)

    def _remember_target(self, y: Target) -> None:
        self.features_ = y.names
        self.feature_dim_ = y.dim
        self.flat_ = y.flat

    def _label(self, rows: Series, out: Floats) -> Any:
        if self.flat_:
            return rows.label(out[:, 0], self.feature_dim_, None)
        return rows.label(out, self.feature_dim_, self.features_)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        tags.target_tags.required = True
        return tags


def length_of_step(rate: float | None) -> float:
    """Return how long one step lasts, in seconds; 1 where no rate is known.

    A count stamped t covers [t, t + step): a decision stamped t was not known at t, but one step
    later at the earliest. ``latency_`` of every decoder begins with that step.
    """
    return 1.0 / (rate or 1.0)


def check_known(estimator: BaseEstimator, y: Target) -> None:
    """Refuse another number of outputs than ``fit`` has seen."""
    if y.values.shape[1] != len(np.atleast_1d(estimator.intercept_)):
        raise ValueError(
            f"{type(estimator).__name__}: y has {y.values.shape[1]} outputs, before there were"
            f" {len(np.atleast_1d(estimator.intercept_))}; fit a new decoder."
        )
