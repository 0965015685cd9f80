"""Things that belong together by their labels are not paired by place, or that is told."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

import neurokit
from neurokit.decoders import BesselFilter, KalmanRegressor, TRCAClassifier, WienerRegressor
from neurokit.encoding import RidgeEncoder
from neurokit.features import BandPower, EuclideanAlignment, LagWindow
from neurokit.metrics.regression import decoding_r2
from neurokit.tokenizers import LinearRVQTokenizer, ScalarTokenizer, SpikeTokenizer


def recording(rng, n=300):
    hand = np.cumsum(rng.normal(size=(n, 2)), 0) / 10
    x = neurokit.counts(
        rng.poisson(np.exp(hand @ rng.normal(size=(2, 4)) / 3).T), bin_width=0.02, ids=list("abcd")
    )
    return x, neurokit.behaviour(hand, sampling_rate=50, features=["vx", "vy"])


def test_a_movement_is_scored_by_the_names_of_its_outputs(rng):
    x, y = recording(rng)
    turned = y[:, ::-1]
    decoder = WienerRegressor(3).fit(x, y)
    guess = decoder.predict(x)
    assert decoder.score(x, turned) == decoder.score(x, y)
    assert decoding_r2(turned, guess) == decoding_r2(y, guess)
    raw = decoding_r2(turned, guess, multioutput="raw_values").realtime
    np.testing.assert_allclose(raw, decoding_r2(y, guess, multioutput="raw_values").realtime[::-1])
    other = turned.assign_coords(feature=["px", "py"])
    with pytest.raises(ValueError, match=r"y_pred holds other features, \['vx', 'vy'\] where"):
        decoding_r2(other, guess)
    with pytest.raises(ValueError, match="up to 1 s apart, more than half a step"):
        decoding_r2(y[50:250], guess[:200])


@pytest.mark.parametrize(
    "decoder",
    [WienerRegressor(2), KalmanRegressor()],
    ids=lambda decoder: type(decoder).__name__,
)
def test_a_second_day_names_its_outputs_in_any_order(rng, decoder):
    x, y = recording(rng)
    decoder.fit(x, y).partial_fit(x, y)
    expected = decoder.predict(x)
    decoder.fit(x, y).partial_fit(x, y[:, ::-1])
    np.testing.assert_allclose(decoder.predict(x), expected, rtol=1e-6)
    with pytest.raises(ValueError, match=r"y holds other features, \['vx', 'vz'\]"):
        decoder.partial_fit(x, y.assign_coords(feature=["vx", "vz"]))
    with pytest.raises(ValueError, match="y has 1 outputs, before there were 2"):
        decoder.partial_fit(x, y[:, :1])


def test_responses_are_scored_by_the_names_of_their_targets(rng):
    x, y = recording(rng)
    encoder = RidgeEncoder(cv=2).fit(y, x.T)
    mixed = x.T.isel(unit=[2, 0, 3, 1])
    assert encoder.score(y, mixed) == encoder.score(y, x.T)
    with pytest.raises(ValueError, match="y holds other units"):
        encoder.score(y, mixed.assign_coords(unit=list("abcz")))


def test_trials_of_other_onsets_are_told(rng):
    x = neurokit.signal(rng.normal(size=(2, 2000)), sampling_rate=100)
    events = neurokit.events(np.arange(1.0, 19.0), label=["left", "right"] * 9)
    trials = neurokit.epoch(x, events, tmin=0, tmax=0.5)
    model = make_pipeline(BandPower(), LogisticRegression())
    model.fit(trials, trials["label"])
    trca = TRCAClassifier()
    trca.fit(trials, trials["label"])
    with pytest.warns(UserWarning, match=r"^TRCAClassifier: X and y differ in onset, trial by"):
        trca.fit(trials, trials["label"][::-1])
    trca.fit(trials, trials["label"].values[::-1])


def test_events_without_a_label_are_no_trials(rng):
    x = neurokit.signal(rng.normal(size=(2, 2000)), sampling_rate=100)
    events = pd.DataFrame(
        {
            "onset": [1.0, 3.0, 5.0, 7.0, 9.0],
            "label": ["left", None, "right", np.nan, "n/a"],
            "stimulus": ["a", "b", None, "d", "e"],
        }
    )
    with pytest.warns(UserWarning, match="3 of 5 events have no label and are left out"):
        trials = neurokit.epoch(x, events, tmin=0, tmax=0.5)
    assert trials["label"].values.tolist() == ["left", "right"]
    assert trials["stimulus"].values.tolist() == ["a", "n/a"]
    kept = neurokit.epoch(x, events, tmin=0, tmax=0.5, labels=["left", "n/a"])
    assert kept["onset"].values.tolist() == [1.0, 9.0]
    numbers = events.assign(label=pd.array([1, 2, None, 2, 1], "Int64"))
    with pytest.warns(UserWarning, match="1 of 5 events have no label"):
        trials = neurokit.epoch(x, numbers, tmin=0, tmax=0.5)
    assert trials["label"].values.tolist() == [1, 2, 2, 1]
    assert trials["label"].dtype.kind == "i"
    with pytest.warns(UserWarning, match="5 of 5"), pytest.raises(ValueError, match="no event"):
        neurokit.epoch(x, events.assign(label=None), tmin=0, tmax=0.5)
    twice = pd.concat([events, events[["label"]]], axis=1)
    with pytest.raises(ValueError, match=r"hold the columns \['label'\] more than once"):
        neurokit.epoch(x, twice, tmin=0, tmax=0.5)


@pytest.mark.parametrize(
    "estimator", [WienerRegressor(3), LagWindow(3), BesselFilter(5.0, mode="causal")]
)
def test_a_stream_tells_where_its_chunks_leave_time_out(rng, estimator):
    x, y = recording(rng)
    estimator.fit(x, y)
    live = estimator.stream()
    whole = [live.push(x[:, :50]), live.push(x[:, 50:51]), live.push(x[:, 51:80])]
    assert sum(map(len, whole)) == 80
    with pytest.warns(UserWarning, match=r"stream: time jumps by 0\.4 s .* begin a new stream"):
        live.push(x[:, 100:150])
    with pytest.warns(UserWarning, match=r"time jumps by -1 s"):
        live.push(x[:, 100:150])
    own = estimator.stream()  # chunks of a source that counts from zero each time
    for start in (0, 40, 80):
        chunk = x[:, start : start + 40]
        own.push(neurokit.counts(chunk.values, bin_width=0.02, ids=list("abcd")))


@pytest.mark.parametrize(
    "estimator", [WienerRegressor(3), BesselFilter(1.0), KalmanRegressor(), LagWindow(3)]
)
def test_a_stream_finds_the_columns_of_tables_by_name(rng, estimator):
    x, y = recording(rng)
    table = pd.DataFrame(x.T.values, columns=list("abcd"))
    twin = clone(estimator)
    if "sampling_rate" in twin.get_params():
        twin.set_params(sampling_rate=50)
    for fitted in (estimator.fit(x, y), twin.fit(table, y.values)):
        whole = fitted.stream().push(table.values)
        np.testing.assert_array_equal(fitted.stream().push(table[list("dbca")]), whole)
        with pytest.raises(ValueError, match=r"fitted on \['a', .* got a chunk of \['a', 'b'\]"):
            fitted.stream().push(table[["a", "b"]])
    unnamed = pd.DataFrame(x.T.values)
    np.testing.assert_array_equal(fitted.stream().push(unnamed), whole)


@pytest.mark.parametrize("mode", ["causal", "block_middle"])
def test_a_live_filter_refuses_nan_and_goes_on_as_if_it_had_not_come(rng, mode):
    x = rng.normal(size=(60, 2))
    smoother = BesselFilter(5.0, mode=mode, sampling_rate=50).fit(x)
    live, broken = smoother.stream(), x.copy()
    broken[20, 1] = np.inf
    first = live.push(x[:10])
    for bad in (np.nan, np.inf):
        broken[20, 1] = bad
        with pytest.raises(ValueError, match=r"BesselFilter.stream: the values hold NaN or inf"):
            live.push(broken[10:30])
    found = np.concatenate([first, live.push(x[10:])])
    np.testing.assert_array_equal(found, smoother.transform(x))


def test_trials_that_leave_time_out_are_refused_where_time_counts(rng):
    x = neurokit.signal(rng.normal(size=(3, 2, 300)), sampling_rate=100)
    gap = x.isel(time=np.r_[0:100, 200:300])
    said = "the clock of X jumps, so that each trial falls into 2 pieces; cut trials between"
    for estimator in (BandPower(), TRCAClassifier()):
        with pytest.raises(ValueError, match=f"{type(estimator).__name__}: {said}"):
            estimator.fit(gap, [8, 8, 9])
    with pytest.raises(ValueError, match="so that X falls into 2 pieces"):
        BandPower().fit(x[0]).transform(gap[0])
    assert EuclideanAlignment().fit_transform(gap).shape == gap.shape  # no sample has neighbours


def test_what_cannot_be_is_refused_in_a_sentence(rng, tmp_path):
    with pytest.raises(ValueError, match="label must hold one value for each onset, 2, got 1"):
        neurokit.events([1.0, 2.0], label=["a"])
    with pytest.raises(ValueError, match="duration must hold one value for each onset, 2, got 3"):
        neurokit.events([1.0, 2.0], [0.1, 0.1, 0.1])
    x = neurokit.signal(np.zeros((3, 1000)), sampling_rate=100)
    with pytest.raises(ValueError, match=r"resample: 1e\+12 Hz take 120,000 GB, more than this"):
        neurokit.recording.resample(x, 1e12)
    path = tmp_path / "sub-1_events.tsv"
    path.write_text("onset\tduration\ttrial_type\n5\t-1\tleft\n")
    with pytest.raises(ValueError, match=r"events\.tsv: an event lasts -1 s; durations are 0 or"):
        neurokit.io.read_events(path)


def test_responses_that_name_their_trials_are_put_in_the_order_of_the_stimuli(rng):
    trial = {"trial": np.arange(40)}
    x = xr.DataArray(rng.normal(size=(40, 3)), trial, ("trial", "feature"))
    y = xr.DataArray(rng.normal(size=(40, 2)), trial, ("trial", "voxel"))
    turned = y[rng.permutation(40)]
    model = RidgeEncoder(cv=2).fit(x, y)
    np.testing.assert_array_equal(RidgeEncoder(cv=2).fit(x, turned).coef_, model.coef_)
    np.testing.assert_array_equal(model.score(x, turned), model.score(x, y))
    with pytest.raises(ValueError, match="RidgeEncoder: X and y name other trials"):
        model.fit(x, y.assign_coords(trial=np.arange(40) + 5))


def test_levels_of_tokens_are_found_by_name(rng):
    x = neurokit.signal(rng.normal(size=(2, 400)).cumsum(1), sampling_rate=100)
    tokenizer = ScalarTokenizer().fit(x)
    tokens = tokenizer.transform(x)
    expected = tokenizer.inverse_transform(tokens)
    turned = tokens.isel(level=slice(None, None, -1))
    xr.testing.assert_identical(tokenizer.inverse_transform(turned), expected)
    linear = LinearRVQTokenizer(n_levels=3, codebook_size=8, random_state=0).fit(x)
    tokens = linear.transform(x)
    names = tokens["level"].values.tolist()
    with pytest.raises(
        ValueError, match=r"inverse_transform needs the levels .* only the last may"
    ):
        linear.inverse_transform(tokens.sel(level=[*names[:-2], names[-1]]))
    assert linear.inverse_transform(tokens.sel(level=names[:-1]), n_levels=2).shape == x.shape
    spikes = neurokit.spikes({"a": [0.1, 0.35], "b": [0.2]}, stop=1.0)
    events = SpikeTokenizer(bin_width=0.02, window=0.1).fit(spikes)
    found = events.transform(spikes)
    turned = events.inverse_transform(found.isel(level=[1, 0]))
    xr.testing.assert_identical(turned, events.inverse_transform(found))
