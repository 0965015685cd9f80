"""What a file holds, and what is odd about it."""

import hashlib
import warnings
from collections.abc import Hashable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import xarray as xr
from scipy.signal import welch
from tqdm import tqdm

from neurokit import io
from neurokit.recording.clock import SampleIndex
from neurokit.recording.glance import duration
from neurokit.recording.rate import contiguous_runs, sampling_rate

_WHOLE = 2e7  # samples up to which a signal is looked at whole
_STRETCHES = 20  # looked at of longer ones


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


def open_session(path: Path, rate: float | None = None) -> Session:
    """Read a file through ``io.read_session`` and describe every part of it.

    Parameters
    ----------
    path : Path
    rate : float, optional
        Frames per second, for traces whose file does not say it; frames are counted else.
    """
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        tree = _read(path, rate)
    warned = [
        str(w.message)
        for w in caught
        if not issubclass(w.category, DeprecationWarning | ResourceWarning | FutureWarning)
    ]
    signals: dict[str, xr.DataArray] = {}
    imaged: dict[str, xr.DataArray] = {}
    behaviours: dict[str, xr.DataArray] = {}
    spikes = table = None
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
            table = held.to_dataframe().reset_index(drop=True)
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
    if table is not None:
        parts.append(describe_events(table, _span(signals | imaged, spikes, behaviour)))
    return Session(
        path, signals, spikes, behaviour, table, parts, list(dict.fromkeys(warned)), imaged
    )


def _read(path: Path, rate: float | None) -> xr.DataTree:
    """Read a session; what is none may be a matrix of traces."""
    matrix = path.suffix.lower() in (".mat", ".h5", ".hdf5")
    try:
        if rate is not None and (path.is_dir() or matrix):
            return _of_traces(io.read_traces(path, sampling_rate=rate))
    except (OSError, ValueError):  # not traces: whatever it is, its reader knows
        pass
    try:
        return io.read_session(path)
    except ValueError as error:
        if not matrix:
            raise
        try:
            return _of_traces(io.read_traces(path))
        except ValueError as clock:
            if "sampling_rate=" not in str(clock):
                raise error from None
            warnings.warn(
                f"{path}: holds a matrix of traces and not their rate; time counts frames, unless"
                " --rate says how many there are in a second.",
                stacklevel=2,
            )
            return _of_traces(io.read_traces(path, sampling_rate=1.0))


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
    facts["channels"] = _names(x["channel"].values.tolist())
    if "x" in x.coords and np.isfinite(x["x"].values).any():
        facts["positions"] = f"of {int(np.isfinite(x['x'].values).sum())} channels, in mm"
    oddities = _jumps(x)
    if x.size:
        found, part = _look(x)
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
        oddities.append(f"{_many(still, 'unit')} never changed.")
    if values.size and (share := float(np.mean(~np.isfinite(values)))):
        oddities.append(f"{share:.2%} of the samples are missing (NaN).")
    return Held(name, facts, oddities)


def describe_spikes(x: xr.Dataset) -> Held:
    """Say what spikes there are, and look for silent units and impossible intervals."""
    count = x["spike_count"].values
    start, stop = float(x["start"]), float(x["stop"])
    span = stop - start
    facts = {
        "shape": f"{x.sizes['unit']} units, {x.sizes['spike']:,} spikes",
        "span": f"{start:g} to {stop:g} s ({duration(span)})",
    }
    if span > 0 and len(count):
        rates = count / span
        facts["rate"] = (
            f"{np.median(rates):.2g} Hz (median of units), {rates.min():.2g} to {rates.max():.2g}"
        )
    facts["units"] = _names([str(unit) for unit in x["unit"].values.tolist()])
    oddities = []
    if not x.sizes["spike"]:
        oddities.append("There are no spikes at all.")
    elif (silent := int((count == 0).sum())) > 0:
        oddities.append(f"{_many(silent, 'unit')} never fired.")
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
    facts = {"shape": _shape(x), **_clock(x), "features": _names(words)}
    missing = ~np.isfinite(x.transpose("time", "feature").values)
    oddities = _jumps(x)
    for feature, share in zip(features, missing.mean(axis=0) if x.size else [], strict=False):
        if share:
            oddities.append(f"{share:.1%} of {feature} is missing (NaN).")
    return Held(name, facts, oddities)


