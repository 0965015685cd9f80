"""A liquid of random spiking neurons: memory and nonlinearity without training."""

from __future__ import annotations

import math
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from neurokit.inputs.chunks import ChunkLabels
from neurokit.inputs.lazily import first_samples, is_lazy, mean_and_spread, send_lazily
from neurokit.inputs.rates import require_rate
from neurokit.inputs.series import series
from neurokit.metrics.cost import Cost, Part
from neurokit.metrics.neurobench import Operations
from neurokit.persistence import Saveable
from neurokit.streaming import check_chunk
from neurokit.types import Floats, Recording

_AT_ONCE = 4096  # steps, so that what they need stays in the cache


class LiquidState(Saveable, ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    r"""Turn counts into the state of a random recurrent network, for a linear readout.

    Leaky integrate-and-fire neurons with fixed random connections, four fifths of them excitatory,
    hear the input and each other; their spikes, low-passed, are the features. What the input did
    lately, and how its units coincided, can then be read by ridge regression. Nothing is trained;
    only mean and spread of each unit are learnt, to scale the input.

    Every stretch of time starts at rest.

    Parameters
    ----------
    n_neurons : int, default=500
        Neurons, and features.
    connectivity : float, default=0.1
        Probability of a connection from one neuron to another.
    spectral_radius : float, default=0.9
        Largest absolute eigenvalue of the recurrent weights, in thresholds.
    input_scale : float, default=0.5
        Standard deviation of the input current of a neuron, in thresholds. What is best differs
        much, choose it by cross-validation: 0.5 or less for many busy units, 1 to 2 for sparse
        events (Braille letters: .97 right in place of .90).
    tau : float, default=0.02
        Time constant of the membranes, in seconds.
    tau_state : float, default=0.05
        Time constant of the low-pass over spikes, in seconds.
    sampling_rate : float, optional
        In Hz; needed for plain arrays.
    random_state : int, RandomState or None
        Seed of the connections.

    Attributes
    ----------
    input_weight_ : ndarray of shape (n_neurons, n_units)
    recurrent_weight_ : ndarray of shape (n_neurons, n_neurons)
        To each neuron (row) from each neuron (column).
    mean_, scale_ : ndarray of shape (n_units,)
        Each unit is brought to mean 0 and spread 1 by these.
    tau_, tau_state_
        What ``fit`` was given.
    sampling_rate_ : float
    n_features_in_ : int
    channels_ : list
        Names of the units, where they had names.

    Raises
    ------
    ValueError
        If a parameter is out of range, or a plain array comes without a sampling rate.

    References
    ----------
    .. [1] Maass, Natschlaeger and Markram (2002), Real-time computing without stable states,
       Neural Computation 14(11), 2531-2560.

    Examples
    --------
    >>> x = np.random.default_rng(0).poisson(2, (300, 4))
    >>> liquid = LiquidState(50, sampling_rate=100, random_state=0).fit(x)
    >>> liquid.transform(x).shape
    (300, 50)
    """

    def __init__(
        self,
        n_neurons: int = 500,
        *,
        connectivity: float = 0.1,
        spectral_radius: float = 0.9,
        input_scale: float = 0.5,
        tau: float = 0.02,
        tau_state: float = 0.05,
        sampling_rate: float | None = None,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.n_neurons = n_neurons
        self.connectivity = connectivity
        self.spectral_radius = spectral_radius
        self.input_scale = input_scale
        self.tau = tau
        self.tau_state = tau_state
        self.sampling_rate = sampling_rate
        self.random_state = random_state

    def fit(self, X: Recording, y: object = None) -> Self:
        """Draw the connections, and learn mean and spread of every unit.

        Parameters
        ----------
        X : xarray.DataArray with dims ([trial,] unit, time), or array-like (n_times, n_units)
        y : None
            Ignored.

        Returns
        -------
        self
        """
        rows = series(self, first_samples(X), reset=True)
        rate = require_rate(self, rows.sampling_rate)
        self._check()
        self._keep_plan()
        rng = check_random_state(self.random_state)
        n, n_units = self.n_neurons, rows.values.shape[1]
        weight = np.abs(rng.normal(size=(n, n))) * (rng.random_sample((n, n)) < self.connectivity)
        inhibits = np.arange(n) >= round(0.8 * n)
        weight[:, inhibits] *= -4.0  # as much inhibition as excitation, from a quarter as many
        np.fill_diagonal(weight, 0.0)
        radius = np.abs(np.linalg.eigvals(weight)).max()
        self.recurrent_weight_ = weight * (self.spectral_radius / radius if radius else 0.0)
        self.input_weight_ = rng.normal(size=(n, n_units)) * self.input_scale / math.sqrt(n_units)
        self.mean_, spread = mean_and_spread(self, X, rows.values)
        self.scale_ = np.where(spread > 0, spread, 1.0)
        self.sampling_rate_ = rate
        return self

    def _plan(self) -> dict[str, object]:
        return {"tau_": self.tau, "tau_state_": self.tau_state}

    def transform(self, X: Recording) -> Any:
        """Return the low-passed spikes of every neuron at every time step.

        Parameters
        ----------
        X : as in `fit`
            At the same sampling rate.

        Returns
        -------
        xarray.DataArray of dims ([trial,] time, feature), or ndarray
        """
        check_is_fitted(self)
        if is_lazy(X):
            return send_lazily(self, "transform", X)
        rows = series(self, X, reset=False)
        out = np.empty((len(rows.values), self._n_features_out))
        for run in rows.runs:
            out[run] = self.stream().push(rows.values[run])
        return rows.label(out, "feature", None)

    def stream(self) -> _Stream:
        """Begin a live recording.

        Returns
        -------
        stream
            ``push(chunk)`` takes the next counts, shape (n, n_units), and returns as many rows,
            those of `transform`. ``flush()`` returns no more.
        """
        check_is_fitted(self)
        stream = _Stream(self)
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
            Products with the inputs and two per neuron for what leaks, and an addition for every
            connection that a spike goes through.
        """
        check_is_fitted(self)
        rows = series(self, X, reset=False)
        n, n_units = self.input_weight_.shape
        passed = 0
        for run in rows.runs:
            stream = self.stream()
            stream.push(rows.values[run])
            passed += stream.n_passed
        macs = float(n * n_units + 2 * n)
        n_connections = np.count_nonzero(self.recurrent_weight_)
        operations = Operations(
            macs, passed / len(rows.values), macs + n_connections, float("nan"), float(n)
        )
        size = n * n_units + n_connections + 2 * n_units
        sparsity = 1 - n_connections / n**2
        return Cost((Part(operations, size, 8 * size, 2 * n, sparsity),))

    @property
    def _n_features_out(self) -> int:
        return len(self.input_weight_)

    def _check(self) -> None:
        wanted = {
            "n_neurons": (self.n_neurons >= 1, "at least 1"),
            "connectivity": (0 <= self.connectivity <= 1, "between 0 and 1"),
            "spectral_radius": (0 <= self.spectral_radius < math.inf, "0 or more"),
            "input_scale": (0 < self.input_scale < math.inf, "positive"),
            "tau": (0 < self.tau < math.inf, "positive"),
            "tau_state": (0 < self.tau_state < math.inf, "positive"),
        }
        for name, (fine, what) in wanted.items():
            if not fine:
                raise ValueError(
                    f"LiquidState: {name} must be {what}, got {getattr(self, name)!r}."
                )


class _Stream:
    """Membranes and low-passed spikes of one live recording."""

    labels: ChunkLabels | None = None  # of what fit has seen

    def __init__(self, liquid: LiquidState) -> None:
        from neurokit.features._liquid import run_liquid
        from neurokit.nn.kernels.products import add_product, panels

        self._run: Any = run_liquid
        self._add_product: Any = add_product
        self._inward = panels(np.ascontiguousarray(liquid.input_weight_.T))
        self._liquid = liquid
        self._weight = np.ascontiguousarray(liquid.recurrent_weight_.T)
        self._decay = math.exp(-1 / (liquid.tau_ * liquid.sampling_rate_))
        self._keep = math.exp(-1 / (liquid.tau_state_ * liquid.sampling_rate_))
        self._state = [np.zeros(len(self._weight)) for _ in range(3)]
        self.n_passed = 0  # connections that spikes went through

    def push(self, chunk: Floats) -> NDArray[np.float64]:
        liquid = self._liquid
        chunk = check_chunk("LiquidState", chunk, len(liquid.mean_), labels=self.labels)
        out = np.empty((len(chunk), len(self._weight)))
        for start in range(0, len(chunk), _AT_ONCE):
            some = slice(start, start + _AT_ONCE)
            self._advance((chunk[some] - liquid.mean_) / liquid.scale_, out[some])
        return out

    def _advance(self, scaled: NDArray[np.float64], out: NDArray[np.float64]) -> None:
        # each sum in one order, so that a chunk of any length gives the same bits
        scaled = np.ascontiguousarray(scaled)
        current = np.zeros(out.shape)
        self._add_product(scaled, *scaled.shape, self._inward, current, len(self._weight))
        self.n_passed += self._run(
            current, self._weight, self._decay, self._keep, *self._state, out
        )

    def flush(self) -> NDArray[np.float64]:
        return np.empty((0, len(self._weight)))
