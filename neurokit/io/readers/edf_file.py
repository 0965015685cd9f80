"""The bytes of EDF, EDF+ and BDF: header, records, annotations."""

import datetime
import io
import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from typing import BinaryIO

import numpy as np

from neurokit.io.readers.damage import refuse_text_transfer

_PIECE = 1 << 19  # bytes read and decoded at a time: they stay in the processor's cache
_PROBES = 16  # records of an EDF+ file whose clock is looked at when it is opened
_LONGEST = 10**10  # seconds that no recording lasts
_LARGEST = 1e30  # physical value that is none
_SECONDS = re.compile(rb"[+-]?(\d{1,20}\.?\d{0,30}|\.\d{1,30})([eE][+-]?\d{1,2})?")
_MICROVOLTS = re.compile(  # no other prefix of volts has a letter outside ASCII
    rb"([\x80-\xff].{0,2}|\?|u|micro)V|(micro|u)volts?", re.DOTALL | re.IGNORECASE
)
_JITTER = 0.01  # s that the clock of continuous records may be off
_STARTDATE = re.compile(rb"(\d\d)-([A-Z]{3})-(\d{4})")
_MONTHS = b"JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC".split()
_FIELDS = (16, 80, 8, 8, 8, 8, 8, 80, 8, 32)  # widths in the header, for each signal


