"""Find spike motifs: groups of units that fire one after the other, each at its own delay."""

from __future__ import annotations

from collections.abc import Hashable
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from neurokit.decoders._motifs import (
    Bits,
    LogOdds,
    discover,
    fit_log_odds,
    log_odds,
    peaks,
)
from neurokit.decoders.regressor import length_of_step
from neurokit.inputs.chunks import ChunkLabels
from neurokit.inputs.ranges import check_at_least
from neurokit.inputs.series import Series, series
from neurokit.inputs.targets import Target, target
from neurokit.metrics.cost import Cost, Part, count_products
from neurokit.persistence import Saveable
from neurokit.streaming import check_chunk
from neurokit.types import Floats, Recording, Targets

if TYPE_CHECKING:
    from sklearn.utils import Tags


class MotifDetector(Saveable, TransformerMixin, BaseEstimator):
    r"""Detect when a motif of many units with many delays begins, known or to be discovered.

    One temporal convolution over binned spikes gives the log-odds that a motif begins,

    .. math:: \log \frac{p_m(t)}{1 - p_m(t)} = k_m + \sum_{u, d} A(u, t + d)\, K_m(u, d),

    :math:`A` being 1 where a unit fires. The weights are log-odds themselves and come from counts
    in closed form; which unit takes part at which delay is inferred with them (a spike-and-slab
    prior whose share of members is learnt), so a few occurrences of a motif are enough.

    Without occurrences to learn from, motifs that come back are discovered: ``fit(X)``.

    Parameters
    ----------
    n_delays : int, default=31
        Bins that a motif lasts: delays run from 0 to ``n_delays - 1``.
    n_motifs : int, default=8
        Most motifs to discover, when ``fit`` is given no occurrences.
    min_interval : int, default=1
        Where beginnings are less than this many bins apart, `predict` keeps the likeliest one.
        Raise it where delays jitter: neighbouring bins then look alike.
    sampling_rate : float, optional
        Bins per second of plain arrays, for ``latency_``.

    Attributes
    ----------
    kernels_ : ndarray of shape (n_motifs, n_units, n_delays)
        Log-odds that a spike adds, K above.
    prior_ : ndarray of shape (n_motifs,)
        Log-odds in any bin, before spikes are seen.
    silence_ : ndarray of shape (n_motifs, n_delays)
        Log-odds that a bin without spikes adds: ``k = prior_ + silence_.sum(1)``.
    membership_ : ndarray of shape (n_motifs, n_units, n_delays)
        Probability that the unit takes part at that delay.
    motifs_ : list
        Names of the motifs.
    min_interval_ : int
        What ``fit`` was given.
    latency_ : float
        From the stamp of a beginning to when it is decided, at the end of the last bin that it
        reaches: ``n_delays`` bins, in seconds where the rate is known.
    n_features_in_ : int
    channels_ : list
        Names of the units, where they had names.

    Raises
    ------
    ValueError
        If a parameter is out of range, ``y`` marks no occurrence, or no motif is discovered.

    Notes
    -----
    Only whether a unit fires in a bin counts, not how often. Discovery takes units to be
    independent apart from motifs, at steady rates: where all of them burst together, what it
    finds may be the bursts.

    References
    ----------
    .. [1] Grimaldi and Perrinet (2023), Learning heterogeneous delays in a layer of spiking
       neurons for fast motion detection, Biol. Cybern. 117, 373-387 (the model; there its weights
       are learnt by gradient descent).
    .. [2] Mitchell and Beauchamp (1988), Bayesian variable selection in linear regression,
       J. Am. Stat. Assoc. 83(404), 1023-1032 (spike and slab).

    Examples
    --------
    >>> from neurokit import bin_spikes
    >>> from neurokit.datasets import make_motifs
    >>> spikes, truth = make_motifs(40, 2, n_steps=4000, motif_rate=5, random_state=0)
    >>> x, y = bin_spikes(spikes, 0.001), truth["occurrence"]
    >>> detector = MotifDetector().fit(x.isel(time=slice(0, 2000)), y.isel(time=slice(0, 2000)))
    >>> detector.score(x.isel(time=slice(2000, None)), y.isel(time=slice(2000, None)))
    1.0
    """

    def __init__(
        self,
        n_delays: int = 31,
        *,
        n_motifs: int = 8,
        min_interval: int = 1,
        sampling_rate: float | None = None,
    ) -> None:
        self.n_delays = n_delays
        self.n_motifs = n_motifs
        self.min_interval = min_interval
        self.sampling_rate = sampling_rate

    def fit(self, X: Recording, y: Targets | None = None) -> Self:
        """Learn motifs from their occurrences, or discover them.

        Parameters
        ----------
        X : xarray.DataArray with dims ([trial,] unit, time), or array-like (n_times, n_units)
            Counts or other numbers that are above zero where a unit fires.
        y : xarray.DataArray with dims ([trial,] time, motif), array-like, or None
            1 where a motif begins (its delay 0), 0 elsewhere; or one column of labels, 0 where
            none begins. None: motifs are discovered.

        Returns
        -------
        self
        """
        rows = series(self, X, reset=True)
        for name in ("n_delays", "n_motifs", "min_interval"):
            check_at_least("MotifDetector", **{name: (getattr(self, name), 1)})
        self._keep_plan()
        raster = rows.values > 0
        if y is None:
            occurs, self.motifs_ = self._discover(raster, rows.runs)
        else:
            occurs, self.motifs_ = _occurrences(target(self, y, rows))
        model = fit_log_odds(
            [raster[run] for run in rows.runs], [occurs[run] for run in rows.runs], self.n_delays
        )
        self.kernels_, self.silence_, self.prior_, self.membership_ = model
        self.latency_ = self.n_delays * length_of_step(rows.sampling_rate)
        return self

    def _plan(self) -> dict[str, object]:
        return {"min_interval_": self.min_interval}

    def transform(self, X: Recording) -> Any:
        """Return the log-odds that each motif begins at each time step.

        Parameters
        ----------
        X : as in `fit`

        Returns
        -------
        xarray.DataArray with dims ([trial,] time, motif), or ndarray, float32
        """
        rows, scores = self._scores(X)
        return rows.label(scores, "motif", self.motifs_)

    def predict(self, X: Recording) -> Any:
        """Return where each motif begins: log-odds above 0, and ``min_interval`` kept.

        Parameters
        ----------
        X : as in `fit`

        Returns
        -------
        xarray.DataArray with dims ([trial,] time, motif), or ndarray, bool
        """
        rows, scores = self._scores(X)
        begins = np.empty(scores.shape, bool)
        for run in rows.runs:
            begins[run] = peaks(scores[run], 0.0, self.min_interval_)
        return rows.label(begins, "motif", self.motifs_)

    def score(self, X: Recording, y: Targets | None) -> float:
        """Return the F1 score over all motifs: a beginning counts in its very bin only.

        Parameters
        ----------
        X, y : as in `fit`
            With the motifs of ``fit``.

        Returns
        -------
        float
        """
        check_is_fitted(self)
        truth, names = _occurrences(target(self, y, series(self, X, reset=False)), self.motifs_)
        if names != self.motifs_:
            raise ValueError(
                f"MotifDetector: y must mark the motifs {self.motifs_} of fit, got {names}."
            )
        begins = np.asarray(self.predict(X)).reshape(truth.shape)
        return float(2 * (begins & truth).sum() / max(begins.sum() + truth.sum(), 1))

    def stream(self) -> _Stream:
        """Begin a live recording.

        Returns
        -------
        stream
            ``push(chunk)`` takes the next counts, shape (n, n_units), and returns the log-odds of
            the steps whose window is whole, ``n_delays - 1`` steps late. ``flush()`` returns
            those of the last steps.
        """
        check_is_fitted(self)
        stream = _Stream(self._model())
        stream.labels = ChunkLabels.of_fit(self)
        return stream

    def cost(self, X: Recording) -> Cost:
        """Return what the fitted estimator costs at each time step.

        Parameters
        ----------
        X : as in `fit`

        Returns
        -------
        neurokit.metrics.cost.Cost
            An addition for every spike, delay and motif.
        """
        check_is_fitted(self)
        rows = series(self, X, reset=False)
        lagged = self.kernels_.transpose(0, 2, 1)  # (motif, delay, unit)
        operations = count_products(lagged, (rows.values > 0).astype(float), rows.runs)
        size = self.kernels_.size + len(self.kernels_)
        states = self.kernels_[0].size
        return Cost((Part(operations, size, 8 * size, states),), self.latency_)

    def _scores(self, X: Recording) -> tuple[Series, NDArray[np.float32]]:
        check_is_fitted(self)
        rows = series(self, X, reset=False)
        raster, model = rows.values > 0, self._model()
        out = [log_odds(raster[run], model, 0, run.stop - run.start) for run in rows.runs]
        return rows, np.concatenate(out)

    def _model(self) -> LogOdds:
        return LogOdds(self.kernels_, self.silence_, self.prior_, self.membership_)

    def _discover(self, raster: Bits, runs: list[slice]) -> tuple[Bits, list[Hashable]]:
        # stretches stand apart by a motif's length of silence, so that no window joins two
        gap = np.zeros((3 * self.n_delays, raster.shape[1]), bool)
        joined = np.concatenate([part for run in runs for part in (raster[run], gap)])
        begins = discover(joined, self.n_motifs, self.n_delays)
        n_found = begins.shape[1]
        if n_found == 0:
            raise ValueError(
                "MotifDetector found no motif that comes back more often than chance allows; give"
                " a longer recording, other bins or n_delays, or known occurrences as y."
            )
        occurs = np.empty((len(raster), n_found), bool)
        start = 0
        for run in runs:
            occurs[run] = begins[start : start + run.stop - run.start]
            start += run.stop - run.start + len(gap)
        return occurs, list(range(n_found))

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = []
        return tags


