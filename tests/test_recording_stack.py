"""Animals side by side: units joined by name, one clock."""

import numpy as np
import pytest
import xarray as xr

import neurokit
from neurokit.recording import SampleIndex


def worm(ids, value=1.0, rate=5 / 3, n_times=7, **kwargs):
    x = np.full((len(ids), n_times), value) + np.arange(len(ids))[:, None]
    return neurokit.traces(x, sampling_rate=rate, ids=ids, **kwargs)


def test_units_are_joined_by_name_and_the_clock_stays_exact():
    a, b = worm(["x", "y"]), worm(["z", "y"], 10.0)
    both = neurokit.stack({"A": a, "B": b})
    assert both.dims == ("animal", "unit", "time")
    assert both["unit"].values.tolist() == ["x", "y", "z"]
    xr.testing.assert_equal(both.sel(animal="A", unit=["x", "y"], drop=True), a)
    xr.testing.assert_equal(both.sel(animal="B", unit=["z", "y"], drop=True), b)
    assert both.sel(animal="A", unit="z").isnull().all()
    assert isinstance(both.xindexes["time"], SampleIndex)
    assert both.attrs["units"] == "dF/F"
    assert both.dtype == np.float32


def test_another_name_for_the_dim_and_dims_in_any_order():
    both = neurokit.stack({1: worm(["x"]).transpose(), 2: worm(["x"])}, dim="session")
    assert both.dims == ("session", "unit", "time")
    assert both["session"].values.tolist() == [1, 2]


def test_coordinates_are_kept_where_animals_agree():
    a = worm(["x", "y"], regions=["head", "tail"])
    b = worm(["y", "z"], regions=["tail", "head"])
    assert neurokit.stack({1: a, 2: b})["region"].values.tolist() == ["head", "tail", "head"]
    c = worm(["y"], regions=["nose"])
    assert "region" not in neurokit.stack({1: a, 2: c}).coords


def test_plain_clocks_that_agree_are_taken():
    a = worm(["x"]).drop_indexes("time")
    a = a.assign_coords(time=np.arange(7) * 0.6)
    assert neurokit.stack({1: a, 2: a})["time"].values.tolist() == a["time"].values.tolist()


@pytest.mark.parametrize(
    ("other", "error", "match"),
    [
        (worm(["x"], rate=2), ValueError, r"one clock; 'B' has 7 samples at 2 Hz from 0 s"),
        (worm(["x"], n_times=8), ValueError, r"'B' has 8 samples .* resample or cut"),
        (worm(["x"], start=0.6), ValueError, r"from 0\.6 s, .* the same start"),
        (worm(["x"], units="Hz"), ValueError, r"'B' is in 'Hz' and 'A' in 'dF/F'; convert"),
        (worm(["x"]).drop_vars("unit"), TypeError, r"joins units by name, and those of 'B'"),
        (worm(["x"]).isel(unit=[0, 0]), ValueError, r"names of 'B' must differ, got \['x'\]"),
        (worm(["x"]).drop_vars("time"), TypeError, r"'B' has no time coordinate"),
        (worm(["x"]).values, TypeError, r"stack: 'B' takes an xarray\.DataArray"),
        (worm(["x"]).expand_dims("trial"), ValueError, r"takes dims \('unit', 'time'\)"),
    ],
)
def test_what_cannot_lie_beside_is_refused(other, error, match):
    with pytest.raises(error, match=match):
        neurokit.stack({"A": worm(["x", "y"]), "B": other})


@pytest.mark.parametrize("nothing", [{}, [worm(["x"])]])
def test_nothing_to_stack(nothing):
    with pytest.raises(ValueError, match="takes a mapping of names to recordings"):
        neurokit.stack(nothing)