def describe_events(table: pd.DataFrame, span: tuple[float, float] | None) -> Held:
    """Say which events there are, and which lie outside of what was recorded."""
    labels = table["label"].astype(str).tolist()
    facts = {"shape": _many(len(table), "event"), "labels": _tally(labels)}
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
                    f"{_many(outside, 'event')} outside of the recording"
                    f" ({span[0]:g} to {span[1]:g} s)."
                )
    return Held("events", facts, oddities)


def _look(x: xr.DataArray) -> tuple[list[str], str]:
    """Look through the samples, block by block; of a very long recording at some of them."""
    n_channels, names = x.sizes["channel"], [str(n) for n in x["channel"].values.tolist()]
    stretches, part = _stretches(x)
    values = np.concatenate(
        [
            np.asarray(stretch.transpose("channel", ...).values, np.float32).reshape(
                n_channels, -1
            )
            for stretch in tqdm(stretches, desc="looking", leave=False, disable=None)
        ],
        axis=1,
    )
    good = np.isfinite(values)
    low = np.where(good, values, np.inf).min(axis=1)
    high = np.where(good, values, -np.inf).max(axis=1)
    oddities = []
    if not good.all():
        which = [names[k] for k in np.flatnonzero(~good.all(axis=1))]
        oddities.append(
            f"{np.mean(~good):.2%} of the samples are missing or infinite, in {_names(which)}."
        )
    kinds = x["type"].values if "type" in x.coords else np.full(n_channels, "")
    flat = (low == high) & (kinds != "stim")
    if flat.any():
        which = [names[k] for k in np.flatnonzero(flat)]
        oddities.append(f"{_many(len(which), 'channel')} flat: {_names(which)}.")
    live = np.flatnonzero((high > low) & (kinds != "stim"))
    oddities += _clipped(values, low, high, live, names)
    oddities += _copies(values, live, names)
    if x.attrs.get("units") == "uV":
        oddities += _scale(values, good & (kinds == "eeg")[:, None])
    if "trial" not in x.dims and x.sizes["time"] > 1:
        first = values[:, : stretches[0].sizes["time"]]
        oddities += _mains(first, live, _rate(x))
    return oddities, part


def _stretches(x: xr.DataArray) -> tuple[list[xr.DataArray], str]:
    n_times = x.sizes["time"]
    if x.size <= _WHOLE:
        return [x], ""
    if "trial" in x.dims:
        n_trials = max(1, int(_WHOLE / x.size * x.sizes["trial"]))
        return [x.isel(trial=slice(n_trials))], f"the first {_many(n_trials, 'trial')}"
    size = max(1, int(_WHOLE / _STRETCHES / x.sizes["channel"]))
    starts = np.linspace(0, n_times - size, _STRETCHES).astype(int).tolist()
    words = f"{_STRETCHES} stretches of {size:,} samples spread over the recording"
    return [x.isel(time=slice(k, k + size)) for k in starts], words


def _clipped(
    values: np.ndarray, low: np.ndarray, high: np.ndarray, live: np.ndarray, names: list[str]
) -> list[str]:
    """Find channels that stand at their largest or smallest value for long."""
    stuck = []
    for k in live.tolist():
        at_end = np.sum((values[k] == low[k]) | (values[k] == high[k]))
        # a signal of few steps, a marker channel say, is often at its ends
        if at_end > max(0.01 * values.shape[1], 20) and len(np.unique(values[k])) > 50:
            stuck.append(names[k])
    if not stuck:
        return []
    return [
        f"{_many(len(stuck), 'channel')} at the end of the range for over 1 % of the time"
        f" (clipped?): {_names(stuck)}."
    ]


def _copies(values: np.ndarray, live: np.ndarray, names: list[str]) -> list[str]:
    """Find channels that hold the same samples."""
    seen: dict[bytes, str] = {}
    pairs = []
    for k in live.tolist():
        key = hashlib.blake2b(values[k].tobytes()).digest()
        if key in seen:
            pairs.append(f"{names[k]} = {seen[key]}")
        seen.setdefault(key, names[k])
    return [f"Channels with the same samples: {_names(pairs)}."] if pairs else []


