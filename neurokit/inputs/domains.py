"""Which person, day or run each trial belongs to."""

from collections.abc import Sequence

import numpy as np

from neurokit.inputs.trials import Trials
from neurokit.types import Floats


def name_domains(source: Trials, by: Sequence[str]) -> Floats:
    """Name the domain of each trial.

    Parameters
    ----------
    source : Trials
    by : sequence of str
        Coordinates of ``trial`` that tell domains apart; those that are not there are skipped.

    Returns
    -------
    ndarray of str, shape (n_trials,)
        "all" where nothing tells trials apart.
    """
    found = {name: source.coordinate(name) for name in by}
    columns = [
        [f"{name} {value}" for value in values]
        for name, values in found.items()
        if values is not None
    ]
    if not columns:
        return np.full(len(source.values), "all")
    return np.array([" ".join(row) for row in zip(*columns, strict=True)])
