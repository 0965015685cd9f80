"""Sections of the demo on trials of EEG: motor imagery across people, and a speller."""

from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from neurokit import datasets, io, plotting, recording
from neurokit.cli.event_decoding import CLASS_WORDS
from neurokit.cli.pipelines import evaluate_quietly, has_pyriemann, score_table
from neurokit.cli.report import Report
from neurokit.decoders import (
    FBCCAClassifier,
    TDCAClassifier,
    make_band_power,
    make_tangent_space,
)
from neurokit.features import BandPower
from neurokit.metrics import itr

N_SUBJECTS, N_TRIALS, LENGTH = 6, 40, 3.0  # s of each trial
FLICKER = (8.0, 10.0, 12.0, 14.0)  # Hz

Row = tuple[str, str, float, float]  # job, pipeline, score, the same by chance


def first_look(report: Report, folder: Path, seed: int) -> list[Row]:
    """Write the EEG of some people, one file each, and look at the first."""
    n_subjects, n_trials, length = N_SUBJECTS, N_TRIALS, LENGTH
    made, _ = datasets.make_motor_imagery(n_subjects, n_trials, duration=length, random_state=seed)
    for subject in range(n_subjects):  # trial after trial, as a recorder would write them
        mine = made.isel(trial=slice(subject * n_trials, (subject + 1) * n_trials))
        continuous = recording.signal(
            np.concatenate(list(mine.values), axis=1),
            sampling_rate=recording.sampling_rate(made),
            channels=made["channel"].values.tolist(),
            types="eeg",
        )
        cues = recording.events(np.arange(n_trials) * length, length, mine["label"].values)
        io.write_edf(folder / f"S{subject + 1:02d}.edf", continuous, cues)
        if subject == 0:
            x, events = (read(folder / "S01.edf") for read in (io.read_signal, io.read_events))
    report.section(
        "A recording",
        f"The first of {n_subjects} people, {made.sizes['channel']} channels,"
        f" {x.sizes['time'] / recording.sampling_rate(x):.0f} s at"
        f" {recording.sampling_rate(x):g} Hz.",
    )
    report.code("plotting.plot_signal(io.read_signal(path), events=io.read_events(path))")
    report.figure(
        plotting.plot_signal(x.sel(time=slice(0, 10)), events=events, n_channels=19),
        "Ten seconds of the first person, read from the EDF file; lines are the cues.",
    )
    return []


def motor_imagery(report: Report, folder: Path, seed: int) -> list[Row]:
    """Tell left from right hand by EEG, in people that the classifier has never seen."""
    n_subjects, length = N_SUBJECTS, LENGTH
    read = []
    for path in sorted(folder.glob("S*.edf")):
        x, events = io.read_signal(path), io.read_events(path)
        trials = recording.epoch(x, events, tmin=0.0, tmax=length)
        read.append(trials.assign_coords(subject=("trial", [path.stem] * trials.sizes["trial"])))
    trials = xr.concat(read, dim="trial")

    y = trials["label"].values
    by = ["subject"]
    pipelines = {
        "band power, LDA": make_band_power(),
        "Euclidean alignment, band power, LDA": make_band_power(alignment="own", by=by),
    }
    if has_pyriemann():
        pipelines["Euclidean alignment, tangent space"] = make_tangent_space("own", by)
    found = evaluate_quietly(pipelines, trials, "leave-one-subject-out")
    table = score_table(found)
    report.section(
        "Motor imagery from EEG",
        f"{n_subjects} people imagine moving the left or the right hand, {len(y)} times in all;"
        f" {trials.sizes['channel']} channels, one EDF file each. Each person is left out in turn:"
        " the classifier is trained on the others. Heads differ, so what is learnt from one"
        " does not fit the next; alignment whitens each person's trials by their own mean"
        " covariance, without looking at labels.",
    )
    report.code(
        "x, events = io.read_signal(path), io.read_events(path)\n"
        "trials = neurokit.epoch(x, events, tmin=0, tmax=3)\n"
        "pipeline = neurokit.decoders.make_band_power(alignment='own')\n"
        "found = neurokit.protocols.evaluate(pipeline, trials, protocol='leave-one-subject-out')"
    )
    report.table(
        table,
        CLASS_WORDS + " One fold for each person. Aligning uses the unlabelled trials of the"
        " person left out (transductive).",
        best="accuracy",
    )
    report.heading("Protocol card")
    report.facts(found.card.facts())
    power = BandPower({"mu": (9, 13)}).fit_transform(trials)
    power = power.values.reshape(len(y), -1)
    right, left = y == "right", y == "left"
    report.figure(
        plotting.plot_topomap(
            power[right].mean(0) - power[left].mean(0),
            recording.place_channels(trials),
            units="log power, right - left",
        ),
        "Mu power (9 to 13 Hz), right minus left hand: it falls on the side opposite to the hand.",
    )
    best = "Euclidean alignment, band power, LDA"
    report.figure(
        plotting.plot_confusion(y, found.predicted(best)), f"What was taken for what: {best}."
    )
    return _rows("motor imagery (accuracy)", table)


def flicker(report: Report, folder: Path, seed: int) -> list[Row]:
    """Tell which of four flickering targets someone looks at."""
    length = 1.0
    x, _ = datasets.make_ssvep(
        FLICKER, n_trials=12, duration=length, amplitude=1.0, random_state=seed
    )
    back = [name for name in x["channel"].values.tolist() if name[0] in "PO"]
    x = x.sel(channel=back)
    bands = {f"{f:g} Hz": (f - 0.5, f + 0.5) for f in FLICKER}
    pipelines = {
        "band power at the targets, LDA": make_band_power(bands),
        "FBCCA, nothing learnt": FBCCAClassifier(),
        "TDCA": TDCAClassifier(),
    }
    found = evaluate_quietly(pipelines, x, "within-session")
    table = score_table(found)
    rates = [np.nan] * 2 + [
        float(itr(a, len(FLICKER), selection_time=length + 0.5)) for a in table["accuracy"][2:]
    ]
    report.section(
        "A speller of four flickering targets",
        f"Trials of {length:g} s, {len(back)} channels at the back of the head, 12"
        f" of each target ({', '.join(f'{f:g}' for f in FLICKER)} Hz),"
        " stretches of time left out in turn. Sines suffice where nothing was recorded before;"
        " who has recorded a few trials of each target does better with its template, if the"
        " flicker begins at the same phase each time.",
    )
    report.code(
        "found = neurokit.protocols.evaluate(TDCAClassifier(), trials)\n"
        "rate = neurokit.metrics.itr(0.9, 4, selection_time=1.5)"
    )
    report.table(
        table.assign(**{"bits a minute": rates}),
        CLASS_WORDS + " The rate counts half a second between one target and the next.",
        best="accuracy",
    )
    best = str(found.table["accuracy"].idxmax())
    report.figure(
        plotting.plot_confusion(x["label"].values, found.predicted(best)),
        f"What was taken for what: {best}.",
    )
    return _rows("speller (accuracy)", table)


def _rows(job: str, table: pd.DataFrame) -> list[Row]:
    chance = float(table["accuracy"][0])
    shown = table[["pipeline", "accuracy"]].iloc[2:]
    return [(job, str(name), float(a), chance) for name, a in shown.itertuples(index=False)]
