"""Tables of samples: a column of times, one column for each channel, and markers beside them."""

import re
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from neurokit.recording.clock import SampleIndex
from neurokit.recording.make import events, signal

_TIME = re.compile(r"(lsl_?)?time(_?stamps?)?s?|t|sec(ond)?s?", re.I)
_MARK = re.compile(r"(marker|stim(ulus)?|trigger|trig|event|status|sti)[ _]?\d*", re.I)
_LEAST = 16  # rows


def read_samples(path: Path, table: pd.DataFrame) -> tuple[xr.DataArray, pd.DataFrame] | None:
    """Return the signal of a table of texts and its markers; None if it is no table of samples.

    Warns
    -----
    UserWarning
        If time stamps are not even, and as the unit is nowhere said.
    """
    bare = {str(name): re.sub(r"\s*[\[(].*", "", str(name)).strip() for name in table}
    clocks = [name for name, word in bare.items() if _TIME.fullmatch(word)]
    if len(clocks) != 1 or len(table) < _LEAST:
        return None
    numbers = table.apply(pd.to_numeric, errors="coerce")
    times = numbers[clocks[0]].to_numpy(np.float64)
    marks = [name for name, word in bare.items() if _MARK.fullmatch(word)]
    names = [n for n in bare if n not in (*clocks, *marks) and numbers[n].notna().any()]
    if not names or not np.isfinite(times).all() or not (np.diff(times) > 0).all():
        return None
    rate, start = _clock(path, times)
    warnings.warn(
        f"{path}: says no unit; the columns {names[:8]} are taken for microvolts.", stacklevel=6
    )
    x = signal(
        numbers[names].to_numpy(np.float32).T, sampling_rate=rate, channels=names, start=start
    )
    rises = [_rises(table[name], numbers[name], x["time"].values) for name in marks]
    found = pd.concat([events([], [], [])[:0], *rises], ignore_index=True) if rises else None
    return x, events([], [], []) if found is None else found.sort_values("onset", kind="stable")


def _clock(path: Path, times: np.ndarray) -> tuple[float, float]:
    """Return rate and start; stamps of the Unix clock begin at zero."""
    start = 0.0 if times[0] > 1e8 else float(times[0])
    steps = np.diff(times)
    try:
        return float(SampleIndex.from_times(times - times[0]).rate), start
    except ValueError:
        rate = 1 / float(steps.mean())
    warnings.warn(
        f"{path}: times are {steps.min():.4g} to {steps.max():.4g} s apart; they are counted at"
        f" their mean rate, {rate:.6g} Hz.",
        stacklevel=7,
    )
    return float(f"{rate:.6g}"), start


def _rises(texts: pd.Series, numbers: pd.Series, clock: np.ndarray) -> pd.DataFrame:
    """Return where a marker becomes something other than nothing, with that as its label."""
    values = texts.astype(str).str.strip()
    silent = values.isin(["", "0", "0.0", "n/a", "nan", "NaN"]) | (numbers == 0)
    now = values.where(~silent, "").to_numpy(object)
    begins = np.flatnonzero((now != "") & (now != np.r_[np.array([""], object), now[:-1]]))
    labels = [re.sub(r"^(-?\d+)\.0+$", r"\1", str(label)) for label in now[begins]]
    return events(clock[begins], 0.0, labels)
