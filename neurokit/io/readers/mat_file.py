"""What lies in a MAT file, looked at before other packages read it.

SciPy reads version 5 in compiled code that believes what the file says: one changed byte can end
the interpreter. Here all of a file's structure is held against its bytes first.
"""

import math
import os
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import numpy as np

_SIZES = {1: 1, 2: 1, 3: 2, 4: 2, 5: 4, 6: 4, 7: 4, 9: 8, 12: 8, 13: 8, 16: 1, 17: 2, 18: 4}
_MATRIX, _COMPRESSED = 14, 15
_CELL, _STRUCT, _OBJECT, _CHAR, _SPARSE, _FUNCTION, _OPAQUE = 1, 2, 3, 4, 5, 16, 17
_INT32, _UINT32 = 5, 6
_TEXTS = (1, 2, 16)
_UTF = (16, 17, 18)
_DEPTH = 60  # of structs in structs
_PIECE = 1 << 16


def list_variables(path: Path) -> list[str]:
    """Return the names of the variables of a MAT file, of version 7.3 or before."""
    import h5py
    import scipy.io

    if h5py.is_hdf5(path):
        from neurokit.io.readers.hdf5 import open_hdf5

        with open_hdf5(path) as file:
            return [name for name in file if not name.startswith("#")]
    check_mat(path)
    return [name for name, _, _ in scipy.io.whosmat(path)]


def check_mat(path: Path) -> None:
    """Refuse a MAT file of version 5 whose parts do not fit into one another.

    Other versions pass: those before are read in Python, 7.3 is HDF5.

    Raises
    ------
    OSError
        If it is damaged.
    """
    with path.open("rb") as file:
        head = file.read(128)
        if len(head) < 128 or 0 in head[:4] or head[126:128] not in (b"IM", b"MI"):
            return
        order = "<" if head[126:128] == b"IM" else ">"
        if struct.unpack(order + "H", head[124:126])[0] != 0x0100:
            return
        size = os.fstat(file.fileno()).st_size
        try:
            while file.tell() < size:
                _look_at_variable(file, order, size)
        except (ValueError, struct.error, zlib.error) as error:
            said = str(error) if type(error) is ValueError else "its bytes are not in place"
            raise OSError(f"{path}: is damaged ({said}); copy it again.") from error


class _Source:
    """Bytes of one variable, in order, as they are or inflated on the way."""

    def __init__(self, read: Callable[[int], bytes], order: str) -> None:
        self.read_some, self.order, self.at = read, order, 0

    def read(self, n: int) -> bytes:
        data = self.read_some(n)
        if len(data) != n:
            raise ValueError("it ends early")
        self.at += n
        return data

    def skip(self, n: int) -> None:
        if n < 0:
            raise ValueError("a part is longer than the whole")
        while n:
            n -= len(self.read(min(n, _PIECE)))

    def numbers(self, kind: str, n: int) -> tuple[int, ...]:
        return struct.unpack(f"{self.order}{n}{kind}", self.read(4 * n))

    def element(
        self, kinds: tuple[int, ...], end: int, *, keep: bool = True
    ) -> tuple[int, int, bytes]:
        """Read an element of data that ends by `end`: its type, length and, if kept, bytes."""
        kind, length = self.numbers("I", 2)
        short = kind >> 16  # four bytes or fewer, in the tag itself
        if short:
            kind, data = kind & 0xFFFF, struct.pack(self.order + "I", length)[:short]
            length = short
            if short > 4:
                raise ValueError("a short element is long")
        if kind not in kinds or length % _SIZES[kind]:
            raise ValueError(f"a part is of kind {kind}")
        if not short:
            if self.at + length > end:
                raise ValueError("a part is longer than the whole")
            data = self.read(length) if keep else b""
            if not keep:
                self.skip(length)
            self.skip(min(-length % 8, end - self.at))  # the last may lack its padding
        return kind, length, data


def _look_at_variable(file: BinaryIO, order: str, size: int) -> None:
    kind, length = struct.unpack(order + "II", file.read(8))
    end = file.tell() + length
    if end > size:
        raise ValueError("it ends early")
    if kind == _MATRIX:
        _look_at_matrix(_Source(file.read, order), length, 0)
    elif kind == _COMPRESSED:
        source = _Source(_inflate(file, length), order)
        inner, inner_length = source.numbers("I", 2)
        if inner != _MATRIX:
            raise ValueError(f"a variable is of kind {inner}")
        _look_at_matrix(source, inner_length, 0)
    else:
        raise ValueError(f"a variable is of kind {kind}")
    file.seek(end)


