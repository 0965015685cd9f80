"""What the solvers of ridge regression return, and the folds that they take."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from neurokit.types import Doubles

Folds = Sequence[tuple[NDArray[np.intp], NDArray[np.intp]]]


class Solution(NamedTuple):
    """Weights of standardised columns, and how they were chosen."""

    coef: Doubles  # (n_features, n_targets)
    alphas: Doubles  # (n_targets,)
    deltas: Doubles  # (n_bands, n_targets): logarithms of the scalings of the bands
    scores: Doubles  # (n_candidates or 1, n_targets): minus the squared error in the folds
