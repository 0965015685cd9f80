"""The report of a file: what it holds, spectra, rasters, and what can be decoded from it."""

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
import xarray as xr

from neurokit import plotting, recording
from neurokit.cli.contents import Session, even, events_of, split_places
from neurokit.cli.design import (
    LEAST,
    label_by,
)
from neurokit.cli.event_decoding import (
    NOT_BRAIN,
    always_observed,
    brain,
    decode_events,
    decode_trials,
)
from neurokit.cli.oddities import many
from neurokit.cli.pipelines import (
    decode_movement,
)
from neurokit.cli.populations import show_populations
from neurokit.cli.report import Report

_SHOWN = 10.0  # s of signal in the picture
_SPECTRUM = 120.0  # s
_BIN = 0.05  # s
_UNEVEN = 1000  # samples of a signal without a rate in the picture


def report_session(
    session: Session,
    *,
    labels: Sequence[str] | None = None,
    window: Sequence[float] | None = None,
    populations: float = 0.0,
    tell: Callable[[str], None] = lambda _: None,
) -> Report:
    """Draw and decode what a file holds, with chance beside every score.

    ``populations`` is the time, in s, for populations of units and states; ``tell`` is called with
    the title of each section that is begun.
    """
    words = f"What {session.path} holds, and what can be read from it"
    report = Report(session.path.name, words, tell)
    report.section("Contents")
    odd = session.warned + [f"{part.name}: {o}" for part in session.held for o in part.oddities]
    report.notes(odd)
    for part in session.held:
        report.heading(part.name)
        report.facts(part.facts)
    for name, x in session.traces.items():
        show_traces(report, name, x, events_of(session, name))
    for name, x in session.signals.items():
        for title, sensors in _by_sensor(name, x):
            show_signal(report, title, sensors, events_of(session, name))
    if session.spikes is not None and session.spikes.sizes["unit"]:
        show_spikes(report, session.spikes, session.events)
        if populations > 0:
            show_populations(report, session.spikes, populations)
    _decode(report, session, labels, window)
    return report


