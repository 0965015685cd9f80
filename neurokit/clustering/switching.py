"""States in which units drive each other differently: a switching Poisson regression."""

import warnings
from collections.abc import Sequence
from typing import Any, Literal, Self

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClusterMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted

from neurokit.clustering.fitting.switching import (
    LADDER,
    Problem,
    held_out,
    log_emission,
    past_drive,
    solve,
)
from neurokit.inputs.chunks import ChunkLabels
from neurokit.inputs.ranges import check_at_least, check_positive
from neurokit.inputs.series import Series, series
from neurokit.persistence import Saveable
from neurokit.solvers.glm import LINKS
from neurokit.solvers.hmm import filter_states, smooth_states
from neurokit.streaming import History, check_chunk
from neurokit.types import Doubles, Recording, State

KINDS = ("inhibitory", "none", "excitatory")


class SwitchingGLM(Saveable, ClusterMixin, BaseEstimator):
    r"""Find states in which units drive each other differently, from counts alone.

    A hidden state jumps as a Markov chain. In state :math:`z` the count of unit i is Poisson with
    the mean :math:`f(b_{z,i} + \sum_j w_{z,ij} \sum_k \phi_k x_{j,t-k})`, where :math:`\phi_k
    \propto e^{-k}` weighs the last bins. Fitted by expectation maximisation with Newton steps for
    every unit, transitions pooled over all stretches, from several first guesses, and up a ladder
    of priors: none, then Gaussian, then one-hot.

    Parameters
    ----------
    n_states : int, or sequence of int, default=3
        If several are given, the one with the highest held-out log-likelihood is taken.
    prior : {"none", "gaussian", "onehot"}, default="gaussian"
        What is known of the weights. ``"gaussian"``: those of a pair scatter about their mean
        over states. ``"onehot"``: each is inhibitory, absent or excitatory, with odds that all
        states share; absent ones are zero.
    n_lags : int, default=5
        Bins of the past that count.
    link : {"softplus", "exp", "sigmoid"}, default="softplus"
        :math:`f`. The sigmoid cannot exceed one spike per bin on average.
    causal : bool, default=False
        States from counts up to each bin only; `stream` then gives the same, to the bit.
    decay : float, default=1.0
        :math:`\phi_k \propto e^{-\mathrm{decay}\,k}`.
    prior_scale : float, default=1/3
        Standard deviation of weights about their mean over states, ``prior="gaussian"``.
    concentration : float, default=2.0
        How many states' worth of evidence says that a connection is as all others are,
        ``prior="onehot"``.
    n_restarts : int, default=4
        First guesses.
    max_iter : int, default=100
        Rounds on each rung of the ladder.
    tol : float, default=1e-5
        A rung ends when a round gains less than this per bin, in nats.
    cv : int, default=3
        Folds of the choice of ``n_states``.
    n_jobs : int, optional
        Processes over which first guesses are spread.
    random_state : int, Generator or None
    verbose : int, default=0
        1 shows the progress of the first guesses.

    Attributes
    ----------
    weights_ : xarray.DataArray of dims (state, target, source)
        States in the order of how long they are held.
    bias_ : xarray.DataArray of dims (state, target)
    transition_ : ndarray of shape (n_states, n_states)
    initial_ : ndarray of shape (n_states,)
    connection_ : xarray.DataArray of dims (target, source, kind)
        Odds of the kinds, shared by all states; only with ``prior="onehot"``.
    labels_ : ndarray of shape (n_times,)
        States of the data of ``fit``, whole stretches known.
    n_states_ : int
    scores_ : xarray.DataArray of dims (n_states, fold)
        Held-out log-likelihood per bin in nats; only where ``n_states`` gave a choice.
    history_ : ndarray
        Log joint after each round of the best run.
    converged_ : bool
    kernel_, mean_, link_, causal_ : ndarray, ndarray, str, bool
        :math:`\phi`, mean counts (which stand where a stretch has no past), what `fit` was given.
    n_features_in_ : int
    channels_ : list
        Names of the units, where they had names.

    Raises
    ------
    ValueError
        If counts are negative or no whole numbers, bins are fewer than lags, or a parameter is
        out of range.

    Notes
    -----
    A bin that is missing is not judged; as the past of others it stands for its unit's mean count.

    Counts of a bin are independent given the past: what units share beyond it looks like
    connections. A weight is a statistical effect, not an anatomical synapse.

    References
    ----------
    .. [1] Li et al. (2024), One-hot generalized linear model for switching brain state discovery,
       ICLR. Here the kinds are not relaxed (their Gumbel-softmax) but decided in closed form.
    .. [2] Escola et al. (2011), Hidden Markov models for the stimulus-response relationships of
       multistate neural systems, Neural Comput. 23(5).

    Examples
    --------
    >>> from neurokit.datasets import make_onehot_glm
    >>> x, truth = make_onehot_glm(4, 1000, n_units=6, n_states=2, sparsity=0.6, random_state=0)
    >>> model = SwitchingGLM(2, link="sigmoid", random_state=0).fit(x)
    >>> right = (model.predict(x) == truth["state"]).values.mean()
    >>> bool(max(right, 1 - right) > 0.8)
    True
    """

    def __init__(
        self,
        n_states: int | Sequence[int] = 3,
        *,
        prior: Literal["none", "gaussian", "onehot"] = "gaussian",
        n_lags: int = 5,
        link: Literal["softplus", "exp", "sigmoid"] = "softplus",
        causal: bool = False,
        decay: float = 1.0,
        prior_scale: float = 1 / 3,
        concentration: float = 2.0,
        n_restarts: int = 4,
        max_iter: int = 100,
        tol: float = 1e-5,
        cv: int = 3,
        n_jobs: int | None = None,
        random_state: int | np.random.Generator | None = None,
        verbose: int = 0,
    ) -> None:
        self.n_states = n_states
        self.prior = prior
        self.n_lags = n_lags
        self.link = link
        self.causal = causal
        self.decay = decay
        self.prior_scale = prior_scale
        self.concentration = concentration
        self.n_restarts = n_restarts
        self.max_iter = max_iter
        self.tol = tol
        self.cv = cv
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.verbose = verbose

    def fit(self, X: Recording, y: object = None) -> Self:
        """Find the states and what units do to each other in each.

        Parameters
        ----------
        X : xarray.DataArray with dims ([trial,] unit, time), or array-like (n_times, n_units)
            Counts; NaN where a bin is missing. Trials, and stretches between jumps of the clock,
            are sequences of their own.
        y : None
            Ignored.

        Returns
        -------
        self
        """
        rows = self._read(X, reset=True)
        candidates = self._check(len(rows.values))
        kernel = np.exp(-self.decay * np.arange(self.n_lags))
        self.kernel_ = kernel / kernel.sum()
        keep = np.isfinite(rows.values)
        filled = np.where(keep, rows.values, 0.0)
        self.mean_ = filled.sum(0) / np.maximum(keep.sum(0), 1)
        self.link_, self.causal_ = str(self.link), bool(self.causal)
        drive = self._drive(rows)
        problem = Problem(
            np.column_stack([np.ones(len(drive)), drive]),
            np.ascontiguousarray(filled),
            np.array([0, *(run.stop for run in rows.runs)]),
            self.link_,
            candidates[0],
            self.prior_scale,
            self.concentration,
            None if keep.all() else keep,
        )
        how: State = {
            "n_restarts": self.n_restarts,
            "max_iter": self.max_iter,
            "tol": self.tol,
            "n_jobs": self.n_jobs,
            "seed": self.random_state,
        }
        self.__dict__.pop("scores_", None)  # of an older fit
        if len(candidates) > 1:
            scores = held_out(problem, candidates, self.prior, self.cv, **how)
            self.scores_ = xr.DataArray(
                scores, dims=("n_states", "fold"), coords={"n_states": candidates}
            )
            problem = problem._replace(n_states=candidates[int(scores.mean(1).argmax())])
        self.n_states_ = problem.n_states
        found = solve(problem, self.prior, verbose=self.verbose, **how)
        self._keep(rows, found)
        self.converged_ = bool(found["converged"])
        if not self.converged_:
            warnings.warn(
                f"SwitchingGLM still gained after {self.max_iter} rounds: raise max_iter, or tol.",
                ConvergenceWarning,
                stacklevel=2,
            )
        return self

    def predict_proba(self, X: Recording) -> Any:
        """Return how likely each state is in each bin.

        Parameters
        ----------
        X : as in `fit`

        Returns
        -------
        xarray.DataArray of dims ([trial,] time, state), or ndarray of shape (n_times, n_states)
        """
        check_is_fitted(self)
        rows = self._read(X, reset=False)
        return rows.label(self._infer(rows), "state", list(range(self.n_states_)))

    def predict(self, X: Recording) -> Any:
        """Return the likeliest state of each bin.

        Parameters
        ----------
        X : as in `fit`

        Returns
        -------
        xarray.DataArray of dims ([trial,] time), or ndarray of shape (n_times,)
        """
        check_is_fitted(self)
        rows = self._read(X, reset=False)
        return rows.label(self._infer(rows).argmax(1), "state", None)

    def score(self, X: Recording, y: object = None) -> float:
        """Return the log-likelihood per bin, in nats, all units together.

        Parameters
        ----------
        X : as in `fit`
        y : None
            Ignored.
        """
        check_is_fitted(self)
        rows = self._read(X, reset=False)
        found = filter_states(*self._chain(rows))
        return float(found.log_evidence.mean())

    def stream(self, method: Literal["predict", "predict_proba"] = "predict") -> "_Stream":
        """Begin a live recording.

        Parameters
        ----------
        method : {"predict", "predict_proba"}, default="predict"
            Whose output ``push`` gives.

        Returns
        -------
        stream
            ``push(chunk)`` takes the next counts, shape (n, n_units), and returns as many rows.
            ``flush()`` returns no more.

        Raises
        ------
        ValueError
            If the model was not fitted with ``causal=True``.
        """
        check_is_fitted(self)
        if not self.causal_:
            raise ValueError(
                "SwitchingGLM: stream needs a model that uses the past only, and this one was"
                " fitted with causal=False; fit it with causal=True."
            )
        return _Stream(self, method)

    def _read(self, X: Recording, *, reset: bool) -> Series:
        rows = series(self, X, reset=reset, allow_nan=True)
        counts = rows.values.astype(np.float64)
        seen = counts[np.isfinite(counts)]
        if np.any(seen < 0) or np.any(seen != np.round(seen)):
            raise ValueError(
                "SwitchingGLM: X must hold counts, whole numbers from zero, got other values;"
                " neurokit.bin_spikes() counts spikes in bins."
            )
        return rows._replace(values=counts)

    def _check(self, n_rows: int) -> list[int]:
        several = not isinstance(self.n_states, int | np.integer)
        candidates = [int(n) for n in self.n_states] if several else [int(self.n_states)]  # type: ignore[union-attr, arg-type]
        check_at_least(
            "SwitchingGLM", n_states=(min(candidates, default=0), 1), n_lags=(self.n_lags, 1),
            decay=(self.decay, 0), n_restarts=(self.n_restarts, 1), max_iter=(self.max_iter, 1),
            cv=(self.cv, 2),
        )  # fmt: skip
        check_positive(
            "SwitchingGLM", prior_scale=self.prior_scale, concentration=self.concentration,
            tol=self.tol,
        )  # fmt: skip
        if self.prior not in LADDER or self.link not in LINKS:
            raise ValueError(
                f"SwitchingGLM: prior must be one of {', '.join(LADDER)} and link one of"
                f" {', '.join(LINKS)}, got {self.prior!r} and {self.link!r}."
            )
        if n_rows <= self.n_lags:
            raise ValueError(
                f"SwitchingGLM: X has {n_rows} bins, no more than n_lags={self.n_lags}; give a"
                " longer recording, or fewer lags."
            )
        return candidates

    def _keep(self, rows: Series, found: State) -> None:
        names = getattr(self, "channels_", None) or list(range(rows.values.shape[1]))
        labels = {"state": range(self.n_states_), "target": names, "source": names}
        states = {"state": labels["state"], "target": names}
        coef = found["coef"]
        self.weights_ = xr.DataArray(coef[..., 1:], labels, ("state", "target", "source"))
        self.bias_ = xr.DataArray(coef[..., 0], states, ("state", "target"))
        self.transition_, self.initial_ = found["transition"], found["initial"]
        if self.prior == "onehot":
            kinds = {"target": names, "source": names, "kind": list(KINDS)}
            self.connection_ = xr.DataArray(found["connection"], kinds, tuple(kinds))
        else:
            self.__dict__.pop("connection_", None)
        self.labels_ = found["gamma"].argmax(1)
        self.history_ = found["history"]

    def _drive(self, rows: Series) -> NDArray[np.float64]:
        before = np.tile(self.mean_, (len(self.kernel_), 1))
        past = np.where(np.isnan(rows.values), self.mean_, rows.values)
        return np.concatenate([past_drive(past[run], self.kernel_, before) for run in rows.runs])

    def _chain(self, rows: Series) -> tuple[Any, Any, Any, Any]:
        """Return what the recursions of hidden chains are given."""
        logs = log_emission(
            self._drive(rows), rows.values, self.weights_.values, self.bias_.values, self.link_
        )
        starts = [0, *(run.stop for run in rows.runs)]
        return logs, self.transition_, self.initial_, starts

    def _infer(self, rows: Series) -> NDArray[np.float64]:
        infer = filter_states if self.causal_ else smooth_states
        return infer(*self._chain(rows)).probability

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True  # bins in which a unit was not observed
        return tags


