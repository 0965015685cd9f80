"""The report of a file: what it holds, spectra, rasters, and what can be decoded from it."""

import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from scipy.signal import butter, sosfiltfilt
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from neurokit import plotting, recording
from neurokit.cli.contents import Session, even
from neurokit.cli.design import (
    LEAST,
    choose_column,
    choose_design,
    choose_window,
    label_by,
)
from neurokit.cli.pipelines import (
    decode_movement,
    evaluate_quietly,
    has_pyriemann,
    lda,
    score_table,
)
from neurokit.cli.populations import show_populations
from neurokit.cli.report import Report
from neurokit.decoders import FBCCAClassifier, make_band_power, make_csp, make_tangent_space
from neurokit.protocols import blocks_of_time

_NOT_BRAIN = {"stim", "misc", "eog", "ecg", "emg", "syst", "ref_meg", "resp"}
_SHOWN = 10.0  # s of signal in the picture
_SPECTRUM = 120.0  # s
_BIN = 0.05  # s


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
        show_traces(report, name, x, session.events)
    for name, x in session.signals.items():
        for title, sensors in _by_sensor(name, x):
            show_signal(report, title, sensors, session.events)
    if session.spikes is not None and session.spikes.sizes["unit"]:
        show_spikes(report, session.spikes, session.events)
        if populations > 0:
            show_populations(report, session.spikes, populations)
    _decode(report, session, labels, window)
    return report


def show_signal(report: Report, name: str, x: xr.DataArray, events: pd.DataFrame | None) -> None:
    """Add a stretch of the signal and its spectrum."""
    brain = _brain(x)
    if not brain.size or brain.sizes["time"] < 8 or not even(x):
        return
    report.section(name.replace("/", ": ", 1).capitalize())
    if "trial" not in brain.dims:
        stretch = _from_quarter(brain, _SHOWN)
        report.figure(
            plotting.plot_signal(stretch, events=events),
            f"{stretch.sizes['time'] / _rate(stretch):.3g} s of the recording"
            + (
                f", the first 32 of {brain.sizes['channel']} channels"
                if brain.sizes["channel"] > 32
                else ""
            )
            + (", events as lines." if events is not None else "."),
        )
        brain = _from_quarter(brain, _SPECTRUM)
        span = f"{brain.sizes['time'] / _rate(brain):.3g} s"
    else:
        brain = brain.isel(trial=slice(100))
        span = f"{brain.sizes['trial']} trials"
    report.figure(
        plotting.plot_psd(brain), f"Power spectra (Welch, {span}): a line for each channel."
    )


