"""Windows of a signal, and of spikes, planned first and then cut out."""

from typing import Any

import numpy as np
import xarray as xr

from neurokit.recording.bins import check_room
from neurokit.recording.checks import check_spikes, unit_coords
from neurokit.recording.clock import SampleIndex, exact, time_coordinates
from neurokit.recording.edges import count_whole, round_to_sample, slack
from neurokit.recording.observed import watched_windows
from neurokit.recording.rate import clock_of, contiguous_runs, rate_of_bins, sampling_rate
from neurokit.recording.seconds import second
from neurokit.types import Flags


class SignalCut:
    """Windows of a signal around onsets.

    Attributes
    ----------
    inside : ndarray of bool
        Which windows lie inside the recording and cross no jump of its clock.
    begins, ends : ndarray of float
        When the windows begin and end, at samples, in seconds.
    """

    def __init__(
        self,
        x: xr.DataArray,
        onsets: np.ndarray,
        tmin: float,
        tmax: float,
        bin_width: Any,
    ) -> None:
        if bin_width is not None:
            raise ValueError("epoch: bin_width is for spikes; a signal keeps its own rate.")
        if "trial" in x.dims:
            raise ValueError(f"epoch takes one continuous recording, got dims {x.dims}.")
        rate = exact(sampling_rate(x))
        clock = clock_of(x, "epoch")
        near = slack(float(np.abs(onsets).max(initial=0)))
        first, last = np.array([(run.start, run.stop) for run in contiguous_runs(x)]).T
        of_run = np.zeros(len(onsets), dtype=np.intp)  # where each window begins
        rate = clock.rate if isinstance(clock, SampleIndex) else rate
        self.before = round(exact(tmin) * rate)
        self.size = round(exact(tmax) * rate) - self.before
        if isinstance(clock, SampleIndex):
            position = onsets * float(rate) - float(clock.first)
            centres = round_to_sample(position, near * float(rate))
        else:
            if (back := np.flatnonzero(np.diff(clock) <= 0)).size:
                raise ValueError(
                    f"epoch: the clock of x steps back from {clock[back[0]]:g} to"
                    f" {clock[back[0] + 1]:g} s, so that a time means two samples; cut x there,"
                    " as neurokit.recording.contiguous_runs does, or sort it by time."
                )
            nearest = np.clip(np.searchsorted(clock, onsets), 1, len(clock) - 1)
            nearest -= onsets - clock[nearest - 1] <= clock[nearest] - onsets + near
            # samples are counted on the clock of that stretch, wherever the onset lies
            edges = clock[first[1:]] - 0.5 / float(rate)
            of_run = np.searchsorted(edges, onsets + self.before / float(rate))
            nearest = np.clip(nearest, first[of_run], last[of_run] - 1)
            centres = nearest + round_to_sample(
                (onsets - clock[nearest]) * float(rate), near * float(rate)
            )
        self.starts = centres.astype(np.int64) + self.before
        self.inside: Flags = self.starts >= first[of_run]
        self.inside &= self.starts + self.size <= last[of_run]
        if self.size < 1:
            raise ValueError(
                f"epoch: a window of {tmin:g} to {tmax:g} s holds no sample at {float(rate):g} Hz."
            )
        if not self.inside.any():
            raise ValueError(
                f"epoch: none of {len(self.starts)} windows of {tmin:g} to {tmax:g} s lies inside"
                f" the recording, which spans {x['time'].values[0]:g} to"
                f" {x['time'].values[-1]:g} s{_say_onsets(onsets)}."
            )
        if isinstance(clock, SampleIndex):
            self.begins = (float(clock.first) + self.starts) / float(rate)
        else:
            self.begins = clock[np.clip(self.starts, 0, len(clock) - 1)]
        self.ends = self.begins + self.size / float(rate)
        self.x, self.rate = x if x.dims[-1] == "time" else x.transpose(..., "time"), rate

    def take(self, kept: np.ndarray, about: dict[str, Any]) -> xr.DataArray:
        """Cut out the windows that are ``kept``, labelled with ``about``; lazy stays lazy."""
        x, starts = self.x, self.starts[kept]
        data: Any
        if x.chunks is not None:  # dask; x.data would load what is otherwise lazy
            from neurokit.recording.gathering import gather_windows

            data = gather_windows(x.data, starts, self.size)
        elif x.variable._in_memory:
            windows = np.lib.stride_tricks.sliding_window_view(x.values, self.size, axis=-1)
            data = np.moveaxis(windows, -2, 0)[starts]
        else:
            # one read of each window: a lazy file is never loaded whole
            data = np.stack([x[..., s : s + self.size].values for s in starts])
        time = time_coordinates(self.before, self.rate, self.size)
        others = {
            name: c
            for name, c in x.coords.variables.items()
            if "time" not in c.dims and c.ndim and name != "time"
        }
        # indexes are handed over as they are: to merge them takes longer than to cut the windows
        kept_indexes = {name: index for name, index in x.xindexes.items() if name in others}
        if "trial" in about:
            about = dict(about)
            own = xr.Coordinates({"trial": about.pop("trial")})
            others, kept_indexes = others | dict(own.variables), kept_indexes | dict(own.xindexes)
        coords = xr.Coordinates(
            dict(time.variables) | others | about,
            indexes=dict(time.xindexes) | kept_indexes,
        )
        return xr.DataArray(
            xr.Variable(("trial", *x.dims), data), coords=coords, attrs=x.attrs, name=x.name
        )


