"""Samples that stay on disk until somebody asks for them."""

from pathlib import Path
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


class _Told(BackendArray):
    """Values that another reader has on disk; what fails there is an OSError with the path."""

    def __init__(self, path: Path, name: str, variable: xr.Variable) -> None:
        self.path, self.name, self.variable = path, name, variable
        self.shape, self.dtype = variable.shape, variable.dtype

    def __getitem__(self, key: indexing.ExplicitIndexer) -> np.ndarray:
        found: np.ndarray = indexing.explicit_indexing_adapter(
            key, self.shape, indexing.IndexingSupport.OUTER, self._read
        )
        return found

    def _read(self, key: tuple[Any, ...]) -> np.ndarray:
        try:
            return self.variable[key].values
        except Exception as error:  # whatever the damage leads to
            said = (str(error).strip() or type(error).__name__).splitlines()[0][:200]
            raise OSError(
                f"{self.path}: {self.name} cannot be read, as it is damaged ({said.rstrip('.')});"
                " get another copy."
            ) from error


def told(path: Path, node: xr.Dataset) -> xr.Dataset:
    """Let what fails while values are read from `path` be told with its name."""
    lazy = {
        name: xr.Variable(
            v.dims,
            indexing.MemoryCachedArray(indexing.LazilyIndexedArray(_Told(path, str(name), v))),
            v.attrs,
            v.encoding,
        )
        for name, v in node.variables.items()
        if not v._in_memory
    }
    data = {name: v for name, v in lazy.items() if name in node.data_vars}
    return node.assign(data).assign_coords({n: v for n, v in lazy.items() if n not in data})
