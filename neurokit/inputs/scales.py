"""Values of two units under one name: told by their size, since their label is lost."""

import warnings
from typing import Any

import numpy as np
import xarray as xr
from sklearn.base import BaseEstimator

from neurokit.inputs.labels import name_of
from neurokit.recording.units import is_scaled
from neurokit.types import Floats

_PIECES, _SAMPLES, _CHANNELS = 64, 32, 16  # looked at: some ten thousand values, whatever comes
_STEPS = (1e3, 1e6)  # micro beside milli; micro beside the unit itself
_SLACK = 3.0  # how far from such a step two sizes may be
_SHARE = 0.1  # of the pieces that the smaller group has at least: an artefact is no unit


def tell_mixed_scales(estimator: BaseEstimator, X: xr.DataArray, space: str) -> None:
    """Warn where trials, or stretches of time, differ by the step between two units.

    ``xr.concat`` of microvolts and millivolts keeps the unit of the first piece and the numbers
    of both. Nothing in the labels tells it afterwards, so the values are looked at: the mean step
    from one sample to the next, in pieces spread over ``X``.

    Parameters
    ----------
    estimator : estimator
        The caller, named in the warning.
    X : xarray.DataArray
        In memory. Of what is lazy only fits that read it whole look at pieces, on their way.
    space : str
        The dim that holds the channels.

    Warns
    -----
    UserWarning
        If the pieces fall into two groups, one 1000 or 1e6 times as large as the other, within a
        factor of 3.
    """
    if X.variable._in_memory and (pieces := take_pieces(X, space)) is not None:
        tell_of_sizes(estimator, X, measure_pieces(pieces))


def tell_of_sizes(estimator: BaseEstimator, X: xr.DataArray, sizes: Floats) -> None:
    """Warn as `tell_mixed_scales` does, of pieces that were measured before.

    Parameters
    ----------
    estimator : estimator
    X : xarray.DataArray
        Whose pieces they are; it is not read.
    sizes : ndarray of shape (n_pieces,)
    """
    unit = X.attrs.get("units")
    sizes = np.sort(sizes[np.isfinite(sizes) & (sizes > 0)])
    if len(sizes) < 2:
        return
    above = 1 + int(np.argmax(sizes[1:] / sizes[:-1]))
    if min(above, len(sizes) - above) < _SHARE * len(sizes):
        return
    ratio = float(np.median(sizes[above:]) / np.median(sizes[:above]))
    # both groups keep together, or the widest gap is only one of many
    inner = max(sizes[above - 1] / sizes[0], sizes[-1] / sizes[above])
    step = next((step for step in _STEPS if step / _SLACK < ratio < step * _SLACK), None)
    if step is None or inner > np.sqrt(step):
        return
    what = "trials" if "trial" in X.dims else "stretches of time"
    warnings.warn(
        f"{name_of(estimator)}: some {what} of X are {ratio:.0f} times as large as the others,"
        f" though all are said to be in {unit!r}. xr.concat keeps the unit of the first piece"
        " alone; neurokit.recording.join brings recordings into one unit.",
        stacklevel=2,
    )


def take_pieces(X: xr.DataArray, space: str, least: int = 2) -> Any:
    """Return some ten thousand values spread over ``X``; of a dask array, a dask array of them.

    Parameters
    ----------
    X : xarray.DataArray
    space : str
    least : int, default=2
        Pieces that ``X`` has to have.

    Returns
    -------
    array of shape (n_pieces, n_channels, n_times), or None
        None where units have no scales, or ``X`` is too short to hold so many.
    """
    if X.dtype.kind != "f" or "time" not in X.dims or not is_scaled(X.attrs.get("units")):
        return None
    by_trial = "trial" in X.dims
    n_pieces = X.sizes["trial"] if by_trial else X.sizes["time"] // _SAMPLES
    if n_pieces < least or X.sizes["time"] < 2:
        return None
    order = [dim for dim in ("trial", space, "time") if dim in X.dims]
    values = X.variable.transpose(*order).data
    values = values if by_trial else values[None]
    n_trials, n_channels, n_times = values.shape
    channels = slice(None, None, -(-n_channels // _CHANNELS))
    n = min(_SAMPLES, n_times)
    if by_trial:
        rows = values[:: -(-n_trials // _PIECES), channels]
        starts = np.linspace(0, n_times - n, min(4, n_times // n)).astype(int).tolist()
        return np.concatenate([rows[..., s : s + n] for s in starts], axis=-1)
    starts = np.linspace(0, n_times - n, min(_PIECES, max(n_times // n, 1))).astype(int).tolist()
    return np.stack([values[0, channels, s : s + n] for s in starts])


def measure_pieces(pieces: Floats) -> Floats:
    """Return the mean step between samples of each piece, the median over channels."""
    with np.errstate(all="ignore"):  # infinity is refused elsewhere, in better words
        steps = np.abs(np.diff(pieces, axis=-1)).mean(axis=-1, dtype=np.float64)
        return np.asarray(np.median(steps, axis=1))
