"""Components of connectomes, matrices in the order of communities, and the choice of a rank."""

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import xarray as xr

from neurokit.plotting._style import COLORS, mark_events, new_axes, thinning

if TYPE_CHECKING:
    from matplotlib.axes import Axes

OUTSIDE = "0.75"  # of units that belong to no community


def plot_components(
    factors: xr.Dataset,
    *,
    communities: xr.DataArray | None = None,
    events: pd.DataFrame | None = None,
    n_components: int = 6,
    axes: np.ndarray | None = None,
) -> np.ndarray:
    """Draw each component as a row: its units by community, its time course, its animals.

    Parameters
    ----------
    factors : xarray.Dataset
        ``factors_`` of a connectome or of `NonnegativeCP`: ``unit_factor`` or ``pair_factor``,
        ``time_factor``, perhaps one more, ``weight``.
    communities : xarray.DataArray of dims ("unit",), optional
        Number of each unit's community, such as ``membership_``; units stand in its order and
        are coloured by it, grey for -1.
    events : pandas.DataFrame, optional
        Stimuli: bars where they have a duration, lines where they have none.
    n_components : int, default=6
        Rows at most; the largest components come first.
    axes : array of matplotlib Axes of shape (n_rows, 2 or 3), optional
        Where to draw.

    Returns
    -------
    ndarray of matplotlib Axes, of shape (n_rows, 2) or (n_rows, 3)

    Raises
    ------
    ValueError
        If ``factors`` has no units or no times.

    Examples
    --------
    >>> from neurokit.connectomes import NonnegativeCP, differential_affinity
    >>> from neurokit.datasets import make_calcium
    >>> affinity = differential_affinity(make_calcium(20, n_units=6, random_state=0).traces)
    >>> model = NonnegativeCP(2, n_restarts=2, random_state=0).fit(affinity)
    >>> plot_components(model.factors_).shape
    (2, 2)
    """
    names = [str(name) for name in factors.data_vars if str(name).endswith("_factor")]
    loading = _unit_loading(factors)
    if loading is None or "time_factor" not in names:
        raise ValueError(
            "plot_components takes the factors of a connectome, with unit_factor (or pair_factor)"
            f" and time_factor, got {names}."
        )
    rest = [name for name in names if name not in ("unit_factor", "pair_factor", "time_factor")]
    n_rows = min(n_components, loading.shape[1])
    if axes is None:
        axes = _grid(n_rows, 2 + bool(rest))
    order, colors = _by_community(communities, loading)
    courses, times = _courses(factors)
    weight = factors["weight"].values
    for k in range(n_rows):
        own, course = axes[k, 0], axes[k, 1]
        own.bar(np.arange(len(order)), loading[order, k], width=1.0, color=colors[order])
        own.set(xlim=(-0.5, len(order) - 0.5), ylabel=f"{weight[k] / weight.sum():.0%}", yticks=[])
        keep = thinning(len(times), 4000)
        course.plot(times[keep], courses[keep, k], color="0.15", lw=0.8)
        course.set(xlim=(times[0], times[-1]), yticks=[])
        _bars(course, events if k == 0 else _without_labels(events), times)
        if rest:
            animals = factors[rest[0]].values[:, k]
            axes[k, 2].bar(np.arange(len(animals)), animals, color="0.4")
            axes[k, 2].set(yticks=[], xticks=[])
        for ax in axes[k]:
            ax.spines[["top", "right"]].set_visible(False)
            if k < n_rows - 1:
                ax.set_xticklabels([])
    last = axes[n_rows - 1]
    last[0].set(xlabel=f"Unit ({len(order)})", xticks=[])
    last[1].set(xlabel="Time (s)")
    if rest:
        last[2].set(xlabel=rest[0].removesuffix("_factor").capitalize())
    return axes


