"""What a posterior of clusters and states looks like, and whether to believe it."""

import itertools
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from neurokit.plotting._style import COLORS, new_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def plot_similarity(
    similarity: Any, labels: ArrayLike | None = None, *, ax: "Axes | None" = None
) -> "Axes":
    """Draw how often two items stand together, clusters side by side.

    Parameters
    ----------
    similarity : xarray.DataArray or array-like of shape (n_items, n_items)
        As `neurokit.clustering.posterior_similarity` gives it.
    labels : array-like of int, shape (n_items,), optional
        Clusters by which items are ordered, larger ones first; lines part them. Default: as given.
    ax : matplotlib Axes, optional
        Where to draw.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ValueError
        If the matrix is not square, or labels are of another number.

    Examples
    --------
    >>> ax = plot_similarity([[1, 0.2, 0.9], [0.2, 1, 0.1], [0.9, 0.1, 1]], [0, 1, 0])
    >>> [tick.get_text() for tick in ax.get_xticklabels()]
    ['0', '2', '1']
    """
    values = np.asarray(similarity, float)
    if values.ndim != 2 or values.shape[0] != values.shape[1]:
        raise ValueError(f"plot_similarity takes a square matrix, got shape {values.shape}.")
    n_items = len(values)
    named = isinstance(similarity, xr.DataArray) and similarity.dims[0] in similarity.coords
    names = similarity[similarity.dims[0]].values if named else np.arange(n_items)
    order, edges = _order(labels, n_items)
    ax = new_axes(ax, (5.8, 4.6))
    image = ax.imshow(
        values[np.ix_(order, order)], vmin=0, vmax=1, cmap="Blues", interpolation="nearest"
    )
    for edge in edges:
        ax.axhline(edge - 0.5, color=COLORS[1], linewidth=1.0)
        ax.axvline(edge - 0.5, color=COLORS[1], linewidth=1.0)
    if n_items <= 40:
        ticks = [str(name) for name in names[order]]
        ax.set_xticks(range(n_items), ticks, rotation=90, fontsize="x-small")
        ax.set_yticks(range(n_items), ticks, fontsize="x-small")
    dim = str(similarity.dims[0]) if isinstance(similarity, xr.DataArray) else "item"
    ax.set(xlabel=dim.capitalize(), ylabel=dim.capitalize())
    ax.figure.colorbar(image, ax=ax, label="Part of the draws together", shrink=0.8)
    return ax


