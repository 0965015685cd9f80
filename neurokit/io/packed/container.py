"""The container of ``.ntok`` files: a JSON header, checksummed blocks, an index.

All numbers are little-endian::

    "NTOK"  u16 version  u16 zero  u32 length of text  u32 crc32 (of these 12 bytes and text)
    text:    JSON, UTF-8, deflated with what usually stands in it as a dictionary
    blocks:  u32 length  u32 crc32 (of start and payload)  u64 start  payload
    index:   for each block  u64 offset  u64 start  u32 length  u32 crc32
    u64 offset of the index  u32 blocks  u32 crc32 (of the index and these 12 bytes)  "KOTN"

Nothing in a file is executed on reading. Each block can be read without the others. Versions 1 and
2 were never released. From version 4 on levels of tokens are coded each in its own way; in version
5 those that are as good as noise by the shares of their values, and lossless files are predicted
by half weights.
"""

import contextlib
import json
import lzma
import os
import struct
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from neurokit.io.readers.damage import refuse_special
from neurokit.types import Json

MAGIC, END = b"NTOK", b"KOTN"
VERSION, OLDER = 5, 3  # that is written, and the oldest that is read
_HEAD = struct.Struct("<4sHHII")
_BLOCK = struct.Struct("<IIQ")
_ENTRY = struct.Struct("<QQII")
_TAIL = struct.Struct("<QII4s")
# Files cannot be read without it: another text needs another version.
_USUAL = (
    b'{"kind":"lossless","name":"recording.edf","size":1000000,"scale","position","species"'
    b'{"kind":"tokens","dims":["trial","channel","frame","level"],"shape":[1,64,10000,9],'
    b'"step":[1,8,1820],"dtype":"<u2","name":"tokens","attrs":{"signal_rate":"256",'
    b'"signal_samples":16000,"signal_first":"0","level_period":18,"units":"uV","code_digits":'
    b'"0 0 1 2 3;0 1 2 3 4;7 6 5 8 9;10 11 12 13 14;15 0 1 4 2;6 7 5 3 8;9 10 11 12 13"},'
    b'"coords":[{"name":"channel","dims":["channel"],"attrs":{},"index":true,"dtype":"<U3",'
    b'"shape":[64]},{"name":"type","dims":["channel"],"attrs":{},"index":false,"dtype":"<U3",'
    b'"shape":[64]},{"name":"frame","dims":["frame"],"attrs":{"units":"s"},"index":true,'
    b'"first":"0","rate":"25/4","size":10000},{"name":"level","dims":["level"],"attrs":{},'
    b'"index":true,"dtype":"<U6","shape":[9]}],"events":null,"model":null,'
    b'"stages":[0,0,1,2,3,4,5,6,7]}'
)


NONSENSE = (  # what numbers that nobody wrote lead to
    *(ArithmeticError, AttributeError, LookupError, MemoryError, RecursionError, TypeError),
    *(ValueError, struct.error, zlib.error, lzma.LZMAError),
)


class Block(NamedTuple):
    """Where a block lies and what it must add up to."""

    offset: int
    start: int
    length: int
    crc: int


