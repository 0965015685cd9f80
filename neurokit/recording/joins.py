"""Recordings put together: units, channels and quantities made to match first."""

import warnings
from collections.abc import Hashable, Sequence
from typing import overload

import numpy as np
import xarray as xr

from neurokit.recording.checks import check_spikes, unit_coords
from neurokit.recording.observed import spans_of
from neurokit.recording.rate import sampling_rate
from neurokit.recording.spikes import spikes
from neurokit.recording.units import power_between, read_units, scale_units, unit_of_each

_SPACES = ("channel", "unit", "feature")


@overload
def join(pieces: Sequence[xr.DataArray], dim: str = "unit") -> xr.DataArray: ...
@overload
def join(pieces: Sequence[xr.Dataset], dim: str = "unit") -> xr.Dataset: ...
def join(
    pieces: Sequence[xr.DataArray] | Sequence[xr.Dataset], dim: str = "unit"
) -> xr.DataArray | xr.Dataset:
    """Put recordings together along ``dim``, with what has to match made to match.

    ``xr.concat`` takes the numbers as they are: microvolts beside millivolts, and NaN for a
    channel that one subject lacks.

    Parameters
    ----------
    pieces : sequence of xarray.DataArray, or of xarray.Dataset of spikes
        Spikes are put together along ``unit``; they are on one clock, but may have been observed
        at other times: a unit that was not watched is then not silent, but unknown.
    dim : str, default="unit"
        ``"trial"`` (subjects, sessions), ``"time"`` (pieces of one recording), or ``"channel"``,
        ``"unit"``, ``"feature"``.

    Returns
    -------
    DataArray or Dataset
        In the unit of the first piece, with the channels that all pieces have in its order, and
        with the coordinates that all have along ``dim``.

    Raises
    ------
    ValueError
        If there is no piece, pieces are of other quantities or clocks, have no channel in common,
        or an id of a unit occurs twice.

    Warns
    -----
    UserWarning
        With the channels that some piece lacks, and that are left out.

    Examples
    --------
    >>> import numpy as np, neurokit
    >>> a = neurokit.signal(np.ones((2, 3, 5)), sampling_rate=100, channels=["C3", "Cz", "C4"])
    >>> b = neurokit.signal(np.ones((1, 3, 5)), sampling_rate=100, channels=["C4", "Cz", "C3"],
    ...                     units="mV")
    >>> both = join([a, b], "trial")
    >>> both[:, 0, 0].values.tolist(), both["channel"].values.tolist()
    ([1.0, 1.0, 1000.0], ['C3', 'Cz', 'C4'])
    """
    if not len(pieces):
        raise ValueError("join: there is nothing to put together.")
    arrays = [piece for piece in pieces if isinstance(piece, xr.DataArray)]
    datasets = [piece for piece in pieces if isinstance(piece, xr.Dataset)]
    if arrays and datasets:
        raise ValueError("join: spikes and arrays do not go together; bin_spikes counts spikes.")
    return _join_arrays(arrays, dim) if arrays else _join_spikes(datasets, dim)


