import numpy as np
import pytest
import xarray as xr
from sklearn.base import BaseEstimator
from sklearn.utils.validation import validate_data

import neurokit
from neurokit import io
from neurokit.inputs.data import check_data
from neurokit.inputs.series import series
from neurokit.inputs.targets import target
from neurokit.inputs.trials import trials


class Reader(BaseEstimator):
    """Stands for any estimator that reads its input."""

    def __init__(self, sampling_rate=None):
        self.sampling_rate = sampling_rate


@pytest.fixture
def cut(rng):
    return neurokit.signal(
        rng.normal(size=(5, 3, 20)),
        sampling_rate=100,
        channels=["C3", "Cz", "C4"],
        trials={"subject": list("aabbb")},
    )


@pytest.fixture
def binned(rng):
    return neurokit.counts(rng.poisson(2, (4, 30)), bin_width=0.02, ids=list("wxyz"))


def test_labelled_and_plain_trials_are_read_alike(cut):
    labelled = trials(Reader(), cut, reset=True)
    plain = trials(Reader(100), cut.values, reset=True)
    turned = trials(Reader(), cut.transpose("time", "channel", "trial"), reset=True)
    np.testing.assert_array_equal(labelled.values, cut.values)
    np.testing.assert_array_equal(plain.values, cut.values)
    np.testing.assert_array_equal(turned.values, cut.values)
    assert labelled.sampling_rate == plain.sampling_rate == 100
    assert labelled.coordinate("subject").tolist() == list("aabbb")
    assert labelled.coordinate("session") is None
    assert set(labelled.coords("trial", "channel")) == {"subject", "channel"}
    assert plain.coords("trial") == {}


def test_two_plain_dimensions_are_trials_with_one_sample():
    read = trials(Reader(), np.zeros((7, 3)), reset=True)
    assert read.values.shape == (7, 3, 1)
    assert read.sampling_rate is None


def test_a_continuous_recording_is_one_trial(cut):
    read = trials(Reader(), cut[0], reset=True)
    assert read.values.shape == (1, 3, 20)
    assert read.single


def test_mne_epochs_are_read_as_labelled_trials(cut):
    mne = pytest.importorskip("mne")
    info = mne.create_info(["C3", "Cz", "C4"], 100, "eeg", verbose="error")
    epochs = mne.EpochsArray(cut.values * 1e-6, info, verbose="error")
    read = trials(Reader(), epochs, reset=True)
    np.testing.assert_allclose(read.values, cut.values, rtol=1e-5)  # volts became microvolts
    assert read.sampling_rate == 100
    assert read.source["channel"].values.tolist() == ["C3", "Cz", "C4"]


def test_fit_remembers_channels_and_the_rest_puts_them_in_order(cut):
    reader = Reader()
    trials(reader, cut, reset=True)
    assert reader.channels_ == ["C3", "Cz", "C4"]
    assert reader.n_features_in_ == 3
    again = trials(reader, cut.isel(channel=[2, 0, 1]), reset=False)
    np.testing.assert_array_equal(again.values, cut.values)
    plain = trials(reader, cut.values, reset=False)  # no names to compare
    np.testing.assert_array_equal(plain.values, cut.values)
    trials(reader, cut.values, reset=True)
    assert not hasattr(reader, "channels_")


def test_series_are_rows_along_time(binned):
    labelled = series(Reader(), binned, reset=True)
    plain = series(Reader(50), binned.values.T, reset=True)
    np.testing.assert_array_equal(labelled.values, binned.values.T)
    np.testing.assert_array_equal(plain.values, labelled.values)
    assert labelled.runs == plain.runs == [slice(0, 30)]
    assert labelled.sampling_rate == 50


def test_runs_end_at_jumps_and_at_trials(binned):
    gap = binned.isel(time=[*range(10), *range(15, 30)])
    assert series(Reader(), gap, reset=True).runs == [slice(0, 10), slice(10, 25)]
    both = xr.concat([gap, gap], "trial")
    read = series(Reader(), both, reset=True)
    assert read.runs == [slice(0, 10), slice(10, 25), slice(25, 35), slice(35, 50)]
    assert read.values.shape == (50, 4)
    np.testing.assert_array_equal(read.values[:25], read.values[25:])
    assert read.label(read.values[:, :2], "feature", ["a", "b"]).dims == (
        "trial",
        "time",
        "feature",
    )


