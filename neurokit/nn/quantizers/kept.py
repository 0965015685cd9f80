"""Codebooks on CUDA that are laid out once, and searched again while they stay what they are.

What a search needs beside the vectors takes a dozen small steps, which a large search would wait
for. Whether the codebooks are still those that were laid out is asked on the device too, behind
the search, so that a change that nobody told of (through ``.data``) is found as well.
"""

import importlib.util
import math
from typing import NamedTuple, Protocol
from weakref import WeakKeyDictionary

from torch import Tensor, nn

from neurokit.nn.quantizers.search import Tables, search

Mark = tuple[int, ...]


class _Kept(NamedTuple):
    mark: Mark  # cheap to compare, but does not see everything
    copies: tuple[Tensor, ...]
    ready: object


class Codebooks(Protocol):
    """What `find_codes` asks of a module."""

    codebooks: Tensor
    gains: Tensor
    project_in: nn.ModuleList | None
    training: bool

    def tables(self, n_levels: int) -> Tables:
        """Lay the codebooks out for the search."""
        ...


_KEPT: WeakKeyDictionary[Codebooks, _Kept] = WeakKeyDictionary()


def find_codes(module: Codebooks, x: Tensor, n_levels: int) -> tuple[Tensor, bool]:
    """Find the codes (n, level) of the rows of ``x``; tell whether some may not be finite."""
    sources = module.codebooks, module.gains
    if not _pays(module, x, n_levels):
        codes = search(x, module.tables(n_levels))
        # asked after the search, so that a device need not wait for the answer before it; no sum
        # with NaN or infinity is finite, and one that is not may have grown too large
        return codes, bool(len(x)) and not math.isfinite(float(x.sum()))
    from neurokit.nn.kernels import quantize_short_cuda as kernels
    from neurokit.nn.kernels.quantize_cuda import compare

    mark: Mark = (n_levels, *[n for t in sources for n in (t.data_ptr(), _version(t))])
    kept = _KEPT.get(module)
    while True:
        if kept is None or kept.mark != mark:
            ready = kernels.prepare(*module.tables(n_levels))
            kept = _KEPT[module] = _Kept(mark, tuple(t.clone() for t in sources), ready)
        codes, flags = kernels.find(x, kept.ready)
        compare(sources, kept.copies, flags[1:])
        doubtful, changed = flags[:2].tolist()
        if not changed:
            return codes, bool(doubtful)
        kept, nan = None, any(bool(t.isnan().any()) for t in sources)
        if nan:  # never equal to itself
            return search(x, module.tables(n_levels)), bool(doubtful)


def _version(x: Tensor) -> int:
    """Count the changes of a tensor, where torch does."""
    return 0 if x.is_inference() else x._version


def _pays(module: Codebooks, x: Tensor, n_levels: int) -> bool:
    """Tell whether the search is large, and its codebooks are likely to stay."""
    if x.device.type != "cuda" or module.training or importlib.util.find_spec("triton") is None:
        return False
    table = module.codebooks[:n_levels]
    if module.project_in is not None:
        return False
    from neurokit.nn.kernels import quantize_short_cuda as kernels

    return bool(kernels.pays(x, table, None))
