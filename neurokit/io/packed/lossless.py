"""Recordings made smaller without losing a bit."""

import json
import lzma
import os
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neurokit.atomic import atomic_path
from neurokit.io.packed.container import Container, write_container
from neurokit.io.readers.edf_file import EdfFile, open_edf

_SAMPLES = 1 << 14  # per channel in one block
_BYTES = 1 << 20  # of a file whose samples we cannot find, in one block
_PROBE = 1 << 16  # bytes that are looked at for exact repeats
_SECTION = struct.Struct("<I")


def pack_samples(x: ArrayLike) -> bytes:
    """Compress integer samples of many channels; every bit comes back.

    Each channel is predicted from its own past and from the channels around it, in integer
    arithmetic, and what is left goes through an adaptive entropy coder.

    Parameters
    ----------
    x : array-like of shape (n_channels, n_times)
        Integers that fit into 32 bits: samples as an amplifier gives them.

    Returns
    -------
    bytes
        For `unpack_samples`.

    Raises
    ------
    TypeError
        If `x` does not hold integers.
    ValueError
        If `x` is not 2-D or does not fit into 32 bits.

    References
    ----------
    .. [1] Duda (2013), Asymmetric numeral systems, arXiv:1311.2540, for the coder (rANS).
    .. [2] Liebchen & Reznik (2004), MPEG-4 ALS, for cascading linear prediction and LMS.

    Examples
    --------
    >>> import numpy as np
    >>> wave = np.round(100 * np.sin(np.arange(2000) / 9)).astype(np.int16)
    >>> packed = pack_samples([wave, wave // 2])
    >>> bool((unpack_samples(packed)[0] == wave).all()), len(packed) < 1500
    (True, True)
    """
    from neurokit.io.packed import entropy, predictor

    values = np.asarray(x)
    if values.dtype.kind not in "iu":
        raise TypeError(f"pack_samples: expects integers, got {values.dtype}; round them first.")
    if values.ndim != 2:
        raise ValueError(
            f"pack_samples: expects dims (channel, time), got {values.ndim}-D; reshape it."
        )
    if values.size and (values.min() < -(2**31) or values.max() >= 2**31):
        raise ValueError(
            f"pack_samples: expects values of 32 bits, got {values.min()} to {values.max()};"
            " split off the high bits."
        )
    dtype = values.dtype.newbyteorder("<")
    n_channels, n_times = values.shape
    wide: NDArray[Any] = values.astype(np.int32 if dtype.itemsize < 4 else np.int64)
    first = wide[:, 0] if n_times else np.zeros(n_channels, wide.dtype)
    steps: NDArray[Any] = wide - first[:, None]
    # Some amplifiers leave the low bits empty: such channels are divided by what they share.
    unit = np.array([_common_divisor(row) for row in steps], np.int64)
    live = unit > 0
    if (unit > 1).any():
        steps[live] //= unit[live, None].astype(wide.dtype)
    x32 = np.zeros((int(live.sum()), predictor.ORDER + n_times), np.int32)
    x32[:, predictor.ORDER :] = steps if live.all() else steps[live]
    coefs, octaves = predictor.fit(x32)
    r = predictor.predict(x32, coefs, octaves, predictor.n_taps(len(x32)))
    words, free = entropy.encode_residuals(r)
    side = [np.concatenate([first, unit]).astype("<i8"), np.column_stack([octaves, coefs])]
    planes = b"".join(_planes(part.astype(f"<i{part.itemsize}")) for part in side)
    head = json.dumps([dtype.str, n_channels, n_times]).encode()
    packed = _join([head, zlib.compress(planes, 9), words.astype("<u4").tobytes(), free.tobytes()])
    plain = values.astype(dtype)
    probe = plain.tobytes()[:_PROBE]
    if len(zlib.compress(probe, 1)) * plain.nbytes < 1.2 * len(packed) * len(probe):
        # Stretches that repeat exactly, as simulated or idle channels do.
        for order, layout in (("C", plain), ("F", plain.T)):
            head = json.dumps([dtype.str, n_channels, n_times, order]).encode()
            repeats = _join([head, lzma.compress(layout.tobytes())])
            packed = min(packed, repeats, key=len)
    return packed


