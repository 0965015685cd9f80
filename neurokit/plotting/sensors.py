"""Where sensors are, and maps of what they see."""

from typing import TYPE_CHECKING

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike

from neurokit.plotting._style import COLORS, figure_of, new_axes, pretty
from neurokit.types import Floats

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_SURFACE = ("eeg", "mag", "grad", "meg", "hbo", "hbr", "csd")


def plot_topomap(
    values: ArrayLike | xr.DataArray,
    positions: xr.DataArray | ArrayLike | None = None,
    *,
    kind: str | None = None,
    units: str | None = None,
    diverging: bool | None = None,
    ax: "Axes | None" = None,
) -> "Axes":
    """Draw one value per sensor as a map of the head, seen from above, the nose up (by MNE).

    Parameters
    ----------
    values : array-like of shape (n_channels,), or xarray.DataArray of dims ("channel",)
        What to draw; a labelled array brings its places, kinds and unit.
    positions : xarray.DataArray with ``channel``, or array-like of shape (n_channels, 3), optional
        A recording whose channels have ``x y z``, or the places themselves, in mm. Default: those
        of ``values``. Channels marked ``bad`` are left out.
    kind : str, optional
        Which ``type`` of channels to draw: "eeg", "mag", "grad". Default: the only one that has
        places, or "eeg". The two gradiometers of a place are drawn as their root mean square.
    units : str, optional
        Unit of the values, beside the colour bar. Default: that of ``values``.
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
        If places are missing, there are several kinds of sensors and no ``kind``, electrodes are
        implanted, fewer than three channels have a place, or numbers of values and places differ.

    Examples
    --------
    >>> from neurokit.datasets import make_eeg
    >>> signal = make_eeg(4, n_channels=19, random_state=0).signal
    >>> ax = plot_topomap(signal.std("time").assign_attrs(units="uV"))
    """
    import mne

    source = values if positions is None else positions
    places, kinds = _places(source, "plot_topomap"), _kinds(source)
    numbers = np.asarray(values, dtype=np.float64)
    if numbers.ndim != 1 or places.shape != (len(numbers), 3):
        raise ValueError(
            f"plot_topomap: values of shape {numbers.shape} need places of shape"
            f" ({len(numbers) if numbers.ndim else 1}, 3), got {places.shape}; give one number for"
            " each channel, x.mean('time') say."
        )
    known = np.isfinite(places).all(axis=1) & np.isfinite(numbers) & ~_bads(source)
    chosen, kind = _choose(kinds, known, kind)
    known &= chosen
    if known.sum() < 3:
        raise ValueError(
            f"plot_topomap: needs at least 3 channels with a place and a value, got {known.sum()}."
        )
    shown, places = numbers[known], places[known]
    if kind == "grad":
        places, shown = _by_place(places, shown)
    head = _flatten(places)
    ax = new_axes(ax, (3.6, 3.2))
    both = bool(shown.min() < 0 < shown.max()) if diverging is None else diverging
    limit = float(np.abs(shown).max()) or 1.0
    image, _ = mne.viz.plot_topomap(
        shown,
        head,
        axes=ax,
        show=False,
        contours=4,
        cmap="RdBu_r" if both else "viridis",
        vlim=(-limit, limit) if both else (shown.min(), shown.max()),
        sphere=1.0,
        extrapolate="head",
    )
    bar = figure_of(ax).colorbar(image, ax=ax, shrink=0.7, pad=0.04)
    bar.set_label(pretty(_unit_of(values, known) if units is None else units))
    return ax


def plot_sensors(x: xr.DataArray, *, names: bool = True, ax: "Axes | None" = None) -> "Axes":
    """Draw where the sensors are, seen from above, the nose up; bad ones stand out.

    Parameters
    ----------
    x : xarray.DataArray with ``channel``
        With ``x y z`` along it (`neurokit.recording.place_channels` gives standard places).
    names : bool, default=True
        Whether names are written, up to 80 of them.
    ax : matplotlib Axes, optional
        Where to draw.

    Returns
    -------
    matplotlib Axes
        One colour for each ``type``; crosses are channels marked ``bad``. Implanted electrodes
        are drawn where they are (x, y), without a head around them.

    Raises
    ------
    ValueError
        If no channel has a place.

    Examples
    --------
    >>> from neurokit.datasets import make_eeg
    >>> ax = plot_sensors(make_eeg(4, n_channels=19, random_state=0).signal)
    >>> len(ax.texts)
    19
    """
    places, kinds = _places(x, "plot_sensors"), _kinds(x)
    known = np.isfinite(places).all(axis=1)
    if not known.any():
        raise ValueError("plot_sensors: no channel has a place; see recording.place_channels.")
    kinds = kinds if kinds is not None else np.full(len(places), "")
    around = known.sum() >= 4 and all(k in (*_SURFACE, "") for k in kinds[known])
    flat = np.full((len(places), 2), np.nan)
    flat[known] = _flatten(places[known]) if around else places[known, :2]
    ax = new_axes(ax, (5.0, 5.0))
    bad = np.broadcast_to(_bads(x), len(places))
    here = list(dict.fromkeys(kinds[known].tolist()))
    for k, kind in enumerate(here):
        for mark, rows in (("o", ~bad), ("x", bad)):
            rows = rows & known & (kinds == kind)
            if rows.any():
                said = f"{kind or 'sensor'}{', bad' if mark == 'x' else ''} ({rows.sum()})"
                color = COLORS[1] if mark == "x" else COLORS[(0, 2, 4, 5)[k % 4]]
                ax.plot(*flat[rows].T, mark, color=color, markersize=6, label=said)
    if names and known.sum() <= 80:
        for name, at in zip(x["channel"].values[known], flat[known], strict=True):
            ax.annotate(str(name), at, xytext=(0, 5), textcoords="offset points",
                        ha="center", fontsize="x-small")  # fmt: skip
    if around:
        _draw_head(ax)
    ax.set_aspect("equal")
    ax.axis("off")
    ax.legend(frameon=False, fontsize="small", loc="lower center", ncols=3,
              bbox_to_anchor=(0.5, -0.08))  # fmt: skip
    return ax


