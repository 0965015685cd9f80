"""Send only what changes."""

from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from neurokit.inputs.chunks import ChunkLabels
from neurokit.inputs.lazily import filter_lazily, is_lazy
from neurokit.inputs.series import Series, series
from neurokit.metrics.cost import Cost, add_up
from neurokit.persistence import Saveable
from neurokit.streaming import check_chunk
from neurokit.types import Floats, Recording


class DeltaEncoder(Saveable, OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    """Turn signals into sparse changes: a sample is sent only when it has moved far enough.

    The receiver holds the last value of each channel. When the signal has moved away from it by
    more than the threshold, the difference is sent and both sides follow; else zero is sent.
    A spiking network, or a link with little power, then works only when something happens.
    Adding up what was sent (`inverse_transform`) is never further off than the threshold.

    The first sample of each stretch is sent whole, as a change from zero.

    Parameters
    ----------
    threshold : float, default=0.5
        Change that is sent, in standard deviations of each channel over the training data.

    Attributes
    ----------
    threshold_ : ndarray of shape (n_channels,)
        In the unit of the data.
    n_features_in_ : int
    channels_ : list
        Names of the channels, where they had names.

    Raises
    ------
    ValueError
        If the threshold is negative.

    References
    ----------
    .. [1] Khoei et al. (2021), Delta activation layer exploits temporal sparsity for efficient
       embedded video processing (arXiv 2107.07305).

    Examples
    --------
    >>> x = np.array([[0.0], [0.1], [2.0], [2.1], [0.0]])
    >>> encoder = DeltaEncoder(threshold=0.5).fit(x)
    >>> encoder.transform(x).ravel().tolist()
    [0.0, 0.0, 2.0, 0.0, -2.0]
    """

    def __init__(self, threshold: float = 0.5) -> None:
        self.threshold = threshold

    def fit(self, X: Recording, y: object = None) -> Self:
        """Learn the spread of every channel.

        Parameters
        ----------
        X : xarray.DataArray with dims ([trial,] channel | unit | feature, time), or array-like
            of shape (n_times, n_channels)
        y : None
            Ignored.

        Returns
        -------
        self
        """
        rows = series(self, X, reset=True)
        if not 0 <= self.threshold < np.inf:
            raise ValueError(
                f"DeltaEncoder: threshold must be a finite number, 0 or more, got"
                f" {self.threshold!r}."
            )
        self.threshold_ = self.threshold * rows.values.std(0, dtype=np.float64)
        return self

    def transform(self, X: Recording) -> Any:
        """Return the changes sent.

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
        out = np.empty(rows.values.shape, rows.values.dtype)
        for run in rows.runs:
            out[run] = self.stream().push(rows.values[run])
        return _like(X, rows, out)

    def inverse_transform(self, X: Recording) -> Any:
        """Add up changes: the signal as the receiver knows it.

        Parameters
        ----------
        X : xarray.DataArray or array-like
            As `transform` gives it.

        Returns
        -------
        xarray.DataArray or ndarray
        """
        check_is_fitted(self)
        rows = series(self, X, reset=False)
        out = np.empty(rows.values.shape, rows.values.dtype)
        for run in rows.runs:
            np.cumsum(rows.values[run], axis=0, out=out[run])
        return _like(X, rows, out)

    def stream(self) -> "_Stream":
        """Begin a live recording.

        Returns
        -------
        stream
            ``push(chunk)`` takes the next samples, shape (n, n_channels), and returns as many
            rows, those of `transform`. ``flush()`` returns no more.
        """
        check_is_fitted(self)
        stream = _Stream(self.threshold_)
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
            A difference, and an addition where a change is sent, for each channel.
        """
        sent = np.asarray(self.transform(X))
        n = self.n_features_in_
        per_step = n + np.count_nonzero(sent) * n / max(sent.size, 1)
        return add_up(per_step, n_parameters=n, n_states=n)


class _Stream:
    """What the receiver of one live recording holds."""

    labels: ChunkLabels | None = None  # of what fit has seen

    def __init__(self, threshold: Floats) -> None:
        self._threshold = threshold
        self._held = np.zeros(len(threshold))
        self._begun = False

    def push(self, chunk: Floats) -> Floats:
        chunk = check_chunk(
            "DeltaEncoder", chunk, len(self._threshold), "samples", labels=self.labels
        )
        out = np.zeros(chunk.shape, chunk.dtype if chunk.dtype.kind == "f" else np.float64)
        for t, row in enumerate(chunk):
            change = row - self._held
            sent = np.abs(change) > self._threshold if self._begun else change != 0
            out[t, sent] = change[sent]
            self._held += out[t]  # as the receiver adds them up, rounding and all
            self._begun = True
        return out

    def flush(self) -> Floats:
        return np.empty((0, len(self._threshold)))


def _like(X: Recording, rows: Series, out: Floats) -> Any:
    """Give ``out`` the labels and dims of ``X``."""
    if rows.source is None:
        return out
    labelled = rows.source.copy(data=out.reshape(rows.source.shape))
    return labelled.transpose(*getattr(X, "dims", (rows.space, "time")))
