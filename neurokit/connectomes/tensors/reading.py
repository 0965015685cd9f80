"""What comes into a factorisation: arrays of any order, labelled tensors, affinities."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_array, validate_data

from neurokit.connectomes.affinity import Affinity
from neurokit.connectomes.tensors.backend import Array
from neurokit.connectomes.tensors.dense import Dense
from neurokit.connectomes.tensors.packed import Pairs, pack
from neurokit.connectomes.tensors.sweeps import Operand
from neurokit.inputs.labels import labelled_or_plain, name_of

if TYPE_CHECKING:
    import torch

FORMS = ("auto", "dense", "cp", "pairs")
ORDER = ("source", "target", "trial", "time")  # of labelled dims; the others follow by name
SAMPLES = ("trial", "time")  # the mode whose loadings transform finds
SPACES = ("channel", "unit", "feature")


@dataclass
class Tensor:
    """A tensor in one order of dims, and the modes that its factorisation has."""

    values: Any  # ndarray in the order of ``dims``, or Affinity
    dims: tuple[str, ...]
    coords: dict[str, xr.DataArray]  # of dims that have one: DataArrays
    form: str  # "dense", "cp" or "pairs"
    labelled: bool
    caller: str

    @property
    def modes(self) -> tuple[str, ...]:
        """Names of the factors: a pair of units is one mode, or units stand for both sides."""
        if self.form == "dense":
            return self.dims
        return ("unit" if self.form == "cp" else "pair", *self.dims[2:])

    @property
    def shape(self) -> tuple[int, ...]:
        """Sizes in the order of ``dims``."""
        return tuple(self.values.shape)

    @property
    def sizes(self) -> tuple[int, ...]:
        """Sizes in the order of ``modes``."""
        if self.form == "dense":
            return self.shape
        n_units, _, *cells = self.shape
        return (n_units if self.form == "cp" else n_units * (n_units - 1) // 2, *cells)

    @property
    def sample_mode(self) -> str:
        """The mode of new data: trial, time, or the first that is not one of the units."""
        cells = self.modes if self.form == "dense" else self.modes[1:]
        return next((name for name in SAMPLES if name in cells), cells[0])

    def operand(
        self,
        dtype: np.dtype[np.floating],
        device: torch.device | None,
        held_out: np.ndarray | None = None,
    ) -> Operand:
        """Return the products that factorisation needs.

        Parameters
        ----------
        dtype : dtype
        device : torch.device or None
            None: NumPy.
        held_out : bool ndarray, optional
            Entries to be treated as unknown; of the shape that `known_shape` says.
        """
        if self.form == "dense":
            return self._dense(dtype, device, held_out)
        if self.form == "pairs":
            return self._as_pairs(dtype, device, held_out)
        if isinstance(self.values, Affinity) and held_out is None:
            return self.values.operand(dtype, device)
        return self._packed(dtype, device, held_out)

    @property
    def known_shape(self) -> tuple[int, ...]:
        """Shape of what ``held_out`` marks: entries, or pairs i <= j by cells."""
        if self.form == "cp":
            n_units = self.shape[0]
            return (n_units * (n_units + 1) // 2, math.prod(self.shape[2:]))
        return self.sizes

    def taken(self, order: dict[str, np.ndarray]) -> Tensor:
        """Return the tensor with some dims in another order, by position."""
        if isinstance(self.values, Affinity):
            names = {"source": "unit"}
            chosen = {names.get(d, d): at for d, at in order.items() if d != "target"}
            return replace(self, values=self.values.isel(chosen))
        values = self.values
        for axis, name in enumerate(self.dims):
            if name in order:
                values = values.take(order[name], axis)
        return replace(self, values=values)

    def _dense(
        self,
        dtype: np.dtype[np.floating],
        device: torch.device | None,
        held_out: np.ndarray | None,
    ) -> Dense:
        values = self.values
        if isinstance(values, Affinity):
            values = values.to_dense().values
        return _filled(values, dtype, device, held_out)

    def _as_pairs(
        self,
        dtype: np.dtype[np.floating],
        device: torch.device | None,
        held_out: np.ndarray | None,
    ) -> Dense:
        rows = np.empty(self.sizes, dtype)
        if isinstance(self.values, Affinity):
            place = 0
            for source, _, values in self.values.tiles():
                rows[place : place + len(source)] = values
                place += len(source)
        else:
            for place, i in enumerate_rows(len(self.values)):
                rows[place : place + len(self.values) - i - 1] = self._row(i, 1)
        return _filled(rows, dtype, device, held_out)

    def _packed(
        self,
        dtype: np.dtype[np.floating],
        device: torch.device | None,
        held_out: np.ndarray | None,
    ) -> Pairs:
        n_units = self.shape[0]
        sizes = (n_units, *self.shape[2:])
        if isinstance(self.values, Affinity):
            source = self.values

            def rows_of(i: int) -> np.ndarray:
                return source.row(i).reshape(n_units - i, -1)
        else:

            def rows_of(i: int) -> np.ndarray:
                return self._row(i, 0).reshape(n_units - i, -1)

        packed, presence, missing = pack(rows_of, sizes, dtype, held_out)
        return Pairs.held(_to(packed, device), sizes, presence, missing)

    def _row(self, i: int, offset: int) -> np.ndarray:
        """Entries (i, j), j >= i + offset, once it is clear that (j, i) are the same."""
        row, mirror = self.values[i, i + offset :], self.values[i + offset :, i]
        if not np.allclose(row, mirror, rtol=1e-4, atol=1e-6 * self._largest(), equal_nan=True):
            raise ValueError(
                f"{self.caller}: form={self.form!r} takes affinities that are the same in both"
                f" directions, and those of unit {i} are not; fit form='dense', or average the"
                " tensor with its transpose."
            )
        return np.asarray(row)

    def _largest(self) -> float:
        return float(max(abs(np.nanmax(self.values[0])), 1e-30))


def enumerate_rows(n_units: int) -> list[tuple[int, int]]:
    """Place of the first pair (i, j), j > i, of each unit i among all pairs."""
    return [(i * n_units - i * (i + 1) // 2, i) for i in range(n_units - 1)]


def read_tensor(
    estimator: BaseEstimator,
    X: Any,
    form: str,
    *,
    reset: bool,
    bounded: bool,
) -> Tensor:
    """Read ``X`` once and refuse what cannot be factorised.

    Parameters
    ----------
    estimator : estimator
        The caller.
    X : Affinity, xarray.DataArray or array-like
    form : str
    reset : bool
        True in ``fit``: names of channels are remembered. False elsewhere: they are compared.
    bounded : bool
        Whether negative entries are refused.
    """
    caller = name_of(estimator)
    if form not in FORMS:
        raise ValueError(f"{caller}: form must be one of {FORMS}, got {form!r}.")
    if isinstance(X, Affinity):
        form = "cp" if form == "auto" else form
        coords = {str(k): v for k, v in X.coords.items() if v.dims == (k,)}
        return Tensor(X, X.dims, coords, form, True, caller)
    form = "dense" if form == "auto" else form
    X = labelled_or_plain(X)
    labelled = isinstance(X, xr.DataArray)
    coords = {}
    if labelled:
        if X.dtype.kind not in "biuf":
            raise ValueError(f"{caller}: X must hold real numbers, got dtype {X.dtype}.")
        dims = tuple(sorted(map(str, X.dims), key=_rank))
        X = X.transpose(*dims)
        coords = {name: X[name] for name in dims if name in X.coords}
        X = X.values
    rules: Any = {
        "allow_nd": True,
        "dtype": [np.float64, np.float32],
        "ensure_all_finite": "allow-nan",
        "ensure_non_negative": bounded and not labelled,
    }
    X = np.asarray(X) if isinstance(X, list) else X
    # of a tensor, another mode than that of the features may be the new one
    if labelled or len(getattr(X, "shape", ())) > 2:
        values = check_array(X, estimator=estimator, input_name="X", **rules)
        if reset:
            estimator.n_features_in_ = values.shape[1]
    else:
        values = validate_data(estimator, X, reset=reset, **rules)
    if not labelled:
        dims = tuple(f"mode_{k}" for k in range(values.ndim))
        if form != "dense":
            dims = ("source", "target", *dims[2:])
    if bounded and labelled and np.nanmin(values, initial=0.0) < 0:
        raise ValueError(
            f"{caller} explains what is zero or more, and X has negative entries, down to"
            f" {np.nanmin(values):g}; fit CP, or what rises and what falls apart."
        )
    if form != "dense" and (dims[:2] != ORDER[:2] or values.ndim < 3):
        raise ValueError(
            f"{caller}: form={form!r} takes a tensor with dims source, target and at least one"
            f" more, got {dims}."
        )
    if form != "dense" and values.shape[0] != values.shape[1]:
        raise ValueError(
            f"{caller}: form={form!r} takes as many sources as targets, got {values.shape[:2]}."
        )
    if np.isnan(values.flat[0]) and np.isnan(values).all():
        raise ValueError(f"{caller}: X holds nothing but NaN.")
    return Tensor(values, dims, coords, form, labelled, caller)


def _rank(name: str) -> tuple[int, str]:
    return (ORDER.index(name) if name in ORDER else len(ORDER), name)


def _filled(
    values: np.ndarray,
    dtype: np.dtype[np.floating],
    device: torch.device | None,
    held_out: np.ndarray | None,
) -> Dense:
    """Put zero where nothing is known, and copy only if there is such a place."""
    values = np.asarray(values, dtype=dtype)
    unknown = np.isnan(values)
    if held_out is not None:
        unknown |= held_out
    if not unknown.any():
        return Dense(_to(_contiguous(values), device))
    return Dense(_to(np.where(unknown, 0, values).astype(dtype), device), ~unknown)


def _contiguous(values: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(values)


def _to(values: np.ndarray, device: torch.device | None) -> Array:
    if device is None:
        return values
    import torch

    return torch.from_numpy(values).to(device)
