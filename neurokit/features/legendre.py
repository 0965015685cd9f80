"""A window of the past in a few numbers per unit."""

import math
from typing import Any, Self

import numpy as np
import xarray as xr
from scipy.linalg import expm
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from neurokit.inputs.chunks import ChunkLabels
from neurokit.inputs.gaps import check_start
from neurokit.inputs.lazily import first_samples, is_lazy, mean_and_spread, send_lazily
from neurokit.inputs.rates import require_rate
from neurokit.inputs.series import Series, series
from neurokit.metrics.cost import Cost, multiply
from neurokit.persistence import Saveable
from neurokit.streaming import check_chunk
from neurokit.types import Floats, Names, Recording


class LegendreHistory(Saveable, TransformerMixin, BaseEstimator):
    r"""Sum up the last moments of every unit by a few Legendre coefficients.

    A window of 50 bins takes 50 features per unit when it is laid out; its shape takes about six
    coefficients. They follow from the sample before by a small linear system,
    :math:`\theta \dot m = A m + B u` with :math:`A_{ij} = (2i+1)(-1)` for :math:`i < j` and
    :math:`(2i+1)(-1)^{i-j+1}` otherwise, :math:`B_i = (2i+1)(-1)^i`, discretised with the input
    held over each bin: memory of the window ``theta`` in ``order`` numbers, bin by bin, live.
    `reconstruct` turns them back into the window.

    Rows whose window reaches before the beginning of a stretch are unknown, and NaN. neurokit's
    regressors along time and encoding models do not learn from them, and predict there from the
    mean of their columns. Regressors of scikit-learn refuse NaN: give them ``out.dropna("time")``,
    or ``start="mean"``, as where stretches are as short as the window.

    Parameters
    ----------
    order : int, default=6
        Coefficients per unit.
    window : float, default=0.2
        Length of the window in seconds.
    start : {"nan", "mean"}, default="nan"
        What a window says that is not full yet: NaN; or what it would if each unit had stood at
        its mean over the training data, as if that had been observed.
    sampling_rate : float, optional
        In Hz; needed for plain arrays.

    Attributes
    ----------
    transition_ : ndarray of shape (order, order)
    input_ : ndarray of shape (order,)
        One step of the system: ``m(t) = transition_ @ m(t-1) + input_ * u(t)``.
    order_, window_, start_
        What ``fit`` was given.
    mean_ : ndarray of shape (n_units,)
    sampling_rate_ : float
    n_features_in_ : int
    channels_ : list
        Names of the units, where they had names.

    Raises
    ------
    ValueError
        If the order is less than 1, the window shorter than a bin, or ``start`` another word.

    References
    ----------
    .. [1] Voelker, Kajic and Eliasmith (2019), Legendre memory units, NeurIPS 32, eq. 1-3.
    .. [2] Gu et al. (2020), HiPPO: recurrent memory with optimal polynomial projections,
       NeurIPS 33 (LegT).

    Examples
    --------
    >>> x = np.sin(np.arange(500) / 20)[:, None]
    >>> history = LegendreHistory(order=8, window=0.5, sampling_rate=100).fit(x)
    >>> m = history.transform(x)
    >>> past = history.reconstruct(m[[400]], [0.1, 0.3])  # 10 and 30 samples back
    >>> np.allclose(past.ravel(), x[[390, 370], 0], atol=0.05)
    True
    """

    start_ = "mean"  # in files written before there was a choice

    def __init__(
        self,
        order: int = 6,
        window: float = 0.2,
        *,
        start: str = "nan",
        sampling_rate: float | None = None,
    ) -> None:
        self.order = order
        self.window = window
        self.start = start
        self.sampling_rate = sampling_rate

    def fit(self, X: Recording, y: object = None) -> Self:
        """Discretise the system for the sampling rate, and learn the mean of every unit.

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
        rate = require_rate(self, rows.sampling_rate)
        if self.order < 1 or not self.window * rate >= 1:
            raise ValueError(
                "LegendreHistory: order must be at least 1 and window at least one bin of"
                f" {1 / rate:g} s, got {self.order!r} and {self.window!r}."
            )
        check_start(self)
        self._keep_plan()
        self.start_ = self.start
        i = np.arange(self.order)
        above = i[:, None] < i[None, :]
        a = (2 * i + 1)[:, None] * np.where(above, -1.0, (-1.0) ** (i[:, None] - i + 1))
        b = (2 * i + 1) * (-1.0) ** i
        # exact for an input that is held over each bin: one exponential of the joined system
        joined = np.zeros((self.order + 1, self.order + 1))
        joined[:-1, :-1], joined[:-1, -1] = a, b
        step = expm(joined / (self.window * rate))
        self.transition_, self.input_ = step[:-1, :-1], step[:-1, -1]
        self.mean_, _ = mean_and_spread(self, X, rows.values)
        self.sampling_rate_ = rate
        return self

    def _plan(self) -> dict[str, object]:
        return {"order_": self.order, "window_": self.window}

    def transform(self, X: Recording) -> Any:
        """Return the coefficients at every time step.

        Parameters
        ----------
        X : as in `fit`
            At the same sampling rate.

        Returns
        -------
        xarray.DataArray of dims ([trial,] time, feature), or ndarray
            Coefficient 0 (the mean over the window) of all units, then coefficient 1, and so on;
            ``feature`` has the coordinates ``unit`` (or what the dim is called in ``X``) and
            ``order``.
        """
        check_is_fitted(self)
        if is_lazy(X):
            return send_lazily(self, "transform", X)
        rows = series(self, X, reset=False)
        out = np.empty((len(rows.values), self.order_ * rows.values.shape[1]))
        for run in rows.runs:
            out[run] = self.stream().push(rows.values[run])
        labelled = rows.label(out, "feature", None)
        return labelled if rows.source is None else self._name(labelled, rows)

    def reconstruct(self, coefficients: Any, back: Any) -> Floats:
        """Return what the coefficients say of the past.

        Parameters
        ----------
        coefficients : array-like of shape (n_times, order * n_units)
            As `transform` gives them.
        back : array-like of shape (n_lags,)
            Seconds before the present, 0 to ``window``.

        Returns
        -------
        ndarray of shape (n_times, n_lags, n_units)
        """
        check_is_fitted(self)
        place = 2 * np.asarray(back, dtype=np.float64) / self.window_ - 1
        basis = np.polynomial.legendre.legvander(place, self.order_ - 1)
        m = np.asarray(coefficients).reshape(-1, self.order_, self.n_features_in_)
        return np.einsum("lk,tku->tlu", basis, m)

    def stream(self) -> "_Stream":
        """Begin a live recording.

        Returns
        -------
        stream
            ``push(chunk)`` takes the next samples, shape (n, n_units), and returns as many rows,
            those of `transform`. ``flush()`` returns no more.
        """
        check_is_fitted(self)
        n_past = math.ceil(self.window_ * self.sampling_rate_ - 1e-6) - 1
        n_unknown = n_past if self.start_ == "nan" else 0
        stream = _Stream(self.transition_, self.input_, self.mean_, n_unknown)
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
            A step of a small linear system for each unit.
        """
        check_is_fitted(self)
        order, n_units = self.order_, self.n_features_in_
        size = order**2 + order + n_units
        return multiply((order**2 + order) * n_units, n_parameters=size, n_states=order * n_units)

    def get_feature_names_out(self, input_features: object = None) -> Names:
        """Return ``"unit P0"``, ... for every column.

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
        names = [f"{unit} P{k}" for k in range(self.order_) for unit in units]
        return np.array(names, dtype=object)

    def _name(self, out: xr.DataArray, rows: Series) -> xr.DataArray:
        units = rows.source[rows.space].values  # type: ignore[index]
        return out.assign_coords(
            {
                rows.space: ("feature", np.tile(units, self.order_)),
                "order": ("feature", np.repeat(np.arange(self.order_), len(units))),
            }
        )


class _Stream:
    """The coefficients of one live recording."""

    labels: ChunkLabels | None = None  # of what fit has seen

    def __init__(self, transition: Floats, inward: Floats, mean: Floats, n_unknown: int) -> None:
        self._transition, self._input = transition, inward[:, None]
        constant = np.zeros((len(inward), 1))
        constant[0] = 1.0  # a unit that always stood at its mean
        self._state = constant * mean
        self._unknown = n_unknown  # rows to come whose window is not full

    def push(self, chunk: Floats) -> Floats:
        chunk = check_chunk("LegendreHistory", chunk, self._state.shape[1], labels=self.labels)
        out = np.empty((len(chunk), *self._state.shape))
        for t, row in enumerate(chunk):
            self._state = self._transition @ self._state + self._input * row
            out[t] = self._state
        out[: self._unknown] = np.nan
        self._unknown = max(self._unknown - len(chunk), 0)
        return out.reshape(len(chunk), self._state.size)

    def flush(self) -> Floats:
        return np.empty((0, self._state.size))
