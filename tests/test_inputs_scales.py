"""Microvolts beside millivolts under one name are told by their size."""

import warnings

import numpy as np
import pytest
import xarray as xr

import neurokit
from neurokit.decoders import WienerRegressor
from neurokit.features import BandPower, EuclideanAlignment, LagWindow
from neurokit.inputs.scales import tell_mixed_scales


def noise(seed, shape, units="uV", scale=1.0):
    rng = np.random.default_rng(seed)
    amplitude = np.exp(np.random.default_rng(7).normal(size=(shape[-2], 1)))  # of the channels
    walk = scale * amplitude * rng.normal(size=shape).cumsum(-1)
    return neurokit.signal(walk, sampling_rate=250, units=units)


def put_together(dim, seed=0, factor=1e-3, n=12):
    shape = (n, 5, 200) if dim == "trial" else (5, 3000)
    micro, milli = noise(seed, shape), noise(seed + 100, shape, "mV", factor)
    if dim == "time":
        milli = milli.drop_vars("time").assign_coords(time=micro["time"].values + 12.0)
        micro = micro.assign_coords(time=micro["time"].values)
    return xr.concat([micro, milli], dim, combine_attrs="override")


@pytest.mark.parametrize("dim", ["trial", "time"])
@pytest.mark.parametrize("seed", range(10))
def test_what_concat_puts_together_is_told(dim, seed):
    both = put_together(dim, seed)
    assert both.attrs["units"] == "uV"  # what xarray keeps
    with pytest.warns(UserWarning, match="as large as the others, though all are said to be"):
        tell_mixed_scales(BandPower(), both, "channel")


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1), (1, 2, 0)])
def test_the_order_of_dims_does_not_matter(order):
    both = put_together("trial")
    with pytest.warns(UserWarning, match="some trials of X"):
        tell_mixed_scales(BandPower(), both.transpose(*[both.dims[i] for i in order]), "channel")


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("shape", [(40, 5, 200), (1, 3, 100), (2, 1, 2), (5, 6000), (3, 2)])
def test_one_unit_says_nothing(seed, shape):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        tell_mixed_scales(BandPower(), noise(seed, shape), "channel")


def test_what_no_unit_explains_says_nothing():
    quiet = noise(0, (40, 5, 200))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        one = quiet.copy()
        one[3] *= 1000  # an artefact, not a unit
        tell_mixed_scales(BandPower(), one, "channel")
        half = quiet.copy()
        half[:20] *= 30  # another amplifier
        tell_mixed_scales(BandPower(), half, "channel")
        slope = quiet * xr.DataArray(np.geomspace(1, 1e4, 40), dims="trial")
        tell_mixed_scales(BandPower(), slope.assign_attrs(quiet.attrs), "channel")
        flat = quiet.copy()
        flat[:20] = 0
        tell_mixed_scales(BandPower(), flat, "channel")
        tell_mixed_scales(BandPower(), flat * np.nan, "channel")
        counts = put_together("trial").assign_attrs(units="spikes")
        tell_mixed_scales(BandPower(), counts, "channel")


def test_estimators_tell_it_and_join_is_the_way_out():
    both = put_together("trial")
    y = np.tile(["a", "b"], 12)
    with pytest.warns(UserWarning, match="EuclideanAlignment: some trials of X are"):
        EuclideanAlignment().fit(both, y)
    with pytest.warns(UserWarning, match=r"BandPower: some trials.*neurokit\.recording\.join"):
        BandPower().fit(noise(1, (24, 5, 200))).transform(both)
    micro, milli = noise(0, (12, 5, 200)), noise(100, (12, 5, 200), "mV", 1e-3)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        EuclideanAlignment().fit(neurokit.recording.join([micro, milli], "trial"), y)


def test_stretches_of_time_are_told_too():
    both = put_together("time").rename(channel="unit")
    position = neurokit.behaviour(np.zeros((6000, 1)), sampling_rate=250)
    position = position.assign_coords(time=both["time"].values)
    with pytest.warns(UserWarning, match="some stretches of time of X"):
        WienerRegressor().fit(both, position + both.isel(unit=0, drop=True) * 1e-3)


def test_lazy_trials_and_stretches_are_told_by_fits_that_read_them():
    trials = put_together("trial")
    stretches = put_together("time").rename(channel="unit")
    for size in (1, 7):  # trials of a block
        with pytest.warns(UserWarning, match="EuclideanAlignment: some trials of X are"):
            EuclideanAlignment().fit(trials.chunk(trial=size))
    with pytest.warns(UserWarning, match="LagWindow: some stretches of time of X"):
        LagWindow(3).fit(stretches.chunk(time=700))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        EuclideanAlignment().fit(noise(0, (24, 5, 200)).chunk(trial=5))
        LagWindow(3).fit(noise(0, (5, 6000)).rename(channel="unit").chunk(time=700))