class _Stream:
    """The last bins of one live recording, and what they say of the state."""

    def __init__(self, model: SwitchingGLM, method: str) -> None:
        self._kernel, self._link = model.kernel_, model.link_
        self._weights, self._bias = model.weights_.values, model.bias_.values
        self._transition, self._initial = model.transition_, model.initial_
        self._mean = model.mean_
        self._last: NDArray[np.float64] | None = None
        self._history = History(np.tile(model.mean_, (len(model.kernel_), 1)))
        self._likeliest = method == "predict"
        self._labels = ChunkLabels.of_fit(model)

    def push(self, chunk: Doubles) -> Doubles:
        n_units = self._bias.shape[1]
        chunk = check_chunk(
            "SwitchingGLM", chunk, n_units, labels=self._labels, allow_nan=True
        ).astype(np.float64)
        n_lags = len(self._kernel)
        past = np.where(np.isnan(chunk), self._mean, chunk)
        rows = self._history.push(past)
        if not len(chunk):
            return self.flush()
        drive = past_drive(past, self._kernel, rows[:n_lags])
        logs = log_emission(drive, chunk, self._weights, self._bias, self._link)
        found = filter_states(logs, self._transition, self._initial, before=self._last).probability
        self._last = found[-1].copy()
        return found.argmax(1) if self._likeliest else found

    def flush(self) -> Doubles:
        if self._likeliest:
            return np.empty(0, np.int64)
        return np.empty((0, len(self._bias)))
