"""Write HDF5 to disks that may be full: the library beneath crashes when a write fails."""

import contextlib
import io
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any


class SteadyFile(io.FileIO):
    """A file whose writes never fail: the first error is kept, and what follows it is dropped.

    HDF5 does not survive a write that fails while it closes a file. It is told that all went well,
    and `raise_error` tells the caller.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path, "w+b")
        self.error: OSError | None = None

    def write(self, data: Any) -> int:
        """Write all of `data`, or keep the reason why not."""
        view = memoryview(data).cast("B")
        at, done = self.tell(), 0
        try:
            while self.error is None and done < len(view):
                done += super().write(view[done:])
        except OSError as error:
            self.error = error
        if self.error is not None:
            self.seek(at + len(view))
        return len(view)

    def readinto(self, buffer: Any) -> int:
        """Read, and after an error zeros where nothing was written."""
        view = memoryview(buffer).cast("B")
        got = super().readinto(view) or 0
        if self.error is not None and got < len(view):
            view[got:] = bytes(len(view) - got)
            self.seek(len(view) - got, os.SEEK_CUR)
            got = len(view)
        return got

    def truncate(self, size: int | None = None) -> int:
        """Set the length, or keep the reason why not."""
        try:
            return super().truncate(size)
        except OSError as error:
            self.error = self.error or error
            return self.tell() if size is None else size

    def flush(self) -> None:
        """Leave it to the system."""


@contextlib.contextmanager
def steady_file(part: Path, path: Path) -> Iterator[SteadyFile]:
    """Open `part` to be written by HDF5; say at the end if not all of it could be.

    Raises
    ------
    OSError
        If a write failed, with the name of `path`.
    """
    with SteadyFile(part) as file:
        try:
            yield file
        except Exception as error:
            if file.error is None:
                raise
            raise _told(path, file.error) from error
    if file.error is not None:
        raise _told(path, file.error)


def _told(path: Path, error: OSError) -> OSError:
    said = (error.strerror or str(error)).rstrip(".")
    return OSError(error.errno, f"{path}: could not be written ({said}); nothing is left of it.")
