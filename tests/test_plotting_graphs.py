"""Pictures of graphs in time show what the measures count."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from neurokit.metrics import temporal_graph_measures
from neurokit.plotting import plot_edge_appearance, plot_edge_traffic


@pytest.fixture
def graph():
    yield np.random.default_rng(0).random((5, 5, 20)) < 0.1
    plt.close("all")


def test_bars_are_edges_seen_and_new(graph):
    found = temporal_graph_measures(graph)
    seen, new = plot_edge_appearance(graph).containers
    assert [bar.get_height() for bar in new] == found["new_edges"].values.tolist()
    total = [a.get_height() + b.get_height() for a, b in zip(seen, new, strict=True)]
    assert total == found["edges"].values.tolist()


def test_every_edge_of_every_step_is_a_tick_once(graph):
    ax = plot_edge_traffic(graph)
    drawn = sum(len(line.get_xdata()) for line in ax.lines[:3])
    assert drawn == int(temporal_graph_measures(graph)["edges"].sum())


def test_empty_graphs_are_refused():
    with pytest.raises(ValueError, match="no two nodes are ever connected"):
        plot_edge_traffic(np.zeros((3, 3, 4)))
