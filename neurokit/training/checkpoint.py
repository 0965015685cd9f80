"""An unfinished computation on disk, and an interruption that waits for the end of a step.

Knows nothing of torch, so that whatever takes long can be kept and taken up again by it.
"""

import hashlib
import os
import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
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
        See `fingerprint_of`.
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


def fingerprint_of(*parts: object) -> str:
    """Return one name for all parts: arrays by their bytes, others by their ``repr``.

    Parameters
    ----------
    *parts : ndarray or any with a lasting ``repr``

    Returns
    -------
    str
        32 hexadecimal digits.
    """
    digest = hashlib.blake2b(digest_size=16)
    for part in parts:
        if isinstance(part, np.ndarray):
            digest.update(repr((part.dtype.str, part.shape)).encode())
            digest.update(np.ascontiguousarray(part).reshape(-1).view(np.uint8).data)
        else:
            digest.update(repr(part).encode())
    return digest.hexdigest()


@contextmanager
def interruption_waits(wanted: bool) -> Iterator[Callable[[], bool]]:
    """Let Ctrl-C wait for the end of a step, so that no checkpoint holds half of one.

    A second Ctrl-C does not wait.

    Parameters
    ----------
    wanted : bool
        False leaves Ctrl-C as it is, as do threads other than the main one.

    Yields
    ------
    callable
        Whether Ctrl-C was pressed.
    """
    pressed: list[int] = []
    if not wanted or threading.current_thread() is not threading.main_thread():
        yield lambda: False
        return

    def handler(number: int, frame: object) -> None:
        pressed.append(number)
        if len(pressed) > 1:
            raise KeyboardInterrupt

    before = signal.signal(signal.SIGINT, handler)
    try:
        yield lambda: bool(pressed)
    finally:
        signal.signal(signal.SIGINT, before)
