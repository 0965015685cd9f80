"""Vectors for spikes: who fired, or where, and when."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import xarray as xr
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from neurokit.inputs.rates import match_rate
from neurokit.inputs.spikes import UNKNOWN, Events, known_units, take_spikes
from neurokit.persistence import Saveable
from neurokit.recording.checks import check_spikes
from neurokit.recording.clock import exact, time_coordinates
from neurokit.recording.edges import find_bins
from neurokit.types import Floats, Spikes

if TYPE_CHECKING:
    from sklearn.utils import Tags

_COORDINATES = ("x", "y", "z")
_WINDOWS = 4096  # that are looked at together


class EventEmbedding(Saveable, TransformerMixin, BaseEstimator):
    """One vector per window, the sum of a vector for each unit that fired in it [1]_.

    A unit that fired ``n`` times adds ``(1 + log n) (unit vector + mean time vector)``. The time
    vector of a spike is made of sines and cosines of its place in the window. Unit vectors come
    from what fires together: positive pointwise mutual information of the units over windows,
    factorised, which is what word2vec does with words [2]_; or from where the units are.

    Parameters
    ----------
    n_components : int, default=32
        Length of the vectors.
    window : float, default=0.05
        In s.
    kind : {"together", "place"}, default="together"
        Unit vectors learnt from units that fire in the same windows, or sines and cosines of
        their coordinates ``x``, ``y``, ``z``, which also gives vectors to units that ``fit`` has
        not seen.
    scale : float, default=10.0
        The longest wavelength of ``"place"``, in mm. Components take turns over the axes, and
        every six halve it.
    bin_width : float, default=0.01
        Width of the bins of plain counts, which carry no clock, in s.

    Attributes
    ----------
    vectors_ : ndarray of shape (n_units, n_components)
    units_ : list
    window_, kind_, scale_, bin_width_
        As ``fit`` was given them.
    sampling_rate_ : float or None
        Rate of the counts that ``fit`` has seen, in Hz; None after spike times. Counts at another
        rate are refused.
    channels_, n_features_in_ : list, int
        Units seen in ``fit``, as in every estimator.

    References
    ----------
    .. [1] Fang and Panda (2025), Event2Vec, arXiv:2504.15371; units stand for its pixels, and the
       spikes of a unit in a window for its clusters.
    .. [2] Levy and Goldberg (2014), Neural word embedding as implicit matrix factorization, NIPS.

    Examples
    --------
    >>> import neurokit as nk
    >>> X = nk.spikes({"a": [0.01, 0.06], "b": [0.02, 0.07], "c": [0.12]}, stop=0.15)
    >>> embedding = EventEmbedding(4).fit(X)
    >>> embedding.transform(X).dims, embedding.transform(X).shape
    (('time', 'feature'), (3, 4))
    """

    def __init__(
        self,
        n_components: int = 32,
        *,
        window: float = 0.05,
        kind: str = "together",
        scale: float = 10.0,
        bin_width: float = 0.01,
    ) -> None:
        self.n_components = n_components
        self.window = window
        self.kind = kind
        self.scale = scale
        self.bin_width = bin_width

    def fit(self, X: Spikes, y: object = None) -> Self:
        """Find the vectors of the units.

        Parameters
        ----------
        X : xarray.Dataset of spikes, or counts: DataArray with dims (unit, time) or (time, unit)
            array-like
            With ``kind="place"`` labelled, with the coordinates ``x``, ``y``, ``z``.
        y : None
            Ignored.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If a parameter is out of range, or units have no place where one is needed.
        """
        if self.kind not in ("together", "place") or self.n_components < 1:
            raise ValueError(
                "EventEmbedding: kind must be 'together' or 'place' and n_components at least 1,"
                f" got {self.kind!r} and {self.n_components!r}."
            )
        if not self.window > 0 or not self.scale > 0:
            raise ValueError(
                "EventEmbedding: window and scale must be positive, got"
                f" {self.window!r} s and {self.scale!r}."
            )
        events = take_spikes(self, X, bin_width=self.bin_width, reset=True)
        self._keep_plan()
        self.units_ = known_units(self)
        self.sampling_rate_ = None if events.bin_width is None else 1 / events.bin_width
        if self.kind == "place":
            self.vectors_ = self._place(X, self.n_components)
        else:
            self.vectors_ = self._factorise(events, self.n_components)
        return self

    def transform(self, X: Spikes) -> Any:
        """Return the vector of each window.

        Parameters
        ----------
        X : as in `fit`
            Units not seen in ``fit`` count with the mean of all vectors, or with that of their
            place.

        Returns
        -------
        xarray.DataArray or ndarray of float32, dims (time, feature)
            ``time`` is the start of the window.
        """
        check_is_fitted(self)
        X = check_spikes(X, "EventEmbedding") if isinstance(X, xr.Dataset) else X
        events = take_spikes(self, X, bin_width=self.bin_width_, reset=False)
        match_rate(self, None if events.bin_width is None else 1 / events.bin_width)
        n_components = self.vectors_.shape[1]
        vectors = np.vstack([self.vectors_, self.vectors_.mean(0)])  # UNKNOWN is the last
        unit = events.unit
        if self.kind_ == "place" and isinstance(X, xr.Dataset) and (unit == UNKNOWN).any():
            vectors = self._place(X, n_components)
            unit = np.repeat(np.arange(len(vectors)), X["spike_count"].values)
        n_windows = self._count_windows(events)
        position = (events.time - events.start) / self.window_
        window = find_bins(events.time, events.start, self.window_)
        window = np.minimum(window, n_windows - 1)
        key = window * len(vectors) + unit % len(vectors)
        order = np.argsort(key, kind="stable")
        key = key[order]
        starts = np.flatnonzero(np.diff(key, prepend=-1))
        cell, number = key[starts], np.diff(starts, append=len(key))
        weight = 1 + np.log(number)
        into, which = np.divmod(cell, len(vectors))
        out = np.zeros((n_windows, n_components))
        turn = np.exp(2j * np.pi * (position - window)[order])
        wave = np.ones_like(turn)
        for k in range(0, n_components if len(cell) else 0, 2):
            wave *= turn
            mean = np.add.reduceat(wave, starts) / number
            for column, clock in ((k, mean.imag), (k + 1, mean.real)):
                if column < n_components:
                    parts = weight * (vectors[which, column] + clock)
                    out[:, column] = np.bincount(into, parts, n_windows)
        out = out.astype(np.float32)
        if not events.labelled:
            return out
        rate = 1 / exact(self.window_)
        time = time_coordinates(exact(events.start) * rate, rate, n_windows)
        return xr.DataArray(out, dims=("time", "feature"), coords=time)

    # ------------------------------------------------------------ inside

    def _plan(self) -> dict[str, object]:
        return {
            "window_": self.window,
            "kind_": self.kind,
            "scale_": self.scale,
            "bin_width_": self.bin_width,
        }

    def _count_windows(self, events: Events) -> int:
        span = (exact(events.stop) - exact(events.start)) / exact(self.window_)
        return max(math.ceil(span - Fraction(1, 10**6)), 1)

    def _factorise(self, events: Events, n_components: int) -> Floats:
        """Factorise the positive pointwise mutual information of units over windows."""
        n_units, n_windows = len(self.units_), self._count_windows(events)
        window = find_bins(events.time, events.start, self.window_)
        window = np.minimum(window, n_windows - 1)
        window, unit = np.divmod(np.sort(window * n_units + events.unit), n_units)
        both = np.zeros((n_units, n_units))
        for first in range(0, n_windows, _WINDOWS):
            here = slice(*np.searchsorted(window, [first, first + _WINDOWS]))
            fired = np.zeros((_WINDOWS, n_units), np.float32)
            fired[window[here] - first, unit[here]] = 1
            both += fired.T @ fired
        both /= n_windows
        alone = np.diag(both)
        with np.errstate(divide="ignore", invalid="ignore"):
            information = np.log(both / np.outer(alone, alone))
        information[~(information > 0)] = 0
        np.fill_diagonal(information, 0)  # that a unit fires with itself tells nothing
        values, factors = np.linalg.eigh(information)
        values, factors = values[::-1][:n_components], factors[:, ::-1]
        factors = factors[:, :n_components] * np.sqrt(np.maximum(values, 0))
        largest = np.abs(factors).argmax(0)  # LAPACK chooses the sign; we choose it again
        factors *= np.where(factors[largest, np.arange(factors.shape[1])] < 0, -1.0, 1.0)
        # as long, on average, as the time vectors, so that neither drowns the other
        length = np.sqrt((factors**2).sum() / n_units)
        factors *= math.sqrt(n_components / 2) / (length or 1.0)
        return np.pad(factors, ((0, 0), (0, n_components - factors.shape[1])))

    def _place(self, X: Spikes, n_components: int) -> Floats:
        """Return sines and cosines of the coordinates, each pair at half the wavelength."""
        if not isinstance(X, xr.Dataset | xr.DataArray) or not set(_COORDINATES) <= set(X.coords):
            raise ValueError(
                "EventEmbedding: kind='place' needs the coordinates x, y and z of every unit, got"
                " X without; give positions= to neurokit.spikes()."
            )
        places = np.stack([np.asarray(X[name].values, np.float64) for name in _COORDINATES], 1)
        places = np.where(np.isfinite(places), places, 0.0)  # where a unit is unknown: the origin
        vectors = np.empty((len(places), n_components))
        for k in range(n_components):
            axis, pair = k // 2 % 3, k // 6
            turn = 2 * np.pi * places[:, axis] * 2.0**pair / self.scale_
            vectors[:, k] = np.sin(turn) if k % 2 == 0 else np.cos(turn)
        return vectors

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.positive_only = True
        return tags
