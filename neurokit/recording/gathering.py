"""Windows of a dask array, gathered in one layer of its graph."""

import itertools
from typing import TYPE_CHECKING, Any

import numpy as np

from neurokit.types import Codes

if TYPE_CHECKING:
    from dask.array import Array as DaskArray
    from dask.typing import Key

_LARGEST = 2**24  # samples of a block of windows: 64 MB of float32


def gather_windows(x: "DaskArray", starts: Codes, size: int) -> "DaskArray":
    """Cut windows out of the last axis; each becomes an entry of a new first one.

    Windows that follow each other and lie in the same blocks of ``x`` become one block, made by
    one task: the graph grows with the blocks that are touched, not with the windows.

    Parameters
    ----------
    x : dask array of shape (..., n_times)
    starts : ndarray of int
        Where the windows begin.
    size : int
        Samples of each.

    Returns
    -------
    dask array of shape (n_windows, ..., size)

    Examples
    --------
    >>> import dask.array
    >>> x = dask.array.arange(10, chunks=4)
    >>> gather_windows(x, np.array([0, 1, 3]), 2).compute().tolist()
    [[0, 1], [1, 2], [3, 4]]
    """
    from dask.array import Array
    from dask.base import tokenize
    from dask.highlevelgraph import HighLevelGraph

    edges = np.concatenate([[0], np.cumsum(x.chunks[-1])])
    first = np.searchsorted(edges, starts, "right") - 1
    last = np.searchsorted(edges, starts + size - 1, "right") - 1
    most = max(1, _LARGEST // max(1, int(np.prod(x.chunksize[:-1])) * size))
    groups = _group(first, last, most)
    name = f"windows-{tokenize(x, starts, size)}"
    tasks: dict[Key, object] = {}
    for other in itertools.product(*(range(len(blocks)) for blocks in x.chunks[:-1])):
        for number, group in enumerate(groups):
            a, b = first[group.start], last[group.start]
            keys = [(x.name, *other, int(k)) for k in range(a, b + 1)]
            tasks[(name, number, *other, 0)] = (_cut, starts[group] - edges[a], size, keys)
    above: Any = [x]
    graph = HighLevelGraph.from_collections(name, tasks, dependencies=above)
    chunks = (tuple(g.stop - g.start for g in groups), *x.chunks[:-1], (size,))
    return Array(graph, name, chunks, dtype=x.dtype)


def _group(first: Codes, last: Codes, most: int) -> list[slice]:
    """Divide windows into runs of at most ``most`` in the same blocks."""
    change = np.flatnonzero((np.diff(first) != 0) | (np.diff(last) != 0)) + 1
    runs = itertools.pairwise([0, *change.tolist(), len(first)])
    return [slice(k, min(k + most, b)) for a, b in runs for k in range(a, b, most)]


def _cut(starts: Codes, size: int, blocks: list[np.ndarray]) -> np.ndarray:
    joined = blocks[0] if len(blocks) == 1 else np.concatenate(blocks, axis=-1)
    return np.stack([joined[..., s : s + size] for s in starts.tolist()])
