"""Marks in a table of events that say where a recording is bad or was cut."""

import re
from collections.abc import Hashable, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from neurokit.recording.edges import slack
from neurokit.recording.seconds import in_seconds
from neurokit.types import Floats


class Marks(NamedTuple):
    """Stretches and points that no window may touch."""

    starts: NDArray[np.float64]  # s
    stops: NDArray[np.float64]  # s; of a cut, its start
    cuts: NDArray[np.bool_]  # a point where two pieces were joined: a window may begin there
    labels: list[str]


def is_mark(label: Hashable) -> bool:
    """Tell whether a label marks a bad stretch or a cut, as MNE, EEGLAB and BrainVision write it.

    Parameters
    ----------
    label : object
        "BAD", "BAD_blink", "BAD_ACQ_SKIP", "bad segment", "EDGE boundary", "boundary",
        "New Segment/", in any case.

    Returns
    -------
    bool
    """
    return bool(re.match(r"bad(?![a-z])", str(label).strip().lower())) or _is_cut(label)


def find_marks(
    events: pd.DataFrame, wanted: Sequence[Hashable] | None, column: str = "label"
) -> tuple[Marks, NDArray[np.bool_]]:
    """Return the marks among events, and which rows they are.

    Parameters
    ----------
    events : pandas.DataFrame
    wanted : sequence, optional
        Labels that are events, whatever they look like.
    column : str, default="label"
        Where to look, beside ``label``.
    """
    kept = list(wanted or [])
    found_at = [
        (place, label)
        for place in dict.fromkeys(["label", column])
        if place in events
        for label in texts_in(events[place]) or events[place].unique()
        if is_mark(label) and label not in kept
    ]
    names = np.full(len(events), "", dtype=object)
    for place, label in found_at:
        names[(events[place] == label).to_numpy()] = str(label).strip()
    if not found_at:
        nothing = np.empty(0)
        return Marks(nothing, nothing, np.empty(0, bool), []), np.zeros(len(events), bool)
    marked = names != ""
    rows, found = events[marked], names[marked].tolist()
    starts = in_seconds(rows["onset"].to_numpy(), "epoch", "onsets")
    cuts = np.array([_is_cut(label) for label in found], dtype=bool)
    lasts = np.zeros(len(rows))
    if "duration" in rows:
        lasts = in_seconds(rows["duration"].to_numpy(), "epoch", "durations")
        lasts = np.nan_to_num(lasts).clip(0)
    known = np.isfinite(starts)
    stops = np.where(cuts, starts, starts + lasts)
    told = [label for label, one in zip(found, known, strict=True) if one]
    return Marks(starts[known], stops[known], cuts[known], told), marked


def texts_in(column: pd.Series) -> set[str] | None:
    """Return the different texts of a column, None where it holds anything else.

    A set takes a fifth of the time of pandas, which small epochs would wait for.
    """
    if column.dtype != object and not isinstance(column.dtype, pd.StringDtype):
        return None
    try:
        found = set(column.to_numpy(object).tolist())
    except TypeError:  # lists and the like
        return None
    return found if all(type(one) is str for one in found) else None


def touch_marks(marks: Marks, begins: Floats, ends: Floats) -> tuple[NDArray[np.bool_], list[str]]:
    """Tell which windows touch a mark, and the names of the marks that were touched.

    A window touches a bad stretch if they share more than an edge; one that begins or ends at a
    cut does not cross it.
    """
    touched = np.zeros(len(begins), dtype=bool)
    names: list[str] = []
    for start, stop, cut, label in zip(*marks, strict=True):
        near = slack(start, stop)
        if cut:
            hit = (begins < start - near) & (ends > start + near)
        elif stop - start <= near:  # a point: inside, or where a window begins
            hit = (begins <= start + near) & (ends > start + near)
        else:
            hit = (begins < stop - near) & (ends > start + near)
        if hit.any() and label not in names:
            names.append(label)
        touched |= hit
    return touched, names


def _is_cut(label: Hashable) -> bool:
    text = str(label).strip().lower()
    return text in ("boundary", "edge", "bad boundary", "bad_boundary") or text.startswith(
        ("edge ", "edge_", "new segment")
    )
