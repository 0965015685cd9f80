"""How well a movement was decoded: in real time, and with the decoder's delay forgiven."""

from typing import NamedTuple

import numpy as np
import xarray as xr
from sklearn.metrics import r2_score

from neurokit import recording
from neurokit.metrics.alike import make_alike
from neurokit.types import Labelled, Targets


class DecodingR2(NamedTuple):
    """Both scores of a decoded movement."""

    realtime: Labelled | float  # each prediction against the movement at the moment it is made
    aligned: (
        Labelled | float
    )  # each prediction against the movement `delay` before: what it looks like plotted


def decoding_r2(
    y_true: Targets,
    y_pred: Targets,
    *,
    delay: float = 0.0,
    sampling_rate: float | None = None,
    multioutput: str = "uniform_average",
) -> DecodingR2:
    """Score a decoded movement twice: as its user felt it, and shifted back by the delay.

    A filter that smooths also delays. Scores in papers are often of predictions that were moved
    back into place, which a prosthesis cannot do; the two figures side by side show what the
    delay costs.

    Parameters
    ----------
    y_true, y_pred : xarray.DataArray with ``time``, or array-like of shape (n_times, n_outputs)
        The movement, and what was known of it at each time. Shifting never reaches across a jump
        of the clock, or from one trial to the next. Outputs with names are compared by name.
    delay : float, default=0.0
        Seconds by which predictions come late: ``latency_`` or ``group_delay_`` of the filter.
        It is rounded to whole samples.
    sampling_rate : float, optional
        In Hz; needed for plain arrays with a delay.
    multioutput : {"uniform_average", "raw_values"}, default="uniform_average"
        Mean over outputs, as in NeuroBench, or one score per output.

    Returns
    -------
    DecodingR2
        ``realtime`` over all samples; ``aligned`` over those whose prediction came before the end
        of their stretch. 1 - (squared error) / (squared deviation from the mean), as
        `sklearn.metrics.r2_score`.

    Raises
    ------
    ValueError
        If shapes, times or the names of the outputs differ, the delay is negative, longer than the
        recording, or has no clock.

    Examples
    --------
    >>> y = np.sin(np.arange(500) / 20.0)[:, None]
    >>> late = np.roll(y, 5, axis=0)
    >>> score = decoding_r2(y, late, delay=0.1, sampling_rate=50)
    >>> round(float(score.realtime), 2), round(float(score.aligned), 2)
    (0.94, 1.0)
    """
    rate, runs = _clock(y_true, sampling_rate)
    truth, guess = _rows(y_true), _rows(_like(y_pred, y_true))
    if truth.shape != guess.shape:
        raise ValueError(
            f"decoding_r2: y_true and y_pred must have one shape, got {np.shape(y_true)} and"
            f" {np.shape(y_pred)}."
        )
    steps = round(delay * rate) if rate and np.isfinite(delay) else 0
    if not np.isfinite(delay) or steps < 0 or (delay and rate is None):
        raise ValueError(
            "decoding_r2: delay must be a finite number of seconds, 0 or more, and plain arrays"
            f" with a delay need sampling_rate=; got delay={delay!r}."
        )
    runs = [slice(0, len(truth))] if runs is None else runs
    at = [np.arange(run.start, run.stop - steps) for run in runs]
    moments = np.concatenate(at)
    if len(moments) < 2:
        raise ValueError(
            f"decoding_r2: a delay of {delay:g} s leaves no two samples to compare in stretches"
            f" of at most {max(run.stop - run.start for run in runs)} samples."
        )
    return DecodingR2(
        r2_score(truth, guess, multioutput=multioutput),
        r2_score(truth[moments], guess[moments + steps], multioutput=multioutput),
    )


def _rows(y: Targets) -> np.ndarray:
    """Stand the samples as rows, trials one below the other."""
    if isinstance(y, xr.DataArray):
        others = [dim for dim in y.dims if dim not in ("trial", "time")]
        y = y.transpose(..., "time", *others).values
        y = y.reshape(-1, int(np.prod(y.shape[-len(others) :]))) if others else y.reshape(-1)
    y = np.asarray(y, dtype=np.float64)
    return y[:, None] if y.ndim == 1 else y


def _like(y: Targets, other: Targets) -> Targets:
    """Put dims and outputs in the other's order, where both are labelled; refuse another clock."""
    if not (isinstance(y, xr.DataArray) and isinstance(other, xr.DataArray)):
        return y
    if set(y.dims) != set(other.dims):
        return y
    return make_alike("decoding_r2", other, y, ("y_true", "y_pred"))


def _clock(y: Targets, given: float | None) -> tuple[float | None, list[slice] | None]:
    """Find the rate in Hz and the stretches of the rows of `_rows`."""
    if not isinstance(y, xr.DataArray) or "time" not in y.coords or y.sizes["time"] < 2:
        return given, None
    n_times = y.sizes["time"]
    starts = range(0, y.sizes.get("trial", 1) * n_times, n_times)
    within = recording.contiguous_runs(y)
    runs = [slice(s + run.start, s + run.stop) for s in starts for run in within]
    return recording.sampling_rate(y), runs
