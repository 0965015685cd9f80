"""Which events `neurokit run` tells apart when nobody says."""

import numpy as np
import pandas as pd
import pytest

from neurokit.cli.design import choose_design, choose_window


def table(rng, n_trials, conditions, stages=(), every=6.0):
    """Trials with a condition drawn at random, and stages at fixed times around it."""
    rows = []
    for k in range(n_trials):
        start = k * every
        rows += [(start + delay, name) for name, delay in stages]
        rows.append((start + 2.0, conditions[rng.integers(len(conditions))]))
    return pd.DataFrame(rows, columns=["onset", "label"]).sort_values("onset")


@pytest.mark.parametrize("seed", range(10))
def test_conditions_are_told_from_the_stages_of_a_trial(seed):
    rng = np.random.default_rng(seed)
    stages = [("cross", 0.0), ("beep", 1.0), ("end", 5.0)]
    found = choose_design(table(rng, 60, ["left", "right", "feet"], stages))
    assert sorted(found.labels) == ["feet", "left", "right"]
    assert "cross" in found.words
    assert "--labels" in found.words


def test_stages_alone_are_no_design(rng):
    assert choose_design(table(rng, 40, ["cue"], [("cross", 0.0), ("end", 5.0)])) is None


def test_task_and_rest_that_take_even_turns_are_conditions():
    onsets = np.arange(40) * 10.0
    events = pd.DataFrame({"onset": onsets, "label": ["rest", "task"] * 20})
    assert sorted(choose_design(events).labels) == ["rest", "task"]


def test_rare_and_technical_marks_are_left_out(rng):
    events = table(rng, 60, ["left", "right"])
    extra = pd.DataFrame({"onset": np.arange(12) * 7.0, "label": ["BAD_jump", "boundary"] * 6})
    oddball = pd.DataFrame({"onset": np.arange(5) * 70.0 + 3.1, "label": ["odd"] * 5})
    found = choose_design(pd.concat([events, extra, oddball]))
    assert sorted(found.labels) == ["left", "right"]


def test_two_names_of_one_event_are_not_told_apart(rng):
    events = table(rng, 40, ["left", "right"])
    twins = events.assign(label="stim/" + events["label"], onset=events["onset"] + 0.001)
    found = choose_design(pd.concat([events, twins]))
    assert len(found.labels) == 2
    assert {label.split("/")[-1] for label in found.labels} == {"left", "right"}


def test_windows_do_not_reach_the_next_event(rng):
    onsets = np.cumsum(rng.uniform(1.0, 4.0, 200))
    start, stop = choose_window(onsets)
    assert start == 0.0
    assert (np.diff(onsets) < stop).mean() < 0.11
    assert choose_window(np.array([1.0])) == (0.0, 3.0)
