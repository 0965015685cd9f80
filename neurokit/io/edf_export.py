"""Write signals to EDF+, which every program for EEG reads."""

import datetime
import json
import os
import warnings
from collections.abc import Iterator
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from fractions import Fraction
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from neurokit.atomic import atomic_path
from neurokit.recording.checks import check_dims
from neurokit.recording.clock import SampleIndex
from neurokit.recording.rate import contiguous_runs, refuse_backwards

_STEPS = 65535  # between the smallest and the largest of 16 bits
_BLOCK = 1 << 16  # samples read at a time
_RECORD_BYTES = 61440  # the standard asks records to be no longer
_MONTHS = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"]


def write_edf(
    path: str | os.PathLike[str], x: xr.DataArray, events: pd.DataFrame | None = None
) -> Path:
    """Write a signal, and what happened during it, to an EDF+ file.

    EDF keeps 16 bits: between its smallest and its largest value each channel has 65,535 steps,
    and a sample is rounded to the nearest, so that it comes back within half a step,
    ``(max - min) / 131,070``. (The header has eight characters for either end, which may widen
    the range by a hundredth.) A signal that is not in memory is read twice, block by block.

    Parameters
    ----------
    path : path-like
        Ends in ``.edf``. It is replaced when the whole file has been written.
    x : xarray.DataArray of dims ("channel", "time")
        Finite, without gaps. Written in its own units.
    events : pandas.DataFrame, optional
        ``onset``, ``duration`` and ``label``, on the clock of ``x``; they become annotations,
        linked to a channel where the column ``channel`` names one. Default: those that `from_mne`
        kept in ``x.attrs["annotations"]``.

    Returns
    -------
    Path
        ``path``.

    Raises
    ------
    ValueError
        If ``x`` has other dims, gaps, NaN, names that EDF cannot hold, values too small for its
        header, or a rate that no record of a decimal number of seconds fits.
    OSError
        If the file cannot be written.

    Notes
    -----
    The file begins at time 0, whatever time ``x`` begins at; its date is ``attrs["measured"]``,
    moved accordingly. EDF consists of records of equal length: where no suitable length divides
    the number of samples, the last sample is repeated to the end of the record, with a warning.
    The type and place of a channel have no field in EDF and stay behind.

    References
    ----------
    .. [1] Kemp and Olivan (2003), European data format 'plus' (EDF+), Clinical Neurophysiology
       114(9), 1755-1761.

    Examples
    --------
    >>> import tempfile, neurokit
    >>> from neurokit import io
    >>> x = neurokit.signal([[0.0, 50, 100, 50]], sampling_rate=2, channels=["Cz"])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     io.read_signal(io.write_edf(f"{folder}/a.edf", x)).values.round(2)
    array([[  0.,  50., 100.,  50.]], dtype=float32)
    """
    x = check_dims(x, ("channel", "time"), caller="write_edf")
    path = Path(path)
    if (n_runs := len(contiguous_runs(x))) > 1 or not x.size:
        raise ValueError(
            f"{path}: write_edf takes a signal with samples and without gaps in its time, got"
            f" {x.shape} in {n_runs} stretches; write each to a file of its own, or io.save keeps"
            " the gaps."
        )
    refuse_backwards(x, "write_edf")
    clock = x.xindexes["time"]
    if not isinstance(clock, SampleIndex):
        clock = SampleIndex.from_times(x["time"].values)
    n_channels, n_times = x.shape
    names = [_field(str(name), 16, "channel names") for name in x["channel"].values]
    units = x["units"].values if "units" in x.coords else [x.attrs.get("units", "")] * n_channels
    dimensions = [_field(str(u).replace("µ", "u"), 8, "units") for u in units]
    length, duration = _record(clock.rate, n_times, n_channels)
    n_records = -(-n_times // length)
    if n_records * length > n_times:
        warnings.warn(
            f"{path}: the last sample is repeated {n_records * length - n_times} times, as records"
            f" of {duration} s do not divide {n_times} samples.",
            stacklevel=2,
        )
    start = clock.first / clock.rate
    if events is None and "annotations" in x.attrs:
        events = pd.DataFrame(json.loads(x.attrs["annotations"]))
    began, fraction = _began(x.attrs.get("measured"), start)
    kept = {str(name) for name in x["channel"].values}
    notes = _notes(events, kept, n_records, Fraction(duration), float(start), fraction)
    ranges = _ranges(path, x)
    texts = [
        [*names, b"EDF Annotations"],
        [b""] * (n_channels + 1),
        [*dimensions, b""],
        [*(low for low, _ in ranges), b"-1"],
        [*(high for _, high in ranges), b"1"],
        [b"-32768"] * (n_channels + 1),
        [b"32767"] * (n_channels + 1),
        [b""] * (n_channels + 1),
        [b"%d" % length] * n_channels + [b"%d" % (len(notes[0]) // 2)],
        [b""] * (n_channels + 1),
    ]
    day = f"{began.day:02}-{_MONTHS[began.month - 1]}-{began.year:04}" if began else "X"
    head = [
        (b"0", 8),
        (b"X X X X", 80),
        (f"Startdate {day} X X X".encode(), 80),
        (_short_date(began), 16),
        (b"%d" % (256 * (n_channels + 2)), 8),
        (b"EDF+C", 44),
        (b"%d" % n_records, 8),
        (duration.encode(), 8),
        (b"%d" % (n_channels + 1), 4),
    ]
    widths = (16, 80, 8, 8, 8, 8, 8, 80, 8, 32)
    with atomic_path(path) as part, part.open("wb") as file:
        file.write(b"".join(text.ljust(width) for text, width in head))
        for column, width in zip(texts, widths, strict=True):
            file.write(b"".join(text.ljust(width) for text in column))
        low = np.array([[float(a)] for a, _ in ranges])
        steps = _STEPS / (np.array([[float(b)] for _, b in ranges]) - low)
        for first, values in _blocks(x, length):
            stored = np.rint((values - low) * steps) - 32768
            stored = np.clip(stored, -32768, 32767).astype("<i2")
            missing = -stored.shape[1] % length
            stored = np.pad(stored, ((0, 0), (0, missing)), mode="edge")
            records = stored.reshape(n_channels, -1, length).swapaxes(0, 1)
            for k, record in enumerate(records, first // length):
                file.write(record.tobytes() + notes[k])
    return path


def _blocks(x: xr.DataArray, length: int) -> Iterator[tuple[int, np.ndarray]]:
    """Read whole records, as many as make a block."""
    step = length * max(1, _BLOCK // length)
    for first in range(0, x.sizes["time"], step):
        yield first, x.isel(time=slice(first, first + step)).values.astype(np.float64)


def _ranges(path: Path, x: xr.DataArray) -> list[tuple[bytes, bytes]]:
    """Return the smallest and largest value of each channel, as the header writes them."""
    low = np.full(x.sizes["channel"], np.inf)
    high = -low
    for _, values in _blocks(x, 1):
        if not np.isfinite(values).all():
            raise ValueError(
                f"{path}: write_edf takes finite values, since EDF has no way to mark a missing"
                " sample; cut NaN out or fill it."
            )
        low, high = np.minimum(low, values.min(1)), np.maximum(high, values.max(1))
    found = []
    for name, a, b in zip(x["channel"].values, low.tolist(), high.tolist(), strict=True):
        if a == b:
            a, b = a - 1, b + 1
        texts = _eight(a, ROUND_FLOOR), _eight(b, ROUND_CEILING)
        if not all(texts) or float(texts[1]) - float(texts[0]) > 1.01 * (b - a):
            raise ValueError(
                f"{path}: the range of channel {str(name)!r}, {a:g} to {b:g}, cannot be written"
                " with the eight characters that EDF has for it; use another unit, or take off"
                " its mean."
            )
        found.append((texts[0].encode(), texts[1].encode()))
    return found


def _eight(value: float, rounding: str) -> str:
    """Write a number with eight characters, rounded outwards."""
    for digits in range(7, -1, -1):
        text = f"{Decimal(value).quantize(Decimal(1).scaleb(-digits), rounding):f}"
        if len(text) <= 8:
            return text
    return ""


def _field(text: str, width: int, what: str) -> bytes:
    if len(text) > width or not text.isascii() or not (text.isprintable() or not text):
        raise ValueError(
            f"write_edf: EDF has {width} ASCII characters for {what}, got {text!r}; rename it."
        )
    return text.encode()


def _record(rate: Fraction, n_times: int, n_channels: int) -> tuple[int, str]:
    """Choose how many samples make a record: about 1 s, a divisor of all, in decimal seconds."""
    unit = rate.numerator
    for factor in (2, 5):  # n / rate is a decimal if nothing else is left in its denominator
        while unit % factor == 0:
            unit //= factor
    second = float(rate)
    lengths = range(unit, max(unit, min(n_times, int(10 * second) + 1)) + 1, unit)
    whole = [n for n in lengths if n_times % n == 0 and (10 * n >= second or n == n_times)]
    for candidates in (whole, lengths):
        for length in sorted(
            candidates,
            key=lambda n: (2 * n * n_channels > _RECORD_BYTES, abs(n - second)),
        ):
            seconds = Fraction(length) / rate
            text = f"{Decimal(seconds.numerator) / Decimal(seconds.denominator):f}"
            if (
                len(text) <= 8
                and Fraction(text) == seconds
                and length <= max(n_times, 10 * second)
            ):
                return length, text
    raise ValueError(
        f"write_edf: no record of a decimal number of seconds holds a whole number of samples at"
        f" {second:.9g} Hz; resample first."
    )


def _began(measured: str | None, start: Fraction) -> tuple[datetime.datetime | None, Fraction]:
    """Date and whole second of the first sample, and what is left of the second."""
    if measured is None:
        return None, Fraction(0)
    date = datetime.datetime.fromisoformat(measured).replace(tzinfo=None)
    date += datetime.timedelta(seconds=float(start))
    return date.replace(microsecond=0), Fraction(date.microsecond, 10**6)


def _short_date(began: datetime.datetime | None) -> bytes:
    """Return date and time with two digits for the year: 1985 to 2084.

    Other years stand in full in the recording's identification, and here is the first day there
    is, at the right time.
    """
    if began is None:
        return b"01.01.8500.00.00"
    known = 1985 <= began.year <= 2084
    return f"{began:%d.%m.%y%H.%M.%S}".encode() if known else f"01.01.85{began:%H.%M.%S}".encode()


def _notes(
    events: pd.DataFrame | None,
    names: set[str],
    n_records: int,
    duration: Fraction,
    start: float,
    fraction: Fraction,
) -> list[bytes]:
    """Return what stands in the annotation channel of each record, all of equal size."""
    notes = [b"+%s\x14\x14\0" % _decimal(k * duration + fraction) for k in range(n_records)]
    table = pd.DataFrame() if events is None else events
    where = table["channel"] if "channel" in table else [""] * len(table)
    columns = [] if table.empty else [table[name] for name in ("onset", "duration", "label")]
    for onset, lasting, label, channel in zip(*columns, where, strict=True) if columns else ():
        label = f"{label}@@{channel}" if str(channel) in names else label
        lasting = 0.0 if np.isnan(lasting) else lasting
        onset = Fraction(repr(float(onset) - start)).limit_denominator(10**7)
        text = str(label).replace("\x14", " ").replace("\0", " ").encode()
        if not text.strip():
            raise ValueError(
                f"write_edf: the event at {onset + start:g} s has no label, and EDF tells none"
                " without; name it."
            )
        sign = b"" if onset + fraction < 0 else b"+"
        lasts = b"\x15%s" % _decimal(Fraction(repr(float(lasting)))) if lasting else b""
        record = min(max(int(onset // duration), 0), n_records - 1)
        notes[record] += sign + _decimal(onset + fraction) + lasts + b"\x14%s\x14\0" % text
    size = max(len(note) for note in notes)
    return [note.ljust(size + size % 2, b"\0") for note in notes]


def _decimal(seconds: Fraction) -> bytes:
    text = f"{round(seconds * 10**7) / Decimal(10**7):f}"
    return (text.rstrip("0").rstrip(".") if "." in text else text).encode()