def show_traces(report: Report, name: str, x: xr.DataArray, events: pd.DataFrame | None) -> None:
    """Add a stretch of the traces that change most, and all of them as an image."""
    x = x.transpose("unit", "time")
    if x.sizes["time"] < 8 or not x.sizes["unit"] or not even(x):
        return
    report.section(name.replace("/", ": ", 1).capitalize())
    stretch = _from_quarter(x, 120.0).load()
    with np.errstate(invalid="ignore"):
        swing = np.nan_to_num(np.nanstd(np.where(np.isfinite(stretch), stretch, np.nan), axis=1))
    most = np.sort(np.argsort(-swing, kind="stable")[:24])
    report.figure(
        plotting.plot_traces(stretch.isel(unit=most), events=events),
        f"{stretch.sizes['time'] / _rate(stretch):.3g} s of the {len(most)} of {x.sizes['unit']}"
        " units that change most.",
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
            f"{stop - start:.3g} s of the spikes of {x.sizes['unit']} units, one row for each.",
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
    if session.events is not None and len(session.events):
        done |= _events(report, session, session.events, labels, window)
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
    counts = _always_observed(counts)
    counts = counts.isel(unit=np.flatnonzero(counts.values.any(axis=1)))
    if not counts.size:
        return False
    decoded = decode_movement(counts, behaviour.sel(feature=chosen))
    report.section("Behaviour from spikes")
    report.table(decoded.table, MOVEMENT_WORDS, best="R2, real time")
    show_decoded(report, decoded.truth, decoded.prediction)
    return True


def _always_observed(counts: xr.DataArray) -> xr.DataArray:
    """Leave out units that were not observed all the time, for which there is no count."""
    others = [dim for dim in counts.dims if dim != "unit"]
    return counts.isel(unit=np.flatnonzero(counts.notnull().all(others).values))


MOVEMENT_WORDS = (
    "Fitted on the first 75 % of the time, scored on the rest, which nothing had seen. R2 is the"
    " mean over features. Real time: what is known at a moment, against the movement at that"
    " moment. Aligned: the delay of the filter forgiven, as pictures in papers do. 0 is what the"
    " mean would reach."
)

CLASS_WORDS = (
    "Accuracy over all trials, each predicted by a classifier that had not seen it;"
    " 'guessing' is what one of twenty coin tossers reaches with as many trials."
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


def _events(
    report: Report,
    session: Session,
    events: pd.DataFrame,
    labels: Sequence[str] | None,
    window: Sequence[float] | None,
) -> bool:
    events = label_by(events, "label")
    number = events["label"].value_counts()
    if labels and (missing := [name for name in labels if name not in number]):
        raise ValueError(
            f"{session.path}: has no events {missing}; there are {number.index.tolist()[:20]}."
        )
    if labels and len({*labels}) < 2:
        raise ValueError(f"--labels takes two labels or more to tell apart, got {labels}.")
    if window is not None and not window[0] < window[1]:
        raise ValueError(f"--window goes from an earlier to a later time, got {list(window)}.")
    if labels:
        chosen = events[events["label"].isin(labels)].reset_index(drop=True)
        span = window or choose_window(chosen["onset"].to_numpy(float))
        words = f"Told apart, as asked: {', '.join(labels)}."
    elif session.path.suffix == ".nwb" and (column := choose_column(events)) is not None:
        rows = label_by(events[events["label"] == column[0]], column[1])
        chosen = rows.reset_index(drop=True)
        span = window or choose_window(chosen["onset"].to_numpy(float))
        words = (
            f"Told apart: the {column[0]} by their column {column[1]}. Choose another with --by"
            " COLUMN, or events by their labels with --labels A,B."
        )
    elif (design := choose_design(events)) is not None:
        chosen = events[events["label"].isin(design.labels)].reset_index(drop=True)
        span, words = window or design.window, design.words
    else:
        return False
    if chosen["label"].value_counts().min() < 2:
        return False
    sources: dict[str, Any] = {
        n: _brain(x) for n, x in session.signals.items() if "trial" not in x.dims and even(x)
    }
    if session.spikes is not None and session.spikes.sizes["spike"]:
        sources["spikes"] = session.spikes
    done = [_classes(report, name, x, chosen, span, words) for name, x in sources.items()]
    return any(done)


def _classes(
    report: Report,
    name: str,
    x: xr.DataArray,
    events: pd.DataFrame,
    window: Sequence[float],
    words: str,
) -> bool:
    """Tell events apart by what follows them; false when too few windows fit the recording."""
    tmin, tmax = window
    if name == "spikes":
        trials = recording.epoch(x, events, tmin=tmin, tmax=tmax, bin_width=tmax - tmin)
        trials = _always_observed(trials)
        pipelines = {"spike counts, LDA": make_pipeline(FunctionTransformer(_flat), lda())}
    else:
        trials = _clean(recording.epoch(x, events, tmin=tmin, tmax=tmax))
        pipelines = _signal_pipelines(trials, tmax - tmin)
    _, counts = np.unique(trials["label"].values, return_counts=True)
    if len(counts) < 2 or counts.min() < 2 or not trials.size:
        return False
    splits = blocks_of_time(trials["label"].values, int(min(5, counts.min())))
    found = evaluate_quietly(pipelines, trials, splits)
    table = score_table(found)
    report.section(
        f"Events from {name}",
        f"{trials.sizes['trial']} windows from {tmin:g} to {tmax:g} s around"
        f" {', '.join(sorted(set(events['label'])))}; blocks of successive trials are left out in"
        f" turn ({len(splits)} folds). {words}",
    )
    report.table(table, CLASS_WORDS)
    report.text(_verdict(table))
    if found.table["accuracy"].notna().any():
        best = str(found.table["accuracy"].idxmax())
        report.figure(
            plotting.plot_confusion(trials["label"].values, found.predicted(best)),
            f"What was taken for what: {best}.",
        )
    report.heading("Protocol card")
    report.facts(found.card.facts())
    return True


def _signal_pipelines(trials: xr.DataArray, length: float) -> dict[str, Any]:
    """Choose pipelines by what the trials allow: rhythms, covariances, flicker, evoked waves."""
    rate, n_channels = recording.sampling_rate(trials), trials.sizes["channel"]
    made: dict[str, Any] = {}
    if rate > 60 and length >= 0.125:
        made["band power (8-13, 13-30 Hz), LDA"] = make_band_power()
    if rate > 70 and length >= 1.0 and 3 <= n_channels <= 64:
        rhythms = FunctionTransformer(_mu_and_beta)
        made["CSP (8-30 Hz), LDA"] = make_pipeline(rhythms, make_csp(min(6, n_channels)))
        if has_pyriemann():
            made["tangent space (8-30 Hz)"] = make_pipeline(rhythms, make_tangent_space())
    hz = [_frequency(label) for label in np.unique(trials["label"].values).tolist()]
    if all(5 <= f <= min(60, 0.4 * rate) for f in hz) and length * min(hz) >= 4:
        made["FBCCA (nothing learnt), labels as Hz"] = FBCCAClassifier()
    made["evoked (means of 100 ms), LDA"] = make_pipeline(FunctionTransformer(_evoked), lda())
    return made


def _frequency(label: object) -> float:
    """Read a label as Hz, or as NaN."""
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(?:hz)?\s*", str(label), re.IGNORECASE)
    return float(found[1]) if found else float("nan")


def _mu_and_beta(x: xr.DataArray) -> xr.DataArray:
    """Band-pass each trial by itself, 8 to 30 Hz, forward and backward."""
    x = x.transpose("trial", "channel", "time")
    sos = butter(3, (8.0, 30.0), "bandpass", fs=recording.sampling_rate(x), output="sos")
    return x.copy(data=sosfiltfilt(sos, np.asarray(x.values, np.float64), axis=-1))


def _verdict(table: pd.DataFrame) -> str:
    """Say in words whether the scores mean anything."""
    lucky, found = table["accuracy"].iloc[1], table.iloc[2:]
    above = found.loc[found["accuracy"] > lucky, "pipeline"].tolist()
    if not above:
        return "None of them does better than guessing would: nothing was decoded."
    return f"Better than guessing: {'; '.join(above)}."


def _flat(x: xr.DataArray) -> np.ndarray:
    """Square roots of counts, whose spread does not depend on the rate."""
    return np.sqrt(np.asarray(x, float).reshape(len(x), -1))


def _evoked(x: xr.DataArray) -> np.ndarray:
    """Return the means over windows of 100 ms, less each channel's mean over the trial."""
    values = np.asarray(x.transpose("trial", "channel", "time").values, np.float64)
    size = max(1, round(0.1 * recording.sampling_rate(x)))
    whole = max(1, values.shape[-1] // size) * size
    means = values[..., :whole].reshape(*values.shape[:2], -1, min(size, whole)).mean(axis=-1)
    return (means - values.mean(axis=-1, keepdims=True)).reshape(len(values), -1)


def _clean(trials: xr.DataArray) -> xr.DataArray:
    """Leave out channels with missing samples, or without any change."""
    values = np.asarray(trials.transpose("channel", "trial", "time").values)
    good = np.isfinite(values).all(axis=(1, 2)) & (values != values[:, :1, :1]).any(axis=(1, 2))
    return trials.isel(channel=np.flatnonzero(good))


def _by_sensor(name: str, x: xr.DataArray) -> list[tuple[str, xr.DataArray]]:
    """Take magnetometers, gradiometers and electrodes apart: their units differ."""
    kinds = [str(kind) for kind in x["type"].values] if "type" in x.coords else []
    found = [k for k in dict.fromkeys(kinds) if k not in _NOT_BRAIN]
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


def _brain(x: xr.DataArray) -> xr.DataArray:
    """Keep the channels that may come from a brain."""
    if "type" not in x.coords:
        return x
    return x.isel(channel=np.flatnonzero(~np.isin(x["type"].values, list(_NOT_BRAIN))))


def _from_quarter(x: xr.DataArray, seconds: float) -> xr.DataArray:
    """Cut a stretch that begins after a quarter of the recording, when all is under way."""
    size = min(x.sizes["time"], max(8, round(seconds * _rate(x))))
    start = min(x.sizes["time"] // 4, x.sizes["time"] - size)
    return x.isel(time=slice(start, start + size))


def _rate(x: xr.DataArray) -> float:
    return recording.sampling_rate(x)
