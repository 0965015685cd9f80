"""Spikes of sorted units: made, and chosen by unit and by time."""

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike

from neurokit.recording.checks import carry_spikes, check_spikes, plain_spikes
from neurokit.recording.edges import slack
from neurokit.recording.first_look import FirstLook
from neurokit.recording.labels import label_places, name_each, one_each
from neurokit.recording.observed import inside, interval_coords, merge_spans, spans_of
from neurokit.recording.seconds import ask_if_whole, find_scale, in_seconds, second, tell_if_coarse
from neurokit.types import Codes, Doubles


def spikes(
    times: Sequence[ArrayLike] | Mapping[Any, ArrayLike],
    *,
    stop: float | None = None,
    start: float | None = None,
    intervals: object = None,
    units: str | None = None,
    sampling_rate: float | None = None,
    ids: Sequence[Hashable] | np.ndarray | None = None,
    channels: Sequence[Hashable] | None = None,
    regions: Sequence[str] | None = None,
    positions: ArrayLike | None = None,
) -> xr.Dataset:
    """Label spike times, as a contiguous ragged array of the CF conventions.

    Parameters
    ----------
    times : sequence of 1-D array-likes, or mapping of unit id to 1-D array-like
        Spike times of each unit, in seconds. They are sorted inside each unit.
    stop, start : float, optional
        Span in which spikes were looked for, in seconds; without it silent ends would be lost.
        ``stop`` may be left out where ``intervals`` say it; ``start`` is then theirs, else 0.
    intervals : array-like of shape (n, 2), or a sequence or mapping of such, optional
        When the units were observed, start and stop of each piece in seconds: one array for all
        units, or one for each. Default: from ``start`` to ``stop``. Bins and windows that reach
        out of a unit's intervals are no silence: they become NaN, or are left out.
    units : {"s", "ms", "us", "ns"}, optional
        Unit of plain numbers among ``times``, ``intervals``, ``start`` and ``stop``. Default:
        seconds; but times that are all whole numbers and reach 1000 are asked about. Times with a
        unit of their own (neo, quantities, pint, ``timedelta64``, ``attrs["units"]``) keep it.
    sampling_rate : float, optional
        In Hz, where plain numbers are positions of samples; they are divided by it.
    ids : sequence, optional
        Names of the units, all different. Default: the keys of a mapping, or 0, 1, ...
    channels, regions : sequence, optional
        Channel and brain region of each unit.
    positions : array-like of shape (n_units, 3), optional
        In mm.

    Returns
    -------
    xarray.Dataset
        ``spike_time(spike)`` in s, float64; ``spike_count(unit)``; scalars ``start``, ``stop``;
        ``first_spike(unit)``, where a unit's spikes begin. Where ``intervals`` say more than the
        span: ``interval_start(interval)``, ``interval_stop(interval)``, sorted and apart, and,
        where units differ, ``observed(unit, interval)``. ``sel``, ``isel``, ``where(drop=True)``,
        ``sortby``, ``groupby`` and ``concat`` along ``unit`` take the spikes along.

    Raises
    ------
    ValueError
        If a time is not finite or outside what was observed by more than rounding (1 ns; one
        spacing of float32 where times came so), if the times look like samples, or a length does
        not fit.

    Warns
    -----
    UserWarning
        If times came as float32, and so late that it tells them apart by 0.1 ms at best.

    Examples
    --------
    >>> import neurokit
    >>> x = neurokit.spikes({"a": [0.1, 0.25], "b": []}, stop=1.0)
    >>> x["spike_count"].values.tolist()
    [2, 0]
    >>> x.sel(unit=["b"])["spike_time"].values.tolist()
    []
    """
    if isinstance(times, Mapping):
        ids = list(times) if ids is None else ids
        times = list(times.values())
    _refuse_raster(times)
    scale = find_scale(units, sampling_rate, "spikes")
    trains = [_seconds(unit, scale) for unit in times]
    if wrong := [unit.shape for unit in trains if unit.ndim != 1]:
        raise ValueError(f"spikes: each unit needs a 1-D array of times, got shape {wrong[0]}.")
    number = np.array([len(unit) for unit in trains], dtype=np.int64)
    flat = np.concatenate(trains) if trains else np.empty(0)
    return label_spikes(
        flat,
        number,
        start=start,
        stop=stop,
        intervals=intervals,
        scale=scale,
        spacing=_spacing(times, scale),
        ask=units is None and sampling_rate is None,
        ids=ids,
        channels=channels,
        regions=regions,
        positions=positions,
    )


