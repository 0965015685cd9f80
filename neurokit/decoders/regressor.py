"""What all decoders along time share: their score, their tags, how predictions are labelled."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import xarray as xr
from sklearn.base import BaseEstimator, RegressorMixin

from neurokit.inputs.series import Series
from neurokit.inputs.targets import Target
from neurokit.metrics.regression import decoding_r2
from neurokit.persistence import Saveable
from neurokit.recording.labels import in_order_of
from neurokit.types import Doubles, Floats, Recording, Targets

if TYPE_CHECKING:
    from sklearn.utils import Tags


class TimeRegressor(Saveable, RegressorMixin, BaseEstimator):
    """Base of the regressors that predict behaviour at every time step.

    X may be a history. Rows that begin a stretch and hold NaN, where its past is not known, are
    not learnt from; in predictions the mean over the other rows, ``past_mean_``, stands there.
    """

    past_mean_: Doubles | None = None  # in files written before there was one

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


def match_outputs(estimator: TimeRegressor, y: Target, n_outputs: int) -> Target:
    """Put outputs in the order that ``fit`` has seen; refuse others, or another number of them."""
    name = type(estimator).__name__
    if y.values.shape[1] != n_outputs:
        raise ValueError(
            f"{name}: y has {y.values.shape[1]} outputs, before there were {n_outputs}; fit a new"
            " decoder."
        )
    if y.names is None or estimator.features_ is None:
        return y
    columns = xr.DataArray(y.values, dims=("row", y.dim), coords={y.dim: y.names})
    put = in_order_of(name, "y", columns, y.dim, estimator.features_)
    return y._replace(values=put.values, names=put[y.dim].values.tolist())
