"""Masks on labels: counts, no bias by index, blocks that land as they were drawn."""

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

import neurokit
from neurokit.datasets import make_eeg
from neurokit.pretraining import (
    block_mask,
    channel_mask,
    flatten_mask,
    future_mask,
    mixed_mask,
    region_mask,
    time_mask,
    token_mask,
)
from neurokit.pretraining.masks import draw_blocks, draw_tokens, find_neighbours
from neurokit.pretraining.places import read_places

MASKS = [token_mask, time_mask, channel_mask, region_mask, block_mask]


@pytest.fixture(scope="module")
def cap():
    return make_eeg(1.0, n_channels=19, random_state=0).signal


def labelled(n, seed=0):
    rng = np.random.default_rng(seed)
    x = neurokit.signal(np.zeros((n, 4)), sampling_rate=1, regions=[f"r{k % 3}" for k in range(n)])
    return x.assign_coords({a: ("channel", rng.normal(size=n) * 50) for a in "xyz"})


def runs(hidden):
    """Lengths of all stretches of hidden frames, channel by channel, in loops."""
    found = []
    for row in hidden:
        length = 0
        for on in [*row, False]:
            if on:
                length += 1
            elif length:
                found.append(length)
                length = 0
    return found


@given(
    n=st.integers(1, 9),
    n_frames=st.integers(1, 12),
    ratio=st.floats(0.05, 0.95),
    seed=st.integers(0, 99),
    which=st.integers(0, 4),
)
@settings(max_examples=150, deadline=None)
@pytest.mark.filterwarnings("ignore:region_mask")
def test_exactly_the_ratio_is_hidden(n, n_frames, ratio, seed, which):
    X, frames = labelled(n), np.arange(n_frames) * 0.9
    hidden = MASKS[which](X, frames, ratio, random_state=seed)
    size = n * n_frames
    assert hidden.dims == ("channel", "frame")
    assert int(hidden.sum()) == min(max(round(ratio * size), 1), max(size - 1, 1))
    xr.testing.assert_identical(hidden, MASKS[which](X, frames, ratio, random_state=seed))
    flat = flatten_mask(hidden)
    for c in range(n):
        for f in range(n_frames):
            assert flat[c * n_frames + f] == bool(hidden[c, f])


def test_blocks_land_as_drawn_and_single_tokens_do_not(cap):
    # as REVE was released, blocks numbered by frame were read by channel: runs of 1.85, not 3.87
    near, times = find_neighbours(read_places(cap), 30.0), np.arange(11) * 0.9
    rng = np.random.default_rng(0)
    blocks = [draw_blocks(rng, near, times, 0.55, 2.7) for _ in range(500)]
    mean = np.mean([length for hidden in blocks for length in runs(hidden)])
    scattered = [hidden.T.reshape(-1).reshape(19, 11) for hidden in blocks]  # the fault
    single = [draw_tokens(rng, 19, 11, 0.55) for _ in range(500)]
    assert mean > 3.0
    assert np.mean([length for hidden in scattered for length in runs(hidden)]) < 2.2
    assert np.mean([length for hidden in single for length in runs(hidden)]) < 2.2
    for hidden in blocks[:50]:  # neighbours are hidden together
        together = np.mean([(hidden[a] == hidden[b]).mean() for a, b in np.argwhere(near)])
        assert together > 0.75


def test_ten_thousand_draws_favour_nobody_by_index():
    near, times = np.eye(4, dtype=bool), np.arange(6.0)
    rng = np.random.default_rng(0)
    n = 10_000
    for draw in (
        lambda: draw_blocks(rng, near, times, 0.5, 3.0),
        lambda: draw_tokens(rng, 4, 6, 0.5),
    ):
        share = np.mean([draw() for _ in range(n)], axis=0)
        assert share.sum() == pytest.approx(12)
        assert np.abs(share.mean(1) - 0.5).max() < 0.015  # channels are alike
        if draw.__code__.co_names[0] == "draw_tokens":
            assert np.abs(share - 0.5).max() < 0.025


def test_groups_are_hidden_whole():
    X, frames = labelled(9), np.arange(8.0)
    by_region = region_mask(X, frames, 2 / 3, random_state=0)
    whole = by_region.groupby("region").all(...).values
    assert whole.sum() == 2
    assert time_mask(X, frames, 0.5, random_state=1).all("channel").sum() == 4
    assert channel_mask(X, frames, 1 / 3, random_state=1).all("frame").sum() == 3
    late = future_mask(X, frames, 0.5, random_state=1)
    first = int(late.any("channel").values.argmax())
    assert late[:, first:].all()
    assert not late[:, :first].any()
    assert late.mean() <= 0.5


def test_one_region_falls_back_to_channels_and_says_so():
    X = neurokit.signal(np.zeros((4, 4)), sampling_rate=1, regions=["a"] * 4)
    with pytest.warns(UserWarning, match="one region only"):
        hidden = region_mask(X, range(4), 0.5, random_state=0)
    assert hidden.all("frame").sum() == 2


def test_mixtures_draw_kinds_by_their_weight():
    X = labelled(4)
    rng = np.random.default_rng(0)
    kinds = {"time": 3.0, "channel": 1.0}
    drawn = [mixed_mask(X, range(8), kinds, random_state=rng).attrs["kind"] for _ in range(400)]
    assert np.mean([kind == "time" for kind in drawn]) == pytest.approx(0.75, abs=0.07)


def test_a_channel_without_a_place_stands_alone():
    X = neurokit.signal(np.zeros((3, 4)), sampling_rate=1, channels=["C3", "C1", "EKG"])
    near = find_neighbours(read_places(X), 40.0)
    assert near.tolist() == [[True, True, False], [True, True, False], [False, False, True]]


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda X: token_mask(X, range(4), 1.5), "ratio must lie between 0 and 1, got 1.5"),
        (lambda X: token_mask(X, [1.0, 0.0]), "frames must be times in s"),
        (lambda X: block_mask(X, range(4), radius=-1), "radius must be 0 mm or more"),
        (lambda X: mixed_mask(X, range(4), {"rows": 1.0}), "kinds of masks must be of"),
        (lambda X: token_mask(X.rename(channel="unit"), range(4)), "with the dim channel"),
    ],
)
def test_errors_say_what_is_wrong(call, words):
    with pytest.raises((ValueError, TypeError), match=words):
        call(labelled(3))
