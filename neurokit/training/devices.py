"""Where networks run: torch, if it is installed, and its devices."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch
    from torch import Tensor


def import_torch(caller: str) -> ModuleType:
    """Import torch, or say in one sentence how to get it.

    Parameters
    ----------
    caller : str
        Who needs it.

    Returns
    -------
    module

    Raises
    ------
    ImportError
        If it is not installed.
    """
    try:
        import torch
    except ImportError:
        raise ImportError(
            f'{caller} needs torch: pip install "neurokit-brain[torch]".', name="torch"
        ) from None
    return torch


def resolve_device(name: str) -> torch.device:
    """Torch device for ``"auto"`` (CUDA where there is one), ``"cpu"``, ``"cuda"``, ...

    Parameters
    ----------
    name : str

    Returns
    -------
    torch.device

    Raises
    ------
    ValueError
        If there is no such device here.

    Examples
    --------
    >>> resolve_device("cpu")
    device(type='cpu')
    """
    torch = import_torch("neurokit.training")
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise ValueError(
            f"device={name!r} cannot be used here ({reason}); use 'auto' or 'cpu'."
        ) from None
    if device.type == "cuda" and device.index is None:
        device = torch.device("cuda", torch.cuda.current_device())
    return device


def bring_near(tensor: Tensor, device: torch.device) -> Tensor:
    """Move data beside the module once, where a GPU has the room for it."""
    if device.type != "cuda":
        return tensor
    import torch

    free, _ = torch.cuda.mem_get_info(device)
    size = tensor.numel() * tensor.element_size()
    return tensor.to(device) if size < free / 2 else tensor.pin_memory()


@contextmanager
def reproducible(device: torch.device) -> Iterator[None]:
    """Choose CUDA kernels that give the same bits each time; the caller's choice comes back.

    The gradient of torch's memory-efficient attention is added up in any order, so attention goes
    by flash kernels, whose gradients keep an order in `in_order`, or by plain products.
    """
    if device.type != "cuda":
        yield
        return
    import torch
    from torch.nn.attention import SDPBackend, sdpa_kernel

    before = torch.are_deterministic_algorithms_enabled()
    warn_only = torch.is_deterministic_algorithms_warn_only_enabled()
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    try:
        with (
            torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True),
            sdpa_kernel([SDPBackend.FLASH_ATTENTION, SDPBackend.MATH]),
        ):
            torch.use_deterministic_algorithms(True, warn_only=True)
            yield
    finally:
        torch.use_deterministic_algorithms(before, warn_only=warn_only)


@contextmanager
def in_order() -> Iterator[None]:
    """Refuse operations on CUDA that add in any order; flash attention keeps one only then.

    Inside `reproducible`, around the gradients.
    """
    import torch

    torch.use_deterministic_algorithms(True)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(True, warn_only=True)
