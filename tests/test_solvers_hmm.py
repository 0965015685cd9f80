"""Hidden chains against enumeration of every path."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neurokit.solvers.hmm import best_path, draw_paths, filter_states, smooth_states, stationary


def problem(seed, n=6, k=3, spread=3.0):
    rng = np.random.default_rng(seed)
    logs = spread * rng.standard_normal((n, k))
    return logs, rng.dirichlet(np.ones(k), k), rng.dirichlet(np.ones(k))


def enumerate_paths(logs, P, first):
    """Every path and its probability together with the observations."""
    paths = np.array(list(itertools.product(range(len(P)), repeat=len(logs))))
    logs = np.nan_to_num(logs, nan=0.0, neginf=-np.inf)
    weight = first[paths[:, 0]] * np.exp(logs[0, paths[:, 0]])
    for t in range(1, len(logs)):
        weight = weight * P[paths[:, t - 1], paths[:, t]] * np.exp(logs[t, paths[:, t]])
    return paths, weight


@given(st.integers(0, 10_000), st.integers(1, 6), st.integers(1, 4))
@settings(max_examples=40, deadline=None)
def test_smoothing_is_what_enumeration_finds(seed, n, k):
    logs, P, first = problem(seed, n, k)
    if seed % 3 == 0:
        logs[seed % n] = np.nan
    paths, weight = enumerate_paths(logs, P, first)
    found = smooth_states(logs, P, first)
    total = weight.sum()
    for j in range(k):
        expected = (weight[:, None] * (paths == j)).sum(0) / total
        np.testing.assert_allclose(found.probability[:, j], expected, atol=1e-12)
    pairs = np.zeros((k, k))
    for t in range(1, n):
        np.add.at(pairs, (paths[:, t - 1], paths[:, t]), weight / total)
    np.testing.assert_allclose(found.pairs, pairs, atol=1e-12)
    np.testing.assert_allclose(found.log_likelihood, np.log(total), rtol=1e-10, atol=1e-12)
    filtered = filter_states(logs, P, first)
    np.testing.assert_allclose(filtered.log_evidence.sum(), np.log(total), rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(filtered.probability[-1], found.probability[-1], atol=1e-12)
    path, best = best_path(logs, P, first)
    np.testing.assert_allclose(best, np.log(weight.max()), rtol=1e-12, atol=1e-12)
    np.testing.assert_array_equal(path, paths[weight.argmax()])


def test_many_sequences_are_as_each_alone():
    logs, P, first = problem(0, 40)
    starts = [0, 1, 15, 40]
    together = smooth_states(logs, P, first, starts)
    alone = [smooth_states(logs[a:b], P, first) for a, b in itertools.pairwise(starts)]
    np.testing.assert_array_equal(together.probability, np.concatenate([a[0] for a in alone]))
    np.testing.assert_allclose(together.pairs, sum(a.pairs for a in alone), rtol=1e-12)
    np.testing.assert_allclose(
        together.log_likelihood, [a.log_likelihood[0] for a in alone], rtol=1e-12
    )
    paths = [best_path(logs[a:b], P, first)[0] for a, b in itertools.pairwise(starts)]
    np.testing.assert_array_equal(best_path(logs, P, first, starts)[0], np.concatenate(paths))


def test_filtering_goes_on_from_where_it_stood_to_the_bit():
    logs, P, first = problem(3, 50, 5)
    whole = filter_states(logs, P, first)
    for cut in (1, 7, 20):
        head = filter_states(logs[:cut], P, first)
        tail = filter_states(logs[cut:], P, first, before=head.probability[-1])
        np.testing.assert_array_equal(tail.probability, whole.probability[cut:])
        np.testing.assert_array_equal(tail.log_evidence, whole.log_evidence[cut:])


def test_draws_have_the_probabilities_of_enumeration():
    logs, P, first = problem(5, 4, 2, spread=1.0)
    _, weight = enumerate_paths(logs, P, first)
    draws = draw_paths(logs, P, first, n_draws=40_000, random_state=0)
    codes = draws @ (2 ** np.arange(4)[::-1])
    seen = np.bincount(codes, minlength=16) / len(draws)
    expected = weight / weight.sum()  # paths come in the order of their codes
    assert np.abs(seen - expected).max() < 4 * np.sqrt(0.25 / len(draws))


def test_a_sure_state_that_cannot_be_reached_does_not_break_the_chain():
    # likelihoods say 0 with odds of e^2000, the chain says 1
    logs = np.array([[0.0, -2000.0]] * 3)
    P, first = np.array([[0.5, 0.5], [0.0, 1.0]]), np.array([0.0, 1.0])
    found = smooth_states(logs, P, first)
    np.testing.assert_array_equal(found.probability, [[0, 1]] * 3)
    np.testing.assert_allclose(found.log_likelihood, -6000)
    with pytest.raises(ValueError, match="probability zero in every state that can be reached"):
        smooth_states(np.array([[0.0, -np.inf]]), P, first)


def test_long_chains_stay_finite():
    logs, P, first = problem(7, 20_000, 5, spread=200.0)
    P = 0.999 * np.eye(5) + 0.001 * P
    found = smooth_states(logs, P, first)
    assert np.isfinite(found.probability).all()
    assert np.isfinite(found.log_likelihood).all()
    np.testing.assert_allclose(found.probability.sum(1), 1)
    np.testing.assert_allclose(found.pairs.sum(), 19_999, rtol=1e-9)


def test_the_stationary_distribution_stays():
    P = np.random.default_rng(0).dirichlet(np.ones(5), 5)
    np.testing.assert_allclose(stationary(P) @ P, stationary(P), atol=1e-12)
