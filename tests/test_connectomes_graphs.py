"""Connectomes as graphs of other packages, and back; communities by modularity."""

import itertools

import numpy as np
import pytest
import xarray as xr

from neurokit.connectomes import (
    from_mne_connectivity,
    from_networkx,
    louvain,
    to_mne_connectivity,
    to_networkx,
)


def matrix(n=5, seed=0, *, directed=False):
    values = np.random.default_rng(seed).random((n, n)).round(3)
    values[values < 0.3] = 0
    if not directed:
        values = np.triu(values, 1) + np.triu(values, 1).T
    names = list("abcdefghij"[:n])
    return xr.DataArray(values, {"source": names, "target": names}, ("source", "target"))


@pytest.mark.parametrize("directed", [False, True])
def test_networkx_there_and_back(directed):
    x = matrix(directed=directed)
    graph = to_networkx(x.transpose())
    assert graph.is_directed() == directed
    xr.testing.assert_equal(from_networkx(graph), x)
    holed = x.copy()
    np.fill_diagonal(holed.values, np.nan)
    assert to_networkx(holed).number_of_nodes() == 5


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_mne_connectivity_there_and_back():
    pytest.importorskip("mne_connectivity")
    x = matrix(directed=True)
    xr.testing.assert_equal(from_mne_connectivity(to_mne_connectivity(x)), x)
    movie = xr.concat([x, 2 * x, 3 * x], xr.Variable("time", [0.0, 0.5, 1.0]))
    back = from_mne_connectivity(to_mne_connectivity(movie))
    xr.testing.assert_equal(back, movie.transpose("source", "target", "time"))
    with pytest.raises(ValueError, match="choose an animal or component with isel"):
        to_mne_connectivity(x.expand_dims("animal"))


def modularity(values, labels):
    total = values.sum()
    degree = values.sum(1)
    same = labels[:, None] == labels
    return ((values - np.outer(degree, degree) / total) * same).sum() / total


@pytest.mark.parametrize("seed", range(5))
def test_louvain_finds_the_best_partition_of_a_small_graph(seed):
    rng = np.random.default_rng(seed)
    groups = np.array([0, 0, 0, 1, 1, 1, 1])
    weights = rng.random((7, 7)) + 2 * (groups[:, None] == groups)
    values = np.triu(weights, 1) + np.triu(weights, 1).T
    found = louvain(xr.DataArray(values, dims=("source", "target")), random_state=seed)
    best = max(
        modularity(values, np.array(labels)) for labels in itertools.product(range(3), repeat=7)
    )
    assert modularity(values, found.values) == pytest.approx(best)
    assert found.values.tolist() == [1, 1, 1, 0, 0, 0, 0]


def test_a_graph_without_edges_has_only_single_units():
    x = xr.DataArray(np.full((3, 3), np.nan), dims=("source", "target"))
    assert louvain(x).values.tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    ("x", "error", "match"),
    [
        (matrix(directed=True), ValueError, "same in both directions; average"),
        (-matrix(), ValueError, "weights of zero or more; clip"),
        (matrix()[:3], ValueError, r"as many sources as targets, got \(3, 5\)"),
        (matrix().values, TypeError, "dims source and target, got ndarray"),
        (matrix().rename(source="unit"), TypeError, r"got \('unit', 'target'\)"),
    ],
)
def test_what_is_no_graph_for_louvain_is_refused(x, error, match):
    with pytest.raises(error, match=match):
        louvain(x)
