"""Resampling by any rational factor, the same to the bit for whole recordings and for pieces."""

import math
from fractions import Fraction

import numpy as np
from scipy.sparse import csr_array

from neurokit.types import Codes, Floats

_ZEROS = 12  # zero crossings of the sinc on either side
_BETA = 5.0  # of the Kaiser window
_MAX_PHASES = 8192


class Resampler:
    """Windowed-sinc interpolation (Kaiser) from one rate to another; both start together.

    Output ``k`` lies at input position ``k * source / target``, computed in integers, and is a
    weighted sum of the ``2 * reach`` inputs around it, so it comes out alike however the input
    is cut. Before the first and after the last sample the signal stands still.

    Parameters
    ----------
    source, target : Fraction
        Rates in Hz.
    """

    def __init__(self, source: Fraction, target: Fraction) -> None:
        step = source / target
        self.step = step
        self.same = step == 1
        stretch = max(float(step), 1.0)
        self.reach = 1 if self.same else math.ceil(_ZEROS * stretch)
        # Half gain right at the lower Nyquist rate: what is mirrored there on the way up falls
        # back into its place on the way down, and there and back loses least.
        self._cutoff = 1.0 / stretch
        self._table: Floats | None = None

    def n_out(self, n_in: int) -> int:
        """Return the number of outputs that cover ``n_in`` inputs."""
        return math.ceil(n_in / self.step)

    def n_ready(self, n_in: int) -> int:
        """Count outputs that no input after the first ``n_in`` can change."""
        if self.same:
            return n_in
        return max(math.ceil((n_in - self.reach) / self.step), 0)  # last_input(k) < n_in

    def first_input(self, k: int) -> int:
        """Return the first input that output ``k`` depends on."""
        return max(math.floor(k * self.step) - self.reach + 1, 0)

    def last_input(self, k: int) -> int:
        """Return the last input that output ``k`` depends on."""
        return k if self.same else math.floor(k * self.step) + self.reach

    def apply(
        self, x: Floats, start: int, stop: int, *, offset: int = 0, n_in: int | None = None
    ) -> Floats:
        """Compute outputs ``start`` to ``stop``.

        Parameters
        ----------
        x : ndarray of shape (n_rows, n)
            Inputs ``offset`` to ``offset + n``.
        start, stop : int
        offset : int, default=0
        n_in : int, optional
            Length of the whole input, beyond which its last sample is repeated. Default: not
            known yet, as none is needed.

        Returns
        -------
        ndarray of float64, shape (n_rows, stop - start)
        """
        last = offset + x.shape[1] - 1 if n_in is None else n_in - 1
        k = np.arange(start, stop)
        if self.same:
            return x[:, np.minimum(k, last) - offset].astype(np.float64)
        p, q = self.step.numerator, self.step.denominator
        floor, phase = np.divmod(k * p, q)
        columns = floor[:, None] + np.arange(1 - self.reach, self.reach + 1)
        columns = np.clip(columns, 0, last) - offset
        weights = self._weights(phase, q)
        rows = np.arange(len(k) + 1) * (2 * self.reach)
        shape = (len(k), x.shape[1])
        matrix = csr_array((weights.ravel(), columns.ravel(), rows), shape=shape)
        return np.ascontiguousarray((matrix @ np.ascontiguousarray(x.T, np.float64)).T)

    def _weights(self, phase: Codes, q: int) -> Floats:
        if q > _MAX_PHASES:
            return self._kernel(phase / q)
        if self._table is None:
            self._table = self._kernel(np.arange(q) / q)
        return self._table[phase]

    def _kernel(self, fraction: Floats) -> Floats:
        """Weigh the inputs around a position ``fraction`` of a step after one of them."""
        distance = fraction[:, None] - np.arange(1 - self.reach, self.reach + 1)
        inside = np.clip(1 - (distance / self.reach) ** 2, 0, None)
        weights = np.sinc(self._cutoff * distance) * np.i0(_BETA * np.sqrt(inside))
        return weights / weights.sum(1, keepdims=True)
