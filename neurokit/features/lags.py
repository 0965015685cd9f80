"""The recent past of every unit as features of the present."""

from typing import Any, Self

import numpy as np
import xarray as xr
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from neurokit.inputs.chunks import ChunkLabels
from neurokit.inputs.gaps import check_start
from neurokit.inputs.lazily import first_samples, is_lazy, mean_and_spread, send_lazily
from neurokit.inputs.series import Series, series
from neurokit.metrics.cost import NOTHING, Cost, Part
from neurokit.persistence import Saveable
from neurokit.streaming import History, check_chunk
from neurokit.types import Floats, Names, Recording


class LagWindow(Saveable, TransformerMixin, BaseEstimator):
    """Lay the last bins of every unit side by side, so that any regressor sees the past.

    Each row of the output holds the present bin of all units, then the one before, and so on: a
    causal window. Histories do not reach across a jump of the clock or into another trial. Bins
    before a stretch begins are unknown, and NaN. neurokit's regressors along time and encoding
    models do not learn from rows that hold such, and predict there from the mean of their columns.
    Regressors of scikit-learn refuse NaN: give them ``out.dropna("time")``, or ``start="mean"``.

    Parameters
    ----------
    n_lags : int, default=10
        Bins in the window, the present one included.
    window : float, optional
        Length of the window in seconds; given, it takes the place of ``n_lags``.
    start : {"nan", "mean"}, default="nan"
        What stands for bins before a stretch: NaN, or each unit's mean over the training data, as
        if that had been observed.
    sampling_rate : float, optional
        In Hz; needed for plain arrays with ``window``.

    Attributes
    ----------
    n_lags_ : int
    mean_ : ndarray of shape (n_units,)
        Mean of every unit over the training data.
    start_ : str
        What ``fit`` was given.
    n_features_in_ : int
    channels_ : list
        Names of the units, where they had names.

    Raises
    ------
    ValueError
        If the window is shorter than one bin, or ``start`` another word.

    Examples
    --------
    >>> from neurokit.recording import counts
    >>> x = counts([[1, 2, 3, 4]], bin_width=0.05)
    >>> lagged = LagWindow(n_lags=2).fit_transform(x)
    >>> lagged.dims, lagged["lag"].values.tolist()
    (('time', 'feature'), [0.0, 0.05])
    >>> lagged.values.tolist()
    [[1.0, nan], [2.0, 1.0], [3.0, 2.0], [4.0, 3.0]]
    """

    start_ = "mean"  # in files written before there was a choice

    def __init__(
        self,
        n_lags: int = 10,
        *,
        window: float | None = None,
        start: str = "nan",
        sampling_rate: float | None = None,
    ) -> None:
        self.n_lags = n_lags
        self.window = window
        self.start = start
        self.sampling_rate = sampling_rate

    def fit(self, X: Recording, y: object = None) -> Self:
        """Learn the mean of every unit.

        Parameters
        ----------
        X : xarray.DataArray with dims ([trial,] unit, time), or array-like (n_times, n_units)
        y : None
            Ignored.

        Returns
        -------
        self
        """
        rows = series(self, first_samples(X), reset=True)
        check_start(self)
        self.n_lags_ = count_lags(self, rows.sampling_rate, len(rows.values))
        self.start_ = self.start
        self.mean_, _ = mean_and_spread(self, X, rows.values)
        return self

    def transform(self, X: Recording) -> Any:
        """Return the window of every bin.

        Parameters
        ----------
        X : as in `fit`

        Returns
        -------
        xarray.DataArray of dims ([trial,] time, feature), or ndarray
            ``feature`` has the coordinates ``unit`` (or what the dim is called in ``X``) and
            ``lag``, in seconds before the present.
        """
        check_is_fitted(self)
        if is_lazy(X):
            return send_lazily(self, "transform", X)
        rows = series(self, X, reset=False)
        out = np.empty((len(rows.values), self.n_lags_ * rows.values.shape[1]), rows.values.dtype)
        for run in rows.runs:
            out[run] = _windows(rows.values[run], self.n_lags_, self._before())
        labelled = rows.label(out, "feature", None)
        return labelled if rows.source is None else self._name(labelled, rows)

    def stream(self) -> "_Stream":
        """Begin a live recording.

        Returns
        -------
        stream
            ``push(chunk)`` takes the next samples, shape (n, n_units), and returns as many rows,
            those of `transform`. ``flush()`` returns no more.
        """
        check_is_fitted(self)
        stream = _Stream(self.n_lags_, self._before())
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
            Nothing: it only remembers.
        """
        check_is_fitted(self)
        return Cost((Part(NOTHING),))

    def get_feature_names_out(self, input_features: object = None) -> Names:
        """Return ``"unit@lag"`` for every column, lags counted in bins.

        Parameters
        ----------
        input_features : None
            Ignored: the names seen in ``fit`` are used.

        Returns
        -------
        ndarray of str
        """
        check_is_fitted(self)
        units = getattr(self, "channels_", None) or list(range(self.n_features_in_))
        names = [f"{unit}@{lag}" for lag in range(self.n_lags_) for unit in units]
        return np.array(names, dtype=object)

    def _before(self) -> Floats:
        """Return what stands for bins before a stretch."""
        return self.mean_ if self.start_ == "mean" else np.full_like(self.mean_, np.nan)

    def _name(self, out: xr.DataArray, rows: Series) -> xr.DataArray:
        n_units = self.n_features_in_
        units = rows.source[rows.space].values if rows.source is not None else np.arange(n_units)
        step = 1.0 / rows.sampling_rate if rows.sampling_rate else np.nan
        lags = np.repeat(np.arange(self.n_lags_), n_units) * step
        return out.assign_coords(
            {
                rows.space: ("feature", np.tile(units, self.n_lags_)),
                "lag": ("feature", lags, {"units": "s"}),
            }
        )


def count_lags(estimator: BaseEstimator, rate: float | None, n_rows: int) -> int:
    """Return the bins in an estimator's window, from its ``n_lags`` or its ``window``."""
    name = type(estimator).__name__
    if estimator.window is None:
        n_lags = estimator.n_lags
    elif rate is None:
        raise ValueError(
            f"{name}: window={estimator.window!r} s on a plain array needs sampling_rate= in Hz;"
            " or give n_lags=."
        )
    else:
        n_lags = round(estimator.window * rate)
    if n_lags < 1 or n_lags != int(n_lags):
        raise ValueError(
            f"{name}: the window must hold at least one bin, got n_lags={estimator.n_lags!r},"
            f" window={estimator.window!r}."
        )
    if estimator.window is not None and n_lags > n_rows:
        raise ValueError(
            f"{name}: window={estimator.window!r} s holds {n_lags} bins, and X has {n_rows};"
            " window is in seconds, not in milliseconds or bins."
        )
    return int(n_lags)


def _windows(x: Floats, n_lags: int, before: Floats) -> Floats:
    """Return rows of ``[x(t), x(t-1), ...]``, with ``before`` where there is no past."""
    n, n_units = x.shape
    out = np.empty((n, n_lags, n_units), x.dtype)
    for lag in range(n_lags):
        out[lag:, lag] = x[: max(n - lag, 0)]
        out[:lag, lag] = before
    return out.reshape(n, -1)


class _Stream:
    """The last bins of one live recording."""

    labels: ChunkLabels | None = None  # of what fit has seen

    def __init__(self, n_lags: int, before: Floats) -> None:
        self._n_lags, self._n_units = n_lags, len(before)
        self._n_features = n_lags * len(before)
        self._history = History(np.tile(before, (n_lags - 1, 1)))

    def push(self, chunk: Floats) -> Floats:
        chunk = check_chunk("LagWindow", chunk, self._n_units, labels=self.labels)
        rows, n = self._history.push(chunk), len(chunk)
        newest = self._n_lags - 1
        lagged = [rows[newest - lag : newest - lag + n] for lag in range(self._n_lags)]
        return np.concatenate(lagged, axis=1)

    def flush(self) -> Floats:
        return np.empty((0, self._n_lags * self._n_units))
