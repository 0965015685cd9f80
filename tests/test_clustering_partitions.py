import itertools

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import adjusted_rand_score

from neurokit.clustering import credible_ball, posterior_similarity, summarize_partitions
from neurokit.clustering.partitions import relabel
from neurokit.clustering.sampling.allocation import LOSSES, expected_losses


def all_partitions(n):
    """Every partition of n items, as rows of labels by first appearance."""
    rows = [[0]]
    for _ in range(n - 1):
        rows = [[*row, k] for row in rows for k in range(max(row) + 2)]
    return np.array(rows)


def together(row):
    return row[:, None] == row


def loss_by_hand(row, similarity, loss):
    n = len(row)
    pairs = list(itertools.combinations(range(n), 2))
    same = [row[i] == row[j] for i, j in pairs]
    shared = [similarity[i, j] for i, j in pairs]
    if loss == "binder":
        return sum(abs(s - p) for s, p in zip(same, shared, strict=True))
    if loss == "vi":
        return sum(
            np.log2(sum(row == row[i])) - 2 * np.log2(similarity[i][row == row[i]].sum())
            for i in range(n)
        )
    chance = sum(same) * sum(shared) / len(pairs)
    most = (sum(same) + sum(shared)) / 2 - chance
    return -(np.dot(same, shared) - chance) / most if most > 1e-12 else -1.0


@pytest.fixture
def draws(rng):
    """Draws of seven items around a partition."""
    rows = np.tile([0, 0, 0, 1, 1, 2, 2], (60, 1))
    noise = rng.random(rows.shape) < 0.25
    return np.where(noise, rng.integers(0, 4, rows.shape), rows)


@pytest.mark.parametrize("loss", LOSSES)
def test_the_summary_is_the_best_of_all_partitions(draws, loss):
    similarity = np.mean([together(row) for row in draws], axis=0)
    by_hand = [loss_by_hand(row, similarity, loss) for row in all_partitions(7)]
    found = summarize_partitions(draws, loss, max_clusters=7)
    assert loss_by_hand(found, similarity, loss) == pytest.approx(min(by_hand), abs=1e-9)


@pytest.mark.parametrize("loss", LOSSES)
def test_losses_rank_partitions_as_those_written_in_loops(draws, loss):
    similarity = posterior_similarity(draws)
    rows = all_partitions(7)[::9]
    ours = expected_losses(rows, similarity, loss)
    by_hand = np.array([loss_by_hand(row, similarity, loss) for row in rows])
    scale = {"vi": 7, "binder": 2, "pear": 1}[loss]
    np.testing.assert_allclose(np.diff(ours) * scale, np.diff(by_hand), atol=1e-9)


def test_similarity_counts_pairs(draws):
    expected = np.mean([together(row) for row in draws], axis=0)
    np.testing.assert_allclose(posterior_similarity(draws), expected, atol=1e-7)


def test_labels_in_labels_out(draws):
    x = xr.DataArray(draws.reshape(2, 30, 7), dims=("chain", "draw", "unit"))
    out = posterior_similarity(x.assign_coords(unit=list("abcdefg")))
    assert out.dims == ("unit", "other")
    assert out["other"].values.tolist() == list("abcdefg")
    np.testing.assert_array_equal(out, posterior_similarity(draws))


@given(st.lists(st.lists(st.integers(0, 3), min_size=6, max_size=6), min_size=1, max_size=8))
@settings(deadline=None, max_examples=30)
def test_names_of_clusters_do_not_matter(rows):
    draws = np.array(rows)
    renamed = 7 - draws
    np.testing.assert_array_equal(posterior_similarity(draws), posterior_similarity(renamed))
    np.testing.assert_array_equal(summarize_partitions(draws), summarize_partitions(renamed))


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("n", [1, 2, 40])
def test_draws_that_agree_are_their_own_summary(rng, loss, n):
    row = relabel(rng.integers(0, 5, (1, n)))[0]
    assert adjusted_rand_score(summarize_partitions(np.tile(row, (9, 1)), loss), row) == 1


def test_the_ball_holds_the_stated_part_of_the_draws(draws):
    centre = summarize_partitions(draws)
    ball = credible_ball(draws, centre, level=0.9)
    from neurokit.clustering.partitions import _variation_of_information as vi

    distances = np.array([vi(centre, row) for row in relabel(draws)])
    assert (distances <= ball.radius).mean() >= 0.9
    assert (distances < ball.radius).mean() < 0.9
    assert vi(centre, ball.farthest) == pytest.approx(ball.radius)
    inside = [row for row, d in zip(relabel(draws), distances, strict=True) if d <= ball.radius]
    assert ball.finest.max() == max(row.max() for row in inside)
    assert ball.coarsest.max() == min(row.max() for row in inside)


def test_variation_of_information_is_that_of_entropies():
    from neurokit.clustering.partitions import _variation_of_information as vi

    a, b = np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1])
    assert vi(a, b) == pytest.approx(2)
    assert vi(a, a) == 0


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda d: posterior_similarity(d[0]), r"posterior_similarity: draws must be partitions"),
        (lambda d: summarize_partitions(d[:0]), r"summarize_partitions: draws must be"),
        (lambda d: summarize_partitions(d + 0.5), "labels must be whole numbers, got dtype float"),
        (lambda d: summarize_partitions(d, "rand"), "one of vi, binder, pear, got 'rand'"),
        (lambda d: summarize_partitions(d, max_clusters=0), "max_clusters must be at least 1"),
        (lambda d: credible_ball(d, level=0), "level must lie above 0 and at most 1, got 0"),
        (lambda d: credible_ball(d, [0, 1]), r"one label for each of 7 items, got shape \(2,\)"),
    ],
)
def test_what_is_refused(draws, call, words):
    with pytest.raises(ValueError, match=words):
        call(draws)
