"""Traces to communities in time: affinities, components, communities, beside surrogates."""

from __future__ import annotations

import math
import warnings
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import xarray as xr
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted
from tqdm.auto import tqdm

from neurokit.connectomes.affinity import KINDS, Affinity
from neurokit.connectomes.cp import NonnegativeCP
from neurokit.connectomes.graphs import louvain
from neurokit.connectomes.sbm import WeightedSBM
from neurokit.connectomes.tensors.change import rates_of_change
from neurokit.connectomes.tensors.loadings import solve_mode
from neurokit.connectomes.tensors.reading import read_tensor
from neurokit.connectomes.tensors.surrogates import (
    SURROGATES,
    cell_weights,
    end_to_end,
    excess,
    expected,
    surrogate,
)
from neurokit.inputs.labels import SPACES, labelled_or_plain, match_channels
from neurokit.inputs.rates import match_rate, require_rate
from neurokit.inputs.series import series
from neurokit.inputs.units import match_units
from neurokit.persistence import Saveable
from neurokit.recording.make import traces as label_traces
from neurokit.recording.rate import sampling_rate
from neurokit.types import Labelled, Recording

if TYPE_CHECKING:
    from sklearn.utils import Tags

COMMUNITIES = ("louvain", "sbm")
FORMS = ("cp", "pairs")
SHARE = 0.5  # of the typical loading, from which on a unit belongs to a component


