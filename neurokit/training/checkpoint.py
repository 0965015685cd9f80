"""An unfinished computation on disk.

Knows nothing of torch, so that whatever takes long can be kept and taken up again by it.
"""

import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from neurokit.persistence import read_tensors, write_tensors
from neurokit.types import Json

Arrays = Mapping[str, np.ndarray]


class Checkpoint:
    """One file in a folder that keeps one computation, named after whatever decides its result.

    Parameters
    ----------
    folder : path-like
    fingerprint : str
        See `neurokit.solvers.resuming.fingerprint_of`.
    """

    def __init__(self, folder: str | os.PathLike[str], fingerprint: str) -> None:
        self.path = Path(folder) / f"{fingerprint}.safetensors"

    def read(self) -> tuple[Json, dict[str, np.ndarray]] | None:
        """Return header and arrays of this very computation, or None where there is no file."""
        return read_tensors(self.path) if self.path.exists() else None

    def write(self, header: Mapping[str, object], arrays: Arrays) -> None:
        """Write header and arrays, all or nothing."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        write_tensors(self.path, {"format": 1} | dict(header), arrays)

    def remove(self) -> None:
        """Take the file away: the computation is done."""
        self.path.unlink(missing_ok=True)
