import subprocess
import sys

import numpy as np
import pytest
import xarray as xr

import neurokit
from neurokit.datasets import make_calcium, make_eeg


@pytest.fixture(scope="module")
def eeg():
    return make_eeg(8, n_channels=19, random_state=0).signal


def test_a_signal_says_what_it_is(eeg):
    x = eeg.assign_coords(bad=("channel", eeg["channel"].values == "Cz"))
    before = x.copy(deep=True)
    facts = x.nk.describe()
    assert facts["size"] == "19 channels x 2,000 samples"
    assert (facts["duration"], facts["rate"], facts["bad"]) == ("8 s", "250 Hz", "Cz")
    assert facts["kinds"] == "eeg (19)"
    assert facts["places"] == "of 19 of 19, in mm"
    assert "rate" in repr(x.nk)
    shown = x.nk._repr_html_()
    assert shown.count("<polyline") == 8
    assert "250 Hz" in shown
    xr.testing.assert_identical(x, before)
    assert "nk" not in x.attrs


def test_gaps_are_named(eeg):
    gap = xr.concat([eeg.isel(time=slice(0, 500)), eeg.isel(time=slice(1000, 1500))], "time")
    assert gap.nk.describe()["gaps"] == "1, the clock jumps to 4 s"
    jitter = eeg.assign_coords(time=np.cumsum(np.random.default_rng(0).uniform(0, 1, 2000)))
    assert jitter.nk.describe()["rate"].startswith("not even")
    jitter.nk._repr_html_()


def test_spikes_and_traces_and_trials():
    units = neurokit.spikes([[0.1, 0.5], []], stop=2.0)
    assert units.nk.describe()["silent"] == "1 units"
    assert "<path" in units.nk._repr_html_()
    traces = make_calcium(20, n_units=3, random_state=0).traces
    assert traces.nk.describe()["size"].startswith("3 units")
    trials = neurokit.signal(np.zeros((2, 3, 5)), sampling_rate=10, trials={"label": ["a", "b"]})
    assert trials.nk.describe()["labels"] == "a (1), b (1)"
    assert xr.Dataset({"a": ("b", [1])}).nk.describe() == {"size": "1 b"}


def test_names_are_escaped_and_long_ones_cut():
    x = neurokit.signal(np.zeros((1, 9)), sampling_rate=10, channels=["<script>alert"])
    assert "<script" not in x.nk._repr_html_()


def test_lazy_recordings_are_not_computed(eeg):
    def fail(block):
        raise AssertionError

    big = xr.DataArray(eeg.data, eeg.coords, eeg.dims).chunk()
    big = big.copy(data=big.data.map_blocks(fail, dtype=float, meta=np.empty((0, 0))))
    assert "lazy in 1 blocks" in big.nk.describe()["samples"]


def test_pictures(eeg):
    import matplotlib as mpl

    mpl.use("agg")
    assert len(eeg.nk.plot().lines) >= 19
    assert neurokit.spikes([[0.1], [0.2]], stop=1).nk.plot().get_ylabel() == "Unit (2)"
    with pytest.raises(ValueError, match=r"x.nk.plot\(\) draws dims .* x has \('time', 'feature'"):
        neurokit.behaviour(np.zeros((9, 1)), sampling_rate=10).nk.plot()


def test_it_is_there_as_soon_as_there_are_recordings():
    code = "import neurokit, xarray; neurokit.signal; xarray.DataArray([1]).nk"
    subprocess.run([sys.executable, "-c", code], check=True)
    code = "from neurokit.io import read_signal; import xarray; xarray.DataArray([1]).nk"
    subprocess.run([sys.executable, "-c", code], check=True)
