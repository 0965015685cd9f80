import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from neurokit.solvers.crt import sample_tables
from neurokit.solvers.gaussian_states import factor, log_density, solve
from neurokit.solvers.polya_gamma import polya_gamma_moments, sample_polya_gamma


def by_the_sum(shape, tilt, rng, size, terms=400):
    """The defining sum, cut off late, its mean put right."""
    k = np.arange(1, terms + 1)
    weights = 1 / (2 * np.pi**2 * ((k - 0.5) ** 2 + (tilt / (2 * np.pi)) ** 2))
    draws = rng.standard_gamma(shape, (size, terms)) @ weights
    return draws + polya_gamma_moments(shape, tilt)[0] - shape * weights.sum()


@pytest.mark.parametrize("tilt", [0.0, 1e-3, 0.3, 1.0, -4.0, 30.0])
@pytest.mark.parametrize("shape", [0.5, 1.3, 3.7, 10.3, 60.0])
def test_moments_are_those_of_the_defining_sum(shape, tilt):
    k = np.arange(1, 1_000_001)
    weights = 1 / (2 * np.pi**2 * ((k - 0.5) ** 2 + (tilt / (2 * np.pi)) ** 2))
    mean, variance = polya_gamma_moments(shape, tilt)
    assert mean == pytest.approx(shape * weights.sum(), rel=5e-6)
    assert variance == pytest.approx(shape * (weights**2).sum(), rel=1e-9)


def test_moments_neither_overflow_nor_jump():
    z = np.array([0, 1e-2 - 1e-12, 1e-2 + 1e-12, 0.5 - 1e-12, 0.5 + 1e-12, 800.0, 1e6])
    mean, variance = polya_gamma_moments(1.0, z)
    assert np.isfinite(mean).all()
    assert (variance > 0).all()
    np.testing.assert_allclose(mean[[1, 3]], mean[[2, 4]], rtol=1e-10)
    np.testing.assert_allclose(variance[[1, 3]], variance[[2, 4]], rtol=1e-10)


@pytest.mark.parametrize("tilt", [0.0, 1.0, 5.0])
@pytest.mark.parametrize("shape", [0.2, 1.0, 2.5, 4.0, 11.3, 60.0])
def test_polya_gamma_has_its_mean_variance_skewness_and_law(rng, shape, tilt):
    n = 60_000
    draws = sample_polya_gamma(np.full(n, shape), tilt, rng)
    mean, variance = polya_gamma_moments(shape, tilt)
    reference = by_the_sum(shape, tilt, rng, 4_000)
    kurtosis = 3 + 20 / max(shape, 0.2)  # a bound that serves for the error of a variance
    assert abs(draws.mean() - mean) < 4 * np.sqrt(variance / n)
    assert abs(draws.var() / variance - 1) < 5 * np.sqrt(kurtosis / n)
    assert stats.ks_2samp(draws, reference).statistic < 0.04
    if shape > 50:
        assert stats.skew(draws) == pytest.approx(1.95 / np.sqrt(shape), rel=0.35)


def test_polya_gamma_takes_arrays_of_any_shape_and_nothing_of_no_shape(rng):
    assert sample_polya_gamma(np.ones((2, 3)), np.zeros(3), rng).shape == (2, 3)
    assert sample_polya_gamma([0.0, 1.0], 0.5, rng)[0] == 0


@pytest.mark.slow
@pytest.mark.parametrize("shape", [0.5, 1.3, 2.5, 3.7, 10.3, 60.0])
def test_polya_gamma_in_eight_million_draws(shape):
    n = 8_000_000
    draws = sample_polya_gamma(np.full(n, shape), 1.0, np.random.default_rng(3))
    mean, variance = polya_gamma_moments(shape, 1.0)
    assert abs(draws.mean() - mean) < 3 * np.sqrt(variance / n)
    assert draws.var() / variance == pytest.approx(1, abs=0.01)


def table_probabilities(customers, concentration):
    """Probabilities of 0, 1, ..., n tables, by the recursion over customers."""
    chances = np.zeros(customers + 1)
    chances[0] = 1.0
    for m in range(customers):
        opens = concentration / (concentration + m)
        chances[1:] = chances[1:] * (1 - opens) + chances[:-1] * opens
        chances[0] *= 1 - opens
    return chances


@pytest.mark.parametrize(("n", "r"), [(1, 0.3), (5, 0.01), (8, 2.0), (30, 10.0)])
def test_tables_follow_the_recursion_over_customers(rng, n, r):
    chances = table_probabilities(n, r)
    assert chances.sum() == pytest.approx(1)
    assert chances @ np.arange(n + 1) == pytest.approx(sum(r / (r + m) for m in range(n)))
    drawn = np.bincount(sample_tables(np.full(20_000, n), r, rng), minlength=n + 1)
    kept = chances * 20_000 > 5
    drawn, expected = drawn[kept], chances[kept] * 20_000
    assert stats.chi2.sf(((drawn - expected) ** 2 / expected).sum(), max(kept.sum(), 1)) > 1e-4


@given(st.integers(0, 40), st.floats(1e-300, 1e6), st.integers(0, 9))
@settings(deadline=None, max_examples=40)
def test_tables_are_as_many_as_may_be(n, r, seed):
    tables = int(sample_tables(n, r, np.random.default_rng(seed)))
    assert min(n, 1) <= tables <= n


def chain(rng, n_times, k):
    """A positive definite block-tridiagonal precision, in blocks and dense."""
    lower = rng.normal(size=(n_times, k, k)) * 0.3
    half = rng.normal(size=(n_times, k, k)) * 0.3
    diagonal = half @ half.transpose(0, 2, 1) + (1 + k) * np.eye(k)
    dense = np.zeros((n_times, k, n_times, k))
    for t in range(n_times):
        dense[t, :, t] = diagonal[t]
        if t:
            dense[t, :, t - 1] = lower[t]
            dense[t - 1, :, t] = lower[t].T
    return diagonal, lower, dense.reshape(n_times * k, n_times * k)


@pytest.mark.parametrize(("n_times", "k"), [(1, 1), (1, 3), (7, 1), (9, 4)])
def test_a_gaussian_chain_is_the_dense_gaussian(rng, n_times, k):
    diagonal, lower, dense = chain(rng, n_times, k)
    linear, noise = rng.normal(size=(2, n_times, k))
    own, back, ok = factor(np.tril(diagonal), lower)
    assert ok
    mean = solve(own, back, linear, np.zeros_like(noise))
    np.testing.assert_allclose(mean.ravel(), np.linalg.solve(dense, linear.ravel()), rtol=1e-10)
    root = np.linalg.cholesky(dense)
    expected = mean.ravel() + np.linalg.solve(root.T, noise.ravel())
    drawn = solve(own, back, linear, noise)
    np.testing.assert_allclose(drawn.ravel(), expected, rtol=1e-9)
    law = stats.multivariate_normal(mean.ravel(), np.linalg.inv(dense))
    assert log_density(own, back, mean, drawn) == pytest.approx(law.logpdf(drawn.ravel()))


def test_a_precision_that_is_none_is_told(rng):
    diagonal, lower, _ = chain(rng, 5, 2)
    diagonal[3] -= 100 * np.eye(2)
    assert not factor(diagonal, lower)[2]
    diagonal[3, 0, 0] = np.nan
    assert not factor(diagonal, lower)[2]
