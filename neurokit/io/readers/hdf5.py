"""Open HDF5 files so that damage is told in one sentence, wherever in the file it is met."""

import contextlib
import os
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from neurokit.io.readers.damage import refuse_placeholder, say_which

_SMALL = 1 << 22  # bytes of a file that is looked through at once
_AT_ONCE = 1 << 15  # numbers that are looked at while they lie in the cache
_HEAP = b"GCOL\x01"  # how a heap of texts begins


@contextlib.contextmanager
def open_hdf5(path: Path) -> Iterator[h5py.File]:
    """Open a file to read; what fails while it is open is an OSError that begins with its path.

    Raises
    ------
    OSError
        If it is no sound HDF5 file. Errors that already begin with the path stay as they are.
    """
    with path.open("rb") as raw:
        refuse_placeholder(path, raw.read(1024))
    try:
        file = open_guarded(path)
    except (OSError, RuntimeError) as error:  # of the file, and of its links
        reason = "is cut short" if "truncated" in str(error) else "is damaged or not HDF5"
        raise OSError(f"{path}: {reason}; copy it again.") from error
    with file, say_which(path):
        yield file


def read_numbers(data: h5py.Dataset, look: Callable[[np.ndarray, int, int], None]) -> np.ndarray:
    """Return a column of numbers, each block shown to ``look`` as soon as it is there.

    Numbers that lie in the file as they do in memory are read past HDF5, straight to where they
    belong.

    Parameters
    ----------
    data : h5py.Dataset of one dimension
    look : callable
        Gets the array, of which all up to the third argument is filled, and from where to where
        it has not seen it.

    Returns
    -------
    ndarray
    """
    pieces = _find_on_disk(data)
    if pieces is None:
        values: np.ndarray = data[:]
        for start in range(0, len(values), _AT_ONCE):
            look(values, start, min(start + _AT_ONCE, len(values)))
        return values
    values = np.empty(data.shape, data.dtype)
    held = memoryview(values.view(np.uint8))  # type: ignore[arg-type]
    with Path(data.file.filename).open("rb", buffering=0) as raw:
        for first, last, place in pieces:
            raw.seek(place)
            for start in range(first, last, _AT_ONCE):
                stop = min(start + _AT_ONCE, last)
                part = held[start * data.dtype.itemsize : stop * data.dtype.itemsize]
                if raw.readinto(part) != len(part):
                    raise OSError(f"{data.name} ends too early")
                look(values, start, stop)
    return values


