"""Recordings made smaller without losing a bit."""

import json
import lzma
import os
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, NoReturn

import numpy as np
from numpy.typing import ArrayLike

from neurokit.atomic import atomic_path
from neurokit.io.packed.container import NONSENSE, VERSION, Container, write_container
from neurokit.io.packed.layouts import (
    common_divisor,
    from_24,
    from_planes,
    join,
    planes,
    split,
    to_24,
)
from neurokit.io.readers.edf_file import EdfFile, open_edf
from neurokit.types import Json

if TYPE_CHECKING:
    from tqdm import tqdm

_SAMPLES = 1 << 14  # per channel in one block
_BYTES = 1 << 20  # of a file whose samples we cannot find, in one block
_PROBE = 1 << 16  # bytes that are looked at for exact repeats
_SCHEME = 2  # way of prediction; blocks of files up to version 4 name none


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
    x32 = np.zeros((n_channels, predictor.ORDER + n_times), np.int32)
    steps: np.ndarray = x32[:, predictor.ORDER :]
    if dtype.itemsize > 3:
        steps = np.empty(values.shape, np.int64)
    first = values[:, 0].astype(steps.dtype) if n_times else np.zeros(n_channels, steps.dtype)
    np.subtract(values, first[:, None], out=steps, dtype=steps.dtype, casting="unsafe")
    # Some amplifiers leave the low bits empty: such channels are divided by what they share.
    unit = np.array([common_divisor(row) for row in steps], np.int64)
    live = unit > 0
    if (unit > 1).any():
        steps[live] //= unit[live, None].astype(steps.dtype)
    if dtype.itemsize > 3:
        x32[:, predictor.ORDER :] = steps
    if not live.all():
        x32 = x32[live]
    coefs, octaves = predictor.fit(x32)
    r = predictor.predict(x32, coefs, octaves, predictor.n_taps(len(x32)))
    words, free = entropy.encode_residuals(r)
    side = [np.concatenate([first, unit]).astype("<i8"), np.column_stack([octaves, coefs])]
    numbers = b"".join(planes(part.astype(f"<i{part.itemsize}")) for part in side)
    head = json.dumps([dtype.str, n_channels, n_times, _SCHEME], separators=(",", ":")).encode()
    packed = join([head, zlib.compress(numbers, 9), words.astype("<u4").tobytes(), free.tobytes()])
    plain = values.astype(dtype)
    ratio = len(packed) / max(plain.nbytes, 1)
    probe = plain.reshape(-1)[:_PROBE].tobytes()[:_PROBE]
    part = probe[: _PROBE // 8]  # what repeats nowhere near is not looked at further
    if len(zlib.compress(part, 1)) < 2.4 * ratio * len(part) and len(
        zlib.compress(probe, 1)
    ) < 1.2 * ratio * len(probe):
        # Stretches that repeat exactly, as simulated or idle channels do.
        for order, layout in (("C", plain), ("F", plain.T)):
            head = json.dumps([dtype.str, n_channels, n_times, order]).encode()
            repeats = join([head, lzma.compress(layout.tobytes())])
            packed = min(packed, repeats, key=len)
    return packed


def unpack_samples(packed: bytes) -> np.ndarray:
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
    try:
        return _unpack(packed)
    except NONSENSE as error:
        raise ValueError(
            f"unpack_samples: expects the bytes that pack_samples gave, got others ({error})."
        ) from None


def _unpack(packed: bytes, shape: tuple[int, int] | None = None) -> np.ndarray:
    """Undo `pack_samples`, insisting on a shape where it is known.

    Nothing is believed before it is held against the bytes that are there.
    """
    from neurokit.io.packed import entropy, older, predictor

    head, *parts = split(packed)
    kind, n_channels, n_times, *order = json.loads(head)
    dtype = np.dtype(kind)
    sizes = (n_channels, n_times)
    if dtype.kind not in "iu" or any(type(n) is not int or not 0 <= n < 2**40 for n in sizes):
        raise ValueError(f"samples of type {kind!s:.20} and shape {sizes}")
    if shape is not None and sizes != shape:
        raise ValueError(f"samples of shape {sizes} instead of {shape}")
    if len(parts) == 1:
        if order not in (["C"], ["F"]):
            raise ValueError("no order of samples")
        layout: Any = order[0]
        n_bytes = n_channels * n_times * dtype.itemsize
        plain = np.frombuffer(_inflate_lzma(parts[0], n_bytes), dtype)
        return plain.reshape(sizes, order=layout).copy()
    side, words, free = parts
    told_bytes = n_channels * (16 + 4 * (1 + predictor.ORDER))
    if told_bytes > 1100 * len(side) + 64:  # more than deflate can hold
        raise ValueError(f"{n_channels} channels told in {len(side)} bytes")
    side = _inflate(side, told_bytes, exact=False)
    first, unit = from_planes(side[: 16 * n_channels], "<i8").reshape(2, n_channels)
    live = unit > 0
    n_live = int(live.sum())
    told = from_planes(side[16 * n_channels :], "<i4").astype(np.int32)
    octaves, coefs = np.split(told.reshape(n_live, 1 + predictor.ORDER), [1], axis=1)
    if octaves.size and not 0 <= octaves.min() <= octaves.max() <= predictor.LARGEST_OCTAVE:
        raise ValueError("a size of residuals that no block has")
    stream = np.frombuffer(words, "<u4").astype(np.uint32)
    if n_live * n_times > entropy.VALUES_PER_WORD * (len(stream) + 2):
        raise ValueError("the stream ends early")
    if shape is None and n_channels * n_times * dtype.itemsize > 2**31 + 10**6 * len(packed):
        raise ValueError(f"{n_channels} channels of {n_times} samples in {len(packed)} bytes")
    bits, old = np.frombuffer(free, np.uint8), not order
    r = entropy.decode_residuals(stream, bits, n_times, n_live, old=old)
    if r.shape[0] != n_times:
        raise ValueError("the stream ends early")
    taps, sizes_of = np.ascontiguousarray(coefs), octaves[:, 0].copy()
    if order == [_SCHEME]:
        x = predictor.restore(r, taps, sizes_of, predictor.n_taps(n_live))
    elif old:
        x = older.restore_older(r, taps, sizes_of, older.n_taps_older(n_live))
    else:
        raise ValueError("samples predicted in an unknown way")
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


def _inflate(data: bytes, size: int, *, exact: bool = True) -> bytes:
    """Inflate up to `size` bytes; what holds more, or less where it must not, is refused."""
    plain = zlib.decompressobj().decompress(data, size + 1)
    if len(plain) > size or (exact and len(plain) < size):
        raise ValueError(f"a section of another size than {size} bytes")
    return plain


def _inflate_lzma(data: bytes, size: int) -> bytes:
    plain = lzma.LZMADecompressor(memlimit=1 << 27).decompress(data, size + 1)
    if len(plain) != size:
        raise ValueError(f"a section of another size than {size} bytes")
    return plain


def compress(
    path_in: str | os.PathLike[str], path_out: str | os.PathLike[str], *, verbose: int = 0
) -> Path:
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
    verbose : int, default=0
        1 shows how far it is, on a terminal.

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
    header: Json = {"kind": "lossless", "name": source.name, "size": size}
    if edf is not None:
        header |= _layout(edf)
    with atomic_path(path) as part, _progress(2 * size, "compress", verbose) as bar:
        with source.open("rb") as handle, part.open("wb") as out:
            write_container(out, header, _told(_blocks(handle, header), bar), VERSION)
        bar.update(size - bar.n)
        if source.stat().st_size != size:
            raise OSError(f"{source}: grew while it was read; compress it again.")
        with source.open("rb") as handle:
            for piece in _pieces(Container(part)):
                bar.update(len(piece))
                if handle.read(len(piece)) != piece:
                    raise OSError(
                        f"{source}: what was compressed does not decode to it; it changed while"
                        " it was read."
                    )
            if handle.read(1):
                raise OSError(f"{source}: grew while it was read; compress it again.")
    return path


def decompress(
    path_in: str | os.PathLike[str], path_out: str | os.PathLike[str], *, verbose: int = 0
) -> Path:
    """Write the recording that `compress` was given.

    Parameters
    ----------
    path_in : path-like
        A file written by `compress`.
    path_out : path-like
        The recording to write.
    verbose : int, default=0
        1 shows how far it is, on a terminal.

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
    size = int(container.header.get("size", 0))
    with (
        atomic_path(path) as part,
        part.open("wb") as out,
        _progress(size, "decompress", verbose) as bar,
    ):
        for piece in _pieces(container):
            out.write(piece)
            bar.update(len(piece))
    return path


def _progress(n_bytes: int, words: str, verbose: int) -> "tqdm[NoReturn]":
    """Make a bar of bytes; without a terminal none is drawn."""
    from tqdm import tqdm

    hidden = None if verbose else True
    return tqdm(total=n_bytes, desc=words, unit="B", unit_scale=True, disable=hidden, leave=False)


def _told(
    blocks: Iterator[tuple[int, bytes]], bar: "tqdm[NoReturn]"
) -> Iterator[tuple[int, bytes]]:
    """Pass blocks on, and tell where in the source they begin."""
    for at, payload in blocks:
        bar.update(at - bar.n)
        yield at, payload


def _layout(edf: EdfFile) -> Json:
    """Tell where the samples lie: the rest of the file is kept as it stands."""
    return {
        "header_bytes": edf.header_bytes,
        "n_records": edf.n_records,
        "width": edf.width,
        "n_samples": edf.n_samples.tolist(),
        "notes": list(edf.notes),
    }


def _blocks(handle: BinaryIO, header: Json) -> Iterator[tuple[int, bytes]]:
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
    """Yield the bytes of the source, in order.

    Raises
    ------
    OSError
        If a block does not give as many bytes as the file says that it holds.
    """
    header, blocks = container.header, container.blocks
    with container.blame():
        _check_layout(header)
        ends = [*(block.start for block in blocks[1:]), header["size"]]
        if header["size"] and (not blocks or blocks[0].start):
            raise ValueError("no block that begins the recording")
        record = sum(header.get("n_samples", [])) * header.get("width", 0)
        step = max(1, _SAMPLES // max(header["n_samples"])) if record else 0
        most = max(_BYTES, header.get("header_bytes", 0)), step * record
    for i, (block, end) in enumerate(zip(blocks, ends, strict=False)):
        payload, size = container.read(i), end - block.start
        with container.blame(f"block {i}"):
            plain = payload[:1] == b"B"
            if not 0 <= size <= most[0 if plain else 1]:
                raise ValueError(f"{size} bytes in one block")
            if plain:
                piece = _inflate_lzma(payload[1:], size)
            else:
                piece = _unpack_records(payload[1:], header, size // max(1, record))
            if len(piece) != size:
                raise ValueError(f"{len(piece)} bytes instead of {size}")
        yield piece


def _check_layout(header: Json) -> None:
    """Refuse a layout that `_layout` cannot have written."""
    if type(header["size"]) is not int or header["size"] < 0:
        raise ValueError(f"a recording of {header['size']!s:.20} bytes")
    if "width" not in header:
        return
    counts, notes = header["n_samples"], header["notes"]
    if header["width"] not in (2, 3) or not counts or len(counts) > 9999:
        raise ValueError("samples of a width or channels of a number that EDF does not have")
    if any(type(n) is not int or not 0 <= n < 10**8 for n in counts) or not sum(counts):
        raise ValueError("samples per record that EDF does not have")
    if len({*notes}) != len(notes) or not {*notes} <= {*range(len(counts))}:
        raise ValueError("annotations in channels that are not there")
    if header["header_bytes"] != 256 * (1 + len(counts)):
        raise ValueError("a header of another size")


def _groups(header: Json) -> list[list[int]]:
    """Signals that share a rate, together; annotations, last, as bytes."""
    signals = [i for i, n in enumerate(header["n_samples"]) if i not in header["notes"] and n]
    rates = sorted({header["n_samples"][i] for i in signals}, reverse=True)
    return [[i for i in signals if header["n_samples"][i] == n] for n in rates]


def _pack_records(data: bytes, header: Json) -> bytes:
    width, n_samples = header["width"], header["n_samples"]
    records = np.frombuffer(data, np.uint8).reshape(-1, sum(n_samples) * width)
    ends = np.cumsum(n_samples) * width
    sections = []
    for group in _groups(header):
        n = n_samples[group[0]]
        x = np.empty((len(group), len(records), n), np.int16 if width == 2 else np.int32)
        for row, i in zip(x, group, strict=True):
            raw = np.ascontiguousarray(records[:, ends[i] - n * width : ends[i]])
            row[:] = raw.view("<i2") if width == 2 else from_24(raw)
        sections.append(pack_samples(x.reshape(len(group), -1)))
    notes = [records[:, ends[i] - n_samples[i] * width : ends[i]] for i in header["notes"]]
    sections.append(zlib.compress(b"".join(a.tobytes() for a in notes), 9))
    return join(sections)


def _unpack_records(payload: bytes, header: Json, n_records: int) -> bytes:
    width, n_samples = header["width"], header["n_samples"]
    *sections, notes = split(payload)
    ends = np.cumsum(n_samples) * width
    sizes = [n_records * n_samples[i] * width for i in header["notes"]]
    text = np.frombuffer(_inflate(notes, sum(sizes)), np.uint8)
    columns: dict[int, np.ndarray] = {}
    for group, section in zip(_groups(header), sections, strict=True):
        x = _unpack(section, (len(group), n_records * n_samples[group[0]]))
        x = x.reshape(len(group), n_records, -1)
        for row, i in zip(x, group, strict=True):
            columns[i] = row.astype("<i2").view(np.uint8) if width == 2 else to_24(row)
    at = 0
    for i, size in zip(header["notes"], sizes, strict=True):
        columns[i] = text[at : at + size].reshape(n_records, -1)
        at += size
    records = np.empty((n_records, sum(n_samples) * width), np.uint8)
    for i, column in columns.items():
        records[:, ends[i] - n_samples[i] * width : ends[i]] = column
    return records.tobytes()
