"""Pictures of recordings and of what was decoded from them.

Each function draws on ``ax``, or on a new figure when there is none, and returns the Axes. Colours
are those of Okabe and Ito, which people with any colour vision can tell apart.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from neurokit.recording import check_dims, check_spikes, sampling_rate

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
"""Blue, vermilion, green, purple, orange, sky blue and black."""


def plot_signal(
    x: xr.DataArray,
    *,
    events: pd.DataFrame | None = None,
    scale: float | None = None,
    n_channels: int = 32,
    ax: "Axes | None" = None,
) -> "Axes":
    """Draw the channels of a signal one below the other, as an EEG is read.

    Parameters
    ----------
    x : xarray.DataArray of dims ("channel", "time")
        Lazy ones are loaded: choose a stretch with ``sel(time=slice(...))`` first.
    events : pandas.DataFrame, optional
        Those inside the stretch are marked, one colour for each label.
    scale : float, optional
        Distance between channels, in the signal's unit. Default: from its spread.
    n_channels : int, default=32
        Only the first so many are drawn.
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
    >>> from neurokit.datasets import make_eeg
    >>> eeg = make_eeg(10, n_channels=4, random_state=0)
    >>> ax = plot_signal(eeg.signal.sel(time=slice(2, 8)), events=eeg.events)
    >>> [label.get_text() for label in ax.get_yticklabels()]
    ['Fp1', 'Fp2', 'F7', 'F3']
    """
    x = check_dims(x, ("channel", "time"), caller="plot_signal").isel(channel=slice(n_channels))
    ax = _axes(ax, (9.0, min(1.2 + 0.28 * x.sizes["channel"], 9.0)))
    times, values = x["time"].values, _centred(x)
    keep = _thin(len(times), 6000)
    if scale is None:
        # by the typical channel: one with blinks or a loose contact may reach over its neighbours
        spread = np.array(
            [_quantile(np.abs(row), 0.98) for row in values if (np.abs(row) > 0).any()]
        )
        scale = _round(2.5 * float(np.median(spread))) if len(spread) else 1.0
    below = -scale * np.arange(len(values))
    ax.plot(times[keep], (values + below[:, None]).T[keep], color="0.15", linewidth=0.5)
    ax.set_yticks(below, [str(name) for name in x["channel"].values])
    ax.tick_params(axis="y", length=0)
    ax.set(xlabel="Time (s)", xlim=(times[0], times[-1]))
    ax.set_ylim(below[-1] - 0.9 * scale, 0.9 * scale)
    _scale_bar(ax, scale, f"{scale:g} {_pretty(x.attrs.get('units', ''))}")
    _mark_events(ax, events, float(times[0]), float(times[-1]))
    return ax


def plot_psd(
    x: xr.DataArray,
    *,
    fmax: float | None = None,
    resolution: float = 0.5,
    ax: "Axes | None" = None,
) -> "Axes":
    """Draw the power spectrum of every channel (Welch), and their median.

    Parameters
    ----------
    x : xarray.DataArray of dims ([trial,] "channel", "time")
        Trials are averaged; channels that hold NaN or nothing but one value are left out.
    fmax : float, optional
        Up to which frequency, in Hz. Default: half the sampling rate, at most 80 Hz.
    resolution : float, default=0.5
        Distance between frequencies, in Hz, where the recording is long enough.
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
    >>> from neurokit.datasets import make_eeg
    >>> plot_psd(make_eeg(10, n_channels=4, random_state=0).signal).get_ylabel()
    'Power (µV²/Hz)'
    """
    from scipy.signal import welch

    dims = ("trial", "channel", "time") if "trial" in x.dims else ("channel", "time")
    x = check_dims(x, dims, caller="plot_psd")
    ax = _axes(ax, (6.0, 3.6))
    rate, n_times = sampling_rate(x), x.sizes["time"]
    values = np.moveaxis(
        np.atleast_3d(np.asarray(x.values, float).T), 1, 0
    )  # channel, time, trial
    good = np.isfinite(values).all(axis=(1, 2)) & (values != values[:, :1]).any(axis=(1, 2))
    nperseg = min(n_times, max(8, round(rate / resolution)))
    frequency, power = welch(values[good], rate, nperseg=nperseg, axis=1)
    power = power.mean(axis=2)
    shown = (frequency > 0) & (frequency <= (fmax or min(80.0, rate / 2)))
    units = _pretty(x.attrs.get("units", ""))
    ax.set(xlabel="Frequency (Hz)", ylabel=f"Power ({units}²/Hz)")
    if not good.any() or not shown.any():
        ax.text(0.5, 0.5, "no channel with a signal", ha="center", transform=ax.transAxes)
        return ax
    power = power[:, shown]
    thin = {"color": COLORS[5], "linewidth": 0.6, "alpha": max(0.15, 1 / np.sqrt(len(power)))}
    ax.semilogy(frequency[shown], power.T, **thin)
    label = "median of channels" if len(power) > 1 else str(x["channel"].values[good][0])
    ax.semilogy(frequency[shown], np.median(power, axis=0), color=COLORS[0], label=label)
    ax.set_xlim(0, frequency[shown][-1])
    ax.legend(frameon=False, loc="upper right")
    return ax


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
    ax = _axes(ax, (9.0, float(np.clip(0.8 + 0.05 * n_units, 2.4, 8.0))))
    begin = float(x["start"]) if start is None else start
    end = float(x["stop"]) if stop is None else stop
    row = np.repeat(np.arange(n_units), x["spike_count"].values)
    times = x["spike_time"].values
    inside = (times >= begin) & (times <= end)
    # vector ticks of a long session would make a picture of hundreds of megabytes
    many = inside.sum() > 20_000
    height = ax.get_window_extent().height / _figure(ax).dpi * 72 / max(n_units, 1)
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
    ax.set_ylabel(f"Unit ({n_units})")
    _mark_events(ax, events, begin, end)
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
    ax = _axes(ax, (9.0, min(1.2 + 0.28 * x.sizes["unit"], 9.0)))
    times, values = x["time"].values, _centred(x)
    keep = _thin(len(times), 6000)
    scale = _round(0.8 * _quantile(values, 0.995))
    above = scale * np.arange(len(values))
    for k, trace in enumerate(values + above[:, None]):
        ax.plot(times[keep], trace[keep], color=COLORS[k % 5], linewidth=0.7)
    ax.set_yticks(above, [str(name) for name in x["unit"].values])
    ax.tick_params(axis="y", length=0)
    ax.set(xlabel="Time (s)", ylabel="Unit", xlim=(times[0], times[-1]))
    ax.set_ylim(-0.8 * scale, above[-1] + 2.0 * scale)
    _scale_bar(ax, scale, f"{scale:g} {_pretty(x.attrs.get('units', ''))}")
    _mark_events(ax, events, float(times[0]), float(times[-1]))
    return ax


def plot_topomap(
    values: ArrayLike | xr.DataArray,
    positions: xr.DataArray | ArrayLike,
    *,
    units: str = "",
    diverging: bool | None = None,
    ax: "Axes | None" = None,
) -> "Axes":
    """Draw one value per electrode as a map of the scalp, seen from above, the nose up (by MNE).

    Parameters
    ----------
    values : array-like of shape (n_channels,)
        What to draw.
    positions : xarray.DataArray with ``channel``, or array-like of shape (n_channels, 3)
        A recording whose channels have ``x y z``, or the places themselves, in mm.
    units : str, default=""
        Unit of the values, beside the colour bar.
    diverging : bool, optional
        Whether zero is the middle of the colours. Default: when there are values on both sides.
    ax : matplotlib Axes, optional
        Where to draw.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ValueError
        If fewer than three channels have a place, or the numbers of values and places differ.

    Examples
    --------
    >>> from neurokit.datasets import make_eeg
    >>> signal = make_eeg(4, n_channels=19, random_state=0).signal
    >>> ax = plot_topomap(signal.std("time"), signal, units="uV")
    """
    import mne

    if isinstance(positions, xr.DataArray):
        if missing := [name for name in "xyz" if name not in positions.coords]:
            raise ValueError(
                "plot_topomap: needs the places of the channels, but the recording has no"
                f" coordinates {missing}; give positions= to neurokit.signal."
            )
        positions = np.stack([positions[name].values for name in "xyz"], axis=1)
    places, numbers = np.asarray(positions, float), np.asarray(values, float)
    if places.shape != (len(numbers), 3):
        raise ValueError(
            f"plot_topomap: {len(numbers)} values need places of shape ({len(numbers)}, 3), got"
            f" {places.shape}."
        )
    known = np.isfinite(places).all(axis=1) & np.isfinite(numbers)
    if known.sum() < 3:
        raise ValueError(
            f"plot_topomap: needs at least 3 channels with a place and a value, got {known.sum()}."
        )
    ax = _axes(ax, (3.6, 3.2))
    names = [str(k) for k in range(known.sum())]
    info = mne.create_info(names, 100.0, "eeg")
    montage = mne.channels.make_dig_montage(
        dict(zip(names, places[known] / 1000, strict=True)), coord_frame="head"
    )
    info.set_montage(montage)
    shown = numbers[known]
    both = shown.min() < 0 < shown.max() if diverging is None else diverging
    limit = np.abs(shown).max() or 1.0
    image, _ = mne.viz.plot_topomap(
        shown,
        info,
        axes=ax,
        show=False,
        contours=4,
        cmap="RdBu_r" if both else "viridis",
        vlim=(-limit, limit) if both else (shown.min(), shown.max()),
        sphere=float(np.median(np.linalg.norm(places[known], axis=1))) / 1000,
    )
    bar = _figure(ax).colorbar(image, ax=ax, shrink=0.7, pad=0.04)
    bar.set_label(_pretty(units))
    return ax


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
        Of the same shape. A labelled array gives the clock, the name and the unit.
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
    ax = _axes(ax, (9.0, 2.6))
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
    ax.set_ylabel(f"{name} ({_pretty(units)})" if units else name)
    ax.set_title(f"{name}: R² = {r2:.2f}", loc="left", fontsize="medium")
    ax.legend(frameon=False, loc="lower right", bbox_to_anchor=(1.0, 0.98), ncols=2)
    return ax


def plot_confusion(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    *,
    labels: Sequence[Any] | None = None,
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
    ax = _axes(ax, (side + 0.8, side))
    image = ax.imshow(share, cmap="Blues", vmin=0, vmax=1)
    size = "medium" if len(names) <= 8 else "x-small"
    for i, j in np.ndindex(*number.shape):
        color = "white" if share[i, j] > 0.55 else "black"
        text = f"{share[i, j]:.0%}\n{number[i, j]}" if len(names) <= 8 else f"{number[i, j]}"
        ax.text(j, i, text, ha="center", va="center", color=color, fontsize=size)
    turned = max(len(str(name)) for name in names) * len(names) > 40
    ax.set_xticks(range(len(names)), names, rotation=45 if turned else 0)
    ax.set_yticks(range(len(names)), names)
    ax.tick_params(length=0)
    accuracy = np.trace(number) / max(number.sum(), 1)
    ax.set(xlabel="Predicted", ylabel="True")
    ax.set_title(f"{accuracy:.0%} of {number.sum()} right", loc="left", fontsize="medium")
    _figure(ax).colorbar(image, ax=ax, shrink=0.8, label="Share of the true class")
    return ax


def _axes(ax: "Axes | None", size: tuple[float, float]) -> "Axes":
    """Take the Axes given, or a new figure's; without a box around the picture."""
    if ax is None:
        import matplotlib.pyplot as plt

        ax = plt.subplots(figsize=size, layout="constrained")[1]
    ax.spines[["top", "right"]].set_visible(False)
    return ax


