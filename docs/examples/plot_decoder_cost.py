"""
Accuracy against operations
===========================

What every decoder reached on held-out blocks of time, and what one step of it costs: the figures
behind :doc:`/decoders`, drawn from the tables that ``benchmarks/decoders_page.py`` wrote.
"""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.ticker import NullFormatter

folder = next(path for path in (Path("../decoders"), Path("docs/decoders")) if path.is_dir())
tables = {path.stem: pd.read_csv(path) for path in sorted(folder.glob("*.csv"))}
colours = {"linear": "C2", "dense": "C1", "recurrent": "C3", "spiking": "C0"}


def kind(name):
    """What a decoder is, by its name."""
    words = {"linear": ("Wiener", "Kalman"), "dense": ("ANN", "MLP")}
    words["recurrent"] = ("GRU", "LSTM", "ELM")
    return next((k for k, some in words.items() if any(w in name for w in some)), "spiking")


titles = {
    "simulated": "simulated reaching, 96 units, 4 ms",
    "contdata95": "eight reaches, 95 channels, 50 ms",
    "centerout": "centre-out reaching",
    "placecells": "position from place cells",
    "track": "position on a track",
    "worm": "speed of a worm, calcium",
}


def draw(ax, table, *, named):
    """Draw one set: a point for each decoder, R2 with the fitted filter behind it."""
    operations = (table["MACs"] + table["ACs"]).clip(lower=1)
    lowest = max(0.0, table["R2 with FIR"].min() - 0.05)
    for (name, r2), x in zip(table[["decoder", "R2 with FIR"]].values, operations, strict=True):
        if r2 >= lowest:
            ax.plot(x, r2, "o", c=colours[kind(name)], ms=7 if named else 5)
    shown = table.assign(x=operations)[table["R2 with FIR"] >= lowest]
    ax.set(xscale="log", xlim=(operations.min() / 3, operations.max() * (30 if named else 3)))
    ax.set(ylim=(lowest, min(1.0, shown["R2 with FIR"].max() + 0.08)))
    ax.xaxis.set_minor_formatter(NullFormatter())
    if named:
        label(ax, shown)


def label(ax, shown):
    """Write each name beside its point, above or below what stands there already."""
    to_axes = ax.transScale + ax.transLimits  # data to fractions of the axes
    points = to_axes.transform(shown[["x", "R2 with FIR"]].to_numpy(float))
    boxes = [(x - 0.01, y, x + 0.01) for x, y in points]
    moves = sorted(np.arange(-12, 13) * 0.02, key=abs)
    for name, (x, y) in zip(shown["decoder"], points, strict=True):
        right = x + 0.03 + 0.014 * len(name)
        free = (
            y + move
            for move in moves
            if 0 < y + move < 1
            and not any(
                abs(y + move - at) < 0.032 and low < right and x + 0.025 < high
                for low, at, high in boxes
            )
        )
        at = next(free, y)
        boxes.append((x + 0.025, at, right))
        line = {"arrowstyle": "-", "color": "0.7", "lw": 0.5, "shrinkA": 0, "shrinkB": 2}
        ax.annotate(
            name,
            (x, y),
            (x + 0.03, at),
            xycoords="axes fraction",
            va="center",
            fontsize=8,
            color=colours[kind(name)],
            arrowprops=line if at != y else None,
        )


# %%
# Two recordings: one simulated, where spikes come in bins of 4 ms and hold 0 or 1, and one of a
# monkey's motor cortex in bins of 50 ms. The axis of operations is logarithmic.
main = [name for name in ("simulated", "contdata95") if name in tables] or list(tables)[:2]
fig, axes = plt.subplots(1, len(main), figsize=(11, 5), layout="constrained", squeeze=False)
for ax, name in zip(axes[0], main, strict=True):
    draw(ax, tables[name], named=True)
    ax.set(title=titles[name], xlabel="MACs and ACs per step", ylabel="R2, real time, FIR behind")
for name, colour in colours.items():
    axes[0, 0].plot([], [], "o", c=colour, label=name)
fig.legend(loc="outside lower center", frameon=False, ncols=4)
plt.show()

# %%
# The other recordings, but those of which no decoder knows anything.
others = [name for name in titles if name in tables and name not in main]
others = [name for name in others if tables[name]["R2 with FIR"].max() > 0.05]
if others:
    fig, axes = plt.subplots(1, len(others), figsize=(11, 3), layout="constrained", squeeze=False)
    for ax, name in zip(axes[0], others, strict=True):
        draw(ax, tables[name], named=False)
        ax.set(title=titles[name], xlabel="operations per step")
    axes[0, 0].set_ylabel("R2, real time")
    plt.show()
