"""How numbers and sections lie in the bytes of a lossless file."""

import struct

import numpy as np
from numpy.typing import NDArray

_SECTION = struct.Struct("<I")


def from_24(raw: NDArray[np.uint8]) -> NDArray[np.int32]:
    """Little-endian 24-bit integers, from rows of bytes."""
    wide = np.zeros((len(raw), raw.shape[1] // 3, 4), np.uint8)
    wide[..., 1:] = raw.reshape(len(raw), -1, 3)
    return wide.view("<i4")[..., 0] >> 8


def to_24(x: NDArray[np.int32]) -> NDArray[np.uint8]:
    """Undo `from_24`."""
    wide = np.ascontiguousarray(x.astype("<i4")).view(np.uint8).reshape(*x.shape, 4)
    return np.ascontiguousarray(wide[..., :3]).reshape(len(x), -1)


def common_divisor(row: NDArray[np.int64]) -> int:
    """Greatest common divisor of all values, 0 where all are 0."""
    probe = int(np.gcd.reduce(row[:: max(1, len(row) // 64)])) if len(row) else 0
    return probe if probe == 1 else int(np.gcd.reduce(row)) if len(row) else 0


def planes(a: np.ndarray) -> bytes:
    """First bytes of all numbers, then second bytes: small numbers leave runs of equal bytes."""
    return a.reshape(-1, 1).view(np.uint8).T.tobytes()


def from_planes(data: bytes, dtype: str) -> np.ndarray:
    """Undo `planes`."""
    planes = np.frombuffer(data, np.uint8).reshape(np.dtype(dtype).itemsize, -1)
    return np.ascontiguousarray(planes.T).view(dtype).ravel()


def join(sections: list[bytes]) -> bytes:
    """Put the length of each section in front of it."""
    return b"".join(_SECTION.pack(len(part)) + part for part in sections)


def split(payload: bytes) -> list[bytes]:
    """Undo `join`."""
    parts, at = [], 0
    while at < len(payload):
        (length,) = _SECTION.unpack_from(payload, at)
        at += _SECTION.size
        if at + length > len(payload):
            raise ValueError("a section is cut short")
        parts.append(payload[at : at + length])
        at += length
    return parts
