"""Which events of a recording look like the conditions of an experiment."""

import itertools
from typing import NamedTuple

import numpy as np
import pandas as pd

from neurokit.types import Doubles

LEAST = 5  # events of a label, to learn it
MOST = 6  # labels to tell apart
_MARKS = (
    "BAD",
    "EDGE",
    "boundary",
    "New Segment",
)  # what readers and recorders write by themselves
_SPREAD = 4.0  # the commonest condition against the rarest, at most
# Events up to which two conditions may take turns by chance: drawn once in each of n blocks they
# do so with 2 (n + 1) / 2 ** n, more than a third at 5 and 1 in 1,000 at 15.
_FEW = 15


class Design(NamedTuple):
    """Labels to tell apart, the window around each event in s, and why these."""

    labels: list[str]
    window: tuple[float, float]
    words: str


def choose_design(events: pd.DataFrame) -> Design | None:
    """Choose labels that look like conditions: about as common as each other, in random order.

    Marks that come in every trial (a cross before the cue, the end after it) are stages of the
    trial and not conditions: a condition never follows another without one of them between.
    Labels with such a stage in front of each are taken before others that are commoner.
    Two labels that take turns are conditions only if there are no other marks, and if the time
    from the first to the second is that from the second to the first: task and rest; or if they
    are too few to tell, and each takes no turns with another condition.

    Parameters
    ----------
    events : DataFrame with columns onset (s) and label (text)

    Returns
    -------
    Design, or None where nothing looks like one
    """
    kept = events[~events["label"].str.startswith(_MARKS)].sort_values("onset", kind="stable")
    number = kept["label"].value_counts()
    usual = [str(name) for name in number.index[number >= LEAST]][: 4 * MOST]
    onsets = {name: kept.loc[kept["label"] == name, "onset"].to_numpy(float) for name in usual}
    fits: dict[frozenset[str], bool | None] = {
        frozenset(pair): _are_conditions(onsets[pair[0]], onsets[pair[1]], alone=len(usual) == 2)
        for pair in itertools.combinations(usual, 2)
    }
    groups: list[list[str]] = []
    for first in usual:  # the commonest first: a set grows by whatever fits all that it holds
        near = (number[usual] - number[first]).abs().sort_values(kind="stable")
        for order in (usual, [str(name) for name in near.index]):
            group = [first]
            for other in order * 2:  # whom nothing spoke for at first may have found it since
                told = [fits.get(frozenset((other, held)), False) for held in group]
                if False in told or True not in told:  # False, too, for what is in it already
                    continue
                group.append(other)
                if order is not usual and _have_stages(group, onsets):
                    break
            if len(group) > 1:
                groups.append(group[:MOST])
    if not groups:
        return None
    ranks = [(_have_stages(group, onsets), int(number[group].sum())) for group in groups]
    best = groups[ranks.index(max(ranks))]
    chosen = kept[kept["label"].isin(best)]["onset"].to_numpy(float)
    window = choose_window(chosen)
    left = [name for name in number.index if name not in best]
    words = (
        f"Told apart: {', '.join(best)}, which are about equally common and come in no fixed turn"
    )
    if left:
        words += f"; left out: {', '.join(map(str, left[:8]))}"
        words += f" and {len(left) - 8} more" if len(left) > 8 else ""
    words += ". Choose others with --labels A,B, and the time around them with --window FROM TO."
    return Design(best, window, words)


def choose_column(events: pd.DataFrame) -> tuple[str, str] | None:
    """Choose a column that tells the rows of one label apart as conditions do.

    Texts come before numbers, and columns in their order. Rows of one label are those of one
    table of trials: where it holds conditions, they were written down as such.

    Parameters
    ----------
    events : DataFrame with columns onset (s) and label (text)

    Returns
    -------
    (label, column), or None where no column looks like conditions
    """
    for texts in (True, False):
        for label, rows in events.groupby("label", sort=False):
            for name in rows.columns.difference(["onset", "duration", "label"], sort=False):
                values = rows[name].replace("n/a", np.nan)
                if pd.api.types.is_numeric_dtype(values) is texts or values.isna().any():
                    continue
                number = values.value_counts()
                if not (2 <= len(number) <= MOST and number.min() >= LEAST):
                    continue
                found = choose_design(label_by(rows, name))
                if found is not None and len(found.labels) == len(number):
                    return str(label), str(name)
    return None


def label_by(events: pd.DataFrame, column: str) -> pd.DataFrame:
    """Return the events that have a value in a column, labelled by it; 2.0 is written as 2."""
    values = events[column].replace("n/a", np.nan)
    held = values.notna()
    values = values[held]
    if pd.api.types.is_float_dtype(values) and (values % 1 == 0).all():
        values = values.astype("int64")
    return events[held].assign(label=values.astype(str))


def choose_window(onsets: np.ndarray) -> tuple[float, float]:
    """Return a window of at most 3 s that hardly ever reaches the next event."""
    gaps = np.diff(np.sort(onsets))
    gaps = gaps[gaps > 0]
    return 0.0, float(np.clip(np.quantile(gaps, 0.1) if len(gaps) else 3.0, 0.25, 3.0))


def _have_stages(group: list[str], onsets: dict[str, Doubles]) -> bool:
    """Say whether some other mark takes turns with the events of a group: one in every trial."""
    own = np.concatenate([onsets[name] for name in group])
    for name, times in onsets.items():
        if name in group or abs(len(times) - len(own)) > 1:
            continue
        order = np.argsort(np.concatenate([own, times]), kind="stable")
        theirs = order >= len(own)
        if (theirs[1:] != theirs[:-1]).mean() >= 0.95:
            return True
    return False


def _are_conditions(a: np.ndarray, b: np.ndarray, *, alone: bool) -> bool | None:
    """Say whether two kinds of events may be two conditions; None where they are too few to tell.

    ``alone``: there are no other kinds.
    """
    if max(len(a), len(b)) > _SPREAD * min(len(a), len(b)):
        return False
    times = np.concatenate([a, b])
    order = np.argsort(times, kind="stable")
    kind = np.repeat([0, 1], [len(a), len(b)])[order]
    times = times[order]
    if (np.diff(times)[kind[1:] != kind[:-1]] < 0.05).mean() > 0.05:
        return False  # two names of one event, or marks that lie on each other
    after = [
        (kind[:-1][kind[1:] == k] != k).mean() for k in (0, 1)
    ]  # how often the other came last
    if max(after) < 0.95:
        return True
    if not alone:
        return None if min(len(a), len(b)) <= _FEW else False
    if min(after) < 0.95:
        return False
    there = np.median(np.diff(times)[(kind[:-1] == 0) & (kind[1:] == 1)])
    back = np.median(np.diff(times)[(kind[:-1] == 1) & (kind[1:] == 0)])
    return bool(max(there, back) <= 1.2 * min(there, back))
