"""What units do to each other in every state, and how long states are held."""

from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from neurokit.plotting._style import COLORS, new_axes, quantile

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def plot_connections(weights: xr.DataArray, *, ax: "Axes | None" = None) -> "Axes":
    """Draw the weights of every state side by side, on one scale, white where there is none.

    Parameters
    ----------
    weights : xarray.DataArray of dims ("state", "target", "source")
        ``weights_`` of a `neurokit.clustering.SwitchingGLM`.
    ax : matplotlib Axes, optional
        Where to draw.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ValueError
        If ``weights`` has other dims.

    Examples
    --------
    >>> import xarray as xr
    >>> ax = plot_connections(xr.DataArray(np.eye(3)[None], dims=("state", "target", "source")))
    >>> ax.get_title()
    'State 0'
    """
    if set(weights.dims) != {"state", "target", "source"}:
        raise ValueError(
            f"plot_connections: expects the dims state, target, source, got {tuple(weights.dims)}."
        )
    values = weights.transpose("state", "target", "source").values
    n_states, n_targets, n_sources = values.shape
    ax = new_axes(ax, (1.0 + 2.6 * n_states, 3.0))
    gap = max(1, round(0.1 * n_sources))
    sheet = np.full((n_targets, n_states * (n_sources + gap) - gap), np.nan)
    for k, block in enumerate(values):
        at = k * (n_sources + gap)
        sheet[:, at : at + n_sources] = block
        if n_states > 1:
            name = f"State {_name(weights, k)}"
            place = (at + 0.5 * n_sources - 0.5, -0.5)
            ax.annotate(name, place, (0, 4), textcoords="offset points", ha="center")
    scale = quantile(np.abs(values), 0.99)
    image = ax.imshow(sheet, cmap="RdBu_r", vmin=-scale, vmax=scale, interpolation="nearest")
    ax.figure.colorbar(image, ax=ax, label="Weight", shrink=0.8)
    if n_states == 1:
        ax.set_title(f"State {_name(weights, 0)}")
    ax.set(xlabel="Source", ylabel="Target", xticks=[], yticks=[])
    return ax


def plot_dwell_times(
    labels: xr.DataArray, dwell_times: xr.DataArray | None = None, *, ax: "Axes | None" = None
) -> "Axes":
    """Draw how many visits to a state last longer than a time, and what a model says of it.

    Parameters
    ----------
    labels : xarray.DataArray of dims ([trial,] time)
        States. The first and the last visit of each trial are cut off, and left out.
    dwell_times : xarray.DataArray of dim (state,), optional
        Mean times in seconds, drawn as exponentials (broken lines): ``dwell_times_`` of a
        `neurokit.clustering.DwellTimes`.
    ax : matplotlib Axes, optional
        Where to draw.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ValueError
        If ``labels`` has other dims.

    Examples
    --------
    >>> from neurokit.datasets import make_jumps
    >>> plot_dwell_times(make_jumps(100, random_state=0).labels).get_xlabel()
    'Time in the state (s)'
    """
    if "time" not in labels.dims or not set(labels.dims) <= {"trial", "time"}:
        raise ValueError(
            f"plot_dwell_times: expects the dims ([trial,] time), got {tuple(labels.dims)}."
        )
    ax = new_axes(ax, (5.6, 3.6))
    time = labels["time"].values
    step = float(time[1] - time[0]) if len(time) > 1 else 1.0
    rows = np.atleast_2d(labels.transpose(..., "time").values)
    for k, state in enumerate(np.unique(rows)):
        lasted = np.sort(np.concatenate([_visits(row, state) for row in rows])) * step
        color = COLORS[k % len(COLORS)]
        longer = 1.0 - np.arange(len(lasted)) / max(len(lasted), 1)
        ax.step(lasted, longer, where="post", color=color, label=f"{state}")
        if dwell_times is not None and state in dwell_times["state"]:
            mean = float(dwell_times.sel(state=state))
            grid = np.linspace(0, lasted[-1] if len(lasted) else mean, 100)
            # a visit of n samples lasted from n - 1 to n + 1 steps
            ax.plot(grid, np.exp(-grid / mean), color=color, linestyle="--", linewidth=0.9)
    ax.set(xlabel="Time in the state (s)", ylabel="Visits that last longer", yscale="log")
    ax.legend(title="State", frameon=False, fontsize="small")
    return ax


def _visits(row: NDArray[Any], state: Any) -> NDArray[np.float64]:
    """Return the lengths of whole visits to a state, in samples."""
    edges = np.flatnonzero(np.diff(row)) + 1
    lengths, first = np.diff(edges), row[edges[:-1]]
    return np.asarray(lengths[first == state], float)


def _name(weights: xr.DataArray, k: int) -> Any:
    return weights["state"].values[k] if "state" in weights.coords else k