def _figure(ax: "Axes") -> "Figure":
    """Get the figure that an Axes is part of, at whatever depth."""
    figure = ax.get_figure(root=True)
    if figure is None:
        raise ValueError("ax has been removed from its figure; give one that is on a figure.")
    return figure


def _thin(n_times: int, most: int) -> slice:
    """Choose every k-th sample, where more could not be told apart on a page."""
    return slice(None, None, max(1, n_times // (2 * most)))


def _centred(x: xr.DataArray) -> NDArray[np.float64]:
    """Take the median off every row; infinite values become NaN, which is not drawn."""
    values = np.array(x.values, float)
    values[~np.isfinite(values)] = np.nan
    for row in values:
        if np.isfinite(row).any():
            row -= np.nanmedian(row)
    return values


def _quantile(values: NDArray[np.float64], share: float) -> float:
    """Find how far the values go; 1 where there is nothing to see."""
    known = values[np.isfinite(values)]
    spread = float(np.quantile(known, share)) if known.size else 0.0
    return spread if spread > 0 else 1.0


def _round(value: float) -> float:
    """Round to 1, 2 or 5 times a power of ten."""
    power = 10.0 ** np.floor(np.log10(value))
    return float(min((1, 2, 5, 10), key=lambda step: abs(step * power - value)) * power)


def _pretty(units: str) -> str:
    """Write units as in print."""
    return {"dF/F": "ΔF/F"}.get(units, units.replace("uV", "µV").replace("um", "µm"))


def _scale_bar(ax: "Axes", scale: float, text: str) -> None:
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


def _mark_events(ax: "Axes", events: pd.DataFrame | None, start: float, stop: float) -> None:
    """Draw a line at each event of the span, and name the labels above the picture."""
    if events is None:
        return
    inside = events[(events["onset"] >= start) & (events["onset"] <= stop)]
    names = list(dict.fromkeys(inside["label"].astype(str)))
    for k, name in enumerate(names[: len(COLORS) - 1]):
        onsets = inside["onset"][inside["label"].astype(str) == name]
        for place, onset in enumerate(onsets):
            ax.axvline(
                onset,
                color=COLORS[(k + 1) % len(COLORS)],
                linewidth=1.0,
                alpha=0.8,
                label=name if place == 0 else None,
            )
    if names:
        ax.legend(
            frameon=False, loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=6, fontsize="small"
        )
