"""What was decoded, beside what happened."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike

from neurokit.plotting._style import COLORS, figure_of, new_axes, pretty, shorten

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def plot_decoding(
    y_true: xr.DataArray | ArrayLike,
    y_pred: xr.DataArray | ArrayLike,
    *,
    feature: str | int = 0,
    step: float | None = None,
    span: float | None = 30.0,
    ax: "Axes | None" = None,
) -> "Axes":
    """Draw what was decoded over what happened, with its R2.

    Parameters
    ----------
    y_true, y_pred : array-like of shape (n_times, n_features), or xarray.DataArray
        An array of the same shape. A labelled one gives the clock, the name and the unit.
    feature : str or int, default=0
        Which of the features, by name or place.
    step : float, optional
        Seconds between samples, for plain arrays. Default: the axis counts samples.
    span : float, optional
        Only the first so many seconds are drawn; R2 is of all. None draws all.
    ax : matplotlib Axes, optional
        Where to draw.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ValueError
        If the shapes differ.

    Examples
    --------
    >>> y = np.sin(np.arange(200) / 10)
    >>> plot_decoding(y, 0.9 * y, step=0.02).get_title(loc="left")
    '0: R² = 0.99'
    """
    name, units, times = str(feature), "", None
    if isinstance(y_true, xr.DataArray):
        y_true = y_true.transpose("time", ...)
        names = y_true["feature"].values.tolist() if "feature" in y_true.coords else []
        place = names.index(feature) if feature in names else int(feature)
        name = str(names[place]) if names else name
        units = str(y_true["units"].values[place]) if "units" in y_true.coords else ""
        times, feature = y_true["time"].values, place
    if isinstance(y_pred, xr.DataArray):
        y_pred = y_pred.transpose("time", ...)
    true, pred = (np.atleast_1d(np.asarray(y, float)) for y in (y_true, y_pred))
    if true.shape != pred.shape:
        raise ValueError(
            f"plot_decoding: y_true and y_pred must have one shape, got {true.shape} and"
            f" {pred.shape}."
        )
    ax = new_axes(ax, (9.0, 2.6))
    if true.ndim > 1:
        true, pred = true[:, int(feature)], pred[:, int(feature)]
    clock = np.arange(len(true)) * (step or 1.0) if times is None else times
    both = np.isfinite(true) & np.isfinite(pred)
    spread = np.sum((true[both] - true[both].mean()) ** 2) if both.any() else 0.0
    r2 = 1 - np.sum((true[both] - pred[both]) ** 2) / spread if spread > 0 else np.nan
    stop = len(clock) if span is None else int(np.searchsorted(clock, clock[0] + span))
    ax.plot(clock[:stop], true[:stop], color="0.45", linewidth=1.6, label="measured")
    ax.plot(clock[:stop], pred[:stop], color=COLORS[1], linewidth=1.1, label="decoded")
    timed = times is not None or step is not None
    ax.set(xlabel="Time (s)" if timed else "Sample", xlim=(clock[0], clock[stop - 1]))
    ax.set_ylabel(f"{name} ({pretty(units)})" if units else name)
    ax.set_title(f"{name}: R² = {r2:.2f}", loc="left", fontsize="medium")
    ax.legend(frameon=False, loc="lower right", bbox_to_anchor=(1.0, 0.98), ncols=2)
    return ax


def plot_confusion(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    *,
    labels: Sequence[object] | None = None,
    ax: "Axes | None" = None,
) -> "Axes":
    """Draw which classes were taken for which: shares of each true class, with the numbers.

    Parameters
    ----------
    y_true, y_pred : array-like of shape (n_trials,)
        Labels.
    labels : sequence, optional
        Order of the classes. Default: sorted.
    ax : matplotlib Axes, optional
        Where to draw.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ValueError
        If there are no trials, or more or fewer predictions than truths.

    Examples
    --------
    >>> ax = plot_confusion(["left", "left", "right"], ["left", "right", "right"])
    >>> ax.get_title(loc="left")
    '67% of 3 right'
    """
    from sklearn.metrics import confusion_matrix

    true, pred = np.asarray(y_true), np.asarray(y_pred)
    if true.shape != pred.shape or true.size == 0:
        raise ValueError(
            "plot_confusion: needs as many predictions as true labels, at least one, got shapes"
            f" {pred.shape} and {true.shape}."
        )
    names = list(labels) if labels is not None else sorted({*true.tolist(), *pred.tolist()})
    number = confusion_matrix(true, pred, labels=names)
    share = number / np.maximum(number.sum(axis=1, keepdims=True), 1)
    side = float(np.clip(1.8 + 0.6 * len(names), 3.0, 9.0))
    ax = new_axes(ax, (side + 0.8, side))
    image = ax.imshow(share, cmap="Blues", vmin=0, vmax=1)
    size = "medium" if len(names) <= 8 else "x-small"
    for i, j in np.ndindex(*number.shape):
        color = "white" if share[i, j] > 0.55 else "black"
        text = f"{share[i, j]:.0%}\n{number[i, j]}" if len(names) <= 8 else f"{number[i, j]}"
        ax.text(j, i, text, ha="center", va="center", color=color, fontsize=size)
    texts = [shorten(str(name), 24) for name in names]
    turned = max(map(len, texts)) * len(texts) > 40
    ax.set_xticks(range(len(texts)), texts)
    if turned:  # by their ends, so that none is cut off
        for tick in ax.get_xticklabels():
            tick.set(rotation=45, ha="right", rotation_mode="anchor")
    ax.set_yticks(range(len(texts)), texts)
    ax.tick_params(length=0)
    accuracy = np.trace(number) / max(number.sum(), 1)
    ax.set(xlabel="Predicted", ylabel="True")
    ax.set_title(f"{accuracy:.0%} of {number.sum()} right", loc="left", fontsize="medium")
    figure_of(ax).colorbar(image, ax=ax, shrink=0.8, label="Share of the true class")
    return ax
