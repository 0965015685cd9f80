"""What a recording is: xarray objects with named dims, exact time, SI coordinates and units."""

import warnings
from collections.abc import Hashable, Mapping, Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import ArrayLike, DTypeLike

from neurokit.recording.clock import exact, time_coordinates
from neurokit.recording.labels import label_places, name_each, one_each
from neurokit.recording.rate import rate_of_bins
from neurokit.recording.seconds import hertz, in_seconds, second

SIGNAL_DIMS = ("trial", "channel", "time")
UNIT_DIMS = ("trial", "unit", "time")


def signal(
    values: ArrayLike,
    *,
    sampling_rate: float | Fraction,
    channels: Sequence[str] | None = None,
    units: str = "uV",
    start: float | Fraction = 0.0,
    types: str | Sequence[str] | None = None,
    positions: ArrayLike | None = None,
    regions: Sequence[str] | None = None,
    trials: Mapping[str, ArrayLike] | None = None,
) -> xr.DataArray:
    """Label an array as a recorded signal: EEG, iEEG, MEG, LFP.

    Parameters
    ----------
    values : array-like of shape (n_channels, n_times) or (n_trials, n_channels, n_times)
        Samples, in ``units``. Two dimensions mean one continuous recording. Lazy arrays (dask,
        or an xarray Variable) stay lazy.
    sampling_rate : float or Fraction
        In Hz; kept exactly, so 1000/3 may be given as a fraction.
    channels : sequence of str, optional
        Channel names, all different. Default: ``"ch0"``, ``"ch1"``, ...
    units : str, default="uV"
        Unit of ``values``, kept in ``attrs["units"]``.
    start : float, default=0.0
        Time of the first sample, in seconds.
    types : str or sequence of str, optional
        What each channel is: ``"eeg"``, ``"ecog"``, ``"seeg"``, ``"eog"``, ``"misc"``, ...
    positions : array-like of shape (n_channels, 3), optional
        Places of the sensors in mm, head frame; NaN where unknown.
    regions : sequence of str, optional
        Brain region of each channel.
    trials : mapping of str to sequence, optional
        Coordinates along ``trial``: ``label``, ``onset``, ``subject``, ``session``, ``run``.

    Returns
    -------
    xarray.DataArray of dims ("channel", "time") or ("trial", "channel", "time")
        float32, with an exact ``time`` in seconds.

    Raises
    ------
    ValueError
        If a shape, a length or the rate does not fit, or names repeat.

    Warns
    -----
    UserWarning
        If there are many more channels than samples and none has a name, or less than a thousandth
        of a microvolt, as where volts are taken for microvolts.

    Examples
    --------
    >>> import numpy as np, neurokit
    >>> x = neurokit.signal(np.zeros((2, 500)), sampling_rate=250, channels=["C3", "C4"])
    >>> x.sel(channel="C3", time=slice(0.5, 1.0)).sizes["time"]
    126
    """
    _tell_volts(values, units)
    return _label(
        "signal",
        values,
        SIGNAL_DIMS,
        rate=sampling_rate,
        start=start,
        names=channels,
        prefix="ch",
        attrs={"units": units},
        along={"type": types, "region": regions},
        positions=positions,
        trials=trials,
    )


def traces(
    values: ArrayLike,
    *,
    sampling_rate: float | Fraction,
    ids: Sequence[Hashable] | None = None,
    units: str = "dF/F",
    start: float | Fraction = 0.0,
    regions: Sequence[str] | None = None,
    positions: ArrayLike | None = None,
    trials: Mapping[str, ArrayLike] | None = None,
) -> xr.DataArray:
    """Label an array as the activity of units over time: calcium traces, firing rates.

    Parameters
    ----------
    values : array-like of shape (n_units, n_times) or (n_trials, n_units, n_times)
    sampling_rate : float or Fraction
        In Hz.
    ids : sequence, optional
        Names of the units, all different. Default: 0, 1, ...
    units : str, default="dF/F"
        Unit of ``values``: ``"dF/F"``, ``"Hz"``.
    start : float, default=0.0
        Time of the first sample, in seconds.
    regions : sequence of str, optional
        Brain region of each unit.
    positions : array-like of shape (n_units, 3), optional
        In mm.
    trials : mapping of str to sequence, optional
        Coordinates along ``trial``.

    Returns
    -------
    xarray.DataArray of dims ("unit", "time") or ("trial", "unit", "time")

    Raises
    ------
    ValueError
        If a shape, a length or the rate does not fit, or ids repeat.
    """
    return _label(
        "traces",
        values,
        UNIT_DIMS,
        rate=sampling_rate,
        start=start,
        names=ids,
        attrs={"units": units},
        along={"region": regions},
        positions=positions,
        trials=trials,
    )


