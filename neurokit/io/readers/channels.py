"""Names and units of channels, the same in every format."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import xarray as xr

_OURS = {  # names of variables and dims of a Dataset of spikes
    *("spike_time", "spike_count", "first_spike", "spike", "start", "stop", "observed", "unit"),
    *("interval_start", "interval_stop", "interval", "time"),
}


def label_more(
    x: xr.Dataset, columns: Mapping[str, Sequence[object] | np.ndarray], whose: str
) -> xr.Dataset:
    """Give spikes further coordinates of each unit; ``whose_name`` where a name is ours."""
    taken = {*map(str, x.variables), *_OURS}
    return x.assign_coords(
        {
            f"{whose}_{name}" if name in taken else name: ("unit", np.asarray(column))
            for name, column in columns.items()
        }
    )


def unique_names(names: Sequence[str]) -> list[str]:
    """Tell apart names that occur more than once, as MNE does: ``C3-0``, ``C3-1``."""
    times, seen = Counter(names), Counter[str]()
    out = []
    for name in names:
        out.append(f"{name}-{seen[name]}" if times[name] > 1 else name)
        seen[name] += 1
    return out


def label_units(x: xr.DataArray, units: Sequence[str]) -> xr.DataArray:
    """Write down the unit of each channel.

    One unit goes to ``attrs["units"]``. Where channels differ, the coordinate ``units`` along
    ``channel`` says it for each, and ``attrs["units"]`` is what all but the stimulus channels
    have, or "mixed".
    """
    if len(set(units)) > 1:
        x = x.assign_coords(units=("channel", list(units)))
    kinds = x["type"].values
    common = {unit for unit, kind in zip(units, kinds, strict=True) if kind != "stim"}
    x.attrs["units"] = (common or set(units)).pop() if len(common or set(units)) == 1 else "mixed"
    return x


def choose_channels(path: Path, x: xr.DataArray, channels: Sequence[str] | None) -> xr.DataArray:
    """Keep the channels of these names, in this order; all of them by None.

    Raises
    ------
    ValueError
        If one is missing.
    """
    if channels is None:
        return x
    names = x["channel"].values.tolist()
    if missing := [name for name in channels if name not in names]:
        raise ValueError(f"{path}: has no channels {missing}; it has {names}.")
    x = x.isel(channel=[names.index(name) for name in channels])
    if "units" in x.coords and "type" in x.coords:
        x = label_units(x.drop_vars("units"), x["units"].values.tolist())
    return x
