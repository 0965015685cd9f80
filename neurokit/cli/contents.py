"""What a file holds, and what is odd about it."""

import warnings
from collections.abc import Hashable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import xarray as xr

from neurokit import io
from neurokit.cli.oddities import listed, look, many, rate_of
from neurokit.io.readers.trace_matrix import list_matrices
from neurokit.recording.clock import SampleIndex
from neurokit.recording.glance import duration
from neurokit.recording.rate import contiguous_runs


class Held(NamedTuple):
    """One part of a session: its place, its facts in words, what is odd about it."""

    name: str
    facts: dict[str, str]
    oddities: list[str]


class Session(NamedTuple):
    """A file that has been read: the parts themselves, and the words about them."""

    path: Path
    signals: dict[str, xr.DataArray]
    spikes: xr.Dataset | None
    behaviour: xr.DataArray | None
    events: pd.DataFrame | None
    held: list[Held]
    warned: list[str]  # by the readers
    traces: dict[str, xr.DataArray]
    tables: dict[str, pd.DataFrame]  # events by the place of the recording they belong to


def open_session(path: Path, rate: float | None = None, series: str | None = None) -> Session:
    """Read a file through ``io.read_session`` and describe every part of it.

    Parameters
    ----------
    path : Path
    rate : float, optional
        Frames per second, for traces whose file does not say it; frames are counted else.
    series : str, optional
        Name of the traces, where a file has several.
    """
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        tree = _read(path, rate, series)
    warned = [
        str(w.message)
        for w in caught
        if not issubclass(w.category, DeprecationWarning | ResourceWarning | FutureWarning)
    ]
    signals: dict[str, xr.DataArray] = {}
    imaged: dict[str, xr.DataArray] = {}
    behaviours: dict[str, xr.DataArray] = {}
    tables: dict[str, pd.DataFrame] = {}
    spikes = None
    for node in tree.subtree:
        held = node.to_dataset()
        place = node.path.strip("/")
        if named := _signals_in(held, place):
            signals |= named
        elif "traces" in held:
            imaged[place] = held["traces"]
        elif {"spike_time", "spike_count"} <= set(held.variables):
            spikes = held
        elif "behaviour" in held:
            behaviours[place] = held["behaviour"].load()
        elif "onset" in held:
            tables[place.rpartition("events")[0]] = held.to_dataframe().reset_index(drop=True)
    parts = []
    signals = _side_by_side(signals)
    for name, x in imaged.items():
        parts.append(describe_traces(name, x))
    for name, x in signals.items():
        parts.append(describe_signal(name, x))
    if spikes is not None:
        parts.append(describe_spikes(spikes))
    movements = _join(behaviours)
    parts += [describe_behaviour(name, x) for name, x in movements.items()]
    # where there are several clocks (an eye's and a hand's, say), the one with most counts
    behaviour = max(movements.values(), key=lambda x: x.size, default=None)
    for place, one in tables.items():
        theirs = {n: x for n, x in (signals | imaged).items() if n.startswith(place)}
        part = describe_events(one, _span(theirs, spikes, behaviour))
        parts.append(part._replace(name=f"{place}events"))
    warned += [f"{path}: {words}" for words in _same_samples(parts)]
    if not parts:
        warned.append(f"{path}: holds no signals, spikes, traces, behaviour or events.")
    table = next(iter(tables.values()), None) if len(tables) < 2 else gather(tables)
    said = list(dict.fromkeys(warned))
    return Session(path, signals, spikes, behaviour, table, parts, said, imaged, tables)


def _same_samples(parts: list[Held]) -> Iterator[str]:
    """Tell recordings that hold the same samples under several names."""
    names: dict[str, list[str]] = {}
    for part in parts:
        if "fingerprint" in part.facts:
            names.setdefault(part.facts["fingerprint"], []).append(part.name)
    for same in names.values():
        if len(same) > 1:
            yield f"{listed(same)} hold the same samples; keep one of them."


def events_of(session: Session, name: str) -> pd.DataFrame | None:
    """Return the events that belong to a part of a session, by its place."""
    own = [place for place in session.tables if name.startswith(place)]
    return session.tables[max(own, key=len)] if own else None


def split_places(session: Session) -> list[Session]:
    """Take recordings apart that have events of their own, as those of a BIDS folder have."""
    if len(session.tables) < 2:
        return [session]
    parts = []
    for place, table in session.tables.items():
        own = {n: x for n, x in session.signals.items() if events_of(session, n) is table}
        parts.append(session._replace(signals=own, events=table, tables={place: table}))
    return parts