def test_rows_get_the_labels_of_the_input_back(binned):
    read = series(Reader(), binned, reset=True)
    out = read.label(read.values[:, :2], "feature", ["vx", "vy"])
    assert out.dims == ("time", "feature")
    assert out.xindexes["time"].equals(binned.xindexes["time"])
    assert out["feature"].values.tolist() == ["vx", "vy"]
    assert read.label(read.values[:, 0], "feature", None).dims == ("time",)
    plain = series(Reader(), binned.values.T, reset=True)
    assert type(plain.label(plain.values, "feature", None)) is np.ndarray


def test_targets_of_every_shape(binned, rng):
    rows = series(Reader(), binned, reset=True)
    y = neurokit.behaviour(rng.normal(size=(30, 2)), sampling_rate=50, features=["vx", "vy"])
    read = target(Reader(), y.transpose("feature", "time"), rows)
    np.testing.assert_array_equal(read.values, y.values)
    assert (read.names, read.flat, read.dim) == (["vx", "vy"], False, "feature")
    one = target(Reader(), y[:, 0].drop_vars("feature"), rows)
    assert (one.values.shape, one.flat) == ((30, 1), True)
    assert target(Reader(), y.values[:, 0], rows).flat


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (lambda x: x.where(x > 0), ValueError, "contains NaN"),
        (lambda x: x.where(x < 1, np.inf), ValueError, "infinity"),
        (lambda x: x.rename(channel="electrode"), ValueError, "Reader: X must have the dims time"),
        (lambda x: x.isel(time=0), ValueError, r"X must have the dims time .* got \('trial',"),
        (lambda x: x.astype(complex), ValueError, "real numbers, got dtype complex128"),
        (lambda x: x.to_dataset(name="x"), TypeError, "expected a DataArray, got a Dataset"),
        (lambda x: np.zeros((2, 3, 4, 5)), ValueError, r"got shape \(2, 3, 4, 5\)"),
        (lambda x: x[:0], ValueError, "Reader: X has 0 trials"),
    ],
)
def test_trials_refuse(cut, change, error, message):
    with pytest.raises(error, match=message):
        trials(Reader(), change(cut), reset=True)


def test_missing_and_unknown_channels_are_named(cut):
    reader = Reader()
    trials(reader, cut, reset=True)
    with pytest.raises(
        ValueError,
        match=r"fitted on channels \['C3', 'Cz', 'C4'\]; X lacks \['Cz'\] and has \['Oz'\]",
    ):
        trials(reader, cut.assign_coords(channel=["C3", "Oz", "C4"]), reset=False)


def typed(x, kinds, bad=None):
    x = x.assign_coords(type=("channel", kinds))
    return x if bad is None else x.assign_coords(bad=("channel", bad))


def test_names_that_repeat_are_refused_in_fit_and_later(cut):
    reader = Reader()
    twice = cut.assign_coords(channel=["C3", "C3", "C4"])
    words = r"Reader: channel names must differ, got \['C3'\] more than once; X\.assign_coords"
    with pytest.raises(ValueError, match=words):
        trials(reader, twice, reset=True)
    trials(reader, cut, reset=True)
    with pytest.raises(ValueError, match=words):
        trials(reader, twice, reset=False)


def test_a_stream_says_once_that_chunks_have_lost_their_unit(rng):
    from neurokit.inputs.chunks import ChunkLabels

    chunk = neurokit.signal(rng.normal(size=(2, 20)), sampling_rate=100, channels=["a", "b"])
    read = ChunkLabels("Reader", ["a", "b"], quantity="uV")
    chunk.attrs = {}
    with pytest.warns(UserWarning, match=r"Reader\.stream: fitted on X in 'uV'; chunks that do"):
        read(chunk.isel(time=slice(0, 10)))
    read(chunk.isel(time=slice(10, 20)))
    with pytest.raises(ValueError, match=r"got a chunk of \['a', 'a'\]"):
        read(chunk.assign_coords(channel=["a", "a"]))


