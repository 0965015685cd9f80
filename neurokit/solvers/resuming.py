"""What long computations share that can be taken up again: a name for what decides, and Ctrl-C.

Networks (`neurokit.training`) and chains (`neurokit.solvers.chains`) keep files of their own.
"""

import hashlib
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np


def fingerprint_of(*parts: object) -> str:
    """Return one name for all parts: arrays by their bytes, others by their ``repr``.

    Parameters
    ----------
    *parts : ndarray or any with a lasting ``repr``

    Returns
    -------
    str
        32 hexadecimal digits.

    Examples
    --------
    >>> fingerprint_of(np.arange(3), "negbin") == fingerprint_of(np.arange(3), "poisson")
    False
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
