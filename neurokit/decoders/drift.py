"""When the data are no longer those that a decoder was fitted on."""

import itertools
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from neurokit.decoders._drift import RULES, Rule
from neurokit.inputs.chunks import ChunkLabels
from neurokit.inputs.ranges import check_at_least, check_positive
from neurokit.inputs.rates import match_rate
from neurokit.inputs.series import series
from neurokit.metrics.cost import Cost, multiply
from neurokit.persistence import Saveable
from neurokit.solvers.resampling import draw_alike
from neurokit.streaming import check_chunk

_COUNTED = 600  # false alarms of drawn recordings: their number is known to 4 %
_HELD = 50_000_000  # values of drawn recordings, 400 MB


class DriftDetector(Saveable, BaseEstimator):
    r"""Raise an alarm when what a decoder sees, or what it fails to predict, has changed.

    Meant for innovations, latents or features: several dims at once, along time. ``fit`` learns
    what is usual, and sets the threshold by drawing recordings like it, so that false alarms come
    at the stated rate although samples depend on each other: what depends linearly on the past is
    modelled, of the rest stretches are drawn. After an alarm the statistic begins anew.

    Parameters
    ----------
    method : {"cusum", "sprt", "ks", "wasserstein", "psi", "mmd"}, default="cusum"
        ``"cusum"``: sums of how far the mean, up or down, and the variance of each dim exceed the
        usual by more than half a `shift`, never below zero; the largest counts. ``"sprt"``: the
        same evidence as log odds of a shift against none; where the odds fall below zero, it
        begins anew (Wald's test, repeated). The others compare the last `window` samples with the
        usual: the largest gap of the distribution functions, the distance of the quantiles, the
        population stability index over ten bins, each of the worst dim, and the squared distance
        of kernel means of all dims together.
    false_alarm_rate : float, default=0.001
        False alarms per sample, on average. Fit on samples that hold twenty of them, or a
        hundred where dims move in slow waves, counts or bursts.
    window : int, default=100
        Samples that windowed methods look at.
    shift : float, default=0.5
        Change to be found, in standard deviations, ``"cusum"`` and ``"sprt"``.
    block : int, default=200
        Longest stretch that is drawn at once: ten samples, or four times as many as those over
        which the size of what the past does not explain depends on itself, but no more than this.
    n_bootstrap : int, optional
        Recordings as long as that of ``fit`` that are drawn for the threshold. Default: enough for
        600 false alarms, between 4 and 100, and fewer of very many dims.
    random_state : int, Generator or None

    Attributes
    ----------
    threshold_ : float
    mean_, scale_ : ndarray of shape (n_features,)
        Usual mean and standard deviation.
    false_alarm_rate_ : float
        That of the drawn recordings at ``threshold_``.
    reference_ : ndarray
        What the rule compares with.
    n_features_in_ : int
    channels_ : list
        Names of the dims, where they had names.

    Raises
    ------
    ValueError
        If a parameter is out of range, or ``fit`` sees fewer than two windows or blocks.

    Notes
    -----
    The source of the idea puts hierarchical temporal memory before the test; it is left out. Any
    model whose innovations can be had takes its place.

    References
    ----------
    .. [1] Wald (1945), Sequential tests of statistical hypotheses, Ann. Math. Stat. 16(2).
    .. [2] Page (1954), Continuous inspection schemes, Biometrika 41.
    .. [3] Davison and Hinkley (1997), Bootstrap Methods and their Application, section 8.2.3.
    .. [4] Bandyopadhyay, Bose and Roy Chowdhury (2025), arXiv:2504.18599.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> detector = DriftDetector(random_state=0).fit(rng.normal(size=(5000, 3)))
    >>> new = rng.normal(size=(400, 3))
    >>> new[200:, 1] += 1.5
    >>> alarms = np.flatnonzero(detector.predict(new))
    >>> bool(alarms[0] >= 200), bool(alarms[0] < 230)
    (True, True)
    """

    def __init__(
        self,
        method: Literal["cusum", "sprt", "ks", "wasserstein", "psi", "mmd"] = "cusum",
        *,
        false_alarm_rate: float = 0.001,
        window: int = 100,
        shift: float = 0.5,
        block: int = 200,
        n_bootstrap: int | None = None,
        random_state: int | np.random.Generator | None = None,
    ) -> None:
        self.method = method
        self.false_alarm_rate = false_alarm_rate
        self.window = window
        self.shift = shift
        self.block = block
        self.n_bootstrap = n_bootstrap
        self.random_state = random_state

    def fit(self, X: Any, y: object = None) -> Self:
        """Learn what is usual and set the threshold.

        Parameters
        ----------
        X : xarray.DataArray with dims ([trial,] unit, time), or array-like (n_times, n_features)
            Samples of before any drift.
        y : None
            Ignored.

        Returns
        -------
        self
        """
        rows = series(self, X, reset=True)
        self._check()
        values = rows.values.astype(np.float64)
        windowed = self.method not in ("cusum", "sprt")
        least = 2 * max(self.block, self.window if windowed else 0, 2)
        if len(values) < least:
            raise ValueError(
                f"DriftDetector: {len(values)} samples are too few to know the usual by; give at"
                f" least {least}, or a shorter block and window."
            )
        self.method_, self.sampling_rate_ = str(self.method), rows.sampling_rate
        self.window_, self.shift_ = int(self.window), float(self.shift)
        self.mean_ = values.mean(0)
        self.scale_ = np.maximum(values.std(0), 1e-12 * (1 + np.abs(self.mean_)))
        usual = (values - self.mean_) / self.scale_
        rng = np.random.default_rng(self.random_state)
        self.reference_ = RULES[self.method_].learn(usual, self.window_, rng)
        n_draws = self.n_bootstrap
        if n_draws is None:
            n_draws = int(np.clip(_COUNTED / (self.false_alarm_rate * len(usual)), 4, 100))
            n_draws = min(n_draws, max(4, _HELD // usual.size))
        drawn = draw_alike(usual, rows.runs, n_draws, self.block, rng)
        self.threshold_, self.false_alarm_rate_ = self._calibrate(drawn, rng)
        return self

    def decision_function(self, X: Any) -> Any:
        """Return the statistic after each sample, in units of the threshold.

        Parameters
        ----------
        X : as in `fit`

        Returns
        -------
        xarray.DataArray of dims ([trial,] time), or ndarray of shape (n_times,)
            1 or more: an alarm, after which it begins anew.
        """
        check_is_fitted(self)
        rows = series(self, X, reset=False)
        match_rate(self, rows.sampling_rate)
        out = np.empty(len(rows.values))
        for run in rows.runs:
            rule = self._rule()
            out[run] = rule.push(self._standardise(rows.values[run]), self.threshold_)
        return rows.label(out / self.threshold_, "feature", None)

    def predict(self, X: Any) -> Any:
        """Return where alarms are raised.

        Parameters
        ----------
        X : as in `fit`

        Returns
        -------
        xarray.DataArray of dims ([trial,] time), or ndarray of shape (n_times,), of int
            1 at an alarm, else 0.
        """
        found = self.decision_function(X)
        return (found >= 1.0).astype(np.int64)

    def stream(self) -> "_Stream":
        """Begin a live recording.

        Returns
        -------
        stream
            ``push(chunk)`` takes the next samples, shape (n, n_features), and returns 1 for each
            that raises an alarm, else 0. ``flush()`` returns no more.
        """
        check_is_fitted(self)
        return _Stream(self)

    def cost(self, X: Any) -> Cost:
        """Return what the fitted estimator costs at each sample.

        Parameters
        ----------
        X : as in `fit`

        Returns
        -------
        neurokit.metrics.cost.Cost
            Three sums of each dim; or every pair of a sample of the window with one of the usual.
        """
        check_is_fitted(self)
        series(self, X, reset=False)
        n = len(self.mean_)
        pairs = 3 if self.method_ in ("cusum", "sprt") else self.window_
        if self.method_ == "mmd":
            pairs += len(self.reference_)
        return multiply(n * pairs, n_parameters=2 * n + 1 + self.reference_.size)

    def _check(self) -> None:
        check_at_least(
            "DriftDetector", window=(self.window, 2), block=(self.block, 1),
            n_bootstrap=(1 if self.n_bootstrap is None else self.n_bootstrap, 1),
        )  # fmt: skip
        check_positive("DriftDetector", shift=self.shift, false_alarm_rate=self.false_alarm_rate)
        if self.method not in RULES or self.false_alarm_rate >= 0.5:
            raise ValueError(
                f"DriftDetector: method must be one of {', '.join(RULES)} and false_alarm_rate"
                f" below .5, got {self.method!r} and {self.false_alarm_rate!r}."
            )

    def _rule(self) -> Rule:
        return RULES[self.method_](self.reference_, self.window_, self.shift_)

    def _standardise(self, values: NDArray[Any]) -> NDArray[np.float64]:
        return (values - self.mean_) / self.scale_

    def _calibrate(
        self, drawn: list[NDArray[np.float64]], rng: np.random.Generator
    ) -> tuple[float, float]:
        """Find the threshold at which drawn recordings alarm at the stated rate, by halving.

        Each is judged by what was learnt on another: what is usual is known no better here than
        it will be there.
        """
        counts = []
        for x, other in itertools.pairwise([*drawn, drawn[0]]):
            mean, scale = other.mean(0), np.maximum(other.std(0), 1e-12)
            rule = RULES[self.method_]
            reference = rule.learn((other - mean) / scale, self.window_, rng)
            counts.append(rule(reference, self.window_, self.shift_).count((x - mean) / scale))
        total = sum(len(x) for x in drawn)

        def rate(threshold: float) -> float:
            return float(sum(count(threshold) for count in counts) / total)

        low, high = 0.0, 1.0
        while rate(high) > self.false_alarm_rate:
            low, high = high, 2 * high
        for _ in range(25):
            middle = 0.5 * (low + high)
            if rate(middle) > self.false_alarm_rate:
                low = middle
            else:
                high = middle
        return high, rate(high)


class _Stream:
    """The statistic of one live recording."""

    def __init__(self, detector: DriftDetector) -> None:
        self._rule = detector._rule()
        self._standardise, self._threshold = detector._standardise, detector.threshold_
        self._n_features = len(detector.mean_)
        self._labels = ChunkLabels.of_fit(detector)

    def push(self, chunk: NDArray[Any]) -> NDArray[np.int64]:
        chunk = check_chunk("DriftDetector", chunk, self._n_features, "samples", self._labels)
        found = self._rule.push(self._standardise(chunk), self._threshold)
        return (found / self._threshold >= 1.0).astype(np.int64)

    def flush(self) -> NDArray[np.int64]:
        return np.empty(0, np.int64)
