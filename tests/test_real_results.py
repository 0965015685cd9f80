"""The first results on real recordings, held to the baselines that came with the recordings."""

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from sklearn.model_selection import KFold, LeaveOneGroupOut, RepeatedStratifiedKFold

from neurokit.decoders import (
    BesselFilter,
    KalmanRegressor,
    SmoothedRegressor,
    WienerCascadeRegressor,
    WienerRegressor,
)
from neurokit.metrics import decoding_r2
from neurokit.recording import behaviour, contiguous_runs, counts


def script(name):
    """A benchmark script as a module: the test and the table run the same code."""
    path = Path(__file__).parents[1] / "benchmarks" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(path.parent))  # where a script run by its name finds its neighbours
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(path.parent))
    return module


@pytest.fixture(scope="module")
def imagery(data):
    return script("real_motor_imagery")


@pytest.fixture(scope="module")
def reaching(data):
    return script("decoders_sets")


def scores(estimator, x, y, train, test):
    """R2 in real time of every output, and both means."""
    estimator.fit(x.isel(time=train), y.isel(time=train))
    guess, truth = estimator.predict(x.isel(time=test)), y.isel(time=test)
    delay = getattr(estimator, "group_delay_", 0.0)
    each = decoding_r2(truth, guess, delay=delay, multioutput="raw_values")
    return each.realtime, each.realtime.mean(), each.aligned.mean()


# ------------------------------------------------------------------ quick: excerpts


def test_motor_imagery_runs_are_read_as_their_readme_says(imagery, data):
    files = [data / "mi_peterson2020" / f"subj01_run00{run}.edf" for run in (2, 4)]
    x = imagery.read_trials(files, ["OVTK_GDF_Right", "OVTK_GDF_Tongue"], 0.5, 4.0)
    assert x.dims == ("trial", "channel", "time")
    assert x.shape == (70, 15, 438)
    assert x.attrs["units"] == "uV"
    assert np.unique(x["run"], return_counts=True)[1].tolist() == [40, 30]
    assert np.unique(x["label"], return_counts=True)[1].tolist() == [35, 35]
    accuracy = imagery.score(
        imagery.pipelines()["alignment, CSP, LDA"], x, LeaveOneGroupOut(), x["run"].values
    )
    assert accuracy.mean() > 0.6  # one run to learn from; chance .5


def test_imagined_left_and_right_show_in_two_channels(imagery, data):
    x = imagery.graz(data)
    assert x.sizes["trial"] == 128
    split = RepeatedStratifiedKFold(n_splits=4, n_repeats=1, random_state=0)
    pipeline = imagery.pipelines()["alignment, band power, LDA"]
    assert imagery.score(pipeline, x, split).mean() > 0.7


def test_reaching_is_decoded_from_five_minutes(reaching):
    recording = reaching.contdata95()
    assert (recording.x.sizes["unit"], recording.x.sizes["time"]) == (95, 31413)
    assert len(contiguous_runs(recording.x)) == 1456  # trials laid end to end in the file
    few = recording.x, recording.y, np.arange(4800), np.arange(4800, 6000)
    each, raw, aligned = scores(WienerRegressor(5, alpha=100.0), *few)
    assert each.min() > 0.55
    assert raw == aligned
    late = SmoothedRegressor(WienerRegressor(5, alpha=100.0), BesselFilter(3.0, mode="causal"))
    assert scores(late, *few)[1] < raw - 0.3  # reaches last four bins, and trials end with them


@pytest.mark.parametrize(
    ("name", "session", "sizes"),
    [
        ("contdata95", "", (95, 31413, 2)),
        ("centerout", "tr", (174, 623, 2)),
        ("centerout", "te", (187, 803, 2)),
        ("placecells", "", (49, 5839, 2)),
        ("track", "", (31, 1808, 2)),
        ("worm", "noid_2022-01-16-01", (130, 799, 1)),
    ],
)
def test_blocks_that_are_scored_touch_no_others(reaching, name, session, sizes):
    recording = reaching.SETS[name][session]()
    x, y = recording.x, recording.y
    assert (x.sizes["unit"], x.sizes["time"], y.sizes["feature"]) == sizes
    assert y.indexes["time"].equals(x.indexes["time"]) or (y["time"] == x["time"]).all()
    tested = []
    for k in range(5):
        rows = reaching.split(recording, k)
        tested.append(rows.test)
        for part in (rows.train, rows.validate):
            apart = np.abs(rows.test[[0, -1], None] - part).min()
            assert apart >= 5
        assert not set(rows.train) & set(rows.validate)
    np.testing.assert_array_equal(np.concatenate(tested), np.arange(sizes[1]))


