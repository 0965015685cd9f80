"""Events from the steps of trigger channels."""

import numpy as np
import pandas as pd
import xarray as xr

from neurokit.recording.make import events

_BLOCK = 1 << 18  # samples of a trigger channel looked at in one go


def find_steps(x: xr.DataArray) -> pd.DataFrame:
    """Return each change of a trigger channel to a value other than zero."""
    onsets: list[np.ndarray] = []
    labels: list[str] = []
    for row in np.flatnonzero(x["type"].values == "stim"):
        previous = 0
        for first in range(0, x.sizes["time"], _BLOCK):
            part = x.isel(channel=int(row), time=slice(first, first + _BLOCK))
            values = np.round(part.values).astype(np.int64)
            if x["channel"].values[row] == "Status":
                values &= 0xFFFF  # above it BioSemi reports on the amplifier itself
            before = np.concatenate([[previous if first else values[0]], values[:-1]])
            found = np.flatnonzero((values != before) & (values != 0))
            onsets.append(part["time"].values[found])
            labels += [str(value) for value in values[found]]
            previous = int(values[-1])
    return events(np.concatenate(onsets) if onsets else [], 0.0, np.asarray(labels, dtype=object))
