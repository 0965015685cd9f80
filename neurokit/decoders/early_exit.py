"""Decide as soon as it is clear: read no more of a trial than its answer needs."""

from typing import Any, NamedTuple, Self

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, MetaEstimatorMixin, clone
from sklearn.model_selection import check_cv
from sklearn.utils.validation import check_is_fitted

from neurokit.decoders.classifier import TrialClassifier, label_trials
from neurokit.decoders.live import WindowStream
from neurokit.inputs.classes import find_classes, index_labels, read_labels
from neurokit.inputs.trials import Trials, trials
from neurokit.metrics.cost import Cost, cost_of
from neurokit.recording.clock import time_coordinates
from neurokit.streaming import Stream
from neurokit.types import Codes, Floats, Labelled, Recording, Targets


class Decision(NamedTuple):
    """What `EarlyExitClassifier.decide` returns, one entry per trial.

    Attributes
    ----------
    label : ndarray or DataArray of shape (n_trials,)
    confidence : ndarray or DataArray of shape (n_trials,)
        Probability given to the label when it was decided.
    time : ndarray or DataArray of shape (n_trials,)
        How much of the trial was read, in seconds, or in samples where no rate is known.
    """

    label: Labelled
    confidence: Labelled
    time: Labelled


class EarlyExitClassifier(MetaEstimatorMixin, TrialClassifier):
    """Stop reading a trial once a classifier is confident enough: easy trials take less time.

    The classifier is fitted once for each of a few lengths of trial. A trial is decided at the
    first length whose most probable class passes a threshold, at its end at the latest. The
    threshold is the one that reads least, among those whose accuracy on held-out folds of the
    training data is surely, to one standard error, at most ``tolerance`` below that of whole
    trials. The confidence need not be calibrated for that.

    Parameters
    ----------
    estimator : classifier with ``predict_proba``
        Takes trials of any length, such as a pipeline of `BandPower` and logistic regression.
    n_looks : int, default=8
        Lengths tried, evenly spaced up to the whole trial.
    tolerance : float, default=0.01
        Accuracy that may be given away for time.
    cv : int or cross-validation splitter, default=5
        Folds on which the threshold is chosen.
    sampling_rate : float, optional
        In Hz, for the times of plain arrays.
    picks : {"brain", "all"}, default="brain"
        Channels to take where ``channel`` carries ``type`` or ``bad``: those of the brain that are
        not bad, or all. A warning says once what was left out; ``left_out_`` keeps it.

    Attributes
    ----------
    estimators_ : list of estimators
        One for each length, fitted on all training trials.
    looks_ : ndarray of shape (n_looks,)
        Lengths in samples; fewer than asked for where trials have fewer samples.
    threshold_ : float
        Confidence that ends a trial; infinite where only whole trials will do.
    curve_ : pandas.DataFrame
        ``threshold``, ``accuracy``, ``loss``, ``loss_error`` and mean ``time`` on the held-out
        folds; see `curve`.
    classes_ : ndarray of shape (n_classes,)
    n_features_in_ : int
        Number of channels.
    channels_ : list
        Names of the channels, where they had names.

    Raises
    ------
    TypeError
        If the classifier has no ``predict_proba``.
    ValueError
        If a parameter is out of range, or later trials are shorter than those of ``fit``.

    Notes
    -----
    The accuracy in ``curve_`` at the chosen threshold is a little too good, as it was chosen
    there: `curve` on trials that ``fit`` has not seen tells the figure to report.

    References
    ----------
    .. [1] Li, Jones and Furber (2023), Unleashing the potential of spiking neural networks with
       dynamic confidence, ICCV 13350-13360.

    Examples
    --------
    >>> import neurokit
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> from neurokit.features import BandPower
    >>> rng = np.random.default_rng(0)
    >>> y = np.arange(60) % 2
    >>> t = np.arange(400) / 100
    >>> x = rng.normal(size=(60, 1, 400)) + 2 * y[:, None, None] * np.sin(2 * np.pi * 10 * t)
    >>> x = neurokit.signal(x, sampling_rate=100)
    >>> pipeline = make_pipeline(BandPower(), LogisticRegression())
    >>> decoder = EarlyExitClassifier(pipeline, n_looks=4).fit(x[:40], y[:40])
    >>> decoder.score(x[40:], y[40:]), float(decoder.decide(x[40:]).time.mean())
    (1.0, 1.3)
    """

    def __init__(
        self,
        estimator: BaseEstimator,
        *,
        n_looks: int = 8,
        tolerance: float = 0.01,
        cv: Any = 5,
        sampling_rate: float | None = None,
        picks: str = "brain",
    ) -> None:
        self.estimator = estimator
        self.n_looks = n_looks
        self.tolerance = tolerance
        self.cv = cv
        self.sampling_rate = sampling_rate
        self.picks = picks

    def fit(self, X: Recording, y: Targets | None, groups: ArrayLike | None = None) -> Self:
        """Fit the classifier for every length, and choose the threshold.

        Parameters
        ----------
        X : xarray.DataArray with dims (trial, channel | unit, time), mne.Epochs, or array-like
        y : array-like of shape (n_trials,)
        groups : array-like of shape (n_trials,), optional
            Subject or session of each trial, for a ``cv`` that keeps groups together.

        Returns
        -------
        self
        """
        source = trials(self, X, reset=True)
        if not self.n_looks >= 1 or not 0 <= self.tolerance < 1:
            raise ValueError(
                "EarlyExitClassifier: n_looks must be at least 1 and tolerance in [0, 1), got"
                f" {self.n_looks!r} and {self.tolerance!r}."
            )
        if not hasattr(self.estimator, "predict_proba"):
            raise TypeError(
                "EarlyExitClassifier: estimator must be a classifier with predict_proba, which"
                f" tells its confidence; got {self.estimator!r}."
            )
        labels = read_labels(self, y, len(source.values), source.source)
        self.classes_ = find_classes(self, labels)
        self.space_ = None if source.source is None else source.space
        n_times = source.values.shape[2]
        ends = np.ceil(np.arange(1, self.n_looks + 1) * n_times / self.n_looks)
        self.looks_ = np.unique(ends.astype(int))
        self.threshold_ = np.inf
        if len(self.looks_) > 1:
            guesses: Floats = np.zeros((len(self.looks_), len(labels), len(self.classes_)))
            folds = check_cv(self.cv, labels, classifier=True)
            held = np.zeros(len(labels), bool)
            for train, test in folds.split(np.zeros(len(labels)), labels, groups):
                fitted = self._fit_looks(source, labels, train)
                guesses[:, test] = self._guess(fitted, source, test)
                held[test] = True
            self.curve_ = self._curve(guesses[:, held], labels[held], source)
            good = self.curve_.loss + self.curve_.loss_error <= self.tolerance + 1e-12
            self.threshold_ = float(self.curve_[good].sort_values("time").threshold.iloc[0])
        everything = np.arange(len(labels))
        self.estimators_ = self._fit_looks(source, labels, everything)
        if len(self.looks_) == 1:
            guesses = self._guess(self.estimators_, source, everything)
            self.curve_ = self._curve(guesses, labels, source)
        return self

    def decide(self, X: Recording) -> Decision:
        """Return label, confidence and time read of every trial.

        Parameters
        ----------
        X : as in `fit`
            Trials at least as long as those of ``fit``; what comes later is not read.

        Returns
        -------
        Decision
        """
        source = self._read(X)
        at, proba = self._exit(source)
        parts = (
            self.classes_[proba.argmax(1)],
            proba.max(1),
            self.looks_[at] / (source.sampling_rate or 1.0),
        )
        return Decision(*(label_trials(part, source) for part in parts))

    def curve(self, X: Recording, y: Targets | None) -> pd.DataFrame:
        """Return accuracy against the time read, for all thresholds.

        Parameters
        ----------
        X : as in `decide`
        y : array-like of shape (n_trials,)
            True labels.

        Returns
        -------
        pandas.DataFrame
            Columns ``threshold``, ``accuracy``, ``loss`` (accuracy given away beside whole
            trials) with the standard error ``loss_error`` of this paired difference, and ``time``
            (mean, in seconds, or in samples where no rate is known); the last row reads whole
            trials.
        """
        source = self._read(X)
        labels = read_labels(self, y, len(source.values), source.source)
        index_labels(self, labels)
        guesses = self._guess(self.estimators_, source, np.arange(len(labels)))
        return self._curve(guesses, labels, source)

    def stream(self, step: float | None = None) -> Stream:
        """Begin a live recording: windows of a trial's length, each decided as soon as it is sure.

        Parameters
        ----------
        step : float, optional
            Seconds from the beginning of one window to the next. Default: the length of a trial.

        Returns
        -------
        stream
            ``push(chunk)`` takes the next samples, shape (n, n_channels), and returns the
            probabilities of the windows that are decided now, shape (n_windows, n_classes), those
            of `predict_proba`, in the order in which the windows began. ``flush()`` returns none.
        """
        check_is_fitted(self)
        last = len(self.looks_) - 1

        def decide(windows: Floats, look: int) -> tuple[Floats, Floats]:
            seen = self._label(windows)
            rows = np.arange(len(windows))
            proba = self._look(self.estimators_[look], seen, rows, windows.shape[2])
            return proba, (proba.max(1) >= self.threshold_) | (look == last)

        return WindowStream(self, step, self.looks_.tolist(), decide)

    def cost(self, X: Recording) -> Cost:
        """Return what the fitted estimator costs for each trial.

        Parameters
        ----------
        X : as in `fit`

        Returns
        -------
        neurokit.metrics.cost.Cost
            In the mean over trials: every look that a trial takes costs what its classifier does.
        """
        source = self._read(X)
        at, _ = self._exit(source)
        every = np.arange(len(source.values))
        looks = zip(self.estimators_, self.looks_, strict=True)
        costs = [cost_of(estimator, _beginning(source, every, look)) for estimator, look in looks]
        taken = [float((at >= k).mean()) for k in range(len(costs))]
        total = costs[0]
        for cost, share in zip(costs[1:], taken[1:], strict=True):
            total = total.then(cost.times(share))
        return total

    def _label(self, windows: Floats) -> Trials:
        """Give plain windows the labels of the trials of ``fit``, which estimators may ask for."""
        rate = getattr(self, "sampling_rate_", None)
        if self.space_ is None or rate is None:
            return Trials(windows, rate, None, "channel", single=False)
        x = xr.DataArray(windows, dims=("trial", self.space_, "time"))
        x = x.assign_coords(time_coordinates(0, rate, windows.shape[2]))
        if (names := getattr(self, "channels_", None)) is not None:
            x = x.assign_coords({self.space_: names})
        unit = getattr(self, "quantity_", None)
        if isinstance(unit, str):
            x.attrs["units"] = unit
        elif unit is not None:
            x = x.assign_coords(units=(self.space_, unit))
        return Trials(windows, rate, x, self.space_, single=False)

    def _probabilities(self, seen: Trials) -> Floats:
        return self._exit(seen)[1]

    def _exit(self, source: Trials) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
        """Look again only at trials that are still open; say when each was decided, and how."""
        n_trials = len(source.values)
        at = np.full(n_trials, len(self.looks_) - 1)
        proba = np.zeros((n_trials, len(self.classes_)))
        still = np.arange(n_trials)
        for k, look in enumerate(self.looks_):
            if len(still):
                proba[still] = self._look(self.estimators_[k], source, still, look)
                done = proba[still].max(1) >= self.threshold_
                at[still[done]] = k
                still = still[~done]
        return at, proba

    def _read(self, X: Recording) -> Trials:
        source = super()._read(X)
        if source.values.shape[2] < self.looks_[-1]:
            raise ValueError(
                f"EarlyExitClassifier was fitted on trials of {self.looks_[-1]} samples, got"
                f" {source.values.shape[2]}; fit it on trials of that length."
            )
        return source

    def _fit_looks(self, source: Trials, y: Floats, rows: Codes) -> list[Any]:
        return [
            clone(self.estimator).fit(_beginning(source, rows, look), y[rows])
            for look in self.looks_
        ]

    def _guess(self, fitted: list[Any], source: Trials, rows: Codes) -> Floats:
        looks = zip(fitted, self.looks_, strict=True)
        return np.stack([self._look(estimator, source, rows, look) for estimator, look in looks])

    def _look(
        self, estimator: BaseEstimator, source: Trials, rows: Codes, look: int
    ) -> NDArray[np.float64]:
        proba = np.zeros((len(rows), len(self.classes_)))
        columns = np.searchsorted(self.classes_, estimator.classes_)
        proba[:, columns] = np.asarray(estimator.predict_proba(_beginning(source, rows, look)))
        return proba

    def _curve(self, guesses: Floats, labels: Floats, source: Trials) -> pd.DataFrame:
        confidence = guesses.max(2)  # (look, trial)
        right = self.classes_[guesses.argmax(2)] == labels
        levels = np.unique(np.quantile(confidence, np.linspace(0, 1, 101)))
        columns = np.arange(len(labels))
        rows = []
        for threshold in (*levels, np.inf):
            over = confidence >= threshold
            over[-1] = True
            at = over.argmax(0)
            time = self.looks_[at].mean() / (source.sampling_rate or 1.0)
            early = right[at, columns]
            lost = right[-1].astype(float) - early
            error = lost.std() / np.sqrt(len(lost))
            rows.append((threshold, early.mean(), lost.mean(), error, time))
        return pd.DataFrame(rows, columns=["threshold", "accuracy", "loss", "loss_error", "time"])


def _beginning(source: Trials, rows: Codes, look: int) -> Any:
    """Return the first samples of some trials, labelled where the input was."""
    if source.source is not None:
        return source.source.isel(trial=rows, time=slice(0, look))
    values = source.values[rows, :, :look]
    return values[:, :, 0] if source.values.shape[2] == 1 else values
