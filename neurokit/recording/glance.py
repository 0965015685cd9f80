"""What a recording is, at a glance: facts from its labels, and a sketch of its beginning."""

import collections
import html
from collections.abc import Iterable

import numpy as np
import xarray as xr

from neurokit.recording.rate import contiguous_runs, sampling_rate
from neurokit.recording.trains import TIMES
from neurokit.types import Floats

_ROWS, _SPAN, _POINTS = 8, 10.0, 600  # lines, seconds and points of a sketch
_LOADED = 2**25  # bytes: more is not computed for the sake of a picture
_PLURALS = {"channel": "channels", "unit": "units", "feature": "features", "trial": "trials"}
_COLOR = "#0072B2"


def describe(x: xr.DataArray | xr.Dataset) -> dict[str, str]:
    """Say in a few words each what a recording is, from its labels alone.

    Parameters
    ----------
    x : xarray.DataArray or xarray.Dataset
        Signal, traces, counts, behaviour or spikes.

    Returns
    -------
    dict of str to str
        What is known of: ``size``, ``duration``, ``rate``, ``kinds``, ``bad``, ``units``,
        ``labels``, ``places``, ``gaps``, ``observed``, ``samples`` (in memory, on disk, lazy).

    Examples
    --------
    >>> import numpy as np, neurokit
    >>> x = neurokit.signal(np.zeros((2, 500)), sampling_rate=250, channels=["C3", "C4"])
    >>> describe(x)["duration"], describe(x)["rate"]
    ('2 s', '250 Hz')
    """
    facts = _describe_spikes(x) if isinstance(x, xr.Dataset) else _describe_array(x)
    return {name: fact for name, fact in facts.items() if fact}


def sketch_html(x: xr.DataArray | xr.Dataset) -> str:
    """Return a table of facts and a sketch in SVG, as a notebook shows them."""
    rows = "".join(
        f"<tr><td style='color:#666;padding-right:1em;text-align:left'>{html.escape(name)}</td>"
        f"<td style='text-align:left'>{html.escape(fact)}</td></tr>"
        for name, fact in describe(x).items()
    )
    return (
        "<div style='display:flex;flex-wrap:wrap;gap:1.5em;align-items:flex-start'>"
        f"<table style='margin:0;font-size:90%'>{rows}</table>{_sketch(x)}</div>"
    )


def _describe_array(x: xr.DataArray) -> dict[str, str]:
    sizes = [f"{n:,} {_PLURALS.get(str(d), 'samples' if d == 'time' else d)}" for d, n in
             x.sizes.items()]  # fmt: skip
    facts = {"size": " x ".join(sizes)}
    if "time" in x.coords and x.sizes.get("time", 0) > 1:
        facts |= _describe_clock(x)
    if "type" in x.coords:
        facts["kinds"] = _tally(x["type"].values)
    if "bad" in x.coords and x["bad"].dims == ("channel",):
        names = x["channel"].values[x["bad"].values.astype(bool)]
        facts["bad"] = _shorten(names) or "none"
    facts["units"] = _tally(x["units"].values) if "units" in x.coords else x.attrs.get("units", "")
    if "trial" in x.dims and "label" in x.coords and x["label"].dims == ("trial",):
        facts["labels"] = _tally(x["label"].values)
    for name in ("subject", "session", "run"):
        if name in x.coords:
            facts[name] = _tally(x[name].values, counts=False)
    if "x" in x.coords:
        known = int(np.isfinite(np.asarray(x["x"].values, float)).sum())
        facts["places"] = f"of {known} of {x['x'].size}, in mm" if known else "none known"
    facts["samples"] = _whereabouts(x)
    return facts


def _describe_clock(x: xr.DataArray) -> dict[str, str]:
    try:
        rate, runs = sampling_rate(x), contiguous_runs(x)
    except ValueError:
        return {"rate": "not even; neurokit.recording.resample(x) makes it so"}
    if x.attrs.get("clock") == "frames":
        return {"rate": "not known: time counts frames"}
    n, times = x.sizes["time"], x["time"]
    facts = {"duration": duration(n / rate), "rate": f"{rate:.6g} Hz"}
    if float(times[0]) != 0:
        facts["span"] = f"{float(times[0]):g} to {float(times[-1]) + 1 / rate:g} s"
    if len(runs) > 1:
        at = [float(times[run.start]) for run in runs[1:]]
        facts["gaps"] = f"{len(at)}, the clock jumps to {_shorten(f'{t:.6g}' for t in at)} s"
    return facts


def _describe_spikes(x: xr.Dataset) -> dict[str, str]:
    if TIMES not in x.variables:
        return {"size": ", ".join(f"{n:,} {d}" for d, n in x.sizes.items())}
    start, stop = float(x["start"]), float(x["stop"])
    count = x["spike_count"].values
    facts = {
        "size": f"{x.sizes['unit']:,} units, {x.sizes['spike']:,} spikes",
        "duration": duration(stop - start),
        "span": f"{start:g} to {stop:g} s",
    }
    if stop > start and len(count):
        rates = count / (stop - start)
        facts["rates"] = f"{np.median(rates):.2g} Hz (median), up to {rates.max():.2g} Hz"
        if silent := int((count == 0).sum()):
            facts["silent"] = f"{silent} units"
    if "interval" in x.sizes:
        facts["observed"] = f"{x.sizes['interval']} intervals"
    if "region" in x.coords:
        facts["regions"] = _tally(x["region"].values)
    return facts