def gather(tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Put the events of several recordings below one another, as a choice of labels needs them."""
    return pd.concat(tables.values(), ignore_index=True)


def _read(path: Path, rate: float | None, series: str | None) -> xr.DataTree:
    """Read a session; what is none may be a matrix of traces."""
    matrix = path.suffix.lower() in (".mat", ".h5", ".hdf5")
    if series is not None:
        return _matrix(path, rate, series)
    try:
        if rate is not None and (path.is_dir() or matrix):
            return _of_traces(io.read_traces(path, sampling_rate=rate))
    except (OSError, ValueError):  # not traces: whatever it is, its reader knows
        pass
    try:
        return io.read_session(path)
    except ValueError as error:
        names = list_matrices(path) if matrix else []
        if not names:
            raise
        if len(names) > 1:
            warnings.warn(
                f"{path}: {listed(names)} may be traces; the first is taken, --series NAME"
                " chooses another.",
                stacklevel=2,
            )
        try:
            return _matrix(path, rate, names[0])
        except ValueError:  # of traces, whom the file was not said to hold
            raise error from None


def _matrix(path: Path, rate: float | None, series: str) -> xr.DataTree:
    """Read traces by the name of their matrix; their time counts frames where no rate is known."""
    try:
        return _of_traces(io.read_traces(path, sampling_rate=rate, series=series))
    except ValueError as error:
        if "; give sampling_rate=" not in str(error):
            raise
        words = str(error).split("; give sampling_rate=")[0]
        warnings.warn(f"{words}; time counts frames, --rate HZ gives seconds.", stacklevel=2)
    frames = io.read_traces(path, sampling_rate=1.0, series=series)
    return _of_traces(frames.assign_attrs(clock="frames"))


def _of_traces(x: xr.DataArray) -> xr.DataTree:
    return xr.DataTree.from_dict({"traces/all": x.to_dataset(name="traces")})


def _side_by_side(signals: dict[str, xr.DataArray]) -> dict[str, xr.DataArray]:
    """Put many signals of one channel and one clock into one, as they would be looked at."""
    alone = [x for x in signals.values() if x.sizes.get("channel") == 1 and x.ndim == 2]
    if len(alone) < 4 or len(alone) < len(signals):
        return signals
    clock, units = alone[0].xindexes["time"], alone[0].attrs.get("units")
    if any(
        x.sizes != alone[0].sizes
        or not np.array_equal(x["time"].values, alone[0]["time"].values)
        or x.attrs.get("units") != units
        for x in alone
    ):
        return signals
    names = [name.rsplit("/", 1)[-1] for name in signals]
    data = xr.Variable.concat([x.variable for x in alone], "channel")
    coords = xr.Coordinates({"time": alone[0]["time"].variable}, {"time": clock})
    joined = xr.DataArray(data, coords.assign(channel=names), attrs=alone[0].attrs)
    return {f"signal/{len(names)} series": joined}


def _join(parts: dict[str, xr.DataArray]) -> dict[str, xr.DataArray]:
    """Lay behaviour that files keep apart side by side, where it has one clock."""
    clocks: dict[Hashable, list[str]] = {}
    for name, x in parts.items():
        time = x["time"].values
        clocks.setdefault((len(time), *time[:2].tolist(), *time[-1:].tolist()), []).append(name)
    joined: dict[str, xr.DataArray] = {}
    for names in clocks.values():
        features = [f for name in names for f in parts[name]["feature"].values.tolist()]
        if len(names) == 1 or len({*features}) < len(features):
            joined |= {name: parts[name] for name in names}
        else:
            first = parts[names[0]].coords["time"]
            same = [parts[name].drop_vars("time") for name in names]
            side = xr.concat(same, dim="feature").transpose("time", "feature")
            joined["behaviour"] = side.assign_coords(first.coords)
    return joined


def _signals_in(held: xr.Dataset, place: str) -> dict[str, xr.DataArray]:
    """Return the signals of a node: the one called so, or all below ``signal``."""
    if "signal" in held:
        return {place: held["signal"]}
    if place.split("/")[0] != "signal":
        return {}
    found = {str(n): x for n, x in held.data_vars.items() if {"channel", "time"} <= {*x.dims}}
    return {place if len(found) == 1 else f"{place}/{name}": x for name, x in found.items()}


def describe_signal(name: str, x: xr.DataArray) -> Held:
    """Say what a signal is, and look for flat, missing, clipped and copied channels."""
    facts = {"shape": _shape(x), **_clock(x), "units": _units(x)}
    kinds = x["type"].values.tolist() if "type" in x.coords else []
    if kinds:
        facts["types"] = _tally(kinds)
    facts["channels"] = listed(x["channel"].values.tolist())
    if "x" in x.coords and np.isfinite(x["x"].values).any():
        facts["positions"] = f"of {int(np.isfinite(x['x'].values).sum())} channels, in mm"
    oddities = _jumps(x)
    if x.size:
        found, part = look(x)
        oddities += found
        if part:
            facts["looked at"] = part
    if x.size and x.ndim == 2:
        facts["fingerprint"] = io.fingerprint(x)
    return Held(name, facts, oddities)


def describe_traces(name: str, x: xr.DataArray) -> Held:
    """Say what traces there are, and look for units that never change or are missing."""
    facts = {"shape": _shape(x), **_clock(x), "units": _units(x)}
    values = np.asarray(x.transpose("unit", "time").values)
    oddities = _jumps(x)
    if still := int((~(np.nanmax(values, 1) > np.nanmin(values, 1))).sum() if values.size else 0):
        oddities.append(f"{many(still, 'unit')} never changed.")
    if values.size and (share := float(np.mean(~np.isfinite(values)))):
        oddities.append(f"{share:.2%} of the samples are missing (NaN).")
    return Held(name, facts, oddities)


def describe_spikes(x: xr.Dataset) -> Held:
    """Say what spikes there are, and look for silent units and impossible intervals."""
    count = x["spike_count"].values
    start, stop = float(x["start"]), float(x["stop"])
    span = stop - start
    facts = {
        "shape": f"{many(x.sizes['unit'], 'unit')}, {many(x.sizes['spike'], 'spike')}",
        "span": f"{start:g} to {stop:g} s ({duration(span)})",
    }
    if span > 0 and len(count):
        rates = count / span
        facts["rate"] = (
            f"{np.median(rates):.2g} Hz (median of units), {rates.min():.2g} to {rates.max():.2g}"
        )
    facts["units"] = listed([str(unit) for unit in x["unit"].values.tolist()])
    oddities = []
    if not x.sizes["spike"]:
        oddities.append("There are no spikes at all.")
    elif (silent := int((count == 0).sum())) > 0:
        oddities.append(f"{many(silent, 'unit')} never fired.")
    if abs(start) > 1e6:
        oddities.append(
            f"The clock starts at {start:.4g} s: it is not the session's own; subtract the start."
        )
    same = np.repeat(np.arange(len(count)), count)
    interval = np.diff(x["spike_time"].values)[np.diff(same) == 0]
    if len(interval) and (share := np.mean(interval < 0.001)) > 0.01:
        oddities.append(
            f"{share:.1%} of the intervals within a unit are under 1 ms, shorter than a neuron's"
            " refractory period: several neurons in one unit, or spikes counted twice."
        )
    return Held("spikes", facts, oddities)


def describe_behaviour(name: str, x: xr.DataArray) -> Held:
    """Say what was measured of behaviour, and where it is missing."""
    features = x["feature"].values.tolist() if "feature" in x.coords else []
    units = x["units"].values.tolist() if "units" in x.coords else [""] * len(features)
    words = [f"{n} ({u})" if u else str(n) for n, u in zip(features, units, strict=True)]
    facts = {"shape": _shape(x), **_clock(x), "features": listed(words)}
    missing = ~np.isfinite(x.transpose("time", "feature").values)
    oddities = _jumps(x)
    for feature, share in zip(features, missing.mean(axis=0) if x.size else [], strict=False):
        if share:
            oddities.append(f"{share:.1%} of {feature} is missing (NaN).")
    return Held(name, facts, oddities)


def describe_events(table: pd.DataFrame, span: tuple[float, float] | None) -> Held:
    """Say which events there are, and which lie outside of what was recorded."""
    labels = table["label"].astype(str).tolist()
    facts = {"shape": many(len(table), "event"), "labels": _tally(labels)}
    oddities = []
    if len(table):
        first, last = float(table["onset"].min()), float(table["onset"].max())
        facts["onsets"] = f"{first:g} to {last:g} s"
        if not np.isfinite(table["onset"]).all():
            oddities.append("Some onsets are missing (NaN).")
        if span:
            outside = int(((table["onset"] < span[0]) | (table["onset"] > span[1])).sum())
            if outside:
                oddities.append(
                    f"{many(outside, 'event')} outside of the recording"
                    f" ({span[0]:g} to {span[1]:g} s)."
                )
    return Held("events", facts, oddities)


def _jumps(x: xr.DataArray) -> list[str]:
    empty = ["sample" if dim == "time" else dim for dim, n in x.sizes.items() if not n]
    if empty:
        return [f"There are no {name}s." for name in empty]
    if x.sizes.get("time", 0) < 2 or isinstance(x.xindexes.get("time"), SampleIndex):
        return []
    try:
        runs = contiguous_runs(x)
    except ValueError:
        step = np.diff(x["time"].values)
        return [
            f"The samples are not evenly spaced ({step.min():.4g} to {step.max():.4g} s apart);"
            " resample before filters and spectra."
        ]
    if len(runs) < 2:
        return []
    return [f"The clock jumps {many(len(runs) - 1, 'time')}: {len(runs)} stretches."]


def _span(
    signals: Mapping[str, xr.DataArray], spikes: xr.Dataset | None, behaviour: xr.DataArray | None
) -> tuple[float, float] | None:
    """Find from when to when anything was recorded."""
    ends: list[tuple[float, float]] = []
    for x in (*signals.values(), behaviour):
        if x is not None and "trial" not in x.dims and x.sizes["time"]:
            time = x["time"]
            ends.append((float(time[0]), float(time[-1]) + 1 / max(rate_of(x), 1e-9)))
    if spikes is not None:
        ends.append((float(spikes["start"]), float(spikes["stop"])))
    return (min(a for a, _ in ends), max(b for _, b in ends)) if ends else None


def even(x: xr.DataArray) -> bool:
    """Tell whether a recording has a sampling rate."""
    return bool(np.isfinite(rate_of(x)))


def _clock(x: xr.DataArray) -> dict[str, str]:
    if x.sizes["time"] < 2:
        return {}
    if x.attrs.get("clock") == "frames":
        return {"rate": "not known: time counts frames (--rate HZ gives seconds)"}
    rate = rate_of(x)
    first, last = float(x["time"][0]), float(x["time"][-1])
    step = 1 / rate
    facts = {"rate": f"{rate:.6g} Hz" if np.isfinite(rate) else "not constant"}
    facts["span"] = f"{first:g} to {last:g} s ({duration(last - first + step)})"
    return facts


def _shape(x: xr.DataArray) -> str:
    dims = [dim for dim in ("trial", "channel", "unit", "feature", "time") if dim in x.dims]
    return " x ".join(many(x.sizes[d], "sample" if d == "time" else d) for d in dims)


def _units(x: xr.DataArray) -> str:
    if "units" in x.coords:
        return _tally([unit or "no unit" for unit in x["units"].values.tolist()])
    return str(x.attrs.get("units", "not stated")) or "not stated"


def _tally(values: Sequence[Hashable]) -> str:
    number = pd.Series([str(value) for value in values]).value_counts(sort=False)
    return listed([f"{name} ({count})" for name, count in number.items()])


def lines(session: Session) -> Iterator[str]:
    """Write a session in plain text, for the terminal."""
    if isinstance(session.path, Path):
        size = sum(f.stat().st_size for f in _files(session.path))
        yield f"{session.path} ({_bytes(size)})"
    else:
        yield f"{session.path}"
    for part in session.held:
        yield ""
        yield part.name
        for name, fact in part.facts.items():
            yield f"  {name:<12}{fact}"
    odd = session.warned + [f"{part.name}: {o}" for part in session.held for o in part.oddities]
    yield ""
    yield "Oddities" if odd else "No oddities."
    yield from (f"  - {' '.join(words.split())}" for words in odd)


def _files(path: Path) -> list[Path]:
    return [f for f in path.rglob("*") if f.is_file()] if path.is_dir() else [path]


def _bytes(size: float) -> str:
    for unit in ("bytes", "kB", "MB", "GB"):
        if size < 1000 or unit == "GB":
            return f"{size:.3g} {unit}" if unit != "bytes" else f"{size:g} {unit}"
        size /= 1000
    return ""
