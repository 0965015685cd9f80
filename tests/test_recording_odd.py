"""Arrays as users have them: masked, dated, backwards, of any order and dtype."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import neurokit
from neurokit import io, recording
from neurokit.decoders import BesselFilter, TRCAClassifier, WienerRegressor
from neurokit.features import BandPower, LagWindow


def masked(shape, rng):
    values = np.ma.masked_array(rng.normal(size=shape), mask=False)
    values[..., 3] = np.ma.masked
    values.data[..., 3] = 1e6
    return values


def test_what_is_masked_is_unknown_and_not_what_lies_beneath(rng):
    for make in (neurokit.signal, neurokit.traces):
        x = make(masked((2, 50), rng), sampling_rate=10)
        assert x.isnull().values[:, 3].all()
        assert x.isnull().sum() == 2
        assert x.max() < 100
    counts = neurokit.counts(np.ma.masked_array([[1, 2, 3]], [[0, 1, 0]]), bin_width=0.1)
    np.testing.assert_array_equal(counts.values, [[1, np.nan, 3]])
    nothing_masked = np.ma.masked_array([[1, 2]], mask=False)
    assert neurokit.counts(nothing_masked, bin_width=0.1).dtype.kind == "i"


@pytest.mark.parametrize(
    ("use", "said"),
    [
        (lambda v: neurokit.spikes({"a": np.abs(v[0])}, stop=9), "1 of the times are masked"),
        (lambda v: recording.events(v[0]), "1 of the onsets are masked"),
        (lambda v: BesselFilter(1, sampling_rate=9).fit(v.T), "X is a masked array, and 2 of its"),
        (lambda v: BandPower(sampling_rate=99).fit(v[None]), "X is a masked array, and 2 of its"),
        (lambda v: LagWindow(2).fit(v.T), "X is a masked array, and 2 of its 100 values"),
        (lambda v: WienerRegressor(2).fit(v.data.T, v.T), "y is a masked array, and 2 of its"),
    ],
)
def test_what_is_masked_is_refused_where_nothing_may_be_missing(rng, use, said):
    with pytest.raises(ValueError, match=said):
        use(masked((2, 50), rng))


DATES = np.datetime64("2024-01-01") + np.arange(300) * np.timedelta64(10, "ms")


@pytest.mark.parametrize(
    "use",
    [
        neurokit.sampling_rate,
        recording.contiguous_runs,
        lambda x: BesselFilter(10, mode="causal").fit(x),
        lambda x: neurokit.epoch(x, recording.events([1.0]), tmin=0, tmax=0.5),
        lambda x: recording.filter_band(x, 1, 40),
        lambda x: io.write_edf("never.edf", x),
        lambda x: io.to_mne(x),
    ],
)
def test_times_that_are_dates_or_durations_are_told_how_to_become_seconds(rng, use):
    x = neurokit.signal(rng.normal(size=(2, 300)), sampling_rate=100)
    dated = x.drop_vars("time").assign_coords(time=DATES)
    with pytest.raises(ValueError, match=r"time holds dates and must hold seconds as floats; wr"):
        use(dated)
    with pytest.raises(ValueError, match="time holds durations and must hold seconds"):
        use(dated.assign_coords(time=DATES - DATES[0]))
    put_right = dated.assign_coords(
        time=(dated["time"] - dated["time"][0]) / np.timedelta64(1, "s")
    )
    assert neurokit.sampling_rate(put_right) == 100


@pytest.mark.parametrize("exact", [True, False])
@pytest.mark.parametrize(
    "use",
    [
        neurokit.sampling_rate,
        lambda x: BesselFilter(10, mode="causal").fit(x),
        lambda x: neurokit.epoch(x, recording.events([1.0]), tmin=0, tmax=0.5),
        lambda x: BandPower().fit(x),
        lambda x: io.write_edf("never.edf", x),
        lambda x: io.write_nwb("never.nwb", x),
        lambda x: io.to_mne(x),
    ],
)
def test_time_that_runs_backwards_is_told(rng, exact, use):
    x = neurokit.signal(rng.normal(size=(2, 300)), sampling_rate=100, channels=["C3", "C4"])
    turned = x.isel(time=slice(None, None, -1))
    if not exact:
        turned = turned.drop_vars("time").assign_coords(time=3 - np.arange(300) / 100)
    with pytest.raises(ValueError, match=r"time runs backwards, from .* reverse it with x"):
        use(turned)


def test_times_that_are_nan_are_not_written(rng):
    pytest.importorskip("pynwb")
    x = neurokit.signal(rng.normal(size=(2, 30)), sampling_rate=100)
    times = np.r_[np.arange(29) ** 1.5, np.nan]
    with pytest.raises(ValueError, match="write_nwb: times must be finite"):
        io.write_nwb("never.nwb", x.drop_vars("time").assign_coords(time=times))


@pytest.mark.parametrize(
    "turn",
    [
        np.asfortranarray,
        lambda v: v[..., ::-1].copy()[..., ::-1],
        lambda v: v.astype(">f8"),
        lambda v: v.astype(np.longdouble),
        lambda v: v.astype("f4").astype("f2"),
        lambda v: v.round().astype(">i2"),
        lambda v: np.broadcast_to(v, v.shape),
    ],
)
def test_order_and_dtype_of_numbers_change_nothing(tmp_path, rng, turn):
    values = rng.normal(0, 30, (4, 3, 200))
    plain, odd = np.ascontiguousarray(turn(values), dtype=np.float64), turn(values)
    for estimator in (BandPower(sampling_rate=100), LagWindow(3), WienerRegressor(2)):
        X, same = (odd, plain) if isinstance(estimator, BandPower) else (odd[0].T, plain[0].T)
        y = plain[0].T[:, :1]
        for method in ("transform", "predict"):
            if hasattr(estimator, method):
                found = getattr(estimator.fit(X, y), method)(X)
                expected = getattr(estimator.fit(same, y), method)(same)
                np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)
    x = neurokit.signal(odd[0], sampling_rate=100)
    np.testing.assert_array_equal(x.values, plain[0].astype(np.float32))
    assert io.load(io.save(tmp_path / "x.nc", x)).load().identical(x)


def test_labels_that_name_their_trials_are_put_in_the_order_of_x(rng):
    x = neurokit.signal(rng.normal(size=(8, 2, 100)), sampling_rate=100)
    x = x.assign_coords(trial=list("abcdefgh"))
    x[4:] += np.sin(np.arange(100) / 3) * 4
    y = xr.DataArray([0] * 4 + [1] * 4, dims="trial", coords={"trial": x["trial"]})
    expected = TRCAClassifier().fit(x, y).predict(x)
    assert expected.values.tolist() == y.values.tolist()
    turned = y.isel(trial=[7, 0, 5, 2, 3, 6, 1, 4])
    np.testing.assert_array_equal(TRCAClassifier().fit(x, turned).predict(x), expected)
    with pytest.raises(ValueError, match=r"TRCAClassifier: X and y name other trials, \['a', 'b"):
        TRCAClassifier().fit(x, y.assign_coords(trial=list("abcdefgx")))
    truth = x.transpose("trial", "time", "channel").rename(channel="feature")
    wiener = WienerRegressor(1).fit(x, truth)
    other = WienerRegressor(1).fit(x, truth.isel(trial=slice(None, None, -1)))
    np.testing.assert_array_equal(other.coef_, wiener.coef_)


@pytest.mark.parametrize(
    "bad", [["False", "True"], [0, 1], ["good", "bad"], [np.nan, 1.0], np.array([0, 1], object)]
)
def test_bad_is_read_as_tables_hold_it(rng, bad):
    x = neurokit.signal(rng.normal(size=(4, 2, 200)), sampling_rate=100, channels=["C3", "C4"])
    with pytest.warns(UserWarning, match=r"leaves out 1 of 2: C4 \(bad\)"):
        assert BandPower().fit(x.assign_coords(bad=("channel", bad))).left_out_ == ["C4"]
    with pytest.raises(ValueError, match=r"bad must say True or False, got \['perhaps'\]"):
        BandPower().fit(x.assign_coords(bad=("channel", ["no", "perhaps"])))


@pytest.mark.parametrize(
    ("durations", "said"), [([0, 0, 0.5], "2 of 3 events"), ([2, 1, 1], "ov")]
)
def test_events_that_pynapple_would_drop_are_not_given_to_it(durations, said):
    pytest.importorskip("pynapple")
    with pytest.raises(ValueError, match=f"to_pynapple: .*{said}.* would drop or change such"):
        io.to_pynapple(recording.events([1.0, 2.0, 3.0], durations, list("abc")))


def test_an_event_without_a_label_is_not_lost_on_the_way_to_edf(tmp_path, rng):
    x = neurokit.signal(rng.normal(size=(2, 300)), sampling_rate=100)
    with pytest.raises(ValueError, match="the event at 1 s has no label, and EDF tells none"):
        io.write_edf(tmp_path / "x.edf", x, recording.events([1.0], [0], [" "]))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("begins", "n_runs"), [(0, 1), (5, 1)])
def test_a_clock_of_floats_that_runs_backwards_is_one_stretch(begins, n_runs):
    times = begins - np.arange(50) / 10
    x = neurokit.signal(np.zeros((1, 50)), sampling_rate=10).drop_vars("time")
    assert len(recording.contiguous_runs(x.assign_coords(time=times))) == n_runs


def test_arrays_the_wrong_way_round_are_told():
    with pytest.warns(UserWarning, match=r"read as 1000 channels of 4 samples; turn them by \.T"):
        neurokit.signal(np.zeros((1000, 4)), sampling_rate=100)
    neurokit.counts(np.zeros((500, 3), int), bin_width=0.1)  # so many units there may be
    with pytest.warns(UserWarning, match="behaviour: .* read as 100 features of 2 samples"):
        neurokit.behaviour(np.zeros((2, 100)), sampling_rate=10)
    named = [str(k) for k in range(400)]
    assert neurokit.signal(np.zeros((400, 4)), sampling_rate=9, channels=named).shape == (400, 4)


def test_tables_and_labelled_arrays_are_not_turned_in_silence():
    table = pd.DataFrame({"a": [1.0, 2.0, 3.0], "b": [4.0, 5.0, 6.0]})
    with pytest.raises(
        TypeError, match=r"got a DataFrame, whose rows are times .*to_numpy\(\)\.T"
    ):
        neurokit.signal(table, sampling_rate=10)
    hand = neurokit.behaviour(table, sampling_rate=10)
    assert hand["feature"].values.tolist() == ["a", "b"]
    assert hand.sel(feature="b").values.tolist() == [4, 5, 6]
    x = neurokit.signal(table.to_numpy().T, sampling_rate=10)
    again = neurokit.signal(x.T, sampling_rate=10)
    xr.testing.assert_identical(again, x)


def test_volts_that_are_taken_for_microvolts_are_told(rng):
    volts = rng.normal(size=(2, 100)) * 2e-5
    with pytest.warns(UserWarning, match=r"up to .*e-05 uV, as volts do .* give units='V'"):
        neurokit.signal(volts, sampling_rate=100)
    assert neurokit.signal(volts, sampling_rate=100, units="V").attrs["units"] == "V"
    neurokit.signal(0 * volts, sampling_rate=100)


def test_a_matrix_of_bins_is_no_list_of_spike_times(rng):
    for raster in (
        rng.random((3, 50)) < 0.2,
        rng.poisson(0.3, (3, 50)),
        rng.poisson(0.3, (3, 50)) / 1.0,
    ):
        with pytest.raises(ValueError, match=r"looks like bins; neurokit.counts labels these"):
            neurokit.spikes(raster, start=0, stop=60)
    times = np.sort(rng.uniform(0, 60, (3, 50)), axis=1)
    assert neurokit.spikes(times, start=0, stop=60)["spike_count"].values.tolist() == [50] * 3


def test_pieces_at_two_rates_do_not_go_one_behind_the_other():
    x = neurokit.signal(np.zeros((2, 100)), sampling_rate=100)
    with pytest.raises(ValueError, match=r"join: the pieces are at \[50.0, 100.0\] Hz"):
        neurokit.recording.join([x, neurokit.recording.resample(x, 50)], dim="time")