def counts(
    values: ArrayLike,
    *,
    bin_width: float | Fraction,
    ids: Sequence[Hashable] | None = None,
    start: float | Fraction = 0.0,
    trials: Mapping[str, ArrayLike] | None = None,
) -> xr.DataArray:
    """Label an array as spikes already counted in bins.

    Parameters
    ----------
    values : array-like of shape (n_units, n_bins) or (n_trials, n_units, n_bins)
        Spikes per bin.
    bin_width : float or Fraction
        In seconds; it becomes the step of ``time``, whose values are the starts of the bins.
    ids : sequence, optional
        Names of the units, all different. Default: 0, 1, ...
    start : float, default=0.0
        Start of the first bin, in seconds.
    trials : mapping of str to sequence, optional
        Coordinates along ``trial``.

    Returns
    -------
    xarray.DataArray of dims ("unit", "time") or ("trial", "unit", "time")
        Integers stay integers.

    Raises
    ------
    ValueError
        If a shape, a length or the width does not fit, or ids repeat.
    """
    return _label(
        "counts",
        values,
        UNIT_DIMS,
        rate=rate_of_bins("counts", second(bin_width, "counts", "bin_width")),
        start=start,
        names=ids,
        attrs={"units": "spikes"},
        trials=trials,
        dtype=None,
    )


def behaviour(
    values: ArrayLike,
    *,
    sampling_rate: float | Fraction,
    features: Sequence[str] | None = None,
    units: Sequence[str] | None = None,
    start: float | Fraction = 0.0,
) -> xr.DataArray:
    """Label an array as behaviour: a hand's velocity, a rat's position.

    Parameters
    ----------
    values : array-like of shape (n_times, n_features)
        The columns of a DataFrame name the features.
    sampling_rate : float or Fraction
        In Hz.
    features : sequence of str, optional
        Names, all different. Default: ``"f0"``, ``"f1"``, ...
    units : sequence of str, optional
        Unit of each feature, kept as the coordinate ``units`` along ``feature``.
    start : float, default=0.0
        Time of the first sample, in seconds.

    Returns
    -------
    xarray.DataArray of dims ("time", "feature")

    Raises
    ------
    ValueError
        If a shape, a length or the rate does not fit, or names repeat.
    """
    return _label(
        "behaviour",
        values,
        ("time", "feature"),
        rate=sampling_rate,
        start=start,
        names=features,
        prefix="f",
        along={"units": units},
        dtype=np.float64,
    )


def events(
    onset: ArrayLike, duration: ArrayLike = 0.0, label: ArrayLike = "event", **columns: ArrayLike
) -> pd.DataFrame:
    """Make a table of events with the columns of BIDS.

    Parameters
    ----------
    onset : array-like of shape (n_events,)
        In seconds.
    duration : float or array-like, default=0.0
        In seconds.
    label : str or array-like, default="event"
        What happened.
    **columns : array-like
        Further columns.

    Returns
    -------
    pandas.DataFrame
        ``onset``, ``duration``, ``label`` and the rest, in order of onset.

    Raises
    ------
    ValueError
        If a column has another length than ``onset``.
    """
    onset = np.atleast_1d(in_seconds(onset, "events", "onsets"))
    label = np.asarray(label, dtype=object) if not isinstance(label, str) else label
    for name, column in {"duration": duration, "label": label, **columns}.items():
        if np.ndim(column) and len(column) != len(onset):  # type: ignore[arg-type]
            raise ValueError(
                f"events: {name} must hold one value for each onset, {len(onset)}, got"
                f" {len(column)}."  # type: ignore[arg-type]
            )
    table = pd.DataFrame({"onset": onset})
    table["duration"] = np.broadcast_to(in_seconds(duration, "events", "durations"), onset.shape)
    table["label"] = label
    for name, column in columns.items():
        table[name] = np.asarray(column)
    return table.sort_values("onset", kind="stable", ignore_index=True)


