"""How a graph changes over time: what is new, what returns, who takes part."""

from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from neurokit.types import Numbers

Ints = NDArray[np.int64]


def temporal_graph_measures(
    graph: Any,
    *,
    weighted: bool = False,
    directed: bool = False,
    test_share: float = 0.15,
) -> xr.Dataset:
    r"""Measure a graph that changes from step to step, in time linear in its edges.

    With :math:`E_t` the edges of step t, and the last steps held out as test:

    * novelty: mean over t of :math:`|E_t \setminus \bigcup_{u<t} E_u| / |E_t|`
    * reoccurrence: :math:`|E_{train} \cap E_{test}| / |E_{train}|`
    * surprise: :math:`|E_{test} \setminus E_{train}| / |E_{test}|`
    * activity of a node: share of the steps in which it has an edge
    * engagement of a step: nodes with an edge that was not there one step before

    Parameters
    ----------
    graph : xarray.DataArray of dims ("source", "target", "time"), array-like, or DataFrame
        Weights of edges, zero or NaN where there is none; plain arrays have shape (n_nodes,
        n_nodes, n_steps). A DataFrame has the columns ``time``, ``source``, ``target`` and
        perhaps ``weight``, one row for each edge and step.
    weighted : bool, default=False
        Whether degree, novelty, reoccurrence and surprise sum weights instead of counting edges;
        weights must then not be negative.
    directed : bool, default=False
        Whether an edge from a to b differs from one from b to a. Otherwise each pair counts once,
        and a weight seen in both directions once, the larger.
    test_share : float, default=0.15
        Share of the steps, the last ones, that reoccurrence and surprise hold out.

    Returns
    -------
    xarray.Dataset
        Along ``time``: ``degree`` (mean over all nodes that ever appear), ``nodes``, ``edges``,
        ``new_edges`` (never seen before), ``novelty_at`` (NaN in steps without edges) and
        ``engagement``. Along ``node``: ``node_activity``. Alone: ``novelty``, ``reoccurrence``,
        ``surprise``, ``activity`` (mean over nodes that ever appear).

    Raises
    ------
    TypeError
        If a table lacks a column.
    ValueError
        If shapes do not fit, nothing is ever connected, weights are negative where they are
        summed, or ``test_share`` leaves no step on one of the sides.

    References
    ----------
    .. [1] Shirzadkhani et al. (2024), Temporal Graph Analysis with TGX, WSDM, arXiv:2402.03651.

    Examples
    --------
    >>> import numpy as np
    >>> graph = np.zeros((3, 3, 4))
    >>> graph[0, 1, :3] = graph[1, 2, 2:] = 1
    >>> found = temporal_graph_measures(graph, test_share=0.25)
    >>> found["edges"].values.tolist(), found["new_edges"].values.tolist()
    ([1, 1, 2, 1], [1, 0, 1, 0])
    >>> float(found["novelty"]), float(found["reoccurrence"]), float(found["surprise"])
    (0.375, 0.5, 0.0)
    """
    step, source, target, weight, times, nodes = _edges(graph, directed)
    n_steps, n_nodes = len(times), len(nodes)
    if weighted and (weight < 0).any():
        raise ValueError(
            "temporal_graph_measures sums weights that are not negative, got"
            f" {weight.min():g}; pass weighted=False, or absolute weights."
        )
    size = weight if weighted else np.ones(len(weight))
    pair = source * n_nodes + target

    # by pair, then step: the first row of a pair is where it is new
    order = np.lexsort((step, pair))
    same = np.diff(pair[order], prepend=-1) == 0
    new, fresh = np.empty(len(pair), bool), np.empty(len(pair), bool)
    new[order] = ~same
    fresh[order] = ~(same & (np.diff(step[order], prepend=-2) == 1))

    def per_step(values: Numbers) -> NDArray[np.float64]:
        return np.asarray(np.bincount(step, values.astype(float), n_steps), float)

    edges, total = per_step(np.ones(len(step))).astype(int), per_step(size)
    present = _present(step, source, target, n_steps, n_nodes)
    appeared = np.unique(np.concatenate([source, target]))
    with np.errstate(invalid="ignore"):
        novelty_at = np.where(edges > 0, per_step(size * new) / total, np.nan)
    node_activity = np.bincount(present[1], minlength=n_nodes) / n_steps
    engaged = _present(step[fresh], source[fresh], target[fresh], n_steps, n_nodes)
    reoccurrence, surprise = _split(step, pair, weight if weighted else None, n_steps, test_share)
    return xr.Dataset(
        {
            "degree": ("time", 2 * total / len(appeared)),
            "nodes": ("time", np.bincount(present[0], minlength=n_steps)),
            "edges": ("time", edges),
            "new_edges": ("time", per_step(new).astype(int)),
            "novelty_at": ("time", novelty_at),
            "engagement": ("time", np.bincount(engaged[0], minlength=n_steps)),
            "node_activity": ("node", node_activity),
            "novelty": float(np.nanmean(novelty_at)),
            "reoccurrence": reoccurrence,
            "surprise": surprise,
            "activity": float(node_activity[appeared].mean()),
        },
        coords={"time": times, "node": nodes},
    )