def test_channels_of_the_brain_are_taken_and_the_rest_is_named_once(cut):
    reader = Reader()
    x = typed(cut, ["eeg", "eog", "eeg"], [False, False, True])
    said = r"Reader takes .* leaves out 2 of 3: Cz \(eog\), C4 \(bad\);"
    with pytest.warns(UserWarning, match=said) as caught:
        read = trials(reader, x, reset=True)
    assert len(caught) == 1
    assert read.source["channel"].values.tolist() == reader.channels_ == ["C3"]
    assert (reader.left_out_, reader.n_features_in_) == (["Cz", "C4"], 1)
    np.testing.assert_array_equal(read.values[:, 0], cut.values[:, 0])
    for given in (x, x.isel(channel=[2, 1, 0]), cut, cut.isel(channel=[0])):
        assert trials(reader, given, reset=False).values.shape == (5, 1, 20)
    new = typed(cut.assign_coords(channel=["C3", "Oz", "C4"]), ["eeg"] * 3)
    with pytest.raises(ValueError, match=r"has \['Oz', 'C4'\] besides"):
        trials(reader, new, reset=False)
    with pytest.warns(UserWarning, match=r"fitted on channels that X marks bad, \['C3'\]"):
        trials(reader, typed(cut, ["eeg"] * 3, [True, False, False]), reset=False)
    trials(reader, cut, reset=True)
    assert not hasattr(reader, "left_out_")


def test_all_channels_are_taken_where_none_is_of_the_brain_or_all_are_asked_for(cut):
    muscles = typed(cut, ["emg", "emg", "misc"])
    assert trials(Reader(), muscles, reset=True).values.shape == (5, 3, 20)
    reader = Reader()
    reader.picks = "all"
    mixed = typed(cut, ["eeg", "stim", "eeg"], [False, False, True])
    assert trials(reader, mixed, reset=True).values.shape == (5, 3, 20)
    assert trials(reader, mixed, reset=False).values.shape == (5, 3, 20)
    with pytest.raises(ValueError, match="all 3 channels of X are marked bad"):
        trials(Reader(), typed(cut, ["eeg"] * 3, [True] * 3), reset=True)


def test_a_trigger_channel_does_not_tell_a_pipeline_the_labels(rng):
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
    from sklearn.model_selection import cross_val_score
    from sklearn.pipeline import make_pipeline

    from neurokit.features import BandPower, EuclideanAlignment

    y = np.tile([1, 2], 30)
    values = rng.normal(size=(60, 4, 200))
    values[:, 3] = 10 * y[:, None] * (np.arange(200) < 50)
    x = neurokit.signal(
        values, sampling_rate=100, types=["eeg", "eeg", "eeg", "stim"], trials={"label": y}
    )

    def score(picks):
        steps = EuclideanAlignment(by=(), picks=picks), BandPower(picks=picks)
        return cross_val_score(make_pipeline(*steps, LinearDiscriminantAnalysis()), x, y).mean()

    with pytest.warns(UserWarning, match=r"leaves out 1 of 4: ch3 \(stim\); picks='all' takes"):
        assert score("brain") < 0.75
    assert score("all") == 1
    with pytest.raises(ValueError, match="picks must be 'brain' or 'all', got 'eeg'"):
        BandPower(picks="eeg").fit(x)


@pytest.mark.parametrize(("unit", "factor"), [("mV", 1e-3), ("V", 1e-6), ("nV", 1e3), ("µV", 1)])
def test_another_scale_is_put_right(cut, unit, factor):
    reader = Reader()
    expected = trials(reader, cut, reset=True)
    scaled = (cut.astype(float) * factor).assign_attrs(units=unit)
    read = trials(reader, scaled, reset=False)
    np.testing.assert_allclose(read.values, expected.values, rtol=1e-6)
    assert read.source.attrs["units"] == "uV"
    each = scaled.assign_coords(units=("channel", ["uV", unit, "uV"])).assign_attrs(units="mixed")
    each[:, [0, 2]] = cut.values[:, [0, 2]]
    read = trials(reader, each, reset=False)
    np.testing.assert_allclose(read.values, expected.values, rtol=1e-6)


def test_decimal_steps_round_once(cut):
    reader = Reader()
    whole = cut.copy(data=np.round(1000 * cut.values))
    trials(reader, whole, reset=True)
    read = trials(reader, (whole.astype(float) / 1000).assign_attrs(units="mV"), reset=False)
    np.testing.assert_array_equal(read.values.astype(np.float32), whole.values)


def test_another_quantity_and_another_rate_are_refused(cut):
    reader = Reader()
    trials(reader, cut, reset=True)
    with pytest.raises(ValueError, match="fitted on X in 'uV', got 'fT'; convert it"):
        trials(reader, cut.assign_attrs(units="fT"), reset=False)
    with pytest.warns(UserWarning, match="does not say its unit and is taken to be in 'uV'"):
        trials(reader, cut.drop_attrs(), reset=False)
    trials(reader, cut.drop_attrs().drop_vars("channel"), reset=False)  # nothing is said to it
    half = neurokit.signal(cut.values, sampling_rate=50, channels=["C3", "Cz", "C4"])
    with pytest.raises(ValueError, match="fitted at 100 Hz, got data at 50 Hz; resample or bin"):
        trials(reader, half, reset=False)
    near = neurokit.signal(cut.values, sampling_rate=100.09, channels=["C3", "Cz", "C4"])
    assert trials(reader, near, reset=False).sampling_rate == 100.09
    reader.sampling_rate = 50  # after fit it is not read again
    assert trials(reader, cut.values, reset=False).sampling_rate == 100


