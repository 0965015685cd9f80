"""Differential affinity: which units change together, and when. Held as traces, never as pairs."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike

from neurokit.connectomes.tensors.backend import Array, module_of
from neurokit.connectomes.tensors.change import rates_of_change
from neurokit.connectomes.tensors.packed import Pairs
from neurokit.connectomes.tensors.presence import Presence
from neurokit.connectomes.tensors.separable import Separable

if TYPE_CHECKING:
    import torch

KINDS = ("geometric", "product", "min")
TILE = 2**20  # entries
HELD = 2**25  # entries of minima that are worth holding: making them costs more than reading


def differential_affinity(
    traces: xr.DataArray,
    kind: str = "geometric",
    *,
    signed: bool = False,
    smoothing: float = 1.0,
    normalize: str | None = "mad",
) -> Affinity:
    r"""Measure how much each two units change together at each moment.

    With :math:`g_i(t)` the rate of change of a trace and :math:`g^+, g^-` its rising and falling
    part, the affinity of two different units is

    * geometric: :math:`\sqrt{g_i^+ g_j^+} + \sqrt{g_i^- g_j^-}`
    * product: :math:`g_i^+ g_j^+ + g_i^- g_j^-`
    * min: :math:`\min(g_i^+, g_j^+) + \min(g_i^-, g_j^-)`

    All are zero where one rises while the other falls. What Dyballa et al. [1]_ call differential
    affinity is of this family, but their formula could not be verified, so that no kind here
    carries the paper's name. The product gives single large transients the most weight, the
    geometric mean and the minimum the least; the minimum asks that both be large.

    Parameters
    ----------
    traces : xarray.DataArray of dims ("unit", "time") and perhaps one more such as "animal"
        As `neurokit.traces` and `neurokit.stack` make them; NaN where a unit is not known.
    kind : {"geometric", "product", "min"}, default="geometric"
    signed : bool, default=False
        Whether to add the affinity of opposite changes (:math:`g_i^+` with :math:`g_j^-`) along
        a further dim ``phase``.
    smoothing : float, default=1.0
        Standard deviation of the Gaussian that smooths the traces first, in seconds. The first
        and last 2.5 of them are left out, where a slope is noisier in all units at once.
    normalize : {"mad", "std", None}, default="mad"
        What each unit's rate of change is divided by in each animal: its median absolute value
        times 1.4826, its root mean square, or nothing.

    Returns
    -------
    Affinity

    Raises
    ------
    TypeError
        If ``traces`` is no labelled array with a clock.
    ValueError
        If a parameter is out of range, dims do not fit, a trace never changes, all of an animal
        is missing, or there are fewer steps than the smoothing spans.

    Warns
    -----
    UserWarning
        If two units of an animal hold the same trace.

    References
    ----------
    .. [1] Dyballa, Lang, Haslund-Gourley, Yemini and Zucker (2024), Learning dynamic
       representations of the functional connectome in neurobiological networks, ICLR,
       arXiv:2402.14102.

    Examples
    --------
    >>> from neurokit.datasets import make_calcium
    >>> affinity = differential_affinity(make_calcium(30, n_units=20, random_state=0).traces)
    >>> affinity
    <Affinity geometric (source: 20, target: 20, time: 248), traces of 0.0 MiB>
    >>> bool(affinity.to_dense().isel(source=3, target=3).isnull().all())
    True
    """
    if kind not in KINDS:
        raise ValueError(f"differential_affinity: kind must be one of {KINDS}, got {kind!r}.")
    rates = rates_of_change(
        traces, smoothing=smoothing, normalize=normalize, caller="differential_affinity"
    )
    return Affinity(rates, kind, signed=signed)


class Affinity:
    """A tensor (source, target, time, animal) of affinities that exists only as its traces.

    `differential_affinity` makes it. It is an operator, not an array: it multiplies, slices and
    streams without ever holding all pairs.

    Parameters
    ----------
    rates : xarray.DataArray of dims ("unit", "time"[, "animal"])
        Rates of change; NaN where a unit is not known.
    kind : {"geometric", "product", "min"}
    signed : bool, default=False
        Whether opposite changes stand beside, along ``phase``.

    Attributes
    ----------
    rates, kind, signed
        What it was made from.
    """

    def __init__(self, rates: xr.DataArray, kind: str, *, signed: bool = False) -> None:
        others = [dim for dim in rates.dims if dim not in ("unit", "time")]
        self.rates = rates.transpose("unit", "time", *others)
        self.kind = kind
        self.signed = signed

    @property
    def dims(self) -> tuple[str, ...]:
        """Names of the modes: source, target, time, and animal and phase where there are any."""
        return ("source", "target", *self.cell_dims)

    @property
    def cell_dims(self) -> tuple[str, ...]:
        """Names of the modes beside the two of the units."""
        cells = tuple(str(dim) for dim in self.rates.dims[1:])
        return (*cells, "phase") if self.signed else cells

    @property
    def shape(self) -> tuple[int, ...]:
        """Sizes of the modes."""
        n_units, *cells = self.rates.shape
        return (n_units, n_units, *cells, *([2] if self.signed else []))

    @property
    def sizes(self) -> dict[str, int]:
        """Size of each mode, by name."""
        return dict(zip(self.dims, self.shape, strict=True))

    @property
    def nbytes(self) -> int:
        """Bytes held; the tensor would take ``4 * prod(shape)``."""
        return int(self.rates.nbytes)

    @property
    def coords(self) -> xr.Coordinates:
        """Coordinates of the modes; those of units stand on source and on target."""
        template = self.rates.isel(unit=[0, 0], drop=False).isel(unit=0, drop=True)
        coords = template.coords
        for dim in ("source", "target"):
            renamed = self.rates["unit"].rename({"unit": dim})
            coords = coords.assign({dim: renamed.variable})
        return coords.assign(phase=["same", "opposite"]) if self.signed else coords

    def __repr__(self) -> str:
        sizes = ", ".join(f"{dim}: {n}" for dim, n in self.sizes.items())
        return f"<Affinity {self.kind} ({sizes}), traces of {self.nbytes / 2**20:.1f} MiB>"

    def isel(self, indexers: Mapping[Any, Any] | None = None, **kwargs: Any) -> Affinity:
        """Choose units, times or animals by position.

        Parameters
        ----------
        indexers, **kwargs
            As `xarray.DataArray.isel` takes them, for ``unit``, ``time`` and ``animal``; units
            are chosen on both sides alike, and no dim is dropped.

        Returns
        -------
        Affinity

        Raises
        ------
        ValueError
            If source and target were to differ.
        """
        wanted = dict(indexers or {}) | kwargs
        if {"source", "target", "phase"} & set(wanted):
            raise ValueError(
                "Affinity.isel chooses source and target alike: give unit=..., or take tiles()."
            )
        kept: dict[Hashable, object] = {
            dim: [chosen] if np.ndim(chosen) == 0 and not isinstance(chosen, slice) else chosen
            for dim, chosen in wanted.items()
        }
        return Affinity(self.rates.isel(kept), self.kind, signed=self.signed)

    def mttkrp(
        self, factors: Sequence[ArrayLike] | Mapping[str, ArrayLike], mode: int | str
    ) -> np.ndarray:
        """Multiply the tensor with all factors but one (matricised tensor, Khatri-Rao product).

        Parameters
        ----------
        factors : sequence of array-likes of shape (size, rank), or mapping of dim to them
            One for the units (``"unit"``, which serves source and target), then one for each of
            ``cell_dims``. Entries that are not known count as zero.
        mode : int or str
            Place in ``factors``, or dim, of the one left out.

        Returns
        -------
        ndarray of shape (size, rank), float64
        """
        names = ("unit", *self.cell_dims)
        given = [factors[name] for name in names] if isinstance(factors, Mapping) else factors
        arrays = [np.asarray(factor, dtype=np.float64)[None] for factor in given]
        place = names.index(mode) if isinstance(mode, str) else mode
        sizes = [self.shape[0], *self.shape[2:]]
        if [a.shape[1] for a in arrays] != sizes or len({a.shape[2] for a in arrays}) != 1:
            raise ValueError(
                f"Affinity.mttkrp takes factors of shape (size, rank) for {names} with sizes"
                f" {sizes}, got {[a.shape[1:] for a in arrays]}."
            )
        return np.asarray(self.operand(np.dtype(np.float64)).products(arrays, place)[0])

    def norm2(self) -> float:
        """Return the sum of squares over all known entries, summed in float64."""
        return float(self.operand(np.dtype(np.float64)).norm2)

    def tiles(
        self, size: int | None = None
    ) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """Stream the tensor as stretches of pairs.

        Parameters
        ----------
        size : int, optional
            Pairs in a tile. Default: as many as a million entries take.

        Yields
        ------
        source, target : int ndarrays of shape (n_pairs,)
            Positions of the units, source before target.
        values : float32 ndarray of shape (n_pairs, cells)
            NaN where not known.
        """
        rates = self.rates.values
        n_units, n_cells = len(rates), math.prod(self.shape[2:])
        if size is None:
            size = max(1, TILE // n_cells)
        source, target = np.triu_indices(n_units, 1)
        for start in range(0, len(source), size):
            i, j = source[start : start + size], target[start : start + size]
            yield i, j, self._values(rates[i], rates[j])

    def average(self, weights: ArrayLike | None = None) -> xr.DataArray:
        """Average the affinity of each pair over all cells in which both units are known.

        Parameters
        ----------
        weights : array-like of shape (n_cells, ...), the modes of ``cell_dims``, optional
            How much each cell counts, zero or more; default: all alike.

        Returns
        -------
        xarray.DataArray of dims ("source", "target")
            NaN for a unit with itself, and for pairs that are never known where weights are.
        """
        cells = self.shape[2:]
        weight = np.ones(cells) if weights is None else np.asarray(weights, dtype=np.float64)
        if weight.shape != cells:
            raise ValueError(
                f"Affinity.average takes weights of shape {cells}, one for each cell, got"
                f" {weight.shape}."
            )
        known = np.isfinite(self.rates.values)
        apart = known[..., None] if self.signed else known
        total = np.broadcast_to(apart, (len(known), *cells)).reshape(len(known), -1)
        total = (total * weight.ravel()) @ total.T.astype(np.float64)
        summed = self.operand(np.dtype(np.float64)).towards_pairs(weight.ravel())
        with np.errstate(invalid="ignore", divide="ignore"):
            mean = np.where(total > 0, summed / total, np.nan)
        np.fill_diagonal(mean, np.nan)
        coords = {dim: self.coords[dim] for dim in ("source", "target")}
        return xr.DataArray(mean, coords, ("source", "target"), name="affinity")

    def row(self, i: int) -> np.ndarray:
        """Return the affinities of unit i with itself (NaN) and with all behind it, by cell."""
        rates = self.rates.values
        values = self._values(rates[i : i + 1], rates[i:])
        values[0] = np.nan
        return values

    def to_dense(self) -> xr.DataArray:
        """Build the whole tensor; NaN for a unit with itself and where nothing is known.

        Returns
        -------
        xarray.DataArray of dims ("source", "target", "time", ...)
        """
        dense = np.full(self.shape, np.nan, np.float32)
        for i, j, values in self.tiles():
            dense[i, j] = values
            dense[j, i] = values
        return xr.DataArray(dense, self.coords, self.dims, name="affinity")

    def operand(
        self, dtype: np.dtype[np.floating], device: torch.device | None = None
    ) -> Separable | Pairs:
        """Return the products that factorisation needs; implicit where the kind is separable."""
        rates = self.rates.values
        known = np.isfinite(rates)
        sizes = (self.shape[0], *self.shape[2:])
        presence = Presence(known[..., None] if self.signed else known, diagonal=False)
        flat = np.where(known, rates, 0).reshape(len(rates), -1).astype(dtype)
        if self.kind == "min":
            tiles = _MinTiles(_to(flat, device), signed=self.signed)
            n_units, n_cells = len(rates), math.prod(sizes[1:])
            if n_units * (n_units + 1) // 2 * n_cells <= HELD:
                rows = [values for _, values in tiles()]
                return Pairs.held(module_of(rows[0]).concatenate(rows), sizes, presence)
            return Pairs(tiles, sizes, presence)
        if self.kind == "geometric":
            flat = np.sign(flat) * np.sqrt(np.abs(flat))
        return Separable(_to(flat, device), sizes, presence, phases=self.signed)

    def _values(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        """Affinities of rows of rates with rows of rates."""
        same = _together(a, b, self.kind)
        return np.stack([same, _together(a, -b, self.kind)], -1) if self.signed else same


def _together(a: np.ndarray, b: np.ndarray, kind: str) -> np.ndarray:
    if kind == "min":
        size = np.minimum(np.abs(a), np.abs(b))
    else:
        size = np.abs(a * b)
        size = np.sqrt(size) if kind == "geometric" else size
    return np.where(np.isnan(a) | np.isnan(b), np.nan, np.where(a * b > 0, size, 0))


class _MinTiles:
    """Rows of pairs (i, j), i <= j, of the minimum affinity, made when asked for."""

    def __init__(self, rates: Array, *, signed: bool) -> None:
        self.rates = rates
        self.signed = signed

    def __call__(self) -> Iterator[tuple[slice, Array]]:
        place = 0
        for i in range(len(self.rates)):
            first, others = self.rates[i : i + 1], self.rates[i:]
            same = _smaller(first, others)
            if self.signed:
                same = _interleave(same, _smaller(first, -others))
            same[0] = 0  # itself
            yield slice(place, place + len(same)), same
            place += len(same)


def _smaller(a: Array, b: Array) -> Array:
    """Minimum of the rising parts plus minimum of the falling ones."""
    if isinstance(a, np.ndarray):
        return np.minimum(a, b).clip(0) - np.maximum(a, b).clip(None, 0)
    return a.minimum(b).clip(min=0) - a.maximum(b).clip(max=0)


def _interleave(a: Array, b: Array) -> Array:
    if isinstance(a, np.ndarray):
        return np.stack([a, b], -1).reshape(len(a), -1)
    import torch

    return torch.stack([a, b], -1).reshape(len(a), -1)


def _to(values: np.ndarray, device: torch.device | None) -> Array:
    if device is None:
        return values
    import torch

    return torch.from_numpy(values).to(device)
