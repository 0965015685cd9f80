"""Pictures of states: what stands in them."""

import numpy as np
import pytest
import xarray as xr

from neurokit.plotting import plot_connections, plot_dwell_times


def test_connections_of_all_states_stand_side_by_side():
    weights = xr.DataArray(np.arange(18.0).reshape(2, 3, 3), dims=("state", "target", "source"))
    ax = plot_connections(weights)
    sheet = ax.images[0].get_array()
    np.testing.assert_array_equal(sheet[:, :3], weights[0])
    np.testing.assert_array_equal(sheet[:, 4:], weights[1])
    with pytest.raises(ValueError, match="expects the dims state, target, source"):
        plot_connections(weights.rename(state="time"))


def test_visits_are_counted_whole():
    labels = xr.DataArray(
        [0, 1, 1, 0, 0, 0, 1, 0], dims="time", coords={"time": np.arange(8) / 10}
    )
    ax = plot_dwell_times(labels, xr.DataArray([0.2, 0.1], {"state": [0, 1]}, ("state",)))
    lines = [line for line in ax.lines if line.get_linestyle() == "-"]
    np.testing.assert_allclose(lines[0].get_xdata(), [0.3])
    np.testing.assert_allclose(lines[1].get_xdata(), [0.1, 0.2])
    assert len(ax.lines) == 4
    with pytest.raises(ValueError, match="expects the dims"):
        plot_dwell_times(labels.rename(time="unit"))