class SpikesCut:
    """Windows of spikes around onsets, counted in bins.

    Attributes
    ----------
    inside : ndarray of bool
        Throughout which windows some unit was observed.
    begins, ends : ndarray of float
        When the windows begin and end, in seconds.
    """

    def __init__(
        self,
        x: xr.Dataset,
        onsets: np.ndarray,
        tmin: float,
        tmax: float,
        bin_width: Any,
    ) -> None:
        x = check_spikes(x, "epoch")
        if bin_width is None:
            raise ValueError("epoch: spikes are counted in bins; give bin_width in seconds.")
        rate = rate_of_bins("epoch", second(bin_width, "epoch", "bin_width"))
        first = exact(tmin) * rate
        size = count_whole(exact(tmin), exact(tmax), rate)
        if size < 1:
            raise ValueError(
                f"epoch: no bin of {float(1 / rate):g} s fits into a window of {tmin:g} to"
                f" {tmax:g} s; take narrower bins."
            )
        self.begins, self.ends = onsets + float(tmin), onsets + float(tmax)
        start, stop = float(x["start"]), float(x["stop"])
        self.watched = watched_windows(x, self.begins, self.ends)
        alone: Flags = (self.begins >= start) & (self.ends <= stop)
        self.inside = np.asarray(self.watched.any(0)) if x.sizes["unit"] else alone
        if not self.inside.any():
            raise ValueError(
                f"epoch: none of {len(onsets)} windows of {tmin:g} to {tmax:g} s lies inside the"
                f" observed span {start:g} to {stop:g} s{_say_onsets(onsets)}."
            )
        self.x, self.onsets = x, onsets
        self.bins = SampleIndex(first, rate, size)
        self.near = slack(start, stop, float(np.abs(onsets).max()))

    def take(self, kept: np.ndarray, about: dict[str, Any]) -> xr.DataArray:
        """Count the spikes in the windows that are ``kept``, labelled with ``about``."""
        from neurokit.recording.bin_counts import count_around

        x, bins = self.x, self.bins
        check_room(
            "epoch",
            x.sizes["unit"] * int(kept.sum()),
            bins.size,
            float(bins.first / bins.rate),
            float((bins.first + bins.size) / bins.rate),
        )
        values = count_around(
            x["spike_time"].values,
            x["spike_count"].values,
            self.onsets[kept],
            bins,
            self.near,
        )
        watched = self.watched[:, kept]
        if not watched.all():
            values = np.where(watched.T[:, :, None], values, np.nan)
        time = time_coordinates(bins.first, bins.rate, bins.size)
        return xr.DataArray(
            values,
            dims=("trial", "unit", "time"),
            coords=time.assign(unit_coords(x) | about),
            attrs={"units": "spikes"},
        )


def _say_onsets(onsets: np.ndarray) -> str:
    """Say when events begin: onsets in samples, or windows in milliseconds, are seen from it."""
    return f"; events begin at {onsets.min():g} to {onsets.max():g} s, and windows are in s too"
