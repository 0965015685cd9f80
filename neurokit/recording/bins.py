"""Spikes counted in bins."""

from fractions import Fraction

import xarray as xr

from neurokit.recording.checks import check_spikes
from neurokit.recording.clock import SampleIndex, exact, time_coordinates
from neurokit.recording.rate import rate_of_bins


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
    from neurokit.recording.bin_kernels import count_spikes

    x = check_spikes(x, "bin_spikes")
    begin = float(x["start"]) if start is None else float(start)
    end = float(x["stop"]) if stop is None else float(stop)
    rate = rate_of_bins("bin_spikes", bin_width)
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
