"""The chain of tags in a FIF file, walked before MNE walks it."""

import os
import struct
from pathlib import Path
from typing import BinaryIO

_TAG = struct.Struct(">IIiI")  # kind, type, size, place of the next (signed; 0: right behind)
_POINTER, _DIRECTORY = 101, 102


def check_fif(path: Path) -> None:
    """Refuse a FIF file whose tags lead back to where they have been: no walk would end.

    A sound directory at the end spares the walk.

    Raises
    ------
    OSError
        If they do.
    """
    if path.suffix == ".gz":
        return
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        if _has_directory(file, size):
            return
        at, seen = 0, set[int]()
        while at + _TAG.size <= size:
            if at in seen:
                raise OSError(
                    f"{path}: is damaged, as its tags lead back to byte {at}; copy it again."
                )
            seen.add(at)
            file.seek(at)
            _, _, length, following = _TAG.unpack(file.read(_TAG.size))
            if following >> 31:  # below 0: the last
                return
            at = following or at + _TAG.size + length
            if at < 0:
                raise OSError(f"{path}: is damaged, as a tag has {length} bytes; copy it again.")


def _has_directory(file: BinaryIO, size: int) -> bool:
    head = file.read(60)
    if len(head) < 60:
        return False
    following = _TAG.unpack(head[:16])[3]
    file.seek(following or 36)
    pointer = file.read(20)
    if len(pointer) < 20 or _TAG.unpack(pointer[:16])[0] != _POINTER:
        return False
    (at,) = struct.unpack(">i", pointer[16:])
    if not 0 < at <= size - _TAG.size:
        return False
    file.seek(at)
    kind, _, length, _ = _TAG.unpack(file.read(_TAG.size))
    return kind == _DIRECTORY and 0 < length <= size - at
