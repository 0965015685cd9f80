"""Units into populations and time into states, both at once, with a posterior of both."""

from __future__ import annotations

import os
import warnings
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.special import logsumexp
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from neurokit.clustering.sampling import summary
from neurokit.clustering.sampling.inference import follow
from neurokit.clustering.sampling.likelihood import log_probabilities, log_rates
from neurokit.clustering.sampling.model import Chain, Counts, Prior
from neurokit.inputs.rates import match_rate
from neurokit.inputs.series import Series, series
from neurokit.persistence import Saveable
from neurokit.types import Recording

if TYPE_CHECKING:
    from sklearn.utils import Tags

_N_DRAWS, _N_KEPT, _N_BURN = 8, 20, 15  # draws of the fit used for new data, sweeps of each
_HELD_OUT = 0.1  # part of the counts that score hides and predicts


class BayesianBiclustering(Saveable, TransformerMixin, BaseEstimator):
    r"""Find populations of units and states of time together, and how sure one may be of both.

    Units of one population follow one latent trajectory; every trajectory moves by local linear
    dynamics of its own, which all change together when the hidden state does. How many populations
    and how many states there are is part of the answer:

    .. math::

        y_{it} &\sim \mathrm{NB}(r_i, \mu_{it}), \qquad
        \log \mu_{it} = \delta_i + m_t^{(z_i)} + c_i' x_t^{(z_i)} \\
        (m, x)_t^{(j)} &\sim N(b + A (m, x)_{t-1}^{(j)}, Q),
        \quad (b, A, Q) \text{ of population } j \text{ and state } \xi_t

    with a mixture of finite mixtures over units and a sticky hierarchical Dirichlet process over
    states. The posterior is drawn by Gibbs sampling with Pólya-gamma numbers; approximations only
    propose, and what they propose is accepted by the exact ratio (but see Notes), so that the law
    of the chains is the posterior itself. States are drawn with the latents integrated out.
    Whether chains have reached it, `rhat_`, `ess_` and `chain_agreement_` say.

    A unit that never fires, or is missing throughout, is kept; nothing decides its population.

    Parameters
    ----------
    n_factors : int, default=2
        Latents of a population beside the one that all its units follow alike.
    observation : {"negbin", "poisson"}, default="negbin"
        Law of a count given its mean. The negative binomial has a dispersion for every unit.
    max_states : int, default=10
        Most states; far more than expected, as unused ones cost time but no accuracy.
    max_clusters : int, optional
        Most populations. 1 looks for states only. Default: no limit.
    loading_scale : float, default=1.0
        Prior standard deviation of offsets and loadings, in log of counts.
    n_iter : int, default=2000
        Sweeps of each chain, those burnt included.
    n_burn : int, default=1000
        Sweeps of which nothing is kept.
    thin : int, default=2
        One of so many sweeps is kept.
    n_chains : int, default=4
        Independent chains, to be compared.
    checkpoint : path-like, optional
        File that keeps unfinished chains; the same fit goes on from it, to the bit.
    n_jobs : int, optional
        Processes; results do not depend on it. Default: 1.
    verbose : int, default=0
        1 shows sweeps, the log joint and the time left.
    random_state : int, RandomState or None
        Seed of all chains.

    Attributes
    ----------
    unit_labels_ : DataArray (unit), or ndarray
        Population of each unit: the partition with the least expected variation of information.
    state_labels_ : DataArray ([trial,] time), or ndarray
        State of each bin, likewise.
    unit_similarity_ : DataArray (unit, other), or ndarray
        Part of the draws in which two units are in one population.
    state_similarity_ : DataArray (bin, other)
        The same for bins, at most 500 of them, evenly spaced; ``bin`` is the row in X.
    posterior_ : xarray.Dataset
        Draws: ``unit_label(chain, draw, unit)``, ``dispersion(chain, draw, unit)``,
        ``log_likelihood``, ``n_clusters``, ``n_states`` and other numbers of ``(chain, draw)``;
        states as runs: ``n_segments(chain, draw)``, ``segment_start(segment)`` (row) and
        ``segment_state(segment)``.
    latents_ : xarray.Dataset
        ``mean``, ``low`` and ``high`` (5 and 95 %) of ``(cluster, factor, bin)``, axes turned to
        those of one draw; ``factor`` 0 is the common one. No scale: unit variance.
    rhat_, ess_ : dict of str to float
        Rank-normalised split R-hat and bulk effective sample size of numbers that no naming of
        clusters changes.
    chain_agreement_ : pandas.DataFrame
        For every two chains: adjusted Rand index of their partitions of units and of bins, and the
        largest difference of their unit similarities.
    chains_used_ : list of int
        Chains that partitions, similarities and latents stand on: those that predict the counts
        as well as the best, within two standard errors. `rhat_` is that of all chains.
    undecided_ : list
        Units without a spike or without a count.
    draws_ : list of dict
        Some draws whole, for new data.
    n_groups_ : tuple of int
        Numbers of populations and of states in the summaries.
    n_features_in_ : int
    channels_ : list
        Names of the units, where they had names.
    prior_ : dict
        Every constant of the model that was fitted.

    Raises
    ------
    ValueError
        If counts are negative or fractional, or a parameter is out of range.

    Warns
    -----
    ConvergenceWarning
        If chains do not agree, or have told too little.
    UserWarning
        If units are undecided, or Ctrl-C ended the fit early.

    Notes
    -----
    Pólya-gamma numbers are drawn with exact mean and variance, and a skewness within half a
    percent; that is the one place where the law of a step is not exact.

    A kept draw takes 8 bytes for every unit, 6 for every stretch of one state and 56 besides; 25
    draws of each chain are kept whole, with 4 bytes for every latent of every bin. 500 units,
    10,000 bins, four chains of 500 draws: 8 MB, and 4 MB for each population and latent.

    How long states last and how many there are to be is learnt: alpha + kappa of the sticky
    process has an exponential law of mean 100, kappa's share of it Beta(10, 1), gamma an
    exponential one of mean 1 [3]_.

    Populations share the states but no dynamics: their latents do not push each other (the
    reference code lets them). The state of a bin is that of the step that leads into it.

    References
    ----------
    .. [1] Wei (2024), Bayesian bi-clustering of neural spiking activity with latent structures,
       ICLR, arXiv:2309.02213 (the model).
    .. [2] Miller and Harrison (2018), J. Am. Stat. Assoc. 113, 340-356 (the number of clusters).
    .. [3] Fox et al. (2011), Ann. Appl. Stat. 5, 1020-1056 (the sticky process).
    .. [4] Polson, Scott and Windle (2013), J. Am. Stat. Assoc. 108, 1339-1349.

    Examples
    --------
    >>> import warnings
    >>> from neurokit.datasets import make_biclustering
    >>> counts, truth = make_biclustering(12, 200, n_clusters=2, random_state=3)
    >>> model = BayesianBiclustering(n_iter=40, n_burn=20, n_chains=1, random_state=0)
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("ignore")  # far too short to be believed
    ...     model = model.fit(counts)
    >>> model.unit_labels_.dims, model.state_labels_.dims
    (('unit',), ('time',))
    """

    def __init__(
        self,
        n_factors: int = 2,
        *,
        observation: str = "negbin",
        max_states: int = 10,
        max_clusters: int | None = None,
        loading_scale: float = 1.0,
        n_iter: int = 2000,
        n_burn: int = 1000,
        thin: int = 2,
        n_chains: int = 4,
        checkpoint: str | os.PathLike[str] | None = None,
        n_jobs: int | None = None,
        verbose: int = 0,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.n_factors = n_factors
        self.observation = observation
        self.max_states = max_states
        self.max_clusters = max_clusters
        self.loading_scale = loading_scale
        self.n_iter = n_iter
        self.n_burn = n_burn
        self.thin = thin
        self.n_chains = n_chains
        self.checkpoint = checkpoint
        self.n_jobs = n_jobs
        self.verbose = verbose
        self.random_state = random_state

    def fit(self, X: Recording, y: object = None) -> Self:
        """Draw from the posterior of populations and states.

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
        self._check()
        rows = series(self, X, reset=True, allow_nan=True)
        counts = _read_counts(rows)
        prior = Prior(
            n_factors=self.n_factors,
            negbin=self.observation == "negbin",
            n_states=self.max_states,
            max_clusters=self.max_clusters,
            scale=float(self.loading_scale),
        )
        seed = int(check_random_state(self.random_state).randint(2**31))
        found = summary.run(
            counts,
            prior,
            n_iter=self.n_iter,
            n_burn=self.n_burn,
            thin=self.thin,
            n_chains=self.n_chains,
            checkpoint=self.checkpoint,
            n_jobs=self.n_jobs,
            verbose=self.verbose,
            seed=seed,
        )
        self.prior_ = prior._asdict()
        self.seed_ = seed
        self.sampling_rate_ = rows.sampling_rate
        posterior = summary.gather(found.draws)
        names = getattr(self, "channels_", list(range(self.n_features_in_)))
        silent = (counts.y * counts.keep).sum(1) == 0
        self.undecided_ = [name for name, off in zip(names, silent, strict=True) if off]
        self.posterior_ = posterior.assign_coords(unit=names)
        told = summary.summarise(self.posterior_, found, counts)
        self.draws_, self.chains_used_ = told.whole, told.chains
        self.rhat_, self.ess_ = told.rhat, told.ess
        self.chain_agreement_ = told.agreement
        self.state_similarity_ = told.state_similarity
        self.latents_ = told.latents
        self.state_labels_ = rows.label(told.state_labels, "unit", None)
        labels: Any = told.unit_labels
        similarity: Any = told.unit_similarity
        if rows.source is not None:
            dim = rows.space
            labels = xr.DataArray(labels, dims=dim, coords={dim: names})
            coords = {dim: names, "other": names}
            similarity = xr.DataArray(similarity, dims=(dim, "other"), coords=coords)
        self.unit_labels_, self.unit_similarity_ = labels, similarity
        self.n_groups_ = told.n_groups
        self._warn(found.interrupted)
        return self

    def transform(self, X: Recording) -> Any:
        """Return the latents of new data, populations, loadings and dynamics as they were fitted.

        Parameters
        ----------
        X : as in `fit`

        Returns
        -------
        xarray.DataArray of dims ([trial,] time, feature), or ndarray (n_times, n_features)
            Posterior mean in the axes of `latents_`: for every population of `unit_labels_` the
            common latent, then the factors; ``feature`` carries ``cluster`` and ``factor``.
        """
        rows, counts, prior = self._read(X)
        n_groups = self.n_groups_[0]
        total = np.zeros((n_groups, counts.y.shape[1], prior.q))
        seen = np.zeros(n_groups)
        for number, chain in self._follow(counts, prior):
            draw = self.draws_[number]
            for g, j in enumerate(draw["cluster_of"]):
                if j >= 0:
                    total[g] += (chain.latents[j] - draw["centre"][g]) @ draw["turn"][g]
                    seen[g] += 1
        total /= np.maximum(seen, 1)[:, None, None]
        values = total.transpose(1, 0, 2).reshape(counts.y.shape[1], -1)
        out = rows.label(values, "feature", None)
        if rows.source is None:
            return out
        cluster, factor = np.divmod(np.arange(n_groups * prior.q), prior.q)
        names = [f"cluster {c} factor {f}" for c, f in zip(cluster, factor, strict=True)]
        return out.assign_coords(
            feature=names, cluster=("feature", cluster), factor=("feature", factor)
        )

    def predict(self, X: Recording) -> Any:
        """Return the state of every bin of new data, named as in `state_labels_`.

        Parameters
        ----------
        X : as in `fit`

        Returns
        -------
        xarray.DataArray of dims ([trial,] time), or ndarray (n_times,)
            The most probable state.
        """
        rows, counts, prior = self._read(X)
        votes = np.zeros((counts.y.shape[1], self.n_groups_[1]))
        for number, chain in self._follow(counts, prior):
            votes += self.draws_[number]["state_of"][chain.xi]
        return rows.label(votes.argmax(1), "unit", None)

    def score(self, X: Recording, y: object = None) -> float:
        """Return the log predictive probability of counts that are hidden, per count.

        A tenth of the counts, spread over units and bins by a fixed seed, are hidden; latents and
        states are inferred from the others, with all else as it was fitted.

        Parameters
        ----------
        X : as in `fit`
        y : None
            Ignored.

        Returns
        -------
        float
            Natural logarithm; larger is better.
        """
        _, counts, prior = self._read(X)
        rng = np.random.default_rng([self.seed_, 1])
        hidden = counts.keep & (rng.random(counts.keep.shape) < _HELD_OUT)
        if not hidden.any():
            hidden = counts.keep
        seen = counts._replace(keep=counts.keep & ~hidden)
        found = [
            log_probabilities(counts.y, hidden, log_rates(c.theta, c.z, c.latents), c.r)[hidden]
            for _, c in self._follow(seen, prior)
        ]
        return float((logsumexp(found, axis=0) - np.log(len(found))).mean())

    def log_predictive(self, X: Recording) -> Any:
        """Return the log predictive probability of every count at the bins of `fit`.

        Where a bin was missing in `fit`, this is how well the model predicts what it has not seen.

        Parameters
        ----------
        X : as in `fit`
            The same units and bins, with other bins missing or none.

        Returns
        -------
        xarray.DataArray of dims ([trial,] time, unit), or ndarray (n_times, n_units)
            Natural logarithm; NaN where X is missing.

        Raises
        ------
        ValueError
            If X has another number of bins than in `fit`.
        """
        rows, counts, _ = self._read(X)
        draws = [Chain.from_state(summary.widen(draw)) for draw in self.draws_]
        if counts.y.shape[1] != draws[0].latents.shape[1]:
            raise ValueError(
                f"BayesianBiclustering.log_predictive takes the {draws[0].latents.shape[1]} bins"
                f" of fit, got {counts.y.shape[1]}; score() takes others."
            )
        found = [
            log_probabilities(counts.y, counts.keep, log_rates(c.theta, c.z, c.latents), c.r)
            for c in draws
        ]
        values = (logsumexp(found, axis=0) - np.log(len(found))).T
        names = getattr(self, "channels_", None)
        return rows.label(values, rows.space, names)

    def _read(self, X: Recording) -> tuple[Series, Counts, Prior]:
        check_is_fitted(self)
        rows = series(self, X, reset=False, allow_nan=True)
        match_rate(self, rows.sampling_rate)
        return rows, _read_counts(rows), Prior(**self.prior_)

    def _follow(self, counts: Counts, prior: Prior) -> Any:
        """Infer new counts under some of the draws; yield each draw's number and the chain."""
        chosen = np.unique(np.linspace(0, len(self.draws_) - 1, _N_DRAWS).astype(int))
        for number in chosen:
            draw = Chain.from_state(summary.widen(self.draws_[number]))
            rng = np.random.default_rng([self.seed_, 2, int(number)])
            for chain in follow(draw, counts, prior, rng, _N_KEPT, _N_BURN):
                yield int(number), chain

    def _check(self) -> None:
        if self.observation not in ("negbin", "poisson"):
            raise ValueError(
                "BayesianBiclustering: observation must be negbin or poisson, got"
                f" {self.observation!r}."
            )
        limits = {"n_factors": 1, "max_states": 1, "n_iter": 1, "thin": 1, "n_chains": 1}
        for name, least in (limits | {"max_clusters": 1, "n_burn": 0}).items():
            value = getattr(self, name)
            if value is not None and not value >= least:
                raise ValueError(
                    f"BayesianBiclustering: {name} must be at least {least}, got {value!r}."
                )
        if not 0 < self.loading_scale < np.inf:
            raise ValueError(
                "BayesianBiclustering: loading_scale must be positive, got"
                f" {self.loading_scale!r}."
            )
        if self.n_burn >= self.n_iter:
            raise ValueError(
                f"BayesianBiclustering: n_burn must be less than n_iter, got {self.n_burn!r} and"
                f" {self.n_iter!r}: nothing would be kept."
            )

    def _warn(self, interrupted: bool) -> None:
        """Say in plain words what should keep one from believing the result."""
        from sklearn.exceptions import ConvergenceWarning

        if interrupted:
            warnings.warn(
                "BayesianBiclustering: interrupted; the result stands on the draws made so far.",
                UserWarning,
                stacklevel=3,
            )
        if self.undecided_:
            warnings.warn(
                f"BayesianBiclustering: units {self.undecided_} have no spike; they are kept, but"
                " nothing decides their population.",
                UserWarning,
                stacklevel=3,
            )
        n_chains = self.posterior_.sizes["chain"]
        told = [summary.doubts(self.rhat_, self.ess_, n_chains)]
        left = sorted(set(range(n_chains)) - set(self.chains_used_))
        if left:
            told.append(f"chains {left} predict the counts worse than others and are left out")
        said = "; ".join(filter(None, told))
        if said:
            warnings.warn(
                f"BayesianBiclustering: {said}; draw more (n_iter) and look at chain_agreement_"
                " before you believe one partition.",
                ConvergenceWarning,
                stacklevel=3,
            )

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True  # bins in which a unit was not observed
        return tags


def _read_counts(rows: Series) -> Counts:
    """Turn rows of a series into counts of units in bins."""
    values: NDArray[np.float64] = np.asarray(rows.values, np.float64).T
    keep = np.isfinite(values)
    y = np.where(keep, values, 0.0)
    if (y < 0).any() or (y != np.round(y)).any():
        bad = y[(y < 0) | (y != np.round(y))][0]
        raise ValueError(
            f"BayesianBiclustering takes counts, whole numbers from 0, got {bad:g};"
            " neurokit.bin_spikes() makes them."
        )
    first = np.zeros(y.shape[1], bool)
    first[[run.start for run in rows.runs]] = True
    return Counts(y, keep, first)
