"""Paths that a command is given: refused before the work, not after it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from neurokit.io.readers.remote import Address


def check_free(file: Path, out: Path, *, overwrite: bool) -> None:
    """Refuse what is not there to read, and to write over what is there."""
    if not file.exists():
        raise FileNotFoundError(f"{file}: no such file or folder.")
    if out.exists() and out.samefile(file):
        raise ValueError(f"{out}: is the file to convert itself; give another name.")
    if out.exists() and not overwrite:
        raise OSError(f"{out}: is already there; give another name, or --overwrite.")
    check_writable(out)


def check_writable(path: Path) -> None:
    """Refuse before the work what could not be written after it."""
    if path.is_dir() and path.suffix != ".zarr":
        raise IsADirectoryError(f"{path}: is a folder; give the name of a file.")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"{path}: there is no folder {path.parent}; make it first.")
    if not os.access(path.parent, os.W_OK):
        raise PermissionError(f"{path}: the folder {path.parent} does not let you write.")


def tell_size(path: Path) -> str:
    """Return the size of a file or folder in words."""
    files = path.rglob("*") if path.is_dir() else [path]
    size = sum(file.stat().st_size for file in files if file.is_file())
    return f"{size / 1e6:.1f} MB" if size >= 1e5 else f"{size / 1e3:.1f} kB"


def as_place(text: str) -> Path | Address:
    """Return a path, or the address of a file elsewhere, which loses a slash as a path."""
    if "://" not in text:
        return Path(text)
    from neurokit.io.readers.remote import as_address

    return as_address(text) or Path(text)
