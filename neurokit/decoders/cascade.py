"""The Wiener cascade: a linear decoder and a curve behind it."""

from typing import Any, Self

import numpy as np
from numpy.polynomial import polynomial
from sklearn.utils.validation import check_is_fitted

from neurokit.decoders.regressor import TimeRegressor, length_of_step
from neurokit.decoders.wiener import WienerRegressor
from neurokit.inputs.chunks import ChunkLabels
from neurokit.inputs.lazily import is_lazy, send_lazily
from neurokit.inputs.past import leave_unknown_out
from neurokit.inputs.series import series
from neurokit.inputs.targets import target
from neurokit.metrics.cost import Cost
from neurokit.solvers.ridge import rows_with_past
from neurokit.types import Floats, Recording, Targets


class WienerCascadeRegressor(TimeRegressor):
    """Wiener filter whose every output goes through a fitted polynomial.

    Firing saturates and hands stand still more often than not: a static curve behind the linear
    filter takes up both. Inputs of the curve are held inside the range seen in training, beyond
    which a polynomial means nothing.

    Parameters
    ----------
    n_lags : int, default=10
        Bins in the window, the present one included.
    degree : int, default=3
        Degree of the polynomials.
    window : float, optional
        Length of the window in seconds; given, it takes the place of ``n_lags``.
    alpha : float or "auto", default="auto"
        As in `WienerRegressor`.
    sampling_rate : float, optional
        In Hz; needed for plain arrays with ``window``.

    Attributes
    ----------
    linear_ : WienerRegressor
        The linear part.
    range_ : ndarray of shape (2, n_outputs)
        Least and greatest linear prediction in training.
    curves_ : ndarray of shape (degree + 1, n_outputs)
        Coefficients of each polynomial, constant first, of the linear prediction scaled so that
        ``range_`` becomes -1 to 1.
    latency_ : float
        One step, in seconds where the rate is known: a count is known when its bin has ended, and
        a prediction waits for nothing else.
    n_features_in_ : int
    channels_ : list
        Names of the units, where they had names.

    Raises
    ------
    ValueError
        If ``degree`` is less than 1, and as `WienerRegressor`.

    References
    ----------
    .. [1] Pohlmeyer et al. (2007), Prediction of upper limb muscle activity from motor cortical
       discharge during reaching, J. Neural Eng. 4(4), 369-379.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> x = rng.normal(size=(800, 4))
    >>> y = np.tanh(x[:, :1] + x[:, 1:2])
    >>> WienerCascadeRegressor(1).fit(x, y).score(x, y) > 0.95
    True
    """

    def __init__(
        self,
        n_lags: int = 10,
        *,
        degree: int = 3,
        window: float | None = None,
        alpha: float | str = "auto",
        sampling_rate: float | None = None,
    ) -> None:
        self.n_lags = n_lags
        self.degree = degree
        self.window = window
        self.alpha = alpha
        self.sampling_rate = sampling_rate

    def fit(self, X: Recording, y: Targets | None) -> Self:
        """Fit the linear part, then the curve on its predictions.

        Parameters
        ----------
        X : xarray.DataArray with dims ([trial,] unit, time), or array-like (n_times, n_units)
        y : xarray.DataArray with dims ([trial,] time, feature), or array-like (n_times, n_outputs)

        Returns
        -------
        self
        """
        rows = series(self, X, reset=True, past=True)
        truth = target(self, y, rows)
        if self.degree < 1:
            raise ValueError(
                f"WienerCascadeRegressor: degree must be at least 1, got {self.degree!r}."
            )
        self._remember_target(truth)
        self.linear_ = WienerRegressor(
            self.n_lags, window=self.window, alpha=self.alpha, sampling_rate=self.sampling_rate
        ).fit(X if rows.source is None else rows.source, truth.values)
        rows, truth = leave_unknown_out(rows, truth)
        known = rows_with_past(rows.runs, self.linear_.coef_.shape[1] - 1)
        linear = self.linear_._predict(rows)[known]
        self.range_ = np.stack([linear.min(0), linear.max(0)])
        scaled = self._scale(linear)
        degree = min(self.degree, len(scaled) - 1)
        self.curves_ = np.stack(
            [
                np.linalg.lstsq(polynomial.polyvander(x, degree), z)[0]
                for x, z in zip(scaled.T, truth.values[known].T, strict=True)
            ],
            axis=1,
        )
        self.latency_ = length_of_step(rows.sampling_rate)
        return self

    def predict(self, X: Recording) -> Any:
        """Predict the movement at every time step.

        Parameters
        ----------
        X : as in `fit`

        Returns
        -------
        xarray.DataArray with dims ([trial,] time, feature), or ndarray
        """
        check_is_fitted(self)
        if is_lazy(X):
            return send_lazily(self, "predict", X)
        rows = series(self, X, reset=False, past=True)
        return self._label(rows, self._bend(self.linear_._predict(rows)))

    def stream(self) -> "_Stream":
        """Begin a live recording.

        Returns
        -------
        stream
            ``push(chunk)`` takes the next counts, shape (n, n_units), and returns as many
            predictions, shape (n, n_outputs), those of `predict`. ``flush()`` returns no more.
        """
        check_is_fitted(self)
        return _Stream(self)

    def cost(self, X: Recording) -> Cost:
        """Return what the fitted estimator costs at each time step.

        Parameters
        ----------
        X : as in `fit`

        Returns
        -------
        neurokit.metrics.cost.Cost
            That of the linear part, and a multiply-accumulate for each coefficient of a curve.
        """
        check_is_fitted(self)
        (linear,), latency = self.linear_.cost(X)
        more = float(self.curves_.size)
        operations = linear.operations._replace(
            effective_macs=linear.operations.effective_macs + more,
            dense=linear.operations.dense + more,
        )
        size = linear.n_parameters + self.curves_.size
        return Cost(
            (linear._replace(operations=operations, n_parameters=size, n_bytes=8 * size),), latency
        )

    def _scale(self, linear: Floats) -> Floats:
        low, high = self.range_
        half = np.maximum((high - low) / 2, np.finfo(np.float64).tiny)
        return np.clip((linear - (low + high) / 2) / half, -1.0, 1.0)

    def _bend(self, linear: Floats) -> Floats:
        return polynomial.polyval(self._scale(linear), self.curves_[:, None, :], tensor=False)


class _Stream:
    """One live recording through the linear part and the curve."""

    def __init__(self, cascade: WienerCascadeRegressor) -> None:
        self._linear = cascade.linear_.stream()
        self._linear.labels = ChunkLabels.of_fit(cascade)
        self._bend = cascade._bend

    def push(self, chunk: Floats) -> Floats:
        return self._bend(self._linear.push(chunk))

    def flush(self) -> Floats:
        return self._linear.flush()
