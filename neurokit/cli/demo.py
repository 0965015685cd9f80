"""A session from simulation to files to results: each family adds a function to ``SECTIONS``."""

import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr
from sklearn.metrics import r2_score
from tqdm import tqdm

from neurokit import datasets, io, plotting, recording
from neurokit.cli.contents import open_session
from neurokit.cli.demo_filling import fill_in
from neurokit.cli.demo_trials import first_look, flicker, motor_imagery
from neurokit.cli.demo_units import find_communities, find_populations, find_states
from neurokit.cli.pipelines import decode_movement
from neurokit.cli.report import Report
from neurokit.cli.run import MOVEMENT_WORDS, show_decoded
from neurokit.tokenizers import LinearRVQTokenizer, ScalarTokenizer

DURATION = 110.0  # s of reaching

Row = tuple[str, str, float, float]  # job, pipeline, score, the same by chance


def demo(seed: int = 0, show: Callable[[Report], object] = lambda _: None) -> tuple[Report, str]:
    """Simulate, write, read back and decode; return the report and a table for the terminal.

    ``show`` is called with the report after each section, the first picture before anything is
    decoded.
    """
    report = Report(
        "neurokit demo",
        "Simulated recordings, written to files, read back, and decoded. Yours go the same way:"
        " neurokit run FILE.",
    )
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="neurokit-demo-") as folder:
        for section in tqdm(SECTIONS, desc="neurokit demo", disable=None, leave=False):
            rows += section(report, Path(folder), seed)
            report.unfinished = True
            show(report)
    report.unfinished = False
    table = pd.DataFrame(rows, columns=["", "pipeline", "score", "chance"])
    report.section(
        "Results",
        "Scores on people and times that were left out of training, beside chance.",
        first=True,
    )
    report.table(table.rename(columns={"": "job"}))
    first, second = (
        max(map(len, column)) for column in ([r[0] for r in rows], [r[1] for r in rows])
    )
    lines = [f"{'':<{first}}  {'':<{second}}  score  chance"]
    before = ""
    for job, pipeline, score, chance in rows:
        shown = "" if job == before else job
        lines.append(f"{shown:<{first}}  {pipeline:<{second}}  {score:.3f}  {chance:6.3f}")
        before = job
    text = "\n".join(lines)
    return report, text


def reaching(report: Report, folder: Path, seed: int) -> list[Row]:
    """Decode the velocity of a hand from spikes, in real time."""
    made = datasets.make_reaching(DURATION, random_state=seed)
    written = xr.DataTree.from_dict(
        {
            "spikes": made.spikes,
            "behaviour": made.behaviour.sel(feature=["x", "y", "vx", "vy"]).to_dataset(
                name="behaviour"
            ),
            "events": made.events[["onset", "duration", "label"]].rename_axis("event").to_xarray(),
        }
    )
    written.attrs["session_start_time"] = "2020-01-01T00:00:00+00:00"
    path = io.write_nwb(folder / "reaching.nwb", written)

    session = open_session(path)
    spikes, hand = session.spikes, session.behaviour
    if spikes is None or hand is None:
        raise OSError(f"{path}: came back without its spikes or its behaviour.")
    hand = hand.sel(feature=["vx", "vy"])
    counts = recording.bin_spikes(spikes, 0.05)
    decoded = decode_movement(counts, hand, block=4)

    table = decoded.table
    clock = decoded.truth["time"].values + 0.05  # the ends of the bins, where the hand is known
    for words, causal in (
        ("the best possible, in real time", True),
        ("the best possible, with the future", False),
    ):
        best = datasets.optimal_velocity(made, causal=causal)
        known = best["time"].values
        at = np.stack([np.interp(clock, known, best.values[:, k]) for k in (0, 1)], axis=1)
        table.loc[len(table)] = [words, *([r2_score(decoded.truth, at)] * 2), 0.0]
    report.section(
        "A hand's velocity from spikes",
        f"{spikes.sizes['unit']} units, {spikes.sizes['spike']:,} spikes and the hand over"
        f" {float(spikes['stop']):.0f} s, in one NWB file. Spikes are counted in bins of 50 ms;"
        " the Wiener decoder weighs the last 0.4 s of every unit, and filters smooth what it says:"
        " one that is fitted, and Bessel filters. As this hand is simulated, the best possible"
        " score is known.",
    )
    report.code(
        "counts = neurokit.bin_spikes(io.read_spikes(path), 0.05).transpose('time', 'unit')\n"
        "decoder = WienerRegressor(window=0.4).fit(counts[:cut], velocity[:cut])\n"
        "smooth = SmoothedRegressor(decoder, FIRSmoother()).fit(counts[:cut], velocity[:cut])"
    )
    report.table(table, MOVEMENT_WORDS)
    show_decoded(report, decoded.truth, decoded.prediction)
    report.figure(
        plotting.plot_raster(spikes, start=10.0, stop=20.0),
        "Ten seconds of the spikes, read from the NWB file.",
    )
    names = table["decoder"].tolist()
    keep = [names.index("Wiener, this bin only"), names.index("Wiener, 0.4 s")]
    return [
        ("reaching (R2 in real time)", names[k], float(table["R2, real time"][k]), 0.0)
        for k in keep
    ]


