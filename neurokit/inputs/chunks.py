"""Chunks of a live recording that carry labels, read as ``predict`` reads a whole one."""

import warnings
from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import xarray as xr
from sklearn.base import BaseEstimator

from neurokit.inputs.gaps import count_unknown
from neurokit.inputs.labels import name_of
from neurokit.inputs.rates import TOLERANCE
from neurokit.recording.clock import SampleIndex
from neurokit.recording.rate import sampling_rate
from neurokit.recording.units import (
    is_scaled,
    power_between,
    read_units,
    scale_units,
    unit_of_each,
)
from neurokit.types import Doubles, Recording


class ChunkLabels:
    """What ``fit`` has seen of the labels of X, kept by a stream to hold its chunks against.

    Parameters
    ----------
    name : str
        Who refuses.
    channels : list, optional
        Names of the columns, in order.
    left_out : list, default=()
        Names that a chunk may hold besides.
    quantity : str or list of str, optional
        The unit.
    rate : float, optional
        In Hz.
    past_mean : ndarray of shape (n_columns,), optional
        What stands for NaN in the first rows.

    Examples
    --------
    >>> import neurokit
    >>> from neurokit.features import LagWindow
    >>> x = neurokit.signal([[1.0, 2.0], [3.0, 4.0]], sampling_rate=10, channels=["C3", "C4"])
    >>> labels = ChunkLabels.of_fit(LagWindow(1).fit(x))
    >>> labels((x.isel(channel=[1, 0]) / 1000).assign_attrs(units="mV")).tolist()
    [[1.0, 3.0], [2.0, 4.0]]
    """

    def __init__(
        self,
        name: str,
        channels: list[Any] | None = None,
        left_out: Sequence[Any] = (),
        quantity: str | list[str] | None = None,
        rate: float | None = None,
        past_mean: Doubles | None = None,
    ) -> None:
        self._name, self._channels, self._left_out = name, channels, left_out
        self._quantity, self._rate = quantity, rate
        self._past_mean = past_mean  # None once a row came whose past is known
        self._unknown = 0  # NaN in the row before
        self._begun: float | None = None  # time of the first chunk
        self._told = False  # that chunks have no unit
        self._next = 0.0  # when the next should begin

    @classmethod
    def of_fit(cls, estimator: BaseEstimator) -> Self:
        """Copy what a fitted estimator has seen, so that a later fit changes no stream."""
        return cls(
            name_of(estimator),
            getattr(estimator, "channels_", _columns_of_fit(estimator)),
            getattr(estimator, "left_out_", ()),
            getattr(estimator, "quantity_", None),
            getattr(estimator, "sampling_rate_", None),
            getattr(estimator, "past_mean_", None),
        )

    @classmethod
    def of_first(
        cls, name: str, chunk: xr.DataArray, space: str, rate: float | None = None
    ) -> Self:
        """Take what the first chunk of a recording says, where any channels and unit will do."""
        channels = chunk[space].values.tolist() if space in chunk.coords else None
        return cls(name, channels, quantity=read_units(chunk, space), rate=rate)

    def __call__(self, chunk: Recording) -> Doubles:
        """Return the chunk as rows of samples, columns in the order and the unit of ``fit``.

        Parameters
        ----------
        chunk : xarray.DataArray of dims time and one more, in any order; or pandas.DataFrame
            Without names along that dim, or of columns, its order is believed.

        Returns
        -------
        ndarray of shape (n_times, n_columns)

        Raises
        ------
        ValueError
            If it has other dims or channels, another rate, or is another quantity.

        Warns
        -----
        UserWarning
            If it does not begin where the one before has ended. Chunks that all begin at one time
            have a clock of their own.
        """
        if not isinstance(chunk, xr.DataArray):
            names, rows = getattr(chunk, "columns", None), np.asarray(chunk)
            if names is None or not set(self._channels or ()) & set(names):
                return rows
            table = xr.DataArray(rows, {"feature": list(names)}, ("time", "feature"))
            return self._match_channels(table, "feature").values
        spaces = [str(name) for name in chunk.dims if name != "time"]
        if "time" not in chunk.dims or len(spaces) != 1:
            raise ValueError(
                f"{self._name}.stream: a labelled chunk must have the dims time and one more, got"
                f" {tuple(chunk.dims)}."
            )
        (space,) = spaces
        self._match_rate(chunk)
        self._follow(chunk)
        chunk = self._match_unit(self._match_channels(chunk, space), space)
        return np.asarray(chunk.transpose("time", space).values)

    def _follow(self, chunk: xr.DataArray) -> None:
        """Tell where time jumps: a stream takes what comes as if nothing were missing."""
        if "time" not in chunk.coords or not chunk.sizes["time"]:
            return
        times = np.asarray(chunk["time"].values, np.float64)
        rate = self._rate or (sampling_rate(chunk) if len(times) > 1 else None)
        if rate is None:
            return
        jumps = times[:1] - self._next if self._begun not in (None, times[0]) else times[:0]
        jumps = np.append(jumps, np.diff(times) - 1 / rate)
        if self._begun is None:
            self._begun = float(times[0])
        self._next = float(times[-1]) + 1 / rate
        if (np.abs(jumps) > 0.5 / rate).any():
            jump = float(jumps[np.abs(jumps).argmax()])
            warnings.warn(
                f"{self._name}.stream: time jumps by {jump:g} s in or before a chunk, which is"
                " taken as if nothing were missing; begin a new stream after a jump.",
                stacklevel=2,
            )

    def fill(self, chunk: Doubles) -> Doubles:
        """Put the means of ``fit`` where the first rows of a stream hold NaN.

        Parameters
        ----------
        chunk : ndarray of shape (n_times, n_columns)
        """
        if self._past_mean is None or not len(chunk):
            return chunk
        counts, mean = count_unknown(chunk), self._past_mean
        if counts is None or (np.diff(counts, prepend=self._unknown or counts[0]) > 0).any():
            return chunk  # to be refused
        self._unknown = int(counts[-1])
        if not self._unknown:
            self._past_mean = None
        return np.where(np.isnan(chunk), mean, chunk) if counts[0] else chunk

    def _match_channels(self, chunk: xr.DataArray, space: str) -> xr.DataArray:
        known = self._channels
        if known is None or space not in chunk.coords:
            return chunk
        names = chunk[space].values.tolist()
        if names == known:
            return chunk
        others = set(known) - set(names) or set(names) - set(known) - set(self._left_out)
        if others or len(set(names)) < len(names):
            raise ValueError(
                f"{self._name}.stream: fitted on {known}, got a chunk of {names}; give those."
            )
        return chunk.sel({space: known})

    def _match_unit(self, chunk: xr.DataArray, space: str) -> xr.DataArray:
        known, found = self._quantity, read_units(chunk, space)
        if found is None and is_scaled(known) and space in chunk.coords and not self._told:
            self._told = True
            warnings.warn(
                f"{self._name}.stream: fitted on X in {known!r}; chunks that do not say their unit"
                " are taken to be in it too. Write it into attrs['units'].",
                stacklevel=2,
            )
        if known is None or found is None or known == found:
            return chunk
        n = chunk.sizes[space]
        pairs = zip(unit_of_each(found, n), unit_of_each(known, n), strict=False)
        if any(power_between(*pair) is None for pair in pairs):
            raise ValueError(
                f"{self._name}.stream: fitted on X in {known!r}, got a chunk in {found!r};"
                " convert it, and write the unit into attrs['units']."
            )
        return scale_units(chunk, space, known)

    def _match_rate(self, chunk: xr.DataArray) -> None:
        index = chunk.xindexes.get("time")
        if self._rate is None or index is None:
            return
        if chunk.sizes["time"] < 2 and not isinstance(index, SampleIndex):
            return
        rate = sampling_rate(chunk)
        if abs(rate - self._rate) > TOLERANCE * self._rate:
            raise ValueError(
                f"{self._name}.stream: fitted at {float(self._rate):g} Hz, got a chunk at"
                f" {rate:g} Hz; resample or bin it as for fit, or fit again."
            )


def _columns_of_fit(estimator: BaseEstimator) -> list[Any] | None:
    """Return the names of the columns of the table that ``fit`` has seen, if it was one."""
    names = getattr(estimator, "feature_names_in_", None)
    return None if names is None else names.tolist()