@dataclass(frozen=True)
class EdfFile:
    """Where everything lies in one file. ``read`` does the work.

    The header counts signals; ``data`` are those that hold samples and ``notes`` those that hold
    annotations. Record ``k`` begins at byte ``header_bytes + k * record_bytes``.
    """

    path: Path
    width: int  # bytes per value: 2 in EDF, 3 in BDF
    continuous: bool
    measured: datetime.datetime | None
    header_bytes: int
    n_promised: int  # records, as the header has it; -1 where it was never filled in
    n_records: int  # whole records in the file
    n_beyond: int  # records that the header does not count, below 0 where some are missing
    duration: Fraction  # of a record, in s
    labels: tuple[str, ...]
    units: tuple[str, ...]
    physical: np.ndarray  # (n_signals, 2), smallest and largest value in `units`
    digital: np.ndarray  # the same, as stored
    n_samples: np.ndarray  # per record
    notes: tuple[int, ...]

    @property
    def data(self) -> tuple[int, ...]:
        """Signals that hold samples."""
        return tuple(
            i for i in range(len(self.labels)) if i not in self.notes and self.n_samples[i]
        )

    @cached_property
    def record_bytes(self) -> int:
        """Size of a record."""
        return int(self.n_samples.sum()) * self.width

    @cached_property
    def offsets(self) -> np.ndarray:
        """Byte of a record at which each signal begins."""
        return np.concatenate([[0], np.cumsum(self.n_samples)[:-1]]) * self.width

    @cached_property
    def stretches(self) -> list[tuple[int, Fraction]]:
        """First record of each stretch without a gap, and where it begins in s from the first.

        Raises
        ------
        OSError
            If a record begins before the one before it has ended.
        """
        if not self.notes or (self.continuous and self._clocks[1] <= self._slack):
            return [(0, Fraction(0))]
        slack = self._slack
        found = [(0, Fraction(0))]
        expected = 0.0
        with self.path.open("rb", buffering=0) as file:
            start = self._clock(file, 0)
            for record in range(1, self.n_records):
                expected += float(self.duration)
                head = self._bytes(file, record, self.notes[0]).partition(b"\x14")[0]
                try:  # floats will do to see that nothing is missing, fractions are slow
                    late = float(head) - float(start) - expected
                except ValueError:
                    late = float(self._clock(file, record) - start) - expected
                if late < -slack:
                    raise OSError(
                        f"{self.path}: is damaged, as record {record} begins at"
                        f" {expected + late:g} s, before record {record - 1} has ended."
                    )
                if late > slack:
                    found.append((record, self._clock(file, record) - start))
                    expected = float(found[-1][1])
        return found

    @property
    def _slack(self) -> float:
        """Seconds that are no gap: half a sample, and rounding where there should be none."""
        half = float(self.duration) / max(2 * int(self.n_samples.max()), 1)
        return half + (_JITTER if self.continuous else 0.0)

    @property
    def gaps(self) -> list[tuple[Fraction, Fraction]]:
        """Begin and end of what lies between the stretches."""
        return [
            (begin + (after - first) * self.duration, onset)
            for (first, begin), (after, onset) in itertools.pairwise(self.stretches)
        ]

    def rate(self, signal: int) -> Fraction:
        """Return samples per second, exactly: 238 in 0.23814 s are 1700000/1701 Hz."""
        return int(self.n_samples[signal]) / self.duration

    def read_notes(self) -> Iterator[tuple[Fraction, Fraction, str]]:
        """Yield onset and duration in s and the text of each annotation, as they stand."""
        if not self.notes:
            return
        with self.path.open("rb", buffering=0) as file:
            start = self._clock(file, 0)
            for record in range(self.n_records):
                for signal in self.notes:
                    content = self._bytes(file, record, signal)
                    if content.rstrip(b"\0").endswith(b"\x14\x14") and content.count(b"\x14") == 2:
                        continue  # the time of the record and nothing else
                    for onset, duration, texts in self._parse(content, record):
                        for text in texts:
                            yield onset - start, duration, text

    def check_clock(self) -> Fraction:
        """Return where the first record begins, having looked at some of the others.

        Raises
        ------
        OSError
            If a record does not begin with its time, so that the bytes are not where they
            belong: something was lost or added on the way, though the size may be right.
        """
        return self._clocks[0]

    @cached_property
    def _clocks(self) -> tuple[Fraction, float]:
        """Where the first record begins, and how far some others are from where they should be.

        A gap moves all that follows, so that some records tell of all.
        """
        if not self.notes or not self.n_records:
            return Fraction(0), 0.0
        probes: list[int] = np.linspace(0, self.n_records - 1, _PROBES).astype(int).tolist()
        with self.path.open("rb", buffering=0) as file:
            times = [self._clock(file, record) for record in probes]
        first, length = times[0], float(self.duration)
        off = [float(t - first) - k * length for t, k in zip(times, probes, strict=True)]
        return first, max(map(abs, off))

    def _clock(self, file: BinaryIO, record: int) -> Fraction:
        """Time at which a record begins, from its first annotation; by count where it has none."""
        content = self._bytes(file, record, self.notes[0])
        if not content.strip(b"\0 "):
            return record * self.duration
        for onset, _, _ in self._parse(content, record):
            return onset
        raise self._misplaced(record, content)

    def _bytes(self, file: BinaryIO, record: int, signal: int) -> bytes:
        start = self.header_bytes + record * self.record_bytes + int(self.offsets[signal])
        file.seek(start)
        return file.read(int(self.n_samples[signal]) * self.width)

    def _parse(
        self, content: bytes, record: int
    ) -> Iterator[tuple[Fraction, Fraction, list[str]]]:
        r"""Split ``+onset[\x15duration]\x14text\x14...\x14\0`` lists, as EDF+ has them."""
        for item in content.rstrip(b"\0").split(b"\0"):
            head, *texts = item.split(b"\x14")
            if not head.strip():
                continue
            onset, _, duration = head.partition(b"\x15")
            try:
                if not texts or onset[:1] not in b"+-":
                    raise ValueError
                lasts = _number(duration or b"0")
                if lasts < 0:
                    raise ValueError
                found = _number(onset), lasts, [_text(t) for t in texts if t]
            except ValueError:
                raise self._misplaced(record, item) from None
            yield found

    def _misplaced(self, record: int, item: bytes) -> OSError:
        return OSError(
            f"{self.path}: is damaged, since record {record} of {self.n_records} should"
            f" hold the time at which it begins or an annotation and holds"
            f" {item[:16]!r}; its bytes are not where they belong, so copy it again."
        )


