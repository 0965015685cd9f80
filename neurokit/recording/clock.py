"""The exact clock of a recording: an xarray index over a first sample and a rational rate."""

import math
from collections.abc import Hashable, Iterable, Mapping, Sequence
from fractions import Fraction
from typing import Any, Self

import numpy as np
import pandas as pd
import xarray as xr
from xarray.core.indexing import IndexSelResult
from xarray.indexes import CoordinateTransform, CoordinateTransformIndex, PandasIndex

EDGE = 1e-9  # seconds; a time so near to a sample, or to an edge, stands on it
_ROUND_UP = {"backfill", "bfill"}
_ROUND_DOWN = {"pad", "ffill"}


def exact(value: float | Fraction) -> Fraction:
    """Return the fraction that ``value`` was meant to be: 0.1 is 1/10, 1/0.6 is 5/3.

    Parameters
    ----------
    value : float or Fraction
        A rate in Hz or a time in seconds.

    Returns
    -------
    Fraction
        One whose float is ``value``, looked for among denominators up to 10,000, then among
        decimals of up to six places, then among the samples of clocks (the simplest with a
        denominator up to 1,000,000: 1/30000, 13/44100), then among all decimals.
    """
    if isinstance(value, Fraction):
        return value
    if isinstance(value, int):
        return Fraction(value)
    number = float(value)
    simple = Fraction(number).limit_denominator(10_000)
    if float(simple) == number:
        return simple
    decimal = Fraction(repr(number))
    if decimal.denominator <= 1_000_000 and 1_000_000 % decimal.denominator == 0:
        return decimal
    sample = _simplest(Fraction(number), Fraction(math.ulp(number)) / 2)
    return sample if sample.denominator <= 1_000_000 and float(sample) == number else decimal


def _simplest(value: Fraction, around: Fraction) -> Fraction:
    """Return the fraction of the least denominator less than ``around`` from ``value``."""
    low, high = value - around, value + around
    terms: list[int] = []
    while True:  # the continued fractions of both ends, as far as they agree
        whole = math.floor(low)
        if whole == low or whole < math.floor(high):
            terms.append(math.ceil(low))
            break
        terms.append(whole)
        low, high = 1 / (high - whole), 1 / (low - whole)
    found = Fraction(terms.pop())
    while terms:
        found = terms.pop() + 1 / found
    return found


def _seconds(label: Hashable) -> np.ndarray:
    """Return labels of ``time`` as floats, or say why they are none."""
    given = np.asarray(label)
    if given.dtype.kind not in "iufO":
        raise TypeError(
            f"sel: time is in seconds, so its labels are numbers, got {given.dtype}; a mask goes"
            " to isel, and a timedelta divided by np.timedelta64(1, 's') is in seconds."
        )
    try:
        times = given.astype(np.float64)
    except (TypeError, ValueError):
        raise TypeError(
            f"sel: time is in seconds, so its labels are numbers, got {label!r}."
        ) from None
    if np.isnan(times).any():
        raise ValueError("sel: time is in seconds, so its labels are numbers, got NaN.")
    return times


