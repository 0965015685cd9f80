"""Spikes that stay with their units, whatever xarray does to the units."""

import pickle
import subprocess
import sys
import warnings
from fractions import Fraction

import numpy as np
import pytest
import xarray as xr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import neurokit
from neurokit import io
from neurokit.recording import (
    check_spikes,
    observed_duration,
    select_time,
    select_units,
    shift_time,
)
from neurokit.recording.clock import SampleIndex

WIDTH, STOP = 0.25, 2.0


def example():
    return neurokit.spikes(
        {"a": [0.1, 0.2, 0.3], "b": [0.9], "c": [0.55, 0.65]},
        stop=1.0,
        regions=["M1", "V1", "M1"],
    )


def trains(x):
    """Split by hand, as a reader of the two variables would."""
    ends = np.cumsum(x["spike_count"].values.astype(int))
    return [t.tolist() for t in np.split(x["spike_time"].values, ends[:-1])] if len(ends) else []


def as_rows(x):
    ids, regions = x["unit"].values.tolist(), x["region"].values.tolist()
    return list(zip(ids, regions, trains(x), strict=True))


def count_by_hand(rows):
    return [[sum(int(t // WIDTH) == k for t in train) for k in range(8)] for _, _, train in rows]


# ------------------------------------------------ chains of operations against plain lists
# each: (x, rows, draw) -> the same done to both


def by_position(x, rows, draw):
    chosen = draw(st.permutations(range(len(rows))))[: draw(st.integers(0, len(rows)))]
    return x.isel(unit=list(chosen)), [rows[k] for k in chosen]


def by_slice(x, rows, draw):
    part = slice(*draw(st.tuples(*[st.none() | st.integers(-4, 6)] * 2)), draw(STEPS))
    return x.isel(unit=part), rows[part]


STEPS = st.sampled_from([None, 1, 2, -1, -2])


def by_mask(x, rows, draw):
    mask = draw(st.lists(st.booleans(), min_size=len(rows), max_size=len(rows)))
    kept = [row for row, yes in zip(rows, mask, strict=True) if yes]
    if draw(st.booleans()):
        return x.isel(unit=xr.DataArray(np.array(mask, dtype=bool), dims="unit")), kept
    return x.isel(unit=np.array(mask, dtype=bool)), kept


def by_id(x, rows, draw):
    chosen = draw(st.permutations(rows))[: draw(st.integers(0, len(rows)))]
    ids = [row[0] for row in chosen]
    if draw(st.booleans()):
        return select_units(x, np.array(ids, dtype=object)), list(chosen)
    return x.sel(unit=ids), list(chosen)


def by_region(x, rows, draw):
    region = draw(st.sampled_from(["M1", "V1"]))
    return x.where(x["region"] == region, drop=True), [row for row in rows if row[1] == region]


def by_count(x, rows, draw):
    least = draw(st.integers(0, 3))
    kept = [row for row in rows if len(row[2]) >= least]
    return x.isel(unit=x["spike_count"].values >= least), kept


def sort_units(x, rows, draw):
    up = draw(st.booleans())
    return x.sortby("unit", ascending=up), sorted(rows, key=lambda row: row[0], reverse=not up)


def sort_regions(x, rows, draw):
    return x.sortby("region"), sorted(rows, key=lambda row: row[1])  # both are stable


def join_pieces(x, rows, draw):
    cut = draw(st.integers(0, len(rows)))
    pieces = [x.isel(unit=slice(cut, None)), x.isel(unit=slice(0, cut))]
    return xr.concat(pieces, "unit", join="exact", **JOINED), rows[cut:] + rows[:cut]


def rename_dim(x, rows, draw):
    return x.rename(unit="cell").isel(cell=slice(None, None, -1)).rename(cell="unit"), rows[::-1]


def through_plain_netcdf(x, rows, draw):
    """The index is not in the file, and first_spike is: x.to_netcdf, xr.open_dataset."""
    plain = xr.Dataset(dict(x.variables)).set_coords([*x.coords])
    return check_spikes(plain.isel(unit=slice(None, None, -1)), "here"), rows[::-1]


JOINED = {"coords": "minimal", "compat": "override", "data_vars": "minimal"}


def join_units(x, rows, draw):
    cut = draw(st.integers(0, len(rows)))
    pieces = [x.isel(unit=slice(cut, None)), x.isel(unit=slice(0, cut))]
    return neurokit.recording.join(pieces, "unit"), rows[cut:] + rows[:cut]


def map_groups(x, rows, draw):
    return x.groupby("region").map(lambda group: group), rows


def list_groups(x, rows, draw):
    groups = [group for _, group in x.groupby("region")]
    ordered = sorted(rows, key=lambda row: row[1])
    return xr.concat(groups, "unit", join="exact", **JOINED), ordered


def rename_units(x, rows, draw):
    ids = [f"{row[0]}'" for row in rows]
    return x.assign_coords(unit=ids), [
        (name, *row[1:]) for name, row in zip(ids, rows, strict=True)
    ]


def roll_units(x, rows, draw):
    by = draw(st.integers(-3, 3))
    by = by % len(rows)
    return x.roll(unit=by, roll_coords=True), rows[len(rows) - by :] + rows[: len(rows) - by]


def assign(x, rows, draw):
    return x.assign(quality=("unit", np.arange(len(rows)))).assign_attrs(of="a mouse"), rows


def copy(x, rows, draw):
    return draw(st.sampled_from([lambda y: y.copy(deep=True), copied, restored]))(x), rows


def copied(x):
    return pickle.loads(pickle.dumps(x))


def restored(x):
    from neurokit.io.store_layout import pack, unpack

    return unpack(pack(x, to_zarr=True))


def turn_round(x, rows, draw):
    """The index is lost on the way: the units know their spikes."""
    y = x.swap_dims(unit="region").isel(region=slice(None, None, -1)).swap_dims(region="unit")
    return check_spikes(y, "here"), rows[::-1]


def cut_time(x, rows, draw):
    low, high = float(x["start"]), float(x["stop"])
    start = low + (high - low) * draw(st.integers(0, 4)) / 16
    kept = [(a, b, [t for t in train if start <= t <= high]) for a, b, train in rows]
    return select_time(x, start, high), kept


def drop_some(x, rows, draw):
    gone = draw(st.sets(st.integers(0, len(rows) - 1)))
    kept = [row for k, row in enumerate(rows) if k not in gone]
    if draw(st.booleans()):
        return x.drop_isel(unit=np.array(sorted(gone), dtype=int)), kept
    names = np.array([rows[k][0] for k in sorted(gone)], dtype=object)
    return x.drop_sel(unit=names), kept


def ask_in_words(x, rows, draw):
    return x.query(unit="region == 'M1'"), [row for row in rows if row[1] == "M1"]


def take_ends(x, rows, draw):
    n = draw(st.integers(1, 4))
    return draw(
        st.sampled_from(
            [
                (x.head(unit=n), rows[:n]),
                (x.tail(unit=n), rows[-n:]),
                (x.thin(unit=n), rows[::n]),
                (x.loc[{"unit": [row[0] for row in rows[::-1]]}], rows[::-1]),
            ]
        )
    )


def through_dict(x, rows, draw):
    return check_spikes(xr.Dataset.from_dict(x.to_dict()), "here"), rows


OPERATIONS = [
    *(drop_some, ask_in_words, take_ends, through_dict),
    *(by_position, by_slice, by_mask, by_id, by_region, by_count, sort_units, sort_regions),
    *(join_pieces, join_units, map_groups, list_groups, rename_units, roll_units, assign, copy),
    *(turn_round, cut_time, rename_dim, through_plain_netcdf),
]
NEED_UNITS = {map_groups, list_groups, roll_units, drop_some, ask_in_words, take_ends}
NEED_UNITS |= {through_dict}


def run_chain(data):
    draw = data.draw
    ticks = st.lists(st.integers(0, 255), max_size=5)
    n_units = draw(st.integers(1, 5))
    rows = [
        (f"u{k}", draw(st.sampled_from(["M1", "V1"])), [t / 128 for t in sorted(draw(ticks))])
        for k in draw(st.permutations(range(n_units)))
    ]
    x = neurokit.spikes(
        {row[0]: row[2] for row in rows}, stop=STOP, regions=[row[1] for row in rows]
    )
    done = []
    for operation in draw(st.lists(st.sampled_from(OPERATIONS), min_size=1, max_size=5)):
        if not rows and operation in NEED_UNITS:
            continue
        x, rows = operation(x, rows, draw)
        done.append(operation.__name__)
        assert as_rows(x) == rows, done
    if float(x["start"]) == 0:
        assert neurokit.bin_spikes(x, WIDTH).values.tolist() == count_by_hand(rows), done
    if rows:  # one unit, picked
        name, _, train = rows[draw(st.integers(0, len(rows) - 1))]
        one = x.sel(unit=name)
        assert one["spike_time"].values.tolist() == train, done
        assert trains(check_spikes(one, "here")) == [train], done


@settings(deadline=None, max_examples=100, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_chains_of_operations_give_what_plain_lists_give(data):
    run_chain(data)


@pytest.mark.slow
@settings(deadline=None, max_examples=10_000, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_ten_thousand_chains_of_operations_give_what_plain_lists_give(data):
    run_chain(data)


@pytest.mark.parametrize(
    "lose",
    [
        lambda x: x.where(x["region"] == "M1"),  # masked: no numbers for V1
        lambda x: x.reindex(unit=["c", "a", "b"]),
        lambda x: x.shift(unit=1),
        lambda x: x.assign(spike_count=x["spike_count"] + 1),
        lambda x: x.assign(spike_count=("unit", [1, 3, 2])),
    ],
)
def test_what_separates_units_from_their_spikes_is_refused_in_one_sentence(lose):
    with pytest.raises(ValueError, match="bin_spikes: it is no longer known which of 6 spikes"):
        neurokit.bin_spikes(lose(example()), 0.5)


def test_reindexing_is_refused_even_where_all_units_have_as_many_spikes():
    x = neurokit.spikes({"a": [0.1], "b": [0.9]}, stop=1)
    with pytest.raises(ValueError, match="no longer known"):
        neurokit.bin_spikes(x.reindex(unit=["b", "a"]), 0.5)
    names = neurokit.bin_spikes(x.assign_coords(unit=["x", "y"]), 0.5)  # new names are fine
    assert names["unit"].values.tolist() == ["x", "y"]


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (lambda x: x.isel(spike=[0]), TypeError, "belong to units and are chosen neither"),
        (lambda x: x.where(x["spike_time"] < 0.5, drop=True), TypeError, "select_time"),
        (lambda x: x.reindex(unit=["a"]), ValueError, "conflicting sizes for dimension 'unit'"),
        (lambda x: x.isel(unit=xr.DataArray([0], dims="k")), TypeError, r"indexer with dims \('k"),
        (lambda x: xr.merge([x, x.isel(unit=[0])], join="outer"), ValueError, "do not align"),
        (lambda x: x.drop_vars("spike_time"), ValueError, "neurokit.spikes"),
        (lambda x: check_spikes(x.expand_dims(day=[1]), "f"), ValueError, r"spike_count\(unit\)"),
        (lambda x: check_spikes(x.rename(unit="cell"), "f"), ValueError, r"spike_count\(unit\)"),
        (lambda x: select_time(x, 0.5, 1.5), ValueError, "0.5 to 1.5 s is no span inside 0 to 1"),
        (lambda x: select_units(x, ["z"]), KeyError, r"no units \[.z.\]; there are"),
    ],
)
def test_operations_that_make_no_sense_say_so(change, error, message):
    with pytest.raises(error, match=message):
        change(example())


def test_older_files_hold_two_variables_and_are_read(tmp_path):
    flat = xr.Dataset(
        {"spike_time": ("spike", [0.1, 0.2, 0.9]), "spike_count": ("unit", [2, 1])},
        coords={"unit": ["a", "b"], "start": 0.0, "stop": 1.0},
    )
    assert neurokit.bin_spikes(flat, 0.5).values.tolist() == [[2, 0], [0, 1]]
    with pytest.raises(ValueError, match="which of 3 spikes belong to which of 1 units"):
        neurokit.bin_spikes(flat.isel(unit=[1]), 0.5)
    path = io.save(tmp_path / "x.nc", example())
    with xr.open_dataset(path, engine="h5netcdf") as plain:  # what an older version reads
        assert {"spike_time", "spike_count"} == set(plain.data_vars)
        assert "first_spike" not in plain.variables
    again = io.load(path)
    assert again.sel(unit=["c"])["spike_time"].values.tolist() == [0.55, 0.65]
    xr.testing.assert_identical(again.load(), example())


def test_times_move_to_another_clock_with_all_that_was_observed():
    x = neurokit.spikes({"a": [0.5], "b": [2.5]}, intervals={"a": [[0, 3]], "b": [[2, 3]]})
    y = shift_time(x, 10)
    assert y["spike_time"].values.tolist() == [10.5, 12.5]
    assert (y["start"].item(), y["stop"].item()) == (10, 13)
    assert observed_duration(y).values.tolist() == observed_duration(x).values.tolist()
    np.testing.assert_array_equal(neurokit.bin_spikes(y, 1), neurokit.bin_spikes(x, 1))
    xr.testing.assert_identical(shift_time(y, -10), x)
    with pytest.raises(ValueError, match="by must be a finite number of seconds, got nan"):
        shift_time(x, np.nan)
    with pytest.raises(ValueError, match="shift_time"):
        x.assign_coords(spike_time=x["spike_time"] + 1)


def test_attributes_and_variables_of_units_go_along():
    x = example().assign_attrs(of="a mouse").assign(quality=("unit", [1, 2, 3]))
    y = x.isel(unit=[2, 0])
    assert y["spike_time"].attrs == {"units": "s"}
    assert y["spike_count"].attrs == {"sample_dimension": "spike"}
    assert y.attrs == {"of": "a mouse"}
    assert neurokit.bin_spikes(y, 0.5)["region"].values.tolist() == ["M1", "M1"]
    assert "first_spike" not in neurokit.bin_spikes(y, 0.5).coords
    z = y.assign_coords(side=y["region"] + " left", more=y["spike_count"])
    assert trains(z) == [[0.55, 0.65], [0.1, 0.2, 0.3]]
    assert set(y["region"].coords) == {"unit", "region", "start", "stop"}
    assert y["spike_count"].sel(unit="a") == 3


# --------------------------------------------------------------- who was observed when


def test_bins_that_nobody_watched_are_no_silence():
    early, late = np.arange(0.1, 100, 0.2), np.arange(900.1, 1000, 0.2)
    x = neurokit.spikes(
        [np.r_[early, late], late], intervals=[[[0, 100], [900, 1000]], [[900, 1000]]]
    )
    assert (x["start"].item(), x["stop"].item()) == (0, 1000)
    rates = neurokit.bin_spikes(x, 1.0).mean("time")
    np.testing.assert_allclose(rates, 5)
    np.testing.assert_allclose(x["spike_count"] / observed_duration(x), 5)
    dropped = neurokit.bin_spikes(x, 1.0, unobserved="drop")
    assert dropped.sizes["time"] == 200
    assert neurokit.recording.contiguous_runs(dropped) == [slice(0, 100), slice(100, 200)]
    assert np.isnan(dropped.values[1, :100]).all()
    table = neurokit.events([50, 500, 950.0, 95.0])
    with pytest.warns(UserWarning, match="2 of 4 windows leave the recording or cross a gap"):
        trials = neurokit.epoch(x, table, tmin=0, tmax=10, bin_width=1)
    np.testing.assert_array_equal(trials.sum("time", skipna=False), [[50, np.nan], [50, 50]])
    np.testing.assert_array_equal(
        neurokit.bin_spikes(x.sel(unit=[1]), 1.0).values[0], neurokit.bin_spikes(x, 1.0).values[1]
    )


@settings(deadline=None, max_examples=60)
@given(data=st.data())
def test_bins_are_known_where_every_tick_of_them_was_watched(data):
    edges = st.lists(st.integers(0, 60), min_size=2, max_size=8, unique=True).map(sorted)
    spans = []
    for _ in range(data.draw(st.integers(1, 3))):
        cut = data.draw(edges)
        spans.append([cut[k : k + 2] for k in range(0, len(cut) - 1, 2)])
    watched = [[any(a <= t < b for a, b in one) for t in range(60)] for one in spans]
    ticks = [[t for t in range(60) if seen[t]] for seen in watched]
    x = neurokit.spikes(
        [np.array(t) / 30 for t in ticks],
        intervals=[np.array(one) / 30 for one in spans],
        start=0,
        stop=2,
    )
    width = data.draw(st.sampled_from([1, 2, 5]))
    binned = neurokit.bin_spikes(x, width / 30).values
    for seen, row in zip(watched, binned, strict=True):
        for k, number in enumerate(row):
            known = all(seen[k * width : (k + 1) * width])
            assert number == width if known else np.isnan(number)
    onset = data.draw(st.integers(0, 50))
    known = [all(seen[onset : onset + 6]) for seen in watched]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if any(known):
            table = neurokit.events([onset / 30])
            trial = neurokit.epoch(x, table, tmin=0, tmax=0.2, bin_width=0.1).values[0]
            assert (~np.isnan(trial)).tolist() == [[k, k] for k in known]


def test_intervals_are_sorted_joined_and_left_out_where_the_span_says_it_all():
    assert "interval_start" not in neurokit.spikes([[0.5]], stop=1, intervals=[[0, 1]]).coords
    assert "interval_start" not in neurokit.spikes([[0.5]], intervals=[[0, 0.5], [0.5, 1]]).coords
    x = neurokit.spikes([[0.5], [2.5]], intervals=[[2, 3], [0, 1], [0.5, 1]])
    assert x["interval_start"].values.tolist() == [0, 2]
    assert "observed" not in x.coords
    y = neurokit.spikes({"a": [0.5], "b": [2.5]}, intervals={"b": [[2, 3]], "a": [[0, 3]]})
    assert y["observed"].dims == ("unit", "interval")
    assert observed_duration(y).values.tolist() == [3, 1]
    assert observed_duration(y.sel(unit=["b"])).values.tolist() == [1]
    assert observed_duration(y.sel(unit="b")).values.tolist() == [1]
    part = select_time(y, 0.25, 2.75)
    assert observed_duration(part).values.tolist() == [2.5, 0.75]
    cut = select_time(x, 0.25, 0.75)
    assert "interval_start" not in cut.coords


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"intervals": [[0, 1]]}, "1 of 2 times .* not in the observed span 0 to 1 s"),
        ({"intervals": [[0, 1], [2, 3]]}, r"1 of 2 times of unit .*0.* in none of its intervals"),
        ({"intervals": [[0, 9]], "stop": 5}, "reach from 0 to 9 s and leave the span 0 to 5"),
        ({"intervals": [[1, 0]]}, "pairs of finite seconds, start before stop"),
        ({"intervals": {"a": [[0, 1]]}}, r"intervals lack the units \[0\]"),
        ({"intervals": [[[0, 2]], [[0, 2]]]}, "intervals must be one for each unit, 1, got 2"),
    ],
)
def test_intervals_that_do_not_fit_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        neurokit.spikes([[0.5, 1.5]], **options)


