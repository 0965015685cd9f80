import copy
import itertools
import math
import pickle
import tracemalloc
from fractions import Fraction

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from xarray.indexes import PandasIndex

import neurokit
from neurokit import io
from neurokit.recording.clock import SampleIndex, exact, time_coordinates

rates = st.fractions(min_value=Fraction(1, 10), max_value=30_000, max_denominator=1000)
firsts = st.integers(-(10**9), 10**9)
steps = st.integers(-7, 7).filter(bool)
bounds = st.none() | st.integers(-60, 60)


def ramp(first, rate, size):
    """A recording whose values are its own positions."""
    return xr.DataArray(
        np.arange(size, dtype=float), dims="time", coords=time_coordinates(first, rate, size)
    )


def times_by_hand(first, rate, size):
    return [float((Fraction(first) + k) / Fraction(rate)) for k in range(size)]


def assert_near(actual, expected):
    """Equal but for the last bit: one division of integers that may not fit a float."""
    np.testing.assert_array_max_ulp(np.asarray(actual, float), np.asarray(expected, float), 2)


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        (250, Fraction(250)),
        (0.1, Fraction(1, 10)),
        (999.41, Fraction(99941, 100)),
        (1 / 0.6, Fraction(5, 3)),
        (-1.54e9, Fraction(-1540000000)),
        (Fraction(1000, 3), Fraction(1000, 3)),
    ],
)
def test_exact_finds_the_fraction_that_was_meant(given, meant):
    assert exact(given) == meant


@settings(deadline=None, max_examples=30)
@given(first=firsts, rate=rates, size=st.integers(0, 50))
def test_values_are_the_exact_quotients(first, rate, size):
    assert_near(SampleIndex(first, rate, size).values, times_by_hand(first, rate, size))


@settings(deadline=None, max_examples=50)
@given(first=firsts, rate=rates, size=st.integers(1, 50), a=bounds, b=bounds, step=steps)
def test_slices_and_strides_pick_the_same_times_as_a_list(first, rate, size, a, b, step):
    cut = ramp(first, rate, size).isel(time=slice(a, b, step))
    assert isinstance(cut.xindexes["time"], SampleIndex)
    assert_near(cut["time"].values, times_by_hand(first, rate, size)[slice(a, b, step)])
    np.testing.assert_array_equal(cut.values, np.arange(size)[slice(a, b, step)])


@settings(deadline=None, max_examples=30)
@given(
    size=st.integers(1, 40),
    chosen=st.lists(st.integers(-1000, 1000), max_size=10),
)
def test_any_choice_of_positions_keeps_its_times(size, chosen):
    positions = [p % (2 * size) - size for p in chosen]  # negative ones count from the end
    x = ramp(5, Fraction(100, 3), size)
    cut = x.isel(time=positions)
    np.testing.assert_array_equal(cut["time"].values, x["time"].values[positions])
    np.testing.assert_array_equal(cut.values, x.values[positions])


def test_evenly_spaced_positions_keep_the_clock_and_others_do_not():
    x = ramp(0, 250, 100)
    assert x.isel(time=[4, 7, 10]).xindexes["time"].rate == Fraction(250, 3)
    assert x.isel(time=np.arange(100) > 50).xindexes["time"].first == 51
    assert isinstance(x.isel(time=[4, 7, 11]).xindexes["time"], PandasIndex)
    assert isinstance(x.isel(time=[-1, 0]).xindexes["time"], SampleIndex) is True
    np.testing.assert_array_equal(x.isel(time=[-1, 0])["time"].values, [0.396, 0.0])


@settings(deadline=None, max_examples=50)
@given(
    first=st.integers(-(10**7), 10**7),
    rate=rates,
    size=st.integers(1, 50),
    ends=st.tuples(st.integers(-5, 55), st.integers(-5, 55)),
    between=st.booleans(),
)
def test_label_slices_hold_both_ends(first, rate, size, ends, between):
    low, high = (Fraction(first + end) / rate for end in ends)
    if between:  # half a sample later: no sample there
        low, high = low + 1 / rate / 2, high + 1 / rate / 2
    expected = [k for k in range(size) if low <= Fraction(first + k) / rate <= high]
    cut = ramp(first, rate, size).sel(time=slice(float(low), float(high)))
    assert cut.values.tolist() == expected


@pytest.mark.parametrize("step", [1, -1])
def test_labels_find_samples_despite_float_rounding(step):
    x = ramp(0, 10, 10)[::step]
    assert x.sel(time=0.1 + 0.2).item() == 3
    assert x.sel(time=[0.7, 0.3]).values.tolist() == [7, 3]
    assert sorted(x.sel(time=slice(0.3, 0.7)).values) == [3, 4, 5, 6, 7]
    assert x.sel(time=0.34, method="nearest").item() == 3
    assert x.sel(time=xr.DataArray([0.2, 0.5], dims="event")).dims == ("event",)
    assert x.sel(time=9e9, method="nearest").item() == 9