def _scale(values: np.ndarray, good: np.ndarray) -> list[str]:
    """Compare EEG with what a scalp gives, to find units that are wrong by powers of ten."""
    square = np.sum(np.where(good, values, 0.0) ** 2, axis=1, dtype=np.float64)
    rms = np.sqrt(square / np.maximum(good.sum(axis=1), 1))
    if not (rms > 0).any() or 0.1 <= (typical := float(np.median(rms[rms > 0]))) <= 5000:
        return []
    return [
        f"EEG of {typical:.3g} uV (median RMS) is out of the range of scalps; the file may state a"
        " wrong unit."
    ]


def _mains(values: np.ndarray, live: np.ndarray, rate: float) -> list[str]:
    """Find hum: power at 50 or 60 Hz far above that on both sides."""
    good = [k for k in live if np.isfinite(values[k]).all()]
    if not good or rate < 100 or values.shape[1] < 4 * rate:
        return []
    frequency, power = welch(values[good], rate, nperseg=int(2 * rate))
    power = np.median(power, axis=0)
    for hum in (50.0, 60.0):
        here = np.abs(frequency - hum) <= 1.0
        beside = (np.abs(frequency - hum) > 2.0) & (np.abs(frequency - hum) <= 6.0)
        if frequency[-1] < hum + 3:
            continue
        ratio = power[here].max() / max(float(np.median(power[beside])), 1e-30)
        if ratio > 30:
            return [f"Mains hum: the power at {hum:g} Hz is {ratio:,.0f} times that beside it."]
    return []


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
    return [f"The clock jumps {_many(len(runs) - 1, 'time')}: {len(runs)} stretches."]


def _span(
    signals: Mapping[str, xr.DataArray], spikes: xr.Dataset | None, behaviour: xr.DataArray | None
) -> tuple[float, float] | None:
    """Find from when to when anything was recorded."""
    ends: list[tuple[float, float]] = []
    for x in (*signals.values(), behaviour):
        if x is not None and "trial" not in x.dims and x.sizes["time"]:
            time = x["time"]
            ends.append((float(time[0]), float(time[-1]) + 1 / max(_rate(x), 1e-9)))
    if spikes is not None:
        ends.append((float(spikes["start"]), float(spikes["stop"])))
    return (min(a for a, _ in ends), max(b for _, b in ends)) if ends else None


def even(x: xr.DataArray) -> bool:
    """Tell whether a recording has a sampling rate."""
    return bool(np.isfinite(_rate(x)))


def _rate(x: xr.DataArray) -> float:
    try:
        return sampling_rate(x)
    except ValueError:
        return float("inf")


def _clock(x: xr.DataArray) -> dict[str, str]:
    if x.sizes["time"] < 2:
        return {}
    rate = _rate(x)
    first, last = float(x["time"][0]), float(x["time"][-1])
    step = 1 / rate
    facts = {"rate": f"{rate:.6g} Hz" if np.isfinite(rate) else "not constant"}
    facts["span"] = f"{first:g} to {last:g} s ({duration(last - first + step)})"
    return facts


def _shape(x: xr.DataArray) -> str:
    plural = {"trial": "trials", "channel": "channels", "feature": "features", "time": "samples"}
    plural["unit"] = "units"
    dims = [dim for dim in ("trial", "channel", "unit", "feature", "time") if dim in x.dims]
    return " x ".join(f"{x.sizes[dim]:,} {plural[dim]}" for dim in dims)


def _units(x: xr.DataArray) -> str:
    if "units" in x.coords:
        return _tally([unit or "no unit" for unit in x["units"].values.tolist()])
    return str(x.attrs.get("units", "not stated")) or "not stated"


def _names(names: Sequence[Hashable], most: int = 12) -> str:
    words = ", ".join(str(name) for name in names[:most])
    return words + (f", ... ({len(names)} in all)" if len(names) > most else "")


def _tally(values: Sequence[Hashable]) -> str:
    number = pd.Series([str(value) for value in values]).value_counts(sort=False)
    return _names([f"{name} ({count})" for name, count in number.items()])


def _many(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


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
