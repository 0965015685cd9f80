"""Bring the trials of different people and days onto common ground."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from neurokit.inputs.domains import name_domains
from neurokit.inputs.labels import find_space
from neurokit.inputs.lazily import (
    blocks_of_trials,
    carry_trials,
    first_trial,
    has_lazy_trials,
    map_trials,
)
from neurokit.inputs.matching import match_labels
from neurokit.inputs.rates import match_rate, rate_of
from neurokit.inputs.seen import tell
from neurokit.inputs.trials import Trials
from neurokit.inputs.trials import trials as read_trials
from neurokit.metrics.cost import Cost, multiply
from neurokit.persistence import Saveable
from neurokit.solvers.covariances import inverse_root, sum_products
from neurokit.types import Doubles, Flags, Floats, Names, Recording

if TYPE_CHECKING:
    from sklearn.utils import Tags

_UNSEEN = ("own", "online", "error")


class EuclideanAlignment(  # type: ignore[call-arg]
    Saveable, TransformerMixin, BaseEstimator, auto_wrap_output_keys=None
):
    r"""Whiten each domain's trials by their mean covariance, so that domains look alike.

    A domain is a subject, a session, or a run: whatever ``by`` names. With
    :math:`\bar R = \frac1n \sum_i X_i X_i^\top / T` over the trials of one domain, its trials
    become :math:`\bar R^{-1/2} X_i`: their mean covariance is the identity. Covariances and
    roots are computed in float64, whatever the type of the data, and trials are multiplied by the
    root in their own. Directions without variance (average reference, flat channels) are left at
    zero.

    **What of the test data is seen.** Trials of a domain that ``fit`` has seen are aligned by
    what was learnt from the training trials alone (inductive). A domain that ``fit`` has not
    seen, such as the left-out subject, is aligned by the mean over its own trials that are passed
    to ``transform`` (transductive: without labels, but with the other test trials in view). A
    labelled result says which was done, in ``attrs["alignment"]``. ``unseen="online"`` aligns each
    trial of an unseen domain by the mean over itself and those before it, as in live use (no
    trial sees a later one, and the first is whitened by itself); ``unseen="error"`` forbids both.

    Parameters
    ----------
    by : sequence of str, default=("subject", "session")
        Coordinates of ``trial`` that tell domains apart; those that ``X`` lacks are skipped. With
        none of them, all trials are one domain.
    unseen : {"own", "online", "error"}, default="own"
        What ``transform`` does with a domain that ``fit`` has not seen: align it by all its trials
        that are passed, by those so far, or refuse it.
    picks : {"brain", "all"}, default="brain"
        Channels to take where ``channel`` carries ``type`` or ``bad``: those of the brain that are
        not bad, or all. A warning says once what was left out; ``left_out_`` keeps it.

    Attributes
    ----------
    domains_ : list of str
        Names of the domains seen.
    references_ : ndarray of shape (n_domains, n_channels, n_channels)
        Their mean covariances.
    by_, unseen_
        What ``fit`` was given.
    n_features_in_ : int
        Number of channels.
    channels_ : list
        Names of the channels, where they had names.

    Raises
    ------
    ValueError
        If every trial of a domain is zero, or a domain is unseen and ``unseen="error"``.

    References
    ----------
    .. [1] He and Wu (2020), Transfer learning for brain-computer interfaces: a Euclidean space
       data alignment approach, IEEE Trans. Biomed. Eng. 67(2), 399-410, eq. 5-7.

    Examples
    --------
    >>> import neurokit
    >>> rng = np.random.default_rng(0)
    >>> x = neurokit.signal(
    ...     rng.normal(size=(20, 3, 100)), sampling_rate=100, trials={"subject": ["a", "b"] * 10}
    ... )
    >>> aligned = EuclideanAlignment().fit_transform(x)
    >>> own = aligned.values[aligned["subject"] == "a"]
    >>> np.allclose(np.mean(own @ own.transpose(0, 2, 1) / 100, axis=0), np.eye(3), atol=1e-5)
    True
    """

    def __init__(
        self,
        by: Sequence[str] = ("subject", "session"),
        *,
        unseen: str = "own",
        picks: str = "brain",
    ) -> None:
        self.by = by
        self.unseen = unseen
        self.picks = picks

    def fit(self, X: Recording, y: object = None, *, groups: ArrayLike | None = None) -> Self:
        """Learn the mean covariance of each domain.

        Parameters
        ----------
        X : xarray.DataArray with dims (trial, channel, time), mne.Epochs, or array-like
        y : None
            Ignored.
        groups : array-like of shape (n_trials,), optional
            Domain of each trial, instead of the coordinates.

        Returns
        -------
        self
        """
        self._learn(X, groups)
        return self

    def _learn(self, X: Recording, groups: ArrayLike | None) -> Trials:
        """Fit, and return the trials as they were read; of lazy ones the first."""
        source = read_trials(self, first_trial(X), reset=True, any_clock=True)
        if self.unseen not in _UNSEEN:
            raise ValueError(
                f"EuclideanAlignment: unseen must be one of {_UNSEEN}, got {self.unseen!r}."
            )
        self._keep_plan()
        if has_lazy_trials(X):
            references = self._references(X, groups)
        else:
            references = _Sums().add(source.values, self._domains(source, groups)).means()
        self.domains_, self.references_ = list(references), np.stack([*references.values()])
        return source

    def _references(
        self, X: xr.DataArray, groups: ArrayLike | None, without: Sequence[str] = ()
    ) -> dict[str, Doubles]:
        """Return the mean covariance of each domain of lazy trials, block by block."""
        sums = _Sums()
        at, given = 0, None if groups is None else np.asarray(groups)
        for part in blocks_of_trials(X, self):
            seen = read_trials(self, part, reset=False, any_clock=True)
            if given is not None:
                _check_groups(given, X.sizes["trial"])
                groups, at = given[at : at + len(seen.values)], at + len(seen.values)
            sums.add(seen.values, self._domains(seen, groups), without)
        return sums.means()

    def _plan(self) -> dict[str, object]:
        return {"by_": list(self.by), "unseen_": self.unseen}

    def transform(self, X: Recording, *, groups: ArrayLike | None = None) -> Any:
        """Align trials.

        Parameters
        ----------
        X : as in `fit`
        groups : as in `fit`

        Returns
        -------
        xarray.DataArray or ndarray
            It has the shape of ``X``, without unit. Plain two-dimensional input, plain
            two-dimensional output.
        """
        check_is_fitted(self)
        if has_lazy_trials(X):
            return self._align_lazily(X, groups)
        return self._align(X, read_trials(self, X, reset=False, any_clock=True), groups, {})

    def stream(self, domain: str | None = None) -> AlignmentStream:
        """Begin live use: trials come one by one or several at a time.

        Parameters
        ----------
        domain : str, optional
            Domain of all trials to come, for plain arrays. Default: as ``by`` names it.

        Returns
        -------
        AlignmentStream
            What ``push`` gives, joined, is what ``transform`` gives for all of the trials.

        Raises
        ------
        ValueError
            From ``push``: if a domain was not seen in ``fit`` and ``unseen`` is not "online".
        """
        check_is_fitted(self)
        return AlignmentStream(self, domain)

    def _align(
        self,
        X: Recording,
        source: Trials,
        groups: ArrayLike | None,
        past: dict[str, Past],
        *,
        live: bool = False,
    ) -> Any:
        """Align trials; ``past`` holds what came before of unseen domains, and is carried on."""
        names = self._domains(source, groups)
        own = self._refuse_unseen(names, live=live)
        out = np.empty_like(source.values)
        for name in sorted({*names.tolist()}):
            chosen = names == name
            here = _choose(source.values, chosen)
            if name not in own:
                root = inverse_root(self.references_[self.domains_.index(name)])
            elif self.unseen_ == "online":
                out[chosen] = past.setdefault(name, Past(here.shape[1])).align(here)
                continue
            else:
                root = inverse_root(_mean_covariance(here, name))
            if here is source.values:
                np.matmul(_in_type_of(here, root), here, out=out)
            else:
                out[chosen] = _in_type_of(here, root) @ here
        said = self._say(sorted(set(names.tolist()) - set(own)), own)
        if source.source is None:
            return out[:, :, 0] if np.asarray(X).ndim == 2 else out
        aligned = source.source.copy(data=out)
        aligned.attrs |= {"units": "1", "alignment": said}
        return aligned.isel(trial=0) if source.single else aligned

    def _align_lazily(self, X: xr.DataArray, groups: ArrayLike | None) -> xr.DataArray:
        """Align lazy trials block by block.

        References of unseen domains are found first, or online grow from block to block.
        """
        space = find_space(self, X, "trial")
        X = match_labels(self, X.transpose("trial", space, "time"), space, reset=False)
        match_rate(self, rate_of(self, X, reset=False))
        names = self._domains(Trials(X, None, X, space, single=False), groups)  # type: ignore[arg-type]
        own = self._refuse_unseen(names)
        found = dict(zip(self.domains_, self.references_, strict=True))
        online = self.unseen_ == "online"
        found |= self._references(X, groups, self.domains_) if own and not online else {}
        here = np.unique(names).tolist()
        roots = {name: inverse_root(found[name]) for name in here if name in found}
        if own and online:
            data = carry_trials(_whiten_on, {}, X.data, names, roots)
        else:
            data = map_trials(_whiten, X.data, names, roots)
        aligned = X.copy(data=data)
        aligned.attrs |= {"units": "1", "alignment": self._say(sorted({*here} - {*own}), own)}
        return aligned

    def _refuse_unseen(self, names: Floats, *, live: bool = False) -> list[str]:
        """Return the domains that ``fit`` has not seen, or refuse them."""
        own = sorted(set(names.tolist()) - set(self.domains_))
        if own and (self.unseen_ == "error" or (live and self.unseen_ != "online")):
            way = 'unseen="online" aligns each trial by itself and those before'
            if not live:
                way += (
                    ', unseen="own" by all trials that come together; cross-validation that holds'
                    ' out whole domains needs one of them, as with unseen="error" each fold must'
                    " train on some trials of every domain"
                )
            raise ValueError(
                f"EuclideanAlignment: domains {own} were not seen in fit, which saw"
                f" {self.domains_}; {way}."
            )
        return own

    def _say(self, seen: list[str], own: list[str]) -> str:
        """Put in words by what trials were aligned, and tell it."""
        online = self.unseen_ == "online"
        how = "trial by trial, by themselves and those before" if online else "by their own trials"
        said = [f"{', '.join(seen)}: by the training trials"] if seen else []
        said += [f"{', '.join(own)}: {how}"] if own else []
        words = "; ".join(said)
        tell(self, ("trialwise" if online else "batch") if own else "train", words)
        return words

    def fit_transform(
        self, X: Recording, y: object = None, *, groups: ArrayLike | None = None
    ) -> Any:
        """Fit, and align the same trials.

        Parameters
        ----------
        X, y, groups : as in `fit`

        Returns
        -------
        xarray.DataArray or ndarray
        """
        source = self._learn(X, groups)
        if has_lazy_trials(X):
            return self._align_lazily(X, groups)
        return self._align(X, source, groups, {})

    def cost(self, X: Recording) -> Cost:
        """Return what the fitted estimator costs for each trial.

        Parameters
        ----------
        X : as in `fit`

        Returns
        -------
        neurokit.metrics.cost.Cost
            One matrix on every sample; the root of an unseen domain is not counted.
        """
        check_is_fitted(self)
        _, n_channels, n_times = read_trials(self, X, reset=False, any_clock=True).values.shape
        return multiply(n_channels**2 * n_times, n_parameters=n_channels**2)

    def get_feature_names_out(self, input_features: object = None) -> Names:
        """Return the names of the channels.

        Parameters
        ----------
        input_features : None
            Ignored: the names seen in ``fit`` are used.

        Returns
        -------
        ndarray of str
        """
        check_is_fitted(self)
        channels = getattr(self, "channels_", None) or list(range(self.n_features_in_))
        return np.array([str(channel) for channel in channels], dtype=object)

    def set_output(self, *, transform: str | None = None) -> Self:
        """Leave trials as they are: no table holds (trial, channel, time).

        Parameters
        ----------
        transform : object
            Not used; steps behind this one, in a pipeline, follow it.

        Returns
        -------
        self
        """
        return self

    def _domains(self, source: Trials, groups: ArrayLike | None) -> Floats:
        """Name the domain of each trial."""
        if groups is not None:
            return _check_groups(np.asarray(groups), len(source.values)).astype(str)
        return name_domains(source, self.by_)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        return tags


class Past:
    """The sum of the covariances of the trials of a domain so far."""

    def __init__(self, n_channels: int) -> None:
        self.total = np.zeros((n_channels, n_channels))
        self.count = 0

    def align(self, x: Floats) -> Floats:
        """Align trials one after the other; a trial without any signal stays as it is."""
        out = np.zeros_like(x)
        for k, trial in enumerate(x.astype(np.float64, copy=False)):
            self.total += trial @ trial.T / trial.shape[1]
            self.count += 1
            if self.total.any():
                out[k] = inverse_root(self.total / self.count) @ trial
        return out


class AlignmentStream:
    """Alignment of trials as they come; see `EuclideanAlignment.stream`."""

    def __init__(self, alignment: EuclideanAlignment, domain: str | None) -> None:
        self._alignment = alignment
        self._domain = domain
        self._past: dict[str, Past] = {}
        self._shape: tuple[int, ...] = (0, alignment.n_features_in_, 0)

    def push(self, trials: Recording) -> Any:
        """Align the next trials.

        Parameters
        ----------
        trials : as in `EuclideanAlignment.transform`

        Returns
        -------
        xarray.DataArray or ndarray
        """
        groups = None
        if self._domain is not None:
            groups = np.full(len(trials), self._domain)  # type: ignore[arg-type]
        source = read_trials(self._alignment, trials, reset=False, any_clock=True)
        out = self._alignment._align(trials, source, groups, self._past, live=True)
        self._shape = (0, *np.shape(out)[1:])
        return out

    def flush(self) -> Any:
        """Return no trial: none waits."""
        return np.empty(self._shape)


class _Sums:
    """Sums of the products of channels, domain by domain."""

    def __init__(self) -> None:
        self.totals: dict[str, Doubles] = {}
        self.counts: dict[str, int] = {}

    def add(self, x: Floats, names: Floats, without: Sequence[str] = ()) -> Self:
        """Add trials (trial, channel, time), but those of the domains ``without``."""
        for name in sorted({*names.tolist()} - {*without}):
            here = _choose(x, names == name)
            total = sum_products(here)
            self.totals[name] = self.totals[name] + total if name in self.totals else total
            self.counts[name] = self.counts.get(name, 0) + here.shape[0] * here.shape[2]
        return self

    def means(self) -> dict[str, Doubles]:
        """Return the mean covariance of each domain, by name."""
        return {
            name: _refuse_zero(self.totals[name] / self.counts[name], name)
            for name in sorted(self.totals)
        }


def _mean_covariance(x: Floats, domain: str) -> Floats:
    """Return the mean of ``X X' / T`` over trials, in float64."""
    return _refuse_zero(sum_products(x) / (x.shape[0] * x.shape[2]), domain)