@dataclass(frozen=True)
class EdfSamples:
    """Signals of one rate, as a reader of samples (`neurokit.io.readers.lazy.Reader`)."""

    file: EdfFile
    signals: tuple[int, ...]
    gain: np.ndarray
    shift: np.ndarray

    @property
    def n_times(self) -> int:
        """Number of samples that the file holds of each."""
        return self.file.n_records * int(self.file.n_samples[self.signals[0]])

    @property
    def n_channels(self) -> int:
        """Number of signals."""
        return len(self.signals)

    def read(self, channels: np.ndarray, start: int, stop: int) -> np.ndarray:
        """Return samples, in one pass over their bytes."""
        file = self.file
        signals = np.asarray(self.signals)[channels]
        length = int(file.n_samples[self.signals[0]])
        out = np.empty((len(signals), stop - start), np.float32)
        if not out.size:
            return out
        first, last = start // length, -(-stop // length)
        offsets = file.offsets[signals]
        low, high = int(offsets.min()), int(offsets.max()) + length * file.width
        whole = 2 * (high - low) > file.record_bytes  # else skip what nobody asked for
        stride = file.record_bytes if whole else high - low
        skip = 0 if whole else low
        step = max(1, _PIECE // stride)
        buffer = np.empty((min(step, last - first), stride), np.uint8)
        with file.path.open("rb", buffering=0) as handle:
            for record in range(first, last, step):
                records = np.arange(record, min(record + step, last))
                self._fill(handle, buffer[: len(records)], record, skip, whole)
                self._decode(
                    buffer[: len(records)],
                    offsets - skip,
                    length,
                    channels,
                    records * length - start,
                    out,
                )
        return out

    def _fill(
        self, handle: io.FileIO, buffer: np.ndarray, record: int, skip: int, whole: bool
    ) -> None:
        """Read records into the rows of ``buffer``, all at once or a part of each."""
        size, base = self.file.record_bytes, self.file.header_bytes + skip
        got = 0
        for k, part in enumerate([buffer] if whole else buffer):
            handle.seek(base + (record + k) * size)
            got += handle.readinto(memoryview(part.reshape(-1)))
        if got != buffer.size:
            raise OSError(
                f"{self.file.path}: ends within record {record + got // buffer.shape[1]}; it has"
                " become shorter since it was opened."
            )

    def _decode(
        self,
        buffer: np.ndarray,
        offsets: np.ndarray,
        length: int,
        channels: np.ndarray,
        positions: np.ndarray,
        out: np.ndarray,
    ) -> None:
        from neurokit.io.readers.edf_kernels import decode_int16, decode_int24  # loads numba

        gain, shift = self.gain[channels], self.shift[channels]
        if self.file.width == 2:
            raw = buffer.view("<i2")
            decode_int16(raw, offsets // 2, length, gain, shift, positions, out)
        else:
            decode_int24(buffer, offsets, length, gain, shift, positions, out)


def open_edf(path: Path) -> EdfFile:
    """Read the header of an EDF or BDF file and hold it against the file's size.

    Raises
    ------
    OSError
        If it is no such file, or a damaged one.
    """
    with path.open("rb") as handle:
        head = handle.read(256)
        width = 3 if head[:8] == b"\xffBIOSEMI" else 2
        if len(head) < 256 or (width == 2 and head[:8] != b"0       "):
            raise OSError(
                f"{path}: is no EDF or BDF file, which begins with a header of 256 bytes or more"
                f" and the version 0; this one has {path.stat().st_size} bytes and begins with"
                f" {head[:8]!r}."
            )
        try:
            n_signals = int(head[252:256])
            duration = _number(head[244:252])
            n_promised = int(head[236:244])
            body = handle.read(256 * n_signals)
            if n_signals > 0 and len(body) < 256 * n_signals:
                raise OSError(
                    f"{path}: is cut short, it ends after {256 + len(body)} of"
                    f" {256 * (n_signals + 1)} bytes of its header; copy it again."
                )
            columns = list(_columns(body, n_signals))
            physical = _floats(columns[3:5])
            digital = _floats(columns[5:7])
            n_samples = np.array([int(v) for v in columns[8]], dtype=np.int64)
            sound = (np.abs(physical) < _LARGEST).all() and (np.abs(digital) < _LARGEST).all()
            if not sound or n_samples.min() < 0 or not n_samples.sum():
                raise ValueError
            if duration and not Fraction(1, 10**9) < duration:
                raise ValueError
        except (ValueError, ZeroDivisionError):
            raise OSError(
                f"{path}: its EDF header is damaged (number of signals {_text(head[252:256])!r},"
                f" record duration {_text(head[244:252])!r}, {path.stat().st_size} bytes in all)."
            ) from None
        handle.seek(0)
        refuse_text_transfer(path, handle.read(1 << 18))
    labels = tuple(_text(v) for v in columns[0])
    record_bytes = int(n_samples.sum()) * width
    n_there, rest = divmod(path.stat().st_size - 256 * (n_signals + 1), record_bytes)
    if n_there < 1 and n_promised <= 0 and not rest:
        raise OSError(
            f"{path}: holds a header and no record of samples, as a recording that was never"
            " begun; there is nothing to read."
        )
    if n_there < 1:
        raise OSError(
            f"{path}: is cut short, as its header promises"
            f" {max(n_promised, 1) * record_bytes + 256 * (n_signals + 1)} bytes and it has"
            f" {path.stat().st_size}, not one whole record; copy it again."
        )
    reserved = _text(head[192:236])
    return EdfFile(
        path=path,
        width=width,
        continuous=reserved[:5] not in ("EDF+D", "BDF+D"),
        measured=_measured(head),
        header_bytes=256 * (n_signals + 1),
        n_promised=n_promised,
        n_records=n_there if n_promised <= 0 or not rest else min(n_promised, n_there),
        n_beyond=n_there - n_promised if n_promised > 0 else 0,
        duration=duration,
        labels=labels,
        units=tuple(_unit(v) for v in columns[2]),
        physical=physical,
        digital=digital,
        n_samples=n_samples,
        notes=tuple(
            i for i, name in enumerate(labels) if name in ("EDF Annotations", "BDF Annotations")
        ),
    )


def _columns(body: bytes, n_signals: int) -> Iterator[list[bytes]]:
    start = 0
    for size in _FIELDS:
        yield [body[start + i * size : start + (i + 1) * size] for i in range(n_signals)]
        start += size * n_signals


def _number(field: bytes) -> Fraction:
    """Read a number of seconds exactly; some programs write a decimal comma or end with a zero.

    Raises
    ------
    ValueError
        If it is none, or larger than any clock: "1e999999999" would never be done.
    """
    text = field.strip(b"\0 ").replace(b",", b".")
    found = _SECONDS.fullmatch(text)
    if found is None:
        raise ValueError
    value = Fraction(text.decode())
    if (found[2] or len(text) > 10) and abs(value) > _LONGEST:
        raise ValueError
    return value


def _floats(columns: list[list[bytes]]) -> np.ndarray:
    return np.array([[float(v.strip(b"\0 ").replace(b",", b".")) for v in c] for c in columns]).T


def _unit(field: bytes) -> str:
    """Decode a unit; whatever code page its micro sign is of, or was lost to, it is micro."""
    field = field.strip(b"\0 ")
    return "uV" if _MICROVOLTS.fullmatch(field) else _text(field)


def _text(field: bytes) -> str:
    """Decode text: UTF-8 as EDF+ wants it in annotations, Latin-1 as older programs wrote it."""
    field = field.strip(b"\0 ")
    try:
        return field.decode()
    except UnicodeDecodeError:
        return field.decode("latin-1")


def _measured(head: bytes) -> datetime.datetime | None:
    """Return date and time at which the recording began, where the header has one.

    EDF+ has the date with all digits of its year in the identification of the recording, where X
    says that it is not known.
    """
    try:
        hour, minute, second = (int(v) for v in head[176:184].split(b"."))
        if head[192:196] in (b"EDF+", b"BDF+") and head[88:98] == b"Startdate ":
            told = head[98:168].split()[0].upper() if head[98:168].strip() else b"X"
            if found := _STARTDATE.fullmatch(told):
                day, month, year = int(found[1]), _MONTHS.index(found[2]) + 1, int(found[3])
                return datetime.datetime(year, month, day, hour, minute, second)
            if told == b"X" and head[168:176] == b"01.01.85":
                return None
        day, month, year = (int(v) for v in head[168:176].split(b"."))
        century = 1900 if year >= 85 else 2000  # the rule of the format
        return datetime.datetime(century + year, month, day, hour, minute, second)
    except ValueError:
        return None
