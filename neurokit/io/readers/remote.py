"""Files elsewhere, read in pieces: HTTP by ranges, other addresses through fsspec."""

from __future__ import annotations

import importlib.util
import io
import os
import re
import threading
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, cast

import h5py

if TYPE_CHECKING:
    import requests

_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]+://", re.IGNORECASE)
_BLOCK = 1 << 18  # bytes asked for at the least
_KEPT = 256  # blocks: 64 MiB
_TIMEOUT = 60  # s
_TRIES = 3


class Address(str):
    """The address of a file elsewhere; answers what readers ask of a path."""

    @property
    def name(self) -> str:
        """What stands behind the last slash."""
        return self.split("?")[0].rstrip("/").rpartition("/")[2]

    @property
    def suffix(self) -> str:
        """Ending of the name."""
        return Path(self.name).suffix

    def exists(self) -> bool:
        """Return True: whether there is such a file is said when it is opened."""
        return True

    def is_dir(self) -> bool:
        """Return False: folders elsewhere are not read."""
        return False


def as_address(path: object) -> Address | None:
    """Return the address that a path is, or None for one on this machine."""
    return Address(path) if isinstance(path, str) and _ADDRESS.match(path) else None


def open_remote(address: str) -> h5py.File:
    """Open an HDF5 file elsewhere; only what is read of it is fetched.

    Parameters
    ----------
    address : str
        ``http://`` and ``https://`` need a server that answers ranges; others, such as
        ``s3://``, need fsspec and what it needs for them.

    Raises
    ------
    OSError
        If there is no such file, the server sends no ranges, or it is not HDF5.
    ImportError
        If fsspec is needed and not installed.
    """
    file = HttpFile(address) if address.lower().startswith("http") else _open_by_fsspec(address)
    access = h5py.h5p.create(h5py.h5p.FILE_ACCESS)
    access.set_fclose_degree(h5py.h5f.CLOSE_STRONG)
    access.set_fileobj_driver(h5py.h5fd.fileobj_driver, file)
    try:  # by hand, so that the file is called by its address
        return h5py.File(h5py.h5f.open(address.encode(), h5py.h5f.ACC_RDONLY, access))
    except (OSError, RuntimeError) as error:
        raise OSError(f"{address}: is damaged or not HDF5 ({error}).") from error


def open_either(name: str, mode: str = "r") -> h5py.File:
    """Open an HDF5 file to read, by its path or address."""
    return open_remote(name) if as_address(name) else h5py.File(name, mode)


def _open_by_fsspec(address: str) -> io.IOBase:
    if importlib.util.find_spec("fsspec") is None:
        raise ImportError(
            f'{address}: needs fsspec; pip install "neurokit-brain[remote]", or give an https'
            " address."
        )
    import fsspec

    try:
        return cast("io.IOBase", fsspec.open(address, "rb").open())
    except OSError as error:
        raise OSError(f"{address}: cannot be opened ({error}).") from error


class HttpFile(io.RawIOBase):
    """A file behind an HTTP server that answers ranges; blocks that were read are kept.

    Parameters
    ----------
    address : str

    Attributes
    ----------
    size : int
        Bytes of the file.
    n_fetched : int
        Bytes that came over the network so far.
    """

    def __init__(self, address: str) -> None:
        import requests  # pooch needs it, too

        super().__init__()
        self.address = address
        self.n_fetched = 0
        self._at = 0
        self._session = requests.Session()
        self._lock = threading.Lock()
        self._blocks: OrderedDict[int, bytes] = OrderedDict()
        response = self._ask(0, _BLOCK)
        total = response.headers.get("Content-Range", "").rpartition("/")[2]
        if response.status_code != 206 or not total.isdigit():
            response.close()
            raise OSError(
                f"{address}: its server does not answer ranges (it said {response.status_code});"
                " download the file, and read it from the disk."
            )
        self.size = int(total)
        self._address = response.url  # behind redirections
        self._keep(0, response.content)

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def tell(self) -> int:
        """Return the place of the next byte."""
        return self._at

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move to a byte, counted from the beginning, from here or from the end."""
        self._at = offset + {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self.size}[whence]
        return self._at

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        """Read from here on, fetching what is not kept."""
        view = memoryview(buffer).cast("B")
        start, stop = self._at, min(self._at + len(view), self.size)
        with self._lock:
            for number, block in self._walk(start, stop):
                low, high = max(start, number * _BLOCK), min(stop, (number + 1) * _BLOCK)
                view[low - start : high - start] = block[
                    low - number * _BLOCK : high - number * _BLOCK
                ]
        self._at = max(stop, start)
        return max(stop - start, 0)

    def close(self) -> None:
        """Leave the server."""
        if not self.closed:
            self._session.close()
        super().close()

    def _walk(self, start: int, stop: int) -> Iterator[tuple[int, bytes]]:
        """Yield the blocks of a range, fetching neighbours that are missing in one go."""
        numbers = range(start // _BLOCK, -(-stop // _BLOCK)) if stop > start else range(0)
        at = 0
        while at < len(numbers):
            number = numbers[at]
            if (block := self._blocks.get(number)) is not None:
                self._blocks.move_to_end(number)
                yield number, block
                at += 1
                continue
            n = 1
            while at + n < len(numbers) and n < _KEPT and numbers[at + n] not in self._blocks:
                n += 1
            content = self._fetch(number, n)
            for k in range(n):
                yield number + k, content[k * _BLOCK : (k + 1) * _BLOCK]
            at += n

    def _fetch(self, number: int, n: int) -> bytes:
        start, stop = number * _BLOCK, min((number + n) * _BLOCK, self.size)
        content = self._ask(start, stop).content
        if len(content) != stop - start:
            raise OSError(
                f"{self.address}: sent {len(content)} bytes where {stop - start} were asked for."
            )
        self._keep(number, content)
        return content

    def _keep(self, number: int, content: bytes) -> None:
        self.n_fetched += len(content)
        for k in range(-(-len(content) // _BLOCK)):
            self._blocks[number + k] = content[k * _BLOCK : (k + 1) * _BLOCK]
        while len(self._blocks) > _KEPT:
            self._blocks.popitem(last=False)

    def _ask(self, start: int, stop: int) -> requests.Response:
        import requests

        address = getattr(self, "_address", self.address)
        headers = {"Range": f"bytes={start}-{stop - 1}", "Accept-Encoding": "identity"}
        tries = 0
        while True:
            tries += 1
            try:
                answer = self._session.get(address, headers=headers, timeout=_TIMEOUT, stream=True)
                if answer.status_code == 206:
                    _ = answer.content  # here, where what breaks off is tried again
                if answer.status_code < 500 or tries == _TRIES:
                    break
            except requests.RequestException as error:
                if tries == _TRIES:
                    raise OSError(
                        f"{self.address}: cannot be read ({type(error).__name__}); check the"
                        " address and the network."
                    ) from error
        if answer.status_code >= 400:
            raise OSError(
                f"{self.address}: its server said {answer.status_code} {answer.reason}; check the"
                " address."
            )
        return answer