def _whereabouts(x: xr.DataArray) -> str:
    size = x.size * x.dtype.itemsize
    names = ("bytes", "kB", "MB", "GB", "TB")
    step = min((len(str(size)) - 1) // 3, len(names) - 1)
    words = f"{size / 1000**step:.3g} {names[step]}"
    if x.chunks is not None:
        return f"{words} of {x.dtype}, lazy in {int(np.prod([len(c) for c in x.chunks])):,} blocks"
    return f"{words} of {x.dtype}, {'in memory' if x.variable._in_memory else 'on disk'}"


def duration(seconds: float) -> str:
    """Write a duration as people say it."""
    hours, rest = divmod(round(seconds) if seconds >= 60 else seconds, 3600)
    minutes, rest = divmod(rest, 60)
    if hours:
        return f"{int(hours)} h {int(minutes)} min {rest:.0f} s"
    return f"{int(minutes)} min {rest:.0f} s" if minutes else f"{rest:.4g} s"


def _tally(values: np.ndarray, *, counts: bool = True) -> str:
    number = collections.Counter(str(value) for value in np.atleast_1d(values).tolist())
    if len(number) == 1 and not counts:
        return next(iter(number))
    return _shorten(f"{name} ({k})" if counts else name for name, k in number.items())


def _shorten(names: Iterable[object], most: int = 8) -> str:
    words = [str(name) for name in names]
    more = f", ... ({len(words)} in all)" if len(words) > most else ""
    return ", ".join(words[:most]) + more


def _sketch(x: xr.DataArray | xr.Dataset) -> str:
    """Draw the first seconds as SVG; nothing where that would have to be computed at length."""
    if isinstance(x, xr.Dataset):
        return _sketch_spikes(x) if TIMES in x.variables else ""
    space = next((d for d in ("channel", "unit", "feature") if d in x.dims), None)
    if space is None or set(x.dims) - {space, "time", "trial"} or "time" not in x.dims:
        return ""
    x = x.isel(trial=0) if "trial" in x.dims and x.sizes["trial"] else x
    if x.dtype.kind not in "biuf" or 0 in x.shape or x.sizes["time"] < 2:
        return ""
    if x.chunks is not None:
        block = x.dtype.itemsize * np.prod([float(c[0]) for c in x.chunks])
        if block > _LOADED:
            return ""
    x = x.transpose(space, "time").isel({space: slice(_ROWS)})
    x = x.isel(time=slice(0, _first_samples(x)))
    values = np.array(x.values, dtype=np.float64)
    values = values[:, :: max(1, values.shape[1] // _POINTS)]
    values[~np.isfinite(values)] = np.nan
    lines = "".join(_line(row, k) for k, row in enumerate(values))
    names = x[space].values.tolist() if space in x.coords else list(range(len(values)))
    return _svg(lines, [str(name) for name in names])


def _first_samples(x: xr.DataArray) -> int:
    n = x.sizes["time"]
    try:
        return min(n, max(2, round(_SPAN * sampling_rate(x))))
    except (TypeError, ValueError):
        return min(n, _POINTS)


def _line(row: Floats, k: int) -> str:
    good = np.isfinite(row)
    if not good.any():
        return ""
    row = row - np.median(row[good])
    reach = float(np.quantile(np.abs(row[good]), 0.98)) or 1.0
    height = 18.0
    across = np.linspace(70, 470, len(row))
    down = 12 + height * (k + 0.0) - np.clip(row / reach, -2, 2) * 0.45 * height
    points = " ".join(f"{a:.1f},{b:.1f}" for a, b, g in zip(across, down, good, strict=True) if g)
    return f"<polyline points='{points}' fill='none' stroke='{_COLOR}' stroke-width='0.8'/>"


def _sketch_spikes(x: xr.Dataset) -> str:
    ends = np.cumsum(x["spike_count"].values)[:_ROWS]
    start = float(x["start"])
    stop = min(float(x["stop"]), start + _SPAN)
    if not len(ends) or stop <= start:
        return ""
    ticks, begin = [], 0
    for k, end in enumerate(ends.tolist()):
        times = x[TIMES].values[begin:end]
        times = times[(times >= start) & (times <= stop)][:_POINTS]
        for at in 70 + 400 * (times - start) / (stop - start):
            ticks.append(f"M{at:.1f},{12 + 18 * k - 6}v12")
        begin = end
    lines = f"<path d='{''.join(ticks)}' stroke='{_COLOR}' stroke-width='0.8'/>"
    return _svg(lines, [str(name) for name in x["unit"].values[:_ROWS].tolist()])


def _svg(lines: str, names: list[str]) -> str:
    words = "".join(
        f"<text x='62' y='{16 + 18 * k}' font-size='10' text-anchor='end' fill='currentColor'>"
        f"{html.escape(name if len(name) < 11 else name[:9] + '…')}</text>"
        for k, name in enumerate(names)
    )
    return (
        f"<svg width='480' height='{18 * len(names) + 8}' role='img'"
        f" aria-label='the first seconds'>{words}{lines}</svg>"
    )
