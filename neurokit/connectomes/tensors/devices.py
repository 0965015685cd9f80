"""Where a factorisation runs; torch is imported only where a GPU is asked for, or may be there."""

import importlib.util
import math
import sys
from pathlib import Path
from typing import Any

from neurokit.training.devices import resolve_device

DRIVER = Path("/dev/nvidiactl")  # what the driver of a CUDA card leaves on Linux


_WORTH = 3e11  # products of a fit that keep a processor as long as a card takes to start: seconds


def device_of(name: str, work: float = math.inf) -> Any:
    """Return a torch device, or None for NumPy.

    Parameters
    ----------
    name : str
        ``"cpu"``: NumPy. ``"auto"``: CUDA where torch and a card are there and the work is large,
        else NumPy. Any other name: that device of torch; ``"torch"`` is torch on the CPU, for
        comparison.
    work : float
        Products of a fit if it takes all its sweeps: entries by components, restarts and sweeps.
    """
    if not isinstance(name, str):
        raise TypeError(f"device must be a name such as 'auto', 'cpu' or 'cuda', got {name!r}.")
    if name == "cpu":
        return None
    if name == "torch":
        return resolve_device("cpu")
    if name != "auto":
        return resolve_device(name)
    if work < _WORTH:  # by size alone: what else the process did must not change a result
        return None
    driver = DRIVER.exists() or sys.platform == "win32"
    if not driver or importlib.util.find_spec("torch") is None:
        return None
    found = resolve_device("auto")
    return found if found.type == "cuda" else None
