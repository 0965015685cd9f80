"""Spike times under other names: what looks like spike trains, and is called like them."""

import re
from collections.abc import Mapping

import numpy as np

_TRAINS = re.compile(r"sp(i)?ke?s?(_?(times?|trains?))?|units?|neurons?|cells?|ts|times?", re.I)
_FLAT = re.compile(r"(sp(i)?ke?_?)?(times?|ts)|sp(i)?kes?", re.I)
_WHOSE = re.compile(r"(sp(i)?ke?_?)?(clusters?|clu|units?|neurons?|cells?)(_?ids?)?|ids?", re.I)
_FIELD = re.compile(r"ts|times?(tamps)?|sp(i)?ke?s?(_?times?)?", re.I)


def guess_trains(
    arrays: Mapping[str, object],
) -> tuple[list[np.ndarray], list[object] | None] | None:
    """Find trains in cells, in structs, or as flat times beside the unit of each; None for none.

    Names alone decide nothing: times must be numbers that never decrease inside a unit.
    """
    for name, value in arrays.items():
        held = np.atleast_1d(np.asarray(value))
        if held.dtype == object and held.size and _TRAINS.fullmatch(name):
            trains = [_train(one) for one in held.ravel()]
            good = [t for t in trains if t is not None]
            if len(good) == len(trains) and sum(t.size for t in good) > len(good):
                return good, None
        names = held.dtype.names or (
            held.size and getattr(held.flat[0], "dtype", held.dtype).names
        )
        for field in names or ():
            if _FIELD.fullmatch(field):
                trains = [_train(one[field]) for one in held.flat]
                if (good := [t for t in trains if t is not None]) and len(good) == len(trains):
                    return good, None
    for name, value in arrays.items():
        times = np.asarray(value)
        if (
            not _FLAT.fullmatch(name)
            or times.dtype.kind != "f"
            or times.ndim != 1
            or times.size < 2
        ):
            continue
        for other, who in arrays.items():
            unit = np.asarray(who)
            if _WHOSE.fullmatch(other) and unit.shape == times.shape and unit.dtype.kind in "iuU":
                ids, which = np.unique(unit, return_inverse=True)
                return [np.sort(times[which == k]) for k in range(len(ids))], ids.tolist()
    return None


def _train(value: object) -> np.ndarray | None:
    """Return the times of one unit, None where it is something else."""
    times = np.asarray(value)
    if times.dtype == object and times.size == 1:
        times = np.asarray(times.item())
    if (
        times.dtype.kind not in "fiu"
        or times.ndim > 2
        or (times.ndim == 2 and min(times.shape) > 1)
    ):
        return None
    flat = times.ravel().astype(np.float64)
    good = np.isfinite(flat).all() and (np.diff(flat) >= 0).all()
    return flat if good else None
