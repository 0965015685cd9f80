"""European Data Format and its 24-bit kin: EDF, EDF+ (also with gaps), BDF."""

import functools
import re
import warnings
from collections.abc import Sequence
from fractions import Fraction
from typing import Any, cast

import numpy as np
import pandas as pd
import xarray as xr

from neurokit.io.readers.channels import label_units, unique_names
from neurokit.io.readers.edf_file import EdfFile, EdfSamples, open_edf
from neurokit.io.readers.lazy import lazy_variable
from neurokit.io.readers.reader import Found, Reader, name_parts
from neurokit.io.readers.triggers import add_steps, find_rises, join_lines
from neurokit.recording.make import events, signal

GAP = "BAD_ACQ_SKIP"  # MNE's word for a gap: its Epochs leave such stretches out
_TO_UV = {"nv": 1e-3, "uv": 1.0, "µv": 1.0, "μv": 1.0, "mv": 1e3, "v": 1e6}  # both letters mu
_KINDS = {  # how a label begins, after the standard texts of EDF+; "EEG" may stand before
    r"eog": "eog",
    r"ecg|ekg": "ecg",
    r"emg": "emg",
    r"seeg": "seeg",
    r"ecog": "ecog",
    r"resp|airflow|flow": "resp",
    r"temp(erature)?(?![a-z])": "temperature",
    r"status|trig|sti\b|sti ?\d|dig\b|marker|event|stim": "stim",
    r"eeg|erg|ep\b": "eeg",
}
_PATTERNS = [(re.compile(rf"(eeg\W+)?({p})", re.IGNORECASE), kind) for p, kind in _KINDS.items()]
_ANY_TRIGGER = re.compile("trig|marker", re.IGNORECASE)


def label_edf(file: EdfFile, channels: Sequence[str] | None = None) -> xr.DataArray:
    """Label the signals of an EDF or BDF file; the samples follow when they are asked for.

    Parameters
    ----------
    file : EdfFile
    channels : sequence of str, optional
        Names, in the order wanted. Default: all channels of one rate.

    Returns
    -------
    xarray.DataArray of dims ("channel", "time")

    Raises
    ------
    OSError
        If the file is damaged.
    ValueError
        If it holds no signals, lacks a channel, or the rates of those asked for differ.
    """
    path = file.path
    start = file.check_clock()
    if not file.data:
        raise ValueError(f"{path}: holds annotations and no signals; io.read_events reads them.")
    if not file.duration:
        raise OSError(f"{path}: is damaged, as its records hold samples and last 0 s.")
    names = dict(zip(file.data, unique_names([file.labels[i] for i in file.data]), strict=True))
    signals = _choose(file, names, channels)
    if file.n_beyond > 0:
        kept = "are read as well" if file.n_records > file.n_promised else "are left out"
        warnings.warn(
            f"{path}: goes on after the {file.n_promised} records that its header counts;"
            f" {file.n_beyond} more {kept} (a recorder that crashed leaves such files).",
            stacklevel=4,
        )
    if file.n_promised > file.n_records:
        warnings.warn(
            f"{path}: is cut short, {file.n_records} of {file.n_promised} records are there;"
            f" these {float(file.n_records * file.duration):g} s are read.",
            stacklevel=4,
        )
    kinds = [_kind(file.labels[i], file.units[i]) for i in signals]
    units, gain, shift = _scale(file, signals, kinds)
    rate = file.rate(signals[0])
    x = signal(
        lazy_variable(EdfSamples(file, tuple(signals), gain, shift)),
        sampling_rate=cast(Any, rate),  # kept as a fraction
        channels=[names[i] for i in signals],
        types=kinds,
    )
    if file.measured:
        whole = file.measured.isoformat()
        x.attrs["measured"] = whole + (f"{float(start):.7f}"[1:].rstrip("0") if start % 1 else "")
    if len(file.stretches) > 1:
        x = _jump(x, file, rate)
    return label_units(x, units)


def list_events(file: EdfFile) -> pd.DataFrame:
    """Return the annotations of an EDF+ or BDF+ file and the rises of its trigger channels.

    Gaps are events named ``BAD_ACQ_SKIP``. An annotation "A@@F1" that is linked to channel F1 is
    labelled "A", and its ``channel`` says F1.
    """
    notes = list(file.read_notes()) + [(begin, end - begin, GAP) for begin, end in file.gaps]
    linked = [_split_link(text, file.labels) for _, _, text in notes]
    table = events(
        np.array([float(onset) for onset, _, _ in notes]),
        np.array([float(duration) for _, duration, _ in notes]),
        [text for text, _ in linked],
        **({"channel": [name for _, name in linked]} if any(name for _, name in linked) else {}),
    )
    names = _find_triggers(file)
    if not names:
        return table
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of gaps and lengths: the signal's own door says it
        rises = [find_rises(label_edf(file, [name]))[0] for name in names]
    return add_steps(table, join_lines(rises), [file.rate(i) for i in file.data])


def _split_link(text: str, labels: Sequence[str]) -> tuple[str, str]:
    """Return the text and the channel of an annotation; "" where it is linked to none."""
    label, _, name = text.rpartition("@@")
    return (label, name) if label and name in labels else (text, "")


