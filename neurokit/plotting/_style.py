"""What the pictures share: colours, axes, units, scale bars, events."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
"""Blue, vermilion, green, purple, orange, sky blue and black."""
_DENSE = 80  # events in a picture, from which on their lines are short


def new_axes(ax: "Axes | None", size: tuple[float, float]) -> "Axes":
    """Take the Axes given, or a new figure's; without a box around the picture."""
    if ax is None:
        import matplotlib.pyplot as plt

        ax = plt.subplots(figsize=size, layout="constrained")[1]
    ax.spines[["top", "right"]].set_visible(False)
    return ax


def figure_of(ax: "Axes") -> "Figure":
    """Get the figure that an Axes is part of, at whatever depth."""
    figure = ax.get_figure(root=True)
    if figure is None:
        raise ValueError("ax has been removed from its figure; give one that is on a figure.")
    return figure


def thinning(n_times: int, most: int) -> slice:
    """Choose every k-th sample, where more could not be told apart on a page."""
    return slice(None, None, max(1, n_times // (2 * most)))


def centred(x: xr.DataArray) -> NDArray[np.float64]:
    """Take the median off every row; infinite values become NaN, which is not drawn."""
    values = np.array(x.values, float)
    values[~np.isfinite(values)] = np.nan
    for row in values:
        if np.isfinite(row).any():
            row -= np.nanmedian(row)
    return values


def quantile(values: NDArray[np.float64], share: float) -> float:
    """Find how far the values go; 1 where there is nothing to see."""
    known = values[np.isfinite(values)]
    spread = float(np.quantile(known, share)) if known.size else 0.0
    return spread if spread > 0 else 1.0


def round_125(value: float) -> float:
    """Round to 1, 2 or 5 times a power of ten."""
    power = 10.0 ** np.floor(np.log10(value))
    return float(min((1, 2, 5, 10), key=lambda step: abs(step * power - value)) * power)


def pretty(units: str) -> str:
    """Write units as in print."""
    return {"dF/F": "ΔF/F"}.get(units, units.replace("uV", "µV").replace("um", "µm"))


def say_unit(units: object) -> str:
    """Write a unit as in print; nothing where none is known, or where channels have several."""
    return "" if str(units or "none") in ("none", "mixed") else pretty(str(units))


def say_power(units: object) -> str:
    """Write the unit of a density of power."""
    return f"{say_unit(units)}²/Hz" if say_unit(units) else "a.u."


def scale_bar(ax: "Axes", scale: float, text: str) -> None:
    """Put a bar of the given height to the right of the picture."""
    place = ax.get_yaxis_transform()
    middle = float(np.mean(ax.get_ylim()))
    line = ax.plot(
        [1.012, 1.012],
        [middle - scale / 2, middle + scale / 2],
        transform=place,
        color="0.15",
        linewidth=2,
        clip_on=False,
    )
    line[0].set_in_layout(True)
    ax.text(1.022, middle, text, transform=place, va="center", rotation=90, fontsize="small")


def shorten(text: str, most: int) -> str:
    """Cut a long name in the middle, where names differ least."""
    half = (most - 1) // 2
    return text if len(text) <= most else f"{text[: most - 1 - half]}…{text[-half:]}"


def mark_events(ax: "Axes", events: pd.DataFrame | None, start: float, stop: float) -> None:
    """Draw a line at each event of the span, and name the labels above the picture.

    Where lines would hide what they cross, they are short ones at the upper edge.
    """
    if events is None:
        return
    inside = events[(events["onset"] >= start) & (events["onset"] <= stop)]
    inside = inside.assign(label=inside["label"].fillna("no label").astype(str))
    names = list(dict.fromkeys(inside["label"]))
    foot = 0.0 if len(inside) <= _DENSE else 0.94
    for k, name in enumerate(names[: len(COLORS) - 1]):
        onsets = inside["onset"][inside["label"] == name]
        for place, onset in enumerate(onsets):
            ax.axvline(
                onset,
                foot,
                color=COLORS[(k + 1) % len(COLORS)],
                linewidth=1.0,
                alpha=0.8,
                label=shorten(name, 28) if place == 0 else None,
            )
    if names:
        longest = max(len(shorten(name, 28)) for name in names[: len(COLORS) - 1])
        legend = ax.legend(
            frameon=False,
            loc="lower left",
            bbox_to_anchor=(0.0, 1.0),
            ncols=max(1, min(6, 84 // (longest + 6))),  # as many as fit the width
            fontsize="small",
        )
        if len(names) >= len(COLORS):
            legend.set_title(f"{len(COLORS) - 1} of {len(names)} labels")
