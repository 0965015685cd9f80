"""Tell files that something on the way has changed from files that are sound."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np


def refuse_text_transfer(path: Path, head: bytes) -> None:
    """Refuse a binary file that was copied as if it were text.

    Parameters
    ----------
    path : Path
        Named in the message.
    head : bytes
        How the file begins; some 100 kB are enough to be certain.

    Raises
    ------
    OSError
        If every line feed follows a carriage return (git or FTP turned LF into CRLF), or all
        bytes that were not text became the replacement character of Unicode.
    """
    feeds = np.frombuffer(head, np.uint8) == 10
    positions = np.flatnonzero(feeds)
    all_pairs = len(positions) >= 16 and head.count(b"\r\n") == len(positions)
    # A channel that rests at 0x0A0D has such pairs too, but always at odd positions.
    if all_pairs and 0.1 < np.mean(positions % 2) < 0.9:
        raise OSError(
            f"{path}: was copied as text, as each of its line feeds follows a carriage return (git"
            " with autocrlf, or FTP in ASCII mode), so its samples are wrong; copy it again as"
            " binary."
        )
    if head.count(b"\xef\xbf\xbd") >= 16 and _is_utf8(head):
        raise OSError(
            f"{path}: was read and saved as text, which replaced its bytes above 127 by U+FFFD, so"
            " its samples are lost; get another copy."
        )


def _is_utf8(head: bytes) -> bool:
    try:
        head[: head.rfind(b"\xef\xbf\xbd")].decode()
    except UnicodeDecodeError:
        return False
    return True


def refuse_placeholder(path: Path, head: bytes) -> None:
    """Refuse what stands in for a file: nothing, a git-LFS pointer, a web page.

    Raises
    ------
    OSError
        If ``head``, the beginning of the file, is one of these.
    """
    if not head:
        raise OSError(f"{path}: is empty.")
    if head.startswith(b"version https://git-lfs"):
        raise OSError(
            f"{path}: is a pointer that git-LFS left in place of the file; run `git lfs pull` in"
            " its repository to fetch the file itself."
        )
    if head.lstrip()[:15].lower().startswith((b"<!doctype html", b"<html")):
        raise OSError(
            f"{path}: is a web page, saved in place of the file; download the file itself."
        )


def refuse_special(path: Path) -> None:
    """Refuse what is neither a file nor a folder: reading a pipe may wait for ever.

    Raises
    ------
    OSError
        If `path` is a pipe, a socket or a device.
    """
    if not path.is_file():
        raise OSError(
            f"{path}: is a pipe, a socket or a device and no regular file; save what it gives to"
            " a file first."
        )


@contextlib.contextmanager
def say_which(path: Path) -> Iterator[None]:
    """Turn whatever a reader of `path` raises into an OSError of one sentence with its name."""
    try:
        yield
    except Exception as error:  # readers raise whatever the damage leads to
        if str(error).startswith(str(path)):
            raise
        said = (str(error).strip() or type(error).__name__).partition("\n")[0]
        raise OSError(f"{path}: cannot be read ({said[:200].rstrip('.')}).") from error
