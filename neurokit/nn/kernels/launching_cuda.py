"""Launches of compiled Triton kernels without the search for them that each would begin with.

That search, and asking the driver about every pointer, take longer than a small kernel.
"""

from __future__ import annotations

from typing import Any, TypeAlias

from torch import Tensor
from triton.runtime import driver

Kernel: TypeAlias = Any  # of Triton, compiled or not, which says no type


class Launch:
    """A kernel, launched again on arguments of the kinds that it was launched on at first.

    Parameters
    ----------
    kernel : JITFunction
    device : int
        Number of the device, which has to be the current one.
    **options : int
        How to compile it, such as the number of warps.
    """

    def __init__(self, kernel: Kernel, device: int, **options: int) -> None:
        self.kernel, self.device, self.options = kernel, device, options
        self.head: tuple[object, ...] | None = None
        self.run: Kernel = None

    def __call__(self, n_programs: int, arguments: tuple[object, ...]) -> None:
        """Launch so many programs; `arguments` are all of the kernel's, in their order."""
        if self.head is not None:
            addresses = [x.data_ptr() if isinstance(x, Tensor) else x for x in arguments]
            stream = driver.active.get_current_stream(self.device)
            try:
                self.run(n_programs, 1, 1, stream, *self.head, *addresses)
            except TypeError:  # another version of Triton
                self.head = None
            else:
                return
        compiled = self.kernel[(n_programs,)](*arguments, **self.options)
        if self.run is None and hasattr(compiled, "packed_metadata"):
            self.run = compiled.run
            self.head = compiled.function, compiled.packed_metadata, None, None, None
