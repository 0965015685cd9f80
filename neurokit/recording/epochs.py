"""Recordings cut around events."""

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from neurokit.recording.checks import check_spikes
from neurokit.recording.clock import SampleIndex, exact, time_coordinates
from neurokit.recording.rate import clock_of, contiguous_runs, rate_of_bins, sampling_rate


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
    clock = clock_of(x, "epoch")
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
    from neurokit.recording.bin_kernels import count_around

    x = check_spikes(x, "epoch")
    if bin_width is None:
        raise ValueError("epoch: spikes are counted in bins; give bin_width in seconds.")
    rate = rate_of_bins("epoch", bin_width)
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
