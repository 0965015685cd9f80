"""Samples that stay on disk until somebody asks for them."""

from typing import Any, Protocol, Self

import numpy as np
import xarray as xr
from xarray.backends import BackendArray
from xarray.core import indexing

_BLOCK = 1 << 16  # samples read at a time where only some of them are wanted


class Reader(Protocol):
    """What a file format has to offer to be read lazily."""

    @property
    def n_channels(self) -> int:
        """Number of channels."""

    @property
    def n_times(self) -> int:
        """Number of samples of each."""

    def read(self, channels: np.ndarray, start: int, stop: int) -> np.ndarray:
        """Return samples ``start`` to ``stop`` as float32 of shape (n_channels, stop - start)."""


class _LazyArray(BackendArray):
    """The array that xarray indexes; it reads what is asked for and keeps nothing."""

    def __init__(self, reader: Reader) -> None:
        self.reader = reader
        self.shape = (reader.n_channels, reader.n_times)
        self.dtype = np.dtype(np.float32)

    def __deepcopy__(self, memo: object) -> Self:
        return self  # a file, read only: nothing to copy

    def __getitem__(self, key: indexing.ExplicitIndexer) -> Any:
        if not isinstance(key, indexing.VectorizedIndexer):
            return self._read(key.tuple)
        return indexing.explicit_indexing_adapter(
            key, self.shape, indexing.IndexingSupport.OUTER, self._read
        )

    def _read(self, key: tuple[Any, ...]) -> np.ndarray:
        rows, columns = key
        channels = np.atleast_1d(np.arange(self.shape[0])[rows])
        if isinstance(columns, slice) and columns.step in (None, 1):
            start, stop, _ = columns.indices(self.shape[1])
            values = self.reader.read(channels, start, max(start, stop))
        else:
            values = self._pick(channels, np.atleast_1d(_positions(columns, self.shape[1])))
        if isinstance(rows, int | np.integer):
            values = values[0]
        return values[..., 0] if isinstance(columns, int | np.integer) else values

    def _pick(self, channels: np.ndarray, positions: np.ndarray) -> np.ndarray:
        """Read scattered samples block by block: a stride over a day never loads the day."""
        out = np.empty((len(channels), len(positions)), np.float32)
        block = positions // _BLOCK
        for number in np.unique(block):
            wanted = np.flatnonzero(block == number)
            first, last = positions[wanted].min(), positions[wanted].max()
            values = self.reader.read(channels, int(first), int(last) + 1)
            out[:, wanted] = values[:, positions[wanted] - first]
        return out


def _positions(key: Any, size: int) -> np.ndarray:
    return np.arange(*key.indices(size)) if isinstance(key, slice) else np.asarray(key)


def lazy_variable(reader: Reader) -> xr.Variable:
    """Return a variable of dims ("channel", "time") that reads from ``reader`` when asked."""
    return xr.Variable(("channel", "time"), indexing.LazilyIndexedArray(_LazyArray(reader)))