def _inflate(file: BinaryIO, length: int) -> Callable[[int], bytes]:
    """Return a function that inflates as many bytes as are asked for, and holds no more."""
    stream = zlib.decompressobj()
    left, held = length, b""

    def read(n: int) -> bytes:
        nonlocal left, held
        while len(held) < n:
            packed = stream.unconsumed_tail
            if not packed:
                packed = file.read(min(left, _PIECE))
                left -= len(packed)
            if not packed:
                break
            held += stream.decompress(packed, max(n, _PIECE))
        out, held = held[:n], held[n:]
        return out

    return read


def _look_at_matrix(source: _Source, length: int, depth: int) -> None:
    """Hold one matrix, and what lies in it, against its length."""
    end = source.at + length
    if depth > _DEPTH:
        raise ValueError("its structs lie too deep in each other")
    if not length:
        return  # an empty cell
    _, n_flags, flags = source.element((_UINT32,), end)
    if n_flags != 8:
        raise ValueError("the kind of an array is not told")
    word = struct.unpack(source.order + "I", flags[:4])[0]
    what, is_complex = word & 0xFF, bool(word & 0x800)
    if what == _OPAQUE or not 1 <= what <= 17:
        raise ValueError(f"an array is of class {what}")
    _, n_dims, dims_data = source.element((_INT32,), end)
    dims = struct.unpack(f"{source.order}{n_dims // 4}i", dims_data)
    if not 2 <= len(dims) <= 32 or min(dims) < 0:
        raise ValueError("an array has dims that cannot be")
    source.element(_TEXTS, end)  # its name
    if what in (_CELL, _STRUCT, _OBJECT, _FUNCTION):
        _look_inside(source, what, math.prod(dims), end, depth)
    elif what == _SPARSE:
        _look_at_sparse(source, dims, is_complex, end)
    else:
        _look_at_numbers(source, what == _CHAR, math.prod(dims), is_complex, end)
    source.skip(end - source.at)


def _look_at_numbers(source: _Source, text: bool, n: int, is_complex: bool, end: int) -> None:
    for _ in range(1 + is_complex):
        kind, size, _ = source.element(tuple(_SIZES), end, keep=False)
        held = size // _SIZES[kind]
        if (held != n and not text) or (text and held < n and kind not in _UTF):
            raise ValueError(f"{held} values where dims say {n}")


def _look_inside(source: _Source, what: int, n: int, end: int, depth: int) -> None:
    """Look at the matrices in a cell, a struct or a function."""
    if what == _OBJECT:
        source.element(_TEXTS, end)
    if what in (_STRUCT, _OBJECT):
        _, size, data = source.element((_INT32,), end)
        width = struct.unpack(source.order + "i", data[:4])[0] if size == 4 else 0
        _, names, _ = source.element(_TEXTS, end)
        if not 1 <= width <= 4096 or names % width:
            raise ValueError("the fields of a struct have no names")
        n *= names // width
    elif what == _FUNCTION:
        n = 1
    if 8 * n > end - source.at:
        raise ValueError(f"{n} cells in {end - source.at} bytes")
    for _ in range(n):
        kind, size = source.numbers("I", 2)
        if kind != _MATRIX or source.at + size > end:
            raise ValueError(f"a cell is of kind {kind}" if kind != _MATRIX else "it ends early")
        _look_at_matrix(source, size, depth + 1)


def _look_at_sparse(source: _Source, dims: tuple[int, ...], is_complex: bool, end: int) -> None:
    """Look at rows and columns: who multiplies such a matrix does not look again."""
    if len(dims) != 2:
        raise ValueError("a sparse matrix has two dims")
    rows, ends = (
        np.frombuffer(source.element((_INT32, _UINT32), end)[2], f"{source.order}i4")
        for _ in range(2)
    )
    number = int(ends[-1]) if len(ends) == dims[1] + 1 else -1
    if number < 0 or ends[0] or (np.diff(ends) < 0).any() or number > len(rows):
        raise ValueError("the columns of a sparse matrix are not told")
    if number and not 0 <= rows[:number].min() <= rows[:number].max() < dims[0]:
        raise ValueError("a sparse matrix has rows outside itself")
    for _ in range(1 + is_complex):
        kind, size, _ = source.element(tuple(_SIZES), end, keep=False)
        if size // _SIZES[kind] < number:
            raise ValueError("a sparse matrix lacks values")
