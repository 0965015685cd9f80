"""What a recording is: xarray objects with named dims, exact time, SI coordinates and units."""

import itertools
import warnings
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import ArrayLike

from neurokit.sample_index import SampleIndex, exact, time_coordinates

SIGNAL_DIMS = ("trial", "channel", "time")
UNIT_DIMS = ("trial", "unit", "time")


def signal(
    values: Any,
    *,
    sampling_rate: float | Fraction,
    channels: Sequence[str] | None = None,
    units: str = "uV",
    start: float | Fraction = 0.0,
    types: str | Sequence[str] | None = None,
    positions: ArrayLike | None = None,
    regions: Sequence[str] | None = None,
    trials: Mapping[str, Any] | None = None,
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

    Examples
    --------
    >>> import numpy as np, neurokit
    >>> x = neurokit.signal(np.zeros((2, 500)), sampling_rate=250, channels=["C3", "C4"])
    >>> x.sel(channel="C3", time=slice(0.5, 1.0)).sizes["time"]
    126
    """
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
    values: Any,
    *,
    sampling_rate: float | Fraction,
    ids: Sequence[Any] | None = None,
    units: str = "dF/F",
    start: float | Fraction = 0.0,
    regions: Sequence[str] | None = None,
    positions: ArrayLike | None = None,
    trials: Mapping[str, Any] | None = None,
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
    values: Any,
    *,
    bin_width: float | Fraction,
    ids: Sequence[Any] | None = None,
    start: float | Fraction = 0.0,
    trials: Mapping[str, Any] | None = None,
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
        rate=_rate_of_bins("counts", bin_width),
        start=start,
        names=ids,
        attrs={"units": "spikes"},
        trials=trials,
        dtype=None,
    )


def behaviour(
    values: Any,
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


def spikes(
    times: Sequence[ArrayLike] | Mapping[Any, ArrayLike],
    *,
    stop: float,
    start: float = 0.0,
    ids: Sequence[Any] | None = None,
    channels: Sequence[Any] | None = None,
    regions: Sequence[str] | None = None,
    positions: ArrayLike | None = None,
) -> xr.Dataset:
    """Label spike times, as a contiguous ragged array of the CF conventions.

    Parameters
    ----------
    times : sequence of 1-D array-likes, or mapping of unit id to 1-D array-like
        Spike times of each unit, in seconds. They are sorted inside each unit.
    stop, start : float
        Span in which spikes were looked for, in seconds; without it silent ends would be lost.
    ids : sequence, optional
        Names of the units, all different. Default: the keys of a mapping, or 0, 1, ...
    channels, regions : sequence, optional
        Channel and brain region of each unit.
    positions : array-like of shape (n_units, 3), optional
        In mm.

    Returns
    -------
    xarray.Dataset
        ``spike_time(spike)`` in s, float64; ``spike_count(unit)``; scalars ``start``, ``stop``.

    Raises
    ------
    ValueError
        If a time is not finite or outside the span, or a length does not fit.

    Examples
    --------
    >>> import neurokit
    >>> x = neurokit.spikes({"a": [0.1, 0.25], "b": []}, stop=1.0)
    >>> x["spike_count"].values.tolist()
    [2, 0]
    """
    if isinstance(times, Mapping):
        ids = list(times) if ids is None else ids
        times = list(times.values())
    units = [np.asarray(unit, dtype=np.float64) for unit in times]
    if wrong := [unit.shape for unit in units if unit.ndim != 1]:
        raise ValueError(f"spikes: each unit needs a 1-D array of times, got shape {wrong[0]}.")
    flat = np.concatenate(units) if units else np.empty(0)
    number = np.array([len(unit) for unit in units], dtype=np.int64)
    if not (np.isfinite(start) and np.isfinite(stop) and start <= stop):
        raise ValueError(f"spikes: start must not lie after stop, got {start!r} and {stop!r} s.")
    outside = ~((flat >= start) & (flat <= stop))  # also true for NaN
    if outside.any():
        raise ValueError(
            f"spikes: {outside.sum()} of {len(flat)} times are not in the observed span"
            f" {start:g} to {stop:g} s, the first is {flat[outside][0]:g}; widen start and stop"
            " or remove them."
        )
    late = np.flatnonzero(np.diff(flat) < 0) + 1
    ends = np.cumsum(number)
    if not np.isin(late, ends).all():
        flat = flat[np.lexsort((flat, np.repeat(np.arange(len(units)), number)))]
    coords: dict[str, Any] = {"unit": _names("spikes", "unit", ids, len(units))}
    for name, along in (("channel", channels), ("region", regions)):
        if along is not None:
            coords[name] = ("unit", _one_each("spikes", f"{name}s", along, len(units), "unit"))
    coords |= _places("spikes", positions, len(units), "unit")
    return xr.Dataset(
        {
            "spike_time": ("spike", flat, {"units": "s"}),
            "spike_count": ("unit", number, {"sample_dimension": "spike"}),
        },
        coords=coords | {"start": float(start), "stop": float(stop)},
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
    """
    onset = np.atleast_1d(np.asarray(onset, dtype=np.float64))
    label = np.asarray(label, dtype=object) if not isinstance(label, str) else label
    table = pd.DataFrame({"onset": onset})
    table["duration"] = np.broadcast_to(np.asarray(duration, dtype=np.float64), onset.shape)
    table["label"] = label
    for name, column in columns.items():
        table[name] = np.asarray(column)
    return table.sort_values("onset", kind="stable", ignore_index=True)


def sampling_rate(x: xr.DataArray | xr.Dataset) -> float:
    """Return the sampling rate in Hz, read from the ``time`` coordinate.

    Parameters
    ----------
    x : xarray.DataArray or xarray.Dataset
        With ``time``: exact, or evenly spaced floats, perhaps with jumps where pieces of a
        recording were joined.

    Returns
    -------
    float

    Raises
    ------
    TypeError
        If ``x`` has no ``time`` coordinate.
    ValueError
        If ``time`` runs backwards, has fewer than two samples, or is not evenly spaced between
        its jumps.
    """
    index = _clock(x, "sampling_rate")
    rate = float(index.rate) if isinstance(index, SampleIndex) else _rate_of_floats(index)
    if rate <= 0:
        raise ValueError(
            f"sampling_rate: time runs backwards, from {x['time'].values[0]:g} s to"
            f" {x['time'].values[-1]:g} s; reverse it with x.isel(time=slice(None, None, -1))."
        )
    return rate


def contiguous_runs(x: xr.DataArray | xr.Dataset) -> list[slice]:
    """Return the stretches of ``time`` without a jump, as slices of positions.

    Parameters
    ----------
    x : xarray.DataArray or xarray.Dataset
        With ``time``.

    Returns
    -------
    list of slice
        One for a recording without gaps. Filters and histories must not reach across them.
    """
    index = _clock(x, "contiguous_runs")
    if isinstance(index, SampleIndex) or len(index) < 3:
        return [slice(0, x.sizes["time"])]
    step = _step(index)
    jumps = np.flatnonzero(np.abs(np.diff(index) - step) > 0.5 * step) + 1
    edges = [0, *jumps.tolist(), len(index)]
    return [slice(a, b) for a, b in itertools.pairwise(edges)]


def bin_spikes(
    x: xr.Dataset,
    bin_width: float | Fraction,
    *,
    start: float | None = None,
    stop: float | None = None,
) -> xr.DataArray:
    """Count spikes in bins of equal width.

    Parameters
    ----------
    x : xarray.Dataset
        Spikes, as made by ``neurokit.spikes``.
    bin_width : float or Fraction
        In seconds.
    start, stop : float, optional
        Span to count in, in seconds. Default: the observed span of ``x``. Only whole bins are
        counted: what is left before ``stop``, less than one bin, is not.

    Returns
    -------
    xarray.DataArray of dims ("unit", "time")
        int32. ``time`` is the start of each bin, which holds the spikes at or after its own
        start and before the next one's.

    Raises
    ------
    TypeError
        If ``x`` is not a Dataset of spikes.
    ValueError
        If no bin fits into the span, or the span leaves the observed one.

    Examples
    --------
    >>> import neurokit
    >>> x = neurokit.spikes([[0.0, 0.1, 0.19], [0.25]], stop=0.4)
    >>> neurokit.bin_spikes(x, 0.1).values.tolist()
    [[1, 2, 0, 0], [0, 0, 1, 0]]
    """
    from neurokit._binning import count_spikes

    x = check_spikes(x, "bin_spikes")
    begin = float(x["start"]) if start is None else float(start)
    end = float(x["stop"]) if stop is None else float(stop)
    rate = _rate_of_bins("bin_spikes", bin_width)
    if begin < float(x["start"]) or end > float(x["stop"]):
        raise ValueError(
            f"bin_spikes: {begin:g} to {end:g} s leaves the observed span"
            f" {float(x['start']):g} to {float(x['stop']):g} s."
        )
    first = exact(begin) * rate
    size = int((exact(end) * rate - first) + exact(1e-9))  # a last bin short by rounding is whole
    if size < 1:
        raise ValueError(
            f"bin_spikes: no bin of {float(1 / rate):g} s fits into {begin:g} to {end:g} s."
        )
    time = time_coordinates(first, rate, size)
    bins = SampleIndex(first, rate, size)
    values = count_spikes(x["spike_time"].values, x["spike_count"].values, bins)
    coords = {name: c for name, c in x.coords.items() if c.dims == ("unit",)}
    return xr.DataArray(
        values, dims=("unit", "time"), coords=time.assign(coords), attrs={"units": "spikes"}
    )


def epoch(
    x: xr.DataArray | xr.Dataset,
    events: pd.DataFrame,
    *,
    tmin: float,
    tmax: float,
    labels: Sequence[Any] | None = None,
    bin_width: float | None = None,
) -> xr.DataArray:
    """Cut a recording into trials around events.

    Parameters
    ----------
    x : xarray.DataArray with ``time``, or xarray.Dataset of spikes
        One continuous recording; ``(channel, time)``, ``(unit, time)`` or ``(time, feature)``.
    events : pandas.DataFrame
        ``onset`` in s and ``label``; further columns become coordinates of ``trial``.
    tmin, tmax : float
        Window around each onset, in seconds: from ``tmin`` up to, but not with, ``tmax``.
    labels : sequence, optional
        Keep only the events with these labels.
    bin_width : float, optional
        For spikes, which are counted in bins from each onset on; in seconds.

    Returns
    -------
    xarray.DataArray of dims ("trial", ..., "time")
        ``time`` is relative to the onset. A signal's onset is taken at the nearest sample.
        Lazy recordings stay lazy if they are dask arrays.

    Raises
    ------
    ValueError
        If there is no event, or no window lies inside the recording.

    Warns
    -----
    UserWarning
        Once, with the number of windows left out because they leave the recording or reach
        across a jump of its clock.

    Examples
    --------
    >>> import numpy as np, neurokit
    >>> x = neurokit.signal(np.zeros((2, 1000)), sampling_rate=250)
    >>> trials = neurokit.epoch(x, neurokit.events([1.0, 2.0], label="left"), tmin=0, tmax=0.5)
    >>> trials.dims, trials.shape
    (('trial', 'channel', 'time'), (2, 2, 125))
    """
    chosen = _chosen(events, labels)
    if not tmin < tmax:
        raise ValueError(f"epoch: tmin must lie before tmax, got {tmin!r} and {tmax!r} s.")
    onsets = chosen["onset"].to_numpy(np.float64)
    if isinstance(x, xr.Dataset):
        trials, inside = _cut_spikes(x, onsets, tmin, tmax, bin_width)
    else:
        trials, inside = _cut_signal(x, onsets, tmin, tmax, bin_width)
    if not inside.all():
        warnings.warn(
            f"epoch: {(~inside).sum()} of {len(inside)} windows leave the recording or cross a"
            " gap in it, and are left out.",
            stacklevel=2,
        )
    kept = chosen.loc[inside]
    for name in kept.columns:
        column = kept[name]
        text = not pd.api.types.is_numeric_dtype(column)
        trials = trials.assign_coords(
            {str(name): ("trial", column.astype(str).to_numpy(str) if text else column.to_numpy())}
        )
    for name in ("subject", "session", "run"):  # of the whole recording: now of each trial
        if name in x.coords and x.coords[name].ndim == 0 and name not in kept.columns:
            trials = trials.assign_coords({name: ("trial", [x.coords[name].item()] * len(kept))})
    return trials


def check_dims(x: xr.DataArray, dims: Sequence[str], *, caller: str) -> xr.DataArray:
    """Return ``x`` with its dims in the order ``dims``, or say what is wrong with them."""
    if not isinstance(x, xr.DataArray):
        raise TypeError(
            f"{caller} takes an xarray.DataArray with dims {tuple(dims)}, got"
            f" {type(x).__name__}; neurokit.signal() makes one from an array."
        )
    if set(x.dims) != set(dims):
        raise ValueError(f"{caller} takes dims {tuple(dims)}, got {x.dims}.")
    return x.transpose(*dims)


def check_spikes(x: Any, caller: str) -> xr.Dataset:
    """Return ``x`` if it is a Dataset of ragged spikes, or say what is wrong with it."""
    if not isinstance(x, xr.Dataset) or not {"spike_time", "spike_count"} <= set(x.variables):
        raise TypeError(
            f"{caller} takes a Dataset of spikes, as neurokit.spikes() makes it, got"
            f" {type(x).__name__}."
        )
    return x


def _label(
    caller: str,
    values: Any,
    dims: tuple[str, ...],
    *,
    rate: Any,
    start: float | Fraction,
    names: Sequence[Any] | None,
    prefix: str | None = None,
    attrs: Mapping[str, str] | None = None,
    along: Mapping[str, Any] | None = None,
    positions: ArrayLike | None = None,
    trials: Mapping[str, Any] | None = None,
    dtype: Any = np.float32,
) -> xr.DataArray:
    """Give ``values`` dims and coordinates, after checking that they fit."""
    if isinstance(values, xr.Variable):
        variable = values
    else:
        lazy = hasattr(values, "dask")
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
    coords = time_coordinates(exact(start) * rate, rate, n_times)
    extra: dict[str, Any] = {space: _names(caller, space, names, n_names, prefix)}
    for name, value in (along or {}).items():
        if value is not None:
            value = [value] * n_names if isinstance(value, str) else value
            extra[name] = (space, _one_each(caller, name, value, n_names, space))
    extra |= _places(caller, positions, n_names, space)
    if trials is not None and "trial" not in dims:
        raise ValueError(f"{caller}: trials= needs values with a trial axis, got shape {shape}.")
    for name, value in (trials or {}).items():
        extra[name] = ("trial", _one_each(caller, name, value, shape[0], "trial"))
    # a Variable's own array, not its values: what is lazy stays on disk
    data = xr.Variable(dims, values if variable is None else variable._data)
    return xr.DataArray(data, coords=coords.assign(extra), attrs=attrs)


def _names(
    caller: str, dim: str, names: Sequence[Any] | None, size: int, prefix: str | None = None
) -> np.ndarray:
    if names is None:
        names = list(range(size)) if prefix is None else [f"{prefix}{i}" for i in range(size)]
    array = _one_each(caller, f"{dim} names", names, size, dim)
    column = pd.Series(array)
    if column.duplicated().any():
        repeated = column[column.duplicated()].unique().tolist()
        raise ValueError(f"{caller}: {dim} names must differ, got {repeated} more than once.")
    return array


def _one_each(caller: str, what: str, values: Any, size: int, dim: str) -> np.ndarray:
    array = np.asarray(values)
    if array.shape != (size,):
        raise ValueError(f"{caller}: {what} must be one for each {dim}, {size}, got {len(array)}.")
    return array


def _places(caller: str, positions: ArrayLike | None, size: int, dim: str) -> dict[str, Any]:
    if positions is None:
        return {}
    array = np.asarray(positions, dtype=np.float64)
    if array.shape != (size, 3):
        raise ValueError(
            f"{caller}: positions must have shape ({size}, 3), x y z in mm, got {array.shape}."
        )
    return {axis: (dim, array[:, i], {"units": "mm"}) for i, axis in enumerate("xyz")}


def _rate_of_bins(caller: str, bin_width: Any) -> Any:
    width = exact(bin_width)
    if width <= 0:
        raise ValueError(f"{caller}: bin_width must be positive (s), got {bin_width!r}.")
    return 1 / width


def _clock(x: xr.DataArray | xr.Dataset, caller: str) -> SampleIndex | np.ndarray:
    """Return the exact index of ``time``, or its floats."""
    if not isinstance(x, xr.DataArray | xr.Dataset) or "time" not in x.coords:
        raise TypeError(
            f"{caller}: expected an xarray object with a time coordinate, got"
            f" {type(x).__name__}; neurokit.signal() makes one from an array."
        )
    index = x.xindexes.get("time")
    return index if isinstance(index, SampleIndex) else np.atleast_1d(x["time"].values)


def _step(times: np.ndarray) -> float:
    """Return the spacing of ``times`` between their jumps, in seconds."""
    if len(times) < 2:
        raise ValueError("time needs at least two samples to show its spacing.")
    steps = np.diff(times.astype(np.float64))
    step = float(np.median(steps))
    slack = 1e-3 * abs(step) + 4 * float(np.spacing(np.abs(times).max()))
    jumps = np.abs(steps - step) > 0.5 * abs(step)
    if not step or (np.abs(steps - step)[~jumps] > slack).any() or jumps.mean() > 0.2:
        raise ValueError("time must be evenly spaced between its jumps; resample it first.")
    return step


def _rate_of_floats(times: np.ndarray) -> float:
    """Return the rate behind ``times``: 100 Hz for steps of 0.01000000000000002 s."""
    step = _step(times)
    jumps = np.flatnonzero(np.abs(np.diff(times) - step) > 0.5 * abs(step)) + 1
    edges = [0, *jumps.tolist(), len(times)]
    start, stop = max(itertools.pairwise(edges), key=lambda run: run[1] - run[0])
    return float(SampleIndex.from_times(times[start:stop]).rate)


def _chosen(events: pd.DataFrame, labels: Sequence[Any] | None) -> pd.DataFrame:
    if not isinstance(events, pd.DataFrame) or "onset" not in events:
        raise TypeError(
            "epoch: events must be a pandas DataFrame with a column onset (s), got"
            f" {type(events).__name__}; neurokit.recording.events() makes one."
        )
    chosen = events.drop(columns=["duration"], errors="ignore")
    if labels is not None:
        chosen = chosen[chosen["label"].isin(list(labels))]
    if chosen.empty:
        held = events["label"].unique().tolist() if "label" in events else []
        raise ValueError(f"epoch: no event with a label among {labels}; there are {held}.")
    if not np.isfinite(chosen["onset"].to_numpy(np.float64)).all():
        raise ValueError("epoch: every onset must be a finite number of seconds.")
    return chosen


def _cut_signal(
    x: xr.DataArray, onsets: np.ndarray, tmin: float, tmax: float, bin_width: float | None
) -> tuple[xr.DataArray, np.ndarray]:
    if bin_width is not None:
        raise ValueError("epoch: bin_width is for spikes; a signal keeps its own rate.")
    if "trial" in x.dims:
        raise ValueError(f"epoch takes one continuous recording, got dims {x.dims}.")
    rate = exact(sampling_rate(x))
    clock = _clock(x, "epoch")
    if isinstance(clock, SampleIndex):
        rate = clock.rate
        centres = np.round(onsets * float(rate) - float(clock.first))
    else:
        nearest = np.clip(np.searchsorted(clock, onsets), 1, len(clock) - 1)
        nearest -= onsets - clock[nearest - 1] < clock[nearest] - onsets
        centres = nearest + np.round((onsets - clock[nearest]) * float(rate))
    before = round(exact(tmin) * rate)
    size = round(exact(tmax) * rate) - before
    starts = centres.astype(np.int64) + before
    inside = np.zeros(len(starts), dtype=bool)
    for run in contiguous_runs(x):
        inside |= (starts >= run.start) & (starts + size <= run.stop)
    if size < 1 or not inside.any():
        raise ValueError(
            f"epoch: none of {len(starts)} windows of {tmin:g} to {tmax:g} s lies inside the"
            f" recording, which spans {x['time'].values[0]:g} to {x['time'].values[-1]:g} s."
        )
    x = x.transpose(..., "time")
    if x.chunks is not None:  # dask; x.data would load what is otherwise lazy
        import dask.array

        data = dask.array.stack([x.data[..., s : s + size] for s in starts[inside]])
    else:
        # one read of each window: a lazy file is never loaded whole
        data = np.stack([x[..., s : s + size].values for s in starts[inside]])
    time = time_coordinates(before, rate, size)
    others = {
        name: c
        for name, c in x.coords.items()
        if "time" not in c.dims and c.ndim and name != "time"
    }
    trials = xr.DataArray(
        xr.Variable(("trial", *x.dims), data),
        coords=time.assign(others),
        attrs=x.attrs,
        name=x.name,
    )
    return trials, inside


def _cut_spikes(
    x: xr.Dataset, onsets: np.ndarray, tmin: float, tmax: float, bin_width: float | None
) -> tuple[xr.DataArray, np.ndarray]:
    from neurokit._binning import count_around

    x = check_spikes(x, "epoch")
    if bin_width is None:
        raise ValueError("epoch: spikes are counted in bins; give bin_width in seconds.")
    rate = _rate_of_bins("epoch", bin_width)
    first = exact(tmin) * rate
    size = int(exact(tmax) * rate - first + exact(1e-9))
    start, stop = float(x["start"]), float(x["stop"])
    inside = (onsets + tmin >= start) & (onsets + tmax <= stop)
    if size < 1 or not inside.any():
        raise ValueError(
            f"epoch: none of {len(onsets)} windows of {tmin:g} to {tmax:g} s lies inside the"
            f" observed span {start:g} to {stop:g} s."
        )
    time = time_coordinates(first, rate, size)
    bins = SampleIndex(first, rate, size)
    values = count_around(x["spike_time"].values, x["spike_count"].values, onsets[inside], bins)
    coords = {name: c for name, c in x.coords.items() if c.dims == ("unit",)}
    trials = xr.DataArray(
        values,
        dims=("trial", "unit", "time"),
        coords=time.assign(coords),
        attrs={"units": "spikes"},
    )
    return trials, inside