def _join_arrays(pieces: list[xr.DataArray], dim: str) -> xr.DataArray:
    first = pieces[0]
    if wrong := [x.dims for x in pieces if dim not in x.dims or set(x.dims) != set(first.dims)]:
        raise ValueError(
            f"join: all pieces must have the same dims, {dim!r} among them, got {first.dims} and"
            f" {wrong[0]}; x.expand_dims({dim!r}) adds one."
        )
    space = next((str(d) for d in first.dims if d in _SPACES), "")
    if space and space != dim:
        pieces = _same_channels(pieces, space)
    if dim == "time":
        rates = {round(sampling_rate(x), 3) for x in pieces if x.sizes["time"] > 1}
        if len(rates) > 1:
            raise ValueError(
                f"join: the pieces are at {sorted(rates)} Hz; neurokit.recording.resample brings"
                " them to one rate."
            )
    wanted = read_units(pieces[0], space)
    if wanted is not None and dim != space:
        pieces = [_in_unit(x, space, wanted) for x in pieces]
    elif dim == space and len({str(read_units(x, space)) for x in pieces}) > 1:
        each = [unit_of_each(read_units(x, space) or "", x.sizes[space]) for x in pieces]
        pieces = [
            x.assign_coords(units=(space, units)) for x, units in zip(pieces, each, strict=True)
        ]
    pieces = [x.transpose(*first.dims) for x in pieces]
    kept = set.intersection(*(set(map(str, x.coords)) for x in pieces))
    pieces = [x.drop_vars([n for n in x.coords if n not in kept]) for x in pieces]
    try:
        return xr.concat(
            pieces,
            dim,
            join="exact",
            coords="different",
            compat="equals",
            combine_attrs="override",
        )
    except ValueError as error:
        clocks = [x["time"].values[[0, -1]].tolist() for x in pieces if "time" in x.coords]
        raise ValueError(
            f"join: the pieces do not fit along the dims beside {dim!r}"
            f" ({str(error).splitlines()[0][:120]}); their times run {clocks[:3]}; resample or cut"
            " them alike first."
        ) from None


def _same_channels(pieces: list[xr.DataArray], space: str) -> list[xr.DataArray]:
    if not all(space in x.coords for x in pieces):
        return pieces
    held = [x[space].values.tolist() for x in pieces]
    common = [name for name in held[0] if all(name in names for names in held)]
    if not common:
        raise ValueError(f"join: no {space} is in all pieces; the first has {held[0][:10]}.")
    lost = sorted({str(name) for names in held for name in names if name not in common})
    if lost:
        warnings.warn(
            f"join: {len(lost)} {space}s are not in all pieces and are left out: {lost[:10]}.",
            stacklevel=4,
        )
    return [
        x if names == common else x.sel({space: common})
        for x, names in zip(pieces, held, strict=True)
    ]


def _in_unit(x: xr.DataArray, space: str, wanted: str | list[str]) -> xr.DataArray:
    found = read_units(x, space)
    if found is None or found == wanted:
        return x
    n = x.sizes.get(space, 1)
    pairs = list(zip(unit_of_each(found, n), unit_of_each(wanted, n), strict=True))
    if not space or any(power_between(*pair) is None for pair in pairs):
        raise ValueError(f"join: pieces are in {wanted!r} and in {found!r}, which do not mix.")
    return scale_units(x, space, wanted)


def _join_spikes(pieces: Sequence[xr.Dataset], dim: str) -> xr.Dataset:
    if dim != "unit":
        raise ValueError(f"join: spikes are put together along 'unit', got {dim!r}.")
    read = [check_spikes(piece, "join") for piece in pieces]
    trains: dict[Hashable, np.ndarray] = {}
    intervals: dict[Hashable, np.ndarray] = {}
    for x in read:
        ends = np.cumsum(x["spike_count"].values)
        ids = x["unit"].values.tolist()
        if twice := [unit for unit in ids if unit in trains]:
            raise ValueError(
                f"join: the ids {twice[:5]} occur in two pieces; give the units of one other"
                " names first, with x.assign_coords(unit=...)."
            )
        parts = np.split(x["spike_time"].values, ends[:-1]) if ids else []
        trains |= dict(zip(ids, parts, strict=True))
        intervals |= dict(zip(ids, spans_of(x), strict=True))
    start = min(float(x["start"]) for x in read)
    stop = max(float(x["stop"]) for x in read)
    made = spikes(trains, start=start, stop=stop, units="s", intervals=intervals)
    shared = [
        name
        for name in unit_coords(read[0])
        if name != "unit" and all(name in x.coords for x in read)
    ]
    for name in shared:
        made = made.assign_coords({name: ("unit", np.concatenate([x[name].values for x in read]))})
    others = [c for c in read[0].coords.values() if not c.dims and c.name not in ("start", "stop")]
    same = {
        c.name: c.variable
        for c in others
        if all(c.name in x.coords and x[c.name].variable.identical(c.variable) for x in read)
    }
    return made.assign_coords(same).assign_attrs(read[0].attrs)