def test_scores_over_blocks_are_those_of_the_blocks_together():
    benchmark = script("decoders_real")
    rng = np.random.default_rng(0)
    parts = [rng.normal(size=(n, 2)) for n in (50, 80)]
    guesses = [0.5 * part + rng.normal(size=part.shape) for part in parts]
    rows = pd.DataFrame(
        {
            "session": "",
            "sums": [
                benchmark.sums(xr.DataArray(part), guess)
                for part, guess in zip(parts, guesses, strict=True)
            ],
        }
    )
    r2, r = benchmark.over_blocks(rows)
    truth, guess = np.concatenate(parts), np.concatenate(guesses)
    assert r2 == pytest.approx(decoding_r2(truth, guess).realtime)
    each = [np.corrcoef(truth[:, j], guess[:, j])[0, 1] for j in range(2)]
    assert r == pytest.approx(np.mean(each))


# ------------------------------------------------------------------ slow: the whole sets


@pytest.mark.slow
@pytest.mark.parametrize(("subject", "baseline"), [(1, 0.80), (2, 0.73), (3, 0.79), (4, 0.84)])
def test_grasp_against_rest_reaches_the_baseline(imagery, data, subject, baseline):
    x = imagery.peterson(data, subject)
    pipeline = imagery.pipelines()["alignment, CSP, LDA"]
    accuracy = imagery.score(pipeline, x, LeaveOneGroupOut(), x["run"].values)
    assert accuracy.mean() >= baseline


@pytest.mark.slow
@pytest.mark.parametrize(("runs", "baseline"), [((6, 10, 14), 0.98), ((4, 8, 12), 0.68)])
def test_fists_feet_left_right_reach_the_baseline_to_within_a_trial(imagery, data, runs, baseline):
    x = imagery.eegmmidb(data, runs, fir=True)
    split = RepeatedStratifiedKFold(n_splits=5, n_repeats=5, random_state=0)
    accuracy = imagery.score(imagery.pipelines()["alignment, CSP, LDA"], x, split)
    assert accuracy.mean() >= baseline - 1 / 45  # 45 trials


@pytest.mark.slow
def test_two_channels_reach_the_baseline(imagery, data):
    split = RepeatedStratifiedKFold(n_splits=10, n_repeats=5, random_state=0)
    assert imagery.score(imagery.chosen_bands(), imagery.graz(data), split).mean() >= 0.91


@pytest.mark.slow
def test_reaching_reaches_the_baseline(reaching):
    x, y, _, _ = reaching.contdata95_trials()  # as the baseline: trials run into each other
    x, y = counts(x.T, bin_width=0.05), behaviour(y, sampling_rate=20)
    last = np.split(np.arange(31413), [25130])
    for estimator in (WienerRegressor(10), WienerCascadeRegressor(10)):
        each, _, _ = scores(estimator, x, y, *last)
        assert (each.round(2) >= (0.81, 0.76, 0.76, 0.71)).all()
    each, _, _ = scores(KalmanRegressor(), x, y, *last)
    single, _, _ = scores(WienerRegressor(1), x, y, *last)
    assert (each > single).all()  # with the same single bin, knowing how movement goes on helps


@pytest.mark.slow
@pytest.mark.parametrize(("session", "baseline"), [("tr", (0.57, 0.53)), ("te", (0.56, 0.79))])
def test_centre_out_velocity_is_decoded_as_well_as_the_baseline(reaching, session, baseline):
    recording = reaching.centerout(session)
    splits = KFold(5).split(recording.y.values)
    each = [scores(WienerRegressor(3), recording.x, recording.y, *rows)[0] for rows in splits]
    assert (np.mean(each, axis=0) >= baseline).all()
