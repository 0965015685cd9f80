"""The Wiener filter: linear decoding from the recent past, the baseline for all others."""

from typing import Any, Self

import numpy as np
from sklearn.utils.validation import check_is_fitted

from neurokit.decoders.regressor import TimeRegressor, length_of_step, match_outputs
from neurokit.features.lags import count_lags
from neurokit.inputs.chunks import ChunkLabels
from neurokit.inputs.lazily import is_lazy, send_lazily
from neurokit.inputs.past import leave_unknown_out
from neurokit.inputs.series import Series, series
from neurokit.inputs.targets import target
from neurokit.metrics.cost import Cost, Part, count_products
from neurokit.solvers.ridge import Moments, choose_penalty, lagged_moments, ridge, rows_with_past
from neurokit.streaming import History, check_chunk
from neurokit.types import Floats, Recording, Targets


class WienerRegressor(TimeRegressor):
    """Predict movement as a weighted sum of the last bins of every unit.

    Ridge regression on a causal window of counts, in closed form: fast to fit, nothing to tune,
    and hard to beat by much. The lagged matrix is never built; the sums of products that a fit
    needs take ``n_lags`` times less work than from that matrix.

    Histories do not reach across a jump of the clock or into another trial. Steps whose window
    reaches before the beginning of a stretch are not learned from (but where no stretch is as
    long as a window); in predictions, what is unknown there stands at the unit's mean.

    Parameters
    ----------
    n_lags : int, default=10
        Bins in the window, the present one included.
    window : float, optional
        Length of the window in seconds; given, it takes the place of ``n_lags``.
    alpha : float or "auto", default="auto"
        Ridge penalty, as in `sklearn.linear_model.Ridge` on the lagged counts. ``"auto"`` chooses
        one for each output by cross-validation over five blocks of successive time (samples next
        to each other are too alike for leaving single ones out), in closed form.
    memory : float, default=1.0
        Weight that `partial_fit` leaves to all that was learnt before, 0 to 1.
    sampling_rate : float, optional
        In Hz; needed for plain arrays with ``window``.

    Attributes
    ----------
    coef_ : ndarray of shape (n_outputs, n_lags, n_units)
        Weight of each unit, ``lag`` bins back.
    intercept_ : ndarray of shape (n_outputs,)
    alpha_ : ndarray of shape (n_outputs,)
        Penalty used.
    mean_ : ndarray of shape (n_units,)
        Mean of every unit over the data of ``fit``.
    moments_ : tuple
        Sums from which the weights were solved, for `partial_fit`.
    latency_ : float
        One step, in seconds where the rate is known: a count is known when its bin has ended, and
        a prediction waits for nothing else.
    n_features_in_ : int
    channels_ : list
        Names of the units, where they had names.

    Raises
    ------
    ValueError
        If the window holds no bin, or ``alpha`` or ``memory`` is out of range.

    References
    ----------
    .. [1] Carmena et al. (2003), Learning to control a brain-machine interface for reaching and
       grasping by primates, PLoS Biol. 1(2), e42.
    .. [2] Glaser et al. (2020), Machine learning for neural decoding, eNeuro 7(4).

    Examples
    --------
    >>> from neurokit.recording import behaviour, counts
    >>> rng = np.random.default_rng(0)
    >>> x = counts(rng.poisson(3, (5, 400)), bin_width=0.05)
    >>> y = behaviour(np.roll(x.values[:2].T, 1, axis=0), sampling_rate=20, features=["vx", "vy"])
    >>> decoder = WienerRegressor(n_lags=3).fit(x, y)
    >>> round(decoder.score(x, y), 2), decoder.predict(x).dims
    (1.0, ('time', 'feature'))
    """

    def __init__(
        self,
        n_lags: int = 10,
        *,
        window: float | None = None,
        alpha: float | str = "auto",
        memory: float = 1.0,
        sampling_rate: float | None = None,
    ) -> None:
        self.n_lags = n_lags
        self.window = window
        self.alpha = alpha
        self.memory = memory
        self.sampling_rate = sampling_rate

    def fit(self, X: Recording, y: Targets | None) -> Self:
        """Solve for the weights.

        Parameters
        ----------
        X : xarray.DataArray with dims ([trial,] unit, time), or array-like (n_times, n_units)
        y : xarray.DataArray with dims ([trial,] time, feature), or array-like (n_times, n_outputs)

        Returns
        -------
        self
        """
        rows = series(self, X, reset=True, past=True)
        rows, truth = leave_unknown_out(rows, target(self, y, rows))
        self._check()
        self._remember_target(truth)
        n_lags = count_lags(self, rows.sampling_rate, len(rows.values))
        self.mean_ = rows.values.mean(0, dtype=np.float64)
        n_known = len(rows_with_past(rows.runs, n_lags - 1))
        n_blocks = min(5, n_known // 2) if self.alpha == "auto" else 1
        blocks = lagged_moments(
            rows.values - self.mean_, truth.values, rows.runs, n_lags, max(n_blocks, 1)
        )
        moments = blocks[0]
        for block in blocks[1:]:
            moments = moments.plus(block)
        if len(blocks) > 1:
            self.alpha_ = choose_penalty(blocks)
        else:
            alpha = 1.0 if self.alpha == "auto" else float(self.alpha)
            self.alpha_ = np.full(truth.values.shape[1], alpha)
        self.latency_ = length_of_step(rows.sampling_rate)
        self._solve(moments, n_lags)
        return self

    def partial_fit(self, X: Recording, y: Targets | None) -> Self:
        """Learn from more data, such as a new day's, as if fitted on all of it at once.

        Penalty, window and the mean that stands for unknown bins stay those of ``fit``. With
        ``memory`` below 1, what was learnt before counts less.

        Parameters
        ----------
        X, y : as in `fit`

        Returns
        -------
        self
        """
        if not hasattr(self, "coef_"):
            return self.fit(X, y)
        rows = series(self, X, reset=False, past=True)
        rows, truth = leave_unknown_out(rows, target(self, y, rows))
        self._check_memory()
        truth = match_outputs(self, truth, len(self.intercept_))
        n_lags = self.coef_.shape[1]
        (new,) = lagged_moments(rows.values - self.mean_, truth.values, rows.runs, n_lags, 1)
        self._solve(new.plus(Moments(*self.moments_), self.memory), n_lags)
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
        return self._label(rows, self._predict(rows))

    def stream(self) -> "_Stream":
        """Begin a live recording.

        Returns
        -------
        stream
            ``push(chunk)`` takes the next counts, shape (n, n_units), and returns as many
            predictions, shape (n, n_outputs), those of `predict`. ``flush()`` returns no more.
        """
        check_is_fitted(self)
        stream = _Stream(self.coef_, self.intercept_, self.mean_)
        stream.labels = ChunkLabels.of_fit(self)
        return stream

    def cost(self, X: Recording) -> Cost:
        """Return what the fitted estimator costs at each time step.

        Parameters
        ----------
        X : as in `fit`

        Returns
        -------
        neurokit.metrics.cost.Cost
            Products with counts; steps that see nothing but 0 and 1 cost additions.
        """
        check_is_fitted(self)
        rows = series(self, X, reset=False, past=True)
        size = self.coef_.size + self.intercept_.size
        operations = count_products(self.coef_, rows.values, rows.runs)
        sparsity = float((self.coef_ == 0).mean())
        return Cost((Part(operations, size, 8 * size, sparsity=sparsity),), self.latency_)

    def _predict(self, rows: Series) -> Floats:
        n_outputs, n_lags, n_units = self.coef_.shape
        out = np.tile(self.intercept_, (len(rows.values), 1))
        weights = self.coef_.transpose(2, 1, 0).reshape(n_units, -1)
        parts = ((rows.values - self.mean_) @ weights).reshape(-1, n_lags, n_outputs)
        for run in rows.runs:
            for lag in range(min(n_lags, run.stop - run.start)):
                out[run.start + lag : run.stop] += parts[run.start : run.stop - lag, lag]
        return out

    def _solve(self, moments: Moments, n_lags: int) -> None:
        weights, self.intercept_ = ridge(moments, self.alpha_)
        self.coef_ = np.ascontiguousarray(weights.T).reshape(len(self.intercept_), n_lags, -1)
        self.moments_: tuple[Any, ...] = tuple(moments)

    def _check(self) -> None:
        if self.alpha != "auto" and (isinstance(self.alpha, str) or not 0 <= self.alpha < np.inf):
            raise ValueError(
                f'WienerRegressor: alpha must be "auto" or a number, 0 or more, got'
                f" {self.alpha!r}."
            )
        self._check_memory()

    def _check_memory(self) -> None:
        if not 0 <= self.memory <= 1:
            raise ValueError(
                f"WienerRegressor: memory must lie between 0 and 1, got {self.memory!r}."
            )


class _Stream:
    """The last bins of one live recording, and the weights laid out for one product."""

    labels: ChunkLabels | None = None  # of what fit has seen

    def __init__(self, coef: Floats, intercept: Floats, mean: Floats) -> None:
        n_outputs, n_lags, n_units = coef.shape
        self._weights = np.ascontiguousarray(coef[:, ::-1].reshape(n_outputs, -1).T)
        self._offset = intercept - coef.sum(1) @ mean
        self._history = History(np.tile(mean, (n_lags - 1, 1)))
        self._shape = n_lags * n_units
        self._n_units = n_units

    def push(self, chunk: Floats) -> Floats:
        chunk = check_chunk("WienerRegressor", chunk, self._n_units, labels=self.labels)
        rows = self._history.push(chunk).reshape(-1)
        n = len(chunk)
        if n == 0:
            return self.flush()
        if n == 1:  # oldest bin first, as the weights: one product
            return (rows @ self._weights + self._offset)[None]
        windows = np.lib.stride_tricks.sliding_window_view(rows, self._shape)
        return windows[:: self._n_units] @ self._weights + self._offset

    def flush(self) -> Floats:
        return np.empty((0, len(self._offset)))