def _refuse_raster(times: Any) -> None:
    """Refuse a matrix of bins: no unit fires most of its spikes at one and the same time."""
    if not isinstance(times, np.ndarray) or times.ndim != 2 or times.dtype.kind not in "biuf":
        return
    again = (np.diff(np.sort(times, axis=1), axis=1) == 0).mean() if times.shape[1] > 3 else 0.0
    if times.dtype == bool or again > 0.5:
        raise ValueError(
            f"spikes: takes the times of each unit, and an array of shape {times.shape} that holds"
            " few different values looks like bins; neurokit.counts labels these."
        )


def label_spikes(
    flat: Doubles,
    number: Codes,
    *,
    start: float | None,
    stop: float | None,
    look: FirstLook | None = None,
    intervals: object = None,
    scale: float = 1.0,
    spacing: float = 0.0,
    ask: bool = False,
    ids: Sequence[Hashable] | np.ndarray | None = None,
    channels: Sequence[Hashable] | None = None,
    regions: Sequence[str] | None = None,
    positions: ArrayLike | None = None,
) -> xr.Dataset:
    """Label the spike times of all units, one unit after the other, in seconds.

    Parameters
    ----------
    flat : ndarray of shape (n_spikes,)
        Kept, not copied, where they are in order.
    number : ndarray of int of shape (n_units,)
        Spikes of each unit.
    look : FirstLook, optional
        At ``flat``, by whoever has read it.
    scale, spacing : float
        What divides ``intervals``, ``start`` and ``stop``, and how coarse the times are, in s.
    ask : bool
        Whether times that look like samples are refused.
    start, stop, intervals, ids, channels, regions, positions
        As in `spikes`.

    Returns
    -------
    xarray.Dataset
    """
    look = FirstLook.of(flat) if look is None else look
    n_units = len(number)
    names = name_each("spikes", "unit", ids, n_units)
    pieces = _spans(intervals, names.tolist(), scale)
    start, stop = _span(start, stop, pieces, scale)
    if ask:
        ask_if_whole(flat, "spikes")
    if len(flat) and not (start <= look.low and look.high <= stop):  # also true for NaN
        flat = _inside_span(flat, start, stop, spacing)
    if not np.isin(look.late, np.cumsum(number)).all():
        flat = flat[np.lexsort((flat, np.repeat(np.arange(n_units), number)))]
    coords: dict[str, object] = {"unit": names}
    for name, along in (("channel", channels), ("region", regions)):
        if along is not None:
            coords[name] = ("unit", one_each("spikes", f"{name}s", along, n_units, "unit"))
    coords |= label_places("spikes", positions, n_units, "unit")
    if pieces is not None:
        _refuse_unobserved(flat, number, pieces, names, slack(start, stop))
        coords |= interval_coords(pieces, start, stop)
    return carry_spikes(
        xr.Dataset(
            {
                "spike_time": ("spike", flat, {"units": "s"}),
                "spike_count": ("unit", number, {"sample_dimension": "spike"}),
            },
            coords=coords | {"start": float(start), "stop": float(stop)},
        )
    )


def select_units(x: xr.Dataset, chosen: object) -> xr.Dataset:
    """Keep some units and their spikes; ``x.sel(unit=chosen)`` in one word more.

    Parameters
    ----------
    x : xarray.Dataset
        Spikes, as made by ``neurokit.spikes``.
    chosen : sequence of ids, or of bool
        Ids, in the order wanted, or a mask with one truth for each unit.

    Returns
    -------
    xarray.Dataset

    Raises
    ------
    KeyError
        If an id is unknown.

    Examples
    --------
    >>> import neurokit
    >>> x = neurokit.spikes({"a": [0.1, 0.25], "b": [0.5]}, stop=1.0)
    >>> select_units(x, ["b"])["spike_time"].values.tolist()
    [0.5]
    """
    x = check_spikes(x, "select_units")
    chosen = np.atleast_1d(np.asarray(chosen))
    if chosen.dtype == bool and chosen.shape == (x.sizes["unit"],):
        return x.isel(unit=chosen)
    held = x["unit"].values.tolist()
    if lacking := [unit for unit in chosen.tolist() if unit not in held]:
        raise KeyError(f"select_units: there are no units {lacking[:5]}; there are {held[:20]}.")
    return x.sel(unit=chosen.tolist())


