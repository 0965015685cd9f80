"""A decoder and the filter behind it, as one estimator."""

from typing import Any, Self

import numpy as np
import xarray as xr
from sklearn.base import clone
from sklearn.utils.validation import check_is_fitted

from neurokit.decoders.regressor import TimeRegressor
from neurokit.inputs.lazily import is_lazy, send_lazily
from neurokit.inputs.series import Series, series
from neurokit.inputs.targets import target
from neurokit.metrics.cost import Cost, cost_of
from neurokit.streaming import Chain, stream
from neurokit.types import Recording, Targets


class SmoothedRegressor(TimeRegressor):
    """Decode, then smooth what was decoded: any regressor along time with any filter behind it.

    The filter is fitted on predictions for blocks of time that the decoder was not trained on,
    made by cross-validation inside ``fit``, so that one that learns (`FIRSmoother`) sees errors
    as they will be. The decoder is then fitted on everything. `score` is in real time;
    ``neurokit.metrics.decoding_r2`` with ``delay=est.group_delay_`` gives the aligned score.

    Parameters
    ----------
    decoder : regressor along time
        Such as `WienerRegressor`.
    smoother : transformer along time
        Such as `BesselFilter` or `FIRSmoother`.
    n_blocks : int, default=5
        Blocks of time for the predictions that the filter is fitted on.

    Attributes
    ----------
    decoder_, smoother_ : fitted clones
    latency_ : float
        Seconds from the stamp of an output to when it is known, decoder and filter together.
    group_delay_ : float
        Seconds by which slow movements come late.
    n_features_in_ : int
    channels_ : list
        Names of the units, where they had names.

    Raises
    ------
    ValueError
        If there are fewer samples than blocks.

    Examples
    --------
    >>> from neurokit.decoders import BesselFilter, WienerRegressor
    >>> from neurokit.recording import behaviour, counts
    >>> rng = np.random.default_rng(0)
    >>> x = counts(rng.poisson(3, (5, 400)), bin_width=0.004)
    >>> y = behaviour(x.values[:2].T, sampling_rate=250)
    >>> decoder = SmoothedRegressor(WienerRegressor(3), BesselFilter(mode="block_middle"))
    >>> round(decoder.fit(x, y).latency_, 3)
    0.068
    """

    def __init__(self, decoder: Any, smoother: Any, *, n_blocks: int = 5) -> None:
        self.decoder = decoder
        self.smoother = smoother
        self.n_blocks = n_blocks

    def fit(self, X: Recording, y: Targets | None) -> Self:
        """Fit the filter on held-out predictions, and the decoder on everything.

        Parameters
        ----------
        X : xarray.DataArray with dims (unit, time), or array-like (n_times, n_units)
        y : xarray.DataArray with dims (time, feature), or array-like (n_times, n_outputs)

        Returns
        -------
        self
        """
        rows = series(self, X, reset=True, past=True)
        truth = target(self, y, rows)
        if not 2 <= self.n_blocks <= len(rows.values):
            raise ValueError(
                f"SmoothedRegressor: n_blocks must lie between 2 and the samples, got"
                f" {self.n_blocks!r} and n_samples={len(rows.values)}."
            )
        self._remember_target(truth)
        held_out = np.empty_like(truth.values)
        whole, everything = _on_a_clock(self, rows), np.arange(len(held_out))
        for block in np.array_split(everything, self.n_blocks):
            others = np.setdiff1d(everything, block)
            decoder = clone(self.decoder).fit(whole.isel(time=others), truth.values[others])
            guess = decoder.predict(whole.isel(time=block))
            held_out[block] = np.asarray(guess).reshape(len(block), -1)
        labelled = rows.label(held_out, truth.dim, truth.names)
        self.smoother_ = clone(self.smoother).fit(labelled, truth.values)
        self.decoder_ = clone(self.decoder).fit(X if rows.source is None else rows.source, y)
        delays = (getattr(self.smoother_, name, 0.0) for name in ("latency_", "group_delay_"))
        own = getattr(self.decoder_, "latency_", 0.0)
        self.latency_, self.group_delay_ = (own + delay for delay in delays)
        return self

    def predict(self, X: Recording) -> Any:
        """Decode and smooth.

        Parameters
        ----------
        X : as in `fit`

        Returns
        -------
        xarray.DataArray with dims (time, feature), or ndarray
        """
        check_is_fitted(self)
        if is_lazy(X):
            return send_lazily(self, "predict", X)
        rows = series(self, X, reset=False, past=True)
        decoded = self.decoder_.predict(X)
        if not self.flat_:
            return self.smoother_.transform(decoded)
        column = rows.label(np.asarray(decoded)[..., None].reshape(-1, 1), "feature", None)
        return self.smoother_.transform(column)[..., 0]

    def stream(self) -> Chain:
        """Begin a live recording.

        Returns
        -------
        stream
            ``push(chunk)`` takes the next counts, shape (n, n_units), and returns as many
            outputs, shape (n, n_outputs), those of `predict`. ``flush()`` returns no more.
        """
        check_is_fitted(self)
        return Chain([stream(self.decoder_), self.smoother_.stream()])

    def cost(self, X: Recording) -> Cost:
        """Return what the fitted estimator costs at each time step.

        Parameters
        ----------
        X : as in `fit`

        Returns
        -------
        neurokit.metrics.cost.Cost
            That of the decoder, then that of the filter.
        """
        check_is_fitted(self)
        return cost_of(self.decoder_, X).then(self.smoother_.cost(None))


def _on_a_clock(estimator: SmoothedRegressor, rows: Series) -> xr.DataArray:
    """X with a clock, so that a block cut out of it leaves a jump, plain arrays too."""
    if rows.source is None:
        params = estimator.get_params().items()
        rates = [value for name, value in params if name.endswith("sampling_rate") and value]
        time = np.arange(len(rows.values)) / (rates[0] if rates else 1.0)
        values = (
            rows.values
            if rows.known is None
            else np.where(rows.known[:, None], rows.values, np.nan)
        )
        return xr.DataArray(values, dims=("time", "unit"), coords={"time": time})
    if "trial" in rows.source.dims:
        raise ValueError(
            "SmoothedRegressor takes one recording with dims (unit, time), got trials; fit decoder"
            " and filter by hand."
        )
    return rows.source
