"""Recordings put together: units, channels and quantities made to match first."""

from collections.abc import Hashable, Sequence

import numpy as np
import xarray as xr

from neurokit.recording.checks import check_spikes
from neurokit.recording.observed import spans_of
from neurokit.recording.spikes import spikes


def join(pieces: Sequence[xr.Dataset], dim: str = "unit") -> xr.Dataset:
    """Put units of several Datasets of spikes together, with what was observed of each.

    Parameters
    ----------
    pieces : sequence of xarray.Dataset
        Spikes on one clock, as made by ``neurokit.spikes``. They may have been observed at other
        times: a unit that was not watched is then not silent, but unknown.
    dim : {"unit"}
        Along which they are put together.

    Returns
    -------
    xarray.Dataset
        With the coordinates that all pieces have for their units.

    Raises
    ------
    ValueError
        If there is no piece, or an id occurs twice.
    """
    if not len(pieces):
        raise ValueError("join: there is nothing to put together.")
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
    shared = {
        name
        for name, c in read[0].coords.items()
        if c.dims == ("unit",) and name not in ("unit", "first_spike")
    }
    shared = {name for name in shared if all(name in x.coords for x in read)}
    for name in shared:
        made = made.assign_coords({name: ("unit", np.concatenate([x[name].values for x in read]))})
    others = [c for c in read[0].coords.values() if not c.dims and c.name not in ("start", "stop")]
    same = {
        c.name: c.variable
        for c in others
        if all(c.name in x.coords and x[c.name].identical(read[0][c.name]) for x in read)
    }
    return made.assign_coords(same).assign_attrs(read[0].attrs)
