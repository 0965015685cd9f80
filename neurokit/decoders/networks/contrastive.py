"""Which of many stimuli a brain has heard or seen, by embeddings of both."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_consistent_length, check_is_fitted

from neurokit.decoders.classifier import label_trials
from neurokit.decoders.live import WindowStream
from neurokit.decoders.networks.counting import cost_of_network
from neurokit.decoders.networks.embedding_loss import LOSSES, NORMALISATIONS, EmbeddingLoss
from neurokit.decoders.networks.embeddings import (
    Embeddings,
    find_people,
    number_stimuli,
    place_sensors,
    read_embeddings,
    read_people,
)
from neurokit.decoders.networks.learning import draw_seed
from neurokit.decoders.networks.retriever import Retriever
from neurokit.inputs.targets import require_y
from neurokit.inputs.trials import Trials, trials
from neurokit.metrics.cost import Cost
from neurokit.persistence import Saveable
from neurokit.streaming import Stream
from neurokit.types import Codes, Floats, Recording, Targets

if TYPE_CHECKING:
    from sklearn.utils import Tags
    from torch import nn

    from neurokit.training import Trainer

_BATCH = 256  # trials that are embedded at once


class ContrastiveDecoder(Saveable, Retriever, TransformerMixin, BaseEstimator):
    """Learn an embedding of EEG or MEG that finds the stimulus among others [1]_.

    Sensors are mixed by where they are, each person has a layer of their own, dilated
    convolutions follow, and the embedding of a segment is to fit that of its own stimulus (a
    speech model's, along time, or an image's, one vector) better than those of the others in the
    batch. Before that, channels are scaled by the person's own median and quartiles, and clamped:
    of all parts the one that matters most.

    Parameters
    ----------
    n_sources : int, default=32
        Virtual channels.
    n_filters : int, default=48
    n_blocks : int, default=2
        Each of two dilated convolutions and a gated one.
    attention : bool, default=True
        Mix sensors by their places; else by number, and no places are needed.
    subject_layer : bool, default=True
        A layer for each person; then only people of ``fit`` can be decoded.
    by : str or None, default="subject"
        Coordinate of ``trial`` that names the person; None takes all trials for one person's.
    clamp : float or None, default=20.0
        Largest value of a scaled channel, in spreads from quartile to quartile.
    loss : {"clip", "mse"}, default="clip"
        Tell the own stimulus from the others of the batch, or come near its embedding.
    normalize : {"target", "both", "none"}, default="target"
        Whose length does not count where embeddings are compared: the stimulus', as published, or
        both, or none.
    temperature : float, default=1.0
        What comparisons are divided by in the loss.
    sampling_rate : float, optional
        In Hz, of plain arrays.
    trainer : Trainer, optional
        Default: ``Trainer(30, batch_size=128, learning_rate=3e-3)``. A held-out split keeps
        trials of one stimulus together.
    random_state : int, RandomState or None, default=None

    Attributes
    ----------
    module_ : neurokit.nn.brain_encoder.BrainEncoder
    subjects_ : list
        People seen.
    centre_, spread_ : ndarray of shape (n_subjects + 1, n_channels)
        Median, and distance of the quartiles, of every person; last, of all together.
    target_mean_, target_scale_ : ndarray of shape (n_features,)
        What embeddings are standardised by.
    features_ : list or None
        Names of the features of embeddings.
    places_ : ndarray of shape (n_channels, 2) or None
    history_ : list of dict
    n_times_ : int
    sampling_rate_ : float

    Raises
    ------
    ValueError
        If sensors have no places, a person was never seen, lengths or a parameter do not fit.
    ImportError
        If torch is not installed.

    References
    ----------
    .. [1] Defossez et al. (2023), Decoding speech perception from non-invasive brain recordings,
       Nat. Mach. Intell. 5, 1097-1107.

    Examples
    --------
    >>> from neurokit.datasets import make_stimulus_responses
    >>> from neurokit.training import Trainer
    >>> made = make_stimulus_responses(40, n_subjects=2, random_state=0)
    >>> decoder = ContrastiveDecoder(trainer=Trainer(2, device="cpu"), random_state=0)
    >>> decoder = decoder.fit(made.trials, made.embeddings)
    >>> decoder.transform(made.trials).dims
    ('trial', 'feature')
    >>> decoder.retrieve(made.trials, made.gallery, k=3)["candidate"].dims
    ('trial', 'rank')
    """

    def __init__(
        self,
        n_sources: int = 32,
        *,
        n_filters: int = 48,
        n_blocks: int = 2,
        attention: bool = True,
        subject_layer: bool = True,
        by: str | None = "subject",
        clamp: float | None = 20.0,
        loss: str = "clip",
        normalize: str = "target",
        temperature: float = 1.0,
        sampling_rate: float | None = None,
        trainer: Trainer | None = None,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.n_sources = n_sources
        self.n_filters = n_filters
        self.n_blocks = n_blocks
        self.attention = attention
        self.subject_layer = subject_layer
        self.by = by
        self.clamp = clamp
        self.loss = loss
        self.normalize = normalize
        self.temperature = temperature
        self.sampling_rate = sampling_rate
        self.trainer = trainer
        self.random_state = random_state

    def fit(self, X: Recording, y: Targets | None, groups: ArrayLike | None = None) -> Self:
        """Train the network.

        Parameters
        ----------
        X : xarray.DataArray of dims (trial, channel, time), mne.Epochs, or array-like
        y : xarray.DataArray of dims (trial, feature[, time]), or array-like
            Embedding of each trial's stimulus; with ``time``, on the samples of X. The
            coordinate ``stimulus`` along ``trial``, of y or X, says which trials are of one
            stimulus; without it, trials of equal embeddings are.
        groups : array-like of shape (n_trials,), optional
            Person of each trial. Default: the coordinate that ``by`` names.

        Returns
        -------
        self
        """
        from neurokit.training import Trainer, import_torch

        name = type(self).__name__
        import_torch(name)
        import torch

        from neurokit.nn.draws import seeded

        seen = trials(self, X, reset=True)
        require_y(self, y, "the embedding of each trial's stimulus")
        targets = read_embeddings(name, y)
        self._check(seen, targets)
        self._keep_plan()
        self.n_times_ = seen.values.shape[2]
        people = read_people(name, seen, self.by_, groups)
        self.subjects_ = [] if people is None else np.unique(people).tolist()
        index = find_people(name, self.subjects_, seen, self.by_, groups, needed=True)
        self.places_ = place_sensors(name, seen) if self.attention else None
        self._scale(seen.values, index)
        self.features_, self.flat_ = targets.features, targets.flat
        self.target_shape_ = tuple(targets.values.shape[1:])
        axes = (0,) if targets.values.ndim == 2 else (0, 2)
        self.target_mean_ = targets.values.mean(axes, dtype=np.float64)
        spread = targets.values.std(axes, dtype=np.float64)
        self.target_scale_ = np.where(spread > 0, spread, 1.0)
        names, stimulus = np.unique(number_stimuli(seen, targets), return_inverse=True)
        if len(names) < 2:
            raise ValueError(
                f"{name}: needs trials of two stimuli at least to tell them apart, got n_samples="
                f"{len(names)} of them."
            )
        seed = draw_seed(self.random_state)
        with seeded(seed):
            self.module_: Any = self._build_module("module_")
        data = [
            torch.from_numpy(self._prepare(seen.values, index)),
            torch.from_numpy(np.maximum(index, 0)),
            torch.from_numpy(self._standardise(targets.values)),
            torch.from_numpy(stimulus.ravel()),
        ]
        trainer = self.trainer or Trainer(30, batch_size=128, learning_rate=3e-3)
        loss = EmbeddingLoss(self.loss, self.normalize_, float(self.temperature))
        self.history_ = trainer.minimize(self.module_, loss, data, seed=seed, groups=stimulus)
        return self

    def transform(self, X: Recording, groups: ArrayLike | None = None) -> Any:
        """Return the embedding of every trial.

        Parameters
        ----------
        X : as in `fit`
        groups : array-like of shape (n_trials,), optional
            Person of each trial. Default: the coordinate that ``by`` names.

        Returns
        -------
        xarray.DataArray of dims (trial, feature[, time]), or ndarray
            In units of the standardised embeddings of ``fit``.
        """
        seen, index = self._read(X, groups)
        found = self._embed(seen.values, index)
        if self.flat_:
            return label_trials(found[:, 0], seen)
        if seen.source is None:
            return found
        dims = ("trial", "feature", "time")[: found.ndim]
        coords = seen.coords(*(dim for dim in dims if dim != "feature"))
        if "time" not in dims:
            coords = seen.coords("trial")
        out = xr.DataArray(found, dims=dims, coords=coords)
        if self.features_ is not None:
            out = out.assign_coords(feature=self.features_)
        return out.isel(trial=0) if seen.single else out

    def stream(self, step: float | None = None, *, subject: str | int | None = None) -> Stream:
        """Begin a live recording of one person, embedded window by window.

        Parameters
        ----------
        step : float, optional
            Seconds from the beginning of one window to the next. Default: the length of a trial.
        subject : str or int, optional
            The person, needed where each of several has a layer. Default: the only person of
            ``fit``, else someone new, whose channels are scaled as those of all together.

        Returns
        -------
        stream
            ``push(chunk)`` takes the next samples, shape (n, n_channels), and returns the
            embedding of each window of a trial's length that has ended, those of `transform`,
            shape (n_windows[, n_features][, n_times]). ``flush()`` returns no more.
        """
        check_is_fitted(self)
        person = None if subject is None else [subject]
        one = Trials(np.empty((1, self.n_features_in_, 0)), None, None, "channel", single=False)
        who = find_people(
            type(self).__name__, self.subjects_, one, self.by_, person, needed=self.layers_
        )

        def embed(windows: Floats, look: int) -> tuple[Floats, Floats]:
            found = self._embed(windows, np.repeat(who, len(windows)))
            return found[:, 0] if self.flat_ else found, np.ones(len(windows), bool)

        shape = () if self.flat_ else self.target_shape_
        return WindowStream(self, step, [self.n_times_], embed, shape)

    def cost(self, X: Recording) -> Cost:
        """Return what the fitted estimator costs for each trial.

        Parameters
        ----------
        X : as in `transform`

        Returns
        -------
        neurokit.metrics.cost.Cost
        """
        import torch

        seen, index = self._read(X, None)
        x = torch.from_numpy(self._prepare(seen.values, index))
        who = torch.from_numpy(np.maximum(index, 0))

        def run() -> int:
            with torch.no_grad():
                for k in range(len(x)):
                    self.module_(x[k : k + 1], who[k : k + 1])
            return 0

        length = self.n_times_ / getattr(self, "sampling_rate_", 1.0)
        return cost_of_network(self.module_, run, len(x), "float32", length)

    # ------------------------------------------------------------ inside

    def _check(self, seen: Trials, targets: Embeddings) -> None:
        name = type(self).__name__
        check_consistent_length(seen.values, targets.values)
        if targets.values.ndim == 3 and targets.values.shape[2] != seen.values.shape[2]:
            raise ValueError(
                f"{name}: embeddings have {targets.values.shape[2]} times and trials"
                f" {seen.values.shape[2]}; resample the embeddings to the rate of X."
            )
        wanted = {
            "loss": (self.loss in LOSSES, f"of {LOSSES}"),
            "normalize": (self.normalize in NORMALISATIONS, f"of {NORMALISATIONS}"),
            "clamp": (self.clamp is None or self.clamp > 0, "positive or None"),
            "temperature": (self.temperature > 0, "positive"),
            "n_sources": (self.n_sources >= 1, "1 or more"),
            "n_filters": (self.n_filters >= 1, "1 or more"),
            "n_blocks": (self.n_blocks >= 1, "1 or more"),
        }
        for parameter, (fine, what) in wanted.items():
            if not fine:
                raise ValueError(
                    f"{name}: {parameter} must be {what}, got {getattr(self, parameter)!r}."
                )

    def _plan(self) -> dict[str, object]:
        design = {
            "n_sources": int(self.n_sources),
            "n_filters": int(self.n_filters),
            "n_blocks": int(self.n_blocks),
        }
        return {
            "design_": design,
            "layers_": bool(self.subject_layer),
            "by_": self.by,
            "clamp_": None if self.clamp is None else float(self.clamp),
            "normalize_": self.normalize,
        }

    def _build_module(self, name: str) -> nn.Module:
        import torch

        from neurokit.nn.brain_encoder import BrainEncoder

        return BrainEncoder(
            self.n_features_in_,
            self.n_times_,
            n_features=self.target_shape_[0],
            over_time=len(self.target_shape_) == 2,
            places=None if self.places_ is None else torch.from_numpy(self.places_),
            n_subjects=len(self.subjects_) if self.layers_ and len(self.subjects_) > 1 else 0,
            **self.design_,
        )

    def _scale(self, values: Floats, index: Codes) -> None:
        """Measure the median and the quartiles of every person's channels, and of all."""
        parts = [values[index == k] for k in range(len(self.subjects_))] + [values]
        quartiles = [np.percentile(part, [25, 50, 75], axis=(0, 2)) for part in parts]
        self.centre_ = np.stack([q[1] for q in quartiles])
        spread = np.stack([q[2] - q[0] for q in quartiles])
        self.spread_ = np.where(spread > 0, spread, 1.0)

    def _prepare(self, values: Floats, index: Codes) -> NDArray[np.float32]:
        scaled = (values - self.centre_[index][..., None]) / self.spread_[index][..., None]
        if self.clamp_ is not None:
            scaled = np.clip(scaled, -self.clamp_, self.clamp_)
        return np.ascontiguousarray(scaled, np.float32)

    def _standardise(self, values: Floats) -> NDArray[np.float32]:
        late = (1,) * (values.ndim - 2)
        mean, scale = (v.reshape(-1, *late) for v in (self.target_mean_, self.target_scale_))
        return np.ascontiguousarray((values - mean) / scale, np.float32)

    def _read(self, X: Recording, groups: ArrayLike | None) -> tuple[Trials, Codes]:
        check_is_fitted(self)
        name = type(self).__name__
        seen = trials(self, X, reset=False)
        if seen.values.shape[2] != self.n_times_:
            raise ValueError(
                f"{name} was fitted on trials of {self.n_times_} samples, got"
                f" {seen.values.shape[2]}; cut them to that length, or fit again."
            )
        index = find_people(name, self.subjects_, seen, self.by_, groups, needed=self.layers_)
        return seen, index

    def _read_gallery(self, gallery: Targets, *, name: str = "the gallery") -> Embeddings:
        held = read_embeddings(type(self).__name__, gallery, name=name)
        if held.values.shape[1:] != self.target_shape_:
            raise ValueError(
                f"{type(self).__name__}: {name} must hold embeddings of shape"
                f" {self.target_shape_} as in fit, got {held.values.shape[1:]}."
            )
        return held

    def _embed(self, values: Floats, index: Codes) -> NDArray[np.float32]:
        import torch

        found = []
        with torch.no_grad():
            for start in range(0, len(values), _BATCH):
                rows = slice(start, start + _BATCH)
                x = torch.from_numpy(self._prepare(values[rows], index[rows]))
                who = torch.from_numpy(np.maximum(index[rows], 0))
                found.append(self.module_(x, who))
        return torch.cat(found).numpy()

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.target_tags.required = True
        tags.target_tags.multi_output = True
        tags.transformer_tags.preserves_dtype = []  # networks compute in single precision
        return tags