def _places(source: object, caller: str) -> Floats:
    if not isinstance(source, xr.DataArray):
        places = np.asarray(source, dtype=np.float64)
        if places.ndim != 2:
            raise ValueError(
                f"{caller}: plain values need the places of the channels; give positions=, a"
                " recording or an array of shape (n_channels, 3) in mm."
            )
        return places
    if missing := [name for name in "xyz" if name not in source.coords]:
        raise ValueError(
            f"{caller}: needs the places of the channels, but the recording has no"
            f" coordinates {missing}; give positions= to neurokit.signal, or"
            " neurokit.recording.place_channels(x) by name."
        )
    return np.stack([np.asarray(source[name].values, np.float64) for name in "xyz"], axis=1)


def _kinds(source: object) -> np.ndarray | None:
    if isinstance(source, xr.DataArray) and "type" in source.coords:
        return np.array([str(k).lower() for k in np.atleast_1d(source["type"].values)])
    return None


def _bads(source: object) -> np.ndarray:
    marked = isinstance(source, xr.DataArray) and "bad" in source.coords
    return np.asarray(source["bad"].values, bool) if marked else np.zeros(1, bool)  # type: ignore[index]


def _choose(
    kinds: np.ndarray | None, known: np.ndarray, kind: str | None
) -> tuple[np.ndarray, str]:
    """Choose channels of one kind, or say why there is no telling which."""
    if kinds is None:
        return np.ones(len(known), dtype=bool), ""
    held = sorted({*kinds[known].tolist()})
    if kind is None:
        surface = [k for k in held if k in _SURFACE]
        if not surface and held:
            raise ValueError(
                f"plot_topomap maps what is measured around the head, and these channels are"
                f" {held}; plot_sensors shows where they are."
            )
        if len(surface) > 1 and "eeg" not in surface:
            raise ValueError(
                f"plot_topomap draws one kind of sensors at a time, and there are {surface};"
                f" choose by kind={surface[0]!r}."
            )
        kind = "eeg" if "eeg" in surface or not surface else surface[0]
    elif kind not in held:
        raise ValueError(f"plot_topomap: no channel with a place is of kind {kind!r}; {held} are.")
    return kinds == kind, kind


def _by_place(places: Floats, values: Floats) -> tuple[Floats, Floats]:
    """Return the root mean square of the sensors that share a place (to a millimetre)."""
    key = np.round(places).astype(int)
    _, first, group = np.unique(key, axis=0, return_index=True, return_inverse=True)
    group = group.ravel()
    square = np.bincount(group, values**2) / np.bincount(group)
    return places[first], np.sqrt(square)


def _flatten(places: Floats) -> Floats:
    """Project places to a plane: the sphere that fits them, its equator on the unit circle.

    The angle from the vertex becomes the distance from the middle (azimuthal equidistant
    projection), so that electrodes low on the head lie a little outside of the circle.
    """
    centre, radius = _fit_sphere(places)
    across, front, up = ((places - centre) / radius).T
    angle = np.arctan2(np.hypot(across, front), up) / (np.pi / 2)
    turn = np.arctan2(front, across)
    flat = np.stack([angle * np.cos(turn), angle * np.sin(turn)], axis=1)
    return np.asarray(flat * 0.9)  # the circle of the head is a little below the equator


def _fit_sphere(places: Floats) -> tuple[Floats, float]:
    """Fit a sphere by least squares: |p|^2 = 2 p c + (r^2 - |c|^2), linear in both."""
    about = places.mean(axis=0)
    p = places - about
    system = np.column_stack([2 * p, np.ones(len(p))])
    rank = np.linalg.matrix_rank(system)
    if rank == 4:
        solved = np.linalg.lstsq(system, (p**2).sum(axis=1), rcond=None)[0]
        radius = float(np.sqrt(max(solved[3] + (solved[:3] ** 2).sum(), 0.0)))
        size = float(np.linalg.norm(p, axis=1).max())
        if 0.3 * size < radius < 3 * size and places[:, 2].max() > (solved[:3] + about)[2]:
            return solved[:3] + about, radius
    # too few places, or in one plane: a head about the origin of its frame
    return np.zeros(3), float(np.median(np.linalg.norm(places, axis=1))) or 1.0


def _unit_of(values: object, known: np.ndarray) -> str:
    if not isinstance(values, xr.DataArray):
        return ""
    if "units" in values.coords and values["units"].dims == ("channel",):
        return str(values["units"].values[known][0])
    unit = str(values.attrs.get("units", ""))
    return "" if unit == "mixed" else unit


def _draw_head(ax: "Axes") -> None:
    turn = np.linspace(0, 2 * np.pi, 200)
    lines = [(np.cos(turn), np.sin(turn))]
    lines.append((np.array([-0.12, 0, 0.12]), np.array([0.99, 1.12, 0.99])))
    ear = np.linspace(-np.pi / 2, np.pi / 2, 30)
    lines += [(side * (1 + 0.07 * np.cos(ear)), 0.16 * np.sin(ear)) for side in (-1, 1)]
    for across, front in lines:
        ax.plot(across, front, color="0.4", linewidth=1.0, zorder=0)
