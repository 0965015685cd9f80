"""What the decoders of steady-state responses share: targets, sub-bands, scores to labels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_softmax

from neurokit.decoders.classifier import TrialClassifier
from neurokit.decoders.steady_state import (
    LOWEST,
    check_bands,
    design_bands,
    filter_trials,
    fit_sharpness,
    read_frequencies,
    weigh_bands,
)
from neurokit.inputs.classes import find_classes, index_labels, read_labels
from neurokit.inputs.rates import require_rate
from neurokit.inputs.trials import Trials, trials
from neurokit.metrics.cost import Cost, multiply
from neurokit.persistence import Saveable
from neurokit.types import Floats, Recording, Targets

if TYPE_CHECKING:
    from sklearn.utils import Tags

Array = NDArray[np.float64]
Solution = dict[str, Array]
_FOLDS = 4
_ENOUGH = 50  # trials left out that tell how sharp probabilities are, which is one number


class FlickerClassifier(Saveable, TrialClassifier):
    """Base of the decoders that tell which flicker was looked at.

    A subclass has the parameters ``frequencies``, ``bands`` and ``sampling_rate``, learns from
    filtered trials (`_solve`) and scores each target in each band (`_score`). Scores of the bands
    are added with the weights ``k^-1.25 + 0.25``; probabilities are their softmax, as sharp as
    makes training trials likeliest that were left out in turn (four times a quarter, or until
    fifty trials were).
    """

    frequencies: Any
    bands: int | Sequence[tuple[float, float]]
    sampling_rate: float | None
    _any_length = False

    def fit(self, X: Recording, y: Targets | None) -> Self:
        """Learn from trials whose target is known.

        Parameters
        ----------
        X : xarray.DataArray with dims (trial, channel, time), mne.Epochs, or array-like
            Trials that begin at the same time after the start of the flicker.
        y : array-like of shape (n_trials,)
            Targets. Labels that read as Hz (12.5, "12.5", "12.5 Hz") are the frequencies; numbers
            below 3, as in 1, 2, 3, are codes.

        Returns
        -------
        self
        """
        seen = trials(self, X, reset=True)
        labels = read_labels(self, y, len(seen.values), seen.source)
        self.classes_ = find_classes(self, labels)
        index = index_labels(self, labels)
        self.sampling_rate_ = require_rate(self, seen.sampling_rate)
        self.n_times_ = seen.values.shape[2]
        self.frequencies_ = self._find_frequencies()
        lowest = LOWEST if self.frequencies_ is None else float(self.frequencies_.min())
        self.bands_ = design_bands(self.bands, lowest, self.sampling_rate_)
        check_bands(
            type(self).__name__,
            self.bands,
            self.bands_,
            self.sampling_rate_,
            self.frequencies_,
            self.n_times_,
        )
        self._keep_design()
        x = self._filter(seen.values)
        self._check_trials(x, index)
        self.solution_, scores, scored = self._learn(x, index)
        self.sharpness_ = fit_sharpness(scores, scored)
        return self

    def cost(self, X: Recording) -> Cost:
        """Return what the fitted estimator costs for each trial.

        Parameters
        ----------
        X : as in `fit`

        Returns
        -------
        neurokit.metrics.cost.Cost
            Filters of order 8 forwards and backwards, then the scores.
        """
        _, n_channels, n_times = self._read(X).values.shape
        n_parameters = sum(part.size for part in self.solution_.values())
        filtering = len(self.bands_) * n_channels * n_times * 2 * 4 * 5
        scoring = len(self.bands_) * self._count(n_channels, n_times)
        return multiply(filtering + scoring, n_parameters=n_parameters)

    # ------------------------------------------------------------ for the subclasses

    def _count(self, n_channels: int, n_times: int) -> int:
        """Return the products that scoring one trial takes in each band."""
        raise NotImplementedError

    def _keep_design(self) -> None:
        """Keep the parameters that later methods need."""

    def _check_trials(self, x: Array, index: NDArray[np.intp]) -> None:
        """Refuse trials that nothing can be learnt from."""

    def _solve(self, x: Array, index: NDArray[np.intp]) -> Solution:
        """Learn from trials (band, trial, channel, time)."""
        raise NotImplementedError

    def _score(self, solution: Solution, x: Array) -> Array:
        """Return the scores of the targets, shape (band, trial, class)."""
        raise NotImplementedError

    # ------------------------------------------------------------ inside

    def _learn(
        self, x: Array, index: NDArray[np.intp]
    ) -> tuple[Solution, Array, NDArray[np.intp]]:
        """Learn from all training trials; score many as new ones, by what the others teach.

        Returns the solution, the scores, and the targets of the trials that were scored.
        """
        number = np.bincount(index)
        n_folds = min(_FOLDS, int(number.min()))
        n_scored = min(n_folds, -(-n_folds * _ENOUGH // len(index)))
        order = np.argsort(index, kind="stable")
        turn = np.empty(len(index), np.intp)
        turn[order] = np.concatenate([np.arange(n) for n in number]) % n_folds
        solution, others = self._solve_and_leave_out(x, index, turn, n_scored)
        scores = np.empty((len(index), len(self.classes_)))
        for fold, other in enumerate(others):
            out = turn == fold
            scores[out] = self._add_bands(self._score(other, x[:, out]))
        scored = turn < n_scored
        return solution, scores[scored], index[scored]

    def _solve_and_leave_out(
        self, x: Array, index: NDArray[np.intp], turn: NDArray[np.intp], n_left: int
    ) -> tuple[Solution, list[Solution]]:
        """Learn from all training trials, and from all but each of the first ``n_left`` parts."""
        left = [turn != fold for fold in range(n_left)]
        return self._solve(x, index), [self._solve(x[:, some], index[some]) for some in left]

    def _add_bands(self, scores: Array) -> Array:
        return np.tensordot(weigh_bands(len(scores)), scores, axes=1)

    def _filter(self, values: Floats) -> Array:
        return filter_trials(
            values.astype(np.float64, copy=False), self.bands_, self.sampling_rate_
        )

    def _find_frequencies(self) -> Array | None:
        name = type(self).__name__
        if self.frequencies is None:
            return read_frequencies(self.classes_)
        given = self.frequencies
        if isinstance(given, dict):
            if missing := [c for c in self.classes_.tolist() if c not in given]:
                raise ValueError(f"{name}: frequencies lacks the targets {missing}; add them.")
            given = [given[c] for c in self.classes_.tolist()]
        hz = np.asarray(given, float)
        if hz.shape != self.classes_.shape or not (hz > 0).all():
            raise ValueError(
                f"{name}: frequencies must be one positive number in Hz for each of the targets"
                f" {self.classes_.tolist()}, got {self.frequencies!r}."
            )
        return hz

    def _decisions(self, seen: Trials) -> Floats:
        scores = self._add_bands(self._score(self.solution_, self._filter(seen.values)))
        return log_softmax(self.sharpness_ * scores, axis=1)

    def _probabilities(self, seen: Trials) -> Floats:
        return np.exp(self._decisions(seen))

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.poor_score = True  # for trials of one sample
        return tags
