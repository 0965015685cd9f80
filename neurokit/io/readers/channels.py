"""Names and units of channels, the same in every format."""

from collections import Counter
from collections.abc import Sequence

import xarray as xr


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