def test_a_span_is_asked_for():
    with pytest.raises(TypeError, match="stop= is missing"):
        neurokit.spikes([[0.5]])
    with pytest.raises(ValueError, match="unobserved must be 'nan' or 'drop'"):
        neurokit.bin_spikes(example(), 0.5, unobserved="zero")


@settings(deadline=None, max_examples=60)
@given(
    number=st.lists(st.integers(0, 9), min_size=1, max_size=4),
    onsets=st.lists(st.sampled_from([0.0, 0.5, 1e6, -0.3, 1 / 3]), min_size=1, max_size=3),
    first=st.sampled_from(["0", "-7", "12/7", "250"]),
    rate=st.sampled_from(["10", "30000", "50/3", "1/4"]),
    size=st.integers(1, 40),
    seed=st.integers(0, 99),
)
def test_spikes_are_counted_alike_before_and_after_anything_is_compiled(
    number, onsets, first, rate, size, seed
):
    from neurokit.recording import bin_counts
    from neurokit.recording.bin_kernels import count

    rng, rate, first = np.random.default_rng(seed), Fraction(rate), Fraction(first)
    bins = SampleIndex(first, rate, size)
    ends = [float((first + k) / rate) for k in range(-1, size + 2)]
    edges = np.array(onsets)[:, None] + ends  # times at edges, just beside them, and anywhere
    beside = np.concatenate([np.nextafter(edges, -np.inf), edges, edges + 1e-10, edges - 1e-10])
    some = np.concatenate([beside.ravel(), rng.uniform(edges.min(), edges.max(), 50)])
    times = np.concatenate([np.sort(rng.choice(some, n)) for n in number])
    stops = np.cumsum(number)
    compiled = np.zeros((len(onsets), len(number), size), np.int32)
    plain = compiled.copy()
    for slack in (0.0, 1e-9):
        count(times, stops, np.array(onsets), *bin_counts._edges(bins), slack, compiled)
        bin_counts._count_plainly(
            times, stops, np.array(onsets), bin_counts._edges(bins), slack, plain
        )
        np.testing.assert_array_equal(plain, compiled)


def test_a_few_spikes_are_counted_without_the_compiler():
    code = (
        "import sys, neurokit\n"
        "x = neurokit.spikes([[0.0, 0.1, 0.19], [0.25]], stop=0.4)\n"
        "print(neurokit.bin_spikes(x, 0.1).values.tolist(), 'numba' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[[1, 2, 0, 0], [0, 0, 1, 0]] False"
