"""How fast traces change: smoothed, differentiated, each unit on a scale of its own."""

import warnings
from numbers import Real
from typing import Any

import numpy as np
import xarray as xr
from scipy.ndimage import gaussian_filter1d

from neurokit.recording.rate import contiguous_runs, sampling_rate

SCALES = ("mad", "std", None)
REACH = 2.5  # standard deviations from an end to where a slope is as noisy as anywhere


def rates_of_change(
    traces: xr.DataArray,
    *,
    smoothing: float,
    normalize: str | None,
    caller: str,
    whole: bool = True,
) -> xr.DataArray:
    """Return the rate of change of each trace, (unit, time[, animal]) float32, NaN where unknown.

    Near the ends of a recording, and near jumps of its clock, a smoothed slope is noisier, in all
    units at once, which would look as if they changed together. Those times are left out.

    Parameters
    ----------
    traces : xarray.DataArray of dims ("unit", "time") and perhaps one more
    smoothing : float
        Standard deviation of the Gaussian before the difference, in seconds.
    normalize : {"mad", "std", None}
    caller : str
    whole : bool, default=True
        Whether every unit has to be known somewhere, and something of every animal.

    Returns
    -------
    xarray.DataArray
    """
    traces = _checked(traces, caller, whole)
    rate = sampling_rate(traces)
    if normalize not in SCALES:
        raise ValueError(f"{caller}: normalize must be one of {SCALES}, got {normalize!r}.")
    if not isinstance(smoothing, Real) or not 0 <= smoothing < np.inf:
        raise ValueError(f"{caller}: smoothing must be 0 s or more, got {smoothing!r}.")
    width = smoothing * rate  # in samples
    margin = 1 + int(np.ceil(REACH * width))
    slopes, kept = [], []
    for run in contiguous_runs(traces):
        piece = traces.values[:, run].astype(np.float64)
        if piece.shape[1] < 2 * margin + 3:
            continue
        if width > 0:
            piece = gaussian_filter1d(piece, width, axis=1, mode="nearest")
        inner = slice(margin, piece.shape[1] - margin)
        slopes.append(np.gradient(piece, axis=1)[:, inner] * rate)
        kept.append(np.arange(run.start, run.stop)[inner])
    if not kept:
        raise ValueError(
            f"{caller} needs at least {2 * margin + 3} time steps without a jump for a smoothing"
            f" of {smoothing:g} s at {rate:g} Hz, got {traces.sizes['time']}; smooth less or"
            " record longer."
        )
    return _scaled(
        traces.isel(time=np.concatenate(kept)), np.concatenate(slopes, 1), normalize, caller, whole
    )


def _scaled(
    traces: xr.DataArray, slopes: np.ndarray, normalize: str | None, caller: str, whole: bool
) -> xr.DataArray:
    """Check the slopes, and bring each unit's to a scale of its own."""
    known = np.isfinite(slopes)
    _check_change(traces, slopes, known, caller, whole)
    if normalize is not None:
        slopes /= _scale(slopes, known, normalize)
    return traces.copy(data=slopes.astype(np.float32))


def _checked(traces: Any, caller: str, whole: bool) -> xr.DataArray:
    if not isinstance(traces, xr.DataArray):
        raise TypeError(
            f"{caller} takes traces as a labelled array, got {type(traces).__name__};"
            " neurokit.traces(values, sampling_rate=...) makes one and neurokit.stack() joins"
            " animals."
        )
    others = [dim for dim in traces.dims if dim not in ("unit", "time")]
    if not {"unit", "time"} <= set(traces.dims) or len(others) > 1 or "phase" in others:
        raise ValueError(
            f"{caller} takes traces with dims (unit, time) and perhaps one more, such as animal,"
            f" got {tuple(traces.dims)}."
        )
    traces = traces.transpose("unit", "time", *others)
    if traces.sizes["unit"] < 2:
        raise ValueError(f"{caller} needs at least two units, got {traces.sizes['unit']}.")
    if traces.dtype.kind not in "biuf" or np.isinf(traces.values).any():
        raise ValueError(f"{caller}: traces must be real numbers without infinity.")
    for dim in others:
        empty = traces.isnull().all(("unit", "time")).values
        if empty.any() and whole:
            names = traces[dim].values[empty].tolist()
            raise ValueError(f"{caller}: nothing is known of {dim} {names}; leave it out.")
    return traces


def _check_change(
    traces: xr.DataArray, slopes: np.ndarray, known: np.ndarray, caller: str, whole: bool
) -> None:
    """Refuse traces that never change, and say which are the same trace twice."""
    present = np.any(known, axis=1)
    flat = present & ~(np.where(known, slopes, 0.0) != 0).any(1)
    names = traces["unit"].values
    if flat.any():
        where = np.unique(np.nonzero(flat)[0])
        raise ValueError(
            f"{caller}: the traces of units {names[where].tolist()} never change, so nothing can"
            " change with them; drop them with traces.drop_sel(unit=...), or make them NaN in the"
            " animal where they are flat."
        )
    lost = ~present.reshape(len(present), -1).any(1)
    if lost.any() and whole:
        raise ValueError(
            f"{caller}: units {names[lost].tolist()} are missing everywhere; drop them."
        )
    pages = slopes.reshape(*slopes.shape[:2], -1)
    twins = []
    for page in np.moveaxis(pages, 2, 0):
        seen: dict[bytes, int] = {}
        for k, row in enumerate(page):
            if np.isnan(row).all():
                continue
            first = seen.setdefault(row.tobytes(), k)
            if first != k:
                twins.append((names[first].item(), names[k].item()))
    if twins:
        warnings.warn(
            f"{caller}: {len(twins)} pairs of units hold the same trace, {twins[0]} first; one"
            " cell found twice would look like a community.",
            UserWarning,
            stacklevel=5,
        )


def _scale(slopes: np.ndarray, known: np.ndarray, normalize: str) -> np.ndarray:
    """Spread about zero of each unit in each animal: robust, or by squares where half is zero."""
    size = np.where(known, np.abs(slopes), np.nan)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # all NaN: a unit that an animal lacks
        square = np.sqrt(np.nanmean(size**2, axis=1, keepdims=True))
        if normalize == "std":
            return np.where(square > 0, square, 1.0)
        robust = 1.4826 * np.nanmedian(size, axis=1, keepdims=True)
    return np.where(robust > 0, robust, np.where(square > 0, square, 1.0))
