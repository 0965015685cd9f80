"""Events from the rises of trigger channels."""

from collections.abc import Sequence
from fractions import Fraction

import numpy as np
import pandas as pd
import xarray as xr

from neurokit.io.readers.reader import sort_events
from neurokit.recording.make import events

_BLOCK = 1 << 18  # samples of a trigger channel looked at in one go
_OFTEN = 0.05  # rises per sample
_SUMS = ("STI101", "STI 101", "STI014", "STI 014", "Status")  # lines that hold all the others


def find_rises(x: xr.DataArray) -> list[pd.DataFrame]:
    """Return the rises of each trigger channel of a signal, with the value as label.

    A rise is a change after which a bit is set that was not: where one bit falls while another
    is held, nothing has risen. The column ``channel`` has the channel's name, for `join_lines`.
    """
    kinds = x["type"].values.tolist() if "type" in x.coords else []
    return [_rises(x.isel(channel=i)) for i, kind in enumerate(kinds) if kind == "stim"]


def _rises(x: xr.DataArray) -> pd.DataFrame:
    onsets: list[np.ndarray] = []
    values: list[np.ndarray] = []
    name, previous = str(x["channel"].values), None
    for first in range(0, x.sizes["time"], _BLOCK):
        part = x.isel(time=slice(first, first + _BLOCK))
        codes = np.round(np.nan_to_num(part.values)).astype(np.int64)
        if name == "Status":
            codes &= 0xFFFF  # above it BioSemi reports on the amplifier itself
        before = np.concatenate([[codes[0] if previous is None else previous], codes[:-1]])
        found = np.flatnonzero((codes & ~before) != 0)
        onsets.append(part["time"].values[found])
        values.append(codes[found])
        previous = codes[-1]
    if not onsets:
        return events([], [], [])
    onset, labels = np.concatenate(onsets), np.concatenate(values).astype(str).astype(object)
    return events(onset, 0.0, labels, channel=np.full(len(onset), name, object))


def join_lines(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Put the rises of several trigger channels together.

    A channel that sums the others (STI 014, STI101, Status) tells of an event once for all of
    them. Where rises of more than one channel are left, labels begin with the channel's name:
    the 1 of two lines is not one event.
    """
    filled = [table for table in tables if len(table)]
    if not filled:
        return events([], [], [])
    names = [table["channel"].iloc[0] for table in filled]
    whole = next((filled[names.index(name)] for name in _SUMS if name in names), None)
    if whole is not None:
        known = {*whole["onset"]}
        kept = [t if t is whole else t[~t["onset"].isin(known)] for t in filled]
        filled = [table for table in kept if len(table)]
    if len(filled) == 1:
        return filled[0].drop(columns="channel").reset_index(drop=True)
    return sort_events([t.assign(label=t["channel"] + "/" + t["label"]) for t in filled])


def add_steps(
    table: pd.DataFrame, steps: pd.DataFrame, rates: Sequence[Fraction | float]
) -> pd.DataFrame:
    """Put triggers beside annotations.

    They are left out where each of them is an annotation already, and where the line moves so
    often that it is a measurement and not a trigger.
    """
    if not len(steps):
        return table
    if len(table):
        near = 1.5 / float(max(rates))
        if len(steps) > 10 + _OFTEN * np.ptp(steps["onset"].to_numpy()) * float(max(rates)):
            return table
        onset = np.sort(table["onset"].to_numpy())
        at = np.searchsorted(onset, steps["onset"].to_numpy())
        ends = np.concatenate([[-np.inf], onset, [np.inf]])
        times = steps["onset"].to_numpy()
        if (np.minimum(times - ends[at], ends[at + 1] - times) <= near).all():
            return table
    joined = sort_events([table, steps]) if len(table) else steps
    if "channel" in joined:
        joined["channel"] = joined["channel"].fillna("")
    return joined
