"""``x.nk``: what a recording is, at a glance, on every labelled array."""

from typing import TYPE_CHECKING

import xarray as xr

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Registered when `neurokit.recording` is loaded. What it needs is loaded when it is called.


@xr.register_dataarray_accessor("nk")
@xr.register_dataset_accessor("nk")
class Glance:
    """A recording at a glance; in a notebook, ``x.nk`` shows facts and a sketch.

    ``x`` stays what it is: nothing is added to it, and no sample is read but for the sketch.

    Parameters
    ----------
    x : xarray.DataArray or xarray.Dataset
        A recording: signal, traces, counts, behaviour, spikes.

    Examples
    --------
    >>> import numpy as np, neurokit
    >>> x = neurokit.signal(np.zeros((2, 500)), sampling_rate=250, channels=["C3", "C4"])
    >>> x.nk
    size      2 channels x 500 samples
    duration  2 s
    rate      250 Hz
    units     uV
    samples   4 kB of float32, in memory
    """

    def __init__(self, x: xr.DataArray | xr.Dataset) -> None:
        self._x = x

    def describe(self) -> dict[str, str]:
        """Say what the recording is: size, duration, rate, kinds, bad channels, gaps, ...

        Returns
        -------
        dict of str to str
        """
        from neurokit.recording.glance import describe

        return describe(self._x)

    def plot(self, *, ax: "Axes | None" = None, **options: object) -> "Axes":
        """Draw the recording by the function of `neurokit.plotting` that suits it.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            Where to draw.
        **options
            Passed on to ``plot_signal``, ``plot_traces`` or ``plot_raster``.

        Returns
        -------
        matplotlib Axes
            At most the first minute of a recording, or the first ten trials.

        Raises
        ------
        ValueError
            If it is neither a signal, nor traces, nor spikes.
        """
        from neurokit import plotting

        x = self._x
        if isinstance(x, xr.Dataset):
            return plotting.plot_raster(x, ax=ax, **options)
        draw = plotting.plot_traces if "unit" in x.dims else plotting.plot_signal
        if not {"channel", "unit"} & {*x.dims} or "time" not in x.dims:
            raise ValueError(
                f"x.nk.plot() draws dims (channel or unit, time), and x has {x.dims};"
                " x.plot() of xarray draws anything."
            )
        if "trial" in x.dims:
            x = x.isel(trial=slice(10)) if draw is plotting.plot_signal else x.isel(trial=0)
        else:
            x = x.sel(time=slice(x["time"][0], float(x["time"][0]) + 60.0))
        return draw(x, ax=ax, **options)

    def __repr__(self) -> str:
        facts = self.describe()
        width = max(map(len, facts), default=0)
        return "\n".join(f"{name:<{width}}  {fact}" for name, fact in facts.items())

    def _repr_html_(self) -> str:
        from neurokit.recording.glance import sketch_html

        return sketch_html(self._x)