def plot_connectome(
    x: xr.DataArray,
    *,
    communities: xr.DataArray | None = None,
    ax: "Axes | None" = None,
) -> "Axes":
    """Draw a matrix of connections, units in the order of their communities.

    Parameters
    ----------
    x : xarray.DataArray of dims ("source", "target")
    communities : xarray.DataArray of dims ("unit",), optional
        Lines stand between communities; units of -1 come last.
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
    >>> x = xr.DataArray(np.eye(3), dims=("source", "target"))
    >>> plot_connectome(x).get_xlabel()
    'Target'
    """
    if set(x.dims) != {"source", "target"}:
        raise ValueError(
            f"plot_connectome takes dims source and target, got {x.dims}; choose a component with"
            " isel."
        )
    x = x.transpose("source", "target")
    ax = new_axes(ax, (4.6, 4.0))
    values = np.asarray(x.values, dtype=float)
    order = np.arange(len(values))
    if communities is not None:
        order, _ = _by_community(communities, None)
        numbers = communities.values[order]
        for edge in np.flatnonzero(np.diff(numbers)) + 0.5:
            ax.axhline(edge, color="white", lw=0.8)
            ax.axvline(edge, color="white", lw=0.8)
    known = values[np.isfinite(values)]
    signed = known.size > 0 and known.min() < 0
    top = float(np.quantile(np.abs(known), 0.99)) if known.size else 1.0
    picture = ax.imshow(
        values[np.ix_(order, order)],
        cmap="RdBu_r" if signed else "viridis",
        vmin=-top if signed else 0.0,
        vmax=top or 1.0,
        interpolation="nearest",
    )
    ax.figure.colorbar(picture, ax=ax, shrink=0.8, label=str(x.name or ""))
    ax.set(xlabel="Target", ylabel="Source", xticks=[], yticks=[])
    return ax


def plot_ranks(ranks: xr.Dataset, *, ax: "Axes | None" = None) -> "Axes":
    """Draw the errors of `choose_rank` against the number of components.

    Parameters
    ----------
    ranks : xarray.Dataset
        What `choose_rank` returned.
    ax : matplotlib Axes, optional
        Where to draw.

    Returns
    -------
    matplotlib Axes
        A second axis, on the right, is for core consistency and stability, in percent.

    Examples
    --------
    >>> from neurokit.connectomes import choose_rank
    >>> x = np.random.default_rng(0).random((5, 6, 7))
    >>> plot_ranks(choose_rank(x, [1, 2], n_splits=1, random_state=0)).get_xlabel()
    'Number of components'
    """
    ax = new_axes(ax, (5.0, 3.2))
    number = ranks["rank"].values
    for name, label, color in (
        ("test_error", "hidden entries", COLORS[1]),
        ("train_error", "entries seen", COLORS[0]),
    ):
        mean = ranks[name].mean("split").values
        spread = ranks[name].std("split").values
        ax.errorbar(number, mean, spread, color=color, marker="o", ms=4, label=label)
    best = int(ranks.attrs["best"])
    ax.axvline(best, color="0.6", lw=0.8, ls=":")
    ax.set(xlabel="Number of components", ylabel="Relative error", xticks=number)
    other = ax.twinx()
    other.plot(number, ranks["core_consistency"].clip(0), color=COLORS[2], lw=0.9, label="core")
    other.plot(number, 100 * ranks["stability"], color=COLORS[3], lw=0.9, label="stability")
    other.set(ylim=(0, 105), ylabel="%")
    lines = [*ax.get_legend_handles_labels()[0], *other.get_legend_handles_labels()[0]]
    names = [*ax.get_legend_handles_labels()[1], *other.get_legend_handles_labels()[1]]
    ax.legend(
        lines,
        names,
        frameon=False,
        ncols=4,
        fontsize="small",
        loc="lower left",
        bbox_to_anchor=(0.0, 1.0),
    )
    return ax