class _Clock(CoordinateTransform):
    """Sample ``k`` is at ``(first + k) / rate`` seconds, both rational."""

    def __init__(
        self, first: Fraction, rate: Fraction, size: int, name: Hashable, dim: str
    ) -> None:
        super().__init__([name], {dim: size}, dtype=np.dtype(np.float64))
        self.first = first
        self.rate = rate
        self.size = size
        self.dim = dim
        self.hertz, self.offset = float(rate), float(first)  # a division of integers, once

    def __deepcopy__(self, memo: object) -> Self:
        return self  # nothing in it changes, and xarray copies the coordinates of every new array

    def forward(self, dim_positions: dict[str, Any]) -> dict[Hashable, Any]:
        """Return times in seconds, each the float nearest to an exact quotient."""
        numerator, denominator = self.integers
        (first_numerator, first_denominator) = self.first.as_integer_ratio()
        positions = np.asarray(dim_positions[self.dim], dtype=np.int64)
        largest = abs(first_numerator) + first_denominator * max(self.size, 1)
        if largest * numerator < 2**62:
            samples = first_numerator + positions * first_denominator
            times: np.ndarray = samples * numerator / denominator
        else:  # beyond 64-bit integers: the float nearest to the first sample, plus whole steps
            times = (self.offset + positions) / self.hertz
        return {self.coord_names[0]: times}

    @property
    def integers(self) -> tuple[int, int]:
        """``(p, q)`` such that a time is ``(first's numerator + k * its denominator) * p / q``."""
        return self.rate.denominator, self.first.denominator * self.rate.numerator

    def reverse(self, coord_labels: dict[Hashable, Any]) -> dict[str, Any]:
        """Return positions in samples, not rounded."""
        times = np.asarray(coord_labels[self.coord_names[0]], dtype=np.float64)
        return {self.dim: times * self.hertz - self.offset}

    def equals(
        self, other: CoordinateTransform, exclude: frozenset[Hashable] | None = None
    ) -> bool:
        """Tell whether both name the same samples."""
        return isinstance(other, _Clock) and (
            (self.first, self.rate, self.size) == (other.first, other.rate, other.size)
        )


