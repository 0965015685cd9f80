"""Projection of frames on components, the same to the bit in any batch."""
# mypy: ignore-errors

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def project(x, basis):
    """Multiply rows by a matrix, summed in a fixed order: float32 ``x @ basis``."""
    n, n_inputs = x.shape
    n_outputs = basis.shape[1]
    out = np.empty((n, n_outputs), np.float32)
    row = np.empty(n_outputs)
    for i in range(n):
        row[:] = 0.0
        for h in range(n_inputs):
            value = x[i, h]
            for d in range(n_outputs):
                row[d] += value * basis[h, d]
        for d in range(n_outputs):
            out[i, d] = np.float32(row[d])
    return out