class DynamicConnectome(Saveable, TransformerMixin, BaseEstimator):
    """Find groups of units that change together, when they do, and in which animals.

    `differential_affinity` of the traces is explained by `NonnegativeCP`; each component is a
    pattern of affinities with a time course and a strength in every animal. Its units fall into
    communities. Everything is fitted again on surrogates, in which units are shifted against each
    other: a component or an edge exceeds chance if it is larger than the largest of nearly all
    surrogates.

    Parameters
    ----------
    n_components : int, default=5
        Number of components; `choose_rank` helps. One of them usually holds what units share by
        mere activity, and does not exceed chance.
    kind : {"geometric", "product", "min"}, default="geometric"
        Affinity, see `differential_affinity`.
    smoothing : float, default=1.0
        Smoothing of the traces, in seconds.
    normalize : {"mad", "std", None}, default="mad"
        Scale of each unit in each animal.
    form : {"cp", "pairs"}, default="cp"
        Whether a component is one community, or a free matrix of affinities.
    shared_time : bool, default=True
        Whether the animals saw the same at the same time, so that a component has one time course
        and a strength in each animal. False: a time course in each animal, as of animals that
        behave freely.
    n_restarts : int, default=4
        Starts of each factorisation.
    max_iter : int, default=300
        Sweeps of each factorisation.
    tol : float, default=1e-4
        Relative fall of the error per sweep at which a factorisation has converged.
    communities : {"louvain", "sbm"}, default="louvain"
        How the units of a component are grouped, from what exceeds the mean of shifted units: by
        modularity, or by `WeightedSBM`, which takes longer.
    n_surrogates : int, default=99
        Number of surrogates; 0 for none.
    surrogate : {"shift", "phase"}, default="shift"
        Roll each unit's rate of change in each animal by a lag of its own; or keep its spectrum
        and draw its phases, which makes it Gaussian.
    alpha : float, default=0.01
        Chance that anything at all is found where units are independent, for components and for
        edges.
    sampling_rate : float, optional
        In Hz; needed for plain arrays.
    device : str, default="auto"
        As in `NonnegativeCP`.
    verbose : int, default=0
        Whether to show progress over surrogates.
    random_state : int, RandomState or None
        Seed of starts and surrogates.

    Attributes
    ----------
    factors_ : xarray.Dataset
        Factors: ``unit_factor`` (or ``pair_factor``), ``time_factor``, one of the
        animals where there are several, ``weight``. Without shared time ``time_factor`` has dims
        (animal, "time", "component"), and no mode is that of the animals.
    components_ : xarray.DataArray of dims ("component", "source", "target")
        Affinity of each pair, averaged with the component's time course and animals as weights.
    labels_ : xarray.DataArray of dims ("component", "unit")
        Community of each unit inside each component; 0 is the one that carries the component, -1
        a unit that was not known.
    membership_ : xarray.DataArray of dims ("unit",)
        Component to which a unit belongs: the one on which it loads most, where that is at least
        half of the loading that carries the component (the mean over units, weighted by squared
        loadings); -1 for none. With surrogates only components that exceed chance count.
    p_components_ : xarray.DataArray of dims ("component",)
        Share of surrogates (the data among them) whose largest component has at least this
        excess; NaN without surrogates.
    significant_ : bool xarray.DataArray of dims ("component",)
        Where it is ``alpha`` or less.
    edges_ : xarray.Dataset of dims ("source", "target")
        ``affinity``, mean over all cells; ``z``, how many standard deviations of the surrogates
        it exceeds their mean; ``p``, share of surrogates whose largest ``z`` is at least this;
        ``significant``.
    excess_ : xarray.DataArray of dims ("component",)
        Share of the tensor's norm along each component beyond that of shifted units.
    model_ : NonnegativeCP
    n_iter_ : int
        Sweeps of its best restart.
    sampling_rate_ : float
    n_features_in_ : int
    channels_ : list
        Names of the units, where they had names.

    References
    ----------
    .. [1] Dyballa, Lang, Haslund-Gourley, Yemini and Zucker (2024), Learning dynamic
       representations of the functional connectome in neurobiological networks, ICLR,
       arXiv:2402.14102.

    Examples
    --------
    >>> from neurokit.datasets import make_dynamic_communities
    >>> traces, truth = make_dynamic_communities(
    ...     100, n_animals=2, n_units=24, n_communities=2, random_state=0
    ... )
    >>> model = DynamicConnectome(3, n_surrogates=19, alpha=0.05, random_state=0).fit(traces)
    >>> dict(model.components_.sizes)
    {'component': 3, 'source': 24, 'target': 24}
    >>> bool((model.membership_[:11] == model.membership_[0]).all())
    True
    """

    def __init__(
        self,
        n_components: int = 5,
        *,
        kind: str = "geometric",
        smoothing: float = 1.0,
        normalize: str | None = "mad",
        form: str = "cp",
        shared_time: bool = True,
        n_restarts: int = 4,
        max_iter: int = 300,
        tol: float = 1e-4,
        communities: str = "louvain",
        n_surrogates: int = 99,
        surrogate: str = "shift",
        alpha: float = 0.01,
        sampling_rate: float | None = None,
        device: str = "auto",
        verbose: int = 0,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.n_components = n_components
        self.kind = kind
        self.smoothing = smoothing
        self.normalize = normalize
        self.form = form
        self.shared_time = shared_time
        self.n_restarts = n_restarts
        self.max_iter = max_iter
        self.tol = tol
        self.communities = communities
        self.n_surrogates = n_surrogates
        self.surrogate = surrogate
        self.alpha = alpha
        self.sampling_rate = sampling_rate
        self.device = device
        self.verbose = verbose
        self.random_state = random_state

    def fit(self, X: Recording, y: object = None) -> Self:
        """Find components, communities, and which of them exceed chance.

        Parameters
        ----------
        X : xarray.DataArray of dims ("unit", "time") and perhaps one more, or array-like
            Traces, as `neurokit.traces` and `neurokit.stack` make them; NaN where a unit is not
            known. Plain: (n_times, n_units), with ``sampling_rate``.
        y : None
            Ignored.

        Returns
        -------
        self
        """
        self._check()
        traces = self._read(X, reset=True)
        rng = check_random_state(self.random_state)
        seed = int(rng.randint(2**31 - 1))
        self.sampling_rate_ = sampling_rate(traces)
        self.settings_: list[Any] = [
            self.kind,
            float(self.smoothing),
            self.normalize,
        ]
        affinity = self._affinity(traces, whole=True)
        model = NonnegativeCP(
            self.n_components,
            form=self.form,
            n_restarts=self.n_restarts,
            max_iter=self.max_iter,
            tol=self.tol,
            device=self.device,
            random_state=seed,
        )
        self.model_ = model.fit(affinity if self.shared_time else end_to_end(affinity))
        self.factors_ = self._factors(affinity)
        self.n_iter_ = self.model_.n_iter_
        chance = expected(affinity, rng)
        self.excess_ = self._per_component(_excess(self.model_, affinity, chance))
        self._group(affinity, chance, seed)
        self._compare(affinity, rng)
        self._join()
        return self

    def transform(self, X: Recording) -> Labelled:
        """Find how strongly each component is active at each moment of a recording.

        Parameters
        ----------
        X : as in `fit`
            The same units, found by name; other times and other animals. Units are scaled by
            their spread in ``X`` itself.

        Returns
        -------
        xarray.DataArray of dims ([animal,] "time", "component"), or ndarray
            Non-negative least squares in every cell, the components of norm 1; NaN at the ends,
            where the slope of a trace is not known.
        """
        check_is_fitted(self)
        traces = self._read(X, reset=False)
        rate = sampling_rate(traces)
        match_rate(self, rate, reset=False)
        affinity = self._affinity(traces, whole=False)
        rates = affinity.rates
        loadings = _loadings(self.model_, end_to_end(affinity))
        whole = traces.transpose(*reversed(rates.dims))
        values = np.full((*whole.shape[:-1], loadings.shape[-1]), np.nan)
        step = 0.5 / rate
        place = np.searchsorted(whole["time"].values, rates["time"].values - step)
        values[..., place, :] = loadings.reshape(*values.shape[:-2], len(place), -1)
        out = xr.DataArray(
            values,
            coords=whole.isel(unit=0, drop=True).coords,
            dims=[*whole.dims[:-1], "component"],
        ).assign_coords(component=self.factors_["component"].values)
        if isinstance(labelled_or_plain(X), xr.DataArray):
            return out
        kind = np.asarray(X).dtype
        return out.values.astype(kind if kind in (np.float32, np.float64) else np.float64)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags

    def get_feature_names_out(self, input_features: object = None) -> np.ndarray:
        """Return the names of the components."""
        check_is_fitted(self)
        return np.array([f"dynamicconnectome{k}" for k in range(len(self.excess_))], dtype=object)

    # -------------------------------------------------------- parts of fit

    def _check(self) -> None:
        wanted = {
            "form": (self.form in FORMS, f"one of {FORMS}"),
            "communities": (self.communities in COMMUNITIES, f"one of {COMMUNITIES}"),
            "surrogate": (self.surrogate in SURROGATES, f"one of {SURROGATES}"),
            "n_surrogates": (self.n_surrogates >= 0, "0 or more"),
            "alpha": (0 < self.alpha < 1, "between 0 and 1"),
        }
        for name, (fine, what) in wanted.items():
            if not fine:
                raise ValueError(
                    f"DynamicConnectome: {name} must be {what}, got {getattr(self, name)!r}."
                )
        if 0 < self.n_surrogates < math.ceil(1 / self.alpha) - 1:
            raise ValueError(
                f"DynamicConnectome: {self.n_surrogates} surrogates cannot reach"
                f" alpha={self.alpha:g}; draw at least {math.ceil(1 / self.alpha) - 1}."
            )

    def _read(self, X: Recording, *, reset: bool) -> xr.DataArray:
        """Return traces with dims (unit, time[, animal]), whatever they came as."""
        X = labelled_or_plain(X)
        if not isinstance(X, xr.DataArray):
            rows = series(self, X, reset=reset, allow_nan=True)
            rate = require_rate(self, rows.sampling_rate)
            if rows.values.shape[1] < 2 or len(rows.values) < 5:
                raise ValueError(
                    "DynamicConnectome needs at least two units and five time steps, got"
                    f" n_samples = {len(rows.values)}, n_features = {rows.values.shape[1]}."
                )
            return label_traces(rows.values.T, sampling_rate=rate)
        space = next((str(dim) for dim in X.dims if dim in SPACES), None)
        others = [dim for dim in X.dims if dim not in (space, "time")]
        if space is None or "time" not in X.dims or len(others) > 1:
            raise ValueError(
                "DynamicConnectome takes traces with dims (unit, time) and perhaps one more, such"
                f" as animal, got {tuple(X.dims)}."
            )
        if X.dtype.kind not in "biuf" or np.isinf(X.values).any():
            raise ValueError("DynamicConnectome: X must be real numbers without infinity.")
        X = match_channels(self, X, space, reset=reset)
        X = match_units(self, X, space, reset=reset)
        if reset:
            self.n_features_in_ = X.sizes[space]
        elif X.sizes[space] != self.n_features_in_:
            raise ValueError(
                f"X has {X.sizes[space]} features, but DynamicConnectome is expecting"
                f" {self.n_features_in_} features as input."
            )
        renamed = X.rename({space: "unit"}) if space != "unit" else X
        return renamed.transpose("unit", "time", *others)

    def _affinity(self, traces: xr.DataArray, *, whole: bool) -> Affinity:
        """Do as `differential_affinity` does; a new recording may lack units altogether."""
        kind, smoothing, normalize = self.settings_
        if kind not in KINDS:
            raise ValueError(f"DynamicConnectome: kind must be one of {KINDS}, got {kind!r}.")
        rates = rates_of_change(
            traces,
            smoothing=smoothing,
            normalize=normalize,
            caller="DynamicConnectome",
            whole=whole,
        )
        return Affinity(rates, kind)

    def _per_component(self, values: np.ndarray) -> xr.DataArray:
        return xr.DataArray(
            values, {"component": self.factors_["component"].values}, ("component",)
        )

    def _group(self, affinity: Affinity, chance: np.ndarray, seed: int) -> None:
        """Average the affinity at the times of each component, and group its units."""
        cells = cell_weights(self.model_, affinity)
        known = chance > 0
        matrices, labels = [], []
        for k in range(cells.shape[-1]):
            matrix = affinity.average(cells[..., k].reshape(affinity.shape[2:]))
            strength = cells[..., k].sum(0)[:, None, None]
            by_chance = (strength * chance).sum(0) / ((strength * known).sum(0) + 1e-300)
            above = matrix - by_chance
            found = self._communities(above.clip(0).fillna(0), seed)
            matrices.append(matrix)
            labels.append(self._first_by_loading(found, k))
        component = self.factors_["component"].values
        names = xr.Variable("component", component)
        self.components_ = xr.concat(matrices, names).rename("affinity")
        self.labels_ = xr.concat(labels, names)

    def _communities(self, graph: xr.DataArray, seed: int) -> xr.DataArray:
        """Group the units of a weighted graph."""
        if self.communities == "louvain":
            return louvain(graph, random_state=seed)
        symmetric = (graph.values + graph.values.T) / 2
        labels = WeightedSBM(n_restarts=1, random_state=seed).fit(symmetric).labels_
        units = graph["source"].values if "source" in graph.coords else np.arange(len(labels))
        return xr.DataArray(labels, {"unit": units}, ("unit",), name="community")

    def _factors(self, affinity: Affinity) -> xr.Dataset:
        """Return the factors; time courses of each animal where time is not shared."""
        factors = self.model_.factors_
        if self.shared_time or affinity.rates.ndim < 3:
            return factors
        rates = affinity.rates.isel(unit=0, drop=True)
        courses = cell_weights(self.model_, affinity)
        labelled = xr.DataArray(courses, rates.coords, (*rates.dims, "component"))
        first = (str(rates.dims[1]), "time", "component")
        return factors.drop_dims("time").assign(time_factor=labelled.transpose(*first))

    def _loading(self) -> np.ndarray:
        """Return how much each unit takes part in each component: (n_units, n_components)."""
        if self.model_.form_ == "cp":
            return np.asarray(self.factors_["unit_factor"].values)
        return np.asarray(np.nansum(self.factors_["pair_factor"].values, axis=1))

    def _first_by_loading(self, found: xr.DataArray, k: int) -> xr.DataArray:
        """Give communities numbers by the mean loading of their units, the largest first."""
        loading = self._loading()[:, k]
        groups = np.unique(found.values)
        strength = [loading[found.values == group].mean() for group in groups]
        rank = np.empty(len(groups), np.int64)
        rank[np.argsort(strength)[::-1]] = np.arange(len(groups))
        return found.copy(data=rank[np.searchsorted(groups, found.values)])

    def _join(self) -> None:
        """Say which component each unit belongs to."""
        loading = self._loading()
        loading = loading / np.maximum(np.linalg.norm(loading, axis=0), 1e-300)
        typical = (loading**3).sum(0)  # of the units that carry the component
        belongs = loading >= SHARE * typical
        if self.n_surrogates:
            belongs &= self.significant_.values
        component = self.factors_["component"].values
        best = component[np.where(belongs, loading, -1.0).argmax(1)]
        units = self.labels_.isel(component=0, drop=True)
        found = np.where(belongs.any(1), best, -1)
        self.membership_ = units.copy(data=found).rename("component_of_unit")

    def _compare(self, affinity: Affinity, rng: np.random.RandomState) -> None:
        """Fit surrogates as the data, and set each beside the largest of all surrogates."""
        mean = affinity.average()
        flat = np.triu_indices(len(mean), 1)
        largest, rows = [], [mean.values[flat]]
        for _ in tqdm(range(self.n_surrogates), disable=not self.verbose, desc="surrogates"):
            other = surrogate(affinity, self.surrogate, rng)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ConvergenceWarning)
                fitted = clone(self.model_).fit(other if self.shared_time else end_to_end(other))
            largest.append(_excess(fitted, other, expected(other, rng)).max())
            rows.append(other.average().values[flat])
        n_all = self.n_surrogates + 1
        own = self.excess_.values
        p = np.full(len(own), np.nan)
        z, p_edge = np.full((2, len(rows[0])), np.nan)
        if self.n_surrogates:
            p = (1 + (np.array(largest)[:, None] >= own).sum(0)) / n_all
            # data and surrogates are standardised alike, so that chance treats them alike
            table = np.nan_to_num(np.array(rows))
            spread = table.std(0, ddof=1)
            scores = (table - table.mean(0)) / np.where(spread > 0, spread, np.inf)
            z = scores[0]
            p_edge = (1 + (scores[1:].max(1)[:, None] >= z).sum(0)) / n_all
        self.p_components_ = self._per_component(p)
        self.significant_ = self._per_component(p <= self.alpha)
        columns = {"z": z, "p": p_edge}
        edges = xr.Dataset({"affinity": mean})
        for name, values in columns.items():
            whole = np.full(mean.shape, np.nan)
            whole[flat] = values
            whole.T[flat] = values
            edges[name] = mean.copy(data=whole)
        edges["significant"] = edges["p"] <= self.alpha
        self.edges_ = edges


def _excess(model: NonnegativeCP, affinity: Affinity, chance: np.ndarray) -> np.ndarray:
    return excess(model, affinity, chance, _operand(model, affinity))


def _operand(model: NonnegativeCP, affinity: Affinity) -> Any:
    if len(affinity.cell_dims) >= len(model.modes_):
        affinity = end_to_end(affinity)
    tensor = read_tensor(model, affinity, model.form_, reset=False, bounded=True)
    return tensor.operand(np.dtype(np.float64), None)


def _loadings(model: NonnegativeCP, affinity: Affinity) -> np.ndarray:
    """Return loadings of every cell on the fitted patterns: (n_cells, n_components)."""
    patterns = model._factor(model.modes_[0])
    start = np.full((1, affinity.shape[2], patterns.shape[1]), 0.1)
    return solve_mode(_operand(model, affinity), [patterns[None], start], 1, bounded=True)