def unpack_samples(packed: bytes) -> NDArray[Any]:
    """Undo `pack_samples`.

    Parameters
    ----------
    packed : bytes
        What `pack_samples` gave.

    Returns
    -------
    ndarray of shape (n_channels, n_times)
        The samples, of the type they had.

    Raises
    ------
    ValueError
        If the bytes are not what `pack_samples` wrote.
    """
    from neurokit.io.packed import entropy, predictor

    try:
        head, *parts = _split(packed)
        dtype, n_channels, n_times, *order = json.loads(head)
        if len(parts) == 1:
            plain = np.frombuffer(lzma.decompress(parts[0]), dtype)
            return plain.reshape((n_channels, n_times), order=order[0]).copy()
        side, words, free = parts
        side = zlib.decompress(side)
        first, unit = _from_planes(side[: 16 * n_channels], "<i8").reshape(2, n_channels)
        live = unit > 0
        n_live = int(live.sum())
        told = _from_planes(side[16 * n_channels :], "<i4").astype(np.int32)
        octaves, coefs = np.split(told.reshape(n_live, 1 + predictor.ORDER), [1], axis=1)
        r = entropy.decode_residuals(
            np.frombuffer(words, "<u4").astype(np.uint32),
            np.frombuffer(free, np.uint8),
            n_times,
            n_live,
        )
        if r.shape[0] != n_times:
            raise ValueError("the stream ends early")
    except (ValueError, TypeError, struct.error, zlib.error, lzma.LZMAError) as error:
        raise ValueError(
            f"unpack_samples: expects the bytes that pack_samples gave, got others ({error})."
        ) from None
    x = predictor.restore(
        r, np.ascontiguousarray(coefs), octaves[:, 0].copy(), predictor.n_taps(n_live)
    )
    # Steps between extremes wrapped at 32 bits, and wrap back here.
    values = np.repeat(first.astype(np.int32)[:, None], n_times, axis=1)
    steps = x[:, predictor.ORDER :]
    if (unit > 1).any():
        steps *= unit[live, None].astype(np.int32)
    if n_live == n_channels:
        values += steps
    else:
        values[live] += steps
    return values.astype(dtype, copy=False)


def compress(path_in: str | os.PathLike[str], path_out: str | os.PathLike[str]) -> Path:
    """Make a recording smaller; `decompress` gives back the same file, byte for byte.

    EDF, EDF+ and BDF are taken apart into header, annotations and samples, and the samples are
    predicted over time and across channels. Any other file is compressed as it stands. What was
    written is decoded and compared with the source before it takes its name.

    Parameters
    ----------
    path_in : path-like
        The recording.
    path_out : path-like
        The ``.ntok`` file to write.

    Returns
    -------
    Path
        `path_out`.

    Raises
    ------
    OSError
        If a file cannot be read or written, or `path_in` changed meanwhile.

    Examples
    --------
    >>> compress("night.edf", "night.ntok")  # doctest: +SKIP
    >>> decompress("night.ntok", "night-again.edf")  # doctest: +SKIP
    """
    source, path = Path(path_in), Path(path_out)
    try:
        edf: EdfFile | None = open_edf(source)
    except OSError:
        edf = None  # another format, or an EDF that no reader can follow
    size = source.stat().st_size
    header: dict[str, Any] = {"kind": "lossless", "name": source.name, "size": size}
    if edf is not None:
        header |= _layout(edf)
    with atomic_path(path) as part:
        with source.open("rb") as handle, part.open("wb") as out:
            write_container(out, header, _blocks(handle, header))
        with source.open("rb") as handle:
            for piece in _pieces(Container(part)):
                if handle.read(len(piece)) != piece:
                    raise OSError(
                        f"{source}: what was compressed does not decode to it; it changed while"
                        " it was read."
                    )
            if handle.read(1):
                raise OSError(f"{source}: grew while it was read; compress it again.")
    return path


def decompress(path_in: str | os.PathLike[str], path_out: str | os.PathLike[str]) -> Path:
    """Write the recording that `compress` was given.

    Parameters
    ----------
    path_in : path-like
        A file written by `compress`.
    path_out : path-like
        The recording to write.

    Returns
    -------
    Path
        `path_out`.

    Raises
    ------
    OSError
        If `path_in` is damaged, or holds something else.
    """
    path = Path(path_out)
    container = Container(path_in)
    if container.header.get("kind") != "lossless":
        raise OSError(
            f"{container.path}: holds {container.header.get('kind')}, no compressed recording;"
            " use read_tokens."
        )
    with atomic_path(path) as part, part.open("wb") as out:
        for piece in _pieces(container):
            out.write(piece)
    return path


def _layout(edf: EdfFile) -> dict[str, Any]:
    """Where the samples lie: the rest of the file is kept as it stands."""
    return {
        "header_bytes": edf.header_bytes,
        "n_records": edf.n_records,
        "width": edf.width,
        "n_samples": edf.n_samples.tolist(),
        "notes": list(edf.notes),
    }


