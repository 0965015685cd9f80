"""What a reader is: a file that was found to be of a format, and what it can be read as."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import xarray as xr


class Found(NamedTuple):
    """The file or folder to open, and the name of its format."""

    path: Path
    form: str


class Reader(NamedTuple):
    """What a format can serve; None where it holds no such thing.

    ``signal`` takes also the names of the channels that are wanted, None for all.
    """

    signal: Callable[[Found, Sequence[str] | None], xr.DataArray] | None = None
    events: Callable[[Found], pd.DataFrame] | None = None
    spikes: Callable[[Found], xr.Dataset] | None = None
    session: Callable[[Found], xr.DataTree] | None = None


def name_parts(
    x: xr.DataArray | None = None, table: pd.DataFrame | None = None, prefix: str = ""
) -> dict[str, xr.Dataset]:
    """Return a signal and events by their places in a session; an empty table has none."""
    nodes: dict[str, xr.Dataset] = {}
    if x is not None:
        name = "signal"
        if "type" in x.coords:
            kinds, number = np.unique(x["type"].values, return_counts=True)
            both = {"mag", "grad"} <= {*kinds.tolist()}
            name = "meg" if both else str(kinds[number.argmax()])
        nodes[f"{prefix}signal/{name}"] = x.to_dataset(name="signal")
    if table is not None and len(table):
        nodes[f"{prefix}events"] = table_node(table)
    return nodes


def table_node(table: pd.DataFrame) -> xr.Dataset:
    """Return events as a node of a session.

    A column such as "stim/side" is named "stim_side": in a tree "/" leads to another node.
    """
    new: dict[str, str] = {}
    for name in map(str, table.columns):
        if "/" in name:
            new[name] = name.replace("/", "_")
            while new[name] in {*map(str, table.columns), *(new[n] for n in new if n != name)}:
                new[name] += "_"
    return table.rename(columns=new).rename_axis("event").to_xarray()


def sort_events(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Put tables of events into one, in order of onset."""
    return pd.concat(tables).sort_values("onset", kind="stable", ignore_index=True)
