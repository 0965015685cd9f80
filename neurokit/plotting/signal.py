"""Signals and their spectra."""

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
    quantile,
    round_125,
    say_power,
    say_unit,
    scale_bar,
    shorten,
    thinning,
)
from neurokit.recording.checks import check_dims
from neurokit.recording.rate import contiguous_runs, sampling_rate

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_TRIALS = 20


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
    x : xarray.DataArray of dims ("channel", "time") or ("trial", "channel", "time")
        Lazy ones are loaded: choose a stretch with ``sel(time=slice(...))`` first. Trials are
        drawn one after the other, at most 20 of them, under their labels.
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
    trials = x.isel(trial=slice(_TRIALS)) if "trial" in x.dims else None
    if trials is not None:
        x = _in_a_row(check_dims(trials, ("trial", "channel", "time"), caller="plot_signal"))
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
    kept, rows = times[keep], (values + below[:, None]).T[keep]
    cuts = np.searchsorted(kept, _jumps(x))
    kept, rows = np.insert(kept, cuts, np.nan), np.insert(rows, cuts, np.nan, axis=0)
    ax.plot(kept, rows, color="0.15", linewidth=0.5)  # no line where nothing was recorded
    ax.set_yticks(below, [str(name) for name in x["channel"].values])
    ax.tick_params(axis="y", length=0)
    ax.set(xlabel="Time (s)", xlim=(times[0], times[-1]))
    ax.set_ylim(below[-1] - 0.9 * scale, 0.9 * scale)
    scale_bar(ax, scale, f"{scale:g} {say_unit(x.attrs.get('units'))}".rstrip())
    if trials is None:
        mark_events(ax, events, float(times[0]), float(times[-1]))
    else:
        _mark_trials(ax, trials, times)
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
    rate = sampling_rate(x)
    values = np.moveaxis(
        np.atleast_3d(np.asarray(x.values, float).T), 1, 0
    )  # channel, time, trial
    good = np.isfinite(values).all(axis=(1, 2)) & (values != values[:, :1]).any(axis=(1, 2))
    runs = contiguous_runs(x)
    nperseg = min(max(run.stop - run.start for run in runs), max(8, round(rate / resolution)))
    sums, counts = [], []  # no window reaches over a jump of the clock
    for run in runs:
        if (n := (run.stop - run.start - nperseg) // max(1, nperseg // 2) + 1) > 0:
            frequency, power = welch(values[good][:, run], rate, nperseg=nperseg, axis=1)
            sums.append(n * power.mean(axis=2))
            counts.append(n)
    power = np.sum(sums, axis=0) / sum(counts)
    shown = (frequency > 0) & (frequency <= (fmax or min(80.0, rate / 2)))
    units = say_power(x.attrs.get("units"))
    ax.set(xlabel="Frequency (Hz)", ylabel=f"Power ({units})")
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


def plot_spectrogram(
    x: xr.DataArray,
    channel: str | int = 0,
    *,
    fmax: float | None = None,
    window: float = 1.0,
    ax: "Axes | None" = None,
) -> "Axes":
    """Draw the power of one channel over time and frequency.

    Parameters
    ----------
    x : xarray.DataArray of dims ("channel", "time")
    channel : str or int, default=0
        By name or place.
    fmax : float, optional
        Up to which frequency, in Hz. Default: half the sampling rate, at most 80 Hz.
    window : float, default=1.0
        Length of the windows (Hann, half overlapping), in seconds: its inverse is the resolution.
    ax : matplotlib Axes, optional
        Where to draw.

    Returns
    -------
    matplotlib Axes
        Colours are decibels of power density; NaN is left blank.

    Raises
    ------
    ValueError
        If ``x`` has other dims, or is shorter than a window.
    KeyError
        If there is no such channel.

    Examples
    --------
    >>> from neurokit.datasets import make_eeg
    >>> ax = plot_spectrogram(make_eeg(10, n_channels=4, random_state=0).signal, "F7")
    >>> ax.get_ylabel()
    'Frequency (Hz)'
    """
    from scipy.signal import spectrogram

    x = check_dims(x, ("channel", "time"), caller="plot_spectrogram")
    names = x["channel"].values.tolist() if "channel" in x.coords else [*range(len(x))]
    if channel not in names and not (isinstance(channel, int) and channel < len(names)):
        raise KeyError(f"plot_spectrogram: there is no channel {channel!r} among {names[:12]}.")
    one = x.isel(channel=names.index(channel) if channel in names else int(channel))
    rate, runs = sampling_rate(x), contiguous_runs(x)
    size, n_times = round(window * rate), max(run.stop - run.start for run in runs)
    if not 4 <= size <= n_times:
        raise ValueError(
            f"plot_spectrogram: a window of {window:g} s is {size} samples at {rate:g} Hz, of"
            f" {n_times}; it takes 4 or more, and no more than there are."
        )
    values, ways = np.asarray(one.values, float), {"window": "hann", "nperseg": size}
    pieces, middles = [], []
    for run in runs:  # no window reaches over a jump of the clock, where the picture stays blank
        if run.stop - run.start >= size:
            found = spectrogram(values[run], rate, noverlap=size // 2, **ways)
            frequency, at, power = found
            step = (size - size // 2) / rate
            middles.append(float(x["time"][run.start]) + np.r_[at[0] - step, at, at[-1] + step])
            pieces.append(np.pad(power, [(0, 0), (1, 1)], constant_values=np.nan))
    at, power = np.concatenate(middles)[1:-1], np.concatenate(pieces, axis=1)[:, 1:-1]
    shown = (frequency > 0) & (frequency <= (fmax or min(80.0, rate / 2)))
    with np.errstate(divide="ignore", invalid="ignore"):
        decibels = 10 * np.log10(power[shown])
    known = decibels[np.isfinite(decibels)]
    low, high = np.quantile(known, [0.02, 0.99]) if known.size else (0.0, 1.0)
    decibels[~np.isfinite(decibels)] = np.nan
    ax = new_axes(ax, (8.0, 3.4))
    image = ax.pcolormesh(
        at,
        frequency[shown],
        decibels,
        vmin=low,
        vmax=high if high > low else low + 1,
        cmap="viridis",
        shading="nearest",
        rasterized=True,
    )
    unit = one.coords["units"].item() if "units" in one.coords else x.attrs.get("units", "")
    ax.set(xlabel="Time (s)", ylabel="Frequency (Hz)")
    title = channel if channel in names else names[int(channel)]
    ax.set_title(str(title), loc="left",
                 fontsize="medium")  # fmt: skip
    bar = figure_of(ax).colorbar(image, ax=ax, pad=0.02)
    bar.set_label(f"Power (dB of {say_power(unit)})")
    return ax


def _jumps(x: xr.DataArray) -> np.ndarray:
    """Return the times at which the clock goes on behind a gap; none where it has no rate."""
    try:
        return x["time"].values[[run.start for run in contiguous_runs(x)[1:]]]
    except ValueError:
        return x["time"].values[:0]


def _in_a_row(x: xr.DataArray) -> xr.DataArray:
    """Lay trials one after the other, with a gap of a twentieth between them."""
    gap = max(1, x.sizes["time"] // 20)
    rate = sampling_rate(x) if x.sizes["time"] > 1 else 1.0
    values = np.full((x.sizes["channel"], x.sizes["trial"], x.sizes["time"] + gap), np.nan)
    values[..., : x.sizes["time"]] = x.transpose("channel", "trial", "time").values
    values = values.reshape(len(values), -1)[:, :-gap]
    time = np.arange(values.shape[1]) / rate
    return xr.DataArray(
        values, {"channel": x["channel"].values, "time": time}, ("channel", "time"), attrs=x.attrs
    )


def _mark_trials(ax: "Axes", trials: xr.DataArray, times: np.ndarray) -> None:
    n, own = trials.sizes["trial"], trials["time"].values
    step = (times[-1] + (times[1] - times[0]) * (1 + max(1, len(own) // 20))) / n
    names = trials["label"].values.tolist() if "label" in trials.coords else [*range(n)]
    for k, name in enumerate(names):
        if own[0] <= 0 <= own[-1]:
            ax.axvline(k * step - own[0], color="0.6", linewidth=0.8, linestyle="--")
        ax.text(k * step, 1.01, shorten(str(name), max(6, 90 // n)), ha="left", va="bottom",
                fontsize="small", transform=ax.get_xaxis_transform())  # fmt: skip
    ax.set_xticks([k * step for k in range(n)], [f"{own[0]:g}"] * n if n <= 12 else [""] * n)
    ax.set_xlabel(f"Trials of {own[-1] - own[0]:.3g} s, from {own[0]:g} s")