def _blocks(handle: BinaryIO, header: dict[str, Any]) -> Iterator[tuple[int, bytes]]:
    """Pairs of position in the file and payload."""
    at = 0
    if "width" in header:
        yield 0, b"B" + lzma.compress(handle.read(header["header_bytes"]))
        at = header["header_bytes"]
        record = sum(header["n_samples"]) * header["width"]
        step = max(1, _SAMPLES // max(header["n_samples"]))
        for first in range(0, header["n_records"], step):
            data = handle.read(record * min(step, header["n_records"] - first))
            yield at, b"S" + _pack_records(data, header)
            at += len(data)
    while data := handle.read(_BYTES):
        yield at, b"B" + lzma.compress(data)
        at += len(data)


def _pieces(container: Container) -> Iterator[bytes]:
    """Yield the bytes of the source, in order."""
    for i in range(len(container.blocks)):
        payload = container.read(i)
        if payload[:1] == b"B":
            yield lzma.decompress(payload[1:])
        else:
            yield _unpack_records(payload[1:], container.header)


def _groups(header: dict[str, Any]) -> list[list[int]]:
    """Signals that share a rate, together; annotations, last, as bytes."""
    signals = [i for i, n in enumerate(header["n_samples"]) if i not in header["notes"] and n]
    rates = sorted({header["n_samples"][i] for i in signals}, reverse=True)
    return [[i for i in signals if header["n_samples"][i] == n] for n in rates]


def _pack_records(data: bytes, header: dict[str, Any]) -> bytes:
    width, n_samples = header["width"], header["n_samples"]
    records = np.frombuffer(data, np.uint8).reshape(-1, sum(n_samples) * width)
    ends = np.cumsum(n_samples) * width
    sections = []
    for group in _groups(header):
        n = n_samples[group[0]]
        x = np.empty((len(group), len(records), n), np.int16 if width == 2 else np.int32)
        for row, i in zip(x, group, strict=True):
            raw = np.ascontiguousarray(records[:, ends[i] - n * width : ends[i]])
            row[:] = raw.view("<i2") if width == 2 else _from_24(raw)
        sections.append(pack_samples(x.reshape(len(group), -1)))
    notes = [records[:, ends[i] - n_samples[i] * width : ends[i]] for i in header["notes"]]
    sections.append(zlib.compress(b"".join(a.tobytes() for a in notes), 9))
    return _join(sections)


def _unpack_records(payload: bytes, header: dict[str, Any]) -> bytes:
    width, n_samples = header["width"], header["n_samples"]
    *sections, notes = _split(payload)
    ends = np.cumsum(n_samples) * width
    text = np.frombuffer(zlib.decompress(notes), np.uint8)
    columns: dict[int, NDArray[Any]] = {}
    n_records = None
    for group, section in zip(_groups(header), sections, strict=True):
        x = unpack_samples(section)
        n_records = x.shape[1] // n_samples[group[0]]
        x = x.reshape(len(group), n_records, -1)
        for row, i in zip(x, group, strict=True):
            columns[i] = row.astype("<i2").view(np.uint8) if width == 2 else _to_24(row)
    if n_records is None:  # annotations alone
        n_records = len(text) // (sum(n_samples) * width)
    at = 0
    for i in header["notes"]:
        size = n_records * n_samples[i] * width
        columns[i] = text[at : at + size].reshape(n_records, -1)
        at += size
    records = np.empty((n_records, sum(n_samples) * width), np.uint8)
    for i, column in columns.items():
        records[:, ends[i] - n_samples[i] * width : ends[i]] = column
    return records.tobytes()


def _from_24(raw: NDArray[np.uint8]) -> NDArray[np.int32]:
    """Little-endian 24-bit integers, from rows of bytes."""
    wide = np.zeros((len(raw), raw.shape[1] // 3, 4), np.uint8)
    wide[..., 1:] = raw.reshape(len(raw), -1, 3)
    return wide.view("<i4")[..., 0] >> 8


def _to_24(x: NDArray[np.int32]) -> NDArray[np.uint8]:
    wide = np.ascontiguousarray(x.astype("<i4")).view(np.uint8).reshape(*x.shape, 4)
    return np.ascontiguousarray(wide[..., :3]).reshape(len(x), -1)


def _common_divisor(row: NDArray[np.int64]) -> int:
    """Greatest common divisor of all values, 0 where all are 0."""
    probe = int(np.gcd.reduce(row[:: max(1, len(row) // 64)])) if len(row) else 0
    return probe if probe == 1 else int(np.gcd.reduce(row)) if len(row) else 0


def _planes(a: NDArray[Any]) -> bytes:
    """First bytes of all numbers, then second bytes: small numbers leave runs of equal bytes."""
    return a.reshape(-1, 1).view(np.uint8).T.tobytes()


def _from_planes(data: bytes, dtype: str) -> NDArray[Any]:
    planes = np.frombuffer(data, np.uint8).reshape(np.dtype(dtype).itemsize, -1)
    return np.ascontiguousarray(planes.T).view(dtype).ravel()


def _join(sections: list[bytes]) -> bytes:
    return b"".join(_SECTION.pack(len(part)) + part for part in sections)


def _split(payload: bytes) -> list[bytes]:
    parts, at = [], 0
    while at < len(payload):
        (length,) = _SECTION.unpack_from(payload, at)
        at += _SECTION.size
        if at + length > len(payload):
            raise ValueError("a section is cut short")
        parts.append(payload[at : at + length])
        at += length
    return parts
