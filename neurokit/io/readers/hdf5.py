"""Open HDF5 files so that damage is told in one sentence, wherever in the file it is met."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import h5py

from neurokit.io.readers.damage import refuse_placeholder, say_which


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
        file = h5py.File(path, "r")
    except OSError as error:
        reason = "is cut short" if "truncated" in str(error) else "is damaged or not HDF5"
        raise OSError(f"{path}: {reason}; copy it again.") from error
    with file, say_which(path):
        yield file


def list_members(path: Path) -> set[str]:
    """Return the names of the root's members and attributes; none where it is not HDF5."""
    if not h5py.is_hdf5(path):
        return set()
    with open_hdf5(path) as file:
        return {*file, *file.attrs}
