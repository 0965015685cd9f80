"""What a live stream takes: rows of finite numbers, as many columns as it was fitted on."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray


def check_chunk(caller: str, chunk: Any, n_columns: int, what: str = "counts") -> NDArray[Any]:
    """Return a chunk as an array, or refuse it: NaN would stay in the state for good."""
    chunk = np.asarray(chunk)
    if chunk.ndim != 2 or chunk.shape[1] != n_columns:
        raise ValueError(
            f"{caller}.stream: push takes {what} of shape (n, {n_columns}), got {chunk.shape}."
        )
    if not math.isfinite(np.add.reduce(chunk, axis=None)):
        raise ValueError(f"{caller}.stream: the {what} hold NaN or infinity.")
    return chunk