def _tell_volts(values: Any, units: str) -> None:
    """Ask about microvolts of which there are less than any amplifier can tell."""
    if units != "uV" or type(values) is not np.ndarray or values.dtype.kind != "f":
        return
    first = np.abs(values[..., :10_000])
    most = np.nanmax(first, initial=0.0)
    if 0 < most < 1e-3:
        warnings.warn(
            f"signal: values go up to {most:.2g} uV, as volts do that are taken for microvolts;"
            " give units='V' if they are (MNE's get_data returns volts).",
            stacklevel=3,
        )


def _label(
    caller: str,
    values: Any,
    dims: tuple[str, ...],
    *,
    rate: Any,
    start: float | Fraction,
    names: Sequence[Hashable] | None,
    prefix: str | None = None,
    attrs: Mapping[str, str] | None = None,
    along: Mapping[str, ArrayLike | Sequence[str] | None] | None = None,
    positions: ArrayLike | None = None,
    trials: Mapping[str, ArrayLike] | None = None,
    dtype: DTypeLike | None = np.float32,
) -> xr.DataArray:
    """Give ``values`` dims and coordinates, after checking that they fit."""
    if isinstance(values, pd.DataFrame):
        if dims[0] != "time":
            raise TypeError(
                f"{caller}: values must be an array of {dims[-2:]}, got a DataFrame, whose rows"
                " are times as a rule; give table.to_numpy().T, and list(table) as their names."
            )
        names = list(values) if names is None else names
    if isinstance(values, xr.DataArray) and set(values.dims) <= set(dims):
        values = values.transpose(*(dim for dim in dims if dim in values.dims)).data
    if isinstance(values, xr.Variable):
        variable = values
    else:
        lazy = hasattr(values, "dask")
        if isinstance(values, np.ma.MaskedArray) and values.mask.any():
            values = np.where(values.mask, np.nan, values.data)  # nobody knows them
        values = values if lazy else np.asarray(values)
        if values.dtype.kind not in "biuf":
            raise TypeError(f"{caller}: values must be real numbers, got dtype {values.dtype}.")
        dtype = values.dtype if dtype is None else dtype
        values = values.astype(dtype, copy=False)
        variable = None
    shape = values.shape
    allowed = {len(dims)} if "trial" not in dims else {2, 3}
    if len(shape) not in allowed:
        raise ValueError(
            f"{caller}: values must have {' or '.join(map(str, sorted(allowed)))} dimensions"
            f" {dims}, got shape {shape}."
        )
    dims = dims[-len(shape) :]
    space = next(dim for dim in dims if dim not in ("trial", "time"))
    rate, start = hertz(rate, caller), second(start, caller, "start")
    try:
        rate = exact(rate)
    except (TypeError, ValueError, OverflowError):
        rate = exact(0)
    if rate <= 0 or not np.isfinite(float(start)):
        raise ValueError(
            f"{caller}: the sampling rate must be a positive number of Hz and start a finite"
            " number of seconds."
        )
    n_names, n_times = shape[dims.index(space)], shape[dims.index("time")]
    few = space != "unit" and n_names > max(32, 4 * n_times)  # of units there may be so many
    if names is None and len(shape) == 2 and few:
        warnings.warn(
            f"{caller}: values of shape {shape} are read as {n_names} {space}s of {n_times}"
            f" samples; turn them by .T if that is the wrong way round, or name the {space}s.",
            stacklevel=3,
        )
    coords = time_coordinates(exact(start) * rate, rate, n_times)
    extra: dict[str, object] = {space: name_each(caller, space, names, n_names, prefix)}
    for name, value in (along or {}).items():
        if value is not None:
            value = [value] * n_names if isinstance(value, str) else value
            extra[name] = (space, one_each(caller, name, value, n_names, space))
    extra |= label_places(caller, positions, n_names, space)
    if trials is not None and "trial" not in dims:
        raise ValueError(f"{caller}: trials= needs values with a trial axis, got shape {shape}.")
    for name, value in (trials or {}).items():
        extra[name] = ("trial", one_each(caller, name, value, shape[0], "trial"))
    # a Variable's own array, not its values: what is lazy stays on disk
    data = xr.Variable(dims, values if variable is None else variable._data)
    return xr.DataArray(data, coords=coords.assign(extra), attrs=attrs)
