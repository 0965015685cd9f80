"""Connectomes as graphs of other packages, and back; communities of a weighted graph."""

from __future__ import annotations

import importlib
from collections.abc import Hashable
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

if TYPE_CHECKING:
    import networkx
    from mne_connectivity.base import BaseConnectivity

SIDES = ("source", "target")


def to_networkx(x: xr.DataArray) -> networkx.DiGraph:
    """Turn a matrix of connections into a graph of networkx.

    Parameters
    ----------
    x : xarray.DataArray of dims ("source", "target")
        Weights; NaN and zero are no edge. A matrix that is the same in both directions becomes an
        undirected graph, any other a directed one.

    Returns
    -------
    networkx.Graph or networkx.DiGraph
        Nodes are the names of the units, edges have ``weight``.

    Examples
    --------
    >>> x = xr.DataArray([[np.nan, 2.0], [2.0, np.nan]], dims=("source", "target"))
    >>> to_networkx(x).edges(data="weight")
    EdgeDataView([(0, 1, 2.0)])
    """
    networkx = _import("networkx", "to_networkx")
    values, names = _matrix(x, "to_networkx")
    same = np.array_equal(values, values.T, equal_nan=True)
    graph = networkx.Graph() if same else networkx.DiGraph()
    graph.add_nodes_from(names)
    edges = np.argwhere((np.triu(values) if same else values) != 0)
    graph.add_weighted_edges_from(
        (names[i], names[j], float(values[i, j])) for i, j in edges if np.isfinite(values[i, j])
    )
    return graph


def from_networkx(graph: networkx.Graph) -> xr.DataArray:
    """Turn a graph of networkx into a matrix of connections.

    Parameters
    ----------
    graph : networkx.Graph or networkx.DiGraph
        Edges without ``weight`` count one; several between two nodes are summed.

    Returns
    -------
    xarray.DataArray of dims ("source", "target")
        Zero where there is no edge.

    Examples
    --------
    >>> import networkx
    >>> graph = networkx.DiGraph()
    >>> graph.add_edge("AVAL", "DA1", weight=3)
    >>> from_networkx(graph).sel(source="AVAL", target="DA1").item()
    3.0
    """
    networkx = _import("networkx", "from_networkx")
    names = list(graph.nodes)
    return _labelled(networkx.to_numpy_array(graph, nodelist=names), names)


def to_mne_connectivity(x: xr.DataArray, *, method: str = "differential affinity") -> Any:
    """Turn connections into a container of mne-connectivity.

    Parameters
    ----------
    x : xarray.DataArray of dims ("source", "target") and perhaps "time"
        Without ``time`` it becomes a ``Connectivity``, with it a ``TemporalConnectivity``.
    method : str, default="differential affinity"
        Kept in the container.

    Returns
    -------
    mne_connectivity.Connectivity or mne_connectivity.TemporalConnectivity

    Raises
    ------
    ImportError
        If mne-connectivity is not installed.
    """
    mne_connectivity = _import("mne_connectivity", "to_mne_connectivity")
    dims = (*SIDES, "time") if "time" in x.dims else SIDES
    if set(x.dims) != set(dims):
        raise ValueError(
            f"to_mne_connectivity takes dims source and target and perhaps time, got {x.dims};"
            " choose an animal or component with isel."
        )
    x = x.transpose(*dims)
    names = _names(x)
    flat = x.values.reshape(len(names) ** 2, *x.shape[2:])
    options = {"names": [str(name) for name in names], "method": method}
    if "time" not in x.dims:
        return mne_connectivity.Connectivity(flat, len(names), **options)
    times = x["time"].values
    return mne_connectivity.TemporalConnectivity(flat, times, len(names), **options)