def _order(labels: ArrayLike | None, n_items: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Order items by cluster, larger clusters first; tell where clusters begin."""
    if labels is None:
        return np.arange(n_items), np.empty(0, np.int64)
    group = np.asarray(labels)
    if group.shape != (n_items,):
        raise ValueError(
            f"plot_similarity: labels must be one for each of {n_items} items, got shape"
            f" {group.shape}."
        )
    _, group, sizes = np.unique(group, return_inverse=True, return_counts=True)
    place = np.argsort(np.argsort(-sizes, kind="stable"))[group]
    order = np.argsort(place, kind="stable")
    return order, np.flatnonzero(np.diff(place[order])) + 1


def plot_states(
    counts: xr.DataArray,
    states: ArrayLike,
    *,
    clusters: ArrayLike | None = None,
    ax: "Axes | None" = None,
) -> "Axes":
    """Draw counts of units in time, a colour behind each state and beside each cluster.

    Parameters
    ----------
    counts : xarray.DataArray of dims (unit, time)
    states : array-like of int, shape (n_times,)
        State of each bin.
    clusters : array-like of int, shape (n_units,), optional
        Units are ordered by it. Default: as given.
    ax : matplotlib Axes, optional
        Where to draw.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ValueError
        If there is not one state for each bin.

    Examples
    --------
    >>> import neurokit
    >>> x = neurokit.counts([[0, 1, 2], [3, 0, 0]], bin_width=0.1)
    >>> plot_states(x, [0, 1, 1]).get_xlabel()
    'Time (s)'
    """
    values = np.asarray(counts.transpose(..., "time").values, float)
    states = np.asarray(states)
    if values.ndim != 2 or states.shape != values.shape[1:]:
        raise ValueError(
            "plot_states takes counts (unit, time) and one state for each bin, got shapes"
            f" {values.shape} and {states.shape}."
        )
    n_units = len(values)
    order = np.arange(n_units) if clusters is None else np.argsort(clusters, kind="stable")
    ax = new_axes(ax, (9.0, float(np.clip(1.2 + 0.08 * n_units, 2.4, 8.0))))
    time = counts["time"].values
    step = float(time[1] - time[0]) if len(time) > 1 else 1.0
    edges = np.concatenate([[0], np.flatnonzero(np.diff(states)) + 1, [len(states)]])
    names, place = np.unique(states, return_inverse=True)
    named: set[int] = set()
    for start, stop in itertools.pairwise(edges):
        k = int(place[start])
        ax.axvspan(
            time[start],
            time[stop - 1] + step,
            color=COLORS[k % len(COLORS)],
            alpha=0.25,
            linewidth=0,
            label=None if k in named else f"state {names[k]}",
        )
        named.add(k)
    top = np.quantile(values[np.isfinite(values)], 0.99) if np.isfinite(values).any() else 1.0
    ink = np.zeros((*values.shape, 4))
    ink[..., 3] = np.clip(np.nan_to_num(values[order]) / max(top, 1.0), 0, 1)
    extent = (time[0], time[-1] + step, n_units - 0.5, -0.5)
    ax.imshow(ink, aspect="auto", extent=extent, interpolation="nearest", zorder=2)
    if clusters is not None:
        group = np.asarray(clusters)[order]
        for row, g in enumerate(group):
            ax.plot(
                [1.004, 1.004],
                [row - 0.5, row + 0.5],
                transform=ax.get_yaxis_transform(),
                color=COLORS[int(g) % len(COLORS)],
                linewidth=4,
                solid_capstyle="butt",
                clip_on=False,
            )
    ax.set(xlabel="Time (s)", ylabel=f"Unit ({n_units})", xlim=extent[:2], ylim=extent[2:])
    ax.legend(
        frameon=False, loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=6, fontsize="small"
    )
    return ax


def plot_latents(latents: xr.Dataset, *, cluster: int = 0, ax: "Axes | None" = None) -> "Axes":
    """Draw the latents of a population with the band in which nine draws of ten lie.

    Parameters
    ----------
    latents : xarray.Dataset
        ``latents_`` of a fitted `neurokit.clustering.BayesianBiclustering`.
    cluster : int, default=0
    ax : matplotlib Axes, optional
        Where to draw.

    Returns
    -------
    matplotlib Axes

    Examples
    --------
    >>> x = xr.DataArray(np.zeros((1, 2, 5)), dims=("cluster", "factor", "bin"))
    >>> bands = xr.Dataset({"mean": x, "low": x - 1, "high": x + 1})
    >>> len(plot_latents(bands).lines)
    2
    """
    one = latents.isel(cluster=cluster).transpose("factor", "bin", ...)
    n_factors, n_bins = one.sizes["factor"], one.sizes["bin"]
    ax = new_axes(ax, (9.0, 1.0 + 1.1 * n_factors))
    bins = np.arange(n_bins)
    gap = 2 * max(float(np.abs(one["high"]).max()), float(np.abs(one["low"]).max()), 1e-9)
    ticks = []
    for f in range(n_factors):
        lift = -f * gap
        color = COLORS[f % len(COLORS)]
        low, mean, high = (np.asarray(one[name][f], float) for name in ("low", "mean", "high"))
        ax.fill_between(bins, low + lift, high + lift, color=color, alpha=0.3, linewidth=0)
        ax.plot(bins, mean + lift, color=color, linewidth=0.9)
        ticks.append(lift)
    names = ["common", *[f"factor {f}" for f in range(1, n_factors)]]
    ax.set_yticks(ticks, names)
    ax.set(xlabel="Bin", xlim=(0, max(n_bins - 1, 1)))
    return ax


def plot_chains(draws: ArrayLike, *, name: str = "", ax: "Axes | None" = None) -> "Axes":
    """Draw the trace of every chain, and beside it how its draws rank among all.

    Where chains agree, each has as many draws of every rank as the others (the dotted line).

    Parameters
    ----------
    draws : array-like of shape (n_chains, n_draws)
        A number that no naming of clusters changes, such as
        ``model.posterior_["log_likelihood"]``.
    name : str, optional
        What that number is called.
    ax : matplotlib Axes, optional
        Where the traces are drawn; the ranks take a third of it.

    Returns
    -------
    matplotlib Axes
        That of the traces.

    Raises
    ------
    ValueError
        If ``draws`` has another shape.

    References
    ----------
    .. [1] Vehtari et al. (2021), Bayesian Analysis 16, 667-718, section 4.3 (rank plots).

    Examples
    --------
    >>> ax = plot_chains(np.random.default_rng(0).normal(size=(2, 100)), name="log likelihood")
    >>> ax.get_ylabel()
    'log likelihood'
    """
    from mpl_toolkits.axes_grid1 import make_axes_locatable
    from scipy.stats import rankdata

    values = np.asarray(draws, float)
    if values.ndim != 2 or 0 in values.shape:
        raise ValueError(f"plot_chains takes (n_chains, n_draws), got shape {values.shape}.")
    n_draws = values.shape[1]
    ax = new_axes(ax, (9.0, 3.0))
    side = make_axes_locatable(ax).append_axes("right", size="45%", pad=0.25)
    side.spines[["top", "right"]].set_visible(False)
    ranks = rankdata(values).reshape(values.shape) / values.size
    edges = np.linspace(0, 1, min(20, max(2, n_draws // 5)) + 1)
    for k, (trace, rank) in enumerate(zip(values, ranks, strict=True)):
        color = COLORS[k % len(COLORS)]
        ax.plot(trace, color=color, linewidth=0.7, label=f"chain {k}")
        side.stairs(np.histogram(rank, edges)[0], edges, color=color, linewidth=1.0)
    side.axhline(n_draws / (len(edges) - 1), color="0.3", linestyle=":", linewidth=1.0)
    side.set(xlabel="Rank among all draws", xlim=(0, 1.02), xticks=(0, 0.5, 1), yticks=[])
    ax.set(xlabel="Draw", ylabel=name, xlim=(0, max(n_draws - 1, 1)))
    ax.legend(
        frameon=False, loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=6, fontsize="small"
    )
    return ax
