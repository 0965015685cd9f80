"""Events told apart by what follows them in signals, traces and spikes; trials by their labels."""

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from scipy.signal import butter, sosfiltfilt
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from neurokit import plotting, recording
from neurokit.cli.conditions import clean, show_averages, show_means, show_psth
from neurokit.cli.contents import Session, even
from neurokit.cli.design import choose_column, choose_design, choose_window, label_by
from neurokit.cli.pipelines import evaluate_quietly, has_pyriemann, lda, score_table
from neurokit.cli.report import Report
from neurokit.decoders import FBCCAClassifier, make_band_power, make_csp, make_tangent_space
from neurokit.protocols import Evaluation, blocks_of_time

_MEANS = 640  # features of a trial
NOT_BRAIN = {"stim", "misc", "eog", "ecg", "emg", "syst", "ref_meg", "resp", "gsr", "temperature"}
NOT_BRAIN |= {"bio", "exci", "ias", "chpi", "gof", "eyegaze", "pupil"}

CLASS_WORDS = (
    "Accuracy over all trials, each predicted by a classifier that had not seen it;"
    " 'guessing' is what one of twenty coin tossers reaches with as many trials."
)


def decode_events(
    report: Report,
    session: Session,
    events: pd.DataFrame,
    labels: Sequence[str] | None,
    window: Sequence[float] | None,
) -> bool:
    """Choose events that look like conditions, or those that were named, and tell them apart."""
    events = label_by(events, "label")
    if labels and len({*labels}) < 2:
        raise ValueError(f"--labels takes two labels or more to tell apart, got {labels}.")
    if window is not None and not window[0] < window[1]:
        raise ValueError(f"--window goes from an earlier to a later time, got {list(window)}.")
    if labels:
        chosen = events[events["label"].isin(labels)].reset_index(drop=True)
        if not len(chosen):  # another recording of the folder has them
            return False
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
        n: brain(x) for n, x in session.signals.items() if "trial" not in x.dims and even(x)
    }
    sources = {n: x for n, x in sources.items() if x.size}  # a stream of gaze is of no brain
    sources |= {n: x for n, x in list(session.traces.items())[:1] if _in_seconds(x)}
    if session.spikes is not None and session.spikes.sizes["spike"]:
        sources["spikes"] = session.spikes
    done = [_classes(report, name, x, chosen, span, words) for name, x in sources.items()]
    return any(done)


def _in_seconds(x: xr.DataArray) -> bool:
    return even(x) and x.attrs.get("clock") != "frames" and "trial" not in x.dims


def _classes(
    report: Report,
    name: str,
    x: xr.DataArray | xr.Dataset,
    events: pd.DataFrame,
    window: Sequence[float],
    words: str,
) -> bool:
    """Tell events apart by what follows them; false when too few windows fit the recording."""
    tmin, tmax = window
    if isinstance(x, xr.Dataset):
        trials = recording.epoch(x, events, tmin=tmin, tmax=tmax, bin_width=tmax - tmin)
        trials = always_observed(trials)
        pipelines = {"spike counts, LDA": make_pipeline(FunctionTransformer(_flat), lda())}
    elif "unit" in x.dims:
        x = x.rename(unit="channel").assign_coords(channel=x["unit"].values.astype(str))
        x = x.drop_vars([c for c in x.coords if c not in x.dims])
        trials = clean(recording.epoch(x, events, tmin=tmin, tmax=tmax))
        pipelines = {
            "means of quarters, LDA": make_pipeline(FunctionTransformer(_quarters), lda())
        }
    else:
        trials = clean(recording.epoch(x, events, tmin=tmin, tmax=tmax))
        pipelines = _signal_pipelines(trials, tmax - tmin)
    around = f"from {tmin:g} to {tmax:g} s around {', '.join(sorted(set(events['label'])))}"
    found = _score(report, name, trials, pipelines, (f"windows {around}", words))
    if not found:
        return False
    if isinstance(x, xr.Dataset):
        show_psth(report, x, trials, events, window)
    else:
        show_means(report, x, events, window)
    report.heading("Protocol card")
    report.facts(found.card.facts())
    return True


