"""The Kalman filter: decoding that knows how movements go on."""

from typing import Any, Self

import numpy as np
from sklearn.utils.validation import check_is_fitted

from neurokit.decoders.regressor import TimeRegressor, length_of_step, match_outputs
from neurokit.inputs.chunks import ChunkLabels
from neurokit.inputs.lazily import is_lazy, send_lazily
from neurokit.inputs.past import leave_unknown_out
from neurokit.inputs.series import Series, series
from neurokit.inputs.targets import Target, target
from neurokit.metrics.cost import Cost, Part, count_products
from neurokit.solvers.riccati import settle
from neurokit.streaming import check_chunk
from neurokit.types import Doubles, Recording, State, Targets

_NO_SPREAD = 1e-20  # variance that is rounding
_SETTLED = 1e-13  # relative change of the error covariance below which the gain stands


class KalmanRegressor(TimeRegressor):
    r"""Predict movement from the present counts and the movement predicted so far.

    The state is what is to be predicted: positions, velocities, accelerations, as many as
    ``y`` has. It goes on by :math:`z_t = A z_{t-1} + w_t`, :math:`w \sim N(0, W)`, and is seen
    through the counts, :math:`x_t = H z_t + q_t`, :math:`q \sim N(0, Q)`, all about their means.
    ``fit`` finds :math:`A, W, H, Q` by least squares; the correlations in :math:`Q`, which many
    units and little data make too sharp, are shrunk. ``predict`` filters: it uses counts up to
    each step, and never the true movement, not even to begin with; each stretch of recording
    begins at the mean movement, with the spread of the training data.

    The gain depends on time but not on data and settles within a few steps; from there on the
    filter is one constant recursion. Whatever the number of units, a step costs one product with
    them and a few small ones.

    Parameters
    ----------
    process_scale : float, default=1.0
        Factor on :math:`W`: above 1 the counts weigh more, below 1 the smoothness of movements.
    memory : float, default=1.0
        Weight that `partial_fit` leaves to all that was learnt before, 0 to 1.

    Attributes
    ----------
    transition_ : ndarray of shape (n_outputs, n_outputs)
        :math:`A`.
    transition_cov_ : ndarray of shape (n_outputs, n_outputs)
        :math:`W`, before scaling.
    observation_ : ndarray of shape (n_units, n_outputs)
        :math:`H`.
    observation_cov_ : ndarray of shape (n_units, n_units)
        :math:`Q`, shrunk by the OAS formula.
    initial_cov_ : ndarray of shape (n_outputs, n_outputs)
        Spread of the movement where a stretch begins.
    gain_ : ndarray of shape (n_outputs, n_units)
        The gain once it has settled.
    evidence_ : ndarray of shape (n_outputs, n_units)
        :math:`H^\top Q^{-1}`.
    forward_, inward_ : ndarray of shape (n_steps, n_outputs, n_outputs)
        What each step takes over of the state before it and of the evidence; the last ones hold
        from there on.
    mean_ : ndarray of shape (n_units,)
    intercept_ : ndarray of shape (n_outputs,)
        Mean movement.
    process_scale_ : float
        What ``fit`` was given.
    latency_ : float
        One step, in seconds where the rate is known: a count is known when its bin has ended, and
        a prediction waits for nothing else.
    moments_ : dict
        Sums from which the model was solved, for `partial_fit`.
    n_features_in_ : int
    channels_ : list
        Names of the units, where they had names.

    Raises
    ------
    ValueError
        If there are no two steps in a row, or a parameter is out of range.

    References
    ----------
    .. [1] Wu et al. (2003), Neural decoding of cursor motion using a Kalman filter, Advances in
       Neural Information Processing Systems 15, eq. 1-9.
    .. [2] Chen et al. (2010), Shrinkage algorithms for MMSE covariance estimation, IEEE Trans.
       Signal Process. 58(10), 5016-5029.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> y = np.cumsum(rng.normal(size=(500, 2)), axis=0)
    >>> x = y @ rng.normal(size=(2, 20)) + rng.normal(size=(500, 20))
    >>> KalmanRegressor().fit(x, y).score(x, y) > 0.99
    True
    """

    def __init__(self, *, process_scale: float = 1.0, memory: float = 1.0) -> None:
        self.process_scale = process_scale
        self.memory = memory

    def fit(self, X: Recording, y: Targets | None) -> Self:
        """Fit the four matrices.

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
        self._check(self.process_scale)
        self._keep_plan()
        self._remember_target(truth)
        self.latency_ = length_of_step(rows.sampling_rate)
        self._solve(_moments(rows, truth))
        return self

    def partial_fit(self, X: Recording, y: Targets | None) -> Self:
        """Learn from more data, such as a new day's, as if fitted on all of it at once.

        Parameters
        ----------
        X, y : as in `fit`

        Returns
        -------
        self
        """
        if not hasattr(self, "transition_"):
            return self.fit(X, y)
        rows = series(self, X, reset=False, past=True)
        rows, truth = leave_unknown_out(rows, target(self, y, rows))
        self._check(self.process_scale_)
        truth = match_outputs(self, truth, len(self.intercept_))
        new = _moments(rows, truth)
        self._solve({name: new[name] + self.memory * self.moments_[name] for name in new})
        return self

    def predict(self, X: Recording) -> Any:
        """Filter: the movement at every step, given the counts up to it.

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
        out = np.empty((len(rows.values), len(self.intercept_)))
        for run in rows.runs:
            out[run] = self.stream().push(rows.values[run])
        return self._label(rows, out)

    def stream(self) -> "_Stream":
        """Begin a live recording.

        Returns
        -------
        stream
            ``push(chunk)`` takes the next counts, shape (n, n_units), and returns as many
            predictions, shape (n, n_outputs), those of `predict`. ``flush()`` returns no more.
        """
        check_is_fitted(self)
        stream = _Stream(self.forward_, self.inward_, self.evidence_, self.mean_, self.intercept_)
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
            One product with the counts, and two small ones with the state.
        """
        check_is_fitted(self)
        rows = series(self, X, reset=False, past=True)
        n_outputs = len(self.intercept_)
        small = 2 * n_outputs**2
        operations = count_products(self.evidence_[:, None], rows.values, rows.runs, small)
        size = self.gain_.size + small + n_outputs
        return Cost((Part(operations, size, 8 * size, n_outputs),), self.latency_)

    def _solve(self, sums: State) -> None:
        """Least squares for the model, then the gains."""
        n, steps = float(sums["n"]), float(sums["steps"])
        if steps <= 0:
            raise ValueError(
                "KalmanRegressor needs two successive time steps to learn how movements go on,"
                f" got n_samples={n:g}."
            )
        mean, offset = sums["x"] / n, sums["z"] / n
        if n <= len(offset) + 1:  # a line through every step: nothing is left for noise
            raise ValueError(
                f"KalmanRegressor needs more time steps than {len(offset) + 1} to tell movement"
                f" from noise, got n_samples={n:g}."
            )
        zz = sums["zz"] - n * np.outer(offset, offset)
        xz = sums["xz"] - n * np.outer(mean, offset)
        xx = sums["xx"] - n * np.outer(mean, mean)
        before = _about(sums["bb"], sums["b"], sums["b"], offset, steps)
        across = _about(sums["ab"], sums["a"], sums["b"], offset, steps)
        after = _about(sums["aa"], sums["a"], sums["a"], offset, steps)
        self.transition_ = across @ np.linalg.pinv(before, hermitian=True)
        residual = after - self.transition_ @ across.T
        self.transition_cov_ = _floor((residual + residual.T) / (2 * steps))
        self.observation_ = xz @ np.linalg.pinv(zz, hermitian=True)
        residual = xx - self.observation_ @ xz.T
        self.observation_cov_ = _floor(_shrink((residual + residual.T) / (2 * n), n))
        self.initial_cov_ = _floor(zz / n)
        self.mean_, self.intercept_, self.moments_ = mean, offset, sums
        self._settle()

    def _settle(self) -> None:
        """Run the error covariance until it stands, and keep the recursion of every step.

        With ``E = H' Q^-1`` and ``M = E H``, the update is ``P = (P_pred^-1 + M)^-1`` and
        ``z = z_pred + P (E x - M z_pred)``: matrices of the size of the state only.
        """
        self.evidence_ = np.linalg.solve(self.observation_cov_, self.observation_).T
        information = self.evidence_ @ self.observation_
        noise = self.process_scale_ * self.transition_cov_
        predicted = settle(self.initial_cov_, self.transition_, information, noise, _SETTLED)
        eye = np.eye(len(information))
        updated = np.linalg.solve(eye + predicted @ information, predicted)
        self.inward_ = (updated + updated.transpose(0, 2, 1)) / 2
        self.forward_ = (eye - self.inward_ @ information) @ self.transition_
        self.forward_[0] = 0.0  # before the first step the state stands at its mean
        self.gain_ = self.inward_[-1] @ self.evidence_

    def _plan(self) -> dict[str, object]:
        return {"process_scale_": self.process_scale}

    def _check(self, process_scale: float) -> None:
        if not 0 < process_scale < np.inf or not 0 <= self.memory <= 1:
            raise ValueError(
                "KalmanRegressor: process_scale must be positive and memory between 0 and 1, got"
                f" {process_scale!r} and {self.memory!r}."
            )


class _Stream:
    """The filtered state of one live recording."""

    labels: ChunkLabels | None = None  # of what fit has seen

    def __init__(
        self,
        forward: Doubles,
        inward: Doubles,
        evidence: Doubles,
        mean: Doubles,
        intercept: Doubles,
    ) -> None:
        from neurokit.solvers.recursion import recur

        self._recur = recur
        self._forward, self._inward = forward, inward
        self._weights = np.ascontiguousarray(evidence.T)
        self._offset = mean @ self._weights
        self._intercept = intercept
        self._state = np.zeros(len(intercept))
        self._step = 0

    def push(self, chunk: Doubles) -> Doubles:
        chunk = check_chunk("KalmanRegressor", chunk, len(self._weights), labels=self.labels)
        seen = chunk @ self._weights - self._offset
        out = np.empty(seen.shape)
        self._recur(self._state, self._forward, self._inward, seen, self._step, out)
        self._step += len(seen)
        out += self._intercept
        return out

    def flush(self) -> Doubles:
        return np.empty((0, len(self._intercept)))


def _moments(rows: Series, truth: Target) -> State:
    """Sum over steps (``x`` counts, ``z`` movement) and over pairs of steps (before, after)."""
    x, z = rows.values.astype(np.float64, copy=False), truth.values
    pairs = [run for run in rows.runs if run.stop - run.start > 1]
    empty = np.empty((0, z.shape[1]))
    before = np.concatenate([z[run][:-1] for run in pairs] or [empty])
    after = np.concatenate([z[run][1:] for run in pairs] or [empty])
    return {
        "n": np.float64(len(x)),
        "x": x.sum(0),
        "z": z.sum(0),
        "xx": x.T @ x,
        "xz": x.T @ z,
        "zz": z.T @ z,
        "steps": np.float64(len(before)),
        "a": after.sum(0),
        "b": before.sum(0),
        "aa": after.T @ after,
        "ab": after.T @ before,
        "bb": before.T @ before,
    }


def _about(products: Doubles, left: Doubles, right: Doubles, mean: Doubles, n: float) -> Doubles:
    """Return the sum of products of what is left when ``mean`` is taken off both sides."""
    return products - np.outer(left, mean) - np.outer(mean, right) + n * np.outer(mean, mean)


def _shrink(covariance: Doubles, n: float) -> Doubles:
    """Shrink correlations towards none, by the OAS formula (eq. 23 of reference 2)."""
    scale = np.sqrt(np.maximum(np.diag(covariance), 0.0))  # two steps: zero, but for rounding
    active = scale > 0
    p = int(active.sum())
    units = np.ix_(active, active)
    correlation = covariance[units] / np.outer(scale[active], scale[active])
    excess = (correlation**2).sum() - p  # of the squared correlations over the diagonal's
    if excess <= 0:
        return covariance
    weight = ((1 - 2 / p) * (excess + p) + p**2) / ((n + 1 - 2 / p) * excess)
    shrunk = covariance.copy()
    shrunk[units] *= np.where(np.eye(p, dtype=bool), 1.0, 1.0 - min(weight, 1.0))
    return shrunk


def _floor(covariance: Doubles) -> Doubles:
    """Lift variances that are zero (a silent unit) a little, so that the inverse exists."""
    size = float(np.trace(covariance)) / len(covariance)
    size = size if size > _NO_SPREAD else 1.0  # nothing varies: any size will do
    return covariance + 1e-9 * size * np.eye(len(covariance))
