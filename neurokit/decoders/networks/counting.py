"""What networks cost, counted while they run."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from neurokit.decoders.networks.learning import find_connections
from neurokit.metrics.cost import Cost, Part

if TYPE_CHECKING:
    from torch import nn

_BITS = {"float32": 32, "float16": 16, "int8": 8}


def cost_of_network(
    module: nn.Module,
    run: Callable[[], int],
    n_steps: int,
    dtype: str,
    latency: float,
    *,
    rounded: bool = False,
) -> Cost:
    """Run a network and count as NeuroBench counts.

    Parameters
    ----------
    module : nn.Module
    run : callable
        Calls the module, and returns how many numbers it keeps from step to step.
    n_steps : int
        Steps, or trials, that the operations are divided by.
    dtype : {"float32", "float16", "int8"}
        Type of the weights.
    latency : float
        Seconds that an output waits.
    rounded : bool, default=False
        Whether what passes between layers has that type too.

    Returns
    -------
    Cost
    """
    from neurokit.metrics.neurobench import (
        connection_sparsity,
        count_operations,
        memory_footprint,
        parameter_count,
    )

    kept: list[int] = []
    operations = count_operations(module, lambda: kept.append(run()), n_steps)
    n_bytes = memory_footprint(module)
    for weight in find_connections(module):
        if dtype == "float16":
            n_bytes -= 2 * weight.numel()
        elif dtype == "int8":
            n_bytes -= 3 * weight.numel() - 4 * len(weight)  # and a scale for each row
    part = Part(
        operations,
        parameter_count(module),
        n_bytes,
        kept[0],
        connection_sparsity(module),
        _BITS[dtype],
        _BITS[dtype] if rounded else 32,
    )
    return Cost((part,), latency)


def count_numbers(state: Any) -> int:
    """Count the numbers in a state of nested tuples."""
    if isinstance(state, tuple | list):
        return sum(count_numbers(part) for part in state)
    return 0 if state is None else int(state.numel())
