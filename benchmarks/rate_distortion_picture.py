"""Draw the tables of `rate_distortion.py`: the pictures of docs/tokens.md.

    python benchmarks/rate_distortion.py ... > tables.txt
    python benchmarks/rate_distortion_picture.py tables.txt docs/images

Writes ``rate_distortion.svg`` (error) and ``rate_gamma.svg`` (correlation at 30-80 Hz), a panel
for each set, and ``rate_distortion.csv`` with the points, from which they can be drawn again:
``python benchmarks/rate_distortion_picture.py docs/images/rate_distortion.csv docs/images``.
"""

import argparse
import re
from pathlib import Path

import matplotlib

matplotlib.use("agg")
import matplotlib.pyplot as plt
import pandas as pd

from neurokit.plotting import plot_rate_distortion

ORDER = ["eeg-small", "even grid", "linear", "multiscale", "biocodec", "mu-law + zlib"]
NAMES = {
    "eeg-small": "CodecTokenizer, eeg-small",
    "even grid": "ScalarTokenizer, even grid",
    "linear": "LinearRVQTokenizer",
    "multiscale": "MultiScaleTokenizer",
    "biocodec": "BioCodec's network",
    "mu-law + zlib": "mu-law and zlib",
}
SETS = {
    "mi_eegmmidb": "Motor imagery, people held out",
    "ssvep_exo": "SSVEP, a person held out",
    "erp_n170": "N170, a person held out",
    "erp_p300": "P300, a set held out",
    "ieeg_mne": "ECoG, a set held out",
    "Peterson": "Motor imagery, a set never looked at",
    "Bonn A": "Healthy EEG, a set never looked at",
    "Bonn E": "Seizures, a set never looked at",
}
MOST = 1000  # bits per second and channel that are drawn


def points(path: Path) -> pd.DataFrame:
    """Points of the first table of each set, or those kept in a CSV."""
    if path.suffix == ".csv":
        return pd.read_csv(path)
    rows, name = [], ""
    row = re.compile(r"(\S.*?)\s+(\d+)\s+(\d+)\s+([\d.]+)\s+([\d.-]+)\s+([\d.-]+)$")
    lines = path.read_text().splitlines()
    for before, line in zip(["", *lines], lines, strict=False):
        if line.split()[:2] == ["stages", "bit/s/ch"]:
            name = before
        elif (found := row.match(line)) and found[1] in ORDER:
            rows.append((name, found[1], *(float(part) for part in found.groups()[1:])))
    columns = ["set", "tokenizer", "stages", "bits", "nmse", "beta", "gamma"]
    table = pd.DataFrame(rows, columns=columns)
    return table.astype({"stages": int, "bits": int})


def draw(table: pd.DataFrame, measure: str) -> plt.Figure:
    """One panel for each set, one legend for all."""
    found = {
        key: next((s for s in table["set"].unique() if s.startswith(key)), "") for key in SETS
    }
    shown = {key: name for key, name in found.items() if name}
    n_columns = 4 if len(shown) > 6 else 3
    n_rows = -(-len(shown) // n_columns)
    figure, axes = plt.subplots(
        n_rows,
        n_columns,
        figsize=(2.9 * n_columns, 2.6 * n_rows + 0.5),
        sharex=True,
        sharey=True,
        layout="constrained",
        squeeze=False,
    )
    for ax, (key, name) in zip(axes.flat, shown.items(), strict=False):
        here = table[(table["set"] == name) & (table["bits"] <= MOST)]
        curves = {
            NAMES[kind]: here[here["tokenizer"] == kind].set_index("stages")
            for kind in ORDER
            if (here["tokenizer"] == kind).any()
        }
        plot_rate_distortion(curves, measure=measure, stages=False, ax=ax)
        for line in ax.lines:
            line.set(markersize=3, linewidth=1.1)
        ax.lines[0].set(linewidth=2.0, zorder=5)
        handles, labels = ax.get_legend_handles_labels()
        ax.get_legend().remove()
        rate = name.split(",")[1].strip()
        ax.set_title(f"{SETS[key]}\n{rate}", loc="left", fontsize="small")
        ax.set(xlabel="", ylabel="", xlim=(0, MOST))
    for ax in axes.flat[len(shown) :]:
        ax.set_visible(False)
    if measure == "nmse":
        axes[0, 0].set_ylim(3e-3, 0.7)
    label = {"nmse": "Error over variance", "gamma": "Correlation, 30-80 Hz"}[measure]
    figure.supxlabel("Bit per second and channel, all of the file counted", fontsize="medium")
    figure.supylabel(label, fontsize="medium")
    figure.legend(
        handles, labels, loc="outside upper left", ncols=3, frameon=False, fontsize="small"
    )
    return figure


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("tables", type=Path)
    parser.add_argument("folder", type=Path)
    args = parser.parse_args()
    plt.rcParams |= {"svg.fonttype": "none", "svg.hashsalt": "neurokit", "font.size": 9}
    table = points(args.tables)
    table.to_csv(args.folder / "rate_distortion.csv", index=False)
    for measure, name in {"nmse": "rate_distortion", "gamma": "rate_gamma"}.items():
        figure = draw(table, measure)
        figure.savefig(args.folder / f"{name}.svg", metadata={"Date": None})
        figure.savefig(args.folder / f"{name}.png", dpi=110)


if __name__ == "__main__":
    main()
