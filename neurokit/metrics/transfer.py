"""Bits per minute of a speller."""

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike


def itr(
    accuracy: ArrayLike, n_classes: int, *, selection_time: ArrayLike, average: str | None = None
) -> xr.DataArray:
    """Information transfer rate of choices among equally likely targets, in bits per minute.

    The rate hangs on what counts as the time of a selection: 0.5 s of data with 40 targets at 80 %
    are 425 bits/min, with the 0.5 s that the gaze takes to move 213. So that time has no default,
    and stands in the attributes of the answer.

    Parameters
    ----------
    accuracy : array-like
        Share of right choices, between 0 and 1: one number, or one per person, block or window.
    n_classes : int
        Number of targets.
    selection_time : array-like
        In s, from one choice to the next: the data, and the shift of the gaze if it counts. It
        broadcasts against ``accuracy``.
    average : {None, "mean_of_itr", "itr_of_mean"}
        None: the rate of each. "mean_of_itr": their mean, as is usual for people and blocks.
        "itr_of_mean": the rate of the mean accuracy and time, which is lower, since the rate bends
        upwards; both are published under the same name.

    Returns
    -------
    DataArray
        In bits/min. Below chance it is 0: a decoder that knows nothing sends nothing.

    Raises
    ------
    ValueError
        If an accuracy lies outside [0, 1], there are fewer than two classes, or a time is not
        positive.

    References
    ----------
    .. [1] Wolpaw et al. (2000), Brain-computer interface technology: a review of the first
       international meeting, IEEE Trans. Rehabil. Eng. 8(2), 164-173, eq. 1.

    Examples
    --------
    >>> from neurokit.metrics import itr
    >>> float(itr(0.8, 40, selection_time=0.5).round(1))
    425.2
    >>> float(itr(0.8, 40, selection_time=1.0).round(1))
    212.6
    """
    p = np.asarray(accuracy, float)
    seconds = np.asarray(selection_time, float)
    if n_classes < 2 or not ((p >= 0) & (p <= 1)).all():
        raise ValueError(
            "itr: expects accuracies from 0 to 1 and at least 2 classes, got"
            f" {np.min(p):g} to {np.max(p):g} and {n_classes!r}."
        )
    if not (seconds > 0).all():
        raise ValueError(f"itr: selection_time must be over 0 s, got {seconds.min():g}.")
    if average not in (None, "mean_of_itr", "itr_of_mean"):
        raise ValueError(
            f"itr: average must be None, 'mean_of_itr' or 'itr_of_mean', got {average!r}."
        )
    p, seconds = np.broadcast_arrays(p, seconds)
    if average == "itr_of_mean":
        p, seconds = p.mean(), seconds.mean()
    wrong = 1 - p
    with np.errstate(divide="ignore", invalid="ignore"):
        bits = np.log2(n_classes) + np.where(p > 0, p * np.log2(p), 0.0)
        bits += np.where(wrong > 0, wrong * np.log2(wrong / (n_classes - 1)), 0.0)
    rate = 60 / seconds * np.where(p > 1 / n_classes, bits, 0.0)
    if average == "mean_of_itr":
        rate = rate.mean()
    out = xr.DataArray(rate)
    if isinstance(accuracy, xr.DataArray) and rate.shape == accuracy.shape:
        out = accuracy.copy(data=rate)
    return xr.DataArray(
        out.values,
        dims=out.dims,
        coords=out.coords,
        name="itr",
        attrs={
            "units": "bits/min",
            "n_classes": int(n_classes),
            "selection_time": np.unique(seconds).tolist(),
            "average": average or "none",
        },
    )
