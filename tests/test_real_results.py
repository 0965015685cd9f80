"""The first results on real recordings, held to the baselines that came with the recordings."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from sklearn.model_selection import KFold, LeaveOneGroupOut, RepeatedStratifiedKFold

from neurokit.decoders import (
    BesselFilter,
    KalmanRegressor,
    SmoothedRegressor,
    WienerCascadeRegressor,
    WienerRegressor,
)


def script(name):
    """A benchmark script as a module: the test and the table run the same code."""
    path = Path(__file__).parents[1] / "benchmarks" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def imagery(data):
    return script("real_motor_imagery")


@pytest.fixture(scope="module")
def reaching(data):
    return script("real_reaching")


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


def test_reaching_is_decoded_from_five_minutes(reaching, data):
    x, y = reaching.contdata95(data)
    assert (x.sizes["unit"], x.sizes["time"]) == (95, 31413)
    few = np.arange(6000)
    (realtime, aligned), delay = reaching.evaluate(
        WienerRegressor(5, alpha=100.0), x, y, [(few[:4800], few[4800:])]
    )
    assert realtime.min() > 0.55
    assert delay == 0.0
    np.testing.assert_array_equal(realtime, aligned)
    late = SmoothedRegressor(WienerRegressor(5, alpha=100.0), BesselFilter(3.0, mode="causal"))
    (realtime, aligned), delay = reaching.evaluate(late, x, y, [(few[:4800], few[4800:])])
    assert delay > 0
    assert realtime.mean() < aligned.mean()


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
def test_reaching_reaches_the_baseline(reaching, data):
    x, y = reaching.contdata95(data)
    last = [np.split(np.arange(31413), [25130])]
    for estimator in (WienerRegressor(10), WienerCascadeRegressor(10)):
        (realtime, _), _ = reaching.evaluate(estimator, x, y, last)
        assert (realtime.round(2) >= (0.81, 0.76, 0.76, 0.71)).all()
    (realtime, _), _ = reaching.evaluate(KalmanRegressor(), x, y, last)
    (single, _), _ = reaching.evaluate(WienerRegressor(1), x, y, last)
    assert (
        realtime > single
    ).all()  # with the same single bin, knowing how movement goes on helps


@pytest.mark.slow
@pytest.mark.parametrize(("session", "baseline"), [("tr", (0.57, 0.53)), ("te", (0.56, 0.79))])
def test_centre_out_velocity_is_decoded_as_well_as_the_baseline(reaching, data, session, baseline):
    x, y = reaching.centerout(data, session)
    splits = list(KFold(5).split(y.values))
    (realtime, _), _ = reaching.evaluate(WienerRegressor(3), x, y, splits)
    assert (realtime >= baseline).all()
