"""Trials: their mean with its spread, each as a row, spikes by condition, tuning, paths."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import ArrayLike

from neurokit.plotting._style import COLORS, figure_of, new_axes, quantile, say_unit
from neurokit.recording.bins import bin_spikes
from neurokit.recording.checks import check_dims, check_spikes
from neurokit.recording.epochs import epoch
from neurokit.types import Floats

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_TRIALS = ("trial", "channel", "time")


def plot_erp(
    x: xr.DataArray, channel: str | int = 0, *, label: str = "label", ax: "Axes | None" = None
) -> "Axes":
    """Draw what follows an event on the average, one line for each condition.

    Parameters
    ----------
    x : xarray.DataArray of dims ("trial", "channel", "time")
        Trials, time 0 being the event.
    channel : str or int, default=0
        By name or place.
    label : str, default="label"
        Coordinate of ``trial`` that tells conditions; without it all trials are one.
    ax : matplotlib Axes, optional
        Where to draw.

    Returns
    -------
    matplotlib Axes
        Bands are one standard error of the mean to each side.

    Raises
    ------
    ValueError
        If ``x`` has other dims, or no trial.
    KeyError
        If there is no such channel.

    Examples
    --------
    >>> import neurokit
    >>> from neurokit.datasets import make_eeg
    >>> eeg = make_eeg(20, n_channels=4, random_state=0)
    >>> trials = neurokit.epoch(eeg.signal, eeg.events, tmin=-0.2, tmax=0.6)
    >>> plot_erp(trials, "F7").get_title(loc="left")
    'F7'
    """
    values, times, name, units = _of_channel(x, channel, "plot_erp")
    ax = new_axes(ax, (6.0, 3.4))
    for k, (condition, rows) in enumerate(_conditions(x, label).items()):
        mean, spread = np.nanmean(values[rows], axis=0), np.zeros(len(times))
        if len(rows) > 1:
            spread = np.nanstd(values[rows], axis=0, ddof=1) / np.sqrt(len(rows))
        color = COLORS[k % len(COLORS)]
        ax.fill_between(times, mean - spread, mean + spread, color=color, alpha=0.2, linewidth=0)
        ax.plot(times, mean, color=color, label=f"{condition} ({len(rows)})")
    ax.axhline(0, color="0.6", linewidth=0.6)
    _mark_zero(ax, times)
    ax.set(
        xlabel="Time (s)",
        ylabel=f"Mean ± s.e.m. ({units})".removesuffix(" ()"),
        xlim=(times[0], times[-1]),
    )
    ax.set_title(name, loc="left", fontsize="medium")
    ax.legend(frameon=False, fontsize="small", loc="best")
    return ax


def plot_erp_image(
    x: xr.DataArray,
    channel: str | int = 0,
    *,
    order: ArrayLike | None = None,
    ax: "Axes | None" = None,
) -> "Axes":
    """Draw every trial of a channel as a row of colours, so that the mean hides nothing.

    Parameters
    ----------
    x : xarray.DataArray of dims ("trial", "channel", "time")
    channel : str or int, default=0
        By name or place.
    order : array-like of shape (n_trials,), optional
        Trials are sorted by it (reaction times, say). Default: as they came.
    ax : matplotlib Axes, optional
        Where to draw.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ValueError
        If ``x`` has other dims, no trial, or ``order`` another length.
    KeyError
        If there is no such channel.

    Examples
    --------
    >>> import numpy as np, neurokit
    >>> x = neurokit.signal(np.random.default_rng(0).normal(size=(9, 2, 50)), sampling_rate=50)
    >>> plot_erp_image(x, "ch1").get_ylabel()
    'Trial'
    """
    values, times, name, units = _of_channel(x, channel, "plot_erp_image")
    words = "Trial"
    if order is not None:
        key = np.asarray(order)
        if key.shape != (len(values),):
            raise ValueError(
                f"plot_erp_image: order must be one number for each of {len(values)} trials, got"
                f" shape {key.shape}."
            )
        values, words = values[np.argsort(key, kind="stable")], "Trial (sorted)"
    ax = new_axes(ax, (6.0, 3.8))
    limit = quantile(np.abs(values), 0.99)
    step = (times[-1] - times[0]) / max(len(times) - 1, 1)
    image = ax.imshow(
        values,
        aspect="auto",
        cmap="RdBu_r",
        vmin=-limit,
        vmax=limit,
        interpolation="nearest",
        extent=(times[0] - step / 2, times[-1] + step / 2, len(values) - 0.5, -0.5),
    )
    _mark_zero(ax, times)
    ax.set(xlabel="Time (s)", ylabel=words)
    ax.set_title(name, loc="left", fontsize="medium")
    figure_of(ax).colorbar(image, ax=ax, label=units, shrink=0.8, pad=0.02)
    return ax


def plot_psth(
    x: xr.Dataset,
    events: pd.DataFrame,
    unit: object = None,
    *,
    tmin: float = -0.5,
    tmax: float = 1.0,
    bin_width: float = 0.02,
    ax: "Axes | None" = None,
) -> "Axes":
    """Draw the spikes of one unit around events, trial by trial, and its rate above them.

    Parameters
    ----------
    x : xarray.Dataset
        Spikes.
    events : pandas.DataFrame
        ``onset`` in s; ``label`` tells conditions, which are drawn in groups.
    unit : hashable, optional
        Its id. Default: the one with the most spikes.
    tmin, tmax : float, default=-0.5, 1.0
        Window around each event, in seconds.
    bin_width : float, default=0.02
        Bins of the rate, in seconds.
    ax : matplotlib Axes, optional
        Where to draw; the rate takes the upper third of it.

    Returns
    -------
    matplotlib Axes
        That of the raster. The rate is drawn on an inset of it.

    Raises
    ------
    TypeError
        If ``x`` is not a Dataset of spikes.
    KeyError
        If there is no such unit.
    ValueError
        If no event lies inside the recording.

    Examples
    --------
    >>> import neurokit
    >>> x = neurokit.spikes({"a": [1.0, 1.1, 2.1, 2.2]}, stop=4.0)
    >>> go = neurokit.events([1.0, 2.0], label=["left", "right"])
    >>> plot_psth(x, go).get_ylabel()
    'Trial (2)'
    """
    x = check_spikes(x, "plot_psth")
    ids = x["unit"].values.tolist()
    if unit is None and ids:
        unit = ids[int(np.argmax(x["spike_count"].values))]
    if unit not in ids:
        raise KeyError(f"plot_psth: there is no unit {unit!r} among {ids[:10]}.")
    ends = np.cumsum(x["spike_count"].values)
    k = ids.index(unit)
    times = x["spike_time"].values[ends[k] - x["spike_count"].values[k] : ends[k]]
    counts = epoch(
        x.isel(unit=[k]), events, tmin=tmin, tmax=tmax, bin_width=bin_width, keep_bad=True
    )
    ax = new_axes(ax, (6.0, 4.2))
    above = ax.inset_axes((0.0, 0.73, 1.0, 0.27))
    row, names = 0, _conditions(counts, "label")
    for n, (condition, chosen) in enumerate(names.items()):
        color = COLORS[n % len(COLORS)]
        for onset in counts["onset"].values[chosen]:
            near = times[(times >= onset + tmin) & (times < onset + tmax)] - onset
            ax.vlines(near, row - 0.45, row + 0.45, color=color, linewidth=0.8)
            row += 1
        rate = np.nanmean(counts.values[chosen, 0], axis=0) / bin_width
        words = f"{condition} ({len(chosen)})"
        above.step(counts["time"].values, rate, where="post", color=color, label=words)
    ax.set(xlabel="Time from the event (s)", ylabel=f"Trial ({row})", xlim=(tmin, tmax))
    ax.set_ylim(row - 0.5, -0.5 - 0.45 * row)  # the rate stands on the upper third
    ax.set_yticks([t for t in ax.get_yticks() if 0 <= t < row])
    ax.set_ylim(row - 0.5, -0.5 - 0.45 * row)
    above.set(ylabel="Rate (Hz)", xlim=(tmin, tmax), xticks=[])
    above.set_ylim(bottom=0)
    above.spines[["top", "right"]].set_visible(False)
    above.set_title(f"Unit {unit}", loc="left", fontsize="medium")
    above.legend(frameon=False, fontsize="small", loc="upper left", bbox_to_anchor=(1.0, 1.0))
    for one in (ax, above):
        one.axvline(0, color="0.6", linewidth=0.8, linestyle="--")
    return ax


def plot_tuning(
    x: xr.Dataset | xr.DataArray,
    values: xr.DataArray,
    *,
    n_bins: int = 20,
    n_units: int = 6,
    ax: "Axes | None" = None,
) -> "Axes":
    """Draw the rate of units against something measured: a place, a direction, a speed.

    Parameters
    ----------
    x : xarray.Dataset of spikes
        Or counts of dims ("unit", "time") on the clock of ``values``.
    values : xarray.DataArray of dims ("time",)
        What is measured, ``behaviour.sel(feature="x")`` say. NaN is left out.
    n_bins : int, default=20
        Bins of equal width, between the 1 % and 99 % quantiles.
    n_units : int, default=6
        The units whose rates depend on it most are drawn.
    ax : matplotlib Axes, optional
        Where to draw.

    Returns
    -------
    matplotlib Axes
        Bins visited for less than a thousandth of the time are left out.

    Raises
    ------
    ValueError
        If ``values`` has other dims or no finite value, or the clocks differ.

    Examples
    --------
    >>> from neurokit.datasets import make_reaching
    >>> session = make_reaching(30, n_units=8, random_state=0)
    >>> ax = plot_tuning(session.spikes, session.behaviour.isel(feature=0))
    >>> ax.get_ylabel()
    'Rate (Hz)'
    """
    values = check_dims(values, ("time",), caller="plot_tuning")
    found = np.asarray(values.values, dtype=np.float64)
    step = float(values["time"][1] - values["time"][0]) if len(found) > 1 else 0.0
    if not np.isfinite(found).any() or step <= 0:
        raise ValueError("plot_tuning: values must hold two finite numbers or more, along time.")
    if isinstance(x, xr.Dataset):
        start = float(values["time"][0])
        x = bin_spikes(x, step, start=start, stop=start + step * len(found), unobserved="nan")
    x = check_dims(x, ("unit", "time"), caller="plot_tuning")
    if x.sizes["time"] != len(found):
        raise ValueError(
            f"plot_tuning: counts have {x.sizes['time']} bins and values {len(found)} samples; bin"
            " spikes on the clock of values."
        )
    low, high = np.nanquantile(found, [0.01, 0.99])
    edges = np.linspace(low, high if high > low else low + 1, n_bins + 1)
    place = np.digitize(found, edges) - 1
    inside = np.isfinite(found) & (place >= 0) & (place < n_bins)
    counts = np.asarray(x.values, dtype=np.float64)
    rates = np.full((len(counts), n_bins), np.nan)
    for k in range(n_bins):
        here = inside & (place == k)
        if here.sum() >= max(2, 1e-3 * len(found)):
            rates[:, k] = np.nanmean(counts[:, here], axis=1) / step
    depth = np.nanstd(rates, axis=1) / np.sqrt(np.nanmean(rates, axis=1) + 0.1)
    ax = new_axes(ax, (6.0, 3.4))
    for n, k in enumerate(np.argsort(-np.nan_to_num(depth), kind="stable")[:n_units]):
        color, style = COLORS[n % len(COLORS)], "-" if n < len(COLORS) else "--"
        label = str(x["unit"].values[k])
        ax.plot((edges[1:] + edges[:-1]) / 2, rates[k], style, color=color, label=label)
    name = str(values.coords["feature"].item()) if "feature" in values.coords else values.name
    unit = values.coords["units"].item() if "units" in values.coords else ""
    unit = unit or values.attrs.get("units", "")
    ax.set(xlabel=f"{name or 'value'}{f' ({say_unit(unit)})' if unit else ''}")
    ax.set_ylabel("Rate (Hz)")
    ax.set_ylim(bottom=0)
    ax.legend(title="Unit", frameon=False, fontsize="small", loc="upper left",
              bbox_to_anchor=(1.0, 1.0))  # fmt: skip
    return ax


def plot_trajectories(
    x: xr.DataArray,
    features: tuple[str | int, str | int] = (0, 1),
    *,
    label: str = "label",
    ax: "Axes | None" = None,
) -> "Axes":
    """Draw paths in a plane: a hand's, a rat's, or those of latent components.

    Parameters
    ----------
    x : xarray.DataArray
        Dims ("time", "feature"), or with "trial"; "channel", "unit" or "component" do as well.
    features : pair of str or int, default=(0, 1)
        What lies along the axes, by name or place.
    label : str, default="label"
        Coordinate of ``trial`` that gives each path its colour.
    ax : matplotlib Axes, optional
        Where to draw.

    Returns
    -------
    matplotlib Axes
        A dot marks where each path begins.

    Raises
    ------
    ValueError
        If the dims are others.
    KeyError
        If there is no such feature.

    Examples
    --------
    >>> from neurokit.datasets import make_reaching
    >>> ax = plot_trajectories(make_reaching(20, random_state=0).behaviour)
    >>> len(ax.lines) > 0
    True
    """
    space = next((str(d) for d in x.dims if d not in ("trial", "time")), "")
    if not space or not {"time"} <= set(x.dims) <= {"trial", "time", space}:
        raise ValueError(f"plot_trajectories takes dims ([trial,] time, feature), got {x.dims}.")
    lines = x if "trial" in x.dims else x.expand_dims("trial")
    lines = lines.transpose("trial", "time", space)
    pair = [_position(lines, space, f, "plot_trajectories") for f in features]
    paths: Floats = np.asarray(lines.values, dtype=np.float64)[..., pair]
    ax = new_axes(ax, (4.4, 4.2))
    for k, (condition, rows) in enumerate(_conditions(lines, label).items()):
        color = COLORS[k % len(COLORS)]
        faint = float(np.clip(3 / np.sqrt(len(rows)), 0.25, 0.9))
        for n, path in enumerate(paths[rows]):
            said = str(condition) if n == 0 else None
            ax.plot(*path.T, color=color, alpha=faint, linewidth=1.0, label=said)
            known = np.flatnonzero(np.isfinite(path).all(axis=1))[:1]
            ax.plot(*path[known].T, "o", color=color, markersize=3)
    names = [str(lines[space].values[k]) if space in lines.coords else str(k) for k in pair]
    ax.set(xlabel=names[0], ylabel=names[1])
    if space == "feature":
        ax.set_aspect("equal", adjustable="datalim")
    if label in lines.coords and "trial" in x.dims:
        ax.legend(frameon=False, fontsize="small", loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return ax


def _of_channel(
    x: xr.DataArray, channel: str | int, caller: str
) -> tuple[Floats, Floats, str, str]:
    """Return one channel of trials, their times, its name and its unit."""
    x = check_dims(x, _TRIALS, caller=caller)
    if not x.sizes["trial"] or not x.sizes["time"]:
        raise ValueError(f"{caller}: there is no trial to draw, got shape {x.shape}.")
    one = x.isel(channel=_position(x, "channel", channel, caller))
    unit = one.coords["units"].item() if "units" in one.coords else one.attrs.get("units", "")
    name = str(one["channel"].item()) if "channel" in one.coords else str(channel)
    return np.asarray(one.values, np.float64), one["time"].values, name, say_unit(unit)


def _position(x: xr.DataArray, dim: str, name: str | int, caller: str) -> int:
    names = x[dim].values.tolist() if dim in x.coords else list(range(x.sizes[dim]))
    if name in names:
        return names.index(name)
    if isinstance(name, int) and -len(names) <= name < len(names):
        return name % len(names)
    raise KeyError(f"{caller}: there is no {dim} {name!r} among {names[:12]}.")


def _conditions(x: xr.DataArray, label: str) -> dict[str, np.ndarray]:
    """Return the positions of the trials of each condition, in order of their names."""
    n = x.sizes["trial"]
    if label not in x.coords or x[label].dims != ("trial",):
        return {"all trials": np.arange(n)}
    names = x[label].values.tolist()
    keys = sorted(set(names), key=lambda name: (isinstance(name, str), name))
    return {str(key): np.flatnonzero([name == key for name in names]) for key in keys}


def _mark_zero(ax: "Axes", times: Floats) -> None:
    if times[0] <= 0 <= times[-1]:
        ax.axvline(0, color="0.4", linewidth=0.8, linestyle="--")