def select_time(x: xr.Dataset, start: float, stop: float) -> xr.Dataset:
    """Keep the spikes between two times, and what was observed of that span.

    Parameters
    ----------
    x : xarray.Dataset
        Spikes, as made by ``neurokit.spikes``.
    start, stop : float
        In seconds, inside the span of ``x``; both ends are kept.

    Returns
    -------
    xarray.Dataset
        With the new ``start`` and ``stop``. Times stay on their clock.

    Raises
    ------
    ValueError
        If the span is empty or leaves the one of ``x``.

    Examples
    --------
    >>> import neurokit
    >>> x = neurokit.spikes({"a": [0.1, 0.25], "b": [0.5]}, stop=1.0)
    >>> select_time(x, 0.2, 0.4)["spike_count"].values.tolist()
    [1, 0]
    """
    x = check_spikes(x, "select_time")
    start = second(start, "select_time", "start")
    stop = second(stop, "select_time", "stop")
    begin, end = float(x["start"]), float(x["stop"])
    near = slack(begin, end)
    if not begin - near <= start <= stop <= end + near:
        raise ValueError(
            f"select_time: {start:g} to {stop:g} s is no span inside {begin:g} to {end:g} s."
        )
    times = x["spike_time"].values
    kept = (times >= start - near) & (times <= stop + near)
    owner = np.repeat(np.arange(x.sizes["unit"]), x["spike_count"].values)
    number = np.bincount(owner[kept], minlength=x.sizes["unit"])
    pieces = [_cut(one, start, stop) for one in spans_of(x)]
    old = ("start", "stop", "spike_time", "first_spike", "interval_start", "interval_stop")
    coords = {n: c.variable for n, c in x.coords.items() if n not in (*old, "observed")}
    made = xr.Dataset(
        {
            "spike_time": ("spike", np.clip(times[kept], start, stop), x["spike_time"].attrs),
            "spike_count": ("unit", number, x["spike_count"].attrs),
        },
        coords=coords | {"start": float(start), "stop": float(stop)},
        attrs=x.attrs,
    )
    more = {name: v.variable for name, v in x.data_vars.items() if name != "spike_count"}
    return carry_spikes(made.assign(more).assign_coords(interval_coords(pieces, start, stop)))


def shift_time(x: xr.Dataset, by: float) -> xr.Dataset:
    """Move spikes, their span and their intervals to another clock.

    Parameters
    ----------
    x : xarray.Dataset
        Spikes, as made by ``neurokit.spikes``.
    by : float
        Added to every time, in seconds.

    Returns
    -------
    xarray.Dataset

    Raises
    ------
    ValueError
        If ``by`` is not finite.

    Examples
    --------
    >>> import neurokit
    >>> x = neurokit.spikes({"a": [0.25, 0.5]}, stop=1.0)
    >>> y = shift_time(x, -0.25)
    >>> y["spike_time"].values.tolist(), float(y["start"])
    ([0.0, 0.25], -0.25)
    """
    x = check_spikes(x, "shift_time")
    by = second(by, "shift_time", "by")
    if not np.isfinite(by):
        raise ValueError(f"shift_time: by must be a finite number of seconds, got {by!r}.")
    names = [n for n in ("start", "stop", "interval_start", "interval_stop") if n in x.coords]
    moved = {name: (x[name].dims, x[name].values + by, x[name].attrs) for name in names}
    plain = plain_spikes(x).assign_coords(moved)
    times = plain["spike_time"].variable
    return carry_spikes(plain.assign(spike_time=(times.dims, times.values + by, times.attrs)))


def _seconds(unit: Any, scale: float) -> np.ndarray:
    plain = not hasattr(unit, "magnitude") and not (
        hasattr(unit, "attrs") and "units" in unit.attrs
    )
    values = in_seconds(unit, "spikes")
    return values / scale if scale != 1 and plain else values