class SampleIndex(CoordinateTransformIndex):
    """Exact index for ``time``: sample ``k`` is at ``(first + k) / rate`` seconds.

    It keeps two fractions and a length, so an hour at 30 kHz costs no memory, and two recordings
    of one clock meet on samples, never on equal floats. Slices and strides keep it; an irregular
    choice of samples turns it into an ordinary index of floats.

    Parameters
    ----------
    first : int or Fraction
        Position of the first sample on the clock, in samples.
    rate : int, float or Fraction
        Samples per second, in Hz.
    size : int
        Number of samples.
    name : hashable, default="time"
        Name of the coordinate.
    dim : str, default="time"
        Name of its dimension.

    Examples
    --------
    >>> index = SampleIndex(0, 250, 1000)
    >>> index.isel({"time": slice(10, None, 4)})
    SampleIndex(first=5/2, rate=125/2, size=248)
    """

    transform: _Clock

    def __init__(
        self,
        first: int | Fraction,
        rate: float | Fraction,
        size: int,
        name: Hashable = "time",
        dim: str = "time",
    ) -> None:
        rate = exact(rate)
        if not rate or size < 0:
            raise ValueError(
                f"SampleIndex takes a rate other than 0 Hz and a size of 0 or more, got"
                f" {rate} Hz and {size}."
            )
        first = first if type(first) is Fraction else Fraction(first)
        super().__init__(_Clock(first, rate, int(size), name, dim))

    @property
    def first(self) -> Fraction:
        """Position of the first sample on the clock, in samples."""
        return self.transform.first

    @property
    def rate(self) -> Fraction:
        """Samples per second; negative where time runs backwards."""
        return self.transform.rate

    @property
    def size(self) -> int:
        """Number of samples."""
        return self.transform.size

    @property
    def values(self) -> np.ndarray:
        """Times of all samples, in seconds."""
        return self._at(np.arange(self.size))

    @classmethod
    def from_times(cls, times: np.ndarray, name: Hashable = "time", dim: str = "time") -> Self:
        """Recover the clock behind evenly spaced floats.

        Raises
        ------
        ValueError
            If there are fewer than two, or the spacing varies by more than a thousandth of it.
        """
        times = np.asarray(times, dtype=np.float64)
        size = len(times)
        if size < 2:
            raise ValueError(f"a clock needs at least two times, got {size}.")
        span = float(times[-1] - times[0])
        step = span / (size - 1)
        slack = 1e-3 * abs(step) + 4 * np.spacing(np.abs(times).max())
        if not np.isfinite(span) or span == 0 or np.ptp(np.diff(times) - step) > slack:
            raise ValueError("times must be finite and evenly spaced to a thousandth of a step.")
        for digits in range(10):  # the simplest rate that reaches the last sample where it is
            rate = Fraction((size - 1) / span).limit_denominator(10**digits)
            if rate and abs((size - 1) / rate - Fraction(span)) < abs(Fraction(slack)) / 10:
                break
        position = exact(times[0]) * rate
        whole = round(position)  # a first sample that is a whole number but for its rounding
        first = Fraction(whole) if abs(position - whole) < 1e-3 else position
        return cls(first, rate, size, name, dim)

    @classmethod
    def from_variables(
        cls, variables: Mapping[Any, xr.Variable], *, options: Mapping[str, Any]
    ) -> Self:
        """Build the index of a coordinate of floats: ``x.set_xindex("time", SampleIndex)``."""
        if len(variables) != 1:
            raise ValueError(f"SampleIndex takes one coordinate, got {list(variables)}.")
        ((name, variable),) = variables.items()
        (dim,) = variable.dims
        return cls.from_times(variable.values, name, str(dim))

    def isel(
        self, indexers: Mapping[Any, int | slice | np.ndarray | xr.Variable]
    ) -> "SampleIndex | PandasIndex | None":
        """Keep the clock through slices and strides, by position."""
        chosen = indexers[self.transform.dim]
        if isinstance(chosen, xr.Variable):
            if chosen.dims != (self.transform.dim,):
                return None
            chosen = chosen.values
        if isinstance(chosen, slice):
            return self._stride(range(self.size)[chosen])
        positions = np.asarray(chosen)
        if positions.ndim == 0:
            return None
        if positions.dtype == bool:
            positions = np.flatnonzero(positions)
        if len(positions) == 0:
            return self._stride(range(0))
        positions = np.where(positions < 0, positions + self.size, positions)
        steps = np.unique(np.diff(positions))
        start = int(positions[0])
        if len(positions) == 1:
            return self._stride(range(start, start + 1))
        if len(steps) == 1 and steps[0] != 0:
            step = int(steps[0])
            return self._stride(range(start, start + step * len(positions), step))
        return PandasIndex(pd.Index(self._at(positions), name=self._name), self.transform.dim)

    def sel(
        self, labels: dict[Any, Any], method: str | None = None, tolerance: float | None = None
    ) -> IndexSelResult:
        """Find samples by their time; slices hold both ends, as everywhere in xarray."""
        (label,) = labels.values()
        if isinstance(label, slice):
            return IndexSelResult({self.transform.dim: self._slice(label)})
        times = _seconds(label)
        positions = self._nearby(times)
        if method is None or method == "nearest":
            found = np.round(positions)
        elif method in _ROUND_UP | _ROUND_DOWN:
            found = np.ceil(positions) if method in _ROUND_UP else np.floor(positions)
        else:
            raise ValueError(f"method must be None, nearest, ffill or bfill, got {method!r}.")
        low = 0 if method == "nearest" or method in _ROUND_UP else -np.inf
        high = self.size - 1 if method == "nearest" or method in _ROUND_DOWN else np.inf
        found = np.clip(found, low, high)
        allowed = np.inf if method is not None else 0.0
        if tolerance is not None:
            allowed = float(tolerance) * abs(self.transform.hertz)
        missed = (np.abs(found - positions) > allowed) | (found < 0) | (found >= self.size)
        if missed.any() or self.size == 0:
            raise KeyError(
                f"no sample at {np.atleast_1d(times)[np.atleast_1d(missed)][:1].tolist()} s on"
                f" {self!r}; method='nearest' takes the closest."
            )
        found = found.astype(np.intp)
        if isinstance(label, xr.Variable):
            return IndexSelResult({self.transform.dim: xr.Variable(label.dims, found)})
        if isinstance(label, xr.DataArray):
            return IndexSelResult({self.transform.dim: label.copy(data=found)})
        return IndexSelResult({self.transform.dim: found if found.ndim else int(found)})

    def equals(self, other: xr.Index, *, exclude: frozenset[Hashable] | None = None) -> bool:
        """Tell whether both hold the same samples of the same clock."""
        return isinstance(other, SampleIndex) and self.transform.equals(other.transform)

    def join(self, other: Self, how: str = "inner") -> Self:
        """Return the samples that both hold (inner) or either (outer).

        Raises
        ------
        ValueError
            If the two clocks have no sample in common, wherever they are on it.
        """
        start, step = self._common_grid(other)
        ends = [(index.first / index.rate, index._last) for index in (self, other)]
        if how == "inner":
            low, high = max(a for a, _ in ends), min(b for _, b in ends)
        else:
            if self.rate != other.rate:
                raise ValueError(
                    f"cannot take the union of clocks of {float(self.rate):g} Hz and"
                    f" {float(other.rate):g} Hz; resample one of them, or join='inner'."
                )
            filled = [pair for pair, index in zip(ends, (self, other), strict=True) if index.size]
            filled = filled or ends
            low, high = min(a for a, _ in filled), max(b for _, b in filled)
        first = start + step * math.ceil((low - start) / step)
        size = max(0, math.floor((high - first) / step) + 1)
        if how == "inner" and not (self.size and other.size):
            size = 0
        return self._like(first / step, 1 / step, size)

    def reindex_like(self, other: Self) -> dict[Hashable, Any]:
        """Return the positions in this index of the samples of ``other``; -1 where it has none."""
        start = other.first / other.rate * self.rate - self.first
        step = self.rate / other.rate
        grid = math.lcm(start.denominator, step.denominator)
        scaled = int(start * grid) + int(step * grid) * np.arange(other.size)
        positions = np.where(scaled % grid == 0, scaled // grid, -1)
        inside = (positions >= 0) & (positions < self.size)
        return {self.transform.dim: np.where(inside, positions, -1)}

    @classmethod
    def concat(  # type: ignore[override]
        cls,
        indexes: Sequence[Self],
        dim: Hashable,
        positions: Iterable[Iterable[int]] | None = None,
    ) -> "SampleIndex | PandasIndex":
        """Keep the clock where each piece begins with the sample after the last one's end."""
        head, *tail = filled = [index for index in indexes if index.size] or list(indexes[:1])
        expected = head.first + head.size
        for index in tail:
            if index.rate != head.rate or index.first != expected or positions is not None:
                times = np.concatenate([index.values for index in filled])
                if positions is not None:
                    order = np.concatenate([np.asarray(list(p)) for p in positions])
                    times = times[np.argsort(order)]
                return PandasIndex(pd.Index(times, name=head._name), str(dim))
            expected += index.size
        return head._like(head.first, head.rate, sum(index.size for index in filled))

    def rename(self, name_dict: Mapping[Any, Hashable], dims_dict: Mapping[Any, Hashable]) -> Self:
        """Give the coordinate or its dimension another name."""
        dim = self.transform.dim
        return type(self)(
            self.first,
            self.rate,
            self.size,
            name_dict.get(self._name, self._name),
            str(dims_dict.get(dim, dim)),
        )

    def to_pandas_index(self) -> pd.Index:
        """Return times as an ordinary index, for plots and tables."""
        return pd.Index(self.values, name=self._name)

    def __repr__(self) -> str:
        return f"SampleIndex(first={self.first}, rate={self.rate}, size={self.size})"

    def _repr_inline_(self, max_width: int) -> str:
        return repr(self)

    @property
    def _name(self) -> Hashable:
        return self.transform.coord_names[0]

    @property
    def _last(self) -> Fraction:
        """Time of the last sample, exactly."""
        return (self.first + self.size - 1) / self.rate

    def _like(self, first: Fraction, rate: Fraction, size: int) -> Self:
        return type(self)(first, rate, size, self._name, self.transform.dim)

    def _at(self, positions: np.ndarray) -> np.ndarray:
        return self.transform.forward({self.transform.dim: positions})[self._name]

    def _stride(self, chosen: range) -> Self:
        start = self.first + chosen.start if len(chosen) else self.first
        if chosen.step == 1:  # fractions are slow, and every window comes through here
            return self._like(start, self.rate, len(chosen))
        return self._like(start / chosen.step, self.rate / chosen.step, len(chosen))

    def _nearby(self, times: np.ndarray) -> np.ndarray:
        """Positions of ``times``; whole where only a float's rounding keeps them from it."""
        positions = times * self.transform.hertz - self.transform.offset
        whole = np.round(positions)
        near = np.maximum(EDGE, 8 * np.spacing(np.abs(times))) * abs(self.transform.hertz)
        near = np.minimum(near + 4e-16 * np.abs(positions), 0.25)
        return np.where(np.abs(positions - whole) < near, whole, positions)

    def _near(self, time: float) -> float:
        """Return what `_nearby` does, of one time, without arrays."""
        rate = self.transform.hertz
        position = time * rate - self.transform.offset
        near = max(EDGE, 8 * math.ulp(time)) * abs(rate)
        whole = float(round(position))
        return (
            whole if abs(position - whole) < min(near + 4e-16 * abs(position), 0.25) else position
        )

    def _slice(self, label: slice) -> slice:
        """Positions from the first to the last label, both held, in the direction of the step."""
        back = label.step is not None and label.step < 0
        first, last = (label.stop, label.start) if back else (label.start, label.stop)
        low = 0.0 if first is None else self._edge(first)
        high = self.size - 1.0 if last is None else self._edge(last)
        if self.transform.hertz < 0 and low > high and first is not None and last is not None:
            low, high = high, low  # on a clock that runs backwards: what lies between, either way
        start, stop = max(math.ceil(low), 0), min(math.floor(high) + 1, self.size)
        if start >= stop:
            return slice(0, 0)
        if back:
            return slice(stop - 1, start - 1 if start else None, label.step)
        return slice(start, stop, label.step)

    def _edge(self, label: Hashable) -> float:
        """Return the position of an end of a slice, at most one sample outside."""
        if type(label) in (int, float) and abs(label) <= 1e200:  # type: ignore[arg-type]
            return min(max(self._near(float(label)), -1.0), float(self.size))  # type: ignore[arg-type]
        time = np.clip(_seconds(label), -1e200, 1e200)  # an infinite end is one, too
        return min(max(float(self._nearby(time)), -1.0), float(self.size))

    def _common_grid(self, other: Self) -> tuple[Fraction, Fraction]:
        """Start and step, in seconds, of the samples that both clocks would share for ever."""
        starts = [index.first / index.rate for index in (self, other)]
        steps = [abs(1 / index.rate) for index in (self, other)]
        unit = math.lcm(*(number.denominator for number in starts + steps))
        (a, b), (p, q) = ([int(number * unit) for number in pair] for pair in (starts, steps))
        shared = math.gcd(p, q)
        if (b - a) % shared:  # the Chinese remainder theorem: no k, l with a + k p = b + l q
            raise ValueError(
                f"{self!r} and {other!r} never have a sample in common; shift or resample one"
                " of them first."
            )
        k = (b - a) // shared * pow(p // shared, -1, q // shared) if q != shared else 0
        return Fraction(a + k * p, unit), Fraction(math.lcm(p, q), unit)


def time_coordinates(
    first: int | Fraction, rate: float | Fraction, size: int, dim: str = "time"
) -> xr.Coordinates:
    """Return the exact ``time`` coordinate of a recording, to be passed as ``coords=``.

    Parameters
    ----------
    first : int or Fraction
        Position of the first sample on the clock, in samples.
    rate : float or Fraction
        Samples per second, in Hz.
    size : int
        Number of samples.
    dim : str, default="time"
        Name of the coordinate and its dimension.

    Returns
    -------
    xarray.Coordinates
        One coordinate, in seconds, that costs no memory.
    """
    index = SampleIndex(first, rate, size, dim, dim)
    variables = index.create_variables()
    variables[dim].attrs["units"] = "s"
    return xr.Coordinates(variables, indexes={dim: index})