def test_rounding_methods():
    x = ramp(0, 10, 10)
    assert x.sel(time=0.39, method="ffill").item() == 3
    assert x.sel(time=0.31, method="bfill").item() == 4
    assert x.sel(time=7.0, method="ffill").item() == 9
    assert x.sel(time=-7.0, method="bfill").item() == 0


@settings(deadline=None, max_examples=60)
@given(
    step=st.sampled_from([1, -1]),
    ends=st.tuples(
        *[st.none() | st.integers(-10, 30).map(lambda k: k / 20) | st.just(np.inf)] * 2
    ),
    stride=st.sampled_from([None, 1, 3, -1, -2]),
)
def test_label_slices_are_those_of_an_ordinary_index(step, ends, stride):
    x = ramp(0, 10, 10)[::step]
    floats = x.drop_vars("time").assign_coords(time=x["time"].values)
    label = slice(*ends, stride)
    if step == -1 and None not in ends:
        high, low = sorted(ends, reverse=True)
        label = slice(low, high, stride) if stride and stride < 0 else slice(high, low, stride)
    assert x.sel(time=label).values.tolist() == floats.sel(time=label).values.tolist()


@pytest.mark.parametrize(
    ("label", "error", "words"),
    [
        (np.nan, ValueError, "got NaN"),
        (slice(np.nan, 1), ValueError, "got NaN"),
        ([True, False], TypeError, "a mask goes to isel"),
        (np.timedelta64(1, "ms"), TypeError, "timedelta"),
        ("0.1", TypeError, "are numbers"),
        ({}, TypeError, "are numbers"),
    ],
)
def test_labels_that_are_no_times_are_refused(label, error, words):
    with pytest.raises(error, match=f"in seconds.*{words}"):
        ramp(0, 10, 10).sel(time=label)


@pytest.mark.parametrize(
    ("label", "options"),
    [
        (0.05, {}),
        (5.0, {}),
        (0.34, {"method": "nearest", "tolerance": 0.01}),
        (-0.1, {"method": "ffill"}),
    ],
)
def test_a_time_without_a_sample_is_refused(label, options):
    with pytest.raises(KeyError, match="no sample at"):
        ramp(0, 10, 10).sel(time=label, **options)


def test_an_unknown_method_is_refused():
    with pytest.raises(ValueError, match="method must be None, nearest, ffill or bfill"):
        ramp(0, 10, 10).sel(time=0.1, method="cubic")


@settings(deadline=None, max_examples=50)
@given(
    starts=st.tuples(st.integers(-40, 40), st.integers(-40, 40)),
    sizes=st.tuples(st.integers(0, 60), st.integers(0, 60)),
    strides=st.tuples(st.integers(1, 6), st.integers(1, 6)),
    rate=rates,
)
def test_two_cuts_of_one_clock_meet_on_their_common_samples(starts, sizes, strides, rate):
    def cut(start, size, stride):
        return ramp(start, rate, size * stride)[::stride]

    a, b = (cut(*spec) for spec in zip(starts, sizes, strides, strict=True))
    positions = [
        [start + stride * k for k in range(size)]
        for start, size, stride in zip(starts, sizes, strides, strict=True)
    ]
    shared = sorted(set(positions[0]) & set(positions[1]))
    if (starts[0] - starts[1]) % math.gcd(*strides) != 0:
        with pytest.raises(ValueError, match="never have a sample in common"):
            xr.align(a, b, join="inner")
        return
    left, right = xr.align(a, b, join="inner")
    assert_near(left["time"].values, [float(p / rate) for p in shared])
    assert left.values.tolist() == [p - starts[0] for p in shared]
    assert right.values.tolist() == [p - starts[1] for p in shared]


@settings(deadline=None, max_examples=30)
@given(
    starts=st.tuples(st.integers(-40, 40), st.integers(-40, 40)),
    sizes=st.tuples(st.integers(1, 60), st.integers(1, 60)),
)
def test_the_union_holds_every_sample_of_both(starts, sizes):
    a, b = (ramp(start, 250, size) for start, size in zip(starts, sizes, strict=True))
    left, _ = xr.align(a, b, join="outer")
    low = min(starts)
    high = max(start + size for start, size in zip(starts, sizes, strict=True))
    np.testing.assert_array_equal(left["time"].values, np.arange(low, high) / 250)
    expected = np.full(high - low, np.nan)
    expected[starts[0] - low : starts[0] - low + sizes[0]] = np.arange(sizes[0])
    np.testing.assert_array_equal(left.values, expected)


def test_clocks_a_nanosecond_apart_do_not_meet_in_silence():
    a = ramp(0, 250, 10)
    b = ramp(Fraction(25, 10**8), 250, 10)
    with pytest.raises(ValueError, match="never have a sample in common"):
        a + b


def test_the_union_of_two_rates_is_refused():
    with pytest.raises(ValueError, match="union of clocks of 250 Hz and 125 Hz"):
        xr.align(ramp(0, 250, 10), ramp(0, 125, 10), join="outer")


