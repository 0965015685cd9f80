"""Spikes, and traces of units."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import xarray as xr

from neurokit.plotting._style import (
    COLORS,
    centred,
    figure_of,
    mark_events,
    new_axes,
    pretty,
    quantile,
    round_125,
    scale_bar,
    thinning,
)
from neurokit.recording.checks import check_dims, check_spikes

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def plot_raster(
    x: xr.Dataset,
    *,
    start: float | None = None,
    stop: float | None = None,
    events: pd.DataFrame | None = None,
    ax: "Axes | None" = None,
) -> "Axes":
    """Draw every spike as a tick, one row for each unit.

    Parameters
    ----------
    x : xarray.Dataset
        Spikes.
    start, stop : float, optional
        Span to draw, in seconds. Default: all that was observed.
    events : pandas.DataFrame, optional
        Those inside the span are marked, one colour for each label.
    ax : matplotlib Axes, optional
        Where to draw.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    TypeError
        If ``x`` is not a Dataset of spikes.

    Examples
    --------
    >>> import neurokit
    >>> plot_raster(neurokit.spikes([[0.1, 0.5], [0.7]], stop=1.0)).get_ylabel()
    'Unit (2)'
    """
    x = check_spikes(x, "plot_raster")
    n_units = x.sizes["unit"]
    ax = new_axes(ax, (9.0, float(np.clip(0.8 + 0.05 * n_units, 2.4, 8.0))))
    begin = float(x["start"]) if start is None else start
    end = float(x["stop"]) if stop is None else stop
    row = np.repeat(np.arange(n_units), x["spike_count"].values)
    times = x["spike_time"].values
    inside = (times >= begin) & (times <= end)
    # vector ticks of a long session would make a picture of hundreds of megabytes
    many = inside.sum() > 20_000
    height = ax.get_window_extent().height / figure_of(ax).dpi * 72 / max(n_units, 1)
    size = float(np.clip(height, 0.8, 12.0))
    ax.scatter(
        times[inside],
        row[inside],
        marker="|",
        s=size**2,
        linewidths=0.3 if many else 0.6,
        color="0.1",
        rasterized=many,
    )
    ax.set(xlabel="Time (s)", xlim=(begin, end), ylim=(n_units - 0.5, -0.5))
    if n_units <= 12:  # few enough to be called by name; one unit has one tick
        ax.set_yticks(range(n_units), [str(name) for name in x["unit"].values])
    ax.set_ylabel(f"Unit ({n_units})")
    mark_events(ax, events, begin, end)
    return ax


def plot_traces(
    x: xr.DataArray,
    *,
    n_units: int = 24,
    events: pd.DataFrame | None = None,
    ax: "Axes | None" = None,
) -> "Axes":
    """Draw the traces or rates of units one above the other, each on the same scale.

    Parameters
    ----------
    x : xarray.DataArray of dims ("unit", "time")
        Calcium traces, rates, or counts.
    n_units : int, default=24
        Only the first so many are drawn.
    events : pandas.DataFrame, optional
        Those inside the stretch are marked, one colour for each label.
    ax : matplotlib Axes, optional
        Where to draw.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ValueError
        If ``x`` has other dims.

    Examples
    --------
    >>> from neurokit.datasets import make_calcium
    >>> plot_traces(make_calcium(20, n_units=6, random_state=0).traces).get_ylabel()
    'Unit'
    """
    x = check_dims(x, ("unit", "time"), caller="plot_traces").isel(unit=slice(n_units))
    ax = new_axes(ax, (9.0, min(1.2 + 0.28 * x.sizes["unit"], 9.0)))
    times, values = x["time"].values, centred(x)
    keep = thinning(len(times), 6000)
    scale = round_125(0.8 * quantile(values, 0.995))
    above = scale * np.arange(len(values))
    for k, trace in enumerate(values + above[:, None]):
        ax.plot(times[keep], trace[keep], color=COLORS[k % 5], linewidth=0.7)
    ax.set_yticks(above, [str(name) for name in x["unit"].values])
    ax.tick_params(axis="y", length=0)
    words = "Frame" if x.attrs.get("clock") == "frames" else "Time (s)"
    ax.set(xlabel=words, ylabel="Unit", xlim=(times[0], times[-1]))
    ax.set_ylim(-0.8 * scale, above[-1] + 2.0 * scale)
    scale_bar(ax, scale, f"{scale:g} {pretty(x.attrs.get('units', ''))}")
    mark_events(ax, events, float(times[0]), float(times[-1]))
    return ax
