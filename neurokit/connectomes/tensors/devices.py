"""Where a factorisation runs; torch is imported only where a GPU is asked for, or may be there."""

import importlib.util
import sys
from pathlib import Path
from typing import Any

from neurokit.training.devices import resolve_device

DRIVER = Path("/dev/nvidiactl")  # what the driver of a CUDA card leaves on Linux


def device_of(name: str) -> Any:
    """Return a torch device, or None for NumPy.

    Parameters
    ----------
    name : str
        ``"cpu"``: NumPy. ``"auto"``: CUDA where torch and a card are there, else NumPy. Any other
        name: that device of torch; ``"torch"`` is torch on the CPU, for comparison.
    """
    if not isinstance(name, str):
        raise TypeError(f"device must be a name such as 'auto', 'cpu' or 'cuda', got {name!r}.")
    if name == "cpu":
        return None
    if name == "torch":
        return resolve_device("cpu")
    if name != "auto":
        return resolve_device(name)
    driver = DRIVER.exists() or sys.platform == "win32"
    if not driver or importlib.util.find_spec("torch") is None:
        return None
    found = resolve_device("auto")
    return found if found.type == "cuda" else None
