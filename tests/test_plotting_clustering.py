import numpy as np
import pytest
import xarray as xr

import neurokit
from neurokit import plotting

matplotlib = pytest.importorskip("matplotlib")
plt = pytest.importorskip("matplotlib.pyplot")


@pytest.fixture(autouse=True)
def _close():
    yield
    plt.close("all")


def test_similarity_is_drawn_in_cluster_order(rng):
    values = rng.random((5, 5))
    x = xr.DataArray(values, dims=("unit", "other"), coords={"unit": list("abcde")})
    ax = plotting.plot_similarity(x, [1, 0, 1, 0, 1])
    order = [0, 2, 4, 1, 3]
    np.testing.assert_array_equal(ax.images[0].get_array(), values[np.ix_(order, order)])
    assert [tick.get_text() for tick in ax.get_yticklabels()] == list("acebd")
    assert len(ax.lines) == 2  # one border, both ways
    with pytest.raises(ValueError, match=r"square matrix, got shape \(2, 3\)"):
        plotting.plot_similarity(np.ones((2, 3)))
    with pytest.raises(ValueError, match="one for each of 5 items"):
        plotting.plot_similarity(x, [0, 1])


def test_each_stretch_of_a_state_has_its_colour(rng):
    x = neurokit.counts(rng.poisson(1, (4, 6)), bin_width=0.5)
    ax = plotting.plot_states(x, [0, 0, 1, 1, 0, 0], clusters=[1, 0, 1, 0])
    spans = [patch.get_x() for patch in ax.patches]
    assert spans == [0.0, 1.0, 2.0]
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["state 0", "state 1"]
    assert ax.get_xlim() == (0.0, 3.0)
    with pytest.raises(ValueError, match="one state for each bin"):
        plotting.plot_states(x, [0, 1])


def test_bands_and_chains_hold_their_numbers(rng):
    x = xr.DataArray(rng.normal(size=(2, 3, 9)), dims=("cluster", "factor", "bin"))
    ax = plotting.plot_latents(xr.Dataset({"mean": x, "low": x - 1, "high": x + 1}), cluster=1)
    np.testing.assert_allclose(ax.lines[0].get_ydata(), x[1, 0])
    assert [tick.get_text() for tick in ax.get_yticklabels()] == ["common", "factor 1", "factor 2"]
    draws = rng.normal(size=(3, 50))
    ax = plotting.plot_chains(draws, name="n")
    np.testing.assert_allclose([line.get_ydata() for line in ax.lines], draws)
    with pytest.raises(ValueError, match=r"\(n_chains, n_draws\), got shape \(3,\)"):
        plotting.plot_chains(np.ones(3))
