"""Live recordings for decoders of trials: one answer for each window of a trial's length."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from sklearn.utils.validation import check_is_fitted

from neurokit.inputs.chunks import ChunkLabels
from neurokit.streaming import check_chunk
from neurokit.types import Floats, Recording

if TYPE_CHECKING:
    from sklearn.base import BaseEstimator


class WindowStream:
    """The newest samples of one live recording, and the windows that are not decided yet.

    Parameters
    ----------
    classifier : fitted decoder of trials
    step : float or None
        Seconds from the beginning of one window to the next. Default: the length of a trial.
    looks : sequence of int
        Samples after which a window may be decided; the last is the length of a trial.
    decide : callable ``decide(windows, look) -> (probabilities, sure)``
        For windows of shape (n_windows, n_channels, looks[look]) of the probabilities, shape
        (n_windows, n_classes), and whether no further look is needed, shape (n_windows,).
    shape : tuple of int, optional
        The answer for one window has it. Default: (n_classes,).

    Raises
    ------
    ValueError
        If the step is shorter than a sample, or given in seconds where no rate is known.
    """

    def __init__(
        self,
        classifier: BaseEstimator,
        step: float | None,
        looks: list[int],
        decide: Callable[[Floats, int], tuple[Floats, Floats]],
        shape: tuple[int, ...] | None = None,
    ) -> None:
        check_is_fitted(classifier)
        self._name = type(classifier).__name__
        rate = getattr(classifier, "sampling_rate_", None)
        every = looks[-1] if step is None else round(step * rate) if rate else 0
        if every < 1:
            unknown = "" if rate else ", and fit has seen no sampling rate"
            raise ValueError(
                f"{self._name}.stream: step must be one sample or more, got {step!r} s{unknown}."
            )
        self._every, self._looks, self._decide = every, looks, decide
        self._rows = np.empty((0, classifier.n_features_in_))
        self._none = np.empty((0, *((len(classifier.classes_),) if shape is None else shape)))
        self._labels = ChunkLabels.of_fit(classifier)
        self._begin = 0  # of the next window, in rows
        self._open: list[_Window] = []  # in the order in which they began

    def push(self, chunk: Recording) -> Floats:
        """Take the next samples; return what is decided.

        Parameters
        ----------
        chunk : ndarray of shape (n, n_channels), or labelled array

        Returns
        -------
        ndarray of shape (n_windows, n_classes)
            Probabilities of the windows that are decided now, in the order of their beginnings.
        """
        chunk = check_chunk(self._name, chunk, self._rows.shape[1], "samples", self._labels)
        self._rows = np.concatenate([self._rows, chunk])
        while self._begin < len(self._rows):
            self._open.append(_Window(self._begin))
            self._begin += self._every
        for look, length in enumerate(self._looks):
            due = [w for w in self._open if w.proba is None and w.looks == look]
            due = [w for w in due if w.begin + length <= len(self._rows)]
            if not due:
                continue
            windows = np.stack([self._rows[w.begin : w.begin + length].T for w in due])
            probabilities, sure = self._decide(windows, look)
            for window, proba, done in zip(due, probabilities, sure, strict=True):
                window.looks += 1
                window.proba = proba if done else None
        decided = []
        while self._open and (proba := self._open[0].proba) is not None:
            decided.append(proba)
            self._open.pop(0)
        self._forget()
        return np.stack(decided) if decided else self._none

    def flush(self) -> Floats:
        """End the recording: a window that is not complete is not decided."""
        return self._none

    def _forget(self) -> None:
        """Drop the samples that no window will need."""
        needed = min([self._begin, *(window.begin for window in self._open)])
        dropped = min(needed, len(self._rows))
        self._rows = self._rows[dropped:]
        self._begin -= dropped
        for window in self._open:
            window.begin -= dropped


class _Window:
    """One stretch of a trial's length: where it begins, how often it was looked at, the answer."""

    def __init__(self, begin: int) -> None:
        self.begin, self.looks = begin, 0
        self.proba: Floats | None = None