def test_targets_refuse(binned):
    rows = series(Reader(), binned, reset=True)
    with pytest.raises(ValueError, match="requires y to be passed"):
        target(Reader(), None, rows)
    with pytest.raises(ValueError, match=r"Reader: y has \d+ rows and X has 30; give one for"):
        target(Reader(), np.zeros(29), rows)
    with pytest.raises(ValueError, match="contains NaN"):
        target(Reader(), np.full(30, np.nan), rows)
    late = neurokit.behaviour(np.zeros((30, 1)), sampling_rate=50, start=0.1)
    with pytest.raises(ValueError, match=r"times of X and y are up to 0\.1 s apart"):
        target(Reader(), late, rows)
    with pytest.raises(ValueError, match=r"y must have dims \(time, feature\), got"):
        target(Reader(), binned.rename(time="moment"), rows)


def test_epochs_go_through_cross_validation():
    mne = pytest.importorskip("mne")
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
    from sklearn.model_selection import cross_val_score
    from sklearn.pipeline import make_pipeline

    from neurokit.features import BandPower

    y = np.tile([1, 2], 6)
    values = 1e-6 * y[:, None, None] * np.random.default_rng(0).normal(size=(12, 2, 200))
    events = np.c_[np.arange(12) * 300, np.zeros(12), y].astype(int)
    info = mne.create_info(2, 100.0, "eeg")
    epochs = mne.EpochsArray(values, info, events=events, verbose="error")
    pipeline = make_pipeline(BandPower(), LinearDiscriminantAnalysis())
    scores = cross_val_score(pipeline, epochs, y, cv=3, error_score="raise")
    assert scores.tolist() == cross_val_score(pipeline, io.from_mne(epochs), y, cv=3).tolist()


@pytest.mark.parametrize("read", [series, trials])
def test_missing_samples_pass_where_they_are_allowed_and_infinity_never(cut, read):
    holed = cut.copy()
    holed[0, 1, 2] = np.nan
    values = read(Reader(100), holed, reset=True, allow_nan=True).values
    assert np.isnan(values).sum() == 1
    assert np.isnan(read(Reader(100), holed.values[0], reset=True, allow_nan=True).values).any()
    with pytest.raises(ValueError, match="NaN"):
        read(Reader(100), holed, reset=True)
    holed[0, 1, 2] = np.inf
    for x in (holed, holed.values[0]):
        with pytest.raises(ValueError, match="infinity"):
            read(Reader(100), x, reset=True, allow_nan=True)


@pytest.mark.parametrize("finite", [True, "allow-nan"])
@pytest.mark.parametrize(
    "x",
    [
        np.ones((4, 3), np.float32),
        np.asfortranarray(np.ones((4, 3, 5))),
        np.ones((8, 3, 5))[::2],
        np.full((4, 3), 1e30, np.float32),  # its squares are infinite
        np.full((4, 3), np.nan),
        np.full((4, 3, 5), np.inf, np.float32),
        np.array([[np.inf, 1.0, 0.0]]),
        np.ones((4, 3), int),
        np.ones((4, 3), ">f8"),
        np.ones((4, 3), complex),
        np.ones((0, 3)),
        np.ones((4, 0)),
        np.ones(4),
        np.ones((4, 3, 2, 2)),
        np.ones((4, 2)),  # a feature less than before
        [[1.0, 2.0, 3.0]],
    ],
)
def test_numbers_are_checked_as_scikit_learn_does(x, finite):
    options = {
        "dtype": [np.float64, np.float32], "ensure_all_finite": finite, "allow_nd": True,
    }  # fmt: skip

    def outcome(check, reset):
        reader = Reader()
        check(reader, np.ones((2, 3)), reset=True, **options)
        try:
            found = check(reader, x, reset=reset, **options)
        except ValueError as error:
            return str(error)
        return found.dtype, found.tobytes(), found.shape, reader.n_features_in_, found is x

    for reset in (True, False):
        assert outcome(check_data, reset) == outcome(validate_data, reset)
