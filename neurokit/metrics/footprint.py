"""What a fitted decoder costs, in one table: memory, operations, energy, delay."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from neurokit.metrics.neurobench import (
    Operations,
    bit_budget,
    connection_sparsity,
    count_operations,
    memory_energy,
    memory_footprint,
    operation_energy,
    parameter_count,
)
from neurokit.recording.rate import contiguous_runs

_BITS = {"float64": 64, "float32": 32, "float16": 16, "int8": 8}


def footprint(estimator: Any, X: Any) -> pd.Series[Any]:
    """Say what a fitted decoder along time costs on these recordings.

    Networks are run and counted as NeuroBench counts [1]_: one call of each layer per time step,
    so that a step whose inputs are all 0 or 1 counts as accumulates. Of linear decoders the
    products with the counts are counted alike, and all others as multiply-accumulates.

    Parameters
    ----------
    estimator : fitted decoder
        A network of this package, `WienerRegressor`, `WienerCascadeRegressor`, `KalmanRegressor`,
        a `SmoothedRegressor` of one of these, or a pipeline of `LegendreHistory` or `LagWindow`
        and one of them.
    X : xarray.DataArray with dims ([trial,] unit, time), or array-like (n_times, n_units)
        What it decodes; a few thousand steps are enough.

    Returns
    -------
    pandas.Series
        ``parameters``; ``bytes``; ``connection_sparsity``; ``activation_sparsity``; ``dense``,
        ``macs``, ``acs``, ``membrane_updates`` per step; ``nj_float32``, ``nj_int8``: energy of
        the arithmetic of a step in nJ, were it done with these types; ``nj_memory``: of fetching
        weights and states; ``bit_budget``: bits of weights x bits of activations x operations
        (32 for activations, but where ``quantized`` has rounded them);
        ``latency``: seconds that an output waits. A table of several:
        ``pandas.DataFrame([footprint(a, X), footprint(b, X)])``.

    Raises
    ------
    TypeError
        If the costs of such an estimator are not known.

    References
    ----------
    .. [1] Yik et al. (2025), The NeuroBench framework for benchmarking neuromorphic computing
       algorithms and systems, Nat. Commun. 16, 1545.

    Examples
    --------
    >>> from neurokit.decoders import WienerRegressor
    >>> rng = np.random.default_rng(0)
    >>> x = rng.poisson(0.1, (500, 96))
    >>> cost = footprint(WienerRegressor(5).fit(x, x[:, :2] * 1.0), x)
    >>> int(cost["parameters"]), int(cost["dense"]), bool(cost["macs"] < cost["dense"])
    (962, 960, True)
    """
    if hasattr(estimator, "decoder_") and hasattr(estimator, "smoother_"):
        return _smoothed(estimator, X)
    if hasattr(estimator, "_calls"):
        return _network(estimator, X)
    if hasattr(estimator, "steps"):
        return _pipeline(estimator, X)
    rows, runs = _rows(X)
    if hasattr(estimator, "gain_"):
        n_outputs = len(estimator.intercept_)
        operations = _products(estimator.evidence_[:, None], rows, runs, 2 * n_outputs**2)
        n_parameters = estimator.gain_.size + 2 * n_outputs**2 + n_outputs
        return _table(estimator, operations, n_parameters, 8 * n_parameters, 0.0, n_outputs)
    linear = getattr(estimator, "linear_", estimator)
    if not hasattr(linear, "coef_") or np.ndim(linear.coef_) != 3:
        raise TypeError(
            f"footprint: expects a fitted network, Wiener or Kalman decoder, or one with a filter"
            f" behind it, got {type(estimator).__name__}; count its parts with"
            " neurokit.metrics.neurobench."
        )
    n_curves = getattr(estimator, "curves_", np.empty(0)).size
    operations = _products(linear.coef_, rows, runs, n_curves)
    n_parameters = linear.coef_.size + linear.intercept_.size + n_curves
    sparsity = float((linear.coef_ == 0).mean())
    return _table(estimator, operations, n_parameters, 8 * n_parameters, sparsity, 0)


def _pipeline(estimator: Any, X: Any) -> pd.Series[Any]:
    """Add what histories in front of a decoder cost: one small linear system for each unit."""
    before: list[Any] = []
    for _, step in estimator.steps[:-1]:
        if hasattr(step, "transition_"):
            before.append(step)
        elif not hasattr(step, "n_lags"):  # a LagWindow only remembers
            raise TypeError(
                "footprint: expects decoders behind LegendreHistory or LagWindow in a pipeline,"
                f" got {type(step).__name__}; count its parts with neurokit.metrics.neurobench."
            )
        X = step.transform(X)
    made = footprint(estimator.steps[-1][1], X)
    for step in before:
        order, n_units = len(step.input_), step.n_features_in_
        macs, size = float((order**2 + order) * n_units), order**2 + order + n_units
        made["parameters"] += size
        made["bytes"] += 8 * size
        more = Operations(macs, 0.0, macs, float("nan"), 0.0)
        made[["dense", "macs"]] += macs
        made["nj_memory"] += memory_energy(more, int(made["bytes"]), order * n_units)
        made["nj_float32"] += operation_energy(more)
        made["nj_int8"] += operation_energy(more, "int8")
        made["bit_budget"] += 64 * 64 * macs
    return made.rename(type(estimator).__name__)


def _network(estimator: Any, X: Any) -> pd.Series[Any]:
    """Run the network step by step and count."""
    module, run, n_steps = estimator._calls(X)
    sizes: list[int] = []
    operations = count_operations(module, lambda: sizes.append(run()), n_steps)
    n_bytes = memory_footprint(module)
    for weight in (p for p in module.parameters() if p.ndim == 2):
        if estimator.dtype_ == "float16":
            n_bytes -= 2 * weight.numel()
        elif estimator.dtype_ == "int8":
            n_bytes -= 3 * weight.numel() - 4 * len(weight)  # and a scale for each row
    return _table(
        estimator,
        operations,
        parameter_count(module),
        n_bytes,
        connection_sparsity(module),
        sizes[0],
        estimator.dtype_,
        rounded=hasattr(estimator, "activation_steps_"),
    )


def _smoothed(estimator: Any, X: Any) -> pd.Series[Any]:
    """Add what the filter costs to the decoder's."""
    n_outputs = len(np.atleast_1d(_intercept(estimator.decoder_)))
    table = with_filter(footprint(estimator.decoder_, X), estimator.smoother_, n_outputs)
    return table.rename(type(estimator).__name__)