@settings(deadline=None, max_examples=30)
@given(cuts=st.lists(st.integers(0, 30), min_size=1, max_size=4), rate=rates)
def test_pieces_that_follow_each_other_join_to_the_whole(cuts, rate):
    whole = ramp(7, rate, 31)
    edges = [0, *sorted(cuts), 31]
    pieces = [whole[a:b] for a, b in itertools.pairwise(edges)]
    joined = xr.concat(pieces, "time")
    assert isinstance(joined.xindexes["time"], SampleIndex)
    xr.testing.assert_identical(joined, whole)


def test_pieces_with_a_gap_join_to_an_ordinary_index():
    x = ramp(0, 10, 10)
    joined = xr.concat([x[:3], x[5:]], "time")
    assert isinstance(joined.xindexes["time"], PandasIndex)
    np.testing.assert_array_equal(joined["time"].values, [0, 0.1, 0.2, 0.5, 0.6, 0.7, 0.8, 0.9])


@settings(deadline=None, max_examples=30)
@given(first=st.integers(-(10**6), 10**6), rate=rates, size=st.integers(2, 2000))
def test_the_clock_behind_floats_is_found_again(first, rate, size):
    times = SampleIndex(first, rate, size).values
    found = SampleIndex.from_times(times)
    assert found.size == size
    assert np.abs(found.values - times).max() <= 1e-3 / float(rate)


@pytest.mark.parametrize("rate", [250, 256, 30_000, Fraction(99941, 100), Fraction(5, 3), 0.5])
def test_common_rates_are_found_exactly(rate):
    index = SampleIndex(0, rate, 5000)
    assert SampleIndex.from_times(index.values).rate == exact(rate)


@pytest.mark.parametrize("times", [[0.0], [0.0, 0.1, 0.3], [0.0, 0.0], [0.0, np.nan], [0, np.inf]])
def test_floats_that_are_no_clock_are_refused(times):
    with pytest.raises(ValueError, match=r"at least two|evenly spaced"):
        SampleIndex.from_times(np.array(times, float))


@pytest.mark.parametrize(("rate", "size"), [(0, 5), (250, -1)])
def test_a_clock_that_stands_still_is_refused(rate, size):
    with pytest.raises(ValueError, match="a rate other than 0 Hz and a size of 0 or more"):
        SampleIndex(0, rate, size)


def test_an_hour_at_30_khz_costs_no_memory():
    size = 3600 * 30_000
    silence = np.broadcast_to(np.float32(0), (2, size))
    clock = time_coordinates(0, 30_000, size)
    x = xr.DataArray(silence, dims=("channel", "time"), coords=clock)
    assert len(pickle.dumps(clock)) < 5_000
    tracemalloc.start()
    chain = x.sel(time=slice(10, 3000)).isel(time=slice(0, None, 30)).sel(time=slice(100, 200))
    assert tracemalloc.get_traced_memory()[1] < 1_000_000
    tracemalloc.stop()
    assert chain.xindexes["time"].rate == 1000
    assert chain.sizes["time"] == 100_001
    assert chain["time"][0].item() == 100.0


def test_copies_pickles_renames_and_tables():
    x = ramp(3, 250, 20)
    xr.testing.assert_identical(pickle.loads(pickle.dumps(x)), x)
    xr.testing.assert_identical(copy.deepcopy(x), x)
    assert x.rename(time="t").xindexes["t"].transform.dim == "t"
    assert x.to_series().index[1] == 4 / 250
    assert not x.xindexes["time"].equals(ramp(4, 250, 20).xindexes["time"])
    assert repr(x.xindexes["time"]) == "SampleIndex(first=3, rate=250, size=20)"
    assert x.isel(time=5)["time"].item() == 8 / 250


def test_set_xindex_recovers_the_clock_of_a_plain_file(tmp_path):
    x = ramp(3, 250, 20).rename("x")
    x.to_netcdf(tmp_path / "x.nc", engine="h5netcdf")
    plain = xr.load_dataarray(tmp_path / "x.nc", engine="h5netcdf")
    back = plain.drop_indexes("time").set_xindex("time", SampleIndex)
    assert back.xindexes["time"].equals(x.xindexes["time"])


def test_lazy_recordings_are_read_backwards(tmp_path):
    """xarray 2026.1.0 gave empty data for a reversed slice of what is on disk."""
    x = neurokit.signal(np.arange(20.0).reshape(2, 10), sampling_rate=10)
    lazy = io.load(io.save(tmp_path / "x.nc", x))
    np.testing.assert_array_equal(lazy.isel(time=slice(None, None, -1)), x.values[:, ::-1])
    np.testing.assert_array_equal(lazy.isel(time=slice(8, 2, -2)), x.values[:, 8:2:-2])


@given(
    first=st.integers(-(10**6), 10**10),
    rate=st.sampled_from([250, 30_000, -100, 0.5, 24414.0625]),
    time=st.floats(-1e9, 1e9) | st.integers(0, 10**7).map(lambda k: k / 30_000),
)
def test_one_time_is_found_as_many_are(first, rate, time):
    index = SampleIndex(first, rate, 1000)
    assert index._near(time) == float(index._nearby(np.float64(time)))
