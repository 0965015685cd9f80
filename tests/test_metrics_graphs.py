"""Measures of graphs in time against definitions in loops; chance matches against counting."""

from itertools import combinations

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from neurokit.metrics import (
    false_match_probability,
    temporal_graph_measures,
    union_false_match,
)


def _by_hand(graph, share):
    """Sets of edges, step after step, as the definitions have them."""
    n, _, n_steps = graph.shape
    steps = [
        {(i, j) for i in range(n) for j in range(i + 1, n) if graph[i, j, t] or graph[j, i, t]}
        for t in range(n_steps)
    ]
    seen, novelty, engagement, previous = set(), [], [], set()
    for edges in steps:
        if edges:
            novelty.append(len(edges - seen) / len(edges))
        seen |= edges
        engagement.append(len({node for edge in edges - previous for node in edge}))
        previous = edges
    border = np.quantile(np.arange(n_steps), 1 - share)
    train = set().union(*[e for t, e in enumerate(steps) if t < border])
    test = set().union(*[e for t, e in enumerate(steps) if t >= border])
    nodes = {node for edge in seen for node in edge}
    activity = [np.mean([any(v in e for e in edges) for edges in steps]) for v in nodes]
    return {
        "edges": [len(edges) for edges in steps],
        "nodes": [len({node for edge in edges for node in edge}) for edges in steps],
        "degree": [2 * len(edges) / len(nodes) for edges in steps],
        "engagement": engagement,
        "novelty": np.mean(novelty),
        "reoccurrence": len(train & test) / len(train) if train else None,
        "surprise": len(test - train) / len(test) if test else None,
        "activity": np.mean(activity),
    }


@settings(deadline=None, max_examples=40)
@given(seed=st.integers(0, 2**32 - 1), n=st.integers(2, 7), n_steps=st.integers(3, 30))
def test_measures_are_their_definitions(seed, n, n_steps):
    rng = np.random.default_rng(seed)
    graph = rng.random((n, n, n_steps)) < rng.uniform(0.05, 0.6)
    graph &= ~np.eye(n, dtype=bool)[..., None]
    expected = _by_hand(graph, 0.3) if graph.any() else None
    if expected is None or expected["reoccurrence"] is None or expected["surprise"] is None:
        with pytest.raises(ValueError, match="temporal_graph_measures"):
            temporal_graph_measures(graph, test_share=0.3)
        return
    found = temporal_graph_measures(graph, test_share=0.3)
    for name, value in expected.items():
        np.testing.assert_allclose(found[name].values, value, err_msg=name)


def test_weights_of_one_change_nothing_but_repeats():
    rng = np.random.default_rng(0)
    graph = (rng.random((6, 6, 20)) < 0.2).astype(float)
    plain, heavy = (temporal_graph_measures(graph * k, weighted=w) for k, w in ((1, 0), (3, 1)))
    np.testing.assert_allclose(heavy["degree"], 3 * plain["degree"])
    np.testing.assert_allclose(heavy["novelty"], plain["novelty"])
    assert (plain["edges"] == heavy["edges"]).all()


def test_weighted_shares_by_hand():
    graph = np.zeros((3, 3, 4))
    graph[0, 1] = [2, 1, 0, 4]
    graph[1, 2] = [0, 3, 0, 0]
    graph[0, 2, 3] = 6
    found = temporal_graph_measures(graph, weighted=True, test_share=0.3)
    np.testing.assert_allclose(found["novelty_at"], [1, 3 / 4, np.nan, 6 / 10])
    assert float(found["reoccurrence"]) == pytest.approx(3 / 6)
    assert float(found["surprise"]) == pytest.approx(6 / 10)


