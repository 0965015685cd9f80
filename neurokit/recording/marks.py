"""Marks in a table of events that say where a recording is bad or was cut."""

from collections.abc import Hashable, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from neurokit.recording.edges import slack
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
    text = str(label).strip().lower()
    return text == "bad" or text.startswith(("bad_", "bad ", "bad-")) or _is_cut(label)


def find_marks(events: pd.DataFrame, wanted: Sequence[Hashable] | None) -> Marks:
    """Return the marks among events, but those that are ``wanted`` as events themselves."""
    labels = events["label"] if "label" in events else pd.Series([], dtype=object)
    names = [label for label in labels.unique() if is_mark(label)]
    names = [name for name in names if wanted is None or name not in list(wanted)]
    rows = events[labels.isin(names)] if names else events.iloc[:0]
    starts = rows["onset"].to_numpy(np.float64)
    found = [str(label).strip() for label in rows["label"]] if names else []
    cuts = np.array([_is_cut(label) for label in found], dtype=bool)
    lasts = np.zeros(len(rows))
    if "duration" in rows:
        lasts = np.nan_to_num(rows["duration"].to_numpy(np.float64)).clip(0)
    known = np.isfinite(starts)
    stops = np.where(cuts, starts, starts + lasts)
    kept = [label for label, one in zip(found, known, strict=True) if one]
    return Marks(starts[known], stops[known], cuts[known], kept)


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
