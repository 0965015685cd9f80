"""How long states are held and where they lead: chains in continuous time."""

import warnings
from typing import Any, Literal, NamedTuple, Self

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.linalg import expm
from sklearn.base import BaseEstimator
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.validation import check_is_fitted

from neurokit.clustering.fitting import rates as rate_steps
from neurokit.inputs.labels import labelled_or_plain
from neurokit.inputs.ranges import check_at_least, check_positive
from neurokit.inputs.rates import match_rate, require_rate
from neurokit.inputs.series import Series, series
from neurokit.persistence import Saveable
from neurokit.solvers.hmm import smooth_states, stationary

Floats = NDArray[np.float64]
_BLOCKS = 50  # stretches that a bootstrap draws from
_UNSETTLED = 100  # rounds of a refit of rates that did not come to rest


class DwellTimes(Saveable, BaseEstimator):
    r"""Estimate the rates at which states follow each other, from sequences of states.

    States are taken to jump as a Markov chain in continuous time with the generator :math:`Q`,
    seen at the samples only: between two of them it may have jumped more than once. ``fit``
    begins at the logarithm of the transition matrix, projected on the generators (a plain
    logarithm has negative rates), and goes on by expectation maximisation over what happened
    between samples. Labels may be wrong now and then; unless the model knows it, each wrong label
    looks like two fast jumps.

    Parameters
    ----------
    noise : float or "fit", default=0.0
        Part of the labels that are another state's, any alike; or to be estimated.
    n_bootstrap : int, default=100
        Refits on stretches drawn with replacement, for the intervals; 0 for none.
    confidence : float, default=0.95
        How often the intervals hold the truth.
    max_iter : int, default=5000
        Rounds of expectation maximisation.
    tol : float, default=1e-5
        They end when no rate moves by more than this part of the largest.
    sampling_rate : float, optional
        In Hz; needed for plain arrays.
    random_state : int, Generator or None

    Attributes
    ----------
    rates_ : xarray.DataArray of dims (state_from, state_to)
        In 1/s; rows sum to zero.
    interval_ : xarray.DataArray of dims (bound, state_from, state_to)
        Lower and upper; only with ``n_bootstrap``.
    dwell_times_ : xarray.DataArray of dim (state,)
        Mean time until a state is left, in seconds.
    stationary_ : xarray.DataArray of dim (state,)
        Part of the time in each state, in the long run.
    relaxation_times_ : ndarray of shape (n_states - 1,)
        In seconds, the longest first: how slowly the past is forgotten.
    classes_ : ndarray of int
        The states.
    noise_ : float
    sampling_rate_ : float
    n_iter_ : int
    n_features_in_ : int
    channels_ : list
        Names of the columns, where they had names.

    Raises
    ------
    ValueError
        If labels are no whole numbers, no two samples follow each other, or a parameter is out of
        range.

    Notes
    -----
    The pretrained network of reference 1, which guesses rates without a fit, is left out: its
    weights and its dependencies would come with it. This is the classical estimator.

    References
    ----------
    .. [1] Berghaus et al. (2024), Foundation inference models for Markov jump processes, NeurIPS.
    .. [2] Bladt and Sørensen (2005), Statistical inference for discretely observed Markov jump
       processes, J. R. Stat. Soc. B 67(3), section 4.
    .. [3] Israel, Rosenthal and Wei (2001), Finding generators for Markov chains via empirical
       transition matrices, Math. Finance 11(2).

    Examples
    --------
    >>> from neurokit.datasets import make_jumps
    >>> labels = make_jumps(2000, rates=[[0, 1], [2, 0]], random_state=0).labels
    >>> DwellTimes(n_bootstrap=0).fit(labels).dwell_times_.values.round(1).tolist()
    [1.0, 0.5]
    """

    def __init__(
        self,
        *,
        noise: float | Literal["fit"] = 0.0,
        n_bootstrap: int = 100,
        confidence: float = 0.95,
        max_iter: int = 5000,
        tol: float = 1e-5,
        sampling_rate: float | None = None,
        random_state: int | np.random.Generator | None = None,
    ) -> None:
        self.noise = noise
        self.n_bootstrap = n_bootstrap
        self.confidence = confidence
        self.max_iter = max_iter
        self.tol = tol
        self.sampling_rate = sampling_rate
        self.random_state = random_state

    def fit(self, X: Any, y: object = None) -> Self:
        """Estimate the rates.

        Parameters
        ----------
        X : xarray.DataArray with dims ([trial,] [unit,] time), or array-like (n_times[, n_units])
            States as whole numbers. Each trial, column and stretch between jumps of the clock is a
            sequence of its own, of the same chain.
        y : None
            Ignored.

        Returns
        -------
        self
        """
        self._check()
        rows = self._read(X, reset=True)
        self.sampling_rate_ = require_rate(self, rows.sampling_rate)
        labels, starts = _sequences(rows)
        self.classes_, codes = np.unique(labels.astype(np.int64), return_inverse=True)
        if not np.any(np.diff(starts) > 1):
            raise ValueError(
                "DwellTimes needs sequences of at least two samples in a row, got"
                f" {len(labels)} that stand alone."
            )
        data = _Data(codes, starts, len(self.classes_), 1 / self.sampling_rate_)
        found = self._solve(data, None, self.max_iter)
        rates, self.noise_, self.n_iter_ = found
        if self.n_iter_ > self.max_iter:
            warnings.warn(
                f"DwellTimes: rates still moved after {self.max_iter} rounds; raise max_iter.",
                ConvergenceWarning,
                stacklevel=2,
            )
        pair = {"state_from": self.classes_, "state_to": self.classes_}
        each = {"state": self.classes_}
        self.rates_ = xr.DataArray(rates, pair, tuple(pair), attrs={"units": "1/s"})
        with np.errstate(divide="ignore"):
            dwell = 1.0 / -np.diag(rates)
        self.dwell_times_ = xr.DataArray(np.abs(dwell), each, ("state",), attrs={"units": "s"})
        self.stationary_ = xr.DataArray(
            stationary(expm(rates / self.sampling_rate_)), each, ("state",)
        )
        decay = np.sort(-np.linalg.eigvals(rates).real)[1:]
        with np.errstate(divide="ignore"):
            self.relaxation_times_ = np.where(
                decay > 1e-12, 1.0 / np.maximum(decay, 1e-300), np.inf
            )
        self.__dict__.pop("interval_", None)  # of an older fit
        if self.n_bootstrap:
            tail = (1 - self.confidence) / 2
            draws = self._bootstrap(data, found)
            self.interval_ = xr.DataArray(
                np.quantile(draws, [tail, 1 - tail], axis=0),
                {"bound": ["lower", "upper"]} | pair,
                ("bound", *pair),
                attrs={"units": "1/s"},
            )
        return self

    def predict(self, X: Any) -> Any:
        """Return the likeliest state at each sample: labels that were wrong are put right.

        Parameters
        ----------
        X : as in `fit`, of the same columns

        Returns
        -------
        As ``X``: dims ([trial,] time[, unit]), or ndarray of its shape
        """
        check_is_fitted(self)
        rows = self._read(X, reset=False)
        labels, starts = _sequences(rows)
        data = _Data(self._encode(labels), starts, len(self.classes_), 1 / self.sampling_rate_)
        found = _smooth(data, self.rates_.values, self.noise_).probability.argmax(1)
        states = self.classes_[found].reshape(rows.values.shape[::-1]).T
        if rows.source is None:
            return states if np.ndim(X) == 2 else states[:, 0]
        if not _has_columns(X):
            return rows.label(np.ascontiguousarray(states[:, 0]), rows.space, None)
        names = getattr(self, "channels_", None)
        return rows.label(np.ascontiguousarray(states), rows.space, names)

    def score(self, X: Any, y: object = None) -> float:
        """Return the log-likelihood per sample, in nats.

        Parameters
        ----------
        X : as in `fit`
        y : None
            Ignored.
        """
        check_is_fitted(self)
        labels, starts = _sequences(self._read(X, reset=False))
        data = _Data(self._encode(labels), starts, len(self.classes_), 1 / self.sampling_rate_)
        found = _smooth(data, self.rates_.values, self.noise_)
        return float(found.log_likelihood.sum() / len(labels))

    def _check(self) -> None:
        check_at_least(
            "DwellTimes", n_bootstrap=(self.n_bootstrap, 0), max_iter=(self.max_iter, 1)
        )
        check_positive("DwellTimes", tol=self.tol)
        known = self.noise == "fit" or (not isinstance(self.noise, str) and 0 <= self.noise < 0.5)
        if not known or not 0 < self.confidence < 1:
            raise ValueError(
                "DwellTimes: noise must be 'fit' or a part below .5, and confidence between 0 and"
                f" 1, got {self.noise!r} and {self.confidence!r}."
            )

    def _read(self, X: Any, *, reset: bool) -> Series:
        X = labelled_or_plain(X)
        if isinstance(X, xr.DataArray):
            if not _has_columns(X):
                X = X.expand_dims("feature", axis=-1)
        elif np.ndim(X) == 1:
            X = np.asarray(X)[:, None]
        rows = series(self, X, reset=reset)
        if np.any(rows.values != np.round(rows.values)):
            raise ValueError("DwellTimes: X must hold states as whole numbers, got other values.")
        if not reset:
            match_rate(self, rows.sampling_rate)
        return rows

    def _encode(self, labels: NDArray[Any]) -> NDArray[np.int64]:
        codes = np.searchsorted(self.classes_, labels).clip(0, len(self.classes_) - 1)
        if np.any(self.classes_[codes] != labels):
            extra = np.setdiff1d(labels, self.classes_).astype(int).tolist()
            raise ValueError(
                f"DwellTimes was fitted on the states {self.classes_.tolist()}, X has {extra}"
                " besides."
            )
        return np.asarray(codes)

    def _solve(
        self, data: "_Data", warm: tuple[Floats, float] | None, rounds: int
    ) -> tuple[Floats, float, int]:
        counts = _count(data)
        rates = rate_steps.first_rates(counts, data.interval) if warm is None else warm[0]
        if self.noise == 0:
            rates, n_iter = rate_steps.solve(rates, counts, data.interval, rounds, self.tol)
            return rates, 0.0, n_iter
        if warm is None:
            rates = rates + 1e-3 * np.abs(rates).max()
            rates = rate_steps.project(rates)
        noise = float(self.noise) if self.noise != "fit" else (0.02 if warm is None else warm[1])
        n_iter = 0
        while n_iter < rounds:
            n_iter += 1
            found = _smooth(data, rates, noise)
            new = rates
            for _ in range(3):  # the dear part is the line above
                new = rate_steps.improve(new, found.pairs, data.interval)
            moved = np.abs(new - rates).max()
            rates = new
            if self.noise == "fit":
                kept = found.probability[np.arange(len(data.codes)), data.codes].mean()
                noise = float(np.clip(1 - kept, 1e-6, 0.49))
            if moved <= self.tol * np.abs(rates).max():
                break
        else:
            n_iter += 1  # one more than allowed: rates still move
        return rate_steps.trim(rates, found.pairs, data.interval), noise, n_iter

    def _bootstrap(self, data: "_Data", found: tuple[Floats, float, int]) -> Floats:
        """Refit on stretches drawn with replacement."""
        rng = np.random.default_rng(self.random_state)
        length = max(2, len(data.codes) // _BLOCKS)
        spans = [
            (a, min(a + length + 1, stop))
            for start, stop in zip(data.starts[:-1], data.starts[1:], strict=True)
            for a in range(start, max(stop - 1, start + 1), length)
        ]
        if self.noise == 0:
            each = np.stack([_count(data.part([span])) for span in spans])
        # rates that still move end nowhere: refits need not take as long to say the same
        settled = found[2] <= self.max_iter
        rounds = self.max_iter if settled else min(self.max_iter, _UNSETTLED)
        draws = []
        for _ in range(self.n_bootstrap):
            chosen = rng.integers(len(spans), size=len(spans))
            if self.noise == 0:
                counts = each[chosen].sum(0)
                warm = rate_steps.first_rates(counts, data.interval)
                draws.append(rate_steps.solve(warm, counts, data.interval, rounds, self.tol)[0])
            else:
                part = data.part([spans[k] for k in chosen])
                draws.append(self._solve(part, (found[0], found[1]), rounds)[0])
        return np.stack(draws)


class _Data(NamedTuple):
    codes: NDArray[np.int64]
    starts: NDArray[np.int64]
    n_states: int
    interval: float  # s

    def part(self, spans: list[tuple[int, int]]) -> "_Data":
        codes = np.concatenate([self.codes[a:b] for a, b in spans])
        return self._replace(codes=codes, starts=np.cumsum([0, *(b - a for a, b in spans)]))


def _has_columns(X: xr.DataArray) -> bool:
    return bool(set(X.dims) - {"trial", "time"})


def _sequences(rows: Series) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """Lay columns one below the other."""
    n, n_columns = rows.values.shape
    stops = [k * n + run.stop for k in range(n_columns) for run in rows.runs]
    return rows.values.T.ravel(), np.array([0, *stops])


def _count(data: _Data) -> Floats:
    """Count transitions inside sequences."""
    inside = np.ones(len(data.codes), bool)
    inside[data.starts[data.starts < len(data.codes)]] = False
    where = np.flatnonzero(inside)
    counts = np.zeros((data.n_states, data.n_states))
    np.add.at(counts, (data.codes[where - 1], data.codes[where]), 1.0)
    return counts


def _smooth(data: _Data, rates: Floats, noise: float) -> Any:
    """Infer true states from labels that may be wrong."""
    n = data.n_states
    seen = np.full((n, n), noise / max(n - 1, 1))
    np.fill_diagonal(seen, 1 - noise)
    with np.errstate(divide="ignore"):
        logs = np.log(seen).T[data.codes]
    transition = np.maximum(expm(rates * data.interval), 1e-300)
    return smooth_states(logs, transition, stationary(transition), data.starts)