def show_signal(report: Report, name: str, x: xr.DataArray, events: pd.DataFrame | None) -> None:
    """Add a stretch of the signal and its spectrum."""
    shown = brain(x)
    shown = shown if shown.size else x  # a gaze, muscles: to be seen, if not to decode from
    if not shown.size or shown.sizes["time"] < 8:
        return
    report.section(_title(name))
    if not even(x):
        size = min(shown.sizes["time"], _UNEVEN)
        start = min(shown.sizes["time"] // 4, shown.sizes["time"] - size)
        stretch = shown.isel(time=slice(start, start + size))
        report.figure(
            plotting.plot_signal(stretch, events=events),
            f"{size:,} samples, each at its own time{_of_first(shown)}: they are not evenly"
            " spaced, so there is no spectrum.",
        )
        return
    if "trial" not in shown.dims:
        stretch = _from_quarter(shown, _SHOWN)
        report.figure(
            plotting.plot_signal(stretch, events=events),
            f"{stretch.sizes['time'] / _rate(stretch):.3g} s of the recording{_of_first(shown)}"
            + (", events as lines." if events is not None else "."),
        )
        shown = _from_quarter(shown, _SPECTRUM)
        span = f"{shown.sizes['time'] / _rate(shown):.3g} s"
    else:
        shown = shown.isel(trial=slice(100))
        span = many(shown.sizes["trial"], "trial")
    report.figure(
        plotting.plot_psd(shown), f"Power spectra (Welch, {span}): a line for each channel."
    )


def _of_first(x: xr.DataArray) -> str:
    """Say how many channels a picture of a signal shows, where it does not show all."""
    n = x.sizes["channel"]
    return f", the first 32 of {n} channels" if n > 32 else ""


def show_traces(report: Report, name: str, x: xr.DataArray, events: pd.DataFrame | None) -> None:
    """Add a stretch of the traces that change most."""
    x = x.transpose("unit", "time")
    if x.sizes["time"] < 8 or not x.sizes["unit"] or not even(x):
        return
    report.section(_title(name))
    frames = x.attrs.get("clock") == "frames"
    stretch = _from_quarter(x, 2000.0 if frames else 120.0).load()
    with np.errstate(invalid="ignore"):
        swing = np.nan_to_num(np.nanstd(np.where(np.isfinite(stretch), stretch, np.nan), axis=1))
    most = np.sort(np.argsort(-swing, kind="stable")[:24])
    seconds = f"{stretch.sizes['time'] / _rate(stretch):.3g} {'frames' if frames else 's'}"
    which = f"the {len(most)} of {x.sizes['unit']} units that change most"
    if len(most) == x.sizes["unit"]:
        which = "all units"
    report.figure(
        plotting.plot_traces(stretch.isel(unit=most), events=events), f"{seconds} of {which}."
    )


def show_spikes(report: Report, x: xr.Dataset, events: pd.DataFrame | None) -> None:
    """Add a raster of the units and how fast they fire."""
    report.section("Spikes")
    times = x["spike_time"].values
    start = float(np.quantile(times, 0.25)) if len(times) else float(x["start"])
    stop = min(start + _SHOWN, float(x["stop"]))
    if start < stop:
        report.figure(
            plotting.plot_raster(x, start=start, stop=stop, events=events),
            f"{stop - start:.3g} s of the spikes of"
            f" {x.sizes['unit']} unit{'s' * (x.sizes['unit'] != 1)}, one row for each.",
        )


def _decode(
    report: Report,
    session: Session,
    labels: Sequence[str] | None,
    window: Sequence[float] | None,
) -> None:
    """Decode what the session allows, and say why when it allows nothing."""
    done = False
    if session.spikes is not None and session.behaviour is not None:
        done = _movement(report, session.spikes, session.behaviour)
    for name, x in session.signals.items():
        for title, sensors in _by_sensor(name, x) if "trial" in x.dims else ():
            done |= decode_trials(report, title, sensors)
    if session.events is not None and len(session.events):
        held = {*label_by(session.events, "label")["label"]}
        if missing := [name for name in labels or () if name not in held]:
            raise ValueError(
                f"{session.path}: has no events {missing}; there are {sorted(held)[:20]}."
            )
        for part in split_places(session):
            if part.events is not None:
                done |= decode_events(report, part, part.events, labels, window)
    elif labels:
        raise ValueError(f"{session.path}: --labels needs events, and the file holds none.")
    if not done:
        report.section(
            "Decoding",
            "Nothing was decoded: that takes events of two kinds that look like conditions, each"
            f" at least {LEAST} times, or named by --labels A,B; or behaviour beside spikes (a"
            " minute of both, at the least).",
        )


def _movement(report: Report, spikes: xr.Dataset, behaviour: xr.DataArray) -> bool:
    values = behaviour.transpose("time", "feature").values
    with np.errstate(invalid="ignore"):
        moves = np.isfinite(values).mean(axis=0) > 0.5
        moves &= np.array(
            [
                np.ptp(c[np.isfinite(c)]) > 0 if m else False
                for c, m in zip(values.T, moves, strict=True)
            ]
        )
    chosen = [
        str(name)
        for name, m in zip(behaviour["feature"].values.tolist(), moves, strict=True)
        if m and not str(name).startswith("target")
    ][:6]
    start = max(float(spikes["start"]), float(behaviour["time"][0]))
    stop = min(float(spikes["stop"]), float(behaviour["time"][-1]))
    if not chosen or stop - start < 60:
        return False
    counts = recording.bin_spikes(spikes, _BIN, start=start, stop=stop, unobserved="drop")
    counts = always_observed(counts)
    counts = counts.isel(unit=np.flatnonzero(counts.values.any(axis=1)))
    if not counts.size:
        return False
    decoded = decode_movement(counts, behaviour.sel(feature=chosen))
    report.section("Behaviour from spikes")
    scores = decoded.table["R2, real time"]
    better = scores.max() > max(0.0, scores[0])  # than the mean, of the training data or the test
    report.table(decoded.table, MOVEMENT_WORDS, best="R2, real time" if better else None)
    if not better:
        report.text("None of them does better than the mean: nothing was decoded.")
    show_decoded(report, decoded.truth, decoded.prediction)
    return True


MOVEMENT_WORDS = (
    "Fitted on the first 75 % of the time, scored on the rest, which nothing had seen. R2 is the"
    " mean over features. Real time: what is known at a moment, against the movement at that"
    " moment. Aligned: the delay of the filter forgiven, as pictures in papers do. 0 is what the"
    " mean would reach."
)


def show_decoded(report: Report, truth: xr.DataArray, prediction: xr.DataArray) -> None:
    """Add the two best decoded features."""
    error = ((truth - prediction) ** 2).mean("time") / truth.var("time")
    for k in np.argsort(error.values)[:2].tolist():
        name = str(truth["feature"].values[k])
        report.figure(
            plotting.plot_decoding(truth, prediction, feature=name),
            f"The first 30 s of the test, {name}: measured, and decoded in real time.",
        )


def _title(name: str) -> str:
    """Make a headline of a part's place."""
    words = name.replace("/", ": ", 1)
    return words[:1].upper() + words[1:]


def _by_sensor(name: str, x: xr.DataArray) -> list[tuple[str, xr.DataArray]]:
    """Take magnetometers, gradiometers and electrodes apart: their units differ."""
    kinds = [str(kind) for kind in x["type"].values] if "type" in x.coords else []
    found = [k for k in dict.fromkeys(kinds) if k not in NOT_BRAIN]
    if len(found) < 2 or not {"mag", "grad"} & {*found}:
        return [(name, x)]
    parts = []
    for kind in found:
        part = x.isel(channel=np.flatnonzero([k == kind for k in kinds]))
        if "units" in part.coords:  # those of one kind have one
            units = part["units"].values.tolist()
            part = part.drop_vars("units").assign_attrs(units=units[0])
        parts.append((f"{name.rsplit('/', 1)[0]}/{kind}", part))
    return parts


def _from_quarter(x: xr.DataArray, seconds: float) -> xr.DataArray:
    """Cut a stretch that begins after a quarter of the recording, when all is under way."""
    size = min(x.sizes["time"], max(8, round(seconds * _rate(x))))
    start = min(x.sizes["time"] // 4, x.sizes["time"] - size)
    return x.isel(time=slice(start, start + size))


def _rate(x: xr.DataArray) -> float:
    return recording.sampling_rate(x)
