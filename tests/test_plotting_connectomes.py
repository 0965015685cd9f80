"""Pictures of connectomes show what they say."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
import xarray as xr

import neurokit
from neurokit.plotting import plot_components, plot_connectome, plot_graph, plot_ranks


@pytest.fixture(autouse=True)
def _close():
    yield
    plt.close("all")


def factors(*, pairs=False, animals=True):
    rng = np.random.default_rng(0)
    held = {"weight": ("component", [3.0, 1.0])}
    if pairs:
        held["pair_factor"] = (("source", "target", "component"), rng.random((5, 5, 2)))
    else:
        held["unit_factor"] = (("unit", "component"), rng.random((5, 2)))
    held["time_factor"] = (("time", "component"), rng.random((40, 2)))
    if animals:
        held["animal_factor"] = (("animal", "component"), rng.random((3, 2)))
    return xr.Dataset(held, coords={"time": np.arange(40) / 2})


def numbers():
    return xr.DataArray([1, 0, -1, 1, 0], dims="unit")


@pytest.mark.parametrize("pairs", [False, True])
def test_units_stand_in_the_order_of_their_communities(pairs):
    x = factors(pairs=pairs)
    events = neurokit.events([2.0, 5.0], [3.0, 0.0], ["odour", "touch"])
    axes = plot_components(x, communities=numbers(), events=events)
    assert axes.shape == (2, 3)
    loading = x["pair_factor"].sum("target") if pairs else x["unit_factor"]
    heights = [bar.get_height() for bar in axes[0, 0].patches]
    np.testing.assert_allclose(heights, loading.values[[1, 4, 0, 3, 2], 0])
    assert axes[0, 0].get_ylabel() == "75%"
    np.testing.assert_allclose(axes[1, 1].lines[0].get_ydata(), x["time_factor"].values[:, 1])
    assert axes[1, 2].get_xlabel() == "Animal"
    assert len(axes[1, 1].patches) == 1  # the odour lasts


def test_recordings_of_one_animal_have_two_columns():
    assert plot_components(factors(animals=False), n_components=1).shape == (1, 2)


def test_the_matrix_is_ordered_and_communities_are_parted():
    x = xr.DataArray(np.arange(25.0).reshape(5, 5), dims=("source", "target"))
    ax = plot_connectome(x.transpose(), communities=numbers())
    shown = ax.images[0].get_array()
    order = [1, 4, 0, 3, 2]
    np.testing.assert_array_equal(shown, x.values[np.ix_(order, order)])
    assert len(ax.lines) == 4


def test_only_the_strongest_edges_are_drawn():
    values = np.zeros((5, 5))
    values[0, 1], values[2, 3], values[4, 0] = 3, 2, 1
    x = xr.DataArray(values, dims=("source", "target"))
    assert len(plot_graph(x).lines) == 3
    assert len(plot_graph(x, n_edges=2, communities=numbers()).lines) == 2


def test_the_rank_is_marked():
    rng = np.random.default_rng(0)
    x = xr.Dataset(
        {
            "test_error": (("rank", "split"), rng.random((3, 2))),
            "train_error": (("rank", "split"), rng.random((3, 2))),
            "core_consistency": ("rank", [100.0, 90.0, -50.0]),
            "stability": ("rank", [1.0, 0.9, 0.5]),
        },
        coords={"rank": [1, 2, 3]},
        attrs={"best": 2},
    )
    assert 2 in plot_ranks(x).lines[-1].get_xdata()


@pytest.mark.parametrize("plot", [plot_connectome, plot_graph])
def test_other_dims_are_refused(plot):
    with pytest.raises(ValueError, match="takes dims source and target, got"):
        plot(xr.DataArray(np.ones((2, 3, 3)), dims=("component", "source", "target")))


def test_factors_without_units_are_refused():
    with pytest.raises(ValueError, match="takes the factors of a connectome"):
        plot_components(factors().drop_vars("unit_factor"))