def _edges(
    graph: Any, directed: bool
) -> tuple[Ints, Ints, Ints, NDArray[np.float64], np.ndarray, np.ndarray]:
    """Return step, source, target and weight of each edge, once each, and the names."""
    if isinstance(graph, pd.DataFrame):
        if missing := [name for name in ("time", "source", "target") if name not in graph]:
            raise TypeError(f"temporal_graph_measures: the table lacks the columns {missing}.")
        step, found = pd.factorize(graph["time"], sort=True)
        ends = np.concatenate([graph["source"].to_numpy(), graph["target"].to_numpy()])
        number, names = pd.factorize(ends, sort=True)
        source, target = np.split(number, 2)
        weight = graph["weight"].to_numpy(float) if "weight" in graph else np.ones(len(graph))
        times, nodes = np.asarray(found), np.asarray(names)
    else:
        values, times, nodes = _dense(graph)
        there = (values != 0) & ~np.isnan(values)
        source, target, step = np.nonzero(there)
        weight = values[there].astype(float)
    keep = source != target
    step, source, target, weight = step[keep], source[keep], target[keep], weight[keep]
    if len(step) == 0:
        raise ValueError("temporal_graph_measures: no two nodes are ever connected.")
    if not directed:
        source, target = np.minimum(source, target), np.maximum(source, target)
    order = np.lexsort((-np.abs(weight), target, source, step))
    step, source, target, weight = step[order], source[order], target[order], weight[order]
    first = np.ones(len(step), bool)
    first[1:] = (np.diff(step) != 0) | (np.diff(source) != 0) | (np.diff(target) != 0)
    return step[first], source[first], target[first], weight[first], times, nodes


def _dense(graph: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    if isinstance(graph, xr.DataArray):
        if set(graph.dims) != {"source", "target", "time"}:
            raise ValueError(
                "temporal_graph_measures expects dims ('source', 'target', 'time'), got"
                f" {graph.dims}; choose one of the others by isel."
            )
        graph = graph.transpose("source", "target", "time")
        values = np.asarray(graph.values)
        times = graph["time"].values
        nodes = graph["source"].values
    else:
        values = np.asarray(graph)
        times = np.arange(values.shape[-1]) if values.ndim else np.arange(0)
        nodes = np.arange(len(values)) if values.ndim else times
    if values.ndim != 3 or values.shape[0] != values.shape[1]:
        raise ValueError(
            "temporal_graph_measures expects shape (n_nodes, n_nodes, n_steps), got"
            f" {values.shape}."
        )
    return values, times, nodes


def _present(step: Ints, source: Ints, target: Ints, n_steps: int, n_nodes: int) -> Any:
    """Return step and node of each node's presence, once each."""
    key = np.unique(np.concatenate([step * n_nodes + source, step * n_nodes + target]))
    return key // n_nodes, key % n_nodes


def _split(
    step: Ints, pair: Ints, weight: NDArray[np.float64] | None, n_steps: int, test_share: float
) -> tuple[float, float]:
    """Return reoccurrence and surprise of the last steps."""
    border = np.quantile(np.arange(n_steps), 1 - test_share) if 0 < test_share < 1 else -1
    test = step >= border
    if border < 0 or test.all() or not test.any():
        raise ValueError(
            "temporal_graph_measures: test_share must leave edges on both sides, got"
            f" {test_share!r} of {n_steps} steps."
        )
    pairs, number = np.unique(pair, return_inverse=True)
    before, after = (
        np.bincount(number[side], None if weight is None else weight[side], len(pairs))
        for side in (~test, test)
    )
    if weight is None:  # an edge counts once on each side, however often it comes
        before, after = np.minimum(before, 1), np.minimum(after, 1)
    return (
        float(before[after > 0].sum() / before.sum()),
        float(after[before == 0].sum() / after.sum()),
    )
