"""What tokens cost, what they keep, and how they use their alphabet."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import xarray as xr

from neurokit.metrics import BANDS, band_fidelity, codebook_report, nmse
from neurokit.metrics.fidelity import rate_of
from neurokit.plotting._style import (
    COLORS,
    centred,
    new_axes,
    pretty,
    quantile,
    round_125,
    scale_bar,
    thinning,
)
from neurokit.recording.checks import check_dims
from neurokit.types import Recording, Tokens

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MARKERS = "osD^vP*"


def plot_reconstruction(
    x: xr.DataArray,
    y: xr.DataArray,
    *,
    n_channels: int = 4,
    scale: float | None = None,
    ax: "Axes | None" = None,
) -> "Axes":
    """Draw a signal, what was decoded from its tokens over it, and below each channel the error.

    All three are on one scale, so that the error is seen as it is.

    Parameters
    ----------
    x, y : xarray.DataArray of dims ("channel", "time")
        Signal and reconstruction; of lazy ones choose a stretch first.
    n_channels : int, default=4
        Only the first so many are drawn.
    scale : float, optional
        Distance from a signal to its error, in the signal's unit. Default: from its spread.
    ax : matplotlib Axes, optional
        Where to draw.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ValueError
        If the dims or sizes differ, or channels have other names.

    Examples
    --------
    >>> from neurokit.datasets import make_eeg
    >>> eeg = make_eeg(4, n_channels=2, random_state=0).signal
    >>> plot_reconstruction(eeg, 0.9 * eeg).get_title(loc="left")
    'error over variance .010'
    """
    x, y = (check_dims(a, ("channel", "time"), caller="plot_reconstruction") for a in (x, y))
    if x.shape != y.shape or list(x["channel"].values) != list(y["channel"].values):
        raise ValueError(
            "plot_reconstruction: expects a signal and its reconstruction, with the same channels"
            f" and samples, got shapes {x.shape} and {y.shape}; cut both alike with sel()."
        )
    whole = nmse(x, y).values
    x, y = x.isel(channel=slice(n_channels)), y.isel(channel=slice(n_channels))
    ax = new_axes(ax, (9.0, 0.9 + 1.15 * x.sizes["channel"]))
    times, values, decoded = x["time"].values, centred(x), y.values.astype(float)
    error = decoded - x.values
    decoded = values + error  # about the same middle
    keep = thinning(len(times), 6000)
    bar = scale
    if scale is None:
        scale = 1.8 * float(np.median([quantile(np.abs(row), 0.995) for row in values]))
        bar = round_125(0.7 * scale)
    names = []
    for k in range(len(values)):
        top, below = -2.2 * k * scale, -(2.2 * k + 1.05) * scale
        last = k == len(values) - 1
        ax.plot(
            times[keep],
            values[k, keep] + top,
            color="0.6",
            linewidth=2.2,
            solid_joinstyle="round",
            label="recorded" if last else None,
        )
        ax.plot(
            times[keep],
            decoded[k, keep] + top,
            color=COLORS[0],
            linewidth=0.9,
            label="decoded" if last else None,
        )
        ax.plot(
            times[keep],
            error[k, keep] + below,
            color=COLORS[1],
            linewidth=0.7,
            label="error" if last else None,
        )
        names += [(top, str(x["channel"].values[k])), (below, "error")]
    ax.set_yticks([place for place, _ in names], [name for _, name in names])
    for label, (_, name) in zip(ax.get_yticklabels(), names, strict=True):
        label.set_color(COLORS[1] if name == "error" else "black")
    ax.tick_params(axis="y", length=0)
    ax.set(xlabel="Time (s)", xlim=(times[0], times[-1]))
    peak = float(np.max(np.nan_to_num([values[0], decoded[0]])))
    ax.set_ylim(names[-1][0] - 0.6 * scale, float(np.clip(1.05 * peak, scale, 3 * scale)))
    scale_bar(ax, float(bar or scale), f"{bar:g} {pretty(x.attrs.get('units', ''))}")
    several = "" if len(whole) == 1 else f", median of {len(whole)} channels"
    several = several if len(whole) > 2 else ""
    ax.set_title(
        f"error over variance {_short(np.median(whole))}{several}", loc="left", fontsize="medium"
    )
    ax.legend(frameon=False, loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=3)
    return ax


def plot_band_fidelity(
    x: Recording,
    y: Recording | Mapping[str, Recording],
    *,
    measure: str = "pearson",
    bands: Mapping[str, tuple[float, float]] | None = None,
    sampling_rate: float | None = None,
    ax: "Axes | None" = None,
) -> "Axes":
    """Draw how well each frequency band comes through: median and quartiles over channels.

    Parameters
    ----------
    x : DataArray with ``time``, or array-like of shape (..., n_times)
        Signal.
    y : the same, or a mapping of name to the same
        Reconstruction, or several to compare.
    measure : {"pearson", "nmse", "log_power_error"}, default="pearson"
        See `neurokit.metrics.band_fidelity`.
    bands : mapping of name to (low, high), default=`neurokit.metrics.BANDS`
        In Hz. Those above half the sampling rate are left out.
    sampling_rate : float, optional
        In Hz; needed for plain arrays.
    ax : matplotlib Axes, optional
        Where to draw.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ValueError
        If the measure is unknown or the signals cannot be compared.

    Examples
    --------
    >>> x = np.random.default_rng(0).normal(size=(5, 1000))
    >>> ax = plot_band_fidelity(x, 0.9 * x, sampling_rate=100)
    >>> [label.get_text().split() for label in ax.get_xticklabels()][:2]
    [['delta', '1-4'], ['theta', '4-8']]
    """
    labels = {
        "pearson": "Correlation",
        "nmse": "Error over variance",
        "log_power_error": "Power, decoded over recorded (dB)",
    }
    if measure not in labels:
        raise ValueError(
            f"plot_band_fidelity: measure must be one of {list(labels)}, got {measure!r}."
        )
    bands = BANDS if bands is None else bands
    half = rate_of(x, sampling_rate, "plot_band_fidelity") / 2
    several = y if isinstance(y, Mapping) else {"": y}
    found = {
        name: np.asarray(
            getattr(band_fidelity(x, z, bands=bands, sampling_rate=sampling_rate), measure)
        ).reshape(-1, len(bands))
        for name, z in several.items()
    }
    shown = np.any([np.isfinite(values).any(0) for values in found.values()], axis=0)
    ax = new_axes(ax, (1.6 + 0.9 * shown.sum(), 3.2))
    width = 0.6 / len(found)
    for k, (name, values) in enumerate(found.items()):
        place = np.arange(shown.sum()) + (k - (len(found) - 1) / 2) * width
        low, middle, high = np.nanquantile(values[:, shown], (0.25, 0.5, 0.75), axis=0)
        color = COLORS[k % len(COLORS)]
        ax.vlines(place, low, high, color=color, linewidth=2.0, alpha=0.5)
        marker = MARKERS[k % len(MARKERS)]
        ax.plot(place, middle, marker, color=color, markersize=5.5, label=name or None)
    names = [
        f"{name.replace('_', ' ')}\n{low:g}-{min(high, half):g}"
        for (name, (low, high)), keep in zip(bands.items(), shown, strict=True)
        if keep
    ]
    ax.set_xticks(range(len(names)), names)
    ax.tick_params(axis="x", length=0)
    ax.set(xlabel="Band (Hz)", ylabel=labels[measure], xlim=(-0.6, len(names) - 0.4))
    if measure == "nmse":
        _log_axis(ax)
    else:
        ax.axhline(1.0 if measure == "pearson" else 0.0, color="0.8", linewidth=0.8, zorder=0)
    if measure == "pearson":
        ax.set_ylim(top=1.02)
    if "" not in found:
        ax.legend(
            frameon=False, loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=3, fontsize="small"
        )
    return ax


def plot_rate_distortion(
    curves: Mapping[str, pd.DataFrame],
    *,
    measure: str = "nmse",
    stages: bool = True,
    ax: "Axes | None" = None,
) -> "Axes":
    """Draw what tokens keep against what they cost, one curve for each tokenizer.

    Parameters
    ----------
    curves : mapping of name to DataFrame
        What `neurokit.metrics.rate_distortion` gives: ``bits`` per second and channel beside
        ``nmse`` or another measure, a row for each number of stages. Measure the bits of files
        (its ``n_bytes``), or say what they are in the names.
    measure : str, default="nmse"
        Column to draw.
    stages : bool, default=True
        Write the number of stages (the index) beside the first and the last point of a curve.
    ax : matplotlib Axes, optional
        Where to draw.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ValueError
        If there is no curve, or a column is missing.

    Examples
    --------
    >>> curve = pd.DataFrame({"bits": [100, 200], "nmse": [0.2, 0.05]}, index=[1, 2])
    >>> plot_rate_distortion({"codec": curve}).get_yscale()
    'log'
    """
    if not curves:
        raise ValueError("plot_rate_distortion: expects at least one curve, got none.")
    for name, curve in curves.items():
        if missing := {"bits", measure} - set(curve.columns):
            raise ValueError(
                f"plot_rate_distortion: curve {name!r} has no columns {sorted(missing)}, it has"
                f" {list(curve.columns)}; metrics.rate_distortion makes such tables."
            )
    ax = new_axes(ax, (6.4, 4.0))
    for k, (name, curve) in enumerate(curves.items()):
        curve = curve.sort_values("bits")
        color, line = COLORS[k % len(COLORS)], MARKERS[k % len(MARKERS)] + "-"
        ax.plot(
            curve["bits"],
            curve[measure],
            line,
            color=color,
            markersize=5,
            linewidth=1.4,
            label=name,
        )
        if stages and curve.index.is_unique and len(curve) > 1:
            for row in (0, -1):
                ax.annotate(
                    str(curve.index[row]),
                    (curve["bits"].iloc[row], curve[measure].iloc[row]),
                    xytext=(5, 4),
                    textcoords="offset points",
                    fontsize="x-small",
                    color=color,
                )
    if measure == "nmse":
        _log_axis(ax)
    ax.set_xlim(left=0)
    labels = {
        "nmse": "Error over variance",
        "snr_db": "Signal-to-noise ratio (dB)",
        "pearson": "Correlation",
    }
    ax.set(xlabel="Bit per second and channel", ylabel=labels.get(measure, measure))
    ax.grid(True, which="major", color="0.92", linewidth=0.6)
    ax.set_axisbelow(True)
    ax.legend(frameon=False, fontsize="small")
    return ax


def plot_codebook_use(
    tokens: Tokens,
    codebook_sizes: Sequence[int],
    *,
    names: Sequence[str] | None = None,
    ax: "Axes | None" = None,
) -> "Axes":
    """Draw how much of its codebook each stage uses.

    The pale bar is the share of codes that occur at all, the dark one their perplexity: as many
    codes, used evenly, would tell as much. Far apart, a few codes do nearly all the work.

    Parameters
    ----------
    tokens : DataArray with ``frame`` and ``level``, or array-like of shape (..., frame, level)
        Codes of the stages alone: leave out the columns of side information.
    codebook_sizes : sequence of int
        Codes that each stage has.
    names : sequence of str, optional
        Names of the stages. Default: the labels of ``level``, else numbers from 1 on.
    ax : matplotlib Axes, optional
        Where to draw.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ValueError
        If the numbers of stages differ, or a token lies outside its codebook.

    Examples
    --------
    >>> tokens = np.random.default_rng(0).integers(0, 16, (200, 2))
    >>> ax = plot_codebook_use(tokens, [16, 32])
    >>> [text.get_text() for text in ax.texts]
    ['16 of 16 used, perplexity 15.6', '16 of 32 used, perplexity 15.6']
    """
    report = codebook_report(tokens, codebook_sizes)
    if names is None and isinstance(tokens, xr.DataArray) and "level" in tokens.coords:
        names = [str(name) for name in tokens["level"].values]
    names = [str(k + 1) for k in range(len(report))] if names is None else list(names)
    ax = new_axes(ax, (6.4, 1.1 + 0.36 * len(report)))
    place = np.arange(len(report))
    share = 100 * report["perplexity"] / report["size"]
    ax.barh(place, 100 * report["usage"], height=0.7, color="#BBDDF2", label="used at all")
    ax.barh(place, share, height=0.7, color=COLORS[0], label="perplexity")
    for k, row in enumerate(report.itertuples()):
        text = f"{row.used} of {row.size} used, perplexity {row.perplexity:.3g}"
        ax.text(102, k, text, va="center", fontsize="small")
    ax.set_yticks(place, names)
    ax.tick_params(axis="y", length=0)
    ax.invert_yaxis()
    ax.set(xlabel="Share of the codebook (%)", ylabel="Stage", xlim=(0, 100))
    ax.legend(frameon=False, loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=2)
    return ax


def _log_axis(ax: "Axes") -> None:
    """Make the axis logarithmic, with plain numbers at 1, 2 and 5; not if nothing is above 0."""
    from matplotlib.ticker import LogLocator, NullLocator

    if not any((np.asarray(line.get_ydata(), float) > 0).any() for line in ax.lines):
        return
    ax.set_yscale("log")
    ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    ax.yaxis.set_minor_locator(NullLocator())
    ax.yaxis.set_major_formatter("{x:g}")


def _short(value: float) -> str:
    """Two figures, without the zero in front."""
    if not 1e-4 <= value < 1:
        return f"{value:.2g}"
    digits = 1 - int(np.floor(np.log10(value)))
    return f"{value:.{max(digits, 3)}f}".lstrip("0")
