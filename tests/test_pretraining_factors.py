"""Factors behind Poisson counts: against dense algebra, known truth, gaps."""

import numpy as np
from scipy.optimize import minimize

from neurokit.pretraining.spiking import factors
from neurokit.solvers.gaussian_states import covariances, factor


def test_covariances_are_blocks_of_the_inverse():
    rng = np.random.default_rng(0)
    n, k = 5, 2
    root = np.tril(rng.normal(size=(n * k, n * k)))
    for t in range(2, n):  # a bidiagonal root, of blocks
        root[t * k : (t + 1) * k, : (t - 1) * k] = 0
    root[np.arange(n * k), np.arange(n * k)] = 1 + rng.random(n * k)
    precision = root @ root.T
    blocks = precision.reshape(n, k, n, k).swapaxes(1, 2)
    each = np.arange(n)
    lower = np.zeros((n, k, k))
    lower[1:] = blocks[each[1:], each[:-1]]
    own, back, ok = factor(blocks[each, each].copy(), lower)
    assert ok
    found, lagged = covariances(own, back)
    inverse = np.linalg.inv(precision).reshape(n, k, n, k).swapaxes(1, 2)
    np.testing.assert_allclose(found, inverse[each, each])
    np.testing.assert_allclose(lagged[1:], inverse[each[1:], each[:-1]])
    assert not lagged[0].any()


def world(seed, n=4000, n_units=12):
    rng = np.random.default_rng(seed)
    x = np.zeros((n, 1))
    for t in range(1, n):
        x[t] = 0.92 * x[t - 1] + np.sqrt(1 - 0.92**2) * rng.normal()
    loadings = rng.normal(0, 1, (1, n_units))
    return rng.poisson(np.exp(-2 + x @ loadings)).astype(float), x[:, 0]


def test_the_factors_are_the_mode_of_their_posterior():
    y, _ = world(0, n=30, n_units=3)
    seen = np.random.default_rng(1).random(y.shape) < 0.8
    level, loadings = np.full(3, -1.0), np.array([[1.0, 0.2], [-0.5, 1.0], [0.3, 0.3]])
    model = factors.Factors(level, loadings, np.array([0.9, 0.5]))
    times = np.arange(30)
    prior = [np.linalg.inv(k ** np.abs(times[:, None] - times)) for k in model.keep]

    def against(flat):
        x = flat.reshape(30, 2)
        eta = level + x @ loadings.T
        pulls = sum(x[:, k] @ prior[k] @ x[:, k] for k in range(2))
        return -(seen * (y * eta - np.exp(eta))).sum() + pulls / 2

    expected = minimize(against, np.zeros(60), method="BFGS", options={"gtol": 1e-6}).x
    found = factors.infer_factors(model, y, seen)
    np.testing.assert_allclose(found.ravel(), expected, atol=2e-3)


def test_a_common_input_is_found_and_gaps_say_nothing():
    for seed in range(3):
        y, x = world(seed)
        seen = np.ones(y.shape, bool)
        seen[1000:1100, :6] = False
        wrong = np.where(seen, y, 50.0)
        model = factors.fit_factors([(wrong[:2000], seen[:2000]), (y[2000:], seen[2000:])], 1)
        found = factors.infer_factors(model, wrong, seen)[:, 0]
        assert abs(np.corrcoef(found, x)[0, 1]) > 0.8
        assert 0.85 < model.keep[0] < 0.97
        again = factors.infer_factors(model, y * seen, seen)[:, 0]
        np.testing.assert_allclose(found, again)
