"""What probes of a pretrained encoder share: domains, levels, features, tuning, labels."""

from __future__ import annotations

import copy
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Self

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, clone
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from neurokit.inputs.domains import name_domains
from neurokit.inputs.ranges import check_at_least
from neurokit.inputs.rates import require_rate
from neurokit.inputs.seen import tell
from neurokit.inputs.trials import Trials, trials
from neurokit.persistence import Saveable
from neurokit.pretraining.design import build_module, option, sizes_of
from neurokit.pretraining.masked import MaskedModel
from neurokit.pretraining.patches import make_trial_patches, measure_levels
from neurokit.pretraining.places import tell_places
from neurokit.pretraining.pools import find_centre, pool_covariances, vectorise
from neurokit.pretraining.running import run_windows
from neurokit.pretraining.tuning import tune_encoder
from neurokit.recording.clock import exact
from neurokit.types import Floats, Json, Labelled, Numbers, Recording

if TYPE_CHECKING:
    from sklearn.utils import Tags
    from torch import Tensor

    from neurokit.nn.masked import MaskedTransformer
    from neurokit.training import Trainer

_TUNES, _POOLS = ("frozen", "head", "lora", "full"), ("covariance", "mean")


class Probing(Saveable, BaseEstimator):
    """Base of the estimators that say something of trials through a pretrained encoder.

    A subclass says how the linear map is fitted (`_fit_map`), what is minimised where the encoder
    is tuned (`_loss`), and has the parameters of `PretrainedClassifier`.
    """

    encoder: str | MaskedModel
    tune: str
    pool: str
    n_groups: int
    depth: int | None
    align: Sequence[str]
    rank: int
    sampling_rate: float | None
    trainer: Trainer | None
    device: str
    random_state: int | np.random.RandomState | None
    coef_: Floats
    intercept_: Floats
    module_: MaskedTransformer
    design_: Json
    domains_: list[str]

    def __sklearn_clone__(self) -> Self:
        """Return an unfitted twin, with the encoder as it is: what it has learned is wanted."""
        params = {
            name: value if name == "encoder" else clone(value, safe=False)
            for name, value in self.get_params(deep=False).items()
        }
        twin = type(self)(**params)
        if hasattr(self, "_metadata_request"):
            twin._metadata_request = copy.deepcopy(self._metadata_request)
        return twin

    # ------------------------------------------------------------ for the subclasses

    def _fit_map(self, features: Floats, targets: Numbers, start: tuple[Floats, Floats]) -> None:
        raise NotImplementedError

    @staticmethod
    def _loss(outputs: Tensor, targets: Tensor) -> Tensor:
        raise NotImplementedError

    def _check(self) -> None:
        """Refuse parameters out of range."""
        name = type(self).__name__
        for parameter, known in (("tune", _TUNES), ("pool", _POOLS)):
            if getattr(self, parameter) not in known:
                raise ValueError(
                    f"{name}: {parameter} must be one of {known}, got"
                    f" {getattr(self, parameter)!r}."
                )
        least = {"n_groups": (self.n_groups, 1), "rank": (self.rank, 1)}
        check_at_least(name, **least)
        if self.depth is not None:
            check_at_least(name, depth=(self.depth, 1))

    def _read(self, X: Recording) -> Trials:
        check_is_fitted(self)
        return trials(self, X, reset=False)

    def _learn(
        self, seen: Trials, targets: Numbers, n_outputs: int, groups: ArrayLike | None
    ) -> Self:
        """Embed the trials, fit the map, and tune the encoder with it where that is asked for."""
        from neurokit.training import import_torch

        import_torch(type(self).__name__)
        self.sampling_rate_ = require_rate(self, seen.sampling_rate)
        encoder = _find_encoder(type(self).__name__, self.encoder)
        self.design_, self.module_ = copy.deepcopy(encoder.design_), copy.deepcopy(encoder.module_)
        self.pool_, self.n_groups_, self.depth_ = self.pool, self.n_groups, self.depth
        self.align_ = list(self.align)
        self.places_ = self._find_places(seen)
        names = self._domains(seen)
        self.domains_ = np.unique(names).tolist()
        levels = [_measure(seen.values[names == name]) for name in self.domains_]
        self.means_, self.levels_ = (np.stack(part) for part in zip(*levels, strict=True))
        patches = self._patches(seen, names)
        self._fit_features(patches, names, targets, n_outputs)
        self.history_: list[dict[str, float]] = []
        if self.tune != "frozen":
            if groups is None:
                groups = next(
                    (g for k in ("subject", "session") if (g := seen.coordinate(k)) is not None),
                    None,
                )
            seed = int(check_random_state(self.random_state).randint(2**31))
            places = {name: k for k, name in enumerate(self.domains_)}
            self.history_ = tune_encoder(
                self.module_,
                (patches, targets, np.array([places[name] for name in names.tolist()])),
                (self.coef_, self.intercept_, self.middle_, self.spread_),
                self.references_,
                self._loss,
                design=self.design_,
                places=self.places_,
                how=(self.tune, self.pool_, self.n_groups_, self.depth_, self.rank),
                trainer=self.trainer,
                seed=seed,
                groups=groups,
            )
            self._fit_features(patches, names, targets, n_outputs)
        return self

    def _fit_features(
        self, patches: Floats, names: Floats, targets: Numbers, n_outputs: int
    ) -> None:
        """Find the centre of each domain and the scale of each feature, and fit the map."""
        raw = self._pool(patches)
        centres = [find_centre(raw[names == name]) for name in self.domains_]
        self.references_ = np.stack(centres)
        centred = self._centre(raw, names)
        self.middle_, spread = centred.mean(0), centred.std(0)
        # what does not vary says nothing: its feature is zero
        self.spread_ = np.where(spread > 1e-9 * (1 + np.abs(self.middle_)), spread, np.inf)
        start = np.zeros((n_outputs, centred.shape[1])), np.zeros(n_outputs)
        self._fit_map((centred - self.middle_) / self.spread_, targets, start)

    def _remember(self, seen: Trials) -> Floats:
        """Take domains that were not seen before from now on as these trials show them."""
        names = self._domains(seen)
        new = sorted(set(names.tolist()) - set(self.domains_))
        if new:
            levels = [_measure(seen.values[names == name]) for name in new]
            self.means_ = np.concatenate([self.means_, [mean for mean, _ in levels]])
            self.levels_ = np.concatenate([self.levels_, [level for _, level in levels]])
            self.domains_ = [*self.domains_, *new]
        raw = self._pool(self._patches(seen, names))
        if new:
            centres = np.stack([find_centre(raw[names == name]) for name in new])
            self.references_ = np.concatenate([self.references_, centres])
        return (self._centre(raw, names) - self.middle_) / self.spread_

    def _outputs(self, seen: Trials) -> Floats:
        """Return what the map gives, (trial, output)."""
        names = self._domains(seen)
        known = sorted(set(names.tolist()) & set(self.domains_))
        own = sorted(set(names.tolist()) - set(self.domains_))
        said = [f"{', '.join(known)}: by the training trials"] if known else []
        said += [f"{', '.join(own)}: by their own trials"] if own else []
        tell(self, "batch" if own else "train", "; ".join(said))
        centred = self._centre(self._pool(self._patches(seen, names)), names)
        found: Floats = (centred - self.middle_) / self.spread_ @ self.coef_.T + self.intercept_
        return found

    def _label(
        self, values: Floats, seen: Trials, classes: Floats | None = None, *, dim: str = "class"
    ) -> Labelled:
        """Give one row per trial the labels of the input; plain input, plain output."""
        if seen.source is None:
            return values
        dims = ("trial", dim)[: values.ndim]
        out = xr.DataArray(values, dims=dims, coords=seen.coords("trial"))
        if classes is not None:
            out = out.assign_coords({dim: classes})
        return out.isel(trial=0) if seen.single else out

    # ------------------------------------------------------------ inside

    def _build_module(self, name: str) -> MaskedTransformer:
        from neurokit.training import import_torch

        import_torch(f"{type(self).__name__}.load")
        return build_module(self.design_)

    def _domains(self, seen: Trials) -> Floats:
        return name_domains(seen, self.align_)

    def _find_places(self, seen: Trials) -> Floats:
        if seen.source is None:
            return np.full((seen.values.shape[1], 3), np.nan)
        return tell_places(seen.source, self.design_["space"], option(self.design_, "regions"))

    def _patches(self, seen: Trials, names: Floats) -> Floats:
        """Cut trials into levelled patches (trial, channel, frame, sample)."""
        sizes = sizes_of(self.design_)
        parts, order = [], []
        for name in np.unique(names).tolist():
            rows = np.flatnonzero(names == name)
            if name in self.domains_:
                k = self.domains_.index(name)
                mean, level = self.means_[k], self.levels_[k]
            else:
                mean, level = _measure(seen.values[rows])
            own = seen.values[rows].astype(np.float64)
            rate = exact(self.sampling_rate_)
            parts.append(make_trial_patches(own, rate, sizes, mean, level)[0])
            order.append(rows)
        patches = np.concatenate(parts)[np.argsort(np.concatenate(order))]
        least = 2 if self.pool_ == "covariance" else 1
        if patches.shape[2] < least:
            shortest = float(((least - 1) * sizes.step + sizes.hop) / sizes.rate)
            raise ValueError(
                f"{type(self).__name__}: trials must be as long as {least} patches,"
                f" {shortest:g} s, for pool={self.pool_!r}, got"
                f" {seen.values.shape[2] / self.sampling_rate_:g} s."
            )
        return patches

    def _pool(self, patches: Floats) -> Floats:
        """Embed patches, and pool them: matrices (trial, group, n, n), or (trial, feature)."""
        latents = run_windows(
            self.module_,
            self.design_,
            patches,
            self.places_,
            np.ones(patches.shape[:3], bool),
            device=self.device,
            depth=self.depth_,
        )
        if self.pool_ == "mean":
            return latents.mean(2, dtype=np.float64).reshape(len(latents), -1)
        return pool_covariances(latents, self.n_groups_)

    def _centre(self, raw: Floats, names: Floats) -> Floats:
        """Bring domains to a common centre; (trial, feature)."""
        out = np.empty_like(raw)
        for name in np.unique(names).tolist():
            own = names == name
            known = name in self.domains_
            centre = (
                self.references_[self.domains_.index(name)] if known else find_centre(raw[own])
            )
            out[own] = centre @ raw[own] @ centre if raw.ndim == 4 else raw[own] - centre
        return vectorise(out) if raw.ndim == 4 else out

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        return tags


def _measure(values: Floats) -> tuple[Floats, Floats]:
    return measure_levels(values.astype(np.float64))


def _find_encoder(caller: str, encoder: object) -> MaskedModel:
    if isinstance(encoder, str | os.PathLike):
        return MaskedModel.from_pretrained(encoder)
    if not isinstance(encoder, MaskedModel):
        raise TypeError(
            f"{caller}: encoder must be a name, a path or a MaskedModel, got a"
            f" {type(encoder).__name__}; other encoders go before a classifier in a Pipeline."
        )
    check_is_fitted(
        encoder, "module_", msg=f"{caller}: encoder is not fitted; fit it, or load it."
    )
    if option(encoder.design_, "fuse") != "channel":
        raise ValueError(
            f"{caller}: encoder must keep channels apart, got fuse='region'; transform() gives"
            " its embeddings, for a classifier in a Pipeline."
        )
    return encoder