def tokens(report: Report, folder: Path, seed: int) -> list[Row]:
    """Turn EEG into integers, and see what is left of it when they are turned back."""
    x = io.read_signal(folder / "S01.edf")
    half = x.sizes["time"] // 2
    train, test = x.isel(time=slice(half)), x.isel(time=slice(half, None)).load()
    scalar = ScalarTokenizer().fit(train)
    linear = LinearRVQTokenizer(random_state=seed).fit(train)
    table = []
    pictures = []
    for tokenizer, n_levels in ((scalar, 1), (linear, 10), (linear, 3), (linear, 1)):
        codes = tokenizer.transform(test)
        back = tokenizer.inverse_transform(codes, n_levels=n_levels)
        rate = tokenizer.rate_report_
        bits = rate["total"]
        if tokenizer is linear:  # the stages share the bits of the codes, the gain takes six
            stages = rate["codes"] - 6 * rate["frame_rate"]
            bits = rate["total"] - stages * (1 - n_levels / linear.n_levels)
        kept = 1 - float(((back - test) ** 2).sum() / ((test - test.mean("time")) ** 2).sum())
        name = type(tokenizer).__name__
        words = f"{name}, {n_levels} of 10 stages" if tokenizer is linear else name
        table.append({"tokenizer": words, "bit/s and channel": round(bits), "variance kept": kept})
        pictures.append((words, back))
    report.section(
        "EEG as tokens",
        "The EEG of the first person as integers, and back to microvolts: learnt from the first"
        " half of the recording, measured on the second. The samples themselves, as 16-bit"
        f" integers, take {16 * recording.sampling_rate(x):,.0f} bit/s and channel.",
    )
    report.table(pd.DataFrame(table), "Bits as sent, before entropy coding, levels included.")
    words, back = pictures[2]
    stretch = slice(0, round(4 * recording.sampling_rate(x)))
    report.figure(
        plotting.plot_decoding(
            _as_behaviour(test.isel(time=stretch)),
            _as_behaviour(back.isel(time=stretch)),
            feature="C3",
        ),
        f"Four seconds of channel C3, measured and decoded from tokens ({words}).",
    )
    return [
        ("tokens (variance kept)", f"{row['tokenizer']}, {row['bit/s and channel']} bit/s",
         float(row["variance kept"]), 0.0)
        for row in (table[0], table[1], table[2])
    ]  # fmt: skip


def _as_behaviour(x: xr.DataArray) -> xr.DataArray:
    """Name the channels as features, for the picture that compares two courses."""
    named = x.rename(channel="feature").drop_vars([c for c in x.coords if c not in x.dims])
    units = ("feature", [str(x.attrs.get("units", ""))] * x.sizes["channel"])
    return named.assign_coords(units=units).transpose("time", "feature")


SECTIONS: list[Callable[[Report, Path, int], list[Row]]] = [
    first_look,
    motor_imagery,
    flicker,
    reaching,
    tokens,
    fill_in,
    find_populations,
    find_states,
    find_communities,
]
"""What the demo shows, in this order; a section finds the files of those before it."""
