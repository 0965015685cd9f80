"""Who drives whom: couplings between spike trains, with intervals and surrogates."""

from typing import Self

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.stats import norm, t
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from neurokit.connectomes.spiking import couplings, pspm
from neurokit.inputs.ranges import check_at_least, check_positive
from neurokit.inputs.rates import require_rate
from neurokit.inputs.series import series
from neurokit.persistence import Saveable
from neurokit.solvers.membranes import integrate_and_fire
from neurokit.types import Recording

METHODS = ("glm", "correlogram", "pspm")
PARTS = ("both", "local", "homeostatic")


class SpikeConnectivity(Saveable, BaseEstimator):
    r"""Estimate directed couplings between units from their spikes.

    * ``"glm"``: each unit's counts are a Poisson regression on the exponentially filtered pasts of
      all units, :math:`\log \lambda_j(t) = b_j + \sum_i w_{ij} \sum_{l \geq 1} e^{-(l-1)/\tau}
      y_i(t - l)`, so that what a third unit explains is not counted twice. A coupling is the
      change of the target's log rate right after a spike of the source.
    * ``"correlogram"``: spikes of the target within ``window`` after one of the source, less
      those expected of chance, per spike of the source.
    * ``"pspm"``: pre-synaptic pool modification [1]_: a network of leaky integrate-and-fire units
      is run, and where a wanted spike is missing the synapses from units that have just fired are
      strengthened at random, where a spike is too many they are weakened (the local part); and
      all synapses of a unit follow its error of rate (the homeostatic part). A coupling is in
      units of the threshold. Written from the paper's abstract: its step sizes and schedule are
      ours.

    Parameters
    ----------
    method : {"glm", "correlogram", "pspm"}, default="glm"
    window : float, default=0.02
        How long a spike acts, in seconds: the lags of the correlogram; the exponential time
        constant of the others is half of it.
    sampling_rate : float, optional
        Bins per second of plain arrays. Labelled counts know theirs.
    precision : float, default=1.0
        The spread of the Gaussian prior on couplings of the GLM.
    level : float, default=0.95
        How often the intervals hold the truth.
    n_surrogates : int, default=0
        Surrogates in which spikes are moved within windows of ``jitter``; p-values then come
        from them. At least 5, or none.
    jitter : float, default=0.05
        In seconds.
    n_epochs : int, default=60
        Passes of "pspm" over the recording.
    parts : {"both", "local", "homeostatic"}, default="both"
        What "pspm" changes weights by.
    slack : float, default=0.004
        How far a spike of "pspm" may lie from a wanted one, in seconds.
    random_state : int, Generator or None
        Seed; the same seed gives the same couplings.

    Attributes
    ----------
    coupling_ : ndarray of shape (n_units, n_units)
        From source (row) to target; NaN on the diagonal.
    lower_, upper_ : ndarray of shape (n_units, n_units)
        Intervals of the couplings; NaN for "pspm".
    p_value_ : ndarray of shape (n_units, n_units)
        Two-sided, of no coupling, each pair on its own (not corrected for their number). With
        surrogates from a t distribution about their mean, else from the standard error; NaN for
        "pspm".
    history_ : ndarray of shape (n_epochs,)
        "pspm" alone: share of spikes with a partner within ``slack``, after each epoch.
    reproduced_ : bool ndarray of shape (n_times, n_units)
        "pspm" alone: spikes of the fitted network.
    units_ : list
        Names of the units.

    References
    ----------
    .. [1] Pre-Synaptic Pool Modification (PSPM): a supervised learning procedure for spiking
       neural networks (the abstract).
    .. [2] Pillow et al. (2008), Spatio-temporal correlations and visual signalling in a complete
       neuronal population, Nature 454, 995-999.
    .. [3] Amarasingham et al. (2012), Conditional modeling and the jitter method of spike
       resampling, J. Neurophysiol. 107, 517-531.

    Examples
    --------
    >>> import neurokit
    >>> from neurokit.datasets import make_spiking_network
    >>> spikes, truth = make_spiking_network(30, n_units=6, density=0.2, random_state=0)
    >>> found = SpikeConnectivity().fit(neurokit.bin_spikes(spikes, 0.002)).connectivity()
    >>> there = truth["coupling"].values != 0
    >>> bool((found["p_value"].values[there] < 0.001).all())
    True
    """

    def __init__(
        self,
        method: str = "glm",
        *,
        window: float = 0.02,
        sampling_rate: float | None = None,
        precision: float = 1.0,
        level: float = 0.95,
        n_surrogates: int = 0,
        jitter: float = 0.05,
        n_epochs: int = 60,
        parts: str = "both",
        slack: float = 0.004,
        random_state: int | np.random.Generator | None = None,
    ) -> None:
        self.method = method
        self.window = window
        self.sampling_rate = sampling_rate
        self.precision = precision
        self.level = level
        self.n_surrogates = n_surrogates
        self.jitter = jitter
        self.n_epochs = n_epochs
        self.parts = parts
        self.slack = slack
        self.random_state = random_state

    def fit(self, X: Recording, y: Recording | None = None) -> Self:
        """Estimate all couplings.

        Parameters
        ----------
        X : xarray.DataArray of dims ([trial,] unit, time), or array-like (n_times, n_units)
            Counts in bins no wider than ``window``; bins of 1 to 5 ms are usual.
        y : xarray.DataArray of dims ("unit", "time"), optional
            "pspm" alone: what reached each membrane from outside in each bin, in units of the
            threshold. The network then runs freely. Without it, synapses carry the recorded
            spikes, and a constant drive is learned with the weights. Else ignored.

        Returns
        -------
        SpikeConnectivity

        Raises
        ------
        ValueError
            If X holds other than counts, has fewer than two units or no spike, bins are wider
            than the window, or a parameter is out of range.
        """
        self._check()
        rows = series(self, X, reset=True)
        rate = require_rate(self, rows.sampling_rate)
        counts = rows.values.astype(np.float64)
        n_units = counts.shape[1]
        if n_units < 2 or (counts < 0).any() or (counts != np.round(counts)).any():
            raise ValueError(
                "SpikeConnectivity takes counts, whole and not negative, of at least two units"
                " (neurokit.bin_spikes makes them), got"
                f" {n_units} with values from {counts.min():g} to {counts.max():g}."
            )
        if not counts.any():
            raise ValueError("SpikeConnectivity: no unit ever fires.")
        n_lags = round(self.window * rate)
        if n_lags < 1:
            raise ValueError(
                f"SpikeConnectivity: bins of {1 / rate:g} s are wider than the window of"
                f" {self.window:g} s; count in narrower bins."
            )
        names = None if rows.source is None else rows.source[rows.space].values.tolist()
        self.units_ = list(range(n_units)) if names is None else names
        rng = np.random.default_rng(self.random_state)
        for name in ("history_", "reproduced_"):
            if hasattr(self, name):
                delattr(self, name)
        if self.method == "pspm":
            self._teach(counts.T > 0, y, rate, rng)
            return self
        coupling, error = self._estimate(counts, rows.runs, rate)
        half = norm.ppf(0.5 + self.level / 2) * error
        p_value = 2 * norm.sf(np.abs(coupling / error))
        if self.n_surrogates:
            width = max(2, round(self.jitter * rate))
            null = np.stack(
                [
                    self._estimate(
                        couplings.jitter(counts, rows.runs, width, rng), rows.runs, rate
                    )[0]
                    for _ in range(self.n_surrogates)
                ]
            )
            # a new draw differs from a mean of S others by sd * sqrt(1 + 1/S)
            scale = null.std(axis=0, ddof=1) * np.sqrt(1 + 1 / len(null))
            away = np.abs(coupling - null.mean(axis=0)) / np.maximum(scale, 1e-12)
            p_value = 2 * t.sf(away, len(null) - 1)
        self._keep(coupling, coupling - half, coupling + half, p_value)
        return self

    def connectivity(self) -> xr.Dataset:
        """Return couplings, intervals and p-values by the names of the units.

        Returns
        -------
        xarray.Dataset
            ``coupling``, ``lower``, ``upper`` and ``p_value`` of dims ("source", "target").
        """
        check_is_fitted(self)
        dims = ("source", "target")
        return xr.Dataset(
            {
                name: (dims, getattr(self, f"{name}_"))
                for name in ("coupling", "lower", "upper", "p_value")
            },
            coords={"source": self.units_, "target": self.units_},
        )

    def _check(self) -> None:
        for name, choices in (("method", METHODS), ("parts", PARTS)):
            if getattr(self, name) not in choices:
                raise ValueError(
                    f"SpikeConnectivity: {name} must be one of {choices}, got"
                    f" {getattr(self, name)!r}."
                )
        positive = {name: getattr(self, name) for name in ("window", "precision", "jitter")}
        check_positive("SpikeConnectivity", **positive)
        check_at_least("SpikeConnectivity", slack=(self.slack, 0), n_epochs=(self.n_epochs, 1))
        if not 0 < self.level < 1:
            raise ValueError(
                f"SpikeConnectivity: level must lie between 0 and 1, got {self.level!r}."
            )
        if self.n_surrogates != 0 and self.n_surrogates < 5:
            raise ValueError(
                "SpikeConnectivity: n_surrogates must be 0 or at least 5, got"
                f" {self.n_surrogates!r}."
            )

    def _estimate(
        self, counts: NDArray[np.float64], runs: list[slice], rate: float
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        if self.method == "correlogram":
            return couplings.correlogram_couplings(counts, runs, round(self.window * rate))
        keep = float(np.exp(-2 / (self.window * rate)))
        return couplings.glm_couplings(counts, runs, keep, self.precision)

    def _teach(
        self, wanted: NDArray[np.bool_], y: Recording | None, rate: float, rng: np.random.Generator
    ) -> None:
        """Run and teach the network, epoch after epoch, with steps that shrink."""
        n_units, n_times = wanted.shape
        keep, rest = float(np.exp(-2 / (self.window * rate))), round(0.002 * rate)
        slack, pool, delay = round(self.slack * rate), max(1, round(self.window / 2 * rate)), 1
        free = y is not None
        if free:
            if isinstance(y, xr.DataArray):
                y = y.transpose("time", ...).values
            drive = np.ascontiguousarray(np.asarray(y, np.float64).T)
            if drive.shape != wanted.shape:
                raise ValueError(
                    "SpikeConnectivity: y is the input of each unit in each bin, and must have"
                    f" the shape of X, (n_times, n_units) = {wanted.shape[::-1]}, got"
                    f" {drive.shape[::-1]}."
                )
        constant = np.zeros((n_units, 1)) if free else np.full((n_units, 1), 0.8 * (1 - keep))
        coupling = np.zeros((n_units, n_units))
        nobody = np.zeros((0, n_times), np.bool_)
        history, best, kept = [], -1.0, coupling.copy()
        made = wanted
        for epoch in range(self.n_epochs):
            step = 0.1 / (1 + 9 * epoch / self.n_epochs) * rate / n_times
            now = drive if free else np.broadcast_to(constant, wanted.shape).copy()
            raster = integrate_and_fire(
                now, coupling, keep, rest, delay, nobody if free else wanted
            )
            close = pspm.similarity(raster, wanted, slack)
            history.append(close)
            if close > best:
                best, kept, made = close, coupling.copy(), raster
            if self.parts != "homeostatic":
                heard = raster if free else wanted
                pspm.teach(raster, wanted, heard, coupling, slack, pool, delay, step, 0.5, rng)
            if self.parts != "local":
                pspm.balance(raster, wanted, coupling, 0.02, 0.5, rng)
            if not free:
                off = (wanted.sum(1) - raster.sum(1)) / np.maximum(1, wanted.sum(1))
                constant[:, 0] += 0.02 * (1 - keep) * np.clip(off, -1, 1)
        nothing = np.full_like(coupling, np.nan)
        self._keep(kept, nothing, nothing.copy(), nothing.copy())
        self.history_ = np.array(history)
        self.reproduced_ = made.T

    def _keep(self, *arrays: NDArray[np.float64]) -> None:
        for name, array in zip(("coupling", "lower", "upper", "p_value"), arrays, strict=True):
            array = array.copy()
            np.fill_diagonal(array, np.nan)
            setattr(self, f"{name}_", array)