class _Stream:
    """The newest bins of one live recording, not yet decided."""

    labels: ChunkLabels | None = None  # of what fit has seen

    def __init__(self, model: LogOdds) -> None:
        self._model = model
        _, n_units, self._n_delays = model.kernels.shape
        self._rest = np.zeros((0, n_units), bool)

    def push(self, chunk: Floats) -> NDArray[np.float32]:
        chunk = check_chunk("MotifDetector", chunk, self._rest.shape[1], labels=self.labels)
        raster = np.concatenate([self._rest, chunk > 0])
        n_whole = max(len(raster) - self._n_delays + 1, 0)
        self._rest = raster[n_whole:]
        return log_odds(raster, self._model, 0, n_whole)

    def flush(self) -> NDArray[np.float32]:
        rest, self._rest = self._rest, self._rest[:0]
        return log_odds(rest, self._model, 0, len(rest))


def _occurrences(y: Target, known: list[Hashable] | None = None) -> tuple[Bits, list[Hashable]]:
    """Beginnings of each motif, and the motifs' names."""
    if not y.values.any():
        raise ValueError(
            "MotifDetector: y marks no occurrence of any motif; give 1 where one begins, or y=None"
            " to discover motifs."
        )
    if y.flat:
        names = known or [label for label in np.unique(y.values).tolist() if label != 0]
        return y.values == np.array(names), names
    if not np.isin(y.values, (0, 1)).all():
        raise ValueError(
            "MotifDetector: y must be 1 where a motif begins and 0 elsewhere, one column per"
            " motif, or one column of labels."
        )
    return y.values == 1, y.names or list(range(y.values.shape[1]))
