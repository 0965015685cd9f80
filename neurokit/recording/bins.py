"""Spikes counted in bins."""

import os
from fractions import Fraction

import numpy as np
import xarray as xr

from neurokit.recording.checks import check_spikes, unit_coords
from neurokit.recording.clock import SampleIndex, exact, time_coordinates
from neurokit.recording.edges import count_whole, slack
from neurokit.recording.observed import watched_bins
from neurokit.recording.rate import rate_of_bins
from neurokit.recording.seconds import second


def bin_spikes(
    x: xr.Dataset,
    bin_width: float | Fraction,
    *,
    start: float | None = None,
    stop: float | None = None,
    unobserved: str = "nan",
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
    unobserved : {"nan", "drop"}, default="nan"
        What becomes of bins that reach out of a unit's observed intervals, where ``x`` has such:
        NaN, or, as "drop", those in which no unit was observed throughout are left out beside,
        so that ``time`` jumps and histories and filters begin anew.

    Returns
    -------
    xarray.DataArray of dims ("unit", "time")
        int32; float64 where bins are NaN. ``time`` is the start of each bin, which holds the
        spikes at or after its own start and before the next one's. A spike within a nanosecond of
        an edge stands on it (8 spacings of float64 where those are more, from 1e6 s on).

    Raises
    ------
    TypeError
        If ``x`` is not a Dataset of spikes.
    ValueError
        If no bin fits into the span, the span leaves the observed one, or the counts would not
        fit into the memory of this machine.

    Examples
    --------
    >>> import neurokit
    >>> x = neurokit.spikes([[0.0, 0.1, 0.19], [0.25]], stop=0.4)
    >>> neurokit.bin_spikes(x, 0.1).values.tolist()
    [[1, 2, 0, 0], [0, 0, 1, 0]]
    >>> x = neurokit.spikes([[0.0, 0.1, 0.31]], intervals=[[0.0, 0.2], [0.3, 0.4]])
    >>> neurokit.bin_spikes(x, 0.1).values.tolist()
    [[1.0, 1.0, nan, 1.0]]
    """
    from neurokit.recording.bin_counts import count_spikes

    x = check_spikes(x, "bin_spikes")
    if unobserved not in ("nan", "drop"):
        raise ValueError(f"bin_spikes: unobserved must be 'nan' or 'drop', got {unobserved!r}.")
    low, high = float(x["start"]), float(x["stop"])
    begin = low if start is None else float(second(start, "bin_spikes", "start"))
    end = high if stop is None else float(second(stop, "bin_spikes", "stop"))
    rate = rate_of_bins("bin_spikes", second(bin_width, "bin_spikes", "bin_width"))
    near = slack(low, high, begin, end)
    if begin < low - near or end > high + near:
        raise ValueError(
            f"bin_spikes: {begin:g} to {end:g} s leaves the observed span {low:g} to {high:g} s."
        )
    first = exact(begin) * rate
    size = count_whole(exact(begin), exact(end), rate)
    if size < 1:
        raise ValueError(
            f"bin_spikes: no bin of {float(1 / rate):g} s fits into {begin:g} to {end:g} s."
        )
    check_room("bin_spikes", x.sizes["unit"], size, begin, end)
    time = time_coordinates(first, rate, size)
    bins = SampleIndex(first, rate, size)
    values = count_spikes(x["spike_time"].values, x["spike_count"].values, bins, near)
    seen = watched_bins(x, first, rate, size)
    if seen is not None:
        values = np.where(seen, values, np.nan)
    counts = xr.DataArray(
        values,
        dims=("unit", "time"),
        coords=time.assign(unit_coords(x)),
        attrs={"units": "spikes"},
    )
    if seen is None or unobserved == "nan" or seen.any(0).all():
        return counts
    return counts.isel(time=np.flatnonzero(seen.any(0)))


def check_room(caller: str, n_rows: int, size: int, begin: float, end: float) -> None:
    """Refuse counts that no memory here holds, before they are asked for."""
    needed = 4 * n_rows * size
    if needed > memory_of_machine():
        raise ValueError(
            f"{caller}: {n_rows} times {size} bins from {begin:g} to {end:g} s take"
            f" {needed / 1e9:,.0f} GB, more than this machine has; are the times in seconds? Take"
            " wider bins, or fewer units or a shorter span at a time."
        )


def memory_of_machine() -> int:
    """Return the bytes of memory that this machine has."""
    try:
        return int(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    except (AttributeError, OSError, ValueError):  # no such question on this system
        return 2**36
