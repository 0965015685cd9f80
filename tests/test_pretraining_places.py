"""Where channels are: coordinates first, then regions, then names."""

import numpy as np
import xarray as xr

import neurokit
from neurokit.datasets import make_eeg
from neurokit.pretraining.places import read_names, read_places, read_regions


def test_places_come_from_coordinates_then_regions_then_names():
    X = xr.DataArray(
        np.zeros((5, 2)),
        dims=("channel", "time"),
        coords={
            "channel": ["a", "b", "c", "EEG T3-REF", "EKG"],
            "region": ("channel", ["M1", "M1", "M1", None, ""]),
            "x": ("channel", [0.0, 2.0, np.nan, np.nan, np.nan]),
            "y": ("channel", [0.0, 4.0, 1.0, np.nan, np.nan]),
            "z": ("channel", [1.0, 3.0, 1.0, np.nan, np.nan]),
        },
    )
    places = read_places(X)
    assert places[2].tolist() == [1.0, 2.0, 2.0]  # the middle of M1
    t7 = read_places(neurokit.signal(np.zeros((1, 2)), sampling_rate=1, channels=["T7"]))
    np.testing.assert_array_equal(places[3], t7[0])
    assert np.isnan(places[4]).all()
    assert read_regions(X) == ["M1", "M1", "M1", "", ""]


def test_names_find_the_places_that_the_simulator_gives():
    X = make_eeg(1.0, n_channels=61, random_state=0).signal
    bare = X.drop_vars(["x", "y", "z"])
    np.testing.assert_allclose(read_places(bare), read_places(X), atol=1e-3)


def test_units_and_plain_numbers_have_names_too():
    X = neurokit.counts(np.zeros((2, 3)), bin_width=0.1, ids=["u1", "u2"])
    assert read_names(X) == ["u1", "u2"]
    assert np.isnan(read_places(X)).all()
    assert read_names(xr.DataArray(np.zeros((1, 2)), dims=("channel", "time"))) == ["0"]
