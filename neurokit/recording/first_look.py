"""What spike times have to be asked about, found in one pass while they lie in the cache."""

import numpy as np

from neurokit.types import Doubles

_BLOCK = 2**15  # times at once, 256 kB


class FirstLook:
    """Smallest and largest of many times, and where one is earlier than the one before.

    Comparisons of whole arrays read the memory once each; here a block is read once for all.

    Attributes
    ----------
    low, high : float
        NaN where a time is, and where there are none.
    late : list of int
        Positions of the times that are earlier than the one before.
    """

    def __init__(self) -> None:
        self._lows: list[float] = []
        self._highs: list[float] = []
        self.late: list[int] = []

    @classmethod
    def of(cls, times: Doubles) -> "FirstLook":
        """Look at all times of an array."""
        found = cls()
        for start in range(0, len(times), _BLOCK):
            found.add(times, start, min(start + _BLOCK, len(times)))
        return found

    def add(self, times: Doubles, start: int, stop: int) -> None:
        """Look at the times from ``start`` to ``stop``; those before were looked at."""
        if start == stop:
            return
        block = times[start:stop]
        self._lows.append(float(block.min()))
        self._highs.append(float(block.max()))
        first = max(start, 1)
        back = times[first:stop] < times[first - 1 : stop - 1]
        if back.any():
            self.late += (np.flatnonzero(back) + first).tolist()

    @property
    def low(self) -> float:
        """Return the smallest time."""
        return float(np.min(self._lows)) if self._lows else float("nan")

    @property
    def high(self) -> float:
        """Return the largest time."""
        return float(np.max(self._highs)) if self._highs else float("nan")
