"""What functions that take a recording refuse."""

from collections.abc import Hashable, Sequence

import numpy as np
import xarray as xr

from neurokit.recording.trains import FIRST, TIMES, SpikeIndex, gather

_OF_ALL = ("start", "stop", "subject", "session", "run")  # scalars that belong to no unit
_ALONG = {"interval_start": ("interval",), "interval_stop": ("interval",), "start": (), "stop": ()}


def check_dims(x: xr.DataArray, dims: Sequence[str], *, caller: str) -> xr.DataArray:
    """Return ``x`` with its dims in the order ``dims``, or say what is wrong with them."""
    if not isinstance(x, xr.DataArray):
        raise TypeError(
            f"{caller} takes an xarray.DataArray with dims {tuple(dims)}, got"
            f" {type(x).__name__}; neurokit.signal() makes one from an array."
        )
    if set(x.dims) != set(dims):
        raise ValueError(f"{caller} takes dims {tuple(dims)}, got {x.dims}.")
    return x.transpose(*dims)


def check_spikes(x: object, caller: str) -> xr.Dataset:
    """Return ``x`` if it is a Dataset of ragged spikes, each unit with its own.

    Parameters
    ----------
    x : xarray.Dataset
        As ``neurokit.spikes`` makes it, whatever was selected since; or one with ``spike_time``
        and ``spike_count`` alone, as older files hold it. One unit that was picked counts as one.
    caller : str
        Who refuses.

    Raises
    ------
    TypeError
        If it is something else.
    ValueError
        If it is no longer known whose spikes are whose.
    """
    if not isinstance(x, xr.Dataset) or not {TIMES, "spike_count"} <= set(x.variables):
        raise TypeError(
            f"{caller} takes a Dataset of spikes, as neurokit.spikes() makes it, got"
            f" {type(x).__name__}."
        )
    if "unit" in x.coords and x["unit"].ndim == 0:
        x = _one_unit(x)
    wrong = [name for name, dims in _ALONG.items() if name in x.coords and x[name].dims != dims]
    if x["spike_count"].dims != ("unit",) or x[TIMES].ndim != 1 or "unit" not in x.coords or wrong:
        shape = {name: x[name].dims for name in ("spike_count", TIMES, *wrong)}
        raise ValueError(
            f"{caller}: spikes must have the dims spike_count(unit) and spike_time(spike), got"
            f" {shape}; choose units with sel, isel or where(drop=True), times with"
            " neurokit.recording.select_time, and put recordings together with"
            " neurokit.recording.join."
        )
    index = x.xindexes.get(TIMES)
    if isinstance(index, SpikeIndex):
        return _as_indexed(x, index, caller)
    return carry_spikes(x, caller)


def unit_coords(x: xr.Dataset) -> dict[Hashable, xr.Variable]:
    """Return what is known of each unit, to label counts with: ``unit``, ``region``, ``x``..."""
    return {
        name: c.variable for name, c in x.coords.items() if c.dims == ("unit",) and name != FIRST
    }


def carry_spikes(x: xr.Dataset, caller: str = "spikes") -> xr.Dataset:
    """Give a Dataset of spikes the index by which selections of units carry their spikes."""
    counts = _whole(x, caller)
    times = x[TIMES].variable
    if FIRST in x.variables:  # the index was lost on the way, but each unit knows its spikes
        firsts = x[FIRST].values.astype(np.int64)
        if len(firsts) and (firsts + counts).max() > times.size:
            raise _not_theirs(x, caller)
        times = gather(times, firsts, counts)
    elif counts.sum() != times.size:
        raise _not_theirs(x, caller)
    index = SpikeIndex(times, counts, x["unit"].values, span_of(x))
    kept = x.drop_vars([TIMES, FIRST], errors="ignore").assign(
        spike_count=("unit", counts, x["spike_count"].attrs)
    )
    made = index.create_variables({TIMES: x[TIMES].variable})
    return kept.assign_coords(xr.Coordinates(made, dict.fromkeys(made, index)))


def plain_spikes(x: xr.Dataset) -> xr.Dataset:
    """Return the Dataset without the index, ``spike_time`` and ``spike_count`` being variables."""
    if not isinstance(x.xindexes.get(TIMES), SpikeIndex):
        return x
    plain = x.drop_vars([TIMES, FIRST])
    return plain.assign({TIMES: x[TIMES].variable, "spike_count": plain["spike_count"].variable})


def span_of(x: xr.Dataset) -> tuple[object, ...]:
    """Return what was observed, to be compared: span, intervals."""
    edges = [x[name].values.tolist() for name in ("start", "stop") if name in x.coords]
    more = [x[name].values.tobytes() for name in list(_ALONG)[:2] if name in x.coords]
    return (*map(str, edges), *more)


def _as_indexed(x: xr.Dataset, index: SpikeIndex, caller: str) -> xr.Dataset:
    """Compare what moves by itself with the index, which some operations pass by."""
    if x["spike_count"].dtype.kind == "i" and np.array_equal(x["spike_count"], index.counts):
        ids = x["unit"].values
        if ids is index.ids or np.array_equal(ids, index.ids):
            return x
    if not np.array_equal(_whole(x, caller), index.counts):
        raise _not_theirs(x, caller)
    ids = x["unit"].values
    known = set(index.ids.tolist())
    moved = [a for a, b in zip(ids.tolist(), index.ids.tolist(), strict=True) if a != b]
    if known.intersection(moved):  # reindexed; names that are all new are a renaming
        raise _not_theirs(x, caller)
    return x.assign(spike_count=("unit", index.counts, x["spike_count"].attrs))


def _whole(x: xr.Dataset, caller: str) -> np.ndarray:
    counts = x["spike_count"].values
    whole = np.nan_to_num(counts, nan=-1).astype(np.int64)
    if (whole != counts).any() or (whole < 0).any():
        raise _not_theirs(x, caller)
    return whole


def _not_theirs(x: xr.Dataset, caller: str) -> ValueError:
    return ValueError(
        f"{caller}: it is no longer known which of {x[TIMES].size} spikes belong to which of"
        f" {x.sizes['unit']} units: spike_count was masked, or units were reindexed; choose units"
        " with sel, isel, sortby or where(drop=True) on the Dataset, or with"
        " neurokit.recording.select_units."
    )


def _one_unit(x: xr.Dataset) -> xr.Dataset:
    """Give a unit that was picked, x.sel(unit="a"), its dim back."""
    times = x[TIMES].variable
    flat = x.drop_vars([TIMES, FIRST], errors="ignore")
    held = [n for n, v in flat.variables.items() if not v.ndim and n not in _OF_ALL]
    held += ["observed"] if "observed" in flat.coords else []
    coords = {n: flat[n].variable.expand_dims("unit") for n in held if n in flat.coords}
    other = {n: flat[n].variable.expand_dims("unit") for n in held if n not in flat.coords}
    made = flat.drop_vars(held).assign(other).assign_coords(coords)
    return made.assign({TIMES: times})
