import numpy as np
import pytest

from neurokit.metrics import bulk_ess, rank_rhat


def walk(rng, n_chains, n, decay):
    x = np.zeros((n_chains, n))
    for t in range(1, n):
        x[:, t] = decay * x[:, t - 1] + rng.normal(size=n_chains) * np.sqrt(1 - decay**2)
    return x


@pytest.mark.parametrize("decay", [0.0, 0.5, 0.9])
def test_dependent_draws_are_worth_as_many_as_theory_says(rng, decay):
    x = walk(rng, 4, 8000, decay)[:, 200:]
    expected = x.size * (1 - decay) / (1 + decay)
    assert bulk_ess(x) == pytest.approx(expected, rel=0.15)
    assert rank_rhat(x) < 1.02


def test_chains_that_differ_in_place_or_spread_are_told(rng):
    x = rng.normal(size=(4, 500))
    assert rank_rhat(x) < 1.01
    assert rank_rhat(x + np.array([[0], [0], [0], [2]])) > 1.2
    assert rank_rhat(x * np.array([[1], [1], [1], [5]])) > 1.1
    assert rank_rhat(x + np.linspace(0, 3, 500)) > 1.2  # one drift in all


def test_ranks_are_all_that_counts(rng):
    x = rng.normal(size=(3, 300))
    assert rank_rhat(np.exp(5 * x)) == pytest.approx(max(rank_rhat(np.exp(5 * x)), 1.0), rel=1e-12)
    assert bulk_ess(np.exp(x)) == pytest.approx(bulk_ess(x))


def test_extremes_have_an_answer():
    assert rank_rhat(np.ones((2, 50))) == 1
    assert bulk_ess(np.ones((2, 50))) == 100
    assert rank_rhat(np.repeat([[0.0], [1.0]], 50, axis=1)) == np.inf
    assert np.isnan(rank_rhat([[1.0, np.nan, 2, 3]]))
    assert np.isnan(bulk_ess([[1.0, 2.0]]))
    with pytest.raises(ValueError, match=r"rank_rhat: draws must be \(n_chains, n_draws\)"):
        rank_rhat(np.ones(5))
    with pytest.raises(ValueError, match="bulk_ess: draws must be"):
        bulk_ess(np.ones((2, 0)))


def test_the_values_of_the_reference_package(rng):
    array_stats = pytest.importorskip("arviz_stats").array_stats
    for decay in (0.0, 0.6):
        x = walk(rng, 4, 600, decay) + np.array([[0], [0], [0.2], [0]])
        assert rank_rhat(x) == pytest.approx(float(array_stats.rhat(x, 0, 1)), rel=1e-6)
        assert bulk_ess(x) == pytest.approx(float(array_stats.ess(x, 0, 1)), rel=0.02)
