"""Tensors and a JSON header in one checksummed safetensors file, written whole or not at all."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load as load_tensors
from safetensors.numpy import save as dump_tensors

from neurokit import __version__
from neurokit.atomic import atomic_path
from neurokit.types import Json

FORMAT = 1
_KEY = "neurokit"
_BLANK = "0" * 64  # what stands for the checksum while it is computed
_CHECKSUM = re.compile(r'^(\{"sha256": ")([0-9a-f]{64})')


def write_tensors(
    path: str | os.PathLike[str], header: Mapping[str, Any], tensors: Mapping[str, np.ndarray]
) -> Path:
    """Write tensors and a JSON header, checksummed, to one safetensors file, all or nothing.

    Parameters
    ----------
    path : path-like
    header : mapping that JSON can hold
    tensors : mapping of str to ndarray

    Returns
    -------
    Path

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = write_tensors(f"{folder}/a", {"format": FORMAT}, {"w": np.arange(3)})
    ...     header, tensors = read_tensors(path)
    >>> tensors["w"].tolist()
    [0, 1, 2]
    """
    path = Path(path)
    text = json.dumps({"sha256": _BLANK} | dict(header), allow_nan=False)
    contiguous = {name: np.asarray(value, order="C") for name, value in tensors.items()}
    # one note alone: safetensors writes several in any order, and equal objects get equal files
    content = dump_tensors(contiguous, {_KEY: text})
    table, payload = _split(content, path)
    digest = _digest(table, text, payload)
    spot = content.index(_BLANK.encode())
    with atomic_path(path) as part:
        part.write_bytes(content[:spot] + digest.encode() + content[spot + len(_BLANK) :])
    return path


def read_tensors(path: str | os.PathLike[str]) -> tuple[Json, dict[str, np.ndarray]]:
    """Read what `write_tensors` wrote, or refuse it whole.

    Parameters
    ----------
    path : path-like

    Returns
    -------
    header : dict
    tensors : dict of str to ndarray

    Raises
    ------
    OSError
        If the file is missing, damaged, of another format version, or not ours.
    """
    path = Path(path)
    content = path.read_bytes()
    table, payload = _split(content, path)
    notes = table.pop("__metadata__", None)
    if not isinstance(notes, dict) or not isinstance(notes.get(_KEY), str):
        raise OSError(f"{path}: not a file of neurokit; expected one that save() has written.")
    found = _CHECKSUM.match(notes[_KEY])
    text = _CHECKSUM.sub(rf"\g<1>{_BLANK}", notes[_KEY])
    if not found or _digest(table, text, payload) != found[2] or len(notes) != 1:
        raise OSError(f"{path}: damaged, its checksum does not match; restore it from a copy.")
    try:
        tensors = load_tensors(content)
    except (SafetensorError, KeyError) as error:
        raise OSError(f"{path}: damaged ({error}); restore it from a copy.") from None
    header = json.loads(text)
    del header["sha256"]
    if header["format"] != FORMAT:
        raise OSError(
            f"{path}: written in format {header['format']} by neurokit {header['version']}, this"
            f" is neurokit {__version__}, which reads format {FORMAT}; install that version."
        )
    return header, tensors


def _split(content: bytes, path: Path) -> tuple[Json, memoryview]:
    """Tensor table and payload of a safetensors file."""
    length = int.from_bytes(content[:8], "little")
    try:
        if not 2 <= length <= len(content) - 8:
            raise ValueError
        table = json.loads(content[8 : 8 + length])
        if not isinstance(table, dict):
            raise ValueError
    except ValueError:
        raise OSError(
            f"{path}: truncated, damaged or not a safetensors file; restore it from a copy."
        ) from None
    return table, memoryview(content)[8 + length :]


def _digest(table: Json, header: str, payload: memoryview) -> str:
    """SHA-256 over names, shapes and dtypes, the JSON header, and every byte of the tensors."""
    table = {name: entry for name, entry in table.items() if name != "__metadata__"}
    digest = hashlib.sha256(json.dumps(table, sort_keys=True).encode())
    digest.update(header.encode())
    digest.update(payload)
    return digest.hexdigest()