def _choose(x: Floats, chosen: Flags) -> Floats:
    """Return the trials that are chosen, without a copy where they are all."""
    return x if chosen.all() else x[chosen]


def _in_type_of(x: Floats, root: Floats) -> Floats:
    """Return the root in the type of the data: as near as if their own last digits were others."""
    return root.astype(x.dtype, copy=False)


def _refuse_zero(mean: Doubles, domain: str) -> Doubles:
    if not mean.any():
        raise ValueError(
            f"EuclideanAlignment: all trials of domain {domain!r} are zero; leave it out."
        )
    return mean


def _check_groups(groups: np.ndarray, n_trials: int) -> np.ndarray:
    if groups.shape != (n_trials,):
        raise ValueError(
            f"EuclideanAlignment: groups must hold one value per trial, {n_trials}, got"
            f" shape {groups.shape}."
        )
    return groups


def _whiten(x: Floats, names: np.ndarray, roots: dict[str, Doubles]) -> Floats:
    """Align a block of trials by the root of each one's domain."""
    cast = {name: _in_type_of(x, root) for name, root in roots.items()}
    return np.stack([cast[name] @ one for name, one in zip(names.tolist(), x, strict=True)])


def _whiten_on(
    past: dict[str, Past], x: Floats, names: np.ndarray, roots: dict[str, Doubles]
) -> tuple[dict[str, Past], Floats]:
    """Align a block of trials, those without a root by themselves and what came before."""
    past, out = deepcopy(past), np.empty_like(x)
    for name in np.unique(names).tolist():
        chosen = names == name
        if name in roots:
            out[chosen] = _in_type_of(x, roots[name]) @ x[chosen]
        else:
            out[chosen] = past.setdefault(name, Past(x.shape[1])).align(x[chosen])
    return past, out