def _find_on_disk(data: h5py.Dataset) -> list[tuple[int, int, int]] | None:
    """Return first and last entry and place in the file of each piece; None where HDF5 has to."""
    made, size = data.id.get_create_plist(), data.size
    plain = data.dtype.kind in "fiu" and data.dtype.isnative and data.dtype.itemsize <= 8
    if not plain or not size or data.ndim != 1 or data.file.userblock_size:
        return None
    if data.external or data.is_virtual or made.get_nfilters():
        return None
    path = Path(data.file.filename)
    if not path.is_file() or path.stat().st_size != data.file.id.get_filesize():  # over a network
        return None
    if data.chunks is None:
        place = data.id.get_offset()  # None: inside the header
        return None if place is None else [(0, size, place)]
    step = data.chunks[0]
    if data.id.get_num_chunks() != -(-size // step):  # some were never written
        return None
    chunks = [data.id.get_chunk_info_by_coord((first,)) for first in range(0, size, step)]
    if any(chunk.byte_offset is None for chunk in chunks):
        return None
    return [
        (first, min(first + step, size), chunk.byte_offset)
        for first, chunk in zip(range(0, size, step), chunks, strict=True)
    ]


def is_hdf5(path: Path) -> bool:
    """Whether a file begins as HDF5 does."""
    return bool(h5py.is_hdf5(path))


def list_members(path: Path) -> set[str]:
    """Return the names of the root's members and attributes; none where it is not HDF5."""
    if not h5py.is_hdf5(path):
        return set()
    with open_hdf5(path) as file:
        return {*file, *file.attrs}


def open_guarded(path: Path) -> h5py.File:
    """Open a file to read, its heaps of texts held against their bytes before HDF5 walks them.

    Objects of a heap tell how long they are. HDF5 believes it, and where a damaged length leads
    back to the object itself it walks for ever, in code that nothing can interrupt. A file that
    links to others is opened as it is. In a small file all heaps are looked at beforehand, and
    where they are sound HDF5 reads it by itself, which is quicker than under guard.

    Raises
    ------
    OSError
        If it cannot be opened; and later, where a damaged heap is met.
    """
    if path.stat().st_size <= _SMALL and _has_sound_heaps(path.read_bytes()):
        return h5py.File(path, "r")
    access = h5py.h5p.create(h5py.h5p.FILE_ACCESS)
    access.set_fclose_degree(h5py.h5f.CLOSE_STRONG)
    access.set_fileobj_driver(h5py.h5fd.fileobj_driver, _HeapGuard(path))
    file = h5py.File(h5py.h5f.open(os.fsencode(path), h5py.h5f.ACC_RDONLY, access))
    if file.id.links.visit(_is_external, info=True):  # HDF5 would look for it in this very file
        file.close()
        file = h5py.File(path, "r")
    return file


def _is_external(_: bytes, link: Any) -> bool | None:
    return True if link.type == h5py.h5l.TYPE_EXTERNAL else None


def look_through(path: Path) -> None:
    """Read all attributes and texts, before others open the file without a guard.

    Where the heaps of a file have been looked at already, its objects are opened and no more.

    Raises
    ------
    OSError
        If one of them is damaged.
    """

    def look(_: str, found: h5py.HLObject) -> None:
        dict(found.attrs)
        if isinstance(found, h5py.Dataset) and found.dtype.kind == "O":
            found[()]

    def open_only(name: bytes) -> None:
        h5py.h5o.open(file.id, name)

    with open_guarded(path) as file:
        if file.driver != "fileobj":
            h5py.h5o.visit(file.id, open_only)
            return
        look("/", file)
        file.visititems(look)


class _HeapGuard:
    """A file, as HDF5 wants one, that refuses to hand out a damaged heap."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        self._size = os.fstat(self._file).st_size
        self._at = 0
        self._sound: set[int] = set()

    def __del__(self) -> None:
        os.close(self._file)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move to a byte, counted from the beginning or the end."""
        self._at = offset + (self._size if whence == os.SEEK_END else 0)
        return self._at

    def tell(self) -> int:
        """Return the place of the next byte."""
        return self._at

    def flush(self) -> None:
        """Do nothing, since nothing is written."""

    def readinto(self, buffer: Any) -> int:
        """Read, and look at a heap before it is given away."""
        at, got, view = self._at, 0, memoryview(buffer)
        while got < len(view) and (more := os.preadv(self._file, [view[got:]], at + got)):
            got += more
        self._at += got
        if got >= 16 and bytes(view[:5]) == _HEAP and at not in self._sound:
            (size,) = struct.unpack_from("<8xQ", view)
            if not _is_sound_heap(os.pread(self._file, min(size, self._size), at)):
                raise OSError("a heap of texts is damaged")
            self._sound.add(at)
        return got


def _has_sound_heaps(whole: bytes) -> bool:
    """Whether all that looks like a heap of texts is one."""
    at = whole.find(_HEAP)
    while at >= 0:
        (size,) = struct.unpack_from("<8xQ", whole, at) if at + 16 <= len(whole) else (0,)
        if not _is_sound_heap(whole[at : at + size]):
            return False
        at = whole.find(_HEAP, at + 1)
    return True


def _is_sound_heap(held: bytes) -> bool:
    """Whether the objects of a global heap collection lie one behind the other, to its end."""
    if len(held) < 16 or struct.unpack_from("<8xQ", held)[0] != len(held):
        return False
    place = 16
    while place + 16 <= len(held):
        index, length = struct.unpack_from("<H6xQ", held, place)
        step = 16 + length + -length % 8 if index else length
        if not 0 < step <= len(held) - place:
            return False
        place += step
    return True