def _find_triggers(file: EdfFile) -> list[str]:
    names = unique_names([file.labels[i] for i in file.data])
    return [
        name
        for name, i in zip(names, file.data, strict=True)
        if _kind(file.labels[i], file.units[i]) == "stim"
    ]


def _read_session(found: Found) -> xr.DataTree:
    """Read signals and events; a file of annotations alone is a session, too."""
    file = open_edf(found.path)
    table = list_events(file)
    x = None if len(table) and not file.data else label_edf(file)
    return xr.DataTree.from_dict(name_parts(x, table))


READER = Reader(
    signal=lambda found, channels: label_edf(open_edf(found.path), channels),
    events=lambda found: list_events(open_edf(found.path)),
    session=_read_session,
)


def _choose(file: EdfFile, names: dict[int, str], channels: Sequence[str] | None) -> list[int]:
    """Signals by name; without names, those of the rate at which most samples were taken."""
    by_rate: dict[Fraction, list[int]] = {}
    if channels is None:
        chosen = list(names)
    else:
        where = {name: i for i, name in names.items()}
        if missing := [name for name in channels if name not in where]:
            raise ValueError(f"{file.path}: has no channels {missing}; it has {list(where)}.")
        chosen = [where[name] for name in channels]
    for i in chosen:
        by_rate.setdefault(file.rate(i), []).append(i)
    if len(by_rate) == 1:
        return chosen
    groups = "; ".join(
        f"{float(rate):g} Hz: {', '.join(names[i] for i in group)}"
        for rate, group in sorted(by_rate.items(), reverse=True)
    )
    if channels is not None:
        raise ValueError(
            f"{file.path}: channels= takes channels of one sampling rate, got {groups}."
        )
    rate = max(by_rate, key=lambda rate: (rate * len(by_rate[rate]), rate))
    warnings.warn(
        f"{file.path}: has channels of {len(by_rate)} sampling rates; those at {float(rate):g} Hz"
        f" are read, the others come with channels=[...] ({groups}).",
        stacklevel=5,
    )
    return by_rate[rate]


@functools.lru_cache(4096)  # the same few labels in every file of a study
def _kind(label: str, unit: str) -> str:
    """Tell what a channel is from its label, else from its unit."""
    for pattern, kind in _PATTERNS:
        if pattern.match(label):
            return kind
    if _ANY_TRIGGER.search(label):
        return "stim"
    return "eeg" if unit.lower() in _TO_UV or _blank(unit) else "misc"


def _blank(unit: str) -> bool:
    return unit.lower() in ("", "-", "n/a", "na", "?")


def _scale(
    file: EdfFile, signals: Sequence[int], kinds: Sequence[str]
) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Return the unit of each channel, and what makes it out of stored values."""
    units, guessed, stored = [], [], []
    gain, shift = np.empty((2, len(signals)))
    for k, (i, kind) in enumerate(zip(signals, kinds, strict=True)):
        unit = file.units[i]
        (low, high), (first, last) = file.physical[i], file.digital[i]
        if kind != "stim" and (low == high or first == last):
            stored.append(file.labels[i])
            low, high, unit = first, last, "stored"
        factor = 1.0
        if kind == "stim":
            unit = ""
        elif unit.lower() in _TO_UV:
            factor, unit = _TO_UV[unit.lower()], "uV"
        elif _blank(unit):
            unit = ""
            if kind in ("eeg", "eog", "ecg", "emg", "seeg", "ecog") and max(-low, high) >= 1:
                unit = "uV"
                guessed.append(file.labels[i])
        gain[k] = (high - low) / (last - first) * factor if last != first else 1.0
        shift[k] = low * factor - first * gain[k] if last != first else 0.0
        units.append(unit)
    if guessed:
        warnings.warn(
            f"{file.path}: gives no unit for {_some(guessed)}; their range is that of microvolts,"
            " so they are read as uV (MNE reads volts).",
            stacklevel=5,
        )
    if stored:
        warnings.warn(
            f"{file.path}: gives no range for {_some(stored)}, which are read as stored values"
            " without a unit.",
            stacklevel=5,
        )
    return units, gain, shift


def _some(names: Sequence[str]) -> str:
    return f"{names[0]!r}" + (f" and {len(names) - 1} more channels" if len(names) > 1 else "")


def _jump(x: xr.DataArray, file: EdfFile, rate: Fraction) -> xr.DataArray:
    """Give the samples of an interrupted recording the times at which they were taken."""
    length = x.sizes["time"] // file.n_records
    firsts = [first for first, _ in file.stretches] + [file.n_records]
    times = [
        float(begin) + np.arange((end - first) * length) / float(rate)
        for (first, begin), end in zip(file.stretches, firsts[1:], strict=True)
    ]
    gaps = file.gaps
    warnings.warn(
        f"{file.path}: was interrupted, so that `time` jumps at {len(gaps)} gaps"
        f" ({float(sum(b - a for a, b in gaps)):g} s in all, first at {float(gaps[0][0]):g} s);"
        " start= and stop= read what lies between, io.read_events lists the gaps.",
        stacklevel=5,
    )
    x = x.drop_vars("time").assign_coords(time=np.concatenate(times))
    x["time"].attrs["units"] = "s"
    return x
