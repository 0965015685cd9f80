"""The sampling rate of X: where it is read, when it is needed, which other one is refused."""

import xarray as xr
from sklearn.base import BaseEstimator

from neurokit.inputs.labels import name_of
from neurokit.recording.clock import SampleIndex
from neurokit.recording.rate import sampling_rate

TOLERANCE = 1e-3  # relative: as much as the steps of one clock may vary


def given_rate(estimator: BaseEstimator, *, reset: bool) -> float | None:
    """Return the rate of plain arrays in Hz, None if unknown.

    In ``fit`` it is the estimator's own parameter ``sampling_rate``, elsewhere that of ``fit``.
    """
    rate = getattr(estimator, "sampling_rate" if reset else "sampling_rate_", None)
    return None if rate is None else float(rate)


def rate_of(estimator: BaseEstimator, X: xr.DataArray, *, reset: bool) -> float | None:
    """Return the rate of a labelled array; a single sample knows it only by an index of ours."""
    if X.sizes["time"] > 1 or isinstance(X.xindexes.get("time"), SampleIndex):
        return sampling_rate(X)
    return given_rate(estimator, reset=reset)


def require_rate(estimator: BaseEstimator, rate: float | None) -> float:
    """Return ``rate``, or say that an estimator that counts in seconds cannot work without."""
    if rate is None or not 0 < rate < float("inf"):
        raise ValueError(
            f"{name_of(estimator)} needs to know the sampling rate of a plain array: give"
            " sampling_rate= in Hz, or pass a labelled array."
        )
    return float(rate)


def match_rate(estimator: BaseEstimator, rate: float | None, *, reset: bool = False) -> None:
    """Remember the rate of ``fit``, or refuse another one; an unknown one passes.

    Parameters
    ----------
    estimator : estimator
        The caller; the rate is kept as ``sampling_rate_``.
    rate : float or None
        What X tells, in Hz. It may differ by a thousandth, as the steps of one clock may.
    reset : bool, default=False
        True in ``fit``.

    Raises
    ------
    ValueError
        If it differs by more.
    """
    if reset:
        if rate is not None:
            estimator.sampling_rate_ = rate
        elif hasattr(estimator, "sampling_rate_"):
            del estimator.sampling_rate_
        return
    known = getattr(estimator, "sampling_rate_", None)
    if rate is None or known is None or abs(rate - known) <= TOLERANCE * known:
        return
    raise ValueError(
        f"{name_of(estimator)} was fitted at {float(known):g} Hz, got data at {rate:g} Hz;"
        " resample or bin it as for fit, or fit again."
    )
