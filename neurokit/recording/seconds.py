"""Times come in seconds; those that say that they are something else are converted."""

from typing import Any

import numpy as np

_DIVISORS = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}  # how many in a second
_FACTORS = {"min": 60, "h": 3_600, "d": 86_400}  # seconds in one
_HERTZ = {"hz": 1, "hertz": 1, "1/s": 1, "khz": 1_000, "1/ms": 1_000, "mhz": 1_000_000}
_NAMES = {
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds"), "s"),
    **dict.fromkeys(("ms", "msec", "millisecond", "milliseconds"), "ms"),
    **dict.fromkeys(("us", "µs", "μs", "usec", "microsecond", "microseconds"), "us"),
    **dict.fromkeys(("ns", "nanosecond", "nanoseconds"), "ns"),
    **dict.fromkeys(("min", "minute", "minutes"), "min"),
    **dict.fromkeys(("h", "hour", "hours"), "h"),
    **dict.fromkeys(("d", "day", "days"), "d"),
}
_WHOLE = 1_000  # s; many times that are all whole numbers and go beyond are asked about


def in_seconds(values: Any, caller: str, what: str = "times") -> np.ndarray:
    """Return times as float64 seconds, converted where they carry another unit.

    Parameters
    ----------
    values : array-like
        Plain numbers are seconds. A ``timedelta64``, a quantity of neo, quantities or pint, and
        an xarray object with ``attrs["units"]`` say what they are.
    caller, what : str
        For the sentence that refuses a unit that is none of time.

    Returns
    -------
    ndarray of float64

    Raises
    ------
    ValueError
        If the unit is unknown.
    """
    unit = None
    if hasattr(values, "attrs") and hasattr(values, "dims"):
        unit = values.attrs.get("units")
    elif hasattr(values, "magnitude"):
        unit, values = _unit_of(values), values.magnitude
    elif isinstance(values, list | tuple) and len(values) and _is_one_time(values[0]):
        return np.array([second(value, caller, what) for value in values], dtype=np.float64)
    if isinstance(values, np.ma.MaskedArray) and (n := int(np.ma.getmaskarray(values).sum())):
        raise ValueError(
            f"{caller}: {n} of the {what} are masked; leave them out, as values.compressed() does."
        )
    array = np.asarray(values)
    if array.dtype.kind == "m":
        return np.asarray(array / np.timedelta64(1, "ns"), dtype=np.float64) / 1e9
    if array.dtype.kind == "M":
        raise ValueError(
            f"{caller}: {what} are dates; subtract the start of the recording, so that they are"
            " durations."
        )
    array = np.asarray(array, dtype=np.float64)
    if unit is None:
        return array
    name = _NAMES.get(str(unit).strip())
    if name is None:
        raise ValueError(
            f"{caller}: {what} come in {str(unit)!r}, which is no unit of time known here; convert"
            " them to seconds."
        )
    if name in _FACTORS:
        return array * _FACTORS[name]
    return array if name == "s" else array / _DIVISORS[name]


def second(value: Any, caller: str, what: str) -> Any:
    """Return one time in seconds; plain numbers and fractions as they are."""
    if hasattr(value, "total_seconds"):
        return float(value.total_seconds())
    if hasattr(value, "dtype") or hasattr(value, "magnitude"):
        return float(in_seconds(value, caller, what))
    return value


def hertz(value: Any, caller: str) -> Any:
    """Return a rate in Hz; plain numbers and fractions as they are, quantities converted."""
    if not hasattr(value, "magnitude"):
        return value
    factor = _HERTZ.get(_unit_of(value).lower())
    if factor is None:
        raise ValueError(
            f"{caller}: the sampling rate comes in {_unit_of(value)!r}; convert it to Hz."
        )
    return float(value.magnitude) * factor


def _unit_of(quantity: Any) -> str:
    """Return the unit of a quantity; the package quantities says "1.0 ms"."""
    return str(quantity.units).split()[-1]


def _is_one_time(value: Any) -> bool:
    return hasattr(value, "magnitude") or hasattr(value, "total_seconds")


def find_scale(units: str | None, sampling_rate: float | None, caller: str) -> float:
    """Return how many of ``units``, or of samples, make a second."""
    if sampling_rate is not None:
        if units is not None or not 0 < sampling_rate < float("inf"):
            raise ValueError(
                f"{caller}: give units= or a positive sampling_rate= in Hz, got {units!r} and"
                f" {sampling_rate!r}."
            )
        return float(sampling_rate)
    name = "s" if units is None else _NAMES.get(units)
    if name not in _DIVISORS:
        raise ValueError(f"{caller}: units must be 's', 'ms', 'us' or 'ns', got {units!r}.")
    return _DIVISORS[name]


def ask_if_whole(times: np.ndarray, caller: str) -> None:
    """Refuse times that look like samples or milliseconds: all whole numbers, far beyond."""
    if len(times) < 3 or not np.abs(times).max() >= _WHOLE:
        return
    if (times[:1000] == np.round(times[:1000])).all() and (times == np.round(times)).all():
        raise ValueError(
            f"{caller}: all {len(times)} times are whole numbers, up to {np.abs(times).max():g}:"
            " samples or milliseconds? Give sampling_rate= in Hz, units='ms', or units='s' if they"
            " are seconds."
        )


def tell_if_coarse(spacing: float, latest: float, caller: str) -> None:
    """Warn where times came in float32 and are further apart than a sample."""
    import warnings

    if spacing > 1e-4:
        warnings.warn(
            f"{caller}: times came as float32, which knows only every {1e3 * spacing:.2g} ms at"
            f" {latest:g} s; read them as float64.",
            stacklevel=4,
        )