def plot_graph(
    x: xr.DataArray,
    *,
    communities: xr.DataArray | None = None,
    n_edges: int = 100,
    ax: "Axes | None" = None,
) -> "Axes":
    """Draw the strongest connections between units on a circle, in the order of communities.

    Parameters
    ----------
    x : xarray.DataArray of dims ("source", "target")
    communities : xarray.DataArray of dims ("unit",), optional
        Colours of units and of the edges inside a community.
    n_edges : int, default=100
        The strongest so many are drawn, the stronger the darker.
    ax : matplotlib Axes, optional
        Where to draw.

    Returns
    -------
    matplotlib Axes

    Examples
    --------
    >>> x = xr.DataArray(np.ones((4, 4)), dims=("source", "target"))
    >>> len(plot_graph(x, n_edges=5).lines)
    5
    """
    if set(x.dims) != {"source", "target"}:
        raise ValueError(
            f"plot_graph takes dims source and target, got {x.dims}; choose a component with isel."
        )
    ax = new_axes(ax, (4.4, 4.4))
    values = np.nan_to_num(np.asarray(x.transpose("source", "target").values, dtype=float))
    n_units = len(values)
    order, colors = np.arange(n_units), np.array([COLORS[0]] * n_units)
    groups = np.zeros(n_units, int)
    if communities is not None:
        order, colors = _by_community(communities, None)
        groups = communities.values
    angle = np.empty(n_units)
    angle[order] = 2 * np.pi * np.arange(n_units) / n_units
    place = np.stack([np.cos(angle), np.sin(angle)], 1)
    source, target = np.triu_indices(n_units, 1)
    strength = np.maximum(values[source, target], values[target, source])
    chosen = np.argsort(-strength, kind="stable")[:n_edges]
    chosen = chosen[strength[chosen] > 0]
    top = strength[chosen].max(initial=1e-300)
    for edge in chosen[::-1]:
        i, j = source[edge], target[edge]
        inside = groups[i] == groups[j] and groups[i] >= 0
        ax.plot(
            *place[[i, j]].T,
            color=colors[i] if inside else "0.5",
            lw=0.3 + 1.5 * strength[edge] / top,
            alpha=0.2 + 0.7 * strength[edge] / top,
            zorder=1,
        )
    ax.scatter(place[:, 0], place[:, 1], c=list(colors), s=24, zorder=2)
    ax.set(xticks=[], yticks=[], aspect="equal")
    ax.spines[["left", "bottom"]].set_visible(False)
    return ax


def _unit_loading(factors: xr.Dataset) -> np.ndarray | None:
    if "unit_factor" in factors:
        return np.asarray(factors["unit_factor"].transpose("unit", "component").values)
    if "pair_factor" in factors:
        pairs = factors["pair_factor"].transpose("source", "target", "component")
        return np.asarray(np.nansum(pairs.values, axis=1))
    return None


def _courses(factors: xr.Dataset) -> tuple[np.ndarray, np.ndarray]:
    """Time courses and their times; those of several animals end to end."""
    courses = factors["time_factor"].transpose(..., "time", "component")
    values = np.asarray(courses.values).reshape(-1, courses.sizes["component"])
    if courses.ndim == 2 and "time" in factors.coords:
        return values, np.asarray(factors["time"].values, dtype=float)
    step = 1.0
    if "time" in factors.coords and factors.sizes["time"] > 1:
        step = float(np.median(np.diff(factors["time"].values)))
    return values, np.arange(len(values)) * step


def _by_community(
    communities: xr.DataArray | None, loading: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    """Order of the units, those of no community last, and the colour of each."""
    if communities is None:
        size = 0 if loading is None else len(loading)
        return np.arange(size), np.array([COLORS[0]] * size)
    numbers = np.asarray(communities.values)
    last = np.where(numbers < 0, numbers.max(initial=0) + 1, numbers)
    colors = [OUTSIDE if n < 0 else COLORS[n % len(COLORS)] for n in numbers]
    return np.argsort(last, kind="stable"), np.array(colors)


def _grid(n_rows: int, n_columns: int) -> np.ndarray:
    import matplotlib.pyplot as plt

    widths = [2.0, 4.0, 1.0][:n_columns]
    _, axes = plt.subplots(
        n_rows,
        n_columns,
        figsize=(9.0, 0.6 + 0.9 * n_rows),
        width_ratios=widths,
        squeeze=False,
        layout="constrained",
    )
    return np.asarray(axes)


def _bars(ax: Any, events: pd.DataFrame | None, times: np.ndarray) -> None:
    """Shade stimuli that last, and mark those that do not."""
    if events is None:
        return
    lasting = events["duration"] > 0
    for k, name in enumerate(dict.fromkeys(events["label"].astype(str))):
        own = events[lasting & (events["label"].astype(str) == name)]
        for onset, duration in zip(own["onset"], own["duration"], strict=True):
            ax.axvspan(onset, onset + duration, color=COLORS[(k + 1) % len(COLORS)], alpha=0.15)
    mark_events(ax, events[~lasting], float(times[0]), float(times[-1]))


def _without_labels(events: pd.DataFrame | None) -> pd.DataFrame | None:
    """Only what lasts: lines and their names stand in the first row."""
    return None if events is None else events[events["duration"] > 0]
