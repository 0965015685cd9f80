"""Write beside, then rename: a file or folder is there whole, or as it was before."""

import contextlib
import ctypes
import os
import secrets
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

_AT_FDCWD = -100  # Linux, fcntl.h: paths are relative to the working directory
_RENAME_EXCHANGE = 2  # Linux, linux/fs.h


@contextlib.contextmanager
def atomic_path(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Give a path to write to, which takes the place of `path` once the block has succeeded.

    The path lies in the same folder and ends in the same suffixes, so writers that choose a
    format by suffix work. If the block raises, is interrupted or is killed, `path` is as it
    was before; what had been written is removed (unless killed: then it stays beside, hidden,
    under a name that begins with ``.part-``).

    Parameters
    ----------
    path : path-like
        The file, or the folder (zarr), to be written.

    Yields
    ------
    Path
        Where the block writes its file or folder.

    Raises
    ------
    OSError
        If the folder that is to hold `path` does not exist or is read only, if the block wrote
        nothing, or if a file would take the place of a folder or a folder that of a file.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with atomic_path(Path(folder) / "notes.txt") as part:
    ...         _ = part.write_text("whole")
    ...     (Path(folder) / "notes.txt").read_text()
    'whole'
    """
    path = Path(path)
    if not path.parent.is_dir():
        raise FileNotFoundError(f"{path}: the folder {path.parent} does not exist; make it first.")
    effective = os.access in os.supports_effective_ids
    if not os.access(path.parent, os.W_OK | os.X_OK, effective_ids=effective):
        raise PermissionError(f"{path}: the folder {path.parent} is read only; choose another.")
    part = path.with_name(f".part-{secrets.token_hex(4)}-{path.name}")
    try:
        yield part
        if not part.exists():
            raise OSError(f"{path}: nothing was written.")
        if path.exists() and part.is_dir() != path.is_dir():
            kinds = ("a folder", "a file") if path.is_dir() else ("a file", "a folder")
            raise OSError(f"{path}: is {kinds[0]} and would be replaced by {kinds[1]}; remove it.")
        if part.is_dir() and path.is_dir():
            _swap_folders(part, path)  # the old folder is now at `part`
        else:
            part.replace(path)
    finally:
        if part.is_dir():
            shutil.rmtree(part, ignore_errors=True)
        else:
            part.unlink(missing_ok=True)


def _swap_folders(part: Path, path: Path) -> None:
    """Exchange two folders; in one step where the system can, which is Linux."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):  # an old libc
            rename = ctypes.CDLL(None).renameat2
            names = os.fsencode(part), os.fsencode(path)
            if rename(_AT_FDCWD, names[0], _AT_FDCWD, names[1], _RENAME_EXCHANGE) == 0:
                return
    aside = part.with_name(part.name + "-old")
    path.rename(aside)
    try:
        part.rename(path)
    except OSError:
        aside.rename(path)
        raise
    aside.rename(part)
