"""What a fitted decoder costs, in one table: memory, operations, energy, delay."""

from __future__ import annotations

import pandas as pd
from sklearn.base import BaseEstimator

from neurokit.metrics.cost import Cost, Part, cost_of
from neurokit.metrics.neurobench import bit_budget, memory_energy, operation_energy
from neurokit.types import Recording

_SUMS = ("parameters", "bytes", "dense", "macs", "acs")


def footprint(estimator: BaseEstimator, X: Recording) -> pd.Series[float]:
    """Say what a fitted decoder costs on these recordings.

    Each estimator tells its own cost. Networks are run and counted as NeuroBench counts [1]_: one
    call of each layer per time step, so that a step whose inputs are all 0 or 1 counts as
    accumulates. The products of linear decoders with the counts are counted alike, and all others
    as multiply-accumulates.

    Parameters
    ----------
    estimator : fitted estimator
        Any decoder or feature of this package, or a pipeline of features and a decoder, a linear
        model of scikit-learn among them.
    X : xarray.DataArray with dims ([trial,] unit, time), or array-like (n_times, n_units)
        What it decodes; a few thousand steps are enough.

    Returns
    -------
    pandas.Series
        ``parameters``; ``bytes``; ``connection_sparsity``; ``activation_sparsity``; ``dense``,
        ``macs``, ``acs``, ``membrane_updates`` per step (per trial for what takes trials);
        ``nj_float32``, ``nj_int8``: energy of the arithmetic of a step in nJ, were it done with
        these types; ``nj_memory``: of fetching weights and states; ``bit_budget``: bits of
        weights x bits of activations x operations (32 for activations, but where ``quantized``
        has rounded them);
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
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> x = rng.poisson(0.1, (500, 96))
    >>> cost = footprint(WienerRegressor(5).fit(x, x[:, :2] * 1.0), x)
    >>> int(cost["parameters"]), int(cost["dense"]), bool(cost["macs"] < cost["dense"])
    (962, 960, True)
    """
    return tabulate(cost_of(estimator, X)).rename(type(estimator).__name__)


def tabulate(cost: Cost) -> pd.Series[float]:
    """Lay a cost out as one row: what is spent is summed, the rest is that of the main part.

    Parameters
    ----------
    cost : Cost

    Returns
    -------
    pandas.Series
        See `footprint`.
    """
    main, *others = cost.parts
    row = {
        "parameters": 0.0,
        "bytes": 0.0,
        "connection_sparsity": main.sparsity,
        "activation_sparsity": main.operations.activation_sparsity,
        "dense": 0.0,
        "macs": 0.0,
        "acs": 0.0,
        "membrane_updates": main.operations.membrane_updates,
        "nj_float32": 0.0,
        "nj_int8": 0.0,
        "nj_memory": 0.0,
        "bit_budget": 0.0,
        "latency": cost.latency,
    }
    table = pd.Series(row, dtype=float)
    for part in (main, *others):
        _add(table, part)
    return table


def with_filter(table: pd.Series[float], smoother: BaseEstimator) -> pd.Series[float]:
    """Add what a filter behind a decoder costs to what the decoder costs.

    Parameters
    ----------
    table : pandas.Series
        As `footprint` returns it for the decoder.
    smoother : BesselFilter or FIRSmoother, fitted on the decoder's outputs

    Returns
    -------
    pandas.Series
        Every tap, or coefficient of a section, is a multiply-accumulate for each output.
    """
    made, cost = table.copy(), smoother.cost(None)
    for part in cost.parts:
        _add(made, part)
    made["latency"] += cost.latency
    return made


def _add(table: pd.Series[float], part: Part) -> None:
    """Add one part; it reads its weights from a memory that holds all parts so far."""
    operations = part.operations
    spent = (
        part.n_parameters,
        part.n_bytes,
        operations.dense,
        operations.effective_macs,
        operations.effective_acs,
    )
    for name, value in zip(_SUMS, spent, strict=True):
        table[name] += value
    table["nj_float32"] += operation_energy(operations)
    table["nj_int8"] += operation_energy(operations, "int8")
    table["nj_memory"] += memory_energy(operations, int(table["bytes"]), part.n_states)
    spikes = operations._replace(effective_macs=0.0)
    numbers = operations._replace(effective_acs=0.0)
    for kind, bits in ((spikes, 1), (numbers, part.activation_bits)):
        table["bit_budget"] += bit_budget(
            kind, n_steps=1, activation_bits=bits, weight_bits=part.weight_bits
        )
