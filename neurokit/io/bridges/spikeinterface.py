"""From SpikeInterface's recordings and sortings, and back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from neurokit.io.readers.lazy import lazy_variable
from neurokit.recording.checks import check_dims, check_spikes
from neurokit.recording.clock import exact
from neurokit.recording.make import signal
from neurokit.recording.rate import contiguous_runs, sampling_rate
from neurokit.recording.spikes import spikes

if TYPE_CHECKING:
    from spikeinterface.core import BaseRecording, BaseSorting


def from_spikeinterface(obj: Any, *, segment: int = 0) -> xr.DataArray | xr.Dataset:
    """Make a recording of a SpikeInterface object.

    Parameters
    ----------
    obj : BaseRecording or BaseSorting
        Anything with their methods. SpikeInterface itself is neither imported nor an extra: it
        wants zarr 2 where neurokit wants zarr 3, and its objects come from where it is installed.
    segment : int, default=0
        Which of its segments.

    Returns
    -------
    DataArray or Dataset
        For a recording: a signal, in uV if the recording has gains and as it is otherwise, which
        is read when it is used. Of a sorting: spikes, observed from 0 to the end of the recording
        it is registered with, or to its last spike.

    Raises
    ------
    TypeError
        If it is neither.
    ValueError
        If there is no such segment.
    """
    if not hasattr(obj, "get_traces") and not hasattr(obj, "get_unit_spike_train"):
        raise TypeError(
            "from_spikeinterface takes a recording or a sorting of SpikeInterface, got"
            f" {type(obj).__name__}."
        )
    if not 0 <= segment < obj.get_num_segments():
        raise ValueError(
            f"from_spikeinterface: segment must be below {obj.get_num_segments()}, got {segment}."
        )
    return _recording(obj, segment) if hasattr(obj, "get_traces") else _sorting(obj, segment)


def to_spikeinterface(
    x: xr.DataArray | xr.Dataset, *, rate: float = 30000.0
) -> BaseRecording | BaseSorting:
    """Make a SpikeInterface object of a recording, in memory.

    Parameters
    ----------
    x : DataArray of dims ("channel", "time"), or Dataset of spikes
    rate : float, default=30000.0
        In Hz; spikes become the nearest of its samples. A signal has its own.

    Returns
    -------
    NumpyRecording or NumpySorting
        A recording in uV with gains of 1, and places in um where ``x`` and ``y`` are known; a
        sorting whose samples count from 0 s.

    Raises
    ------
    ImportError
        Without SpikeInterface. It is no extra: it may want another zarr than neurokit does.
    TypeError
        If ``x`` is neither a signal nor spikes.
    ValueError
        If the clock of a signal jumps, it holds trials, or a spike lies before 0 s.

    See Also
    --------
    from_spikeinterface : The way back.
    """
    try:
        import spikeinterface.core as core
    except ImportError as error:
        raise ImportError(
            "to_spikeinterface needs SpikeInterface: pip install spikeinterface, where its zarr"
            " and neurokit's agree."
        ) from error
    if isinstance(x, xr.Dataset):
        x = check_spikes(x, "to_spikeinterface")
        if x.sizes["spike"] and float(x["spike_time"].min()) < 0:
            raise ValueError(
                "to_spikeinterface: samples count from 0 s, and the first spike is at"
                f" {float(x['spike_time'].min()):g} s; use neurokit.recording.shift_time."
            )
        ends = np.cumsum(x["spike_count"].values)
        trains = np.split(x["spike_time"].values, ends[:-1]) if len(ends) else []
        units = dict(zip(x["unit"].values.tolist(), trains, strict=True))
        frames = {unit: np.round(times * rate).astype(np.int64) for unit, times in units.items()}
        return core.NumpySorting.from_unit_dict([frames], rate)
    if not isinstance(x, xr.DataArray):
        raise TypeError(
            f"to_spikeinterface takes a signal or spikes, got {type(x).__name__}; label it first."
        )
    x = check_dims(x, ("channel", "time"), caller="to_spikeinterface")
    if len(runs := contiguous_runs(x)) > 1:
        raise ValueError(
            f"to_spikeinterface: the clock jumps, there are {len(runs)} stretches; give one,"
            " x[:, neurokit.recording.contiguous_runs(x)[0]] say."
        )
    made = core.NumpyRecording(
        [np.ascontiguousarray(x.values.T)],
        float(sampling_rate(x)),
        t_starts=[float(x["time"][0])],
        channel_ids=x["channel"].values.tolist(),
    )
    if x.attrs.get("units") == "uV":
        made.set_channel_gains(1.0)
        made.set_channel_offsets(0.0)
    places = [x[name].values for name in ("x", "y") if name in x.coords]
    if len(places) == 2 and np.isfinite(places).all():
        made.set_dummy_probe_from_locations(1000 * np.stack(places, axis=1))  # mm to um
    return made


def _recording(obj: BaseRecording, segment: int) -> xr.DataArray:
    reader = _Traces(obj, segment)
    places = None
    if getattr(obj, "has_probe", lambda: True)() and hasattr(obj, "get_channel_locations"):
        flat = np.asarray(obj.get_channel_locations(), dtype=np.float64) / 1000.0  # um to mm
        places = np.full((len(flat), 3), np.nan)
        places[:, : flat.shape[1]] = flat
    start = getattr(obj, "get_start_time", lambda segment_index: 0.0)(segment_index=segment)
    return signal(
        lazy_variable(reader),
        sampling_rate=exact(float(obj.get_sampling_frequency())),
        channels=[str(name) for name in obj.get_channel_ids()],
        units="uV" if reader.scaled else "",
        start=float(start or 0.0),
        positions=places,
    )


def _sorting(obj: BaseSorting, segment: int) -> xr.Dataset:
    ids = list(obj.get_unit_ids())
    times = [
        np.asarray(
            obj.get_unit_spike_train(unit_id=i, segment_index=segment, return_times=True),
            dtype=np.float64,
        )
        for i in ids
    ]
    reach = [float(t) for unit in times if len(unit) for t in (unit.min(), unit.max())]
    registered = getattr(obj, "has_recording", lambda: False)()
    if registered:
        reach.append(obj.get_num_samples(segment_index=segment) / obj.get_sampling_frequency())
    return spikes(times, start=min([0.0, *reach]), stop=max([0.0, *reach]), ids=ids)


class _Traces:
    """Reader of one segment of a recording."""

    def __init__(self, obj: BaseRecording, segment: int) -> None:
        self.obj, self.segment = obj, segment
        self.ids = np.asarray(obj.get_channel_ids())
        self.n_channels = len(self.ids)
        self.n_times = int(obj.get_num_samples(segment_index=segment))
        self.scaled = bool(getattr(obj, "has_scaleable_traces", lambda: False)())

    def read(self, channels: np.ndarray, start: int, stop: int) -> np.ndarray:
        """Return samples as float32 of shape (n_channels, stop - start)."""
        traces = self.obj.get_traces(
            segment_index=self.segment,
            start_frame=start,
            end_frame=stop,
            channel_ids=self.ids[channels],
        )
        values = np.asarray(traces).T
        if self.scaled:
            gain = np.asarray(self.obj.get_channel_gains(), dtype=np.float64)[channels]
            offset = np.asarray(self.obj.get_channel_offsets(), dtype=np.float64)[channels]
            values = values * gain[:, None] + offset[:, None]
        return values.astype(np.float32)