def _spacing(times: Sequence[Any], scale: float) -> float:
    """Return how far apart the latest times are where some came as float32; warn if far."""
    coarse = [np.abs(unit).max() for unit in times if _is_float32(unit) and len(unit)]
    if not coarse:
        return 0.0
    latest = max(coarse)
    spacing = float(np.spacing(np.float32(latest))) / scale
    tell_if_coarse(spacing, float(latest) / scale, "spikes")
    return spacing


def _is_float32(unit: object) -> bool:
    return getattr(unit, "dtype", None) == np.float32


def _spans(intervals: Any, ids: list[Hashable], scale: float) -> list[np.ndarray] | None:
    """Return the intervals of each unit, merged; None where there are none."""
    if intervals is None:
        return None
    if isinstance(intervals, Mapping):
        if lacking := [unit for unit in ids if unit not in intervals]:
            raise ValueError(f"spikes: intervals lack the units {lacking[:5]}.")
        return [merge_spans(_scaled(intervals[unit], scale), "spikes") for unit in ids]
    listed = not hasattr(intervals, "ndim") and len(intervals) and np.ndim(intervals[0]) != 1
    if listed or getattr(intervals, "ndim", 2) == 3:
        one_each("spikes", "intervals", np.empty(len(intervals)), len(ids), "unit")
        return [merge_spans(_scaled(one, scale), "spikes") for one in intervals]
    return [merge_spans(_scaled(intervals, scale), "spikes")] * len(ids)


def _scaled(spans: Any, scale: float) -> Any:
    return spans if scale == 1 or not np.size(spans) else in_seconds(spans, "spikes") / scale


def _span(
    start: Any, stop: Any, pieces: list[np.ndarray] | None, scale: float
) -> tuple[float, float]:
    edges = [edge for one in pieces or [] for edge in one.ravel().tolist()]
    if stop is None and not edges:
        raise TypeError(
            "spikes: stop= is missing; say in which span spikes were looked for, or intervals=."
        )
    low = min(edges) if edges else 0.0
    start = low if start is None else float(_seconds(start, scale))
    stop = max(edges) if stop is None else float(_seconds(stop, scale))
    if not (np.isfinite(start) and np.isfinite(stop) and start <= stop):
        raise ValueError(f"spikes: start must not lie after stop, got {start!r} and {stop!r} s.")
    near = slack(start, stop)
    if edges and (low < start - near or max(edges) > stop + near):
        raise ValueError(
            f"spikes: intervals reach from {low:g} to {max(edges):g} s and leave the span"
            f" {start:g} to {stop:g} s; widen start and stop, or leave them out."
        )
    return start, stop


def _inside_span(flat: np.ndarray, start: float, stop: float, spacing: float) -> np.ndarray:
    """Refuse times outside the span; move those to its edge that rounding has put beyond it."""
    near = max(slack(start, stop), spacing)
    far = ~((flat >= start - near) & (flat <= stop + near))
    if far.any():
        raise ValueError(
            f"spikes: {far.sum()} of {len(flat)} times are not in the observed span"
            f" {start:g} to {stop:g} s, the first is {flat[far][0]:g}; widen start and stop"
            " or remove them."
        )
    return np.clip(flat, start, stop)


def _refuse_unobserved(
    flat: np.ndarray,
    number: np.ndarray,
    pieces: list[np.ndarray],
    names: Sequence[Hashable] | np.ndarray,
    near: float,
) -> None:
    ends = np.cumsum(number)
    for name, one, begin, end in zip(names, pieces, ends - number, ends, strict=True):
        train = flat[begin:end]
        if not (seen := inside(one, train, train, near)).all():
            raise ValueError(
                f"spikes: {(~seen).sum()} of {len(train)} times of unit {name!r} are in none of"
                f" its intervals, the first is {train[~seen][0]:g} s; widen them or remove the"
                " spikes."
            )


def _cut(spans: np.ndarray, start: float, stop: float) -> np.ndarray:
    cut = np.clip(spans, start, stop)
    return cut[cut[:, 0] < cut[:, 1]]
