"""Who was observed when: intervals of a recording, or of each unit, and what lies inside them.

A Dataset of spikes carries one span, ``start`` to ``stop``. Where more is known, the coordinates
``interval_start(interval)`` and ``interval_stop(interval)`` cut it into pieces in which somebody
was watched, sorted and apart; where units differ, ``observed(unit, interval)`` says who.
"""

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from neurokit.recording.edges import slack
from neurokit.recording.seconds import in_seconds
from neurokit.types import Flags, Floats

Spans = NDArray[np.float64]  # (n, 2): start and stop of each interval, sorted, apart


def merge_spans(spans: Any, caller: str) -> Spans:
    """Sort intervals and join those that touch.

    Raises
    ------
    ValueError
        If they are no pairs of finite numbers, or one ends before it starts.
    """
    spans = in_seconds(spans, caller, "intervals").reshape(-1, 2) if np.size(spans) else None
    if spans is None:
        return np.empty((0, 2))
    if not np.isfinite(spans).all() or (spans[:, 0] > spans[:, 1]).any():
        raise ValueError(
            f"{caller}: intervals must be pairs of finite seconds, start before stop, got"
            f" {spans.tolist()[:3]}."
        )
    spans = spans[np.argsort(spans[:, 0], kind="stable")]
    near = slack(*spans[-1], spans[0, 0])
    reached = np.maximum.accumulate(spans[:, 1])
    fresh = np.r_[True, spans[1:, 0] > reached[:-1] + near]
    first = np.flatnonzero(fresh)
    return np.c_[spans[first, 0], np.maximum.reduceat(spans[:, 1], first)]


def interval_coords(
    spans: Sequence[Spans], start: float, stop: float
) -> dict[str, tuple[object, ...]]:
    """Return the coordinates that say who was observed when; none where one span says it all.

    Parameters
    ----------
    spans : sequence of ndarray of shape (n, 2)
        Intervals of each unit, as :func:`merge_spans` returns them.
    start, stop : float
        Span of the recording, in seconds.
    """
    whole = np.array([[start, stop]])
    if all(np.array_equal(one, whole) for one in spans):
        return {}
    alike = all(np.array_equal(one, spans[0]) for one in spans[1:])
    if alike:
        pieces, seen = spans[0], None
    else:
        edges = np.unique(np.concatenate([one.ravel() for one in spans]))
        middles = (edges[:-1] + edges[1:]) / 2
        seen = np.stack([inside(one, middles, middles, 0.0) for one in spans])
        kept = seen.any(0)
        pieces, seen = np.c_[edges[:-1], edges[1:]][kept], seen[:, kept]
    coords: dict[str, tuple[object, ...]] = {
        "interval_start": ("interval", pieces[:, 0], {"units": "s"}),
        "interval_stop": ("interval", pieces[:, 1], {"units": "s"}),
    }
    return coords if seen is None else coords | {"observed": (("unit", "interval"), seen)}


def spans_of(x: xr.Dataset) -> list[Spans]:
    """Return the intervals in which each unit of a Dataset of spikes was observed.

    Where all were observed together, the same array stands for each.
    """
    n_units = x.sizes["unit"]
    if "interval_start" not in x.coords:
        return [np.array([[float(x["start"]), float(x["stop"])]])] * n_units
    pieces = np.c_[x["interval_start"].values, x["interval_stop"].values]
    if "observed" not in x.coords:
        return [merge_spans(pieces, "spikes")] * n_units
    seen = x["observed"].transpose("unit", "interval").values.astype(bool)
    made: dict[bytes, Spans] = {}
    for row in seen:
        if row.tobytes() not in made:
            made[row.tobytes()] = merge_spans(pieces[row], "spikes")
    return [made[row.tobytes()] for row in seen]


def inside(spans: Spans, starts: Floats, stops: Floats, near: float) -> Flags:
    """Tell which windows lie inside one of ``spans``; ``near`` seconds may stand out."""
    if not len(spans):
        return np.zeros(len(starts), dtype=bool)
    which = np.searchsorted(spans[:, 0], starts + near, side="right") - 1
    found: Flags = (which >= 0) & (stops <= spans[which, 1] + near)
    return found


def watched_windows(
    x: xr.Dataset, starts: NDArray[np.float64], stops: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """Tell which unit was observed throughout which window; bool of shape (n_units, n)."""
    near = slack(float(x["start"]), float(x["stop"]))
    made: dict[int, NDArray[np.bool_]] = {}
    spans = spans_of(x)
    for one in spans:
        if id(one) not in made:
            made[id(one)] = inside(one, starts, stops, near)
    out = [made[id(one)] for one in spans]
    return np.stack(out) if out else np.zeros((0, len(starts)), dtype=bool)


def watched_bins(
    x: xr.Dataset, first: Fraction, rate: Fraction, size: int
) -> NDArray[np.bool_] | None:
    """Tell which unit was observed throughout which bin; None where all were, always."""
    if "interval_start" not in x.coords:
        return None
    near = slack(float(x["start"]), float(x["stop"])) * float(rate)
    made: dict[int, NDArray[np.bool_]] = {}
    spans = spans_of(x)
    for one in spans:
        if id(one) in made:
            continue
        row = np.zeros(size, dtype=bool)
        begins = np.ceil(one[:, 0] * float(rate) - float(first) - near)
        ends = np.floor(one[:, 1] * float(rate) - float(first) + near)
        for begin, end in zip(begins, ends, strict=True):
            row[int(np.clip(begin, 0, size)) : int(np.clip(end, 0, size))] = True
        made[id(one)] = row
    if all(row.all() for row in made.values()):
        return None
    return np.stack([made[id(one)] for one in spans])


def observed_duration(x: xr.Dataset) -> xr.DataArray:
    """Return for how long each unit was observed: what a firing rate divides by.

    Parameters
    ----------
    x : xarray.Dataset
        Spikes, as made by ``neurokit.spikes``.

    Returns
    -------
    xarray.DataArray of dims ("unit",)
        In seconds.

    Examples
    --------
    >>> import neurokit
    >>> x = neurokit.spikes({"a": [1.0, 9.0], "b": [9.5]}, intervals={"a": [[0, 2], [8, 10]],
    ...                     "b": [[9, 10]]})
    >>> observed_duration(x).values.tolist()
    [4.0, 1.0]
    """
    from neurokit.recording.checks import check_spikes, unit_coords

    x = check_spikes(x, "observed_duration")
    values = [float((one[:, 1] - one[:, 0]).sum()) for one in spans_of(x)]
    return xr.DataArray(values, dims="unit", coords=unit_coords(x), attrs={"units": "s"})