def decode_trials(report: Report, name: str, x: xr.DataArray) -> bool:
    """Tell trials apart that come as such, by their labels, and draw their means."""
    shown = brain(x)
    if "label" not in shown.coords or not even(shown) or not shown.size:
        return False
    shown = clean(shown.load())
    if shown["label"].dims != ("trial",):  # one for all
        one = str(shown["label"].values)
        shown = shown.assign_coords(label=("trial", [one] * shown.sizes["trial"]))
    if "units" in shown.coords:  # one kind of sensors, as they have been taken apart
        shown = shown.drop_vars("units").assign_attrs(units=str(shown["units"].values[0]))
    times = shown["time"].values
    length = float(times[-1] - times[0]) + 1 / recording.sampling_rate(shown)
    words = f"trials from {times[0]:g} to {times[-1]:g} s"
    pipelines = _signal_pipelines(shown, length)
    found = _score(report, name, shown, pipelines, (words, "They came as trials with labels."))
    if not found:
        report.section(f"Means of {name}")
    show_averages(report, shown)
    if found:
        report.heading("Protocol card")
        report.facts(found.card.facts())
    return found is not None


def _score(
    report: Report,
    name: str,
    trials: xr.DataArray,
    pipelines: dict[str, Any],
    words: tuple[str, str],
) -> Evaluation | None:
    """Add scores and a confusion; None when trials are too few."""
    _, counts = np.unique(trials["label"].values, return_counts=True)
    if len(counts) < 2 or counts.min() < 2 or not trials.size:
        return None
    splits = blocks_of_time(trials["label"].values, int(min(5, counts.min())))
    found = evaluate_quietly(pipelines, trials, splits)
    table = score_table(found)
    report.section(
        f"Events from {name}",
        f"{trials.sizes['trial']} {words[0]}; blocks of successive trials are left out in turn"
        f" ({len(splits)} folds). {words[1]}",
    )
    report.table(table, CLASS_WORDS)
    report.text(_verdict(table))
    if found.table["accuracy"].notna().any():
        best = str(found.table["accuracy"].idxmax())
        report.figure(
            plotting.plot_confusion(trials["label"].values, found.predicted(best)),
            f"What was taken for what: {best}.",
        )
    return found


def always_observed(counts: xr.DataArray) -> xr.DataArray:
    """Leave out units that were not observed all the time, for which there is no count."""
    others = [dim for dim in counts.dims if dim != "unit"]
    return counts.isel(unit=np.flatnonzero(counts.notnull().all(others).values))


def brain(x: xr.DataArray) -> xr.DataArray:
    """Keep the channels that may come from a brain; where they all have one unit, it is theirs."""
    if "type" not in x.coords:
        return x
    x = x.isel(channel=np.flatnonzero(~np.isin(x["type"].values, list(NOT_BRAIN))))
    units = {str(unit) for unit in x["units"].values.ravel()} if "units" in x.coords else set()
    if len(units) == 1:
        x = x.drop_vars("units").assign_attrs(units=units.pop())
    return x


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
    span = 1000 * _window(trials) / rate
    made[f"evoked (means of {span:.0f} ms), LDA"] = make_pipeline(
        FunctionTransformer(_evoked), lda()
    )
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


def _window(x: xr.DataArray) -> int:
    """Return the samples of a window: 100 ms, longer where many channels would make many means.

    The classifier's time goes with the cube of their number: 64 channels and 3 s in windows of
    100 ms took most of a report's time.
    """
    least = max(1, round(0.1 * recording.sampling_rate(x)))
    most = max(1, _MEANS // x.sizes["channel"])
    return max(least, -(-x.sizes["time"] // most))


def _quarters(x: xr.DataArray) -> np.ndarray:
    """Return each unit's means over the quarters of the window."""
    values = np.asarray(x.transpose("trial", "channel", "time").values, np.float64)
    parts = np.array_split(values, min(4, values.shape[-1]), axis=-1)
    return np.concatenate([part.mean(axis=-1) for part in parts], axis=1)


def _evoked(x: xr.DataArray) -> np.ndarray:
    """Return the means over windows of time, less each channel's mean over the trial."""
    values = np.asarray(x.transpose("trial", "channel", "time").values, np.float64)
    size = _window(x)
    whole = max(1, values.shape[-1] // size) * size
    means = values[..., :whole].reshape(*values.shape[:2], -1, min(size, whole)).mean(axis=-1)
    return (means - values.mean(axis=-1, keepdims=True)).reshape(len(values), -1)
