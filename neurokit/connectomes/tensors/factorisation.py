"""Fit, transform and label sums of products of factors, whatever the rule that updates them."""

from __future__ import annotations

import math
import os
import warnings
from numbers import Real
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
import xarray as xr
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted
from tqdm.auto import tqdm

from neurokit.connectomes.tensors.backend import like
from neurokit.connectomes.tensors.devices import device_of
from neurokit.connectomes.tensors.loadings import solve_mode
from neurokit.connectomes.tensors.reading import Tensor, enumerate_rows, read_tensor
from neurokit.connectomes.tensors.restarts import (
    Fitted,
    draw,
    fit_restarts,
    stationarity,
)
from neurokit.connectomes.tensors.sweeps import Operand, Settings
from neurokit.connectomes.tensors.updates import TINY
from neurokit.metrics.factors import factor_match_score
from neurokit.persistence import Saveable

if TYPE_CHECKING:
    import torch
    from sklearn.utils import Tags


class Factorisation(Saveable, TransformerMixin, BaseEstimator):
    """What `NonnegativeCP` and `CP` share; those say what the parameters are."""

    n_components: int
    form: str
    n_restarts: int
    max_iter: int
    tol: float
    l1: float
    dtype: str
    device: str
    warm_start: bool
    checkpoint: str | os.PathLike[str] | None
    verbose: int
    random_state: int | np.random.RandomState | None
    _bounded: ClassVar[bool]

    def fit(self, X: Any, y: object = None) -> Self:
        """Find the components of a tensor.

        Parameters
        ----------
        X : Affinity, xarray.DataArray or array-like of any order
            NaN where an entry is not known.
        y : None
            Ignored.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If a parameter is out of range, the tensor is zero, or it does not suit the form.
        KeyboardInterrupt
            On Ctrl-C, with a checkpoint written where one is set: the next fit goes on from it.

        Warns
        -----
        ConvergenceWarning
            If the best restart was still improving at ``max_iter``.
        """
        return self._fit(X, None)

    def _fit(self, X: Any, held_out: np.ndarray | None) -> Self:
        """Fit, with some entries treated as not known."""
        tensor = read_tensor(self, X, self.form, reset=True, bounded=self._bounded)
        self._check(tensor)
        n_paths = self.n_components * self.n_restarts * self.max_iter
        device = device_of(self.device, math.prod(tensor.shape) * n_paths)
        operand = tensor.operand(np.dtype(self.dtype), device, held_out)
        self._check_size(operand)
        starts = self._starts(operand)
        rule = "hals" if self._bounded else "als"
        path = None if self.checkpoint is None else Path(self.checkpoint)
        settings = Settings(rule, float(self.l1), self.max_iter, self.tol, path)
        with tqdm(total=self.max_iter, disable=not self.verbose, desc=self._name) as bar:

            def report(sweep: int, error: float, n_left: int) -> None:
                bar.update(sweep - bar.n)
                bar.set_postfix(error=f"{error:.5f}", restarts=n_left)

            heard = report if self.verbose else None
            fitted = fit_restarts(operand, starts, settings, self._like(device), heard)
        self._keep(tensor, operand, fitted, device)
        return self

    def fit_transform(self, X: Any, y: object = None) -> Any:
        """Fit, and return the loadings of the samples of ``X``, as `transform` does."""
        return self.fit(X, y).transform(X)

    def transform(self, X: Any, dim: str | None = None) -> Any:
        """Find the loadings of new times, trials or animals on the fitted components.

        Parameters
        ----------
        X : as in `fit`
            All modes but one as in `fit`, units and animals found by name.
        dim : str, optional
            Mode that is new. Default: the trials, or the times where there are none; of plain
            arrays the first mode that is not one of the units.

        Returns
        -------
        xarray.DataArray of dims (dim, "component"), or ndarray
            The least-squares loadings when all other factors have norm 1: for the data of the
            fit, ``weight`` times the factor of that mode.

        Raises
        ------
        ValueError
            If another mode has a new size or new names.
        """
        check_is_fitted(self)
        tensor = read_tensor(self, X, self.form_, reset=False, bounded=self._bounded)
        mode = self._mode(dim)
        tensor = self._match(tensor, mode)
        operand = tensor.operand(np.dtype(np.float64), None)
        factors = [self._factor(name)[None] for name in self.modes_]
        place = self.modes_.index(mode)
        size = tensor.sizes[place]
        factors[place] = np.full((1, size, self.n_components_), 0.1)
        found = solve_mode(operand, factors, place, bounded=self._bounded)
        if not tensor.labelled:
            kind = getattr(X, "dtype", np.dtype(np.float64))
            return found.astype(kind if kind in (np.float32, np.float64) else np.float64)
        labels = {mode: tensor.coords[mode]} if mode in tensor.coords else {}
        out = xr.DataArray(found, dims=(mode, "component"))
        for name, coordinate in labels.items():
            out = out.assign_coords(xr.Coordinates({name: coordinate}, coordinate.xindexes))
        return out.assign_coords(component=range(self.n_components_))

    def inverse_transform(self, X: Any, dim: str | None = None) -> Any:
        """Build the tensor that loadings stand for.

        Parameters
        ----------
        X : xarray.DataArray of dims (dim, "component"), or array-like (size, n_components)
            What `transform` returned.
        dim : str, optional
            As in `transform`.

        Returns
        -------
        xarray.DataArray or ndarray
            With the dims of the tensor of the fit; NaN for pairs of a unit with itself in the
            form "pairs".
        """
        check_is_fitted(self)
        mode = self._mode(dim)
        labelled = isinstance(X, xr.DataArray)
        loadings = np.asarray(X.transpose(mode, "component") if labelled else X, dtype=np.float64)
        if loadings.ndim != 2 or loadings.shape[1] != self.n_components_:
            raise ValueError(
                f"{self._name}.inverse_transform takes loadings of shape (n,"
                f" {self.n_components_}), got {loadings.shape}."
            )
        factors = {name: self._factor(name) for name in self.modes_} | {mode: loadings}
        values = self._model([factors[name] for name in self.modes_])
        if not labelled:
            return values
        out = xr.DataArray(values, dims=self.dims_)
        known = self.factors_.coords
        for name in self.dims_:
            source = "unit" if name in ("source", "target") else name
            if name == mode and name in X.coords:
                coordinate = X[name]
            elif source in known and source != mode:
                coordinate = known[source].rename({source: name})
            else:
                continue
            out = out.assign_coords(xr.Coordinates({name: coordinate}, coordinate.xindexes))
        return out

    @property
    def components_(self) -> np.ndarray:
        """Return the factor of a matrix's features, (n_components, n_features)."""
        if len(self.modes_) != 2:
            raise AttributeError("components_ is for matrices; factors_ holds those of tensors.")
        other = next(name for name in self.modes_ if name != self.sample_mode_)
        return self._factor(other).T

    def get_feature_names_out(self, input_features: object = None) -> np.ndarray:
        """Return the names of the components."""
        check_is_fitted(self)
        prefix = self._name.lower()
        return np.array([f"{prefix}{k}" for k in range(self.n_components_)], dtype=object)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.positive_only = self._bounded
        tags.input_tags.allow_nan = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags

    @property
    def _name(self) -> str:
        return type(self).__name__

    def _check(self, tensor: Tensor) -> None:
        tol, l1 = (value if isinstance(value, Real) else -1.0 for value in (self.tol, self.l1))
        wanted = {
            "n_components": (_counts(self.n_components), 1),
            "n_restarts": (_counts(self.n_restarts), 1),
            "max_iter": (_counts(self.max_iter), 1),
            "tol": (0 <= tol < 1, "between 0 and 1"),
            "l1": (0 <= l1 < math.inf and (self._bounded or l1 == 0), "0 or more"),
            "dtype": (str(self.dtype) in ("float32", "float64"), "float32 or float64"),
        }
        for name, (fine, what) in wanted.items():
            if not fine:
                what = "a whole number of at least 1" if what == 1 else what
                raise ValueError(
                    f"{self._name}: {name} must be {what}, got {getattr(self, name)!r}."
                )
        sizes = tensor.shape if tensor.form != "pairs" else tensor.sizes
        most = min(math.prod(sizes) // max(size, 1) for size in sizes)
        if self.n_components > most:
            shape = f"{tensor.shape}"
            if len(sizes) == 2:
                shape = f"(n_samples={sizes[0]}, n_features={sizes[1]})"
            raise ValueError(
                f"{self._name}: a tensor of shape {shape} has rank {most} at most, and"
                f" n_components={self.n_components}; ask for fewer."
            )

    def _check_size(self, operand: Operand) -> None:
        """Refuse zeros, and numbers whose products leave what floating point holds."""
        if not operand.norm2 > 0:
            raise ValueError(f"{self._name}: X is zero wherever it is known; nothing to explain.")
        order = sum(operand.powers)
        n_entries = math.prod(n**k for n, k in zip(operand.sizes, operand.powers, strict=True))
        typical = math.sqrt(operand.norm2 / n_entries)
        if not TINY * 100 < typical ** (2 - 2 / order) < 1 / TINY:
            raise ValueError(
                f"{self._name}: entries of X are around {typical:.0e}, and products of such"
                " numbers are lost in rounding; scale X to moderate numbers, the weights scale"
                " with it."
            )

    def _starts(self, operand: Operand) -> list[np.ndarray]:
        rng = check_random_state(self.random_state)
        starts = draw(
            operand.sizes, self.n_components, self.n_restarts, rng, signed=not self._bounded
        )
        if self.warm_start and hasattr(self, "factors_"):
            weight = self.factors_["weight"].values
            for k, (start, name) in enumerate(zip(starts, self.modes_, strict=True)):
                factor = self._factor(name)
                if factor.shape != start.shape[1:]:
                    raise ValueError(
                        f"{self._name}: warm_start takes a tensor with as many {name} as before,"
                        f" {factor.shape[0]}, and as many components, got {start.shape[1:]}."
                    )
                start[0] = factor * weight if k == len(starts) - 1 else factor
        return starts

    def _like(self, device: torch.device | None) -> Any:
        one = np.zeros(1, self.dtype)
        if device is None:
            return one
        import torch

        return torch.from_numpy(one).to(device)

    def _keep(
        self, tensor: Tensor, operand: Operand, fitted: Fitted, device: torch.device | None
    ) -> None:
        best = int(np.argmin(fitted.errors))
        if not np.isfinite(fitted.errors[best]):
            raise ValueError(
                f"{self._name}: every restart ended in NaN or infinity; scale X to moderate"
                " numbers, or fit with dtype='float64'."
            )
        self.modes_ = list(tensor.modes)
        self.dims_ = list(tensor.dims)
        self.form_ = tensor.form
        self.shape_ = list(tensor.shape)
        self.sample_mode_ = tensor.sample_mode
        self.n_components_ = int(self.n_components)
        batches = [factor[best : best + 1] for factor in fitted.factors]
        own = [like(f, self._like(device)) for f in batches]
        self.stationarity_ = float(stationarity(operand, own, bounded=self._bounded)[0])
        self.factors_ = self._label(tensor, [f[0] for f in batches])
        self.error_ = float(fitted.errors[best])
        self.errors_ = fitted.errors
        self.best_restart_ = best
        self.converged_ = fitted.converged
        self.n_iter_ = int(fitted.n_sweeps[best])
        self.history_ = fitted.history
        self.similarities_ = np.array(
            [
                factor_match_score([f[0] for f in batches], [f[k] for f in fitted.factors])
                if np.isfinite(fitted.errors[k])
                else 0.0
                for k in range(self.n_restarts)
            ]
        )
        others = np.delete(self.similarities_, best)
        self.stability_ = float(others.mean()) if len(others) else 1.0
        if not self.converged_[best]:
            warnings.warn(
                f"{self._name}: the best restart was still improving after {self.max_iter}"
                " iterations; raise max_iter or tol.",
                ConvergenceWarning,
                stacklevel=4,
            )

    def _label(self, tensor: Tensor, factors: list[np.ndarray]) -> xr.Dataset:
        """Return the factors of norm 1, the largest component first."""
        wide = [f.astype(np.float64) for f in factors]
        norms = [np.linalg.norm(f, axis=0) for f in wide]
        powers = [2 if name == "unit" and tensor.form == "cp" else 1 for name in tensor.modes]
        weight = np.prod([n**p for n, p in zip(norms, powers, strict=True)], axis=0)
        order = np.argsort(-weight, kind="stable")
        found: dict[str, Any] = {"weight": ("component", weight[order])}
        for name, factor, norm in zip(tensor.modes, wide, norms, strict=True):
            unit = (factor / np.maximum(norm, 1e-300))[:, order]
            if not self._bounded and name != tensor.sample_mode:
                unit = unit * np.where(unit.max(0) < -unit.min(0), -1.0, 1.0)
            if name == "pair":
                found["pair_factor"] = (("source", "target", "component"), _unfold(unit, tensor))
            else:
                found[f"{name}_factor"] = ((name, "component"), unit)
        if not self._bounded:
            found = self._signed(tensor, wide, order, found)
        out = xr.Dataset(found, coords={"component": np.arange(len(weight))})
        for name in (*tensor.modes, "source", "target"):
            source = "source" if name == "unit" and "source" in tensor.coords else name
            if source not in tensor.coords or name not in out.dims:
                continue
            coordinate = tensor.coords[source].drop_vars(
                [k for k in tensor.coords[source].coords if k != source]
            )
            if source != name:
                coordinate = coordinate.rename({source: name})
            out = out.assign_coords(xr.Coordinates({name: coordinate}, coordinate.xindexes))
        return out

    def _signed(
        self, tensor: Tensor, wide: list[np.ndarray], order: np.ndarray, found: dict[str, Any]
    ) -> dict[str, Any]:
        """Let the samples carry the sign: the largest entry of each other factor is positive."""
        sign = np.ones(len(order))
        for name, factor in zip(tensor.modes, wide, strict=True):
            if name == tensor.sample_mode or (name == "unit" and tensor.form == "cp"):
                continue
            sign = sign * np.where(factor.max(0) < -factor.min(0), -1.0, 1.0)[order]
        key = f"{tensor.sample_mode}_factor"
        dims, values = found[key]
        return found | {key: (dims, values * sign)}

    def _factor(self, mode: str) -> np.ndarray:
        """Return the factor of one mode as (size, n_components), of norm 1."""
        values = self.factors_[f"{mode}_factor"].values
        if mode == "pair":
            source, target = np.triu_indices(len(values), 1)
            values = values[source, target]
        return np.asarray(values, dtype=np.float64)

    def _mode(self, dim: str | None) -> str:
        mode = self.sample_mode_ if dim is None else dim
        if mode not in self.modes_ or (mode in ("pair", "unit") and self.form_ != "dense"):
            allowed = [name for name in self.modes_ if name not in ("pair", "unit")]
            raise ValueError(f"{self._name}: dim must be one of {allowed}, got {dim!r}.")
        return mode

    def _match(self, tensor: Tensor, mode: str) -> Tensor:
        """Put units and animals in the order of the fit, or say which are not the same."""
        if tensor.dims != tuple(self.dims_):
            raise ValueError(
                f"{self._name} was fitted on dims {tuple(self.dims_)}, got {tensor.dims}."
            )
        order: dict[str, Any] = {}
        for name, size, before in zip(tensor.dims, tensor.shape, self.shape_, strict=True):
            source = "unit" if name in ("source", "target") and self.form_ == "cp" else name
            if name == mode:
                continue
            known = self.factors_.coords.get(source)
            new = tensor.coords.get(name)
            if known is not None and new is not None and name != "time":
                a, b = known.values.tolist(), new.values.tolist()
                if len(set(b)) < len(b):
                    raise ValueError(
                        f"{self._name}: {name} is matched by name, and X has the same name twice;"
                        " give each its own."
                    )
                if set(a) != set(b):
                    missing = [one for one in a if one not in set(b)]
                    extra = [one for one in b if one not in set(a)]
                    raise ValueError(
                        f"{self._name}: {name} must be as in fit; X lacks {missing} and has"
                        f" {extra} besides."
                    )
                if a != b:
                    order[name] = [b.index(one) for one in a]
            elif size != before:
                raise ValueError(
                    f"{self._name}: {name} has size {size}, in fit it had {before}; dim={name!r}"
                    " finds the loadings of that mode."
                )
        if not order:
            return tensor
        return tensor.taken(order)

    def _model(self, factors: list[np.ndarray]) -> np.ndarray:
        if self.form_ == "cp":
            factors = [factors[0], *factors]
        letters = "abcdefghijklm"[: len(factors)]
        terms = ",".join(f"{letter}z" for letter in letters)
        values = np.einsum(f"{terms}->{letters}", *factors, optimize=True)
        if self.form_ != "pairs":
            return np.asarray(values)
        n_units = self.shape_[0]
        whole = np.full((n_units, n_units, *values.shape[1:]), np.nan)
        source, target = np.triu_indices(n_units, 1)
        whole[source, target] = values
        whole[target, source] = values
        return whole


def _counts(value: object) -> bool:
    whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
    return whole and value >= 1  # type: ignore[operator]


def _unfold(pairs: np.ndarray, tensor: Tensor) -> np.ndarray:
    """Lay pairs out as a symmetric matrix; NaN for a unit with itself."""
    n_units = tensor.shape[0]
    whole = np.full((n_units, n_units, pairs.shape[1]), np.nan)
    for place, i in enumerate_rows(n_units):
        rows = pairs[place : place + n_units - i - 1]
        whole[i, i + 1 :] = rows
        whole[i + 1 :, i] = rows
    return whole