def from_mne_connectivity(connectivity: BaseConnectivity) -> xr.DataArray:
    """Turn a container of mne-connectivity into a labelled array.

    Parameters
    ----------
    connectivity : mne_connectivity.Connectivity, TemporalConnectivity, ...
        With one value (and perhaps times, frequencies or epochs) for each pair of nodes.

    Returns
    -------
    xarray.DataArray of dims ("source", "target", ...)
        The further dims keep their names; ``times`` and ``freqs`` become time and frequency.
    """
    dense = np.asarray(connectivity.get_data("dense"))
    held = connectivity.xarray
    dims = ["source" if dim == "node_in -> node_out" else str(dim) for dim in held.dims]
    place = dims.index("source")
    dims = [*dims[: place + 1], "target", *dims[place + 1 :]]
    names = {"times": "time", "freqs": "frequency", "epochs": "epoch", "components": "component"}
    nodes = np.asarray(connectivity.names).tolist()
    coords: dict[str, object] = {"source": nodes, "target": nodes}
    for dim in held.dims:
        if dim in held.coords and dim != "node_in -> node_out":
            coords[names.get(str(dim), str(dim))] = held[dim].values
    dims = [names.get(dim, dim) for dim in dims]
    out = xr.DataArray(dense, coords=coords, dims=dims)
    return out.transpose("source", "target", ...)


def louvain(x: xr.DataArray, *, resolution: float = 1.0, random_state: int = 0) -> xr.DataArray:
    """Find communities of a weighted graph by modularity (Louvain, as networkx has it).

    Parameters
    ----------
    x : xarray.DataArray of dims ("source", "target")
        Weights of zero or more, the same in both directions; NaN is no edge.
    resolution : float, default=1.0
        Larger values give smaller communities.
    random_state : int, default=0

    Returns
    -------
    xarray.DataArray of dims ("unit",)
        Numbers of the communities, the largest being 0. A unit without edges is one of its own.

    Raises
    ------
    ValueError
        If the graph is directed, or a weight is negative.

    Examples
    --------
    >>> x = np.kron(np.eye(2), np.ones((3, 3)))
    >>> louvain(xr.DataArray(x, dims=("source", "target"))).values
    array([0, 0, 0, 1, 1, 1])
    """
    networkx = _import("networkx", "louvain")
    values, names = _matrix(x, "louvain")
    values = np.nan_to_num(values)
    if not np.allclose(values, values.T, atol=1e-6 * max(values.max(initial=0), 1e-30)):
        raise ValueError(
            "louvain takes a graph that is the same in both directions; average it with its"
            " transpose."
        )
    if values.min(initial=0) < 0:
        raise ValueError("louvain takes weights of zero or more; clip what is below chance.")
    np.fill_diagonal(values, 0)
    if not values.any():
        labels = np.arange(len(values))
    else:
        graph = networkx.from_numpy_array(np.triu(values))
        found = networkx.community.louvain_communities(
            graph, resolution=resolution, seed=random_state
        )
        found = sorted(found, key=lambda group: (-len(group), min(group)))
        labels = np.empty(len(values), np.int64)
        for number, group in enumerate(found):
            labels[list(group)] = number
    return xr.DataArray(labels, {"unit": names}, ("unit",), name="community")


def _matrix(x: xr.DataArray, caller: str) -> tuple[np.ndarray, list[Hashable]]:
    if not isinstance(x, xr.DataArray) or set(x.dims) != set(SIDES):
        got = x.dims if isinstance(x, xr.DataArray) else type(x).__name__
        raise TypeError(f"{caller} takes a DataArray of dims source and target, got {got}.")
    x = x.transpose(*SIDES)
    if x.shape[0] != x.shape[1]:
        raise ValueError(f"{caller} takes as many sources as targets, got {x.shape}.")
    return np.array(x.values, dtype=np.float64), _names(x)


def _names(x: xr.DataArray) -> list[Hashable]:
    return x["source"].values.tolist() if "source" in x.coords else list(range(x.shape[0]))


def _labelled(values: np.ndarray, names: list[Hashable]) -> xr.DataArray:
    return xr.DataArray(values, {"source": names, "target": names}, SIDES)


def _import(name: str, caller: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError:
        raise ImportError(
            f'{caller} needs {name}: pip install "neurokit-brain[connectivity]".', name=name
        ) from None
