"""A generative model of spike trains: how likely, what next, who drives whom."""

from __future__ import annotations

import math
from collections.abc import Mapping
from copy import deepcopy
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import xarray as xr
from scipy.special import gammaln
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from neurokit.inputs.spikes import known_units
from neurokit.persistence import Saveable
from neurokit.pretraining.spiking.reading import Whole, check_settings, read
from neurokit.types import Recordings, Spikes

if TYPE_CHECKING:
    from sklearn.utils import Tags

    from neurokit.pretraining.spiking.running import SpikeStream
    from neurokit.training import Trainer

METHODS = ("ablation", "gradient", "attention")


class SpikeTransformer(Saveable, BaseEstimator):
    """Model spike trains with a causal transformer that gives every train a probability.

    Spikes in bins are read one after the other, as in [1]_, but the probability of the next one
    leaves out what cannot happen (an earlier bin; in the same bin, a unit before the last one),
    so that the product over a recording is a likelihood that other models can be held against.
    The model begins as a generalised linear model with couplings between all units, which is
    fitted first; attention over the last ``history`` seconds corrects it. No intensity exceeds
    the largest count in ``fit`` by more than one, so that draws do not run away.

    Parameters
    ----------
    bin_width : float, default=0.01
        In s.
    history : float, default=0.2
        How far back a layer looks, in s.
    width, depth, n_heads : int, default=64, 2, 4
        Size of a token (a multiple of twice ``n_heads``), layers, heads.
    observation : {"event", "count"}, default="event"
        "event": one token for each spike and each bin. "count": one token for each bin, and
        Poisson counts of all units given the bins before: one pass, for recordings with many
        spikes in a bin.
    covariates : {"population"}, optional
        "population" finds ``n_factors`` slow inputs behind the counts (autoregressions) and gives
        them to the model as covariates, for `connectivity`: they look at the future and at the
        bin itself, so that a score with them is none of prediction.
    n_factors : int, default=2
    dropout : float, default=0.1
    window : float, default=2.0
        Length of a training example, in s.
    trainer : Trainer, optional
        Default: ``Trainer(20, batch_size=16, weight_decay=0.01, validation_fraction=0.1,
        patience=3)``.
    random_state : int, RandomState or None, default=None
        Seed of weights, batches and dropout.

    Attributes
    ----------
    units_ : list
        Ids of the units.
    rates_ : ndarray of shape (n_units,)
        Mean spikes in a bin, in ``fit``.
    module_ : neurokit.nn.spikes.SpikeNetwork
    history_ : list of dict
        Loss, rate and time of each epoch.
    n_history_ : int
        ``history`` in bins.
    bin_width_, width_, depth_, n_heads_, observation_, covariates_, n_factors_, \
dropout_, window_
        What ``fit`` was given.
    covariate_mean_, covariate_scale_ : ndarray of shape (n_features,)
    n_features_in_, channels_ : int, list
        Units seen in ``fit``, as in every estimator.

    References
    ----------
    .. [1] Antoniades et al. (2024), Neuroformer, arXiv:2311.00136. Its probability of units and
       bins counts what cannot happen; ours does not. Covariates are added to the tokens of their
       bin here, not attended to.

    Examples
    --------
    >>> import neurokit as nk
    >>> from neurokit.training import Trainer
    >>> rng = np.random.default_rng(0)
    >>> a = np.sort(rng.uniform(0, 60, 600))
    >>> X = nk.spikes({"a": a, "b": a[a < 59.9] + 0.02}, stop=60.0)
    >>> trainer = Trainer(1, device="cpu")
    >>> model = SpikeTransformer(width=8, depth=1, n_heads=1, observation="count",
    ...                          trainer=trainer, random_state=0).fit(X)
    >>> model.score(X) > 1  # bits per spike
    True
    >>> graph = model.connectivity(X)
    >>> bool(graph.sel(target="b", source="a") > 100 * graph.sel(target="a", source="b"))
    True
    """

    def __init__(
        self,
        bin_width: float = 0.01,
        history: float = 0.2,
        *,
        width: int = 64,
        depth: int = 2,
        n_heads: int = 4,
        observation: str = "event",
        covariates: str | None = None,
        n_factors: int = 2,
        dropout: float = 0.1,
        window: float = 2.0,
        trainer: Trainer | None = None,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.bin_width = bin_width
        self.history = history
        self.width = width
        self.depth = depth
        self.n_heads = n_heads
        self.observation = observation
        self.covariates = covariates
        self.n_factors = n_factors
        self.dropout = dropout
        self.window = window
        self.trainer = trainer
        self.random_state = random_state

    def fit(self, X: Recordings, y: object = None, *, covariates: object = None) -> Self:
        """Fit the linear part, then train the network.

        Parameters
        ----------
        X : xarray.Dataset of spikes, counts (unit, time), array-like (n_bins, n_units), or a \
list or mapping of such
            Bins in which a unit was not observed are NaN in counts, and are not scored.
        y : None
            Ignored.
        covariates : xarray.DataArray (time, feature), array-like (n_bins, n_features), optional
            Signals beside the spikes, such as a stimulus; one for each of several recordings,
            None where one lacks them. A bin knows the last sample at or before its start.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If a parameter is out of range, a unit never fires, X holds other things than counts,
            its bins are of another width, or covariates hold NaN or do not cover the spikes.
        ImportError
            If torch is not installed.
        """
        from neurokit.training import import_torch

        import_torch("SpikeTransformer")
        from neurokit.nn.draws import seeded
        from neurokit.pretraining.spiking.learning import begin_linear, train

        check_settings(self)
        self._keep_plan()
        for name in ("factors_", "factor_level_", "factor_keep_"):
            self.__dict__.pop(name, None)
        pieces = _pieces(read(self, X, covariates, reset=True))
        self.units_ = known_units(self)
        number = sum((piece.counts * piece.seen).sum(0) for piece in pieces)
        if silent := [unit for unit, n in zip(self.units_, number, strict=True) if not n]:
            raise ValueError(
                f"SpikeTransformer: the units {silent[:5]} never fire in X; leave them out with"
                " select_units(), or fit on more."
            )
        self.rates_ = number / np.maximum(sum(piece.seen.sum(0) for piece in pieces), 1)
        seed = int(check_random_state(self.random_state).randint(2**31))
        with seeded(seed):
            module = self._build_module("module_")
        begin_linear(module, pieces)
        self.module_ = module
        trainer = self.trainer or self.make_trainer()
        self.history_ = train(module, pieces, self._window(), trainer, seed)
        return self

    def partial_fit(self, X: Recordings, y: object = None, *, covariates: object = None) -> Self:
        """Go on learning from more spikes, with a quarter of the epochs and of the rate.

        Parameters
        ----------
        X, y, covariates : as in `fit`

        Returns
        -------
        self
        """
        from neurokit.pretraining.spiking.learning import slow_down, train

        if not hasattr(self, "module_"):
            return self.fit(X, y, covariates=covariates)
        pieces = _pieces(read(self, X, covariates, reset=False))
        seed = int(check_random_state(self.random_state).randint(2**31))
        trainer = slow_down(self.trainer or self.make_trainer())
        module = deepcopy(self.module_)
        self.history_ = train(module, pieces, self._window(), trainer, seed)
        self.module_ = module
        return self

    def predict(self, X: Recordings, *, covariates: object = None) -> Any:
        """Return the intensity of each unit in each bin, given what came before.

        Parameters
        ----------
        X, covariates : as in `fit`

        Returns
        -------
        xarray.DataArray of dims ([trial,] time, unit), ndarray, or a list of such
            In spikes per bin. "event": given the bins before, and the units before in this bin.
        """
        import torch

        from neurokit.pretraining.spiking.running import intensities, walk

        check_is_fitted(self)
        found = []
        for whole in read(self, X, covariates, reset=False):
            out = np.empty(whole.rows.values.shape, np.float32)
            with torch.no_grad():
                for run, piece in zip(whole.rows.runs, whole.pieces, strict=True):
                    for part, said in walk(self.module_, piece):
                        rate = intensities(said, len(piece.counts[part]))[0].exp()
                        out[run][part] = rate.numpy()
            found.append(whole.rows.label(out, "unit", getattr(self, "channels_", None)))
        return _as_given(found, X)

    def log_intensity(self, X: Recordings, *, covariates: object = None) -> Any:
        """Return the logarithm of `predict`.

        Parameters
        ----------
        X, covariates : as in `fit`
        """
        found = self.predict(X, covariates=covariates)
        return [np.log(one) for one in found] if isinstance(found, list) else np.log(found)

    def score_samples(self, X: Recordings, *, covariates: object = None) -> Any:
        """Return the log probability of what fired in each bin, given the bins before.

        Parameters
        ----------
        X, covariates : as in `fit`

        Returns
        -------
        xarray.DataArray of dims ([trial,] time), ndarray, or a list of such
            In nats; its sum is the log probability of the whole recording.
        """
        check_is_fitted(self)
        wholes = read(self, X, covariates, reset=False)
        found = [whole.rows.label(self._gains(whole).sum(1), "unit", None) for whole in wholes]
        return _as_given(found, X)

    def score(
        self, X: Recordings, y: object = None, *, covariates: object = None, null: str = "train"
    ) -> float:
        """Return the bits per spike that the model knows beyond constant rates.

        Parameters
        ----------
        X, y, covariates : as in `fit`
        null : {"train", "test"}, default="train"
            Whose mean rates the Poisson trains have that the model is held against.

        Returns
        -------
        float
            (log-likelihood - that of constant rates) / (spikes log 2).
        """
        check_is_fitted(self)
        if null not in ("train", "test"):
            raise ValueError(f"SpikeTransformer: null must be 'train' or 'test', got {null!r}.")
        wholes = read(self, X, covariates, reset=False)
        pieces = _pieces(wholes)
        counts = np.concatenate([piece.counts for piece in pieces]).astype(float)
        seen = np.concatenate([piece.seen for piece in pieces])
        number = (counts * seen).sum(0)
        if not number.any():
            raise ValueError("SpikeTransformer: no unit fires in X; score needs a spike.")
        rate = self.rates_ if null == "train" else number / np.maximum(seen.sum(0), 1)
        constant = counts * np.log(np.maximum(rate, 1e-12)) - rate - gammaln(counts + 1)
        gain = sum(float(self._gains(whole).sum()) for whole in wholes)
        return float((gain - (constant * seen).sum()) / (number.sum() * math.log(2)))

    def sample(
        self,
        duration: float,
        *,
        given: Spikes | None = None,
        covariates: object = None,
        n: int | None = None,
        random_state: int | np.random.Generator | None = None,
    ) -> Any:
        """Draw spike trains, each bin given those drawn before.

        Parameters
        ----------
        duration : float
            In s.
        given : spikes or counts, as in `fit`, optional
            What came before. Default: silence.
        covariates : array-like (n_bins, n_features), optional
            Beside what is drawn.
        n : int, optional
            How many. Default: one, which is not put into a list.
        random_state : int, Generator or None

        Returns
        -------
        xarray.Dataset of spikes, or a list of ``n``
            From the end of ``given`` on, else from 0 s; times are even inside their bins.
        """
        from neurokit.pretraining.spiking.drawing import draw_trains

        check_is_fitted(self)
        made = draw_trains(self, duration, given, covariates, n or 1, random_state)
        return made[0] if n is None else made

    def rescale(
        self,
        X: Recordings,
        *,
        covariates: object = None,
        random_state: int | np.random.Generator | None = None,
    ) -> xr.DataArray:
        """Return how early each spike came, 0 to 1: evenly spread where the model is true.

        That is the time-rescaling theorem (Brown et al. 2002, Neural Computation 14, 325-346).

        Parameters
        ----------
        X, covariates : as in `fit`
        random_state : int, Generator or None
            Where spikes stand inside their bin.

        Returns
        -------
        xarray.DataArray of dims ("spike",)
            With the coordinate ``unit``; to be tested by Kolmogorov and Smirnov.
        """
        from neurokit.pretraining.spiking.rescaling import rescaled

        check_is_fitted(self)
        pieces = _pieces(read(self, X, covariates, reset=False))
        values, owner = rescaled(self.module_, pieces, np.random.default_rng(random_state))
        units = np.asarray(self.units_)[owner]
        return xr.DataArray(values, dims="spike", coords={"unit": ("spike", units)})

    def connectivity(
        self, X: Recordings, method: str = "ablation", *, covariates: object = None
    ) -> xr.DataArray:
        """Return who drives whom in ``X``, as far as the model has learned it.

        Parameters
        ----------
        X, covariates : as in `fit`
        method : {"ablation", "gradient", "attention"}
            "ablation": log-likelihood of the target's spikes, in nats, that is lost without the
            past spikes of the source; negative where the source lowers the intensity.
            "gradient": change of the target's mean log intensity with the presence of the
            source's spikes. "attention": what the source's spikes receive where the target fires
            next, over an even share; needs ``observation="event"``.

        Returns
        -------
        xarray.DataArray of dims ("target", "source")
            NaN for a unit with itself.

        Raises
        ------
        ValueError
            If there is one unit, or no such method.
        """
        from neurokit.pretraining.spiking import connections

        check_is_fitted(self)
        if method not in METHODS:
            raise ValueError(f"SpikeTransformer: method must be one of {METHODS}, got {method!r}.")
        if len(self.units_) < 2:
            raise ValueError(
                "SpikeTransformer: a graph needs two units or more, got one; fit on more units."
            )
        if method == "attention" and self.observation_ == "count":
            raise ValueError(
                "SpikeTransformer: attention to units needs observation='event', got 'count';"
                " take method='ablation'."
            )
        pieces = _pieces(read(self, X, covariates, reset=False))
        find = {
            "ablation": connections.by_ablation,
            "gradient": connections.by_gradient,
            "attention": connections.by_attention,
        }
        units = list(self.units_)
        return xr.DataArray(
            find[method](self.module_, pieces),
            dims=("target", "source"),
            coords={"target": units, "source": units},
            attrs={"units": "nats"} if method == "ablation" else {},
        )

    def stream(self) -> SpikeStream:
        """Begin a live recording.

        Returns
        -------
        stream
            ``push(counts, covariates=None)`` takes bins, shape (n, n_units), and returns their
            intensities, those of `predict`; the past is kept as keys and values.
        """
        from neurokit.pretraining.spiking.running import SpikeStream

        check_is_fitted(self)
        if self.covariates_ == "population":
            raise ValueError(
                "SpikeTransformer: factors of the population look ahead and cannot run live; fit"
                " with covariates=None."
            )
        return SpikeStream(self, self.module_)

    def make_trainer(self) -> Trainer:
        """Return the trainer that is used where none is given.

        Returns
        -------
        Trainer
        """
        from neurokit.training import Trainer

        return Trainer(20, batch_size=16, weight_decay=0.01, validation_fraction=0.1, patience=3)

    # ------------------------------------------------------------ inside

    def _plan(self) -> dict[str, object]:
        names = ["bin_width", "width", "depth", "n_heads", "observation", "covariates"]
        names += ["n_factors", "dropout", "window"]
        plan = {f"{name}_": getattr(self, name) for name in names}
        return plan | {"n_history_": max(round(self.history / self.bin_width), 1)}

    def _window(self) -> int:
        return max(round(self.window_ / self.bin_width_), 1)

    def _gains(self, whole: Whole) -> np.ndarray:
        """Return the log probability of each cell (bin, unit)."""
        import torch

        from neurokit.pretraining.spiking.running import walk

        out = np.empty(whole.rows.values.shape)
        with torch.no_grad():
            for run, piece in zip(whole.rows.runs, whole.pieces, strict=True):
                for part, said in walk(self.module_, piece):
                    out[run][part] = said.log_likelihood[0].double().numpy()
        return out

    def _build_module(self, name: str) -> Any:
        from neurokit.nn.spikes import SpikeNetwork

        return SpikeNetwork(
            self.n_features_in_,
            len(self.covariate_mean_),
            self.n_history_,
            width=self.width_,
            depth=self.depth_,
            n_heads=self.n_heads_,
            observation=self.observation_,
            dropout=self.dropout_,
        )

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.positive_only = True
        tags.input_tags.allow_nan = True
        return tags


def _pieces(wholes: list[Whole]) -> list[Any]:
    return [piece for whole in wholes for piece in whole.pieces]


def _as_given(found: list[Any], X: Recordings) -> Any:
    """Return one for one, a list for a list, a mapping for a mapping."""
    if isinstance(X, xr.Dataset | xr.DataArray) or not isinstance(X, list | tuple | Mapping):
        return found[0]
    return dict(zip(X, found, strict=True)) if isinstance(X, Mapping) else found