def write_container(
    file: BinaryIO,
    header: Json,
    blocks: Iterable[tuple[int, bytes]],
    version: int = VERSION,
) -> None:
    """Write `header` and the (start, payload) pairs of `blocks` to an open file."""
    plain = json.dumps(header, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
    deflate = zlib.compressobj(9, wbits=-15, zdict=_USUAL)
    text = deflate.compress(plain) + deflate.flush()
    if len(plain) > _longest(len(text)):
        raise ValueError(
            f"the header of an .ntok file takes up to {_longest(len(text))} bytes, got"
            f" {len(plain)}; drop what is long among its attributes or events."
        )
    head = _HEAD.pack(MAGIC, version, 0, len(text), 0)[:12]
    file.write(head + struct.pack("<I", zlib.crc32(text, zlib.crc32(head))) + text)
    index = b""
    n = 0
    for start, payload in blocks:
        crc = zlib.crc32(payload, zlib.crc32(struct.pack("<Q", start)))
        index += _ENTRY.pack(file.tell(), start, len(payload), crc)
        file.write(_BLOCK.pack(len(payload), crc, start))
        file.write(payload)
        n += 1
    tail = _TAIL.pack(file.tell(), n, 0, END)[:12]
    file.write(index + tail + struct.pack("<I", zlib.crc32(tail, zlib.crc32(index))) + END)


def _longest(packed: int) -> int:
    """Return the longest header that so many packed bytes may hold: small files stay small."""
    return (1 << 24) + 10 * packed


class Container:
    """An open ``.ntok`` file: its header and index; blocks are read when asked for.

    Parameters
    ----------
    path : path-like
        The file.
    recover : bool, default=False
        Find the blocks of a file whose index is lost by walking over them.

    Raises
    ------
    OSError
        If the file is not one of ours, is of another version, or is damaged.
    """

    def __init__(self, path: str | os.PathLike[str], *, recover: bool = False) -> None:
        self.path = Path(path)
        if self.path.exists():
            refuse_special(self.path)
        self.size = self.path.stat().st_size
        with self.path.open("rb") as file:
            self.header, first = self._read_header(file)
            try:
                self.blocks = self._read_index(file)
            except OSError:
                if not recover:
                    raise
                self.blocks = self._walk(file, first)

    def _read_header(self, file: BinaryIO) -> tuple[Json, int]:
        head = file.read(_HEAD.size)
        if head[:4] != MAGIC:
            raise OSError(
                f"{self.path}: is not an .ntok file, as it begins with {head[:4]!r} instead of"
                f" {MAGIC!r}."
            )
        if len(head) < _HEAD.size:
            raise OSError(f"{self.path}: ends inside its header; get another copy.")
        _, version, _, length, crc = _HEAD.unpack(head)
        text = file.read(min(length, self.size))
        if zlib.crc32(text, zlib.crc32(head[:12])) != crc:
            if version > VERSION and len(text) == length:
                raise OSError(
                    f"{self.path}: is of version {version} or damaged, and this release reads"
                    f" versions {OLDER} to {VERSION}; update neurokit or get another copy."
                )
            raise OSError(f"{self.path}: its header is damaged; get another copy.")
        if not OLDER <= version <= VERSION:
            raise OSError(
                f"{self.path}: is of version {version}, and this release reads versions {OLDER}"
                f" to {VERSION};"
                + (" update neurokit." if version > VERSION else " write it again.")
            )
        most = _longest(length)
        try:
            plain = zlib.decompressobj(wbits=-15, zdict=_USUAL).decompress(text, most + 1)
            header = json.loads(plain) if len(plain) <= most else None
        except (ValueError, RecursionError, zlib.error):
            header = None
        if not isinstance(header, dict):
            raise OSError(
                f"{self.path}: its header is no table of facts of up to {most} bytes; neurokit did"
                " not write it."
            )
        return header, _HEAD.size + length

    @contextlib.contextmanager
    def blame(self, part: str = "header") -> Iterator[None]:
        """Turn what nonsense in the file leads to into an OSError of one sentence."""
        try:
            yield
        except OSError:
            raise
        except NONSENSE as error:
            said = (str(error).strip() or type(error).__name__).splitlines()[0][:200].rstrip(".")
            raise OSError(
                f"{self.path}: its {part} is not as neurokit writes it ({said}); get another copy."
            ) from error

    def _read_index(self, file: BinaryIO) -> list[Block]:
        file.seek(max(self.size - _TAIL.size, 0))
        tail = file.read(_TAIL.size)
        if len(tail) < _TAIL.size or tail[-4:] != END:
            raise OSError(
                f"{self.path}: is cut short or overwritten at its end, where the index of blocks"
                " should be; get another copy, or read what is intact with recover=True."
            )
        offset, n, crc, _ = _TAIL.unpack(tail)
        length = n * _ENTRY.size
        sound = offset + length + _TAIL.size == self.size
        if sound:
            file.seek(offset)
            index = file.read(length)
            sound = zlib.crc32(tail[:12], zlib.crc32(index)) == crc
        if not sound:
            raise OSError(
                f"{self.path}: its index of blocks is damaged; get another copy, or read what is"
                " intact with recover=True."
            )
        return [Block(*entry) for entry in _ENTRY.iter_unpack(index)]

    def _walk(self, file: BinaryIO, at: int) -> list[Block]:
        """Blocks that lie whole in the file, found without the index."""
        found = []
        while at + _BLOCK.size <= self.size:
            file.seek(at)
            length, crc, start = _BLOCK.unpack(file.read(_BLOCK.size))
            if at + _BLOCK.size + length > self.size:
                break
            payload = file.read(length)
            if zlib.crc32(payload, zlib.crc32(struct.pack("<Q", start))) != crc:
                break  # this length cannot be trusted, so what follows cannot be found
            found.append(Block(at, start, length, crc))
            at += _BLOCK.size + length
        return found

    def read(self, i: int) -> bytes:
        """Payload of block `i`.

        Raises
        ------
        OSError
            If the block is not what its checksum says.
        """
        if i >= len(self.blocks):
            raise OSError(f"{self.path}: ends before block {i}; get another copy.")
        offset, start, length, crc = self.blocks[i]
        with self.path.open("rb") as file:
            file.seek(offset)
            frame = file.read(_BLOCK.size)
            payload = file.read(length)
        if (
            frame != _BLOCK.pack(length, crc, start)
            or zlib.crc32(payload, zlib.crc32(struct.pack("<Q", start))) != crc
        ):
            raise OSError(
                f"{self.path}: block {i} of {len(self.blocks)} is damaged; get another copy, or"
                " read what is intact with recover=True."
            )
        return payload
