"""A section of the demo: a bad channel filled in from the others by weights that ship."""

from pathlib import Path

import numpy as np
import pandas as pd

from neurokit import io, recording
from neurokit.cli.report import Report
from neurokit.pretraining import MaskedModel
from neurokit.pretraining.places import read_places

_BAD, _SECONDS = ("C3", "Pz", "Fp1"), 20

Row = tuple[str, str, float, float]  # job, pipeline, score, the same by chance


def fill_in(report: Report, folder: Path, seed: int) -> list[Row]:
    """Take a channel away and fill it in; nothing where torch is not installed."""
    try:
        model = MaskedModel.from_pretrained("eeg-small").set_params(device="cpu")
    except ImportError:
        return []
    x = io.read_signal(folder / "S01.edf")
    x = x.isel(time=slice(round(_SECONDS * recording.sampling_rate(x)))).load()
    places = read_places(x)
    table = []
    for name in _BAD:
        bad = x["channel"].values == name
        filled = model.reconstruct(x.assign_coords(bad=("channel", bad)))
        truth = x.sel(channel=name).values
        near = np.linalg.norm(places - places[bad], axis=1).argsort()[1:5]
        guesses = (filled.sel(channel=name).values, x.values[near].mean(0))
        r = [float(np.corrcoef(truth, guess)[0, 1]) for guess in guesses]
        table.append({"bad channel": name, "eeg-small": r[0], "mean of the four nearest": r[1]})
    report.section(
        "A bad channel filled in",
        "A masked model that has learned from other recordings (eeg-small, which comes with the"
        " package) says what a channel holds from all others; the mean of the four nearest stands"
        f" beside it. Correlation over {_SECONDS} s of the first person with what was recorded.",
    )
    report.code(
        'model = MaskedModel.from_pretrained("eeg-small")\n'
        "filled = model.reconstruct(x)  # channels marked bad, and gaps"
    )
    report.table(pd.DataFrame(table), "1 is perfect. Its card says what it is good for.")
    means = pd.DataFrame(table).mean(numeric_only=True)
    return [("bad channel (correlation)", str(k), float(v), 0.0) for k, v in means.items()]