def test_tables_and_arrays_agree_and_direction_counts_where_asked():
    rng = np.random.default_rng(1)
    graph = rng.random((5, 5, 12)) * (rng.random((5, 5, 12)) < 0.3)
    source, target, step = np.nonzero(graph)
    table = pd.DataFrame({"time": step, "source": source, "target": target})
    table["weight"] = graph[graph > 0]
    for directed in (False, True):
        a = temporal_graph_measures(graph, directed=directed, weighted=True)
        b = temporal_graph_measures(table, directed=directed, weighted=True)
        xr.testing.assert_allclose(a, b)
    two_ways = np.zeros((2, 2, 4))
    two_ways[0, 1, ::2] = two_ways[1, 0, 1::2] = 1
    assert temporal_graph_measures(two_ways)["new_edges"].sum() == 1
    assert temporal_graph_measures(two_ways, directed=True)["new_edges"].sum() == 2


@pytest.mark.parametrize(
    ("graph", "kwargs", "error", "message"),
    [
        (np.zeros((3, 3, 5)), {}, ValueError, "no two nodes are ever connected"),
        (np.ones((3, 4, 5)), {}, ValueError, r"expects shape \(n_nodes, n_nodes, n_steps\)"),
        (np.ones((3, 3, 5)), {"test_share": 1.0}, ValueError, "edges on both sides, got 1.0"),
        (-np.ones((3, 3, 5)), {"weighted": True}, ValueError, "not negative, got -1"),
        (pd.DataFrame({"time": [1]}), {}, TypeError, r"lacks the columns \['source', 'target'\]"),
        (xr.DataArray(np.ones((2, 2)), dims=("a", "b")), {}, ValueError, "expects dims"),
    ],
)
def test_bad_graphs_are_refused(graph, kwargs, error, message):
    with pytest.raises(error, match=message):
        temporal_graph_measures(graph, **kwargs)


@pytest.mark.parametrize(
    ("n", "a", "s", "threshold", "expected"),
    [
        (10_000, 300, 24, 12, 8.3758e-13),
        (100_000, 2000, 6, 6, 6.3531e-11),
        (100_000, 2000, 12, 6, 5.2939e-8),
    ],
)
def test_false_matches_of_the_paper(n, a, s, threshold, expected):
    assert false_match_probability(n, a, s, threshold) == pytest.approx(expected, rel=1e-4)


@given(n=st.integers(1, 9), data=st.data())
def test_false_matches_by_counting_all_codes(n, data):
    a, s = data.draw(st.integers(0, n)), data.draw(st.integers(0, n))
    threshold = data.draw(st.integers(0, n))
    codes = list(combinations(range(n), a))
    share = np.mean([sum(i < s for i in code) >= threshold for code in codes])
    assert false_match_probability(n, a, s, threshold) == pytest.approx(share, abs=1e-12)


def test_unions_by_simulation():
    rng = np.random.default_rng(0)
    n, w, m, threshold, hits = 200, 10, 20, 9, []
    for _ in range(400):
        union = np.zeros(n, bool)
        for _ in range(m):
            union[rng.permutation(n)[:w]] = True
        codes = rng.permuted(np.broadcast_to(np.arange(n), (50, n)), axis=1)[:, :w]
        hits.append((union[codes].sum(1) >= threshold).mean())
    expected = union_false_match(n, w, m, threshold)
    assert np.mean(hits) == pytest.approx(expected, abs=4 * np.std(hits) / 20)
    assert union_false_match(n, w, m) == pytest.approx((1 - 0.95**20) ** 10)
    assert union_false_match([10, 20], 2, 0).tolist() == [0, 0]


def test_impossible_codes_are_refused():
    with pytest.raises(ValueError, match="neither active nor sampled can exceed n, got 11 and 2"):
        false_match_probability(10, 11, 2, 1)
    with pytest.raises(
        ValueError, match=r"sampled must be a whole number, not negative, got 1\.5"
    ):
        false_match_probability(10, 5, 1.5, 1)
    with pytest.raises(ValueError, match="active cannot exceed n"):
        union_false_match(10, 11, 2)
