"""Spikes that go where their unit goes: an xarray index over a ragged array."""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Any, Self

import numpy as np
import xarray as xr
from xarray.core.indexes import Index

TIMES, FIRST = "spike_time", "first_spike"  # the coordinates of the index


class SpikeIndex(Index):
    """Index of a Dataset of spikes: whatever is done along ``unit`` is done to the spikes, too.

    ``spike_time(spike)`` holds the spikes of all units, one unit after the other, and
    ``first_spike(unit)`` the position of the first one of each. xarray tells an index of each
    selection along a dim of its coordinates and takes new coordinates from it: so ``sel``,
    ``isel``, ``where(drop=True)``, ``sortby``, ``groupby`` and ``concat`` along ``unit`` keep the
    spikes of the units that they keep, in their order.

    Parameters
    ----------
    times : xarray.Variable of dims ("spike",)
        In seconds, unit by unit.
    counts : ndarray of shape (n_units,), or 0-d for one unit that was picked
        Spikes of each unit.
    ids : ndarray of the shape of ``counts``
        Names of the units, by which a reordering that no index is told of is found out.
    span : hashable
        What was observed; pieces with another are not joined without a word.
    """

    def __init__(
        self,
        times: xr.Variable,
        counts: np.ndarray,
        ids: np.ndarray,
        span: Hashable,
        names: tuple[Hashable, Hashable] = (TIMES, FIRST),
        unit: Hashable = "unit",
    ) -> None:
        self.times, self.counts, self.ids, self.span = times, counts, ids, span
        self.names, self.unit = names, unit

    @property
    def spike(self) -> Hashable:
        """Name of the dim along which the spikes stand."""
        return self.times.dims[0]

    @property
    def firsts(self) -> np.ndarray:
        """Position of the first spike of each unit."""
        stops = np.cumsum(self.counts)
        return (stops - self.counts).reshape(np.shape(self.counts))

    def create_variables(
        self, variables: Mapping[Any, xr.Variable] | None = None
    ) -> dict[Hashable, xr.Variable]:
        """Return the two coordinates, with the attributes that they had."""
        old = variables or {}
        time, first = self.names
        dims = (self.unit,) if np.ndim(self.counts) else ()
        made = {time: self.times.copy(deep=False), first: xr.Variable(dims, self.firsts)}
        for name, variable in made.items():
            if name in old:
                variable.attrs = dict(old[name].attrs)
        return made

    def should_add_coord_to_array(
        self, name: Hashable, var: xr.Variable, dims: set[Hashable]
    ) -> bool:
        """Keep both out of what is taken from the Dataset: ``x["region"]`` has no spikes."""
        return {self.unit, self.spike} <= dims

    def isel(self, indexers: Mapping[Any, Any]) -> "Self":
        """Keep the spikes of the chosen units."""
        if self.spike in indexers:
            raise TypeError(
                "isel: spikes belong to units and are chosen neither by position nor by condition;"
                " use neurokit.recording.select_time(x, start, stop), or x['spike_time'] alone."
            )
        chosen = indexers[self.unit]
        if isinstance(chosen, xr.Variable | xr.DataArray):
            if chosen.ndim and chosen.dims != (self.unit,):
                raise TypeError(
                    f"isel: units are chosen along {self.unit!r}, got an indexer with dims"
                    f" {chosen.dims}; pass its values."
                )
            chosen = chosen.values
        return self._take(chosen)

    def equals(self, other: Index, *, exclude: frozenset[Hashable] | None = None) -> bool:
        """Tell whether both hold the same spikes; along ``unit`` two pieces may differ."""
        if not isinstance(other, SpikeIndex):
            return False
        if exclude and self.unit in exclude:
            return True
        return (
            np.array_equal(self.counts, other.counts)
            and np.array_equal(self.ids, other.ids)
            and self.span == other.span
            and (self.times is other.times or np.array_equal(self.times, other.times))
        )

    @classmethod
    def concat(
        cls,
        indexes: Sequence[Self],
        dim: Hashable,
        positions: Iterable[Iterable[int]] | None = None,
    ) -> "Self":
        """Join units that were observed at the same times."""
        head = indexes[0]
        if dim != head.unit:
            raise ValueError(f"concat: spikes are joined along {head.unit!r}, got {dim!r}.")
        if any(index.span != head.span for index in indexes):
            raise ValueError(
                "concat: the units were not observed at the same times; use"
                " neurokit.recording.join, which keeps who was observed when."
            )
        joined = cls(
            xr.Variable((head.spike,), np.concatenate([index.times.values for index in indexes])),
            np.concatenate([np.atleast_1d(index.counts) for index in indexes]),
            np.concatenate([np.atleast_1d(index.ids) for index in indexes]),
            *(head.span, head.names, head.unit),
        )
        if positions is None:
            return joined
        order = np.concatenate([np.asarray(list(p), dtype=np.intp) for p in positions])
        return joined._take(np.argsort(order, kind="stable"))

    def join(self, other: Self, how: str = "inner") -> Self:
        """Refuse: two Datasets of spikes have no common grid."""
        raise ValueError(
            "spikes of other units or recordings do not align; select the same units of both, or"
            " use neurokit.recording.join to put units together."
        )

    def reindex_like(self, other: Self) -> dict[Hashable, Any]:
        """Refuse, as ``join`` does."""
        self.join(other)
        return {}

    def roll(self, shifts: Mapping[Any, int]) -> "Self":
        """Turn the units round, as ``roll(roll_coords=True)`` does."""
        if self.spike in shifts:
            self.isel({self.spike: 0})
        return self._take(np.roll(np.arange(len(self.counts)), shifts[self.unit]))

    def rename(
        self, name_dict: Mapping[Any, Hashable], dims_dict: Mapping[Any, Hashable]
    ) -> "Self":
        """Give a coordinate or a dim another name."""
        time, first = (name_dict.get(name, name) for name in self.names)
        times = xr.Variable((dims_dict.get(self.spike, self.spike),), self.times._data)
        unit = dims_dict.get(self.unit, self.unit)
        return type(self)(times, self.counts, self.ids, self.span, (time, first), unit)

    def __repr__(self) -> str:
        return (
            f"SpikeIndex({np.size(self.counts)} units, {self.times.size} spikes; they are moved"
            " with neurokit.recording.shift_time, others are made with neurokit.spikes)"
        )

    def _repr_inline_(self, max_width: int) -> str:
        return f"SpikeIndex({np.size(self.counts)} units, {self.times.size} spikes)"

    def _take(self, chosen: Any) -> "Self":
        counts, ids = np.asarray(self.counts)[chosen], np.asarray(self.ids)[chosen]
        times = gather(self.times, np.atleast_1d(self.firsts[chosen]), np.atleast_1d(counts))
        return type(self)(times, counts, ids, self.span, self.names, self.unit)


def gather(times: xr.Variable, firsts: np.ndarray, counts: np.ndarray) -> xr.Variable:
    """Return the spikes of some units, one unit after the other.

    Parameters
    ----------
    times : xarray.Variable of dims ("spike",)
    firsts, counts : ndarray of shape (n_units,)
        Position of each unit's first spike, and how many follow.
    """
    if not len(counts):
        return times[:0]
    stops = firsts + counts
    if (firsts[1:] == stops[:-1]).all():  # neighbours: nothing is copied, nothing is read
        return times[int(firsts[0]) : int(stops[-1])]
    values = times.values
    pieces = [values[a:b] for a, b in zip(firsts, stops, strict=True)]
    return xr.Variable(times.dims, np.concatenate(pieces))
