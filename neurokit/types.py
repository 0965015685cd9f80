"""Names for what users hand in and what numbers it comes down to, written once.

They are for signatures: they say in one word what the docstring says in a line. Dims are in the
docstrings, as types do not know them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, TypeAlias

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

Floats: TypeAlias = NDArray[np.floating]  # of any precision
Doubles: TypeAlias = NDArray[np.float64]  # what compiled loops take
Numbers: TypeAlias = NDArray[np.number]  # whole or not
Codes: TypeAlias = NDArray[np.integer]  # tokens, labels by number, counts, positions
Flags: TypeAlias = NDArray[np.bool_]
Names: TypeAlias = NDArray[np.object_]
Json: TypeAlias = dict[str, Any]  # an object of JSON: a header, a note, a plan
State: TypeAlias = dict[str, Any]  # of a sampler or a climb: numbers and arrays by name
Loss: TypeAlias = Callable[..., Any]  # of a module and a batch: a mean, or it and others beside
TrainingHistory: TypeAlias = list[dict[str, float]]  # one entry for each epoch


class MNEObject(Protocol):
    """What ``mne.io.Raw``, ``mne.Epochs`` and ``mne.Evoked`` have in common for us."""

    ch_names: list[str]

    def get_data(self, *args: Any, **kwargs: Any) -> Any:
        """Return the samples, in V."""


# What users hand in
Recording: TypeAlias = xr.DataArray | ArrayLike | MNEObject  # channels, or units, over time
Recordings: TypeAlias = Any  # one, the path of one, or several: a list, mapping, DataTree, folder
Trials: TypeAlias = xr.DataArray | ArrayLike | MNEObject  # the same, trial by trial
Spikes: TypeAlias = xr.Dataset | xr.DataArray | ArrayLike  # spike times, or counts in bins
Tokens: TypeAlias = xr.DataArray | ArrayLike  # integers with a level
Targets: TypeAlias = xr.DataArray | ArrayLike  # labels of trials, or numbers along time

# What they get back: labelled if what they handed in was
Labelled: TypeAlias = xr.DataArray | Floats
