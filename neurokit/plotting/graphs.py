"""How the edges of a graph come and go."""

from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from neurokit.metrics.temporal_graphs import temporal_graph_measures
from neurokit.plotting._style import COLORS, new_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def plot_edge_appearance(graph: Any, *, ax: "Axes | None" = None) -> "Axes":
    """Draw how many edges each step has, and how many of them were never seen before.

    Parameters
    ----------
    graph : xarray.DataArray, array-like or DataFrame
        As `neurokit.metrics.temporal_graph_measures` takes it.
    ax : matplotlib Axes, optional
        Where to draw.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ValueError
        If the graph does not fit, or one half of the steps has no edges.

    Examples
    --------
    >>> graph = np.zeros((3, 3, 4))
    >>> graph[0, 1, :3] = graph[1, 2, 2:] = 1
    >>> ax = plot_edge_appearance(graph)
    >>> ax.get_title()
    'novelty 0.38'
    """
    found = temporal_graph_measures(graph, test_share=0.5)
    time, new = found["time"].values, found["new_edges"].values
    width = np.diff(time).min() if len(time) > 1 else 1.0
    ax = new_axes(ax, (6.4, 2.6))
    seen = found["edges"].values - new
    ax.bar(time, seen, width, color=COLORS[0], label="seen before")
    ax.bar(time, new, width, bottom=seen, color=COLORS[1], label="new")
    ax.set(xlabel="time", ylabel="edges", title=f"novelty {float(found['novelty']):.2f}")
    ax.legend(frameon=False)
    return ax


def plot_edge_traffic(graph: Any, *, test_share: float = 0.15, ax: "Axes | None" = None) -> "Axes":
    """Draw when each edge is there: in the first steps alone, in the last alone, or in both.

    Parameters
    ----------
    graph : xarray.DataArray of dims ("source", "target", "time"), or array-like
        Weights of undirected edges, zero or NaN where there is none.
    test_share : float, default=0.15
        Share of the steps, the last ones, that count as the last.
    ax : matplotlib Axes, optional
        Where to draw.

    Returns
    -------
    matplotlib Axes
        Edges from bottom to top in the order in which they first appear.

    Raises
    ------
    ValueError
        If the graph does not fit, or all edges are on one side.

    Examples
    --------
    >>> graph = np.zeros((3, 3, 4))
    >>> graph[0, 1, :3] = graph[1, 2, 2:] = 1
    >>> ax = plot_edge_traffic(graph, test_share=0.25)
    >>> [text.get_text() for text in ax.get_legend().get_texts()]
    ['first steps alone', 'both', 'last steps alone']
    """
    found = temporal_graph_measures(graph, test_share=test_share)
    time = found["time"].values
    if isinstance(graph, xr.DataArray):
        graph = graph.transpose("source", "target", "time").values
    values = np.nan_to_num(np.asarray(graph, float))
    i, j = np.triu_indices(len(values), 1)
    there = (values[i, j] != 0) | (values[j, i] != 0)
    there = there[there.any(axis=1)]
    there = there[np.argsort(there.argmax(axis=1), kind="stable")]
    border = np.arange(len(time)) >= np.quantile(np.arange(len(time)), 1 - test_share)
    early, late = there[:, ~border].any(axis=1), there[:, border].any(axis=1)
    ax = new_axes(ax, (6.4, 3.6))
    kinds = (
        ("first steps alone", early & ~late, COLORS[0]),
        ("both", early & late, COLORS[2]),
        ("last steps alone", late & ~early, COLORS[1]),
    )
    for name, which, color in kinds:
        edge, step = np.nonzero(there & which[:, None])
        ax.plot(time[step], edge, "|", color=color, markersize=3, label=name)
    ax.axvline(time[border][0], color=COLORS[6], linewidth=0.8)
    title = (
        f"reoccurrence {float(found['reoccurrence']):.2f}, surprise {float(found['surprise']):.2f}"
    )
    ax.set(xlabel="time", ylabel="edge", title=title)
    ax.legend(frameon=False, loc="upper left")
    return ax
