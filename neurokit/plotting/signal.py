"""Signals, their spectra, and maps of the scalp."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import ArrayLike

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
from neurokit.recording.checks import check_dims
from neurokit.recording.rate import sampling_rate

if TYPE_CHECKING:
    from matplotlib.axes import Axes


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
    ax = new_axes(ax, (9.0, min(1.2 + 0.28 * x.sizes["channel"], 9.0)))
    times, values = x["time"].values, centred(x)
    keep = thinning(len(times), 6000)
    if scale is None:
        # by the typical channel: one with blinks or a loose contact may reach over its neighbours
        spread = np.array(
            [quantile(np.abs(row), 0.98) for row in values if (np.abs(row) > 0).any()]
        )
        scale = round_125(2.5 * float(np.median(spread))) if len(spread) else 1.0
    below = -scale * np.arange(len(values))
    ax.plot(times[keep], (values + below[:, None]).T[keep], color="0.15", linewidth=0.5)
    ax.set_yticks(below, [str(name) for name in x["channel"].values])
    ax.tick_params(axis="y", length=0)
    ax.set(xlabel="Time (s)", xlim=(times[0], times[-1]))
    ax.set_ylim(below[-1] - 0.9 * scale, 0.9 * scale)
    scale_bar(ax, scale, f"{scale:g} {pretty(x.attrs.get('units', ''))}")
    mark_events(ax, events, float(times[0]), float(times[-1]))
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
    ax = new_axes(ax, (6.0, 3.6))
    rate, n_times = sampling_rate(x), x.sizes["time"]
    values = np.moveaxis(
        np.atleast_3d(np.asarray(x.values, float).T), 1, 0
    )  # channel, time, trial
    good = np.isfinite(values).all(axis=(1, 2)) & (values != values[:, :1]).any(axis=(1, 2))
    nperseg = min(n_times, max(8, round(rate / resolution)))
    frequency, power = welch(values[good], rate, nperseg=nperseg, axis=1)
    power = power.mean(axis=2)
    shown = (frequency > 0) & (frequency <= (fmax or min(80.0, rate / 2)))
    units = pretty(x.attrs.get("units", ""))
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
    ax = new_axes(ax, (3.6, 3.2))
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
    bar = figure_of(ax).colorbar(image, ax=ax, shrink=0.7, pad=0.04)
    bar.set_label(pretty(units))
    return ax
