"""Signals of any channels and any rate, labelled or not, in memory or lazy."""

from collections.abc import Iterator
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np
import xarray as xr
from sklearn.base import BaseEstimator

from neurokit.inputs.labels import labelled_or_plain, name_of
from neurokit.inputs.rates import require_rate
from neurokit.recording.clock import SampleIndex, exact
from neurokit.recording.rate import contiguous_runs, sampling_rate
from neurokit.types import Floats, Recording


class Signal(NamedTuple):
    """A recording as (trial, channel, time), with its clock and its labels."""

    values: Any  # ndarray, dask array or lazy xarray variable, (trial, channel, time)
    rate: Fraction  # Hz
    first: Fraction  # position of the first sample on the clock
    source: xr.DataArray | None  # the labelled input, dims ([trial,] channel, time)
    single: bool  # no trial dim came in

    @property
    def is_dask(self) -> bool:
        """Whether blocks are computed elsewhere, later."""
        return hasattr(self.values, "dask")

    @property
    def n_trials(self) -> int:
        """Number of trials; 1 for one recording."""
        return int(self.values.shape[0])

    @property
    def n_channels(self) -> int:
        """Number of channels."""
        return int(self.values.shape[1])

    @property
    def n_times(self) -> int:
        """Number of samples per channel and trial."""
        return int(self.values.shape[2])

    @property
    def n_rows(self) -> int:
        """Trials times channels."""
        return self.n_trials * self.n_channels

    def load(self, start: int, stop: int, caller: str) -> Floats:
        """Return samples ``start`` to ``stop``, float64 of shape (rows, time); refuse NaN."""
        values = np.asarray(self.values[..., start:stop], np.float64)
        return refuse_gaps(values, caller).reshape(self.n_rows, -1)


def take_signal(estimator: BaseEstimator, X: Recording, plain_rate: float | None) -> Signal:
    """Take ``X`` as a signal, whatever its channels are.

    Parameters
    ----------
    estimator : estimator
        The caller.
    X : xarray.DataArray, array-like or MNE object
        Dims ([trial,] channel, time), in any order where they have names.
    plain_rate : float or None
        Rate of what carries no clock, in Hz.

    Returns
    -------
    Signal

    Raises
    ------
    TypeError, ValueError
        If the dims or the dtype are others, if it is empty, if a plain array comes without
        ``plain_rate``, or if the clock jumps.
    """
    name = name_of(estimator)
    X = labelled_or_plain(X)
    source = X if isinstance(X, xr.DataArray) else None
    values: Any
    if source is None:
        values = X if hasattr(X, "dask") else np.asarray(X)
        if values.ndim not in (2, 3):
            raise ValueError(
                f"{name}: a plain array must have dims ([trial,] channel, time), got shape"
                f" {values.shape}."
            )
        rate, first = exact(require_rate(estimator, plain_rate)), Fraction(0)
    else:
        if not {"channel", "time"} <= set(source.dims) <= {"trial", "channel", "time"}:
            raise ValueError(
                f"{name}: X must have dims ([trial,] channel, time), got {tuple(source.dims)}."
            )
        if 0 in source.shape:
            raise ValueError(f"{name}: X must have samples, got shape {source.shape}.")
        lead = ("trial",) if "trial" in source.dims else ()
        source = source.transpose(*lead, "channel", "time")
        rate, first = _read_clock(estimator, source, plain_rate)
        values = source.data if source.chunks is not None else source.variable
        values = values.values if source.variable._in_memory else values
    if values.dtype.kind not in "iuf":
        raise TypeError(f"{name}: X must hold real numbers, got dtype {values.dtype}.")
    if 0 in values.shape:
        raise ValueError(f"{name}: X must have samples, got shape {values.shape}.")
    single = values.ndim == 2
    values = values[None] if single and not isinstance(values, xr.Variable) else values
    if isinstance(values, xr.Variable) and single:
        values = values.expand_dims("trial")
    return Signal(values, rate, first, source, single)


def refuse_gaps(values: Floats, caller: str) -> Floats:
    """Refuse NaN and infinity, naming a channel of ``values`` (..., channel, time)."""
    if not np.isfinite(values).all():
        bad = ~np.isfinite(values).all(-1)
        channels = np.flatnonzero(bad.reshape(-1, bad.shape[-1]).any(0)).tolist()
        raise ValueError(
            f"{caller}: X contains NaN or infinity, in channels {channels}; fill them first, for"
            " example with X.fillna(0), or drop the channels."
        )
    return values


def cut_spans(n: int, size: int) -> Iterator[tuple[int, int]]:
    """Cut ``range(n)`` into pieces of ``size``."""
    for start in range(0, n, size):
        yield start, min(start + size, n)


def _read_clock(
    estimator: BaseEstimator, x: xr.DataArray, plain_rate: float | None
) -> tuple[Fraction, Fraction]:
    """Read the rate and the first sample of a labelled recording."""
    name = name_of(estimator)
    index = x.xindexes.get("time")
    if isinstance(index, SampleIndex) and index.rate > 0:
        return index.rate, index.first
    if "time" not in x.coords or x.sizes["time"] < 2:
        if plain_rate is None:
            raise ValueError(
                f"{name}: X tells no sampling rate, as it has no time coordinate of two or more"
                " samples; give sampling_rate= in Hz."
            )
        return exact(plain_rate), Fraction(0)
    if (n := len(contiguous_runs(x))) > 1:
        raise ValueError(
            f"{name}: the clock of X jumps and X falls into {n} pieces; pass each on its own, as"
            " neurokit.recording.contiguous_runs cuts them."
        )
    rate = exact(round(sampling_rate(x), 6))
    return rate, exact(round(float(x["time"].values[0]), 9)) * rate