def with_filter(table: pd.Series[Any], smoother: Any, n_outputs: int) -> pd.Series[Any]:
    """Add what a filter behind a decoder costs to what the decoder costs.

    Parameters
    ----------
    table : pandas.Series
        As `footprint` returns it for the decoder.
    smoother : BesselFilter or FIRSmoother, fitted
    n_outputs : int
        Of the decoder.

    Returns
    -------
    pandas.Series
        Every tap, or coefficient of a section, is a multiply-accumulate for each output.
    """
    taps = getattr(smoother, "taps_", None)
    size = smoother.sos_.size if taps is None else np.asarray(taps).size
    per_output = size if taps is None or np.ndim(taps) == 1 else len(taps)
    macs = n_outputs * per_output
    made = table.copy()
    made["parameters"] += size
    made["bytes"] += 8 * size
    made[["dense", "macs"]] += macs
    more = Operations(macs, 0.0, macs, float("nan"), 0.0)
    made["nj_memory"] += memory_energy(more, int(made["bytes"]))
    made["nj_float32"] += operation_energy(more)
    made["nj_int8"] += operation_energy(more, "int8")
    made["bit_budget"] += 64 * 64 * macs
    made["latency"] += getattr(smoother, "latency_", 0.0)
    return made


def _intercept(decoder: Any) -> Any:
    decoder = getattr(decoder, "linear_", decoder)
    return decoder.intercept_ if hasattr(decoder, "intercept_") else decoder.target_mean_


def _table(
    estimator: Any,
    operations: Operations,
    n_parameters: int,
    n_bytes: int,
    sparsity: float,
    n_states: int,
    dtype: str = "float64",
    rounded: bool = False,
) -> pd.Series[Any]:
    bits = _BITS[dtype]
    spikes = operations._replace(effective_macs=0.0)
    numbers = operations._replace(effective_acs=0.0)
    budget = bit_budget(spikes, n_steps=1, activation_bits=1, weight_bits=bits)
    heard = bits if rounded or dtype == "float64" else 32
    budget += bit_budget(numbers, n_steps=1, activation_bits=heard, weight_bits=bits)
    values = {
        "parameters": n_parameters,
        "bytes": n_bytes,
        "connection_sparsity": sparsity,
        "activation_sparsity": operations.activation_sparsity,
        "dense": operations.dense,
        "macs": operations.effective_macs,
        "acs": operations.effective_acs,
        "membrane_updates": operations.membrane_updates,
        "nj_float32": operation_energy(operations),
        "nj_int8": operation_energy(operations, "int8"),
        "nj_memory": memory_energy(operations, n_bytes, n_states),
        "bit_budget": budget,
        "latency": getattr(estimator, "latency_", 0.0),
    }
    return pd.Series(values, name=type(estimator).__name__, dtype=float)


def _rows(X: Any) -> tuple[NDArray[Any], list[slice]]:
    """Stand the counts as rows along time, and find the stretches without a jump."""
    if not isinstance(X, xr.DataArray):
        X = np.asarray(X)
        return X, [slice(0, len(X))]
    space = next(str(dim) for dim in X.dims if dim not in ("trial", "time"))
    n_times, within = X.sizes["time"], contiguous_runs(X)
    rows = X.transpose(..., "time", space).values.reshape(-1, X.sizes[space])
    starts = range(0, len(rows), n_times)
    return rows, [slice(s + run.start, s + run.stop) for s in starts for run in within]


def _products(coef: NDArray[Any], rows: NDArray[Any], runs: list[slice], more: int) -> Operations:
    """Count the products of (output, lag, unit) weights with lagged counts, and ``more`` MACs."""
    used = (coef != 0).sum(0)  # (lag, unit)
    effective, plain = np.zeros(len(rows)), np.ones(len(rows), bool)
    per_lag = (rows != 0) @ used.T
    spikes = np.logical_and.reduce(np.isin(rows, (-1, 0, 1)), axis=1)
    for run in runs:
        for lag in range(min(len(used), run.stop - run.start)):
            here, there = slice(run.start + lag, run.stop), slice(run.start, run.stop - lag)
            effective[here] += per_lag[there, lag]
            plain[here] &= spikes[there]
    macs = effective[~plain].sum() / len(rows) + more
    acs = effective[plain].sum() / len(rows)
    return Operations(macs, acs, float(coef.size + more), float("nan"), 0.0)
