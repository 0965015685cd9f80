"""Tables of events: BIDS' ``_events.tsv`` and its like."""

import re
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from neurokit.io.readers.channels import choose_channels
from neurokit.io.readers.reader import Found, Reader, name_parts, table_node
from neurokit.io.readers.sample_tables import read_samples
from neurokit.recording.make import events

_LABELS = ("label", "trial_type", "value")  # columns that say what happened, the first there is
_UNKNOWN = ("n/a", "")
_WHOLE = re.compile(r"-?(0|[1-9]\d{0,17})")
_NUMBER = re.compile(r"[+-]?(0|[1-9]\d*)?(\.\d*)?([eE][+-]?\d{1,3})?")


def read_table(path: Path) -> pd.DataFrame:
    """Read a table of events; every column is kept, and no text becomes a number by chance.

    Columns of whole numbers are integers, those of numbers and "n/a" floats with NaN; "01",
    "None" and whole numbers among "n/a" stay the text that they are.

    Raises
    ------
    OSError
        If it is no table.
    ValueError
        If it has no column ``onset``, or one that holds something else than seconds.

    Warns
    -----
    UserWarning
        If events without an onset are left out.
    """
    return _events(path, _read_texts(path))


def _read_texts(path: Path) -> pd.DataFrame:
    """Read the cells of a table, as texts."""
    separator = "\t" if path.suffix.lower() == ".tsv" else ","
    try:
        table = pd.read_csv(
            path, sep=separator, dtype=str, keep_default_na=False, encoding="utf-8-sig"
        )
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeError, ValueError) as error:
        said = str(error).strip().splitlines()[0][:200].rstrip(".")
        raise OSError(f"{path}: is damaged or no table of UTF-8 text ({said}).") from error
    names = [str(name).strip() for name in table]
    if not isinstance(table.index, pd.RangeIndex):  # more cells than names: pandas shifts them
        table = table.reset_index()
    table = table.fillna("n/a")
    beyond = table.iloc[:, len(names) :]
    if not beyond.map(lambda text: text.strip() in _UNKNOWN).all(axis=None):
        raise ValueError(
            f"{path}: has rows of more cells than its {len(names)} columns; name what stands"
            " behind the last, or leave it out."
        )
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"{path}: has columns {twice} more than once; rename them.")
    return table.iloc[:, : len(names)].set_axis(names, axis=1)


def _events(path: Path, table: pd.DataFrame) -> pd.DataFrame:
    if "onset" not in table:
        raise ValueError(
            f"{path}: has no column onset, as BIDS wants it; {list(table)[:20]} are there."
        )
    onset = _seconds(path, table, "onset")
    duration = _seconds(path, table, "duration") if "duration" in table else 0.0 * onset
    name = next((name for name in _LABELS if name in table), None)
    labels = np.full(len(table), "event", object)
    labels = table[name].str.strip().to_numpy(object) if name else labels
    more = {
        str(column): _typed(table[column])
        for column in table
        if column not in ("onset", "duration", "label", name)
    }
    found = events(onset, duration, labels, **more)
    if lost := int(np.isnan(onset).sum()):
        warnings.warn(f"{path}: {lost} events without an onset are left out.", stacklevel=5)
        found = found[found["onset"].notna()].reset_index(drop=True)
    return found


def _seconds(path: Path, table: pd.DataFrame, name: str) -> np.ndarray:
    texts = table[name].str.strip()
    if wrong := [t for t in texts if t not in _UNKNOWN and not _is_number(t)]:
        raise ValueError(
            f"{path}: the column {name} must hold seconds or n/a, got {wrong[0][:40]!r}."
        )
    found = np.array([np.nan if t in _UNKNOWN else float(t) for t in texts], np.float64)
    if name == "duration" and (found < 0).any():
        raise ValueError(f"{path}: an event lasts {found.min():g} s; durations are 0 or more.")
    return found


def _is_number(text: str) -> bool:
    """Whether a text is a number and nothing but that; "01" is a name."""
    return any(c.isdigit() for c in text) and bool(_NUMBER.fullmatch(text))


def _typed(column: pd.Series) -> np.ndarray:
    texts = column.str.strip().tolist()
    known = [t for t in texts if t not in _UNKNOWN]
    if known and all(_WHOLE.fullmatch(t) for t in known):
        return np.array(texts, np.int64) if len(known) == len(texts) else np.array(texts, object)
    if known and all(map(_is_number, known)):
        return np.array([np.nan if t in _UNKNOWN else float(t) for t in texts], np.float64)
    return np.array(texts, object)


def _read_session(found: Found) -> xr.DataTree:
    texts = _read_texts(found.path)
    if "onset" not in texts and (samples := read_samples(found.path, texts)) is not None:
        return xr.DataTree.from_dict(name_parts(*samples))
    table = _events(found.path, texts)
    nodes = name_parts(table=table) or {"events": table_node(table)}
    return xr.DataTree.from_dict(nodes)


def _read_signal(found: Found, channels: Sequence[str] | None) -> xr.DataArray:
    texts = _read_texts(found.path)
    samples = None if "onset" in texts else read_samples(found.path, texts)
    if samples is None:
        raise ValueError(
            f"{found.path}: is a table without a column of evenly spaced times beside channels;"
            " label its values with neurokit.signal, or read events with io.read_events."
        )
    return choose_channels(found.path, samples[0], channels)


def _read_events(found: Found) -> pd.DataFrame:
    texts = _read_texts(found.path)
    samples = None if "onset" in texts else read_samples(found.path, texts)
    return _events(found.path, texts) if samples is None else samples[1]


READER = Reader(_read_signal, _read_events, None, _read_session)
