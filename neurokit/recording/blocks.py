"""Lazy recordings by blocks: what a filter of finite reach needs of its neighbours."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from neurokit.types import Floats

if TYPE_CHECKING:
    from dask.array import Array as DaskArray

_BLOCK = 2**22  # samples of all channels: 16 MB of float32


def chunk_if_on_disk(x: xr.DataArray) -> xr.DataArray:
    """Make a dask array of a recording that is still in its file; leave the others."""
    if x.chunks is not None or x.variable._in_memory or "time" not in x.dims:
        return x
    size = max(1, _BLOCK // max(1, x.sizes.get("channel", 1)))
    if "trial" in x.dims:
        return x.chunk({"trial": max(1, size // max(1, x.sizes["time"]))})
    return x.chunk({"time": size})


def as_floats(data: Any) -> Any:
    """Return float samples: float32 of float32 and of short integers, else float64."""
    return data.astype(np.result_type(data.dtype, np.float32))


def refuse_gaps(values: Floats, caller: str) -> None:
    """Refuse NaN and infinity, which a filter would spread."""
    if not np.isfinite(values).all():
        bad = ~np.isfinite(values)
        raise ValueError(
            f"{caller}: {bad.sum()} samples are NaN or infinite; cut them out or fill them first,"
            " for example with x.interpolate_na('time')."
        )


def by_blocks(
    run: Callable[[Floats], Floats],
    padded: "DaskArray",
    chunks: Sequence[int],
    edge: int,
    reach: int,
) -> "DaskArray":
    """Send blocks through ``run``, each with ``reach`` samples of its neighbours.

    Parameters
    ----------
    run : callable
        Takes and returns arrays of one shape (..., time).
    padded : dask array (..., time)
        The recording with ``edge`` more samples on both sides.
    chunks : sequence of int
        Lengths of the blocks of the recording.
    edge : int
        Samples that ``padded`` has before the recording, and after it.
    reach : int
        Samples that ``run`` looks back and ahead.

    Returns
    -------
    dask array (..., time)
        The recording, without the edges.
    """
    import dask.array as da

    out, start = [], edge
    for size in chunks:
        low, high = max(start - reach, 0), min(start + size + reach, padded.shape[-1])
        block = padded[..., low:high].rechunk({-1: -1})
        out.append(block.map_blocks(run, dtype=padded.dtype)[..., start - low :][..., :size])
        start += size
    return da.concatenate(out, axis=-1)
