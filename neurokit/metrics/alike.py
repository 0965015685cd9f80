"""Two labelled arrays that are compared: by names, in one unit, on one clock."""

import numpy as np
import xarray as xr

from neurokit.recording.labels import in_order_of
from neurokit.recording.rate import sampling_rate
from neurokit.recording.units import power_between, read_units, scale_units, unit_of_each


def make_alike(
    caller: str, x: xr.DataArray, y: xr.DataArray, names: tuple[str, str] = ("x", "y")
) -> xr.DataArray:
    """Return ``y`` with the dims, the order of labels and the unit of ``x``.

    Parameters
    ----------
    caller : str
        Who refuses.
    x, y : xarray.DataArray of the same dims
        What one of them does not say (names, a unit, times) is taken to be that of the other.
    names : (str, str), default=("x", "y")
        What they are called where one is refused.

    Returns
    -------
    xarray.DataArray

    Raises
    ------
    ValueError
        If ``y`` has other labels along a dim, holds another quantity, or has another clock.

    Examples
    --------
    >>> import neurokit
    >>> x = neurokit.signal([[1.0, 2.0], [3.0, 4.0]], sampling_rate=10, channels=["C3", "C4"])
    >>> y = (x.isel(channel=[1, 0]) / 1000).assign_attrs(units="mV")
    >>> make_alike("compare", x, y).values.tolist()
    [[1.0, 2.0], [3.0, 4.0]]
    """
    for dim in map(str, x.dims):
        if dim not in ("trial", "time") and dim in y.coords and dim in x.coords:
            y = in_order_of(caller, names[1], y, dim, x[dim].values.tolist())
    space = next((str(dim) for dim in x.dims if dim not in ("trial", "time")), "")
    if y.sizes.get(space) == x.sizes.get(space):
        y = _in_unit_of(caller, x, y, space, names)
    n = x.sizes.get("time", 0)
    if n > 1 and y.sizes["time"] == n and "time" in y.coords and "time" in x.coords:
        apart = np.abs(y["time"].values - x["time"].values).max()
        if apart > 0.5 / sampling_rate(x):
            raise ValueError(
                f"{caller}: the times of {names[0]} and {names[1]} are up to {apart:g} s apart,"
                " more than half a step; align them first, for example with xarray.align."
            )
    return y.transpose(*x.dims)


def _in_unit_of(
    caller: str, x: xr.DataArray, y: xr.DataArray, space: str, names: tuple[str, str]
) -> xr.DataArray:
    wanted, found = read_units(x, space), read_units(y, space)
    if wanted is None or found is None or wanted == found:
        return y
    n = x.sizes.get(space, 1)
    pairs = zip(unit_of_each(found, n), unit_of_each(wanted, n), strict=False)
    if any(power_between(*pair) is None for pair in pairs):
        raise ValueError(
            f"{caller}: {names[0]} is in {wanted!r} and {names[1]} in {found!r}; convert one, and"
            " write the unit into attrs['units']."
        )
    if not space:
        return scale_units(y.expand_dims("one"), "one", wanted)[0]
    return scale_units(y, space, wanted)
