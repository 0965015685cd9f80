"""Live use: what a stream is, what it takes, and how it keeps the recent past."""

import math
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from neurokit.types import Doubles, Recording


@runtime_checkable
class Stream(Protocol):
    """What ``est.stream(...)`` returns: the state of one live recording.

    Outputs of ``push`` for chunks of any length, and of the final ``flush``, joined together,
    are what the estimator gives for the whole recording. The estimator itself does not change,
    so one fitted estimator serves any number of streams. Chunks have the axes of plain arrays:
    (n_times, n_units) for decoders along time, (n_channels, n_times) for tokenizers.
    """

    def push(self, chunk: Recording) -> Any:
        """Take the next samples; return the outputs that are now decided."""

    def flush(self) -> Any:
        """End the recording; return the outputs that waited for more samples."""


class Labels(Protocol):
    """What a stream knows of the recording that ``fit`` has seen."""

    def __call__(self, chunk: Any) -> Doubles:
        """Read a labelled chunk, or a table, as ``predict`` does; others as they are."""

    def fill(self, chunk: Any) -> Any:
        """Put numbers where a past is not known, as ``predict`` does."""


def check_chunk(
    caller: str,
    chunk: Any,
    n_columns: int,
    what: str = "counts",
    labels: Labels | None = None,
    allow_nan: bool = False,
) -> Doubles:
    """Return a chunk as an array, or refuse it: NaN would stay in the state for good.

    Parameters
    ----------
    caller : str
        Who refuses.
    chunk : ndarray of shape (n, n_columns), or labelled array
    n_columns : int
    what : str, default="counts"
        The word for its values.
    labels : Labels, optional
        Reads a labelled chunk as ``predict`` does, see `neurokit.inputs.chunks.ChunkLabels`: dims
        in any order, channels by name, the unit of ``fit``; and fills in NaN at the beginning of a
        history.
    allow_nan : bool, default=False
        Whether NaN means a value that is missing; infinity is refused all the same.
    """
    if labels is not None and not isinstance(chunk, np.ndarray):
        chunk = labels(chunk)
    chunk = np.asarray(chunk)
    if chunk.ndim != 2 or chunk.shape[1] != n_columns:
        raise ValueError(
            f"{caller}.stream: push takes {what} of shape (n, {n_columns}), got {chunk.shape}."
        )
    if labels is not None:
        chunk = labels.fill(chunk)
    total = np.add.reduce(chunk, axis=None)
    if not (math.isfinite(total) or (allow_nan and not np.isinf(chunk).any())):
        raise ValueError(f"{caller}.stream: the {what} hold NaN or infinity.")
    return chunk


def stream(estimator: Any) -> Any:
    """Begin a live recording, with one estimator or with a pipeline of them.

    Parameters
    ----------
    estimator : fitted estimator or sklearn.pipeline.Pipeline
        One that streams; or a pipeline of such, and of estimators of scikit-learn, which know no
        time and take each row by itself.

    Returns
    -------
    Stream

    Raises
    ------
    TypeError
        If the estimator, or a step, neither streams nor is one of scikit-learn's.

    Examples
    --------
    >>> from sklearn.pipeline import make_pipeline
    >>> from neurokit.decoders import WienerRegressor
    >>> from neurokit.features import LegendreHistory
    >>> x = np.random.default_rng(0).normal(size=(200, 3))
    >>> history = LegendreHistory(window=0.2, sampling_rate=50)
    >>> decoder = make_pipeline(history, WienerRegressor(1)).fit(x, x[:, :1])
    >>> live = stream(decoder)
    >>> np.allclose(live.push(x[:7]), decoder.predict(x)[:7])
    True
    """
    from sklearn.pipeline import Pipeline

    if isinstance(estimator, Pipeline):
        return Chain([stream(step) for _, step in estimator.steps if step != "passthrough"])
    if hasattr(estimator, "stream"):
        return estimator.stream()
    if type(estimator).__module__.startswith("sklearn."):
        return _RowByRow(estimator)
    raise TypeError(
        f"stream: {type(estimator).__name__} does not run live; take one with a method stream."
    )


class Chain:
    """Streams one behind the other: what one returns goes into the next."""

    def __init__(self, streams: list[Any]) -> None:
        self._streams = streams

    def push(self, chunk: Any) -> Any:
        """Take the next samples through all streams."""
        for one in self._streams:
            chunk = one.push(chunk)
        return chunk

    def flush(self) -> Any:
        """End the recording, the first stream first; each takes what the one before still had."""
        first, *others = self._streams
        rest = first.flush()
        for one in others:
            rest = np.concatenate([one.push(rest), one.flush()])
        return rest


class _RowByRow:
    """An estimator that takes each row by itself."""

    def __init__(self, estimator: Any) -> None:
        self._call = getattr(estimator, "transform", None) or estimator.predict
        self._empty: Any = None

    def push(self, chunk: Any) -> Any:
        turned = chunk.transpose("time", ...) if "time" in getattr(chunk, "dims", ()) else chunk
        chunk = np.asarray(turned)
        if not len(chunk):
            return self.flush() if self._empty is not None else chunk
        out = np.asarray(self._call(chunk))
        self._empty = out[:0]
        return out

    def flush(self) -> Any:
        return np.empty((0, 0)) if self._empty is None else self._empty


class History:
    """Rows that came before, in front of the rows that just came, without allocation.

    Parameters
    ----------
    past : ndarray of shape (n_past, n_features)
        What stood before the first row.

    Examples
    --------
    >>> history = History(np.zeros((1, 1)))
    >>> history.push(np.array([[1.0], [2.0]])).ravel()
    array([0., 1., 2.])
    >>> history.push(np.array([[3.0]])).ravel()
    array([2., 3.])
    """

    def __init__(self, past: NDArray[np.float64]) -> None:
        self.n_past, n_features = past.shape
        self._rows = np.empty((4 * self.n_past + 256, n_features))
        self._rows[: self.n_past] = past
        self._end = self.n_past

    def push(self, chunk: NDArray[np.floating]) -> NDArray[np.float64]:
        """Return the view of the ``n_past`` rows before ``chunk`` and of its own.

        It is overwritten by the next calls: copy what must stay.
        """
        n, end = len(chunk), self._end
        if end + n > len(self._rows):  # the newest rows move to the front, now and then
            past = self._rows[end - self.n_past : end].copy()
            if self.n_past + n > len(self._rows):
                self._rows = np.empty((self.n_past + 2 * n, past.shape[1]))
            self._rows[: self.n_past] = past
            end = self.n_past
        self._rows[end : end + n] = chunk
        self._end = end + n
        return self._rows[end - self.n_past : end + n]
