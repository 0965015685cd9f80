"""Poisson regressions against scikit-learn, SciPy, finite differences and plain loops."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from sklearn.linear_model import PoissonRegressor

from neurokit.solvers import glm


def problem(seed, n=300, d=4, m=3):
    rng = np.random.default_rng(seed)
    X = np.column_stack([np.ones(n), rng.standard_normal((n, d - 1))])
    beta = 0.4 * rng.standard_normal((m, d))
    Y = rng.poisson(np.exp(X @ beta.T)).astype(float)
    return X, Y, rng.uniform(0, 2, (n, m))


@pytest.mark.parametrize("link", glm.LINKS)
def test_slopes_and_curvatures_are_finite_differences(link):
    eta = np.array([-12.0, -3.0, -0.2, 0.0, 0.7, 4.0])
    y = np.array([0.0, 1.0, 2.0, 0.0, 5.0, 3.0])
    h = 1e-4
    value = lambda e: glm.derivatives(e, y, link)[0]  # noqa: E731
    _, slope, curvature = glm.derivatives(eta, y, link)
    np.testing.assert_allclose(slope, (value(eta + h) - value(eta - h)) / (2 * h), atol=1e-6)
    bend = -(value(eta + h) - 2 * value(eta) + value(eta - h)) / h**2
    np.testing.assert_allclose(curvature, np.maximum(bend, 0.0), atol=1e-5)


@pytest.mark.parametrize("link", glm.LINKS)
def test_rates_hold_at_the_ends(link):
    eta = np.array([-800.0, -40.0, 0.0, 40.0, 600.0])
    rate, log_rate = glm.rates(eta, link)
    assert np.isfinite(rate).all()
    assert np.isfinite(log_rate).all()
    np.testing.assert_allclose(log_rate[:2], eta[:2])
    for part in glm.derivatives(eta, np.ones(5), link):
        assert np.isfinite(part).all()


def test_grams_are_those_of_loops():
    rng = np.random.default_rng(0)
    for d in (3, 60):
        X, w = rng.standard_normal((2500, d)), rng.uniform(0, 1, (4, 2500))
        expected = [(X.T * row) @ X for row in w]
        np.testing.assert_allclose(glm.weighted_grams(X, w), expected, rtol=1e-10, atol=1e-9)


def test_the_exponential_link_is_scikit_learns():
    X, Y, W = problem(0)
    found = glm.fit_poisson(X, Y, weights=W, prior_precision=np.array([0.0, 3.0, 3.0, 3.0]))
    assert found.converged.all()
    for j in range(3):
        peer = PoissonRegressor(alpha=3.0 / W[:, j].sum(), tol=1e-10, solver="newton-cholesky")
        peer.fit(X[:, 1:], Y[:, j], W[:, j])
        np.testing.assert_allclose(found.coef[j, 1:], peer.coef_, atol=1e-6)
        np.testing.assert_allclose(found.coef[j, 0], peer.intercept_, atol=1e-5)


@example("sigmoid", 438)  # counts to 56 behind a link that ends at 1
@given(st.sampled_from(glm.LINKS), st.integers(0, 1000))
@settings(max_examples=12, deadline=None)
def test_fits_are_those_of_scipy(link, seed):
    X, Y, W = problem(seed, n=120)
    offset = 0.1 * np.arange(120) / 120
    given_ = {"link": link, "weights": W, "prior_mean": 0.1, "prior_precision": 2.0}
    found = glm.fit_poisson(X, Y, offset=offset, **given_)
    assert found.converged.all()
    for j in range(3):

        def loss(b, j=j):
            rate, log_rate = glm.rates(X @ b + offset, link)
            return -(W[:, j] * (Y[:, j] * log_rate - rate)).sum() + ((b - 0.1) ** 2).sum()

        peer = minimize(loss, np.zeros(4), method="BFGS", options={"gtol": 1e-7})
        # the sigmoid has several maxima: ours may be no worse
        assert -found.value[j] <= peer.fun + 1e-5 * (1 + abs(peer.fun))


def test_twins_and_silent_columns_do_not_break_a_step():
    X, Y, _ = problem(1)
    X = np.column_stack([X, X[:, 1], np.zeros(len(X))])
    found = glm.fit_poisson(X, Y)
    alone = glm.fit_poisson(X[:, :4], Y)
    np.testing.assert_allclose(found.value, alone.value, rtol=1e-9)
    np.testing.assert_allclose(found.coef[:, 1] + found.coef[:, 4], alone.coef[:, 1], atol=1e-5)
    np.testing.assert_array_equal(found.coef[:, 5], 0)


def test_silent_targets_and_huge_counts_stay_finite():
    X, Y, _ = problem(2)
    Y[:, 0], Y[:, 1] = 0, 50_000
    for link in ("exp", "softplus"):
        found = glm.fit_poisson(X, Y, link=link, prior_precision=1e-3, max_iter=100)
        assert np.isfinite(found.coef).all()
        assert np.isfinite(found.value).all()


def test_one_step_never_loses():
    X, Y, W = problem(3)
    coef, last = np.full((3, 4), -3.0), np.full(3, -np.inf)
    for _ in range(6):
        coef, value, *_ = glm.fit_poisson(X, Y, coef, weights=W, link="softplus", max_iter=1)
        assert (value >= last).all()
        last = value


def test_the_constant_is_that_of_the_poisson_law():
    from scipy.stats import poisson

    Y = np.array([[0.0, 3.0], [7.0, 1.0]])
    whole = poisson.logpmf(Y, 2.0).sum(1)
    bare = (Y * np.log(2.0) - 2.0).sum(1)
    np.testing.assert_allclose(bare + glm.poisson_constant(Y), whole)
