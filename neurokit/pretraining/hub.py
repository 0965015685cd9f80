"""Public models of EEG, from the hub or from a folder, behind one ``transform``."""

from __future__ import annotations

import hashlib
import json
import os
import warnings
from fractions import Fraction
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import xarray as xr
from scipy.signal import resample_poly
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from neurokit.inputs.rates import require_rate
from neurokit.inputs.trials import Trials, trials
from neurokit.persistence import Saveable
from neurokit.pretraining.hub_conventions import (
    ARCHITECTURES,
    CONVENTIONS,
    Convention,
    scale_windows,
)
from neurokit.recording.channels import plain_name
from neurokit.recording.clock import exact
from neurokit.recording.units import power_between
from neurokit.types import Floats, Json, Recording

if TYPE_CHECKING:
    from torch import nn

_FOUND = 0.99  # share of an encoder's weights that a file must hold
_HEADS = ("final_layer", "head", "classifier")
_SECONDS = "temporal_embedding"  # LaBraM's table of seconds, (1, n_patches + 1, width)
_BATCH = 32


class HubEncoder(Saveable, TransformerMixin, BaseEstimator):
    """Embed EEG by a public model: REVE, LaBraM, CBraMod or BIOT, through braindecode.

    Nothing is learnt. ``fit`` loads the weights, whole or not at all, and checks channels, units
    and places; ``transform`` resamples exactly, scales as the model was trained, cuts windows and
    averages the model's features. Weights are never written by ``save``: the file holds the
    reference and a SHA-256 of the weights, which must be the same when they are read again.

    Parameters
    ----------
    model : str or path-like, default="braindecode/labram-pretrained"
        Name on the hub (see ``hub_conventions.CONVENTIONS``), or a folder with ``config.json`` and
        ``model.safetensors``; a text, if the estimator is to be saved.
    architecture : {"REVE", "Labram", "CBraMod", "BIOT"}, optional
        For folders: whose weights they are. Default: what ``config.json`` calls
        ``architecture``.
    revision : str, optional
        Commit of the hub; give it, so that the weights stay the same.
    pool : {"mean", "window"}, default="mean"
        One vector a trial, or one for each window.
    sampling_rate : float, optional
        In Hz, of plain arrays, which must be in uV.

    Attributes
    ----------
    convention_ : dict
        What the model expects, see ``hub_conventions``.
    licence_ : str
        Licence of the weights. Read it.
    sha256_ : str
        Checksum of the weights.
    n_found_ : float
        Share of the encoder's weights that the file held, 0.99 or more.
    sampling_rate_ : float

    Raises
    ------
    OSError
        If weights are missing, damaged, fewer than 99 % of the encoder's, or others than saved.
    ValueError
        If the model is unknown, units are no volts, channels are not those of the model or have
        no places where it needs them, or a trial is shorter than a patch.
    ImportError
        If braindecode is not installed (extra ``hub``).

    Notes
    -----
    Features are those of braindecode 1.8.1's own CBraMod, LaBraM, BIOT and REVE, with random
    weights in a local folder, to 1e-6; real weights were never at hand where it was written.
    REVE of braindecode downloads a table of places when it is built, also where it is told them.

    Examples
    --------
    >>> encoder = HubEncoder("braindecode/labram-pretrained", revision="main")
    >>> encoder.get_params()["pool"]
    'mean'
    """

    def __init__(
        self,
        model: str | os.PathLike[str] = "braindecode/labram-pretrained",
        *,
        architecture: str | None = None,
        revision: str | None = None,
        pool: str = "mean",
        sampling_rate: float | None = None,
    ) -> None:
        self.model = model
        self.architecture = architecture
        self.revision = revision
        self.pool = pool
        self.sampling_rate = sampling_rate

    def fit(self, X: Recording, y: object = None) -> Self:
        """Load the weights, and check that X is what the model can take.

        Parameters
        ----------
        X : xarray.DataArray of dims ([trial,] channel, time), mne object, or array-like
        y : None
            Ignored.

        Returns
        -------
        self
        """
        name = type(self).__name__
        if self.pool not in ("mean", "window"):
            raise ValueError(f"{name}: pool must be 'mean' or 'window', got {self.pool!r}.")
        seen = trials(self, X, reset=True)
        require_rate(self, seen.sampling_rate)
        self.model_, self.revision_, self.pool_ = os.fspath(self.model), self.revision, self.pool
        folder = Path(self.model_)
        known = self.model_ in CONVENTIONS
        config = {} if known else _read_config(name, folder)
        architecture = str(self.architecture or config.get("architecture"))
        if not known and architecture not in ARCHITECTURES:
            raise ValueError(
                f"{name}: architecture must be of {list(ARCHITECTURES)} for a folder, got"
                f" {architecture!r}."
            )
        held = CONVENTIONS[self.model_] if known else ARCHITECTURES[architecture]
        self.convention_ = held._asdict()
        self.licence_ = str(config.get("licence", held.licence))
        self.factor_ = _to_microvolts(name, getattr(self, "quantity_", "uV"))
        self._check_channels(seen, held)
        self.positions_ = _positions(name, seen) if held.places == "metres" else None
        self.sha256_ = ""
        self._built_for = round(held.window * held.sampling_rate)
        self._module: Any = self._load(self._built_for)
        return self

    def transform(self, X: Recording) -> Any:
        """Return the model's features.

        Parameters
        ----------
        X : as in `fit`

        Returns
        -------
        xarray.DataArray of dims (trial[, frame], latent), or ndarray
            float32; ``frame`` is the start of each window in s. What is left after the last whole
            patch is not seen.
        """
        check_is_fitted(self)
        import torch

        seen = trials(self, X, reset=False)
        held = Convention(**self.convention_)
        ratio = exact(held.sampling_rate) / exact(self.sampling_rate_)
        ratio = Fraction(ratio).limit_denominator(10_000)
        values = seen.values.astype(np.float64) * self.factor_
        values = resample_poly(values, ratio.numerator, ratio.denominator, axis=-1)
        windows = self._cut(values, held)  # (trial, window, channel, time)
        n, n_windows = windows.shape[:2]
        self._module = self._module_for(windows.shape[3], held)
        flat = scale_windows(windows.reshape(-1, *windows.shape[2:]), held.scaling)
        found = []
        with torch.no_grad():
            for start in range(0, len(flat), _BATCH):
                part = np.require(flat[start : start + _BATCH], np.float32, ["C", "W"])
                x = torch.from_numpy(part)
                found.append(self._features(x).numpy())
        latent = np.concatenate(found).reshape(n, n_windows, -1)
        out = latent.mean(1) if self.pool_ == "mean" else latent
        if seen.source is None:
            return out
        dims = ("trial", "latent") if self.pool_ == "mean" else ("trial", "frame", "latent")
        labelled = xr.DataArray(out, dims=dims, coords=seen.coords("trial"))
        if self.pool_ == "window":
            step = windows.shape[3] / held.sampling_rate
            first = float(seen.source["time"].values[0])
            labelled = labelled.assign_coords(frame=first + step * np.arange(n_windows))
        labelled.attrs = {"model": self.model_, "licence": self.licence_}
        return labelled.isel(trial=0) if seen.single else labelled

    def __getstate__(self) -> Json:
        """Leave the weights out: they are read again where they are needed."""
        state: Json = dict(super().__getstate__())
        state.pop("_module", None)
        state.pop("_built_for", None)
        return state

    # ------------------------------------------------------------ inside

    def _features(self, x: Any) -> Any:
        options: Json = {"return_features": True}
        if self.positions_ is not None:
            import torch

            places = torch.from_numpy(np.asarray(self.positions_, np.float32))
            options["pos"] = places.expand(len(x), *places.shape)
        if self.convention_["places"] == "names":
            options["ch_names"] = [plain_name(str(one)).upper() for one in self.channels_]
        features = self._module(x, **options)["features"]
        return features.reshape(len(x), -1, features.shape[-1]).mean(1)

    def _module_for(self, n_times: int, held: Convention) -> Any:
        """Return the network; one that has a table of seconds is built for each length."""
        longest = round(held.window * held.sampling_rate)
        wanted = n_times if held.places == "names" else longest
        if getattr(self, "_module", None) is None or self._built_for != wanted:
            self._module, self._built_for = self._load(wanted), wanted
        return self._module

    def _cut(self, values: Floats, held: Convention) -> Floats:
        patch, n_times = round(held.patch * held.sampling_rate), values.shape[-1]
        longest = round(held.window * held.sampling_rate)
        size = min(n_times // patch * patch, longest)
        if size < patch:
            raise ValueError(
                f"{type(self).__name__}: {held.architecture} takes patches of {held.patch:g} s,"
                f" got trials of {n_times / held.sampling_rate:g} s; give longer ones."
            )
        count = n_times // size
        cut = values[..., : count * size].reshape(*values.shape[:2], count, size)
        return cut.transpose(0, 2, 1, 3)

    def _check_channels(self, seen: Trials, held: Convention) -> None:
        name = type(self).__name__
        names = getattr(self, "channels_", None)
        if held.channels is not None:
            wanted = [one.upper() for one in held.channels]
            given = None if names is None else [str(one).upper() for one in names]
            if given != wanted:
                raise ValueError(
                    f"{name}: {held.architecture} takes the channels {wanted}, in that order, got"
                    f" {given}; subtract the electrodes of each pair and name the differences so."
                )
        if held.places == "names" and names is None:
            raise ValueError(
                f"{name}: {held.architecture} knows channels by name, and X has none; pass a"
                " labelled array."
            )

    def _load(self, n_times: int) -> nn.Module:
        """Build the network for windows of ``n_times``, and fill it with weights.

        A hundredth of them may be missing.
        """
        name = type(self).__name__
        from neurokit.training import import_torch

        torch = import_torch(name)
        held = Convention(**self.convention_)
        config_path, path = _find(name, self.model_, self.revision_)
        content = path.read_bytes()
        digest = hashlib.sha256(content).hexdigest()
        if self.sha256_ and digest != self.sha256_:
            raise OSError(
                f"{path}: its SHA-256 is {digest}, that of the weights of fit was {self.sha256_};"
                " give the revision that they came from."
            )
        self.sha256_ = digest
        module = _build(name, held, json.loads(config_path.read_text()), self, n_times)
        from safetensors import SafetensorError
        from safetensors.numpy import load

        try:
            weights = load(content)
        except SafetensorError as error:
            raise OSError(f"{path}: damaged ({error}); download it again.") from None
        own = module.state_dict()
        body = {k: v for k, v in own.items() if not k.startswith(_HEADS)}
        if _SECONDS in body and _SECONDS in weights:  # a shorter window has the first of them
            weights[_SECONDS] = weights[_SECONDS][:, : body[_SECONDS].shape[1]]
        fits = {k for k, v in body.items() if k in weights and weights[k].shape == tuple(v.shape)}
        n_all = sum(v.numel() for v in body.values())
        self.n_found_ = sum(body[k].numel() for k in fits) / max(n_all, 1)
        if self.n_found_ < _FOUND:
            missing = sorted(set(body) - fits)
            raise OSError(
                f"{path}: holds {100 * self.n_found_:.1f} % of the weights of {held.architecture},"
                f" less than 99 %; {len(missing)} are missing or of another shape, such as"
                f" {missing[:3]}: is it another version?"
            )
        module.load_state_dict(
            {k: torch.from_numpy(weights[k].copy()) for k in fits}, strict=False
        )
        if held.places == "names":
            self._check_names(held)
        return module.eval()

    def _check_names(self, held: Convention) -> None:
        """Refuse channels whose names the model has no place for."""
        try:
            of_model = import_module(f"braindecode.models.{held.architecture.lower()}")
            order = of_model.LABRAM_CHANNEL_ORDER
        except (ImportError, AttributeError):
            return  # it says so itself
        known = {str(one).upper() for one in order}
        names = [str(one) for one in self.channels_]
        strange = [one for one in names if plain_name(one).upper() not in known]
        if strange:
            raise ValueError(
                f"{type(self).__name__}: {held.architecture} has no place for the channels"
                f" {strange}; rename them, or leave them out."
            )


def _build(
    caller: str, held: Convention, config: Json, fitted: HubEncoder, n_times: int
) -> nn.Module:
    try:
        models = import_module("braindecode.models")
    except (ImportError, OSError) as error:
        raise ImportError(
            f'{caller} needs braindecode: pip install "neurokit-brain[hub]" ({error}).',
            name="braindecode",
        ) from None
    from neurokit.nn.draws import seeded

    ours = ("n_chans", "n_times", "sfreq", "n_outputs", "chs_info", "input_window_seconds")
    left = {k: v for k, v in config.items() if k not in (*ours, "architecture", "licence")}
    names = getattr(fitted, "channels_", None) or [f"ch{k}" for k in range(fitted.n_features_in_)]
    try:
        with seeded(0), warnings.catch_warnings():  # a head, which files lack, is drawn alike
            warnings.simplefilter("ignore", UserWarning)  # that channels are named at each call
            return getattr(models, held.architecture)(
                n_outputs=2,
                n_chans=fitted.n_features_in_,
                n_times=n_times,
                sfreq=held.sampling_rate,
                chs_info=[{"ch_name": str(one)} for one in names],
                **left,
            )
    except RuntimeError as error:  # REVE wants a table of places that it downloads
        raise OSError(f"{caller}: braindecode cannot build {held.architecture}: {error}") from None


def _find(caller: str, model: str, revision: str | None) -> tuple[Path, Path]:
    """Return the paths of ``config.json`` and of the weights; from the hub where need be."""
    names = ("config.json", "model.safetensors")
    folder = Path(model)
    if folder.is_dir():
        paths = [folder / one for one in names]
        missing = [str(path) for path in paths if not path.is_file()]
        if missing:
            raise OSError(f"{missing[0]}: {caller} finds no such file; put it there.")
        return paths[0], paths[1]
    try:
        hub = import_module("huggingface_hub")
    except ImportError:
        raise ImportError(
            f'{caller} needs huggingface_hub: pip install "neurokit-brain[hub]".',
            name="huggingface_hub",
        ) from None
    found = [Path(hub.hf_hub_download(model, one, revision=revision)) for one in names]
    return found[0], found[1]


def _read_config(caller: str, folder: Path) -> Json:
    if not folder.is_dir():
        raise ValueError(
            f"{caller}: model must be a folder or of {list(CONVENTIONS)}, got {str(folder)!r}."
        )
    return dict(json.loads(_find(caller, str(folder), None)[0].read_text()))


def _to_microvolts(caller: str, quantity: Any) -> float:
    power = None if not isinstance(quantity, str) else power_between(quantity, "uV")
    if power is None:
        raise ValueError(
            f"{caller}: X must be in volts of one kind, such as uV, got {quantity!r}."
        )
    return float(10.0**power)


def _positions(caller: str, seen: Trials) -> list[list[float]]:
    """Return the places of the channels, in m."""
    coords = {} if seen.source is None else seen.source.coords
    if all(axis in coords for axis in "xyz"):
        places = np.stack([np.asarray(coords[axis].values, float) for axis in "xyz"], -1) / 1000
        if np.isfinite(places).all():
            return places.tolist()
    raise ValueError(
        f"{caller}: the model knows channels by their places, and some of X have none; give x, y"
        " and z in mm, or leave those channels out."
    )
