"""Smoothing learnt from data: the best weights for a given delay."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from neurokit.inputs.chunks import ChunkLabels
from neurokit.inputs.lazily import filter_lazily, is_lazy
from neurokit.inputs.series import series
from neurokit.inputs.targets import target
from neurokit.metrics.cost import Cost, multiply
from neurokit.persistence import Saveable
from neurokit.solvers.ridge import Moments, choose_penalty, ridge, rows_with_past
from neurokit.streaming import History, check_chunk
from neurokit.types import Floats, Recording, Targets

if TYPE_CHECKING:
    from sklearn.utils import Tags


class FIRSmoother(Saveable, TransformerMixin, BaseEstimator):
    """Causal filter of decoded movement whose taps are fitted to the true movement.

    The ridge-fitted counterpart of `BesselFilter`'s block modes: as many taps, the same wait, the
    same cost, but the weights that bring decoded movement closest to the true one. Fit it on
    predictions for data that the decoder has not been trained on (`SmoothedRegressor` does), or
    it learns to trust them too much. Each output has its own taps.

    The output is never shifted: with ``delay`` the value at ``t`` estimates the movement at
    ``t - delay`` steps, from predictions up to ``t``.

    Parameters
    ----------
    n_taps : int, default=32
        Samples that are weighed.
    delay : int, default=0
        Samples by which the estimate may come late: more smoothing, less immediacy. 0 matches
        ``BesselFilter(mode="block_last")``, ``n_taps // 2`` matches ``"block_middle"``.
    alpha : float or "auto", default="auto"
        Ridge penalty; ``"auto"`` chooses one for each output by cross-validation over five blocks
        of successive time.
    sampling_rate : float, optional
        In Hz; tells the latency of plain arrays in seconds. Default: 1.

    Attributes
    ----------
    taps_ : ndarray of shape (n_taps, n_outputs)
        Weight of the sample ``k`` steps back, newest first.
    intercept_ : ndarray of shape (n_outputs,)
    alpha_ : ndarray of shape (n_outputs,)
    latency_ : float
        ``delay`` in seconds.
    group_delay_ : float
        The same: the movement that the output estimates lies so far back. Shift by it to align.
    n_features_in_ : int
        Number of outputs.

    Raises
    ------
    ValueError
        If predictions and truth differ in shape, or no stretch is longer than the delay.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> truth = np.sin(np.arange(1000) / 20)[:, None]
    >>> noisy = truth + rng.normal(size=truth.shape)
    >>> smooth = FIRSmoother(16).fit_transform(noisy, truth)
    >>> bool(np.mean((smooth - truth) ** 2) < 0.2 * np.mean((noisy - truth) ** 2))
    True
    """

    def __init__(
        self,
        n_taps: int = 32,
        *,
        delay: int = 0,
        alpha: float | str = "auto",
        sampling_rate: float | None = None,
    ) -> None:
        self.n_taps = n_taps
        self.delay = delay
        self.alpha = alpha
        self.sampling_rate = sampling_rate

    def fit(self, X: Recording, y: Targets | None) -> Self:
        """Fit the taps.

        Parameters
        ----------
        X : xarray.DataArray with dims ([trial,] time, feature), or array-like (n_times, n_outputs)
            Predictions.
        y : as ``X``
            The true movement. A single column serves all columns of ``X``.

        Returns
        -------
        self
        """
        rows = series(self, X, reset=True)
        truth = target(self, y, rows)
        if self.n_taps < 1 or self.delay < 0:
            raise ValueError(
                "FIRSmoother: n_taps must be at least 1 and delay 0 or more, got"
                f" {self.n_taps!r} and {self.delay!r}."
            )
        if truth.values.shape[1] not in (1, rows.values.shape[1]):
            raise ValueError(
                "FIRSmoother: predictions and true movement must have one shape, got"
                f" {rows.values.shape} and {truth.values.shape}."
            )
        truth_of = np.broadcast_to(truth.values, rows.values.shape)
        if all(run.stop - run.start <= self.delay for run in rows.runs):
            raise ValueError(
                f"FIRSmoother: no stretch is longer than the delay of {self.delay} samples, got"
                f" n_samples={len(rows.values)}."
            )
        at = rows_with_past(rows.runs, max(self.n_taps - 1, self.delay))
        if len(at) == len(rows.values):  # no stretch is as long as the window
            at = rows_with_past(rows.runs, self.delay)
        windows = np.concatenate([_windows(rows.values[run], self.n_taps) for run in rows.runs])
        late, now = windows[at], truth_of[at - self.delay]
        fits = [self._solve(late[:, j], now[:, [j]]) for j in range(now.shape[1])]
        self.taps_ = np.stack([taps for taps, _, _ in fits], axis=1)
        self.intercept_ = np.array([intercept for _, intercept, _ in fits])
        self.alpha_ = np.array([alpha for _, _, alpha in fits])
        self.latency_ = self.group_delay_ = self.delay / (rows.sampling_rate or 1.0)
        return self

    def transform(self, X: Recording) -> Any:
        """Smooth predictions.

        Parameters
        ----------
        X : as in `fit`

        Returns
        -------
        xarray.DataArray or ndarray
            It has the dims and labels of ``X``; lazy (dask) if ``X`` is.
        """
        check_is_fitted(self)
        if is_lazy(X):
            return filter_lazily(self, X)
        rows = series(self, X, reset=False)
        out = np.empty(rows.values.shape)
        for run in rows.runs:
            out[run] = self.stream().push(rows.values[run])
        if rows.source is None:
            return out
        labelled = rows.source.copy(data=out.reshape(rows.source.shape))
        return labelled.transpose(*getattr(X, "dims", (rows.space, "time")))

    def fit_transform(self, X: Recording, y: Targets | None) -> Any:
        """Fit, and smooth the same predictions.

        Parameters
        ----------
        X, y : as in `fit`

        Returns
        -------
        xarray.DataArray or ndarray
        """
        return self.fit(X, y).transform(X)

    def stream(self) -> _Stream:
        """Begin a live recording.

        Returns
        -------
        stream
            ``push(chunk)`` takes the next predictions, shape (n, n_outputs), and returns as many
            outputs, those of `transform`. ``flush()`` returns no more.
        """
        check_is_fitted(self)
        stream = _Stream(self.taps_, self.intercept_)
        stream.labels = ChunkLabels.of_fit(self)
        return stream

    def cost(self, X: Recording | None = None) -> Cost:
        """Return what the fitted estimator costs at each time step.

        Parameters
        ----------
        X : object
            Not used: the cost is the same for all.

        Returns
        -------
        neurokit.metrics.cost.Cost
            Every tap of an output is a multiply-accumulate.
        """
        check_is_fitted(self)
        size = self.taps_.size
        return multiply(size, n_parameters=size, latency=self.latency_)

    def _solve(self, x: Floats, y: Floats) -> tuple[Floats, float, float]:
        """Taps, intercept and penalty of one output."""
        n_blocks = min(5, len(x) // 2) if self.alpha == "auto" else 1
        parts = np.array_split(np.arange(len(x)), max(n_blocks, 1))
        blocks = [_moments(x[part], y[part]) for part in parts]
        total = blocks[0]
        for block in blocks[1:]:
            total = total.plus(block)
        alpha = np.array([1.0 if self.alpha == "auto" else float(self.alpha)])
        alpha = choose_penalty(blocks) if len(blocks) > 1 else alpha
        weights, intercept = ridge(total, alpha)
        return weights[:, 0], float(intercept[0]), float(alpha[0])

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        return tags


class _Stream:
    """The last predictions of one live recording."""

    labels: ChunkLabels | None = None  # of what fit has seen

    def __init__(self, taps: Floats, intercept: Floats) -> None:
        from neurokit.decoders._fir import convolve_each

        self._convolve: Any = convolve_each
        self._taps = np.ascontiguousarray(taps.T)  # (n_outputs, n_taps), newest first
        self._intercept = intercept
        self._history: History | None = None

    def push(self, chunk: Floats) -> Floats:
        chunk = check_chunk(
            "FIRSmoother", chunk, len(self._taps), "predictions", labels=self.labels
        )
        if not len(chunk):
            return self.flush()
        n_taps = self._taps.shape[1]
        if self._history is None:  # before the first sample it stood at its first value
            self._history = History(np.repeat(chunk[:1], n_taps - 1, axis=0))
        rows = self._history.push(chunk)
        out = np.empty((len(self._taps), len(chunk)))
        self._convolve(np.ascontiguousarray(rows.T, np.float64), self._taps, out)
        return out.T + self._intercept

    def flush(self) -> Floats:
        return np.empty((0, len(self._intercept)))


def _windows(x: Floats, n_taps: int) -> Floats:
    """Last ``n_taps`` samples at each time, newest first, shape (n, n_outputs, n_taps)."""
    x = np.concatenate([np.repeat(x[:1], n_taps - 1, axis=0), x])
    return np.lib.stride_tricks.sliding_window_view(x, n_taps, axis=0)[:, :, ::-1]


def _moments(x: Floats, y: Floats) -> Moments:
    return Moments(float(len(x)), x.sum(0), y.sum(0), x.T @ x, x.T @ y, (y**2).sum(0))
